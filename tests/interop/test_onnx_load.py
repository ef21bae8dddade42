"""Models of ONNX read as graphs: which leaves they get and how they are called, and what is told of them."""

import fnmatch

import numpy as np
import pytest
from onnx_models import FLOAT, INT64, compiled, expected, model, node

import graphdiff as gd


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def network(rng, batch="batch"):
    arrays = {
        "w": rng.normal(size=(4, 3, 3, 3)).astype("f"),
        "b": rng.normal(size=4).astype("f"),
        "scale": rng.uniform(0.5, 1, 4).astype("f"),
        "shift": rng.normal(size=4).astype("f"),
        "mean": rng.normal(size=4).astype("f"),
        "var": rng.uniform(0.5, 1, 4).astype("f"),
        "eps": np.float32(0.25),
        "zero": np.int64(0),
        "front": np.array([0]),
        "rest": np.array([-1]),
    }
    nodes = [
        node("Conv", "x w b", "c", pads=[1, 1, 1, 1]),
        node("BatchNormalization", "c scale shift mean var", "n"),
        node("Relu", "n", "r"),
        node("Shape", "r", "sizes"),
        node("Gather", "sizes zero", "count"),
        node("Unsqueeze", "count front", "counts"),
        node("Concat", "counts rest", "flat", axis=0),
        node("Reshape", "r flat", "f"),
        node("Add", "f eps", "y"),
    ]
    return model(nodes, {"x": (FLOAT, [batch, 3, 8, 8])}, {"y": (FLOAT, None)}, arrays)


def test_a_network_has_its_leaves_by_their_names_and_serves_every_batch(rng):
    proto = network(rng)
    before = proto.SerializeToString()
    m = gd.interop.onnx.load(proto)
    assert proto.SerializeToString() == before
    assert list(m.inputs) == ["x"] and list(m.outputs) == ["y"]
    assert list(m.parameters) == ["w", "b", "scale", "shift"] and list(m.states) == ["mean", "var"]
    assert m.inputs["x"].shape == ("batch", 3, 8, 8) and m.outputs["y"].shape == ("batch", 256)
    f = compiled(m)
    for n in (1, 3):
        x = rng.normal(size=(n, 3, 8, 8)).astype("f")
        np.testing.assert_allclose(f(x)["y"], expected(proto, x=x)[0], rtol=1e-4, atol=1e-5)
    assert "1 parameters" not in repr(m) and "4 parameters, 2 states" in repr(m)


@pytest.mark.parametrize(
    ("trainable", "found"),
    [(False, []), ("w", ["w"]), (["s*", "eps"], ["scale", "shift", "eps"]), (True, ["w", "b", "scale", "shift"])],
)
def test_what_is_trained_can_be_told(rng, trainable, found):
    assert list(gd.interop.onnx.load(network(rng), trainable).parameters) == found


def test_a_pattern_that_fits_nothing_is_told(rng):
    with pytest.raises(gd.GraphError, match="'scales' fits no float array of the model; did you mean 'scale'"):
        gd.interop.onnx.load(network(rng), ["scales"])


def test_paths_bytes_and_messages_give_the_same(rng, tmp_path):
    proto = network(rng)
    path = tmp_path / "model.onnx"
    path.write_bytes(proto.SerializeToString())
    x = rng.normal(size=(2, 3, 8, 8)).astype("f")
    results = [compiled(gd.interop.onnx.load(m))(x)["y"] for m in (path, str(path), path.read_bytes(), proto)]
    assert all(np.array_equal(results[0], r) for r in results)


def test_all_operators_without_a_rule_are_told_at_once_with_counts():
    nodes = [
        node("NonMaxSuppression", "x", "a"),
        node("Mystery", "a", "b", domain="my.own"),
        node("Mystery", "b", "c", domain="my.own"),
        node("Relu", "c", "y"),
    ]
    proto = model(nodes, {"x": (FLOAT, [2])}, {"y": (FLOAT, [2])}, domains={"my.own": 1})
    with pytest.raises(gd.UnsupportedOperator) as e:
        gd.interop.onnx.load(proto)
    assert e.value.counts == {"my.own.Mystery": 2, "NonMaxSuppression": 1}
    assert isinstance(e.value, gd.GraphError) and "my.own.Mystery (2), NonMaxSuppression (1)" in str(e.value)
    assert fnmatch.fnmatch(str(e.value).splitlines()[-1], "  at: test_onnx_load.py:*")


def test_floats_are_converted_where_asked(rng):
    m = gd.interop.onnx.load(network(rng), dtype="float64")
    leaves = [*m.inputs.values(), *m.parameters.values(), *m.states.values(), *m.outputs.values()]
    assert {x.dtype.name for x in leaves} == {"float64"}
    half = model([node("Mul", "x w", "y")], {"x": (10, [2])}, {"y": (10, [2])}, {"w": np.ones(2, np.float16)})
    with pytest.raises(gd.DTypeError, match=r"'x' is float16.*dtype='float32'"):
        gd.interop.onnx.load(half)
    assert compiled(gd.interop.onnx.load(half, dtype="float32"))(np.float32([1, 2]))["y"].dtype == np.float32


def test_the_package_is_not_imported_before_a_model_is_read(run, tmp_path):
    code = (
        "import sys, graphdiff as gd; gd.interop.onnx.load; print(any(m.split('.')[0] == 'onnx' for m in sys.modules))"
    )
    failed, out, err = run(tmp_path, "-c", code)
    assert not failed and out.strip() == "False", err


def test_an_input_that_decides_a_shape_is_told_and_can_be_given(rng):
    proto = model(
        [node("Reshape", "x shape", "y")], {"x": (FLOAT, ["n", 6]), "shape": (INT64, [2])}, {"y": (FLOAT, None)}
    )
    with pytest.raises(
        gd.ShapeError,
        match=r"the node Reshape of 'y': the shape \('shape'\) is made of 'shape'.*write "
        r"constants=\{'shape': \.\.\.\}",
    ):
        gd.interop.onnx.load(proto)
    m = gd.interop.onnx.load(proto, constants={"shape": [-1, 3]})
    assert list(m.inputs) == ["x"] and m.outputs["y"].shape == ("2*n", 3)
    x = rng.normal(size=(2, 6)).astype("f")
    assert np.array_equal(compiled(m)(x)["y"], x.reshape(4, 3))
