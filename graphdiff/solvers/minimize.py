"""``gd.minimize``: BFGS in one loop, with a line search by bisection.

The inverse of the Hessian is kept as Nocedal and Wright 2006 have it (equations 6.17, 6.20). A length of a step is
taken where it fulfils the weak Wolfe conditions, found by doubling and halving (Lewis and Overton 2013, algorithm 2.6);
near the minimum, where values differ by rounding alone, slopes tell a decrease (Hager and Zhang 2005, equation 4.1).
Must not know: how the derivative of the minimiser is found (implicit.py).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, overload

from ..errors import GraphError
from ..ir.dtypes import int64
from ..ir.graph import Graph
from ..ops.bodies import placeholders, types_of
from ..ops.carried import Step, settled
from ..ops.comparison import isfinite
from ..ops.control import while_loop
from ..ops.creation import eye
from ..ops.elementwise import abs as abs_
from ..ops.elementwise import minimum, stop_gradient, where
from ..ops.leaves import building_body
from ..ops.norms import norm
from ..ops.reduce import max as max_
from ..ops.reduce import sum as sum_
from ..ops.tensor import Tensor, as_tensor, fail, scalar
from ..ops.types import Same
from ..transforms.differentiate import pullback, scalar_loss, zeros_of
from .closed import Closed, Layout, Outcome, epsilon, floating, inlined, over_vector, started, steps_bound, tolerance
from .implicit import by_factors, implicit
from .root import Solution

DECREASE, CURVATURE = 1e-4, 0.9  # of the Wolfe conditions
TRIALS = 40  # of a length, until halving has nothing left


@overload
def minimize(
    f: Callable[..., Tensor],
    x0: Same,
    *args: object,
    full: Literal[False] = False,
    tol: float | None = None,
    max_steps: int = 1000,
    unsolved: Literal["nan", "check"] = "nan",
) -> Same: ...
@overload
def minimize(
    f: Callable[..., Tensor],
    x0: Same,
    *args: object,
    full: Literal[True],
    tol: float | None = None,
    max_steps: int = 1000,
    unsolved: Literal["nan", "check"] = "nan",
) -> Solution: ...
@overload
def minimize(
    f: Callable[..., Tensor],
    x0: Same,
    *args: object,
    full: Literal[False] = False,
    tol: float | None = None,
    max_steps: int = 1000,
    unsolved: Literal["status"],
) -> tuple[Same, Tensor]: ...
@overload
def minimize(
    f: Callable[..., Tensor],
    x0: Same,
    *args: object,
    full: Literal[True],
    tol: float | None = None,
    max_steps: int = 1000,
    unsolved: Literal["status"],
) -> tuple[Solution, Tensor]: ...
def minimize(
    f: Callable[..., Tensor],
    x0: Same,
    *args: object,
    full: bool = False,
    tol: float | None = None,
    max_steps: int = 1000,
    unsolved: Literal["nan", "check", "status"] = "nan",
) -> Same | Solution | tuple[Same | Solution, Tensor]:
    """The x that makes f(x, *args) smallest near ``x0``, by BFGS with a line search, in one loop.

    ``x0``: a floating Tensor or a structure of them (lists, tuples, dicts, None and dataclasses nest), and so is x;
    ``f`` gives a 0-d Tensor. ``tol``: it ends where no element of the gradient is larger; the square root of the
    dtype's epsilon unless given. Where values are so large that rounding hides what is left to gain, it ends there.
    ``max_steps``: a bound on the steps, each of which calls f once or a few times and takes O(x.size²).

    ``unsolved`` and ``full``: as of :func:`gd.root`; the residual is the largest element of the gradient.

    Derivatives of any order, in both modes, go to ``args`` and to all other Tensors that f uses: by the implicit
    function theorem, of the gradient being 0, with the Hessian as a matrix. They are as exact as x is. None goes to
    ``x0``. A monitor in f records its value at x. Raises GraphError, ShapeError, DTypeError.

    Example: a fit, and how it depends on the data ::

        w = gd.minimize(lambda w, y: gd.sum(gd.square(gd.exp(-w[0] * t) * w[1] - y)), gd.ones(2), y)
        dw = gd.jacobian(w, y)
    """
    outcome = Outcome.of("minimize", unsolved)
    steps = steps_bound("minimize", max_steps)
    problem = _closed(f, x0, args)
    x = problem.graph.inputs[0]
    value = problem.graph.outputs[0]
    (slope,), _ = pullback([value], [scalar(1, value.dtype)], [x])
    gradient = Graph("gradient", problem.graph.inputs, [zeros_of(x) if slope is None else slope])
    x, iterations, residual, solved = _bfgs(problem, gradient, tol, steps)
    outcome.checked(solved, f"minimize: no minimum in {steps} steps; begin elsewhere, or give more max_steps")
    if unsolved == "nan":
        x = where(solved, x, float("nan"))
    x = implicit("minimize", x, gradient, problem.captured, by_factors)
    problem.watch_at(x)
    found = problem.layout.built(x)
    return outcome.told(Solution(found, iterations, residual) if full else found, solved)


def _closed(f: Callable[..., Tensor], x0: Any, args: tuple[object, ...]) -> Closed:
    """The function over a vector. Where x begins at Python numbers it has the dtype of what f gives."""
    weak, tree = started("minimize", f, x0, "x0")

    def build(xs: list[Tensor]) -> Step[Any]:
        stand_ins = placeholders("x", types_of(xs))
        with building_body() as seen:
            value = as_tensor(f(tree.build(stand_ins), *args), "minimize")
        return Step(stand_ins, [value] * len(xs), (value, seen))

    xs, (stand_ins, _, (value, seen)) = settled("minimize", weak, build)
    floating("minimize", "x0", xs)
    value = scalar_loss("minimize", value)
    if value.dtype is not xs[0].dtype:
        both = f"x0 is {xs[0].dtype.name}, f(x) {value.dtype.name}"
        fail(GraphError, "minimize", f"{both}; write .astype({value.dtype.name!r})", [*xs, value])
    return over_vector(Layout(tree, xs), xs, stand_ins, [], value, seen)


def _bfgs(problem: Closed, gradient: Graph, tol: float | None, max_steps: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """x as a vector, steps, largest element of the gradient, whether it is a minimiser; no derivative goes through
    them."""
    held = [stop_gradient(v) for v in problem.captured]
    dtype = problem.layout.dtype
    eps = epsilon(dtype)
    small = eps**0.5 if tol is None else tolerance("minimize", "tol", tol)

    def at(x: Tensor) -> tuple[Tensor, Tensor]:
        """Value and gradient."""
        values = [problem.graph.outputs[0], gradient.outputs[0]]
        value, slope = inlined(values, dict(zip(gradient.inputs, [x, *held])))
        return value, slope

    def step(s: Any) -> Any:
        x, value, g, inverse, n, _, _ = s
        p = -(inverse @ g)
        downhill = sum_(p * g) < 0
        p = where(downhill, p, -g)
        slope = sum_(p * g)

        def low(length: Tensor, value1: Tensor, g1: Tensor) -> Tensor:
            flat = (value1 <= value + 10 * eps * abs_(value)) & (sum_(g1 * p) <= (2 * DECREASE - 1) * slope)
            return (value1 <= value + DECREASE * length * slope) | flat

        def steep(g1: Tensor) -> Tensor:
            return ~(sum_(g1 * p) >= CURVATURE * slope)

        def fits(s: Any) -> Tensor:
            length, _, _, value1, g1 = s
            return low(length, value1, g1) & ~steep(g1)

        def another(s: Any) -> Any:
            length, least, most, value1, g1 = s
            is_low = low(length, value1, g1)
            least, most = where(is_low, length, least), where(is_low, most, length)
            length = where(isfinite(most), (least + most) / 2, 2 * length)
            return length, least, most, *at(x + length * p)

        one = scalar(1, dtype)
        tried = while_loop(lambda s: ~fits(s), another, (one, one * 0, one / 0, *at(x + p)), TRIALS)
        length, _, _, value1, g1 = tried
        moved = fits(tried)
        d, y = length * p, g1 - g
        curvature = sum_(d * y)
        sound = moved & (curvature > eps * norm(d) * norm(y))
        scale = 1 / where(sound, curvature, 1)
        first = where(n == 0, curvature / where(sound, sum_(y * y), 1), 1) * where(n == 0, unit, inverse)
        changed = first @ y
        cross = d[:, None] * changed[None]
        more = (1 + scale * sum_(y * changed)) * scale * d[:, None] * d[None]
        inverse = where(sound, first - scale * (cross + cross.T) + more, where(downhill, inverse, unit))
        # a step that no length fulfils: rounding hides what is left to gain, or there is no minimum
        hidden = isfinite(value) & (-slope <= 1e3 * eps * abs_(value))
        is_least = where(moved, max_(abs_(g1)) <= small, hidden)
        goes_on = moved & ~is_least
        return (
            where(moved, x + d, x),
            where(moved, value1, value),
            where(moved, g1, g),
            inverse,
            n + 1,
            is_least,
            goes_on,
        )

    x = stop_gradient(problem.start)
    unit = eye(x.shape[0], dtype=dtype)
    value, g = at(x)
    is_least = max_(abs_(g)) <= small
    length = norm(g)
    inverse = unit * minimum(1, 1 / where(length > 0, length, 1))
    init = (x, value, g, inverse, scalar(0, int64), is_least, ~is_least)
    x, _, g, _, n, solved, _ = while_loop(lambda s: s[-1], step, init, max_steps)
    return x, n, max_(abs_(g)), solved
