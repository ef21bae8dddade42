"""Rules of JAX's primitives on bits of integers and floats, and on uint64, whose bits an int64 has.

Source of unsigned division by signed: Warren, Hacker's Delight, 2nd edition, section 9-3.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import graphdiff as gd

from ...ops.tensor import Tensor
from .integers import CARRIED, carrier, wrapped
from .rules import UNSIGNED, Params, one, rule

LOWEST, HIGHEST = -(1 << 63), (1 << 63) - 1
_FORMATS = {4: (8, 23), 8: (11, 52)}  # bytes of a float: bits of its exponent and of its fraction


def _width(v: Any) -> int:
    return 8 * int(np.dtype(v.aval.dtype).itemsize)


def _unsigned(x: Tensor, bits: int) -> Tensor:
    """The bits of a signed number as one that is not negative; of 64 as they are."""
    x = gd.astype(x, "int64")
    return x if bits == 64 else gd.bitwise_and(x, (1 << bits) - 1)


def _shifted(x: Tensor, k: Tensor, bits: int) -> Tensor:
    """``x >> k`` with zeros from above; ``x``: as ``_unsigned`` gives it."""
    k = gd.astype(k, "int64")
    if bits < 64:
        return gd.bitwise_right_shift(x, k)
    below = gd.bitwise_right_shift(gd.constant(np.int64(HIGHEST)), gd.maximum(k - 1, 0))
    return gd.where(k <= 0, x, gd.bitwise_and(gd.bitwise_right_shift(x, k), below))


@rule("shift_right_logical")
def _shift_right_logical(params: Params, xs: list[Tensor], outs: Sequence[Any]) -> list[Tensor]:
    bits = _width(outs[0])
    y = _shifted(_unsigned(xs[0], bits), xs[1], bits)
    return [gd.where(_out_of(xs[1], bits), 0, _narrowed(y, outs[0].aval.dtype))]


@rule("shift_left")
def _shift_left(params: Params, xs: list[Tensor], outs: Sequence[Any]) -> list[Tensor]:
    return [gd.where(_out_of(xs[1], _width(outs[0])), 0, gd.bitwise_left_shift(xs[0], xs[1]))]


@rule("shift_right_arithmetic")
def _shift_right_arithmetic(params: Params, xs: list[Tensor], outs: Sequence[Any]) -> list[Tensor]:
    bits = _width(outs[0])
    x = _signed(gd.astype(xs[0], "int64"), bits)
    y = gd.bitwise_right_shift(x, gd.astype(gd.where(_out_of(xs[1], bits), bits - 1, xs[1]), "int64"))
    return [_narrowed(y, outs[0].aval.dtype)]


def _out_of(k: Tensor, bits: int) -> Tensor:
    return gd.logical_or(k < 0, k >= bits)


def _narrowed(x: Tensor, dtype: Any) -> Tensor:
    """An int64 as one of ``dtype``, with the bits that this has."""
    if dtype in CARRIED:
        return wrapped(x, dtype)
    return gd.astype(_signed(x, 8 * np.dtype(dtype).itemsize), dtype)


def _signed(x: Tensor, bits: int) -> Tensor:
    """The last bits of an int64 as a signed number."""
    if bits == 64:
        return x
    half = 1 << (bits - 1)
    return gd.bitwise_and(x + half, (1 << bits) - 1) - half


@rule("mulhi", refuses=lambda p, avals: "of 64 bits" if avals[0].dtype.itemsize == 8 else "")
def _high_product(params: Params, xs: list[Tensor], outs: Sequence[Any]) -> list[Tensor]:
    x, y = (gd.astype(v, "int64") for v in xs)
    shifted = _shifted(x * y, gd.constant(np.int64(_width(outs[0]))), 64)
    return [_narrowed(shifted, outs[0].aval.dtype)]


@rule("population_count")
def _population_count(params: Params, xs: list[Tensor], outs: Sequence[Any]) -> list[Tensor]:
    bits = _width(outs[0])
    x = _unsigned(xs[0], bits)
    ones = [gd.bitwise_and(gd.bitwise_right_shift(x, k), 1) for k in range(bits)]
    return [gd.astype(sum(ones[1:], ones[0]), carrier(outs[0].aval.dtype))]


@rule("clz")
def _leading_zeros(params: Params, xs: list[Tensor], outs: Sequence[Any]) -> list[Tensor]:
    bits = _width(outs[0])
    x = _unsigned(xs[0], bits)
    zeros = [gd.astype(gd.equal(_shifted(x, gd.constant(np.int64(k)), bits), 0), "int64") for k in range(bits)]
    return [gd.astype(sum(zeros[1:], zeros[0]), carrier(outs[0].aval.dtype))]


# ------------------------------------------------------------------ floats as bits


@rule(
    "bitcast_convert_type",
    refuses=lambda p, avals: (
        ""
        if np.dtype(p["new_dtype"]).itemsize == avals[0].dtype.itemsize and {avals[0].dtype.kind} <= set("iuf")
        else f"of {avals[0].dtype} to {np.dtype(p['new_dtype'])}"
    ),
)
def _bitcast(params: Params, xs: list[Tensor], outs: Sequence[Any]) -> list[Tensor]:
    x, to = xs[0], np.dtype(params["new_dtype"])
    if x.dtype.kind == to.kind == "f":
        return [x]
    if to.kind == "f":
        return [_float_of(_unsigned(x, 8 * to.itemsize), to)]
    return [_narrowed(_bits_of(x) if x.dtype.kind == "f" else gd.astype(x, "int64"), to)]


def _powers(dtype: np.dtype) -> np.ndarray:
    """2**n of all exponents that a dtype's numbers have, those of subnormal numbers too, in float64."""
    e, m = _FORMATS[dtype.itemsize]
    bias = (1 << (e - 1)) - 1
    return np.ldexp(1.0, np.arange(1 - bias - m, bias + 1))


def _float_of(x: Tensor, dtype: np.dtype) -> Tensor:
    """The float with the bits ``x``."""
    e, m = _FORMATS[dtype.itemsize]
    exponent = gd.bitwise_and(gd.bitwise_right_shift(x, m), (1 << e) - 1)
    fraction = gd.bitwise_and(x, (1 << m) - 1)
    whole = gd.where(exponent == 0, fraction, fraction + (1 << m))
    scale = gd.take(gd.constant(_powers(dtype)), gd.clip(gd.reshape(exponent, (-1,)) - 1, 0, (1 << e) - 3))
    y = gd.astype(whole, "float64") * gd.reshape(scale, x.shape)
    y = gd.where(exponent == (1 << e) - 1, gd.where(fraction == 0, np.inf, np.nan), y)
    sign = gd.bitwise_and(gd.bitwise_right_shift(x, e + m), 1)
    return gd.astype(gd.where(sign == 1, -y, y), dtype)


def _bits_of(x: Tensor) -> Tensor:
    """The bits of a float, as an int64."""
    e, m = _FORMATS[x.dtype.itemsize]
    powers = _powers(x.dtype)
    size = gd.astype(gd.abs(gd.stop_gradient(x)), "float64")
    place = gd.searchsorted(gd.constant(powers), gd.reshape(size, (-1,)), side="right") - 1
    exponent = gd.clip(gd.astype(place, "int64") - (m - 1), 0, (1 << e) - 2)
    least = gd.take(gd.constant(powers), gd.maximum(exponent - 1, 0))  # what the last bit of the fraction counts
    exponent, least = gd.reshape(exponent, x.shape), gd.reshape(least, x.shape)
    whole = gd.astype(gd.where(gd.isfinite(size), size / least, 0.0), "int64")
    fraction = gd.where(exponent == 0, whole, whole - (1 << m))
    found = gd.bitwise_or(gd.bitwise_left_shift(exponent, m), fraction)
    odd = gd.where(gd.isnan(x), (((1 << e) - 1) << m) + (1 << (m - 1)), ((1 << e) - 1) << m)
    found = gd.where(gd.isfinite(x), found, odd)
    sign = gd.where(gd.logical_and(gd.signbit(x), gd.logical_not(gd.isnan(x))), LOWEST >> (63 - e - m), 0)
    return gd.bitwise_or(found, sign)


# ------------------------------------------------------------------ uint64


def _ordered(x: Tensor) -> Tensor:
    """Numbers that compare as signed ones as ``x`` does unsigned."""
    return gd.bitwise_xor(x, LOWEST)


def _comparing(f: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    return lambda params, x, y: f(_ordered(x), _ordered(y))


for _names, _f in {
    ("lt", "lt_to"): gd.less,
    ("le", "le_to"): gd.less_equal,
    ("gt",): gd.greater,
    ("ge",): gd.greater_equal,
}.items():
    one(*_names, table=UNSIGNED)(_comparing(_f))


@one("max", table=UNSIGNED)
def _max(params: Params, x: Tensor, y: Tensor) -> Tensor:
    return _ordered(gd.maximum(_ordered(x), _ordered(y)))


@one("min", table=UNSIGNED)
def _min(params: Params, x: Tensor, y: Tensor) -> Tensor:
    return _ordered(gd.minimum(_ordered(x), _ordered(y)))


def _quotient(x: Tensor, y: Tensor) -> Tensor:
    safe = gd.where(y > 0, y, 1)
    q = gd.bitwise_left_shift(gd.floor_divide(_shifted(x, gd.constant(np.int64(1)), 64), safe), 1)
    q = q + gd.astype(gd.greater_equal(_ordered(x - q * safe), _ordered(safe)), "int64")
    large = gd.astype(gd.greater_equal(_ordered(x), _ordered(y)), "int64")
    return gd.where(y > 0, q, gd.where(y == 0, -1, large))


@one("div", table=UNSIGNED)
def _div(params: Params, x: Tensor, y: Tensor) -> Tensor:
    return _quotient(x, y)


@one("rem", table=UNSIGNED)
def _rem(params: Params, x: Tensor, y: Tensor) -> Tensor:
    return gd.where(y == 0, x, x - _quotient(x, y) * y)


@rule("convert_element_type", table=UNSIGNED)
def _convert(params: Params, xs: list[Tensor], outs: Sequence[Any]) -> list[Tensor]:
    x, to = xs[0], np.dtype(params["new_dtype"])
    if to.kind == "b":
        return [gd.not_equal(x, 0) if x.dtype.kind != "b" else x]
    if to.kind == "f":  # half of it, where the last bit tells that there was more
        half = gd.bitwise_or(_shifted(x, gd.constant(np.int64(1)), 64), gd.bitwise_and(x, 1))
        return [gd.where(x >= 0, gd.astype(x, to), gd.astype(half, to) * 2)]
    if x.dtype.kind == "f":
        large = x >= 2.0**63
        return [gd.astype(gd.trunc(gd.where(large, x - 2.0**63, x)), "int64") + gd.where(large, LOWEST, 0)]
    return [_narrowed(gd.astype(x, "int64"), to)]


@one("sign", table=UNSIGNED)
def _sign(params: Params, x: Tensor) -> Tensor:
    return gd.astype(x != 0, "int64")


def _refused(params: Params, avals: Sequence[Any]) -> str:
    return "of uint64"


rule(
    *"reduce_max reduce_min argmax argmin sort cummax cummin top_k clamp pow scatter-min scatter-max".split(),
    *("reduce_window_max", "reduce_window_min", "scatter_min", "scatter_max"),
    refuses=_refused,
    table=UNSIGNED,
)(lambda params, xs, outs: xs)
