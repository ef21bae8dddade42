"""Declarations of linear systems: triangular ones, general ones by an LU factorisation, and inverses.

Solutions and determinants share one factorisation: ``lu`` gives factors without a derivative, and what uses them
takes the matrix as an operand beside them, which no kernel reads but derivatives go to.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...errors import ShapeError
from ...ir.dims import Size, broadcast, format_shape, product
from ...ir.dtypes import int32
from ...ir.node import Node, Value
from .. import batching, pattern
from ..batching import Batch
from ..elementwise import where
from ..laws import Values, is_bool, is_square, law
from ..masks import any_of
from ..matmul import matmul
from ..movement import broadcast_to, matrix_transpose, permute_dims, reshape
from ..opdef import composite, custom
from ..operands import operands
from ..registry import Call, Op, Sample, op_of, register
from ..tensor import Tensor, fail, make
from ..types import TensorLike
from .matrices import (
    BY_MATRIX,
    batch_and_sides,
    cubic_flops,
    identity_like,
    lower_triangle,
    matrix,
    random_square,
    square_samples,
    sum_present,
)


def _solve_flops(triangles: int) -> Any:
    return lambda node: product(node.outputs[0].shape) * node.inputs[0].shape[-1] * triangles


def _infer_solve(xs: Any, attrs: Any) -> Any:
    return ((xs[-1].shape, xs[-1].dtype),)


def _columns(mask: Tensor) -> Tensor:
    """Which columns of right sides count, for a mask of solutions: each has its own."""
    return any_of(mask, (mask.ndim - 2,)) if mask.ndim > 1 else mask


def _masks(node: Node, mask: Tensor, wanted: Any) -> list[Tensor | None]:
    found = BY_MATRIX(node, mask, wanted)
    return [*found[:-1], _columns(mask) if wanted[-1] else None]


def _kept(d: Any, *xs: Tensor) -> tuple[Tensor, ...]:
    """Solutions, and cotangents of right sides, with 0 in the columns that do not count: they are summed over."""
    if d.mask is None:
        return xs
    columns = _columns(d.mask)
    return tuple([where(columns, x, 0) for x in xs])


def _triangular_vjp(node: Node, gs: Any, wanted: Any, d: Any) -> Any:
    # Giles 2008, section 2.3.1: Bbar = op(A)^-T Xbar, op(A)bar = -Bbar X^T, within the triangle that is read
    x, transpose = node.outputs[0], node.attrs["transpose"]
    b_bar = make(TRIANGULAR, (node.inputs[0], gs[0]), {**node.attrs, "transpose": not transpose})
    x, b_bar = _kept(d, x, b_bar)
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
    return [make(TRIANGULAR, (a, sum_present(ts[1], moved)), dict(node.attrs))]


def _in_triangle(x: Tensor, attrs: dict[str, Any]) -> Tensor:
    lower = lower_triangle(x if attrs["lower"] else matrix_transpose(x), 0.0 if attrs["unit_diagonal"] else 1.0)
    return lower if attrs["lower"] else matrix_transpose(lower)


def _triangular(a: Tensor, b: Tensor, attrs: dict[str, Any]) -> Tensor:
    shape = common_batch("solve_triangular", a, b)
    return make(TRIANGULAR, (broadcast_to(a, (*shape, *a.shape[-2:])), broadcast_to(b, (*shape, *b.shape[-2:]))), attrs)


def _solve_triangular(
    a: TensorLike, b: TensorLike, /, lower: bool = True, transpose: bool = False, unit_diagonal: bool = False
) -> Tensor:
    attrs = {"lower": bool(lower), "transpose": bool(transpose), "unit_diagonal": bool(unit_diagonal)}
    return _with_columns("solve_triangular", a, b, lambda a, b: _triangular(a, b, attrs))


def solve_lower(a: Tensor, b: Tensor, transpose: bool = False) -> Tensor:
    return make(TRIANGULAR, (a, b), {"lower": True, "transpose": transpose, "unit_diagonal": False})


def solve_upper(a: Tensor, b: Tensor, transpose: bool = False) -> Tensor:
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
        yield Sample((random_square(rng, *s), rng.uniform(-1, 1, t)), kwargs)


def _solve_batch(node: Node, xs: Sequence[Tensor], batch: Batch) -> Sequence[Tensor]:
    """All right sides at once where they share one matrix, else a batch of both."""
    *factors, b = xs
    if any(batching.moved(node, xs)[:-1]) or node.inputs[0].ndim > 2:
        return batching.leading(node, xs, batch)
    n, rows, columns = b.shape
    (x,) = batching.remade(node, [*factors, reshape(permute_dims(b, (1, 0, 2)), (rows, n * columns))])
    return [permute_dims(reshape(x, (rows, n, columns)), (1, 0, 2))]


def are_factors(xs: Values) -> bool:
    """Whether a matrix is followed by what lu gives of it."""
    a, f, pivots = xs[:3]
    return is_square(a) and a.shape == f.shape and pivots.shape == a.shape[:-1]


def are_system(a: Value, b: Value) -> bool:
    """Whether a x = b with matrices of one batch."""
    return is_square(a) and b.ndim == a.ndim and b.shape[:-1] == a.shape[:-1]


solve_triangular = custom(
    "linalg.solve_triangular",
    "x with a x = b, or a^T x = b with ``transpose``, of a triangular ``a``: only the triangle (``lower`` or "
    "not) is read, and not its diagonal with ``unit_diagonal``. ``b``: a vector or matrices, as solve's.\n"
    "Dtypes: float\n"
    "Shapes: (..., n, n), (n,) or (..., n, k) -> that of b, batches broadcast\n"
    "Edges: solve_triangular([[0.0]], [1.0]) = [inf]; only the triangle is read\n"
    "Raises: ShapeError, DTypeError\n"
    "Example: gd.linalg.solve_triangular([[2.0, 0.0], [1.0, 1.0]], [2.0, 3.0]) -> [1.0, 2.0]\n"
    "Source: derivative: Giles 2008, section 2.3.1",
    namespace="linalg",
    infer=_infer_solve,
    public=_solve_triangular,
    vjp=_triangular_vjp,
    masks=_masks,
    jvp=_triangular_jvp,
    kernel=Call(
        "triangular_solve",
        lambda node: (
            *batch_and_sides(node),
            node.inputs[1].shape[-1],
            *(int(node.attrs[k]) for k in ("lower", "transpose", "unit_diagonal")),
        ),
        flops=_solve_flops(1),
    ),
    reference=_triangular_reference,
    samples=_triangular_samples,
    batch=_solve_batch,
    law=law("float float", lambda xs, a: are_system(*xs), lower=is_bool, transpose=is_bool, unit_diagonal=is_bool),
    pattern=pattern.by_entry([2, 2], [2]),
)
TRIANGULAR = op_of(solve_triangular)


def common_batch(name: str, a: Tensor, b: Tensor) -> tuple[Size, ...]:
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
    a = matrix(name, a, square=True)
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


def lu_arrays(xs: Any, _a: Any) -> Any:
    """As LAPACK sees a row-major matrix: the factors of its transpose, and pivots from 1."""
    f = np.array(np.swapaxes(xs[0], -1, -2), order="C")
    n = f.shape[-1]
    pivots = np.empty(f.shape[:-1], np.int32)
    for batch in np.ndindex(*f.shape[:-2]):
        m = f[batch]
        for k in range(n):  # Golub and Van Loan, algorithm 3.4.1
            p = k + int(np.argmax(np.abs(m[k:, k])))
            pivots[(*batch, k)] = p + 1
            m[[k, p]] = m[[p, k]]
            m[k + 1 :, k] /= m[k, k]
            m[k + 1 :, k + 1 :] -= np.outer(m[k + 1 :, k], m[k, k + 1 :])
    return np.swapaxes(f, -1, -2), pivots


LU = register(
    Op(
        "lu",
        "custom",
        "The factors of square matrices, packed, and their pivots; without a derivative: what uses them "
        "takes the matrix as well.",
        differentiable=False,
        infer=lambda xs, attrs: ((xs[0].shape, xs[0].dtype), (xs[0].shape[:-1], int32)),
        kernel=Call("lu", batch_and_sides, flops=cubic_flops(2, 3)),
        batch=batching.leading,
        law=law("float", lambda xs, a: is_square(xs[0])),
        compute=lu_arrays,
        pattern=pattern.by_entry([2], [2, 1]),
    )
)


def _lu_vjp(node: Node, gs: Any, wanted: Any, d: Any) -> Any:
    # Giles 2008, section 2.3.1, as for triangular systems, but with the factors at hand
    a, f, pivots, _b = node.inputs
    x, transpose = node.outputs[0], node.attrs["transpose"]
    b_bar = make(LU_SOLVE, (a, f, pivots, gs[0]), {"transpose": not transpose})
    x, b_bar = _kept(d, x, b_bar)
    left, right = (x, b_bar) if transpose else (b_bar, x)
    a_bar = -matmul(left, matrix_transpose(right)) if wanted[0] else None
    return [a_bar, None, None, b_bar if wanted[3] else None]


def _lu_jvp(node: Node, ts: Any, _d: Any) -> Any:
    a, f, pivots, _b = node.inputs
    moved = None
    if ts[0] is not None:
        moved = -matmul(matrix_transpose(ts[0]) if node.attrs["transpose"] else ts[0], node.outputs[0])
    return [make(LU_SOLVE, (a, f, pivots, sum_present(ts[3], moved)), dict(node.attrs))]


def _lu_solve_arrays(xs: Any, a: Any) -> Any:
    matrix, _, _, b = xs
    try:
        return np.linalg.solve(np.swapaxes(matrix, -1, -2) if a["transpose"] else matrix, b).astype(b.dtype)
    except np.linalg.LinAlgError:
        return np.full_like(b, np.nan)


LU_SOLVE = register(
    Op(
        "lu_solve",
        "custom",
        "x with a x = b, or a^T x = b, from the factors of a.",
        infer=_infer_solve,
        vjp=_lu_vjp,
        masks=_masks,
        jvp=_lu_jvp,
        kernel=Call(
            "lu_solve",
            lambda node: (*batch_and_sides(node), node.inputs[3].shape[-1], int(node.attrs["transpose"])),
            reads=(1, 2, 3),
            flops=_solve_flops(2),
        ),
        batch=_solve_batch,
        law=law(
            "float float int32 float", lambda xs, a: are_factors(xs) and are_system(xs[0], xs[3]), transpose=is_bool
        ),
        compute=_lu_solve_arrays,
        pattern=pattern.by_entry([2, 2, 1, 2], [2]),
    )
)


def factored_solve(a: Tensor, factors: tuple[Tensor, Tensor], b: Tensor, transpose: bool = False) -> Tensor:
    shape = common_batch("solve", a, b)
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
        yield Sample((random_square(rng, *s), rng.uniform(-1, 1, t)))


@composite(namespace="linalg", reference=np.linalg.solve, samples=_solve_samples)
def solve(a: TensorLike, b: TensorLike, /) -> Tensor:
    """x with a x = b of square a (..., n, n): b (n,) is one vector, else matrices (..., n, k), batches broadcast.

    NaN where a is singular.

    Dtypes: float
    Shapes: (..., n, n), (n,) or (..., n, k) -> that of b, batches broadcast
    Edges: solve([[1.0, 1.0], [1.0, 1.0]], [1.0, 1.0]) = [nan, nan]
    Raises: ShapeError, DTypeError
    Example: gd.linalg.solve([[2.0, 0.0], [0.0, 4.0]], [2.0, 4.0]) -> [1.0, 1.0]
    Source: derivative: Giles 2008, section 2.3.1
    """
    return _with_columns("solve", a, b, lambda a, b: factored_solve(a, make(LU, (a,)), b))


@composite(namespace="linalg", reference=np.linalg.inv, samples=square_samples((3, 3), (2, 4, 4), (1, 1), (0, 0)))
def inv(x: TensorLike, /) -> Tensor:
    """The inverses of square matrices; NaN where there is none. ``solve`` is cheaper and closer.

    Dtypes: float
    Shapes: (..., n, n) -> (..., n, n)
    Edges: inv([[1.0, 1.0], [1.0, 1.0]]) = [[nan, nan], [nan, nan]]
    Raises: ShapeError, DTypeError
    Example: gd.linalg.inv([[2.0, 0.0], [0.0, 4.0]]) -> [[0.5, 0.0], [0.0, 0.25]]
    Source: derivative: Giles 2008, section 2.3.1
    """
    x = matrix("inv", x, square=True)
    return factored_solve(x, make(LU, (x,)), identity_like(x))
