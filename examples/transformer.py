"""A small transformer that learns a nursery rhyme, one character after the other, and recites it.

Two blocks of causal attention and a two-layer network each, normalised before. Every position of a window learns to
tell its next character, so one window of text is as many lessons as it is long.
"""

import argparse
from pathlib import Path

import numpy as np

import graphdiff as gd

TEXT = """This is the house that Jack built.
This is the malt that lay in the house that Jack built.
This is the rat that ate the malt that lay in the house that Jack built.
This is the cat that killed the rat that ate the malt that lay in the house that Jack built.
"""
WINDOW, WIDTH, HEADS, BLOCKS, BATCH = 32, 48, 4, 2, 16
letters = sorted(set(TEXT))
text = np.array([letters.index(c) for c in TEXT])

params, maps = [], []


def parameter(name, *shape):
    value = np.random.default_rng(len(params)).normal(size=shape) * 0.3 / np.sqrt(shape[0])
    params.append(gd.parameter(name, value.astype(np.float32)))
    return params[-1]


def scale_and_shift(name):
    params.append(gd.parameter(f"{name}.scale", np.ones(WIDTH, np.float32)))
    params.append(gd.parameter(f"{name}.shift", np.zeros(WIDTH, np.float32)))
    return params[-2:]


def attention(h, name):
    batch, length, _ = h.shape
    heads = [
        gd.reshape(part, (batch, length, HEADS, WIDTH // HEADS)).transpose(0, 2, 1, 3)
        for part in gd.split(h @ parameter(f"{name}.qkv", WIDTH, 3 * WIDTH), 3, axis=-1)
    ]
    scores = heads[0] @ gd.matrix_transpose(heads[1]) / np.sqrt(WIDTH // HEADS)
    seen = gd.arange(length)[:, None] >= gd.arange(length)
    maps.append(gd.nn.softmax(gd.where(seen, scores, -np.inf)))  # what is mixed of which place, for the plot alone
    mixed = gd.nn.scaled_dot_product_attention(*heads, is_causal=True)
    return gd.reshape(mixed.transpose(0, 2, 1, 3), (batch, length, WIDTH)) @ parameter(f"{name}.out", WIDTH, WIDTH)


def network(h, name):
    return gd.nn.gelu(h @ parameter(f"{name}.up", WIDTH, 4 * WIDTH)) @ parameter(f"{name}.down", 4 * WIDTH, WIDTH)


x = gd.input("x", shape=("batch", WINDOW), dtype="int64")
t = gd.input("t", shape=("batch", WINDOW), dtype="int64")
h = gd.nn.embedding(x, parameter("letters", len(letters), WIDTH)) + parameter("places", WINDOW, WIDTH)
for k in range(BLOCKS):
    with gd.name_scope(f"block{k}"):
        h = h + attention(gd.nn.layer_norm(h, *scale_and_shift(f"{k}.before")), f"{k}.attention")
        h = h + network(gd.nn.layer_norm(h, *scale_and_shift(f"{k}.between")), f"{k}.network")
logits = gd.nn.layer_norm(h, *scale_and_shift("last")) @ parameter("read", WIDTH, len(letters))
loss = gd.nn.cross_entropy(logits, t)

gradients = gd.optim.clip_by_global_norm(gd.grad(loss, params), 1.0)
updates = gd.optim.AdamW(3e-3, weight_decay=0.01).updates(params, gradients)
train = gd.compile([x, t], loss, updates=updates, name="transformer")

rng = np.random.default_rng(0)
for k in range(301):
    starts = rng.integers(0, len(text) - WINDOW, BATCH)
    windows = text[starts[:, None] + np.arange(WINDOW + 1)]
    value = float(train(windows[:, :-1], windows[:, 1:]))
    if k % 50 == 0:
        print(f"step {k:3d}  loss {value:.4f}")

# What it has not seen cannot matter to what it says: the attention is causal.
read = gd.compile([x], logits)
one, other = windows[:1, :-1].copy(), windows[:1, :-1].copy()
other[0, WINDOW // 2 :] = 0
assert np.allclose(read(one)[0, : WINDOW // 2], read(other)[0, : WINDOW // 2], atol=1e-5)

start = TEXT.index("This is the cat")
said = list(text[start : start + WINDOW])
while len(said) < len(text) - start:
    said.append(int(read(np.array([said[-WINDOW:]]))[0, -1].argmax()))
recited = "".join(letters[i] for i in said)
print(f"final loss {value:.4f}\n{recited}", end="")
# one letter read wrong sends it to another verse, so what it says by heart is shown and what it reads is judged
every = text[np.arange(len(text) - WINDOW)[:, None] + np.arange(WINDOW + 1)]
right = (read(every[:, :-1])[:, -1].argmax(-1) == every[:, -1]).mean()
assert value < 0.2 and right > 0.9, (value, right)

parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
parser.add_argument("--out", type=Path, help="folder of the plot; without it none is drawn")
out = parser.parse_args().out
if out:
    import matplotlib.pyplot as plt

    out.mkdir(parents=True, exist_ok=True)
    looked = gd.compile([x], maps)(text[None, start : start + WINDOW])
    figure, axes = plt.subplots(BLOCKS, HEADS, figsize=(16, 8.5), layout="constrained")
    for k, head in np.ndindex(BLOCKS, HEADS):
        axes[k, head].imshow(looked[k][0, head], cmap="magma_r")
        axes[k, head].set(title=f"block {k}, head {head}")
        for name in "xy":
            axes[k, head].set(**{f"{name}ticks": range(WINDOW), f"{name}ticklabels": TEXT[start : start + WINDOW]})
    figure.savefig(out / "transformer.png", dpi=100)
