"""The nine workloads in JAX under jit. ``build(name, data)`` gives a step that returns the loss."""

from __future__ import annotations

import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .data import CLIP, FUNCTIONS, Data, triangle_order

jax.config.update("jax_enable_x64", True)


def cross_entropy(logits: Any, labels: Any) -> Any:
    chosen = jnp.take_along_axis(jax.nn.log_softmax(logits), labels[..., None], -1)
    return -chosen.mean()


def xor(p: Any, x: Any, y: Any, data: Data) -> Any:
    o = jax.nn.sigmoid(jax.nn.sigmoid(x @ p[0] + p[1]) @ p[2] + p[3])
    return -jnp.mean(y * jnp.log(o) + (1 - y) * jnp.log(1 - o))


def mlp(p: Any, x: Any, y: Any, data: Data) -> Any:
    for i in range(0, len(p), 2):
        x = x @ p[i] + p[i + 1]
        if i + 2 < len(p):
            x = jax.nn.relu(x)
    return cross_entropy(x, y)


def deep(p: Any, x: Any, y: Any, data: Data) -> Any:
    for i in range(0, len(p), 2):
        x = x + jnp.tanh(x @ p[i] + p[i + 1])
    return jnp.mean((x - y) ** 2)


def cnn(p: Any, x: Any, y: Any, data: Data) -> Any:
    def layer(x: Any, w: Any, b: Any) -> Any:
        x = jax.lax.conv_general_dilated(x, w, (1, 1), "SAME") + b[None, :, None, None]
        return jax.lax.reduce_window(jax.nn.relu(x), -jnp.inf, jax.lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")

    x = layer(layer(x, p[0], p[1]), p[2], p[3]).reshape(x.shape[0], -1)
    return cross_entropy(jax.nn.relu(x @ p[4] + p[5]) @ p[6] + p[7], y)


def layer_norm(x: Any, w: Any, b: Any) -> Any:
    c = x - x.mean(-1, keepdims=True)
    return c / jnp.sqrt((c * c).mean(-1, keepdims=True) + 1e-5) * w + b


def gpt(p: Any, x: Any, y: Any, data: Data) -> Any:
    batch, length = x.shape
    d, heads = p[0].shape[1], data["heads"]
    h, mask = p[0][x] + p[1], jnp.tril(jnp.ones((length, length), bool))
    for layer in range(data["layers"]):
        q = p[2 + 12 * layer : 14 + 12 * layer]
        a = layer_norm(h, q[0], q[1]) @ q[2] + q[3]
        by_head = (t.reshape(batch, length, heads, d // heads) for t in jnp.split(a, 3, 2))
        query, key, value = (t.transpose(0, 2, 1, 3) for t in by_head)
        scores = query @ key.transpose(0, 1, 3, 2) / np.float32(math.sqrt(d // heads))
        a = jax.nn.softmax(jnp.where(mask, scores, np.float32(-1e9))) @ value
        h = h + a.transpose(0, 2, 1, 3).reshape(batch, length, d) @ q[4] + q[5]
        a = jax.nn.gelu(layer_norm(h, q[6], q[7]) @ q[8] + q[9], approximate=True)
        h = h + a @ q[10] + q[11]
    return cross_entropy(layer_norm(h, p[-3], p[-2]) @ p[-1], y)


def lstm(p: Any, x: Any, y: Any, data: Data) -> Any:
    def cell(state: Any, row: Any) -> Any:
        h, c = state
        i, f, g, o = jnp.split(row + h @ p[1], 4, 1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        return (jax.nn.sigmoid(o) * jnp.tanh(c), c), None

    zero = jnp.zeros((x.shape[1], data["hidden"]), x.dtype)
    (h, _), _ = jax.lax.scan(cell, (zero, zero), x @ p[0] + p[2])
    return cross_entropy(h @ p[3] + p[4], y)


def elem(p: Any, data: Data) -> Any:
    spot, strike, v = p
    d1 = (jnp.log(spot / strike) + 0.02 + 0.5 * v * v) / v
    d2 = d1 - v

    def normal(z: Any) -> Any:
        return 0.5 * (1 + jax.lax.erf(z * np.float32(1 / math.sqrt(2))))

    return (spot * normal(d1) - strike * math.exp(-0.02) * normal(d2)).sum()


def rosen(p: Any, data: Data) -> Any:
    (x,) = p
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def gmm(p: Any, data: Data) -> Any:
    alphas, means, icf = p
    x, d = data["x"], data["d"]
    diagonal, total = jnp.exp(icf[:, :d]), icf[:, :d].sum(1)
    rows, columns = triangle_order(d)
    lower = jnp.zeros((len(alphas), d, d), x.dtype).at[:, rows, columns].set(icf[:, d:])
    centred = x[:, None, :] - means
    q = diagonal * centred + jnp.einsum("kij,nkj->nki", lower, centred)
    main = alphas + total - 0.5 * (q**2).sum(2)
    sums = jax.scipy.special.logsumexp
    return sums(main, 1).sum() - len(x) * sums(alphas) + 0.5 * ((diagonal**2).sum() + (icf[:, d:] ** 2).sum())


def updated(name: str, params: Any, state: Any, grads: Any) -> Any:
    """New parameters and optimiser state, by the rules that the PyTorch engine uses."""
    dtype = params[0].dtype.type
    if name in CLIP:
        norm = jnp.sqrt(sum((g * g).sum() for g in grads))
        grads = [g * jnp.minimum(1.0, CLIP[name] / (norm + 1e-6)).astype(dtype) for g in grads]
    if name in ("mlp", "gpt"):
        m, v, t = state
        t, b1, b2 = t + 1, dtype(0.9), dtype(0.999)
        m = [b1 * a + (1 - b1) * g for a, g in zip(m, grads)]
        v = [b2 * a + (1 - b2) * g * g for a, g in zip(v, grads)]
        c1, c2 = (1 - b1**t).astype(dtype), (1 - b2**t).astype(dtype)
        keep = dtype(1 - (0.01 * 1e-3 if name == "gpt" else 0.0))
        new = [p * keep - dtype(1e-3) * (a / c1) / (jnp.sqrt(b / c2) + dtype(1e-8)) for p, a, b in zip(params, m, v)]
        return new, (m, v, t)
    rate = dtype({"xor": 1.0, "cnn": 0.01, "deep": 0.01, "lstm": 0.1}[name])
    if name == "deep":
        state = [dtype(0.9) * s + g for s, g in zip(state, grads)]
        grads = state
    return [p - rate * g for p, g in zip(params, grads)], state


def build(name: str, data: Data) -> Any:
    forward = globals()[name]
    params = [jnp.asarray(a) for a in data["params"]]
    if name in FUNCTIONS:
        both = jax.jit(jax.value_and_grad(functools.partial(forward, data=data)))

        def evaluate() -> float:
            loss, grads = both(params)
            jax.block_until_ready(grads)
            return float(loss)

        return evaluate

    def zeros() -> list[Any]:  # each its own buffers: they are donated
        return [jnp.zeros_like(p) for p in params]

    state: Any = (zeros(), zeros(), jnp.zeros((), jnp.int32)) if name in ("mlp", "gpt") else zeros()
    x, y = jnp.asarray(data["x"]), jnp.asarray(data["y"])

    @functools.partial(jax.jit, donate_argnums=(0, 1))
    def advance(params: Any, state: Any, x: Any, y: Any) -> Any:
        loss, grads = jax.value_and_grad(lambda p: forward(p, x, y, data))(params)
        return loss, *updated(name, params, state, grads)

    held = [params, state]

    def step() -> float:
        loss, held[0], held[1] = advance(held[0], held[1], x, y)
        jax.block_until_ready(held[0])
        return float(loss)

    return step
