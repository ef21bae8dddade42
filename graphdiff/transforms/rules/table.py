"""The rewrite table itself: how a row is entered, and what rows use to look at operands.

Must not know: any particular row.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ...ir.dims import Shape
from ...ir.dtypes import FLOATS
from ...ir.graph import Node, Value
from ...ops.movement import broadcast_to
from ...ops.registry import REGISTRY, Tile
from ...ops.tensor import Tensor

Notes = dict[str, dict[Any, Any]]  # what rows remember during one simplification, by row
Rewritten = Any  # a Tensor of the node's shape and dtype, or None


class Rule(NamedTuple):
    """A row: ``rewrite(node, notes)`` for nodes of ``ops``; ``decreases`` as the head of this file explains."""

    name: str
    ops: tuple[str, ...]
    decreases: str
    rewrite: Callable[[Node, Notes], Rewritten]
    final: bool

    @property
    def doc(self) -> str:
        return self.rewrite.__doc__ or ""


RULES: list[Rule] = []


def rule(*ops: str, decreases: str = "weight", final: bool = False) -> Callable[..., Any]:
    """Enters a function in the table. ``final``: only in graphs that will not be differentiated any more."""

    def enter(function: Callable[..., Any]) -> Callable[..., Any]:
        takes_notes = function.__code__.co_argcount == 2
        rewrite = function if takes_notes else lambda node, _notes: function(node)
        rewrite.__doc__ = function.__doc__
        RULES.append(Rule(function.__name__.rstrip("_"), ops, decreases, rewrite, final))
        return function

    return enter


def of(value: Value, name: str) -> tuple[Any, ...] | None:
    """The operands of ``value`` if it is a result of operation ``name``."""
    return value.node.inputs if value.node.op.name == name else None


def number(value: Value) -> Any:
    """The value of a 0-d constant, else None."""
    node = value.node
    return node.attrs["value"][()] if not value.shape and node.op.name == "constant" else None


def with_number(node: Node) -> tuple[Value, Any] | None:
    """The operands of a commutative node, one of which is a 0-d constant: the other, and its number."""
    a, b = node.inputs
    c = number(b)
    if c is not None:
        return a, c
    c = number(a)
    return None if c is None else (b, c)


def full(value: Any, node: Node) -> Tensor:
    """``value`` in the shape of the node's result, to which it broadcasts."""
    shape = node.outputs[0].shape
    return value if value.shape == shape else broadcast_to(value, shape)


def is_one(value: Value, one: float = 1.0) -> bool:
    c = number(value)
    return c is not None and bool(c == one)


def harmless(c: Any) -> bool:
    """Whether a product of constants is an ordinary number: scaling once by it instead of twice changes rounding only
    (where one of the two steps overflows or underflows, one step is the more accurate)."""
    return bool(np.isfinite(c) and np.abs(c) >= np.finfo(c.dtype).tiny) if c.dtype in FLOATS else True


def padded(shape: Shape, ndim: int) -> Shape:
    """A shape with dimensions of size 1 put in front."""
    return (1,) * (ndim - len(shape)) + shape


def table(final: bool) -> dict[str, list[Callable[[Node, Notes], Rewritten]]]:
    """The rows to try for each operation, in their order."""
    out: dict[str, list[Callable[[Node, Notes], Rewritten]]] = {}
    for row in RULES:
        if row.final and not final:
            continue
        for name in row.ops:
            elementwise = (n for n, op in REGISTRY.items() if isinstance(op.kernel, Tile))
            for n in elementwise if name == "*elementwise" else (name,):
                out.setdefault(n, []).append(row.rewrite)
    return out
