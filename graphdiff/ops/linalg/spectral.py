"""Declarations of eigenvalues and singular values, with their vectors or without.

eigh takes the symmetric part of what it is given, as cholesky does. Vectors that belong to equal eigenvalues or equal
or zero singular values are any basis of their subspace and have no derivative: it is NaN there, unless they are not
used. Derivatives of the values stay exact, as do those of what is written as a function of the matrix, v f(w) v^T or
u f(s) vh (transforms/spectral.py), which the first derivatives of functions of the values are too.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...errors import GraphError
from ...ir.dims import Size
from ...ir.node import Node
from .. import batching, pattern
from ..comparison import equal
from ..contraction import diagonal
from ..elementwise import where
from ..laws import is_bool, is_square, law
from ..masks import cut_by
from ..matmul import matmul
from ..movement import expand_dims, matrix_transpose
from ..opdef import composite, custom
from ..registry import Call, Sample, op_of
from ..tensor import Tensor, make
from ..types import TensorLike
from .differences import inverse, inverse_differences, used
from .matrices import (
    BY_MATRIX,
    batch_and_sides,
    batch_count,
    cubic_flops,
    matrix,
    needs_tall,
    random_definite,
    sum_present,
    symmetric_part,
    with_diagonal,
)


def _eigh_vjp(node: Node, gs: Any, wanted: Any, _d: Any) -> Any:
    # Giles 2008, section 3.1: Abar = the symmetric part of V (diag(wbar) + F o (V^T Vbar)) V^T, F_ij = 1 / (w_j - w_i)
    w, v = node.outputs
    vt = matrix_transpose(v)
    if gs[1] is None:
        return [matmul(v * expand_dims(gs[0], -2), vt)]
    inner = inverse_differences(w, used(gs[1], -1)) * matmul(vt, gs[1])
    if gs[0] is not None:
        inner = with_diagonal(gs[0], inner)
    return [matmul(matmul(v, symmetric_part(inner)), vt)]


def _eigh_jvp(node: Node, ts: Any, _d: Any) -> Any:
    # Giles 2008, section 3.1: dw = diag(V^T dA V), dV = V (F o (V^T dA V))
    w, v = node.outputs
    inner = symmetric_part(matmul(matmul(matrix_transpose(v), ts[0]), v))
    return [diagonal(inner, 0, -2, -1), matmul(v, inverse_differences(w) * inner)]


def _eigh(x: TensorLike, /) -> tuple[Tensor, Tensor]:
    x = matrix("eigh", x, square=True)
    return make(EIGH, (x,))


eigh = custom(
    "linalg.eigh",
    "(w, v) of symmetric matrices (their symmetric part is taken): eigenvalues, ascending, and "
    "eigenvectors as columns, x = v diag(w) v^T. Where eigenvalues are equal the vectors have no "
    "derivative, NaN; functions of the matrix written as (v * f(w)) @ v.mT have theirs.\n"
    "Dtypes: float\n"
    "Shapes: (..., n, n) -> (..., n), (..., n, n)\n"
    "Edges: eigh([[0.0, 0.0], [0.0, 0.0]]) = [[0.0, 0.0], [[1.0, 0.0], [0.0, 1.0]]]; only the symmetric "
    "part counts; the signs of vectors are LAPACK's\n"
    "Raises: ShapeError, DTypeError\n"
    "Example: gd.linalg.eigh([[2.0, 0.0], [0.0, 1.0]])[0] -> [1.0, 2.0]\n"
    "Source: derivative: Giles 2008, section 3.1",
    namespace="linalg",
    infer=lambda xs, attrs: ((xs[0].shape[:-1], xs[0].dtype), (xs[0].shape, xs[0].dtype)),
    public=_eigh,
    vjp=cut_by(BY_MATRIX, _eigh_vjp),
    masks=BY_MATRIX,
    jvp=_eigh_jvp,
    kernel=Call("eigh", batch_and_sides, flops=cubic_flops(9)),
    reference=lambda x: tuple(np.linalg.eigh(x)),
    samples=lambda rng: [Sample((random_definite(rng, *s),)) for s in ((3, 3), (2, 4, 4), (1, 1), (0, 0), (0, 2, 2))],
    batch=batching.leading,
    law=law("float", lambda xs, a: is_square(xs[0])),
    pattern=pattern.by_entry([2], [1, 2]),
)
EIGH = op_of(eigh)


@composite(
    namespace="linalg",
    reference=np.linalg.eigvalsh,
    samples=lambda rng: [Sample((random_definite(rng, *s),)) for s in ((3, 3), (2, 2, 2), (0, 0))],
)
def eigvalsh(x: TensorLike, /) -> Tensor:
    """The eigenvalues of symmetric matrices, ascending; of their symmetric part, as eigh.

    Dtypes: float
    Shapes: (..., n, n) -> (..., n)
    Edges: eigvalsh([[0.0, 0.0], [0.0, 0.0]]) = [0.0, 0.0]; only the symmetric part counts
    Raises: ShapeError, DTypeError
    Example: gd.linalg.eigvalsh([[2.0, 0.0], [0.0, 1.0]]) -> [1.0, 2.0]
    Source: derivative: Giles 2008, section 3.1
    """
    return eigh(x)[0]


def _smaller(rows: Size, columns: Size) -> Size:
    """min(rows, columns); the columns where it is known only at the call (the kernel then checks)."""
    return min(rows, columns) if isinstance(rows, int) and isinstance(columns, int) else columns


def _infer_svd(xs: Any, attrs: Any) -> Any:
    *batch, rows, columns = xs[0].shape
    k, dtype = _smaller(rows, columns), xs[0].dtype
    u, vh = (rows, columns) if attrs["full_matrices"] else (k, k)
    return (((*batch, rows, u), dtype), ((*batch, k), dtype), ((*batch, vh, columns), dtype))


def _outside(x: Tensor, basis: Tensor) -> Tensor | None:
    """(I - basis basis^T) x; None where the basis is the whole space."""
    if basis.shape[-2] == basis.shape[-1]:
        return None
    return x - matmul(basis, matmul(matrix_transpose(basis), x))


def _svd_checked(node: Node) -> tuple[Tensor, Tensor, Tensor]:
    x = node.inputs[0]
    if node.attrs["full_matrices"] and x.shape[-1] != x.shape[-2]:
        raise GraphError(
            "linalg.svd: no derivative of full_matrices of a matrix that is not square; write full_matrices=False",
            source=str(node.source) if node.source else None,
        )
    return node.outputs


def _of_squares(s: Tensor, gu: Tensor | None, gvh: Tensor | None) -> Tensor:
    """1 / (s_j^2 - s_i^2), 0 on the diagonal and where neither of two vectors is used."""
    columns = [used(g, axis) for g, axis in ((gu, -1), (gvh, -2)) if g is not None]
    either = None if not columns or any(c is None for c in columns) else sum_present(*columns)
    differences = inverse_differences(s, either)
    total = expand_dims(s, -2) + expand_dims(s, -1)
    return where(equal(differences, 0), 0, differences / total)


def _svd_vjp(node: Node, gs: Any, wanted: Any, _d: Any) -> Any:
    # Townsend 2016, "Differentiating the singular value decomposition"; Seeger et al. 2017, section 4.3.
    # With E_ij = 1 / (s_j^2 - s_i^2), skew(X) = X - X^T:
    # Abar = U [(E o skew(U^T Ubar)) S + diag(sbar) + S (E o skew(V^T Vbar))] V^T
    #        + (I - U U^T) Ubar S^-1 V^T + U S^-1 Vbar^T (I - V V^T)
    u, s, vh = _svd_checked(node)
    gu, gs_, gvh = gs
    ut, v = matrix_transpose(u), matrix_transpose(vh)
    row, column = expand_dims(s, -2), expand_dims(s, -1)
    if gu is None and gvh is None:
        return [matmul(u * expand_dims(gs_, -2), vh)]
    inner = [] if gs_ is None else [with_diagonal(gs_)]
    e = _of_squares(s, gu, gvh)
    if gu is not None:
        m = matmul(ut, gu)
        inner.append(e * (m - matrix_transpose(m)) * row)
    if gvh is not None:
        m = matmul(vh, matrix_transpose(gvh))
        inner.append(column * (e * (m - matrix_transpose(m))))
    total = matmul(matmul(u, sum(inner[1:], inner[0])), vh)
    for g, basis, ours in ((gu, u, True), (None if gvh is None else matrix_transpose(gvh), v, False)):
        if g is not None and (outside := _outside(g, basis)) is not None:
            by = inverse(s)
            if (columns := used(gu if ours else gvh, -1 if ours else -2)) is not None:
                by = where(equal(columns, 0), 0, by)
            outside = outside * expand_dims(by, -2)
            total = total + (matmul(outside, vh) if ours else matmul(u, matrix_transpose(outside)))
    return [total]


def _svd_jvp(node: Node, ts: Any, _d: Any) -> Any:
    # Townsend 2016: with P = U^T dA V: ds = diag(P), dU = U (E o (P S + S P^T)) + (I - U U^T) dA V S^-1,
    # dV = V (E o (S P + P^T S)) + (I - V V^T) dA^T U S^-1
    u, s, vh = _svd_checked(node)
    t, v = ts[0], matrix_transpose(vh)
    row, column, by = expand_dims(s, -2), expand_dims(s, -1), expand_dims(inverse(s), -2)
    e = _of_squares(s, None, None)
    tv = matmul(t, v)
    p = matmul(matrix_transpose(u), tv)
    pt = matrix_transpose(p)
    du = matmul(u, e * (p * row + column * pt))
    dv = matmul(v, e * (column * p + pt * row))
    if (outside := _outside(tv, u)) is not None:
        du = du + outside * by
    if (outside := _outside(matmul(matrix_transpose(t), u), v)) is not None:
        dv = dv + outside * by
    return [du, diagonal(p, 0, -2, -1), matrix_transpose(dv)]


def _svd(x: TensorLike, /, full_matrices: bool = True) -> tuple[Tensor, Tensor, Tensor]:
    return make(SVD, (matrix("svd", x),), {"full_matrices": bool(full_matrices)})


def _svd_params(node: Node) -> tuple[Size, ...]:
    x = node.inputs[0]
    return batch_count(x), *x.shape[-2:], int(node.attrs["full_matrices"])


svd = custom(
    "linalg.svd",
    "(u, s, vh) with x = u diag(s) vh, singular values descending: u (..., m, m) and vh (..., n, n), or "
    "(..., m, k) and (..., k, n) with k = min(m, n) for ``full_matrices=False``, which derivatives need "
    "where m != n. Where m or n is known only at the call, m >= n is expected, else the call fails. Where "
    "singular values are equal or zero the vectors have no derivative, NaN; a function of "
    "them written as (u * f(s)) @ vh has its own.\n"
    "Dtypes: float\n"
    "Shapes: (..., m, n) -> (..., m, m), (..., k), (..., n, n), k = min(m, n); with k for m and n where "
    "not full_matrices\n"
    "Edges: svd([[0.0]]) = [[[1.0]], [0.0], [[1.0]]]; the signs of vectors are LAPACK's\n"
    "Raises: ShapeError, DTypeError\n"
    "Example: gd.linalg.svd([[3.0, 0.0], [0.0, 2.0]])[1] -> [3.0, 2.0]\n"
    "Source: derivative: Townsend 2016; Seeger et al. 2017, section 4.3",
    namespace="linalg",
    infer=_infer_svd,
    public=_svd,
    vjp=cut_by(BY_MATRIX, _svd_vjp),
    masks=BY_MATRIX,
    jvp=_svd_jvp,
    kernel=Call("svd", _svd_params, flops=cubic_flops(12), needs=needs_tall),
    reference=lambda x, full_matrices=True: tuple(np.linalg.svd(x, full_matrices=full_matrices)),
    samples=lambda rng: (
        [
            Sample((rng.uniform(-1, 1, s),), {"full_matrices": False})
            for s in ((4, 3), (3, 3), (2, 4, 2), (2, 4), (3, 2, 5), (1, 1), (3, 0), (0, 3), (0, 3, 2))
        ]
        + [Sample((rng.uniform(-1, 1, (3, 3)),))]
    ),
    batch=batching.leading,
    law=law("float", lambda xs, a: xs[0].ndim >= 2, full_matrices=is_bool),
    pattern=pattern.by_entry([2], [2, 1, 2]),
)
SVD = op_of(svd)


@composite(
    namespace="linalg",
    reference=lambda x: np.linalg.svd(x, compute_uv=False),
    samples=lambda rng: [Sample((rng.uniform(-1, 1, s),)) for s in ((3, 4), (2, 3, 3), (0, 2))],
)
def svdvals(x: TensorLike, /) -> Tensor:
    """The singular values of matrices, descending.

    Dtypes: float
    Shapes: (..., m, n) -> (..., min(m, n))
    Edges: svdvals([[0.0, 0.0], [0.0, 0.0]]) = [0.0, 0.0]; none is negative
    Raises: ShapeError, DTypeError
    Example: gd.linalg.svdvals([[3.0, 0.0], [0.0, 2.0]]) -> [3.0, 2.0]
    Source: derivative: Townsend 2016; Seeger et al. 2017, section 4.3
    """
    return svd(x, full_matrices=False)[1]
