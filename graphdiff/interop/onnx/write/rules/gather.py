"""What is read and added up at indices. Before opset 16, which adds in scatters, by products with rows that are one
where an index is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

import graphdiff as gd

from .....ir.dims import Size, as_size
from .....ops.tensor import Tensor
from ..operators import number, operator
from ..table import Call, Given, Writing, by_name, writes


@writes("take")
def _take(w: Writing) -> Given:
    return operator("Gather", w.xs, w.y, axis=w["axis"])


@by_name("nn.embedding")
def _embedding(call: Call) -> Given | None:
    ids, weight = call["ids"], call["weight"]
    if call.given.get("padding_idx") is not None or not isinstance(ids, Tensor) or not isinstance(weight, Tensor):
        return None
    return operator("Gather", [weight, ids], call.y, axis=0)


@writes("take_along_axis")
def _along(w: Writing) -> Given:
    return operator("GatherElements", w.xs, w.y, axis=w["axis"])


def _zeros(shape: Sequence[Size], like: Tensor) -> Tensor:
    return gd.broadcast_to(gd.full((), 0, like.dtype), tuple(shape))


@writes("take_vjp")
def _take_vjp(w: Writing) -> Given:
    """Added up along the first axis, which is then moved to where it belongs."""
    (g, idx), axis = w.xs, w["axis"]
    n = idx.ndim
    first = gd.permute_dims(g, (*range(axis, axis + n), *range(axis), *range(axis + n, g.ndim)))
    rest = first.shape[n:]
    y = _added(_zeros((w["size"], *rest), g), idx, first, w.opset)
    return gd.permute_dims(y, (*range(1, axis + 1), 0, *range(axis + 1, y.ndim)))


@writes("scatter_add")
def _scatter_add(w: Writing) -> Given:
    x, idx, updates = w.xs
    return _added(x, idx, updates, w.opset)


def _added(x: Tensor, idx: Tensor, updates: Tensor, opset: int) -> Tensor:
    """x with ``updates`` added at ``idx`` along its first axis."""
    if opset >= 16:
        at = gd.reshape(gd.astype(idx, "int64"), (*idx.shape, 1))
        return operator("ScatterND", [x, at, updates], x, reduction="add")
    flat = gd.reshape(idx, (idx.size,))
    width = _product(updates.shape[idx.ndim :])
    rows = gd.reshape(updates, (idx.size, width))
    here = gd.astype(_is(flat, x.shape[0]), x.dtype)
    return x + gd.reshape(gd.matmul(gd.matrix_transpose(here), rows), x.shape)


def _product(shape: Sequence[Size]) -> Size:
    total: Size = 1
    for s in shape:
        total = total * s
    return total


def _is(idx: Tensor, size: Size) -> Tensor:
    """Whether each position of a new last axis is the one that an index, perhaps from the end, names."""
    idx = gd.astype(idx, "int64")
    idx = gd.where(idx < 0, idx + gd.constant(size, "int64"), idx)
    return gd.equal(gd.reshape(idx, (*idx.shape, 1)), gd.arange(size))


@writes("take_along_vjp")
def _along_vjp(w: Writing) -> Given:
    (g, idx), axis, size = w.xs, w["axis"], w["size"]
    if w.opset >= 16:
        how = {"axis": axis, "reduction": "add"}
        return operator("ScatterElements", [_zeros(w.y.shape, g), idx, g], w.y, **how)
    last = [*(i for i in range(g.ndim) if i != axis), axis]
    back = tuple(np.argsort(last).tolist())
    here = gd.astype(_is(gd.permute_dims(idx, last), size), g.dtype)
    moved = gd.permute_dims(g, last)
    row = gd.reshape(moved, (*moved.shape[:-1], 1, moved.shape[-1]))
    added = gd.matmul(row, here)
    return gd.permute_dims(gd.reshape(added, (*moved.shape[:-1], size)), back)


@by_name("gather_nd", since=12)
def _gather_nd(call: Call) -> Given | None:
    x, idx = call["x"], call["indices"]
    if not isinstance(x, Tensor) or not isinstance(idx, Tensor) or not isinstance(call["batch_dims"], int):
        return None
    return operator("GatherND", [x, gd.astype(idx, "int64")], call.y, batch_dims=call["batch_dims"])


@by_name("one_hot")
def _one_hot(call: Call) -> Given | None:
    idx = call["idx"]
    if not isinstance(idx, Tensor) or call.y.dtype.kind == "b" or idx.ndim == 0:
        return None
    ends = gd.constant(np.asarray([0, 1], call.y.dtype))
    return operator("OneHot", [gd.astype(idx, "int64"), number(as_size(call["n"])), ends], call.y, axis=-1)
