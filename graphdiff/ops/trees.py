"""Nested tuples, lists, dicts and None with Tensors at the leaves: what carries, operands and results may be.

Must not know: any operation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..errors import GraphError
from .tensor import Tensor, as_tensor, fail

Leaf = Callable[[Any], Tensor]


class Tree:
    """The structure of a nest; ``leaves`` in a fixed order come and go by :func:`flatten` and :meth:`build`."""

    __slots__ = ("kind", "keys", "children")

    def __init__(self, kind: Any, keys: tuple[Any, ...] = (), children: tuple[Tree, ...] = ()):
        self.kind, self.keys, self.children = kind, keys, children

    def build(self, leaves: Sequence[Any]) -> Any:
        """The nest with these leaves."""
        source = iter(leaves)
        return self._build(source)

    def _build(self, source: Any) -> Any:
        if self.kind == "leaf":
            return next(source)
        if self.kind is None:
            return None
        items = [c._build(source) for c in self.children]
        return dict(zip(self.keys, items)) if self.kind is dict else self.kind(items)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tree) and (self.kind, self.keys, self.children) == (
            other.kind,
            other.keys,
            other.children,
        )

    __hash__ = None  # type: ignore[assignment]

    def __str__(self) -> str:
        if self.kind == "leaf":
            return "*"
        if self.kind is None:
            return "None"
        inner = ", ".join(map(str, self.children))
        if self.kind is dict:
            inner = ", ".join(f"{k}: {c}" for k, c in zip(self.keys, self.children))
            return "{" + inner + "}"
        return f"[{inner}]" if self.kind is list else f"({inner})"


def flatten(what: str, nest: Any) -> tuple[list[Tensor], Tree]:
    """The Tensors in ``nest`` (numbers and arrays become constants) and its structure. Raises GraphError."""
    leaves: list[Tensor] = []

    def walk(x: Any) -> Tree:
        if x is None:
            return Tree(None)
        if isinstance(x, dict):
            return Tree(dict, tuple(x), tuple(walk(v) for v in x.values()))
        if isinstance(x, (list, tuple)):
            kind = list if isinstance(x, list) else tuple
            return Tree(kind, (), tuple(walk(v) for v in x))
        if not isinstance(x, (Tensor, bool, int, float, np.ndarray, np.generic)):
            fail(GraphError, what, f"expected Tensors, or tuples, lists and dicts of them, got {type(x).__name__}")
        leaves.append(as_tensor(x, what))
        return Tree("leaf")

    return leaves, walk(nest)
