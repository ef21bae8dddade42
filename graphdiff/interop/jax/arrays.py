"""Rules of JAX's primitives on whole arrays: shapes, reductions, products, convolutions, sorting, linear algebra."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import graphdiff as gd

from ...ops.linalg.solve import LU
from ...ops.tensor import Tensor, make
from .integers import carrier
from .rules import Params, one, rule

# ------------------------------------------------------------------ shapes


@one("reshape", refuses=lambda p, avals: "of permuted dimensions" if p["dimensions"] is not None else "")
def _reshape(params: Params, x: Tensor) -> Tensor:
    return gd.reshape(x, _ints(params["new_sizes"]))


def _ints(sizes: Any) -> tuple[int, ...]:
    return tuple(int(s) for s in sizes)


@one("transpose")
def _transpose(params: Params, x: Tensor) -> Tensor:
    return gd.permute_dims(x, _ints(params["permutation"]))


@one("squeeze")
def _squeeze(params: Params, x: Tensor) -> Tensor:
    gone = _ints(params["dimensions"])
    return gd.reshape(x, tuple(s for d, s in enumerate(x.shape) if d not in gone))


@one("expand_dims")
def _expand_dims(params: Params, x: Tensor) -> Tensor:
    return gd.expand_dims(x, _ints(params["dimensions"]))


@one("broadcast_in_dim")
def _broadcast_in_dim(params: Params, x: Tensor, *sizes: Tensor) -> Tensor:
    shape, at = _ints(params["shape"]), _ints(params["broadcast_dimensions"])
    along = [1] * len(shape)
    for d, s in zip(at, x.shape):
        along[d] = int(s)
    return gd.broadcast_to(gd.reshape(x, tuple(along)), shape)


@rule("iota")
def _iota(params: Params, xs: list[Tensor], outs: Sequence[Any]) -> list[Tensor]:
    shape, d = _ints(params["shape"]), params["dimension"]
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
    return gd.flip(x, axis=_ints(params["dimensions"]))


@rule("concatenate")
def _concatenate(params: Params, xs: list[Tensor], outs: Sequence[Any]) -> list[Tensor]:
    return [gd.concat(xs, axis=params["dimension"])]


@rule("split")
def _split(params: Params, xs: list[Tensor], outs: Sequence[Any]) -> list[Tensor]:
    return gd.split(xs[0], list(_ints(params["sizes"])), axis=params["axis"])


@one("tile")
def _tile(params: Params, x: Tensor) -> Tensor:
    return gd.tile(x, _ints(params["reps"]))


@one("pad")
def _pad(params: Params, x: Tensor, value: Tensor) -> Tensor:
    return padded(x, [_ints(c) for c in params["padding_config"]], value)


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
        axes = _ints(params["axes"])
        return f(x, axis=axes) if axes else x

    return build


def _not_bool(params: Params, avals: Sequence[Any]) -> str:
    return "of integers" if avals[0].dtype.kind != "b" else ""


one("reduce_sum")(_reduced(gd.sum))
one("reduce_max")(_reduced(gd.max))
one("reduce_min")(_reduced(gd.min))
one("reduce_prod")(_reduced(gd.prod))
one("reduce_and", refuses=_not_bool)(_reduced(gd.all))
one("reduce_or", refuses=_not_bool)(_reduced(gd.any))


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


def _windows(params: Params, x: Tensor, value: float) -> list[Tensor]:
    """The elements at each place of the window, for all windows."""
    sizes, strides = _ints(params["window_dimensions"]), _ints(params["window_strides"])
    dilation = _ints(params["window_dilation"])
    config = [(int(a), int(b), s - 1) for (a, b), s in zip(params["padding"], params["base_dilation"])]
    x = padded(x, config, gd.constant(np.asarray(value, x.dtype)))
    counts = [(int(n) - (w - 1) * d - 1) // s + 1 for n, w, s, d in zip(x.shape, sizes, strides, dilation)]
    return [
        x[tuple(slice(k * d, k * d + (c - 1) * s + 1, s) for k, d, c, s in zip(place, dilation, counts, strides))]
        for place in np.ndindex(*sizes)
    ]


def _least(dtype: np.dtype, sign: int) -> float:
    if dtype.kind == "f":
        return sign * np.inf
    return np.iinfo(dtype).min if sign < 0 else np.iinfo(dtype).max


def _too_large(params: Params, avals: Sequence[Any]) -> str:
    n = math.prod(_ints(params["window_dimensions"]))
    return f"over a window of {n} elements" if n > 1024 else ""


@one("reduce_window_sum", refuses=_too_large)
def _window_sum(params: Params, x: Tensor) -> Tensor:
    found = _windows(params, x, 0)
    return _folded(gd.add, found)


@one("reduce_window_max", refuses=_too_large)
def _window_max(params: Params, x: Tensor) -> Tensor:
    return _folded(gd.maximum, _windows(params, x, _least(x.dtype, -1)))


@one("reduce_window_min", refuses=_too_large)
def _window_min(params: Params, x: Tensor) -> Tensor:
    return _folded(gd.minimum, _windows(params, x, _least(x.dtype, 1)))


def _folded(f: Callable[..., Tensor], found: list[Tensor]) -> Tensor:
    y = found[0]
    for x in found[1:]:
        y = f(y, x)
    return y


# ------------------------------------------------------------------ products


@rule("dot_general", refuses=lambda p, avals: "of bool" if avals[0].dtype.kind == "b" else "")
def _dot_general(params: Params, xs: list[Tensor], outs: Sequence[Any]) -> list[Tensor]:
    (left, right), (left_batch, right_batch) = params["dimension_numbers"]
    dtype = carrier(outs[0].aval.dtype)
    x, y = (gd.astype(v, dtype) for v in xs)
    left, right, left_batch, right_batch = (_ints(d) for d in (left, right, left_batch, right_batch))
    left_free = [d for d in range(x.ndim) if d not in left and d not in left_batch]
    right_free = [d for d in range(y.ndim) if d not in right and d not in right_batch]
    batch = [int(x.shape[d]) for d in left_batch]
    rows, columns = [int(x.shape[d]) for d in left_free], [int(y.shape[d]) for d in right_free]
    n = math.prod(int(x.shape[d]) for d in left)
    a = gd.reshape(gd.permute_dims(x, (*left_batch, *left_free, *left)), (*batch, math.prod(rows), n))
    b = gd.reshape(gd.permute_dims(y, (*right_batch, *right, *right_free)), (*batch, n, math.prod(columns)))
    return [gd.reshape(gd.matmul(a, b), (*batch, *rows, *columns))]


def _conv_refused(params: Params, avals: Sequence[Any]) -> str:
    if params["batch_group_count"] != 1:
        return "in groups of the batch"
    return "" if avals[0].ndim - 2 in (1, 2) else f"of {avals[0].ndim - 2} dimensions"


@one("conv_general_dilated", refuses=_conv_refused)
def _conv(params: Params, x: Tensor, weight: Tensor) -> Tensor:
    numbers = params["dimension_numbers"]
    x = gd.permute_dims(x, _ints(numbers.lhs_spec))
    weight = gd.permute_dims(weight, _ints(numbers.rhs_spec))
    config = [(0, 0, 0)] * 2 + [(int(a), int(b), d - 1) for (a, b), d in zip(params["padding"], params["lhs_dilation"])]
    x = padded(x, config, gd.constant(np.zeros((), x.dtype)))
    f = gd.nn.conv1d if x.ndim == 3 else gd.nn.conv2d
    strides, dilation = _ints(params["window_strides"]), _ints(params["rhs_dilation"])
    if x.ndim == 3:
        found = f(x, weight, stride=strides[0], dilation=dilation[0], groups=params["feature_group_count"])
    else:
        found = f(x, weight, stride=strides, dilation=dilation, groups=params["feature_group_count"])
    back = np.argsort(numbers.out_spec)
    return gd.permute_dims(found, _ints(back))


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


@rule("top_k")
def _top_k(params: Params, xs: list[Tensor], outs: Sequence[Any]) -> list[Tensor]:
    values, places = gd.topk(xs[0], params["k"], axis=params.get("axis", -1))
    return [values, gd.astype(places, carrier(outs[1].aval.dtype))]


# ------------------------------------------------------------------ linear algebra


@one("cholesky")
def _cholesky(params: Params, x: Tensor) -> Tensor:
    return gd.linalg.cholesky(x)


@one("triangular_solve")
def _triangular_solve(params: Params, a: Tensor, b: Tensor) -> Tensor:
    options = {"lower": params["lower"], "unit_diagonal": params["unit_diagonal"]}
    if params["left_side"]:
        return gd.linalg.solve_triangular(a, b, transpose=params["transpose_a"], **options)
    turned = gd.matrix_transpose(b)
    return gd.matrix_transpose(gd.linalg.solve_triangular(a, turned, transpose=not params["transpose_a"], **options))


@rule("qr", refuses=lambda p, a: "with pivots" if p.get("pivoting") else "full" if p["full_matrices"] else "")
def _qr(params: Params, xs: list[Tensor], outs: Sequence[Any]) -> list[Tensor]:
    return list(gd.linalg.qr(xs[0]))


@rule("eigh", refuses=lambda p, a: "of a part of them" if p.get("subset_by_index") else "")
def _eigh(params: Params, xs: list[Tensor], outs: Sequence[Any]) -> list[Tensor]:
    x = xs[0]
    part = gd.tril(x) if params["lower"] else gd.triu(x)
    other = gd.matrix_transpose(gd.tril(x, -1) if params["lower"] else gd.triu(x, 1))
    values, vectors = gd.linalg.eigh(part + other)
    return [vectors, values]


@rule("svd", refuses=lambda p, a: "of a part of them" if p.get("subset_by_index") else "")
def _svd(params: Params, xs: list[Tensor], outs: Sequence[Any]) -> list[Tensor]:
    if not params["compute_uv"]:
        return [gd.linalg.svdvals(xs[0])]
    u, s, vt = gd.linalg.svd(xs[0], full_matrices=params["full_matrices"])
    return [s, u, vt]


@rule("lu", refuses=lambda p, avals: "of matrices that are not square" if len(set(avals[0].shape[-2:])) > 1 else "")
def _lu(params: Params, xs: list[Tensor], outs: Sequence[Any]) -> list[Tensor]:
    # LAPACK, which counts from 1, has columns where we have rows
    factors, counted = make(LU, (gd.matrix_transpose(xs[0]),), {})
    pivots = counted - 1
    return [gd.matrix_transpose(factors), pivots, _permutation(pivots)]


@one("lu_pivots_to_permutation")
def _pivots_to_permutation(params: Params, pivots: Tensor) -> Tensor:
    return _permutation(pivots)


def _permutation(pivots: Tensor) -> Tensor:
    """The order of rows that interchanges, one after the other, lead to."""
    n = int(pivots.shape[-1])
    places = gd.constant(np.arange(n, dtype=np.int32))

    def swapped(order: Tensor, at: Tensor) -> tuple[Tensor, None]:
        k, p = at[0], at[1]
        return gd.where(places == k, order[p], gd.where(places == p, order[k], order)), None

    def of_one(row: Tensor) -> Tensor:
        order, _ = gd.scan(swapped, places, gd.stack([places, row], axis=1))
        return order

    flat = gd.reshape(pivots, (-1, n))
    return gd.reshape(gd.vmap(of_one)(flat), pivots.shape)
