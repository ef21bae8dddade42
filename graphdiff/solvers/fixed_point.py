"""``gd.fixed_point``: fixed points by Anderson's mixing in one loop, and linear systems with a map's Jacobian by it.

x_next = g(x) - (the combination of the last differences of g that best explains the residual g(x) - x by theirs):
Walker and Ni 2011, "Anderson acceleration for fixed-point iterations", equation 2.2. Nothing is larger than a
few vectors.
Must not know: Newton's method.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, overload

from ..ir.dtypes import float32, int64
from ..ir.graph import Graph
from ..ops.arrange import part
from ..ops.bodies import close_bodies, placeholders, types_of, zeros_for
from ..ops.comparison import isfinite
from ..ops.control import while_loop
from ..ops.creation import eye, zeros
from ..ops.elementwise import abs as abs_
from ..ops.elementwise import stop_gradient, where
from ..ops.joining import concat
from ..ops.linalg.solve import solve
from ..ops.movement import matrix_transpose
from ..ops.norms import norm
from ..ops.rebuild import depends_on
from ..ops.reduce import all as all_
from ..ops.reduce import max as max_
from ..ops.tensor import Tensor, scalar
from ..ops.types import Carry, Structure
from .closed import Outcome, closed, epsilon, inlined, steps_bound, tolerance
from .implicit import implicit, pulled, pushed
from .root import Solution

HISTORY = 5  # differences that are mixed
GROWTH = 2  # of a residual from one step to the next, from where on the differences are forgotten
LINEAR_STEPS = 1000


@overload
def fixed_point(
    f: Callable[..., Carry],
    x0: Structure,
    *args: object,
    full: Literal[False] = False,
    tol: float | None = None,
    max_steps: int = 500,
    unsolved: Literal["nan", "check"] = "nan",
) -> Carry: ...
@overload
def fixed_point(
    f: Callable[..., Carry],
    x0: Structure,
    *args: object,
    full: Literal[True],
    tol: float | None = None,
    max_steps: int = 500,
    unsolved: Literal["nan", "check"] = "nan",
) -> Solution: ...
@overload
def fixed_point(
    f: Callable[..., Carry],
    x0: Structure,
    *args: object,
    full: Literal[False] = False,
    tol: float | None = None,
    max_steps: int = 500,
    unsolved: Literal["status"],
) -> tuple[Carry, Tensor]: ...
@overload
def fixed_point(
    f: Callable[..., Carry],
    x0: Structure,
    *args: object,
    full: Literal[True],
    tol: float | None = None,
    max_steps: int = 500,
    unsolved: Literal["status"],
) -> tuple[Solution, Tensor]: ...
def fixed_point(
    f: Callable[..., Carry],
    x0: Structure,
    *args: object,
    full: bool = False,
    tol: float | None = None,
    max_steps: int = 500,
    unsolved: Literal["nan", "check", "status"] = "nan",
) -> Carry | Solution | tuple[Carry | Solution, Tensor]:
    """x with x = f(x, *args), by Anderson's mixing from ``x0``, in one loop.

    ``x0``: a floating Tensor or a structure of them (lists, tuples, dicts, None and dataclasses nest); ``f`` gives the
    same structure, shapes and dtype, and so is x. ``tol``: it ends where no element of ``f(x) - x`` is larger than
    ``tol * (1 + max|x|)``; 1e-12 in float64 and 1e-5 in float32 unless given. ``max_steps``: a bound on the steps, each
    of which calls f once.

    ``unsolved`` and ``full``: as of :func:`gd.root`; the residual is the largest ``|f(x) - x|``.

    Derivatives of any order, in both modes, go to ``args`` and to all other Tensors that f uses, by the implicit
    function theorem; not to ``x0``. Its linear system is solved by the same mixing: no Jacobian is made, and x may be
    large. A monitor in f records its value at x. Raises GraphError, ShapeError, DTypeError.

    Example: an implicit layer ::

        z = gd.fixed_point(lambda z, x: gd.tanh(z @ W + x), gd.zeros_like(x), x)
    """
    outcome = Outcome.of("fixed_point", unsolved)
    steps = steps_bound("fixed_point", max_steps)
    problem = closed("fixed_point", f, x0, "x0", args)
    x, iterations, residual, solved = _mixed(problem.graph, problem.captured, problem.start, 1.0, tol, steps)
    outcome.checked(solved, f"fixed_point: no solution in {steps} steps; begin elsewhere, or give more max_steps")
    if unsolved == "nan":
        x = where(solved, x, float("nan"))
    x = implicit("fixed_point", x, _residual(problem.graph), problem.captured, _by_mixing)
    problem.watch_at(x)
    found = problem.layout.built(x)
    return outcome.told(Solution(found, iterations, residual) if full else found, solved)


def _residual(graph: Graph) -> Graph:
    """The equation of a fixed point of the graph's first result."""
    return Graph("residual", graph.inputs, [graph.outputs[0] - graph.inputs[0], *graph.outputs[1:]])


def _by_mixing(equation: Graph, operands: Sequence[Tensor], b: Tensor, transpose: bool) -> Tensor:
    """The solution w of (dF/dy) w = b, or of its transpose, for the equation F = g - y: the fixed point of the map of w
    to (dF/dy) w + w - b."""
    (w,) = placeholders("w", types_of([b]))
    product = pulled(equation, operands, w)[0] if transpose else pushed(equation, operands, {0: w})
    value = (zeros_for(b) if product is None else product) + w - b
    (graph,), captured = close_bodies("linear", [[w]], [[value]], [depends_on([value], [w])])
    found, _, _, solved = _mixed(graph, captured, -b, 0.0, None, LINEAR_STEPS)
    found = where(solved, found, float("nan"))
    return implicit("fixed_point", found, _residual(graph), captured, _by_mixing)


def _mixed(
    graph: Graph, captured: Sequence[Tensor], start: Tensor, least: float, tol: float | None, max_steps: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """x as a vector, steps, largest residual, whether it is small beside ``least`` and x; no derivative goes through
    them. ``graph``: the map over (x, captured)."""
    held = [stop_gradient(v) for v in captured]
    dtype = start.dtype
    small = (1e-5 if dtype is float32 else 1e-12) if tol is None else tolerance("fixed_point", "tol", tol)
    unit = eye(HISTORY, dtype=dtype)

    def step(s: Any) -> Any:
        x, y_before, r_before, ys, rs, n, _, _, _ = s
        (y,) = inlined([graph.outputs[0]], dict(zip(graph.inputs, [x, *held])))
        r = y - x
        largest = max_(abs_(r))
        solved = largest <= small * (least + max_(abs_(x)))
        known = (n > 0) & (norm(r) <= GROWTH * norm(r_before))
        ys = where(known, _pushed_in(y - y_before, ys), 0)
        rs = where(known, _pushed_in(r - r_before, rs), 0)
        lengths = norm(rs, axis=1)
        there = lengths > 0
        along = where(there, 1 / where(there, lengths, 1), 0)
        rows = along[:, None] * rs
        products = rows @ matrix_transpose(rows) + unit * where(there, 10 * epsilon(dtype), 1)
        weights = along * solve(products, rows @ r)
        goes_on = ~solved & all_(isfinite(r))
        return where(goes_on, y - weights @ ys, x), y, r, ys, rs, n + 1, largest, solved, goes_on

    x = stop_gradient(start)
    none = zeros((HISTORY, x.shape[0]), dtype=dtype)
    no = scalar(0, dtype)
    init = (x, x, x, none, none, scalar(0, int64), no, no > 0, no <= 0)
    x, _, _, _, _, n, largest, solved, _ = while_loop(lambda s: s[-1], step, init, max_steps)
    return x, n, largest, solved


def _pushed_in(row: Tensor, rows: Tensor) -> Tensor:
    """The rows with a new one before them, without the last."""
    return concat([row[None], part(rows, 0, 0, HISTORY - 1)])
