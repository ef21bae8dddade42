"""What is saved and loaded, pickled or parsed runs the same instructions at the same places and gives the same bits."""

import copy
import os
import pickle

import numpy as np
import pytest
from fuzz_graphs import flat, instructions

import graphdiff as gd
from graphdiff.ir.text import literal

FILE = os.path.basename(__file__)


def mlp():
    x, t = gd.input("x", ("batch", 8)), gd.input("t", ("batch",), "int64")
    w1, w2 = (gd.parameter(n, shape=s, init=gd.init.he_normal(seed=0)) for n, s in (("w1", (8, 9)), ("w2", (9, 3))))
    logits = gd.nn.gelu(x @ w1) @ w2
    loss = gd.nn.cross_entropy(logits, t)
    updates = gd.optim.Adam(1e-2).updates([w1, w2], gd.grad(loss, [w1, w2]))
    gd.monitor(gd.max(logits), "largest")
    rng = np.random.default_rng(0)
    return [x, t], [loss, logits], updates, [rng.normal(size=(5, 8)).astype("f4"), rng.integers(0, 3, 5)]


def loops():
    x, w = gd.input("x", (6, 3)), gd.parameter("w", np.eye(3, dtype=np.float32) * 0.5)

    def step(h, row):
        h = gd.cond(gd.sum(row) > 0, gd.tanh, lambda v: v * 0.5, h @ w + row)
        return h, gd.sum(h * h)

    h, ys = gd.scan(step, gd.zeros(3), x)
    loss = gd.sum(ys) + gd.logsumexp(h)
    g = gd.grad(loss, w)
    return [x], [loss, g], {w: w - 0.1 * g}, [np.random.default_rng(1).normal(size=(6, 3)).astype("f4")]


def attention():
    q = gd.input("q", (2, 4, 6, 8))
    y = gd.nn.scaled_dot_product_attention(q, q * 1.5, gd.tanh(q), is_causal=True)
    return [q], [y, gd.grad(gd.mean(y), q)], {}, [np.random.default_rng(2).normal(size=(2, 4, 6, 8)).astype("f4")]


def convolution():
    x, w = gd.input("x", ("n", 2, 9, 9)), gd.parameter("w", np.full((4, 2, 3, 3), 0.1, np.float32))
    n = gd.state("n", np.int64(0))
    h = gd.nn.max_pool2d(gd.nn.relu(gd.nn.conv2d(x, w, padding=1)), 2)
    h = gd.nn.dropout(gd.nn.batch_norm(h, training=True), 0.2, key=n)
    loss = gd.mean(h * h) + 0.01 * gd.sum(w * w)
    g = gd.grad(loss, w)
    return [x], [loss], {w: w - g, n: n + 1}, [np.random.default_rng(3).normal(size=(3, 2, 9, 9)).astype("f4")]


def second_order():
    x = gd.input("x", (7,), "float64")
    loss = gd.sum(gd.log(gd.nn.sigmoid(x)) * gd.sin(x))
    return [x], [gd.hessian(loss, x), gd.hvp(loss, x, gd.cos(x))], {}, [np.linspace(-3, 3, 7)]


OPTIONS = [
    {},
    {"checkpoint": "sqrt"},
    {"checkpoint": gd.Every(3)},
    {"memory_limit": "6kB", "costs": "nominal", "plan_seconds": 0.1},
    {"debug": "nan"},
]


@pytest.mark.parametrize("options", OPTIONS, ids=lambda o: "-".join(map(str, o)) or "plain")
@pytest.mark.parametrize("model", [mlp, loops, attention, convolution, second_order])
def test_the_same_instructions_places_and_bits(model, options, tmp_path):
    inputs, outputs, updates, feed = model()
    if "memory_limit" in options and model in (attention, convolution):
        options = {**options, "memory_limit": "50kB"}
    f = gd.compile(inputs, outputs, updates, **options)
    f(*feed)
    f.save(tmp_path / "f.gd")
    values = {p.name: p.value.copy() for p in f.parameters}
    text = str(f.graph)
    again = [gd.load(tmp_path / "f.gd"), pickle.loads(pickle.dumps(f)), copy.deepcopy(f)]
    again.append(gd.compile(gd.parse(text), parameters=values, **options))
    wanted = [f(*feed), f(*feed)]
    for g in again:
        assert str(g.graph) == text
        for y in wanted:
            results = g(*feed)
            results = results[: len(outputs)] if isinstance(results, list) else [results]
            assert [a.tobytes() for a in flat(results)] == [a.tobytes() for a in flat(y)]
        assert [p.value.tobytes() for p in g.parameters] == [p.value.tobytes() for p in f.parameters]
        assert instructions(g) == instructions(f)
    for g in again[:3]:  # which know where leaves were made, too
        assert str(g.plan) == str(f.plan)
        assert [v.node.source for v in g.graph.inputs] == [v.node.source._replace(file=FILE) for v in f.graph.inputs]
    gd.load(tmp_path / "f.gd").save(tmp_path / "g.gd")
    assert (tmp_path / "g.gd").read_bytes() == (tmp_path / "f.gd").read_bytes()


def test_checkpoints_by_tensors_are_kept(tmp_path):
    x = gd.input("x", (8, 8))
    ys = [x]
    for _ in range(9):
        ys.append(gd.sin(ys[-1]) @ ys[-1])
    f = gd.compile([x], gd.grad(gd.sum(ys[-1]), x), checkpoint=[ys[3], ys[6]])
    f.save(tmp_path / "f.gd")
    g = gd.load(tmp_path / "f.gd")
    assert instructions(f) == instructions(g) and f.plan.recompute_flops == g.plan.recompute_flops > 0


@pytest.mark.parametrize("bits", [0x7FF8000000000000, 0xFFF8000000000000, 0x7FF8000000000123, 0xFFF0000000000001])
def test_every_nan_reads_back(bits):
    nan = np.array(bits, np.uint64).view(np.float64)
    x = gd.input("x", (2,), "float64")
    many = np.full(40, nan)
    f = gd.compile([x], [x * 1.0, gd.constant(nan), gd.constant(many), gd.constant([1.0, nan], dtype="float64")])
    results = f(np.ones(2))
    parsed = gd.compile(gd.parse(str(f.graph)))(np.ones(2))
    assert [a.tobytes() for a in parsed] == [a.tobytes() for a in results]
    assert results[1].tobytes() == nan.tobytes()
    assert ("base64" in literal(nan)) == (nan.tobytes() != np.float64(np.nan).tobytes())


def test_a_scope_file_or_name_takes_nobody_away_from_its_forward_node():
    """Where a comment could not be read, the node was no adjoint any more, and its phase another."""
    for odd in ("a (b", "in x:3", 'say "x"', "a\nb", " ", "x)"):
        with gd.name_scope(odd):
            x = gd.input(odd, (3,))
            y = gd.compile([x], gd.grad(gd.sum(gd.tanh(x * 2.0)), x))
        graph = gd.parse(str(y.graph))
        assert [n.origin is None for n in graph.nodes] == [n.origin is None for n in y.graph.nodes]
        assert str(graph) == str(y.graph)
