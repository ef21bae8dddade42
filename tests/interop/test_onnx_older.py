"""Graphs written for opsets before 13: attributes that became operands, operators that came later in pieces, and what
an opset cannot say refused by its name."""

import numpy as np
import onnx
import pytest
from onnx_written import case_of, compare, samples

import graphdiff as gd

save = gd.interop.onnx.save
RNG = np.random.default_rng(0)
# Of each what changed before opset 13: where operands were attributes, what there was not, what meant something else
CHANGED = """
    squeeze expand_dims split sum mean slice pad clip topk sort nn.softmax nn.log_softmax max_pool2d nn.avg_pool2d
    nn.interpolate broadcast_to where maximum minimum equal less less_equal greater_equal isnan isinf sign round
    remainder sinh cosh asinh acosh atanh erf erfc take_along_axis take cumsum one_hot einsum arange diagonal
    nn.layer_norm nn.gelu nn.scaled_dot_product_attention scatter_add conv2d matmul argmax
""".split()
OPSETS = (7, 8, 9, 10, 11, 12)


@pytest.mark.parametrize("name", CHANGED)
def test_an_operation_is_written_for_opsets_before_13(name):
    """Each opset another sample, so that all are tried of those with few."""
    cases, tried = samples(name), 0
    for i, opset in enumerate(OPSETS):
        inputs, outputs, feeds = case_of(name, cases[i % len(cases)], "float32", False, False)
        try:
            compare(inputs, outputs, feeds, opset)
            tried += 1
        except gd.UnsupportedOperator as e:
            assert opset < 12 and set(e.counts) <= {"TopK", "MatMul", "Mod", "Max", "Min"}, e
    assert tried


@pytest.mark.parametrize("opset", [7, 9, 11])
@pytest.mark.parametrize("name", ["max_pool2d", "nn.layer_norm", "nn.cross_entropy", "take", "where", "cumprod", "pad"])
def test_a_gradient_is_written_for_opsets_before_13(name, opset):
    cases = samples(name)
    inputs, outputs, feeds = case_of(name, cases[len(cases) // 2], "float32", True, False)
    try:
        compare(inputs, outputs, feeds, opset, ("runtime", "read"))
    except gd.UnsupportedOperator as e:
        assert name == "max_pool2d" and opset == 7 and set(e.counts) == {"MaxPool with 2 results", "Mod"}, e


@pytest.mark.parametrize("opset", [7, 9, 10])
def test_pools_that_round_up(opset):
    x = gd.input("x", (2, 3, 7))
    y = gd.nn.max_pool1d(x, 2, 2, ceil_mode=True) + gd.nn.avg_pool1d(x, 2, 2, ceil_mode=True)
    compare({"x": x}, {"y": y}, {"x": RNG.normal(size=(2, 3, 7)).astype("f")}, opset)


@pytest.mark.parametrize("opset", [7, 8, 10, 12])
def test_sizes_with_names_need_no_younger_operators(opset):
    x = gd.input("x", ("n", "2*m", 3))
    halves = gd.reshape(x, ("n", 2, "m", 3))
    tail = x[:, 1:]
    outputs = {
        "halves": gd.sum(halves, axis=1),
        "tail": gd.flip(gd.cumsum(tail, axis=1), axis=1),
        "grid": gd.broadcast_to(gd.mean(x, axis=(1, 2), keepdims=True), x.shape),
        "slope": gd.grad(gd.sum(halves[:, 0] * halves[:, 1]), x),
    }
    compare({"x": x}, outputs, {"x": RNG.normal(size=(2, 6, 3)).astype("f")}, opset, ("runtime", "read"))


@pytest.mark.parametrize("opset", [7, 8, 9, 12])
def test_loops_and_branches(opset):
    c = gd.input("c", ("n",))
    last, rows = gd.scan(lambda h, x: (h * x + 1.0, gd.tanh(h)), gd.zeros(()), c, reverse=True)
    root = gd.while_loop(lambda v: gd.max(v) < 50, lambda v: v * v + 1, c, 100)
    branch = gd.cond(gd.sum(c) > 0, gd.sin, gd.square, c)
    outputs = {"last": last, "rows": rows, "root": root, "branch": branch}
    outputs |= {"slopes": gd.grad(gd.sum(rows), c), "of_root": gd.grad(gd.sum(root), c)}
    compare({"c": c}, outputs, {"c": np.float32([0.5, 1, -0.3])}, opset, ("runtime",))


def test_weights_are_inputs_too_where_the_format_wants_them(tmp_path):
    x, w = gd.input("x", ("n", 4)), gd.parameter("w", value=RNG.normal(size=(4, 2)).astype("f"))
    for opset, listed in ((8, ["x", "w"]), (9, ["x"])):
        save(tmp_path / "m.onnx", x, gd.tanh(x @ w), opset=opset)
        proto = onnx.load(tmp_path / "m.onnx")
        assert [v.name for v in proto.graph.input] == listed and proto.ir_version == (3 if opset == 8 else 4)
        assert [*gd.interop.onnx.load(tmp_path / "m.onnx").parameters] == ["w"]


@pytest.mark.parametrize(
    "opset, made, names",
    [
        (11, lambda x, n: gd.pow(n, n), "Pow"),
        (9, lambda x, n: gd.remainder(x, 0.3), "Mod"),
        (8, lambda x, n: n @ gd.reshape(n, (3, 1)), "MatMul"),
        (10, lambda x, n: gd.sort(n), "TopK"),
        (10, lambda x, n: gd.linalg.det(gd.stack([x, x, x])), "Det"),
    ],
)
def test_what_an_opset_has_not_is_told_by_its_name(tmp_path, opset, made, names):
    x, n = gd.input("x", (3,)), gd.input("n", (3,), "int64")
    y = made(x, n)
    given = {v.name: v for v in gd.inspect.whole_graph(y).inputs}
    with pytest.raises(gd.UnsupportedOperator, match=rf"ONNX of opset {opset} has not: {names}"):
        save(tmp_path / "m.onnx", given, {"y": y}, opset=opset)
    save(tmp_path / "m.onnx", given, {"y": y}, opset=13)


def test_a_model_of_an_old_opset_is_written_in_it_again(tmp_path):
    from onnx_models import FLOAT, INT64, model, node

    nodes = [
        node("Softmax", "x", "s", axis=1),
        node("Unsqueeze", "s", "u", axes=[0]),
        node("Squeeze", "u", "q", axes=[0]),
        node("TopK", "q", "v i", k=2),
        node("Upsample", "v", "y", scales=[1.0, 2.0, 1.0]),
    ]
    proto = model(nodes, {"x": (FLOAT, ["n", 3, 4])}, {"y": (FLOAT, None), "i": (INT64, None)}, opset=8)
    m = gd.interop.onnx.load(proto)
    save(tmp_path / "m.onnx", m.inputs, m.outputs, opset=8)
    again = onnx.load(tmp_path / "m.onnx")
    assert [n.op_type for n in again.graph.node] == [n.op_type for n in proto.graph.node]
    x = RNG.normal(size=(2, 3, 4)).astype("f")
    for opset in (8, 12, 21):
        compare(m.inputs, m.outputs, {"x": x}, opset, ("runtime", "read"))
