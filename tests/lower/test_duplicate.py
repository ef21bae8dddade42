"""Which values are computed again where they are read: that bytes fall, and that no bit changes."""

import numpy as np
import pytest

import graphdiff as gd
from graphdiff.lower import select

RNG = np.random.default_rng(0)
X, W, B = (RNG.standard_normal(s).astype(np.float32) for s in ((16, 40), (40, 96), (96,)))


def network(activation):
    """The activation's argument, its result, and what of them is wanted; no sum that tiles would be cut for."""
    x = gd.input("x", X.shape)
    w, b = gd.parameter("W", W), gd.parameter("b", B)
    h = x @ w + b
    y = activation(h)
    return x, h, y, gd.grad(gd.sum(y @ y.T), [w, h])


def forward_writes(f, name):
    """What the instruction named after an operation of the forward pass stores."""
    (row,) = (r for r in f.plan.instructions if r.phase == "forward" and name in r.name)
    return [w.label for w in row.writes]


def written(f):
    return sum(w.bytes for row in f.plan.instructions for w in row.writes)


ACTIVATIONS = {
    "gelu tanh": lambda h: gd.nn.gelu(h, approximate="tanh"),
    "gelu": gd.nn.gelu,
    "silu": gd.nn.silu,
    "cube": lambda h: h * gd.square(h + 1) * (h - 2),
    "kinks": lambda h: gd.maximum(h * 2, 1 - h) * gd.where(h > 0, h, h * h),
    "chain": lambda h: gd.tanh(h * 3 + 1) * gd.square(h * 3 + 2) * (1 - h),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_bits_are_those_of_storing_and_fewer_bytes_are_written(name, monkeypatch):
    x, _h, y, grads = network(ACTIVATIONS[name])
    f = gd.compile([x], [y, *grads])
    monkeypatch.setattr(select, "duplicate_cheap", lambda *_: {})
    stores = gd.compile([x], [y, *grads])
    assert written(f) < written(stores)
    for got, wanted in zip(f(X), stores(X)):
        np.testing.assert_array_equal(got, wanted, strict=True)


def test_of_gelu_only_what_is_dear_is_stored(monkeypatch):
    repeated, duplicate_cheap = [], select.duplicate_cheap

    def watched(*args):
        found = duplicate_cheap(*args)
        repeated.extend(sorted(n.op.name for n in nodes) for nodes in found.values())
        return found

    monkeypatch.setattr(select, "duplicate_cheap", watched)
    x, _, _, grads = network(ACTIVATIONS["gelu tanh"])
    f = gd.compile([x], grads)
    assert forward_writes(f, "add+") == ["add", "multiply"]  # 1 + tanh, and y, which a product reads
    assert repeated == [["add", "add", "multiply", "multiply", "multiply", "multiply", "square"]]  # h, what tanh is of
    assert f.plan.recompute_flops == 0
    x, _h, _y, grads = network(lambda h: h * gd.tanh(h))
    assert forward_writes(gd.compile([x], grads), "add+") == ["tanh", "multiply"]


def test_a_value_of_two_that_are_not_read_otherwise_is_stored():
    a, b = gd.input("a", (40, 40)), gd.input("b", (40, 40))
    t = a @ b + b @ a
    u = gd.sin(t) @ b
    f = gd.compile([a, b], [gd.cos(u) * t, u])
    assert "add" in [w.label for row in f.plan.instructions for w in row.writes]  # for it two would be loaded
    p, q = W[:, :40] / 16, W[:, 40:80] / 16
    t0 = p @ q + q @ p
    np.testing.assert_allclose(f(p, q)[0], np.cos(np.sin(t0) @ q) * t0, rtol=1e-4, atol=1e-5)


def test_results_and_what_views_read_stay_stored():
    x, h, _y, grads = network(ACTIVATIONS["gelu tanh"])
    f = gd.compile([x], [h, *grads])
    np.testing.assert_allclose(f(X)[0], X @ W + B, rtol=1e-5, atol=1e-5)
    f = gd.compile([x], [gd.flip(h, axis=0) * 2, *grads])
    np.testing.assert_allclose(f(X)[0], (X @ W + B)[::-1] * 2, rtol=1e-5, atol=1e-5)


def test_keeping_what_is_not_stored_keeps_what_it_is_computed_of():
    x, h, _y, grads = network(ACTIVATIONS["gelu tanh"])
    everything = gd.compile([x], grads)
    f = gd.compile([x], grads, checkpoint=[h])
    assert [r.name for r in f.plan.instructions if r.phase == "recompute"] == [
        next(r.name for r in f.plan.instructions if r.phase == "forward" and "add" in [w.label for w in r.writes])
    ]
    nothing = gd.compile([x], grads, checkpoint=[])
    assert nothing.plan.recompute_flops > f.plan.recompute_flops > 0
    for policy in (f, nothing, gd.compile([x], grads, checkpoint="sqrt")):
        for got, wanted in zip(policy(X), everything(X)):
            np.testing.assert_array_equal(got, wanted, strict=True)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_the_same_bits_for_any_number_of_threads(threads):
    x, w = gd.input("x", (700, 40)), gd.parameter("W", W)
    b = gd.parameter("b", B)
    loss = gd.sum(gd.square(gd.nn.gelu(x @ w + b, approximate="tanh")))
    feed = RNG.standard_normal((700, 40)).astype(np.float32)
    one = gd.compile([x], gd.grad(loss, [w, b]), threads=1)(feed)
    for got, wanted in zip(gd.compile([x], gd.grad(loss, [w, b]), threads=threads)(feed), one):
        np.testing.assert_array_equal(got, wanted, strict=True)
