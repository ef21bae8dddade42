"""Declarations of the functions of elements: exponentials and logarithms, circular and hyperbolic ones, polynomials.

An elementwise one gives a micro-operation of the tile program its name, dtypes, partial derivatives, reference and
samples.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from ..errors import ShapeError
from ..ir.dtypes import float32
from .comparison import equal, greater, isnan, less, logical_and
from .elementwise import abs, copysign, maximum, negative, reciprocal, rsqrt, sqrt, square, where
from .notation import ATOM, SUM, raised
from .opdef import composite, elementwise
from .operands import int_of, operands
from .registry import Sample, op
from .samples import on
from .sigmoids import sigmoid
from .tensor import Tensor, as_tensor, fail
from .types import TensorLike

# ------------------------------------------------------------------ exponentials and logarithms
exp = elementwise(
    "exp",
    "e ** x.\n"
    "Edges: exp(inf) = inf; exp(-inf) = 0.0; exp(nan) = nan; exp'(-inf) = 0.0\n"
    "Example: gd.exp([0.0, 1.0]) -> [1.0, 2.718282]",
    partials=(lambda y, x: y,),
    errors=(1, 1, 1),
    reference=np.exp,
    samples=on(-2, 2),
    onnx="Exp",
    page="exp",
)
exp2 = elementwise(
    "exp2",
    "2 ** x.\n"
    "Edges: exp2(inf) = inf; exp2(-inf) = 0.0; exp2(nan) = nan; exp2(10.0) = 1024.0\n"
    "Example: gd.exp2([0.0, 1.5]) -> [1.0, 2.828427]",
    partials=(lambda y, x: y * math.log(2),),
    errors=(1, 1.5, 2.5),
    reference=np.exp2,
    samples=on(-2, 2),
    page="(x) => 2 ** x",
)
expm1 = elementwise(
    "expm1",
    "e ** x - 1, accurate near 0.\n"
    "Edges: expm1(inf) = inf; expm1(-inf) = -1.0; expm1(nan) = nan; expm1(0.0) = 0.0\n"
    "Example: gd.expm1([1e-5, 1.0]) -> [1.000005e-05, 1.718282]",
    partials=(lambda y, x: exp(x),),
    errors=(1.5, 1, 1),
    reference=np.expm1,
    samples=on(-2, 2),
    page="Math.expm1",
)
log = elementwise(
    "log",
    "The natural logarithm; -inf at 0, NaN below.\n"
    "Edges: log(0.0) = -inf; log(-1.0) = nan; log(inf) = inf; log(nan) = nan; log'(0.0) = inf\n"
    "Example: gd.log([1.0, 2.0]) -> [0.0, 0.6931472]",
    partials=(lambda y, x: reciprocal(x),),
    errors=(1, 1, 2.5),
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
    "log(1 + x), accurate near 0.\n"
    "Edges: log1p(-1.0) = -inf; log1p(-2.0) = nan; log1p(inf) = inf; log1p(nan) = nan\n"
    "Example: gd.log1p([1e-5, 1.0]) -> [9.99995e-06, 0.6931472]",
    partials=(lambda y, x: reciprocal(x + 1),),
    errors=(1, 1.5, 3),
    reference=np.log1p,
    samples=on(-0.5, 3),
    page="Math.log1p",
)
log1mexp = elementwise(
    "log1mexp",
    "log(1 - exp(x)) of x <= 0 with all its digits, near 0 and far below; NaN above.\n"
    "Edges: log1mexp(0.0) = -inf; log1mexp(-inf) = 0.0; log1mexp(1.0) = nan; log1mexp(nan) = nan; "
    "log1mexp'(-inf) = 0.0\n"
    "Example: gd.log1mexp([-1e-10, -1.0]) -> [-23.02585, -0.4586751]\n"
    "Source: Maechler 2012, Accurately computing log(1 - exp(-|a|))",
    partials=(lambda y, x: log1mexp_slope(x),),
    errors=(3, 3, 5),
    reference=lambda x: np.where(x > -math.log(2), np.log(-np.expm1(x)), np.log1p(-np.exp(x))),
    samples=on(-3, -0.1),
    page="(x) => (x > -Math.LN2 ? log(-Math.expm1(x)) : Math.log1p(-exp(x)))",
)
log1mexp_slope = elementwise(
    "log1mexp_slope",
    "The derivative of log1mexp, exp(x) / (exp(x) - 1) with all its digits.",
    partials=(lambda y, x: y * (1 - y),),
    reference=lambda x: np.where(x > 0, np.nan, np.exp(x) / np.expm1(-np.abs(x))),
    samples=on(-3, -0.1),
    internal=True,
    page="(x) => (x > 0 ? NaN : exp(x) / Math.expm1(-abs(x)))",
)
log2 = elementwise(
    "log2",
    "The logarithm to base 2.\n"
    "Edges: log2(0.0) = -inf; log2(-1.0) = nan; log2(inf) = inf; log2(nan) = nan\n"
    "Example: gd.log2([1.0, 8.0]) -> [0.0, 3.0]",
    partials=(lambda y, x: reciprocal(x) * (1 / math.log(2)),),
    errors=(1.5, 1, 2.5),
    reference=np.log2,
    samples=on(0.3, 3),
    page="Math.log2",
)
log10 = elementwise(
    "log10",
    "The logarithm to base 10.\n"
    "Edges: log10(0.0) = -inf; log10(-1.0) = nan; log10(inf) = inf; log10(nan) = nan\n"
    "Example: gd.log10([1.0, 100.0]) -> [0.0, 2.0]",
    partials=(lambda y, x: (1 / math.log(10)) / x,),
    errors=(1.5, 2, 3.5),
    reference=np.log10,
    samples=on(0.3, 3),
    page="Math.log10",
)
logaddexp = elementwise(
    "logaddexp",
    "log(exp(x1) + exp(x2)) without overflow; -inf of nothing but -inf, with derivative 0.\n"
    "Edges: logaddexp(-inf, -inf) = -inf; logaddexp(inf, 0.0) = inf; logaddexp(nan, 0.0) = nan\n"
    "Example: gd.logaddexp([0.0, 1000.0], [0.0, 1000.0]) -> [0.6931472, 1000.693]",
    partials=(lambda y, a, b: _share_of(y, a - b), lambda y, a, b: _share_of(y, b - a)),
    errors=(6, 420, 420),
    reference=np.logaddexp,
    samples=on(-2, 2, 2),
    page="(a, b) => (a === b ? a + Math.LN2 : Math.max(a, b) + Math.log1p(exp(-abs(a - b))))",
)


def _share_of(y: Tensor, difference: Tensor) -> Tensor:
    """The derivative of logaddexp by the operand that exceeds the other by ``difference``; 0 where both are -inf."""
    return sigmoid(where(equal(y, -math.inf), -math.inf, difference))


logdiffexp = elementwise(
    "logdiffexp",
    "log(exp(x1) - exp(x2)) without overflow, of x1 >= x2; -inf where they are equal, infinite ones included; NaN "
    "where x1 is less.\n"
    "Edges: logdiffexp(-inf, -inf) = -inf; logdiffexp(3.0, 3.0) = -inf; logdiffexp(3.0, -inf) = 3.0; "
    "logdiffexp(0.0, 1.0) = nan; logdiffexp(inf, 0.0) = inf\n"
    "Example: gd.logdiffexp([1.0, 1000.0], [0.0, 999.0]) -> [0.5413249, 999.5413]",
    partials=(lambda y, a, b: 1 - log1mexp_slope(_below(a, b)), lambda y, a, b: log1mexp_slope(_below(a, b))),
    errors=(2, 40, 40),
    reference=lambda a, b: np.where(
        a == b, -np.inf, a + np.where(b - a > -math.log(2), np.log(-np.expm1(b - a)), np.log1p(-np.exp(b - a)))
    ),
    samples=lambda rng: (
        Sample((rng.uniform(0.2, 2, s), rng.uniform(-2, 0, t)))
        for s, t in (((3, 4), (3, 4)), ((3, 4), (4,)), ((3, 1), (1, 4)), ((), (2, 3)), ((2, 3), ()), ((0, 3), (3,)))
    ),
    page="(a, b) => (a === b ? -Infinity : a + (b > a - Math.LN2 ? log(-Math.expm1(b - a)) : Math.log1p(-exp(b - a))))",
)


def _below(a: Tensor, b: Tensor) -> Tensor:
    """b - a, and -inf where b is, a too."""
    return where(equal(b, -math.inf), -math.inf, b - a)


logit = elementwise(
    "logit",
    "log(x / (1 - x)), the inverse of the sigmoid, with all its digits near 1/2 too; NaN outside [0, 1].\n"
    "Edges: logit(0.0) = -inf; logit(1.0) = inf; logit(0.5) = 0.0; logit(2.0) = nan; logit(nan) = nan\n"
    "Example: gd.logit([0.25, 0.9]) -> [-1.098612, 2.197225]",
    partials=(lambda y, x: _logit_slope(x),),
    errors=(3, 3, 5),
    reference="scipy.special.logit",
    samples=on(0.1, 0.9),
    page="(x) => log(x / (1 - x))",
)


def _logit_slope(x: Tensor) -> Tensor:
    """1 / (x (1 - x)); by parts where the second derivative overflows, as one where it goes through 0."""
    return where(less(abs(x - 0.5), 0.25), reciprocal(x * (1 - x)), reciprocal(x) + reciprocal(1 - x))


@composite(reference="scipy.special.expit", samples=on(-3, 3))
def expit(x: TensorLike, /) -> Tensor:
    """1 / (1 + exp(-x)): SciPy's name of ``gd.nn.sigmoid``.

    Dtypes: float
    Shapes: of x, as is the result's
    Edges: expit(inf) = 1.0; expit(-inf) = 0.0; expit(nan) = nan
    Raises: DTypeError
    Example: gd.expit([0.0, 1.0]) -> [0.5, 0.7310586]
    """
    return sigmoid(x)


xlog1py = elementwise(
    "xlog1py",
    "x1 * log(1 + x2), and 0 where x1 is 0, unless x2 is NaN; log(1 + x2) keeps its digits near 0. Derivatives "
    "as those of xlogy.\n"
    "Edges: xlog1py(0.0, -1.0) = 0.0; xlog1py(0.0, -2.0) = 0.0; xlog1py(0.0, nan) = nan; xlog1py(2.0, -1.0) = -inf\n"
    "Example: gd.xlog1py([0.0, 2.0], [-1.0, 1e-5]) -> [0.0, 1.99999e-05]",
    partials=(lambda y, a, b: log1p(b), lambda y, a, b: _quotient(a, b + 1)),
    errors=(2, 2, 2.5),
    reference="scipy.special.xlog1py",
    samples=on(0.3, 3, 2),
    linear_in=((0,),),
    page="(a, b) => (a === 0 && b === b ? 0 : a * Math.log1p(b))",
)
xlogy = elementwise(
    "xlogy",
    "x1 * log(x2), and 0 where x1 is 0, unless x2 is NaN. The derivative by x1 is log(x2), -inf where x2 is 0; that by "
    "x2 is x1 / x2, and 0 where both are 0; of xlogy(x, x) log(x) + 1.\n"
    "Edges: xlogy(0.0, 0.0) = 0.0; xlogy(0.0, -1.0) = 0.0; xlogy(0.0, inf) = 0.0; xlogy(0.0, nan) = nan; "
    "xlogy(2.0, 0.0) = -inf\n"
    "Example: gd.xlogy([0.0, 0.5], [0.0, 0.5]) -> [0.0, -0.3465736]",
    # of one operand twice the whole derivative is the first: terms of 1 / x that cancel overflow
    partials=(lambda y, a, b: log(b) + 1 if a is b else log(b), lambda y, a, b: None if a is b else _quotient(a, b)),
    errors=(1.5, 1.5, 1.5),
    reference="scipy.special.xlogy",
    samples=on(0.3, 3, 2),
    linear_in=((0,),),
    page="(a, b) => (a === 0 && b === b ? 0 : a * log(b))",
)


def _quotient(a: Tensor, b: Tensor) -> Tensor:
    """a / b, and 0 at 0 / 0: by way of a root, so that its own derivative by a is infinite there, as 1 / b is."""
    return where(logical_and(equal(a, 0), equal(b, 0)), sqrt(a), a / b)


# ------------------------------------------------------------------ circular and hyperbolic functions
sin = elementwise(
    "sin",
    "The sine.\n"
    "Edges: sin(inf) = nan; sin(nan) = nan; sin(0.0) = 0.0; sin(1e5) = 0.0357488\n"
    "Example: gd.sin([0.5, 1.0]) -> [0.4794255, 0.841471]",
    partials=(lambda y, x: cos(x),),
    errors=(1, 1, 1),
    reference=np.sin,
    samples=on(-3, 3),
    onnx="Sin",
    page="Math.sin",
)
cos = elementwise(
    "cos",
    "The cosine.\n"
    "Edges: cos(inf) = nan; cos(nan) = nan; cos(0.0) = 1.0; cos(1e5) = -0.9993608\n"
    "Example: gd.cos([0.5, 1.0]) -> [0.8775826, 0.5403023]",
    partials=(lambda y, x: negative(sin(x)),),
    errors=(1, 1, 1),
    reference=np.cos,
    samples=on(-3, 3),
    onnx="Cos",
    page="Math.cos",
)
tan = elementwise(
    "tan",
    "The tangent.\n"
    "Edges: tan(inf) = nan; tan(nan) = nan; tan(0.0) = 0.0; tan(1e5) = -0.03577166\n"
    "Example: gd.tan([0.5, 1.0]) -> [0.5463025, 1.557408]",
    partials=(lambda y, x: y * y + 1,),
    errors=(2, 3.5, 5),
    reference=np.tan,
    samples=on(-1, 1),
    onnx="Tan",
    page="Math.tan",
)
asin = elementwise(
    "asin",
    "The inverse sine; NaN outside [-1, 1].\n"
    "Edges: asin(1.0) = 1.570796; asin(2.0) = nan; asin(nan) = nan; asin'(1.0) = inf\n"
    "Example: gd.asin([0.0, 0.5]) -> [0.0, 0.5235988]",
    partials=(lambda y, x: rsqrt(one_minus_square(x)),),
    errors=(1, 1.5, 4),
    reference=np.arcsin,
    samples=on(-0.8, 0.8),
    onnx="Asin",
    page="Math.asin",
)
acos = elementwise(
    "acos",
    "The inverse cosine; NaN outside [-1, 1].\n"
    "Edges: acos(1.0) = 0.0; acos(2.0) = nan; acos(nan) = nan; acos'(1.0) = -inf\n"
    "Example: gd.acos([0.0, 0.5]) -> [1.570796, 1.047198]",
    partials=(lambda y, x: negative(rsqrt(one_minus_square(x))),),
    errors=(1.5, 1.5, 4),
    reference=np.arccos,
    samples=on(-0.8, 0.8),
    onnx="Acos",
    page="Math.acos",
)
atan = elementwise(
    "atan",
    "The inverse tangent.\n"
    "Edges: atan(inf) = 1.570796; atan(-inf) = -1.570796; atan(nan) = nan\n"
    "Example: gd.atan([0.0, 1.0]) -> [0.0, 0.7853982]",
    partials=(lambda y, x: square(reciprocal(hypot(x, 1.0))),),
    errors=(1.5, 3.5, 7),
    reference=np.arctan,
    samples=on(-2, 2),
    onnx="Atan",
    page="Math.atan",
)
atan2 = elementwise(
    "atan2",
    "The angle of the point (x2, x1).\n"
    "Edges: atan2(0.0, 0.0) = 0.0; atan2(0.0, -1.0) = 3.141593; atan2(inf, inf) = 0.7853982; atan2(nan, "
    "1.0) = nan\n"
    "Example: gd.atan2([1.0, -1.0], [1.0, -1.0]) -> [0.7853981, -2.356194]",
    partials=(lambda y, a, b: _turn(b, a), lambda y, a, b: negative(_turn(a, b))),
    errors=(1.5, 2, 5),
    reference=np.arctan2,
    samples=on(0.3, 2, 2),
    page="(a, b) => Math.atan2(a, b)",
)


def _as_slope(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Whether a is the smaller one in size, the smaller by the larger, the larger: in these slopes of the angle and of
    the length of (a, b) neither overflow nor cancel, and nor do theirs."""
    steep = less(abs(a), abs(b))
    larger = where(steep, b, a)
    return steep, where(steep, a, b) / larger, larger


def _turn(a: Tensor, b: Tensor) -> Tensor:
    """a / (a**2 + b**2)."""
    steep, r, larger = _as_slope(a, b)
    return where(steep, r, 1) * reciprocal(square(r) + 1) / larger


def _cosine(a: Tensor, b: Tensor) -> Tensor:
    """a / hypot(a, b)."""
    steep, r, _ = _as_slope(a, b)
    c = rsqrt(square(r) + 1)
    return where(steep, r * copysign(c, b), copysign(c, a))


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
    "The hyperbolic sine.\n"
    "Edges: sinh(inf) = inf; sinh(-inf) = -inf; sinh(nan) = nan\n"
    "Example: gd.sinh([0.0, 1.0]) -> [0.0, 1.175201]",
    partials=(lambda y, x: cosh(x),),
    errors=(1.5, 1.5, 1.5),
    reference=np.sinh,
    samples=on(-2, 2),
    onnx="Sinh",
    page="Math.sinh",
)
cosh = elementwise(
    "cosh",
    "The hyperbolic cosine.\n"
    "Edges: cosh(inf) = inf; cosh(-inf) = inf; cosh(nan) = nan\n"
    "Example: gd.cosh([0.0, 1.0]) -> [1.0, 1.543081]",
    partials=(lambda y, x: sinh(x),),
    errors=(1.5, 1.5, 1.5),
    reference=np.cosh,
    samples=on(-2, 2),
    onnx="Cosh",
    page="Math.cosh",
)
asinh = elementwise(
    "asinh",
    "The inverse hyperbolic sine.\n"
    "Edges: asinh(inf) = inf; asinh(-inf) = -inf; asinh(nan) = nan\n"
    "Example: gd.asinh([0.0, 1.0]) -> [0.0, 0.8813736]",
    partials=(lambda y, x: reciprocal(hypot(x, 1.0)),),
    errors=(1.5, 2, 5),
    reference=np.arcsinh,
    samples=on(-2, 2),
    onnx="Asinh",
    page="Math.asinh",
)
acosh = elementwise(
    "acosh",
    "The inverse hyperbolic cosine; NaN below 1.\n"
    "Edges: acosh(1.0) = 0.0; acosh(0.5) = nan; acosh(inf) = inf; acosh(nan) = nan; acosh'(1.0) = inf\n"
    "Example: gd.acosh([1.0, 2.0]) -> [0.0, 1.316958]",
    partials=(lambda y, x: rsqrt(x - 1) * rsqrt(x + 1),),
    errors=(1.5, 2.5, 4.5),
    reference=np.arccosh,
    samples=on(1.2, 3),
    onnx="Acosh",
    page="Math.acosh",
)
atanh = elementwise(
    "atanh",
    "The inverse hyperbolic tangent; NaN outside [-1, 1].\n"
    "Edges: atanh(1.0) = inf; atanh(-1.0) = -inf; atanh(2.0) = nan; atanh(nan) = nan\n"
    "Example: gd.atanh([0.0, 0.5]) -> [0.0, 0.5493062]",
    partials=(lambda y, x: where(isnan(y), y, reciprocal(one_minus_square(x))),),
    errors=(1, 1.5, 3.5),
    reference=np.arctanh,
    samples=on(-0.8, 0.8),
    onnx="Atanh",
    page="Math.atanh",
)
hypot = elementwise(
    "hypot",
    "sqrt(x1**2 + x2**2) without overflow; derivative 0 at the origin.\n"
    "Edges: hypot(inf, nan) = inf; hypot(3.0, 4.0) = 5.0; hypot(nan, 1.0) = nan\n"
    "Example: gd.hypot([3.0, 5.0], [4.0, 12.0]) -> [5.0, 13.0]",
    partials=(lambda y, a, b: _at_origin(y, _cosine(a, b)), lambda y, a, b: _at_origin(y, _cosine(b, a))),
    errors=(1.5, 2, 4),
    reference=np.hypot,
    samples=on(0.3, 2, 2),
    page="(a, b) => Math.hypot(a, b)",
)


def _at_origin(y: Tensor, slope: Tensor) -> Tensor:
    """A slope of hypot; 0 at the origin, where its own derivative is NaN: that of the root of 0 times 0."""
    return where(equal(y, 0), sqrt(y), slope)


# ------------------------------------------------------------------ softplus and relu
softplus = elementwise(
    "softplus",
    "log(1 + exp(x)) without overflow.\n"
    "Edges: softplus(inf) = inf; softplus(-inf) = 0.0; softplus(nan) = nan\n"
    "Example: gd.nn.softplus([0.0, 100.0]) -> [0.6931472, 100.0]",
    partials=(lambda y, x: sigmoid(x),),
    errors=(1.5, 2, 3),
    reference=lambda x: np.logaddexp(x, 0),
    samples=on(-3, 3),
    onnx="Softplus",
    namespace="nn",
    page="(x) => Math.max(x, 0) + Math.log1p(exp(-abs(x)))",
)
relu = elementwise(
    "relu",
    "max(x, 0); derivative 0 at 0.\n"
    "Edges: relu(inf) = inf; relu(-inf) = 0.0; relu(nan) = nan; relu'(0.0) = 0.0\n"
    "Example: gd.nn.relu([-1.0, 0.0, 2.0]) -> [0.0, 0.0, 2.0]",
    partials=(lambda y, x: greater(y, 0),),
    accepts="numeric",
    reference=lambda x: np.maximum(x, 0),
    samples=on(-2, 2),
    onnx="Relu",
    smooth=False,
    namespace="nn",
    page="(x) => Math.max(x, 0)",
)


# ------------------------------------------------------------------ polynomials
def _polyval_samples(rng: np.random.Generator) -> Iterable[Sample]:
    for n, shape in ((1, (3, 4)), (0, (3,)), (2, ()), (4, (2, 3)), (5, (0, 3)), (3, (1,))):
        yield Sample((rng.uniform(-2, 2, n), rng.uniform(-2, 2, shape)))


@composite(reference=np.polyval, samples=_polyval_samples)
def polyval(p: TensorLike, x: TensorLike, /) -> Tensor:
    """The polynomial with coefficients p, that of the highest power first, at each element of x; 0 of none.

    By Horner's rule. The coefficients are differentiable too; their number must be known.

    Dtypes: numeric
    Shapes: p of one dimension; of x, as is the result's
    Edges: polyval([], 2.0) = 0.0; polyval([3.0], inf) = 3.0; polyval([2.0, 1.0], inf) = inf; of these two NumPy's is
        NaN, as it starts from 0 * x
    Raises: ShapeError where p has another number of dimensions or a named size; DTypeError
    Example: gd.polyval([1.0, 0.0, -2.0], [0.0, 3.0]) -> [-2.0, 7.0]
    Source: Knuth, The Art of Computer Programming, vol. 2, 4.6.4
    """
    p, x = operands("polyval", (p, x), "numeric")
    if p.ndim != 1:
        fail(ShapeError, "polyval", f"coefficients have one dimension, not {p.ndim}", [p, x])
    n = int_of("polyval", "the number of coefficients", p.shape[0], [p, x])
    y = op("broadcast_to")(p[0] if n else as_tensor(0, "polyval", x.dtype), x.shape)
    for i in range(1, n):
        y = y * x + p[i]
    return y
