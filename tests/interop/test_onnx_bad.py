"""What is told of models that are broken, contradict themselves or ask for what graphdiff has not: one clear error with
the node's name, and nothing read that lies outside of the model's folder."""

import os
from collections import Counter

import numpy as np
import onnx
import pytest
from fuzz_onnx import GOOD, at_random, attacks, read_all
from onnx import TensorProto, external_data_helper, helper
from onnx_models import FLOAT, INT64, compiled, model, node

import graphdiff as gd

load = gd.interop.onnx.load


def good():
    arrays = {"w": np.ones((3, 2), np.float32)}
    return model([node("MatMul", "x w", "y", name="product")], {"x": (FLOAT, ["n", 3])}, {"y": (FLOAT, None)}, arrays)


@pytest.mark.parametrize(
    "data", [b"", b"\x00" * 40, b"\x08\x07\x12\x05hello", bytes(range(256)) * 4, b"{}", b"PK\x03\x04"]
)
def test_what_is_no_model(data, tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(data)
    for source in (data, path):
        with pytest.raises(gd.GraphError, match=r"is no ONNX model"):
            load(source)


def test_a_truncated_file_at_any_length():
    data = good().SerializeToString()
    for k in range(len(data)):
        try:
            load(data[:k])
        except gd.GraphdiffError as e:
            assert str(e)


def test_random_changes_of_a_file_are_told_or_harmless():
    data, rng = good().SerializeToString(), np.random.default_rng(0)
    for _ in range(400):
        changed = bytearray(data)
        for at in rng.integers(0, len(data), 3):
            changed[at] = rng.integers(0, 256)
        try:
            load(bytes(changed))
        except (gd.GraphdiffError, OSError) as e:
            assert str(e)


def test_other_objects_and_missing_files(tmp_path):
    with pytest.raises(gd.GraphError, match=r"a path, bytes or an onnx.ModelProto, got list"):
        load([1, 2])
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "none.onnx")


def test_a_cycle_and_a_name_that_nothing_gives():
    proto = model(
        [node("Add", "x b", "a", name="first"), node("Relu", "a", "b", name="second")],
        {"x": (FLOAT, [2])},
        {"b": (FLOAT, [2])},
    )
    with pytest.raises(gd.GraphError, match=r"node 'first' \(Add\) depends on its own result: the model has a cycle"):
        load(proto)
    proto = model([node("Relu", "z", "y", name="act")], {"x": (FLOAT, [2])}, {"y": (FLOAT, [2])})
    with pytest.raises(gd.GraphError, match=r"node 'act' \(Relu\) uses 'z', which is no input, no initializer"):
        load(proto)


def test_a_name_that_two_nodes_give():
    proto = model([node("Relu", "x", "y"), node("Neg", "x", "y")], {"x": (FLOAT, [2])}, {"y": (FLOAT, [2])})
    with pytest.raises(gd.GraphError, match="the node Neg of 'y' gives 'y', which another node"):
        gd.interop.onnx.load(proto)


def test_nodes_that_are_not_in_order_are_put_so():
    proto = model([node("Relu", "a", "y"), node("Neg", "x", "a")], {"x": (FLOAT, [4])}, {"y": (FLOAT, [4])})
    x = np.float32([1, -2, 3, -4])
    assert np.array_equal(compiled(load(proto))(x)["y"], np.maximum(-x, 0))


def test_types_and_shapes_that_disagree_name_the_node():
    proto = model(
        [node("Add", "x k", "y", name="sum")], {"x": (FLOAT, ["n", 3]), "k": (INT64, [3])}, {"y": (FLOAT, None)}
    )
    with pytest.raises(gd.DTypeError, match=r"node 'sum' \(Add\): add"):
        load(proto)
    proto = good()
    proto.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 4
    with pytest.raises(
        gd.ShapeError,
        match=r"(?s)node 'product' \(MatMul\): matmul.*shapes=\{\.\.\.\} of load.*'n', 4.*at: test_onnx_bad",
    ):
        load(proto)


def test_operands_that_are_missing_and_attributes_of_other_kinds():
    proto = model([node("MatMul", "x", "y", name="half")], {"x": (FLOAT, [2, 2])}, {"y": (FLOAT, None)})
    with pytest.raises(gd.GraphError, match=r"node 'half' \(MatMul\): MatMul has 2 operands, got 1"):
        load(proto)
    proto = model([node("Gemm", "x", "y", name="one")], {"x": (FLOAT, [2, 2])}, {"y": (FLOAT, None)})
    with pytest.raises(gd.GraphError, match=r"operand 1 is left out, which Gemm needs"):
        load(proto)
    proto = model([node("Softmax", "x", "y", name="soft", axis="last")], {"x": (FLOAT, [2, 2])}, {"y": (FLOAT, None)})
    with pytest.raises(
        gd.GraphError, match=r"node 'soft' \(Softmax\): the attribute 'axis' is 'last', and must be int"
    ):
        load(proto)
    proto = model([node("Transpose", "x", "y", name="turn", perm=[0, 5])], {"x": (FLOAT, [2, 2])}, {"y": (FLOAT, None)})
    with pytest.raises(gd.GraphdiffError, match=r"node 'turn'"):
        load(proto)
    proto = model([node("Relu", "x", "y z", name="act")], {"x": (FLOAT, [2])}, {"y": (FLOAT, None), "z": (FLOAT, None)})
    with pytest.raises(gd.GraphError, match=r"node 'act' .*there is no result 1 to be called 'z'"):
        load(proto)


def test_an_attribute_that_an_operator_has_not_is_told():
    for made, opset, told in (
        (
            node("Relu", "x", "y", name="r", alpa=1.0),
            13,
            r"node 'r' \(Relu\): Relu of opset 13 has no attribute 'alpa'",
        ),
        (node("LeakyRelu", "x", "y", alpa=1.0), 13, r"has no attribute 'alpa'; did you mean 'alpha'"),
        (node("Squeeze", "x", "y", axes=[0]), 13, r"Squeeze of opset 13 has no attribute 'axes'"),
        (
            node("MaxPool", "x", "y", kernel_shape=[1], ceil_mode=1),
            9,
            r"MaxPool of opset 9 has no attribute 'ceil_mode'",
        ),
    ):
        proto = model([made], {"x": (FLOAT, [1, 2, 3])}, {"y": (FLOAT, ["a", "b", "c"])}, opset=opset)
        with pytest.raises(gd.GraphError, match=told):
            load(proto)
        with pytest.raises(onnx.checker.ValidationError, match="Unrecognized attribute"):
            onnx.checker.check_model(proto)


def test_a_kernel_whose_size_has_a_name_is_told_with_what_to_write():
    inputs = {"x": (FLOAT, ["n", 2, "h", "w"]), "w": (FLOAT, [3, 2, "k", "k"])}
    for how in ({}, {"kernel_shape": [3, 3]}):
        proto = model([node("Conv", "x w", "y", pads=[1, 1, 1, 1], **how)], inputs, {"y": (FLOAT, None)})
        with pytest.raises(gd.ShapeError, match=r"Conv of 'y': the kernel's size 'k' .* must be a number.*shapes="):
            load(proto)
        m = load(proto, shapes={"w": (3, 2, 3, 3)})
        assert list(map(str, m.outputs["y"].shape)) == ["n", "3", "h", "w"]


def test_an_output_of_another_type_than_the_file_says():
    proto = model([node("Relu", "x", "y")], {"x": (FLOAT, [2])}, {"y": (INT64, [2])})
    with pytest.raises(gd.DTypeError, match=r"the output 'y' is float32, and int64 by the file"):
        load(proto)
    proto.graph.output[0].type.tensor_type.elem_type = FLOAT
    assert load(proto, dtype="float64").outputs["y"].dtype == np.float64


def test_an_output_that_nothing_gives():
    proto = model([node("Relu", "x", "a")], {"x": (FLOAT, [2])}, {"y": (FLOAT, [2])})
    with pytest.raises(gd.GraphError, match=r"the output 'y' is the result of no node"):
        load(proto)


def test_lengths_that_were_only_claimed_allocate_nothing():
    tensor = TensorProto(name="w", data_type=FLOAT, dims=[1 << 40, 1 << 20], raw_data=b"1234")
    proto = good()
    proto.graph.initializer[0].CopyFrom(tensor)
    with pytest.raises(gd.GraphError, match=r"the tensor 'w' has the shape \[1099511627776, 1048576\], .* holds 4"):
        load(proto)
    tensor = TensorProto(name="w", data_type=FLOAT, dims=[3, 2], float_data=[1.0, 2.0])
    proto.graph.initializer[0].CopyFrom(tensor)
    with pytest.raises(gd.GraphError, match=r"which is 6 elements, and holds 2"):
        load(proto)
    proto.graph.initializer[0].CopyFrom(TensorProto(name="w", data_type=FLOAT, dims=[-3, 2], raw_data=b""))
    with pytest.raises(gd.GraphError, match=r"the shape \[-3, 2\], which no array has"):
        load(proto)
    proto = model([node("ConstantOfShape", "s", "y")], {}, {"y": (FLOAT, None)}, {"s": np.array([1 << 40, 1 << 20])})
    with pytest.raises(gd.ShapeError, match="of 1,152,921,504,606,846,976 elements is too large"):
        compiled(load(proto))


# --------------------------------------------------------------------------------------- external data


def external(folder, location, name="model.onnx"):
    proto = good()
    tensor = proto.graph.initializer[0]
    raw = tensor.raw_data
    external_data_helper.set_external_data(tensor, location)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    (folder / name).write_bytes(proto.SerializeToString())
    return folder / name, raw


def test_external_data_is_found_beside_the_model_wherever_one_is(tmp_path, monkeypatch):
    folder = tmp_path / "deep"
    folder.mkdir()
    path, raw = external(folder, "weights.bin")
    (folder / "weights.bin").write_bytes(raw)
    (tmp_path / "weights.bin").write_bytes(b"other bytes than these.")
    monkeypatch.chdir(tmp_path)
    assert np.array_equal(load("deep/model.onnx").parameters["w"].value, np.ones((3, 2)))
    with pytest.raises(
        gd.GraphError, match=r"lies in the file 'weights.bin' beside the model: give load the model's path"
    ):
        load(path.read_bytes())


@pytest.mark.parametrize("location", ["../weights.bin", "/etc/hostname", "sub/../../weights.bin", "link.bin", ""])
def test_external_data_outside_of_the_folder_is_not_read(tmp_path, location):
    folder = tmp_path / "deep"
    folder.mkdir()
    path, raw = external(folder, location)
    (tmp_path / "weights.bin").write_bytes(raw)
    (folder / "link.bin").symlink_to(tmp_path / "weights.bin")
    with pytest.raises(gd.GraphError, match=r"the tensor 'w' lies in .*, which is not in the model's folder"):
        load(path)


@pytest.mark.parametrize("location", [".", "pipe", "round.bin", "x" * 5000, "a\0b", "sub/w.bin"])
def test_external_data_that_is_no_file_is_not_waited_for(tmp_path, location):
    path, _ = external(tmp_path, location, name="m.onnx")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "round.bin").symlink_to(tmp_path / "round.bin")
    with pytest.raises(gd.GraphError, match=r"the tensor 'w' lies in .*, which is (not there|no file)"):
        load(path)


@pytest.mark.parametrize("key, value", [("offset", "-8"), ("offset", "9" * 30), ("length", "-1"), ("length", "x")])
def test_external_data_at_places_that_are_none(tmp_path, key, value):
    path, raw = external(tmp_path, "w.bin")
    (tmp_path / "w.bin").write_bytes(raw)
    proto = onnx.load(path, load_external_data=False)
    entry = proto.graph.initializer[0].external_data.add()
    entry.key, entry.value = key, value
    path.write_bytes(proto.SerializeToString())
    with pytest.raises(gd.GraphError, match=r"the tensor 'w' (is 24 bytes from|has an offset or a length that is no)"):
        load(path)


def test_external_data_that_is_missing_or_too_short(tmp_path):
    path, raw = external(tmp_path, "weights.bin")
    with pytest.raises(gd.GraphError, match=r"the tensor 'w' lies in 'weights.bin', which is not there"):
        load(path)
    (tmp_path / "weights.bin").write_bytes(raw[:-1])
    with pytest.raises(gd.GraphError, match=r"the tensor 'w' is 24 bytes from 0 of 'weights.bin', which has 23 bytes"):
        load(path)


# --------------------------------------------------------------------------------------- versions and kinds


def test_opsets_that_are_too_old_or_newer_than_known():
    proto = good()
    proto.opset_import[0].version = 6
    with pytest.raises(gd.GraphError, match=r"is of opset 6, and 7 is the oldest .*onnx.version_converter"):
        load(proto)
    proto.opset_import[0].version = onnx.defs.onnx_opset_version() + 5
    assert load(proto).outputs["y"].shape == ("n", 2)
    proto.graph.node[0].op_type = "Gemm"
    proto.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 4
    with pytest.raises(
        gd.ShapeError, match=r"the model is of opset .*, newer than .*, the newest known, as which it was read"
    ):
        load(proto)


@pytest.mark.parametrize(
    ("kind", "told"),
    [(TensorProto.STRING, "string"), (TensorProto.UINT8, "uint8"), (TensorProto.COMPLEX64, "complex64")],
)
def test_inputs_of_other_types_are_told(kind, told):
    proto = model([node("Identity", "x", "y")], {"x": (kind, [2])}, {"y": (kind, [2])})
    with pytest.raises(gd.DTypeError, match=f"the input 'x' .*{told}"):
        load(proto)


def test_sequences_are_told():
    value = helper.make_tensor_sequence_value_info("x", FLOAT, [2])
    proto = model([node("Identity", "x", "y")], {}, {"y": (FLOAT, [2])})
    proto.graph.input.append(value)
    with pytest.raises(gd.DTypeError, match=r"the input 'x' is of kind 'sequence'"):
        load(proto)


def test_half_precision_inside_is_told_with_the_node():
    proto = model(
        [node("Cast", "x", "h", to=10, name="halved"), node("Cast", "h", "y", to=1)],
        {"x": (FLOAT, [2])},
        {"y": (FLOAT, [2])},
    )
    with pytest.raises(gd.DTypeError, match=r"node 'halved' \(Cast\): float16 is not among .* dtype='float32'"):
        load(proto)
    x = np.float32([1.5, 2])
    assert np.array_equal(compiled(load(proto, dtype="float32"))(x)["y"], x)


@pytest.mark.parametrize(
    ("given", "error", "told"),
    [
        ({"shapes": {"z": (2,)}}, gd.GraphError, "has no input 'z'.*its inputs are 'x'"),
        ({"shapes": {"x": (2,)}}, gd.ShapeError, "has 1 dimensions, the file 2"),
        ({"shapes": {"x": ("n", 4)}}, gd.ShapeError, "has 4 along axis 1, the file 3"),
        ({"shapes": {"x": ("n", "n*")}}, gd.ShapeError, "shapes\\['x'\\]: 'n\\*' is no size"),
        ({"shapes": {"x": (-2, 3)}}, gd.ShapeError, "shapes\\['x'\\]: negative size -2"),
        (
            {"constants": {"x": np.ones((2, 5), "f")}},
            gd.ShapeError,
            "constants\\['x'\\] has shape \\(2, 5\\), the file",
        ),
        ({"constants": {"x": "text"}}, gd.GraphdiffError, "constants\\['x'\\]"),
        ({"dtype": "int32"}, gd.DTypeError, "dtype is float32 or float64, got int32"),
        ({"trainable": 3}, gd.GraphError, "trainable is True, False, or names and patterns"),
    ],
)
def test_arguments_that_do_not_fit(given, error, told):
    with pytest.raises(error, match=told):
        load(good(), **given)


def test_damaged_models_give_one_clear_error():
    """tests/support/fuzz_onnx.py reads all of them, and more at random."""
    cases = [*attacks()]
    assert len(cases) > 538
    found = Counter(told for _, told, _ in read_all([*cases[::7], *at_random(7, 250)]))
    assert set(found) <= set(GOOD), found
    assert found["GraphError"] > 20


def test_numbers_that_were_only_claimed_make_nothing_long():
    body = onnx.helper.make_graph([], "body", [], [])
    scan = model([node("Scan", "x", "y", body=body, num_scan_inputs=2**40)], {"x": (FLOAT, [3])}, {"y": (FLOAT, [3])})
    with pytest.raises(gd.GraphError, match="num_scan_inputs is 1099511627776 of 1 operands"):
        gd.interop.onnx.load(scan)
    parts = model([node("Split", "x", "y", num_outputs=2**40)], {"x": (FLOAT, [3])}, {"y": (FLOAT, [3])})
    with pytest.raises(gd.GraphError, match="num_outputs is 1099511627776, and it has 1 results"):
        gd.interop.onnx.load(parts)
    lrn = model([node("LRN", "x", "y", size=2**40)], {"x": (FLOAT, [1, 3, 2, 2])}, {"y": (FLOAT, [1, 3, 2, 2])})
    with pytest.raises(gd.GraphError, match="size is 1099511627776"):
        gd.interop.onnx.load(lrn)
