"""What the operations of ``gd.linalg`` share: operands that are matrices, triangles, flops, sample matrices.

Each operation works on the last two dimensions, batched over the others, in float32 and float64, through LAPACK
(csrc/kernels/lapack.c). A matrix that has no factorisation, or no inverse, gives NaN and no error, as in JAX;
``debug="nan"`` names the instruction. Derivatives are written with these same operations, so they differentiate again.
Must not know: any particular operation.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...errors import ShapeError
from ...ir.dims import Dim, Size, product
from ...ir.node import Node
from ..comparison import equal, greater
from ..elementwise import abs as abs_
from ..elementwise import astype, where
from ..gather import positions
from ..masks import leading_masks
from ..movement import expand_dims, matrix_transpose, place
from ..operands import check_dtype
from ..reduce import max as max_
from ..registry import Sample
from ..tensor import Tensor, as_tensor, fail

BY_MATRIX = leading_masks(2)  # below a choice: one matrix of a batch counts or does not


def matrix(name: str, x: Any, square: bool = False) -> Tensor:
    """The operand as a floating Tensor of two dimensions or more. Raises ShapeError, DTypeError."""
    x = as_tensor(x, name)
    check_dtype(name, (x,), "float")
    if x.ndim < 2:
        fail(ShapeError, name, f"needs a matrix, got {x.ndim} dimensions", [x])
    if square and x.shape[-1] != x.shape[-2]:
        fail(ShapeError, name, f"needs square matrices, got {x.shape[-2]} by {x.shape[-1]}", [x])
    return x


def batch_count(x: Tensor) -> Size:
    return product(x.shape[:-2])


def batch_and_sides(node: Node) -> tuple[Size, ...]:
    x = node.inputs[0]
    return batch_count(x), x.shape[-1]


def row_and_column(x: Tensor) -> tuple[Tensor, Tensor]:
    """The row and the column of each element of a matrix."""
    return positions(x.shape[-2:], 0), positions(x.shape[-2:], 1)


def lower_triangle(x: Tensor, on_diagonal: float) -> Tensor:
    """What is below the diagonal, the diagonal ``on_diagonal`` times, and 0 above."""
    row, column = row_and_column(x)
    kept = where(equal(row, column), x * on_diagonal, 0) if on_diagonal else 0
    return where(greater(row, column), x, kept)


def symmetric_part(x: Tensor) -> Tensor:
    return (x + matrix_transpose(x)) * 0.5


def with_diagonal(d: Tensor, else_: Any = 0) -> Tensor:
    """The matrices with ``d`` on the diagonal, ``else_`` beside."""
    n = d.shape[-1]
    return where(equal(positions((n, n), 0), positions((n, n), 1)), expand_dims(d, -1), else_)


def sum_present(*terms: Tensor | None) -> Any:
    """The sum of what there is."""
    total = None
    for term in terms:
        if term is not None:
            total = term if total is None else total + term
    return total


def largest(x: Tensor, axes: tuple[int, ...]) -> Tensor:
    """The largest magnitude along ``axes``, counted from the last, which stay as 1; 0 of none, by a named size."""
    x, over = abs_(x), {a + x.ndim for a in axes}
    if any(isinstance(x.shape[a], Dim) for a in over):
        longer = tuple(s + 1 if i in over else s for i, s in enumerate(x.shape))
        x = place(x, 0, longer, (0,) * x.ndim, (1,) * x.ndim)  # one element more, for there may be none
    return max_(x, axis=axes, keepdims=True)


def identity(n: Size, dtype: np.dtype) -> Tensor:
    return astype(equal(positions((n, n), 0), positions((n, n), 1)), dtype)


def identity_like(x: Tensor) -> Tensor:
    return identity(x.shape[-1], x.dtype)


def cubic_flops(times: int, over: int = 1) -> Any:
    """``times / over`` * rows * columns**2 for each matrix of operand 0."""

    def count(node: Node) -> Size:
        *_, rows, columns = node.inputs[0].shape
        return batch_count(node.inputs[0]) * rows * columns * columns * times // over

    return count


def needs_tall(node: Node) -> Any:
    """Results whose sizes could not be compared have been given the shapes of a matrix with more rows."""
    *_, rows, columns = node.inputs[0].shape
    if isinstance(rows, int) and isinstance(columns, int):
        return ()
    return ((rows - columns, f"{node.op.name} here needs as many rows, {rows}, as columns, {columns}, or more;"),)


def random_square(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Well-conditioned matrices that are not symmetric."""
    return rng.uniform(-1, 1, shape) + 2 * np.eye(shape[-1])


def random_definite(rng: np.random.Generator, *shape: int) -> np.ndarray:
    a = rng.uniform(-1, 1, shape)
    return a @ np.swapaxes(a, -1, -2) + np.eye(shape[-1])


def square_samples(*shapes: tuple[int, ...]) -> Any:
    return lambda rng: [Sample((random_square(rng, *s),)) for s in shapes]
