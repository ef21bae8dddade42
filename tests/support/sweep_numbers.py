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
    "sigmoid": (_sigmoid, _bell, lambda x: -_bell(x) * mp.tanh(x / 2)),
    "softplus": (lambda x: mp.log1p(mp.exp(x)), _sigmoid, _bell),
}
DOMAINS = {  # where the function is defined
    **dict.fromkeys(("sqrt", "rsqrt", "log", "log2", "log10"), lambda x: x > 0),
    "log1p": lambda x: x > -1,
    **dict.fromkeys(("asin", "acos", "atanh"), lambda x: np.abs(x) < 1),
    "acosh": lambda x: x > 1,
    "reciprocal": lambda x: x != 0,
}
NAN_BEYOND = ("sqrt", "rsqrt", "asin", "acos", "atanh", "acosh")  # value and derivatives, outside of the domain
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
    info = np.finfo(dtype)
    eps, tiny, largest = float(info.eps), mp.mpf(float(info.tiny)), mp.mpf(float(info.max))
    found = []
    for g, f in zip(got, REFERENCES[name]):
        worst, at = 0.0, None
        for a, b in zip(x[inside], g[inside]):
            want = f(mp.mpf(float(a)))
            if abs(want) > largest * (1 - 8 * eps):
                wrong = 0.0 if np.isinf(b) or abs(b) > 0.99 * info.max else np.inf
            elif not np.isfinite(b):
                wrong = np.inf
            else:
                wrong = float(abs(mp.mpf(float(b)) - want) / (max(abs(want), tiny) * eps))
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
    for name in REFERENCES:
        for dtype in (np.float32, np.float64):
            found, stray = errors(name, dtype, seed, n)
            told = ", ".join(f"{o} {e:.1f} at {at:.6g}" for o, (e, at) in zip(ORDERS, found) if at is not None)
            print(
                f"{name} {np.dtype(dtype).name}: {told}{'; not NaN at ' + str(stray[:3]) if stray else ''}", flush=True
            )


if __name__ == "__main__":
    main()
