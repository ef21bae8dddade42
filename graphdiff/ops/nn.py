"""Declarations of the pieces of networks, ``gd.nn``, that have no file of their own: softmax and its kin, linear,
dropout.

All are composites: their derivatives follow. Signatures are those of torch.nn.functional. Beside this file stand
activations.py, losses.py, conv.py, pool.py and others.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import GraphError
from .elementwise import add, where
from .matmul import matmul
from .norms import logsumexp, softmax_parts
from .opdef import composite
from .operands import check_dtype
from .random import bernoulli, bernoulli_reference
from .registry import Sample
from .tensor import Tensor, as_tensor, fail
from .types import Axes, TensorLike

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


# --------------------------------------------------------------------------------------- linear


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
