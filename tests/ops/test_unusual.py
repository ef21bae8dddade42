"""Functions beside the array API's at unusual configurations: axes negative, several and none, keepdims, nothing along
an axis, 0-d, integers, broadcasting, NaN and infinities, arguments outside of a domain.

Every line is an expression that NumPy and SciPy compute too. Each is compared with theirs, at sizes that are known and
at sizes that have names, and under gd.vmap with a loop; those of the first table also in both modes and second order
with differences.
"""

import re

import numpy as np
import pytest
import scipy.linalg
import scipy.special

import graphdiff as gd

RNG = np.random.default_rng(0)
SPECIAL = np.array([-2.5, -1, -0.0, 0, 0.5, 1, 1.5, np.inf, -np.inf, np.nan, 40, -40, 1e10, 1e-300])
ARRAYS = {
    "a": RNG.normal(size=(3, 4)),
    "b": RNG.normal(size=(2, 3, 4)),
    "c": RNG.normal(size=5),
    "d": RNG.normal(size=(2, 3, 3)) + 3 * np.eye(3),
    "e": np.array(1.7),
    "i": np.array([2, 0, 2]),
    "j": np.array([[1, 5, 3], [2, 0, -4]]),
    "m": RNG.normal(size=4) > 0,
    "o": np.zeros((0, 3)),
    "p": RNG.uniform(0.2, 3, (2, 3)),
    "q": RNG.uniform(0.1, 0.9, (2, 3)),
    "r": np.sort(RNG.normal(size=4)),
    "s": SPECIAL,
    "u": np.array([[1.0, 2], [np.nan, 4], [0, -np.inf]]),
    "w": RNG.uniform(0.3, 2, 3),
    "x": np.repeat(SPECIAL, SPECIAL.size),
    "y": np.tile(SPECIAL, SPECIAL.size),
    "z": np.exp(-0.5 * np.arange(-2.0, 3) ** 2),
}


def segments(start, put):
    def reference(x, ids, n):
        y = np.full((n, *x.shape[1:]), start)
        put(y, ids, x)
        return y

    return reference


class Reference:
    """NumPy's functions, SciPy's beside them, and some that have another shape there."""

    fft = type("fft", (), {"rfft": staticmethod(lambda x, **k: parts(np.fft.rfft(x, **k)))})
    segment_sum = staticmethod(segments(0.0, np.add.at))
    segment_max = staticmethod(segments(-np.inf, np.maximum.at))
    cummax = staticmethod(np.maximum.accumulate)
    cummin = staticmethod(np.minimum.accumulate)
    logcumsumexp = staticmethod(np.logaddexp.accumulate)
    log1mexp = staticmethod(lambda x: np.where(x > 0, np.nan, np.log(-np.expm1(x))))
    histogram = staticmethod(lambda x, edges: np.histogram(x, edges)[0])
    matrix_norm = staticmethod(np.linalg.matrix_norm)
    lstsq = staticmethod(lambda a, b: np.linalg.lstsq(a, b)[0])

    def __getattr__(self, name):
        for home in (np, np.linalg, scipy.linalg, scipy.special):
            if hasattr(home, name):
                return getattr(home, name)
        raise AttributeError(name)


class Ours:
    """The functions of gd, those of gd.linalg beside them."""

    fft = gd.fft

    def __getattr__(self, name):
        return getattr(gd, name) if hasattr(gd, name) else getattr(gd.linalg, name)


def parts(z):
    return z.real, z.imag


SMOOTH = """
block_diag(a, c[None], d[0])
broadcast_arrays(a, c[:4], e)
convolve(c, z[:2], mode="same")
convolve(z[:2], c, mode="full")
correlate(z[:4], c, mode="valid")
correlate(c, z[:4], mode="full")
cross(a[:, :3], d, axis=-2)
cummax(b, axis=-2)
cummin(a, axis=0)
cumulative_prod(b, axis=-1)
cumulative_prod(a, axis=0, include_initial=True)
cumulative_sum(o, axis=0, include_initial=True)
cumulative_sum(e)
diff(a, n=0)
diff(b, n=2, axis=-1)
diff(a, axis=0, prepend=b[0][:2], append=0.0)
diff(o, axis=1)
erfcx(p)
exp2(p[:0])
expit(e)
expm(d)
expm(0 * d)
fft.rfft(a, n=7, axis=0)
fft.rfft(b, axis=-2, n=2)
fmax(p, w)
fmin(p, e)
gamma(p)
gammainc(p, w)
gammaincc(e, p)
betainc(p, w, q)
betaln(e, w)
gradient(b, 0.5, axis=-1)
gradient(a, 2.0, 0.3)
gradient(a, w, axis=0, edge_order=2)
i0e(p)
i1e(-p)
interp(q * 2 - 1, r, c[:4])
interp(e, r, c[:4], left=9.0)
interp(p, r, c[:4], period=2.5)
j0(p)
j1(p)
k0e(p)
k1e(p)
kron(a, c)
kron(e, a)
kron(a, b)
outer(c, w)
log1mexp(-p)
log_ndtr(a)
logcumsumexp(b, axis=-2)
logcumsumexp(o, axis=0)
logcumsumexp(1000 * c, axis=0)
logit(q)
lstsq(a[:, :2], w)
lstsq(a, w)
matrix_norm(b, ord="nuc", keepdims=True)
matrix_norm(b, ord=-2)
matrix_norm(b, ord=1)
matrix_power(d, -2)
matrix_power(d, 0)
median(b, axis=(0, -1), keepdims=True)
median(b)
median(e)
meshgrid(c, w, indexing="ij")
meshgrid(c)
ndtr(a)
ndtri(q)
pinv(b)
polyval(c, a)
quantile(b, 0.3, axis=-2, keepdims=True)
quantile(b, [0.0, 0.25, 1.0], axis=(0, 2))
quantile(a, q, axis=1)
segment_sum(a, i, 4)
segment_max(a, [1, 0, 2], 3)
sinc(p)
solve_sylvester(d[0], d[1], a[:, :3])
toeplitz(c, w)
toeplitz(c)
trapezoid(b, w, axis=-2)
trapezoid(a, dx=0.5)
trapezoid(a[:, :1])
unstack(a, axis=-1)
vector_norm(b, ord=3, axis=(0, -1), keepdims=True)
vector_norm(b, ord=0.5)
vector_norm(b, ord=-1, axis=1)
xlog1py(e, p)
xlogy(p, w)
a[:, [[0, -1], [2, 1]]]
a[[[0], [-1]], [1, 2, 0]]
""".split("\n")[1:-1]
PLAIN = """
count_nonzero(b > 0, axis=(0, -1), keepdims=True)
count_nonzero(o, axis=0)
cumulative_prod(j[0])
cumulative_sum(j, axis=1)
cummax(u, axis=0)
diff(j, axis=-1)
erfcx(s)
exp2(s)
expit(s)
fmax(x, y)
fmin(x, y)
gamma(s)
gammainc(x, y)
gammaincc(x, y)
histogram(s, [-1.0, 0.0, 0.0, 1.5])
histogram(o, w[:0:-1] * 0 + [1.0, 2.0])
i0e(s)
interp(s, r, c[:4])
k0e(s)
k1e(s)
log1mexp(s)
log_ndtr(s)
logcumsumexp(u, axis=1)
logit(s)
matrix_rank(b)
matrix_rank(o)
median(u, axis=0)
median(s[:9])
ndtr(s)
ndtri(s)
nextafter(x, y)
polygamma(2.0, p)
quantile(u, 0.4, axis=0)
searchsorted(r, s, side="right")
searchsorted(c, a, sorter=argsort(c))
searchsorted(o[:, 0], a)
segment_max(a, i, 5)
signbit(s)
unstack(j)
vector_norm(b, ord=0, axis=2)
xlog1py(x, y)
xlogy(x, y)
""".split("\n")[1:-1]


def results(line, xp, arrays):
    call = re.sub(r"(?<![\w.])((?:fft\.)?[a-z]\w+)(?=\()", r"xp.\1", line)
    found = eval(call, {"xp": xp, "np": np, **arrays})
    return list(found) if isinstance(found, (list, tuple)) else [found]


def used(line):
    words = re.findall(r"\b[a-z]\b", line)
    return {k: v for k, v in ARRAYS.items() if k in words}


def compared(got, wanted, tolerance=1e-10):
    for y, w in zip(got, wanted, strict=True):
        w = np.asarray(w)
        assert y.shape == w.shape and y.dtype.kind == w.dtype.kind
        np.testing.assert_allclose(y, w, rtol=tolerance, atol=tolerance)


@pytest.fixture(scope="module", autouse=True)
def doubles():
    with gd.default_dtype("float64"), np.errstate(all="ignore"):
        yield


@pytest.mark.parametrize("line", [*SMOOTH, *PLAIN])
def test_it_is_numpys_or_scipys(line):
    """At known sizes, at named ones - where an error may say which number has to be known - and many at once."""
    arrays = used(line)
    wanted = results(line, Reference(), arrays)
    for named in (False, True):
        xs = {k: gd.input(k, tuple(f"n{n}" for n in v.shape) if named else v.shape, v.dtype) for k, v in arrays.items()}
        try:
            ys = results(line, Ours(), xs)
            got = gd.compile(list(xs.values()), ys)(*arrays.values())
        except (gd.ShapeError, gd.FeedError) as error:
            assert named and re.search(r"\bn\d\b|known only at the call", str(error)), error
            continue
        compared(got, wanted)
    many = {k: np.stack([v, v if v.dtype.kind != "f" else v * 1.01]) for k, v in arrays.items()}
    xs = {k: gd.input(k, v.shape, v.dtype) for k, v in many.items()}
    f = gd.vmap(lambda *one: results(line, Ours(), dict(zip(arrays, one, strict=True))))
    got = gd.compile(list(xs.values()), f(*xs.values()))(*many.values())
    for n in range(2):
        compared([y[n] for y in got], results(line, Reference(), {k: v[n] for k, v in many.items()}), 1e-8)


@pytest.mark.parametrize("line", SMOOTH)
def test_derivatives_are_differences(line):
    arrays = used(line)
    xs = {k: gd.input(k, v.shape, v.dtype) for k, v in arrays.items()}
    ys = results(line, Ours(), xs)
    loss = sum(gd.sum(y * RNG.uniform(0.5, 1.5, y.shape)) for y in ys)
    report = gd.check_grad(
        loss, [x for x in xs.values() if x.dtype == gd.float64], {xs[k]: v for k, v in arrays.items()}
    )
    assert report.ok
