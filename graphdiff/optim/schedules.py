"""Learning rates as functions of the step, ``gd.optim.schedules``: any of them goes where ``lr`` does.

A schedule is called with an int64 Tensor, the count of updates so far (0 at the first), and gives the rate as a Tensor
of the default dtype and the count's shape. Arguments, defaults and numbers are those of torch.optim.lr_scheduler, in
closed form; ``lr``, the base rate, is a number, a 0-d Tensor or a ``gd.state``.
Invariant: a rate is computed in float64 and rounded once.
Must not know: update rules.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ..errors import DTypeError, GraphError
from ..ir.dtypes import INTEGERS, float64, int64
from ..ops import namespaces as _namespaces
from ..ops.comparison import greater, greater_equal, less_equal
from ..ops.elementwise import astype, minimum, pow, rsqrt, where
from ..ops.functions import cos, log
from ..ops.messages import where_am_i
from ..ops.rounding import floor, round
from ..ops.tensor import Tensor, as_tensor
from ..wording import one_line

__all__ = [
    "Schedule",
    "constant",
    "cosine",
    "cosine_restarts",
    "cyclic",
    "exponential",
    "inverse_sqrt",
    "linear",
    "multistep",
    "one_cycle",
    "polynomial",
    "sequence",
    "step",
    "warmup",
]

Rate = float | np.generic | Tensor  # a learning rate
Formula = Callable[[Tensor], Any]  # (the count as float64) -> the rate in float64, or a number where it is always one


class Schedule:
    """A rate by the count of updates. Made by the functions of this module; called with an int64 Tensor.

    ``base``: the base rate, which ``warmup`` starts from.
    Example: ``rate = gd.optim.schedules.cosine(0.1, T_max=1000)(count)``."""

    def __init__(self, text: str, base: Any, formula: Formula):
        self.base = base
        self._text, self._formula = text, formula

    def __call__(self, count: Tensor) -> Tensor:
        """The rate after ``count`` updates, of the default dtype. Raises DTypeError for a count that is no integer."""
        return astype(self.exact(count), as_tensor(0.5, "schedules").dtype)

    def exact(self, count: Tensor) -> Tensor:
        """The rate in float64, as update rules take it."""
        count = as_tensor(count, "schedules", int64)
        if count.dtype not in INTEGERS:
            raise DTypeError(
                f"{self!r}: the count of updates is {count.dtype.name}; write .astype('int64')", source=where_am_i()
            )
        t = astype(count, float64)
        rate = as_tensor(self._formula(t), "schedules", float64)
        return rate if rate.shape == t.shape else rate + t * 0.0

    def __repr__(self) -> str:
        return one_line(self._text)


def _base(name: str, lr: Any, what: str = "lr") -> Any:
    """A rate to compute with: a float, or a Tensor in float64. Raises GraphError."""
    if isinstance(lr, Tensor):
        return astype(lr, float64)
    if isinstance(lr, bool) or not isinstance(lr, (int, float, np.integer, np.floating)) or not 0 <= lr < np.inf:
        raise GraphError(f"{name}: {what} must be a non-negative number or a Tensor, got {lr!r}", source=where_am_i())
    return float(lr)


def _number(name: str, what: str, value: Any, least: float = -np.inf, whole: bool = False) -> Any:
    """A setting: a finite number from ``least`` on, an integer where ``whole``. Raises GraphError."""
    kinds = (int, np.integer) if whole else (int, float, np.integer, np.floating)
    if isinstance(value, bool) or not isinstance(value, kinds) or not least <= value < np.inf:
        kind = "an integer" if whole else "a number"
        bound = "" if least == -np.inf else f" from {least} on"
        raise GraphError(f"{name}: {what} is {kind}{bound}, got {value!r}", source=where_am_i())
    return int(value) if whole else float(value)


def _increasing(name: str, what: str, values: Any) -> list[int]:
    """Counts, each no less than the one before. Raises GraphError."""
    found = [_number(name, f"each of {what}", v, 0, whole=True) for v in values]
    if found != sorted(found):
        raise GraphError(f"{name}: {what} must not decrease, got {found}", source=where_am_i())
    return found


def _shown(name: str, lr: Any, **settings: Any) -> str:
    told = ", ".join(f"{key}={value!r}" for key, value in settings.items())
    return f"{name}({lr.name or lr if isinstance(lr, Tensor) else lr!r}{', ' if told else ''}{told})"


def constant(lr: Rate) -> Schedule:
    """``lr`` at every step. Raises GraphError. Example: ``sequence([constant(0.1), cosine(0.1, 90)], [10])``."""
    base = _base("constant", lr)
    return Schedule(_shown("constant", lr), base, lambda t: base)


def linear(lr: Rate, start_factor: float = 1.0 / 3, end_factor: float = 1.0, total_iters: int = 5) -> Schedule:
    """``lr`` times a factor that goes evenly from ``start_factor`` to ``end_factor`` in ``total_iters`` steps.

    torch.optim.lr_scheduler.LinearLR. Raises GraphError. Example: ``linear(0.1, 1.0, 0.01, total_iters=1000)``."""
    base, n = _base("linear", lr), _number("linear", "total_iters", total_iters, 1, whole=True)
    a, b = _number("linear", "start_factor", start_factor, 0), _number("linear", "end_factor", end_factor, 0)
    text = _shown("linear", lr, start_factor=start_factor, end_factor=end_factor, total_iters=total_iters)
    return Schedule(text, base, lambda t: base * (a + (b - a) * minimum(t, n) / n))


def step(lr: Rate, step_size: int, gamma: float = 0.1) -> Schedule:
    """``lr`` times ``gamma`` once every ``step_size`` steps.

    torch.optim.lr_scheduler.StepLR. Raises GraphError. Example: ``step(0.1, 30)``."""
    base, size = _base("step", lr), _number("step", "step_size", step_size, 1, whole=True)
    by = _number("step", "gamma", gamma, 0)
    text = _shown("step", lr, step_size=step_size, gamma=gamma)
    return Schedule(text, base, lambda t: base * pow(by, floor(t / size)))


def multistep(lr: Rate, milestones: Sequence[int], gamma: float = 0.1) -> Schedule:
    """``lr`` times ``gamma`` once at each of ``milestones``; one that is there twice counts twice.

    torch.optim.lr_scheduler.MultiStepLR. Raises GraphError. Example: ``multistep(0.1, [30, 80])``."""
    base, by = _base("multistep", lr), _number("multistep", "gamma", gamma, 0)
    at = _increasing("multistep", "milestones", sorted(milestones))

    def formula(t: Tensor) -> Any:
        passed: Any = t * 0.0
        for m in at:
            passed = passed + astype(greater_equal(t, m), float64)
        return base * pow(by, passed)

    return Schedule(_shown("multistep", lr, milestones=at, gamma=gamma), base, formula)


def exponential(lr: Rate, gamma: float) -> Schedule:
    """``lr`` times ``gamma`` at every step.

    torch.optim.lr_scheduler.ExponentialLR. Raises GraphError. Example: ``exponential(0.1, 0.999)``."""
    base, by = _base("exponential", lr), _number("exponential", "gamma", gamma, 0)
    return Schedule(_shown("exponential", lr, gamma=gamma), base, lambda t: base * pow(by, t))


def polynomial(lr: Rate, total_iters: int = 5, power: float = 1.0) -> Schedule:
    """``lr * (1 - count / total_iters) ** power``, 0 from ``total_iters`` on.

    torch.optim.lr_scheduler.PolynomialLR. Raises GraphError. Example: ``polynomial(0.1, 1000, power=2)``."""
    base, n = _base("polynomial", lr), _number("polynomial", "total_iters", total_iters, 1, whole=True)
    p = _number("polynomial", "power", power, 0)
    text = _shown("polynomial", lr, total_iters=total_iters, power=power)
    return Schedule(text, base, lambda t: base * pow(1 - minimum(t, n) / n, p))


def cosine(lr: Rate, T_max: int, eta_min: float = 0.0) -> Schedule:
    """From ``lr`` down to ``eta_min`` along half a cosine in ``T_max`` steps, then up again, and so on.

    torch.optim.lr_scheduler.CosineAnnealingLR (Loshchilov and Hutter 2017, without restarts). Raises GraphError.
    Example: ``cosine(0.1, T_max=1000)``."""
    base, n = _base("cosine", lr), _number("cosine", "T_max", T_max, 1, whole=True)
    low = _number("cosine", "eta_min", eta_min, 0)
    text = _shown("cosine", lr, T_max=T_max, eta_min=eta_min)
    return Schedule(text, base, lambda t: low + (base - low) * _half_cosine(t / n))


def _half_cosine(x: Any) -> Any:
    """1 at 0 and 0 at 1."""
    return (1 + cos(x * math.pi)) * 0.5


def cosine_restarts(lr: Rate, T_0: int, T_mult: int = 1, eta_min: float = 0.0) -> Schedule:
    """From ``lr`` to ``eta_min`` along half a cosine in ``T_0`` steps, then from ``lr`` again in ``T_mult`` times as
    many, and so on.

    torch.optim.lr_scheduler.CosineAnnealingWarmRestarts (Loshchilov and Hutter 2017). Raises GraphError.
    Example: ``cosine_restarts(0.1, T_0=100, T_mult=2)``."""
    name = "cosine_restarts"
    base, low = _base(name, lr), _number(name, "eta_min", eta_min, 0)
    n, m = _number(name, "T_0", T_0, 1, whole=True), _number(name, "T_mult", T_mult, 1, whole=True)

    def formula(t: Tensor) -> Any:
        if m == 1:
            return low + (base - low) * _half_cosine(t / n - floor(t / n))
        # k restarts have passed: the largest k with n (m^k - 1) <= t (m - 1), told in whole numbers
        k = round(log(t * ((m - 1) / n) + 1) / math.log(m))
        k = where(greater(n * (round(pow(float(m), k)) - 1), t * (m - 1)), k - 1, k)
        long = round(pow(float(m), k)) * n
        return low + (base - low) * _half_cosine((t - (long - n) / (m - 1)) / long)

    return Schedule(_shown(name, lr, T_0=T_0, T_mult=T_mult, eta_min=eta_min), base, formula)


def one_cycle(
    max_lr: Rate,
    total_steps: int,
    pct_start: float = 0.3,
    anneal_strategy: Literal["cos", "linear"] = "cos",
    div_factor: float = 25.0,
    final_div_factor: float = 1e4,
    three_phase: bool = False,
) -> Schedule:
    """From ``max_lr / div_factor`` up to ``max_lr`` in the first ``pct_start`` of the steps, then down to
    ``1 / final_div_factor`` of where it began; with ``three_phase``, down to where it began first. It stays there.

    torch.optim.lr_scheduler.OneCycleLR, momentum apart (Smith and Topin 2018). Raises GraphError.
    Example: ``one_cycle(0.1, total_steps=1000)``."""
    name = "one_cycle"
    top, n = _base(name, max_lr, "max_lr"), _number(name, "total_steps", total_steps, 1, whole=True)
    part = _number(name, "pct_start", pct_start, 0)
    if part > 1:
        raise GraphError(f"{name}: pct_start lies in [0, 1], got {pct_start!r}", source=where_am_i())
    if anneal_strategy not in ("cos", "linear"):
        raise GraphError(f'{name}: anneal_strategy is "cos" or "linear", got {anneal_strategy!r}', source=where_am_i())
    for what, value in (("div_factor", div_factor), ("final_div_factor", final_div_factor)):
        if not _number(name, what, value, 0):
            raise GraphError(f"{name}: {what} must not be 0", source=where_am_i())
    first = top / float(div_factor)
    last = first / float(final_div_factor)
    if three_phase:
        phases = [(part * n - 1, first, top), (2 * part * n - 2, top, first), (n - 1, first, last)]
    else:
        phases = [(part * n - 1, first, top), (n - 1, top, last)]

    def formula(t: Tensor) -> Any:
        starts = [0.0, *(end for end, _, _ in phases)]
        rate: Any = None
        for start, (end, a, b) in reversed(list(zip(starts, phases))):
            x = (t - start) / (end - start) if end != start else t * 0.0 + 1.0
            of_phase = a + (b - a) * (x if anneal_strategy == "linear" else 1 - _half_cosine(x))
            rate = of_phase if rate is None else where(less_equal(t, end), of_phase, rate)
        return where(greater(t, n), last, rate)

    text = _shown(
        name,
        max_lr,
        total_steps=total_steps,
        pct_start=pct_start,
        anneal_strategy=anneal_strategy,
        div_factor=div_factor,
        final_div_factor=final_div_factor,
        three_phase=three_phase,
    )
    return Schedule(text, first, formula)


def inverse_sqrt(lr: Rate, timescale: float = 1.0) -> Schedule:
    """``lr * sqrt(timescale / (timescale + count))``: ``lr`` at first, then down with the root of the steps.

    After a warm-up of as many steps it is the schedule of Vaswani et al. 2017. Raises GraphError.
    Example: ``warmup(inverse_sqrt(1e-3, 4000), 4000, start_factor=0)``."""
    base, n = _base("inverse_sqrt", lr), _number("inverse_sqrt", "timescale", timescale, 0)
    if not n:
        raise GraphError("inverse_sqrt: timescale must not be 0", source=where_am_i())
    text = _shown("inverse_sqrt", lr, timescale=timescale)
    return Schedule(text, base, lambda t: base * rsqrt(t / n + 1))


def cyclic(
    base_lr: Rate,
    max_lr: Rate,
    step_size_up: int = 2000,
    step_size_down: int | None = None,
    mode: Literal["triangular", "triangular2", "exp_range"] = "triangular",
    gamma: float = 1.0,
    scale_fn: Callable[[Tensor], Tensor] | None = None,
    scale_mode: Literal["cycle", "iterations"] = "cycle",
) -> Schedule:
    """Evenly from ``base_lr`` to ``max_lr`` in ``step_size_up`` steps, back in ``step_size_down`` (as many), and again.

    ``mode``: "triangular2" halves the height at each cycle, "exp_range" multiplies it by ``gamma`` at each step;
    ``scale_fn`` gives another height, of the cycle's number (from 1) or, by ``scale_mode``, of the count, a float64
    Tensor. torch.optim.lr_scheduler.CyclicLR, momentum apart (Smith 2017). Raises GraphError.
    Example: ``cyclic(1e-4, 1e-2, step_size_up=500, mode="triangular2")``."""
    name = "cyclic"
    base, top = _base(name, base_lr, "base_lr"), _base(name, max_lr, "max_lr")
    up = _number(name, "step_size_up", step_size_up, 1)
    down = up if step_size_down is None else _number(name, "step_size_down", step_size_down, 1)
    by = _number(name, "gamma", gamma, 0)
    if scale_fn is None and mode not in ("triangular", "triangular2", "exp_range"):
        raise GraphError(
            f'{name}: mode is "triangular", "triangular2" or "exp_range", got {mode!r}', source=where_am_i()
        )
    if scale_mode not in ("cycle", "iterations"):
        raise GraphError(f'{name}: scale_mode is "cycle" or "iterations", got {scale_mode!r}', source=where_am_i())

    def formula(t: Tensor) -> Any:
        cycle = floor(t / (up + down))
        at = t - cycle * (up + down)
        height = (top - base) * where(less_equal(at, up), at / up, (up + down - at) / down)
        if scale_fn is not None:
            height = height * scale_fn(cycle + 1 if scale_mode == "cycle" else t)
        elif mode == "triangular2":
            height = height * pow(0.5, cycle)
        elif mode == "exp_range":
            height = height * pow(by, t)
        return base + height

    text = _shown(name, base_lr, max_lr=max_lr, step_size_up=step_size_up, step_size_down=step_size_down, mode=mode)
    return Schedule(text, base, formula)


def sequence(schedules: Sequence[Schedule], milestones: Sequence[int]) -> Schedule:
    """One schedule after another: number i + 1 takes over at ``milestones[i]``, its own count 0 there.

    torch.optim.lr_scheduler.SequentialLR. Raises GraphError.
    Example: ``sequence([constant(0.1), cosine(0.1, 900)], [100])``."""
    parts, at = list(schedules), _increasing("sequence", "milestones", milestones)
    for part in parts:
        if not isinstance(part, Schedule):
            raise GraphError(f"sequence: {part!r} is no schedule", source=where_am_i())
    if len(parts) != len(at) + 1:
        raise GraphError(
            f"sequence: {len(parts)} schedules need {max(len(parts) - 1, 0)} milestones, got {len(at)}",
            source=where_am_i(),
        )

    def formula(t: Tensor) -> Any:
        rate = parts[0].exact(astype(t, int64))
        for start, part in zip(at, parts[1:]):
            # before its time its count is 0, which no formula minds
            own = where(greater_equal(t, start), t - start, 0.0)
            rate = where(greater_equal(t, start), part.exact(astype(own, int64)), rate)
        return rate

    return Schedule(f"sequence({parts!r}, {at!r})", parts[0].base, formula)


def warmup(schedule: Schedule | Rate, steps: int, start_factor: float = 1.0 / 3) -> Schedule:
    """``steps`` steps evenly from ``start_factor`` of the schedule's base rate to the whole of it, then the schedule.

    torch.optim.lr_scheduler.SequentialLR of a LinearLR and the schedule. ``schedule``: a number stands for
    ``constant`` of it. Raises GraphError. Example: ``warmup(cosine(0.1, 900), 100)``."""
    after = schedule if isinstance(schedule, Schedule) else constant(schedule)
    if not _number("warmup", "steps", steps, 0, whole=True):
        return after
    text = f"warmup({after!r}, {steps}, start_factor={start_factor!r})"
    both = sequence([linear(after.base, start_factor, 1.0, steps), after], [steps])
    return Schedule(text, after.base, both._formula)


if not TYPE_CHECKING:  # a checker knows the names by itself
    __getattr__, __dir__ = _namespaces.presented(globals(), __all__)
