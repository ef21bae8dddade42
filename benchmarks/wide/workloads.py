"""The rows: data by seed and size, and what is computed of them, written once for all engines.

A program takes an engine ``e`` (engines.py) and its arrays. ``e.np`` is the engine's namespace of array functions: the
names used of it all have in common. Must not know: any package.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

Arrays = list[Any]


class Workload(NamedTuple):
    """``data(**size)`` gives arrays; ``program(e, arrays)`` what an engine runs (engines.Run); ``rtol``: by how much
    results of two engines may differ."""

    kind: str
    data: Callable[..., Arrays]
    program: Callable[[Any, Arrays], Any]
    sizes: dict[str, dict[str, int]]
    engines: tuple[str, ...]
    rtol: float


WORKLOADS: dict[str, Workload] = {}
USUAL = "graphdiff jax torch"


def workload(kind: str, data: Callable[..., Arrays], engines: str = USUAL, rtol: float = 1e-6, **sizes: Any) -> Any:
    """Registers a program by its name. ``engines``: that run it; JAX takes minutes to compile a thousand scalars."""

    def register(program: Callable[[Any, Arrays], Any]) -> Any:
        named = sizes or {"": {}}
        WORKLOADS[program.__name__] = Workload(kind, data, program, named, tuple(engines.split()), rtol)
        return program

    return register


def rows() -> dict[str, tuple[str, str]]:
    """Names of rows, as ``logistic_hessian:d50``, with workload and size."""
    return {f"{n}:{s}".rstrip(":"): (n, s) for n, w in WORKLOADS.items() for s in w.sizes}


def normal(*shape: int, seed: int = 0, scale: float = 1.0, dtype: str = "float64") -> np.ndarray:
    return (scale * np.random.default_rng((seed, *shape)).standard_normal(shape)).astype(dtype)


def weights(*sizes: int, dtype: str = "float64") -> Arrays:
    """Matrices and biases of a network, in turn."""
    out: Arrays = []
    for i, (n, m) in enumerate(pairwise(sizes)):
        out += [normal(n, m, seed=i, scale=1 / math.sqrt(n), dtype=dtype), normal(m, seed=i, scale=0.1, dtype=dtype)]
    return out


def network(e: Any, x: Any, params: Arrays) -> Any:
    for i in range(0, len(params), 2):
        x = x @ params[i] + params[i + 1]
        if i + 2 < len(params):
            x = e.np.tanh(x)
    return x


# ------------------------------------------------------------------ dense derivatives


def logistic_data(n: int, d: int) -> Arrays:
    return [normal(d, seed=1), normal(n, d, seed=2), (normal(n, seed=3) > 0).astype("float64")]


def logistic(e: Any, w: Any, X: Any, y: Any) -> Any:
    z = X @ w
    return e.np.sum(e.np.log(1 + e.np.exp(z)) - y * z) + 0.5 * e.np.sum(w * w)


@workload("dense", logistic_data, small={"n": 500, "d": 20}, large={"n": 20_000, "d": 100})
def logistic_gradient(e: Any, a: Arrays) -> Any:
    return e.gradient(lambda w, X, y: logistic(e, w, X, y), a, 1)


@workload("dense", logistic_data, d50={"n": 500, "d": 50}, d200={"n": 500, "d": 200})
def logistic_hessian(e: Any, a: Arrays) -> Any:
    return e.hessian(lambda w, X, y: logistic(e, w, X, y), a)


@workload("dense", lambda n: [normal(n), *weights(n, n, n)], n32={"n": 32}, n128={"n": 128})
def mlp_jacobian(e: Any, a: Arrays) -> Any:
    return e.jacobian(lambda x, *p: network(e, x, p), a)


@workload("dense", lambda n: [normal(n, 10), *weights(10, 32, 10)], b64={"n": 64}, b1024={"n": 1024})
def batched_jacobian(e: Any, a: Arrays) -> Any:
    return e.jacobians(lambda x, *p: network(e, x, p), a)


@workload(
    "dense",
    lambda n, d: [normal(n, d, seed=4), *weights(d, d, 1)],
    small={"n": 32, "d": 16},
    large={"n": 256, "d": 128},
)
def mlp_gradient(e: Any, a: Arrays) -> Any:
    return e.gradient(lambda x, *p: e.np.sum(e.np.square(network(e, x, p))), a, len(a))


# ------------------------------------------------------------------ scalars


def expression(e: Any, x: Any, n: int) -> Any:
    values = [x[i] for i in range(8)]
    for i in range(n):
        a, b = values[i % 8], values[(3 * i + 1) % 8]
        values[i % 8] = (a * b / (1 + a * a), e.np.sin(a) + 0.5 * b, a / (1 + b * b), e.np.exp(-a * a) - 0.5 * b)[i % 4]
    return sum(values[1:], values[0])


@workload("scalars", lambda: [normal(8)], engines=f"{USUAL} casadi")
def expression_100(e: Any, a: Arrays) -> Any:
    return e.gradient(lambda x: expression(e, x, 100), a, 1)


@workload("scalars", lambda: [normal(8)], engines="graphdiff torch casadi")
def expression_1000(e: Any, a: Arrays) -> Any:
    return e.gradient(lambda x: expression(e, x, 1000), a, 1)


def lotka_volterra(e: Any, p: Any, steps: int) -> Any:
    """The sum of squares along a path by the midpoint rule."""

    def slope(x: Any, y: Any) -> tuple[Any, Any]:
        return p[0] * x - p[1] * x * y, p[2] * x * y - p[3] * y

    def step(state: tuple[Any, ...]) -> tuple[Any, ...]:
        x, y, total = state
        dx, dy = slope(x, y)
        dx, dy = slope(x + 0.005 * dx, y + 0.005 * dy)
        x, y = x + 0.01 * dx, y + 0.01 * dy
        return x, y, total + x * x + y * y

    return e.repeat(step, (1.0, 1.5, 0.0), steps)[2]


@workload("scalars", lambda: [np.array([1.1, 0.4, 0.4, 0.1])], engines=f"{USUAL} casadi")
def lotka_volterra_100(e: Any, a: Arrays) -> Any:
    return e.gradient(lambda p: lotka_volterra(e, p, 100), a, 1)


def cartpole(e: Any, u: Any, steps: int) -> Any:
    """The cost of pushing a cart with a pole, step by step; u has the forces."""
    x, t, v, w, cost = 0.0, 0.3, 0.0, 0.0, 0.0
    for k in range(steps):
        s, c = e.np.sin(t + 0.0 * u[k]), e.np.cos(t + 0.0 * u[k])
        push = (u[k] + 0.05 * w * w * s) / 1.1
        turn = (9.81 * s - c * push) / (0.5 * (4 / 3 - 0.1 * c * c / 1.1))
        x, t = x + 0.02 * v, t + 0.02 * w
        v, w = v + 0.02 * (push - 0.05 * turn * c / 1.1), w + 0.02 * turn
        cost = cost + x * x + 10 * t * t + 0.01 * u[k] * u[k]
    return cost


@workload("scalars", lambda: [normal(50, scale=0.5)], engines="graphdiff torch casadi")
def cartpole_50(e: Any, a: Arrays) -> Any:
    return e.gradient(lambda u: cartpole(e, u, 50), a, 1)


SCHOOLS = np.array([28.0, 8, -3, 7, -1, 1, 18, 12]), np.array([15.0, 10, 16, 11, 9, 11, 10, 18])


def eight_schools(e: Any, q: Any, y: Any, s: Any) -> Any:
    """The log density at (mu, log tau, theta)."""
    mu, tau, theta = q[0], e.np.exp(q[1]), q[2:]
    prior = -0.5 * e.sum(theta * theta) - 0.02 * mu * mu - 0.02 * tau * tau + q[1]
    z = (y - mu - tau * theta) / s
    return prior - 0.5 * e.sum(z * z)


@workload("scalars", lambda: [normal(10, scale=0.3), *SCHOOLS], engines=f"{USUAL} casadi")
def eight_schools_one(e: Any, a: Arrays) -> Any:
    return e.gradient(lambda q, y, s: eight_schools(e, q, y, s), a, 1)


@workload("rows", lambda n: [normal(n, 10, scale=0.3), *SCHOOLS], c16={"n": 16}, c256={"n": 256})
def eight_schools_chains(e: Any, a: Arrays) -> Any:
    return e.gradients(lambda q, y, s: eight_schools(e, q, y, s), a)


# ------------------------------------------------------------------ tables, edges


def table_data(n: int, d: int, b: int) -> Arrays:
    ids = np.random.default_rng(5).integers(0, n, b)
    return [normal(n, d, seed=6, dtype="float32"), normal(d, seed=7, dtype="float32"), ids, normal(b, dtype="float32")]


@workload("tables", table_data, rtol=1e-3, n5k={"n": 5000, "d": 32, "b": 32}, n50k={"n": 50_000, "d": 64, "b": 64})
def embedding_rows(e: Any, a: Arrays) -> Any:
    def loss(table: Any, w: Any, ids: Any, y: Any) -> Any:
        return e.np.mean(e.np.square(e.rows_of(table, ids) @ w - y))

    return e.descent(loss, a, 2)


def edges_data(n: int, m: int, d: int) -> Arrays:
    rng = np.random.default_rng(8)
    return [normal(n, d), normal(d, d, scale=0.2), rng.integers(0, n, m), rng.integers(0, n, m)]


@workload("edges", edges_data, small={"n": 200, "m": 1000, "d": 16}, large={"n": 2000, "m": 10_000, "d": 64})
def message_passing(e: Any, a: Arrays) -> Any:
    def loss(h: Any, w: Any, source: Any, target: Any) -> Any:
        sent = e.take(e.np.tanh(h @ w), source)
        return e.np.sum(e.np.square(e.segment_sum(sent, target, a[0].shape[0])))

    return e.gradient(loss, a, 2)


@workload("edges", lambda n: [normal(100, n)], n1000={"n": 1000})
def sorted_rows(e: Any, a: Arrays) -> Any:
    weight = np.arange(a[0].shape[1]) / a[0].shape[1]
    return e.gradient(lambda x, w: e.np.sum(e.sort(x) * w), [*a, weight], 1)


@workload("edges", lambda n: [normal(100, n)], n1000={"n": 1000})
def top_ten(e: Any, a: Arrays) -> Any:
    return e.gradient(lambda x: e.np.sum(e.np.square(e.top(x, 10))), a, 1)


@workload("edges", lambda n: [normal(256, n)], n1000={"n": 1000})
def running_sum(e: Any, a: Arrays) -> Any:
    return e.gradient(lambda x: e.np.sum(e.np.square(e.np.cumsum(x, axis=1))), a, 1)


# ------------------------------------------------------------------ tiny matrices


def square_data(n: int, m: int) -> Arrays:
    return [normal(n, m, m), normal(n, m, m, seed=1)]


@workload("tiny", square_data, n1000_3={"n": 1000, "m": 3}, n1000_8={"n": 1000, "m": 8}, n100_32={"n": 100, "m": 32})
def batched_products(e: Any, a: Arrays) -> Any:
    return e.gradient(lambda x, y: e.np.sum(e.np.square(x @ y)), a, 2)


def definite_data(n: int, m: int) -> Arrays:
    x = normal(n, m, m)
    return [x @ x.transpose(0, 2, 1) + m * np.eye(m), normal(n, m, 1, seed=1)]


@workload("tiny", definite_data, n1000_6={"n": 1000, "m": 6}, n10_100={"n": 10, "m": 100})
def batched_solves(e: Any, a: Arrays) -> Any:
    return e.gradient(lambda x, y: e.np.sum(e.np.square(e.solve(x, y))), a, 2)


@workload("tiny", definite_data, n1000_6={"n": 1000, "m": 6}, n1_300={"n": 1, "m": 300})
def log_determinants(e: Any, a: Arrays) -> Any:
    return e.gradient(lambda x, y: e.np.sum(e.np.log(e.diagonal(e.cholesky(x)))) + e.np.sum(y), a, 1)


@workload(
    "tiny", lambda k, n, d: [normal(k, d, d), normal(k, d), normal(n, d, seed=2)], d5={"k": 20, "n": 1000, "d": 5}
)
def mahalanobis(e: Any, a: Arrays) -> Any:
    def loss(lower: Any, mean: Any, x: Any) -> Any:
        return e.np.sum(e.np.square(e.np.einsum("kij,nkj->nki", lower, x[:, None, :] - mean)))

    return e.gradient(loss, a, 2)


# ------------------------------------------------------------------ reductions


@workload("reductions", lambda b, c: [normal(b, c, 16, 16, dtype="float32")], rtol=1e-3, b8={"b": 8, "c": 32})
def channel_norm(e: Any, a: Arrays) -> Any:
    def loss(x: Any) -> Any:
        centred = x - e.np.mean(x, axis=(0, 2, 3), keepdims=True)
        spread = e.np.mean(e.np.square(centred), axis=(0, 2, 3), keepdims=True)
        return e.np.sum(e.np.sin(centred / e.np.sqrt(spread + 1e-5)))

    return e.gradient(loss, a, 1)


@workload("reductions", lambda n: [normal(n, 3)], n50={"n": 50}, n500={"n": 500})
def pairwise_forces(e: Any, a: Arrays) -> Any:
    def energy(x: Any) -> Any:
        between = x[:, None, :] - x[None, :, :]
        return -e.np.sum(1 / e.np.sqrt(e.np.sum(between * between, axis=2) + 0.01))

    return e.gradient(energy, a, 1)


@workload("reductions", lambda n, m: [normal(n, m)], wide={"n": 32, "m": 20_000}, long={"n": 20_000, "m": 10})
def log_sums(e: Any, a: Arrays) -> Any:
    return e.gradient(lambda x: e.np.sum(e.np.square(e.log_sum(x))), a, 1)


@workload("reductions", lambda n: [normal(n), normal(n, seed=1)], n1e6={"n": 1_000_000})
def elementwise(e: Any, a: Arrays) -> Any:
    return e.gradient(lambda x, y: e.np.sum(e.np.exp(-x * x) * e.np.tanh(y) + x * y), a, 2)


# ------------------------------------------------------------------ layers


def classes(n: int, k: int) -> np.ndarray:
    return np.eye(k, dtype="float32")[np.random.default_rng(9).integers(0, k, n)]


def classifier_data(n: int, width: int) -> Arrays:
    params = weights(width, width, 10, dtype="float32")
    return [*params, normal(n, width, seed=3, dtype="float32"), classes(n, 10)]


def cross_entropy(e: Any, z: Any, y: Any) -> Any:
    return e.np.mean(e.log_sum(z) - e.np.sum(z * y, axis=1))


@workload(
    "layers",
    classifier_data,
    rtol=1e-3,
    b16={"n": 16, "width": 128},
    b1024={"n": 1024, "width": 128},
    w1024={"n": 128, "width": 1024},
)
def classifier(e: Any, a: Arrays) -> Any:
    return e.descent(lambda *t: cross_entropy(e, network(e, t[4], t[:4]), t[5]), a, 4)


@workload(
    "layers",
    lambda n, d: [normal(n, d, dtype="float32"), np.ones(d, "float32")],
    rtol=1e-3,
    small={"n": 32, "d": 64},
    large={"n": 512, "d": 512},
)
def layer_norms(e: Any, a: Arrays) -> Any:
    def loss(x: Any, g: Any) -> Any:
        for _ in range(4):
            centred = x - e.np.mean(x, axis=1, keepdims=True)
            x = x + g * centred / e.np.sqrt(e.np.mean(centred * centred, axis=1, keepdims=True) + 1e-5)
        return e.np.sum(e.np.sin(x))

    return e.gradient(loss, a, 2)


def attention_data(t: int, d: int) -> Arrays:
    return [normal(t, d, seed=i, scale=0.3, dtype="float32") for i in range(3)]


@workload("layers", attention_data, rtol=1e-3, t64={"t": 64, "d": 32}, t512={"t": 512, "d": 64})
def attention(e: Any, a: Arrays) -> Any:
    def loss(q: Any, k: Any, v: Any) -> Any:
        z = q @ k.T
        z = z - e.log_sum(z)[:, None]
        return e.np.sum(e.np.square(e.np.exp(z) @ v))

    return e.gradient(loss, a, 3)


def recurrent_data(steps: int, n: int, h: int) -> Arrays:
    sizes = ((h, h), (h, h), (steps, n, h))
    scale = 0.7 / math.sqrt(h)  # of less than 1 a step: rounding does not grow
    return [normal(*s, seed=i, scale=scale, dtype="float32") for i, s in enumerate(sizes)]


@workload(
    "layers", recurrent_data, rtol=1e-3, h32={"steps": 30, "n": 8, "h": 32}, h128={"steps": 50, "n": 32, "h": 128}
)
def recurrent(e: Any, a: Arrays) -> Any:
    def loss(u: Any, w: Any, x: Any) -> Any:
        return e.np.sum(e.np.square(e.fold(lambda h, xt: e.np.tanh(xt @ u + h @ w), 0 * x[0], x)))

    return e.gradient(loss, a, 2)


def convolution_data(n: int, c: int, size: int) -> Arrays:
    return [normal(c, c, 3, 3, scale=0.1, dtype="float32"), normal(n, c, size, size, dtype="float32")]


@workload("layers", convolution_data, rtol=1e-3, c16={"n": 4, "c": 16, "size": 16}, c64={"n": 8, "c": 64, "size": 28})
def convolution(e: Any, a: Arrays) -> Any:
    return e.gradient(lambda w, x: e.np.sum(e.np.square(e.conv2d(x, w))), a, 2)


@workload(
    "layers",
    lambda b, p: [normal(b, b, p, seed=i, scale=1 / b) for i in range(3)],
    small={"b": 6, "p": 3},
    large={"b": 24, "p": 6},
)
def tensor_train(e: Any, a: Arrays) -> Any:
    return e.gradient(lambda x, y, z: e.np.sum(e.np.square(e.np.einsum("abi,bcj,cak->ijk", x, y, z))), a, 3)
