"""Pools of ``gd.nn`` made of those of images (pool.py): means, of signals, of volumes, and of windows that a number of
results asks for; signatures are torch.nn.functional's.

A signal is an image of height 1; the windows of a volume are those of its planes, and then of the depths of what comes
out. Must not know: kernels.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ShapeError
from ..ir.dims import Size, as_size, exact_div, floor_div, product
from .comparison import less
from .conv import check_image
from .elementwise import astype, floor_divide, maximum, minimum, where
from .gather import index, size_as, take
from .movement import reshape
from .opdef import composite
from .operands import as_list, operands
from .pool import CASES, MAX_POOL, SUM_POOL, Windows, apart, max_reference, pool_reference, windows_of
from .reduce import sum as sum_
from .registry import Op, Sample
from .tensor import Tensor, checked, fail, make
from .types import Ints, Padding, SizeLike, TensorLike


def _pooled(op: Op, x: Tensor, w: Windows) -> Tensor:
    """The largest, or the sum, of each window of a signal, an image or a volume."""

    def over(image: Tensor, *axes: int) -> Tensor:
        y = make(op, (image,), w.attrs(*axes))
        return y[0] if op is MAX_POOL else y

    n, c, *size = x.shape
    if len(size) == 1:
        return reshape(over(reshape(x, (n, c, 1, *size)), 0), (n, c, *w.number))
    if len(size) == 2:
        return over(x, 0, 1)
    planes = over(reshape(x, (n, c * size[0], *size[1:])), 1, 2)
    flat = reshape(planes, (n, c, size[0], product(w.number[1:])))
    a = w.attrs(0)  # the depth is the height of images
    depths = {k: v[2:] + v[:2] if k == "padding" else v[::-1] for k, v in a.items()}
    y = make(op, (flat,), depths)
    return reshape(y[0] if op is MAX_POOL else y, (n, c, *w.number))


def _mean(
    name: str, x: Any, kernel_size: Any, stride: Any, padding: Any, include: bool, ceil: bool, dilation: Any, n: int
) -> Tensor:
    x, w = windows_of(name, x, kernel_size, stride, padding, dilation, ceil, n)
    total = _pooled(SUM_POOL, x, w)
    if (include and not ceil) or (not any((*w.low, *w.high)) and not ceil):
        return total * (1 / product(w.kernel))
    for i in range(n):
        total = total / reshape(_held(x, i, w, include), (w.number[i], *(1,) * (n - 1 - i)))
    return total


def _held(x: Tensor, i: int, w: Windows, include: bool) -> Tensor:
    """How many taps of each window lie in the image along its dimension ``i``, or with ``include`` in the padding that
    was asked for too."""
    start, size = index((w.number[i],), -w.low[i], (w.stride[i],)), x.shape[2 + i] + (w.high[i] if include else 0)
    step = w.dilation[i]

    def before(edge: Tensor) -> Tensor:
        """How many taps lie before an edge, as many from the window's start on."""
        return edge if step == 1 else floor_divide(edge + (step - 1), step)

    end = minimum(before(size_as(size, start.dtype) - start), w.kernel[i])
    return astype(end if include else end - maximum(before(-start), 0), x.dtype)


def _mean_reference(
    x: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    count_include_pad: bool = True,
    ceil_mode: bool = False,
    dilation: Any = 1,
) -> Any:
    axes = tuple(range(2, x.ndim))
    fill = 0.0 if count_include_pad else np.nan
    return pool_reference(
        x, lambda v: np.nanmean(v, axis=axes), fill, kernel_size, stride, padding, dilation, ceil_mode, np.nan
    )


def _mean_samples(cases: Any) -> Any:
    return lambda rng: [
        Sample((rng.uniform(-2, 2, shape),), kwargs | {"count_include_pad": include})
        for shape, kwargs in cases
        for include in (True, False)
    ]


def _max_samples(cases: Any) -> Any:
    return lambda rng: [Sample((apart(rng, shape),), kwargs) for shape, kwargs in cases]


_SIGNALS: tuple[tuple[tuple[int, ...], dict[str, Any]], ...] = (
    ((2, 3, 8), {"kernel_size": 2}),
    ((1, 2, 7), {"kernel_size": 3, "stride": 2, "padding": 1}),
    ((1, 1, 9), {"kernel_size": 1, "stride": 4}),
    ((1, 2, 8), {"kernel_size": 3, "stride": 2, "dilation": 2, "padding": ((1, 2),), "ceil_mode": True}),
)
_VOLUMES: tuple[tuple[tuple[int, ...], dict[str, Any]], ...] = (
    ((2, 2, 4, 4, 2), {"kernel_size": 2}),
    ((1, 2, 5, 3, 4), {"kernel_size": (3, 2, 3), "stride": (2, 1, 2), "padding": (1, 0, 1)}),
    ((1, 1, 5, 4, 3), {"kernel_size": 2, "stride": 2, "dilation": (2, 1, 1), "ceil_mode": True}),
)


@composite(namespace="nn", reference=max_reference, smooth=False, onnx="MaxPool", samples=_max_samples(_SIGNALS))
def max_pool1d(
    x: TensorLike,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Padding = 0,
    dilation: Ints = 1,
    ceil_mode: bool = False,
) -> Tensor:
    """The largest element of each window of x (N, C, L), as max_pool2d of images of height 1.

    Arguments: ``x``: signals (N, C, L); ``kernel_size``: an int; ``stride``: an int; kernel_size unless given;
    ``padding``: an int or ((low, high),); ``dilation``: an int; ``ceil_mode``: as max_pool2d's
    Dtypes: float
    Shapes: (N, C, L) -> (N, C, L') with L' = (L + 2 padding - dilation (kernel - 1) - 1) // stride + 1
    Edges: max_pool1d([[[nan, 1.0]]], 2) = [[[nan]]]; padding is at most half of the kernel
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.nn.max_pool1d([[[1.0, 2.0, 3.0, 0.0]]], 2) -> [[[2.0, 3.0]]]
    Source: as torch.nn.functional.max_pool1d
    """
    return _pooled(MAX_POOL, *windows_of("max_pool1d", x, kernel_size, stride, padding, dilation, ceil_mode, 1))


@composite(namespace="nn", reference=max_reference, smooth=False, onnx="MaxPool", samples=_max_samples(_VOLUMES))
def max_pool3d(
    x: TensorLike,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Padding = 0,
    dilation: Ints = 1,
    ceil_mode: bool = False,
) -> Tensor:
    """The largest element of each window of x (N, C, D, H, W); of equal ones the first takes the gradient.

    Arguments: ``x``: volumes (N, C, D, H, W); ``kernel_size``: an int or three; ``stride``: likewise; kernel_size
    unless given; ``padding``: an int, three, or three pairs (low, high); ``dilation``: an int or three; ``ceil_mode``:
    as max_pool2d's
    Dtypes: float
    Shapes: (N, C, D, H, W) -> (N, C, D', H', W') with D' = (D + 2 padding - dilation (kernel - 1) - 1) // stride + 1
    Edges: max_pool3d([[[[[nan, 1.0]]]]], (1, 1, 2)) = [[[[[nan]]]]]; padding is at most half of the kernel
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.nn.max_pool3d([[[[[1.0, 2.0]], [[4.0, 3.0]]]]], (2, 1, 2)) -> [[[[[4.0]]]]]
    Source: as torch.nn.functional.max_pool3d
    """
    return _pooled(MAX_POOL, *windows_of("max_pool3d", x, kernel_size, stride, padding, dilation, ceil_mode, 3))


@composite(namespace="nn", reference=_mean_reference, samples=_mean_samples(_SIGNALS), onnx="AveragePool")
def avg_pool1d(
    x: TensorLike,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Padding = 0,
    count_include_pad: bool = True,
    ceil_mode: bool = False,
    dilation: Ints = 1,
) -> Tensor:
    """The mean of each window of x (N, C, L), as avg_pool2d of images of height 1.

    Arguments: ``x``: signals (N, C, L); ``kernel_size``: an int; ``stride``: an int; kernel_size unless given;
    ``padding``: an int or ((low, high),); ``count_include_pad``: whether padding counts as zeros; ``ceil_mode``: as
    max_pool2d's; ``dilation``: an int
    Dtypes: float
    Shapes: (N, C, L) -> (N, C, L') with L' = (L + 2 padding - dilation (kernel - 1) - 1) // stride + 1
    Edges: avg_pool1d([[[nan, 1.0]]], 2) = [[[nan]]]
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.nn.avg_pool1d([[[1.0, 2.0, 3.0, 5.0]]], 2) -> [[[1.5, 4.0]]]
    Source: as torch.nn.functional.avg_pool1d
    """
    return _mean("avg_pool1d", x, kernel_size, stride, padding, count_include_pad, ceil_mode, dilation, 1)


@composite(namespace="nn", reference=_mean_reference, samples=_mean_samples(CASES), onnx="AveragePool")
def avg_pool2d(
    x: TensorLike,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Padding = 0,
    count_include_pad: bool = True,
    ceil_mode: bool = False,
    dilation: Ints = 1,
) -> Tensor:
    """The mean of each window of x (N, C, H, W); stride is kernel_size unless given. Padding counts as zeros, or
    with ``count_include_pad=False`` not at all; what a window that rounds up has beyond the padding never counts.

    Arguments: ``x``: images (N, C, H, W); ``kernel_size``: an int or a pair; ``stride``: an int or a pair; kernel_size
    unless given; ``padding``: an int, a pair, or two pairs (low, high); ``count_include_pad``: whether padding counts
    as zeros; ``ceil_mode``: as max_pool2d's; ``dilation``: an int or a pair
    Dtypes: float
    Shapes: (N, C, H, W) -> (N, C, H', W') with H' = (H + 2 padding - dilation (kernel - 1) - 1) // stride + 1
    Edges: avg_pool2d([[[[nan, 1.0]]]], (1, 2)) = [[[[nan]]]]
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.nn.avg_pool2d([[[[1.0, 2.0], [3.0, 4.0]]]], 2) -> [[[[2.5]]]]
    Source: as torch.nn.functional.avg_pool2d
    """
    return _mean("avg_pool2d", x, kernel_size, stride, padding, count_include_pad, ceil_mode, dilation, 2)


@composite(namespace="nn", reference=_mean_reference, samples=_mean_samples(_VOLUMES), onnx="AveragePool")
def avg_pool3d(
    x: TensorLike,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Padding = 0,
    count_include_pad: bool = True,
    ceil_mode: bool = False,
    dilation: Ints = 1,
) -> Tensor:
    """The mean of each window of x (N, C, D, H, W), with padding as avg_pool2d has it.

    Arguments: ``x``: volumes (N, C, D, H, W); ``kernel_size``: an int or three; ``stride``: likewise; kernel_size
    unless given; ``padding``: an int, three, or three pairs (low, high); ``count_include_pad``: whether padding counts
    as zeros; ``ceil_mode``: as max_pool2d's; ``dilation``: an int or three
    Dtypes: float
    Shapes: (N, C, D, H, W) -> (N, C, D', H', W') with D' = (D + 2 padding - dilation (kernel - 1) - 1) // stride + 1
    Edges: avg_pool3d([[[[[nan, 1.0]]]]], (1, 1, 2)) = [[[[[nan]]]]]
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.nn.avg_pool3d([[[[[1.0, 2.0]], [[4.0, 3.0]]]]], (2, 1, 2)) -> [[[[[2.5]]]]]
    Source: as torch.nn.functional.avg_pool3d
    """
    return _mean("avg_pool3d", x, kernel_size, stride, padding, count_include_pad, ceil_mode, dilation, 3)


# ------------------------------------------------------------------ as many windows as one asks for
def _adaptive_reference(x: Any, output_size: Any) -> Any:
    sizes = output_size if isinstance(output_size, tuple) else (output_size,) * (x.ndim - 2)
    for axis, m in enumerate(sizes, 2):
        n = x.shape[axis]
        m = n if m is None else m
        parts = [x.take(range(i * n // m, -(-(i + 1) * n // m)), axis).mean(axis) for i in range(m)]
        x = np.stack(parts, axis)
    return x


def _adaptive(name: str, x: Any, output_size: Any, n: int) -> Tensor:
    (x,) = xs = operands(name, (x,), "float")
    check_image(name, x, n, xs)
    sizes = as_list(output_size)
    sizes = sizes * n if len(sizes) == 1 else sizes
    if len(sizes) != n:
        fail(ShapeError, name, f"output_size is a size, or {n} of them, got {output_size!r}", xs)
    for axis, m in enumerate(sizes, 2):
        if m is None:
            continue
        m = checked(as_size, name, m, xs)
        if isinstance(m, int) and m < 1:
            fail(ShapeError, name, f"output_size is at least 1, got {m}", xs)
        x = averaged(x, axis, m)
    return x


def averaged(x: Tensor, axis: int, m: Size) -> Tensor:
    """The means of m parts along an axis of n elements: part i from i n // m up to (i + 1) n // m rounded up."""
    n = x.shape[axis]
    each = exact_div(n, m)
    before, after = x.shape[:axis], x.shape[axis + 1 :]
    if each is not None:
        return sum_(reshape(x, (*before, m, each, *after)), axis=axis + 1) / size_as(each, x.dtype)
    many, wide = size_as(m, index((), 0, ()).dtype), floor_div(n + m - 2, m) + 1  # the longest part
    first = index((m,), 0, (n,))
    start, end = floor_divide(first, many), floor_divide(first + size_as(n, many.dtype) + (many - 1), many)
    at = reshape(start, (m, 1)) + index((wide,), 0, (1,))
    inside = less(at, reshape(end, (m, 1)))
    parts = take(x, where(inside, at, 0), axis=axis)
    ones = (1,) * len(after)
    total = sum_(where(reshape(inside, (m, wide, *ones)), parts, 0), axis=axis + 1)
    return total / reshape(astype(end - start, x.dtype), (m, *ones))


@composite(
    namespace="nn",
    onnx="GlobalAveragePool",
    reference=_adaptive_reference,
    samples=lambda rng: [
        Sample((rng.uniform(-2, 2, s), m)) for s, m in (((2, 3, 7), 3), ((1, 2, 6), 2), ((1, 1, 3), 5))
    ],
)
def adaptive_avg_pool1d(x: TensorLike, output_size: SizeLike) -> Tensor:
    """``output_size`` means along x (N, C, L): the i-th of the elements from i L / m rounded down up to (i + 1) L / m
    rounded up, m being output_size.

    Dtypes: float
    Shapes: (N, C, L) -> (N, C, output_size)
    Edges: adaptive_avg_pool1d([[[nan, 1.0]]], 2) = [[[nan, 1.0]]]
    Raises: ShapeError, DTypeError
    Example: gd.nn.adaptive_avg_pool1d([[[1.0, 2.0, 6.0]]], 2) -> [[[1.5, 4.0]]]
    Source: as torch.nn.functional.adaptive_avg_pool1d
    """
    return _adaptive("adaptive_avg_pool1d", x, output_size, 1)


@composite(
    namespace="nn",
    onnx="GlobalAveragePool",
    reference=_adaptive_reference,
    samples=lambda rng: [
        Sample((rng.uniform(-2, 2, s), m))
        for s, m in (((2, 3, 6, 4), 2), ((1, 2, 7, 5), (3, 2)), ((1, 2, 5, 4), (None, 3)), ((1, 1, 2, 3), (5, 4)))
    ],
)
def adaptive_avg_pool2d(x: TensorLike, output_size: SizeLike | tuple[SizeLike | None, SizeLike | None]) -> Tensor:
    """As many means as ``output_size`` says along each of the last two axes of x (N, C, H, W), of parts as
    adaptive_avg_pool1d has them; None keeps a size.

    Dtypes: float
    Shapes: (N, C, H, W) -> (N, C, H', W'), output_size being H' and W'
    Edges: adaptive_avg_pool2d([[[[nan, 1.0]]]], (1, 2)) = [[[[nan, 1.0]]]]
    Raises: ShapeError, DTypeError
    Example: gd.nn.adaptive_avg_pool2d([[[[1.0, 2.0], [3.0, 4.0]]]], 1) -> [[[[2.5]]]]
    Source: as torch.nn.functional.adaptive_avg_pool2d
    """
    return _adaptive("adaptive_avg_pool2d", x, output_size, 2)
