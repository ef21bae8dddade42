"""Declarations of the pieces of networks, ``gd.nn``: activations, softmax and its kin, losses.

All are composites: their derivatives follow. Signatures are those of torch.nn.functional.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..errors import GraphError, ShapeError
from ..ir.dtypes import INTEGERS
from .elementwise import erf, expm1, greater, log, maximum, negative, sigmoid, softplus, square, tanh, where
from .movement import is_label, reshape
from .opdef import axis_of, composite, on, operands
from .reduce import logsumexp, mean, softmax_parts
from .reduce import sum as sum_
from .registry import Sample
from .tensor import Tensor, as_tensor, fail

# --------------------------------------------------------------------------------------- activations


@composite(namespace="nn", reference=lambda x, negative_slope=0.01: np.where(x > 0, x, negative_slope * x),
           samples=on(-2, 2), smooth=False, onnx="LeakyRelu")  # fmt: skip
def leaky_relu(x, /, negative_slope=0.01):  # type: ignore[no-untyped-def]
    """x where positive, else ``negative_slope * x``."""
    x = as_tensor(x, "leaky_relu")
    return where(greater(x, 0), x, x * negative_slope)


@composite(namespace="nn", reference=lambda x, alpha=1.0: np.where(x > 0, x, alpha * np.expm1(x)), samples=on(-2, 2),
           smooth=False, onnx="Elu")  # fmt: skip
def elu(x, /, alpha=1.0):  # type: ignore[no-untyped-def]
    """x where positive, else ``alpha * (exp(x) - 1)``."""
    x = as_tensor(x, "elu")
    positive = greater(x, 0)
    return where(positive, x, expm1(where(positive, 0, x)) * alpha)


def _gelu_reference(x: Any, approximate: str = "none") -> Any:
    if approximate == "tanh":
        return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    return x * np.vectorize(lambda v: 0.5 * math.erfc(-v / math.sqrt(2)), otypes=[x.dtype])(x)


@composite(namespace="nn", reference=_gelu_reference, onnx="Gelu", samples=lambda rng: [
    Sample((rng.uniform(-3, 3, (3, 4)),), {"approximate": a}) for a in ("none", "tanh")])  # fmt: skip
def gelu(x, /, approximate="none"):  # type: ignore[no-untyped-def]
    """x * Phi(x), or its tanh form (Hendrycks and Gimpel 2016)."""
    x = as_tensor(x, "gelu")
    if approximate == "tanh":
        return x * 0.5 * (1 + tanh((x + x * square(x) * 0.044715) * math.sqrt(2 / math.pi)))
    if approximate != "none":
        fail(GraphError, "gelu", f'approximate is "none" or "tanh", got {approximate!r}', [x])
    return x * 0.5 * (1 + erf(x * math.sqrt(0.5)))


@composite(namespace="nn", reference=lambda x: x / (1 + np.exp(-x)), samples=on(-3, 3))
def silu(x, /):  # type: ignore[no-untyped-def]
    """x * sigmoid(x)."""
    x = as_tensor(x, "silu")
    return x * sigmoid(x)


# --------------------------------------------------------------------------------------- softmax


def _softmax_reference(x: Any, axis: int = -1) -> Any:
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def _axis_samples(rng: np.random.Generator) -> Any:
    for shape, axis in (((3, 4), -1), ((3, 4), 0), ((2, 3, 4), 1), ((5,), 0), ((2, 1), -1), ((0, 3), -1)):
        yield Sample((rng.uniform(-2, 2, shape),), {"axis": axis})


@composite(namespace="nn", reference=_softmax_reference, samples=_axis_samples, onnx="Softmax")
def softmax(x, /, axis=-1):  # type: ignore[no-untyped-def]
    """exp(x) / sum(exp(x)) along ``axis``, without overflow."""
    e, total = softmax_parts(as_tensor(x, "softmax"), axis, "softmax")
    return e / total


@composite(namespace="nn", reference=lambda x, axis=-1: np.log(_softmax_reference(x, axis)), samples=_axis_samples,
           onnx="LogSoftmax")  # fmt: skip
def log_softmax(x, /, axis=-1):  # type: ignore[no-untyped-def]
    """log(softmax(x)) without loss of accuracy."""
    x = as_tensor(x, "log_softmax")
    return x - logsumexp(x, axis=axis, keepdims=True)


# --------------------------------------------------------------------------------------- linear and losses


@composite(namespace="nn", reference=lambda x, w, b=None: x @ w + (0 if b is None else b), onnx="Gemm",
           samples=lambda rng: [Sample((rng.uniform(-1, 1, (3, 4)), rng.uniform(-1, 1, (4, 2)), rng.uniform(-1, 1, 2))),
                                Sample((rng.uniform(-1, 1, (2, 3, 4)), rng.uniform(-1, 1, (4, 2))))])  # fmt: skip
def linear(x, weight, bias=None):  # type: ignore[no-untyped-def]
    """``x @ weight + bias``; weight has shape (in, out)."""
    y = as_tensor(x, "linear") @ weight
    return y if bias is None else y + bias


def reduced(name: str, x: Tensor, reduction: str) -> Tensor:
    """A loss by element brought to ``reduction``: "mean", "sum" or "none"."""
    if reduction == "mean":
        return mean(x)
    if reduction == "sum":
        return sum_(x)
    if reduction != "none":
        fail(GraphError, name, f'reduction is "mean", "sum" or "none", got {reduction!r}', [x])
    return x


def _same_shape(name: str, a: Tensor, b: Tensor) -> None:
    if a.shape != b.shape:
        fail(ShapeError, name, f"input and target differ in shape: {a.shape} and {b.shape}", [a, b])


def _pair_samples(low: float, high: float) -> Any:
    return lambda rng: [Sample((rng.uniform(low, high, (3, 4)), rng.uniform(low, high, (3, 4))), {"reduction": r})
                        for r in ("mean", "sum", "none")]  # fmt: skip


def numpy_reduced(x: Any, reduction: str) -> Any:
    return {"mean": np.mean, "sum": np.sum, "none": lambda v: v}[reduction](x)


@composite(namespace="nn", samples=_pair_samples(-2, 2),
           reference=lambda x, t, reduction="mean": numpy_reduced((x - t) ** 2, reduction))  # fmt: skip
def mse(input, target, reduction="mean"):  # type: ignore[no-untyped-def]  # noqa: A002
    """The squared error."""
    x, t = operands("mse", (input, target), "float")
    _same_shape("mse", x, t)
    return reduced("mse", square(x - t), reduction)


@composite(namespace="nn", samples=_pair_samples(0.1, 0.9),
           reference=lambda p, t, reduction="mean": numpy_reduced(-t * np.log(p) - (1 - t) * np.log(1 - p), reduction))
def binary_cross_entropy(input, target, reduction="mean"):  # type: ignore[no-untyped-def]  # noqa: A002
    """-t log(p) - (1 - t) log(1 - p) of probabilities; logarithms are held above -100, as in torch."""
    p, t = operands("binary_cross_entropy", (input, target), "float")
    _same_shape("binary_cross_entropy", p, t)
    one, other = maximum(log(p), -100), maximum(log(1 - p), -100)
    return reduced("binary_cross_entropy", negative(t * one + (1 - t) * other), reduction)


@composite(namespace="nn", samples=_pair_samples(-2, 2), reference=lambda x, t, reduction="mean": numpy_reduced(
    np.logaddexp(0, x) - x * t, reduction))  # fmt: skip
def binary_cross_entropy_with_logits(input, target, reduction="mean"):  # type: ignore[no-untyped-def]  # noqa: A002
    """The binary cross-entropy of sigmoid(input), without overflow."""
    x, t = operands("binary_cross_entropy_with_logits", (input, target), "float")
    _same_shape("binary_cross_entropy_with_logits", x, t)
    return reduced("binary_cross_entropy_with_logits", softplus(x) - x * t, reduction)


def _cross_entropy_reference(x: Any, t: Any, reduction: str = "mean") -> Any:
    logp = np.log(_softmax_reference(x, -1))
    if t.dtype.kind == "i":
        t = np.eye(x.shape[-1], dtype=x.dtype)[t]
    return numpy_reduced(-(t * logp).sum(-1), reduction)


def _cross_entropy_samples(rng: np.random.Generator) -> Any:
    for r in ("mean", "sum", "none"):
        yield Sample((rng.uniform(-2, 2, (4, 3)), rng.integers(0, 3, 4)), {"reduction": r})
    yield Sample((rng.uniform(-2, 2, (2, 4, 3)), rng.integers(0, 3, (2, 4))))
    yield Sample((rng.uniform(-2, 2, (4, 3)), _softmax_reference(rng.uniform(-2, 2, (4, 3)))))


@composite(namespace="nn", reference=_cross_entropy_reference, samples=_cross_entropy_samples,
           onnx="SoftmaxCrossEntropyLoss")  # fmt: skip
def cross_entropy(logits, labels, reduction="mean"):  # type: ignore[no-untyped-def]
    """The cross-entropy of softmax(logits) over the last axis: ``labels`` are integers of the shape without it, or
    distributions of the same shape. "mean" is over all but the last axis. A label out of range fails the call."""
    x = as_tensor(logits, "cross_entropy")
    t = as_tensor(labels, "cross_entropy")
    axis_of("cross_entropy", -1, x.ndim, [x, t])
    lse = logsumexp(x, axis=-1)
    if t.dtype in INTEGERS:
        if t.shape != x.shape[:-1]:
            fail(ShapeError, "cross_entropy", f"logits {x.shape} need labels of shape {x.shape[:-1]}, got {t.shape}",
                 [x, t])  # fmt: skip
        chosen = sum_(where(is_label(t, x.shape[-1]), x, 0), axis=-1)
        return reduced("cross_entropy", lse - chosen, reduction)
    x, t = operands("cross_entropy", (x, t), "float")
    _same_shape("cross_entropy", x, t)
    # for t that sums to 1 this is lse - sum(t x); for any t, sum(t (lse - x))
    return reduced("cross_entropy", sum_(t * (reshape(lse, (*lse.shape, 1)) - x), axis=-1), reduction)


