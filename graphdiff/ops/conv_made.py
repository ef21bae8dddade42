"""Convolutions made of conv2d and its transpose (conv.py): in one and three dimensions, and transposed;
signatures are torch.nn.functional's.

Those in one dimension are images of height 1; a transposed convolution is conv2d_dx. Must not know: kernels.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from ..errors import GraphError, ShapeError
from .arrange import pad
from .conv import (
    CONV2D_DX,
    biased,
    check_channels,
    check_image,
    check_ndim,
    conv_reference,
    convolved,
    groups_of,
    kernel_of,
    padding_of,
    pair_of,
    sides_of,
    window_count,
)
from .gather import index, take
from .movement import permute_dims, reshape
from .opdef import composite
from .operands import operands
from .registry import Sample
from .tensor import Tensor, fail, make
from .types import Ints, Padding, TensorLike


def _conv1d_reference(
    x: Any, w: Any, b: Any = None, stride: int = 1, padding: Any = 0, dilation: int = 1, groups: int = 1
) -> Any:
    pads = padding_of("conv1d", padding, w.shape[2:], (stride,), (dilation,), [])
    xp = np.pad(x, ((0, 0), (0, 0), pads))
    return conv_reference(xp[:, :, None], w[:, :, None], b, (1, stride), 0, (1, dilation), groups)[:, :, 0]


def _conv1d_samples(rng: np.random.Generator) -> Any:
    for x, w, kwargs in (
        ((2, 3, 9), (4, 3, 3), {"padding": 1}),
        ((1, 4, 12), (2, 2, 4), {"stride": 3, "groups": 2}),
        ((2, 2, 7), (3, 2, 2), {"padding": "same", "dilation": 2}),
    ):
        yield Sample((rng.uniform(-1, 1, x), rng.uniform(-1, 1, w), rng.uniform(-1, 1, w[0])), kwargs)


@composite(namespace="nn", reference=_conv1d_reference, samples=_conv1d_samples, onnx="Conv")
def conv1d(
    x: TensorLike,
    weight: TensorLike,
    bias: TensorLike | None = None,
    stride: Ints = 1,
    padding: Padding | Literal["same", "valid"] = 0,
    dilation: Ints = 1,
    groups: int = 1,
) -> Tensor:
    """The cross-correlation of signals x (N, C, L) with weight (O, C/groups, k), plus bias (O,).

    Arguments: ``x``: signals (N, C, L); ``weight``: (O, C/groups, k); ``bias``: (O,), or None; ``stride``: an int;
    ``padding``: an int, "same" (stride 1) or "valid"; ``dilation``: an int; ``groups``: in how many the channels are
    parted
    Dtypes: float
    Shapes: (N, C, L), (O, C/groups, k) -> (N, O, L') with L' = (L + 2 padding - dilation (k - 1) - 1) // stride + 1
    Edges: conv1d([[[nan, 1.0]]], [[[1.0]]]) = [[[nan, 1.0]]]
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.nn.conv1d([[[1.0, 2.0, 3.0]]], [[[1.0, -1.0]]]) -> [[[-1.0, -1.0]]]
    Source: as torch.nn.functional.conv1d
    """
    return biased("conv1d", convolved("conv1d", x, weight, stride, padding, dilation, groups, 1), bias, [])


def _conv3d_reference(
    x: Any, w: Any, b: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Any:
    """The sum over the depths of the kernel of conv2d of planes."""
    s, d = (v if isinstance(v, tuple) else (v,) * 3 for v in (stride, dilation))
    pads = padding_of("conv3d", padding, w.shape[2:], s, d, [])
    xp = np.pad(x, [(0, 0), (0, 0), *zip(pads[::2], pads[1::2])])
    depth = (xp.shape[2] - d[0] * (w.shape[2] - 1) - 1) // s[0] + 1
    planes = [
        sum(
            conv_reference(xp[:, :, r * s[0] + i * d[0]], w[:, :, i], None, s[1:], 0, d[1:], groups)
            for i in range(w.shape[2])
        )
        for r in range(depth)
    ]
    y = np.stack(planes, axis=2)
    return y if b is None else y + b[:, None, None, None]


def _conv3d_samples(rng: np.random.Generator) -> Any:
    for x, w, kwargs in (
        ((6, 2, 4, 3, 4), (3, 2, 2, 2, 3), {"padding": 1}),
        ((1, 4, 5, 4, 4), (2, 2, 3, 2, 1), {"stride": (2, 1, 2), "groups": 2, "dilation": (1, 2, 1)}),
        ((1, 1, 3, 3, 3), (2, 1, 2, 3, 2), {"padding": "same"}),
        ((1, 2, 3, 4, 3), (2, 2, 1, 2, 2), {"padding": ((0, 0), (1, 0), (0, 1))}),
    ):
        yield Sample((rng.uniform(-1, 1, x), rng.uniform(-1, 1, w), rng.uniform(-1, 1, w[0])), kwargs)


@composite(namespace="nn", reference=_conv3d_reference, samples=_conv3d_samples, onnx="Conv")
def conv3d(
    x: TensorLike,
    weight: TensorLike,
    bias: TensorLike | None = None,
    stride: Ints = 1,
    padding: Padding | Literal["same", "valid"] = 0,
    dilation: Ints = 1,
    groups: int = 1,
) -> Tensor:
    """The cross-correlation of volumes x (N, C, D, H, W) with weight (O, C/groups, d, h, w), plus bias (O,).

    It is one conv2d over planes: the d planes that a result is made of are channels of an image, so x is in memory d
    times.

    Arguments: ``x``: volumes (N, C, D, H, W); ``weight``: (O, C/groups, d, h, w); ``bias``: (O,), or None; ``stride``:
    an int or three; ``padding``: an int, three, three pairs (low, high), "same" (stride 1) or "valid"; ``dilation``: an
    int or three; ``groups``: in how many the channels are parted
    Dtypes: float
    Shapes: (N, C, D, H, W), (O, C/groups, d, h, w) -> (N, O, D', H', W') with D' = (D + 2 padding - dilation (d - 1) -
    1) // stride + 1
    Edges: conv3d([[[[[nan, 1.0]]]]], [[[[[1.0]]]]]) = [[[[[nan, 1.0]]]]]
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.nn.conv3d([[[[[1.0]], [[2.0]], [[4.0]]]]], [[[[[1.0]], [[1.0]]]]]) -> [[[[[3.0]], [[6.0]]]]]
    Source: as torch.nn.functional.conv3d
    """
    name = "conv3d"
    xs = x, w = operands(name, (x, weight), "float")
    check_image(name, x, 3, xs)
    check_ndim(name, w, "the weight", 5, xs)
    kernel, groups = kernel_of(name, w, xs), check_channels(name, x, w, groups, xs)
    strides, steps = pair_of(name, "stride", stride, 1, xs, 3), pair_of(name, "dilation", dilation, 1, xs, 3)
    pads = padding_of(name, padding, kernel, strides, steps, xs)
    n, c, depth, height, width = x.shape
    planes = window_count(name, depth, kernel[0], strides[0], pads[0], pads[1], steps[0], xs)
    if pads[0] or pads[1]:
        x = pad(x, ((0, 0), (0, 0), (pads[0], pads[1]), (0, 0), (0, 0)))
    if kernel[0] > 1 or strides[0] > 1:
        x = take(x, index((kernel[0], planes), 0, (steps[0], strides[0])), axis=2)
    images = permute_dims(reshape(x, (n, c, kernel[0], planes, height, width)), (0, 3, 1, 2, 4, 5))
    sides = ((pads[2], pads[3]), (pads[4], pads[5]))
    y = convolved(
        name,
        reshape(images, (n * planes, c * kernel[0], height, width)),
        reshape(w, (w.shape[0], w.shape[1] * kernel[0], *kernel[1:])),
        strides[1:],
        sides,
        steps[1:],
        groups,
        2,
    )
    y = permute_dims(reshape(y, (n, planes, *y.shape[1:])), (0, 2, 1, 3, 4))
    return biased(name, y, bias, xs)


def _transposed_reference(
    x: Any,
    w: Any,
    b: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Any:
    """Each element of x spreads a scaled kernel over the result, from which the padding is then cut."""
    s, p, e, d = (v if isinstance(v, tuple) else (v, v) for v in (stride, padding, output_padding, dilation))
    n, c, height, width = x.shape
    _c, og, kh, kw = w.shape
    xg, wg = x.reshape(n, groups, c // groups, height, width), w.reshape(groups, c // groups, og, kh, kw)
    full = [(size - 1) * s[i] + d[i] * (k - 1) + 1 + e[i] for i, (size, k) in enumerate(((height, kh), (width, kw)))]
    y = np.zeros((n, groups, og, *full), x.dtype)
    for i in range(kh):
        for j in range(kw):
            to = y[..., i * d[0] :, j * d[1] :][..., : (height - 1) * s[0] + 1 : s[0], : (width - 1) * s[1] + 1 : s[1]]
            to += np.einsum("ngchw,gco->ngohw", xg, wg[..., i, j])
    y = y.reshape(n, groups * og, *full)[..., p[0] : full[0] - p[0], p[1] : full[1] - p[1]]
    return y if b is None else y + b[:, None, None]


def _transposed_samples(rng: np.random.Generator) -> Any:
    cases: tuple[tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]], ...] = (
        ((2, 3, 4, 5), (3, 2, 3, 3), {}),
        ((2, 3, 4, 5), (3, 2, 3, 3), {"stride": 2, "padding": 1, "output_padding": 1}),
        ((1, 4, 3, 3), (4, 2, 2, 3), {"stride": (2, 3), "groups": 2, "dilation": (1, 2)}),
        ((1, 2, 3, 4), (2, 1, 3, 2), {"dilation": (2, 3), "output_padding": (1, 2), "padding": (2, 0)}),
    )
    for x, w, kwargs in cases:
        out = w[1] * kwargs.get("groups", 1)
        yield Sample((rng.uniform(-1, 1, x), rng.uniform(-1, 1, w), rng.uniform(-1, 1, out)), kwargs)


@composite(namespace="nn", reference=_transposed_reference, samples=_transposed_samples, onnx="ConvTranspose")
def conv_transpose2d(
    x: TensorLike,
    weight: TensorLike,
    bias: TensorLike | None = None,
    stride: Ints = 1,
    padding: Padding = 0,
    output_padding: Ints = 0,
    groups: int = 1,
    dilation: Ints = 1,
) -> Tensor:
    """The transpose of conv2d: x (N, C, H, W) with weight (C, O/groups, h, w), plus bias (O,), gives images of
    (H - 1) stride - 2 padding + dilation (h - 1) + output_padding + 1. output_padding is below stride or dilation.

    Arguments: ``x``: images (N, C, H, W); ``weight``: (C, O/groups, h, w); ``bias``: (O,), or None; ``stride``: an int
    or a pair; ``padding``: an int or a pair; ``output_padding``: an int or a pair, of the ends alone; ``groups``: in
    how many the channels are parted; ``dilation``: an int or a pair
    Dtypes: float
    Shapes: (N, C, H, W), (C, O/groups, h, w) -> (N, O, H', W')
    Edges: conv_transpose2d([[[[nan, 1.0]]]], [[[[1.0]]]]) = [[[[nan, 1.0]]]]
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.nn.conv_transpose2d([[[[2.0]]]], [[[[1.0, 2.0], [3.0, 4.0]]]]) -> [[[[2.0, 4.0], [6.0, 8.0]]]]
    Source: as torch.nn.functional.conv_transpose2d
    """
    return _transposed("conv_transpose2d", x, weight, bias, stride, padding, output_padding, groups, dilation, 2)


def _transposed1d_reference(
    x: Any,
    w: Any,
    b: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Any:
    pairs = (1, stride), (0, padding), (0, output_padding)
    return _transposed_reference(x[:, :, None], w[:, :, None], b, *pairs, groups, (1, dilation))[:, :, 0]


def _transposed1d_samples(rng: np.random.Generator) -> Any:
    for x, w, kwargs in (
        ((2, 3, 5), (3, 2, 3), {}),
        ((2, 4, 5), (4, 1, 3), {"stride": 3, "padding": 1, "output_padding": 2, "groups": 2}),
        ((1, 2, 4), (2, 3, 2), {"dilation": 3, "output_padding": 1}),
    ):
        out = w[1] * kwargs.get("groups", 1)
        yield Sample((rng.uniform(-1, 1, x), rng.uniform(-1, 1, w), rng.uniform(-1, 1, out)), kwargs)


@composite(namespace="nn", reference=_transposed1d_reference, samples=_transposed1d_samples, onnx="ConvTranspose")
def conv_transpose1d(
    x: TensorLike,
    weight: TensorLike,
    bias: TensorLike | None = None,
    stride: Ints = 1,
    padding: Padding = 0,
    output_padding: Ints = 0,
    groups: int = 1,
    dilation: Ints = 1,
) -> Tensor:
    """The transpose of conv1d: x (N, C, L) with weight (C, O/groups, k), plus bias (O,), gives signals of
    (L - 1) stride - 2 padding + dilation (k - 1) + output_padding + 1. output_padding is below stride or dilation.

    Arguments: ``x``: signals (N, C, L); ``weight``: (C, O/groups, k); ``bias``: (O,), or None; ``stride``: an int;
    ``padding``: an int; ``output_padding``: an int, of the end alone; ``groups``: in how many the channels are parted;
    ``dilation``: an int
    Dtypes: float
    Shapes: (N, C, L), (C, O/groups, k) -> (N, O, L')
    Edges: conv_transpose1d([[[nan, 1.0]]], [[[1.0]]]) = [[[nan, 1.0]]]
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.nn.conv_transpose1d([[[2.0]]], [[[1.0, 3.0]]]) -> [[[2.0, 6.0]]]
    Source: as torch.nn.functional.conv_transpose1d
    """
    return _transposed("conv_transpose1d", x, weight, bias, stride, padding, output_padding, groups, dilation, 1)


def _transposed(
    name: str,
    x: Any,
    weight: Any,
    bias: Any,
    stride: Any,
    padding: Any,
    output_padding: Any,
    groups: Any,
    dilation: Any,
    n: int,
) -> Tensor:
    xs = x, w = operands(name, (x, weight), "float")
    check_image(name, x, n, xs)
    check_ndim(name, w, "the weight", n + 2, xs)
    kernel = kernel_of(name, w, xs)
    strides, dilations = pair_of(name, "stride", stride, 1, xs, n), pair_of(name, "dilation", dilation, 1, xs, n)
    pads, extra = sides_of(name, padding, xs, n), pair_of(name, "output_padding", output_padding, 0, xs, n)
    groups = groups_of(name, groups, x.shape[1], "input", xs)
    if w.shape[0] != x.shape[1]:
        fail(ShapeError, name, f"the input has {x.shape[1]} channels, the weight takes {w.shape[0]}", xs)
    size = []
    for i in range(n):
        if extra[i] >= max(strides[i], dilations[i]):
            fail(
                GraphError,
                name,
                f"output_padding {extra[i]} is not below stride {strides[i]} or dilation {dilations[i]}",
                xs,
            )
        size.append(
            (x.shape[2 + i] - 1) * strides[i]
            - pads[2 * i]
            - pads[2 * i + 1]
            + dilations[i] * (kernel[i] - 1)
            + extra[i]
            + 1
        )
        if isinstance(size[i], int) and size[i] < 1:
            low, high = pads[2 * i : 2 * i + 2]
            told = low if low == high else (low, high)
            fail(ShapeError, name, f"padding {told} leaves a size of {size[i]}", xs)
    # less padding at the end, so that conv2d of the result has exactly x's size
    cut = tuple(c for i, e in enumerate(extra) for c in (pads[2 * i], pads[2 * i + 1] - e))
    if n == 1:
        x, w = reshape(x, (*x.shape[:2], 1, x.shape[2])), reshape(w, (*w.shape[:2], 1, w.shape[2]))
        strides, dilations, cut, size = (1, *strides), (1, *dilations), (0, 0, *cut), [1, *size]
    y = make(
        CONV2D_DX,
        (x, w),
        {"stride": strides, "padding": cut, "dilation": dilations, "groups": groups, "size": tuple(size)},
    )
    return biased(name, reshape(y, (*y.shape[:2], y.shape[3])) if n == 1 else y, bias, xs)
