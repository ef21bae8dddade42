"""Loops and branches that take and give no more than is needed.

A constant operand is a constant inside too: of a branch, of a loop's captured values, and of its carries where a step
leaves the carry as it is; rows of such a carry's history are that constant. A carry that stays has its first value in
the end. Then what no result needs is given up: results that nobody reads, carries that feed nothing but themselves, and
operands that are read for neither. A carry that stays and of which only the steps read is captured.
Invariants: every value that is left has the same bits; a loop that had to end by its condition ends at the same step;
the order in which nodes were declared stays. A check_index whose result no result needs is not run, as outside.
Must not know: derivatives, plans.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ..ir.graph import Graph
from ..ir.node import NAMED_LEAVES, Node, Value, ambient, of_kinds
from ..ops.loop import LOOP, LoopParts, make_loop
from ..ops.rebuild import moved_origin, rebuild
from ..ops.registry import Branch, Loop
from ..ops.tensor import CONSTANT, Tensor, make
from .simplify import simplify

Became = dict[Value, Any]
Narrower = tuple[Sequence[Tensor], Sequence[Value]]  # results, and of what
Needs = dict[Graph, list[int]]  # of each result of a graph the inputs it depends on, as bits


def narrowed(graph: Graph) -> tuple[Graph, Became]:
    """``graph`` with its loops and branches narrowed, and what each of its values that changed has become; itself where
    nothing can be given up. Simplified afterwards, it may be narrowed further."""
    return _Narrow(graph, {}, []).result()


def simplest(graph: Graph) -> tuple[Graph, Became]:
    """``graph`` simplified and narrowed by turns until that finds no more, and what its values have become."""
    result, became = simplify(graph)
    while True:
        constants: list[Value] = []
        narrow, first = _Narrow(result, {}, constants).result()
        if narrow is result:
            return result, became
        result, then = simplify(narrow) if constants else (narrow, {})
        became = {old: _after(old, became, first, then) for old in (*became, *first, *then)}


def _after(v: Value, *steps: Became) -> Any:
    for became in steps:
        v = became[v] if v in became else v
    return v


class _Narrow:
    """One graph, narrowed: ``new`` what values become, ``stays`` the first values of carries that a step leaves as they
    are by what is read for them in the end, ``rows`` the constants that histories repeat, ``live`` what is needed;
    ``constants``: told of what more may be simplified for, here and inside."""

    def __init__(self, graph: Graph, needs: Needs, constants: list[Value]):
        self.graph, self.needs, self.constants = graph, needs, constants
        self.new: Became = {}
        self.stays: Became = {}
        self.rows: dict[Value, Value] = {}
        self.live: set[Value] = set()
        self.moved: dict[Node, Node] = {}
        self.inner = {n: _operands_of(n, needs) for n in of_kinds(graph.nodes, Loop, Branch)}

    def result(self) -> tuple[Graph, Became]:
        graph = self.graph
        if not self.inner:
            return graph, {}
        self._find_what_stays()
        self._find_what_is_needed()
        before = ambient.now
        try:
            for node in graph.nodes:
                if node.op.name not in NAMED_LEAVES and not self.live.isdisjoint(node.outputs):
                    self._renew(node)
        finally:
            ambient.now = before
        if not self.new and not self.stays:
            return graph, {}
        self.constants += self.stays
        results = [self._now(v) for v in graph.outputs]
        updates = [(p, self._now(v)) for p, v in graph.updates]
        self.new.update((v, self._now(v)) for v in self.stays)
        return Graph(graph.name, graph.inputs, results, updates, graph.parameters), self.new

    def _now(self, v: Value) -> Any:
        v = self.stays.get(v, v)
        return self.new.get(v, v)

    def _find_what_stays(self) -> None:
        read = {v for node in self.graph.nodes for v in node.inputs}
        read.update(self.graph.outputs, (v for _, v in self.graph.updates))
        for node in self.inner:
            if node.op is not LOOP:
                continue
            p = LoopParts(node)
            for start, arg, y, final, history in zip(p.carries, p.body.inputs, p.body.outputs, p.finals, p.history):
                start = self.stays.get(start, start)
                if y is arg or (_is_number(start) and _equal(start, y)):
                    if final in read:
                        self.stays[final] = start
                    if _is_number(start):
                        self.rows[history] = start

    def _find_what_is_needed(self) -> None:
        def read(values: Iterable[Value]) -> None:
            self.live.update(self.stays.get(v, v) for v in values)

        read([*self.graph.outputs, *(v for _, v in self.graph.updates)])
        for node in reversed(self.graph.nodes):
            if node in self.inner:
                read(_at(self._mask(node), node.inputs))
            elif not self.live.isdisjoint(node.outputs):
                read(node.inputs)

    def _mask(self, node: Node) -> int:
        """Which operands of a loop or branch are needed for what is live of it."""
        return _union(need for y, need in zip(node.outputs, self.inner[node]) if y in self.live)

    def _renew(self, node: Node) -> None:
        inputs = tuple(self._now(v) for v in node.inputs)
        origin = moved_origin(node, self.moved)
        narrow = None
        if node in self.inner:
            ambient.now = (origin, node.source, node.scope)
            narrow = self._loop(node, inputs) if node.op is LOOP else self._branch(node, inputs)
        if narrow is not None:
            results, kept = narrow
            if node.labels:
                results[0].node.labels = tuple(node.labels[y.index] for y in kept)
        elif self.new or not _same(inputs, node.inputs):
            results, kept = node.over(inputs, origin).outputs, node.outputs
        else:
            return
        self.moved[node] = results[0].node
        self.new.update(zip(kept, results))

    def _body(self, body: Graph, inputs: Sequence[Any], outputs: Sequence[Any], known: Became) -> Graph:
        """``body`` of these of its inputs and results, narrowed itself; itself where nothing changed."""
        used = {v for node in body.nodes for v in node.inputs} | set(outputs)
        results = rebuild(outputs, known) if not used.isdisjoint(known) else list(outputs)
        if not _same(results, body.outputs):
            body = Graph(body.name, body.inputs, results)
        self.constants += known
        # first, so that what is inside lets go of arguments
        body, _ = _Narrow(body, self.needs, self.constants).result()
        return body if _same(inputs, body.inputs) else Graph(body.name, inputs, body.outputs)

    def _branch(self, node: Node, inputs: Sequence[Any]) -> Narrower | None:
        mask = self._mask(node)
        kept = [y for y in node.outputs if y in self.live]
        bodies: dict[str, Graph] = {}
        operands = [x for i, x in enumerate(inputs[1:]) if mask >> (i + 1) & 1 and not _is_number(x)]
        for key in ("if_true", "if_false"):
            body = node.attrs[key]
            known = {a: x for a, x in zip(body.inputs, inputs[1:]) if _is_number(x)}
            args = [a for i, a in enumerate(body.inputs) if mask >> (i + 1) & 1 and a not in known]
            bodies[key] = self._body(body, args, [body.outputs[y.index] for y in kept], known)
        if all(node.attrs[key] is body for key, body in bodies.items()):
            return None
        return _results(make(node.op, (inputs[0], *operands), bodies)), kept

    def _loop(self, node: Node, inputs: Sequence[Any]) -> Narrower | None:
        p, mask, live = LoopParts(node), self._mask(node), self.live
        n, m, body = p.n, p.m, p.body
        known: Became = {}
        fixed: list[int] = []  # carries that are captured
        carried: list[int] = []
        for i in (i for i in range(n) if mask >> i & 1):
            if p.history[i] in self.rows:
                known[body.inputs[i]] = self.rows[p.history[i]]
                if p.history[i] in live:
                    carried.append(i)
            elif body.outputs[i] is body.inputs[i] and live.isdisjoint([p.finals[i], p.history[i]]):
                fixed.append(i)
            else:
                carried.append(i)
        for i in range(n, len(body.inputs)):
            x = self.rows.get(node.inputs[i]) if i < n + m else inputs[i] if _is_number(inputs[i]) else None
            if x is not None:
                known[body.inputs[i]] = x
        others = [i for i in range(n, len(body.inputs)) if mask >> i & 1 and body.inputs[i] not in known]
        rows, captured = [i for i in others if i < n + m], [*fixed, *(i for i in others if i >= n + m)]
        ys = [j for j, y in enumerate(p.ys) if y in live]
        order = [*carried, *rows, *captured]
        results = [*(body.outputs[i] for i in carried), *(body.outputs[n + j] for j in ys)]
        inner = self._body(body, [body.inputs[i] for i in order], results, known)
        condition = p.condition
        if condition is not None:
            of_condition = dict(zip([*range(n), *range(n + m, len(body.inputs))], condition.inputs))
            constants = {
                of_condition[i]: known[a] for i, a in enumerate(body.inputs) if i in of_condition and a in known
            }
            args = [of_condition[i] for i in (*carried, *captured)]
            condition = self._body(condition, args, condition.outputs, constants)
        if inner is body and condition is p.condition:
            return None
        made = make_loop(
            inner,
            [inputs[i] for i in carried],
            [inputs[i] for i in rows],
            [inputs[i] for i in captured],
            p.length,
            p.reverse,
            condition,
            inputs[-1] if p.counted else None,
        )
        kept = [*(p.finals[i] for i in carried), *(p.ys[j] for j in ys), *(p.history[i] for i in carried), p.steps]
        return made, kept


# --------------------------------------------------------------------------------------- what depends on what


def _union(masks: Iterable[int]) -> int:
    found = 0
    for mask in masks:
        found |= mask
    return found


def _at(mask: int, values: Sequence[Any]) -> list[Any]:
    return [v for i, v in enumerate(values) if mask >> i & 1]


def _inputs_of(graph: Graph, needs: Needs) -> list[int]:
    """Of each result the inputs it depends on."""
    found = needs.get(graph)
    if found is None:
        masks: dict[Value, int] = {v: 1 << i for i, v in enumerate(graph.inputs)}
        for node in graph.nodes:
            of = [masks.get(v, 0) for v in node.inputs]
            if type(node.op.kernel) in (Loop, Branch):
                masks.update((y, _union(_at(need, of))) for y, need in zip(node.outputs, _operands_of(node, needs)))
            else:
                masks.update(dict.fromkeys(node.outputs, _union(of)))
        found = needs[graph] = [masks.get(v, 0) for v in graph.outputs]
    return found


def _operands_of(node: Node, needs: Needs) -> list[int]:
    """Of each result of a loop or branch the operands it depends on."""
    if node.op is not LOOP:
        yes, no = (_inputs_of(node.attrs[key], needs) for key in ("if_true", "if_false"))
        return [1 | (a | b) << 1 for a, b in zip(yes, no)]
    p = LoopParts(node)
    after = _inputs_of(p.body, needs)
    always = 1 << len(p.body.inputs) if p.counted else 0
    if p.condition is not None:
        (stops,) = _inputs_of(p.condition, needs)
        always |= stops & ((1 << p.n) - 1) | stops >> p.n << (p.n + p.m)

    def steps_need(mask: int) -> int:
        """With all that the steps before need."""
        waiting = mask
        while waiting:
            more = _union(_at(waiting, after[: p.n])) & ~mask
            mask |= more
            waiting = more
        return mask

    carries = [steps_need(1 << i | always) for i in range(p.n)]
    return [*carries, *(steps_need(y | always) for y in after[p.n :]), *carries, steps_need(always)]


def _same(values: Sequence[Value], others: Sequence[Value]) -> bool:
    return len(values) == len(others) and all(v is w for v, w in zip(values, others))


def _is_number(v: Value) -> bool:
    """Whether it is a constant that bodies hold themselves."""
    return v.node.op is CONSTANT and not v.shape


def _equal(a: Value, b: Value) -> bool:
    """Whether both are 0-d constants of the same bits."""
    return (
        _is_number(b)
        and a.dtype is b.dtype
        and bool(a.node.attrs["value"].tobytes() == b.node.attrs["value"].tobytes())
    )


def _results(made: Any) -> Sequence[Tensor]:
    return made if isinstance(made, tuple) else (made,)
