"""Pools. A window that rounds up has its padding at the end in the graph; ONNX is told so where its own rule gives as
many windows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

import graphdiff as gd

from .....ir.dims import Dim, Size
from .....ir.dtypes import int64
from .....ops.conv import CONV2D, CONV2D_DX
from .....ops.tensor import Tensor, make
from ..operators import operator, operators
from ..table import Call, Given, Writing, by_name, writes
from .convolution import each, sides
from .movement import padded, sliced


def _windows(x: Tensor, count: Sequence[Size], w: Any) -> tuple[tuple[int, ...], bool] | None:
    """Pads that give ``count`` windows, all lows first, and whether the last one is to round up; None where no number
    of them does at every size."""
    low, high = list(w["padding"][::2]), list(w["padding"][1::2])
    n = len(low)
    spans = [d * (k - 1) + 1 for k, d in zip(w["kernel"], w["dilation"])]
    for up in (False, True)[: 2 if w.opset >= 10 else 1]:  # pools round up since then
        found: list[int] = []
        for i in range(n):
            size, s = x.shape[2 + i], w["stride"][i]
            asked = high[i] if not isinstance(high[i], Dim) else low[i]
            for p in dict.fromkeys([max(asked, 0), low[i], *range(w["kernel"][i])]):
                room = size + low[i] + p - spans[i]
                whole = (room + (s - 1 if up else 0)) // s + 1
                begins = up and not _begins_inside(size, low[i], s, count[i])
                if whole == count[i] and p < w["kernel"][i] and not begins:
                    found.append(p)
                    break
        if len(found) == n:
            return (*low, *found), up
        if all(not isinstance(h, Dim) for h in high):
            break
    return None


def _begins_inside(size: Size, low: int, stride: int, count: Size) -> bool:
    """Whether the last window begins before the padding at the end, at every size that says so."""
    first = (count - 1) * stride - low
    rest = size - 1 - first
    return isinstance(rest, Dim) or rest >= 0


@writes("max_pool2d")
def _max_pool2d(w: Writing) -> Given:
    y, places = w.node.outputs
    how = {"kernel_shape": w["kernel"], "strides": w["stride"], "dilations": w["dilation"]}
    found = _windows(w.x, y.shape[2:], w)
    if found is not None:
        pads, up = found
        types = [(y.shape, y.dtype), (places.shape, int64)]
        values, at = operators("MaxPool", [w.x], types, pads=pads, ceil_mode=int(up) or None, **how)
        plane = gd.constant(w.x.shape[2] * w.x.shape[3], "int64")
        return [values, gd.astype(gd.remainder(at, plane), places.dtype)]
    x, count = _widened(w, -math.inf)
    types = [((*y.shape[:2], *count), y.dtype), ((*y.shape[:2], *count), int64)]
    values, at = (sliced(v, [0] * 4, y.shape, [1] * 4) for v in operators("MaxPool", [x], types, **how))
    at = gd.remainder(at, gd.constant(x.shape[2] * x.shape[3], "int64"))
    wide = gd.constant(x.shape[3], "int64")
    row, column = gd.floor_divide(at, wide) - w["padding"][0], gd.remainder(at, wide) - w["padding"][2]
    return [values, gd.astype(row * gd.constant(w.x.shape[3], "int64") + column, places.dtype)]


def _widened(w: Writing, fill: float) -> tuple[Tensor, list[Size]]:
    """The image with what the first window needs before it and more than the last one needs after it, and how many
    windows fit."""
    spans = [d * (k - 1) + 1 for k, d in zip(w["kernel"], w["dilation"])]
    low = [0, 0, *w["padding"][::2]]
    high = [0, 0, *(a + s for a, s in zip(spans, w["stride"]))]
    x = padded(w.x, low, high, gd.full((), fill, w.y.dtype))
    return x, [(n - span) // s + 1 for n, span, s in zip(x.shape[2:], spans, w["stride"])]


def _by_channel(x: Tensor) -> Tensor:
    """Each channel as an image of its own."""
    return gd.reshape(x, (x.shape[0] * x.shape[1], 1, *x.shape[2:]))


def _ones(w: Writing) -> Tensor:
    return gd.constant(np.ones((1, 1, *w["kernel"]), w.y.dtype))


def _as_convolution(w: Writing) -> dict[str, Any]:
    return {k: w[k] for k in ("stride", "padding", "dilation")} | {"groups": 1}


@writes("sum_pool2d")
def _sum_pool2d(w: Writing) -> Given:
    attrs = _as_convolution(w)
    if any(isinstance(p, Dim) for p in w["padding"]):
        x, count = _widened(w, 0)
        y = make(CONV2D, (_by_channel(x), _ones(w)), attrs | {"padding": (0, 0, 0, 0)})
        return sliced(gd.reshape(y, (*w.y.shape[:2], *count)), [0] * 4, w.y.shape, [1] * 4)
    return gd.reshape(make(CONV2D, (_by_channel(w.x), _ones(w)), attrs), w.y.shape)


@writes("sum_pool2d_vjp")
def _sum_pool2d_vjp(w: Writing) -> Given:
    attrs = _as_convolution(w) | {"size": w["size"]}
    return gd.reshape(make(CONV2D_DX, (_by_channel(w.x), _ones(w)), attrs), w.y.shape)


# --------------------------------------------------------------------------------------- by name
def _pool(name: str, operation: str, n: int) -> None:
    @by_name(operation)
    def rule(call: Call) -> Given | None:
        x = call.tensor("x")
        kernel = each(call["kernel_size"], n)
        stride = kernel if call["stride"] is None else each(call["stride"], n)
        dilation = each(call["dilation"], n)
        padding = call["padding"]
        if isinstance(padding, (tuple, list)) and any(isinstance(p, (tuple, list)) for p in padding):
            pads = sides([int(q) for p in padding for q in p])
        else:
            pads = each(padding, n) * 2
        how: dict[str, Any] = {"kernel_shape": kernel, "strides": stride, "pads": pads}
        if call.opset < 10 and (call["ceil_mode"] or any(d > 1 for d in dilation)):
            return None
        if name == "AveragePool" and call.opset < 19 and (call["ceil_mode"] or any(d > 1 for d in dilation)):
            return None  # without dilations, and with other divisors where windows round up
        if any(d > 1 for d in dilation) or call.opset >= 19:
            how["dilations"] = dilation
        how["ceil_mode"] = int(bool(call["ceil_mode"])) or None
        if name == "AveragePool":
            how["count_include_pad"] = int(bool(call["count_include_pad"]))
        return operator(name, [x], call.y, **how)


for _n in (1, 3):
    _pool("MaxPool", f"nn.max_pool{_n}d", _n)
for _n in (1, 2, 3):
    _pool("AveragePool", f"nn.avg_pool{_n}d", _n)


def _adaptive(operation: str) -> None:
    @by_name(operation)
    def rule(call: Call) -> Given | None:
        """Of one mean a channel."""
        x = call.tensor("x")
        return None if any(s != 1 for s in call.y.shape[2:]) else operator("GlobalAveragePool", [x], call.y)


for _n in (1, 2):
    _adaptive(f"nn.adaptive_avg_pool{_n}d")
