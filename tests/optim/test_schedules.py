"""Schedules against the recurrences of torch.optim.lr_scheduler, step for step, each written here from its formula."""

import math

import numpy as np
import pytest

import graphdiff as gd
from graphdiff.optim import schedules as S

N = 1000


def rates(schedule, n=N):
    count = gd.input("count", ("n",), "int64")
    return gd.compile([count], schedule.exact(count))(np.arange(n))


def chained(lr, factor, n=N):
    """What a scheduler does that multiplies the rate it finds at each step."""
    out = [lr(0)] if callable(lr) else [lr]
    for t in range(1, n):
        out.append(factor(t, out[-1]))
    return np.array(out)


def linear(lr, a, b, total, n=N):
    def factor(t, rate):
        return rate if t > total else rate * (1 + (b - a) / (total * a + (t - 1) * (b - a)))

    return chained(lr * a, factor, n)


def cosine(lr, T, low, n=N):
    def factor(t, rate):
        if (t - 1 - T) % (2 * T) == 0:
            return rate + (lr - low) * (1 - math.cos(math.pi / T)) / 2
        return (1 + math.cos(math.pi * t / T)) / (1 + math.cos(math.pi * (t - 1) / T)) * (rate - low) + low

    return chained(lr, factor, n)


def restarts(lr, T, mult, low):
    out, at = [], 0
    for _ in range(N):
        out.append(low + (lr - low) * (1 + math.cos(math.pi * at / T)) / 2)
        at += 1
        if at >= T:
            at, T = at - T, T * mult
    return np.array(out)


def polynomial(lr, total, power):
    def factor(t, rate):
        return rate if t > total else rate * ((1 - t / total) / (1 - (t - 1) / total)) ** power

    return chained(lr, factor)


def one_cycle(top, total, part, anneal, div, final, three):
    first, out = top / div, []
    phases = [(part * total - 1, first, top)]
    phases += [(2 * part * total - 2, top, first), (total - 1, first, first / final)] if three else []
    phases += [] if three else [(total - 1, top, first / final)]
    for t in range(N):
        start = 0
        for i, (end, a, b) in enumerate(phases):
            if t <= end or i == len(phases) - 1:
                x = (t - start) / (end - start)
                out.append((b - a) * x + a if anneal == "linear" else b + (a - b) / 2 * (1 + math.cos(math.pi * x)))
                break
            start = end
    return np.array(out)


def cyclic(base, top, up, down, height):
    total, ratio, out = up + down, up / (up + down), []
    for t in range(N):
        cycle = math.floor(1 + t / total)
        x = 1 + t / total - cycle
        out.append(base + (top - base) * (x / ratio if x <= ratio else (x - 1) / (ratio - 1)) * height(cycle, t))
    return np.array(out)


def after(warm, rest):
    return np.concatenate([warm, rest])[:N]


def at(milestones, gamma):
    return lambda t, rate: rate * gamma ** milestones.count(t)


CASES = [
    (S.constant(0.3), lambda: np.full(N, 0.3)),
    (S.linear(0.3), lambda: linear(0.3, 1 / 3, 1.0, 5)),
    (S.linear(0.3, 0.1, 0.7, 321), lambda: linear(0.3, 0.1, 0.7, 321)),
    (S.step(0.3, 30), lambda: chained(0.3, lambda t, r: r * (0.1 if t % 30 == 0 else 1))),
    (S.step(0.3, 7, gamma=0.9), lambda: chained(0.3, lambda t, r: r * (0.9 if t % 7 == 0 else 1))),
    (S.multistep(0.3, [30, 80, 80, 400], gamma=0.5), lambda: chained(0.3, at([30, 80, 80, 400], 0.5))),
    (S.exponential(0.3, 0.99), lambda: chained(0.3, lambda t, r: r * 0.99)),
    (S.polynomial(0.3), lambda: polynomial(0.3, 5, 1)),
    (S.polynomial(0.3, 500, power=2.5), lambda: polynomial(0.3, 500, 2.5)),
    (S.cosine(0.3, T_max=100, eta_min=0.01), lambda: cosine(0.3, 100, 0.01)),
    (S.cosine(0.3, 7), lambda: cosine(0.3, 7, 0)),
    (S.cosine_restarts(0.3, 49, eta_min=0.01), lambda: restarts(0.3, 49, 1, 0.01)),
    (S.cosine_restarts(0.3, 7, T_mult=2), lambda: restarts(0.3, 7, 2, 0)),
    (S.cosine_restarts(0.3, 1, 3), lambda: restarts(0.3, 1, 3, 0)),
    (S.one_cycle(0.3, 1000), lambda: one_cycle(0.3, 1000, 0.3, "cos", 25, 1e4, False)),
    (S.one_cycle(0.3, 1001, 0.2, "linear", 10, 100), lambda: one_cycle(0.3, 1001, 0.2, "linear", 10, 100, False)),
    (S.one_cycle(0.3, 1000, three_phase=True), lambda: one_cycle(0.3, 1000, 0.3, "cos", 25, 1e4, True)),
    (S.cyclic(0.01, 0.3, 50), lambda: cyclic(0.01, 0.3, 50, 50, lambda c, t: 1)),
    (S.cyclic(0.01, 0.3, 50, 30, "triangular2"), lambda: cyclic(0.01, 0.3, 50, 30, lambda c, t: 1 / 2 ** (c - 1))),
    (S.cyclic(0.01, 0.3, 7, 13, "exp_range", 0.99), lambda: cyclic(0.01, 0.3, 7, 13, lambda c, t: 0.99**t)),
    (
        S.cyclic(0.01, 0.3, 7, scale_fn=lambda c: 0.5 * (1 + np.sin(c * math.pi / 2))),
        lambda: cyclic(0.01, 0.3, 7, 7, lambda c, t: 0.5 * (1 + math.sin(c * math.pi / 2))),
    ),
    (S.inverse_sqrt(0.3, 40), lambda: np.array([0.3 * math.sqrt(40 / (40 + t)) for t in range(N)])),
    (
        S.warmup(S.inverse_sqrt(0.3, 40), 40, start_factor=0.0),
        lambda: np.array([0.3 * min(t / 40, math.sqrt(40 / t) if t else 1) for t in range(N)]),
    ),
    (S.warmup(S.cosine(0.3, 900), 100), lambda: after(linear(0.3, 1 / 3, 1.0, 100, 100), cosine(0.3, 900, 0))),
    (S.warmup(0.3, 37, 0.01), lambda: after(linear(0.3, 0.01, 1.0, 37, 37), np.full(N, 0.3))),
    (
        S.warmup(S.one_cycle(0.3, 1000), 100),
        lambda: after(linear(0.012, 1 / 3, 1.0, 100, 100), one_cycle(0.3, 1000, 0.3, "cos", 25, 1e4, False)),
    ),
    (
        S.sequence([S.exponential(0.3, 0.99), S.linear(0.3, 0.5, 0.1, 20), S.cosine(0.3, 300)], [100, 400]),
        lambda: np.concatenate(
            [chained(0.3, lambda t, r: r * 0.99, 100), linear(0.3, 0.5, 0.1, 20, 300), cosine(0.3, 300, 0, 600)]
        ),
    ),
]


@pytest.mark.parametrize(("schedule", "reference"), CASES, ids=[repr(s)[:40] for s, _ in CASES])
def test_the_numbers_are_those_of_the_recurrence(schedule, reference):
    found, wanted = rates(schedule), reference()
    # a chained cosine is off by 1e-13 itself where it divides by what is nearly 0
    np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-13)


def test_a_schedule_gives_the_default_dtype_and_the_shape_of_the_count():
    count = gd.input("count", (), "int64")
    for schedule in (S.constant(0.1), S.cosine(0.1, 10), S.sequence([S.constant(0.1), S.step(0.1, 3)], [2])):
        rate = schedule(count)
        assert rate.shape == () and rate.dtype == gd.constant(0.5).dtype
        assert gd.compile([count], rate)(0) == np.float32(0.1)
        assert schedule(gd.input("counts", ("n", 2), "int64")).shape == ("n", 2)
    with pytest.raises(gd.DTypeError, match="count of updates is float32"):
        S.cosine(0.1, 10)(gd.input("t", ()))


def test_one_cycle_stays_where_it_ends():
    found = rates(S.one_cycle(0.3, 50, anneal_strategy="linear"), 80)
    np.testing.assert_allclose(found[51:], 0.3 / 25 / 1e4)


def test_the_base_rate_may_be_a_state():
    base, count = gd.state("base", value=np.float64(0.5)), gd.input("count", (), "int64")
    f = gd.compile([count], S.warmup(S.step(base, 10), 4, 0.5).exact(count))
    assert [f(0), f(4), f(14)] == pytest.approx([0.25, 0.5, 0.05])
    base.value = np.float64(0.1)
    assert f(4) == pytest.approx(0.1)


BAD = [
    (lambda: S.cosine(-0.1, 10), "lr must be a non-negative number"),
    (lambda: S.cosine(0.1, 0), "T_max is an integer from 1 on, got 0"),
    (lambda: S.cosine(0.1, 2.5), "T_max is an integer"),
    (lambda: S.step(0.1, True), "step_size is an integer"),
    (lambda: S.one_cycle(0.1, 10, pct_start=2), r"pct_start lies in \[0, 1\]"),
    (lambda: S.one_cycle(0.1, 10, div_factor=0), "div_factor must not be 0"),
    (lambda: S.cyclic(0.1, 1, mode="round"), "mode is"),
    (lambda: S.sequence([S.constant(0.1)], [3]), "1 schedules need 0 milestones, got 1"),
    (lambda: S.sequence([S.constant(0.1)] * 3, [5, 3]), "must not decrease"),
    (lambda: S.sequence([0.1, S.constant(0.1)], [3]), "0.1 is no schedule"),
    (lambda: S.exponential(0.1, math.nan), "gamma is a number from 0 on, got nan"),
]


@pytest.mark.parametrize(("make", "told"), BAD)
def test_bad_settings_are_told(make, told):
    with pytest.raises(gd.GraphError, match=told):
        make()
