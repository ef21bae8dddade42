"""Pools, convolutions, attention, resampling and CTC of ``gd.nn`` where their samples do not reach: one-sided padding,
named sizes, memory, sequences that are impossible, bad arguments."""

import numpy as np
import pytest

import graphdiff as gd

D = "float64"


def value(function, *arrays):
    xs = [gd.input(f"x{i}", a.shape, a.dtype) for i, a in enumerate(arrays)]
    return gd.compile(xs, function(*xs))(*arrays)


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


# --------------------------------------------------------------------------------------- windows


def test_padding_on_one_side_is_padding_before():
    x, w = draw(2, 3, 6, 5), draw(4, 3, 3, 2, seed=1)
    sides = ((2, 0), (1, 3))
    wide = np.pad(x, ((0, 0), (0, 0), *sides))
    for stride in (1, 2):
        got = value(lambda x, w, s=stride: gd.nn.conv2d(x, w, stride=s, padding=sides), x, w)
        np.testing.assert_allclose(got, value(lambda x, w, s=stride: gd.nn.conv2d(x, w, stride=s), wide, w), rtol=1e-12)
    one = value(lambda x, w: gd.nn.conv1d(x, w, padding=((0, 2),)), x[:, :, 0], w[..., 0])
    np.testing.assert_allclose(
        one, value(gd.nn.conv1d, np.pad(x[:, :, 0], ((0, 0), (0, 0), (0, 2))), w[..., 0]), rtol=1e-12
    )
    back = value(lambda x, w: gd.nn.conv_transpose2d(x, w, padding=((1, 0), (0, 1))), x, draw(3, 2, 3, 2))
    whole = value(gd.nn.conv_transpose2d, x, draw(3, 2, 3, 2))
    np.testing.assert_allclose(back, whole[:, :, 1:, :-1], rtol=1e-12)


def test_one_function_pools_images_of_every_size():
    x = gd.input("x", (1, 2, "h", "w"), D)
    how = {"kernel_size": 3, "stride": 2, "padding": ((1, 0), (0, 1)), "ceil_mode": True}
    ys = [gd.nn.max_pool2d(x, dilation=(1, 2), **how), gd.nn.avg_pool2d(x, **how), gd.nn.adaptive_avg_pool2d(x, (3, 2))]
    f = gd.compile([x], [*ys, gd.grad(gd.sum(gd.square(ys[1])) + gd.sum(ys[0] * 2.0), x)])
    for h, w in ((5, 7), (6, 6), (9, 5)):
        a = draw(1, 2, h, w)
        fixed = gd.input("x", a.shape, D)
        zs = [gd.nn.max_pool2d(fixed, dilation=(1, 2), **how), gd.nn.avg_pool2d(fixed, **how)]
        zs.append(gd.nn.adaptive_avg_pool2d(fixed, (3, 2)))
        wanted = gd.compile([fixed], [*zs, gd.grad(gd.sum(gd.square(zs[1])) + gd.sum(zs[0] * 2.0), fixed)])(a)
        for p, q in zip(f(a), wanted, strict=True):
            np.testing.assert_allclose(p, q, rtol=1e-13, atol=1e-13)


def test_volumes_of_named_sizes():
    x = gd.input("x", ("n", 2, "d", 4, 4), D)
    w = draw(3, 2, 2, 3, 3)
    y = gd.nn.max_pool3d(gd.nn.conv3d(x, w, padding=1, stride=(2, 1, 1)), 2)
    f = gd.compile([x], [y, gd.grad(gd.sum(y * y), x)])
    for n, d in ((1, 5), (3, 4)):
        a = draw(n, 2, d, 4, 4)
        fixed = gd.input("x", a.shape, D)
        z = gd.nn.max_pool3d(gd.nn.conv3d(fixed, w, padding=1, stride=(2, 1, 1)), 2)
        for p, q in zip(f(a), gd.compile([fixed], [z, gd.grad(gd.sum(z * z), fixed)])(a), strict=True):
            np.testing.assert_allclose(p, q, rtol=1e-13, atol=1e-13)


def test_of_equal_elements_of_a_volume_the_first_takes_the_gradient():
    x = gd.input("x", (1, 1, 2, 2, 2), D)
    g = gd.compile([x], gd.grad(gd.sum(gd.nn.max_pool3d(x, 2)), x))(np.ones((1, 1, 2, 2, 2)))
    assert g.ravel().tolist() == [1, 0, 0, 0, 0, 0, 0, 0]


def test_means_of_parts_read_nothing_beside_them():
    x = np.array([[[1.0, np.nan, 3.0, 4.0, np.inf]]])
    y = value(lambda x: gd.nn.adaptive_avg_pool1d(x, 4), x)
    np.testing.assert_array_equal(y, [[[np.nan, np.nan, 3.5, np.inf]]])


# --------------------------------------------------------------------------------------- attention


def test_groups_of_queries_copy_no_keys():
    q, k, v = (gd.input(name, (2, h, 64, 32)) for name, h in (("q", 8), ("k", 1), ("v", 1)))
    own = gd.compile([q, k, v], gd.nn.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True))
    keys = 2 * 8 * 64 * 32 * 4  # bytes of keys for each of the queries' heads
    assert own.plan.arena_bytes < keys + 2 * 8 * 64 * 32 * 4


def test_dropped_weights_leave_the_mean():
    q, k, v = draw(1, 4), draw(50, 4), np.ones((50, 1))
    key = gd.input("key", (), "int64")
    y = gd.nn.scaled_dot_product_attention(q, k, v, dropout_p=0.5, key=key)
    f = gd.compile([key], y)
    found = [f(i).item() for i in range(400)]
    assert len(set(found)) > 300 and np.mean(found) == pytest.approx(1, abs=0.05)


def test_a_causal_mask_leaves_queries_without_keys_at_zero():
    q, k, v, mask = draw(3, 2), draw(3, 2), draw(3, 2), np.array([[False, True, True]] * 3)
    y = value(lambda q, k, v: gd.nn.scaled_dot_product_attention(q, k, v, mask, is_causal=True), q, k, v)
    np.testing.assert_array_equal(y[0], 0)
    np.testing.assert_allclose(y[1], v[1], rtol=1e-15)


# --------------------------------------------------------------------------------------- resampling


def test_named_sizes_are_resampled_by_factors():
    x = gd.input("x", (1, 1, "h", "w"), D)
    f = gd.compile(
        [x], [gd.nn.interpolate(x, scale_factor=(2, 1.5), mode=m) for m in ("bilinear", "bicubic", "nearest")]
    )
    for h, w in ((3, 5), (4, 4)):
        a = draw(1, 1, h, w)
        for y, m in zip(f(a), ("bilinear", "bicubic", "nearest"), strict=True):
            wanted = value(lambda x, m=m: gd.nn.interpolate(x, scale_factor=(2, 1.5), mode=m), a)
            np.testing.assert_allclose(y, wanted, rtol=1e-13)
    with pytest.raises(gd.GraphError, match="is no simple fraction"):
        gd.nn.interpolate(x, scale_factor=0.123456789)


# --------------------------------------------------------------------------------------- CTC


def test_an_impossible_sequence_has_loss_infinity_and_no_derivative():
    x = gd.input("x", (3, 2, 3), D)
    targets, ends, sizes = np.array([[1, 1, 2], [1, -9, -9]]), [3, 3], [3, 1]
    for zero, wanted in ((False, np.inf), (True, 0.0)):
        loss = gd.nn.ctc_loss(gd.nn.log_softmax(x), targets, ends, sizes, reduction="none", zero_infinity=zero)
        losses, g = gd.compile([x], [loss, gd.grad(gd.sum(loss), x)])(draw(3, 2, 3))
        assert losses[0] == wanted and np.isfinite(losses[1])
        assert np.isfinite(g).all() and not g[:, 0].any() and g[:, 1].any()


def test_classes_that_cannot_be_have_no_derivative_but_a_finite_one():
    logp = gd.input("logp", (2, 1, 2), D)
    loss = gd.nn.ctc_loss(logp, [[1]], [2], [1])
    a = np.array([[[-np.inf, 0.0]], [[np.log(0.3), np.log(0.7)]]])
    value_, g, h = gd.compile([logp], [loss, gd.grad(loss, logp), gd.hvp(loss, logp, gd.ones_like(logp))])(a)
    assert value_ == pytest.approx(0, abs=1e-15) and np.isfinite(g).all() and np.isfinite(h).all()


def test_one_sequence_alone_and_lengths_out_of_range():
    logp = gd.nn.log_softmax(gd.constant(draw(5, 4)))
    alone = gd.nn.ctc_loss(logp, [1, 2], 5, 2, reduction="none")
    assert alone.shape == ()
    both = gd.nn.ctc_loss(gd.expand_dims(logp, axis=1), [[1, 2]], [5], [2], reduction="sum")
    a, b = gd.compile([], [alone, both])()
    assert a == b
    ends, sizes = gd.input("ends", (1,), "int64"), gd.input("sizes", (1,), "int64")
    f = gd.compile([ends, sizes], gd.nn.ctc_loss(gd.expand_dims(logp, axis=1), [[1, 2]], ends, sizes))
    for wrong, told in (([6], [2]), "input_lengths lie from 0 to 5"), (([5], [3]), "target_lengths lie from 0 to 2"):
        with pytest.raises(gd.FeedError, match=told):
            f(*map(np.array, wrong))
    g = gd.compile([sizes], gd.nn.ctc_loss(gd.expand_dims(logp, axis=1), [[7, 9]], [5], sizes))
    assert np.isfinite(g(np.array([0])))  # labels beyond the length do not count
    with pytest.raises(gd.FeedError, match="7 is out of range"):
        g(np.array([1]))


# --------------------------------------------------------------------------------------- bad arguments

X, V, Q = gd.input("x", (2, 3, 6, 5), D), gd.input("v", (2, 3, 4, 6, 5), D), gd.input("q", (2, 3, 4), D)
LOGP, IDS = gd.input("logp", (5, 2, 4), D), gd.input("ids", (2, 3), "int64")
WRONG = [
    (lambda: gd.nn.max_pool2d(X, 2, padding=2), gd.GraphError, "padding 2 is more than half of the kernel size 2"),
    (lambda: gd.nn.max_pool2d(X, 2, padding=((1, 0), 1)), gd.GraphError, "2 pairs (low, high)"),
    (lambda: gd.nn.max_pool2d(X, 2, dilation=0), gd.GraphError, "dilation is an int of at least 1"),
    (lambda: gd.nn.max_pool2d(X, 2, dilation=(6, 1)), gd.ShapeError, "a window of 7 is larger than the padded size 6"),
    (lambda: gd.nn.max_pool2d(X, 2, dilation=7, padding=4), gd.ShapeError, "taps 7 apart and an image of 6"),
    (lambda: gd.nn.avg_pool3d(X, 2), gd.ShapeError, "the input has 4 dimensions, not 5"),
    (lambda: gd.nn.adaptive_avg_pool2d(X, 0), gd.ShapeError, "output_size is at least 1, got 0"),
    (lambda: gd.nn.conv3d(V, np.ones((2, 2, 1, 1, 1))), gd.ShapeError, "the input has 3 channels, the weight takes 2"),
    (lambda: gd.nn.conv3d(X, np.ones((2, 3, 1, 1, 1))), gd.ShapeError, "the input has 4 dimensions, not 5"),
    (lambda: gd.nn.conv2d(X, np.ones((2, 3, 1, 1)), padding=((1, 2),)), gd.GraphError, "2 pairs (low, high)"),
    (lambda: gd.nn.interpolate(X), gd.GraphError, "needs one of size and scale_factor"),
    (lambda: gd.nn.interpolate(X, 3, mode="linear"), gd.ShapeError, "mode 'linear' is for inputs of axes (N, C) and 1"),
    (lambda: gd.nn.interpolate(X, 3, mode="cubic"), gd.GraphError, "bicubic, got 'cubic'"),
    (lambda: gd.nn.interpolate(X, 3, align_corners=True), gd.GraphError, "goes with linear and cubic modes"),
    (lambda: gd.nn.interpolate(X, (3, 4, 5)), gd.ShapeError, "size is one, or 2 of them, got 3"),
    (
        lambda: gd.nn.scaled_dot_product_attention(Q, Q[:, :2], Q[:, :2], dropout_p=0.1),
        gd.GraphError,
        "dropout_p needs a key",
    ),
    (
        lambda: gd.nn.scaled_dot_product_attention(V, V[:, :, :3], V[:, :, :3], enable_gqa=True),
        gd.ShapeError,
        "4 heads of queries are no multiple of",
    ),
    (lambda: gd.nn.ctc_loss(LOGP, IDS, [5, 5], [3, 3], blank=4), gd.GraphError, "blank 4 is no class from 0 to 3"),
    (lambda: gd.nn.ctc_loss(LOGP, IDS[:1], [5, 5], [3, 3]), gd.ShapeError, "targets have shape (1, 3)"),
    (lambda: gd.nn.ctc_loss(LOGP, IDS, [5], [3, 3]), gd.ShapeError, "input_lengths have shape (1), not (2)"),
    (lambda: gd.nn.ctc_loss(LOGP, LOGP, [5, 5], [3, 3]), gd.DTypeError, "indices are float64"),
]


@pytest.mark.parametrize(("build", "error", "text"), WRONG, ids=[w[2] for w in WRONG])
def test_bad_arguments_are_told(build, error, text):
    with pytest.raises(error) as told:
        build()
    assert text in str(told.value) and "test_windows.py:" in str(told.value)
