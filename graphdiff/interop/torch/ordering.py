"""Rules of ATen's operators on order, running extremes, what is reduced where it is scattered, and pools with places.

Source of adaptive pools: cell i of o over n elements has those from floor(i n / o) to ceil((i + 1) n / o).
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np

import graphdiff as gd

from ...ops.tensor import Tensor
from .arrays import gathered, numbered
from .rules import Scalar, at_axis, rule

# ------------------------------------------------------------------ order


def _kept(values: Tensor, where: Tensor, dim: int, keepdim: bool) -> list[Tensor]:
    return [values, where] if keepdim else [gd.squeeze(values, axis=dim), gd.squeeze(where, axis=dim)]


@rule("kthvalue.default")
def _kth(x: Tensor, k: int, dim: int = -1, keepdim: bool = False) -> list[Tensor]:
    where = at_axis(gd.argsort(x, axis=dim), dim, slice(k - 1, k))
    return _kept(gd.take_along_axis(x, where, axis=dim), where, dim, keepdim)


@rule("median.dim")
def _median(x: Tensor, dim: int, keepdim: bool = False) -> list[Tensor]:
    return _kth(x, (int(x.shape[dim]) + 1) // 2, dim, keepdim)  # of two in the middle the lower


@rule("median.default")
def _median_of_all(x: Tensor) -> Tensor:
    return _median(gd.reshape(x, (-1,)), 0)[0]


def _running(f: Callable[..., Tensor]) -> Callable[..., list[Any]]:
    return lambda x, dim: [f(x, axis=dim), None]


rule("cummax.default")(_running(gd.cummax))
rule("cummin.default")(_running(gd.cummin))
rule("logcumsumexp.default")(lambda x, dim: gd.logcumsumexp(x, axis=dim))


@rule("searchsorted.Tensor", refuses=lambda edges, *rest, **options: "" if edges.ndim == 1 else "in several rows")
def _searchsorted(edges: Tensor, x: Tensor, *, right: bool = False, side: str | None = None, **options: Any) -> Tensor:
    place: Literal["left", "right"] = "right" if right or side == "right" else "left"
    found = gd.searchsorted(edges, gd.reshape(x, (-1,)), side=place)
    return gd.reshape(gd.astype(found, "int64"), x.shape)


@rule("bucketize.Tensor")
def _bucketize(x: Tensor, edges: Tensor, *, right: bool = False, **options: Any) -> Tensor:
    return _searchsorted(edges, x, right=right)


# ------------------------------------------------------------------ scattered and reduced


def _unknown(x: Any, dim: int, index: Any, source: Any, reduce: str, **options: Any) -> str:
    return "" if reduce in ("sum", "mean", "amax", "amin") else f"by {reduce}"


@rule("scatter_reduce.two", refuses=_unknown)
def _scatter_reduce(
    x: Tensor, dim: int, index: Tensor, source: Tensor, reduce: str, *, include_self: bool = True
) -> Tensor:
    for d in range(x.ndim):
        source = at_axis(source, d, slice(0, index.shape[d])) if source.shape[d] != index.shape[d] else source
    places = gd.reshape(gathered(numbered(x), dim, index), (-1,))
    flat, values = gd.reshape(x, (-1,)), gd.reshape(source, (-1,))
    n = flat.shape[0]
    count = gd.scatter_add(gd.zeros((n,), x.dtype), places, gd.ones(places.shape, x.dtype))
    begin = flat if include_self else gd.where(count > 0, 0, flat)
    if reduce in ("sum", "mean"):
        found = gd.scatter_add(begin, places, values)
        total = count + 1 if include_self else gd.maximum(count, 1)
        return gd.reshape(found / total if reduce == "mean" else found, x.shape)
    sign = 1 if reduce == "amax" else -1
    top = gd.segment_max(sign * values, places, int(n)) * sign
    if include_self:
        top = gd.where(count > 0, gd.maximum(sign * top, sign * flat) * sign, flat)
    top = gd.stop_gradient(gd.where(count > 0, top, flat))
    mine = gd.astype(flat == top, x.dtype) if include_self else gd.zeros_like(flat)
    theirs = gd.astype(values == gd.take(top, places), x.dtype)  # those that are largest share the derivative
    shares = gd.maximum(gd.scatter_add(mine, places, theirs), 1)
    moved = gd.scatter_add(mine * (flat - top), places, theirs * (values - gd.take(top, places))) / shares
    return gd.reshape(gd.where(count > 0, top + moved, flat), x.shape)


def _odd_bag(weight: Any, ids: Any, offsets: Any, scale: Any = False, mode: int = 0, *rest: Any) -> str:
    if len(rest) > 1 and rest[1] is not None:
        return "with weights of its own"
    return "with padding" if len(rest) > 3 and rest[3] >= 0 else ""


@rule("_embedding_bag.default", "_embedding_bag_forward_only.default", refuses=_odd_bag)
def _embedding_bag(weight: Tensor, ids: Tensor, offsets: Tensor, scale: bool = False, mode: int = 0, *rest: Any) -> Any:
    if len(rest) > 2 and rest[2]:
        offsets = offsets[:-1]
    return [gd.nn.embedding_bag(ids, weight, offsets, mode=("sum", "mean", "max")[mode]), None, None, None]


# ------------------------------------------------------------------ pools with places


def _each(v: Any, n: int) -> tuple[int, ...]:
    given = (v,) if isinstance(v, int) else tuple(v)
    return given * n if len(given) == 1 else given


def _pool_with_places(n: int) -> None:
    @rule(f"max_pool{n}d_with_indices.default")
    def build(
        x: Tensor, size: Any, stride: Any = (), padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False
    ) -> list[Tensor]:
        shape = [int(s) for s in x.shape[-n:]]
        numbers = np.arange(np.prod(shape)).reshape(shape)
        slices = []
        before = [(0, 0)] * (x.ndim - n)
        ends = []
        for length, w, s, p, d in zip(shape, *(_each(v, n) for v in (size, stride or size, padding, dilation))):
            free = length + 2 * p - d * (w - 1) - 1
            count = (-(-free // s) if ceil_mode else free // s) + 1
            if ceil_mode and (count - 1) * s >= length + p:
                count -= 1  # the last window begins inside
            ends.append((p, max((count - 1) * s + d * (w - 1) + 1 - length - p, 0)))
            slices.append([slice(k * d, k * d + (count - 1) * s + 1, s) for k in range(w)])
        wide = gd.pad(x, [*before, *ends], constant_values=-np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min)
        wide_numbers = np.pad(numbers, ends)
        windows, places = [], []
        for at in itertools.product(*slices):
            windows.append(wide[(..., *at)])
            places.append(wide_numbers[at])
        picked = gd.argmax(gd.stack(windows), axis=0)
        values = functools.reduce(lambda a, b: gd.where(gd.logical_or(a >= b, a != a), a, b), windows)
        where = gd.zeros_like(picked)
        for k, p in enumerate(places):
            where = gd.where(picked == k, gd.constant(p), where)
        return [values, where]


for _n in (1, 2, 3):
    _pool_with_places(_n)


def _adaptive_max(n: int) -> Callable[..., list[Any]]:
    def build(x: Tensor, size: Sequence[int]) -> list[Any]:
        for axis, cells in zip(range(x.ndim - n, x.ndim), size):
            length = int(x.shape[axis])
            edges = [(i * length // cells, -(-(i + 1) * length // cells)) for i in range(cells)]
            x = gd.stack([gd.max(at_axis(x, axis, slice(*e)), axis=axis) for e in edges], axis=axis)
        return [x, None]

    return build


for _n in (1, 2, 3):
    rule(f"adaptive_max_pool{_n}d.default")(_adaptive_max(_n))


@rule("_trilinear.default")
def _trilinear(
    a: Tensor,
    b: Tensor,
    c: Tensor,
    da: Sequence[int],
    db: Sequence[int],
    dc: Sequence[int],
    gone: Sequence[int],
    *r: Any,
) -> Tensor:
    xs = []
    for x, added in ((a, da), (b, db), (c, dc)):
        for d in sorted(added):
            x = gd.expand_dims(x, d)
        xs.append(x)
    return gd.sum(xs[0] * xs[1] * xs[2], axis=tuple(gone))


@rule("round.decimals")
def _round(x: Tensor, *, decimals: Scalar) -> Tensor:
    return gd.round(x * 10.0**decimals) / 10.0**decimals
