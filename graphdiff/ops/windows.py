"""Windows of images in NumPy, for what convolutions and pooling compute: each window's taps, and the transpose of that.

Owns nothing else: shapes are those of images (N, C, H, W), every size known.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def taps(
    x: np.ndarray,
    kernel: Sequence[int],
    stride: Sequence[int],
    first: Sequence[int],
    dilation: Sequence[int],
    count: Sequence[int],
    fill: float,
) -> np.ndarray:
    """Every window's taps: x (N, C, H, W) as (N, C, kernel rows, columns, window rows, columns). ``first``: how far
    before the image the first window starts; ``fill``: what is outside."""
    at = [np.arange(count[k]) * stride[k] + (np.arange(kernel[k]) * dilation[k])[:, None] - first[k] for k in (0, 1)]
    inside = [(i >= 0) & (i < n) for i, n in zip(at, x.shape[2:])]
    rows, columns = (np.clip(i, 0, n - 1) for i, n in zip(at, x.shape[2:]))
    taken = x[:, :, rows[:, None, :, None], columns[None, :, None, :]]
    return np.where(inside[0][:, None, :, None] & inside[1][None, :, None, :], taken, np.asarray(fill, x.dtype))


def from_taps(
    cols: np.ndarray, size: Sequence[int], stride: Sequence[int], first: Sequence[int], dilation: Sequence[int]
) -> np.ndarray:
    """The transpose of ``taps`` with fill 0: an image of ``size``."""
    n, c, kh, kw, ho, wo = cols.shape
    out = np.zeros((n, c, *size), cols.dtype)
    for i, j, r, s in np.ndindex(kh, kw, ho, wo):
        y, x = (stride[k] * (r, s)[k] + dilation[k] * (i, j)[k] - first[k] for k in (0, 1))
        if 0 <= y < size[0] and 0 <= x < size[1]:
            out[:, :, y, x] += cols[:, :, i, j, r, s]
    return out


def grouped(x: Any, groups: int, axis: int) -> Any:
    """The channels along an axis as (groups, channels of one)."""
    return x.reshape(*x.shape[:axis], groups, x.shape[axis] // groups, *x.shape[axis + 1 :])
