"""Rules of attention: scaled dot products with caches, groups and masks, linear attention, rotary embeddings, and what
stands beside them in language models."""

from __future__ import annotations

import math

import numpy as np

import graphdiff as gd

from ....errors import GraphError
from ....ir.dtypes import bool_
from ....ops.tensor import Tensor
from ..call import Call
from ..table import reads
from .elementwise import as_int64


def _heads(call: Call, x: Tensor, heads: int) -> Tensor:
    """(batch, time, heads * size) as (batch, heads, time, size)."""
    size = x.shape[2] // heads
    return gd.swapaxes(gd.reshape(x, (x.shape[0], x.shape[1], heads, size)), 1, 2)


@reads("Attention")
def attention(call: Call) -> list[Tensor]:
    """Rows with nothing to attend to give 0, with derivative 0."""
    q, k, v = (call.tensor(i) for i in range(3))
    mask, past_key, past_value, valid = (call.optional(i) for i in range(3, 7))
    flat = q.ndim == 3
    if flat:
        queries, keys = call.integer("q_num_heads"), call.integer("kv_num_heads")
        q, k, v = _heads(call, q, queries), _heads(call, k, keys), _heads(call, v, keys)
    if past_key is not None and past_value is not None:
        k, v = gd.concat([past_key, k], axis=2), gd.concat([past_value, v], axis=2)
    present = [k, v]
    if k.shape[1] != q.shape[1]:
        group = q.shape[1] // k.shape[1]
        if not isinstance(group, int) or group * k.shape[1] != q.shape[1]:
            call.fail(GraphError, f"{q.shape[1]} heads of queries over {k.shape[1]} of keys")
        k, v = gd.repeat(k, group, axis=1), gd.repeat(v, group, axis=1)
    causal, cap = call.flag("is_causal"), call.number("softcap", 0.0)
    scale = call.raw("scale")
    scale = float(scale) if scale else 1 / math.sqrt(int(q.shape[3]))
    bounds = call.integer("left_window_size", -1), call.integer("right_window_size", -1)
    plain = mask is None and valid is None and past_key is None and cap == 0 and bounds == (-1, -1)
    if plain and not call.wants(3):
        y = gd.nn.scaled_dot_product_attention(q, k, v, is_causal=causal, scale=scale)
        scores: list[Tensor] = []
    else:
        allowed, bias = _mask(q, k, mask, past_key, valid, causal, bounds)
        y, scores = _attended(call, q, k, v, scale, cap, allowed, bias)
    if flat:
        y = gd.reshape(gd.swapaxes(y, 1, 2), (y.shape[0], y.shape[2], y.shape[1] * y.shape[3]))
    return [y, *present, *scores]


def _attended(
    call: Call, q: Tensor, k: Tensor, v: Tensor, scale: float, cap: float, allowed: Tensor | None, bias: Tensor | None
) -> tuple[Tensor, list[Tensor]]:
    """The result, and what ``qk_matmul_output_mode`` asks for of the scores."""
    scores = (q * math.sqrt(scale)) @ (gd.matrix_transpose(k) * math.sqrt(scale))
    stages = [scores]
    if cap > 0:
        scores = cap * gd.tanh(scores / cap)
    stages.append(scores)
    if bias is not None:
        scores = scores + bias
        seen = bias > -math.inf
        allowed = seen if allowed is None else gd.logical_and(allowed, seen)
    stages.append(scores if allowed is None else gd.where(allowed, scores, -math.inf))
    if allowed is None:
        weights = gd.nn.softmax(scores, axis=-1)
    else:
        low = gd.where(allowed, scores, -math.inf)
        highest = gd.stop_gradient(gd.max(low, axis=-1, keepdims=True))
        shifted = gd.where(allowed, scores - gd.where(highest > -math.inf, highest, 0), 0)
        e = gd.where(allowed, gd.exp(shifted), 0)
        total = gd.sum(e, axis=-1, keepdims=True)
        weights = e / gd.where(total == 0, 1, total)
    stages.append(weights)
    mode = call.integer("qk_matmul_output_mode", 0)
    if not 0 <= mode < len(stages):
        call.fail(GraphError, f"qk_matmul_output_mode is {mode}")
    return weights @ v, [stages[mode]]


def _mask(
    q: Tensor,
    k: Tensor,
    mask: Tensor | None,
    past: Tensor | None,
    valid: Tensor | None,
    causal: bool,
    bounds: tuple[int, int],
) -> tuple[Tensor | None, Tensor | None]:
    """Which keys each query sees, and what is added to the scores. Keys behind the end of a mask are not seen."""
    allowed: list[Tensor] = []
    bias = None
    length = k.shape[2]
    if mask is not None:
        if mask.shape[-1] != length:
            width = [(0, 0)] * (mask.ndim - 1) + [(0, length - mask.shape[-1])]
            mask = gd.pad(mask, width, constant_values=0 if mask.dtype is bool_ else -np.inf)
        if mask.dtype is bool_:
            allowed.append(mask)
        else:
            bias = mask
    at = gd.expand_dims(gd.arange(q.shape[2]), axis=1)
    if past is not None:
        at = at + gd.constant(past.shape[2], "int64")
    elif valid is not None:
        first = as_int64(valid) - gd.constant(q.shape[2], "int64")
        at = at + gd.reshape(first, (-1, 1, 1, 1))
    keys = gd.arange(length)
    if causal:
        allowed.append(keys <= at)
    left, right = bounds
    if left >= 0:
        allowed.append(at - keys <= left)
    if right >= 0:
        allowed.append(keys - at <= right)
    if valid is not None:
        allowed.append(keys < gd.reshape(as_int64(valid), (-1, 1, 1, 1)))
    if not allowed:
        return None, bias
    seen = allowed[0]
    for a in allowed[1:]:
        seen = gd.logical_and(seen, a)
    return seen, bias


@reads("RotaryEmbedding")
def rotary_embedding(call: Call) -> Tensor:
    x, cos, sin, positions = call.tensor(0), call.tensor(1), call.tensor(2), call.optional(3)
    flat, shape = x.ndim == 3, x.shape
    if flat:
        x = _heads(call, x, call.integer("num_heads"))
    turned = call.integer("rotary_embedding_dim", 0) or x.shape[3]
    if positions is not None:
        cos, sin = gd.take(cos, positions, axis=0), gd.take(sin, positions, axis=0)
    cos, sin = gd.expand_dims(cos, axis=1), gd.expand_dims(sin, axis=1)
    rotated, rest = x[..., :turned], x[..., turned:]
    if call.flag("interleaved"):
        a, b = rotated[..., 0::2], rotated[..., 1::2]
    else:
        a, b = gd.split(rotated, 2, axis=3)
    real, imaginary = cos * a - sin * b, sin * a + cos * b
    if call.flag("interleaved"):
        rotated = gd.reshape(gd.stack([real, imaginary], axis=4), rotated.shape)
    else:
        rotated = gd.concat([real, imaginary], axis=3)
    y = rotated if rest.shape[3] == 0 else gd.concat([rotated, rest], axis=3)
    return gd.reshape(gd.swapaxes(y, 1, 2), shape) if flat else y


@reads("LinearAttention")
def linear_attention(call: Call) -> list[Tensor]:
    """A state of keys times values that decays, is corrected and is read at each step."""
    queries, keys = call.integer("q_num_heads"), call.integer("kv_num_heads")
    q, k, v = (_heads(call, call.tensor(i), n) for i, n in enumerate((queries, keys, keys)))
    past, decay, beta = call.optional(3), call.optional(4), call.optional(5)
    scale = call.raw("scale")
    scale = float(scale) if scale else 1 / math.sqrt(int(q.shape[3]))
    group = queries // keys
    state = gd.zeros((k.shape[0], keys, k.shape[3], v.shape[3]), dtype=q.dtype) if past is None else past
    rows = {"q": q, "k": k, "v": v}
    if decay is not None:
        per_head = decay.shape[2] == keys
        rows["decay"] = gd.swapaxes(gd.expand_dims(decay, axis=3), 1, 2) if per_head else _heads(call, decay, keys)
    if beta is not None:
        rows["beta"] = gd.swapaxes(gd.expand_dims(beta, axis=3), 1, 2)

    def step(s: Tensor, at: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        key, value = at["k"], at["v"]
        if decay is not None:
            s = s * gd.expand_dims(gd.exp(at["decay"]), axis=3)
        if beta is not None:
            seen = gd.squeeze(gd.expand_dims(key, axis=2) @ s, axis=2)
            value = at["beta"] * (value - seen)
        s = s + gd.expand_dims(key, axis=3) * gd.expand_dims(value, axis=2)
        read = s if group == 1 else gd.repeat(s, group, axis=1)
        return s, gd.squeeze(gd.expand_dims(at["q"] * scale, axis=2) @ read, axis=2)

    state, y = gd.scan(step, state, {name: gd.moveaxis(x, 2, 0) for name, x in rows.items()})
    y = gd.permute_dims(y, (1, 0, 2, 3))
    return [gd.reshape(y, (*y.shape[:2], y.shape[2] * y.shape[3])), state]


@reads("CausalConvWithState")
def causal_conv(call: Call) -> list[Tensor]:
    x, w, bias, past = call.tensor(0), call.tensor(1), call.optional(2), call.optional(3)
    width = w.shape[2] - 1
    before = gd.zeros((*x.shape[:2], width), dtype=x.dtype) if past is None else past
    whole = gd.concat([before, x], axis=2)
    y = gd.nn.conv1d(whole, w, bias, groups=int(x.shape[1]))
    if call.text("activation", "none") in ("silu", "swish"):
        y = gd.nn.silu(y)
    return [y, whole[:, :, x.shape[2] :]]


@reads("TensorScatter")
def tensor_scatter(call: Call) -> Tensor:
    """Rows of a cache from a place of its own for each example on."""
    cache, update, first = call.tensor(0), call.tensor(1), call.optional(2)
    axis = call.axis(call.integer("axis", -2), cache.ndim)
    n, length = update.shape[axis], cache.shape[axis]
    shape = (-1, *(1,) * (cache.ndim - 1))
    start = gd.zeros((cache.shape[0],), dtype="int64") if first is None else as_int64(first)
    row = [1] * cache.ndim
    row[axis] = -1
    offset = gd.reshape(gd.arange(length), tuple(row)) - gd.reshape(start, shape)
    if call.text("mode", "linear") == "circular":
        offset = gd.remainder(offset, gd.constant(length, "int64"))
    count = gd.constant(n, "int64")
    inside = gd.logical_and(offset >= 0, offset < count)
    at = gd.broadcast_to(gd.where(inside, offset, 0), cache.shape)
    return gd.where(inside, gd.take_along_axis(update, at, axis=axis), cache)


@reads("SwiGLU")
def swiglu(call: Call) -> Tensor:
    a, b = call.tensors(2)
    alpha = call.number("alpha", 1.0)
    return a * gd.nn.sigmoid(a if alpha == 1 else a * alpha) * b
