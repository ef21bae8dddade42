"""Convolutions, their transposes and their gradients, which are convolutions again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import graphdiff as gd

from .....ir.dims import Dim, Size
from .....ops.tensor import Tensor
from ..operators import operator
from ..table import Call, Given, Writing, by_name, writes
from .movement import padded, sliced


def sides(padding: Sequence[Any]) -> tuple[Any, ...]:
    """(low, high) of each dimension one after the other, as all lows before all highs."""
    return (*padding[::2], *padding[1::2])


def _without_negative(x: Tensor, padding: Sequence[int]) -> tuple[Tensor, tuple[int, ...]]:
    """A negative padding leaves rows out."""
    if all(p >= 0 for p in padding):
        return x, tuple(padding)
    low = [0, 0, *(max(-p, 0) for p in padding[::2])]
    high = [0, 0, *(max(-p, 0) for p in padding[1::2])]
    counts = [s - a - b for s, a, b in zip(x.shape, low, high)]
    return sliced(x, low, counts, [1] * x.ndim), tuple(max(p, 0) for p in padding)


def _how(w: Writing) -> dict[str, Any]:
    return {"strides": w["stride"], "dilations": w["dilation"], "group": w["groups"]}


@writes("conv2d")
def _conv2d(w: Writing) -> Given:
    x, padding = _without_negative(w.x, w["padding"])
    return operator("Conv", [x, w.xs[1]], w.y, pads=sides(padding), **_how(w))


@writes("conv2d_dx")
def _conv2d_dx(w: Writing) -> Given:
    """ConvTranspose; where sizes say how much of the image no window reaches that is its output_padding."""
    (g, weight), size, padding, stride = w.xs, w["size"], w["padding"], w["stride"]
    reach = [d * (k - 1) + 1 for d, k in zip(w["dilation"], weight.shape[2:])]
    whole = [s * (n - 1) + r for s, n, r in zip(stride, g.shape[2:], reach)]
    left = [n + padding[2 * i] + padding[2 * i + 1] - f for i, (n, f) in enumerate(zip(size, whole))]
    known = all(not isinstance(r, Dim) and 0 <= r < s for r, s in zip(left, stride))
    if known and all(not isinstance(p, Dim) and p >= 0 for p in padding):
        return operator("ConvTranspose", [g, weight], w.y, pads=sides(padding), output_padding=tuple(left), **_how(w))
    made = (*w.y.shape[:2], *whole)
    full = operator("ConvTranspose", [g, weight], (made, g.dtype), **_how(w))
    low = [max(-p, 0) for p in padding[::2]]  # rows that were left out come back as zeros
    start = [max(p, 0) for p in padding[::2]]
    more: list[Size] = [s + (r if isinstance(p, Dim) else max(-p, 0)) for s, r, p in zip(stride, reach, padding[1::2])]
    longer = padded(full, [0, 0, *low], [0, 0, *more], gd.full((), 0, g.dtype))
    return sliced(longer, [0, 0, *start], w.y.shape, [1] * 4)


@writes("conv2d_dw")
def _conv2d_dw(w: Writing) -> Given:
    """A convolution of the image with what comes back, strides and dilations changed for each other; what no window
    reaches is cut off at the end."""
    (x, g), groups, kernel = w.xs, w["groups"], w["kernel"]
    x, padding = _without_negative(x, w["padding"])
    n, channels, height, width = x.shape
    each = channels // groups
    image = gd.permute_dims(gd.reshape(x, (n, groups, each, height, width)), (2, 1, 0, 3, 4))
    image = gd.reshape(image, (each, groups * n, height, width))
    weight = gd.permute_dims(g, (1, 0, 2, 3))
    found = []
    for i, (size, d, s) in enumerate(zip((height, width), w["dilation"], w["stride"])):
        span = s * (g.shape[2 + i] - 1) + 1
        found.append((size + padding[2 * i] + padding[2 * i + 1] - span) // d + 1)
    how = {"strides": w["dilation"], "dilations": w["stride"], "group": groups, "pads": sides(padding)}
    y = operator("Conv", [image, weight], ((each, g.shape[1], *found), x.dtype), **how)
    if tuple(found) != tuple(kernel):
        y = sliced(y, [0] * 4, (each, g.shape[1], *kernel), [1] * 4)
    return gd.permute_dims(y, (1, 0, 2, 3))


# --------------------------------------------------------------------------------------- other dimensions
def each(value: Any, n: int) -> tuple[int, ...]:
    """One number, or one for each dimension, as the latter."""
    return tuple(int(v) for v in value) if isinstance(value, (tuple, list)) and len(value) == n else (int(value),) * n


def _pads(padding: Any, n: int, kernel: Sequence[int], dilation: Sequence[int]) -> tuple[int, ...] | None:
    if padding == "valid":
        return (0,) * (2 * n)
    if padding == "same":
        totals = [d * (k - 1) for k, d in zip(kernel, dilation)]
        return (*(t // 2 for t in totals), *(t - t // 2 for t in totals))
    if isinstance(padding, (tuple, list)) and any(isinstance(p, (tuple, list)) for p in padding):
        return (*(int(p[0]) for p in padding), *(int(p[1]) for p in padding))
    return each(padding, n) * 2


def _convolution(name: str, n: int) -> None:
    @by_name(name)
    def rule(call: Call) -> Given | None:
        x, weight, bias = call.tensor("x"), call.tensor("weight"), call.optional("bias")
        if x.dtype is not weight.dtype or any(isinstance(k, Dim) for k in weight.shape[2:]):
            return None
        dilation = each(call["dilation"], n)
        pads = _pads(call["padding"], n, [int(k) for k in weight.shape[2:]], dilation)
        how = {"strides": each(call["stride"], n), "dilations": dilation, "group": int(call["groups"])}
        return operator("Conv", [x, weight, bias], call.y, pads=pads, **how)


_convolution("nn.conv1d", 1)
_convolution("nn.conv3d", 3)


def _transposed(name: str, n: int) -> None:
    @by_name(name)
    def rule(call: Call) -> Given | None:
        x, weight, bias = call.tensor("x"), call.tensor("weight"), call.optional("bias")
        if x.dtype is not weight.dtype:
            return None
        dilation = each(call["dilation"], n)
        pads = _pads(call["padding"], n, [int(k) for k in weight.shape[2:]], dilation)
        stride = each(call["stride"], n)
        how = {"strides": stride, "dilations": dilation, "group": int(call["groups"])}
        more = each(call["output_padding"], n)
        if any(m >= s for m, s in zip(more, stride)):
            return None  # below the dilation, which runtimes refuse
        return operator("ConvTranspose", [x, weight, bias], call.y, pads=pads, output_padding=more, **how)


_transposed("nn.conv_transpose1d", 1)
_transposed("nn.conv_transpose2d", 2)
