"""Declarations of order statistics: the median and quantiles, of elements that sorting selects.

Must not know: how elements are selected (ordering.py).
"""

from __future__ import annotations

import builtins
import math
from typing import Any

import numpy as np

from ..errors import GraphError, ShapeError
from ..ir.dims import Dim, Size, as_size, product
from ..ir.dtypes import int64
from .clipping import clip
from .comparison import greater_equal, isnan, less_equal, logical_and
from .elementwise import astype, minimum, where
from .gather import size_as, take
from .movement import permute_dims, reshape
from .opdef import composite
from .operands import axes_of, check_dtype
from .ordering import SORT
from .reduce import any as any_
from .reduce import kept
from .registry import Sample
from .rounding import floor
from .tensor import Tensor, as_tensor, fail, is_weak, make
from .types import Axes, TensorLike


class _Rows:
    """The elements over axes as the last dimension of ``x``, ``n`` of them."""

    def __init__(self, name: str, x: Any, axis: Axes):
        self.given = x = as_tensor(x, name)
        check_dtype(name, (x,), "float")
        self.axes = axes_of(name, axis, x.ndim, [x])
        rest = tuple(i for i in range(x.ndim) if i not in self.axes)
        self.n: Size = product(x.shape[i] for i in self.axes)
        if self.n == 0:
            fail(ShapeError, name, "no elements along an axis and no value to give for none", [x], {"axis": axis})
        self.x = reshape(permute_dims(x, (*rest, *self.axes)), (*(x.shape[i] for i in rest), self.n))

    def smallest(self, k: Size) -> Tensor:
        """The first k in order; NaN is the largest."""
        return make(SORT, (self.x,), {"axis": self.x.ndim - 1, "descending": False, "k": as_size(k)})[0]

    def finished(self, y: Tensor, lead: int, keepdims: bool) -> Tensor:
        """The result, of which ``lead`` dimensions come first: NaN where an element is, the axes kept as 1."""
        y = where(any_(isnan(self.x), axis=-1), math.nan, y)
        return reshape(y, (*y.shape[:lead], *kept(self.given, self.axes))) if keepdims else y


def _median_samples(rng: np.random.Generator) -> Any:
    for shape, kwargs in (
        ((5,), {}),
        ((4,), {}),
        ((3, 4), {"axis": 0}),
        ((3, 4), {"axis": -1, "keepdims": True}),
        ((2, 3, 4), {"axis": (0, 2)}),
        ((2, 3), {}),
        ((1,), {"axis": 0}),
        ((2, 301), {"axis": 1}),
    ):
        yield Sample((rng.permuted(np.arange(float(np.prod(shape)))).reshape(shape) / 4 - 1,), kwargs)


def _median_reference(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    return np.median(x, axis=axis, keepdims=keepdims)


@composite(reference=_median_reference, samples=_median_samples, smooth=False)
def median(x: TensorLike, /, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """The middle element over axes, of an even number the mean of both; the elements up to it are selected, not all
    sorted. NaN where an element is NaN. The gradient goes to the elements taken; of equal ones to the first in order.

    Dtypes: float
    Shapes: x.shape without the axes, or with 1 there where keepdims
    Edges: median([1.0, nan]) = nan; median([inf, -inf, 0.0]) = 0.0; no elements are a ShapeError
    Raises: ShapeError, DTypeError
    Example: gd.median([3.0, 1.0, 4.0, 2.0]) -> 2.5
    """
    rows = _Rows("median", x, axis)
    upper = rows.n // 2
    first = rows.smallest(upper + 1)
    high = first[..., -1]
    if isinstance(rows.n, int) and rows.n % 2:
        return rows.finished(high, 0, keepdims)
    low = take(first, size_as(rows.n - 1 - upper, int64), axis=-1)
    return rows.finished(low * 0.5 + high * 0.5, 0, keepdims)


def _quantile_samples(rng: np.random.Generator) -> Any:
    def drawn(*shape: int) -> np.ndarray:
        return rng.permuted(np.arange(float(np.prod(shape)))).reshape(shape) / 4 - 1

    for shape, q, kwargs in (
        ((5,), 0.3, {}),
        ((4,), 1.0, {}),
        ((3, 4), 0.0, {"axis": 0}),
        ((3, 4), [0.2, 0.7], {"axis": -1, "keepdims": True}),
        ((2, 3, 4), 0.55, {"axis": (0, 2)}),
        ((2, 3), [[0.1], [0.9]], {}),
        ((2, 101), 0.05, {"axis": 1}),
        ((1,), 0.5, {"axis": 0}),
    ):
        yield Sample((drawn(*shape), q), kwargs)
    yield Sample((drawn(2, 7), rng.uniform(0.05, 0.95, (3,))), {"axis": 1})
    yield Sample((drawn(7), rng.uniform(0.05, 0.95, ())))


def _quantile_reference(x: Any, q: Any, axis: Any = None, keepdims: bool = False) -> Any:
    return np.quantile(x, q, axis=axis, keepdims=keepdims)


@composite(reference=_quantile_reference, samples=_quantile_samples, smooth=False)
def quantile(x: TensorLike, q: TensorLike, /, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """The q-quantiles over axes, between two elements linear. Where ``q`` is known the elements up to the largest are
    selected, not all sorted. NaN where an element is NaN, and at a q outside of [0, 1] that is fed; one that is known
    is an error. The gradient goes to the elements taken, of equal ones to the first in order, and to q.

    Arguments: ``x``: a Tensor; ``q``: from 0 to 1, of any shape; ``axis``: an int or several, all of them unless given;
    ``keepdims``: whether they stay, of size 1
    Dtypes: float
    Shapes: q.shape, then x.shape without the axes, or with 1 there where keepdims
    Edges: quantile([1.0, nan], 0.0) = nan; quantile([5.0], 0.3) = 5.0; no elements are a ShapeError
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.quantile([1.0, 2.0, 3.0, 4.0], [0.0, 0.5]) -> [1.0, 2.5]
    Source: as numpy.quantile's method "linear": Hyndman and Fan 1996, number 7
    """
    rows = _Rows("quantile", x, axis)
    if not isinstance(q, (Tensor, np.ndarray, np.generic)) and is_weak(q):
        q = np.asarray(q, float)  # with all its digits
    if isinstance(q, Tensor):
        check_dtype("quantile", (q,), "float")
        at, known = astype(q, rows.x.dtype), None
    else:
        known = np.asarray(q)
        if known.dtype.kind != "f" or not bool(((known >= 0) & (known <= 1)).all()):
            fail(GraphError, "quantile", f"q lies in [0, 1], got {q!r}", [rows.given])
    lead = known.ndim if known is not None else at.ndim
    if known is None or isinstance(rows.n, Dim):
        if known is not None:
            at = as_tensor(known.astype(rows.x.dtype), "quantile")
        place = at * size_as(rows.n - 1, rows.x.dtype)
        inside = logical_and(greater_equal(at, 0), less_equal(at, 1))
        place = where(inside, place, 0)
        low = clip(floor(place), 0, size_as(rows.n - 1, rows.x.dtype))
        part = place - low
        below = astype(low, int64)
        first, above = rows.smallest(rows.n), minimum(below + 1, size_as(rows.n - 1, int64))
    else:
        inside = None
        places = known * (rows.n - 1)
        under = np.floor(places).astype(np.int64)
        over = np.minimum(under + 1, rows.n - 1)
        first = rows.smallest(builtins.int(over.max(initial=0)) + 1)
        part = as_tensor((places - under).astype(rows.x.dtype), "quantile")
        below, above = as_tensor(under, "quantile"), as_tensor(over, "quantile")
    a, b = (_leading(take(first, i, axis=-1), lead) for i in (below, above))
    ones = (1,) * (a.ndim - lead)
    part = reshape(part, (*part.shape, *ones))
    step = b - a
    # from the nearer end, so that both ends are met
    y = where(a == b, a, where(part < 0.5, a + step * part, b - step * (1 - part)))
    if inside is not None:
        y = where(reshape(inside, (*inside.shape, *ones)), y, math.nan)
    return rows.finished(y, lead, keepdims)


def _leading(y: Tensor, lead: int) -> Tensor:
    """The last ``lead`` dimensions first."""
    return permute_dims(y, (*range(y.ndim - lead, y.ndim), *range(y.ndim - lead)))
