"""Maps as larger operations: a loop whose steps do not hand anything on, over many rows at once.

A row of few elements costs an instruction for each operation of the body and little else, so bodies that hold little
are batched as ``gd.vmap`` does it: all rows in one where that fits in cache, else block by block in a loop. Sums that
a loop's derivative carries are sums over the rows. A loop and the loops that differentiate it stay alike, so that what
one computes the other finds.
Invariants: results have the same shapes and dtypes; what is chosen follows from the graph alone, not from limits on
memory or threads, so that these change no bit.
Must not know: any operation's batching rule; plans.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..ir.dims import Size, floor_div
from ..ir.dtypes import FLOATS
from ..ir.graph import Graph
from ..ir.node import NAMED_LEAVES, Node, Value, ambient, of_kinds
from ..ops.batching import in_front
from ..ops.bodies import placeholders
from ..ops.joining import concat
from ..ops.loop import LOOP, LoopParts, make_loop
from ..ops.movement import reshape
from ..ops.movement import slice as slice_
from ..ops.rebuild import depends_on, moved_origin
from ..ops.reduce import sum as sum_
from ..ops.registry import Branch, Loop, View
from ..ops.tensor import Tensor
from .vmap import Examples, at_thousands

BLOCK = 1 << 20  # bytes that the values of a block's rows may have: they stay in a core's own cache
FEWEST = 16  # rows in a block: with fewer there is little to gain by it


def batched_maps(graph: Graph) -> Graph:
    """``graph`` with its maps over rows of few elements as larger operations; itself where it has none."""
    outer = of_kinds(graph.nodes, Loop, Branch)
    attrs = {n: found for n in outer if (found := _attrs(n)) is not n.attrs}
    maps = _maps(graph, [n for n in outer if n.op is LOOP])
    if not maps and not attrs:
        return graph
    new: dict[Value, Any] = {}
    moved: dict[Node, Node] = {}
    before = ambient.now
    try:
        for node in graph.nodes:  # in order: plans follow it
            if node.op.name in NAMED_LEAVES or not (new or node in maps or node in attrs):
                continue
            inputs = tuple(new.get(v, v) for v in node.inputs)
            made = node.over(inputs, moved_origin(node, moved), attrs.get(node))
            if node in maps:
                ambient.now = (made.origin, made.source, made.scope)
                new.update(zip(node.outputs, _results(_Map(made), maps[node])))
            else:
                moved[node] = made
                new.update(zip(node.outputs, made.outputs))
    finally:
        ambient.now = before
    results = [new.get(v, v) for v in graph.outputs]
    updates = [(p, new.get(v, v)) for p, v in graph.updates]
    return Graph(graph.name, graph.inputs, results, updates, graph.parameters)


def _attrs(node: Node) -> dict[str, Any]:
    """A node's attributes, with maps in its bodies as larger operations."""
    found = {k: batched_maps(g) for k, g in node.attrs.items() if isinstance(g, Graph)}
    return node.attrs if all(node.attrs[k] is g for k, g in found.items()) else {**node.attrs, **found}


class _Map(LoopParts):
    """A loop that may be a map. ``terms``: what each step adds to the carries; None where a step reads one."""

    def __init__(self, node: Node):
        super().__init__(node)
        self.terms = self._terms()

    def _terms(self) -> list[Value] | None:
        arguments = self.body.inputs[: self.n]
        terms: list[Value] = []
        for arg, y in zip(arguments, self.body.outputs):
            if y.node.op.name != "add" or y.dtype not in FLOATS:
                return None
            a, b = y.node.inputs
            if (a is arg) == (b is arg):
                return None
            terms.append(b if a is arg else a)
        sums = self.body.outputs[: self.n]
        adders = {y.node for y in sums}
        read = {v for node in self.body.nodes if node not in adders for v in node.inputs}
        read.update(terms, self.body.outputs[self.n :])
        return None if len(adders) < self.n or not read.isdisjoint([*arguments, *sums]) else terms

    def wanted(self) -> list[Value]:
        assert self.terms is not None
        return [*self.terms, *self.body.outputs[self.n :]]


def _maps(graph: Graph, loops: Sequence[Node]) -> dict[Node, int]:
    """The loops that become larger operations, and how many of their rows at once."""
    if not loops:
        return {}
    read = {v for node in graph.nodes for v in node.inputs}
    read.update(graph.outputs, (v for _, v in graph.updates))
    found: dict[Node, int] = {}
    apart: set[Node] = set()  # the loops that stay, and those they belong with
    for node in loops:
        block = _block(_Map(node), read)
        if block is None:
            apart.add(_first(node))
        else:
            found[node] = block
    return {node: block for node, block in found.items() if _first(node) not in apart}


def _first(node: Node) -> Node:
    """The loop that ``node`` differentiates, itself where it is none's derivative."""
    while node.origin is not None and node.origin.node.op is LOOP:
        node = node.origin.node
    return node


def _block(p: _Map, read: set[Value]) -> int | None:
    """How many rows at once; None where it stays a loop."""
    if p.terms is None or p.condition is not None or p.counted or p.length == 0:
        return None
    if p.steps in read or not read.isdisjoint(p.history):
        return None
    held = 0
    results = set(p.wanted())
    for node in depends_on(p.wanted(), p.body.inputs[p.n : p.n + p.m]):
        # both sides of a branch would run, and all rows of a while loop as long as the slowest
        if node.op.batch is None or isinstance(node.op.kernel, Branch) or node.attrs.get("condition") is not None:
            return None
        if isinstance(node.op.kernel, View):
            continue
        held += sum(at_thousands(y.size) * y.dtype.itemsize for y in node.outputs if y not in results)
    block = BLOCK // max(held, 1)
    return block if block >= FEWEST else None


def _results(p: _Map, most: int) -> list[Any]:
    """A map's results, of which its history and its number of steps are nothing: nobody reads them."""
    n = p.length
    if isinstance(n, int) and n <= most:
        added, ys = _rows(p, p.xs, p.captured, n)
        finals = [c + t for c, t in zip(p.carries, added)]
    else:
        finals, ys = _blocks(p, _size(n, most))
    return [*finals, *ys, *(None for _ in p.history), None]


def _size(n: Size, most: int) -> int:
    """The size of blocks: one that leaves no rest, if it is not much smaller."""
    if isinstance(n, int):
        for size in range(most, most // 2, -1):
            if n % size == 0:
                return size
    return most


def _rows(p: _Map, xs: Sequence[Any], captured: Sequence[Any], size: Size) -> tuple[list[Tensor], list[Tensor]]:
    """What ``size`` rows add to the carries, and the results' rows."""
    values = p.wanted()
    swap = dict(zip(p.body.inputs[p.n :], [*xs, *captured]))
    made = [in_front(y, v, size) for y, v in zip(Examples(size).transform(values, swap), values)]
    return [sum_(y, axis=0) for y in made[: p.n]], made[p.n :]


def _blocks(p: _Map, size: int) -> tuple[list[Tensor], list[Tensor]]:
    """The same block by block in a loop, and the rows that are left after it."""
    count = floor_div(p.length, size)
    whole = count * size
    types = [(c.shape, c.dtype) for c in p.carries]
    carries = placeholders("sum", types)
    rows = placeholders("rows", [((size, *x.shape[1:]), x.dtype) for x in p.xs])
    captured = placeholders("fixed", [(c.shape, c.dtype) for c in p.captured])
    added, ys = _rows(p, rows, captured, size)
    after = [c + t for c, t in zip(carries, added)]
    body = Graph("body", [*carries, *rows, *captured], [*after, *ys])
    blocks = [reshape(_part(x, 0, whole), (count, size, *x.shape[1:])) for x in p.xs]
    out = make_loop(body, p.carries, blocks, p.captured, count, p.reverse)
    finals = list(out[: p.n])
    results = [reshape(y, (whole, *y.shape[2:])) for y in out[p.n : p.n + p.n_ys]]
    rest = p.length - whole
    if rest == 0:
        return finals, results
    added, ys = _rows(p, [_part(x, whole, rest) for x in p.xs], p.captured, rest)
    return [f + t for f, t in zip(finals, added)], [concat([y, z]) for y, z in zip(results, ys)]


def _part(x: Any, start: Size, size: Size) -> Tensor:
    """So many rows of ``x`` from one on."""
    others = x.ndim - 1
    return slice_(x, (start, *(0,) * others), (size, *x.shape[1:]), (1,) * x.ndim)


__all__ = ["batched_maps"]
