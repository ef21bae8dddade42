"""What makes no sense is told where it is written, in three lines: the fact, the operation, the user's line.

A table of mistakes with the exact class and words of the error; then every operation of the registry with an axis that
it has not, an operand of a dtype that it does not take, and things that are no operand at all.
"""

import inspect
import re
from pathlib import Path

import numpy as np
import pytest
from op_samples import SAMPLED, changed, samples

import graphdiff as gd
from graphdiff.ops.registry import REGISTRY

a = gd.input("a", (3, 4), "float64")
b = gd.input("b", (4, 5), "float64")
v = gd.input("v", (3,), "float64")
n = gd.input("n", ("n", 4), "float64")
m = gd.input("m", ("m", 4), "float64")
s = gd.input("s", (3, 3), "float64")
i = gd.input("i", (3,), "int64")
p = gd.input("p", (3,), "bool")
image = gd.input("image", (2, 4, 8, 8))
kernel = gd.input("kernel", (6, 4, 3, 3))
key = gd.input("key", (), "int64")
Shape, DType, Graph = gd.ShapeError, gd.DTypeError, gd.GraphError

TABLE = [
    # NumPy's own functions, whose defaults are others
    (Graph, "np.sum: does not take dtype with Tensors; write gd.sum", lambda: np.sum(a, dtype="float64")),
    (Graph, "np.fft.rfft: does not take Tensors; write gd.fft.rfft", lambda: np.fft.rfft(a)),
    # operators
    (DType, "divide: expected a Tensor, an array or a number, got str", lambda: a / "x"),
    (DType, "divide: expected a Tensor, an array or a number, got str", lambda: "x" / a),
    (DType, "remainder: expected a Tensor, an array or a number, got str", lambda: a % "x"),
    (DType, "add: expected a Tensor, an array or a number, got NoneType", lambda: a + None),
    (DType, "less: expected a Tensor, an array or a number, got str", lambda: a < "x"),
    (DType, "subtract: expected a Tensor, an array or a number, got set", lambda: {1} - a),
    # axes
    (Shape, "sum: axis 2 is out of range for 2 dimensions", lambda: gd.sum(a, axis=2)),
    (Shape, "max: axis -3 is out of range for 2 dimensions", lambda: gd.max(a, axis=-3)),
    (Shape, r"mean: repeated axis in \(0, -2\)", lambda: gd.mean(a, axis=(0, -2))),
    (Shape, "sum: axis 0.5 is no integer", lambda: gd.sum(a, axis=0.5)),
    (Shape, "sum: axis True is no integer", lambda: gd.sum(a, axis=True)),
    (Shape, "softmax: axis 7 is out of range", lambda: gd.nn.softmax(a, axis=7)),
    (Shape, r"moveaxis: repeated axis in \(0, 0\)", lambda: gd.moveaxis(a, (0, 0), (0, 1))),
    (Shape, "moveaxis: 1 axes to 2 places", lambda: gd.moveaxis(a, 0, (0, 1))),
    (Shape, "swapaxes: axis 2 is out of range", lambda: gd.swapaxes(a, 0, 2)),
    (Shape, "permute_dims: ", lambda: gd.permute_dims(a, (0, 0))),
    (Shape, "permute_dims: ", lambda: gd.permute_dims(a, (0,))),
    (Shape, "squeeze: ", lambda: gd.squeeze(a, 0)),
    (Shape, "expand_dims: axis 4 is out of range", lambda: gd.expand_dims(a, 4)),
    (Shape, "concat: axis 2 is out of range", lambda: gd.concat([a, a], axis=2)),
    (Shape, "stack: axis 3 is out of range", lambda: gd.stack([a, a], axis=3)),
    (Shape, "flip: axis 2 is out of range", lambda: gd.flip(a, axis=2)),
    (Shape, "diagonal: axis 0 is given twice", lambda: gd.trace(s, 0, 0, 0)),
    # shapes that do not meet
    (Shape, "add: shapes do not broadcast: 4 meets 3", lambda: a + v),
    (Shape, "multiply: shapes do not broadcast: n meets m", lambda: n * m),
    (Shape, "where: shapes do not broadcast", lambda: gd.where(p, a, v)),
    (Shape, "reshape: ", lambda: gd.reshape(a, (5, 2))),
    (Shape, "reshape: ", lambda: gd.reshape(a, (-1, 5))),
    (Shape, "reshape: ", lambda: gd.reshape(a, (-1, -1))),
    (Shape, "reshape: ", lambda: gd.reshape(n, (7, 4))),
    (Shape, "broadcast_to: ", lambda: gd.broadcast_to(a, (3, 5))),
    (Shape, "broadcast_to: ", lambda: gd.broadcast_to(a, (4,))),
    (Shape, "concat: ", lambda: gd.concat([a, b], axis=0)),
    (Shape, "concat: ", lambda: gd.concat([a, v])),
    (Shape, "concat: ", lambda: gd.concat([])),
    (Shape, "stack: ", lambda: gd.stack([a, b])),
    (Shape, "stack: ", lambda: gd.stack([])),
    (Shape, "split: 4 elements along axis 1 do not divide into 3 equal parts", lambda: gd.split(a, 3, axis=1)),
    (Shape, r"split: sizes \(1, 2\) add up to 3, not 4", lambda: gd.split(a, (1, 2), axis=1)),
    (Shape, "split: negative size -1", lambda: gd.split(a, (5, -1), axis=1)),
    (Shape, "split: ", lambda: gd.split(a, 0)),
    # sizes
    (Shape, "zeros: ", lambda: gd.zeros((2, -1))),
    (Shape, "full: ", lambda: gd.full((-2,), 1.0)),
    (Shape, "eye: ", lambda: gd.eye(-1)),
    (Shape, "linspace: ", lambda: gd.linspace(0.0, 1.0, -2)),
    (Shape, "arange: step 0 gives no range", lambda: gd.arange(0, 5, 0)),
    (Shape, "one_hot: ", lambda: gd.one_hot(i, -1)),
    (Shape, "tile: -1 repetitions", lambda: gd.tile(a, (1, -1))),
    (Shape, "repeat: 2 repetitions for 3 elements", lambda: gd.repeat(a, (1, 2), 0)),
    (Shape, "topk: ", lambda: gd.topk(a, 5)),
    (Shape, "topk: ", lambda: gd.topk(a, -1)),
    (Shape, "max: no elements along an axis", lambda: gd.max(gd.zeros((0, 3)), axis=0)),
    (Shape, "argmax: ", lambda: gd.argmax(gd.zeros((3, 0)), axis=1)),
    # padding and rolling
    (Shape, "pad: negative width -1", lambda: gd.pad(a, -1)),
    (Shape, "pad: pad_width .* is no", lambda: gd.pad(a, ((1, 1), (1, 1), (1, 1)))),
    (Shape, "pad: pad_width .* is no", lambda: gd.pad(a, 1.5)),
    (Graph, "pad: mode is", lambda: gd.pad(a, 1, mode="mirror")),
    (Shape, "roll: 2 shifts for 3 axes", lambda: gd.roll(gd.zeros((1, 1, 1)), (1, 2), (0, 1, 2))),
    # indices
    (DType, "take: ", lambda: gd.take(a, v)),
    (Shape, "take: a 0-d Tensor", lambda: gd.take(key, i)),
    (Shape, "take_along_axis: ", lambda: gd.take_along_axis(a, i, axis=0)),
    (DType, "embedding: |take: ", lambda: gd.nn.embedding(v, a)),
    (Shape, "segment_sum: -1 segments", lambda: gd.segment_sum(a, i, -1)),
    (Shape, "histogram: bins are given by their edges; write gd.linspace", lambda: gd.histogram(a, 10)),
    (Shape, "trapezoid: 4 coordinates for 3 along axis 0", lambda: gd.trapezoid(v, gd.zeros((4,), "float64"))),
    (DType, "constant: 'text' is no array of real numbers", lambda: gd.constant("text")),
    (DType, "constant: 1j is no array of real numbers", lambda: gd.constant(1j, "float32")),
    (Shape, r"constant: \[\[1\], \[1, 2\]\] is no array", lambda: gd.constant([[1], [1, 2]])),
    (Shape, "scatter_add: ", lambda: gd.scatter_add(a, i, gd.zeros((2, 4), "float64"))),
    (Shape, "gather_nd: ", lambda: gd.gather_nd(v, gd.zeros((2, 2), "int64"))),
    (Shape, "getitem: index 3 is out of range", lambda: a[3]),
    (Shape, "getitem: 3 indices for 2", lambda: a[0, 0, 0]),
    (Shape, "getitem: more than one ellipsis", lambda: a[..., ...]),
    # matrices
    (Shape, "matmul: inner dimensions differ: a has 4, a has 3", lambda: a @ a),
    (Shape, "matmul: ", lambda: a @ 2.0),
    (Shape, "matmul: ", lambda: gd.zeros((2, 3, 4)) @ gd.zeros((5, 4, 3))),
    (Shape, "tensordot: axis 1 has 4, axis 0 has 3", lambda: gd.tensordot(a, a, 1)),
    (Shape, "tensordot: 3 axes of 2 and 2 dimensions", lambda: gd.tensordot(a, b, 3)),
    (Shape, "tensordot: axes .* do not pair", lambda: gd.tensordot(a, b, ([0, 1], [0]))),
    (Shape, "einsum: ", lambda: gd.einsum("ij,jk->ik", a, a)),
    (Shape, "einsum: ", lambda: gd.einsum("ij,jk->iz", a, b)),
    (Shape, "einsum: ", lambda: gd.einsum("ijk->i", a)),
    (Shape, "vecdot: ", lambda: gd.vecdot(v, a)),
    (Shape, "cholesky: needs|cholesky: a has", lambda: gd.linalg.cholesky(a)),
    (Shape, "inv: needs|inv: a has", lambda: gd.linalg.inv(a)),
    (Shape, "inv: needs|inv: a has", lambda: gd.linalg.inv(v)),
    (Shape, "det: needs|det: a has", lambda: gd.linalg.det(b)),
    (Shape, "slogdet: needs|slogdet: a has", lambda: gd.linalg.slogdet(b)),
    (Shape, "eigh: needs|eigh: a has", lambda: gd.linalg.eigh(a)),
    (Shape, "solve: needs|solve: a has", lambda: gd.linalg.solve(a, v)),
    (Shape, "solve: needs|solve: a has", lambda: gd.linalg.solve(s, b)),
    (Shape, "solve_triangular: needs|solve_triangular: a has", lambda: gd.linalg.solve_triangular(s, b)),
    (Shape, "qr: needs|qr: a has", lambda: gd.linalg.qr(v)),
    (Shape, "svd: needs|svd: a has", lambda: gd.linalg.svd(v)),
    (Shape, "tril: ", lambda: gd.tril(v)),
    (Shape, "matrix_transpose: ", lambda: gd.matrix_transpose(v)),
    # networks
    (Shape, "conv2d: the input has 4 channels", lambda: gd.nn.conv2d(image, gd.zeros((6, 3, 3, 3)))),
    (Shape, "conv2d: 4 input channels do not divide into 3 groups", lambda: gd.nn.conv2d(image, kernel, groups=3)),
    (Shape, "conv2d: 3 output channels do not divide", lambda: gd.nn.conv2d(image, gd.zeros((3, 2, 3, 3)), groups=2)),
    (Graph, "conv2d: groups is an int of at least 1", lambda: gd.nn.conv2d(image, kernel, groups=0)),
    (Graph, "conv2d: padding is", lambda: gd.nn.conv2d(image, kernel, padding=-1)),
    (Graph, "conv2d: padding is", lambda: gd.nn.conv2d(image, kernel, padding=(1, 1, 1))),
    (Graph, "conv2d: padding is ints", lambda: gd.nn.conv2d(image, kernel, padding="full")),
    (Graph, 'conv2d: padding "same" needs stride 1', lambda: gd.nn.conv2d(image, kernel, stride=2, padding="same")),
    (Graph, "conv2d: stride is", lambda: gd.nn.conv2d(image, kernel, stride=0)),
    (Graph, "conv2d: dilation is", lambda: gd.nn.conv2d(image, kernel, dilation=1.5)),
    (Shape, "conv2d: a window of 9 is larger", lambda: gd.nn.conv2d(image, kernel, dilation=4)),
    (Shape, "conv2d: bias has shape", lambda: gd.nn.conv2d(image, kernel, gd.zeros((4,)))),
    (Shape, "conv2d: the input has 2 dimensions", lambda: gd.nn.conv2d(gd.zeros((8, 8)), kernel)),
    (Shape, "conv1d: the weight has 4 dimensions", lambda: gd.nn.conv1d(gd.zeros((2, 4, 8)), kernel)),
    (
        DType,
        "conv2d: float32 and float64|conv2d: needs|conv2d: .*int64",
        lambda: gd.nn.conv2d(gd.zeros((2, 4, 8, 8), "int64"), kernel),
    ),
    (Shape, "max_pool2d: a window of 9 is larger", lambda: gd.nn.max_pool2d(image, 9)),
    (Graph, "max_pool2d: ", lambda: gd.nn.max_pool2d(image, 0)),
    (Graph, "max_pool2d: |avg_pool2d: ", lambda: gd.nn.avg_pool2d(image, 2, padding=2)),
    (Shape, "group_norm: ", lambda: gd.nn.group_norm(image, 3)),
    (Shape, "layer_norm: ", lambda: gd.nn.layer_norm(a, gd.ones((3,), "float64"), gd.zeros((3,), "float64"))),
    (Shape, "batch_norm: ", lambda: gd.nn.batch_norm(image, gd.zeros((3,)), gd.ones((3,)))),
    (Shape, "scaled_dot_product_attention: |matmul: ", lambda: gd.nn.scaled_dot_product_attention(a, b, b)),
    (Graph, "dropout: ", lambda: gd.nn.dropout(a, 1.5, key=key)),
    (Graph, "mse: reduction is", lambda: gd.nn.mse(a, a, reduction="median")),
    (Shape, "mse: input and target differ in shape", lambda: gd.nn.mse(a, v)),
    (Shape, "cross_entropy: .* needs labels of shape", lambda: gd.nn.cross_entropy(a, gd.zeros((4,), "int64"))),
    (DType, "nll: labels are float64", lambda: gd.nn.nll(a, v)),
    (Graph, "huber: delta must be positive", lambda: gd.nn.huber(v, v, delta=0)),
    (Graph, "gelu: ", lambda: gd.nn.gelu(a, approximate="quick")),
    # dtypes
    (DType, r"divide: needs floating operands, got int64; write .astype\('float32'\)", lambda: i / i),
    (DType, "exp: needs floating operands, got int64", lambda: gd.exp(i)),
    (DType, "mean: needs floating operands, got int64", lambda: gd.mean(i)),
    (DType, r"add: float64 and int64 do not mix; write .astype\('float64'\)", lambda: v + i),
    (DType, "logical_and: needs bool operands", lambda: gd.logical_and(i, i)),
    (DType, "bitwise_and: needs integer or bool", lambda: v & v),
    (DType, "where: the condition is int64", lambda: gd.where(i, v, v)),
    (DType, "add: needs integer or floating operands, got bool", lambda: p + p),
    (DType, "linspace: gives floats", lambda: gd.linspace(0, 1, 5, dtype="int64")),
    # random numbers
    (Graph, "random.bernoulli: |bernoulli: ", lambda: gd.random.bernoulli(key, 1.5, (2,))),
    (DType, "random.uniform: |uniform: ", lambda: gd.random.uniform(v[0], (2,))),
    (Shape, "random.normal: |normal: ", lambda: gd.random.normal(i, (2,))),
    (Shape, "random.normal: |normal: ", lambda: gd.random.normal(key, (-2,))),
]


def test_an_operand_that_is_none_is_shown():
    for build, shown in [
        (lambda: a + "x", "add('x')"),
        (lambda: gd.concat([v, None]), "concat(None)"),
        (lambda: gd.sin([1, "x"]), "sin([1, 'x'])"),
        (lambda: gd.add(v, "x" * 1000), "add('" + "x" * 39 + " … " + "x" * 16 + "')"),
    ]:
        with pytest.raises(gd.DTypeError) as caught:
            build()
        assert str(caught.value).split("\n")[1] == f"  in: %0 = {shown}"


def in_form(error, here):
    """Whether a text is of three lines: ``op: fact``, the operation as printed, the user's line."""
    fact, operation, at = str(error).split("\n")
    assert re.match(r"[a-z_0-9.]+: \S", fact), fact
    assert re.match(r"  in: %\d+ = [a-z_0-9.]+\(.*\)$", operation), operation
    assert re.fullmatch(rf"  at: {re.escape(Path(__file__).name)}:{here}", at), (at, here)


@pytest.mark.parametrize("row", range(len(TABLE)))
def test_mistakes(row):
    error, text, build = TABLE[row]
    with pytest.raises(error) as caught:
        build()
    assert caught.type is error
    assert re.match(text, str(caught.value)), str(caught.value)
    in_form(caught.value, line_of(caught))


def line_of(caught):
    """The line in this file where the operation was called, by the traceback."""
    return [entry.lineno + 1 for entry in caught.traceback if Path(str(entry.path)).name == Path(__file__).name][-1]


# ------------------------------------------------------------------ every operation


def lifted(sample, change=lambda array: array):
    leaves = []

    def lift(array):
        array = change(array)
        leaves.append(gd.input(f"x{len(leaves)}", array.shape, array.dtype))
        return leaves[-1]

    return changed(sample, lift)


WITH_AXIS = [n for n in SAMPLED if "axis" in inspect.signature(REGISTRY[n].public).parameters]


def test_operators_leave_room_for_other_classes_and_equality_for_all():
    class Other:
        def __radd__(self, x):
            return "theirs"

    assert a + Other() == "theirs"
    assert (a == "x") is False and (a != None) is True  # noqa: E711  the operator is what is tried
    with pytest.raises(TypeError, match="unsupported operand"):
        a * Other()


def test_an_argument_that_was_kept_outside_of_its_function_is_told():
    kept = []
    gd.vmap(lambda row: (kept.append(row), row * 2)[1])(a)
    gd.scan(lambda c, x: (kept.append(c), (c + x, c))[1], 0.0, v)
    for leaf in kept:
        with pytest.raises(gd.GraphError, match="is an argument of a function that was given"):
            gd.compile([a, v], gd.sum(leaf))


@pytest.mark.parametrize("axis, text", [(9, "out of range"), (-9, "out of range"), ("x", "no in"), (1.0, "no in")])
@pytest.mark.parametrize("name", WITH_AXIS)
def test_an_axis_that_is_none(name, axis, text):
    sample = lifted(samples(name)[0])
    place = list(inspect.signature(REGISTRY[name].public).parameters).index("axis")
    with pytest.raises(gd.ShapeError, match=text) as caught:
        REGISTRY[name].public(*sample.args[:place], **{**sample.kwargs, "axis": axis})
    in_form(caught.value, line_of(caught))


FLOATING = [
    n
    for n in SAMPLED
    if REGISTRY[n].dtypes[:1] in ((), ("float",))
    and any(isinstance(arg, np.ndarray) and arg.dtype.kind == "f" for arg in samples(n)[0].args)
]


@pytest.mark.parametrize("name", FLOATING)
def test_a_dtype_that_is_not_taken_says_what_to_write(name):
    refused = []
    for dtype in ("int32", "bool"):
        try:
            sample = lifted(samples(name)[0], lambda x, d=dtype: x.astype(d) if x.dtype.kind == "f" else x)
            REGISTRY[name].public(*sample.args, **sample.kwargs)
        except gd.DTypeError as e:
            assert ".astype(" in str(e) and len(str(e).split("\n")) == 3
            refused.append(dtype)
    if REGISTRY[name].kind == "elementwise":
        assert refused == (["bool"] if REGISTRY[name].whole else ["int32", "bool"])


@pytest.mark.parametrize("thing", ["text", {}, object()], ids=["text", "dict", "object"])
@pytest.mark.parametrize("name", [n for n in SAMPLED if isinstance((samples(n)[0].args or ("",))[0], np.ndarray)])
def test_no_operand_at_all(name, thing):
    sample = lifted(samples(name)[0])
    with pytest.raises(gd.GraphdiffError) as caught:
        REGISTRY[name].public(thing, *sample.args[1:], **sample.kwargs)
    assert "  at: test_bad_input.py:" in str(caught.value)


@pytest.mark.parametrize(
    "mistake",
    [
        lambda _: gd.Every(0),
        lambda folder: gd.load(folder / "none.gd"),
        lambda folder: gd.load(__file__),
        lambda _: gd.init.normal(-1, 0),
        lambda _: gd.init.uniform(2, 1, 0),
        lambda _: gd.parameter("b", shape=(3,), init=gd.init.he_normal(seed=0)),
    ],
)
def test_mistakes_outside_of_a_graph_name_the_line_too(mistake, tmp_path):
    with pytest.raises(gd.GraphdiffError) as caught:
        mistake(tmp_path)
    assert f"at: {Path(__file__).name}:{mistake.__code__.co_firstlineno}" in str(caught.value)
