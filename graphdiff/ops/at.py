"""``x.at[key].set(v)`` and its kin: a new Tensor that has other elements where ``x[key]`` reads.

A key of ints and slices is a region, which v is put into; any other names rows, or elements, by their positions. At a
position that is named several times additions, products and extremes take all of v, in order, and set takes the last,
as NumPy does.
Must not know: how a key is read (subscript.py), kernels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..errors import DTypeError, ShapeError
from ..ir.dims import Dim, Size, broadcast, format_shape, product
from ..ir.dtypes import bool_, int64
from .comparison import greater_equal
from .elementwise import maximum, minimum, multiply, where
from .gather import index, take
from .indexing import scatter_add
from .movement import broadcast_to, place, reshape
from .opdef import composite
from .operands import check_dtype, contiguous_strides
from .registry import Sample
from .segments import highest, lowest, segment
from .subscript import EVERY, read, region, subscript
from .tensor import Tensor, as_tensor, fail, scalar
from .types import Index, TensorLike


def _operands(name: str, x: Any, v: Any, accepts: str = "any") -> tuple[Tensor, Tensor]:
    x = as_tensor(x, name)
    v = as_tensor(v, name, x.dtype)
    if v.dtype is not x.dtype:
        fail(
            DTypeError,
            name,
            f"{v.dtype.name} into a Tensor of {x.dtype.name}; write .astype({x.dtype.name!r}) on the value",
            [x, v],
        )
    check_dtype(name, (x,), accepts)
    return x, v


def _fitted(name: str, x: Tensor, v: Tensor, shape: tuple[Size, ...]) -> Tensor:
    """``v`` as large as what the key picks."""
    if broadcast(v.shape, shape) != shape:
        fail(ShapeError, name, f"{format_shape(v.shape)} does not broadcast to x[key], {format_shape(shape)}", [x, v])
    return broadcast_to(v, shape)


def _rows(name: str, x: Tensor, keys: Sequence[Any], key: Any, v: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """``x`` as rows, the ones that a key names, and a value for each of them."""
    if isinstance(keys[0], Tensor) and all(k == EVERY for k in keys[1:] if not isinstance(k, Tensor)):
        if not any(isinstance(k, Tensor) for k in keys[1:]):
            return x, keys[0], _fitted(name, x, v, (*keys[0].shape, *x.shape[1:]))
    at = subscript(index(x.shape, 0, contiguous_strides(x.shape)), key)
    return reshape(x, (x.size,)), at, _fitted(name, x, v, at.shape)


def _placed(x: Tensor, keys: Sequence[Any], v: Tensor, name: str, fill: float) -> Tensor:
    """``v`` in the region of ``x`` that keys pick, ``fill`` beside."""
    starts, sizes, steps, shape = region(x, keys)
    v = reshape(_fitted(name, x, v, shape), sizes)
    return place(v, scalar(fill, v.dtype), x.shape, starts, steps)


def _pick_region(keys: Sequence[Any]) -> bool:
    """Whether keys are ints, slices and Nones that are known when the graph is built."""
    return not any(isinstance(v, Tensor) for k in keys for v in ((k.start, k.stop) if isinstance(k, slice) else (k,)))


def _samples(rng: np.random.Generator) -> Any:
    i, j, twice = np.array([0, 2]), np.array([[1], [3]]), np.array([1, 0, 1])
    for key, shape in (
        (1, (4,)),
        ((slice(None), slice(1, 3)), (3, 2)),
        ((slice(None, None, -1), 2), ()),
        ((Ellipsis, None, 0), (3, 1)),
        (i, (2, 4)),
        ((slice(None), i), (3, 2)),
        ((i, j), (2, 2)),
        ((i, slice(None, 2)), (1, 2)),
        (twice, (3, 4)),
        ((twice, twice), (3,)),
        ((np.zeros(0, int),), (0, 4)),
    ):
        yield Sample((rng.uniform(-2, 2, (3, 4)), key, rng.uniform(-2, 2, shape)))


def _reference(function: Any) -> Any:
    def reference(x: Any, key: Any, v: Any) -> Any:
        y = x.copy()
        function(y, key, v)
        return y

    return reference


def _put(y: Any, key: Any, v: Any) -> None:
    y[key] = v


@composite(internal=True, reference=_reference(_put), samples=_samples)
def at_set(x: TensorLike, key: Index, v: TensorLike, /) -> Tensor:
    """x with ``v`` where x[key] reads; of several values for one place the last counts."""
    x, v = _operands("at.set", x, v)
    keys = read(x, key)
    if _pick_region(keys):
        inside = _placed(x, keys, scalar(True, bool_), "at.set", False)
        return where(inside, _placed(x, keys, v, "at.set", 0), x)
    rows, at, values = _rows("at.set", x, keys, key, v)
    n = product(at.shape)
    if n == 0 or rows.shape[0] == 0:
        return x
    last = segment(index(at.shape, 0, contiguous_strides(at.shape)), at, size=rows.shape[0], kind="max")
    values = reshape(values, (n, *rows.shape[1:]))
    if isinstance(n, Dim):  # there may be none, and none is read, but one must be there
        values = place(values, 0, (n + 1, *rows.shape[1:]), (0,) * rows.ndim, (1,) * rows.ndim)
    hit = reshape(greater_equal(last, 0), (rows.shape[0], *(1,) * (rows.ndim - 1)))
    return reshape(where(hit, take(values, maximum(last, scalar(0, int64))), rows), x.shape)


@composite(internal=True, reference=_reference(np.add.at), samples=_samples)
def at_add(x: TensorLike, key: Index, v: TensorLike, /) -> Tensor:
    """x with ``v`` added where x[key] reads, all that there is for one place, in order."""
    x, v = _operands("at.add", x, v, "numeric")
    keys = read(x, key)
    if _pick_region(keys):
        return x + _placed(x, keys, v, "at.add", 0)
    return reshape(scatter_add(*_rows("at.add", x, keys, key, v)), x.shape)


def _folded(
    name: str, x: Any, key: Any, v: Any, kind: str, neutral: Callable[[np.dtype], float], join: Callable[..., Tensor]
) -> Tensor:
    """x joined with what ``kind`` makes of all values for one place."""
    x, v = _operands(name, x, v, "numeric")
    keys = read(x, key)
    if _pick_region(keys):
        return join(x, _placed(x, keys, v, name, neutral(v.dtype)))
    rows, at, values = _rows(name, x, keys, key, v)
    return reshape(join(rows, segment(values, at, size=rows.shape[0], kind=kind)), x.shape)


@composite(internal=True, reference=_reference(np.multiply.at), samples=_samples)
def at_mul(x: TensorLike, key: Index, v: TensorLike, /) -> Tensor:
    """x multiplied by ``v`` where x[key] reads, by all that there is for one place."""
    return _folded("at.mul", x, key, v, "prod", lambda dtype: 1, multiply)


@composite(internal=True, reference=_reference(np.minimum.at), samples=_samples, smooth=False)
def at_min(x: TensorLike, key: Index, v: TensorLike, /) -> Tensor:
    """The smaller of x and ``v`` where x[key] reads. At a tie half of the gradient is x's; values share equally."""
    return _folded("at.min", x, key, v, "min", highest, minimum)


@composite(internal=True, reference=_reference(np.maximum.at), samples=_samples, smooth=False)
def at_max(x: TensorLike, key: Index, v: TensorLike, /) -> Tensor:
    """The larger of x and ``v`` where x[key] reads. At a tie half of the gradient is x's; values share equally."""
    return _folded("at.max", x, key, v, "max", lowest, maximum)
