"""The structures of a function's arguments and results as JSON and back.

A leaf stands as its place among the inputs or outputs; lists, tuples, namedtuples, dicts, dataclasses and None nest. A
file has the names and fields of classes, and what is read from it has classes made anew; a pickle has the classes. Keys
are strings, numbers, bools, None, bytes, leaves of the graph and tuples of these. Other keys are handed on as objects,
which only a pickle holds.
Invariants: what is read has each leaf once and in order, so that it fits every call; reading imports nothing and runs
nothing.
Must not know: files.
"""

from __future__ import annotations

import dataclasses
import itertools
import keyword
from collections import OrderedDict, namedtuple
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from ..errors import GraphError
from ..ir.dims import Dim
from ..ir.node import Value
from ..ops.messages import describe, where_am_i
from ..ops.tensor import Tensor
from ..ops.trees import LEAF, ONE, Tree
from .archive import Archive
from .sparse import Sparse

DEEPEST = 200
INDEX = np.dtype(np.int32)
CONTAINERS = ("dict", "ordered", "list", "tuple", "namedtuple", "dataclass")
_namedtuple: Callable[[str, list[str]], type] = namedtuple  # of names that a file has


class Encoder:
    """Makes JSON of a structure. ``arrays``: the patterns of sparse results, by name; ``objects``: keys that JSON
    cannot hold, where ``pickled``. Raises GraphError for such a key where not."""

    def __init__(self, leaves: Sequence[Value], pickled: bool):
        self.leaves = {id(v): v.name for v in leaves}
        self.pickled = pickled
        self.arrays: list[tuple[str, np.ndarray]] = []
        self.objects: list[Any] = []

    def structure(self, tree: Tree, sparse: Mapping[int, Sparse | Dim] = MappingProxyType({})) -> Any:
        """A structure as JSON. ``sparse``: which of its leaves are matrices."""
        return self._tree(tree, itertools.count(), sparse)

    def _tree(self, tree: Tree, places: Iterator[int], sparse: Mapping[int, Sparse | Dim]) -> Any:
        kind = tree.kind
        if kind is None:
            return None
        if kind == LEAF:
            place = next(places)
            return self._sparse(place, sparse[place]) if place in sparse else place
        items = [self._tree(c, places, sparse) for c in tree.children]
        if kind in (list, tuple):
            return {kind.__name__: items}
        if issubclass(kind, dict):
            named = "dict" if kind is dict else "ordered"
            return {named: [[self.key(k), item] for k, item in zip(tree.keys, items)]}
        cls = kind.__name__
        if self.pickled:
            self.objects.append(kind)
            cls = len(self.objects) - 1
        fixed = [[name, self.key(value)] for name, value in tree.fixed]
        named = "namedtuple" if issubclass(kind, tuple) else "dataclass"
        return {named: [cls, *([name, item] for name, item in zip(tree.keys, items)), fixed]}

    def _sparse(self, place: int, x: Sparse | Dim) -> Any:
        if isinstance(x, Dim):
            return {"sparse": place, "entries": str(x)}
        name = f"pattern{len(self.arrays) // 2}"
        self.arrays += [(f"{name}.indices.npy", x.indices), (f"{name}.indptr.npy", x.indptr)]
        return {"sparse": place, "shape": list(x.shape), "pattern": name}

    def key(self, k: Any) -> Any:
        if k is None or type(k) in (bool, int, float, str):
            return k
        if type(k) is tuple:
            return {"tuple": [self.key(e) for e in k]}
        if type(k) is bytes:
            return {"bytes": k.hex()}
        if isinstance(k, Tensor) and id(k) in self.leaves:
            return {"leaf": self.leaves[id(k)]}
        if not self.pickled:
            what = describe(k) if isinstance(k, Tensor) else f"{k!r} ({type(k).__name__})"
            raise GraphError(
                f"save: a file cannot hold {what}, a key of the results; use strings, numbers or tuples of them",
                source=where_am_i(),
            )
        self.objects.append(k)
        return {"object": len(self.objects) - 1}


class Decoder:
    """Makes a structure of JSON. ``patterns``: the names of numbers of entries that are found at the call. Raises
    ValueError for what :class:`Encoder` did not make."""

    def __init__(self, leaves: Sequence[Value], archive: Archive, objects: Sequence[Any], patterns: Collection[str]):
        self.leaves = {v.name: v for v in leaves}
        self.patterns = patterns
        self.archive, self.objects = archive, objects

    def whole(self, data: Any, sizes: Sequence[Any]) -> tuple[Tree, dict[int, Sparse | Dim]]:
        """A structure, and which of its leaves are matrices; ``sizes``: how many elements each leaf has."""
        self.sizes = sizes
        self.places: list[int] = []
        self.matrices: dict[int, Sparse | Dim] = {}
        found = self.structure(data, 0)
        if self.places != list(range(len(sizes))):
            raise ValueError(f"its structure has leaves {self.places[:9]} of {len(sizes)}")
        return found, self.matrices

    def structure(self, data: Any, depth: int) -> Tree:
        if data is None:
            return Tree(None)
        if type(data) is int:
            self.places.append(data)
            return ONE
        if depth > DEEPEST:
            raise ValueError("its structure is nested too deeply")
        if isinstance(data, dict) and data.keys() == {"sparse", "shape", "pattern"}:
            self.sparse(data["sparse"], data["shape"], data["pattern"])
            return ONE
        if isinstance(data, dict) and data.keys() == {"sparse", "entries"}:
            self.found(data["sparse"], data["entries"])
            return ONE
        kind, items = _only(data)
        if kind in ("dict", "ordered"):
            pairs = [(self.key(k, depth), self.structure(v, depth + 1)) for k, v in map(_pair, items)]
            if len(found := dict(pairs)) != len(pairs):
                raise ValueError("its structure has a key twice")
            return Tree(dict if kind == "dict" else OrderedDict, tuple(found), tuple(found.values()))
        if kind in ("list", "tuple"):
            children = tuple([self.structure(v, depth + 1) for v in items])
            return Tree(list if kind == "list" else tuple, (), children)
        if kind not in ("namedtuple", "dataclass") or len(items) < 2 or not isinstance(items[-1], list):
            raise ValueError(f"its structure holds {str(kind)[:40]!r}")
        pairs = [(_identifier(k), self.structure(v, depth + 1)) for k, v in map(_pair, items[1:-1])]
        fixed = tuple((_identifier(k), self.key(v, depth)) for k, v in map(_pair, items[-1]))
        names = tuple(k for k, _ in pairs)
        return Tree(self.class_of(kind, items[0], names, fixed), names, tuple(c for _, c in pairs), fixed)

    def class_of(self, kind: str, cls: Any, names: Sequence[str], fixed: Sequence[tuple[str, Any]]) -> type:
        """The class that a pickle holds, or one of that name and those fields. Raises ValueError."""
        if type(cls) is int and 0 <= cls < len(self.objects):
            return self.objects[cls]
        if kind == "namedtuple":
            return _namedtuple(_identifier(cls), list(names))
        static = [(k, object, dataclasses.field(metadata={"static": True})) for k, _ in fixed]
        try:
            return dataclasses.make_dataclass(_identifier(cls), [*names, *static], frozen=True)
        except TypeError as e:  # two fields of one name
            raise ValueError(str(e)) from None

    def key(self, data: Any, depth: int) -> Any:
        if data is None or type(data) in (bool, int, float, str):
            return data
        kind, content = _only(data)
        if kind == "tuple" and depth <= DEEPEST:
            return tuple([self.key(e, depth + 1) for e in content])
        if kind == "bytes" and isinstance(content, str):
            return bytes.fromhex(content)
        if kind == "leaf" and isinstance(content, str) and content in self.leaves:
            return self.leaves[content]
        if kind == "object" and type(content) is int and 0 <= content < len(self.objects):
            return self.objects[content]
        raise ValueError(f"{str(data)[:40]} is no key")

    def found(self, place: Any, entries: Any) -> None:
        known = isinstance(entries, str) and entries in self.patterns
        if type(place) is not int or not 0 <= place < len(self.sizes) or not known:
            raise ValueError("a sparse result is damaged")
        size = self.sizes[place]
        if not isinstance(size, Dim) or size != entries:
            raise ValueError("the pattern of a sparse result does not fit")
        self.places.append(place)
        self.matrices[place] = size

    def sparse(self, place: Any, shape: Any, name: Any) -> None:
        rows, columns = _pair(shape)
        if type(place) is not int or not all(type(n) is int and 0 <= n < 2**62 for n in (rows, columns)):
            raise ValueError("a sparse result is damaged")
        if not 0 <= place < len(self.sizes) or not isinstance(self.sizes[place], int):
            raise ValueError("a sparse result is damaged")
        stored = self.sizes[place]
        self.places.append(place)
        indices = self.archive.take_array(f"{name}.indices.npy", (stored,), INDEX)
        indptr = self.archive.take_array(f"{name}.indptr.npy", (rows + 1,), INDEX)
        inside = indices.size == 0 or (indices.min() >= 0 and indices.max() < columns)
        if not inside or indptr[0] != 0 or indptr[-1] != stored or (indptr[1:] < indptr[:-1]).any():
            raise ValueError("the pattern of a sparse result does not fit")
        self.matrices[place] = Sparse(indices, indptr, (rows, columns))


def _only(data: Any) -> tuple[Any, Any]:
    if not isinstance(data, dict) or len(data) != 1:
        raise ValueError(f"its structure holds {str(data)[:40]}")
    ((kind, content),) = data.items()
    if kind in CONTAINERS and not isinstance(content, list):
        raise ValueError(f"its structure holds {str(data)[:40]}")
    return kind, content


def _identifier(name: Any) -> str:
    if not isinstance(name, str) or not name.isidentifier() or keyword.iskeyword(name) or name.startswith("__"):
        raise ValueError(f"{str(name)[:40]!r} is no name of a class or field")
    return name


def _pair(data: Any) -> Sequence[Any]:
    if not isinstance(data, list) or len(data) != 2:
        raise ValueError(f"{str(data)[:40]} is no pair")
    return data
