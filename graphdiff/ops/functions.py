"""Declarations of the functions of elements: exponentials and logarithms, circular and hyperbolic ones, special ones.

Each gives a micro-operation of the tile program its name, dtypes, partial derivatives, reference and samples.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..ir.dtypes import float32
from .comparison import equal, greater, less
from .elementwise import maximum, negative, reciprocal, round, rsqrt, sqrt, square, where
from .notation import ATOM, SUM, raised
from .opdef import elementwise, on
from .tensor import Tensor

# ------------------------------------------------------------------ exponentials and logarithms
exp = elementwise(
    "exp", "e ** x.", partials=(lambda y, x: y,), reference=np.exp, samples=on(-2, 2), onnx="Exp", page="exp"
)
expm1 = elementwise(
    "expm1",
    "e ** x - 1, accurate near 0.",
    partials=(lambda y, x: exp(x),),
    reference=np.expm1,
    samples=on(-2, 2),
    page="Math.expm1",
)
log = elementwise(
    "log",
    "The natural logarithm; -inf at 0, NaN below.",
    partials=(lambda y, x: reciprocal(x),),
    reference=np.log,
    samples=on(0.3, 3),
    onnx="Log",
    page="log",
)
bounded_log = elementwise(
    "bounded_log",
    "The natural logarithm, whose derivative stays finite: that of 1e-18 below it (1e-150 in float64), at 0 too.",
    microop="log",
    partials=(lambda y, x: reciprocal(maximum(x, 1e-18 if x.dtype is float32 else 1e-150)),),
    reference=np.log,
    samples=on(0.3, 3),
    internal=True,
    page="log",
    notation=lambda node, xs: (f"log({xs[0][0]})", ATOM),
)
log1p = elementwise(
    "log1p",
    "log(1 + x), accurate near 0.",
    partials=(lambda y, x: reciprocal(x + 1),),
    reference=np.log1p,
    samples=on(-0.5, 3),
    page="Math.log1p",
)
log2 = elementwise(
    "log2",
    "The logarithm to base 2.",
    partials=(lambda y, x: reciprocal(x) * (1 / math.log(2)),),
    reference=np.log2,
    samples=on(0.3, 3),
    page="Math.log2",
)
log10 = elementwise(
    "log10",
    "The logarithm to base 10.",
    partials=(lambda y, x: reciprocal(x) * (1 / math.log(10)),),
    reference=np.log10,
    samples=on(0.3, 3),
    page="Math.log10",
)
logaddexp = elementwise(
    "logaddexp",
    "log(exp(x1) + exp(x2)) without overflow; -inf of nothing but -inf, with derivative 0.",
    partials=(lambda y, a, b: _share_of(y, a - b), lambda y, a, b: _share_of(y, b - a)),
    reference=np.logaddexp,
    samples=on(-2, 2, 2),
    page="(a, b) => (a === b ? a + Math.LN2 : Math.max(a, b) + Math.log1p(exp(-abs(a - b))))",
)


def _share_of(y: Tensor, difference: Tensor) -> Tensor:
    """The derivative of logaddexp by the operand that exceeds the other by ``difference``; 0 where both are -inf."""
    return sigmoid(where(equal(y, -math.inf), -math.inf, difference))


# ------------------------------------------------------------------ circular and hyperbolic functions
sin = elementwise(
    "sin",
    "The sine.",
    partials=(lambda y, x: cos(x),),
    reference=np.sin,
    samples=on(-3, 3),
    onnx="Sin",
    page="Math.sin",
)
cos = elementwise(
    "cos",
    "The cosine.",
    partials=(lambda y, x: negative(sin(x)),),
    reference=np.cos,
    samples=on(-3, 3),
    onnx="Cos",
    page="Math.cos",
)
tan = elementwise(
    "tan",
    "The tangent.",
    partials=(lambda y, x: y * y + 1,),
    reference=np.tan,
    samples=on(-1, 1),
    onnx="Tan",
    page="Math.tan",
)
asin = elementwise(
    "asin",
    "The inverse sine; NaN outside [-1, 1].",
    partials=(lambda y, x: rsqrt(one_minus_square(x)),),
    reference=np.arcsin,
    samples=on(-0.8, 0.8),
    onnx="Asin",
    page="Math.asin",
)
acos = elementwise(
    "acos",
    "The inverse cosine; NaN outside [-1, 1].",
    partials=(lambda y, x: negative(rsqrt(one_minus_square(x))),),
    reference=np.arccos,
    samples=on(-0.8, 0.8),
    onnx="Acos",
    page="Math.acos",
)
atan = elementwise(
    "atan",
    "The inverse tangent.",
    partials=(lambda y, x: square(reciprocal(hypot(x, 1.0))),),
    reference=np.arctan,
    samples=on(-2, 2),
    onnx="Atan",
    page="Math.atan",
)
atan2 = elementwise(
    "atan2",
    "The angle of the point (x2, x1).",
    partials=(lambda y, a, b: _turn(b, a), lambda y, a, b: negative(_turn(a, b))),
    reference=np.arctan2,
    samples=on(0.3, 2, 2),
    page="(a, b) => Math.atan2(a, b)",
)


def _turn(a: Tensor, b: Tensor) -> Tensor:
    """a / (a**2 + b**2), where the squares may overflow."""
    h = hypot(a, b)
    return a / h / h


one_minus_square = elementwise(
    "one_minus_square",
    "1 - x * x with all its digits, near 1 too.",
    partials=(lambda y, x: x * -2,),
    reference=lambda x: (1 - x) * (1 + x),
    samples=on(-2, 2),
    internal=True,
    page="(x) => (1 - x) * (1 + x)",
    notation=lambda node, xs: (f"1 − {raised(xs[0], '2')[0]}", SUM),
)
sinh = elementwise(
    "sinh",
    "The hyperbolic sine.",
    partials=(lambda y, x: cosh(x),),
    reference=np.sinh,
    samples=on(-2, 2),
    onnx="Sinh",
    page="Math.sinh",
)
cosh = elementwise(
    "cosh",
    "The hyperbolic cosine.",
    partials=(lambda y, x: sinh(x),),
    reference=np.cosh,
    samples=on(-2, 2),
    onnx="Cosh",
    page="Math.cosh",
)
tanh = elementwise(
    "tanh",
    "The hyperbolic tangent.",
    partials=(lambda y, x: sigmoid_slope(x * 2) * 4,),
    reference=np.tanh,
    samples=on(-2, 2),
    onnx="Tanh",
    also="nn",
    page="Math.tanh",
)
asinh = elementwise(
    "asinh",
    "The inverse hyperbolic sine.",
    partials=(lambda y, x: reciprocal(hypot(x, 1.0)),),
    reference=np.arcsinh,
    samples=on(-2, 2),
    onnx="Asinh",
    page="Math.asinh",
)
acosh = elementwise(
    "acosh",
    "The inverse hyperbolic cosine; NaN below 1.",
    partials=(lambda y, x: rsqrt(x - 1) * rsqrt(x + 1),),
    reference=np.arccosh,
    samples=on(1.2, 3),
    onnx="Acosh",
    page="Math.acosh",
)
atanh = elementwise(
    "atanh",
    "The inverse hyperbolic tangent; NaN outside [-1, 1].",
    partials=(lambda y, x: reciprocal(one_minus_square(x)),),
    reference=np.arctanh,
    samples=on(-0.8, 0.8),
    onnx="Atanh",
    page="Math.atanh",
)
hypot = elementwise(
    "hypot",
    "sqrt(x1**2 + x2**2) without overflow; derivative 0 at the origin.",
    partials=(lambda y, a, b: _ratio(a, y), lambda y, a, b: _ratio(b, y)),
    reference=np.hypot,
    samples=on(0.3, 2, 2),
    page="(a, b) => Math.hypot(a, b)",
)


def _ratio(a: Tensor, y: Tensor) -> Tensor:
    """a / y, and 0 at 0 / 0, where its own derivative is NaN: that of the root of 0 times 0."""
    return where(equal(y, 0), sqrt(y), a / y)


# ------------------------------------------------------------------ special functions
_TWO_OVER_SQRT_PI = 2 / math.sqrt(math.pi)
exp_minus_square = elementwise(
    "exp_minus_square",
    "exp(-x * x) with all its digits, far out too.",
    partials=(lambda y, x: y * x * -2,),
    reference=lambda x: np.exp(-x * x),
    samples=on(-2, 2),
    internal=True,
    page="(x) => exp(-x * x)",
    notation=lambda node, xs: (f"exp(−{raised(xs[0], '2')[0]})", ATOM),
)
erf = elementwise(
    "erf",
    "The error function.",
    partials=(lambda y, x: exp_minus_square(x) * _TWO_OVER_SQRT_PI,),
    reference="scipy.special.erf",
    samples=on(-2, 2),
    onnx="Erf",
    page="erf",
)
erfc = elementwise(
    "erfc",
    "1 - erf(x), accurate for large x.",
    partials=(lambda y, x: exp_minus_square(x) * -_TWO_OVER_SQRT_PI,),
    reference="scipy.special.erfc",
    samples=on(-2, 2),
    page="erfc",
)
erfinv = elementwise(
    "erfinv",
    "The inverse of erf; infinite at -1 and 1, NaN outside.",
    partials=(lambda y, x: reciprocal(exp_minus_square(y)) * (1 / _TWO_OVER_SQRT_PI),),
    reference="scipy.special.erfinv",
    samples=on(-0.9, 0.9),
    page="erfinv",
)
lgamma = elementwise(
    "lgamma",
    "The logarithm of |Gamma(x)|.",
    partials=(lambda y, x: digamma(x),),
    reference="scipy.special.gammaln",
    samples=on(0.3, 4),
    page="lgamma",
)
digamma = elementwise(
    "digamma",
    "The logarithmic derivative of Gamma. Its own derivative is taken from the series "
    "of the trigamma function (Abramowitz and Stegun 6.4.12, shifted by 6.4.6).",
    partials=(lambda y, x: _trigamma(x),),
    reference="scipy.special.digamma",
    samples=on(0.3, 4),
    page="digamma",
)


def _trigamma(x: Tensor) -> Tensor:
    """trigamma(x) for any x: reflected for x < 1/2 (A&S 6.4.7), raised by recurrence to x + 8, then the series."""
    low = less(x, 0.5)
    z = where(low, 1 - x, x)
    total: Any = 0.0
    for k in range(8):
        total = total + square(reciprocal(z + k))
    r = reciprocal(z + 8)
    r2 = r * r
    # 1/z + 1/(2z^2) + sum B_2k / z^(2k+1)
    series = r * (1 + r * (0.5 + r * (1 / 6 + r2 * (-1 / 30 + r2 * (1 / 42 + r2 * (-1 / 30 + r2 * (5 / 66)))))))
    up = total + series
    return where(low, square(math.pi / sin((x - round(x)) * math.pi)) - up, up)


sigmoid = elementwise(
    "sigmoid",
    "1 / (1 + exp(-x)).",
    partials=(lambda y, x: sigmoid_slope(x),),
    reference="scipy.special.expit",
    samples=on(-3, 3),
    onnx="Sigmoid",
    namespace="nn",
    page="(x) => (x < 0 ? exp(x) / (1 + exp(x)) : 1 / (1 + exp(-x)))",
)
sigmoid_slope = elementwise(
    "sigmoid_slope",
    "The derivative of sigmoid, exp(-x) / (1 + exp(-x))**2, with all its digits on either side.",
    partials=(lambda y, x: negative(y * tanh(x * 0.5)),),
    reference=lambda x: 0.25 / np.square(np.cosh(x / 2)),
    samples=on(-3, 3),
    internal=True,
    page="(x) => 0.25 / Math.cosh(x / 2) ** 2",
)
softplus = elementwise(
    "softplus",
    "log(1 + exp(x)) without overflow.",
    partials=(lambda y, x: sigmoid(x),),
    reference=lambda x: np.logaddexp(x, 0),
    samples=on(-3, 3),
    onnx="Softplus",
    namespace="nn",
    page="(x) => Math.max(x, 0) + Math.log1p(exp(-abs(x)))",
)
relu = elementwise(
    "relu",
    "max(x, 0); derivative 0 at 0.",
    partials=(lambda y, x: greater(y, 0),),
    accepts="numeric",
    reference=lambda x: np.maximum(x, 0),
    samples=on(-2, 2),
    onnx="Relu",
    smooth=False,
    namespace="nn",
    page="(x) => Math.max(x, 0)",
)
