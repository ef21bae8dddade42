"""A layer that is the solution of an equation, z = tanh(z W + x U + b): as deep as it needs, at the memory of one step.

gd.fixed_point finds z and differentiates by what holds at it, not through its steps: gradients are held against those
of 100 steps written as a scan, which keeps every step. Then a classifier of two interleaved spirals is trained with it.
"""

import argparse
from pathlib import Path

import numpy as np

import graphdiff as gd

WIDTH, POINTS = 24, 200
rng = np.random.default_rng(0)
turn = np.repeat(np.sqrt(rng.uniform(0.02, 1, POINTS // 2)) * 2.5 * np.pi, 2)
side = np.tile([0, 1], POINTS // 2)
spirals = np.stack([turn * np.cos(turn + np.pi * side), turn * np.sin(turn + np.pi * side)], axis=1) / 4

x, t = gd.input("x", ("points", 2), dtype="float64"), gd.input("t", ("points",), dtype="int64")
W = gd.parameter("W", value=rng.normal(size=(WIDTH, WIDTH)) * 0.5 / np.sqrt(WIDTH))
U = gd.parameter("U", value=rng.normal(size=(2, WIDTH)) * 1.5)
b = gd.parameter("b", value=rng.normal(size=WIDTH))
V = gd.parameter("V", value=rng.normal(size=(WIDTH, 2)) / np.sqrt(WIDTH))
parameters = [W, U, b, V]


def layer(z, x):
    contraction = W * (0.95 / gd.maximum(0.95, gd.norm(W)))  # so that there is one solution
    return gd.tanh(z @ contraction + x @ U + b)


start = gd.zeros((x.shape[0], WIDTH), dtype="float64")
z, iterations, residual = gd.fixed_point(layer, start, x, full=True)
unrolled, _ = gd.scan(lambda z, _: (layer(z, x), None), start, None, length=100)


def loss_of(z):
    return gd.nn.cross_entropy(z @ V, t)


implicit, explicit = (gd.compile([x, t], gd.grad(loss_of(y), parameters)) for y in (z, unrolled))
for ours, theirs in zip(implicit(spirals, side), explicit(spirals, side)):
    assert np.abs(ours - theirs).max() < 1e-9
memory = [f.plan_for(points=POINTS).arena_bytes / 1e6 for f in (implicit, explicit)]
print(f"the same gradients with {memory[0]:.1f} MB instead of {memory[1]:.1f} MB for 100 steps")
assert memory[0] < memory[1]

loss = loss_of(z)
gradients = gd.grad(loss, parameters)
right = gd.mean(gd.equal(gd.argmax(z @ V, axis=1), t).astype("float64"))
step = gd.compile([x, t], [loss, right, iterations], updates=gd.optim.Adam(0.02).updates(parameters, gradients))
for _ in range(150):
    loss, right, iterations = step(spirals, side)
print(f"loss {loss:.3f}, {right:.1%} right, {iterations} iterations to the fixed point")
assert right > 0.9

parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
parser.add_argument("--out", type=Path, help="folder of the plot; without it none is drawn")
out = parser.parse_args().out
if out:
    import matplotlib.pyplot as plt

    out.mkdir(parents=True, exist_ok=True)
    grid = np.linspace(spirals.min(), spirals.max(), 81)
    where = np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 2)
    chosen = gd.compile([x], gd.argmax(z @ V, axis=1))(where).reshape(81, 81)
    plt.contourf(grid, grid, chosen, levels=1, alpha=0.3, cmap="coolwarm")
    plt.scatter(*spirals.T, c=side, s=12, cmap="coolwarm")
    plt.savefig(out / "implicit_layer.png", dpi=120)
