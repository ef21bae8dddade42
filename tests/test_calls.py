"""The call path: what calls take, calls from C, and functions on several threads of the caller's."""

import ctypes
import threading
import time

import numpy as np
import pytest
from scipy import LowLevelCallable
from scipy.integrate import quad
from scipy.optimize import minimize

import graphdiff as gd


def scalar():
    x = gd.input("x", shape=(), dtype="float64")
    y = gd.exp(gd.sin(3 * x)) * gd.tanh(x)
    return gd.compile([x], [y, gd.grad(y, x)])


def test_numbers_and_names_are_taken_as_arrays_are():
    x, y = gd.input("x", shape=(), dtype="float64"), gd.input("y", shape=())
    f = gd.compile([x, y], [x * 2, y + 1])
    want = f(np.array(1.5), np.array(2.5, np.float32))
    assert want[0].dtype == np.float64 and want[1].dtype == np.float32
    for got in (f(1.5, 2.5), f(np.float64(1.5), 2.5), f(y=2.5, x=1.5), f(1.5, y=np.float32(2.5))):
        assert [a.dtype for a in got] == [a.dtype for a in want] and got == want
    assert f(2, 3) == [4, 4] and np.isinf(f(1.0, float("inf"))[1]) and np.isnan(f(float("nan"), 0.0)[0])
    for bad in (lambda: f(1.5, np.float64(2.5)), lambda: f(1.5, z=2.5), lambda: f(1.5, x=2.5), lambda: f([1.5], 2.5)):
        with pytest.raises(gd.FeedError):
            bad()
    assert f(1.5, 2.5) == want


def test_a_number_is_no_array_of_one():
    f = gd.compile([x := gd.input("x", shape=(1,), dtype="float64")], x * 2)
    with pytest.raises(gd.FeedError, match="1 dimensions"):
        f(1.0)


def test_an_integrator_and_an_optimiser_call_it():
    f = scalar()
    at, value, slope = np.empty(()), np.empty(()), np.empty(())
    b = f.bind(x=at, out=[value, slope])
    address, data = b.address
    call = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)(address)

    @ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double, ctypes.c_void_p)
    def integrand(x, user):
        at[...] = x
        assert call(user) == 0
        return float(slope)

    area, _ = quad(LowLevelCallable(integrand, ctypes.c_void_p(data)), 0, 2)
    assert area == pytest.approx(float(f(2.0)[0] - f(0.0)[0]), abs=1e-10)

    def fun(x):
        at[...] = x[0]
        b()
        return float(value), slope.reshape(1).copy()

    found = minimize(fun, [1.3], jac=True, method="L-BFGS-B")
    assert found.success and abs(float(f(found.x[0])[1])) < 1e-5 and found.fun < float(f(1.3)[0])


def test_numba_calls_it():
    numba = pytest.importorskip("numba")
    f = scalar()
    at, value, slope = np.empty(()), np.empty(()), np.empty(())
    b = f.bind(x=at, out=[value, slope])
    address, data = b.address
    call = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)(address)
    cell, out = at.reshape(1), slope.reshape(1)

    @numba.njit
    def total(points, cell, out):
        sum_ = 0.0
        for p in points:
            cell[0] = p
            if call(data) != 0:
                return np.nan
            sum_ += out[0]
        return sum_

    points = np.linspace(0, 1, 50)
    assert total(points, cell, out) == pytest.approx(sum(float(f(p)[1]) for p in points), rel=1e-12)


def wide(threads=None):
    """A function large enough for the pool."""
    x = gd.input("x", shape=("n", 512))
    y = gd.sum(gd.exp(gd.sin(x) * gd.cos(x)) @ gd.constant(np.eye(512, dtype=np.float32)))
    return gd.compile([x], [y, gd.grad(y, x)], threads=threads), np.random.default_rng(0).standard_normal(
        (600, 512)
    ).astype(np.float32)


@pytest.fixture
def three_threads():
    before = gd.get_num_threads()
    gd.set_num_threads(3)
    yield
    gd.set_num_threads(before)


def test_threads_of_a_function_change_no_bit(three_threads):
    results = []
    for threads in (None, 1, 2, 3, 7):
        f, feed = wide(threads)
        results.append(f(feed))
    for other in results[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(results[0], other))


def test_a_caller_does_not_wait_for_another(three_threads):
    """While one thread keeps the pool busy another's calls go through, and give the same bits."""
    f, feed = wide()
    small, few = wide()[0], feed[:64].copy()
    want, want_few = f(feed), small(few)
    stop, rounds, wrong = threading.Event(), [0, 0], []

    def keep(k, function, array, expected):
        while not stop.is_set():
            if not all(np.array_equal(a, b) for a, b in zip(function(array), expected)):
                wrong.append(k)
            rounds[k] += 1

    threads = [threading.Thread(target=keep, args=a) for a in ((0, f, feed, want), (1, small, few, want_few))]
    for t in threads:
        t.start()
    time.sleep(1)
    stop.set()
    for t in threads:
        t.join()
    assert not wrong and min(rounds) > 3, rounds
