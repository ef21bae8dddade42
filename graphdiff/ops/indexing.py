"""Declarations of what picks or places elements by position: triangles, diagonals, indices of several dimensions.

Gathers go through ``take`` on a flattened view, so that their checks and transposes are its own.
"""

from __future__ import annotations

import builtins
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ..errors import ShapeError
from ..ir.dims import Dim, Size, as_size, format_shape, product
from ..ir.dtypes import int64
from ..ir.node import Node
from . import batching, pattern
from .arrange import part
from .batching import Batch, in_front, merged, parted
from .comparison import equal, greater_equal
from .contraction import diagonal
from .elementwise import astype, where
from .gather import as_index, checked_index, checked_rows, index, size_as, split_at_axis, spread, take, take_vjp
from .laws import law
from .movement import place, reshape
from .opdef import composite, custom, moved_masks
from .operands import int_of, operands
from .registry import Call, Sample, op_of
from .tensor import Tensor, as_tensor, checked, fail, make, scalar
from .types import TensorLike


# ------------------------------------------------------------------ triangles and diagonals
def _triangle_samples(rng: np.random.Generator) -> Iterable[Sample]:
    for shape, k in (((3, 4), 0), ((4, 3), 1), ((2, 3, 3), -1), ((1, 1), 0), ((0, 2), 0), ((3, 3), 5), ((3, 3), -5)):
        yield Sample((rng.uniform(-2, 2, shape),), {"k": k})


def _triangle(name: str, x: Any, k: Any, sign: int) -> Tensor:
    x = as_tensor(x, name)
    k = checked(as_size, name, k, [x])
    if x.ndim < 2:
        fail(ShapeError, name, f"needs two dimensions, got {x.ndim}", [x])
    inside = greater_equal(index(x.shape[-2:], sign * k, (sign, -sign)), 0)
    return where(inside, x, scalar(0, x.dtype))


@composite(reference=np.tril, samples=_triangle_samples, onnx="Trilu")
def tril(x: TensorLike, /, k: int = 0) -> Tensor:
    """The lower triangle of the last two dimensions: elements above diagonal ``k`` become 0.

    Dtypes: any
    Shapes: of x, as is the result's
    Edges: tril([[nan, nan], [1.0, 1.0]]) = [[nan, 0.0], [1.0, 1.0]]
    Raises: ShapeError, DTypeError
    Example: gd.tril([[1.0, 2.0], [3.0, 4.0]]) -> [[1.0, 0.0], [3.0, 4.0]]
    """
    return _triangle("tril", x, k, 1)


@composite(reference=np.triu, samples=_triangle_samples, onnx="Trilu")
def triu(x: TensorLike, /, k: int = 0) -> Tensor:
    """The upper triangle of the last two dimensions: elements below diagonal ``k`` become 0.

    Dtypes: any
    Shapes: of x, as is the result's
    Edges: triu([[nan, nan], [nan, 1.0]]) = [[nan, nan], [0.0, 1.0]]
    Raises: ShapeError, DTypeError
    Example: gd.triu([[1.0, 2.0], [3.0, 4.0]]) -> [[1.0, 2.0], [0.0, 4.0]]
    """
    return _triangle("triu", x, k, -1)


@composite(
    reference=np.diag,
    samples=lambda rng: [
        Sample((rng.uniform(-2, 2, s),), {"k": k})
        for s, k in (((3,), 0), ((3,), 2), ((3,), -1), ((1,), 0), ((0,), 1), ((3, 3), 0), ((3, 4), 1), ((4, 2), -2))
    ],
)
def diag(x: TensorLike, /, k: int = 0) -> Tensor:
    """Of a vector the matrix with it on diagonal ``k``; of a matrix the vector of its diagonal ``k``.

    Dtypes: any
    Shapes: (n,) -> (n + |k|, n + |k|), and back
    Edges: diag([[1.0]], k=3) = []
    Raises: ShapeError, DTypeError
    Example: gd.diag([1.0, 2.0]) -> [[1.0, 0.0], [0.0, 2.0]]
    """
    x = as_tensor(x, "diag")
    k = int_of("diag", "k", k, [x])
    if x.ndim == 2:
        return diagonal(x, k)
    if x.ndim != 1:
        fail(ShapeError, "diag", f"needs one or two dimensions, got {x.ndim}", [x])
    n = x.shape[0] + builtins.abs(k)
    if k:  # as long as a side; what is put behind lies on no diagonal
        x = place(x, scalar(0, x.dtype), (n,), (0,), (1,))
    x = reshape(x, (n, 1) if k >= 0 else (1, n))
    return where(equal(index((n, n), k, (1, -1)), 0), x, scalar(0, x.dtype))


# ------------------------------------------------------------------ gather and scatter
def _gather_nd_reference(x: Any, indices: Any, batch_dims: int = 0) -> Any:
    if batch_dims:
        return np.stack([_gather_nd_reference(a, i, batch_dims - 1) for a, i in zip(x, indices, strict=True)])
    return x[tuple(np.moveaxis(indices, -1, 0))]


def _gather_nd_samples(rng: np.random.Generator) -> Iterable[Sample]:
    for shape, idx, b in (
        ((3, 4), (5, 2), 0),
        ((3, 4, 2), (2, 3, 2), 0),
        ((3, 4), (2, 1), 0),
        ((4,), (1,), 0),
        ((2, 3, 4), (2, 5, 1), 1),
        ((2, 3, 4), (2, 2), 1),
        ((3, 4), (0, 2), 0),
    ):
        limit = np.array(shape[b : b + idx[-1]])
        yield Sample((rng.uniform(-2, 2, shape), rng.integers(-limit, limit, idx)), {"batch_dims": b})


@composite(reference=_gather_nd_reference, samples=_gather_nd_samples, onnx="GatherND")
def gather_nd(x: TensorLike, indices: TensorLike, /, batch_dims: int = 0) -> Tensor:
    """x at indices of its first q dimensions, q the size of ``indices``' last; the first ``batch_dims`` dimensions of
    both go together. Negative ones count from the end, one out of range fails the call. Shape:
    indices.shape[:-1] + x.shape[batch_dims + q:].

    Dtypes: any
    Shapes: indices.shape[:-1] + x.shape[batch_dims + q:]
    Edges: gather_nd([1.0, 2.0], [[-1]]) = [2.0]; an index used twice has its gradients added up
    Raises: ShapeError, DTypeError
    Example: gd.gather_nd([[1.0, 2.0], [3.0, 4.0]], [[1, 0], [0, 1]]) -> [3.0, 2.0]
    Source: as ONNX GatherND
    """
    x, idx = as_tensor(x, "gather_nd"), as_index("gather_nd", indices)
    b = int_of("gather_nd", "batch_dims", batch_dims, [x, idx])
    if not 0 <= b < builtins.min(x.ndim, idx.ndim):
        fail(ShapeError, "gather_nd", f"batch_dims {b} of {x.ndim} and {idx.ndim} dimensions", [x, idx])
    q = idx.shape[-1]
    if isinstance(q, Dim) or not 1 <= q <= x.ndim - b:
        fail(ShapeError, "gather_nd", f"indices of {q} dimensions into {x.ndim - b}", [x, idx])
    if x.shape[:b] != idx.shape[:b]:
        fail(
            ShapeError,
            "gather_nd",
            f"batch dimensions {format_shape(x.shape[:b])} and {format_shape(idx.shape[:b])} differ",
            [x, idx],
        )
    batch, inner, rest = x.shape[:b], x.shape[b : b + q], x.shape[b + q :]
    shape = idx.shape[:-1]
    flat = index(shape, 0, _batch_strides(batch, len(shape)))  # which batch each index belongs to
    for j, size in enumerate(inner):
        at = reshape(part(idx, idx.ndim - 1, j, 1), shape)
        flat = flat * size_as(size, int64) + astype(checked_index(at, size), int64)
    return take(reshape(x, (product(batch) * product(inner), *rest)), flat, axis=0)


def _batch_strides(batch: tuple[Size, ...], ndim: int) -> tuple[Size, ...]:
    return tuple(product(batch[i + 1 :]) if i < len(batch) else 0 for i in range(ndim))


def _infer_scatter(xs: Any, attrs: Any) -> Any:
    return ((xs[0].shape, xs[0].dtype),)


def _scatter_add(x: TensorLike, indices: TensorLike, updates: TensorLike, /) -> Tensor:
    x, updates = operands("scatter_add", (x, updates), "numeric")
    idx = as_index("scatter_add", indices)
    if x.ndim == 0:
        fail(ShapeError, "scatter_add", "a 0-d Tensor has no axis to add along", [x, idx, updates])
    shape = (*idx.shape, *x.shape[1:])
    if updates.shape != shape:
        fail(
            ShapeError,
            "scatter_add",
            f"updates must have shape {format_shape(shape)}, got {format_shape(updates.shape)}",
            [x, idx, updates],
        )
    return make(SCATTER_ADD, (x, idx, updates))


def _scatter_vjp(node: Node, gs: Any, wanted: Any, _d: Any) -> Any:
    return [gs[0] if wanted[0] else None, None, take(gs[0], node.inputs[1], axis=0) if wanted[2] else None]


def _scatter_jvp(node: Node, ts: Any, _d: Any) -> Any:
    x, idx, _ = node.inputs
    tx, _, tu = ts
    if tu is None:
        return [tx]
    return [take_vjp(tu, idx, size=x.shape[0]) if tx is None else make(SCATTER_ADD, (tx, idx, tu))]


def _scatter_reference(x: Any, indices: Any, updates: Any) -> Any:
    y = x.copy()
    np.add.at(y, indices, updates)
    return y


def _scatter_samples(rng: np.random.Generator) -> Iterable[Sample]:
    for shape, idx in (((4,), (6,)), ((3, 2), (5,)), ((3, 2), (2, 2)), ((3,), ()), ((3, 2), (0,)), ((2, 0), (3,))):
        yield Sample(
            (rng.uniform(-2, 2, shape), rng.integers(-shape[0], shape[0], idx), rng.uniform(-2, 2, idx + shape[1:]))
        )


def _scatter_batch(node: Node, xs: Sequence[Tensor], batch: Batch) -> Sequence[Tensor]:
    n, size, idx_moved = batch.size, node.inputs[0].shape[0], batching.is_moved(node, xs, 1)
    x, updates = (in_front(xs[i], node.inputs[i], n) for i in (0, 2))
    idx = batch.indices(xs[1], idx_moved)
    if not idx_moved:
        return [x + take_vjp(updates, idx, size=size, axis=1)]
    return [parted(make(SCATTER_ADD, (merged(x), spread(idx, size), updates)), n, size)]


scatter_add = custom(
    "scatter_add",
    "x with ``updates`` (shape indices.shape + x.shape[1:]) added at ``indices`` along axis 0; those of "
    "one index add up in order. Negative indices count from the end, one out of range fails the call.\n"
    "Dtypes: numeric\n"
    "Shapes: of x; updates: indices.shape + x.shape[1:]\n"
    "Edges: scatter_add([1.0], np.zeros((0,), int), []) = [1.0]; an index out of range fails the call\n"
    "Raises: ShapeError, DTypeError\n"
    "Example: gd.scatter_add([0.0, 0.0], [1, 1], [2.0, 3.0]) -> [0.0, 5.0]",
    infer=_infer_scatter,
    public=_scatter_add,
    vjp=_scatter_vjp,
    masks=moved_masks,
    jvp=_scatter_jvp,
    kernel=Call(
        "take_vjp",
        lambda node: (*split_at_axis(node.inputs[0], 0), node.inputs[1].size),
        reads=(1, 2, 0),
        guard=True,
        checked=lambda node: checked_rows(node.inputs[1], node.inputs[0].shape[0]) is node.inputs[1],
        over=2,
        partly=(2,),
        flops=lambda node: node.inputs[2].size,
    ),
    reference=_scatter_reference,
    samples=_scatter_samples,
    batch=_scatter_batch,
    law=law("numeric index numeric", lambda xs, a: xs[0].ndim > 0 and xs[2].shape == (*xs[1].shape, *xs[0].shape[1:])),
    page="scattered",
    pattern=pattern.scattered(2, base=0),
)
SCATTER_ADD = op_of(scatter_add)
