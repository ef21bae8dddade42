"""The declaration of lu_factor: the factors as LAPACK and SciPy pack them, with a derivative.

The ``lu`` of the core sees the transpose of a row-major matrix; so it is given a transpose here.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ir.dtypes import int64
from ...ir.node import Node
from ..comparison import equal
from ..control import scan
from ..elementwise import astype, stop_gradient, where
from ..gather import index, positions, take_along_axis
from ..matmul import matmul
from ..movement import broadcast_to, expand_dims, matrix_transpose, permute_dims
from ..opdef import composite
from ..ordering import argsort
from ..registry import Sample
from ..tensor import Tensor, make
from ..types import TensorLike
from .given import given
from .matrices import lower_triangle, matrix, random_square
from .solve import LU, TRIANGULAR, lu_arrays


def _order(pivots: Tensor) -> Tensor:
    """Where each row of the factors comes from: the rows 0, 1, .. swapped with their pivots in turn."""
    n = pivots.shape[-1]
    at = positions(pivots.shape, pivots.ndim - 1)

    def swap(order: Tensor, step: tuple[Tensor, Tensor]) -> tuple[Tensor, None]:
        k, p = step
        p = expand_dims(astype(p, int64), -1)
        here, there = take_along_axis(order, broadcast_to(k, p.shape)), take_along_axis(order, p)
        return where(equal(at, p), here, where(equal(at, k), there, order)), None

    steps = permute_dims(pivots, (pivots.ndim - 1, *range(pivots.ndim - 1)))
    return scan(swap, at, (index((n,), 0, (1,)), steps))[0]


def _rows(x: Tensor, order: Tensor) -> Tensor:
    return take_along_axis(x, broadcast_to(expand_dims(order, -1), x.shape), axis=-2)


def _lower(f: Tensor, b: Tensor, transpose: bool) -> Tensor:
    return make(TRIANGULAR, (f, b), {"lower": True, "transpose": transpose, "unit_diagonal": True})


def _upper(f: Tensor, b: Tensor, transpose: bool) -> Tensor:
    """b U^-1, or b U^-T."""
    attrs = {"lower": False, "transpose": not transpose, "unit_diagonal": False}
    return matrix_transpose(make(TRIANGULAR, (f, matrix_transpose(b)), attrs))


def _parts(f: Tensor) -> tuple[Tensor, Tensor]:
    """What is below the diagonal, and the rest."""
    low = lower_triangle(f, 0.0)
    return low, f - low


# With F = L^-1 P dA U^-1: dL = L tril(F, -1), dU = triu(F) U (de Hoog, Anderssen and Lukas 2011, section 3)
def _jvp(node: Node, ts: Any) -> Tensor:
    f, pivots = node.outputs[0], node.inputs[1]
    below, above = _parts(_upper(f, _lower(f, _rows(ts[1], _order(pivots)), False), False))
    low, upper = _parts(f)
    return below + matmul(low, below) + matmul(above, upper)


def _vjp(node: Node, g: Tensor) -> list[Tensor | None]:
    f, pivots = node.outputs[0], node.inputs[1]
    (low, upper), (g_low, g_upper) = _parts(f), _parts(g)
    below, _ = _parts(g_low + matmul(matrix_transpose(low), g_low))
    _, above = _parts(matmul(g_upper, matrix_transpose(upper)))
    moved = _upper(f, _lower(f, below + above, True), True)
    return [None, _rows(moved, argsort(_order(pivots)))]


PACKED = given(
    "packed_lu",
    "Its first operand, the factors that come with pivots, with their derivative by the matrix.",
    "float int32 float",
    (2, 1, 2),
    _vjp,
    _jvp,
)


def _arrays(a: Any) -> Any:
    f, pivots = lu_arrays([np.swapaxes(a, -1, -2)], {})
    return np.swapaxes(f, -1, -2), pivots - 1


@composite(
    namespace="linalg",
    reference=_arrays,
    samples=lambda rng: [Sample((random_square(rng, *s)[..., ::-1, :],)) for s in ((3, 3), (2, 4, 4), (1, 1), (0, 0))],
    smooth=False,
)
def lu_factor(x: TensorLike, /) -> tuple[Tensor, Tensor]:
    """(lu, pivots) of square matrices with rows exchanged for the largest pivots: u in the upper triangle, l below it,
    whose diagonal is 1; row i was exchanged with row pivots[i], int32. As SciPy's.

    Dtypes: float
    Shapes: (..., n, n) -> (..., n, n), (..., n)
    Edges: lu_factor([[0.0, 1.0], [2.0, 0.0]]) = [[[2.0, 0.0], [0.0, 1.0]], [1, 1]]
    Raises: ShapeError, DTypeError
    Example: gd.linalg.lu_factor([[4.0, 2.0], [2.0, 3.0]])[0] -> [[4.0, 2.0], [0.5, 2.0]]
    Source: Golub and Van Loan, algorithm 3.4.1; derivative: de Hoog, Anderssen and Lukas 2011
    """
    x = matrix("lu_factor", x, square=True)
    factors, pivots = make(LU, (matrix_transpose(stop_gradient(x)),))
    pivots = pivots - 1  # LAPACK counts from 1
    return make(PACKED, (matrix_transpose(factors), pivots, x)), pivots
