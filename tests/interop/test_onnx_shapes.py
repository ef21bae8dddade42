"""Shapes of ONNX models, worked out over named sizes while they are read: one compile serves every size."""

import numpy as np
import pytest
from onnx import helper
from onnx_models import FLOAT, INT64, compiled, expected, model, node

import graphdiff as gd

load = gd.interop.onnx.load


def check(proto, shapes, **options):
    """The model read once gives what onnx's evaluator does at each of several shapes of its inputs."""
    m = load(proto, **options)
    f, rng = compiled(m), np.random.default_rng(0)
    for sizes in shapes:
        feeds = {n: rng.normal(size=s).astype("f") for n, s in sizes.items()}
        found = f(**feeds)
        for got, want in zip(found.values(), expected(proto, **feeds)):
            assert got.shape == want.shape and got.dtype == want.dtype
            np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)
    return m


def test_a_shape_made_by_gather_concat_and_arithmetic():
    nodes = [
        node("Shape", "x", "s"),
        node("Gather", "s zero", "n"),
        node("Gather", "s one", "t"),
        node("Mul", "t twelve", "nt"),
        node("Unsqueeze", "n front", "n1"),
        node("Unsqueeze", "nt front", "nt1"),
        node("Concat", "n1 nt1 last", "to", axis=0),
        node("Reshape", "x to", "y"),
    ]
    arrays = {"zero": np.int64(0), "one": np.int64(1), "twelve": np.int64(12), "front": [0], "last": [64]}
    m = check(
        model(nodes, {"x": (FLOAT, ["n", "t", 12, 64])}, {"y": (FLOAT, None)}, arrays),
        [{"x": (2, 3, 12, 64)}, {"x": (1, 5, 12, 64)}],
    )
    assert m.outputs["y"].shape == ("n", "12*t", 64)


def test_half_a_size_through_floats_rounded_down():
    nodes = [
        node("Shape", "x", "s", start=1),
        node("Cast", "s", "f", to=FLOAT),
        node("Div", "f two", "h"),
        node("Floor", "h", "k"),
        node("Cast", "k", "ends", to=INT64),
        node("Slice", "x starts ends axes", "y"),
    ]
    arrays = {"two": np.float32([2]), "starts": [0], "axes": [1]}
    m = check(
        model(nodes, {"x": (FLOAT, [2, "n"])}, {"y": (FLOAT, None)}, arrays),
        [{"x": (2, 7)}, {"x": (2, 8)}, {"x": (2, 1)}],
    )
    assert m.outputs["y"].shape == (2, "(n//2)")


def test_a_factor_of_a_tenth_is_a_tenth():
    nodes = [
        node("Shape", "x", "s"),
        node("Cast", "s", "f", to=FLOAT),
        node("Mul", "f factor", "h"),
        node("Floor", "h", "k"),
        node("Cast", "k", "n", to=INT64),
        node("ConstantOfShape", "n", "y"),
    ]
    proto = model(nodes, {"x": (FLOAT, ["n"])}, {"y": (FLOAT, None)}, {"factor": np.float32([0.7])})
    f = compiled(load(proto))
    assert [f(np.zeros(n, "f"))["y"].shape for n in (9, 10, 11, 20)] == [(6,), (7,), (7,), (14,)]


def test_expand_to_where_of_a_comparison_of_sizes():
    """What PyTorch writes for expand(-1, n)."""
    nodes = [
        node("Shape", "x", "s"),
        node("Concat", "minus s", "wish", axis=0),
        node("Equal", "wish minus2", "open"),
        node("ConstantOfShape", "two", "ones", value=helper.make_tensor("v", INT64, [1], [1])),
        node("Where", "open ones wish", "to"),
        node("Expand", "x to", "y"),
    ]
    arrays = {"minus": [-1], "minus2": [-1], "two": [2]}
    check(model(nodes, {"x": (FLOAT, ["n"])}, {"y": (FLOAT, None)}, arrays), [{"x": (3,)}, {"x": (1,)}])


def test_range_arithmetic_and_masks_over_a_named_size():
    nodes = [
        node("Shape", "x", "s", start=1),
        node("Squeeze", "s", "n"),
        node("Range", "zero n one", "i"),
        node("Unsqueeze", "i back", "column"),
        node("Less", "i column", "before"),
        node("Cast", "before", "y", to=FLOAT),
        node("MatMul", "x y", "z"),
    ]
    arrays = {"zero": np.int64(0), "one": np.int64(1), "back": [1]}
    check(model(nodes, {"x": (FLOAT, [2, "n"])}, {"z": (FLOAT, None)}, arrays), [{"x": (2, 4)}, {"x": (2, 1)}])


def test_split_tile_and_product_of_a_named_size():
    nodes = [
        node("Split", "x", "a b", axis=1, num_outputs=2),
        node("Tile", "b times", "t"),
        node("Shape", "t", "s"),
        node("ReduceProd", "s", "all", keepdims=0),
        node("Unsqueeze", "all front", "flat"),
        node("Reshape", "t flat", "y"),
    ]
    arrays = {"times": [1, 2], "front": [0]}
    proto = model(nodes, {"x": (FLOAT, ["n", "2*m"])}, {"y": (FLOAT, None), "a": (FLOAT, None)}, arrays)
    m = check(proto, [{"x": (3, 4)}, {"x": (1, 6)}])
    assert m.outputs["y"].shape == ("2*m*n",) and m.outputs["a"].shape == ("n", "m")


@pytest.mark.parametrize("end", [1_000_000_000, 2**31 - 1, 2**63 - 1, 5])
def test_slices_to_the_end_and_clipped_ones(end):
    proto = model(
        [node("Slice", "x s e a", "y")],
        {"x": (FLOAT, ["n", 3])},
        {"y": (FLOAT, None)},
        {"s": [1], "e": [end], "a": [0]},
    )
    m = check(proto, [{"x": (7, 3)}, {"x": (3, 3)}])
    assert end == 5 or m.outputs["y"].shape == ("n-1", 3)


def test_reversed_and_negative_slices():
    proto = model(
        [node("Slice", "x s e a k", "y")],
        {"x": (FLOAT, ["n", 3])},
        {"y": (FLOAT, None)},
        {"s": [-1, -1], "e": [-(2**63), -3], "a": [0, 1], "k": [-1, -1]},
    )
    check(proto, [{"x": (4, 3)}, {"x": (1, 3)}])


def test_names_of_sizes_of_every_kind():
    """None, "", -1 and "?" are sizes of their own; names that are no identifiers are mapped, the same ones alike."""
    sizes = {
        "a": ["DynamicDimension.0", None],
        "b": ["DynamicDimension.0", "?", "?"],
        "c": ["class", "past + 1"],
        "d": ["past"],
    }
    proto = model(
        [node("Relu", n, f"{n}y") for n in sizes],
        {n: (FLOAT, s) for n, s in sizes.items()},
        {f"{n}y": (FLOAT, None) for n in sizes},
    )
    m = load(proto)
    shapes = {n: x.shape for n, x in m.inputs.items()}
    assert shapes["a"][0] == shapes["b"][0] == "DynamicDimension_0"
    assert len({*shapes["a"], *shapes["b"]}) == 4
    assert shapes["c"] == ("class", "past+1") and shapes["d"] == ("past",)
    f = compiled(m)
    feeds = {"a": np.ones((2, 3)), "b": np.ones((2, 4, 5)), "c": np.ones((1, 8)), "d": np.ones(7)}
    assert f(**{n: a.astype("f") for n, a in feeds.items()})["cy"].shape == (1, 8)


def test_names_are_joined_fixed_and_made_multiples():
    proto = model(
        [
            node("Add", "a b", "y"),
            node("AveragePool", "c", "p", kernel_shape=[2], strides=[2]),
            node("Concat", "p p", "z", axis=2),
        ],
        {"a": (FLOAT, [None, 3]), "b": (FLOAT, [None, 3]), "c": (FLOAT, ["n", 1, "t"])},
        {"y": (FLOAT, None), "z": (FLOAT, None)},
    )
    with pytest.raises(gd.ShapeError, match=r"do not broadcast: a_0 meets b_0.*shapes=\{\.\.\.\} of load"):
        load(proto)
    m = load(proto, shapes={"a": ("n", 3), "b": ("n", 3), "c": ("n", 1, "4*t")})
    assert m.inputs["a"].shape == m.inputs["b"].shape == m.outputs["y"].shape == ("n", 3)
    assert m.outputs["z"].shape == ("n", 1, "4*t")
    fixed = load(proto, shapes={"a": (2, 3), "b": (2, 3), "c": (5, 1, 8)})
    assert fixed.outputs["z"].shape == (5, 1, 8)


def test_a_name_given_for_one_input_holds_for_all():
    proto = model(
        [node("MatMul", "a b", "y")], {"a": (FLOAT, ["n", "k"]), "b": (FLOAT, ["k", 2])}, {"y": (FLOAT, None)}
    )
    assert load(proto, shapes={"a": ("n", 7)}).inputs["b"].shape == (7, 2)
    with pytest.raises(gd.ShapeError, match="the size 'k' of the file is given as 7 and as 8"):
        load(proto, shapes={"a": ("n", 7), "b": (8, 2)})


def test_a_size_taken_to_differ_from_one_is_looked_at_in_each_call():
    branch = [
        helper.make_graph(
            [helper.make_node(*a, **k) for a, k in ns], "b", [], [helper.make_tensor_value_info(o, FLOAT, None)]
        )
        for o, ns in (("yes", [node("Squeeze", "x back", "yes")]), ("no", [node("Identity", "x", "no")]))
    ]
    nodes = [
        node("Shape", "x", "s", start=1),
        node("Equal", "s one", "alone"),
        (("If", ["alone"], ["y"]), {"then_branch": branch[0], "else_branch": branch[1]}),
    ]
    proto = model(nodes, {"x": (FLOAT, [2, "n"])}, {"y": (FLOAT, None)}, {"one": [1], "back": [1]})
    m = load(proto)
    assert m.outputs["y"].shape == (2, "n")
    f = compiled(m)
    assert f(np.ones((2, 3), "f"))["y"].shape == (2, 3)
    with pytest.raises(gd.FeedError, match="the model was read for n other than 1; load it with shapes"):
        f(np.ones((2, 1), "f"))
    assert load(proto, shapes={"x": (2, 1)}).outputs["y"].shape == (2,)


def test_what_is_made_of_a_size_is_taken_to_be_no_zero_and_looked_at_too():
    nodes = [
        node("Shape", "x", "s"),
        node("Div", "s two", "half"),
        node("Equal", "half zero", "none"),
        node("Where", "none two half", "y"),
    ]
    arrays = {"two": np.array([2]), "zero": np.array([0])}
    f = compiled(load(model(nodes, {"x": (FLOAT, ["n"])}, {"y": (INT64, [1])}, arrays)))
    assert f(np.zeros(5, "f"))["y"].tolist() == [2]
    with pytest.raises(gd.GraphdiffError, match=r"read for .*n.* other than 0"):
        f(np.zeros(1, "f"))


def test_inputs_that_are_arrays_of_the_file_are_not_fed_and_outputs_may_be_anything():
    proto = model(
        [node("Constant", "", "k", value_floats=[1.0, 2.0]), node("Add", "x w", "y")],
        {"x": (FLOAT, [2]), "w": (FLOAT, [2])},
        {"y": (FLOAT, None), "x": (FLOAT, [2]), "w": (FLOAT, [2]), "k": (FLOAT, [2])},
        {"w": np.float32([3, 4])},
    )
    m = load(proto, trainable="w")
    assert list(m.inputs) == ["x"] and list(m.parameters) == ["w"]
    found = compiled(m)(np.float32([1, 1]))
    assert {n: a.tolist() for n, a in found.items()} == {"y": [4, 5], "x": [1, 1], "w": [3, 4], "k": [1, 2]}


@pytest.mark.parametrize("name", ["gpu_0/data_0", "input.1", "x y", "class", "日"])
def test_names_that_are_no_identifiers(name):
    proto = model([(("Relu", [name], ["out/0:0"]), {})], {name: (FLOAT, ["n"])}, {"out/0:0": (FLOAT, ["n"])})
    m = load(proto)
    assert list(m.inputs) == [name]
    assert compiled(m)(**{name: np.float32([-1, 2])})["out/0:0"].tolist() == [0, 2]


def test_settings_are_no_parameters_through_what_only_rearranges():
    nodes = [
        node("Concat", "one scale", "scales", axis=0),
        node(
            "Resize",
            "x  scales",
            "r",
            mode="nearest",
            coordinate_transformation_mode="asymmetric",
            nearest_mode="floor",
        ),
        node("Clip", "r low", "c"),
        node("Mul", "c w", "y"),
    ]
    nodes[1] = (("Resize", ["x", "", "scales"], ["r"]), nodes[1][1])
    arrays = {"one": np.float32([1, 1]), "scale": np.float32([2]), "low": np.float32(0), "w": np.float32([2])}
    proto = model(nodes, {"x": (FLOAT, [1, 1, "n"])}, {"y": (FLOAT, None)}, arrays)
    m = check(proto, [{"x": (1, 1, 3)}, {"x": (1, 1, 4)}])
    assert list(m.parameters) == ["w"] and m.outputs["y"].shape == (1, 1, "2*n")


def test_weights_in_nodes_are_parameters_and_scalars_are_not():
    weight = helper.make_tensor("v", FLOAT, [2], [1.0, 2.0])
    nodes = [
        node("Constant", "", "w", value=weight),
        node("Constant", "", "k", value_float=3.0),
        node("ConstantOfShape", "two", "ones", value=helper.make_tensor("v", FLOAT, [1], [1.0])),
        node("Mul", "x w", "a"),
        node("Mul", "a k", "b"),
        node("Add", "b ones", "y"),
    ]
    proto = model(nodes, {"x": (FLOAT, [2])}, {"y": (FLOAT, None)}, {"two": [2]})
    assert list(load(proto).parameters) == ["w", "ones"]
    assert list(load(proto, trainable=["k"]).parameters) == ["k"]
