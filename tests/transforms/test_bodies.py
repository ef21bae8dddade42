"""What simplifying makes of loops and branches: bodies that are known, and the same values to the second order."""

import numpy as np
import pytest
from evaluate import evaluate

import graphdiff as gd
from graphdiff.ir.graph import Graph
from graphdiff.ir.verify import verify
from graphdiff.lower.phases import every_node
from graphdiff.transforms.simplify import PASSES, simplify

AT = np.array([0.5, -0.3, 1.2])
YES, NO = gd.constant(True), gd.constant(False)


def first_and_second(build):
    """A leaf, and of a scalar of it: the value, its gradient, the gradient of the gradient's squares and a jvp."""
    x = gd.input("x", (3,), "float64")
    y = build(x)
    g = gd.grad(y, x)
    return x, [y, g, gd.grad(gd.sum(g * g), x), gd.jvp(y, x, gd.constant(np.array([1.0, 2.0, -1.0])))]


def operations(graph):
    return [node.op.name for node in every_node(graph)]


def in_scan(which):
    def step(c, row):
        a, b = gd.cond(which, lambda a: (gd.sin(a) * row, a), lambda a: (a, gd.exp(a)), c)
        return a + b * 0.5, a

    return lambda x: gd.sum(gd.scan(step, x[0], x)[1] ** 2)


def in_while(which):
    def body(s):
        i, v = s
        return i + 1, gd.cond(which, lambda v: gd.tanh(v) + 0.1, gd.exp, v)

    return lambda x: gd.sum(gd.while_loop(lambda s: s[0] < 3, body, (gd.constant(0), x), 5)[1] ** 3)


def nested(which):
    def outer(x):
        return gd.cond(which, lambda a: gd.cond(NO, gd.exp, gd.sin, a) * a, gd.cos, x)

    return lambda x: gd.sum(outer(x) * x)


KNOWN = {
    "true": lambda x: gd.sum(gd.cond(YES, gd.sin, gd.exp, x) * x),
    "false": lambda x: gd.sum(gd.cond(NO, gd.sin, gd.exp, x) * x),
    "computed": lambda x: gd.sum(gd.cond(gd.constant(2) + 1 > 4, gd.sin, gd.exp, x) * x),
    "an operand": lambda x: gd.sum(gd.cond(YES, lambda a: a, gd.exp, x) * x),
    "a constant": lambda x: gd.sum(gd.cond(YES, lambda a: gd.full((3,), 2.0, "float64"), gd.exp, x) * x),
    "captured": lambda x: gd.sum(gd.cond(YES, lambda: gd.sin(x) * 2, lambda: x)),
    "in a scan": in_scan(YES),
    "in a while_loop": in_while(NO),
    "nested": nested(YES),
}


@pytest.mark.parametrize("name", KNOWN)
def test_a_branch_that_is_known_is_the_body_it_takes(name):
    x, values = first_and_second(KNOWN[name])
    simple, _ = simplify(Graph("g", [x], values))
    assert "branch" not in operations(simple)
    verify(simple)
    again, became = simplify(simple)
    assert not became and str(again) == str(simple)
    for found, want in zip(gd.compile([x], values)(AT), evaluate(values, {"x": AT})):
        np.testing.assert_allclose(found, want, rtol=1e-12)


def test_only_folding_takes_the_body_of_a_known_branch():
    x, values = first_and_second(KNOWN["true"])
    simple, _ = simplify(Graph("g", [x], values), passes=[p for p in PASSES if p != "fold"])
    assert "branch" in operations(simple)


def test_a_branch_that_the_call_decides_stays():
    x, values = first_and_second(lambda x: gd.sum(gd.cond(x[0] > 0, gd.sin, gd.exp, x)))
    assert "branch" in operations(simplify(Graph("g", [x], values))[0])
    f = gd.compile([x], values)
    for at in (AT, -AT):
        for found, want in zip(f(at), evaluate(values, {"x": at})):
            np.testing.assert_allclose(found, want, rtol=1e-12)
