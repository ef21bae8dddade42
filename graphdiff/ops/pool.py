"""Declarations of the pooling operations of ``gd.nn`` over images (N, C, H, W), windows made one element each.

max_pool2d is one node with two results, the values and where each was found; its derivatives gather and scatter
there. Averages are sums over windows, a linear operation with its transpose; those and pools of signals and volumes are
made of the two in pool_made.py. Attributes: ``padding`` (top, bottom, left, right), of which ends may be negative or
more than was asked for, as windows round up (``ceil_mode``); a window's taps are ``dilation`` apart.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..errors import GraphError, ShapeError
from ..ir.dims import Size, floor_div, least, product
from ..ir.dtypes import int32
from ..ir.node import Node
from . import batching, pattern
from .conv import check_image, pair_of, sides_of, window_count
from .laws import Attrs, Values, are_offsets, is_pair, is_shape, law
from .masks import cut_by, leading_masks
from .movement import reshape
from .opdef import custom, linear
from .operands import operands
from .registry import Call, Sample, op, op_of
from .tensor import Tensor, fail, make
from .types import Ints, Padding, TensorLike
from .windows import from_taps, taps

BY_CHANNEL = leading_masks(2)  # below a choice: one channel of an image counts or does not


class Windows(NamedTuple):
    """Of each dimension of an image: a window's taps, how far windows and taps are apart, the padding as asked for, the
    padding after the last element that makes the windows there are, and their number."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    low: tuple[int, ...]
    high: tuple[int, ...]
    reach: tuple[Size, ...]
    number: tuple[Size, ...]

    def attrs(self, *axes: int) -> dict[str, Any]:
        """The attributes of a pool over these dimensions; a single one is the width of images of height 1."""
        if len(axes) == 1:
            (i,) = axes
            pads: tuple[Size, ...] = (0, 0, self.low[i], self.reach[i])
            return {"kernel": (1, self.kernel[i]), "stride": (1, self.stride[i]), "padding": pads} | {
                "dilation": (1, self.dilation[i])
            }
        pads = tuple(p for i in axes for p in (self.low[i], self.reach[i]))
        of = {"kernel": self.kernel, "stride": self.stride, "dilation": self.dilation}
        return {k: tuple(v[i] for i in axes) for k, v in of.items()} | {"padding": pads}


def windows_of(
    name: str, x: Any, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool, n: int
) -> tuple[Tensor, Windows]:
    """The image as a Tensor and its windows, of ``n`` dimensions. Raises GraphError, ShapeError, DTypeError."""
    xs = (x,) = operands(name, (x,), "float")
    check_image(name, x, n, xs)
    kernel = pair_of(name, "kernel_size", kernel_size, 1, xs, n)
    strides = kernel if stride is None else pair_of(name, "stride", stride, 1, xs, n)
    steps = pair_of(name, "dilation", dilation, 1, xs, n)
    sides = sides_of(name, padding, xs, n)
    reach: list[Size] = []
    count: list[Size] = []
    for i, (size, k, s, d) in enumerate(zip(x.shape[2:], kernel, strides, steps)):
        low, high, span = sides[2 * i], sides[2 * i + 1], d * (k - 1) + 1
        for p in (low, high):
            if 2 * p > span:
                fail(GraphError, name, f"padding {p} is more than half of the kernel size {span}", xs)
        if isinstance(size, int) and low and size < d:
            told = f"taps {d} apart and an image of {size}: a window may lie in the padding alone"
            fail(ShapeError, name, told, xs)
        windows = window_count(name, size, k, s, low, high + (s - 1 if ceil_mode else 0), d, xs)
        if ceil_mode:  # none begins in the padding after the image
            windows = least(windows, floor_div(size + low - 1, s) + 1)
            high = (windows - 1) * s + span - size - low
        reach.append(high)
        count.append(windows)
    ends = sides[::2], sides[1::2]
    return x, Windows(kernel, strides, steps, *ends, tuple(reach), tuple(count))


def _counts(name: str, size: Sequence[Size], a: dict[str, Any], xs: Any) -> tuple[Size, ...]:
    sides = a["padding"][::2], a["padding"][1::2]
    return tuple(
        window_count(name, n, k, s, low, high, d, xs)
        for n, k, s, low, high, d in zip(size, a["kernel"], a["stride"], *sides, a["dilation"])
    )


def _kernel(name: str, order: Callable[[Node], tuple[Any, Any]]) -> Call:
    """``order(node)``: the image and the value with one element a window."""

    def params(node: Node) -> tuple[Size, ...]:
        (image, result), a = order(node), node.attrs
        n, c, height, width = image.shape
        first = a["padding"][::2]
        return (n * c, height, width, *result.shape[2:], *a["kernel"], *a["stride"], *first, *a["dilation"])

    def flops(node: Node) -> Size:
        return product((*order(node)[1].shape, *node.attrs["kernel"]))

    return Call(name, params, flops=flops)


def _reduces(node: Node) -> tuple[Any, Any]:
    return node.inputs[0], node.outputs[0]


# ------------------------------------------------------------------ max
def _infer_max(xs: Any, a: Any) -> Any:
    (x,) = xs
    shape = (*x.shape[:2], *_counts("max_pool2d", x.shape[2:], a, xs))
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


def _max_pool2d(
    x: TensorLike,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Padding = 0,
    dilation: Ints = 1,
    ceil_mode: bool = False,
) -> Tensor:
    x, windows = windows_of("max_pool2d", x, kernel_size, stride, padding, dilation, ceil_mode, 2)
    return make(MAX_POOL, (x,), windows.attrs(0, 1))[0]


def _each(v: Any, n: int) -> tuple[Any, ...]:
    return tuple(v) if isinstance(v, (tuple, list)) else (v,) * n


def pool_reference(
    x: Any,
    reduce: Callable[[Any], Any],
    fill: float,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    outside: float | None = None,
) -> Any:
    """Each window by the definition; ``fill``: the padding; ``outside``: beyond that, where windows round up."""
    n = x.ndim - 2
    k, d, pads = _each(kernel_size, n), _each(dilation, n), [_each(p, 2) for p in _each(padding, n)]
    s = k if stride is None else _each(stride, n)
    wide = np.pad(x, [(0, 0), (0, 0), *pads], constant_values=fill)
    count = []
    for i in range(n):
        room = x.shape[2 + i] + sum(pads[i]) - d[i] * (k[i] - 1) - 1
        w = -(-room // s[i]) + 1 if ceil_mode else room // s[i] + 1
        count.append(w - 1 if ceil_mode and (w - 1) * s[i] >= x.shape[2 + i] + pads[i][0] else w)
    beyond = [(0, k[i] * d[i] + s[i]) for i in range(n)]
    wide = np.pad(wide, [(0, 0), (0, 0), *beyond], constant_values=fill if outside is None else outside)
    y = np.empty((*x.shape[:2], *count), x.dtype)
    at: Any
    for at in np.ndindex(*count):
        part: Any = tuple(np.s_[a * s[i] : a * s[i] + d[i] * (k[i] - 1) + 1 : d[i]] for i, a in enumerate(at))
        y[(..., *at)] = reduce(wide[(..., *part)])
    return y


def max_reference(x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, **more: Any) -> Any:
    axes = tuple(range(2, x.ndim))
    return pool_reference(x, lambda w: w.max(axes), -np.inf, kernel_size, stride, padding, **more)


CASES: tuple[tuple[tuple[int, ...], dict[str, Any]], ...] = (
    ((2, 3, 6, 4), {"kernel_size": 2}),
    ((1, 2, 7, 5), {"kernel_size": 3, "stride": 2, "padding": 1}),
    ((2, 1, 5, 9), {"kernel_size": (2, 3), "stride": (1, 2), "padding": (0, 1)}),
    ((1, 2, 4, 4), {"kernel_size": 4}),
    ((1, 1, 5, 5), {"kernel_size": 1, "stride": 3}),
    ((0, 2, 4, 4), {"kernel_size": 2}),
    ((1, 2, 9, 40), {"kernel_size": 3, "stride": 1, "padding": 1}),
    ((1, 2, 6, 7), {"kernel_size": 3, "stride": 2, "ceil_mode": True}),
    ((1, 1, 8, 9), {"kernel_size": (2, 3), "stride": 2, "dilation": (3, 2), "padding": 1}),
    ((2, 1, 5, 6), {"kernel_size": 3, "stride": 2, "padding": ((1, 0), (0, 1)), "ceil_mode": True}),
)


def apart(rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    """Numbers far enough from each other for finite differences of their maximum."""
    return rng.permutation(np.linspace(-2, 2, int(np.prod(shape)))).reshape(shape)


def _windows(size: Sequence[Size], a: Attrs) -> tuple[Size, ...]:
    return _counts("max_pool2d", size, a, ())


def _keeps_pool(xs: Values, a: Attrs) -> bool:
    return xs[0].ndim == 4 and len(a["padding"]) == 4 and len(_windows(xs[0].shape[2:], a)) == 2


def _keeps_pool_vjp(xs: Values, a: Attrs) -> bool:
    return (
        xs[0].ndim == 4 and len(a["padding"]) == 4 and len(a["size"]) == 2 and _windows(a["size"], a) == xs[0].shape[2:]
    )


_WINDOW: dict[str, Callable[[Any], bool]] = {
    "kernel": is_pair,
    "stride": is_pair,
    "dilation": is_pair,
    "padding": are_offsets,
}


def _taps(x: Any, a: Any, fill: float) -> Any:
    count: Any = _windows(x.shape[2:], a)
    return taps(x, a["kernel"], a["stride"], a["padding"][::2], a["dilation"], count, fill)


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
    "pair; kernel_size unless given; ``padding``: an int, a pair, or two pairs (low, high); ``dilation``: how far taps "
    "are apart, an int or a pair; ``ceil_mode``: whether a last window may reach beyond the padding\n"
    "Dtypes: float\n"
    "Shapes: (N, C, H, W) -> (N, C, H', W') with H' = (H + 2 padding - dilation (kernel - 1) - 1) // stride + 1\n"
    "Edges: max_pool2d([[[[nan, 1.0]]]], (1, 2)) = [[[[nan]]]]; padding is at most half of the kernel\n"
    "Raises: ShapeError, DTypeError, GraphError\n"
    "Example: gd.nn.max_pool2d([[[[1.0, 2.0], [3.0, 4.0]]]], 2) -> [[[[4.0]]]]\n"
    "Source: as torch.nn.functional.max_pool2d",
    infer=_infer_max,
    public=_max_pool2d,
    vjp=cut_by(BY_CHANNEL, _max_vjp),
    masks=BY_CHANNEL,
    jvp=_max_jvp,
    reference=max_reference,
    namespace="nn",
    kernel=_kernel("max_pool2d", _reduces),
    samples=lambda rng: [Sample((apart(rng, shape),), kwargs) for shape, kwargs in CASES],
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
    return (((*x.shape[:2], *_counts("sum_pool2d", x.shape[2:], a, xs)), x.dtype),)


def _infer_sum_vjp(xs: Any, a: Any) -> Any:
    return (((*xs[0].shape[:2], *a["size"]), xs[0].dtype),)


def _attrs(node: Node, **more: Any) -> dict[str, Any]:
    return {k: node.attrs[k] for k in ("kernel", "stride", "dilation", "padding")} | more


def _sum_pool2d(x: Any, /, kernel: Any, stride: Any, dilation: Any, padding: Any) -> Tensor:
    (x,) = operands("sum_pool2d", (x,), "float")
    attrs = {"kernel": kernel, "stride": stride, "dilation": dilation, "padding": padding}
    return make(SUM_POOL, (x,), {k: tuple(v) for k, v in attrs.items()})


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


def _sum_pool2d_vjp(g: Any, /, size: Any, kernel: Any, stride: Any, dilation: Any, padding: Any) -> Tensor:
    (g,) = operands("sum_pool2d_vjp", (g,), "float")
    attrs = {"kernel": kernel, "stride": stride, "dilation": dilation, "padding": padding, "size": size}
    return make(SUM_POOL_VJP, (g,), {k: tuple(v) for k, v in attrs.items()})


def _sum_vjp_arrays(xs: Any, a: Any) -> Any:
    shape = (*xs[0].shape[:2], *a["kernel"], *xs[0].shape[2:])
    cols = np.broadcast_to(xs[0][:, :, None, None], shape)
    return from_taps(cols, a["size"], a["stride"], a["padding"][::2], a["dilation"])


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
