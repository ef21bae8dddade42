"""``gd.check_grad`` cries only where a rule is wrong, and then names the operation, inside loops and branches too."""

import numpy as np
import pytest

import graphdiff as gd

KEY = gd.state("key", np.int64(3))
DTYPES = ["float32", "float64"]


def leaf(dtype, shape=(4, 3), name="x"):
    return gd.input(name, shape, dtype)


def at(dtype, shape=(4, 3), seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


DRAWS = {
    "dropout": lambda x: gd.nn.dropout(x, 0.4, key=KEY),
    "bernoulli of a number": lambda x: gd.where(gd.random.bernoulli(KEY, 0.3, x.shape), x, 2 * x),
    "bernoulli of numbers": lambda x: gd.where(gd.random.bernoulli(KEY, gd.full(x.shape, 0.3), x.shape), x, x * x),
    "uniform": lambda x: x * gd.random.uniform(KEY, x.shape, dtype=x.dtype) ** 2,
    "uniform, compared": lambda x: gd.where(gd.random.uniform(KEY, x.shape) < 0.5, gd.sin(x), x),
    "normal": lambda x: gd.tanh(x * gd.random.normal(KEY + 1, x.shape, dtype=x.dtype)),
    "randint": lambda x: x[gd.random.randint(KEY, (5,), 0, 4)],
    "in a scan": lambda x: gd.scan(lambda k, r: (k + 1, gd.nn.dropout(r, 0.5, key=k)), KEY, x)[1],
    "in a branch": lambda x: gd.cond(gd.sum(x) > -99, lambda a: gd.nn.dropout(a, 0.5, key=KEY), lambda a: a, x),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_draws_are_held(draw, dtype):
    x = leaf(dtype)
    assert gd.check_grad(gd.sum(draw(x) ** 2), x, {x: at(dtype)}).ok


FOLLOWED = {
    "gamma": lambda a: gd.random.gamma(KEY, a, a.shape),
    "gamma of a function": lambda a: gd.random.gamma(KEY, gd.exp(a) / 3, a.shape) * a,
    "two of one shape": lambda a: gd.random.gamma(KEY, a, a.shape) / (1 + gd.random.gamma(KEY + 1, a, a.shape)),
    "a gamma of a gamma": lambda a: gd.random.gamma(KEY + 1, 0.5 + gd.random.gamma(KEY, a, a.shape), a.shape),
    "beta": lambda a: gd.random.beta(KEY, a, 2.0, a.shape) + gd.random.beta(KEY + 1, 0.4, a, a.shape),
    "many": lambda a: gd.vmap(lambda one: gd.random.gamma(KEY, one, (3,)))(a),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("draw", FOLLOWED.values(), ids=FOLLOWED)
def test_draws_by_rejection_are_followed(draw, dtype):
    a = leaf(dtype, (6,))
    assert gd.check_grad(gd.sum(draw(a) ** 2), a, {a: np.array([0.02, 0.3, 0.9, 1.5, 4, 12], dtype)}).ok


def test_a_wrong_derivative_of_a_draw_is_seen(monkeypatch):
    import graphdiff.ops.distributions as distributions

    slope = distributions._slope
    monkeypatch.setattr(distributions, "_slope", lambda a, l: slope(a, l) * 1.001)
    a = leaf("float64", (3,))
    with pytest.raises(gd.GradientMismatch, match=r"^gamma draw: its vjp rule"):
        gd.check_grad(gd.sum(gd.random.gamma(KEY, a, a.shape)), a, {a: np.array([0.3, 1.5, 4])})


STOPPED = {
    "plain": lambda x: gd.stop_gradient(x) * x,
    "straight through": lambda x: x + gd.stop_gradient(gd.round(x) - x),
    "of a stopped one": lambda x: gd.stop_gradient(x * gd.stop_gradient(gd.exp(x))) * gd.sin(x),
    "hard gumbel": lambda x: gd.nn.gumbel_softmax(x, tau=0.7, hard=True, key=KEY) * gd.arange(3, dtype=x.dtype),
    "the scale of a quantisation": lambda x: x / gd.stop_gradient(gd.max(gd.abs(x), axis=0)),
    "one of a root": lambda x: gd.root(lambda z, a: z**3 + z - a, x * 0, x) * gd.stop_gradient(x),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("f", STOPPED.values(), ids=STOPPED)
def test_what_stop_gradient_gives_is_held(f, dtype):
    x = leaf(dtype)
    assert gd.check_grad(gd.sum(f(x)), x, {x: at(dtype)}).ok


@pytest.mark.parametrize("dtype", DTYPES)
def test_an_operation_of_the_users_own_that_is_right_is_not_named(dtype):
    x, key = leaf(dtype), gd.input("key", (), "int64")
    right = gd.custom("right", lambda x: gd.exp(x), vjp=lambda g, y, x: g * y, jvp=lambda ts, y, x: ts[0] * y)
    kept = gd.custom("kept", lambda x: gd.nn.dropout(x, 0.3, key=key), vjp=lambda g, y, x: g * y / x)
    solved = gd.root(lambda z, a: z**3 + z - a, x * 0, x)
    with pytest.raises(gd.GradientMismatch, match=r"^wrong: its vjp rule"):
        loss = gd.sum(wrong()(right(solved) + kept(right(x))))
        gd.check_grad(loss, x, {x: at(dtype), key: 5}, order=1, modes=("vjp",))


NOISY = {
    "a large argument": lambda x: gd.sum(gd.sin(100 * x + 100_000)),
    "a square taken back": lambda x: gd.sum(gd.sqrt((x + 1000) ** 2 - 2000 * x - 999_999)),
    "a variance far from 0": lambda x: gd.sum(gd.sqrt(gd.mean((x + 500) ** 2) - gd.mean(x + 500) ** 2)),
    "a chaotic loop": lambda x: gd.sum(gd.scan(lambda c, _: (3.9 * c * (1 - c), None), x**2 / 9, None, length=14)[0]),
}


@pytest.mark.parametrize("f", NOISY.values(), ids=NOISY)
def test_rounding_of_float32_is_no_mismatch(f):
    x = leaf("float32")
    assert gd.check_grad(f(x), x, {x: at("float32")}).ok


def wrong(name="wrong"):
    return gd.custom(name, lambda x: gd.sin(x), vjp=lambda g, y, x: g * 1.1 * gd.cos(x))


INSIDE = {
    "plain": lambda x: wrong()(x),
    "scan": lambda x: gd.scan(lambda c, r: (c + wrong()(r * c), c), gd.ones((3,), x.dtype), x)[0],
    "while": lambda x: gd.while_loop(lambda s: s[0] < 3, lambda s: (s[0] + 1, wrong()(s[1])), (0, x), 9)[1],
    "map": lambda x: gd.map(lambda r: gd.exp(wrong()(r)), x),
    "cond": lambda x: gd.cond(gd.sum(x * x) > 0, lambda a: wrong()(a), lambda a: a, x),
    "not taken": lambda x: gd.cond(gd.sum(x * x) < 0, lambda a: a, lambda a: wrong()(a) * 2, x),
    "nested": lambda x: gd.scan(
        lambda c, r: (gd.scan(lambda d, e: (wrong()(d + e), None), c, r)[0], None), gd.ones((), x.dtype), x
    )[0],
    "branch in scan": lambda x: gd.scan(
        lambda c, r: (gd.cond(c[0] > 99, lambda: c, lambda: wrong()(c * r)), None), gd.ones((3,), x.dtype), x
    )[0],
}


@pytest.mark.parametrize("shape", [(4, 3), ("n", 3)], ids=["fixed", "named"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("f", INSIDE.values(), ids=INSIDE)
def test_the_operation_inside_is_named(f, dtype, shape):
    x = leaf(dtype, shape)
    with pytest.raises(gd.GradientMismatch, match=r"^wrong: its vjp rule") as caught:
        gd.check_grad(gd.sum(f(x)), x, {x: at(dtype)}, order=1, modes=("vjp",))
    assert "test_check_grad.py" in str(caught.value)


NAMED = {
    "scan": lambda x: gd.scan(lambda c, r: (gd.tanh(c + r), c), gd.zeros(x.shape[1:], x.dtype), x)[1],
    "reversed scan": lambda x: gd.scan(lambda c, r: (c * r, c), gd.ones(x.shape[1:], x.dtype), x, reverse=True)[1],
    "slices": lambda x: x[:2, ::-1] * x[-1:] + gd.sum(x[1:-1] ** 2),
    "sizes as numbers": lambda x: x**2 / x.shape[0] + gd.arange(x.shape[0], dtype=x.dtype)[:, None],
    "reshaped": lambda x: gd.cumsum(x.reshape(-1)) @ gd.reshape(x, (x.size,)),
    "a length": lambda x: gd.scan(lambda c, _: (gd.sin(c), None), x, None, length=x.shape[0])[0],
    "padded": lambda x: gd.pad(x, 1)[1:] * gd.concat([x[:, :1], x, x[:, :1]], axis=1)[:1],
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("f", NAMED.values(), ids=NAMED)
def test_named_sizes(f, dtype):
    x = leaf(dtype, ("n", "m"))
    assert gd.check_grad(gd.sum(f(x) ** 2), x, {x: at(dtype)}).ok
    with pytest.raises(gd.FeedError, match="dimensions"):
        gd.check_grad(gd.sum(f(x) ** 2), x, {x: np.zeros(3)})


def test_a_wrong_rule_is_no_rounding():
    """Off by a thousandth in float32, and only there where the rule is looked at."""
    x = leaf("float32")
    near = gd.custom("near", lambda x: gd.sin(x), vjp=lambda g, y, x: g * 1.01 * gd.cos(x))
    with pytest.raises(gd.GradientMismatch, match="near"):
        gd.check_grad(gd.sum(near(x)), x, {x: at("float32")}, order=1, modes=("vjp",))


def test_a_kernel_that_is_wrong_in_float32_alone_is_seen(monkeypatch):
    import graphdiff.testing as testing

    whole = testing._along

    def off(d, directions, inputs, feeds):
        found = whole(d, directions, inputs, feeds)
        return found * 1.01 if d.of.dtype == np.float32 else found

    monkeypatch.setattr(testing, "_along", off)
    x = leaf("float32")
    with pytest.raises(gd.GradientMismatch, match="every operation's own rule agrees"):
        gd.check_grad(gd.sum(gd.sin(x)), x, {x: at("float32")})


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("jump", [1e-3, 0.02, 0.08, 0.5])
@pytest.mark.parametrize("off", [0.0, 1e-12, 1e-9, 3e-8, 1e-6, 3.3333e-6, 5e-6, 9e-6])
def test_a_kink_within_the_steps_is_no_fault(off, jump, dtype):
    x = gd.input("x", (), dtype)
    loss = gd.sin(x) + jump * gd.maximum(x - (0.5 + off), 0)
    report = gd.check_grad(loss, x, {x: np.asarray(0.5, dtype)}, order=1)
    assert report.ok
    assert all(c.kinks == (off < 1e-7) for c in report.comparisons)  # a step of a hundredth keeps clear of others


def test_a_curve_is_no_kink():
    x = leaf("float64", ())
    for f in (lambda v: gd.exp(30 * v), lambda v: gd.sin(40 * v), lambda v: 1e3 * v**4, lambda v: 1 / (v - 0.69)):
        report = gd.check_grad(f(x), x, {x: np.asarray(0.7)})
        assert report.ok
        assert not any(c.kinks for c in report.comparisons)
