"""Rules of control flow: If, Loop and Scan.

A branch that is known now is read alone. A loop whose count is known, or a size, and that nothing stops early is a
scan; one with a condition a while_loop; one whose values are all known now, or whose body needs its counter to be, is
unrolled.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import graphdiff as gd

from ....errors import GraphdiffError, GraphError, ShapeError
from ....ir.dims import Dim, Size
from ....ops.tensor import Tensor
from ..call import Call
from ..known import Known, known
from ..scope import Value
from ..source import ArrayView, GraphView
from ..table import reads
from .elementwise import as_int64, truth

UNROLLED = 1024  # steps, at most
ENDLESS = 1 << 31  # a count that is not meant as one
LONGEST = 1 << 24  # steps of a loop that stops by itself, after which a call fails
_TRUE = known(np.asarray(True), bool)


@reads("If")
def if_(call: Call) -> list[Value]:
    chosen = call.settled(0)
    if isinstance(chosen, Known) and chosen.plain:
        return _branch(call, bool(chosen.array.ravel()[0]))
    pred = truth(call.as_tensor(chosen))

    def tensors(yes: bool) -> list[Tensor]:
        return [call.as_tensor(v) for v in _branch(call, yes)]

    return [*gd.cond(pred, lambda: tensors(True), lambda: tensors(False))]


def _branch(call: Call, yes: bool) -> list[Value]:
    return call.importer.subgraph(call.graph("then_branch" if yes else "else_branch"), call.scope, [])


# --------------------------------------------------------------------------------------- loop


@reads("Loop", settings=(0,))
def loop(call: Call) -> list[Value]:
    body = call.graph("body")
    carried = [call.settled(i) for i in range(2, len(call))]
    stacked = len(body.outputs) - 1 - len(carried)
    if len(body.inputs) != 2 + len(carried) or stacked < 0:
        call.fail(GraphError, f"a body of {len(body.inputs)} inputs for {len(carried)} carried values")
    count, start = _count(call), call.settled(1) if call.has(1) else _TRUE
    if isinstance(start, Known) and not start.array.ravel()[0]:
        if stacked:
            call.fail(ShapeError, "a loop that does not run has no rows to stack")
        return carried
    bounded = isinstance(count, int) and count <= UNROLLED
    if bounded and carried and all(isinstance(v, Known) for v in carried):
        found = _unrolled(call, body, count, carried, stacked)
        if found is not None:
            return found
    runs_on = isinstance(start, Known) and _runs_on(body)
    try:
        if runs_on and count is not None:
            return _scanned(call, body, count, carried)
        return _while(call, body, count, start, carried, stacked)
    except GraphdiffError as e:
        found = _unrolled(call, body, count, carried, stacked) if bounded else None
        if found is None:
            raise e
        return found


def _count(call: Call) -> Size | None:
    """How often at most, None for no bound that is known."""
    if not call.has(0) or not isinstance(call.settled(0), Known):
        return None
    (count,) = call.sizes(0, "the count")
    return count if isinstance(count, Dim) or count < ENDLESS else None


def _runs_on(body: GraphView) -> bool:
    """Whether nothing in the body stops the loop: its condition is the one it is given, or true."""
    made = {name: node for node in body.nodes for name in node.outputs}
    name = body.outputs[0]
    while name in made and made[name].op == "Identity":
        name = made[name].inputs[0]
    array = body.arrays.get(name)
    if name in made and made[name].op == "Constant":
        array = made[name].attrs.get("value")
    return name == [*body.inputs][1] or (isinstance(array, ArrayView) and bool(array.array().ravel()[0]))


def _scanned(call: Call, body: GraphView, count: Size, carried: Sequence[Value]) -> list[Value]:
    n = len(carried)

    def step(state: list[Tensor], i: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        found = call.importer.subgraph(body, call.scope, [i, _TRUE, *state])
        out = [call.as_tensor(v) for v in found[1:]]
        return out[:n], out[n:]

    state, rows = gd.scan(step, [call.as_tensor(v) for v in carried], gd.arange(count))
    return [*state, *rows]


def _while(
    call: Call, body: GraphView, count: Size | None, start: Value, carried: Sequence[Value], stacked: int
) -> list[Value]:
    if stacked:
        call.must_know([0, 1, *range(2, 2 + len(carried))], "how often the loop runs, and so how many rows it stacks,")
    if count is None and call.has(0) and not isinstance(call.value(0), Known):
        limit: Tensor | None = as_int64(gd.reshape(call.tensor(0), ()))
    else:
        limit = None

    def step(state: list[Tensor]) -> list[Tensor]:
        i, _, *rest = state
        found = [call.as_tensor(v) for v in call.importer.subgraph(body, call.scope, [i, _TRUE, *rest])]
        return [i + 1, truth(found[0]), *found[1:]]

    def goes_on(state: list[Tensor]) -> Tensor:
        return state[1] if limit is None else gd.logical_and(state[1], state[0] < limit)

    first = [gd.constant(0, "int64"), truth(call.as_tensor(start)), *(call.as_tensor(v) for v in carried)]
    if isinstance(count, Dim) or (count is not None and count <= LONGEST):
        return [*gd.while_loop(goes_on, step, first, count)[2:]]
    last = gd.while_loop(goes_on, step, first, LONGEST)
    gd.check(gd.logical_not(goes_on(last)), f"{call.node.label} has not stopped after {LONGEST:,} steps")
    return [*last[2:]]


def _unrolled(
    call: Call, body: GraphView, count: Size | None, carried: Sequence[Value], stacked: int
) -> list[Value] | None:
    """Each step read by itself; None where it is not known how many there are."""
    assert isinstance(count, int)
    state, rows = list(carried), [[] for _ in range(stacked)]  # type: list[Value], list[list[Value]]
    for i in range(count):
        going, *found = call.importer.subgraph(body, call.scope, [known(np.asarray(i), np.int64), _TRUE, *state])
        if not isinstance(going, Known):
            return None
        state = found[: len(carried)]
        for row, value in zip(rows, found[len(carried) :]):
            row.append(value)
        if not going.array.ravel()[0]:
            break
    if stacked and not rows[0]:
        return None
    return [*state, *(_stack(call, row) for row in rows)]


def _stack(call: Call, values: Sequence[Value]) -> Value:
    found = [v for v in values if isinstance(v, Known)]
    if len(found) == len(values):
        return known(np.stack([v.array for v in found]), found[0].dtype)
    return gd.stack([call.as_tensor(v) for v in values])


# --------------------------------------------------------------------------------------- scan


@reads("Scan")
def scan(call: Call) -> list[Value]:
    """Over any axes and in any directions; before opset 9 for each example of a batch."""
    body, rows = call.graph("body"), call.integer("num_scan_inputs")
    if call.opset < 9:
        return _batched_scan(call, body, rows)
    values = call.tensors()
    if not 0 <= rows <= len(values):
        call.fail(GraphError, f"num_scan_inputs is {rows} of {len(values)} operands")
    carried, xs = values[: len(values) - rows], values[len(values) - rows :]
    stacked = len(body.outputs) - len(carried)
    axes, turned = call.list_of("scan_input_axes", [0] * rows), call.list_of("scan_input_directions", [0] * rows)
    moved = [_turned(gd.moveaxis(x, call.axis(a, x.ndim), 0), back) for x, a, back in zip(xs, axes, turned)]
    state, ys = _run(call, body, carried, moved)
    axes = call.list_of("scan_output_axes", [0] * stacked)
    turned = call.list_of("scan_output_directions", [0] * stacked)
    found = [gd.moveaxis(_turned(y, back), 0, call.axis(a, y.ndim)) for y, a, back in zip(ys, axes, turned)]
    return [*state, *found]


def _turned(x: Tensor, back: int) -> Tensor:
    return gd.flip(x, axis=0) if back else x


def _run(
    call: Call, body: GraphView, carried: Sequence[Tensor], xs: Sequence[Tensor]
) -> tuple[list[Tensor], list[Tensor]]:
    n = len(carried)

    def step(state: list[Tensor], row: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        out = [call.as_tensor(v) for v in call.importer.subgraph(body, call.scope, [*state, *row])]
        return out[:n], out[n:]

    return gd.scan(step, list(carried), list(xs))


def _batched_scan(call: Call, body: GraphView, rows: int) -> list[Value]:
    """Where an example has fewer steps than others its state stays as it is after them, and its rows are 0."""
    values = [call.tensor(i) for i in range(1, len(call))]
    n = len(values) - rows
    if n < 0 or rows < 1:
        call.fail(GraphError, f"num_scan_inputs is {rows} of {len(values)} operands")
    turned = call.list_of("directions", [0] * rows)
    lengths = [call.tensor(0)] if call.has(0) else []

    def one(example: list[Tensor]) -> list[Tensor]:
        state, xs, length = example[:n], example[n : n + rows], example[n + rows :]
        if not length:
            state, ys = _run(call, body, state, [_turned(x, back) for x, back in zip(xs, turned)])
            return [*state, *ys]
        steps = gd.arange(xs[0].shape[0])
        from_end = gd.maximum(length[0] - 1 - steps, 0)
        xs = [gd.take(x, from_end, axis=0) if back else x for x, back in zip(xs, turned)]

        def step(before: list[Tensor], row: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
            runs = row[0] < length[0]
            out = [call.as_tensor(v) for v in call.importer.subgraph(body, call.scope, [*before, *row[1:]])]
            after = [gd.where(runs, new, old) for new, old in zip(out[:n], before)]
            return after, [gd.where(runs, y, gd.zeros((), y.dtype)) for y in out[n:]]

        state, ys = gd.scan(step, state, [steps, *xs])
        return [*state, *ys]

    found: Any = gd.map(one, [*values, *lengths])
    return [*found]
