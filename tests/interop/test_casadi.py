"""Graphs as CasADi's functions, beside its own."""

import numpy as np
import pytest

import graphdiff as gd

casadi = pytest.importorskip("casadi")

from graphdiff.interop.casadi import external  # noqa: E402

A = np.random.default_rng(0).normal(size=(2, 3))
X, M = np.array([0.3, -0.7, 1.1]), np.arange(6.0).reshape(2, 3) / 5


def graph():
    x, m = gd.input("x", ("n",), "float64"), gd.input("m", (2, "n"), "float64")
    w = gd.parameter("w", value=A)
    return gd.compile([x, m], [gd.sin(m @ x * w[:, 0]) * gd.sum(m), gd.square(m) * x], name="made")


def theirs():
    x, m = casadi.MX.sym("x", 3), casadi.MX.sym("m", 2, 3)
    rows = casadi.repmat(x.T, 2, 1)
    return casadi.Function(
        "theirs", [x, m], [casadi.sin(m @ x * casadi.DM(A[:, 0])) * casadi.sum1(casadi.sum2(m)), m**2 * rows]
    )


def test_values_jacobians_and_second_derivatives():
    f, g = external(graph(), n=3), theirs()
    assert f.name() == "made" and f.name_in() == ["x", "m"]
    x, m = casadi.MX.sym("x", 3), casadi.MX.sym("m", 2, 3)
    found = []
    for h in (f, g):
        a, b = h(x, m)
        loss = casadi.sumsqr(a) + casadi.sum1(casadi.sum2(b**2))
        outputs = [a, b, casadi.jacobian(a, x), casadi.jacobian(casadi.vec(b), m), casadi.gradient(loss, x)]
        outputs += [casadi.hessian(loss, x)[0], casadi.jacobian(casadi.gradient(loss, m), x), casadi.jtimes(a, x, x)]
        outputs.append(casadi.jtimes(b, m, b, True))
        found.append(casadi.Function("all", [x, m], outputs)(X, M))
    for ours, want in zip(*found, strict=True):
        np.testing.assert_allclose(np.array(ours), np.array(want), rtol=1e-10, atol=1e-12)
    assert casadi.jacobian(casadi.vec(f(x, m)[1]), m).nnz() == 6  # as sparse as it is


def test_ipopt_by_casadi():
    x = gd.input("x", (2,), "float64")
    f = external(gd.compile([x], gd.square(1 - x[0]) + 100 * gd.square(x[1] - gd.square(x[0])), name="rosenbrock"))
    g = external(gd.compile([x], gd.sum(gd.square(x)), name="circle"))
    v = casadi.MX.sym("v", 2)
    quiet = {"ipopt.print_level": 0, "print_time": False}
    for hessian in ({}, {"ipopt.hessian_approximation": "limited-memory"}):
        solver = casadi.nlpsol("s", "ipopt", {"x": v, "f": f(v), "g": g(v)}, {**quiet, **hessian})
        found = solver(x0=[-1.2, 1], lbg=0, ubg=1)
        np.testing.assert_allclose(np.array(found["x"]).ravel(), [0.78641515, 0.61769831], rtol=1e-5)


def test_what_does_not_fit_is_told(monkeypatch):
    w, x = gd.parameter("w", value=np.float64(1)), gd.input("x", (2, 2, 2))
    for call, told in (
        (lambda: external(gd.compile([], w, {w: w + 1})), "has updates, and CasADi takes functions to be pure"),
        (lambda: external(gd.compile([x], x)), "CasADi has matrices, got x"),
        (lambda: external(graph()), "the size n is missing"),
        (lambda: external(graph(), "1", n=3), "the name is an identifier"),
    ):
        with pytest.raises(gd.GraphdiffError, match=told):
            call()
    monkeypatch.setenv("CC", "/nowhere/cc")
    with pytest.raises(gd.GraphdiffError, match="no compiler '/nowhere/cc'"):
        external(graph(), n=3)
