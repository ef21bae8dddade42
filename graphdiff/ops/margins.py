"""Declarations of the losses of ``gd.nn`` that compare by distances and margins.

All are composites: their derivatives follow. Definitions are those of torch.nn.functional, names without its ``_loss``;
``reduction`` as in losses.py. A hinge, max(x, 0), has derivative 0 at its kink.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import DTypeError, GraphError, ShapeError
from ..ir.dims import broadcast, format_shape
from ..ir.dtypes import INTEGERS
from .comparison import greater, less
from .elementwise import abs as abs_
from .elementwise import maximum, minimum, negative, rsqrt, square, where
from .functions import relu, softplus
from .gather import checked_label, is_label, size_as, take
from .linalg.norms import norm
from .losses import matched, numpy_reduced, pair_samples, reduced, weighted
from .movement import broadcast_to, reshape
from .opdef import composite
from .operands import axis_of, beside_each_other, operands
from .reduce import mean
from .reduce import sum as sum_
from .registry import Sample
from .tensor import Tensor, fail
from .types import Axes, Reduction, TensorLike

_ALL = ("mean", "sum", "none")


def _met(name: str, *args: TensorLike) -> tuple[Tensor, ...]:
    """Arguments as Tensors of one floating dtype whose shapes broadcast. Raises ShapeError, DTypeError."""
    xs = operands(name, args, "float")
    shape = xs[0].shape
    for x in xs[1:]:
        joined = broadcast(shape, x.shape)
        if joined is None:
            fail(ShapeError, name, f"{format_shape(shape)} and {format_shape(x.shape)} do not broadcast", xs)
        shape = joined
    return xs


def _signs(rng: np.random.Generator, *shape: int) -> Any:
    return rng.choice([-1.0, 1.0], shape)


# --------------------------------------------------------------------------------------- by element


def _smooth_reference(x: Any, t: Any, reduction: str = "mean", beta: float = 1.0) -> Any:
    d = np.abs(x - t)
    return numpy_reduced(np.where(d < beta, 0.5 * d * d / (beta or 1), d - 0.5 * beta), reduction)


def _smooth_samples(rng: np.random.Generator) -> Any:
    for beta in (1.0, 0.3, 0.0):
        for r in _ALL:
            yield Sample((rng.uniform(-2, 2, (3, 4)), rng.uniform(-2, 2, (3, 4))), {"reduction": r, "beta": beta})


@composite(namespace="nn", samples=_smooth_samples, reference=_smooth_reference, smooth=False)
def smooth_l1(input: TensorLike, target: TensorLike, reduction: Reduction = "mean", beta: float = 1.0) -> Tensor:
    """The squared error by 2 beta where the error is below beta, else |error| - beta / 2: huber by its delta.

    Arguments: ``input``: predictions; ``target``: of input's shape; ``reduction``: "mean", "sum" or "none"; ``beta``:
    where the square ends; l1 where it is 0
    Dtypes: float
    Shapes: input and target alike; 0-d, or that shape where reduction is "none"
    Edges: smooth_l1([], []) = nan; smooth_l1([nan], [0.0]) = nan
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.nn.smooth_l1([1.0, 2.0], [1.0, 4.0]) -> 0.75
    Source: Girshick 2015, arXiv:1504.08083
    """
    x, t = matched("smooth_l1", input, target)
    if not beta >= 0:
        fail(GraphError, "smooth_l1", f"beta is at least 0, got {beta!r}", [x, t])
    d = x - t
    size = abs_(d)
    if beta == 0:
        return reduced("smooth_l1", size, reduction)
    return reduced("smooth_l1", where(less(size, beta), square(d) * (0.5 / beta), size - 0.5 * beta), reduction)


@composite(
    namespace="nn",
    samples=lambda rng: [
        Sample((rng.uniform(-2, 2, (3, 4)), _signs(rng, 3, 4)), {"reduction": r, "margin": m})
        for r, m in (("mean", 1.0), ("sum", 0.5), ("none", 1.0))
    ],
    reference=lambda x, t, margin=1.0, reduction="mean": numpy_reduced(
        np.where(t > 0, x, np.maximum(margin - x, 0)), reduction
    ),
    smooth=False,
)
def hinge_embedding(
    input: TensorLike, target: TensorLike, margin: float = 1.0, reduction: Reduction = "mean"
) -> Tensor:
    """The distance where target is 1, and how much it falls short of ``margin`` where target is -1.

    Arguments: ``input``: distances; ``target``: 1 or -1, of input's shape; ``margin``: as above; ``reduction``: "mean",
    "sum" or "none"
    Dtypes: float
    Shapes: input and target alike; 0-d, or that shape where reduction is "none"
    Edges: hinge_embedding([], []) = nan; hinge_embedding([nan], [1.0]) = nan
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.nn.hinge_embedding([0.5, 0.25], [1.0, -1.0]) -> 0.625
    Source: as torch.nn.functional.hinge_embedding_loss
    """
    x, t = matched("hinge_embedding", input, target)
    return reduced("hinge_embedding", where(greater(t, 0), x, relu(margin - x)), reduction)


@composite(
    namespace="nn",
    samples=pair_samples(-2, 2),
    reference=lambda x, t, reduction="mean": numpy_reduced(np.logaddexp(0, -t * x), reduction),
)
def soft_margin(input: TensorLike, target: TensorLike, reduction: Reduction = "mean") -> Tensor:
    """log(1 + exp(-target * input)), target 1 or -1.

    Dtypes: float
    Shapes: input and target alike; 0-d, or that shape where reduction is "none"
    Edges: soft_margin([1000.0], [-1.0]) = 1000.0; soft_margin([nan], [1.0]) = nan
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.nn.soft_margin([0.0, 0.0], [1.0, -1.0]) -> 0.6931472
    Source: as torch.nn.functional.soft_margin_loss
    """
    x, t = matched("soft_margin", input, target)
    return reduced("soft_margin", softplus(negative(t * x)), reduction)


# --------------------------------------------------------------------------------------- by class


def _multi_reference(
    x: Any, t: Any, p: int = 1, margin: float = 1.0, weight: Any = None, reduction: str = "mean"
) -> Any:
    own = np.take_along_axis(x, t[..., None], -1)
    each = np.maximum(margin - own + x, 0) ** p * (np.arange(x.shape[-1]) != t[..., None])
    each = each if weight is None else each * weight[t][..., None]
    return numpy_reduced(each.sum(-1) / x.shape[-1], reduction)


def _multi_samples(rng: np.random.Generator) -> Any:
    for p, r in ((1, "mean"), (2, "sum"), (1, "none")):
        yield Sample((rng.uniform(-2, 2, (4, 3)), rng.integers(0, 3, 4)), {"p": p, "reduction": r})
    yield Sample((rng.uniform(-2, 2, (4, 3)), rng.integers(0, 3, 4)), {"weight": rng.uniform(0.5, 2, 3), "p": 2})


@composite(namespace="nn", samples=_multi_samples, reference=_multi_reference, smooth=False)
def multi_margin(
    input: TensorLike,
    target: TensorLike,
    p: int = 1,
    margin: float = 1.0,
    weight: TensorLike | None = None,
    reduction: Reduction = "mean",
) -> Tensor:
    """The mean over classes of how much each other class comes nearer than ``margin`` to that of the label, to the
    power ``p``; ``weight``: one number a class, of the label's. A label out of range fails the call.

    Arguments: ``input``: scores (..., c); ``target``: integers (...); ``p``: 1 or 2; ``margin``: as above; ``weight``:
    (c,), or None; ``reduction``: "mean", "sum" or "none"
    Dtypes: float
    Shapes: (..., c), (...) -> 0-d, or (...) where reduction is "none"
    Edges: multi_margin([[nan, 1.0]], [1]) = nan; a label out of range fails the call
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.nn.multi_margin([[0.5, 1.0]], [1]) -> 0.25
    Source: as torch.nn.functional.multi_margin_loss
    """
    name = "multi_margin"
    x, t = beside_each_other(name, (input, target))
    (x,) = operands(name, (x,), "float")
    axis_of(name, -1, x.ndim, [x, t])
    if p not in (1, 2):
        fail(GraphError, name, f"p is 1 or 2, got {p!r}", [x, t])
    if t.dtype not in INTEGERS:
        fail(DTypeError, name, f"labels are {t.dtype.name}; write .astype('int64')", [x, t])
    if t.shape != x.shape[:-1]:
        wanted = f"labels of shape {format_shape(x.shape[:-1])}, got {format_shape(t.shape)}"
        fail(ShapeError, name, f"{format_shape(x.shape)} needs {wanted}", [x, t])
    labels, classes = checked_label(t, x.shape[-1]), x.shape[-1]
    mine = is_label(labels, classes)
    own = sum_(where(mine, x, 0), axis=-1, keepdims=True)
    short = relu(where(mine, 0, x - own + margin))
    if p == 2:
        short = square(short)
    loss = sum_(short, axis=-1) / size_as(classes, x.dtype)
    if weight is not None:
        x, w = operands(name, (x, weight), "float")
        if w.shape != (classes,):
            told = f"weight has shape {format_shape(w.shape)}, not {format_shape((classes,))}"
            fail(ShapeError, name, told, [x, w])
        loss = loss * take(w, labels)
    return reduced(name, loss, reduction)


def _soft_labels_reference(x: Any, t: Any, weight: Any = None, reduction: str = "mean") -> Any:
    each = t * np.logaddexp(0, -x) + (1 - t) * np.logaddexp(0, x)
    return numpy_reduced((each if weight is None else each * weight).mean(-1), reduction)


@composite(
    namespace="nn",
    samples=lambda rng: [
        Sample((rng.uniform(-2, 2, (4, 3)), rng.integers(0, 2, (4, 3)).astype(float)), {"reduction": r} | more)
        for r, more in (("mean", {}), ("sum", {"weight": rng.uniform(0.5, 2, 3)}), ("none", {}))
    ],
    reference=_soft_labels_reference,
)
def multilabel_soft_margin(
    input: TensorLike, target: TensorLike, weight: TensorLike | None = None, reduction: Reduction = "mean"
) -> Tensor:
    """The mean over classes, the last axis, of binary_cross_entropy_with_logits.

    Arguments: ``input``: logits (..., c); ``target``: from 0 to 1, of input's shape; ``weight``: (c,), or None;
    ``reduction``: "mean", "sum" or "none"
    Dtypes: float
    Shapes: (..., c), (..., c) -> 0-d, or (...) where reduction is "none"
    Edges: multilabel_soft_margin([[1000.0]], [[0.0]]) = 1000.0
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.nn.multilabel_soft_margin([[0.0, 0.0]], [[1.0, 0.0]]) -> 0.6931472
    Source: as torch.nn.functional.multilabel_soft_margin_loss
    """
    name = "multilabel_soft_margin"
    x, t = matched(name, input, target)
    axis_of(name, -1, x.ndim, [x, t])
    each = weighted(name, t * softplus(negative(x)) + (1 - t) * softplus(x), weight)
    return reduced(name, mean(each, axis=-1), reduction)


# --------------------------------------------------------------------------------------- between vectors


def _cosine_reference(x: Any, y: Any, axis: int = 1, eps: float = 1e-8) -> Any:
    x, y = np.broadcast_arrays(x, y)
    a, b = (np.maximum(np.sqrt((v * v).sum(axis)), eps) for v in (x, y))
    return (x * y).sum(axis) / (a * b)


@composite(
    namespace="nn",
    reference=_cosine_reference,
    samples=lambda rng: [
        Sample((rng.uniform(-2, 2, a), rng.uniform(-2, 2, b)), {"axis": axis})
        for a, b, axis in (
            ((3, 4), (3, 4), 1),
            ((2, 3, 4), (3, 4), 1),
            ((5,), (5,), 0),
            ((3, 1, 4), (2, 4), -1),
            ((1, 4), (3, 4), 1),
        )
    ],
)
def cosine_similarity(x1: TensorLike, x2: TensorLike, axis: Axes = 1, eps: float = 1e-8) -> Tensor:
    """The cosine of the angle between vectors along ``axis``: their product by that of their lengths, each length at
    least ``eps``.

    Arguments: ``x1``: vectors; ``x2``: vectors, which broadcast with x1; ``axis``: of their elements; ``eps``: as above
    Dtypes: float
    Shapes: the operands broadcast, without axis
    Edges: cosine_similarity([0.0, 0.0], [1.0, 1.0], axis=0) = 0.0; cosine_similarity([nan], [1.0], axis=0) = nan
    Raises: ShapeError, DTypeError
    Example: gd.nn.cosine_similarity([[3.0, 4.0]], [[1.0, 0.0]]) -> [0.6]
    Source: as torch.nn.functional.cosine_similarity
    """
    x, y = _met("cosine_similarity", x1, x2)
    dot = x * y
    at = axis_of("cosine_similarity", axis, dot.ndim, [x, y])

    def direction(v: Tensor) -> Tensor:
        lead = (*(1,) * (dot.ndim - v.ndim), *v.shape)
        v = broadcast_to(reshape(v, lead), (*lead[:at], dot.shape[at], *lead[at + 1 :]))
        return v / maximum(norm(v, axis=at, keepdims=True), eps)

    return sum_(direction(x) * direction(y), axis=at)


def _embedding_reference(x: Any, y: Any, t: Any, margin: float = 0.0, reduction: str = "mean") -> Any:
    cos = (x * y).sum(-1) / np.sqrt(((x * x).sum(-1) + 1e-12) * ((y * y).sum(-1) + 1e-12))
    return numpy_reduced(np.where(t > 0, 1 - cos, np.maximum(cos - margin, 0)), reduction)


@composite(
    namespace="nn",
    samples=lambda rng: [
        Sample((rng.uniform(-2, 2, (4, 3)), rng.uniform(-2, 2, (4, 3)), _signs(rng, 4)), {"reduction": r, "margin": m})
        for r, m in (("mean", 0.0), ("sum", 0.2), ("none", 0.0))
    ],
    reference=_embedding_reference,
    smooth=False,
)
def cosine_embedding(
    x1: TensorLike, x2: TensorLike, target: TensorLike, margin: float = 0.0, reduction: Reduction = "mean"
) -> Tensor:
    """1 less the cosine of the angle between vectors where target is 1, and by how much the cosine exceeds ``margin``
    where target is -1.

    Arguments: ``x1``: vectors (..., d); ``x2``: vectors of x1's shape; ``target``: 1 or -1, (...); ``margin``: as
    above; ``reduction``: "mean", "sum" or "none"
    Dtypes: float
    Shapes: (..., d), (..., d), (...) -> 0-d, or (...) where reduction is "none"
    Edges: cosine_embedding([0.0, 0.0], [1.0, 1.0], 1.0) = 1.0
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.nn.cosine_embedding([[3.0, 4.0]], [[1.0, 0.0]], [1.0]) -> 0.4
    Source: as torch.nn.functional.cosine_embedding_loss
    """
    name = "cosine_embedding"
    x, y, t = operands(name, (x1, x2, target), "float")
    axis_of(name, -1, x.ndim, [x, y, t])
    if x.shape != y.shape or t.shape != x.shape[:-1]:
        shapes = ", ".join(format_shape(v.shape) for v in (x, y, t))
        fail(ShapeError, name, f"x1, x2 and target have shapes {shapes}, not (.., d), (.., d) and (..)", [x, y, t])
    one, other = (rsqrt(sum_(square(v), axis=-1) + 1e-12) for v in (x, y))
    cos = sum_(x * y, axis=-1) * one * other
    return reduced(name, where(greater(t, 0), 1 - cos, relu(cos - margin)), reduction)


def _distance_reference(x: Any, y: Any, p: float = 2.0, eps: float = 1e-6, keepdims: bool = False) -> Any:
    return np.linalg.norm(x - y + eps, p, -1, keepdims)


@composite(
    namespace="nn",
    samples=lambda rng: [
        Sample((rng.uniform(-2, 2, (4, 3)), rng.uniform(-2, 2, (4, 3))), {"p": p, "keepdims": k})
        for p, k in ((2.0, False), (1.0, True), (3.0, False), (np.inf, False))
    ],
    reference=_distance_reference,
    smooth=False,
)
def pairwise_distance(
    x1: TensorLike, x2: TensorLike, p: float = 2.0, eps: float = 1e-6, keepdims: bool = False
) -> Tensor:
    """The ``p``-norm of x1 - x2 + eps along the last axis.

    Arguments: ``x1``: vectors (..., d); ``x2``: vectors, which broadcast with x1; ``p``: of the norm; ``eps``: added to
    each difference; ``keepdims``: whether the last axis stays, of size 1
    Dtypes: float
    Shapes: (..., d), (..., d) -> (...)
    Edges: pairwise_distance([nan], [1.0]) = nan
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.nn.pairwise_distance([[3.0, 4.0]], [[0.0, 0.0]], eps=0.0) -> [5.0]
    Source: as torch.nn.functional.pairwise_distance
    """
    x, y = _met("pairwise_distance", x1, x2)
    axis_of("pairwise_distance", -1, max(x.ndim, y.ndim), [x, y])
    return norm(x - y + eps, ord=p, axis=-1, keepdims=keepdims)


def _triplet_reference(
    a: Any,
    positive: Any,
    negative: Any,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: str = "mean",
) -> Any:
    near, far = (_distance_reference(a, v, p, eps) for v in (positive, negative))
    far = np.minimum(far, _distance_reference(positive, negative, p, eps)) if swap else far
    return numpy_reduced(np.maximum(near - far + margin, 0), reduction)


@composite(
    namespace="nn",
    samples=lambda rng: [
        Sample(tuple(rng.uniform(-1, 1, (4, 3)) for _ in range(3)), {"reduction": r, "margin": 2.5, **more})
        for r, more in (("mean", {}), ("sum", {"p": 1.0, "swap": True}), ("none", {"eps": 0.01}))
    ],
    reference=_triplet_reference,
    smooth=False,
)
def triplet_margin(
    anchor: TensorLike,
    positive: TensorLike,
    negative: TensorLike,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: Reduction = "mean",
) -> Tensor:
    """How much an anchor's pairwise_distance to the positive falls short of being ``margin`` less than that to the
    negative. ``swap``: the negative's is the lesser of those to anchor and positive (Balntas et al. 2016).

    Arguments: ``anchor``: vectors (..., d); ``positive``: alike; ``negative``: alike; ``margin``: as above; ``p``: of
    the norm; ``eps``: added to each difference; ``swap``: as above; ``reduction``: "mean", "sum" or "none"
    Dtypes: float
    Shapes: (..., d) three times -> 0-d, or (...) where reduction is "none"
    Edges: triplet_margin([nan], [0.0], [0.0]) = nan
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.nn.triplet_margin([[0.0, 0.0]], [[3.0, 4.0]], [[0.0, 5.0]], eps=0.0) -> 1.0
    Source: Schroff et al. 2015, arXiv:1503.03832
    """
    name = "triplet_margin"
    a, near, far = _met(name, anchor, positive, negative)
    to_negative = pairwise_distance(a, far, p, eps)
    if swap:
        to_negative = minimum(to_negative, pairwise_distance(near, far, p, eps))
    return reduced(name, relu(pairwise_distance(a, near, p, eps) - to_negative + margin), reduction)


@composite(
    namespace="nn",
    samples=lambda rng: [
        Sample((rng.uniform(-2, 2, 5), rng.uniform(-2, 2, 5), _signs(rng, 5)), {"reduction": r, "margin": m})
        for r, m in (("mean", 0.0), ("sum", 0.7), ("none", 0.3))
    ],
    reference=lambda x, y, t, margin=0.0, reduction="mean": numpy_reduced(
        np.maximum(margin - t * (x - y), 0), reduction
    ),
    smooth=False,
)
def margin_ranking(
    x1: TensorLike, x2: TensorLike, target: TensorLike, margin: float = 0.0, reduction: Reduction = "mean"
) -> Tensor:
    """How much x1 falls short of being ``margin`` above x2 where target is 1, below it where target is -1.

    Arguments: ``x1``: scores; ``x2``: scores; ``target``: 1 or -1; ``margin``: as above; ``reduction``: "mean", "sum"
    or "none"
    Dtypes: float
    Shapes: the operands broadcast; 0-d, or that shape where reduction is "none"
    Edges: margin_ranking([nan], [0.0], [1.0]) = nan
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.nn.margin_ranking([1.0, 2.0], [3.0, 1.0], [1.0, 1.0]) -> 1.0
    Source: as torch.nn.functional.margin_ranking_loss
    """
    x, y, t = _met("margin_ranking", x1, x2, target)
    return reduced("margin_ranking", relu(margin - t * (x - y)), reduction)
