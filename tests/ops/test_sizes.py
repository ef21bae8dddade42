"""A size is a number: in arithmetic with Tensors and Python numbers, known at the call, of the Tensor's dtype."""

import re

import numpy as np
import pytest

import graphdiff as gd

N = 7


def at(dtype):
    return gd.input("x", shape=("n", 3), dtype=dtype), np.random.default_rng(0).uniform(1, 2, (N, 3)).astype(dtype)


CASES = {
    "sum / n": lambda g, x, n: g.sum(x) / n,
    "n / x": lambda g, x, n: n / x,
    "x * n": lambda g, x, n: x * n,
    "n * x": lambda g, x, n: n * x,
    "n + x": lambda g, x, n: n + x,
    "n - x": lambda g, x, n: (2 * n + 1) - x,
    "x ** n": lambda g, x, n: x**n,
    "n ** x": lambda g, x, n: n**x,
    "0.5 * n * log": lambda g, x, n: 0.5 * n * g.log(x),
    "n ** 0.5 * x": lambda g, x, n: n**0.5 * x,
    "n / 2": lambda g, x, n: x * (n / 2) - (1 - n / 4) + n**2 + 1 / n,
    "np.sqrt(n)": lambda g, x, n: x * np.sqrt(n) + np.log(n + 1.0) / np.exp(-n),
    "np.multiply(n, x)": lambda g, x, n: np.multiply(n, x) + np.multiply(x, n * 1.5),
    "where": lambda g, x, n: g.where(x > 1.5, n, x),
    "floor": lambda g, x, n: n // x + n % x + x % n,
    "maximum": lambda g, x, n: g.maximum(x, n / 5),
    "compare": lambda g, x, n: (n < x * 5, x * 5 >= n, n == x, n != x),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES)
def test_arithmetic_keeps_the_dtype_and_gives_numpys_numbers(case, dtype):
    x, data = at(dtype)
    made = CASES[case](gd, x, x.shape[0])
    want = CASES[case](np, data, N)
    many = isinstance(made, tuple)
    got = gd.compile([x], list(made) if many else [made])(data)
    for y, a, b in zip(made if many else [made], got, want if many else [want]):
        assert y.dtype == (np.dtype(bool) if many else np.dtype(dtype))
        np.testing.assert_allclose(a, b, rtol=3e-6 if dtype == "float32" else 1e-13)


def test_numbers_of_sizes_alone_and_in_other_dtypes():
    x, data = at("float32")
    n = x.shape[0]
    made = [gd.constant(n), gd.full((), n), gd.full((2,), n, dtype="float64"), gd.constant(n / 2), gd.arange(n) < n - 1]
    got = gd.compile([x], [*made, gd.sum(x)])(data)
    assert [m.dtype.name for m in made] == ["int64", "int64", "float64", "float32", "bool"]
    assert [a.tolist() for a in got[:4]] == [7, 7, [7.0, 7.0], 3.5] and got[4].tolist() == [True] * 6 + [False]
    i = gd.input("i", shape=("n",), dtype="int32")
    assert (i * n).dtype == np.int32
    with pytest.raises(gd.DTypeError, match="a floating number beside int32"):
        i * (n / 2)
    assert n * 2 == "2*n" and n**2 == "n*n" and n + 1 - 1 == n and repr(n / 2) == "divide(n, 2)"
    with pytest.raises(TypeError):
        bool(n / 2)


def test_they_differentiate_print_and_read_back():
    x, data = at("float64")
    n = x.shape[0]
    loss = 0.5 * n * gd.log(gd.sum(x * x) / n) + gd.sum(x) * n**0.5
    assert gd.check_grad(loss, x, {x: data}).ok
    f = gd.compile([x], gd.grad(loss, x))
    text, again = (re.sub(r" +# .*", "", g.text()) for g in (f.graph, gd.parse(f.graph.text())))
    assert "size(n)" in text and again == text
    for k in (3, 5):
        a = np.random.default_rng(k).uniform(1, 2, (k, 3))
        np.testing.assert_allclose(f(a), k * a / (a * a).sum() + k**0.5, rtol=1e-12)


def test_numbers_and_arrays_of_numpy_beside_sizes():
    x, value = at("float64")
    n = x.shape[0]
    assert np.int64(2) * n == 2 * n == n * np.int64(2) and gd.zeros((np.int64(1) + n,)).shape == (n + 1,)
    assert (n == np.int64(3)) is False and (np.float64(3) != n) is True
    made = [np.log(np.pi) * n, 0.5 * n * np.float64(3), np.float32(2) / n, n * np.arange(3.0), n < np.float64(3)]
    assert [t.dtype.name for t in made] == ["float64", "float64", "float32", "float64", "bool"]
    got = gd.compile([x], [*made, gd.sum(x) * 0])(value)[:-1]
    for ours, theirs in zip(got, [np.log(np.pi) * N, 1.5 * N, 2 / N, N * np.arange(3.0), False]):
        assert np.allclose(ours, theirs)
    for wrong, told in [(lambda: np.add.reduce(n), "np.add.reduce"), (lambda: np.sqrt(n, dtype="f4"), "with dtype")]:
        with pytest.raises(gd.GraphError, match=told):
            wrong()
