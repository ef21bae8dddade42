"""What is recorded of a graph: what a function of all values gives, however it is computed."""

import numpy as np
import pytest

import graphdiff as gd
from graphdiff.inspect import values
from graphdiff.ir.graph import Graph
from graphdiff.ir.node import topological


def deep(blocks=60):
    """A network of blocks alike, with sizes known at the call, several results a node, loops, constants and draws."""
    rng = np.random.default_rng(0)
    h = x = gd.input("x", ("n", 6))
    key, loss = gd.state("key", np.int64(5)), 0
    for k in range(blocks):
        W = gd.parameter(f"W{k}", rng.normal(0, 0.3, (6, 6)).astype(np.float32))
        a, b = gd.split(gd.tanh(h @ W), 2, axis=1)
        h = h + gd.concat([b * gd.constant(np.float32([1, k, 2])), a], axis=1)
        h = h - gd.mean(h, axis=0) + gd.broadcast_to(gd.mean(h), ("n", 6))
        loss = loss + gd.sum(gd.square(h) * gd.random.uniform(key + k, h.shape)) / x.shape[0]
    _, ys = gd.scan(lambda c, r: (c * 0.5 + r, c), h[0], h)
    return x, loss + gd.sum(ys)


@pytest.fixture
def compiled(monkeypatch):
    """How many functions were compiled to record."""
    made = []
    monkeypatch.setattr(values, "compile_", lambda *a: made.append(a) or gd.compile(*a))
    return made


def test_a_deep_graph_is_recorded_by_a_function_of_each_kind(compiled):
    x, loss = deep()
    params = [n.outputs[0] for n in topological([loss]) if n.op.name == "parameter"]
    gradients = gd.grad(loss, params)
    nodes = topological([loss, *gradients])
    held = [n.outputs[0] for n in nodes if n.op.name in ("parameter", "state")]
    wanted = [v for n in nodes for v in n.outputs if n.op.name not in ("input", "parameter", "state")]
    feed = {"x": np.random.default_rng(1).normal(size=(4, 6)).astype(np.float32)}
    found = values.record(Graph("deep", [x], [loss]), wanted, feed)
    assert len(wanted) > 2000 and 10 < len(compiled) < len(wanted) / 16
    assert dict(found.sizes) == {"n": 4}
    whole = gd.compile(Graph("deep", [x], wanted, (), held))(**feed)
    for v, expected in zip(wanted, whole, strict=True):
        got = found.arrays[v]
        assert got.dtype == expected.dtype and got.shape == expected.shape, v
        np.testing.assert_allclose(got, expected, rtol=2e-4, atol=1e-5 * (1 + np.abs(expected).max(initial=0)))


def test_graphs_that_repeat_little_and_watched_ones_are_recorded_by_one_function(compiled):
    x = gd.input("x", (3,))
    y = gd.exp(x)
    found = values.record(Graph("few", [x], [y]), [y], {"x": np.zeros(3, np.float32)})
    assert found.arrays[y].tolist() == [1, 1, 1] and len(compiled) == 1
    h = x
    for _ in range(40):
        h = gd.tanh(h)
    gd.check(x > 0, "x is positive")
    with pytest.raises(gd.FeedError, match="x is positive"):
        values.record(Graph("watched", [x], [h]), [h], {"x": np.zeros(3, np.float32)})
    assert len(compiled) == 2


def test_a_feed_that_does_not_fit_a_deep_graph_is_told():
    x, loss = deep()
    with pytest.raises(gd.FeedError, match="x has size 6 along axis 1"):
        values.record(Graph("deep", [x], [loss]), [loss], {"x": np.zeros((4, 5), np.float32)})
