"""What each bridge costs, beside the native alternative, in one run.

``python -m benchmarks.bridges [--brief] [NAME ...]`` prints a table: compile seconds, microseconds a call and, of
samplers, effective samples a second. ``--brief``: small cases, to see that it runs. A package that is missing leaves
its part out. Owns the cases and how they are timed. Must not know: how bridges work.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import graphdiff as gd

BRIDGES = ("scipy", "ipopt", "casadi", "nutpie", "pymc", "torch", "jax")  # imported before anything is timed
Row = tuple[str, str, float, float, float]  # case, by whom, compile s, µs a call, effective samples a second
NONE = float("nan")
rng = np.random.default_rng(0)


def timed(brief: bool, call: Callable[..., Any], *args: Any, **options: Any) -> float:
    """Microseconds a call, the best of rounds."""
    call(*args, **options)
    best, end = np.inf, time.perf_counter() + (0.05 if brief else 1.0)
    while time.perf_counter() < end:
        begin, n = time.perf_counter(), 0
        while time.perf_counter() - begin < 0.01:
            call(*args, **options)
            n += 1
        best = min(best, (time.perf_counter() - begin) / n)
    return float(best) * 1e6


def since(begin: float) -> float:
    return time.perf_counter() - begin


# ------------------------------------------------------------------ samplers


def _logistic(rows: int) -> tuple[np.ndarray, np.ndarray]:
    x = rng.normal(size=(rows, 5))
    return x, rng.random(rows) < 1 / (1 + np.exp(-x @ np.array([1.0, -1, 0.5, 0, 0])))


def samplers(brief: bool) -> list[Row]:
    """nutpie on eight schools and on a logistic regression: by pointer, and by PyMC's Numba and JAX backends."""
    import nutpie
    import pymc as pm

    rows: list[Row] = []
    x, t = _logistic(200 if brief else 10_000)
    y, sd = np.array([28.0, 8, -3, 7, -1, 1, 18, 12]), np.array([15.0, 10, 16, 11, 9, 11, 10, 18])
    with pm.Model() as schools:
        mu, tau, z = pm.Normal("mu", 0, 5), pm.HalfCauchy("tau", 5), pm.Normal("z", 0, 1, shape=8)
        pm.Normal("y", mu + tau * z, sd, observed=y)
    with pm.Model() as logistic:
        pm.Bernoulli("y", logit_p=x @ pm.Normal("b", 0, 1, shape=5), observed=t)
    sampling: dict[str, Any] = {"draws": 100 if brief else 1000, "tune": 100 if brief else 500, "chains": 2, "cores": 2}
    for name, model in (("eight schools", schools), ("logistic regression", logistic)):
        for who in ("graphdiff", *(() if brief else ("numba", "jax"))):
            begin = time.perf_counter()
            if who == "graphdiff":
                leaves, density = gd.interop.pymc.density(model)
                compiled: Any = gd.interop.nutpie.model(density, leaves)
            else:
                compiled = nutpie.compile_pymc_model(model, backend=who)
            seconds = since(begin)
            nutpie.sample(compiled, seed=0, progress_bar=False, draws=10, tune=10, chains=1)  # imports what it needs
            gc.collect()
            gc.disable()  # a collection of all that PyMC and JAX have made takes five times as long as the sampling
            begin = time.perf_counter()
            trace = nutpie.sample(compiled, seed=1, progress_bar=False, save_warmup=True, **sampling)
            took = since(begin)
            gc.enable()
            posterior, stats = trace.posterior, trace.sample_stats
            first = next(iter(posterior.data_vars))
            steps = float(stats["n_steps"].sum() + trace.warmup_sample_stats["n_steps"].sum())
            effective = _effective(posterior[first].values.reshape(2, -1, *posterior[first].shape[2:]))
            rows.append((name, f"nutpie, {who}", seconds, took / steps * 1e6 * 2, effective / took))
    return rows


def _effective(draws: np.ndarray) -> float:
    """Effective samples of the worst component, from the first autocorrelations of each chain (Geyer 1992)."""
    flat = draws.reshape(*draws.shape[:2], -1)
    worst = np.inf
    for k in range(flat.shape[2]):
        chains = flat[:, :, k] - flat[:, :, k].mean()
        n = chains.shape[1]
        spectrum = np.abs(np.fft.rfft(chains, 2 * n, axis=1)) ** 2
        acov = np.fft.irfft(spectrum, axis=1)[:, :n].mean(0) / n
        rho = acov / max(acov[0], 1e-300)
        pairs = rho[: n // 2 * 2].reshape(-1, 2).sum(1)
        stop = np.argmax(pairs < 0) if (pairs < 0).any() else len(pairs)
        worst = min(worst, chains.size / max(2 * pairs[:stop].sum() - 1, 1e-3))
    return float(worst)


# ------------------------------------------------------------------ optimisers


def minimisers(brief: bool) -> list[Row]:
    """SciPy's L-BFGS on Rosenbrock's function of 100 numbers, with its gradient from here and from JAX."""
    from scipy import optimize

    start = np.tile([-1.2, 1.0], 50)
    x = gd.input("x", (100,), "float64")
    f = gd.sum(100 * gd.square(x[1:] - gd.square(x[:-1])) + gd.square(1 - x[:-1]))
    begin = time.perf_counter()
    p = gd.interop.scipy.problem(f, x)
    p.fun(start)
    rows = [("Rosenbrock 100, L-BFGS", "graphdiff", since(begin), timed(brief, p.fun, start), NONE)]
    both: list[tuple[str, Callable[..., Any]]] = [("graphdiff", p.fun)]
    jax = _jax()
    if jax is not None:
        jnp = jax.numpy
        theirs = jax.jit(jax.value_and_grad(lambda x: jnp.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)))
        begin = time.perf_counter()
        jax.block_until_ready(theirs(start))

        def fun(z: np.ndarray) -> tuple[float, np.ndarray]:
            value, slope = theirs(z)
            return float(value), np.asarray(slope)

        both.append(("JAX", fun))
        rows.append(("Rosenbrock 100, L-BFGS", "JAX", since(begin), timed(brief, fun, start), NONE))
    for who, call in both:
        whole = timed(brief, optimize.minimize, call, start, jac=True, method="L-BFGS-B")
        rows.append(("  the whole minimisation", who, NONE, whole, NONE))
    return rows


def _jax() -> Any:
    try:
        import jax
    except ImportError:
        return None
    jax.config.update("jax_enable_x64", True)
    return jax


def control(brief: bool) -> list[Row]:
    """Ipopt on the collocation of a pendulum: graphs of ours, and CasADi's; a call is a whole solve."""
    import casadi

    rows: list[Row] = []
    for n in (20,) if brief else (100, 1000):
        begin = time.perf_counter()
        c = gd.interop.ipopt.collocation(lambda x, u: gd.stack([x[1], u[0] - gd.sin(x[0])]), 2, 1, n, 3.0)
        ends = [(c.defects, 0, 0), (c.x[0], 0, 0), (c.x[-1], np.array([np.pi, 0]), np.array([np.pi, 0]))]
        p = gd.interop.ipopt.Problem(c.integral(lambda x, u: u[0] ** 2), [c.x, c.u], ends)
        seconds, start = since(begin), [np.zeros((n + 1, 2)), np.zeros((n + 1, 1))]
        rows.append((f"collocation of {n}, Ipopt", "graphdiff", seconds, timed(brief, p.solve, start), NONE))
        begin = time.perf_counter()
        x, u, h = casadi.MX.sym("x", 2, n + 1), casadi.MX.sym("u", 1, n + 1), 3.0 / n
        slope = casadi.vertcat(x[1, :], u - casadi.sin(x[0, :]))
        defects = x[:, 1:] - x[:, :-1] - h / 2 * (slope[:, 1:] + slope[:, :-1])
        g = casadi.vertcat(casadi.vec(defects), x[:, 0], x[:, -1] - casadi.DM([np.pi, 0]))
        cost = h / 2 * casadi.sum2(u[1:] ** 2 + u[:-1] ** 2)
        z = casadi.vertcat(casadi.vec(x), casadi.vec(u))
        options = {"ipopt.print_level": 0, "ipopt.sb": "yes", "print_time": False}
        solver = casadi.nlpsol("s", "ipopt", {"x": z, "f": cost, "g": g}, options)
        seconds, zero = since(begin), np.zeros(z.shape[0])
        rows.append(
            (f"collocation of {n}, Ipopt", "CasADi", seconds, timed(brief, solver, x0=zero, lbg=0, ubg=0), NONE)
        )
    return rows


# ------------------------------------------------------------------ loops of others


def training(brief: bool) -> list[Row]:
    """A step of torch's SGD on a perceptron: parameters and gradient from here, and torch's own."""
    import torch

    n, width = (8, 16) if brief else (256, 128)
    xs, ts = torch.randn(n, width), torch.randn(n, 1)
    x, t = gd.input("x", ("n", width)), gd.input("t", ("n", 1))
    a, b = (
        gd.parameter(s, value=rng.normal(size=d).astype("float32") * 0.1)
        for s, d in (("a", (width, width)), ("b", (width, 1)))
    )
    torch.optim.SGD([torch.zeros(1, requires_grad=True)], 0.01)  # imports what torch imports late
    begin = time.perf_counter()
    ours: Any = gd.interop.torch.Module([x, t], gd.mean(gd.square(gd.tanh(x @ a) @ b - t)))
    net = torch.nn.Sequential(
        torch.nn.Linear(width, width, bias=False), torch.nn.Tanh(), torch.nn.Linear(width, 1, bias=False)
    )
    rows: list[Row] = []
    for who, loss, parameters in (
        ("graphdiff", lambda: ours(xs, ts), ours.parameters()),
        ("torch", lambda: ((net(xs) - ts) ** 2).mean(), net.parameters()),
    ):
        optimiser = torch.optim.SGD(parameters, 0.01)

        def step(loss: Callable[[], Any] = loss, optimiser: Any = optimiser) -> None:
            optimiser.zero_grad()
            loss().backward()
            optimiser.step()

        step()
        seconds = since(begin)
        rows.append((f"torch loop, {width} wide", who, seconds, timed(brief, step), NONE))
        begin = time.perf_counter()
    return rows


def calls_of_jax(brief: bool) -> list[Row]:
    """A small function inside JAX: by its foreign function interface, by pure_callback, and JAX's own."""
    import jax

    jax.config.update("jax_enable_x64", True)
    jnp = jax.numpy
    x = gd.input("x", (10,), "float64")
    f = gd.compile([x], gd.sin(x) * 2)
    at, steps = jnp.linspace(0, 1, 10), 10 if brief else 1000
    kinds = {
        "ffi": gd.interop.jax.function([x], gd.sin(x) * 2),
        "pure_callback": lambda v: jax.pure_callback(
            lambda a: f(np.asarray(a)), jax.ShapeDtypeStruct((10,), "float64"), v
        ),
        "JAX's own": lambda v: jnp.sin(v) * 2,
    }
    rows: list[Row] = []

    def finished(g: Callable[..., Any], v: Any) -> None:
        jax.block_until_ready(g(v))

    for who, call in kinds.items():
        begin = time.perf_counter()
        one = jax.jit(call)
        jax.block_until_ready(one(at))
        many = jax.jit(lambda v, call=call: jax.lax.scan(lambda c, _: (call(c), None), v, None, length=steps)[0])
        seconds = since(begin)
        rows.append(("a call from Python", who, seconds, timed(brief, finished, one, at), NONE))
        each = timed(brief, finished, many, at) / steps
        rows.append(("a call in a scan", who, NONE, each, NONE))
    return rows


PARTS: dict[str, Callable[[bool], list[Row]]] = {
    "samplers": samplers,
    "minimisers": minimisers,
    "control": control,
    "training": training,
    "jax": calls_of_jax,
}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.bridges", description=__doc__)
    parser.add_argument("--brief", action="store_true")
    parser.add_argument("names", nargs="*", choices=[*PARTS, []])
    options = parser.parse_args(arguments)
    for name in BRIDGES:
        with contextlib.suppress(ImportError):
            getattr(gd.interop, name)
    print("| Case | By | compile s | µs a call | effective samples a second |\n|---|---|---:|---:|---:|")
    for name in options.names or PARTS:
        try:
            rows = PARTS[name](options.brief)
        except ImportError as e:
            print(f"| {name} | left out: {e} | | | |")
            continue
        for case, who, *numbers in rows:
            told = ("" if np.isnan(v) else f"{v:.3g}" if v < 1000 else f"{v:,.0f}" for v in numbers)
            print(f"| {case} | {who} | {' | '.join(told)} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
