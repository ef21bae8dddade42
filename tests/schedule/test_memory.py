"""Checkpointing and byte limits: the limit holds, a larger one never costs more, and every bit is the same."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import graphdiff as gd
from graphdiff.ir.dtypes import float64
from graphdiff.lower.instruction import ARENA, Buffer, Instruction
from graphdiff.schedule.limit import parse_bytes
from graphdiff.schedule.memory import Lifetimes


def chain(depth=24, width=16):
    rng = np.random.default_rng(0)
    x = gd.input("x", ("batch", width))
    params, h = [], x
    for i in range(depth):
        W = gd.parameter(f"W{i}", (rng.standard_normal((width, width)) / 4).astype(np.float32))
        params.append(W)
        h = gd.tanh(h @ W)
    return x, params, gd.mean(h * h), h


def run(f, batch=64, width=16):
    return f(np.random.default_rng(1).standard_normal((batch, width)).astype(np.float32))


def same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("policy", ["sqrt", gd.Every(1), gd.Every(3), gd.Every(7), gd.Every(1000), "list", []])
def test_checkpointed_gradients_are_bitwise_those_of_keeping_all(policy):
    x, params, loss, _ = chain()
    g = gd.grad(loss, params)
    full = gd.compile([x], [loss, *g])
    if policy == "list":
        policy = [n.outputs[0] for n in gd.adjoint(loss, params).forward if n.op.name == "tanh"][::5]
    f = gd.compile([x], [loss, *g], checkpoint=policy)
    assert same(run(full), run(f))
    plan = f.plan
    if policy != gd.Every(1):
        assert plan.recompute_flops > 0 and any(r.phase == "recompute" for r in plan.instructions)
    assert plan.flops == full.plan.flops
    if policy == "sqrt":
        assert plan.arena_bytes < 0.7 * full.plan.arena_bytes


def test_limits_hold_and_cost_never_rises_with_them():
    x, params, loss, _ = chain()
    outputs = [loss, *gd.grad(loss, params)]
    full = gd.compile([x], outputs)
    want = run(full)
    arena = full.plan.arena_bytes
    costs = []
    for share in (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4):
        f = gd.compile([x], outputs, memory_limit=int(arena * share))
        assert same(run(f), want)
        assert f.plan.arena_bytes <= arena * share and f.plan.memory_limit == int(arena * share)
        costs.append(f.plan.recompute_flops)
    assert costs == sorted(costs) and costs[0] == 0 and costs[-1] > 0


def test_a_limit_that_nothing_fits_names_the_smallest_arena_and_what_sets_it():
    x, params, loss, _ = chain()
    f = gd.compile([x], gd.grad(loss, params), memory_limit="1kB")
    with pytest.raises(gd.MemoryLimitError, match="no schedule fits 1,000 bytes") as e:
        f.plan_for(batch=64)
    smallest = e.value.smallest_arena_bytes
    assert isinstance(e.value, MemoryError) and f"{smallest:,}" in str(e.value) and "test_memory.py" in str(e.value)
    with pytest.raises(gd.MemoryLimitError):
        run(f)
    g = gd.compile([x], gd.grad(loss, params), memory_limit=smallest)
    assert g.plan_for(batch=64).arena_bytes <= smallest
    fixed = gd.input("fixed", (64, 16))
    with pytest.raises(gd.MemoryLimitError):
        gd.compile([fixed], gd.grad(gd.sum(gd.exp(fixed) @ fixed.T), fixed), memory_limit=64)


def test_a_limit_and_kept_values_combine():
    x, params, loss, _ = chain()
    g = gd.grad(loss, params)
    keep = [n.outputs[0] for n in gd.adjoint(loss, params).forward if n.op.name == "tanh"][::6]
    full = gd.compile([x], g)
    want = run(full)
    f = gd.compile([x], g, checkpoint=keep, memory_limit=int(full.plan.arena_bytes * 0.6))
    assert same(run(f), want) and f.plan.arena_bytes <= full.plan.arena_bytes * 0.6


def test_limits_as_text():
    assert parse_bytes("64MB") == 64_000_000 and parse_bytes("64 MiB") == 64 << 20 and parse_bytes("1.5kb") == 1500
    assert parse_bytes(7) == 7 and parse_bytes("12") == 12
    for bad in (-1, "many", "5 MBB", True, None, 1.5, "nan", "inf"):
        assert parse_bytes(bad) is None
    x = gd.input("x", (2,))
    with pytest.raises(gd.CompileError, match="memory_limit"):
        gd.compile([x], x, memory_limit="lots")


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1))
def test_random_graphs_keep_every_limit_bit_for_bit(seed):
    rng = np.random.default_rng(seed)
    x = gd.input("x", (8, int(rng.integers(2, 40))), "float64")
    values = [x]
    for _ in range(int(rng.integers(4, 30))):
        a, b = (values[int(i)] for i in rng.integers(max(0, len(values) - 6), len(values), 2))
        kind = int(rng.integers(4))
        make = [
            lambda a, b: gd.tanh(a) @ (b.T @ b) / 50,
            lambda a, b: gd.sin(a) * b,
            lambda a, b: a + gd.mean(b),
            lambda a, b: gd.exp(-a * a),
        ][kind]
        values.append(make(a, b))
    loss = gd.sum(values[-1] * values[-2])
    outputs = [loss, gd.grad(loss, x)]
    full = gd.compile([x], outputs)
    v = rng.standard_normal(tuple(int(s) for s in x.shape))
    want = full(v)
    for share in (0.95, 0.8, 0.65, 0.5):
        limit = int(full.plan.arena_bytes * share)
        try:
            f = gd.compile([x], outputs, memory_limit=limit)
        except gd.MemoryLimitError as e:
            assert e.smallest_arena_bytes > limit
            break
        assert f.plan.arena_bytes <= limit and same(f(v), want)
    for k in (1, 2, 5):
        assert same(gd.compile([x], outputs, checkpoint=gd.Every(k))(v), want)


class Looked(list):
    """Positions of reads, which counts how many are looked at."""

    count = 0

    def __iter__(self):
        for r in super().__iter__():
            self.count += 1
            yield r


def shared_in_place(n, counts=(1,)):
    """How many positions are looked at where an instruction writes over the ``n`` values that it reads, of so many
    elements in turn."""
    values, results = ([Buffer(ARENA, float64, counts[i % len(counts)]) for i in range(n)] for _ in range(2))
    places = Looked(range(n))
    order = [
        Instruction([], [], values, "forward", []),
        Instruction([], values, results, "forward", [], inplace=dict.fromkeys(range(n), places)),
        Instruction([], results, [], "forward", []),
    ]
    lifetimes = Lifetimes(order)
    assert len(lifetimes.members) == n  # each result has the memory of a value
    return places.count


@pytest.mark.parametrize("counts", [(1,), (1, 2, 3)])
def test_sharing_in_place_looks_at_as_many_reads_as_there_are(counts):
    assert shared_in_place(600, counts) == 2 * shared_in_place(300, counts) <= 600 * len(counts)
