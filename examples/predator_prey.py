"""The rates of an ordinary differential equation from noisy data: gd.odeint inside of gd.minimize.

Hares and lynxes by Lotka and Volterra: h' = a h - b h l, l' = c h l - d l. Gradients go through the solver's steps as
they were made, so they are those of the misfit as it is computed: they are held against differences, the solution
against SciPy's. Then BFGS finds the rates, all of it in one compiled function of the data.
"""

import argparse
from pathlib import Path

import numpy as np
from scipy.integrate import solve_ivp

import graphdiff as gd

RATES, START, NOISE = np.array([1.0, 0.1, 0.075, 1.5]), np.array([10.0, 5.0]), 0.3
times = np.linspace(0, 8, 33)


def right(y, t, rates):
    a, b, c, d = (rates[k] for k in range(4))
    hares, lynxes = y[0], y[1]
    return gd.stack([a * hares - b * hares * lynxes, c * hares * lynxes - d * lynxes])


def misfit(rates, data):
    """Minus the logarithm of the likelihood, up to a constant."""
    y = gd.odeint(right, START, times, rates, rtol=1e-7, atol=1e-7)
    return gd.sum(gd.square(y - data)) / (2 * NOISE**2)


rates = gd.input("rates", (4,), dtype="float64")
data = gd.input("data", (33, 2), dtype="float64")
path, steps, _ = gd.odeint(right, START, times, rates, rtol=1e-7, atol=1e-7, full=True)
solved = gd.compile([rates], [path, steps])
y, steps = solved(RATES)
a, b, c, d = RATES
theirs = solve_ivp(
    lambda t, y: [a * y[0] - b * y[0] * y[1], c * y[0] * y[1] - d * y[1]],
    (0, 8),
    START,
    t_eval=times,
    rtol=1e-7,
    atol=1e-7,
)
print(f"{steps} steps, largest difference to SciPy {np.abs(y - theirs.y.T).max():.1e}")
assert np.abs(y - theirs.y.T).max() < 1e-9

observed = y + NOISE * np.random.default_rng(0).normal(size=y.shape)
loss = misfit(rates, data)
value = gd.compile([rates, data], [loss, gd.grad(loss, rates)])
gradient = value(RATES, observed)[1]
for k, step in enumerate(1e-6 * np.eye(4)):
    difference = (value(RATES + step, observed)[0] - value(RATES - step, observed)[0]) / 2e-6
    assert abs(gradient[k] - difference) < 1e-5 * max(1, abs(difference))
print("gradient through the steps", gradient.round(3).tolist(), "as differences have it")

best, iterations, slope = gd.minimize(misfit, np.array([0.9, 0.09, 0.08, 1.4]), data, full=True, tol=1e-4)
found, iterations, slope = gd.compile([data], [best, iterations, slope])(observed)
print(f"rates {found.round(3).tolist()} after {iterations} iterations, true ones {RATES.tolist()}")
assert np.abs(found / RATES - 1).max() < 0.05 and slope < 1e-2

parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
parser.add_argument("--out", type=Path, help="folder of the plot; without it none is drawn")
out = parser.parse_args().out
if out:
    import matplotlib.pyplot as plt

    out.mkdir(parents=True, exist_ok=True)
    for k, name in enumerate(["hares", "lynxes"]):
        plt.scatter(times, observed[:, k], s=14, label=f"{name}, observed")
        plt.plot(times, solved(found)[0][:, k], label=f"{name}, at the rates found")
    plt.xlabel("time")
    plt.legend()
    plt.savefig(out / "predator_prey.png", dpi=120)
