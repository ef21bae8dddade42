"""The rematerialisation planner: schedules replayed by a checker of their own, and the optima that are known.

Oracles, each a short function here: Revolve's closed form (Griewank and Walther 2000), the mixed optimum (Maddison
2024), a search over all plans for short chains of unequal stages, and one over all schedules for small graphs.
"""

import heapq
import itertools
import math
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import graphdiff as gd
from graphdiff.lower.instruction import ARENA, PARAM
from graphdiff.schedule import Chain, rematerialise
from graphdiff.schedule.orders import reordered
from graphdiff.schedule.problem import problem, steps_of
from graphdiff.schedule.problem import replay as replayed


def replay(schedule, cost, size, inputs, workspace=None, inplace=None):
    """(peak, cost) of a schedule by the rules of ``rematerialise``; fails where a step misses an input."""
    n = len(cost)
    read = {i for v in inputs for i in v}
    made = [[] for _ in range(n)]  # when each node runs
    last = []  # until when each step's copy lives
    for t, v in enumerate(schedule):
        for i in inputs[v]:
            assert made[i], f"step {t} runs {v} before {i}"
            last[made[i][-1]] = t
        made[v].append(t)
        last.append(t)
    assert all(made), "a node never runs"
    for v in set(range(n)) - read:
        last[made[v][-1]] = len(schedule) - 1
    live = np.zeros(len(schedule) + 1, dtype=object)
    for t, v in enumerate(schedule):
        live[t] += size[v]
        live[last[t] + 1] -= size[v]
    live = list(itertools.accumulate(live))
    for t, v in enumerate(schedule if workspace else ()):
        before = [u for u in made[inplace[v]] if u < t] if inplace[v] >= 0 else []
        live[t] += workspace[v] - (size[v] if before and last[before[-1]] == t else 0)
    return max(live, default=0), math.fsum(cost[v] for v in schedule)


def layered(n, seed, width=4):
    """(cost, size, inputs, order): layers of a few nodes that read some of the two layers before."""
    rng = np.random.default_rng(seed)
    inputs, layers, made = [], [], 0
    while made < n:
        layer = list(range(made, min(n, made + int(rng.integers(1, width + 1)))))
        near = [v for past in layers[-2:] for v in past]
        for _ in layer:
            k = int(rng.integers(1, 4)) if near else 0
            inputs.append(sorted(rng.choice(near, min(k, len(near)), replace=False).tolist()) if near else [])
        layers.append(layer)
        made += len(layer)
    return rng.integers(1, 20, n).tolist(), rng.integers(1, 50, n).tolist(), inputs, list(range(n))


def training(n):
    """A chain of ``n`` stages and its backward: node n+i reads stage n-1-i, what that read, and the gradient so far."""
    inputs = [[i - 1] if i else [] for i in range(n)]
    for i in range(n):
        at = n - 1 - i
        inputs.append([v for v in (at, at - 1, n + i - 1 if i else None) if v is not None and v >= 0])
    return [1] * (2 * n), [4] * (2 * n), inputs, list(range(2 * n))


# ------------------------------------------------------------------ any graph


def cheapest(cost, size, inputs, limit):
    """The least cost within the limit, by Dijkstra over sets of living values; infinity if there is none."""
    n = len(cost)
    read = {i for v in inputs for i in v}
    goal = sum(1 << v for v in range(n) if v not in read)
    needs = [sum(1 << i for i in set(v)) for v in inputs]
    total = [sum(size[v] for v in range(n) if s >> v & 1) for s in range(1 << n)]
    best, queue = {0: 0}, [(0, 0)]
    while queue:
        spent, alive = heapq.heappop(queue)
        if spent > best[alive]:
            continue
        if alive & goal == goal:
            return spent
        for v in range(n):
            now = alive | 1 << v
            if alive >> v & 1 or needs[v] & ~alive or total[now] > limit:
                continue
            kept = now
            while True:  # all ways to drop what is no more needed
                if spent + cost[v] < best.get(kept, math.inf):
                    best[kept] = spent + cost[v]
                    heapq.heappush(queue, (best[kept], kept))
                if not kept:
                    break
                kept = (kept - 1) & now
    return math.inf


@pytest.mark.parametrize("seed", range(25))
def test_small_graphs_equal_exhaustive_search(seed):
    cost, size, inputs, order = layered(3 + seed % 6, seed, 3)
    peak, once = replay(order, cost, size, inputs)
    least = next(m for m in range(peak + 1) if math.isfinite(cheapest(cost, size, inputs, m)))
    for limit in {least - 1, least, (least + peak) // 2, peak - 1, peak}:
        found = rematerialise(cost, size, inputs, order, limit)
        assert replay(found.schedule, cost, size, inputs) == (found.peak, found.cost)
        want = cheapest(cost, size, inputs, limit)
        if limit < least:
            assert found.peak == least, "where nothing fits the least peak there is"
        else:
            assert found.peak <= limit and found.cost == want
        if limit >= peak:
            assert found.cost == once


@pytest.mark.parametrize("n", [30, 100, 300])
@pytest.mark.parametrize("part", [0.9, 0.7])
def test_large_graphs_stay_within_the_limit(n, part):
    cost, size, inputs, order = layered(n, n)
    peak, once = replay(order, cost, size, inputs)
    limit = int(part * peak)
    found = rematerialise(cost, size, inputs, order, limit, seconds=0.5)
    assert replay(found.schedule, cost, size, inputs) == (found.peak, found.cost)
    assert found.peak < peak and found.cost >= once
    again = rematerialise(cost, size, inputs, order, limit, seconds=0.5)
    assert again == found, "the same arguments, the same schedule"
    assert rematerialise(cost, size, inputs, order, peak) == (order, peak, once)


@pytest.mark.parametrize("n", [20, 60])
def test_training_chains_cost_no_more_than_revolve(n):
    cost, size, inputs, order = training(n)
    peak, _ = replay(order, cost, size, inputs)
    for part in (0.8, 0.5, 0.3):
        found = rematerialise(cost, size, inputs, order, int(part * peak), seconds=1)
        assert replay(found.schedule, cost, size, inputs) == (found.peak, found.cost)
        assert found.peak <= int(part * peak)
        # a backward step itself needs what it reads and makes: four of the chain's values, all of one size
        assert found.cost <= n + revolve(n, int(part * peak) // size[0] - 4)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 40), st.integers(0, 2000), st.integers(0, 3))
def test_schedules_are_what_they_say(seed, n, limit, start):
    cost, size, inputs, order = layered(n, seed)
    found = rematerialise(cost, size, inputs, order, limit, seconds=0.02, seed=start)
    assert replay(found.schedule, cost, size, inputs) == (found.peak, found.cost)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 60), st.floats(0.2, 1), st.booleans())
def test_workspace_and_results_in_place_of_operands(seed, n, part, begun):
    """Peaks count them, and a search that begins with a schedule gives none that is worse."""
    cost, size, inputs, order = layered(n, seed)
    rng = np.random.default_rng(seed)
    workspace = [int(w) for w in rng.integers(0, 40, n) * rng.integers(0, 2, n)]
    inplace = [-1] * n
    for v in order:
        if inputs[v] and rng.random() < 0.7:
            inplace[v] = inputs[v][0]
            size[v] = size[inplace[v]]
    peak, _ = replay(order, cost, size, inputs, workspace, inplace)
    limit = int(part * peak)
    extra = {"workspace": workspace, "inplace": inplace}
    found = rematerialise(cost, size, inputs, order, limit, 0.02, **extra)
    assert replay(found.schedule, cost, size, inputs, **extra) == (found.peak, found.cost)
    assert found.peak <= peak
    if begun:
        again = rematerialise(cost, size, inputs, order, limit, 0.02, seed=1, start=found.schedule, **extra)
        assert replay(again.schedule, cost, size, inputs, **extra) == (again.peak, again.cost)
        assert (max(again.peak, limit), again.cost) <= (max(found.peak, limit), found.cost) or again.peak < found.peak


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 60))
def test_other_orders_are_orders(seed, n):
    _, size, inputs, _ = layered(n, seed)
    inputs = [*inputs, sorted({*range(n)} - {i for v in inputs for i in v})]  # the end, which all is made for
    for _, order in reordered([*size, 0], inputs):
        assert sorted(order) == list(range(n + 1)) and order[-1] == n
        at = {v: k for k, v in enumerate(order)}
        assert all(at[i] < at[v] for v in order for i in inputs[v])


def test_an_order_that_frees_early_is_found():
    """Wide values made first and summed up last: one after the other they need not be there together."""
    size, inputs = [10] * 8 + [1] * 8 + [0], [[]] * 8 + [[k] for k in range(8)] + [list(range(8, 16))]
    peaks = [rematerialise([1] * 17, size, inputs, order, 0, 0).peak for _, order in reordered(size, inputs)]
    assert peaks == [18, 18] and rematerialise([1] * 17, size, inputs, range(17), 0, 0).peak == 81


def test_odd_graphs():
    assert rematerialise([], [], [], [], 0) == ([], 0, 0.0)
    assert rematerialise([2.5], [7], [[]], [0], 0) == ([0], 7, 2.5)
    assert rematerialise([0, 0], [0, 0], [[], [0, 0]], [0, 1], 0) == ([0, 1], 0, 0.0)
    alone = rematerialise([1] * 50, [1] * 50, [[]] * 50, list(range(49, -1, -1)), 10)
    assert alone.schedule == list(range(49, -1, -1)) and alone.peak == 50, "outputs all stay"
    wide = rematerialise([1] * 201, [3] * 201, [[]] * 200 + [list(range(200))], list(range(201)), 100, seconds=0.05)
    assert wide.peak == 603, "what one node reads must be there at once"


@pytest.mark.parametrize(
    "change, text",
    [
        ({"cost": [1, -1, 1]}, "cost of 1 is -1"),
        ({"cost": [1, math.nan, 1]}, "cost of 1 is nan"),
        ({"cost": [1, 1]}, "2 costs, 3 sizes and 3 lists"),
        ({"cost": ["a", 1, 1]}, "cost takes numbers"),
        ({"size": [1, -2, 3]}, "node 1 has a size of -2"),
        ({"size": [2**60, 1, 1]}, "more than 2"),
        ({"size": [1.5, 1, 1]}, "size takes integers"),
        ({"inputs": [[], [0], [3]]}, "node 2 reads node 3"),
        ({"inputs": [[], [2], [1]]}, "node 1 runs before its input 2"),
        ({"inputs": [[], [0], [-1]]}, "node 2 reads node -1"),
        ({"order": [0, 1]}, "order has 2 of 3"),
        ({"order": [0, 1, 1]}, "node 1 twice"),
        ({"order": [0, 1, 9]}, "node 9"),
        ({"order": [1, 0, 2]}, "node 1 runs before its input 0"),
        ({"limit": -1}, "limit of -1"),
        ({"limit": 1.5}, "limit takes integers"),
        ({"seconds": math.nan}, "seconds is nan"),
        ({"seed": "x"}, "seed takes"),
        ({"workspace": [1, 1]}, "3 costs, 2 of workspace"),
        ({"workspace": [1, -1, 1]}, "workspace is negative"),
        ({"inplace": [-1, 0, 0]}, "node 2 is to take the bytes of 0"),
        ({"inplace": [1, -1, -1]}, "node 0 is to take"),
        ({"size": [1, 2, 2], "inplace": [-1, 0, -1]}, "no input of its size"),
        ({"start": [0, 1]}, "start never runs node 2"),
        ({"start": [0, 2, 1]}, "step 1 of start runs node 2"),
        ({"start": [0, 1, 7]}, "start has node 7"),
    ],
)
def test_what_rematerialise_refuses(change, text):
    good = {"cost": [1, 1, 1], "size": [1, 1, 1], "inputs": [[], [0], [1]], "order": [0, 1, 2], "limit": 3}
    assert rematerialise(**good).schedule == [0, 1, 2]
    with pytest.raises(gd.GraphError, match=text):
        rematerialise(**{**good, **change})


def test_searches_run_on_any_thread():
    case = layered(60, 3)
    peak, _ = replay(case[3], *case[:3])
    want = rematerialise(*case, int(0.8 * peak), seconds=0.2)
    found = []
    workers = [
        threading.Thread(target=lambda: found.append(rematerialise(*case, int(0.8 * peak), seconds=0.2)))
        for _ in range(3)
    ]
    for w in workers:
        w.start()
    for w in workers:
        w.join()
    assert found == [want] * 3


# ------------------------------------------------------------------ chains


def revolve(n, s):
    """Forward steps to reverse n steps with s snapshots, the initial state among them."""
    t = next(t for t in range(n + 1) if math.comb(s + t, s) >= n)
    return n + t * n - math.comb(s + t, t - 1) if t else n


def test_equal_stages_that_may_only_restart_equal_revolve():
    n, tape = 200, 201  # two tapes never fit: what is left holds states
    chain = Chain([1] * n, [0] * n, [1] * n, [tape] * n, limit=n + tape)
    for s in range(1, n):
        for k in range(s + 1, n + 1):
            assert chain.cost(s + tape, k) == revolve(k, s), (k, s)


def test_published_figures_of_revolve():
    assert [round(revolve(1000, s) / 1000, 3) for s in (5, 10, 20, 40)] == [7.284, 4.636, 3.747, 3.097]


def test_equal_stages_equal_the_mixed_optimum():
    n = 200
    chain = Chain([1] * n, [0] * n, [1] * n, [1] * n, limit=n)
    f = np.zeros((n + 1, n))  # f[k, s]: forward steps of k stages with s slots
    for k in range(1, n + 1):
        for s in range(1, n):
            if k <= s + 1:
                f[k, s] = k
            elif s == 1:
                f[k, s] = k * (k + 1) / 2 - 1
            else:
                i = np.arange(1, k)
                f[k, s] = min(1 + f[k - 1, s - 1], np.min(i + f[i, s] + f[k - i, s - 1]))
            if s < k:
                assert chain.cost(s + 1, k) == f[k, s], (k, s)


def cheapest_chain(forward, backward, state, tape, limit):
    """The least cost of a chain by Dijkstra over what is stored: a state goes only when its stage is taped."""
    n = len(forward)
    start = (0, frozenset(), frozenset(), n)  # at hand, states, tapes, stages to reverse
    best, queue, count = {start: 0}, [(0, 0, start)], itertools.count(1)

    def held(states, tapes):
        return sum(state[i] for i in states) + sum(tape[i] for i in tapes)

    while queue:
        spent, _, now = heapq.heappop(queue)
        at, states, tapes, left = now
        if spent > best[now]:
            continue
        if not left:
            return spent
        steps = [(0, (i, states, tapes, left)) for i in states]
        if at is not None and at < left:
            if at not in tapes:
                steps.append((0, (at, states | {at}, tapes, left)))
            if at + 1 < left:
                steps.append((forward[at], (at + 1, states, tapes, left)))
            steps.append((forward[at], (at + 1, states - {at}, tapes | {at}, left)))
            steps.append((forward[at], (at + 1, states, tapes | {at}, left)))
        if left - 1 in tapes:
            steps.append((backward[left - 1], (None, states, tapes - {left - 1}, left - 1)))
        for paid, then in steps:
            if held(then[1], then[2]) <= limit and spent + paid < best.get(then, math.inf):
                best[then] = spent + paid
                heapq.heappush(queue, (spent + paid, next(count), then))
    return math.inf


def run_plan(plan, forward, backward, state, tape, passing, working):
    """(peak, cost) of a plan, each step checked against what is at hand and kept."""
    n = len(forward)
    at, states, tapes, left, peak, cost = 0, set(), set(), n, 0, 0
    for name, i in plan:
        held = sum(state[k] for k in states) + sum(tape[k] for k in tapes)
        if name == "store":
            assert at == i and i not in states
            states.add(i)
        elif name == "load":
            states.remove(i)
            at = i
        elif name in ("forward", "tape"):
            assert at == i
            at, cost = i + 1, cost + forward[i]
            if name == "tape":
                tapes.add(i)
            held += passing[i] * (i + 1 < left) + tape[i] * (name == "tape")
        else:
            assert name == "backward" and i == left - 1
            tapes.remove(i)
            held, left, cost, at = held + working[i], i, cost + backward[i], None
        peak = max(peak, held, sum(state[k] for k in states) + sum(tape[k] for k in tapes))
    assert not left and not states and not tapes
    return peak, cost


@pytest.mark.parametrize("seed", range(30))
def test_short_chains_of_unequal_stages_equal_a_search_over_all_plans(seed):
    rng = np.random.default_rng(seed)
    n = 2 + seed % 5 if seed < 28 else 10
    forward, backward = rng.integers(1, 9, n).tolist(), rng.integers(1, 9, n).tolist()
    state = rng.integers(1, 5, n).tolist()
    tape = [s + int(k) for s, k in zip(state, rng.integers(0, 5, n))]
    chain = Chain(forward, backward, state, tape, limit=sum(tape))
    none = [0] * n
    for limit in range(max(tape), sum(tape) + 1) if n < 10 else (max(tape) + 1, max(tape) + 4):
        want = cheapest_chain(forward, backward, state, tape, limit)
        assert chain.cost(limit) == want, limit
        if math.isfinite(want):
            peak, cost = run_plan(chain.plan(limit), forward, backward, state, tape, none, none)
            assert peak <= limit and cost == want
    assert chain.cost(sum(tape)) == sum(forward) + sum(backward)


@pytest.mark.parametrize("seed", range(10))
def test_plans_of_chains_hold_with_what_stages_need_beside(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 30))
    numbers = [rng.integers(1, 50, n).tolist() for _ in range(4)]
    numbers[3] = [a + b for a, b in zip(numbers[2], numbers[3])]
    beside = [rng.integers(0, 30, n).tolist() for _ in range(2)]
    whole = sum(numbers[3]) + max(max(b) for b in beside)
    chain, costs = Chain(*numbers, whole, *beside, slots=whole), []
    for limit in np.linspace(0, whole, 40).astype(int).tolist():
        costs.append(chain.cost(limit))
        if math.isinf(costs[-1]):
            with pytest.raises(gd.GraphError, match=f"nothing fits {limit} bytes"):
                chain.plan(limit)
            continue
        peak, cost = run_plan(chain.plan(limit), *numbers, *beside)
        assert peak <= limit and cost == costs[-1]
    assert costs == sorted(costs, reverse=True) and costs[-1] == sum(numbers[0]) + sum(numbers[1])
    coarse = Chain(*numbers, whole, *beside, slots=50)
    assert all(coarse.cost(m) >= chain.cost(m) for m in range(0, whole + 1, 7)), "sizes are rounded up"


@pytest.mark.parametrize(
    "arguments, text",
    [
        (([], [], [], [], 3), "0 stages"),
        (([1], [1], [1], [1], -3), "a limit of -3"),
        (([1], [1, 2], [1], [1], 3), "lists of"),
        (([-1], [1], [1], [1], 3), "forward is -1"),
        (([1], [1], [1], [-2], 3), "tape has a size of -2"),
        (([1] * 3000, [1] * 3000, [1] * 3000, [1] * 3000, 10**6), "too large"),
    ],
)
def test_what_chains_refuse(arguments, text):
    with pytest.raises(gd.GraphError, match=text):
        Chain(*arguments)


def rearranged(order):
    """(steps, instructions) of a schedule for each of some shares of the peak."""
    p = problem(order, {i: 1.0 + len(i.nodes) for i in order}, {})
    peak = p.solve(2**50, 0).peak
    for share in (0.4, 0.5, 0.6, 0.7, 0.8, 0.9):
        found = p.solve(int(share * peak), 0.1)
        if found.peak < peak:
            yield found.schedule, replayed(order, np.array(found.schedule))


def test_instructions_are_run_again_as_the_schedule_says():
    """Of a training step: whatever the share, each read finds what was made, and the rest runs last."""
    rng = np.random.default_rng(0)
    x = h = gd.input("x", (32, 16))
    weights = [gd.parameter(f"W{k}", rng.standard_normal((16, 16)).astype(np.float32) / 4) for k in range(12)]
    for w in weights:
        h = gd.tanh(h @ w) + h
    grads = gd.grad(gd.mean(h * h), weights)
    f = gd.compile([x], [], gd.optim.SGD(0.1, momentum=0.9).updates(weights, grads))
    order = f._compiled.unlimited
    seen = 0
    for steps, again in rearranged(order):
        assert {i.first for i in again} == set(order) and len(again) > len(order)
        assert steps_of(order, again) == steps
        made = set()
        for i in again:
            assert all(b in made for b in i.reads if b.kind == ARENA)
            made.update(i.writes)
        written = [n for n, i in enumerate(again) if any(b.kind == PARAM for b in i.writes)]
        assert [i.first for i in again[written[0] :]] == order[len(order) - (len(again) - written[0]) :]
        seen += 1
    assert seen >= 4


def test_what_a_guard_makes_safe_stays_after_it():
    """Labels are checked before they are used, in any order and however often it runs."""
    rng = np.random.default_rng(0)
    x, labels = gd.input("x", (64, 32)), gd.input("labels", (10, 64), "int64")
    weights = [gd.parameter(f"W{k}", rng.standard_normal((32, 32)).astype(np.float32) / 6) for k in range(10)]
    h = x
    for k, w in enumerate(weights):
        h = gd.tanh(gd.one_hot(labels[k], 64) @ h @ w) + h
    cost = gd.mean(h * h)
    f = gd.compile([x, labels], [cost, *gd.grad(cost, weights)])
    order = f._compiled.unlimited
    at = {i: n for n, i in enumerate(order)}
    guards = [n for n, i in enumerate(order) if i.guard and not i.writes]
    assert len(guards) > 1
    seen = 0
    for _, again in rearranged(order):
        ran: set[int] = set()
        for i in again:
            assert all(g in ran for g in guards if g < at[i.first])
            ran.add(at[i.first])
        seen += 1
    assert seen >= 3
    feed = rng.standard_normal((64, 32)).astype(np.float32), rng.integers(0, 64, (10, 64))
    small = f.within(int(f.plan.arena_bytes * 0.7))
    for a, b in zip(f(*feed), small(*feed)):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(gd.FeedError, match="64"):
        small(feed[0], np.full((10, 64), 64))
