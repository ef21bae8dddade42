"""Compiled functions inside Numba's, beside themselves called from Python."""

import ctypes

import numpy as np
import pytest

import graphdiff as gd

numba = pytest.importorskip("numba")
from scipy import LowLevelCallable  # noqa: E402
from scipy.integrate import quad  # noqa: E402

from graphdiff.interop import numba as bridge  # noqa: E402


def quadratic():
    x, k = gd.input("x", ("n",), dtype="float64"), gd.input("k", (), dtype="float64")
    y = gd.sum(gd.sin(x) * k)
    return gd.compile([x, k], [y, gd.grad(y, x)])


def test_a_function_is_called_inside_njit_and_writes_where_it_is_told():
    f = quadratic()
    g = bridge.function(f, n=4)

    @numba.njit
    def descend(x, steps):
        value, slope = np.empty(()), np.empty(4)
        for _ in range(steps):
            g(x, 2.0, value, slope)
            x -= 0.1 * slope
        return value[()]

    x, y = np.linspace(0, 1, 4), np.linspace(0, 1, 4)
    got = descend(x, 5)
    for _ in range(5):
        value, slope = f(y, 2.0)
        y -= 0.1 * slope
    assert got == value and (x == y).all()


def test_calls_in_prange_do_not_mix():
    g = bridge.function(quadratic(), n=50)

    @numba.njit(parallel=True)
    def all_of(xs, values, slopes):
        for k in numba.prange(len(xs)):
            g(xs[k], 1.0, values[k : k + 1].reshape(()), slopes[k])

    xs = np.random.default_rng(0).normal(size=(300, 50))
    values, slopes = np.empty(300), np.empty((300, 50))
    all_of(xs, values, slopes)
    f = quadratic()
    for k in range(300):
        value, slope = f(xs[k], 1.0)
        assert values[k] == value and (slopes[k] == slope).all()


def test_what_does_not_fit_is_told():
    g = bridge.function(quadratic(), n=4)
    value, slope = np.empty(()), np.empty(4)
    with pytest.raises(ValueError, match=r"x0 has not the shape of x: f64\[n\], \(4,\)"):
        g(np.zeros(5), 1.0, value, slope)
    with pytest.raises(numba.core.errors.TypingError, match=r"input x: f64\[n\] is a contiguous array"):
        g(np.zeros(4, np.float32), 1.0, value, slope)
    with pytest.raises(gd.FeedError, match="the size n is missing"):
        bridge.function(quadratic())
    x, i = gd.input("x", (3,), dtype="float64"), gd.input("i", (), dtype="int64")
    h = bridge.function(gd.compile([x, i], x[i]))
    h(np.zeros(3), 2, value)
    with pytest.raises(RuntimeError, match="fault"):
        h(np.zeros(3), 3, value)
    assert "index 3 is out of range" in str(h.entry.fault())


def test_no_file_is_cached(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    g = bridge.function(quadratic(), n=4)

    def calls(x, value, slope):
        g(x, 1.0, value, slope)

    with pytest.warns(numba.NumbaWarning, match="dynamic globals"):
        numba.njit(calls, cache=True)(np.zeros(4), np.empty(()), np.empty(4))


def test_cfuncs_of_numbers_and_pointers():
    x = gd.input("x", (), dtype="float64")
    f = gd.compile([x], gd.exp(gd.sin(3 * x)))
    c = bridge.cfunc(f, "float64(float64)")
    assert quad(LowLevelCallable(c.ctypes), 0, 2) == quad(f, 0, 2)

    t, u, p = (gd.input(n, s, dtype="float64") for n, s in (("t", ()), ("u", (2,)), ("p", (1,))))
    ode = gd.compile([t, u, p], gd.stack([u[1], -p[0] * u[0] * t]))
    pointer = numba.types.CPointer(numba.float64)
    lsoda = bridge.cfunc(ode, numba.void(numba.float64, pointer, pointer, pointer), ["t", "u", 0, "p"])
    at, slope, given = np.array([3.0, 4.0]), np.empty(2), np.array([2.0])
    doubles = [a.ctypes.data_as(ctypes.POINTER(ctypes.c_double)) for a in (at, slope, given)]
    lsoda.ctypes(0.5, *doubles)
    assert (slope == [4.0, -3.0]).all()
    with pytest.raises(gd.GraphError, match="has no place for each of inputs t, u, p and 1 outputs"):
        bridge.cfunc(ode, "float64(float64)")

    i = gd.input("i", (), dtype="int64")
    at = bridge.cfunc(gd.compile([i], gd.constant(np.arange(3.0))[i]), "float64(int64)")
    assert at.ctypes(2) == 2 and np.isnan(at.ctypes(3)) and "index 3" in str(at.entry.fault())
