"""Random numbers: the generator's published answers, the documented streams, what they do not depend on, their laws,
derivatives by the bounds, and what is refused."""

import numpy as np
import pytest
import scipy.stats

import graphdiff as gd
from graphdiff.ops.random import philox
from graphdiff.runtime import _core

KEY = gd.state("key", value=np.int64(11))


def run(y, **kwargs):
    return gd.compile([], y, **kwargs)()


# --------------------------------------------------------------------------------------- the generator
def test_known_answers():
    # the vectors of philox4x32-10 in Random123 (Salmon et al. 2011)
    ones = np.uint32(0xFFFFFFFF)
    pi = np.array([0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344], np.uint32)
    for counter, key, words in (
        (np.zeros(4, np.uint32), 0, "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        (np.full(4, ones), 2**64 - 1, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        (pi, 0x299F31D0A4093822, "d16cfe09 94fdcceb 5001e420 24126ea1"),
    ):
        assert " ".join(f"{w:08x}" for w in philox(counter, key)) == words


def words(key, blocks, stream):
    counter = np.zeros((blocks, 4), np.uint32)
    counter[:, 0], counter[:, 3] = np.arange(blocks), stream
    return philox(counter, key & (2**64 - 1))


@pytest.mark.parametrize("n", [0, 1, 3, 4, 63, 64, 65, 16384, 16387, 50001])
@pytest.mark.parametrize("key", [0, 7, -1, 2**40 + 3, -(2**63)])
def test_streams_are_as_documented(n, key):
    got = run([gd.random.uniform(key, (n,)), gd.random.uniform(key, (n,), dtype="float64")])
    single = (words(key, -(-n // 4), 0).reshape(-1)[:n] >> 8).astype(np.float32) / np.float32(2**24)
    double = (words(key, -(-n // 2), 0).reshape(-1).view("<u8")[:n] >> np.uint64(11)).astype(np.float64) / 2.0**53
    assert np.array_equal(got[0], single) and np.array_equal(got[1], double)
    drawn = run(gd.random.randint(key, (n,), -5, 1000))
    bits = words(key, -(-n // 2), 3).reshape(-1).view("<u8")[:n].tolist()
    assert drawn.tolist() == [(u * 1005 >> 64) - 5 for u in bits]


def test_rejection_is_exact():
    # a span of 3 * 2^61 rejects a quarter of all draws; each third must be equally likely, and elements alike
    n, span = 300_000, 3 * 2**61
    drawn = run(gd.random.randint(5, (n,), 0, span))
    assert 0 <= drawn.min() and drawn.max() < span
    counts = np.bincount(drawn >> 61, minlength=3)
    assert scipy.stats.chisquare(counts).pvalue > 1e-4
    assert np.array_equal(drawn[:1000], run(gd.random.randint(5, (1000,), 0, span)))


# --------------------------------------------------------------------------------------- what it does not depend on
def everything(key, shape):
    return [
        gd.random.uniform(key, shape),
        gd.random.normal(key, shape),
        gd.random.normal(key, shape, "float64"),
        gd.random.bernoulli(key, 0.3, shape),
        gd.random.randint(key, shape, 0, 77),
    ]


def test_same_bits_for_any_threads_and_the_same_numbers_on_any_instruction_set():
    f, isa, threads = gd.compile([], everything(KEY, (100_000,))), _core.isa(), _core.threads()
    first = f()
    try:
        for n in (1, 2, 4):
            _core.set_threads(n)
            assert all(np.array_equal(a, b) for a, b in zip(first, f(), strict=True))
        for name in ("plain", "v2", "v3", "v4"):
            try:
                _core.select_isa(name)
            except _core.CoreError:
                continue  # not this machine's
            again = gd.compile([], everything(KEY, (100_000,)))()
            for k, (a, b) in enumerate(zip(first, again, strict=True)):
                # bits, and what is made of them by exact steps; normal's logarithm and cosine round by the set
                assert np.allclose(a, b, rtol=1e-5, atol=1e-6) if k in (1, 2) else np.array_equal(a, b), name
    finally:
        _core.select_isa(isa)
        _core.set_threads(threads)


def test_an_element_does_not_depend_on_the_length():
    x = gd.input("x", ("n",))
    f = gd.compile([x], everything(KEY, x.shape))
    long, short = f(np.zeros(5000, np.float32)), f(np.zeros(37, np.float32))
    for a, b in zip(long, short, strict=True):
        assert np.array_equal(a[:37], b)


def test_same_bits_recomputed_and_reloaded(tmp_path):
    w = gd.parameter("w", np.linspace(0, 1, 64, dtype=np.float32))
    y = w
    for k in range(6):
        y = gd.tanh(y + gd.random.normal(KEY + k, (64,)))
    loss = gd.sum(y)
    plain, again = (gd.compile([], [loss, gd.grad(loss, w)], checkpoint=c) for c in (None, gd.Every(2)))
    assert all(np.array_equal(a, b) for a, b in zip(plain(), again(), strict=True))
    plain.save(tmp_path / "f")
    assert all(np.array_equal(a, b) for a, b in zip(plain(), gd.load(tmp_path / "f")(), strict=True))


def test_a_state_advances_the_stream():
    key = gd.state("advancing", value=np.int64(3))
    f = gd.compile([], gd.random.uniform(key, (8,)), updates={key: key + 1})
    first, second = f(), f()
    assert not np.array_equal(first, second)
    assert np.array_equal(second, run(gd.random.uniform(4, (8,))))


def test_keys_of_all_kinds():
    fed = gd.input("fed", (), "int32")
    from_input = gd.compile([fed], gd.random.uniform(fed, (5,)))(np.int32(-9))
    for key in (-9, np.int64(-9), np.int32(-9), gd.constant(np.int64(-9))):
        assert np.array_equal(run(gd.random.uniform(key, (5,))), from_input)


def test_streams_of_one_key_have_nothing_in_common():
    u = run(gd.random.uniform(0, (20_000,), dtype="float64"))
    kinds = [
        u,
        run(gd.random.uniform(1, (20_000,), dtype="float64")),
        run(gd.random.normal(0, (20_000,), "float64")),
        run(gd.random.bernoulli(0, 0.5, (20_000,))),
        run(gd.random.randint(0, (20_000,), 0, 2**62)),
        np.roll(u, 1),
        np.roll(u, 2),
        np.roll(u, 4),
    ]
    correlations = np.corrcoef(np.array(kinds, float)) - np.eye(len(kinds))
    assert np.abs(correlations).max() < 5 / np.sqrt(20_000)


# --------------------------------------------------------------------------------------- laws
N = 200_000


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_uniform(dtype):
    u = run(gd.random.uniform(KEY, (N,), dtype=dtype))
    assert u.dtype == dtype and u.min() >= 0 and u.max() < 1
    assert scipy.stats.kstest(u, "uniform").pvalue > 1e-4
    low_bits = (u * 2 ** (24 if dtype == "float32" else 53)).astype(np.int64) & 15
    assert scipy.stats.chisquare(np.bincount(low_bits, minlength=16)).pvalue > 1e-4
    v = run(gd.random.uniform(KEY, (N,), -3, 5, dtype))
    assert scipy.stats.kstest(v, "uniform", (-3, 8)).pvalue > 1e-4


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_normal(dtype):
    z = run(gd.random.normal(KEY, (N,), dtype))
    assert z.dtype == dtype and np.isfinite(z).all()
    assert scipy.stats.kstest(z, "norm").pvalue > 1e-4
    assert abs(scipy.stats.kurtosis(z)) < 5 * np.sqrt(24 / N)
    expected = 2 * scipy.stats.norm.sf(3.5) * N  # tails
    assert abs((np.abs(z) > 3.5).sum() - expected) < 5 * np.sqrt(expected)


def test_bernoulli():
    p = np.array([0.0, 0.1, 0.5, 0.99, 1.0])
    x = run(gd.random.bernoulli(KEY, p, (N, 5)))
    assert x.dtype == np.bool_
    assert x[:, 0].sum() == 0 and x[:, 4].all()
    assert np.all(np.abs(x.mean(0) - p) <= 5 * np.sqrt(p * (1 - p) / N))


def test_randint():
    x = run(gd.random.randint(KEY, (N,), -3, 7))
    assert x.dtype == np.int64
    assert scipy.stats.chisquare(np.bincount(x + 3, minlength=10)).pvalue > 1e-4
    low = gd.input("low", (3,), "int64")
    high = gd.input("high", (2, 1), "int32")
    f = gd.compile([low, high], gd.random.randint(KEY, (2, 3), low, high, "int32"))
    y = f(np.array([0, 5, -4]), np.array([[6], [-10]], np.int32))
    assert y.dtype == np.int32
    assert np.all(y[0] >= [0, 5, -4]) and np.all(y[0] < 6)
    assert y[1].tolist() == [0, 5, -4]  # none is below high: low


# --------------------------------------------------------------------------------------- derivatives
def test_bounds_are_differentiable():
    low, high = gd.input("low", (3,), "float64"), gd.input("high", (), "float64")
    y = gd.random.uniform(KEY, (4, 3), low, high, "float64")
    feed = {low: np.array([-1.0, 0, 0.5]), high: np.array(2.0)}
    assert gd.check_grad(gd.sum(y**3), [low, high], feed).ok
    p = gd.input("p", (), "float64")
    loss = gd.sum(gd.where(gd.random.bernoulli(KEY, p, (5,)), p, p * 2))  # only where p is used as a number
    x = run(gd.random.bernoulli(KEY, np.float64(0.4), (5,)))
    assert gd.compile([p], gd.grad(loss, p))(0.4) == pytest.approx(np.where(x, 1, 2).sum())


# --------------------------------------------------------------------------------------- misuse
MISUSE = [
    (lambda: gd.random.uniform(1.5, (3,)), gd.DTypeError, "the key is float32"),
    (lambda: gd.random.uniform(np.zeros(2, np.int64), (3,)), gd.ShapeError, "one integer"),
    (lambda: gd.random.uniform(True, (3,)), gd.DTypeError, "the key is bool"),
    (lambda: gd.random.uniform(0, (3,), dtype="int32"), gd.DTypeError, "int32"),
    (lambda: gd.random.uniform(0, (-3,)), gd.ShapeError, "negative"),
    (lambda: gd.random.uniform(0, (3,), np.zeros(2, np.float32)), gd.ShapeError, "does not broadcast"),
    (lambda: gd.random.uniform(0, (3,), np.zeros(3), dtype="float32"), gd.DTypeError, "float64"),
    (lambda: gd.random.normal(0, (3,), "int64"), gd.DTypeError, "int64"),
    (lambda: gd.random.bernoulli(0, np.zeros(2), (3,)), gd.ShapeError, "does not broadcast"),
    (lambda: gd.random.bernoulli(0, np.int64(1), (3,)), gd.DTypeError, "int64"),
    (lambda: gd.random.randint(0, (3,), 5, 5), gd.ShapeError, "no integer"),
    (lambda: gd.random.randint(0, (3,), 0.0, 5.0), gd.DTypeError, "integer"),
    (lambda: gd.random.randint(0, (3,), 0, 2**40, "int32"), gd.DTypeError, "does not fit int32"),
    (lambda: gd.random.randint(0, (3,), -(2**63), 2**63 - 1), gd.DTypeError, "does not fit"),
    (lambda: gd.random.randint(0, (3,), 0, 5, "float32"), gd.DTypeError, "float32"),
]


@pytest.mark.parametrize("i", range(len(MISUSE)))
def test_misuse(i):
    make, error, text = MISUSE[i]
    with pytest.raises(error, match=text):
        make()
