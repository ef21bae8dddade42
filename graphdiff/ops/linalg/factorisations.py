"""Declarations of the factorisations that solve systems: cholesky and qr.

cholesky takes the symmetric part of what it is given, so that derivatives with respect to each element are
those of the function computed (JAX does the same; NumPy reads one triangle).
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from ...errors import GraphError
from ...ir.dims import Dim
from ...ir.node import Node
from .. import batching, pattern
from ..comparison import equal, logical_and, logical_not
from ..elementwise import where
from ..joining import concat
from ..laws import Attrs, Values, is_square, law
from ..masks import cut_by
from ..matmul import matmul
from ..movement import broadcast_to, matrix_transpose
from ..opdef import custom
from ..registry import Call, Sample, op_of
from ..tensor import Tensor, fail, make
from ..types import TensorLike
from .differences import NAN, told_apart
from .matrices import (
    BY_MATRIX,
    batch_and_sides,
    batch_count,
    cubic_flops,
    identity,
    lower_triangle,
    matrix,
    needs_tall,
    random_definite,
    row_and_column,
    sum_present,
    symmetric_part,
)
from .solve import solve_lower, solve_upper


def _cholesky_vjp(node: Node, gs: Any, wanted: Any, _d: Any) -> Any:
    # Murray 2016, "Differentiation of the Cholesky decomposition", eq. 10; Seeger et al. 2017, section 4.1:
    # Abar = the symmetric part of L^-T Phi(L^T Lbar) L^-1, Phi: the lower triangle with half the diagonal
    (y,) = node.outputs
    inner = lower_triangle(matmul(matrix_transpose(y), gs[0]), 0.5)
    half = solve_lower(y, inner, transpose=True)
    return [symmetric_part(solve_lower(y, matrix_transpose(half), transpose=True))]


def _cholesky_jvp(node: Node, ts: Any, _d: Any) -> Any:
    # Murray 2016, eq. 8: dL = L Phi(L^-1 dA L^-T)
    (y,) = node.outputs
    half = matrix_transpose(solve_lower(y, symmetric_part(ts[0])))
    return [matmul(y, lower_triangle(solve_lower(y, half), 0.5))]


def _cholesky(x: TensorLike, /, upper: bool = False) -> Tensor:
    x = matrix("cholesky", x, square=True)
    y = make(CHOLESKY, (x,))
    return matrix_transpose(y) if upper else y


def _cholesky_reference(x: Any, upper: bool = False) -> Any:
    y = np.linalg.cholesky(x)
    return np.swapaxes(y, -1, -2) if upper else y


cholesky = custom(
    "linalg.cholesky",
    "The lower triangular L with L L^T = x, of positive definite matrices (their symmetric part is "
    "taken); ``upper``: L^T. NaN where x is not positive definite.\n"
    "Dtypes: float\n"
    "Shapes: (..., n, n) -> (..., n, n)\n"
    "Edges: cholesky([[-1.0]]) = [[nan]]; only the symmetric part counts\n"
    "Raises: ShapeError, DTypeError\n"
    "Example: gd.linalg.cholesky([[4.0, 2.0], [2.0, 5.0]]) -> [[2.0, 0.0], [1.0, 2.0]]\n"
    "Source: derivative: Murray 2016, eq. 8 and 10",
    namespace="linalg",
    infer=lambda xs, attrs: ((xs[0].shape, xs[0].dtype),),
    public=_cholesky,
    vjp=cut_by(BY_MATRIX, _cholesky_vjp),
    masks=BY_MATRIX,
    jvp=_cholesky_jvp,
    kernel=Call("cholesky", batch_and_sides, flops=cubic_flops(1, 3)),
    reference=_cholesky_reference,
    samples=lambda rng: (
        [Sample((random_definite(rng, *s),)) for s in ((3, 3), (2, 4, 4), (1, 1), (0, 0), (0, 2, 2))]
        + [Sample((random_definite(rng, 3, 3),), {"upper": True})]
    ),
    batch=batching.leading,
    law=law("float", lambda xs, a: is_square(xs[0])),
    pattern=pattern.by_entry([2], [2]),
)
CHOLESKY = op_of(cholesky)


def _infer_qr(xs: Any, attrs: Any) -> Any:
    x = xs[0]
    return ((x.shape, x.dtype), ((*x.shape[:-2], x.shape[-1], x.shape[-1]), x.dtype))


def _times_inverse(x: Tensor, r: Tensor, transpose: bool = False) -> Tensor:
    """x R^-1, or x R^-T; NaN where columns are not told apart from dependent ones: the vector of a column that depends
    on those before it is any, so it has no derivative."""
    row, column = row_and_column(r)
    r = where(logical_and(equal(row, column), logical_not(told_apart(r))), NAN, r)
    return matrix_transpose(solve_upper(r, matrix_transpose(x), transpose=not transpose))


def _qr_vjp(node: Node, gs: Any, wanted: Any, _d: Any) -> Any:
    # Seeger et al. 2017, "Auto-differentiating linear algebra", eq. 9 (there for LQ):
    # Abar = (Qbar + Q copyltu(M)) R^-T, M = R Rbar^T - Qbar^T Q, copyltu: the lower triangle, mirrored
    q, r = node.outputs
    m = sum_present(
        None if gs[1] is None else matmul(r, matrix_transpose(gs[1])),
        None if gs[0] is None else -matmul(matrix_transpose(gs[0]), q),
    )
    mirrored = lower_triangle(m, 1.0) + matrix_transpose(lower_triangle(m, 0.0))
    return [_times_inverse(sum_present(gs[0], matmul(q, mirrored)), r, transpose=True)]


def _qr_jvp(node: Node, ts: Any, _d: Any) -> Any:
    # Walter and Lehmann 2018, "Algorithmic differentiation of linear algebra functions", section 3.2:
    # with C = Q^T dA R^-1 and W = tril(C, -1) - tril(C, -1)^T: dR = (C - W) R, dQ = dA R^-1 - Q (C - W)
    q, r = node.outputs
    moved = _times_inverse(ts[0], r)
    c = matmul(matrix_transpose(q), moved)
    low = lower_triangle(c, 0.0)
    upper = c - low + matrix_transpose(low)
    return [moved - matmul(q, upper), matmul(upper, r)]


def _qr(x: TensorLike, /, mode: Literal["reduced", "complete"] = "reduced") -> tuple[Tensor, Tensor]:
    x = matrix("qr", x)
    if mode not in ("reduced", "complete"):
        fail(GraphError, "qr", f'mode is "reduced" or "complete", got {mode!r}', [x])
    rows, columns = x.shape[-2:]
    if mode == "complete" and rows != columns and not (isinstance(rows, int) and columns > rows):
        # with unit vectors behind, as many as make it square
        more = identity(rows, x.dtype)[:, columns:]
        q, r = make(QR, (concat([x, broadcast_to(more, (*x.shape[:-1], rows - columns))], axis=-1),))
        return q, r[..., :columns]
    if isinstance(rows, int) and isinstance(columns, int) and rows < columns:
        q, r = make(QR, (x[..., :rows],))  # the rest of r follows: it needs no factorisation, nor derivative of one
        return q, concat([r, matmul(matrix_transpose(q), x[..., rows:])], axis=-1)
    return make(QR, (x,))


def _keeps_qr(xs: Values, a: Attrs) -> bool:
    (x,) = xs
    return x.ndim >= 2 and (isinstance(x.shape[-2], Dim) or isinstance(x.shape[-1], Dim) or x.shape[-2] >= x.shape[-1])


qr = custom(
    "linalg.qr",
    "(q, r) with x = q r: q (..., m, k) of orthonormal columns, r (..., k, n) upper triangular, k = "
    "min(m, n), or m where ``mode`` is 'complete'; signs as LAPACK gives them. Where m or n is known only at "
    "the call, m >= n is expected, else the call fails. The derivative needs the first k columns to be "
    "independent.\n"
    "Dtypes: float\n"
    "Shapes: (..., m, n) -> (..., m, k), (..., k, n), k = min(m, n), m where complete\n"
    "Edges: qr([[0.0]]) = [[[1.0]], [[0.0]]]; columns that depend on each other have no derivative\n"
    "Raises: ShapeError, DTypeError\n"
    "Example: gd.linalg.qr([[3.0, 0.0], [0.0, 2.0]])[1] -> [[3.0, 0.0], [0.0, 2.0]]\n"
    "Source: derivative: Seeger et al. 2017, eq. 9; Walter and Lehmann 2018, section 3.2",
    namespace="linalg",
    infer=_infer_qr,
    public=_qr,
    vjp=cut_by(BY_MATRIX, _qr_vjp),
    masks=BY_MATRIX,
    jvp=_qr_jvp,
    reference=lambda x: tuple(np.linalg.qr(x)),
    kernel=Call(
        "qr",
        lambda node: (batch_count(node.inputs[0]), *node.inputs[0].shape[-2:]),
        flops=cubic_flops(4),
        needs=needs_tall,
    ),
    samples=lambda rng: [
        Sample((rng.uniform(-1, 1, s),))
        for s in ((4, 3), (3, 3), (2, 4, 2), (2, 4), (3, 2, 5), (1, 1), (3, 0), (0, 3), (0, 3, 2))
    ],
    batch=batching.leading,
    law=law("float", _keeps_qr),
    pattern=pattern.by_entry([2], [2, 2]),
)
QR = op_of(qr)
