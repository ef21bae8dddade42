"""The pieces of networks where their samples in the registry do not reach: edges, named sizes, threads, instruction
sets, misuse, and agreement with torch where it is installed.
"""

import numpy as np
import pytest

import graphdiff as gd
from graphdiff.runtime import _core

F64 = np.float64


def rng(seed=0):
    return np.random.default_rng(seed)


def leaves(*arrays):
    return [gd.input(f"x{i}", a.shape, a.dtype) for i, a in enumerate(arrays)]


def value(build, *arrays):
    xs = leaves(*arrays)
    return gd.compile(xs, build(*xs))(*arrays)


def gradients(build, *arrays):
    """Of the sum of the result, by the float arrays."""
    xs = leaves(*arrays)
    return gd.compile(xs, gd.grad(gd.sum(build(*xs)), [x for x in xs if x.dtype in (np.float32, F64)]))(*arrays)


# ------------------------------------------------------------------ convolution


def conv_case(dtype=F64, n=2, c=4, o=6, size=(9, 11), kernel=(3, 2), groups=2):
    r = rng(3)
    return (
        r.uniform(-1, 1, (n, c, *size)).astype(dtype),
        r.uniform(-1, 1, (o, c // groups, *kernel)).astype(dtype),
        r.uniform(-1, 1, o).astype(dtype),
    )


def test_one_compiled_convolution_serves_every_batch_and_image_size():
    w, b = rng(1).uniform(-1, 1, (4, 3, 3, 3)), rng(2).uniform(-1, 1, 4)
    x = gd.input("x", ("n", 3, "h", "w"), "float64")
    y = gd.nn.conv2d(x, w, b, stride=2, padding=1)
    assert tuple(map(str, y.shape)) == ("n", "4", "((h+1)//2)", "((w+1)//2)")
    pooled = gd.nn.max_pool2d(gd.nn.avg_pool2d(y, 3, 1, 1, count_include_pad=False), 2)
    gx = gd.grad(gd.sum(pooled * pooled), x)
    f = gd.compile([x], [y, pooled, gx])
    for n, height, width in ((1, 8, 9), (5, 13, 4), (2, 8, 9), (0, 6, 6)):
        a = rng(n).uniform(-1, 1, (n, 3, height, width))
        got = f(a)
        fixed = leaves(a)[0]
        u = gd.nn.conv2d(fixed, w, b, stride=2, padding=1)
        v = gd.nn.max_pool2d(gd.nn.avg_pool2d(u, 3, 1, 1, count_include_pad=False), 2)
        wanted = gd.compile([fixed], [u, v, gd.grad(gd.sum(v * v), fixed)])(a)
        for p, q in zip(got, wanted, strict=True):
            assert p.shape == q.shape
            np.testing.assert_allclose(p, q, rtol=1e-12, atol=1e-12)


def test_an_image_smaller_than_the_kernel_is_told_at_the_call():
    x = gd.input("x", (1, 1, "h", "h"), "float64")
    f = gd.compile([x], gd.nn.conv2d(x, np.ones((1, 1, 4, 4))))
    assert f(np.ones((1, 1, 4, 4))).item() == 16
    with pytest.raises(gd.GraphdiffError):
        f(np.ones((1, 1, 2, 2)))


@pytest.mark.parametrize("kernel", [1, 2, 3, 4, 5])
def test_padding_same_keeps_the_size_with_the_odd_row_at_the_end(kernel):
    x, w = rng().uniform(-1, 1, (1, 1, 6, 7)), rng(1).uniform(-1, 1, (1, 1, kernel, kernel))
    before, after = (kernel - 1) // 2, kernel // 2
    y = value(lambda a, b: gd.nn.conv2d(a, b, padding="same"), x, w)
    wide = np.pad(x, ((0, 0), (0, 0), (before, after), (before, after)))
    np.testing.assert_allclose(y, value(lambda a, b: gd.nn.conv2d(a, b, padding="valid"), wide, w), rtol=1e-12)
    assert y.shape == x.shape


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_bits_do_not_depend_on_threads_and_sums_not_on_the_instruction_set(dtype):
    x, w, b = conv_case(dtype, n=5, c=12, o=40, size=(17, 19), kernel=(3, 3), groups=1)
    xs = leaves(x, w, b)
    y = gd.nn.max_pool2d(gd.nn.conv2d(*xs, padding=1), 2)
    outputs = [y, *gd.grad(gd.sum(y * y), xs)]
    before, threads, results = _core.isa(), _core.threads(), []
    try:
        for isa in ("v2", "v3", "v4", "plain"):
            try:
                _core.select_isa(isa)
            except _core.CoreError:
                continue
            f, runs = gd.compile(xs, outputs), []
            for n in (1, 3):
                _core.set_threads(n)
                runs.append(f(x, w, b))
            assert [a.tobytes() for a in runs[0]] == [a.tobytes() for a in runs[1]]
            results.append(runs[0])
    finally:
        _core.select_isa(before)
        _core.set_threads(threads)
    tolerance = 1e-4 if dtype == "float32" else 1e-12
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * np.abs(a).max())


def test_third_derivatives_of_a_convolution_are_zero_and_second_ones_mix_operands():
    x, w, _ = conv_case(groups=1)
    a, b = leaves(x, w)
    y = gd.nn.conv2d(a, b, padding=1, stride=2)
    ga = gd.grad(gd.sum(y * rng(5).uniform(-1, 1, y.shape)), a)
    direction = rng(6).uniform(-1, 1, x.shape)
    mixed = gd.grad(gd.sum(ga * direction), b)
    again = gd.grad(gd.sum(mixed), [a, b])
    got, third, fourth = gd.compile([a, b], [mixed, *again])(x, w)
    wanted = gd.compile([a, b], gd.grad(gd.sum(y * rng(5).uniform(-1, 1, y.shape)), b))(direction, w)
    np.testing.assert_allclose(got, wanted, rtol=1e-12, atol=1e-12)
    assert not third.any() and not fourth.any()


WRONG_CONVOLUTIONS = [
    ({"padding": -1}, gd.GraphError, "padding is an int of at least 0, or 2 of them, got -1"),
    ({"padding": (1, 2, 3)}, gd.GraphError, "padding is an int of at least 0"),
    ({"padding": "full"}, gd.GraphError, "'full'"),
    ({"padding": "same", "stride": 2}, gd.GraphError, '"same" needs stride 1'),
    ({"stride": 0}, gd.GraphError, "stride is an int of at least 1"),
    ({"stride": 1.5}, gd.GraphError, "stride is an int"),
    ({"dilation": (1, 0)}, gd.GraphError, "dilation is an int of at least 1"),
    ({"groups": 3}, gd.ShapeError, "4 input channels do not divide into 3 groups"),
    ({"groups": True}, gd.GraphError, "groups is an int of at least 1"),
    ({"groups": 1}, gd.ShapeError, "the input has 4 channels, the weight takes 2 in each of 1 groups"),
    ({"dilation": 5, "groups": 2}, gd.ShapeError, "a window of 11 is larger than the padded size 9"),
]


@pytest.mark.parametrize(("kwargs", "error", "text"), WRONG_CONVOLUTIONS)
def test_a_wrong_convolution_is_told_where_it_is_written(kwargs, error, text):
    x, w = gd.input("x", (2, 4, 9, 11)), gd.input("w", (6, 2, 3, 2))
    with pytest.raises(error) as told:
        gd.nn.conv2d(x, w, **kwargs)
    assert text in str(told.value) and "conv2d(x: f32[2,4,9,11], w: f32[6,2,3,2])" in str(told.value)
    assert "test_nn.py:" in str(told.value)


def test_wrong_operands_of_convolutions():
    x, w = gd.input("x", (2, 4, 9, 11)), gd.input("w", (6, 4, 3, 2))
    with pytest.raises(
        gd.ShapeError, match=r"3 dimensions, not 4; write gd.reshape.*\(batch, channels, height, width\)"
    ):
        gd.nn.conv2d(gd.input("x", (4, 9, 11)), w)
    with pytest.raises(gd.ShapeError, match=r"bias has shape \(5\), not \(6\)"):
        gd.nn.conv2d(x, w, gd.input("b", (5,)))
    with pytest.raises(gd.ShapeError, match="the kernel's sizes are ints of at least 1"):
        gd.nn.conv2d(x, gd.input("w", (6, 4, "k", 3)))
    with pytest.raises(gd.ShapeError, match="6 output channels do not divide into 4 groups"):
        gd.nn.conv2d(x, gd.input("w", (6, 1, 3, 3)), groups=4)
    with pytest.raises(gd.DTypeError, match="float32 and int64 do not mix"):
        gd.nn.conv2d(x, gd.input("w", (6, 4, 3, 2), "int64"))
    with pytest.raises(gd.ShapeError, match="the input has 4 channels, the weight takes 6"):
        gd.nn.conv_transpose2d(x, w)
    with pytest.raises(gd.GraphError, match="output_padding 2 is not below stride 2 or dilation 1"):
        gd.nn.conv_transpose2d(x, gd.input("w", (4, 6, 3, 3)), stride=2, output_padding=2)
    with pytest.raises(gd.ShapeError, match="padding 9 leaves a size of"):
        gd.nn.conv_transpose2d(x, gd.input("w", (4, 6, 3, 3)), padding=9)


# ------------------------------------------------------------------ pooling


def test_max_pool_gives_the_gradient_to_the_first_of_equals():
    x = np.array([[1, 1, 0, 2], [1, 1, 2, 2.0]])[None, None]
    (g,) = gradients(lambda a: gd.nn.max_pool2d(a, 2), x)
    np.testing.assert_array_equal(g[0, 0], [[1, 0, 0, 1], [0, 0, 0, 0]])


def test_max_pool_with_nan_and_infinities():
    x = np.array([[np.nan, 9, -np.inf, -np.inf], [1, 2, -np.inf, -np.inf]])[None, None]
    assert np.array_equal(value(lambda a: gd.nn.max_pool2d(a, 2), x)[0, 0], [[np.nan, -np.inf]], equal_nan=True)
    np.testing.assert_array_equal(gradients(lambda a: gd.nn.max_pool2d(a, 2), x)[0][0, 0], [[1, 0, 1, 0], [0] * 4])


def test_max_pool_counts_an_element_once_for_each_window_it_wins():
    x = np.zeros((1, 1, 3, 3))
    x[0, 0, 1, 1] = 5
    (g,) = gradients(lambda a: gd.nn.max_pool2d(a, 2, stride=1), x)
    assert g.sum() == g[0, 0, 1, 1] == 4
    assert (value(lambda a: gd.nn.max_pool2d(a, 3, 1, 1), -np.ones((1, 1, 2, 2))) == -1).all()  # padding never wins


def test_avg_pool_counts_the_padding_or_not():
    x = np.ones((1, 1, 4, 4))
    included = value(lambda a: gd.nn.avg_pool2d(a, 3, 2, 1), x)[0, 0]
    np.testing.assert_allclose(included, [[4 / 9, 6 / 9], [6 / 9, 1]])
    assert (value(lambda a: gd.nn.avg_pool2d(a, 3, 2, 1, count_include_pad=False), x) == 1).all()


@pytest.mark.parametrize("pool", ["max_pool2d", "avg_pool2d"])
def test_wrong_pooling(pool):
    op, x = getattr(gd.nn, pool), gd.input("x", (2, 3, 5, 5))
    with pytest.raises(gd.GraphError, match="padding 2 is more than half of the kernel size 3"):
        op(x, 3, padding=2)
    with pytest.raises(gd.GraphError, match="kernel_size is an int of at least 1"):
        op(x, 0)
    with pytest.raises(gd.ShapeError, match="a window of 6 is larger than the padded size 5"):
        op(x, 6)
    with pytest.raises(gd.ShapeError, match="the input has 2 dimensions, not 4"):
        op(gd.input("x", (5, 5)), 2)
    with pytest.raises(gd.DTypeError, match="needs floating operands, got int64"):
        op(gd.input("x", (2, 3, 5, 5), "int64"), 2)


# ------------------------------------------------------------------ normalisation


def test_batch_norm_trains_and_then_uses_what_its_updates_kept():
    r = rng()
    batches = [r.normal(3, 2, (16, 5, 4)) for _ in range(60)]
    x = gd.input("x", ("n", 5, 4), "float64")
    mean, var = gd.state("mean", np.zeros(5)), gd.state("var", np.ones(5))
    weight, bias = gd.parameter("weight", np.full(5, 2.0)), gd.parameter("bias", np.ones(5))
    y = gd.nn.batch_norm(x, mean, var, weight, bias, training=True)
    new_mean, new_var = gd.nn.batch_norm_updates(x, mean, var)
    train = gd.compile([x], y, updates={mean: new_mean, var: new_var})
    m, v = np.zeros(5), np.ones(5)
    for a in batches:
        out = train(a)
        np.testing.assert_allclose(out.mean((0, 2)), 1, atol=1e-12)
        np.testing.assert_allclose(out.std((0, 2)), 2, rtol=1e-4)
        m, v = 0.9 * m + 0.1 * a.mean((0, 2)), 0.9 * v + 0.1 * a.var((0, 2), ddof=1)
    np.testing.assert_allclose(mean.value, m, rtol=1e-12)
    np.testing.assert_allclose(var.value, v, rtol=1e-12)
    test = gd.compile([x], gd.nn.batch_norm(x, mean, var, weight, bias))
    column = (slice(None), None)
    a = batches[0][:3]
    np.testing.assert_allclose(test(a), (a - m[column]) / np.sqrt(v[column] + 1e-5) * 2 + 1, rtol=1e-12)


def test_what_training_and_its_updates_share_is_computed_once():
    x = gd.input("x", ("n", 5), "float64")
    mean, var = gd.state("mean", np.zeros(5)), gd.state("var", np.ones(5))
    y = gd.nn.batch_norm(x, training=True)
    pair = gd.nn.batch_norm_updates(x, mean, var)
    alone = gd.compile([x], y)
    both = gd.compile([x], y, updates={mean: pair[0], var: pair[1]})

    def sums(f):
        return sum(node.op.name == "sum" for node in f.graph.nodes)

    assert sums(both) == sums(alone) == 2


def test_a_constant_row_normalises_to_zero_with_a_finite_gradient():
    for norm in (gd.nn.layer_norm, gd.nn.rms_norm):
        x = np.zeros((2, 4))
        assert not value(norm, x).any()
        assert np.isfinite(gradients(norm, x)[0]).all()


def test_wrong_normalisation():
    x = gd.input("x", (2, 6, 3))
    with pytest.raises(gd.ShapeError, match=r"weight has shape \(6\), not \(3\)"):
        gd.nn.layer_norm(x, gd.input("w", (6,)))
    with pytest.raises(gd.ShapeError, match="6 channels do not divide into 4 groups"):
        gd.nn.group_norm(x, 4)
    with pytest.raises(gd.GraphError, match="without training=True it needs running_mean and running_var"):
        gd.nn.batch_norm(x)
    with pytest.raises(gd.ShapeError, match=r"running_var has shape \(3\), not \(6\)"):
        gd.nn.batch_norm(x, gd.input("m", (6,)), gd.input("v", (3,)))
    with pytest.raises(gd.ShapeError, match="the input has 1 dimensions, at least 2 are needed"):
        gd.nn.group_norm(gd.input("x", (4,)), 2)
    with pytest.raises(gd.DTypeError):
        gd.nn.rms_norm(gd.input("x", (4,), "int32"))


# ------------------------------------------------------------------ attention


@pytest.mark.parametrize("kind", ["bool", "float"])
def test_a_query_with_nothing_to_attend_to_gives_zero_and_zero_gradients(kind):
    r = rng()
    q, k, v = r.normal(size=(2, 3, 4)), r.normal(size=(2, 5, 4)), r.normal(size=(2, 5, 2))
    keep = np.ones((3, 5), bool)
    keep[1], keep[2, :4] = False, False
    mask = keep if kind == "bool" else np.where(keep, 0.0, -np.inf)

    def attend(q, k, v, *float_mask):
        return gd.nn.scaled_dot_product_attention(q, k, v, *(float_mask or [gd.constant(mask)]))

    arrays = (q, k, v) if kind == "bool" else (q, k, v, mask)
    y = value(attend, *arrays)
    assert not y[:, 1].any() and np.isfinite(y).all()
    np.testing.assert_allclose(y[:, 2], v[:, 4], rtol=1e-12)
    for g in gradients(attend, *arrays):
        assert np.isfinite(g).all()
    assert not gradients(attend, *arrays)[0][:, 1].any()


def test_huge_scores_and_named_lengths():
    q, k, v = (gd.input(n, ("b", s, 4), "float64") for n, s in (("q", "l"), ("k", "s"), ("v", "s")))
    f = gd.compile([q, k, v], gd.nn.scaled_dot_product_attention(q, k, v, is_causal=True))
    for b, l, s in ((1, 2, 3), (3, 5, 2)):
        a = [1000 * rng(i).normal(size=(b, n, 4)) for i, n in enumerate((l, s, s))]
        y = f(*a)
        assert np.isfinite(y).all()
        np.testing.assert_allclose(y[:, 0], a[2][:, 0], rtol=1e-12)  # the first query sees the first key alone


@pytest.mark.parametrize("shape", [("n", 3), ("n", 3, 1, 1), ("n", 3, "h", "w")])
def test_running_statistics_need_two_values_a_channel(shape):
    """The last batch of one, or none at all, is told and leaves everything as it was."""
    x = gd.input("x", shape)
    mean, var, count = (gd.state(n, np.float32(v)) for n, v in (("m", [0] * 3), ("v", [1] * 3), ("c", 0)))
    new = gd.nn.batch_norm_updates(x, mean, var)
    step = gd.compile([x], gd.sum(x), updates={mean: new[0], var: new[1], count: count + 1})
    rest = (1,) * (len(shape) - 2)
    for n in (1, 0):
        with pytest.raises(gd.FeedError, match="two values for each channel"):
            step(np.ones((n, 3, *rest), "float32"))
        assert (var.value == 1).all() and (mean.value == 0).all() and count.value == 0
    batch = np.random.default_rng(0).normal(size=(2, 3, *rest)).astype("float32")
    step(batch)
    np.testing.assert_allclose(var.value, 0.9 + 0.1 * batch.reshape(2, 3).var(0, ddof=1), rtol=1e-5)
    assert count.value == 1
    again = gd.parse(str(step.graph))
    assert str(again) == str(gd.parse(str(again)))


@pytest.mark.parametrize("shape", [(1, 3), (0, 3), (1, 3, 1, 1)])
def test_running_statistics_of_a_known_size_are_told_when_built(shape):
    state = gd.state("m", np.zeros(3, "float32"))
    with pytest.raises(gd.FeedError, match=f"two values for each channel, got {shape[0]}"):
        gd.nn.batch_norm_updates(gd.input("x", shape), state, state)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("mask", [-1e4, -1e6, -1e9, "least", 1e6])
@pytest.mark.parametrize("where", ["one row", "all", "columns"])
def test_a_row_of_large_masks_weighs_its_keys(dtype, mask, where):
    """What all keys of a query have in common changes no weight, however large it is: values and gradients are those
    of the softmax written out."""
    rng = np.random.default_rng(0)
    large = np.finfo(dtype).min if mask == "least" else mask
    m = np.zeros((5, 8), dtype)
    m[{"one row": np.s_[0], "all": np.s_[:], "columns": np.s_[2:4, 3:]}[where]] = large
    draws = [rng.standard_normal(s).astype(dtype) for s in ((5, 4), (8, 4), (8, 3), (5, 3))]
    q, k, v, g = (gd.input(n, a.shape, dtype) for n, a in zip("qkvg", draws))
    fused = gd.nn.scaled_dot_product_attention(q, k, v, m)
    apart = gd.nn.softmax(q @ k.T / 2 + m) @ v
    both = [[y, *gd.vjp(y, [q, k, v], g)] for y in (fused, apart)]
    f = gd.compile([q, k, v, g], [*both[0], *both[1]])
    got = f(*draws)
    for a, b in zip(got[:4], got[4:]):
        np.testing.assert_allclose(
            a, b, rtol=1e-5 if dtype == "float32" else 1e-12, atol=3e-6 if dtype == "float32" else 1e-13
        )
    zeros = [np.zeros_like(draws[0][:2]), *(np.zeros_like(d) for d in draws[1:3])]
    q = gd.input("q", (2, 4), dtype)
    dv = gd.grad(
        gd.sum(gd.nn.scaled_dot_product_attention(q, k, v, np.stack([np.full(8, large, dtype), np.zeros(8, dtype)]))), v
    )
    np.testing.assert_allclose(gd.compile([q, k, v], dv)(*zeros), np.full((8, 3), 0.25), rtol=4 * np.finfo(dtype).eps)


def test_wrong_attention():
    q, k, v = gd.input("q", (3, 4)), gd.input("k", (5, 4)), gd.input("v", (5, 2))
    attention = gd.nn.scaled_dot_product_attention
    with pytest.raises(gd.ShapeError, match="q has features of 4, k of 2"):
        attention(q, v, v)
    with pytest.raises(gd.ShapeError, match="there are 5 keys and 3 values"):
        attention(q, k, q)
    with pytest.raises(gd.ShapeError, match=r"attn_mask \(3, 4\) does not broadcast to the scores \(3, 5\)"):
        attention(q, k, v, np.ones((3, 4), bool))
    with pytest.raises(gd.DTypeError, match="attn_mask is float64, the queries are float32"):
        attention(q, k, v, np.zeros((3, 5)))


# ------------------------------------------------------------------ losses, activations, embedding, dropout


def test_kinks_are_where_torch_has_them():
    x = np.array([-3.0, 0, 3, np.nan])
    np.testing.assert_array_equal(value(gd.nn.hard_sigmoid, x), [0, 0.5, 1, np.nan])
    np.testing.assert_allclose(gradients(gd.nn.hard_sigmoid, x)[0][:3], [0, 1 / 6, 0])
    zero = np.zeros(3)
    assert not gradients(lambda a: gd.nn.l1(a, zero, "sum"), zero)[0].any()
    at_delta = gradients(lambda a: gd.nn.huber(a, zero, "sum", 1.0), np.array([-1.0, 0, 1]))[0]
    np.testing.assert_array_equal(at_delta, [-1, 0, 1])


def test_kl_div_of_a_target_with_zeros():
    x, t = np.log([[0.2, 0.3, 0.5]]), np.array([[0.0, 0.4, 0.6]])
    assert value(lambda a: gd.nn.kl_div(a, t, "sum"), x) == pytest.approx(0.4 * np.log(0.4 / 0.3) + 0.6 * np.log(1.2))
    np.testing.assert_allclose(gradients(lambda a, b: gd.nn.kl_div(a, b, "sum"), x, t)[0], -t)
    assert np.isfinite(gradients(lambda a, b: gd.nn.kl_div(a, b), x, t)[1]).all()


def test_labels_and_ids_out_of_range_fail_the_call():
    logp, table = np.log(np.full((2, 3), 1 / 3)), np.arange(6.0).reshape(3, 2)
    t = gd.input("t", (2,), "int64")
    loss, rows = gd.compile([t], gd.nn.nll(logp, t)), gd.compile([t], gd.nn.embedding(t, table))
    assert loss(np.array([2, 0])) == pytest.approx(np.log(3))
    with pytest.raises(gd.FeedError, match=r"label -1 is negative; .* ignore_index"):
        loss(np.array([2, -1]))
    np.testing.assert_array_equal(rows(np.array([-1, 0])), [[4, 5], [0, 1]])
    for f in (loss, rows):
        with pytest.raises(gd.FeedError):
            f(np.array([0, 3]))


def test_rows_used_twice_add_up_in_the_embedding_s_gradient():
    ids = gd.constant(np.array([[0, 2], [2, -1]]))
    (g,) = gradients(lambda table: gd.nn.embedding(ids, table), np.ones((3, 2)))
    np.testing.assert_array_equal(g, [[1, 1], [0, 0], [3, 3]])


def test_wrong_losses():
    x, t = gd.input("x", (2, 3)), gd.input("t", (2,), "int64")
    with pytest.raises(gd.GraphError, match='reduction is "mean", "sum" or "none"'):
        gd.nn.l1(x, x, "max")
    with pytest.raises(gd.ShapeError, match="input and target differ in shape"):
        gd.nn.huber(x, gd.input("y", (3,)))
    with pytest.raises(gd.GraphError, match="delta must be positive, got 0"):
        gd.nn.huber(x, x, delta=0)
    with pytest.raises(gd.DTypeError, match="labels are float32"):
        gd.nn.nll(x, gd.input("t", (2,)))
    with pytest.raises(gd.ShapeError, match=r"\(2, 3\) needs labels of shape \(2\), got \(3\)"):
        gd.nn.nll(x, gd.input("t", (3,), "int64"))
    with pytest.raises(gd.ShapeError, match="weight has 1 dimensions, not 2"):
        gd.nn.embedding(t, gd.input("w", (3,)))


def test_dropout_is_a_function_of_its_key():
    x, key = gd.input("x", ("n", 50), "float64"), gd.state("key", np.int64(7))
    y = gd.nn.dropout(x, 0.25, key=key)
    f = gd.compile([x], [y, gd.grad(gd.sum(y), x)], updates={key: key + 1})
    ones = np.ones((400, 50))
    y1, g1 = f(ones)
    y2, _ = f(ones)
    assert set(np.unique(y1)) == {0, 1 / 0.75} and (y1 == g1).all()
    assert abs((y1 == 0).mean() - 0.25) < 0.02 and (y1 != y2).any()
    key.value = 7
    assert (f(ones)[0] == y1).all()
    assert not value(lambda a: gd.nn.dropout(a, 1.0, key=3), ones).any()
    assert (value(lambda a: gd.nn.dropout(a, 0, key=3), ones) == 1).all()
    with pytest.raises(gd.GraphError, match="p is a number from 0 to 1"):
        gd.nn.dropout(x, 1.5, key=key)


# ------------------------------------------------------------------ a small network


def test_a_small_network_of_images_learns():
    r = rng()
    images = r.normal(0, 0.3, (64, 1, 8, 8)).astype(np.float32)
    labels = r.integers(0, 2, 64)
    images[labels == 1, 0, 2:6, 3] += 2  # an upright line, or one that lies
    images[labels == 0, 0, 3, 2:6] += 2
    x, t = gd.input("x", ("n", 1, 8, 8)), gd.input("t", ("n",), "int64")
    w1, b1, w2, b2 = (
        gd.parameter(f"p{i}", r.normal(0, 0.3, s).astype(np.float32))
        for i, s in enumerate(((4, 1, 3, 3), (4,), (4 * 16, 2), (2,)))
    )
    h = gd.nn.max_pool2d(gd.nn.relu(gd.nn.conv2d(x, w1, b1, padding=1)), 2)
    loss = gd.nn.cross_entropy(gd.nn.linear(gd.reshape(h, (x.shape[0], 64)), w2, b2), t)
    params = [w1, b1, w2, b2]
    updates = {p: p - 0.3 * g for p, g in zip(params, gd.grad(loss, params), strict=True)}
    step = gd.compile([x, t], loss, updates=updates)
    losses = [step(images, labels) for _ in range(40)]
    assert losses[-1] < 0.05 < losses[0]


# ------------------------------------------------------------------ torch


def torch_cases():
    r = rng(9)

    def draw(*shape):
        return r.uniform(-1, 1, shape)

    x, w, b = draw(2, 4, 9, 8), draw(6, 2, 3, 2), draw(6)
    logits, target = draw(5, 4), np.exp(draw(5, 4))
    yield "conv2d", (x, w, b), {"stride": (2, 1), "padding": (1, 2), "dilation": (1, 2), "groups": 2}
    yield "conv2d", (x, draw(3, 4, 4, 3)), {"padding": "same"}
    yield "conv1d", (draw(2, 4, 11), draw(6, 2, 3), b), {"stride": 2, "padding": 1, "groups": 2}
    yield "conv_transpose2d", (x, draw(4, 3, 3, 2), b), {"stride": 2, "padding": 1, "output_padding": 1, "groups": 2}
    yield "conv_transpose2d", (x, draw(4, 3, 3, 2)), {"stride": 1, "dilation": 3, "output_padding": 2}
    yield "max_pool2d", (x, 3), {"stride": 2, "padding": 1}
    yield "avg_pool2d", (x, (3, 2)), {"stride": 2, "padding": 1, "count_include_pad": False}
    yield "avg_pool2d", (x, 3), {"padding": 1}
    yield "batch_norm", (x, draw(4), np.exp(draw(4)), draw(4), draw(4)), {"training": True, "eps": 0.01}
    yield "batch_norm", (x, draw(4), np.exp(draw(4)), draw(4), draw(4)), {}
    yield "group_norm", (x, 2, draw(4), draw(4)), {"eps": 0.01}
    yield "scaled_dot_product_attention", (draw(2, 3, 5), draw(2, 4, 5), draw(2, 4, 3)), {"is_causal": True}
    yield "scaled_dot_product_attention", (draw(2, 3, 5), draw(2, 4, 5), draw(2, 4, 3), draw(3, 4)), {"scale": 0.7}
    for name in ("selu", "silu", "softplus"):
        yield name, (draw(3, 4) * 4,), {}
    for reduction in ("mean", "sum", "none"):
        yield "l1_loss", (logits, target), {"reduction": reduction}
        yield "huber_loss", (logits, target), {"reduction": reduction, "delta": 0.7}
        yield "kl_div", (logits, target), {"reduction": reduction}
        yield "nll_loss", (logits, r.integers(0, 4, 5)), {"reduction": reduction}


OUR_NAMES = {"l1_loss": "l1", "huber_loss": "huber", "nll_loss": "nll"}


def test_values_and_gradients_agree_with_torch():
    torch = pytest.importorskip("torch")
    for name, args, kwargs in torch_cases():
        theirs = [torch.tensor(a, requires_grad=a.dtype == F64) if isinstance(a, np.ndarray) else a for a in args]
        running = name == "batch_norm"
        wanted = getattr(torch.nn.functional, name)(
            *(a.detach() if running and 0 < i < 3 else a for i, a in enumerate(theirs)), **kwargs
        )
        arrays = [a for a in args if isinstance(a, np.ndarray)]
        xs = leaves(*arrays)
        rest = iter(xs)
        y = getattr(gd.nn, OUR_NAMES.get(name, name))(
            *(next(rest) if isinstance(a, np.ndarray) else a for a in args), **kwargs
        )
        g = rng(4).uniform(-1, 1, wanted.shape)
        wanted.backward(torch.tensor(g))
        tensors = [t for t in theirs if isinstance(t, torch.Tensor)]
        pairs = [(x, t.grad.numpy()) for x, t in zip(xs, tensors, strict=True) if t.grad is not None]
        got = gd.compile(xs, [y, gd.vjp(y, [x for x, _ in pairs], gd.constant(g))])(*arrays)
        np.testing.assert_allclose(got[0], wanted.detach().numpy(), rtol=1e-10, atol=1e-12, err_msg=name)
        for a, (_, b) in zip(got[1], pairs, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-11, err_msg=name)


@pytest.mark.parametrize("masked", [False, True])
def test_attention_takes_no_memory_for_pairs(masked):
    """Of long sequences, forward and backward; and neither threads nor a limit decide a bit."""
    rng = np.random.default_rng(0)
    q, k, v = (gd.input(name, (2, "T", 16)) for name in "qkv")
    keep = gd.input("keep", (2, 1, "T"), "bool")
    how = {"attn_mask": keep} if masked else {"is_causal": True}
    loss = gd.sum(gd.square(gd.nn.scaled_dot_product_attention(q, k, v, **how)))
    inputs = [q, k, v, *([keep] if masked else [])]
    f = gd.compile(inputs, [loss, *gd.grad(loss, [q, k, v])])
    pairs = 2 * 1000 * 1000 * 4
    assert f.plan_for(T=1000).arena_bytes < pairs / 4
    assert f.plan_for(T=2000).arena_bytes < 2.5 * f.plan_for(T=1000).arena_bytes
    feeds = [rng.standard_normal((2, 300, 16)).astype("f") for _ in range(3)]
    feeds += [rng.random((2, 1, 300)) < 0.7] if masked else []
    want = f(*feeds)
    alone = gd.compile(inputs, [loss, *gd.grad(loss, [q, k, v])], threads=1)
    for a, b, c in zip(want, alone(*feeds), f.within(f.plan_for(T=300).arena_bytes)(*feeds)):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(a, c)


def test_what_is_no_operand_of_linear_is_told():
    x = gd.input("x", (3, 4))
    for operands in ((x, x.T, "b"), ("x", x), (x, None)):
        with pytest.raises(gd.GraphdiffError, match="expected a Tensor, an array or a number"):
            gd.nn.linear(*operands)
