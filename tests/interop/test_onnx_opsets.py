"""What operators of older opsets mean where newer ones differ: attributes that became operands, other defaults."""

import numpy as np
import onnxruntime
import pytest
from onnx import helper
from onnx_models import FLOAT, INT64, compiled, model, node

import graphdiff as gd

X = np.random.default_rng(0).normal(size=(2, 3, 4)).astype("f")
IMAGE = np.random.default_rng(1).normal(size=(1, 2, 4, 4)).astype("f")


def softmax(x, axis):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def top(x, k):
    order = np.argsort(-x, axis=-1, kind="stable")[..., :k]
    return np.take_along_axis(x, order, -1)


CASES = [
    (7, node("Softmax", "x", "y"), X, softmax(X.reshape(2, 12), 1).reshape(X.shape)),
    (12, node("Softmax", "x", "y", axis=2), X, softmax(X.reshape(6, 4), 1).reshape(X.shape)),
    (13, node("Softmax", "x", "y"), X, softmax(X, -1)),
    (11, node("LogSoftmax", "x", "y", axis=0), X, np.log(softmax(X.reshape(1, 24), 1)).reshape(X.shape)),
    (7, node("Clip", "x", "y", min=-0.5, max=0.25), X, np.clip(X, -0.5, 0.25)),
    (7, node("Clip", "x", "y", max=0.25), X, np.minimum(X, 0.25)),
    (7, node("Dropout", "x", "y", ratio=0.9), X, X),
    (7, node("Unsqueeze", "x", "y", axes=[0, 3]), X, X.reshape(1, 2, 3, 1, 4)),
    (11, node("Squeeze", "x", "y", axes=[-4]), X[None], X),
    (7, node("ReduceSum", "x", "y", axes=[1], keepdims=0), X, X.sum(1)),
    (12, node("ReduceSum", "x", "y"), X, X.sum(keepdims=True)),
    (17, node("ReduceMax", "x", "y", axes=[0, -1]), X, X.max((0, 2), keepdims=True)),
    (7, node("Slice", "x", "y", starts=[1, -3], ends=[2**31 - 1, -1], axes=[1, 2]), X, X[:, 1:, -3:-1]),
    (
        7,
        node("Pad", "x", "y", pads=[0, 1, 0, 0, 0, 2], value=1.5),
        X,
        np.pad(X, [(0, 0), (1, 0), (0, 2)], constant_values=1.5),
    ),
    (7, node("Pad", "x", "y", pads=[0, -1, 0, 0, 0, 0], mode="edge"), X, X[:, 1:]),
    (7, node("Split", "x", "y z", axis=2, split=[1, 3]), X, X[..., :1]),
    (12, node("Split", "x", "y z", axis=2), X, X[..., :2]),
    (18, node("Split", "x", "y z", axis=1, num_outputs=2), X, X[:, :2]),
    (7, node("TopK", "x", "y i", k=2), X, top(X, 2)),
    (7, node("Upsample", "x", "y", scales=[1.0, 1.0, 2.0, 3.0]), IMAGE, IMAGE.repeat(2, 2).repeat(3, 3)),
    (7, node("Flatten", "x", "y", axis=2), X, X.reshape(6, 4)),
    (11, node("Flatten", "x", "y", axis=-1), X, X.reshape(6, 4)),
    (
        7,
        node("MaxPool", "x", "y", kernel_shape=[2, 2], strides=[2, 2]),
        IMAGE,
        IMAGE.reshape(1, 2, 2, 2, 2, 2).max((3, 5)),
    ),
    (7, node("Gemm", "x x", "y", transB=1, alpha=0.5), X[0], 0.5 * X[0] @ X[0].T),
    (12, node("Hardmax", "x", "y"), X[0], np.eye(4, dtype="f")[X[0].argmax(1)]),
    (12, node("Celu", "x", "y", alpha=2.0), X, np.maximum(X, 0) + np.minimum(0, 2 * np.expm1(X / 2))),
]


@pytest.mark.parametrize(
    ("opset", "made", "x", "want"), CASES, ids=[f"{n[0][0]}-{o}-{i}" for i, (o, n, *_) in enumerate(CASES)]
)
def test_an_operator_of_an_opset(opset, made, x, want):
    """Read with the first size named too: it means the same."""
    (op, inputs, outputs), attrs = made
    types = {name: (INT64 if name == "i" else FLOAT, None) for name in outputs}
    for first in (x.shape[0], "n"):
        proto = model([((op, inputs, outputs), attrs)], {"x": (FLOAT, [first, *x.shape[1:]])}, types, opset=opset)
        got = compiled(gd.interop.onnx.load(proto))(x)["y"]
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


def test_the_nearest_of_opsets_that_had_rules_of_their_own():
    """Of opset 10 that after a place where an axis shrinks, that before where it grows; of opset 11 with a coordinate
    mode of its own."""
    x = np.arange(8, dtype="f").reshape(1, 1, 1, 8)
    half = {"coordinate_transformation_mode": "tf_half_pixel_for_nn", "nearest_mode": "floor"}
    for opset, operands, how, scale, want in (
        (10, "x s", {}, 0.6, [0, 2, 4, 5]),
        (10, "x s", {}, 1.5, [0, 0, 1, 2, 2, 3, 4, 4, 5, 6, 6, 7]),
        (11, "x roi s", half, 0.6, [0, 2, 4, 5]),
        (11, "x roi s", half, 0.5, [1, 3, 5, 7]),
    ):
        arrays = {"s": np.float32([1, 1, 1, scale])} | ({"roi": np.zeros(0, "f")} if "roi" in operands else {})
        proto = model(
            [node("Resize", operands, "y", **how)], {"x": (FLOAT, x.shape)}, {"y": (FLOAT, None)}, arrays, opset
        )
        assert compiled(gd.interop.onnx.load(proto))(x)["y"].ravel().tolist() == want


def test_a_scale_and_a_bias_by_group_before_opset_21_and_by_channel_since():
    x, scale, bias = np.random.default_rng(0).normal(size=(2, 4, 3)), np.float64([2, 3]), np.float64([1, -1])
    g = x.reshape(2, 2, 6)
    normal = ((g - g.mean(2, keepdims=True)) / np.sqrt(g.var(2, keepdims=True) + 1e-5)).reshape(x.shape)
    for opset, by in ((18, 1), (21, 2)):
        arrays = {"s": scale.repeat(by), "b": bias.repeat(by)}
        proto = model(
            [node("GroupNormalization", "x s b", "y", num_groups=2)],
            {"x": (11, ["n", 4, 3])},
            {"y": (11, None)},
            arrays,
            opset,
        )
        want = normal * scale.repeat(2)[:, None] + bias.repeat(2)[:, None]
        np.testing.assert_allclose(compiled(gd.interop.onnx.load(proto))(x)["y"], want, rtol=1e-7)


def test_a_scan_of_opset_8_is_over_batches():
    body = helper.make_graph(
        [helper.make_node("Add", ["s", "r"], ["s2"]), helper.make_node("Identity", ["s2"], ["q"])],
        "body",
        [helper.make_tensor_value_info(n, FLOAT, None) for n in "sr"],
        [helper.make_tensor_value_info(n, FLOAT, None) for n in ("s2", "q")],
    )
    proto = model(
        [(("Scan", ["", "x", "rows"], ["y", "ys"]), {"body": body, "num_scan_inputs": 1})],
        {"x": (FLOAT, ["n", 2]), "rows": (FLOAT, ["n", 3, 2])},
        {"y": (FLOAT, None), "ys": (FLOAT, None)},
        opset=8,
    )
    x, rows = np.ones((2, 2), "f"), np.random.default_rng(0).normal(size=(2, 3, 2)).astype("f")
    found = compiled(gd.interop.onnx.load(proto))(x, rows)
    np.testing.assert_allclose(found["ys"], 1 + np.cumsum(rows, axis=1), rtol=1e-5)
    np.testing.assert_allclose(found["y"], 1 + rows.sum(1), rtol=1e-5)


@pytest.mark.parametrize("back", [0, 1])
def test_a_scan_of_opset_8_with_lengths(back):
    """An example's state stays after its last step, and its rows are zeros, as in ONNX Runtime."""
    body = helper.make_graph(
        [helper.make_node("Add", ["s", "r"], ["s2"]), helper.make_node("Identity", ["r"], ["q"])],
        "body",
        [helper.make_tensor_value_info(n, FLOAT, [1]) for n in "sr"],
        [helper.make_tensor_value_info(n, FLOAT, [1]) for n in ("s2", "q")],
    )
    proto = model(
        [(("Scan", ["lengths", "x", "rows"], ["y", "ys"]), {"body": body, "num_scan_inputs": 1, "directions": [back]})],
        {"lengths": (INT64, ["n"]), "x": (FLOAT, ["n", 1]), "rows": (FLOAT, ["n", 3, 1])},
        {"y": (FLOAT, None), "ys": (FLOAT, None)},
        opset=8,
    )
    lengths, x, rows = np.array([2, 3, 1]), np.ones((3, 1), "f"), np.arange(1, 10, dtype="f").reshape(3, 3, 1)
    m = gd.interop.onnx.load(proto)
    loss = gd.sum(m.outputs["y"] ** 2) + gd.sum(m.outputs["ys"] ** 2)
    y, ys, slope = gd.compile([*m.inputs.values()], [*m.outputs.values(), gd.grad(loss, m.inputs["rows"])])(
        lengths, x, rows
    )
    runtime = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    for got, want in zip((y, ys), runtime.run(None, {"lengths": lengths, "x": x, "rows": rows})):
        np.testing.assert_allclose(got, want)
    np.testing.assert_allclose(slope.ravel(), [10, 12, 0, 40, 42, 44, 30, 0, 0])
