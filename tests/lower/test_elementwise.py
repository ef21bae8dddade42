"""Elementwise work as instructions: what runs in one pass, and that a pass computes what its operations say."""

import numpy as np
import pytest

import graphdiff as gd


def black_scholes(n="n"):
    """The sum of option prices and its gradient: leaves, loss, gradients, feeds."""
    leaves = [gd.input(name, shape=(n,)) for name in ("spot", "strike", "v")]
    spot, strike, v = leaves
    d1 = (gd.log(spot / strike) + 0.02 + 0.5 * v * v) / v
    normal = [0.5 * (1 + gd.erf(z * 0.70710678)) for z in (d1, d1 - v)]
    loss = gd.sum(spot * normal[0] - strike * 0.98 * normal[1])
    rng = np.random.default_rng(0)
    feeds = [rng.uniform(low, high, 3000).astype(np.float32) for low, high in ((50, 150), (50, 150), (0.1, 0.5))]
    return leaves, loss, gd.grad(loss, leaves), feeds


def test_a_loss_over_elements_and_its_gradient_are_one_instruction():
    leaves, loss, grads, feeds = black_scholes()
    f = gd.compile(leaves, [loss, *grads])
    got = f(*feeds)
    (row,) = f.plan.instructions
    assert row.phase == "backward" and f.plan.arena_bytes < 100_000
    alone = gd.compile(leaves, loss)
    assert np.array_equal(alone(*feeds), got[0])
    for k, g in enumerate(grads):
        assert np.array_equal(gd.compile(leaves, g)(*feeds), got[k + 1])


def test_the_passes_do_not_meet_where_the_forward_pass_goes_on():
    """A penalty's gradient waits for the backward pass: it would only lie in memory longer."""
    w = gd.parameter("w", np.linspace(-1, 1, 4096, dtype=np.float32).reshape(64, 64))
    x = gd.input("x", shape=(8, 64))
    h = gd.tanh(x @ w)
    loss = gd.sum(gd.square(w)) + gd.sum(gd.square(h))
    (g,) = gd.grad(loss, [w])
    f = gd.compile([x], loss, updates={w: w - 0.1 * g})
    phases = [r.phase for r in f.plan.instructions]
    assert phases == sorted(phases, key=("forward", "backward", "update").index)
    assert phases.count("forward") > 1


@pytest.mark.parametrize("checkpoint", ["sqrt", gd.Every(1)])
def test_recomputation_changes_no_bit_where_the_passes_meet(checkpoint):
    x = gd.input("x", shape=("n", 32))
    w = gd.parameter("w", np.random.default_rng(1).standard_normal((32, 32)).astype(np.float32))
    h = x
    for _ in range(4):
        h = gd.tanh(h @ w)
    loss = gd.mean(gd.exp(gd.square(h - 0.5)))
    g = gd.grad(loss, w)
    feed = np.random.default_rng(2).standard_normal((16, 32)).astype(np.float32)
    for a, b in zip(gd.compile([x], [loss, g])(feed), gd.compile([x], [loss, g], checkpoint=checkpoint)(feed)):
        assert np.array_equal(a, b)


def test_sums_are_the_same_bits_for_any_number_of_threads_and_lose_little():
    """Large enough that a reduction is cut into segments, which threads work on and a last step adds up."""
    n = 300_000
    x = gd.input("x", shape=(n // 100, 100), dtype="float32")
    loss = gd.sum(gd.exp(x) * x)
    columns, most = gd.sum(gd.square(x), axis=0), gd.max(x)
    feed = np.random.default_rng(4).standard_normal((n // 100, 100)).astype(np.float32)
    wide = feed.astype(np.float64)
    want = [np.sum(np.exp(wide) * wide), np.sum(wide**2, axis=0), np.max(wide)]
    before = gd.get_num_threads()
    results = []
    try:
        for threads in (1, 2, 3):
            gd.set_num_threads(threads)
            results.append(gd.compile([x], [loss, gd.grad(loss, x), columns, most])(feed))
    finally:
        gd.set_num_threads(before)
    for other in results[1:]:
        for a, b in zip(results[0], other):
            assert np.array_equal(a, b)
    total, _, columns_got, most_got = results[0]
    np.testing.assert_allclose(total, want[0], rtol=2e-6)
    np.testing.assert_allclose(columns_got, want[1], rtol=2e-6)
    assert most_got == np.float32(want[2])


def test_a_product_is_laid_out_as_it_is_read():
    """einsum("kij,nkj->nki"): what is read with n first lies with n first, and its readers copy nothing."""
    a, x = gd.input("a", shape=(5, 3, 3)), gd.input("x", shape=("n", 5, 3))
    y = gd.einsum("kij,nkj->nki", a, x)
    f = gd.compile([a, x], [y, gd.sum(gd.square(y), axis=2)])
    rng = np.random.default_rng(5)
    feeds = rng.standard_normal((5, 3, 3)).astype(np.float32), rng.standard_normal((7, 5, 3)).astype(np.float32)
    want = np.einsum("kij,nkj->nki", *feeds)
    got = f(*feeds)
    np.testing.assert_allclose(got[0], want, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(got[1], np.sum(want**2, axis=2), rtol=1e-5, atol=1e-6)
    assert "permute_dims" not in [r.name for r in f.plan.instructions]
    # read in two ways it stays as it is
    g = gd.compile([a, x], [y, gd.permute_dims(y, (1, 2, 0))])
    for u, v in zip(g(*feeds), (want, want.transpose(1, 2, 0))):
        np.testing.assert_allclose(u, v, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["fmax", "fmin"])
def test_nan_loses(name):
    """As in NumPy, through its ufuncs too; the derivative goes to the number that is there."""
    a, b = np.array([1.0, np.nan, np.nan, -np.inf, 2.0]), np.array([np.nan, 2.0, np.nan, -3.0, 2.0])
    x, y = gd.input("x", (5,), "float64"), gd.input("y", (5,), "float64")
    z = getattr(gd, name)(x, y)
    got = gd.compile([x, y], [z, getattr(np, name)(x, y), *gd.grad(gd.sum(z), [x, y])])(a, b)
    np.testing.assert_array_equal(got[0], getattr(np, name)(a, b))
    np.testing.assert_array_equal(got[1], got[0])
    first = 1.0 if name == "fmin" else 0.0
    np.testing.assert_array_equal(got[2][[0, 1, 3, 4]], [1, 0, first, 0.5])
    np.testing.assert_array_equal(got[3][[0, 1, 3, 4]], [0, 1, 1 - first, 0.5])
