"""Divided differences: what stands in derivatives of eigenvectors, of singular vectors and of functions made of them.

Where two values are closer than they are known to be, a quotient by their difference is noise. A function whose slope
is known has a limit there; anything else has NaN, never a finite number that is wrong.
Must not know: any particular operation of ``gd.linalg``, graphs.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ...ir.dims import Size
from ..comparison import equal, greater, less_equal, logical_and, logical_not, logical_or
from ..elementwise import abs as abs_
from ..elementwise import reciprocal, where
from ..gather import positions
from ..movement import broadcast_to, expand_dims, place
from ..tensor import Tensor, scalar
from .matrices import largest

NAN = float("nan")
NEAR = 32.0  # times the rounding of the largest: as near as this eigenvalues of one matrix are not told apart
ROUNDING = 16.0  # that of a difference of two function values, in units of the last place of the values


def _eps(x: Tensor) -> float:
    return float(np.finfo(x.dtype).eps)


def _largest(x: Tensor) -> Tensor:
    """The largest magnitude along the last dimension, kept; with one dimension more to meet matrices."""
    if x.shape[-1] == 0:
        return expand_dims(x, -1)  # there is none, and as many to meet
    return expand_dims(largest(x, (-1,)), -1)


def _noise(w: Tensor) -> Tensor:
    return _largest(w) * (NEAR * _eps(w))


def _on_diagonal(n: Size) -> Tensor:
    return equal(positions((n, n), 0), positions((n, n), 1))


def off_diagonal(x: Tensor) -> Tensor:
    """Matrices with 0 on the diagonal."""
    return where(_on_diagonal(x.shape[-1]), 0, x)


def told_apart(r: Tensor) -> Tensor:
    """Whether the elements of matrices are told apart from 0."""
    if 0 in r.shape:
        return equal(r, r)
    return greater(abs_(r), largest(r, (-2, -1)) * (NEAR * _eps(r)))


def used(g: Tensor | None, axis: int) -> Tensor | None:
    """Where along ``axis`` the parts of ``g`` lie that are other than 0 by the way it was made: 1 or more there, 0
    elsewhere; None: anywhere. What a slice's cotangent leaves out has not been used."""
    if g is None:
        return None
    total = None
    todo = [g]
    while todo:
        node = todo.pop().node
        if node.op.name == "add" and all(v.shape == g.shape for v in node.inputs) and len(todo) < 64:
            todo += node.inputs
            continue
        if node.op.name != "place" or node.inputs[1].node.op.name != "constant":
            return None
        x, fill = node.inputs
        if x.shape[axis] == g.shape[axis] or fill.node.attrs["value"] != 0:
            return None
        ones = broadcast_to(scalar(1, g.dtype), (x.shape[axis],))
        a = node.attrs
        part = place(ones, 0, shape=(g.shape[axis],), starts=(a["starts"][axis],), steps=(a["steps"][axis],))
        total = part if total is None else total + part
    return total


def inverse_differences(w: Tensor, columns: Tensor | None = None) -> Tensor:
    """1 / (w_j - w_i) at (i, j), 0 on the diagonal, NaN where the two are not told apart; there 0 where neither is
    among the ``columns`` that are used."""
    apart = expand_dims(w, -2) - expand_dims(w, -1)
    found = where(less_equal(abs_(apart), _noise(w)), NAN, reciprocal(apart))
    zero = _on_diagonal(w.shape[-1])
    if columns is not None:
        zero = logical_or(zero, equal(expand_dims(columns, -2) + expand_dims(columns, -1), 0))
    return where(zero, 0, found)


def inverse(s: Tensor) -> Tensor:
    """1 / s of what is not negative; NaN where it is not told apart from 0."""
    return where(less_equal(s, _noise(s)[..., 0]), NAN, reciprocal(s))


def _limit(fits: Tensor, slope: Tensor, near: Tensor, quotient: Tensor) -> Tensor:
    return where(fits, slope, where(near, NAN, quotient))


class Differences(NamedTuple):
    """Of f at values w, in matrices over pairs of these: (d_j - d_i) / (w_j - w_i), and what that may be off by."""

    values: Tensor
    error: Tensor


def divided_differences(w: Tensor, d: Tensor, slope: Tensor) -> Differences:
    """(d_j - d_i) / (w_j - w_i) at (i, j) for d = f(w) with derivative ``slope``, which the diagonal has: the matrix of
    Daleckii and Krein.

    The mean of both slopes is taken where it says what the difference of the values says, to the rounding of that:
    there it is the more accurate. Values of w that are not told apart have it if d and slope are the same at both, to
    what that rounding leaves; else there is no limit, and it is NaN.
    """
    eps = _eps(w)
    apart, rise = expand_dims(w, -2) - expand_dims(w, -1), expand_dims(d, -2) - expand_dims(d, -1)
    mean = (expand_dims(slope, -2) + expand_dims(slope, -1)) * 0.5
    noise, steepest = _noise(w), _largest(slope)
    near = less_equal(abs_(apart), noise)
    size = expand_dims(abs_(d), -2) + expand_dims(abs_(d), -1)
    rounding = size * (ROUNDING * eps)
    allowed = where(near, steepest * noise + _largest(d) * (ROUNDING * eps), rounding)
    turn = abs_(expand_dims(slope, -2) - expand_dims(slope, -1))
    same = logical_or(logical_not(near), less_equal(turn, steepest * float(np.sqrt(eps))))
    fits = logical_and(less_equal(abs_(mean * apart - rise), allowed), same)
    error = abs_(mean) * (ROUNDING * eps) + where(near, 0, rounding / abs_(apart))
    return Differences(_limit(fits, mean, near, rise / apart), error)


def second_differences(w: Tensor, first: Differences, curvature: Tensor) -> Tensor:
    """f[w_i, w_k, w_j] at (i, k, j), the divided differences of ``first``; ``curvature``: f's second derivative.

    Of the three differences that give one the widest is taken, and half the mean curvature where it says the same to
    what ``first`` may be off by; where no two are told apart and it does not, NaN.
    """
    left, middle, right = (expand_dims(w, axes) for axes in ((-1, -2), (-1, -3), (-2, -3)))
    over = ((-1, middle - left), (-2, right - left), (-3, right - middle))  # i and k, i and j, k and j

    def between(x: Tensor) -> list[Tensor]:
        return [expand_dims(x, axis) for axis, _ in over]

    slopes, errors = between(first.values), between(first.error)
    (_, ik), (_, ij), (_, kj) = over
    # the widest gap, the rise over it, and by how much that may be wrong
    gap, rise, error = ij, slopes[2] - slopes[0], errors[2] + errors[0]
    for other, up, doubt in (
        (ik, slopes[2] - slopes[1], errors[2] + errors[1]),
        (kj, slopes[1] - slopes[0], errors[1] + errors[0]),
    ):
        wider = greater(abs_(other), abs_(gap))
        gap, rise, error = where(wider, other, gap), where(wider, up, rise), where(wider, doubt, error)
    left, middle, right = (expand_dims(curvature, axes) for axes in ((-1, -2), (-1, -3), (-2, -3)))
    mean = (left + middle + right) * (1 / 6)
    eps, noise = _eps(w), expand_dims(_noise(w), -1)
    near = less_equal(abs_(gap), noise)
    most, steepest = expand_dims(_largest(curvature), -1), expand_dims(_largest(_largest(first.values)[..., 0, 0]), -1)
    error = error + where(near, most * noise + steepest * (ROUNDING * eps), 0)
    turn = abs_(middle - left) + abs_(right - left)
    same = logical_or(logical_not(near), less_equal(turn, most * float(np.sqrt(eps))))
    fits = logical_and(less_equal(abs_(mean * gap - rise), error), same)
    return _limit(fits, mean, near, rise / gap)


def divided_sums(s: Tensor, d: Tensor, slope: Tensor) -> Tensor:
    """(d_j + d_i) / (s_j + s_i) at (i, j) for d = f(s) of what is not negative: where both are 0 the slope if f is odd,
    else NaN."""
    total, rise = expand_dims(s, -2) + expand_dims(s, -1), expand_dims(d, -2) + expand_dims(d, -1)
    mean = (expand_dims(slope, -2) + expand_dims(slope, -1)) * 0.5
    noise = _noise(s)
    allowed = _largest(slope) * noise + _largest(d) * (ROUNDING * _eps(s))
    near = less_equal(total, noise)
    return _limit(logical_and(near, less_equal(abs_(rise), allowed)), mean, near, rise / total)


def quotients(s: Tensor, d: Tensor, slope: Tensor) -> Tensor:
    """d / s for d = f(s) of what is not negative: where s is 0 the slope if f(0) is 0, else NaN."""
    noise = _noise(s)[..., 0]
    allowed = _largest(slope)[..., 0] * noise + _largest(d)[..., 0] * (ROUNDING * _eps(s))
    near = less_equal(s, noise)
    return _limit(logical_and(near, less_equal(abs_(d), allowed)), slope, near, d / s)
