"""What internal special functions are in SciPy's: references, plain formulas that hold where nothing cancels.

Named in declarations and imported when one of them is asked for. Must not know: operations.
"""

from __future__ import annotations

from collections.abc import Callable
from math import comb
from typing import Any

import numpy as np
from scipy import special


def sinc_derivative(n: Any, x: Any) -> Any:
    """By Leibniz' rule from x * sinc(x) = sin(pi x) / pi, and 0 or the coefficient of the series at 0."""
    x = np.asarray(x)
    y = np.sinc(x)
    for k in range(1, int(n) + 1):
        y = (np.pi ** (k - 1) * np.sin(np.pi * x + k * np.pi / 2) - k * y) / x
    return y


def erfcx_derivative(n: Any, x: Any) -> Any:
    """By the differential equation y' = 2 x y - 2 / sqrt(pi)."""
    before, y = 0.0, special.erfcx(x)
    for k in range(int(n)):
        before, y = y, 2 * (x * y + k * before) - (2 / np.sqrt(np.pi) if k == 0 else 0)
    return y


def normal_density(x: Any) -> Any:
    return np.exp(-x * x / 2) / np.sqrt(2 * np.pi)


def log_ndtr_slope(x: Any) -> Any:
    return np.exp(-x * x / 2 - special.log_ndtr(x)) / np.sqrt(2 * np.pi)


def log_ndtr_excess(x: Any) -> Any:
    return x + log_ndtr_slope(x)


def digamma_gap(x: Any, d: Any) -> Any:
    return special.digamma(x + d) - special.digamma(x)


def trigamma_gap(x: Any, d: Any) -> Any:
    return special.polygamma(1, x + d) - special.polygamma(1, x)


def _scaled(of: Callable[..., Any], order: int, sign: int) -> Callable[..., Any]:
    """The derivatives of exp(sign * x) times a Bessel function, whose own are ``of(order, x, m)``, at x > 0."""

    def derivative(n: Any, x: Any) -> Any:
        n = int(n)
        return np.exp(sign * x) * sum(comb(n, m) * sign ** (n - m) * of(order, x, m) for m in range(n + 1))

    return derivative


i0e_derivative, i1e_derivative = _scaled(special.ivp, 0, -1), _scaled(special.ivp, 1, -1)
k0e_derivative, k1e_derivative = _scaled(special.kvp, 0, 1), _scaled(special.kvp, 1, 1)
