"""The rewrite table itself: how a row is entered, and what rows use to look at operands.

Must not know: any particular row.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, NamedTuple

import numpy as np

from ...ir.dims import Shape
from ...ir.dtypes import FLOATS
from ...ir.node import Node, Value
from ...ops.movement import broadcast_to
from ...ops.registry import REGISTRY, Tile
from ...ops.tensor import Tensor

Notes = dict[str, dict[Any, Any]]  # what rows remember during one simplification, by row
ELEMENTWISE = "(elementwise)"  # stands for every operation on elements
Rewritten = Any  # a Tensor of the node's shape and dtype, or None


class Rule(NamedTuple):
    """A row of the table.

    ``rewrite(node)``, or ``rewrite(node, notes)`` for a row that ``remembers``, is tried on nodes of ``ops`` of which
    an operand is a result of an operation in ``on`` (of any if that is empty); ``decreases`` as the head of the package
    explains; ``final`` rows are for graphs that are not differentiated any more. A ``stable`` row is right where the
    original overflows or loses all digits, so derivatives are made of its result (transforms/stable.py); ``direct``:
    it is looked for only where its operands are there as the row knows them.
    """

    name: str
    ops: tuple[str, ...]
    on: tuple[str, ...]
    decreases: str
    final: bool
    remembers: bool
    stable: bool
    direct: bool
    rewrite: Callable[..., Rewritten]

    def fits(self, node: Node) -> bool:
        """Whether an operand of ``node`` is made by an operation the row looks for."""
        return not self.on or any(v.node.op.name in self.on for v in node.inputs)

    @property
    def doc(self) -> str:
        return self.rewrite.__doc__ or ""

    def bound(self, notes: Notes) -> Callable[[Node], Rewritten]:
        """The row as a function of a node, with what it remembers kept in ``notes``."""
        return (lambda node: self.rewrite(node, notes)) if self.remembers else self.rewrite


RULES: list[Rule] = []


def rule(
    *ops: str,
    on: str = "",
    decreases: str = "weight",
    final: bool = False,
    remembers: bool = False,
    stable: bool = False,
    direct: bool = False,
) -> Callable[..., Any]:
    """Enters a function in the table. ``on``: names apart by blanks."""

    def enter(function: Callable[..., Any]) -> Callable[..., Any]:
        row = Rule(function.__name__, ops, tuple(on.split()), decreases, final, remembers, stable, direct, function)
        RULES.append(row)
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


class Table:
    """The rows to try on a node, in the order they were entered."""

    def __init__(self, final: bool):
        self.notes: Notes = {}
        self.rows = [row for row in RULES if final or not row.final]
        self.elementwise = {n for n, op in REGISTRY.items() if isinstance(op.kernel, Tile)}

    def of(self, name: str, made_by: Collection[str]) -> list[Callable[[Node], Rewritten]]:
        """The rows for a node, by the names of its operation and of those that made its operands."""
        return [
            row.bound(self.notes)
            for row in self.rows
            if (name in row.ops or (row.ops == (ELEMENTWISE,) and name in self.elementwise))
            and (not row.on or not set(row.on).isdisjoint(made_by))
        ]
