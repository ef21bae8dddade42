"""The networks whose memory is measured, each written once for any engine, with its start values and data.

A network is a sequence of stages over a state, so that an engine that checkpoints by hand can cut it anywhere; its
``forward(o, params, x, y)`` gives the loss, with ``o`` one of the engines' sets of operations (engines.py). Sizes are
arguments: the defaults are scaled so that a step takes some tens of milliseconds on two cores.
Must not know: any engine.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np


class Network(NamedTuple):
    """Start values, data and ``forward``."""

    params: list[np.ndarray]
    x: np.ndarray
    y: np.ndarray
    forward: Callable[[Any, list[Any], Any, Any], Any]


class _Values:
    """Collects start values; hands them out again in the same order."""

    def __init__(self, seed: int):
        self.rng = np.random.default_rng(seed)
        self.all: list[np.ndarray] = []

    def normal(self, *shape: int, fan: int) -> int:
        self.all.append((self.rng.standard_normal(shape) / math.sqrt(fan)).astype(np.float32))
        return len(self.all) - 1

    def full(self, value: float, *shape: int) -> int:
        self.all.append(np.full(shape, value, np.float32))
        return len(self.all) - 1

    def data(self, *shape: int) -> np.ndarray:
        return self.rng.standard_normal(shape).astype(np.float32)


def chain(depth: int = 64, width: int = 128, batch: int = 1024) -> Network:
    """Dense layers with tanh, one after the other."""
    v = _Values(1)
    layers = [(v.normal(width, width, fan=width), v.full(0.0, width)) for _ in range(depth)]

    def forward(o: Any, p: list[Any], x: Any, y: Any) -> Any:
        stages = [lambda s, w=w, b=b: (o.tanh(s[0] @ p[w] + p[b]),) for w, b in layers]
        (h,) = o.sequence(stages, (x,))
        return o.mean((h - y) * (h - y))

    return Network(v.all, v.data(batch, width), v.data(batch, width), forward)


def resnet(blocks: tuple[int, ...] = (3, 4, 6, 3), channels: int = 8, size: int = 32, batch: int = 4) -> Network:
    """Bottleneck blocks as in ResNet-50, each group at half the resolution and twice the channels of the last."""
    v = _Values(2)

    def conv(o: int, i: int, k: int) -> tuple[int, int, int]:
        return v.normal(o, i, k, k, fan=i * k * k), v.full(1.0, o), v.full(0.0, o)

    stem = conv(4 * channels, 3, 3)
    plan: list[tuple[int, list[tuple[int, int, int]]]] = []
    before = 4 * channels
    for group, n in enumerate(blocks):
        inner = channels << group
        for b in range(n):
            stride = 2 if b == 0 and group else 1
            parts = [conv(inner, before, 1), conv(inner, inner, 3), conv(4 * inner, inner, 1)]
            if before != 4 * inner or stride != 1:
                parts.append(conv(4 * inner, before, 1))
            plan.append((stride, parts))
            before = 4 * inner
    head = v.normal(before, 10, fan=before)

    def forward(o: Any, p: list[Any], x: Any, y: Any) -> Any:
        def layer(h: Any, part: tuple[int, int, int], stride: int = 1) -> Any:
            w, g, b = part
            return o.batch_norm(o.conv(h, p[w], stride), p[g], p[b])

        def block(s: Any, stride: int, parts: list[tuple[int, int, int]]) -> Any:
            (h,) = s
            r = o.relu(layer(h, parts[0]))
            r = o.relu(layer(r, parts[1], stride))
            r = layer(r, parts[2])
            short = layer(h, parts[3], stride) if len(parts) > 3 else h
            return (o.relu(r + short),)

        stages = [lambda s: (o.relu(layer(s[0], stem)),)]
        stages += [lambda s, a=a, q=q: block(s, a, q) for a, q in plan]
        (h,) = o.sequence(stages, (x,))
        return o.mean_square(o.mean_pixels(h) @ p[head], y)

    return Network(v.all, v.data(batch, 3, size, size), v.data(batch, 10), forward)


def unet(depth: int = 4, channels: int = 8, size: int = 64, batch: int = 2) -> Network:
    """Down to 1/2^depth of the resolution and up again, with what each level had on the way down beside it."""
    v = _Values(3)

    def conv(o: int, i: int) -> tuple[int, int]:
        return v.normal(o, i, 3, 3, fan=9 * i), v.full(0.0, o, 1, 1)

    down, up, before = [], [], 3
    for level in range(depth):
        n = channels << level
        down.append((conv(n, before), conv(n, n)))
        before = n
    middle = (conv(2 * before, before), conv(before, 2 * before))
    for level in reversed(range(depth)):
        n = channels << level
        up.append((conv(n, 2 * n), conv(max(n // 2, channels), n)))
    last = conv(3, channels)

    def forward(o: Any, p: list[Any], x: Any, y: Any) -> Any:
        def layer(h: Any, part: tuple[int, int]) -> Any:
            return o.relu(o.conv(h, p[part[0]], 1) + p[part[1]])

        def go_down(s: Any, pair: Any) -> Any:
            h = layer(layer(s[0], pair[0]), pair[1])
            return o.pool(h), *s[1:], h

        def go_up(s: Any, pair: Any) -> Any:
            h = o.concat([o.double(s[0]), s[-1]])
            return layer(layer(h, pair[0]), pair[1]), *s[1:-1]

        stages = [lambda s, q=q: go_down(s, q) for q in down]
        stages.append(lambda s: (layer(layer(s[0], middle[0]), middle[1]), *s[1:]))
        stages += [lambda s, q=q: go_up(s, q) for q in up]
        (h,) = o.sequence(stages, (x,))
        return o.mean_square(o.conv(h, p[last[0]], 1) + p[last[1]], y)

    return Network(v.all, v.data(batch, 3, size, size), v.data(batch, 3, size, size), forward)


def transformer(layers: int = 8, width: int = 128, heads: int = 4, length: int = 64, batch: int = 8) -> Network:
    """Blocks of attention and a dense pair, normalised before each."""
    v = _Values(4)
    d = width
    blocks = [
        (
            v.full(1.0, d),
            v.full(0.0, d),
            v.normal(d, 3 * d, fan=d),
            v.normal(d, d, fan=d),
            v.full(1.0, d),
            v.full(0.0, d),
            v.normal(d, 4 * d, fan=d),
            v.normal(4 * d, d, fan=4 * d),
        )
        for _ in range(layers)
    ]

    def forward(o: Any, p: list[Any], x: Any, y: Any) -> Any:
        def block(s: Any, q: tuple[int, ...]) -> Any:
            (h,) = s
            a = o.layer_norm(h, p[q[0]], p[q[1]]) @ p[q[2]]
            h = h + o.attention(a, heads) @ p[q[3]]
            a = o.layer_norm(h, p[q[4]], p[q[5]])
            return (h + o.gelu(a @ p[q[6]]) @ p[q[7]],)

        (h,) = o.sequence([lambda s, q=q: block(s, q) for q in blocks], (x,))
        return o.mean_square(h, y)

    return Network(v.all, v.data(batch, length, width), v.data(batch, length, width), forward)


def lstm(hidden: int = 64, length: int = 512, batch: int = 16) -> Network:
    """One cell over many steps; the loss is of the last state."""
    v = _Values(5)
    w, u = (v.normal(hidden, 4 * hidden, fan=hidden) for _ in range(2))
    b = v.full(0.0, 4 * hidden)

    def forward(o: Any, p: list[Any], x: Any, y: Any) -> Any:
        def step(s: Any, a: Any) -> Any:
            h, c = s
            i, f, g, q = o.split(a + h @ p[u], 4)
            c = o.sigmoid(f) * c + o.sigmoid(i) * o.tanh(g)
            return o.sigmoid(q) * o.tanh(c), c

        h, _ = o.scan(step, (o.zeros(batch, hidden), o.zeros(batch, hidden)), x @ p[w] + p[b])
        return o.mean_square(h, y)

    return Network(v.all, v.data(length, batch, hidden), v.data(batch, hidden), forward)


def layered(nodes: int = 100, size: int = 16384, seed: int = 0) -> Network:
    """A random layered graph: each node is made of one to three of the layer before or, seldom, of an earlier one."""
    v = _Values(100 + seed)
    rng = v.rng
    layers: list[list[list[int]]] = []
    count, made = 0, 0
    while made < nodes:
        row = []
        for _ in range(min(int(rng.integers(1, 8)), nodes - made)):
            last = len(layers[-1]) if layers else 1
            near = count - last if layers else 0
            inputs = [near + int(i) for i in rng.integers(0, last, int(rng.integers(1, 4)))]
            if layers and rng.random() < 0.15:
                inputs.append(int(rng.integers(0, count)))
            row.append(inputs)
            made += 1
        layers.append(row)
        count += len(row)

    def forward(o: Any, p: list[Any], x: Any, y: Any) -> Any:
        values = []
        for row in layers:
            for k, inputs in enumerate(row):
                operands = [values[i] if values else x for i in inputs] if layers[0] is not row else [x]
                h = sum(operands[1:], start=operands[0]) * (1.0 / len(operands))
                # a product between elementwise ones, so that fusing does not make one instruction of a layer
                values.append(o.tanh(h @ p[0]) if k % 2 else o.sin(h @ p[0]))
        tail = values[-len(layers[-1]) :]
        h = sum(tail[1:], start=tail[0])
        return o.mean((h - y) * (h - y))

    side = max(8, math.isqrt(size) // 8 * 8)
    v.normal(side, side, fan=side)
    return Network(v.all, v.data(side, side), v.data(side, side), forward)


NETWORKS = {"chain": chain, "resnet": resnet, "unet": unet, "transformer": transformer, "lstm": lstm}
LAYERED = (100, 250, 500, 1000)
