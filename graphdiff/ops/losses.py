"""Declarations of the losses of ``gd.nn``: what a prediction and a target cost, by element and then reduced.

All are composites: their derivatives follow. Definitions are those of torch.nn.functional; ``reduction`` is "mean"
(over all elements of the loss), "sum" or "none". Classes lie along the last axis.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import DTypeError, GraphError, ShapeError
from ..ir.dims import format_shape
from ..ir.dtypes import INTEGERS
from .elementwise import abs as abs_
from .elementwise import bounded_log, equal, exp, less, log, log1p, maximum, negative, softplus, square, where
from .movement import is_label, reshape
from .nn import softmax_reference
from .opdef import axis_of, check_dtype, composite, operands
from .reduce import logsumexp, mean
from .reduce import sum as sum_
from .registry import Sample
from .tensor import Tensor, as_tensor, fail
from .types import Reduction, TensorLike


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
    return lambda rng: [
        Sample((rng.uniform(low, high, (3, 4)), rng.uniform(low, high, (3, 4))), {"reduction": r})
        for r in ("mean", "sum", "none")
    ]


def numpy_reduced(x: Any, reduction: str) -> Any:
    return x if reduction == "none" else np.mean(x) if reduction == "mean" else np.sum(x)


@composite(
    namespace="nn",
    samples=_pair_samples(-2, 2),
    reference=lambda x, t, reduction="mean": numpy_reduced((x - t) ** 2, reduction),
)
def mse(input: TensorLike, target: TensorLike, reduction: Reduction = "mean") -> Tensor:
    """The squared error."""
    x, t = operands("mse", (input, target), "float")
    _same_shape("mse", x, t)
    return reduced("mse", square(x - t), reduction)


@composite(
    namespace="nn",
    samples=_pair_samples(0.1, 0.9),
    reference=lambda p, t, reduction="mean": numpy_reduced(-t * np.log(p) - (1 - t) * np.log(1 - p), reduction),
)
def binary_cross_entropy(input: TensorLike, target: TensorLike, reduction: Reduction = "mean") -> Tensor:
    """-t log(p) - (1 - t) log(1 - p) of probabilities; logarithms are held above -100, as in torch.

    The derivative is that of this function, so 0 by a logarithm that is held, and finite for every p from 0 to 1."""
    p, t = operands("binary_cross_entropy", (input, target), "float")
    _same_shape("binary_cross_entropy", p, t)
    one, other = maximum(bounded_log(p), -100), maximum(log1p(negative(p)), -100)
    return reduced("binary_cross_entropy", negative(t * one + (1 - t) * other), reduction)


@composite(
    namespace="nn",
    samples=_pair_samples(-2, 2),
    reference=lambda x, t, reduction="mean": numpy_reduced(np.logaddexp(0, x) - x * t, reduction),
)
def binary_cross_entropy_with_logits(input: TensorLike, target: TensorLike, reduction: Reduction = "mean") -> Tensor:
    """The binary cross-entropy of sigmoid(input), without overflow."""
    x, t = operands("binary_cross_entropy_with_logits", (input, target), "float")
    _same_shape("binary_cross_entropy_with_logits", x, t)
    # not softplus(x) - x t: its derivative sigmoid(x) - t would lose all digits where they are close
    loss = t * softplus(negative(x)) + (1 - t) * softplus(x)
    return reduced("binary_cross_entropy_with_logits", loss, reduction)


@composite(
    namespace="nn",
    samples=_pair_samples(-2, 2),
    smooth=False,
    reference=lambda x, t, reduction="mean": numpy_reduced(np.abs(x - t), reduction),
)
def l1(input: TensorLike, target: TensorLike, reduction: Reduction = "mean") -> Tensor:
    """The absolute error; derivative 0 where it is 0."""
    x, t = operands("l1", (input, target), "float")
    _same_shape("l1", x, t)
    return reduced("l1", abs_(x - t), reduction)


def _huber_reference(x: Any, t: Any, reduction: str = "mean", delta: float = 1.0) -> Any:
    d = np.abs(x - t)
    return numpy_reduced(np.where(d < delta, 0.5 * d * d, delta * (d - 0.5 * delta)), reduction)


def _huber_samples(rng: np.random.Generator) -> Any:
    for delta in (1.0, 0.3):
        for r in ("mean", "sum", "none"):
            yield Sample((rng.uniform(-2, 2, (3, 4)), rng.uniform(-2, 2, (3, 4))), {"reduction": r, "delta": delta})


@composite(namespace="nn", samples=_huber_samples, reference=_huber_reference, smooth=False)
def huber(input: TensorLike, target: TensorLike, reduction: Reduction = "mean", delta: float = 1.0) -> Tensor:
    """Half the squared error where it is below delta, else delta * (|error| - delta / 2) (Huber 1964)."""
    x, t = operands("huber", (input, target), "float")
    _same_shape("huber", x, t)
    if not delta > 0:
        fail(GraphError, "huber", f"delta must be positive, got {delta}", [x, t])
    d = x - t
    size = abs_(d)
    return reduced("huber", where(less(size, delta), square(d) * 0.5, (size - 0.5 * delta) * delta), reduction)


def _cross_entropy_reference(x: Any, t: Any, reduction: str = "mean") -> Any:
    logp = np.log(softmax_reference(x, -1))
    if t.dtype.kind == "i":
        t = np.eye(x.shape[-1], dtype=x.dtype)[t]
    return numpy_reduced(-(t * logp).sum(-1), reduction)


def _cross_entropy_samples(rng: np.random.Generator) -> Any:
    for r in ("mean", "sum", "none"):
        yield Sample((rng.uniform(-2, 2, (4, 3)), rng.integers(0, 3, 4)), {"reduction": r})
    yield Sample((rng.uniform(-2, 2, (2, 4, 3)), rng.integers(0, 3, (2, 4))))
    yield Sample((rng.uniform(-2, 2, (4, 3)), softmax_reference(rng.uniform(-2, 2, (4, 3)))))


def _chosen(name: str, x: Tensor, labels: Tensor) -> Tensor:
    """The element of each row of ``x`` that its label names."""
    if labels.dtype not in INTEGERS:
        fail(DTypeError, name, f"labels are {labels.dtype.name}; write .astype('int64')", [x, labels])
    if labels.shape != x.shape[:-1]:
        fail(
            ShapeError,
            name,
            f"{format_shape(x.shape)} needs labels of shape {format_shape(x.shape[:-1])}, got "
            f"{format_shape(labels.shape)}",
            [x, labels],
        )
    return sum_(where(is_label(labels, x.shape[-1]), x, 0), axis=-1)


@composite(
    namespace="nn", reference=_cross_entropy_reference, samples=_cross_entropy_samples, onnx="SoftmaxCrossEntropyLoss"
)
def cross_entropy(logits: TensorLike, labels: TensorLike, reduction: Reduction = "mean") -> Tensor:
    """The cross-entropy of softmax(logits) over the last axis: ``labels`` are integers of the shape without it, or
    distributions of the same shape. "mean" is over all but the last axis. A label out of range fails the call."""
    x = as_tensor(logits, "cross_entropy")
    t = as_tensor(labels, "cross_entropy")
    axis_of("cross_entropy", -1, x.ndim, [x, t])
    lse = logsumexp(x, axis=-1)
    if t.dtype in INTEGERS:
        return reduced("cross_entropy", lse - _chosen("cross_entropy", x, t), reduction)
    x, t = operands("cross_entropy", (x, t), "float")
    _same_shape("cross_entropy", x, t)
    # for t that sums to 1 this is lse - sum(t x); for any t, sum(t (lse - x))
    return reduced("cross_entropy", sum_(t * (reshape(lse, (*lse.shape, 1)) - x), axis=-1), reduction)


def _nll_reference(logp: Any, t: Any, reduction: str = "mean") -> Any:
    return numpy_reduced(-np.take_along_axis(logp, t[..., None] % logp.shape[-1], -1)[..., 0], reduction)


def _nll_samples(rng: np.random.Generator) -> Any:
    for r in ("mean", "sum", "none"):
        yield Sample((np.log(softmax_reference(rng.uniform(-2, 2, (4, 3)))), rng.integers(0, 3, 4)), {"reduction": r})
    yield Sample((rng.uniform(-2, 0, (2, 4, 3)), rng.integers(0, 3, (2, 4))))


@composite(namespace="nn", reference=_nll_reference, samples=_nll_samples, onnx="NegativeLogLikelihoodLoss")
def nll(log_probabilities: TensorLike, labels: TensorLike, reduction: Reduction = "mean") -> Tensor:
    """Minus the log-probability of each label, classes along the last axis: what cross_entropy takes of log_softmax.
    A label out of range fails the call."""
    x, t = as_tensor(log_probabilities, "nll"), as_tensor(labels, "nll")
    check_dtype("nll", (x,), "float")
    axis_of("nll", -1, x.ndim, [x, t])
    return reduced("nll", negative(_chosen("nll", x, t)), reduction)


def _kl_reference(x: Any, t: Any, reduction: str = "mean", log_target: bool = False) -> Any:
    p, logp = (np.exp(t), t) if log_target else (t, np.log(np.where(t == 0, 1, t)))
    return numpy_reduced(p * (logp - x), reduction)


def _kl_samples(rng: np.random.Generator) -> Any:
    for r in ("mean", "sum", "none"):
        yield Sample((rng.uniform(-2, 0, (3, 4)), rng.uniform(0.1, 1, (3, 4))), {"reduction": r})
    yield Sample((rng.uniform(-2, 0, (3, 4)), rng.uniform(-2, 0, (3, 4))), {"log_target": True})


@composite(namespace="nn", reference=_kl_reference, samples=_kl_samples)
def kl_div(input: TensorLike, target: TensorLike, reduction: Reduction = "mean", log_target: bool = False) -> Tensor:
    """target * (log(target) - input) by element, for log-probabilities ``input``; 0 where the target is 0.
    "mean" is over all elements. ``log_target``: the target is given as its logarithm."""
    x, t = operands("kl_div", (input, target), "float")
    _same_shape("kl_div", x, t)
    if log_target:
        return reduced("kl_div", exp(t) * (t - x), reduction)
    none = equal(t, 0)
    return reduced("kl_div", where(none, 0, t * log(where(none, 1, t))) - t * x, reduction)
