"""Rules of XLA's gather, scatter and dynamic slices: places of elements in the flattened operand, worked out as arrays.

Source: XLA's operation semantics, Gather and Scatter (openxla.org/xla/operation_semantics).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

import graphdiff as gd

from ...ops.tensor import Tensor, constant
from .rules import Params, one, rule


class Places(NamedTuple):
    """For each element of the windows its place in the flattened operand, and whether its window lies inside it (None:
    all do)."""

    place: Tensor
    inside: Tensor | None


class Numbers(NamedTuple):
    """Dimension numbers that gather and scatter have alike."""

    window: tuple[int, ...]  # dimensions of the windows in the result, or the updates
    collapsed: tuple[int, ...]  # of the operand, of one element in a window, left out there
    started: tuple[int, ...]  # of the operand, that the index vector tells the start of
    operand_batch: tuple[int, ...]
    indices_batch: tuple[int, ...]


def _ints(sizes: Any) -> tuple[int, ...]:
    return tuple(int(s) for s in sizes)


def _gather_numbers(d: Any) -> Numbers:
    lists = (d.offset_dims, d.collapsed_slice_dims, d.start_index_map, d.operand_batching_dims)
    return Numbers(*map(_ints, (*lists, d.start_indices_batching_dims)))


def _scatter_numbers(d: Any) -> Numbers:
    lists = (d.update_window_dims, d.inserted_window_dims, d.scatter_dims_to_operand_dims, d.operand_batching_dims)
    return Numbers(*map(_ints, (*lists, d.scatter_indices_batching_dims)))


def _mode(params: Params) -> str:
    """ "clip", "fill" or "promise"."""
    name = str(params["mode"]).rpartition(".")[2].lower()
    return "clip" if "clip" in name else "fill" if "fill" in name or "drop" in name else "promise"


def places(
    shape: Sequence[int], indices: Tensor, full: Sequence[int], sizes: Sequence[int], n: Numbers, mode: str
) -> Places:
    """``shape``: the operand's; ``full``: of the result or the updates; ``sizes``: of a window, by the operand's
    dimensions."""
    windowed = [d for d in range(len(shape)) if d not in n.collapsed and d not in n.operand_batch]
    at = dict(zip(windowed, n.window))
    batch_at = [d for d in range(len(full)) if d not in n.window]
    strides = [math.prod(shape[d + 1 :]) for d in range(len(shape))]
    known = np.zeros((1,) * len(full), np.int64)
    found: Tensor | None = None
    inside: Tensor | None = None
    starts = gd.astype(indices, "int64")

    def along(axes: Sequence[int], lengths: Sequence[int]) -> tuple[int, ...]:
        out = [1] * len(full)
        for d, size in zip(axes, lengths):
            out[d] = size
        return tuple(out)

    for d, stride in enumerate(strides):
        if d in at:
            known = known + np.arange(sizes[d], dtype=np.int64).reshape(along([at[d]], [sizes[d]])) * stride
        if d in n.operand_batch:
            axis = batch_at[n.indices_batch[n.operand_batch.index(d)]]
            known = known + np.arange(full[axis], dtype=np.int64).reshape(along([axis], [full[axis]])) * stride
        if d in n.started:
            start = starts[..., n.started.index(d)]
            last = shape[d] - sizes[d]
            if mode == "fill":
                fits = gd.logical_and(start >= 0, start <= last)
                inside = fits if inside is None else gd.logical_and(inside, fits)
            if mode != "promise":
                start = gd.clip(start, 0, max(last, 0))
            part = gd.reshape(start, along(batch_at, _ints(start.shape))) * stride
            found = part if found is None else found + part
    index = gd.constant(known) if found is None else found + known
    if inside is not None:
        inside = gd.broadcast_to(gd.reshape(inside, along(batch_at, _ints(inside.shape))), tuple(full))
    return Places(gd.broadcast_to(index, tuple(full)), inside)


def _by_rows(
    x: Tensor, indices: Tensor, full: Sequence[int], sizes: Sequence[int], n: Numbers, mode: str
) -> Tensor | None:
    """A gather of whole rows along one dimension, as a ``take``; None where it is not one."""
    if len(n.started) != 1 or n.operand_batch or n.collapsed != n.started:
        return None
    d = n.started[0]
    if any(size != whole for k, (size, whole) in enumerate(zip(sizes, x.shape)) if k != d):
        return None
    if mode == "fill" and not x.shape[d]:
        return None
    start = indices[..., 0]
    if mode != "promise":
        start = gd.clip(start, 0, int(x.shape[d]) - 1)
    taken = gd.take(x, gd.reshape(start, (-1,)), axis=d)
    taken = gd.reshape(taken, (*x.shape[:d], *start.shape, *x.shape[d + 1 :]))
    windows = [k if k < d else k - 1 + start.ndim for k in range(x.ndim) if k != d]
    batches = list(range(d, d + start.ndim))
    order = [windows.pop(0) if k in n.window else batches.pop(0) for k in range(len(full))]
    return gd.permute_dims(taken, tuple(order))


@rule("gather")
def _gather(params: Params, xs: list[Tensor], outs: Sequence[Any]) -> list[Tensor]:
    x, indices = xs
    full, sizes, mode = _ints(outs[0].aval.shape), _ints(params["slice_sizes"]), _mode(params)
    n = _gather_numbers(params["dimension_numbers"])
    if math.prod(full) == 0:
        return [gd.zeros(full, x.dtype)]
    found = _by_rows(x, indices, full, sizes, n, mode)
    if found is not None and mode != "fill":
        return [found]
    where = places(_ints(x.shape), indices, full, sizes, n, mode)
    if found is None:
        found = gd.reshape(gd.take(gd.reshape(x, (-1,)), gd.reshape(where.place, (-1,))), full)
    if where.inside is not None:
        fill = params["fill_value"]
        if fill is None:
            fill = {"f": np.nan, "b": True}.get(x.dtype.kind)
            fill = np.iinfo(x.dtype).min if fill is None else fill
        found = gd.where(where.inside, found, gd.constant(np.asarray(fill, x.dtype)))
    return [found]


def _one_window(
    params: Params, x: Tensor, indices: Tensor, updates: Tensor, f: Callable[[Tensor, Tensor], Tensor]
) -> Tensor | None:
    """A scatter of a single window, by comparing positions with its place; None where there are more."""
    n, full = _scatter_numbers(params["dimension_numbers"]), _ints(updates.shape)
    if math.prod(s for d, s in enumerate(full) if d not in n.window) != 1 or 0 in full or not x.ndim:
        return None
    windowed = [d for d in range(x.ndim) if d not in n.collapsed and d not in n.operand_batch]
    sizes = dict(zip(windowed, (full[axis] for axis in n.window)))
    update = gd.reshape(updates, tuple(sizes.get(d, 1) for d in range(x.ndim)))
    start = gd.reshape(gd.astype(indices, "int64"), (-1,))
    starts = {d: start[k] for k, d in enumerate(n.started)}
    fits: Tensor | None = None
    for d, at in starts.items():
        last = int(x.shape[d]) - int(update.shape[d])
        if _mode(params) == "fill":
            fit = gd.logical_and(at >= 0, at <= last)
            fits = fit if fits is None else gd.logical_and(fits, fit)
        starts[d] = _clipped(at, last)
    return _put(x, update, starts, f, fits)


def _put(
    x: Tensor, update: Tensor, starts: Mapping[int, Tensor], f: Callable[[Tensor, Tensor], Tensor], fits: Tensor | None
) -> Tensor:
    """``x`` with ``f(x, update)`` in a window of ``update``'s shape that begins at ``starts``, by dimension, 0 where
    none is told; where ``fits`` does not hold it is ``x``."""
    inside = fits
    for d in range(x.ndim):
        n, size = int(x.shape[d]), int(update.shape[d])
        if n == size:
            continue
        along = np.arange(n) - starts.get(d, constant(np.int64(0)))
        if size > 1:
            update = gd.take(update, gd.clip(along, 0, size - 1), axis=d)
        here = along == 0 if size == 1 else gd.logical_and(along >= 0, along < size)
        here = gd.reshape(here, tuple(n if k == d else 1 for k in range(x.ndim)))
        inside = here if inside is None else gd.logical_and(inside, here)
    changed = f(x, update)
    return changed if inside is None else gd.where(inside, changed, x)


def _of_updates(x: Tensor, update: Tensor) -> Tensor:
    return gd.broadcast_to(update, x.shape)


def _updated(params: Params, x: Tensor, indices: Tensor, updates: Tensor) -> tuple[Tensor, Tensor, Tensor, bool]:
    """The flattened operand with one element more, for what is dropped; places; flattened updates; whether windows may
    meet."""
    n, shape = _scatter_numbers(params["dimension_numbers"]), _ints(x.shape)
    full = _ints(updates.shape)
    sizes = [1] * len(shape)
    windowed = [d for d in range(len(shape)) if d not in n.collapsed and d not in n.operand_batch]
    for d, axis in zip(windowed, n.window):
        sizes[d] = full[axis]
    where = places(shape, indices, full, sizes, n, _mode(params))
    total = math.prod(shape)
    index = where.place if where.inside is None else gd.where(where.inside, where.place, total)
    flat = gd.concat([gd.reshape(x, (-1,)), gd.zeros((1,), x.dtype)])
    windows = math.prod(s for d, s in enumerate(full) if d not in n.window)
    meet = windows > 1 and not params["unique_indices"]
    return flat, gd.reshape(index, (-1,)), gd.reshape(updates, (-1,)), meet


@one("scatter-add", "scatter_add")
def _scatter_add(params: Params, x: Tensor, indices: Tensor, updates: Tensor) -> Tensor:
    found = _one_window(params, x, indices, updates, gd.add)
    if found is not None:
        return found
    flat, index, updates, _ = _updated(params, x, indices, updates)
    return gd.reshape(gd.scatter_add(flat, index, updates)[:-1], x.shape)


@one("scatter-sub")
def _scatter_sub(params: Params, x: Tensor, indices: Tensor, updates: Tensor) -> Tensor:
    return _scatter_add(params, x, indices, -updates)


@one("scatter")
def _scatter(params: Params, x: Tensor, indices: Tensor, updates: Tensor) -> Tensor:
    only = _one_window(params, x, indices, updates, _of_updates)
    if only is not None:
        return only
    flat, index, updates, meet = _updated(params, x, indices, updates)
    if meet:  # of several updates of one element the last one counts
        index, updates = _met(index, updates, int(flat.shape[0]) - 1, lambda old, new: new)
    hit = gd.scatter_add(gd.zeros(flat.shape, "int32"), index, gd.ones(index.shape, "int32")) > 0
    if x.dtype.kind == "b":
        found = gd.scatter_add(gd.zeros(flat.shape, "int32"), index, gd.astype(updates, "int32")) > 0
        return gd.reshape(gd.where(hit, found, flat)[:-1], x.shape)
    found = gd.scatter_add(gd.zeros_like(flat), index, updates)
    return gd.reshape(gd.where(hit, found, flat)[:-1], x.shape)


def _met(index: Tensor, updates: Tensor, nowhere: int, f: Callable[[Tensor, Tensor], Tensor]) -> tuple[Tensor, Tensor]:
    """Updates of one element put together by ``f``, in their order; the places of all but one become ``nowhere``."""
    order = gd.argsort(index)
    index, updates = gd.take(index, order), gd.take(updates, order)
    last = gd.concat([index[1:] != index[:-1], gd.constant(np.ones(1, bool))])

    def step(carry: tuple[Tensor, Tensor], row: tuple[Tensor, Tensor]) -> Any:
        at, u = row
        value = gd.where(at == carry[0], f(carry[1], u), u)
        return (at, value), value

    begin = (gd.constant(np.int64(-1)), gd.constant(np.zeros((), updates.dtype)))
    _, values = gd.scan(step, begin, (index, updates))
    return gd.where(last, index, nowhere), values


def _combining(f: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    def build(params: Params, x: Tensor, indices: Tensor, updates: Tensor) -> Tensor:
        only = _one_window(params, x, indices, updates, f)
        if only is not None:
            return only
        flat, index, updates, meet = _updated(params, x, indices, updates)
        if meet:
            index, updates = _met(index, updates, int(flat.shape[0]) - 1, f)
        hit = gd.scatter_add(gd.zeros(flat.shape, "int32"), index, gd.ones(index.shape, "int32")) > 0
        placed = gd.scatter_add(gd.zeros_like(flat), index, updates)
        return gd.reshape(gd.where(hit, f(flat, placed), flat)[:-1], x.shape)

    return build


for _name, _f in {"scatter-mul": gd.multiply, "scatter-min": gd.minimum, "scatter-max": gd.maximum}.items():
    one(_name)(_combining(_f))


def _clipped(start: Tensor, last: int) -> Tensor:
    return gd.clip(gd.astype(start, "int64"), 0, max(last, 0))


@one("dynamic_slice")
def _dynamic_slice(params: Params, x: Tensor, *starts: Tensor) -> Tensor:
    for d, (start, size) in enumerate(zip(starts, _ints(params["slice_sizes"]))):
        if size != x.shape[d]:
            rows = _clipped(start, int(x.shape[d]) - size) + np.arange(size)
            x = gd.take(x, rows, axis=d)
    return x


@one("dynamic_update_slice")
def _dynamic_update_slice(params: Params, x: Tensor, update: Tensor, *starts: Tensor) -> Tensor:
    if 0 in update.shape:
        return x
    at = {d: _clipped(start, int(x.shape[d]) - int(update.shape[d])) for d, start in enumerate(starts)}
    return _put(x, update, at, _of_updates, None)
