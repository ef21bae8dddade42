"""Residual blocks of Linear, BatchNorm, ReLU, Linear, BatchNorm train where as many plain ones do not.

Forty linear layers on handwritten digits, with sums around each two of them and without: 96 % against 27 % of the test
part right after 15 epochs.

    python examples/resnet.py [--epochs 15] [--out FOLDER]
"""

import argparse
from pathlib import Path

import graphdiff as gd
from graphdiff import layers as L

WIDTH, BLOCKS = 64, 20


def block():
    inner = [L.Linear(WIDTH, WIDTH), L.BatchNorm(WIDTH), gd.nn.relu, L.Linear(WIDTH, WIDTH), L.BatchNorm(WIDTH)]
    return inner


def network(residual):
    blocks = []
    for _ in range(BLOCKS):
        blocks += [L.Residual(*block()) if residual else L.Sequential(*block()), gd.nn.relu]
    return L.Sequential(*blocks, L.Linear(WIDTH, 10), seed=0)


def plot(histories, folder):
    """Loss and accuracy of the training part by epochs."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(9, 3.5), layout="constrained")
    for ax, quantity in zip(axes, ("loss", "accuracy")):
        for name, history in histories.items():
            ax.plot(range(1, history.epochs + 1), history[quantity], "o-", label=name)
        ax.set(xlabel="epoch", ylabel=f"{quantity} of training")
        ax.legend()
    folder.mkdir(parents=True, exist_ok=True)
    figure.savefig(folder / "resnet.png", dpi=120)


def main(epochs, out=None):
    data, found, histories = gd.train.digits(seed=0), {}, {}
    for name in ("residual", "plain"):
        trainer = gd.train.Trainer(
            network(residual=name == "residual"),
            gd.nn.cross_entropy,
            gd.optim.SGD(gd.optim.schedules.cosine(0.05, epochs * 22), momentum=0.9, weight_decay=1e-4),
            metrics={"accuracy": gd.train.metrics.accuracy},
        )
        histories[name] = history = trainer.fit(data, epochs=epochs, batch_size=64, drop_last=True)
        found[name] = trainer.evaluate(data)["accuracy"]
        print(f"{name:8s} training loss {history['loss'][-1]:.4f}, {found[name]:.2%} of the test part right")
    if out:
        plot(histories, out)
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--out", type=Path, help="folder of the plot; without it none is drawn")
    options = parser.parse_args()
    found = main(options.epochs, options.out)
    assert found["residual"] > found["plain"] and found["residual"] > (0.96 if options.epochs >= 15 else 0.7)
