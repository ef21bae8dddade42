"""gd.root and gd.fixed_point: solutions, their derivatives, what is given where there is none."""

import numpy as np
import pytest
import scipy.optimize

import graphdiff as gd

RNG = np.random.default_rng(0)


def scalar(name="a", dtype="float64"):
    return gd.input(name, (), dtype=dtype)


def test_a_root_and_its_derivatives():
    a = scalar()
    x, iterations, residual = gd.root(lambda x, a: x**3 - a, 1.0, a, full=True)
    g = gd.grad(x, a)
    results = [
        x,
        g,
        gd.jvp(x, a, 1.0),
        gd.grad(g, a),
        gd.jvp(g, a, 1.0),
        gd.grad(gd.grad(g, a), a),
        iterations,
        residual,
    ]
    x, g, t, gg, tg, ggg, iterations, residual = gd.compile([a], results)(8.0)
    assert x == pytest.approx(2, rel=1e-15)
    assert [g, t] == pytest.approx([1 / 12] * 2, rel=1e-14)
    assert [gg, tg] == pytest.approx([-2 / 9 * 8 ** (-5 / 3)] * 2, rel=1e-13)
    assert ggg == pytest.approx(10 / 27 * 8 ** (-8 / 3), rel=1e-12)
    assert 0 < iterations < 10 and residual < 1e-14


def broyden(x):
    """Moré, Garbow and Hillstrom 1981, problem 30."""
    left, right = gd.concat([[0.0], x[:-1]]), gd.concat([x[1:], [0.0]])
    return (3 - 2 * x) * x - left - 2 * right + 1


def test_the_root_of_a_system_is_scipys():
    x0 = gd.input("x0", ("n",), dtype="float64")
    f = gd.compile([x0], gd.root(broyden, x0))
    at = gd.compile([x0], broyden(x0))
    for n in (5, 30):
        start = np.full(n, -1.0)
        assert f(start) == pytest.approx(scipy.optimize.root(at, start, tol=1e-12).x, rel=1e-9)


def test_a_step_that_overshoots_is_halved():
    a = scalar()
    x, n, _ = gd.compile([a], gd.root(lambda x: gd.atan(x) - a, 20.0, full=True))(0.25)
    assert x == pytest.approx(np.tan(0.25), rel=1e-14) and n < 40


def structure_of(w):
    """A root of a structure, that uses w without being given it."""

    def f(s):
        u, v = s["u"], s["v"]
        return {"u": u + 0.1 * gd.sin(v) - w[:2], "v": v + 0.2 * gd.sum(u) * v - w[2]}

    return gd.root(f, {"u": gd.zeros((2,), dtype="float64"), "v": 0.5})


def test_structures_closures_and_batches():
    w = gd.input("w", ("n", 3), dtype="float64")
    found = gd.vmap(structure_of)(w)
    assert found["u"].shape == (w.shape[0], 2) and found["v"].shape == (w.shape[0],)
    loss = gd.sum(found["u"] ** 2) + gd.sum(gd.cos(found["v"]))
    report = gd.check_grad(loss, [w], {"w": RNG.normal(size=(3, 3))}, order=2)
    assert {(c.mode, c.order) for c in report.comparisons} == {("vjp", 1), ("jvp", 1), ("vjp", 2), ("jvp", 2)}
    one = gd.input("one", (3,), dtype="float64")
    alone, together = gd.compile([one], structure_of(one)), gd.compile([w], found)
    rows = RNG.normal(size=(4, 3))
    for i, row in enumerate(rows):
        assert together(rows)["u"][i] == pytest.approx(alone(row)["u"], rel=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("solver", [gd.root, gd.fixed_point])
def test_an_implicit_layer(dtype, solver):
    """Parameters of z = tanh(z W + x), against steps that are simply repeated and differentiated."""
    W = gd.parameter("W", value=(RNG.normal(size=(4, 4)) * 0.3).astype(dtype))
    x = gd.input("x", ("n", 4), dtype=dtype)
    moved = (lambda z: gd.tanh(z @ W + x)) if solver is gd.fixed_point else (lambda z: gd.tanh(z @ W + x) - z)
    z = solver(moved, gd.zeros_like(x))
    repeated, _ = gd.scan(lambda z, _: (gd.tanh(z @ W + x), None), gd.zeros_like(x), None, length=60)
    both = [[y, *gd.grad(gd.sum(gd.square(y)), [W, x]), gd.jvp(y, W, gd.ones_like(W))] for y in (z, repeated)]
    f = gd.compile([x], both)
    ours, theirs = f(RNG.normal(size=(3, 4)).astype(dtype))
    for a, b in zip(ours, theirs):
        assert a.dtype == dtype and a == pytest.approx(b, abs=2e-4 if dtype == "float32" else 1e-11)


def test_a_fixed_point_takes_few_steps_and_no_matrix():
    b = gd.input("b", (2000,), dtype="float64")
    x, n, residual = gd.fixed_point(lambda x: 0.9 * gd.cos(x) + 0.05 * gd.roll(x, 1) + b, gd.zeros_like(b), full=True)
    f = gd.compile([b], [x, n, residual, gd.grad(gd.sum(x), b)])
    value, n, residual, g = f(RNG.normal(size=2000))
    assert n < 150 and residual <= 1e-12 * (1 + abs(value).max())
    assert f.plan.arena_bytes < 2000 * 8 * 100
    slopes = np.diag(-0.9 * np.sin(value)) + 0.05 * np.roll(np.eye(2000), 1, axis=0)
    assert g == pytest.approx(np.linalg.solve(np.eye(2000) - slopes.T, np.ones(2000)), rel=1e-9)


def test_second_derivatives_of_a_fixed_point():
    a = gd.input("a", (2,), dtype="float64")
    x = gd.fixed_point(
        lambda x: {"p": gd.cos(x["p"]) * a[0] + x["q"] / 3, "q": a[1] * gd.sin(x["p"])}, {"p": 1.0, "q": 0.0}
    )
    gd.check_grad(x["p"] * x["q"], [a], {"a": [0.4, 0.7]}, order=2)


@pytest.mark.parametrize("solver", [gd.root, gd.fixed_point])
def test_solvers_in_loops(solver):
    xs = gd.input("xs", ("n",), dtype="float64")

    def step(c, x):
        def f(z):
            y = 0.5 * gd.cos(z) * c + x
            return y if solver is gd.fixed_point else y - z

        z = solver(f, 1.0)
        return z, z

    last, all_ = gd.scan(step, 0.5, xs)
    feed = np.array([0.1, 0.2, 0.3])
    gd.check_grad(last, [xs], {"xs": feed})
    z, c = gd.compile([xs], all_)(feed), np.array([0.5, *gd.compile([xs], all_)(feed)[:-1]])
    assert z == pytest.approx(0.5 * np.cos(z) * c + feed, rel=1e-12)


def nothing(solver):
    """A problem without a solution for a > 0, with one for a = 0."""
    if solver is gd.root:
        return lambda x, a: x * x + a
    return lambda x, a: x + a


@pytest.mark.parametrize("solver", [gd.root, gd.fixed_point])
def test_what_has_no_solution(solver):
    a, f = scalar(), nothing(solver)
    x = solver(f, 1.0, a)
    assert np.isnan(gd.compile([a], [x, gd.grad(x, a)])(1.0)).all()
    (x, n, residual), solved = gd.compile([a], solver(f, 1.0, a, full=True, unsolved="status", max_steps=20))(1.0)
    assert not solved and n <= 20 and residual >= 0.1 and np.isfinite(x)
    assert gd.compile([a], solver(f, 1.0, a, unsolved="status")[1])(0.0)
    s = gd.state("s", value=np.float64(0))
    checked = gd.compile([a], solver(f, 1.0, a, unsolved="check"), updates={s: s + 1})
    checked(0.0)
    with pytest.raises(gd.FeedError, match=r"no solution in \d+ steps; begin elsewhere"):
        checked(1.0)
    assert s.value == 1


def test_a_start_that_is_no_number_ends_at_once():
    a = scalar()
    (_, n, _), solved = gd.compile([a], gd.root(lambda x: gd.log(x) - a, -1.0, full=True, unsolved="status"))(1.0)
    assert not solved and n == 1
    assert np.isnan(gd.compile([a], gd.root(lambda x: gd.sqrt(x - a), 0.0))(1.0))


def test_monitors_and_checks_see_the_solution():
    a = scalar()

    def f(x):
        gd.monitor(x, "x")
        gd.check(x < 3, "x is too large")
        return x * x - a

    x, n, _ = gd.root(f, 1.0, full=True)
    gd.monitor(n, "iterations")
    g = gd.compile([a], x)
    assert g(4.0) == g.monitors["x"] == 2 and 2 < g.monitors["iterations"] < 10
    with pytest.raises(gd.FeedError, match="x is too large"):
        g(16.0)


@pytest.mark.parametrize(
    ("call", "error", "told"),
    [
        (lambda: gd.root(lambda x: x, np.arange(3)), gd.DTypeError, r"int64; write .astype\('float32'\)"),
        (lambda: gd.root(lambda x: x[:1], gd.zeros(3)), gd.ShapeError, r"x0 has shape \(3,\), f\(x\) \(1,\)"),
        (lambda: gd.root(lambda x: {"a": x}, 1.0), gd.GraphError, "x0 is one Tensor, f.x. is a dict of 1"),
        (lambda: gd.root(lambda x: [x[1], x[0]], np.ones(2)), gd.GraphError, r"a list of 2; write gd.stack\(\["),
        (lambda: gd.root(lambda x: x, []), gd.GraphError, "x0 has no Tensor"),
        (lambda: gd.root(lambda x: x, (gd.zeros(2), gd.zeros(2, "float64"))), gd.DTypeError, "float32 and float64"),
        (lambda: gd.root(lambda x: x, 1.0, max_steps=0), gd.GraphError, "max_steps is a positive int, got 0"),
        (
            lambda: gd.root(lambda x: x, 1.0, tol="a"),
            gd.GraphError,
            "root: tol is a number that is not negative, got 'a'",
        ),
        (lambda: gd.minimize(lambda x: x * x, 1.0, tol=-1), gd.GraphError, "minimize: tol is .* got -1"),
        (lambda: gd.fixed_point(lambda x: x, 1.0, tol=np.nan), gd.GraphError, "fixed_point: tol is .* got nan"),
        (lambda: gd.root(lambda x: x, gd.zeros(0)), gd.ShapeError, "root: x0 has no elements"),
        (
            lambda: gd.minimize(lambda x: gd.sum(x[0]), [gd.zeros(0), gd.zeros((2, 0))]),
            gd.ShapeError,
            "minimize: x0 has no elements",
        ),
        (lambda: gd.odeint(lambda y, t: y, gd.zeros(0), [0.0, 1.0]), gd.ShapeError, "odeint: y0 has no elements"),
        (lambda: gd.root(3, 1.0), gd.GraphError, "root: expected a function, got int"),
        (lambda: gd.fixed_point(None, 1.0), gd.GraphError, "fixed_point: expected a function, got NoneType"),
        (lambda: gd.minimize("f", 1.0), gd.GraphError, "minimize: expected a function, got str"),
        (lambda: gd.odeint(1.0, 1.0, [0.0, 1.0]), gd.GraphError, "odeint: expected a function, got float"),
        (lambda: gd.fixed_point(lambda x: x, 1.0, unsolved="so"), gd.GraphError, "got 'so'"),
        (lambda: gd.minimize(lambda x: x, gd.zeros(3)), gd.ShapeError, r"the loss has shape \(3,\)"),
    ],
)
def test_wrong_calls_say_what_to_write(call, error, told):
    with pytest.raises(error, match=told):
        call()
