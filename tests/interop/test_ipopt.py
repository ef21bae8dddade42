"""Nonlinear programs solved by Ipopt from exact, sparse derivatives."""

import numpy as np
import pytest

import graphdiff as gd

pytest.importorskip("casadi")

from graphdiff.interop import ipopt


def test_a_problem_with_known_answer_and_multipliers():
    x = gd.parameter("x", value=np.array([1.0, 5.0, 5.0, 1.0]))  # Hock and Schittkowski 71
    f = x[0] * x[3] * (x[0] + x[1] + x[2]) + x[2]
    p = ipopt.Problem(f, [x], [(gd.prod(x), 25, None), (gd.sum(x * x), 40, 40)], {x: (1, 5)})
    found = p.solve(tol=1e-10)
    assert found.success and found.status == 0 and found.message == "solved" and found.nit < 20
    np.testing.assert_allclose(found.x, [1, 4.7429996, 3.8211499, 1.3794082], rtol=1e-6)
    assert abs(found.fun - 17.0140173) < 1e-6 and (x.value == found.x).all()
    np.testing.assert_allclose([float(m) for m in found.multipliers], [-0.55229366, 0.16146857], rtol=1e-5)
    assert found.bound_multipliers[0][0] > 1 and repr(p) == (
        "<Problem of 4 numbers and 2 constraints: 8 entries of the Jacobian, 10 of the Hessian>"
    )


def test_without_constraints_with_data_and_in_the_structure_of_leaves():
    W, b, n = gd.parameter("W", value=np.zeros(2)), gd.parameter("b", value=np.float64(0)), 20
    X = np.random.default_rng(0).normal(size=(n, 2))
    x, t = gd.input("x", ("n", 2), "float64"), gd.input("t", ("n",), "float64")
    loss = gd.mean(gd.square(x @ W + b - t))
    found = ipopt.Problem(loss, {"W": W, "b": b}, data={x: X, "t": X @ [1.0, -2.0] + 3}).solve()
    np.testing.assert_allclose(found.leaves["W"], [1, -2], atol=1e-7)
    assert abs(b.value - 3) < 1e-7 and found.multipliers == []


@pytest.mark.parametrize("scheme", ["trapezoid", "hermite_simpson"])
def test_optimal_control_by_collocation(scheme):
    c = ipopt.collocation(lambda x, u: gd.stack([x[1], u[0]]), 2, 1, 40, 1.0, scheme)
    ends = [(c.defects, 0, 0), (c.x[0], 0, 0), (c.x[-1], np.array([1.0, 0]), np.array([1.0, 0]))]
    p = ipopt.Problem(c.integral(lambda x, u: u[0] ** 2), [c.x, c.u], ends)
    found = p.solve([np.zeros((41, 2)), np.zeros((41, 1))])
    t = gd.compile([], c.t)()
    assert found.success and abs(found.fun - 12) < (0.04 if scheme == "trapezoid" else 1e-6)
    np.testing.assert_allclose(found.leaves[0][:, 0], 3 * t**2 - 2 * t**3, atol=1e-3)
    assert len(p._jacobian_at[0]) < 40 * 12 + 4 and len(p._hessian_at[0]) < 3 * p.n  # linear in the intervals


def test_a_free_end_and_what_is_not_finite_on_the_way():
    T = gd.input("T", (), "float64")
    c = ipopt.collocation(lambda x, u: gd.stack([x[1], u[0]]), 2, 1, 20, T)
    ends = [(c.defects, 0, 0), (c.x[0], 0, 0), (c.x[-1], np.array([1.0, 0]), np.array([1.0, 0]))]
    found = ipopt.Problem(T, [c.x, c.u, T], ends, {c.u: (-1, 1), T: (0.1, 10)}).solve(
        [np.zeros((21, 2)), np.zeros((21, 1)), 1.0]
    )
    assert found.success and abs(found.fun - 2) < 0.01  # full on, full off
    x = gd.parameter("x", value=np.float64(3))
    found = ipopt.Problem(x - 100 * gd.log(1 - gd.square(x - 3.5)), [x]).solve()
    assert found.success and 3.4 < x.value < 3.5


def test_callbacks_errors_and_what_does_not_fit():
    x = gd.parameter("x", value=np.array([-1.2, 1.0]))
    f = gd.square(1 - x[0]) + 100 * gd.square(x[1] - gd.square(x[0]))
    p, seen = ipopt.Problem(f, [x]), []
    stopped = p.solve(callback=lambda k, value: seen.append(value) or k < 3)
    assert stopped.status == 5 and len(seen) == 4 and not stopped.success
    with pytest.raises(ZeroDivisionError):
        p.solve(callback=lambda k, value: 1 / 0)
    assert p.solve(max_iter=2, mu_strategy="adaptive").message == "maximum of iterations reached"
    for call, told in (
        (lambda: p.solve(no_such=1), "there is no option 'no_such'"),
        (lambda: ipopt.Problem(x, [x]), "the objective is one number"),
        (lambda: ipopt.Problem(f, [x], [(x, np.zeros(3), None)]), "constraint 0 has shape"),
        (lambda: ipopt.Problem(f, [x], gd.sum(x)), r"a list of \(Tensor, low, high\).*write \[\(c, 0, 0\)\]"),
        (lambda: ipopt.Problem(f, [x], [gd.sum(x)]), r"constraint 0 is \(Tensor, low, high\), got %"),
        (lambda: ipopt.Problem(f, [x], [(gd.sum(x), 3)]), r"constraint 0 is .*write \[\(c, 0, 0\)\]"),
        (lambda: ipopt.Problem(f, [x], [(gd.sum(x), 3, 1)]), "at least 3.0 and at most 1.0; write the lower"),
        (lambda: ipopt.Problem(f, [x], [], {x: (3, 1)}), r"bounds of x\[0\] are 3.0 and 1.0"),
        (lambda: ipopt.collocation(lambda x, u: x[0], 2, 1, 3, 1.0), "one number a state"),
        (lambda: ipopt.collocation(lambda x, u: (x[1], u[0]), 2, 1, 3, 1.0), r"got tuple; write gd.stack\("),
        (lambda: ipopt.collocation(lambda x, u: x, 2, 1, 3, 1.0, "euler"), 'scheme is "trapezoid" or'),
    ):
        with pytest.raises(gd.GraphdiffError, match=told):
            call()
