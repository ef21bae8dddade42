"""SciPy's solvers over graphs, beside SciPy given the same by hand."""

import ctypes
import pickle

import numpy as np
import pytest
import scipy.optimize
from scipy.integrate import quad, solve_ivp

import graphdiff as gd
from graphdiff.interop import ctypes as by_ctypes
from graphdiff.interop import scipy as bridge


def rosenbrock(n=6):
    x = gd.parameter("x", value=np.full(n, -1.0))
    return x, gd.sum(100 * gd.square(x[1:] - gd.square(x[:-1])) + gd.square(1 - x[:-1]))


def fit():
    """A straight line through data, of two parameters of different shapes and dtypes."""
    rng = np.random.default_rng(0)
    x, t = gd.input("x", ("n", 2), dtype="float64"), gd.input("t", ("n",), dtype="float64")
    w, b = gd.parameter("w", value=np.zeros(2)), gd.parameter("b", value=np.float32(0))
    feed = {x: rng.normal(size=(40, 2)), "t": rng.normal(size=40)}
    return x @ w + gd.astype(b, "float64") - t, [w, {"b": b}], feed


def test_problem_gives_values_and_derivatives_of_the_packed_vector():
    r, wrt, feed = fit()
    loss = gd.sum(gd.square(r))
    p = bridge.problem(loss, wrt, feed, hess="dense")
    z = np.array([0.5, -1.0, 0.25])
    design, t = np.column_stack([next(iter(feed.values())), np.ones(40)]), feed["t"]
    residual = design @ z - t
    value, slope = p.fun(z)
    assert np.isclose(value, residual @ residual) and np.allclose(slope, 2 * design.T @ residual)
    assert p.value(z) == value and (p.grad(z) == slope).all()
    assert np.allclose(p.hess(z), 2 * design.T @ design)
    assert (p.x0 == 0).all() and p.unpack(z)[1]["b"].dtype == np.float32
    assert (p.pack(p.unpack(z)) == z).all()
    sparse = bridge.problem(loss, wrt, feed, hess="sparse")
    assert np.allclose(sparse.hess(z).toarray(), p.hess(z))
    product = bridge.problem(loss, wrt, feed, hess="hvp")
    assert np.allclose(product.hessp(z, z), p.hess(z) @ z) and product.hess is None
    again = pickle.loads(pickle.dumps(p))
    assert again.fun(z)[0] == value and (again.hess(z) == p.hess(z)).all()


METHODS = ["BFGS", "L-BFGS-B", "Newton-CG", "trust-ncg", "trust-exact", "trust-constr", "SLSQP", "COBYQA"]


@pytest.mark.parametrize("method", METHODS)
def test_methods_find_the_minimum_and_parameters_get_it(method):
    x, loss = rosenbrock(3)
    x.value = [0.5, 0.5, 0.5]
    found = bridge.minimize(loss, x, method=method, options={"maxiter": 2000})
    assert np.allclose(found.x, 1, atol=1e-3) and (x.value == found.leaves).all() and (found.leaves == found.x).all()


def test_the_same_steps_as_by_hand():
    x, loss = rosenbrock(20)
    want = scipy.optimize.minimize(
        scipy.optimize.rosen, np.full(20, -1.0), jac=scipy.optimize.rosen_der, method="L-BFGS-B", tol=1e-12
    )
    found = bridge.minimize(loss, x, method="L-BFGS-B", tol=1e-12)
    assert found.success and np.allclose(found.x, want.x) and abs(found.nfev - want.nfev) <= 8


@pytest.mark.parametrize("method", ["SLSQP", "trust-constr", "COBYLA"])
def test_bounds_and_constraints(method):
    a, b = gd.parameter("a", value=np.array([2.0, 0.0])), gd.parameter("b", value=np.float64(0.5))
    r = gd.input("r", (), dtype="float64")
    loss = gd.sum(gd.square(a - np.array([2.0, 1.0]))) + gd.square(b + 3.0)
    outside = gd.sum(gd.square(a)) - r
    bounds = {b: (-1.0, None), a: (np.array([-5.0, 0.25]), 5.0)}
    found = bridge.minimize(
        loss,
        {"a": a, "b": b},
        {"r": 1.0},
        method=method,
        bounds=bounds,
        constraints=[outside],
        options={"maxiter": 3000},
    )
    want = np.array([2.0, 1.0]) / np.sqrt(5)
    assert np.allclose(found.leaves["a"], want, atol=2e-3) and np.isclose(found.leaves["b"], -1, atol=2e-3)
    assert np.allclose(a.value, want, atol=2e-3)


@pytest.mark.parametrize("sparse", ["auto", True, False])
def test_least_squares_of_named_sizes(sparse):
    r, wrt, feed = fit()
    found = bridge.least_squares(r, wrt, feed, sparse=sparse)
    design = np.column_stack([next(iter(feed.values())), np.ones(40)])
    assert np.allclose(found.x, np.linalg.lstsq(design, feed["t"])[0], atol=1e-6)
    assert np.allclose(wrt[0].value, found.leaves[0]) and wrt[1]["b"].value.dtype == np.float32


def test_least_squares_has_a_sparse_jacobian_where_few_entries_are_not_zero():
    y = gd.parameter("y", value=np.zeros(80))
    residuals = [y[1:] - y[:-1] - 0.5, y[:1] - 2.0]
    found = bridge.least_squares(residuals, y, x_scale="jac")
    assert scipy.sparse.issparse(found.jac) and np.allclose(found.x, 2 + 0.5 * np.arange(80))
    assert not scipy.sparse.issparse(bridge.least_squares(residuals, y, method="lm").jac)


def test_root_of_inputs_begins_where_it_is_told():
    a, b = gd.input("a", (), dtype="float64"), gd.input("b", (), dtype="float64")
    found = bridge.root([a * b - 1, a + b - 3], [a, b], x0=[0.1, 1.0])
    assert found.success and np.allclose(found.leaves[0] * found.leaves[1], 1) and np.allclose(sum(found.leaves), 3)
    with pytest.raises(gd.FeedError, match=r"a: f64\[\] has no value to begin from; give x0"):
        bridge.root([a * b - 1, a + b - 3], [a, b])
    with pytest.raises(gd.GraphError, match="1 equations for 2 unknowns"):
        bridge.root([a * b], [a, b], x0=[1.0, 1.0])


def test_leaves_of_named_sizes_are_refused_with_what_to_write():
    x = gd.input("x", ("n", 3), dtype="float64")
    loss, told = gd.sum(gd.square(x)), r"x: f64\[n,3\] .* known; make it .* as gd.input\('x', shape=\(100, 3\)\)"
    for solve in (bridge.minimize, bridge.least_squares, bridge.root, bridge.problem):
        with pytest.raises(gd.ShapeError, match=told):
            solve(loss, x)


@pytest.mark.parametrize("method", ["RK45", "Radau"])
def test_ode_of_a_structure_with_parameters(method):
    t, k = gd.input("t", (), dtype="float64"), gd.input("k", (), dtype="float64")
    at, speed = gd.input("at", (2,), dtype="float64"), gd.input("speed", (2,), dtype="float64")
    rhs, jac = bridge.ode([speed, -k * at], t, [at, speed], [k])
    begin = np.array([1.0, 0.0, 0.0, 2.0])
    more = {"jac": jac} if method == "Radau" else {}
    found = solve_ivp(rhs, (0, 1), begin, method=method, args=(4.0,), rtol=1e-8, atol=1e-10, **more)
    assert np.allclose(found.y[:2, -1], [np.cos(2.0), np.sin(2.0)], atol=1e-6)
    assert (pickle.loads(pickle.dumps(rhs))(0.0, begin, 4.0) == rhs(0.0, begin, 4.0)).all()
    assert (jac(0.0, begin, 4.0) == np.block([[np.zeros((2, 2)), np.eye(2)], [-4 * np.eye(2), np.zeros((2, 2))]])).all()


def test_low_level_callbacks_keep_what_they_call():
    x = gd.input("x", (), dtype="float64")
    f = gd.compile([x], gd.exp(gd.sin(3 * x)))
    want = quad(f, 0, 2)
    assert quad(bridge.low_level(f, "double (double, void *)"), 0, 2) == want
    assert quad(bridge.low_level(f.entry(), "double (double x, void *data)"), 0, 2) == want


def test_ctypes_functions_run_and_tell_faults():
    x, i = gd.input("x", ("n",), dtype="float64"), gd.input("i", (), dtype="int64")
    c = by_ctypes.function(gd.compile([x, i], x[i]), n=3)
    feeds, out = [np.arange(3.0), np.array(2)], np.empty(())
    pointers = [(ctypes.c_void_p * len(a))(*(v.ctypes.data for v in a)) for a in (feeds, [out])]
    assert c(c.data, *pointers) == 0 and out == 2
    feeds[1][...] = 3
    assert c(c.data, *pointers) != 0 and "index 3 is out of range" in str(c.entry.fault())


def test_what_does_not_fit_is_told():
    r, wrt, feed = fit()
    loss = gd.sum(gd.square(r))
    p = bridge.problem(loss, wrt, feed)
    for call, told in (
        (lambda: bridge.problem(r, wrt, feed), "the loss is one number, got %"),
        (lambda: bridge.problem(loss, [wrt[0], wrt[0]], feed), "each once"),
        (lambda: bridge.problem(loss, loss, feed), "wrt are parameters and inputs"),
        (lambda: bridge.problem(loss, wrt, {"t": feed["t"]}), r"data misses x: f64\[n,2\]; write data="),
        (lambda: bridge.problem(loss, wrt, feed | {"y": 1.0}), "data has 'y', which nothing depends on"),
        (lambda: bridge.problem(loss, wrt, feed, hess="full"), "hess is None"),
        (lambda: bridge.minimize(loss, wrt, feed, bounds={loss: (0, 1)}), "bounds of"),
        (
            lambda: bridge.minimize(loss, wrt, feed, bounds=(0, 1)),
            r"bounds go by leaf; write bounds=\{w: \(low, high\)\}, got tuple",
        ),
        (
            lambda: bridge.minimize(loss, wrt, feed, bounds={wrt[0]: (np.zeros(3), None)}),
            r"w: f64\[2\] has a bound of shape",
        ),
        (
            lambda: bridge.minimize(loss, wrt, feed, bounds={wrt[0]: 1.0}),
            "bounds of w are a pair, low and high or None",
        ),
        (lambda: bridge.minimize(loss, wrt, feed, bounds={wrt[0]: ("a", None)}), "a bound of w has no real numbers"),
        (lambda: bridge.minimize(loss, wrt, feed, bounds={"b": (0, 1)}), "bounds of 'b', .* write bounds=.b: "),
        (
            lambda: bridge.minimize(loss, wrt, feed, bounds={wrt[0]: ([0, 3], 1)}),
            r"bounds of w\[1\] are 3.0 and 1.0, .* write the lower one first",
        ),
        (lambda: bridge.minimize(loss, wrt, (1, 2)), r"data=\{x: array, t: array\}, got tuple"),
        (lambda: p.fun(np.zeros(3, complex)), "the vector has no real numbers"),
        (lambda: p.fun("abc"), "the vector has no real numbers, got 'abc'"),
        (lambda: p.fun(np.zeros(4)), r"the vector has shape \(3,\), got \(4,\)"),
        (lambda: p.pack([np.zeros(3), {"b": 0.0}]), r"w has shape \(2,\), got \(3,\)"),
        (lambda: bridge.ode(r, gd.input("t2", ()), gd.input("y", (3,))), "has the derivative"),
        (lambda: by_ctypes.function(p), "give what gd.compile or f.entry"),
    ):
        with pytest.raises(gd.GraphdiffError, match=told):
            call()


def test_a_start_outside_of_bounds_is_told_by_leaf():
    a, k = gd.parameter("a", value=np.float64(1)), gd.parameter("k", value=np.array([2.0, 4.0]))
    r, bounds = gd.concat([a - k, a * k - 1]), {k: (0, [5, 3])}
    with pytest.raises(gd.FeedError, match=r"k\[1\] begins at 4.0, .* bounds 0.0 and 3.0; write x0=(.*)") as told:
        bridge.least_squares(r, [a, k], bounds=bounds)
    within = eval(str(told.value).split("x0=")[1].splitlines()[0])
    found = bridge.least_squares(r, [a, k], bounds=bounds, x0=within)
    assert found.success and np.allclose([a.value, *k.value], 1)
    with pytest.raises(gd.FeedError, match=r"bounds of a are both 1\.0"):
        bridge.least_squares(r, [a, k], bounds={a: (1, 1)})


@pytest.mark.parametrize("solve", [bridge.minimize, bridge.least_squares, bridge.problem])
def test_a_leaf_that_was_made_again_is_told(solve):
    w, b = gd.parameter("w", value=np.float64(1)), gd.parameter("b", value=np.float64(1))
    loss = gd.square(w * b - 3)
    again = gd.parameter("w", value=np.float64(1))
    with pytest.raises(gd.GraphError, match=r"no dependence on w.*another parameter of that name"):
        solve(loss, [again, b])


def test_nan_in_a_line_search_is_passed_on():
    x = gd.parameter("x", value=np.array([3.0]))
    found = bridge.minimize(gd.sum(x - gd.log(x)), x, method="L-BFGS-B", options={"maxls": 40})
    assert np.isfinite(found.x).all()
