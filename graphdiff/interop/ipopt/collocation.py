"""Optimal control as a nonlinear program: states and controls on a grid, and the equations between its points.

Owns: the two schemes. Source: Betts, Practical Methods for Optimal Control (2010), sections 4.5 to 4.7; Kelly 2017,
doi:10.1137/16M1062569. Must not know: solvers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import graphdiff as gd

from ...errors import GraphError
from ...ops.leaves import input as input_leaf
from ...ops.messages import where_am_i
from ...ops.tensor import Tensor


class Collocation:
    """``x``: states, (intervals + 1, n_states), and ``u``: controls, (intervals + 1, n_controls), inputs of float64;
    ``t``: the times, a Tensor; ``defects``: what is 0 where the dynamics hold, (intervals, n_states); ``integral(g)``:
    of ``g(x, u)`` over time."""

    def __init__(self, dynamics: Callable[..., Any], x: Tensor, u: Tensor, duration: Any, scheme: str):
        n = int(x.shape[0]) - 1
        self.x, self.u, self._scheme = x, u, scheme
        self._step = gd.divide(gd.constant(duration, "float64") if not isinstance(duration, Tensor) else duration, n)
        self.t = self._step * gd.arange(n + 1, dtype="float64")
        slopes = gd.vmap(dynamics)(x, u)
        if not isinstance(slopes, Tensor) or slopes.shape != x.shape:
            got = getattr(slopes, "shape", type(slopes).__name__)
            told = f"the dynamics give one number a state, {tuple(x.shape)} in all, got {got}"
            raise GraphError(f"collocation: {told}; write gd.stack([...]) of {x.shape[1]} numbers", source=where_am_i())
        moved = x[1:] - x[:-1]
        if scheme == "trapezoid":
            self.defects = moved - self._step / 2 * (slopes[1:] + slopes[:-1])
            return
        self._middle = (x[1:] + x[:-1]) / 2 - self._step / 8 * (slopes[1:] - slopes[:-1])
        self._middle_u = (u[1:] + u[:-1]) / 2
        inside = gd.vmap(dynamics)(self._middle, self._middle_u)
        self.defects = moved - self._step / 6 * (slopes[:-1] + 4 * inside + slopes[1:])

    def integral(self, g: Callable[..., Tensor]) -> Tensor:
        """The integral of ``g(x, u)``, a number a point, over time, by the scheme's rule."""
        at = gd.vmap(g)(self.x, self.u)
        if self._scheme == "trapezoid":
            return self._step * gd.sum(at[1:] + at[:-1]) / 2
        inside = gd.vmap(g)(self._middle, self._middle_u)
        return self._step * gd.sum(at[:-1] + 4 * inside + at[1:]) / 6


def collocation(
    dynamics: Callable[..., Any],
    n_states: int,
    n_controls: int,
    intervals: int,
    duration: float | Tensor,
    scheme: Literal["trapezoid", "hermite_simpson"] = "trapezoid",
) -> Collocation:
    """The states and controls of an optimal-control problem on a grid of equal steps, and the equations between them.

    ``dynamics(x, u)``: the slope of the states (n_states,) at one point, of Tensors; ``duration``: a number, or a
    Tensor for a free end. Order 2 for the trapezoid, 4 for Hermite and Simpson. Raises GraphError.

    Example::

        c = gd.interop.ipopt.collocation(lambda x, u: gd.stack([x[1], u[0]]), 2, 1, 50, 1.0)
        ends = [(c.defects, 0, 0), (c.x[0], 0, 0), (c.x[-1], [1, 0], [1, 0])]
        found = gd.interop.ipopt.Problem(c.integral(lambda x, u: u[0] ** 2), [c.x, c.u], ends).solve(start)
    """
    if scheme not in ("trapezoid", "hermite_simpson") or intervals < 1:
        raise GraphError(
            f'collocation: scheme is "trapezoid" or "hermite_simpson" and there is an interval, got {scheme!r} and '
            f"{intervals}",
            source=where_am_i(),
        )
    x, u = (input_leaf(None, (intervals + 1, n), "float64") for n in (n_states, n_controls))
    return Collocation(dynamics, x, u, duration, scheme)
