"""Declaration of attention: values averaged with weights that queries give to keys."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..errors import DTypeError, GraphError, ShapeError
from ..ir.dims import Dim, broadcast, format_shape
from ..ir.dtypes import bool_
from .elementwise import equal, greater_equal, rsqrt, where
from .linalg import matmul
from .movement import matrix_transpose, positions, size_as
from .opdef import composite, operands
from .reduce import softmax_parts
from .registry import Sample
from .tensor import as_tensor, fail


def _reference(
    q: Any, k: Any, v: Any, attn_mask: Any = None, is_causal: bool = False, scale: float | None = None
) -> Any:
    s = q @ np.swapaxes(k, -1, -2) * (1 / math.sqrt(q.shape[-1]) if scale is None else scale)
    if is_causal:
        attn_mask = np.tril(np.ones(s.shape[-2:], bool))
    if attn_mask is not None:
        s = np.where(attn_mask, s, -np.inf) if attn_mask.dtype == bool else s + attn_mask
    top = s.max(-1, keepdims=True)
    e = np.exp(s - np.where(np.isfinite(top), top, 0))
    total = e.sum(-1, keepdims=True)
    return e / np.where(total == 0, 1, total) @ v


def _samples(rng: np.random.Generator) -> Any:
    def draw(*shape: int) -> Any:
        return rng.uniform(-1, 1, shape)

    keep = rng.integers(0, 2, (3, 5)).astype(bool)
    keep[0], keep[1] = False, True  # a row with nothing to attend to
    yield Sample((draw(3, 4), draw(5, 4), draw(5, 2)))
    yield Sample((draw(2, 3, 4), draw(2, 5, 4), draw(2, 5, 2)), {"attn_mask": keep})
    yield Sample((draw(2, 1, 3, 4), draw(2, 2, 5, 4), draw(2, 2, 5, 2)), {"attn_mask": draw(3, 5), "scale": 0.3})
    yield Sample((draw(2, 2, 4, 3), draw(2, 2, 4, 3), draw(2, 2, 4, 3)), {"is_causal": True})
    yield Sample((draw(2, 5, 3), draw(2, 3, 3), draw(2, 3, 3)), {"is_causal": True})


@composite(namespace="nn", reference=_reference, samples=_samples, onnx="Attention")
def scaled_dot_product_attention(q, k, v, attn_mask=None, is_causal=False, scale=None):  # type: ignore[no-untyped-def]
    """softmax(q kᵀ scale) v over the last two axes: q (.., L, E), k (.., S, E), v (.., S, F) give (.., L, F), the other
    axes broadcasting; scale is 1/√E unless given (Vaswani et al. 2017).

    ``attn_mask`` broadcasts to (.., L, S): bool keeps what is True, float is added. ``is_causal`` keeps key j for
    query i where j <= i. A query that may attend to nothing gives 0, and 0 as derivative."""
    name = "scaled_dot_product_attention"
    xs = q, k, v = operands(name, (q, k, v), "float")
    for what, x in (("q", q), ("k", k), ("v", v)):
        if x.ndim < 2:
            fail(ShapeError, name, f"{what} has {x.ndim} dimensions, at least 2 are needed", xs)
    if q.shape[-1] != k.shape[-1]:
        fail(ShapeError, name, f"q has features of {q.shape[-1]}, k of {k.shape[-1]}", xs)
    if k.shape[-2] != v.shape[-2]:
        fail(ShapeError, name, f"there are {k.shape[-2]} keys and {v.shape[-2]} values", xs)
    if scale is None:
        e = q.shape[-1]
        scale = rsqrt(size_as(e, q.dtype)) if isinstance(e, Dim) else 1 / math.sqrt(e) if e else 1.0
    scores = matmul(q * scale, matrix_transpose(k))
    keep = None
    if is_causal:
        if attn_mask is not None:
            fail(GraphError, name, "either is_causal or attn_mask", xs)
        shape = scores.shape[-2:]
        keep = greater_equal(positions(shape, 0), positions(shape, 1))
    elif attn_mask is not None:
        keep = as_tensor(attn_mask, name, q.dtype)
        if broadcast(keep.shape, scores.shape) != scores.shape:
            fail(ShapeError, name, f"attn_mask {format_shape(keep.shape)} does not broadcast to the scores "
                 f"{format_shape(scores.shape)}", [*xs, keep])  # fmt: skip
        if keep.dtype is not bool_:
            if keep.dtype is not q.dtype:
                fail(DTypeError, name, f"attn_mask is {keep.dtype.name}, the queries are {q.dtype.name}; write "
                     f".astype({q.dtype.name!r})", [*xs, keep])  # fmt: skip
            scores, keep = scores + keep, None
    if keep is not None:
        scores = where(keep, scores, -math.inf)
    e, total = softmax_parts(scores, -1, name)
    return matmul(e / where(equal(total, 0), 1, total), v)
