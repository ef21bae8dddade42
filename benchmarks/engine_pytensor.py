"""Five of the nine workloads in PyTensor. ``build(name, data)`` gives a step that returns the loss.

The others are not among what its own examples do at this size: LookupError.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt

from .data import CLIP, FUNCTIONS, Data


def xor(p: Any, x: Any, y: Any) -> Any:
    o = pt.sigmoid(pt.sigmoid(x @ p[0] + p[1]) @ p[2] + p[3])
    return -(y * pt.log(o) + (1 - y) * pt.log(1 - o)).mean()


def mlp(p: Any, x: Any, y: Any) -> Any:
    for i in range(0, len(p), 2):
        x = x @ p[i] + p[i + 1]
        if i + 2 < len(p):
            x = pt.maximum(x, np.float32(0))
    return -pt.special.log_softmax(x, 1)[pt.arange(x.shape[0]), y].mean()


def deep(p: Any, x: Any, y: Any) -> Any:
    for i in range(0, len(p), 2):
        x = x + pt.tanh(x @ p[i] + p[i + 1])
    return ((x - y) ** 2).mean()


def elem(p: Any) -> Any:
    spot, strike, v = p
    c = np.float32
    d1 = (pt.log(spot / strike) + c(0.02) + c(0.5) * v * v) / v
    d2 = d1 - v

    def normal(z: Any) -> Any:
        return c(0.5) * (c(1) + pt.erf(z * c(1 / math.sqrt(2))))

    return (spot * normal(d1) - strike * c(math.exp(-0.02)) * normal(d2)).sum()


def rosen(p: Any) -> Any:
    (x,) = p
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def _zero_like(p: Any) -> Any:
    return pytensor.shared(np.zeros_like(p.get_value()))


def updates(name: str, params: list[Any], grads: list[Any]) -> list[tuple[Any, Any]]:
    """The rules that the PyTorch engine uses."""
    c = params[0].get_value().dtype.type
    if name in CLIP:
        norm = pt.sqrt(sum((g * g).sum() for g in grads))
        grads = [g * pt.minimum(c(1), c(CLIP[name]) / (norm + c(1e-6))) for g in grads]
    out = []
    if name == "xor":
        return [(p, p - g) for p, g in zip(params, grads)]
    if name == "deep":
        for p, g in zip(params, grads):
            m = _zero_like(p)
            moved = c(0.9) * m + g
            out += [(m, moved), (p, p - c(0.01) * moved)]
        return out
    t = pytensor.shared(c(0))
    out.append((t, t + c(1)))
    c1, c2 = 1 - c(0.9) ** (t + c(1)), 1 - c(0.999) ** (t + c(1))
    for p, g in zip(params, grads):
        m, v = _zero_like(p), _zero_like(p)
        new_m, new_v = c(0.9) * m + c(0.1) * g, c(0.999) * v + c(0.001) * g * g
        out += [(m, new_m), (v, new_v), (p, p - c(1e-3) * (new_m / c1) / (pt.sqrt(new_v / c2) + c(1e-8)))]
    return out


def build(name: str, data: Data) -> Any:
    forward = globals().get(name)
    if forward is None:
        raise LookupError("not written in PyTensor")
    if name in FUNCTIONS:
        leaves = [pt.tensor(shape=(None,) * a.ndim, dtype=a.dtype) for a in data["params"]]
        loss = forward(leaves)
        f = pytensor.function(leaves, [loss, *pt.grad(loss, leaves)])
        return lambda: float(f(*data["params"])[0])
    params = [pytensor.shared(a) for a in data["params"]]
    loss = forward(params, pytensor.shared(data["x"]), pytensor.shared(data["y"]))
    f = pytensor.function([], loss, updates=updates(name, params, pt.grad(loss, params)))
    return lambda: float(f())
