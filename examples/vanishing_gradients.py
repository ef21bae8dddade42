"""Why depth was hard: gradients through 5 and 20 tanh layers, and what brings them back.

Each tanh layer multiplies the gradient by its slope, at most 1, and by its weights; from small weights twenty of them
leave the first layers nothing to learn from. ReLU, whose slope is 0 or 1, with He's start keeps the scale, and a
residual connection gives the gradient a path that no layer shrinks. Plots mean |dL/dW| of every layer.
"""

import argparse
from pathlib import Path

import matplotlib

matplotlib.use("agg")
import matplotlib.pyplot as plt
import numpy as np

import graphdiff as gd

WIDTH, BATCH = 64, 32
X = np.random.default_rng(0).normal(size=(BATCH, WIDTH)).astype(np.float32)


def gradients(depth, activation, init, residual=False):
    """mean |dL/dW| for each of `depth` layers, first to last, at the start of training."""
    x = gd.input("x", shape=("batch", WIDTH))
    h, weights = x, []
    for k in range(depth):
        weights.append(gd.parameter(f"W{k}", shape=(WIDTH, WIDTH), init=init(k)))
        y = activation(h @ weights[-1])
        h = h + y if residual else y
    loss = gd.mean(gd.square(h))
    flow = [gd.mean(gd.abs(g)) for g in gd.grad(loss, weights)]
    return np.array(gd.compile([x], flow)(X))


def small(seed):
    return gd.init.normal(0.5 / np.sqrt(WIDTH), seed)


networks = {
    "5 tanh layers": gradients(5, gd.tanh, small),
    "20 tanh layers": gradients(20, gd.tanh, small),
    "20 ReLU layers, He's start": gradients(20, gd.nn.relu, gd.init.he_normal),
    "20 residual tanh layers": gradients(20, gd.tanh, small, residual=True),
}
for name, flow in networks.items():
    print(f"{name:28s} first {flow[0]:.1e}  last {flow[-1]:.1e}  first/last {flow[0] / flow[-1]:.1e}")

ratio = {name: flow[0] / flow[-1] for name, flow in networks.items()}
assert ratio["20 tanh layers"] < 1e-3 * ratio["5 tanh layers"]
assert ratio["20 ReLU layers, He's start"] > 0.1 and ratio["20 residual tanh layers"] > 0.1

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--out", type=Path, default=Path("report"), help="folder of the plot")
out = parser.parse_args().out
out.mkdir(parents=True, exist_ok=True)
for name, flow in networks.items():
    plt.semilogy(np.arange(1, len(flow) + 1), flow, marker=".", label=name)
plt.xlabel("layer")
plt.ylabel("mean |dL/dW|")
plt.legend()
plt.savefig(out / "vanishing_gradients.png", dpi=120)
print("plot:", out / "vanishing_gradients.png")
