"""What declarations say of operations, held against the core and against each other."""

import pytest

import graphdiff as gd
from graphdiff.ops.microops import MICROOPS, REDUCTIONS, cost_of
from graphdiff.ops.registry import REGISTRY, Reduce, Tile
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
    (i,) = gd.compile(xs, function(*xs))._program.order
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
