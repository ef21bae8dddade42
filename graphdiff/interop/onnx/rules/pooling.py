"""Rules of pools over images of any number of dimensions.

What the kernels of gd.nn take goes to them: one or two dimensions, no dilation. All else is taken apart by axes, as the
extreme and the sum of a window are those of its rows' extremes and sums.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

import graphdiff as gd

from ....ir.dims import Size, product
from ....ir.dtypes import FLOATS
from ....ops.tensor import Tensor
from ..call import Call
from ..table import reads
from .windows import Axis, axes_of, padded, places, within


@reads("MaxPool")
def max_pool(call: Call) -> list[Tensor]:
    x = call.tensor()
    axes = axes_of(call, x.shape[2:], call.list_of("kernel_shape"))
    if call.wants(1):
        return _max_with_places(call, x, axes)
    if _direct(axes) and x.dtype in FLOATS:
        if _even(axes):
            return [_pool(gd.nn.max_pool1d, gd.nn.max_pool2d, x, axes, [a.before for a in axes])]
        return [_pool(gd.nn.max_pool1d, gd.nn.max_pool2d, padded(x, axes, -np.inf), axes, [0] * len(axes))]
    return [_by_axes(padded(x, axes, _least(x.dtype)), axes, gd.max)]


def _least(dtype: np.dtype) -> float:
    return -np.inf if dtype in FLOATS else int(np.iinfo(dtype).min)


def _direct(axes: Sequence[Axis]) -> bool:
    """Whether a kernel does it once the image is padded."""
    return len(axes) <= 2 and all(a.dilation == 1 for a in axes)


def _even(axes: Sequence[Axis]) -> bool:
    """Whether a kernel pads as is asked."""
    same = all(a.before == a.after and a.beyond == 0 for a in axes)
    return same and all(isinstance(a.before, int) and 2 * a.before <= a.kernel for a in axes)


def _pool(
    one: Callable[..., Tensor], two: Callable[..., Tensor], x: Tensor, axes: Sequence[Axis], pads: Sequence[Size]
) -> Tensor:
    f = one if len(axes) == 1 else two
    return f(x, [a.kernel for a in axes], [a.stride for a in axes], pads)


def _by_axes(x: Tensor, axes: Sequence[Axis], f: Callable[..., Tensor]) -> Tensor:
    """``f`` of the windows of a padded image, one axis after another."""
    for i, a in enumerate(axes, 2):
        x = f(gd.take(x, places(a), axis=i), axis=i + 1)
    return x


def _max_with_places(call: Call, x: Tensor, axes: Sequence[Axis]) -> list[Tensor]:
    """The extremes and where they are among all elements of ``x``, counted along rows, or with storage_order 1 along
    columns of each image."""
    wide = padded(x, axes, _least(x.dtype))
    n = len(axes)
    for i, a in enumerate(axes):
        wide = gd.take(wide, places(a), axis=2 + 2 * i)
    order = (0, 1, *range(2, 2 + 2 * n, 2), *range(3, 3 + 2 * n, 2))
    counts, kernel = tuple(a.windows for a in axes), [a.kernel for a in axes]
    windows = gd.reshape(gd.permute_dims(wide, order), (*x.shape[:2], *counts, product(kernel)))
    first = gd.argmax(windows, axis=-1)
    y = gd.squeeze(gd.take_along_axis(windows, gd.expand_dims(first, axis=-1), axis=-1), axis=-1)
    within_image, column_major = gd.zeros_like(first), call.integer("storage_order", 0) == 1
    inner = 1
    for i, a in enumerate(axes):
        inner = int(np.prod(kernel[i + 1 :]))
        tap = gd.remainder(gd.floor_divide(first, inner), a.kernel)
        start = gd.reshape(gd.arange(a.windows) * a.stride, (-1, *(1,) * (n - 1 - i)))
        at = start + tap * a.dilation - gd.constant(a.before, "int64")
        others = [b.size for b in (axes[:i] if column_major else axes[i + 1 :])]
        within_image = within_image + at * gd.constant(product(others), "int64")
    images = gd.reshape(gd.arange(x.shape[0] * x.shape[1]), (*x.shape[:2], *(1,) * n))
    return [y, within_image + images * gd.constant(product(a.size for a in axes), "int64")]


def _sums(x: Tensor, axes: Sequence[Axis]) -> Tensor:
    """The sum of each window, what is outside as 0."""
    x = padded(x, axes, 0)
    if not _direct(axes):
        return _by_axes(x, axes, gd.sum)
    mean = _pool(gd.nn.avg_pool1d, gd.nn.avg_pool2d, x, axes, [0] * len(axes))
    return mean * float(np.prod([a.kernel for a in axes]))


@reads("AveragePool")
def average_pool(call: Call) -> Tensor:
    x, outside = call.tensor(), call.flag("count_include_pad")
    axes = axes_of(call, x.shape[2:], call.list_of("kernel_shape"))
    if _direct(axes) and _even(axes):
        kernel, stride, pads = [a.kernel for a in axes], [a.stride for a in axes], [int(a.before) for a in axes]
        pool = gd.nn.avg_pool1d if len(axes) == 1 else gd.nn.avg_pool2d
        return pool(x, kernel, stride, pads, outside)
    total = _sums(x, axes)
    for i, a in enumerate(axes):
        held = gd.reshape(within(a, outside), (-1, *(1,) * (len(axes) - 1 - i)))
        total = total / gd.astype(held, x.dtype)
    return total


@reads("LpPool")
def lp_pool(call: Call) -> Tensor:
    x, p = call.tensor(), call.integer("p", 2)
    axes = axes_of(call, x.shape[2:], call.list_of("kernel_shape"))
    if p == 1:
        return _sums(gd.abs(x), axes)
    if p == 2:
        return gd.sqrt(_sums(gd.square(x), axes))
    return gd.pow(_sums(gd.pow(gd.abs(x), float(p)), axes), 1 / p)


def _spatial(x: Tensor) -> tuple[int, ...]:
    return tuple(range(2, x.ndim))


@reads("GlobalAveragePool")
def global_average(call: Call) -> Tensor:
    x = call.tensor()
    return gd.mean(x, axis=_spatial(x), keepdims=True)


@reads("GlobalMaxPool")
def global_max(call: Call) -> Tensor:
    x = call.tensor()
    return gd.max(x, axis=_spatial(x), keepdims=True)


@reads("GlobalLpPool")
def global_lp(call: Call) -> Tensor:
    x, p = call.tensor(), call.integer("p", 2)
    if p == 2:
        return gd.norm(x, axis=_spatial(x), keepdims=True)
    return gd.pow(gd.sum(gd.pow(gd.abs(x), float(p)), axis=_spatial(x), keepdims=True), 1 / p)
