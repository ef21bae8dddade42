"""Declarations of the operations that move elements without changing them: views, copies into place, gathers.

Views cost nothing where the consumer can read strides; concat and pad are copies into parts of the result; take and
its kin are kernels over indices. The transpose of each is another of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import DTypeError, ShapeError
from ..ir.dims import Dim, Shape, Size, as_shape, as_size, broadcast, exact_div, format_shape, product
from ..ir.dtypes import INTEGERS, as_dtype, bool_, int64
from ..ir.node import Node
from . import batching
from .batching import Batch, in_front, merged, parted, ranked
from .elementwise import astype, equal, where
from .opdef import (
    as_list,
    axes_of,
    axis_of,
    composite,
    contiguous_strides,
    custom,
    linear,
    moved_masks,
    on,
    op,
    operands,
    sum_to,
)
from .registry import Call, Guard, Index, Op, Place, Sample, Strided, View, op_of, register
from .tensor import Tensor, as_tensor, checked, fail, make, scalar
from .types import Axes, DTypeLike, Ints, ShapeLike, SizeLike, TensorLike, TensorList


# ------------------------------------------------------------------ reshape
def _infer_shape(xs: Any, attrs: Any) -> Any:
    return ((attrs["shape"], xs[0].dtype),)


def _reshape_view(node: Node, view: Strided) -> Strided | None:
    old, new = node.inputs[0].shape, node.outputs[0].shape
    if view.strides == contiguous_strides(old):
        return Strided(view.offset, contiguous_strides(new))
    strides: list[Size] = []
    dims = [(s, st) for s, st in zip(old, view.strides) if s != 1]
    i = 0
    rest: Size = 1  # what is left of dims[i - 1] to split
    for size in new:  # splits dimensions and drops or adds ones; merging strided dimensions needs a copy
        if size == 1:
            strides.append(0)
            continue
        if rest == 1:
            if i == len(dims):
                return None
            rest, i = dims[i][0], i + 1
        part = exact_div(rest, size)
        if part is None:
            return None
        strides.append(dims[i - 1][1] * part)
        rest = part
    return Strided(view.offset, tuple(strides)) if rest == 1 and i == len(dims) else None


def _resolve(x: Tensor, shape: Any) -> Shape:
    sizes = [checked(as_size, "reshape", s, [x]) for s in (shape if isinstance(shape, (tuple, list)) else (shape,))]
    unknown = [i for i, s in enumerate(sizes) if isinstance(s, int) and s == -1]
    if len(unknown) > 1:
        fail(ShapeError, "reshape", "more than one size is -1", [x], {"shape": tuple(sizes)})
    if unknown:
        known = product(s for i, s in enumerate(sizes) if i != unknown[0])
        found = exact_div(x.size, known)
        if found is None:
            fail(ShapeError, "reshape", f"{x.size} elements do not divide into {format_shape(sizes)}", [x])
        sizes[unknown[0]] = found
    out = checked(as_shape, "reshape", sizes, [x])
    if product(out) != x.size:
        fail(ShapeError, "reshape", f"{x.size} elements into {format_shape(out)}", [x], {"shape": out})
    return out


def _reshape(x: TensorLike, /, shape: ShapeLike) -> Tensor:
    x = as_tensor(x, "reshape")
    out = _resolve(x, shape)
    return x if out == x.shape else make(RESHAPE, (x,), {"shape": out})


reshape = linear(
    "reshape",
    "The same elements in another shape; one size may be -1.",
    infer=_infer_shape,
    transpose=lambda node, g: reshape(g, node.inputs[0].shape),
    kernel=View(_reshape_view),
    public=_reshape,
    reference=np.reshape,
    onnx="Reshape",
    samples=lambda rng: (
        [Sample((rng.uniform(-2, 2, (2, 6)), s)) for s in ((3, 4), (12,), (-1, 2), (2, 1, 6), (4, 3))]
        + [Sample((rng.uniform(-2, 2, (0, 3)), (3, 0))), Sample((rng.uniform(-2, 2, ()), (1, 1)))]
    ),
    batch=batching.along_dims(whole=["shape"]),
)
RESHAPE = op_of(reshape)


@composite(
    reference=np.expand_dims,
    samples=lambda rng: [Sample((rng.uniform(-2, 2, (3, 4)), a)) for a in (0, 1, -1)],
    onnx="Unsqueeze",
)
def expand_dims(x: TensorLike, /, axis: Ints = 0) -> Tensor:
    """A dimension of size 1 put in at ``axis`` (an int or a tuple of places in the result)."""
    x = as_tensor(x, "expand_dims")
    n = x.ndim + (len(axis) if isinstance(axis, (tuple, list)) else 1)
    axes = axes_of("expand_dims", axis, n, [x])
    sizes = iter(x.shape)
    return reshape(x, tuple(1 if i in axes else next(sizes) for i in range(n)))


@composite(
    reference=np.squeeze,
    onnx="Squeeze",
    samples=lambda rng: [Sample((rng.uniform(-2, 2, (1, 3, 1)), a)) for a in (0, -1, (0, 2))],
)
def squeeze(x: TensorLike, /, axis: Axes = None) -> Tensor:
    """Without the dimensions of size 1 at ``axis`` (all of them unless given)."""
    x = as_tensor(x, "squeeze")
    axes = [i for i, s in enumerate(x.shape) if s == 1] if axis is None else axes_of("squeeze", axis, x.ndim, [x])
    for a in axes:
        if x.shape[a] != 1:
            fail(ShapeError, "squeeze", f"axis {a} has size {x.shape[a]}, not 1", [x], {"axis": axis})
    return reshape(x, tuple(s for i, s in enumerate(x.shape) if i not in axes))


# ------------------------------------------------------------------ permutations
def _infer_permute(xs: Any, attrs: Any) -> Any:
    return ((tuple(xs[0].shape[a] for a in attrs["axes"]), xs[0].dtype),)


def _permute(x: TensorLike, /, axes: Ints) -> Tensor:
    x = as_tensor(x, "permute_dims")
    order = tuple(axis_of("permute_dims", a, x.ndim, [x]) for a in as_list(axes))
    if sorted(order) != list(range(x.ndim)):
        fail(ShapeError, "permute_dims", f"axes {tuple(as_list(axes))} are no order of {x.ndim} dimensions", [x])
    return x if order == tuple(range(x.ndim)) else make(PERMUTE, (x,), {"axes": order})


def _permute_batch(node: Node, xs: Sequence[Tensor], batch: Batch) -> Sequence[Tensor]:
    return batching.remade(node, xs, {"axes": (0, *(a + 1 for a in node.attrs["axes"]))})


permute_dims = linear(
    "permute_dims",
    "The dimensions in the order ``axes``.",
    infer=_infer_permute,
    transpose=lambda node, g: permute_dims(g, tuple(np.argsort(node.attrs["axes"]).tolist())),
    kernel=View(lambda node, v: Strided(v.offset, tuple(v.strides[a] for a in node.attrs["axes"]))),
    public=_permute,
    reference=np.transpose,
    onnx="Transpose",
    samples=lambda rng: (
        [Sample((rng.uniform(-2, 2, (2, 3, 4)), a)) for a in ((0, 1, 2), (2, 0, 1), (0, 2, 1))]
        + [Sample((rng.uniform(-2, 2, (3, 0)), (1, 0)))]
    ),
    batch=_permute_batch,
)
PERMUTE = op_of(permute_dims)


@composite(reference=lambda x: np.swapaxes(x, -1, -2), samples=on(-2, 2, shapes=[((3, 4),), ((2, 3, 4),)]))
def matrix_transpose(x: TensorLike, /) -> Tensor:
    """The last two dimensions swapped."""
    x = as_tensor(x, "matrix_transpose")
    if x.ndim < 2:
        fail(ShapeError, "matrix_transpose", f"needs two dimensions, got {x.ndim}", [x])
    return permute_dims(x, (*range(x.ndim - 2), x.ndim - 1, x.ndim - 2))


# ------------------------------------------------------------------ broadcasting
def _broadcast_view(node: Node, view: Strided) -> Strided:
    old, new = node.inputs[0].shape, node.outputs[0].shape
    extra = len(new) - len(old)
    return Strided(
        view.offset,
        (0,) * extra
        + tuple(0 if s == 1 and new[i + extra] != 1 else st for i, (s, st) in enumerate(zip(old, view.strides))),
    )


def _broadcast_to(x: TensorLike, /, shape: ShapeLike) -> Tensor:
    x = as_tensor(x, "broadcast_to")
    out = checked(as_shape, "broadcast_to", shape, [x])
    if x.shape == out:
        return x
    if broadcast(x.shape, out) != out:
        fail(ShapeError, "broadcast_to", f"{format_shape(x.shape)} does not broadcast to {format_shape(out)}", [x])
    return make(BROADCAST_TO, (x,), {"shape": out})


def _broadcast_batch(node: Node, xs: Sequence[Tensor], batch: Batch) -> Sequence[Tensor]:
    shape = node.attrs["shape"]
    return batching.remade(node, [ranked(xs[0], node.inputs[0], len(shape))], {"shape": (batch.size, *shape)})


broadcast_to = linear(
    "broadcast_to",
    "x repeated along new dimensions and along those of size 1.",
    infer=_infer_shape,
    transpose=lambda node, g: sum_to(g, node.inputs[0].shape),
    kernel=View(_broadcast_view),
    public=_broadcast_to,
    reference=np.broadcast_to,
    onnx="Expand",
    samples=lambda rng: [
        Sample((rng.uniform(-2, 2, s), t))
        for s, t in (((3, 1), (3, 4)), ((4,), (2, 3, 4)), ((), (2, 2)), ((1, 3), (0, 3)), ((2, 3), (2, 3)))
    ],
    batch=_broadcast_batch,
)
BROADCAST_TO = op_of(broadcast_to)


# ------------------------------------------------------------------ slices and padding
def _infer_slice(xs: Any, attrs: Any) -> Any:
    return ((attrs["sizes"], xs[0].dtype),)


def _slice_view(node: Node, view: Strided) -> Strided:
    offset = view.offset
    for start, stride in zip(node.attrs["starts"], view.strides):
        offset = offset + start * stride
    return Strided(offset, tuple(st * k for st, k in zip(view.strides, node.attrs["steps"])))


def _slice_transpose(node: Node, g: Tensor) -> Tensor:
    a = node.attrs
    return make(
        PAD, (g, scalar(0, g.dtype)), {"shape": node.inputs[0].shape, "starts": a["starts"], "steps": a["steps"]}
    )


def _slice(x: Any, /, starts: Any, sizes: Any, steps: Any) -> Tensor:
    x = as_tensor(x, "slice")
    return make(SLICE, (x,), {"starts": tuple(starts), "sizes": tuple(sizes), "steps": tuple(steps)})


slice = linear(
    "slice",
    "Every ``steps``-th element from ``starts``, ``sizes`` of them; what x[a:b:c] builds.",
    infer=_infer_slice,
    transpose=_slice_transpose,
    kernel=View(_slice_view),
    public=_slice,
    reference=lambda x, starts, sizes, steps: (
        x[tuple(np.s_[a + k * np.arange(n)] for a, n, k in zip(starts, sizes, steps))]
        if x.ndim == 1
        else x[np.ix_(*(a + k * np.arange(n) for a, n, k in zip(starts, sizes, steps)))]
    ),
    samples=lambda rng: [
        Sample((rng.uniform(-2, 2, (5, 6)), a, n, k))
        for a, n, k in (
            ((1, 0), (3, 6), (1, 1)),
            ((0, 1), (3, 3), (2, 2)),
            ((4, 5), (5, 2), (-1, -3)),
            ((2, 2), (0, 4), (1, 1)),
        )
    ],
    onnx="Slice",
    batch=batching.along_dims(starts=["starts"], whole=["sizes"], steps=["steps"]),
)
SLICE = op_of(slice)


def _pad_places(node: Node) -> Any:
    return [(0, node.attrs["starts"], node.attrs["steps"])]


def _pad_vjp(node: Node, gs: Any, wanted: Any, _d: Any) -> Any:
    x, a = node.inputs[0], node.attrs
    inner = slice(gs[0], a["starts"], x.shape, a["steps"])
    return [inner if wanted[0] else None, op("sum")(gs[0]) - op("sum")(inner) if wanted[1] else None]


def _pad_jvp(node: Node, ts: Any, _d: Any) -> Any:
    x = node.inputs[0]
    if ts[0] is None and ts[1] is None:
        return [None]
    return [
        make(
            PAD,
            (
                broadcast_to(scalar(0, x.dtype), x.shape) if ts[0] is None else ts[0],
                scalar(0, x.dtype) if ts[1] is None else ts[1],
            ),
            dict(node.attrs),
        )
    ]


def _place_in(x: Any, fill: Any, /, shape: Any, starts: Any, steps: Any) -> Tensor:
    x = as_tensor(x, "place")
    return make(
        PAD,
        (x, as_tensor(fill, "place", x.dtype)),
        {"shape": as_shape(shape), "starts": tuple(starts), "steps": tuple(steps)},
    )


def _place_reference(x: Any, fill: Any, shape: Any, starts: Any, steps: Any) -> Any:
    y = np.full(shape, fill, x.dtype)
    y[np.ix_(*(a + k * np.arange(n) for a, n, k in zip(starts, x.shape, steps)))] = x
    return y


def _place_samples(rng: np.random.Generator) -> Any:
    for shape, whole, starts, steps in (
        ((3, 2), (5, 4), (1, 2), (1, 1)),
        ((3,), (7,), (6,), (-3,)),
        ((0,), (2,), (0,), (1,)),
        ((2, 2), (4, 2), (1, 0), (2, 1)),
    ):
        yield Sample((rng.uniform(-2, 2, shape), rng.uniform(-2, 2, ()), whole, starts, steps))


def _place_batch(node: Node, xs: Sequence[Tensor], batch: Batch) -> Sequence[Tensor]:
    x, fill = xs
    a, n = node.attrs, batch.size
    attrs = {"shape": (n, *a["shape"]), "starts": (0, *a["starts"]), "steps": (1, *a["steps"])}
    x = in_front(x, node.inputs[0], n)
    if fill.ndim == 0:
        return batching.remade(node, [x, fill], attrs)
    (placed,) = batching.remade(node, [x, scalar(0, x.dtype)], attrs)
    inside = make(PAD, (broadcast_to(scalar(True, bool_), node.inputs[0].shape), scalar(False, bool_)), dict(a))
    return [where(inside, placed, ranked(fill, node.inputs[1], len(a["shape"])))]


place = custom(
    "place",
    "x put into an array of ``shape`` that holds ``fill`` elsewhere: element i of each dimension goes to "
    "starts + i * steps.",
    infer=_infer_shape,
    kernel=Place(_pad_places, lambda node: 1),
    public=_place_in,
    vjp=_pad_vjp,
    masks=moved_masks,
    jvp=_pad_jvp,
    reference=_place_reference,
    samples=_place_samples,
    batch=_place_batch,
)
PAD = op_of(place)


@composite(
    reference=np.flip,
    samples=lambda rng: [Sample((rng.uniform(-2, 2, (2, 3)),), {"axis": a}) for a in (None, 0, (0, 1))],
)
def flip(x: TensorLike, /, axis: Axes = None) -> Tensor:
    """The order of elements along axes reversed (all axes unless given)."""
    x = as_tensor(x, "flip")
    axes = axes_of("flip", axis, x.ndim, [x])
    starts = tuple(s - 1 if i in axes else 0 for i, s in enumerate(x.shape))
    return slice(x, starts, x.shape, tuple(-1 if i in axes else 1 for i in range(x.ndim)))


# ------------------------------------------------------------------ joining and splitting
def _infer_concat(xs: Any, attrs: Any) -> Any:
    axis = attrs["axis"]
    total: Size = 0
    for x in xs:
        total = total + x.shape[axis]
    return (((*xs[0].shape[:axis], total, *xs[0].shape[axis + 1 :]), xs[0].dtype),)


def _concat_starts(node: Node) -> list[tuple[Size, ...]]:
    axis = node.attrs["axis"]
    at: Size = 0
    out: list[tuple[Size, ...]] = []
    for x in node.inputs:
        out.append((*(0,) * axis, at, *(0,) * (x.ndim - axis - 1)))
        at = at + x.shape[axis]
    return out


def _concat_vjp(node: Node, gs: Any, wanted: Any, _d: Any) -> Any:
    return [
        slice(gs[0], start, x.shape, (1,) * x.ndim) if w else None
        for start, x, w in zip(_concat_starts(node), node.inputs, wanted)
    ]


def _concat_jvp(node: Node, ts: Any, _d: Any) -> Any:
    if not any(t is not None for t in ts):
        return [None]
    return [
        concat(
            [broadcast_to(scalar(0, x.dtype), x.shape) if t is None else t for t, x in zip(ts, node.inputs)],
            axis=node.attrs["axis"],
        )
    ]


def _listed(name: str, arrays: Any) -> tuple[Any, ...]:
    if not isinstance(arrays, (list, tuple)) or not arrays:
        fail(ShapeError, name, f"needs a list of at least one Tensor, got {arrays!r}")
    return tuple(arrays)


def _concat(arrays: TensorList, /, axis: int | None = 0) -> Tensor:
    xs = operands("concat", _listed("concat", arrays))
    if axis is None:
        xs, axis = tuple(reshape(x, (x.size,)) for x in xs), 0
    axis = axis_of("concat", axis, xs[0].ndim, xs)
    for x in xs:
        if x.ndim != xs[0].ndim or any(a != b for i, (a, b) in enumerate(zip(x.shape, xs[0].shape)) if i != axis):
            fail(
                ShapeError,
                "concat",
                f"{format_shape(xs[0].shape)} and {format_shape(x.shape)} differ beside axis {axis}",
                xs,
                {"axis": axis},
            )
    return xs[0] if len(xs) == 1 else make(CONCAT, xs, {"axis": axis})


def _concat_samples(rng: np.random.Generator) -> Any:
    for shapes, axis in ((((2, 3), (4, 3)), 0), (((2, 3), (2, 1), (2, 0)), 1), (((2,), (3,)), -1)):
        yield Sample(([rng.uniform(-2, 2, s) for s in shapes],), {"axis": axis})


concat = custom(
    "concat",
    "Tensors one after another along ``axis``.",
    infer=_infer_concat,
    public=_concat,
    kernel=Place(lambda node: [(i, s, (1,) * len(s)) for i, s in enumerate(_concat_starts(node))], lambda node: None),
    vjp=_concat_vjp,
    jvp=_concat_jvp,
    masks=moved_masks,
    reference=np.concatenate,
    samples=_concat_samples,
    onnx="Concat",
    batch=batching.on_axes("axis"),
)
CONCAT = op_of(concat)


@composite(
    reference=np.stack,
    samples=lambda rng: [Sample(([rng.uniform(-2, 2, (2, 3)) for _ in range(3)],), {"axis": a}) for a in (0, 1, -1)],
)
def stack(arrays: TensorList, /, axis: int = 0) -> Tensor:
    """Tensors of one shape along a new ``axis``."""
    xs = [as_tensor(a, "stack") for a in _listed("stack", arrays)]
    for x in xs:
        if x.shape != xs[0].shape:
            fail(ShapeError, "stack", f"{format_shape(xs[0].shape)} and {format_shape(x.shape)} differ", xs)
    axis = axis_of("stack", axis, xs[0].ndim + 1, xs)
    return concat([expand_dims(x, axis) for x in xs], axis=axis)


# ------------------------------------------------------------------ indices
def _infer_index(xs: Any, attrs: Any) -> Any:
    return ((attrs["shape"], int64),)


INDEX = register(
    Op(
        "index",
        "leaf",
        "offset + sum(i * stride) of each element's position i, int64.",
        infer=_infer_index,
        differentiable=False,
        kernel=Index(lambda node: (node.attrs["offset"], node.attrs["strides"])),
    )
)


def index(shape: Sequence[Size], offset: Size, strides: Sequence[Size]) -> Tensor:
    """An int64 Tensor of ``offset + sum(i * stride)``: positions, ranges, and sizes known only at the call."""
    return make(INDEX, (), {"shape": tuple(shape), "offset": offset, "strides": tuple(strides)})


def size_as(size: Size, dtype: np.dtype) -> Tensor:
    """A size as a 0-d Tensor: a constant, or what it turns out to be at the call."""
    return astype(index((), size, ()), dtype) if isinstance(size, Dim) else scalar(size, dtype)


def positions(shape: Sequence[Size], axis: int) -> Tensor:
    """Each element's index along ``axis``."""
    return index(shape, 0, tuple(1 if i == axis else 0 for i in range(len(shape))))


def as_index(name: str, idx: Any) -> Tensor:
    """Indices as an int32 or int64 Tensor. Raises DTypeError."""
    idx = as_tensor(idx, name)
    if idx.dtype not in INTEGERS:
        fail(DTypeError, name, f"indices are {idx.dtype.name}; write .astype('int64')", [idx])
    return idx


def split_at_axis(x: Any, axis: int) -> tuple[Size, Size, Size]:
    """The sizes before, at and after ``axis``: what kernels along an axis see."""
    return product(x.shape[:axis]), x.shape[axis], product(x.shape[axis + 1 :])


def _infer_take(xs: Any, attrs: Any) -> Any:
    x, idx = xs
    axis = attrs["axis"]
    return (((*x.shape[:axis], *idx.shape, *x.shape[axis + 1 :]), x.dtype),)


def _take(x: TensorLike, indices: TensorLike, /, axis: int = 0) -> Tensor:
    x, idx = as_tensor(x, "take"), as_index("take", indices)
    if x.ndim == 0:
        fail(ShapeError, "take", "a 0-d Tensor has no axis to take from", [x, idx])
    return make(TAKE, (x, idx), {"axis": axis_of("take", axis, x.ndim, [x, idx])})


def _take_samples(rng: np.random.Generator) -> Any:
    for shape, idx, axis in (((5, 3), (4,), 0), ((5, 3), (2, 2), 1), ((4,), (), 0), ((5, 2), (0,), 0)):
        yield Sample((rng.uniform(-2, 2, shape), rng.integers(-shape[axis], shape[axis], idx)), {"axis": axis})


def spread(idx: Tensor, limit: Size) -> Tensor:
    """Indices of each example, into the rows of all examples one after another; ``limit`` rows are of one."""
    n, rank = idx.shape[0], idx.ndim
    first = index((n, *(1,) * (rank - 1)), 0, (limit, *(0,) * (rank - 1)))
    return astype(checked_index(idx, limit), int64) + first


def _rows_first(x: Tensor, axis: int, n: int = 1) -> Tensor:
    """``n`` dimensions from ``axis`` of each example moved to its front."""
    axes = range(axis + 1, axis + 1 + n)
    return permute_dims(x, (0, *axes, *(i for i in range(1, x.ndim) if i not in axes)))


def _rows_back(x: Tensor, axis: int, n: int = 1) -> Tensor:
    """The reverse of :func:`_rows_first`."""
    rest = range(n + 1, x.ndim)
    return permute_dims(x, (0, *rest[:axis], *range(1, n + 1), *rest[axis:]))


def _take_batch(node: Node, xs: Sequence[Tensor], batch: Batch) -> Sequence[Tensor]:
    x, idx = xs
    axis, (x_moved, idx_moved) = node.attrs["axis"], batching.moved(node, xs)
    idx = batch.indices(idx, idx_moved)
    if not idx_moved:
        return [make(TAKE, (x, idx), {"axis": axis + 1})]
    if not x_moved:
        return [batching.from_axis(make(TAKE, (x, idx), {"axis": axis}), axis)]
    rows = make(TAKE, (merged(_rows_first(x, axis)), spread(idx, node.inputs[0].shape[axis])), {"axis": 0})
    return [_rows_back(rows, axis, idx.ndim - 1)]


take = linear(
    "take",
    "The elements at integer ``indices`` along ``axis``; negative ones count from the end, one out of range "
    "fails the call.",
    infer=_infer_take,
    public=_take,
    transpose=lambda node, g: make(
        TAKE_VJP, (g, node.inputs[1]), {"axis": node.attrs["axis"], "size": node.inputs[0].shape[node.attrs["axis"]]}
    ),
    kernel=Call(
        "take", lambda node: (*split_at_axis(node.inputs[0], node.attrs["axis"]), node.inputs[1].size), guard=True
    ),
    reference=np.take,
    samples=_take_samples,
    onnx="Gather",
    batch=_take_batch,
)
TAKE = op_of(take)


def _infer_take_vjp(xs: Any, attrs: Any) -> Any:
    g, idx = xs
    axis = attrs["axis"]
    return (((*g.shape[:axis], attrs["size"], *g.shape[axis + idx.ndim :]), g.dtype),)


def _take_vjp(g: Any, indices: Any, /, size: Any, axis: int = 0) -> Tensor:
    g, idx = as_tensor(g, "take_vjp"), as_index("take_vjp", indices)
    axis = axis_of("take_vjp", axis, g.ndim - idx.ndim + 1, [g, idx])
    return make(TAKE_VJP, (g, idx), {"axis": axis, "size": as_size(size)})


def _take_vjp_reference(g: Any, indices: Any, size: Any, axis: int = 0) -> Any:
    y = np.zeros((size, *g.shape[:axis], *g.shape[axis + indices.ndim :]), g.dtype)
    np.add.at(y, indices, np.moveaxis(g, range(axis, axis + indices.ndim), range(indices.ndim)))
    return np.moveaxis(y, 0, axis)


def _take_vjp_samples(rng: np.random.Generator) -> Any:
    for shape, idx, axis in (((7, 3), (7,), 0), ((2, 3, 2), (3, 2), 1), ((3,), (), 0), ((0, 2), (0,), 0)):
        yield Sample((rng.uniform(-2, 2, shape), rng.integers(-5, 5, idx)), {"size": 5, "axis": axis})


def _take_vjp_batch(node: Node, xs: Sequence[Tensor], batch: Batch) -> Sequence[Tensor]:
    g, idx = xs
    axis, size, idx_moved = node.attrs["axis"], node.attrs["size"], batching.is_moved(node, xs, 1)
    g, idx = in_front(g, node.inputs[0], batch.size), batch.indices(idx, idx_moved)
    if not idx_moved:
        return [make(TAKE_VJP, (g, idx), {"axis": axis + 1, "size": size})]
    g = _rows_first(g, axis, idx.ndim - 1)
    rows = make(TAKE_VJP, (g, spread(idx, size)), {"axis": 0, "size": batch.size * size})
    return [_rows_back(parted(rows, batch.size, size), axis)]


take_vjp = linear(
    "take_vjp",
    "The transpose of take: g added up at ``indices`` along an axis of ``size``.",
    infer=_infer_take_vjp,
    public=_take_vjp,
    transpose=lambda node, g: take(g, node.inputs[1], axis=node.attrs["axis"]),
    kernel=Call(
        "take_vjp",
        lambda node: (*split_at_axis(node.outputs[0], node.attrs["axis"]), node.inputs[1].size),
        reads=(1, 0),
        guard=True,
    ),
    reference=_take_vjp_reference,
    samples=_take_vjp_samples,
    batch=_take_vjp_batch,
)
TAKE_VJP = op_of(take_vjp)


def _infer_along(xs: Any, attrs: Any) -> Any:
    return ((xs[1].shape, xs[0].dtype),)


def _take_along(x: TensorLike, indices: TensorLike, /, axis: int = -1) -> Tensor:
    x, idx = as_tensor(x, "take_along_axis"), as_index("take_along_axis", indices)
    axis = axis_of("take_along_axis", axis, x.ndim, [x, idx])
    if x.ndim != idx.ndim:
        fail(ShapeError, "take_along_axis", f"{x.ndim} dimensions and {idx.ndim} of indices differ", [x, idx])
    beside = [None if i == axis else broadcast((a,), (b,)) for i, (a, b) in enumerate(zip(x.shape, idx.shape))]
    if any(b is None for i, b in enumerate(beside) if i != axis):
        fail(ShapeError, "take_along_axis", "shapes do not broadcast beside the axis", [x, idx], {"axis": axis})
    x = broadcast_to(x, tuple(s if b is None else b[0] for s, b in zip(x.shape, beside)))
    idx = broadcast_to(idx, tuple(s if b is None else b[0] for s, b in zip(idx.shape, beside)))
    return make(TAKE_ALONG, (x, idx), {"axis": axis})


def _along_samples(rng: np.random.Generator) -> Any:
    for shape, idx, axis in (((5, 3), (2, 3), 0), ((5, 3), (5, 1), 1), ((4, 2), (4, 0), 1)):
        yield Sample((rng.uniform(-2, 2, shape), rng.integers(-shape[axis], shape[axis], idx)), {"axis": axis})


def _along_batch(node: Node, xs: Sequence[Tensor], batch: Batch) -> Sequence[Tensor]:
    idx = batch.indices(xs[1], batching.is_moved(node, xs, 1))
    operands = [in_front(x, v, batch.size) for x, v in zip((xs[0], idx), node.inputs)]
    return batching.remade(node, operands, {**node.attrs, "axis": node.attrs["axis"] + 1})


take_along_axis = linear(
    "take_along_axis",
    "Matching elements at integer ``indices`` along ``axis``, other dimensions broadcast.",
    infer=_infer_along,
    public=_take_along,
    transpose=lambda node, g: make(
        TAKE_ALONG_VJP,
        (g, node.inputs[1]),
        {"axis": node.attrs["axis"], "size": node.inputs[0].shape[node.attrs["axis"]]},
    ),
    kernel=Call(
        "take_along",
        lambda node: (*split_at_axis(node.inputs[0], node.attrs["axis"]), node.inputs[1].shape[node.attrs["axis"]]),
        guard=True,
    ),
    reference=np.take_along_axis,
    samples=_along_samples,
    onnx="GatherElements",
    batch=_along_batch,
)
TAKE_ALONG = op_of(take_along_axis)


def _infer_along_vjp(xs: Any, attrs: Any) -> Any:
    g, axis = xs[0], attrs["axis"]
    return (((*g.shape[:axis], attrs["size"], *g.shape[axis + 1 :]), g.dtype),)


def _take_along_vjp(g: Any, indices: Any, /, size: Any, axis: int = -1) -> Tensor:
    g, idx = as_tensor(g, "take_along_vjp"), as_index("take_along_vjp", indices)
    return make(TAKE_ALONG_VJP, (g, idx), {"axis": axis_of("take_along_vjp", axis, g.ndim), "size": as_size(size)})


def _along_vjp_reference(g: Any, indices: Any, size: Any, axis: int = -1) -> Any:
    g, indices = np.moveaxis(g, axis, 0), np.moveaxis(indices, axis, 0)
    y = np.zeros((size, *g.shape[1:]), g.dtype)
    np.add.at(y, (indices, *np.indices(g.shape)[1:]), g)
    return np.moveaxis(y, 0, axis)


def _along_vjp_samples(rng: np.random.Generator) -> Any:
    for shape, axis in (((7, 3), 0), ((2, 3, 4), 1), ((3,), 0), ((2, 0), 1)):
        yield Sample((rng.uniform(-2, 2, shape), rng.integers(-5, 5, shape)), {"size": 5, "axis": axis})


take_along_vjp = linear(
    "take_along_vjp",
    "The transpose of take_along_axis: g added up at ``indices`` along an axis of ``size``.",
    infer=_infer_along_vjp,
    public=_take_along_vjp,
    transpose=lambda node, g: make(TAKE_ALONG, (g, node.inputs[1]), {"axis": node.attrs["axis"]}),
    kernel=Call(
        "take_along_vjp",
        lambda node: (*split_at_axis(node.outputs[0], node.attrs["axis"]), node.inputs[1].shape[node.attrs["axis"]]),
        reads=(1, 0),
        guard=True,
    ),
    reference=_along_vjp_reference,
    samples=_along_vjp_samples,
    batch=_along_batch,
)
TAKE_ALONG_VJP = op_of(take_along_vjp)


def _check_batch(node: Node, xs: Sequence[Tensor], batch: Batch) -> Sequence[Tensor]:
    return batching.remade(node, [batch.indices(xs[0], True)])


CHECK_INDEX = register(
    Op(
        "check_index",
        "custom",
        "Its operand; the call fails unless every element lies in [lowest, limit).",
        infer=lambda xs, attrs: ((xs[0].shape, xs[0].dtype),),
        kernel=Guard("check_index", lambda node: (node.attrs["limit"], node.attrs["lowest"])),
        differentiable=False,
        batch=_check_batch,
    )
)


def checked_index(idx: Tensor, limit: Size) -> Tensor:
    """``idx`` with negative ones counted from the end; an element outside [-limit, limit) fails the call."""
    idx = make(CHECK_INDEX, (idx,), {"limit": limit, "lowest": -limit})
    return op("where")(idx < 0, idx + size_as(limit, idx.dtype), idx)


@composite(
    reference=lambda idx, n, dtype: np.eye(n, dtype=dtype)[idx],
    differentiable=False,
    onnx="OneHot",
    samples=lambda rng: [Sample((rng.integers(0, 5, s), 5), {"dtype": "float32"}) for s in ((4,), (2, 3), ())],
)
def one_hot(idx: TensorLike, /, n: SizeLike, dtype: DTypeLike = "float32") -> Tensor:
    """1 at each index along a new last axis of size ``n``, else 0; an index out of range fails the call."""
    idx = as_index("one_hot", idx)
    (n,) = checked(as_shape, "one_hot", (n,), [idx])
    return astype(is_label(checked_index(idx, n), n), checked(as_dtype, "one_hot", dtype, [idx]))


def checked_label(idx: Tensor, limit: Size) -> Tensor:
    """``idx``; an element outside [0, limit) fails the call."""
    return make(CHECK_INDEX, (idx,), {"limit": limit, "lowest": 0})


def is_label(idx: Tensor, n: Size) -> Tensor:
    """Bool: whether each position of a new last axis of size ``n`` is the one that ``idx``, from 0, names."""
    shape = (*idx.shape, n)
    return equal(positions(shape, len(shape) - 1), astype(expand_dims(idx, -1), int64))
