"""How windows lie on images: kernel, stride, dilation and padding of convolutions and pools, along each axis.

Owns: :class:`Axis`, and the reading of ``auto_pad``, ``pads`` and ``ceil_mode``. Sizes may be named.
Must not know: what is done with a window.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import graphdiff as gd

from ....errors import GraphError, ShapeError
from ....ir.dims import Size, floor_div, least
from ....ops.tensor import Tensor
from ..call import Call


class Axis(NamedTuple):
    """Windows along one axis of ``size`` elements: ``before`` and ``after`` are what is put to its ends, of which
    windows may reach ``beyond`` the last."""

    size: Size
    kernel: int
    stride: int
    dilation: int
    before: Size
    after: Size
    beyond: Size = 0

    @property
    def extent(self) -> int:
        """From the first to the last element of a window."""
        return (self.kernel - 1) * self.dilation + 1

    @property
    def windows(self) -> Size:
        """How many windows there are."""
        room = self.size + self.before + self.after + self.beyond - self.extent
        return floor_div(room, self.stride) + 1


def axes_of(call: Call, sizes: Sequence[Size], kernel: Sequence[Size]) -> list[Axis]:
    """The windows of a node over axes of ``sizes``. Raises ShapeError and GraphError."""
    n = len(sizes)
    strides, dilations = call.list_of("strides", [1] * n), call.list_of("dilations", [1] * n)
    pads, auto = call.list_of("pads", [0] * 2 * n), call.text("auto_pad", "NOTSET")
    if auto not in ("NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"):
        call.fail(GraphError, f"auto_pad is {auto!r}")
    if not len(kernel) == len(strides) == len(dilations) == n or len(pads) != 2 * n:
        call.fail(ShapeError, f"a kernel of {len(kernel)} dimensions over {n} of the image, with pads {pads}")
    if any(v < 1 for v in (*strides, *dilations)):
        call.fail(GraphError, f"strides {strides} and dilations {dilations} must be from 1 on")
    out = []
    for i, (size, k, stride, dilation) in enumerate(zip(sizes, kernel, strides, dilations)):
        if not isinstance(k, int) or k < 1:
            call.fail(ShapeError, f"the kernel's size {k} is no number from 1 on")
        before, after = (pads[i], pads[n + i]) if auto == "NOTSET" else (0, 0)
        axis = Axis(size, k, stride, dilation, before, after)
        if auto.startswith("SAME"):
            total = _same(call, axis)
            less = floor_div(total, 2)
            axis = axis._replace(before=less, after=total - less)
            if auto == "SAME_LOWER":
                axis = axis._replace(before=axis.after, after=axis.before)
        out.append(_up(axis) if call.flag("ceil_mode") else axis)
    return out


def _same(call: Call, a: Axis) -> Size:
    """What is put to both ends so that there are as many windows as strides in the image."""
    total = (-floor_div(-a.size, a.stride) - 1) * a.stride + a.extent - a.size
    if isinstance(total, int):
        return max(total, 0)
    if a.extent < a.stride:
        call.fail(ShapeError, f"auto_pad over the named size {a.size}, with a stride longer than the kernel")
    return total


def _up(a: Axis) -> Axis:
    """The same with a last window that reaches beyond the end, but none that starts there."""
    count = -floor_div(-(a.size + a.before + a.after - a.extent), a.stride) + 1
    count = least(count, -floor_div(-(a.size + a.before), a.stride))
    beyond = (count - 1) * a.stride + a.extent - (a.size + a.before + a.after)
    return a._replace(beyond=max(beyond, 0) if isinstance(beyond, int) else beyond)


def padded(x: Tensor, axes: Sequence[Axis], fill: float) -> Tensor:
    """``x`` (N, C, ..) with all that windows reach put to its ends."""
    widths = [(0, 0), (0, 0), *((a.before, a.after + a.beyond) for a in axes)]
    return gd.pad(x, widths, constant_values=fill)


def places(a: Axis) -> Tensor:
    """Where the elements of each window lie in the padded axis: (windows, kernel)."""
    start = gd.expand_dims(gd.arange(a.windows) * a.stride, axis=1)
    return start + gd.expand_dims(gd.arange(a.kernel) * a.dilation, axis=0)


def within(a: Axis, outside: bool) -> Tensor:
    """How many elements each window has that are of the image, or of its padding too: (windows,), int64."""
    low = 0 if outside else a.before
    high = a.size + a.before + (a.after if outside else 0)
    at = places(a)
    inside = gd.logical_and(at >= gd.constant(low, "int64"), at < gd.constant(high, "int64"))
    return gd.sum(gd.astype(inside, "int64"), axis=1)
