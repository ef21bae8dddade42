"""Declarations of the embeddings of ``gd.nn``: rows of a table by integer ids, and such rows brought together in bags.

All are composites of take, so the gradient of a table is a take_vjp of rows and ids: where a table is only moved by it,
what is computed are those rows (transforms/rules/updates.py).
"""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np

from ..errors import GraphError, ShapeError
from ..ir.dims import Size, format_shape
from ..ir.dtypes import int64
from .arrange import pad
from .comparison import equal, greater_equal, logical_and, not_equal
from .creation import ones
from .cumulative import cumsum
from .elementwise import astype, maximum, stop_gradient, where
from .gather import as_index, index, take, take_vjp
from .leaves import ensured
from .movement import expand_dims
from .opdef import composite
from .operands import int_of, operands
from .reduce import all as all_
from .reduce import max as max_
from .reduce import sum as sum_
from .registry import Sample
from .tensor import Tensor, as_tensor, fail
from .types import TensorLike


def _table(name: str, ids: Any, weight: Any) -> tuple[Tensor, Tensor]:
    ids, weight = as_tensor(ids, name), as_tensor(weight, name)
    if weight.ndim != 2:
        fail(ShapeError, name, f"weight has {weight.ndim} dimensions, not 2", [ids, weight])
    return as_index(name, ids), weight


def _is_row(name: str, ids: Tensor, row: Any, weight: Tensor) -> Tensor:
    """Bool: which of the ids, of which negative ones count from the end, name ``row``."""
    row, rows = int_of(name, "padding_idx", row, [ids, weight]), weight.shape[0]
    if isinstance(rows, int) and not -rows <= row < rows:
        fail(GraphError, name, f"padding_idx {row} is out of range for {rows} rows", [ids, weight])
    at: Any = row if row >= 0 else rows + row
    at = at if isinstance(at, int) else index((), at, ())
    wide = astype(ids, int64)
    return equal(where(greater_equal(wide, 0), wide, wide + index((), rows, ())), at)


def _embedding_reference(ids: Any, weight: Any, padding_idx: int | None = None) -> Any:
    return weight[ids]


def _embedding_samples(rng: np.random.Generator) -> Any:
    for shape in ((4,), (2, 3), (), (0,)):
        yield Sample((rng.integers(-5, 5, shape), rng.uniform(-2, 2, (5, 3))))


@composite(namespace="nn", reference=_embedding_reference, samples=_embedding_samples, onnx="Gather")
def embedding(ids: TensorLike, weight: TensorLike, padding_idx: int | None = None) -> Tensor:
    """The rows of ``weight``, of shape (n, d), that integer ``ids`` name: shape (*ids.shape, d). Negative ids count
    from the end; one out of range fails the call. No derivative reaches the row ``padding_idx``.

    Dtypes: any
    Shapes: (...), (n, d) -> (..., d)
    Edges: embedding([-1], [[1.0], [2.0]]) = [[2.0]]; an id used twice has its gradients added up
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.nn.embedding([1, 0], [[1.0, 2.0], [3.0, 4.0]]) -> [[3.0, 4.0], [1.0, 2.0]]
    """
    ids, weight = _table("embedding", ids, weight)
    rows = take(weight, ids, axis=0)
    if padding_idx is None:
        return rows
    return where(expand_dims(_is_row("embedding", ids, padding_idx, weight), -1), stop_gradient(rows), rows)


# --------------------------------------------------------------------------------------- bags
def _bag_reference(
    ids: Any,
    weight: Any,
    offsets: Any = None,
    mode: str = "mean",
    per_sample_weights: Any = None,
    padding_idx: int | None = None,
) -> Any:
    shares = np.ones(ids.shape) if per_sample_weights is None else per_sample_weights
    ends = None if offsets is None else [*offsets[1:], len(ids)]
    bags = list(ids) if ends is None else [ids[a:b] for a, b in zip(offsets, ends, strict=True)]
    parts = list(shares) if ends is None else [shares[a:b] for a, b in zip(offsets, ends, strict=True)]
    out = np.zeros((len(bags), weight.shape[1]), weight.dtype)
    for i, (bag, share) in enumerate(zip(bags, parts, strict=True)):
        kept = np.ones(len(bag), bool) if padding_idx is None else bag % len(weight) != padding_idx % len(weight)
        rows = (weight[bag] * share[:, None])[kept]
        if len(rows):
            out[i] = {"sum": rows.sum, "mean": rows.mean, "max": rows.max}[mode](0)
    return out


def _bag_samples(rng: np.random.Generator) -> Any:
    offsets = np.array([0, 2, 2, 5])
    for mode in ("mean", "sum", "max"):
        weight = rng.permutation(np.linspace(-2, 2, 15)).reshape(5, 3)
        yield Sample((rng.permutation(5)[:4].reshape(2, 2), weight), {"mode": mode})
        yield Sample((rng.permutation(10) % 5 - 5, weight, offsets), {"mode": mode, "padding_idx": 3})
    weights = rng.uniform(-1, 1, 7)
    yield Sample(
        (rng.integers(0, 5, 7), rng.uniform(-2, 2, (5, 3)), offsets), {"mode": "sum", "per_sample_weights": weights}
    )
    yield Sample((rng.integers(0, 5, (3, 2)), rng.uniform(-2, 2, (5, 3))), {"padding_idx": -2})


@composite(namespace="nn", reference=_bag_reference, samples=_bag_samples, smooth=False)
def embedding_bag(
    ids: TensorLike,
    weight: TensorLike,
    offsets: TensorLike | None = None,
    mode: Literal["mean", "sum", "max"] = "mean",
    per_sample_weights: TensorLike | None = None,
    padding_idx: int | None = None,
) -> Tensor:
    """The mean, sum or maximum of the rows of ``weight`` that each bag of ids names; 0 of an empty bag.

    Bags are the rows of ids (bags, k), or with ``offsets`` the parts of ids (n,) that start there, from 0 in order;
    others fail the call, as ids out of range do. ``padding_idx``: a row whose ids do not count.

    Arguments: ``ids``: integers, (bags, k), or (n,) with offsets; ``weight``: (rows, d); ``offsets``: integers (bags,),
    or None; ``mode``: "mean", "sum" or "max"; ``per_sample_weights``: of ids' shape, factors of the rows of a sum;
    ``padding_idx``: as above
    Dtypes: float
    Shapes: (bags, k), (rows, d) -> (bags, d); (n,), (rows, d), (bags,) -> (bags, d)
    Edges: embedding_bag([0], [[1.0]], [0, 1]) = [[1.0], [0.0]]
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.nn.embedding_bag([0, 1, 1], [[1.0], [3.0]], [0, 2]) -> [[2.0], [3.0]]
    Source: as torch.nn.functional.embedding_bag
    """
    name = "embedding_bag"
    ids, weight = _table(name, ids, weight)
    (weight,) = xs = operands(name, (weight,), "float")
    if mode not in ("mean", "sum", "max"):
        fail(GraphError, name, f'mode is "mean", "sum" or "max", got {mode!r}', [ids, weight])
    if ids.ndim != (2 if offsets is None else 1):
        wanted = "(bags, k)" if offsets is None else "(n,) with offsets"
        fail(ShapeError, name, f"ids have shape {format_shape(ids.shape)}, not {wanted}", [ids, weight])
    rows = take(weight, ids, axis=0)
    if per_sample_weights is not None:
        if mode != "sum":
            fail(GraphError, name, f'per_sample_weights go with mode "sum", not {mode!r}', [ids, weight])
        rows, shares = operands(name, (rows, per_sample_weights), "float")
        if shares.shape != ids.shape:
            told = f"per_sample_weights have shape {format_shape(shares.shape)}, not {format_shape(ids.shape)}"
            fail(ShapeError, name, told, [ids, *xs])
        rows = rows * expand_dims(shares, -1)
    counts = None if padding_idx is None else not_equal(_is_row(name, ids, padding_idx, weight), True)
    bags = _Rows(ids) if offsets is None else _Parts(name, ids, as_index(name, offsets))
    if mode == "max":
        return bags.largest(rows, counts)
    if counts is not None:
        rows = where(expand_dims(counts, -1), rows, 0)
    total = bags.sum(rows)
    if mode == "sum":
        return total
    held = bags.sum(ones(ids.shape, rows.dtype) if counts is None else astype(counts, rows.dtype))
    return total / expand_dims(maximum(held, 1), -1)


def _largest(rows: Tensor, inside: Tensor | None, axis: int) -> Tensor:
    """The largest along an axis of what is inside, 0 where nothing is."""
    if inside is None:
        return max_(rows, axis=axis)
    top = max_(where(inside, rows, -math.inf), axis=axis)
    return where(equal(top, -math.inf), 0, top)


class _Rows:
    """Bags that are the rows of ids."""

    def __init__(self, ids: Tensor):
        self.ids = ids

    def sum(self, x: Tensor) -> Tensor:
        return sum_(x, axis=1)

    def largest(self, rows: Tensor, counts: Tensor | None) -> Tensor:
        return _largest(rows, None if counts is None else expand_dims(counts, -1), 1)


class _Parts:
    """Bags one after another, each from its offset on."""

    def __init__(self, name: str, ids: Tensor, offsets: Tensor):
        if offsets.ndim != 1:
            fail(ShapeError, name, f"offsets have {offsets.ndim} dimensions, not 1", [ids, offsets])
        first = where(equal(index(offsets.shape, 0, (1,)), 0), equal(offsets, 0), True)
        following = greater_equal(offsets[1:], offsets[:-1])
        told = f"{name}: offsets start at 0 and do not fall"
        offsets = where(ensured(logical_and(all_(first), all_(following)), told), offsets, 0)
        self.size: Size = offsets.shape[0]
        # of each id: how many bags start up to it, less one
        starts = take_vjp(ones(offsets.shape, int64), offsets, size=ids.shape[0] + 1)
        self.bag = cumsum(starts, axis=0) - 1  # and of one more id, so that there always is one

    def sum(self, x: Tensor) -> Tensor:
        return take_vjp(x, self.bag[:-1], size=self.size)

    def largest(self, rows: Tensor, counts: Tensor | None) -> Tensor:
        inside = equal(expand_dims(self.bag, 0), index((self.size, 1), 0, (1, 0)))
        if counts is not None:
            rows = where(expand_dims(counts, -1), rows, -math.inf)
        rows = pad(rows, ((0, 1), (0, 0)), constant_values=-math.inf)
        return _largest(expand_dims(rows, 0), expand_dims(inside, -1), 1)
