"""scan, while_loop, cond and map: against Python loops, in both modes and to second order, however they are nested."""

import numpy as np
import pytest

import graphdiff as gd
from graphdiff.ir.graph import Graph
from graphdiff.ir.node import topological
from graphdiff.lower.loop_forms import forms

RNG = np.random.default_rng(0)


def value(y, feed=None):
    feed = feed or {}
    return gd.compile(list(feed), y)(*feed.values())


def loops(y):
    return [n for n in topological([y]) if n.op.name == "loop"]


def leaf(name, *shape):
    x = gd.input(name, shape, "float64")
    return x, RNG.uniform(-1, 1, shape)


# ------------------------------------------------------------------ values


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("length", [0, 1, 2, 7])
def test_scan_is_a_loop(length, reverse):
    x, (c, c0) = gd.input("x", ("time", 3), "float64"), leaf("c", 3)
    last, ys = gd.scan(lambda c, x: (gd.tanh(c + x), c * x), c, x, reverse=reverse)
    f = gd.compile([c, x], [last, ys])
    rows = RNG.uniform(-1, 1, (length, 3))
    state, out = c0, np.zeros((length, 3))
    for i in reversed(range(length)) if reverse else range(length):
        out[i] = state * rows[i]
        state = np.tanh(state + rows[i])
    got = f(c0, rows)
    np.testing.assert_allclose(got[0], state, rtol=1e-12)
    np.testing.assert_allclose(got[1], out, rtol=1e-12)
    assert ys.shape == (x.shape[0], 3)


def test_one_compiled_function_takes_every_length():
    x = gd.input("x", ("n",), "float64")
    total, _ = gd.scan(lambda c, v: (c + v, None), gd.constant(0.0).astype("float64"), x)
    f = gd.compile([x], [total, gd.grad(gd.square(total), x)])
    for n in (3, 0, 1, 40, 3):
        rows = RNG.uniform(-1, 1, n)
        got, g = f(rows)
        np.testing.assert_allclose(got, rows.sum(), atol=1e-12)
        np.testing.assert_allclose(g, np.full(n, 2 * rows.sum()), atol=1e-12)


def test_nests_of_every_kind():
    (x, x0), (c, c0) = leaf("x", 4, 2), leaf("c", 2)

    def step(carry, rows):
        (a,), left = carry["pair"], carry["left"]
        return {"pair": [a + rows["x"]], "left": left * 2}, {"y": (a * left, None), "z": [rows["i"]]}

    init = {"pair": [c], "left": gd.constant(np.float64(1))}
    carry, ys = gd.scan(step, init, {"x": x, "i": gd.arange(4), "none": None})
    assert set(carry) == {"pair", "left"} and isinstance(carry["pair"], list) and isinstance(ys["y"], tuple)
    assert ys["y"][1] is None
    a, left, y, z = value([carry["pair"][0], carry["left"], ys["y"][0], ys["z"][0]], {x: x0, c: c0})
    before = c0 + np.vstack([np.zeros((1, 2)), np.cumsum(x0, axis=0)])
    np.testing.assert_allclose(a, before[-1])
    assert left == 16 and z.tolist() == [0, 1, 2, 3]
    np.testing.assert_allclose(y, before[:-1] * 2.0 ** np.arange(4)[:, None])


def test_a_length_alone_an_int_or_a_size():
    x = gd.input("x", ("n", 2), "float64")
    (count, _), twos = gd.scan(
        lambda c, _: ((c[0] + 1, c[1] * 2), c[1]), (gd.constant(0), gd.constant(1)), None, length=x.shape[0]
    )
    for n in (0, 1, 5):
        k, powers = value([count, twos], {x: np.zeros((n, 2))})
        assert k == n and powers.tolist() == [2**i for i in range(n)]
    assert value(gd.scan(lambda c, _: (c + 3, None), gd.constant(1), None, length=4)[0]) == 13


def test_map_is_a_function_of_each_row():
    x = gd.input("x", ("n", 3), "float64")
    y = gd.map(lambda row: {"norm": gd.norm(row), "sorted": gd.sort(row)}, x)
    for n in (0, 1, 5):
        rows = RNG.uniform(-1, 1, (n, 3))
        norm, ordered = value([y["norm"], y["sorted"]], {x: rows})
        np.testing.assert_allclose(norm, np.linalg.norm(rows, axis=1))
        np.testing.assert_array_equal(ordered, np.sort(rows, axis=1))


def test_while_loop_stops_by_its_condition_or_at_the_most_steps():
    a = gd.input("a", (), "float64")
    state = gd.while_loop(
        lambda s: gd.abs(s["x"] ** 2 - a) > 1e-10,
        lambda s: {"x": 0.5 * (s["x"] + a / s["x"]), "n": s["n"] + 1},
        {"x": a, "n": gd.constant(0)},
        50,
    )
    root, steps = value([state["x"], state["n"]], {a: 9.0})
    assert abs(root - 3) < 1e-9 and 4 <= steps < 10
    assert value([state["n"]], {a: 1.0})[0] == 0
    few = gd.while_loop(lambda x: x > 0, lambda x: x + 1, a, 5)
    assert value(few, {a: 2.0}) == 7 and value(few, {a: -2.0}) == -2
    assert value(gd.while_loop(lambda x: x > 0, lambda x: x + 1, a, 0), {a: 2.0}) == 2


def test_cond_takes_one_branch():
    (x, x0) = leaf("x", 3)
    p = gd.input("p", (), "bool")
    y, k = gd.cond(p, lambda v: (gd.sqrt(v), gd.constant(1)), lambda v: (v * 2, gd.constant(0)), gd.abs(x))
    f = gd.compile([p, x], [y, k])
    np.testing.assert_allclose(f(True, x0)[0], np.sqrt(np.abs(x0)))
    np.testing.assert_allclose(f(False, x0)[0], np.abs(x0) * 2)
    assert [int(f(b, x0)[1]) for b in (True, False)] == [1, 0]


def test_nothing_of_the_branch_not_taken_runs():
    (table, a0), i = leaf("table", 4), gd.input("i", (), "int64")
    y = gd.cond(gd.logical_and(i >= 0, i < 4), lambda: gd.exp(table)[i], lambda: table[0] * 0)
    assert "exp" not in [n.op.name for n in topological([y])]
    f = gd.compile([table, i], [y, gd.grad(y, table)])
    got, g = f(a0, 2)
    np.testing.assert_allclose(got, np.exp(a0[2]))
    np.testing.assert_allclose(g, np.exp(a0[2]) * np.eye(4)[2])
    assert [float(np.sum(np.abs(a))) for a in f(a0, 9)] == [0, 0]  # 9 is out of range, in the other branch


def test_nested_loops_and_branches():
    (x, x0), (w, w0) = leaf("x", 4, 3), leaf("w", 3)

    def inner(c, v):
        return gd.cond(v > 0, lambda a, b: a * b, lambda a, b: a - b, c, v), c + v

    def outer(c, row):
        d, ys = gd.scan(inner, gd.sum(c * w), row)
        return gd.while_loop(lambda s: gd.max(gd.abs(s)) < 3, lambda s: s * 2 + d, c + ys, 4), d

    last, ds = gd.scan(outer, w, x)
    c, expected = w0, []
    for row in x0:
        d, ys = np.sum(c * w0), []
        for v in row:
            ys.append(d + v)
            d = d * v if v > 0 else d - v
        c = c + np.array(ys)
        for _ in range(4):
            if not np.max(np.abs(c)) < 3:
                break
            c = c * 2 + d
        expected.append(d)
    got = value([last, ds], {x: x0, w: w0})
    np.testing.assert_allclose(got[0], c, rtol=1e-10)
    np.testing.assert_allclose(got[1], expected, rtol=1e-10)
    assert gd.check_grad(gd.sum(gd.tanh(last)) + gd.sum(ds), [x, w], {x: x0, w: w0}).ok


# ------------------------------------------------------------------ derivatives

x, x0 = leaf("x", 5, 3)
c, c0 = leaf("c", 3)
LOSSES = {
    "scan": lambda: gd.scan(lambda s, r: (gd.tanh(s * c + r), s * r), c, x),
    "scan in reverse": lambda: gd.scan(lambda s, r: (gd.tanh(s * c + r), s * r), c, x, reverse=True),
    "scan of matrices": lambda: gd.scan(lambda s, r: (gd.tanh(s @ (x.T @ x) + r), gd.sum(s)), c, x),
    "scan of nothing": lambda: gd.scan(lambda s, r: (gd.tanh(s * c + r), s * r), c, x[:0]),
    "scan of two states, one an integer": lambda: gd.scan(
        lambda s, r: ((s[0] * r + c * s[1].astype("float64"), s[1] + 1), s[0]), (c, gd.constant(1)), x
    )[0][0],
    "scan whose rows alone matter": lambda: gd.scan(lambda s, r: (s, gd.sin(s * r)), c, x)[1],
    "scan over what is computed": lambda: gd.scan(lambda s, r: (s + gd.sin(r * s), s), gd.exp(c), gd.cos(x)),
    "nested scans": lambda: gd.scan(
        lambda s, r: gd.scan(lambda a, b: (gd.tanh(a + b * s), a * b), r, gd.stack([s, r * c])), c, x
    ),
    "map": lambda: gd.map(lambda r: gd.exp(r * c) / gd.sum(gd.exp(r)), x),
    "while": lambda: gd.while_loop(lambda s: gd.sum(gd.abs(s)) < 5, lambda s: s * 1.3 + gd.sin(x[0]) * c, c, 20),
    "while that reaches the most": lambda: gd.while_loop(
        lambda s: gd.sum(gd.abs(s)) < 50, lambda s: gd.sin(s) * c + x[1], c, 6
    ),
    "cond, the one": lambda: gd.cond(gd.sum(c) > -9, lambda v: gd.sin(v) * c, lambda v: v, x),
    "cond, the other": lambda: gd.cond(gd.sum(c) > 9, lambda v: v, lambda v: gd.exp(v) * c, x),
    "cond in a loop": lambda: gd.scan(
        lambda s, r: (gd.cond(gd.sum(r) > 0, lambda v: gd.sin(v) * r, lambda v: v * v + c, s), s), c, x
    ),
    "loop in a cond": lambda: gd.cond(
        gd.sum(c) < 9, lambda v: gd.scan(lambda s, r: (gd.tanh(s + r), None), c, v)[0], lambda v: v[0], x
    ),
}


def loss_of(result):
    parts = [p for p in (result if isinstance(result, (tuple, list)) else [result]) if p is not None]
    return sum((gd.sum(gd.sin(p * (k + 1))) for k, p in enumerate(parts)), gd.constant(np.float64(0)))


@pytest.mark.parametrize("name", LOSSES)
def test_derivatives_in_both_modes_and_to_second_order(name):
    report = gd.check_grad(loss_of(LOSSES[name]()), [x, c], {x: x0, c: c0})
    assert report.ok and len(report.comparisons) == 8
    assert all(r.kinks == 0 for r in report.comparisons)


def test_third_order_through_a_loop():
    v = gd.input("v", (), "float64")
    y, _ = gd.scan(lambda s, _: (s * v, None), v, None, length=4)  # v ** 5
    first = gd.grad(y, v)
    third = gd.grad(gd.grad(first, v), v)
    np.testing.assert_allclose(value([y, first, third], {v: 1.5}), [1.5**5, 5 * 1.5**4, 60 * 1.5**2])


def test_captured_parameters_get_gradients():
    W = gd.parameter("W", RNG.uniform(-1, 1, (3, 3)))
    last, _ = gd.scan(lambda s, r: (gd.tanh(s @ W + r), None), c, x)
    assert gd.check_grad(gd.sum(gd.square(last)), [W, x], {x: x0, c: c0}).ok
    loss = gd.sum(gd.square(last))
    step = gd.compile([x, c], loss, updates={W: W - 0.05 * gd.grad(loss, W)})
    values = [float(step(x0, c0)) for _ in range(20)]
    assert values[-1] < values[0]


def test_derivatives_are_loops_of_the_same_size_whatever_the_length():
    sizes = set()
    for n in (2, 50, 5000):
        v = gd.input("v", (n, 3), "float64")
        last, _ = gd.scan(lambda s, r: (gd.tanh(s * r), None), c, v)
        g = gd.grad(gd.sum(last), v)
        assert len(loops(g)) == 2
        f = gd.compile([c, v], g)
        sizes.add(len(f.graph))
    assert len(sizes) == 1


# ------------------------------------------------------------------ what is where


def test_work_that_no_step_changes_is_done_outside():
    W = gd.input("W", (3, 3), "float64")
    last, _ = gd.scan(lambda s, r: (gd.tanh(s @ gd.exp(W @ W.T) + r), None), c, x)
    (loop,) = loops(last)
    inside = [n.op.name for n in loop.attrs["body"].nodes]
    assert inside.count("exp") == 0 and inside.count("matmul") == 1 and "tanh" in inside
    outside = [n.op.name for n in topological([last])]
    assert "exp" in outside and outside.count("matmul") == 1


def test_a_body_of_nothing_but_what_is_outside():
    last, ys = gd.scan(lambda s, r: (c, r), c, x)
    got = value([last, ys], {c: c0, x: x0})
    np.testing.assert_array_equal(got[0], c0)
    np.testing.assert_array_equal(got[1], x0)


def test_random_keys_are_carried():
    key = gd.state("key", np.int64(7))
    last, noise = gd.scan(lambda k, _: (k + 1, gd.random.normal(k, (3,), dtype="float64")), key, None, length=4)
    f = gd.compile([], noise, updates={key: last})
    one, two = f(), f()
    assert key.value == 15 and len({row.tobytes() for row in (*one, *two)}) == 8
    for k, row in enumerate((*one, *two)):
        alone = value(gd.random.normal(gd.constant(np.int64(7 + k)), (3,), dtype="float64"))
        assert alone.tobytes() == row.tobytes()


def test_an_index_out_of_range_inside_a_body_fails_the_call():
    table = gd.parameter("table", RNG.uniform(-1, 1, (4,)))
    i = gd.input("i", ("n",), "int64")
    total, _ = gd.scan(lambda s, k: (s + table[k], None), gd.constant(np.float64(0)), i)
    f = gd.compile([i], total, updates={table: table + 1})
    before = table.value.copy()
    np.testing.assert_allclose(f([0, 3, -1]), before[[0, 3, -1]].sum())
    np.testing.assert_array_equal(table.value, before + 1)
    for bad in ([0, 4], [-5, 0], [1, 1, 9]):
        with pytest.raises(gd.FeedError):
            f(bad)
        np.testing.assert_array_equal(table.value, before + 1)
    np.testing.assert_allclose(f([1]), before[1] + 1)


@pytest.mark.parametrize("checkpoint", ["sqrt", gd.Every(1), gd.Every(3)])
def test_recomputation_changes_no_bit(checkpoint):
    W = gd.parameter("W", RNG.uniform(-1, 1, (3, 3)))
    h = gd.sin(x @ W)
    last, hs = gd.scan(lambda s, r: (gd.tanh(s @ W + gd.exp(r)), s), c, h)
    loss = gd.sum(gd.square(gd.cos(hs) @ last))
    outputs = [loss, *gd.grad(loss, [W, x, c])]
    stored = gd.compile([x, c], outputs)(x0, c0)
    again = gd.compile([x, c], outputs, checkpoint=checkpoint)(x0, c0)
    assert [a.tobytes() for a in stored] == [a.tobytes() for a in again]


# ------------------------------------------------------------------ what derivatives store, and segments

POLICIES = ["sqrt", gd.Every(1), gd.Every(3), gd.Every(100)]


def bits(f, *feeds):
    return [np.asarray(a).tobytes() for a in f(*feeds)]


@pytest.mark.parametrize("name", LOSSES)
def test_segments_change_no_bit(name):
    loss = loss_of(LOSSES[name]())
    g = gd.grad(loss, [x, c])
    outputs = [loss, *g, *gd.grad(gd.sum(gd.sin(g[0])) + gd.sum(g[1] * c), [x, c]), gd.jvp(loss, x, gd.cos(x))]
    stored = bits(gd.compile([x, c], outputs), x0, c0)
    for policy in POLICIES:
        assert bits(gd.compile([x, c], outputs, checkpoint=policy), x0, c0) == stored
    assert bits(gd.compile([x, c], outputs, threads=1), x0, c0) == stored


def recurrent(length, width=24, reverse=False, dtype="float32"):
    """A recurrent network with an integer state beside and results at each step: loss, gradients, leaves, feeds."""
    rows, start = gd.input("rows", (length, 4, 6), dtype), gd.input("start", (4, width), dtype)
    U = gd.parameter("U", RNG.uniform(-0.4, 0.4, (6, width)).astype(dtype))
    W = gd.parameter("W", RNG.uniform(-0.4, 0.4, (width, width)).astype(dtype))

    def step(s, r):
        h = gd.tanh(r @ U + s["h"] @ W)
        return {"h": h, "n": s["n"] + 1}, gd.sum(h * s["n"].astype(dtype), axis=1)

    last, ys = gd.scan(step, {"h": start, "n": gd.constant(1)}, rows, reverse=reverse)
    loss = gd.mean(gd.square(last["h"])) + gd.sum(gd.sin(ys))
    return loss, gd.grad(loss, [U, W, start]), [rows, start]


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("length", [0, 1, 2, 7, 50, 51])
def test_every_length_in_segments(length, reverse):
    loss, grads, leaves = recurrent("T", reverse=reverse)
    feeds = RNG.uniform(-1, 1, (length, 4, 6)).astype("f"), RNG.uniform(-1, 1, (4, 24)).astype("f")
    stored = bits(gd.compile(leaves, [loss, *grads]), *feeds)
    for policy in (*POLICIES, gd.Every(7)):
        f = gd.compile(leaves, [loss, *grads], checkpoint=policy)
        assert bits(f, *feeds) == stored == bits(f.fork(), *feeds)


def test_segments_take_less_memory_and_say_what_they_repeat():
    loss, grads, leaves = recurrent(900)
    policies = (None, "sqrt", gd.Every(5), gd.Every(900))
    plans = {p: gd.compile(leaves, [loss, *grads], checkpoint=p).plan for p in policies}
    full = plans[None]
    assert full.recompute_flops == 0
    assert plans["sqrt"].arena_bytes < full.arena_bytes / 6
    assert plans["sqrt"].arena_bytes < plans[gd.Every(5)].arena_bytes < full.arena_bytes / 2
    assert plans["sqrt"].recompute_flops > 0.3 * full.flops
    assert "loop segment" in str(plans["sqrt"]) and "loop carry" in str(plans["sqrt"])
    rows = [b for b in plans[gd.Every(900)].blocks() if b.label == "loop segment"]
    assert rows == []  # one segment is none


def test_segments_of_a_named_length_follow_it():
    loss, grads, leaves = recurrent("T")
    f = gd.compile(leaves, [loss, *grads], checkpoint="sqrt")
    whole = gd.compile(leaves, [loss, *grads])
    ratios = [f.plan_for(T=n).arena_bytes / whole.plan_for(T=n).arena_bytes for n in (1, 100, 1000, 10000)]
    assert ratios == sorted(ratios, reverse=True) and ratios[0] < 1.5 and ratios[-1] < 0.06


def test_products_of_a_step_are_shared_out_and_no_bit_depends_on_it():
    rows, start = gd.input("rows", (5, 64, 96)), gd.input("start", (64, 512))
    W = gd.parameter("W", RNG.uniform(-0.05, 0.05, (512, 512)).astype("f"))
    U = gd.parameter("U", RNG.uniform(-0.05, 0.05, (96, 512)).astype("f"))
    last, _ = gd.scan(lambda s, r: (gd.tanh(r @ U + s @ W), None), start, rows)
    loss = gd.mean(gd.square(last))
    outputs = [loss, *gd.grad(loss, [W, U, start])]
    feeds = RNG.uniform(-1, 1, (5, 64, 96)).astype("f"), RNG.uniform(-1, 1, (64, 512)).astype("f")
    found = [gd.compile([rows, start], outputs, threads=n) for n in (1, 2, 3)]
    assert found[0].plan.scratch_bytes <= found[2].plan.scratch_bytes
    (one, *others) = [bits(f, *feeds) for f in found]
    assert all(other == one for other in others)


def test_what_is_dear_is_computed_once():
    loss, grads, leaves = recurrent(9)
    found = forms(Graph("g", leaves, [loss, *grads]), [loss, *grads])
    (forward, backward) = found.values()
    names = [n.op.name for n in backward.body.nodes]
    assert "tanh" in [n.op.name for n in forward.body.nodes] and "tanh" not in names
    # the cotangents of h, and one product for each weight matrix, added in place
    assert names.count("matmul") == 3 and len(backward.sums) == 2 and len(backward.body.updates) == 2
    assert sorted((v.shape for v in forward.extra), reverse=True) == [
        (4, 24),
        (),
    ]  # tanh, and the number it is multiplied by


def test_what_is_cheap_is_computed_again():
    rows, W = gd.input("rows", (9, 4), "float64"), gd.input("W", (4, 4), "float64")
    last, _ = gd.scan(lambda s, r: (gd.nn.relu(s @ W + r) * s, None), gd.zeros((4,), dtype="float64"), rows)
    outputs = [last, *gd.grad(gd.sum(last), [rows, W])]
    forward, backward = forms(Graph("g", [rows, W], outputs), outputs).values()
    assert [v.node.op.name for v in forward.extra] == ["relu"]  # and whether it is positive follows
    assert "greater" in [n.op.name for n in backward.body.nodes]


def test_a_history_that_is_used_as_a_value_stays_whole():
    start = gd.input("start", (3,), "float64")
    last, ys = gd.scan(lambda s, r: (gd.tanh(s * r), s), start, x)
    first = gd.grad(gd.sum(last * gd.sum(ys)), [start, x])
    outputs = [last, ys, *first, *gd.grad(gd.sum(first[1] * gd.sum(first[0])), [start, x])]
    stored = bits(gd.compile([start, x], outputs), c0, x0)
    for policy in POLICIES:
        assert bits(gd.compile([start, x], outputs, checkpoint=policy), c0, x0) == stored


def code(text):
    """A graph's text without its comments."""
    return [line.partition("  #")[0].rstrip() for line in text.splitlines()]


def test_the_text_of_loops_and_branches_reads_back():
    W = gd.parameter("W", RNG.uniform(-1, 1, (3, 3)))
    last, _ = gd.scan(lambda s, r: (gd.cond(gd.sum(r) > 0, lambda v: gd.tanh(v @ W + r), lambda v: v, s), None), c, x)
    y = gd.while_loop(lambda s: gd.sum(gd.abs(s)) < 5, lambda s: s * 1.5 + 0.1, last, 9)
    loss = gd.sum(y)
    f = gd.compile([x, c], [loss, *gd.grad(loss, [x, W])])
    text = str(f.graph)
    again = gd.compile(gd.parse(text), parameters={"W": W.value})
    assert code(str(gd.parse(text))) == code(text)
    assert [a.tobytes() for a in f(x0, c0)] == [a.tobytes() for a in again(x0, c0)]


def test_a_saved_function_with_loops_runs(tmp_path):
    W = gd.parameter("W", RNG.uniform(-1, 1, (3, 3)))
    last, _ = gd.scan(lambda s, r: (gd.tanh(s @ W + r), None), c, x)
    f = gd.compile([x, c], gd.sum(last), updates={W: W - 0.1 * gd.grad(gd.sum(last), W)})
    f(x0, c0)
    f.save(tmp_path / "step.gd")
    again = gd.load(tmp_path / "step.gd")
    assert [f(x0, c0).tobytes() for _ in range(3)] == [again(x0, c0).tobytes() for _ in range(3)]


# ------------------------------------------------------------------ bad input

BAD = {
    "carry changes shape": (gd.ShapeError, "init has shape", lambda: gd.scan(lambda s, r: (s[:2], None), c, x)),
    "carry changes dtype": (
        gd.DTypeError,
        r"\.astype\('float64'\)",
        lambda: gd.scan(lambda s, r: (s.astype("float32"), None), c, x),
    ),
    "carry changes structure": (gd.GraphError, "structure", lambda: gd.scan(lambda s, r: ((s, s), None), c, x)),
    "no pair": (gd.GraphError, r"step returns \(carry, y\)", lambda: gd.scan(lambda s, r: s, c, x)),
    "negative length": (gd.ShapeError, "negative", lambda: gd.scan(lambda s, r: (s, None), c, None, length=-1)),
    "no length": (gd.ShapeError, "a length is needed", lambda: gd.scan(lambda s, r: (s, None), c, None)),
    "lengths that differ": (
        gd.ShapeError,
        "lengths differ: 5 and 3",
        lambda: gd.scan(lambda s, r: (s, None), c, (x, c)),
    ),
    "another length": (
        gd.ShapeError,
        "lengths differ: 4 and 5",
        lambda: gd.scan(lambda s, r: (s, None), c, x, length=4),
    ),
    "no rows": (gd.ShapeError, "no rows", lambda: gd.scan(lambda s, r: (s, None), c, gd.sum(c))),
    "init of text": (gd.GraphError, "is a str", lambda: gd.scan(lambda s, r: (s, None), "zero", x)),
    "result of text": (gd.GraphError, "is a str", lambda: gd.scan(lambda s, r: (s, "y"), c, x)),
    "map of no rows": (gd.ShapeError, "no rows", lambda: gd.map(gd.sin, gd.sum(c))),
    "while: shape": (
        gd.ShapeError,
        "init has shape",
        lambda: gd.while_loop(lambda s: gd.all(s > 0), lambda s: s[:1], c, 3),
    ),
    "while: dtype": (
        gd.DTypeError,
        "init is float64, state bool",
        lambda: gd.while_loop(lambda s: gd.all(s > 0), lambda s: s > 0, c, 3),
    ),
    "while: structure": (
        gd.GraphError,
        "structure",
        lambda: gd.while_loop(lambda s: gd.all(s > 0), lambda s: [s], c, 3),
    ),
    "while: condition of many": (
        gd.DTypeError,
        "one 0-d bool",
        lambda: gd.while_loop(lambda s: s > 0, lambda s: s, c, 3),
    ),
    "while: condition a number": (
        gd.DTypeError,
        "one 0-d bool",
        lambda: gd.while_loop(lambda s: gd.sum(s), lambda s: s, c, 3),
    ),
    "while: negative most": (
        gd.ShapeError,
        "max_steps -1 is negative",
        lambda: gd.while_loop(lambda s: gd.all(s > 0), lambda s: s, c, -1),
    ),
    "cond: predicate of many": (gd.DTypeError, "one 0-d bool", lambda: gd.cond(c > 0, gd.sin, gd.cos, c)),
    "cond: predicate a number": (gd.DTypeError, "one 0-d bool", lambda: gd.cond(gd.sum(c), gd.sin, gd.cos, c)),
    "cond: shapes": (gd.ShapeError, "if_true has shape", lambda: gd.cond(gd.all(c > 0), gd.sin, gd.sum, c)),
    "cond: dtypes": (
        gd.DTypeError,
        "if_true is float64, if_false bool",
        lambda: gd.cond(gd.all(c > 0), gd.sin, lambda v: v > 0, c),
    ),
    "cond: structures": (gd.GraphError, "structure", lambda: gd.cond(gd.all(c > 0), lambda v: (v, v), lambda v: v, c)),
    "a size not known": (
        gd.ShapeError,
        "lengths differ",
        lambda: gd.scan(lambda s, r: (s, None), c, (x, gd.input("z", ("n", 2)))),
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_told_where_it_is_built(name):
    error, text, build = BAD[name]
    with pytest.raises(error, match=text) as caught:
        build()
    lines = str(caught.value).splitlines()
    assert lines[0].startswith(tuple(f"{f}: " for f in ("scan", "while_loop", "cond", "map")))
    assert lines[1].startswith("  in: %") and lines[-1].startswith("  at: test_control.py:")


# ------------------------------------------------------------------ many terms


@pytest.mark.parametrize("length", ["n", 300_000])
def test_cotangents_of_many_steps_are_summed_with_all_digits(length):
    """The same term over and over: one after the other in float32 loses more than 1e-3 of such a sum."""
    x, w = gd.input("x", (length,)), gd.input("w", (2,))
    loops = [
        gd.scan(lambda c, e: (c, w * e), 0.0, x)[1],
        gd.scan(lambda c, e: (c, gd.cond(e > 0, lambda: w * e, lambda: w)), 0.0, x, reverse=True)[1],
        gd.map(lambda e: w * e, x),
    ]
    found = gd.compile([x, w], [gd.grad(gd.sum(y), w) for y in loops])(np.full(300_000, 0.1, np.float32), [1.0, 1.0])
    for g in found:
        assert g.dtype == np.float32
        np.testing.assert_allclose(g, 300_000 * float(np.float32(0.1)), rtol=2e-7)


def test_the_weights_of_a_long_convolution():
    x, w = gd.input("x", (1, 1, "n")), gd.input("w", (1, 1, 3))
    g = gd.compile([x, w], gd.grad(gd.sum(gd.nn.conv1d(x, w)), w))
    found = g(np.full((1, 1, 300_002), 0.1, np.float32), [[[1.0, 1.0, 1.0]]])
    np.testing.assert_allclose(found, np.full((1, 1, 3), 300_000 * float(np.float32(0.1))), rtol=1e-5)


def test_a_scan_without_rows_has_a_length():
    last, ys = gd.scan(lambda c, _: (c + 1.0, c), 0.0, length=3)
    assert [v.tolist() for v in gd.compile([], [last, ys])()] == [3, [0, 1, 2]]
    with pytest.raises(gd.ShapeError, match="scan: without xs a length is needed"):
        gd.scan(lambda c, _: (c, c), 0.0)


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("scan", lambda: gd.scan(3, 1.0, length=3)),
        ("map", lambda: gd.map(3, gd.zeros(3))),
        ("cond", lambda: gd.cond(gd.constant(True), 3, gd.exp, 1.0)),
        ("cond", lambda: gd.cond(gd.constant(True), gd.exp, 3, 1.0)),
        ("while_loop", lambda: gd.while_loop(3, gd.exp, 1.0, 5)),
        ("while_loop", lambda: gd.while_loop(lambda x: x < 3, 3, 1.0, 5)),
    ],
)
def test_what_is_no_function_is_told(name, call):
    with pytest.raises(gd.GraphError, match=f"{name}: expected a function, got int"):
        call()
