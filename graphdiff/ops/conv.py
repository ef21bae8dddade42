"""Declarations of the convolutions of ``gd.nn``, NCHW with weights OIHW; signatures are torch.nn.functional's.

One bilinear form, ``sum over c, i, j of x[n, c, y*s + i*d - p, ..] w[o, c, i, j] g[n, o, y, ..]``, seen from its three
operands: conv2d(x, w) is its gradient with respect to g, conv2d_dx(g, w) to x and conv2d_dw(x, g) to w, so each is
bilinear and its two transposes are the other two. Convolutions in one dimension and transposed ones are made of these
(conv_made.py).
Padding is (top, bottom, left, right) in attributes; a negative one leaves rows out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np

from ..errors import GraphError, ShapeError
from ..ir.dims import Dim, Shape, Size, exact_div, format_shape, product
from ..ir.node import Node
from . import batching, pattern
from .batching import Batch
from .laws import Attrs, Values, are_offsets, is_pair, is_shape, is_size, law
from .masks import leading_masks, without_unkept
from .movement import permute_dims, reshape
from .opdef import bilinear
from .operands import operands
from .registry import Call, Sample, op_of
from .tensor import Tensor, fail, make
from .types import Ints, Padding, TensorLike
from .windows import from_taps, grouped, taps

BY_IMAGE = leading_masks(3, 4)  # below a choice: an image counts or does not, the weight if any does


# ------------------------------------------------------------------ arguments


def pair_of(name: str, what: str, value: Any, least: int, xs: Sequence[Any], n: int = 2) -> tuple[int, ...]:
    """An int, or ``n`` of them, none below ``least``. Raises GraphError."""
    items = tuple(value) if isinstance(value, (tuple, list)) else (value,) * n
    if len(items) == 1:
        items = items * n
    if len(items) != n or any(
        isinstance(i, bool) or not isinstance(i, (int, np.integer)) or isinstance(i, Dim) or i < least for i in items
    ):
        wanted = f"an int of at least {least}" + (f", or {n} of them" if n > 1 else "")
        fail(GraphError, name, f"{what} is {wanted}, got {value!r}", xs)
    return tuple(int(i) for i in items)


def padding_of(
    name: str, padding: Any, kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int], xs: Sequence[Any]
) -> tuple[int, ...]:
    """Padding as given by the user, as (low, high) of each dimension one after the other."""
    if isinstance(padding, str):
        if padding == "valid":
            return (0, 0) * len(kernel)
        if padding != "same":
            fail(GraphError, name, f'padding is ints, "same" or "valid", got {padding!r}', xs)
        if any(s != 1 for s in stride):
            fail(GraphError, name, f'padding "same" needs stride 1, got {stride}', xs)
        totals = [d * (k - 1) for k, d in zip(kernel, dilation)]
        return tuple(p for t in totals for p in (t // 2, t - t // 2))
    return sides_of(name, padding, xs, len(kernel))


def sides_of(name: str, padding: Any, xs: Sequence[Any], n: int) -> tuple[int, ...]:
    """Padding as ints, or as a pair (low, high) for each of ``n`` dimensions, as (low, high) one after the other."""
    if isinstance(padding, (tuple, list)) and any(isinstance(p, (tuple, list)) for p in padding):
        if len(padding) != n or any(not isinstance(p, (tuple, list)) or len(p) != 2 for p in padding):
            fail(GraphError, name, f"padding is an int, {n} of them, or {n} pairs (low, high), got {padding!r}", xs)
        return tuple(q for p in padding for q in pair_of(name, "padding", tuple(p), 0, xs, 2))
    return tuple(p for q in pair_of(name, "padding", padding, 0, xs, n) for p in (q, q))


def window_count(
    name: str, size: Size, kernel: int, stride: int, low: int, high: int, dilation: int, xs: Sequence[Any]
) -> Size:
    """How many windows of ``kernel`` taps fit into a padded dimension. Raises ShapeError where not one does."""
    span, padded = dilation * (kernel - 1) + 1, size + low + high
    if isinstance(padded, int) and padded < span:
        fail(ShapeError, name, f"a window of {span} is larger than the padded size {padded}", xs)
    return (padded - span) // stride + 1


def check_image(name: str, x: Tensor, n: int, xs: Sequence[Any]) -> None:
    """Raises ShapeError for what is no batch of images of ``n`` dimensions."""
    if x.ndim != n + 2:
        axes = ", ".join(("batch", "channels", *("depth", "height", "width")[-n:]))
        told = f"the input has {x.ndim} dimensions, not {n + 2}"
        fail(ShapeError, name, f"{told}; write gd.reshape(x, shape) for one of ({axes})", xs)


def check_ndim(name: str, x: Tensor, what: str, ndim: int, xs: Sequence[Any]) -> None:
    if x.ndim != ndim:
        fail(ShapeError, name, f"{what} has {x.ndim} dimensions, not {ndim}", xs)


def kernel_of(name: str, w: Tensor, xs: Sequence[Any]) -> tuple[int, ...]:
    kernel = w.shape[2:]
    if any(isinstance(k, Dim) or k < 1 for k in kernel):
        fail(ShapeError, name, f"the kernel's sizes are ints of at least 1, got {format_shape(kernel)}", xs)
    return tuple(int(k) for k in kernel)


def groups_of(name: str, groups: Any, channels: Size, what: str, xs: Sequence[Any]) -> int:
    (groups,) = pair_of(name, "groups", groups, 1, xs, 1)
    if exact_div(channels, groups) is None:
        fail(ShapeError, name, f"{channels} {what} channels do not divide into {groups} groups", xs)
    return groups


# ------------------------------------------------------------------ the three operations
def _windows(name: str, size: Sequence[Size], kernel: Sequence[int], a: dict[str, Any], xs: Any) -> tuple[Size, ...]:
    return tuple(
        window_count(
            name, size[i], kernel[i], a["stride"][i], a["padding"][2 * i], a["padding"][2 * i + 1], a["dilation"][i], xs
        )
        for i in range(2)
    )


def _infer_conv2d(xs: Any, a: Any) -> Any:
    x, w = xs
    return (((x.shape[0], w.shape[0], *_windows("conv2d", x.shape[2:], w.shape[2:], a, xs)), x.dtype),)


def _infer_dx(xs: Any, a: Any) -> Any:
    g, w = xs
    return (((g.shape[0], w.shape[1] * a["groups"], *a["size"]), g.dtype),)


def _infer_dw(xs: Any, a: Any) -> Any:
    x, g = xs
    return (((g.shape[1], exact_div(x.shape[1], a["groups"]), *a["kernel"]), x.dtype),)


def _attrs(node: Node, **more: Any) -> dict[str, Any]:
    return {k: node.attrs[k] for k in ("stride", "padding", "dilation", "groups")} | more


def _forward(node: Node, x: Tensor, w: Tensor) -> Tensor:
    return make(CONV2D, (x, w), _attrs(node))


def _by_input(node: Node, g: Tensor, w: Tensor, x: Tensor) -> Tensor:
    return make(CONV2D_DX, (g, w), _attrs(node, size=x.shape[2:]))


def _by_weight(node: Node, x: Tensor, g: Tensor, w: Tensor) -> Tensor:
    return make(CONV2D_DW, (x, g), _attrs(node, kernel=w.shape[2:]))


def _params(node: Node, x: Tensor, w: Tensor, g: Tensor) -> tuple[Size, ...]:
    """The payload of the three kernels: the sizes of image, weight and result, and the arguments."""
    a = node.attrs
    top, _bottom, left, _right = a["padding"]
    return (*x.shape, *w.shape[:1], *g.shape[2:], *w.shape[2:], *a["stride"], top, left, *a["dilation"], a["groups"])


def _kernel(name: str, order: Any, channels: int | None = None) -> Call:
    """``order(node)``: image, weight and result-shaped value of the node; ``channels`` as for Call."""

    def flops(node: Node) -> Size:
        _x, w, g = order(node)
        return product((2, g.shape[0], *w.shape, *g.shape[2:]))

    return Call(name, lambda node: _params(node, *order(node)), flops=flops, channels=channels)


def conv_reference(
    x: Any, w: Any, b: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Any:
    """conv2d by the definition, one tap of the kernel at a time."""
    s, d = (v if isinstance(v, tuple) else (v, v) for v in (stride, dilation))
    pads = padding_of("conv2d", padding, w.shape[2:], s, d, [])
    xp = np.pad(x, ((0, 0), (0, 0), pads[:2], pads[2:]))
    n, _c, height, width = xp.shape
    o, cg, kh, kw = w.shape
    ho, wo = (height - d[0] * (kh - 1) - 1) // s[0] + 1, (width - d[1] * (kw - 1) - 1) // s[1] + 1
    xg, wg = xp.reshape(n, groups, cg, height, width), w.reshape(groups, o // groups, cg, kh, kw)
    y = np.zeros((n, groups, o // groups, ho, wo), x.dtype)
    for i in range(kh):
        for j in range(kw):
            tap = xg[..., i * d[0] :, j * d[1] :][..., : (ho - 1) * s[0] + 1 : s[0], : (wo - 1) * s[1] + 1 : s[1]]
            y += np.einsum("ngchw,goc->ngohw", tap, wg[..., i, j])
    y = y.reshape(n, o, ho, wo)
    return y if b is None else y + b[:, None, None]


_CONV_CASES: tuple[tuple[tuple[int, ...], tuple[int, ...], bool, dict[str, Any]], ...] = (
    ((2, 3, 6, 5), (4, 3, 3, 3), True, {}),
    ((2, 3, 6, 5), (4, 3, 3, 3), True, {"padding": 1}),
    ((1, 4, 7, 8), (6, 2, 3, 2), True, {"stride": 2, "padding": (1, 0), "groups": 2}),
    ((2, 2, 9, 7), (3, 2, 2, 3), False, {"stride": (1, 3), "dilation": (3, 2), "padding": 2}),
    ((2, 3, 5, 5), (3, 1, 3, 3), False, {"groups": 3, "padding": "same"}),
    ((1, 2, 5, 6), (2, 2, 4, 2), True, {"padding": "same", "dilation": (1, 2)}),
    ((2, 3, 4, 4), (5, 3, 1, 1), True, {"stride": 3}),
    ((1, 1, 3, 3), (1, 1, 3, 3), False, {"padding": "valid"}),
    ((1, 2, 20, 37), (3, 2, 3, 3), False, {"padding": 1}),
    ((0, 2, 4, 4), (3, 2, 3, 3), True, {}),
)


def _conv_samples(rng: np.random.Generator) -> Any:
    for x, w, biased, kwargs in _CONV_CASES:
        bias = (rng.uniform(-1, 1, w[0]),) if biased else ()
        yield Sample((rng.uniform(-1, 1, x), rng.uniform(-1, 1, w), *bias), kwargs)


def biased(name: str, y: Tensor, bias: Any, xs: Sequence[Any]) -> Tensor:
    """``y`` plus one number a channel (axis 1)."""
    if bias is None:
        return y
    y, b = operands(name, (y, bias), "float")
    if b.shape != (y.shape[1],):
        fail(ShapeError, name, f"bias has shape {format_shape(b.shape)}, not {format_shape((y.shape[1],))}", [*xs, b])
    return y + reshape(b, (y.shape[1], *(1,) * (y.ndim - 2)))


def _conv2d(
    x: TensorLike,
    weight: TensorLike,
    bias: TensorLike | None = None,
    stride: Ints = 1,
    padding: Padding | Literal["same", "valid"] = 0,
    dilation: Ints = 1,
    groups: int = 1,
) -> Tensor:
    return biased("conv2d", convolved("conv2d", x, weight, stride, padding, dilation, groups, 2), bias, [])


def check_channels(name: str, x: Tensor, w: Tensor, groups: Any, xs: Sequence[Any]) -> int:
    """In how many groups the channels of an image and a weight are parted. Raises ShapeError, GraphError."""
    groups = groups_of(name, groups, x.shape[1], "input", xs)
    if exact_div(w.shape[0], groups) is None:
        fail(ShapeError, name, f"{w.shape[0]} output channels do not divide into {groups} groups", xs)
    if w.shape[1] * groups != x.shape[1]:
        fail(
            ShapeError,
            name,
            f"the input has {x.shape[1]} channels, the weight takes {w.shape[1]} in each of {groups} groups",
            xs,
        )
    return groups


def convolved(name: str, x: Any, weight: Any, stride: Any, padding: Any, dilation: Any, groups: Any, n: int) -> Tensor:
    xs = x, w = operands(name, (x, weight), "float")
    check_image(name, x, n, xs)
    check_ndim(name, w, "the weight", n + 2, xs)
    kernel = kernel_of(name, w, xs)
    strides, dilations = pair_of(name, "stride", stride, 1, xs, n), pair_of(name, "dilation", dilation, 1, xs, n)
    pads = padding_of(name, padding, kernel, strides, dilations, xs)
    groups = check_channels(name, x, w, groups, xs)
    for i in range(n):
        window_count(name, x.shape[2 + i], kernel[i], strides[i], pads[2 * i], pads[2 * i + 1], dilations[i], xs)
    if n == 1:
        x, w = reshape(x, (*x.shape[:2], 1, x.shape[2])), reshape(w, (*w.shape[:2], 1, w.shape[2]))
        strides, dilations, pads = (1, *strides), (1, *dilations), (0, 0, *pads)
    y = make(CONV2D, (x, w), {"stride": strides, "padding": pads, "dilation": dilations, "groups": groups})
    return reshape(y, (*y.shape[:2], y.shape[3])) if n == 1 else y


def _as_groups(x: Tensor, n: Size) -> Tensor:
    """(n, N, C, ..) as (N, n * C, ..): each example's channels are groups of their own."""
    x = permute_dims(x, (1, 0, *range(2, x.ndim)))
    return reshape(x, (x.shape[0], x.shape[1] * x.shape[2], *x.shape[3:]))


def _from_groups(y: Tensor, n: Size, channels: Size) -> Tensor:
    """The reverse of :func:`_as_groups`."""
    return permute_dims(reshape(y, (y.shape[0], n, channels, *y.shape[2:])), (1, 0, *range(2, y.ndim + 1)))


def _image_batch(node: Node, xs: Sequence[Tensor], batch: Batch) -> Sequence[Tensor]:
    """More images where the weights are shared; more groups of channels where each example has its own."""
    image, w = xs
    if not batching.is_moved(node, xs, 1):
        (y,) = batching.remade(node, [batching.merged(image), w])
        return [batching.parted(y, batch.size, image.shape[1])]
    n = batch.size
    image = _as_groups(batching.in_front(image, node.inputs[0], n), n)
    attrs = {**node.attrs, "groups": n * node.attrs["groups"]}
    (y,) = batching.remade(node, [image, batching.merged(w)], attrs)
    return [_from_groups(y, n, node.outputs[0].shape[1])]


def _weight_batch(node: Node, xs: Sequence[Tensor], batch: Batch) -> Sequence[Tensor]:
    n = batch.size
    images = [_as_groups(batching.in_front(x, v, n), n) for x, v in zip(xs, node.inputs)]
    attrs = {**node.attrs, "groups": n * node.attrs["groups"]}
    (w,) = batching.remade(node, images, attrs)
    return [batching.parted(w, n, node.outputs[0].shape[0])]


def _keeps(image: Shape, weight: Shape, result: Shape, a: Attrs) -> bool:
    """Whether an image, a weight and a result belong together."""
    return (
        len(image) == len(weight) == len(result) == 4
        and len(a["padding"]) == 4
        and (isinstance(a["groups"], Dim) or a["groups"] >= 1)
        and image[0] == result[0]
        and weight[0] == result[1]
        and image[1] == weight[1] * a["groups"]
        and exact_div(weight[0], a["groups"]) is not None
        and is_pair(tuple(weight[2:]))
        and result[2:] == _windows("conv2d", image[2:], [int(k) for k in weight[2:]], a, ())
    )


def _keeps_conv2d(xs: Values, a: Attrs) -> bool:
    x, w = (v.shape for v in xs)
    if len(x) != 4 or len(w) != 4 or len(a["padding"]) != 4 or not is_pair(tuple(w[2:])):
        return False
    return _keeps(x, w, (x[0], w[0], *_windows("conv2d", x[2:], [int(k) for k in w[2:]], a, ())), a)


def _keeps_dx(xs: Values, a: Attrs) -> bool:
    g, w = (v.shape for v in xs)
    return len(g) == len(w) == 4 and len(a["size"]) == 2 and _keeps((g[0], w[1] * a["groups"], *a["size"]), w, g, a)


def _keeps_dw(xs: Values, a: Attrs) -> bool:
    x, g = (v.shape for v in xs)
    if len(x) != 4 or len(g) != 4 or (not isinstance(a["groups"], Dim) and a["groups"] < 1):
        return False
    channels = exact_div(x[1], a["groups"])
    return channels is not None and _keeps(x, (g[1], channels, *a["kernel"]), g, a)


_WINDOW: dict[str, Callable[[Any], bool]] = {
    "stride": is_pair,
    "padding": are_offsets,
    "dilation": is_pair,
    "groups": is_size,
}


def _grouped_taps(x: Any, a: Any, kernel: Any, count: Any) -> Any:
    return grouped(taps(x, kernel, a["stride"], a["padding"][::2], a["dilation"], count, 0), a["groups"], 1)


def _conv2d_arrays(xs: Any, a: Any) -> Any:
    x, w = xs
    count: Any = _windows("conv2d", x.shape[2:], w.shape[2:], a, ())
    y = np.einsum("ngcijrs,gocij->ngors", _grouped_taps(x, a, w.shape[2:], count), grouped(w, a["groups"], 0))
    return y.reshape(x.shape[0], w.shape[0], *count)


def _dx_arrays(xs: Any, a: Any) -> Any:
    g, w = xs
    cols = np.einsum("ngors,gocij->ngcijrs", grouped(g, a["groups"], 1), grouped(w, a["groups"], 0))
    cols = cols.reshape(g.shape[0], w.shape[1] * a["groups"], *cols.shape[3:])
    return from_taps(cols, a["size"], a["stride"], a["padding"][::2], a["dilation"])


def _dw_arrays(xs: Any, a: Any) -> Any:
    x, g = xs
    cols = _grouped_taps(x, a, a["kernel"], g.shape[2:])
    dw = np.einsum("ngcijrs,ngors->gocij", cols, grouped(g, a["groups"], 1))
    return dw.reshape(g.shape[1], x.shape[1] // a["groups"], *a["kernel"])


def _taps(node: Node) -> np.ndarray:
    """Which places of image, result and kernel meet, for each of the three operations."""
    a, (first, second), (y,) = node.attrs, node.inputs, node.outputs
    if "size" in a:
        image, result, kernel = y, first, second
    elif "kernel" in a:
        image, result, kernel = first, second, y
    else:
        image, result, kernel = first, y, second
    return pattern.taps(pattern.shape(image)[2:], pattern.shape(result)[2:], pattern.shape(kernel)[2:], a)


conv2d = bilinear(
    "conv2d",
    "The cross-correlation of images x (N, C, H, W) with weight (O, C/groups, h, w), plus bias (O,). "
    'stride, padding and dilation are ints or pairs; padding may be "same" (stride 1) or "valid".\n'
    "Arguments: ``x``: images (N, C, H, W); ``weight``: (O, C/groups, h, w); ``bias``: (O,), or None; "
    '``stride``: an int or a pair; ``padding``: an int, a pair, two pairs (low, high), "same" (stride 1) or "valid"; '
    "``dilation``: an int or a pair; ``groups``: in how many the channels are parted\n"
    "Dtypes: float\n"
    "Shapes: (N, C, H, W), (O, C/groups, h, w) -> (N, O, H', W') with H' = (H + 2 padding - dilation (h - "
    "1) - 1) // stride + 1\n"
    "Edges: conv2d([[[[nan, 1.0]]]], [[[[1.0]]]]) = [[[[nan, 1.0]]]]\n"
    "Raises: ShapeError, DTypeError, GraphError\n"
    "Example: gd.nn.conv2d([[[[1.0, 2.0], [3.0, 4.0]]]], [[[[1.0, 1.0], [1.0, 1.0]]]]) -> [[[[10.0]]]]\n"
    "Source: as torch.nn.functional.conv2d",
    infer=_infer_conv2d,
    kernel=_kernel("conv2d", lambda node: (*node.inputs, node.outputs[0]), 1),
    public=_conv2d,
    transposes=(
        lambda node, g: _by_input(node, g, node.inputs[1], node.inputs[0]),
        lambda node, g: _by_weight(node, node.inputs[0], g, node.inputs[1]),
    ),
    reference=conv_reference,
    samples=_conv_samples,
    onnx="Conv",
    namespace="nn",
    batch=_image_batch,
    masks=BY_IMAGE,
    masked=without_unkept(BY_IMAGE, 0),
    law=law("float float", _keeps_conv2d, **_WINDOW),
    compute=_conv2d_arrays,
    page="correlated",
    pattern=pattern.windowed("ngcp", "goct", "ngoq", _taps),
)
CONV2D = op_of(conv2d)


def _dx(g: Any, weight: Any, /, size: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> Tensor:
    g, w = operands("conv2d_dx", (g, weight), "float")
    return make(
        CONV2D_DX,
        (g, w),
        {
            "stride": tuple(stride),
            "padding": tuple(padding),
            "dilation": tuple(dilation),
            "groups": groups,
            "size": tuple(size),
        },
    )


conv2d_dx = bilinear(
    "conv2d_dx",
    "conv2d's transpose in its input: g (N, O, ..) and weight (O, C/groups, h, w) give (N, C, *size).",
    infer=_infer_dx,
    kernel=_kernel("conv2d_dx", lambda node: (node.outputs[0], node.inputs[1], node.inputs[0]), 1),
    public=_dx,
    namespace="nn",
    transposes=(
        lambda node, h: _forward(node, h, node.inputs[1]),
        lambda node, h: _by_weight(node, h, node.inputs[0], node.inputs[1]),
    ),
    batch=_image_batch,
    masks=BY_IMAGE,
    masked=without_unkept(BY_IMAGE, 0),
    law=law("float float", _keeps_dx, size=is_shape, **_WINDOW),
    internal=True,
    compute=_dx_arrays,
    page="correlatedInput",
    pattern=pattern.windowed("ngoq", "goct", "ngcp", _taps),
)
CONV2D_DX = op_of(conv2d_dx)


def _dw(x: Any, g: Any, /, kernel: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> Tensor:
    x, g = operands("conv2d_dw", (x, g), "float")
    return make(
        CONV2D_DW,
        (x, g),
        {
            "stride": tuple(stride),
            "padding": tuple(padding),
            "dilation": tuple(dilation),
            "groups": groups,
            "kernel": tuple(kernel),
        },
    )


conv2d_dw = bilinear(
    "conv2d_dw",
    "conv2d's transpose in its weight: x (N, C, H, W) and g (N, O, ..) give (O, C/groups, *kernel).",
    infer=_infer_dw,
    kernel=_kernel("conv2d_dw", lambda node: (node.inputs[0], node.outputs[0], node.inputs[1])),
    public=_dw,
    namespace="nn",
    transposes=(
        lambda node, u: _by_input(node, node.inputs[1], u, node.inputs[0]),
        lambda node, u: _forward(node, node.inputs[0], u),
    ),
    batch=_weight_batch,
    law=law("float float", _keeps_dw, kernel=is_pair, **_WINDOW),
    internal=True,
    compute=_dw_arrays,
    page="correlatedWeight",
    pattern=pattern.windowed("ngcp", "ngoq", "goct", _taps),
)
CONV2D_DW = op_of(conv2d_dw)
