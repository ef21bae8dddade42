"""Declarations of linear algebra, ``gd.linalg``: factorisations, solutions and what is read off them.

Each works on the last two dimensions, batched over the others, in float32 and float64, through LAPACK
(csrc/kernels/lapack.c). A matrix that has no factorisation, or no inverse, gives NaN and no error, as in JAX;
``debug="nan"`` names the instruction. cholesky and eigh take the symmetric part of what they are given, so that
derivatives by each element are those of the function computed (JAX does the same; NumPy reads one triangle).

Derivatives are written with these same operations, so they differentiate again. Vectors that belong to equal
eigenvalues or equal or zero singular values are any basis of their subspace and have no derivative; the term that
would be infinite is taken as 0, as JAX does for svd. First derivatives of the values, and of what depends on the whole
subspace only, stay exact there; others, v f(w) v^T and second derivatives of the values among them, lose that term.

Solutions and determinants share one factorisation: ``lu`` gives factors without a derivative, and what uses them
takes the matrix as an operand beside them, which no kernel reads but derivatives go to.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...errors import GraphError, ShapeError
from ...ir.dims import Size, broadcast, format_shape, product
from ...ir.dtypes import int32
from ...ir.graph import Node
from ..contraction import diagonal
from ..elementwise import abs as abs_
from ..elementwise import astype, equal, greater, reciprocal, where
from ..matmul import matmul
from ..movement import broadcast_to, concat, expand_dims, matrix_transpose, permute_dims, positions, reshape
from ..opdef import axes_of, check_dtype, composite, custom, op, operands
from ..reduce import max as max_
from ..reduce import min as min_
from ..reduce import sum as sum_
from ..registry import Call, Op, Sample, register
from ..tensor import Tensor, as_tensor, fail, make

# ------------------------------------------------------------------ what all share


def _matrix(name: str, x: Any, square: bool = False) -> Tensor:
    """The operand as a floating Tensor of two dimensions or more. Raises ShapeError, DTypeError."""
    x = as_tensor(x, name)
    check_dtype(name, (x,), "float")
    if x.ndim < 2:
        fail(ShapeError, name, f"needs a matrix, got {x.ndim} dimensions", [x])
    if square and x.shape[-1] != x.shape[-2]:
        fail(ShapeError, name, f"needs square matrices, got {x.shape[-2]} by {x.shape[-1]}", [x])
    return x


def _batch(x: Tensor) -> Size:
    return product(x.shape[:-2])


def _batch_and_sides(node: Node) -> tuple[Size, ...]:
    x = node.inputs[0]
    return _batch(x), x.shape[-1]


def _positions(x: Tensor) -> tuple[Tensor, Tensor]:
    """The row and the column of each element of a matrix."""
    return positions(x.shape[-2:], 0), positions(x.shape[-2:], 1)


def _below(x: Tensor, on_diagonal: float) -> Tensor:
    """What is below the diagonal, the diagonal ``on_diagonal`` times, and 0 above."""
    row, column = _positions(x)
    kept = where(equal(row, column), x * on_diagonal, 0) if on_diagonal else 0
    return where(greater(row, column), x, kept)


def _symmetric_part(x: Tensor) -> Tensor:
    return (x + matrix_transpose(x)) * 0.5


def _on_diagonal(d: Tensor, else_: Any = 0) -> Tensor:
    """The matrices with ``d`` on the diagonal, ``else_`` beside."""
    n = d.shape[-1]
    return where(equal(positions((n, n), 0), positions((n, n), 1)), expand_dims(d, -1), else_)


def _sum(*terms: Tensor | None) -> Any:
    """The sum of what there is."""
    total = None
    for term in terms:
        if term is not None:
            total = term if total is None else total + term
    return total


def _inverse_differences(w: Tensor) -> Tensor:
    """1 / (w_j - w_i) at (i, j); 0 where they are equal, the diagonal included."""
    return _safe_reciprocal(expand_dims(w, -2) - expand_dims(w, -1))


def _safe_reciprocal(x: Tensor) -> Tensor:
    """1 / x, and 0 at 0, in the derivatives too."""
    zero = equal(x, 0)
    return where(zero, 0, reciprocal(where(zero, 1, x)))


def _flops(times: int, over: int = 1) -> Any:
    """``times / over`` * rows * columns**2 for each matrix of operand 0."""

    def count(node: Node) -> Size:
        *_, rows, columns = node.inputs[0].shape
        return _batch(node.inputs[0]) * rows * columns * columns * times // over

    return count


def _tall(node: Node) -> Any:
    """Results whose sizes could not be compared have been given the shapes of a matrix with more rows."""
    *_, rows, columns = node.inputs[0].shape
    if isinstance(rows, int) and isinstance(columns, int):
        return ()
    return ((rows - columns, f"{node.op.name} here needs as many rows, {rows}, as columns, {columns}, or more;"),)


def _square(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Well-conditioned matrices that are not symmetric."""
    return rng.uniform(-1, 1, shape) + 2 * np.eye(shape[-1])


def _definite(rng: np.random.Generator, *shape: int) -> np.ndarray:
    a = rng.uniform(-1, 1, shape)
    return a @ np.swapaxes(a, -1, -2) + np.eye(shape[-1])


# ------------------------------------------------------------------ cholesky
def _cholesky_vjp(node: Node, gs: Any, wanted: Any, _d: Any) -> Any:
    # Murray 2016, "Differentiation of the Cholesky decomposition", eq. 10; Seeger et al. 2017, section 4.1:
    # Abar = the symmetric part of L^-T Phi(L^T Lbar) L^-1, Phi: the lower triangle with half the diagonal
    (y,) = node.outputs
    inner = _below(matmul(matrix_transpose(y), gs[0]), 0.5)
    half = _solve_lower(y, inner, transpose=True)
    return [_symmetric_part(_solve_lower(y, matrix_transpose(half), transpose=True))]


def _cholesky_jvp(node: Node, ts: Any, _d: Any) -> Any:
    # Murray 2016, eq. 8: dL = L Phi(L^-1 dA L^-T)
    (y,) = node.outputs
    half = matrix_transpose(_solve_lower(y, _symmetric_part(ts[0])))
    return [matmul(y, _below(_solve_lower(y, half), 0.5))]


def _cholesky(x: Any, /, upper: bool = False) -> Tensor:
    x = _matrix("cholesky", x, square=True)
    y = make(CHOLESKY, (x,))
    return matrix_transpose(y) if upper else y


def _cholesky_reference(x: Any, upper: bool = False) -> Any:
    y = np.linalg.cholesky(x)
    return np.swapaxes(y, -1, -2) if upper else y


cholesky = custom(
    "linalg.cholesky",
    "The lower triangular L with L L^T = x, of positive definite matrices (their symmetric part is "
    "taken); ``upper``: L^T. NaN where x is not positive definite.",
    namespace="linalg",
    infer=lambda xs, attrs: ((xs[0].shape, xs[0].dtype),),
    public=_cholesky,
    vjp=_cholesky_vjp,
    jvp=_cholesky_jvp,
    kernel=Call("cholesky", _batch_and_sides, flops=_flops(1, 3)),
    reference=_cholesky_reference,
    samples=lambda rng: (
        [Sample((_definite(rng, *s),)) for s in ((3, 3), (2, 4, 4), (1, 1), (0, 0), (0, 2, 2))]
        + [Sample((_definite(rng, 3, 3),), {"upper": True})]
    ),
)
CHOLESKY = cholesky.op  # type: ignore[attr-defined]


# ------------------------------------------------------------------ triangular systems
def _solve_flops(triangles: int) -> Any:
    return lambda node: product(node.outputs[0].shape) * node.inputs[0].shape[-1] * triangles


def _infer_solve(xs: Any, attrs: Any) -> Any:
    return ((xs[-1].shape, xs[-1].dtype),)


def _triangular_vjp(node: Node, gs: Any, wanted: Any, _d: Any) -> Any:
    # Giles 2008, section 2.3.1: Bbar = op(A)^-T Xbar, op(A)bar = -Bbar X^T, within the triangle that is read
    x, transpose = node.outputs[0], node.attrs["transpose"]
    b_bar = make(TRIANGULAR, (node.inputs[0], gs[0]), {**node.attrs, "transpose": not transpose})
    if not wanted[0]:
        return [None, b_bar]
    left, right = (x, b_bar) if transpose else (b_bar, x)
    a_bar = _in_triangle(-matmul(left, matrix_transpose(right)), node.attrs)
    return [a_bar, b_bar if wanted[1] else None]


def _triangular_jvp(node: Node, ts: Any, _d: Any) -> Any:
    # Giles 2008, section 2.3.1: dX = op(A)^-1 (dB - op(dA) X)
    (a, _b), x = node.inputs, node.outputs[0]
    moved = None
    if ts[0] is not None:
        da = _in_triangle(ts[0], node.attrs)
        moved = -matmul(matrix_transpose(da) if node.attrs["transpose"] else da, x)
    return [make(TRIANGULAR, (a, _sum(ts[1], moved)), dict(node.attrs))]


def _in_triangle(x: Tensor, attrs: dict[str, Any]) -> Tensor:
    lower = _below(x if attrs["lower"] else matrix_transpose(x), 0.0 if attrs["unit_diagonal"] else 1.0)
    return lower if attrs["lower"] else matrix_transpose(lower)


def _triangular(a: Tensor, b: Tensor, attrs: dict[str, Any]) -> Tensor:
    shape = _common_batch("solve_triangular", a, b)
    return make(TRIANGULAR, (broadcast_to(a, (*shape, *a.shape[-2:])), broadcast_to(b, (*shape, *b.shape[-2:]))), attrs)


def _solve_triangular(
    a: Any, b: Any, /, lower: bool = True, transpose: bool = False, unit_diagonal: bool = False
) -> Tensor:
    attrs = {"lower": bool(lower), "transpose": bool(transpose), "unit_diagonal": bool(unit_diagonal)}
    return _with_columns("solve_triangular", a, b, lambda a, b: _triangular(a, b, attrs))


def _solve_lower(a: Tensor, b: Tensor, transpose: bool = False) -> Tensor:
    return make(TRIANGULAR, (a, b), {"lower": True, "transpose": transpose, "unit_diagonal": False})


def _solve_upper(a: Tensor, b: Tensor, transpose: bool = False) -> Tensor:
    return make(TRIANGULAR, (a, b), {"lower": False, "transpose": transpose, "unit_diagonal": False})


def _triangular_reference(
    a: Any, b: Any, lower: bool = True, transpose: bool = False, unit_diagonal: bool = False
) -> Any:
    a = np.tril(a) if lower else np.triu(a)
    if unit_diagonal:
        n = a.shape[-1]
        a = np.where(np.eye(n, dtype=bool), 1, a)
    return np.linalg.solve(np.swapaxes(a, -1, -2) if transpose else a, b)


def _triangular_samples(rng: np.random.Generator) -> Any:
    for s, t, kwargs in (
        ((3, 3), (3, 2), {}),
        ((3, 3), (3,), {}),
        ((2, 3, 3), (2, 3, 2), {"lower": False}),
        ((3, 3), (3, 2), {"transpose": True}),
        ((3, 3), (3,), {"transpose": True, "lower": False}),
        ((3, 3), (3, 2), {"unit_diagonal": True}),
        ((3, 3), (2, 3, 2), {}),
        ((2, 3, 3), (3, 1), {}),
        ((3, 3), (3, 2), {"unit_diagonal": True, "lower": False, "transpose": True}),
        ((0, 0), (0, 2), {}),
        ((0, 2, 2), (0, 2, 1), {}),
        ((2, 2), (2, 0), {}),
    ):
        yield Sample((_square(rng, *s), rng.uniform(-1, 1, t)), kwargs)


solve_triangular = custom(
    "linalg.solve_triangular",
    "x with a x = b, or a^T x = b with ``transpose``, of a triangular a: only the triangle "
    "(``lower`` or not) is read, and not its diagonal with ``unit_diagonal``. b: a vector or matrices, as solve's.",
    namespace="linalg",
    infer=_infer_solve,
    public=_solve_triangular,
    vjp=_triangular_vjp,
    jvp=_triangular_jvp,
    kernel=Call(
        "triangular_solve",
        lambda node: (
            *_batch_and_sides(node),
            node.inputs[1].shape[-1],
            *(int(node.attrs[k]) for k in ("lower", "transpose", "unit_diagonal")),
        ),
        flops=_solve_flops(1),
    ),
    reference=_triangular_reference,
    samples=_triangular_samples,
)
TRIANGULAR = solve_triangular.op  # type: ignore[attr-defined]


def _common_batch(name: str, a: Tensor, b: Tensor) -> tuple[Size, ...]:
    shape = broadcast(a.shape[:-2], b.shape[:-2])
    if shape is None:
        fail(
            ShapeError,
            name,
            f"batches do not broadcast: {format_shape(a.shape[:-2])} and {format_shape(b.shape[:-2])}",
            [a, b],
        )
    return shape


def _with_columns(name: str, a: Any, b: Any, solve: Any) -> Tensor:
    """``solve(a, b)`` with b as matrices: a vector is one column, and a batch of b for one a is more columns."""
    a, b = operands(name, (a, b), "float")
    a = _matrix(name, a, square=True)
    if b.ndim == 0 or b.shape[-1 if b.ndim == 1 else -2] != a.shape[-1]:
        fail(ShapeError, name, f"a has {a.shape[-1]} columns, b has shape {format_shape(b.shape)}", [a, b])
    if b.ndim == 1:
        x = solve(a, reshape(b, (*b.shape, 1)))
        return reshape(x, x.shape[:-1])
    if a.ndim == 2 and b.ndim > 2:
        order = (b.ndim - 2, *range(b.ndim - 2), b.ndim - 1)
        rows = permute_dims(b, order)
        x = solve(a, reshape(rows, (rows.shape[0], product(rows.shape[1:]))))
        return permute_dims(reshape(x, rows.shape), tuple(int(i) for i in np.argsort(order)))
    return solve(a, b)


# ------------------------------------------------------------------ general systems
LU = register(
    Op(
        "lu",
        "custom",
        "The factors of square matrices, packed, and their pivots; without a derivative: what uses them "
        "takes the matrix as well.",
        differentiable=False,
        infer=lambda xs, attrs: ((xs[0].shape, xs[0].dtype), (xs[0].shape[:-1], int32)),
        kernel=Call("lu", _batch_and_sides, flops=_flops(2, 3)),
    )
)


def _lu_vjp(node: Node, gs: Any, wanted: Any, _d: Any) -> Any:
    # Giles 2008, section 2.3.1, as for triangular systems, but with the factors at hand
    a, f, pivots, _b = node.inputs
    x, transpose = node.outputs[0], node.attrs["transpose"]
    b_bar = make(LU_SOLVE, (a, f, pivots, gs[0]), {"transpose": not transpose})
    left, right = (x, b_bar) if transpose else (b_bar, x)
    a_bar = -matmul(left, matrix_transpose(right)) if wanted[0] else None
    return [a_bar, None, None, b_bar if wanted[3] else None]


def _lu_jvp(node: Node, ts: Any, _d: Any) -> Any:
    a, f, pivots, _b = node.inputs
    moved = None
    if ts[0] is not None:
        moved = -matmul(matrix_transpose(ts[0]) if node.attrs["transpose"] else ts[0], node.outputs[0])
    return [make(LU_SOLVE, (a, f, pivots, _sum(ts[3], moved)), dict(node.attrs))]


LU_SOLVE = register(
    Op(
        "lu_solve",
        "custom",
        "x with a x = b, or a^T x = b, from the factors of a.",
        infer=_infer_solve,
        vjp=_lu_vjp,
        jvp=_lu_jvp,
        kernel=Call(
            "lu_solve",
            lambda node: (*_batch_and_sides(node), node.inputs[3].shape[-1], int(node.attrs["transpose"])),
            reads=(1, 2, 3),
            flops=_solve_flops(2),
        ),
    )
)


def _factored_solve(a: Tensor, factors: tuple[Tensor, Tensor], b: Tensor, transpose: bool = False) -> Tensor:
    shape = _common_batch("solve", a, b)
    f, pivots = factors
    n = a.shape[-1]
    return make(
        LU_SOLVE,
        (
            broadcast_to(a, (*shape, n, n)),
            broadcast_to(f, (*shape, n, n)),
            broadcast_to(pivots, (*shape, n)),
            broadcast_to(b, (*shape, *b.shape[-2:])),
        ),
        {"transpose": transpose},
    )


def _solve_samples(rng: np.random.Generator) -> Any:
    for s, t in (
        ((3, 3), (3, 2)),
        ((3, 3), (3,)),
        ((2, 3, 3), (2, 3, 2)),
        ((3, 3), (2, 3, 2)),
        ((2, 3, 3), (3, 1)),
        ((2, 1, 3, 3), (4, 3, 2)),
        ((0, 0), (0, 2)),
        ((0, 2, 2), (0, 2, 1)),
        ((2, 2), (2, 0)),
        ((2, 3, 3), (3,)),
        ((1, 1), (1,)),
    ):
        yield Sample((_square(rng, *s), rng.uniform(-1, 1, t)))


@composite(namespace="linalg", reference=np.linalg.solve, samples=_solve_samples)
def solve(a, b, /):  # type: ignore[no-untyped-def]
    """x with a x = b of square a (..., n, n): b (n,) is one vector, else matrices (..., n, k), batches broadcast.

    NaN where a is singular. Raises ShapeError. Example: ``x = gd.linalg.solve(a, b)``."""
    return _with_columns("solve", a, b, lambda a, b: _factored_solve(a, make(LU, (a,)), b))


def _square_samples(*shapes: tuple[int, ...]) -> Any:
    return lambda rng: [Sample((_square(rng, *s),)) for s in shapes]


def _eye(x: Tensor) -> Tensor:
    n = x.shape[-1]
    return astype(equal(positions((n, n), 0), positions((n, n), 1)), x.dtype)


@composite(namespace="linalg", reference=np.linalg.inv, samples=_square_samples((3, 3), (2, 4, 4), (1, 1), (0, 0)))
def inv(x, /):  # type: ignore[no-untyped-def]
    """The inverses of square matrices; NaN where there is none. Raises ShapeError. ``solve`` is cheaper and closer."""
    x = _matrix("inv", x, square=True)
    return _factored_solve(x, make(LU, (x,)), _eye(x))


# ------------------------------------------------------------------ determinants
def _infer_determinant(xs: Any, attrs: Any) -> Any:
    return ((xs[0].shape[:-2], xs[0].dtype),) * (2 if attrs["log"] else 1)


def _without_zeros(f: Tensor) -> Tensor:
    """The factors with zeros on the diagonal replaced by sqrt(eps) of the factors' size: those of a matrix so near by
    that its determinant times its inverse are the cofactors also where there is no inverse. The root of eps makes the
    errors of first and second derivatives of a singular matrix alike."""
    size = sum_(abs_(f), axis=(-2, -1), keepdims=True)
    small = float(np.sqrt(np.finfo(f.dtype).eps)) * where(equal(size, 0), 1, size)
    row, column = _positions(f)
    return where(equal(row, column), where(equal(f, 0), small, f), f)


def _determinant_vjp(node: Node, gs: Any, wanted: Any, _d: Any) -> Any:
    # Giles 2008, section 2.2.4: Abar = det(A)bar det(A) A^-T, the cofactors; the logarithm's is A^-T
    a, f, pivots = node.inputs
    g = gs[-1]
    if g is None:
        return [None, None, None]
    if not node.attrs["log"]:
        f = _without_zeros(f)
        g = g * make(DETERMINANT, (a, f, pivots), {"log": False})
    inverse = _factored_solve(a, (f, pivots), _eye(a), transpose=True)
    return [reshape(g, (*g.shape, 1, 1)) * inverse, None, None]


def _determinant_jvp(node: Node, ts: Any, _d: Any) -> Any:
    # Giles 2008, section 2.2.4: d log|det A| = tr(A^-1 dA)
    a, f, pivots = node.inputs
    log = node.attrs["log"]
    f = f if log else _without_zeros(f)
    t = sum_(diagonal(_factored_solve(a, (f, pivots), ts[0]), 0, -2, -1), axis=-1)
    return [None, t] if log else [make(DETERMINANT, (a, f, pivots), {"log": False}) * t]


DETERMINANT = register(
    Op(
        "determinant",
        "custom",
        "The determinant from the factors, or its sign and the logarithm of its absolute value.",
        infer=_infer_determinant,
        vjp=_determinant_vjp,
        jvp=_determinant_jvp,
        kernel=Call("determinant", _batch_and_sides, reads=(1, 2)),
    )
)


def _determinant(name: str, x: Any, log: bool) -> Any:
    x = _matrix(name, x, square=True)
    return make(DETERMINANT, (x, *make(LU, (x,))), {"log": log})


@composite(
    namespace="linalg",
    reference=np.linalg.det,
    onnx="Det",
    samples=_square_samples((3, 3), (2, 4, 4), (1, 1), (0, 0), (0, 2, 2)),
)
def det(x, /):  # type: ignore[no-untyped-def]
    """The determinants of square matrices. The gradient is that of the polynomial of the elements: the cofactors, to
    half of the digits where x is exactly singular. Raises ShapeError."""
    return _determinant("det", x, log=False)


@composite(
    namespace="linalg",
    reference=lambda x: tuple(np.linalg.slogdet(x)),
    samples=_square_samples((3, 3), (2, 4, 4), (1, 1), (0, 0), (0, 2, 2)),
)
def slogdet(x, /):  # type: ignore[no-untyped-def]
    """(sign, log|det|) of square matrices, which does not overflow; (0, -inf) where x is singular, its gradient NaN.

    The sign has zero derivative. Raises ShapeError."""
    return _determinant("slogdet", x, log=True)


# ------------------------------------------------------------------ qr
def _infer_qr(xs: Any, attrs: Any) -> Any:
    x = xs[0]
    return ((x.shape, x.dtype), ((*x.shape[:-2], x.shape[-1], x.shape[-1]), x.dtype))


def _times_inverse(x: Tensor, r: Tensor, transpose: bool = False) -> Tensor:
    """x R^-1, or x R^-T."""
    return matrix_transpose(_solve_upper(r, matrix_transpose(x), transpose=not transpose))


def _qr_vjp(node: Node, gs: Any, wanted: Any, _d: Any) -> Any:
    # Seeger et al. 2017, "Auto-differentiating linear algebra", eq. 9 (there for LQ):
    # Abar = (Qbar + Q copyltu(M)) R^-T, M = R Rbar^T - Qbar^T Q, copyltu: the lower triangle, mirrored
    q, r = node.outputs
    m = _sum(
        None if gs[1] is None else matmul(r, matrix_transpose(gs[1])),
        None if gs[0] is None else -matmul(matrix_transpose(gs[0]), q),
    )
    mirrored = _below(m, 1.0) + matrix_transpose(_below(m, 0.0))
    return [_times_inverse(_sum(gs[0], matmul(q, mirrored)), r, transpose=True)]


def _qr_jvp(node: Node, ts: Any, _d: Any) -> Any:
    # Walter and Lehmann 2018, "Algorithmic differentiation of linear algebra functions", section 3.2:
    # with C = Q^T dA R^-1 and W = tril(C, -1) - tril(C, -1)^T: dR = (C - W) R, dQ = dA R^-1 - Q (C - W)
    q, r = node.outputs
    moved = _times_inverse(ts[0], r)
    c = matmul(matrix_transpose(q), moved)
    low = _below(c, 0.0)
    upper = c - low + matrix_transpose(low)
    return [moved - matmul(q, upper), matmul(upper, r)]


def _qr(x: Any, /) -> tuple[Tensor, Tensor]:
    x = _matrix("qr", x)
    rows, columns = x.shape[-2:]
    if isinstance(rows, int) and isinstance(columns, int) and rows < columns:
        q, r = make(QR, (x[..., :rows],))  # the rest of r follows: it needs no factorisation, nor derivative of one
        return q, concat([r, matmul(matrix_transpose(q), x[..., rows:])], axis=-1)
    return make(QR, (x,))


qr = custom(
    "linalg.qr",
    "(q, r) with x = q r: q (..., m, k) of orthonormal columns, r (..., k, n) upper triangular, k = "
    "min(m, n); signs as LAPACK gives them. Where m or n is known only at the call, m >= n is expected, else the call "
    "fails. The derivative needs the first k columns to be independent.",
    namespace="linalg",
    infer=_infer_qr,
    public=_qr,
    vjp=_qr_vjp,
    jvp=_qr_jvp,
    reference=lambda x: tuple(np.linalg.qr(x)),
    kernel=Call("qr", lambda node: (_batch(node.inputs[0]), *node.inputs[0].shape[-2:]), flops=_flops(4), needs=_tall),
    samples=lambda rng: [
        Sample((rng.uniform(-1, 1, s),))
        for s in ((4, 3), (3, 3), (2, 4, 2), (2, 4), (3, 2, 5), (1, 1), (3, 0), (0, 3), (0, 3, 2))
    ],
)
QR = qr.op  # type: ignore[attr-defined]


# ------------------------------------------------------------------ eigenvalues
def _eigh_vjp(node: Node, gs: Any, wanted: Any, _d: Any) -> Any:
    # Giles 2008, section 3.1: Abar = the symmetric part of V (diag(wbar) + F o (V^T Vbar)) V^T, F_ij = 1 / (w_j - w_i)
    w, v = node.outputs
    vt = matrix_transpose(v)
    if gs[1] is None:
        return [matmul(v * expand_dims(gs[0], -2), vt)]
    inner = _inverse_differences(w) * matmul(vt, gs[1])
    if gs[0] is not None:
        inner = _on_diagonal(gs[0], inner)
    return [matmul(matmul(v, _symmetric_part(inner)), vt)]


def _eigh_jvp(node: Node, ts: Any, _d: Any) -> Any:
    # Giles 2008, section 3.1: dw = diag(V^T dA V), dV = V (F o (V^T dA V))
    w, v = node.outputs
    inner = _symmetric_part(matmul(matmul(matrix_transpose(v), ts[0]), v))
    return [diagonal(inner, 0, -2, -1), matmul(v, _inverse_differences(w) * inner)]


def _eigh(x: Any, /) -> tuple[Tensor, Tensor]:
    x = _matrix("eigh", x, square=True)
    return make(EIGH, (x,))


eigh = custom(
    "linalg.eigh",
    "(w, v) of symmetric matrices (their symmetric part is taken): eigenvalues, ascending, and "
    "eigenvectors as columns, x = v diag(w) v^T. Where eigenvalues are equal the vectors have no derivative: their "
    "turn within the subspace is taken as 0, also in v f(w) v^T.",
    namespace="linalg",
    infer=lambda xs, attrs: ((xs[0].shape[:-1], xs[0].dtype), (xs[0].shape, xs[0].dtype)),
    public=_eigh,
    vjp=_eigh_vjp,
    jvp=_eigh_jvp,
    kernel=Call("eigh", _batch_and_sides, flops=_flops(9)),
    reference=lambda x: tuple(np.linalg.eigh(x)),
    samples=lambda rng: [Sample((_definite(rng, *s),)) for s in ((3, 3), (2, 4, 4), (1, 1), (0, 0), (0, 2, 2))],
)
EIGH = eigh.op  # type: ignore[attr-defined]


# ------------------------------------------------------------------ singular values
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


def _svd_vjp(node: Node, gs: Any, wanted: Any, _d: Any) -> Any:
    # Townsend 2016, "Differentiating the singular value decomposition"; Seeger et al. 2017, section 4.3.
    # With E_ij = 1 / (s_j^2 - s_i^2), skew(X) = X - X^T:
    # Abar = U [(E o skew(U^T Ubar)) S + diag(sbar) + S (E o skew(V^T Vbar))] V^T
    #        + (I - U U^T) Ubar S^-1 V^T + U S^-1 Vbar^T (I - V V^T)
    u, s, vh = _svd_checked(node)
    gu, gs_, gvh = gs
    ut, v = matrix_transpose(u), matrix_transpose(vh)
    row, column = expand_dims(s, -2), expand_dims(s, -1)
    inner = None if gs_ is None else _on_diagonal(gs_)
    e = None if gu is None and gvh is None else _inverse_differences(s) * _safe_reciprocal(row + column)
    if gu is not None:
        m = matmul(ut, gu)
        inner = _sum(inner, e * (m - matrix_transpose(m)) * row)
    if gvh is not None:
        m = matmul(vh, matrix_transpose(gvh))
        inner = _sum(inner, column * (e * (m - matrix_transpose(m))))
    total = matmul(matmul(u, inner), vh)
    inverse = _safe_reciprocal(s)
    if gu is not None and (outside := _outside(gu, u)) is not None:
        total = total + matmul(outside * expand_dims(inverse, -2), vh)
    if gvh is not None and (outside := _outside(matrix_transpose(gvh), v)) is not None:
        total = total + matmul(u, matrix_transpose(outside * expand_dims(inverse, -2)))
    return [total]


def _svd_jvp(node: Node, ts: Any, _d: Any) -> Any:
    # Townsend 2016: with P = U^T dA V: ds = diag(P), dU = U (E o (P S + S P^T)) + (I - U U^T) dA V S^-1,
    # dV = V (E o (S P + P^T S)) + (I - V V^T) dA^T U S^-1
    u, s, vh = _svd_checked(node)
    t, v = ts[0], matrix_transpose(vh)
    row, column, inverse = expand_dims(s, -2), expand_dims(s, -1), expand_dims(_safe_reciprocal(s), -2)
    e = _inverse_differences(s) * _safe_reciprocal(row + column)
    tv = matmul(t, v)
    p = matmul(matrix_transpose(u), tv)
    pt = matrix_transpose(p)
    du = matmul(u, e * (p * row + column * pt))
    dv = matmul(v, e * (column * p + pt * row))
    if (outside := _outside(tv, u)) is not None:
        du = du + outside * inverse
    if (outside := _outside(matmul(matrix_transpose(t), u), v)) is not None:
        dv = dv + outside * inverse
    return [du, diagonal(p, 0, -2, -1), matrix_transpose(dv)]


def _svd(x: Any, /, full_matrices: bool = True) -> tuple[Tensor, Tensor, Tensor]:
    return make(SVD, (_matrix("svd", x),), {"full_matrices": bool(full_matrices)})


def _svd_params(node: Node) -> tuple[Size, ...]:
    x = node.inputs[0]
    return _batch(x), *x.shape[-2:], int(node.attrs["full_matrices"])


svd = custom(
    "linalg.svd",
    "(u, s, vh) with x = u diag(s) vh, singular values descending: u (..., m, m) and vh (..., n, n), or "
    "(..., m, k) and (..., k, n) with k = min(m, n) for ``full_matrices=False``, which derivatives need where m != n. "
    "Where m or n is known only at the call, m >= n is expected, else the call fails. Where singular values are equal "
    "or zero the vectors have no derivative: their turn within the subspace is taken as 0.",
    namespace="linalg",
    infer=_infer_svd,
    public=_svd,
    vjp=_svd_vjp,
    jvp=_svd_jvp,
    kernel=Call("svd", _svd_params, flops=_flops(12), needs=_tall),
    reference=lambda x, full_matrices=True: tuple(np.linalg.svd(x, full_matrices=full_matrices)),
    samples=lambda rng: (
        [
            Sample((rng.uniform(-1, 1, s),), {"full_matrices": False})
            for s in ((4, 3), (3, 3), (2, 4, 2), (2, 4), (3, 2, 5), (1, 1), (3, 0), (0, 3), (0, 3, 2))
        ]
        + [Sample((rng.uniform(-1, 1, (3, 3)),))]
    ),
)
SVD = svd.op  # type: ignore[attr-defined]


# ------------------------------------------------------------------ norms
def _norm_samples(rng: np.random.Generator) -> Any:
    for shape, kwargs in (
        ((5,), {}),
        ((3, 4), {}),
        ((2, 3, 4), {}),
        ((5,), {"ord": 1}),
        ((5,), {"ord": np.inf}),
        ((3, 4), {"ord": "fro"}),
        ((3, 4), {"ord": 1}),
        ((3, 4), {"ord": -1}),
        ((3, 4), {"ord": np.inf}),
        ((3, 4), {"ord": -np.inf}),
        ((3, 4), {"ord": 2}),
        ((3, 4), {"ord": -2}),
        ((3, 4), {"ord": "nuc"}),
        ((2, 3, 4), {"axis": 1}),
        ((2, 3, 4), {"axis": (0, 2)}),
        ((2, 3, 4), {"axis": (2, 0), "ord": 1, "keepdims": True}),
        ((2, 3, 4), {"axis": (-2, -1), "ord": 2, "keepdims": True}),
        ((3, 4), {"keepdims": True}),
    ):
        yield Sample((rng.uniform(-2, 2, shape),), kwargs)


@composite(namespace="linalg", reference=np.linalg.norm, samples=_norm_samples, smooth=False)
def norm(x, /, ord=None, axis=None, keepdims=False):  # type: ignore[no-untyped-def]
    """The norm of vectors (``axis`` an int) or matrices (two axes), with NumPy's meaning of all arguments.

    Without ``axis``: of all elements, or with ``ord`` of the vector or matrix that x is. Vectors: any number, 2 unless
    given. Matrices: "fro" unless given, "nuc", 1, -1, inf, -inf, 2, -2. The gradient at the zero vector is 0.
    Raises ShapeError, GraphError."""
    x = as_tensor(x, "norm")
    check_dtype("norm", (x,), "float")
    if axis is None and ord is not None and x.ndim not in (1, 2):
        fail(ShapeError, "norm", f"ord={ord!r} of {x.ndim} dimensions; name one axis or two", [x])
    order = _in_order("norm", x, axis)
    if len(order) > 2 and axis is not None:
        fail(ShapeError, "norm", f"{len(order)} axes; a norm is of one axis or two", [x])
    if len(order) != 2 or ord in (None, "fro"):
        if isinstance(ord, str) and len(order) != 2:
            fail(GraphError, "norm", f"ord={ord!r} is of matrices, this is a vector", [x])
        return op("norm")(x, axis=order, keepdims=keepdims, ord=2 if ord in (None, "fro") else ord)
    row, column = order
    if ord in (2, -2, "nuc"):
        s = svdvals(permute_dims(x, (*(i for i in range(x.ndim) if i not in order), *order)))
        y = sum_(s, axis=-1) if ord == "nuc" else max_(s, axis=-1) if ord == 2 else min_(s, axis=-1)
    elif ord in (1, -1, np.inf, -np.inf):
        first, second = (row, column) if ord in (1, -1) else (column, row)
        sums = sum_(abs_(x), axis=first, keepdims=True)
        y = reshape(
            (max_ if ord > 0 else min_)(sums, axis=second, keepdims=True),
            tuple(s for i, s in enumerate(x.shape) if i not in order),
        )
    else:
        fail(GraphError, "norm", f'ord of a matrix is "fro", "nuc", 1, -1, 2, -2, inf or -inf, got {ord!r}', [x])
    return reshape(y, tuple(1 if i in order else s for i, s in enumerate(x.shape))) if keepdims else y


def _in_order(name: str, x: Tensor, axis: Any) -> tuple[int, ...]:
    """Axes counted from the front, in the order given: a matrix's rows, then its columns."""
    axes = axes_of(name, axis, x.ndim, [x])
    return tuple(a % x.ndim for a in axis) if isinstance(axis, (tuple, list)) else axes


@composite(
    namespace="linalg",
    reference=lambda x: np.linalg.svd(x, compute_uv=False),
    samples=lambda rng: [Sample((rng.uniform(-1, 1, s),)) for s in ((3, 4), (2, 3, 3), (0, 2))],
)
def svdvals(x, /):  # type: ignore[no-untyped-def]
    """The singular values of matrices, descending."""
    return svd(x, full_matrices=False)[1]


@composite(
    namespace="linalg",
    reference=np.linalg.eigvalsh,
    samples=lambda rng: [Sample((_definite(rng, *s),)) for s in ((3, 3), (2, 2, 2), (0, 0))],
)
def eigvalsh(x, /):  # type: ignore[no-untyped-def]
    """The eigenvalues of symmetric matrices, ascending; of their symmetric part, as eigh."""
    return eigh(x)[0]
