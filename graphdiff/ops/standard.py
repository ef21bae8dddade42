"""Functions that are there for code written for the array API standard alone.

There are no complex numbers, devices or memory that nobody has written, so these do the little that is left.
Must not know: derivatives, plans, kernels.
"""

from __future__ import annotations

import numpy as np

from ..errors import GraphError
from .creation import like_samples, shape_samples, zeros, zeros_like
from .opdef import composite
from .operands import check_dtype
from .registry import REGISTRY, Sample
from .samples import on
from .tensor import Tensor, as_tensor, constant, fail
from .types import DTypeLike, Exchanged, ShapeLike, TensorLike


@composite(
    reference=lambda x, dtype=None: np.asarray(x, dtype),
    samples=lambda rng: [
        Sample((rng.uniform(-2, 2, (2, 3)),)),
        Sample((rng.integers(-2, 2, (3,)),), {"dtype": "float64"}),
        Sample(([1.0, 2.0],), {"dtype": "float32"}),
    ],
)
def asarray(x: TensorLike, /, *, dtype: DTypeLike | None = None, copy: bool | None = None) -> Tensor:
    """x as a Tensor, in its own dtype unless given: a Tensor as it is, anything else as ``gd.constant`` makes it.

    Arguments: ``x``: a Tensor, an array, a number or lists of them; ``dtype``: of the result; ``copy``: changes
    nothing, as Tensors never change
    Dtypes: any
    Shapes: of x, as is the result's
    Edges: asarray(True) = True; asarray([nan]) = [nan]
    Raises: DTypeError, ShapeError
    Example: gd.asarray([1.0, 2.0]) -> [1.0, 2.0]
    """
    if isinstance(x, (list, tuple)) and any(isinstance(e, Tensor) for e in x):
        x = REGISTRY["stack"].public(list(x))
    if not isinstance(x, Tensor):
        return constant(x, dtype)
    return x if dtype is None else x.astype(dtype)


def from_dlpack(x: Exchanged | Tensor, /) -> Tensor:
    """The array of another library as a Tensor that is the same at every call; its numbers are copied.

    ``x``: whatever has ``__dlpack__`` in memory of the processor. Raises DTypeError for a dtype that no Tensor can
    have, GraphError for what is no such array. Example: ``gd.from_dlpack(np.ones(3))``."""
    if isinstance(x, Tensor):
        return x
    try:
        array = np.from_dlpack(x)
    except (AttributeError, TypeError, BufferError, RuntimeError) as error:
        fail(GraphError, "from_dlpack", f"{type(x).__name__} is no array in memory: {error}")
    return constant(array)


@composite(reference=np.zeros, samples=shape_samples, differentiable=False)
def empty(shape: ShapeLike, dtype: DTypeLike | None = None) -> Tensor:
    """What ``gd.zeros`` gives: no Tensor has elements that nobody has written, and zeros cost nothing.

    Dtypes: the result has dtype
    Shapes: shape
    Edges: empty(()) = 0.0; a named size is open until the call
    Raises: ShapeError, DTypeError
    Example: gd.empty((2,)) -> [0.0, 0.0]
    """
    return zeros(shape, dtype)


@composite(reference=np.zeros_like, samples=like_samples, differentiable=False)
def empty_like(x: TensorLike, /, dtype: DTypeLike | None = None) -> Tensor:
    """What ``gd.zeros_like`` gives: no Tensor has elements that nobody has written, and zeros cost nothing.

    Dtypes: any
    Shapes: of x, as is the result's
    Edges: empty_like([True]) = [False]
    Raises: DTypeError
    Example: gd.empty_like([1.0, 2.0]) -> [0.0, 0.0]
    """
    return zeros_like(x, dtype)


def _real(name: str, x: TensorLike) -> Tensor:
    x = as_tensor(x, name)
    check_dtype(name, (x,), "numeric")
    return x


@composite(reference=np.real, samples=on(-2, 2))
def real(x: TensorLike, /) -> Tensor:
    """The real part, which is x itself: there are no complex dtypes.

    Dtypes: numeric
    Shapes: of x, as is the result's
    Edges: real(-inf) = -inf
    Raises: DTypeError
    Example: gd.real([1.0, 2.0]) -> [1.0, 2.0]
    """
    return _real("real", x)


@composite(reference=np.conj, samples=on(-2, 2))
def conj(x: TensorLike, /) -> Tensor:
    """The complex conjugate, which is x itself: there are no complex dtypes.

    Dtypes: numeric
    Shapes: of x, as is the result's
    Edges: conj(-inf) = -inf
    Raises: DTypeError
    Example: gd.conj([1.0, 2.0]) -> [1.0, 2.0]
    """
    return _real("conj", x)


@composite(reference=np.imag, samples=on(-2, 2), differentiable=False)
def imag(x: TensorLike, /) -> Tensor:
    """The imaginary part, which is 0: there are no complex dtypes.

    Dtypes: numeric
    Shapes: of x, as is the result's
    Edges: imag(7.0) = 0.0
    Raises: DTypeError
    Example: gd.imag([1.0, 2.0]) -> [0.0, 0.0]
    """
    return zeros_like(_real("imag", x))
