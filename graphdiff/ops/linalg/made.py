"""Declarations of matrices made of others: powers, diagonals and traces of the last two dimensions, blocks along a
diagonal, constant diagonals, and the equations that products of Kronecker solve.

Each is made of products, solves and movement, so derivatives of every order follow.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...errors import ShapeError
from ...ir.dims import Size, format_shape
from ..arrange import pad
from ..contraction import diagonal as diagonal_of
from ..gather import index, take
from ..grids import kron
from ..joining import concat
from ..matmul import matmul
from ..movement import broadcast_to, flip, matrix_transpose, reshape
from ..opdef import composite
from ..operands import int_of, operands
from ..reduce import sum as sum_
from ..registry import Sample
from ..tensor import Tensor, as_tensor, fail
from ..types import DTypeLike, TensorLike
from .matrices import identity, identity_like, matrix, random_square
from .solve import inv, solve


def _over_batch(rng: np.random.Generator) -> Any:
    for shape, offset in (((3, 3), 0), ((2, 3, 4), 1), ((2, 4, 3), -1), ((0, 2, 2), 0)):
        yield Sample((rng.uniform(-2, 2, shape),), {"offset": offset})


def _matrices(name: str, x: Any) -> Tensor:
    """Matrices of any dtype."""
    x = as_tensor(x, name)
    if x.ndim < 2:
        fail(ShapeError, name, f"needs a matrix, got {x.ndim} dimensions", [x])
    return x


@composite(namespace="linalg", reference=lambda x, offset=0: np.diagonal(x, offset, -2, -1), samples=_over_batch)
def diagonal(x: TensorLike, /, *, offset: int = 0) -> Tensor:
    """The diagonals of matrices, over the last two dimensions; ``gd.diagonal`` takes any two.

    Dtypes: any
    Shapes: (..., m, n) -> (..., the diagonal's length)
    Edges: diagonal([[1.0]], offset=5) = []
    Raises: ShapeError, DTypeError
    Example: gd.linalg.diagonal([[1.0, 2.0], [3.0, 4.0]], offset=1) -> [2.0]
    """
    return diagonal_of(_matrices("diagonal", x), offset, -2, -1)


@composite(namespace="linalg", reference=lambda x, offset=0: np.trace(x, offset, -2, -1), samples=_over_batch)
def trace(x: TensorLike, /, *, offset: int = 0, dtype: DTypeLike | None = None) -> Tensor:
    """The sums of the diagonals of matrices, over the last two dimensions; of int32 and bool in int64, in ``dtype``
    where it is given. ``gd.trace`` takes any two dimensions.

    Dtypes: any
    Shapes: (..., m, n) -> (...)
    Edges: trace([[1.0]], offset=5) = 0.0
    Raises: ShapeError, DTypeError
    Example: gd.linalg.trace([[1.0, 2.0], [3.0, 4.0]]) -> 5.0
    """
    return sum_(diagonal_of(_matrices("trace", x), offset, -2, -1), axis=-1, dtype=dtype)


@composite(
    namespace="linalg",
    reference=np.linalg.matrix_power,
    samples=lambda rng: [
        Sample((random_square(rng, *s), n))
        for s, n in (((3, 3), 3), ((2, 3, 3), 2), ((3, 3), -3), ((3, 3), 0), ((2, 2), 7))
    ],
)
def matrix_power(x: TensorLike, n: int, /) -> Tensor:
    """The product of ``n`` times a square matrix, of its inverse where n is negative; by repeated squaring.

    Dtypes: float
    Shapes: (..., m, m) -> (..., m, m)
    Edges: matrix_power([[0.0]], 0) = [[1.0]]; matrix_power([[0.0]], -1) = [[nan]]
    Raises: ShapeError, DTypeError
    Example: gd.linalg.matrix_power([[1.0, 1.0], [0.0, 1.0]], 3) -> [[1.0, 3.0], [0.0, 1.0]]
    """
    x = matrix("matrix_power", x, square=True)
    n = int_of("matrix_power", "n", n, [x])
    if n == 0:
        return broadcast_to(identity(x.shape[-1], x.dtype), x.shape)
    x, n = (inv(x), -n) if n < 0 else (x, n)
    y = None
    while True:
        if n & 1:
            y = x if y is None else matmul(y, x)
        n >>= 1
        if not n:
            return y if y is not None else x
        x = matmul(x, x)


@composite(
    namespace="linalg",
    reference="scipy.linalg.block_diag",
    samples=lambda rng: [
        Sample(tuple(rng.uniform(-2, 2, s) for s in shapes))
        for shapes in (((2, 3), (1, 2)), ((2, 2),), ((2,), (), (2, 1)), ((0, 2), (1, 1)))
    ],
)
def block_diag(*arrays: TensorLike) -> Tensor:
    """Matrices along the diagonal of one, zeros beside; a vector is a row, a number a matrix of one element.

    Dtypes: numeric
    Shapes: the rows and the columns of all add up
    Edges: block_diag([1.0, 2.0], 3.0) = [[1.0, 2.0, 0.0], [0.0, 0.0, 3.0]]
    Raises: ShapeError, DTypeError
    Example: gd.linalg.block_diag([[1.0]], [[2.0]]) -> [[1.0, 0.0], [0.0, 2.0]]
    """
    if not arrays:
        fail(ShapeError, "block_diag", "needs one matrix at least")
    xs = operands("block_diag", arrays, "numeric")
    for x in xs:
        if x.ndim > 2:
            fail(ShapeError, "block_diag", f"blocks are matrices, got {x.ndim} dimensions", xs)
    blocks = [reshape(x, (*(1,) * (2 - x.ndim), *x.shape)) for x in xs]
    ends: list[Size] = [0]
    for x in blocks:
        ends.append(ends[-1] + x.shape[1])
    rows = [pad(x, ((0, 0), (end - x.shape[1], ends[-1] - end))) for x, end in zip(blocks, ends[1:], strict=True)]
    return concat(rows, axis=0)


@composite(
    namespace="linalg",
    reference=lambda c, r=None: _toeplitz_reference(c, c if r is None else r),
    samples=lambda rng: [
        Sample((rng.uniform(-2, 2, (3,)),)),
        Sample((rng.uniform(-2, 2, (3,)), rng.uniform(-2, 2, (4,)))),
        Sample((rng.uniform(-2, 2, (1,)), rng.uniform(-2, 2, (1,)))),
    ],
)
def toeplitz(c: TensorLike, r: TensorLike | None = None, /) -> Tensor:
    """The matrix whose diagonals are constant, with first column ``c`` and first row ``r``, c unless given; r[0] is not
    used.

    Dtypes: numeric
    Shapes: (m,), (n,) -> (m, n)
    Edges: toeplitz([1.0], [5.0, 2.0]) = [[1.0, 2.0]]
    Raises: ShapeError, DTypeError
    Example: gd.linalg.toeplitz([1.0, 2.0]) -> [[1.0, 2.0], [2.0, 1.0]]
    """
    c, r = operands("toeplitz", (c, c if r is None else r), "numeric")
    if c.ndim != 1 or r.ndim != 1:
        fail(ShapeError, "toeplitz", f"a column and a row are vectors, got {c.ndim} and {r.ndim} dimensions", [c, r])
    m, n = c.shape[0], r.shape[0]
    return take(concat([flip(c), r[1:]]), index((m, n), m - 1, (-1, 1)))


def _toeplitz_reference(c: Any, r: Any) -> Any:
    i, j = np.indices((len(c), len(r)))
    return np.where(i >= j, np.append(c, 0)[i - j], np.append(r, 0)[j - i])


@composite(
    namespace="linalg",
    reference="scipy.linalg.solve_sylvester",
    samples=lambda rng: [
        Sample((random_square(rng, m, m), random_square(rng, n, n), rng.uniform(-1, 1, (m, n))))
        for m, n in ((3, 2), (2, 2), (1, 3))
    ],
)
def solve_sylvester(a: TensorLike, b: TensorLike, q: TensorLike, /) -> Tensor:
    """x with a x + x b = q, as one system of m n equations: about (m n)^3 operations and a matrix of m n by m n, so for
    small ones, m n up to a few thousand (m n = 1,000 takes 8 MB). NaN where a and -b share an eigenvalue. Of large
    symmetric a and b, with ``(s, u), (t, v) = eigh(a), eigh(b)``, x is
    ``u @ ((u.T @ q @ v) / (s[:, None] + t)) @ v.T``.

    Dtypes: float
    Shapes: (m, m), (n, n), (m, n) -> (m, n)
    Edges: solve_sylvester([[1.0]], [[-1.0]], [[1.0]]) = [[nan]]
    Raises: ShapeError, DTypeError
    Example: gd.linalg.solve_sylvester([[1.0]], [[3.0]], [[8.0]]) -> [[2.0]]
    Source: Horn and Johnson 1991, section 4.4
    """
    a, b, q = operands("solve_sylvester", (a, b, q), "float")
    a, b = matrix("solve_sylvester", a, square=True), matrix("solve_sylvester", b, square=True)
    if a.ndim != 2 or b.ndim != 2 or q.shape != (a.shape[0], b.shape[0]):
        fail(
            ShapeError,
            "solve_sylvester",
            f"of {format_shape(a.shape)} and {format_shape(b.shape)} q is no {format_shape(q.shape)}",
            [a, b, q],
        )
    # row by row: (a x 1 + 1 x b^T) vec x = vec q
    system = kron(a, identity_like(b)) + kron(identity_like(a), matrix_transpose(b))
    return reshape(solve(system, reshape(q, (q.size,))), q.shape)
