"""Losses, activations and embeddings of ``gd.nn`` where their samples do not reach: saturated inputs, what does not
count, bad arguments."""

import numpy as np
import pytest

import graphdiff as gd

D = "float64"


def derivatives(function, *arrays):
    """The sum of a function, its gradient by the first array and the Hessian times ones."""
    xs = [gd.input(f"x{i}", np.shape(a), np.asarray(a).dtype) for i, a in enumerate(arrays)]
    loss = gd.sum(function(*xs))
    outputs = [loss, gd.grad(loss, xs[0]), gd.hvp(loss, xs[0], gd.ones_like(xs[0]))]
    return gd.compile(xs, outputs)(*arrays)


SATURATED = np.array([-1e6, -1000.0, -40.0, 0.0, 40.0, 1000.0, 1e6])
LOSSES = {
    "focal": lambda x, t: gd.nn.focal(x, t),
    "focal of a small power": lambda x, t: gd.nn.focal(x, t, alpha=None, gamma=0.5),
    "soft_margin": lambda x, t: gd.nn.soft_margin(x, 2 * t - 1),
    "multilabel_soft_margin": lambda x, t: gd.nn.multilabel_soft_margin(x, t),
    "log_sigmoid": lambda x, t: gd.nn.log_sigmoid(x) * t,
    "mish": lambda x, t: gd.nn.mish(x),
    "hardswish": lambda x, t: gd.nn.hardswish(x),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", LOSSES)
def test_derivatives_are_finite_where_saturated(name, dtype):
    for target in (0.0, 1.0):
        x = SATURATED.astype(dtype)
        for found in derivatives(LOSSES[name], x, np.full_like(x, target)):
            assert np.isfinite(found).all(), (name, target, found)


def test_focal_is_the_cross_entropy_without_a_power():
    x, t = np.random.default_rng(0).normal(size=7), np.array([0.0, 1, 1, 0, 1, 0, 0])
    plain = derivatives(gd.nn.binary_cross_entropy_with_logits, x, t)
    for a, b in zip(derivatives(lambda x, t: gd.nn.focal(x, t, alpha=None, gamma=0.0), x, t), plain, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-14)
    # by the formula, for hard targets
    p = 1 / (1 + np.exp(-x))
    right = np.where(t == 1, 0.25 * (1 - p) ** 2 * -np.log(p), 0.75 * p**2 * -np.log(1 - p)).mean()
    np.testing.assert_allclose(derivatives(gd.nn.focal, x, t)[0], right, rtol=1e-13)


def test_a_held_variance_has_the_derivative_there():
    x, t = np.array([1.0, 2.0]), np.array([1.5, 2.0])
    var = np.array([1e-9, 0.5])

    def loss(v, x, t):
        return gd.nn.gaussian_nll(x, t, v, eps=1e-3, reduction="sum")

    value, g, _ = derivatives(loss, var, x, t)
    held = np.maximum(var, 1e-3)
    np.testing.assert_allclose(g, 0.5 / held - 0.5 * (x - t) ** 2 / held**2, rtol=1e-12)
    assert np.isfinite(value)


def test_a_vector_of_zeros_has_cosine_zero_and_a_derivative():
    x, y = np.zeros((1, 2)), np.ones((1, 2))
    value, g, _ = derivatives(lambda x, y: gd.nn.cosine_similarity(x, y, eps=0.5), x, y)
    assert value == 0
    np.testing.assert_allclose(g, [[2**0.5, 2**0.5]], rtol=1e-15)  # x / eps times the direction of y


# --------------------------------------------------------------------------------------- embeddings


def test_no_derivative_reaches_the_padding_row():
    ids, weight = np.array([[0, 2, -1], [1, 2, 0]]), np.random.default_rng(0).normal(size=(4, 3))
    for padding in (2, -2):
        _, g, _ = derivatives(lambda w, i, p=padding: gd.nn.embedding(i, w, p), weight, ids)
        np.testing.assert_array_equal(g, np.array([2, 1, 0, 1])[:, None] * np.ones(3))
    table = gd.input("table", ("rows", 3), D)
    loss = gd.sum(gd.nn.embedding(ids, table, padding_idx=-1))
    np.testing.assert_array_equal(gd.compile([table], gd.grad(loss, table))(weight)[:, 0], [2, 1, 2, 0])


def test_bags_of_named_sizes():
    ids, offsets = gd.input("ids", ("n",), "int64"), gd.input("offsets", ("bags",), "int64")
    weight = np.random.default_rng(0).normal(size=(5, 2))
    f = gd.compile([ids, offsets], [gd.nn.embedding_bag(ids, weight, offsets, m) for m in ("sum", "mean", "max")])
    for given, starts in (([1, 2, 2, 4, 0], [0, 3, 3]), ([4], [0, 1]), ([3, 1], [0]), ([], [0, 0])):
        bags = np.split(np.array(given, int), starts[1:])
        total, mean, top = f(np.array(given, int), np.array(starts))
        for k, bag in enumerate(bags):
            rows = weight[bag]
            np.testing.assert_allclose(total[k], rows.sum(0), atol=1e-15)
            np.testing.assert_allclose(mean[k], rows.mean(0) if len(bag) else 0, atol=1e-15)
            np.testing.assert_array_equal(top[k], rows.max(0) if len(bag) else 0)
    for wrong in ([1, 2], [0, 3, 2], [0, 9]):
        with pytest.raises(gd.FeedError):
            f(np.array([1, 2, 2]), np.array(wrong))


# --------------------------------------------------------------------------------------- bad arguments

X, IDS = gd.input("x", (4, 3), D), gd.input("ids", (4,), "int64")
WRONG = [
    (lambda: gd.nn.hardtanh(X, 1.0, 0.0), gd.GraphError, "min_val 1.0 is not below max_val 0.0"),
    (lambda: gd.nn.glu(X), gd.ShapeError, "3 elements along axis 1 have no two halves"),
    (lambda: gd.nn.prelu(X, np.ones(4)), gd.ShapeError, "weight has shape (4), not (1,) or (3)"),
    (lambda: gd.nn.gumbel_softmax(X, tau=0.0, key=0), gd.GraphError, "tau lies above 0, got 0.0"),
    (lambda: gd.nn.smooth_l1(X, X, beta=-1.0), gd.GraphError, "beta is at least 0, got -1.0"),
    (lambda: gd.nn.soft_margin(X, IDS), gd.DTypeError, ".astype('float64')"),
    (lambda: gd.nn.multi_margin(X, X), gd.DTypeError, "labels are float64; write .astype('int64')"),
    (lambda: gd.nn.multi_margin(X, IDS[:2]), gd.ShapeError, "(4, 3) needs labels of shape (4), got (2)"),
    (lambda: gd.nn.multi_margin(X, IDS, p=3), gd.GraphError, "p is 1 or 2, got 3"),
    (lambda: gd.nn.cosine_embedding(X, X, X), gd.ShapeError, "x1, x2 and target have shapes (4, 3), (4, 3), (4, 3)"),
    (lambda: gd.nn.cosine_similarity(X, X[:3]), gd.ShapeError, "(4, 3) and (3, 3) do not broadcast"),
    (lambda: gd.nn.gaussian_nll(X, X, np.ones((2, 3))), gd.ShapeError, "var (2, 3) does not broadcast to (4, 3)"),
    (lambda: gd.nn.focal(X, X, alpha=2.0), gd.GraphError, "alpha lies from 0 to 1, or is None, got 2.0"),
    (lambda: gd.nn.focal(X, X, gamma=-1.0), gd.GraphError, "gamma is at least 0"),
    (lambda: gd.nn.triplet_margin(X, X, X, reduction="all"), gd.GraphError, "got 'all'"),
    (lambda: gd.nn.embedding(IDS, X, padding_idx=4), gd.GraphError, "padding_idx 4 is out of range for 4 rows"),
    (lambda: gd.nn.embedding(X, X), gd.DTypeError, "indices are float64; write .astype('int64')"),
    (lambda: gd.nn.embedding_bag(IDS, X), gd.ShapeError, "ids have shape (4), not (bags, k)"),
    (lambda: gd.nn.embedding_bag(IDS, X, [0], "most"), gd.GraphError, "got 'most'"),
    (
        lambda: gd.nn.embedding_bag(IDS, X, [0], per_sample_weights=np.ones(4)),
        gd.GraphError,
        'per_sample_weights go with mode "sum"',
    ),
    (lambda: gd.nn.rotary_embedding(X), gd.ShapeError, "rows of 3 elements are no pairs"),
    (lambda: gd.nn.pixel_shuffle(np.ones((1, 3, 2, 2)), 2), gd.ShapeError, "3 channels do not divide by 2², 4"),
    (lambda: gd.nn.instance_norm(X), gd.ShapeError, "the input has 2 dimensions, at least 3 are needed"),
    (lambda: gd.nn.local_response_norm(np.ones((1, 2, 3)), 0), gd.GraphError, "size is an int of at least 1"),
]


@pytest.mark.parametrize(("build", "error", "text"), WRONG, ids=[w[2] for w in WRONG])
def test_bad_arguments_are_told(build, error, text):
    with pytest.raises(error) as told:
        build()
    assert text in str(told.value) and "test_losses.py:" in str(told.value)


# --------------------------------------------------------------------------------------- draws and places


def test_draws_of_gumbel_softmax_follow_the_probabilities():
    logits = np.log(np.array([0.2, 0.5, 0.3]))
    key = gd.input("key", (), "int64")
    hard = gd.nn.gumbel_softmax(gd.constant(np.tile(logits, (20_000, 1))), hard=True, key=key)
    draws = gd.compile([key], hard)(5)
    assert set(np.unique(draws)) == {0.0, 1.0} and (draws.sum(1) == 1).all()
    np.testing.assert_allclose(draws.mean(0), np.exp(logits), atol=0.015)


def test_a_hard_draw_has_the_derivative_of_the_soft_one():
    x, c = np.random.default_rng(0).normal(size=(4, 3)), np.arange(12.0).reshape(4, 3)
    _, soft, _ = derivatives(lambda x: gd.nn.gumbel_softmax(x, 0.7, key=3) * c, x)
    _, hard, _ = derivatives(lambda x: gd.nn.gumbel_softmax(x, 0.7, hard=True, key=3) * c, x)
    np.testing.assert_allclose(hard, soft, rtol=1e-14)


@pytest.mark.parametrize("interleaved", [False, True])
def test_rotated_products_depend_on_how_far_apart_rows_are(interleaved):
    rng = np.random.default_rng(0)
    q, k = rng.normal(size=(1, 8)), rng.normal(size=(1, 8))
    at = gd.input("at", (2,), D)
    a, b = (gd.nn.rotary_embedding(x, at[i : i + 1], interleaved=interleaved) for i, x in enumerate((q, k)))
    f = gd.compile([at], [gd.sum(a * b), gd.sum(a * a)])
    first, size = f([3.0, 7.0])
    assert first == pytest.approx(f([103.0, 107.0])[0], rel=1e-12) and size == pytest.approx((q * q).sum(), rel=1e-14)
    assert f([3.0, 8.0])[0] != pytest.approx(first, rel=1e-3)
