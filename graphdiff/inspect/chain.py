"""The chain rule at each node of an adjoint: upstream gradient x local derivative = what goes to an operand.

The contributions are those that the differentiator made. Local derivatives are the partial derivatives that operations
on elements declare, as values of their own; an operation on whole arrays has none that a page could show, so there
it is what the rule's formula is made of: its operands and results.
Must not know: pages, how values are had.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from ..ir.node import Node, Value
from ..ops.tensor import Tensor, scalar
from ..transforms.adjoint import Adjoint
from .formula import Formulas


class Link(NamedTuple):
    """What a node gives to the adjoint of its operand ``x``. ``local``: the derivative of its result with respect to x,
    as a value, as 1 or -1, or None where it is no array of the result's shape; then ``factors`` are the operands and
    results that the formula names, by their names there."""

    node: Node
    x: Value
    formula: str
    upstream: Value | None
    local: Tensor | int | None
    factors: dict[str, Value]
    contribution: Tensor


def links(adj: Adjoint, formulas: Formulas) -> list[Link]:
    """Every link of an adjoint, in the order of its forward nodes; builds the local derivatives."""
    out = []
    for (node, k), contribution in adj._terms.items():
        told = dict(formulas.vjp(node)).get(k, "")
        upstream = next((g for y in node.outputs if (g := adj._adjoints.get(y)) is not None), None)
        partial = node.op.partials[k] if k < len(node.op.partials) else None
        value = partial if isinstance(partial, int) else None
        if callable(partial):
            value = partial(node.outputs[0], *node.inputs)
            if callable(value):  # what becomes of g: here of 1
                value = value(scalar(1, node.outputs[0].dtype))
        factors = {s: v for s, v in formulas.symbols(node).items() if value is None and _names(told, s)}
        out.append(Link(node, node.inputs[k], told, upstream, value, factors, contribution))
    return out


def _names(formula: str, symbol: str) -> bool:
    """Whether the right-hand side has the symbol itself, not its cotangent or another word with that letter."""
    right = formula.partition("+= ")[2]
    return re.search(rf"(?<![a-z_]){symbol}(?![a-z_₀-₉\N{{COMBINING MACRON}}])", right) is not None
