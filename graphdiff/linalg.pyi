"""``gd.linalg``: decompositions and solvers of matrices, read off the registry (graphdiff/ops declares them)."""

# Made by `python docs/make_stubs.py` from the declarations in graphdiff/ops; a test keeps it current.

from .ops.types import Axes, Tensor, TensorLike
from typing import Literal

__all__ = [
    "cholesky",
    "det",
    "eigh",
    "eigvalsh",
    "inv",
    "norm",
    "qr",
    "slogdet",
    "solve",
    "solve_triangular",
    "svd",
    "svdvals",
]

def cholesky(x: TensorLike, /, upper: bool = False) -> Tensor:
    """The lower triangular L with L L^T = x, of positive definite matrices (their symmetric part is taken); ``upper``:
    L^T. NaN where x is not positive definite."""

def det(x: TensorLike, /) -> Tensor:
    """The determinants of square matrices. The gradient is that of the polynomial of the elements: the cofactors, to
    half of the digits where x is exactly singular. Raises ShapeError."""

def eigh(x: TensorLike, /) -> tuple[Tensor, Tensor]:
    """(w, v) of symmetric matrices (their symmetric part is taken): eigenvalues, ascending, and eigenvectors as
    columns, x = v diag(w) v^T. Where eigenvalues are equal the vectors have no derivative: their turn within the
    subspace is taken as 0, also in v f(w) v^T."""

def eigvalsh(x: TensorLike, /) -> Tensor:
    """The eigenvalues of symmetric matrices, ascending; of their symmetric part, as eigh."""

def inv(x: TensorLike, /) -> Tensor:
    """The inverses of square matrices; NaN where there is none. Raises ShapeError. ``solve`` is cheaper and closer."""

def norm(
    x: TensorLike, /, *, ord: float | Literal['fro', 'nuc'] | None = None, axis: Axes = None, keepdims: bool = False,
) -> Tensor:
    """The norm of vectors (``axis`` an int) or matrices (two axes), with NumPy's meaning of all arguments.

    Without ``axis``: of all elements, or with ``ord`` of the vector or matrix that x is. Vectors: any number, 2 unless
    given. Matrices: "fro" unless given, "nuc", 1, -1, inf, -inf, 2, -2. The gradient at the zero vector is 0.
    Raises ShapeError, GraphError."""

def qr(x: TensorLike, /) -> tuple[Tensor, Tensor]:
    """(q, r) with x = q r: q (..., m, k) of orthonormal columns, r (..., k, n) upper triangular, k = min(m, n); signs
    as LAPACK gives them. Where m or n is known only at the call, m >= n is expected, else the call fails. The
    derivative needs the first k columns to be independent."""

def slogdet(x: TensorLike, /) -> tuple[Tensor, Tensor]:
    """(sign, log|det|) of square matrices, which does not overflow; (0, -inf) where x is singular, its gradient NaN.

    The sign has zero derivative. Raises ShapeError."""

def solve(a: TensorLike, b: TensorLike, /) -> Tensor:
    """x with a x = b of square a (..., n, n): b (n,) is one vector, else matrices (..., n, k), batches broadcast.

    NaN where a is singular. Raises ShapeError. Example: ``x = gd.linalg.solve(a, b)``."""

def solve_triangular(
    a: TensorLike, b: TensorLike, /, lower: bool = True, transpose: bool = False, unit_diagonal: bool = False,
) -> Tensor:
    """x with a x = b, or a^T x = b with ``transpose``, of a triangular a: only the triangle (``lower`` or not) is read,
    and not its diagonal with ``unit_diagonal``. b: a vector or matrices, as solve's."""

def svd(x: TensorLike, /, full_matrices: bool = True) -> tuple[Tensor, Tensor, Tensor]:
    """(u, s, vh) with x = u diag(s) vh, singular values descending: u (..., m, m) and vh (..., n, n), or (..., m, k)
    and (..., k, n) with k = min(m, n) for ``full_matrices=False``, which derivatives need where m != n. Where m or n is
    known only at the call, m >= n is expected, else the call fails. Where singular values are equal or zero the vectors
    have no derivative: their turn within the subspace is taken as 0."""

def svdvals(x: TensorLike, /) -> Tensor:
    """The singular values of matrices, descending."""
