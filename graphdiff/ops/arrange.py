"""Declarations of rearrangements made of the movement primitives: axes swapped, rolled, repeated, padded, split.

None has a kernel: views where nothing moves, copies into place or gathers where something does.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ..errors import GraphError, ShapeError
from ..ir.dims import Dim, Size, as_size, exact_div
from ..ir.dtypes import bool_, int64
from .comparison import less
from .elementwise import maximum, minimum, remainder, where
from .gather import index, size_as, take
from .joining import concat
from .movement import broadcast_to, expand_dims, permute_dims, place, reshape, slice
from .opdef import composite
from .operands import as_list, axis_of
from .registry import Sample
from .tensor import Tensor, as_tensor, checked, fail
from .types import Axes, Ints, PadWidth, SizeLike, TensorLike


def part(x: Tensor, axis: int, start: Size, size: Size) -> Tensor:
    """``size`` elements from ``start`` along ``axis``."""
    starts = tuple(start if i == axis else 0 for i in range(x.ndim))
    return slice(x, starts, tuple(size if i == axis else s for i, s in enumerate(x.shape)), (1,) * x.ndim)


def _distinct(name: str, x: Tensor, axes: Any) -> list[int]:
    """Axes in the order given. Raises ShapeError for a repeated one."""
    out = [axis_of(name, a, x.ndim, [x]) for a in as_list(axes)]
    if len(set(out)) != len(out):
        fail(ShapeError, name, f"repeated axis in {tuple(as_list(axes))}", [x])
    return out


# ------------------------------------------------------------------ axes
@composite(
    reference=np.swapaxes,
    samples=lambda rng: [Sample((rng.uniform(-2, 2, (2, 3, 4)), a, b)) for a, b in ((0, 1), (-1, 0), (1, 1))],
)
def swapaxes(x: TensorLike, /, axis1: int, axis2: int) -> Tensor:
    """Two dimensions swapped.

    Dtypes: any
    Shapes: x.shape with two sizes swapped
    Edges: swapaxes([[1.0, 2.0]], -1, 0) = [[1.0], [2.0]]
    Raises: ShapeError, DTypeError
    Example: gd.swapaxes([[1.0, 2.0], [3.0, 4.0]], 0, 1) -> [[1.0, 3.0], [2.0, 4.0]]
    """
    x = as_tensor(x, "swapaxes")
    order = list(range(x.ndim))
    a, b = axis_of("swapaxes", axis1, x.ndim, [x]), axis_of("swapaxes", axis2, x.ndim, [x])
    order[a], order[b] = b, a
    return permute_dims(x, tuple(order))


@composite(
    reference=np.moveaxis,
    samples=lambda rng: [Sample((rng.uniform(-2, 2, (2, 3, 4)), a, b)) for a, b in ((0, 2), (-1, 0), ((0, 1), (2, 0)))],
)
def moveaxis(x: TensorLike, /, source: Ints, destination: Ints) -> Tensor:
    """Dimensions ``source`` (an int or a tuple) moved to the places ``destination``; the others keep their order.

    Dtypes: any
    Shapes: x.shape in another order
    Edges: moveaxis([[1.0, 2.0]], -1, 0) = [[1.0], [2.0]]
    Raises: ShapeError, DTypeError
    Example: gd.moveaxis([[[1.0, 2.0]], [[3.0, 4.0]]], 0, 2) -> [[[1.0, 3.0], [2.0, 4.0]]]
    """
    x = as_tensor(x, "moveaxis")
    a, b = _distinct("moveaxis", x, source), _distinct("moveaxis", x, destination)
    if len(a) != len(b):
        fail(ShapeError, "moveaxis", f"{len(a)} axes to {len(b)} places", [x])
    rest = iter(i for i in range(x.ndim) if i not in a)
    return permute_dims(x, tuple(a[b.index(i)] if i in b else next(rest) for i in range(x.ndim)))


# ------------------------------------------------------------------ rolling
def _roll_samples(rng: np.random.Generator) -> Iterable[Sample]:
    for shape, shift, axis in (
        ((5,), 2, 0),
        ((3, 4), -1, 1),
        ((3, 4), 9, 0),
        ((3, 4), 5, None),
        ((3, 4), 1, (0, 1)),
        ((3, 4), (1, -2), (0, 1)),
        ((3, 4), 0, 0),
        ((0, 2), 1, 0),
        ((1,), 3, 0),
    ):
        yield Sample((rng.uniform(-2, 2, shape), shift), {"axis": axis})


@composite(reference=np.roll, samples=_roll_samples)
def roll(x: TensorLike, /, shift: Ints, axis: Axes = None) -> Tensor:
    """Elements moved ``shift`` places along ``axis``, those that fall out at the end coming in at the start; over all
    elements in order unless an axis is given. ``shift`` and ``axis`` may be tuples.

    Dtypes: any
    Shapes: of x, as is the result's
    Edges: roll([1.0, 2.0], 3) = [2.0, 1.0]; roll([1.0, 2.0], -1) = [2.0, 1.0]
    Raises: ShapeError, DTypeError
    Example: gd.roll([1.0, 2.0, 3.0], 1) -> [3.0, 1.0, 2.0]
    """
    x = as_tensor(x, "roll")
    if axis is None:
        return reshape(roll(reshape(x, (x.size,)), shift, 0), x.shape)
    axes = [axis_of("roll", a, x.ndim, [x]) for a in as_list(axis)]
    shifts = [checked(as_size, "roll", k, [x]) for k in as_list(shift)]
    if len(shifts) == 1:
        shifts *= len(axes)
    if len(axes) == 1:
        axes *= len(shifts)
    if len(axes) != len(shifts):
        fail(ShapeError, "roll", f"{len(shifts)} shifts for {len(axes)} axes", [x])
    for a, k in zip(axes, shifts, strict=True):
        n = x.shape[a]
        if isinstance(n, Dim) or isinstance(k, Dim):  # how far round is known only at the call
            x = take(x, remainder(index((n,), -k, (1,)), maximum(size_as(n, int64), 1)), axis=a)
        elif n and k % n:
            x = concat([part(x, a, n - k % n, k % n), part(x, a, 0, n - k % n)], axis=a)
    return x


# ------------------------------------------------------------------ repeating
@composite(
    reference=np.tile,
    onnx="Tile",
    samples=lambda rng: [
        Sample((rng.uniform(-2, 2, s), r))
        for s, r in (
            ((3,), 2),
            ((2, 3), (2, 1)),
            ((2, 3), 2),
            ((3,), (2, 2)),
            ((), 3),
            ((2, 3), (0, 1)),
            ((1, 2), (3, 1)),
        )
    ],
)
def tile(x: TensorLike, /, repetitions: Ints) -> Tensor:
    """x laid side by side, ``repetitions`` (an int, or one for each dimension from the last) times.

    Dtypes: any
    Shapes: x.shape times repetitions
    Edges: tile([1.0], 0) = []
    Raises: ShapeError, DTypeError
    Example: gd.tile([1.0, 2.0], 2) -> [1.0, 2.0, 1.0, 2.0]
    """
    x = as_tensor(x, "tile")
    times = _counts("tile", x, repetitions)
    ones: list[Size] = [1] * (x.ndim - len(times))
    times = ones + times
    x = reshape(x, (*(1,) * (len(times) - x.ndim), *x.shape))
    apart = tuple(s for size in x.shape for s in (1, size))
    whole = tuple(s for size, r in zip(x.shape, times, strict=True) for s in (r, size))
    return reshape(broadcast_to(reshape(x, apart), whole), tuple(s * r for s, r in zip(x.shape, times, strict=True)))


def _counts(name: str, x: Tensor, repeats: Any) -> list[Size]:
    out = [checked(as_size, name, r, [x]) for r in as_list(repeats)]
    for r in out:
        if isinstance(r, int) and r < 0:
            fail(ShapeError, name, f"{r} repetitions", [x])
    return out


@composite(
    reference=np.repeat,
    samples=lambda rng: [
        Sample((rng.uniform(-2, 2, s), r), {"axis": a})
        for s, r, a in (
            ((3, 2), 2, 0),
            ((3, 2), 3, -1),
            ((3, 2), 2, None),
            ((3, 2), (2, 0, 1), 0),
            ((3,), (1, 1, 1), 0),
            ((0, 2), 2, 0),
            ((3, 2), 0, 1),
        )
    ],
)
def repeat(x: TensorLike, /, repeats: int, axis: int | None = None) -> Tensor:
    """Each element ``repeats`` times in a row along ``axis`` (of all elements in order unless given); ``repeats`` is an
    int, or one int for each element of the axis.

    Dtypes: any
    Shapes: x.shape with axis made longer
    Edges: repeat([1.0, 2.0], [0, 1]) = [2.0]
    Raises: ShapeError, DTypeError
    Example: gd.repeat([1.0, 2.0], 2) -> [1.0, 1.0, 2.0, 2.0]
    """
    x = as_tensor(x, "repeat")
    if axis is None:
        return repeat(reshape(x, (x.size,)), repeats, 0)
    axis = axis_of("repeat", axis, x.ndim, [x])
    counts, n = _counts("repeat", x, repeats), x.shape[axis]
    if len(counts) != 1:
        if len(counts) != n or any(isinstance(r, Dim) for r in counts):
            fail(ShapeError, "repeat", f"{len(counts)} repetitions for {n} elements", [x])
        return take(x, np.repeat(np.arange(int(n)), np.array(counts, int)), axis=axis)
    wide = expand_dims(x, axis + 1)
    wide = broadcast_to(wide, (*x.shape[: axis + 1], counts[0], *x.shape[axis + 1 :]))
    return reshape(wide, (*x.shape[:axis], n * counts[0], *x.shape[axis + 1 :]))


# ------------------------------------------------------------------ padding
def _widths(x: Tensor, pad_width: Any) -> list[tuple[Size, Size]]:
    """NumPy's forms: n, (before, after), ((before, after),) for all axes, or a pair for each."""
    if isinstance(pad_width, np.ndarray):
        pad_width = pad_width.tolist()
    try:
        if not isinstance(pad_width, (tuple, list)):
            pairs: list[Any] = [(pad_width, pad_width)] * x.ndim
        elif any(isinstance(p, (tuple, list)) for p in pad_width):
            pairs = [tuple(p) for p in pad_width] * (x.ndim if len(pad_width) == 1 else 1)
        else:
            pairs = [tuple(pad_width)] * x.ndim
        out = [(as_size(a), as_size(b)) for a, b in pairs]
    except (TypeError, ValueError):
        out = []
    if len(out) != x.ndim:
        fail(ShapeError, "pad", f"pad_width {pad_width!r} is no (before, after) for each of {x.ndim} dimensions", [x])
    for pair in out:
        for k in pair:
            if isinstance(k, int) and k < 0:
                fail(ShapeError, "pad", f"negative width {k}; a slice cuts", [x])
    return out


def _source(mode: str, i: Tensor, n: Tensor) -> Tensor:
    """Which of n elements is seen at place i, where i may lie before the first or after the last."""
    if mode == "edge":
        return minimum(maximum(i, 0), n - 1)
    if mode == "wrap":
        return remainder(i, n)
    # there and back again, the turning elements once (reflect) or twice (symmetric)
    twice = 0 if mode == "symmetric" else 1
    period = maximum((n - twice) * 2, 1)
    at = remainder(i, period)
    return where(less(at, n), at, period - (1 - twice) - at)


def _pad_samples(rng: np.random.Generator) -> Iterable[Sample]:
    for shape, width in (((3, 4), 1), ((3, 4), (2, 0)), ((3, 4), ((1, 2), (0, 3))), ((4,), ((0, 0),)), ((2, 3), 5)):
        for mode in ("constant", "edge", "reflect", "symmetric", "wrap"):
            yield Sample((rng.uniform(-2, 2, shape), width), {"mode": mode})
    yield Sample((rng.uniform(-2, 2, (2, 3)), 1), {"constant_values": 1.5})
    yield Sample((rng.uniform(-2, 2, (0, 3)), 1))
    yield Sample((rng.uniform(-2, 2, (1, 2)), 2), {"mode": "reflect"})
    yield Sample((rng.integers(0, 2, (2, 3)).astype(bool), 1))


@composite(reference=np.pad, samples=_pad_samples, onnx="Pad")
def pad(x: TensorLike, /, pad_width: PadWidth, mode: str = "constant", constant_values: float = 0) -> Tensor:
    """Elements put before and after along each dimension. ``pad_width``: n, (before, after), or a pair for each
    dimension; ``mode``: "constant" (``constant_values``, a number or 0-d Tensor), "edge", "reflect", "symmetric" or
    "wrap", as in NumPy.

    Arguments: ``x``: a Tensor; ``pad_width``: n, (before, after), or a pair for each dimension; ``mode``: as above;
    ``constant_values``: a number or a 0-d Tensor
    Dtypes: any
    Shapes: x.shape with what is put before and after
    Edges: pad([1.0], 0) = [1.0]
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.pad([1.0, 2.0], 1) -> [0.0, 1.0, 2.0, 0.0]
    """
    x = as_tensor(x, "pad")
    widths = _widths(x, pad_width)
    if mode == "constant":
        if x.dtype is bool_ and not isinstance(constant_values, Tensor):
            constant_values = bool(constant_values)  # as NumPy: 0 is False
        fill = as_tensor(constant_values, "pad", x.dtype)
        if fill.shape != () or fill.dtype is not x.dtype:
            fail(ShapeError, "pad", f"constant_values must be one {x.dtype.name} number", [x, fill])
        shape = tuple(s + a + b for s, (a, b) in zip(x.shape, widths, strict=True))
        return x if shape == x.shape else place(x, fill, shape, tuple(a for a, _ in widths), (1,) * x.ndim)
    if mode not in ("edge", "reflect", "symmetric", "wrap"):
        fail(GraphError, "pad", f'mode is "constant", "edge", "reflect", "symmetric" or "wrap", got {mode!r}', [x])
    for axis, (a, b) in enumerate(widths):
        n = x.shape[axis]
        if a == 0 and b == 0:
            continue
        if n == 0:
            fail(ShapeError, "pad", f"mode {mode!r} has no element to repeat along axis {axis}", [x])
        x = take(x, _source(mode, index((a + n + b,), -a, (1,)), size_as(n, int64)), axis=axis)
    return x


# ------------------------------------------------------------------ splitting
def _split_reference(x: Any, parts: Any, axis: int = 0) -> Any:
    return np.split(x, parts if isinstance(parts, int) else np.cumsum(parts)[:-1], axis)


def _split_samples(rng: np.random.Generator) -> Iterable[Sample]:
    for shape, parts, axis in (
        ((6, 2), 3, 0),
        ((2, 6), 2, -1),
        ((5, 2), (1, 4), 0),
        ((5,), (0, 2, 3), 0),
        ((3,), 1, 0),
    ):
        yield Sample((rng.uniform(-2, 2, shape), parts), {"axis": axis})


@composite(reference=_split_reference, samples=_split_samples, onnx="Split")
def split(x: TensorLike, /, n_or_sizes: SizeLike | Sequence[SizeLike], axis: int = 0) -> list[Tensor]:
    """A list of parts along ``axis``: n equal ones, or ones of the given sizes, which must add up to the whole.

    Dtypes: any
    Shapes: a list of parts of x's shape, shorter along axis
    Edges: split([1.0], [0, 1]) = [[], [1.0]]
    Raises: ShapeError, DTypeError
    Example: gd.split([1.0, 2.0, 3.0], [1, 2]) -> [[1.0], [2.0, 3.0]]
    """
    x = as_tensor(x, "split")
    axis = axis_of("split", axis, x.ndim, [x])
    whole = x.shape[axis]
    if isinstance(n_or_sizes, (tuple, list, np.ndarray)):
        sizes = [checked(as_size, "split", s, [x]) for s in n_or_sizes]
    else:
        n = checked(as_size, "split", n_or_sizes, [x])
        size = exact_div(whole, n) if isinstance(n, int) and n > 0 else None
        if size is None:
            fail(ShapeError, "split", f"{whole} elements along axis {axis} do not divide into {n} equal parts", [x])
        sizes = [size] * n
    ends = list(itertools.accumulate(sizes))
    for s in sizes:
        if isinstance(s, int) and s < 0:
            fail(ShapeError, "split", f"negative size {s}", [x])
    total = ends[-1] if ends else 0
    if total != whole:
        fail(ShapeError, "split", f"sizes {tuple(sizes)} add up to {total}, not {whole}", [x])
    return [part(x, axis, end - s, s) for end, s in zip(ends, sizes, strict=True)]
