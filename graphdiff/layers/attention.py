"""Attention of several heads, and the block of a transformer. Names and values at first are PyTorch's.

Batch first: x is (batch, length, width).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

import graphdiff as gd

from ..ops.messages import where_am_i
from ..ops.types import DTypeLike
from .basic import Dropout, Linear
from .layer import Layer, parameter, whole
from .norm import LayerNorm
from .training import current


class MultiHeadAttention(Layer):
    """Attention of ``heads`` parts of the width, each by a projection of its own (Vaswani et al. 2017).

    Called with x (batch, length, width) it is self-attention, with q, k and v attention of q to them. ``mask``: True
    where a query may look, or numbers to add, broadcast to (batch, heads, queries, keys); ``causal``: none looks
    ahead; ``kv_heads``: fewer heads of keys and values, each for a group of queries; ``rotary``: queries and keys are
    turned by their positions (``gd.nn.rotary_embedding``), True or the base; ``dropout``: of the weights, in training.
    ``in_proj_weight`` (width, queries and keys and values) is the transpose of PyTorch's.
    Raises GraphError. Example: ``L.MultiHeadAttention(64, 4, causal=True)(x)``.

    Arguments: ``width``: the size of the last axis; ``heads``: a divisor of the width; ``kv_heads``: as above;
    ``causal``: whether none looks ahead; ``dropout``: the probability; ``bias``: whether there is one; ``rotary``: as
    above; ``dtype``: of the parameters; the default dtype unless given.
    """

    _transposed = ("in_proj_weight",)

    def __init__(
        self,
        width: int,
        heads: int,
        kv_heads: int | None = None,
        causal: bool = False,
        dropout: float = 0.0,
        bias: bool = True,
        rotary: bool | float = False,
        dtype: DTypeLike | None = None,
    ):
        kv_heads = heads if kv_heads is None else kv_heads
        whole("MultiHeadAttention", width=width, heads=heads, kv_heads=kv_heads)
        if heads < 1 or kv_heads < 1 or width % heads or heads % kv_heads:
            raise gd.GraphError(
                f"MultiHeadAttention: width {width} is no multiple of {heads} heads, or these not of {kv_heads}",
                source=where_am_i(),
            )
        self.heads, self.kv_heads, self.causal, self.dropout = heads, kv_heads, causal, dropout
        self._size, self.rotary = width // heads, 10000.0 if rotary is True else float(rotary)
        if self.rotary and self._size % 2:
            raise gd.GraphError(
                f"MultiHeadAttention: rotary needs heads of an even size, {width} by {heads} is {self._size}",
                source=where_am_i(),
            )
        columns = width + 2 * kv_heads * self._size
        limit = math.sqrt(6 / (width + columns))
        self.in_proj_weight = parameter((width, columns), partial(gd.init.uniform, -limit, limit), dtype)
        self.in_proj_bias = parameter((columns,), gd.init.zeros(), dtype) if bias else None
        self.out_proj = Linear(width, width, bias, dtype=dtype)
        if bias:
            self.out_proj.bias = parameter((width,), gd.init.zeros(), dtype)

    def __call__(
        self,
        q: gd.Tensor,
        k: gd.Tensor | None = None,
        v: gd.Tensor | None = None,
        mask: gd.Tensor | np.ndarray | None = None,
    ) -> gd.Tensor:
        width, own = self.heads * self._size, self.kv_heads * self._size
        ends = [(0, width), (width, width + own), (width + own, width + 2 * own)]
        weight, bias = self.in_proj_weight, self.in_proj_bias
        if k is None and v is None:
            projected = gd.nn.linear(q, weight, bias)
            parts = [projected[..., a:b] for a, b in ends]
        else:
            k, v = (v if k is None else k), (k if v is None else v)
            parts = [
                gd.nn.linear(x, weight[:, a:b], None if bias is None else bias[a:b])
                for x, (a, b) in zip((q, k, v), ends)
                if x is not None
            ]
        qh, kh, vh = (self._split(x) for x in parts)
        if self.rotary:
            qh, kh = (gd.nn.rotary_embedding(x, base=self.rotary) for x in (qh, kh))
        run = current()
        p = 0.0 if run is None else self.dropout
        key = None if run is None or not p else run.key()
        y = gd.nn.scaled_dot_product_attention(
            qh, kh, vh, mask, self.causal, enable_gqa=self.kv_heads < self.heads, dropout_p=p, key=key
        )
        return self.out_proj(gd.permute_dims(y, (0, 2, 1, 3)).reshape((*q.shape[:2], width)))

    def _split(self, x: gd.Tensor) -> gd.Tensor:
        """(batch, length, heads * size) -> (batch, heads, length, size)."""
        return gd.permute_dims(x.reshape((*x.shape[:2], x.shape[2] // self._size, self._size)), (0, 2, 1, 3))


class TransformerBlock(Layer):
    """Attention and two linear layers, each with a norm, dropout and what went in added (Vaswani et al. 2017).

    ``norm_first``: norms before, not after the sums; ``activation``: of ``gd.nn``, by name, or a function. Names are
    those of torch.nn.TransformerEncoderLayer. Example: ``L.TransformerBlock(64, 4, 256, causal=True)(x)``.

    Arguments: ``width``: the size of the last axis; ``heads``: a divisor of the width; ``hidden``: the size between the
    two linear layers; ``activation``: as above; ``norm_first``: as above; ``dropout``: the probability; ``causal``:
    whether none looks ahead; ``dtype``: of the parameters; the default dtype unless given.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        hidden: int,
        activation: str | Callable[[gd.Tensor], gd.Tensor] = "gelu",
        norm_first: bool = True,
        dropout: float = 0.0,
        causal: bool = False,
        dtype: DTypeLike | None = None,
    ):
        self.self_attn = MultiHeadAttention(width, heads, causal=causal, dropout=dropout, dtype=dtype)
        self.linear1, self.linear2 = Linear(width, hidden, dtype=dtype), Linear(hidden, width, dtype=dtype)
        self.norm1, self.norm2 = LayerNorm(width, dtype=dtype), LayerNorm(width, dtype=dtype)
        self.dropout, self.dropout1, self.dropout2 = Dropout(dropout), Dropout(dropout), Dropout(dropout)
        self.activation: Any = getattr(gd.nn, activation) if isinstance(activation, str) else activation
        self.norm_first = norm_first

    def _feed_forward(self, x: gd.Tensor) -> gd.Tensor:
        return self.dropout2(self.linear2(self.dropout(self.activation(self.linear1(x)))))

    def _attention(self, x: gd.Tensor, mask: Any) -> gd.Tensor:
        return self.dropout1(self.self_attn(x, mask=mask))

    def __call__(self, x: gd.Tensor, mask: gd.Tensor | np.ndarray | None = None) -> gd.Tensor:
        if self.norm_first:
            x = x + self._attention(self.norm1(x), mask)
            return x + self._feed_forward(self.norm2(x))
        x = self.norm1(x + self._attention(x, mask))
        return self.norm2(x + self._feed_forward(x))
