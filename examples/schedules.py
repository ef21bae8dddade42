"""Three ways to turn a learning rate down, on the same model from the same start: on a plateau, by a cosine, one cycle.

The figure has the rate and the validation's loss by epochs.

    python examples/schedules.py [--epochs 20] [--out plots]
"""

import argparse
from pathlib import Path

import matplotlib
import numpy as np

import graphdiff as gd
from graphdiff import layers as L

matplotlib.use("agg")
import matplotlib.pyplot as plt


def main(epochs, out):
    data = gd.train.digits(seed=0)
    steps = epochs * (len(data.t_train) // 64)
    s = gd.optim.schedules
    rules = {
        "constant": (0.3, []),
        "plateau": (0.3, [gd.train.ReduceLROnPlateau("val_loss", factor=0.3, patience=1)]),
        "cosine": (s.cosine(0.3, steps), []),
        "one cycle": (s.one_cycle(0.3, steps), []),
    }
    figure, (rates, losses) = plt.subplots(2, 1, figsize=(7, 6), sharex=True, layout="constrained")
    final = {}
    for name, (rate, callbacks) in rules.items():
        model = L.Sequential(L.Linear(64, 64), gd.nn.relu, L.Linear(64, 64), gd.nn.relu, L.Linear(64, 10), seed=0)
        trainer = gd.train.Trainer(model, gd.nn.cross_entropy, gd.optim.SGD(rate, momentum=0.5))
        history = trainer.fit(data, data, epochs, 64, callbacks, progress=False, drop_last=True)
        final[name] = history["val_loss"][-1]
        print(f"{name:10s} validation loss {min(history['val_loss']):.4f} at best, {final[name]:.4f} at last")
        at = np.arange(1, epochs + 1)
        rates.plot(at, history["lr"], label=name)
        losses.semilogy(at, history["val_loss"], label=name)
    rates.set(ylabel="rate")
    losses.set(xlabel="epoch", ylabel="validation loss")
    losses.legend()
    out.mkdir(parents=True, exist_ok=True)
    figure.savefig(out / "schedules.png")
    return final


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--out", type=Path, default=Path("plots"))
    args = parser.parse_args()
    final = main(args.epochs, args.out)
    assert max(final.values()) < 1.0
