"""Rules of movement: shapes, slices, gathers and scatters, and the makers of arrays."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import graphdiff as gd

from ....errors import DTypeError, GraphError, ShapeError
from ....ir.dims import Dim, Size, exact_div, product
from ....ir.dtypes import FLOATS
from ....ops.tensor import Tensor
from ..call import Call
from ..fold import LONGEST
from ..known import Known, known
from ..scope import Value
from ..source import ArrayView
from ..table import reads
from .elementwise import as_int64, converted

# --------------------------------------------------------------------------------------- makers

LARGEST_WEIGHT = 1 << 28  # elements of a weight that only its shape and one number are stored of


@reads("Constant")
def constant(call: Call) -> Value:
    name = call.node.outputs[0]
    for key, dtype in (("value_float", "float32"), ("value_floats", "float32"), ("value_int", "int64")):
        if (value := call.raw(key)) is not None:
            return call.importer.constant(call, np.asarray(value, dtype), name)
    if (value := call.raw("value_ints")) is not None:
        return known(np.asarray(value, np.int64), np.int64)
    value = call.raw("value")
    if not isinstance(value, ArrayView):
        held = ", ".join(call.node.attrs) or "nothing"
        call.fail(DTypeError, f"the constant holds {held}; graphdiff has tensors of numbers")
    return call.importer.constant(call, value.array(), name)


@reads("ConstantOfShape", settings=(0,))
def constant_of_shape(call: Call) -> Value:
    fill = call.array("value").reshape(()) if call.raw("value") is not None else np.zeros((), np.float32)
    shape = call.sizes(0, "the shape")
    if all(isinstance(s, int) for s in shape):
        if any(isinstance(s, int) and s < 0 for s in shape):
            call.fail(ShapeError, f"a size of {shape} is negative")
        if math.prod(map(int, shape)) <= LARGEST_WEIGHT:  # without its elements, for it may stay a constant
            whole = np.broadcast_to(fill, [int(s) for s in shape])
            made = call.importer.constant(call, whole, call.node.outputs[0])
            if isinstance(made, Tensor) or whole.size <= LONGEST:
                return made
    value = call.as_tensor(known(fill, call.importer.converted(fill.dtype)))
    return gd.full(tuple(shape), value)


@reads("EyeLike")
def eye_like(call: Call) -> Tensor:
    x = call.value(0)
    dtype = call.dtype(call.integer("dtype")) if call.raw("dtype") is not None else x.dtype
    rows, columns = x.shape
    return gd.eye(rows, columns, k=call.integer("k", 0), dtype=dtype)


@reads("Range")
def range_(call: Call) -> Tensor:
    """Of integers that are known or sizes any; the count of a float one must be known."""
    dtype = call.value(0).dtype
    names = ("the start", "the limit", "the step")
    bounds: list[Any] = [call.known(i, what).ravel()[0] for i, what in enumerate(names)]
    bounds = [b if isinstance(b, Dim) else b.item() if isinstance(b, np.generic) else b for b in bounds]
    if any(not isinstance(b, (Dim, int, float)) for b in bounds):
        call.fail(ShapeError, f"the bounds {bounds} are no whole numbers")
    start, stop, step = bounds
    if any(isinstance(b, float) for b in bounds) and not any(isinstance(b, Dim) for b in bounds):
        count = max(0, math.ceil((stop - start) / step))
        return gd.astype(gd.arange(count), dtype) * dtype.type(step) + dtype.type(start)
    start, stop, step = (int(b) if isinstance(b, float) and b == int(b) else b for b in bounds)
    return converted(gd.arange(start, stop, step), dtype)


@reads("Shape")
def shape(call: Call) -> Known:
    sizes = list(call.value(0).shape)
    start, end = call.integer("start", 0), call.raw("end")
    return known(sizes[slice(start, end)], np.int64)


@reads("Size")
def size(call: Call) -> Known:
    return known(product(call.value(0).shape), np.int64)


# --------------------------------------------------------------------------------------- shapes


@reads("Reshape", settings=(1,))
def reshape(call: Call) -> Tensor:
    x = call.tensor()
    shape = call.sizes(1, "the shape") if call.opset >= 5 else call.list_of("shape")
    if not call.flag("allowzero"):
        shape = [_kept(call, x, i) if s == 0 else s for i, s in enumerate(shape)]
    if shape.count(-1) == 1:
        rest = product(s for s in shape if s != -1)
        whole = exact_div(x.size, rest) if rest != 0 else 0
        if whole is not None:
            shape = [whole if s == -1 else s for s in shape]
    return gd.reshape(x, tuple(shape))


def _kept(call: Call, x: Tensor, axis: int) -> Size:
    if axis >= x.ndim:
        call.fail(ShapeError, f"a 0 in the shape keeps axis {axis}, which an operand of {x.ndim} dimensions has not")
    return x.shape[axis]


@reads("Flatten")
def flatten(call: Call) -> Tensor:
    x, axis = call.tensor(), call.integer("axis", 1)
    axis = axis + x.ndim if axis < 0 else axis
    return gd.reshape(x, (product(x.shape[:axis]), product(x.shape[axis:])))


@reads("Squeeze", settings=(1,))
def squeeze(call: Call) -> Tensor:
    """A named size that is dropped must be 1 in each call."""
    x = call.tensor()
    axes = call.axes(x.ndim, 1, 13)
    if axes is None:
        axes = [i for i, s in enumerate(x.shape) if s == 1]
    for i in axes:
        if isinstance(x.shape[i], Dim):
            call.importer.assume(x.shape[i], 1, True)
            x = x[tuple(slice(0, 1) if k == i else slice(None) for k in range(x.ndim))]
            x = gd.reshape(x, tuple(1 if k == i else s for k, s in enumerate(x.shape)))
    return gd.squeeze(x, axis=tuple(axes))


@reads("Unsqueeze", settings=(1,))
def unsqueeze(call: Call) -> Tensor:
    axes = call.ints(1, "the axes") if call.opset >= 13 else call.list_of("axes")
    return gd.expand_dims(call.tensor(), axis=tuple(axes))


@reads("Transpose")
def transpose(call: Call) -> Tensor:
    x = call.tensor()
    return gd.permute_dims(x, call.list_of("perm", range(x.ndim)[::-1]))


@reads("Expand", settings=(1,))
def expand(call: Call) -> Tensor:
    x = call.tensor()
    to = call.sizes(1, "the shape")
    ndim = max(x.ndim, len(to))
    pairs = zip([1] * (ndim - x.ndim) + list(x.shape), [1] * (ndim - len(to)) + to)
    return gd.broadcast_to(x, tuple(a if b == 1 else b for a, b in pairs))


@reads("Tile", settings=(1,))
def tile(call: Call) -> Tensor:
    x = call.tensor()
    counts = call.sizes(1, "the repetitions")
    plain = [n for n in counts if isinstance(n, int)]
    if len(plain) == len(counts):
        return gd.tile(x, plain)
    between = tuple(s for pair in zip((1,) * x.ndim, x.shape) for s in pair)
    spread = tuple(s for pair in zip(counts, x.shape) for s in pair)
    return gd.reshape(gd.broadcast_to(gd.reshape(x, between), spread), tuple(n * s for n, s in zip(counts, x.shape)))


@reads("Concat")
def concat(call: Call) -> Tensor:
    xs = call.tensors()
    return gd.concat(xs, axis=call.axis(call.integer("axis"), xs[0].ndim))


@reads("Split", settings=(1,))
def split(call: Call) -> list[Tensor]:
    x = call.tensor()
    axis = call.axis(call.integer("axis", 0), x.ndim)
    n, whole = len(call.node.outputs), x.shape[axis]
    if call.opset >= 13:
        sizes = call.sizes(1, "the sizes") if call.has(1) else None
        if call.integer("num_outputs", n) != n:
            call.fail(GraphError, f"num_outputs is {call.integer('num_outputs')}, and it has {n} results")
    else:
        sizes = call.raw("split")
    if sizes is None:
        each = exact_div(whole, n)
        if each is None:
            each = -(-whole // n)  # the last one is smaller
        sizes = [each] * (n - 1) + [whole - each * (n - 1)]
    return gd.split(x, sizes, axis=axis)


@reads("Slice", settings=(1, 2, 3, 4))
def slice_(call: Call) -> Tensor:
    """Clipped at both ends as NumPy clips; TensorFlow writes 1,000,000,000 for the end, PyTorch 2^63 - 1."""
    x = call.tensor()
    if call.opset < 10:
        starts, ends = call.list_of("starts"), call.list_of("ends")
        axes, steps = call.list_of("axes", range(len(starts))), [1] * len(starts)
    else:
        starts, ends = call.sizes(1, "the starts"), call.sizes(2, "the ends")
        axes = call.ints(3, "the axes") if call.has(3) else [*range(len(starts))]
        steps = call.ints(4, "the steps") if call.has(4) else [1] * len(starts)
    cut: list[slice] = [slice(None)] * x.ndim
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        axis = call.axis(axis, x.ndim)
        cut[axis] = _range_of(x.shape[axis], start, end, step)
    return x[tuple(cut)]


_FAR = 1_000_000_000  # what is meant as the end, whatever the size is


def _range_of(n: Size, start: Size, end: Size, step: int) -> slice:
    if step > 0:
        first = None if isinstance(start, int) and (start == 0 or start <= -_FAR) else start
        last = None if (isinstance(end, int) and end >= _FAR) or end == n else end
        return slice(first, last, step)
    first = None if isinstance(start, int) and (start >= _FAR or start == -1) else start
    far = isinstance(end, int) and (end <= -_FAR or (isinstance(n, int) and end < -n))
    return slice(first, None if far else end, step)


@reads("Trilu", settings=(1,))
def trilu(call: Call) -> Tensor:
    x = call.tensor()
    k = call.ints(1, "the diagonal")[0] if call.has(1) else 0
    return gd.triu(x, k=k) if call.flag("upper", True) else gd.tril(x, k=k)


# --------------------------------------------------------------------------------------- gathers


@reads("Gather")
def gather(call: Call) -> Tensor:
    """Of any number of indices along one axis; a single one drops it."""
    x, indices = call.value(0), call.value(1)
    axis = call.axis(call.integer("axis", 0), len(x.shape))
    data = call.as_tensor(x)
    if isinstance(indices, Known) and not indices.shape:
        index = indices.array[()]
        if isinstance(index, Dim) or isinstance(index, np.integer):
            cut: list[Any] = [slice(None)] * data.ndim
            cut[axis] = index if isinstance(index, Dim) else int(index)
            return data[tuple(cut)]
    return gd.take(data, call.as_tensor(indices), axis=axis)


@reads("GatherND")
def gather_nd(call: Call) -> Tensor:
    x, indices = call.tensors(2)
    return gd.gather_nd(x, indices, batch_dims=call.integer("batch_dims", 0))


@reads("GatherElements")
def gather_elements(call: Call) -> Tensor:
    x, indices = call.tensors(2)
    axis = call.axis(call.integer("axis", 0), x.ndim)
    return gd.take_along_axis(_beside(x, indices, axis), indices, axis=axis)


def _beside(x: Tensor, indices: Tensor, axis: int) -> Tensor:
    """``x`` as far as there are indices along the other axes."""
    cut = [slice(None) if i == axis or a == b else slice(0, b) for i, (a, b) in enumerate(zip(x.shape, indices.shape))]
    return x if all(c == slice(None) for c in cut) else x[tuple(cut)]


@reads("OneHot", settings=(1,))
def one_hot(call: Call) -> Tensor:
    """Indices out of range give a row of the off value."""
    indices, depth = call.tensor(0), call.size(1, "the depth")
    values = call.tensor(2)
    axis = call.axis(call.integer("axis", -1), indices.ndim + 1)
    at = as_int64(indices) if indices.dtype in FLOATS else indices
    at = gd.expand_dims(as_int64(at), axis=axis)
    n = gd.constant(depth, "int64")
    at = gd.where(at < 0, at + n, at)
    row = [1] * (indices.ndim + 1)
    row[axis] = -1
    hit = gd.reshape(gd.arange(depth), tuple(row)) == at
    return gd.where(hit, values[1], values[0])


@reads("Compress", settings=(1,))
def compress(call: Call) -> Tensor:
    """Of a condition that is known now."""
    x, keep = call.tensor(), call.numbers(1, "the condition")
    axis = call.raw("axis")
    if axis is None:
        x, axis = gd.reshape(x, (x.size,)), 0
    return gd.take(x, np.flatnonzero(keep), axis=call.axis(axis, x.ndim))


@reads("NonZero")
def nonzero(call: Call) -> Known:
    found = np.nonzero(call.numbers(0, "the operand, whose elements decide the shape of the result,"))
    return known(np.asarray(found), np.int64)


@reads("DepthToSpace")
def depth_to_space(call: Call) -> Tensor:
    x, b = call.tensor(), call.integer("blocksize")
    n, c, h, w = x.shape
    rest = c // (b * b)
    if call.text("mode", "DCR") == "DCR":
        y = gd.permute_dims(gd.reshape(x, (n, b, b, rest, h, w)), (0, 3, 4, 1, 5, 2))
    else:
        y = gd.permute_dims(gd.reshape(x, (n, rest, b, b, h, w)), (0, 1, 4, 2, 5, 3))
    return gd.reshape(y, (n, rest, h * b, w * b))


@reads("SpaceToDepth")
def space_to_depth(call: Call) -> Tensor:
    x, b = call.tensor(), call.integer("blocksize")
    n, c, h, w = x.shape
    order = (0, 3, 5, 1, 2, 4) if call.text("mode", "DCR") == "DCR" else (0, 1, 3, 5, 2, 4)
    y = gd.permute_dims(gd.reshape(x, (n, c, h // b, b, w // b, b)), order)
    return gd.reshape(y, (n, c * b * b, h // b, w // b))


@reads("ReverseSequence")
def reverse_sequence(call: Call) -> Tensor:
    """The first ``lengths[i]`` steps of each sequence turned around."""
    x, lengths = call.tensors(2)
    batch, time = call.integer("batch_axis", 1), call.integer("time_axis", 0)
    y = x if time == 0 else gd.swapaxes(x, 0, 1)
    steps, ends = gd.expand_dims(gd.arange(y.shape[0]), axis=1), gd.expand_dims(as_int64(lengths), axis=0)
    at = gd.where(steps < ends, ends - 1 - steps, steps)
    at = gd.broadcast_to(gd.reshape(at, (*at.shape, *(1,) * (y.ndim - 2))), y.shape)
    y = gd.take_along_axis(y, at, axis=0)
    if {batch, time} != {0, 1}:
        call.fail(GraphError, f"batch_axis {batch} and time_axis {time} are not 0 and 1")
    return y if time == 0 else gd.swapaxes(y, 0, 1)
