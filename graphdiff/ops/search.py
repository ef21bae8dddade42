"""Declarations of what looks numbers up in sorted ones: searchsorted, interp, histogram.

The primitive is the ``search`` kernel, a bisection in rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from ..errors import GraphError, ShapeError
from ..ir.dims import product
from ..ir.dtypes import bool_, int64
from ..ir.node import Node
from . import batching, pattern
from .batching import Batch, in_front
from .clipping import clip
from .comparison import equal, logical_not
from .elementwise import remainder, where
from .gather import size_as, take
from .joining import concat
from .laws import is_bool, law
from .leaves import ensured
from .movement import broadcast_to, reshape
from .opdef import composite, custom
from .operands import operands
from .ordering import argsort
from .reduce import any
from .registry import Call, Sample, op_of
from .segments import segment_sum
from .tensor import Tensor, as_tensor, fail, make, scalar
from .types import TensorLike


def _search(sorted_rows: Any, x: Any, /, right: bool = False) -> Tensor:
    rows, x = operands("search", (sorted_rows, x), "numeric")
    return make(SEARCH, (rows, x), {"right": bool(right)})


def _search_reference(rows: Any, x: Any, right: bool = False) -> Any:
    y = np.empty(x.shape, np.int64)
    for i in np.ndindex(*rows.shape[:-1]):
        y[i] = np.searchsorted(rows[i], x[i], "right" if right else "left")
    return y


def _search_samples(rng: np.random.Generator) -> Any:
    for rows, x in (((6,), (5,)), ((2, 5), (2, 3)), ((0,), (2,)), ((3, 4), (3, 0))):
        for right in (False, True):
            yield Sample(
                (np.sort(rng.integers(-3, 4, rows), axis=-1).astype(float), rng.integers(-4, 5, x).astype(float)),
                {"right": right},
            )


def _search_batch(node: Node, xs: Sequence[Tensor], batch: Batch) -> Sequence[Tensor]:
    rows, x = xs
    if not batching.is_moved(node, xs, 0) and node.inputs[0].ndim == 1:  # of one row, many numbers more
        (y,) = batching.remade(node, [rows, reshape(x, (product(x.shape),))])
        return [reshape(y, x.shape)]
    return batching.remade(node, [in_front(v, like, batch.size) for v, like in zip(xs, node.inputs, strict=True)])


search = custom(
    "search",
    "For each number of a row how many of a sorted row's elements are less, or where ``right`` no greater.",
    infer=lambda xs, attrs: ((xs[1].shape, int64),),
    public=_search,
    kernel=Call(
        "search",
        lambda node: (
            product(node.inputs[0].shape[:-1]),
            node.inputs[0].shape[-1],
            node.inputs[1].shape[-1],
            int(node.attrs["right"]),
        ),
        flops=lambda node: node.inputs[1].size * 16,
    ),
    reference=_search_reference,
    samples=_search_samples,
    batch=_search_batch,
    law=law("numeric numeric", lambda xs, a: xs[0].ndim > 0 and xs[0].shape[:-1] == xs[1].shape[:-1], right=is_bool),
    internal=True,
    pattern=pattern.by_entry([1, 1], [1]),
)
SEARCH = op_of(search)


# ------------------------------------------------------------------ what users call
def _vector(name: str, x: Tensor, what: str, xs: Sequence[Tensor]) -> None:
    if x.ndim != 1:
        fail(ShapeError, name, f"{what} has {x.ndim} dimensions, not 1", xs)


def _search_all(rows: Tensor, x: Tensor, right: bool) -> Tensor:
    return reshape(search(rows, reshape(x, (x.size,)), right=right), x.shape)


def _searchsorted_samples(rng: np.random.Generator) -> Any:
    for n, x in ((6, (4,)), (5, (2, 3)), (1, ()), (0, (3,))):
        for side in ("left", "right"):
            rows = np.sort(rng.integers(-3, 4, n)).astype(float)
            yield Sample((rows, rng.integers(-4, 5, x).astype(float)), {"side": side})
    rows = rng.integers(-3, 4, 5).astype(float)
    yield Sample((rows, rng.uniform(-4, 4, 3)), {"sorter": np.argsort(rows, kind="stable")})


@composite(reference=np.searchsorted, samples=_searchsorted_samples, differentiable=False)
def searchsorted(
    x1: TensorLike, x2: TensorLike, /, side: Literal["left", "right"] = "left", sorter: TensorLike | None = None
) -> Tensor:
    """Where each element of ``x2`` belongs in the ascending ``x1``, int64: before equal ones, or behind them where
    ``side`` is "right". NaN is greater than every number. Where x1 is not sorted the result is some number from 0 to n.

    Arguments: ``x1``: a vector, ascending; ``x2``: of any shape; ``side``: "left" or "right"; ``sorter``: indices that
    sort x1 where it is not
    Dtypes: numeric
    Shapes: (n,), any -> that of x2
    Edges: searchsorted([1.0, nan], [nan, 2.0]) = [1, 1]; searchsorted([], [1.0]) = [0]
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.searchsorted([1.0, 2.0, 2.0, 3.0], [2.0, 0.5], side="right") -> [3, 0]
    """
    rows, x = operands("searchsorted", (x1, x2), "numeric")
    _vector("searchsorted", rows, "x1", [rows, x])
    if side not in ("left", "right"):
        fail(GraphError, "searchsorted", f'side is "left" or "right", got {side!r}', [rows, x])
    if sorter is not None:
        rows = take(rows, sorter)
        _vector("searchsorted", rows, "sorter", [rows, x])
    return _search_all(rows, x, side == "right")


def _interp_samples(rng: np.random.Generator) -> Any:
    for shape, n in (((5,), 4), ((2, 3), 6), ((), 2), ((0,), 2), ((3,), 1)):
        xp = np.cumsum(rng.uniform(0.5, 1, n))
        yield Sample((rng.uniform(0.1, 0.6 * n + 1, shape), xp, rng.uniform(-2, 2, n)))
        yield Sample((rng.uniform(-9, 9, shape), rng.permutation(xp), rng.uniform(-2, 2, n)), {"period": n + 1.5})


@composite(reference=np.interp, samples=_interp_samples, smooth=False)
def interp(
    x: TensorLike,
    xp: TensorLike,
    fp: TensorLike,
    /,
    left: TensorLike | None = None,
    right: TensorLike | None = None,
    period: float | None = None,
) -> Tensor:
    """The piecewise linear function through the points (xp, fp), at ``x``; constant beside them. An ``xp`` that
    does not ascend is told: a fed one by the call (FeedError). At a point the slope is that of the piece behind.

    Arguments: ``x``: of any shape; ``xp``: where the points are, ascending; ``fp``: their values; ``left``: the value
    before xp[0], fp[0] unless given; ``right``: that behind xp[-1], fp[-1] unless given; ``period``: that of x and xp,
    which then may be in any order; there is no left and right of it
    Dtypes: float
    Shapes: any, (n,), (n,) -> that of x
    Edges: interp(nan, [0.0, 1.0], [0.0, 1.0]) = nan; interp([-inf, inf], [0.0, 1.0], [2.0, 3.0]) = [2.0, 3.0];
    interp(350.0, [10.0, 330.0], [1.0, 3.0], period=360.0) = 2.0
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.interp([0.5, 3.0], [0.0, 1.0, 2.0], [0.0, 10.0, 0.0]) -> [5.0, 0.0]
    Source: as numpy.interp
    """
    x, xp, fp = operands("interp", (x, xp, fp), "float")
    for v, what in ((xp, "xp"), (fp, "fp")):
        _vector("interp", v, what, [x, xp, fp])
    n = xp.shape[0]
    if n != fp.shape[0]:
        fail(ShapeError, "interp", f"{n} places and {fp.shape[0]} values", [x, xp, fp])
    if n == 0:
        fail(ShapeError, "interp", "no points", [x, xp, fp])
    if period is not None:
        x, xp, fp = _around("interp", period, x, xp, fp)
        left, right, n = None, None, xp.shape[0]
    ascends = _ascends("interp", "xp", xp)
    at = _search_all(xp, x, True)  # the pieces are numbered by their ends
    before, behind = equal(at, 0), equal(at, size_as(n, int64))
    end = clip(at, 1, size_as(n - 1, int64)) if n != 1 else broadcast_to(scalar(0, int64), x.shape)
    start = end - 1 if n != 1 else end
    x0, x1, y0, y1 = take(xp, start), take(xp, end), take(fp, start), take(fp, end)
    beside = before | behind
    y = y0 + (where(beside, x0, x) - x0) * ((y1 - y0) / where(beside, 1, x1 - x0))
    first = take(fp, scalar(0, int64)) if left is None else as_tensor(left, "interp", x.dtype)
    last = take(fp, scalar(-1, int64)) if right is None else as_tensor(right, "interp", x.dtype)
    at_last = equal(x, take(xp, scalar(-1, int64)))  # which left and right do not mean
    y = where(before, first, where(behind, where(at_last, take(fp, scalar(-1, int64)), last), y))
    return where(ascends & equal(x, x), y, np.nan)


def _around(name: str, period: float, x: Tensor, xp: Tensor, fp: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """x and the points within one period, sorted, with the last before the first and the first behind the last."""
    if not isinstance(period, (int, float)) or not 0 < abs(period) < np.inf:
        fail(GraphError, name, f"period is a finite number other than 0, got {period!r}", [x, xp, fp])
    x, xp = remainder(x, abs(period)), remainder(xp, abs(period))
    order = argsort(xp)
    xp, fp = take(xp, order), take(fp, order)
    return x, concat([xp[-1:] - abs(period), xp, xp[:1] + abs(period)]), concat([fp[-1:], fp, fp[:1]])


def _ascends(name: str, what: str, v: Tensor) -> Tensor:
    """True, where a call gets that far: a vector that falls somewhere fails it, a constant one when it is built."""
    told = f"{name}: {what} must ascend; sort it"
    if v.node.op.name == "constant":
        array = v.node.attrs["value"]
        fallen = np.flatnonzero(array[1:] < array[:-1])
        if fallen.size:
            i = int(fallen[0])
            fail(GraphError, name, f"{what} must ascend, but {array[i + 1]} follows {array[i]}; sort it", [v])
        return scalar(True, bool_)
    return scalar(True, bool_) if v.shape[0] == 1 else ensured(logical_not(any(v[1:] < v[:-1])), told)


def _histogram_samples(rng: np.random.Generator) -> Any:
    for shape, n in (((20,), 4), ((3, 5), 6), ((0,), 3), ((4,), 2)):
        yield Sample((rng.integers(-1, 8, shape).astype(float), np.arange(float(n))))


@composite(reference=lambda x, edges: np.histogram(x, edges)[0], samples=_histogram_samples, differentiable=False)
def histogram(x: TensorLike, edges: TensorLike, /) -> Tensor:
    """How many elements lie between each two neighbours of the ascending ``edges``, int64: from the lower on, below the
    upper, which counts too for the last. Elements beside the edges, and NaN, are in none. Edges that do not ascend are
    told: fed ones by the call (FeedError).

    Dtypes: numeric
    Shapes: any, (n + 1,) -> (n,)
    Edges: histogram([1.0, 2.0, 3.0, nan], [1.0, 2.0]) = [2]
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.histogram([0.0, 0.5, 1.0, 2.0], [0.0, 1.0, 2.0]) -> [2, 2]
    Source: as numpy.histogram
    """
    x, edges = operands("histogram", (x, edges), "numeric")
    if edges.ndim == 0:
        fail(ShapeError, "histogram", "bins are given by their edges; write gd.linspace(low, high, n + 1)", [x, edges])
    _vector("histogram", edges, "edges", [x, edges])
    bins = edges.shape[0] - 1
    if isinstance(bins, int) and bins < 1:
        fail(ShapeError, "histogram", f"{bins + 1} edges; a bin lies between two", [x, edges])
    x = reshape(x, (x.size,))
    at = search(edges, x, right=True) - 1
    last = equal(x, take(edges, scalar(-1, int64)))
    at = where(last, size_as(bins - 1, int64), at)
    found = segment_sum(broadcast_to(scalar(1, int64), x.shape), at, bins)
    return where(_ascends("histogram", "edges", edges), found, 0)
