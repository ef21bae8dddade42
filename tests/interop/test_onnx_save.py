"""What save takes and what it leaves: names, operators by name, loops, updates, files."""

import importlib

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx_models import FLOAT, INT64, compiled, model, node
from onnx_written import compare

import graphdiff as gd

save = gd.interop.onnx.save
RNG = np.random.default_rng(0)


def parameter(name, *shape):
    return gd.parameter(name, value=RNG.normal(size=shape).astype(np.float32))


def operators(path):
    return [n.op_type for n in onnx.load(path).graph.node]


def session(path):
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


def floats(*shape):
    return RNG.normal(size=shape).astype(np.float32)


# ------------------------------------------------------------------ names
def test_a_dict_gives_names_and_parameters_keep_theirs(tmp_path):
    x, w = gd.input("x", ("batch", 4)), parameter("fc.weight", 4, 2)
    save(tmp_path / "m.onnx", {"image 0": x}, {"out/1": x @ w}, name="net")
    m = onnx.load(tmp_path / "m.onnx")
    assert [v.name for v in m.graph.input] == ["image 0"] and [v.name for v in m.graph.output] == ["out/1"]
    assert [t.name for t in m.graph.initializer] == ["fc.weight"] and m.graph.name == "net"
    assert [d.dim_param or d.dim_value for d in m.graph.output[0].type.tensor_type.shape.dim] == ["batch", 2]
    a = floats(3, 4)
    np.testing.assert_allclose(session(tmp_path / "m.onnx").run(None, {"image 0": a})[0], a @ w.value, rtol=1e-5)


def test_without_a_dict_values_are_called_what_they_are_called(tmp_path):
    x = gd.input("x", (3,))
    save(tmp_path / "m.onnx", [x], [gd.exp(x).named("e"), x, gd.constant([1.0, 2.0])])
    m = onnx.load(tmp_path / "m.onnx")
    assert [v.name for v in m.graph.output] == ["e", "output_1", "output_2"]
    a = floats(3)
    for got, want in zip(session(tmp_path / "m.onnx").run(None, {"x": a}), (np.exp(a), a, [1, 2])):
        np.testing.assert_allclose(got, want, rtol=1e-6)


def test_one_value_may_have_two_names(tmp_path):
    x = gd.input("x", (3,))
    y = gd.exp(x)
    save(tmp_path / "m.onnx", x, {"a": y, "b": y})
    first, second = session(tmp_path / "m.onnx").run(None, {"x": floats(3)})
    assert np.array_equal(first, second)


def test_a_saved_model_is_read_with_the_same_names_and_parameters(tmp_path):
    x, w = gd.input("x", ("batch", 4)), parameter("w", 4, 3)
    y = gd.nn.layer_norm(x @ w) * np.array([1.0, 2.0, 3.0], np.float32)
    save(tmp_path / "m.onnx", {"x": x}, {"y": y})
    m = gd.interop.onnx.load(tmp_path / "m.onnx")
    assert (*m.inputs, *m.outputs, *m.parameters, *m.states) == ("x", "y", "w")
    a = floats(5, 4)
    np.testing.assert_allclose(compiled(m)(a)["y"], gd.compile(x, y)(a), rtol=1e-5, atol=1e-6)


# ------------------------------------------------------------------ operators by name
def network():
    x = gd.input("x", ("n", 4, 8, 8))
    h = gd.nn.conv2d(x, parameter("conv.weight", 6, 4, 3, 3), parameter("conv.bias", 6), padding=1)
    mean, var = gd.state("mean", value=floats(6)), gd.state("var", value=np.abs(floats(6)) + 1)
    h = gd.nn.relu(gd.nn.batch_norm(h, mean, var, parameter("gamma", 6), parameter("beta", 6)))
    h = gd.reshape(gd.nn.avg_pool2d(gd.nn.max_pool2d(h, 2), 2), (-1, 24))
    h = gd.nn.gelu(gd.nn.linear(h, parameter("a", 24, 8), parameter("b", 8)))
    h = gd.nn.layer_norm(h, parameter("g", 8), parameter("c", 8))
    q = gd.reshape(h, (-1, 2, 2, 2))
    h = gd.reshape(gd.nn.scaled_dot_product_attention(q, q, q), (-1, 8))
    return x, gd.nn.softmax(h @ parameter("u", 8, 3) + parameter("v", 3))


def test_operators_are_those_that_others_look_for(tmp_path):
    x, y = network()
    save(tmp_path / "m.onnx", x, y, opset=23)
    found = operators(tmp_path / "m.onnx")
    names = "Conv BatchNormalization Relu MaxPool AveragePool Gemm Gelu LayerNormalization Attention Gemm Softmax"
    assert [n for n in found if n not in ("Reshape",)] == names.split()
    assert len(onnx.load(tmp_path / "m.onnx").graph.node[0].input) == 3


@pytest.mark.parametrize("opset", [7, 9, 10, 11, 13, 17, 20, 21, 23, 24])
def test_older_opsets_get_the_pieces(opset):
    x, y = network()
    compare({"x": x}, {"y": y}, {"x": floats(3, 4, 8, 8)}, opset, ("runtime", "read"))


def test_a_function_is_written_as_it_was_given(tmp_path):
    x, y = network()
    f = gd.compile(x, {"probabilities": y})
    save(tmp_path / "m.onnx", f, opset=23)
    assert "LayerNormalization" in operators(tmp_path / "m.onnx")
    a = floats(2, 4, 8, 8)
    (got,) = session(tmp_path / "m.onnx").run(["probabilities"], {"x": a})
    np.testing.assert_allclose(got, f(a)["probabilities"], rtol=1e-4, atol=1e-6)


def test_what_is_read_inside_stands_in_pieces(tmp_path):
    x = gd.input("x", ("n", 4))
    y = gd.nn.layer_norm(x)
    save(tmp_path / "m.onnx", x, [y, gd.grad(gd.sum(y * y * y), x)])
    assert "LayerNormalization" not in operators(tmp_path / "m.onnx")


def test_results_that_nothing_reads_have_names_only_where_they_must(tmp_path):
    x = gd.input("x", ("n", 4, 6))
    for y, op, count in ((gd.split(x, 3, axis=2)[1], "Split", 3), (gd.nn.max_pool1d(x, 2), "MaxPool", 1)):
        compare({"x": x}, {"y": y}, {"x": floats(2, 4, 6)}, 21, ("runtime", "read"))
        save(tmp_path / "m.onnx", x, y * 2)
        (node,) = [n for n in onnx.load(tmp_path / "m.onnx").graph.node if n.op_type == op]
        assert len(node.output) == count


def test_what_has_no_elements_is_so_for_runtimes_that_rewrite_graphs():
    x = gd.input("x", (2, 1))
    y = gd.trapezoid(x)
    compare({"x": x}, {"y": y, "g": gd.grad(gd.sum(y * y), x)}, {"x": floats(2, 1)}, 21)


def test_a_stable_form_is_not_hidden_in_an_operator():
    x = gd.input("x", (3,))
    feeds = {"x": np.array([0, -200, 300], np.float32)}
    compare({"x": x}, {"y": gd.log(gd.nn.softmax(x))}, feeds, 21, ("reference", "runtime", "read"))


@pytest.mark.parametrize("cell, gates", [("lstm", 4), ("gru", 3), ("rnn", 1)])
@pytest.mark.parametrize("both", [False, True])
def test_recurrent_layers_have_their_names(cell, gates, both, tmp_path):
    x, lengths = gd.input("x", ("t", "batch", 5)), gd.input("lengths", ("batch",), "int64")
    weights = []
    for i in range(2 if both else 1):
        shapes = ((gates * 4, 5), (gates * 4, 4), (gates * 4,), (gates * 4,))
        weights += [parameter(f"{i}.{k}", *s) for k, s in enumerate(shapes)]
    y, state = getattr(gd.nn, cell)(x, None, weights, bidirectional=both, lengths=lengths)
    inputs, outputs = {"x": x, "lengths": lengths}, {"y": y, "h": state[0] if cell == "lstm" else state}
    feeds = {"x": floats(6, 3, 5), "lengths": np.array([6, 2, 4])}
    compare(inputs, outputs, feeds, 21, ("runtime", "read"))
    save(tmp_path / "m.onnx", inputs, outputs)
    assert operators(tmp_path / "m.onnx").count(cell.upper()) == 1
    m = gd.interop.onnx.load(tmp_path / "m.onnx")
    save(tmp_path / "again.onnx", m.inputs, m.outputs)
    assert operators(tmp_path / "again.onnx").count(cell.upper()) == 1


def test_what_was_read_is_written_as_it_was(tmp_path):
    nodes = [
        node("LayerNormalization", "x s b", "n", axis=1),
        (("Resize", ["n", "", "k"], ["r"]), {"mode": "linear", "coordinate_transformation_mode": "asymmetric"}),
        node("HardSigmoid", "r", "h", alpha=0.3),
        node("TopK", "h two", "v i", axis=2),
    ]
    arrays = {"s": floats(2, 4), "b": floats(2, 4), "k": np.array([1, 2, 1], "f"), "two": np.array([2])}
    proto = model(nodes, {"x": (FLOAT, ["n", 2, 4])}, {"v": (FLOAT, None), "i": (INT64, None)}, arrays)
    m = gd.interop.onnx.load(proto)
    save(tmp_path / "m.onnx", m.inputs, m.outputs)
    assert operators(tmp_path / "m.onnx") == ["LayerNormalization", "Resize", "HardSigmoid", "TopK"]
    a = floats(3, 2, 4)
    for got, want in zip(session(tmp_path / "m.onnx").run(None, {"x": a}), compiled(m)(a).values()):
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


# ------------------------------------------------------------------ loops, branches, derivatives
def test_loops_and_branches_to_second_order():
    a, c = gd.input("a", ()), gd.input("c", ("n",))
    root = gd.while_loop(lambda x: gd.abs(x * x - a) > 1e-6, lambda x: 0.5 * (x + a / x), a, 50)
    first = gd.grad(root, a)
    outputs = {"y": root, "g": first, "h": gd.grad(first, a)}
    compare({"a": a}, outputs, {"a": np.array(2, np.float32)}, 21, ("reference", "runtime"))
    chosen = gd.cond(gd.sum(c) > 0, gd.sin, gd.square, c)
    for sign in (1, -1):
        outputs = {"y": chosen, "g": gd.grad(gd.sum(chosen), c)}
        compare({"c": c}, outputs, {"c": sign * np.ones(4, np.float32)}, 21)
    for reverse in (False, True):
        h, ys = gd.scan(lambda h, x: (h * x + 1.0, gd.tanh(h)), gd.zeros(()), c, reverse=reverse)
        g = gd.grad(h + gd.sum(ys), c)
        compare({"c": c}, {"h": h, "ys": ys, "g": g, "gg": gd.grad(gd.sum(g * g), c)}, {"c": floats(5)}, 21)
    h, ys = gd.scan(lambda h, _: (h * 1.5, h), c, None, length=4)
    compare({"c": c}, {"h": h, "ys": ys, "g": gd.grad(gd.sum(ys), c)}, {"c": floats(5)}, 21)


def test_the_gradient_of_a_network_by_its_input_and_weights():
    x, y = network()
    t = gd.input("t", ("n",), "int64")
    loss = gd.nn.nll(gd.log(y), t)
    weights = list(gd.inspect.whole_graph(loss).parameters)
    weights = [w for w in weights if w.node.op.name == "parameter"]
    grads = gd.grad(loss, [x, *weights])
    outputs = {"loss": loss} | {f"g{i}": g for i, g in enumerate(grads)}
    compare({"x": x, "t": t}, outputs, {"x": floats(3, 4, 8, 8), "t": np.array([0, 2, 1])}, 17, ("runtime", "read"))


@pytest.mark.parametrize("opset", [7, 21])
def test_updates_are_outputs_and_what_they_move_is_fed_or_as_it_is(opset, tmp_path):
    x, w = gd.input("x", ("n", 3)), parameter("w", 3)
    loss = gd.mean((x @ w) ** 2)
    step = gd.compile(x, {"loss": loss}, updates=gd.optim.SGD(0.1).updates([w], gd.grad(loss, [w])))
    save(tmp_path / "step.onnx", step, opset=opset)
    m = onnx.load(tmp_path / "step.onnx")
    assert [v.name for v in m.graph.input] == ["x", "w"] and [v.name for v in m.graph.output] == ["loss", "new_w"]
    run, a, now = session(tmp_path / "step.onnx"), floats(4, 3), {}
    for _ in range(3):
        got = run.run(None, {"x": a} | now)
        assert abs(step(a)["loss"] - got[0]) < 1e-5
        now = {"w": got[1]}
        np.testing.assert_allclose(w.value, got[1], rtol=1e-5)


def test_the_gradient_of_a_loop_that_stops_keeps_the_steps_that_ran(tmp_path):
    """Nothing is as long as the most steps that there might have been."""
    x = gd.input("x", (3,), "float32")
    y = gd.while_loop(lambda v: gd.max(v) < 50, lambda v: v * v + 1, x, 1000)
    outputs = {"y": y, "g": gd.grad(gd.sum(y), x)}
    compare({"x": x}, outputs, {"x": np.float32([0.5, 1, 2])}, 21, ("reference", "runtime"))
    save(tmp_path / "m.onnx", {"x": x}, outputs)
    assert "Concat" not in {n.op_type for n in onnx.load(tmp_path / "m.onnx").graph.node}


def test_an_input_and_a_weight_may_be_outputs_under_their_names(tmp_path):
    x, w = gd.input("x", ("n", 3)), parameter("w", 3)
    save(tmp_path / "m.onnx", {"x": x}, {"x": x, "w": w, "y": x * w})
    m, a = gd.interop.onnx.load(tmp_path / "m.onnx"), floats(2, 3)
    assert [*m.inputs] == ["x"] and [*m.outputs] == ["x", "w", "y"] and [*m.parameters] == ["w"]
    for found in (session(tmp_path / "m.onnx").run(None, {"x": a}), gd.compile([*m.inputs.values()], m.outputs)(a)):
        for got, want in zip(found.values() if isinstance(found, dict) else found, (a, w.value, a * w.value)):
            np.testing.assert_allclose(got, want, rtol=1e-6)


def test_a_window_that_begins_in_the_padding_is_none_whatever_the_package_infers():
    """AveragePool of opset 19 rounds up to windows that begin beyond the end, in what the package onnx infers."""
    x = gd.input("x", (1, 2, 5, 6))
    for f in (gd.nn.avg_pool2d, gd.nn.max_pool2d):
        y = f(x, (3, 2), 2, ((1, 1), (0, 1)), ceil_mode=True)
        compare({"x": x}, {"y": y}, {"x": floats(1, 2, 5, 6)}, 21, ("runtime", "read"))


# ------------------------------------------------------------------ what is refused, and files
def test_all_that_onnx_has_not_is_told_and_no_file_left(tmp_path):
    x = gd.input("x", (3, 3))
    body = gd.cond(gd.sum(x) > 0, lambda a: gd.linalg.cholesky(a), lambda a: a, x)
    with pytest.raises(gd.UnsupportedOperator) as e:
        save(tmp_path / "m.onnx", x, [gd.linalg.eigh(x)[0], body, gd.linalg.eigh(x @ x)[1]])
    assert e.value.counts == {"linalg.eigh": 2, "linalg.cholesky": 1}
    assert "operations that ONNX of opset 21 has not: linalg.eigh (2)" in str(e.value)
    with pytest.raises(gd.UnsupportedOperator, match="bitwise_and"):
        n = gd.input("n", (3,), "int64")
        save(tmp_path / "m.onnx", n, n & 3, opset=17)
    assert not list(tmp_path.iterdir())


def test_arguments_that_make_no_model(tmp_path):
    x, w = gd.input("x", (3,)), parameter("w", 3)
    path = tmp_path / "m.onnx"
    for fact, args, more in (
        ("opset is a number from 7", (x, x * 2), {"opset": 6}),
        ("opset is a number from 7", (x, x * 2), {"opset": 999}),
        ("there are no outputs", (x, []), {}),
        ("inputs are made by gd.input", (w, w * 2), {}),
        ("'x' is an input and an output", ({"x": x}, {"x": x * 2}), {}),
        ("'w' is a parameter's name", ({"w": x}, {"y": x * w}), {}),
        ("is used but not listed", ([], {"y": x * w}), {}),
        ("outputs are Tensors, got None", (x, None), {}),
        ("has its own outputs", (gd.compile(x, x * 2), x), {}),
    ):
        with pytest.raises(gd.GraphError, match=fact):
            save(path, *args, **more)
    assert not list(tmp_path.iterdir())


def test_what_was_there_stays_where_a_model_cannot_be_written(tmp_path):
    x = gd.input("x", (3, 3))
    path = tmp_path / "m.onnx"
    path.write_bytes(b"before")
    with pytest.raises(gd.UnsupportedOperator):
        save(path, x, gd.linalg.qr(x)[0])
    with pytest.raises(OSError):
        save(tmp_path / "no folder" / "m.onnx", x, x @ x)
    assert path.read_bytes() == b"before"


def test_large_arrays_lie_beside_the_model(tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.import_module("graphdiff.interop.onnx.save"), "LARGEST", 5000)
    x, w, b = gd.input("x", ("n", 30)), parameter("w", 30, 50), parameter("b", 50)
    save(tmp_path / "m.onnx", x, x @ w + b)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["m.onnx", "m.onnx.data"]
    assert (tmp_path / "m.onnx").stat().st_size < 3000
    onnx.checker.check_model(str(tmp_path / "m.onnx"), full_check=True)
    a = floats(2, 30)
    np.testing.assert_allclose(session(tmp_path / "m.onnx").run(None, {"x": a})[0], a @ w.value + b.value, rtol=1e-4)
    assert np.array_equal(gd.interop.onnx.load(tmp_path / "m.onnx").parameters["w"].value, w.value)
