"""Rules of JAX's primitives on elements: one table, and those whose meaning differs from ours."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import graphdiff as gd

from ...ops.incomplete import gammainc_by_a
from ...ops.tensor import Tensor
from .integers import carrier
from .rules import Params, one, rule

_ALIKE = (
    "abs acos acosh asin asinh atan atan2 atanh ceil cos cosh digamma erf erfc exp exp2 expm1 floor lgamma log log1p "
    "nextafter polygamma rsqrt sign sin sinh sqrt square stop_gradient tan tanh"
)
SAME = {name: name for name in _ALIKE.split()} | {
    "add": "add",
    "add_any": "add",
    "sub": "subtract",
    "mul": "multiply",
    "neg": "negative",
    "eq": "equal",
    "eq_to": "equal",
    "ne": "not_equal",
    "lt": "less",
    "le": "less_equal",
    "gt": "greater",
    "ge": "greater_equal",
    "is_finite": "isfinite",
    "logistic": "nn.sigmoid",
    "erf_inv": "erfinv",
    "igamma": "gammainc",
    "igammac": "gammaincc",
    "regularized_incomplete_beta": "betainc",
    "bessel_i0e": "i0e",
    "bessel_i1e": "i1e",
}
"""JAX's name: ours."""


def _ours(name: str) -> Callable[..., Tensor] | None:
    space: Any = gd
    *spaces, last = name.split(".")
    for part in spaces:
        space = getattr(space, part)
    return getattr(space, last) if last in dir(space) else None


for _theirs, _name in SAME.items():
    _function = _ours(_name)
    if _function is not None:
        one(_theirs)(functools.partial(lambda f, params, *xs: f(*xs), _function))


@one("max")
def _max(params: Params, x: Tensor, y: Tensor) -> Tensor:
    return gd.logical_or(x, y) if x.dtype.kind == "b" else gd.maximum(x, y)


@one("min")
def _min(params: Params, x: Tensor, y: Tensor) -> Tensor:
    return gd.logical_and(x, y) if x.dtype.kind == "b" else gd.minimum(x, y)


@one("and")
def _and(params: Params, x: Tensor, y: Tensor) -> Tensor:
    return gd.logical_and(x, y) if x.dtype.kind == "b" else gd.bitwise_and(x, y)


@one("or")
def _or(params: Params, x: Tensor, y: Tensor) -> Tensor:
    return gd.logical_or(x, y) if x.dtype.kind == "b" else gd.bitwise_or(x, y)


@one("xor")
def _xor(params: Params, x: Tensor, y: Tensor) -> Tensor:
    return gd.logical_xor(x, y) if x.dtype.kind == "b" else gd.bitwise_xor(x, y)


@one("not")
def _not(params: Params, x: Tensor) -> Tensor:
    return gd.logical_not(x) if x.dtype.kind == "b" else gd.bitwise_invert(x)


@one("div")
def _div(params: Params, x: Tensor, y: Tensor) -> Tensor:
    if x.dtype.kind == "f":
        return gd.divide(x, y)
    quotient = gd.floor_divide(gd.abs(x), gd.abs(y))  # of integers toward zero
    return gd.where(gd.logical_xor(x < 0, y < 0), -quotient, quotient)


@one("rem")
def _rem(params: Params, x: Tensor, y: Tensor) -> Tensor:
    of_sizes = gd.remainder(gd.abs(x), gd.abs(y))  # as C's: it has the sign of what is divided
    return gd.copysign(of_sizes, x) if x.dtype.kind == "f" else gd.where(x < 0, -of_sizes, of_sizes)


@one("pow")
def _pow(params: Params, x: Tensor, y: Tensor) -> Tensor:
    return gd.pow(x, gd.astype(y, x.dtype))


@one("integer_pow")
def _integer_pow(params: Params, x: Tensor) -> Tensor:
    n = params["y"]
    if x.dtype.kind == "f":
        return gd.ones_like(x) if n == 0 else gd.pow(x, float(n))
    return gd.pow(x, n)


@one("cbrt")
def _cbrt(params: Params, x: Tensor) -> Tensor:
    return gd.copysign(gd.pow(gd.abs(x), 1 / 3), x)


@one("round")
def _round(params: Params, x: Tensor) -> Tensor:
    if int(params["rounding_method"]) == 1:
        return gd.round(x)
    return gd.copysign(gd.floor(gd.abs(x) + 0.5), x)  # halves away from zero


@one("clamp")
def _clamp(params: Params, low: Tensor, x: Tensor, high: Tensor) -> Tensor:
    return gd.where(x <= low, gd.minimum(low, high), gd.where(x >= high, high, x))  # nothing flows to x at a bound


@one("select_n")
def _select(params: Params, which: Tensor, *cases: Tensor) -> Tensor:
    if which.dtype.kind == "b":
        return gd.where(which, cases[1], cases[0]) if len(cases) == 2 else cases[0]
    found = cases[-1]
    for k in range(len(cases) - 2, -1, -1):
        found = gd.where(which <= k, cases[k], found)
    return found


@one("convert_element_type")
def _convert(params: Params, x: Tensor) -> Tensor:
    to = carrier(params["new_dtype"])
    if to.kind == "b":
        return gd.not_equal(x, gd.zeros_like(x)) if x.dtype.kind != "b" else x
    if to.kind == "i" and x.dtype.kind == "f":
        return gd.astype(gd.trunc(x), to)
    return gd.astype(x, to)


_BITS = {4: (8, 23), 8: (11, 52)}  # bytes of a float: bits of its exponent and of its fraction


def _not_a_dtype(params: Params, avals: Sequence[Any]) -> str:
    wanted = (params["exponent_bits"], params["mantissa_bits"])
    return "" if wanted in (_BITS[4], _BITS[avals[0].dtype.itemsize]) else f"to {wanted[0]} and {wanted[1]} bits"


@one("reduce_precision", refuses=_not_a_dtype)
def _reduce_precision(params: Params, x: Tensor) -> Tensor:
    if params["mantissa_bits"] == _BITS[x.dtype.itemsize][1]:
        return x
    return gd.astype(gd.astype(x, "float32"), x.dtype)


_IDENTITIES = (
    "copy copy_p device_put sharding_constraint layout_constraint reshard optimization_barrier name pvary stage tie "
    "reduced_vary_cast_p"
)


@rule(*_IDENTITIES.split())
def _same(params: Params, xs: list[Tensor], outs: Any) -> list[Tensor]:
    return xs


@one("igamma_grad_a")
def _igamma_by_a(params: Params, a: Tensor, x: Tensor) -> Tensor:
    return gammainc_by_a(a, x)


_BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510, 43867 / 798, -174611 / 330)


@one("zeta")
def _zeta(params: Params, s: Tensor, q: Tensor) -> Tensor:
    """Hurwitz's, by Euler and Maclaurin (DLMF 25.11.28) of what is left after 10 terms."""
    n = 10
    found = sum((gd.pow(q + k, -s) for k in range(1, n)), gd.pow(q, -s))
    x = q + n
    found = found + gd.pow(x, 1 - s) / (s - 1) + 0.5 * gd.pow(x, -s)
    factor = s * gd.pow(x, -s - 1)
    for j, b in enumerate(_BERNOULLI, 1):
        found = found + factor * (b / math.factorial(2 * j))
        factor = factor * (s + 2 * j - 1) * (s + 2 * j) / gd.square(x)
    return found


@one("lt_to")
def _less_in_total_order(params: Params, x: Tensor, y: Tensor) -> Tensor:
    return _total(gd.less, x, y)


@one("le_to")
def _less_equal_in_total_order(params: Params, x: Tensor, y: Tensor) -> Tensor:
    return gd.logical_not(_total(gd.less, y, x))


def _total(less: Callable[..., Tensor], x: Tensor, y: Tensor) -> Tensor:
    """``less`` with NaN above all numbers, as sorting has it."""
    if x.dtype.kind != "f":
        return less(x, y)
    return gd.logical_or(less(x, y), gd.logical_and(gd.isnan(y), gd.logical_not(gd.isnan(x))))
