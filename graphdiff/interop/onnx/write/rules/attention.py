"""Attention, by name where the opset has it, else as the products and the softmax that it is; rotary embeddings."""

from __future__ import annotations

import math
from typing import Any

import graphdiff as gd

from .....ir.dims import Dim
from .....ir.dtypes import bool_
from .....ops.tensor import Tensor
from ..operators import operator
from ..table import Call, Given, Writing, by_name, is_number, writes


@by_name("nn.scaled_dot_product_attention", since=23)
def _attention(call: Call) -> Given | None:
    """Where it is of batches and heads; a query that may attend to nothing is given 0 by both."""
    q, k, v, mask = call.tensor("q"), call.tensor("k"), call.tensor("v"), call["attn_mask"]
    if q.ndim != 4 or k.ndim != 4 or v.ndim != 4 or call["dropout_p"] or q.shape[0] != k.shape[0] != v.shape[0]:
        return None
    heads = [x.shape[1] for x in (q, k, v)]
    if (
        heads[1] != heads[2]
        or (heads[0] != heads[1] and not call["enable_gqa"])
        or len({q.dtype, k.dtype, v.dtype}) > 1
    ):
        return None
    if mask is not None and (not isinstance(mask, Tensor) or mask.dtype not in (bool_, q.dtype)):
        return None
    if any(isinstance(h, Dim) for h in heads) or (call["scale"] is not None and not is_number(call["scale"])):
        return None
    if mask is not None and (mask.ndim < 2 or mask.shape[-1] != k.shape[2]):
        return None
    if mask is not None and mask.shape[-2] != q.shape[2]:  # of keys alone, which runtimes want of queries too
        mask = gd.broadcast_to(mask, (*mask.shape[:-2], q.shape[2], k.shape[2]))
    scale = None if call["scale"] is None else float(call["scale"])
    return operator("Attention", [q, k, v, mask], call.y, is_causal=int(bool(call["is_causal"])) or None, scale=scale)


def _weights(q: Tensor, k: Tensor, mask: Tensor | None, w: Writing) -> tuple[Tensor, Tensor, Tensor]:
    """Each query's weights, its largest score, and the sum of the exponentials of its scores less that."""
    scores = gd.matmul(q * w["scale"], gd.matrix_transpose(k))
    if w["causal"]:
        rows, columns = gd.arange(scores.shape[-2]), gd.arange(scores.shape[-1])
        mask = gd.reshape(rows, (-1, 1)) >= columns
    if mask is not None:
        scores = gd.where(mask, scores, -math.inf) if mask.dtype is bool_ else scores + mask
    top = gd.max(scores, axis=-1, keepdims=True)
    top = gd.where(gd.equal(top, -math.inf), 0, top)
    e = gd.exp(scores - top)
    total = gd.sum(e, axis=-1, keepdims=True)
    return e / gd.where(gd.equal(total, 0), 1, total), top, total


@writes("attention")
def _pieces(w: Writing) -> Given:
    q, k, v, *mask = w.xs
    p, top, total = _weights(q, k, mask[0] if mask else None, w)
    return [gd.matmul(p, v), gd.concat([top, gd.log(total)], axis=-1)]


@writes("attention_vjp")
def _gradients(w: Writing) -> Given:
    q, k, v, _, _, g, *mask = w.xs
    p, _, _ = _weights(q, k, mask[0] if mask else None, w)
    d = gd.matmul(g, gd.matrix_transpose(v))
    s = p * (d - gd.sum(p * d, axis=-1, keepdims=True)) * w["scale"]
    return [gd.matmul(s, k), gd.matmul(gd.matrix_transpose(s), q), gd.matmul(gd.matrix_transpose(p), g)]


@by_name("nn.rotary_embedding", since=23)
def _rotary(call: Call) -> Given | None:
    """Angles are tables of their own there."""
    x, positions, base = call.tensor("x"), call["positions"], call["base"]
    width: Any = x.shape[-1]
    if x.ndim != 4 or positions is not None or not is_number(base) or isinstance(width, Dim):
        return None
    half = width // 2
    rates = gd.constant([float(base) ** (-i / half) for i in range(half)], x.dtype)
    angles = gd.reshape(gd.astype(gd.arange(x.shape[2]), x.dtype), (-1, 1)) * rates
    tables = [gd.broadcast_to(f(angles), (x.shape[0], x.shape[2], half)) for f in (gd.cos, gd.sin)]
    return operator("RotaryEmbedding", [x, *tables], call.y, interleaved=int(bool(call["interleaved"])))
