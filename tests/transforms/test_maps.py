"""Maps as larger operations: the same values and derivatives as row by row, whole, in blocks and where sizes are open;
what stays a loop."""

import numpy as np
import pytest

import graphdiff as gd
from graphdiff.ir.graph import Graph
from graphdiff.transforms.maps import BLOCK, batched_maps
from graphdiff.transforms.simplify import simplify

RNG = np.random.default_rng(0)
WIDE = BLOCK // 100 // 8  # elements of a row of which a block has fewer than 100


def loops(outputs, *inputs):
    """How many steps the loops have that are left."""
    graph = batched_maps(simplify(Graph("g", list(inputs), list(outputs)))[0])
    return [n.attrs["length"] for n in graph.nodes if n.op.name == "loop"]


def body(row, w):
    """Of 0-d values, a short vector and a product; shared and by rows."""
    scale = gd.exp(row[0])
    z = gd.tanh(row @ w) * scale
    return gd.sum(z * z) + gd.log1p(scale), z - row[1]


def by_rows(x, w):
    scale = np.exp(x[:, 0])
    z = np.tanh(x @ w) * scale[:, None]
    return (z * z).sum(1) + np.log1p(scale), z - x[:, 1:2]


def results(x, w):
    """Values, gradients by rows and by what is shared, and a second derivative."""
    y, z = gd.map(lambda row: body(row, w), x)
    loss = gd.sum(gd.square(y)) + gd.sum(gd.sin(z))
    return [y, z, *gd.grad(loss, [x, w]), gd.hvp(loss, w, w)]


def by_vmap(x, w):
    y, z = gd.vmap(lambda row: body(row, w))(x)
    loss = gd.sum(gd.square(y)) + gd.sum(gd.sin(z))
    return [y, z, *gd.grad(loss, [x, w]), gd.hvp(loss, w, w)]


def compared(x, w, *feeds):
    f = gd.compile([x, w], results(x, w))
    want = gd.compile([x, w], by_vmap(x, w))
    for x0 in feeds:
        w0 = RNG.uniform(-1, 1, w.shape)
        got = f(x0, w0)
        for a, b in zip(got, want(x0, w0)):
            np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-11)
        for a, b in zip(got, by_rows(x0, w0)):
            np.testing.assert_allclose(a, b, rtol=1e-12)


@pytest.mark.parametrize("n", [1, 2, 300])
def test_short_rows_become_one_graph(n):
    x, w = gd.input("x", (n, 3), "float64"), gd.input("w", (3, 4), "float64")
    assert loops(results(x, w), x, w) == []
    compared(x, w, RNG.uniform(-1, 1, (n, 3)))


def test_many_rows_go_block_by_block():
    n = 20011  # a prime: the last block is a part of one
    x, w = gd.input("x", (n, 3), "float64"), gd.input("w", (3, 4), "float64")
    left = loops(results(x, w), x, w)
    assert left and max(left) < 100
    compared(x, w, RNG.uniform(-1, 1, (n, 3)))


def test_blocks_of_one_size_leave_no_rest():
    x = gd.input("x", (4096, 64), "float64")
    y = gd.map(lambda row: gd.sum(gd.exp(row)), x)
    (steps,) = loops([y], x)
    assert 4096 % steps == 0
    x0 = RNG.uniform(-1, 1, (4096, 64))
    f = gd.compile([x], y)
    assert "concat" not in str(f.profile(x0, calls=1))
    np.testing.assert_allclose(f(x0), np.exp(x0).sum(1), rtol=1e-12)


def test_open_sizes_go_block_by_block():
    x, w = gd.input("x", ("n", 3), "float64"), gd.input("w", (3, 4), "float64")
    compared(x, w, *(RNG.uniform(-1, 1, (n, 3)) for n in (0, 1, 5, 3000)))


def test_sums_are_carried_from_where_they_start():
    x, c = gd.input("x", (50, 3), "float64"), gd.input("c", (3,), "float64")
    total, ys = gd.scan(lambda s, row: (s + gd.sin(row), row * 2), c, x)
    assert loops([total, ys], x, c) == []
    x0, c0 = RNG.uniform(-1, 1, (50, 3)), RNG.uniform(-1, 1, 3)
    got = gd.compile([x, c], [total, ys])(x0, c0)
    np.testing.assert_allclose(got[0], c0 + np.sin(x0).sum(0), rtol=1e-12)
    np.testing.assert_array_equal(got[1], 2 * x0)


def test_maps_in_maps_and_in_loops():
    x = gd.input("x", (4, 5, 3), "float64")

    def inner(block):
        return gd.map(lambda row: gd.sum(gd.sin(row)) * block[0], block)

    y = gd.map(inner, x)
    last, ys = gd.scan(lambda c, b: (gd.tanh(c + gd.sum(inner(b))), c), 0.0, x)
    assert loops([y], x) == []
    x0 = RNG.uniform(-1, 1, (4, 5, 3))
    got, state, _ = gd.compile([x], [y, last, ys])(x0)
    want = np.sin(x0).sum(2)[:, :, None] * x0[:, :1]
    np.testing.assert_allclose(got, want, rtol=1e-12)
    c = 0.0
    for block in want:
        c = np.tanh(c + block.sum())
    np.testing.assert_allclose(state, c, rtol=1e-12)


@pytest.mark.parametrize(
    "step",
    [
        lambda s, r: (s + gd.sum(r), s),  # a running sum
        lambda s, r: (s + s * gd.sum(r), None),
        lambda s, r: (s * gd.sum(r), None),
        lambda s, r: (lambda t: (t, gd.square(t)))(s + gd.sum(r)),
    ],
)
def test_what_hands_something_on_stays_a_loop(step):
    x = gd.input("x", (7, 3), "float64")
    last, ys = gd.scan(step, gd.constant(1.0).astype("float64"), x)
    assert loops([last] if ys is None else [last, ys], x) == [7]


@pytest.mark.parametrize(
    "one",
    [
        lambda r: gd.cond(r[0] > 0, lambda: gd.sum(r), lambda: gd.prod(r)),
        lambda r: gd.while_loop(lambda v: v < 9, lambda v: v * 2, 1 + r[0] * r[0], 9),
        lambda r: gd.sum(gd.cumsum(gd.broadcast_to(r[0], (WIDE * 10,)), axis=0) * r[1]),  # few rows fill the cache
    ],
)
def test_bodies_that_rows_are_better_alone_in_stay(one):
    x = gd.input("x", (7, 3), "float64")
    assert 7 in loops([gd.map(one, x)], x)


def test_a_loop_and_its_derivative_stay_alike():
    x, w = gd.input("x", (20, 3), "float64"), gd.input("w", (WIDE,), "float64")
    y = gd.map(lambda row: gd.sum(gd.tanh(w * row[0])), x)
    assert loops([y], x, w) == []  # whose gradient's rows are too long
    found = loops([y, gd.grad(gd.sum(y), w)], x, w)
    assert len(found) in (0, 2)


def test_a_limit_changes_no_bit():
    x, w = gd.input("x", (40, 30), "float64"), gd.input("w", (30, 20), "float64")
    feed = RNG.uniform(-1, 1, (40, 30)), RNG.uniform(-1, 1, (30, 20))
    outputs = results(x, w)
    f = gd.compile([x, w], outputs)
    tight = gd.compile([x, w], outputs, memory_limit=f.plan.arena_bytes * 9 // 10)
    for a, b in zip(f(*feed), tight(*feed)):
        np.testing.assert_array_equal(a, b)
