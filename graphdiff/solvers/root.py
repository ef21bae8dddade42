"""``gd.root``: equations solved by Newton's method in one loop.

Each step solves with the whole Jacobian and halves its length until the residual falls (Dennis and Schnabel 1983,
algorithm A6.3.1 without its interpolation).
Must not know: how the derivative of the solution is found (implicit.py).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple, overload

from ..ir.dtypes import int64
from ..ops.comparison import isfinite
from ..ops.control import while_loop
from ..ops.elementwise import abs as abs_
from ..ops.elementwise import stop_gradient, where
from ..ops.linalg.solve import solve
from ..ops.norms import norm
from ..ops.reduce import all as all_
from ..ops.reduce import max as max_
from ..ops.tensor import Tensor, scalar
from ..ops.types import Carry, Structure
from .closed import Closed, Outcome, closed, epsilon, inlined, steps_bound, tolerance
from .implicit import by_factors, implicit, whole_jacobian

HALVINGS = 40  # of a step, until nothing of it is left in float64
DECREASE = 1e-4  # of the residual for a whole step, as a part of it


class Solution(NamedTuple):
    """What ``full=True`` gives: ``x``, how many ``iterations`` it took, and the largest element of the residual."""

    x: Any
    iterations: Tensor
    residual: Tensor


@overload
def root(
    f: Callable[..., Carry],
    x0: Structure,
    *args: object,
    full: Literal[False] = False,
    tol: float | None = None,
    max_steps: int = 100,
    unsolved: Literal["nan", "check"] = "nan",
) -> Carry: ...
@overload
def root(
    f: Callable[..., Carry],
    x0: Structure,
    *args: object,
    full: Literal[True],
    tol: float | None = None,
    max_steps: int = 100,
    unsolved: Literal["nan", "check"] = "nan",
) -> Solution: ...
@overload
def root(
    f: Callable[..., Carry],
    x0: Structure,
    *args: object,
    full: Literal[False] = False,
    tol: float | None = None,
    max_steps: int = 100,
    unsolved: Literal["status"],
) -> tuple[Carry, Tensor]: ...
@overload
def root(
    f: Callable[..., Carry],
    x0: Structure,
    *args: object,
    full: Literal[True],
    tol: float | None = None,
    max_steps: int = 100,
    unsolved: Literal["status"],
) -> tuple[Solution, Tensor]: ...
def root(
    f: Callable[..., Carry],
    x0: Structure,
    *args: object,
    full: bool = False,
    tol: float | None = None,
    max_steps: int = 100,
    unsolved: Literal["nan", "check", "status"] = "nan",
) -> Carry | Solution | tuple[Carry | Solution, Tensor]:
    """x with f(x, *args) = 0, by Newton's method from ``x0``, in one loop.

    ``x0``: a floating Tensor or a structure of them (lists, tuples, dicts, None and dataclasses nest); ``f`` gives the
    same structure, shapes and dtype, and so is x. A step that raises the residual is halved. ``tol``: a step of which
    no element is larger than ``tol * (1 + |x|)`` is the last one; the square root of the dtype's epsilon unless given,
    since the error after it is of the order of its square. ``max_steps``: a bound on the steps.

    ``unsolved``: what is given where that finds no root, "nan": NaN; "check": the call fails (FeedError) and nothing is
    updated; "status": what was reached, and the result is the pair of it and a bool Tensor that says whether it is a
    root. ``full``: a tuple (x, iterations, residual), the residual being the largest ``|f(x)|``.

    Derivatives of any order, in both modes, go to ``args`` and to all other Tensors that f uses, by the implicit
    function theorem; not to ``x0``. Each step, and each derivative, takes the Jacobian of f as a matrix of x.size by
    x.size: for a large x see :func:`gd.fixed_point`. A monitor in f records its value at x.
    Raises GraphError, ShapeError, DTypeError.

    Example::

        x = gd.root(lambda x, a: x * x * x - a, 1.0, a)     # the cube root of a
    """
    outcome = Outcome.of("root", unsolved)
    steps = steps_bound("root", max_steps)
    problem = closed("root", f, x0, "x0", args)
    x, iterations, residual, solved = _newton(problem, tol, steps)
    outcome.checked(solved, f"root: no solution in {steps} steps; begin elsewhere, or give more max_steps")
    if unsolved == "nan":
        x = where(solved, x, float("nan"))
    x = implicit("root", x, problem.graph, problem.captured, by_factors)
    problem.watch_at(x)
    found = problem.layout.built(x)
    return outcome.told(Solution(found, iterations, residual) if full else found, solved)


def _newton(problem: Closed, tol: float | None, max_steps: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """x as a vector, steps, largest residual, whether it is a root; no derivative goes through them."""
    graph, held = problem.graph, [stop_gradient(v) for v in problem.captured]
    matrix = whole_jacobian(graph)
    small = epsilon(problem.layout.dtype) ** 0.5 if tol is None else tolerance("root", "tol", tol)

    def at(x: Tensor, value: Tensor) -> Tensor:
        return inlined([value], dict(zip(graph.inputs, [x, *held])))[0]

    def residual_at(x: Tensor) -> Tensor:
        return at(x, graph.outputs[0])

    def is_zero(r: Tensor) -> Tensor:
        return all_(r == 0)

    def step(s: Any) -> Any:
        x, r, n, _, _ = s
        delta = solve(at(x, matrix), -r)
        part = abs_(delta) / (1 + abs_(x))
        last, size = all_(part <= small), norm(r)

        def falls(length: Tensor, r1: Tensor) -> Tensor:
            return last | (norm(r1) <= (1 - DECREASE * length) * size)

        def halved(s: Any) -> Any:
            x1 = x + s[0] / 2 * delta
            return s[0] / 2, x1, residual_at(x1)

        first = (scalar(1, r.dtype), x + delta, residual_at(x + delta))
        length, x1, r1 = while_loop(lambda s: ~falls(s[0], s[2]), halved, first, HALVINGS)
        moved = falls(length, r1)
        # where no step lowers the residual it is down to rounding, or x is no root
        solved = where(moved, (last & all_(isfinite(r1))) | is_zero(r1), all_(part <= 100 * small))
        return where(moved, x1, x), where(moved, r1, r), n + 1, solved, moved & ~solved

    x = stop_gradient(problem.start)
    r = residual_at(x)
    start = (x, r, scalar(0, int64), is_zero(r), ~is_zero(r))
    x, r, n, solved, _ = while_loop(lambda s: s[4], step, start, max_steps)
    return x, n, max_(abs_(r)), solved
