"""Shapes and places: reshapes, transposes, slices, pads, what is joined and made."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

import graphdiff as gd

from .....ir.dims import Dim, Size
from .....ir.dtypes import int64
from .....ops.tensor import Tensor
from ..operators import is_operator, number, operator, operators, sizes
from ..table import Call, Given, Writing, by_name, is_number, writes

_FAR = -(2**62)  # before any first element


@writes("reshape")
def _reshape(w: Writing) -> Given:
    """A product over all rows at once, whose rows are then what they were, is one of more dimensions."""
    product = w.x.node
    if is_operator(product) and product.op.name == "MatMul" and w.x.ndim == 2:
        rows, weight = product.inputs
        if is_operator(rows.node) and rows.node.op.name == "Reshape":
            before = rows.node.inputs[0]
            if before.ndim > 2 and weight.ndim == 2 and w["shape"] == (*before.shape[:-1], weight.shape[1]):
                return operator("MatMul", [before, weight], w.y)
    return reshaped(w.x, w["shape"], w.opset)


def reshaped(x: Tensor, shape: Sequence[Size], opset: int) -> Tensor:
    """A size that is known only at the call is -1 where it is the only one, so that the shape is known to readers."""
    open_ = [i for i, s in enumerate(shape) if isinstance(s, Dim)]
    if any(s == 0 for s in shape if isinstance(s, int)):  # no elements: an operator would read 0 as what was there
        return gd.broadcast_to(gd.full((), 0, x.dtype), tuple(shape))
    if len(open_) == 1:
        to = sizes([-1 if i == open_[0] else s for i, s in enumerate(shape)])
        return operator("Reshape", [x, to], (tuple(shape), x.dtype))
    zeros = 1 if open_ and opset >= 14 else None
    return operator("Reshape", [x, sizes(shape)], (tuple(shape), x.dtype), allowzero=zeros)


@by_name("expand_dims", "squeeze")
def _squeeze(call: Call) -> Given | None:
    x = call.tensor("x")
    axis = call.given.get("axis")
    if axis is None:
        return None
    ndim = max(x.ndim, call.y.ndim)
    axes = sorted(int(a) % ndim for a in (axis if isinstance(axis, (tuple, list)) else (axis,)))
    name = "Unsqueeze" if call.y.ndim > x.ndim else "Squeeze"
    return operator(name, [x, gd.constant(np.asarray(axes, np.int64))], call.y)


@writes("permute_dims")
def _permute(w: Writing) -> Given:
    return operator("Transpose", w.xs, w.y, perm=w["axes"])


@writes("broadcast_to")
def _broadcast(w: Writing) -> Given:
    """No elements are an array: ONNX Runtime 1.32 takes an Expand of (2, 1) to (2, 0) for one that does nothing."""
    shape = w["shape"]
    if 0 in shape and not any(isinstance(s, Dim) for s in shape):
        return gd.constant(np.zeros(shape, w.y.dtype))
    return operator("Expand", [w.x, sizes(w["shape"])], w.y)


@writes("concat")
def _concat(w: Writing) -> Given:
    return operator("Concat", w.xs, w.y, axis=w["axis"])


@writes("slice")
def _slice(w: Writing) -> Given:
    return sliced(w.x, w["starts"], w["sizes"], w["steps"])


def sliced(x: Tensor, starts: Sequence[Size], counts: Sequence[Size], steps: Sequence[int]) -> Tensor:
    """Every ``steps``-th element from ``starts``. Backwards: from the last one on, then turned round, as an end before
    the first element has no number."""
    axes: list[int] = []
    first: list[Size] = []
    end: list[Size] = []
    by: list[int] = []
    turned: list[int] = []
    for axis, (start, count, step) in enumerate(zip(starts, counts, steps)):
        if start == 0 and step == 1 and count == x.shape[axis]:
            continue
        if start == x.shape[axis] - 1 and step == -1 and count == x.shape[axis]:
            turned.append(axis)
            continue
        if step < 0:
            turned.append(axis)
            start, step = start + (count - 1) * step, -step
        axes.append(axis)
        first.append(start)
        end.append(start + (count - 1) * step + 1 if isinstance(count, Dim) or count else start)
        by.append(step)
    shape = tuple(counts)
    if axes:
        x = operator("Slice", [x, sizes(first), sizes(end), sizes(axes), sizes(by)], (shape, x.dtype))
    if turned:
        ones = [-1] * len(turned)
        x = operator(
            "Slice", [x, sizes(ones), sizes([_FAR] * len(turned)), sizes(turned), sizes(ones)], (shape, x.dtype)
        )
    return x


@writes("place")
def _place(w: Writing) -> Given:
    """Elements that are apart are made so first: each with what fills the gap after it, of which the last is cut."""
    (x, fill), shape, steps = w.xs, w["shape"], list(w["steps"])
    starts = list(w["starts"])
    turned = [i for i, step in enumerate(steps) if step < 0]
    if turned:
        at = [s - 1 if i in turned else 0 for i, s in enumerate(x.shape)]
        x = sliced(x, at, x.shape, [-1 if i in turned else 1 for i in range(x.ndim)])
        for i in turned:
            starts[i], steps[i] = starts[i] + (x.shape[i] - 1) * steps[i], -steps[i]
    for i, step in enumerate(steps):
        if step > 1:
            n = x.shape[i]
            apart = gd.reshape(x, (*x.shape[: i + 1], 1, *x.shape[i + 1 :]))
            high = [0] * (i + 1) + [step - 1] + [0] * (x.ndim - i - 1)
            apart = padded(apart, [0] * apart.ndim, high, fill)
            whole = gd.reshape(apart, (*x.shape[:i], n * step, *x.shape[i + 1 :]))
            sides = [shape[i] if k == i else s for k, s in enumerate(x.shape)]
            after = sides[i] - starts[i] - n * step
            if isinstance(after, Dim) or after < 0:
                used = (n - 1) * step + 1
                if isinstance(n, int) and n == 0:
                    used = 0
                counts = [used if k == i else s for k, s in enumerate(x.shape)]
                whole = sliced(whole, [0] * x.ndim, counts, [1] * x.ndim)
            x = whole
    high = [s - a - n for s, a, n in zip(shape, starts, x.shape)]
    return padded(x, starts, high, fill)


def padded(x: Tensor, low: Sequence[Size], high: Sequence[Size], fill: Tensor) -> Tensor:
    shape = tuple(a + s + b for a, s, b in zip(low, x.shape, high))
    if all(isinstance(p, int) and p == 0 for p in (*low, *high)):
        return x
    return operator("Pad", [x, sizes([*low, *high]), fill], (shape, x.dtype))


@by_name("split")
def _split(call: Call) -> Given | None:
    x, axis = call.tensor("x"), call["axis"] % call["x"].ndim
    parts = [shape[axis] for shape, _ in call.types]
    if call.opset < 13 and any(isinstance(s, Dim) for s in parts):
        return None
    return operators("Split", [x, sizes(parts)], call.types, axis=axis)


@by_name("nn.pixel_shuffle", since=11)
def _pixel_shuffle(call: Call) -> Given:
    how = {"blocksize": int(call["upscale_factor"]), "mode": "CRD"}
    return operator("DepthToSpace", [call.tensor("x")], call.y, **how)


@by_name("pad")
def _pad(call: Call) -> Given | None:
    x, width, mode = call.tensor("x"), call["pad_width"], str(call["mode"])
    try:
        pairs = np.broadcast_to(np.asarray(width, np.int64), (x.ndim, 2))
    except (TypeError, ValueError, gd.ShapeError):
        return None
    if mode not in ("constant", "edge", "reflect") or x.ndim == 0 or not is_number(call["constant_values"]):
        return None
    if any(isinstance(s, Dim) or s == 0 for s in x.shape) or (pairs < 0).any():
        return None
    if mode == "reflect" and any(p >= s for s, pair in zip(x.shape, pairs) for p in pair):
        return None  # turned round more than once
    fill = gd.full((), call["constant_values"], x.dtype) if mode == "constant" else None
    to = sizes([int(p) for p in (*pairs[:, 0], *pairs[:, 1])])
    return operator("Pad", [x, to, fill], call.y, mode=mode)


@by_name("tile")
def _tile(call: Call) -> Given | None:
    x, given = call.tensor("x"), call["repetitions"]
    repetitions = list(given) if isinstance(given, (tuple, list)) else [given]
    if x.ndim == 0 or len(repetitions) > x.ndim:
        return None
    to = sizes([1] * (x.ndim - len(repetitions)) + repetitions)
    return operator("Tile", [x, to], call.y)


def _triangle(name: str, upper: int) -> None:
    @by_name(name, since=14)
    def rule(call: Call) -> Given | None:
        x = call.tensor("x")
        return None if x.ndim < 2 else operator("Trilu", [x, gd.constant(np.int64(call["k"]))], call.y, upper=upper)


_triangle("tril", 0)
_triangle("triu", 1)


# --------------------------------------------------------------------------------------- positions
@writes("index")
def _index(w: Writing) -> Given:
    """Known numbers as an array where they are few, else a range for each axis along which they change."""
    shape, offset, strides = w["shape"], w["offset"], w["strides"]
    known = not any(isinstance(s, Dim) for s in (*shape, offset, *strides))
    if known and np.prod(shape, dtype=float) <= 4096:
        return gd.constant(np.asarray(w.node.op.on_arrays([], w.node.attrs), np.int64))
    total = number(offset)
    for axis, (n, stride) in enumerate(zip(shape, strides)):
        if isinstance(stride, Dim) or stride:
            row = operator("Range", [number(0), number(n), number(1)], ((n,), int64))
            row = row if not isinstance(stride, Dim) and stride == 1 else row * number(stride)
            total = total + gd.reshape(row, (n, *(1,) * (len(shape) - axis - 1)))
    return total if total.shape == tuple(shape) else gd.broadcast_to(total, shape)


@writes("diagonal")
def _diagonal(w: Writing) -> Given:
    """By places in the two axes as one."""
    x, k, (row, column), n = w.x, w["offset"], w["axes"], w["length"]
    rest = [i for i in range(x.ndim) if i not in (row, column)]
    moved = gd.permute_dims(x, (*rest, row, column))
    wide = x.shape[column]
    flat = gd.reshape(moved, (*moved.shape[:-2], x.shape[row] * wide))
    first = k if k >= 0 else -k * wide
    at = gd.arange(n) * (number(wide) + 1) + number(first)
    return gd.take(flat, at, axis=flat.ndim - 1)
