"""A chain of a million nodes, on a thread whose stack is 512 KB: nothing recurses over a graph. Wide graphs too: what
looks at all users or all operands of a node for each of them would not end."""

import gc
import threading
import weakref

import numpy as np
import pytest

import graphdiff as gd

N = 1_000_000


def on_small_stack(work):
    failure = []

    def run():
        try:
            work()
        except BaseException as e:
            failure.append(e)

    before = threading.stack_size(512 * 1024)
    try:
        thread = threading.Thread(target=run)
        thread.start()
    finally:
        threading.stack_size(before)
    thread.join()
    if failure:
        raise failure[0]


def test_a_million_nodes_are_built_differentiated_printed_compiled_run_and_freed():
    def work():
        x = h = gd.input("x", (2,))
        for i in range(N):
            h = gd.sin(h) if i % 2 else h + 0.125
        loss = gd.sum(h)
        g = gd.grad(loss, x)
        f = gd.compile([x], [loss, g])
        text = f.graph.text()
        assert text.count("\n") > N
        v = np.array([0.5, -0.25], np.float32)
        value, gradient = f(v)
        want, slope = v.astype(np.float64), np.ones(2)
        for i in range(N):
            if i % 2:
                want, slope = np.sin(want), slope * np.cos(want)
            else:
                want = want + 0.125
        # the chain forgets where it began: the value settles, and the gradient goes to zero
        assert np.allclose(value, want.sum(), rtol=1e-4) and np.allclose(gradient, slope, atol=1e-20)
        del f, g, loss, h, x
        gc.collect()

    on_small_stack(work)


def test_a_graph_of_many_objects_is_freed_and_the_collector_left_as_it_was():
    x = h = gd.input("x", (2,))
    for _ in range(60_000):
        h = gd.sin(h)
    f = gd.compile([x], gd.grad(gd.sum(h), x))
    assert gc.isenabled() and gc.get_freeze_count() == 0
    refs = [weakref.ref(h), weakref.ref(f.graph.nodes[-1])]
    del x, h, f
    gc.collect()
    assert [r() for r in refs] == [None, None]


def test_long_chains_are_saved_checkpointed_and_read_back(tmp_path):
    def work():
        x = h = gd.input("x", (2,))
        for i in range(20_000):
            h = gd.sin(h) if i % 3 else h + 0.125
        f = gd.compile([x], [gd.sum(h), gd.grad(gd.sum(h), x)], checkpoint="sqrt")
        f.save(tmp_path / "chain.gd")
        g = gd.load(tmp_path / "chain.gd")
        v = np.array([0.5, -0.25], np.float32)
        full = gd.compile([x], [gd.sum(h), gd.grad(gd.sum(h), x)])
        for a, b, c in zip(f(v), g(v), full(v)):
            assert np.array_equal(a, b) and np.array_equal(a, c)

    on_small_stack(work)


WIDE = 30_000


def fan(x):
    """One value that all others read."""
    y = total = gd.sin(x)
    for i in range(WIDE):
        total = total + y * (1 + i % 7)
    factor = 1 + sum(1 + i % 7 for i in range(WIDE))
    return gd.sum(total), [x], lambda v: factor * np.sin(v).sum(), lambda v: [factor * np.cos(v)]


def tree(x):
    """Values summed two by two."""
    level = [gd.sin(x * (1 + i / WIDE)) for i in range(WIDE // 2)]
    factors = 1 + np.arange(WIDE // 2)[:, None] / WIDE
    while len(level) > 1:
        level = [gd.add(*level[i : i + 2]) if i + 1 < len(level) else level[i] for i in range(0, len(level), 2)]
    return (
        gd.sum(level[0]),
        [x],
        lambda v: np.sin(factors * v).sum(),
        lambda v: [(factors * np.cos(factors * v)).sum(0)],
    )


def operands(x):
    """One operation with many operands."""
    parts = gd.concat([x * (1 + i % 5) for i in range(WIDE // 2)])
    factors = 1 + np.arange(WIDE // 2) % 5
    return (
        gd.sum(gd.square(parts)),
        [x],
        lambda v: (factors**2).sum() * (v * v).sum(),
        lambda v: [2 * v * (factors**2).sum()],
    )


def parameters(x):
    """Many parameters, each differentiated by."""
    held = [gd.parameter(f"p{i}", value=np.full(3, 1 + (i % 3 - 1) / WIDE)) for i in range(WIDE // 3)]
    h = x
    for p in held:
        h = h * p
    values = np.array([p.value for p in held])
    whole = np.prod(values, axis=0)
    return gd.sum(h), held, lambda v: (v * whole).sum(), lambda v: list(v * whole / values)


@pytest.mark.parametrize("shape", [fan, tree, operands, parameters])
def test_wide_graphs(shape):
    def work():
        x = gd.input("x", (3,), "float64")
        loss, by, value_of, gradients_of = shape(x)
        f = gd.compile([x], [loss, gd.grad(loss, by)])
        v = np.array([0.5, -0.25, 0.125])
        value, gradients = f(v)
        assert np.allclose(value, value_of(v), rtol=1e-9)
        assert np.allclose(gradients, gradients_of(v), rtol=1e-9)

    on_small_stack(work)


def test_a_chain_of_which_every_value_is_a_result():
    def work():
        x = h = gd.input("x", (3,), "float64")
        results = []
        for _ in range(WIDE):
            h = gd.sin(h) + 0.5
            results.append(h)
        v = want = np.array([0.5, -0.25, 0.125])
        for got in gd.compile([x], results)(v):
            want = np.sin(want) + 0.5
            assert np.allclose(got, want, rtol=1e-12)

    on_small_stack(work)
