"""Special functions: within the errors that their declarations state of mpmath's, SciPy's edges, and a result for every
argument."""

import numpy as np
import pytest
import scipy.special
import sweep_special as sweep

import graphdiff as gd
from graphdiff.ops.registry import REGISTRY

INF, NAN = np.inf, np.nan


@pytest.mark.parametrize("name", sweep.FUNCTIONS)
def test_errors(name):
    for dtype in (np.float32, np.float64):
        found, _ = sweep.errors(name, dtype, 1, 1, coarse=True)
        for order, (error, at), bound in zip(sweep.ORDERS, found, REGISTRY[name].errors):
            assert error <= bound, f"{order} of {name} in {np.dtype(dtype)} at {at!r}: {error} units of the last place"


def test_the_campaign_sees_an_error(monkeypatch):
    right = sweep.FUNCTIONS["ndtr"]
    wrong = sweep.Function(lambda x: right.exact(x) * (1 + 8 * np.finfo(float).eps), right.points)
    monkeypatch.setitem(sweep.FUNCTIONS, "wrong", wrong)
    monkeypatch.setattr(gd, "wrong", gd.ndtr, raising=False)
    (value, *_), _ = sweep.errors("wrong", np.float64, 1, 1)
    assert value[0] > REGISTRY["ndtr"].errors[0]


EXTREMES = [
    0.0,
    -0.0,
    5e-324,
    -5e-324,
    1e-310,
    1.0,
    -1.0,
    0.5,
    -2.0,
    1e9 + 0.5,
    -1e9 - 0.5,
    1e300,
    -1e300,
    INF,
    -INF,
    NAN,
]
FAMILIES = [
    n
    for n, op in REGISTRY.items()
    if op.kind == "elementwise" and (n in sweep.FUNCTIONS or str(op.reference).startswith("graphdiff.ops.orders"))
]


@pytest.mark.parametrize("name", [*FAMILIES, "bessel_j", "bessel_i"])
def test_every_argument_has_a_result(name):
    """Whatever the order: loops have bounds, and NaN comes of NaN."""
    op = REGISTRY[name]
    line = np.array([*EXTREMES, 3.0, 170.0, 1e6, 1e15])
    arrays = [a.ravel() for a in np.meshgrid(*[line] * op.arity)]
    leaves = [gd.input(f"x{i}", a.shape, "float64") for i, a in enumerate(arrays)]
    y = op.public(*leaves)
    got, _ = gd.compile(leaves, [y, gd.grad(gd.sum(y), leaves)])(*arrays)
    assert np.isnan(got[np.isnan(arrays).any(0)]).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_polygamma_is_scipys(dtype):
    x = np.array([1e-30, 0.3, 1.0, 2.5, 30.0, 1e6, 1e30, INF, 0.0, -0.0, -1.0, -2.0, -0.5, -2.25, -7.75, NAN], dtype)
    for n in (0, 1, 2, 3, 10, 40):
        got = gd.compile([], gd.polygamma(n, x))()
        with np.errstate(over="ignore"):
            wanted = scipy.special.polygamma(n, x.astype(float)).astype(dtype)
        np.testing.assert_allclose(got, wanted, rtol=3e-6 if dtype == "float32" else 2e-13)
    assert np.isnan(gd.compile([], gd.polygamma(np.array([0.5, -1.0, INF]), 2.0))()).all()


def test_orders_beyond_scipys():
    """Where n! overflows and the rest vanishes: DLMF 5.15.9, by its first term."""
    got = gd.compile([], gd.polygamma(200, np.array([1e3, 1e6])))()
    x = np.array([1e3, 1e6])
    leading = -np.exp(scipy.special.gammaln(200) - 200 * np.log(x))
    np.testing.assert_allclose(got, leading, rtol=0.11)
    np.testing.assert_allclose(got[1], leading[1], rtol=1e-3)


def test_logcumsumexp_neither_overflows_nor_vanishes():
    x = gd.input("x", ("n",), "float64")
    y = gd.logcumsumexp(x)
    f = gd.compile([x], [y, gd.grad(gd.sum(y), x), gd.grad(y[-1], x)])
    a = np.array([-INF, -INF, -1000.0, 1000.0, 999.0, 1e4, -1e5])
    got, slopes, last = f(a)
    np.testing.assert_allclose(got, np.logaddexp.accumulate(a), rtol=1e-15)
    np.testing.assert_allclose(last, scipy.special.softmax(a), atol=1e-300)
    assert (slopes[:2] == 0).all() and np.isfinite(slopes).all()
    np.testing.assert_allclose(slopes.sum(), 5)  # each sum's shares add up to 1


def test_logdiffexp_beside_nothing():
    a, b = gd.input("a", (3,), "float64"), gd.input("b", (3,), "float64")
    y = gd.logdiffexp(a, b)
    f = gd.compile([a, b], [y, *gd.grad(gd.sum(y), [a, b])])
    value, by_a, by_b = f(np.array([-INF, 2.0, 1.0]), np.array([-INF, -INF, 1.0]))
    assert value.tolist() == [-INF, 2.0, -INF]
    assert by_a.tolist() == [1, 1, INF] and by_b.tolist() == [0, 0, -INF]


@pytest.mark.parametrize("name", ["i0e", "i1e", "sinc", "j1", "log1mexp"])
def test_third_derivatives(name):
    x = gd.input("x", (4,), "float64")
    at = np.array([-2.3, -1.1, -0.4, -0.2])
    y = getattr(gd, name)(x)
    for _ in range(2):
        y = gd.grad(gd.sum(y), x)
    third = gd.grad(gd.sum(y), x)
    f, g, h = gd.compile([x], y), gd.compile([x], third), 1e-5
    np.testing.assert_allclose(g(at), (f(at + h) - f(at - h)) / (2 * h), rtol=1e-6)


def test_incomplete_functions_where_scipys_are_right():
    rng = np.random.default_rng(0)
    a, x = 10 ** rng.uniform(-3, 4, 2000), rng.normal(size=2000)
    x = a * np.exp(x * np.minimum(3 / np.sqrt(a), 5))
    lower, upper = gd.compile([], [gd.gammainc(a, x), gd.gammaincc(a, x)])()
    np.testing.assert_allclose(lower, scipy.special.gammainc(a, x), rtol=3e-12, atol=1e-300)
    np.testing.assert_allclose(upper, scipy.special.gammaincc(a, x), rtol=3e-12, atol=1e-300)
    np.testing.assert_allclose(lower + upper, 1, rtol=1e-15)
    b = 10 ** rng.uniform(-3, 4, 2000)
    p = scipy.special.expit(np.log(a / b) + 3 * rng.normal(size=2000) * np.sqrt((a + b) / (a * b)).clip(0, 2))
    got = gd.compile([], gd.betainc(a, b, p))()
    np.testing.assert_allclose(got, scipy.special.betainc(a, b, p), rtol=1e-11, atol=1e-300)


@pytest.mark.parametrize("shapes", [(1e-3, 0.4), (0.3, 40.0), (7.0, 2e3), (5e4, 3e4)])
def test_incomplete_functions_add_up_in_their_derivatives(shapes):
    """By shape, against differences of values; the upper function and the turned one are the complement."""
    a, b = shapes
    for at in (0.01, 0.4, 0.97):
        h = 1e-4 * min(a, a**0.5)
        x = a * at + 0.5
        s, t = gd.input("s", (), "float64"), gd.input("t", (), "float64")
        first = gd.grad(gd.gammainc(s, t), s)
        f = gd.compile([s, t], [gd.gammainc(s, t), first, gd.grad(first, s), gd.grad(gd.gammaincc(s, t), s)])
        value, slope, bend, other = (np.array(v) for v in zip(*(f(a + h * k, x) for k in (-1, 0, 1))))
        assert other[1] == -slope[1]
        np.testing.assert_allclose(slope[1], (value[2] - value[0]) / (2 * h), rtol=1e-5, atol=1e-15 / h)
        np.testing.assert_allclose(bend[1], (slope[2] - slope[0]) / (2 * h), rtol=1e-5, atol=1e-13 * abs(slope[1]) / h)
        u, v, w = (gd.input(k, (), "float64") for k in "uvw")
        both = [gd.grad(gd.betainc(u, v, w), [u, v]), gd.grad(gd.betainc(v, u, 1 - w), [u, v])]
        one, turned = gd.compile([u, v, w], both)(a, b, 0.5 * at)
        np.testing.assert_allclose(one, -np.array(turned), rtol=1e-8, atol=1e-300)


def test_third_derivatives_by_shape_are_not_offered():
    a = gd.input("a", (), "float64")
    third = gd.grad(gd.grad(gd.grad(gd.gammainc(a, 2.0), a), a), a)
    assert np.isnan(gd.compile([a], third)(1.5))
