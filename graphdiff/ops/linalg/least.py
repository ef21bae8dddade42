"""Declarations of the least squares solution and of the pseudo-inverse, which is that of unit vectors.

Both come from singular values, those above the noise; their derivative is that at constant rank.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...errors import ShapeError
from ...ir.dims import format_shape
from ...ir.node import Node
from ..elementwise import stop_gradient, where
from ..matmul import matmul
from ..movement import broadcast_to, expand_dims, matrix_transpose, reshape
from ..opdef import composite
from ..operands import operands
from ..registry import Sample
from ..tensor import Tensor, fail, make
from ..types import TensorLike
from .given import given
from .matrices import identity, matrix, sum_present
from .norms import above_noise, noise
from .solve import common_batch
from .spectral import svd


def _solution(a: Tensor, b: Tensor, limit: Tensor) -> Tensor:
    """Of one batch: the x of least norm among those of least |a x - b|."""
    u, s, vh = svd(stop_gradient(a), full_matrices=False)
    kept = above_noise(s, limit)
    inverse = where(kept, 1 / where(kept, s, 1), 0)
    x = matmul(matrix_transpose(vh), expand_dims(inverse, -1) * matmul(matrix_transpose(u), stop_gradient(b)))
    return make(LEAST_SQUARES, (x, a, b, limit))


def _inverse(node: Node) -> Tensor:
    _, a, _, limit = node.inputs
    return _solution(a, broadcast_to(identity(a.shape[-2], a.dtype), (*a.shape[:-1], a.shape[-2])), limit)


def _outside(x: Tensor, p: Tensor, a: Tensor) -> Tensor:
    """(1 - p a) x, zero where a has independent columns."""
    return x - matmul(p, matmul(a, x))


# Golub and Pereyra 1973, eq. 4.12, times b, with x = p b and r = b - a x:
# dx = p (db - da x) + p p^T da^T r + (1 - p a) da^T p^T x
def _vjp(node: Node, g: Tensor) -> list[Tensor | None]:
    (_, a, b, _), x, p = node.inputs, node.outputs[0], _inverse(node)
    pt = matrix_transpose(p)
    pg = matmul(pt, g)
    r = b - matmul(a, x)
    a_bar = (
        matmul(r, matrix_transpose(matmul(p, pg)))
        - matmul(pg, matrix_transpose(x))
        + matmul(matmul(pt, x), matrix_transpose(_outside(g, p, a)))
    )
    return [a_bar, pg, None]


def _jvp(node: Node, ts: Any) -> Tensor:
    (_, a, b, _), x, p = node.inputs, node.outputs[0], _inverse(node)
    ta, tb, _ = ts
    moved = sum_present(tb, None if ta is None else -matmul(ta, x))
    y = matmul(p, moved)
    if ta is None:
        return y
    pt, ta = matrix_transpose(p), matrix_transpose(ta)
    return y + matmul(p, matmul(pt, matmul(ta, b - matmul(a, x)))) + _outside(matmul(ta, matmul(pt, x)), p, a)


LEAST_SQUARES = given(
    "least_squares",
    "Its first operand, the least squares solution x of a x = b, with its derivative by a and b at constant rank.",
    "float float float float",
    (2, 2, 2, 0),
    _vjp,
    _jvp,
)


def _samples(rng: np.random.Generator) -> Any:
    for s, t in (
        ((4, 2), (4,)),
        ((4, 3), (4, 2)),
        ((3, 3), (3, 1)),
        ((2, 4), (2, 2)),
        ((2, 4, 2), (2, 4, 1)),
        ((3, 2), (2, 3, 1)),
        ((0, 2), (0, 1)),
    ):
        yield Sample((rng.uniform(-1, 1, s), rng.uniform(-1, 1, t)))


def _lstsq_reference(a: Any, b: Any) -> Any:
    return np.linalg.pinv(a) @ b


@composite(namespace="linalg", reference=_lstsq_reference, samples=_samples)
def lstsq(a: TensorLike, b: TensorLike, /, *, rtol: TensorLike | None = None) -> Tensor:
    """The x of least |a x - b|, of least norm among several. Singular values up to ``rtol`` times the largest count as
    0; unless given it is the rounding of a's dtype times the larger of m and n. The derivative is that at constant
    rank.

    Dtypes: float
    Shapes: (..., m, n), (m,) or (..., m, k) -> (n,) or (..., n, k), batches broadcast
    Edges: lstsq([[1.0, 1.0]], [2.0]) = [1.0, 1.0]; lstsq([[0.0]], [1.0]) = [0.0]
    Raises: ShapeError, DTypeError
    Example: gd.linalg.lstsq([[1.0], [1.0]], [1.0, 3.0]) -> [2.0]
    Source: derivative: Golub and Pereyra 1973, eq. 4.12
    """
    a, b = operands("lstsq", (a, b), "float")
    a = matrix("lstsq", a)
    if b.ndim == 0 or b.shape[-1 if b.ndim == 1 else -2] != a.shape[-2]:
        fail(ShapeError, "lstsq", f"a has {a.shape[-2]} rows, b has shape {format_shape(b.shape)}", [a, b])
    if b.ndim == 1:
        x = lstsq(a, reshape(b, (*b.shape, 1)), rtol=rtol)
        return reshape(x, x.shape[:-1])
    batch = common_batch("lstsq", a, b)
    a, b = (broadcast_to(x, (*batch, *x.shape[-2:])) for x in (a, b))
    return _solution(a, b, noise("lstsq", a, rtol))


@composite(
    namespace="linalg",
    reference=np.linalg.pinv,
    samples=lambda rng: [
        Sample((rng.uniform(-1, 1, s),)) for s in ((4, 2), (3, 3), (2, 4), (2, 3, 2), (1, 1), (0, 3), (3, 0))
    ],
)
def pinv(x: TensorLike, /, *, rtol: TensorLike | None = None) -> Tensor:
    """The pseudo-inverses of Moore and Penrose. Singular values up to ``rtol`` times the largest count as 0; unless
    given it is the rounding of x's dtype times the larger of m and n. The derivative is that at constant rank.

    Dtypes: float
    Shapes: (..., m, n) -> (..., n, m)
    Edges: pinv([[0.0]]) = [[0.0]]; pinv([[1.0, 1.0], [1.0, 1.0]]) = [[0.25, 0.25], [0.25, 0.25]]
    Raises: ShapeError, DTypeError
    Example: gd.linalg.pinv([[2.0, 0.0]]) -> [[0.5], [0.0]]
    Source: derivative: Golub and Pereyra 1973, eq. 4.12
    """
    x = matrix("pinv", x)
    units = broadcast_to(identity(x.shape[-2], x.dtype), (*x.shape[:-1], x.shape[-2]))
    return _solution(x, units, noise("pinv", x, rtol))
