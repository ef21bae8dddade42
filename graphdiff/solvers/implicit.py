"""The implicit function theorem as a rule: the derivatives of what solves an equation, from the equation alone.

Where F(y, p) = 0, the tangent of y solves (dF/dy) t = -(dF/dp) tp; and the cotangent of p is -(dF/dp)^T w where w
solves (dF/dy)^T w = g (Griewank and Walther 2008, chapter 15). Both are made of y itself, so derivatives of any order
follow.
Must not know: how the equation was solved.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..ir.dtypes import FLOATS
from ..ir.graph import Graph
from ..ir.node import Value
from ..ops.bodies import placeholders, types_of
from ..ops.customize import implied
from ..ops.linalg.solve import solve
from ..ops.movement import matrix_transpose
from ..ops.tensor import Tensor
from ..transforms.differentiate import pullback, pushforward
from ..transforms.jacobian import jacobian
from .closed import inlined

# (the equation over (y, operands), those, right side, whether transposed) -> the solution of (dF/dy) w = right side
Linear = Callable[[Graph, Sequence[Tensor], Tensor, bool], Tensor]


def implicit(name: str, y: Tensor, equation: Graph, operands: Sequence[Tensor], linear: Linear) -> Tensor:
    """``y``, which solves ``equation`` over (y, operands): its first result is 0. ``name``: for people."""

    def vjp(g: Tensor, y: Tensor, *xs: Tensor, equation: Graph) -> tuple[Tensor | None, ...]:
        w = linear(equation, [y, *xs], g, True)
        return tuple(None if t is None else -t for t in pulled(equation, [y, *xs], w)[1:])

    def jvp(ts: Sequence[Tensor], y: Tensor, *xs: Tensor, equation: Graph) -> Tensor | None:
        moving = [i for i, x in enumerate(xs) if x.dtype in FLOATS]
        t = pushed(equation, [y, *xs], {1 + i: ts[i] for i in moving})
        return None if t is None else linear(equation, [y, *xs], -t, False)

    return implied(name, y, equation, operands, vjp, jvp)


def pulled(equation: Graph, operands: Sequence[Tensor], g: Tensor) -> list[Tensor | None]:
    """The cotangents of all operands of an equation for one of its first result."""
    inputs, result = equation.inputs, equation.outputs[0]
    (seed,) = placeholders("g", types_of([g]))
    ids = [i for i, x in enumerate(inputs) if x.dtype in FLOATS]
    found, _ = pullback([result], [seed], [inputs[i] for i in ids])
    return _at(equation, operands, dict(zip(ids, found)), {seed: g}, len(inputs))


def pushed(equation: Graph, operands: Sequence[Tensor], ts: dict[int, Tensor]) -> Tensor | None:
    """The tangent of an equation's first result for those of operands by their number."""
    seeds = placeholders("t", types_of(list(ts.values())))
    (found,) = pushforward([equation.outputs[0]], [equation.inputs[i] for i in ts], seeds)
    return _at(equation, operands, {0: found}, dict(zip(seeds, ts.values())), 1)[0]


def _at(
    equation: Graph, operands: Sequence[Tensor], found: dict[int, Any], more: dict[Value, Tensor], n: int
) -> list[Tensor | None]:
    known = [i for i, x in found.items() if x is not None]
    swap = dict(zip(equation.inputs, operands)) | more
    out: list[Tensor | None] = [None] * n
    for i, x in zip(known, inlined([found[i] for i in known], swap)):
        out[i] = x
    return out


def whole_jacobian(equation: Graph) -> Tensor:
    """The Jacobian of the first result by the first argument, over the arguments of the graph."""
    return jacobian(equation.outputs[0], equation.inputs[0])


def by_factors(equation: Graph, operands: Sequence[Tensor], b: Tensor, transpose: bool) -> Tensor:
    """The linear system solved by the whole Jacobian's factors."""
    (a,) = inlined([whole_jacobian(equation)], dict(zip(equation.inputs, operands)))
    return solve(matrix_transpose(a) if transpose else a, b)
