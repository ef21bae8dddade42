"""Declarations of the products over any axes: dot, outer, tensordot, traces and diagonals.

All but the diagonal (a view) are made of transposes, one product of matrices and sums, so that BLAS does the work
and derivatives follow. Must not know: how a product of matrices is computed.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ShapeError
from ..ir.dims import Dim, Size, product
from ..ir.node import Node
from . import batching
from .comparison import equal
from .elementwise import multiply, where
from .gather import positions
from .laws import Attrs, Values, are_ints, is_int, is_size, law, on_axis
from .matmul import matmul
from .movement import permute_dims, place, reshape
from .opdef import composite, linear
from .operands import axis_of, int_of, operands
from .reduce import sum as sum_
from .registry import Sample, Strided, View, op_of
from .tensor import Tensor, as_tensor, fail, make
from .types import Ints, TensorLike


def _pairs(*shapes: Any, **kwargs: Any) -> Any:
    """Samples of operands of each case's shapes, all with the same keywords."""
    return lambda rng: [Sample(tuple(rng.uniform(-1, 1, s) for s in case), kwargs) for case in shapes]


# ------------------------------------------------------------------ diagonals
def _diagonal_length(x: Tensor, offset: int, rows: Size, columns: Size) -> Size:
    if rows == columns:
        n = rows - abs(offset)
        return max(n, 0) if isinstance(n, int) else n
    if isinstance(rows, Dim) or isinstance(columns, Dim):
        fail(ShapeError, "diagonal", f"which of {rows} and {columns} is smaller is known only at the call", [x])
    return max(min(rows + min(offset, 0), columns - max(offset, 0)) if offset < 0 else min(rows, columns - offset), 0)


def _infer_diagonal(xs: Any, attrs: Any) -> Any:
    rest = tuple(s for i, s in enumerate(xs[0].shape) if i not in attrs["axes"])
    return (((*rest, attrs["length"]), xs[0].dtype),)


def _diagonal_view(node: Node, view: Strided) -> Strided:
    (row, column), k = node.attrs["axes"], node.attrs["offset"]
    rest = tuple(s for i, s in enumerate(view.strides) if i not in (row, column))
    start = k * view.strides[column] if k > 0 else -k * view.strides[row]
    if node.attrs["length"] == 0:
        start = 0  # nothing is read, and nothing may be pointed at outside
    return Strided(view.offset + start, (*rest, view.strides[row] + view.strides[column]))


def _diagonal_transpose(node: Node, g: Tensor) -> Tensor:
    """``g`` on the diagonal of zeros."""
    shape, k, (row, column) = node.inputs[0].shape, node.attrs["offset"], node.attrs["axes"]
    along = row if k >= 0 else column  # the axis whose index is the position on the diagonal
    if g.shape[-1] != shape[along]:
        g = place(g, 0, (*g.shape[:-1], shape[along]), (0,) * g.ndim, (1,) * g.ndim)
    rest = [i for i in range(len(shape)) if i not in (row, column)]
    g = permute_dims(g, tuple(len(rest) if i == along else rest.index(i) for i in sorted([*rest, along])))
    g = reshape(g, tuple(1 if i in (row, column) and i != along else s for i, s in enumerate(shape)))
    return where(equal(positions(shape, row) + k, positions(shape, column)), g, 0)


def _diagonal(x: TensorLike, /, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    x = as_tensor(x, "diagonal")
    offset = int_of("diagonal", "offset", offset, [x])
    axes = axis_of("diagonal", axis1, x.ndim, [x]), axis_of("diagonal", axis2, x.ndim, [x])
    if axes[0] == axes[1]:
        fail(ShapeError, "diagonal", f"axis {axis1} is given twice", [x])
    length = _diagonal_length(x, offset, x.shape[axes[0]], x.shape[axes[1]])
    return make(DIAGONAL, (x,), {"offset": offset, "axes": axes, "length": length})


def _keeps_diagonal(xs: Values, a: Attrs) -> bool:
    (x,), axes, k = xs, a["axes"], a["offset"]
    if len(set(axes)) != 2 or len(axes) != 2 or not all(on_axis(x, i) for i in axes):
        return False
    rows, columns = (x.shape[i] for i in axes)
    if isinstance(rows, Dim) or isinstance(columns, Dim):
        return rows == columns and a["length"] == rows - abs(k)
    return bool(a["length"] == max(min(rows + min(k, 0), columns - max(k, 0)), 0))


diagonal = linear(
    "diagonal",
    "The elements whose indices along two axes differ by ``offset``, as a new last axis.\n"
    "Arguments: ``x``: of two dimensions or more; ``offset``: of the diagonal above the main one; "
    "``axis1``: the rows; ``axis2``: the columns, another axis\n"
    "Dtypes: any\n"
    "Shapes: x.shape without axis1 and axis2, the diagonal's length last\n"
    "Edges: diagonal([[1.0]], offset=5) = []\n"
    "Raises: ShapeError, DTypeError\n"
    "Example: gd.diagonal([[1.0, 2.0], [3.0, 4.0]]) -> [1.0, 4.0]",
    infer=_infer_diagonal,
    transpose=_diagonal_transpose,
    kernel=View(_diagonal_view),
    public=_diagonal,
    reference=np.diagonal,
    samples=lambda rng: [
        Sample((rng.uniform(-2, 2, s),), {"offset": k, "axis1": a, "axis2": b})
        for s, k, a, b in (
            ((3, 3), 0, 0, 1),
            ((3, 5), 1, 0, 1),
            ((5, 3), -1, 0, 1),
            ((3, 5), -2, 0, 1),
            ((2, 3, 4), 0, -1, 0),
            ((4, 2, 4), -1, 2, 0),
            ((2, 3, 3), 2, 1, 2),
            ((3, 3), 3, 0, 1),
            ((0, 2), 0, 0, 1),
        )
    ],
    batch=batching.on_axes("axes"),
    law=law("any", _keeps_diagonal, offset=is_int, axes=are_ints, length=is_size),
    compute=lambda xs, a: np.diagonal(xs[0], a["offset"], *a["axes"]),
    page="diagonalOf",
)
DIAGONAL = op_of(diagonal)


@composite(
    reference=np.trace,
    samples=lambda rng: [
        Sample((rng.uniform(-2, 2, (3, 3)),)),
        Sample((rng.uniform(-2, 2, (3, 5)),), {"offset": 1}),
        Sample((rng.uniform(-2, 2, (2, 3, 3)),), {"axis1": -2, "axis2": -1}),
    ],
)
def trace(x: TensorLike, /, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """The sum of a diagonal: of the first two axes unless given, as NumPy's.

    Arguments: ``x``: of two dimensions or more; ``offset``: of the diagonal above the main one; ``axis1``: the rows;
    ``axis2``: the columns, another axis
    Dtypes: any
    Shapes: x.shape without axis1 and axis2
    Edges: trace([[1.0]], offset=5) = 0.0
    Raises: ShapeError, DTypeError
    Example: gd.trace([[1.0, 2.0], [3.0, 4.0]]) -> 5.0
    """
    return sum_(diagonal(x, offset, axis1, axis2), axis=-1)


# ------------------------------------------------------------------ products of two


def _axes_of_both(a: Tensor, b: Tensor, axes: Any) -> tuple[list[int], list[int]]:
    if isinstance(axes, (int, np.integer)) and not isinstance(axes, bool):
        if not 0 <= axes <= min(a.ndim, b.ndim):
            fail(ShapeError, "tensordot", f"{axes} axes of {a.ndim} and {b.ndim} dimensions", [a, b])
        return list(range(a.ndim - axes, a.ndim)), list(range(axes))
    if not isinstance(axes, (tuple, list)) or len(axes) != 2:
        fail(ShapeError, "tensordot", f"axes are an int or a pair of lists, got {axes!r}", [a, b])
    lists = [axis if isinstance(axis, (tuple, list)) else [axis] for axis in axes]
    first, second = (
        [axis_of("tensordot", i, x.ndim, [a, b]) for i in axis] for x, axis in zip((a, b), lists, strict=True)
    )
    if len(first) != len(second) or len(set(first)) != len(first) or len(set(second)) != len(second):
        fail(ShapeError, "tensordot", f"axes {axes!r} do not pair", [a, b])
    return first, second


@composite(
    also="linalg",
    reference=np.tensordot,
    samples=lambda rng: [
        Sample((rng.uniform(-1, 1, s), rng.uniform(-1, 1, t)), {"axes": axes})
        for s, t, axes in (
            ((2, 3, 4), (3, 4, 5), 2),
            ((2, 3), (3,), 1),
            ((2, 3), (4, 5), 0),
            ((2, 3, 4), (4, 2, 5), ([0, 2], [1, 0])),
            ((3, 4), (4, 3), ((0, 1), (1, 0))),
            ((2, 0), (0, 3), 1),
        )
    ],
)
def tensordot(x1: TensorLike, x2: TensorLike, /, axes: int | tuple[Ints, Ints] | list[list[int]] = 2) -> Tensor:
    """The sum of products over pairs of axes: the last ``axes`` of x1 with the first of x2, or a pair of lists of axes.

    The result has the other axes of x1, then those of x2. Raises ShapeError where sizes differ.

    Dtypes: numeric
    Shapes: the other axes of x1, then those of x2
    Edges: tensordot([2.0], [3.0], axes=0) = [[6.0]]
    Raises: ShapeError, DTypeError
    Example: gd.tensordot([[1.0, 2.0]], [3.0, 4.0], axes=1) -> [11.0]
    """
    a, b = operands("tensordot", (x1, x2), "numeric")
    first, second = _axes_of_both(a, b, axes)
    for i, j in zip(first, second, strict=True):
        if a.shape[i] != b.shape[j]:
            fail(
                ShapeError, "tensordot", f"axis {i} has {a.shape[i]}, axis {j} has {b.shape[j]}", [a, b], {"axes": axes}
            )
    left = [i for i in range(a.ndim) if i not in first]
    right = [j for j in range(b.ndim) if j not in second]
    rows, columns = [a.shape[i] for i in left], [b.shape[j] for j in right]
    inner = product(a.shape[i] for i in first)
    a = reshape(permute_dims(a, (*left, *first)), (product(rows), inner))
    b = reshape(permute_dims(b, (*second, *right)), (inner, product(columns)))
    return reshape(matmul(a, b), (*rows, *columns))


def _vecdot_reference(x1: Any, x2: Any, axis: int = -1) -> Any:
    return np.sum(np.moveaxis(x1, axis, -1) * np.moveaxis(x2, axis, -1), axis=-1)


@composite(
    also="linalg",
    reference=_vecdot_reference,
    samples=lambda rng: [
        Sample((rng.uniform(-1, 1, s), rng.uniform(-1, 1, t)), {"axis": axis})
        for s, t, axis in (
            ((3,), (3,), -1),
            ((2, 3), (2, 3), -1),
            ((2, 3), (3,), -1),
            ((3, 2), (3, 2), 0),
            ((4, 1, 3), (2, 3), -1),
            ((2, 0), (2, 0), -1),
        )
    ],
)
def vecdot(x1: TensorLike, x2: TensorLike, /, axis: int = -1) -> Tensor:
    """The inner products along ``axis`` of each, the other dimensions broadcast.

    Dtypes: numeric
    Shapes: the operands broadcast, without axis
    Edges: vecdot([], []) = 0.0; vecdot([inf], [0.0]) = nan
    Raises: ShapeError, DTypeError
    Example: gd.vecdot([1.0, 2.0], [3.0, 4.0]) -> 11.0
    """
    a, b = operands("vecdot", (x1, x2), "numeric")
    a, b = (_to_last("vecdot", x, axis) for x in (a, b))
    if a.shape[-1] != b.shape[-1]:
        fail(ShapeError, "vecdot", f"vectors of {a.shape[-1]} and {b.shape[-1]}", [a, b])
    if a.ndim == b.ndim == 1:
        return matmul(a, b)
    return sum_(multiply(a, b), axis=-1)


def _to_last(name: str, x: Tensor, axis: int) -> Tensor:
    axis = axis_of(name, axis, x.ndim, [x])
    return permute_dims(x, (*(i for i in range(x.ndim) if i != axis), axis))


@composite(also="linalg", reference=np.outer, samples=_pairs(((3,), (4,)), ((2, 2), (3,)), ((), (2,)), ((0,), (3,))))
def outer(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """All products of an element of x1 and one of x2, both taken as vectors: shape (x1.size, x2.size).

    Dtypes: numeric
    Shapes: (x1.size, x2.size)
    Edges: outer([inf], [0.0]) = [[nan]]; no elements stay none
    Raises: DTypeError
    Example: gd.outer([1.0, 2.0], [3.0, 4.0]) -> [[3.0, 4.0], [6.0, 8.0]]
    """
    a, b = operands("outer", (x1, x2), "numeric")
    return multiply(reshape(a, (a.size, 1)), reshape(b, (1, b.size)))


@composite(
    reference=np.dot,
    samples=_pairs(
        ((3,), (3,)),
        ((2, 3), (3, 4)),
        ((2, 3), (3,)),
        ((3,), (3, 2)),
        ((), (2, 3)),
        ((2, 4, 3), (3,)),
        ((2, 3), (4, 3, 5)),
        ((2, 0), (0, 3)),
    ),
)
def dot(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """The sum of products over the last axis of x1 and the last but one of x2 (its only one), without broadcasting,
    as NumPy's; the product where one is 0-d.

    Dtypes: numeric
    Shapes: (..., k), (..., k, n) -> (..., ..., n)
    Edges: dot([], []) = 0.0; dot([inf], [0.0]) = nan
    Raises: ShapeError, DTypeError
    Example: gd.dot([1.0, 2.0], [3.0, 4.0]) -> 11.0
    """
    a, b = operands("dot", (x1, x2), "numeric")
    if a.ndim == 0 or b.ndim == 0:
        return multiply(a, b)
    if a.ndim <= 2 and b.ndim <= 2:
        return matmul(a, b)
    return tensordot(a, b, axes=([-1], [max(b.ndim - 2, 0)]))
