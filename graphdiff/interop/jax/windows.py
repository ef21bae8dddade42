"""Rules of JAX's primitives over windows: reductions, what selects in them, convolutions, reductions by a program.

Invariant: windows are taken apart into one array for each place in them, so that all else is on whole arrays.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import graphdiff as gd

from ...ops.leaves import input as input_leaf
from ...ops.tensor import Tensor, constant
from ..needs import needs
from .arrays import ints, padded
from .control import evaluate
from .rules import Params, one, rule

with needs("jax"):
    from jax.extend import core


def _config(params: Params) -> list[tuple[int, int, int]]:
    dilation = params.get("base_dilation") or (1,) * len(params["padding"])
    return [(int(a), int(b), int(s) - 1) for (a, b), s in zip(params["padding"], dilation)]


def _places(params: Params, shape: Sequence[Any]) -> list[list[slice]]:
    """For each axis of a padded operand, what the places of the window have."""
    sizes, strides = ints(params["window_dimensions"]), ints(params["window_strides"])
    dilation = ints(params.get("window_dilation") or (1,) * len(sizes))
    found = []
    for n, w, s, d in zip(shape, sizes, strides, dilation):
        count = max((int(n) - (w - 1) * d - 1) // s + 1, 0)
        found.append([slice(k * d, k * d + max((count - 1) * s + 1, 0), s) for k in range(w)])
    return found


def _windows(params: Params, x: Tensor, value: float) -> Tensor:
    """All windows, with their elements on a new first axis."""
    x = padded(x, _config(params), constant(np.asarray(value, x.dtype)))
    return gd.stack([x[at] for at in itertools.product(*_places(params, x.shape))])


def _by_axes(f: Callable[[Tensor, Tensor], Tensor], params: Params, x: Tensor, value: float) -> Tensor:
    """The windows put together by ``f``, the last axis first, so that of equals the first stays the first."""
    x = padded(x, _config(params), constant(np.asarray(value, x.dtype)))
    for axis, slices in reversed(list(enumerate(_places(params, x.shape)))):
        before = (slice(None),) * axis
        pieces = [x[(*before, at)] for at in slices]
        x = functools.reduce(f, pieces)
    return x


def _least(dtype: np.dtype, sign: int) -> float:
    if dtype.kind == "f":
        return sign * np.inf
    if dtype.kind == "b":
        return sign > 0
    return np.iinfo(dtype).min if sign < 0 else np.iinfo(dtype).max


def _larger(x: Tensor, y: Tensor) -> Tensor:
    """The first of equals, which gets the gradient; NaN where one is."""
    if x.dtype.kind == "b":
        return gd.logical_or(x, y)
    return gd.where(gd.logical_or(x >= y, x != x), x, y)


def _smaller(x: Tensor, y: Tensor) -> Tensor:
    if x.dtype.kind == "b":
        return gd.logical_and(x, y)
    return gd.where(gd.logical_or(x <= y, x != x), x, y)


def _too_large(params: Params, avals: Sequence[Any]) -> str:
    n = max(ints(params["window_dimensions"]), default=1)
    return f"over a window of {n} elements along one axis" if n > 1024 else ""


def _too_many(params: Params, avals: Sequence[Any]) -> str:
    n = math.prod(ints(params["window_dimensions"]))
    return f"over a window of {n} elements" if n > 1024 else ""


@one("reduce_window_sum", refuses=_too_large)
def _window_sum(params: Params, x: Tensor) -> Tensor:
    return _by_axes(gd.add, params, x, 0)


@one("reduce_window_max", refuses=_too_large)
def _window_max(params: Params, x: Tensor) -> Tensor:
    return _by_axes(_larger, params, x, _least(x.dtype, -1))


@one("reduce_window_min", refuses=_too_large)
def _window_min(params: Params, x: Tensor) -> Tensor:
    return _by_axes(_smaller, params, x, _least(x.dtype, 1))


# ------------------------------------------------------------------ derivatives that JAX has taken of pools


def _picked(params: Params, x: Tensor) -> Tensor:
    """Of each window of ``x`` the place of what is selected, the first of equals."""
    largest = params["select_prim"].name == "ge"
    windows = _windows(params, x, _least(x.dtype, -1 if largest else 1))
    return (gd.argmax if largest else gd.argmin)(windows, axis=0)


@one("select_and_scatter_add", refuses=_too_many)
def _select_and_scatter_add(params: Params, source: Tensor, x: Tensor) -> Tensor:
    leaf = input_leaf(None, x.shape, source.dtype)
    windows = _windows(params, leaf, 0)
    which = np.arange(int(windows.shape[0])).reshape(-1, *(1,) * x.ndim)
    return gd.vjp(windows, leaf, gd.where(_picked(params, x) == which, source, 0))  # linear: free of the leaf


@one("select_and_gather_add", refuses=_too_many)
def _select_and_gather_add(params: Params, tangent: Tensor, x: Tensor) -> Tensor:
    at = gd.expand_dims(_picked(params, x), 0)
    return gd.take_along_axis(_windows(params, tangent, 0), at, axis=0)[0]


# ------------------------------------------------------------------ reductions by a program


def _combined(closed: Any, xs: Sequence[Tensor], ys: Sequence[Tensor]) -> list[Tensor]:
    """A program of scalars for all elements of arrays."""
    shape = xs[0].shape
    flat = [gd.reshape(v, (-1,)) for v in (*xs, *ys)]
    found = gd.vmap(lambda *given: tuple(evaluate(closed, given)))(*flat)
    return [gd.reshape(y, shape) for y in found]


def _closed(params: Params) -> Any:
    return core.ClosedJaxpr(params["jaxpr"], params["consts"]) if "consts" in params else params["jaxpr"]


@rule("reduce")
def _reduce(params: Params, xs: list[Tensor], outs: Sequence[Any]) -> list[Tensor]:
    axes, half = ints(params["dimensions"]), len(xs) // 2
    kept = [d for d in range(xs[0].ndim) if d not in axes]
    shape = tuple(int(xs[0].shape[d]) for d in kept)
    level = [gd.reshape(gd.permute_dims(x, (*axes, *kept)), (-1, *shape)) for x in xs[:half]]
    begin = [gd.broadcast_to(v, (1, *shape)) for v in xs[half:]]
    level = [gd.concat([b, x], axis=0) for b, x in zip(begin, level)]
    while (n := int(level[0].shape[0])) > 1:  # neighbours, in their order
        even = [x[: n // 2 * 2] for x in level]
        found = _combined(_closed(params), [x[::2] for x in even], [x[1::2] for x in even])
        level = [gd.concat([y, x[n - 1 :]], axis=0) for y, x in zip(found, level)] if n % 2 else found
    return [x[0] for x in level]


@rule("reduce_window", refuses=_too_many)
def _reduce_window(params: Params, xs: list[Tensor], outs: Sequence[Any]) -> list[Tensor]:
    half = len(xs) // 2
    wide = [padded(x, _config(params), v) for x, v in zip(xs[:half], xs[half:])]
    found = [gd.broadcast_to(v, ints(o.aval.shape)) for v, o in zip(xs[half:], outs)]
    for at in itertools.product(*_places(params, wide[0].shape)):
        found = _combined(_closed(params), found, [x[at] for x in wide])
    return found


# ------------------------------------------------------------------ convolutions


@one(
    "conv_general_dilated",
    refuses=lambda p, avals: "" if 0 <= avals[0].ndim - 2 <= 3 else f"of {avals[0].ndim - 2} dimensions",
)
def _conv(params: Params, x: Tensor, weight: Tensor) -> Tensor:
    numbers, groups, parts = params["dimension_numbers"], params["feature_group_count"], params["batch_group_count"]
    x = gd.permute_dims(x, ints(numbers.lhs_spec))
    weight = gd.permute_dims(weight, ints(numbers.rhs_spec))
    config = [(0, 0, 0)] * 2 + [(int(a), int(b), d - 1) for (a, b), d in zip(params["padding"], params["lhs_dilation"])]
    x = padded(x, config, constant(np.zeros((), x.dtype)))
    if parts > 1:  # parts of the batch, each with its outputs, are groups of channels
        n, c, *space = ints(x.shape)
        x = gd.permute_dims(gd.reshape(x, (parts, n // parts, c, *space)), (1, 0, *range(2, x.ndim + 1)))
        x, groups = gd.reshape(x, (n // parts, parts * c, *space)), parts
    strides, dilation = ints(params["window_strides"]), ints(params["rhs_dilation"])
    if x.ndim == 2:
        found = gd.squeeze(gd.nn.conv1d(x[..., None], weight[..., None], groups=groups), axis=2)
    elif x.ndim == 3:
        found = gd.nn.conv1d(x, weight, stride=strides[0], dilation=dilation[0], groups=groups)
    else:
        f = gd.nn.conv2d if x.ndim == 4 else gd.nn.conv3d
        found = f(x, weight, stride=strides, dilation=dilation, groups=groups)
    return gd.permute_dims(found, ints(np.argsort(numbers.out_spec)))
