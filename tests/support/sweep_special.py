"""A campaign: the errors of special functions and their first and second derivatives over their ranges, against mpmath.

``python tests/support/sweep_special.py [seed] [points]`` prints a table: the largest errors in units of the last place,
in both dtypes, and that of SciPy's float64 function at the same points. A declaration states its bounds
(``Op.errors``); tests/ops/test_special.py holds it to them.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mpmath as mp
import numpy as np
import scipy.special

ROOT = Path(__file__).resolve().parents[2]
if __name__ == "__main__":
    sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

from sweep_numbers import ORDERS, off  # noqa: E402

import graphdiff as gd  # noqa: E402

mp.mp.dps = 30
DIFFERENCES = 60  # digits, of which two differences leave half
Points = Callable[[np.random.Generator, int], np.ndarray]


@dataclass(frozen=True)
class Function:
    """``exact``: in mpmath; ``points``: where, for each operand; ``unit``: of a derivative's order and the operands,
    what errors are measured against where the result is smaller, near zeros that it goes through; ``orders``: of an
    order before the operand; ``within``: the couples of operands to keep; ``slopes``: derivatives, else by differences.
    """

    exact: Callable[..., Any]
    points: tuple[Points, ...]
    unit: Callable[..., Any] = lambda *_: 0
    orders: tuple[int, ...] = ()
    within: Callable[..., Any] | None = None
    slopes: tuple[Callable[..., Any], ...] = ()


def log(low: float, high: float) -> Points:
    """Magnitudes from 10^low to 10^high."""
    return lambda rng, n: 10.0 ** rng.uniform(low, high, n)


def flat(low: float, high: float) -> Points:
    return lambda rng, n: rng.uniform(low, high, n)


def both(*parts: Points) -> Points:
    return lambda rng, n: np.concatenate([p(rng, n) for p in parts])


def signed(part: Points) -> Points:
    return lambda rng, n: part(rng, n) * rng.choice([-1.0, 1.0], n)


def erfcx(x: Any) -> Any:
    if x < 1e4:
        return mp.exp(x * x) * mp.erfc(x)
    return mp.hyperu(0.5, 0.5, x * x) / mp.sqrt(mp.pi)


def ndtr(x: Any) -> Any:
    return mp.erfc(-x / mp.sqrt(2)) / 2


def ndtri(p: Any) -> Any:
    q = min(p, 1 - p)
    t = mp.sqrt(-2 * mp.log(q))
    y = mp.findroot(lambda y: mp.log(ndtr(y)) - mp.log(q), scipy.special.ndtri(float(q)) if q > 1e-300 else -t)
    return y if p < 0.5 else -y


def density(x: Any) -> Any:
    return mp.exp(-x * x / 2) / mp.sqrt(2 * mp.pi)


def envelope(_order: int, x: Any) -> Any:
    return min(1, 1 / mp.sqrt(abs(x) + 1e-300))


def odd_envelope(order: int, x: Any) -> Any:
    return envelope(order, x) * (min(1, abs(x)) if order != 1 else 1)


def polygamma_unit(order: int, n: int, x: Any) -> Any:
    return mp.factorial(n + order) * abs(x - mp.nint(x)) ** -(n + 1 + order) if x < 0 else 0


def betaln(a: Any, b: Any) -> Any:
    return mp.loggamma(a) + mp.loggamma(b) - mp.loggamma(a + b)


def scaled(of: Callable[..., Any], order: int, sign: int) -> Callable[[Any], Any]:
    return lambda x: mp.exp(sign * (x if sign > 0 else abs(x))) * of(order, x)


def k_sum(x: Any, *factors: float) -> Any:
    return mp.exp(x) * mp.fsum(f * mp.besselk(n, x) for n, f in enumerate(factors))


def k0e_second(x: Any) -> Any:
    return k_sum(x, 1.5, -2, 0.5)


def k1e_second(x: Any) -> Any:
    return k_sum(x, -1, 1.75, -1, 0.25)


def lower_gamma(a: Any, x: Any) -> Any:
    return mp.gammainc(a, 0, x, regularized=True)


def upper_gamma(a: Any, x: Any) -> Any:
    return mp.gammainc(a, x, mp.inf, regularized=True)


def lower_beta(a: Any, b: Any, x: Any) -> Any:
    return mp.betainc(a, b, 0, x, regularized=True)


def near_gamma(a: Any, x: Any) -> Any:
    """Within eight deviations of the mean, or a factor of 1000."""
    return np.abs(np.log(x / a)) < 8 / np.sqrt(a) + np.where(a < 1, 7, 0)


def near_beta(a: Any, b: Any, x: Any) -> Any:
    return np.abs(np.log(x / (1 - x)) - np.log(a / b)) < 8 * np.sqrt(1 / a + 1 / b)


SHAPES = (both(flat(0, 30), log(-2, 2)),) * 2
NORMAL = both(flat(-37, -5), flat(-5, 8), signed(log(-9, 0)))
WAVES = (both(signed(flat(0, 100)), log(-8, 8)),)
FUNCTIONS = {
    "logdiffexp": Function(
        lambda a, b: a + mp.log(-mp.expm1(b - a)),
        (flat(-30, 30), flat(-30, 30)),
        within=lambda a, b: a > b,
        unit=lambda order, a, b: max(1, abs(a)) if order == 0 else 0,
    ),
    "sinc": Function(
        mp.sincpi, (both(flat(-8, 8), signed(log(-8, 12))),), lambda order, x: mp.pi**order / (1 + abs(x))
    ),
    "erfcx": Function(erfcx, (both(flat(-26, 0), flat(0, 30), log(-8, 3), log(3, 15)),)),
    "ndtr": Function(ndtr, (NORMAL,)),
    "log_ndtr": Function(
        lambda x: mp.log(ndtr(x)) if x < 1 else mp.log1p(-ndtr(-x)), (both(NORMAL, flat(-1000, -37)),)
    ),
    "ndtri": Function(
        ndtri,
        (both(flat(0.001, 0.999), log(-30, -1), log(-37, -20)),),
        unit=lambda order, p: 1 if order == 2 else 0,
        slopes=(lambda p: 1 / density(ndtri(p)), lambda p: ndtri(p) / density(ndtri(p)) ** 2),
    ),
    "gamma": Function(
        mp.gamma,
        (both(flat(0, 34), log(-12, 0), flat(-8, 0)),),
        lambda order, x: abs(mp.gamma(x)) * abs(x - mp.nint(x)) ** -order if x < 2 else 0,
    ),
    "polygamma": Function(
        mp.psi, (both(log(-8, 0), flat(0, 40), log(1, 8), flat(-6, 0)),), polygamma_unit, orders=(1, 2, 5)
    ),
    "betaln": Function(
        betaln,
        (both(flat(0, 30), log(-8, 8)), both(flat(0, 30), log(-4, 6))),
        lambda order, a, b: 1 if order == 0 else 0,
    ),
    "gammainc": Function(lower_gamma, SHAPES, within=near_gamma),
    "gammaincc": Function(upper_gamma, SHAPES, within=near_gamma),
    "betainc": Function(lower_beta, (*SHAPES[:1] * 2, flat(0, 1)), within=near_beta),
    "j0": Function(lambda x: mp.besselj(0, x), WAVES, envelope),
    "j1": Function(lambda x: mp.besselj(1, x), WAVES, odd_envelope),
    "i0": Function(lambda x: mp.besseli(0, x), (both(signed(flat(0, 80)), log(-8, 1)),)),
    "i1": Function(lambda x: mp.besseli(1, x), (both(signed(flat(0, 80)), log(-8, 1)),)),
    "i0e": Function(scaled(mp.besseli, 0, -1), WAVES),
    "i1e": Function(scaled(mp.besseli, 1, -1), WAVES, odd_envelope),
    "k0e": Function(
        lambda x: k_sum(x, 1), (both(flat(0, 80), log(-8, 8)),), slopes=(lambda x: k_sum(x, 1, -1), k0e_second)
    ),
    "k1e": Function(
        lambda x: k_sum(x, 0, 1),
        (both(flat(0, 80), log(-8, 8)),),
        slopes=(lambda x: k_sum(x, -0.5, 1, -0.5), k1e_second),
    ),
}


def operands(name: str, dtype: Any, seed: int, n: int, coarse: bool) -> list[np.ndarray]:
    """The points of each operand that is differentiated; those of float32 in both dtypes if ``coarse``."""
    rng, function = np.random.default_rng(seed), FUNCTIONS[name]
    drawn = [p(rng, n).astype(np.float32 if coarse else dtype) for p in function.points]
    if len(drawn) > 1:
        size = max(len(d) for d in drawn) * 2
        drawn = [rng.choice(d, size) for d in drawn]
    xs = [d.astype(dtype) for d in drawn]
    keep = np.all([np.isfinite(x) & (np.abs(x) > np.finfo(drawn[0].dtype).tiny) for x in xs], axis=0)
    if function.within is not None:
        keep &= function.within(*xs)
    return [x[keep] for x in xs]


@functools.cache
def exactly(name: str, point: tuple[Any, ...], by: tuple[int, ...]) -> Any:
    """The value, or a derivative of first or second order, by differences in many digits unless there are formulas."""
    function = FUNCTIONS[name]
    if not by or function.slopes:
        with mp.workdps(DIFFERENCES):
            return (function.exact, *function.slopes)[len(by)](*point)
    counts = [by.count(i) for i in range(len(point) - len(function.orders[:1]))]
    fixed, moving = point[: len(function.orders[:1])], point[len(function.orders[:1]) :]
    size = min(abs(p) for p, c in zip(moving, counts) if c)  # in units of it no step passes a pole at 0

    def moved(*steps: Any) -> Any:
        return function.exact(*fixed, *(p + size * s for p, s in zip(moving, steps)))

    with mp.workdps(DIFFERENCES):
        if len(moving) == 1:
            return mp.diff(moved, 0, len(by)) / size ** len(by)
        return mp.diff(moved, (0,) * len(moving), counts) / size ** len(by)


def errors(name: str, dtype: Any, seed: int, n: int, coarse: bool = False) -> tuple[list[tuple[float, Any]], float]:
    """For each order of derivatives the largest error and where; and that of SciPy's function."""
    function = FUNCTIONS[name]
    worst: list[tuple[float, Any]] = [(0.0, None)] * 3
    theirs = 0.0
    for order in function.orders or (None,):
        xs = operands(name, dtype, seed, n, coarse)
        leaves = [gd.input(f"x{i}", x.shape, np.dtype(dtype).name) for i, x in enumerate(xs)]
        before = () if order is None else (order,)
        y = getattr(gd, name)(*before, *leaves)
        first = gd.grad(gd.sum(y), leaves)
        second = [gd.grad(gd.sum(g), leaves) for g in first]
        got = gd.compile(leaves, [y, first, second])(*xs)
        wanted = [((), got[0])]
        wanted += [((i,), got[1][i]) for i in range(len(xs))]
        wanted += [((i, j), got[2][i][j]) for i in range(len(xs)) for j in range(i, len(xs))]
        scipys = getattr(scipy.special, name, None)
        with np.errstate(all="ignore"):
            same = scipys(*before, *(x.astype(float) for x in xs)) if scipys else None
        info = np.finfo(dtype)
        for k in range(len(xs[0])):
            point = (*before, *(mp.mpf(float(x[k])) for x in xs))
            for by, values in wanted:
                want = exactly(name, point, by)
                if by and abs(want) > info.max / 2:
                    continue  # on the way there infinities meet
                size = max(abs(want), mp.mpf(function.unit(len(by), *point)))
                wrong = relative(values[k], want, size, info)
                if wrong > worst[len(by)][0]:
                    worst[len(by)] = wrong, (*map(float, point), by)
                if not by and same is not None:
                    theirs = max(theirs, relative(same[k], want, size, np.finfo(float)))
    return worst, theirs


def relative(got: Any, want: Any, size: Any, info: Any) -> float:
    """The error in units of the last place of ``size``, which is at least what is wanted."""
    if size == abs(want) or not np.isfinite(got):
        return off(got, want, info)
    return float(abs(mp.mpf(float(got)) - want) / (max(size, mp.mpf(float(info.tiny))) * float(info.eps)))


def main() -> None:
    seed, n = (int(a) for a in (*sys.argv[1:], *("0", "100")[len(sys.argv) - 1 :]))
    print(f"{'function':12} {'dtype':8}" + "".join(f"{o:>20}" for o in ORDERS) + f"{'SciPy':>12}   worst at")
    for name in FUNCTIONS:
        for dtype in (np.float32, np.float64):
            found, theirs = errors(name, dtype, seed, n)
            numbers = "".join(f"{e:20.2f}" for e, _ in found)
            places = "; ".join(str(at) for _, at in found)
            print(f"{name:12} {np.dtype(dtype).name:8}{numbers}{theirs:12.2f}   {places}", flush=True)


if __name__ == "__main__":
    main()
