"""Programs of JAX's libraries (NumPyro, Flax, Equinox, Diffrax, Optax) beside the graphs that ``from_jax`` makes.

``python tests/support/jax_programs.py [NAME ...]`` prints a table: that values and gradients are equal in float64 to
1e-10, seconds until each is compiled, and microseconds a call of value and gradient beside ``jax.jit``. A library that
is missing leaves its programs out. Owns the programs.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax_compare import compare

import graphdiff as gd
from graphdiff.interop.jax import from_jax

os.environ.setdefault("EQX_ON_ERROR", "nan")  # else Equinox's checks call Python
Program = tuple[Callable[..., Any], tuple[Any, ...]]
rng = np.random.default_rng(0)


def numpyro_eight_schools() -> Program:
    import numpyro
    from numpyro import distributions as dist
    from numpyro.infer.util import log_density

    y, sd = np.array([28.0, 8, -3, 7, -1, 1, 18, 12]), np.array([15.0, 10, 16, 11, 9, 11, 10, 18])

    def model() -> None:
        mu, tau = numpyro.sample("mu", dist.Normal(0, 5)), numpyro.sample("tau", dist.HalfCauchy(5))
        with numpyro.plate("schools", 8):
            z = numpyro.sample("z", dist.Normal(0, 1))
            numpyro.sample("y", dist.Normal(mu + tau * z, sd), obs=y)

    return lambda q: log_density(model, (), {}, q)[0], ({"mu": 1.0, "tau": 2.0, "z": rng.normal(size=8)},)


def numpyro_potential() -> Program:
    import numpyro
    from numpyro import distributions as dist
    from numpyro.infer.util import initialize_model

    x, t, g = rng.normal(size=(30, 3)), rng.integers(0, 2, 30), rng.integers(0, 4, 30)

    def model() -> None:
        sigma = numpyro.sample("sigma", dist.HalfNormal(1))
        p = numpyro.sample("p", dist.Dirichlet(jnp.ones(3)))
        corr = numpyro.sample("L", dist.LKJCholesky(3, 2.0))
        b = numpyro.sample("b", dist.MultivariateNormal(jnp.zeros(3), scale_tril=sigma * corr))
        a = numpyro.sample("a", dist.Normal(jnp.zeros(4), sigma))
        numpyro.sample("t", dist.Bernoulli(logits=x @ (b * p) + a[g]), obs=t)

    made = initialize_model(jax.random.key(0), model, validate_grad=False)
    return made.potential_fn, (jax.tree_util.tree_map(lambda v: np.asarray(v) * 0.3, made.param_info.z),)


def numpyro_gaussian_process() -> Program:
    import numpyro
    from numpyro import distributions as dist
    from numpyro.infer.util import log_density

    x, y = np.linspace(0, 1, 12), rng.normal(size=12)

    def model() -> None:
        size, length = numpyro.sample("size", dist.LogNormal(0, 1)), numpyro.sample("length", dist.InverseGamma(2, 1))
        k = size * jnp.exp(-0.5 * ((x[:, None] - x) / length) ** 2) + 1e-2 * jnp.eye(12)
        numpyro.sample("y", dist.MultivariateNormal(jnp.zeros(12), k), obs=y)

    return lambda q: log_density(model, (), {}, q)[0], ({"size": 1.2, "length": 0.3},)


def numpyro_time_series() -> Program:
    import numpyro
    from numpyro import distributions as dist
    from numpyro.contrib.control_flow import scan
    from numpyro.infer.util import log_density

    y = rng.normal(size=20)

    def model() -> None:
        phi, s = numpyro.sample("phi", dist.Uniform(-1, 1)), numpyro.sample("s", dist.HalfNormal(1))

        def step(last: Any, y: Any) -> Any:
            numpyro.sample("y", dist.StudentT(4.0, phi * last, s), obs=y)
            return y, None

        scan(step, 0.0, y)

    return lambda q: log_density(model, (), {}, q)[0], ({"phi": 0.3, "s": 0.8},)


def numpyro_mixture() -> Program:
    import numpyro
    from numpyro import distributions as dist
    from numpyro.infer.util import log_density

    y = rng.normal(size=25)

    def model() -> None:
        w = numpyro.sample("w", dist.Dirichlet(jnp.ones(2)))
        mu = numpyro.sample("mu", dist.Normal(jnp.zeros(2), 3))
        numpyro.sample("y", dist.MixtureSameFamily(dist.Categorical(w), dist.Normal(mu, 1.0)).expand([25]), obs=y)

    return lambda q: log_density(model, (), {}, q)[0], ({"w": np.array([0.3, 0.7]), "mu": np.array([-1.0, 1.5])},)


def flax_mlp() -> Program:
    from flax import linen as nn

    class Net(nn.Module):
        @nn.compact
        def __call__(self, x: Any) -> Any:
            x = nn.gelu(nn.Dense(16, param_dtype="float64")(x))
            x = nn.LayerNorm(param_dtype="float64")(x)
            return nn.softmax(nn.Dense(4, param_dtype="float64")(x))

    net, x = Net(), rng.normal(size=(5, 8))
    return lambda p, x: net.apply(p, x), (_numbers(jax.eval_shape(net.init, jax.random.key(0), x)), x)


def flax_cnn() -> Program:
    from flax import linen as nn

    class Net(nn.Module):
        @nn.compact
        def __call__(self, x: Any) -> Any:
            x = nn.relu(nn.Conv(6, (3, 3), param_dtype="float64")(x))
            x = nn.max_pool(x, (2, 2), strides=(2, 2))
            x = nn.BatchNorm(use_running_average=True, param_dtype="float64")(x)
            x = nn.avg_pool(nn.relu(nn.Conv(4, (3, 3), strides=2, param_dtype="float64")(x)), (2, 2))
            return nn.Dense(3, param_dtype="float64")(x.reshape(x.shape[0], -1))

    net, x = Net(), rng.normal(size=(2, 12, 12, 3))
    return lambda p, x: net.apply(p, x), (_numbers(jax.eval_shape(net.init, jax.random.key(0), x)), x)


def flax_attention() -> Program:
    from flax import linen as nn

    class Net(nn.Module):
        @nn.compact
        def __call__(self, ids: Any) -> Any:
            x = nn.Embed(11, 8, param_dtype="float64")(ids)
            mask = nn.make_causal_mask(ids)
            x = x + nn.MultiHeadDotProductAttention(2, param_dtype="float64")(x, mask=mask)
            return nn.Dense(11, param_dtype="float64")(nn.LayerNorm(param_dtype="float64")(x))

    net, ids = Net(), rng.integers(0, 11, (2, 6))
    return lambda p: net.apply(p, ids), (_numbers(jax.eval_shape(net.init, jax.random.key(0), ids)),)


def flax_recurrent() -> Program:
    from flax import linen as nn

    net, x = nn.RNN(nn.LSTMCell(5, param_dtype="float64")), rng.normal(size=(2, 7, 3))
    return lambda p, x: net.apply(p, x), (_numbers(jax.eval_shape(net.init, jax.random.key(0), x)), x)


def flax_nnx() -> Program:
    from flax import nnx

    class Net(nnx.Module):
        def __init__(self, rngs: Any):
            self.first, self.last = nnx.Linear(6, 8, rngs=rngs), nnx.Linear(8, 2, rngs=rngs)
            self.norm = nnx.LayerNorm(8, rngs=rngs)

        def __call__(self, x: Any) -> Any:
            return self.last(nnx.silu(self.norm(self.first(x))))

    graph, state = nnx.split(Net(nnx.Rngs(0)))
    flat, tree = jax.tree_util.tree_flatten(state)

    def apply(flat: Any, x: Any) -> Any:
        return nnx.merge(graph, jax.tree_util.tree_unflatten(tree, flat))(x)

    return apply, (_numbers(list(flat)), rng.normal(size=(3, 6)))


def _numbers(tree: Any) -> Any:
    """Numbers in the shapes of arrays, which stay positive where they are variances."""
    return jax.tree_util.tree_map_with_path(
        lambda path, a: rng.uniform(0.5, 1, a.shape) if "var" in str(path[-1]) else rng.normal(size=a.shape) / 3, tree
    )


def equinox_mlp() -> Program:
    import equinox as eqx

    net = eqx.nn.MLP(3, 2, 16, 2, activation=jnp.tanh, key=jax.random.key(0))
    arrays, static = eqx.partition(net, eqx.is_array)
    flat, tree = jax.tree_util.tree_flatten(arrays)

    def apply(flat: Any, x: Any) -> Any:
        return jax.vmap(eqx.combine(jax.tree_util.tree_unflatten(tree, flat), static))(x)

    return apply, (_numbers(list(flat)), rng.normal(size=(5, 3)))


def equinox_cnn() -> Program:
    import equinox as eqx

    keys = jax.random.split(jax.random.key(0), 3)
    net = eqx.nn.Sequential(
        [
            eqx.nn.Conv2d(2, 4, 3, key=keys[0]),
            eqx.nn.GroupNorm(2, 4),
            eqx.nn.Lambda(jax.nn.relu),
            eqx.nn.MaxPool2d(2, 2),
            eqx.nn.ConvTranspose2d(4, 2, 3, stride=2, output_padding=1, key=keys[1]),
            eqx.nn.AdaptiveAvgPool2d((2, 2)),
        ]
    )
    arrays, static = eqx.partition(net, eqx.is_array)
    flat, tree = jax.tree_util.tree_flatten(arrays)

    def apply(flat: Any, x: Any) -> Any:
        return jax.vmap(eqx.combine(jax.tree_util.tree_unflatten(tree, flat), static))(x)

    return apply, (_numbers(list(flat)), rng.normal(size=(3, 2, 8, 8)))


def equinox_attention() -> Program:
    import equinox as eqx

    net = eqx.nn.MultiheadAttention(2, 6, key=jax.random.key(0))
    arrays, static = eqx.partition(net, eqx.is_array)
    flat, tree = jax.tree_util.tree_flatten(arrays)

    def apply(flat: Any, x: Any) -> Any:
        layer = eqx.combine(jax.tree_util.tree_unflatten(tree, flat), static)
        return layer(x, x, x, mask=jnp.tril(jnp.ones((5, 5), bool)))

    return apply, (_numbers(list(flat)), rng.normal(size=(5, 6)))


def _diffrax(solver: str, adjoint: str = "DirectAdjoint", **options: Any) -> Program:
    import diffrax

    def solve(y: Any, k: Any) -> Any:
        term = diffrax.ODETerm(
            lambda t, y, k: jnp.stack([y[1], -k[0] * jnp.sin(y[0]) - k[1] * y[1] + 0.1 * jnp.cos(t)])
        )
        return diffrax.diffeqsolve(
            term,
            getattr(diffrax, solver)(),
            t0=0.0,
            t1=1.0,
            dt0=0.05,
            y0=y,
            args=k,
            saveat=diffrax.SaveAt(ts=jnp.linspace(0.1, 1, 4)),
            stepsize_controller=diffrax.ConstantStepSize(),
            adjoint=getattr(diffrax, adjoint)(),
            max_steps=32,
            **options,
        ).ys

    return solve, (np.array([0.4, -0.3]), np.array([2.0, 0.1]))


def optax_step() -> Program:
    import optax

    x, t = rng.normal(size=(9, 3)), rng.normal(size=9)
    opt = optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(1e-2))

    def step(w: Any) -> Any:
        state = opt.init(w)
        for _ in range(3):
            g = jax.grad(lambda w: jnp.mean(optax.huber_loss(jnp.tanh(x @ w["a"]) @ w["b"], t)))(w)
            moved, state = opt.update(g, state, w)
            w = optax.apply_updates(w, moved)
        return w

    return step, ({"a": rng.normal(size=(3, 4)), "b": rng.normal(size=4)},)


def kalman_filter() -> Program:
    def density(theta: Any, y: Any) -> Any:
        a, q, r = jnp.array([[1.0, 1.0], [0.0, 1.0]]) * theta[0], jnp.exp(theta[1]) * jnp.eye(2), jnp.exp(theta[2])
        h = jnp.array([1.0, 0.0])

        def step(state: Any, y: Any) -> Any:
            m, p = state
            m, p = a @ m, a @ p @ a.T + q
            s, e = h @ p @ h + r, y - h @ m
            k = p @ h / s
            return (m + k * e, p - jnp.outer(k, h @ p)), -0.5 * (jnp.log(s) + e * e / s)

        return jnp.sum(lax.scan(step, (jnp.zeros(2), jnp.eye(2)), y)[1])

    return density, (np.array([0.9, -1.0, -0.5]), rng.normal(size=15))


def spectral_equation() -> Program:
    k = np.fft.rfftfreq(16, 1 / 16)

    def burgers(u: Any) -> Any:
        def step(u: Any, _: Any) -> Any:
            f = jnp.fft.rfft(u)
            slope, curve = jnp.fft.irfft(1j * k * f, n=16), jnp.fft.irfft(-k * k * f, n=16)
            return u + 1e-3 * (0.1 * curve - u * slope), None

        return lax.scan(step, u, None, length=8)[0]

    return burgers, (np.sin(2 * np.pi * np.arange(16) / 16) + 0.1 * rng.normal(size=16),)


def molecular_dynamics() -> Program:
    pairs = np.array([(i, j) for i in range(6) for j in range(i)])

    def energy(x: Any) -> Any:
        d2 = jnp.sum((x[pairs[:, 0]] - x[pairs[:, 1]]) ** 2, axis=1)
        return jnp.sum(4 * (d2**-6 - d2**-3))

    def run(x: Any) -> Any:
        def step(state: Any, _: Any) -> Any:
            x, v = state
            v = v - 1e-3 * jax.grad(energy)(x)
            return (x + 1e-3 * v, v), energy(x)

        return lax.scan(step, (x, jnp.zeros_like(x)), None, length=5)

    return run, (
        np.stack(np.meshgrid(*[np.arange(2.0) * 1.2] * 2, [0, 1.3]), -1).reshape(-1, 3)[:6]
        + 0.05 * rng.normal(size=(6, 3)),
    )


def implicit_function() -> Program:
    def root(a: Any) -> Any:
        def newton(f: Any, x: Any) -> Any:
            return lax.fori_loop(0, 30, lambda _, x: x - f(x) / jax.grad(f)(x), x)

        return lax.custom_root(lambda x: x**3 + a * x - 2.0, 1.0, newton, lambda g, y: y / g(1.0))

    return jax.vmap(root), (np.array([0.5, 1.0, 3.0]),)


def reparametrised_elbo() -> Program:
    x = rng.normal(size=(20, 3))

    def elbo(q: Any) -> Any:
        z = q["m"] + jnp.exp(q["s"]) * jax.random.normal(jax.random.key(1), (8, 3))
        return jnp.mean(jax.vmap(lambda z: jnp.sum(jax.nn.log_sigmoid(x @ z)) - 0.5 * z @ z)(z)) + jnp.sum(q["s"])

    return elbo, ({"m": rng.normal(size=3), "s": rng.normal(size=3)},)


PROGRAMS: dict[str, Callable[[], Program]] = {
    f.__name__: f
    for f in (
        numpyro_eight_schools,
        numpyro_potential,
        numpyro_gaussian_process,
        numpyro_time_series,
        numpyro_mixture,
        flax_mlp,
        flax_cnn,
        flax_attention,
        flax_recurrent,
        flax_nnx,
        equinox_mlp,
        equinox_cnn,
        equinox_attention,
        optax_step,
        kalman_filter,
        spectral_equation,
        molecular_dynamics,
        implicit_function,
        reparametrised_elbo,
    )
} | {
    "diffrax_euler": lambda: _diffrax("Euler"),
    "diffrax_tsit5": lambda: _diffrax("Tsit5"),
    "diffrax_heun_recursive": lambda: _diffrax("Heun", "RecursiveCheckpointAdjoint"),
}


def seconds_of(call: Callable[[], Any]) -> float:
    """The best of some calls."""
    best = np.inf
    end = time.perf_counter() + 0.2
    while time.perf_counter() < end:
        begin = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - begin)
    return float(best)


def timed(fn: Callable[..., Any], args: tuple[Any, ...]) -> tuple[float, float, float, float]:
    """Seconds until a value and its gradient are there, and seconds a call; ours, then JAX's."""

    def loss(*args: Any) -> Any:
        return sum(jnp.sum(y) for y in jax.tree_util.tree_leaves(fn(*args)) if jnp.issubdtype(y.dtype, jnp.floating))

    flat, tree = jax.tree_util.tree_flatten(args)
    begin = time.perf_counter()
    xs = [gd.input(f"x{k}", np.shape(a), np.asarray(a).dtype) for k, a in enumerate(flat)]
    y = from_jax(loss, *args)(*jax.tree_util.tree_unflatten(tree, xs))
    f = gd.compile(xs, [y, *gd.grad(y, xs)])
    feeds = [np.asarray(a) for a in flat]
    f(*feeds)
    ours = time.perf_counter() - begin
    begin = time.perf_counter()
    g = jax.jit(jax.value_and_grad(loss, tuple(range(len(args)))))
    given = jax.tree_util.tree_map(jnp.asarray, args)
    jax.block_until_ready(g(*given))
    theirs = time.perf_counter() - begin
    return ours, seconds_of(lambda: f(*feeds)), theirs, seconds_of(lambda: jax.block_until_ready(g(*given)))


def main(names: list[str]) -> int:
    jax.config.update("jax_enable_x64", True)
    failed = 0
    print("| program | equal | compile s | µs a call | JAX: compile s | µs a call |\n|---|---|---:|---:|---:|---:|")
    for name, make in PROGRAMS.items():
        if names and name not in names:
            continue
        try:
            fn, args = make()
            told = "values, gradients" if compare(fn, args) else "values"
            ours, call, theirs, their_call = timed(fn, args)
        except ImportError as e:
            print(f"| {name} | left out: {e} | | | | |")
            continue
        except Exception as e:
            failed += 1
            print(f"| {name} | {type(e).__name__}: {' '.join(str(e).split())[:700]} | | | | |", flush=True)
            continue
        print(
            f"| {name} | {told} | {ours:.2f} | {call * 1e6:,.0f} | {theirs:.2f} | {their_call * 1e6:,.0f} |", flush=True
        )
    return failed


if __name__ == "__main__":
    sys.exit(1 if main(sys.argv[1:]) else 0)
