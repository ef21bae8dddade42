"""The programs that exported C is held to: each a function, its feeds, its sizes and how often it is called.

Run as a script it exports every program named on the command line (all without one), compiles it and compares results
and parameters with the function, bit by bit. Start it with GRAPHDIFF_ISA=plain GRAPHDIFF_BLAS=off: those are its bits.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
from exported import Exported, flat

import graphdiff as gd


def _random(*shape, seed=0, scale=1.0, dtype="float32"):
    return (np.random.default_rng(seed).standard_normal(shape) * scale).astype(dtype)


def mlp():
    """A perceptron of 30-16-5 trained by Adam."""
    x, t = gd.input("x", ("batch", 30)), gd.input("t", ("batch",), dtype="int64")
    P = [
        gd.parameter("W1", value=_random(30, 16, scale=0.2)),
        gd.parameter("b1", value=_random(16, seed=1)),
        gd.parameter("W2", value=_random(16, 5, seed=2, scale=0.3)),
        gd.parameter("b2", value=_random(5, seed=3)),
    ]
    loss = gd.nn.cross_entropy(gd.tanh(x @ P[0] + P[1]) @ P[2] + P[3], t)
    f = gd.compile([x, t], loss, updates=gd.optim.Adam(1e-2).updates(P, gd.grad(loss, P)), name="mlp")
    return f, (_random(12, 30, seed=4), np.arange(12) % 5), {"batch": 12}, 100


def black_scholes():
    """Prices of options and their derivatives by price, volatility and time."""
    s, k, v, t = (gd.input(n, (500,), dtype="float64") for n in ("s", "k", "v", "t"))
    d1 = (gd.log(s / k) + (0.02 + v * v / 2) * t) / (v * gd.sqrt(t))
    d2 = d1 - v * gd.sqrt(t)
    cdf = lambda z: 0.5 * (1 + gd.erf(z / np.sqrt(2.0)))  # noqa: E731
    price = s * cdf(d1) - k * gd.exp(-0.02 * t) * cdf(d2)
    f = gd.compile([s, k, v, t], [price, *gd.grad(gd.sum(price), [s, v, t])], name="black_scholes")
    rng = np.random.default_rng(0)
    return f, [rng.uniform(low, low + 1, 500) for low in (0.5, 0.6, 0.1, 0.2)], {}, 1


def gaussian_mixture():
    """The log-likelihood of a mixture and its gradients."""
    x = gd.input("x", (300, 3), dtype="float64")
    m = gd.parameter("m", value=_random(4, 3, dtype="float64"))
    s = gd.parameter("s", value=_random(4, 3, seed=1, scale=0.1, dtype="float64"))
    w = gd.parameter("w", value=_random(4, seed=2, dtype="float64"))
    z = (gd.expand_dims(x, 1) - m) * gd.exp(-s)
    each = -0.5 * gd.sum(z * z, axis=2) - gd.sum(s, axis=1) + gd.nn.log_softmax(w)
    loss = -gd.mean(gd.logsumexp(each, axis=1))
    grads = gd.grad(loss, [m, s, w])
    f = gd.compile([x], [loss, *grads], updates={m: m - 0.1 * grads[0], w: w - 0.1 * grads[2]}, name="gmm")
    return f, (_random(300, 3, seed=3, dtype="float64"),), {}, 3


def reductions():
    """Sums, products and extremes over every kind of axis, long and short, of rows and of columns."""
    x, y = gd.input("x", (3, 5, 700)), gd.input("y", (70000,))
    n = gd.input("n", (40, 50), dtype="int64")
    outs = [f(x, axis=a) for f in (gd.sum, gd.max, gd.prod) for a in (0, 1, 2, (0, 2), None)]
    outs += [gd.sum(y), gd.max(y), gd.mean(gd.exp(y * 0.01)), gd.sum(n, axis=0), gd.min(n, axis=1), gd.any(n > 40)]
    outs += [gd.nn.softmax(x), gd.logsumexp(x, axis=2), gd.var(gd.reshape(y, (14, 5000)), axis=1)]
    outs += [gd.nn.softmax(gd.reshape(y, (14, 5000)))]
    f = gd.compile([x, y, n], outs, name="reductions")
    n_fed = np.random.default_rng(0).integers(-50, 50, (40, 50))
    return f, (_random(3, 5, 700), _random(70000, seed=1), n_fed), {}, 1


PROGRAMS = {f.__name__: f for f in (mlp, black_scholes, gaussian_mixture, reductions)}


def differences(name, folder, flags="-O2", cc=None):
    """What a program's C gives otherwise than its function: texts; and the export."""
    function, feeds, sizes, calls = PROGRAMS[name]()
    made = Exported(function, folder, name, flags, cc, **sizes)
    for _ in range(calls):
        status, got = made.call(*feeds)
        want = flat(function(*feeds))
        assert status == 0, made.text(status)
    pairs = [(v.name or f"output {n}", a, b) for n, (v, a, b) in enumerate(zip(function.graph.outputs, want, got))]
    pairs += [(p.name, p.value, b) for p, b in zip(function.parameters, made.params)]
    out = []
    for label, a, b in pairs:
        if np.asarray(a).tobytes() != b.tobytes():
            out.append(f"{name} {flags}: {label} differs by {np.abs(a - b).max()} of {np.abs(a).max()}")
    return out, made


if __name__ == "__main__":
    flags = [a for a in sys.argv[1:] if a.startswith("-")] or ["-O2"]
    chosen = [a for a in sys.argv[1:] if not a.startswith("-")] or list(PROGRAMS)
    found = []
    for program in chosen:
        for flag in flags:
            with tempfile.TemporaryDirectory() as room:
                found += differences(program, Path(room), flag)[0]
    print("\n".join(found))
    sys.exit(bool(found))
