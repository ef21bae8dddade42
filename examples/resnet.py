"""Residual blocks of Linear, BatchNorm, ReLU, Linear, BatchNorm train where as many plain ones do not.

Forty linear layers on handwritten digits, with sums around each two of them and without: 96 % against 27 % of the test
part right after 15 epochs.

    python examples/resnet.py [--epochs 15]
"""

import argparse

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


def main(epochs):
    data, found = gd.train.digits(seed=0), {}
    for name in ("residual", "plain"):
        trainer = gd.train.Trainer(
            network(residual=name == "residual"),
            gd.nn.cross_entropy,
            gd.optim.SGD(gd.optim.schedules.cosine(0.05, epochs * 22), momentum=0.9, weight_decay=1e-4),
            metrics={"accuracy": gd.train.metrics.accuracy},
        )
        history = trainer.fit(data, epochs=epochs, batch_size=64, drop_last=True)
        found[name] = trainer.evaluate(data)["accuracy"]
        print(f"{name:8s} training loss {history['loss'][-1]:.4f}, {found[name]:.2%} of the test part right")
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--epochs", type=int, default=15)
    epochs = parser.parse_args().epochs
    found = main(epochs)
    assert found["residual"] > found["plain"] and found["residual"] > (0.96 if epochs >= 15 else 0.7)
