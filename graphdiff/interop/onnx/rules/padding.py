"""Rules of what puts to the ends of axes or takes away there: Pad, CenterCropPad; and of what puts windows back into
images: Col2Im and MaxUnpool."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import graphdiff as gd

from ....errors import GraphError, ShapeError
from ....ir.dims import Dim, Size, exact_div, floor_div, product
from ....ir.dtypes import FLOATS, bool_
from ....ops.tensor import Tensor
from ..call import Call
from ..known import Known
from ..table import reads
from .elementwise import as_int64


@reads("Pad", settings=(1, 2, 3))
def pad(call: Call) -> Tensor:
    """A negative pad takes away."""
    x = call.tensor()
    if call.opset < 11:
        pads: list[Size] = call.list_of("pads")
        fill: Any = call.number("value", 0.0)
    else:
        pads = call.sizes(1, "the pads")
        fill = _fill(call, x)
    axes = call.ints(3, "the axes") if call.has(3) else [*range(x.ndim)]
    if len(pads) != 2 * len(axes):
        call.fail(ShapeError, f"{len(pads)} pads for {len(axes)} axes")
    widths: list[tuple[Size, Size]] = [(0, 0)] * x.ndim
    for i, axis in enumerate(axes):
        widths[call.axis(axis, x.ndim)] = (pads[i], pads[len(axes) + i])
    mode = call.text("mode", "constant")
    if mode not in ("constant", "edge", "reflect", "wrap"):
        call.fail(GraphError, f"mode is {mode!r}")
    return padded(x, widths, mode, fill)


def _fill(call: Call, x: Tensor) -> Any:
    if not call.has(2):
        return 0 if x.dtype in FLOATS or x.dtype is not bool_ else False
    value = call.value(2)
    if isinstance(value, Known) and value.plain:
        return value.array.ravel()[0].item()
    return gd.reshape(call.as_tensor(value), ())


def padded(x: Tensor, widths: Sequence[tuple[Size, Size]], mode: str = "constant", fill: Any = 0) -> Tensor:
    """As gd.pad, with negative widths."""
    cut = [tuple(-w if isinstance(w, int) and w < 0 else 0 for w in pair) for pair in widths]
    if any(w for pair in cut for w in pair):
        x = x[tuple(slice(a, s - b) for s, (a, b) in zip(x.shape, cut))]
        widths = [(w[0] + c[0], w[1] + c[1]) for w, c in zip(widths, cut)]
    return gd.pad(x, widths, mode=mode, constant_values=fill)


@reads("CenterCropPad", settings=(1,))
def center_crop_pad(call: Call) -> Tensor:
    x, sizes = call.tensor(), call.sizes(1, "the shape")
    axes = [call.axis(a, x.ndim) for a in call.list_of("axes", range(x.ndim))]
    widths: list[tuple[Size, Size]] = [(0, 0)] * x.ndim
    for axis, to in zip(axes, sizes):
        more = to - x.shape[axis]
        if isinstance(more, Dim):
            call.fail(ShapeError, f"whether {x.shape[axis]} is cropped or padded to {to} is known only at the call")
        before = -(-more // 2) if more < 0 else more // 2
        widths[axis] = (before, more - before)
    return padded(x, widths)


@reads("Col2Im", settings=(1, 2))
def col_to_im(call: Call) -> Tensor:
    """Each block of a column is added where it was taken from."""
    x, image, block = call.tensor(), call.sizes(1, "the image's shape"), call.ints(2, "the block's shape")
    n = len(image)
    dilations, strides = call.list_of("dilations", [1] * n), call.list_of("strides", [1] * n)
    pads = call.list_of("pads", [0] * 2 * n)
    counts = [
        floor_div(image[i] + pads[i] + pads[n + i] - dilations[i] * (block[i] - 1) - 1, strides[i]) + 1
        for i in range(n)
    ]
    channels = exact_div(x.shape[1], product(block))
    if channels is None:
        call.fail(ShapeError, f"{x.shape[1]} rows do not divide into blocks of {block}")
    whole = [image[i] + pads[i] + pads[n + i] for i in range(n)]
    at: Any = gd.zeros((), dtype="int64")
    for i in range(n):  # (block..., counts...)
        tap, start = [1] * 2 * n, [1] * 2 * n
        tap[i], start[n + i] = -1, -1
        along = gd.reshape(gd.arange(block[i]) * dilations[i], tuple(tap)) + gd.reshape(
            gd.arange(counts[i]) * strides[i], tuple(start)
        )
        at = at * gd.constant(whole[i], "int64") + along
    rows = gd.reshape(x, (x.shape[0] * channels, product(block) * product(counts)))
    flat = gd.scatter_add(
        gd.zeros((product(whole), x.shape[0] * channels), dtype=x.dtype), gd.reshape(at, (-1,)), rows.T
    )
    y = gd.reshape(flat.T, (x.shape[0], channels, *whole))
    return padded(y, [(0, 0), (0, 0), *((-pads[i], -pads[n + i]) for i in range(n))])


@reads("MaxUnpool", settings=(2,))
def max_unpool(call: Call) -> Tensor:
    x, indices = call.tensor(0), as_int64(call.tensor(1))
    n = x.ndim - 2
    kernel, strides = call.list_of("kernel_shape"), call.list_of("strides", [1] * n)
    pads = call.list_of("pads", [0] * 2 * n)
    shape = (*x.shape[:2], *((x.shape[2 + i] - 1) * strides[i] - pads[i] - pads[n + i] + kernel[i] for i in range(n)))
    flat = gd.scatter_add(gd.zeros((product(shape),), dtype=x.dtype), gd.reshape(indices, (-1,)), gd.reshape(x, (-1,)))
    y = gd.reshape(flat, shape)
    if not call.has(2):
        return y
    return padded(y, [(0, to - s) for to, s in zip(call.sizes(2, "the output_shape"), shape)])
