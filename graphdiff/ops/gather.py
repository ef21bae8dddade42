"""Declarations of positions and of what is read and added up at them: index, take and its kin, checks of indices.

Each gather is a kernel over indices; the transpose of it is another one that adds up.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import DTypeError, FeedError, ShapeError
from ..ir.dims import Dim, Size, as_shape, as_size, broadcast, product
from ..ir.dtypes import INTEGERS, int64
from ..ir.node import Node
from . import batching, pattern
from .batching import Batch, in_front, merged, parted
from .comparison import equal
from .elementwise import astype
from .laws import Attrs, Values, are_offsets, beside, is_int, is_offset, is_shape, is_size, law, on_axis
from .movement import broadcast_to, expand_dims, permute_dims
from .notation import position, unseen
from .opdef import composite, linear
from .operands import axis_of, check_dtype
from .registry import Call, Guard, Index, Op, Sample, op, op_of, register
from .tensor import Tensor, as_tensor, checked, dtype_or_default, fail, make, scalar
from .types import DTypeLike, SizeLike, TensorLike


# ------------------------------------------------------------------ indices
def _infer_index(xs: Any, attrs: Any) -> Any:
    return ((attrs["shape"], int64),)


def _index_arrays(_xs: Any, a: Any) -> Any:
    out = np.full(a["shape"], a["offset"], np.int64)
    for axis, stride in enumerate(a["strides"]):
        out += (np.arange(a["shape"][axis]) * stride).reshape(-1, *(1,) * (out.ndim - axis - 1))
    return out


INDEX = register(
    Op(
        "index",
        "leaf",
        "offset + sum(i * stride) of each element's position i, int64.",
        infer=_infer_index,
        differentiable=False,
        kernel=Index(lambda node: (node.attrs["offset"], node.attrs["strides"])),
        law=law(
            "",
            lambda xs, a: len(a["shape"]) == len(a["strides"]),
            shape=is_shape,
            offset=is_offset,
            strides=are_offsets,
        ),
        compute=_index_arrays,
        page="counted",
        notation=position,
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
    "The elements at integer ``indices`` along ``axis``; negative ones count from the end, one out of "
    "range fails the call.\n"
    "Dtypes: any\n"
    "Shapes: x.shape with indices.shape in place of axis\n"
    "Edges: take([1.0, 2.0], [-1, 1]) = [2.0, 2.0]; an index used twice has its gradients added up; one "
    "out of range fails the call\n"
    "Raises: ShapeError, DTypeError\n"
    "Example: gd.take([10.0, 20.0, 30.0], [2, 0, -1]) -> [30.0, 10.0, 30.0]",
    infer=_infer_take,
    public=_take,
    transpose=lambda node, g: make(
        TAKE_VJP, (g, node.inputs[1]), {"axis": node.attrs["axis"], "size": node.inputs[0].shape[node.attrs["axis"]]}
    ),
    kernel=Call(
        "take",
        lambda node: (*split_at_axis(node.inputs[0], node.attrs["axis"]), node.inputs[1].size),
        guard=True,
        partly=(0,),
        flops=lambda node: node.outputs[0].size,
    ),
    reference=np.take,
    samples=_take_samples,
    onnx="Gather",
    batch=_take_batch,
    law=law("any index", lambda xs, a: on_axis(xs[0], a["axis"]), axis=is_int),
    page="gathered",
)
TAKE = op_of(take)


def infer_scatter(xs: Any, attrs: Any) -> Any:
    g, idx = xs
    axis = attrs["axis"]
    return (((*g.shape[:axis], attrs["size"], *g.shape[axis + idx.ndim :]), g.dtype),)


def _take_vjp(g: Any, indices: Any, /, size: Any, axis: int = 0) -> Tensor:
    g, idx = as_tensor(g, "take_vjp"), as_index("take_vjp", indices)
    check_dtype("take_vjp", (g,), "numeric")
    axis = axis_of("take_vjp", axis, g.ndim - idx.ndim + 1, [g, idx])
    return make(TAKE_VJP, (g, idx), {"axis": axis, "size": as_size(size)})


def take_vjp_reference(g: Any, indices: Any, size: Any, axis: int = 0) -> Any:
    y = np.zeros((size, *g.shape[:axis], *g.shape[axis + indices.ndim :]), g.dtype)
    np.add.at(y, indices, np.moveaxis(g, range(axis, axis + indices.ndim), range(indices.ndim)))
    return np.moveaxis(y, 0, axis)


def _take_vjp_samples(rng: np.random.Generator) -> Any:
    for shape, idx, axis in (((7, 3), (7,), 0), ((2, 3, 2), (3, 2), 1), ((3,), (), 0), ((0, 2), (0,), 0)):
        yield Sample((rng.uniform(-2, 2, shape), rng.integers(-5, 5, idx)), {"size": 5, "axis": axis})


def scatter_batch(node: Node, xs: Sequence[Tensor], batch: Batch) -> Sequence[Tensor]:
    """What brings elements together by indices, which are operand 1, along ``axis`` of a ``size``."""
    g, idx = xs
    axis, size, idx_moved = node.attrs["axis"], node.attrs["size"], batching.is_moved(node, xs, 1)
    g, idx = in_front(g, node.inputs[0], batch.size), batch.indices(idx, idx_moved)
    if not idx_moved:
        return batching.remade(node, [g, idx], {**node.attrs, "axis": axis + 1})
    g = _rows_first(g, axis, idx.ndim - 1)
    attrs = {**node.attrs, "axis": 0, "size": batch.size * size}
    (rows,) = batching.remade(node, [g, spread(idx, size)], attrs)
    return [_rows_back(parted(rows, batch.size, size), axis)]


def keeps_scatter(xs: Values, a: Attrs) -> bool:
    g, idx = xs
    return 0 <= a["axis"] and a["axis"] + idx.ndim <= g.ndim and g.shape[a["axis"] :][: idx.ndim] == idx.shape


take_vjp = linear(
    "take_vjp",
    "The transpose of take: g added up at ``indices`` along an axis of ``size``.",
    infer=infer_scatter,
    public=_take_vjp,
    transpose=lambda node, g: take(g, node.inputs[1], axis=node.attrs["axis"]),
    kernel=Call(
        "take_vjp",
        lambda node: (*split_at_axis(node.outputs[0], node.attrs["axis"]), node.inputs[1].size),
        reads=(1, 0),
        guard=True,
    ),
    reference=take_vjp_reference,
    samples=_take_vjp_samples,
    batch=scatter_batch,
    law=law("numeric index", keeps_scatter, axis=is_int, size=is_size),
    internal=True,
    page="addedUp",
    pattern=pattern.scattered(0),
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


def _keeps_along(xs: Values, a: Attrs) -> bool:
    x, idx = xs
    return on_axis(x, a["axis"]) and x.ndim == idx.ndim and beside(x.shape, a["axis"]) == beside(idx.shape, a["axis"])


take_along_axis = linear(
    "take_along_axis",
    "Matching elements at integer ``indices`` along ``axis``, other dimensions broadcast.\n"
    "Dtypes: any\n"
    "Shapes: indices.shape, broadcast but along axis\n"
    "Edges: take_along_axis([1.0, 2.0], [-1]) = [2.0]; an index used twice has its gradients added up; "
    "one out of range fails the call\n"
    "Raises: ShapeError, DTypeError\n"
    "Example: gd.take_along_axis([[10.0, 20.0], [30.0, 40.0]], [[1], [0]], axis=1) -> [[20.0], [30.0]]",
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
    law=law("any index", _keeps_along, axis=is_int),
    page="gatheredAlong",
)
TAKE_ALONG = op_of(take_along_axis)


def _infer_along_vjp(xs: Any, attrs: Any) -> Any:
    g, axis = xs[0], attrs["axis"]
    return (((*g.shape[:axis], attrs["size"], *g.shape[axis + 1 :]), g.dtype),)


def _take_along_vjp(g: Any, indices: Any, /, size: Any, axis: int = -1) -> Tensor:
    g, idx = as_tensor(g, "take_along_vjp"), as_index("take_along_vjp", indices)
    check_dtype("take_along_vjp", (g,), "numeric")
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
    law=law(
        "numeric index",
        lambda xs, a: on_axis(xs[0], a["axis"]) and xs[0].shape == xs[1].shape,
        axis=is_int,
        size=is_size,
    ),
    internal=True,
    page="addedUpAlong",
    pattern=pattern.scattered(0),
)
TAKE_ALONG_VJP = op_of(take_along_vjp)


def _check_batch(node: Node, xs: Sequence[Tensor], batch: Batch) -> Sequence[Tensor]:
    return batching.remade(node, [batch.indices(xs[0], True)])


def _checked_arrays(xs: Any, a: Any) -> Any:
    if ((xs[0] < a["lowest"]) | (xs[0] >= a["limit"])).any():
        raise FeedError("index out of range")
    return xs[0]


CHECK_INDEX = register(
    Op(
        "check_index",
        "custom",
        "Its operand; the call fails unless every element lies in [lowest, limit).",
        infer=lambda xs, attrs: ((xs[0].shape, xs[0].dtype),),
        kernel=Guard("check_index", lambda node: (node.attrs["limit"], node.attrs["lowest"])),
        differentiable=False,
        batch=_check_batch,
        law=law("index", limit=is_size, lowest=is_offset),
        compute=_checked_arrays,
        page="checkedRange",
        notation=unseen,
    )
)


def checked_rows(idx: Tensor, limit: Size) -> Tensor:
    """``idx``; an element outside [-limit, limit) fails the call. Itself where it is that already."""
    node = idx.node
    if node.op is CHECK_INDEX and node.attrs["limit"] == limit and node.attrs["lowest"] in (0, -limit):
        return idx
    return make(CHECK_INDEX, (idx,), {"limit": limit, "lowest": -limit})


def checked_index(idx: Tensor, limit: Size) -> Tensor:
    """``idx`` with negative ones counted from the end; an element outside [-limit, limit) fails the call."""
    idx = checked_rows(idx, limit)
    return op("where")(idx < 0, idx + size_as(limit, idx.dtype), idx)


@composite(
    reference=lambda idx, n, dtype: np.eye(n, dtype=dtype)[idx],
    differentiable=False,
    onnx="OneHot",
    samples=lambda rng: [Sample((rng.integers(0, 5, s), 5), {"dtype": "float32"}) for s in ((4,), (2, 3), ())],
)
def one_hot(idx: TensorLike, /, n: SizeLike, dtype: DTypeLike | None = None) -> Tensor:
    """1 at each index along a new last axis of size ``n``, else 0; an index out of range fails the call.

    Dtypes: int32, int64 for indices; the result has dtype
    Shapes: (...) -> (..., n)
    Edges: one_hot([-1], 2) = [[0.0, 1.0]]
    Raises: ShapeError, DTypeError
    Example: gd.one_hot([0, 2], 3) -> [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    idx = as_index("one_hot", idx)
    (n,) = checked(as_shape, "one_hot", (n,), [idx])
    return astype(is_label(checked_index(idx, n), n), dtype_or_default("one_hot", dtype, [idx]))


def checked_label(idx: Tensor, limit: Size) -> Tensor:
    """``idx``; an element outside [0, limit) fails the call."""
    return make(CHECK_INDEX, (idx,), {"limit": limit, "lowest": 0})


def is_label(idx: Tensor, n: Size) -> Tensor:
    """Bool: whether each position of a new last axis of size ``n`` is the one that ``idx``, from 0, names."""
    shape = (*idx.shape, n)
    return equal(positions(shape, len(shape) - 1), astype(expand_dims(idx, -1), int64))
