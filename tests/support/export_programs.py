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
    waves = gd.cos(x)  # read by a sum in the pass that writes over it
    outs += [gd.logsumexp(waves, axis=2), gd.mean(waves, axis=2)]
    z, a = gd.input("z", (60, 90, 30)), gd.input("a", (90, 1))  # whole tiles are summed before their rows are folded
    outs += [gd.sum(gd.nn.relu(z * a), axis=(0, 2)), gd.max(z - a, axis=(0, 2)), gd.sum(z, axis=(0, 2))]
    f = gd.compile([x, y, n, z, a], outs, name="reductions")
    n_fed = np.random.default_rng(0).integers(-50, 50, (40, 50))
    return f, (_random(3, 5, 700), _random(70000, seed=1), n_fed, _random(60, 90, 30), _random(90, 1, seed=2)), {}, 1


def rows_across():
    """Rows that do not lie along the last axis: columns within a tile, in parts, one step or several at a time, of a
    last one alone, and rows of several axes, walked once or more; forward and gradients."""

    def standard(x, axes):
        centred = x - gd.mean(x, axis=axes, keepdims=True)
        return centred * gd.rsqrt(gd.mean(centred * centred, axis=axes, keepdims=True) + 1e-5)

    shapes = ((3, 7, 40), (4, 20, 145), (2, 900, 20), (2, 300, 400), (6, 4, 9), (40, 3, 90), (9, 257), (2, 3, 4, 5, 18))
    axes = ((1,), (1,), (1,), (1,), (0, 1), (0, 2), (0,), (1, 3))
    inputs, outs, feeds = [], [], []
    for i, (shape, a) in enumerate(zip(shapes, axes)):
        x = gd.input(f"x{i}", shape, dtype="float64" if i % 2 else "float32")
        inputs.append(x)
        feeds.append(_random(*shape, seed=i, dtype=str(x.dtype)))
        y = standard(x, a) + x / (1 + gd.max(x, axis=a, keepdims=True))
        outs += [y, gd.grad(gd.sum(gd.sin(y)), x)]
        if len(a) == 1:
            z = gd.nn.softmax(x, axis=a[0])
            outs += [z, gd.grad(gd.sum(z * z), x)]
    return gd.compile(inputs, outs, name="rows_across"), feeds, {}, 1


def lstm():
    """A recurrence by scan, trained through time."""
    x, t = gd.input("x", (20, 4, 3)), gd.input("t", (4, 6))
    W, U = (
        gd.parameter("W", value=_random(3, 24, scale=0.3)),
        gd.parameter("U", value=_random(6, 24, seed=1, scale=0.3)),
    )
    b = gd.parameter("b", value=_random(24, seed=2, scale=0.1))

    def step(carry, row):
        h, c = carry
        i, f, o, g = gd.split(row @ W + h @ U + b, 4, axis=1)
        c = gd.nn.sigmoid(f) * c + gd.nn.sigmoid(i) * gd.tanh(g)
        h = gd.nn.sigmoid(o) * gd.tanh(c)
        return (h, c), gd.sum(h)

    zero = gd.zeros((4, 6))
    (h, _), sums = gd.scan(step, (zero, zero), x)
    loss = gd.mean(gd.square(h - t)) + 0.01 * gd.mean(sums)
    P = [W, U, b]
    f = gd.compile(
        [x, t], [loss, sums], updates=gd.optim.SGD(0.1, momentum=0.9).updates(P, gd.grad(loss, P)), name="lstm"
    )
    return f, (_random(20, 4, 3, seed=3), _random(4, 6, seed=4)), {}, 5


def loops():
    """A while loop, a branch each way, a scan in reverse and a map."""
    x, n = gd.input("x", (6,), dtype="float64"), gd.input("n", (), dtype="int64")
    grown, steps = gd.while_loop(
        lambda s: gd.sum(s[0]) < 50.0, lambda s: (s[0] * 1.5, s[1] + 1), (gd.abs(x) + 1, n), 40
    )
    chosen = gd.cond(n > 3, lambda a: gd.sin(a), lambda a: a * a, x)
    other = gd.cond(n < 3, lambda a: gd.exp(a), lambda a: a - 1, x)
    total, rows = gd.scan(lambda c, v: (c * 0.5 + v, c * v), 0.0, x, reverse=True)
    squares = gd.map(lambda v: v * v + total, x)
    loss = gd.sum(grown) + gd.sum(chosen) + gd.sum(rows) + gd.sum(squares * other)
    f = gd.compile([x, n], [loss, steps, chosen, other, rows, squares, gd.grad(loss, x)], name="loops")
    return f, (_random(6, dtype="float64"), np.int64(5)), {}, 1


def checkpointed():
    """A scan and a chain whose forward values are computed again."""
    x = gd.input("x", (30, 8))
    W = gd.parameter("W", value=_random(8, 8, scale=0.3))
    h, _ = gd.scan(lambda c, v: (gd.tanh(c @ W + v), None), gd.zeros((8,)), x)
    for _ in range(6):
        h = gd.tanh(h @ W)
    loss = gd.sum(h * h)
    f = gd.compile([x], loss, updates={W: W - 0.1 * gd.grad(loss, W)}, checkpoint="sqrt", name="checkpointed")
    return f, (_random(30, 8, seed=1),), {}, 3


def memory_limited():
    """A deep chain in less memory than keeping all takes."""
    x = gd.input("x", ("batch", 32))
    Ws = [gd.parameter(f"W{i}", value=_random(32, 32, seed=i, scale=0.2)) for i in range(10)]
    h = x
    for W in Ws:
        h = gd.tanh(h @ W)
    loss = gd.sum(h * h)
    updates = {W: W - 0.01 * g for W, g in zip(Ws, gd.grad(loss, Ws))}
    whole = gd.compile([x], loss, updates=updates)
    limit = whole.plan_for(batch=40).arena_bytes * 3 // 4
    f = gd.compile([x], loss, updates=updates, memory_limit=limit, name="memory_limited")
    return f, (_random(40, 32, seed=20),), {"batch": 40}, 2


def gather_scatter():
    """Indexing along an axis and of rows, its derivative, and additions by index."""
    x = gd.input("x", (30, 5))
    idx, at = gd.input("idx", (50,), dtype="int64"), gd.input("at", (30, 2), dtype="int32")
    E = gd.parameter("E", value=_random(12, 5))
    rows = E[gd.remainder(idx, 12)]
    picked = gd.take_along_axis(x, at, axis=1)
    added = gd.scatter_add(gd.zeros((30, 5)), idx, rows)
    loss = gd.sum(gd.square(rows)) + gd.sum(gd.exp(picked)) + gd.sum(gd.square(added) * x)
    grads = gd.grad(loss, [x, E])
    f = gd.compile([x, idx, at], [loss, added, *grads], updates={E: E - 0.1 * grads[1]}, name="gather")
    rng = np.random.default_rng(0)
    return f, (_random(30, 5, seed=1), rng.integers(-30, 30, 50), rng.integers(0, 5, (30, 2), dtype=np.int32)), {}, 2


def sorting():
    """Sorting, the largest of each row, extremes' places and running sums, with derivatives."""
    x, n = gd.input("x", (7, 60)), gd.input("n", (90,), dtype="int32")
    values, places = gd.topk(x, 5)
    loss = gd.sum(values * values) + gd.sum(gd.sort(x, axis=0) * x) + gd.sum(gd.square(gd.cumsum(x, axis=1)))
    outs = [values, places, gd.argsort(x), gd.sort(n), gd.argmax(x, axis=1), gd.argmin(x), gd.cumprod(x, axis=0)]
    f = gd.compile([x, n], [loss, *outs, gd.cummax(x, axis=1), gd.grad(loss, x)], name="sorting")
    return f, (_random(7, 60), np.random.default_rng(0).integers(-9, 9, 90, dtype=np.int32)), {}, 1


def searching():
    """Bisection, quantiles, segments and elements set at indices."""
    x, edges = gd.input("x", (9,)), gd.input("edges", (4,), "float64")
    i, k = gd.input("i", (9,), "int32"), gd.input("k", (9,), "int64")
    wide = x.astype("float64")
    outs = [
        gd.histogram(wide, edges),
        gd.interp(wide, edges, edges * edges),
        gd.median(x),
        gd.quantile(x, [0.1, 0.8]),
        gd.segment_max(x, i, 4),
        gd.segment_max(k, i, 4),
        x.at[i].mul(x),
        x.at[i].set(2 * x),
        gd.grad(gd.sum(x.at[i].min(x * x - 1)), x),
        *gd.fft.rfft(x),
        *gd.fft.rfft(wide, n=17),
        gd.fft.irfft((x, wide.astype("float32")), n=12),
    ]
    f = gd.compile([x, edges, i, k], outs, name="searching")
    index = np.random.default_rng(4).integers(0, 4, 9)
    feeds = [_random(9), np.array([-1.0, 0.0, 0.5, 2.0]), index.astype("int32"), index[::-1].copy()]
    return f, feeds, {}, 1


def random_numbers():
    """Random numbers of every kind, a state advanced by each call."""
    key = gd.state("key", value=np.int64(7))
    x = gd.input("x", (40, 50))
    outs = [
        gd.random.uniform(key, (1000,)),
        gd.random.uniform(key + 1, (333,), dtype="float64"),
        gd.random.normal(key + 2, (257,)),
        gd.random.bernoulli(key + 3, 0.3, (100,)),
        gd.random.randint(key + 4, (200,), -5, 17),
        gd.nn.dropout(x, 0.4, key=key + 5),
    ]
    f = gd.compile([x], outs, updates={key: key + 6}, name="random_numbers")
    return f, (_random(40, 50),), {}, 3


def conv_net():
    """Convolutions of every kind of stride, padding and group, pooled, trained."""
    x, t = gd.input("x", ("batch", 3, 12, 11)), gd.input("t", ("batch",), dtype="int64")
    K1 = gd.parameter("K1", value=_random(8, 3, 3, 3, scale=0.3))
    b1 = gd.parameter("b1", value=_random(8, seed=1))
    K2 = gd.parameter("K2", value=_random(8, 4, 3, 2, seed=2, scale=0.3))
    W = gd.parameter("W", value=_random(8, 4, seed=3))
    D = gd.parameter("D", value=_random(6, 1, 3, 3, seed=5, scale=0.3))  # two results of each channel: rows are lanes
    x0 = gd.nn.conv2d(x, D, padding=1, groups=3)[:, ::2]
    h = gd.nn.max_pool2d(gd.nn.relu(gd.nn.conv2d(x0, K1, b1, padding=1)), 2)
    h = gd.tanh(gd.nn.conv2d(h, K2, stride=2, padding=1, groups=2))
    h = gd.mean(gd.nn.avg_pool2d(h, 2, stride=1, padding=1), axis=(2, 3))
    loss = gd.nn.cross_entropy(h @ W, t)
    P = [K1, b1, K2, W, D]
    updates = gd.optim.SGD(0.1).updates(P, gd.grad(loss, P))
    f = gd.compile([x, t], [loss, gd.grad(loss, x)], updates=updates, name="conv_net")
    return f, (_random(5, 3, 12, 11, seed=4), np.arange(5) % 4), {"batch": 5}, 4


def attention():
    """Causal attention and attention with a mask, trained."""
    x = gd.input("x", (2, 40, 16))
    keep = gd.input("keep", (40, 40), dtype="bool")
    P = [gd.parameter(n, value=_random(16, 16, seed=i, scale=0.3)) for i, n in enumerate(("Q", "K", "V", "O"))]
    heads = [gd.permute_dims(gd.reshape(x @ p, (2, 40, 2, 8)), (0, 2, 1, 3)) for p in P[:3]]
    a = gd.nn.scaled_dot_product_attention(*heads, is_causal=True)
    b = gd.nn.scaled_dot_product_attention(*heads, attn_mask=keep)
    y = gd.reshape(gd.permute_dims(a + b, (0, 2, 1, 3)), (2, 40, 16)) @ P[3]
    loss = gd.mean(gd.square(gd.nn.layer_norm(y) - x))
    f = gd.compile([x, keep], loss, updates=gd.optim.Adam(0.01).updates(P, gd.grad(loss, P)), name="attention")
    keep_fed = np.random.default_rng(9).random((40, 40)) < 0.7
    return f, (_random(2, 40, 16, seed=8), keep_fed), {}, 3


def large_products():
    """Products cut into parts in each of the ways there are, factors by rows and by columns."""
    inputs, outs, feeds = [], [], []
    for i, (m, k, n) in enumerate([(600, 500, 70), (40, 300, 400), (66, 60, 1000), (1, 2000, 1100), (1100, 2000, 1)]):
        for turned in (False, True):
            shapes = (k, m) if turned and n > 1 else (m, k), (n, k) if not turned and m > 1 else (k, n)
            a, b = (gd.input(f"{name}{i}{turned}", s) for name, s in zip("ab", shapes))
            left = gd.matrix_transpose(a) if a.shape != (m, k) else a
            outs.append(left @ (gd.matrix_transpose(b) if b.shape != (k, n) else b))
            inputs += [a, b]
            feeds += [_random(*s, seed=10 * i + j) for j, s in enumerate(shapes)]
    return gd.compile(inputs, outs, name="large_products"), feeds, {}, 1


def linear_algebra():
    """Factorisations, solves and determinants of batches, with derivatives; needs LAPACK in Python."""
    a, b, t = (gd.input(n, s, dtype="float64") for n, s in (("a", (3, 5, 5)), ("b", (3, 5, 2)), ("t", (2, 7, 4))))
    s = a @ gd.matrix_transpose(a) + np.eye(5)
    lower = gd.linalg.cholesky(s)
    x, y = gd.linalg.solve(a, b), gd.linalg.solve_triangular(lower, b, lower=True)
    q, r = gd.linalg.qr(t)
    w, v = gd.linalg.eigh(s)
    u, sv, vh = gd.linalg.svd(t, full_matrices=False)
    u2, sv2, vh2 = gd.linalg.svd(gd.matrix_transpose(t), full_matrices=True)
    again = [(v * gd.expand_dims(gd.sqrt(w), 1)) @ gd.matrix_transpose(v), (u * gd.expand_dims(sv, 1)) @ vh]
    whole = [u2 @ gd.matrix_transpose(u2), vh2 @ gd.matrix_transpose(vh2)]  # signs of single vectors are free
    outs = [lower, x, y, q, r, gd.linalg.inv(a), gd.linalg.det(a), *gd.linalg.slogdet(a), w, sv, sv2, *again]
    loss = gd.sum(sv * sv)
    for term in (lower, x * x, y, q * 1.5, gd.square(r), outs[5], outs[6], outs[8], again[0]):
        loss = loss + gd.sum(term)
    f = gd.compile([a, b, t], [loss, gd.grad(loss, a), gd.grad(loss, t), *outs, *whole], name="linear_algebra")
    feeds = [_random(*shape, seed=i, dtype="float64") for i, shape in enumerate(((3, 5, 5), (3, 5, 2), (2, 7, 4)))]
    return f, feeds, {}, 1


WITHOUT_BITS = {"linear_algebra": linear_algebra}  # its C has routines of its own
PROGRAMS = {
    f.__name__: f
    for f in (
        mlp,
        black_scholes,
        gaussian_mixture,
        reductions,
        rows_across,
        lstm,
        loops,
        checkpointed,
        memory_limited,
        gather_scatter,
        sorting,
        searching,
        random_numbers,
        conv_net,
        attention,
        large_products,
    )
}


def differences(name, folder, flags="-O2", cc=None):
    """What a program's C gives otherwise than its function: texts; and the export."""
    function, feeds, sizes, calls = {**PROGRAMS, **WITHOUT_BITS}[name]()
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
