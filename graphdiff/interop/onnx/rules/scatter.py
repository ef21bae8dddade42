"""Rules of scatters: rows or single elements put, added, multiplied or compared at indices.

Where indices are repeated, ScatterElements and ScatterND without a reduction say nothing of which update stays; here it
is their sum.
"""

from __future__ import annotations

import graphdiff as gd

from ....errors import GraphError
from ....ir.dims import Size, product
from ....ir.dtypes import bool_
from ....ops.tensor import Tensor
from ..call import Call
from ..table import reads
from .elementwise import as_int64


def _from_front(indices: Tensor, size: Size) -> Tensor:
    at = as_int64(indices)
    return gd.where(at < 0, at + gd.constant(size, "int64"), at)


def _put(call: Call, x: Tensor, at: Tensor, updates: Tensor) -> Tensor:
    """``updates`` (m, ...) at rows ``at`` (m,) of ``x`` (n, ...), as the node says."""
    how = call.text("reduction", "none")
    if x.dtype is bool_:
        return gd.astype(_put(call, gd.astype(x, "int32"), at, gd.astype(updates, "int32")), "bool")
    if how == "add":
        return gd.scatter_add(x, at, updates)
    if how == "none":
        hit = gd.scatter_add(gd.zeros((x.shape[0],), dtype="int32"), at, gd.ones(at.shape, dtype="int32")) > 0
        return gd.where(_column(hit, x), gd.scatter_add(gd.zeros_like(x), at, updates), x)
    if how not in ("mul", "max", "min"):
        call.fail(GraphError, f"reduction is {how!r}")
    rest = product(x.shape[1:])
    flat = gd.expand_dims(at, axis=1) * gd.constant(rest, "int64") + gd.arange(rest)
    flat, of_each = gd.reshape(flat, (-1,)), gd.reshape(updates, (-1,))
    whole = gd.reshape(x, (-1,))
    return gd.reshape(_product(whole, flat, of_each) if how == "mul" else _extreme(whole, flat, of_each, how), x.shape)


def _column(hit: Tensor, x: Tensor) -> Tensor:
    return gd.reshape(hit, (-1, *(1,) * (x.ndim - 1)))


def _product(x: Tensor, at: Tensor, updates: Tensor) -> Tensor:
    places = gd.arange(x.shape[0])

    def step(carry: Tensor, row: tuple[Tensor, Tensor]) -> tuple[Tensor, None]:
        place, factor = row
        return gd.where(places == place, carry * factor, carry), None

    return gd.scan(step, x, (at, updates))[0]


def _extreme(x: Tensor, at: Tensor, updates: Tensor, how: str) -> Tensor:
    """Updates in order of place and value: the last of each place is its extreme."""
    by_value = gd.argsort(updates, descending=how == "min")
    order = gd.take(by_value, gd.argsort(gd.take(at, by_value)))
    at, updates = gd.take(at, order), gd.take(updates, order)
    later = gd.concat([at[1:], gd.full((1,), -1, dtype="int64")])
    last = later != at
    found = gd.scatter_add(gd.zeros_like(x), at, gd.where(last, updates, 0))
    hit = gd.scatter_add(gd.zeros(x.shape, dtype="int32"), at, gd.astype(last, "int32")) > 0
    return gd.where(hit, (gd.maximum if how == "max" else gd.minimum)(found, x), x)


@reads("ScatterND")
def scatter_nd(call: Call) -> Tensor:
    x, indices, updates = call.tensors(3)
    q = int(indices.shape[-1])
    at = gd.zeros(indices.shape[:-1], dtype="int64")
    for j in range(q):
        size = x.shape[j]
        at = at * gd.constant(size, "int64") + _from_front(indices[..., j], size)
    rows = gd.reshape(x, (product(x.shape[:q]), *x.shape[q:]))
    updates = gd.reshape(updates, (product(indices.shape[:-1]), *x.shape[q:]))
    return gd.reshape(_put(call, rows, gd.reshape(at, (-1,)), updates), x.shape)


@reads("ScatterElements", "Scatter")
def scatter_elements(call: Call) -> Tensor:
    x, indices, updates = call.tensors(3)
    axis = call.axis(call.integer("axis", 0), x.ndim)
    at = gd.zeros(indices.shape, dtype="int64")
    for j, size in enumerate(x.shape):
        row = [1] * x.ndim
        row[j] = -1
        along = _from_front(indices, size) if j == axis else gd.reshape(gd.arange(indices.shape[j]), tuple(row))
        at = at * gd.constant(size, "int64") + along
    flat = _put(call, gd.reshape(x, (x.size,)), gd.reshape(at, (-1,)), gd.reshape(updates, (-1,)))
    return gd.reshape(flat, x.shape)
