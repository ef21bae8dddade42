"""Layers: what is found and how it is named, training and inference graphs, seeds, freezing, values by name."""

import copy
import functools
import math
import pickle

import numpy as np
import pytest

import graphdiff as gd
from graphdiff import layers as L

D = "float64"


class Block(L.Layer):
    def __init__(self, width):
        self.lin, self.norm = L.Linear(width, width, dtype=D), L.BatchNorm(width, dtype=D)

    def __call__(self, x):
        return gd.nn.relu(x + self.norm(self.lin(x)))


def blocks(seed=0, n=2):
    return L.Sequential(L.Linear(5, 4, dtype=D), *[Block(4) for _ in range(n)], L.Linear(4, 3, dtype=D), seed=seed)


def values(rng=None, shape=(6, 5)):
    return np.random.default_rng(0).normal(size=shape)


def test_names_are_dotted_paths_in_order_of_assignment():
    model = blocks()
    of_block = ["lin.weight", "lin.bias", "norm.weight", "norm.bias"]
    assert list(model.parameters) == [
        "0.weight",
        "0.bias",
        *(f"{i}.{name}" for i in (1, 2) for name in of_block),
        "3.weight",
        "3.bias",
    ]
    assert list(model.states) == [f"{i}.norm.{s}" for i in (1, 2) for s in ("running_mean", "running_var")]
    assert all(t.name.endswith(name) for name, t in model.parameters.items())
    assert list(model[1].parameters) == of_block
    assert model[1].parameters["lin.weight"] is model.parameters["1.lin.weight"]


def test_lists_dicts_and_leaves_are_found_and_the_rest_is_not():
    class Model(L.Layer):
        def __init__(self):
            self.heads = {"a": L.Linear(2, 1), "b": [L.Linear(2, 1, bias=False), np.tanh]}
            self.scale, self.count = gd.parameter("scale", 1.0), gd.state("count", np.int64(0))
            self._hidden, self.note = L.Linear(2, 2), "text"

    model = Model()
    assert list(model.parameters) == ["heads.a.weight", "heads.a.bias", "heads.b.0.weight", "scale"]
    assert list(model.states) == ["count"]
    assert model.parameters["scale"] is model.scale and model.scale.name == "scale"


def test_leaves_of_one_name_get_the_names_of_their_places():
    class Scale(L.Layer):
        def __init__(self):
            self.w = gd.parameter("w", np.full(3, 2.0))

        def __call__(self, x):
            return x * self.w

    x, model = gd.input("x", (3,), D), L.Sequential(Scale(), Scale())
    f = gd.compile([x], [model(x), gd.grad(gd.sum(model(x)), model.parameters)])
    y, grads = f(np.ones(3))
    assert set(grads) == {"0.w", "1.w"}
    np.testing.assert_array_equal(y, 4)


def test_two_models_of_one_shape_stand_in_one_graph():
    x, one, two = gd.input("x", ("n", 5), D), blocks(), blocks(seed=1)
    loss = gd.mean(one(x) * two(x))
    grads = gd.compile([x], gd.grad(loss, [one.parameters, two.parameters]))(values())
    assert list(grads[0]) == list(grads[1]) == list(one.parameters)


def test_a_copy_of_a_model_stands_beside_it():
    x, one = gd.input("x", ("n", 5), D), blocks()
    before = one.parameters
    two = copy.deepcopy(one)
    loss = gd.mean(gd.square(one(x) - two(x)))
    assert gd.compile([x], loss)(values()) == 0
    two.initialise(seed=5)
    f = gd.compile([x], [loss, gd.grad(loss, [one.parameters, two.parameters])])
    assert f(values())[0] > 0 and all(one.parameters[k] is t for k, t in before.items())


def test_a_weight_that_two_layers_have_is_one():
    class Tied(L.Layer):
        def __init__(self):
            self.one, self.two = L.Linear(3, 3, bias=False), L.Linear(3, 3)
            self.two.weight = self.one.weight

        def __call__(self, x):
            return self.two(gd.tanh(self.one(x)))

    model = Tied()
    assert list(model.parameters) == ["one.weight", "two.bias"] and model.two.weight is model.one.weight
    x = gd.input("x", ("n", 3))
    grads = gd.compile([x], gd.grad(gd.sum(model(x)), model.parameters))(np.ones((2, 3), np.float32))
    assert set(grads) == {"one.weight", "two.bias"}


def test_weights_have_the_default_dtype_of_where_they_are_declared():
    with gd.default_dtype("float64"):
        model = L.Sequential(L.Linear(2, 3), L.BatchNorm(3))
        rate = gd.optim.schedules.cosine(0.1, 5)(gd.input("count", (), "int64"))
    assert {t.dtype for t in (*model.parameters.values(), *model.states.values(), rate)} == {np.dtype(D)}
    assert L.Linear(2, 3).weight.dtype == np.float32


def test_training_moves_running_statistics_and_inference_reads_them():
    x, norm = gd.input("x", ("n", 4), D), L.BatchNorm(4, dtype=D)
    with L.training() as run:
        y = norm(x)
    f, g = gd.compile([x], y, updates=run.updates), gd.compile([x], norm(x))
    data = values(shape=(6, 4)) * 3 + 1
    np.testing.assert_allclose(f(data), (data - data.mean(0)) / np.sqrt(data.var(0) + 1e-5))
    mean, var = 0.1 * data.mean(0), 0.9 + 0.1 * data.var(0, ddof=1)
    np.testing.assert_allclose(norm.running_mean.value, mean)
    np.testing.assert_allclose(norm.running_var.value, var)
    np.testing.assert_allclose(g(data), (data - mean) / np.sqrt(var + 1e-5))


def test_a_layer_used_twice_moves_its_statistics_twice_in_order():
    x, norm = gd.input("x", ("n", 4), D), L.BatchNorm(4, momentum=0.5, dtype=D)
    with L.training() as run:
        norm(x), norm(x * 2 + 1)
    assert len(run.updates) == 2
    gd.compile([x], [], updates=run.updates)(values(shape=(6, 4)))
    mean = values(shape=(6, 4)).mean(0)
    np.testing.assert_allclose(norm.running_mean.value, 0.5 * (0.5 * mean) + 0.5 * (2 * mean + 1))


def test_a_batch_of_one_value_a_channel_fails_and_changes_nothing():
    x, norm = gd.input("x", ("n", 4), D), L.BatchNorm(4, dtype=D)
    with L.training() as run:
        f = gd.compile([x], norm(x), updates=run.updates)
    with pytest.raises(gd.FeedError):
        f(np.ones((1, 4)))
    assert not norm.running_mean.value.any()


def test_dropout_draws_anew_at_each_use_and_each_call():
    x, drop = gd.input("x", ("n",)), L.Dropout(0.5)
    assert drop(x) is x
    with L.training() as run:
        pair = [drop(x), drop(x)]
    f = gd.compile([x], pair, updates=run.updates)
    ones = np.ones(400, np.float32)
    found = [*f(ones), *f(ones)]
    assert all(set(np.unique(a)) == {0.0, 2.0} and 120 < np.count_nonzero(a) < 280 for a in found)
    assert len({a.tobytes() for a in found}) == 4
    with L.training(seed=1) as other:
        y = drop(x)
    assert gd.compile([x], y, updates=other.updates)(ones).tobytes() != found[0].tobytes()


def test_one_seed_gives_all_weights():
    one, again, other = (blocks(seed).state_dict() for seed in (3, 3, 4))
    assert all(one[k].tobytes() == again[k].tobytes() for k in one)
    assert one["0.weight"].tobytes() != other["0.weight"].tobytes()
    assert one["1.lin.weight"].tobytes() != one["2.lin.weight"].tobytes()
    model = blocks(seed=4)
    weight = model.parameters["0.weight"]
    model.initialise(seed=3)
    assert all(model.state_dict()[k].tobytes() == one[k].tobytes() for k in one)
    assert model.parameters["0.weight"] is weight


def test_initialisers_with_and_without_seeds():
    pair = L.Sequential(L.Linear(4, 4, init=gd.init.orthogonal), L.Linear(4, 4, init=gd.init.orthogonal))
    a, b = (p.value for name, p in pair.parameters.items() if name.endswith("weight"))
    np.testing.assert_allclose(a.T @ a, np.eye(4), atol=1e-6)
    assert not np.array_equal(a, b)
    np.testing.assert_array_equal(L.Linear(2, 3, init=gd.init.ones()).weight.value, 1)
    small = functools.partial(gd.init.normal, 1e-3)
    pair = L.Sequential(L.Linear(4, 4, init=small), L.Linear(4, 4, init=small))
    a, b = (p.value for name, p in pair.parameters.items() if name.endswith("weight"))
    assert 0 < np.abs(a).max() < 1e-2 and not np.array_equal(a, b)


KINDS = [
    lambda: L.Linear(2, 3),
    lambda: L.Linear(2, 3, init=gd.init.he_normal),
    lambda: L.Linear(2, 2, init=gd.init.orthogonal(seed=3)),
    lambda: L.Embedding(3, 4),
    lambda: L.Conv2d(1, 2, 3),
    lambda: L.ConvTranspose1d(1, 2, 3),
    lambda: L.LSTM(2, 3, bidirectional=True),
    lambda: L.TransformerBlock(4, 2, 8),
    lambda: L.Sequential(L.Linear(2, 2), gd.nn.relu, L.BatchNorm(2), L.Dropout(0.3), L.Residual(L.Linear(2, 2))),
]


@pytest.mark.parametrize("make", KINDS)
@pytest.mark.parametrize("settled", [False, True])
def test_models_are_pickled(make, settled):
    model = make()
    before = model.state_dict() if settled else None
    again = pickle.loads(pickle.dumps(model))
    found = again.state_dict()
    wanted = model.state_dict() if before is None else before
    assert list(found) == list(wanted)
    for k in wanted:
        np.testing.assert_array_equal(found[k], wanted[k])


BOUNDS = [
    (lambda: L.Linear(50, 40), "weight", (50, 40), 1 / math.sqrt(50)),
    (lambda: L.Linear(50, 40), "bias", (40,), 1 / math.sqrt(50)),
    (lambda: L.Conv2d(8, 12, (3, 5), groups=2), "weight", (12, 4, 3, 5), 1 / math.sqrt(60)),
    (lambda: L.Conv1d(8, 40, 3), "bias", (40,), 1 / math.sqrt(24)),
    (lambda: L.ConvTranspose2d(8, 12, 3, groups=2), "weight", (8, 6, 3, 3), 1 / math.sqrt(54)),
    (lambda: L.ConvTranspose1d(8, 12, 5), "weight", (8, 12, 5), 1 / math.sqrt(60)),
    (lambda: L.MultiHeadAttention(32, 4), "in_proj_weight", (32, 96), math.sqrt(6 / 128)),
    (lambda: L.MultiHeadAttention(32, 4), "out_proj.weight", (32, 32), 1 / math.sqrt(32)),
]


@pytest.mark.parametrize(("make", "name", "shape", "limit"), BOUNDS)
def test_weights_begin_as_those_of_pytorch(make, name, shape, limit):
    found = make().parameters[name].value
    assert found.shape == shape and found.dtype == np.float32
    assert 0.9 * limit < np.abs(found).max() <= limit
    if found.size > 100:
        assert found.std() == pytest.approx(limit / math.sqrt(3), rel=0.1)


def test_an_embedding_keeps_its_padding():
    ids, layer = gd.input("ids", ("n",), "int64"), L.Embedding(100, 20, padding_idx=-1)
    table = layer.weight.value
    assert not table[99].any() and table[:99].std() == pytest.approx(1, rel=0.1)
    y, g = gd.compile([ids], [layer(ids), gd.grad(gd.sum(layer(ids) * 2), layer.weight)])([99, 3, 3])
    np.testing.assert_array_equal(y, table[[99, 3, 3]])
    assert not g[99].any() and (g[3] == 4).all()


def test_freezing_leaves_parameters_out_and_keeps_them_in_the_state_dict():
    model = blocks()
    model.freeze("1.*")
    assert [n for n in model.parameters if n.startswith("1")] == [] and "1.lin.weight" in model.state_dict()
    model.freeze("3")
    assert "3.weight" not in model.parameters and "2.lin.weight" in model.parameters
    model.unfreeze("1.lin.*")
    assert {"1.lin.weight", "1.lin.bias"} <= set(model.parameters) and "1.norm.weight" not in model.parameters
    with pytest.raises(gd.GraphError, match=r"'7.\*' fits no parameter; there are 0.weight"):
        model.freeze("7.*")


def test_state_dicts_are_copies_and_go_back():
    one, two = blocks(seed=1), blocks(seed=2)
    saved = one.state_dict()
    assert list(saved) == [k for k in saved if k in {**one.parameters, **one.states}] and len(saved) == 16
    two.load_state_dict(saved)
    assert all(two.state_dict()[k].tobytes() == v.tobytes() for k, v in saved.items())
    saved["0.weight"][...] = 9
    assert not (one.parameters["0.weight"].value == 9).any()


def test_all_that_is_wrong_with_a_state_dict_is_told_at_once_and_changes_nothing():
    model = blocks()
    before, given = model.state_dict(), model.state_dict()
    given["0.bias"] = given["0.bias"] + 1
    del given["1.lin.weight"], given["3.bias"]
    given |= {"4.weight": np.ones(2), "0.weight": np.ones((4, 5)), "2.norm.weight": np.ones(3)}
    with pytest.raises(gd.FeedError) as caught:
        model.load_state_dict(given)
    told = str(caught.value)
    assert "missing: 1.lin.weight, 3.bias" in told and "surplus: 4.weight" in told
    assert "0.weight is [4, 5], not [5, 4]; 2.norm.weight is [3], not [4]" in told
    with pytest.raises(gd.FeedError, match=r"0\.weight is"):
        model.load_state_dict(given, strict=False)
    assert all(model.state_dict()[k].tobytes() == v.tobytes() for k, v in before.items())
    model.load_state_dict({"0.bias": given["0.bias"], "unknown": np.ones(1)}, strict=False)
    np.testing.assert_array_equal(model.parameters["0.bias"].value, before["0.bias"] + 1)


def test_layouts_of_pytorch():
    model = L.Sequential(L.Linear(3, 2, dtype=D), L.BatchNorm(2, dtype=D))
    foreign = {
        "0.weight": np.arange(6.0).reshape(2, 3),
        "0.bias": np.ones(2),
        "1.weight": np.ones(2),
        "1.bias": np.zeros(2),
        "1.running_mean": np.full(2, 5.0),
        "1.running_var": np.full(2, 4.0),
        "1.num_batches_tracked": np.int64(7),
    }
    L.from_torch(model, foreign)
    x = gd.input("x", ("n", 3), D)
    y = np.array([[1.0, 2, 3]]) @ foreign["0.weight"].T + 1
    np.testing.assert_allclose(gd.compile([x], model(x))([[1, 2, 3]]), (y - 5) / np.sqrt(4 + 1e-5))
    back = L.to_torch(model)
    assert list(back) == list(foreign)[:-1]
    assert all(np.array_equal(back[k], foreign[k]) and back[k].flags.c_contiguous for k in back)
    with pytest.raises(gd.FeedError, match=r"0.weight is \[3, 2\], not \[2, 3\]"):
        L.from_torch(model, {**foreign, "0.weight": np.ones((3, 2))})


def attention(q, k, v, weight, bias, heads, seen):
    """In NumPy, one head at a time; PyTorch's layout of the weight."""
    width = q.shape[-1]
    q, k, v = (x @ weight[i * width :][:width].T + bias[i * width :][:width] for i, x in enumerate((q, k, v)))
    out, size = np.zeros_like(q), width // heads
    for h in range(heads):
        part = slice(h * size, (h + 1) * size)
        scores = np.where(seen, q[..., part] @ k[..., part].swapaxes(1, 2) / math.sqrt(size), -np.inf)
        e = np.exp(scores - scores.max(-1, keepdims=True))
        out[..., part] = e / e.sum(-1, keepdims=True) @ v[..., part]
    return out


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("training", [False, True])
def test_attention_is_that_of_the_formula(causal, training):
    rng = np.random.default_rng(0)
    # in training weights are dropped one by one, on another way through the graph; so rarely that none is
    layer = L.MultiHeadAttention(8, 2, causal=causal, dropout=1e-12, dtype=D)
    state = L.to_torch(layer)
    state["in_proj_bias"], state["out_proj.bias"] = rng.normal(size=24), rng.normal(size=8)
    L.from_torch(layer, state)
    x, mask = rng.normal(size=(3, 5, 8)), rng.random((5, 5)) < 0.7
    mask |= np.eye(5, dtype=bool)
    seen = mask & np.tri(5, dtype=bool) if causal else mask
    want = attention(x, x, x, state["in_proj_weight"], state["in_proj_bias"], 2, seen)
    want = want @ state["out_proj.weight"].T + state["out_proj.bias"]
    q, m = gd.input("q", ("n", 5, 8), D), gd.input("mask", (5, 5), "bool")
    if training:
        with L.training() as run:
            f = gd.compile([q, m], layer(q, mask=m), updates=run.updates)
    else:
        f = gd.compile([q, m], layer(q, mask=m))
    np.testing.assert_allclose(f(x, mask), want, rtol=1e-9)


def test_rotary_attention_sees_how_far_apart_rows_are():
    layer = L.MultiHeadAttention(8, 2, rotary=True, dtype=D)
    x, data = gd.input("x", (1, "length", 8), D), np.random.default_rng(0).normal(size=(1, 4, 8))
    f = gd.compile([x], layer(x))
    turned = f(data)
    assert np.abs(f(data[:, ::-1])[:, ::-1] - turned).max() > 1e-3  # another order, other distances

    def heads(a):
        return np.moveaxis(a.reshape(4, 2, 4), 1, 0)

    def turn(a):
        at = np.arange(4)[:, None] / 10000 ** (np.arange(2) / 2)
        left, right = a[..., :2], a[..., 2:]
        return np.concatenate([left * np.cos(at) - right * np.sin(at), right * np.cos(at) + left * np.sin(at)], -1)

    q, k, v = (heads(p) for p in np.split(data[0] @ layer.in_proj_weight.value, 3, axis=1))
    scores = turn(q) @ np.swapaxes(turn(k), 1, 2) / 2
    weights = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
    mixed = np.moveaxis(weights @ v, 0, 1).reshape(4, 8)
    np.testing.assert_allclose(turned[0], mixed @ layer.out_proj.weight.value, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("make", [L.MaxPool, L.AvgPool])
def test_volumes_are_convolved_and_pooled(make):
    x = gd.input("x", ("n", 2, 5, 4, 4))
    model = L.Sequential(L.Conv3d(2, 3, 2, padding=1), make(3, 2, ceil_mode=True))
    assert model(x).shape == (x.shape[0], 3, 3, 2, 2) and model[0].weight.shape == (3, 2, 2, 2, 2)
    back = L.Sequential(L.Conv3d(2, 3, 2), make(2))
    L.from_torch(back, L.to_torch(model))
    assert back[0].weight.value.tobytes() == model[0].weight.value.tobytes()


def test_attention_of_grouped_queries_is_that_of_repeated_heads():
    rng, few, many = (
        np.random.default_rng(0),
        L.MultiHeadAttention(8, 4, kv_heads=2, dtype=D),
        L.MultiHeadAttention(8, 4, dtype=D),
    )
    weight = few.in_proj_weight.value
    assert weight.shape == (8, 16)
    wide = [
        weight[:, :8],
        *(np.repeat(weight[:, a : a + 4].reshape(8, 2, 2), 2, axis=1).reshape(8, 8) for a in (8, 12)),
    ]
    many.load_state_dict({**few.state_dict(), "in_proj_weight": np.concatenate(wide, 1), "in_proj_bias": np.zeros(24)})
    x, data = gd.input("x", (2, 5, 8), D), rng.normal(size=(2, 5, 8))
    a, b = gd.compile([x], [few(x), many(x)])(data)
    np.testing.assert_allclose(a, b, rtol=1e-12)


@pytest.mark.parametrize("norm_first", [False, True])
def test_a_transformer_block_has_the_names_of_pytorchs(norm_first):
    block = L.TransformerBlock(8, 2, 16, norm_first=norm_first, dropout=0.1)
    assert list(block.parameters) == [
        "self_attn.in_proj_weight",
        "self_attn.in_proj_bias",
        "self_attn.out_proj.weight",
        "self_attn.out_proj.bias",
        "linear1.weight",
        "linear1.bias",
        "linear2.weight",
        "linear2.bias",
        "norm1.weight",
        "norm1.bias",
        "norm2.weight",
        "norm2.bias",
    ]
    x = gd.input("x", ("n", 5, 8))
    y = gd.compile([x], block(x))(values(shape=(2, 5, 8)).astype(np.float32))
    # the last norm leaves each row with mean 0 where norms come after the sums
    assert (np.abs(y.mean(-1)).max() < 1e-6) is not norm_first


NORMS = [
    (L.LayerNorm((3, 4), dtype=D), (1, 2), None),
    (L.LayerNorm(4, dtype=D), (2,), None),
    (L.GroupNorm(1, 3, dtype=D), (1, 2), None),
    (L.InstanceNorm(3, dtype=D), (2,), None),
]


@pytest.mark.parametrize(("layer", "axes", "_"), NORMS, ids=lambda v: type(v).__name__)
def test_norms_leave_mean_0_and_variance_1(layer, axes, _):
    x = gd.input("x", ("n", 3, 4), D)
    y = gd.compile([x], layer(x))(values(shape=(5, 3, 4)) * 100)
    np.testing.assert_allclose(y.mean(axes), 0, atol=1e-12)
    np.testing.assert_allclose(y.var(axes), 1, rtol=1e-2)


def test_a_table_of_the_model():
    x, model = gd.input("x", ("batch", 5), D), blocks(n=1)
    summary = model.summary(x)
    assert [row.name for row in summary.rows] == ["0", "1", "1.lin", "1.norm", "2"]
    assert [row.kind for row in summary.rows] == ["Linear", "Block", "Linear", "BatchNorm", "Linear"]
    assert [row.parameters for row in summary.rows] == [24, 28, 20, 8, 15] and summary.parameters == 67
    assert summary.rows[0].output == "(batch, 4)" and summary.rows[0].flops == 2 * 5 * 4
    assert str(summary).splitlines()[0].split() == ["layer", "kind", "output", "parameters", "flops"]
    assert repr(summary) == "<Summary of Sequential: 5 layers, 67 parameters>" and "<table>" in summary._repr_html_()
    assert repr(model) == "<Sequential: 67 parameters>"


def test_arguments_that_a_layer_does_not_have_are_told_by_its_own_name():
    for call, told in (
        (
            lambda: L.Conv2d(1, 4, 3, pad=1),
            r"Conv2d\(\) has no argument 'pad'; did you mean 'padding'\? It is Conv2d\(",
        ),
        (lambda: L.Linear(in_features=3, outputs=4), r"Linear\(\) has no argument .*mean 'inputs'\?"),
        (lambda: L.BatchNorm(), r"BatchNorm\(\) needs 'channels'; it is BatchNorm\(channels"),
        (lambda: Block(3, 4, 5), r"Block\(\) takes 1 argument by position, got 3; it is Block\(width\)"),
    ):
        with pytest.raises(TypeError, match=told):
            call()


BAD = [
    (lambda: L.Sequential(L.Linear(2, 2), 3), "argument 1 is 3, no layer"),
    (lambda: L.Sequential(L.Linear(2, 2), seed=-1).parameters, "a seed is an integer from 0 on, got -1"),
    (lambda: L.Dropout(1.5), "p is a number from 0 to 1"),
    (lambda: L.Dropout("a"), "p is a number from 0 to 1, got 'a'"),
    (lambda: L.Linear(-1, 2), "Linear: inputs is an integer from 0 on, got -1"),
    (lambda: L.Linear(3, "2"), "Linear: outputs is an integer from 0 on, got '2'"),
    (lambda: L.Conv2d(3, 4.5, 3), "Conv2d: outputs is an integer from 0 on, got 4.5"),
    (lambda: L.Conv1d(3, 4, 3, groups=0), "3 and 4 channels do not divide into 0 groups"),
    (lambda: L.ConvTranspose2d(3, 4, (3, -1)), "ConvTranspose2d: kernel_size is an integer from 0 on, got -1"),
    (lambda: L.Conv3d(3, 4, (3, 3)), "kernel_size .3, 3. is of 2 dimensions, not 3"),
    (lambda: L.Embedding(True, 3), "Embedding: count is an integer from 0 on, got True"),
    (lambda: L.LSTM(3, 4, layers=-1), "LSTM: layers is an integer from 0 on, got -1"),
    (lambda: L.BatchNorm(None), "BatchNorm: channels is an integer from 0 on, got None"),
    (lambda: L.LayerNorm((3, 2.5)), "LayerNorm: shape is an integer from 0 on, got 2.5"),
    (lambda: L.GroupNorm(3, 4), "4 channels do not divide into 3 groups"),
    (lambda: L.MultiHeadAttention(8, "2"), "MultiHeadAttention: heads is an integer from 0 on, got '2'"),
    (lambda: L.Linear(2, 2).load_state_dict(None), "arrays by name are expected, .* got NoneType"),
    (lambda: L.Linear(2, 2).load_state_dict({3: np.zeros(2)}), "arrays by name are expected, .* a name is no text"),
    (lambda: L.from_torch(L.Linear(2, 2), [1]), "from_torch: arrays by name are expected, .* got list"),
    (lambda: L.Conv2d(3, 4, 3, groups=2), "3 and 4 channels do not divide into 2 groups"),
    (lambda: L.MultiHeadAttention(8, 3), "width 8 is no multiple of 3 heads"),
    (lambda: L.Embedding(5, 2, padding_idx=5), "padding_idx is 5, of 5 rows"),
    (lambda: L.MaxPool(2)(gd.input("x", (2, 2))), "x has 2 axes"),
    (lambda: L.MultiHeadAttention(6, 2, rotary=True), "rotary needs heads of an even size, 6 by 2 is 3"),
]


@pytest.mark.parametrize(("make", "told"), BAD)
def test_bad_settings_are_told(make, told):
    with pytest.raises(gd.GraphdiffError, match=told):
        make()


def test_a_residual_network_of_images_learns():
    rng = np.random.default_rng(0)
    images = rng.normal(size=(64, 1, 8, 8)).astype(np.float32)
    labels = (images[:, 0, :4].mean((1, 2)) > images[:, 0, 4:].mean((1, 2))).astype(np.int64)
    inner = [L.Conv2d(8, 8, 3, padding=1), L.BatchNorm(8), gd.nn.relu, L.Conv2d(8, 8, 3, padding=1)]
    model = L.Sequential(
        L.Conv2d(1, 8, 3, padding=1), L.Residual(*inner), gd.nn.relu, L.AvgPool(4), L.Flatten(), L.Linear(32, 2), seed=0
    )
    x, t = gd.input("x", ("batch", 1, 8, 8)), gd.input("t", ("batch",), "int64")
    with L.training() as run:
        loss = gd.nn.cross_entropy(model(x), t)
    opt = gd.optim.AdamW(gd.optim.schedules.one_cycle(0.02, 60))
    steps = opt.updates(model.parameters, gd.grad(loss, model.parameters)) | run.updates
    f, predict = gd.compile([x, t], loss, updates=steps), gd.compile([x], model(x))
    losses = [float(f(images, labels)) for _ in range(60)]
    assert losses[0] > 0.5 and losses[-1] < 0.1
    assert (predict(images).argmax(1) == labels).mean() > 0.95
