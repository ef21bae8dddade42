"""Fifteen PyMC models of posteriordb's kinds, compiled here: density and gradient beside PyMC's own, and how fast.

``python -m benchmarks.pymc_models [NAME ...]`` prints a line a model: the worst relative difference from PyMC's graph
run by NumPy and SciPy, seconds to compile and microseconds a call, here and by PyMC's default backend. Data are drawn,
of posteriordb's sizes or smaller.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import graphdiff as gd

rng = np.random.default_rng(0)
X, Y = rng.normal(size=(100, 4)), rng.normal(size=100)
GROUP = rng.integers(0, 10, 100)


def eight_schools(pm: Any) -> None:
    y, sd = np.array([28.0, 8, -3, 7, -1, 1, 18, 12]), np.array([15.0, 10, 16, 11, 9, 11, 10, 18])
    mu, tau, z = pm.Normal("mu", 0, 5), pm.HalfCauchy("tau", 5), pm.Normal("z", 0, 1, shape=8)
    pm.Normal("y", mu + tau * z, sd, observed=y)


def eight_schools_centered(pm: Any) -> None:
    y, sd = np.array([28.0, 8, -3, 7, -1, 1, 18, 12]), np.array([15.0, 10, 16, 11, 9, 11, 10, 18])
    mu, tau = pm.Normal("mu", 0, 5), pm.HalfCauchy("tau", 5)
    pm.Normal("y", pm.Normal("theta", mu, tau, shape=8), sd, observed=y)


def linear_regression(pm: Any) -> None:
    b, sigma = pm.Normal("b", 0, 1, shape=4), pm.HalfNormal("sigma", 1)
    pm.Normal("y", X @ b, sigma, observed=Y)


def robust_regression(pm: Any) -> None:
    b, sigma, nu = pm.Laplace("b", 0, 1, shape=4), pm.Exponential("sigma", 1), pm.Gamma("nu", 2, 0.1)
    pm.StudentT("y", nu=nu, mu=X @ b, sigma=sigma, observed=Y)


def logistic_regression(pm: Any) -> None:
    b, a = pm.Normal("b", 0, 1, shape=4), pm.Normal("a", 0, 5)
    pm.Bernoulli("y", logit_p=X @ b + a, observed=Y > 0)


def poisson_regression(pm: Any) -> None:
    b = pm.Normal("b", 0, 0.5, shape=4)
    pm.Poisson("y", pm.math.exp(X @ b), observed=rng.poisson(2, 100))


def negative_binomial(pm: Any) -> None:
    b, alpha = pm.Normal("b", 0, 0.5, shape=4), pm.Exponential("alpha", 1)
    pm.NegativeBinomial("y", mu=pm.math.exp(X @ b), alpha=alpha, observed=rng.poisson(3, 100))


def radon(pm: Any) -> None:
    mu, tau, sigma = pm.Normal("mu", 0, 1, shape=2), pm.HalfNormal("tau", 1, shape=2), pm.HalfNormal("sigma", 1)
    a = pm.Normal("a", mu[0], tau[0], shape=10)
    b = pm.Normal("b", mu[1], tau[1], shape=10)
    pm.Normal("y", a[GROUP] + b[GROUP] * X[:, 0], sigma, observed=Y)


def rats(pm: Any) -> None:
    a, b = pm.Gamma("a", 2, 0.5), pm.Gamma("b", 2, 0.5)
    p = pm.Beta("p", a, b, shape=20)
    pm.Binomial("y", 20, p, observed=rng.integers(0, 8, 20))


def item_response(pm: Any) -> None:
    ability, difficulty = pm.Normal("ability", 0, 1, shape=20), pm.Normal("difficulty", 0, 1, shape=8)
    slope = pm.LogNormal("slope", 0, 0.5, shape=8)
    pm.Bernoulli("y", logit_p=slope * (ability[:, None] - difficulty), observed=rng.random((20, 8)) < 0.5)


def mixture(pm: Any) -> None:
    w, mu, sigma = pm.Dirichlet("w", np.ones(2)), pm.Normal("mu", [-2, 2], 1), pm.HalfNormal("sigma", 1, shape=2)
    pm.NormalMixture("y", w, mu, sigma, observed=np.concatenate([Y - 2, Y + 2]))


def gaussian_process(pm: Any) -> None:
    x = np.linspace(0, 3, 20)
    length, eta, sigma = pm.InverseGamma("length", 5, 5), pm.HalfNormal("eta", 1), pm.HalfNormal("sigma", 1)
    distance = np.square(x[:, None] - x)
    k = eta**2 * pm.math.exp(-0.5 * distance / length**2) + sigma**2 * np.eye(20)
    pm.MvNormal("y", np.zeros(20), cov=k, observed=np.sin(x))


def autoregression(pm: Any) -> None:
    a, b, sigma = pm.Normal("a", 0, 1), pm.Normal("b", 0, 0.5, shape=2), pm.HalfNormal("sigma", 1)
    pm.Normal("y", a + b[0] * Y[1:-1] + b[1] * Y[:-2], sigma, observed=Y[2:])


def random_walk(pm: Any) -> None:
    sigma = pm.HalfNormal("sigma", 1)
    level = pm.GaussianRandomWalk("level", sigma=sigma, init_dist=pm.Normal.dist(0, 1), steps=29)
    pm.StudentT("y", nu=4, mu=0, sigma=pm.math.exp(level / 2), observed=Y[:30])


def survival(pm: Any) -> None:
    shape, b = pm.Gamma("shape", 2, 1), pm.Normal("b", 0, 1, shape=4)
    times, died = rng.weibull(1.5, 100), rng.random(100) < 0.7
    scale = pm.math.exp(X @ b)
    hazard = pm.math.log(shape) - shape * pm.math.log(scale) + (shape - 1) * np.log(times)
    pm.Potential("y", pm.math.sum(died * hazard - (times / scale) ** shape))


MODELS: dict[str, Callable[[Any], None]] = {
    f.__name__: f
    for f in (
        eight_schools,
        eight_schools_centered,
        linear_regression,
        robust_regression,
        logistic_regression,
        poisson_regression,
        negative_binomial,
        radon,
        rats,
        item_response,
        mixture,
        gaussian_process,
        autoregression,
        random_walk,
        survival,
    )
}


def seconds(call: Callable[[], Any], least: float = 0.2) -> float:
    """A call's time, the best of repetitions for ``least`` seconds."""
    best, end = np.inf, time.perf_counter() + least
    while time.perf_counter() < end:
        begin = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - begin)
    return float(best)


def compared(make: Callable[[Any], None]) -> tuple[float, dict[str, float]]:
    """The worst relative difference of density and gradient at a drawn point, and times in seconds."""
    import pymc
    from pytensor.compile.mode import Mode

    with pymc.Model() as model:
        make(pymc)
    begin = time.perf_counter()
    f = gd.interop.pymc.logp(model)
    point = {k: np.asarray(v) + rng.normal(size=np.shape(v)) * 0.2 for k, v in model.initial_point().items()}
    value, slopes = f(**point)
    compiled = time.perf_counter()
    of_logp, of_dlogp = model.compile_logp(), model.compile_dlogp()
    of_logp(point), of_dlogp(point)
    theirs = time.perf_counter() - compiled
    by_scipy = {"mode": Mode("py", "fast_run")}  # PyTensor's own C has a digamma that is wrong in the tenth digit
    want, slope = (f(point) for f in (model.compile_logp(**by_scipy), model.compile_dlogp(**by_scipy)))
    mine = np.concatenate([np.ravel(slopes[v.name]) for v in model.value_vars])
    worst = max(
        abs(float(value) - float(want)) / max(abs(float(want)), 1),
        float(np.max(np.abs(mine - slope) / np.maximum(np.abs(slope), 1))),
    )
    return worst, {
        "compile": compiled - begin,
        "call": seconds(lambda: f(**point)),
        "PyMC compile": theirs,
        "PyMC call": seconds(lambda: (of_logp(point), of_dlogp(point))),
    }


def main(names: list[str]) -> int:
    failed = 0
    print(f"{'model':24}{'difference':>12}{'compile s':>11}{'µs':>9}{'PyMC s':>9}{'µs':>9}")
    for name in names or MODELS:
        worst, times = compared(MODELS[name])
        failed += not worst < 1e-10
        print(
            f"{name:24}{worst:12.1e}{times['compile']:11.2f}{times['call'] * 1e6:9.1f}"
            f"{times['PyMC compile']:9.2f}{times['PyMC call'] * 1e6:9.1f}",
            flush=True,
        )
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
