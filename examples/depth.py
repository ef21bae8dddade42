"""What lets deep networks train: 5 and 20 layers of tanh on digits, and what helps 20 of them.

Twenty layers of tanh stand still, as gradients vanish on their way back. ReLU with He's start, batch norm and residual
sums each let them through; what residual sums make too large at first is clipped. The
figure has the loss of training by epochs, and the first layer's gradient by steps.

    python examples/depth.py [--epochs 8] [--out plots]
"""

import argparse
from pathlib import Path

import matplotlib
import numpy as np

import graphdiff as gd
from graphdiff import layers as L

matplotlib.use("agg")
import matplotlib.pyplot as plt

WIDTH = 64


def dense(activation, init=None, norm=False):
    layers = [L.Linear(WIDTH, WIDTH, init=init), L.BatchNorm(WIDTH), activation]
    return layers if norm else [layers[0], activation]


def network(depth, activation=gd.tanh, init=None, norm=False, residual=False):
    blocks = [dense(activation, init, norm) for _ in range(depth - 1)]
    layers = [L.Residual(*b) if residual else L.Sequential(*b) for b in blocks]
    return L.Sequential(*layers, L.Linear(WIDTH, 10), seed=0)


CASES = {
    "5 of tanh": (lambda: network(5), None),
    "20 of tanh": (lambda: network(20), None),
    "20 of ReLU, He": (lambda: network(20, gd.nn.relu, gd.init.he_normal), None),
    "20 of tanh, residual": (lambda: network(20, residual=True), None),
    "residual, clipped": (lambda: network(20, residual=True), 1.0),
    "20 of tanh, batch norm": (lambda: network(20, norm=True), None),
}


def main(epochs, out):
    data = gd.train.digits(seed=0)
    figure, (losses, gradients) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    final = {}
    for name, (make, clip_norm) in CASES.items():
        flow = gd.train.GradientFlow()
        trainer = gd.train.Trainer(make(), gd.nn.cross_entropy, gd.optim.SGD(0.05, momentum=0.9), clip_norm=clip_norm)
        history = trainer.fit(data, epochs=epochs, batch_size=64, callbacks=[flow], drop_last=True, progress=False)
        final[name] = history["loss"][-1]
        first = flow.flow.history[:, 0, 0]  # the norm of the first weight's gradient
        print(f"{name:24s} loss {history['loss'][0]:.3f} → {final[name]:.3f}, first gradient {np.median(first):.1e}")
        losses.semilogy(np.arange(1, epochs + 1), history["loss"], label=name)
        gradients.semilogy(np.maximum(first, 1e-8), linewidth=0.8)
    losses.set(xlabel="epoch", ylabel="training loss")
    gradients.set(xlabel="step", ylabel="norm of the first layer's gradient")
    losses.legend(fontsize="small")
    out.mkdir(parents=True, exist_ok=True)
    figure.savefig(out / "depth.png")
    return final


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--out", type=Path, default=Path("plots"))
    args = parser.parse_args()
    final = main(args.epochs, args.out)
    assert final["20 of tanh, batch norm"] < final["20 of tanh"]
    assert final["residual, clipped"] < final["20 of tanh"]
