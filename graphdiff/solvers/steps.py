"""One step of each method of ``gd.odeint``: from a state and a length to the next state, with an estimate of the error.

All on vectors and with the operations of graphs, so that the derivative of a step is that of what was computed.
Must not know: how lengths are chosen, what is between the steps' ends.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ..ir.dtypes import bool_, int64
from ..ir.graph import Graph
from ..ops.bodies import close_bodies, placeholders, types_of
from ..ops.comparison import isfinite
from ..ops.control import while_loop
from ..ops.creation import eye
from ..ops.elementwise import abs as abs_
from ..ops.elementwise import stop_gradient, where
from ..ops.joining import stack
from ..ops.linalg.solve import solve
from ..ops.rebuild import depends_on
from ..ops.reduce import all as all_
from ..ops.tensor import Tensor, scalar
from ..transforms.jacobian import jacobian
from .closed import epsilon, inlined
from .implicit import by_factors, implicit

Rate = Callable[[Tensor, Tensor], Tensor]  # (y, t) -> dy/dt


class Step(NamedTuple):
    """``y`` at the end of a step with its rate of change there, the estimated ``error`` of y, and what y is in between:
    y(start + part * length) = y(start) + sum of between[k] * part^(k+1)."""

    y: Tensor
    rate: Tensor
    error: Tensor
    between: Tensor


class Method(NamedTuple):
    """``step(rate, y, dy, t, h)``; the error of its estimate falls as h^(``order`` + 1); ``pieces``: how many terms it
    has between the ends."""

    step: Callable[..., Step]
    order: int
    pieces: int


def combined(weights: Sequence[float], rates: Sequence[Tensor]) -> Tensor:
    """The sum of weight * rate, without those of weight 0."""
    terms = [k * w for w, k in zip(weights, rates) if w]
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


# ------------------------------------------------------------------------------------------------------- Runge-Kutta


def rk4(rate: Rate, y: Tensor, t: Tensor, h: Tensor) -> Tensor:
    """The classical method of order 4."""
    k1 = rate(y, t)
    k2 = rate(y + k1 * (h / 2), t + h / 2)
    k3 = rate(y + k2 * (h / 2), t + h / 2)
    k4 = rate(y + k3 * h, t + h)
    return y + (k1 + 2 * k2 + 2 * k3 + k4) * (h / 6)


# Dormand and Prince 1980, "A family of embedded Runge-Kutta formulae", RK5(4)7M; between the steps Shampine 1986,
# "Some practical Runge-Kutta formulas", as scipy.integrate.RK45 has it
_NODES = (1 / 5, 3 / 10, 4 / 5, 8 / 9, 1.0)
_STAGES = (
    (1 / 5,),
    (3 / 40, 9 / 40),
    (44 / 45, -56 / 15, 32 / 9),
    (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
    (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
)
_WEIGHTS = (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84)
_ERROR = (-71 / 57600, 0.0, 71 / 16695, -71 / 1920, 17253 / 339200, -22 / 525, 1 / 40)
_BETWEEN = (
    (1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
    (
        -8048581381 / 2820520608,
        0.0,
        131558114200 / 32700410799,
        -1754552775 / 470086768,
        127303824393 / 49829197408,
        -282668133 / 205662961,
        40617522 / 29380423,
    ),
    (
        8663915743 / 2820520608,
        0.0,
        -68118460800 / 10900136933,
        14199869525 / 1410260304,
        -318862633887 / 49829197408,
        2019193451 / 616988883,
        -110615467 / 29380423,
    ),
    (
        -12715105075 / 11282082432,
        0.0,
        87487479700 / 32700410799,
        -10690763975 / 1880347072,
        701980252875 / 199316789632,
        -1453857185 / 822651844,
        69997945 / 29380423,
    ),
)


def _dopri5(rate: Rate, y: Tensor, dy: Tensor, t: Tensor, h: Tensor) -> Step:
    rates = [dy]
    for node, weights in zip(_NODES, _STAGES):
        rates.append(rate(y + combined(weights, rates) * h, t + node * h))
    y1 = y + combined(_WEIGHTS, rates) * h
    rates.append(rate(y1, t + h))
    between = stack([combined(weights, rates) * h for weights in _BETWEEN])
    return Step(y1, rates[-1], combined(_ERROR, rates) * h, between)


# ------------------------------------------------------------------------------------------------------- TR-BDF2

# Bank et al. 1985; Hosea and Shampine 1996, "Analysis and implementation of TR-BDF2": z = h y' at the start, at the
# stage and at the end; both equations have the matrix 1 - D h J
GAMMA = 2 - 2**0.5
D = GAMMA / 2
W = 2**0.5 / 4
_DIFFERENCE = ((1 - 4 * W) / 3, 1 / 3, -2 * D / 3)  # to the formula of order 3
NEWTON_STEPS = 10


class TrBdf2:
    """The trapezoidal rule to a stage, then the backward differentiation formula of order 2 over the start, the stage
    and the end: L-stable. ``equation``: the rate's graph over (y, t, captured)."""

    def __init__(self, equation: Graph, captured: Sequence[Tensor], rtol: float, atol: float):
        self._graph, self._captured = equation, captured
        self._rtol, self._atol = rtol, atol

    def step(self, rate: Rate, y: Tensor, dy: Tensor, t: Tensor, h: Tensor) -> Step:
        z = dy * h
        known = y + z * D
        z_stage, found = self._solved(known, z, t + GAMMA * h, h)
        y_stage = known + z_stage * D
        known = y + (z + z_stage) * W
        z1, found_1 = self._solved(known, z_stage, t + h, h)
        y1 = known + z1 * D
        # through the matrix, where stiff components make the difference large (Hosea and Shampine, section 4)
        error = solve(self._matrix(y1, t + h, h), combined(_DIFFERENCE, [z, z_stage, z1]))
        error = where(found & found_1, error, float("nan"))
        # the parabola through the start, the stage and the end
        a, b = y_stage - y, y1 - y
        curve = (b - a / GAMMA) / (1 - GAMMA)
        return Step(y1, z1 / h, error, stack([b - curve, curve]))

    def _matrix(self, y: Tensor, t: Tensor, h: Tensor) -> Tensor:
        """1 - D h J at y."""
        one = jacobian(self._graph.outputs[0], self._graph.inputs[0])
        (slopes,) = inlined([one], dict(zip(self._graph.inputs, [y, t, *self._captured])))
        return eye(y.shape[0], dtype=y.dtype) - slopes * (D * h)

    def _solved(self, known: Tensor, z: Tensor, t: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        """z = h y'(t) of y = known + D z, by Newton's method from z; and whether it was found. Its derivative is by
        the equation that it solves. Where it was not found it is 0, which has derivatives that are finite."""
        (unknown,) = placeholders("z", types_of([z]))
        (slope,) = inlined(
            self._graph.outputs[:1], dict(zip(self._graph.inputs, [known + unknown * D, t, *self._captured]))
        )
        matrix = jacobian(residual := unknown - slope * h, unknown)
        inside = depends_on([residual, matrix], [unknown])
        (graph,), captured = close_bodies("stage", [[unknown]], [[residual, matrix]], [inside])
        least = max(1e-3 * self._rtol, 10 * epsilon(z.dtype))

        def newton(s: Any) -> Any:
            z, n, _, _ = s
            r, a = inlined(graph.outputs, dict(zip(graph.inputs, [z, *captured])))
            delta = solve(a, -r)
            z1 = z + delta
            size = least * abs_(known + z1 * D) + 1e-3 * self._atol
            found = all_(abs_(delta * D) <= size)
            return z1, n + 1, found, ~found & all_(isfinite(delta))

        no, yes = scalar(False, bool_), scalar(True, bool_)
        z1, _, found, _ = while_loop(lambda s: s[3], newton, (z, scalar(0, int64), no, yes), NEWTON_STEPS)
        z1 = stop_gradient(z1)  # here, not where the steps begin, which may be outside of the loop around them
        equation = Graph("stage", graph.inputs, graph.outputs[:1])
        return implicit("odeint", where(found, z1, 0), equation, captured, by_factors), found


def method_of(name: str, equation: Graph, captured: Sequence[Tensor], rtol: float, atol: float) -> Method:
    """The method with error control of that name."""
    if name == "dopri5":
        return Method(_dopri5, 4, len(_BETWEEN))
    return Method(TrBdf2(equation, captured, rtol, atol).step, 2, 2)
