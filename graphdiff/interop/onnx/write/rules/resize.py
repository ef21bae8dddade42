"""Resize by its name, where the places that it takes elements from are those of the graph to the last digit."""

from __future__ import annotations

from typing import Any

import numpy as np

import graphdiff as gd

from .....ir.dims import Dim, Size
from .....ir.dtypes import float32
from .....ops.operands import as_list
from .....ops.resample import LINEAR
from ..operators import operator, sizes
from ..table import Call, Given, by_name, is_number

# by the mode: that of Resize, its coordinates, how it rounds
_MODES: dict[str, tuple[str, str, str | None]] = {
    "nearest": ("nearest", "asymmetric", "floor"),
    "nearest-exact": ("nearest", "half_pixel", "round_prefer_ceil"),
    **dict.fromkeys(LINEAR, ("linear", "half_pixel", None)),
    "bicubic": ("cubic", "half_pixel", None),
}


@by_name("nn.interpolate", since=7)
def _interpolate(call: Call) -> Given | None:
    x, mode, n = call.tensor("x"), call["mode"], call["x"].ndim - 2
    if mode not in _MODES:
        return None
    given = as_list(call["size"] if call["scale_factor"] is None else call["scale_factor"])
    given = given * n if len(given) == 1 else given
    name, coordinates, rounding = _MODES[mode]
    if name == "cubic" and x.dtype is not float32:
        return None  # runtimes weigh in float32
    factors: list[float] | None = None
    if call["scale_factor"] is not None:
        if not all(map(is_number, given)):
            return None
        factors = [float(f) for f in given]
        if any(float(np.float32(f)) != f for f in factors):
            return None
    if name == "nearest" and not all(
        _is_exact(old, new, None if factors is None else factors[i], mode == "nearest-exact")
        for i, (old, new) in enumerate(zip(x.shape[2:], call.y.shape[2:]))
    ):
        return None
    if call.opset < 11 and not (mode == "nearest" and _by_whole_numbers(x.shape[2:], call.y.shape[2:], factors)):
        return None  # of other coordinates
    if call["align_corners"]:
        coordinates = "align_corners"
    how: dict[str, Any] = {
        "mode": name,
        "coordinate_transformation_mode": coordinates,
        "nearest_mode": rounding,
        "cubic_coeff_a": -0.75 if name == "cubic" else None,
    }
    if factors is not None and not call["align_corners"]:  # which go by sizes, and by factors not everywhere alike
        return operator("Resize", [x, None, gd.constant(np.asarray([1, 1, *factors], np.float32))], call.y, **how)
    return operator("Resize", [x, None, None, sizes(call.y.shape)], call.y, **how)


def _is_exact(old: Size, new: Size, factor: float | None, half: bool) -> bool:
    """Whether a runtime that computes in float32, by a product or a quotient, takes the nearest elements that the graph
    takes: those at whole places are told apart from the ones before."""
    if factor is not None and factor == int(factor) and factor < 2**10:
        return True
    if isinstance(old, Dim) or isinstance(new, Dim) or new > 2**16:
        return False
    scale = new / old if factor is None else factor
    at = np.arange(new) + (0.5 if half else 0.0)
    want = np.floor(at / np.float64(scale))
    single = at.astype(np.float32)
    return all(
        np.array_equal(np.floor(place), want)
        for place in (single / np.float32(scale), single * np.float32(1 / scale), at * (1 / scale))
    )


def _by_whole_numbers(old: tuple[Size, ...], new: tuple[Size, ...], factors: list[float] | None) -> bool:
    if factors is not None:
        return all(f == int(f) for f in factors)
    return all(isinstance(a, int) and isinstance(b, int) and b % a == 0 for a, b in zip(old, new))
