"""Structures: what may stand wherever Tensors are taken or given, one by one or many together.

Lists, tuples, namedtuples, dicts, None and dataclasses nest; what stands in them is a leaf. The leaves of a dict come
in the order of its keys, those of a dataclass in the order of its fields. A field declared with
``field(metadata={"static": True})`` holds no leaf and is kept as it is.
Owns: taking a structure apart, putting one together again, and telling two apart by the path where they differ.
Must not know: any operation.
"""

from __future__ import annotations

import dataclasses
import json
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import GraphdiffError, GraphError
from ..ir.numbers import Arithmetic
from .messages import call_text, where_am_i
from .tensor import Tensor, as_tensor, fail

LEAF = "leaf"
DEEPEST = 200  # what nests deeper holds itself
WHAT_NESTS = "or lists, tuples, dicts and dataclasses of them"

Read = Callable[[str, str, Any], Any]  # (the function that is called, the leaf's path, the leaf) -> what is kept of it


class Tree:
    """A structure without its leaves, which come and go by :func:`flatten` and :meth:`build`.

    ``kind``: LEAF, None for None, or the class; ``keys``: of a dict its keys, of a namedtuple or dataclass its fields;
    ``fixed``: the static fields of a dataclass with what they hold."""

    __slots__ = ("kind", "keys", "children", "fixed")

    def __init__(
        self,
        kind: Any,
        keys: tuple[Any, ...] = (),
        children: tuple[Tree, ...] = (),
        fixed: tuple[tuple[str, Any], ...] = (),
    ):
        self.kind, self.keys, self.children, self.fixed = kind, keys, children, fixed

    def build(self, leaves: Sequence[Any]) -> Any:
        """The structure with these leaves."""
        return self._build(iter(leaves))

    def _build(self, source: Iterator[Any]) -> Any:
        if self.kind == LEAF:
            return next(source)
        if self.kind is None:
            return None
        items = [c._build(source) for c in self.children]
        if self.kind in (list, tuple):
            return self.kind(items)
        if issubclass(self.kind, dict):
            return self.kind(zip(self.keys, items))
        if issubclass(self.kind, tuple):
            return self.kind._make(items)
        made = object.__new__(self.kind)  # no __init__: what it checks need not hold of the leaves that stand here now
        for name, item in (*zip(self.keys, items), *self.fixed):
            object.__setattr__(made, name, item)
        return made

    @property
    def size(self) -> int:
        """How many leaves it has."""
        return 1 if self.kind == LEAF else sum(c.size for c in self.children)

    def paths(self, name: str) -> list[str]:
        """How each leaf is written where the whole is called ``name``: ``params["l1"][0]``."""
        if self.kind == LEAF:
            return [name]
        return [path for k, c in enumerate(self.children) for path in c.paths(name + self.step(k))]

    def step(self, k: int) -> str:
        """How child number ``k`` is reached: ``["l1"]``, ``[0]`` or ``.weight``."""
        if self.kind in (list, tuple):
            return f"[{k}]"
        key = self.keys[k]
        if issubclass(self.kind, dict):
            return f"[{json.dumps(key, ensure_ascii=False) if isinstance(key, str) else repr(key)}]"
        return f".{key}"

    def spread(
        self,
        what: str,
        given: Any,
        here: str,
        there: str,
        error: type[GraphdiffError] = GraphError,
        arrays: bool = False,
        operands: Sequence[Any] = (),
    ) -> list[Any]:
        """What ``given`` has where this structure has its leaves, whatever that is.

        ``here`` and ``there``: what the caller's user calls this structure and the given one; ``arrays``: the leaves
        of ``given`` are arrays, and a list does for a tuple; ``operands``: what the error shows beside.
        Raises ``error`` where they differ, with the path; dicts may have their keys in another order."""
        found: list[Any] = []
        difference = self._spread(given, here, there, found, arrays)
        if difference:
            raise error(
                f"{what}: structures differ: {difference}",
                call_text(what, operands, {}) if operands else None,
                where_am_i(),
            )
        return found

    def _spread(self, given: Any, here: str, there: str, found: list[Any], arrays: bool) -> str:
        if self.kind == LEAF:
            found.append(given)
            if not is_nest(given):
                return ""
            made = isinstance(given, (list, tuple)) and given and not arrays
            hint = f"; write gd.stack([...]) for one Tensor of {len(given)} numbers" if made else ""
            return f"{here} is one Tensor, {there} is {told_kind(given)}{hint}"
        other = _opened(given)
        if other is None or not self._alike(other, arrays):
            return f"{here} is {self.told_kind()}, {there} is {told_kind(given)}"
        kind, keys, items, fixed = other
        if kind is not None and issubclass(kind, dict):
            for k, key in enumerate(self.keys):
                if key not in given:
                    return f"{there}{self.step(k)} is missing, {here}{self.step(k)} is there"
            for k, key in enumerate(keys):
                if key not in self.keys:
                    step = Tree(kind, keys).step(k)
                    return f"{here}{step} is missing, {there}{step} is there"
            items = tuple(given[key] for key in self.keys)
        elif len(items) != len(self.children):
            step = f"[{min(len(items), len(self.children))}]"
            less, more = (there, here) if len(items) < len(self.children) else (here, there)
            sizes = f"{here} has {len(self.children)}, {there} {len(items)}"
            return f"{less}{step} is missing, {more}{step} is there ({sizes})"
        for (name, mine), (_, theirs) in zip(self.fixed, fixed):
            if mine is not theirs and mine != theirs:
                return f"{here}.{name} is {mine!r}, {there}.{name} is {theirs!r}"
        for k, (child, item) in enumerate(zip(self.children, items)):
            difference = child._spread(item, here + self.step(k), there + self.step(k), found, arrays)
            if difference:
                return difference
        return ""

    def _alike(self, other: Any, arrays: bool) -> bool:
        kind, keys, _, _ = other
        if kind is self.kind or (arrays and kind in (list, tuple) and self.kind in (list, tuple)):
            return True
        dicts = all(k is not None and issubclass(k, dict) for k in (kind, self.kind))
        return dicts or (bool(keys) and keys == self.keys and kind.__qualname__ == self.kind.__qualname__)

    def told_kind(self) -> str:
        """The kind in words: "a list of 2"."""
        return _said(self.kind, len(self.children))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tree) and (self.kind, self.keys, self.children, self.fixed) == (
            other.kind,
            other.keys,
            other.children,
            other.fixed,
        )

    def __str__(self) -> str:
        if self.kind == LEAF:
            return "*"
        if self.kind is None:
            return "None"
        inner = ", ".join(map(str, self.children))
        if self.kind is list:
            return f"[{inner}]"
        if self.kind is tuple:
            return f"({inner})"
        if issubclass(self.kind, dict):
            return "{" + ", ".join(f"{k!r}: {c}" for k, c in zip(self.keys, self.children)) + "}"
        return f"{self.kind.__name__}({', '.join(f'{k}={c}' for k, c in zip(self.keys, self.children))})"

    def __repr__(self) -> str:
        return f"<Tree {self}>"


ONE = Tree(LEAF)


def _said(kind: Any, n: int) -> str:
    if kind is None:
        return "None"
    if kind == LEAF:
        return "one Tensor"
    if kind in (list, tuple) or issubclass(kind, dict):
        return f"a {'dict' if issubclass(kind, dict) else kind.__name__} of {n}"
    return f"a {kind.__name__}"


def told_kind(x: Any) -> str:
    """What ``x`` is in words, where it is told apart from a structure."""
    opened = _opened(x)
    if opened is not None:
        return _said(opened[0], len(opened[2]))
    return "one Tensor" if isinstance(x, Tensor) else f"a {type(x).__name__}"


def _opened(x: Any) -> tuple[Any, tuple[Any, ...], tuple[Any, ...], tuple[tuple[str, Any], ...]] | None:
    """Kind, keys, items and static fields of what nests; None for a leaf. Subclasses of list, tuple and dict that are
    none of the kinds above are taken for those."""
    if x is None:
        return None, (), (), ()
    if isinstance(x, list):
        return list, (), tuple(x), ()
    if isinstance(x, tuple):
        fields = getattr(type(x), "_fields", None)
        return (tuple, (), tuple(x), ()) if fields is None else (type(x), tuple(fields), tuple(x), ())
    if isinstance(x, Mapping):
        return OrderedDict if isinstance(x, OrderedDict) else dict, tuple(x), tuple(x.values()), ()
    if dataclasses.is_dataclass(x) and not isinstance(x, type) and not hasattr(x, "__array__"):
        fields = dataclasses.fields(x)
        names = tuple(f.name for f in fields if not f.metadata.get("static"))
        fixed = tuple((f.name, getattr(x, f.name)) for f in fields if f.metadata.get("static"))
        return type(x), names, tuple(getattr(x, n) for n in names), fixed
    return None


def is_nest(x: Any) -> bool:
    """Whether ``x`` can be no leaf: lists and tuples of nothing but numbers and arrays are arrays to be."""
    opened = _opened(x)
    if opened is None:
        return False
    kind, _, items, _ = opened
    return kind not in (list, tuple) or any(isinstance(e, Tensor) or is_nest(e) for e in items)


def operand(what: str, path: str, x: Any) -> Tensor:
    """A leaf as a Tensor; numbers and arrays become constants. Raises GraphError, DTypeError."""
    if not isinstance(x, (Tensor, Arithmetic, bool, int, float, np.ndarray, np.generic)):
        fail(GraphError, what, f"expected Tensors, {WHAT_NESTS}; {path} is {told_kind(x)}")
    return as_tensor(x, what)


def operand_or_number(what: str, path: str, x: Any) -> Any:
    """A leaf as a Tensor, but a Python number as it is: it is weak until it meets something."""
    weak = isinstance(x, (bool, int, float, Arithmetic)) and not isinstance(x, np.generic)
    return x if weak else operand(what, path, x)


def tensor(what: str, path: str, x: Any) -> Tensor:
    """A leaf that is a Tensor. Raises GraphError."""
    if not isinstance(x, Tensor):
        raise GraphError(f"{what}: expected Tensors, {WHAT_NESTS}; {path} is {told_kind(x)}", source=where_am_i())
    return x


def flatten(what: str, nest: Any, name: str, read: Read = operand) -> tuple[list[Any], Tree]:
    """The leaves in ``nest`` and its structure. ``what``: the function that is called; ``name``: what its user calls
    the structure, for paths. Raises what ``read`` raises, and GraphError for what holds itself."""
    leaves: list[Any] = []

    def walk(x: Any, path: str, depth: int) -> Tree:
        opened = _opened(x)
        if opened is None:
            leaves.append(read(what, path, x))
            return ONE
        if depth > DEEPEST:
            raise GraphError(
                f"{what}: {name} nests more than {DEEPEST} deep; does it hold itself?", source=where_am_i()
            )
        kind, keys, items, fixed = opened
        whole = Tree(kind, keys, (), fixed)
        children = tuple([walk(item, path + whole.step(k), depth + 1) for k, item in enumerate(items)])
        return Tree(kind, keys, children, fixed)

    return leaves, walk(nest, name, 0)


def tensors(what: str, nest: Any, name: str) -> tuple[list[Tensor], Tree]:
    """The Tensors in ``nest``, which holds nothing else, and its structure. Raises GraphError."""
    if nest is None:
        tensor(what, name, nest)
    return flatten(what, nest, name, tensor)
