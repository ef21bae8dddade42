"""Memory for time: keep every k-th value of a deep network, compute the others again when the backward pass needs them.

The gradients are the same to the last bit. Plots the arena's bytes against the time of a gradient for several k.
"""

import argparse
import time
from pathlib import Path

import matplotlib

matplotlib.use("agg")
import matplotlib.pyplot as plt
import numpy as np

import graphdiff as gd

DEPTH, WIDTH, BATCH, REPEATS = 64, 64, 256, 5
x = gd.input("x", shape=(BATCH, WIDTH))
h, weights = x, []
for k in range(DEPTH):
    weights.append(gd.parameter(f"W{k}", shape=(WIDTH, WIDTH), init=gd.init.xavier_normal(seed=k)))
    h = gd.tanh(h @ weights[-1])
loss = gd.mean(gd.square(h))
outputs = [loss, *gd.grad(loss, weights)]
X = np.random.default_rng(0).normal(size=(BATCH, WIDTH)).astype(np.float32)

settings = {"keep all": None, "√n": "sqrt"} | {f"every {k}": gd.Every(k) for k in (4, 8, 16, 32)}
reference, arenas, milliseconds = None, [], []
for name, checkpoint in settings.items():
    f = gd.compile([x], outputs, checkpoint=checkpoint)
    results = f(X)
    reference = reference or results
    assert all(np.array_equal(a, b) for a, b in zip(reference, results, strict=True)), name
    seconds = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        f(X)
        seconds.append(time.perf_counter() - start)
    arenas.append(f.plan.arena_bytes)
    milliseconds.append(min(seconds) * 1e3)
    print(
        f"{name:9s} arena {arenas[-1] / 1e6:6.2f} MB  gradient {milliseconds[-1]:6.2f} ms  "
        f"recomputed {f.plan.recompute_flops / f.plan.flops:.0%} of the work, gradients bitwise equal"
    )

assert arenas[1] < arenas[0] / 2, "√n checkpoints take less than half the memory at this depth"

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--out", type=Path, default=Path("report"), help="folder of the plot")
out = parser.parse_args().out
out.mkdir(parents=True, exist_ok=True)
plt.plot(np.array(arenas) / 1e6, milliseconds, "o")
for name, arena, ms in zip(settings, arenas, milliseconds, strict=True):
    plt.annotate(name, (arena / 1e6, ms), textcoords="offset points", xytext=(6, 4))
plt.margins(x=0.15)
plt.xlabel("arena, MB")
plt.ylabel("gradient, ms")
plt.savefig(out / "checkpointing.png", dpi=120)
print("plot:", out / "checkpointing.png")
