"""Rules of Conv and ConvTranspose, of one, two and three dimensions.

Three dimensions are a sum over the kernel's depth of products of images.
"""

from __future__ import annotations

from collections.abc import Sequence

import graphdiff as gd

from ....errors import ShapeError
from ....ir.dims import Dim, Size
from ....ops.tensor import Tensor
from ..call import Call
from ..table import reads
from .windows import Axis, axes_of


@reads("Conv")
def conv(call: Call) -> Tensor:
    x, w, bias = call.tensor(0), call.tensor(1), call.optional(2)
    n = _dimensions(call, x, w)
    for k in w.shape[2:]:
        if isinstance(k, Dim):
            told = f"the kernel's size {str(k)!r} is known only at the call, and must be a number"
            call.fail(ShapeError, f"{told}: write shapes={{...}} to load, with numbers for the weight's sizes")
    axes = axes_of(call, x.shape[2:], call.list_of("kernel_shape", w.shape[2:]))
    if [a.kernel for a in axes] != list(w.shape[2:]):
        call.fail(ShapeError, f"kernel_shape is {[a.kernel for a in axes]}, the weight's is {list(w.shape[2:])}")
    x, axes = _evened(x, axes)
    groups = call.integer("group", 1)
    if n == 3:
        return _with_bias(_conv3d(x, w, axes, groups), bias)
    stride, dilation = [a.stride for a in axes], [a.dilation for a in axes]
    pads = [int(a.before) for a in axes]
    if n == 1:
        return gd.nn.conv1d(x, w, bias, stride, pads, dilation, groups)
    return gd.nn.conv2d(x, w, bias, stride, pads, dilation, groups)


def _dimensions(call: Call, x: Tensor, w: Tensor) -> int:
    n = x.ndim - 2
    if n not in (1, 2, 3) or w.ndim != x.ndim:
        call.fail(ShapeError, f"an image of {x.ndim} dimensions and a weight of {w.ndim}; both have 3, 4 or 5")
    return n


def _evened(x: Tensor, axes: list[Axis]) -> tuple[Tensor, list[Axis]]:
    """The image with what its two ends have differently put to it, so that all else is the same at both."""
    widths: list[tuple[Size, Size]] = [(0, 0), (0, 0)]
    out = []
    for a in axes:
        same = min(a.before, a.after) if isinstance(a.before, int) and isinstance(a.after, int) else 0
        widths.append((a.before - same, a.after - same))
        size = a.size + a.before + a.after - 2 * same
        out.append(a._replace(size=size, before=same, after=same))
    cut = [(max(-b, 0) if isinstance(b, int) else 0, max(-e, 0) if isinstance(e, int) else 0) for b, e in widths]
    if any(b or e for b, e in cut):  # a negative pad takes away
        x = x[tuple(slice(b, s - e) for s, (b, e) in zip(x.shape, cut))]
        widths = [(b + c, e + d) for (b, e), (c, d) in zip(widths, cut)]
    return gd.pad(x, widths), out


def _conv3d(x: Tensor, w: Tensor, axes: Sequence[Axis], groups: int) -> Tensor:
    depth, rows, columns = axes
    x = gd.pad(x, [(0, 0), (0, 0), (depth.before, depth.after), (0, 0), (0, 0)])
    total = None
    for k in range(depth.kernel):
        first = k * depth.dilation
        part = x[:, :, first : first + (depth.windows - 1) * depth.stride + 1 : depth.stride]
        images = gd.reshape(gd.swapaxes(part, 1, 2), (-1, part.shape[1], *part.shape[3:]))
        pads, stride, dilation = (
            (int(rows.before), int(columns.before)),
            (rows.stride, columns.stride),
            (rows.dilation, columns.dilation),
        )
        y = gd.nn.conv2d(images, w[:, :, k], None, stride, pads, dilation, groups)
        total = y if total is None else total + y
    assert total is not None
    return gd.swapaxes(gd.reshape(total, (x.shape[0], depth.windows, *total.shape[1:])), 1, 2)


def _with_bias(y: Tensor, bias: Tensor | None) -> Tensor:
    return y if bias is None else y + gd.reshape(bias, (-1, *(1,) * (y.ndim - 2)))


# --------------------------------------------------------------------------------------- transposed


@reads("ConvTranspose")
def conv_transpose(call: Call) -> Tensor:
    """Computed without padding, of which what ``pads`` say is then cut off at either end."""
    x, w, bias = call.tensor(0), call.tensor(1), call.optional(2)
    n = _dimensions(call, x, w)
    stride, dilation = call.list_of("strides", [1] * n), call.list_of("dilations", [1] * n)
    extra = call.list_of("output_padding", [0] * n)
    y = _transposed(x, w, stride, dilation, call.integer("group", 1))
    cut, widths = [slice(None)] * 2, [(0, 0)] * 2
    for i, (begin, size) in enumerate(_placed(call, x, w, stride, dilation, extra, n)):
        whole = y.shape[2 + i]
        end = begin + size
        beyond = end - whole
        cut.append(slice(begin if begin != 0 else None, end if isinstance(beyond, int) and beyond < 0 else None))
        widths.append((0, max(beyond, 0) if isinstance(beyond, int) else 0))
    return _with_bias(gd.pad(y[tuple(cut)], widths), bias)


def _placed(
    call: Call, x: Tensor, w: Tensor, stride: Sequence[int], dilation: Sequence[int], extra: Sequence[int], n: int
) -> list[tuple[int, Size]]:
    """Where in the whole the result begins along each axis, and its size."""
    pads, shape, auto = call.list_of("pads", [0] * 2 * n), call.raw("output_shape"), call.text("auto_pad", "NOTSET")
    out: list[tuple[int, Size]] = []
    for i in range(n):
        kernel = w.shape[2 + i]
        whole = (x.shape[2 + i] - 1) * stride[i] + (kernel - 1) * dilation[i] + 1 + extra[i]
        before, after = pads[i], pads[n + i]
        if shape is not None or auto.startswith("SAME"):
            size = shape[-n:][i] if shape is not None else x.shape[2 + i] * stride[i]
            total = whole - size
            if not isinstance(total, int):
                call.fail(ShapeError, f"the output_shape {shape} fits no named size {x.shape[2 + i]}")
            total = max(total, 0)
            after = -(-total // 2) if auto == "SAME_UPPER" else total // 2
            before = total - after
            out.append((before, size))
        else:
            out.append((before, whole - before - after))
    return out


def _transposed(x: Tensor, w: Tensor, stride: Sequence[int], dilation: Sequence[int], groups: int) -> Tensor:
    if x.ndim == 3:
        return gd.nn.conv_transpose1d(x, w, None, stride, 0, 0, groups, dilation)
    if x.ndim == 4:
        return gd.nn.conv_transpose2d(x, w, None, stride, 0, 0, groups, dilation)
    images = gd.reshape(gd.swapaxes(x, 1, 2), (-1, x.shape[1], *x.shape[3:]))
    depth = (x.shape[2] - 1) * stride[0] + (w.shape[2] - 1) * dilation[0] + 1
    total = None
    for k in range(int(w.shape[2])):
        y = gd.nn.conv_transpose2d(images, w[:, :, k], None, stride[1:], 0, 0, groups, dilation[1:])
        y = gd.swapaxes(gd.reshape(y, (x.shape[0], x.shape[2], *y.shape[1:])), 1, 2)
        y = _spread(y, k * dilation[0], stride[0], depth)
        total = y if total is None else total + y
    assert total is not None
    return total


def _spread(y: Tensor, first: int, stride: int, size: Size) -> Tensor:
    """``y`` with its third axis at every ``stride``-th place from ``first`` on of one of ``size``."""
    if stride > 1:
        between = gd.expand_dims(y, axis=3)
        between = gd.pad(between, [(0, 0), (0, 0), (0, 0), (0, stride - 1), (0, 0), (0, 0)])
        y = gd.reshape(between, (*y.shape[:2], y.shape[2] * stride, *y.shape[3:]))
        y = y[:, :, : y.shape[2] - (stride - 1)]
    return gd.pad(y, [(0, 0), (0, 0), (first, size - first - y.shape[2]), (0, 0), (0, 0)])
