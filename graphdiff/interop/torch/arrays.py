"""Rules of ATen's operators on whole arrays: shapes, indexing, reductions, order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import graphdiff as gd

from ...ops.tensor import Tensor
from .rules import Scalar, at_axis, axes, cast, floating, rule, wanted

_END = 2**63 - 1  # what PyTorch writes for the end of an axis

# ------------------------------------------------------------------ shapes


@rule("view.default", "reshape.default", "_unsafe_view.default", "view_copy.default")
def _view(x: Tensor, shape: Sequence[Any]) -> Tensor:
    return gd.reshape(x, tuple(shape))


@rule("permute.default")
def _permute(x: Tensor, dims: Sequence[int]) -> Tensor:
    return gd.permute_dims(x, tuple(dims))


@rule("transpose.int")
def _transpose(x: Tensor, a: int, b: int) -> Tensor:
    return gd.swapaxes(x, a, b) if x.ndim else x


@rule("t.default")
def _t(x: Tensor) -> Tensor:
    return gd.matrix_transpose(x) if x.ndim == 2 else x


@rule("unsqueeze.default")
def _unsqueeze(x: Tensor, dim: int) -> Tensor:
    return gd.expand_dims(x, dim)


@rule("squeeze.default", "squeeze.dim", "squeeze.dims")
def _squeeze(x: Tensor, dim: int | Sequence[int] | None = None) -> Tensor:
    where = range(x.ndim) if dim is None else [dim] if isinstance(dim, int) else list(dim)
    return gd.squeeze(x, axis=tuple(sorted({d % x.ndim for d in where if x.ndim and x.shape[d] == 1})))


@rule("expand.default")
def _expand(x: Tensor, size: Sequence[Any], implicit: bool = False) -> Tensor:
    new = len(size) - x.ndim
    shape = tuple(x.shape[d - new] if isinstance(s, int) and s == -1 else s for d, s in enumerate(size))
    return gd.broadcast_to(x, shape)


@rule("copy.default")
def _copy(x: Tensor, source: Tensor, non_blocking: bool = False) -> Tensor:
    return gd.broadcast_to(cast(source, x.dtype), x.shape)


@rule("cat.default")
def _cat(xs: Sequence[Tensor], dim: int = 0) -> Tensor:
    return gd.concat([x for x in xs if x.shape != (0,)] or list(xs), axis=dim)


@rule("stack.default")
def _stack(xs: Sequence[Tensor], dim: int = 0) -> Tensor:
    return gd.stack(list(xs), axis=dim)


@rule("split.Tensor")
def _split(x: Tensor, size: int, dim: int = 0) -> list[Tensor]:
    n = x.shape[dim]
    assert isinstance(n, int)
    return [at_axis(x, dim, slice(k, min(k + size, n))) for k in range(0, n, size)]


@rule("split_with_sizes.default")
def _split_with_sizes(x: Tensor, sizes: Sequence[Any], dim: int = 0) -> list[Tensor]:
    return gd.split(x, list(sizes), axis=dim)


@rule("unbind.int")
def _unbind(x: Tensor, dim: int = 0) -> list[Tensor]:
    n = x.shape[dim]
    assert isinstance(n, int)
    return [at_axis(x, dim, k) for k in range(n)]


def _bounds(start: Any, end: Any, step: int) -> slice:
    return slice(start, None if isinstance(end, int) and end >= _END else end, step)


@rule("slice.Tensor")
def _slice(x: Tensor, dim: int = 0, start: Any = None, end: Any = None, step: int = 1) -> Tensor:
    return at_axis(x, dim, _bounds(start, end, step))


@rule("select.int")
def _select(x: Tensor, dim: int, index: Any) -> Tensor:
    return at_axis(x, dim, index)


def _placed(x: Tensor, dim: int, start: Any, step: int, source: Tensor) -> Tensor:
    """``x`` with ``source`` at every ``step``-th place along an axis, from ``start`` on."""
    dim %= x.ndim
    along = gd.arange(x.shape[dim], dtype="int64") - start
    which, n = gd.floor_divide(along, step), source.shape[dim]
    here = gd.logical_and(gd.logical_and(which >= 0, which < n), along % step == 0)
    spread = gd.take(source, gd.clip(which, 0, n - 1), axis=dim)
    return gd.where(gd.reshape(here, tuple(-1 if d == dim else 1 for d in range(x.ndim))), spread, x)


@rule("slice_scatter.default")
def _slice_scatter(
    x: Tensor, source: Tensor, dim: int = 0, start: Any = None, end: Any = None, step: int = 1
) -> Tensor:
    if source.shape[dim] == 0:
        return x
    begin = 0 if start is None else start
    return _placed(x, dim, begin if begin >= 0 else begin + x.shape[dim], step, source)


@rule("select_scatter.default")
def _select_scatter(x: Tensor, source: Tensor, dim: int, index: Any) -> Tensor:
    return _placed(x, dim, index if index >= 0 else index + x.shape[dim], 1, gd.expand_dims(source, dim))


@rule("flip.default")
def _flip(x: Tensor, dims: Sequence[int]) -> Tensor:
    return gd.flip(x, axis=tuple(dims))


@rule("roll.default")
def _roll(x: Tensor, shifts: Sequence[int], dims: Sequence[int] = ()) -> Tensor:
    return gd.roll(x, tuple(shifts), axis=tuple(dims)) if dims else gd.roll(x, shifts[0])


@rule("repeat.default")
def _repeat(x: Tensor, times: Sequence[int]) -> Tensor:
    return gd.tile(gd.reshape(x, ((1,) * (len(times) - x.ndim) + tuple(x.shape))), tuple(times))


@rule("repeat_interleave.self_int")
def _repeat_interleave(x: Tensor, times: int, dim: int | None = None, **options: Any) -> Tensor:
    return gd.repeat(x, times, axis=dim)


@rule("unfold.default")
def _unfold(x: Tensor, dim: int, size: int, step: int) -> Tensor:
    count = (x.shape[dim] - size) // step + 1
    pieces = [at_axis(x, dim, slice(k, k + (count - 1) * step + 1, step)) for k in range(size)]
    return gd.stack(pieces, axis=-1)


_MODES = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


@rule("pad.default")
def _pad(x: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Tensor:
    pairs = list(zip(pad[::2], pad[1::2]))[::-1]
    width = [(0, 0)] * (x.ndim - len(pairs)) + pairs
    for axis, (before, after) in enumerate(width):
        if before < 0 or after < 0:
            x = at_axis(x, axis, slice(max(-before, 0), min(after, 0) or None))
    grown = [(max(a, 0), max(b, 0)) for a, b in width]
    return gd.pad(x, grown, mode=_MODES[mode], constant_values=value or 0)


@rule("constant_pad_nd.default")
def _constant_pad(x: Tensor, pad: Sequence[int], value: float = 0) -> Tensor:
    return _pad(x, pad, "constant", value)


@rule("tril.default")
def _tril(x: Tensor, diagonal: int = 0) -> Tensor:
    return gd.tril(x, diagonal)


@rule("triu.default")
def _triu(x: Tensor, diagonal: int = 0) -> Tensor:
    return gd.triu(x, diagonal)


@rule("diagonal.default")
def _diagonal(x: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    return gd.diagonal(x, offset, dim1, dim2)


@rule("pixel_shuffle.default")
def _pixel_shuffle(x: Tensor, factor: int) -> Tensor:
    return gd.nn.pixel_shuffle(x, factor)


@rule("pixel_unshuffle.default")
def _pixel_unshuffle(x: Tensor, factor: int) -> Tensor:
    return gd.nn.pixel_unshuffle(x, factor)


# ------------------------------------------------------------------ indexing


@rule("index_select.default")
def _index_select(x: Tensor, dim: int, index: Tensor) -> Tensor:
    return gd.take(x, index, axis=dim)


def _key(indices: Sequence[Tensor | None]) -> tuple[Any, ...]:
    return tuple(slice(None) if i is None else i for i in indices)


def _by_mask(x: Any, indices: Any, *rest: Any) -> str:
    masks = [i for i in indices if getattr(i, "dtype", None) is not None and "bool" in str(i.dtype)]
    return "by a mask, whose result has no known size" if masks else ""


@rule("index.Tensor", refuses=_by_mask)
def _index(x: Tensor, indices: Sequence[Tensor | None]) -> Tensor:
    return x[_key(indices)]


@rule("index_put.default", "_unsafe_index_put.default")
def _index_put(x: Tensor, indices: Sequence[Tensor | None], values: Tensor, accumulate: bool = False) -> Tensor:
    first = indices[0]
    if first is not None and first.dtype.kind == "b" and len(indices) == 1:
        mask = gd.reshape(first, (*first.shape, *(1,) * (x.ndim - first.ndim)))
        return gd.where(mask, x + values if accumulate else gd.broadcast_to(values, x.shape), x)
    places = numbered(x)[_key(indices)]
    return _put(x, places, gd.broadcast_to(values, places.shape), accumulate)


def numbered(x: Tensor) -> Tensor:
    """The number of each element."""
    return gd.reshape(gd.arange(x.size, dtype="int64"), x.shape)


def _put(x: Tensor, places: Tensor, values: Tensor, accumulate: bool) -> Tensor:
    """``x`` with values added at, or put into, the elements of those numbers; of several the last one counts."""
    flat, where, values = (gd.reshape(v, (-1,)) for v in (x, places, values))
    if accumulate:
        return gd.reshape(gd.scatter_add(flat, where, values), x.shape)
    order = gd.argsort(where)
    where, values = gd.take(where, order), gd.take(values, order)
    last = gd.concat([where[1:] != where[:-1], gd.constant(np.ones(1, bool))])
    where = gd.where(last, where, flat.shape[0])  # one element more, for what does not count
    n = flat.shape[0] + 1
    hit = gd.scatter_add(gd.zeros((n,), "int32"), where, gd.ones(where.shape, "int32"))[:-1] > 0
    added = gd.astype(values, "int32") if x.dtype.kind == "b" else values
    found = cast(gd.scatter_add(gd.zeros((n,), added.dtype), where, added)[:-1], x.dtype)
    return gd.reshape(gd.where(hit, found, flat), x.shape)


@rule("gather.default")
def gathered(x: Tensor, dim: int, index: Tensor, sparse_grad: bool = False) -> Tensor:
    for d in range(x.ndim):
        if d != dim % x.ndim and x.shape[d] != index.shape[d]:
            x = at_axis(x, d, slice(0, index.shape[d]))
    return gd.take_along_axis(x, index, axis=dim)


def _source(x: Tensor, index: Tensor, source: Any) -> Tensor:
    if not isinstance(source, Tensor):
        return gd.full(index.shape, source, x.dtype)
    for d in range(x.ndim):
        if source.shape[d] != index.shape[d]:
            source = at_axis(source, d, slice(0, index.shape[d]))
    return source


@rule("scatter.src", "scatter.value")
def _scatter(x: Tensor, dim: int, index: Tensor, source: Any) -> Tensor:
    return _put(x, gathered(numbered(x), dim, index), _source(x, index, source), False)


@rule("scatter_add.default")
def _scatter_add(x: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    return _put(x, gathered(numbered(x), dim, index), _source(x, index, source), True)


@rule("embedding.default")
def _embedding(weight: Tensor, ids: Tensor, padding_idx: int = -1, *options: Any) -> Tensor:
    return gd.nn.embedding(ids, weight, padding_idx=None if padding_idx < 0 else padding_idx)


# ------------------------------------------------------------------ reductions


def _numbers(x: Tensor, dtype: Any) -> Tensor:
    """What a sum adds: integers and truths as int64, in the dtype asked for."""
    if dtype is not None:
        return cast(x, wanted(dtype))
    return x if x.dtype.kind == "f" else gd.astype(x, "int64")


def _added(f: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def build(x: Tensor, dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Tensor:
        return f(_numbers(x, dtype), axis=axes(dim), keepdims=keepdim)

    return build


rule("sum.default", "sum.dim_IntList")(_added(gd.sum))
rule("mean.default", "mean.dim")(_added(gd.mean))
rule("prod.default", "prod.dim_int")(_added(gd.prod))


def _reduced(f: Callable[..., Tensor]) -> Callable[..., Tensor]:
    return lambda x, dim=None, keepdim=False: f(x, axis=axes(dim), keepdims=keepdim)


rule("amax.default", "max.default")(_reduced(gd.max))
rule("amin.default", "min.default")(_reduced(gd.min))
rule("argmax.default")(_reduced(gd.argmax))
rule("argmin.default")(_reduced(gd.argmin))
rule("logsumexp.default")(_reduced(gd.logsumexp))


def _of_truths(f: Callable[..., Tensor]) -> Callable[..., Tensor]:
    return lambda x, dim=None, keepdim=False: f(cast(x, np.dtype(bool)), axis=axes(dim), keepdims=keepdim)


rule("any.default", "any.dim", "any.dims")(_of_truths(gd.any))
rule("all.default", "all.dim", "all.dims")(_of_truths(gd.all))


def _extreme(f: Callable[..., Tensor]) -> Callable[..., list[Tensor]]:
    def build(x: Tensor, dim: int, keepdim: bool = False) -> list[Tensor]:
        where = f(x, axis=dim, keepdims=True)
        values = gd.take_along_axis(x, where, axis=dim)
        return [values, where] if keepdim else [gd.squeeze(values, axis=dim), gd.squeeze(where, axis=dim)]

    return build


rule("max.dim")(_extreme(gd.argmax))
rule("min.dim")(_extreme(gd.argmin))


@rule("var.correction")
def _var(x: Tensor, dim: Any = None, correction: float | None = 1, keepdim: bool = False) -> Tensor:
    return gd.var(x, axis=axes(dim), correction=1 if correction is None else correction, keepdims=keepdim)


@rule("std.correction")
def _std(x: Tensor, dim: Any = None, correction: float | None = 1, keepdim: bool = False) -> Tensor:
    return gd.std(x, axis=axes(dim), correction=1 if correction is None else correction, keepdims=keepdim)


@rule("var_mean.correction")
def _var_mean(x: Tensor, dim: Any = None, correction: float | None = 1, keepdim: bool = False) -> list[Tensor]:
    return [_var(x, dim, correction, keepdim), gd.mean(x, axis=axes(dim), keepdims=keepdim)]


@rule("norm.ScalarOpt_dim", "norm.Scalar")
def _norm(x: Tensor, p: Scalar | None = 2, dim: Any = None, keepdim: bool = False) -> Tensor:
    return _vector_norm(x, 2 if p is None else p, dim, keepdim)


@rule("linalg_vector_norm.default")
def _vector_norm(x: Tensor, ord: Scalar = 2, dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Tensor:
    return gd.norm(floating(x), axis=axes(dim), keepdims=keepdim, ord=ord)


rule("cumsum.default")(lambda x, dim, dtype=None: gd.cumsum(_numbers(x, dtype), axis=dim))
rule("cumprod.default")(lambda x, dim, dtype=None: gd.cumprod(_numbers(x, dtype), axis=dim))


# ------------------------------------------------------------------ order


@rule("sort.default", "sort.stable")
def _sort(x: Tensor, dim: int = -1, descending: bool = False, stable: bool | None = None) -> list[Tensor]:
    order = gd.argsort(x, axis=dim, descending=descending)
    return [gd.take_along_axis(x, order, axis=dim), order]


@rule("topk.default")
def _topk(x: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> list[Tensor]:
    values, where = gd.topk(x if largest else -x, k, axis=dim)
    return [values if largest else -values, where]
