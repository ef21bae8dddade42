"""Declarations of determinants, from the factors that ``lu`` gives."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ir.node import Node
from .. import batching, pattern
from ..comparison import equal, less, logical_and
from ..contraction import diagonal
from ..elementwise import abs as abs_
from ..elementwise import where
from ..laws import is_bool, law
from ..masks import cut_by
from ..matmul import matmul
from ..movement import matrix_transpose, reshape
from ..opdef import composite
from ..reduce import sum as sum_
from ..registry import Call, Op, Strided, View, register
from ..tensor import Tensor, make
from ..types import TensorLike
from .matrices import BY_MATRIX, batch_and_sides, identity_like, largest, matrix, row_and_column, square_samples
from .solve import LU, are_factors, factored_solve


def _infer_determinant(xs: Any, attrs: Any) -> Any:
    return ((xs[0].shape[:-2], xs[0].dtype),) * (2 if attrs["log"] else 1)


def _with_pivots(f: Tensor, zeros_alone: bool) -> Tensor:
    """The factors with sqrt(eps) of their size in place of what is less on the diagonal, or of zeros alone: those of a
    matrix so near by that its determinant times its inverse are the cofactors also where there is no inverse."""
    size = largest(f, (-2, -1)) if 0 not in f.shape else sum_(f, axis=(-2, -1), keepdims=True)
    small = float(np.sqrt(np.finfo(f.dtype).eps)) * where(equal(size, 0), 1, size)
    row, column = row_and_column(f)
    low = equal(f, 0) if zeros_alone else less(abs_(f), small)
    return where(logical_and(equal(row, column), low), where(less(f, 0), -small, small), f)


def _det(a: Tensor, f: Tensor, pivots: Tensor) -> Tensor:
    return make(DETERMINANT, (a, f, pivots), {"log": False})


def _cofactors(a: Tensor, f: Tensor, pivots: Tensor) -> Tensor:
    # Giles 2008, section 2.2.4: det(A) A^-T, which loses nothing to a small pivot: it cancels
    f = _with_pivots(f, zeros_alone=True)
    inverse = factored_solve(a, (f, pivots), identity_like(a), transpose=True)
    return make(COFACTORS, (_matrices(_det(a, f, pivots)) * inverse, a, f, pivots))


def _matrices(x: Tensor) -> Tensor:
    return reshape(x, (*x.shape, 1, 1))


def _second(a: Tensor, f: Tensor, pivots: Tensor, t: Tensor) -> Tensor:
    # With B = A^-T: d(det B) = det (<B, dA> B - B dA^T B), which is its own transpose. The terms cancel, and what is
    # left is lost for pivots nearer to 0 than the root of eps.
    f = _with_pivots(f, zeros_alone=False)
    b = factored_solve(a, (f, pivots), identity_like(a), transpose=True)
    inner = _matrices(sum_(b * t, axis=(-2, -1))) * b - matmul(matmul(b, matrix_transpose(t)), b)
    return _matrices(_det(a, f, pivots)) * inner


def _cofactors_vjp(node: Node, gs: Any, wanted: Any, _d: Any) -> Any:
    _, a, f, pivots = node.inputs
    return [None, _second(a, f, pivots, gs[0]) if wanted[1] else None, None, None]


def _cofactors_jvp(node: Node, ts: Any, _d: Any) -> Any:
    _, a, f, pivots = node.inputs
    return [None if ts[1] is None else _second(a, f, pivots, ts[1])]


COFACTORS = register(
    Op(
        "cofactors",
        "custom",
        "Its first operand, the cofactors of the second, with a derivative that keeps its digits at small pivots.",
        infer=lambda xs, attrs: ((xs[0].shape, xs[0].dtype),),
        vjp=_cofactors_vjp,
        jvp=_cofactors_jvp,
        kernel=View(lambda node, at: Strided(at.offset, at.strides)),
        batch=batching.leading,
        law=law("float float float int32", lambda xs, a: xs[0].shape == xs[1].shape and are_factors(xs[1:])),
        compute=lambda xs, a: xs[0],
        page="same",
        internal=True,
        pattern=lambda node, patterns, values, walk: [patterns[0]],
    )
)


def _determinant_vjp(node: Node, gs: Any, wanted: Any, _d: Any) -> Any:
    # Giles 2008, section 2.2.4: Abar = det(A)bar times the cofactors; the logarithm's is A^-T
    a, f, pivots = node.inputs
    g = gs[-1]
    if g is None:
        return [None, None, None]
    log = node.attrs["log"]
    by = factored_solve(a, (f, pivots), identity_like(a), transpose=True) if log else _cofactors(a, f, pivots)
    return [_matrices(g) * by, None, None]


def _determinant_jvp(node: Node, ts: Any, _d: Any) -> Any:
    # Giles 2008, section 2.2.4: d log|det A| = tr(A^-1 dA), d det A = <cofactors, dA>
    a, f, pivots = node.inputs
    if node.attrs["log"]:
        return [None, sum_(diagonal(factored_solve(a, (f, pivots), ts[0]), 0, -2, -1), axis=-1)]
    return [sum_(_cofactors(a, f, pivots) * ts[0], axis=(-2, -1))]


DETERMINANT = register(
    Op(
        "determinant",
        "custom",
        "The determinant from the factors, or its sign and the logarithm of its absolute value.",
        infer=_infer_determinant,
        vjp=cut_by(BY_MATRIX, _determinant_vjp),
        masks=BY_MATRIX,
        jvp=_determinant_jvp,
        kernel=Call("determinant", batch_and_sides, reads=(1, 2)),
        batch=batching.leading,
        law=law("float float int32", lambda xs, a: are_factors(xs), log=is_bool),
        compute=lambda xs, a: tuple(np.linalg.slogdet(xs[0])) if a["log"] else np.linalg.det(xs[0]).astype(xs[0].dtype),
        pattern=pattern.by_entry([2, 2, 1], [0, 0]),
    )
)


def _determinant(name: str, x: Any, log: bool) -> Any:
    x = matrix(name, x, square=True)
    return make(DETERMINANT, (x, *make(LU, (x,))), {"log": log})


@composite(
    namespace="linalg",
    reference=np.linalg.det,
    onnx="Det",
    samples=square_samples((3, 3), (2, 4, 4), (1, 1), (0, 0), (0, 2, 2)),
)
def det(x: TensorLike, /) -> Tensor:
    """The determinants of square matrices. The gradient is that of the polynomial of the elements: the cofactors, to
    half of the digits where x is exactly singular.

    Dtypes: float
    Shapes: (..., n, n) -> (...)
    Edges: det([[1.0, 1.0], [1.0, 1.0]]) = 0.0; det(np.zeros((0, 0))) = 1.0
    Raises: ShapeError, DTypeError
    Example: gd.linalg.det([[2.0, 0.0], [0.0, 4.0]]) -> 8.0
    Source: derivative: Giles 2008, section 2.2.4
    """
    return _determinant("det", x, log=False)


@composite(
    namespace="linalg",
    reference=lambda x: tuple(np.linalg.slogdet(x)),
    samples=square_samples((3, 3), (2, 4, 4), (1, 1), (0, 0), (0, 2, 2)),
)
def slogdet(x: TensorLike, /) -> tuple[Tensor, Tensor]:
    """(sign, log|det|) of square matrices, which does not overflow; (0, -inf) where x is singular, its gradient NaN.

    The sign has zero derivative.

    Dtypes: float
    Shapes: (..., n, n) -> (...), (...)
    Edges: slogdet([[1.0, 1.0], [1.0, 1.0]]) = [0.0, -inf]; slogdet(np.zeros((0, 0))) = [1.0, 0.0]
    Raises: ShapeError, DTypeError
    Example: gd.linalg.slogdet([[2.0, 0.0], [0.0, 4.0]]) -> [1.0, 2.079442]
    Source: derivative: Giles 2008, section 2.2.4
    """
    return _determinant("slogdet", x, log=True)
