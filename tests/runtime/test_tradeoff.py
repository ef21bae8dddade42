"""Time against bytes: the curve over limits, the largest size within one, and the costs that both are made with."""

import json
import math

import numpy as np
import pytest

import graphdiff as gd
from graphdiff.runtime import rates
from graphdiff.schedule.cost import NOMINAL, Costs, rates_from, rates_to
from graphdiff.wording import seconds_text


def network(depth=12, width=32):
    rng = np.random.default_rng(0)
    x = h = gd.input("x", ("batch", width))
    t = gd.input("t", ("batch", "classes"))
    params = []
    for i in range(depth):
        params.append(gd.parameter(f"W{i}", (rng.standard_normal((width, width)) / 5).astype(np.float32)))
        h = gd.tanh(h @ params[-1])
    loss = gd.mean(gd.square(gd.sum(h, axis=1, keepdims=True) - t))
    return [x, t], params, loss


def feeds(batch=64, width=32):
    rng = np.random.default_rng(1)
    return [rng.standard_normal((batch, n)).astype(np.float32) for n in (width, 5)]


# ------------------------------------------------------------------ the largest size


@pytest.mark.parametrize("share", [None, 0.5])
def test_the_largest_batch_fits_and_the_next_does_not(share):
    inputs, params, loss = network()
    limit = 300_000
    f = gd.compile(inputs, gd.grad(loss, params), memory_limit=None if share is None else limit)
    n = gd.largest(f, "batch", limit, classes=5)
    assert f.plan_for(batch=n, classes=5).arena_bytes <= limit
    if share is None:
        assert f.plan_for(batch=n + 1, classes=5).arena_bytes > limit
        text = gd.largest(f, "batch", "0.3MB", classes=5)
        assert text == n and gd.largest(f, "batch", 2 * limit, classes=5) > 1.8 * n
    else:
        with pytest.raises(gd.MemoryLimitError):
            f.plan_for(batch=n + 1, classes=5)
        stored = gd.largest(gd.compile(inputs, gd.grad(loss, params)), "batch", limit, classes=5)
        assert n > 1.5 * stored  # recomputing makes room


def test_what_largest_cannot_answer_is_told():
    inputs, params, loss = network(depth=2)
    f = gd.compile(inputs, gd.grad(loss, params))
    with pytest.raises(gd.FeedError, match=r"no dimension 'bath' .*batch, classes"):
        gd.largest(f, "bath", 1000)
    with pytest.raises(gd.FeedError, match="classes is missing"):
        gd.largest(f, "batch", 1000)
    with pytest.raises(gd.FeedError, match="batch is what is looked for"):
        gd.largest(f, "batch", 1000, batch=2, classes=3)
    with pytest.raises(gd.CompileError, match="memory_limit is"):
        gd.largest(f, "batch", "lots", classes=3)
    with pytest.raises(gd.MemoryLimitError, match="at batch=1, more than 10") as e:
        gd.largest(f, "batch", 10, classes=3)
    assert e.value.smallest_arena_bytes == f.plan_for(batch=1, classes=3).arena_bytes
    x = gd.input("x", ("n",))
    with pytest.raises(gd.GraphError, match="does not grow with n"):
        gd.largest(gd.compile([x], gd.sum(gd.square(x))), "n", 100_000)  # room for parts: 20 kB at 10**12


def test_largest_starts_where_the_graph_begins_to_hold():
    x = gd.input("x", ("n",))
    f = gd.compile([x], gd.sort(gd.exp(x[9:]))[::-1] + gd.tanh(x[: x.shape[0] - 9]))
    n = gd.largest(f, "n", 100_000)
    assert n > 9 and f.plan_for(n=n).arena_bytes <= 100_000 < f.plan_for(n=n + 1).arena_bytes


# ------------------------------------------------------------------ the curve


def test_the_curve_rises_as_the_limit_falls_and_prints_and_draws(tmp_path):
    inputs, params, loss = network()
    shares = [1.0, 0.8, 0.6, 0.4, 0.001]
    curve = gd.tradeoff(inputs, [loss, *gd.grad(loss, params)], shares, sizes={"batch": 64, "classes": 5})
    whole = curve.everything
    assert list(curve.limits) == [int(s * whole.arena_bytes) for s in shares]
    assert all(curve.arena_bytes[:4] <= curve.limits[:4]) and math.isnan(curve.arena_bytes[4])
    assert curve.points[4].smallest > curve.limits[4]
    assert curve.seconds[0] == whole.seconds and all(np.diff(curve.seconds[:4]) >= 0)
    assert curve.seconds[3] > whole.seconds and curve.points[3].recompute_seconds == pytest.approx(
        curve.seconds[3] - whole.seconds
    )
    assert np.isnan(curve.measured).all()
    text = str(curve)
    assert f"{curve.limits[1]:,}" in text and "nothing fits" in text and f"{whole.arena_bytes:,} bytes" in text
    curve.plot(tmp_path / "curve.png")
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")


def test_fed_it_is_measured_and_leaves_the_parameters_alone(tmp_path):
    inputs, params, loss = network(depth=4)
    updates = {p: p - 0.1 * g for p, g in zip(params, gd.grad(loss, params))}
    before = [p.value.copy() for p in params]
    x, t = feeds()
    curve = gd.tradeoff(inputs, loss, [0.9, "1kB"], updates, feeds={"t": t, "x": x}, name="step")
    assert all(np.array_equal(p.value, old) for p, old in zip(params, before))
    assert curve.measured[0] > 0 and curve.everything.measured > 0 and math.isnan(curve.measured[1])
    assert curve.name == "step" and "measured" in str(curve)
    curve.plot(tmp_path / "curve.png")
    with pytest.raises(gd.CompileError, match="a limit is"):
        gd.tradeoff(inputs, loss, [1.5], sizes={"batch": 1, "classes": 1})
    with pytest.raises(gd.CompileError, match="third argument"):
        gd.tradeoff(inputs, loss, [0.5], memory_limit=3)
    with pytest.raises(gd.FeedError, match="tradeoff: the size batch is missing"):
        gd.tradeoff(inputs, loss, [0.5])


def test_another_limit_needs_no_compilation():
    inputs, params, loss = network()
    f = gd.compile(inputs, gd.grad(loss, params))
    want = f(*feeds())
    limit = int(f.plan.arena_bytes * 0.6)
    g = f.within(limit)
    assert all(np.array_equal(a, b) for a, b in zip(g(*feeds()), want)) and g.plan.arena_bytes <= limit
    assert g.within(None).plan_for(batch=64, classes=5).arena_bytes == f.plan.arena_bytes
    with pytest.raises(gd.CompileError, match="memory_limit is"):
        f.within("much")


# ------------------------------------------------------------------ costs


def test_rates_are_measured_kept_and_read_again(tmp_path, monkeypatch):
    monkeypatch.delenv("GRAPHDIFF_RATES")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(rates, "_known", {})
    calls = []
    measure = rates.measure
    monkeypatch.setattr(rates, "measure", lambda threads: calls.append(threads) or measure(threads))
    first = rates.machine(1)
    (file,) = (tmp_path / "graphdiff").iterdir()
    assert rates_from(json.loads(file.read_text())) == first and calls == [1]
    rates._known.clear()
    assert rates.machine(1) == first and calls == [1]  # from the file
    file.write_text("{}")
    rates._known.clear()
    rates.machine(1)
    assert calls == [1, 1]  # a damaged one is made anew
    assert first.operations["float32"]["erfinv"] > first.operations["float32"]["add"]
    flops = first.kernels["matmul float32"]
    assert flops[-1][1] > 1e9 and all(n > 1e7 for _, n in first.moved)


def test_no_cache_folder_is_no_failure(tmp_path, monkeypatch):
    monkeypatch.delenv("GRAPHDIFF_RATES")
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr(rates, "_known", {})
    monkeypatch.setattr(rates, "measure", lambda threads: NOMINAL)
    assert rates.machine(1) is NOMINAL


def test_rates_can_be_given(tmp_path, monkeypatch):
    assert rates.machine(2) is NOMINAL  # as the tests' settings say
    slow = NOMINAL._replace(instruction=1.0)
    (tmp_path / "rates.json").write_text(json.dumps(rates_to(slow)))
    monkeypatch.setenv("GRAPHDIFF_RATES", str(tmp_path / "rates.json"))
    x = gd.input("x", (8,))
    assert 1.0 < gd.compile([x], gd.exp(x)).plan.seconds < 1.001
    assert gd.compile([x], gd.exp(x), costs="nominal").plan.seconds < 1e-3
    monkeypatch.setenv("GRAPHDIFF_RATES", str(tmp_path / "none.json"))
    with pytest.raises(gd.CompileError, match="no such file"):
        rates.machine(1)
    with pytest.raises(gd.CompileError, match="costs is None"):
        gd.compile([x], gd.exp(x), costs=3)
    for bad in ({}, {**rates_to(NOMINAL), "instruction": -1}, {**rates_to(NOMINAL), "moved": []}, 7):
        with pytest.raises(gd.CompileError, match="no rates"):
            rates_from(bad)


def test_a_profile_corrects_predictions():
    inputs, params, loss = network()
    f = gd.compile(inputs, gd.grad(loss, params), costs="nominal")
    profile = f.profile(*feeds())
    assert f"predicted {seconds_text(1e-9 * profile.predicted_ns)};" in str(profile)
    assert profile.predicted_ns == pytest.approx(1e9 * f.plan.seconds)
    g = gd.compile(inputs, gd.grad(loss, params), costs=profile)
    assert g.plan_for(batch=64, classes=5).seconds == pytest.approx(profile.total_ns * 1e-9, rel=0.2)
    again = g.profile(*feeds())  # factors of a corrected prediction are still those of the rates alone
    for key, factor in again.factors().items():
        assert 0.02 < factor / profile.factors()[key] < 50
    tanh = Costs(lambda: NOMINAL, dict.fromkeys(profile.factors(), 3.0))
    i = next(i for i in f._compiled.order if i.name == "matmul")
    env = {"batch": 64, "classes": 5}
    assert tanh.seconds(i, env) == pytest.approx(3 * f._compiled.costs.seconds(i, env))


def test_costs_follow_work_and_bytes():
    x = gd.input("x", ("n", "n"))
    costs = Costs(lambda: NOMINAL)

    def seconds(y, n):
        return sum(costs.seconds(i, {"n": n}) for i in gd.compile([x], y)._compiled.order)

    assert seconds(x @ x, 512) / seconds(x @ x, 256) == pytest.approx(8, rel=0.01)
    assert seconds(gd.lgamma(x), 512) > 2 * seconds(gd.abs(x), 512)  # a function takes longer than arithmetic
    assert seconds(gd.scan(lambda c, r: (gd.tanh(c + r), c), x[0], x)[0], 64) > 64 * NOMINAL.instruction


# ------------------------------------------------------------------ the plan explained


def test_decisions_say_what_was_kept_and_what_not():
    inputs, params, loss = network()
    f = gd.compile(inputs, gd.grad(loss, params), checkpoint=gd.Every(4))
    plan = f.plan_for(batch=64, classes=5)
    rows = plan.decisions()
    kept, again = [d for d in rows if d.kept], [d for d in rows if not d.kept]
    assert kept and again and all(d.times == 0 for d in kept) and all(d.times >= 1 for d in again)
    repeated = sum(r.phase == "recompute" for r in plan.instructions)
    assert repeated <= sum(d.times for d in again) < 1.2 * repeated  # one result each, but for the last
    assert plan.recompute_seconds == pytest.approx(sum(d.times * d.seconds for d in again), rel=0.2)
    text = plan.summary()
    assert f"kept: {len(kept)} values" in text and f"recomputed: {len(again)} values" in text
    assert f"{plan.everything().arena_bytes:,}" in text and "test_tradeoff.py" in text
    assert plan.everything().recompute_flops == 0 and plan.everything().arena_bytes > plan.arena_bytes
    full = gd.compile(inputs, gd.grad(loss, params)).plan_for(batch=64, classes=5)
    assert full.everything() is full and all(d.kept for d in full.decisions())
    assert plan.everything().arena_bytes == full.arena_bytes and "recomputed" not in full.summary()


def test_the_error_names_what_sets_the_floor():
    inputs, params, loss = network()
    f = gd.compile(inputs, gd.grad(loss, params), memory_limit=1000)
    with pytest.raises(gd.MemoryLimitError) as e:
        f.plan_for(batch=64, classes=5)
    error = e.value
    assert error.instruction in str(error) and error.operands
    for label, size in error.operands:
        assert f"{label} {size:,}" in str(error)
    assert 3 * 64 * 32 * 4 >= error.floor_bytes - f.within(None).plan_for(batch=64, classes=5).scratch_bytes
    assert max(n for _, n in error.operands) <= error.floor_bytes <= error.smallest_arena_bytes
