"""Rules of ATen's operators on elements, and of activations: tables, and those whose meaning differs from ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import graphdiff as gd

from ...ops.tensor import Tensor
from .rules import Scalar, cast, floating, met, rule, wanted

_REAL = (
    "acos acosh asin asinh atan atanh cos cosh digamma erf erfc erfinv exp expm1 lgamma log log10 log1p log2 "
    "reciprocal rsqrt sigmoid sin sinh sqrt tan tanh silu mish hardswish softsign"
)
_ANY = "abs ceil floor isinf isnan isfinite neg relu relu6 round sign trunc square positive"
_OURS = {
    "neg": gd.negative,
    "relu": gd.nn.relu,
    "relu6": gd.nn.relu6,
    "sigmoid": gd.nn.sigmoid,
    "silu": gd.nn.silu,
    "mish": gd.nn.mish,
    "hardswish": gd.nn.hardswish,
    "softsign": gd.nn.softsign,
}


def _ours(name: str) -> Callable[..., Tensor]:
    found: Callable[..., Tensor] = _OURS[name] if name in _OURS else getattr(gd, name)
    return found


def _real(f: Callable[..., Tensor]) -> Callable[..., Tensor]:
    return lambda x: f(floating(x))


for _name in _REAL.split():
    rule(f"{_name}.default")(_real(_ours(_name)))
for _name in _ANY.split():
    rule(f"{_name}.default")(_ours(_name))


_SPECIAL = {  # torch.special's name: ours
    "erfcx": gd.erfcx,
    "i0e": gd.i0e,
    "i1": gd.i1,
    "i1e": gd.i1e,
    "log_ndtr": gd.log_ndtr,
    "ndtri": gd.ndtri,
    "bessel_j0": gd.j0,
    "bessel_j1": gd.j1,
}
for _name, _of_one in _SPECIAL.items():
    rule(f"special_{_name}.default")(_real(_of_one))
rule("i0.default")(_real(gd.i0))


@rule("polygamma.default")
def _polygamma(n: int, x: Tensor) -> Tensor:
    return gd.polygamma(float(n), floating(x))


@rule("exp2.default")
def _exp2(x: Tensor) -> Tensor:
    return gd.pow(2.0, floating(x))


@rule("bitwise_not.default")
def _bitwise_not(x: Tensor) -> Tensor:
    return gd.logical_not(x) if x.dtype.kind == "b" else gd.bitwise_invert(x)


@rule("logical_not.default")
def _logical_not(x: Tensor) -> Tensor:
    return gd.logical_not(cast(x, np.dtype(bool)))


# ------------------------------------------------------------------ two operands


def _two(f: Callable[..., Tensor]) -> Callable[..., Tensor]:
    return lambda x, y: f(*met(x, y))


for _theirs, _f in {
    "mul": gd.multiply,
    "eq": gd.equal,
    "ne": gd.not_equal,
    "lt": gd.less,
    "le": gd.less_equal,
    "gt": gd.greater,
    "ge": gd.greater_equal,
    "remainder": gd.remainder,
    "maximum": gd.maximum,
    "minimum": gd.minimum,
    "fmax": gd.fmax,
    "fmin": gd.fmin,
    "atan2": gd.atan2,
    "hypot": gd.hypot,
    "logaddexp": gd.logaddexp,
    "copysign": gd.copysign,
    "xlogy": gd.xlogy,
    "floor_divide": gd.floor_divide,
}.items():
    rule(*(f"{_theirs}.{kind}" for kind in ("default", "Tensor", "Scalar")))(_two(_f))
rule("xlogy.Scalar_Other")(_two(gd.xlogy))
rule("floor_divide.default")(_two(gd.floor_divide))


def _scaled(x: Any, alpha: Scalar) -> Any:
    return x if alpha == 1 else x * alpha


@rule("add.Tensor", "add.Scalar")
def _add(x: Tensor, y: Any, alpha: Scalar = 1) -> Tensor:
    x, y = met(x, y)
    if x.dtype.kind == "b":
        return gd.logical_or(x, y)
    return gd.add(x, _scaled(y, alpha))


@rule("sub.Tensor", "sub.Scalar")
def _sub(x: Tensor, y: Any, alpha: Scalar = 1) -> Tensor:
    x, y = met(x, y)
    return gd.subtract(x, _scaled(y, alpha))


@rule("rsub.Tensor", "rsub.Scalar")
def _rsub(x: Tensor, y: Any, alpha: Scalar = 1) -> Tensor:
    x, y = met(x, y)
    return gd.subtract(y, _scaled(x, alpha))


@rule("div.Tensor", "div.Scalar", "div.Tensor_mode", "div.Scalar_mode")
def _div(x: Any, y: Any, rounding_mode: str | None = None) -> Tensor:
    x, y = met(x, y)
    if rounding_mode == "floor":
        return gd.floor_divide(x, y)
    found = gd.divide(floating(x), floating(y) if isinstance(y, Tensor) else y)
    return found if rounding_mode is None else cast(gd.trunc(found), x.dtype)


@rule("pow.Tensor_Tensor", "pow.Tensor_Scalar", "pow.Scalar")
def _pow(x: Any, y: Any) -> Tensor:
    return gd.pow(*met(x, y))


@rule("fmod.Tensor", "fmod.Scalar")
def _fmod(x: Any, y: Any) -> Tensor:
    x, y = met(x, y)
    rest = gd.remainder(gd.abs(x), gd.abs(y))
    return gd.copysign(rest, x) if x.dtype.kind == "f" else gd.where(x < 0, -rest, rest)


def _bits(logical: Callable[..., Tensor], bitwise: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def build(x: Any, y: Any) -> Tensor:
        x, y = met(x, y)
        return logical(x, y) if x.dtype.kind == "b" else bitwise(x, y)

    return build


for _theirs, _pair in {
    "and": (gd.logical_and, gd.bitwise_and),
    "or": (gd.logical_or, gd.bitwise_or),
    "xor": (gd.logical_xor, gd.bitwise_xor),
}.items():
    rule(*(f"bitwise_{_theirs}.{kind}" for kind in ("Tensor", "Scalar")))(_bits(*_pair))
    rule(f"logical_{_theirs}.default")(
        lambda x, y, _logical=_pair[0]: _logical(cast(x, np.dtype(bool)), cast(y, np.dtype(bool)))
    )


# ------------------------------------------------------------------ choices


@rule("where.self", "where.ScalarOther", "where.ScalarSelf", "where.Scalar")
def _where(condition: Tensor, x: Any, y: Any) -> Tensor:
    return gd.where(condition, *met(x, y))


@rule("masked_fill.Scalar", "masked_fill.Tensor")
def _masked_fill(x: Tensor, mask: Tensor, value: Any) -> Tensor:
    return gd.where(mask, cast(value, x.dtype) if isinstance(value, Tensor) else gd.constant(value, x.dtype), x)


@rule("clamp.default", "clamp.Tensor")
def _clamp(x: Tensor, low: Any = None, high: Any = None) -> Tensor:
    return gd.clip(x, low, high)


@rule("hardtanh.default")
def _hardtanh(x: Tensor, low: Scalar = -1, high: Scalar = 1) -> Tensor:
    return gd.nn.hardtanh(x, float(low), float(high))


@rule("clamp_min.default", "clamp_min.Tensor")
def _clamp_min(x: Tensor, low: Any) -> Tensor:
    return gd.clip(x, low, None)


@rule("clamp_max.default", "clamp_max.Tensor")
def _clamp_max(x: Tensor, high: Any) -> Tensor:
    return gd.clip(x, None, high)


@rule("lerp.Scalar", "lerp.Tensor")
def _lerp(x: Tensor, y: Tensor, weight: Any) -> Tensor:
    return x + weight * (y - x)


@rule("addcmul.default")
def _addcmul(x: Tensor, a: Tensor, b: Tensor, value: Scalar = 1) -> Tensor:
    return x + _scaled(a * b, value)


@rule("addcdiv.default")
def _addcdiv(x: Tensor, a: Tensor, b: Tensor, value: Scalar = 1) -> Tensor:
    return x + _scaled(a / b, value)


@rule("_to_copy.default", "to.dtype", "type_as.default")
def _to(x: Tensor, dtype: Any = None, **options: Any) -> Tensor:
    return x if dtype is None else cast(x, dtype.dtype if isinstance(dtype, Tensor) else wanted(dtype))


@rule("clone.default", "alias.default", "contiguous.default", "lift_fresh_copy.default", "lift_fresh.default")
def _same(x: Tensor, **options: Any) -> Tensor:
    return x


@rule("detach.default")
def _detach(x: Tensor) -> Tensor:
    return gd.stop_gradient(x)


# ------------------------------------------------------------------ activations


@rule("gelu.default")
def _gelu(x: Tensor, approximate: Any = "none") -> Tensor:
    return gd.nn.gelu(x, approximate=approximate)


@rule("elu.default")
def _elu(x: Tensor, alpha: Scalar = 1, scale: Scalar = 1, input_scale: Scalar = 1) -> Tensor:
    below = alpha * gd.expm1(_scaled(gd.minimum(x, 0), input_scale))
    return _scaled(gd.where(x > 0, x, below), scale)


@rule("leaky_relu.default")
def _leaky_relu(x: Tensor, negative_slope: Scalar = 0.01) -> Tensor:
    return gd.nn.leaky_relu(x, float(negative_slope))


@rule("softplus.default")
def _softplus(x: Tensor, beta: Scalar = 1, threshold: Scalar = 20) -> Tensor:
    scaled = _scaled(x, beta)
    return gd.where(scaled > threshold, x, gd.nn.softplus(scaled) / beta)


@rule("hardsigmoid.default")
def _hardsigmoid(x: Tensor) -> Tensor:
    return gd.nn.relu6(x + 3) / 6


@rule("log_sigmoid_forward.default")
def _log_sigmoid(x: Tensor) -> list[Any]:
    return [gd.nn.log_sigmoid(x), None]


@rule("log_sigmoid.default")
def _log_sigmoid_alone(x: Tensor) -> Tensor:
    return gd.nn.log_sigmoid(x)


@rule("prelu.default", "_prelu_kernel.default")
def _prelu(x: Tensor, weight: Tensor) -> Tensor:
    if weight.size != 1 and weight.ndim == 1:
        weight = gd.reshape(weight, (-1, *(1,) * (x.ndim - 2)))
    return gd.where(x > 0, x, weight * x)


@rule("glu.default")
def _glu(x: Tensor, dim: int = -1) -> Tensor:
    return gd.nn.glu(x, axis=dim)


@rule("softmax.int", "_softmax.default")
def _softmax(x: Tensor, dim: int, dtype: Any = None) -> Tensor:
    return gd.nn.softmax(_of_dtype(x, dtype), axis=dim)


@rule("log_softmax.int", "_log_softmax.default")
def _log_softmax(x: Tensor, dim: int, dtype: Any = None) -> Tensor:
    return gd.nn.log_softmax(_of_dtype(x, dtype), axis=dim)


def _of_dtype(x: Tensor, dtype: Any) -> Tensor:
    return x if dtype in (None, False, True) else cast(x, wanted(dtype))


# ------------------------------------------------------------------ random numbers


@rule("native_dropout.default", "dropout.default", draws=True)
def _dropout(x: Tensor, p: float, train: bool | None, key: Tensor) -> Any:
    found = x if not train or p == 0 else gd.nn.dropout(x, p, key=key)
    return [found, None]


@rule("rand_like.default", draws=True)
def _rand_like(x: Tensor, key: Tensor, dtype: Any = None, **options: Any) -> Tensor:
    return gd.random.uniform(key, x.shape, dtype=x.dtype if dtype is None else wanted(dtype))


@rule("randn_like.default", draws=True)
def _randn_like(x: Tensor, key: Tensor, dtype: Any = None, **options: Any) -> Tensor:
    return gd.random.normal(key, x.shape, dtype=x.dtype if dtype is None else wanted(dtype))


@rule("rand.default", draws=True)
def _rand(size: Any, key: Tensor, dtype: Any = None, **options: Any) -> Tensor:
    return gd.random.uniform(key, tuple(size), dtype=wanted(dtype))


@rule("randn.default", draws=True)
def _randn(size: Any, key: Tensor, dtype: Any = None, **options: Any) -> Tensor:
    return gd.random.normal(key, tuple(size), dtype=wanted(dtype))


@rule("bernoulli.default", "bernoulli.Tensor", draws=True)
def _bernoulli(p: Tensor, key: Tensor) -> Tensor:
    return gd.astype(gd.random.bernoulli(key, p, p.shape), p.dtype)
