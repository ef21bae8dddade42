"""Graphs as operations of PyTensor's, beside its own."""

import pickle

import numpy as np
import pytest

import graphdiff as gd

pytensor = pytest.importorskip("pytensor")
pytest.importorskip("jax")
import pytensor.tensor as pt  # noqa: E402

from graphdiff.interop.pytensor import op  # noqa: E402

A = np.random.default_rng(0).normal(size=(4, 3))
X = np.array([0.3, -0.7, 1.1])


def graph(size=3):
    x, k = gd.input("x", (size,), "float64"), gd.input("k", (), "int64")
    w = gd.parameter("w", value=A)
    y = gd.sum(w[:, :1]) * x if size == "n" else w @ x
    return op([x, k], {"y": gd.tanh(y) * gd.astype(k, "float64"), "k": k + 1})


def theirs(x, k):
    return pt.tanh(pt.dot(A, x)) * k


@pytest.mark.parametrize("mode", ["CVM", "NUMBA", "JAX"])
def test_values_and_derivatives(mode):
    x, k = pt.vector("x", shape=(3,)), pt.scalar("k", dtype="int64")
    found = []
    for make in (lambda x, k: graph()(x, k)["y"], theirs):
        y = make(x, k)
        loss = pt.sum(y**2)
        slope = pytensor.grad(loss, x)
        curved = pytensor.grad(pt.sum(slope**2), x)
        outputs = [y, slope, curved]
        if mode == "CVM":
            outputs += [pytensor.gradient.Rop(y, x, x * 2), pytensor.gradient.Rop(slope, x, x)]
        found.append(pytensor.function([x, k], outputs, mode=mode)(X, 3))
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)


def test_named_sizes_shapes_and_pickles():
    x, k = pt.vector("x"), pt.scalar("k", dtype="int64")
    y = graph("n")(x, k)["y"]
    assert y.type.shape == (None,)
    for mode in ("CVM", "NUMBA"):
        f = pytensor.function([x, k], [y, pytensor.grad(pt.sum(y), x), y.shape[0]], mode=mode)
        for n in (3, 5):
            a, g, size = f(np.ones(n), 2)
            np.testing.assert_allclose(a, np.tanh(A[:, 0].sum()) * 2 * np.ones(n))
            assert size == n and g.shape == (n,)
    only = pytensor.function([x, k], y.shape[0], on_unused_input="ignore")
    assert not any("pytensor_op" in str(n.op) for n in only.maker.fgraph.apply_nodes)
    again = pickle.loads(pickle.dumps(f))
    np.testing.assert_allclose(again(np.ones(3), 2)[0], f(np.ones(3), 2)[0])


def test_what_does_not_fit_is_told():
    f, x, k = graph(), pt.vector("x"), pt.scalar("k", dtype="int64")
    for call, kind, told in (
        (lambda: f(x), gd.FeedError, "2 inputs, got 1"),
        (lambda: f(pt.matrix("m"), k), gd.FeedError, "x has 1 dimensions, got 2"),
        (lambda: f(x, pt.scalar("k")), gd.DTypeError, "k is int64, got float64"),
        (lambda: f(pt.vector("x", shape=(4,)), k), gd.FeedError, r"x has shape \(3,\), got \(4,\)"),
    ):
        with pytest.raises(kind, match=told):
            call()
    assert str(f(x, k)["y"].owner.op) == "pytensor_op"
    with pytest.raises(gd.FeedError, match=r"x has shape .3,., got .4,."):
        pytensor.function([x, k], f(x, k)["y"])(np.ones(4), 1)
