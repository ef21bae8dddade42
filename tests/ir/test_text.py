"""The text of a graph prints what it should, reads back to what it was, and refuses what is no graph."""

import itertools
import math
import pathlib
import random
import re

import hypothesis
import numpy as np
import pytest
from evaluate import evaluate_graph
from graphs import SAMPLED, of_operation, random_graphs

import graphdiff as gd
from graphdiff.errors import GraphError
from graphdiff.inspect.formula import Formulas
from graphdiff.ir.dims import as_size, named
from graphdiff.ir.graph import Graph, format_adjoint
from graphdiff.ir.node import name_scope
from graphdiff.ir.text import literal
from graphdiff.ir.verify import verify
from graphdiff.ops.comparison import equal
from graphdiff.ops.elementwise import add, multiply, where
from graphdiff.ops.joining import concat
from graphdiff.ops.leaves import input as input_
from graphdiff.ops.leaves import parameter, state
from graphdiff.ops.losses import cross_entropy
from graphdiff.ops.movement import broadcast_to, place, reshape
from graphdiff.ops.parse import parse
from graphdiff.ops.reduce import sum as sum_
from graphdiff.ops.registry import REGISTRY
from graphdiff.ops.sigmoids import tanh
from graphdiff.ops.tensor import constant
from graphdiff.transforms.differentiate import grad

GOLDEN = pathlib.Path(__file__).parent / "golden"


def without_comments(text: str) -> str:
    return "\n".join(line.split("  # ")[0].rstrip() for line in text.split("\n"))


def round_trip(graph: Graph) -> Graph:
    back = verify(parse(graph.text()))
    assert without_comments(back.text()) == without_comments(graph.text())
    return back


def mlp() -> Graph:
    x, t = input_("x", ("batch", 8)), input_("t", ("batch",), "int64")
    w1, b1 = parameter("W1", np.zeros((8, 5), np.float32)), parameter("b1", np.zeros(5, np.float32))
    w2, n = parameter("W2", np.zeros((5, 3), np.float32)), state("step", np.int64(0))
    loss = cross_entropy(tanh(x @ w1 + b1) @ w2, t)
    weights = [w1, b1, w2]
    return Graph("mlp", [x, t], [loss], [(w, w - 0.1 * g) for w, g in zip(weights, grad(loss, weights))] + [(n, n + 1)])


def test_a_training_step_prints_as_the_golden_text():
    text = without_comments(str(mlp()))
    assert text + "\n" == (GOLDEN / "mlp.txt").read_text()


def test_a_training_step_reads_back():
    graph = mlp()
    back = round_trip(graph)
    assert [v.name for v in back.inputs] == ["x", "t"]
    assert [v.name for v in back.parameters] == [v.name for v in graph.parameters]
    assert [v.node.op.name for v in back.parameters] == [v.node.op.name for v in graph.parameters]


def test_comments_keep_source_scope_and_forward_node():
    x = input_("x", (3,))
    with name_scope("block3"):
        y = tanh(x)
    graph = Graph("f", [x], [y, grad(sum_(y), x)])
    back = parse(str(graph))
    first, last = next(n for n in back.nodes if n.op.name == "tanh"), back.nodes[-1]
    assert first.scope == "block3" and first.source == ("test_text.py", y.node.source.line)
    assert last.origin.node is first


def test_a_parameter_from_text_has_no_value():
    with pytest.raises(GraphError, match=r"W1: f32.* was read from text, which holds no values"):
        _ = parse(str(mlp())).parameters[0].value


NUMBERS = [0.0, -0.0, np.inf, -np.inf, np.nan, 0.1, 1e-45, 3.4028235e38, 1 / 3, 16777217.0, 5e-324, 1e22]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_floats_read_back_to_the_same_bits(dtype):
    x = input_("x", (len(NUMBERS),), dtype)
    with np.errstate(over="ignore"):
        values = np.array(NUMBERS).astype(dtype)
    out = [x + values, *(x * v for v in values), *(where(x > v, v, x) for v in values)]
    back = round_trip(Graph("f", [x], out))
    for y, z in zip(out, back.outputs):
        for a, b in zip(y.node.inputs, z.node.inputs):
            if a.node.op.name == "constant":
                before, after = a.node.attrs["value"], b.node.attrs["value"]
                assert before.dtype is after.dtype
                assert before.tobytes() == after.tobytes() or np.isnan(before).all()


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6).reshape(2, 3),
        np.arange(400.0),
        np.zeros((0, 3), np.float32),
        np.zeros((1000, 0)),
        np.ones((30, 30)),
        np.array([True, False]),
        np.full((2, 2), True),
        np.array([[np.nan, np.inf]], np.float32),
        np.float64([0.0, -0.0]),
        np.array([2**31 - 1, -(2**31)], np.int32),
        np.array([2**63 - 1, -(2**63)]),
        np.float32([[[7]]]),
    ],
    ids=lambda a: f"{a.dtype}{a.shape}",
)
def test_arrays_read_back(array):
    c = constant(array)
    back = round_trip(Graph("f", [], [c])).outputs[0].node.attrs["value"]
    assert back.dtype is c.dtype and back.tobytes() == array.tobytes() and back.shape == array.shape


def test_equal_elements_are_written_once():
    assert literal(np.zeros((100, 100))) == "0.0"
    assert literal(np.array([0.0, -0.0])) == "[0.0, -0.0]"


def test_a_literal_has_a_dtype_only_where_its_neighbours_do_not_tell():
    x, n = input_("x", (2,)), input_("n", (2,), "int64")
    c = input_("c", (2,), "bool")
    one, pi = constant(1, "float64"), constant(3.5)
    text = str(
        Graph(
            "f",
            [x, n, c],
            [
                x * 2,
                n * 2,
                where(c, x, 0),
                equal(c, True),
                add(one, one),
                reshape(pi, (1,)),
                pi,
                one,
                constant(True),
                where(c, pi, pi),
            ],
        )
    )
    assert "multiply(x, 2.0)" in text and "multiply(n, 2)" in text and "where(c, x, 0.0)" in text
    assert "equal(c, True)" in text and "add(1.0:f64, 1.0:f64)" in text and "reshape(3.5:f32" in text
    assert "where(c, 3.5:f32, 3.5:f32)" in text
    assert text.endswith("return %0, %1, %2, %3, %4, %5, 3.5:f32, 1.0:f64, True, %6")
    parse(text)


@pytest.mark.parametrize(
    "name",
    [
        "a b",
        "a\nb",
        'say "x"',
        "inf",
        "None",
        "f32",
        "%0",
        "# of %1",
        "β",
        "\ud800",
        "\\",
        "x)->f32[]:",
        "2",
        "return",
        "a\u2028b",
        "@0",
        "graph",
    ],
)
def test_hostile_names_read_back(name):
    x, w = input_(name, (2,)), parameter(name + "'", np.zeros(2, np.float32))
    with name_scope(name):
        y = tanh(x) * w
    text = str(Graph(name, [x], [y, x], [(w, y)]))
    assert len(text.split("\n")) == 6
    back = round_trip(Graph(name, [x], [y, x], [(w, y)]))
    assert back.name == name and back.inputs[0].name == name


def test_sizes_read_back():
    n, t = named("n"), named("f32")
    x = input_("x", ("n", 2 * n + 1, (n + 1) // 2, "f32"))
    out = [x[1:, ::2], broadcast_to(x, (n - 1 + 1, *x.shape[1:])), reshape(x, (-1, t)), concat([x, x], axis=1)]
    y = round_trip(Graph("f", [x], [v for v in out if not v.is_leaf])).outputs[-1]
    assert y.shape == concat([x, x], axis=1).shape


def test_a_graph_without_results_reads_back():
    w = state("n", np.int64(0))
    round_trip(Graph("tick", [], [], [(w, w + 1)]))


def test_the_adjoint_is_numbered_on():
    x, w = input_("x", (3,)), parameter("W", np.zeros(3, np.float32))
    loss = sum_(tanh(x * w))
    g = grad(loss, w)
    graph = Graph("step", [x], [loss])
    backward = [n for n in Graph("step", [x], [loss, g]).nodes if n not in graph.nodes]
    text = format_adjoint(graph, backward, [w], [g])
    assert text.startswith(str(graph) + "\nadjoint of step wrt W:\n  %3: f32[1] = reshape(1.0:f32, shape=(1,))")
    assert text.splitlines()[-2].split("# ")[1].startswith("of %0 (test_text.py:")
    assert text.endswith("return %7")


# --------------------------------------------------------------------------------------- what is refused

GOOD = """graph f(x: f32[n], W: f32[3]) -> f32[n]:
  parameters: W
  %0: f32[n] = multiply(x, 2.0)
  return %0
  update W = W
"""


def test_the_text_that_the_bad_ones_differ_from_is_good():
    assert len(parse(GOOD)) == 2


BAD = [
    ("multiply(", "multiplied(", 3, "there is no operation 'multiplied'"),
    ("multiply(x", "multiply(%1", 3, "%1 is used but no line above makes it"),
    ("multiply(x", "multiply(%0", 3, "%0 is used but no line above makes it"),
    ("multiply(x", "multiply(y", 3, "y is no input, parameter or state"),
    ("multiply(x, 2.0)", "multiply(x)", 3, "multiply takes 2 operands, not 1"),
    ("multiply(x, 2.0)", "multiply(x, 2.0:f64)", 3, "multiply does not take operands of float32, float64"),
    ("multiply(x, 2.0)", "multiply(x, True)", 3, "multiply does not take operands of float32, bool"),
    ("multiply(x, 2.0)", "multiply(x, 2.0:f16)", 3, "f16 is no dtype"),
    ("multiply(x, 2.0)", "multiply(x, 1e60)", 3, "1e60 is no float32"),
    ("multiply(x, 2.0)", "multiply(x, W)", 3, "shapes do not broadcast: n meets 3"),
    ("multiply(x, 2.0)", "multiply(x, 2.0", 3, "this is no node"),
    ("multiply(x, 2.0)", "multiply(x, [)", 3, "brackets do not match"),
    ("multiply(x, 2.0)", "reshape(x)", 3, "reshape needs shape"),
    ("multiply(x, 2.0)", "reshape(x, shape=(3,))", 3, "reshape does not take these operands and attributes together"),
    ("multiply(x, 2.0)", "reshape(x, shape=(2.5,))", 3, "reshape cannot have this shape"),
    ("multiply(x, 2.0)", "reshape(x, shape=(n,), axis=1)", 3, "reshape has no axis"),
    ("multiply(x, 2.0)", "sum(x, axes=(0:i64,))", 3, "attributes have no dtype: 0:i64"),
    ("multiply(x, 2.0)", f"sum(x, axes=({10**30},))", 3, "is too large a number"),
    ("multiply(x, 2.0)", "tanh(x, axis=1)", 3, "tanh has no axis"),
    ("multiply(x, 2.0)", "sum(x, axes=(1,))", 3, "sum does not take"),
    ("multiply(x, 2.0)", "slice(W, starts=(1,), sizes=(3,), steps=(1,))", 3, "slice does not take"),
    ("multiply(x, 2.0)", "custom(x, x)", 3, "custom cannot be read from text"),
    ("multiply(x, 2.0)", "reshape(x, shape=(n,), shape=(n,))", 3, "shape is given twice"),
    ("multiply(x, 2.0)", 'input(name="x", shape=(n,), dtype=f32)', 3, "there is no operation 'input'"),
    ("%0: f32[n]", "%0: f32[m]", 3, "multiply gives f32[n], not f32[m]"),
    ("%0: f32[n]", "%0, %1: (f32[n], f32[n])", 3, "multiply gives f32[n], not (f32[n], f32[n])"),
    ("%0: f32[n]", "%0: f32[n", 3, "f32[n is no type"),
    ("%0: f32[n]", "%0: q[n]", 3, "q[n] is no type"),
    ("%0: f32[n]", "%0: f32[n/2]", 3, "'n/2' is no size"),
    ("%0: f32[n]", f"%0: f32[{'(' * 9999}n{')' * 9999}]", 3, "brackets are nested too deeply"),
    ("parameters: W", "parameters: V", 2, "'V' is not in the header"),
    ("parameters: W", "", 5, "W is no parameter or state"),
    ("f32[3]) ->", "i32[3]) ->", 3, "parameters are floats"),
    ("f32[3]) ->", "f32[k]) ->", 3, "its shape must be ints"),
    ("x: f32[n], W", "W: f32[n], W", 1, "two leaves have one name"),
    ("-> f32[n]", "-> f32[3]", 6, "f returns f32[n], its header says f32[3]"),
    ("graph f(x: f32[n], W: f32[3]) -> f32[n]:", "", 2, "a graph begins with its header"),
    ("graph f(", "graph f ", 1, "this is no header"),
    ("return %0", "return %0\n  return %0", 5, "a graph has one return"),
    ("  return %0\n", "", 5, "f has no return"),
    ("W = W", "W = x", 5, "W is f32[3], its update f32[n]"),
    ("W = W", "W = W\n  update W = W", 6, "W is updated twice"),
    ("  return", "  graph g() -> ():\n  return", 4, "one text holds one graph"),
    ("  return", "  what is this\n  return", 4, "expected %n: type"),
]


@pytest.mark.parametrize(("old", "new", "line", "told"), BAD, ids=[b[3][:30] for b in BAD])
def test_what_is_no_graph_is_told_with_its_line(old, new, line, told):
    bad = GOOD.replace(old, new, 1)
    assert bad != GOOD
    with pytest.raises(GraphError) as error:
        parse(bad)
    assert error.value.fact.startswith(f"line {line}: ") and told in error.value.fact


def test_every_primitive_has_a_law():
    leaves = {"input", "parameter", "state", "constant", "custom"}
    primitives = [op for op in REGISTRY.values() if op.kind != "composite" and op.name not in leaves]
    assert [op.name for op in primitives if op.law is None] == []


def damaged(text: str, rng: random.Random) -> str:
    """The text with a number, an operand or a dtype replaced by another, or an attribute left out."""
    lines = text.split("\n")
    k = rng.randrange(len(lines))
    line = lines[k] = lines[k].split("  #")[0]
    pattern, others = rng.choice(
        [
            (r"(?<![\w%.])-?\d+(?![\w.])", ["0", "1", "-1", "7", "1000000", "1000000000000000000000"]),
            (r"%\d+|\bx\d\b", re.findall(r"%\d+|\bx\d\b", text)),
            (r"\b(f32|f64|i32|i64|bool|True|False)\b", ["f32", "f64", "i64", "bool", "True", "None"]),
            (r", \w+=(\([^)]*\)|\w+)(?=[,)])", [""]),
        ]
    )
    found = list(re.finditer(pattern, line))
    if found and others:
        at = rng.choice(found)
        lines[k] = line[: at.start()] + rng.choice(others) + line[at.end() :]
    return "\n".join(lines)


def types_follow(text: str) -> Graph:
    """The graph of a text whose written types are set right, so that damage goes as deep as it can."""
    for _ in range(50):
        try:
            return parse(text)
        except GraphError as error:
            m = re.match(r"line (\d+): \S+ (?:gives|returns) (.*), (?:not|its header says) (.*)", error.fact)
            lines = text.split("\n")
            k = int(m[1]) - 1 if m and "gives" in error.fact else 0
            if m is None or m[3] not in lines[k]:
                raise
            before, _, after = lines[k].rpartition(m[3]) if k == 0 else lines[k].partition(m[3])
            lines[k] = before + m[2] + after
            text = "\n".join(lines)
    raise GraphError("the types do not settle")


@pytest.mark.parametrize("name", SAMPLED)
def test_damaged_text_is_refused_or_compiles(name):
    rng = random.Random(name)
    for graph, _ in itertools.islice(of_operation(name), 4):
        for _ in range(6):
            try:
                damaged_graph = types_follow(damaged(str(graph), rng))
                if all(size_at_most(v, 10**6) for n in damaged_graph.nodes for v in n.outputs):
                    gd.compile(damaged_graph)
            except gd.GraphdiffError:
                pass


def size_at_most(value, limit):
    return math.prod(s for s in value.shape if isinstance(s, int)) <= limit


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment", "\x00", "graph", "body @0 f() -> ():\n  return"])
def test_other_texts_are_refused(text):
    with pytest.raises(GraphError, match="line"):
        parse(text)
    with pytest.raises(GraphError, match="expected the text of a graph, got bytes"):
        parse(text.encode())


@pytest.mark.parametrize(
    "behind",
    [
        "",
        " of %99 (",
        " of W (a.py:3) in \x07",
        " ((((",
        ' "',
        " a.py:99999999999999999",
        " of %0 %0: f32[n] = x",
        " # # #",
    ],
)
def test_no_comment_breaks_parsing(behind):
    text = "\n".join(f"{line}  #{behind}" for line in GOOD.split("\n"))
    assert without_comments(str(parse(text))) == without_comments(str(parse(GOOD)))


def test_a_place_in_text_is_told_when_a_graph_read_from_it_fails():
    x = parse(GOOD).outputs[0]
    assert str(x.node.source) == "<text>:3"


def test_windows_line_ends_and_indentation_do_not_matter():
    text = str(parse(GOOD))
    assert str(parse(GOOD.replace("\n", "\r\n"))) == text
    assert str(parse("\n".join("    " + line for line in GOOD.split("\n")))) == text


def test_a_long_chain_prints_and_reads_back_without_recursion():
    x = y = input_("x", ())
    for _ in range(20_000):
        y = multiply(y, 2.0)
    assert len(round_trip(Graph("chain", [x], [y]))) == 20_001


@pytest.mark.parametrize("name", SAMPLED)
def test_every_operation_reads_back(name):
    for graph, _ in of_operation(name):
        if all(node.op.name != "custom" for node in graph.nodes):  # no text can hold a rule in Python
            round_trip(graph)


@hypothesis.given(random_graphs())
def test_random_graphs_read_back_and_compute_the_same(pair):
    graph, feed = pair
    back = round_trip(graph)
    for a, b in zip(evaluate_graph(graph, feed)[0], evaluate_graph(back, feed)[0], strict=True):
        np.testing.assert_array_equal(a, b)


@hypothesis.given(random_graphs())
def test_text_compiles_to_the_same_bits(pair):
    graph, feed = pair
    f = gd.compile(graph)
    first, again = f(**feed), gd.compile(gd.parse(str(f.graph)))(**feed)
    for a, b in zip(first if isinstance(first, list) else [first], again if isinstance(again, list) else [again]):
        assert a.tobytes() == b.tobytes()


def test_loops_and_branches_read_back_with_their_bodies():
    x, w = gd.input("x", ("n", 3)), gd.parameter("W", np.eye(3, dtype=np.float32))

    def step(h, row):
        return (
            gd.cond(gd.sum(row) > 0, gd.tanh, lambda v: -v, h @ w + row),
            gd.while_loop(lambda v: gd.sum(v) < 9, lambda v: v * 2, h, 5),
        )

    h, ys = gd.scan(step, gd.zeros(3), x)
    loss = gd.sum(h) + gd.sum(ys)
    graph = Graph("loops", [x], [loss, gd.grad(loss, w)])
    back = round_trip(graph)
    assert str(graph).count("body @") > 6
    feed = {"x": np.random.default_rng(0).normal(size=(4, 3)), "W": np.full((3, 3), 0.3)}
    for a, b in zip(evaluate_graph(graph, feed)[0], evaluate_graph(back, feed)[0], strict=True):
        np.testing.assert_array_equal(a, b)


def test_place_reads_back():
    x = input_("x", (3,))
    round_trip(Graph("f", [x], [place(x, 0.0, (9,), (1,), (2,))]))


def test_the_number_of_a_size_is_one_thing_that_reads_back():
    x = input_("x", ("batch", 3), "float64")
    n = input_("n", (), "int32")
    y = gd.mean(x) * gd.mean(x.astype("float32")).astype("float64") + gd.var(x, axis=0)[0]
    total = gd.sum(gd.arange(x.shape[0] * 2 - 1)) + n.astype("int64")
    graph = Graph("g", [x, n], [y, total])
    assert "index(" not in graph.text().replace("= index(shape=(2*batch-1,)", "")
    assert re.search(r"= divide\(%\d+, size\(3\*batch\)\) ", graph.text())
    back = round_trip(graph)
    assert {(node.op.name, node.outputs[0].dtype) for node in back} == {(n.op.name, n.outputs[0].dtype) for n in graph}
    f = gd.compile(graph)
    round_trip(f.graph)
    data = np.random.default_rng(0).standard_normal((4, 3))
    for a, b in zip(f(data, 5), gd.compile(back)(data, 5)):
        np.testing.assert_array_equal(a, b)
    adj = gd.adjoint(gd.mean(x * x), x)
    assert "size(3*batch)" in adj.text() and "index" not in adj.text()
    assert not any("index" in line for line in adj.to_dot().splitlines())
    divide = next(node for node in adj.forward if node.op.name == "divide")
    assert [text for _, text in Formulas().vjp(divide)] == ["x̄ += ȳ / (3*batch)"]
    with pytest.raises(gd.GraphError, match=r"size\(batch\) has no dtype"):
        parse("graph g(x: f32[batch]) -> f32[]:\n  return size(batch)")
    with pytest.raises(gd.GraphError, match="divided by zero"):
        parse("graph g(x: f32[batch]) -> f32[]:\n  return size(batch//0):f32")
    for size in ("i", "((n))", "i32", "a//2"):
        dim = as_size(size) if size != "((n))" else as_size("n")
        z = input_("z", (dim,))
        round_trip(Graph("g", [z], [gd.mean(z)]))
