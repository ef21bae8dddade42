"""Programs exported with sizes as arguments: at each of some sizes the bits of the function.

Run as a script it says what differs. Start it with GRAPHDIFF_ISA=plain GRAPHDIFF_BLAS=off: those are its bits.
"""

import sys
import tempfile
from pathlib import Path

import export_programs
import numpy as np
from export_programs import _random
from exported import Exported, flat

import graphdiff as gd


def mlp():
    """Products, a loss, Adam: one size."""
    f = export_programs.mlp()[0]
    return f, lambda b: (_random(b, 30), np.arange(b) % 5), [(1,), (2,), (48,), (103,), (600,), (3010,)]


def conv_net():
    """Convolutions, pools and their gradients by the number of images."""
    f = export_programs.conv_net()[0]
    return f, lambda b: (_random(b, 3, 12, 11), np.arange(b) % 4), [(1,), (3,), (40,)]


def sequence():
    """A scan whose length and batch are open, trained through time."""
    x, t = gd.input("x", ("time", "batch", 3)), gd.input("t", ("batch", 6))
    W, U = (gd.parameter(n, value=_random(k, 6, seed=k, scale=0.3)) for n, k in (("W", 3), ("U", 6)))
    h, sums = gd.scan(lambda h, row: (gd.tanh(row @ W + h @ U), gd.sum(h)), gd.zeros((x.shape[1], 6)), x)
    loss = gd.mean(gd.square(h - t)) + gd.mean(sums)
    P = [W, U]
    updates = gd.optim.SGD(0.1, momentum=0.9).updates(P, gd.grad(loss, P))
    f = gd.compile([x, t], [loss, sums], updates=updates, name="sequence")
    return f, lambda t, b: (_random(t, b, 3), _random(b, 6, seed=1)), [(1, 1), (20, 4), (3, 40), (200, 3)]


def tables():
    """Sums along both axes, sorts, gathers and random numbers over three sizes."""
    x, at = gd.input("x", ("n", "m")), gd.input("at", ("k",), dtype="int64")
    key = gd.state("key", value=np.int64(3))
    best, _ = gd.topk(x, 2, axis=1)
    outs = [gd.sort(x, axis=0), gd.cumsum(x, axis=1), x[at], gd.var(x, axis=0), x @ x.T, gd.max(x, axis=0)]
    outs += [gd.nn.softmax(x), gd.random.uniform(key, (x.shape[0], x.shape[1]))]
    loss = gd.sum(best * best) + gd.sum(gd.square(outs[2])) + gd.sum(outs[3]) / x.shape[0]
    f = gd.compile([x, at], [loss, *outs, gd.grad(loss, x)], updates={key: key + 1}, name="tables")
    sizes = [(1, 2, 1), (10, 3, 7), (100, 64, 300), (5, 2000, 9)]
    return f, lambda n, m, k: (_random(n, m), np.arange(k) % n), sizes


def shapes():
    """Sizes made of others: slices, concatenations, reshapes; a loop in segments."""
    x = gd.input("x", ("n", 8))
    outs = [gd.concat([x[1:], x[:-1] * 2], axis=0), gd.reshape(x, (-1, 4)), x[::2], gd.flip(x, axis=0)]
    h, _ = gd.scan(lambda c, v: (gd.tanh(c * 0.5 + v), None), gd.zeros((8,)), x)
    loss = gd.sum(gd.exp(outs[0] * 0.1)) + gd.sum(outs[2] * outs[2]) + gd.sum(h) / x.shape[0]
    f = gd.compile([x], [loss, *outs, gd.grad(loss, x)], checkpoint="sqrt", name="shapes")
    return f, lambda n: (_random(n, 8),), [(1,), (2,), (50,), (1000,)]


PROGRAMS = {f.__name__: f for f in (mlp, conv_net, sequence, tables, shapes)}


def differences(name, folder, flags):
    """What differs, as texts."""
    f, feed, sizes = PROGRAMS[name]()
    made = Exported(f, folder, name, flags, sized=True)
    out, start = [], [p.value.copy() for p in f.parameters]
    for at in sizes:
        made.sizes = dict(zip(f._compiled.names, at))
        for p, mine, value in zip(f.parameters, made.params, start):
            p.value = value
            mine[...] = value
        status, got = made.call(*feed(*at))
        wanted = flat(f(*feed(*at)))
        pairs = [*zip(wanted, got), *((p.value, b) for p, b in zip(f.parameters, made.params))]
        wrong = [n for n, (a, b) in enumerate(pairs) if np.asarray(a).tobytes() != b.tobytes()]
        if status != 0 or wrong:
            out.append(f"{name} at {at}: {made.text(status).decode()}, results {wrong} differ")
        arena = f.plan_for(**made.sizes).arena_bytes
        if made.work_bytes > arena:
            out.append(f"{name} at {at}: {made.work_bytes} bytes of work, the plan has {arena}")
    return out


if __name__ == "__main__":
    flags = [a for a in sys.argv[1:] if a.startswith("-")] or ["-O1"]
    found = []
    for program in [a for a in sys.argv[1:] if not a.startswith("-")] or list(PROGRAMS):
        with tempfile.TemporaryDirectory() as room:
            found += differences(program, Path(room), " ".join(flags))
    print("\n".join(found))
    sys.exit(bool(found))
