"""Operators as opsets before 13 have them: what became an operand is an attribute, and what came later is made of what
there was.

Owns: ``OLDER``, by the name of an operator how a node of it is written for an opset in which it does not stand as it
does in opset 13 (standard.py says whether it does).
Invariant: as of a rule of ../table.py; what a rule gives is looked at again, and stands in the opset or has a rule.
Must not know: graphdiff's own operations beyond those that it makes; messages.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

import graphdiff as gd

from ....ir.dims import Dim, Size
from ....ir.dtypes import FLOATS, float64, int32, int64
from ....ops.tensor import Tensor
from .operators import LEFT_OUT, SIZES, number, operator, operators, sizes
from .rules.special import erfc_by_series
from .table import Given, Rule, Writing

OLDER: dict[str, Rule] = {}


def _older(*names: str) -> Callable[[Rule], Rule]:
    def add(rule: Rule) -> Rule:
        OLDER.update(dict.fromkeys(names, rule))
        return rule

    return add


def _array(x: Tensor) -> np.ndarray | None:
    """What a Tensor is, where it is a constant."""
    return x.node.attrs["value"] if x.node.op.name == "constant" else None


def _entries(x: Tensor) -> list[Size] | None:
    """The elements of a vector of sizes, None where they are known only at the call."""
    if x.node.op.name == SIZES:
        return [*x.node.attrs["sizes"]]
    array = _array(x)
    return None if array is None else [int(e) for e in array.ravel()]


def _numbers(x: Tensor) -> tuple[int, ...] | None:
    """As ``_entries``, of numbers alone."""
    found = _entries(x)
    return None if found is None or any(isinstance(e, Dim) for e in found) else tuple(map(int, found))


# --------------------------------------------------------------------------------------- what became operands
def _by_attribute(name: str, *operators_: str) -> None:
    @_older(*operators_)
    def rule(w: Writing) -> Given | None:
        values = _numbers(w.xs[1])
        if values is None:
            return None
        types = [(y.shape, y.dtype) for y in w.node.outputs]
        return operators(w.node.op.name, [w.x], types, **w.node.attrs, **{name: values})


_by_attribute("axes", "Squeeze", "Unsqueeze", "ReduceSum")
_by_attribute("split", "Split")


@_older("Slice")
def _slice(w: Writing) -> Given | None:
    """By attributes where they are numbers and neighbours are taken, else by the places of what is taken."""
    given = [_entries(v) for v in w.xs[1:]]
    starts, ends, axes, steps = (e for e in given if e is not None)
    y, kept = w.x, []
    for start, end, axis, step in zip(starts, ends, map(int, axes), steps):
        if step == 1 and not isinstance(start, Dim) and not isinstance(end, Dim):
            kept.append((start, end, axis))
            continue
        at = start + y.shape[axis] if isinstance(start, int) and start < 0 else start
        y = gd.take(y, gd.arange(w.y.shape[axis]) * number(step) + number(at), axis=axis)
    if kept:
        first, last, along = (tuple(e) for e in zip(*kept))
        y = operator("Slice", [y], w.y, starts=first, ends=last, axes=along)
    return y


@_older("Pad")
def _pad(w: Writing) -> Given | None:
    """By attributes where they are numbers, else joined with what is put there."""
    pads, value = _entries(w.xs[1]), 0.0
    known, mode = _numbers(w.xs[1]), w.node.attrs.get("mode", "constant")
    fill = w.xs[2] if len(w.xs) > 2 else gd.full((), 0, w.y.dtype)
    array = _array(fill)
    if mode == "constant":
        value = math.nan if array is None else float(array)
    if known is not None and w.y.dtype in FLOATS and not math.isnan(value):
        return operator("Pad", [w.x], w.y, pads=known, mode=mode, value=value)
    if pads is None or mode != "constant" or any(isinstance(p, int) and p < 0 for p in pads):
        return None
    x, n = w.x, w.x.ndim
    for axis in range(n):
        around = [
            gd.broadcast_to(fill, (*x.shape[:axis], p, *x.shape[axis + 1 :])) for p in (pads[axis], pads[n + axis])
        ]
        x = gd.concat([around[0], x, around[1]], axis=axis)
    return x


@_older("Clip")
def _clip(w: Writing) -> Given:
    names = ("min", "max")
    bounds = {name: x for name, x in zip(names, w.xs[1:]) if x.node.op.name != LEFT_OUT}
    arrays = {name: _array(x) for name, x in bounds.items()}
    if w.opset < 11 and w.y.dtype in FLOATS and all(a is not None for a in arrays.values()):
        exact = {name: float(a) for name, a in arrays.items() if a is not None}
        if all(float(np.float32(v)) == v for v in exact.values()):
            return operator("Clip", [w.x], w.y, **exact)
    x = w.x
    if "min" in bounds:
        x = gd.maximum(x, bounds["min"])
    return gd.minimum(x, bounds["max"]) if "max" in bounds else x


@_older("TopK")
def _top(w: Writing) -> Given | None:
    """The largest alone, and of floats: the smallest are the largest of what has the other sign."""
    x, axis, least = w.x, w["axis"], not w.node.attrs.get("largest", 1)
    values, places = w.node.outputs
    if x.dtype is int32:
        found = operators("TopK", [gd.astype(x, float64), w.xs[1]], _as(w, float64), **w.node.attrs)
        return [gd.astype(found[0], int32), found[1]]
    count = _numbers(w.xs[1])
    if x.dtype not in FLOATS or (w.opset < 10 and count is None):
        return None
    if count == (0,):
        return [gd.zeros(v.shape, v.dtype) for v in (values, places)]
    how: dict[str, Any] = {"axis": axis} if count is None or w.opset >= 10 else {"axis": axis, "k": count[0]}
    operands = [-x if least else x, *(w.xs[1:] if w.opset >= 10 else ())]
    top, at = operators("TopK", operands, [(values.shape, values.dtype), (places.shape, int64)], **how)
    return [-top if least else top, at]


def _as(w: Writing, dtype: np.dtype) -> list[Any]:
    return [(v.shape, dtype if i == 0 else v.dtype) for i, v in enumerate(w.node.outputs)]


@_older("Resize")
def _resize(w: Writing) -> Given | None:
    """With all its operands in opset 11; before, of the nearest element by whole numbers alone, which are no operand
    before opset 9."""
    given = [None if v.node.op.name == LEFT_OUT else v for v in w.xs[1:]]
    if w.opset >= 11:
        none = gd.constant(np.zeros(0, np.float32))
        return operator("Resize", [w.x, *(none if v is None else v for v in given)], w.y, **w.node.attrs)
    known = None if given[1] is None else _array(given[1])
    scales = [b / a for a, b in zip(w.x.shape, w.y.shape)] if known is None else known.tolist()  # numbers, by the rule
    if w.opset < 9:
        return operator("Upsample", [w.x], w.y, mode="nearest", scales=tuple(map(float, scales)))
    name = "Resize" if w.opset == 10 else "Upsample"
    return operator(name, [w.x, gd.constant(np.asarray(scales, np.float32))], w.y, mode="nearest")


@_older("MaxPool")
def _max_pool(w: Writing) -> Given | None:
    """Before opset 10 without dilations."""
    how = dict(w.node.attrs)
    if any(d != 1 for d in how.pop("dilations", ())):
        return None
    return operators("MaxPool", [w.x], [(y.shape, y.dtype) for y in w.node.outputs], **how)


# --------------------------------------------------------------------------------------- broadcasting and choice
@_older("Expand")
def _expand(w: Writing) -> Given:
    shape = (*(1,) * (w.y.ndim - w.x.ndim), *w.x.shape)
    x = gd.reshape(w.x, shape)
    if not shape:
        return x
    repeats = [new if old == 1 else 1 for old, new in zip(shape, w.y.shape)]
    return operator("Tile", [x, sizes(repeats)], w.y)


@_older("Where")
def _where(w: Writing) -> Given:
    """Each element from where it stands in both, one after the other."""
    c, a, b = (gd.reshape(gd.broadcast_to(x, w.y.shape), (w.y.size,)) for x in w.xs)
    at = gd.arange(w.y.size) + gd.astype(gd.logical_not(c), int64) * number(w.y.size)
    return gd.reshape(gd.take(gd.concat([a, b]), at, axis=0), w.y.shape)


@_older("Range")
def _range(w: Writing) -> Given:
    """0, 1, ... as a loop that counts."""
    return gd.scan(lambda i, _: (i + 1, i), gd.constant(0, int64), None, length=w.y.shape[0])[1]


def _extreme(name: str, first: Callable[[Tensor, Tensor], Tensor]) -> None:
    @_older(name)
    def rule(w: Writing) -> Given:
        a, b = w.xs
        if w.y.dtype in FLOATS:  # before opset 8 of operands of one shape
            return operator(name, [gd.broadcast_to(a, w.y.shape), gd.broadcast_to(b, w.y.shape)], w.y)
        if w.y.dtype is int32:
            return gd.astype(operator(name, [gd.astype(v, float64) for v in w.xs], (w.y.shape, float64)), int32)
        return gd.where(first(a, b), a, b)


_extreme("Max", lambda a, b: a > b)
_extreme("Min", lambda a, b: a < b)


# --------------------------------------------------------------------------------------- comparisons
@_older("Equal")
def _equal(w: Writing) -> Given:
    """Of floats: neither less nor greater, and both are numbers."""
    a, b = w.xs
    apart = gd.logical_or(a < b, a > b)
    return gd.logical_not(gd.logical_or(apart, gd.logical_or(gd.isnan(a), gd.isnan(b))))


def _ordered(name: str) -> None:
    @_older(name)
    def rule(w: Writing) -> Given | None:
        """Of integers by floats that have all their digits, of 64 bits in two parts."""

        def compared(a: Tensor, b: Tensor) -> Tensor:
            return operator(name, [gd.astype(a, float64), gd.astype(b, float64)], w.y)

        a, b = w.xs
        if a.dtype is int32:
            return compared(a, b)
        if a.dtype is not int64:
            return None
        (high, low), (other, rest) = (_parts(v) for v in (a, b))
        same = gd.logical_not(compared(other, high))  # or the first is decided
        return gd.logical_or(compared(high, other), gd.logical_and(same, compared(low, rest)))


def _parts(x: Tensor) -> tuple[Tensor, Tensor]:
    wide = gd.constant(2**32, int64)
    high = operator("Div", [x, wide], x)
    return high, x - high * wide


_ordered("Less")
_ordered("Greater")


@_older("LessOrEqual")
def _less_or_equal(w: Writing) -> Given:
    return gd.logical_or(w.x < w.xs[1], gd.equal(*w.xs))


@_older("GreaterOrEqual")
def _greater_or_equal(w: Writing) -> Given:
    return gd.logical_or(w.x > w.xs[1], gd.equal(*w.xs))


@_older("IsNaN")
def _isnan(w: Writing) -> Given:
    return gd.logical_not(gd.logical_or(w.x < 1, w.x > 0))


@_older("IsInf")
def _isinf(w: Writing) -> Given:
    return gd.equal(gd.abs(w.x), math.inf)


# --------------------------------------------------------------------------------------- functions
@_older("Sign")
def _sign(w: Writing) -> Given:
    sign = gd.astype(w.x > 0, w.y.dtype) - gd.astype(w.x < 0, w.y.dtype)
    return gd.where(gd.isnan(w.x), w.x, sign) if w.y.dtype in FLOATS else sign


@_older("Round")
def _round(w: Writing) -> Given:
    """Halves to the even one."""
    low = gd.floor(w.x)
    rest = w.x - low
    odd = gd.not_equal(low - 2 * gd.floor(low / 2), 0)
    up = gd.logical_or(rest > 0.5, gd.logical_and(gd.equal(rest, 0.5), odd))
    return low + gd.astype(up, w.y.dtype)


@_older("Mod")
def _mod(w: Writing) -> Given | None:
    """Of integers, of the divisor's sign; Div rounds towards 0."""
    if w.y.dtype in FLOATS:
        return None
    a, b = w.xs
    rest = a - operator("Div", [a, b], w.y) * b
    return gd.where(gd.logical_and(gd.not_equal(rest, 0), gd.not_equal(rest < 0, b < 0)), rest + b, rest)


def _odd(x: Tensor, of_size: Callable[[Tensor], Tensor]) -> Tensor:
    y = of_size(gd.abs(x))
    return gd.where(x < 0, -y, gd.where(gd.equal(x, 0), x, y))


_TWO = math.log(2)


@_older("Sinh")
def _sinh(w: Writing) -> Given:
    def of_size(a: Tensor) -> Tensor:
        u = gd.expm1(gd.minimum(a, 20))
        return gd.where(a > 20, gd.exp(a - _TWO), (u + u / (u + 1)) / 2)

    return _odd(w.x, of_size)


@_older("Cosh")
def _cosh(w: Writing) -> Given:
    return gd.exp(gd.abs(w.x) - _TWO) + gd.exp(-gd.abs(w.x) - _TWO)


@_older("Asinh")
def _asinh(w: Writing) -> Given:
    def of_size(a: Tensor) -> Tensor:
        square = gd.minimum(a, 1e9) ** 2
        return gd.where(a > 1e9, gd.log(a) + _TWO, gd.log1p(a + square / (1 + gd.sqrt(1 + square))))

    return _odd(w.x, of_size)


@_older("Acosh")
def _acosh(w: Writing) -> Given:
    t = gd.minimum(w.x, 1e9) - 1
    return gd.where(w.x > 1e9, gd.log(w.x) + _TWO, gd.log1p(t + gd.sqrt(t * (2 + t))))


@_older("Atanh")
def _atanh(w: Writing) -> Given:
    return _odd(w.x, lambda a: 0.5 * gd.log1p(2 * a / (1 - a)))


@_older("Erf")
def _erf(w: Writing) -> Given:
    """By its series near 0, which has all digits there, and by what it misses to 1 further out."""
    x = w.x
    near = gd.clip(x, -0.5, 0.5)
    square = near * near
    series: Any = 0.0
    for n in range(12, -1, -1):
        series = series * square + (-1) ** n / (math.factorial(n) * (2 * n + 1))
    return gd.where(gd.abs(x) <= 0.5, near * series * (2 / math.sqrt(math.pi)), 1 - erfc_by_series(x))


# --------------------------------------------------------------------------------------- places
@_older("GatherElements")
def _gather_elements(w: Writing) -> Given:
    """At places in the array as one row."""
    x, idx = w.xs
    axis, idx = w["axis"], gd.astype(idx, int64)
    idx = gd.where(idx < 0, idx + number(x.shape[axis]), idx)
    at: Tensor = gd.broadcast_to(gd.constant(0, int64), idx.shape)
    stride: Size = 1
    for i in range(x.ndim - 1, -1, -1):
        along = gd.reshape(gd.arange(idx.shape[i]), (idx.shape[i], *(1,) * (x.ndim - i - 1)))
        at = at + (idx if i == axis else along) * number(stride)
        stride = stride * x.shape[i]
    return gd.take(gd.reshape(x, (x.size,)), at, axis=0)
