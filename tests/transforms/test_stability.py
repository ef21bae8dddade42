"""Derivatives are as stable as values: of every order, in both modes, in both dtypes, wherever a rewrite makes the
value stable; nothing leaks out of what ``where`` did not take; losses have finite gradients at every finite input."""

import warnings

import mpmath
import numpy as np
import pytest

import graphdiff as gd

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")
S = gd.nn.sigmoid
DTYPES = ["float32", "float64"]
ROOM = {"float32": 3e-6, "float64": 1e-14}


def derivatives(f, x0, dtype):
    """The gradient of sum(f(x)) by reverse and forward mode, and its derivative again by all four orders of modes: of
    a function of each element by itself."""
    x = gd.input("x", np.shape(x0), dtype)
    ones = gd.ones_like(x)
    y = f(x)
    g, t = gd.vjp(y, x, ones), gd.jvp(y, x, ones)
    seconds = [gd.vjp(g, x, ones), gd.jvp(g, x, ones), gd.vjp(t, x, ones), gd.jvp(t, x, ones)]
    return gd.compile([x], [y, g, t, *seconds])(np.asarray(x0, dtype))


def softmax(x):
    return gd.exp(x) / gd.sum(gd.exp(x), axis=-1, keepdims=True)


def tail(z):  # sigmoid, with all its digits
    return 1 / (1 + mpmath.exp(-z))


def mills(z):  # -d log erfc(z)
    with mpmath.workdps(40):
        return 2 / mpmath.sqrt(mpmath.pi) * mpmath.exp(-z * z) / mpmath.erfc(z)


def mills_slope(z):
    with mpmath.workdps(40):
        return mills(z) * (mills(z) - 2 * z)


def normal_mills(z):  # -d log(1 - ndtr(z))
    with mpmath.workdps(40):
        return mpmath.npdf(z) / mpmath.ncdf(-z)


# what is written, and its first and second derivative
FORMS = {
    "log sigmoid": (lambda z: gd.log(S(z)), lambda z: tail(-z), lambda z: -tail(z) * tail(-z)),
    "log sigmoid spelled": (lambda z: gd.log(1 / (1 + gd.exp(-z))), lambda z: tail(-z), lambda z: -tail(z) * tail(-z)),
    "log 1 - sigmoid": (lambda z: gd.log(1 - S(z)), lambda z: -tail(z), lambda z: -tail(z) * tail(-z)),
    "log1p -sigmoid": (lambda z: gd.log1p(-S(z)), lambda z: -tail(z), lambda z: -tail(z) * tail(-z)),
    "log1p exp": (lambda z: gd.log1p(gd.exp(z)), tail, lambda z: tail(z) * tail(-z)),
    "log 1 + exp": (lambda z: gd.log(1 + gd.exp(z)), tail, lambda z: tail(z) * tail(-z)),
    "log exp + exp": (lambda z: gd.log(gd.exp(z) + gd.exp(-z)), lambda z: mpmath.tanh(z), None),
    "log exp": (lambda z: gd.log(gd.exp(z)), lambda z: 1, lambda z: 0),
    "sqrt square": (lambda z: gd.sqrt(z**2), mpmath.sign, lambda z: 0),
    "sqrt product": (lambda z: gd.sqrt(z * z), mpmath.sign, lambda z: 0),
    "exp / 1 + exp": (lambda z: gd.exp(z) / (1 + gd.exp(z)), lambda z: tail(z) * tail(-z), None),
    "swish spelled": (lambda z: z / (1 + gd.exp(-z)), lambda z: tail(z) * (1 + z * tail(-z)), None),
    "log reciprocal": (lambda z: gd.log(1 / gd.exp(z)), lambda z: -1, lambda z: 0),
    "log2 sigmoid": (lambda z: gd.log2(S(z)), lambda z: tail(-z) / mpmath.log(2), None),
    "log10 1 - sigmoid": (lambda z: gd.log10(1 - S(z)), lambda z: -tail(z) / mpmath.log(10), None),
    "log2 1 + exp": (lambda z: gd.log2(1 + gd.exp(z)), lambda z: tail(z) / mpmath.log(2), None),
    "log odds": (lambda z: gd.log(S(z) / (1 - S(z))), lambda z: 1, lambda z: 0),
    "log cosh": (lambda z: gd.log(gd.cosh(z)), mpmath.tanh, lambda z: mpmath.sech(z) ** 2),
    "log 1 - tanh^2": (
        lambda z: gd.log(1 - gd.tanh(z) ** 2),
        lambda z: -2 * mpmath.tanh(z),
        lambda z: -2 * mpmath.sech(z) ** 2,
    ),
    "log1p -tanh^2": (lambda z: gd.log1p(-gd.square(gd.tanh(z))), lambda z: -2 * mpmath.tanh(z), None),
    "log erfc": (lambda z: gd.log(gd.erfc(z)), lambda z: -mills(z), lambda z: -mills_slope(z)),
    "log 1 - erf": (lambda z: gd.log(1 - gd.erf(z)), lambda z: -mills(z), lambda z: -mills_slope(z)),
    "log1p erf": (lambda z: gd.log1p(gd.erf(z)), lambda z: mills(-z), lambda z: -mills_slope(-z)),
    "log (1 + erf) / 2": (lambda z: gd.log(0.5 * (1 + gd.erf(z))), lambda z: mills(-z), lambda z: -mills_slope(-z)),
    "log2 erfc / 2": (lambda z: gd.log2(gd.erfc(-z) / 2), lambda z: mills(-z) / mpmath.log(2), None),
    "log ndtr": (lambda z: gd.log(gd.ndtr(z)), lambda z: normal_mills(-z), None),
    "log 1 - ndtr": (lambda z: gd.log(1 - gd.ndtr(z)), lambda z: -normal_mills(z), None),
    "log1p -ndtr": (lambda z: gd.log1p(-gd.ndtr(z)), lambda z: -normal_mills(z), None),
    "log 1 - tanh": (
        lambda z: gd.log(1 - gd.tanh(z)),
        lambda z: -2 * tail(2 * z),
        lambda z: -4 * tail(2 * z) * tail(-2 * z),
    ),
    "log1p -tanh": (lambda z: gd.log1p(-gd.tanh(z)), lambda z: -2 * tail(2 * z), None),
    "log (tanh + 1) / 2": (lambda z: gd.log((gd.tanh(z) + 1) / 2), lambda z: 2 * tail(-2 * z), None),
    "log sigmoid squared": (lambda z: gd.log(gd.square(S(z))), lambda z: 2 * tail(-z), None),
}


def close(got, want, dtype, room=1.0):
    want = np.array([float(v) for v in want])
    with np.errstate(over="ignore"):
        scale = np.maximum(np.abs(want), float(np.finfo(dtype).tiny))
    assert np.all(np.isfinite(got)), got
    error = np.abs(np.asarray(got, np.float64) - want) / scale
    assert error.max() < ROOM[dtype] * room, (got, want, error)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", FORMS)
def test_a_stable_value_has_stable_derivatives(name, dtype):
    f, first, second = FORMS[name]
    z0 = np.array([-700.0, -103.0, -89.0, -30.0, -1.0, 0.0, 0.5, 30.0, 88.0, 200.0, 712.0], dtype)
    _, g, t, *seconds = derivatives(f, z0, dtype)
    zs = [mpmath.mpf(float(z)) for z in z0]
    scale = 40 if name == "swish spelled" else 4
    close(g, [first(z) for z in zs], dtype, scale)
    close(t, [first(z) for z in zs], dtype, scale)
    for s in seconds:
        assert np.all(np.isfinite(s)), s
        if second is not None:
            close(s, [second(z) for z in zs], dtype, 4)


SOFTMAX = {
    "nn.softmax": gd.nn.softmax,
    "spelled": softmax,
    "shifted": lambda x: softmax(x - gd.max(x, axis=-1, keepdims=True)),
    "over a sum kept by hand": lambda x: gd.exp(x) / gd.expand_dims(gd.sum(gd.exp(x), axis=-1), -1),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", SOFTMAX)
def test_log_and_entropy_of_softmax(name, dtype):
    z0 = np.array([[-30, 0, 30, 200], [1000, 999, 0, -1000], [0.5, -0.25, 0, 1]], dtype)
    x, v = gd.input("x", (3, 4), dtype), np.array([0.5, -1, 2, 0.25], dtype)
    with mpmath.workdps(60):
        e = [[mpmath.exp(mpmath.mpf(float(a)) - float(max(row))) for a in row] for row in z0]
        p = [[a / sum(row) for a in row] for row in e]
        logs = [[mpmath.log(a) for a in row] for row in p]
        want = [[float(float(v[i]) - sum(map(float, v)) * row[i]) for i in range(4)] for row in p]
        entropy = [-sum(a * b for a, b in zip(row, lrow)) for row, lrow in zip(p, logs)]
        entropy_g = [[float(-a * (b + h)) for a, b in zip(row, lrow)] for row, lrow, h in zip(p, logs, entropy)]
    y = gd.log(SOFTMAX[name](x))
    h = -gd.sum(SOFTMAX[name](x) * gd.log(SOFTMAX[name](x)))
    outs = [
        gd.vjp(y, x, gd.broadcast_to(v, (3, 4))),
        gd.grad(h, x),
        gd.hessian(h, x),
        gd.hessian(gd.sum(y), x),
        gd.jvp(h, x, gd.ones_like(x)),
    ]
    g, hg, hh, yh, t = gd.compile([x], outs)(z0)
    np.testing.assert_allclose(g, want, rtol=ROOM[dtype] * 2, atol=ROOM[dtype])
    np.testing.assert_allclose(hg, entropy_g, rtol=ROOM[dtype] * 2, atol=ROOM[dtype] * 2)
    assert np.isfinite(hh).all() and np.isfinite(yh).all() and np.isfinite(t)


LABELS = np.array([2, 1, 1])
EACH = np.arange(3)
ONE_HOT = np.eye(3)[LABELS]


def total(w, mask, axis=1):
    """The logarithm of the sum of masked probabilities, by their logarithms."""
    w = np.where(mask > 0, w, -np.inf) + np.log(np.where(mask > 0, mask, 1))
    m = w.max(axis, keepdims=True)
    return np.log(np.exp(w - m).sum(axis)) + m.squeeze(axis)


# what is taken of probabilities, and the same of their logarithms
BEHIND = {
    "labels": (lambda p: p[gd.arange(3), gd.constant(LABELS)], lambda w: w[EACH, LABELS]),
    "take": (lambda p: gd.take(p, gd.constant(LABELS), axis=1), lambda w: w[:, LABELS]),
    "along": (
        lambda p: gd.take_along_axis(p, gd.constant(LABELS[:, None]), axis=1),
        lambda w: w[EACH, LABELS][:, None],
    ),
    "gather_nd": (lambda p: gd.gather_nd(p, gd.constant(np.stack([EACH, LABELS], 1))), lambda w: w[EACH, LABELS]),
    "column": (lambda p: p[:, 0], lambda w: w[:, 0]),
    "reversed": (lambda p: p[::-1, ::-1].T, lambda w: w[::-1, ::-1].T),
    "rolled": (lambda p: gd.roll(p, 1, axis=1), lambda w: np.roll(w, 1, 1)),
    "diagonal": (lambda p: gd.diag(p), np.diag),
    "repeated": (lambda p: gd.broadcast_to(p, (2, 3, 3)), lambda w: np.broadcast_to(w, (2, 3, 3))),
    "joined": (lambda p: gd.concat([p, p[:1] * 2]), lambda w: np.concatenate([w, w[:1] + np.log(2)])),
    "masked": (lambda p: gd.where(LABELS > 1, p, 1.0), lambda w: np.where(LABELS > 1, w, 0)),
    "least": (lambda p: gd.min(p, axis=1), lambda w: w.min(1)),
    "scaled": (lambda p: p * 0.25 / 3, lambda w: w - np.log(12)),
    "products": (lambda p: p[:, :1] * p[:, 1:], lambda w: w[:, :1] + w[:, 1:]),
    "ratio": (lambda p: p[:, :1] / p[:, 1:], lambda w: w[:, :1] - w[:, 1:]),
    "powers": (lambda p: gd.sqrt(p) * p**2, lambda w: 2.5 * w),
    "product": (lambda p: gd.prod(p, axis=0), lambda w: w.sum(0)),
    "inverse": (lambda p: 1 / p, lambda w: -w),
    "one-hot": (lambda p: gd.sum(p * gd.one_hot(gd.constant(LABELS), 3, p.dtype), axis=1), lambda w: total(w, ONE_HOT)),
    "vecdot": (lambda p: gd.vecdot(p, gd.one_hot(gd.constant(LABELS), 3, p.dtype)), lambda w: total(w, ONE_HOT)),
    "row of eye": (lambda p: gd.sum(p * gd.eye(3, dtype=p.dtype)[LABELS], axis=1), lambda w: total(w, ONE_HOT)),
    "constant": (lambda p: gd.sum(p * ONE_HOT.astype(p.dtype), axis=1), lambda w: total(w, ONE_HOT)),
    "smoothed": (
        lambda p: gd.sum(p * (0.1 + 0.9 * gd.one_hot(gd.constant(LABELS), 3, p.dtype)), axis=1),
        lambda w: total(w, 0.1 + 0.9 * ONE_HOT),
    ),
    "chosen": (lambda p: gd.sum(gd.where(ONE_HOT > 0, p, 0.0), axis=1), lambda w: total(w, ONE_HOT)),
    "tail": (lambda p: gd.sum(p[:, 1:], axis=1, keepdims=True), lambda w: total(w[:, 1:], np.ones(2))[:, None]),
    "column of weights": (lambda p: p @ np.array([1, 0, 2], p.dtype), lambda w: total(w, np.array([1, 0, 2]))),
    "mean of models": (lambda p: gd.mean(p, axis=0), lambda w: total(w, np.full((3, 3), 1 / 3), 0)),
    "mixture": (lambda p: 0.25 * p[:, 0] + 0.75 * p[:, 1], lambda w: total(w, np.array([0.25, 0.75, 0]))),
    "squares": (lambda p: gd.sum(p**2 * ONE_HOT.astype(p.dtype), axis=1), lambda w: total(2 * w, ONE_HOT)),
    "cast": (lambda p: p[:, 0].astype("float64"), lambda w: w[:, 0]),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", BEHIND)
def test_logarithms_look_past_what_is_taken_of_probabilities(name, dtype):
    z0 = np.array([[0, 50, -2000], [3, -1000, 4], [1e4, 0, 0]], dtype)
    of_p, of_log = BEHIND[name]
    w = z0 - z0.max(1, keepdims=True)
    w = of_log(w - np.log(np.exp(w).sum(1, keepdims=True)))
    x = gd.input("x", (3, 3), dtype)
    exact = gd.sum(gd.nn.log_softmax(x)) * 0  # of the same dtype
    for probabilities in SOFTMAX.values():
        for log, base in ((gd.log, 1.0), (gd.log2, np.log(2)), (gd.log10, np.log(10))):
            y = log(of_p(probabilities(x))) + exact
            t = gd.jvp(y, x, x * 0 + gd.constant(np.array([1, 2, 3], dtype)))
            g = gd.grad(gd.sum(y), x)
            value, gv, tv, hv = gd.compile([x], [y, g, t, gd.jvp(g, x, gd.ones_like(x))])(z0)
            np.testing.assert_allclose(value, w / base, rtol=ROOM[dtype], atol=ROOM[dtype] * 10)
            for found in (gv, tv, hv):
                assert np.isfinite(found).all()
            np.testing.assert_allclose(np.sum(gv * [1, 2, 3]), np.sum(tv), rtol=ROOM[dtype] * 10, atol=1e-5)


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_log_of_a_sum_of_sigmoids_behind_a_mask(dtype):
    z0 = np.array([[-200, -3000, 5], [-1000, 2, 3], [-4, -1e4, -1e4]], dtype)
    z, labels = gd.input("z", (3, 3), dtype), gd.input("labels", (3,), "int64")
    hot = gd.one_hot(labels, 3, dtype)
    for of_z in (S, lambda z: 1 - S(-z)):
        y = gd.log(gd.sum(of_z(z) * hot, axis=1))
        value, g = gd.compile([z, labels], [y, gd.grad(gd.sum(y), z)])(z0, [0, 0, 2])
        np.testing.assert_allclose(value, [-200, -1000, -1e4])
        np.testing.assert_allclose(g, np.eye(3)[[0, 0, 2]])


def test_a_sum_whose_terms_may_be_negative_or_whose_weights_are_differentiated_stays_as_written():
    z, w = gd.input("z", (2, 3)), gd.input("w", (2, 3))
    z0, w0 = np.array([[1, 2, -1], [0, 3, 1]], np.float32), np.array([[2, -0.25, 0], [0, 1, 0.5]], np.float32)
    p = np.exp(z0) / np.exp(z0).sum(1, keepdims=True)
    for weight, of_w, slope in ((w, w0, 1), (gd.square(w), w0**2, 2 * w0), (gd.abs(w), np.abs(w0), np.sign(w0))):
        y = gd.log(gd.sum(gd.nn.softmax(z) * weight, axis=1))
        value, g = gd.compile([z, w], [y, gd.grad(gd.sum(y), w)])(z0, w0)
        np.testing.assert_allclose(value, np.log((p * of_w).sum(1)), rtol=5e-6)
        np.testing.assert_allclose(g, slope * p / (p * of_w).sum(1, keepdims=True), rtol=5e-6)
    # NaN beneath a mask stays
    hot = gd.one_hot(gd.constant(np.array([1, 2])), 3)
    got = gd.compile([z], gd.log(gd.sum(S(z) * hot, axis=1)))(np.array([[np.nan, 1, 1], [1, 1, 1]], np.float32))
    np.testing.assert_array_equal(np.isnan(got), [True, False])


@pytest.mark.parametrize("dtype", DTYPES)
def test_binary_probabilities_of_a_column(dtype):
    z0, t0 = np.array([[20], [-120], [3], [120]], dtype), np.array([1, 0, 1, 1], dtype)
    z, t = gd.input("z", ("n", 1), dtype), gd.input("t", ("n",), dtype)
    p = S(z)[:, 0]
    for loss in (
        gd.mean(-(t * gd.log(p) + (1 - t) * gd.log(1 - p))),
        gd.mean(-(t * gd.log(p) + (1 - t) * gd.log1p(-p))),
        gd.mean(gd.log1p(gd.exp(-z)[:, 0]) + (1 - t) * z[:, 0]),
    ):
        value, g = gd.compile([z, t], [loss, gd.grad(loss, z)])(z0, t0)
        np.testing.assert_allclose(g[:, 0], [-5.15288e-10, 0, -0.0118565, 0], rtol=1e-5, atol=1e-17)
        np.testing.assert_allclose(value, np.mean([2.06115e-9, 0, 0.0485873, 0]), rtol=2e-5)


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_log_of_a_density_that_is_written_out(dtype):
    x, m = gd.input("x", ("n",), dtype), gd.parameter("m", np.array(0.5, dtype))
    at = np.array([-60, 0, 0.5, 200], dtype)
    whole = float(0.3 * np.sqrt(2 * np.pi))
    for density in (
        gd.exp(-0.5 * gd.square((x - m) / 0.3)) / whole,
        1 / whole * gd.exp(-0.5 * gd.square((x - m) / 0.3)),
    ):
        y = gd.log(density)
        value, g, h = gd.compile([x], [y, gd.grad(gd.sum(y), x), gd.hessian(gd.sum(y), m)])(at)
        np.testing.assert_allclose(value, -0.5 * ((at - 0.5) / 0.3) ** 2 - np.log(whole), rtol=3e-6)
        np.testing.assert_allclose(g, -(at - 0.5) / 0.09, rtol=3e-6, atol=1e-6)
        np.testing.assert_allclose(h, -4 / 0.09, rtol=3e-6)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "f", [lambda x: gd.log(1 - gd.exp(x)), lambda x: gd.log1p(-gd.exp(x)), lambda x: gd.log(-gd.expm1(x))]
)
def test_the_log_of_one_less_an_exponential(f, dtype):
    x0 = np.array([-1e-10, -1e-3, -1, -50, -80], dtype)
    y, g, t, *_ = derivatives(f, x0, dtype)
    zs = [mpmath.mpf(float(x)) for x in x0]
    with mpmath.workdps(60):
        logs, slopes = [mpmath.log(-mpmath.expm1(x)) for x in zs], [-1 / mpmath.expm1(-x) for x in zs]
    close(y, logs, dtype)
    close(g, slopes, dtype)
    close(t, slopes, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("f", "log", "slope"),
    [
        (lambda x: gd.log(gd.expm1(x)), lambda x: mpmath.log(mpmath.expm1(x)), lambda x: -1 / mpmath.expm1(-x)),
        (lambda x: gd.log(gd.exp(x) - 1), lambda x: mpmath.log(mpmath.expm1(x)), lambda x: -1 / mpmath.expm1(-x)),
        (lambda x: gd.log(gd.sinh(x)), lambda x: mpmath.log(mpmath.sinh(x)), mpmath.coth),
        (lambda x: gd.log(gd.exp(x) - gd.exp(-x)), lambda x: mpmath.log(2 * mpmath.sinh(x)), mpmath.coth),
    ],
    ids=["expm1", "exp - 1", "sinh", "difference"],
)
def test_the_log_of_what_overflows(f, log, slope, dtype):
    x0 = np.array([0.125, 0.5, 3, 87, 95, 800, 1e4], dtype)
    y, g, t, *seconds = derivatives(f, x0, dtype)
    with mpmath.workdps(40):
        close(y, [log(mpmath.mpf(float(x))) for x in x0], dtype)
        for found in (g, t):
            close(found, [slope(mpmath.mpf(float(x))) for x in x0], dtype)
    assert all(np.isfinite(s).all() for s in seconds)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("f", "log"),
    [
        (lambda x: gd.log(gd.erfc(x)), lambda x: mpmath.log(mpmath.erfc(x))),
        (lambda x: gd.log(1 + gd.erf(-x)), lambda x: mpmath.log(mpmath.erfc(x))),
        (lambda x: gd.log(gd.ndtr(-x)), lambda x: mpmath.log(mpmath.ncdf(-x))),
        (lambda x: gd.log(1 - gd.tanh(x)), lambda x: mpmath.log(1 - mpmath.tanh(x))),
    ],
    ids=["erfc", "1 + erf", "ndtr", "tanh"],
)
def test_logarithms_of_tails_keep_their_digits(f, log, dtype):
    x0 = np.array([-5, -0.75, -1e-5, 1e-9, 0.25, 0.5, 0.51, 2, 9, 30, 300], dtype)
    x = gd.input("x", x0.shape, dtype)
    with mpmath.workdps(400):
        close(gd.compile([x], f(x))(x0), [log(mpmath.mpf(float(v))) for v in x0], dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_entropies_of_any_size(dtype):
    """Terms of 1 / p**2 that cancel are made of no square: it would overflow or vanish."""
    low, high = np.finfo(dtype).tiny * 4, np.finfo(dtype).max / 4
    p0 = np.geomspace(low, high, 40, dtype=dtype)
    p, ones = gd.input("p", p0.shape, dtype), gd.ones(p0.shape, dtype)
    for term in (gd.xlogy(p, p), gd.where(p > 0, p * gd.log(p), 0), -p * gd.log(1 / p)):
        g = gd.vjp(term, p, ones)
        slope, curve = gd.compile([p], [g, gd.vjp(g, p, ones)])(p0)
        np.testing.assert_allclose(slope, np.log(p0) + 1, rtol=ROOM[dtype])
        np.testing.assert_allclose(curve, 1 / p0, rtol=ROOM[dtype])
    term = gd.xlogy(p, p)
    t = gd.jvp(term, p, ones)
    slope, *curves = gd.compile([p], [t, gd.jvp(t, p, ones), gd.jvp(gd.vjp(term, p, ones), p, ones)])(p0)
    np.testing.assert_allclose(slope, np.log(p0) + 1, rtol=ROOM[dtype])
    for curve in curves:
        np.testing.assert_allclose(curve, 1 / p0, rtol=ROOM[dtype])
    q = gd.input("q", (2,), dtype)
    g = gd.grad(gd.sum(gd.xlogy(q, q)), q)
    got = gd.compile([q], [g, gd.jvp(g, q, gd.ones_like(q))])(np.zeros(2, dtype))
    np.testing.assert_array_equal(got, [[-np.inf] * 2, [np.inf] * 2])


def test_cross_entropy_written_with_sigmoids():
    z0, t0 = np.array([20, -120, 3, 120], np.float32), np.array([1, 0, 1, 1], np.float32)
    z, t = gd.input("z", (4,)), gd.input("t", (4,))
    want = [-5.15288e-10, 0, -0.0118565, 0]
    for loss in (
        gd.nn.binary_cross_entropy(S(z), t),
        gd.mean(-(t * gd.log(S(z)) + (1 - t) * gd.log(1 - S(z)))),
        gd.mean(-(t * gd.log(S(z)) + (1 - t) * gd.log1p(-S(z)))),
        gd.nn.binary_cross_entropy_with_logits(z, t),
    ):
        got = gd.compile([z, t], gd.grad(loss, z))(z0, t0)
        np.testing.assert_allclose(got, want, rtol=1e-5)


def test_an_intermediate_that_a_form_goes_past_keeps_its_own_derivative():
    z = gd.input("z", (3,))
    s = S(z)
    loss = gd.sum(gd.log(s)) + gd.sum(s)
    z0 = np.array([-30, 0, 30], np.float32)
    gs, gz, only, t = gd.compile(
        [z], [*gd.grad(loss, [s, z]), gd.grad(loss, s), gd.jvp(gd.log(s), [s, z], [gd.ones((3,)), gd.ones((3,))])]
    )(z0)
    sigmoid = 1 / (1 + np.exp(-z0.astype(np.float64)))
    np.testing.assert_allclose(gs, 1 / sigmoid + 1, rtol=1e-6)
    np.testing.assert_array_equal(gs, only)
    slope = 1 / (1 + np.exp(z0.astype(np.float64)))
    np.testing.assert_allclose(gz, slope + sigmoid * slope, rtol=1e-5)
    np.testing.assert_allclose(t[:2], (1 / sigmoid + slope)[:2], rtol=1e-6)


def test_the_adjoint_keeps_the_nodes_that_were_written():
    z = gd.input("z", (3,))
    s = S(z)
    y = gd.log(s)
    adj = gd.adjoint(gd.sum(y), z)
    assert [n.op.name for n in adj.forward] == ["sigmoid", "log", "sum"]
    assert adj.of(y) is not None
    assert {adj.explain(n).forward for n in adj.backward} <= set(adj.forward)
    g = adj.of(s)  # the gradient by z does not go through it
    got = gd.compile([z], g)(np.array([-2, 0, 2], np.float32))
    np.testing.assert_allclose(got, 1 + np.exp([2, 0, -2]), rtol=1e-6)
    assert adj.explain(g).forward is y.node


# ------------------------------------------------------------------ what where does not take

W = gd.where
X0 = [-1.0, 0.0, 0.5, 2.0, 3.0]


def rows(x, n=3):
    return gd.reshape(x, (5, 1)) * gd.ones((5, n), dtype=x.dtype.name)


def scanned(step, both):
    def f(x):
        c, ys = gd.scan(step, gd.zeros((5,), dtype=x.dtype.name), gd.matrix_transpose(rows(x)))
        return W(x > 0, c + gd.sum(ys, axis=0) if both else c, 0)

    return f


BRANCHES = {
    "x log x": lambda x: W(x > 0, x * gd.log(x), 0),
    "sin x / x": lambda x: W(x == 0, 1, gd.sin(x) / x),
    "sqrt": lambda x: W(x > 0, gd.sqrt(x), 0),
    "other side": lambda x: W(x <= 0, 0, gd.sqrt(x)),
    "pow": lambda x: W(x > 0, x**0.3, 0),
    "x ** x": lambda x: W(x > 0, x**x, 0),
    "acos": lambda x: W(gd.abs(x) < 0.9, gd.acos(x), 0),
    "atanh": lambda x: W(gd.abs(x) < 0.9, gd.atanh(x), 0),
    "divide": lambda x: W(x == 0, 0, 1 / x),
    "rsqrt": lambda x: W(x > 0, gd.rsqrt(x) * x, 1),
    "nested": lambda x: W(x > 0, W(x > 1, gd.log(x - 1 + (x <= 1).astype(x.dtype.name)), gd.sqrt(x)), 0),
    "deep": lambda x: W(x > 0, gd.exp(gd.sin(gd.log(x)) * 2) / x, 0),
    "both branches": lambda x: W(x > 0, gd.log(x), W(x < 0, gd.log(-x), 0)),
    "two choices": lambda x: W(x > 0, 1 / x, 0) + W(x > 0, gd.log(x), 0),
    "shared below": lambda x: (lambda y: W(x > 0, y, 0) + W(x > 0, y * y, 0))(gd.log(x)),
    "sum": lambda x: W(x > 0, gd.sum(gd.log(rows(x)), axis=1), 0),
    "prod": lambda x: W(x > 0, gd.prod(gd.stack([x, gd.log(x)]), axis=0), 0),
    "max": lambda x: W(x > 0, gd.max(gd.stack([x, gd.log(x)]), axis=0), 0),
    "concat": lambda x: W(x > 0, gd.concat([gd.log(x)[:2], gd.log(x)[2:]]), 0),
    "broadcast": lambda x: gd.sum(W(gd.reshape(x > 0, (5, 1)), gd.log(rows(x)), 0), axis=1),
    "a number over all": lambda x: x * W(gd.sum(x) < 0, gd.log(-gd.sum(x)), 1),
    "times a mask": lambda x: W(x > 0, gd.log(x), 0) * (x > 0).astype(x.dtype.name),
    "maximum": lambda x: gd.maximum(gd.log(gd.abs(x)), -1),
    "clip": lambda x: gd.clip(gd.log(gd.abs(x)), -1, 0.5),
    "minimum": lambda x: gd.minimum(-gd.log(gd.abs(x)), 1),
    "take": lambda x: W(x > 0, gd.take(gd.log(x), np.arange(5)), 0),
    "sort": lambda x: gd.sum(W(gd.reshape(x > 0, (5, 1)), gd.sort(gd.log(rows(x)), axis=1), 0), axis=1),
    "cumsum": lambda x: gd.sum(W(gd.reshape(x > 0, (5, 1)), gd.cumsum(gd.log(rows(x)), axis=1), 0), axis=1),
    "log_softmax": lambda x: gd.sum(
        W(gd.reshape(x > 0, (5, 1)), gd.nn.log_softmax(gd.log(rows(x)) * np.arange(3).astype(x.dtype)), 0), axis=1
    ),
    "matmul": lambda x: gd.sum(W(gd.reshape(x > 0, (5, 1)), gd.log(rows(x)) @ gd.ones_like(rows(x).T), 0), axis=1),
    "scan inside": lambda x: gd.scan(
        lambda c, r: (c + W(r > 0, r * gd.log(r), 0), W(r > 0, gd.sqrt(r), 0)), gd.zeros((), dtype=x.dtype.name), x
    )[1],
    "scan outside": scanned(lambda c, r: (c * 0.5 + gd.log(r), c + gd.log(r) * gd.sqrt(r)), True),
    "scan outside, the state": scanned(lambda c, r: (c * 0.5 + gd.log(r), c), False),
    "map outside": lambda x: W(x > 0, gd.map(lambda r: gd.log(r), x), 0),
    "cond inside": lambda x: gd.cond(gd.sum(x) > 0, lambda x: W(x > 0, gd.log(x), 0), lambda x: x, x),
    "cond outside": lambda x: W(x > 0, gd.cond(gd.sum(x) > 0, gd.log, lambda x: x, x), 0),
    "while outside": lambda x: W(
        x > 0, gd.while_loop(lambda s: gd.max(s) < 100, lambda s: s * 2 + gd.sqrt(s), x, 3), 0
    ),
    "custom inside": lambda x: gd.custom("f", lambda x: W(x > 0, gd.log(x), 0))(x),
    "of a choice": lambda x: gd.sqrt(W(x > 0, x, 0)),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", BRANCHES)
def test_what_where_does_not_take_reaches_no_derivative(name, dtype):
    f = BRANCHES[name]
    _, g, t, *seconds = derivatives(f, X0, dtype)
    assert np.isfinite(g).all(), g
    # the same as at points where nothing is infinite, one at a time
    eps = 1e-4
    x = gd.input("x", (5,), "float64")
    y = gd.compile([x], f(x))
    x0 = np.array(X0)
    at = x0 != 0
    close_g = (np.asarray(y(x0 + eps * at)) - np.asarray(y(x0 - eps * at))).sum() / (2 * eps)
    assert np.isfinite(t).all() or np.isfinite(np.asarray(t)[at]).all()
    for s in seconds:
        assert np.isfinite(s).all(), s
    if name != "a number over all":
        np.testing.assert_allclose(np.asarray(g)[at].sum(), close_g, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(g, np.broadcast_to(t, np.shape(g)) if np.ndim(t) else g, rtol=1e-4, atol=1e-5)
    for s in seconds[1:]:
        np.testing.assert_allclose(s, seconds[0], rtol=1e-4, atol=1e-4)


def test_a_zero_cotangent_that_is_no_choice_still_counts():
    """Masks are conditions, not zeros: d/dv of v * f'(x) at v = 0 is f'(x)."""
    x, v = gd.input("x", (3,), "float64"), gd.input("v", (3,), "float64")
    loss = gd.sum(W(x > 0, gd.log(x), 0) * v)
    g = gd.grad(loss, x)
    got = gd.compile([x, v], [gd.vjp(g, v, gd.ones_like(v)), gd.jvp(g, v, gd.ones_like(v))])(
        np.array([-1.0, 0.5, 2.0]), np.zeros(3)
    )
    for d in got:
        np.testing.assert_allclose(d, [0, 2, 0.5])


def test_an_infinity_that_was_taken_stays():
    x = gd.input("x", (2,), "float64")
    g = gd.compile([x], gd.grad(gd.sum(W(x >= 0, gd.sqrt(x), 0)), x))(np.array([0.0, 4.0]))
    np.testing.assert_array_equal(g, [np.inf, 0.25])


def test_padded_rows_of_nan_reach_no_weight():
    x, w = gd.input("x", (3, 2)), gd.parameter("w", np.ones((2, 2), np.float32))
    keep = np.array([[True], [False], [True]])
    loss = gd.sum(gd.square(gd.where(keep, gd.tanh(x @ w), 0)))
    x0 = np.array([[1, 2], [np.nan, np.inf], [0.5, 0.25]], np.float32)
    clean = np.where(keep, x0, 0).astype(np.float32)
    f = gd.compile([x], [gd.grad(loss, w), gd.hessian(loss, w)])
    for a, b in zip(f(x0), f(clean)):
        np.testing.assert_array_equal(a, b)


# ------------------------------------------------------------------ losses at their extremes

LOSSES = {
    "mse": gd.nn.mse,
    "l1": gd.nn.l1,
    "huber": gd.nn.huber,
    "binary_cross_entropy_with_logits": gd.nn.binary_cross_entropy_with_logits,
    "cross_entropy": lambda x, t: gd.nn.cross_entropy(x, gd.nn.softmax(t * 1e-30)),
    "log_softmax": lambda x, t: gd.nn.nll(gd.nn.log_softmax(x), np.array([0, 1, 2])),
    "cross_entropy of labels": lambda x, t: gd.nn.cross_entropy(x, np.array([0, 1, 2])),
    "kl_div": lambda x, t: gd.nn.kl_div(gd.nn.log_softmax(x), gd.nn.softmax(t * 1e-30)),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", LOSSES)
def test_losses_have_finite_gradients_at_large_inputs(name, dtype):
    x, t = gd.input("x", (3, 4), dtype), gd.input("t", (3, 4), dtype)
    loss = LOSSES[name](x, t)
    hv = gd.hvp(loss, x, gd.ones_like(x))
    f = gd.compile([x, t], [gd.grad(loss, x), hv, gd.grad(gd.sum(gd.grad(loss, x)), x)])
    large = float(np.finfo(dtype).max) / 8
    for scale in (1, 50, 120, 1e4, 1e18, large):
        for signs in ([1, -1, 1, -1], [-1, -1, -1, -1], [0, 1, 0, 0]):
            x0 = np.broadcast_to(np.array(signs) * scale, (3, 4)).astype(dtype)
            for t0 in (np.zeros((3, 4)), np.ones((3, 4))):
                for d in f(x0, t0.astype(dtype)):
                    assert np.isfinite(d).all(), (scale, signs, d)


@pytest.mark.parametrize("dtype", DTYPES)
def test_binary_cross_entropy_at_saturated_probabilities(dtype):
    tiny = float(np.finfo(dtype).smallest_subnormal)
    p0 = np.array([0, tiny, 1e-40, 1e-30, 1e-9, 0.5, 1 - 2**-24, 1], dtype)
    p, t = gd.input("p", p0.shape, dtype), gd.input("t", p0.shape, dtype)
    y = gd.nn.binary_cross_entropy(p, t, reduction="none")
    g = gd.vjp(y, p, gd.ones_like(p))
    outs = [y, g, gd.jvp(y, p, gd.ones_like(p)), gd.vjp(g, p, gd.ones_like(p)), gd.jvp(g, p, gd.ones_like(p))]
    f = gd.compile([p, t], outs)
    for t0 in (0.0, 0.25, 1.0):
        for d in f(p0, np.full_like(p0, t0)):
            assert np.isfinite(d).all(), (t0, d)
    value, first, *_ = f(p0, np.zeros_like(p0))
    np.testing.assert_allclose(value[4], 1e-9, rtol=1e-6)
    np.testing.assert_allclose(first[:6], 1 / (1 - p0[:6].astype(np.float64)), rtol=1e-6)


# ------------------------------------------------------------------ nothing but -inf

INF = np.inf


@pytest.mark.parametrize("dtype", DTYPES)
def test_logsumexp_and_logaddexp_of_nothing(dtype):
    x0 = np.array([[-INF, -INF, -INF], [0, -INF, 1], [-INF, 2, -INF]], dtype)
    x = gd.input("x", (3, 3), dtype)
    y = gd.logsumexp(x, axis=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        p = np.exp(x0 - np.logaddexp.reduce(x0, axis=1, keepdims=True))
    p[0] = 0
    g = gd.vjp(y, x, gd.ones_like(y))
    outs = [y, g, gd.jvp(y, x, gd.ones_like(x)), gd.jacobian(g, x), gd.vjp(g, x, gd.ones_like(g))]
    value, got, t, h, back = gd.compile([x], outs)(x0)
    np.testing.assert_allclose(value, [-INF, np.logaddexp(0, 1), 2], rtol=1e-6)
    np.testing.assert_allclose(got, p, rtol=1e-6)
    np.testing.assert_allclose(t, [0, 1, 1], rtol=1e-6)
    want = np.zeros((3, 3, 3, 3))
    for i in range(3):
        want[i, :, i, :] = np.diag(p[i]) - np.outer(p[i], p[i])
    np.testing.assert_allclose(h, want, atol=1e-6)
    np.testing.assert_allclose(back, 0, atol=1e-6)

    a, b = gd.input("a", (4,), dtype), gd.input("b", (4,), dtype)
    y = gd.logaddexp(a, b)
    ga, gb = gd.vjp(y, [a, b], gd.ones_like(y))
    outs = [y, ga, gb, gd.jvp(y, [a, b], [gd.ones_like(a)] * 2), *gd.vjp(ga, [a, b], gd.ones_like(a))]
    got = gd.compile([a, b], outs)(np.array([-INF, 0, -INF, 1], dtype), np.array([-INF, -INF, 0, 1], dtype))
    for d, want in zip(
        got, ([-INF, 0, 0, 1 + np.log(2)], [0, 1, 0, 0.5], [0, 0, 1, 0.5], [0, 1, 1, 1], [0, 0, 0, 0.25])
    ):
        np.testing.assert_allclose(d, want, rtol=1e-6)


def test_a_hidden_markov_model_with_impossible_steps():
    a0 = np.log(np.array([[0.5, 0.5, 0], [0, 0, 1], [0, 0, 1]]) + 0.0)
    b0 = np.log(np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 1]]) + 0.0)
    a, b = gd.input("a", (3, 3), "float64"), gd.input("b", (4, 3), "float64")
    start = gd.constant(np.array([0, -INF, -INF]))
    last, _ = gd.scan(lambda c, row: (gd.logsumexp(gd.expand_dims(c, 1) + a, axis=0) + row, None), start + b[0], b[1:])
    loss = gd.logsumexp(last)
    f = gd.compile([a, b], [loss, *gd.grad(loss, [a, b]), gd.hvp(loss, a, gd.ones_like(a))])
    value, ga, gb, h = f(a0, b0)
    np.testing.assert_allclose(value, np.log(0.5))
    np.testing.assert_allclose(ga, [[0, 1, 0], [0, 0, 1], [0, 0, 1]], atol=1e-12)
    np.testing.assert_allclose(gb, np.eye(4, 3) + np.eye(4, 3, -1) * [0, 0, 1], atol=1e-12)
    np.testing.assert_allclose(h, 0, atol=1e-12)


@pytest.mark.parametrize("dtype", DTYPES)
def test_softmax_of_nothing_is_nan_and_of_something_is_not(dtype):
    """As in JAX and torch: the softmax of nothing but -inf is NaN; under ``where`` it harms nothing."""
    x = gd.input("x", (2, 2), dtype)
    x0 = np.array([[-INF, -INF], [0, -INF]], dtype)
    p, logp = gd.nn.softmax(x), gd.nn.log_softmax(x)
    ok = gd.max(x, axis=1, keepdims=True) > -INF
    loss = gd.sum(gd.where(ok, p, 0) * np.array([1, 3], dtype))
    values = gd.compile([x], [p, logp, gd.grad(loss, x), gd.vjp(logp[1], x, gd.ones((2,), dtype=dtype))])(x0)
    np.testing.assert_array_equal(values[0], [[np.nan] * 2, [1, 0]])
    np.testing.assert_array_equal(values[1], [[np.nan] * 2, [0, -INF]])
    np.testing.assert_array_equal(values[2], np.zeros((2, 2)))
    np.testing.assert_array_equal(values[3], [[0, 0], [-1, 1]])


# ------------------------------------------------------------------ sums of very many


def test_sums_over_indices_and_running_sums_keep_their_digits():
    n = 2_000_000
    rng = np.random.default_rng(0)
    g0, i0 = rng.uniform(0.05, 0.15, n).astype(np.float32), np.zeros(n, np.int64)
    i0[::1000] = 3
    exact = np.bincount(i0, g0.astype(np.float64), 4)
    w, x = gd.input("w", (4,)), gd.input("x", ("n",))
    i, g = gd.input("i", ("n",), "int64"), gd.input("g", ("n",))
    pairs = gd.input("pairs", ("m", 2))
    outs = [
        gd.vjp(gd.take(w, i), w, g),
        gd.scatter_add(gd.zeros((4,)), i, g),
        gd.vjp(gd.take_along_axis(w, i, axis=0), w, g),
        gd.cumsum(g)[-1],
        gd.cumsum(g, reverse=True)[0],
        gd.cumsum(pairs, axis=0)[-1],
        gd.vjp(gd.cumsum(x), x, g)[0],
    ]
    f = gd.compile([w, i, g, x, pairs], outs)
    results, before = [], gd.get_num_threads()
    for threads in (1, 2):
        gd.set_num_threads(threads)
        results.append([np.array(r) for r in f(np.zeros(4, np.float32), i0, g0, g0, g0.reshape(-1, 2))])
    gd.set_num_threads(before)
    for a, b in zip(*results):
        np.testing.assert_array_equal(a, b)
    total = g0.astype(np.float64).sum()
    wants = [exact, exact, exact, total, total, g0.reshape(-1, 2).astype(np.float64).sum(0), total]
    for got, want in zip(results[0], wants):
        np.testing.assert_allclose(got, want, rtol=1e-7)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("mode", ["hessian", "reverse", "forward"])
def test_second_derivatives_of_norms_at_the_origin(dtype, mode):
    """That of the square is the identity twice; others are NaN, never a number."""
    x = gd.input("x", (3,), dtype)
    eye, length = np.eye(3), gd.norm(x)
    cases = [
        (length * length, 2 * eye),
        (gd.norm(x) ** 2, 2 * eye),
        (gd.square(gd.norm(x)), 2 * eye),
        (gd.exp(-(gd.norm(x) ** 2) / 2), -eye),
        (gd.std(x) ** 2, 2 * (eye - 1 / 3) / 3),
        (gd.norm(x), None),
        (gd.std(x), None),
        (gd.cosh(gd.norm(x)), None),
        ((1 + gd.norm(x)) * gd.exp(-gd.norm(x)), None),
    ]
    for y, want in cases:
        g = gd.grad(y, x)
        h = gd.hessian(y, x) if mode == "hessian" else gd.jacobian(g, x, mode=mode)
        first, second = gd.compile([x], [g, h])(np.zeros(3, dtype))
        assert not first.any()
        if want is None:
            assert np.isnan(second).any()
        else:
            np.testing.assert_allclose(second, want, atol=1e-6)


@pytest.mark.parametrize("scale", [3e20, 1e-30, 1.0])
def test_lengths_are_right_at_all_scales(scale):
    """Squares of float32 overflow or vanish where their sum's root does not."""
    x, y = gd.input("x", (4,)), gd.input("y", (4,))
    fed = (np.array([1.0, -2.0, 3.0, 5.0]) * scale).astype(np.float32)
    exact = fed.astype(np.float64)
    clipped, total = gd.optim.clip_by_global_norm([x, y], scale, return_norm=True)
    lengths = [gd.norm(x), gd.linalg.norm(x), gd.norm(x, ord=3), gd.std(x), gd.hypot(x, 0.0)[2]]
    wants = [
        (np.linalg.norm(exact), exact / np.linalg.norm(exact)),
        (np.linalg.norm(exact), exact / np.linalg.norm(exact)),
        (np.cbrt(np.sum(np.abs(exact) ** 3)), exact * np.abs(exact) / np.cbrt(np.sum(np.abs(exact) ** 3)) ** 2),
        (np.std(exact), (exact - exact.mean()) / np.std(exact) / 4),
        (exact[2], np.eye(4)[2]),
    ]
    for got, want in zip(lengths, wants):
        assert got.dtype == np.float32
        for a, b in zip(gd.compile([x], [got, gd.grad(got, x)])(fed), want):
            np.testing.assert_allclose(a, b, rtol=1e-6)
    both, small = gd.compile([x, y], [total, clipped[0]])(fed, fed)
    np.testing.assert_allclose(both, np.sqrt(2) * np.linalg.norm(exact), rtol=1e-6)
    if scale > 1e-6:  # clipping adds 1e-6 to the norm, as torch does
        np.testing.assert_allclose(small, exact * min(1, scale / (float(both) + 1e-6)), rtol=1e-6)
