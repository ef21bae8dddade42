"""Draws of further distributions: their laws, extreme parameters, derivatives, and what they do not depend on."""

import numpy as np
import pytest
import scipy.stats

import graphdiff as gd
from graphdiff.runtime import _core

KEY, N = 11, 40_000


def run(y):
    return gd.compile([], y)()


def fits(x, law):
    assert np.isfinite(x).all()
    assert scipy.stats.kstest(np.asarray(x, float).ravel(), law).pvalue > 1e-4


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("name", "law"), [("exponential", "expon"), ("laplace", "laplace"), ("gumbel", "gumbel_r")])
def test_of_one_shape(name, law, dtype):
    x = run(getattr(gd.random, name)(KEY, (N,), dtype=dtype))
    assert x.dtype == dtype
    fits(x, law)


@pytest.mark.parametrize(
    "bounds", [(-1.0, 2.0), (-np.inf, -3.0), (4.0, 4.5), (30.0, np.inf), (60.0, 61.0), (-np.inf, np.inf)]
)
def test_truncated_normal(bounds):
    low, high = bounds
    x = run(gd.random.truncated_normal(KEY, low, high, (N,), dtype="float64"))
    assert (x >= low).all() and (x <= high).all()
    below, above = (scipy.special.log_ndtr(-v) for v in (high, low)) if low > 0 else (0, 0)

    def law(x):
        """The distribution, in the upper tail by logarithms of what is left."""
        if low > 0:
            left = np.exp(scipy.special.log_ndtr(-x) - above)
            return (1 - left) / -np.expm1(below - above)
        ends = scipy.special.ndtr([low, high])
        return (scipy.special.ndtr(x) - ends[0]) / (ends[1] - ends[0])

    fits(x, law)


@pytest.mark.parametrize("a", [0.01, 0.3, 1.0, 2.5, 40.0, 1e6])
def test_gamma(a):
    x = run(gd.random.gamma(KEY, a, (N,), dtype="float64"))
    assert (x >= 0).all()
    fits(x[x > 0], lambda x: scipy.stats.gamma(a).cdf(x))
    assert (x == 0).mean() <= 1.2 * scipy.stats.gamma(a).cdf(1e-300) + 1e-3
    single = run(gd.random.gamma(KEY, a, (N,)))
    np.testing.assert_allclose(single, x, rtol=1e-7, atol=1e-44)


@pytest.mark.parametrize(("a", "b"), [(0.01, 0.02), (0.5, 0.5), (2.0, 7.0), (1e6, 3e5), (0.2, 1e4)])
def test_beta(a, b):
    x = run(gd.random.beta(KEY, a, b, (N,), dtype="float64"))
    assert (x >= 0).all() and (x <= 1).all()
    fits(
        x[(x > 0) & (x < 1)] if min(a, b) < 0.1 else x, scipy.stats.beta(a, b).cdf if min(a, b) > 0.1 else _inside(a, b)
    )


def _inside(a, b):
    """The distribution of what rounds to neither 0 nor 1."""
    ends = scipy.stats.beta(a, b).cdf([5e-324, np.nextafter(1, 0)])
    return lambda x: (scipy.stats.beta(a, b).cdf(x) - ends[0]) / (ends[1] - ends[0])


def test_parameters_broadcast():
    a = np.array([[0.5], [100.0]])
    x = run(gd.random.gamma(KEY, a, (2, N)))
    assert x.dtype == np.float64
    for row, shape in zip(x, a[:, 0], strict=True):
        fits(row, scipy.stats.gamma(shape).cdf)


def test_categorical():
    logits = np.array([[0.0, 1.0, -np.inf, 2.0], [3.0, 0.0, 0.0, 0.0]])
    x = run(gd.random.categorical(KEY, logits, (N, 2)))
    assert x.dtype == np.int64 and run(gd.random.categorical(KEY, logits)).shape == (2,)
    for k in range(2):
        counts, share = np.bincount(x[:, k], minlength=4), scipy.special.softmax(logits[k])
        assert counts[share == 0].sum() == 0
        assert scipy.stats.chisquare(counts[share > 0], N * share[share > 0]).pvalue > 1e-4


def test_permutation():
    order = run(gd.random.permutation(KEY, 1000))
    assert order.dtype == np.int64 and sorted(order) == list(range(1000)) and list(order) != list(range(1000))
    firsts = [run(gd.random.permutation(key, 4)) for key in range(40)]
    assert len({tuple(p) for p in firsts}) > 15
    x = gd.input("x", ("n",))
    assert sorted(gd.compile([x], gd.random.permutation(KEY, x.shape[0]))(np.zeros(7, np.float32))) == list(range(7))


def everything(key, shape):
    r = gd.random
    return [
        r.exponential(key, shape),
        r.laplace(key, shape),
        r.gumbel(key, shape),
        r.truncated_normal(key, -1.0, 0.5, shape),
        r.gamma(key, 0.7, shape),
        r.beta(key, 0.7, 3.0, shape),
        r.categorical(key, np.zeros(3, np.float32), shape),
    ]


def test_same_bits_for_any_threads_and_of_any_length():
    x, threads = gd.input("x", ("n",)), _core.threads()
    f = gd.compile([x], everything(KEY, x.shape))
    first, short = f(np.zeros(20_000, np.float32)), f(np.zeros(37, np.float32))
    assert all(np.array_equal(a[:37], b) for a, b in zip(first, short, strict=True))
    try:
        for n in (1, 2):
            _core.set_threads(n)
            again = f(np.zeros(20_000, np.float32))
            assert all(a.tobytes() == b.tobytes() for a, b in zip(first, again, strict=True))
    finally:
        _core.set_threads(threads)


def test_functions_and_keys_have_nothing_in_common():
    kinds = [np.argsort(np.argsort(x)) for key in (0, 1) for x in run(everything(key, (N,)))[:6]]
    correlations = np.corrcoef(np.array(kinds, float)) - np.eye(len(kinds))
    assert np.abs(correlations).max() < 5 / np.sqrt(N)


# --------------------------------------------------------------------------------------- derivatives
def test_bounds_are_differentiable():
    low, high = gd.input("low", (), "float64"), gd.input("high", (), "float64")
    y = gd.random.truncated_normal(KEY, low, high, (50,), "float64")
    for at in ((-1.0, 0.5), (2.0, 3.0), (38.0, 41.0)):
        assert gd.check_grad(gd.sum(y**2), [low, high], {low: np.array(at[0]), high: np.array(at[1])}).ok


@pytest.mark.parametrize("a", [0.05, 0.8, 3.0, 1e4])
def test_derivatives_of_means_are_those_of_means(a):
    """E x = a and E x^2 = a (a + 1): means of the derivatives of draws are their derivatives, of second order too."""
    s = gd.input("s", (), "float64")
    x = gd.random.gamma(KEY, s, (N,), "float64")
    mean = gd.mean(x)
    first = gd.grad(mean, s)
    square = gd.grad(gd.grad(gd.mean(x * x), s), s)
    got, bend, moment = gd.compile([s], [first, gd.grad(first, s), square])(a)
    assert abs(got - 1) < 5 * max(1, a**-0.5) / np.sqrt(N)
    assert abs(bend) < 20 * max(1, 1 / a) / np.sqrt(N)
    assert abs(moment - 2) < 40 * max(1, 1 / a) / np.sqrt(N)


def test_the_implicit_derivative_keeps_the_distribution_function():
    a, b = gd.input("a", (), "float64"), gd.input("b", (), "float64")
    x = gd.random.beta(KEY, a, b, (300,), "float64")
    by_a, by_b = gd.jvp(x, a, gd.constant(1.0, "float64")), gd.jvp(x, b, gd.constant(1.0, "float64"))
    slopes = gd.compile([a, b], [by_a, by_b])(2.0, 3.0)
    assert abs(slopes[0].mean() - 3 / 25) < 0.03 and abs(slopes[1].mean() + 2 / 25) < 0.03
    g = gd.random.gamma(KEY, a, (300,), "float64")
    got, slope, level = gd.compile([a], [g, gd.jvp(g, a, gd.constant(1.0, "float64")), gd.gammainc(a, g)])(1.7)
    h = 1e-6
    np.testing.assert_allclose(scipy.special.gammainc(1.7 + h, got + h * slope), level, rtol=1e-9)


# --------------------------------------------------------------------------------------- what is refused
def test_misuse():
    for make, error, text in (
        (lambda: gd.random.gamma(0, np.ones(3), (2,)), gd.ShapeError, "does not broadcast"),
        (lambda: gd.random.gamma(0, 1.0, (2,), "int32"), gd.DTypeError, "int32"),
        (lambda: gd.random.categorical(0, np.float32(1)), gd.ShapeError, "no axis"),
        (lambda: gd.random.categorical(0, np.ones((3, 2)), (4,)), gd.ShapeError, "do not broadcast"),
        (lambda: gd.random.permutation(0, 1.5), gd.ShapeError, "no size"),
        (lambda: gd.random.laplace(1.5, (2,)), gd.DTypeError, "key"),
    ):
        with pytest.raises(error, match=text):
            make()
    assert np.isnan(run(gd.random.truncated_normal(0, 2.0, 1.0, (2,)))).all()
