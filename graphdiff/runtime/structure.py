"""The structure of a function's results as JSON and back.

A result stands as its place among the outputs; lists, tuples, dicts and None nest. Keys are strings, numbers, bools,
None, bytes, leaves of the graph and tuples of these. Other keys are handed on as objects, which only a pickle holds.
Invariants: what is read names each result once, so that it fits every call; reading imports nothing and runs nothing.
Must not know: files.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import GraphError
from ..ir.node import Value
from ..ops.tensor import Tensor, describe, where_am_i
from .archive import Archive
from .sparse import Sparse

DEEPEST = 200
INDEX = np.dtype(np.int32)


class Encoder:
    """Makes JSON of a structure. ``arrays``: the patterns of sparse results, by name; ``objects``: keys that JSON
    cannot hold, where ``pickled``. Raises GraphError for such a key where not."""

    def __init__(self, leaves: Sequence[Value], pickled: bool):
        self.leaves = {id(v): v.name for v in leaves}
        self.pickled = pickled
        self.arrays: list[tuple[str, np.ndarray]] = []
        self.objects: list[Any] = []

    def structure(self, x: Any) -> Any:
        if x is None or isinstance(x, int):
            return x
        if isinstance(x, Sparse):
            name = f"pattern{len(self.arrays) // 2}"
            self.arrays += [(f"{name}.indices.npy", x.indices), (f"{name}.indptr.npy", x.indptr)]
            return {"sparse": x.place, "shape": list(x.shape), "pattern": name}
        if isinstance(x, dict):
            return {"dict": [[self.key(k), self.structure(v)] for k, v in x.items()]}
        return {"list" if isinstance(x, list) else "tuple": [self.structure(v) for v in x]}

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
    """Makes a structure of JSON. Raises ValueError for what :class:`Encoder` did not make."""

    def __init__(self, leaves: Sequence[Value], archive: Archive, objects: Sequence[Any]):
        self.leaves = {v.name: v for v in leaves}
        self.archive, self.objects = archive, objects
        self.places: list[int] = []

    def whole(self, data: Any, sizes: Sequence[Any]) -> Any:
        """The structure of results; ``sizes``: how many elements each has."""
        self.sizes = sizes
        found = self.structure(data, 0)
        if sorted(self.places) != list(range(len(sizes))):
            raise ValueError(f"its structure has results {sorted(self.places)[:9]} of {len(sizes)}")
        return found

    def structure(self, data: Any, depth: int) -> Any:
        if data is None:
            return None
        if type(data) is int:
            self.places.append(data)
            return data
        if depth > DEEPEST:
            raise ValueError("its structure is nested too deeply")
        if isinstance(data, dict) and data.keys() == {"sparse", "shape", "pattern"}:
            return self.sparse(data["sparse"], data["shape"], data["pattern"])
        kind, items = _only(data)
        if kind == "dict":
            pairs = [(self.key(k, depth), self.structure(v, depth + 1)) for k, v in map(_pair, items)]
            if len(found := dict(pairs)) != len(pairs):
                raise ValueError("its structure has a key twice")
            return found
        if kind not in ("list", "tuple"):
            raise ValueError(f"its structure holds {str(kind)[:40]!r}")
        made = [self.structure(v, depth + 1) for v in items]
        return made if kind == "list" else tuple(made)

    def key(self, data: Any, depth: int) -> Any:
        if data is None or type(data) in (bool, int, float, str):
            return data
        kind, content = _only(data)
        if kind == "tuple" and depth <= DEEPEST:
            return tuple([self.key(e, depth + 1) for e in content])
        if kind == "bytes" and isinstance(content, str):
            return bytes.fromhex(content)
        if kind == "leaf" and content in self.leaves:
            return self.leaves[content]
        if kind == "object" and type(content) is int and 0 <= content < len(self.objects):
            return self.objects[content]
        raise ValueError(f"{str(data)[:40]} is no key")

    def sparse(self, place: Any, shape: Any, name: Any) -> Sparse:
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
        return Sparse(place, indices, indptr, (rows, columns))


def _only(data: Any) -> tuple[Any, Any]:
    if not isinstance(data, dict) or len(data) != 1:
        raise ValueError(f"its structure holds {str(data)[:40]}")
    ((kind, content),) = data.items()
    if kind in ("dict", "list", "tuple") and not isinstance(content, list):
        raise ValueError(f"its structure holds {str(data)[:40]}")
    return kind, content


def _pair(data: Any) -> Sequence[Any]:
    if not isinstance(data, list) or len(data) != 2:
        raise ValueError(f"{str(data)[:40]} is no pair")
    return data
