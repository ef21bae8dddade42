"""Checks of leaves hold where bridges put other values in their place."""

import ctypes

import numpy as np
import pytest

import graphdiff as gd


@pytest.fixture
def graph():
    x, w = gd.input("x", (3,), "float64"), gd.parameter("w", value=np.ones(3))
    gd.check(gd.all(x > 0), "x must be positive")
    gd.check(gd.all(x * w < 10), "x * w is large")
    return x, w, gd.sum(gd.log(x) * w)


GOOD, BAD = (
    np.array([1.0, 2, 3]),
    ((np.array([1.0, -2, 3]), "x must be positive"), (np.array([1.0, 20, 3]), "is large")),
)


def test_of_scipy(graph):
    x, _, y = graph
    p = gd.interop.scipy.problem(-y, x)
    assert p.fun(GOOD)[0] == pytest.approx(-np.log(6))
    for z, told in BAD:
        with pytest.raises(gd.FeedError, match=told):
            p.fun(z)
    t = gd.input("t", (3,), "float64")
    gd.check(gd.all(t > x), "t is too small")  # of a leaf in the vector and of data
    p = gd.interop.scipy.problem(gd.sum(gd.square(t - x)), x, data={t: np.array([4.0, 5, 6])})
    assert p.fun(GOOD)[0] == 27
    with pytest.raises(gd.FeedError, match="t is too small"):
        p.fun(np.array([1.0, 2, 9]))


def test_of_torch(graph):
    torch = pytest.importorskip("torch")
    x, w, y = graph
    f, ones = gd.interop.torch.function([x, w], y), torch.ones(3, dtype=torch.float64)
    assert float(f(torch.from_numpy(GOOD), ones)) == pytest.approx(np.log(6))
    for z, told in BAD:
        for given in (z, np.stack([GOOD, z])):
            call = f if given.ndim == 1 else torch.vmap(f, in_dims=(0, None))
            with pytest.raises(gd.FeedError, match=told):
                call(torch.from_numpy(given), ones)


def test_of_jax(graph):
    jax = pytest.importorskip("jax")
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    try:
        x, _, y = graph
        f = gd.interop.jax.function([x], y)
        assert float(f(GOOD)) == pytest.approx(np.log(6))
        for z, _ in BAD:
            for call, given in ((f, z), (jax.grad(f), z), (jax.vmap(f), np.stack([GOOD, z]))):
                with pytest.raises((ValueError, RuntimeError), match="a check failed"):
                    jax.block_until_ready(call(given))
    finally:
        jax.config.update("jax_enable_x64", before)


def test_of_nutpie():
    pytest.importorskip("nutpie")
    q, w = gd.parameter("q", value=GOOD), gd.parameter("w", value=np.ones(3))
    gd.check(gd.all(q * w > 0), "q must be positive")
    pointer, data = held = gd.interop.nutpie.pointer(gd.sum(gd.log(q) * w), q)
    numbers, p = np.ctypeslib.ndpointer(np.float64), ctypes.c_void_p
    call = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_uint64, numbers, numbers, numbers, p)(pointer)
    value, slope = np.empty(1), np.empty(3)
    assert call(3, GOOD, slope, value, data) == 0 and value[0] == pytest.approx(np.log(6))
    assert call(3, BAD[0][0], slope, value, data) != 0 and held
