"""The stable forms that derivatives are made of: of log(sigmoid(x)), for one, those of -softplus(-x).

A rewrite that makes a value stable comes too late for its derivative once that has been made of the old form. So the
differentiator asks here, for each node, whether a row of the table marked ``stable`` applies to it, perhaps after other
rows have brought what is right beneath it to the form that the row knows (1 / (1 + exp(-x)) to sigmoid(x)). The user's
nodes stay what they are: only the derivative goes by way of the form. Products that are functions of matrices have
theirs from spectral.py.
Invariants: a form is of values that are older than it; none leads past a value that has to be kept.
The recursion is over the few operations of a pattern, ``DEPTH`` at most, never over a graph.
Must not know: what the rows do, derivatives.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

from ..ir.node import Node, Value, ambient, origin_of
from ..ops.registry import Reduce, Tile, View
from .rules import RULES, Rule
from .rules.logarithms import SUMS, THROUGH
from .spectral import matrix_function

DEPTH = 7  # operations from the top of a pattern down to what it leaves as it is
_PURE = (Tile, Reduce, View)
_ROWS = [row for row in RULES if not row.final and not row.remembers]
_HEADS = {
    name: [row for row in _ROWS if row.stable and name in row.ops] for row in _ROWS if row.stable for name in row.ops
}
WITH_FORMS = frozenset((*_HEADS, "matmul"))  # operations that may have a stable form
_known: dict[tuple[str, ...], list[Rule]] = {}


class Form(NamedTuple):
    """``value`` computes what a node does; ``nodes`` are those made for it, in order; ``passed`` the values between the
    node and those that the form is made of, which the derivative does not go through."""

    value: Any
    nodes: list[Node]
    passed: set[Value]


def stable_form(node: Node, active: Collection[Value], kept: Collection[Value]) -> Form | None:
    """The stable form of a node's one result, or None. ``active``: the values
    that derivatives go through; ``kept``: those that they must not go past."""
    name = node.op.name
    heads = _HEADS.get(name)
    if name != "matmul" and (heads is None or not any(not row.direct or row.fits(node) for row in heads)):
        return None
    before = ambient.now
    ambient.now = (origin_of(node, "stable form"), node.source, node.scope)
    try:
        search = _Search(node, kept)
        if name == "matmul":
            function = matrix_function(node, kept)
            if function is None:
                return None
            form = search.form(function.value, active)
            return None if form is None else form._replace(passed=form.passed | (function.passed & set(active)))
        value = search.normal(node.outputs[0], DEPTH)
        if not search.stable:
            return None
        return search.form(value, active)
    finally:
        ambient.now = before


def _rows(node: Node) -> list[Rule]:
    key = (node.op.name, *(v.node.op.name for v in node.inputs))
    found = _known.get(key)
    if found is None:
        if len(_known) > 10_000:
            _known.clear()
        found = _known[key] = [row for row in _ROWS if node.op.name in row.ops and row.fits(node)]
    return found


class _Search:
    """The search for the form of one node."""

    def __init__(self, node: Node, kept: Collection[Value]):
        self.node, self.kept = node, kept
        self.last = node.over(node.inputs, None).serial  # what is younger has been made here
        self.stable = False

    def normal(self, value: Any, depth: int) -> Any:
        """``value`` as the rows leave it, looking ``depth`` operations deep."""
        while True:
            node = value.node
            if depth == 0 or value in self.kept or len(node.outputs) != 1 or not node.inputs:
                return value
            if not isinstance(node.op.kernel, _PURE) and node.op.name not in (*THROUGH, *SUMS):
                return value
            inputs = tuple([self.normal(v, depth - 1) for v in node.inputs])
            if any(v is not w for v, w in zip(inputs, node.inputs)):
                node = node.over(inputs, ambient.now[0])
            for row in _rows(node):
                rewritten = row.rewrite(node)
                if rewritten is not None:
                    self.stable |= row.stable
                    break
            else:
                return node.outputs[0]
            value = rewritten
            if value.node.serial <= self.last:
                return value

    def form(self, value: Any, active: Collection[Value]) -> Form | None:
        """``value`` as a form of the node, unless it leads past what is kept."""
        made: set[Node] = set()
        bases = {value}
        stack = [value.node]
        while stack:
            node = stack.pop()
            if node.serial > self.last and node not in made:
                made.add(node)
                bases.update(node.inputs)
                stack.extend(v.node for v in node.inputs)
        passed: set[Value] = set()
        below = list(self.node.inputs)
        while below:
            v = below.pop()
            if v in bases or v in passed or v not in active:
                continue
            if v in self.kept or len(passed) > 4**DEPTH:
                return None
            passed.add(v)
            below.extend(v.node.inputs)
        return Form(value, sorted(made, key=lambda n: n.serial), passed)
