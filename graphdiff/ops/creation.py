"""Declarations of the makers: Tensors from sizes and numbers alone. Sizes may be names.

They give the default dtype unless told another; arange and full of integers int64. Nothing is stored: a made Tensor is
computed where it is read.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..errors import DTypeError, ShapeError
from ..ir.defaults import default_float
from ..ir.dims import Dim, Size, as_shape, as_size
from ..ir.dtypes import FLOATS, as_dtype, int64
from .comparison import equal, greater, logical_and
from .elementwise import astype, maximum, where
from .gather import index, size_as
from .movement import broadcast_to
from .opdef import composite
from .operands import operands
from .registry import Sample
from .tensor import Tensor, as_tensor, checked, constant, dtype_or_default, fail, scalar
from .types import DTypeLike, ShapeLike, SizeLike, TensorLike


def _number(name: str, value: Any, dtype: Any) -> Tensor:
    """A number or Tensor in ``dtype``, in its own for None; a number gets there without rounding on the way."""
    x = as_tensor(value, name)
    if dtype is None:
        return x
    dtype = checked(as_dtype, name, dtype, [x])
    return astype(x, dtype) if isinstance(value, Tensor) else constant(value, dtype)


def _filled(name: str, shape: Any, value: float, dtype: Any) -> Tensor:
    return broadcast_to(scalar(value, dtype_or_default(name, dtype)), checked(as_shape, name, shape))


def shape_samples(_rng: np.random.Generator) -> Iterable[Sample]:
    for shape in ((2, 3), 4, (), (0, 2)):
        for dtype in ("float32", "float64", "int64", "bool"):
            yield Sample((shape,), {"dtype": dtype})


@composite(reference=np.zeros, samples=shape_samples, differentiable=False)
def zeros(shape: ShapeLike, dtype: DTypeLike | None = None) -> Tensor:
    """Zeros of ``shape``, of the default dtype unless given.

    Dtypes: the result has dtype
    Shapes: shape
    Edges: zeros(()) = 0.0; a named size is open until the call
    Raises: ShapeError, DTypeError
    Example: gd.zeros((2,)) -> [0.0, 0.0]
    """
    return _filled("zeros", shape, 0, dtype)


@composite(reference=np.ones, samples=shape_samples, differentiable=False)
def ones(shape: ShapeLike, dtype: DTypeLike | None = None) -> Tensor:
    """Ones of ``shape``, of the default dtype unless given.

    Dtypes: the result has dtype
    Shapes: shape
    Edges: ones((0,)) = []; a named size is open until the call
    Raises: ShapeError, DTypeError
    Example: gd.ones((2,)) -> [1.0, 1.0]
    """
    return _filled("ones", shape, 1, dtype)


@composite(
    reference=np.full,
    onnx="ConstantOfShape",
    samples=lambda rng: (
        [Sample(((2, 3), v), {"dtype": d}) for v, d in ((1.5, "float64"), (2, "int64"), (2, "float32"), (True, "bool"))]
        + [Sample(((2, 3), rng.uniform(-1, 1, ())))]
    ),
)
def full(shape: ShapeLike, fill_value: TensorLike, dtype: DTypeLike | None = None) -> Tensor:
    """``fill_value`` (a number or a 0-d Tensor) at every place of ``shape``, in its own dtype unless given.

    Dtypes: the result has dtype, or fill_value's
    Shapes: shape
    Edges: full((1,), nan) = [nan]; a named size is open until the call
    Raises: ShapeError, DTypeError
    Example: gd.full((2,), 7.0) -> [7.0, 7.0]
    """
    value = _number("full", fill_value, dtype)
    if value.shape != ():
        fail(ShapeError, "full", f"fill_value has shape {value.shape}, not ()", [value])
    return broadcast_to(value, checked(as_shape, "full", shape))


def like_samples(rng: np.random.Generator) -> Iterable[Sample]:
    for shape in ((2, 3), (), (0, 2)):
        yield Sample((rng.uniform(-2, 2, shape),))
        yield Sample((rng.integers(-2, 2, shape),), {"dtype": "float64"})


@composite(reference=np.zeros_like, samples=like_samples, differentiable=False)
def zeros_like(x: TensorLike, /, dtype: DTypeLike | None = None) -> Tensor:
    """Zeros of x's shape, and of its dtype unless given.

    Dtypes: any
    Shapes: of x, as is the result's
    Edges: zeros_like([True]) = [False]
    Raises: DTypeError
    Example: gd.zeros_like([1.0, 2.0]) -> [0.0, 0.0]
    """
    x = as_tensor(x, "zeros_like")
    return _filled("zeros_like", x.shape, 0, x.dtype if dtype is None else dtype)


@composite(reference=np.ones_like, samples=like_samples, differentiable=False)
def ones_like(x: TensorLike, /, dtype: DTypeLike | None = None) -> Tensor:
    """Ones of x's shape, and of its dtype unless given.

    Dtypes: any
    Shapes: of x, as is the result's
    Edges: ones_like([True]) = [True]
    Raises: DTypeError
    Example: gd.ones_like([1.0, 2.0]) -> [1.0, 1.0]
    """
    x = as_tensor(x, "ones_like")
    return _filled("ones_like", x.shape, 1, x.dtype if dtype is None else dtype)


@composite(reference=np.full_like, samples=lambda rng: [Sample((rng.uniform(-2, 2, s), 3)) for s in ((2, 3), (), (0,))])
def full_like(x: TensorLike, /, fill_value: TensorLike, dtype: DTypeLike | None = None) -> Tensor:
    """``fill_value`` at every place of x's shape, in x's dtype unless given.

    Dtypes: any
    Shapes: of x, as is the result's
    Edges: full_like([1.0], inf) = [inf]
    Raises: DTypeError
    Example: gd.full_like([1.0, 2.0], 7.0) -> [7.0, 7.0]
    """
    x = as_tensor(x, "full_like")
    return full(x.shape, fill_value, x.dtype if dtype is None else dtype)


@composite(
    reference=np.eye,
    onnx="EyeLike",
    differentiable=False,
    samples=lambda rng: [
        Sample((n, m), {"k": k, "dtype": "float32"})
        for n, m, k in ((3, None, 0), (2, 4, 1), (4, 2, -1), (2, 2, 7), (0, 0, 0))
    ],
)
def eye(n_rows: SizeLike, n_cols: SizeLike | None = None, /, k: int = 0, dtype: DTypeLike | None = None) -> Tensor:
    """Ones on diagonal ``k`` of a matrix, square unless ``n_cols`` is given, and zeros elsewhere.

    Arguments: ``n_rows``: a size; ``n_cols``: a size; n_rows unless given; ``k``: the diagonal, above the main one;
    ``dtype``: of the result
    Dtypes: the result has dtype
    Shapes: (n_rows, n_cols)
    Edges: eye(2, k=5) = [[0.0, 0.0], [0.0, 0.0]]
    Raises: ShapeError, DTypeError
    Example: gd.eye(2) -> [[1.0, 0.0], [0.0, 1.0]]
    """
    shape = checked(as_shape, "eye", (n_rows, n_rows if n_cols is None else n_cols))
    return astype(equal(index(shape, checked(as_size, "eye", k), (1, -1)), 0), dtype_or_default("eye", dtype))


# ------------------------------------------------------------------ ranges
def _arange_samples(_rng: np.random.Generator) -> Iterable[Sample]:
    for whole in ((5,), (2, 7), (1, 8, 3), (5, 0, -2), (0,), (3, 1), (4, 4, -1)):
        yield Sample(whole)
        yield Sample(whole, {"dtype": "float32"})
    for fraction in ((0.0, 1.0, 0.25), (1.0, -1.0, -0.5), (2.5,), (1.0, 0.0)):
        yield Sample(fraction, {"dtype": "float32"})


def _is_size(x: Any) -> bool:
    return isinstance(x, (int, str, np.integer)) and not isinstance(x, bool)


@composite(reference=np.arange, samples=_arange_samples, differentiable=False, onnx="Range")
def arange(
    start: SizeLike | float, /, stop: SizeLike | float | None = None, step: float = 1, dtype: DTypeLike | None = None
) -> Tensor:
    """``start``, start + step, ... up to but without ``stop``; from 0 where one number is given. int64, or the
    default dtype where a number is a float; integers may be sizes known only at the call.

    Arguments: ``start``: the first number, or the end where it is alone; ``stop``: the end, which is left out;
    ``step``: from each to the next, not 0; ``dtype``: of the result
    Dtypes: the result has dtype; int64 unless given, float32 where a number is a float
    Shapes: (ceil((stop - start) / step),)
    Edges: arange(0) = []; arange(3, 0) = []; step 0 is an error
    Raises: ShapeError, DTypeError
    Example: gd.arange(0, 6, 2) -> [0, 2, 4]
    """
    if stop is None:
        start, stop = 0, start
    numbers: list[Any] = [start, stop, step]
    for number in numbers:
        if not _is_size(number) and not (isinstance(number, (float, np.floating)) and np.isfinite(number)):
            fail(DTypeError, "arange", f"start, stop and step are finite numbers, got {number!r}")
    whole = all(map(_is_size, numbers))
    if whole:
        numbers = [checked(as_size, "arange", number) for number in numbers]
    first, last, by = numbers
    if isinstance(by, Dim) or by == 0:
        fail(ShapeError, "arange", f"step {by!r} gives no range")
    dtype = checked(as_dtype, "arange", dtype or ("int64" if whole else default_float()))
    if whole:
        n: Size = -((first - last) // by)
        return astype(index((n if isinstance(n, Dim) else max(n, 0),), first, (by,)), dtype)
    if any(isinstance(number, str) for number in numbers):
        fail(DTypeError, "arange", "a size known only at the call goes with integers")
    if dtype not in FLOATS:
        fail(DTypeError, "arange", f"of floats it is no {dtype.name}; write .astype({dtype.name!r}) on the result")
    n = max(int(np.ceil((last - first) / by)), 0)
    return astype(index((n,), 0, (1,)), dtype) * float(by) + float(first)


@composite(
    reference=np.linspace,
    samples=lambda rng: (
        [
            Sample((a, b, n), {"endpoint": e, "dtype": "float32"})
            for a, b, n in ((0.0, 1.0, 5), (2.0, -1.0, 4), (1.0, 3.0, 1), (0, 1, 0))
            for e in (True, False)
        ]
        + [Sample((rng.uniform(-1, 0, ()), rng.uniform(0, 1, ()), 6))]
    ),
)
def linspace(
    start: TensorLike, stop: TensorLike, /, num: SizeLike = 50, endpoint: bool = True, dtype: DTypeLike | None = None
) -> Tensor:
    """``num`` evenly spaced numbers from ``start`` to ``stop`` (numbers or 0-d Tensors), the last one stop itself
    unless ``endpoint`` is False.

    Arguments: ``start``: a number or a 0-d Tensor; ``stop``: likewise; ``num``: how many; ``endpoint``: whether stop is
    the last; ``dtype``: of the result
    Dtypes: the result has dtype, or that of the ends
    Shapes: (num,)
    Edges: linspace(0.0, 1.0, 1) = [0.0]; linspace(0.0, 1.0, 0) = []
    Raises: ShapeError, DTypeError
    Example: gd.linspace(0.0, 1.0, 3) -> [0.0, 0.5, 1.0]
    """
    a, b = operands("linspace", (start, stop))
    if a.shape != () or b.shape != ():
        fail(ShapeError, "linspace", f"start and stop have shapes {a.shape} and {b.shape}, not ()", [a, b])
    target = checked(as_dtype, "linspace", dtype or (a.dtype if a.dtype in FLOATS else default_float()))
    if target not in FLOATS:
        fail(
            DTypeError,
            "linspace",
            f"gives floats, not {target.name}; write .astype({target.name!r}) on the result",
            [a, b],
        )
    a, b = _number("linspace", start, target), _number("linspace", stop, target)
    (n,) = checked(as_shape, "linspace", (num,))
    i = index((n,), 0, (1,))
    last = size_as(n - 1 if endpoint else n, int64)
    line = a + astype(i, target) * ((b - a) / astype(maximum(last, 1), target))
    return where(logical_and(equal(i, last), greater(i, 0)), b, line) if endpoint else line
