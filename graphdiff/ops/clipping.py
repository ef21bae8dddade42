"""Limits: clip, and the extremes of two that leave NaN out. Made of other operations."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..ir.dtypes import FLOATS
from .comparison import isnan
from .elementwise import maximum, minimum, where
from .opdef import composite
from .operands import operands
from .registry import Sample
from .samples import on
from .tensor import Tensor, as_tensor
from .types import TensorLike


@composite(
    reference=np.clip,
    samples=lambda rng: [
        Sample((rng.uniform(-2, 2, (3, 4)), -1.0, 1.0)),
        Sample((rng.uniform(-2, 2, (5,)), None, 0.5)),
    ],
    smooth=False,
    onnx="Clip",
)
def clip(x: TensorLike, /, min: TensorLike | None = None, max: TensorLike | None = None) -> Tensor:
    """x limited to [min, max]; None leaves a side open.

    Dtypes: float
    Shapes: x, min and max broadcast
    Edges: clip(nan, 0.0, 1.0) = nan; clip(0.5, 2.0, 1.0) = 1.0; at a bound the gradient goes as maximum's and minimum's
    Raises: ShapeError, DTypeError
    Example: gd.clip([-1.0, 0.5, 2.0], 0.0, 1.0) -> [0.0, 0.5, 1.0]
    """
    x = as_tensor(x, "clip")
    if min is not None:
        x = maximum(x, min)
    return x if max is None else minimum(x, max)


def _unless_nan(name: str, x1: TensorLike, x2: TensorLike, extreme: Callable[..., Tensor]) -> Tensor:
    """The extreme of two numbers, the other one where one of them is NaN."""
    a, b = operands(name, (x1, x2), "numeric")
    if a.dtype not in FLOATS:
        return extreme(a, b)
    return where(isnan(a), b, where(isnan(b), a, extreme(a, b)))


@composite(reference=np.fmax, samples=on(-2, 2, 2), smooth=False)
def fmax(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """The larger of two; where one is NaN the other one. Derivatives as maximum's, none to a NaN that lost.

    Dtypes: numeric
    Shapes: the operands broadcast
    Edges: fmax(nan, 1.0) = 1.0; fmax(nan, nan) = nan
    Raises: ShapeError, DTypeError
    Example: gd.fmax([1.0, nan], [2.0, 3.0]) -> [2.0, 3.0]
    """
    return _unless_nan("fmax", x1, x2, maximum)


@composite(reference=np.fmin, samples=on(-2, 2, 2), smooth=False)
def fmin(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """The smaller of two; where one is NaN the other one. Derivatives as minimum's, none to a NaN that lost.

    Dtypes: numeric
    Shapes: the operands broadcast
    Edges: fmin(nan, 1.0) = 1.0; fmin(nan, nan) = nan
    Raises: ShapeError, DTypeError
    Example: gd.fmin([1.0, nan], [2.0, 3.0]) -> [1.0, 3.0]
    """
    return _unless_nan("fmin", x1, x2, minimum)
