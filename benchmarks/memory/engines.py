"""The operations that networks.py is written in, for each engine; torch and JAX load when their set is made.

``Ours`` has nothing about memory: the limit is compile's. The peers' sets cut a sequence into segments by hand
(``every`` stages, None: keep all), as their users do.
"""

from __future__ import annotations

import importlib
from typing import Any

import graphdiff as gd


class Ours:
    """graphdiff."""

    tanh, sin, sigmoid, relu = (
        staticmethod(gd.tanh),
        staticmethod(gd.sin),
        staticmethod(gd.nn.sigmoid),
        staticmethod(gd.nn.relu),
    )

    def sequence(self, stages: Any, state: Any) -> Any:
        for stage in stages:
            state = stage(state)
        return state

    def scan(self, step: Any, init: Any, xs: Any) -> Any:
        state, _ = gd.scan(lambda s, x: (step(s, x), None), init, xs)
        return state

    def mean(self, h: Any) -> Any:
        return gd.mean(h)

    def mean_square(self, h: Any, y: Any) -> Any:
        return gd.mean((h - y) * (h - y))

    def mean_pixels(self, h: Any) -> Any:
        return gd.mean(h, axis=(2, 3))

    def conv(self, h: Any, w: Any, stride: int) -> Any:
        return gd.nn.conv2d(h, w, stride=stride, padding=w.shape[2] // 2)

    def batch_norm(self, h: Any, g: Any, b: Any) -> Any:
        return gd.nn.batch_norm(h, weight=g, bias=b, training=True)

    def layer_norm(self, h: Any, g: Any, b: Any) -> Any:
        return gd.nn.layer_norm(h, g, b)

    def gelu(self, h: Any) -> Any:
        return gd.nn.gelu(h, approximate="tanh")

    def pool(self, h: Any) -> Any:
        return gd.nn.max_pool2d(h, 2)

    def double(self, h: Any) -> Any:
        return gd.repeat(gd.repeat(h, 2, axis=2), 2, axis=3)

    def concat(self, hs: Any) -> Any:
        return gd.concat(hs, axis=1)

    def split(self, h: Any, n: int) -> Any:
        return gd.split(h, n, axis=1)

    def zeros(self, *shape: int) -> Any:
        return gd.zeros(shape)

    def attention(self, a: Any, heads: int) -> Any:
        batch, length, d = a.shape[0], a.shape[1], a.shape[2] // 3
        q, k, v = (t.reshape(batch, length, heads, d // heads).transpose(0, 2, 1, 3) for t in gd.split(a, 3, axis=2))
        return gd.nn.scaled_dot_product_attention(q, k, v).transpose(0, 2, 1, 3).reshape(batch, length, d)


class Torch:
    """PyTorch with torch.utils.checkpoint."""

    def __init__(self, every: int | None):
        self.every = every
        self.t = importlib.import_module("torch")
        self.f = importlib.import_module("torch.nn.functional")
        self._checkpoint = importlib.import_module("torch.utils.checkpoint").checkpoint
        self.tanh, self.sin, self.sigmoid, self.relu = self.t.tanh, self.t.sin, self.t.sigmoid, self.t.relu

    def sequence(self, stages: Any, state: Any) -> Any:
        stages = list(stages)
        every = self.every or len(stages)
        for k in range(0, len(stages), every):

            def run(*s: Any, part: Any = stages[k : k + every]) -> Any:
                for stage in part:
                    s = stage(s)
                return tuple(s)

            state = run(*state) if self.every is None else self._checkpoint(run, *state, use_reentrant=False)
        return state

    def scan(self, step: Any, init: Any, xs: Any) -> Any:
        return self.sequence([lambda s, x=x: step(s, x) for x in xs], init)

    def mean(self, h: Any) -> Any:
        return h.mean()

    def mean_square(self, h: Any, y: Any) -> Any:
        return self.f.mse_loss(h, y)

    def mean_pixels(self, h: Any) -> Any:
        return h.mean((2, 3))

    def conv(self, h: Any, w: Any, stride: int) -> Any:
        return self.f.conv2d(h, w, stride=stride, padding=w.shape[2] // 2)

    def batch_norm(self, h: Any, g: Any, b: Any) -> Any:
        return self.f.batch_norm(h, None, None, g, b, training=True)

    def layer_norm(self, h: Any, g: Any, b: Any) -> Any:
        return self.f.layer_norm(h, h.shape[-1:], g, b)

    def gelu(self, h: Any) -> Any:
        return self.f.gelu(h, approximate="tanh")

    def pool(self, h: Any) -> Any:
        return self.f.max_pool2d(h, 2)

    def double(self, h: Any) -> Any:
        return self.f.interpolate(h, scale_factor=2)

    def concat(self, hs: Any) -> Any:
        return self.t.cat(hs, 1)

    def split(self, h: Any, n: int) -> Any:
        return h.chunk(n, 1)

    def zeros(self, *shape: int) -> Any:
        return self.t.zeros(shape)

    def attention(self, a: Any, heads: int) -> Any:
        batch, length, d = a.shape[0], a.shape[1], a.shape[2] // 3
        q, k, v = (t.reshape(batch, length, heads, d // heads).transpose(1, 2) for t in a.chunk(3, 2))
        return self.f.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(batch, length, d)


class Jax:
    """JAX with jax.checkpoint."""

    def __init__(self, every: int | None):
        self.every = every
        self.j = importlib.import_module("jax")
        self.n = importlib.import_module("jax.numpy")
        self.tanh, self.sin, self.sigmoid, self.relu = self.n.tanh, self.n.sin, self.j.nn.sigmoid, self.j.nn.relu

    def sequence(self, stages: Any, state: Any) -> Any:
        stages = list(stages)
        every = self.every or len(stages)
        for k in range(0, len(stages), every):

            def run(s: Any, part: Any = stages[k : k + every]) -> Any:
                for stage in part:
                    s = stage(s)
                return tuple(s)

            state = run(tuple(state)) if self.every is None else self.j.checkpoint(run)(tuple(state))
        return state

    def scan(self, step: Any, init: Any, xs: Any) -> Any:
        def run(s: Any, part: Any) -> Any:
            return self.j.lax.scan(lambda s, x: (step(s, x), None), s, part)[0]

        if self.every is None:
            return run(init, xs)
        parts = xs.reshape(-1, self.every, *xs.shape[1:])
        return self.j.lax.scan(lambda s, part: (self.j.checkpoint(run)(s, part), None), init, parts)[0]

    def mean(self, h: Any) -> Any:
        return h.mean()

    def mean_square(self, h: Any, y: Any) -> Any:
        return ((h - y) ** 2).mean()

    def mean_pixels(self, h: Any) -> Any:
        return h.mean((2, 3))

    def conv(self, h: Any, w: Any, stride: int) -> Any:
        pad = w.shape[2] // 2
        return self.j.lax.conv_general_dilated(h, w, (stride, stride), [(pad, pad)] * 2)

    def batch_norm(self, h: Any, g: Any, b: Any) -> Any:
        mean, var = h.mean((0, 2, 3), keepdims=True), h.var((0, 2, 3), keepdims=True)
        return (h - mean) * self.j.lax.rsqrt(var + 1e-5) * g[:, None, None] + b[:, None, None]

    def layer_norm(self, h: Any, g: Any, b: Any) -> Any:
        mean, var = h.mean(-1, keepdims=True), h.var(-1, keepdims=True)
        return (h - mean) * self.j.lax.rsqrt(var + 1e-5) * g + b

    def gelu(self, h: Any) -> Any:
        return self.j.nn.gelu(h, approximate=True)

    def pool(self, h: Any) -> Any:
        return self.j.lax.reduce_window(h, -self.n.inf, self.j.lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")

    def double(self, h: Any) -> Any:
        return self.n.repeat(self.n.repeat(h, 2, axis=2), 2, axis=3)

    def concat(self, hs: Any) -> Any:
        return self.n.concatenate(hs, 1)

    def split(self, h: Any, n: int) -> Any:
        return self.n.split(h, n, 1)

    def zeros(self, *shape: int) -> Any:
        return self.n.zeros(shape)

    def attention(self, a: Any, heads: int) -> Any:
        batch, length, d = a.shape[0], a.shape[1], a.shape[2] // 3
        q, k, v = (t.reshape(batch, length, heads, d // heads).transpose(0, 2, 1, 3) for t in self.n.split(a, 3, 2))
        scores = q @ k.transpose(0, 1, 3, 2) / (d // heads) ** 0.5
        return (self.j.nn.softmax(scores) @ v).transpose(0, 2, 1, 3).reshape(batch, length, d)
