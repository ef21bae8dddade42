"""Loops and branches give up what no result needs, and compute the same to the second order."""

import numpy as np
import pytest
from evaluate import evaluate

import graphdiff as gd
from graphdiff.ir.graph import Graph
from graphdiff.ir.verify import verify
from graphdiff.lower.phases import every_node
from graphdiff.ops.loop import LoopParts
from graphdiff.transforms.narrow import narrowed, simplest
from graphdiff.transforms.simplify import simplify

AT = np.array([0.5, -0.3, 1.2])
TWO = gd.constant(np.array([2.0, 1.0, -1.0]))


def loops(graph):
    return [LoopParts(node) for node in every_node(graph) if node.op.name == "loop"]


def branches(graph):
    return [node for node in every_node(graph) if node.op.name == "branch"]


def result(build):
    x = gd.input("x", (3,), "float64")
    graph, _ = simplest(Graph("g", [x], [build(x)]))
    return verify(graph)


def unread_carry(x):
    """A carry that feeds only itself, two that only feed each other, and one that the other needs."""

    def step(c, row):
        kept, alone, one, other, needed = c
        return (kept * needed, gd.sin(alone), other + row, one * 2, needed + row), None

    return gd.sum(gd.scan(step, (x, x, x[0], x[1], x[2]), x)[0][0] ** 2)


def unread_rows(x):
    def step(c, row):
        return c * row[0], (gd.exp(c), c + row[1])

    return gd.sum(gd.scan(step, x, (x, x * 3))[1][0])


def stays(x):
    """Carries that a step leaves as they are: a number, a value, one read after the loop."""

    def step(c, row):
        v, number, scale, direction = c
        return (gd.where(number > 0.5, v * scale + row, v - row) + direction, number, scale, direction), v

    start = (x, gd.constant(1.0, "float64"), gd.exp(x), x * 2)
    (v, number, scale, _), rows = gd.scan(step, start, x)
    return gd.sum(v * scale * number) + gd.sum(rows**2)


def decided_by_what_stays(x):
    """A branch in a step, decided by a flag that stays."""

    def step(c, row):
        v, flag = c
        return (gd.cond(flag, lambda v: gd.sin(v) + row, lambda v: gd.exp(v), v), flag), None

    return gd.sum(gd.scan(step, (x, gd.constant(True)), x)[0][0] ** 2)


def counted_while(x):
    def body(s):
        return {"i": s["i"] + 1, "v": gd.tanh(s["v"]) * s["by"], "unread": s["unread"] * s["v"], "by": s["by"]}

    start = {"i": gd.constant(0), "v": x, "unread": x, "by": x + 2}
    return gd.sum(gd.while_loop(lambda s: (s["i"] < 4) & (gd.sum(s["v"]) < 50), body, start, 9)["v"])


def read_by_the_condition(x):
    def body(s):
        v, left, by = s
        return gd.sin(v) + 1, left - by, by

    return gd.sum(gd.while_loop(lambda s: s[1] > 0, body, (x, gd.sum(x), x[0]), 8)[0] ** 2)


def unread_of_a_branch(x):
    y, _, z = gd.cond(x[0] > 0, lambda a, b: (a * 2, gd.exp(b), a), lambda a, b: (gd.sin(a), b, a * a), x, gd.cumsum(x))
    return gd.sum(y * z)


def known_in_a_branch(x):
    which = lambda a, c: gd.where(c > 1, a * c, gd.exp(a))  # noqa: E731
    return gd.sum(gd.cond(x[0] > 0, which, lambda a, c: a * a, x, gd.constant(2.0, "float64")) ** 2)


def nested(x):
    """What a loop inside does not give, the branch and the loop around it need not carry."""

    def inner(c, row):
        a, b = c
        return (gd.sin(a) * row, b * a), a

    def step(c, row):
        a, b, unread = c
        (a, b), rows = gd.cond(
            row > 0,
            lambda a, b: gd.scan(inner, (a, b), x),
            lambda a, b: ((a + 1, b), gd.full((3,), 1.0, "float64")),
            a,
            b,
        )
        return (a, b, unread + b), gd.sum(rows)

    (a, _, _), ys = gd.scan(step, (x[0], x[1], x[2]), x)
    return a * gd.sum(ys)


def all_of_it(x):
    """A graph where nothing can be given up."""

    def step(c, row):
        a, b = c
        return (a * b, b + row), a

    (a, b), ys = gd.scan(step, (x[0], x[1]), x)
    return a + b + gd.sum(ys)


PROGRAMS = [
    unread_carry,
    unread_rows,
    stays,
    decided_by_what_stays,
    counted_while,
    read_by_the_condition,
    unread_of_a_branch,
    known_in_a_branch,
    nested,
    all_of_it,
]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_values_and_derivatives_stay(program):
    x = gd.input("x", (3,), "float64")
    y = program(x)
    g = gd.grad(y, x)
    values = [y, g, gd.grad(gd.sum(g * g), x), gd.jvp(y, x, TWO), gd.jvp(gd.sum(g * TWO), x, TWO)]
    graph, became = simplest(Graph("g", [x], values))
    verify(graph)
    assert [became.get(v, v) for v in values] == list(graph.outputs)
    for seed in (AT, -AT, AT + 1):
        want = evaluate(values, {"x": seed})
        for found, of_compiled, w in zip(evaluate(graph.outputs, {"x": seed}), gd.compile([x], values)(seed), want):
            np.testing.assert_allclose(found, w, rtol=1e-10, atol=1e-12)
            np.testing.assert_allclose(of_compiled, w, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_many_examples_at_once_stay(program):
    xs = gd.input("xs", (4, 3), "float64")
    y = gd.sum(gd.vmap(program)(xs) ** 2)
    values = [y, gd.grad(y, xs)]
    at = np.random.default_rng(0).normal(size=(4, 3))
    for found, want in zip(gd.compile([xs], values)(at), evaluate(values, {"xs": at})):
        np.testing.assert_allclose(found, want, rtol=1e-10, atol=1e-12)


def test_carries_that_no_result_needs_are_given_up():
    (p,) = loops(result(unread_carry))
    assert p.n == 2
    (p,) = loops(result(counted_while))
    assert (p.n, len(p.captured)) == (2, 1), "the counter and the value; what stays is captured"
    (p,) = loops(result(read_by_the_condition))
    assert (p.n, len(p.captured)) == (2, 1)


def test_rows_that_no_step_reads_and_that_nobody_reads_are_given_up():
    (p,) = loops(result(unread_rows))
    assert (p.n, p.m, p.n_ys) == (1, 1, 1)


def test_a_number_that_stays_is_a_number_inside():
    (p,) = loops(result(stays))
    assert (p.n, len(p.captured)) == (1, 2)
    assert "where" not in [n.op.name for n in p.body.nodes]
    graph = result(decided_by_what_stays)
    (p,) = loops(graph)
    assert p.n == 1 and not branches(graph)


def test_branches_take_and_give_what_is_needed():
    (node,) = branches(result(unread_of_a_branch))
    assert len(node.inputs) == 2 and len(node.outputs) == 2
    (node,) = branches(result(known_in_a_branch))
    assert len(node.inputs) == 2
    assert "where" not in [n.op.name for n in node.attrs["if_true"].nodes]


def test_what_is_inside_narrows_what_is_around():
    graph = result(nested)
    assert [p.n for p in loops(graph)] == [1, 1]
    (node,) = branches(graph)
    assert len(node.outputs) == 2


def test_a_graph_that_needs_all_is_left_as_it_is():
    x = gd.input("x", (3,), "float64")
    graph, _ = simplify(Graph("g", [x], [all_of_it(x)]))
    assert narrowed(graph) == (graph, {})
    again, _ = simplest(graph)
    assert again.nodes == graph.nodes


def test_a_loop_that_may_not_run_gives_what_it_began_with():
    x = gd.input("x", (3,), "float64")
    v, stays_ = gd.while_loop(lambda s: gd.sum(s[0]) > 100, lambda s: (s[0] * s[1], s[1]), (x, gd.exp(x)), 5)
    f = gd.compile([x], [v, stays_])
    np.testing.assert_allclose(f(AT), [AT, np.exp(AT)])


def test_checks_and_monitors_inside_a_loop_stay():
    x = gd.input("x", (3,), "float64")

    def step(c, row):
        a, unread = c
        gd.monitor(a, "a")
        gd.check(gd.abs(a) < 9, "a is small")
        return (a + row, unread * row), None

    y = gd.scan(step, (x[0], x[1]), x)[0][0]
    f = gd.compile([x], y)
    assert f(AT) == pytest.approx(AT[0] + AT.sum())
    np.testing.assert_allclose(f.monitors["a"], AT[0] + np.cumsum([0, *AT[:2]]))
    with pytest.raises(gd.GraphdiffError, match="a is small"):
        f(AT * 10)
