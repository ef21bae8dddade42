"""Functions of matrices through eigh and svd have their derivatives where values are equal or nearly so, or NaN."""

import numpy as np
import pytest

import graphdiff as gd

GAPS = (0.0, 1e-15, 1e-8, 1e-4)
FUNCTIONS = {
    "exp": (gd.exp, np.exp),
    "log": (lambda w: gd.log(1 + w**2), lambda w: np.log(1 + w**2)),
    "softmax": (gd.nn.softmax, lambda w: np.exp(w) / np.exp(w).sum()),
    "chosen": (lambda w: gd.where(w > 3, w, 0.5), lambda w: np.where(w > 3, w, 0.5)),
}
WRITTEN = {
    "columns": lambda v, d: (v * d) @ v.mT,
    "row": lambda v, d: (v * d[None, :]) @ v.T,
    "diag": lambda v, d: v @ gd.diag(d) @ v.T,
    "right": lambda v, d: v @ (gd.diag(d) @ v.T),
    "rows": lambda v, d: v @ (d[:, None] * v.T),
    "twice": lambda v, d: (v * gd.sqrt(d)) @ (v * gd.sqrt(d)).T,
    "quotient": lambda v, d: (v / (1 / d)) @ v.T,
    "negative": lambda v, d: (-v * d) @ -v.T,
}


def turned(values, rows=None, columns=None, seed=0):
    rng = np.random.default_rng(seed)
    n = len(values)
    u = np.linalg.qr(rng.normal(size=(rows or n, n)))[0]
    return (u * values) @ (u if columns is None else np.linalg.qr(rng.normal(size=(columns, n)))[0]).T


def slope(f, a, t, h=1e-5):
    return (f(a + h * t) - f(a - h * t)) / (2 * h)


def both(f, a, t):
    """The derivative of a number along ``t``, in reverse and in forward mode."""
    x = gd.input("x", a.shape, "float64")
    y = f(x)
    return gd.compile([x], [gd.sum(gd.grad(y, x) * t), gd.jvp(y, x, t)])(a)


@pytest.mark.parametrize("written", WRITTEN)
@pytest.mark.parametrize("gap", GAPS)
def test_functions_of_symmetric_matrices(written, gap):
    a, t, c = turned([2, 2 + gap, 5]), *np.random.default_rng(1).normal(size=(2, 3, 3))
    a = (a + a.T) / 2
    for f, reference in FUNCTIONS.values():

        def value(a, reference=reference):
            w, v = np.linalg.eigh((a + a.T) / 2)
            return ((v * reference(w)) @ v.T * c).sum()

        def graph(x, f=f):
            w, v = gd.linalg.eigh(x)
            return gd.sum(WRITTEN[written](v, f(w)) * c)

        np.testing.assert_allclose(both(graph, a, t), slope(value, a, t), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("shape", [(3, 3), (5, 3), (3, 5)])
@pytest.mark.parametrize("gap", GAPS)
def test_functions_of_singular_values(shape, gap):
    t, c = np.random.default_rng(2).normal(size=(2, *shape))

    def value(a):
        u, s, vh = np.linalg.svd(a, full_matrices=False)
        return ((u * np.sin(s)) @ vh * c).sum()

    def graph(x, transposed=False):
        u, s, vh = gd.linalg.svd(x, full_matrices=False)
        return gd.sum(((vh.T * gd.sin(s)) @ u.T).T * c if transposed else (u * gd.sin(s)) @ vh * c)

    for values in ([2, 2 + gap, 5], [0, gap, 3]):
        a = turned(values, *shape)
        expected = slope(value, a, t)
        np.testing.assert_allclose(both(graph, a, t), expected, rtol=1e-6, atol=1e-7)
        np.testing.assert_allclose(both(lambda x: graph(x, True), a, t), expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("gap", GAPS)
def test_second_derivatives_of_values(gap):
    t = np.random.default_rng(3).normal(size=(3, 3))
    x = gd.input("x", (3, 3), "float64")
    for values, of in ((gd.linalg.eigvalsh, "eigenvalues"), (gd.linalg.svdvals, "singular values")):
        a = turned([2, 2 + gap, 5]) if of == "eigenvalues" else turned([2, 2 + gap, 5], 3, 3)
        for f in (lambda w: gd.sum(w**2), lambda w: gd.sum(gd.exp(w)), gd.logsumexp, gd.var):
            loss = f(values(x))
            g = gd.grad(loss, x)
            gradient, reverse, forward = (gd.compile([x], y) for y in (g, gd.hvp(loss, x, t), gd.jvp(g, x, t)))
            expected = slope(gradient, a, t)
            np.testing.assert_allclose(reverse(a), expected, rtol=1e-6, atol=1e-6)
            np.testing.assert_allclose(forward(a), expected, rtol=1e-6, atol=1e-6)


def test_hessian_of_squares_at_the_identity():
    x = gd.input("x", (3, 3), "float64")
    h = gd.compile([x], gd.hessian(gd.sum(gd.linalg.eigvalsh(x) ** 2), x))(np.eye(3))
    i = np.eye(3)
    expected = np.einsum("ik,jl->ijkl", i, i) + np.einsum("il,jk->ijkl", i, i)
    np.testing.assert_allclose(h, expected, atol=1e-12)


def test_batches_and_float32():
    a = np.stack([np.eye(3), np.diag([1.0, 2, 2])]).astype(np.float32)
    x = gd.input("x", a.shape, "float32")
    w, v = gd.linalg.eigh(x)
    got = gd.compile([x], gd.grad(gd.sum((v * gd.exp(w)[:, None, :]) @ v.mT), x))(a)
    one = gd.input("x", (3, 3), "float64")
    w, v = gd.linalg.eigh(one)
    f = gd.compile([one], gd.grad(gd.sum((v * gd.exp(w)) @ v.mT), one))
    np.testing.assert_allclose(got, [f(m.astype(float)) for m in a], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "loss",
    [
        lambda w, v, c: gd.sum(v * c),
        lambda w, v, c: gd.sum(v[:, :1] @ v[:, :1].T * c),  # one of two vectors of the same subspace
        lambda w, v, c: gd.sum((v * gd.cumsum(w)) @ v.T * c),  # no function of each value by itself
        lambda w, v, c: gd.sum((v * (w * np.array([1.0, 2, 3]))) @ v.T * c),
        lambda w, v, c: gd.sum((v * ((w - 2) * np.array([1.0, 2, 3]))) @ v.T * c),  # 0 at both, with two slopes
        lambda w, v, c: gd.sum((v[:, :2] * w[1:]) @ v[:, :2].T * c * gd.sum(v)),
    ],
)
def test_no_number_where_there_is_no_derivative(loss):
    a, c = np.diag([2.0, 2, 5]), np.random.default_rng(4).normal(size=(3, 3))
    x = gd.input("x", (3, 3), "float64")
    assert np.isnan(gd.compile([x], gd.grad(loss(*gd.linalg.eigh(x), c), x))(a)).all()


def test_a_product_that_was_asked_for_itself():
    x = gd.input("x", (3, 3), "float64")
    w, v = gd.linalg.eigh(x)
    scaled = v * gd.exp(w)
    loss = gd.sum((scaled @ v.T) ** 2)
    a = turned([1, 2, 4])
    by_x, by_scaled, q, lam = gd.compile([x], [*gd.grad(loss, [x, scaled]), v, w])(a)
    y = (q * np.exp(lam)) @ q.T
    np.testing.assert_allclose(by_scaled, 2 * y @ q, atol=1e-9)
    np.testing.assert_allclose(by_x, (q * 2 * np.exp(2 * lam)) @ q.T, atol=1e-9)


# --------------------------------------------------------------------------------------- lower rank
def second_minors(a):
    """The second derivatives of a determinant: minors without two rows and two columns, with their signs."""
    n = len(a)
    h = np.zeros((n,) * 4)
    for i, j, k, l in np.ndindex(h.shape):
        if i != k and j != l:
            minor = np.delete(np.delete(a, [i, k], 0), [j, l], 1)
            h[i, j, k, l] = (-1) ** (i + j + k + l) * (1 if (i < k) == (j < l) else -1) * np.linalg.det(minor)
    return h


@pytest.mark.parametrize("rank", [4, 3, 2, 1, 0])
@pytest.mark.parametrize("exactly", [True, False])
def test_determinants_of_lower_rank_to_second_order(rank, exactly):
    """Pivots of 0, and those that rounding leaves."""
    rng = np.random.default_rng(5)
    a = rng.normal(size=(4, rank)) @ rng.normal(size=(rank, 4))
    if exactly:
        a = np.zeros((4, 4))
        a[:rank] = rng.integers(-4, 5, (rank, 4))
    x = gd.input("x", (4, 4), "float64")
    h = gd.compile([x], gd.hessian(gd.linalg.det(x), x))(a)
    np.testing.assert_allclose(h, second_minors(a), atol=1e-6 * max(1, np.abs(a).max()) ** 2)


def test_qr_of_dependent_columns_has_no_derivative():
    rng = np.random.default_rng(6)
    c = rng.normal(size=(4, 4))
    x = gd.input("x", (4, 4), "float64")
    for part in (0, 1):
        g = gd.grad(gd.sum(gd.linalg.qr(x)[part] * c), x)
        f = gd.compile([x], [g, gd.hvp(gd.sum(gd.linalg.qr(x)[part] * c), x, c)])
        for first, second in [f(c[:, :3] @ c[:3]), f(np.zeros((4, 4)))]:
            assert np.isnan(first).all() and np.isnan(second).all()
        assert all(np.isfinite(d).all() for d in f(c))
