"""Declarations of determinants, from the factors that ``lu`` gives."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ir.node import Node
from .. import batching, pattern
from ..comparison import equal
from ..contraction import diagonal
from ..elementwise import abs as abs_
from ..elementwise import where
from ..laws import is_bool, law
from ..movement import reshape
from ..opdef import composite
from ..reduce import sum as sum_
from ..registry import Call, Op, register
from ..tensor import Tensor, make
from ..types import TensorLike
from .matrices import batch_and_sides, identity_like, matrix, row_and_column, square_samples
from .solve import LU, are_factors, factored_solve


def _infer_determinant(xs: Any, attrs: Any) -> Any:
    return ((xs[0].shape[:-2], xs[0].dtype),) * (2 if attrs["log"] else 1)


def _without_zeros(f: Tensor) -> Tensor:
    """The factors with zeros on the diagonal replaced by sqrt(eps) of the factors' size: those of a matrix so near by
    that its determinant times its inverse are the cofactors also where there is no inverse. The root of eps makes the
    errors of first and second derivatives of a singular matrix alike."""
    size = sum_(abs_(f), axis=(-2, -1), keepdims=True)
    small = float(np.sqrt(np.finfo(f.dtype).eps)) * where(equal(size, 0), 1, size)
    row, column = row_and_column(f)
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
    inverse = factored_solve(a, (f, pivots), identity_like(a), transpose=True)
    return [reshape(g, (*g.shape, 1, 1)) * inverse, None, None]


def _determinant_jvp(node: Node, ts: Any, _d: Any) -> Any:
    # Giles 2008, section 2.2.4: d log|det A| = tr(A^-1 dA)
    a, f, pivots = node.inputs
    log = node.attrs["log"]
    f = f if log else _without_zeros(f)
    t = sum_(diagonal(factored_solve(a, (f, pivots), ts[0]), 0, -2, -1), axis=-1)
    return [None, t] if log else [make(DETERMINANT, (a, f, pivots), {"log": False}) * t]


DETERMINANT = register(
    Op(
        "determinant",
        "custom",
        "The determinant from the factors, or its sign and the logarithm of its absolute value.",
        infer=_infer_determinant,
        vjp=_determinant_vjp,
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
