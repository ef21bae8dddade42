"""Declaration of resampling: signals, images and volumes at other sizes, as torch.nn.functional.interpolate has it.

Along one axis after another each element is a weighted sum of a few elements that lie about its place. A composite of
gathers: its derivatives follow. Must not know: kernels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from ..errors import GraphError, ShapeError
from ..ir.dims import Dim, Size, as_size, floor_div
from ..ir.dtypes import float64, int64
from .elementwise import astype, maximum, minimum
from .gather import index, size_as, take
from .movement import reshape
from .opdef import composite
from .operands import as_list, operands
from .pool_made import averaged
from .registry import Sample
from .rounding import floor
from .tensor import Tensor, checked, fail
from .types import SizeLike, TensorLike

LINEAR = {"linear": 1, "bilinear": 2, "trilinear": 3}
CUBIC = -0.75  # the slope of the cubic kernel, as torch's
DENOMINATOR = 4096  # the largest of a simple fraction


def _cubic(t: Any) -> list[Any]:
    """The weights of the four elements about a place that is t after the second (Keys 1981)."""

    def near(d: Any) -> Any:
        return ((CUBIC + 2) * d - (CUBIC + 3)) * d * d + 1

    def far(d: Any) -> Any:
        return ((CUBIC * d - 5 * CUBIC) * d + 8 * CUBIC) * d - 4 * CUBIC

    return [far(t + 1), near(t), near(1 - t), far(2 - t)]


# ------------------------------------------------------------------ in NumPy
def _reference(
    x: Any, size: Any = None, scale_factor: Any = None, mode: str = "nearest", align_corners: bool = False
) -> Any:
    n_axes = x.ndim - 2
    factors = [None] * n_axes if scale_factor is None else list(np.broadcast_to(scale_factor, n_axes))
    wanted = size if isinstance(size, tuple) else (size,) * n_axes
    sizes = [m if f is None else int(x.shape[2 + i] * f) for i, (m, f) in enumerate(zip(wanted, factors))]
    for axis, (m, f) in enumerate(zip(sizes, factors), 2):
        n = x.shape[axis]
        scale, at = n / m if f is None else 1 / f, np.arange(m)
        if mode == "area":
            parts = [x.take(range(i * n // m, -(-(i + 1) * n // m)), axis).mean(axis) for i in range(m)]
            x = np.stack(parts, axis)
            continue
        if mode.startswith("nearest"):
            places = np.floor((at + (0.5 if mode == "nearest-exact" else 0)) * scale).astype(int)
            x = x.take(np.clip(places, 0, n - 1), axis)
            continue
        place = at * ((n - 1) / (m - 1) if m > 1 else 0) if align_corners else (at + 0.5) * scale - 0.5
        place = place if mode == "bicubic" else np.maximum(place, 0)
        first = np.floor(place).astype(int)
        t = place - first
        taps = list(zip(range(-1, 3), _cubic(t))) if mode == "bicubic" else [(0, 1 - t), (1, t)]
        shape = (-1, *(1,) * (x.ndim - axis - 1))
        x = sum(x.take(np.clip(first + k, 0, n - 1), axis) * w.reshape(shape) for k, w in taps)
    return x


def _samples(rng: np.random.Generator) -> Any:
    for shape, how in (
        ((2, 3, 5), {"size": 8, "mode": "linear"}),
        ((1, 2, 4, 3), {"size": (3, 7), "mode": "bilinear"}),
        ((1, 2, 4, 3), {"scale_factor": 2.0, "mode": "bilinear", "align_corners": True}),
        ((1, 1, 4, 5), {"size": (6, 3), "mode": "bicubic"}),
        ((1, 1, 3, 4), {"scale_factor": 1.5, "mode": "bicubic", "align_corners": True}),
        ((1, 1, 2, 3, 2), {"size": 4, "mode": "trilinear"}),
        ((2, 1, 4, 6), {"size": (7, 3)}),
        ((1, 2, 5), {"scale_factor": 1.5, "mode": "nearest-exact"}),
        ((1, 2, 5, 4), {"size": (2, 3), "mode": "area"}),
    ):
        yield Sample((rng.uniform(-2, 2, shape),), how)


# ------------------------------------------------------------------ as a graph
def _resized(name: str, n: Size, factor: float, xs: Sequence[Any]) -> Size:
    """A size times a factor, rounded down. Raises GraphError."""
    if not factor > 0 or not math.isfinite(factor):
        fail(GraphError, name, f"scale_factor lies above 0, got {factor!r}", xs)
    if isinstance(n, int):
        return int(n * factor)
    below = next((q for q in range(1, DENOMINATOR + 1) if round(factor * q) / q == factor), None)
    if below is None:
        fail(GraphError, name, f"scale_factor {factor!r} of the size {n}, which has a name, is no simple fraction", xs)
    return floor_div(n * round(factor * below), below)


def _along(x: Tensor, axis: int, m: Size, factor: float | None, mode: str, align_corners: bool) -> Tensor:
    n = x.shape[axis]
    if m == n and factor in (None, 1):
        return x
    at = astype(index((m,), 0, (1,)), float64)
    scale: Any = size_as(n, float64) / size_as(m, float64) if factor is None else 1 / factor

    def taken(place: Tensor) -> Tensor:
        return take(x, minimum(maximum(place, 0), size_as(n, int64) - 1), axis=axis)

    if mode.startswith("nearest"):
        return taken(astype(floor((at + 0.5 if mode == "nearest-exact" else at) * scale), int64))
    if align_corners:
        steps = maximum(size_as(m, float64) - 1, 1)
        place = at * ((size_as(n, float64) - 1) / steps)
    else:
        place = (at + 0.5) * scale - 0.5
    if mode != "bicubic":
        place = maximum(place, 0)
    first = floor(place)
    t, start = place - first, astype(first, int64)
    taps = list(zip(range(-1, 3), _cubic(t))) if mode == "bicubic" else [(0, 1 - t), (1, t)]
    total = None
    for k, w in taps:
        term = taken(start + k) * reshape(astype(w, x.dtype), (m, *(1,) * (x.ndim - axis - 1)))
        total = term if total is None else total + term
    assert total is not None
    return total


@composite(namespace="nn", reference=_reference, samples=_samples, onnx="Resize")
def interpolate(
    x: TensorLike,
    size: SizeLike | Sequence[SizeLike] | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: Literal["nearest", "nearest-exact", "linear", "bilinear", "trilinear", "bicubic", "area"] = "nearest",
    align_corners: bool = False,
) -> Tensor:
    """x (N, C, ..) at other sizes of the axes after the second: those of ``size``, or ``scale_factor`` times its own,
    rounded down.

    Element i of m lies at (i + 1/2) n / m - 1/2 of n elements, or with ``align_corners`` at i (n - 1) / (m - 1); with a
    scale factor 1 / factor stands for n / m. "nearest" takes the element at i n / m rounded down, "nearest-exact" the
    nearest; "linear" (signals), "bilinear" (images) and "trilinear" (volumes) go straight from one to the next,
    "bicubic" (images) by cubics of four, "area" takes means as adaptive_avg_pool2d does.

    Arguments: ``x``: (N, C, ...); ``size``: one, or one an axis; ``scale_factor``: likewise, instead of size; ``mode``:
    as above; ``align_corners``: as above, of the linear and cubic modes
    Dtypes: float
    Shapes: (N, C, ...) -> (N, C, *size)
    Edges: interpolate([[[nan, 1.0]]], 4) = [[[nan, nan, 1.0, 1.0]]]
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.nn.interpolate([[[1.0, 3.0]]], 4, mode="linear") -> [[[1.0, 1.5, 2.5, 3.0]]]
    Source: as torch.nn.functional.interpolate; bicubic after Keys 1981
    """
    name = "interpolate"
    xs = (x,) = operands(name, (x,), "float")
    n = x.ndim - 2
    modes = ("nearest", "nearest-exact", "area", *LINEAR, "bicubic")
    if mode not in modes:
        fail(GraphError, name, f"mode is one of {', '.join(modes)}, got {mode!r}", xs)
    needed = LINEAR.get(mode, 2 if mode == "bicubic" else None)
    if n < 1 or (needed is not None and n != needed):
        axes = "(N, C, ..)" if needed is None else f"(N, C) and {needed} more"
        fail(ShapeError, name, f"mode {mode!r} is for inputs of axes {axes}, got {x.ndim} dimensions", xs)
    if align_corners and (mode.startswith("nearest") or mode == "area"):
        fail(GraphError, name, f"align_corners goes with linear and cubic modes, not {mode!r}", xs)
    if (size is None) == (scale_factor is None):
        fail(GraphError, name, "needs one of size and scale_factor", xs)
    given = as_list(scale_factor if size is None else size)
    given = given * n if len(given) == 1 else given
    if len(given) != n:
        what = "scale_factor" if size is None else "size"
        fail(ShapeError, name, f"{what} is one, or {n} of them, got {len(given)}", xs)
    factors: list[float | None] = [float(f) for f in given] if size is None else [None] * n
    sizes: list[Size] = []
    for axis, (m, f) in enumerate(zip(given, factors), 2):
        sizes.append(checked(as_size, name, m, xs) if f is None else _resized(name, x.shape[axis], f, xs))
        if not isinstance(sizes[-1], Dim) and sizes[-1] < 1:
            fail(ShapeError, name, f"size is at least 1, got {sizes[-1]}", xs)
    for axis, (m, f) in enumerate(zip(sizes, factors), 2):
        x = averaged(x, axis, m) if mode == "area" else _along(x, axis, m, f, mode, align_corners)
    return x
