"""Declarations of draws from further distributions, ``gd.random``, made of the two that random.py draws.

Each function has streams of its own, so one key may serve a call of each. Those whose distribution has parameters work
in float64 inside, whatever the result's dtype. Rejection has a bound: after 32 attempts, which one draw in 10^40 or
fewer needs, the last proposal stands. Must not know: how random bits are made.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..errors import ShapeError
from ..ir.dims import Shape, as_shape, as_size, broadcast, format_shape
from ..ir.dtypes import float32, float64, int64
from .comparison import equal, greater, less, less_equal, logical_and, logical_not, logical_or
from .control import while_loop
from .customize import Rules, followed
from .elementwise import astype, maximum, minimum, negative, sqrt, square, stop_gradient, where
from .functions import cos, exp, log, log1p
from .incomplete import gamma_density, gammainc, gammainc_by_a, gammaincc
from .movement import broadcast_to
from .opdef import composite
from .operands import operands
from .ordering import argsort
from .random import RANDOM_BELOW, as_key, fits, float_dtype, unit
from .registry import Sample, op
from .sigmoids import sigmoid
from .special import digamma, lgamma, log_ndtr, log_ndtr_slope, ndtri
from .tensor import Tensor, checked, fail, is_weak, make, scalar
from .types import DTypeLike, ShapeLike, SizeLike, TensorLike

# the last word of the counter, after those of random.py; gamma and beta take two for each gamma number
EXPONENTIAL, LAPLACE, GUMBEL, TRUNCATED, CATEGORICAL, PERMUTATION, GAMMA, BETA = 4, 5, 6, 7, 8, 9, 10, 12
ATTEMPTS = 32
SPAN = 2**62  # of the integers that keys of attempts and places in an order are


def _drawn(name: str, key: Any, shape: Any, dtype: Any) -> tuple[Tensor, Shape, np.dtype]:
    return as_key(name, key), checked(as_shape, name, shape), float_dtype(name, dtype)


def _below(key: Tensor, shape: Shape, stream: int) -> Tensor:
    return make(RANDOM_BELOW, (key, scalar(SPAN, int64)), {"shape": shape, "stream": stream})


def _open(key: Tensor, shape: Shape, dtype: np.dtype, stream: int) -> Tensor:
    """Uniform numbers of (0, 1): for 0 half of the next one."""
    u = unit(key, shape, dtype, stream)
    return where(equal(u, 0), 2.0**-25 if dtype is float32 else 2.0**-54, u)


def _parameters(name: str, dtype: Any, shape: Any, *values: Any) -> tuple[np.dtype, Shape, list[Tensor]]:
    """The result's dtype, which is that of the parameters unless told, its shape, and they in float64 of that shape."""
    if dtype is None and not all(map(is_weak, values)):
        dtype = operands(name, values, "float")[0].dtype
    dtype, shape = float_dtype(name, dtype), checked(as_shape, name, shape)
    given = [scalar(v, float64) if is_weak(v) and np.ndim(v) == 0 else v for v in values]
    found = [astype(x, float64) for x in operands(name, given, "float")]
    fits(name, found, shape)
    return dtype, shape, [x if x.shape == shape else broadcast_to(x, shape) for x in found]


_PLAIN = lambda rng: [  # noqa: E731
    Sample((np.int64(7), (3, 5))),
    Sample((np.int64(-1), ()), {"dtype": "float64"}),
    Sample((np.int64(0), (0, 3))),
]


# ------------------------------------------------------------------ by an inverse
@composite(namespace="random", reference="graphdiff.ops.draws.exponential", differentiable=False, samples=_PLAIN)
def exponential(key: TensorLike, shape: ShapeLike, dtype: DTypeLike | None = None) -> Tensor:
    """Exponential numbers of mean 1: -log(1 - u). Times a scale they have that mean, and its derivative.

    Dtypes: int64 for the key; the result has dtype
    Shapes: shape
    Edges: exponential(0, (0,)) = []; the same key gives the same numbers
    Raises: ShapeError, DTypeError
    Example: gd.random.exponential(0, (2,)).shape -> (2,)
    Source: inversion, Devroye 1986, Non-Uniform Random Variate Generation, II.2
    """
    key, shape, dtype = _drawn("exponential", key, shape, dtype)
    return -log1p(-unit(key, shape, dtype, EXPONENTIAL))


@composite(namespace="random", reference="graphdiff.ops.draws.laplace", differentiable=False, samples=_PLAIN)
def laplace(key: TensorLike, shape: ShapeLike, dtype: DTypeLike | None = None) -> Tensor:
    """Laplace numbers of mean 0 and scale 1: an exponential number with either sign. Scale and shift them for others.

    Dtypes: int64 for the key; the result has dtype
    Shapes: shape
    Edges: laplace(0, (0,)) = []; the same key gives the same numbers
    Raises: ShapeError, DTypeError
    Example: gd.random.laplace(0, (2,)).shape -> (2,)
    Source: Devroye 1986, Non-Uniform Random Variate Generation, IV.6
    """
    key, shape, dtype = _drawn("laplace", key, shape, dtype)
    u = unit(key, (*shape, 2), dtype, LAPLACE)
    size = log1p(-u[..., 0])
    return where(less(u[..., 1], 0.5), size, negative(size))


@composite(namespace="random", reference="graphdiff.ops.draws.gumbel", differentiable=False, samples=_PLAIN)
def gumbel(key: TensorLike, shape: ShapeLike, dtype: DTypeLike | None = None) -> Tensor:
    """Gumbel numbers of location 0 and scale 1: -log(-log(1 - u)), u not 0.

    Dtypes: int64 for the key; the result has dtype
    Shapes: shape
    Edges: gumbel(0, (0,)) = []; the same key gives the same numbers
    Raises: ShapeError, DTypeError
    Example: gd.random.gumbel(0, (2,)).shape -> (2,)
    Source: inversion, Devroye 1986, Non-Uniform Random Variate Generation, II.2
    """
    key, shape, dtype = _drawn("gumbel", key, shape, dtype)
    return -log(-log1p(-_open(key, shape, dtype, GUMBEL)))


def _of_log(p: Tensor) -> Tensor:
    """The normal quantile of exp(p): of what underflows by Newton's steps on log_ndtr from its leading terms."""
    far = less(p, -700.0)
    s = where(far, -2 * p, 1400.0)
    y = -sqrt(s - math.log(2 * math.pi) - log(s))
    for _ in range(3):
        y = y - (log_ndtr(y) + 0.5 * s) / log_ndtr_slope(y)
    return where(far, y, ndtri(exp(where(far, -1.0, p))))


@composite(
    namespace="random",
    reference="graphdiff.ops.draws.truncated_normal",
    smooth=False,
    samples=lambda rng: [
        Sample((np.int64(7), -1.0, 2.0, (3, 5))),
        Sample((np.int64(-1), 2.0, 3.0, ()), {"dtype": "float64"}),
        Sample((np.int64(2), rng.uniform(-2, 0, 3), rng.uniform(1, 2, (2, 1)), (2, 3))),
        Sample((np.int64(0), -1.0, 1.0, (0, 3))),
    ],
)
def truncated_normal(
    key: TensorLike, low: TensorLike, high: TensorLike, shape: ShapeLike, dtype: DTypeLike | None = None
) -> Tensor:
    """Standard normal numbers of [low, high], by the inverse of the distribution, in either tail too; NaN where low is
    above high.

    ``low``, ``high``: numbers or Tensors that broadcast to ``shape``, infinite ones too; differentiable.

    Arguments: ``key``: a 0-d integer Tensor or an int; ``low``, ``high``: the bounds; ``shape``: of the result;
    ``dtype``: float32 or float64, that of the bounds unless told
    Dtypes: int64 for the key; the result has dtype
    Shapes: shape
    Edges: truncated_normal(0, 1.5, 1.5, (2,)) = [1.5, 1.5]; the same key gives the same numbers
    Raises: ShapeError, DTypeError
    Example: gd.random.truncated_normal(0, -1.0, 1.0, (2,)).shape -> (2,)
    Source: inversion, Devroye 1986, Non-Uniform Random Variate Generation, II.2
    """
    dtype, shape, (low, high) = _parameters("truncated_normal", dtype, shape, low, high)
    u = _open(as_key("truncated_normal", key), shape, float64, TRUNCATED)
    turned = greater(low + high, 0)  # the lower tail has the digits
    below, above = where(turned, -high, low), where(turned, -low, high)
    most = log_ndtr(above)
    y = _of_log(most + log(u + (1 - u) * exp(log_ndtr(below) - most)))
    y = minimum(maximum(where(turned, -y, y), low), high)
    return astype(where(less_equal(low, high), y, math.nan), dtype)


# ------------------------------------------------------------------ gamma and beta
def _slope(a: Tensor, l: Tensor) -> Tensor:
    """dl/da of l = log x where the distribution function of shape a stays the same; of small x by its leading term."""
    near = less(l, -20.0)
    x = exp(where(near, 0, l))
    return where(near, (digamma(a + 1) - l) / a, -gammainc_by_a(a, x) / (gamma_density(a, x) * x))


def _follow(l: Tensor, at: tuple[Tensor], to: tuple[Tensor]) -> Tensor:
    """What l, of shape ``at``, is in shape ``to``, nearby: where the distribution function has the same value, by
    Newton's method, on the side that has the more digits."""
    (a0,), (a,) = at, to
    near = less(l, -20.0)
    x0 = exp(where(near, 0, l))
    below = less(gammainc(a0, x0), 0.5)
    y = where(near, 0, l)
    for _ in range(4):
        x = exp(y)
        off = where(below, gammainc(a, x) - gammainc(a0, x0), gammaincc(a0, x0) - gammaincc(a, x))
        y = y - off / (gamma_density(a, x) * x)
    return _gamma_drawn(where(near, (a0 * l - lgamma(a0 + 1) + lgamma(a + 1)) / a, y), a)


def _gamma_drawn(l: Tensor, a: Tensor) -> Tensor:
    """The logarithm of a gamma number as it was drawn, with its derivative by the shape."""
    return followed(l, (a,), _GAMMA_DRAWN)


_GAMMA_DRAWN = Rules(
    "gamma draw", vjp=lambda g, y, a: g * _slope(a, y), jvp=lambda ts, y, a: ts[0] * _slope(a, y), follow=_follow
)


def _log_gamma(key: Tensor, a: Tensor, stream: int) -> Tensor:
    """Logarithms of gamma numbers of shapes a, float64, differentiable by a."""
    fixed = stop_gradient(a)
    raised = less(fixed, 1.0)  # a number of shape a + 1 times u^(1 / a)
    d = where(raised, fixed + 1, fixed) - 1 / 3
    c = 1 / (3 * sqrt(d))
    keys = _below(key, (ATTEMPTS,), stream)

    def attempt(carry: Any) -> Any:
        i, found, y = carry
        u = unit(keys[i], (*a.shape, 3), float64, stream)
        z = sqrt(-2 * log1p(-u[..., 0])) * cos((2 * math.pi) * u[..., 1])
        inside = greater(c * z, -1.0)
        l = 3 * log1p(where(inside, c * z, 0))
        taken = logical_and(inside, less(log1p(-u[..., 2]), 0.5 * square(z) + d * (1 - exp(l) + l)))
        return i + 1, logical_or(found, taken), where(found, y, l)

    start = (scalar(0, int64), logical_not(greater(fixed, 0)), d * 0)  # what is no shape is found
    _, _, l = while_loop(lambda carry: op("any")(logical_not(carry[1])), attempt, start, ATTEMPTS)
    boost = log1p(-unit(key, a.shape, float64, stream + 1)) / fixed
    l = log(d) + l + where(raised, boost, 0)
    return where(greater(fixed, 0), _gamma_drawn(l, a), math.nan)


@composite(
    namespace="random",
    reference="graphdiff.ops.draws.gamma",
    differentiable=False,
    smooth=False,
    samples=lambda rng: [
        Sample((np.int64(7), 2.5, (3, 5))),
        Sample((np.int64(-1), 0.3, ()), {"dtype": "float64"}),
        Sample((np.int64(2), rng.uniform(0.2, 9, 3), (2, 3))),
        Sample((np.int64(0), 1.0, (0, 3))),
    ],
)
def gamma(key: TensorLike, a: TensorLike, shape: ShapeLike, dtype: DTypeLike | None = None) -> Tensor:
    """Gamma numbers of shape ``a`` and scale 1, by rejection; NaN where a is not above 0.

    ``a``: a number or a Tensor that broadcasts to ``shape``. Its derivative is the implicit one, -dP/da / p of the
    distribution function P and the density p, of any order; differences of draws, whose attempts differ, are not near
    it, but those of means are.

    Arguments: ``key``: a 0-d integer Tensor or an int; ``a``: shapes; ``shape``: of the result; ``dtype``: float32 or
    float64, that of a unless told
    Dtypes: int64 for the key; the result has dtype
    Shapes: shape
    Edges: gamma(0, -1.0, (1,)) = [nan]; the same key gives the same numbers
    Derivative: by a, implicit
    Raises: ShapeError, DTypeError
    Example: gd.random.gamma(0, 2.0, (2,)).shape -> (2,)
    Source: Marsaglia and Tsang 2000, ACM TOMS 26; derivative: Figurnov et al. 2018, arXiv:1805.08498
    """
    dtype, shape, (a,) = _parameters("gamma", dtype, shape, a)
    return astype(exp(_log_gamma(as_key("gamma", key), a, GAMMA)), dtype)


@composite(
    namespace="random",
    reference="graphdiff.ops.draws.beta",
    differentiable=False,
    smooth=False,
    samples=lambda rng: [
        Sample((np.int64(7), 2.5, 0.5, (3, 5))),
        Sample((np.int64(-1), 0.3, 4.0, ()), {"dtype": "float64"}),
        Sample((np.int64(2), rng.uniform(0.2, 9, 3), rng.uniform(0.2, 9, (2, 1)), (2, 3))),
        Sample((np.int64(0), 1.0, 1.0, (0, 3))),
    ],
)
def beta(key: TensorLike, a: TensorLike, b: TensorLike, shape: ShapeLike, dtype: DTypeLike | None = None) -> Tensor:
    """Beta numbers of shapes ``a`` and ``b``: the share that one gamma number has in two, by their logarithms, so that
    small shapes give no 0 / 0; NaN where a shape is not above 0. Derivatives by a and b are those of gamma's.

    Arguments: ``key``: a 0-d integer Tensor or an int; ``a``, ``b``: shapes, which broadcast to ``shape``; ``shape``:
    of the result; ``dtype``: float32 or float64, that of the shapes unless told
    Dtypes: int64 for the key; the result has dtype
    Shapes: shape
    Edges: beta(0, -1.0, 1.0, (1,)) = [nan]; the same key gives the same numbers
    Derivative: by a and b, implicit
    Raises: ShapeError, DTypeError
    Example: gd.random.beta(0, 2.0, 3.0, (2,)).shape -> (2,)
    Source: Devroye 1986, Non-Uniform Random Variate Generation, IX.3; gamma numbers as gd.random.gamma
    """
    dtype, shape, (a, b) = _parameters("beta", dtype, shape, a, b)
    key = as_key("beta", key)
    return astype(sigmoid(_log_gamma(key, a, BETA) - _log_gamma(key, b, BETA + 2)), dtype)


# ------------------------------------------------------------------ of classes
@composite(
    namespace="random",
    reference="graphdiff.ops.draws.categorical",
    differentiable=False,
    samples=lambda rng: [
        Sample((np.int64(7), rng.uniform(-1, 1, 4))),
        Sample((np.int64(-1), rng.uniform(-1, 1, (3, 4)))),
        Sample((np.int64(2), rng.uniform(-1, 1, 5), (2, 3))),
        Sample((np.int64(3), rng.uniform(-1, 1, (3, 2)), (4, 3))),
    ],
)
def categorical(key: TensorLike, logits: TensorLike, shape: ShapeLike = ()) -> Tensor:
    """Classes, int64, with the probabilities softmax(logits) over the last axis: the largest of logits and noise.

    Dtypes: float
    Shapes: (..., n) -> what the leading dimensions and shape broadcast to
    Edges: categorical(0, [0.0, -inf]) = 0; the same key gives the same classes
    Raises: ShapeError, DTypeError
    Example: gd.random.categorical(0, [-99.0, 9.0], (2,)) -> [1, 1]
    Source: Gumbel 1954; Maddison et al. 2014, arXiv:1411.0030
    """
    (x,) = operands("categorical", (logits,), "float")
    key, shape = as_key("categorical", key), checked(as_shape, "categorical", shape)
    if x.ndim == 0:
        fail(ShapeError, "categorical", "logits have no axis of classes", [key, x])
    joined = broadcast(x.shape[:-1], shape)
    if joined is None:
        given, wanted = format_shape(x.shape[:-1]), format_shape(shape)
        fail(ShapeError, "categorical", f"logits of {given} classes do not broadcast to {wanted}", [key, x])
    noise = -log(-log1p(-_open(key, (*joined, x.shape[-1]), x.dtype, CATEGORICAL)))
    return op("argmax")(x + noise, axis=-1)


@composite(
    namespace="random",
    reference="graphdiff.ops.draws.permutation",
    differentiable=False,
    samples=lambda rng: [Sample((np.int64(7), 9)), Sample((np.int64(-1), 1)), Sample((np.int64(0), 0))],
)
def permutation(key: TensorLike, n: SizeLike) -> Tensor:
    """The numbers 0 to n - 1 in random order, int64: the order of n integers below 2^62, of which two are the same once
    in 2^63 / n^2 calls.

    Dtypes: int64 for the key; the result is int64
    Shapes: (n,)
    Edges: permutation(0, 0) = []; permutation(0, 1) = [0]; the same key gives the same order
    Raises: ShapeError, DTypeError
    Example: gd.random.permutation(0, 1) -> [0]
    Source: Knuth, The Art of Computer Programming, vol. 2, 3.4.2
    """
    return argsort(_below(as_key("permutation", key), (checked(as_size, "permutation", n),), PERMUTATION))
