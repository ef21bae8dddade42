"""What declarations read of their arguments: operands as Tensors of one dtype, axes, whole numbers, shapes.

Errors name the operation and show its operands.
Must not know: any particular operation, except by name for rules that bring shapes together.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import DTypeError, ShapeError
from ..ir.dims import Dim, Shape, Size, as_size, broadcast, unclipped
from ..ir.dtypes import CLASSES, FLOATS, bool_, int64, promote
from .registry import op
from .tensor import Tensor, as_tensor, checked, fail, is_weak, strong


def operands(name: str, args: Sequence[Any], accepts: str = "any") -> tuple[Tensor, ...]:
    """Arguments as Tensors of one dtype: weak Python numbers follow the Tensors, arrays promote as in the array API.

    Raises DTypeError for dtypes that do not promote or that the operation does not take."""
    dtype = None
    args = [strong(a) for a in args]
    for a in args:
        if isinstance(a, (Tensor, np.ndarray, np.generic)):
            if dtype is None:
                dtype = a.dtype
            elif dtype is not a.dtype:
                joined = promote(dtype, a.dtype)
                if joined is None:
                    _mixed(name, args)
                dtype = joined
    if dtype is None:  # only Python numbers
        found = {as_tensor(a, name).dtype for a in args}
        dtype = next((d for d in found if d in FLOATS), int64 if int64 in found else bool_)
    out = []
    for a in args:
        x = as_tensor(a, name, dtype)
        out.append(x if x.dtype is dtype else op("astype")(x, dtype))
    check_dtype(name, out, accepts)
    return tuple(out)


def beside_each_other(name: str, args: Sequence[Any]) -> tuple[Tensor, ...]:
    """Arguments as Tensors that keep dtypes of their own; weak Python numbers follow the floating ones among them."""
    floats = [
        a.dtype for a in map(strong, args) if isinstance(a, (Tensor, np.ndarray, np.generic)) and a.dtype in FLOATS
    ]
    joined = functools.reduce(lambda p, q: promote(p, q) or p, floats) if floats else None

    def read(a: Any) -> Tensor:
        kinds = np.asarray(a).dtype.kind if joined is not None and is_weak(a) else ""
        return as_tensor(a, name, joined if kinds == "f" else None)

    return tuple(read(a) for a in args)


def _mixed(name: str, args: Sequence[Any]) -> None:
    tensors = [as_tensor(a, name) if isinstance(a, (np.ndarray, np.generic)) else a for a in args]
    typed = [a for a in tensors if isinstance(a, Tensor)]
    target = next((a.dtype for a in typed if a.dtype in FLOATS), None) or next(
        a.dtype for a in typed if a.dtype is not bool_
    )
    culprit = next(a for a in typed if a.dtype is not target and promote(a.dtype, target) is None)
    fail(
        DTypeError,
        name,
        f"{' and '.join(dict.fromkeys(a.dtype.name for a in typed))} do not mix; write "
        f".astype({target.name!r}) on the {culprit.dtype.name} operand",
        tensors,
    )


def check_dtype(name: str, xs: Sequence[Tensor], accepts: str) -> None:
    allowed = CLASSES[accepts]
    for x in xs:
        if x.dtype not in allowed:
            what = {
                "float": "floating",
                "numeric": "integer or floating",
                "integer": "integer",
                "bool": "bool",
                "integer_or_bool": "integer or bool",
            }[accepts]
            write = {
                "float": "float32",
                "numeric": "float32",
                "integer": "int64",
                "bool": "bool",
                "integer_or_bool": "int64",
            }[accepts]
            fail(DTypeError, name, f"needs {what} operands, got {x.dtype.name}; write .astype({write!r})", xs)


def broadcast_shape(name: str, xs: Sequence[Tensor]) -> Shape:
    """The shape the operands broadcast to. Raises ShapeError naming the two that do not meet."""
    shape = xs[0].shape
    for x in xs[1:]:
        joined = broadcast(shape, x.shape)
        if joined is None:
            pairs = zip(reversed(shape), reversed(x.shape))
            a, b = next((a, b) for a, b in pairs if a != b and a != 1 and b != 1)
            fail(ShapeError, name, f"shapes do not broadcast: {a} meets {b}", xs)
        shape = joined
    return shape


def aligned(*xs: Tensor) -> tuple[Tensor, ...]:
    """The operands, those whose shapes differ from another's only where a slice clips brought to that one's: sizes that
    agree wherever no slice reaches past an end are compared at the call."""
    shape = xs[0].shape
    if all(x.shape is shape or x.shape == shape or not x.shape for x in xs[1:]):
        return xs
    wanted: dict[int, Size] = {}  # by the axis counted from the last: a size that no slice clips, where there is one
    for x in xs:
        for axis, s in enumerate(reversed(x.shape)):
            if s != 1 and (axis not in wanted or unclipped(wanted[axis]) == s):
                wanted[axis] = s

    def brought(x: Tensor) -> Tensor:
        sizes = [
            wanted[axis] if s != 1 and s != wanted[axis] and unclipped(s) == unclipped(wanted[axis]) else s
            for axis, s in enumerate(reversed(x.shape))
        ]
        return op("reshape")(x, tuple(reversed(sizes)))

    return tuple(map(brought, xs))


def sum_to(g: Tensor, shape: Shape) -> Tensor:
    """The transpose of broadcasting: ``g`` summed over the dimensions that ``shape`` was stretched along."""
    if g.shape == shape:
        return g
    extra = g.ndim - len(shape)
    axes = tuple(range(extra)) + tuple(i + extra for i, s in enumerate(shape) if s == 1 and g.shape[i + extra] != 1)
    g = op("sum")(g, axis=axes)
    return g if g.shape == shape else op("reshape")(g, shape)


def axis_of(name: str, axis: Any, ndim: int, xs: Sequence[Any] = ()) -> int:
    """``axis`` counted from the front. Raises ShapeError when out of range."""
    try:
        i = axis.__index__() if not isinstance(axis, bool) else None
    except (AttributeError, ShapeError):
        i = None
    if i is None:
        fail(ShapeError, name, f"axis {axis!r} is no integer", xs)
    if not -ndim <= i < ndim:
        fail(ShapeError, name, f"axis {i} is out of range for {ndim} dimensions", xs)
    return i % ndim


def int_of(name: str, what: str, value: Any, xs: Sequence[Any] = ()) -> int:
    """``value`` as an int. Raises ShapeError for anything else, a size known only at the call included."""
    size = checked(as_size, name, value, xs)
    if isinstance(size, Dim):
        fail(ShapeError, name, f"{what} must be an int, got {size}", xs)
    return size


def as_list(value: Any) -> list[Any]:
    """One thing, or the things in a tuple, list or array of one dimension."""
    return list(value) if isinstance(value, (tuple, list, np.ndarray)) and np.ndim(value) else [value]


def axes_of(name: str, axis: Any, ndim: int, xs: Sequence[Any] = ()) -> tuple[int, ...]:
    """``axis=None|int|tuple`` as sorted axes counted from the front. Raises ShapeError for a repeated one."""
    if axis is None:
        return tuple(range(ndim))
    axes = tuple(axis_of(name, a, ndim, xs) for a in (axis if isinstance(axis, (tuple, list)) else (axis,)))
    if len(set(axes)) != len(axes):
        fail(ShapeError, name, f"repeated axis in {tuple(axis)}", xs)
    return tuple(sorted(axes))


@functools.lru_cache(maxsize=4096)
def contiguous_strides(shape: Shape) -> tuple[Size, ...]:
    """Strides in elements of a row-major array."""
    out: list[Size] = []
    step: Size = 1
    for s in reversed(shape):
        out.append(step)
        step = step * s
    return tuple(reversed(out))
