"""Declarations of the operations on corresponding elements: arithmetic, comparison, logic, functions of one variable.

Each line gives a micro-operation of the tile program its name, dtypes, partial derivatives, reference and samples.
Derivatives at kinks follow JAX's conventions as far as api.md states none: maximum and minimum give half to each
operand where they tie; abs, sign and relu give 0 at 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import DTypeError
from ..ir.dtypes import FLOATS, as_dtype, bool_, float32
from ..ir.node import Node
from . import batching
from .opdef import (
    booleans,
    broadcast_shape,
    composite,
    custom,
    declare_public,
    elementwise,
    elementwise_masks,
    integers,
    on,
    op,
    operands,
    sum_to,
)
from .registry import Sample, Tile, op_of
from .tensor import Tensor, as_tensor, checked, fail, make
from .types import DTypeLike, TensorLike

# ------------------------------------------------------------------ arithmetic
add = elementwise(
    "add",
    "x1 + x2.",
    partials=(1, 1),
    accepts="numeric",
    reference=np.add,
    samples=on(-2, 2, 2),
    onnx="Add",
    linear_in=((0, 1),),
)
subtract = elementwise(
    "subtract",
    "x1 - x2.",
    partials=(1, -1),
    accepts="numeric",
    reference=np.subtract,
    samples=on(-2, 2, 2),
    onnx="Sub",
    linear_in=((0, 1),),
)
multiply = elementwise(
    "multiply",
    "x1 * x2.",
    partials=(lambda y, a, b: b, lambda y, a, b: a),
    accepts="numeric",
    reference=np.multiply,
    samples=on(-2, 2, 2),
    onnx="Mul",
    linear_in=((0,), (1,)),
)
divide = elementwise(
    "divide",
    "x1 / x2, floats only.",
    partials=(lambda y, a, b: reciprocal(b), lambda y, a, b: negative(y / b)),
    reference=np.divide,
    samples=on(0.5, 2, 2),
    onnx="Div",
    linear_in=((0,),),
)
floor_divide = elementwise(
    "floor_divide",
    "floor(x1 / x2); integers divided by zero give 0, as in NumPy.",
    n=2,
    accepts="numeric",
    reference=np.floor_divide,
    samples=on(0.6, 3.3, 2),
)
remainder = elementwise(
    "remainder",
    "x1 - floor(x1 / x2) * x2, with the sign of x2.",
    partials=(1, lambda y, a, b: negative(floor(a / b)) if b.dtype in FLOATS else None),
    accepts="numeric",
    reference=np.remainder,
    samples=on(2.1, 2.9, 2),
    onnx="Mod",
    smooth=False,
)
maximum = elementwise(
    "maximum",
    "The larger of x1 and x2; NaN wins. At a tie the gradient is halved.",
    partials=(lambda y, a, b: _taken(a, b), lambda y, a, b: _taken(b, a)),
    accepts="numeric",
    reference=np.maximum,
    samples=on(-2, 2, 2),
    onnx="Max",
    smooth=False,
    selects=lambda node: [greater_equal(*node.inputs), less_equal(*node.inputs)],
)
minimum = elementwise(
    "minimum",
    "The smaller of x1 and x2; NaN wins. At a tie the gradient is halved.",
    partials=(lambda y, a, b: _taken(b, a), lambda y, a, b: _taken(a, b)),
    accepts="numeric",
    reference=np.minimum,
    samples=on(-2, 2, 2),
    onnx="Min",
    smooth=False,
    selects=lambda node: [less_equal(*node.inputs), greater_equal(*node.inputs)],
)


def _taken(a: Tensor, b: Tensor) -> Any:
    """What g becomes where a is chosen over b: half of it where they tie."""
    return lambda g: where(greater(a, b), g, where(equal(a, b), g * 0.5, 0))


_power = elementwise(
    "pow",
    "x1 ** x2. For x1 = 0 the derivative by x2 is taken as 0; for x1 < 0 it is NaN.",
    partials=(lambda y, a, b: _power_base(a, b), lambda y, a, b: y * log(where(equal(a, 0), 1, a))),
    accepts="numeric",
    reference=np.power,
    samples=on(0.5, 2, 2),
    onnx="Pow",
)


def _power_base(a: Tensor, b: Tensor) -> Tensor:
    # b * a**(b-1), and 0 where b is 0 even at a = 0
    return where(equal(b, 0), 0, b * _power(a, where(equal(b, 0), 1, b - 1)))


pow = _power
negative = elementwise(
    "negative",
    "-x.",
    partials=(-1,),
    accepts="numeric",
    reference=np.negative,
    samples=on(-2, 2),
    onnx="Neg",
    linear_in=((0,),),
)
abs = elementwise(
    "abs",
    "|x|; derivative 0 at 0.",
    partials=(lambda y, x: sign(x),),
    accepts="numeric",
    reference=np.abs,
    samples=on(-2, 2),
    onnx="Abs",
    smooth=False,
)
sign = elementwise(
    "sign", "-1, 0 or 1; NaN of NaN.", accepts="numeric", reference=np.sign, samples=on(-2, 2), onnx="Sign"
)
square = elementwise(
    "square", "x * x.", partials=(lambda y, x: x * 2,), accepts="numeric", reference=np.square, samples=on(-2, 2)
)
reciprocal = elementwise(
    "reciprocal",
    "1 / x, floats only.",
    partials=(lambda y, x: negative(y * y),),
    reference=np.reciprocal,
    samples=on(0.5, 2),
    onnx="Reciprocal",
)
sqrt = elementwise(
    "sqrt",
    "The square root; NaN below 0.",
    partials=(lambda y, x: 0.5 / y,),
    reference=np.sqrt,
    samples=on(0.2, 3),
    onnx="Sqrt",
)

rsqrt = elementwise(
    "rsqrt",
    "1 / sqrt(x).",
    partials=(lambda y, x: -0.5 * y * (y * y),),
    reference=lambda x: 1 / np.sqrt(x),
    samples=on(0.2, 3),
)

# ------------------------------------------------------------------ exponentials and logarithms
exp = elementwise("exp", "e ** x.", partials=(lambda y, x: y,), reference=np.exp, samples=on(-2, 2), onnx="Exp")
expm1 = elementwise(
    "expm1", "e ** x - 1, accurate near 0.", partials=(lambda y, x: exp(x),), reference=np.expm1, samples=on(-2, 2)
)
log = elementwise(
    "log",
    "The natural logarithm; -inf at 0, NaN below.",
    partials=(lambda y, x: reciprocal(x),),
    reference=np.log,
    samples=on(0.3, 3),
    onnx="Log",
)
bounded_log = elementwise(
    "bounded_log",
    "The natural logarithm, whose derivative stays finite: that of 1e-18 below it (1e-150 in float64), at 0 too.",
    microop="log",
    partials=(lambda y, x: reciprocal(maximum(x, 1e-18 if x.dtype is float32 else 1e-150)),),
    reference=np.log,
    samples=on(0.3, 3),
)
log1p = elementwise(
    "log1p",
    "log(1 + x), accurate near 0.",
    partials=(lambda y, x: reciprocal(x + 1),),
    reference=np.log1p,
    samples=on(-0.5, 3),
)
log2 = elementwise(
    "log2",
    "The logarithm to base 2.",
    partials=(lambda y, x: reciprocal(x) * (1 / math.log(2)),),
    reference=np.log2,
    samples=on(0.3, 3),
)
log10 = elementwise(
    "log10",
    "The logarithm to base 10.",
    partials=(lambda y, x: reciprocal(x) * (1 / math.log(10)),),
    reference=np.log10,
    samples=on(0.3, 3),
)
logaddexp = elementwise(
    "logaddexp",
    "log(exp(x1) + exp(x2)) without overflow; -inf of nothing but -inf, with derivative 0.",
    partials=(lambda y, a, b: _share_of(y, a - b), lambda y, a, b: _share_of(y, b - a)),
    reference=np.logaddexp,
    samples=on(-2, 2, 2),
)


def _share_of(y: Tensor, difference: Tensor) -> Tensor:
    """The derivative of logaddexp by the operand that exceeds the other by ``difference``; 0 where both are -inf."""
    return sigmoid(where(equal(y, -math.inf), -math.inf, difference))


# ------------------------------------------------------------------ circular and hyperbolic functions
sin = elementwise("sin", "The sine.", partials=(lambda y, x: cos(x),), reference=np.sin, samples=on(-3, 3), onnx="Sin")
cos = elementwise(
    "cos", "The cosine.", partials=(lambda y, x: negative(sin(x)),), reference=np.cos, samples=on(-3, 3), onnx="Cos"
)
tan = elementwise(
    "tan", "The tangent.", partials=(lambda y, x: y * y + 1,), reference=np.tan, samples=on(-1, 1), onnx="Tan"
)
asin = elementwise(
    "asin",
    "The inverse sine; NaN outside [-1, 1].",
    partials=(lambda y, x: rsqrt(one_minus_square(x)),),
    reference=np.arcsin,
    samples=on(-0.8, 0.8),
    onnx="Asin",
)
acos = elementwise(
    "acos",
    "The inverse cosine; NaN outside [-1, 1].",
    partials=(lambda y, x: negative(rsqrt(one_minus_square(x))),),
    reference=np.arccos,
    samples=on(-0.8, 0.8),
    onnx="Acos",
)
atan = elementwise(
    "atan",
    "The inverse tangent.",
    partials=(lambda y, x: square(reciprocal(hypot(x, 1.0))),),
    reference=np.arctan,
    samples=on(-2, 2),
    onnx="Atan",
)
atan2 = elementwise(
    "atan2",
    "The angle of the point (x2, x1).",
    partials=(lambda y, a, b: _turn(b, a), lambda y, a, b: negative(_turn(a, b))),
    reference=np.arctan2,
    samples=on(0.3, 2, 2),
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
)
sinh = elementwise(
    "sinh", "The hyperbolic sine.", partials=(lambda y, x: cosh(x),), reference=np.sinh, samples=on(-2, 2), onnx="Sinh"
)
cosh = elementwise(
    "cosh",
    "The hyperbolic cosine.",
    partials=(lambda y, x: sinh(x),),
    reference=np.cosh,
    samples=on(-2, 2),
    onnx="Cosh",
)
tanh = elementwise(
    "tanh",
    "The hyperbolic tangent.",
    partials=(lambda y, x: sigmoid_slope(x * 2) * 4,),
    reference=np.tanh,
    samples=on(-2, 2),
    onnx="Tanh",
)
asinh = elementwise(
    "asinh",
    "The inverse hyperbolic sine.",
    partials=(lambda y, x: reciprocal(hypot(x, 1.0)),),
    reference=np.arcsinh,
    samples=on(-2, 2),
    onnx="Asinh",
)
acosh = elementwise(
    "acosh",
    "The inverse hyperbolic cosine; NaN below 1.",
    partials=(lambda y, x: rsqrt(x - 1) * rsqrt(x + 1),),
    reference=np.arccosh,
    samples=on(1.2, 3),
    onnx="Acosh",
)
atanh = elementwise(
    "atanh",
    "The inverse hyperbolic tangent; NaN outside [-1, 1].",
    partials=(lambda y, x: reciprocal(one_minus_square(x)),),
    reference=np.arctanh,
    samples=on(-0.8, 0.8),
    onnx="Atanh",
)
hypot = elementwise(
    "hypot",
    "sqrt(x1**2 + x2**2) without overflow; derivative 0 at the origin.",
    partials=(lambda y, a, b: _ratio(a, y), lambda y, a, b: _ratio(b, y)),
    reference=np.hypot,
    samples=on(0.3, 2, 2),
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
)
erf = elementwise(
    "erf",
    "The error function.",
    partials=(lambda y, x: exp_minus_square(x) * _TWO_OVER_SQRT_PI,),
    reference="scipy.special.erf",
    samples=on(-2, 2),
    onnx="Erf",
)
erfc = elementwise(
    "erfc",
    "1 - erf(x), accurate for large x.",
    partials=(lambda y, x: exp_minus_square(x) * -_TWO_OVER_SQRT_PI,),
    reference="scipy.special.erfc",
    samples=on(-2, 2),
)
erfinv = elementwise(
    "erfinv",
    "The inverse of erf; infinite at -1 and 1, NaN outside.",
    partials=(lambda y, x: reciprocal(exp_minus_square(y)) * (1 / _TWO_OVER_SQRT_PI),),
    reference="scipy.special.erfinv",
    samples=on(-0.9, 0.9),
)
lgamma = elementwise(
    "lgamma",
    "The logarithm of |Gamma(x)|.",
    partials=(lambda y, x: digamma(x),),
    reference="scipy.special.gammaln",
    samples=on(0.3, 4),
)
digamma = elementwise(
    "digamma",
    "The logarithmic derivative of Gamma. Its own derivative is taken from the series "
    "of the trigamma function (Abramowitz and Stegun 6.4.12, shifted by 6.4.6).",
    partials=(lambda y, x: _trigamma(x),),
    reference="scipy.special.digamma",
    samples=on(0.3, 4),
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
)
sigmoid_slope = elementwise(
    "sigmoid_slope",
    "The derivative of sigmoid, exp(-x) / (1 + exp(-x))**2, with all its digits on either side.",
    partials=(lambda y, x: negative(y * tanh(x * 0.5)),),
    reference=lambda x: 0.25 / np.square(np.cosh(x / 2)),
    samples=on(-3, 3),
)
softplus = elementwise(
    "softplus",
    "log(1 + exp(x)) without overflow.",
    partials=(lambda y, x: sigmoid(x),),
    reference=lambda x: np.logaddexp(x, 0),
    samples=on(-3, 3),
    onnx="Softplus",
    namespace="nn",
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
)

# ------------------------------------------------------------------ rounding
ceil = elementwise(
    "ceil", "The least integer not below x, as a float.", reference=np.ceil, samples=on(-3, 3), onnx="Ceil"
)
floor = elementwise(
    "floor", "The greatest integer not above x, as a float.", reference=np.floor, samples=on(-3, 3), onnx="Floor"
)
round = elementwise(
    "round", "The nearest integer, halves to even, as a float.", reference=np.round, samples=on(-3, 3), onnx="Round"
)
trunc = elementwise("trunc", "x without its fraction, as a float.", reference=np.trunc, samples=on(-3, 3))
copysign = elementwise(
    "copysign",
    "|x1| with the sign of x2.",
    partials=(lambda y, a, b: sign(a) * copysign(1.0, b), None),
    reference=np.copysign,
    samples=on(0.3, 2, 2),
    smooth=False,
)

# ------------------------------------------------------------------ comparison and logic
equal = elementwise(
    "equal", "x1 == x2.", n=2, accepts="any", result="bool", reference=np.equal, samples=integers(0, 3, 2), onnx="Equal"
)
not_equal = elementwise(
    "not_equal", "x1 != x2.", n=2, accepts="any", result="bool", reference=np.not_equal, samples=integers(0, 3, 2)
)
less = elementwise(
    "less", "x1 < x2.", n=2, accepts="numeric", result="bool", reference=np.less, samples=integers(0, 3, 2), onnx="Less"
)
less_equal = elementwise(
    "less_equal",
    "x1 <= x2.",
    n=2,
    accepts="numeric",
    result="bool",
    reference=np.less_equal,
    samples=integers(0, 3, 2),
    onnx="LessOrEqual",
)
greater = elementwise(
    "greater",
    "x1 > x2.",
    n=2,
    accepts="numeric",
    result="bool",
    reference=np.greater,
    samples=integers(0, 3, 2),
    onnx="Greater",
)
greater_equal = elementwise(
    "greater_equal",
    "x1 >= x2.",
    n=2,
    accepts="numeric",
    result="bool",
    reference=np.greater_equal,
    samples=integers(0, 3, 2),
    onnx="GreaterOrEqual",
)
isnan = elementwise("isnan", "Whether x is NaN.", result="bool", reference=np.isnan, samples=on(-2, 2), onnx="IsNaN")
isinf = elementwise(
    "isinf", "Whether x is infinite.", result="bool", reference=np.isinf, samples=on(-2, 2), onnx="IsInf"
)
isfinite = elementwise(
    "isfinite", "Whether x is neither NaN nor infinite.", result="bool", reference=np.isfinite, samples=on(-2, 2)
)
logical_and = elementwise(
    "logical_and", "x1 and x2.", n=2, accepts="bool", reference=np.logical_and, samples=booleans(2), onnx="And"
)
logical_or = elementwise(
    "logical_or", "x1 or x2.", n=2, accepts="bool", reference=np.logical_or, samples=booleans(2), onnx="Or"
)
logical_xor = elementwise(
    "logical_xor", "x1 differs from x2.", n=2, accepts="bool", reference=np.logical_xor, samples=booleans(2), onnx="Xor"
)
logical_not = elementwise(
    "logical_not", "not x.", accepts="bool", reference=np.logical_not, samples=booleans(), onnx="Not"
)


def _bitwise(
    name: str, doc: str, reference: Callable[..., Any], logical: Callable[..., Tensor]
) -> Callable[[TensorLike, TensorLike], Tensor]:
    """A bit operator of two, which on bools is the logical one."""
    bits = elementwise(name, doc, n=2, accepts="integer_or_bool", reference=reference, samples=integers(0, 7, 2))

    def public(x1: TensorLike, x2: TensorLike, /) -> Tensor:
        x1, x2 = operands(name, (x1, x2), "integer_or_bool")
        return logical(x1, x2) if x1.dtype is bool_ else bits(x1, x2)

    return declare_public(op_of(bits), public)


def _inverted() -> Callable[[TensorLike], Tensor]:
    bits = elementwise(
        "bitwise_invert",
        "~x; bools: not.",
        accepts="integer_or_bool",
        reference=np.bitwise_invert,
        samples=integers(0, 7),
    )

    def public(x: TensorLike, /) -> Tensor:
        (x,) = operands("bitwise_invert", (x,), "integer_or_bool")
        return logical_not(x) if x.dtype is bool_ else bits(x)

    return declare_public(op_of(bits), public)


bitwise_and = _bitwise("bitwise_and", "x1 & x2; bools: and.", np.bitwise_and, logical_and)
bitwise_or = _bitwise("bitwise_or", "x1 | x2; bools: or.", np.bitwise_or, logical_or)
bitwise_xor = _bitwise("bitwise_xor", "x1 ^ x2; bools: xor.", np.bitwise_xor, logical_xor)
bitwise_invert = _inverted()
bitwise_left_shift = elementwise(
    "bitwise_left_shift", "x1 << x2.", n=2, accepts="integer", reference=np.left_shift, samples=integers(0, 7, 2)
)
bitwise_right_shift = elementwise(
    "bitwise_right_shift", "x1 >> x2.", n=2, accepts="integer", reference=np.right_shift, samples=integers(0, 7, 2)
)


# ------------------------------------------------------------------ where, casts, gates
def _infer_where(xs: Any, attrs: Any) -> Any:
    return ((broadcast_shape("where", xs), xs[1].dtype),)


def _where_vjp(node: Node, gs: Any, wanted: Any, _d: Any) -> Any:
    c, a, b = node.inputs
    (g,) = gs
    # selecting, not multiplying by 0 or 1: a NaN in the branch not taken stays out
    return [
        None,
        sum_to(where(c, g, 0), a.shape) if wanted[1] else None,
        sum_to(where(c, 0, g), b.shape) if wanted[2] else None,
    ]


def _where_jvp(node: Node, ts: Any, _d: Any) -> Any:
    c, _a, _b = node.inputs
    if ts[1] is None and ts[2] is None:
        return [None]
    t = where(c, 0 if ts[1] is None else ts[1], 0 if ts[2] is None else ts[2])
    y = node.outputs[0]
    return [t if t.shape == y.shape else op("broadcast_to")(t, y.shape)]


def _where(condition: TensorLike, x1: TensorLike, x2: TensorLike, /) -> Tensor:
    c = as_tensor(condition, "where")
    if c.dtype is not bool_:
        fail(DTypeError, "where", f"the condition is {c.dtype.name}; write a comparison or .astype('bool')", [c])
    a, b = operands("where", (x1, x2))
    return make(WHERE, (c, a, b))


def _where_samples(rng: np.random.Generator) -> Any:
    for c, a, b in (((3, 4), (3, 4), (3, 4)), ((4,), (3, 1), ()), ((), (2,), (2,)), ((0, 2), (2,), ())):
        yield Sample((rng.integers(0, 2, c).astype(bool), rng.uniform(-2, 2, a), rng.uniform(-2, 2, b)))


where = custom(
    "where",
    "x1 where the condition holds, else x2. A NaN in the branch not taken reaches no gradient.",
    infer=_infer_where,
    kernel=Tile("where"),
    public=_where,
    vjp=_where_vjp,
    jvp=_where_jvp,
    selects=lambda node: [None, node.inputs[0], logical_not(node.inputs[0])],
    masks=elementwise_masks,
    reference=np.where,
    samples=_where_samples,
    onnx="Where",
    linear_in=((1, 2),),
    batch=batching.elementwise,
)
WHERE = op_of(where)


def _infer_astype(xs: Any, attrs: Any) -> Any:
    return ((xs[0].shape, attrs["dtype"]),)


def _astype(x: TensorLike, dtype: DTypeLike, /) -> Tensor:
    x = as_tensor(x, "astype")
    dtype = checked(as_dtype, "astype", dtype, [x])
    return x if x.dtype is dtype else make(ASTYPE, (x,), {"dtype": dtype})


def _astype_vjp(node: Node, gs: Any, wanted: Any, _d: Any) -> Any:
    return [astype(gs[0], node.inputs[0].dtype) if wanted[0] else None]


def _astype_jvp(node: Node, ts: Any, _d: Any) -> Any:
    dtype = node.attrs["dtype"]
    return [None if ts[0] is None or dtype not in FLOATS else astype(ts[0], dtype)]


def _astype_samples(rng: np.random.Generator) -> Any:
    for dtype in ("float32", "float64", "int32", "int64", "bool"):
        yield Sample((rng.uniform(-9, 9, (3, 4)), dtype))


astype = custom(
    "astype",
    "x in another dtype; floats lose their fraction on the way to integers, nonzero is True.",
    infer=_infer_astype,
    kernel=Tile("cast"),
    public=_astype,
    vjp=_astype_vjp,
    jvp=_astype_jvp,
    masks=elementwise_masks,
    reference=lambda x, dtype: x.astype(dtype),
    samples=_astype_samples,
    onnx="Cast",
    batch=batching.leading,
)
ASTYPE = op_of(astype)


def _stop_gradient(x: TensorLike, /) -> Tensor:
    return make(STOP_GRADIENT, (as_tensor(x, "stop_gradient"),))


stop_gradient = custom(
    "stop_gradient",
    "x, with zero derivative.",
    infer=lambda xs, attrs: ((xs[0].shape, xs[0].dtype),),
    kernel=Tile("copy"),
    public=_stop_gradient,
    reference=lambda x: x,
    samples=on(-2, 2),
    batch=batching.leading,
)
STOP_GRADIENT = op_of(stop_gradient)


# ------------------------------------------------------------------ made of the others
@composite(reference=np.positive, samples=on(-2, 2))
def positive(x: TensorLike, /) -> Tensor:
    """x itself."""
    return as_tensor(x, "positive")


@composite(
    reference=np.clip,
    samples=lambda rng: [
        Sample((rng.uniform(-2, 2, (3, 4)), -1.0, 1.0)),
        Sample((rng.uniform(-2, 2, (5,)), None, 0.5)),
    ],
    smooth=False,
    onnx="Clip",
)
def clip(x: TensorLike, /, min: TensorLike | None = None, max: TensorLike | None = None) -> Tensor:
    """x limited to [min, max]; None leaves a side open."""
    x = as_tensor(x, "clip")
    if min is not None:
        x = maximum(x, min)
    return x if max is None else minimum(x, max)


def _unless_nan(name: str, x1: TensorLike, x2: TensorLike, extreme: Callable[..., Tensor]) -> Tensor:
    """The extreme of two numbers, the other one where one of them is NaN."""
    a, b = operands(name, (x1, x2), "numeric")
    if a.dtype not in FLOATS:
        return extreme(a, b)
    return where(isnan(a), b, where(isnan(b), a, extreme(a, b)))


@composite(reference=np.fmax, samples=on(-2, 2, 2), smooth=False)
def fmax(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """The larger of two; where one is NaN the other one. Derivatives as maximum's, none to a NaN that lost."""
    return _unless_nan("fmax", x1, x2, maximum)


@composite(reference=np.fmin, samples=on(-2, 2, 2), smooth=False)
def fmin(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """The smaller of two; where one is NaN the other one. Derivatives as minimum's, none to a NaN that lost."""
    return _unless_nan("fmin", x1, x2, minimum)
