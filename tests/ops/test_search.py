"""Bisection, order statistics and sliding windows where they are easily wrong: NaN, ends, equal elements, unsorted
numbers, bad quantiles; and what is fed."""

import numpy as np
import pytest

import graphdiff as gd

INF, NAN = np.inf, np.nan


def value(function, *arrays, named=True):
    arrays = [np.asarray(a) for a in arrays]
    xs = [
        gd.input(f"x{i}", tuple(f"n{s}" for s in a.shape) if named else a.shape, a.dtype) for i, a in enumerate(arrays)
    ]
    return gd.compile(xs, function(*xs))(*arrays)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64"])
@pytest.mark.parametrize("side", ["left", "right"])
def test_searchsorted_is_numpys(dtype, side):
    rng = np.random.default_rng(0)
    for n in (0, 1, 2, 3, 7, 8, 100):
        rows, x = np.sort(rng.integers(-5, 6, n)).astype(dtype), rng.integers(-6, 7, (9, 2)).astype(dtype)
        if dtype[0] == "f":
            x[:3, 0] = NAN, INF, -INF
            rows[n // 2 + 1 :] = NAN
        got = value(lambda a, b: gd.searchsorted(a, b, side=side), rows, x)
        assert got.dtype == np.int64 and np.array_equal(got, np.searchsorted(rows, x, side))


def test_what_is_not_sorted_gives_a_number_in_range():
    rng = np.random.default_rng(1)
    rows, x = rng.normal(size=50), rng.normal(size=500)
    got = value(gd.searchsorted, rows, x)
    assert ((got >= 0) & (got <= 50)).all()
    rows[:] = NAN
    assert value(gd.interp, x, rows, rng.normal(size=50)).shape == (500,)


def test_interp_is_numpys_at_ends_points_and_beside():
    xp, fp = np.array([0.0, 1.0, 3.0]), np.array([2.0, 4.0, -1.0])
    x = np.array([-INF, -1.0, 0.0, 0.5, 1.0, 2.9, 3.0, 3.1, INF, NAN])
    np.testing.assert_allclose(value(gd.interp, x, xp, fp), np.interp(x, xp, fp), rtol=1e-15)
    beside = value(lambda x, xp, fp: gd.interp(x, xp, fp, left=7.0, right=-7.0), x, xp, fp)
    np.testing.assert_allclose(beside, np.interp(x, xp, fp, left=7.0, right=-7.0), rtol=1e-15)
    for one in (True, False):
        assert value(gd.interp, [-1.0, 5.0, 9.0], [5.0], [2.0], named=one).tolist() == [2, 2, 2]
    with pytest.raises(gd.ShapeError, match="interp: no points"):
        gd.interp(gd.input("x"), np.zeros(0, "float32"), np.zeros(0, "float32"))


def test_interp_has_derivatives_in_all_operands():
    x, xp, fp = gd.input("x", (5,), "float64"), gd.input("xp", (4,), "float64"), gd.input("fp", (4,), "float64")
    feed = {
        x: np.array([-1.0, 0.4, 1.3, 1.9, 9.0]),
        xp: np.array([0.0, 1.0, 1.5, 2.5]),
        fp: np.array([1.0, -2.0, 0.5, 3.0]),
    }
    gd.check_grad(gd.sum(gd.square(gd.interp(x, xp, fp))), [x, xp, fp], feed)


def test_histogram_counts_as_numpy_does():
    rng = np.random.default_rng(0)
    edges = np.array([-1.0, 0.0, 0.5, 2.0])
    x = np.concatenate([rng.normal(size=200), edges, [INF, -INF]])
    assert np.array_equal(value(gd.histogram, x, edges), np.histogram(x, edges)[0])
    assert value(gd.histogram, [1, 2, 2, 5], [1, 2, 5]).tolist() == [1, 3]
    with pytest.raises(gd.ShapeError, match="1 edges; a bin lies between two"):
        gd.histogram(x, [1.0])
    with pytest.raises(gd.GraphError, match="bins of Tensors are given by their edges, got 10"):
        np.histogram(gd.input("x", (3,)))


@pytest.mark.parametrize("n", [1, 2, 5, 6, 99, 100, 300])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_order_statistics_are_numpys(n, dtype):
    a = np.random.default_rng(n).integers(-9, 9, (3, n)).astype(dtype)
    qs = np.array([0.0, 0.25, 0.5, 0.73, 1.0], dtype)
    rtol = 1e-6 if dtype == "float32" else 1e-14
    for named in (True, False):
        np.testing.assert_allclose(value(lambda x: gd.median(x, axis=1), a, named=named), np.median(a, axis=1), rtol)
        got = value(lambda x: gd.quantile(x, qs, axis=1), a, named=named)
        np.testing.assert_allclose(got, np.quantile(a, qs, axis=1), rtol, 1e-6 if dtype == "float32" else 1e-14)
        assert got.dtype == dtype
    fed = value(lambda x, q: gd.quantile(x, q, axis=1), a, qs)
    np.testing.assert_allclose(
        fed, np.quantile(a, qs, axis=1), rtol=10 * rtol, atol=1e-5 if dtype == "float32" else 1e-13
    )


def test_nan_and_infinities_in_order_statistics():
    a = np.array([[1.0, NAN, 2.0], [1.0, INF, 3.0], [-INF, -INF, 0.0], [INF, INF, INF]])
    for named in (True, False):
        assert str(value(lambda x: gd.median(x, axis=1), a, named=named)) == str(np.array([NAN, 3.0, -INF, INF]))
        assert str(value(lambda x: gd.quantile(x, 0.25, axis=1), a, named=named)) == str(
            np.array([NAN, 2.0, -INF, INF])
        )


def test_a_quantile_outside_of_its_range():
    x, q = gd.input("x", (3,), "float64"), gd.input("q", (4,), "float64")
    for bad in (1.5, -0.1, [0.5, 2.0], NAN, 2):
        with pytest.raises(gd.GraphError, match=r"q lies in \[0, 1\]"):
            gd.quantile(x, bad)
    y, g = gd.quantile(x, q), gd.grad(gd.sum(gd.quantile(x, q)[:1]), x)
    got, gx = gd.compile([x, q], [y, g])(np.array([1.0, 2.0, 4.0]), np.array([0.25, 1.5, -0.5, NAN]))
    assert got[0] == 1.5 and np.isnan(got[1:]).all() and gx.tolist() == [0.5, 0.5, 0]


def test_the_gradient_of_a_median_goes_to_what_is_taken():
    x = gd.input("x", (2, 4), "float64")
    g = gd.compile([x], gd.grad(gd.sum(gd.median(x, axis=1) * [1.0, 2.0]), x))
    assert g(np.array([[4.0, 1.0, 2.0, 3.0], [0.0, 0.0, 5.0, 0.0]])).tolist() == [[0, 0, 0.5, 0.5], [0, 1, 0, 1]]


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
def test_sliding_windows_are_numpys_of_any_length_and_integers(mode):
    rng = np.random.default_rng(0)
    for n in range(1, 7):
        for m in range(1, 7):
            a, v = rng.integers(-5, 5, n), rng.integers(-5, 5, m)
            for name in ("convolve", "correlate"):
                for dtype in ("int64", "float64"):
                    got = value(
                        lambda *xs, f=name: getattr(gd, f)(*xs, mode), a.astype(dtype), v.astype(dtype), named=False
                    )
                    assert np.array_equal(got, getattr(np, name)(a, v, mode)) and got.dtype == dtype
    a, v = gd.input("a", ("n",)), gd.input("v", ("m",))
    with pytest.raises(gd.ShapeError, match="which of n and m is longer is known only at the call"):
        gd.convolve(a, v)


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize("dtype", ["int64", "float64"])
def test_either_vector_of_a_sliding_window_may_have_a_named_size(mode, dtype):
    rng = np.random.default_rng(0)
    k, x = rng.integers(-5, 5, 3).astype(dtype), rng.integers(-5, 5, 7).astype(dtype)
    for name in ("convolve", "correlate"):
        for a, v in ((k, x), (x, k)):
            leaves = [gd.input(f"x{n}", (3,) if w is k else ("n",), dtype) for n, w in enumerate((a, v))]
            got = gd.compile(leaves, getattr(gd, name)(*leaves, mode))(a, v)
            assert np.array_equal(got, getattr(np, name)(a, v, mode))


def test_bisection_has_the_same_bits_for_any_number_of_threads():
    rng = np.random.default_rng(0)
    rows, a = np.sort(rng.normal(size=1000)), rng.normal(size=300_000)
    x = gd.input("x", (300_000,), "float64")
    one, two = (gd.compile([x], gd.searchsorted(rows, x), threads=k)(a) for k in (1, 2))
    assert np.array_equal(one, np.searchsorted(rows, a)) and np.array_equal(one, two)


@pytest.mark.parametrize("function", ["interp", "histogram"])
@pytest.mark.parametrize("named", [False, True])
def test_what_must_ascend_is_told(function, named):
    """A constant when the graph is built, a fed one by the call; equal neighbours and NaN are fine."""
    x = gd.input("x", (2,), "float64")
    fed = gd.input("fed", ("n",) if named else (3,), "float64")
    more = (gd.constant(np.arange(3.0)),) if function == "interp" and not named else ()
    more = (fed,) if function == "interp" and named else more
    found = getattr(gd, function)
    y = found(x, fed, *more)
    f = gd.compile([x, fed], y, updates={(s := gd.state("s", value=0)): s + 1})
    for good in ([0.0, 1.0, 2.0], [0.0, 1.0, 1.0], [0.0, 1.0, np.nan]):
        f([0.5, 1.0], good)
    for bad in ([0.0, 2.0, 1.0], [3.0, 2.0, 1.0]):
        with pytest.raises(gd.FeedError, match=f"{function}: .* must ascend; sort it"):
            f([0.5, 1.0], bad)
        with pytest.raises(gd.GraphError, match=f"{function}: .* must ascend, but .* follows .*; sort it"):
            found(x, np.array(bad), *([np.arange(3.0)] if more else []))
    assert s.value == 3


def test_a_loop_looks_at_the_order_once():
    xp = gd.input("xp", ("n",), "float64")
    total, _ = gd.scan(lambda c, x: (c + gd.interp(c * x, xp, xp), None), np.float64(0), np.linspace(0, 1, 4))
    text = str(gd.compile([xp], total).graph)
    assert text.index("check_true") < text.index("body ")
    assert text.count("check_true") == 1


@pytest.mark.parametrize("period", [0, np.inf, np.nan, "day"])
def test_periods_that_are_none(period):
    with pytest.raises(gd.GraphError, match="interp: period is a finite number other than 0"):
        gd.interp(1.0, [0.0, 1.0], [0.0, 1.0], period=period)
