"""Norms, logsumexp, and what softmax is made of: reductions that must not overflow on the way.

Must not know: how a sum is computed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import numpy as np

from ..errors import GraphError
from .comparison import equal, not_equal
from .elementwise import abs, astype, pow, square, where
from .functions import bounded_log, exp
from .movement import reshape
from .opdef import composite
from .operands import axes_of, check_dtype
from .reduce import max, min, reduction_samples, root, squarable, sum
from .registry import Sample, op
from .tensor import Tensor, as_tensor, fail
from .types import Axes, TensorLike


def _norm_reference(x: Any, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Any:
    return np.linalg.vector_norm(x, axis=axis, keepdims=keepdims, ord=2 if ord == "fro" else ord)


def _norm_samples(rng: np.random.Generator) -> Iterable[Sample]:
    yield from reduction_samples(0.3, 2, empty=False)(rng)
    for ord_ in (1, 2, 3, 0.5, 0, "fro", math.inf, -math.inf):
        yield Sample((rng.uniform(0.3, 2, (3, 4)) * rng.choice([-1, 1], (3, 4)),), {"axis": 1, "ord": ord_})


@composite(reference=_norm_reference, samples=_norm_samples, smooth=False, onnx="ReduceL2")
def norm(x: TensorLike, /, *, axis: Axes = None, keepdims: bool = False, ord: float | Literal["fro"] = 2) -> Tensor:
    """The vector norm over axes, floats only: (sum |x|**ord)**(1/ord), the largest |x| for ord inf, the least for
    -inf, the number of nonzero elements for 0; "fro" is 2. Derivative 0 at the zero vector.

    Arguments: ``x``: what is reduced; ``axis``: an int or a tuple; all axes unless given; ``keepdims``: whether those
    axes stay, of size 1; ``ord``: a number, inf, -inf or "fro"
    Dtypes: float
    Shapes: x.shape without the axes, or with 1 there where keepdims
    Edges: norm([]) = 0.0; norm([nan, 1.0]) = nan
    Raises: ShapeError, DTypeError
    Example: gd.norm([3.0, 4.0]) -> 5.0
    """
    x = as_tensor(x, "norm")
    check_dtype("norm", (x,), "float")
    axes = axes_of("norm", axis, x.ndim, [x])
    if ord == "fro":
        ord = 2
    if not isinstance(ord, (int, float)):
        fail(GraphError, "norm", f'ord is a number or "fro", got {ord!r}', [x])
    if ord == 2:
        return astype(root(sum(square(squarable(x)), axis=axes, keepdims=keepdims)), x.dtype)
    if ord == math.inf:
        return max(abs(x), axis=axes, keepdims=keepdims)
    if ord == -math.inf:
        return min(abs(x), axis=axes, keepdims=keepdims)
    if ord == 0:
        return sum(astype(not_equal(x, 0), x.dtype), axis=axes, keepdims=keepdims)
    if ord == 1:
        return sum(abs(x), axis=axes, keepdims=keepdims)
    powers = _power(abs(squarable(x)), ord)
    return astype(_power(sum(powers, axis=axes, keepdims=keepdims), 1 / ord), x.dtype)


def _power(x: Tensor, p: float) -> Tensor:
    """x ** p of what is not negative, with derivative 0 at 0 whatever p."""
    zero = equal(x, 0)
    return where(zero, 0.0**p if p > 0 else math.inf, pow(where(zero, 1, x), p))


def _logsumexp_reference(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    fold: Any = np.logaddexp.reduce  # declared for one axis, takes several
    return fold(x, axis=axis, keepdims=keepdims)


@composite(reference=_logsumexp_reference, samples=reduction_samples(empty=False), onnx="ReduceLogSumExp")
def logsumexp(x: TensorLike, /, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """log(sum(exp(x))) over axes without overflow; -inf where all elements are -inf, with derivative 0.

    Dtypes: float
    Shapes: x.shape without the axes, or with 1 there where keepdims
    Edges: logsumexp([-inf, -inf]) = -inf; logsumexp([inf, 0.0]) = inf; logsumexp([nan, 0.0]) = nan; no elements are a
    ShapeError
    Raises: ShapeError, DTypeError
    Example: gd.logsumexp([0.0, 0.0]) -> 0.6931472
    """
    x = as_tensor(x, "logsumexp")
    check_dtype("logsumexp", (x,), "float")
    axes = axes_of("logsumexp", axis, x.ndim, [x])
    m = _shift(x, axes)
    # nothing but -inf has the sum 0, and its derivative is a finite number times exp(-inf)
    y = bounded_log(sum(exp(x - m), axis=axes, keepdims=True)) + m
    return y if keepdims else reshape(y, tuple(s for i, s in enumerate(x.shape) if i not in axes))


def _shift(x: Tensor, axes: Sequence[int]) -> Tensor:
    """The largest along axes, held constant; 0 where it is infinite, so that x - m is never inf - inf."""
    m = op("stop_gradient")(max(x, axis=axes, keepdims=True))
    return where(op("isfinite")(m), m, 0)


def softmax_parts(x: Tensor, axis: Any, name: str) -> tuple[Tensor, Tensor]:
    """exp(x - max) and its sum, along ``axis``."""
    check_dtype(name, (x,), "float")
    axes = axes_of(name, axis, x.ndim, [x])
    e = exp(x - _shift(x, axes))
    return e, sum(e, axis=axes, keepdims=True)
