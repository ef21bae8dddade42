"""Rules of Resize and Upsample: each axis by itself, a few elements of it taken for each of the result and weighed.

Sizes may be named: where elements lie is worked out by the graph, and while it is read where sizes are known.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

import graphdiff as gd

from ....errors import GraphError, ShapeError
from ....ir.dims import Dim, Size, floor_div
from ....ir.dtypes import FLOATS, int64
from ....ops.tensor import Tensor
from ..call import Call, evaluated
from ..known import exactly, multiply, parts
from ..table import reads
from .elementwise import converted


class Axis(NamedTuple):
    """One axis that changes: of ``size`` elements to ``to``; ``scale`` None: their ratio."""

    axis: int
    size: Size
    to: Size
    scale: float | None
    roi: tuple[Tensor, Tensor] | None

    @property
    def plain(self) -> bool:
        return isinstance(self.size, int) and isinstance(self.to, int)

    @property
    def ratio(self) -> float | None:
        """``scale``, None where it is known only at the call."""
        if self.scale is None and isinstance(self.size, int) and isinstance(self.to, int):
            return self.to / self.size if self.size else 1.0
        return self.scale


@reads("Upsample", settings=(1,))
def upsample(call: Call) -> Tensor:
    x = call.tensor()
    scales = call.list_of("scales") if call.opset < 9 else [float(s) for s in call.numbers(1, "the scales").ravel()]
    return _resized(call, x, _by_scales(x, range(x.ndim), scales, None), "asymmetric", "floor")


@reads("Resize", settings=(1, 2, 3))
def resize(call: Call) -> Tensor:
    x = call.tensor()
    if call.opset < 11:
        scales = [float(s) for s in call.numbers(1, "the scales").ravel()]
        rounding = "by scale" if call.text("mode", "nearest") == "nearest" else "floor"
        return _resized(call, x, _by_scales(x, range(x.ndim), scales, None), "asymmetric", rounding)
    axes = [call.axis(a, x.ndim) for a in call.list_of("axes", range(x.ndim))]
    how = call.text("coordinate_transformation_mode", "half_pixel")
    rois = None
    if how == "tf_crop_and_resize":
        roi, n = call.tensor(1), len(axes)
        rois = [(roi[i], roi[n + i]) for i in range(n)]
    scales = call.known(2, "the scales").ravel().tolist() if call.has(2) else []
    sizes = call.sizes(3, "the sizes") if call.has(3) else []
    if sizes:
        changed = _by_sizes(call, x, axes, sizes, rois)
    else:
        changed = _by_scales(x, axes, scales, rois)
    if len(sizes or scales) != len(axes):
        call.fail(ShapeError, f"{len(sizes or scales)} sizes or scales for {len(axes)} axes")
    return _resized(call, x, changed, how, call.text("nearest_mode", "round_prefer_floor"))


Rois = Sequence[tuple[Tensor, Tensor]] | None


def _by_scales(x: Tensor, axes: Sequence[int], scales: Sequence[Any], rois: Rois) -> list[Axis]:
    out = []
    for i, (axis, scale) in enumerate(zip(axes, scales)):
        found = parts(multiply(x.shape[axis], exactly(scale, np.dtype(np.float32))))
        assert found is not None
        size, of = found
        roi = None if rois is None else rois[i]
        out.append(Axis(axis, x.shape[axis], floor_div(size, of), float(scale) if _is_plain(scale) else None, roi))
    return out


def _is_plain(scale: Any) -> bool:
    return isinstance(scale, (int, float))


def _by_sizes(call: Call, x: Tensor, axes: Sequence[int], sizes: Sequence[Size], rois: Rois) -> list[Axis]:
    policy = call.text("keep_aspect_ratio_policy", "stretch")
    scale = None
    if policy != "stretch":
        plain = [(to, x.shape[a]) for to, a in zip(sizes, axes)]
        if any(isinstance(s, Dim) for pair in plain for s in pair):
            call.fail(ShapeError, "keep_aspect_ratio_policy over named sizes")
        ratios = [int(to) / int(n) for to, n in plain]
        scale = min(ratios) if policy == "not_larger" else max(ratios)
        sizes = [int(scale * int(x.shape[a]) + 0.5) for a in axes]
    return [
        Axis(a, x.shape[a], to, scale, None if rois is None else rois[i]) for i, (a, to) in enumerate(zip(axes, sizes))
    ]


def _resized(call: Call, x: Tensor, axes: Sequence[Axis], how: str, rounding: str) -> Tensor:
    mode = call.text("mode", "nearest")
    if mode not in ("nearest", "linear", "bilinear", "cubic"):
        call.fail(GraphError, f"mode is {mode!r}")
    dtype = x.dtype
    if mode != "nearest" and dtype not in FLOATS:
        x = gd.astype(x, "float64")
    for a in axes:
        if a.size == a.to and a.roi is None and a.ratio in (1.0, None):
            continue
        whole = a.ratio is not None and a.roi is None and a.ratio == int(a.ratio) and a.to == a.size * int(a.ratio)
        if mode == "nearest" and whole and (how, rounding) in _REPEATS:
            x = gd.repeat(x, int(a.ratio or 1), axis=a.axis)
            continue
        x = _along(call, x, a, how, mode, rounding if rounding != "by scale" else _by_scale(a))
    return converted(x, dtype)


def _by_scale(a: Axis) -> str:
    """How Resize of opset 10 takes the nearest: the one before where the axis grows, the one after where it shrinks."""
    return "ceil" if a.ratio is not None and a.ratio < 1 else "floor"


# where a whole scale k means each element k times in a row
_REPEATS = {
    ("asymmetric", "floor"),
    ("asymmetric", "by scale"),
    ("half_pixel", "round_prefer_floor"),
    ("half_pixel", "round_prefer_ceil"),
}


def _along(call: Call, x: Tensor, a: Axis, how: str, mode: str, rounding: str) -> Tensor:
    at = _origin(call, a, how)
    if mode == "nearest":
        y = gd.take(x, _places(a, _nearest(call, at, rounding)), axis=a.axis)
    else:
        base = gd.ceil(at) - 1  # the element left of it, also where it lies on one
        ratio = at - base
        taps, weights = _weights(call, a, ratio, mode)
        if call.flag("exclude_outside"):
            places = [base + t for t in taps]
            inside = [gd.logical_and(p >= 0, p <= _number(a.size) - 1) for p in places]
            weights = [gd.where(i, w, 0) for i, w in zip(inside, weights)]
            total = _sum(weights)
            weights = [w / gd.where(total == 0, 1, total) for w in weights]
        y = _sum([gd.take(x, _places(a, base + t), axis=a.axis) * _column(w, x, a) for t, w in zip(taps, weights)])
    if how != "tf_crop_and_resize":
        return y
    outside = gd.logical_or(at < 0, at > _number(a.size) - 1)
    fill = call.number("extrapolation_value", 0.0)
    shape = [1] * x.ndim
    shape[a.axis] = -1
    return gd.where(gd.reshape(outside, tuple(shape)), fill if x.dtype in FLOATS else int(fill), y)


def _sum(terms: Sequence[Tensor]) -> Tensor:
    total = terms[0]
    for t in terms[1:]:
        total = total + t
    return total


def _number(size: Size) -> Tensor:
    return gd.constant(size, "float64")


def _known_now(x: Tensor, a: Axis) -> Tensor:
    """Worked out while the model is read where it can be."""
    found = evaluated(x) if a.plain else None
    return x if found is None else gd.constant(found.array)


def _places(a: Axis, at: Tensor) -> Tensor:
    """Elements of the axis, the nearest for what lies outside."""
    last = gd.constant(a.size - 1, "int64")
    return _known_now(gd.minimum(gd.maximum(gd.astype(at, int64), 0), last), a)


def _column(w: Tensor, x: Tensor, a: Axis) -> Tensor:
    shape = [1] * x.ndim
    shape[a.axis] = -1
    return gd.reshape(gd.astype(_known_now(w, a), x.dtype), tuple(shape))


def _origin(call: Call, a: Axis, how: str) -> Tensor:
    """Where each element of the result lies among the operand's, float64 (the standard's formulas)."""
    i, n = gd.astype(gd.arange(a.to), "float64"), _number(a.size)
    to = _number(a.to)
    scale = gd.constant(np.float64(a.scale)) if a.scale is not None else to / n
    width = scale * n
    if how == "align_corners":
        return gd.where(width == 1, gd.zeros_like(i), i * (n - 1) / gd.where(width == 1, 1, width - 1))
    if how == "asymmetric":
        return i / scale
    if how == "tf_crop_and_resize" and a.roi is not None:
        first, last = (gd.astype(r, "float64") for r in a.roi)
        spread = (last - first) * (n - 1)
        whole = i * spread / gd.where(width == 1, 1, width - 1)
        return gd.where(width == 1, spread / 2, whole) + first * (n - 1)
    centred = (i + 0.5) / scale - 0.5
    if how == "pytorch_half_pixel":
        return gd.where(width == 1, -0.5, centred)
    if how == "tf_half_pixel_for_nn":  # of opset 11
        return (i + 0.5) / scale
    if how == "half_pixel_symmetric":
        return n / 2 * (1 - to / width) + centred
    if how != "half_pixel":
        call.fail(GraphError, f"coordinate_transformation_mode is {how!r}")
    return centred


def _nearest(call: Call, at: Tensor, rounding: str) -> Tensor:
    if rounding == "floor":
        return gd.floor(at)
    if rounding == "ceil":
        return gd.ceil(at)
    if rounding not in ("round_prefer_floor", "round_prefer_ceil"):
        call.fail(GraphError, f"nearest_mode is {rounding!r}")
    return gd.ceil(at - 0.5) if rounding == "round_prefer_floor" else gd.floor(at + 0.5)


def _weights(call: Call, a: Axis, ratio: Tensor, mode: str) -> tuple[list[int], list[Tensor]]:
    """Which elements count, from the one left of the place on, and by how much. ``ratio``: how far from that one."""
    cubic = call.number("cubic_coeff_a", -0.75)
    reach = 2 if mode == "cubic" else 1
    shape = (lambda d: _cubic(d, cubic)) if mode == "cubic" else _triangle
    if not call.flag("antialias"):
        taps = [*range(1 - reach, 1 + reach)]
        return taps, [shape(gd.abs(t - ratio)) for t in taps]
    if a.ratio is None:
        call.fail(ShapeError, f"antialias along the named size {a.size}")
    scale = min(a.ratio, 1.0)
    first = math.floor(-reach / scale) + 1
    taps = [*range(first, 2 - first)]
    weights = [shape(gd.abs(t - ratio) * scale) for t in taps]
    total = _sum(weights)
    return taps, [w / total for w in weights]


def _triangle(d: Tensor) -> Tensor:
    return gd.clip(1 - d, 0.0, 1.0)


def _cubic(d: Tensor, a: float) -> Tensor:
    """Keys' kernel at a distance (Keys 1981)."""
    near = ((a + 2) * d - (a + 3)) * d * d + 1
    far = ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
    return gd.where(d <= 1, near, gd.where(d < 2, far, 0))
