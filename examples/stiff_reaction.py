"""Robertson's reaction, the classical stiff equation: rates that differ by nine powers of ten, over eleven of time.

An explicit method has to follow the fastest rate and runs out of steps, which gd.odeint tells with NaN and the time it
reached; "bdf2" takes steps as long as the solution allows. How the last state depends on the rates is held against
differences of logarithms.
"""

import argparse
from pathlib import Path

import numpy as np

import graphdiff as gd

RATES = np.array([0.04, 1e4, 3e7])
times = np.array([0, 1e-2, 1, 1e2, 1e4, 1e6])
rates = gd.input("rates", (3,), dtype="float64")


def right(y, t):
    slow, back, fast = rates[0] * y[0], rates[1] * y[1] * y[2], rates[2] * gd.square(y[1])
    return gd.stack([back - slow, slow - back - fast, fast])


explicit = gd.odeint(right, np.array([1.0, 0, 0]), times, max_steps=2000, full=True)
y, steps, reached = gd.compile([rates], explicit)(RATES)
print(f"dopri5: {steps} steps reach t = {reached:.3g}, {np.isnan(y).any(axis=1).sum()} of {len(times)} times are NaN")
assert steps == 2000 and reached < 1e2 and np.isfinite(y[:3]).all() and np.isnan(y[3:]).all()

y, steps, reached = gd.odeint(right, np.array([1.0, 0, 0]), times, method="bdf2", full=True)
left = gd.log(y[-1, 0])
f = gd.compile([rates], [y, steps, reached, left, gd.grad(left, rates)])
y, steps, reached, _, gradient = f(RATES)
print(f"bdf2: {steps} steps reach t = {reached:.3g}, of the first substance {y[-1, 0]:.5f} is left")
assert reached == 1e6 and steps < 1000 and np.abs(y.sum(axis=1) - 1).max() < 1e-9

for k in range(3):
    moved = RATES * (1 + 1e-5 * (np.arange(3) == k)), RATES * (1 - 1e-5 * (np.arange(3) == k))
    difference = (f(moved[0])[3] - f(moved[1])[3]) / 2e-5
    print(f"d log left / d log rate {k + 1}: {gradient[k] * RATES[k]:.6f}")
    assert abs(gradient[k] * RATES[k] - difference) < 1e-6

parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
parser.add_argument("--out", type=Path, help="folder of the plot; without it none is drawn")
out = parser.parse_args().out
if out:
    import matplotlib.pyplot as plt

    out.mkdir(parents=True, exist_ok=True)
    fine = np.concatenate([[0], np.logspace(-5, 6, 120)])
    path = gd.compile([rates], gd.odeint(right, np.array([1.0, 0, 0]), fine, method="bdf2"))(RATES)
    for k, factor in enumerate([1, 1e4, 1]):
        plt.semilogx(fine[1:], factor * path[1:, k], label=f"substance {k + 1}" + (" times 10,000" if k == 1 else ""))
    stopped = gd.compile([rates], explicit)(RATES)[2]
    plt.axvline(stopped, color="grey", linestyle=":", label="where dopri5 stops")
    plt.xlabel("time")
    plt.legend()
    plt.savefig(out / "stiff_reaction.png", dpi=120)
