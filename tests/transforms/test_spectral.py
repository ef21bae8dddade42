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
    "einsum": lambda v, d: gd.einsum("ij,j,kj->ik", v, d, v),
    "einsum of a transpose": lambda v, d: gd.einsum("j,jk,ij->ki", d, v.T, v),
    "einsum of two": lambda v, d: gd.einsum("ij,kj->ik", v, v * d),
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


SECOND = {  # what is squared, exponentiated, shared between values or beside them: functions of matrices in NumPy
    "cube": (lambda w, s: w**3, lambda a, s: a @ a @ a),
    "scaled": (lambda w, s: w**2 * s + w, lambda a, s: s * a @ a + a),
    "normed": (lambda w, s: w**2 / gd.sum(w), lambda a, s: a @ a / np.trace(a)),
    "inverse": (lambda w, s: s / (w + 1), lambda a, s: s * np.linalg.inv(a + np.eye(len(a)))),
}


@pytest.mark.parametrize("name", SECOND)
@pytest.mark.parametrize("gap", GAPS)
def test_second_derivatives_of_functions(name, gap):
    f, of_matrix = SECOND[name]
    a = turned([2, 2 + gap, 5])
    t, c, r = np.random.default_rng(1).normal(size=(3, 3, 3))
    x, s = gd.input("x", (3, 3), "float64"), gd.input("s", (), "float64")
    w, v = gd.linalg.eigh(x)
    y = gd.sum(gd.einsum("ij,j,kj->ik", v, f(w, s), v) * c)
    gx, gs = gd.grad(y, [x, s])
    along = gd.sum(gx * t)
    by_x, by_s, of_s, forward, forward_forward, first = gd.compile(
        [x, s], [*gd.grad(along, [x, s]), gd.grad(gs, x), gd.jvp(gx, x, r), gd.jvp(gd.jvp(y, x, t), x, r), gx]
    )(a, 0.7)

    def value(p, q, scale):
        m = a + p * t + q * r
        return (of_matrix((m + m.T) / 2, scale) * c).sum()

    h = 1e-3
    mixed = (value(h, h, 0.7) - value(h, -h, 0.7) - value(-h, h, 0.7) + value(-h, -h, 0.7)) / (4 * h * h)
    twice_forward = [] if np.isnan(forward_forward) and gap < 1e-8 and name == "normed" else [forward_forward]
    for found in ((by_x * r).sum(), (forward * t).sum(), *twice_forward):
        np.testing.assert_allclose(found, mixed, rtol=2e-5, atol=1e-5)
    of_scale = (value(h, 0, 0.7 + h) - value(h, 0, 0.7 - h) - value(-h, 0, 0.7 + h) + value(-h, 0, 0.7 - h)) / (
        4 * h * h
    )
    np.testing.assert_allclose([by_s, (of_s * t).sum()], [of_scale] * 2, rtol=2e-5, atol=1e-6)
    np.testing.assert_allclose((first * t).sum(), (value(h, 0, 0.7) - value(-h, 0, 0.7)) / (2 * h), rtol=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_second_derivatives_in_batches_loops_and_branches(dtype):
    c, t = np.random.default_rng(5).normal(size=(2, 3, 3)).astype(dtype)
    a = np.stack([np.zeros((3, 3)), np.eye(3), turned([2, 2, 5]), turned([1, 2, 3])]).astype(dtype)

    def product(m):
        w, v = gd.linalg.eigh(m)
        return gd.sum(gd.einsum("...ij,...j,...kj->...ik", v, gd.exp(w), v) * c)

    def turn(m):
        return gd.hvp(product(m), m, gd.broadcast_to(t, m.shape))

    x = gd.input("x", ("b", 3, 3), dtype)
    in_branch = gd.scan(lambda k, m: (k, gd.cond(gd.sum(m) > -1e9, turn, lambda m: m, m)), 0, x)[1]
    found = gd.compile([x], [turn(x), gd.map(turn, x), gd.vmap(turn)(x), in_branch])(a)
    series = np.zeros_like(
        a, "float64"
    )  # of exp, whose k-th term is the mean of a^p t a^q c a^r over p + q + r = k - 2
    for which, m in enumerate(a.astype(float)):
        powers = [np.linalg.matrix_power(m, k) for k in range(40)]
        ts, cs = (t + t.T).astype(float) / 2, (c + c.T).astype(float) / 2
        term = 1.0
        for k in range(2, 40):
            term /= k
            for p in range(k - 1):
                for q in range(k - 1 - p):
                    inner = powers[p] @ ts @ powers[q] @ cs @ powers[k - 2 - p - q]
                    series[which] += term * (inner + inner.T)
    for y in found:
        np.testing.assert_allclose(y, series, rtol=3e-4 if dtype == "float32" else 1e-9, atol=1e-5)


@pytest.mark.parametrize("f", [gd.prod, lambda w: w[0] * w[1] * w[2], lambda w: gd.cumprod(w)[-1]])
@pytest.mark.parametrize("values", [[2, 2, 2], [2, 2, 5], [1, 3, 4]])
def test_the_hessian_of_a_product_of_values(f, values):
    """That of the determinant, or NaN."""
    x = gd.input("x", (3, 3), "float64")
    symmetric = (x + x.mT) / 2
    mine, right = gd.compile([x], [gd.hessian(f(gd.linalg.eigvalsh(x)), x), gd.hessian(gd.linalg.det(symmetric), x)])(
        turned(values)
    )
    equal = len(set(values)) < 3
    if not (equal and np.isnan(mine).all()):
        np.testing.assert_allclose(mine, right, atol=1e-10)


def test_gradients_by_vectors_and_values_that_are_asked_for():
    c = np.random.default_rng(6).normal(size=(3, 3))
    x = gd.input("x", (3, 3), "float64")
    w, v = gd.linalg.eigh(x)
    d = gd.exp(w)
    loss = gd.sum((v * d) @ v.mT * c)
    of_values, vectors = gd.compile([x], [w, v])(turned([1, 2, 5]))
    p = vectors.T @ (c + c.T) @ vectors / 2
    wants = {v: (c + c.T) @ vectors * np.exp(of_values), w: np.diag(p) * np.exp(of_values), d: np.diag(p)}
    for wrt in ([v], [w], [d], [v, w, d], [v, x], [w, x]):
        for value, found in zip(wrt, gd.compile([x], gd.grad(loss, wrt))(turned([1, 2, 5]))):
            if value is not x:
                np.testing.assert_allclose(found, wants[value], atol=1e-9)
    t = gd.input("t", (3,), "float64")
    moved = gd.compile([x, t], gd.jvp(loss, w, t))(turned([1, 2, 5]), np.array([1.0, 2, 3]))
    np.testing.assert_allclose(moved, wants[w] @ [1, 2, 3])
    u, s, vh = gd.linalg.svd(x, full_matrices=False)
    product = gd.sum((u * s) @ vh * c)
    by_u, s_, vh_ = gd.compile([x], [gd.grad(product, u), s, vh])(turned([1, 2, 5]))
    np.testing.assert_allclose(by_u, c @ vh_.T * s_, atol=1e-9)


def test_no_second_derivative_where_a_function_has_a_kink():
    x = gd.input("x", (3, 3), "float64")
    w, v = gd.linalg.eigh(x)
    kinked = gd.where(w > 2 + 1e-15, (w - 2) ** 2, 0)  # between eigenvalues that are not told apart
    y = gd.sum((v * kinked) @ v.mT * np.ones((3, 3)))
    found = gd.compile([x], gd.hvp(y, x, np.ones((3, 3))))(turned([2 - 1e-15, 2 + 2e-15, 5]))
    assert np.isnan(found).any()


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


TWICE = {
    "entropy": lambda w: -gd.sum(gd.xlogy(w(), w())),
    "p log p": lambda w: -gd.sum(w() * gd.log(w())),
    "quotient": lambda w: gd.sum(w() ** 3 / w()),
    "power": lambda w: gd.sum(w() ** w()),
}


@pytest.mark.parametrize("name", TWICE)
@pytest.mark.parametrize("once", [True, False])
@pytest.mark.parametrize("of", ["eigvalsh", "svdvals"])
def test_values_found_twice_are_no_constants_to_each_other(name, once, of):
    """The slope of one by the other is not 0: the limit at equal ones, or NaN where they are not known as the same."""
    x = gd.input("x", (3, 3), "float64")
    s = (x + x.T) / 2
    find = getattr(gd.linalg, of)
    found = find(s)
    at, near = np.diag([1.5, 1.5, 0.5]), np.diag([1.5, 1.501, 0.5])
    loss, same = TWICE[name](lambda: find((x + x.T) / 2)), TWICE[name](lambda: found)
    hessian, want = (gd.compile([x], gd.hessian(y, x)) for y in (loss, same))
    np.testing.assert_allclose(hessian(near), want(near), atol=1e-6)  # where they differ it is known
    got = (want if once else hessian)(at)
    limit = want(np.diag([1.5, 1.5 + 1e-3, 0.5]))
    assert np.all(np.isnan(got) | (np.abs(got - limit) < 0.01))
