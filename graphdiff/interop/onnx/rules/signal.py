"""Rules of signals: window functions, DFT, STFT, MelWeightMatrix. Fourier transforms are products with a matrix."""

from __future__ import annotations

import math

import numpy as np

import graphdiff as gd

from ....errors import ShapeError
from ....ir.dims import Size
from ....ops.tensor import Tensor
from ..call import Call
from ..known import known
from ..scope import Value
from ..table import reads


@reads("HannWindow", "HammingWindow", "BlackmanWindow", settings=(0,))
def window(call: Call) -> Tensor:
    (size,) = call.sizes(0, "the size")
    dtype = call.dtype(call.integer("output_datatype", 1))
    n = gd.constant(size if call.flag("periodic", True) else size - 1, "float64")
    turn = gd.astype(gd.arange(size), "float64") * (2 * math.pi) / n
    terms = {"HannWindow": (0.5, 0.5, 0.0), "HammingWindow": (25 / 46, 21 / 46, 0.0)}
    a, b, c = terms.get(call.node.op, (0.42, 0.5, 0.08))
    y = a - b * gd.cos(turn)
    return gd.astype(y if c == 0 else y + c * gd.cos(turn * 2), dtype)


@reads("MelWeightMatrix", settings=(0, 1, 2, 3, 4))
def mel_weights(call: Call) -> Value:
    """From the bins of a spectrum to bands alike in pitch: triangles (the standard's formula)."""
    bands, length, rate = (call.ints(i, "a count")[0] for i in range(3))
    low, high = (2595 * math.log10(1 + float(call.numbers(i, "an edge").ravel()[0]) / 700) for i in (3, 4))
    pitch = np.arange(bands + 2) * ((high - low) / (bands + 2)) + low
    edges = ((length + 1) * (700 * (10 ** (pitch / 2595) - 1)) // rate).astype(int)
    out = np.zeros((length // 2 + 1, bands))
    for i, (left, centre, right) in enumerate(zip(edges, edges[1:], edges[2:])):
        if left == centre:
            out[centre, i] = 1
        else:
            out[left : centre + 1, i] = np.arange(centre - left + 1) / (centre - left)
        if right > centre:
            out[centre:right, i] = (right - np.arange(centre, right)) / (right - centre)
    return known(out, call.dtype(call.integer("output_datatype", 1)))


def _waves(call: Call, size: Size, length: Size, rows: Size, dtype: np.dtype, inverse: bool) -> tuple[Tensor, Tensor]:
    """Cosines and sines (rows, size) of a transform of ``length``."""
    k, n = gd.expand_dims(gd.arange(rows), axis=1), gd.arange(size)
    whole = gd.constant(length, "int64")
    turn = gd.astype(gd.remainder(k * n, whole), "float64") * (2 * math.pi) / gd.constant(length, "float64")
    return gd.astype(gd.cos(turn), dtype), gd.astype(gd.sin(turn) * (1.0 if inverse else -1.0), dtype)


def _fitted(x: Tensor, axis: int, length: Size) -> Tensor:
    """The axis cut, or made longer by zeros, to ``length``."""
    more = length - x.shape[axis]
    if more == 0:
        return x
    if isinstance(more, int) and more < 0:
        cut: list[slice] = [slice(None)] * x.ndim
        cut[axis] = slice(0, int(length))
        return x[tuple(cut)]
    width: list[tuple[Size, Size]] = [(0, 0)] * x.ndim
    width[axis] = (0, more)
    return gd.pad(x, width)


def _transformed(call: Call, x: Tensor, length: Size, onesided: bool, inverse: bool) -> Tensor:
    """Of x (..., n, 1 or 2), numbers real or complex, the transform along the axis before the last."""
    x = _fitted(x, x.ndim - 2, length)
    rows = length // 2 + 1 if onesided else length
    cos, sin = _waves(call, length, length, rows, x.dtype, inverse)
    real = x[..., 0]
    re, im = real @ cos.T, real @ sin.T
    if x.shape[-1] == 2:
        imaginary = x[..., 1]
        re, im = re - imaginary @ sin.T, im + imaginary @ cos.T
    y = gd.stack([re, im], axis=-1)
    return y / gd.constant(length, x.dtype) if inverse else y


@reads("DFT", settings=(1, 2))
def dft(call: Call) -> Tensor:
    x = call.tensor()
    if call.opset >= 20:
        axis = call.ints(2, "the axis")[0] if call.has(2) else -2
    else:
        axis = call.integer("axis", 1)
    axis = call.axis(axis, x.ndim)
    inverse, onesided = call.flag("inverse"), call.flag("onesided")
    length = call.sizes(1, "the length")[0] if call.has(1) else None
    if length is None:
        length = 2 * (x.shape[axis] - 1) if inverse and onesided else x.shape[axis]
    x = gd.moveaxis(x, axis, -2)
    if inverse and onesided:
        y = _real_inverse(call, x, length)
    else:
        y = _transformed(call, x, length, onesided, inverse)
    return gd.moveaxis(y, -2, axis)


def _real_inverse(call: Call, x: Tensor, length: Size) -> Tensor:
    """The real signal of a half spectrum: frequencies that have a mirror image count twice."""
    half = length // 2 + 1
    x = _fitted(x, x.ndim - 2, half)
    cos, sin = _waves(call, half, length, length, x.dtype, True)
    k = gd.arange(half)
    alone = gd.logical_or(k == 0, k * 2 == gd.constant(length, "int64"))
    by = gd.astype(gd.where(alone, 1, 2), x.dtype) / gd.constant(length, x.dtype)
    re = x[..., 0] * by
    y = re @ cos.T
    if x.shape[-1] == 2:
        y = y - (x[..., 1] * by) @ sin.T
    return gd.expand_dims(y, axis=-1)


@reads("STFT", settings=(1, 3))
def stft(call: Call) -> Tensor:
    x, weights = call.tensor(0), call.optional(2)
    (step,) = call.ints(1, "the step")
    if call.has(3):
        (length,) = call.sizes(3, "the frame's length")
    elif weights is not None:
        length = weights.shape[0]
    else:
        call.fail(ShapeError, "neither a window nor a length of frames")
    if x.ndim == 2:
        x = gd.expand_dims(x, axis=2)
    count = (x.shape[1] - length) // step + 1
    at = gd.expand_dims(gd.arange(count) * step, axis=1) + gd.arange(length)
    frames = gd.take(x, at, axis=1)
    if weights is not None:
        frames = frames * gd.expand_dims(weights, axis=1)
    return _transformed(call, frames, length, call.flag("onesided", True), False)
