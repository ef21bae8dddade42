"""Declarations of the pieces of networks, ``gd.nn``: activations, softmax and its kin, linear, embedding, dropout.

All are composites: their derivatives follow. Signatures are those of torch.nn.functional. Beside this file stand
losses.py, conv.py, pool.py, norm.py and attention.py.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np

from ..errors import GraphError, ShapeError
from .comparison import greater, greater_equal, less_equal
from .elementwise import add, square, where
from .functions import erf, expm1, sigmoid, tanh
from .gather import take
from .matmul import matmul
from .opdef import check_dtype, composite, on
from .random import bernoulli, bernoulli_reference
from .reduce import logsumexp, softmax_parts
from .registry import Sample
from .tensor import Tensor, as_tensor, fail
from .types import Axes, TensorLike

_SELU_ALPHA, _SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946

# --------------------------------------------------------------------------------------- activations


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


@composite(namespace="nn", reference=lambda x: x / (1 + np.exp(-x)), samples=on(-3, 3))
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


# --------------------------------------------------------------------------------------- softmax


def softmax_reference(x: Any, axis: int = -1) -> Any:
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def _axis_samples(rng: np.random.Generator) -> Any:
    for shape, axis in (((3, 4), -1), ((3, 4), 0), ((2, 3, 4), 1), ((5,), 0), ((2, 1), -1), ((0, 3), -1)):
        yield Sample((rng.uniform(-2, 2, shape),), {"axis": axis})


@composite(namespace="nn", reference=softmax_reference, samples=_axis_samples, onnx="Softmax")
def softmax(x: TensorLike, /, axis: Axes = -1) -> Tensor:
    """exp(x) / sum(exp(x)) along ``axis``, without overflow.

    Dtypes: float
    Shapes: of x, as is the result's
    Edges: softmax([nan, 0.0]) = [nan, nan]; softmax([inf, 0.0]) = [nan, 0.0]; softmax([-inf, -inf]) = [nan, nan];
    softmax([-inf, 0.0]) = [0.0, 1.0]
    Raises: ShapeError, DTypeError
    Example: gd.nn.softmax([0.0, 0.0]) -> [0.5, 0.5]
    """
    e, total = softmax_parts(as_tensor(x, "softmax"), axis, "softmax")
    return e / total


@composite(
    namespace="nn",
    reference=lambda x, axis=-1: np.log(softmax_reference(x, axis)),
    samples=_axis_samples,
    onnx="LogSoftmax",
)
def log_softmax(x: TensorLike, /, axis: Axes = -1) -> Tensor:
    """log(softmax(x)) without loss of accuracy.

    Dtypes: float
    Shapes: of x, as is the result's
    Edges: log_softmax([nan, 0.0]) = [nan, nan]; log_softmax([inf, 0.0]) = [nan, -inf]; log_softmax([-inf, -inf]) =
    [nan, nan]; log_softmax([-inf, 0.0]) = [-inf, 0.0]
    Raises: ShapeError, DTypeError
    Example: gd.nn.log_softmax([0.0, 0.0]) -> [-0.6931472, -0.6931472]
    """
    x = as_tensor(x, "log_softmax")
    return x - logsumexp(x, axis=axis, keepdims=True)


# --------------------------------------------------------------------------------------- linear and embedding


@composite(
    namespace="nn",
    reference=lambda x, w, b=None: x @ w + (0 if b is None else b),
    onnx="Gemm",
    samples=lambda rng: [
        Sample((rng.uniform(-1, 1, (3, 4)), rng.uniform(-1, 1, (4, 2)), rng.uniform(-1, 1, 2))),
        Sample((rng.uniform(-1, 1, (2, 3, 4)), rng.uniform(-1, 1, (4, 2)))),
    ],
)
def linear(x: TensorLike, weight: TensorLike, bias: TensorLike | None = None) -> Tensor:
    """``x @ weight + bias``; weight has shape (in, out).

    Dtypes: numeric
    Shapes: (..., n), (n, m) and (m,) -> (..., m)
    Edges: linear([inf], [[0.0]]) = [nan]
    Raises: ShapeError, DTypeError
    Example: gd.nn.linear([1.0, 2.0], [[1.0], [1.0]], [0.5]) -> [3.5]
    """
    y = matmul(x, weight)
    return y if bias is None else add(y, bias)


def _embedding_samples(rng: np.random.Generator) -> Any:
    for shape in ((4,), (2, 3), (), (0,)):
        yield Sample((rng.integers(-5, 5, shape), rng.uniform(-2, 2, (5, 3))))


@composite(namespace="nn", reference=lambda ids, weight: weight[ids], samples=_embedding_samples, onnx="Gather")
def embedding(ids: TensorLike, weight: TensorLike) -> Tensor:
    """The rows of ``weight``, of shape (n, d), that integer ``ids`` name: shape (*ids.shape, d). Negative ids count
    from the end; one out of range fails the call.

    Dtypes: any
    Shapes: (...), (n, d) -> (..., d)
    Edges: embedding([-1], [[1.0], [2.0]]) = [[2.0]]; an id used twice has its gradients added up
    Raises: ShapeError, DTypeError
    Example: gd.nn.embedding([1, 0], [[1.0, 2.0], [3.0, 4.0]]) -> [[3.0, 4.0], [1.0, 2.0]]
    """
    ids, weight = as_tensor(ids, "embedding"), as_tensor(weight, "embedding")
    if weight.ndim != 2:
        fail(ShapeError, "embedding", f"weight has {weight.ndim} dimensions, not 2", [ids, weight])
    return take(weight, ids, axis=0)


# --------------------------------------------------------------------------------------- dropout


def _dropout_reference(x: Any, p: float, key: Any) -> Any:
    keep = bernoulli_reference(key, 1 - p, x.shape)
    return np.where(keep, x / (1 - p), 0) if p < 1 else np.zeros_like(x)


@composite(
    namespace="nn",
    reference=_dropout_reference,
    onnx="Dropout",
    samples=lambda rng: [
        Sample((rng.uniform(-2, 2, s), p), {"key": np.int64(k)})
        for s, p, k in (((3, 4), 0.5, 1), ((2, 3, 5), 0.1, -7), ((5,), 0.0, 2), ((4,), 1.0, 3), ((0, 3), 0.5, 4))
    ],
)
def dropout(x: TensorLike, p: float = 0.5, *, key: TensorLike) -> Tensor:
    """Each element 0 with probability ``p``, else divided by 1 - p (Srivastava et al. 2014): ``key`` alone says which,
    so two uses want two keys, and a recomputation gives the same.

    Dtypes: float
    Shapes: of x, as is the result's
    Edges: dropout([1.0, 2.0], 1.0, key=0) = [0.0, 0.0]; p = 0 gives x
    Raises: DTypeError, GraphError
    Example: gd.nn.dropout([1.0, 2.0], 0.0, key=0) -> [1.0, 2.0]
    Source: Srivastava et al. 2014
    """
    x = as_tensor(x, "dropout")
    check_dtype("dropout", (x,), "float")
    if isinstance(p, bool) or not isinstance(p, (int, float)) or not 0 <= p <= 1:
        fail(GraphError, "dropout", f"p is a number from 0 to 1, got {p!r}", [x])
    if p == 0:
        return x
    return where(bernoulli(key, 1.0 - p, x.shape), x * (1 / (1 - p) if p < 1 else 0.0), 0)
