"""``gd.odeint``: ordinary differential equations, by a loop over the times in which a loop makes the steps.

Lengths of steps follow the error as scipy.integrate.solve_ivp has it (Hairer, Norsett and Wanner 1993, section II.4),
and are differentiated like all else: the derivative is that of the numbers computed, to rounding. A derivative by
reverse mode goes back through the steps: of each time the state is kept, of the steps from one time to the next the
states at the start of every run of √max_steps, and of one run all.
Must not know: the formulas of the methods (steps.py).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple, overload

import numpy as np

from ..errors import DTypeError, GraphError, ShapeError
from ..ir.dtypes import int64
from ..ops.bodies import placeholders, types_of
from ..ops.carried import Step as Built
from ..ops.carried import settled
from ..ops.comparison import isfinite
from ..ops.control import alike, map_, scan, while_loop
from ..ops.creation import zeros
from ..ops.elementwise import abs as abs_
from ..ops.elementwise import maximum, minimum, sign, where
from ..ops.joining import concat, stack
from ..ops.leaves import building_body, ensured
from ..ops.messages import describe
from ..ops.norms import norm
from ..ops.reduce import all as all_
from ..ops.tensor import Tensor, as_tensor, fail, scalar
from ..ops.types import Carry, Structure, TensorLike
from .closed import Closed, Layout, Outcome, epsilon, floating, inlined, over_vector, started, steps_bound, tolerance
from .steps import Rate, method_of, rk4

SAFETY, SHRINK, GROW = 0.9, 0.2, 10.0  # of the next step's length


class Trajectory(NamedTuple):
    """What ``full=True`` gives: ``y`` at the times, how many ``steps`` were tried, and the time ``reached``."""

    y: Any
    steps: Tensor
    reached: Tensor


@overload
def odeint(
    rhs: Callable[..., Carry],
    y0: Structure,
    t: TensorLike | Sequence[TensorLike],
    *args: object,
    full: Literal[False] = False,
    method: Literal["dopri5", "rk4", "bdf2"] = "dopri5",
    rtol: float = 1e-6,
    atol: float = 1e-8,
    max_steps: int = 10_000,
    unsolved: Literal["nan", "check"] = "nan",
) -> Carry: ...
@overload
def odeint(
    rhs: Callable[..., Carry],
    y0: Structure,
    t: TensorLike | Sequence[TensorLike],
    *args: object,
    full: Literal[True],
    method: Literal["dopri5", "rk4", "bdf2"] = "dopri5",
    rtol: float = 1e-6,
    atol: float = 1e-8,
    max_steps: int = 10_000,
    unsolved: Literal["nan", "check"] = "nan",
) -> Trajectory: ...
@overload
def odeint(
    rhs: Callable[..., Carry],
    y0: Structure,
    t: TensorLike | Sequence[TensorLike],
    *args: object,
    full: Literal[False] = False,
    method: Literal["dopri5", "rk4", "bdf2"] = "dopri5",
    rtol: float = 1e-6,
    atol: float = 1e-8,
    max_steps: int = 10_000,
    unsolved: Literal["status"],
) -> tuple[Carry, Tensor]: ...
@overload
def odeint(
    rhs: Callable[..., Carry],
    y0: Structure,
    t: TensorLike | Sequence[TensorLike],
    *args: object,
    full: Literal[True],
    method: Literal["dopri5", "rk4", "bdf2"] = "dopri5",
    rtol: float = 1e-6,
    atol: float = 1e-8,
    max_steps: int = 10_000,
    unsolved: Literal["status"],
) -> tuple[Trajectory, Tensor]: ...
def odeint(
    rhs: Callable[..., Carry],
    y0: Structure,
    t: TensorLike | Sequence[TensorLike],
    *args: object,
    method: Literal["dopri5", "rk4", "bdf2"] = "dopri5",
    rtol: float = 1e-6,
    atol: float = 1e-8,
    max_steps: int = 10_000,
    full: bool = False,
    unsolved: Literal["nan", "check", "status"] = "nan",
) -> Carry | Trajectory | tuple[Carry | Trajectory, Tensor]:
    """The solution of dy/dt = rhs(y, t, *args) with y(t[0]) = ``y0`` at the times ``t``: shape (len(t), *y0.shape).

    ``y0``: a floating Tensor or a structure of them (lists, tuples, dicts, None and dataclasses nest); ``rhs`` gives
    the same structure, shapes and dtype. ``t``: times that rise, or fall to go backward; numbers and arrays take the
    dtype of y0, which a Tensor must have. ``method``: "dopri5", Dormand and Prince's pair of orders 5 and 4, whose
    steps are those of SciPy's RK45; "bdf2", TR-BDF2 of order 2, for stiff equations: L-stable, each step solves two
    equations by Newton's method with the Jacobian of rhs as a matrix; "rk4", the classical method, one step from each
    time to the next without control of the error. ``rtol``, ``atol``: the error of a step is kept below
    ``atol + rtol * |y|``, with ``rtol`` at least 100 times the dtype's epsilon. Between the ends of steps there is a
    polynomial: many times cost few steps.

    ``max_steps``: a bound on all steps tried. From the time where they run out on, or where no step is small enough, y
    is NaN. ``unsolved``: "nan": that alone; "check": the call fails (FeedError) and nothing is updated; "status": the
    result is the pair of it and a bool Tensor that says whether the last time was reached. ``full``: a tuple
    (y, steps, reached): how many steps were tried and the time they got to.

    Derivatives of any order, in both modes, go to ``y0``, ``t``, ``args`` and all other Tensors that rhs uses. They are
    those of the steps as they were made, the choice of their lengths included. Reverse mode keeps the states at the
    times and about 2 √max_steps more. A monitor in rhs has a row for each time. Raises GraphError, ShapeError,
    DTypeError.

    Arguments: ``rhs``: the right side; ``y0``: where it begins; ``t``: times, of which the first is where it begins;
    ``args``: what rhs gets besides; ``method``, ``rtol``, ``atol``, ``max_steps``, ``full``, ``unsolved``: as above.

    Example::

        y = gd.odeint(lambda y, t, k: -k * y, 1.0, np.linspace(0, 1, 11), k)
    """
    outcome = Outcome.of("odeint", unsolved)
    bound = steps_bound("odeint", max_steps)
    if method not in ("dopri5", "rk4", "bdf2"):
        fail(GraphError, "odeint", f'method is "dopri5", "rk4" or "bdf2", got {method!r}')
    rtol, atol = tolerance("odeint", "rtol", rtol), tolerance("odeint", "atol", atol)
    problem, times = _closed(rhs, y0, t, args)
    if method == "rk4":
        found = _on_grid(problem, times, bound)
    else:
        least = 100 * epsilon(problem.layout.dtype)
        found = _controlled(problem, times, method, max(rtol, least), atol, bound)
    ys, steps, reached = found
    solved = reached == times[-1]
    outcome.checked(solved, f"odeint: the steps ran out before the last time; give more than max_steps={bound}")
    if problem.watchers:
        map_(lambda row: problem.watch_at(*row), (ys, times))
    result = problem.layout.built(ys, (times.shape[0],))
    return outcome.told(Trajectory(result, steps, reached) if full else result, solved)


def _closed(rhs: Callable[..., Any], y0: Structure, t: Any, args: tuple[object, ...]) -> tuple[Closed, Tensor]:
    """The right side over (y as a vector, t), and the times."""
    weak, tree = started("odeint", rhs, y0, "y0")
    if isinstance(t, (list, tuple)) and any(isinstance(x, Tensor) for x in t):
        t = stack(t)
    if isinstance(t, Tensor):  # numbers meet it
        weak = [x if isinstance(x, Tensor) else as_tensor(x, "odeint", t.dtype) for x in weak]

    def build(ys: list[Tensor]) -> Built[Any]:
        stand_ins = placeholders("y", types_of(ys))
        now = placeholders("t", [((), ys[0].dtype)])
        with building_body() as seen:
            result = rhs(tree.build(stand_ins), now[0], *args)
        after = tree.spread("odeint", result, "y0", "rhs(y, t)", operands=ys)
        return Built(stand_ins, after, (now, result, seen))

    ys, (stand_ins, _, (now, result, seen)) = settled("odeint", weak, build)
    floating("odeint", "y0", ys)
    layout = Layout(tree, ys)
    after = alike("odeint", ys, tree, result, ("y0", "rhs(y, t)"))
    problem = over_vector(layout, ys, stand_ins, now, layout.packed(after), seen)
    return problem, _times(t, layout.dtype)


def _times(t: Any, dtype: np.dtype) -> Tensor:
    """``t`` in the dtype of the state; a call fails where they are in no order. Raises ShapeError, DTypeError."""
    times = as_tensor(t if isinstance(t, Tensor) else np.asarray(t, dtype), "odeint")
    if times.dtype is not dtype:
        fail(DTypeError, "odeint", f"y0 is {dtype.name}, t {times.dtype.name}; write .astype({dtype.name!r})", [times])
    if times.ndim != 1 or times.shape[0] == 0:
        fail(ShapeError, "odeint", f"t is a vector of one time or more, got {describe(times)}", [times])
    moved = times[1:] - times[:-1]
    in_order = all_(moved >= 0) | all_(moved <= 0)
    return where(ensured(in_order, "odeint: the times neither rise nor fall throughout; sort them"), times, 0)


# ------------------------------------------------------------------------------------------------------- fixed steps


def _on_grid(problem: Closed, times: Tensor, bound: int) -> tuple[Tensor, Tensor, Tensor]:
    """y at the times, steps, the time reached: one step from each time to the next."""

    def step(carry: Any, ends: Any) -> Any:
        y, n, _ = carry
        t0, t1 = ends
        y = where(n < bound, rk4(_rate(problem), y, t0, t1 - t0), float("nan"))
        n = minimum(n + 1, bound)
        return (y, n, where(all_(isfinite(y)), t1, carry[2])), y

    start = (problem.start, scalar(0, int64), times[0])
    (_, n, reached), ys = scan(step, start, (times[:-1], times[1:]))
    return concat([problem.start[None], ys]), n, reached


def _rate(problem: Closed) -> Rate:
    graph = problem.graph

    def rate(y: Tensor, t: Tensor) -> Tensor:
        return inlined(graph.outputs[:1], dict(zip(graph.inputs, [y, t, *problem.captured])))[0]

    return rate


# ------------------------------------------------------------------------------------------- steps by their error


class _Now(NamedTuple):
    """Where the integration stands: the state at ``t``, the length of the next step, whether the last was refused, the
    last step that was taken, how many were tried, and whether it can go on."""

    t: Tensor
    y: Tensor
    dy: Tensor
    length: Tensor
    refused: Tensor
    from_t: Tensor
    from_y: Tensor
    taken: Tensor
    between: Tensor
    tried: Tensor
    alive: Tensor


def _controlled(
    problem: Closed, times: Tensor, name: str, rtol: float, atol: float, bound: int
) -> tuple[Tensor, Tensor, Tensor]:
    """y at the times, steps tried, the time reached."""
    rate = _rate(problem)
    method = method_of(name, problem.graph, problem.captured, rtol, atol)
    y, end = problem.start, times[-1]
    way = sign(end - times[0])
    dy = rate(y, times[0])
    length = _first_length(rate, y, dy, times[0], end, way, rtol, atol, method.order)
    no = way * 0 > 0
    none = zeros((method.pieces, *y.shape), dtype=y.dtype)
    now = _Now(times[0], y, dy, length, no, times[0], y, way * 0 + 1, none, scalar(0, int64), ~no)
    run = math.isqrt(bound - 1) + 1

    def attempt(s: _Now) -> _Now:
        eps = 10 * epsilon(y.dtype)
        smallest = eps * abs_(s.t)
        length = maximum(s.length, smallest)
        last = length >= abs_(end - s.t)
        t1 = where(last, end, s.t + way * length)
        h = t1 - s.t
        made = method.step(rate, s.y, s.dy, s.t, h)
        scale = atol + rtol * maximum(abs_(s.y), abs_(made.y))
        error = _size(made.error / scale)
        good = error < 1  # not so for NaN
        some = where(error > 0, error, 1)
        power = where(error > 0, some ** (-1 / (method.order + 1)), GROW / SAFETY)
        grown = minimum(where(s.refused, 1.0, GROW), SAFETY * power)
        shrunk = where(isfinite(error), maximum(SHRINK, SAFETY * power), SHRINK)
        after = abs_(h) * where(good, grown, shrunk)
        return _Now(
            where(good, t1, s.t),
            where(good, made.y, s.y),
            where(good, made.rate, s.dy),
            after,
            ~good,
            where(good, s.t, s.from_t),
            where(good, s.y, s.from_y),
            where(good, h, s.taken),
            where(good, made.between, s.between),
            s.tried + 1,
            good | (after >= smallest),
        )

    def to(s: _Now, target: Tensor) -> tuple[_Now, Tensor]:
        def goes_on(s: _Now) -> Tensor:
            return (way * (target - s.t) > 0) & (s.tried < bound) & s.alive

        s = while_loop(goes_on, lambda s: while_loop(goes_on, attempt, s, run), s, run)
        part = (target - s.from_t) / s.taken
        there = s.from_y
        power = part
        for k in range(method.pieces):
            there = there + s.between[k] * power
            power = power * part
        return s, where(way * (target - s.t) <= 0, there, float("nan"))

    now, ys = scan(to, now, times[1:])
    return concat([y[None], ys]), now.tried, now.t


def _size(x: Tensor) -> Tensor:
    """The root of the mean of squares."""
    return norm(x) / x.shape[0] ** 0.5


def _first_length(
    rate: Rate, y: Tensor, dy: Tensor, t: Tensor, end: Tensor, way: Tensor, rtol: float, atol: float, order: int
) -> Tensor:
    """The first step's length, from the sizes of the first and second derivative."""
    scale = atol + rtol * abs_(y)
    d0, d1 = _size(y / scale), _size(dy / scale)
    whole = abs_(end - t)
    tiny = (d0 < 1e-5) | (d1 < 1e-5)
    h = minimum(where(tiny, 1e-6, 0.01 * d0 / where(tiny, 1, d1)), whole)
    moved = where(h > 0, h, 1)
    d2 = _size((rate(y + dy * (way * h), t + way * h) - dy) / scale) / moved
    largest = maximum(d1, d2)
    flat = largest <= 1e-15
    other = where(flat, maximum(1e-6, 1e-3 * h), (0.01 / where(flat, 1, largest)) ** (1 / (order + 1)))
    return minimum(minimum(100 * h, other), whole)
