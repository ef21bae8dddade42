"""Biases and activations that products apply themselves: which, and that no bit changes."""

import numpy as np
import pytest

import graphdiff as gd
from graphdiff.lower import select

RNG = np.random.default_rng(0)
# where each product's operands and bias have which shapes
PRODUCTS = {
    "matrices": (lambda a, b: a @ b, (7, 5), (5, 9), (9,)),
    "blocks": (lambda a, b: a @ b, (300, 200), (200, 130), (130,)),
    "batch": (lambda a, b: a @ b, (3, 1, 4, 5), (2, 5, 6), (6,)),
    "rows of images": (lambda a, b: a @ b, (2, 3, 4, 5), (5, 6), (1, 1, 6)),
    "transposed": (lambda a, b: gd.matrix_transpose(a) @ b, (5, 7), (5, 9), (1, 9)),
    "one column": (lambda a, b: a @ b, (70, 5), (5, 1), (1,)),
    "conv2d": (lambda a, b: gd.nn.conv2d(a, b, padding=1), (2, 3, 9, 8), (5, 3, 3, 3), (5, 1, 1)),
    "conv2d in groups": (lambda a, b: gd.nn.conv2d(a, b, stride=2, groups=2), (3, 4, 9, 9), (20, 2, 3, 2), (20, 1, 1)),
    "conv_transpose2d": (lambda a, b: gd.nn.conv_transpose2d(a, b, stride=2), (2, 4, 5, 6), (4, 3, 3, 3), (3, 1, 1)),
    "conv1d": (lambda a, b: gd.nn.conv1d(a, b), (2, 4, 50), (3, 4, 3), (3, 1)),
}
AFTER = {
    "bias": lambda y, b: y + b,
    "bias first": lambda y, b: b + y,
    "activation": lambda y, b: gd.tanh(y),
    "bias and relu": lambda y, b: gd.nn.relu(y + b),
    "bias and sigmoid": lambda y, b: gd.nn.sigmoid(b + y),
}


def compiled(build, monkeypatch, **options):
    """The function, and the same without epilogues."""
    f = build(**options)
    with monkeypatch.context() as m:
        m.setattr(select, "epilogues", lambda *_: {})
        return f, build(**options)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("after", AFTER)
@pytest.mark.parametrize("name", PRODUCTS)
def test_a_product_finishes_its_result(name, after, dtype, monkeypatch):
    product, *shapes = PRODUCTS[name]
    a, b, c = leaves = [gd.input(n, s, dtype) for n, s in zip("abc", shapes)]
    y = AFTER[after](product(a, b), c)
    f, plain = compiled(lambda: gd.compile(leaves, y), monkeypatch)
    assert len(f.plan.instructions) == 1 and len(plain.plan.instructions) == 2
    feeds = [RNG.standard_normal(s).astype(dtype) for s in shapes]
    np.testing.assert_array_equal(f(*feeds), plain(*feeds), strict=True)


def test_gradients_and_updates_are_the_same_bits(monkeypatch):
    def build(threads):
        x, t = gd.input("x", ("batch", 2, 8, 8)), gd.input("t", ("batch", 3))
        start = np.random.default_rng(1)
        shapes = (("k", (4, 2, 3, 3)), ("p", (4,)), ("w", (144, 16)), ("q", (16,)), ("v", (16, 3)))
        parameters = [gd.parameter(n, start.standard_normal(s).astype(np.float32) / 4) for n, s in shapes]
        k, p, w, q, v = parameters
        h = gd.nn.relu(gd.nn.conv2d(x, k, p)).reshape(x.shape[0], -1)
        loss = gd.mean(gd.square(gd.nn.relu(h @ w + q) @ v - t))
        updates = gd.optim.Adam(1e-2).updates(parameters, gd.grad(loss, parameters))
        return gd.compile([x, t], loss, updates=updates, threads=threads)

    x, t = RNG.standard_normal((6, 2, 8, 8)).astype(np.float32), RNG.standard_normal((6, 3)).astype(np.float32)
    for threads in (1, 2):
        f, plain = compiled(build, monkeypatch, threads=threads)
        names = [row.name for row in f.plan_for(batch=6).instructions]
        assert "conv2d+add+relu" in names and "matmul+add+relu" in names
        assert [f(x, t) for _ in range(5)] == [plain(x, t) for _ in range(5)]
        assert f(x[:3], t[:3]) == plain(x[:3], t[:3])


OTHERWISE = {
    "what something else reads too": lambda y, c: [gd.tanh(y + c), y * 2],
    "a result": lambda y, c: [y, gd.tanh(y)],
    "a sum that is read": lambda y, c: [gd.tanh(y + c) * (y + c)],
    "another for each row": lambda y, c: [y + c[:5, None]],
    "a matrix": lambda y, c: [y + gd.broadcast_to(c, (5, 9)) * c[:5, None]],
    "itself": lambda y, c: [y + y],
    "a power of a sum": lambda y, c: [(y + c) ** (y + c)],
    "a number of it": lambda y, c: [gd.tanh((y[:1] @ gd.matrix_transpose(y[:1])).reshape(()))],
    "a number": lambda y, c: [y + 2],
    "seen transposed": lambda y, c: [gd.tanh(y.T)],
    "another type": lambda y, c: [gd.astype(y, "float64")],
    "an integer": lambda y, c: [gd.astype(y, "int64")],
}


@pytest.mark.parametrize("name", OTHERWISE)
def test_what_is_no_epilogue_stays_an_instruction_of_its_own(name, monkeypatch):
    a, b, c = leaves = [gd.input(n, s) for n, s in zip("abc", ((5, 4), (4, 9), (9,)))]
    f, plain = compiled(lambda: gd.compile(leaves, OTHERWISE[name](a @ b, c)), monkeypatch)
    assert [r.name for r in f.plan.instructions] == [r.name for r in plain.plan.instructions]
    feeds = [RNG.standard_normal(v.shape).astype(np.float32) for v in leaves]
    for got, wanted in zip(f(*feeds), plain(*feeds)):
        np.testing.assert_array_equal(got, wanted, strict=True)


def test_a_product_is_no_bias_of_its_own():
    a = gd.input("a", (1, 4))
    y = a @ gd.matrix_transpose(a)
    f = gd.compile([a], y + gd.matrix_transpose(y))
    assert f([[1, 2, 3, 4]]) == 60


def test_a_bias_may_be_a_view_or_be_what_the_product_reads(monkeypatch):
    a = gd.input("a", (6, 6))
    y, z = gd.nn.relu(a @ a + a[2]), a @ a.T + gd.flip(a[:, 1], axis=0)
    f, plain = compiled(lambda: gd.compile([a], [y, z]), monkeypatch)
    assert sorted(r.name for r in f.plan.instructions) == ["matmul+add", "matmul+add+relu"]
    x = RNG.standard_normal((6, 6)).astype(np.float32)
    for got, wanted in zip(f(x), plain(x)):
        np.testing.assert_array_equal(got, wanted, strict=True)
    w = gd.input("w", (3, 3, 3, 3))
    f, plain = compiled(lambda: gd.compile([w], gd.tanh(gd.nn.conv2d(w, w, w[0, 0, 0]))), monkeypatch)
    assert len(f.plan.instructions) == 1
    x = RNG.standard_normal((3, 3, 3, 3)).astype(np.float32)
    np.testing.assert_array_equal(f(x), plain(x), strict=True)
