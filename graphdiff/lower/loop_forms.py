"""How loops are lowered: what a loop stores besides its results for the loops that read its history - the residuals -
and what those compute again.

The graph has a loop's derivative as a loop that takes the history of the carries and repeats the step. Here, after
every rewrite, the values of the step that the other loop repeats are found again in the first one's body: products,
reductions and transcendental functions are stacked over the steps and read as rows, what is cheap is computed again
from them. Running sums, which only ever have something added, are told apart: they are added to in place.
With a segment length a loop keeps its carries at the start of each segment only; whoever reads its rows first runs it
again over the segment, with the very program that ran before, so that no bit can differ.
Invariants: the graph is not changed; a form's body computes what the node's does.
Must not know: buffers, payloads, how a segment's length was chosen.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ..ir.dims import Size, evaluate, names_of, product
from ..ir.graph import Graph
from ..ir.node import Node, Value, of_kinds, topological
from ..ops.bodies import placeholders
from ..ops.leaves import STATE
from ..ops.loop import LoopParts
from ..ops.microops import MICROOPS
from ..ops.rebuild import rebuild
from ..ops.registry import Index, Loop, Tile, View
from ..ops.tensor import CONSTANT, make

NOMINAL = 64  # what a named size is taken to be where two values' bytes are compared
CHAIN = 12  # operations that are computed again for one value, at most

DEAR = 4  # additions: what a load from memory takes as long as


class Extra(NamedTuple):
    """A residual: the values that one of a loop's extra results had, a row for each step."""

    loop: Node
    number: int


@dataclass(eq=False)
class Form:
    """A loop as it is lowered.

    ``body``: over (``carries``, ``rows``, ``captured``) of the node, by number, with results (new carries, ys, extra
    values) and an update for each of the ``sums``, the carries that only have something added. ``rows``: values of the
    graph or residuals, a row for each step. ``run_again``: in segments, the loops whose rows this one reads, their
    history or residuals, and those they need, in order; ``whole``: carries whose history is needed as a value."""

    parts: LoopParts
    carries: list[int]
    sums: list[int]
    rows: list[Any]
    captured: list[Value]
    body: Graph
    n_ys: int
    extra: tuple[Value, ...] = ()
    run_again: list[Node] = field(default_factory=list)
    whole: set[int] = field(default_factory=set)

    def operands(self) -> list[Value]:
        """The values of the graph that the instruction reads."""
        p = self.parts
        count = [] if p.count is None else [p.count]
        return [*p.carries, *(r for r in self.rows if isinstance(r, Value)), *self.captured, *count]

    def row_arguments(self) -> Sequence[Value]:
        """The body's arguments that are bound to ``rows``."""
        first = len(self.carries)
        return self.body.inputs[first : first + len(self.rows)]

    def results(self) -> Sequence[Value]:
        """The body's results that have a row for each step: ys, then residuals."""
        return self.body.outputs[len(self.carries) :]


def history_of(value: Any) -> int | None:
    """Which carry's history ``value`` is, None if it is none."""
    if isinstance(value, Extra) or type(value.node.op.kernel) is not Loop:
        return None
    first = len(value.node.attrs["body"].outputs)  # finals and ys come before
    return value.index - first if first <= value.index < len(value.node.outputs) - 1 else None


def source_of(row: Any) -> Node | None:
    """The loop that ``row`` is the history or a residual of."""
    if isinstance(row, Extra):
        return row.loop
    return row.node if history_of(row) is not None else None


def forms(graph: Graph, required: Iterable[Value]) -> dict[Node, Form]:
    """The forms of the loops of ``graph``; ``required``: what is needed besides what nodes read."""
    loops = of_kinds(graph.nodes, Loop)
    if not loops:
        return {}
    parts = {n: LoopParts(n) for n in loops}
    extra: dict[Node, dict[Value, int]] = {n: {} for n in loops}  # values of a body that are stacked besides
    replaced = {n: _residuals(n, loops[:i], parts, extra) for i, n in enumerate(loops)}
    elsewhere = set(required)  # needed other than as rows
    elsewhere.update(v for n in graph.nodes if n not in parts for v in n.inputs)
    rows: set[Any] = set()
    found: dict[Node, Form] = {}
    for node in reversed(loops):  # readers first: what they do not read is not kept
        form = found[node] = _form(parts[node], extra[node], replaced[node], elsewhere | rows)
        same = _steps(node, parts)
        again: dict[Node, None] = {}
        for r in form.rows:
            source = source_of(r)
            if source is not None and source in parts and _steps(source, parts) == same:
                again[source] = None
                rows.add(r)
            else:
                elsewhere.add(r)
        form.run_again = list(again)
        elsewhere.update(form.parts.carries)
        elsewhere.update(form.captured)
        if form.parts.count is not None:
            elsewhere.add(form.parts.count)
    for node in loops:
        form = found[node]
        form.whole = {i for i, h in enumerate(form.parts.history) if h in elsewhere}
        again = dict.fromkeys(form.run_again)
        for source in form.run_again:
            again.update(dict.fromkeys(found[source].run_again))
        form.run_again = sorted(again, key=lambda n: n.serial)
    return {n: found[n] for n in loops}


# --------------------------------------------------------------------------------------- residuals


def _steps(node: Node, parts: dict[Node, LoopParts]) -> tuple[Size, int | None]:
    """How many steps a loop runs: at most so many, and which value says how many (None: exactly so many)."""
    p = parts[node]
    if p.condition is not None:
        return p.length, id(p.steps)
    if p.count is None:
        return p.length, None
    source = p.count.node
    if source in parts and p.count.index == len(source.outputs) - 1:
        length, count = _steps(source, parts)
        if length == p.length:
            return length, count
    return p.length, id(p.count)


def _residuals(
    node: Node, earlier: Sequence[Node], parts: dict[Node, LoopParts], extra: dict[Node, dict[Value, int]]
) -> dict[Value, Any]:
    """Values of the node's body that are read as rows instead of being computed: a residual each, or results of
    another loop. Adds to ``extra`` what has to be stacked for that."""
    p = parts[node]
    read = {x.node for x in p.xs if history_of(x) is not None}
    makers = [m for m in earlier if m in read and _steps(m, parts) == _steps(node, parts)]
    where: dict[Value, tuple[Node, Value]] = {}
    for m in makers:
        for value, found in _equal_values(parts[m], p).items():
            where.setdefault(value, (m, found))
    chosen = _choose(p, where)
    out: dict[Value, Any] = {}
    for value in chosen:
        m, found = where[value]
        results = dict(zip(parts[m].body.outputs[parts[m].n :], parts[m].ys))
        out[value] = results[found] if found in results else Extra(m, extra[m].setdefault(found, len(extra[m])))
    return out


def _key(node: Node, at: dict[Value, Value]) -> Any:
    """What two nodes of two bodies have in common when they compute the same; None where nothing can be told."""
    if node.op is CONSTANT:
        array = node.attrs["value"]
        return (array.dtype, array.shape, array.tobytes())
    if any(v not in at for v in node.inputs):
        return None
    key = (node.op.name, *(at[v] for v in node.inputs), *node.attrs.items())
    try:
        hash(key)
    except TypeError:
        return None
    return key


def _equal_values(maker: LoopParts, reader: LoopParts) -> dict[Value, Value]:
    """Values of the reader's body that are, at the same step, values of the maker's."""
    at: dict[Value, Value] = {}
    body = maker.body
    rows = dict(zip(maker.xs, body.inputs[maker.n : maker.n + maker.m]))
    rows.update(zip(maker.history, body.inputs[: maker.n]))
    rows.update(zip(maker.ys, body.outputs[maker.n :]))
    captured = dict(zip(maker.captured, body.inputs[maker.n + maker.m :]))
    for x, arg in zip(reader.xs, reader.body.inputs[reader.n :]):
        if x in rows:
            at[arg] = rows[x]
    for x, arg in zip(reader.captured, reader.body.inputs[reader.n + reader.m :]):
        if x in captured:
            at[arg] = captured[x]
    own = {v: v for v in body.inputs}
    own.update((y, y) for n in body.nodes for y in n.outputs)
    known = {key: n for n in reversed(body.nodes) if (key := _key(n, own)) is not None}
    for node in reader.body.nodes:
        key = _key(node, at)
        same = None if key is None else known.get(key)
        if same is not None:
            at.update(zip(node.outputs, same.outputs))
    return at


def _bytes(v: Value) -> int:
    size = product(v.shape)
    return evaluate(size, dict.fromkeys(names_of(size), NOMINAL)) * v.dtype.itemsize


def _is_cheap(v: Value) -> bool:
    """Whether a value is computed again sooner than read. An inner loop is run again for its history."""
    kernel = v.node.op.kernel
    if isinstance(kernel, Tile):
        return MICROOPS[kernel.microop].cost < DEAR
    return isinstance(kernel, (View, Index)) or v.node.op is CONSTANT or history_of(v) is not None


def _choose(p: LoopParts, where: dict[Value, Any]) -> list[Value]:
    """Which values of a body that others have to read as rows: least bytes, nothing dear computed twice."""
    body = p.body
    wanted: dict[Value, None] = dict.fromkeys(body.outputs)
    for node in body.nodes:
        if not all(y in where for y in node.outputs):
            wanted.update(dict.fromkeys(node.inputs))
    arguments = set(body.inputs)
    stored = {v for v in wanted if v in arguments}  # read in any case
    stored.update(v for v, x in zip(body.inputs[p.n :], p.xs) if history_of(x) is None)
    stored.update(body.inputs[p.n + p.m :])
    needed = sorted((v for v in wanted if v in where and v not in arguments), key=lambda v: v.node.serial)
    chosen: list[Value] = []

    def store(v: Value) -> None:
        stored.add(v)
        if v not in arguments:
            chosen.append(v)

    for v in needed:
        if not _is_cheap(v) and v not in stored:
            store(v)
    for v in needed:
        if v in stored:
            continue
        sources = _sources(v, stored, arguments)
        if sources is None or (sources and sum(map(_bytes, sources)) >= _bytes(v)):
            store(v)
        else:
            for s in sources:
                store(s)
    return chosen


def _sources(v: Value, stored: set[Value], arguments: set[Value]) -> list[Value] | None:
    """What is not stored yet of what ``v`` can be computed from cheaply; None if that takes too much work."""
    out: dict[Value, None] = {}
    seen: set[Node] = set()
    stack = [v]
    while stack:
        u = stack.pop()
        if u in stored:
            continue
        if u in arguments or not _is_cheap(u):
            out[u] = None
        elif u.node not in seen:
            seen.add(u.node)
            if len(seen) > CHAIN:
                return None
            stack += u.node.inputs
    return list(out)


# --------------------------------------------------------------------------------------- bodies


def _form(p: LoopParts, extra: dict[Value, int], replaced: dict[Value, Any], needed: set[Value]) -> Form:
    inputs, outputs = p.body.inputs, p.body.outputs
    stand_ins = placeholders("stored", [(v.shape, v.dtype) for v in replaced])
    values: list[Any] = [*outputs, *extra]
    results = rebuild(values, dict(zip(replaced, stand_ins)))
    sums = _sums(p, results, needed)
    totals = [
        make(STATE, (), {"name": f"total{i}", "shape": inputs[i].shape, "dtype": inputs[i].dtype, "storage": None})
        for i in sums
    ]
    added = rebuild([results[i] for i in sums], dict(zip((inputs[i] for i in sums), totals)))
    carries = [i for i in range(p.n) if i not in sums]
    plain = [results[i] for i in carries] + results[p.n :]
    used = {v for n in topological([*plain, *added]) for v in n.inputs} | set(plain) | set(added)
    rows: list[Any] = []
    row_args = []
    for x, arg in (*zip(p.xs, inputs[p.n : p.n + p.m]), *zip(replaced.values(), stand_ins)):
        if arg in used:
            rows.append(x)
            row_args.append(arg)
    # a condition is run with the captured values in the same places
    pairs = [(c, arg) for c, arg in zip(p.captured, inputs[p.n + p.m :]) if arg in used or p.condition is not None]
    body = Graph(
        "body", [*(inputs[i] for i in carries), *row_args, *(arg for _, arg in pairs)], plain, list(zip(totals, added))
    )
    return Form(p, carries, sums, rows, [c for c, _ in pairs], body, p.n_ys, tuple(extra))


def _sums(p: LoopParts, results: Sequence[Value], needed: set[Value]) -> list[int]:
    """The carries that only have something added, of which nobody reads the history."""
    if p.condition is not None:
        return []
    readers: dict[Value, list[Any]] = {}
    for node in topological(results):
        for v in node.inputs:
            readers.setdefault(v, []).append(node)
    for v in results:
        readers.setdefault(v, []).append(None)
    out = []
    for i, arg in enumerate(p.body.inputs[: p.n]):
        y = results[i]
        if (
            y.node.op.name == "add"
            and readers.get(arg) == [y.node]
            and readers[y] == [None]
            and p.history[i] not in needed
        ):
            out.append(i)
    return out
