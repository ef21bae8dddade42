"""Declarations of sums over sliding windows of two vectors: convolve, correlate.

Floats go through conv1d, integers through a gather and a product.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from ..errors import GraphError, ShapeError
from ..ir.dims import Dim, Size
from ..ir.dtypes import FLOATS
from .arrange import pad, part
from .conv_made import conv1d
from .gather import index, take
from .matmul import matmul
from .movement import flip, reshape
from .opdef import composite
from .operands import int_of, operands
from .registry import Sample
from .tensor import Tensor, fail
from .types import TensorLike


def _full(a: Tensor, v: Tensor) -> Tensor:
    """The sums of a[i + k] v[k] over k for every i where the two meet; v may not be the longer."""
    m = v.shape[0]
    if a.dtype in FLOATS:
        line, weight = (reshape(x, (1, 1, x.shape[0])) for x in (a, v))
        y = conv1d(line, weight, padding=int_of("convolve", "the size of v", m, [a, v]) - 1)
        return reshape(y, (y.shape[-1],))
    n = a.shape[0] + m - 1
    return matmul(take(pad(a, m - 1), index((n, m), 0, (1, 1))), v)


def _windows(name: str, a: Any, v: Any, mode: str, turned: bool) -> Tensor:
    a, v = operands(name, (a, v), "numeric")
    if mode not in ("full", "same", "valid"):
        fail(GraphError, name, f'mode is "full", "same" or "valid", got {mode!r}', [a, v])
    for x in (a, v):
        if x.ndim != 1:
            fail(ShapeError, name, f"of vectors, got {x.ndim} dimensions", [a, v])
        if x.shape[0] == 0:
            fail(ShapeError, name, "a vector of no elements", [a, v])
    n, m = a.shape[0], v.shape[0]
    if isinstance(n - m, Dim) and not isinstance(n, int) and not isinstance(m, int):
        fail(ShapeError, name, f"which of {n} and {m} is longer is known only at the call", [a, v])
    longer = isinstance(n, int) and (not isinstance(m, int) or m > n)
    if longer and not turned:
        return flip(_windows(name, v, a, mode, False))
    if longer:
        a, v, n, m = v, a, m, n
    y = _full(a, flip(v) if turned else v)
    if mode == "full":
        return y
    size: Size = n if mode == "same" else n - m + 1
    return part(y, 0, (m - 1) // 2 if mode == "same" else m - 1, size)


def _samples(rng: np.random.Generator) -> Any:
    for n, m in ((6, 3), (5, 4), (4, 1), (4, 4)):
        for mode in ("full", "same", "valid"):
            yield Sample((rng.uniform(-2, 2, n), rng.uniform(-2, 2, m)), {"mode": mode})


@composite(reference=np.convolve, samples=_samples)
def convolve(a: TensorLike, v: TensorLike, /, mode: Literal["full", "same", "valid"] = "full") -> Tensor:
    """The convolution of two vectors: sums of a[i - k] v[k] over k, at every i where they overlap ("full"), at as many
    as the longer has ("same"), or where they overlap whole ("valid"). Where the size of
    one is known only at the call that of the other must be an int, and no more.

    Dtypes: numeric
    Shapes: (n,), (m,) -> (n + m - 1,), (max(n, m),) or (max(n, m) - min(n, m) + 1,)
    Edges: convolve([nan, 1.0], [1.0]) = [nan, 1.0]; convolve([1.0], [2.0, 3.0], "same") = [2.0, 3.0];
    a vector of no elements is a ShapeError
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.convolve([1.0, 2.0, 3.0], [0.0, 1.0]) -> [0.0, 1.0, 2.0, 3.0]
    """
    return _windows("convolve", a, v, mode, True)


@composite(reference=np.correlate, samples=_samples)
def correlate(a: TensorLike, v: TensorLike, /, mode: Literal["full", "same", "valid"] = "valid") -> Tensor:
    """The correlation of two vectors: sums of a[i + k] v[k] over k; modes as ``convolve``. Where the
    size of one is known only at the call that of the other must be an int, and no more.

    Dtypes: numeric
    Shapes: (n,), (m,) -> (n + m - 1,), (max(n, m),) or (max(n, m) - min(n, m) + 1,)
    Edges: correlate([nan, 1.0], [1.0]) = [nan, 1.0]; correlate([1.0], [2.0, 3.0], "same") = [3.0, 2.0];
    a vector of no elements is a ShapeError
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.correlate([1.0, 2.0, 3.0], [0.0, 1.0]) -> [2.0, 3.0]
    """
    return _windows("correlate", a, v, mode, False)
