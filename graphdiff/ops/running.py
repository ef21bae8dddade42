"""Declarations of sums, differences and integrals along an axis, made of the running sum and of slices: the array API's
cumulative_sum and cumulative_prod, diff, trapezoid, gradient.

Must not know: how running sums are computed (cumulative.py).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ShapeError
from ..ir.dtypes import as_dtype
from .cumulative import cumprod, cumsum
from .elementwise import astype
from .joining import concat
from .movement import broadcast_to, place, reshape
from .opdef import composite
from .operands import axes_of, axis_of, int_of, operands
from .reduce import sum as sum_
from .registry import Sample
from .tensor import Tensor, as_tensor, checked, fail
from .types import Axes, DTypeLike, TensorLike


# ------------------------------------------------------------------ cumulative sums and products
def _along(rng: np.random.Generator) -> Any:
    for shape, kwargs in (
        ((5,), {}),
        ((), {}),
        ((3, 4), {"axis": 0}),
        ((3, 4), {"axis": -1, "include_initial": True}),
        ((2, 0), {"axis": 1, "include_initial": True}),
        ((4,), {"dtype": "float64"}),
    ):
        yield Sample((rng.uniform(0.5, 1.5, shape),), kwargs)


def _reference(function: Any, first: int) -> Any:
    def reference(x: Any, axis: int = 0, dtype: Any = None, include_initial: bool = False) -> Any:
        x = np.atleast_1d(x).astype(dtype or x.dtype)
        y = function(x, axis=axis)
        return np.insert(y, 0, first, axis=axis) if include_initial else y

    return reference


def _cumulative(name: str, function: Any, first: int, x: Any, axis: Any, dtype: Any, include_initial: bool) -> Tensor:
    x = as_tensor(x, name)
    if dtype is not None:
        x = astype(x, checked(as_dtype, name, dtype, [x]))
    if axis is None and x.ndim > 1:
        fail(ShapeError, name, f"of {x.ndim} dimensions; name the axis", [x])
    x = reshape(x, (1,)) if x.ndim == 0 else x
    axis = axis_of(name, 0 if axis is None else axis, x.ndim, [x])
    y = function(x, axis=axis)
    if not include_initial:
        return y
    at = tuple(int(i == axis) for i in range(y.ndim))
    return place(y, first, tuple(s + k for s, k in zip(y.shape, at, strict=True)), at, (1,) * y.ndim)


@composite(reference=_reference(np.cumsum, 0), samples=_along)
def cumulative_sum(
    x: TensorLike, /, *, axis: int | None = None, dtype: DTypeLike | None = None, include_initial: bool = False
) -> Tensor:
    """The running sum along ``axis``, which must be given unless x has one dimension; of int32 and bool in int64.

    Arguments: ``x``: a Tensor; ``axis``: an int; ``dtype``: that x is brought to first; ``include_initial``: whether
    the sum of nothing, 0, comes first, so that there is one more
    Dtypes: any
    Shapes: of x; one longer along axis where include_initial
    Edges: cumulative_sum([], include_initial=True) = [0.0]; cumulative_sum([nan, 1.0]) = [nan, nan]
    Raises: ShapeError, DTypeError
    Example: gd.cumulative_sum([1.0, 2.0, 3.0]) -> [1.0, 3.0, 6.0]
    """
    return _cumulative("cumulative_sum", cumsum, 0, x, axis, dtype, include_initial)


@composite(reference=_reference(np.cumprod, 1), samples=_along)
def cumulative_prod(
    x: TensorLike, /, *, axis: int | None = None, dtype: DTypeLike | None = None, include_initial: bool = False
) -> Tensor:
    """The running product along ``axis``, which must be given unless x has one dimension; of int32 and bool in int64.
    Derivatives hold where elements are zero.

    Arguments: ``x``: a Tensor; ``axis``: an int; ``dtype``: that x is brought to first; ``include_initial``: whether
    the product of nothing, 1, comes first, so that there is one more
    Dtypes: any
    Shapes: of x; one longer along axis where include_initial
    Edges: cumulative_prod([], include_initial=True) = [1.0]; cumulative_prod([nan, 1.0]) = [nan, nan]
    Raises: ShapeError, DTypeError
    Example: gd.cumulative_prod([1.0, 2.0, 3.0]) -> [1.0, 2.0, 6.0]
    """
    return _cumulative("cumulative_prod", cumprod, 1, x, axis, dtype, include_initial)


# ------------------------------------------------------------------ differences
def _diff_samples(rng: np.random.Generator) -> Any:
    for shape, kwargs in (((5,), {}), ((3, 4), {"axis": 0}), ((3, 4), {"n": 2}), ((2, 5), {"n": 0}), ((2, 1), {})):
        yield Sample((rng.uniform(-2, 2, shape),), kwargs)
    more = {"prepend": rng.uniform(-2, 2, (2, 1)), "append": rng.uniform(-2, 2, (2, 2))}
    yield Sample((rng.uniform(-2, 2, (2, 3)),), more)


def _diff_reference(x: Any, axis: int = -1, n: int = 1, prepend: Any = None, append: Any = None) -> Any:
    beside = {k: v for k, v in (("prepend", prepend), ("append", append)) if v is not None}
    return np.diff(x, n=n, axis=axis, **beside)


def _between(x: Tensor, axis: int, first: int | None, last: int | None) -> Tensor:
    """``x[first:last]`` along ``axis``."""
    return x[(slice(None),) * axis + (slice(first, last),)]


def _rise(x: Tensor, axis: int) -> Tensor:
    """From each element to the next."""
    return _between(x, axis, 1, None) - _between(x, axis, None, -1)


@composite(reference=_diff_reference, samples=_diff_samples)
def diff(
    x: TensorLike, /, *, axis: int = -1, n: int = 1, prepend: TensorLike | None = None, append: TensorLike | None = None
) -> Tensor:
    """The differences of neighbours along ``axis``, taken ``n`` times.

    Arguments: ``x``: a Tensor; ``axis``: an int; ``n``: how many times, 0 or more; ``prepend``: what is put before x
    along axis first, of as many dimensions, or one number; ``append``: what is put behind
    Dtypes: numeric
    Shapes: of x, shorter by n along axis, 0 at least
    Edges: diff([1.0], n=4) = []; diff([inf, inf]) = [nan]; diff([1.0, 3.0], n=0) = [1.0, 3.0]
    Raises: ShapeError, DTypeError
    Example: gd.diff([1.0, 3.0, 6.0]) -> [2.0, 3.0]
    """
    (x,) = operands("diff", (x,), "numeric")
    axis, n = axis_of("diff", axis, x.ndim, [x]), int_of("diff", "n", n, [x])
    if n < 0:
        fail(ShapeError, "diff", f"n is {n}, and a difference is taken 0 times or more", [x])
    if prepend is not None or append is not None:
        one = tuple(1 if i == axis else s for i, s in enumerate(x.shape))
        beside = [None if v is None else as_tensor(v, "diff", x.dtype) for v in (prepend, append)]
        before, behind = (None if v is None else broadcast_to(v, one) if v.ndim == 0 else v for v in beside)
        x = concat([v for v in (before, x, behind) if v is not None], axis=axis)
    for _ in range(n):
        x = _rise(x, axis)
    return x


# ------------------------------------------------------------------ integrals and slopes
def _spacing(name: str, f: Tensor, x: Any, axis: int) -> Tensor:
    """Coordinates, of one dimension or of all of f's, to broadcast against f."""
    x = as_tensor(x, name, f.dtype)
    along = 0 if x.ndim == 1 else axis
    if x.ndim in (1, f.ndim) and x.shape[along] != f.shape[axis]:
        fail(ShapeError, name, f"{x.shape[along]} coordinates for {f.shape[axis]} along axis {axis}", [f, x])
    if x.ndim == 1 and f.ndim != 1:
        return reshape(x, tuple(x.shape[0] if i == axis else 1 for i in range(f.ndim)))
    if x.ndim != f.ndim:
        fail(ShapeError, name, f"coordinates have {x.ndim} dimensions: 1 are expected, or {f.ndim}", [f, x])
    return x


def _trapezoid_samples(rng: np.random.Generator) -> Any:
    for shape, kwargs in (((5,), {}), ((3, 4), {"dx": 0.5}), ((3, 4), {"axis": 0}), ((2, 1), {})):
        yield Sample((rng.uniform(-2, 2, shape),), kwargs)
    for shape, x, axis in (((5,), (5,), -1), ((3, 4), (4,), -1), ((3, 4), (3,), 0), ((3, 4), (3, 4), 1)):
        yield Sample((rng.uniform(-2, 2, shape), np.sort(rng.uniform(-2, 2, x), axis=axis)), {"axis": axis})


def _trapezoid_reference(y: Any, x: Any = None, dx: float = 1.0, axis: int = -1) -> Any:
    return np.trapezoid(y, x, dx, axis)


@composite(reference=_trapezoid_reference, samples=_trapezoid_samples)
def trapezoid(y: TensorLike, x: TensorLike | None = None, dx: TensorLike = 1.0, axis: int = -1) -> Tensor:
    """The integral of ``y`` along ``axis`` by the trapezoidal rule.

    Arguments: ``y``: the values; ``x``: where they are, of y's shape or of one dimension; ``dx``: their distance where
    x is not given; ``axis``: an int
    Dtypes: float
    Shapes: y.shape without axis
    Edges: trapezoid([1.0]) = 0.0; trapezoid([1.0, nan]) = nan
    Raises: ShapeError, DTypeError
    Example: gd.trapezoid([1.0, 2.0, 3.0], dx=2.0) -> 8.0
    """
    (y,) = operands("trapezoid", (y,), "float")
    axis = axis_of("trapezoid", axis, y.ndim, [y])
    heights = _between(y, axis, 1, None) + _between(y, axis, None, -1)
    if x is None:
        return sum_(heights, axis=axis) * as_tensor(dx, "trapezoid", y.dtype) * 0.5
    return sum_(_rise(_spacing("trapezoid", y, x, axis), axis) * heights, axis=axis) * 0.5


def _gradient_samples(rng: np.random.Generator) -> Any:
    for shape, spacing, kwargs in (
        ((5,), (), {}),
        ((5,), (0.5,), {"edge_order": 2}),
        ((4, 5), (), {}),
        ((4, 5), (2.0, 0.5), {}),
        ((4, 5), (0.5,), {"axis": 1}),
        ((3, 4, 3), (), {"axis": (0, -1)}),
    ):
        yield Sample((rng.uniform(-2, 2, shape), *spacing), kwargs)
    for n, order in ((2, 1), (5, 1), (5, 2)):
        x = np.cumsum(rng.uniform(0.5, 1.5, n))
        yield Sample((rng.uniform(-2, 2, (n,)), x), {"edge_order": order})
        yield Sample((rng.uniform(-2, 2, (n, 3)), x), {"axis": 0, "edge_order": order})


def _gradient_reference(f: Any, *spacing: Any, axis: Any = None, edge_order: int = 1) -> Any:
    slopes: Any = np.gradient
    return slopes(f, *spacing, axis=axis, edge_order=edge_order)


@composite(reference=_gradient_reference, samples=_gradient_samples)
def gradient(
    f: TensorLike, /, *spacing: TensorLike, axis: Axes = None, edge_order: int = 1
) -> Tensor | tuple[Tensor, ...]:
    """The slopes of values on a grid: second-order accurate differences inside, one-sided ones at both ends. Of one
    axis a Tensor, of several a tuple of them.

    Arguments: ``f``: the values; ``spacing``: their distance, a number for all axes or one for each, or coordinates of
    one dimension; ``axis``: an int or several, all of them unless given; ``edge_order``: 1 or 2, the accuracy at the
    ends
    Dtypes: float
    Shapes: of f, as is each result's; edge_order + 1 elements at least along each axis
    Edges: gradient([1.0, 3.0]) = [2.0, 2.0]; gradient([1.0, inf, 2.0]) = [inf, 0.5, -inf]
    Raises: ShapeError, DTypeError
    Example: gd.gradient([1.0, 2.0, 4.0]) -> [1.0, 1.5, 2.0]
    Source: as numpy.gradient; Fornberg 1988
    """
    (f,) = operands("gradient", (f,), "float")
    axes = axes_of("gradient", axis, f.ndim, [f])
    if isinstance(axis, (tuple, list)):  # results are in the order asked for
        axes = tuple(axis_of("gradient", a, f.ndim, [f]) for a in axis)
    if len(spacing) not in (0, 1, len(axes)) or (len(spacing) == 1 != len(axes) and as_tensor(spacing[0]).ndim):
        fail(ShapeError, "gradient", f"{len(spacing)} spacings for {len(axes)} axes", [f])
    if edge_order not in (1, 2):
        fail(ShapeError, "gradient", f"edge_order is 1 or 2, got {edge_order!r}", [f])
    steps = (spacing or (1.0,)) * (len(axes) if len(spacing) < 2 else 1)
    out = [_slope(f, a, as_tensor(h, "gradient", f.dtype), edge_order) for a, h in zip(axes, steps, strict=True)]
    return out[0] if len(out) == 1 else tuple(out)


def _slope(f: Tensor, axis: int, h: Tensor, edge_order: int) -> Tensor:
    n = f.shape[axis]
    if isinstance(n, int) and n <= edge_order:
        fail(ShapeError, "gradient", f"{n} elements along axis {axis}, {edge_order + 1} are needed", [f])
    even = h.ndim == 0
    steps = h if even else _rise(_spacing("gradient", f, h, axis), axis)
    slopes = _rise(f, axis) / steps  # between neighbours

    def ends(of: Tensor, size: int) -> tuple[Tensor, Tensor]:
        return _between(of, axis, None, size), _between(of, axis, -size, None)

    first, last = ends(slopes, 1)
    before, after = _between(slopes, axis, None, -1), _between(slopes, axis, 1, None)
    if even:
        inside = (_between(f, axis, 2, None) - _between(f, axis, None, -2)) / (h * 2)
        ahead = behind = as_tensor(0.5, "gradient", f.dtype)
    else:  # a parabola through three: each slope weighs as the other's distance
        left, right = _between(steps, axis, None, -1), _between(steps, axis, 1, None)
        inside = (before * right + after * left) / (left + right)
        ahead, behind = ends(left / (left + right), 1)[0], ends(right / (left + right), 1)[1]
    if edge_order == 2:
        second = _between(slopes, axis, 1, 2), _between(slopes, axis, -2, -1)
        first = first + (first - second[0]) * ahead
        last = last + (last - second[1]) * behind
    return concat([first, inside, last], axis=axis)
