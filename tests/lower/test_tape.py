"""Tapes: that random graphs of small values give the bits of tiles, which instructions they are, what they store."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import graphdiff as gd
from graphdiff.lower import tape
from graphdiff.lower.encode import programs_in
from graphdiff.runtime import compiled

SHAPES = ((), (1,), (2,), (3,), (8,), (16,), (4, 4), (2, 1, 3))
UNARY = (gd.tanh, gd.sin, gd.exp, gd.square, gd.abs, gd.negative, gd.sqrt, gd.nn.sigmoid, gd.floor)
BINARY = (gd.add, gd.subtract, gd.multiply, gd.maximum, gd.minimum, gd.atan2)


def kernels(f):
    """The kernels of a function's instructions, those of bodies too."""
    waiting, found = list(f._planned.order), []
    while waiting:
        calls = waiting.pop().calls
        found += [c.kernel for c in calls]
        waiting += [i for c in calls for program in programs_in(c) for i in program.instructions]
    return found


def without_tapes(monkeypatch):
    monkeypatch.setattr(compiled, "taped", lambda order, **_: order)


@st.composite
def graphs(draw, dtype):
    """A graph's inputs and results: elementwise work, reductions, slices and stacks of values that broadcast."""
    inputs = [gd.input(f"x{i}", draw(st.sampled_from(SHAPES)), dtype) for i in range(draw(st.integers(1, 3)))]
    values = list(inputs)
    pick = st.integers(0, 1 << 30).map(lambda i: values[i % len(values)])
    for _ in range(draw(st.integers(4, 24))):
        a, b = draw(pick), draw(pick)
        kind = draw(st.integers(0, 7))
        if kind <= 1:
            values.append(draw(st.sampled_from(UNARY))(a))
        elif kind == 2:
            axis = draw(st.sampled_from([None, *range(a.ndim)]))
            values.append(draw(st.sampled_from((gd.sum, gd.max, gd.prod)))(a, axis=axis))
        elif kind == 3 and a.ndim:
            values.append(a[draw(st.integers(0, a.shape[0] - 1))])
        elif kind == 4 and a.shape == b.shape and a.ndim < 2:
            values.append(gd.stack([a, b, a]))
        elif kind == 5 and a.ndim == 2:
            values.append(gd.matrix_transpose(a))
        elif kind == 6 and a.ndim:
            values.append(gd.nn.softmax(a, axis=-1))
        else:
            try:
                c = draw(st.sampled_from(BINARY))(a, b)
            except gd.ShapeError:
                continue
            values.append(gd.where(c > 0.5, c, c.astype("int32").astype(dtype)))
    return inputs, values[-3:], gd.grad(gd.sum(gd.tanh(values[-1])), inputs)


def arrays(inputs, seed):
    rng = np.random.default_rng(seed)
    return [np.asarray(rng.standard_normal(x.shape), x.dtype) for x in inputs]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_random_small_graphs_have_the_bits_of_tiles(dtype, data):
    inputs, results, grads = data.draw(graphs(dtype))
    fed = arrays(inputs, data.draw(st.integers(0, 100)))
    with np.errstate(all="ignore"):
        got = gd.compile(inputs, [*results, *grads])(*fed)
        with pytest.MonkeyPatch.context() as patch:
            without_tapes(patch)
            wanted = gd.compile(inputs, [*results, *grads])(*fed)
    for a, b in zip(got, wanted):
        np.testing.assert_array_equal(a, b, strict=True)


def orbit(steps):
    """Two bodies' distance by Heun's rule: a vector that each step takes apart and stacks again."""
    rate = gd.parameter("rate", np.array([0.7, 0.2]))
    start = gd.input("start", (4,), "float64")

    def slope(s):
        r = gd.sqrt(s[0] * s[0] + s[1] * s[1]) ** 3
        return gd.stack([s[2], s[3], -rate[0] * s[0] / r, -rate[0] * s[1] / r - rate[1]])

    def step(s, _):
        k = slope(s)
        s = s + 0.005 * (k + slope(s + 0.01 * k))
        return s, s[:2]

    end, path = gd.scan(step, start, None, length=steps)
    loss = gd.sum(gd.square(path)) + end[0]
    return start, [loss, *gd.grad(loss, [rate, start])]


START = np.array([1.0, 0.1, 0.0, 0.9])


def test_a_step_over_a_small_vector_is_one_tape_each_way(monkeypatch):
    start, results = orbit(50)
    f = gd.compile([start], results)
    bodies = [p for i in f._planned.order for c in i.calls for p in programs_in(c)]
    assert [[i.calls[0].kernel for i in body.instructions] for body in bodies] == [["tape"], ["tape"]]
    got = f(START)
    without_tapes(monkeypatch)
    for a, b in zip(got, gd.compile([start], results)(START)):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("options", [{"debug": "nan"}, {"checkpoint": "sqrt"}, {"memory_limit": "1MB"}, {"threads": 2}])
def test_bits_are_the_same_however_it_is_compiled(options):
    start, results = orbit(20)
    a, b = (gd.compile([start], results, **o)(START) for o in ({}, options))
    for x, y in zip(a, b):
        np.testing.assert_array_equal(x, y)


def test_a_lone_operation_stays_a_tile_and_a_small_product_never_is_one():
    x, y = gd.input("x", (4,)), gd.input("y", (3, 4))
    assert kernels(gd.compile([x], gd.tanh(x))) == ["tile"]
    assert kernels(gd.compile([x, y], y @ x)) == ["tape"]
    assert kernels(gd.compile([x, y], y @ x, debug="nan")) == ["tape"]


def test_what_only_the_tape_reads_has_no_place_in_memory():
    xs = [gd.input(f"x{i}", (), "float64") for i in range(6)]
    y = xs[0]
    for x in xs[1:]:
        y = gd.sin(y) * x + y / (1 + x * x)
    f = gd.compile(xs, [y, *gd.grad(y, xs)])
    (row,) = f.plan.instructions
    assert kernels(f) == ["tape"] and row.writes == () and "sin" in row.name and row.phase == "backward"
    with pytest.raises(gd.NonFiniteError, match=r"divide made a non-finite value"):
        gd.compile(xs[:1], gd.exp(xs[0]) / (xs[0] - xs[0]) + gd.sin(xs[0]), debug="nan")(1.0)


def test_an_instruction_between_keeps_its_place_and_sees_what_it_needs():
    rng = np.random.default_rng(0)
    w = gd.parameter("w", rng.standard_normal((40, 40)))
    s = gd.parameter("s", np.array(0.5))
    x = gd.input("x", (40, 40), "float64")
    rate = gd.exp(s) * 0.1 + gd.square(s) / (1 + s)
    loss = gd.sum(gd.tanh((x @ w) * rate)) * gd.sin(rate) * rate
    g = gd.grad(loss, [w, s])
    f = gd.compile([x], loss, updates={w: w - rate * g[0], s: s - 0.1 * g[1] * gd.cos(rate)})
    a = rng.standard_normal((40, 40))
    before = float(s.value)
    got = f(a)
    rate_now = np.exp(before) * 0.1 + before**2 / (1 + before)
    rng = np.random.default_rng(0)
    expected = np.tanh((a @ rng.standard_normal((40, 40))) * rate_now).sum() * np.sin(rate_now) * rate_now
    np.testing.assert_allclose(got, expected, rtol=1e-10)
    assert float(s.value) != before


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64"])
@pytest.mark.parametrize(("a", "b"), [((3, 4), (4, 2)), ((1, 4), (4, 1)), ((4,), (4, 4)), ((2, 2, 3), (3, 2))])
def test_small_products_with_what_follows_them(a, b, dtype):
    rng = np.random.default_rng(0)
    x, y = (gd.input(n, s, dtype) for n, s in zip("xy", (a, b)))
    u, v = (rng.integers(-4, 5, s).astype(dtype) for s in (a, b))
    bias = np.arange(b[-1], dtype=dtype)
    f = gd.compile([x, y], [gd.nn.relu(x @ y + bias), gd.matrix_transpose(y) @ y])
    assert "matmul" not in kernels(f)
    for got, wanted in zip(f(u, v), (np.maximum(u @ v + bias, 0), v.T @ v)):
        np.testing.assert_array_equal(got, wanted, strict=True)


def test_a_tape_leaves_out_what_nothing_reads():
    x = gd.input("x", (3, 4))
    f = gd.compile([x], gd.floor(gd.min(x, axis=0)[1:2]) + 0.5)
    fed = np.arange(12, dtype=np.float32).reshape(3, 4)[::-1].copy()
    np.testing.assert_array_equal(f(fed), [1.5])
    (tape,) = [c for i in f._planned.order for c in i.calls]
    assert tape.kernel == "tape" and tape.payload[:4] == [3, 1, 4, 1]  # a column, a half, two minima


def test_a_tile_over_one_element_is_written_as_any_other(monkeypatch):
    """The short way and the way for all sizes leave the same registers, in the same order."""
    kept = []
    monkeypatch.setattr(compiled, "taped", lambda order, **_: kept.extend(order) or order)
    x, k, w = gd.input("x", ()), gd.input("k", (), "int64"), gd.input("w", (1, 1))
    y = (
        gd.where(x > 0.5, gd.sin(x) * x, gd.exp(-x) + gd.astype(k, "float32"))
        + gd.sum(gd.nn.softmax(w))
        + gd.max(w * x)
    )
    gd.compile([x, k, w], [y, *gd.grad(y, [x, w]), gd.clip(x, 0.0, y)])
    tiles = [i for i in kept if [c.kernel for c in i.calls] == ["tile"]]
    written = []
    for general in (False, True):
        if general:
            monkeypatch.setattr(tape, "dims_in", lambda _: (2,))
        writer = tape._Writer()
        for i in tiles:
            (call,) = i.calls
            buffers = (*i.reads, *i.writes)
            writer.tile(call, [buffers[n] for n in (*call.reads, *call.writes)])
        out = writer.out
        written.append([list(d.items()) for d in (out.loads, out.consts, out.ops, writer.there)])
    assert written[0] == written[1]
    names = {name for (name, _, _), _ in written[0][2]}
    assert {"microop:sin", "microop:where", "microop:exp"} <= names
