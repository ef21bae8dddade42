"""Declarations of the pooling operations of ``gd.nn``: windows of images (N, C, H, W) and of signals (N, C, L) made one
element each.

max_pool2d is one node with two results, the values and where each was found; its derivatives gather and scatter
there. Averages are sums over windows, a linear operation with its transpose, divided by what a window holds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..errors import GraphError, ShapeError
from ..ir.dims import Size, product
from ..ir.dtypes import int32
from ..ir.node import Node
from . import batching, pattern
from .conv import pair_of, window_count
from .elementwise import astype, maximum, minimum
from .gather import index, size_as
from .laws import Attrs, Values, are_ints, is_pair, is_shape, law
from .masks import cut_by, leading_masks
from .movement import reshape
from .opdef import composite, custom, linear, op, operands
from .registry import Call, Sample, op_of
from .tensor import Tensor, fail, make
from .types import Ints, Padding, TensorLike
from .windows import from_taps, taps

BY_CHANNEL = leading_masks(2)  # below a choice: one channel of an image counts or does not


def _windows_of(
    name: str, x: Any, kernel_size: Any, stride: Any, padding: Any, n: int = 2
) -> tuple[Tensor, dict[str, Any]]:
    """The image as a Tensor and the attributes of its windows of ``n`` dimensions. Raises GraphError, ShapeError,
    DTypeError."""
    xs = (x,) = operands(name, (x,), "float")
    if x.ndim != n + 2:
        fail(ShapeError, name, f"the input has {x.ndim} dimensions, not {n + 2}", xs)
    kernel = pair_of(name, "kernel_size", kernel_size, 1, xs, n)
    strides = kernel if stride is None else pair_of(name, "stride", stride, 1, xs, n)
    pads = pair_of(name, "padding", padding, 0, xs, n)
    for k, p in zip(kernel, pads):
        if 2 * p > k:
            fail(GraphError, name, f"padding {p} is more than half of the kernel size {k}", xs)
    return x, {"kernel": kernel, "stride": strides, "padding": pads}


def _image_of(name: str, x: Any, kernel_size: Any, stride: Any, padding: Any, n: int) -> tuple[Tensor, dict[str, Any]]:
    """The same where at least one window fits; a signal (n = 1) is an image of height 1."""
    x, a = _windows_of(name, x, kernel_size, stride, padding, n)
    _result_size(name, x.shape[2:], a, (x,))
    if n == 1:
        x, a = reshape(x, (*x.shape[:2], 1, x.shape[2])), {k: (int(k != "padding"), *v) for k, v in a.items()}
    return x, a


def _result_size(name: str, size: Sequence[Size], a: dict[str, Any], xs: Any) -> tuple[Size, ...]:
    return tuple(
        window_count(name, n, k, s, p, p, 1, xs) for n, k, s, p in zip(size, a["kernel"], a["stride"], a["padding"])
    )


def _kernel(name: str, order: Callable[[Node], tuple[Any, Any]]) -> Call:
    """``order(node)``: the image and the value with one element a window."""

    def params(node: Node) -> tuple[Size, ...]:
        (image, result), a = order(node), node.attrs
        n, c, height, width = image.shape
        return (n * c, height, width, *result.shape[2:], *a["kernel"], *a["stride"], *a["padding"])

    def flops(node: Node) -> Size:
        return product((*order(node)[1].shape, *node.attrs["kernel"]))

    return Call(name, params, flops=flops)


def _reduces(node: Node) -> tuple[Any, Any]:
    return node.inputs[0], node.outputs[0]


# ------------------------------------------------------------------ max
def _infer_max(xs: Any, a: Any) -> Any:
    (x,) = xs
    shape = (*x.shape[:2], *_result_size("max_pool2d", x.shape[2:], a, xs))
    return ((shape, x.dtype), (shape, int32))


def _planes(x: Tensor) -> Tensor:
    """(N, C, H, W) as (N, C, H*W), where the positions of max_pool2d point."""
    return reshape(x, (*x.shape[:2], x.shape[2] * x.shape[3]))


def _max_vjp(node: Node, gs: Any, wanted: Any, _d: Any) -> Any:
    if not wanted[0] or gs[0] is None:
        return [None]
    (x,), at = node.inputs, _planes(node.outputs[1])
    return [reshape(op("take_along_vjp")(_planes(gs[0]), at, size=x.shape[2] * x.shape[3], axis=2), x.shape)]


def _max_jvp(node: Node, ts: Any, _d: Any) -> Any:
    if ts[0] is None:
        return [None, None]
    y, at = node.outputs
    return [reshape(op("take_along_axis")(_planes(ts[0]), _planes(at), axis=2), y.shape), None]


def _max_pool2d(x: TensorLike, kernel_size: Ints, stride: Ints | None = None, padding: Padding = 0) -> Tensor:
    x, attrs = _windows_of("max_pool2d", x, kernel_size, stride, padding)
    return make(MAX_POOL, (x,), attrs)[0]


def _pool_reference(x: Any, kernel_size: Any, stride: Any, padding: Any, fill: float, reduce: Any) -> Any:
    k, p = (v if isinstance(v, tuple) else (v, v) for v in (kernel_size, padding))
    s = k if stride is None else stride if isinstance(stride, tuple) else (stride, stride)
    xp = np.pad(x, ((0, 0), (0, 0), (p[0],) * 2, (p[1],) * 2), constant_values=fill)
    ho, wo = ((xp.shape[2 + i] - k[i]) // s[i] + 1 for i in range(2))
    y = np.empty((*x.shape[:2], ho, wo), x.dtype)
    for i in range(ho):
        for j in range(wo):
            y[..., i, j] = reduce(xp[..., i * s[0] : i * s[0] + k[0], j * s[1] : j * s[1] + k[1]])
    return y


def _max_reference(x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0) -> Any:
    return _pool_reference(x, kernel_size, stride, padding, -np.inf, lambda w: w.max((-2, -1)))


_CASES: tuple[tuple[tuple[int, ...], dict[str, Any]], ...] = (
    ((2, 3, 6, 4), {"kernel_size": 2}),
    ((1, 2, 7, 5), {"kernel_size": 3, "stride": 2, "padding": 1}),
    ((2, 1, 5, 9), {"kernel_size": (2, 3), "stride": (1, 2), "padding": (0, 1)}),
    ((1, 2, 4, 4), {"kernel_size": 4}),
    ((1, 1, 5, 5), {"kernel_size": 1, "stride": 3}),
    ((0, 2, 4, 4), {"kernel_size": 2}),
    ((1, 2, 9, 40), {"kernel_size": 3, "stride": 1, "padding": 1}),
)


def _apart(rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    """Numbers far enough from each other for finite differences of their maximum."""
    return rng.permutation(np.linspace(-2, 2, int(np.prod(shape)))).reshape(shape)


def _windows(size: Sequence[Size], a: Attrs) -> tuple[Size, ...] | None:
    """How many windows there are, None where padding is more than half of one."""
    if not all(0 <= 2 * pad <= k for pad, k in zip(a["padding"], a["kernel"])):
        return None
    return _result_size("max_pool2d", size, a, ())


def _keeps_pool(xs: Values, a: Attrs) -> bool:
    return xs[0].ndim == 4 and len(a["padding"]) == 2 and _windows(xs[0].shape[2:], a) is not None


def _keeps_pool_vjp(xs: Values, a: Attrs) -> bool:
    return (
        xs[0].ndim == 4 and len(a["padding"]) == 2 and len(a["size"]) == 2 and _windows(a["size"], a) == xs[0].shape[2:]
    )


_WINDOW: dict[str, Callable[[Any], bool]] = {"kernel": is_pair, "stride": is_pair, "padding": are_ints}


def _taps(x: Any, a: Any, fill: float) -> Any:
    count = [(x.shape[2 + i] + 2 * a["padding"][i] - a["kernel"][i]) // a["stride"][i] + 1 for i in (0, 1)]
    return taps(x, a["kernel"], a["stride"], a["padding"], (1, 1), count, fill)


def _max_arrays(xs: Any, a: Any) -> Any:
    (x,) = xs
    places = np.arange(x.shape[2] * x.shape[3]).reshape(1, 1, *x.shape[2:])
    cols, at = (np.moveaxis(_taps(v, a, fill), (2, 3), (-2, -1)) for v, fill in ((x, -np.inf), (places, -1)))
    cols, at = (v.reshape(*v.shape[:4], v.shape[4] * v.shape[5]) for v in (cols, at))
    best = np.argmax(cols, axis=-1)[..., None]  # the first; NaN counts as the largest
    at = np.take_along_axis(np.broadcast_to(at, cols.shape), best, -1)[..., 0]
    return np.take_along_axis(cols, best, -1)[..., 0], at.astype(np.int32)


def _meeting(node: Node) -> np.ndarray:
    """Which places of image, result and window meet."""
    a, (first,), (y, *_) = node.attrs, node.inputs, node.outputs
    image, result = (y, first) if "size" in a else (first, y)
    return pattern.taps(pattern.shape(image)[2:], pattern.shape(result)[2:], a["kernel"], a)


max_pool2d = custom(
    "max_pool2d",
    "The largest element of each window of x (N, C, H, W); stride is kernel_size unless given, padding "
    "counts as -inf. NaN wins; of equal elements the first, row by row, takes the gradient.\n"
    "Arguments: ``x``: images (N, C, H, W); ``kernel_size``: an int or a pair; ``stride``: an int or a "
    "pair; kernel_size unless given; ``padding``: an int or a pair\n"
    "Dtypes: float\n"
    "Shapes: (N, C, H, W) -> (N, C, H', W') with H' = (H + 2 padding - kernel) // stride + 1\n"
    "Edges: max_pool2d([[[[nan, 1.0]]]], (1, 2)) = [[[[nan]]]]; padding is at most half of the kernel\n"
    "Raises: ShapeError, DTypeError, GraphError\n"
    "Example: gd.nn.max_pool2d([[[[1.0, 2.0], [3.0, 4.0]]]], 2) -> [[[[4.0]]]]\n"
    "Source: as torch.nn.functional.max_pool2d",
    infer=_infer_max,
    public=_max_pool2d,
    vjp=cut_by(BY_CHANNEL, _max_vjp),
    masks=BY_CHANNEL,
    jvp=_max_jvp,
    reference=_max_reference,
    namespace="nn",
    kernel=_kernel("max_pool2d", _reduces),
    samples=lambda rng: [Sample((_apart(rng, shape),), kwargs) for shape, kwargs in _CASES],
    smooth=False,
    onnx="MaxPool",
    batch=batching.in_first_dim,
    law=law("float", _keeps_pool, **_WINDOW),
    compute=_max_arrays,
    page="largestOfWindows",
    pattern=pattern.windowed("ncp", None, "ncq", _meeting),
)
MAX_POOL = op_of(max_pool2d)


# ------------------------------------------------------------------ sums and averages
def _infer_sum(xs: Any, a: Any) -> Any:
    (x,) = xs
    return (((*x.shape[:2], *_result_size("sum_pool2d", x.shape[2:], a, xs)), x.dtype),)


def _infer_sum_vjp(xs: Any, a: Any) -> Any:
    return (((*xs[0].shape[:2], *a["size"]), xs[0].dtype),)


def _attrs(node: Node, **more: Any) -> dict[str, Any]:
    return {k: node.attrs[k] for k in ("kernel", "stride", "padding")} | more


def _sum_pool2d(x: Any, /, kernel: Any, stride: Any, padding: Any) -> Tensor:
    x, attrs = _windows_of("sum_pool2d", x, kernel, stride, padding)
    return make(SUM_POOL, (x,), attrs)


sum_pool2d = linear(
    "sum_pool2d",
    "The sum of each window of x (N, C, H, W); padding counts as 0.",
    infer=_infer_sum,
    transpose=lambda node, g: make(SUM_POOL_VJP, (g,), _attrs(node, size=node.inputs[0].shape[2:])),
    kernel=_kernel("sum_pool2d", _reduces),
    public=_sum_pool2d,
    namespace="nn",
    batch=batching.in_first_dim,
    law=law("float", _keeps_pool, **_WINDOW),
    internal=True,
    compute=lambda xs, a: _taps(xs[0], a, 0).sum((2, 3)),
    page="summedWindows",
    pattern=pattern.windowed("ncp", None, "ncq", _meeting),
)
SUM_POOL = op_of(sum_pool2d)


def _sum_pool2d_vjp(g: Any, /, size: Any, kernel: Any, stride: Any, padding: Any) -> Tensor:
    g, attrs = _windows_of("sum_pool2d_vjp", g, kernel, stride, padding)
    return make(SUM_POOL_VJP, (g,), attrs | {"size": tuple(size)})


def _sum_vjp_arrays(xs: Any, a: Any) -> Any:
    shape = (*xs[0].shape[:2], *a["kernel"], *xs[0].shape[2:])
    cols = np.broadcast_to(xs[0][:, :, None, None], shape)
    return from_taps(cols, a["size"], a["stride"], a["padding"], (1, 1))


sum_pool2d_vjp = linear(
    "sum_pool2d_vjp",
    "The transpose of sum_pool2d: at each pixel of ``size`` the sum of g over the windows it is in.",
    infer=_infer_sum_vjp,
    transpose=lambda node, x: make(SUM_POOL, (x,), _attrs(node)),
    public=_sum_pool2d_vjp,
    kernel=_kernel("sum_pool2d_vjp", lambda node: (node.outputs[0], node.inputs[0])),
    namespace="nn",
    batch=batching.in_first_dim,
    law=law("float", _keeps_pool_vjp, size=is_shape, **_WINDOW),
    internal=True,
    compute=_sum_vjp_arrays,
    page="spreadWindows",
    pattern=pattern.windowed("ncq", None, "ncp", _meeting),
)
SUM_POOL_VJP = op_of(sum_pool2d_vjp)


def _held(x: Tensor, axis: int, windows: Size, a: dict[str, Any]) -> Tensor:
    """How many elements of ``x`` each window holds along an axis of the image (0 or 1)."""
    start = index((windows,), -a["padding"][axis], (a["stride"][axis],))
    end = minimum(start + a["kernel"][axis], size_as(x.shape[2 + axis], start.dtype))
    return astype(end - maximum(start, 0), x.dtype)


def _avg_reference(
    x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, count_include_pad: bool = True
) -> Any:
    mean = np.mean if count_include_pad else np.nanmean
    fill = 0.0 if count_include_pad else np.nan
    return _pool_reference(x, kernel_size, stride, padding, fill, lambda w: mean(w, axis=(-2, -1)))


def _avg_samples(rng: np.random.Generator) -> Any:
    for shape, kwargs in _CASES:
        for include in (True, False):
            yield Sample((rng.uniform(-2, 2, shape),), kwargs | {"count_include_pad": include})


@composite(namespace="nn", reference=_avg_reference, samples=_avg_samples, onnx="AveragePool")
def avg_pool2d(
    x: TensorLike, kernel_size: Ints, stride: Ints | None = None, padding: Padding = 0, count_include_pad: bool = True
) -> Tensor:
    """The mean of each window of x (N, C, H, W); stride is kernel_size unless given. Padding counts as zeros, or
    with ``count_include_pad=False`` not at all.

    Arguments: ``x``: images (N, C, H, W); ``kernel_size``: an int or a pair; ``stride``: an int or a pair; kernel_size
    unless given; ``padding``: an int or a pair; ``count_include_pad``: whether padding counts as zeros
    Dtypes: float
    Shapes: (N, C, H, W) -> (N, C, H', W') with H' = (H + 2 padding - kernel) // stride + 1
    Edges: avg_pool2d([[[[nan, 1.0]]]], (1, 2)) = [[[[nan]]]]
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.nn.avg_pool2d([[[[1.0, 2.0], [3.0, 4.0]]]], 2) -> [[[[2.5]]]]
    Source: as torch.nn.functional.avg_pool2d
    """
    return _average("avg_pool2d", x, kernel_size, stride, padding, count_include_pad, 2)


def _average(name: str, x: Any, kernel_size: Any, stride: Any, padding: Any, count_include_pad: Any, n: int) -> Tensor:
    x, attrs = _image_of(name, x, kernel_size, stride, padding, n)
    total = make(SUM_POOL, (x,), attrs)
    if count_include_pad or attrs["padding"] == (0, 0):
        return total * (1 / (attrs["kernel"][0] * attrs["kernel"][1]))
    rows, columns = (_held(x, axis, total.shape[2 + axis], attrs) for axis in (0, 1))
    return total / (reshape(rows, (total.shape[2], 1)) * columns)


# ------------------------------------------------------------------ signals
def _signal(y: Tensor) -> Tensor:
    """(N, C, 1, L) as (N, C, L)."""
    return reshape(y, (*y.shape[:2], y.shape[3]))


def _of_signals(reference: Callable[..., Any]) -> Callable[..., Any]:
    """The reference for signals by that for images of height 1."""

    def of(x: Any, kernel_size: int, stride: Any = None, padding: int = 0, **more: Any) -> Any:
        steps = None if stride is None else (1, stride)
        return reference(x[:, :, None], (1, kernel_size), steps, (0, padding), **more)[:, :, 0]

    return of


_SIGNALS: tuple[tuple[tuple[int, ...], dict[str, Any]], ...] = (
    ((2, 3, 8), {"kernel_size": 2}),
    ((1, 2, 7), {"kernel_size": 3, "stride": 2, "padding": 1}),
    ((1, 1, 9), {"kernel_size": 1, "stride": 4}),
)


@composite(
    namespace="nn",
    reference=_of_signals(_max_reference),
    smooth=False,
    onnx="MaxPool",
    samples=lambda rng: [Sample((_apart(rng, shape),), kwargs) for shape, kwargs in _SIGNALS],
)
def max_pool1d(x: TensorLike, kernel_size: Ints, stride: Ints | None = None, padding: Padding = 0) -> Tensor:
    """The largest element of each window of x (N, C, L), as max_pool2d of images of height 1.

    Arguments: ``x``: signals (N, C, L); ``kernel_size``: an int; ``stride``: an int; kernel_size unless given;
    ``padding``: an int
    Dtypes: float
    Shapes: (N, C, L) -> (N, C, L') with L' = (L + 2 padding - kernel) // stride + 1
    Edges: max_pool1d([[[nan, 1.0]]], 2) = [[[nan]]]; padding is at most half of the kernel
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.nn.max_pool1d([[[1.0, 2.0, 3.0, 0.0]]], 2) -> [[[2.0, 3.0]]]
    Source: as torch.nn.functional.max_pool1d
    """
    x, attrs = _image_of("max_pool1d", x, kernel_size, stride, padding, 1)
    return _signal(make(MAX_POOL, (x,), attrs)[0])


@composite(
    namespace="nn",
    reference=_of_signals(_avg_reference),
    onnx="AveragePool",
    samples=lambda rng: [
        Sample((rng.uniform(-2, 2, shape),), kwargs | {"count_include_pad": include})
        for shape, kwargs in _SIGNALS
        for include in (True, False)
    ],
)
def avg_pool1d(
    x: TensorLike, kernel_size: Ints, stride: Ints | None = None, padding: Padding = 0, count_include_pad: bool = True
) -> Tensor:
    """The mean of each window of x (N, C, L), as avg_pool2d of images of height 1.

    Arguments: ``x``: signals (N, C, L); ``kernel_size``: an int; ``stride``: an int; kernel_size unless given;
    ``padding``: an int; ``count_include_pad``: whether padding counts as zeros
    Dtypes: float
    Shapes: (N, C, L) -> (N, C, L') with L' = (L + 2 padding - kernel) // stride + 1
    Edges: avg_pool1d([[[nan, 1.0]]], 2) = [[[nan]]]
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.nn.avg_pool1d([[[1.0, 2.0, 3.0, 5.0]]], 2) -> [[[1.5, 4.0]]]
    Source: as torch.nn.functional.avg_pool1d
    """
    return _signal(_average("avg_pool1d", x, kernel_size, stride, padding, count_include_pad, 1))
