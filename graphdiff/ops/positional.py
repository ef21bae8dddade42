"""Declarations of what ``gd.nn`` does with places: rows turned by their positions, channels made pixels.

All are composites: their derivatives follow. Must not know: kernels.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import GraphError, ShapeError
from ..ir.dims import broadcast, exact_div, format_shape
from .elementwise import astype
from .functions import cos, sin
from .gather import index
from .joining import concat, stack
from .movement import expand_dims, permute_dims, reshape
from .opdef import composite
from .operands import axis_of, check_dtype, int_of
from .registry import Sample
from .tensor import Tensor, as_tensor, fail
from .types import TensorLike


# --------------------------------------------------------------------------------------- rows by position
def _rotary_reference(x: Any, positions: Any = None, base: float = 10000.0, interleaved: bool = False) -> Any:
    half = x.shape[-1] // 2
    at = np.arange(x.shape[-2]) if positions is None else positions
    angle = at[..., None] * base ** (-np.arange(half) / half)
    parts = (x[..., ::2], x[..., 1::2]) if interleaved else (x[..., :half], x[..., half:])
    a, b = parts[0] * np.cos(angle) - parts[1] * np.sin(angle), parts[1] * np.cos(angle) + parts[0] * np.sin(angle)
    return np.stack([a, b], -1).reshape(x.shape) if interleaved else np.concatenate([a, b], -1)


@composite(
    namespace="nn",
    onnx="RotaryEmbedding",
    reference=_rotary_reference,
    samples=lambda rng: [
        Sample((rng.uniform(-1, 1, (2, 3, 4)),)),
        Sample((rng.uniform(-1, 1, (3, 6)),), {"base": 100.0, "interleaved": True}),
        Sample((rng.uniform(-1, 1, (2, 2, 3, 4)), np.array([5, 0, 2]))),
        Sample((rng.uniform(-1, 1, (2, 1, 3, 2)), rng.uniform(0, 9, (2, 1, 3)))),
    ],
)
def rotary_embedding(
    x: TensorLike, positions: TensorLike | None = None, base: float = 10000.0, interleaved: bool = False
) -> Tensor:
    """Each row of x (.., L, d) turned by its position: element i of its first half and element i of its second are a
    point of a plane, turned by ``position / base^(2 i / d)``. So the product of two rows depends on how far apart they
    are. ``interleaved``: the points are elements 2i and 2i + 1.

    Arguments: ``x``: (..., L, d), d even; ``positions``: what broadcasts to (..., L); 0 to L - 1 unless given;
    ``base``: above 0; ``interleaved``: as above
    Dtypes: float
    Shapes: (..., L, d), of x
    Edges: rotary_embedding([[1.0, 2.0]]) = [[1.0, 2.0]]
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.nn.rotary_embedding([[1.0, 0.0], [1.0, 0.0]]) -> [[1.0, 0.0], [0.5403023, 0.841471]]
    Source: Su et al. 2021, arXiv:2104.09864
    """
    name = "rotary_embedding"
    x = as_tensor(x, name)
    check_dtype(name, (x,), "float")
    axis_of(name, -2, x.ndim, [x])
    d = int_of(name, "the last axis", x.shape[-1], [x])
    if d % 2:
        fail(ShapeError, name, f"rows of {d} elements are no pairs", [x])
    if not base > 0:
        fail(GraphError, name, f"base lies above 0, got {base!r}", [x])
    half, length = d // 2, x.shape[-2]
    at = index((length,), 0, (1,)) if positions is None else as_tensor(positions, name)
    if broadcast(at.shape, x.shape[:-1]) != x.shape[:-1]:
        told = f"positions {format_shape(at.shape)} do not broadcast to {format_shape(x.shape[:-1])}"
        fail(ShapeError, name, told, [x, at])
    rates = (base ** (-np.arange(half) / max(half, 1))).astype(x.dtype)
    angle = expand_dims(astype(at, x.dtype), -1) * rates
    pairs = reshape(x, (*x.shape[:-1], half, 2)) if interleaved else reshape(x, (*x.shape[:-1], 2, half))
    a, b = (pairs[..., i] if interleaved else pairs[..., i, :] for i in (0, 1))
    turned = [a * cos(angle) - b * sin(angle), b * cos(angle) + a * sin(angle)]
    return reshape(stack(turned, axis=-1), x.shape) if interleaved else concat(turned, axis=-1)


# --------------------------------------------------------------------------------------- channels and pixels
def _shuffle_reference(x: Any, upscale_factor: int) -> Any:
    r, (n, c, h, w) = upscale_factor, x.shape
    y = x.reshape(n, c // r**2, r, r, h, w).transpose(0, 1, 4, 2, 5, 3)
    return y.reshape(n, c // r**2, h * r, w * r)


def _unshuffle_reference(x: Any, downscale_factor: int) -> Any:
    r, (n, c, h, w) = downscale_factor, x.shape
    y = x.reshape(n, c, h // r, r, w // r, r).transpose(0, 1, 3, 5, 2, 4)
    return y.reshape(n, c * r**2, h // r, w // r)


def _image(name: str, what: str, x: TensorLike, factor: Any) -> tuple[Tensor, int]:
    x = as_tensor(x, name)
    if x.ndim != 4:
        fail(ShapeError, name, f"the input has {x.ndim} dimensions, not 4", [x])
    r = int_of(name, what, factor, [x])
    if r < 1:
        fail(GraphError, name, f"{what} is an int of at least 1, got {factor!r}", [x])
    return x, r


@composite(
    namespace="nn",
    onnx="DepthToSpace",
    reference=_shuffle_reference,
    samples=lambda rng: [
        Sample((rng.uniform(-1, 1, shape), r)) for shape, r in (((2, 8, 3, 2), 2), ((1, 9, 2, 2), 3), ((0, 4, 3, 3), 2))
    ],
)
def pixel_shuffle(x: TensorLike, upscale_factor: int) -> Tensor:
    """Channels made pixels: x (N, C r², H, W) as (N, C, H r, W r), r being ``upscale_factor``.

    Dtypes: any
    Shapes: (N, C r², H, W) -> (N, C, H r, W r)
    Edges: pixel_shuffle(np.ones((1, 1, 1, 1)), 1) = [[[[1.0]]]]
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.nn.pixel_shuffle([[[[1.0]], [[2.0]], [[3.0]], [[4.0]]]], 2) -> [[[[1.0, 2.0], [3.0, 4.0]]]]
    Source: Shi et al. 2016, arXiv:1609.05158
    """
    x, r = _image("pixel_shuffle", "upscale_factor", x, upscale_factor)
    n, c, h, w = x.shape
    channels = exact_div(c, r * r)
    if channels is None:
        fail(ShapeError, "pixel_shuffle", f"{c} channels do not divide by {r}², {r * r}", [x])
    y = permute_dims(reshape(x, (n, channels, r, r, h, w)), (0, 1, 4, 2, 5, 3))
    return reshape(y, (n, channels, h * r, w * r))


@composite(
    namespace="nn",
    onnx="SpaceToDepth",
    reference=_unshuffle_reference,
    samples=lambda rng: [
        Sample((rng.uniform(-1, 1, shape), r)) for shape, r in (((2, 3, 4, 6), 2), ((1, 1, 3, 6), 3), ((0, 2, 2, 2), 2))
    ],
)
def pixel_unshuffle(x: TensorLike, downscale_factor: int) -> Tensor:
    """Pixels made channels, the reverse of pixel_shuffle: x (N, C, H r, W r) as (N, C r², H, W).

    Dtypes: any
    Shapes: (N, C, H r, W r) -> (N, C r², H, W)
    Edges: pixel_unshuffle(np.ones((1, 1, 1, 1)), 1) = [[[[1.0]]]]
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.nn.pixel_unshuffle([[[[1.0, 2.0], [3.0, 4.0]]]], 2) -> [[[[1.0]], [[2.0]], [[3.0]], [[4.0]]]]
    Source: Shi et al. 2016, arXiv:1609.05158
    """
    x, r = _image("pixel_unshuffle", "downscale_factor", x, downscale_factor)
    n, c, h, w = x.shape
    rows, columns = exact_div(h, r), exact_div(w, r)
    if rows is None or columns is None:
        fail(ShapeError, "pixel_unshuffle", f"{h} by {w} pixels do not divide by {r}", [x])
    y = permute_dims(reshape(x, (n, c, rows, r, columns, r)), (0, 1, 3, 5, 2, 4))
    return reshape(y, (n, c * r * r, rows, columns))
