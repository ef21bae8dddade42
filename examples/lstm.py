"""An LSTM by `gd.scan`: it must tell, after 24 steps of noise, which symbol it saw first.

The cell is one graph, run by one loop node however long the sequences are; its derivative is the loop the other way
round. What does not depend on the state - the product with all inputs - is one product, outside the loop. The same
compiled step takes every length and every batch.
"""

import argparse
from pathlib import Path

import numpy as np

import graphdiff as gd

SYMBOLS, HIDDEN, LENGTH, BATCH = 6, 24, 24, 32
x = gd.input("x", shape=("time", "batch"), dtype="int64")
t = gd.input("t", shape=("batch",), dtype="int64")

U = gd.parameter("U", shape=(SYMBOLS, 4 * HIDDEN), init=gd.init.xavier_uniform(seed=0))
W = gd.parameter("W", shape=(HIDDEN, 4 * HIDDEN), init=gd.init.orthogonal(seed=1))
# the forget gate starts open, so that a state lasts (Jozefowicz, Zaremba and Sutskever 2015)
b = gd.parameter("b", value=np.repeat([0, 3, 0, 0], HIDDEN).astype(np.float32))
V = gd.parameter("V", shape=(HIDDEN, SYMBOLS), init=gd.init.xavier_uniform(seed=2))
params = [U, W, b, V]


def cell(state, from_input):
    h, c = state
    i, f, g, o = gd.split(from_input + h @ W, 4, axis=1)
    c = gd.nn.sigmoid(f) * c + gd.nn.sigmoid(i) * gd.tanh(g)
    h = gd.nn.sigmoid(o) * gd.tanh(c)
    return (h, c), None


nothing = gd.zeros((x.shape[1], HIDDEN))
(h, c), _ = gd.scan(cell, (nothing, nothing), gd.nn.embedding(x, U) + b)
logits = h @ V
loss = gd.nn.cross_entropy(logits, t)
gradients = gd.optim.clip_by_global_norm(gd.grad(loss, params), 1.0)
train = gd.compile([x, t], loss, updates=gd.optim.Adam(0.02).updates(params, gradients), name="lstm")
loops = sum(node.op.name == "loop" for node in train.graph)
print(f"{len(train.graph)} nodes, {loops} of them loops")
assert loops == 2

rng = np.random.default_rng(0)


def draw(length, batch):
    symbols = rng.integers(0, SYMBOLS, (length, batch))
    return symbols, symbols[0].copy()


losses = []
for k in range(401):
    losses.append(float(train(*draw(LENGTH, BATCH))))
    if k % 50 == 0:
        print(f"step {k:3d}  loss {losses[-1]:.4f}")

guess = gd.compile([x], gd.argmax(logits, axis=1))
for length in (LENGTH, 2 * LENGTH):
    symbols, first = draw(length, 500)
    print(f"length {length}: {np.mean(guess(symbols) == first):.3f} right")
print(f"final loss {np.mean(losses[-10:]):.4f}")
symbols, first = draw(LENGTH, 500)
assert np.mean(losses[-10:]) < 0.1 and np.mean(guess(symbols) == first) > 0.95

parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
parser.add_argument("--out", type=Path, help="folder of the plot; without it none is drawn")
out = parser.parse_args().out
if out:
    import matplotlib.pyplot as plt

    out.mkdir(parents=True, exist_ok=True)
    plt.semilogy(losses)
    plt.xlabel("step")
    plt.ylabel("loss")
    plt.savefig(out / "lstm.png", dpi=120)
