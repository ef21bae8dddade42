"""Rules of JAX's primitives on whole arrays: shapes, reductions, products, sorting."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import graphdiff as gd

from ...ops.tensor import Tensor
from .integers import carrier
from .rules import Params, one, rule

# ------------------------------------------------------------------ shapes


@one("reshape")
def _reshape(params: Params, x: Tensor) -> Tensor:
    if params["dimensions"] is not None:
        x = gd.permute_dims(x, ints(params["dimensions"]))
    return gd.reshape(x, ints(params["new_sizes"]))


def ints(sizes: Any) -> tuple[int, ...]:
    return tuple(int(s) for s in sizes)


@one("transpose")
def _transpose(params: Params, x: Tensor) -> Tensor:
    return gd.permute_dims(x, ints(params["permutation"]))


@one("squeeze")
def _squeeze(params: Params, x: Tensor) -> Tensor:
    gone = ints(params["dimensions"])
    return gd.reshape(x, tuple(s for d, s in enumerate(x.shape) if d not in gone))


@one("expand_dims")
def _expand_dims(params: Params, x: Tensor) -> Tensor:
    return gd.expand_dims(x, ints(params["dimensions"]))


@one("broadcast_in_dim")
def _broadcast_in_dim(params: Params, x: Tensor, *sizes: Tensor) -> Tensor:
    shape, at = ints(params["shape"]), ints(params["broadcast_dimensions"])
    along = [1] * len(shape)
    for d, s in zip(at, x.shape):
        along[d] = int(s)
    return gd.broadcast_to(gd.reshape(x, tuple(along)), shape)


@rule("iota")
def _iota(params: Params, xs: list[Tensor], outs: Sequence[Any]) -> list[Tensor]:
    shape, d = ints(params["shape"]), params["dimension"]
    along = [1] * len(shape)
    along[d] = shape[d]
    return [gd.broadcast_to(gd.constant(np.arange(shape[d], dtype=carrier(params["dtype"])).reshape(along)), shape)]


@one("slice")
def _slice(params: Params, x: Tensor) -> Tensor:
    steps = params["strides"] or (1,) * x.ndim
    return x[
        tuple(slice(int(a), int(b), int(s)) for a, b, s in zip(params["start_indices"], params["limit_indices"], steps))
    ]


@one("rev")
def _rev(params: Params, x: Tensor) -> Tensor:
    return gd.flip(x, axis=ints(params["dimensions"]))


@rule("concatenate")
def _concatenate(params: Params, xs: list[Tensor], outs: Sequence[Any]) -> list[Tensor]:
    return [gd.concat(xs, axis=params["dimension"])]


@rule("split")
def _split(params: Params, xs: list[Tensor], outs: Sequence[Any]) -> list[Tensor]:
    return gd.split(xs[0], list(ints(params["sizes"])), axis=params["axis"])


@rule("stack")
def _stack(params: Params, xs: list[Tensor], outs: Sequence[Any]) -> list[Tensor]:
    return [gd.stack(xs, axis=params["axis"])]


@rule("unstack")
def _unstack(params: Params, xs: list[Tensor], outs: Sequence[Any]) -> list[Tensor]:
    return list(gd.unstack(xs[0], axis=params["axis"]))


@rule("empty", "empty2")
def _empty(params: Params, xs: list[Tensor], outs: Sequence[Any]) -> list[Tensor]:
    return [gd.zeros(ints(v.aval.shape), carrier(v.aval.dtype)) for v in outs]


@one("zeros_like")
def _zeros_like(params: Params, x: Tensor) -> Tensor:
    return gd.zeros_like(x)


@one("tile")
def _tile(params: Params, x: Tensor) -> Tensor:
    return gd.tile(x, ints(params["reps"]))


@one("pad")
def _pad(params: Params, x: Tensor, value: Tensor) -> Tensor:
    return padded(x, [ints(c) for c in params["padding_config"]], value)


def padded(x: Tensor, config: Sequence[tuple[int, ...]], value: Tensor) -> Tensor:
    """XLA's padding: (low, high, interior) along each axis; negative low and high cut off."""

    def block(x: Tensor, axis: int, n: int) -> Tensor:
        shape = tuple(n if d == axis else s for d, s in enumerate(x.shape))
        return gd.broadcast_to(value, shape)

    for axis, (low, high, interior) in enumerate(config):
        n = int(x.shape[axis])
        if interior and n > 1:
            apart = gd.reshape(x, (*x.shape[: axis + 1], 1, *x.shape[axis + 1 :]))
            gaps = gd.broadcast_to(value, (*x.shape[: axis + 1], interior, *x.shape[axis + 1 :]))
            wide = gd.concat([apart, gaps], axis=axis + 1)
            x = gd.reshape(wide, (*x.shape[:axis], n * (interior + 1), *x.shape[axis + 1 :]))
            x = _cut(x, axis, 0, n * (interior + 1) - interior)
        n = int(x.shape[axis])
        if -low > n:  # what is cut off beyond its end is of the other padding
            low, high = -n, high + low + n
        if -high > n:
            low, high = low + high + n, -n
        if low < 0 or high < 0:
            x = _cut(x, axis, max(-low, 0), n - max(-high, 0))
        ends = [block(x, axis, end) if end > 0 else None for end in (low, high)]
        pieces = [piece for piece in (ends[0], x, ends[1]) if piece is not None]
        x = gd.concat(pieces, axis=axis) if len(pieces) > 1 else x
    return x


def _cut(x: Tensor, axis: int, start: int, stop: int) -> Tensor:
    return x[tuple(slice(start, stop) if d == axis else slice(None) for d in range(x.ndim))]


# ------------------------------------------------------------------ reductions


def _reduced(f: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def build(params: Params, x: Tensor) -> Tensor:
        axes = ints(params["axes"])
        return f(x, axis=axes) if axes else x

    return build


def _bitwise(of_bool: Callable[..., Tensor], of_bits: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    def build(params: Params, x: Tensor) -> Tensor:
        axes = ints(params["axes"])
        if x.dtype.kind == "b" and axes:
            return of_bool(x, axis=axes)
        for axis in sorted(axes, reverse=True):
            pieces = [x[(slice(None),) * axis + (k,)] for k in range(int(x.shape[axis]))]
            x = functools.reduce(of_bits, pieces)
        return x

    return build


def _too_long(params: Params, avals: Sequence[Any]) -> str:
    n = math.prod(avals[0].shape[d] for d in params["axes"])
    if avals[0].dtype.kind == "b" and n:
        return ""
    return f"of integers over {n} elements" if not 0 < n <= 1024 else ""


def _odd(x: Tensor, axis: tuple[int, ...]) -> Tensor:
    return gd.bitwise_and(gd.sum(gd.astype(x, "int64"), axis=axis), 1) == 1


one("reduce_sum")(_reduced(gd.sum))
one("reduce_max")(_reduced(gd.max))
one("reduce_min")(_reduced(gd.min))
one("reduce_prod")(_reduced(gd.prod))
one("reduce_and", refuses=_too_long)(_bitwise(gd.all, gd.bitwise_and))
one("reduce_or", refuses=_too_long)(_bitwise(gd.any, gd.bitwise_or))
one("reduce_xor", refuses=_too_long)(_bitwise(_odd, gd.bitwise_xor))


def _extreme(f: Callable[..., Tensor]) -> Callable[..., Tensor]:
    return lambda params, x: gd.astype(f(x, axis=int(params["axes"][0])), carrier(params["index_dtype"]))


one("argmax")(_extreme(gd.argmax))
one("argmin")(_extreme(gd.argmin))


def _running(f: Callable[..., Tensor]) -> Callable[..., Tensor]:
    return lambda params, x: f(x, axis=params["axis"], reverse=params["reverse"])


one("cumsum")(_running(gd.cumsum))
one("cumprod")(_running(gd.cumprod))
one("cummax")(_running(gd.cummax))
one("cummin")(_running(gd.cummin))


@one("cumlogsumexp")
def _cumlogsumexp(params: Params, x: Tensor) -> Tensor:
    axis, reverse = params["axis"], params["reverse"]
    top = gd.stop_gradient(gd.max(x, axis=axis, keepdims=True))
    top = gd.where(gd.isfinite(top), top, gd.zeros_like(top))
    return gd.log(gd.cumsum(gd.exp(x - top), axis=axis, reverse=reverse)) + top


# ------------------------------------------------------------------ products


@rule("dot_general")
def _dot_general(params: Params, xs: list[Tensor], outs: Sequence[Any]) -> list[Tensor]:
    (left, right), (left_batch, right_batch) = params["dimension_numbers"]
    dtype = carrier(outs[0].aval.dtype)
    of_bool = dtype.kind == "b"
    x, y = (gd.astype(v, "int32" if of_bool else dtype) for v in xs)
    left, right, left_batch, right_batch = (ints(d) for d in (left, right, left_batch, right_batch))
    left_free = [d for d in range(x.ndim) if d not in left and d not in left_batch]
    right_free = [d for d in range(y.ndim) if d not in right and d not in right_batch]
    batch = [int(x.shape[d]) for d in left_batch]
    rows, columns = [int(x.shape[d]) for d in left_free], [int(y.shape[d]) for d in right_free]
    n = math.prod(int(x.shape[d]) for d in left)
    a = gd.reshape(gd.permute_dims(x, (*left_batch, *left_free, *left)), (*batch, math.prod(rows), n))
    b = gd.reshape(gd.permute_dims(y, (*right_batch, *right, *right_free)), (*batch, n, math.prod(columns)))
    found = gd.reshape(gd.matmul(a, b), (*batch, *rows, *columns))
    return [found > 0 if of_bool else found]


# ------------------------------------------------------------------ order


@rule("sort")
def _sort(params: Params, xs: list[Tensor], outs: Sequence[Any]) -> list[Tensor]:
    axis = params["dimension"]
    if len(xs) == 1:
        return [gd.sort(xs[0], axis=axis)]
    order: Tensor | None = None
    for key in reversed(xs[: params["num_keys"]]):  # the last key first: argsort keeps the order of equals
        here = key if order is None else gd.take_along_axis(key, order, axis=axis)
        found = gd.argsort(here, axis=axis)
        order = found if order is None else gd.take_along_axis(order, found, axis=axis)
    assert order is not None
    return [gd.take_along_axis(x, order, axis=axis) for x in xs]


@rule("approx_top_k", refuses=lambda p, avals: "that is not put together" if not p["aggregate_to_topk"] else "")
def _approx_top_k(params: Params, xs: list[Tensor], outs: Sequence[Any]) -> list[Tensor]:
    x, sign = xs[0], 1 if params["is_max_k"] else -1
    values, places = gd.topk(x * sign, params["k"], axis=params["reduction_dimension"])
    return [values * sign, gd.astype(places, carrier(outs[1].aval.dtype))]


@rule("top_k")
def _top_k(params: Params, xs: list[Tensor], outs: Sequence[Any]) -> list[Tensor]:
    values, places = gd.topk(xs[0], params["k"], axis=params.get("axis", -1))
    return [values, gd.astype(places, carrier(outs[1].aval.dtype))]
