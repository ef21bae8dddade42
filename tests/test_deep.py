"""A chain of a million nodes, on a thread whose stack is 512 KB: nothing recurses over a graph."""

import gc
import threading

import numpy as np

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
        text = str(f.graph)
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
