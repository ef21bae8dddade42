"""Declarations of the norms of vectors and of matrices: NumPy's norm and the array API's two, and the rank."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from ...errors import GraphError, ShapeError
from ..comparison import greater
from ..elementwise import abs as abs_
from ..elementwise import astype, maximum
from ..gather import size_as
from ..movement import broadcast_to, expand_dims, permute_dims, reshape
from ..opdef import composite
from ..operands import axes_of, check_dtype
from ..reduce import count_nonzero
from ..reduce import max as max_
from ..reduce import min as min_
from ..reduce import sum as sum_
from ..registry import Sample, op
from ..tensor import Tensor, as_tensor, fail
from ..types import Axes, TensorLike
from .matrices import largest, matrix
from .spectral import svdvals


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
def norm(
    x: TensorLike, /, *, ord: float | Literal["fro", "nuc"] | None = None, axis: Axes = None, keepdims: bool = False
) -> Tensor:
    """The norm of vectors (``axis`` an int) or matrices (two axes), with NumPy's meaning of all arguments.

    Without ``axis``: of all elements, or with ``ord`` of the vector or matrix that x is. Vectors: any number, 2 unless
    given. Matrices: "fro" unless given, "nuc", 1, -1, inf, -inf, 2, -2. The gradient at the zero vector is 0.

    Arguments: ``x``: a Tensor; ``ord``: as above; ``axis``: an int or two; ``keepdims``: whether those axes stay, of
    size 1
    Dtypes: float
    Shapes: x.shape without the axes, or with 1 there where keepdims
    Edges: norm([]) = 0.0; norm([nan, 1.0]) = nan
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.linalg.norm([[3.0, 0.0], [0.0, 4.0]]) -> 5.0
    Source: as numpy.linalg.norm
    """
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


# ------------------------------------------------------------------ the array API's
def _matrix_norm_reference(x: Any, ord: Any = "fro", keepdims: bool = False) -> Any:
    return np.linalg.norm(x, ord=ord, axis=(-2, -1), keepdims=keepdims)


@composite(
    namespace="linalg",
    reference=_matrix_norm_reference,
    samples=lambda rng: [
        Sample((rng.uniform(-2, 2, (2, 4, 3)),), {"ord": o, "keepdims": o == 1})
        for o in ("fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf)
    ],
    smooth=False,
)
def matrix_norm(
    x: TensorLike, /, *, ord: float | Literal["fro", "nuc"] | None = "fro", keepdims: bool = False
) -> Tensor:
    """The norms of matrices, over the last two dimensions: "fro", "nuc", 1, -1, 2, -2, inf or -inf.

    Dtypes: float
    Shapes: (..., m, n) -> (...), or (..., 1, 1) where keepdims
    Edges: matrix_norm([[0.0]]) = 0.0; matrix_norm([[nan]]) = nan; the gradient at 0 is 0
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.linalg.matrix_norm([[3.0, 0.0], [0.0, 4.0]]) -> 5.0
    """
    x = matrix("matrix_norm", x)
    return norm(x, ord=ord, axis=(-2, -1), keepdims=keepdims)


def _vector_norm_reference(x: Any, axis: Any = None, ord: Any = 2, keepdims: bool = False) -> Any:
    return np.linalg.vector_norm(x, axis=axis, ord=ord, keepdims=keepdims)


@composite(
    namespace="linalg",
    reference=_vector_norm_reference,
    samples=lambda rng: [
        Sample((rng.uniform(0.5, 2, (2, 3, 4)),), kwargs)
        for kwargs in (
            {},
            {"axis": 1},
            {"axis": (0, 2), "ord": 1},
            {"axis": (2, 1, 0), "ord": 3, "keepdims": True},
            {"axis": -1, "ord": np.inf},
            {"ord": -np.inf},
        )
    ],
    smooth=False,
)
def vector_norm(x: TensorLike, /, *, axis: Axes = None, ord: float = 2, keepdims: bool = False) -> Tensor:
    """The norms of vectors: of all elements along ``axis``, an int or several (all of them unless given).

    Arguments: ``x``: a Tensor; ``axis``: an int or several; ``ord``: any number, inf and -inf too; ``keepdims``:
    whether those axes stay, of size 1
    Dtypes: float
    Shapes: x.shape without the axes, or with 1 there where keepdims
    Edges: vector_norm([]) = 0.0; vector_norm([nan]) = nan; the gradient at 0 is 0
    Raises: ShapeError, DTypeError
    Example: gd.linalg.vector_norm([[3.0, 0.0], [0.0, 4.0]]) -> 5.0
    """
    x = as_tensor(x, "vector_norm")
    check_dtype("vector_norm", (x,), "float")
    return op("norm")(x, axis=axes_of("vector_norm", axis, x.ndim, [x]), keepdims=keepdims, ord=ord)


def noise(name: str, x: Tensor, rtol: TensorLike | None) -> Tensor:
    """What singular values of matrices are compared with, over the largest of each: ``rtol``, or the rounding of the
    larger side."""
    if rtol is None:
        sides = maximum(*(size_as(n, x.dtype) for n in x.shape[-2:]))
        limit = sides * float(np.finfo(x.dtype).eps)
    else:
        limit = as_tensor(rtol, name, x.dtype)
        check_dtype(name, (limit,), "float")
        limit = astype(limit, x.dtype)
    return broadcast_to(limit, x.shape[:-2])


def above_noise(s: Tensor, limit: Tensor) -> Tensor:
    """Which singular values count."""
    return greater(s, largest(s, (-1,)) * expand_dims(limit, -1)) if s.shape[-1] != 0 else greater(s, 0)


@composite(
    namespace="linalg",
    reference=lambda x, rtol=None: np.linalg.matrix_rank(x, rtol=rtol),
    samples=lambda rng: [
        Sample((rng.integers(-3, 4, s).astype(float) @ rng.integers(-3, 4, t),), kwargs)
        for s, t, kwargs in (((4, 2), (2, 3), {}), ((2, 3, 3), (3, 3), {}), ((3, 1), (1, 3), {"rtol": 1e-3}))
    ],
    differentiable=False,
)
def matrix_rank(x: TensorLike, /, *, rtol: TensorLike | None = None) -> Tensor:
    """How many singular values of matrices are above ``rtol`` times the largest, int64; unless given it is the rounding
    of x's dtype times the larger of m and n.

    Dtypes: float
    Shapes: (..., m, n) -> (...)
    Edges: matrix_rank([[0.0]]) = 0; matrix_rank([[1.0, 1.0], [1.0, 1.0]]) = 1
    Raises: ShapeError, DTypeError
    Example: gd.linalg.matrix_rank([[1.0, 0.0], [0.0, 2.0]]) -> 2
    """
    x = matrix("matrix_rank", x)
    return count_nonzero(above_noise(svdvals(x), noise("matrix_rank", x, rtol)), axis=-1)
