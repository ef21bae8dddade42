"""Below a choice between examples, what is infinite or NaN in those not taken reaches no derivative: operations that
work on whole images, channels, heads and matrices."""

import numpy as np
import pytest

import graphdiff as gd

TAKEN = np.array([False, True, True, True])
rng = np.random.default_rng(0)
W, K, B = rng.normal(size=(2, 2, 3, 3)), rng.normal(size=(4, 2, 5, 3)), rng.normal(size=(4, 3, 3))
I = np.eye(3)
S = rng.normal(size=(3, 3)) + 3 * np.diag([1, 2, 4])
IMAGES, HEADS, MATRICES = (4, 2, 6, 6), (4, 2, 5, 3), (4, 3, 3)
linalg, nn = gd.linalg, gd.nn


def len_(x):
    return x.shape[0]


CASES = {  # operands, and what is done with them
    "conv2d": (IMAGES, lambda x: nn.conv2d(x, W, padding=1, stride=2)),
    "conv2d, groups": (IMAGES, lambda x: nn.conv2d(x, W[:, :1], groups=2)),
    "conv_transpose2d": (IMAGES, lambda x: nn.conv_transpose2d(x, W)),
    "max_pool2d": (IMAGES, lambda x: nn.max_pool2d(x, 2)),
    "avg_pool2d": (IMAGES, lambda x: nn.avg_pool2d(x, 2)),
    "attention, queries": (HEADS, lambda x: nn.scaled_dot_product_attention(x, K[-len_(x) :], K[-len_(x) :])),
    "attention, keys": (HEADS, lambda x: nn.scaled_dot_product_attention(K[-len_(x) :], x, x)),
    "inv": (MATRICES, lambda x: linalg.inv(x + S)),
    "solve": (MATRICES, lambda x: linalg.solve(x + S, B[-len_(x) :])),
    "right side": (MATRICES, lambda x: linalg.solve(gd.constant(S), x)),
    "solve_triangular": (MATRICES, lambda x: linalg.solve_triangular(x + S, B[-len_(x) :])),
    "cholesky": (MATRICES, lambda x: linalg.cholesky(x @ x.mT + I)),
    "det": (MATRICES, lambda x: linalg.det(x + S)),
    "slogdet": (MATRICES, lambda x: linalg.slogdet(x + S)[1]),
    "eigenvalues": (MATRICES, lambda x: linalg.eigvalsh(x + S)),
    "eigenvectors": (MATRICES, lambda x: linalg.eigh(x + S)[1]),
    "svd": (MATRICES, lambda x: linalg.svd(x + S)[0]),
    "qr": (MATRICES, lambda x: linalg.qr(x + S)[0]),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("below", ["sqrt", "reciprocal"])
def test_what_is_not_taken_reaches_no_derivative(name, below):
    """sqrt: an infinite derivative beneath; reciprocal: infinite values too."""
    shape, f = CASES[name]
    a = np.random.default_rng(1).uniform(0.5, 2, shape)
    a[0] = 0
    x = gd.input("x", shape, "float64")
    y = f(getattr(gd, below)(x))
    kept = gd.sum(gd.square(gd.where(TAKEN.reshape(4, *[1] * (y.ndim - 1)), y, 0.0)))
    g = gd.grad(kept, x)
    ones = np.ones(shape)
    reverse, second, forward = gd.compile([x], [g, gd.hvp(kept, x, ones), gd.jvp(kept, x, ones)])(a)
    some = gd.input("some", (3, *shape[1:]), "float64")
    loss = gd.sum(gd.square(f(getattr(gd, below)(some))))
    want, want_second = gd.compile([some], [gd.grad(loss, some), gd.hvp(loss, some, ones[1:])])(a[1:])
    np.testing.assert_allclose(reverse, np.concatenate([0 * a[:1], want]), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(second, np.concatenate([0 * a[:1], want_second]), rtol=1e-7, atol=1e-7)
    assert forward == pytest.approx(reverse.sum(), rel=1e-9)


def test_weights_shared_by_examples_not_taken():
    """The sum over a batch takes no part of what is infinite in an image not taken."""
    images = np.random.default_rng(2).uniform(0.5, 2, IMAGES)
    images[0, 0, 0, 0] = 0
    x, w = gd.input("x", IMAGES, "float64"), gd.input("w", W.shape, "float64")
    loss = gd.sum(gd.where(TAKEN[:, None, None, None], nn.conv2d(1 / x, w), 0.0) ** 2)
    without = gd.sum(nn.conv2d(1 / x[1:], w) ** 2)
    got, want = gd.compile([x, w], [gd.grad(loss, w), gd.grad(without, w)])(images, W)
    np.testing.assert_allclose(got, want, rtol=1e-9)


def test_values_that_a_loop_captures():
    """Read by index and chosen from outside, and chosen within a step that never takes them."""
    a = np.random.default_rng(3).uniform(0.5, 2, (4, 3))
    a[0] = 0
    x = gd.input("x", (4, 3), "float64")

    def read(x):
        y = gd.sqrt(x)
        rows = gd.scan(lambda c, t: (c, gd.take(y, t, axis=0)), gd.zeros((3,), "float64"), np.arange(4))[1]
        return gd.sum(gd.where(TAKEN[:, None], rows, 0.0))

    def chosen(x):
        y = gd.sqrt(x[0, 0]) * x[1, 1]
        return gd.sum(gd.scan(lambda c, t: (c, gd.where(t > 9, y, c)), gd.sum(x[2]), np.arange(4.0))[1])

    for loss, want in ((read, np.where(a == 0, 0, 0.5 / np.sqrt(np.maximum(a, 0.1)))), (chosen, None)):
        g = gd.grad(loss(x), x)
        reverse, second = gd.compile([x], [g, gd.hvp(loss(x), x, np.ones((4, 3)))])(a)
        if want is None:
            want = np.zeros((4, 3))
            want[2] = 4
        np.testing.assert_allclose(reverse, want)
        assert np.isfinite(second).all()


def test_one_condition_for_all_sums():
    """A condition of one element, which the results of a reduction are not."""
    x = gd.input("x", (4, 3), "float64")
    loss = gd.sum(gd.where(gd.sum(x, keepdims=True)[0] > 0, gd.sum(gd.sqrt(x), axis=1), 0.0))
    np.testing.assert_allclose(gd.compile([x], gd.grad(loss, x))(np.ones((4, 3))), 0.5)
    assert (gd.compile([x], gd.grad(loss, x))(np.zeros((4, 3))) == 0).all()
