"""Random configurations of functions of ``gd.nn`` beside those of torch.nn.functional, for sweep_torch.py.

``CASES[name](rng)`` draws one. Owns: what is drawn. Numbers stay off kinks and ties with probability 1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

import graphdiff as gd

Rng = np.random.Generator


@dataclass
class Case:
    """Arrays (float64 ones are differentiated), the function here and torch's; ``named``: axes of the first array that
    have names; ``order``: how many derivatives torch has; ``tolerance``: of the differences, more where torch computes
    with constants of float32; ``same``: by array, its axis that has the name of the first one's first."""

    arrays: Sequence[np.ndarray]
    ours: Callable[..., gd.Tensor]
    theirs: Callable[..., torch.Tensor]
    told: object = None
    named: Sequence[int] = ()
    order: int = 2
    tolerance: float = 1e-9
    same: dict[int, int] = field(default_factory=dict)

    def shape_of(self, i: int) -> tuple[Any, ...]:
        shape = self.arrays[i].shape
        if i == 0:
            return tuple(f"n{k}" if k in self.named else s for k, s in enumerate(shape))
        if 0 in self.named and i in self.same:
            return tuple("n0" if k == self.same[i] else s for k, s in enumerate(shape))
        return shape


CASES: dict[str, Callable[[Rng], Case]] = {}


def case(draw: Callable[[Rng], Case]) -> Callable[[Rng], Case]:
    CASES[draw.__name__] = draw
    return draw


def shape(rng: Rng, low: int = 1, high: int = 4, most: int = 5) -> tuple[int, ...]:
    return tuple(int(s) for s in rng.integers(1, most, int(rng.integers(low, high + 1))))


def normal(rng: Rng, s: Sequence[int]) -> np.ndarray:
    return rng.normal(size=tuple(s)) * 2


def pick(rng: Rng, *options: Any) -> Any:
    return options[int(rng.integers(len(options)))]


def some(rng: Rng, axes: int) -> tuple[int, ...]:
    """Which axes have names: none as often as any."""
    return tuple(i for i in range(axes) if rng.random() < 0.4) if rng.random() < 0.5 else ()


# --------------------------------------------------------------------------------------- activations


def _elementwise(
    name: str, theirs: Callable[..., Any], tolerance: float = 1e-9, **arguments: Callable[[Rng], Any]
) -> None:
    def draw(rng: Rng) -> Case:
        kwargs = {k: a(rng) for k, a in arguments.items()}
        x = normal(rng, shape(rng))
        ours, named = getattr(gd.nn, name), some(rng, x.ndim)
        return Case([x], lambda x: ours(x, **kwargs), lambda x: theirs(x, **kwargs), kwargs, named, 2, tolerance)

    CASES[name] = draw


def _between(low: float, high: float) -> Callable[[Rng], float]:
    return lambda rng: float(rng.uniform(low, high))


for _name in ("relu6", "hardswish", "mish", "softsign", "tanhshrink", "relu", "sigmoid", "softplus", "silu", "selu"):
    _elementwise(_name, getattr(F, _name))
_elementwise("log_sigmoid", F.logsigmoid)
_elementwise("hard_sigmoid", F.hardsigmoid, 1e-7)
_elementwise("hardtanh", F.hardtanh, min_val=_between(-2, 0), max_val=_between(0.1, 2))
_elementwise("hardshrink", F.hardshrink, lambd=_between(0.1, 1))
_elementwise("softshrink", F.softshrink, lambd=_between(0.1, 1))
_elementwise("celu", F.celu, 1e-6, alpha=_between(0.2, 2))
_elementwise("elu", F.elu, alpha=_between(0.2, 2))
_elementwise("leaky_relu", F.leaky_relu, negative_slope=_between(0, 0.5))
_elementwise("gelu", F.gelu, approximate=lambda rng: pick(rng, "none", "tanh"))


@case
def glu(rng: Rng) -> Case:
    s = list(shape(rng))
    axis = int(rng.integers(-len(s), len(s)))
    s[axis] *= 2
    named = tuple(i for i in some(rng, len(s)) if i != axis % len(s))
    return Case([normal(rng, s)], lambda x: gd.nn.glu(x, axis), lambda x: F.glu(x, axis), axis, named)


@case
def softmin(rng: Rng) -> Case:
    s = shape(rng)
    axis = int(rng.integers(-len(s), len(s)))
    return Case(
        [normal(rng, s)], lambda x: gd.nn.softmin(x, axis), lambda x: F.softmin(x, axis), axis, some(rng, len(s))
    )


@case
def prelu(rng: Rng) -> Case:
    s = shape(rng, 2)
    w = rng.uniform(0, 1, pick(rng, s[1], 1))
    named = tuple(i for i in some(rng, len(s)) if i != 1)
    return Case([normal(rng, s), w], gd.nn.prelu, F.prelu, None, named)


# --------------------------------------------------------------------------------------- losses


def _reduction(rng: Rng) -> dict[str, Any]:
    return {"reduction": pick(rng, "mean", "sum", "none")}


def _pairs(
    name: str,
    theirs: Callable[..., Any],
    target: Callable[[Rng, Sequence[int]], np.ndarray],
    ranks: tuple[int, int] = (1, 4),
    **arguments: Callable[[Rng], Any],
) -> None:
    def draw(rng: Rng) -> Case:
        kwargs = _reduction(rng) | {k: a(rng) for k, a in arguments.items()}
        s = shape(rng, *ranks)
        ours = getattr(gd.nn, name)
        return Case(
            [normal(rng, s), target(rng, s)],
            lambda x, t: ours(x, t, **kwargs),
            lambda x, t: theirs(x, t, **kwargs),
            kwargs,
            named=(0,) if rng.random() < 0.5 else (),
            same={1: 0},
        )

    CASES[name] = draw


def signs(rng: Rng, s: Sequence[int]) -> np.ndarray:
    """1 and -1 as a float32 array: not differentiated, and converted by torch as here."""
    return rng.choice([-1.0, 1.0], tuple(s)).astype(np.float32)


def shares(rng: Rng, s: Sequence[int]) -> np.ndarray:
    return rng.uniform(0.05, 0.95, tuple(s))


_pairs("mse", F.mse_loss, normal)
_pairs("l1", F.l1_loss, normal)
_pairs("huber", F.huber_loss, normal, delta=_between(0.2, 2))
_pairs("smooth_l1", F.smooth_l1_loss, normal, beta=_between(0.2, 2))
_pairs("hinge_embedding", F.hinge_embedding_loss, signs, margin=_between(0, 2))
_pairs("soft_margin", F.soft_margin_loss, signs)
_pairs("binary_cross_entropy_with_logits", F.binary_cross_entropy_with_logits, shares)
_pairs("multilabel_soft_margin", F.multilabel_soft_margin_loss, shares, (2, 2))
_pairs("poisson_nll", F.poisson_nll_loss, lambda rng, s: np.abs(normal(rng, s)), full=lambda rng: bool(rng.integers(2)))


@case
def kl_div(rng: Rng) -> Case:
    s, r, log_target = shape(rng), pick(rng, "mean", "sum", "none"), bool(rng.integers(2))
    t = normal(rng, s) if log_target else shares(rng, s)
    return Case(
        [normal(rng, s), t],
        lambda x, t: gd.nn.kl_div(x, t, r, log_target),
        lambda x, t: F.kl_div(x, t, reduction=r, log_target=log_target),
        (r, log_target),
    )


@case
def gaussian_nll(rng: Rng) -> Case:
    s, kwargs = shape(rng), _reduction(rng) | {"full": bool(rng.integers(2))}
    var = rng.uniform(0.1, 2, pick(rng, s, (*s[:-1], 1), s[:-1]))
    arrays = [normal(rng, s), normal(rng, s), var]
    return Case(
        arrays,
        lambda *xs: gd.nn.gaussian_nll(*xs, **kwargs),
        lambda *xs: F.gaussian_nll_loss(*xs, **kwargs),
        (var.shape, kwargs),
    )


@case
def multi_margin(rng: Rng) -> Case:
    n, c = (int(k) for k in rng.integers(1, 6, 2))
    kwargs = _reduction(rng) | {"p": pick(rng, 1, 2), "margin": float(rng.uniform(0.1, 2))}
    weight = rng.uniform(0.1, 2, c) if rng.random() < 0.5 else None
    t = rng.integers(0, c, n)
    return Case(
        [normal(rng, (n, c)), t],
        lambda x, t: gd.nn.multi_margin(x, t, weight=weight, **kwargs),
        lambda x, t: F.multi_margin_loss(x, t, weight=None if weight is None else torch.tensor(weight), **kwargs),
        kwargs,
        named=(0,) if rng.random() < 0.5 else (),
        order=1,
        same={1: 0},
    )


@case
def cross_entropy(rng: Rng) -> Case:
    n, c = (int(k) for k in rng.integers(1, 6, 2))
    inner = shape(rng, 0, 2)
    kwargs = _reduction(rng) | {"label_smoothing": pick(rng, 0.0, 0.2)}
    weight = rng.uniform(0.1, 2, c) if rng.random() < 0.5 else None
    t = rng.integers(0, c, (n, *inner))
    return Case(
        [normal(rng, (n, c, *inner)), t],
        lambda x, t: gd.nn.cross_entropy(x, t, weight=weight, axis=1, ignore_index=-1, **kwargs),
        lambda x, t: F.cross_entropy(
            x, t, weight=None if weight is None else torch.tensor(weight), ignore_index=-1, **kwargs
        ),
        kwargs,
        named=(0,) if rng.random() < 0.5 else (),
        same={1: 0},
    )


@case
def cosine_similarity(rng: Rng) -> Case:
    s = shape(rng)
    other = tuple(pick(rng, k, 1) if i else k for i, k in enumerate(s)) if len(s) > 1 else s
    axis = int(rng.integers(-len(s), len(s)))
    return Case(
        [normal(rng, s), normal(rng, other)],
        lambda x, y: gd.nn.cosine_similarity(x, y, axis),
        lambda x, y: F.cosine_similarity(x, y, axis),
        (other, axis),
    )


def _vectors(name: str, theirs: Callable[..., Any], count: int, **arguments: Callable[[Rng], Any]) -> None:
    def draw(rng: Rng) -> Case:
        kwargs = {k: a(rng) for k, a in arguments.items()}
        s = shape(rng, 2, 2)
        ours = getattr(gd.nn, name)
        theirs_kwargs = {{"keepdims": "keepdim"}.get(k, k): a for k, a in kwargs.items()}
        return Case(
            [normal(rng, s) for _ in range(count)],
            lambda *xs: ours(*xs, **kwargs),
            lambda *xs: theirs(*xs, **theirs_kwargs),
            kwargs,
            named=(0,) if rng.random() < 0.5 else (),
            same=dict.fromkeys(range(count), 0),
        )

    CASES[name] = draw


_vectors(
    "pairwise_distance",
    F.pairwise_distance,
    2,
    p=lambda rng: pick(rng, 1.0, 2.0, 3.0),
    keepdims=lambda rng: bool(rng.integers(2)),
)
_vectors(
    "triplet_margin",
    F.triplet_margin_loss,
    3,
    p=lambda rng: pick(rng, 1.0, 2.0, 3.0),
    margin=_between(0, 5),
    swap=lambda rng: bool(rng.integers(2)),
    reduction=lambda rng: pick(rng, "mean", "sum", "none"),
)


@case
def cosine_embedding(rng: Rng) -> Case:
    n, d = (int(k) for k in rng.integers((1, 2), 6))  # of one number the cosine is 1 or -1, and all else rounding
    kwargs = _reduction(rng) | {"margin": float(rng.uniform(-0.5, 0.5))}
    arrays = [normal(rng, (n, d)), normal(rng, (n, d)), signs(rng, (n,))]
    return Case(
        arrays,
        lambda *xs: gd.nn.cosine_embedding(*xs, **kwargs),
        lambda *xs: F.cosine_embedding_loss(*xs, **kwargs),
        kwargs,
    )


@case
def margin_ranking(rng: Rng) -> Case:
    s, kwargs = shape(rng), _reduction(rng) | {"margin": float(rng.uniform(0, 2))}
    return Case(
        [normal(rng, s), normal(rng, s), signs(rng, s)],
        lambda *xs: gd.nn.margin_ranking(*xs, **kwargs),
        lambda *xs: F.margin_ranking_loss(*xs, **kwargs),
        kwargs,
    )


def _focal(x: Any, t: Any, alpha: float | None, gamma: float, reduction: str) -> Any:
    """As torchvision.ops.sigmoid_focal_loss."""
    p = torch.sigmoid(x)
    loss = F.binary_cross_entropy_with_logits(x, t, reduction="none") * (1 - p * t - (1 - p) * (1 - t)) ** gamma
    loss = loss if alpha is None else (alpha * t + (1 - alpha) * (1 - t)) * loss
    return loss if reduction == "none" else loss.mean() if reduction == "mean" else loss.sum()


_pairs("focal", _focal, shares, alpha=lambda rng: pick(rng, None, 0.25, 0.7), gamma=_between(0, 3))


# --------------------------------------------------------------------------------------- tables, places, norms


@case
def embedding(rng: Rng) -> Case:
    rows, d = (int(k) for k in rng.integers(1, 6, 2))
    padding = int(rng.integers(-rows, rows)) if rng.random() < 0.5 else None
    ids = rng.integers(0, rows, shape(rng, 1, 3))
    return Case(
        [ids, normal(rng, (rows, d))],
        lambda i, w: gd.nn.embedding(i, w, padding),
        lambda i, w: F.embedding(i, w, padding),
        padding,
        some(rng, ids.ndim),
    )


@case
def embedding_bag(rng: Rng) -> Case:
    rows, d, bags, n = (int(k) for k in rng.integers(1, 6, 4))
    mode, padding = pick(rng, "mean", "sum", "max"), int(rng.integers(rows)) if rng.random() < 0.5 else None
    weight = normal(rng, (rows, d))
    how = {"mode": mode, "padding_idx": padding}
    share = [rng.uniform(-1, 1, n)] if mode == "sum" and rng.random() < 0.5 else []
    if mode == "max":  # of equal rows torch moves the first, here all share
        ids = np.stack([rng.permutation(rows) for _ in range(bags)])
        return Case(
            [ids, weight],
            lambda i, w: gd.nn.embedding_bag(i, w, **how),
            lambda i, w: F.embedding_bag(i, w, **how),
            how,
            order=1,
        )
    ids = rng.integers(0, rows, n)
    offsets = np.sort(np.concatenate([[0], rng.integers(0, n + 1, bags - 1)])).astype(np.int64)
    return Case(
        [ids, weight, offsets, *share],
        lambda i, w, o, *p: gd.nn.embedding_bag(i, w, o, per_sample_weights=p[0] if p else None, **how),
        lambda i, w, o, *p: F.embedding_bag(i, w, o, per_sample_weights=p[0] if p else None, **how),
        (how, offsets),
        named=(0,) if rng.random() < 0.5 else (),
        same={3: 0},
        order=1,
    )


@case
def pixel_shuffle(rng: Rng) -> Case:
    r = int(rng.integers(1, 4))
    n, c, h, w = (int(k) for k in rng.integers(1, 4, 4))
    x = normal(rng, (n, c * r * r, h, w))
    named = tuple(i for i in some(rng, 4) if i != 1)
    return Case([x], lambda x: gd.nn.pixel_shuffle(x, r), lambda x: F.pixel_shuffle(x, r), r, named)


@case
def pixel_unshuffle(rng: Rng) -> Case:
    r = int(rng.integers(1, 4))
    n, c, h, w = (int(k) for k in rng.integers(1, 4, 4))
    x = normal(rng, (n, c, h * r, w * r))
    return Case([x], lambda x: gd.nn.pixel_unshuffle(x, r), lambda x: F.pixel_unshuffle(x, r), r, (0,) * (r % 2))


@case
def instance_norm(rng: Rng) -> Case:
    s = list(shape(rng, 3, 5))
    s[-1] += 1
    vectors = [rng.uniform(0.5, 2, s[1]) for _ in range(4)]
    if rng.random() < 0.5:
        return Case(
            [normal(rng, s), *vectors[2:]],
            lambda x, w, b: gd.nn.instance_norm(x, weight=w, bias=b),
            lambda x, w, b: F.instance_norm(x, weight=w, bias=b),
            s,
            tuple(i for i in some(rng, len(s)) if i != 1),
        )
    return Case(
        [normal(rng, s), *vectors[2:]],
        lambda x, w, b: gd.nn.instance_norm(x, *vectors[:2], w, b, use_input_stats=False),
        lambda x, w, b: F.batch_norm(x, *map(torch.tensor, vectors[:2]), w, b),
        s,
    )


@case
def local_response_norm(rng: Rng) -> Case:
    s, size = shape(rng, 3, 4), int(rng.integers(1, 6))
    kwargs = {"alpha": float(rng.uniform(0, 1)), "beta": float(rng.uniform(0.3, 1)), "k": float(rng.uniform(0.5, 2))}
    named = tuple(i for i in some(rng, len(s)) if i != 1)
    return Case(
        [normal(rng, s)],
        lambda x: gd.nn.local_response_norm(x, size, **kwargs),
        lambda x: F.local_response_norm(x, size, **kwargs),
        (size, kwargs),
        named,
    )
