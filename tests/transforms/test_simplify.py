"""Every row of the rewrite table fires, keeps values and types, and makes smaller what it says; whole graphs too."""

import threading

import hypothesis
import numpy as np
import pytest
from evaluate import evaluate, evaluate_graph
from graphs import SAMPLED, of_operation, random_graphs

from graphdiff.errors import DTypeError, GraphError, ShapeError
from graphdiff.ir import dims
from graphdiff.ir.graph import Graph
from graphdiff.ir.node import Value, name_scope, topological
from graphdiff.ir.verify import verify
from graphdiff.ops import comparison as c
from graphdiff.ops import elementwise as e
from graphdiff.ops import functions as f
from graphdiff.ops import gather as g
from graphdiff.ops import losses, nn
from graphdiff.ops import movement as m
from graphdiff.ops import reduce as r
from graphdiff.ops import sigmoids as sg
from graphdiff.ops import special as sp
from graphdiff.ops.customize import custom
from graphdiff.ops.gather import take
from graphdiff.ops.joining import concat
from graphdiff.ops.leaves import input as input_
from graphdiff.ops.leaves import parameter, state
from graphdiff.ops.registry import REGISTRY
from graphdiff.ops.tensor import constant, make
from graphdiff.transforms.differentiate import grad
from graphdiff.transforms.rules import RULES, Table
from graphdiff.transforms.rules.logarithms import POWERS, SUMS, THROUGH, log1p_behind, stable_log
from graphdiff.transforms.simplify import PASSES, simplify
from graphdiff.transforms.substitute import substitute

X = input_("x", ("n", 4), "float64")
Y = input_("y", ("n", 4), "float64")
ROW = input_("row", (4,), "float64")
COL = input_("col", ("n", 1), "float64")
S = input_("s", (), "float64")
F = input_("f", ("n", 4), "float32")
I = input_("i", ("n", 4), "int64")
B = input_("b", ("n", 4), "bool")
C = input_("c", ("n", 4), "bool")
FIXED = input_("fixed", (6, 4), "float64")
N = X.shape[0]
MINUS, M_QUARTER = constant(-1.0, "float64"), constant(-0.25, "float64")
LEAVES = [X, Y, ROW, COL, S, F, I, B, C, FIXED]
SIZES = {"n": 5}


def feeds(seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    out = {}
    for v in LEAVES:
        shape = tuple(dims.evaluate(s, SIZES) for s in v.shape)
        draw = {
            "f": lambda s: rng.uniform(0.2, 2, s),
            "i": lambda s: rng.integers(-5, 5, s),
            "b": lambda s: rng.integers(0, 2, s).astype(bool),
        }[v.dtype.kind]
        out[v.name] = np.asarray(draw(shape), v.dtype)
    return out


def raw(name, *xs, **attrs):
    """A node as it stands, past what public functions leave out by themselves."""
    return make(REGISTRY[name], xs, attrs)


def bt(x, *shape):
    return m.broadcast_to(x, shape)


def placed(x, start, axis=0):
    starts = tuple(start if i == axis else 0 for i in range(2))
    return m.place(x, 0.0, (6, 4), starts, (1, 1))


# One or more expressions for each row; the row must fire on each of them.


def spelled_slope(swapped):
    """The derivative of exp(X) / COL, where COL is the sum of exp(X), by the rules of quotients and exponentials."""
    near, raised = Y * e.reciprocal(COL), f.exp(X)
    far = m.reshape(-r.sum(near * (raised / COL), axis=1), (N, 1))
    return raised * (far + near) if swapped else (near + far) * raised


def chosen(n, labels):
    """Of logits of ``n`` classes those that labels from 0 to 5 name."""
    labels = g.checked_label(e.abs(labels), n)
    return r.sum(e.where(g.is_label(labels, n), m.expand_dims(X, -1) * np.arange(1.0, n + 1), 0), axis=-1)


CASES = {
    "broadcast_late": [
        e.add(bt(S, N, 4), X),
        e.multiply(bt(S, N, 4), bt(ROW, N, 4)),
        f.exp(bt(COL, N, 4)),
        e.where(B, bt(COL, N, 4), X),
        e.add(X, np.full(4, 3.0)),
    ],
    "leading_ones": [e.add(m.reshape(ROW, (1, 4)), X), e.multiply(X, m.reshape(S, (1, 1)))],
    "broadcast_same": [raw("broadcast_to", X, shape=X.shape)],
    "broadcast_broadcast": [bt(bt(COL, N, 4), 3, N, 4)],
    "broadcast_reshape": [bt(m.reshape(ROW, (1, 4)), N, 4)],
    "broadcast_ones": [bt(ROW, 1, 1, 4)],
    "reshape_same": [raw("reshape", X, shape=X.shape)],
    "reshape_reshape": [m.reshape(m.reshape(X, (4, N)), (-1,))],
    "reshape_broadcast": [
        m.reshape(bt(COL, N, 4), (N, 1, 4)),
        m.reshape(bt(S, N, 4), (4 * N,)),
        m.reshape(bt(ROW, N, 4), (1, N, 1, 4)),
    ],
    "permute_same": [raw("permute_dims", X, axes=(0, 1))],
    "permute_permute": [m.permute_dims(m.permute_dims(FIXED[None], (2, 0, 1)), (1, 0, 2))],
    "slice_all": [raw("slice", FIXED, starts=(0, 0), sizes=(6, 4), steps=(1, 1))],
    "slice_slice": [FIXED[1:, ::2][::2, 1:], FIXED[::-1][1:5:2], X[1:][1:]],
    "slice_place": [m.slice(m.place(ROW, 0.0, (9,), (1,), (2,)), (1,), (4,), (2,))],
    "slice_concat": [concat([FIXED, X])[1:3], concat([X, Y, FIXED], axis=0)[N : 2 * N], concat([ROW, ROW * 2])[5:7]],
    "place_all": [m.place(FIXED, 0.0, (6, 4), (0, 0), (1, 1))],
    "concat_concat": [concat([concat([X, Y]), X]), raw("concat", X, axis=0)],
    "concat_slices": [concat([FIXED[:2], FIXED[2:5], X]), concat([X[:, :1], X[:, 1:3]], axis=1)],
    "places_to_concat": [
        placed(FIXED[:2], 0) + placed(FIXED[2:] * 2, 2),
        placed(FIXED[:, 1:], 1, 1) + placed(FIXED[:, :1], 0, 1),
    ],
    "add_zero": [X + 0, 0 + I, X + -0.0],
    "subtract_zero": [X - 0.0, I - 0],
    "multiply_one": [X * 1, 1 * I],
    "divide_one": [X / 1],
    "multiply_minus_one": [X * -1, -1 * I],
    "multiply_self": [X * X, I * I],
    "multiply_reciprocal": [X * e.reciprocal(Y), e.reciprocal(X) * S],
    "divide_of_one": [1 / X],
    "divide_power_of_two": [X / 8, F / -0.5],
    "scale_scale": [(X * 3) * 5, (X / 3) / 5, (3 * X) / 5, (X / 3) * 5, (I * 3) * 5],
    "negative_negative": [e.negative(-X)],
    "negative_scale": [-(X * 3), -(X / 3)],
    "add_negative": [X + -Y, -X + Y],
    "subtract_negative": [X - -Y],
    "negative_late": [X * -Y, -X * Y, -X * -Y, X / -Y, -X / Y, -X * 3, 3 / -X],
    "sum_negative": [r.sum(-X, axis=0)],
    "even_function": [e.abs(-X), e.square(e.abs(X)), f.cos(-X)],
    "power_of_number": [X**0, I**0, X**1, X**2, I**2, X**3, X**-1],
    "sqrt_square": [e.sqrt(e.square(X - 1))],
    "log_exp": [f.log(f.exp(X))],
    "log_quotient_of_exp": [f.log(nn.softmax(X))],
    "log_one_plus": [f.log(1 + X), f.log(F + 1)],
    "log1p_exp": [f.log1p(f.exp(X))],
    "log_sigmoid": [f.log(sg.sigmoid(X))],
    "log_one_minus_sigmoid": [f.log(1 - sg.sigmoid(X))],
    "square_root": [e.square(r.root(F)), e.pow(r.root(F), 2.0), e.square(e.astype(r.root(F), "float32"))],
    "log_odds": [f.log(sg.sigmoid(X) / (1 - sg.sigmoid(X)))],
    "log_behind": [
        f.log(sg.sigmoid(X)[1:, ::2]),
        f.log(take(nn.softmax(X), [0, 2, 0], axis=1)),
        f.log(m.permute_dims(f.exp(X), (1, 0))),
        f.log(1 - m.reshape(sg.sigmoid(X), (4, N))),
        f.log(e.where(B, nn.softmax(X), 1.0)),
        f.log(concat([f.exp(X), Y])),
        f.log(r.min(f.exp(X), axis=0)),
        f.log(e.square(sg.sigmoid(X))),
        f.log(f.exp(X) * Y),
        f.log(Y / f.exp(X)),
        f.log(e.sqrt(f.exp(X))),
        f.log(e.pow(f.exp(X), 2.5)),
        f.log(r.sum(sg.sigmoid(X) * e.astype(B, "float64"), axis=1)),
        f.log(r.sum(f.exp(X) * 0.5)),
        f.log(e.add(sg.sigmoid(X), f.exp(Y))),
        f.log(nn.softmax(X) @ np.array([1.0, 0.0, 2.0, 1.0])),
        f.log(r.prod(f.exp(X), axis=1)),
        f.log(nn.softmax(X)[:, :1] / nn.softmax(X)),
    ],
    "log1p_behind": [f.log1p(f.exp(X)[1:]), f.log1p(-take(sg.sigmoid(X), [0, 0], axis=1))],
    "log_one_minus_exp": [f.log1p(-f.exp(-X)), f.log(-f.expm1(-X))],
    "log_of_another_base": [
        f.log2(sg.sigmoid(X)),
        f.log10(1 - sg.sigmoid(X)),
        f.log2(1 + f.exp(X)),
        f.log10(f.exp(X)),
        f.log2(nn.softmax(X)[1]),
    ],
    "log_cosh": [f.log(f.cosh(X))],
    "log_one_minus_square_of_tanh": [f.log(1 - e.square(sg.tanh(X))), f.log1p(-e.square(sg.tanh(X)))],
    "log_of_a_tail": [
        f.log(sp.erfc(X)),
        f.log(1 - sg.tanh(X)),
        f.log(1 + sp.erf(X)),
        f.log(sp.erf(-X) + 1),
        f.log1p(sg.tanh(X)),
        f.log1p(-sp.erf(X)),
    ],
    "log_of_normal_distribution": [f.log(sp.ndtr(X)), f.log(1 - sp.ndtr(X)), f.log1p(-sp.ndtr(X))],
    "log_difference_of_exp": [
        f.log(f.expm1(X)),
        f.log(f.exp(X) - 1),
        f.log(f.sinh(X)),
        f.log(f.exp(X + 3) - f.exp(ROW)),
    ],
    "log_one_minus": [f.log(1 - X * 0.25), f.log(1 - F * 0.25)],
    "log_reciprocal": [f.log(e.reciprocal(X))],
    "log_add_exp": [f.log(f.exp(X) + f.exp(ROW))],
    "reciprocal_one_plus_exp": [e.reciprocal(1 + f.exp(-X))],
    "divide_one_plus_exp": [X / (1 + f.exp(-X)), f.exp(X) / (1 + f.exp(X))],
    "log_sum_exp": [f.log(r.sum(f.exp(X), axis=1)), f.log(r.sum(f.exp(X), axis=1, keepdims=True))],
    "softmax_spelled": [f.exp(X) / r.sum(f.exp(X), axis=1, keepdims=True)],
    "log1p_minus_sigmoid": [f.log1p(-sg.sigmoid(X))],
    "softmax_less_label": [
        e.where(B, -S, 0) + f.exp(X) * (S / COL),
        (0.25 / COL) * f.exp(X) + e.where(B, M_QUARTER, 0),
        e.where(B, MINUS, 0) + f.exp(X) * e.reciprocal(COL),
    ],
    "softmax_slope": [spelled_slope(False), spelled_slope(True)],
    "where_known": [e.where(True, X, S), e.where(False, X, S)],
    "where_same": [e.where(B, X, X), e.where(B, S, S)],
    "where_not": [e.where(e.logical_not(B), X, Y)],
    "where_where": [e.where(B, e.where(B, X, Y), S), e.where(B, S, e.where(B, X, Y)), e.where(B, e.where(B, S, X), S)],
    "where_one_zero": [e.where(B, constant(1.0, "float64"), 0.0), e.where(B, 1, 0)],
    "sum_of_one": [chosen(300, I), chosen(256, e.astype(I, "int32"))],
    "idempotent": [e.maximum(X, X), c.logical_and(B, B)],
    "not_not": [e.logical_not(e.logical_not(B)), e.logical_not(e.equal(I, 2))],
    "logic_with_known": [
        c.logical_and(B, True),
        c.logical_and(B, False),
        c.logical_or(True, B),
        c.logical_or(B, False),
    ],
    "astype_astype": [
        e.astype(e.astype(F, "float64"), "float32"),
        e.astype(e.astype(B, "float32"), "int64"),
        e.astype(e.astype(e.astype(I, "int32"), "float64"), "int32"),
        raw("astype", X, dtype=X.dtype),
    ],
    "stop_gradient_late": [e.stop_gradient(X)],
    "custom_late": [custom("double", lambda x: x * 2, vjp=lambda g, y, x: g)(X)],
    "reduce_ones": [r.sum(COL[:1], axis=(0, 1)), r.max(COL, axis=1), raw("sum", X, axes=())],
    "reduce_reduce": [r.sum(r.sum(FIXED[None], axis=1), axis=0), r.max(r.max(X, axis=1), axis=0)],
    "reduce_view": [r.sum(m.reshape(X, (4 * N,))), r.max(m.permute_dims(FIXED, (1, 0))), r.sum(m.reshape(S, (1, 1)))],
    "sum_broadcast": [r.sum(bt(S, N, 4)), r.sum(bt(ROW, N, 4), axis=0), r.sum(bt(COL, N, 4), axis=1)],
    "extreme_broadcast": [r.max(bt(ROW, 6, 4), axis=0)],
}

ROWS = {row.name: row for row in RULES}
EACH = [(name, i) for name in CASES for i in range(len(CASES[name]))]

# What operations cost, for the measure that ends rewriting: see graphdiff/transforms/rules/__init__.py. Only the order
# matters: views and casts below negation below arithmetic below quotients below functions below powers.
WEIGHTS = {
    **dict.fromkeys(("reshape", "permute_dims", "slice", "index"), 1),
    "broadcast_to": 2,
    "astype": 3,
    "negative": 2,
    "abs": 2,
    "square": 3,
    "reciprocal": 5,
    "divide": 6,
    "pow": 20,
    "sum": 10,
    "softplus": 10,
    "log1p": 9,
    **dict.fromkeys(("exp", "log", "sigmoid", "cos", "tanh", "max"), 8),
}


LOOKED_THROUGH = (*THROUGH, *POWERS, *SUMS, "where", "subtract", "cosh", "astype")


def _overflows(node) -> bool:
    """Whether a node is a sum of exponentials of something from which no maximum has been taken, or a logarithm of what
    underflows before it is taken."""
    if node.op.name in ("log2", "log10"):
        return stable_log(node.inputs[0]) is not None
    tails = ("log_of_a_tail", "log_of_normal_distribution", "log_difference_of_exp")
    if any(node.op.name in ROWS[n].ops and ROWS[n].rewrite(node) is not None for n in tails):
        return True
    if node.op.name == "log" and node.inputs[0].node.op.name in LOOKED_THROUGH:
        names = (
            "log_quotient_of_exp",
            "log_one_minus_sigmoid",
            "log_odds",
            "log_add_exp",
            "log_one_plus",
            "log_sum_exp",
        )
        known = (ROWS[n].rewrite for n in names)
        return all(row(node) is None for row in known) and stable_log(node.inputs[0]) is not None
    if node.op.name == "log1p" and log1p_behind(node) is not None:
        return True
    if node.op.name in ("log", "log1p") and node.inputs[0].node.op.name in ("subtract", "negative"):
        squared = node.inputs[0].node.inputs[-1].node
        return squared.op.name == "square" and squared.inputs[0].node.op.name == "tanh"
    if node.op.name != "sum" or node.inputs[0].node.op.name != "exp":
        return False
    x = node.inputs[0].node.inputs[0]
    return "max" not in [n.op.name for n in topological([x])]


def measure(value: Value) -> tuple[int, int, int, int]:
    """Overflows, weight, elements and negations beneath products, over the expression as a tree."""
    totals: dict[int, tuple[int, int, int, int, int]] = {}
    for node in topological([value]):
        leaf = node.op.name in ("input", "constant")
        elements = int(np.prod([dims.evaluate(s, {"n": 1009}) for s in node.outputs[0].shape], dtype=int))
        free = node.op.name in ("input", "broadcast_to")
        weight = 0 if leaf else WEIGHTS.get(node.op.name, 4)
        own = [_overflows(node), weight, 0 if free else elements, 0, node.op.name == "negative"]
        for v in node.inputs:
            own = [a + b for a, b in zip(own, totals[id(v)])]
        if node.op.name in ("multiply", "divide"):
            own[3] += own[4]
        totals[id(node.outputs[0])] = tuple(own)
    return totals[id(value)][:4]


def close(a, b):
    a, b = np.asarray(a), np.asarray(b)
    assert a.shape == b.shape and a.dtype == b.dtype
    np.testing.assert_allclose(a, b, rtol=1e-5 if a.dtype == np.float32 else 1e-12, atol=1e-12)


def test_every_row_has_a_case():
    assert set(ROWS) == set(CASES)
    assert all(row.doc for row in RULES)


@pytest.mark.parametrize(("name", "i"), EACH)
def test_a_row_fires_keeps_values_and_makes_its_measure_smaller(name, i):
    before, row = CASES[name][i], ROWS[name]
    after = row.bound({})(before.node)
    assert after is not None, "the row does not fire"
    assert after.shape == before.shape and after.dtype is before.dtype
    close(*evaluate([before, after], feeds(), SIZES))
    old, new = measure(before), measure(after)
    assert new < old, "nothing got smaller"
    component = ("overflows", "weight", "elements", "negations")[next(k for k in range(4) if new[k] != old[k])]
    assert component in row.decreases


@pytest.mark.parametrize(("name", "i"), EACH)
def test_a_rewritten_graph_is_well_formed_and_computes_the_same(name, i):
    before = CASES[name][i]
    graph = Graph("g", LEAVES, [before])
    after, became = simplify(graph)
    verify(after)
    assert became.get(before, before) is after.outputs[0]
    close(evaluate([before], feeds(), SIZES)[0], evaluate(after.outputs, feeds(), SIZES)[0])
    again, nothing = simplify(after)
    assert not nothing and str(again) == str(after), "a second sweep finds more"


def simplified(*outputs, **kwargs) -> str:
    """The body of the simplified graph of some values of the leaves above, without comments."""
    graph, _ = simplify(Graph("g", LEAVES, outputs), **kwargs)
    lines = str(verify(graph)).split("\n")[1:]
    return "; ".join(line.split("  # ")[0].strip() for line in lines)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (X - X, "%0: f64[n,4] = subtract(x, x); return %0"),  # NaN and infinities
        (X * 0, "%0: f64[n,4] = multiply(x, 0.0); return %0"),
        (X**0.5, "%0: f64[n,4] = pow(x, 0.5); return %0"),  # differs from sqrt at -0 and -inf
        (X / 3, "%0: f64[n,4] = divide(x, 3.0); return %0"),
        (f.exp(f.log(X)), "%0: f64[n,4] = log(x); %1: f64[n,4] = exp(%0); return %1"),
        ((X * 1e-200) * 1e-200, "%0: f64[n,4] = multiply(x, 1e-200); %1: f64[n,4] = multiply(%0, 1e-200); return %1"),
        (
            e.astype(e.astype(I, "float64"), "int64"),
            "%0: f64[n,4] = astype(i, dtype=f64); %1: i64[n,4] = astype(%0, dtype=i64); return %1",
        ),
        (placed(FIXED[:3], 0) + placed(FIXED[2:], 2), None),  # overlap
        (m.place(ROW, 1.0, (8,), (0,), (1,)) + m.place(ROW, 1.0, (8,), (4,), (1,)), None),  # not in zeros
        (X[1:] + X[:-1], None),
    ],
    ids=str,
)
def test_what_would_change_results_is_left_alone(value, text):
    assert simplified(value) == (text or simplified(value, passes=("merge",)))


def test_constants_are_folded():
    c = constant(np.float64(2))
    assert simplified(f.exp(c) * X + e.sqrt(c * 2)) == (
        "%0: f64[n,4] = multiply(7.38905609893065, x); %1: f64[n,4] = add(%0, 2.0); return %1"
    )
    assert simplified(m.reshape(constant(np.arange(6.0)), (2, 3))[:, 1:]) == (
        "%0: f64[2,2] = constant([[1.0, 2.0], [4.0, 5.0]]); return %0"
    )
    assert simplified(m.place(constant(np.array([1.0, 2.0])), 0.5, (4,), (1,), (1,))) == (
        "%0: f64[4] = constant([0.5, 1.0, 2.0, 0.5]); return %0"
    )


@pytest.mark.parametrize(
    "value",
    [
        e.astype(constant(np.array([np.nan, 1e300])), "int32"),  # undefined
        constant(np.array([2, 3])) ** constant(np.array([-1, 2])),
        m.broadcast_to(constant(2.0), (10_000,)),  # would grow
        constant(np.arange(5000.0)) + 1,
    ],
    ids=["nan to int", "negative power of ints", "broadcast", "large"],
)
def test_what_cannot_be_folded_is_left_to_run_time(value):
    graph, _ = simplify(Graph("g", [], [value]))
    assert graph.outputs[0].node.op is value.node.op


def test_equal_nodes_are_merged():
    assert simplified(sg.tanh(X + Y), sg.tanh(Y + X)) == (
        "%0: f64[n,4] = add(x, y); %1: f64[n,4] = tanh(%0); return %1, %1"
    )
    assert simplified(X - Y, Y - X).count("subtract") == 2
    assert simplified(r.sum(X, axis=0), r.sum(X, axis=1)).count("sum") == 2
    ones, twos = np.arange(40.0), np.arange(40.0) + 1
    assert simplified(constant(ones), constant(ones.copy()), constant(twos)).count("constant") == 2


def test_each_pass_can_be_left_out():
    value = e.stop_gradient(f.exp(constant(1.0)) + F * 1) + (f.exp(constant(1.0)) + F * 1)
    for name, told in (("fold", "exp"), ("rewrite", "multiply"), ("final", "stop_gradient")):
        assert told in simplified(value, passes=[p for p in PASSES if p != name])
        assert told not in simplified(value)
    assert simplified(value, passes=["fold", "rewrite"]).count("2.718282") == 2
    with pytest.raises(GraphError, match="no pass dead_code; there are fold, rewrite, merge, final"):
        simplify(Graph("g", LEAVES, [value]), passes=["dead_code"])


def test_a_graph_that_nothing_applies_to_keeps_its_nodes():
    graph = Graph("g", LEAVES, [sg.tanh(X) + Y])
    after, became = simplify(graph)
    assert after.nodes == graph.nodes and not became


def test_nodes_stay_in_the_order_they_were_declared():
    a = sg.tanh(X * 1)
    b = f.exp(Y)
    assert simplified(a + b).split("; ")[:2] == ["%0: f64[n,4] = tanh(x)", "%1: f64[n,4] = exp(y)"]


def test_updates_follow():
    n, w = state("n", np.int64(0)), parameter("w", np.ones(4))
    graph = Graph("g", [X], [], [(n, n + 0 + 1), (w, w * 1)])
    after, _ = simplify(graph)
    assert str(after).endswith("update n = %0\n  update w = w") and after.parameters == graph.parameters


# --------------------------------------------------------------------------------------- many graphs


def same(a, b):
    """Equal but for rounding, and in what is not finite."""
    assert a.shape == b.shape and a.dtype == b.dtype
    if a.dtype.kind != "f":
        np.testing.assert_array_equal(a, b)
        return
    eps = np.finfo(a.dtype).eps
    scale = np.max(np.abs(a), where=np.isfinite(a), initial=0)
    np.testing.assert_allclose(a, b, rtol=1e4 * eps, atol=100 * eps * float(scale))


@pytest.mark.parametrize("name", SAMPLED)
def test_every_operation_and_its_gradients_compute_the_same_when_simplified(name):
    for graph, feed in of_operation(name):
        after, _ = simplify(graph)
        verify(after)
        for a, b in zip(evaluate_graph(graph, feed)[0], evaluate_graph(after, feed)[0], strict=True):
            same(a, b)
        _again, nothing = simplify(after)
        assert not nothing, "a second sweep finds more"


@hypothesis.settings(max_examples=300)
@hypothesis.given(random_graphs())
def test_random_graphs_compute_the_same_when_simplified(pair):
    graph, feed = pair
    after, _ = simplify(graph)
    verify(after)
    assert len(after) <= len(graph) + 5
    for a, b in zip(evaluate_graph(graph, feed)[0], evaluate_graph(after, feed)[0], strict=True):
        assert a.shape == b.shape and a.dtype == b.dtype
        hypothesis.assume(np.isfinite(a).all())
        same(a, b)


@hypothesis.given(random_graphs())
def test_merging_alone_changes_no_bit(pair):
    graph, feed = pair
    after, _ = simplify(graph, passes=["merge"])
    for a, b in zip(evaluate_graph(graph, feed)[0], evaluate_graph(after, feed)[0], strict=True):
        assert a.tobytes() == b.tobytes() or np.isnan(a).any()


# --------------------------------------------------------------------------------------- gradients


def test_the_adjoint_of_cross_entropy_is_p_minus_y():
    x, t = input_("x", ("n", 4)), input_("t", ("n",), "int64")
    for reduction, scaled in (("sum", False), ("mean", True)):
        loss = losses.cross_entropy(x, t, reduction=reduction)
        graph, _ = simplify(Graph("g", [x, t], [loss, grad(loss, x)]))
        g = graph.outputs[1].node
        if scaled:
            assert g.op.name == "multiply" and g.inputs[0].shape == ()
            g = g.inputs[1].node
        p, y = (v.node for v in g.inputs)
        assert (g.op.name, p.op.name, y.op.name) == ("subtract", "divide", "astype")
        assert p.inputs[0].node.op.name == "exp" and y.inputs[0].node.op.name == "equal"
        feed = {"x": np.random.default_rng(0).normal(size=(6, 4)), "t": np.array([0, 1, 2, 3, 3, 0])}
        y = np.eye(4)[feed["t"]]
        p = np.exp(feed["x"]) / np.exp(feed["x"]).sum(1, keepdims=True)
        expected = (p - y) / (6 if scaled else 1)
        np.testing.assert_allclose(evaluate_graph(graph, feed)[0][1], expected, rtol=1e-5, atol=1e-6)


def test_the_gradient_of_a_split_is_one_concat():
    x = input_("x", (3, 12))
    for order in ((0, 1, 2), (2, 0, 1), (1, 0, 2)):
        parts = [x[:, 4 * k : 4 * k + 4] for k in range(3)]
        q, k, v = (parts[i] for i in order)
        loss = r.sum(sg.tanh(q) * f.exp(k) + sg.sigmoid(v))
        graph, _ = simplify(Graph("g", [x], [grad(loss, x)]))
        assert graph.outputs[0].node.op.name == "concat" and "place" not in str(graph)
        assert [n.op.name for n in graph.nodes].count("add") == 0
        feed = {"x": np.random.default_rng(0).normal(size=(3, 12))}
        np.testing.assert_allclose(*(evaluate([g], feed)[0] for g in (graph.outputs[0], grad(loss, x))), rtol=2e-6)


def test_a_long_sequence_of_parts_becomes_one_concat_in_linear_time():
    x = input_("x", (4000,))
    loss = r.sum(concat([f.sin(x[k : k + 2]) for k in range(0, 4000, 2)]))
    graph, _ = simplify(Graph("g", [x], [grad(loss, x)]))
    assert graph.outputs[0].node.op.name == "concat" and len(graph.outputs[0].node.inputs) == 2000


def test_origins_sources_and_scopes_follow():
    with name_scope("layer"):
        y = sg.tanh(X * 1 + 0)
    loss = r.sum(y)
    graph, became = simplify(Graph("g", LEAVES, [loss, grad(loss, X)]))
    tanh = next(n for n in graph.nodes if n.op.name == "tanh")
    assert tanh.scope == "layer" and tanh.source == y.node.source and became[y] is tanh.outputs[0]
    backward = [n for n in graph.nodes if n.origin]
    assert backward and {n.origin.node for n in backward} <= {tanh, *graph.nodes}
    assert any(n.origin.node is tanh and n.origin.rule == "tanh.vjp" and n.scope == "layer" for n in backward)


def test_no_recursion_over_a_long_chain():
    x = y = input_("x", ())
    for _ in range(20_000):
        y = e.negative(-(f.sin(y) * 1)) + 0
    graph = Graph("g", [x], [y, grad(y, x)])
    sizes = []
    thread = threading.Thread(target=lambda: sizes.append(len(simplify(graph)[0])))
    threading.stack_size(512 * 1024)
    try:
        thread.start()
    finally:
        threading.stack_size(0)
    thread.join()
    assert sizes and sizes[0] < 3 * 20_000 + 10


def test_a_wrong_row_is_caught(monkeypatch):
    wrong = ROWS["negative_negative"]._replace(rewrite=lambda node: node.inputs[0][1:], on=())
    monkeypatch.setitem(Table.__init__.__globals__, "RULES", [wrong])
    with pytest.raises(GraphError, match=r"a rewrite of negative gave f64\[5,4\] for f64\[6,4\]"):
        simplify(Graph("g", LEAVES, [-FIXED]))


# --------------------------------------------------------------------------------------- substitution


def test_substitute_replaces_leaves_and_intermediate_values():
    h = sg.tanh(X)
    y = h * Y + r.sum(Y)
    new = substitute(y, {h: f.exp(Y), Y: X})
    feed = feeds()
    np.testing.assert_allclose(evaluate([new], feed)[0], np.exp(feed["y"]) * feed["x"] + feed["x"].sum())
    same, other = substitute([h, y], {ROW: ROW * 2})
    assert same is h and other is y


def test_substitute_keeps_adjoints_of_copies():
    y = sg.tanh(X)
    loss = r.sum(y)
    g = grad(loss, X)
    new_loss, new_g = substitute([loss, g], {X: Y})
    forward = {n for n in topological([new_loss]) if n.op.name in ("tanh", "sum")}
    adjoint = [n for n in topological([new_g]) if n.origin is not None and n.inputs and n not in topological([g])]
    assert adjoint and any(n.origin.node in forward for n in adjoint)


def test_substitute_refuses_another_type():
    with pytest.raises(ShapeError, match=r"x: f64\[n,4\] cannot become row: f64\[4\]"):
        substitute(sg.tanh(X), {X: ROW})
    with pytest.raises(DTypeError, match="cannot become"):
        substitute(sg.tanh(X), {X: F})
    with pytest.raises(GraphError, match="replacements are Tensors"):
        substitute(sg.tanh(X), {X: 1.0})
