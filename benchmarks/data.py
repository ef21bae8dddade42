"""The data and start values of the nine workloads, the same for every engine; sizes are arguments.

Must not know: any engine.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np

Data = dict[str, Any]


def _he(rng: np.random.Generator, n_in: int, n_out: int) -> np.ndarray:
    return (rng.standard_normal((n_in, n_out)) * math.sqrt(2 / n_in)).astype(np.float32)


def _zeros(*shape: int) -> np.ndarray:
    return np.zeros(shape, np.float32)


def xor() -> Data:
    rng = np.random.default_rng(1)
    params = [rng.standard_normal((2, 4)), np.zeros(4), rng.standard_normal((4, 1)), np.zeros(1)]
    return {"x": np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), "y": np.array([[0.0], [1], [1], [0]]), "params": params}


def mlp(sizes: tuple[int, ...] = (784, 256, 128, 10), batch: int = 64) -> Data:
    rng = np.random.default_rng(2)
    params: list[np.ndarray] = []
    for i, o in pairwise(sizes):
        params += [_he(rng, i, o), _zeros(o)]
    x = rng.standard_normal((batch, sizes[0])).astype(np.float32)
    return {"x": x, "y": rng.integers(0, sizes[-1], batch), "params": params}


def deep(depth: int = 50, width: int = 64, batch: int = 32) -> Data:
    rng = np.random.default_rng(3)
    params: list[np.ndarray] = []
    for _ in range(depth):
        params += [(rng.standard_normal((width, width)) / math.sqrt(width) / 2).astype(np.float32), _zeros(width)]
    x, y = (rng.standard_normal((batch, width)).astype(np.float32) for _ in range(2))
    return {"x": x, "y": y, "params": params}


def cnn(batch: int = 32, c1: int = 32, c2: int = 64, size: int = 28) -> Data:
    rng = np.random.default_rng(4)

    def kernel(o: int, i: int) -> np.ndarray:
        return (rng.standard_normal((o, i, 3, 3)) * math.sqrt(2 / (9 * i))).astype(np.float32)

    flat = c2 * (size // 4) ** 2
    params = [
        kernel(c1, 1),
        _zeros(c1),
        kernel(c2, c1),
        _zeros(c2),
        _he(rng, flat, 128),
        _zeros(128),
        _he(rng, 128, 10),
        _zeros(10),
    ]
    x = rng.standard_normal((batch, 1, size, size)).astype(np.float32)
    return {"x": x, "y": rng.integers(0, 10, batch), "params": params}


def gpt(
    layers: int = 4, width: int = 128, heads: int = 4, length: int = 64, batch: int = 16, vocabulary: int = 65
) -> Data:
    rng = np.random.default_rng(5)

    def normal(*shape: int) -> np.ndarray:
        return (rng.standard_normal(shape) * 0.02).astype(np.float32)

    def ones(n: int) -> np.ndarray:
        return np.ones(n, np.float32)

    d = width
    params = [normal(vocabulary, d), normal(length, d)]
    for _ in range(layers):
        params += [
            ones(d),
            _zeros(d),
            normal(d, 3 * d),
            _zeros(3 * d),
            normal(d, d),
            _zeros(d),
            ones(d),
            _zeros(d),
            normal(d, 4 * d),
            _zeros(4 * d),
            normal(4 * d, d),
            _zeros(d),
        ]
    params += [ones(d), _zeros(d), normal(d, vocabulary)]
    ids = rng.integers(0, vocabulary, (batch, length + 1))
    return {"x": ids[:, :-1].copy(), "y": ids[:, 1:].copy(), "params": params, "layers": layers, "heads": heads}


def lstm(hidden: int = 128, length: int = 50, batch: int = 32, inputs: int = 32, classes: int = 10) -> Data:
    rng = np.random.default_rng(6)
    s = 1 / math.sqrt(hidden)

    def uniform(*shape: int) -> np.ndarray:
        return rng.uniform(-s, s, shape).astype(np.float32)

    x = rng.standard_normal((length, batch, inputs)).astype(np.float32)
    params = [
        uniform(inputs, 4 * hidden),
        uniform(hidden, 4 * hidden),
        _zeros(4 * hidden),
        uniform(hidden, classes),
        _zeros(classes),
    ]
    return {"x": x, "y": rng.integers(0, classes, batch), "params": params, "hidden": hidden}


def elem(n: int = 1_000_000) -> Data:
    rng = np.random.default_rng(7)
    spot, strike = (rng.uniform(50, 150, n).astype(np.float32) for _ in range(2))
    return {"params": [spot, strike, rng.uniform(0.1, 0.5, n).astype(np.float32)]}


def rosen(n: int = 100) -> Data:
    return {"params": [np.random.default_rng(8).uniform(-2, 2, n)]}


def gmm(d: int = 10, k: int = 25, n: int = 1000) -> Data:
    rng = np.random.default_rng(9)
    params = [rng.standard_normal(k), rng.standard_normal((k, d)), rng.standard_normal((k, d * (d + 1) // 2)) * 0.1]
    return {"params": params, "x": rng.standard_normal((n, d)), "d": d}


WORKLOADS = {f.__name__: f for f in (xor, mlp, deep, cnn, gpt, lstm, elem, rosen, gmm)}
FUNCTIONS = ("elem", "rosen", "gmm")  # value and gradient at a point; the others are training steps
CLIP = {"deep": 1.0, "lstm": 1.0}
"""Global norm that gradients are clipped to."""


def triangle_order(d: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of the strictly lower triangle, column by column, as ADBench orders them."""
    rows, columns = np.tril_indices(d, -1)
    order = np.lexsort((rows, columns))
    return rows[order], columns[order]
