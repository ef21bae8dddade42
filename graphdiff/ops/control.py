"""Declarations of control flow: loops and branches, each one node with inner graphs.

``scan``, ``while_loop`` and ``map`` make a ``loop`` node, ``cond`` a ``branch`` node. What a loop's body uses and does
not change is computed once, outside: only nodes that depend on the body's own arguments are inside it. In a branch is
all that its function makes, so that nothing of the other one runs.
A loop's derivative by forward mode is a loop with doubled carries; by reverse mode a loop the other way round that
takes the history of the carries and adds up the cotangents of what was captured (what of a step is stored instead of
computed again is decided when instructions are made, lower/loop_forms.py). Both are loops again, so every
order follows.
What a body monitors is a result of its node, and whether a check held at every step is a carry: outside they are
values as any others, monitored and checked there.
Must not know: how inner graphs are run (csrc/kernels/control.c) or planned.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..errors import DTypeError, GraphError, ShapeError
from ..ir.dims import Shape, Size, as_size
from ..ir.dtypes import FLOATS, bool_, int64
from ..ir.graph import Graph
from ..ir.node import LEAVES, Node, Value, ambient, topological
from . import batching, pattern
from .batching import Batch
from .inner import keeps_branch, keeps_loop, loop_arrays
from .laws import is_body, is_bool, is_int, is_size, law
from .leaves import Watcher, building_body, watch
from .leaves import input as placeholder
from .opdef import custom, op
from .rebuild import depends_on, rebuild
from .registry import REGISTRY, Branch, Loop, op_of
from .tensor import Tensor, fail, make, scalar
from .trees import Tree, flatten, operand
from .types import Carry, Out, SizeLike, Structure, TensorLike

# --------------------------------------------------------------------------------------- inner graphs


def placeholders(prefix: str, like: Sequence[tuple[Shape, np.dtype]]) -> list[Tensor]:
    """Placeholders for a body's arguments."""
    before = ambient.now
    ambient.now = (None, *before[1:])
    try:
        return [placeholder(f"{prefix}{i}", shape, dtype) for i, (shape, dtype) in enumerate(like)]
    finally:
        ambient.now = before


def _close(
    name: str, arguments: Sequence[Sequence[Tensor]], results: Sequence[Sequence[Tensor]], inside: Sequence[list[Node]]
) -> tuple[list[Graph], list[Tensor]]:
    """Graphs over (their arguments, then everything captured by any of them), and what is captured.

    ``inside``: the nodes of each. 0-d constants stay inside; other values from outside, however they were made, become
    arguments."""
    captured: dict[Tensor, Tensor] = {}
    for args, values, nodes in zip(arguments, results, inside, strict=True):
        own = {y for n in nodes for y in n.outputs} | set(args)
        for v in (*(v for n in nodes for v in n.inputs), *values):
            if v not in own and v not in captured and not (v.node.op.name == "constant" and v.shape == ()):
                captured[v] = v
    graphs = []
    for args, values in zip(arguments, results):
        stand_ins = placeholders("captured", [(v.shape, v.dtype) for v in captured])
        swap = dict(zip(captured, stand_ins))
        graphs.append(Graph(name, [*args, *stand_ins], rebuild(values, swap)))
    return graphs, list(captured)


def _types(values: Sequence[Value], shape: Shape | None = None) -> list[tuple[Shape, np.dtype]]:
    return [(v.shape if shape is None else shape, v.dtype) for v in values]


def _like(what: str, before: Sequence[Tensor], tree: Tree, after: Any, names: tuple[str, str]) -> list[Tensor]:
    """The Tensors in ``after``, which has the structure and the types of ``before``; ``names``: what both are called.
    Raises GraphError, ShapeError and DTypeError with the path where they differ."""
    here, there = names
    found = tree.spread(what, after, here, there, operands=before)
    paths = list(zip(tree.paths(here), tree.paths(there)))
    out = [operand(what, path, x) for x, (_, path) in zip(found, paths)]
    for a, b, (mine, theirs) in zip(before, out, paths):
        if a.shape != b.shape:
            fail(ShapeError, what, f"{mine} has shape {a.shape}, {theirs} {b.shape}", [a, b])
        if a.dtype is not b.dtype:
            fail(
                DTypeError,
                what,
                f"{mine} is {a.dtype.name}, {theirs} {b.dtype.name}; write .astype({a.dtype.name!r})",
                [a, b],
            )
    return out


# --------------------------------------------------------------------------------------- loop
#
# operands: carries, xs, captured values, and a step count where attrs["counted"]
# results: final carries, stacked ys, the history of each carry (its value before each step), the number of steps


def _infer_loop(xs: Sequence[Value], attrs: dict[str, Any]) -> Any:
    body: Graph = attrs["body"]
    n, length = attrs["n_carry"], attrs["length"]
    out = body.outputs
    return (
        *_types(out[:n]),
        *(((length, *y.shape), y.dtype) for y in out[n:]),
        *(((length, *c.shape), c.dtype) for c in out[:n]),
        ((), int64),
    )


def make_loop(
    body: Graph,
    carries: Sequence[Tensor],
    xs: Sequence[Tensor],
    captured: Sequence[Tensor],
    length: Size,
    reverse: bool,
    condition: Graph | None = None,
    count: Tensor | None = None,
) -> tuple[Tensor, ...]:
    """A loop node's results."""
    attrs = {
        "body": body,
        "condition": condition,
        "n_carry": len(carries),
        "n_xs": len(xs),
        "length": length,
        "reverse": reverse,
        "counted": count is not None,
    }
    operands = (*carries, *xs, *captured) + (() if count is None else (count,))
    made = make(LOOP, operands, attrs)
    return made if isinstance(made, tuple) else (made,)


class LoopParts:
    """A loop node taken apart."""

    def __init__(self, node: Node):
        a = node.attrs
        self.node = node
        self.n, self.m = a["n_carry"], a["n_xs"]
        self.body: Graph = a["body"]
        self.condition: Graph | None = a["condition"]
        self.length, self.reverse, self.counted = a["length"], a["reverse"], a["counted"]
        operands = list(node.inputs)
        self.count = operands.pop() if self.counted else None
        self.carries, self.xs = operands[: self.n], operands[self.n : self.n + self.m]
        self.captured = operands[self.n + self.m :]
        self.n_ys = len(self.body.outputs) - self.n
        out = node.outputs
        self.finals, self.ys = out[: self.n], out[self.n : self.n + self.n_ys]
        self.history, self.steps = out[self.n + self.n_ys : -1], out[-1]


def _rows(x: Value) -> tuple[Shape, np.dtype]:
    return x.shape[1:], x.dtype


def _zeros(x: Value) -> Tensor:
    return op("broadcast_to")(scalar(0, x.dtype), x.shape)


def _or_zeros(given: Tensor | None, x: Value) -> Tensor:
    """A tangent or cotangent of ``x``, which is zero where none is given."""
    return given if given is not None else _zeros(x)


class _Part(NamedTuple):
    """Arguments of a body, and where they stand among all of its carries, rows or captured values."""

    args: list[Tensor]
    at: slice


class _LoopBuilder:
    """A loop that a derivative rule puts together. ``carries``, ``rows`` and ``captured`` take values outside and give
    the body's arguments for them: the state that starts as they are, their rows, and they themselves."""

    def __init__(self) -> None:
        self._starts: list[Tensor] = []
        self._stacked: list[Tensor] = []
        self._outside: list[Tensor] = []
        self._carries: list[Tensor] = []
        self._rows: list[Tensor] = []
        self._captured: list[Tensor] = []

    def carries(self, name: str, starts: Sequence[Tensor]) -> _Part:
        self._starts += starts
        return self._part(name, _types(starts), self._carries)

    def rows(self, name: str, stacked: Sequence[Tensor]) -> _Part:
        self._stacked += stacked
        return self._part(name, [_rows(x) for x in stacked], self._rows)

    def captured(self, name: str, values: Sequence[Tensor]) -> _Part:
        self._outside += values
        return self._part(name, _types(values), self._captured)

    @staticmethod
    def _part(name: str, types: Sequence[tuple[Shape, np.dtype]], among: list[Tensor]) -> _Part:
        args = placeholders(name, types)
        among += args
        return _Part(args, slice(len(among) - len(args), len(among)))

    def condition(self, original: Graph, args: Sequence[Tensor]) -> Graph:
        """``original`` over ``args``, some of this loop's carries and captured values, in place of its own."""
        values = rebuild(original.outputs, dict(zip(original.inputs, args)))
        return Graph("condition", [*self._carries, *self._captured], values)

    def build(
        self,
        after: Sequence[Tensor],
        ys: Sequence[Tensor],
        like: LoopParts,
        reverse: bool,
        condition: Graph | None,
        count: Tensor | None,
    ) -> LoopParts:
        """The loop, of as many steps as ``like``: ``after`` a step the carries, and what each step gives."""
        body = Graph("body", [*self._carries, *self._rows, *self._captured], [*after, *ys])
        made = make_loop(body, self._starts, self._stacked, self._outside, like.length, reverse, condition, count)
        return LoopParts(made[0].node)


def _loop_jvp(node: Node, ts: Sequence[Any], d: Any) -> list[Tensor | None]:
    """The loop with tangents beside what they are tangents of. Every floating carry has one, as a step may give it."""
    p = LoopParts(node)
    t_carries, t_xs, t_captured = ts[: p.n], ts[p.n : p.n + p.m], ts[p.n + p.m :]
    moving = [i for i, c in enumerate(p.carries) if c.dtype in FLOATS]
    moving_xs = [i for i, (x, t) in enumerate(zip(p.xs, t_xs)) if x.dtype in FLOATS and t is not None]
    moving_captured = [i for i, (c, t) in enumerate(zip(p.captured, t_captured)) if c.dtype in FLOATS and t is not None]

    loop = _LoopBuilder()
    carries = loop.carries("carry", p.carries)
    carry_tangents = loop.carries("carry_tangent", [_or_zeros(t_carries[i], p.carries[i]) for i in moving])
    rows = loop.rows("x", p.xs)
    row_tangents = loop.rows("x_tangent", [t_xs[i] for i in moving_xs])
    captured = loop.captured("captured", p.captured)
    captured_tangents = loop.captured("captured_tangent", [t_captured[i] for i in moving_captured])

    values = rebuild(p.body.outputs, dict(zip(p.body.inputs, [*carries.args, *rows.args, *captured.args])))
    operands = [
        *(carries.args[i] for i in moving),
        *(rows.args[i] for i in moving_xs),
        *(captured.args[i] for i in moving_captured),
    ]
    moved = d.pushforward(values, operands, [*carry_tangents.args, *row_tangents.args, *captured_tangents.args])
    moved_ys = [i for i in range(p.n_ys) if moved[p.n + i] is not None]
    after = [*values[: p.n], *(_or_zeros(moved[i], values[i]) for i in moving)]
    ys = [*values[p.n :], *(moved[p.n + i] for i in moved_ys)]
    condition = None
    if p.condition is not None:
        condition = loop.condition(p.condition, [*carries.args, *captured.args])
    out = loop.build(after, ys, p, p.reverse, condition, p.count)

    finals = dict(zip(moving, out.finals[carry_tangents.at]))
    history = dict(zip(moving, out.history[carry_tangents.at]))
    found_ys = dict(zip(moved_ys, out.ys[p.n_ys :]))
    return [
        *(finals.get(i) for i in range(p.n)),
        *(found_ys.get(i) for i in range(p.n_ys)),
        *(history.get(i) for i in range(p.n)),
        None,
    ]


def _loop_vjp(node: Node, gs: Sequence[Any], wanted: Sequence[bool], d: Any) -> list[Tensor | None]:
    """A loop the other way round. It carries the cotangents of the carries and the sums of those of captured values; it
    reads rows of the history, of xs, and of the cotangents of what has rows. Where cotangents are known to be 0 but for
    a mask, the mask goes along: a carry beside each that is carried, a row beside each that comes by rows."""
    p = LoopParts(node)
    n, m = p.n, p.m
    floating = [i for i, c in enumerate(p.carries) if c.dtype in FLOATS]
    g_ys = {i: gs[n + i] for i in range(p.n_ys) if gs[n + i] is not None}
    g_history = {i: gs[n + p.n_ys + i] for i in floating if gs[n + p.n_ys + i] is not None}
    wanted_xs = [i for i in range(m) if wanted[n + i]]
    wanted_captured = [i for i in range(len(p.captured)) if wanted[n + m + i]]
    starts = [_or_zeros(gs[i], p.finals[i]) for i in floating]
    start_masks, row_masks = [], []
    if d.mask is not None:
        start_masks = [_spread_mask(d.mask[i], p.finals[i]) for i in floating]
        row_masks = [_spread_mask(d.mask[n + i], g) for i, g in g_ys.items()]
        row_masks += [_spread_mask(d.mask[n + p.n_ys + i], g) for i, g in g_history.items()]

    loop = _LoopBuilder()
    cotangents = loop.carries("g", starts)
    masks = loop.carries("mask", start_masks)
    sums = loop.carries("sum", [_zeros(p.captured[i]) for i in wanted_captured])
    carries = loop.rows("before", p.history)
    rows = loop.rows("x", p.xs)
    y_cotangents = loop.rows("gy", list(g_ys.values()))
    history_cotangents = loop.rows("gh", list(g_history.values()))
    y_masks = loop.rows("my", row_masks[: len(g_ys)])
    history_masks = loop.rows("mh", row_masks[len(g_ys) :])
    captured = loop.captured("fixed", p.captured)

    values = rebuild(p.body.outputs, dict(zip(p.body.inputs, [*carries.args, *rows.args, *captured.args])))
    outputs = [values[i] for i in floating] + [values[n + i] for i in g_ys]
    wrt_carries = [carries.args[i] for i in floating]
    wrt_captured = [captured.args[i] for i in wanted_captured]
    wrt = [*wrt_carries, *(rows.args[i] for i in wanted_xs), *wrt_captured]
    known = dict(zip(outputs, [*masks.args, *y_masks.args])) if len(set(outputs)) == len(outputs) else {}
    found, _ = d.pullback(outputs, [*cotangents.args, *y_cotangents.args], wrt, masks=known)
    first_x, first_captured = len(floating), len(floating) + len(wanted_xs)
    after_masks = [_mask_of(f, known, x) for f, x in zip(found, wrt_carries[: len(start_masks)])]
    after = [_or_zeros(f, x) for f, x in zip(found, wrt_carries)]
    # rows that nothing comes back to have no cotangent; carries and sums have one anyhow
    found_xs = {i: f for i, f in zip(wanted_xs, found[first_x:first_captured]) if f is not None}
    found_captured = [_or_zeros(f, x) for f, x in zip(found[first_captured:], wrt_captured)]
    for arg, i in zip(history_cotangents.args, g_history):
        at = floating.index(i)
        after[at] = after[at] + arg
    for arg, i in zip(history_masks.args, g_history):
        at = floating.index(i)
        after_masks[at] = op("logical_or")(after_masks[at], arg)
    added = [s + f for s, f in zip(sums.args, found_captured)]
    masked_xs = [i for i in found_xs if rows.args[i] in known]
    ys = [*found_xs.values(), *(_mask_of(found_xs[i], known, rows.args[i]) for i in masked_xs)]
    count = p.steps if p.condition is not None or p.counted else None
    out = loop.build([*after, *after_masks, *added], ys, p, not p.reverse, None, count)

    of_carries = dict(zip(floating, out.finals[cotangents.at]))
    of_xs = dict(zip(found_xs, out.ys))
    of_captured = dict(zip(wanted_captured, out.finals[sums.at]))
    masks_below = {n + i: y for i, y in zip(masked_xs, out.ys[len(found_xs) :])}
    masks_below.update(zip(floating, out.finals[masks.at]))
    d.tell(masks_below)
    return [
        *(of_carries.get(i) for i in range(n)),
        *(of_xs.get(i) for i in range(m)),
        *(of_captured.get(i) for i in range(len(p.captured))),
        *([None] if p.counted else []),
    ]


def _as_bool(values: Sequence[Value]) -> list[tuple[Shape, np.dtype]]:
    return [(v.shape, bool_) for v in values]


def _spread_mask(mask: Tensor | None, x: Value) -> Tensor:
    """A mask of ``x`` in its shape; nowhere where there is no cotangent that could have one."""
    return op("broadcast_to")(scalar(False, bool_) if mask is None else mask, x.shape)


def _mask_of(g: Tensor | None, kept: Any, x: Value) -> Tensor:
    """The mask of what a step gives for ``x``: nowhere where that is nothing."""
    known = kept.get(x)
    return op("broadcast_to")(scalar(g is not None, bool_) if known is None or g is None else known, x.shape)


def _batched_arguments(prefix: str, like: Sequence[Value], differ: Sequence[bool], size: Size) -> list[Tensor]:
    """Placeholders for a body's arguments, with the examples first where they differ between them."""
    return placeholders(prefix, [((size, *v.shape) if d else v.shape, v.dtype) for v, d in zip(like, differ)])


def _batched_carries(p: LoopParts, differ: list[bool], batch: Batch) -> tuple[list[bool], bool]:
    """Which carries come to differ between examples if these operands do, and whether the condition does."""
    inputs, n = p.body.inputs, p.n
    while True:
        args = _batched_arguments("x", inputs, differ, batch.size)
        after = batch.transform(p.body.outputs, dict(zip(inputs, args)))
        now = [d or y.ndim > v.ndim for d, y, v in zip(differ, after, inputs[:n])]
        apart = False
        if p.condition is not None:
            known = dict(zip(p.condition.inputs, [*args[:n], *args[n + p.m :]]))
            apart = batch.transform(p.condition.outputs, known)[0].ndim > 0
        if apart:  # each example stops by itself
            return [True] * n, True
        if now == differ[:n]:
            return now, False
        differ = [*now, *differ[n:]]


def _loop_batch(node: Node, xs: Sequence[Tensor], batch: Batch) -> Sequence[Tensor]:
    """One loop for all examples. Where they stop at different steps it runs to the last of them, and those that have
    stopped keep their state; a carry counts the steps of each."""
    p, size = LoopParts(node), batch.size
    n, inputs, differ = p.n, p.body.inputs, batching.moved(node, xs)
    operands = list(xs)
    count = operands.pop() if p.counted else None
    counted_apart = p.counted and differ.pop()
    carried, stops_apart = _batched_carries(p, differ, batch)
    if counted_apart:
        carried = [True] * n
    differ = [*carried, *differ[n:]]
    args = _batched_arguments("x", inputs, differ, size)
    rows = list(operands[n : n + p.m])
    rows = [batching.to_axis(x, 1) if d else x for x, d in zip(rows, differ[n:])]
    captured = operands[n + p.m :]
    starts = [batching.in_front(x, v, size) if d else x for x, v, d in zip(operands, inputs, carried)]

    condition = alive = None
    taken, step_args, extra = placeholders("taken", [((size,), int64)]), [], []
    if stops_apart:
        known = dict(zip(p.condition.inputs, [*args[:n], *args[n + p.m :]]))  # type: ignore[union-attr]
        (alive,) = batch.transform(p.condition.outputs, known)  # type: ignore[union-attr]
        starts.append(_zeros(taken[0]))
        extra = taken
    elif counted_apart:
        step_args = placeholders("step", [((), int64)])
        limits = placeholders("limit", [((size,), int64)])
        alive = op("less")(step_args[0], limits[0])
        rows.append(op("arange")(p.length))
        captured = [*captured, xs[-1]]
        count = op("max")(xs[-1])
    within = batch if alive is None else batch.masked(alive)
    after = within.transform(p.body.outputs, dict(zip(inputs, args)))
    ys_apart = [y.ndim > v.ndim for y, v in zip(after[n:], p.body.outputs[n:])]
    for i, d in enumerate(carried):
        if d:
            after[i] = batching.in_front(after[i], inputs[i], size)
    if alive is not None:
        after[:n] = [_alive(alive, y, old) for y, old in zip(after[:n], args[:n])]
        after[n:] = [_alive(alive, batching.in_front(y, v, size), 0) for y, v in zip(after[n:], p.body.outputs[n:])]
        ys_apart = [True] * p.n_ys
    results = [*after[:n], *(t + op("astype")(alive, int64) for t in extra), *after[n:]]
    body_args = [
        *args[:n],
        *extra,
        *args[n : n + p.m],
        *step_args,
        *args[n + p.m :],
        *(limits if counted_apart else []),
    ]
    if p.condition is not None:
        held = _batched_arguments("x", [*inputs[:n], *inputs[n + p.m :]], [*carried, *differ[n + p.m :]], size)
        (goes_on,) = batch.transform(p.condition.outputs, dict(zip(p.condition.inputs, held)))
        seen = [*held[:n], *placeholders("taken", [((size,), int64)] * len(extra)), *held[n:]]
        condition = Graph("condition", seen, [op("any")(goes_on)])
    out = make_loop(Graph("body", body_args, results), starts, rows, captured, p.length, p.reverse, condition, count)

    m = n + len(extra)
    finals, ys, history, steps = out[:n], out[m : m + p.n_ys], out[m + p.n_ys : m + p.n_ys + n], out[-1]
    if stops_apart:
        steps = out[n]
    elif counted_apart:
        steps = xs[-1]
    ys = tuple(batching.from_axis(y, 1) if d else y for y, d in zip(ys, ys_apart))
    return [*finals, *ys, *(batching.from_axis(h, 1) if d else h for h, d in zip(history, carried)), steps]


def _alive(alive: Tensor, y: Tensor, old: Any) -> Tensor:
    """``y`` for the examples that run on, ``old`` for the others."""
    return op("where")(op("reshape")(alive, (alive.shape[0], *(1,) * (y.ndim - 1))), y, old)


def _loop_pattern(
    node: Node, patterns: pattern.Patterns, values: pattern.Values, walk: pattern.Walk
) -> list[pattern.Pattern | None]:
    """The body's own pattern, found once, put together step by step; of a map all steps at once."""
    p, n = LoopParts(node), node.attrs["n_carry"]
    operands = patterns[: len(p.body.inputs)]
    width = next((q.width for q in operands if q is not None), 0)
    sizes = [pattern.count(v) for v in p.body.inputs]
    ends = np.cumsum([0, *sizes])
    own = pattern.Pattern.identity(int(ends[-1]))
    captured = [None] * (n + p.m) + list(values[n + p.m : len(sizes)])
    known = [own.taken(np.arange(a, b)) if v is None else None for a, b, v in zip(ends, ends[1:], captured)]
    body = [
        q or own.taken(np.full(pattern.count(y), -1)) for q, y in zip(walk(p.body, known, captured), p.body.outputs)
    ]
    steps = int(p.length)
    rows = [np.arange(steps * s).reshape(steps, s) for s in sizes[n : n + p.m]]
    whole = pattern.stacked(
        [*operands[n : n + p.m], *operands[n + p.m :]], [*(r.size for r in rows), *sizes[n + p.m :]], width
    )
    starts = np.cumsum([0, *(r.size for r in rows)])

    def sources(t: Any) -> np.ndarray:
        """Where a step's rows and captured values are among those of all steps."""
        mine = [start + r[t] for start, r in zip(starts, rows)]
        return np.concatenate([*mine, np.arange(starts[-1], whole.height)])

    ys: list[list[pattern.Pattern]] = [[] for _ in body[n:]]
    history: list[list[pattern.Pattern]] = [[] for _ in range(n)]
    carry = [q or pattern.stacked([None], [s], width) for q, s in zip(operands[:n], sizes)]
    reached = list(carry)
    for t in range(steps)[:: -1 if p.reverse else 1]:
        step = pattern.stacked([*carry, whole.taken(sources(t))], [*sizes[:n], sum(sizes[n:])], width)
        after = [step.joined(q.rows, q.indices, q.height) for q in body]
        for k in range(n):
            history[k].append(carry[k])
        carry = after[:n]
        if p.condition is not None or p.counted:  # it may end after any of them
            reached = [r.union(c) for r, c in zip(reached, carry)]
        for k, y in enumerate(after[n:]):
            ys[k].append(y)
    finals = reached if p.condition is not None or p.counted else carry
    turn = -1 if p.reverse else 1
    return [*finals, *(pattern.stacked(q[::turn], None, width) for q in (*ys, *history)), None]


loop = custom(
    "loop",
    "What scan, while_loop and map build: an inner graph run for each step.",
    infer=_infer_loop,
    kernel=Loop(),
    public=make_loop,
    vjp=_loop_vjp,
    jvp=_loop_jvp,
    batch=_loop_batch,
    law=law(
        "each *",
        keeps_loop,
        body=is_body,
        condition=lambda v: v is None or is_body(v),
        n_carry=is_int,
        n_xs=is_int,
        length=is_size,
        reverse=is_bool,
        counted=is_bool,
    ),
    internal=True,
    compute=loop_arrays,
    page="looped",
    pattern=_loop_pattern,
)
LOOP = op_of(loop)


# --------------------------------------------------------------------------------------- scan, while_loop, map


def scan(
    step: Callable[..., tuple[Carry, Out]],
    init: Structure,
    xs: Structure,
    length: SizeLike | None = None,
    reverse: bool = False,
) -> tuple[Carry, Out]:
    """A loop that carries a state and maps over the first axis of ``xs``: ``(carry, y) = step(carry, x)`` for each row.

    ``init``, ``xs`` and what ``step`` returns are Tensors, or structures of them (lists, tuples, dicts, None and
    dataclasses nest); ``xs`` may be
    None with a ``length`` (an int or a size). The carry keeps structure, shapes and dtypes. Returns ``(carry, ys)``
    with the rows of ``ys`` stacked, as in JAX; ``reverse`` runs from the last row to the first. One node however long
    it runs, differentiable to any order. Raises ShapeError, DTypeError, GraphError.

    Example::

        h, hs = gd.scan(lambda h, x: (gd.tanh(x @ W + h @ U),) * 2, h0, xs)
    """
    carries, carry_tree = flatten("scan", init, "init")
    rows, row_tree = flatten("scan", xs, "xs")
    size = _length("scan", rows, length)
    carry_args, row_args = placeholders("carry", _types(carries)), placeholders("x", [_rows(x) for x in rows])
    with building_body() as seen:
        result = step(carry_tree.build(carry_args), row_tree.build(row_args))
    if not isinstance(result, (tuple, list)) or len(result) != 2:
        fail(GraphError, "scan", f"step returns (carry, y), got {type(result).__name__}", carries)
    after = _like("scan", carries, carry_tree, result[0], ("init", "carry"))
    ys, y_tree = flatten("scan", result[1], "y")
    monitors, checks = _sorted(seen)
    held = placeholders("held", _types([w.value for w in checks], ()))
    args = [*carry_args, *held, *row_args]
    results = [*after, *_still_held(held, checks), *ys, *(w.value for w in monitors)]
    (body,), captured = _close("body", [args], [results], [depends_on(results, args)])
    out = make_loop(body, [*carries, *(scalar(True, bool_) for _ in held)], rows, captured, size, bool(reverse))
    n = len(carries) + len(held)
    _watch_outside([*checks, *monitors], [*out[len(carries) : n], *out[n + len(ys) : n + len(ys) + len(monitors)]])
    return carry_tree.build(out[: len(carries)]), y_tree.build(out[n : n + len(ys)])


def _sorted(seen: Sequence[Watcher]) -> tuple[list[Watcher], list[Watcher]]:
    """Monitors, checks."""
    return [w for w in seen if w.kind == "monitor"], [w for w in seen if w.kind == "check"]


def _holds(check: Watcher) -> Tensor:
    return REGISTRY["all"].public(check.value)


def _still_held(held: Sequence[Tensor], checks: Sequence[Watcher]) -> list[Tensor]:
    """Whether each check held until now and holds."""
    return [REGISTRY["logical_and"].public(h, _holds(w)) for h, w in zip(held, checks)]


def _watch_outside(watchers: Sequence[Watcher], values: Sequence[Tensor]) -> None:
    for w, value in zip(watchers, values, strict=True):
        watch(w._replace(value=value))


def _length(what: str, rows: Sequence[Tensor], length: Any) -> Size:
    size = None if length is None else as_size(length)
    if isinstance(size, int) and size < 0:
        fail(ShapeError, what, f"the length {size} is negative", rows)
    for x in rows:
        if x.ndim == 0:
            fail(ShapeError, what, "a 0-d Tensor has no rows to run over", [x])
        if size is None:
            size = x.shape[0]
        elif x.shape[0] != size:
            fail(ShapeError, what, f"lengths differ: {size} and {x.shape[0]}", [x])
    if size is None:
        fail(ShapeError, what, "without xs a length is needed")
    return size


def map_(f: Callable[..., Out], xs: Structure) -> Out:
    """``f`` applied to each row of ``xs``, results stacked: a scan without a carry. ``gd.map``.

    Example: ``norms = gd.map(lambda row: gd.norm(row), x)``."""
    return scan(lambda carry, x: (None, f(x)), None, xs)[1]


def while_loop(
    cond: Callable[..., TensorLike], body: Callable[..., Carry], init: Structure, max_steps: SizeLike
) -> Carry:
    """``body`` applied to a state while ``cond`` of it holds, at most ``max_steps`` times; returns the state reached.

    ``cond`` gives a 0-d bool Tensor. The state keeps structure, shapes and dtypes. Differentiable in both modes: the
    reverse keeps ``max_steps`` states. Raises ShapeError, DTypeError, GraphError.

    Example: ``x = gd.while_loop(lambda x: gd.abs(x * x - a) > 1e-6, lambda x: 0.5 * (x + a / x), a, 50)``.
    """
    carries, tree = flatten("while_loop", init, "init")
    size = as_size(max_steps)
    if isinstance(size, int) and size < 0:
        fail(ShapeError, "while_loop", f"max_steps {size} is negative", carries)
    args, cond_args = placeholders("carry", _types(carries)), placeholders("carry", _types(carries))
    with building_body() as seen:
        result = body(tree.build(args))
    after = _like("while_loop", carries, tree, result, ("init", "state"))
    with building_body() as refused:
        preds, _ = flatten("while_loop", cond(tree.build(cond_args)), "cond")
    if refused:
        fail(GraphError, "while_loop", "cond has a monitor or a check; its body may have them", preds)
    if len(preds) != 1 or preds[0].shape != () or preds[0].dtype is not bool_:
        fail(DTypeError, "while_loop", "cond must give one 0-d bool Tensor; write a comparison, or gd.all", preds)
    monitors, checks = _sorted(seen)
    like = [*_types([w.value for w in checks], ()), *_types([w.value for w in monitors])]
    for those in (args, cond_args):
        those += placeholders("watched", like)
    n = len(carries)
    results = [*after, *_still_held(args[n:], checks), *(w.value for w in monitors)]
    inside = [depends_on(results, args), depends_on(preds, cond_args)]
    (inner, condition), captured = _close("body", [args, cond_args], [results, preds], inside)
    start = [*(scalar(True, bool_) for _ in checks), *(_zeros(w.value) for w in monitors)]
    out = make_loop(inner, [*carries, *start], [], captured, size, False, condition)
    _watch_outside([*checks, *monitors], out[n : len(results)])
    return tree.build(out[:n])


# --------------------------------------------------------------------------------------- branch


def _infer_branch(xs: Sequence[Value], attrs: dict[str, Any]) -> Any:
    return tuple(_types(attrs["if_true"].outputs))


def _branch_bodies(node: Node) -> tuple[Graph, Graph]:
    return node.attrs["if_true"], node.attrs["if_false"]


def _branch_jvp(node: Node, ts: Sequence[Any], d: Any) -> list[Tensor | None]:
    operands = node.inputs[1:]
    ids = [i for i, t in enumerate(ts[1:]) if t is not None]
    outs = [i for i, y in enumerate(node.outputs) if y.dtype in FLOATS]
    bodies = []
    for body in _branch_bodies(node):
        args = placeholders("primal", _types(operands))
        tangents = placeholders("tangent", _types([operands[i] for i in ids]))
        values = rebuild(body.outputs, dict(zip(body.inputs, args)))
        moved = d.pushforward([values[i] for i in outs], [args[i] for i in ids], tangents)
        bodies.append(
            Graph(
                "branch", [*args, *tangents], [t if t is not None else _zeros(values[i]) for i, t in zip(outs, moved)]
            )
        )
    made = _make_branch(node.inputs[0], [*operands, *(ts[1 + i] for i in ids)], bodies)
    results: list[Tensor | None] = [None] * len(node.outputs)
    for i, t in zip(outs, made):
        results[i] = t
    return results


def _branch_vjp(node: Node, gs: Sequence[Any], wanted: Sequence[bool], d: Any) -> list[Tensor | None]:
    operands = node.inputs[1:]
    ids = [i for i, w in enumerate(wanted[1:]) if w]
    outs = [i for i, g in enumerate(gs) if g is not None]
    held: list[Tensor] = []
    if d.mask is not None:
        known = d.mask if isinstance(d.mask, tuple) else (d.mask,)
        held = [_spread_mask(known[i], gs[i]) for i in outs]
    bodies = []
    for body in _branch_bodies(node):
        args = placeholders("primal", _types(operands))
        cotangents = placeholders("g", _types([gs[i] for i in outs]))
        masks = placeholders("mask", _as_bool(cotangents)) if held else []
        values = rebuild(body.outputs, dict(zip(body.inputs, args)))
        kept = {values[i]: m for i, m in zip(outs, masks)}
        if len(kept) < len(masks):  # one value under two results
            kept = {}
        found, _ = d.pullback([values[i] for i in outs], cotangents, [args[i] for i in ids], masks=kept or None)
        bodies.append(
            Graph(
                "branch",
                [*args, *cotangents, *masks],
                [f if f is not None else _zeros(args[i]) for i, f in zip(ids, found)],
            )
        )
    made = _make_branch(node.inputs[0], [*operands, *(gs[i] for i in outs), *held], bodies)
    results: list[Tensor | None] = [None] * len(node.inputs)
    for i, g in zip(ids, made):
        results[1 + i] = g
    return results


def _make_branch(pred: Tensor, operands: Sequence[Tensor], bodies: Sequence[Graph]) -> tuple[Tensor, ...]:
    made = make(BRANCH, (pred, *operands), {"if_true": bodies[0], "if_false": bodies[1]})
    return made if isinstance(made, tuple) else (made,)


def _branch_batch(node: Node, xs: Sequence[Tensor], batch: Batch) -> Sequence[Tensor]:
    """One of the branches for all examples, or where they choose differently both, and each example's choice."""
    pred, *operands = xs
    if pred.ndim:
        chosen = []
        for body, alive in zip(_branch_bodies(node), (pred, op("logical_not")(pred))):
            chosen.append(batch.masked(alive).transform(body.outputs, dict(zip(body.inputs, operands))))
        pairs = zip(*([batching.in_front(y, v, batch.size) for y, v in zip(ys, node.outputs)] for ys in chosen))
        return [_alive(pred, yes, no) for yes, no in pairs]
    differ = batching.moved(node, xs)[1:]
    arguments = [_batched_arguments("x", node.inputs[1:], differ, batch.size) for _ in range(2)]
    results = [
        batch.transform(body.outputs, dict(zip(body.inputs, args)))
        for body, args in zip(_branch_bodies(node), arguments)
    ]
    apart = [yes.ndim > v.ndim or no.ndim > v.ndim for yes, no, v in zip(*results, node.outputs)]
    bodies = []
    for args, ys in zip(arguments, results):
        ys = [batching.in_front(y, v, batch.size) if a else y for y, v, a in zip(ys, node.outputs, apart)]
        bodies.append(Graph("branch", args, ys))
    return _make_branch(pred, operands, bodies)


branch = custom(
    "branch",
    "What cond builds: one of two inner graphs, chosen at run time.",
    infer=_infer_branch,
    kernel=Branch(),
    public=_make_branch,
    vjp=_branch_vjp,
    jvp=_branch_jvp,
    batch=_branch_batch,
    law=law("bool each *", keeps_branch, if_true=is_body, if_false=is_body),
    internal=True,
    compute=lambda xs, a: tuple((a["if_true"] if xs[0] else a["if_false"])(xs[1:])),
    page="([pred, ...xs], a) => run(pred.data[0] ? a.if_true : a.if_false, xs)",
    pattern=pattern.inner,
)
BRANCH = op_of(branch)


def cond(pred: TensorLike, if_true: Callable[..., Out], if_false: Callable[..., Out], *operands: Structure) -> Out:
    """``if_true(*operands)`` where the 0-d bool ``pred`` holds, else ``if_false(*operands)``; only one of them runs.

    Both give the same structure, shapes and dtypes. Tensors from outside may be used in either.
    Raises ShapeError, DTypeError, GraphError. Example: ``y = gd.cond(gd.sum(x) > 0, gd.sqrt, gd.zeros_like, x)``.
    """
    preds, _ = flatten("cond", pred, "pred")
    if len(preds) != 1 or preds[0].shape != () or preds[0].dtype is not bool_:
        fail(DTypeError, "cond", "the predicate must be one 0-d bool Tensor; write a comparison, or gd.all", preds)
    leaves, tree = flatten("cond", operands, "operands")
    marks, args, results, watched = [], [], [], []
    for f in (if_true, if_false):
        # what f makes belongs to its branch, also where it depends on no operand; all older nodes are outside
        (mark, *mine) = placeholders("x", [((), bool_), *_types(leaves)])
        with building_body() as seen:
            results.append(f(*tree.build(mine)))
        marks.append(mark)
        args.append(mine)
        watched.append(seen)
    yes, yes_tree = flatten("cond", results[0], "if_true")
    no = _like("cond", yes, yes_tree, results[1], ("if_true", "if_false"))
    n = len(yes)
    yes += [*map(_seen, watched[0]), *map(_unseen, watched[1])]
    no += [*map(_unseen, watched[0]), *map(_seen, watched[1])]
    inside = []
    for mark, mine, values in zip(marks, args, (yes, no)):
        own = (node for node in topological(values, stop=mine) if node.op.name not in LEAVES)
        inside.append([node for node in own if node.serial > mark.node.serial])
    bodies, captured = _close("branch", args, [yes, no], inside)
    if not yes:
        return yes_tree.build([])
    out = _make_branch(preds[0], [*leaves, *captured], bodies)
    _watch_outside([*watched[0], *watched[1]], out[n:])
    return yes_tree.build(out[:n])


def _seen(w: Watcher) -> Tensor:
    """What a watcher sees in the branch that has it, and in the other one."""
    return _holds(w) if w.kind == "check" else w.value


def _unseen(w: Watcher) -> Tensor:
    if w.kind == "check":
        return scalar(True, bool_)
    nothing = np.nan if w.value.dtype in FLOATS else 0
    return op("broadcast_to")(scalar(nothing, w.value.dtype), w.value.shape)
