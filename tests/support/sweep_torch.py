"""A campaign: functions of ``gd.nn`` against torch.nn.functional in float64, over random shapes and arguments.

``python tests/support/sweep_torch.py [seed] [count] [name ...]`` runs ``count`` random configurations of each function,
or of those named, and prints the largest differences of values, gradients and second derivatives, by the largest number
there is. A larger one than 1e-9, or than a case allows, is an error. Derivatives are of the sum of the result times
random numbers; second ones of the sum of the gradients times random numbers. Needs torch;
tests/ops/test_against_torch.py runs a few of each.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
if __name__ == "__main__":
    sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

import torch_cases  # noqa: E402
import torch_norms  # noqa: E402, F401  (entering is importing)
import torch_windows  # noqa: E402, F401  (entering is importing)

import graphdiff as gd  # noqa: E402


class Found(NamedTuple):
    """The largest differences from torch by the largest number there is; None where torch has no such derivative."""

    value: float
    gradient: float | None
    second: float | None


def difference(ours: list[np.ndarray], theirs: list[np.ndarray]) -> float:
    worst = 0.0
    for a, b in zip(ours, theirs, strict=True):
        assert a.shape == b.shape, f"shape {a.shape}, torch has {b.shape}"
        if a.size == 0:
            continue
        same = (a == b) | (np.isnan(a) & np.isnan(b))
        with np.errstate(invalid="ignore"):
            apart = np.where(same, 0, np.abs(a - b))
        finite = np.abs(b[np.isfinite(b)])
        worst = max(worst, float(np.max(np.where(np.isnan(apart), np.inf, apart))) / max(1.0, finite.max(initial=0)))
    return worst


def random_like(rng: np.random.Generator, shapes: list[tuple[int, ...]]) -> list[np.ndarray]:
    return [rng.uniform(-1, 1, s) for s in shapes]


def compare(case: torch_cases.Case, rng: np.random.Generator) -> Found:
    """One configuration, with its sizes given names where the case says which."""
    import torch

    leaves = [torch.tensor(a, requires_grad=a.dtype == np.float64) for a in case.arrays]
    wrt = [t for t in leaves if t.requires_grad]
    y = case.theirs(*leaves)
    (c,) = random_like(rng, [tuple(y.shape)])
    ds = random_like(rng, [tuple(t.shape) for t in wrt])
    theirs: list[list[Any]] = [[y]]
    order = case.order
    if order >= 1:
        gs = torch.autograd.grad((y * torch.tensor(c)).sum(), wrt, create_graph=order > 1, allow_unused=True)
        theirs.append([torch.zeros_like(t) if g is None else g for g, t in zip(gs, wrt)])
    if order >= 2:
        total = sum((g * torch.tensor(d)).sum() for g, d in zip(theirs[1], ds))
        hs: Any = [None] * len(wrt)
        try:
            hs = torch.autograd.grad(total, wrt, allow_unused=True) if total.requires_grad else hs
        except RuntimeError as error:
            if "is not implemented" not in str(error):
                raise
            order = 1
        theirs.extend([[torch.zeros_like(t) if h is None else h for h, t in zip(hs, wrt)]] * (order - 1))

    xs = [gd.input(f"x{i}", case.shape_of(i), a.dtype) for i, a in enumerate(case.arrays)]
    at = [x for x in xs if x.dtype == np.float64]
    out = case.ours(*xs)
    cotangent = gd.input("c", out.shape, "float64")
    directions = [gd.input(f"d{i}", x.shape, "float64") for i, x in enumerate(at)]
    ours: list[list[Any]] = [[out]]
    if order >= 1:
        ours.append(gd.grad(gd.sum(out * cotangent), at))
    if order >= 2:
        ours.append(gd.grad(sum(gd.sum(g * d) for g, d in zip(ours[1], directions)), at))
    used = [cotangent, *directions][: (0, 1, 1 + len(at))[order]]
    got = gd.compile([*xs, *used], ours)(*case.arrays, *[c, *ds][: len(used)])
    worst = [difference(a, [t.detach().numpy(force=True) for t in b]) for a, b in zip(got, theirs, strict=True)]
    return Found(worst[0], *(worst[k] if k < len(worst) else None for k in (1, 2)))


def sweep(name: str, seed: int, count: int) -> Found:
    """The largest differences over ``count`` configurations."""
    found = []
    for k in range(count):
        rng = np.random.default_rng([seed, k, *name.encode()])
        case = torch_cases.CASES[name](rng)
        try:
            found.append(compare(case, rng))
        except Exception as error:
            error.add_note(f"{name}, seed {seed}, configuration {k}: {case.told}")
            raise
        if max(filter(None, found[-1]), default=0) > case.tolerance:
            raise AssertionError(f"{name}, seed {seed}, configuration {k}: {found[-1]} {case.told}")
    return Found(*(max((x for x in column if x is not None), default=None) for column in zip(*found)))


def main(arguments: list[str]) -> None:
    seed, count = (int(a) for a in (*arguments[:2], *("0", "200")[len(arguments[:2]) :]))
    worst = 0.0
    for name in arguments[2:] or torch_cases.CASES:
        found = sweep(name, seed, count)
        worst = max(worst, *(x for x in found if x is not None))
        print(name.ljust(28), *("-".rjust(9) if x is None else f"{x:9.1e}" for x in found), flush=True)
    print(f"{len(arguments[2:] or torch_cases.CASES)} functions, {count} configurations each; largest {worst:.1e}")


if __name__ == "__main__":
    main(sys.argv[1:])
