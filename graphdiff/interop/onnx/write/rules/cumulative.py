"""What runs along an axis: CumSum, and scans for those that ONNX has not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import graphdiff as gd

from .....ops.tensor import Tensor
from ..operators import operator
from ..table import Given, Writing, writes


@writes("cumsum")
def _cumsum(w: Writing) -> Given:
    if w.opset < 11:
        return _along(w, lambda before, x: before + x, 0.0)
    return operator("CumSum", [w.x, gd.constant(np.int64(w["axis"]))], w.y, reverse=int(w["reverse"]))


@writes("cumprod")
def _cumprod(w: Writing) -> Given:
    if w.opset >= 26:
        return operator("CumProd", [w.x, gd.constant(np.int64(w["axis"]))], w.y, reverse=int(w["reverse"]))
    return _along(w, lambda before, x: before * x, 1.0)


@writes("cummax")
def _cummax(w: Writing) -> Given:
    return _along(w, gd.maximum, -np.inf)


@writes("cummin")
def _cummin(w: Writing) -> Given:
    return _along(w, gd.minimum, np.inf)


def _along(w: Writing, step: Callable[[Tensor, Tensor], Tensor], first: float) -> Tensor:
    x, axis, dtype = w.x, w["axis"], w.y.dtype
    if dtype.kind == "i" and not np.isfinite(first):
        first = np.iinfo(dtype).min if first < 0 else np.iinfo(dtype).max
    rows = gd.moveaxis(x, axis, 0)
    start = gd.broadcast_to(gd.constant(np.asarray(first, dtype)), rows.shape[1:])

    def one(before: Tensor, row: Tensor) -> tuple[Tensor, Tensor]:
        now = step(before, row)
        return now, now

    return gd.moveaxis(gd.scan(one, start, rows, reverse=w["reverse"])[1], 0, axis)


@writes("recurrence")
def _recurrence(w: Writing) -> Given:
    """y[i] = x[i] + a[i] y[i - 1]; ``use_previous``: with a[i - 1]."""
    axis, previous = w["axis"], w["use_previous"]
    x, a = (gd.moveaxis(v, axis, 0) for v in w.xs)
    zero = gd.broadcast_to(gd.full((), 0, x.dtype), x.shape[1:])

    def step(before: tuple[Tensor, Tensor], row: tuple[Tensor, Tensor]) -> tuple[tuple[Tensor, Tensor], Tensor]:
        y, factor = before
        now = row[0] + (factor if previous else row[1]) * y
        return (now, row[1]), now

    y = gd.scan(step, (zero, zero), (x, a), reverse=w["reverse"])[1]
    return gd.moveaxis(y, 0, axis)
