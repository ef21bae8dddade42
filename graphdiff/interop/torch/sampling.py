"""Rules of PyTorch's operators that read images between their elements: sampled by grids, resized with antialiasing.

Source: aten/src/ATen/native/GridSampler.h and cpu/UpSampleKernel.cpp of PyTorch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

import graphdiff as gd

from ...errors import ShapeError
from ...ir.dims import Dim, Size
from ...ops.tensor import Tensor
from ..sampled import of_grid, sampled, within
from .rules import rule

MODES = ("linear", "nearest", "cubic")
Kernel: TypeAlias = Callable[[np.ndarray], np.ndarray]
PADDINGS = ("zeros", "border", "reflection")


@rule("grid_sampler_2d.default", "grid_sampler_3d.default")
def _grid_sample(x: Tensor, grid: Tensor, mode: int, padding: int, corners: bool) -> Tensor:
    sizes, how = x.shape[2:], PADDINGS[padding]
    places = of_grid(grid, sizes, corners)
    if MODES[mode] != "cubic":  # whose elements are moved inside one by one
        places = within(places, sizes, how, corners)
    return gd.reshape(sampled(x, places, MODES[mode], how, corners), (*x.shape[:2], *grid.shape[1:-1]))


def _triangle(d: np.ndarray) -> np.ndarray:
    return np.maximum(1 - np.abs(d), 0)


def _keys(d: np.ndarray) -> np.ndarray:
    """Keys' kernel with a = -1/2 (Keys 1981)."""
    d = np.abs(d)
    return np.where(d < 1, (1.5 * d - 2.5) * d * d + 1, np.where(d < 2, ((-0.5 * d + 2.5) * d - 4) * d + 2, 0))


def _weights(size: int, to: int, corners: bool, scale: float | None, reach: int, kernel: Kernel) -> np.ndarray:
    """What each element of an axis counts for each of the resized one: (to, size)."""
    if corners:
        step = (size - 1) / (to - 1) if to > 1 else 0.0
    else:
        step = 1 / scale if scale else size / to
    wide = max(step, 1.0)
    found = np.zeros((to, size))
    for k in range(to):
        centre = step * (k + 0.5)
        first, last = max(int(centre - reach * wide + 0.5), 0), min(int(centre + reach * wide + 0.5), size)
        found[k, first:last] = kernel((np.arange(first, last) - centre + 0.5) / wide)
    total = found.sum(axis=1, keepdims=True)
    return found / np.where(total == 0, 1, total)


def _antialiased(reach: int, kernel: Kernel) -> Callable[..., Tensor]:
    def build(x: Tensor, to: Sequence[Size], corners: bool, *scales: float | None) -> Tensor:
        for axis, n in enumerate(to):
            size, scale = x.shape[2 + axis], scales[axis] if axis < len(scales) else None
            if isinstance(size, Dim) or isinstance(n, Dim):
                raise ShapeError(
                    f"interpolate: antialias from size {size} to {n}, whose weights are worked out when the graph is "
                    "built; export with a fixed size of images"
                )
            weights = _weights(size, int(n), corners, scale, reach, kernel)
            by = gd.constant(weights.astype(x.dtype))
            x = gd.moveaxis(gd.moveaxis(x, 2 + axis, -1) @ by.T, -1, 2 + axis)
        return x

    return build


rule("_upsample_bilinear2d_aa.default")(_antialiased(1, _triangle))
rule("_upsample_bicubic2d_aa.default")(_antialiased(2, _keys))
