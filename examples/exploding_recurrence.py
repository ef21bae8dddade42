"""A recurrence that explodes: h ← W h, where one eigenvalue of W is 1.25, through more and more steps.

The gradient grows as 1.25 to the number of steps: unusable as a step, though its direction is right. Clipping by the
global norm keeps the direction and bounds the length. Plots the norm of dL/dW before and after against the steps.
"""

import argparse
from pathlib import Path

import matplotlib

matplotlib.use("agg")
import matplotlib.pyplot as plt
import numpy as np

import graphdiff as gd

N, GROWTH, MAX_NORM = 8, 1.25, 1.0
rng = np.random.default_rng(0)
basis, _ = np.linalg.qr(rng.normal(size=(N, N)))
W_value = basis @ np.diag(np.linspace(GROWTH, 0.2, N)) @ basis.T
start = rng.normal(size=(1, N))


def gradient(steps):
    """dL/dW for L = mean of h after `steps` products, as it is and clipped."""
    W = gd.parameter("W", value=W_value)
    h0 = h = gd.input("h", shape=(1, N), dtype="float64")
    for _ in range(steps):
        h = h @ W
    raw = gd.grad(gd.mean(h), W)
    (clipped,) = gd.optim.clip_by_global_norm([raw], MAX_NORM)
    return gd.compile([h0], [raw, clipped])(start)


lengths = [1, 2, 5, 10, 20, 40, 60, 80]
pairs = [gradient(steps) for steps in lengths]
norms = np.array([[np.linalg.norm(g) for g in pair] for pair in pairs])
for steps, (raw_norm, clipped_norm) in zip(lengths, norms, strict=True):
    print(f"{steps:3d} steps  |dL/dW| {raw_norm:12.4g}  clipped {clipped_norm:.4g}")

# Twenty more steps: 1.25 to the 20th, about 87, times 80/60 for the longer sum over steps.
assert np.isclose(norms[-1, 0] / norms[-2, 0], GROWTH**20 * 80 / 60, rtol=0.1)
assert norms[:, 1].max() <= MAX_NORM * (1 + 1e-5)
raw, clipped = pairs[-1]
assert np.allclose(raw / np.linalg.norm(raw), clipped / np.linalg.norm(clipped))

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--out", type=Path, default=Path("report"), help="folder of the plot")
out = parser.parse_args().out
out.mkdir(parents=True, exist_ok=True)
plt.semilogy(lengths, norms[:, 0], marker="o", label="as it is")
plt.semilogy(lengths, norms[:, 1], marker="o", label="clipped to norm 1")
plt.xlabel("steps")
plt.ylabel("|dL/dW|")
plt.legend()
plt.savefig(out / "exploding_recurrence.png", dpi=120)
print("plot:", out / "exploding_recurrence.png")
