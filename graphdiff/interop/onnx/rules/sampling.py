"""Rules that read images between their elements: GridSample, AffineGrid, DeformConv, RoiAlign, MaxRoiPool."""

from __future__ import annotations

import itertools
import math

import numpy as np

import graphdiff as gd

from ....errors import GraphError, ShapeError
from ....ir.dims import Dim, Size, product
from ....ops.tensor import Tensor
from ...sampled import at, of_grid, sampled, within
from ..call import Call
from ..table import reads
from .elementwise import as_int64


@reads("GridSample")
def grid_sample(call: Call) -> Tensor:
    x, grid = call.tensors(2)
    mode = {"bilinear": "linear", "bicubic": "cubic"}.get(call.text("mode", "linear"), call.text("mode", "linear"))
    padding, corners = call.text("padding_mode", "zeros"), call.flag("align_corners")
    if mode not in ("linear", "cubic", "nearest") or padding not in ("zeros", "border", "reflection"):
        call.fail(GraphError, f"mode is {mode!r} and padding_mode {padding!r}")
    places = within(of_grid(grid, x.shape[2:], corners), x.shape[2:], padding, corners)
    return gd.reshape(sampled(x, places, mode, padding, corners), (*x.shape[:2], *grid.shape[1:-1]))


@reads("AffineGrid", settings=(1,))
def affine_grid(call: Call) -> Tensor:
    theta, sizes = call.tensor(), call.sizes(1, "the size")[2:]
    corners = call.flag("align_corners")
    axes = []
    for i, size in enumerate(sizes):
        k, n = gd.astype(gd.arange(size), theta.dtype), gd.constant(size, theta.dtype)
        line = k * 2 / (n - 1) - 1 if corners else (k * 2 + 1) / n - 1
        row: list[Size] = [1] * len(sizes)
        row[i] = size
        axes.append(gd.broadcast_to(gd.reshape(line, tuple(row)), tuple(sizes)))
    axes = [*reversed(axes), gd.ones(tuple(sizes), dtype=theta.dtype)]
    points = gd.reshape(gd.stack(axes, axis=-1), (product(sizes), len(axes)))
    y = points @ gd.matrix_transpose(theta)
    return gd.reshape(y, (theta.shape[0], *sizes, len(sizes)))


@reads("DeformConv")
def deform_conv(call: Call) -> Tensor:
    """A convolution whose taps are read where offsets say, weighed by a mask (Zhu et al. 2019)."""
    x, w, offset = call.tensor(0), call.tensor(1), call.tensor(2)
    bias, mask = call.optional(3), call.optional(4)
    if x.ndim != 4:
        call.fail(ShapeError, f"images of {x.ndim} dimensions, not 4")
    strides, dilations = call.list_of("strides", [1, 1]), call.list_of("dilations", [1, 1])
    pads, groups, parted = call.list_of("pads", [0] * 4), call.integer("group", 1), call.integer("offset_group", 1)
    n, channels = x.shape[:2]
    kernel, count = [int(k) for k in w.shape[2:]], offset.shape[2:]
    taps = kernel[0] * kernel[1]
    moved = gd.reshape(offset, (n, parted, taps, 2, *count))
    each = channels // parted
    images = gd.reshape(x, (n * parted, each, *x.shape[2:]))
    places = []
    for i in range(2):
        tap = np.arange(taps) // kernel[1] if i == 0 else np.arange(taps) % kernel[1]
        start = gd.arange(count[i]) * strides[i] - pads[i]
        start = gd.reshape(start, (-1, 1) if i == 0 else (1, -1))
        at = gd.constant((tap * dilations[i]).reshape(-1, 1, 1)) + start
        places.append(gd.reshape(gd.astype(at, x.dtype) + moved[:, :, :, i], (n * parted, -1)))
    found = sampled(images, places, "linear", "zeros", True)
    found = gd.reshape(found, (n, parted, each, taps, *count))
    if mask is not None:
        found = found * gd.reshape(mask, (n, parted, 1, taps, *count))
    of_group = gd.reshape(found, (n, groups, (channels // groups) * taps, count[0] * count[1]))
    rows = gd.reshape(w, (groups, w.shape[0] // groups, w.shape[1] * taps))
    y = gd.reshape(rows @ of_group, (n, w.shape[0], *count))
    return y if bias is None else y + gd.reshape(bias, (-1, 1, 1))


# --------------------------------------------------------------------------------------- regions


@reads("RoiAlign")
def roi_align(call: Call) -> Tensor:
    """The mean or the largest of points in the bins of regions (He et al. 2017)."""
    x, rois, batch = call.tensors(3)
    height, width = call.integer("output_height", 1), call.integer("output_width", 1)
    ratio, scale = call.integer("sampling_ratio", 0), call.number("spatial_scale", 1.0)
    if ratio < 1:
        call.fail(ShapeError, "sampling_ratio 0 takes as many points as regions are large, which is made of data")
    half = call.opset >= 16 and call.text("coordinate_transformation_mode", "half_pixel") == "half_pixel"
    images = gd.take(x, batch, axis=0)
    edges = rois * scale - (0.5 if half else 0.0)
    places = []
    for i, (bins, first) in enumerate(((height, 1), (width, 0))):
        low, size = edges[:, first : first + 1], edges[:, first + 2 : first + 3] - edges[:, first : first + 1]
        size = size if half else gd.maximum(size, 1.0)
        offsets = (np.arange(bins)[:, None] + (np.arange(ratio) + 0.5) / ratio).ravel() / bins
        at = low + size * gd.constant(offsets, x.dtype)
        places.append(gd.expand_dims(at, axis=2 - i))
    counts = height * ratio, width * ratio
    down, across = (gd.reshape(gd.broadcast_to(p, (rois.shape[0], *counts)), (rois.shape[0], -1)) for p in places)
    found = _bilinear(call, images, down, across)
    found = gd.reshape(found, (*images.shape[:2], height, ratio, width, ratio))
    return (gd.mean if call.text("mode", "avg") == "avg" else gd.max)(found, axis=(3, 5))


def _bilinear(call: Call, x: Tensor, down: Tensor, across: Tensor) -> Tensor:
    """Points more than one element outside are 0, others are read at the border; of ``max`` the largest of the four
    weighed elements, as the standard has it."""
    weights, places = [], []
    inside: Tensor = gd.constant(True)
    for p, size in zip((down, across), x.shape[2:]):
        n = gd.constant(size, p.dtype)
        here = gd.logical_and(p >= -1.0, p <= n)
        inside = gd.logical_and(inside, here)
        p = gd.minimum(gd.maximum(p, 0), n - 1)
        low = gd.minimum(gd.floor(p), n - 1)
        places.append([gd.astype(low, "int64"), gd.astype(gd.minimum(low + 1, n - 1), "int64")])
        weights.append([1 - (p - gd.stop_gradient(low)), p - gd.stop_gradient(low)])
    terms = []
    for i, j in itertools.product(range(2), repeat=2):
        by = gd.where(inside, weights[0][i] * weights[1][j], 0)
        terms.append(at(x, [places[0][i], places[1][j]]) * gd.expand_dims(by, axis=1))
    join = gd.add if call.text("mode", "avg") == "avg" else gd.maximum
    return join(join(terms[0], terms[1]), join(terms[2], terms[3]))


@reads("MaxRoiPool")
def max_roi_pool(call: Call) -> Tensor:
    """The largest element of each bin of regions of whole elements (Girshick 2015)."""
    x, rois = call.tensors(2)
    bins, scale = call.list_of("pooled_shape"), call.number("spatial_scale", 1.0)
    images = gd.take(x, as_int64(rois[:, 0]), axis=0)
    edges = gd.floor(rois[:, 1:] * scale + 0.5)
    for i, (count, first) in enumerate(((bins[0], 1), (bins[1], 0))):
        n, size = images.shape[2 + i], x.shape[2 + i]
        if isinstance(size, Dim):
            call.fail(ShapeError, f"regions of the named size {size}")
        low = edges[:, first]
        length = gd.maximum(edges[:, first + 2] - low + 1, 1) / count
        k = gd.constant(np.arange(count), x.dtype)
        start = gd.expand_dims(low, 1) + gd.floor(gd.expand_dims(length, 1) * k)
        end = gd.expand_dims(low, 1) + gd.ceil(gd.expand_dims(length, 1) * (k + 1))
        at = gd.astype(gd.arange(n), x.dtype)
        held = gd.logical_and(at >= gd.expand_dims(start, 2), at < gd.expand_dims(end, 2))
        rows = gd.moveaxis(images, 2 + i, -1)
        held = gd.reshape(held, (held.shape[0], *(1,) * (rows.ndim - 2), count, n))
        largest = gd.max(gd.where(held, gd.expand_dims(rows, axis=-2), -math.inf), axis=-1)
        largest = gd.where(gd.any(held, axis=-1), largest, 0)
        images = gd.moveaxis(largest, -1, 2 + i)
    return images
