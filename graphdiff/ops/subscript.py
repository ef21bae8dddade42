"""What ``x[key]`` builds: slices and reshapes for ints, slices, None and ``...``; gathers for integer Tensors, arrays
and masks that are known, and for slices of fixed length that start at a Tensor.

Indices broadcast against each other; as in NumPy, their dimensions stand where the indices are, or in front where
something else stands between them.
Must not know: derivatives, plans, kernels.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..errors import DTypeError, ShapeError
from ..ir.dims import Dim, Size, as_size, product
from ..ir.dtypes import INTEGERS, bool_, int64
from ..ir.node import Value
from ..ir.slices import taken
from .elementwise import astype, minimum
from .gather import checked_index, index, size_as, take
from .movement import broadcast_to, permute_dims, reshape
from .movement import slice as slice_
from .operands import broadcast_shape, contiguous_strides
from .tensor import Index, Tensor, as_tensor, checked, fail, scalar

EVERY = slice(None)


def subscript(x: Tensor, key: Index) -> Tensor:
    """``x[key]``. Raises ShapeError and DTypeError."""
    keys = read(x, key)
    basic: list[Any] = []
    indices: dict[int, Tensor] = {}  # by the dimension of what the other keys give
    windows: dict[int, Tensor] = {}
    axis = place = 0
    for k in keys:
        n = 1 if k is None else x.shape[axis]
        axis += k is not None
        if isinstance(k, slice) and (isinstance(k.start, Tensor) or isinstance(k.stop, Tensor)):
            windows[place] = _window(x, k, n)
            k = EVERY
        elif isinstance(k, Tensor):
            indices[place] = k
            k = EVERY
        basic.append(k)
        place += not _is_int(k)
    x = _basic(x, basic)
    for at, idx in windows.items():
        x = take(x, idx, axis=at)
    if not indices:
        return x
    together = [i for i, k in enumerate(keys) if isinstance(k, Tensor) or _is_int(k)]
    apart = together[-1] - together[0] >= len(together)
    return _gathered(x, indices, 0 if apart else min(indices))


def _is_int(k: Any) -> bool:
    return isinstance(k, (int, np.integer, Dim)) and not isinstance(k, bool)


# --------------------------------------------------------------------------------------- reading the key


def read(x: Tensor, key: Index) -> list[Any]:
    """A key for every dimension of ``x``, and Nones; a mask is the indices of what it keeps, one a dimension."""
    out: list[Any] = []
    for k in key if isinstance(key, tuple) else (key,):
        if k is None or k is Ellipsis or isinstance(k, slice) or _is_int(k):
            out.append(k)
        elif isinstance(k, (Tensor, np.ndarray, list)):
            out += _indices(x, k)
        else:
            fail(
                ShapeError,
                "getitem",
                "an index is an int, a slice, None, ..., or integers or a mask as a list, an array or a Tensor; got "
                f"{type(k).__name__}",
                [x],
            )
    if sum(k is Ellipsis for k in out) > 1:
        fail(ShapeError, "getitem", "more than one ellipsis", [x])
    used = sum(k is not None and k is not Ellipsis for k in out)
    if used > x.ndim:
        fail(ShapeError, "getitem", f"{used} indices for {x.ndim} dimensions", [x])
    at = next((i for i, k in enumerate(out) if k is Ellipsis), len(out))
    whole = [*out[:at], *[EVERY] * (x.ndim - used), *out[at + 1 :]]
    sizes = iter(x.shape)
    along = [(k, 1 if k is None else next(sizes)) for k in whole]
    return [k.of(x, n) if isinstance(k, _Kept) else k for k, n in along]


class _Kept:
    """The indices along one dimension of what a mask keeps, and the mask's size there."""

    def __init__(self, index: Tensor, size: int):
        self.index, self.size = index, size

    def of(self, x: Tensor, n: Size) -> Tensor:
        """The indices, along a dimension of n. A named size must turn out to be the mask's, or the call fails."""
        if isinstance(n, int) and n != self.size:
            fail(ShapeError, "getitem", f"a mask of {self.size} elements along a dimension of {n}", [x])
        if not isinstance(n, Dim) or not self.size:
            return self.index
        last = scalar(self.size - 1, int64)
        return minimum(minimum(self.index, checked_index(last, n)), checked_index(size_as(n - 1, int64), self.size))


def _indices(x: Tensor, k: Any) -> list[Any]:
    known = k.node.attrs["value"] if isinstance(k, Tensor) and k.node.op.name == "constant" else k
    array = None if isinstance(known, Tensor) else np.asarray(known)
    if array is not None and array.dtype == bool:
        if array.ndim == 0:
            fail(ShapeError, "getitem", "a mask has at least one dimension; write gd.where(mask, x, 0)", [x])
        kept = np.nonzero(array)
        return [_Kept(as_tensor(i.astype(np.int64), "getitem"), n) for i, n in zip(kept, array.shape)]
    if array is not None and not array.size and isinstance(known, list):
        array = array.astype(np.int64)
    idx = k if isinstance(k, Tensor) else as_tensor(array, "getitem")
    if idx.dtype is bool_:
        fail(
            DTypeError,
            "getitem",
            "how many elements this mask keeps is known only at the call, and a shape is known before; write "
            "gd.where(mask, x, 0), or give the mask as a NumPy array",
            [x, idx],
        )
    if idx.dtype not in INTEGERS:
        fail(DTypeError, "getitem", f"indices are {idx.dtype.name}; write .astype('int64')", [x, idx])
    return [idx]


# --------------------------------------------------------------------------------------- ints, slices, None


def _basic(x: Tensor, keys: Sequence[Any]) -> Tensor:
    starts, sizes, steps, shape = region(x, keys)
    if sizes != x.shape or any(s != 1 for s in steps):
        x = slice_(x, starts, sizes, steps)
    return x if shape == x.shape else reshape(x, shape)


class Region(NamedTuple):
    """What ints, slices and Nones pick: a start, a size and a step for each dimension, and the shape it gets: ints drop
    a dimension, None adds one."""

    starts: tuple[Size, ...]
    sizes: tuple[Size, ...]
    steps: tuple[int, ...]
    shape: tuple[Size, ...]


def region(x: Tensor, keys: Sequence[Any]) -> Region:
    """The region of ``x`` that ``keys`` of these kinds pick. Raises ShapeError."""
    starts: list[Size] = []
    sizes: list[Size] = []
    steps: list[int] = []
    shape: list[Size] = []
    axis = 0
    for k in keys:
        if k is None:
            shape.append(1)
            continue
        n = x.shape[axis]
        axis += 1
        if isinstance(k, slice):
            start, size, step = _bounds(x, k, n)
            shape.append(size)
        else:
            start, size, step = _position(x, k, n), 1, 1
        starts.append(start)
        sizes.append(size)
        steps.append(step)
    return Region(tuple(starts), tuple(sizes), tuple(steps), tuple(shape))


def _position(x: Tensor, k: Any, n: Size) -> Size:
    k = as_size(k)
    if isinstance(k, int) and isinstance(n, int) and not -n <= k < n:
        fail(ShapeError, "getitem", f"index {k} is out of range for a dimension of {n}", [x])
    return n + k if isinstance(k, int) and k < 0 else k


def _bounds(x: Tensor, k: slice, n: Size) -> tuple[Size, Size, int]:
    step = 1 if k.step is None else checked(as_size, "getitem", k.step, [x])
    if isinstance(step, Dim) or step == 0:
        fail(ShapeError, "getitem", f"a slice's step is an int other than 0, got {step}", [x])
    return checked(functools.partial(taken, n=n), "getitem", slice(k.start, k.stop, step), [x])


# --------------------------------------------------------------------------------------- indices


def _gathered(x: Tensor, indices: dict[int, Tensor], at: int) -> Tensor:
    """``x`` at ``indices`` of some of its dimensions, which go together; theirs stand at ``at``."""
    axes, idx = list(indices), list(indices.values())
    rest = [i for i in range(x.ndim) if i not in indices]
    if len(axes) == 1:
        shape, y, first = idx[0].shape, take(x, idx[0], axis=axes[0]), axes[0]
    else:
        shape, first = broadcast_shape("getitem", idx), 0
        sizes = tuple(x.shape[a] for a in axes)
        flat: Any = 0
        for i, size, stride in zip(idx, sizes, contiguous_strides(sizes)):
            flat = astype(checked_index(i, size), int64) * size_as(stride, int64) + flat
        front = reshape(permute_dims(x, (*axes, *rest)), (product(sizes), *(x.shape[i] for i in rest)))
        y = take(front, broadcast_to(flat, shape), axis=0)
    n = len(shape)
    others = [i for i in range(y.ndim) if not first <= i < first + n]
    return permute_dims(y, (*others[:at], *range(first, first + n), *others[at:]))


# --------------------------------------------------------------------------------------- slices that start at a Tensor


def _window(x: Tensor, k: slice, n: Size) -> Tensor:
    """The indices of ``x[i : i + size]`` along a dimension of n."""
    if k.step not in (None, 1):
        fail(ShapeError, "getitem", f"a slice that starts at a Tensor has step 1, got {k.step!r}", [x])
    bounds = []
    for bound in (0 if k.start is None else k.start, n if k.stop is None else k.stop):
        t = as_tensor(bound, "getitem", int64)
        if t.dtype not in INTEGERS or t.shape != ():
            fail(DTypeError, "getitem", "the bounds of a slice are single integers", [x, t])
        bounds.append(t)
    start, stop = (_affine(t) for t in bounds)
    size = stop[1] - start[1]
    if start[0] != stop[0]:
        fail(
            ShapeError,
            "getitem",
            "a slice between two Tensors has a size known only at the call; write x[i : i + size] with an int size, or "
            "gd.take(x, indices, axis)",
            [x, *bounds],
        )
    if isinstance(size, int) and size < 0:
        size = 0
    return checked_index(bounds[0], n) + astype(index((size,), 0, (1,)), bounds[0].dtype)


def _affine(t: Value, factor: int = 1) -> tuple[dict[Any, int], Size]:
    """An integer as a sum of multiples of values, by what they are, and a size: ``4 * i + n``."""
    terms: dict[Any, int] = {}
    size: Size = 0
    waiting = [(t, factor)]
    while waiting:
        v, c = waiting.pop()
        node, name = v.node, v.node.op.name
        factors = [u for u in node.inputs if u.node.op.name == "constant"]
        if name == "constant":
            size = size + int(node.attrs["value"]) * c
        elif name == "index" and v.shape == ():
            size = size + node.attrs["offset"] * c
        elif name in ("add", "subtract"):
            waiting += [(node.inputs[0], c), (node.inputs[1], c if name == "add" else -c)]
        elif name == "negative":
            waiting.append((node.inputs[0], -c))
        elif name == "astype" and node.inputs[0].dtype in INTEGERS:
            waiting.append((node.inputs[0], c))
        elif name == "multiply" and factors:
            other = node.inputs[node.inputs[0] is factors[0]]
            waiting.append((other, c * int(factors[0].node.attrs["value"])))
        else:
            what = _written(v)
            terms[what] = terms.get(what, 0) + c
    return {v: c for v, c in terms.items() if c}, size


def _written(v: Value, depth: int = 8) -> Any:
    """What is equal for an expression that is written twice, as both of ``x[i[0] : i[0] + 4]``."""
    node = v.node
    if not node.inputs or depth == 0:
        return v
    return node.op.name, repr(node.attrs), node.outputs.index(v), tuple(_written(u, depth - 1) for u in node.inputs)


Tensor.__getitem__ = subscript  # type: ignore[method-assign]
