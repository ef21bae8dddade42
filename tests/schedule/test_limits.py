"""The contract of a byte limit over random training steps: never over it, never dearer for more of it, never another
bit - of results, parameters or states."""

import numpy as np
import pytest

import graphdiff as gd
from graphdiff.schedule.problem import Problem

BATCHES, GRAPHS, LIMITS = 10, 50, 6


def training_step(rng):
    """(inputs, outputs, updates, feeds): layers of several kinds over earlier values, trained by their gradient, with
    states that keep running values of the forward pass."""
    width, batch = int(rng.integers(2, 9)) * 4, int(rng.integers(1, 9)) * 4
    dtype = ["float32", "float64"][int(rng.integers(2))]

    def data(*shape):
        return (rng.standard_normal(shape) / np.sqrt(shape[0])).astype(dtype)

    x = gd.input("x", ("batch" if rng.random() < 0.5 else batch, width), dtype)
    params, values = [], [x]
    reach = int(rng.integers(1, 6))
    for k in range(int(rng.integers(4, 12))):
        a, b = (values[int(i)] for i in rng.integers(max(0, len(values) - reach), len(values), 2))
        kind = int(rng.integers(6))
        if kind <= 2:
            params.append(gd.parameter(f"W{k}", data(width, width)))
            a = a @ params[-1]
            values.append(gd.tanh(a) if kind == 0 else gd.nn.relu(a) + b if kind == 1 else a)
        elif kind == 3:
            values.append(gd.sin(a) * b)
        elif kind == 4:
            values.append(gd.nn.softmax(a) + gd.mean(b))
        else:
            values.append(gd.nn.layer_norm(a, None, None) * gd.nn.sigmoid(b))
    loss = gd.sum(gd.square(values[-1])) + gd.mean(values[len(values) // 2])
    grads = gd.grad(loss, [x, *params])
    updates = {p: p - 0.01 * g for p, g in zip(params, grads[1:])}
    if rng.random() < 0.5:
        seen = gd.state("seen", value=np.zeros(width, dtype))
        updates[seen] = 0.9 * seen + gd.tanh(gd.sum(values[len(values) // 2], axis=0))
    outputs = [loss, grads[0]] if rng.random() < 0.5 else [loss]
    return [x], outputs, updates, [data(batch, width)]


def two_steps(f, feeds):
    """Every result and every value left behind by two calls, from the same start."""
    before = [p.value.copy() for p in f.parameters]
    got = [np.copy(a) for _ in range(2) for a in f(*feeds)]
    got += [p.value.copy() for p in f.parameters]
    for p, old in zip(f.parameters, before):
        p.value = old
    return got


def same(a, b):
    return all(np.array_equal(x, y, equal_nan=True) for x, y in zip(a, b, strict=True))


def smallest(f):
    """The arena that the error names for a limit that nothing fits."""
    with pytest.raises(gd.MemoryLimitError) as e:
        f.within(1).plan_for(**f.plan.sizes)
    assert e.value.floor_bytes <= e.value.smallest_arena_bytes
    return e.value.smallest_arena_bytes


@pytest.mark.parametrize("number", range(BATCHES))
def test_limits_are_kept_cost_falls_as_they_rise_and_no_bit_differs(number):
    recomputed = 0
    for seed in range(number * GRAPHS, (number + 1) * GRAPHS):
        rng = np.random.default_rng(seed)
        inputs, outputs, updates, feeds = training_step(rng)
        f = gd.compile(inputs, outputs, updates, plan_seconds=0.05, threads=1 + (seed % 8 == 0))
        want = two_steps(f, feeds)
        arena, dearest, least = f.plan.arena_bytes, f.plan.seconds, smallest(f)
        for limit in np.linspace(arena, least, LIMITS).astype(int).tolist():
            g = f.within(limit)
            got = two_steps(g, feeds)
            assert g.plan.arena_bytes <= limit, (seed, limit)
            assert g.plan.seconds >= dearest * (1 - 1e-12), (seed, limit)
            assert same(want, got), (seed, limit)
            dearest = g.plan.seconds
            recomputed += g.plan.recompute_seconds > 0
        with pytest.raises(gd.MemoryLimitError):
            f.within(least - 1).plan_for(**f.plan.sizes)
    assert recomputed > GRAPHS  # limits that bind were among them


def test_what_updates_read_is_not_made_of_what_they_have_written():
    """A forward value that a state's update reads after another update has overwritten what it is made of."""
    x = gd.input("x", (32, 32))
    W = gd.parameter("W", np.random.default_rng(1).standard_normal((32, 32)).astype(np.float32) / 5)
    seen = gd.state("seen", value=np.zeros((32, 32), np.float32))
    h = x
    for _ in range(8):
        h = gd.tanh(h @ W)
    middle = h = gd.tanh(h @ x)
    for _ in range(8):
        h = gd.tanh(h @ x)
    loss = gd.sum(gd.sin(h))
    f = gd.compile([x], [loss], updates={W: W - 0.1 * gd.grad(loss, W), seen: 0.9 * seen + gd.exp(middle)})
    feeds = [np.random.default_rng(2).standard_normal((32, 32)).astype(np.float32)]
    want, arena = two_steps(f, feeds), f.plan.arena_bytes
    for limit in np.linspace(smallest(f), arena, 8).astype(int).tolist():
        assert same(want, two_steps(f.within(limit), feeds)), limit


RULES = {
    "sgd": lambda: gd.optim.SGD(0.1, weight_decay=1e-3),
    "momentum": lambda: gd.optim.SGD(0.1, 0.9, nesterov=True),
    "adam": lambda: gd.optim.Adam(0.01),
    "adamw": lambda: gd.optim.AdamW(0.01, weight_decay=0.1),
}


@pytest.mark.parametrize("clipped", [False, True])
@pytest.mark.parametrize("rule", RULES)
def test_training_steps_that_recompute_train_the_same(rule, clipped):
    """Every checkpoint setting and many limits, with gradients among the results."""
    rng = np.random.default_rng(3)
    x = gd.input("x", ("batch", 16))
    params, values, h = [], [], x
    for k in range(10):
        params.append(gd.parameter(f"W{k}", (rng.standard_normal((16, 16)) / 4).astype(np.float32)))
        h = gd.tanh(h @ params[-1]) + (0.1 * h if k % 3 else 0)
        values.append(h)
    params.append(gd.parameter("unused", np.ones(3, np.float32)))
    loss = gd.mean(gd.square(h))
    grads = gd.grad(loss, params)
    steps = gd.optim.clip_by_global_norm(grads, 0.1) if clipped else grads
    updates = RULES[rule]().updates(params, steps)
    average = gd.state("average", value=np.zeros(16, np.float32))
    updates[average] = 0.9 * average + gd.mean(gd.exp(values[1]), axis=0)
    feeds = [rng.standard_normal((48, 16)).astype(np.float32)]
    outputs = [loss, *grads]
    f = gd.compile([x], outputs, updates)
    want = two_steps(f, feeds)
    for policy in ("sqrt", gd.Every(1), gd.Every(2), gd.Every(5), gd.Every(100), [], values[::3]):
        assert same(want, two_steps(gd.compile([x], outputs, updates, checkpoint=policy), feeds)), policy
    arena = f.plan.arena_bytes
    fitted = 0
    for limit in np.linspace(0.15 * arena, arena, 12).astype(int).tolist():
        for g in (f, gd.compile([x], outputs, updates, checkpoint=values[::3])):
            try:
                got = two_steps(g.within(limit), feeds)
            except gd.MemoryLimitError:
                continue
            assert same(want, got), limit
            fitted += 1
    assert fitted >= 12


@pytest.mark.parametrize("length", [40, "steps"])
def test_loops_run_again_in_segments_under_a_limit(length):
    """Far below what all rows take, with the same bits; the plan says what its loops do and what that costs."""
    rng = np.random.default_rng(0)
    rows = gd.input("rows", (length, 4, 16))
    u, w = (gd.parameter(n, (rng.standard_normal((16, 16)) / 4).astype(np.float32)) for n in "uw")

    def cell(h, a):
        z = gd.nn.sigmoid(a + h @ w)
        return (h * z + gd.tanh(a) * (1 - z),) * 2

    h, _ = gd.scan(cell, gd.zeros((4, 16)), rows @ u)
    h, outer = gd.scan(cell, h, rows * 2.0)
    loss = gd.sum(gd.square(h)) + gd.sum(gd.sin(outer))
    outputs = [loss, *gd.grad(loss, [u, w])]
    data = rng.standard_normal((40, 4, 16)).astype(np.float32)
    sizes = {} if length == 40 else {"steps": 40}
    full = gd.compile([rows], outputs)
    want, arena = full(data), full.plan_for(**sizes).arena_bytes
    seconds = full.plan_for(**sizes).seconds
    segmented = 0
    for share in (0.9, 0.8, 0.7, 0.6, 0.5, 0.4):
        f = full.within(int(share * arena))
        plan = f.plan_for(**sizes)
        assert plan.arena_bytes <= share * arena and plan.seconds >= seconds
        assert same(want, f(data)) and same(want, f.fork()(data))
        seconds = plan.seconds
        if "loops in segments of" in plan.summary():
            segmented += 1
            assert 0 < plan.recompute_seconds < plan.seconds and plan.recompute_flops > 0
            assert any(d.label == "loop" and not d.kept and d.times == 1 for d in plan.decisions())
    assert segmented >= 2
    listed = gd.compile([rows], outputs, checkpoint=[h], memory_limit=int(0.7 * arena))
    assert same(want, listed(data))


def test_a_loop_that_may_run_very_long_keeps_few_states_of_its_own():
    """With the bits of one that keeps all of them; its arena does not grow with the most steps."""
    x, w = gd.input("x", (8,)), gd.parameter("w", np.float32([1.01] * 8))

    def compiled(most):
        y = gd.while_loop(lambda v: gd.max(v) < 60, lambda v: v * w + gd.sin(v) / 9 + 0.1, x, most)
        return gd.compile(x, [y, *gd.grad(gd.sum(gd.sin(y)), [x, w])])

    bound, many = compiled(1 << 16), compiled(1 << 24)
    data = np.linspace(-1, 1, 8, dtype=np.float32)
    assert same(bound(data), many(data))
    assert bound.plan.arena_bytes > (1 << 16) * 8 * 4 > 5 * many.plan.arena_bytes


def test_gradients_by_a_leaf_are_added_up_as_they_come():
    """A weight that is used very often: its contributions are not all there at the end."""
    w = gd.parameter("w", (np.random.default_rng(0).standard_normal((96, 96)) / 10).astype(np.float32))
    x = gd.input("x", (2, 96))
    h = x
    for _ in range(60):
        h = gd.tanh(h @ w)
    loss = gd.mean(h * h)
    f = gd.compile([x], [loss, gd.grad(loss, w)])
    assert f.plan.arena_bytes < 25 * 96 * 96 * 4
    data = np.ones((2, 96), np.float32)
    hs = [data]
    for _ in range(60):
        hs.append(np.tanh(hs[-1] @ w.value))
    g, total = hs[-1] / 96, 0.0  # of the mean of 2 x 96 squares
    for before, after in zip(hs[-2::-1], hs[:0:-1]):
        g = g * (1 - after * after)
        total += before.T.astype("f8") @ g
        g = g @ w.value.T
    np.testing.assert_allclose(f(data)[1], total, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("debug", [False, "nan"])
@pytest.mark.parametrize("length", [1, 6, 33])
def test_a_limit_holds_with_control_flow_forks_and_bound_calls(length, debug):
    """Loops of every kind, a named size, another thread's copy and calls on fixed buffers: within the same bytes."""
    rng = np.random.default_rng(length)
    rows = gd.input("rows", ("n", 8))
    w = gd.parameter("w", np.eye(8, dtype=np.float32) + rng.standard_normal((8, 8)).astype(np.float32) / 8)
    h = gd.tanh(gd.tanh(gd.exp(-rows * rows) @ w) @ w)
    (c,), sums = gd.scan(lambda c, v: ((gd.tanh(c[0] @ w + v),), gd.sum(v * v)), (gd.zeros((8,)),), h)
    z = gd.while_loop(lambda s: gd.sum(s) < 50.0, lambda s: s * 1.5 + 1, gd.sum(c) + gd.sum(sums), max_steps=8)
    z = z + gd.cond(z > 3, lambda q: q * q, gd.sin, z) + gd.sum(gd.map(lambda r: gd.sum(gd.tanh(r @ w)), h))
    outputs = [z, *gd.grad(z, [w, rows])]
    data = rng.standard_normal((length, 8)).astype(np.float32)
    full = gd.compile([rows], outputs, debug=debug)
    want = [a.tobytes() for a in full(data)]
    arena = full.plan_for(n=length).arena_bytes
    with pytest.raises(gd.MemoryLimitError) as e:
        gd.compile([rows], outputs, memory_limit=64, debug=debug)(data)
    smallest = e.value.smallest_arena_bytes
    assert smallest <= arena
    for limit in {smallest, (smallest + arena) // 2, arena}:
        f = gd.compile([rows], outputs, memory_limit=limit, debug=debug)
        out = [np.empty(a.shape, a.dtype) for a in f(data)]
        f.bind(rows=data, out=out)()
        for got in (f(data), f.fork()(data), out, f(data)):
            assert [a.tobytes() for a in got] == want
        assert f.plan_for(n=length).arena_bytes <= limit


def deep_network():
    """A compiled training step of 20 layers, and its arena without a limit."""
    x = gd.input("x", (64, 32))
    params, h = [], x
    for k in range(20):
        params.append(gd.parameter(f"W{k}", np.eye(32, dtype=np.float32)))
        h = gd.tanh(h @ params[-1])
    loss = gd.sum(gd.square(h))
    f = gd.compile([x], gd.grad(loss, params), plan_seconds=0.2)
    return f, f.plan.arena_bytes


def told(f):
    return [(row.name, row.phase, [(b.offset, b.bytes) for b in row.writes]) for row in f.plan_for().instructions]


def test_a_plan_does_not_depend_on_the_limits_asked_for_before():
    f, arena = deep_network()
    limits = [int(share * arena) for share in (0.9, 0.6, 0.45, 0.75)]
    after_others = [told(f.within(limit)) for limit in limits]
    assert after_others == [told(deep_network()[0].within(limit)) for limit in limits]
    assert len({str(plan) for plan in after_others}) == len(limits)


def test_a_small_limit_does_not_make_the_schedules_of_large_ones(monkeypatch):
    asked = []
    solve = Problem.solve
    monkeypatch.setattr(
        Problem, "solve", lambda self, limit, *a, **k: asked.append(limit) or solve(self, limit, *a, **k)
    )
    f, arena = deep_network()
    f.within(arena // 2).plan_for()
    few = len(asked)
    f.within(arena // 2).plan_for()
    assert len(asked) == few > 3
    f.within(arena - 64).plan_for()
    assert len(asked) > few + 3
