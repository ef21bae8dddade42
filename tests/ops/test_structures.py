"""Structures of Tensors: what nests, in every function that takes or gives them, and what is said where two differ."""

import copy
import pickle
from collections import OrderedDict, namedtuple
from dataclasses import dataclass, field

import numpy as np
import pytest

import graphdiff as gd

Pair = namedtuple("Pair", "weight bias")


@dataclass(frozen=True)
class Layer:
    weight: object
    bias: object
    activation: str = field(default="tanh", metadata={"static": True})


@dataclass
class Checked:
    w: object

    def __post_init__(self):
        if not isinstance(self.w, gd.Tensor):
            raise TypeError("a Tensor is due")


def parameter(name, *shape, seed=0):
    return gd.parameter(name, np.random.default_rng(seed).standard_normal(shape))


def model():
    """A loss and its parameters in a structure of every kind."""
    x = gd.input("x", shape=("n", 3), dtype="float64")
    a, b, c, d, e, f = (parameter(k, *s) for k, s in zip("abcdef", [(3, 4), (4,), (4, 2), (2,), (2, 1), (1,)]))
    h = gd.tanh(gd.tanh(x @ a + b) @ c + d) @ e + f
    return x, gd.mean(h * h), {"first": Pair(a, b), "rest": [Layer(c, d), (e, None, {"f": f})]}


def leaves(s):
    return [
        s["first"].weight,
        s["first"].bias,
        s["rest"][0].weight,
        s["rest"][0].bias,
        s["rest"][1][0],
        s["rest"][1][2]["f"],
    ]


def same_kinds(s):
    """Whether ``s`` has the structure of the model's parameters, classes and static fields included."""
    layer, last = s["rest"]
    return (
        (type(s), type(s["first"]), type(layer), type(last), type(last[2])) == (dict, Pair, Layer, tuple, dict)
        and list(s) == ["first", "rest"]
        and layer.activation == "tanh"
        and last[1] is None
    )


FEED = np.random.default_rng(1).standard_normal((5, 3))


def test_grad_gives_the_structure_of_wrt():
    x, loss, params = model()
    g = gd.grad(loss, params)
    assert same_kinds(g)
    flat = gd.grad(loss, leaves(params))
    for got, want in zip(gd.compile([x], leaves(g))(FEED), gd.compile([x], flat)(FEED)):
        np.testing.assert_array_equal(got, want)


def test_results_of_a_call_keep_classes_and_dataclasses_are_not_initialised():
    x, loss, params = model()
    f = gd.compile([x], {"loss": loss, "g": gd.grad(loss, params), "checked": Checked(loss), "none": None})
    out = f(FEED)
    assert same_kinds(out["g"]) and out["none"] is None
    assert isinstance(out["checked"].w, np.ndarray) and out["checked"].w == out["loss"]


def test_other_dicts_keep_their_order():
    _, loss, params = model()
    a, b = params["first"]
    made = gd.grad(loss, OrderedDict([("z", b), ("a", a)]))
    assert type(made) is OrderedDict and list(made) == ["z", "a"] and made["z"].shape == b.shape


@pytest.mark.parametrize("function", [gd.vjp, gd.jvp])
def test_products_take_and_give_structures(function):
    x, _, params = model()
    w, v = params["first"]
    ys = {"h": [x @ w + v], "none": None, "s": gd.sum(w) + gd.sum(v)}
    wrt = (Pair(w, v), None)
    rng = np.random.default_rng(2)
    seeds = (
        [rng.standard_normal(s) for s in ((5, 4), ())]
        if function is gd.vjp
        else [rng.standard_normal(p.shape) for p in (w, v)]
    )
    x5 = gd.input("x5", shape=(5, 3), dtype="float64")
    ys = gd.substitute(ys, {}) if function is gd.jvp else {"h": [x5 @ w + v], "none": None, "s": ys["s"]}
    given = {"s": seeds[1], "h": [seeds[0]], "none": None} if function is gd.vjp else (Pair(*seeds), None)
    out = function(ys, wrt, given)
    if function is gd.vjp:
        assert type(out) is tuple and type(out[0]) is Pair and out[1] is None
        got = gd.compile([x5], out)(FEED)[0].weight
        np.testing.assert_allclose(got, FEED.T @ seeds[0] + seeds[1], rtol=1e-12)
    else:
        assert list(out) == ["h", "none", "s"] and type(out["h"]) is list and out["none"] is None
        np.testing.assert_allclose(gd.compile([x], out)(FEED)["h"][0], FEED @ seeds[0] + seeds[1], rtol=1e-12)


def test_second_derivatives_nest():
    w, b = gd.input("w", shape=(2,), dtype="float64"), gd.input("b", dtype="float64")
    loss = gd.sum(w * w * b) + b * b
    h = gd.hessian(loss, {"w": [w], "b": b})
    assert list(h) == ["w", "b"] and list(h["w"][0]) == ["w", "b"] and type(h["w"]) is list
    out = gd.compile([w, b], h)([1.0, 2.0], 3.0)
    np.testing.assert_allclose(out["w"][0]["w"][0], 6 * np.eye(2))
    np.testing.assert_allclose(out["w"][0]["b"], [2.0, 4.0])
    np.testing.assert_allclose(out["b"]["b"], 2.0)
    hv = gd.hvp(loss, Pair(w, b), Pair([1.0, 0.0], 1.0))
    got = gd.compile([w, b], hv)([1.0, 2.0], 3.0)
    np.testing.assert_allclose(got.weight, [8.0, 4.0])
    np.testing.assert_allclose(got.bias, 4.0)
    j = gd.jacobian({"y": w * b, "z": [w[0]]}, (w, [b]))
    assert [type(part) for part in (j, j["y"], j["y"][1])] == [dict, tuple, list]
    np.testing.assert_allclose(gd.compile([w, b], j["y"][1][0])([1.0, 2.0], 3.0), [1.0, 2.0])


def test_adjoint_check_grad_and_gradient_flow_take_structures():
    x, loss, params = model()
    adj = gd.adjoint(loss, params)
    assert same_kinds(adj.gradients)
    assert gd.check_grad(loss, params, {x: FEED}).ok
    flow = gd.inspect.GradientFlow(loss, params, adj.gradients)
    assert flow.names == list("abcdef")
    assert [type(t) for t in gd.substitute({"a": [loss]}, {x: x * 2}).values()] == [list]


def test_feeds_have_the_structure_of_the_inputs():
    x, a, b = (gd.input(k, shape=("n",), dtype="float64") for k in "xab")
    f = gd.compile([x, {"a": a, "rest": [b]}], x + a * b)
    v = np.array([1.0, 2.0])
    for args, kwargs in [
        ((v, {"a": 2 * v, "rest": [3 * v]}), {}),
        ((v, {"rest": (3 * v,), "a": 2 * v}), {}),  # in another order, and a tuple for a list
        ((v,), {"a": 2 * v, "b": 3 * v}),
        ((v, 2 * v, 3 * v), {}),
        (([1.0, 2.0], {"a": [2, 4], "rest": [[3, 6]]}), {}),
    ]:
        np.testing.assert_array_equal(f(*args, **kwargs), v + 6 * v * v)
    one = gd.compile(Pair(a, b), a - b)
    np.testing.assert_array_equal(one(Pair(3 * v, v)), 2 * v)
    assert gd.compile({"a": a}, a)({"a": v}).tolist() == [1.0, 2.0]
    for args, text in [
        ((v, {"a": v}), r'args\[1\]\["rest"\] is missing, inputs\[1\]\["rest"\] is there'),
        ((v, {"a": v, "rest": [v], "c": v}), r'inputs\[1\]\["c"\] is missing'),
        ((v, {"a": v, "rest": []}), r'args\[1\]\["rest"\]\[0\] is missing.*has 1.*0'),
        ((v, [v]), r"inputs\[1\] is a dict of 2, args\[1\] is a list of 1"),
        (({"x": v}, {"a": v, "rest": [v]}), "x is fed a dict of 1; feed an array"),
        ((v, {"a": {"b": v}, "rest": [v]}), r'inputs\[1\]\["a"\] is one Tensor, args\[1\]\["a"\] is a dict of 1'),
    ]:
        with pytest.raises(gd.FeedError, match=text) as caught:
            f(*args)
        assert "in: function(x" in str(caught.value) and "test_structures.py" in str(caught.value)


def test_bind_and_checkpoint_take_structures():
    x, loss, params = model()
    g = gd.grad(loss, params)
    f = gd.compile([x], g, checkpoint={"keep": [params["first"].weight @ np.ones((4, 1)), (loss,)]})
    out = f(FEED)
    buffers = copy.deepcopy(out)
    for a in leaves(buffers):
        a[...] = 0
    f.bind(x=FEED, out=buffers)()
    for got, want in zip(leaves(buffers), leaves(out)):
        np.testing.assert_array_equal(got, want)
    f.bind(x=FEED, out=[np.empty_like(a) for a in leaves(out)])()
    with pytest.raises(
        gd.FeedError,
        match=r'a list of 6 arrays \(structures differ: results\["first"\] is a Pair, out\["first"\] is a list of 2',
    ):
        f.bind(x=FEED, out={**out, "first": list(out["first"])})


def test_saved_and_pickled_functions_keep_structures(tmp_path):
    x, loss, params = model()
    f = gd.compile([{"x": x}], gd.grad(loss, params))
    want = f({"x": FEED})
    f.save(tmp_path / "f.gd")
    loaded = gd.load(tmp_path / "f.gd")({"x": FEED})
    assert type(loaded["first"]).__name__ == "Pair" and loaded["first"]._fields == ("weight", "bias")
    assert type(loaded["rest"][0]).__name__ == "Layer" and loaded["rest"][0].activation == "tanh"
    again = pickle.loads(pickle.dumps(f))({"x": FEED})
    assert same_kinds(again)
    for out in (loaded, again):
        for got, expected in zip(leaves(out), leaves(want)):
            np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("make", [lambda: gd.optim.SGD(0.1, momentum=0.9), lambda: gd.optim.Adam()])
def test_updates_and_clipping_take_structures(make):
    x, loss, params = model()
    g = gd.grad(loss, params)
    clipped = gd.optim.clip_by_value(gd.optim.clip_by_global_norm(g, 0.5), 0.2)
    assert same_kinds(clipped)
    flat = gd.optim.clip_by_value(gd.optim.clip_by_global_norm(leaves(g), 0.5), 0.2)
    nested = make().updates(params, clipped)
    listed = make().updates(leaves(params), flat)
    for p in leaves(params):
        np.testing.assert_array_equal(gd.compile([x], nested[p])(FEED), gd.compile([x], listed[p])(FEED))


def test_structures_that_differ_are_told_by_their_path():
    a, b = parameter("a", 2), parameter("b", 2)
    opt = gd.optim.SGD(0.1)
    for grads, text in [
        (
            {"l1": [a]},
            r'grads\["l1"\]\[1\] is missing, params\["l1"\]\[1\] is there \(params\["l1"\] has 2, grads\["l1"\] 1\)',
        ),
        ({"l1": [a, b, b]}, r'params\["l1"\]\[2\] is missing, grads\["l1"\]\[2\] is there'),
        ({"l1": (a, b)}, r'params\["l1"\] is a list of 2, grads\["l1"\] is a tuple of 2'),
        ({"l1": a}, r'params\["l1"\] is a list of 2, grads\["l1"\] is one Tensor'),
        ({"l1": [a, None]}, r'params\["l1"\]\[1\] is one Tensor, grads\["l1"\]\[1\] is None'),
        ({"l1": [a, [b]]}, r'params\["l1"\]\[1\] is one Tensor, grads\["l1"\]\[1\] is a list of 1'),
        ({"l2": [a, b]}, r'grads\["l1"\] is missing, params\["l1"\] is there'),
        ({"l1": [a, b], "l2": a}, r'params\["l2"\] is missing, grads\["l2"\] is there'),
        ({"l1": [a, 1.0]}, r'grads\["l1"\]\[1\] is a float'),
        ([a, b], r"params is a dict of 1, grads is a list of 2"),
    ]:
        with pytest.raises(gd.GraphError, match=text):
            opt.updates({"l1": [a, b]}, grads)
    with pytest.raises(gd.GraphError, match=r"a is there twice, as params\[0\] and as params\[1\]\[\"x\"\]"):
        opt.updates([a, {"x": a}], [a, {"x": a}])
    with pytest.raises(gd.ShapeError, match=r'params\["l1"\]\[0\].*grads\["l1"\]\[0\]'):
        opt.updates({"l1": [a, b]}, {"l1": [gd.sum(a), b]})
    with pytest.raises(gd.GraphError, match=r'wrt\["l1"\]\[1\]\.bias is a int'):
        gd.grad(gd.sum(a), {"l1": [a, Pair(b, 3)]})
    with pytest.raises(gd.GraphError, match=r"Layer"):
        gd.vjp(a * 2, a, Layer(a, b))
    with pytest.raises(gd.GraphError, match=r"x\.activation is 'tanh', tangent\.activation is 'relu'"):
        gd.jvp(a * 2, Layer(a, b), Layer(a, b, "relu"))
    holds_itself = [a]
    holds_itself.append(holds_itself)
    with pytest.raises(gd.GraphError, match="does it hold itself"):
        gd.grad(gd.sum(a), holds_itself)


def test_carries_results_and_rows_nest():
    x = gd.input("x", shape=(4, 2), dtype="float64")
    init = Layer(gd.zeros((2,), dtype="float64"), [gd.constant(np.float64(1)), None])

    def step(carry, row):
        return Layer(carry.weight + row["r"], [carry.bias[0] * 2, None]), Pair(row["r"], (carry.bias[0],))

    carry, ys = gd.scan(step, init, {"r": x})
    assert type(carry) is Layer and type(ys) is Pair and carry.bias[1] is None
    out = gd.compile([x], {"c": carry, "y": ys})(np.ones((4, 2)))
    np.testing.assert_array_equal(out["c"].weight, [4.0, 4.0])
    np.testing.assert_array_equal(out["y"].bias[0], [1.0, 2.0, 4.0, 8.0])
    same = gd.cond(gd.sum(x) > 0, lambda p: p, lambda p: Pair(p.bias, p.weight), Pair(x, x * 2))
    assert type(same) is Pair
    state = gd.while_loop(
        lambda s: s["n"] < 3, lambda s: {"v": Pair(*s["v"]), "n": s["n"] + 1}, {"n": gd.constant(0), "v": Pair(x, x)}, 5
    )
    assert list(state) == ["n", "v"] and type(state["v"]) is Pair
    assert type(gd.map(lambda r: Layer(r, r), x)) is Layer
    with pytest.raises(
        gd.GraphError, match=r'scan: structures differ: init\["h"\]\[0\] is one Tensor, carry\["h"\]\[0\] is None'
    ):
        gd.scan(lambda c, r: ({"h": [None]}, r), {"h": [x[0]]}, x)
    with pytest.raises(gd.ShapeError, match=r"while_loop: init\[0\] has shape \(4, 2\), state\[0\] \(2,\)"):
        gd.while_loop(lambda s: gd.all(s[0] < 1), lambda s: [s[0][0]], [x], 3)
    with pytest.raises(
        gd.GraphError, match=r"cond: structures differ: if_true\.weight is one Tensor, if_false\.weight is a tuple of 1"
    ):
        gd.cond(gd.sum(x) > 0, lambda p: Pair(p, p), lambda p: Pair((p,), p), x)


def test_two_leaves_of_one_name_tell_both_lines():
    first = gd.parameter("W", np.zeros(2))
    second = gd.parameter("W", np.zeros(2))
    old, new = (str(p.node.source) for p in (first, second))
    with pytest.raises(gd.GraphError, match=f"two parameters are called 'W': {old} and {new}"):
        gd.compile([], first + second)
    with pytest.raises(gd.GraphError, match=f"made at {new}, but on another parameter of that name, made at {old}"):
        gd.grad(gd.sum(first * first), second)
