"""Declarations of the activations of ``gd.nn``: functions of elements, and the few that look along an axis.

All are composites: their derivatives follow. Definitions and the derivatives at kinks are those of
torch.nn.functional. Those that are elementwise operations of their own (relu, sigmoid, softplus, tanh) are in
functions.py.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np

from ..errors import GraphError, ShapeError
from ..ir.dims import exact_div, format_shape
from ..ir.dtypes import float32
from .comparison import equal, greater, greater_equal, less_equal
from .elementwise import abs as abs_
from .elementwise import astype, maximum, negative, square, stop_gradient, where
from .functions import expm1, log, log1p, softplus
from .gather import positions
from .movement import expand_dims, reshape
from .nn import softmax, softmax_reference
from .opdef import composite
from .operands import axis_of, check_dtype, operands
from .ordering import argmax
from .random import uniform, uniform_reference
from .registry import Sample
from .samples import on
from .sigmoids import sigmoid, tanh
from .special import erf
from .tensor import Tensor, as_tensor, fail
from .types import Axes, TensorLike

_SELU_ALPHA, _SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946


@composite(
    namespace="nn",
    reference=lambda x, negative_slope=0.01: np.where(x > 0, x, negative_slope * x),
    samples=on(-2, 2),
    smooth=False,
    onnx="LeakyRelu",
)
def leaky_relu(x: TensorLike, /, negative_slope: float = 0.01) -> Tensor:
    """x where positive, else ``negative_slope * x``.

    Dtypes: float
    Shapes: of x, as is the result's
    Edges: leaky_relu(-inf) = -inf; leaky_relu(nan) = nan; leaky_relu'(0.0) = 0.01
    Raises: DTypeError
    Example: gd.nn.leaky_relu([-1.0, 2.0]) -> [-0.01, 2.0]
    """
    x = as_tensor(x, "leaky_relu")
    return where(greater(x, 0), x, x * negative_slope)


@composite(
    namespace="nn",
    reference=lambda x, alpha=1.0: np.where(x > 0, x, alpha * np.expm1(x)),
    samples=on(-2, 2),
    smooth=False,
    onnx="Elu",
)
def elu(x: TensorLike, /, alpha: float = 1.0) -> Tensor:
    """x where positive, else ``alpha * (exp(x) - 1)``.

    Dtypes: float
    Shapes: of x, as is the result's
    Edges: elu(-inf) = -1.0; elu(inf) = inf; elu(nan) = nan
    Raises: DTypeError
    Example: gd.nn.elu([-1.0, 2.0]) -> [-0.6321205, 2.0]
    Source: Clevert et al. 2015, arXiv:1511.07289
    """
    x = as_tensor(x, "elu")
    positive = greater(x, 0)
    return where(positive, x, expm1(where(positive, 0, x)) * alpha)


def _gelu_reference(x: Any, approximate: str = "none") -> Any:
    if approximate == "tanh":
        return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    return x * np.vectorize(lambda v: 0.5 * math.erfc(-v / math.sqrt(2)), otypes=[x.dtype])(x)


@composite(
    namespace="nn",
    reference=_gelu_reference,
    onnx="Gelu",
    samples=lambda rng: [Sample((rng.uniform(-3, 3, (3, 4)),), {"approximate": a}) for a in ("none", "tanh")],
)
def gelu(x: TensorLike, /, approximate: Literal["none", "tanh"] = "none") -> Tensor:
    """x * Phi(x), or its tanh form (Hendrycks and Gimpel 2016).

    Dtypes: float
    Shapes: of x, as is the result's
    Edges: gelu(-inf) = nan; gelu(inf) = inf; gelu(nan) = nan
    Raises: DTypeError, GraphError
    Example: gd.nn.gelu([-1.0, 2.0]) -> [-0.1586553, 1.9545]
    Source: Hendrycks and Gimpel 2016, arXiv:1606.08415
    """
    x = as_tensor(x, "gelu")
    if approximate == "tanh":
        return x * 0.5 * (1 + tanh((x + x * square(x) * 0.044715) * math.sqrt(2 / math.pi)))
    if approximate != "none":
        fail(GraphError, "gelu", f'approximate is "none" or "tanh", got {approximate!r}', [x])
    return x * 0.5 * (1 + erf(x * math.sqrt(0.5)))


@composite(namespace="nn", reference=lambda x: x / (1 + np.exp(-x)), samples=on(-3, 3), onnx="Swish")
def silu(x: TensorLike, /) -> Tensor:
    """x * sigmoid(x).

    Dtypes: float
    Shapes: of x, as is the result's
    Edges: silu(-inf) = nan; silu(inf) = inf; silu(nan) = nan
    Raises: DTypeError
    Example: gd.nn.silu([-1.0, 2.0]) -> [-0.2689414, 1.761594]
    Source: Elfwing et al. 2017, arXiv:1702.03118
    """
    x = as_tensor(x, "silu")
    return x * sigmoid(x)


@composite(
    namespace="nn",
    reference=lambda x: _SELU_SCALE * np.where(x > 0, x, _SELU_ALPHA * np.expm1(x)),
    samples=on(-2, 2),
    smooth=False,
    onnx="Selu",
)
def selu(x: TensorLike, /) -> Tensor:
    """elu scaled so that activations keep mean 0 and variance 1 (Klambauer et al. 2017).

    Dtypes: float
    Shapes: of x, as is the result's
    Edges: selu(-inf) = -1.758099; selu(inf) = inf; selu(nan) = nan
    Raises: DTypeError
    Example: gd.nn.selu([-1.0, 2.0]) -> [-1.111331, 2.101402]
    Source: Klambauer et al. 2017, arXiv:1706.02515
    """
    return elu(as_tensor(x, "selu"), _SELU_ALPHA) * _SELU_SCALE


@composite(
    namespace="nn", reference=lambda x: np.clip(x / 6 + 0.5, 0, 1), samples=on(-4, 4), smooth=False, onnx="HardSigmoid"
)
def hard_sigmoid(x: TensorLike, /) -> Tensor:
    """x / 6 + 1/2 limited to [0, 1]; derivative 0 at the two kinks, as in torch.

    Dtypes: float
    Shapes: of x, as is the result's
    Edges: hard_sigmoid(-inf) = 0.0; hard_sigmoid(inf) = 1.0; hard_sigmoid(nan) = nan; hard_sigmoid'(3.0) = 0.0
    Raises: DTypeError
    Example: gd.nn.hard_sigmoid([-4.0, 0.0, 4.0]) -> [0.0, 0.5, 1.0]
    """
    x = as_tensor(x, "hard_sigmoid")
    return where(less_equal(x, -3), 0, where(greater_equal(x, 3), 1, x * (1 / 6) + 0.5))


# --------------------------------------------------------------------------------------- pieces of lines


@composite(
    namespace="nn",
    reference=lambda x, min_val=-1.0, max_val=1.0: np.clip(x, min_val, max_val),
    samples=on(-2, 2),
    smooth=False,
    onnx="Clip",
)
def hardtanh(x: TensorLike, /, min_val: float = -1.0, max_val: float = 1.0) -> Tensor:
    """x limited to [min_val, max_val]; derivative 0 at the two kinks, as in torch.

    Dtypes: float
    Shapes: of x, as is the result's
    Edges: hardtanh(-inf) = -1.0; hardtanh(inf) = 1.0; hardtanh(nan) = nan; hardtanh'(1.0) = 0.0
    Raises: DTypeError, GraphError
    Example: gd.nn.hardtanh([-4.0, 0.5, 4.0]) -> [-1.0, 0.5, 1.0]
    """
    x = as_tensor(x, "hardtanh")
    check_dtype("hardtanh", (x,), "float")
    if not min_val < max_val:
        fail(GraphError, "hardtanh", f"min_val {min_val} is not below max_val {max_val}", [x])
    return where(less_equal(x, min_val), min_val, where(greater_equal(x, max_val), max_val, x))


@composite(namespace="nn", reference=lambda x: np.clip(x, 0, 6), samples=on(-4, 10), smooth=False, onnx="Clip")
def relu6(x: TensorLike, /) -> Tensor:
    """x limited to [0, 6]; derivative 0 at the two kinks, as in torch.

    Dtypes: float
    Shapes: of x, as is the result's
    Edges: relu6(-inf) = 0.0; relu6(inf) = 6.0; relu6(nan) = nan; relu6'(6.0) = 0.0
    Raises: DTypeError
    Example: gd.nn.relu6([-1.0, 2.0, 8.0]) -> [0.0, 2.0, 6.0]
    Source: Howard et al. 2017, arXiv:1704.04861
    """
    return hardtanh(as_tensor(x, "relu6"), 0.0, 6.0)


@composite(
    namespace="nn",
    reference=lambda x: x * np.clip(x / 6 + 0.5, 0, 1),
    samples=on(-4, 4),
    smooth=False,
    onnx="HardSwish",
)
def hardswish(x: TensorLike, /) -> Tensor:
    """x * hard_sigmoid(x), 0 up to -3 and x from 3 on.

    Dtypes: float
    Shapes: of x, as is the result's
    Edges: hardswish(-inf) = 0.0; hardswish(inf) = inf; hardswish(nan) = nan; hardswish'(-3.0) = 0.0
    Raises: DTypeError
    Example: gd.nn.hardswish([-4.0, 1.0, 4.0]) -> [0.0, 0.6666667, 4.0]
    Source: Howard et al. 2019, arXiv:1905.02244
    """
    x = as_tensor(x, "hardswish")
    check_dtype("hardswish", (x,), "float")
    low, high = less_equal(x, -3), greater_equal(x, 3)
    inner = where(low, 0, where(high, 0, x))
    return where(low, 0, where(high, x, inner * (inner * (1 / 6) + 0.5)))


@composite(
    namespace="nn", reference=lambda x, lambd=0.5: np.where(np.abs(x) > lambd, x, 0), samples=on(-2, 2), smooth=False
)
def hardshrink(x: TensorLike, /, lambd: float = 0.5) -> Tensor:
    """x, and 0 where it lies within ``lambd`` of 0.

    Dtypes: float
    Shapes: of x, as is the result's
    Edges: hardshrink(-inf) = -inf; hardshrink(nan) = nan; hardshrink'(0.5) = 0.0
    Raises: DTypeError
    Example: gd.nn.hardshrink([-1.0, 0.2, 2.0]) -> [-1.0, 0.0, 2.0]
    """
    x = as_tensor(x, "hardshrink")
    check_dtype("hardshrink", (x,), "float")
    return where(less_equal(abs_(x), lambd), 0, x)


@composite(
    namespace="nn",
    reference=lambda x, lambd=0.5: np.sign(x) * np.maximum(np.abs(x) - lambd, 0),
    samples=on(-2, 2),
    smooth=False,
    onnx="Shrink",
)
def softshrink(x: TensorLike, /, lambd: float = 0.5) -> Tensor:
    """x brought ``lambd`` nearer to 0, and 0 where it lies within that.

    Dtypes: float
    Shapes: of x, as is the result's
    Edges: softshrink(-inf) = -inf; softshrink(nan) = nan; softshrink'(0.5) = 0.0
    Raises: DTypeError
    Example: gd.nn.softshrink([-1.0, 0.2, 2.0]) -> [-0.5, 0.0, 1.5]
    """
    x = as_tensor(x, "softshrink")
    check_dtype("softshrink", (x,), "float")
    return where(less_equal(abs_(x), lambd), 0, where(greater(x, 0), x - lambd, x + lambd))


@composite(
    namespace="nn",
    reference=lambda x, weight: np.where(
        x > 0, x, x * (weight.reshape(-1, *(1,) * (x.ndim - 2)) if weight.size > 1 else weight.reshape(()))
    ),
    samples=lambda rng: [
        Sample((rng.uniform(-2, 2, shape), rng.uniform(0.1, 0.9, n)))
        for shape, n in (((3, 4), (4,)), ((2, 3, 4), (3,)), ((2, 3, 2, 2), (1,)), ((5,), ()), ((0, 3), (3,)))
    ],
    smooth=False,
    onnx="PRelu",
)
def prelu(x: TensorLike, weight: TensorLike) -> Tensor:
    """x where positive, else ``weight * x``: weight is one number, or one a channel (axis 1).

    Dtypes: float
    Shapes: x (N, C, ...) and weight (C,), (1,) or (); of x
    Edges: prelu([[-inf]], [0.5]) = [[-inf]]; prelu([[nan]], [0.5]) = [[nan]]
    Raises: ShapeError, DTypeError
    Example: gd.nn.prelu([[-1.0, -1.0]], [0.5, 0.25]) -> [[-0.5, -0.25]]
    Source: He et al. 2015, arXiv:1502.01852
    """
    x, w = operands("prelu", (x, weight), "float")
    if w.shape in ((), (1,)):
        w = reshape(w, ())
    elif x.ndim < 2 or w.shape != (x.shape[1],):
        channels = format_shape((x.shape[1],)) if x.ndim > 1 else "()"
        fail(ShapeError, "prelu", f"weight has shape {format_shape(w.shape)}, not (1,) or {channels}", [x, w])
    else:
        w = reshape(w, (*w.shape, *(1,) * (x.ndim - 2)))
    return where(greater(x, 0), x, x * w)


# --------------------------------------------------------------------------------------- curves


@composite(
    namespace="nn",
    reference=lambda x, alpha=1.0: np.where(x > 0, x, alpha * np.expm1(x / alpha)),
    samples=lambda rng: [Sample((rng.uniform(-2, 2, (3, 4)),), {"alpha": a}) for a in (1.0, 0.4)],
    smooth=False,
    onnx="Celu",
)
def celu(x: TensorLike, /, alpha: float = 1.0) -> Tensor:
    """x where positive, else ``alpha * (exp(x / alpha) - 1)``: elu whose derivative has no jump.

    Dtypes: float
    Shapes: of x, as is the result's
    Edges: celu(-inf) = -1.0; celu(inf) = inf; celu(nan) = nan; celu'(0.0) = 1.0
    Raises: DTypeError, GraphError
    Example: gd.nn.celu([-1.0, 2.0]) -> [-0.6321205, 2.0]
    Source: Barron 2017, arXiv:1704.07483
    """
    x = as_tensor(x, "celu")
    if not alpha:
        fail(GraphError, "celu", f"alpha is not 0, got {alpha!r}", [x])
    positive = greater(x, 0)
    return where(positive, x, expm1(where(positive, 0, x) * (1 / alpha)) * alpha)


@composite(namespace="nn", reference=lambda x: x * np.tanh(np.logaddexp(x, 0)), samples=on(-3, 3), onnx="Mish")
def mish(x: TensorLike, /) -> Tensor:
    """x * tanh(softplus(x)).

    Dtypes: float
    Shapes: of x, as is the result's
    Edges: mish(-inf) = nan; mish(inf) = inf; mish(nan) = nan; mish'(-1000.0) = 0.0
    Raises: DTypeError
    Example: gd.nn.mish([-1.0, 2.0]) -> [-0.3034015, 1.943959]
    Source: Misra 2019, arXiv:1908.08681
    """
    x = as_tensor(x, "mish")
    return x * tanh(softplus(x))


@composite(namespace="nn", reference=lambda x: x / (1 + np.abs(x)), samples=on(-3, 3), smooth=False, onnx="Softsign")
def softsign(x: TensorLike, /) -> Tensor:
    """x / (1 + abs(x)).

    Dtypes: float
    Shapes: of x, as is the result's
    Edges: softsign(inf) = nan; softsign(nan) = nan; softsign'(0.0) = 1.0
    Raises: DTypeError
    Example: gd.nn.softsign([-1.0, 3.0]) -> [-0.5, 0.75]
    """
    x = as_tensor(x, "softsign")
    check_dtype("softsign", (x,), "float")
    return x / (abs_(x) + 1)


@composite(namespace="nn", reference=lambda x: x - np.tanh(x), samples=on(-3, 3))
def tanhshrink(x: TensorLike, /) -> Tensor:
    """x - tanh(x).

    Dtypes: float
    Shapes: of x, as is the result's
    Edges: tanhshrink(inf) = inf; tanhshrink(nan) = nan; tanhshrink'(0.0) = 0.0
    Raises: DTypeError
    Example: gd.nn.tanhshrink([-1.0, 2.0]) -> [-0.2384058, 1.035972]
    """
    x = as_tensor(x, "tanhshrink")
    return x - tanh(x)


@composite(namespace="nn", reference=lambda x: -np.logaddexp(-x, 0), samples=on(-3, 3))
def log_sigmoid(x: TensorLike, /) -> Tensor:
    """log(sigmoid(x)) without overflow.

    Dtypes: float
    Shapes: of x, as is the result's
    Edges: log_sigmoid(-1000.0) = -1000.0; log_sigmoid(inf) = 0.0; log_sigmoid(nan) = nan; log_sigmoid'(-1000.0) = 1.0
    Raises: DTypeError
    Example: gd.nn.log_sigmoid([0.0, 2.0]) -> [-0.6931472, -0.126928]
    """
    return negative(softplus(negative(as_tensor(x, "log_sigmoid"))))


# --------------------------------------------------------------------------------------- along an axis


def _glu_reference(x: Any, axis: int = -1) -> Any:
    a, b = np.split(x, 2, axis)
    return a / (1 + np.exp(-b))


@composite(
    namespace="nn",
    reference=_glu_reference,
    samples=lambda rng: [
        Sample((rng.uniform(-2, 2, shape),), {"axis": axis})
        for shape, axis in (((3, 4), -1), ((4, 3), 0), ((2, 6, 3), 1), ((0, 2), -1))
    ],
)
def glu(x: TensorLike, /, axis: Axes = -1) -> Tensor:
    """a * sigmoid(b) of the two halves a, b of x along ``axis``.

    Dtypes: float
    Shapes: of x, with half the size along axis
    Edges: glu([2.0, -inf]) = [0.0]; glu([nan, 0.0]) = [nan]
    Raises: ShapeError, DTypeError
    Example: gd.nn.glu([4.0, 0.0]) -> [2.0]
    Source: Dauphin et al. 2016, arXiv:1612.08083
    """
    x = as_tensor(x, "glu")
    at = axis_of("glu", axis, x.ndim, [x])
    half = exact_div(x.shape[at], 2)
    if half is None:
        fail(ShapeError, "glu", f"{x.shape[at]} elements along axis {at} have no two halves", [x])
    halves = reshape(x, (*x.shape[:at], 2, half, *x.shape[at + 1 :]))
    before = (slice(None),) * at
    return halves[(*before, 0)] * sigmoid(halves[(*before, 1)])


@composite(
    namespace="nn",
    reference=lambda x, axis=-1: softmax_reference(-x, axis),
    samples=lambda rng: [Sample((rng.uniform(-2, 2, (3, 4)),), {"axis": axis}) for axis in (-1, 0)],
)
def softmin(x: TensorLike, /, axis: Axes = -1) -> Tensor:
    """softmax(-x) along ``axis``.

    Dtypes: float
    Shapes: of x, as is the result's
    Edges: softmin([inf, 0.0]) = [0.0, 1.0]; softmin([nan, 0.0]) = [nan, nan]
    Raises: ShapeError, DTypeError
    Example: gd.nn.softmin([0.0, 0.0]) -> [0.5, 0.5]
    """
    return softmax(negative(as_tensor(x, "softmin")), axis)


_LEAST = 2.0**-25  # below every exponential number that is drawn, but 0


def _gumbel_reference(x: Any, tau: float = 1.0, hard: bool = False, axis: int = -1, key: Any = 0) -> Any:
    noise = -np.log(np.maximum(-np.log1p(-uniform_reference(key, x.shape).astype(x.dtype)), _LEAST))
    y = softmax_reference((x + noise) / tau, axis)
    return np.where(y == y.max(axis, keepdims=True), 1.0, 0.0) if hard else y


@composite(
    namespace="nn",
    reference=_gumbel_reference,
    samples=lambda rng: [
        Sample((rng.uniform(-2, 2, s),), {"tau": tau, "axis": axis, "key": np.int64(k)})
        for s, tau, axis, k in (((3, 4), 1.0, -1, 1), ((2, 3, 2), 0.5, 1, 2), ((0, 3), 1.0, -1, 3))
    ],
)
def gumbel_softmax(x: TensorLike, tau: float = 1.0, hard: bool = False, axis: Axes = -1, *, key: TensorLike) -> Tensor:
    """A draw of one of the classes along ``axis`` with the probabilities softmax(x), relaxed: softmax((x + g) / tau)
    with g Gumbel noise of ``key``. ``hard``: 1 at the largest and 0 elsewhere, with the derivative of the relaxed draw.

    Arguments: ``x``: logits; ``tau``: above 0, the nearer to 0 the nearer to one class; ``hard``: as above; ``axis``:
    of the classes; ``key``: a 0-d integer Tensor or an int
    Dtypes: float
    Shapes: of x, as is the result's
    Edges: gumbel_softmax([0.0, -inf], key=0) = [1.0, 0.0]; the same key gives the same draw
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.nn.gumbel_softmax([9.0, -99.0], hard=True, key=0) -> [1.0, 0.0]
    Source: Jang et al. 2016, arXiv:1611.01144; Maddison et al. 2016, arXiv:1611.00712
    """
    name = "gumbel_softmax"
    x = as_tensor(x, name)
    check_dtype(name, (x,), "float")
    if not tau > 0:
        fail(GraphError, name, f"tau lies above 0, got {tau!r}", [x])
    at = axis_of(name, axis, x.ndim, [x])
    u = astype(uniform(key, x.shape, dtype=float32), x.dtype)  # of one dtype: a key gives one draw in both
    y = softmax((x - log(maximum(negative(log1p(negative(u))), _LEAST))) * (1 / tau), at)
    if not hard:
        return y
    # nothing but the draw is added, so that the result is exactly 0 or 1
    first = expand_dims(argmax(y, axis=at), at)
    return astype(equal(positions(y.shape, at), first), x.dtype) + (y - stop_gradient(y))
