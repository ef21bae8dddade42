"""Special functions that ONNX has not, of operations that it has.

In float64 their errors are below 1e-13 of the larger of the value and 1; those of lgamma are absolute near its zeros.
What a runtime's Erf, Log and Exp miss comes on top.
"""

from __future__ import annotations

import math
from typing import Any

import graphdiff as gd

from .....ops.tensor import Tensor
from ..operators import operator
from ..table import Given, Writing, writes

# (1 + 2 x) exp(x^2) erfc(x) as a Chebyshev series in (x - 3.75) / (x + 3.75), after Shepherd and Laframboise 1981; the
# coefficients are of a fit with 40 digits
_SCALED = (
    *(1.1775789345674017, -0.004590054580646478, -0.08424913336651792, 0.05920993999819189),
    *(-0.026658668435305753, 0.009074997670705265, -0.002413163540417608, 0.0004907758365258086),
    *(-6.916973302501207e-05, 4.13902798607301e-06, 7.74038306619849e-07, -2.1886401049234397e-07),
    *(1.076499946567091e-08, 4.521959811218287e-09, -7.754400208831351e-10, -6.318088340886684e-11),
    *(2.86879501093067e-11, 1.9455868545777347e-13, -9.65469674843344e-13, 3.25254814814874e-14),
    *(3.3478119482868056e-14, -1.8645628804193134e-15, -1.250795053068865e-15, 7.418235256624013e-17),
)
# of Stirling's series, B_2k / (2 k (2 k - 1)), and of digamma's, B_2k / (2 k)
_STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360)
_DIGAMMA = (1 / 12, -1 / 120, 1 / 252, -1 / 240, 1 / 132, -691 / 32760)
_FAR = 8  # from where the series have their digits


def _polynomial(x: Tensor, coefficients: Any) -> Tensor:
    total: Any = coefficients[-1]
    for c in coefficients[-2::-1]:
        total = total * x + c
    return total


def _clenshaw(s: Tensor, coefficients: Any) -> Tensor:
    b, after = s * 0, s * 0
    for c in coefficients[:0:-1]:
        b, after = 2 * s * b - after + c, b
    return s * b - after + coefficients[0]


def _erf(x: Tensor) -> Tensor:
    return operator("Erf", [x], x)


@writes("erfc")
def _erfc(w: Writing) -> Given:
    return erfc(w.x)


def erfc(x: Tensor) -> Tensor:
    return gd.where(gd.abs(x) < 0.5, 1 - _erf(x), erfc_by_series(x))


def erfc_by_series(x: Tensor) -> Tensor:
    """Without Erf, with all digits where x is 0.5 or more."""
    z = gd.minimum(gd.abs(x), 1e3)
    scaled = _clenshaw((z - 3.75) / (z + 3.75), _SCALED) / (1 + 2 * z)
    a = gd.round(z * 16) / 16  # of few digits: its square is exact
    tail = scaled * gd.exp(-a * a) * gd.exp((a - z) * (a + z))
    return gd.where(x < 0, 2 - tail, tail)


@writes("erfinv")
def _erfinv(w: Writing) -> Given:
    """After Giles 2012, and two steps of Halley's from there."""
    x = w.x
    u = gd.abs(x)
    rest = 1 - u
    p = -gd.log(rest * (1 + u))
    near = _polynomial(p - 2.5, _GILES_NEAR)
    far = _polynomial(gd.sqrt(gd.maximum(p, 5)) - 3, _GILES_FAR)
    y = gd.where(p < 5, near, far) * u
    for _ in range(2):
        miss = gd.where(u < 0.5, _erf(y) - u, rest - erfc(y))
        step = miss * (math.sqrt(math.pi) / 2) * gd.exp(y * y)
        y = y - step / (1 + y * step)
    y = gd.where(gd.equal(u, 1), math.inf, gd.where(u > 1, math.nan, y))
    return gd.where(x < 0, -y, y)


_GILES_NEAR = (
    *(1.50140941, 0.246640727, -0.00417768164, -0.00125372503, 0.000218580870),
    *(-4.39150654e-06, -3.5233877e-06, 3.43273939e-07, 2.81022636e-08),
)
_GILES_FAR = (
    *(2.83297682, 1.00167406, 0.00943887047, -0.0076224613, 0.00573950773),
    *(-0.00367342844, 0.00134934322, 0.000100950558, -0.000200214257),
)


def _shifted(x: Tensor) -> Tensor:
    """The argument of a series: far enough from 0."""
    return gd.where(x < _FAR, x + _FAR, x)


@writes("lgamma")
def _lgamma(w: Writing) -> Given:
    """Stirling's series, by the recurrence for small arguments and by reflection left of 1/2."""
    x = w.x
    left = x < 0.5
    t = gd.where(left, 1 - x, x)
    z = _shifted(t)
    below = t * 1
    for i in range(1, _FAR):
        below = below * (t + i)
    inverse = 1 / z
    series = inverse * _polynomial(inverse * inverse, _STIRLING)
    value = (z - 0.5) * gd.log(z) - z + 0.5 * math.log(2 * math.pi) + series
    value = gd.where(t < _FAR, value - gd.log(below), value)
    value = gd.where(gd.isinf(t), math.inf, value)
    turned = gd.sin(math.pi * (x - gd.round(x)))
    return gd.where(left, math.log(math.pi) - gd.log(gd.abs(turned)) - value, value)


@writes("digamma")
def _digamma(w: Writing) -> Given:
    x = w.x
    left = x < 0.5
    t = gd.where(left, 1 - x, x)
    z = _shifted(t)
    below = 1 / t
    for i in range(1, _FAR):
        below = below + 1 / (t + i)
    inverse = 1 / z
    square = inverse * inverse
    value = gd.log(z) - 0.5 * inverse - square * _polynomial(square, _DIGAMMA)
    value = gd.where(t < _FAR, value - below, value)
    whole = gd.logical_and(left, gd.equal(x, gd.round(x)))
    reflected = value - math.pi / gd.tan(math.pi * (x - gd.round(x)))
    return gd.where(whole, math.nan, gd.where(left, reflected, value))


# --------------------------------------------------------------------------------------- kin of the exponential
@writes("exp2")
def _exp2(w: Writing) -> Given:
    return gd.pow(gd.full((), 2, w.y.dtype), w.x)


@writes("log1mexp")
def _log1mexp(w: Writing) -> Given:
    """By expm1 near 0, by log1p further down."""
    x = w.x
    near = gd.log(-gd.expm1(gd.maximum(x, -1)))
    return gd.where(x > -0.6931, near, gd.log1p(-gd.exp(x)))


@writes("log1mexp_slope")
def _log1mexp_slope(w: Writing) -> Given:
    return gd.exp(w.x) / gd.expm1(w.x)


@writes("logdiffexp")
def _logdiffexp(w: Writing) -> Given:
    a, b = w.xs
    same = gd.equal(a, b)
    apart = gd.where(same, -1, b - a)
    near = gd.log(-gd.expm1(gd.maximum(apart, -1)))
    rest = gd.where(apart > -0.6931, near, gd.log1p(-gd.exp(apart)))
    return gd.where(same, -math.inf, a + rest)


@writes("logit")
def _logit(w: Writing) -> Given:
    """Near 1/2 by what is above it."""
    x = w.x
    near = gd.log1p((2 * x - 1) / (1 - x))
    return gd.where(gd.abs(x - 0.5) < 0.2, near, gd.log(x) - gd.log1p(-x))


@writes("xlog1py")
def _xlog1py(w: Writing) -> Given:
    x, y = w.xs
    return gd.where(gd.logical_and(gd.equal(x, 0), gd.logical_not(gd.isnan(y))), 0, x * gd.log1p(y))


@writes("signbit")
def _signbit(w: Writing) -> Given:
    return gd.logical_or(w.x < 0, gd.reciprocal(w.x) < 0)


@writes("sinc")
def _sinc(w: Writing) -> Given:
    """By what is above the nearest whole number, whose sine is 0."""
    x = w.x
    whole = gd.round(x)
    rest = x - whole
    odd = gd.not_equal(gd.remainder(whole, 2), 0)
    sine = gd.sin(math.pi * rest)
    zero = gd.equal(x, 0)
    return gd.where(zero, 1, gd.where(odd, -sine, sine) / (math.pi * gd.where(zero, 1, x)))


# --------------------------------------------------------------------------------------- the normal distribution
@writes("erfcx")
def _erfcx(w: Writing) -> Given:
    return erfcx(w.x)


def erfcx(x: Tensor) -> Tensor:
    z = gd.minimum(gd.abs(x), 1e30)
    right = _clenshaw((z - 3.75) / (z + 3.75), _SCALED) / (1 + 2 * z)
    return gd.where(x < 0, 2 * gd.exp(x * x) - right, right)


@writes("ndtr")
def _ndtr(w: Writing) -> Given:
    return 0.5 * erfc(w.x * -math.sqrt(0.5))


@writes("normal_density")
def _normal_density(w: Writing) -> Given:
    return gd.exp(-0.5 * w.x * w.x) * (1 / math.sqrt(2 * math.pi))


@writes("log_ndtr")
def _log_ndtr(w: Writing) -> Given:
    x = w.x
    low = gd.minimum(x, 0)
    left = gd.log(0.5 * erfcx(low * -math.sqrt(0.5))) - 0.5 * low * low
    return gd.where(x < 0, left, gd.log1p(-0.5 * erfc(gd.maximum(x, 0) * math.sqrt(0.5))))
