"""Fourier transforms: as exact as stated, of any length, back again, the same bits for any number of threads; what does
not fit."""

import numpy as np
import pytest

import graphdiff as gd

LENGTHS = [*range(1, 20), 29, 30, 31, 64, 77, 97, 121, 169, 210, 289, 509, 512, 1000, 1009, 2310]


def exact(a):
    """In long double, as NumPy transforms that."""
    return np.fft.rfft(a.astype(np.longdouble))


def test_errors_are_below_a_small_multiple_of_the_rounding_and_log_n():
    rng = np.random.default_rng(0)
    worst = 0.0
    for n in LENGTHS:
        a = rng.normal(size=(3, n))
        x = gd.input("x", a.shape, "float64")
        re, im = gd.fft.rfft(x)
        got_re, got_im, back = gd.compile([x], [re, im, gd.fft.irfft((re, im), n=n)])(a)
        wanted = exact(a)
        scale = np.sqrt(np.sum(np.square(a), axis=1, keepdims=True) * n)
        bound = 1e-15 * max(np.log2(n), 1)
        worst = max(worst, float(np.max(np.hypot(got_re - wanted.real, got_im - wanted.imag) / scale) / bound))
        np.testing.assert_allclose(back, a, atol=float(bound * np.abs(a).max() * np.sqrt(n)))
    assert worst <= 1


@pytest.mark.parametrize("norm", ["backward", "ortho", "forward"])
def test_named_sizes_and_norms(norm):
    x = gd.input("x", ("b", "n"))
    re, im = gd.fft.rfft(x, norm=norm)
    f = gd.compile([x], [re, im, gd.fft.irfft((re, im), n="n", norm=norm)])
    for shape in ((2, 7), (3, 8), (1, 1), (2, 34)):
        a = np.random.default_rng(1).normal(size=shape).astype("float32")
        got_re, got_im, back = f(a)
        wanted = np.fft.rfft(a.astype(float), norm=norm)
        assert got_re.dtype == np.float32
        np.testing.assert_allclose(got_re, wanted.real, atol=1e-5)
        np.testing.assert_allclose(got_im, wanted.imag, atol=1e-5)
        np.testing.assert_allclose(back, a, atol=1e-6)


def test_the_bits_are_the_same_for_any_number_of_threads():
    for n in (1024, 1009, 210):
        a = np.random.default_rng(0).normal(size=(40, n, 3))
        x = gd.input("x", a.shape, "float64")
        one, two = (gd.compile([x], list(gd.fft.rfft(x, axis=1)), threads=k)(a) for k in (1, 2))
        assert all(p.tobytes() == q.tobytes() for p, q in zip(one, two, strict=True))


def test_what_does_not_fit_is_told():
    x, n = gd.input("x", (3, 4)), gd.input("n", ("n",))
    with pytest.raises(gd.GraphError, match='norm is "backward", "ortho" or "forward", got \'unit\''):
        gd.fft.rfft(x, norm="unit")
    with pytest.raises(gd.ShapeError, match="rfft: a transform of 0 elements"):
        gd.fft.rfft(x, n=0)
    with pytest.raises(gd.ShapeError, match="irfft: takes a pair, the real and the imaginary part"):
        gd.fft.irfft(x)
    with pytest.raises(gd.ShapeError, match="real and imaginary part differ in shape"):
        gd.fft.irfft((x, x[:, :2]))
    with pytest.raises(gd.ShapeError, match="which of n and 8 is more is known only at the call"):
        gd.fft.rfft(n, n=8)
    with pytest.raises(gd.ShapeError, match="axis 1 is given twice"):
        gd.fft.rfft2(x, axes=(1, -1))
    with pytest.raises(gd.DTypeError):
        gd.fft.rfft(gd.input("i", (4,), "int64"))
    f = gd.compile([n], list(gd.fft.rfft(n)))
    with pytest.raises(gd.FeedError, match="the transform of no elements"):
        f(np.zeros(0, "float32"))
