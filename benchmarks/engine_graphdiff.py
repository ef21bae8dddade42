"""The nine workloads in graphdiff. ``build(name, data)`` gives a step and what it is made of."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import graphdiff as gd

from .data import CLIP, FUNCTIONS, Data, triangle_order


def xor(p: list[Any], x: Any, y: Any, data: Data) -> Any:
    h = gd.nn.sigmoid(x @ p[0] + p[1])
    return gd.nn.binary_cross_entropy(gd.nn.sigmoid(h @ p[2] + p[3]), y)


def mlp(p: list[Any], x: Any, y: Any, data: Data) -> Any:
    for i in range(0, len(p), 2):
        x = x @ p[i] + p[i + 1]
        if i + 2 < len(p):
            x = gd.nn.relu(x)
    return gd.nn.cross_entropy(x, y)


def deep(p: list[Any], x: Any, y: Any, data: Data) -> Any:
    for i in range(0, len(p), 2):
        x = x + gd.tanh(x @ p[i] + p[i + 1])
    return gd.mean(gd.square(x - y))


def cnn(p: list[Any], x: Any, y: Any, data: Data) -> Any:
    h = gd.nn.max_pool2d(gd.nn.relu(gd.nn.conv2d(x, p[0], p[1], padding=1)), 2)
    h = gd.nn.max_pool2d(gd.nn.relu(gd.nn.conv2d(h, p[2], p[3], padding=1)), 2)
    h = gd.nn.relu(h.reshape(h.shape[0], -1) @ p[4] + p[5])
    return gd.nn.cross_entropy(h @ p[6] + p[7], y)


def gpt(p: list[Any], x: Any, y: Any, data: Data) -> Any:
    batch, length = x.shape
    heads = data["heads"]
    h = gd.take(p[0], x) + p[1]
    d = h.shape[-1]
    for layer in range(data["layers"]):
        q = p[2 + 12 * layer : 14 + 12 * layer]
        a = gd.nn.layer_norm(h, q[0], q[1]) @ q[2] + q[3]
        qkv = [t.reshape(batch, length, heads, d // heads).transpose(0, 2, 1, 3) for t in gd.split(a, 3, axis=-1)]
        a = gd.nn.scaled_dot_product_attention(*qkv, is_causal=True)
        h = h + a.transpose(0, 2, 1, 3).reshape(batch, length, d) @ q[4] + q[5]
        a = gd.nn.layer_norm(h, q[6], q[7])
        h = h + gd.nn.gelu(a @ q[8] + q[9], approximate="tanh") @ q[10] + q[11]
    return gd.nn.cross_entropy(gd.nn.layer_norm(h, p[-3], p[-2]) @ p[-1], y)


def lstm(p: list[Any], x: Any, y: Any, data: Data) -> Any:
    hidden, batch = data["hidden"], x.shape[1]

    def cell(state: Any, xw: Any) -> Any:
        h, c = state
        i, f, g, o = gd.split(xw + h @ p[1], 4, axis=1)
        c = gd.nn.sigmoid(f) * c + gd.nn.sigmoid(i) * gd.tanh(g)
        h = gd.nn.sigmoid(o) * gd.tanh(c)
        return (h, c), None

    zero = gd.zeros((batch, hidden))
    (h, _), _ = gd.scan(cell, (zero, zero), x @ p[0] + p[2])
    return gd.nn.cross_entropy(h @ p[3] + p[4], y)


def elem(p: list[Any], data: Data) -> Any:
    spot, strike, v = p
    d1 = (gd.log(spot / strike) + 0.02 + 0.5 * v * v) / v
    d2 = d1 - v

    def normal(z: Any) -> Any:
        return 0.5 * (1 + gd.erf(z * (1 / math.sqrt(2))))

    return gd.sum(spot * normal(d1) - strike * math.exp(-0.02) * normal(d2))


def rosen(p: list[Any], data: Data) -> Any:
    (x,) = p
    return gd.sum(100 * gd.square(x[1:] - gd.square(x[:-1])) + gd.square(1 - x[:-1]))


def gmm(p: list[Any], data: Data) -> Any:
    alphas, means, icf = p
    x, d = data["x"], data["d"]
    n, k = len(x), alphas.shape[0]
    diagonal, total = gd.exp(icf[:, :d]), gd.sum(icf[:, :d], axis=1)
    rows, columns = triangle_order(d)
    place = np.full(d * d, icf.shape[1] - d)  # the last is a zero that is put behind
    place[rows * d + columns] = np.arange(len(rows))
    lower = gd.concat([icf[:, d:], gd.zeros((k, 1), dtype="float64")], axis=1)
    lower = gd.take(lower, place, axis=1).reshape(k, d, d)
    centred = gd.constant(x)[:, None, :] - means
    q = diagonal * centred + gd.einsum("kij,nkj->nki", lower, centred)
    main = alphas + total - 0.5 * gd.sum(gd.square(q), axis=2)
    wishart = 0.5 * (gd.sum(gd.square(diagonal)) + gd.sum(gd.square(icf[:, d:])))
    return gd.sum(gd.logsumexp(main, axis=1)) - n * gd.logsumexp(alphas) + wishart


def optimizer(name: str) -> Any:
    return {
        "xor": lambda: gd.optim.SGD(1.0),
        "mlp": lambda: gd.optim.Adam(1e-3),
        "cnn": lambda: gd.optim.SGD(0.01),
        "gpt": lambda: gd.optim.AdamW(1e-3, weight_decay=0.01),
        "deep": lambda: gd.optim.SGD(0.01, momentum=0.9),
        "lstm": lambda: gd.optim.SGD(0.1),
    }[name]()


def build(name: str, data: Data, **options: Any) -> tuple[Any, gd.Function, list[np.ndarray]]:
    """(step, function, feeds): ``step()`` does one unit of work and returns the loss."""
    forward = globals()[name]
    if name in FUNCTIONS:
        leaves = [gd.input(f"p{i}", a.shape, a.dtype) for i, a in enumerate(data["params"])]
        loss = forward(leaves, data)
        f = gd.compile(leaves, [loss, *gd.grad(loss, leaves)], name=name, **options)
        feeds = list(data["params"])
        return (lambda: float(f(*feeds)[0])), f, feeds
    params = [gd.parameter(f"p{i}", a) for i, a in enumerate(data["params"])]
    feeds = [data["x"], data["y"]]
    batch_axis = 1 if name == "lstm" else 0
    shape = tuple("batch" if i == batch_axis else s for i, s in enumerate(data["x"].shape))
    y_shape = ("batch", *data["y"].shape[1:])
    x, y = gd.input("x", shape, data["x"].dtype), gd.input("y", y_shape, data["y"].dtype)
    loss = forward(params, x, y, data)
    grads = gd.grad(loss, params)
    if name in CLIP:
        grads = gd.optim.clip_by_global_norm(grads, CLIP[name])
    f = gd.compile([x, y], loss, updates=optimizer(name).updates(params, grads), name=name, **options)
    return (lambda: float(f(*feeds))), f, feeds
