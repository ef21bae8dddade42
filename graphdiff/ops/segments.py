"""Declarations of sums, products and extremes over segments: rows brought together by the ids they have.

The primitive is the ``segment`` kernel; sums are those of take's transpose. Rows of one id go together in their order,
so results have the same bits for any number of threads.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import ShapeError
from ..ir.dims import Size, as_size, format_shape
from ..ir.node import Node
from . import pattern
from .arrange import part
from .comparison import equal, greater_equal, less, logical_and, logical_or, not_equal
from .cumulative import recurrence, shifted
from .elementwise import astype, maximum, where
from .gather import (
    as_index,
    checked_index,
    infer_scatter,
    keeps_scatter,
    scatter_batch,
    size_as,
    split_at_axis,
    take,
    take_vjp,
    take_vjp_reference,
)
from .laws import is_int, is_size, law
from .movement import broadcast_to, permute_dims, reshape
from .opdef import composite, custom, moved_masks
from .operands import axis_of, check_dtype
from .ordering import argsort
from .registry import Call, Sample, op_of
from .tensor import Tensor, as_tensor, checked, fail, make
from .types import SizeLike, TensorLike

KINDS = {"max": np.maximum, "min": np.minimum, "prod": np.multiply}


def _segment(x: Any, ids: Any, /, size: Any, axis: int = 0, kind: str = "max") -> Tensor:
    x, ids = as_tensor(x, "segment"), as_index("segment", ids)
    check_dtype("segment", (x,), "numeric")
    axis = axis_of("segment", axis, x.ndim - ids.ndim + 1, [x, ids])
    return make(SEGMENT, (x, ids), {"axis": axis, "size": as_size(size), "kind": kind})


def _at_ids(node: Node, y: Tensor) -> Tensor:
    """What each element's segment has."""
    return take(y, node.inputs[1], axis=node.attrs["axis"])


def _summed(node: Node, x: Tensor) -> Tensor:
    """The sums over segments."""
    return take_vjp(x, node.inputs[1], axis=node.attrs["axis"], size=node.attrs["size"])


def _weights(node: Node) -> Tensor:
    """The derivative of each segment's result with respect to each of its elements: of extremes 1/k for the k that
    equal it, of products that of the others."""
    x, ids = node.inputs
    if node.attrs["kind"] == "prod":
        return _product_of_others(x, ids, node.attrs["axis"], node.attrs["size"])
    same = astype(logical_or(equal(x, _at_ids(node, node.outputs[0])), not_equal(x, x)), x.dtype)
    return same / maximum(_at_ids(node, _summed(node, same)), 1)


def _product_of_others(x: Tensor, ids: Tensor, axis: int, size: Size) -> Tensor:
    """By products of those before and of those after among the rows sorted by id; nothing is divided."""
    n, along = ids.ndim, ids.size
    front = permute_dims(x, (*range(axis, axis + n), *range(axis), *range(axis + n, x.ndim)))
    ids = reshape(checked_index(ids, size), (along,))
    order = argsort(ids)
    sorted_ids, rows = take(ids, order), take(reshape(front, (along, *front.shape[n:])), order)
    sides = []
    for reverse in (False, True):
        first = not_equal(sorted_ids, shifted(sorted_ids, 0, -1, reverse))
        first = reshape(first, (along, *(1,) * (rows.ndim - 1)))
        begins = broadcast_to(astype(first, x.dtype), rows.shape)
        sides.append(recurrence(begins, where(first, 0, shifted(rows, 0, 0, reverse)), axis=0, reverse=reverse))
    others = reshape(take(sides[0] * sides[1], argsort(order)), front.shape)
    return permute_dims(others, (*range(n, n + axis), *range(n), *range(n + axis, x.ndim)))


def _segment_vjp(node: Node, gs: Any, wanted: Any, d: Any) -> Any:
    g = _at_ids(node, gs[0]) * _weights(node)
    # what does not reach the loss has no derivative, though its weight may be NaN
    return [g if d is None or d.mask is None else where(_at_ids(node, broadcast_to(d.mask, gs[0].shape)), g, 0), None]


def _segment_jvp(node: Node, ts: Any, _d: Any) -> Any:
    return [None if ts[0] is None else _summed(node, ts[0] * _weights(node))]


def _segment_reference(x: Any, ids: Any, size: Any, axis: int = 0, kind: str = "max") -> Any:
    function, n = KINDS[kind], ids.ndim
    y = np.full((size, *x.shape[:axis], *x.shape[axis + n :]), _NEUTRAL[kind](x.dtype), x.dtype)
    function.at(y, ids, np.moveaxis(x, range(axis, axis + n), range(n)))
    return np.moveaxis(y, 0, axis)


def lowest(dtype: np.dtype) -> float:
    """The maximum of nothing."""
    return -np.inf if dtype.kind == "f" else np.iinfo(dtype).min


def highest(dtype: np.dtype) -> float:
    """The minimum of nothing."""
    return np.inf if dtype.kind == "f" else np.iinfo(dtype).max


_NEUTRAL: dict[str, Callable[[np.dtype], float]] = {"max": lowest, "min": highest, "prod": lambda dtype: 1}


def _every(rng: np.random.Generator, shape: tuple[int, ...], n: int) -> np.ndarray:
    """Ids among which each of n is: a difference quotient of a segment of none is none."""
    return rng.permutation(np.arange(np.prod(shape, dtype=int)) % max(n, 1)).reshape(shape)


def _segment_samples(rng: np.random.Generator) -> Any:
    for kind in KINDS:
        for shape, ids, axis, n in (
            ((7, 3), (7,), 0, 3),
            ((2, 3, 2), (3, 2), 1, 4),
            ((3,), (), 0, 1),
            ((2, 0), (2,), 0, 2),
        ):
            x = rng.uniform(-2, 2, shape)
            if kind == "prod":
                x[:1] = 0
            yield Sample((x, _every(rng, ids, n) - (n > 2)), {"size": n, "axis": axis, "kind": kind})
    yield Sample((rng.uniform(-2, 2, (0, 2)), np.zeros(0, int)), {"size": 2, "kind": "prod"})


segment = custom(
    "segment",
    "The product, maximum or minimum of what has each of ``size`` indices along an axis; of none the neutral one.",
    infer=infer_scatter,
    public=_segment,
    vjp=_segment_vjp,
    jvp=_segment_jvp,
    masks=moved_masks,
    kernel=Call(
        "segment",
        lambda node: (
            *split_at_axis(node.outputs[0], node.attrs["axis"]),
            node.inputs[1].size,
            f"reduction:{node.attrs['kind']}",
        ),
        reads=(1, 0),
        guard=True,
        flops=lambda node: node.inputs[0].size,
    ),
    reference=_segment_reference,
    samples=_segment_samples,
    smooth=False,
    batch=scatter_batch,
    law=law("numeric index", keeps_scatter, axis=is_int, size=is_size, kind=KINDS.__contains__),
    internal=True,
    pattern=pattern.scattered(
        0, adds=lambda xs, a: take_vjp_reference(*xs, **{k: v for k, v in a.items() if k != "kind"})
    ),
)
SEGMENT = op_of(segment)


# ------------------------------------------------------------------ what users call
def _segments(name: str, x: Any, ids: Any, n: Any) -> tuple[Tensor, Tensor, Size]:
    """The rows, their ids and how many segments there are, with one more for the ids of none."""
    x, ids = as_tensor(x, name), as_index(name, ids)
    check_dtype(name, (x,), "numeric")
    n = checked(as_size, name, n, [x, ids])
    if isinstance(n, int) and n < 0:
        fail(ShapeError, name, f"{n} segments", [x, ids])
    if ids.ndim == 0 or x.shape[: ids.ndim] != ids.shape:
        fail(
            ShapeError,
            name,
            f"ids of shape {format_shape(ids.shape)} are no ids of the first dimensions of {format_shape(x.shape)}",
            [x, ids],
        )
    limit = size_as(n, ids.dtype)
    return x, where(logical_and(greater_equal(ids, 0), less(ids, limit)), ids, limit), n


def _reference(function: Callable[..., Any], empty: Callable[[Any], Any]) -> Callable[..., Any]:
    def reference(x: Any, ids: Any, n: int) -> Any:
        inside = (ids >= 0) & (ids < n)
        y = np.full((n, *x.shape[ids.ndim :]), empty(x.dtype), x.dtype)
        function.at(y, ids[inside], x[inside])  # type: ignore[attr-defined]
        return y

    return reference


def _samples(rng: np.random.Generator) -> Any:
    for shape, ids, n in (
        ((7, 3), (7,), 4),
        ((5,), (5,), 3),
        ((2, 4, 2), (2, 4), 4),
        ((0, 2), (0,), 0),
        ((3,), (3,), 0),
    ):
        yield Sample((rng.uniform(-2, 2, shape), _every(rng, ids, n + 1) - (n == 3), n))


@composite(reference=_reference(np.add, lambda dtype: 0), samples=_samples)
def segment_sum(x: TensorLike, ids: TensorLike, /, n: SizeLike) -> Tensor:
    """The sums of the rows of each of ``n`` segments: row i belongs to segment ids[i], in any order. Rows whose id is
    outside [0, n) belong to none; a segment without rows is 0.

    Dtypes: numeric
    Shapes: ids.shape + rest, ids.shape -> (n,) + rest
    Edges: segment_sum([1.0, 2.0], [-1, 2], 2) = [0.0, 0.0]
    Raises: ShapeError, DTypeError
    Example: gd.segment_sum([1.0, 2.0, 3.0], [0, 1, 0], 2) -> [4.0, 2.0]
    Source: as jax.ops.segment_sum
    """
    x, ids, n = _segments("segment_sum", x, ids, n)
    return part(take_vjp(x, ids, size=n + 1), 0, 0, n)


@composite(reference=_reference(np.maximum, lowest), samples=_samples, smooth=False)
def segment_max(x: TensorLike, ids: TensorLike, /, n: SizeLike) -> Tensor:
    """The largest of each of ``n`` segments: row i belongs to segment ids[i], in any order; NaN wins. Rows whose id is
    outside [0, n) belong to none; a segment without rows is -inf, of integers the least there is. Ties share the
    gradient equally.

    Dtypes: numeric
    Shapes: ids.shape + rest, ids.shape -> (n,) + rest
    Edges: segment_max([1.0, nan], [0, 0], 2) = [nan, -inf]; segment_max([1.0], [1], 1) = [-inf]
    Raises: ShapeError, DTypeError
    Example: gd.segment_max([1.0, 2.0, 3.0], [0, 1, 0], 2) -> [3.0, 2.0]
    Source: as jax.ops.segment_max
    """
    x, ids, n = _segments("segment_max", x, ids, n)
    return part(segment(x, ids, size=n + 1, kind="max"), 0, 0, n)
