"""``gd.linalg``: decompositions and solvers of matrices, read off the registry (graphdiff/ops declares them)."""

# Made by `python -m docs.make_stubs` from the declarations in graphdiff/ops; a test keeps it current.

from .ops.types import Axes, DTypeLike, Ints, Tensor, TensorLike
from typing import Literal

__all__ = [
    "block_diag",
    "cholesky",
    "cross",
    "det",
    "diagonal",
    "eigh",
    "eigvalsh",
    "expm",
    "inv",
    "lstsq",
    "lu_factor",
    "matmul",
    "matrix_norm",
    "matrix_power",
    "matrix_rank",
    "matrix_transpose",
    "norm",
    "outer",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "solve_sylvester",
    "solve_triangular",
    "svd",
    "svdvals",
    "tensordot",
    "toeplitz",
    "trace",
    "vecdot",
    "vector_norm",
]

def block_diag(*arrays: TensorLike) -> Tensor:
    """Matrices along the diagonal of one, zeros beside; a vector is a row, a number a matrix of one element.

    Dtypes: float32, float64, int32, int64
    Shapes: the rows and the columns of all add up
    Edges: block_diag([1.0, 2.0], 3.0) = [[1.0, 2.0, 0.0], [0.0, 0.0, 3.0]]
    Derivative: by its body
    Raises: ShapeError, DTypeError
    Example: gd.linalg.block_diag([[1.0]], [[2.0]]) -> [[1.0, 0.0], [0.0, 2.0]]"""

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

def cross(x1: TensorLike, x2: TensorLike, /, *, axis: int = -1) -> Tensor:
    """The cross products of vectors of three elements along ``axis``; the other dimensions broadcast.

    Dtypes: float32, float64, int32, int64
    Shapes: the operands broadcast; 3 along axis
    Edges: cross([1.0, 0.0, 0.0], [1.0, 0.0, 0.0]) = [0.0, 0.0, 0.0]
    Derivative: by its body
    Raises: ShapeError, DTypeError
    Example: gd.cross([1.0, 0.0, 0.0], [0.0, 1.0, 0.0]) -> [0.0, 0.0, 1.0]"""

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

def diagonal(x: TensorLike, /, *, offset: int = 0) -> Tensor:
    """The diagonals of matrices, over the last two dimensions; ``gd.diagonal`` takes any two.

    Dtypes: float32, float64, int32, int64, bool
    Shapes: (..., m, n) -> (..., the diagonal's length)
    Edges: diagonal([[1.0]], offset=5) = []
    Derivative: by its body
    Raises: ShapeError, DTypeError
    Example: gd.linalg.diagonal([[1.0, 2.0], [3.0, 4.0]], offset=1) -> [2.0]"""

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

def expm(x: TensorLike, /) -> Tensor:
    """The exponentials of square matrices, sum(x^k / k!), by scaling and squaring of a Padé approximant, of degree 13
    or of float32 7. Derivatives of every order are Fréchet derivatives.

    Dtypes: float32, float64
    Shapes: (..., n, n) -> (..., n, n)
    Edges: expm([[0.0, 1.0], [0.0, 0.0]]) = [[1.0, 1.0], [0.0, 1.0]]; expm([[nan]]) = [[nan]]; expm([[-1000.0]]) =
    [[0.0]]
    Derivative: by its body
    Raises: ShapeError, DTypeError
    Example: gd.linalg.expm([[0.0, 0.0], [0.0, 1.0]]) -> [[1.0, 0.0], [0.0, 2.718282]]
    Source: Higham 2005, "The scaling and squaring method for the matrix exponential revisited"; derivative: Higham
    2008, eq. 3.16"""

def inv(x: TensorLike, /) -> Tensor:
    """The inverses of square matrices; NaN where there is none. ``solve`` is cheaper and closer.

    Dtypes: float32, float64
    Shapes: (..., n, n) -> (..., n, n)
    Edges: inv([[1.0, 1.0], [1.0, 1.0]]) = [[nan, nan], [nan, nan]]
    Derivative: by its body
    Raises: ShapeError, DTypeError
    Example: gd.linalg.inv([[2.0, 0.0], [0.0, 4.0]]) -> [[0.5, 0.0], [0.0, 0.25]]
    Source: derivative: Giles 2008, section 2.3.1"""

def lstsq(a: TensorLike, b: TensorLike, /, *, rtol: TensorLike | None = None) -> Tensor:
    """The x of least |a x - b|, of least norm among several. Singular values up to ``rtol`` times the largest count as
    0; unless given it is the rounding of a's dtype times the larger of m and n. The derivative is that at constant
    rank.

    Dtypes: float32, float64
    Shapes: (..., m, n), (m,) or (..., m, k) -> (n,) or (..., n, k), batches broadcast
    Edges: lstsq([[1.0, 1.0]], [2.0]) = [1.0, 1.0]; lstsq([[0.0]], [1.0]) = [0.0]
    Derivative: by its body
    Raises: ShapeError, DTypeError
    Example: gd.linalg.lstsq([[1.0], [1.0]], [1.0, 3.0]) -> [2.0]
    Source: derivative: Golub and Pereyra 1973, eq. 4.12"""

def lu_factor(x: TensorLike, /) -> tuple[Tensor, Tensor]:
    """(lu, pivots) of square matrices with rows exchanged for the largest pivots: u in the upper triangle, l below it,
    whose diagonal is 1; row i was exchanged with row pivots[i], int32. As SciPy's.

    Dtypes: float32, float64
    Shapes: (..., n, n) -> (..., n, n), (..., n)
    Edges: lu_factor([[0.0, 1.0], [2.0, 0.0]]) = [[[2.0, 0.0], [0.0, 1.0]], [1, 1]]
    Derivative: by its body
    Raises: ShapeError, DTypeError
    Example: gd.linalg.lu_factor([[4.0, 2.0], [2.0, 3.0]])[0] -> [[4.0, 2.0], [0.5, 2.0]]
    Source: Golub and Van Loan, algorithm 3.4.1; derivative: de Hoog, Anderssen and Lukas 2011"""

def matmul(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """The product of matrices, batched over leading dimensions, which broadcast; 1-d operands are vectors.

    Dtypes: float32, float64, int32, int64
    Shapes: (..., m, k), (..., k, n) -> (..., m, n); of 1-d operands the k
    Edges: matmul(np.zeros((1, 0)), np.zeros((0, 1))) = [[0.0]]; matmul([[inf]], [[0.0]]) = [[nan]]
    Derivative: linear in each of its first two operands: the cotangents are two transposes
    Raises: ShapeError, DTypeError
    Example: gd.matmul([[1.0, 2.0]], [[3.0], [4.0]]) -> [[11.0]]"""

def matrix_norm(
    x: TensorLike, /, *, ord: float | Literal['fro', 'nuc'] | None = 'fro', keepdims: bool = False,
) -> Tensor:
    """The norms of matrices, over the last two dimensions: "fro", "nuc", 1, -1, 2, -2, inf or -inf.

    Dtypes: float32, float64
    Shapes: (..., m, n) -> (...), or (..., 1, 1) where keepdims
    Edges: matrix_norm([[0.0]]) = 0.0; matrix_norm([[nan]]) = nan; the gradient at 0 is 0
    Derivative: by its body
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.linalg.matrix_norm([[3.0, 0.0], [0.0, 4.0]]) -> 5.0"""

def matrix_power(x: TensorLike, n: int, /) -> Tensor:
    """The product of ``n`` times a square matrix, of its inverse where n is negative; by repeated squaring.

    Dtypes: float32, float64
    Shapes: (..., m, m) -> (..., m, m)
    Edges: matrix_power([[0.0]], 0) = [[1.0]]; matrix_power([[0.0]], -1) = [[nan]]
    Derivative: by its body
    Raises: ShapeError, DTypeError
    Example: gd.linalg.matrix_power([[1.0, 1.0], [0.0, 1.0]], 3) -> [[1.0, 3.0], [0.0, 1.0]]"""

def matrix_rank(x: TensorLike, /, *, rtol: TensorLike | None = None) -> Tensor:
    """How many singular values of matrices are above ``rtol`` times the largest, int64; unless given it is the rounding
    of x's dtype times the larger of m and n.

    Dtypes: float32, float64
    Shapes: (..., m, n) -> (...)
    Edges: matrix_rank([[0.0]]) = 0; matrix_rank([[1.0, 1.0], [1.0, 1.0]]) = 1
    Derivative: none, as if it were 0
    Raises: ShapeError, DTypeError
    Example: gd.linalg.matrix_rank([[1.0, 0.0], [0.0, 2.0]]) -> 2"""

def matrix_transpose(x: TensorLike, /) -> Tensor:
    """The last two dimensions swapped.

    Dtypes: float32, float64, int32, int64, bool
    Shapes: (..., m, n) -> (..., n, m)
    Edges: matrix_transpose([[1.0, 2.0]]) = [[1.0], [2.0]]; needs two dimensions
    Derivative: by its body
    Raises: ShapeError, DTypeError
    Example: gd.matrix_transpose([[1.0, 2.0], [3.0, 4.0]]) -> [[1.0, 3.0], [2.0, 4.0]]"""

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

def outer(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """All products of an element of x1 and one of x2, both taken as vectors: shape (x1.size, x2.size).

    Dtypes: float32, float64, int32, int64
    Shapes: (x1.size, x2.size)
    Edges: outer([inf], [0.0]) = [[nan]]; no elements stay none
    Derivative: by its body
    Raises: DTypeError
    Example: gd.outer([1.0, 2.0], [3.0, 4.0]) -> [[3.0, 4.0], [6.0, 8.0]]"""

def pinv(x: TensorLike, /, *, rtol: TensorLike | None = None) -> Tensor:
    """The pseudo-inverses of Moore and Penrose. Singular values up to ``rtol`` times the largest count as 0; unless
    given it is the rounding of x's dtype times the larger of m and n. The derivative is that at constant rank.

    Dtypes: float32, float64
    Shapes: (..., m, n) -> (..., n, m)
    Edges: pinv([[0.0]]) = [[0.0]]; pinv([[1.0, 1.0], [1.0, 1.0]]) = [[0.25, 0.25], [0.25, 0.25]]
    Derivative: by its body
    Raises: ShapeError, DTypeError
    Example: gd.linalg.pinv([[2.0, 0.0]]) -> [[0.5], [0.0]]
    Source: derivative: Golub and Pereyra 1973, eq. 4.12"""

def qr(x: TensorLike, /, mode: Literal['reduced', 'complete'] = 'reduced') -> tuple[Tensor, Tensor]:
    """(q, r) with x = q r: q (..., m, k) of orthonormal columns, r (..., k, n) upper triangular, k = min(m, n), or m
    where ``mode`` is 'complete'; signs as LAPACK gives them. Where m or n is known only at the call, m >= n is
    expected, else the call fails. The derivative needs the first k columns to be independent.

    Dtypes: float32, float64
    Shapes: (..., m, n) -> (..., m, k), (..., k, n), k = min(m, n), m where complete
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

def solve_sylvester(a: TensorLike, b: TensorLike, q: TensorLike, /) -> Tensor:
    """x with a x + x b = q, as one system of m n equations: about (m n)^3 operations and a matrix of m n by m n, so for
    small ones, m n up to a few thousand (m n = 1,000 takes 8 MB). NaN where a and -b share an eigenvalue. Of large
    symmetric a and b, with ``(s, u), (t, v) = eigh(a), eigh(b)``, x is
    ``u @ ((u.T @ q @ v) / (s[:, None] + t)) @ v.T``.

    Dtypes: float32, float64
    Shapes: (m, m), (n, n), (m, n) -> (m, n)
    Edges: solve_sylvester([[1.0]], [[-1.0]], [[1.0]]) = [[nan]]
    Derivative: by its body
    Raises: ShapeError, DTypeError
    Example: gd.linalg.solve_sylvester([[1.0]], [[3.0]], [[8.0]]) -> [[2.0]]
    Source: Horn and Johnson 1991, section 4.4"""

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

def tensordot(x1: TensorLike, x2: TensorLike, /, axes: int | tuple[Ints, Ints] | list[list[int]] = 2) -> Tensor:
    """The sum of products over pairs of axes: the last ``axes`` of x1 with the first of x2, or a pair of lists of axes.

    The result has the other axes of x1, then those of x2. Raises ShapeError where sizes differ.

    Dtypes: float32, float64, int32, int64
    Shapes: the other axes of x1, then those of x2
    Edges: tensordot([2.0], [3.0], axes=0) = [[6.0]]
    Derivative: by its body
    Raises: ShapeError, DTypeError
    Example: gd.tensordot([[1.0, 2.0]], [3.0, 4.0], axes=1) -> [11.0]"""

def toeplitz(c: TensorLike, r: TensorLike | None = None, /) -> Tensor:
    """The matrix whose diagonals are constant, with first column ``c`` and first row ``r``, c unless given; r[0] is not
    used.

    Dtypes: float32, float64, int32, int64
    Shapes: (m,), (n,) -> (m, n)
    Edges: toeplitz([1.0], [5.0, 2.0]) = [[1.0, 2.0]]
    Derivative: by its body
    Raises: ShapeError, DTypeError
    Example: gd.linalg.toeplitz([1.0, 2.0]) -> [[1.0, 2.0], [2.0, 1.0]]"""

def trace(x: TensorLike, /, *, offset: int = 0, dtype: DTypeLike | None = None) -> Tensor:
    """The sums of the diagonals of matrices, over the last two dimensions; of int32 and bool in int64, in ``dtype``
    where it is given. ``gd.trace`` takes any two dimensions.

    Dtypes: float32, float64, int32, int64, bool
    Shapes: (..., m, n) -> (...)
    Edges: trace([[1.0]], offset=5) = 0.0
    Derivative: by its body
    Raises: ShapeError, DTypeError
    Example: gd.linalg.trace([[1.0, 2.0], [3.0, 4.0]]) -> 5.0"""

def vecdot(x1: TensorLike, x2: TensorLike, /, axis: int = -1) -> Tensor:
    """The inner products along ``axis`` of each, the other dimensions broadcast.

    Dtypes: float32, float64, int32, int64
    Shapes: the operands broadcast, without axis
    Edges: vecdot([], []) = 0.0; vecdot([inf], [0.0]) = nan
    Derivative: by its body
    Raises: ShapeError, DTypeError
    Example: gd.vecdot([1.0, 2.0], [3.0, 4.0]) -> 11.0"""

def vector_norm(x: TensorLike, /, *, axis: Axes = None, ord: float = 2, keepdims: bool = False) -> Tensor:
    """The norms of vectors: of all elements along ``axis``, an int or several (all of them unless given).

    Arguments: ``x``: a Tensor; ``axis``: an int or several; ``ord``: any number, inf and -inf too; ``keepdims``:
    whether those axes stay, of size 1
    Dtypes: float32, float64
    Shapes: x.shape without the axes, or with 1 there where keepdims
    Edges: vector_norm([]) = 0.0; vector_norm([nan]) = nan; the gradient at 0 is 0
    Derivative: by its body
    Raises: ShapeError, DTypeError
    Example: gd.linalg.vector_norm([[3.0, 0.0], [0.0, 4.0]]) -> 5.0"""
