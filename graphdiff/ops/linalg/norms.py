"""The declaration of ``gd.linalg.norm``: norms of vectors and of matrices."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from ...errors import GraphError, ShapeError
from ..elementwise import abs as abs_
from ..movement import permute_dims, reshape
from ..opdef import axes_of, check_dtype, composite, op
from ..reduce import max as max_
from ..reduce import min as min_
from ..reduce import sum as sum_
from ..registry import Sample
from ..tensor import Tensor, as_tensor, fail
from ..types import Axes, TensorLike
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
