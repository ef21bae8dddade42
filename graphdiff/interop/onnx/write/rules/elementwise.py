"""Elementwise operations that ONNX has not by name, made of those that it has; what is its operand to a file.

The forms keep their digits: log1p and expm1 after Kahan, slopes by what their functions miss to the limit.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

import graphdiff as gd

from .....ir.dtypes import FLOATS, bool_, int64
from .....ops.tensor import Tensor
from ..operators import operator
from ..table import Call, Given, Writing, by_name, writes
from ..types import element


# --------------------------------------------------------------------------------------- what is nothing here
@writes("stop_gradient", "check_index", "check_true", "custom", "named")
def _operand(w: Writing) -> Given:
    return w.x


# --------------------------------------------------------------------------------------- arithmetic
@writes("astype")
def _astype(w: Writing) -> Given:
    return operator("Cast", w.xs, w.y, to=element(w.y.dtype))


@writes("where")
def _where(w: Writing) -> Given:
    return operator("Where", w.xs, w.y)


@writes("not_equal")
def _not_equal(w: Writing) -> Given:
    return gd.logical_not(gd.equal(*w.xs))


@writes("isfinite")
def _isfinite(w: Writing) -> Given:
    return gd.logical_not(gd.logical_or(gd.isnan(w.x), gd.isinf(w.x)))


@writes("square")
def _square(w: Writing) -> Given:
    return w.x * w.x


@writes("rsqrt")
def _rsqrt(w: Writing) -> Given:
    return gd.reciprocal(gd.sqrt(w.x))


@writes("relu")
def _relu(w: Writing) -> Given:
    return operator("Relu", w.xs, w.y) if w.y.dtype in FLOATS else gd.maximum(w.x, 0)


@writes("remainder")
def _remainder(w: Writing) -> Given:
    """Of the divisor's sign; of floats ONNX has the other one."""
    b = w.xs[1]
    if w.y.dtype not in FLOATS:
        return operator("Mod", w.xs, w.y)
    rest = operator("Mod", w.xs, w.y, fmod=1)
    return gd.where(gd.logical_and(gd.not_equal(rest, 0), gd.not_equal(rest < 0, b < 0)), rest + b, rest)


@writes("floor_divide")
def _floor_divide(w: Writing) -> Given:
    a, b = w.xs
    if w.y.dtype not in FLOATS:  # Div rounds towards 0, and a multiple has nothing to round
        return operator("Div", [a - gd.remainder(a, b), b], w.y)
    quotient = (a - gd.remainder(a, b)) / b
    low = gd.floor(quotient)
    exact = gd.where(quotient - low > 0.5, low + 1, low)
    return gd.where(gd.logical_or(gd.isinf(a), gd.equal(b, 0)), gd.floor(a / b), exact)


@writes("trunc")
def _trunc(w: Writing) -> Given:
    return gd.where(w.x < 0, gd.ceil(w.x), gd.floor(w.x))


@writes("copysign")
def _copysign(w: Writing) -> Given:
    size, sign = gd.abs(w.xs[0]), w.xs[1]
    negative = gd.logical_or(sign < 0, gd.reciprocal(sign) < 0)  # of -0 too
    return gd.where(negative, -size, size)


@writes("root")
def _root(w: Writing) -> Given:
    return gd.sqrt(w.x)


# --------------------------------------------------------------------------------------- bits
def _bits(name: str, operation: str, of_bools: Callable[..., Tensor]) -> None:
    @writes(operation)
    def rule(w: Writing) -> Given | None:
        if w.y.dtype is bool_:
            return of_bools(*w.xs)
        return operator(name, w.xs, w.y) if w.opset >= 18 else None


_bits("BitwiseAnd", "bitwise_and", gd.logical_and)
_bits("BitwiseOr", "bitwise_or", gd.logical_or)
_bits("BitwiseXor", "bitwise_xor", gd.logical_xor)
_bits("BitwiseNot", "bitwise_invert", gd.logical_not)


def _shift(direction: str, operation: str) -> None:
    @writes(operation)
    def rule(w: Writing) -> Given:
        """Before opset 28 numbers without a sign alone are shifted: products and quotients of powers of 2, in two steps
        as 2^63 is no number. By as many bits as there are or more, and by negative numbers, all are shifted out."""
        x, n = w.xs
        if w.opset >= 28:
            return operator("BitShift", [x, n], w.y, direction=direction)
        bits = 8 * w.y.dtype.itemsize
        x, n = gd.astype(x, int64), gd.astype(n, int64)
        out = gd.logical_or(n < 0, n >= bits)
        n = gd.where(out, bits - 1, n)
        half = gd.floor_divide(n, 2)
        first, second = (gd.pow(gd.full((), 2, int64), k) for k in (half, n - half))
        if direction == "RIGHT":
            return gd.astype(gd.floor_divide(gd.floor_divide(x, first), second), w.y.dtype)
        return gd.astype(gd.where(out, 0, x * first * second), w.y.dtype)


_shift("LEFT", "bitwise_left_shift")
_shift("RIGHT", "bitwise_right_shift")


# --------------------------------------------------------------------------------------- exponentials and logarithms
@writes("expm1")
def _expm1(w: Writing) -> Given:
    """After Kahan: (u - 1) x / log(u) with u = exp(x) as it was rounded."""
    x = w.x
    u = gd.exp(x)
    near = (u - 1) * x / gd.log(u)
    near = gd.where(gd.equal(u, 1), x, near)
    return gd.where(gd.abs(x) < 1, near, u - 1)


@writes("log1p")
def _log1p(w: Writing) -> Given:
    """After Kahan: log(u) x / (u - 1) with u = 1 + x as it was rounded."""
    x = w.x
    u = 1 + x
    near = gd.where(gd.equal(u, 1), x, gd.log(u) * x / (u - 1))
    return gd.where(gd.abs(x) < 1, near, gd.log(u))


@writes("bounded_log")
def _bounded_log(w: Writing) -> Given:
    return operator("Log", w.xs, w.y)


@writes("log2")
def _log2(w: Writing) -> Given:
    return operator("Log", w.xs, w.y) * (1 / math.log(2))


@writes("log10")
def _log10(w: Writing) -> Given:
    return operator("Log", w.xs, w.y) * (1 / math.log(10))


@writes("logaddexp")
def _logaddexp(w: Writing) -> Given:
    a, b = w.xs
    top = gd.maximum(a, b)
    apart = gd.where(gd.equal(a, b), 0, -gd.abs(a - b))  # of equal infinities too
    return top + operator("Softplus", [apart], w.y)


@writes("xlogy")
def _xlogy(w: Writing) -> Given:
    x, y = w.xs
    return gd.where(gd.logical_and(gd.equal(x, 0), gd.logical_not(gd.isnan(y))), 0, x * operator("Log", [y], y))


@writes("one_minus_square")
def _one_minus_square(w: Writing) -> Given:
    return (1 - w.x) * (1 + w.x)


@writes("exp_minus_square")
def _exp_minus_square(w: Writing) -> Given:
    """exp(-(a + b)^2) as a product: a has so few digits that its square is exact."""
    x = gd.clip(w.x, -1e3, 1e3)  # further out it is 0
    a = gd.round(x * 16) / 16
    return gd.exp(-a * a) * gd.exp((a - x) * (a + x))


@writes("tanh_slope")
def _tanh_slope(w: Writing) -> Given:
    tail = 2 / (gd.exp(2 * gd.abs(w.x)) + 1)
    return tail * (2 - tail)


@writes("sigmoid_slope")
def _sigmoid_slope(w: Writing) -> Given:
    tail = 1 / (gd.exp(gd.abs(w.x)) + 1)
    return tail * (1 - tail)


# --------------------------------------------------------------------------------------- angles
@writes("atan2")
def _atan2(w: Writing) -> Given:
    y, x = w.xs
    steep = gd.abs(y) > gd.abs(x)
    top, bottom = gd.where(steep, x, y), gd.where(steep, y, x)
    ratio = gd.where(gd.equal(bottom, 0), top, top / bottom)  # of 0 and 0 as of 0 and 1
    both = gd.logical_and(gd.isinf(x), gd.isinf(y))
    ratio = gd.where(both, gd.sign(top) * gd.sign(bottom), ratio)
    angle = gd.atan(ratio)
    quarter, half = _signed(math.pi / 2, y), _signed(math.pi, y)
    left = gd.logical_or(x < 0, gd.reciprocal(x) < 0)
    flat = gd.where(left, half + angle, angle)
    return gd.where(steep, quarter - angle, flat)


def _signed(value: float, like: Tensor) -> Tensor:
    negative = gd.logical_or(like < 0, gd.reciprocal(like) < 0)
    return gd.where(negative, np.asarray(-value, like.dtype), np.asarray(value, like.dtype))


@writes("hypot")
def _hypot(w: Writing) -> Given:
    a, b = gd.abs(w.xs[0]), gd.abs(w.xs[1])
    large, small = gd.maximum(a, b), gd.minimum(a, b)
    ratio = gd.where(gd.equal(large, 0), 0, small / large)
    finite = large * gd.sqrt(1 + ratio * ratio)
    return gd.where(gd.logical_or(gd.isinf(a), gd.isinf(b)), math.inf, finite)


# --------------------------------------------------------------------------------------- named ones
@by_name("clip", "nn.hardtanh")
def _clip(call: Call) -> Given | None:
    names = ("min", "max") if "min" in call.given else ("min_val", "max_val")
    x = call.tensor("x")
    bounds = [None if call[n] is None else call.tensor(n) for n in names]
    if x.dtype is not call.y.dtype or x.shape != call.y.shape or any(b is not None and b.shape for b in bounds):
        return None
    if any(b is not None and b.dtype is not x.dtype for b in bounds):
        return None
    return operator("Clip", [x, *bounds], call.y)


@by_name("nn.relu6")
def _relu6(call: Call) -> Given:
    x = call.tensor("x")
    return operator("Clip", [x, gd.full((), 0, x.dtype), gd.full((), 6, x.dtype)], call.y)
