"""Images read between their elements, at places that are data: what ONNX's and PyTorch's grids sample.

Must not know: whose images they are.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

import graphdiff as gd

from ..ir.dims import Size, product
from ..ops.tensor import Tensor


def at(x: Tensor, places: Sequence[Tensor]) -> Tensor:
    """Elements of images ``x`` (N, C, sizes...) at whole places, one Tensor (N, points) a dimension, all inside: (N, C,
    points)."""
    flat = gd.zeros_like(places[0])
    for size, place in zip(x.shape[2:], places):
        flat = flat * gd.constant(size, "int64") + place
    rows = gd.reshape(x, (*x.shape[:2], product(x.shape[2:])))
    index = gd.broadcast_to(gd.expand_dims(flat, axis=1), (x.shape[0], x.shape[1], flat.shape[1]))
    return gd.take_along_axis(rows, index, axis=2)


def _limits(size: Size, corners: bool, dtype: np.dtype) -> tuple[Tensor, Tensor]:
    """Between which places an axis is reflected."""
    n = gd.constant(size, dtype)
    return (n * 0, n - 1) if corners else (n * 0 - 0.5, n - 0.5)


def _reflected(p: Tensor, size: Size, corners: bool) -> Tensor:
    low, high = _limits(size, corners, p.dtype)
    span = high - low
    span = gd.where(span == 0, 1, span)
    beyond = gd.remainder(p - low, span * 2)
    return low + gd.minimum(beyond, span * 2 - beyond)


def _taken(x: Tensor, places: Sequence[Tensor], padding: str, corners: bool) -> Tensor:
    """Elements at whole places (floats), which may lie outside."""
    whole, inside = [], None
    for p, size in zip(places, x.shape[2:]):
        last = gd.constant(size - 1, p.dtype)
        if padding == "zeros":
            here = gd.logical_and(p >= 0, p <= last)
            inside = here if inside is None else gd.logical_and(inside, here)
        elif padding == "reflection":
            p = _reflected(p, size, corners)
        whole.append(gd.astype(gd.minimum(gd.maximum(p, 0), last), "int64"))
    found = at(x, whole)
    return found if inside is None else gd.where(gd.expand_dims(inside, axis=1), found, 0)


def _cubic(t: Tensor) -> list[Tensor]:
    a = -0.75
    return [
        ((a * (t + 1) - 5 * a) * (t + 1) + 8 * a) * (t + 1) - 4 * a,
        ((a + 2) * t - (a + 3)) * t * t + 1,
        ((a + 2) * (1 - t) - (a + 3)) * (1 - t) * (1 - t) + 1,
        ((a * (2 - t) - 5 * a) * (2 - t) + 8 * a) * (2 - t) - 4 * a,
    ]


def within(places: Sequence[Tensor], sizes: Sequence[Size], padding: str, corners: bool) -> list[Tensor]:
    """Places moved inside as the padding has it, before elements beside them are read."""
    if padding == "border":
        return [gd.minimum(gd.maximum(p, 0), gd.constant(s - 1, p.dtype)) for p, s in zip(places, sizes)]
    return [_reflected(p, s, corners) if padding == "reflection" else p for p, s in zip(places, sizes)]


def of_grid(grid: Tensor, sizes: Sequence[Size], corners: bool) -> list[Tensor]:
    """Places of a grid (N, points..., n), from -1 to 1 and with the last dimension of images first, in elements: (N,
    points) a dimension. ``corners``: whether -1 and 1 are the middles of the outermost elements, not their edges."""
    points = gd.reshape(grid, (grid.shape[0], product(grid.shape[1:-1]), len(sizes)))
    places = []
    for i, size in enumerate(sizes):
        p, length = points[:, :, len(sizes) - 1 - i], gd.constant(size, grid.dtype)
        places.append((p + 1) * 0.5 * (length - 1) if corners else ((p + 1) * length - 1) * 0.5)
    return places


def sampled(x: Tensor, places: Sequence[Tensor], mode: str, padding: str, corners: bool) -> Tensor:
    """Images (N, C, sizes...) read at places (N, points) a dimension, in elements: (N, C, points)."""
    if mode == "nearest":
        return _taken(x, [gd.round(p) for p in places], padding, corners)
    low = [gd.floor(p) for p in places]
    rest = [p - gd.stop_gradient(l) for p, l in zip(places, low)]
    weights = [_cubic(t) if mode == "cubic" else [1 - t, t] for t in rest]
    first = -1 if mode == "cubic" else 0
    total = None
    for taps in itertools.product(range(len(weights[0])), repeat=len(places)):
        found = _taken(x, [l + (first + t) for l, t in zip(low, taps)], padding, corners)
        by = weights[0][taps[0]]
        for w, t in zip(weights[1:], taps[1:]):
            by = by * w[t]
        term = found * gd.expand_dims(by, axis=1)
        total = term if total is None else total + term
    assert total is not None
    return total
