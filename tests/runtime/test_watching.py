"""gd.monitor and gd.check: what is recorded, and that a call which fails updates nothing - called, bound, forked,
saved, on several threads, and inside the bodies of loops and branches, where they change no result."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import graphdiff as gd


@pytest.fixture
def step():
    """A step with an update, a check of what it is fed and a monitor."""
    x, W = gd.input("x", shape=("n",), dtype="float64"), gd.parameter("W", value=np.float64(2))
    n = gd.state("calls", value=np.int64(0))
    y = W * gd.log(x)
    gd.monitor(gd.max(y), "largest")
    gd.check(x > 0, "x must be positive")
    loss = gd.sum(y)
    options = {"updates": {W: W - 0.1 * gd.grad(loss, W), n: n + 1}}
    return lambda **more: gd.compile([x], loss, **options, **more), W, n


GOOD, BAD = np.array([1.0, np.e]), np.array([1.0, -1.0])


@pytest.mark.parametrize("options", [{}, {"threads": 2}, {"checkpoint": "sqrt"}, {"debug": "nan"}], ids=str)
def test_a_failed_check_updates_nothing(step, options):
    make, W, n = step
    f = make(**options)
    f(GOOD)
    np.testing.assert_allclose(f.monitors["largest"], 2)
    before, seen = W.value.copy(), dict(f.monitors)
    with pytest.raises(gd.GraphdiffError) as e:
        f(BAD)
    if not options.get("debug"):  # there the logarithm is told first
        assert e.type is gd.FeedError and e.value.fact == "x must be positive"
        assert e.value.source.startswith("test_watching.py:") and "check_true" in e.value.operation
    assert n.value == 1 and W.value == before and f.monitors == seen
    f(GOOD)
    assert n.value == 2


def test_forked_bound_and_saved_they_watch_too(step, tmp_path):
    make, W, n = step
    f = make()
    f.save(tmp_path / "f.gd")
    loaded, fork, x, out = gd.load(tmp_path / "f.gd"), f.fork(), GOOD.copy(), np.zeros(())
    bound = f.bind(x=x, out=[out])
    bound()
    np.testing.assert_allclose(f.monitors["largest"], 2)
    x[:] = BAD
    before = W.value.copy()
    for call in (bound, lambda: fork(BAD), lambda: loaded(BAD)):
        with pytest.raises(gd.FeedError, match="x must be positive"):
            call()
    assert n.value == 1 and W.value == before and fork.monitors == {}
    fork(np.array([1.0, 1.0]))
    assert fork.monitors["largest"] == 0 and f.monitors["largest"] != 0


def test_on_threads_of_their_own_each_call_fails_or_counts(step):
    make, _, n = step
    f = make()

    def many(fork):
        failed = 0
        for k in range(200):
            try:
                fork(BAD if k % 3 == 0 else GOOD)
            except gd.FeedError:
                failed += 1
        return failed

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(many, [f.fork() for _ in range(4)])) == [67] * 4
    assert 0 < n.value <= 4 * 133  # forks share the state, and nobody orders their calls


def test_the_step_of_a_scan_is_watched():
    x, n = gd.input("x", shape=("n", 2), dtype="float64"), gd.state("calls", value=np.int64(0))

    def step(h, row):
        h = h + row
        gd.monitor(h, "sums")
        gd.monitor(gd.max(row), "largest")
        gd.check(h < 10, "too large")
        return h, h * h

    def plain(h, row):
        return h + row, (h + row) * (h + row)

    start = gd.zeros((2,), dtype="float64")
    for reverse in (False, True):
        results = []
        for body in (step, plain):
            h, ys = gd.scan(body, start, x, reverse=reverse)
            loss = gd.sum(ys) + gd.sum(h)
            results.append([loss, gd.grad(loss, x), gd.hvp(loss, x, x)])
        f = gd.compile([x], results[0], updates={n: n + 1})
        x0 = np.array([[1.0, 2], [3, 4], [0.5, -1]])
        for ours, without in zip(f(x0), gd.compile([x], results[1])(x0)):
            assert np.array_equal(ours, without)
        rows = x0[::-1] if reverse else x0
        sums = np.cumsum(rows, axis=0)
        np.testing.assert_array_equal(f.monitors["sums"], sums[::-1] if reverse else sums)
        np.testing.assert_array_equal(f.monitors["largest"], x0.max(axis=1))
        before = n.value.copy()
        with pytest.raises(gd.FeedError, match="too large") as e:
            f(np.full((11, 2), 1.0))
        assert e.value.source.startswith("test_watching.py:") and n.value == before
        f(np.zeros((0, 2)))
        assert f.monitors["sums"].shape == (0, 2)


def test_map_and_loops_in_loops_are_watched():
    x = gd.input("x", shape=(3, 4), dtype="float64")

    def square(v):
        gd.check(v != 7, "seven")
        return gd.monitor(v * v, "squares")

    y = gd.map(lambda row: gd.map(square, row), x)
    f = gd.compile([x], gd.sum(y))
    x0 = np.arange(12.0).reshape(3, 4) / 2
    assert f(x0) == np.sum(x0 * x0)
    np.testing.assert_array_equal(f.monitors["squares"], x0 * x0)
    with pytest.raises(gd.FeedError, match="seven"):
        f(x0 * 2)


def test_the_body_of_a_while_loop_is_watched():
    a = gd.input("a", dtype="float64")

    def halve(v):
        gd.monitor(v, "last")
        gd.check(v < 100, "start below 100")
        return v / 2

    y = gd.while_loop(lambda v: v > 1, halve, a, 20)
    f = gd.compile([a], [y, gd.grad(y, a)])
    assert [float(r) for r in f(12.0)] == [0.75, 1 / 16] and f.monitors["last"] == 1.5
    assert f(0.5)[0] == 0.5 and f.monitors["last"] == 0
    with pytest.raises(gd.FeedError, match="start below 100"):
        f(100.0)
    with pytest.raises(gd.GraphError, match="cond has a monitor or a check; its body may have them"):
        gd.while_loop(lambda v: gd.monitor(v, "v") > 1, lambda v: v / 2, a, 3)


def test_a_branch_is_watched_where_it_runs():
    a, b = gd.input("a", dtype="float64"), gd.input("b", dtype="float64")

    def root(v):
        gd.check(v >= 0, "no root")
        gd.check(b > 0, "b of the outside")
        gd.monitor(v, "under the root")
        return gd.sqrt(v)

    def other(v):
        gd.monitor(v.astype("int64"), "whole")
        return v * 2

    y = gd.cond(b != 0, root, other, a)
    f = gd.compile([a, b], [y, gd.grad(y, a)])
    assert f(4.0, 1.0)[0] == 2 and f.monitors["under the root"] == 4 and f.monitors["whole"] == 0
    assert f(-4.0, 0.0)[0] == -8 and np.isnan(f.monitors["under the root"]) and f.monitors["whole"] == -4
    for args, told in (((-4.0, 1.0), "no root"), ((4.0, -1.0), "b of the outside")):
        with pytest.raises(gd.FeedError, match=told):
            f(*args)
    f = gd.compile([a], gd.cond(a > 0, lambda: gd.check(a < 9, "a below 9"), lambda: None) or a)
    assert f(-20.0) == -20 and f(3.0) == 3
    with pytest.raises(gd.FeedError, match="a below 9"):
        f(10.0)


def test_what_is_watched_must_depend_on_something_that_changes():
    with pytest.raises(gd.GraphError, match="depends on no input, parameter or state"):
        gd.scan(lambda h, _: (h + gd.monitor(h, "h"), None), gd.zeros(()), None, length=3)
    with pytest.raises(gd.GraphdiffError):  # what fails while a body is built leaves no body open
        gd.map(lambda row: row @ row @ row, gd.input("x", shape=(2, 3)))
    x = gd.input("x")
    gd.monitor(x, "x")
    f = gd.compile([x], x * 2)
    f(3.0)
    assert f.monitors["x"] == 3
