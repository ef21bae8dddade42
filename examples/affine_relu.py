"""One layer, relu(x W + b), by the rules of backpropagation: the graph's gradients are those written by hand.

With g the gradient arriving at the layer and 1[z > 0] the units that were on:
    dz = g · 1[z > 0]      dW = xᵀ dz      db = Σ over the batch of dz      dx = dz Wᵀ
"""

import argparse
from pathlib import Path

import numpy as np

import graphdiff as gd

x_value = np.array([[1.0, 2.0], [-1.0, 0.5]])
W_value = np.array([[1.0, -1.0, 0.5], [0.5, 1.0, -2.0]])
b_value = np.array([0.0, 0.5, 1.0])
g_value = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])

x = gd.input("x", shape=("batch", 2), dtype="float64")
W = gd.parameter("W", value=W_value)
b = gd.parameter("b", value=b_value)
g = gd.input("g", shape=("batch", 3), dtype="float64")

z = x @ W + b
y = gd.nn.relu(z)
dx, dW, db = gd.vjp(y, [x, W, b], g)
y_got, *got = gd.compile([x, g], [y, dx, dW, db])(x_value, g_value)

z_value = x_value @ W_value + b_value
dz = g_value * (z_value > 0)
by_hand = [dz @ W_value.T, x_value.T @ dz, dz.sum(axis=0)]

print("y =", y_got.tolist())
assert np.array_equal(y_got, np.maximum(z_value, 0))
for name, ours, hand in zip(["dx", "dW", "db"], got, by_hand, strict=True):
    print(f"{name} =", ours.tolist())
    assert np.allclose(ours, hand, rtol=1e-15), name

parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
parser.add_argument("--out", type=Path, help="folder of the plot; without it none is drawn")
out = parser.parse_args().out
if out:
    import matplotlib.pyplot as plt

    out.mkdir(parents=True, exist_ok=True)
    shown = {"x": x_value, "W": W_value, "y": y_got, "dy": g_value, "dz": dz, "dW": got[1], "dx": got[0]}
    figure, axes = plt.subplots(1, len(shown), figsize=(14, 2.4), layout="constrained")
    for ax, (name, matrix) in zip(axes, shown.items(), strict=True):
        ax.matshow(matrix, cmap="RdBu_r", vmin=-10, vmax=10)
        for (row, column), number in np.ndenumerate(matrix):
            ax.text(column, row, f"{number:g}", ha="center", va="center")
        ax.set(title=name, xticks=[], yticks=[])
    figure.savefig(out / "affine_relu.png", dpi=120)
