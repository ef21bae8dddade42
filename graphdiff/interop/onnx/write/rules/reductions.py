"""Reductions, extremes and their places, sorting."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import graphdiff as gd

from .....ir.dtypes import bool_, int32
from .....ops.tensor import Tensor
from ..operators import Type, operator, operators, sizes
from ..table import Call, Given, Writing, by_name, writes


def reduced(
    name: str, x: Tensor, axes: Sequence[int], like: Tensor | Type, opset: int, keepdims: bool = False
) -> Tensor:
    """A reduction: its axes are an operand since opset 18, ReduceSum's since 13."""
    given = tuple(axes)
    if opset >= 18 or name == "ReduceSum":
        return operator(name, [x, gd.constant(np.asarray(given, np.int64))], like, keepdims=int(keepdims))
    return operator(name, [x], like, axes=given, keepdims=int(keepdims))


def _reduction(name: str, operation: str) -> None:
    @writes(operation)
    def rule(w: Writing) -> Given:
        return reduced(name, w.x, w["axes"], w.y, w.opset)


for _name, _operation in (("Sum", "sum"), ("Prod", "prod"), ("Max", "max"), ("Min", "min")):
    _reduction(f"Reduce{_name}", _operation)


def _of_bools(name: str, operation: str, empty: bool) -> None:
    @writes(operation)
    def rule(w: Writing) -> Given:
        """By numbers; of no elements it is what a sum or a product of none is."""
        numbers = gd.astype(w.x, int32)
        return gd.not_equal(reduced(name, numbers, w["axes"], (w.y.shape, int32), w.opset), 0)


_of_bools("ReduceProd", "all", True)
_of_bools("ReduceSum", "any", False)


def _named(name: str, operation: str) -> None:
    @by_name(operation)
    def rule(call: Call) -> Given | None:
        x = call.tensor("x")
        if call.given.get("ord") not in (None, 2) or x.dtype is not call.y.dtype or x.ndim == 0:
            return None
        axes = _axes(call["axis"], x.ndim)
        if any(isinstance(x.shape[a], int) and x.shape[a] == 0 for a in axes) or not axes:
            return None
        return reduced(name, x, axes, call.y, call.opset, bool(call["keepdims"]))


for _name, _operation in (("ReduceMean", "mean"), ("ReduceLogSumExp", "logsumexp"), ("ReduceL2", "norm")):
    _named(_name, _operation)


def _axes(axis: Any, ndim: int) -> list[int]:
    if axis is None:
        return [*range(ndim)]
    return sorted(int(a) % ndim for a in (axis if isinstance(axis, (tuple, list)) else (axis,)))


def _place(name: str, operation: str) -> None:
    @writes(operation)
    def rule(w: Writing) -> Given:
        x = gd.astype(w.x, int32) if w.x.dtype is bool_ else w.x
        return operator(name, [x], w.y, axis=w["axis"], keepdims=0)


_place("ArgMax", "argmax")
_place("ArgMin", "argmin")


@writes("sort")
def _sort(w: Writing) -> Given:
    x = gd.astype(w.x, int32) if w.x.dtype is bool_ else w.x
    y, places = w.node.outputs
    types = [(y.shape, x.dtype), (places.shape, places.dtype)]
    how = {"axis": w["axis"], "largest": int(w["descending"])}
    values, at = operators("TopK", [x, sizes([w["k"]])], types, **how)
    return [gd.astype(values, y.dtype), at]
