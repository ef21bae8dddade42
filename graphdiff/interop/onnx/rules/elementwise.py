"""Rules of elementwise operators whose operands or attributes are not those of one operation here: of integers, of many
operands, with numbers as attributes; and casts.

The others follow from the declarations (table.py).
"""

from __future__ import annotations

import math
from functools import reduce

import numpy as np

import graphdiff as gd

from ....errors import DTypeError
from ....ir.dtypes import FLOATS, INTEGERS, bool_, float64, int64
from ....ops.tensor import Tensor
from ..call import Call
from ..known import Known
from ..scope import Value
from ..table import reads

# --------------------------------------------------------------------------------------- arithmetic


@reads("Div")
def div(call: Call) -> Tensor:
    """Of integers the quotient towards zero."""
    a, b = call.tensors(2)
    if a.dtype in FLOATS:
        return a / b
    return truncated_quotient(a, b)


def truncated_quotient(a: Tensor, b: Tensor) -> Tensor:
    return gd.sign(a) * gd.sign(b) * gd.floor_divide(gd.abs(a), gd.abs(b))


@reads("Mod")
def mod(call: Call) -> Tensor:
    """With the sign of the divisor, or with ``fmod`` that of the dividend, as in C."""
    a, b = call.tensors(2)
    if not call.flag("fmod"):
        return gd.remainder(a, b)
    if a.dtype in FLOATS:
        return a - b * gd.stop_gradient(gd.trunc(a / b))
    return a - b * truncated_quotient(a, b)


@reads("Pow")
def power(call: Call) -> Tensor:
    """In the base's dtype; the exponent may have another."""
    base, exponent = call.value(0), call.value(1)
    x = call.as_tensor(base)
    if isinstance(exponent, Known) and exponent.plain and exponent.array.size == 1:
        y = exponent.array.reshape(())[()]
        if y == int(y) and (x.dtype in FLOATS or y >= 0):
            whole = gd.constant(np.asarray(exponent.array, x.dtype)) if x.dtype in INTEGERS else None
            if whole is None and not exponent.shape:
                return gd.pow(x, float(y))
            return gd.pow(x, whole if whole is not None else gd.constant(exponent.array.astype(x.dtype)))
    by = call.as_tensor(exponent)
    if x.dtype in INTEGERS and by.dtype in FLOATS:
        return gd.astype(gd.pow(gd.astype(x, float64), gd.astype(by, float64)), x.dtype)
    return gd.pow(x, converted(by, x.dtype))


@reads("Sum")
def sum_of(call: Call) -> Tensor:
    return reduce(gd.add, call.tensors())


@reads("Mean")
def mean_of(call: Call) -> Tensor:
    return reduce(gd.add, call.tensors()) / len(call)


@reads("Max")
def max_of(call: Call) -> Tensor:
    return reduce(gd.maximum, call.tensors())


@reads("Min")
def min_of(call: Call) -> Tensor:
    return reduce(gd.minimum, call.tensors())


@reads("BitShift")
def bit_shift(call: Call) -> Tensor:
    a, b = call.tensors(2)
    left = call.text("direction") == "LEFT"
    return gd.bitwise_left_shift(a, b) if left else gd.bitwise_right_shift(a, b)


@reads("BitwiseAnd", "BitwiseOr", "BitwiseXor")
def bitwise(call: Call) -> Tensor:
    a, b = call.tensors(2)
    return {"BitwiseAnd": gd.bitwise_and, "BitwiseOr": gd.bitwise_or}.get(call.node.op, gd.bitwise_xor)(a, b)


@reads("BitwiseNot")
def bitwise_not(call: Call) -> Tensor:
    return gd.bitwise_invert(call.tensor())


@reads("Round")
def rounded(call: Call) -> Tensor:
    return gd.round(call.tensor())


@reads("Clip", settings=(1, 2))
def clip(call: Call) -> Tensor:
    """Bounds are attributes before opset 11."""
    x = call.tensor()
    if call.opset < 11:
        low = call.number("min", -math.inf)
        high = call.number("max", math.inf)
        return gd.clip(x, None if low == -math.inf else low, None if high == math.inf else high)
    low_, high_ = call.optional(1), call.optional(2)
    if low_ is not None:
        x = gd.maximum(x, gd.reshape(low_, ()))
    return x if high_ is None else gd.minimum(x, gd.reshape(high_, ()))


@reads("IsInf")
def is_inf(call: Call) -> Tensor:
    x = call.tensor()
    found = gd.isinf(x)
    if not call.flag("detect_negative", True):
        found = gd.logical_and(found, x > 0)
    if not call.flag("detect_positive", True):
        found = gd.logical_and(found, x < 0)
    return found


@reads("Sign")
def sign(call: Call) -> Tensor:
    return gd.sign(call.tensor())


@reads("Where")
def where(call: Call) -> Tensor:
    return gd.where(*call.tensors(3))


# --------------------------------------------------------------------------------------- casts


@reads("Cast")
def cast(call: Call) -> Value:
    return converted(call.tensor(), call.dtype(call.integer("to")))


@reads("CastLike")
def cast_like(call: Call) -> Value:
    like = call.value(1)
    return converted(call.tensor(), like.dtype)


def converted(x: Tensor, dtype: np.dtype) -> Tensor:
    return x if x.dtype is dtype else gd.astype(x, dtype)


@reads("Identity")
def identity(call: Call) -> Value:
    return call.value(0)


@reads("BitCast")
def bit_cast(call: Call) -> Tensor:
    x = call.tensor()
    dtype = call.dtype(call.integer("to"))
    if dtype is not x.dtype:
        call.fail(DTypeError, f"the bits of {x.dtype.name} as {dtype.name}: graphdiff has no such operation")
    return x


# --------------------------------------------------------------------------------------- activations


@reads("LeakyRelu")
def leaky_relu(call: Call) -> Tensor:
    return gd.nn.leaky_relu(call.tensor(), call.number("alpha", 0.01))


@reads("PRelu")
def prelu(call: Call) -> Tensor:
    """A slope for each channel may stand as a vector, as models of before opset 7 have it."""
    x, slope = call.tensors(2)
    if slope.ndim == 1 and x.ndim > 2 and slope.shape[0] == x.shape[1] and slope.shape[0] not in (1, x.shape[-1]):
        slope = gd.reshape(slope, (-1, *(1,) * (x.ndim - 2)))
    return gd.where(x < 0, x * slope, x)


@reads("Elu")
def elu(call: Call) -> Tensor:
    return gd.nn.elu(call.tensor(), call.number("alpha", 1.0))


@reads("Celu")
def celu(call: Call) -> Tensor:
    return gd.nn.celu(call.tensor(), call.number("alpha", 1.0))


@reads("Selu")
def selu(call: Call) -> Tensor:
    alpha, gamma = call.number("alpha", 1.67326319217681884765625), call.number("gamma", 1.05070102214813232421875)
    return gd.nn.elu(call.tensor(), alpha) * gamma


@reads("Relu")
def relu(call: Call) -> Tensor:
    x = call.tensor()
    return gd.nn.relu(x) if x.dtype in FLOATS else gd.maximum(x, 0)


@reads("Softplus")
def softplus(call: Call) -> Tensor:
    return gd.nn.softplus(call.tensor())


@reads("Softsign")
def softsign(call: Call) -> Tensor:
    return gd.nn.softsign(call.tensor())


@reads("HardSigmoid")
def hard_sigmoid(call: Call) -> Tensor:
    x = call.tensor()
    return gd.clip(x * call.number("alpha", 0.2) + call.number("beta", 0.5), 0.0, 1.0)


@reads("HardSwish")
def hard_swish(call: Call) -> Tensor:
    return gd.nn.hardswish(call.tensor())


@reads("Swish")
def swish(call: Call) -> Tensor:
    x, alpha = call.tensor(), call.number("alpha", 1.0)
    return x * gd.nn.sigmoid(x if alpha == 1 else x * alpha)


@reads("Mish")
def mish(call: Call) -> Tensor:
    return gd.nn.mish(call.tensor())


@reads("Gelu")
def gelu(call: Call) -> Tensor:
    return gd.nn.gelu(call.tensor(), "tanh" if call.text("approximate", "none") == "tanh" else "none")


@reads("ThresholdedRelu")
def thresholded_relu(call: Call) -> Tensor:
    x = call.tensor()
    return gd.where(x > call.number("alpha", 1.0), x, 0)


@reads("Shrink")
def shrink(call: Call) -> Tensor:
    x = call.tensor()
    bound, bias = call.number("lambd", 0.5), call.number("bias", 0.0)
    y = gd.astype(x, float64) if x.dtype in INTEGERS else x
    return converted(gd.where(y < -bound, y + bias, gd.where(y > bound, y - bias, 0)), x.dtype)


def truth(x: Tensor) -> Tensor:
    """A bool for a condition of any shape of one element."""
    return gd.reshape(x if x.dtype is bool_ else x != 0, ())


def as_int64(x: Tensor) -> Tensor:
    return converted(x, int64)
