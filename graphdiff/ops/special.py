"""Declarations of special functions: the error function and the normal distribution, the gamma and beta functions,
the cardinal sine.

Bodies are in csrc/math: normal.c, gamma.c, bessel.c. A function whose derivative would cancel has an operation for
that, with all its digits: a slope, or a family by its order, whose derivative is the next one.
Must not know: Bessel functions (bessel.py).
"""

from __future__ import annotations

import math

import numpy as np

from .comparison import isinf, less
from .elementwise import reciprocal, where
from .notation import ATOM, raised
from .opdef import elementwise
from .samples import of_order, on
from .tensor import Tensor

# ------------------------------------------------------------------ the error function
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
    "The error function.\n"
    "Edges: erf(inf) = 1.0; erf(-inf) = -1.0; erf(nan) = nan; erf(0.0) = 0.0\n"
    "Example: gd.erf([0.5, 1.0]) -> [0.5204999, 0.8427008]\n"
    "Source: DLMF 7.2.1",
    partials=(lambda y, x: exp_minus_square(x) * _TWO_OVER_SQRT_PI,),
    errors=(1, 2, 12.5),
    reference="scipy.special.erf",
    samples=on(-2, 2),
    onnx="Erf",
    page="erf",
)
erfc = elementwise(
    "erfc",
    "1 - erf(x), accurate for large x.\n"
    "Edges: erfc(inf) = 0.0; erfc(-inf) = 2.0; erfc(nan) = nan; erfc(0.0) = 1.0\n"
    "Example: gd.erfc([0.5, 5.0]) -> [0.4795001, 1.53746e-12]\n"
    "Source: DLMF 7.2.2",
    partials=(lambda y, x: exp_minus_square(x) * -_TWO_OVER_SQRT_PI,),
    errors=(2.5, 2, 12.5),
    reference="scipy.special.erfc",
    samples=on(-2, 2),
    page="erfc",
)
erfinv = elementwise(
    "erfinv",
    "The inverse of erf; infinite at -1 and 1, NaN outside.\n"
    "Edges: erfinv(1.0) = inf; erfinv(-1.0) = -inf; erfinv(2.0) = nan; erfinv(nan) = nan\n"
    "Example: gd.erfinv([0.0, 0.5]) -> [0.0, 0.4769363]\n"
    "Source: derivative: DLMF 7.17.1 and the inverse function rule",
    partials=(lambda y, x: reciprocal(exp_minus_square(y)) * (1 / _TWO_OVER_SQRT_PI),),
    errors=(1, 25, 50),
    reference="scipy.special.erfinv",
    samples=on(-0.9, 0.9),
    page="erfinv",
)
erfcx = elementwise(
    "erfcx",
    "exp(x**2) * erfc(x), which neither overflows nor vanishes at large x.\n"
    "Edges: erfcx(inf) = 0.0; erfcx(-inf) = inf; erfcx(0.0) = 1.0; erfcx(nan) = nan; erfcx'(inf) = 0.0\n"
    "Example: gd.erfcx([0.5, 1e5]) -> [0.6156903, 5.641896e-06]\n"
    "Source: DLMF 7.12.1; derivatives: DLMF 7.18.4",
    partials=(lambda y, x: erfcx_derivative(1.0, x),),
    errors=(4, 6, 10),
    reference="scipy.special.erfcx",
    samples=on(-1, 3),
)
erfcx_derivative = elementwise(
    "erfcx_derivative",
    "The derivative of erfcx(x2) of order x1, an integer.",
    partials=(None, lambda y, n, x: erfcx_derivative(n + 1, x)),
    reference="graphdiff.ops.orders.erfcx_derivative",
    samples=of_order(0, 2, -1, 3),
    internal=True,
)


# ------------------------------------------------------------------ the normal distribution
normal_density = elementwise(
    "normal_density",
    "exp(-x**2 / 2) / sqrt(2 pi) with all its digits, far out too.",
    partials=(lambda y, x: -x * y,),
    reference="graphdiff.ops.orders.normal_density",
    samples=on(-3, 3),
    internal=True,
)
ndtr = elementwise(
    "ndtr",
    "The distribution function of the standard normal distribution, with all its digits in the lower tail.\n"
    "Edges: ndtr(-inf) = 0.0; ndtr(inf) = 1.0; ndtr(0.0) = 0.5; ndtr(nan) = nan\n"
    "Example: gd.ndtr([0.0, -10.0]) -> [0.5, 7.619853e-24]\n"
    "Source: DLMF 7.1.3 and 7.2.2",
    partials=(lambda y, x: normal_density(x),),
    errors=(3, 2.5, 4),
    reference="scipy.special.ndtr",
    samples=on(-3, 3),
)
log_ndtr = elementwise(
    "log_ndtr",
    "The logarithm of ndtr(x), where that itself vanishes too. Two derivatives keep their digits far out.\n"
    "Edges: log_ndtr(-inf) = -inf; log_ndtr(inf) = 0.0; log_ndtr(0.0) = -0.6931472; log_ndtr(nan) = nan; "
    "log_ndtr'(-100.0) = 100.009998\n"
    "Example: gd.log_ndtr([0.0, -40.0]) -> [-0.6931472, -804.6084]\n"
    "Source: derivatives by the continued fraction of Mills' ratio, DLMF 7.9.2",
    partials=(lambda y, x: log_ndtr_slope(x),),
    errors=(2, 3, 5),
    reference="scipy.special.log_ndtr",
    samples=on(-4, 3),
)
log_ndtr_slope = elementwise(
    "log_ndtr_slope",
    "The derivative of log_ndtr, density by distribution.",
    partials=(lambda y, x: -y * log_ndtr_excess(x),),
    reference="graphdiff.ops.orders.log_ndtr_slope",
    samples=on(-4, 3),
    internal=True,
)
log_ndtr_excess = elementwise(
    "log_ndtr_excess",
    "x + log_ndtr_slope(x) with all its digits, far below 0 too.",
    partials=(lambda y, x: 1 - log_ndtr_slope(x) * y,),
    reference="graphdiff.ops.orders.log_ndtr_excess",
    samples=on(-4, 3),
    internal=True,
)
ndtri = elementwise(
    "ndtri",
    "The inverse of ndtr: the quantile of the standard normal distribution; NaN outside [0, 1].\n"
    "Edges: ndtri(0.0) = -inf; ndtri(1.0) = inf; ndtri(0.5) = 0.0; ndtri(2.0) = nan; ndtri(nan) = nan\n"
    "Example: gd.ndtri([0.5, 0.975]) -> [0.0, 1.959964]\n"
    "Source: derivative: the inverse function rule",
    partials=(lambda y, x: reciprocal(_density_at(y, x)),),
    errors=(3, 6, 12),
    reference="scipy.special.ndtri",
    samples=on(0.05, 0.95),
)


def _density_at(y: Tensor, p: Tensor) -> Tensor:
    """The density at y = ndtri(p), by the slope of log_ndtr there: the rounding of y would cost y**2 ulp."""
    low = less(p, 0.5)
    return where(isinf(y), 0, where(low, p, 1 - p) * log_ndtr_slope(where(low, y, -y)))


# ------------------------------------------------------------------ the gamma and beta functions
gamma = elementwise(
    "gamma",
    "The gamma function; NaN at negative integers.\n"
    "Edges: gamma(0.0) = inf; gamma(-1.0) = nan; gamma(inf) = inf; gamma(-inf) = nan; gamma(nan) = nan\n"
    "Example: gd.gamma([5.0, 0.5]) -> [24.0, 1.772454]\n"
    "Source: DLMF 5.2.1; derivative: DLMF 5.2.2",
    partials=(lambda y, x: y * digamma(x),),
    errors=(8, 10, 12),
    reference="scipy.special.gamma",
    samples=on(0.3, 4),
)
lgamma = elementwise(
    "lgamma",
    "The logarithm of |Gamma(x)|.\n"
    "Edges: lgamma(0.0) = inf; lgamma(-1.0) = inf; lgamma(inf) = inf; lgamma(nan) = nan\n"
    "Example: gd.lgamma([1.0, 5.0]) -> [0.0, 3.178054]\n"
    "Source: DLMF 5.2.1; its derivative is digamma, DLMF 5.2.2",
    partials=(lambda y, x: digamma(x),),
    errors=(1.5, 12, 3),
    reference="scipy.special.gammaln",
    samples=on(0.3, 4),
    page="lgamma",
)
digamma = elementwise(
    "digamma",
    "The logarithmic derivative of Gamma.\n"
    "Edges: digamma(0.0) = -inf; digamma(-1.0) = nan; digamma(inf) = inf; digamma(nan) = nan\n"
    "Example: gd.digamma([1.0, 5.0]) -> [-0.5772157, 1.506118]\n"
    "Source: DLMF 5.2.2",
    partials=(lambda y, x: polygamma(1.0, x),),
    errors=(12, 3, 9),
    reference="scipy.special.digamma",
    samples=on(0.3, 4),
    page="digamma",
)
polygamma = elementwise(
    "polygamma",
    "The derivative of digamma(x2) of order x1, an integer from 0 on (NaN for other numbers); no derivative by it.\n"
    "Edges: polygamma(0.0, 1.0) = -0.5772157; polygamma(1.0, 0.0) = inf; polygamma(1.0, inf) = 0.0; "
    "polygamma(0.5, 1.0) = nan; polygamma(1.0, nan) = nan\n"
    "Example: gd.polygamma(1, [1.0, 0.5]) -> [1.644934, 4.934802]\n"
    "Source: DLMF 5.15; 25.11.5 for its sums",
    partials=(None, lambda y, n, x: polygamma(n + 1, x)),
    errors=(6, 6, 6),
    reference="scipy.special.polygamma",
    samples=of_order(0, 3, 0.3, 4),
    page="polygamma",
)
digamma_gap = elementwise(
    "digamma_gap",
    "digamma(x1 + x2) - digamma(x1), without cancellation where both are positive.",
    partials=(lambda y, x, d: trigamma_gap(x, d), lambda y, x, d: polygamma(1.0, x + d)),
    reference="graphdiff.ops.orders.digamma_gap",
    samples=on(0.3, 4, 2),
    internal=True,
)
trigamma_gap = elementwise(
    "trigamma_gap",
    "The derivative of digamma at x1 + x2 less that at x1, without cancellation where both are positive.",
    partials=(lambda y, x, d: polygamma(2.0, x + d) - polygamma(2.0, x), lambda y, x, d: polygamma(2.0, x + d)),
    reference="graphdiff.ops.orders.trigamma_gap",
    samples=on(0.3, 4, 2),
    internal=True,
)
betaln = elementwise(
    "betaln",
    "The logarithm of |B(x1, x2)|, B the beta function, without the cancellation of three lgamma.\n"
    "Edges: betaln(1.0, 1.0) = 0.0; betaln(0.0, 1.0) = inf; betaln(1.0, inf) = -inf; betaln(nan, 1.0) = nan\n"
    "Example: gd.betaln([2.0, 1e10], [3.0, 0.5]) -> [-2.484907, -10.94056]\n"
    "Source: DLMF 5.12.1; Didonato and Morris 1992, ACM TOMS 18, algorithm 708",
    partials=(lambda y, a, b: -digamma_gap(a, b), lambda y, a, b: -digamma_gap(b, a)),
    errors=(6, 4, 20),
    reference="scipy.special.betaln",
    samples=on(0.3, 4, 2),
    commutative=True,
)


# ------------------------------------------------------------------ the cardinal sine
sinc = elementwise(
    "sinc",
    "sin(pi x) / (pi x), NumPy's; 1 at 0, and exactly 0 at other integers. Derivatives keep their digits near 0.\n"
    "Edges: sinc(0.0) = 1.0; sinc(3.0) = 0.0; sinc(inf) = nan; sinc(nan) = nan; sinc'(0.0) = 0.0\n"
    "Example: gd.sinc([0.0, 0.5]) -> [1.0, 0.6366198]",
    partials=(lambda y, x: sinc_derivative(1.0, x),),
    errors=(1.5, 1.5, 2.5),
    reference=lambda x: np.where((x != 0) & (x == np.round(x)) & np.isfinite(x), 0, np.sinc(x)).astype(x.dtype),
    samples=on(-3, 3),
)
sinc_derivative = elementwise(
    "sinc_derivative",
    "The derivative of sinc(x2) of order x1, an integer.",
    partials=(None, lambda y, n, x: sinc_derivative(n + 1, x)),
    reference="graphdiff.ops.orders.sinc_derivative",
    samples=of_order(0, 2, -3, 3),
    internal=True,
)
