"""The declaration of ``loop``: a node with an inner graph that is run for each step, and its derivatives.

A loop's derivative by forward mode is a loop with doubled carries; by reverse mode a loop the other way round that
takes the history of the carries and adds up the cotangents of what was captured (what of a step is stored instead of
computed again is decided when instructions are made, lower/loop_forms.py). Both are loops again, so every
order follows.
Must not know: how users write loops (control.py), how inner graphs are run (csrc/kernels/control.c) or planned.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..ir.dims import Shape, Size, product
from ..ir.dtypes import FLOATS, bool_, float32, float64, int64
from ..ir.graph import Graph
from ..ir.node import Node, Value
from . import batching, pattern
from .batching import Batch
from .bodies import batched_arguments, placeholders, spread_mask, types_of, where_alive, zeros_for
from .inner import keeps_loop, loop_arrays
from .laws import is_body, is_bool, is_int, is_size, law
from .opdef import custom
from .rebuild import rebuild
from .registry import Loop, op, op_of
from .tensor import Tensor, make, scalar

# operands: carries, xs, captured values, and a step count where attrs["counted"]
# results: final carries, stacked ys, the history of each carry (its value before each step), the number of steps


def _infer_loop(xs: Sequence[Value], attrs: dict[str, Any]) -> Any:
    body: Graph = attrs["body"]
    n, length = attrs["n_carry"], attrs["length"]
    out = body.outputs
    return (
        *types_of(out[:n]),
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


def row_type(x: Value) -> tuple[Shape, np.dtype]:
    return x.shape[1:], x.dtype


def _or_zeros(given: Tensor | None, x: Value) -> Tensor:
    """A tangent or cotangent of ``x``, which is zero where none is given."""
    return given if given is not None else zeros_for(x)


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
        return self._part(name, types_of(starts), self._carries)

    def rows(self, name: str, stacked: Sequence[Tensor]) -> _Part:
        self._stacked += stacked
        return self._part(name, [row_type(x) for x in stacked], self._rows)

    def captured(self, name: str, values: Sequence[Tensor]) -> _Part:
        self._outside += values
        return self._part(name, types_of(values), self._captured)

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
    a mask, the mask goes along: a carry beside each that is carried, a row beside each that comes by rows, and for a
    captured value whether any step has it."""
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
        start_masks = [spread_mask(d.mask[i], p.finals[i]) for i in floating]
        row_masks = [spread_mask(d.mask[n + i], g) for i, g in g_ys.items()]
        row_masks += [spread_mask(d.mask[n + p.n_ys + i], g) for i, g in g_history.items()]

    loop = _LoopBuilder()
    cotangents = loop.carries("g", starts)
    masks = loop.carries("mask", start_masks)
    totals = [_total_of(p.captured[i], p.length) for i in wanted_captured]
    sums = loop.carries(
        "sum", [op("broadcast_to")(scalar(0, t), p.captured[i].shape) for i, t in zip(wanted_captured, totals)]
    )
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
    added = [s + op("astype")(f, s.dtype) for s, f in zip(sums.args, found_captured)]
    masked_captured = [i for i in wanted_captured if captured.args[i] in known]
    step_masks = [known[captured.args[i]] for i in masked_captured]
    seen = loop.carries("seen", [spread_mask(None, mask) for mask in step_masks])
    seen_after = [op("logical_or")(s, mask) for s, mask in zip(seen.args, step_masks)]
    masked_xs = [i for i in found_xs if rows.args[i] in known]
    ys = [*found_xs.values(), *(_mask_of(found_xs[i], known, rows.args[i]) for i in masked_xs)]
    count = p.steps if p.condition is not None or p.counted else None
    out = loop.build([*after, *after_masks, *added, *seen_after], ys, p, not p.reverse, None, count)

    of_carries = dict(zip(floating, out.finals[cotangents.at]))
    of_xs = dict(zip(found_xs, out.ys))
    of_captured = {
        i: op("astype")(total, p.captured[i].dtype) for i, total in zip(wanted_captured, out.finals[sums.at])
    }
    masks_below = {n + i: y for i, y in zip(masked_xs, out.ys[len(found_xs) :])}
    masks_below.update(zip(floating, out.finals[masks.at]))
    masks_below.update((n + m + i, mask) for i, mask in zip(masked_captured, out.finals[seen.at]))
    d.tell(masks_below)
    return [
        *(of_carries.get(i) for i in range(n)),
        *(of_xs.get(i) for i in range(m)),
        *(of_captured.get(i) for i in range(len(p.captured))),
        *([None] if p.counted else []),
    ]


FEW, MANY = 1024, 4096  # elements of a captured value; steps, or a number of steps known at the call


def _total_of(x: Value, length: Size) -> np.dtype:
    """The dtype that the cotangents of a captured value are added up in. In float32 millions of terms lose two digits:
    small values are summed in double over many steps. What is larger keeps products that add to it in place."""
    many = not isinstance(length, int) or length > MANY
    few = isinstance(product(x.shape), int) and product(x.shape) <= FEW
    return float64 if x.dtype is float32 and many and few else x.dtype


def _mask_of(g: Tensor | None, kept: Any, x: Value) -> Tensor:
    """The mask of what a step gives for ``x``: nowhere where that is nothing."""
    known = kept.get(x)
    return op("broadcast_to")(scalar(g is not None, bool_) if known is None or g is None else known, x.shape)


def _batched_carries(p: LoopParts, differ: list[bool], batch: Batch) -> tuple[list[bool], bool]:
    """Which carries come to differ between examples if these operands do, and whether the condition does."""
    inputs, n = p.body.inputs, p.n
    while True:
        args = batched_arguments("x", inputs, differ, batch.size)
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
    args = batched_arguments("x", inputs, differ, size)
    rows = list(operands[n : n + p.m])
    rows = [batching.to_axis(x, 1) if d else x for x, d in zip(rows, differ[n:])]
    captured = operands[n + p.m :]
    starts = [batching.in_front(x, v, size) if d else x for x, v, d in zip(operands, inputs, carried)]

    condition = alive = None
    taken, step_args, extra = placeholders("taken", [((size,), int64)]), [], []
    if stops_apart:
        known = dict(zip(p.condition.inputs, [*args[:n], *args[n + p.m :]]))  # type: ignore[union-attr]
        (alive,) = batch.transform(p.condition.outputs, known)  # type: ignore[union-attr]
        starts.append(zeros_for(taken[0]))
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
        after[:n] = [where_alive(alive, y, old) for y, old in zip(after[:n], args[:n])]
        rows_of_all = [batching.in_front(y, v, size) for y, v in zip(after[n:], p.body.outputs[n:])]
        after[n:] = [where_alive(alive, y, 0) for y in rows_of_all]
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
        held = batched_arguments("x", [*inputs[:n], *inputs[n + p.m :]], [*carried, *differ[n + p.m :]], size)
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
