"""gd.minimize: minima as SciPy's BFGS finds them, their derivatives, and where there is none."""

import numpy as np
import pytest
import scipy.optimize

import graphdiff as gd


def rosenbrock(x, a=1.0):
    return gd.sum(100 * gd.square(x[1:] - gd.square(x[:-1])) + gd.square(a - x[:-1]))


@pytest.mark.parametrize("n", [2, 10])
def test_rosenbrocks_valley(n):
    a = gd.input("a", (), dtype="float64")
    start = np.tile([-1.2, 1.0], n // 2)
    x, steps, largest = gd.minimize(rosenbrock, start, a, full=True)
    x, steps, largest = gd.compile([a], [x, steps, largest])(1.0)
    assert x == pytest.approx(np.ones(n), abs=1e-7) and largest <= 2e-8
    assert steps < 2 * scipy.optimize.minimize(scipy.optimize.rosen, start, method="BFGS").nit


def test_how_a_minimum_moves():
    a = gd.input("a", (), dtype="float64")
    x = gd.minimize(lambda x, a: gd.square(a - x[0]) + 100 * gd.square(x[1] - gd.square(x[0])), np.zeros(2), a)
    f = gd.compile([a], [x, gd.jacobian(x, a), gd.jvp(x, a, 1.0), gd.hessian(x[1], a)])
    value, reverse, forward, second = f(1.3)
    assert value == pytest.approx([1.3, 1.69], abs=1e-7)
    assert reverse == pytest.approx([1, 2.6], abs=1e-6) and forward == pytest.approx(reverse, abs=1e-12)
    assert second == pytest.approx(2, abs=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_fit_of_many_data_sets_at_once(dtype):
    t = np.linspace(0, 1, 20).astype(dtype)
    y = gd.input("y", ("sets", 20), dtype=dtype)

    def fitted(y):
        def loss(w):
            return gd.sum(gd.square(gd.exp(-w["rate"] * t) * w["size"] - y))

        return gd.minimize(loss, {"rate": 1.0, "size": 2.0})

    w = gd.vmap(fitted)(y)
    f = gd.compile([y], [w, gd.grad(gd.sum(w["rate"]), y)])
    sizes, rates = np.array([[3.0], [1.0]]), np.array([[2.0], [0.5]])
    noise = 0.01 * np.random.default_rng(0).normal(size=(2, 20))
    data = (sizes * np.exp(-rates * t) + noise).astype(dtype)
    found, slope = f(data)
    close = 1e-7 if dtype == "float64" else 1e-3
    for i in range(2):
        (size, rate), _ = scipy.optimize.curve_fit(
            lambda t, a, b: a * np.exp(-b * t), t, data[i], p0=(2, 1), xtol=1e-12
        )
        assert [found["size"][i], found["rate"][i]] == pytest.approx([size, rate], rel=close)
    if dtype == "float64":
        step = np.zeros_like(data)
        step[0, 3] = 1e-4
        assert slope[0, 3] == pytest.approx(
            (f(data + step)[0]["rate"][0] - f(data - step)[0]["rate"][0]) / 2e-4, rel=1e-5
        )


def test_values_so_large_that_rounding_hides_the_rest():
    a = gd.input("a", (), dtype="float64")
    x, solved = gd.minimize(lambda x: a * (1 + gd.sum(gd.square(x - 3))), gd.zeros((2,), "float64"), unsolved="status")
    value, solved = gd.compile([a], [x, solved])(1e12)
    assert solved and value == pytest.approx([3, 3], abs=1e-7)


def test_what_has_no_minimum():
    a = gd.input("a", (), dtype="float64")

    def f(x):
        return gd.sum(a * x)

    x = gd.minimize(f, np.ones(2))
    falls = gd.compile([a], [x, gd.grad(gd.sum(x), a)])
    assert all(np.isnan(v).all() for v in falls(1.0))
    (x, _, largest), solved = gd.compile([a], gd.minimize(f, np.ones(2), full=True, unsolved="status", max_steps=30))(
        2.0
    )
    assert not solved and largest == 2
    with pytest.raises(gd.FeedError, match="minimize: no minimum in 1000 steps"):
        gd.compile([a], gd.minimize(f, np.ones(2), unsolved="check"))(1.0)
    assert gd.compile([a], gd.minimize(f, np.ones(2)))(0.0).tolist() == [1, 1]


@pytest.mark.parametrize("start", [np.inf, -np.inf, np.nan])
def test_where_the_value_is_not_finite_is_no_minimum(start):
    x = gd.input("x", (2,), "float64")
    _, solved = gd.compile([x], gd.minimize(lambda v: gd.sum(v * v), x, unsolved="status"))([start, 1.0])
    assert not solved
