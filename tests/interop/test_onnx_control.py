"""Control flow, functions, recurrences and training modes of ONNX models."""

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx_models import BOOL, FLOAT, INT64, compiled, expected, model, node

import graphdiff as gd

load = gd.interop.onnx.load


def graph(nodes, inputs, outputs, arrays=()):
    """A branch or a body: inputs and outputs by name -> element type."""
    return helper.make_graph(
        [helper.make_node(*a, **k) for a, k in nodes],
        "inner",
        [helper.make_tensor_value_info(n, t, None) for n, t in inputs.items()],
        [helper.make_tensor_value_info(n, t, None) for n, t in outputs.items()],
        [numpy_helper.from_array(np.asarray(a), n) for n, a in dict(arrays).items()],
    )


def agree(proto, feeds, **options):
    m = load(proto, **options)
    found = compiled(m)(**{n: feeds[n] for n in m.inputs})
    for (name, got), want in zip(found.items(), expected(proto, **feeds)):
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6, err_msg=name)
    return m


# --------------------------------------------------------------------------------------- If


def branches(yes, no):
    return {
        "then_branch": graph(yes, {}, {"t": FLOAT}, {"w": np.float32([2, 3])}),
        "else_branch": graph(no, {}, {"e": FLOAT}),
    }


def test_a_condition_made_of_data_is_a_branch_that_is_differentiated():
    nodes = [
        node("ReduceSum", "x", "s", keepdims=0),
        node("Greater", "s zero", "pred"),
        (("If", ["pred"], ["y"]), branches([node("Mul", "x w", "t")], [node("Neg", "x", "e")])),
    ]
    proto = model(nodes, {"x": (FLOAT, [2])}, {"y": (FLOAT, None)}, {"zero": np.float32(0)})
    for x in ([1, 2], [-1, -2]):
        m = agree(proto, {"x": np.float32(x)})
    assert list(m.parameters) == ["w"]
    x, w = m.inputs["x"], m.parameters["w"]
    grads = gd.compile([x], gd.grad(gd.sum(m.outputs["y"]), [x, w]))
    assert [g.tolist() for g in grads(np.float32([1, 2]))] == [[2, 3], [1, 2]]
    assert [g.tolist() for g in grads(np.float32([-1, -2]))] == [[-1, -1], [0, 0]]


def test_a_condition_that_is_an_input_chooses_at_the_call_or_now():
    nodes = [(("If", ["flag"], ["y"]), branches([node("Mul", "x w", "t")], [node("ReduceSum", "x", "e", keepdims=0)]))]
    proto = model(nodes, {"x": (FLOAT, [2]), "flag": (BOOL, [])}, {"y": (FLOAT, None)})
    with pytest.raises(gd.ShapeError, match=r"the node If of 'y': cond: .*shape"):
        load(proto)
    m = load(proto, constants={"flag": False})
    assert list(m.inputs) == ["x"] and m.outputs["y"].shape == ()


# --------------------------------------------------------------------------------------- Loop


def summing(count="n", **more):
    body = graph(
        [
            node("Cast", "i", "f", to=FLOAT),
            node("Mul", "f w", "step"),
            node("Add", "s step", "s2"),
            node("Identity", "c", "c2"),
        ],
        {"i": INT64, "c": BOOL, "s": FLOAT},
        {"c2": BOOL, "s2": FLOAT, "step": FLOAT},
    )
    return [*more.pop("before", []), (("Loop", [count, "", "x"], ["y", "rows"]), {"body": body})]


def test_a_loop_of_known_count_is_a_scan_with_rows():
    arrays = {"n": np.int64(4), "w": np.float32([0.5, 2])}
    proto = model(summing(), {"x": (FLOAT, [2])}, {"y": (FLOAT, None), "rows": (FLOAT, None)}, arrays)
    m = load(proto)
    found = compiled(m)(np.float32([1, 2]))
    assert found["y"].tolist() == [4, 14] and found["rows"].shape == (4, 2)
    assert "length=4" in str(gd.inspect.whole_graph(m.outputs["y"]))  # of one loop
    grad = gd.compile([m.inputs["x"]], gd.grad(gd.sum(m.outputs["y"]), m.parameters["w"]))
    assert grad(np.float32([1, 2])).tolist() == [6, 6]


def test_the_count_may_be_a_size():
    before = [node("Shape", "z", "zs"), node("Squeeze", "zs", "n")]
    proto = model(
        summing(before=before),
        {"x": (FLOAT, [2]), "z": (FLOAT, ["k"])},
        {"y": (FLOAT, None), "rows": (FLOAT, None)},
        {"w": np.float32([1, 1])},
    )
    m = load(proto)
    f = compiled(m)
    assert m.outputs["rows"].shape == ("k", 2)
    for k in (1, 3, 5):
        found = f(np.float32([0, 1]), np.zeros(k, "f"))
        assert found["y"].tolist() == [k * (k - 1) / 2, k * (k - 1) / 2 + 1]


def test_a_loop_that_a_condition_stops_is_a_while_loop():
    body = graph(
        [node("Mul", "s half", "s2"), node("ReduceSum", "s2", "total", keepdims=0), node("Greater", "total one", "c2")],
        {"i": INT64, "c": BOOL, "s": FLOAT},
        {"c2": BOOL, "s2": FLOAT},
    )
    for limit, first in ((20, [8, 8]), (2, [8, 8]), (20, [0.25, 0.25])):
        proto = model(
            [(("Loop", ["n", "go", "x"], ["y"]), {"body": body})],
            {"x": (FLOAT, [2])},
            {"y": (FLOAT, None)},
            {"n": np.int64(limit), "go": np.bool_(True), "half": np.float32(0.5), "one": np.float32(1)},
        )
        agree(proto, {"x": np.float32(first)})


@pytest.mark.parametrize("count", ["", "count", "far"])
def test_a_loop_without_a_count_keeps_few_states_for_its_gradient(count):
    """Not as many as it may take steps: the arena is small, and grows little with the state."""
    nodes = [
        node("Mul", "v v", "s"),
        node("Add", "s one", "v2"),
        node("ReduceMax", "v2", "m", keepdims=0),
        node("Less", "m top", "go"),
    ]
    body = graph(
        [((op, i, o), a) for (op, i, o), a in nodes], {"i": INT64, "c": BOOL, "v": FLOAT}, {"go": BOOL, "v2": FLOAT}
    )
    arrays = {"one": np.float32(1), "top": np.float32(50), "start": np.array(True), "far": np.int64(2**62)}
    inputs = {"x": (FLOAT, ["n"])} | ({"count": (INT64, [])} if count == "count" else {})
    m = load(model([(("Loop", [count, "start", "x"], ["y"]), {"body": body})], inputs, {"y": (FLOAT, None)}, arrays))
    y, x = m.outputs["y"], m.inputs["x"]
    f = gd.compile([*m.inputs.values()], [y, gd.grad(gd.sum(y), x)])
    more = [9] if count == "count" else []
    value, slope = f(np.float32([0.5, 1, 2]), *more)
    np.testing.assert_allclose(value, [7.5664062, 26, 677])
    np.testing.assert_allclose(slope, [12.8125, 80, 2080])
    assert f.plan.arena_bytes < 1 << 18


def test_a_loop_that_does_not_stop_is_told(monkeypatch):
    from graphdiff.interop.onnx.rules import control

    monkeypatch.setattr(control, "LONGEST", 100)
    body = graph(
        [(("Add", ["v", "v"], ["v2"]), {}), (("Not", ["no"], ["go"]), {}), (("IsNaN", ["v"], ["no"]), {})],
        {"i": INT64, "c": BOOL, "v": FLOAT},
        {"go": BOOL, "v2": FLOAT},
    )
    loop = (("Loop", ["", "start", "x"], ["y"]), {"body": body, "name": "doubles"})
    proto = model([loop], {"x": (FLOAT, [])}, {"y": (FLOAT, [])}, {"start": np.array(True)})
    f = compiled(load(proto))
    assert np.isnan(f(np.float32(np.nan))["y"])
    with pytest.raises(gd.GraphdiffError, match=r"node 'doubles' \(Loop\) has not stopped after 100 steps"):
        f(np.float32(1))


def test_a_loop_whose_slices_grow_with_its_counter_is_unrolled():
    body = graph(
        [
            node("Add", "i one", "next"),
            node("Unsqueeze", "next front", "end"),
            node("Slice", "w front end", "part"),
            node("ReduceSum", "part", "total", keepdims=0),
            node("Add", "s total", "s2"),
            node("Identity", "c", "c2"),
        ],
        {"i": INT64, "c": BOOL, "s": FLOAT},
        {"c2": BOOL, "s2": FLOAT, "total": FLOAT},
    )
    arrays = {"n": np.int64(3), "one": np.int64(1), "front": [0], "w": np.float32([1, 2, 3])}
    proto = model(
        [(("Loop", ["n", "", "x"], ["y", "rows"]), {"body": body})],
        {"x": (FLOAT, [])},
        {"y": (FLOAT, None), "rows": (FLOAT, None)},
        arrays,
    )
    found = compiled(load(proto))(np.float32(10))
    assert float(found["y"]) == 20 and found["rows"].tolist() == [1, 3, 6]


def test_rows_of_a_loop_that_data_stops_name_what_to_give():
    body = graph(
        [node("Add", "s s", "s2"), node("ReduceSum", "s", "t", keepdims=0), node("Less", "t one", "c2")],
        {"i": INT64, "c": BOOL, "s": FLOAT},
        {"c2": BOOL, "s2": FLOAT, "t": FLOAT},
    )
    proto = model(
        [(("Loop", ["", "go", "x"], ["y", "rows"]), {"body": body, "name": "search"})],
        {"x": (FLOAT, [2])},
        {"y": (FLOAT, None), "rows": (FLOAT, None)},
        {"go": np.bool_(True), "one": np.float32(1)},
    )
    with pytest.raises(
        gd.ShapeError, match=r"node 'search' \(Loop\): how often the loop runs.*is made of 'x'.*constants"
    ):
        load(proto)


# --------------------------------------------------------------------------------------- Scan


@pytest.mark.parametrize(("axis", "back", "out"), [(0, 0, 0), (1, 0, 0), (0, 1, 1), (1, 1, 1)])
def test_scans_over_any_axis_in_any_direction(axis, back, out):
    body = graph(
        [node("Add", "s r", "s2"), node("Mul", "s2 w", "q")], {"s": FLOAT, "r": FLOAT}, {"s2": FLOAT, "q": FLOAT}
    )
    attrs = {
        "num_scan_inputs": 1,
        "scan_input_axes": [axis],
        "scan_input_directions": [back],
        "scan_output_axes": [out],
        "scan_output_directions": [back],
    }
    proto = model(
        [(("Scan", ["x", "rows"], ["y", "ys"]), {"body": body, **attrs})],
        {"x": (FLOAT, [2]), "rows": (FLOAT, ["t", 2] if axis == 0 else [2, "t"])},
        {"y": (FLOAT, None), "ys": (FLOAT, None)},
        {"w": np.float32([1, 10])},
    )
    f = compiled(load(proto))
    for t in (1, 3):
        rows = np.random.default_rng(t).normal(size=(t, 2)).astype("f")
        found = f(np.float32([1, 2]), rows if axis == 0 else np.ascontiguousarray(rows.T))
        order = rows[::-1] if back else rows
        sums = np.float32([1, 2]) + np.cumsum(order, axis=0)
        ys = sums * [1, 10]
        ys = ys[::-1] if back else ys
        np.testing.assert_allclose(found["y"], sums[-1], rtol=1e-5)
        np.testing.assert_allclose(found["ys"], ys if out == 0 else ys.T, rtol=1e-5)


# --------------------------------------------------------------------------------------- functions


def functions():
    scaled = helper.make_function(
        "my.own",
        "Scaled",
        ["x", "bias"],
        ["y"],
        [
            helper.make_node("Constant", [], ["k"], value_float=0.0),
            helper.make_node("Elu", ["x"], ["e"]),
            helper.make_node("Constant", [], ["w"], value_floats=[1.0, 2.0]),
            helper.make_node("Mul", ["e", "w"], ["m"]),
            helper.make_node("Add", ["m", "bias"], ["y"]),
        ],
        [helper.make_opsetid("", 21)],
        ["alpha"],
    )
    reference = scaled.node[1].attribute.add()
    reference.name, reference.ref_attr_name, reference.type = "alpha", "alpha", 1
    twice = helper.make_function(
        "my.own",
        "Twice",
        ["x", "bias"],
        ["y"],
        [
            helper.make_node("Scaled", ["x", "bias"], ["a"], domain="my.own", alpha=0.5),
            helper.make_node("Scaled", ["a", "bias"], ["y"], domain="my.own", alpha=2.0),
        ],
        [helper.make_opsetid("", 21), helper.make_opsetid("my.own", 1)],
    )
    return [scaled, twice]


def test_functions_are_inlined_with_their_attributes_and_share_their_weights():
    proto = model(
        [node("Twice", "x b", "h", domain="my.own"), node("Twice", "h b", "y", domain="my.own")],
        {"x": (FLOAT, ["n", 2])},
        {"y": (FLOAT, None)},
        {"b": np.float32([0.5, -0.25])},
        functions=functions(),
    )
    m = load(proto)
    y = x = np.float32([[-1, 2], [0.5, -3]])
    for alpha in (0.5, 2.0, 0.5, 2.0):
        y = np.where(y > 0, y, alpha * np.expm1(y)) * [1, 2] + [0.5, -0.25]
    np.testing.assert_allclose(compiled(m)(x)["y"], y, rtol=1e-5)
    assert sorted(m.parameters) == ["Scaled/w", "b"]


def test_a_function_that_calls_itself_and_one_with_an_operator_unknown():
    endless = helper.make_function(
        "my.own",
        "F",
        ["x"],
        ["y"],
        [helper.make_node("F", ["x"], ["y"], domain="my.own")],
        [helper.make_opsetid("my.own", 1)],
    )
    proto = model(
        [node("F", "x", "y", domain="my.own")], {"x": (FLOAT, [2])}, {"y": (FLOAT, None)}, functions=[endless]
    )
    with pytest.raises(gd.GraphError, match="more than 100 graphs and functions inside each other"):
        load(proto)
    endless.node[0].op_type = "G"
    proto = model(
        [node("F", "x", "a", domain="my.own"), node("F", "a", "y", domain="my.own")],
        {"x": (FLOAT, [2])},
        {"y": (FLOAT, None)},
        functions=[endless],
    )
    with pytest.raises(gd.UnsupportedOperator) as e:
        load(proto)
    assert e.value.counts == {"my.own.G": 1}


# --------------------------------------------------------------------------------------- training modes


def test_batch_normalisation_in_training_gives_new_statistics_for_updates():
    proto = model(
        [
            (
                ("BatchNormalization", ["x", "s", "b", "m", "v"], ["y", "m2", "v2"]),
                {"training_mode": 1, "momentum": 0.75},
            )
        ],
        {"x": (FLOAT, ["n", 2, "t"])},
        {"y": (FLOAT, None), "m2": (FLOAT, None), "v2": (FLOAT, None)},
        {"s": np.float32([1, 2]), "b": np.float32([0, 1]), "m": np.float32([0.5, 0]), "v": np.float32([1, 2])},
    )
    x = np.random.default_rng(0).normal(size=(4, 2, 3)).astype("f")
    m = agree(proto, {"x": x})
    assert list(m.parameters) == ["s", "b"] and list(m.states) == ["m", "v"]
    step = gd.compile(
        [m.inputs["x"]], m.outputs["y"], updates={m.states["m"]: m.outputs["m2"], m.states["v"]: m.outputs["v2"]}
    )
    want = expected(proto, x=x)
    step(x)
    np.testing.assert_allclose(m.states["m"].value, want[1], rtol=1e-5)


def test_dropout_in_training_draws_by_a_state():
    arrays = {"ratio": np.float32(0.5), "on": np.bool_(True)}
    nodes = [node("Dropout", "x ratio on", "y mask"), node("Dropout", "x ratio on", "z")]
    outputs = {"y": (FLOAT, None), "mask": (BOOL, None), "z": (FLOAT, None)}
    m = load(model(nodes, {"x": (FLOAT, [1000])}, outputs, arrays))
    assert list(m.states) == ["random_key"] and not m.parameters
    key = m.states["random_key"]
    f = gd.compile([m.inputs["x"]], m.outputs, updates={key: key + 100})
    first, second = f(np.ones(1000, "f")), f(np.ones(1000, "f"))
    assert np.array_equal(first["y"], np.where(first["mask"], np.float32(2), np.float32(0)))
    assert 400 < first["mask"].sum() < 600
    assert not np.array_equal(first["y"], first["z"]) and not np.array_equal(first["y"], second["y"])


def test_a_recurrence_with_lengths_layout_and_first_states():
    rng = np.random.default_rng(1)
    arrays = {"w": rng.normal(size=(2, 12, 4)), "r": rng.normal(size=(2, 12, 3)), "b": rng.normal(size=(2, 24))}
    arrays = {n: a.astype("f") for n, a in arrays.items()} | {"h": rng.normal(size=(2, 2, 3)).astype("f")}
    nodes = [
        (
            ("LSTM", ["x", "w", "r", "b", "lengths", "h"], ["y", "yh", "yc"]),
            {"hidden_size": 3, "direction": "bidirectional"},
        )
    ]
    proto = model(
        nodes,
        {"x": (FLOAT, ["t", 2, 4]), "lengths": (TensorProto.INT32, [2])},
        {"y": (FLOAT, None), "yh": (FLOAT, None), "yc": (FLOAT, None)},
        arrays,
    )
    m = load(proto, dtype="float64")
    assert m.outputs["y"].shape == ("t", 2, 2, 3)
    f = gd.compile(list(m.inputs.values()), m.outputs)
    x = rng.normal(size=(5, 2, 4))
    whole = f(x, np.int32([5, 3]))
    cut = f(x[:3], np.int32([3, 3]))
    np.testing.assert_allclose(whole["yh"][:, 1], cut["yh"][:, 1])
    assert not whole["y"][3:, :, 1].any() and whole["y"][3:, :, 0].any()
    gd.check_grad(gd.sum(m.outputs["y"]), list(m.parameters.values()), {"x": x, "lengths": np.int32([5, 3])}, order=1)
