"""Declarations of the losses of ``gd.nn``: what a prediction and a target cost, by element and then reduced.

All are composites: their derivatives follow. Definitions are those of torch.nn.functional; ``reduction`` is "mean"
(over all elements of the loss), "sum" or "none". Classes lie along the last axis.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import DTypeError, GraphError, ShapeError
from ..ir.dims import broadcast, format_shape
from ..ir.dtypes import INTEGERS
from .comparison import equal, less, not_equal
from .elementwise import abs as abs_
from .elementwise import at_least, negative, square, where
from .functions import bounded_log, exp, log, log1p, softplus
from .gather import checked_label, is_label, size_as, take
from .movement import broadcast_to, permute_dims, reshape
from .nn import softmax_reference
from .norms import logsumexp
from .opdef import composite
from .operands import aligned, axis_of, beside_each_other, check_dtype, int_of, operands
from .reduce import mean
from .reduce import sum as sum_
from .registry import Sample
from .tensor import Tensor, as_tensor, fail, scalar
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


def matched(name: str, input: TensorLike, target: TensorLike) -> tuple[Tensor, Tensor]:
    """Input and target as Tensors of one floating dtype and one shape; a target that is a number is one for every
    element."""
    x, t = operands(name, (input, target), "float")
    if isinstance(target, (int, float)):
        t = broadcast_to(t, x.shape)
    x, t = aligned(x, t)
    if x.shape != t.shape:
        fail(ShapeError, name, f"input and target differ in shape: {x.shape} and {t.shape}", [x, t])
    return x, t


def weighted(name: str, x: Tensor, weight: TensorLike | None) -> Tensor:
    """A loss by element times a weight that broadcasts to it."""
    if weight is None:
        return x
    x, w = operands(name, (x, weight), "float")
    if broadcast(w.shape, x.shape) != x.shape:
        fail(ShapeError, name, f"weight {format_shape(w.shape)} does not broadcast to {format_shape(x.shape)}", [x, w])
    return x * w


def pair_samples(low: float, high: float) -> Any:
    return lambda rng: [
        Sample((rng.uniform(low, high, (3, 4)), rng.uniform(low, high, (3, 4))), {"reduction": r})
        for r in ("mean", "sum", "none")
    ]


def numpy_reduced(x: Any, reduction: str) -> Any:
    return x if reduction == "none" else np.mean(x) if reduction == "mean" else np.sum(x)


@composite(
    namespace="nn",
    samples=pair_samples(-2, 2),
    reference=lambda x, t, reduction="mean": numpy_reduced((x - t) ** 2, reduction),
)
def mse(input: TensorLike, target: TensorLike, reduction: Reduction = "mean") -> Tensor:
    """The squared error.

    Dtypes: float
    Shapes: input and target alike; 0-d, or that shape where reduction is "none"
    Edges: mse([], []) = nan; mse([nan], [0.0]) = nan
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.nn.mse([1.0, 2.0], [1.0, 4.0]) -> 2.0
    """
    x, t = matched("mse", input, target)
    return reduced("mse", square(x - t), reduction)


@composite(
    namespace="nn",
    samples=pair_samples(0.1, 0.9),
    reference=lambda p, t, reduction="mean": numpy_reduced(-t * np.log(p) - (1 - t) * np.log(1 - p), reduction),
)
def binary_cross_entropy(
    input: TensorLike, target: TensorLike, reduction: Reduction = "mean", weight: TensorLike | None = None
) -> Tensor:
    """-t log(p) - (1 - t) log(1 - p) of probabilities; logarithms are held above -100, as in torch. ``weight``
    multiplies each element's loss, and broadcasts to it.

    The derivative is that of this function, so 0 by a logarithm that is held, and finite for every p from 0 to 1.

    Arguments: ``input``: probabilities; ``target``: of input's shape; ``reduction``: "mean", "sum" or "none";
    ``weight``: broadcasts to input, or None
    Dtypes: float
    Shapes: input and target alike; 0-d, or that shape where reduction is "none"
    Edges: binary_cross_entropy([0.0], [0.0]) = 0.0; binary_cross_entropy([0.0], [1.0]) = 100.0;
    binary_cross_entropy([2.0], [1.0]) = nan
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.nn.binary_cross_entropy([0.5, 0.5], [1.0, 0.0]) -> 0.6931472
    """
    p, t = matched("binary_cross_entropy", input, target)
    one, other = at_least(bounded_log(p), -100), at_least(log1p(negative(p)), -100)
    loss = weighted("binary_cross_entropy", negative(t * one + (1 - t) * other), weight)
    return reduced("binary_cross_entropy", loss, reduction)


@composite(
    namespace="nn",
    samples=pair_samples(-2, 2),
    reference=lambda x, t, reduction="mean": numpy_reduced(np.logaddexp(0, x) - x * t, reduction),
)
def binary_cross_entropy_with_logits(
    input: TensorLike,
    target: TensorLike,
    reduction: Reduction = "mean",
    weight: TensorLike | None = None,
    pos_weight: TensorLike | None = None,
) -> Tensor:
    """The binary cross-entropy of sigmoid(input), without overflow. ``weight`` multiplies each element's loss,
    ``pos_weight`` the part of it that counts where the target is 1; both broadcast.

    Arguments: ``input``: logits; ``target``: of input's shape; ``reduction``: "mean", "sum" or "none"; ``weight``:
    broadcasts to input, or None; ``pos_weight``: likewise
    Dtypes: float
    Shapes: input and target alike; 0-d, or that shape where reduction is "none"
    Edges: binary_cross_entropy_with_logits([inf], [0.0]) = inf; binary_cross_entropy_with_logits([inf], [1.0]) = nan;
    binary_cross_entropy_with_logits([-1000.0], [1.0]) = 1000.0
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.nn.binary_cross_entropy_with_logits([0.0, 0.0], [1.0, 0.0]) -> 0.6931472
    """
    x, t = matched("binary_cross_entropy_with_logits", input, target)
    # not softplus(x) - x t: its derivative sigmoid(x) - t would lose all digits where they are close
    positive = weighted("binary_cross_entropy_with_logits", t * softplus(negative(x)), pos_weight)
    loss = weighted("binary_cross_entropy_with_logits", positive + (1 - t) * softplus(x), weight)
    return reduced("binary_cross_entropy_with_logits", loss, reduction)


@composite(
    namespace="nn",
    samples=pair_samples(-2, 2),
    smooth=False,
    reference=lambda x, t, reduction="mean": numpy_reduced(np.abs(x - t), reduction),
)
def l1(input: TensorLike, target: TensorLike, reduction: Reduction = "mean") -> Tensor:
    """The absolute error; derivative 0 where it is 0.

    Dtypes: float
    Shapes: input and target alike; 0-d, or that shape where reduction is "none"
    Edges: l1([], []) = nan; l1([nan], [0.0]) = nan
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.nn.l1([1.0, 2.0], [1.0, 4.0]) -> 1.0
    """
    x, t = matched("l1", input, target)
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
    """Half the squared error where it is below delta, else delta * (|error| - delta / 2) (Huber 1964).

    Arguments: ``input``: predictions; ``target``: of input's shape; ``reduction``: "mean", "sum" or "none"; ``delta``:
    where the square ends, above 0
    Dtypes: float
    Shapes: input and target alike; 0-d, or that shape where reduction is "none"
    Edges: huber([], []) = nan; huber([nan], [0.0]) = nan
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.nn.huber([1.0, 2.0], [1.0, 4.0]) -> 0.75
    Source: Huber 1964
    """
    x, t = matched("huber", input, target)
    if not delta > 0:
        fail(GraphError, "huber", f"delta must be positive, got {delta}", [x, t])
    d = x - t
    size = abs_(d)
    return reduced("huber", where(less(size, delta), square(d) * 0.5, (size - 0.5 * delta) * delta), reduction)


class _Classes:
    """Integer labels with what counts of each: ``labels`` in range, ``weights`` of the losses (None: all 1)."""

    def __init__(self, name: str, x: Tensor, labels: Tensor, weight: TensorLike | None, ignore_index: int | None):
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
        self.name, self.weights = name, None
        counts = None
        if ignore_index is not None:
            counts = not_equal(labels, int_of(name, "ignore_index", ignore_index, [x, labels]))
            labels = where(counts, labels, 0)
        self.labels = checked_label(labels, x.shape[-1])
        if weight is not None:
            self.weights = take(_class_weight(name, x, weight), self.labels)
        if counts is not None:
            self.weights = where(counts, 1 if self.weights is None else self.weights, scalar(0, x.dtype))

    def chosen(self, x: Tensor) -> Tensor:
        """The element of each row of ``x`` that its label names."""
        return sum_(where(is_label(self.labels, x.shape[-1]), x, 0), axis=-1)

    def reduced(self, loss: Tensor, reduction: str, smooth: Tensor | None = None) -> Tensor:
        """Losses by row, weighted, and ``smooth`` ones that are so already; "mean" is by the sum of weights."""
        total = loss if self.weights is None else where(equal(self.weights, 0), 0, loss) * self.weights
        if smooth is not None:
            total = total + smooth
        if reduction != "mean" or self.weights is None:
            return reduced(self.name, total, reduction)
        return sum_(total) / sum_(self.weights)


def _class_weight(name: str, x: Tensor, weight: TensorLike) -> Tensor:
    x, w = operands(name, (x, weight), "float")
    if w.shape != x.shape[-1:]:
        fail(ShapeError, name, f"weight has shape {format_shape(w.shape)}, not {format_shape(x.shape[-1:])}", [x, w])
    return w


def _classes_last(name: str, x: Tensor, axis: int, others: Sequence[Tensor]) -> Tensor:
    """``x`` with its classes along the last axis."""
    at = axis_of(name, axis, x.ndim, [x, *others])
    return x if at == x.ndim - 1 else permute_dims(x, (*(i for i in range(x.ndim) if i != at), at))


def _cross_entropy_reference(
    x: Any,
    t: Any,
    reduction: str = "mean",
    weight: Any = None,
    ignore_index: Any = None,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    x = np.moveaxis(x, axis, -1)
    logp, k = np.log(softmax_reference(x, -1)), x.shape[-1]
    w = np.ones(k) if weight is None else weight
    if t.dtype.kind != "i":
        t = np.moveaxis(t, axis, -1)
        t = t * (1 - label_smoothing) + label_smoothing / k
        return numpy_reduced(-(t * logp * w).sum(-1), reduction)
    counts = np.ones(t.shape, bool) if ignore_index is None else t != ignore_index
    t = np.where(counts, t, 0)
    own = np.where(counts, w[t], 0)
    losses = -own * (1 - label_smoothing) * np.take_along_axis(logp, t[..., None], -1)[..., 0]
    losses = losses - counts * label_smoothing / k * (logp * w).sum(-1)
    return losses.sum() / own.sum() if reduction == "mean" else numpy_reduced(losses, reduction)


def _cross_entropy_samples(rng: np.random.Generator) -> Any:
    for r in ("mean", "sum", "none"):
        yield Sample((rng.uniform(-2, 2, (4, 3)), rng.integers(0, 3, 4)), {"reduction": r})
    yield Sample((rng.uniform(-2, 2, (2, 4, 3)), rng.integers(0, 3, (2, 4))))
    yield Sample((rng.uniform(-2, 2, (4, 3)), softmax_reference(rng.uniform(-2, 2, (4, 3)))))
    weight = rng.uniform(0.5, 2, 3)
    for r in ("mean", "sum", "none"):
        how = {"reduction": r, "weight": weight, "label_smoothing": 0.2}
        yield Sample((rng.uniform(-2, 2, (4, 3)), np.array([0, 2, -100, 1])), how | {"ignore_index": -100})
        yield Sample((rng.uniform(-2, 2, (4, 3)), softmax_reference(rng.uniform(-2, 2, (4, 3)))), how)
    yield Sample(
        (rng.uniform(-2, 2, (2, 3, 4)), np.array([[0, 1, 2, 1], [2, 2, 0, 1]])), {"axis": 1, "ignore_index": 1}
    )


@composite(
    namespace="nn", reference=_cross_entropy_reference, samples=_cross_entropy_samples, onnx="SoftmaxCrossEntropyLoss"
)
def cross_entropy(
    logits: TensorLike,
    labels: TensorLike,
    reduction: Reduction = "mean",
    weight: TensorLike | None = None,
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """The cross-entropy of softmax(logits), the classes along ``axis``.

    ``labels``: integers from 0 of the shape without that axis, or distributions of the same shape. ``weight``: one
    number a class; ``ignore_index``: a label whose rows do not count; ``label_smoothing``: the share of each target
    that is spread over all classes (Szegedy et al. 2016). "mean" is over all rows; with integer labels it is the sum of
    losses by the sum of the labels' weights, as in torch. A label out of range fails the call.

    Arguments: ``logits``: (..., c) with the classes along axis; ``labels``: integers, or distributions; ``reduction``:
    "mean", "sum" or "none"; ``weight``: (c,), or None; ``ignore_index``: a label, or None; ``label_smoothing``: from 0
    to 1; ``axis``: of the classes
    Dtypes: float
    Shapes: (..., c), (...) or (..., c) -> 0-d, or (...) where reduction is "none"
    Edges: cross_entropy([[0.0, 0.0]], [1], ignore_index=1) = nan; a label out of range fails the call
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.nn.cross_entropy([[0.0, 0.0]], [1]) -> 0.6931472
    """
    name = "cross_entropy"
    x, t = beside_each_other(name, (logits, labels))
    if not 0 <= label_smoothing <= 1:
        fail(GraphError, name, f"label_smoothing lies from 0 to 1, got {label_smoothing!r}", [x, t])
    x = _classes_last(name, x, axis, [t])
    k = x.shape[-1]
    lse = logsumexp(x, axis=-1)
    if t.dtype in INTEGERS:
        classes = _Classes(name, x, t, weight, ignore_index)
        loss = lse - classes.chosen(x)
        if not label_smoothing:
            return classes.reduced(loss, reduction)
        each = reshape(lse, (*lse.shape, 1)) - x
        each = each if weight is None else each * _class_weight(name, x, weight)
        smooth = sum_(each, axis=-1) * label_smoothing / size_as(k, x.dtype)
        if ignore_index is not None:
            smooth = where(not_equal(t, ignore_index), smooth, 0)
        return classes.reduced(loss * (1 - label_smoothing), reduction, smooth)
    if ignore_index is not None:
        fail(GraphError, name, "ignore_index goes with integer labels", [x, t])
    x, t = matched(name, x, _classes_last(name, t, axis, [x]))
    if label_smoothing:
        t = t * (1 - label_smoothing) + label_smoothing / size_as(k, x.dtype)
    t = t if weight is None else t * _class_weight(name, x, weight)
    # for t that sums to 1 this is lse - sum(t x); for any t, sum(t (lse - x))
    return reduced(name, sum_(t * (reshape(lse, (*lse.shape, 1)) - x), axis=-1), reduction)


def _nll_reference(logp: Any, t: Any, reduction: str = "mean", weight: Any = None, ignore_index: Any = None) -> Any:
    counts = np.ones(t.shape, bool) if ignore_index is None else t != ignore_index
    t = np.where(counts, t, 0)
    own = np.where(counts, 1.0 if weight is None else weight[t], 0)
    losses = -own * np.take_along_axis(logp, t[..., None], -1)[..., 0]
    return losses.sum() / own.sum() if reduction == "mean" else numpy_reduced(losses, reduction)


def _nll_samples(rng: np.random.Generator) -> Any:
    for r in ("mean", "sum", "none"):
        yield Sample((np.log(softmax_reference(rng.uniform(-2, 2, (4, 3)))), rng.integers(0, 3, 4)), {"reduction": r})
        how = {"reduction": r, "weight": rng.uniform(0.5, 2, 3), "ignore_index": 1}
        yield Sample((rng.uniform(-2, 0, (4, 3)), np.array([0, 1, 2, 2])), how)
    yield Sample((rng.uniform(-2, 0, (2, 4, 3)), rng.integers(0, 3, (2, 4))))


@composite(namespace="nn", reference=_nll_reference, samples=_nll_samples, onnx="NegativeLogLikelihoodLoss")
def nll(
    log_probabilities: TensorLike,
    labels: TensorLike,
    reduction: Reduction = "mean",
    weight: TensorLike | None = None,
    ignore_index: int | None = None,
) -> Tensor:
    """Minus the log-probability of each label, classes along the last axis: what cross_entropy takes of log_softmax.
    ``weight`` and ``ignore_index`` as there. A label out of range fails the call.

    Arguments: ``log_probabilities``: (..., c); ``labels``: integers (...); ``reduction``: "mean", "sum" or "none";
    ``weight``: (c,), or None; ``ignore_index``: a label, or None
    Dtypes: float
    Shapes: (..., c), (...) -> 0-d, or (...) where reduction is "none"
    Edges: nll([[0.0, 0.0]], [1], ignore_index=1) = nan; a label out of range fails the call
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.nn.nll([[-1.0, -2.0]], [1]) -> 2.0
    """
    x, t = as_tensor(log_probabilities, "nll"), as_tensor(labels, "nll")
    check_dtype("nll", (x,), "float")
    axis_of("nll", -1, x.ndim, [x, t])
    classes = _Classes("nll", x, t, weight, ignore_index)
    return classes.reduced(negative(classes.chosen(x)), reduction)


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
    "mean" is over all elements. ``log_target``: the target is given as its logarithm.

    Arguments: ``input``: log-probabilities; ``target``: of input's shape; ``reduction``: "mean", "sum" or "none";
    ``log_target``: whether target is a logarithm
    Dtypes: float
    Shapes: input and target alike; 0-d, or that shape where reduction is "none"
    Edges: kl_div([], []) = nan; kl_div([nan], [0.0]) = nan
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.nn.kl_div([-0.5, -1.0], [0.0, 1.0]) -> 0.5
    Source: Kullback and Leibler 1951
    """
    x, t = matched("kl_div", input, target)
    if log_target:
        return reduced("kl_div", exp(t) * (t - x), reduction)
    none = equal(t, 0)
    return reduced("kl_div", where(none, 0, t * log(where(none, 1, t))) - t * x, reduction)
