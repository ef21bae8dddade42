"""The call path: what calls take, calls from C, and functions on several threads of the caller's."""

import ctypes
import gc
import os
import signal
import subprocess
import sys
import threading
import time
from collections import OrderedDict
from contextlib import contextmanager

import numpy as np
import pytest
import scipy.sparse
from scipy import LowLevelCallable
from scipy.integrate import quad
from scipy.optimize import minimize
from under_test import PLACE

import graphdiff as gd
from graphdiff.schedule.limit import Choice


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


class Alarm(Exception):
    pass


@contextmanager
def alarm(seconds):
    """A signal after so many seconds, whose handler raises: as Ctrl-C does."""

    def ring(*_):
        raise Alarm

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def endless_loop(x):
    return gd.scan(lambda c, _: (c * 0.5 + 1, None), x, None, length=2_000_000_000)[0]


def endless_while(x):
    return gd.while_loop(lambda c: c < 1e9, lambda c: c * 0.5 + 1, x, 2_000_000_000)


def endless_nest(x):
    def step(c, _):
        return gd.scan(lambda d, _: (d * 0.5 + 1, None), c, None, length=10)[0], None

    return gd.scan(step, x, None, length=2_000_000_000)[0]


def endless_branch(x):
    return gd.cond(x > 0, endless_loop, lambda x: x, x)


@pytest.mark.parametrize("endless", [endless_loop, endless_while, endless_nest, endless_branch])
def test_a_signal_ends_a_call_and_nothing_is_updated(endless):
    x, n = gd.input("x"), gd.state("n", np.int64(0))
    total = gd.state("total", np.float32(0))
    f = gd.compile([x], endless(x), updates={n: n + 1, total: total + endless(x)})
    bound = f.bind(x=np.ones((), np.float32))
    for call in (lambda: f(1.0), bound):
        start = time.perf_counter()
        with pytest.raises(Alarm), alarm(0.1):
            call()
        assert time.perf_counter() - start < 5  # and not minutes
        assert n.value == 0 and total.value == 0


def test_a_signal_between_instructions_ends_a_call_and_the_next_one_is_whole():
    W = gd.parameter("W", np.eye(900, dtype=np.float32))
    h = W
    for _ in range(500):
        h = h @ W
    f = gd.compile([], gd.sum(h), updates={W: h})
    for _ in range(3):
        with pytest.raises(Alarm), alarm(0.05):
            f()
        assert np.array_equal(W.value, np.eye(900))


def test_a_call_from_within_the_search_for_a_plan_does_not_wait_for_it(monkeypatch):
    """As a signal's handler or a finalizer calls: of the same function, and of one that has the same search."""
    x = gd.input("x", ("n", 4), dtype="float64")
    y = x
    for _ in range(6):
        y = gd.exp(gd.tanh(y) @ np.eye(4))
    slope = gd.grad(gd.sum(y), x)
    whole = gd.compile([x], slope)
    f = gd.compile([x], slope, memory_limit=int(0.7 * whole.plan_for(n=500).arena_bytes))
    inner, reached = [], Choice.reach

    def reach(choice, limit):
        if not inner:
            inner.append(None)
            inner[0] = f(np.ones((480, 4)))
        reached(choice, limit)

    monkeypatch.setattr(Choice, "reach", reach)
    found = []
    caller = threading.Thread(target=lambda: found.append(f(np.ones((500, 4)))), daemon=True)
    caller.start()
    caller.join(60)
    assert found, "the inner call waits for the outer one"
    assert np.array_equal(found[0], whole(np.ones((500, 4)))) and np.array_equal(inner[0], whole(np.ones((480, 4))))


def test_what_is_kept_of_sizes_may_be_forgotten_at_any_moment():
    """A signal's handler may call at other sizes between any two steps of a call that looks up its plan."""

    class Interrupted(OrderedDict):
        def get(self, key):
            found = super().get(key)
            for n in range(10, 20) if found is not None and key == (3,) else ():
                f(np.ones(n))
            return found

    x = gd.input("x", ("n",), dtype="float64")
    f = gd.compile([x], gd.sum(x) * 2)
    assert f(np.ones(3)) == 6 and f(np.ones(4)) == 8
    f._compiled._planned_at = Interrupted(f._compiled._planned_at)
    assert f(np.ones(3)) == 6 and f(np.ones(4)) == 8


def test_a_signal_that_calls_the_same_function():
    """Numbers stay right; where updates are under way the inner call says so."""
    x, n = gd.input("x", shape=("n",)), gd.state("n", np.int64(0))
    slow = gd.scan(lambda c, _: (c * 0.5 + 1, None), gd.sum(x), None, length=10_000_000)[
        0
    ]  # signals are heard some times a second
    plain, counting = gd.compile([x], [gd.sum(x), slow]), gd.compile([x], slow, updates={n: n + 1})
    for size in 2, 3:  # prepared, so that a signal finds the call at its instructions
        counting(np.ones(size, np.float32))
    seen, early = [], []

    def ring(*_):
        try:
            counting(np.ones(2, np.float32))
        except gd.BusyError as error:
            seen.append((str(error), float(plain(np.ones(1, np.float32))[0])))
        else:  # the signal came before the call had begun
            early.append(int(n.value))
            signal.setitimer(signal.ITIMER_REAL, 0.03)

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, 0.03)
    try:
        counting(np.ones(3, np.float32))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    [(text, total)] = seen
    assert "signal handler" in text and total == 1.0
    assert n.value == 3 + len(early)


def test_a_finaliser_that_calls_the_same_function_at_another_size():
    """The collector may run wherever a call allocates: each call keeps to its own frame."""
    x, s = gd.input("x", shape=("n",)), gd.input("s")
    f = gd.compile([x, s], [gd.sum(x * s), x * s, gd.sum(x)])
    small, large = np.ones(4, np.float32), np.ones(100_000, np.float32)
    inner = []

    class Cycle:
        def __init__(self):
            self.me = self

        def __del__(self):
            inner.append(float(f(large, 3.0)[0]))

    before = gc.get_threshold()
    gc.set_threshold(1)
    try:
        for _ in range(300):
            Cycle()
            assert float(f(small, 2.0)[0]) == 8
            assert float(f(s=2.0, x=small)[0]) == 8
            Cycle()
            bound = f.bind(x=small, s=np.full((), 2, np.float32))
            bound()
            assert bound.out[0] == 8
    finally:
        gc.set_threshold(*before)
    assert len(inner) > 100 and set(inner) == {300_000.0}


def test_updates_of_calls_on_many_threads_are_none_lost_and_none_torn():
    x = gd.input("x", shape=("n",))
    n, w = gd.state("n", np.int64(0)), gd.parameter("w", np.zeros(1000))
    f = gd.compile([x], [gd.sum(x), gd.max(w) - gd.min(w)], updates={n: n + 1, w: w + 1})
    torn = []

    def run(g, size):
        for _ in range(100):
            total, spread = g(np.ones(size, np.float32))
            torn.append((float(total) != size) or float(spread) != 0)

    threads = [threading.Thread(target=run, args=(g, 10 + k)) for k, g in enumerate((f, f, f.fork(), f))]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not any(torn) and n.value == 400 and (w.value == 400).all()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.parametrize("what", ["call", "updates", "bound", "plan", "entry"])
def test_a_child_forked_during_a_call_or_a_search_can_call(what):
    code = f"""
import os, signal, sys, threading, time
import numpy as np
import graphdiff as gd
from graphdiff.schedule.limit import Choice
gd.set_num_threads(3)
x = gd.input("x", shape=("n",))
loop = gd.scan(lambda c, _: (c * 0.5 + 1, None), gd.sum(x), None, length=4_000_000)[0]
n = gd.state("n", np.int64(0))
what = {what!r}
if what == "plan":
    h = x
    for _ in range(60):
        h = gd.tanh(gd.cumsum(h, axis=0))
    f = gd.compile([x], gd.grad(gd.sum(h), x), memory_limit=1 << 30, plan_seconds=2.0)
    call = lambda: f.within(40_000).plan_for(n=1000)
    again = lambda: f(np.ones(5, np.float32))
elif what == "entry":
    f = gd.compile([x], gd.sum(gd.tanh(x)), updates={{n: n + 1}})
    call = lambda: [f.bind(x=np.ones(f.entry(n=k % 40 + 1).inputs[0].shape, np.float32))() for k in range(10**6)]
    again = lambda: [f.entry(n=7), f.bind(x=np.ones(3, np.float32))(), f(np.ones(5, np.float32))]
else:
    f = gd.compile([x], loop, updates={{n: n + 1}} if what == "updates" else None)
    bound = f.bind(x=np.ones(4, np.float32))
    call = again = bound if what == "bound" else lambda: f(np.ones(4, np.float32))
thread = threading.Thread(target=call, daemon=True)
thread.start()
time.sleep(0.1)
assert thread.is_alive()
child = os.fork()
if child == 0:
    signal.alarm(60)
    again()
    gd.set_num_threads(2)
    again()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
os._exit(0)
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120, cwd=PLACE)


@pytest.mark.parametrize(
    ("place", "take"),
    [
        (lambda y, m: m, lambda r: (None, r)),
        (lambda y, m: [y, m], lambda r: r),
        (lambda y, m: (y, m), lambda r: r),
        (lambda y, m: {"y": y, "inner": [m]}, lambda r: (r["y"], r["inner"][0])),
    ],
)
def test_matrices_stand_where_they_were_asked_for_each_with_data_of_its_own(place, take):
    x = gd.input("x", (4,), "float64")
    y = gd.sin(x[1:]) * x[:-1]
    f = gd.compile([x], place(y, gd.jacobian(y, x, sparse=True)))
    at = [np.linspace(0, 1, 4), np.linspace(2, 5, 4)]
    results = [f(a) for a in at]
    assert type(results[0]) is type(place(1, 2)) or isinstance(results[0], scipy.sparse.csr_array)
    for a, (value, matrix) in zip(at, map(take, results)):
        dense = np.zeros((3, 4))
        dense[range(3), range(3)] = np.sin(a[1:])
        dense[range(3), range(1, 4)] = np.cos(a[1:]) * a[:-1]
        np.testing.assert_allclose(matrix.toarray(), dense, rtol=1e-12)
        assert matrix.has_canonical_format and (matrix @ np.ones(4)).shape == (3,)
        if value is not None:
            np.testing.assert_allclose(value, np.sin(a[1:]) * a[:-1], rtol=1e-12)
    first, second = (take(r)[1] for r in results)
    first.data[:] = 0
    assert second.data.all() and not np.shares_memory(first.data, second.data)
