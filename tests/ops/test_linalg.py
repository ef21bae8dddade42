"""Products over axes and linear algebra beyond the samples that tests/ops/test_ops.py runs: einsum at random, factors
that give the matrix back, what has no factorisation, equal eigenvalues, shared work, and what is refused."""

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

import graphdiff as gd


# --------------------------------------------------------------------------------------- einsum, at random
@st.composite
def contractions(draw):
    """Subscripts of one to four operands over letters of sizes 1 to 3, with repeated letters and any result."""
    sizes = dict(zip("abcd", draw(st.lists(st.integers(1, 3), min_size=4, max_size=4)), strict=True))
    parts = draw(st.lists(st.text("abcd", max_size=3), min_size=1, max_size=4))
    letters = sorted(set("".join(parts)))
    result = draw(st.permutations(letters))[: draw(st.integers(0, len(letters)))]
    return f"{','.join(parts)}->{''.join(result)}", [tuple(sizes[c] for c in part) for part in parts]


@hypothesis.settings(max_examples=150)
@hypothesis.given(contractions(), st.integers(0, 2**31))
def test_einsum_at_random(contraction, seed):
    subscripts, shapes = contraction
    rng = np.random.default_rng(seed)
    arrays = [rng.integers(-3, 4, s).astype("float64") for s in shapes]
    xs = [gd.input(f"x{i}", s, "float64") for i, s in enumerate(shapes)]
    got = gd.compile(xs, gd.einsum(subscripts, *xs))(*arrays)
    np.testing.assert_array_equal(got, np.einsum(subscripts, *arrays))  # small integers: exact in any order


def test_einsum_takes_a_cheap_order():
    # (100, 2) (2, 100) (100, 1): from the left 100 * 100 numbers in between, from the right 2
    a, b, c = (gd.input(n, s) for n, s in (("a", (100, 2)), ("b", (2, 100)), ("c", (100, 1))))
    assert gd.compile([a, b, c], gd.einsum("ij,jk,kl->il", a, b, c)).plan.flops < 2000


def test_products_become_products_of_matrices():
    q, k = (gd.input(n, ("batch", 4, "t", 8)) for n in "qk")
    graph = gd.compile([q, k], gd.einsum("bhqd,bhkd->bhqk", q, k)).graph
    assert [n.op.name for n in graph.nodes if n.op.kind == "bilinear"] == ["matmul"]
    assert graph.outputs[0].shape == ("batch", 4, "t", "t")
    a = np.random.default_rng(0).standard_normal((2, 2, 4, 5, 8)).astype("float32")
    got = gd.compile([q, k], gd.einsum("bhqd,bhkd->bhqk", q, k))(*a)
    np.testing.assert_allclose(got, np.einsum("bhqd,bhkd->bhqk", *a), rtol=1e-4, atol=1e-5)


# --------------------------------------------------------------------------------------- factorisations
def numbers(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def orthonormal(products):
    np.testing.assert_allclose(products, np.broadcast_to(np.eye(products.shape[-1]), products.shape), atol=1e-12)


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 4), (2, 3, 6, 4), (0, 3), (3, 0), (0, 2, 2), (120, 90)])
def test_factors_give_the_matrix_back(shape):
    x = gd.input("x", shape, "float64")
    a, m, n = numbers(*shape), shape[-2], shape[-1]
    q, r = gd.compile([x], list(gd.linalg.qr(x)))(a)
    np.testing.assert_allclose(q @ r, a, atol=1e-12)
    orthonormal(np.swapaxes(q, -1, -2) @ q)
    assert np.array_equal(r, np.triu(r))
    for full in (True, False):
        u, s, vh = gd.compile([x], list(gd.linalg.svd(x, full_matrices=full)))(a)
        k = min(m, n)
        assert u.shape[-1] == (m if full else k) and vh.shape[-2] == (n if full else k)
        np.testing.assert_allclose((u[..., :k] * s[..., None, :]) @ vh[..., :k, :], a, atol=1e-12)
        orthonormal(np.swapaxes(u, -1, -2) @ u)
        orthonormal(vh @ np.swapaxes(vh, -1, -2))
        assert np.all(s >= 0) and np.all(np.diff(s) <= 0)


def test_large_and_many():
    x = gd.input("x", ("batch", "n", "n"), "float64")
    f = gd.compile([x], [*gd.linalg.eigh(x), gd.linalg.cholesky(x), gd.linalg.inv(x)])
    for batch, n in ((1, 150), (700, 3), (3, 40)):
        a = numbers(batch, n, n)
        a = a @ np.swapaxes(a, -1, -2) + np.eye(n)
        w, v, l, y = f(a)
        scale = np.abs(a).max()
        np.testing.assert_allclose((v * w[:, None]) @ np.swapaxes(v, -1, -2), a, atol=1e-12 * n * scale)
        np.testing.assert_allclose(l @ np.swapaxes(l, -1, -2), a, atol=1e-12 * n * scale)
        np.testing.assert_allclose(y @ a, np.broadcast_to(np.eye(n), a.shape), atol=1e-8)


def test_only_the_symmetric_part_counts():
    x = gd.input("x", (4, 4), "float64")
    a = numbers(4, 4) + 8 * np.eye(4)
    l, w = gd.compile([x], [gd.linalg.cholesky(x), gd.linalg.eigh(x)[0]])(a)
    np.testing.assert_allclose(l, np.linalg.cholesky((a + a.T) / 2))
    np.testing.assert_allclose(w, np.linalg.eigvalsh((a + a.T) / 2))


def test_a_determinant_that_overflows_has_a_logarithm():
    x = gd.input("x", (400, 400), "float64")
    a = 10 * numbers(400, 400)
    sign, log = gd.compile([x], list(gd.linalg.slogdet(x)), debug="nan")(a)
    assert log > np.log(np.finfo(np.float64).max)
    np.testing.assert_allclose([sign, log], np.linalg.slogdet(a))
    d = gd.input("d", (4, 4), "float64")  # parts of the product overflow, the product does not
    assert gd.compile([d], gd.linalg.det(d))(np.diag([1e200, 1e200, 1e-200, -1e-200])) == pytest.approx(-1)


# --------------------------------------------------------------------------------------- where there is none
SINGULAR = np.stack([np.ones((3, 3)), np.diag([1.0, 2.0, 4.0]), np.zeros((3, 3))])


def test_singular_and_indefinite_matrices_give_nan_alone():
    x = gd.input("x", ("batch", 3, 3), "float64")
    y, d, (sign, log), s = gd.linalg.inv(x), gd.linalg.det(x), gd.linalg.slogdet(x), gd.linalg.solve(x, np.ones(3))
    y, d, sign, log, s = gd.compile([x], [y, d, sign, log, s])(SINGULAR)
    assert np.isnan(y[[0, 2]]).all() and np.isnan(s[[0, 2]]).all()
    np.testing.assert_array_equal(y[1], np.diag([1, 0.5, 0.25]))
    np.testing.assert_array_equal(d, [0, 8, 0])
    np.testing.assert_array_equal(sign, [0, 1, 0])
    np.testing.assert_allclose(log, [-np.inf, np.log(8), -np.inf])
    l = gd.compile([x], gd.linalg.cholesky(x))(np.stack([-np.eye(3), np.eye(3)]))
    assert np.isnan(np.diagonal(l[0])).all() and np.array_equal(l[1], np.eye(3))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_gives_nan_and_prints_nothing(bad, capfd):
    x = gd.input("x", (2, 3, 3), "float64")
    a = np.stack([np.eye(3), np.eye(3)])
    a[0, 1, 1] = bad
    outputs = [gd.linalg.eigh(x)[0], gd.linalg.svd(x)[1], gd.linalg.qr(x)[1], gd.linalg.inv(x), gd.linalg.cholesky(x)]
    w, s, r, y, l = gd.compile([x], outputs)(a)
    assert np.isnan(w[0]).all() and np.isnan(s[0]).all() and not np.isfinite(r[0]).all()
    assert not np.isfinite(l[0]).all() and not np.array_equal(y[0], a[0])
    for z in (w, s, r, y, l):
        assert np.isfinite(z[1]).all()
    assert capfd.readouterr() == ("", "")


def test_nan_is_named_when_asked_for():
    x = gd.input("x", (3, 3), "float64")
    for y, name, a in ((gd.linalg.inv(x), "lu_solve", SINGULAR[0]), (gd.linalg.cholesky(x), "cholesky", -np.eye(3))):
        with pytest.raises(gd.NonFiniteError, match=name):
            gd.compile([x], y, debug="nan")(a)
    assert gd.compile([x], gd.linalg.det(x), debug="nan")(SINGULAR[0]) == 0  # a determinant of 0 is none


# --------------------------------------------------------------------------------------- equal values
def gradient(f, a):
    x = gd.input("x", a.shape, "float64")
    return gd.compile([x], gd.grad(f(x), x))(a)


def test_functions_of_equal_eigenvalues():
    a = np.diag([2.0, 2.0, 5.0])
    np.testing.assert_allclose(gradient(lambda x: gd.sum(gd.linalg.eigh(x)[0] ** 2), a), 2 * a, atol=1e-12)
    # the projector on the subspace of the two equal ones: its turn against the third is all that counts
    c = numbers(3, 3)

    def projector(x):
        v = gd.linalg.eigh(x)[1][:, :2]
        return gd.sum((v @ v.T) * c)

    t = numbers(3, 3, seed=1)
    t = t + t.T

    def value(a):
        v = np.linalg.eigh(a)[1][:, :2]
        return ((v @ v.T) * c).sum()

    slope = (value(a + 1e-6 * t) - value(a - 1e-6 * t)) / 2e-6
    np.testing.assert_allclose((gradient(projector, a) * t).sum(), slope, rtol=1e-7)


def test_equal_and_zero_singular_values():
    """Functions of the values have their derivative there; single vectors have none."""
    weights = numbers(5, 3)
    for a in (np.eye(5, 3), np.zeros((5, 3)), np.diag([3.0, 3.0, 0, 0, 0])[:, :3]):
        u = gradient(lambda x: gd.sum(gd.linalg.svd(x, full_matrices=False)[0] * weights), a)
        assert np.isnan(u).all()
        squares = gradient(lambda x: gd.sum(gd.linalg.svd(x, full_matrices=False)[1] ** 2), a)
        np.testing.assert_allclose(squares, 2 * a, atol=1e-12)


def test_vectors_of_distinct_values_beside_equal_ones():
    """What uses only vectors that have a derivative has one."""
    a, c = np.diag([1.0, 4, 4]), numbers(3, seed=3)
    first = gradient(lambda x: gd.sum(gd.linalg.eigh(x)[1][:, 0] ** 2 * c), a)
    near = gradient(lambda x: gd.sum(gd.linalg.eigh(x)[1][:, 0] ** 2 * c), a + np.diag([0, 0, 1e-3]))
    np.testing.assert_allclose(first, near, atol=1e-3)
    assert np.isnan(gradient(lambda x: gd.sum(gd.linalg.eigh(x)[1][:, 1] * c), a)).all()
    right = gradient(lambda x: gd.sum(gd.linalg.svd(x)[2][2] ** 2 * c), a)
    assert np.isfinite(right).all()


def test_norm_of_nothing_has_gradient_zero():
    for order in (None, "fro", 2, "nuc", 1):
        assert np.array_equal(
            gradient(lambda x, order=order: gd.linalg.norm(x, ord=order), np.zeros((3, 2))) * 0, np.zeros((3, 2))
        )
    assert np.array_equal(gradient(gd.linalg.norm, np.zeros((3, 2))), np.zeros((3, 2)))


def cofactors(a):
    n = len(a)
    return np.array(
        [[(-1) ** (i + j) * np.linalg.det(np.delete(np.delete(a, i, 0), j, 1)) for j in range(n)] for i in range(n)]
    )


@pytest.mark.parametrize(
    "a",
    [
        np.array([[1.0, 2], [2, 4]]),
        np.zeros((1, 1)),
        np.zeros((2, 2)),
        np.array([[0.0, 1], [0, 0]]),
        np.ones((3, 3)),
        np.array([[1.0, 2, 3], [4, 5, 6], [7, 8, 9]]),
        np.diag([0.0, 3, 4]),
        np.diag([0.0, 3, 0]) + np.eye(3, k=1),
        1e6 * np.array([[2.0, 0, 1], [0, 3, 5], [2, 3, 6]]),
    ],
)
def test_the_gradient_of_a_determinant_of_zero(a):
    scale = max(np.abs(a).max(), 1) ** (len(a) - 1)
    np.testing.assert_allclose(gradient(gd.linalg.det, a), cofactors(a), rtol=1e-6, atol=1e-6 * scale)
    x, t = gd.input("x", a.shape, "float64"), gd.input("t", a.shape, "float64")
    direction = numbers(*a.shape)
    slope = gd.compile([x, t], gd.jvp(gd.linalg.det(x), x, t))(a, direction)
    assert slope == pytest.approx((cofactors(a) * direction).sum(), rel=1e-6, abs=1e-6 * scale)
    if len(a) == 2:  # the Hessian of x00 x11 - x01 x10
        second = gd.compile([x, t], gd.hvp(gd.linalg.det(x), x, t))(a, direction)
        np.testing.assert_allclose(
            second, [[direction[1, 1], -direction[1, 0]], [-direction[0, 1], direction[0, 0]]], atol=1e-6
        )


# --------------------------------------------------------------------------------------- one factorisation
def test_value_and_gradient_share_one_factorisation():
    a, b = gd.input("a", (4, 4), "float64"), gd.input("b", (4,), "float64")
    loss = gd.sum(gd.linalg.solve(a, b) ** 2)
    names = [n.op.name for n in gd.compile([a, b], [loss, *gd.grad(loss, [a, b])]).graph.nodes]
    assert names.count("lu") == 1


def test_many_right_sides_for_one_matrix():
    a, b = gd.input("a", (3, 3), "float64"), gd.input("b", ("batch", 3, 2), "float64")
    m, r = numbers(3, 3), numbers(5, 3, 2)
    x, y = gd.compile([a, b], [gd.linalg.solve(a, b), gd.linalg.solve_triangular(a, b)])(m, r)
    np.testing.assert_allclose(m @ x, r)
    np.testing.assert_allclose(np.tril(m) @ y, r)


def test_matrices_that_are_made_before_they_are_used():
    # a Gaussian log-likelihood in covariance form, by both factorisations
    x, a = gd.input("x", ("n", 3), "float64"), gd.input("a", (3, 3), "float64")
    cov = a @ a.T + np.eye(3)
    l = gd.linalg.cholesky(cov)
    by_cholesky = gd.sum(gd.linalg.solve_triangular(l, x.T) ** 2) + 2 * gd.sum(gd.log(gd.diagonal(l)))
    by_lu = gd.sum(x.T * gd.linalg.solve(cov, x.T)) + gd.linalg.slogdet(cov)[1]
    f = gd.compile([x, a], [by_cholesky, by_lu, gd.grad(by_cholesky, a), gd.grad(by_lu, a)])
    one, two, g_one, g_two = f(numbers(7, 3), numbers(3, 3, seed=2))
    assert one == pytest.approx(two)
    np.testing.assert_allclose(g_one, g_two, rtol=1e-10)
    assert gd.check_grad(by_cholesky, a, {x: numbers(7, 3), a: numbers(3, 3, seed=2)}).ok


# --------------------------------------------------------------------------------------- misuse
Y = gd.input("y", (4, 3), "float64")
MISUSE = [
    (lambda: gd.linalg.inv(Y), gd.ShapeError, "square matrices, got 4 by 3"),
    (lambda: gd.linalg.det(gd.input("v", (3,))), gd.ShapeError, "needs a matrix"),
    (lambda: gd.linalg.cholesky(gd.input("i", (3, 3), "int64")), gd.DTypeError, "int64"),
    (lambda: gd.linalg.solve(gd.input("a", (3, 3)), gd.input("b", (4,))), gd.ShapeError, "3 columns"),
    (lambda: gd.linalg.solve(gd.input("a", (2, 3, 3)), gd.input("b", (5, 3, 1))), gd.ShapeError, "batches"),
    (lambda: gd.linalg.solve(gd.input("a", ("n", "m")), Y), gd.ShapeError, "n by m"),
    (lambda: gd.linalg.norm(Y, ord=3), gd.GraphError, "ord of a matrix"),
    (lambda: gd.linalg.norm(Y, ord="fro", axis=0), gd.GraphError, "of matrices"),
    (lambda: gd.linalg.norm(gd.input("c", (2, 2, 2)), ord=1), gd.ShapeError, "name one axis or two"),
    (lambda: gd.linalg.norm(Y, axis=(0, 0)), gd.ShapeError, "repeated"),
    (lambda: gd.grad(gd.sum(gd.linalg.svd(Y)[0]), Y), gd.GraphError, "full_matrices=False"),
    (lambda: gd.einsum("ij,jk", Y, Y), gd.ShapeError, "'j' is 3 and 4"),
    (lambda: gd.einsum("i1", Y), gd.ShapeError, "'1'"),
    (lambda: gd.einsum("ijk", Y), gd.ShapeError, "names 3 dimensions"),
    (lambda: gd.einsum("ij->ii", Y), gd.ShapeError, "repeats"),
    (lambda: gd.einsum("...j->j", Y), gd.ShapeError, "'...'"),
    (lambda: gd.einsum("ij,ij", Y), gd.ShapeError, "2 subscripts for 1"),
    (lambda: gd.einsum("ij->ik", Y), gd.ShapeError, "result only"),
    (lambda: gd.einsum("ii", Y), gd.ShapeError, "4 and 3"),
    (lambda: gd.einsum(Y, Y), gd.ShapeError, "string"),
    (lambda: gd.tensordot(Y, Y, axes=1), gd.ShapeError, "axis 1 has 3, axis 0 has 4"),
    (lambda: gd.tensordot(Y, Y, axes=3), gd.ShapeError, "3 axes"),
    (lambda: gd.tensordot(Y, Y, axes=([0], [0, 1])), gd.ShapeError, "do not pair"),
    (lambda: gd.tensordot(Y, Y, axes=(0, 0, 1)), gd.ShapeError, "a pair of lists"),
    (lambda: gd.tensordot(Y, Y, axes=1.5), gd.ShapeError, "a pair of lists"),
    (lambda: gd.tensordot(Y, Y, axes=(2, 0)), gd.ShapeError, "axis 2 is out of range"),
    (lambda: gd.vecdot(Y, gd.input("k", (4,), "float64")), gd.ShapeError, "3 and 4"),
    (lambda: gd.diagonal(Y, 0, 1, 1), gd.ShapeError, "twice"),
    (lambda: gd.diagonal(gd.input("d", ("n", 3))), gd.ShapeError, "known only at the call"),
]


@pytest.mark.parametrize("i", range(len(MISUSE)))
def test_misuse(i):
    make, error, text = MISUSE[i]
    with pytest.raises(error, match=text) as caught:
        make()
    assert "test_linalg.py" in str(caught.value)


def test_more_columns_than_rows_at_the_call():
    x = gd.input("x", ("m", 3), "float64")
    for y in (gd.linalg.qr(x)[1], gd.linalg.svd(x, full_matrices=False)[1]):
        f = gd.compile([x], y)
        assert np.isfinite(f(numbers(3, 3))).all()
        with pytest.raises(gd.FeedError, match="as many rows"):
            f(numbers(2, 3))


@pytest.mark.parametrize("shape", [(0, 0), (2, 0, 0), (0, 2, 2)])
def test_spectra_of_nothing_have_derivatives_of_nothing(shape):
    x = gd.input("x", shape, "float64")
    w, v = gd.linalg.eigh(x)
    u, s, vh = gd.linalg.svd(x, full_matrices=False)
    gradient = gd.grad(gd.sum(w) + gd.sum(v) + gd.sum(u) + gd.sum(s) + gd.sum(vh), x)
    assert gd.compile([x], gd.jvp(gradient, x, gd.ones_like(x)))(np.zeros(shape)).shape == shape
