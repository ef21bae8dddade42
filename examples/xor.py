"""XOR, the smallest problem that needs a hidden layer: a 2-4-1 sigmoid network, trained by plain gradient descent."""

import argparse
from pathlib import Path

import numpy as np

import graphdiff as gd

X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=np.float64)
T = np.array([[0], [1], [1], [0]], dtype=np.float64)

x = gd.input("x", shape=("batch", 2), dtype="float64")
t = gd.input("t", shape=("batch", 1), dtype="float64")

W1 = gd.parameter("W1", shape=(2, 4), init=gd.init.xavier_normal(seed=1), dtype="float64")
b1 = gd.parameter("b1", shape=(4,), init=gd.init.zeros(), dtype="float64")
W2 = gd.parameter("W2", shape=(4, 1), init=gd.init.xavier_normal(seed=2), dtype="float64")
b2 = gd.parameter("b2", shape=(1,), init=gd.init.zeros(), dtype="float64")
params = [W1, b1, W2, b2]

h = gd.nn.sigmoid(x @ W1 + b1)
logits = h @ W2 + b2
loss = gd.nn.binary_cross_entropy_with_logits(logits, t)

step = gd.compile([x, t], loss, updates=gd.optim.SGD(lr=2.0).updates(params, gd.grad(loss, params)))
for k in range(3001):
    value = step(X, T)
    if k % 500 == 0:
        print(f"step {k:4d}  loss {value:.4f}")

probability = gd.compile([x], gd.nn.sigmoid(logits))(X)
for row, p in zip(X.astype(int), probability[:, 0], strict=True):
    print(f"{row[0]} xor {row[1]} = {p:.3f}")
assert np.array_equal(probability > 0.5, T > 0.5) and value < 0.05

parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
parser.add_argument("--out", type=Path, help="folder of the plot; without it none is drawn")
out = parser.parse_args().out
if out:
    import matplotlib.pyplot as plt

    out.mkdir(parents=True, exist_ok=True)
    grid = np.linspace(-0.5, 1.5, 101)
    where = np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 2)
    surface = gd.compile([x], gd.nn.sigmoid(logits))(where).reshape(101, 101)
    plt.contourf(grid, grid, surface, levels=20, cmap="RdBu_r", vmin=0, vmax=1)
    plt.colorbar(label="probability of 1")
    plt.scatter(*X.T, c=T[:, 0], cmap="RdBu_r", edgecolors="black", s=90)
    plt.savefig(out / "xor.png", dpi=120)
