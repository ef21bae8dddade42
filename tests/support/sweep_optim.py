"""A campaign: rules and schedules of ``gd.optim`` against torch.optim itself in float64, with random settings.

``python tests/support/sweep_optim.py [seed] [count] [name ...]`` runs ``count`` random settings of each rule and each
schedule, or of those named, for 1,000 steps, and prints the largest relative differences. One larger than 1e-9 is an
error. Needs torch; tests/optim holds the same numbers against formulas, without it, and runs a few of these with it.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
if __name__ == "__main__":
    sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

import graphdiff as gd  # noqa: E402

O, S = gd.optim, gd.optim.schedules
STEPS = 1000
LARGEST = 1e-9
Draw = np.random.Generator


def betas(rng: Draw) -> tuple[float, float]:
    return float(rng.uniform(0.5, 0.95)), float(rng.uniform(0.9, 0.999))


def maybe(rng: Draw, value: float) -> float:
    return value if rng.random() < 0.5 else 0.0


def yes(rng: Draw) -> bool:
    return bool(rng.random() < 0.5)


def sgd(rng: Draw) -> dict:
    momentum = maybe(rng, rng.uniform(0.1, 0.95))
    return {"momentum": momentum, "nesterov": bool(momentum) and yes(rng), "weight_decay": maybe(rng, 0.1)}


def decayed(rng: Draw) -> dict:
    return {"betas": betas(rng), "eps": 10 ** rng.uniform(-9, -3), "weight_decay": maybe(rng, 0.1)}


RULES: dict[str, Callable[[Draw], dict]] = {
    "SGD": sgd,
    "Adam": lambda rng: decayed(rng) | {"amsgrad": yes(rng)},
    "AdamW": lambda rng: decayed(rng) | {"amsgrad": yes(rng)},
    "NAdam": lambda rng: decayed(rng) | {"momentum_decay": 0.01, "decoupled_weight_decay": yes(rng)},
    "RAdam": lambda rng: decayed(rng) | {"decoupled_weight_decay": yes(rng)},
    "Adamax": decayed,
    "RMSprop": lambda rng: {
        "alpha": rng.uniform(0.8, 0.99),
        "eps": 10 ** rng.uniform(-8, -3),
        "weight_decay": maybe(rng, 0.1),
        "momentum": maybe(rng, 0.8),
        "centered": yes(rng),
    },
    "Adagrad": lambda rng: {
        "lr_decay": maybe(rng, 0.01),
        "weight_decay": maybe(rng, 0.1),
        "initial_accumulator_value": maybe(rng, 0.5),
        "eps": 10 ** rng.uniform(-10, -3),
    },
    "Adadelta": lambda rng: {
        "rho": rng.uniform(0.5, 0.95),
        "eps": 10 ** rng.uniform(-8, -3),
        "weight_decay": maybe(rng, 0.1),
    },
    "Rprop": lambda rng: {"etas": (rng.uniform(0.3, 0.9), rng.uniform(1.1, 1.5)), "step_sizes": (1e-6, 0.5)},
    "Adafactor": lambda rng: {
        "beta2_decay": -rng.uniform(0.5, 0.9),
        "d": rng.uniform(1, 2),
        "weight_decay": maybe(rng, 0.1),
    },
}


def rule(name: str, rng: Draw) -> float:
    """One random setting of a rule over ``STEPS`` steps on an ill-conditioned quadratic with noise, two parameters."""
    import torch

    settings = {k: float(v) if isinstance(v, np.floating) else v for k, v in RULES[name](rng).items()}
    settings["lr"] = float(10 ** rng.uniform(-3, -1.3))
    shapes = [(3, 4), (5,)]
    scales = [10 ** rng.uniform(-1, 1, s) for s in shapes]
    noise = [rng.normal(size=(STEPS, *s)) for s in shapes]
    starts = [rng.normal(size=s) for s in shapes]
    if name == "Rprop":  # which sign a rounded 0 has is no setting's doing
        noise = [0.1 * z for z in noise]
    ours = [gd.parameter(f"p{i}", value=a) for i, a in enumerate(starts)]
    fed = [gd.input(f"n{i}", shape=s, dtype="float64") for i, s in enumerate(shapes)]
    grads = [s * p + z for s, p, z in zip(scales, ours, fed, strict=True)]
    step = gd.compile(fed, ours[0], updates=getattr(O, name)(**settings).updates(ours, grads))
    theirs = [torch.tensor(a, requires_grad=True) for a in starts]
    other = getattr(torch.optim, name)(theirs, **settings)
    worst = 0.0
    for t in range(STEPS):
        step(*(z[t] for z in noise))
        for s, p, z in zip(scales, theirs, noise, strict=True):
            p.grad = torch.tensor(s * p.detach().numpy() + z[t])
        other.step()
        for p, q in zip(ours, theirs, strict=True):
            apart = np.abs(p.value - q.detach().numpy()).max() / max(1.0, np.abs(p.value).max())
            worst = max(worst, float(apart) if np.isfinite(apart) else np.inf)
    return worst


def whole(rng: Draw, low: int, high: int) -> int:
    return int(rng.integers(low, high))


def schedules(rng: Draw) -> dict[str, tuple[S.Schedule, Callable]]:
    """Each schedule with random settings, beside what makes torch's from an optimiser."""
    import torch.optim.lr_scheduler as T

    lr, low, gamma = float(rng.uniform(0.01, 1)), float(rng.uniform(0, 0.01)), float(rng.uniform(0.2, 0.99))
    n, m, up, down = whole(rng, 1, 700), whole(rng, 1, 4), whole(rng, 1, 90), whole(rng, 1, 90)
    a, b = float(rng.uniform(0.01, 1)), float(rng.uniform(0, 1))
    at = sorted({whole(rng, 0, 900) for _ in range(4)})
    pct, div, final = float(rng.uniform(0.1, 0.4)), float(rng.uniform(2, 30)), float(10 ** rng.uniform(1, 4))
    anneal, three, total = str(rng.choice(["cos", "linear"])), yes(rng), whole(rng, 1001, 1500)
    mode = str(rng.choice(["triangular", "triangular2", "exp_range"]))
    power = float(rng.uniform(0.3, 3))
    cut = sorted([whole(rng, 1, 300), whole(rng, 301, 900)])
    cycle = {"pct_start": pct, "anneal_strategy": anneal, "div_factor": div, "final_div_factor": final}
    cycle["three_phase"] = three
    return {
        "constant": (S.constant(lr), lambda o: T.ConstantLR(o, 1.0, 5)),
        "linear": (S.linear(lr, a, b, n), lambda o: T.LinearLR(o, a, b, n)),
        "step": (S.step(lr, n, gamma), lambda o: T.StepLR(o, n, gamma)),
        "multistep": (S.multistep(lr, at, gamma), lambda o: T.MultiStepLR(o, at, gamma)),
        "exponential": (S.exponential(lr, gamma), lambda o: T.ExponentialLR(o, gamma)),
        "polynomial": (S.polynomial(lr, n, power), lambda o: T.PolynomialLR(o, n, power)),
        "cosine": (S.cosine(lr, n, low), lambda o: T.CosineAnnealingLR(o, n, low)),
        "cosine_restarts": (S.cosine_restarts(lr, up, m, low), lambda o: T.CosineAnnealingWarmRestarts(o, up, m, low)),
        "one_cycle": (
            S.one_cycle(lr, total, **cycle),
            lambda o: T.OneCycleLR(o, lr, total, cycle_momentum=False, **cycle),
        ),
        "cyclic": (
            S.cyclic(low, lr, up, down, mode, gamma),
            lambda o: T.CyclicLR(o, low, lr, up, down, mode, gamma, cycle_momentum=False),
        ),
        "warmup": (
            S.warmup(S.cosine(lr, n, low), up, a),
            lambda o: T.SequentialLR(o, [T.LinearLR(o, a, 1.0, up), T.CosineAnnealingLR(o, n, low)], [up]),
        ),
        "sequence": (
            S.sequence([S.polynomial(lr, n, power), S.step(lr, up, gamma), S.exponential(lr, 0.99)], cut),
            lambda o: T.SequentialLR(
                o, [T.PolynomialLR(o, n, power), T.StepLR(o, up, gamma), T.ExponentialLR(o, 0.99)], cut
            ),
        ),
    }


def schedule(name: str, rng: Draw) -> float:
    """One random setting of a schedule over ``STEPS`` counts."""
    import torch

    ours, make = schedules(rng)[name]
    base = float(ours.base) if name not in ("one_cycle", "cyclic") else 1.0
    with gd.default_dtype("float64"):
        count = gd.input("count", shape=("n",), dtype="int64")
        found = gd.compile([count], ours(count))(np.arange(STEPS))
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=base)
    theirs, wanted = make(optimiser), []
    for _ in range(STEPS):
        wanted.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        theirs.step()
    return float(np.max(np.abs(found - wanted)) / max(np.abs(wanted)))


def sweep(seed: int, count: int, names: list[str]) -> tuple[int, float]:
    """How many settings ran, and the largest difference. Raises AssertionError for one that is too large."""
    import torch

    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)  # of what NAdam keeps of its decays
    try:
        ran, largest = 0, 0.0
        every = [(n, rule) for n in RULES] + [(n, schedule) for n in schedules(np.random.default_rng(0))]
        for name, run in every:
            if names and name not in names:
                continue
            worst = 0.0
            for i in range(count):
                found = run(name, np.random.default_rng([seed, i]))
                assert found <= LARGEST, f"{name}, setting {i} of seed {seed}: {found:.1e}"
                worst, ran = max(worst, found), ran + 1
            print(f"{name:20} {worst:.1e}", flush=True)
            largest = max(largest, worst)
        return ran, largest
    finally:
        torch.set_default_dtype(before)


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # torch's, of calls in an order that nothing depends on here
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    ran, largest = sweep(seed, count, sys.argv[3:])
    print(f"{ran} settings of {STEPS} steps each; largest {largest:.1e}")
