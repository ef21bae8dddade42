"""``gd.linalg``: decompositions and solvers of matrices, read off the registry (graphdiff/ops declares them)."""

# Made by `python -m docs.make_stubs` from the declarations in graphdiff/ops; a test keeps it current.

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
    L^T. NaN where x is not positive definite.

    Dtypes: float32, float64
    Shapes: (..., n, n) -> (..., n, n)
    Edges: cholesky([[-1.0]]) = [[nan]]; only the symmetric part counts
    Derivative: by rules of its own
    Raises: ShapeError, DTypeError
    Example: gd.linalg.cholesky([[4.0, 2.0], [2.0, 5.0]]) -> [[2.0, 0.0], [1.0, 2.0]]
    Source: derivative: Murray 2016, eq. 8 and 10"""

def det(x: TensorLike, /) -> Tensor:
    """The determinants of square matrices. The gradient is that of the polynomial of the elements: the cofactors, to
    half of the digits where x is exactly singular.

    Dtypes: float32, float64
    Shapes: (..., n, n) -> (...)
    Edges: det([[1.0, 1.0], [1.0, 1.0]]) = 0.0; det(np.zeros((0, 0))) = 1.0
    Derivative: by its body
    Raises: ShapeError, DTypeError
    Example: gd.linalg.det([[2.0, 0.0], [0.0, 4.0]]) -> 8.0
    Source: derivative: Giles 2008, section 2.2.4"""

def eigh(x: TensorLike, /) -> tuple[Tensor, Tensor]:
    """(w, v) of symmetric matrices (their symmetric part is taken): eigenvalues, ascending, and eigenvectors as
    columns, x = v diag(w) v^T. Where eigenvalues are equal the vectors have no derivative, NaN; functions of the matrix
    written as (v * f(w)) @ v.mT have theirs.

    Dtypes: float32, float64
    Shapes: (..., n, n) -> (..., n), (..., n, n)
    Edges: eigh([[0.0, 0.0], [0.0, 0.0]]) = [[0.0, 0.0], [[1.0, 0.0], [0.0, 1.0]]]; only the symmetric part counts; the
    signs of vectors are LAPACK's
    Derivative: by rules of its own
    Raises: ShapeError, DTypeError
    Example: gd.linalg.eigh([[2.0, 0.0], [0.0, 1.0]])[0] -> [1.0, 2.0]
    Source: derivative: Giles 2008, section 3.1"""

def eigvalsh(x: TensorLike, /) -> Tensor:
    """The eigenvalues of symmetric matrices, ascending; of their symmetric part, as eigh.

    Dtypes: float32, float64
    Shapes: (..., n, n) -> (..., n)
    Edges: eigvalsh([[0.0, 0.0], [0.0, 0.0]]) = [0.0, 0.0]; only the symmetric part counts
    Derivative: by its body
    Raises: ShapeError, DTypeError
    Example: gd.linalg.eigvalsh([[2.0, 0.0], [0.0, 1.0]]) -> [1.0, 2.0]
    Source: derivative: Giles 2008, section 3.1"""

def inv(x: TensorLike, /) -> Tensor:
    """The inverses of square matrices; NaN where there is none. ``solve`` is cheaper and closer.

    Dtypes: float32, float64
    Shapes: (..., n, n) -> (..., n, n)
    Edges: inv([[1.0, 1.0], [1.0, 1.0]]) = [[nan, nan], [nan, nan]]
    Derivative: by its body
    Raises: ShapeError, DTypeError
    Example: gd.linalg.inv([[2.0, 0.0], [0.0, 4.0]]) -> [[0.5, 0.0], [0.0, 0.25]]
    Source: derivative: Giles 2008, section 2.3.1"""

def norm(
    x: TensorLike, /, *, ord: float | Literal['fro', 'nuc'] | None = None, axis: Axes = None, keepdims: bool = False,
) -> Tensor:
    """The norm of vectors (``axis`` an int) or matrices (two axes), with NumPy's meaning of all arguments.

    Without ``axis``: of all elements, or with ``ord`` of the vector or matrix that x is. Vectors: any number, 2 unless
    given. Matrices: "fro" unless given, "nuc", 1, -1, inf, -inf, 2, -2. The gradient at the zero vector is 0.

    Arguments: ``x``: a Tensor; ``ord``: as above; ``axis``: an int or two; ``keepdims``: whether those axes stay, of
    size 1
    Dtypes: float32, float64
    Shapes: x.shape without the axes, or with 1 there where keepdims
    Edges: norm([]) = 0.0; norm([nan, 1.0]) = nan
    Derivative: by its body
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.linalg.norm([[3.0, 0.0], [0.0, 4.0]]) -> 5.0
    Source: as numpy.linalg.norm"""

def qr(x: TensorLike, /) -> tuple[Tensor, Tensor]:
    """(q, r) with x = q r: q (..., m, k) of orthonormal columns, r (..., k, n) upper triangular, k = min(m, n); signs
    as LAPACK gives them. Where m or n is known only at the call, m >= n is expected, else the call fails. The
    derivative needs the first k columns to be independent.

    Dtypes: float32, float64
    Shapes: (..., m, n) -> (..., m, k), (..., k, n), k = min(m, n)
    Edges: qr([[0.0]]) = [[[1.0]], [[0.0]]]; columns that depend on each other have no derivative
    Derivative: by rules of its own
    Raises: ShapeError, DTypeError
    Example: gd.linalg.qr([[3.0, 0.0], [0.0, 2.0]])[1] -> [[3.0, 0.0], [0.0, 2.0]]
    Source: derivative: Seeger et al. 2017, eq. 9; Walter and Lehmann 2018, section 3.2"""

def slogdet(x: TensorLike, /) -> tuple[Tensor, Tensor]:
    """(sign, log|det|) of square matrices, which does not overflow; (0, -inf) where x is singular, its gradient NaN.

    The sign has zero derivative.

    Dtypes: float32, float64
    Shapes: (..., n, n) -> (...), (...)
    Edges: slogdet([[1.0, 1.0], [1.0, 1.0]]) = [0.0, -inf]; slogdet(np.zeros((0, 0))) = [1.0, 0.0]
    Derivative: by its body
    Raises: ShapeError, DTypeError
    Example: gd.linalg.slogdet([[2.0, 0.0], [0.0, 4.0]]) -> [1.0, 2.079442]
    Source: derivative: Giles 2008, section 2.2.4"""

def solve(a: TensorLike, b: TensorLike, /) -> Tensor:
    """x with a x = b of square a (..., n, n): b (n,) is one vector, else matrices (..., n, k), batches broadcast.

    NaN where a is singular.

    Dtypes: float32, float64
    Shapes: (..., n, n), (n,) or (..., n, k) -> that of b, batches broadcast
    Edges: solve([[1.0, 1.0], [1.0, 1.0]], [1.0, 1.0]) = [nan, nan]
    Derivative: by its body
    Raises: ShapeError, DTypeError
    Example: gd.linalg.solve([[2.0, 0.0], [0.0, 4.0]], [2.0, 4.0]) -> [1.0, 1.0]
    Source: derivative: Giles 2008, section 2.3.1"""

def solve_triangular(
    a: TensorLike, b: TensorLike, /, lower: bool = True, transpose: bool = False, unit_diagonal: bool = False,
) -> Tensor:
    """x with a x = b, or a^T x = b with ``transpose``, of a triangular ``a``: only the triangle (``lower`` or not) is
    read, and not its diagonal with ``unit_diagonal``. ``b``: a vector or matrices, as solve's.

    Dtypes: float32, float64
    Shapes: (..., n, n), (n,) or (..., n, k) -> that of b, batches broadcast
    Edges: solve_triangular([[0.0]], [1.0]) = [inf]; only the triangle is read
    Derivative: by rules of its own
    Raises: ShapeError, DTypeError
    Example: gd.linalg.solve_triangular([[2.0, 0.0], [1.0, 1.0]], [2.0, 3.0]) -> [1.0, 2.0]
    Source: derivative: Giles 2008, section 2.3.1"""

def svd(x: TensorLike, /, full_matrices: bool = True) -> tuple[Tensor, Tensor, Tensor]:
    """(u, s, vh) with x = u diag(s) vh, singular values descending: u (..., m, m) and vh (..., n, n), or (..., m, k)
    and (..., k, n) with k = min(m, n) for ``full_matrices=False``, which derivatives need where m != n. Where m or n is
    known only at the call, m >= n is expected, else the call fails. Where singular values are equal or zero the vectors
    have no derivative, NaN; a function of them written as (u * f(s)) @ vh has its own.

    Dtypes: float32, float64
    Shapes: (..., m, n) -> (..., m, m), (..., k), (..., n, n), k = min(m, n); with k for m and n where not full_matrices
    Edges: svd([[0.0]]) = [[[1.0]], [0.0], [[1.0]]]; the signs of vectors are LAPACK's
    Derivative: by rules of its own
    Raises: ShapeError, DTypeError
    Example: gd.linalg.svd([[3.0, 0.0], [0.0, 2.0]])[1] -> [3.0, 2.0]
    Source: derivative: Townsend 2016; Seeger et al. 2017, section 4.3"""

def svdvals(x: TensorLike, /) -> Tensor:
    """The singular values of matrices, descending.

    Dtypes: float32, float64
    Shapes: (..., m, n) -> (..., min(m, n))
    Edges: svdvals([[0.0, 0.0], [0.0, 0.0]]) = [0.0, 0.0]; none is negative
    Derivative: by its body
    Raises: ShapeError, DTypeError
    Example: gd.linalg.svdvals([[3.0, 0.0], [0.0, 2.0]]) -> [3.0, 2.0]
    Source: derivative: Townsend 2016; Seeger et al. 2017, section 4.3"""
