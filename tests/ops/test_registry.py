"""What declarations say of operations, held against the core and against each other."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from evaluate import evaluate

import graphdiff as gd
import graphdiff.testing
from graphdiff.inspect.formula import Formulas
from graphdiff.ir.dtypes import CLASSES, DTYPES
from graphdiff.ir.node import topological
from graphdiff.ops import batching, namespaces, pattern
from graphdiff.ops.docstrings import parts
from graphdiff.ops.gather import split_at_axis
from graphdiff.ops.laws import broken, is_int, law, on_axis
from graphdiff.ops.microops import MICROOPS, REDUCTIONS, cost_of
from graphdiff.ops.notation import ATOM, PRODUCT, infix, written
from graphdiff.ops.opdef import composite, elementwise, linear
from graphdiff.ops.operands import axis_of
from graphdiff.ops.registry import REGISTRY, Call, Reduce, Sample, Tile, op_of
from graphdiff.ops.samples import on
from graphdiff.ops.tensor import as_tensor, make
from graphdiff.runtime import _core
from graphdiff.schedule.cost import NOMINAL, Costs


def test_python_and_the_core_have_the_same_lists():
    assert list(MICROOPS) == list(_core.microops()) and list(MICROOPS.values())
    assert list(REDUCTIONS) == list(_core.reductions())
    assert {f"row_{name}" for name, r in REDUCTIONS.items() if r.row} == {
        name for name, m in MICROOPS.items() if m.result == "R"
    }
    assert all(r.join in MICROOPS for r in REDUCTIONS.values())


def test_costs_are_powers_of_two_and_arithmetic_costs_one():
    assert all(m.cost >= 1 and m.cost & (m.cost - 1) == 0 for m in MICROOPS.values())
    assert {cost_of(name) for name in ("add", "multiply", "logical_and", "where", "less", "sum", "any")} == {1}
    assert cost_of("divide") < cost_of("exp") < cost_of("tanh") < cost_of("lgamma")


def test_kernels_that_operations_name_are_in_the_core():
    for op in REGISTRY.values():
        if isinstance(op.kernel, Tile):
            assert op.kernel.microop in MICROOPS, op
        elif isinstance(op.kernel, Reduce):
            assert op.kernel.reduction in REDUCTIONS, op


def seconds(function, *dtypes, rates=NOMINAL):
    """What the arithmetic of a function of many elements is predicted to take."""
    xs = [gd.input(f"x{i}", (1 << 20,), dtype) for i, dtype in enumerate(dtypes)]
    (i,) = gd.compile(xs, function(*xs))._compiled.order
    return Costs(lambda: rates._replace(moved=((1.0, 1e18),))).seconds(i, {})


@pytest.mark.parametrize("measured", [False, True])
def test_operations_of_one_cost_are_predicted_alike(measured):
    """Those that no rate was measured of too: on bools, or with results of another dtype."""
    rates = NOMINAL._replace(operations={"float32": {"add": 3e-11}, "float64": {}}) if measured else NOMINAL
    add = seconds(gd.add, "float32", "float32", rates=rates)
    for alike in (
        seconds(gd.logical_and, "bool", "bool", rates=rates),
        seconds(gd.bitwise_xor, "int32", "int32", rates=rates),
        seconds(gd.less, "float32", "float32", rates=rates),
        seconds(gd.isnan, "float32", rates=rates),
        seconds(gd.sum, "float32", rates=rates),
        seconds(gd.any, "bool", rates=rates),
    ):
        assert alike == pytest.approx(add, rel=0.01)
    assert seconds(gd.tanh, "float32", rates=rates) == pytest.approx(add * cost_of("tanh"), rel=0.1)


# ------------------------------------------------------------------ dtypes and flags


def test_dtypes_of_elementwise_operations_are_those_the_core_has_bodies_for():
    kinds = {"float": "F", "numeric": "N", "integer": "I", "bool": "B", "any": "A", "integer_or_bool": "I"}
    for op in REGISTRY.values():
        if op.kind == "elementwise":
            micro = MICROOPS[op.kernel.microop]
            assert len(op.dtypes) == micro.arity == op.arity, op
            assert {kinds[c] for c in op.dtypes} == {micro.kinds}, op


def in_dtype(argument, dtype):
    """An input for an array, in ``dtype`` where it has floats."""
    if not isinstance(argument, np.ndarray):
        return argument
    return gd.input("x", argument.shape, dtype if argument.dtype.kind == "f" else argument.dtype)


def samples(op):
    return op.samples(np.random.default_rng(0)) if op.samples else ()


@pytest.mark.parametrize("name", [n for n, op in REGISTRY.items() if op.law and op.kind != "composite"])
def test_nodes_of_samples_have_the_dtypes_that_declarations_say(name):
    """In every dtype that the public function takes, what it builds keeps the law; what it refuses is not in it."""
    op = REGISTRY[name]
    for sample in samples(op):
        for dtype in DTYPES:
            args = [in_dtype(a, dtype) for a in sample.args]
            try:
                made = op.public(*args, **sample.kwargs)
            except gd.DTypeError:
                continue
            first = made[0] if isinstance(made, tuple) else made
            for node in topological([first]):
                if node.op is op:
                    assert broken(name, op.law, node.inputs, node.attrs) is None, (sample, dtype)


@pytest.mark.parametrize("name", [n for n, op in REGISTRY.items() if op.commutative])
def test_commutative_operations_commute_bit_for_bit(name):
    op = REGISTRY[name]
    values = [-0.0, 0.0, 1.5, -2.25, np.inf, -np.inf, 3e-45, 1e30]
    for dtype in (d for d in DTYPES if d in CLASSES[op.dtypes[0]]):
        with np.errstate(invalid="ignore"):
            a, b = (v.ravel().astype(dtype) for v in np.meshgrid(values, values))
        x, y = (gd.input(n, a.shape, dtype) for n in "xy")
        one, other = gd.compile([x, y], [op.public(x, y), op.public(y, x)])(a, b)
        assert one.tobytes() == other.tobytes()


# ------------------------------------------------------------------ a new operation


@pytest.fixture
def declared():
    """Operations declared in a test are gone after it."""
    before = dict(REGISTRY)
    yield
    REGISTRY.clear()
    REGISTRY.update(before)


@pytest.fixture(scope="module")
def maker():
    path = Path(__file__).parent.parent.parent / "docs" / "make_operations.py"
    spec = importlib.util.spec_from_file_location("make_operations", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def works_everywhere(function, maker, tmp_path):
    """Runs, prints and parses, folds, is differentiated, costed, on pages and in the reference."""
    op = op_of(function)
    assert op in namespaces.public()
    for sample in samples(op):
        xs = [gd.input(f"x{i}", a.shape, a.dtype) for i, a in enumerate(sample.args)]
        y = function(*xs, **sample.kwargs)
        expected = op.reference(*sample.args, **sample.kwargs)
        f = gd.compile(xs, y)
        np.testing.assert_allclose(f(*sample.args), expected)
        np.testing.assert_allclose(evaluate([y], {x.name: a for x, a in zip(xs, sample.args)})[0], expected)
        again = gd.parse(str(f.graph))
        assert str(again) == str(gd.parse(str(again)))
        np.testing.assert_allclose(gd.compile(again)(*sample.args), expected)
        folded = gd.compile([], function(*sample.args, **sample.kwargs))
        assert len(folded.graph.nodes) == 1 and np.allclose(folded(), expected)
        assert f.plan.seconds > 0
        loss = gd.sum(y)
        gd.testing.check_grad(loss, xs, feed=dict(zip(xs, sample.args)))
        gd.adjoint(loss, xs).to_html(tmp_path / "page.html", feed=dict(zip(xs, sample.args)))
    assert parts(op.doc)[0] in " ".join(maker.entry(op).split())


def test_a_new_elementwise_operation_is_a_declaration_and_nothing_else(declared, maker, tmp_path):
    distance = elementwise(
        "distance",
        "The length of the vector of two numbers.",
        partials=(lambda y, a, b: a / y, lambda y, a, b: b / y),
        microop="hypot",
        reference=np.hypot,
        samples=on(0.3, 2, 2, [((3, 4), (4,)), ((2,), ())]),
        commutative=True,
        page="(a, b) => Math.hypot(a, b)",
        notation=infix("↔", PRODUCT),
    )
    works_everywhere(distance, maker, tmp_path)
    x, y = gd.input("x", (3,)), gd.input("y", (3,))
    f = gd.compile([x, y], distance(x, y) + distance(y, x))
    assert sum(n.op.name == "distance" for n in f.graph.nodes) == 1  # it commutes
    assert '"distance": each((a, b) => Math.hypot(a, b)),' in (tmp_path / "page.html").read_text(encoding="utf-8")
    assert Formulas().vjp(distance(distance(x, y) + 1, y).node)[0][1].startswith("x̄₁ +=")
    assert written(distance(x, y) * x, {x: "x", y: "y"}) == "x ↔ y · x"
    assert seconds(distance, "float32", "float32") == seconds(gd.hypot, "float32", "float32")


def test_a_new_composite_is_a_body_and_nothing_else(declared, maker, tmp_path):
    @composite(reference=lambda x: x * np.tanh(x), samples=on(-2, 2))
    def tanh_gate(x, /):
        """x times its hyperbolic tangent."""
        return x * gd.tanh(x)

    works_everywhere(tanh_gate, maker, tmp_path)
    assert tanh_gate(gd.input("x")).node.scope == "tanh_gate"


def test_a_new_operation_over_a_kernel_is_a_declaration_and_nothing_else(declared, maker, tmp_path):
    def public(x, /, axis=-1):
        x = as_tensor(x, "sums_after")
        return make(op_of(sums_after), (x,), {"axis": axis_of("sums_after", axis, x.ndim, [x])})

    sums_after = linear(
        "sums_after",
        "The sum of each element and all after it along ``axis``.",
        infer=lambda xs, attrs: ((xs[0].shape, xs[0].dtype),),
        transpose=lambda node, g: gd.cumsum(g, axis=node.attrs["axis"]),
        kernel=Call(
            "cumulative",
            lambda node: (*split_at_axis(node.inputs[0], node.attrs["axis"]), "reduction:sum", 1),
            flops=lambda node: node.outputs[0].size,
        ),
        public=public,
        reference=lambda x, axis=-1: np.flip(np.cumsum(np.flip(x, axis), axis), axis),
        samples=lambda rng: [Sample((rng.uniform(-2, 2, (3, 4)),), {"axis": axis}) for axis in (0, -1)],
        law=law("float", lambda xs, a: on_axis(xs[0], a["axis"]), axis=is_int),
        batch=batching.on_axes("axis"),
        pattern=pattern.by_line,
        page="([x], a, outs) => running((sum, v) => sum + v)([x], { ...a, reverse: true }, outs)",
        notation=lambda node, xs: (f"Σ≥({xs[0][0]})", ATOM),
        foldable=True,
    )
    works_everywhere(sums_after, maker, tmp_path)
    assert '"sums_after": ([x], a, outs) => running(' in (tmp_path / "page.html").read_text(encoding="utf-8")
    a = np.random.default_rng(0).standard_normal((3, 4))
    x = gd.input("x", (3, 4), "float64")
    y = sums_after(x, axis=1)
    assert written(y, {x: "x"}) == "Σ≥(x)" and Formulas().vjp(y.node) == [(0, "x̄ += cumsum(ȳ)")]
    f = gd.compile([x], [gd.vmap(sums_after)(x), gd.jacobian(y, x, sparse=True), gd.jacobian(y, x)])
    batched, sparse, dense = f(a)
    np.testing.assert_array_equal(batched, np.flip(np.cumsum(np.flip(a, 1), 1), 1))
    assert sparse.nnz == 3 * 16 and np.array_equal(sparse.toarray(), dense.reshape(12, 12))
    assert gd.compile([x], y).plan.flops == 12
    with pytest.raises(gd.GraphError, match="sums_after does not take operands of int32"):
        gd.parse(str(gd.compile([x], y).graph).replace("f64", "i32"))
