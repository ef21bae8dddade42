"""gd.odeint: SciPy's steps, derivatives of the numbers computed, stiff equations, and where steps run out."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import graphdiff as gd


def lotka_volterra(y, t, k):
    return gd.stack([k[0] * y[0] - k[1] * y[0] * y[1], k[3] * y[0] * y[1] - k[2] * y[1]])


def robertson(y, t, k):
    a, b, c = k[0] * y[0], k[1] * y[1] * y[2], k[2] * gd.square(y[1])
    return gd.stack([b - a, a - b - c, c])


def van_der_pol(y, t, mu):
    return gd.stack([y[1], mu * (1 - gd.square(y[0])) * y[1] - y[0]])


def kepler(y, t):
    return {"at": y["v"], "v": -y["at"] / gd.norm(y["at"]) ** 3}


K, Y = np.array([1.5, 1.0, 3.0, 1.0]), np.array([1.0, 2.0])


def leaves(*sizes, dtype="float64"):
    return [gd.input(name, (n,), dtype=dtype) for name, n in zip(("k", "y0", "t"), sizes)]


def compared(f, feeds, gradients, close, step=1e-4):
    """Gradients against differences of the function itself, of order 4."""
    for i, feed in enumerate(feeds):
        for j in np.ndindex(feed.shape):
            size = step * max(abs(feed[j]), 1.0)
            values = []
            for k in (1, -1, 2, -2):
                moved = [x.copy() for x in feeds]
                moved[i][j] += k * size
                values.append(f(*moved))
            difference = (8 * (values[0] - values[1]) - (values[2] - values[3])) / 12 / size
            assert gradients[i][j] == pytest.approx(difference, rel=close, abs=close)


def test_dopri5_is_scipys_step_by_step():
    k, y0, t = leaves(4, 2, "m")
    y, steps, reached = gd.odeint(lotka_volterra, y0, t, k, full=True)
    loss = gd.sum(gd.sin(y))
    f = gd.compile([k, y0, t], [y, steps, reached, gd.grad(loss, [k, y0, t]), gd.jvp(loss, k, gd.ones_like(k))])
    times = np.linspace(0, 10, 11)
    value, steps, reached, gradients, moved = f(K, Y, times)
    right = lambda t, y: [K[0] * y[0] - K[1] * y[0] * y[1], K[3] * y[0] * y[1] - K[2] * y[1]]  # noqa: E731
    theirs = solve_ivp(right, (0, 10), Y, t_eval=times, rtol=1e-6, atol=1e-8)
    assert value == pytest.approx(theirs.y.T, rel=1e-12)
    assert 6 * steps + 2 == theirs.nfev and reached == 10
    assert moved == pytest.approx(gradients[0].sum(), rel=1e-9)
    compared(gd.compile([k, y0, t], loss), [K, Y, times], gradients, 1e-8, 1e-5)
    assert f(K, Y, times[:1])[0].tolist() == [Y.tolist()]


def test_a_hundred_times_cost_no_steps_and_a_loop_of_bounded_memory():
    k, y0, t = leaves(4, 2, "m")
    y, steps, _ = gd.odeint(lotka_volterra, y0, t, k, full=True)
    f = gd.compile([k, y0, t], [steps, gd.grad(gd.sum(y), k)])
    assert f(K, Y, np.linspace(0, 10, 1001))[0] == f(K, Y, np.linspace(0, 10, 2))[0]
    more = gd.odeint(lotka_volterra, y0, t, k, max_steps=1_000_000)
    g = gd.compile([k, y0, t], gd.grad(gd.sum(more), k))
    few, many = (h.plan_for(m=2).arena_bytes for h in (f, g))
    assert many < 12 * few  # ten times the square root
    assert g(K, Y, np.array([0.0, 5.0])) == pytest.approx(f(K, Y, np.array([0.0, 5.0]))[1], rel=1e-12)


def test_kepler_there_and_back():
    e = gd.input("e", (), dtype="float64")
    start = {"at": gd.stack([1 - e, 0.0]), "v": gd.stack([0.0, gd.sqrt((1 + e) / (1 - e))])}
    times = np.linspace(0, 2 * np.pi, 5)
    there = gd.odeint(kepler, start, times, rtol=1e-10, atol=1e-12)
    end = {name: x[-1] for name, x in there.items()}
    back = gd.odeint(kepler, end, times[::-1].copy(), rtol=1e-10, atol=1e-12)
    f = gd.compile([e], [there, back, gd.grad(there["at"][2, 0], e), gd.grad(back["v"][-1, 1], e)])
    there, back, half, whole = f(0.6)
    assert there["at"].shape == (5, 2)
    assert there["at"][-1] == pytest.approx([0.4, 0], abs=1e-7)
    assert there["at"][2] == pytest.approx([-1.6, 0], abs=1e-7) and half == pytest.approx(-1, abs=1e-6)
    assert back["at"][-1] == pytest.approx([0.4, 0], abs=1e-7)
    assert whole == pytest.approx(0.5 * 2 / 0.4**2 / 2, abs=1e-5)  # of sqrt((1 + e) / (1 - e)), which is 2


def test_rk4_is_the_classical_method():
    k, y0, t = leaves(4, 2, "m")
    y = gd.odeint(lotka_volterra, y0, t, k, method="rk4")
    loss = gd.sum(gd.square(y))
    f = gd.compile([k, y0, t], [y, gd.grad(loss, [k, y0, t])])
    times = np.linspace(0, 2, 21)
    value, gradients = f(K, Y, times)
    rate = lambda y: np.array([K[0] * y[0] - K[1] * y[0] * y[1], K[3] * y[0] * y[1] - K[2] * y[1]])  # noqa: E731
    at = [Y]
    for h in np.diff(times):
        k1 = rate(at[-1])
        k2 = rate(at[-1] + h / 2 * k1)
        k3 = rate(at[-1] + h / 2 * k2)
        k4 = rate(at[-1] + h * k3)
        at.append(at[-1] + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4))
    assert value == pytest.approx(np.array(at), rel=1e-13)
    compared(gd.compile([k, y0, t], loss), [K, Y, times], gradients, 1e-8)


def test_robertsons_stiff_reactions():
    k, y0, t = leaves(3, 3, "m")
    y, steps, reached = gd.odeint(robertson, y0, t, k, method="bdf2", full=True)
    loss = gd.sum(gd.log(y[1:]))
    f = gd.compile([k, y0, t], [y, steps, gd.grad(loss, [k, y0, t])])
    feeds = [np.array([0.04, 1e4, 3e7]), np.array([1.0, 0, 0]), np.array([0, 0.4, 40, 4e3, 4e5])]
    value, steps, gradients = f(*feeds)
    rates = feeds[0]

    def right(t, y):
        a, b, c = rates[0] * y[0], rates[1] * y[1] * y[2], rates[2] * y[1] ** 2
        return [b - a, a - b - c, c]

    theirs = solve_ivp(right, (0, 4e5), feeds[1], t_eval=feeds[2], rtol=1e-9, atol=1e-13, method="Radau").y.T
    assert value[1:] == pytest.approx(theirs[1:], rel=3e-4) and steps < 1000
    only = gd.compile([k, y0, t], loss)
    compared(lambda k: only(k, *feeds[1:]), feeds[:1], gradients[:1], 1e-8, 1e-5)
    compared(lambda t: only(*feeds[:2], t), feeds[2:], gradients[2:], 1e-8, 1e-5)

    # by explicit steps they run out: NaN from there, and the time that was reached
    short = gd.odeint(robertson, y0, t, k, max_steps=400, full=True)
    y, steps, reached = gd.compile([k, y0, t], short)(*feeds)
    assert steps == 400 and 0.4 < reached < 40
    assert np.isfinite(y[:2]).all() and np.isnan(y[2:]).all()
    assert y[1] == pytest.approx(theirs[1], rel=1e-4)
    y, solved = gd.compile([k, y0, t], gd.odeint(robertson, y0, t, k, max_steps=400, unsolved="status"))(*feeds)
    assert not solved and np.isnan(y[-1]).all()
    with pytest.raises(gd.FeedError, match=r"ran out before the last time; give more than max_steps=400"):
        gd.compile([k, y0, t], gd.odeint(robertson, y0, t, k, max_steps=400, unsolved="check"))(*feeds)


def test_van_der_pol_relaxes():
    mu = gd.input("mu", (), dtype="float64")
    times = np.linspace(0, 2000, 9)
    f = gd.compile([mu], gd.odeint(van_der_pol, np.array([2.0, 0.0]), times, mu, method="bdf2", rtol=1e-6, full=True))
    y, steps, _ = f(1000.0)
    right = lambda t, y: [y[1], 1000 * (1 - y[0] ** 2) * y[1] - y[0]]  # noqa: E731
    theirs = solve_ivp(right, (0, 2000), [2, 0], t_eval=times, rtol=1e-8, atol=1e-10, method="Radau").y.T
    assert y[:, 0] == pytest.approx(theirs[:, 0], rel=1e-3) and steps < 5000


@pytest.mark.parametrize("method", ["dopri5", "rk4", "bdf2"])
def test_batches_of_structures_in_float32(method):
    """Each example has steps of its own."""
    k, y0 = gd.input("k", ("b",)), gd.input("y0", ("b", "n"))
    times = np.linspace(0, 2, 41)

    def one(y0, k):
        start = {"at": y0, "v": gd.zeros_like(y0)}
        return gd.odeint(lambda y, t: {"at": y["v"], "v": -k * y["at"]}, start, times, method=method, full=True)

    y, steps, _ = gd.vmap(one)(y0, k)
    f = gd.compile([y0, k], [y["at"], steps, gd.grad(gd.sum(y["at"][:, -1]), k)])
    rates = np.array([1, 2, 30], "float32")
    value, steps, g = f(np.ones((3, 2), "float32"), rates)
    exact = np.cos(np.sqrt(rates)[:, None] * times)[..., None]
    assert value.dtype == "float32" and value == pytest.approx(np.broadcast_to(exact, value.shape), abs=4e-3)
    assert g == pytest.approx(-2 * np.sin(2 * np.sqrt(rates)) / np.sqrt(rates), abs=2e-2)
    assert method == "rk4" or steps[0] < steps[2]
    alone = f(np.ones((1, 2), "float32"), rates[:1])
    assert np.array_equal(alone[0][0], value[0])


@pytest.mark.parametrize("method", ["rk4", "bdf2"])
def test_second_derivatives(method):
    a = gd.input("a", (), dtype="float64")
    y = gd.odeint(lambda y, t, a: -a * y * y + gd.sin(t), 1.0, [0.0, 0.3, 0.4], a, method=method, rtol=1e-3)
    gd.check_grad(gd.sum(y), [a], {"a": 1.3}, order=2, modes=("jvp",) if method == "bdf2" else ("vjp", "jvp"))


def test_a_second_derivative_of_adaptive_steps():
    a = gd.input("a", (), dtype="float64")
    y = gd.odeint(lambda y, t: -a * y, 1.0, [0.0, 2.0], rtol=1e-8, atol=1e-10)[-1]
    g, h = gd.compile([a], [gd.grad(y, a), gd.hvp(y, a, 1.0)])(0.7)
    assert g == pytest.approx(-2 * np.exp(-1.4), rel=1e-6) and h == pytest.approx(4 * np.exp(-1.4), rel=1e-6)


def test_inside_of_a_scan():
    xs = gd.input("xs", ("n",), dtype="float64")

    def step(c, x):
        y = gd.odeint(lambda y, t: -x * y, c, [0.0, 1.0])[-1]
        return y, y

    last, _ = gd.scan(step, 1.0, xs)
    value, g = gd.compile([xs], [last, gd.grad(last, xs)])(np.array([0.1, 0.2, 0.3]))
    assert value == pytest.approx(np.exp(-0.6), rel=1e-6) and g == pytest.approx(-value, rel=1e-5)


def test_monitors_have_a_row_for_each_time():
    a = gd.input("a", (), dtype="float64")

    def rhs(y, t):
        gd.monitor(a * y, "rate")
        gd.check(y < 10, "y is too large")
        return a * y

    y, steps, _ = gd.odeint(rhs, 1.0, [0.0, 1.0, 2.0], full=True)
    gd.monitor(steps, "steps")
    f = gd.compile([a], y)
    assert np.array_equal(f(1.0), f.monitors["rate"])
    assert 5 < f.monitors["steps"] < 20
    with pytest.raises(gd.FeedError, match="y is too large"):
        f(2.0)


def test_an_equation_that_breaks_off():
    """y' = y², which is infinite at t = 1, and a rate that is NaN from there on."""
    t = gd.input("t", ("m",), dtype="float64")
    for rhs in (lambda y, t: gd.square(y), lambda y, t: y * 0 + gd.log(1 - t)):
        y, steps, reached = gd.compile([t], gd.odeint(rhs, 1.0, t, full=True))(np.array([0, 0.5, 2.0]))
        assert np.isfinite(y[:2]).all() and np.isnan(y[2]) and reached == pytest.approx(1, abs=1e-3) and steps < 2000


def test_times_in_no_order():
    a, t = gd.input("a", (), dtype="float64"), gd.input("t", ("m",), dtype="float64")
    f = gd.compile([a, t], gd.odeint(lambda y, t: -a * y, 1.0, t))
    assert f(1.0, np.array([0.0, 1, 1, 2])) == pytest.approx(np.exp([0.0, -1, -1, -2]), rel=1e-5)
    for times in ([0.0, 2, 1], [0.0, 1, 0]):
        with pytest.raises(gd.FeedError, match="the times neither rise nor fall throughout; sort them"):
            f(1.0, np.array(times))
    with pytest.raises(gd.GraphdiffError, match="the times neither rise nor fall"):
        gd.compile([a], gd.odeint(lambda y, t: -a * y, 1.0, [0, 2, 1]))(1.0)


@pytest.mark.parametrize(
    ("call", "error", "told"),
    [
        (lambda f: gd.odeint(f, 1.0, 1.0), gd.ShapeError, "t is a vector of one time or more"),
        (lambda f: gd.odeint(f, 1.0, []), gd.ShapeError, "t is a vector of one time or more"),
        (lambda f: gd.odeint(f, 1.0, [0, 1], method="rk5"), gd.GraphError, "got 'rk5'"),
        (lambda f: gd.odeint(f, 1.0, [0, 1], rtol=-1.0), gd.GraphError, "rtol is a number that is not negative"),
        (lambda f: gd.odeint(lambda y, t: y[:1], gd.zeros(3), [0, 1]), gd.ShapeError, r"rhs\(y, t\) \(1,\)"),
        (lambda f: gd.odeint(f, gd.zeros(3), gd.constant(np.zeros(2))), gd.DTypeError, "y0 is float32, t float64"),
    ],
)
def test_wrong_calls_say_what_to_write(call, error, told):
    with pytest.raises(error, match=told):
        call(lambda y, t: -y)
