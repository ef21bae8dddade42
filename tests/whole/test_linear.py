"""That building, differentiating and compiling grow as the graph does, counted in calls of functions and in lines that
Python runs, and not timed."""

from __future__ import annotations

import functools
import sys

import numpy as np
import pytest

import graphdiff as gd


def chain(n):
    x = h = gd.input("x", (4,))
    for i in range(n):
        h = gd.sin(h) if i % 2 else h + 0.125
    return [x], gd.sum(h), [x]


def fan(n):
    x = gd.input("x", (4,))
    y = total = gd.sin(x)
    for i in range(n):
        total = total + y * (2.0 + i)
    return [x], gd.sum(total), [x]


def tree(n):
    x = gd.input("x", (4,))
    level = [gd.sin(x * (1.0 + i)) for i in range(n)]
    while len(level) > 1:
        level = [gd.add(*level[i : i + 2]) if i + 1 < len(level) else level[i] for i in range(0, len(level), 2)]
    return [x], gd.sum(level[0]), [x]


def scalars(n):
    x = total = gd.input("x", (), "float64")
    held = [gd.parameter(f"p{i}", np.float64(1 + i / n)) for i in range(n)]
    for p in held:
        total = total + gd.sin(p * x)
    return [x], total, held


def layers(n):
    x = h = gd.input("x", ("batch", 4))
    held = [gd.parameter(f"w{i}", (1 + i / n) * np.eye(4, dtype=np.float32)) for i in range(n)]
    for w in held:
        h = gd.tanh(h @ w)
    return [x], gd.mean(h), held


def compiled(n, make, updates):
    inputs, loss, by = make(n)
    gradients = gd.grad(loss, by)
    if updates:
        return gd.compile(inputs, loss, updates={p: p - 0.1 * g for p, g in zip(by, gradients)}, costs="nominal")
    return gd.compile(inputs, [loss, *gradients], costs="nominal")


def counted(now, install, events, work, *arguments):
    """How many of some events Python tells while ``work`` runs."""
    count = 0

    def see(_frame, event, _argument):
        nonlocal count
        count += event in events
        return see

    before = now()
    install(see)
    try:
        work(*arguments)
    finally:
        install(before)
    return count


# functions, of Python's and of C's; and lines of Python, each turn of a loop anew: what goes round and calls nothing
calls = functools.partial(counted, sys.getprofile, sys.setprofile, ("call", "c_call"))
lines = functools.partial(counted, sys.gettrace, sys.settrace, ("line",))


def growth(count, work, *arguments):
    """How much more a step to twice the size takes than the step before: 2 is linear, 4 quadratic."""
    small, middle, large = (count(work, n, *arguments) for n in (150, 300, 600))
    return (large - middle) / (middle - small)


CASES = [(make, False) for make in (chain, fan, tree, scalars, layers)] + [(scalars, True), (layers, True)]


@pytest.mark.parametrize("count", [calls, lines])
@pytest.mark.parametrize(("make", "updates"), CASES, ids=lambda case: getattr(case, "__name__", None))
def test_work_grows_as_the_graph_does(make, updates, count):
    compiled(4, make, updates)  # what is imported and remembered once
    assert growth(count, compiled, make, updates) < 2.3


def test_what_is_quadratic_is_seen():
    assert growth(calls, lambda n: [abs(i) for _ in range(n) for i in range(n)]) > 3.5

    def quadratic(n):
        for _ in range(n):
            for _ in range(n):
                pass

    assert growth(lines, quadratic) > 3.5
