"""Declarations of the regularised incomplete gamma and beta functions (csrc/math/incomplete.c), with derivatives in
their shapes.

Each derivative is an operation of its own, an integral that does not cancel; of third order in the shapes there is
none, and it is NaN. Must not know: how the integrals are made.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from .comparison import equal
from .elementwise import negative, where
from .functions import log, log1p
from .opdef import elementwise
from .samples import on
from .special import digamma, digamma_gap, polygamma, trigamma_gap
from .tensor import Tensor


def _beyond(y: Tensor, *_xs: Tensor) -> Tensor:
    """A derivative of third order, which is not offered."""
    return y * math.nan


def _of(density: Callable[..., Tensor], weight: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The derivative by the argument of one in shapes: the density times a weight, 0 where the density is."""

    def partial(_y: Tensor, *xs: Tensor) -> Tensor:
        p = density(*xs)
        return where(equal(p, 0), 0, p * weight(*xs))

    return partial


# ------------------------------------------------------------------ gamma
def _score(a: Tensor, x: Tensor) -> Tensor:
    """The derivative of the density's logarithm by the shape."""
    return log(x) - digamma(a)


gammainc = elementwise(
    "gammainc",
    "The regularised lower incomplete gamma function of shape x1 at x2, the distribution function of the gamma "
    "distribution; NaN where one of them is negative. Differentiable by both, twice.\n"
    "Edges: gammainc(1.0, 0.0) = 0.0; gammainc(1.0, inf) = 1.0; gammainc(0.0, 1.0) = 1.0; gammainc(-1.0, 1.0) = nan; "
    "gammainc(1.0, -1.0) = nan; gammainc(1.0, nan) = nan\n"
    "Example: gd.gammainc([1.0, 5.0], [1.0, 3.0]) -> [0.6321206, 0.1847367]\n"
    "Source: DLMF 8.2.4, 8.11.4, 8.9.2; by shape the integral of the density times log(t) - digamma(x1)",
    partials=(lambda y, a, x: gammainc_by_a(a, x), lambda y, a, x: gamma_density(a, x)),
    errors=(40, 40, 200),
    reference="scipy.special.gammainc",
    samples=on(0.5, 4, 2),
)
gammaincc = elementwise(
    "gammaincc",
    "1 - gammainc(x1, x2), with all its digits in the upper tail.\n"
    "Edges: gammaincc(1.0, 0.0) = 1.0; gammaincc(1.0, inf) = 0.0; gammaincc(0.0, 1.0) = 0.0; "
    "gammaincc(-1.0, 1.0) = nan; gammaincc(1.0, nan) = nan\n"
    "Example: gd.gammaincc([1.0, 5.0], [1.0, 30.0]) -> [0.3678795, 3.624301e-09]\n"
    "Source: as gammainc",
    partials=(lambda y, a, x: negative(gammainc_by_a(a, x)), lambda y, a, x: negative(gamma_density(a, x))),
    errors=(40, 40, 200),
    reference="scipy.special.gammaincc",
    samples=on(0.5, 4, 2),
)
gamma_density = elementwise(
    "gamma_density",
    "The density of the gamma distribution of shape x1 at x2.",
    partials=(
        lambda y, a, x: where(equal(y, 0), 0, y * _score(a, x)),
        lambda y, a, x: where(equal(y, 0), 0, y * ((a - 1) / x - 1)),
    ),
    reference="graphdiff.ops.differences.gamma_density",
    internal=True,
)
gammainc_by_a = elementwise(
    "gammainc_by_a",
    "The derivative of gammainc by its shape.",
    partials=(lambda y, a, x: gammainc_by_aa(a, x), _of(gamma_density, _score)),
    reference="graphdiff.ops.differences.gammainc_by_a",
    internal=True,
)
gammainc_by_aa = elementwise(
    "gammainc_by_aa",
    "The second derivative of gammainc by its shape.",
    partials=(_beyond, _of(gamma_density, lambda a, x: _score(a, x) * _score(a, x) - polygamma(1.0, a))),
    reference="graphdiff.ops.differences.gammainc_by_aa",
    internal=True,
)


# ------------------------------------------------------------------ beta
def _score_a(a: Tensor, b: Tensor, x: Tensor) -> Tensor:
    """The derivative of the density's logarithm by the first shape."""
    return log(x) + digamma_gap(a, b)


def _score_b(a: Tensor, b: Tensor, x: Tensor) -> Tensor:
    return log1p(-x) + digamma_gap(b, a)


betainc = elementwise(
    "betainc",
    "The regularised incomplete beta function of shapes x1 and x2 at x3, the distribution function of the beta "
    "distribution; NaN where a shape is negative or x3 outside [0, 1]. Differentiable by all, twice.\n"
    "Edges: betainc(1.0, 2.0, 0.0) = 0.0; betainc(1.0, 2.0, 1.0) = 1.0; betainc(0.0, 1.0, 0.5) = 1.0; "
    "betainc(1.0, 1.0, 2.0) = nan; betainc(-1.0, 1.0, 0.5) = nan; betainc(1.0, 1.0, nan) = nan\n"
    "Example: gd.betainc([1.0, 2.0], [1.0, 3.0], 0.5) -> [0.5, 0.6875]\n"
    "Source: DLMF 8.17.22; by shape the integral of the density times log(t) and log(1 - t) less their means",
    partials=(
        lambda y, a, b, x: betainc_by_a(a, b, x),
        lambda y, a, b, x: betainc_by_b(a, b, x),
        lambda y, a, b, x: beta_density(a, b, x),
    ),
    errors=(40, 60, 400),
    reference="scipy.special.betainc",
    samples=on(0.2, 0.8, 3),
)
beta_density = elementwise(
    "beta_density",
    "The density of the beta distribution of shapes x1 and x2 at x3.",
    partials=(
        lambda y, *xs: where(equal(y, 0), 0, y * _score_a(*xs)),
        lambda y, *xs: where(equal(y, 0), 0, y * _score_b(*xs)),
        lambda y, a, b, x: where(equal(y, 0), 0, y * ((a - 1) / x - (b - 1) / (1 - x))),
    ),
    reference="graphdiff.ops.differences.beta_density",
    internal=True,
)


def _by(shapes: str, weight: Callable[..., Tensor], further: tuple[Any, Any]) -> Callable[..., Tensor]:
    """The derivative of betainc by its shapes, with its own by them and, in the density's weight, by the argument."""
    return elementwise(
        f"betainc_by_{shapes}",
        f"The derivative of betainc by its shapes {' and '.join(shapes)}.",
        partials=(*further, _of(beta_density, weight)),
        reference=f"graphdiff.ops.differences.betainc_by_{shapes}",
        internal=True,
    )


betainc_by_a = _by("a", _score_a, (lambda y, *xs: betainc_by_aa(*xs), lambda y, *xs: betainc_by_ab(*xs)))
betainc_by_b = _by("b", _score_b, (lambda y, *xs: betainc_by_ab(*xs), lambda y, *xs: betainc_by_bb(*xs)))
betainc_by_aa = _by(
    "aa", lambda a, b, x: _score_a(a, b, x) * _score_a(a, b, x) + trigamma_gap(a, b), (_beyond, _beyond)
)
betainc_by_ab = _by(
    "ab", lambda a, b, x: _score_a(a, b, x) * _score_b(a, b, x) + polygamma(1.0, a + b), (_beyond, _beyond)
)
betainc_by_bb = _by(
    "bb", lambda a, b, x: _score_b(a, b, x) * _score_b(a, b, x) + trigamma_gap(b, a), (_beyond, _beyond)
)
