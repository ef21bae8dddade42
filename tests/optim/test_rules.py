"""Update rules against torch.optim's formulas, written here as loops over NumPy arrays; groups, averages, clipping."""

import math

import numpy as np
import pytest

import graphdiff as gd
from graphdiff import optim as O

STEPS = 30
START = [np.random.default_rng(0).normal(size=shape) for shape in ((4, 3), (3,), (2, 3, 2, 2))]


def gradients(ps):
    """A loss's derivatives that neither vanish nor stay of one sign."""
    return [np.cos(3 * p) * (1.5 + 0.5 * i) + 0.3 * p for i, p in enumerate(ps)]


def trained(opt, steps=STEPS, groups=None):
    ps = [gd.parameter(f"p{i}", p) for i, p in enumerate(START)]
    gs = [gd.cos(3 * p) * (1.5 + 0.5 * i) + 0.3 * p for i, p in enumerate(ps)]
    f = gd.compile([], [], updates=opt.updates(ps, gs) if groups is None else opt.updates(*groups(ps, gs)))
    for _ in range(steps):
        f()
    return [p.value for p in ps]


def looped(rule, *args, steps=STEPS, **settings):
    """``rule(p, g, memory, t, ...)`` gives the new parameter; memory is a dict of its own, t counts from 1."""
    ps, memory = [p.copy() for p in START], [{} for _ in START]
    for t in range(1, steps + 1):
        ps = [rule(p, g, m, t, *args, **settings) for p, g, m in zip(ps, gradients(ps), memory)]
    return ps


def mean(memory, name, beta, x):
    memory[name] = beta * memory.get(name, np.zeros_like(x)) + (1 - beta) * x
    return memory[name]


def adam(p, g, memory, t, lr=1e-3, b1=0.9, b2=0.999, eps=1e-8, wd=0.0, apart=False, amsgrad=False):
    rate = lr(t - 1) if callable(lr) else lr
    p, g = (p * (1 - rate * wd), g) if apart else (p, g + wd * p)
    m, v = mean(memory, "m", b1, g), mean(memory, "v", b2, g * g)
    if amsgrad:
        v = memory["max"] = np.maximum(memory.get("max", 0), v)
    return p - rate / (1 - b1**t) * m / (np.sqrt(v) / math.sqrt(1 - b2**t) + eps)


def nadam(p, g, memory, t, lr=2e-3, b1=0.9, b2=0.999, eps=1e-8, wd=0.0, decay=4e-3, apart=False):
    p, g = (p * (1 - lr * wd), g) if apart else (p, g + wd * p)
    now, after = (b1 * (1 - 0.5 * 0.96 ** (s * decay)) for s in (t, t + 1))
    memory["product"] = memory.get("product", 1.0) * now
    m, v = mean(memory, "m", b1, g), mean(memory, "v", b2, g * g)
    root = np.sqrt(v / (1 - b2**t)) + eps
    p = p - lr * (1 - now) / (1 - memory["product"]) * g / root
    return p - lr * after / (1 - memory["product"] * after) * m / root


def radam(p, g, memory, t, lr=1e-3, b1=0.9, b2=0.999, eps=1e-8, wd=0.0, apart=False):
    p, g = (p * (1 - lr * wd), g) if apart else (p, g + wd * p)
    m, v = mean(memory, "m", b1, g) / (1 - b1**t), mean(memory, "v", b2, g * g)
    top = 2 / (1 - b2) - 1
    rho = top - 2 * t * b2**t / (1 - b2**t)
    if rho <= 5:
        return p - lr * m
    rect = math.sqrt((rho - 4) * (rho - 2) * top / ((top - 4) * (top - 2) * rho))
    return p - lr * m * rect * math.sqrt(1 - b2**t) / (np.sqrt(v) + eps)


def adamax(p, g, memory, t, lr=2e-3, b1=0.9, b2=0.999, eps=1e-8, wd=0.0):
    g = g + wd * p
    m = mean(memory, "m", b1, g)
    memory["u"] = np.maximum(b2 * memory.get("u", 0), np.abs(g) + eps)
    return p - lr / (1 - b1**t) * m / memory["u"]


def adadelta(p, g, memory, t, lr=1.0, rho=0.9, eps=1e-6, wd=0.0):
    g = g + wd * p
    v = mean(memory, "v", rho, g * g)
    d = np.sqrt(memory.get("d", 0) + eps) / np.sqrt(v + eps) * g
    mean(memory, "d", rho, d * d)
    return p - lr * d


def rprop(p, g, memory, t, lr=1e-2, etas=(0.5, 1.2), sizes=(1e-6, 50)):
    same = np.sign(g * memory.get("last", np.zeros_like(g)))
    factor = np.where(same > 0, etas[1], np.where(same < 0, etas[0], 1))
    memory["size"] = np.clip(memory.get("size", np.full_like(g, lr)) * factor, *sizes)
    memory["last"] = np.where(same < 0, 0, g)
    return p - np.sign(memory["last"]) * memory["size"]


def lion(p, g, memory, t, lr=1e-4, b1=0.9, b2=0.99, wd=0.0):
    m = memory.get("m", np.zeros_like(g))
    memory["m"] = b2 * m + (1 - b2) * g
    return p * (1 - lr * wd) - lr * np.sign(b1 * m + (1 - b1) * g)


def lamb(p, g, memory, t, lr=1e-3, b1=0.9, b2=0.999, eps=1e-6, wd=0.0):
    m, v = mean(memory, "m", b1, g) / (1 - b1**t), mean(memory, "v", b2, g * g) / (1 - b2**t)
    r = m / (np.sqrt(v) + eps) + wd * p
    return p - lr * np.linalg.norm(p) / np.linalg.norm(r) * r


def adafactor(p, g, memory, t, lr=1e-2, decay=-0.8, eps=(2.0**-52, 1e-3), d=1.0, wd=0.0):
    beta = 1 - float(t) ** decay
    alpha = max(eps[1], np.linalg.norm(p) / math.sqrt(p.size)) * min(lr, 1 / math.sqrt(t))
    p = p * (1 - lr * wd)
    if g.ndim > 1:
        rows = mean(memory, "rows", beta, (g * g).mean(-1, keepdims=True))
        columns = mean(memory, "columns", beta, (g * g).mean(-2, keepdims=True))
        v = rows @ columns / np.maximum(rows.mean(-2, keepdims=True), eps[0])
    else:
        v = mean(memory, "v", beta, g * g)
    u = g / np.sqrt(np.maximum(v, eps[0] ** 2))
    return p - alpha / max(1.0, np.linalg.norm(u) / (math.sqrt(p.size) * d)) * u


def rmsprop(p, g, memory, t, lr=0.01, alpha=0.99, eps=1e-8, momentum=0.0):
    v, m = mean(memory, "v", alpha, g * g), mean(memory, "m", alpha, g)
    memory["b"] = momentum * memory.get("b", 0) + g / (np.sqrt(v - m * m) + eps)
    return p - lr * memory["b"]


CASES = [
    (O.Adam(0.01, weight_decay=0.1, amsgrad=True), adam, {"lr": 0.01, "wd": 0.1, "amsgrad": True}),
    (O.AdamW(0.05, amsgrad=True), adam, {"lr": 0.05, "wd": 0.01, "apart": True, "amsgrad": True}),
    (O.NAdam(), nadam, {}),
    (O.NAdam(0.02, (0.8, 0.9), weight_decay=0.1), nadam, {"lr": 0.02, "b1": 0.8, "b2": 0.9, "wd": 0.1}),
    (
        O.NAdam(0.02, weight_decay=0.1, momentum_decay=0.1, decoupled_weight_decay=True),
        nadam,
        {"lr": 0.02, "wd": 0.1, "decay": 0.1, "apart": True},
    ),
    (O.RAdam(0.02, weight_decay=0.1), radam, {"lr": 0.02, "wd": 0.1}),
    (
        O.RAdam(0.02, (0.8, 0.9), weight_decay=0.1, decoupled_weight_decay=True),
        radam,
        {"lr": 0.02, "b1": 0.8, "b2": 0.9, "wd": 0.1, "apart": True},
    ),
    (O.RAdam(0.02, (0.8, 0.5)), radam, {"lr": 0.02, "b1": 0.8, "b2": 0.5}),
    (O.Adamax(weight_decay=0.1), adamax, {"wd": 0.1}),
    (O.Adadelta(weight_decay=0.1), adadelta, {"wd": 0.1}),
    (O.Adadelta(0.5, 0.8, 1e-3), adadelta, {"lr": 0.5, "rho": 0.8, "eps": 1e-3}),
    (O.Rprop(), rprop, {}),
    (O.Rprop(0.3, (0.3, 1.5), (1e-3, 0.5)), rprop, {"lr": 0.3, "etas": (0.3, 1.5), "sizes": (1e-3, 0.5)}),
    (O.Lion(), lion, {}),
    (O.Lion(0.01, (0.8, 0.9), 0.1), lion, {"lr": 0.01, "b1": 0.8, "b2": 0.9, "wd": 0.1}),
    (O.LAMB(), lamb, {}),
    (O.LAMB(0.02, (0.8, 0.9), weight_decay=0.1), lamb, {"lr": 0.02, "b1": 0.8, "b2": 0.9, "wd": 0.1}),
    (O.Adafactor(), adafactor, {}),
    (
        O.Adafactor(0.5, -0.5, (1e-4, 1e-2), 2.0, 0.1),
        adafactor,
        {"lr": 0.5, "decay": -0.5, "eps": (1e-4, 1e-2), "d": 2.0, "wd": 0.1},
    ),
    (O.RMSprop(centered=True, momentum=0.5), rmsprop, {"momentum": 0.5}),
    (
        O.Adam(O.schedules.warmup(O.schedules.cosine(0.1, 20), 8, 0.5)),
        adam,
        {"lr": lambda t: 0.1 * (0.5 + t / 16 if t < 8 else (1 + math.cos(math.pi * (t - 8) / 20)) / 2)},
    ),
]


@pytest.mark.parametrize(("opt", "rule", "settings"), CASES, ids=[repr(o)[:50] for o, _, _ in CASES])
def test_trajectories_are_those_of_the_formula(opt, rule, settings):
    for found, wanted in zip(trained(opt), looped(rule, **settings)):
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-10)


@pytest.mark.parametrize(
    "make", [lambda lr: O.SGD(lr), lambda lr: O.Adagrad(lr), lambda lr: O.Lion(lr), lambda lr: O.Adafactor(lr), O.Rprop]
)
@pytest.mark.parametrize("kind", ["schedule", "state", "function"])
def test_every_kind_of_rate_goes_where_a_number_does(make, kind):
    rate = {
        "schedule": O.schedules.constant(0.01),
        "state": gd.state("lr", value=np.float64(0.01)),
        "function": lambda count: gd.astype(count * 0, "float64") + 0.01,
    }[kind]
    for found, wanted in zip(trained(make(rate), 5), trained(make(0.01), 5)):
        np.testing.assert_allclose(found, wanted, rtol=1e-14)


def test_groups_have_settings_of_their_own_and_one_count():
    opt = O.NAdam(0.01)

    def groups(ps, gs):
        return [{"params": ps[::2]}, {"params": {"b": ps[1]}, "lr": 0.1, "weight_decay": 0.2}], [gs[::2], {"b": gs[1]}]

    found = trained(opt, groups=groups)
    base, other = looped(nadam, lr=0.01), looped(nadam, lr=0.1, wd=0.2)
    for p, wanted in zip(found, (base[0], other[1], base[2])):
        np.testing.assert_allclose(p, wanted, rtol=0, atol=1e-12)
    assert [s.name for s in opt.states].count("p0.nadam_step") == 1 and len(opt.states) == 9
    assert repr(opt) == "NAdam(lr=0.01)"


def test_bad_groups_are_told():
    p, q = gd.parameter("p", np.zeros(2)), gd.parameter("q", np.zeros(2))
    opt = O.SGD(0.1)
    with pytest.raises(gd.GraphError, match=r"params\[1\]: SGD has no setting 'momentm'; did you mean 'momentum'"):
        opt.updates([{"params": p}, {"params": q, "momentm": 0.9}], [p, q])
    with pytest.raises(gd.GraphError, match=r'p is there twice, as params\[0\]\["params"\]\[0\] and as params\[1\]'):
        opt.updates([{"params": [p]}, {"params": [q, p]}], [[p], [q, p]])
    with pytest.raises(gd.GraphError, match="2 groups of parameters need a list of 2"):
        opt.updates([{"params": p}, {"params": q}], [p])
    with pytest.raises(gd.GraphError, match="momentum must not be negative"):
        opt.updates([{"params": p, "momentum": -1}], [p])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [1e-3, 1.0, 12.34])
def test_centred_rmsprop_stays_finite_where_the_gradient_is_constant(dtype, size):
    p = gd.parameter("p", np.zeros(3, dtype))
    opt = O.RMSprop(0.01, centered=True)
    f = gd.compile([], [], updates=opt.updates([p], [gd.constant(np.full(3, size, dtype))]))
    for _ in range(10_000):
        f()
    assert np.isfinite(p.value).all() and all(np.isfinite(s.value).all() for s in opt.states)


def test_averages_see_the_parameters_after_the_update_that_is_given():
    p, q = gd.parameter("p", np.ones(2)), gd.parameter("q", np.ones(2))
    moved = {p: p * 0.5}
    averages, updates = O.ema({"p": p, "q": q}, 0.9, moved)
    before, late = O.ema([gd.parameter("r", np.ones(2))], 0.9)
    f = gd.compile([], [], updates=moved | updates | late)
    wanted, value = 1.0, 1.0
    for _ in range(5):
        f()
        value *= 0.5
        wanted = 0.9 * wanted + 0.1 * value
    np.testing.assert_allclose(averages["p"].value, wanted)
    np.testing.assert_allclose(averages["q"].value, 1)
    np.testing.assert_allclose(before[0].value, 1)
    with pytest.raises(gd.GraphError, match=r"decay lies in \[0, 1\]"):
        O.ema([p], 1.5)


def test_accumulation_updates_once_in_k_batches():
    W, x = gd.parameter("W", np.ones(3)), gd.input("x", (3,), "float64")
    opt = O.Adam(0.1)
    (mean_gradient,), due, gathered = O.accumulate([W * x], 4)
    steps = {p: gd.where(due, new, p) for p, new in opt.updates([W], [mean_gradient]).items()}
    f = gd.compile([x], due, updates=steps | gathered)
    rng, wanted, memory = np.random.default_rng(1), np.ones(3), {}
    for t in range(1, 4):
        batches = rng.normal(size=(4, 3))
        assert [bool(f(b)) for b in batches] == [False, False, False, True]
        wanted = adam(wanted, (wanted * batches).mean(0), memory, t, lr=0.1)
        np.testing.assert_allclose(W.value, wanted, rtol=1e-13)
    with pytest.raises(gd.GraphError, match="k is an integer from 1 on"):
        O.accumulate([W], 0)


def test_clipping_gives_the_norm():
    a, b = gd.input("a", (2,)), gd.input("b", ())
    clipped, norm = O.clip_by_global_norm({"a": a, "b": b}, 1.0, return_norm=True)
    out, size = gd.compile([a, b], [clipped, norm])([3, 0], 4)
    assert size == 5 and out["b"] == pytest.approx(0.8, rel=1e-5)
    assert set(O.clip_by_global_norm({"a": a, "b": b}, 1.0)) == {"a", "b"}
    with pytest.raises(gd.GraphError, match=r"max_norm is a number from 0 on, got -1\.0"):
        O.clip_by_global_norm([a], -1.0)
    with pytest.raises(gd.GraphError, match="v is a number from 0 on, got 'a'"):
        O.clip_by_value([a], "a")


@pytest.mark.filterwarnings("ignore:.*lr_scheduler.*:UserWarning")
def test_rules_and_schedules_are_torchs():
    """A few of the campaign; ``python tests/support/sweep_optim.py`` is a long one."""
    pytest.importorskip("torch")
    from sweep_optim import sweep

    ran, _ = sweep(0, 1, ["Adafactor", "NAdam", "cosine_restarts", "one_cycle", "sequence"])
    assert ran == 5
