"""Softmax followed by cross-entropy: the adjoint, derived rule by rule, simplifies to p − y.

The loss of a sample is logsumexp(z) − z[label], as safe from overflow as its definition −log softmax(z)[label] is not.
Its adjoint goes back through a sum, a logarithm, a reciprocal, an exponential and a selection; what the rewrites leave
of it to run is one softmax, one comparison with the label, and one subtraction.
"""

import argparse
from pathlib import Path

import numpy as np

import graphdiff as gd

z = gd.input("z", shape=("batch", 4), dtype="float64")
label = gd.input("label", shape=("batch",), dtype="int64")

loss = gd.nn.cross_entropy(z, label, reduction="sum")
print("as derived:\n")
print(gd.adjoint(loss, z))

gradient = gd.compile([z, label], gd.grad(loss, z), name="gradient")
print("\nas run:\n")
print(gradient.graph)

assert not {"log", "reciprocal", "multiply"} & {node.op.name for node in gradient.graph}

rng = np.random.default_rng(0)
z_value = rng.normal(size=(3, 4))
labels = np.array([0, 2, 3])
p = np.exp(z_value) / np.exp(z_value).sum(axis=1, keepdims=True)
assert np.allclose(gradient(z_value, labels), p - np.eye(4)[labels], rtol=1e-14, atol=1e-15)

# The probability of the label underflows here; its logarithm would be −inf.
far = np.array([[1000.0, 0.0, 0.0, 0.0]])
print("\np − y for logits", far[0], "and label 1:", gradient(far, np.array([1]))[0])
assert np.array_equal(gradient(far, np.array([1])), [[1, -1, 0, 0]])

parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
parser.add_argument("--out", type=Path, help="folder of the plot; without it none is drawn")
out = parser.parse_args().out
if out:
    import matplotlib.pyplot as plt

    out.mkdir(parents=True, exist_ok=True)
    figure, axes = plt.subplots(1, 3, figsize=(10, 3), sharey=True, layout="constrained")
    for ax, name, heights in zip(
        axes, ("p", "y", "p − y, the gradient"), (p, np.eye(4)[labels], p - np.eye(4)[labels])
    ):
        for k, row in enumerate(heights):
            ax.bar(np.arange(4) + 0.25 * k, row, width=0.22, label=f"sample {k}, label {labels[k]}")
        ax.set(title=name, xlabel="class", xticks=np.arange(4) + 0.25, xticklabels=range(4))
        ax.axhline(0, color="black", linewidth=0.8)
    axes[0].legend(fontsize="small")
    figure.savefig(out / "softmax_cross_entropy.png", dpi=120)
