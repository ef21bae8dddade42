"""Gradients that are rows and where they lie: the adjoint of a gather along axis 0, a take_vjp, is never made whole
where it only moves what was gathered from.

``by_rows`` turns updates ``p ± c * take_vjp(g, ids)`` into scatter_add(p, ids, ± c * rows), which runs where p is
(schedule/order.py), and sums of the squares of such gradients into those of their rows. Rows that several ids name are
added up first, at the first of them and in their order: so p gets the very bits that adding the whole gradient gives
it. Ids are checked before anything is updated.
Must not know: plans, optimisers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from ..ir.dims import Size
from ..ir.dtypes import int64
from ..ir.graph import Graph
from ..ir.node import Node, Value, ambient
from ..ops.comparison import equal, greater_equal, logical_or, not_equal
from ..ops.cumulative import cummax
from ..ops.elementwise import astype, maximum, negative, square, where
from ..ops.gather import TAKE_VJP, checked_rows, index, size_as, take, take_vjp
from ..ops.indexing import SCATTER_ADD
from ..ops.joining import concat
from ..ops.movement import reshape
from ..ops.ordering import argsort
from ..ops.rebuild import rebuild
from ..ops.reduce import sum as sum_
from ..ops.tensor import Tensor, make

LEAVES = ("parameter", "state")
LONG = 4096  # a table of so many rows is likely longer than a number of ids that is known only at the call


class Rows(NamedTuple):
    """Of a gradient: the rows ``ids`` (k,), checked, and their ``values`` (k, ...), of ids that are equal all at the
    first of them and 0 at the others; ``first``: of each id the first that is equal."""

    ids: Tensor
    values: Tensor
    first: Tensor


class _Chain(NamedTuple):
    """A gradient as gathers' adjoints, scaled: ``terms`` are added up, then the ``steps`` (node, operand's position)
    applied, the last one first; ``between``: all values but the terms."""

    terms: list[Node]
    steps: list[tuple[Node, int]]
    between: list[Value]


def _is_zero(value: Value) -> bool:
    while value.node.op.name in ("broadcast_to", "reshape"):
        value = value.node.inputs[0]
    return value.node.op.name == "constant" and not value.node.attrs["value"].any()


def _is_one_number(value: Value) -> bool:
    return all(isinstance(s, int) and s == 1 for s in value.shape)


def _scattered(node: Node) -> tuple[Any, Any] | None:
    """The rows and ids of a node that only adds rows up along axis 0."""
    if node.op is TAKE_VJP and node.attrs["axis"] == 0:
        return node.inputs[0], node.inputs[1]
    if node.op is SCATTER_ADD and _is_zero(node.inputs[0]):
        return node.inputs[2], node.inputs[1]
    return None


def _term(node: Node) -> tuple[Any, Any]:
    """The rows and ids of a chain's term."""
    found = _scattered(node)
    assert found is not None
    return found


def _scaled_operand(node: Node) -> int | None:
    """Which operand a node multiplies, divides or negates, all of its elements alike; None where it does something
    else."""
    if node.op.name == "negative":
        return 0
    if node.op.name == "divide":
        return 0 if _is_one_number(node.inputs[1]) else None
    if node.op.name == "multiply":
        return next((i for i in (0, 1) if _is_one_number(node.inputs[1 - i])), None)
    return None


def _chain(value: Value) -> _Chain | None:
    """How a value is made of gathers' adjoints; None where it is made of anything else."""
    steps: list[tuple[Node, int]] = []
    between: list[Value] = []
    if value.ndim == 0:
        return None
    while _scattered(value.node) is None:
        at = _scaled_operand(value.node)
        if at is None:
            break
        steps.append((value.node, at))
        between.append(value)
        value = value.node.inputs[at]
    terms, waiting = [], [value]
    while waiting:
        v = waiting.pop()
        if _scattered(v.node) is not None and v.shape == value.shape:
            terms.append(v.node)
        elif v.node.op.name == "add":
            between.append(v)
            waiting += reversed(v.node.inputs)
        else:
            return None
    return _Chain(terms, steps, between)


def _firsts(ids: Tensor, limit: Size) -> Tensor:
    """Of each of ``ids``, from -limit on, the position of the first that names the same row."""
    (k,) = ids.shape
    at = astype(ids, int64)
    at = where(greater_equal(at, 0), at, at + size_as(limit, int64))
    order = argsort(at)  # equal ones in their order
    ranked, place = take(at, order), index((k,), 0, (1,))
    starts = logical_or(equal(place, 0), not_equal(ranked, take(ranked, maximum(place - 1, 0))))
    return take_vjp(take(order, cummax(where(starts, place, 0), axis=0)), order, size=k)


def _rows(chain: _Chain) -> Rows:
    """The rows of a gradient, built in the name of what is around."""
    limit = chain.terms[0].outputs[0].shape[0]
    parts = []
    for node in chain.terms:
        g, ids = _term(node)
        parts.append((reshape(g, (ids.size, *g.shape[ids.ndim :])), reshape(ids, (ids.size,))))
    values = parts[0][0] if len(parts) == 1 else concat([g for g, _ in parts])
    ids = parts[0][1] if len(parts) == 1 else concat([astype(i, int64) for _, i in parts])
    ids = checked_rows(ids, limit)
    first = _firsts(ids, limit)
    values = take_vjp(values, first, size=ids.shape[0])
    for node, at in reversed(chain.steps):
        xs: list[Any] = list(node.inputs)
        xs[at] = values
        xs = [x if i == at else reshape(x, ()) for i, x in enumerate(xs)]
        values = make(node.op, tuple(xs), dict(node.attrs))
    return Rows(ids, values, first)


def rows_of(gradient: Tensor) -> Rows | None:
    """The rows of a gradient that is nothing but a scaled sum of gathers' adjoints along axis 0; else None."""
    chain = _chain(gradient)
    return None if chain is None else _rows(chain)


# --------------------------------------------------------------------------------------- updates


class _Readers:
    """Who reads each value of a graph."""

    def __init__(self, graph: Graph):
        self.nodes: dict[Value, list[Node]] = {}
        for node in graph.nodes:
            for v in node.inputs:
                self.nodes.setdefault(v, []).append(node)
        self.kept = {*graph.outputs, *(v for _, v in graph.updates)}

    def only(self, value: Value, used: set[Node]) -> bool:
        """Whether ``value`` is read by ``used`` and for sums of its squares alone."""
        return value not in self.kept and all(n in used or self._is_squared(n) for n in self.nodes.get(value, ()))

    def sums_of_squares(self, value: Value) -> list[Node]:
        """The sums of all squares of ``value``."""
        squares = [n.outputs[0] for n in self.nodes.get(value, ()) if self._is_squared(n)]
        return [n for y in squares for n in self.nodes.get(y, ())]

    def _is_squared(self, node: Node) -> bool:
        """Whether all that becomes of a node is the sum of the squares of its operand's elements."""
        if node.op.name != "square" or node.outputs[0] in self.kept:
            return False
        sums = self.nodes.get(node.outputs[0], ())
        return all(n.op.name == "sum" and len(n.attrs["axes"]) == n.inputs[0].ndim for n in sums)


def _built(node: Node, build: Callable[[], Any]) -> Any:
    """What ``build`` makes, in the name of ``node``."""
    before = ambient.now
    ambient.now = (node.origin, node.source, node.scope)
    try:
        return build()
    finally:
        ambient.now = before


def by_rows(graph: Graph) -> Graph:
    """``graph`` with updates by rows where they can be; itself where there are none."""
    gathers = [node.outputs[0] for node in graph.nodes if _scattered(node) is not None]
    if not gathers:
        return _checked(graph)
    readers = _Readers(graph)
    moved: dict[Value, tuple[_Chain, bool]] = {}  # the new value of a leaf: its gradient, and whether it is taken off
    used: dict[Value, set[Node]] = {}  # by a value of a gradient: what reads it for an update
    for p, y in graph.updates:
        found = _moves(p, y)
        if found is not None:
            moved[y] = found
            for node in (y.node, *(v.node for v in found[0].between)):
                for v in node.inputs:
                    used.setdefault(v, set()).add(node)
    values = dict.fromkeys([*gathers, *(v for chain, _ in moved.values() for v in chain.between)])
    # what nothing needs as a whole
    free = {v for v in values if _is_sparse(v) and readers.only(v, used.get(v, set()))}
    swap: dict[Value, Tensor] = {}
    for value in free:
        for total in readers.sums_of_squares(value):
            swap[total.outputs[0]] = _built(total, partial(_square_sum, value))
    new: dict[Value, Tensor] = {}
    for p, y in graph.updates:
        if y in moved and free.issuperset([*moved[y][0].between, *(n.outputs[0] for n in moved[y][0].terms)]):
            new[y] = _built(y.node, partial(_added, p, *moved[y]))
    if not swap and not new:
        return _checked(graph)
    results = [*graph.outputs, *(new.get(v, v) for _, v in graph.updates)]
    results = rebuild(results, swap) if swap else results
    n = len(graph.outputs)
    updates = [(p, v) for (p, _), v in zip(graph.updates, results[n:])]
    return _checked(Graph(graph.name, graph.inputs, results[:n], updates, graph.parameters))


def _is_sparse(value: Value) -> bool:
    """Whether a gradient has fewer rows than its table: whole it costs less where it has not."""
    chain = _chain(value)
    assert chain is not None
    ids: Size = 0
    for node in chain.terms:
        ids = ids + _term(node)[1].size
    rows = value.shape[0]
    if isinstance(ids, int) and isinstance(rows, int):
        return ids < rows
    return not isinstance(rows, int) or rows >= LONG


def _moves(p: Value, y: Value) -> tuple[_Chain, bool] | None:
    """The gradient by which the new value ``y`` differs from ``p``, and whether it is subtracted."""
    if y.node.op.name not in ("add", "subtract") or p.node.op.name not in LEAVES:
        return None
    a, b = y.node.inputs
    if y.node.op.name == "add" and b is p:
        a, b = b, a
    if a is not p or b.shape != p.shape:
        return None
    chain = _chain(b)
    return None if chain is None else (chain, y.node.op.name == "subtract")


def _square_sum(gradient: Any) -> Tensor:
    rows = rows_of(gradient)
    assert rows is not None
    return sum_(square(rows.values))


def _added(p: Any, chain: _Chain, subtracted: bool) -> Tensor:
    rows = _rows(chain)
    return make(SCATTER_ADD, (p, rows.ids, negative(rows.values) if subtracted else rows.values))


# --------------------------------------------------------------------------------------- rows that were given


def _is_plain(p: Value, y: Value) -> bool:
    """Whether an update adds rows to what it updates, at ids that its own instruction would check."""
    node = y.node
    if node.op is not SCATTER_ADD or node.inputs[0] is not p:
        return False
    return checked_rows(node.inputs[1], p.shape[0]) is not node.inputs[1]


def _checked(graph: Graph) -> Graph:
    """``graph`` with the ids of updates that add rows checked before anything is updated."""
    updates: Sequence[tuple[Any, Any]] = graph.updates
    if not any(_is_plain(p, y) for p, y in updates):
        return graph

    def safe(p: Any, y: Any) -> Any:
        if not _is_plain(p, y):
            return y
        _, ids, rows = y.node.inputs
        return _built(y.node, lambda: make(SCATTER_ADD, (p, checked_rows(ids, p.shape[0]), rows)))

    updates = [(p, safe(p, y)) for p, y in updates]
    return Graph(graph.name, graph.inputs, graph.outputs, updates, graph.parameters)
