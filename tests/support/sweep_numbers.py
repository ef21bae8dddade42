"""A campaign: the relative error of elementwise operations and their first and second derivatives, over the whole range
of each dtype, against mpmath.

``python tests/support/sweep_numbers.py [seed] [points]`` prints the largest error of each, in units of the last place,
and where it is. A declaration states its bounds (``Op.errors``); tests/ops/test_numbers.py holds it to them.
"""

from __future__ import annotations

import sys
from pathlib import Path

import mpmath as mp
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))

import graphdiff as gd  # noqa: E402
from graphdiff.ops.registry import REGISTRY  # noqa: E402

mp.mp.dps = 60
WIDE = 700  # digits, where the quotient of the largest by the smallest number, or a multiple of pi, must be exact
ONE = mp.mpf(1)


def _sigmoid(x):
    return 1 / (1 + mp.exp(-x))


def _bell(x):
    """The derivative of sigmoid."""
    e = mp.exp(-abs(x))
    return e / (1 + e) ** 2


# The function and its first and second derivative.
REFERENCES = {
    "square": (lambda x: x * x, lambda x: 2 * x, lambda x: mp.mpf(2)),
    "reciprocal": (lambda x: 1 / x, lambda x: -1 / x**2, lambda x: 2 / x**3),
    "sqrt": (mp.sqrt, lambda x: 1 / (2 * mp.sqrt(x)), lambda x: -1 / (4 * x * mp.sqrt(x))),
    "rsqrt": (lambda x: 1 / mp.sqrt(x), lambda x: -1 / (2 * x * mp.sqrt(x)), lambda x: 3 / (4 * x * x * mp.sqrt(x))),
    "exp": (mp.exp, mp.exp, mp.exp),
    "exp2": (lambda x: mp.mpf(2) ** x, lambda x: mp.mpf(2) ** x * mp.log(2), lambda x: mp.mpf(2) ** x * mp.log(2) ** 2),
    "log1mexp": (
        lambda x: mp.log(-mp.expm1(x)) if x > -1 else mp.log1p(-mp.exp(x)),
        lambda x: mp.exp(x) / mp.expm1(x),
        lambda x: -mp.exp(x) / mp.expm1(x) ** 2,
    ),
    "logit": (
        lambda x: mp.log(x) - mp.log1p(-x),
        lambda x: 1 / (x * (1 - x)),
        lambda x: (2 * x - 1) / (x * (1 - x)) ** 2,
    ),
    "expm1": (mp.expm1, mp.exp, mp.exp),
    "log": (mp.log, lambda x: 1 / x, lambda x: -1 / x**2),
    "log1p": (mp.log1p, lambda x: 1 / (1 + x), lambda x: -1 / (1 + x) ** 2),
    "log2": (lambda x: mp.log(x, 2), lambda x: 1 / (x * mp.log(2)), lambda x: -1 / (x * x * mp.log(2))),
    "log10": (mp.log10, lambda x: 1 / (x * mp.log(10)), lambda x: -1 / (x * x * mp.log(10))),
    "asin": (mp.asin, lambda x: 1 / mp.sqrt(1 - x * x), lambda x: x / mp.sqrt(1 - x * x) ** 3),
    "acos": (mp.acos, lambda x: -1 / mp.sqrt(1 - x * x), lambda x: -x / mp.sqrt(1 - x * x) ** 3),
    "atan": (mp.atan, lambda x: 1 / (1 + x * x), lambda x: -2 * x / (1 + x * x) ** 2),
    "sinh": (mp.sinh, mp.cosh, mp.sinh),
    "cosh": (mp.cosh, mp.sinh, mp.cosh),
    "tanh": (mp.tanh, lambda x: mp.sech(x) ** 2, lambda x: -2 * mp.tanh(x) * mp.sech(x) ** 2),
    "asinh": (mp.asinh, lambda x: 1 / mp.sqrt(1 + x * x), lambda x: -x / mp.sqrt(1 + x * x) ** 3),
    "acosh": (mp.acosh, lambda x: 1 / mp.sqrt(x * x - 1), lambda x: -x / mp.sqrt(x * x - 1) ** 3),
    "atanh": (mp.atanh, lambda x: 1 / (1 - x * x), lambda x: 2 * x / (1 - x * x) ** 2),
    "erf": (mp.erf, lambda x: 2 * mp.exp(-x * x) / mp.sqrt(mp.pi), lambda x: -4 * x * mp.exp(-x * x) / mp.sqrt(mp.pi)),
    "erfc": (
        lambda x: mp.erfc(x) if abs(x) < 1e4 else mp.mpf(0 if x > 0 else 2),
        lambda x: -2 * mp.exp(-x * x) / mp.sqrt(mp.pi),
        lambda x: 4 * x * mp.exp(-x * x) / mp.sqrt(mp.pi),
    ),
    "sin": (mp.sin, mp.cos, lambda x: -mp.sin(x)),
    "cos": (mp.cos, lambda x: -mp.sin(x), lambda x: -mp.cos(x)),
    "tan": (mp.tan, lambda x: 1 + mp.tan(x) ** 2, lambda x: 2 * mp.tan(x) * (1 + mp.tan(x) ** 2)),
    "erfinv": (
        mp.erfinv,
        lambda x: mp.sqrt(mp.pi) / 2 * mp.exp(mp.erfinv(x) ** 2),
        lambda x: mp.pi / 2 * mp.erfinv(x) * mp.exp(2 * mp.erfinv(x) ** 2),
    ),
    "lgamma": (mp.loggamma, mp.digamma, lambda x: mp.psi(1, x)),
    "digamma": (mp.digamma, lambda x: mp.psi(1, x), lambda x: mp.psi(2, x)),
    "sigmoid": (_sigmoid, _bell, lambda x: -_bell(x) * mp.tanh(x / 2)),
    "softplus": (lambda x: mp.log1p(mp.exp(x)), _sigmoid, _bell),
}
DOMAINS = {  # where the function is defined
    **dict.fromkeys(("sqrt", "rsqrt", "log", "log2", "log10"), lambda x: x > 0),
    "log1p": lambda x: x > -1,
    **dict.fromkeys(("asin", "acos", "atanh"), lambda x: np.abs(x) < 1),
    "acosh": lambda x: x > 1,
    "log1mexp": lambda x: x < 0,
    "logit": lambda x: (x > 0) & (x < 1),
    "reciprocal": lambda x: x != 0,
    "erfinv": lambda x: np.abs(x) < 1,
    **dict.fromkeys(("lgamma", "digamma"), lambda x: (x > 0) & (np.abs(x - 1.4616321) > 0.25)),  # digamma's zero
}


def _length(x, y):
    return mp.sqrt(x * x + y * y)


def _other_bell(x, y):
    return _bell(x - y)


# Of two operands: the function, its derivatives by each, and the second ones by the first, by both, by the second.
PAIRS = {
    "add": (lambda x, y: x + y, (lambda x, y: ONE,) * 2, (lambda x, y: 0 * ONE,) * 3),
    "subtract": (lambda x, y: x - y, (lambda x, y: ONE, lambda x, y: -ONE), (lambda x, y: 0 * ONE,) * 3),
    "multiply": (
        lambda x, y: x * y,
        (lambda x, y: y, lambda x, y: x),
        (lambda x, y: 0 * ONE, lambda x, y: ONE, lambda x, y: 0 * ONE),
    ),
    "divide": (
        lambda x, y: x / y,
        (lambda x, y: 1 / y, lambda x, y: -x / y**2),
        (lambda x, y: 0 * ONE, lambda x, y: -1 / y**2, lambda x, y: 2 * x / y**3),
    ),
    "atan2": (
        mp.atan2,
        (lambda x, y: y / _length(x, y) ** 2, lambda x, y: -x / _length(x, y) ** 2),
        (
            lambda x, y: -2 * x * y / _length(x, y) ** 4,
            lambda x, y: (x * x - y * y) / _length(x, y) ** 4,
            lambda x, y: 2 * x * y / _length(x, y) ** 4,
        ),
    ),
    "hypot": (
        _length,
        (lambda x, y: x / _length(x, y), lambda x, y: y / _length(x, y)),
        (
            lambda x, y: y * y / _length(x, y) ** 3,
            lambda x, y: -x * y / _length(x, y) ** 3,
            lambda x, y: x * x / _length(x, y) ** 3,
        ),
    ),
    "pow": (
        lambda x, y: x**y,
        (lambda x, y: y * x ** (y - 1), lambda x, y: x**y * mp.log(x)),
        (
            lambda x, y: y * (y - 1) * x ** (y - 2),
            lambda x, y: x ** (y - 1) * (1 + y * mp.log(x)),
            lambda x, y: x**y * mp.log(x) ** 2,
        ),
    ),
    "logaddexp": (
        lambda x, y: max(x, y) + mp.log1p(mp.exp(-abs(x - y))),
        (lambda x, y: _sigmoid(x - y), lambda x, y: _sigmoid(y - x)),
        (_other_bell, lambda x, y: -_bell(x - y), _other_bell),
    ),
    "xlogy": (
        lambda x, y: x * mp.log(y),
        (lambda x, y: mp.log(y), lambda x, y: x / y),
        (lambda x, y: 0 * ONE, lambda x, y: 1 / y, lambda x, y: -x / y**2),
    ),
    "xlog1py": (
        lambda x, y: x * mp.log1p(y),
        (lambda x, y: mp.log1p(y), lambda x, y: x / (1 + y)),
        (lambda x, y: 0 * ONE, lambda x, y: 1 / (1 + y), lambda x, y: -x / (1 + y) ** 2),
    ),
    "remainder": (
        lambda x, y: x - y * mp.floor(x / y),
        (lambda x, y: ONE, lambda x, y: -mp.floor(x / y)),
        (lambda x, y: 0 * ONE,) * 3,
    ),
}
# Where a bound holds that does not hold everywhere: what is in between stays within the dtype (the logarithm of a
# power, the square of a length, the cube of a divisor), and no difference makes a second derivative 0.
WITHIN = {
    "divide": lambda x, y, info: np.abs(np.log2(np.abs(y))) < info.maxexp / 2 - 2,
    "pow": lambda x, y, info: (x > 0) & (np.abs((np.abs(y) + 2) * np.log(x)) < 0.9 * np.log(float(info.max))),
    "xlogy": lambda x, y, info: y > 0,
    "xlog1py": lambda x, y, info: y > -0.99,
    "atan2": lambda x, y, info: (
        (np.maximum(np.abs(x), np.abs(y)) > float(info.tiny) ** 0.5 * 4) & (np.abs(np.log2(np.abs(x / y))) > 0.5)
    ),
    "logaddexp": lambda x, y, info: np.abs(x - y) < 800,
}
NAN_BEYOND = (
    "sqrt",
    "rsqrt",
    "asin",
    "acos",
    "atanh",
    "acosh",
    "log1mexp",
)  # value and derivatives, outside of the domain
ORDERS = ("value", "first derivative", "second derivative")


def points(name, dtype, seed, n):
    """Magnitudes over all powers of two of the dtype, and those near 0, 1 and the scale of the function."""
    rng = np.random.default_rng(seed)
    info = np.finfo(dtype)
    with np.errstate(all="ignore"):
        wide = 2.0 ** rng.uniform(np.log2(float(info.tiny)), np.log2(float(info.max)), n)
        near = np.concatenate(
            [
                rng.uniform(0, 12, n),
                1 - 2.0 ** -rng.uniform(1, info.nmant, n),
                1 + 2.0 ** -rng.uniform(1, info.nmant, n),
                rng.uniform(0, 800, n),
            ]
        )
        x = np.concatenate([wide, near]).astype(dtype)
    return np.concatenate([x, -x])


def couples(name, dtype, seed, n):
    """Two operands: of any sizes each, near each other, and both of ordinary size."""
    rng = np.random.default_rng(seed)
    info = np.finfo(dtype)
    x, y = (2.0 ** rng.uniform(np.log2(float(info.tiny)), np.log2(float(info.max)), n) for _ in range(2))
    near = np.clip(x * 2.0 ** rng.uniform(-30, 30, n), float(info.tiny), float(info.max))
    x = np.concatenate([x, x, rng.uniform(0, 12, n), rng.uniform(0, 300, n)]).astype(dtype)
    y = np.concatenate([y, near, rng.uniform(0, 12, n), rng.uniform(0, 300, n)]).astype(dtype)
    x, y = np.concatenate([x, -x, x, -x]), np.concatenate([y, y, -y, -y])
    with np.errstate(all="ignore"):
        inside = WITHIN.get(name, lambda x, y, info: np.isfinite(x))(x, y, info)
    return x[inside], y[inside]


def off(got, want, info):
    """The error in units of the last place of ``want``; of what is smaller than the smallest normal number, of that."""
    eps, tiny, largest = float(info.eps), mp.mpf(float(info.tiny)), mp.mpf(float(info.max))
    if abs(want) > largest * (1 - 8 * eps):
        return 0.0 if np.isinf(got) or abs(got) > 0.99 * info.max else np.inf
    if not np.isfinite(got):
        return np.inf
    if abs(want) < tiny:  # a step on the way may have lost it
        return 0.0 if abs(got) <= 2 * info.tiny else np.inf
    return float(abs(mp.mpf(float(got)) - want) / (abs(want) * eps))


def errors_of_two(name, dtype, seed, n):
    """For each order the largest error over the operands, in units of the last place, and where."""
    a, b = couples(name, dtype, seed, n)
    x, y = (gd.input(k, (len(a),), np.dtype(dtype).name) for k in "xy")
    z = REGISTRY[name].public(x, y)
    by_x, by_y = gd.grad(gd.sum(z), [x, y])
    second = [*gd.grad(gd.sum(by_x), [x, y]), gd.grad(gd.sum(by_y), y)]
    value, first, of_first = gd.compile([x, y], [z, [by_x, by_y], second])(a, b)
    f, slopes, curvatures = PAIRS[name]
    info, found = np.finfo(dtype), []
    with mp.workdps(WIDE if name == "remainder" else mp.mp.dps):
        points = [(mp.mpf(float(p)), mp.mpf(float(q))) for p, q in zip(a, b)]
        for got, wants in (([value], [f]), (first, slopes), (of_first, curvatures)):
            worst, at = 0.0, None
            for g, want in zip(got, wants):
                for k, point in enumerate(points):
                    wrong = off(g[k], want(*point), info)
                    if wrong > worst:
                        worst, at = wrong, (float(a[k]), float(b[k]))
            found.append((worst, at))
    return found


def errors(name, dtype, seed, n):
    """For each order the largest error in units of the last place of the exact result, and where; then the points
    outside of the domain where something is not NaN, for functions that promise it."""
    op = REGISTRY[name]
    x = points(name, dtype, seed, n)
    v = gd.input("x", (len(x),), np.dtype(dtype).name)
    y = op.public(v)
    first = gd.grad(gd.sum(y), v)
    got = gd.compile([v], [y, first, gd.grad(gd.sum(first), v)])(x)
    inside = DOMAINS.get(name, lambda x: np.isfinite(x))(x)
    info, found = np.finfo(dtype), []
    with mp.workdps(WIDE if name in ("sin", "cos", "tan") else mp.mp.dps):
        for g, f in zip(got, REFERENCES[name]):
            worst, at = 0.0, None
            for a, b in zip(x[inside], g[inside]):
                wrong = off(b, f(mp.mpf(float(a))), info)
                if wrong > worst:
                    worst, at = wrong, float(a)
            found.append((worst, at))
    beyond = name in NAN_BEYOND
    stray = [
        float(a)
        for i, a in enumerate(x)
        if beyond and not inside[i] and a not in (0, 1, -1) and not all(np.isnan(g[i]) for g in got)
    ]
    return found, stray


def main() -> None:
    seed, n = (int(a) for a in (*sys.argv[1:], *("0", "400")[len(sys.argv) - 1 :]))
    for name in (*REFERENCES, *PAIRS):
        for dtype in (np.float32, np.float64):
            found, stray = (
                errors(name, dtype, seed, n) if name in REFERENCES else (errors_of_two(name, dtype, seed, n), [])
            )
            told = ", ".join(f"{o} {e:.1f} at {at}" for o, (e, at) in zip(ORDERS, found) if at is not None)
            print(
                f"{name} {np.dtype(dtype).name}: {told}{'; not NaN at ' + str(stray[:3]) if stray else ''}", flush=True
            )


if __name__ == "__main__":
    main()
