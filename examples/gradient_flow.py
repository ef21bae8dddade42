"""How gradients flow through depth: 5 and 20 tanh layers, and four things that changed it.

Going back through a layer multiplies the gradient by its Jacobian. From small weights twenty tanh layers leave the
first ones nothing to learn from; ReLU with He's start keeps the scale; a residual connection gives the gradient a path
that no layer shrinks; batch normalisation sets the scale anew at every layer. Weights too large make it explode, and
clipping bounds its length. One figure: mean |dL/dh| of what enters each layer, and its Jacobian's spectral norm.
"""

import argparse
from pathlib import Path

import matplotlib

matplotlib.use("agg")
import matplotlib.pyplot as plt
import numpy as np

import graphdiff as gd

WIDTH = 64
X = np.random.default_rng(0).normal(size=(32, WIDTH)).astype(np.float32)


def scaled(scale):
    return lambda seed: gd.init.normal(scale / np.sqrt(WIDTH), seed)


def plain(h, W):
    return gd.tanh(h @ W)


def relu(h, W):
    return gd.nn.relu(h @ W)


def residual(h, W):
    return h + gd.tanh(h @ W)


def normalised(h, W):
    return gd.tanh(gd.nn.batch_norm(h @ W, training=True))


def linear(h, W):
    return h @ W


def look(depth, layer, init, max_norm=None):
    """Mean |dL/dh| for the h that enters each layer, the verdicts on them, and the Jacobian of each layer."""
    x = gd.input("x", shape=("batch", WIDTH))
    weights = [gd.parameter(f"W{k}", shape=(WIDTH, WIDTH), init=init(k)) for k in range(depth)]
    entering = [x]
    for W in weights:
        entering.append(layer(entering[-1], W))
    loss = gd.mean(gd.square(entering[-1] - 1.0))
    gradients = gd.grad(loss, entering)
    gradients = gradients if max_norm is None else gd.optim.clip_by_global_norm(gradients, max_norm)
    flow = gd.inspect.GradientFlow(loss, entering, gradients, chain=entering)
    flow.record(gd.compile([x], flow.outputs)(X))
    return flow.history[0, :, 1], flow.verdicts(), flow.jacobians({x: X})


networks = {
    "5 tanh layers": look(5, plain, scaled(0.4)),
    "20 tanh layers": look(20, plain, scaled(0.4)),
    "20 ReLU layers, He's start": look(20, relu, gd.init.he_normal),
    "20 residual tanh layers": look(20, residual, scaled(0.4)),
    "20 tanh layers, batch norm": look(20, normalised, scaled(0.4)),
    "20 linear layers, too large": look(20, linear, scaled(1.6)),
    "the same, clipped to norm 1": look(20, linear, scaled(1.6), max_norm=1.0),
}
share = {name: mean[0] / mean[-1] for name, (mean, _, _) in networks.items()}
for name, (_, verdicts, jacobians) in networks.items():
    told = {verdict: list(verdicts.values()).count(verdict) for verdict in sorted(set(verdicts.values()))}
    shrink, grow = (sum(j.verdict == verdict for j in jacobians) for verdict in ("shrinks", "grows"))
    print(f"{name:28s} first / last {share[name]:8.1e}; Jacobians: {shrink} shrink, {grow} grow; {told or 'well'}")

# The weights leave 0.4 of the gradient in every layer: 0.01 after five, 1e-8 after twenty.
assert share["20 tanh layers"] < 1e-6 < 1e-3 < share["5 tanh layers"]
assert all(share[name] > 0.01 for name in list(networks)[2:5])
large, clipped = networks["20 linear layers, too large"], networks["the same, clipped to norm 1"]
assert large[1]["x"] == "exploding" and "exploding" not in clipped[1].values()
assert np.allclose(clipped[0] / clipped[0][0], large[0] / large[0][0], rtol=1e-3)

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--out", type=Path, default=Path("report"), help="folder of the plot")
out = parser.parse_args().out
out.mkdir(parents=True, exist_ok=True)
figure, (above, below) = plt.subplots(2, 1, figsize=(8, 8), sharex=True, layout="constrained")
for name, (mean, _, jacobians) in networks.items():
    style = "--" if "clipped" in name else "-"
    above.semilogy(np.arange(1, len(mean) + 1), mean, style, marker=".", label=name)
    below.plot(np.arange(1, len(jacobians) + 1), [j.norm for j in jacobians], style, marker=".")
below.axhline(1, color="#888", linewidth=1)
above.set(ylabel="mean |dL/dh|")
below.set(xlabel="layer", ylabel="spectral norm of its Jacobian", xticks=range(0, 21, 5))
above.legend(fontsize="small", ncols=2)
figure.savefig(out / "gradient_flow.png", dpi=120)
print("plot:", out / "gradient_flow.png")
