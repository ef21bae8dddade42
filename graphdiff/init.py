"""Initialisers, ``gd.init``: each function makes a callable ``init(shape, dtype) -> ndarray`` for new parameters.

Invariants: what an initialiser returns depends on its arguments, the shape and nothing else, so the same initialiser
called twice with one shape gives the same array, and two layers of one shape need two seeds; numbers are drawn in
float64 and then rounded, so a float32 array is the rounded float64 one.
Must not know: graphs, operations.

Fans. A 2-d weight is used as ``x @ W`` and is (in, out); one of three or more dimensions is a convolution's,
(out, in, *kernel), OIHW for images, where both fans are multiplied by the size of the kernel.

    xavier  normal: std = sqrt(2 / (fan_in + fan_out))     uniform: ±sqrt(6 / (fan_in + fan_out))
    he      normal: std = sqrt(2 / fan_in)                 uniform: ±sqrt(6 / fan_in)
    lecun   normal: std = sqrt(1 / fan_in)                 uniform: ±sqrt(3 / fan_in)

Sources: Glorot and Bengio 2010; He et al. 2015; LeCun et al. 1998. Normal ones are not truncated, as in PyTorch.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import prod, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import DTypeError, GraphError, ShapeError
from .ir.defaults import default_float
from .ir.words import DTypeLike
from .ops.messages import where_am_i
from .ops.namespaces import presented
from .wording import one_line

__all__ = [
    "constant",
    "he_normal",
    "he_uniform",
    "lecun_normal",
    "lecun_uniform",
    "normal",
    "ones",
    "orthogonal",
    "uniform",
    "xavier_normal",
    "xavier_uniform",
    "zeros",
]

Draw = Callable[[tuple[int, ...], np.dtype], np.ndarray]
Numbers = Callable[
    ["np.random.Generator", tuple[int, ...]], np.ndarray
]  # a text: NumPy imports its random numbers late
Variance = Callable[[int, int], float]


class Initialiser:
    """What makes the first value of a parameter: ``init(shape, dtype)`` gives an array, of the default
    dtype unless given."""

    def __init__(self, text: str, draw: Draw):
        self._text, self._draw = text, draw

    def __call__(self, shape: tuple[int, ...], dtype: DTypeLike | None = None) -> np.ndarray:
        return self._draw(tuple(shape), default_float() if dtype is None else np.dtype(dtype))

    def __repr__(self) -> str:
        return self._text


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """(fan_in, fan_out) of a weight: (in, out) where it has two dimensions, (out, in, *kernel) where it has more.

    Raises ShapeError for fewer than two. Example: ``fans((8, 3, 5, 5)) == (75, 200)``.
    """
    if len(shape) < 2:
        raise ShapeError(
            f"init: shape {tuple(shape)} has no fans; weights have two dimensions or more", source=where_am_i()
        )
    if len(shape) == 2:
        return shape[0], shape[1]
    kernel = prod(shape[2:])
    return shape[1] * kernel, shape[0] * kernel


# What draws is a function of this module, with its numbers given: a layer that keeps its initialisers can be pickled.
def _floats(how: Numbers, seed: int, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    if dtype.kind != "f":
        raise DTypeError(f"init: random weights are floats, got {dtype.name}", source=where_am_i())
    return how(np.random.default_rng(seed), shape).astype(dtype)


def _drawn(text: str, seed: int, how: Numbers) -> Initialiser:
    """An initialiser of random floats; a fresh generator at each call makes it a function of the shape alone."""
    np.random.SeedSequence(seed)  # a seed that is none is told where it was written
    return Initialiser(
        f"{text}, seed={seed!r})" if "(" in text else f"{text}(seed={seed!r})", partial(_floats, how, seed)
    )


def _full(value: Any, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    return np.full(shape, value, dtype)


def _filled(text: str, value: Any) -> Initialiser:
    return Initialiser(text, partial(_full, value))


def zeros() -> Initialiser:
    """All zeros, any dtype. Example: ``gd.parameter("b", shape=(10,), init=gd.init.zeros())``."""
    return _filled("zeros()", 0)


def ones() -> Initialiser:
    """All ones, any dtype.

    Example: ``gd.parameter("g", shape=(10,), init=gd.init.ones())``.
    """
    return _filled("ones()", 1)


def constant(c: float) -> Initialiser:
    """``c`` everywhere, any dtype; an array broadcasts to the shape.

    Example: ``gd.parameter("b", shape=(10,), init=gd.init.constant(0.1))``.
    """
    return _filled(one_line(f"constant({c!r})"), c)


def normal(std: float, seed: int) -> Initialiser:
    """Normal numbers of mean 0 and deviation ``std``, floats. Raises GraphError for a negative one.

    Example: ``gd.parameter("E", shape=(100, 8), init=gd.init.normal(0.02, seed=0))``.
    """
    if not std >= 0:
        raise GraphError(f"init.normal: std is {std}, which is no deviation", source=where_am_i())
    return _drawn(f"normal(std={std!r}", seed, partial(_of_deviation, std))


def _of_deviation(std: float, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.standard_normal(shape) * std


def uniform(a: float, b: float, seed: int) -> Initialiser:
    """Uniform numbers of [a, b), floats. Raises GraphError unless a <= b.

    Example: ``gd.parameter("W", shape=(8, 8), init=gd.init.uniform(-0.1, 0.1, seed=0))``.
    """
    if not a <= b:
        raise GraphError(f"init.uniform: a = {a} is not below b = {b}", source=where_am_i())
    return _drawn(f"uniform(a={a!r}, b={b!r}", seed, partial(_between, a, b))


def _between(a: float, b: float, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.random(shape) * (b - a) + a


def _scaled_normal(variance: Variance, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.standard_normal(shape) * sqrt(variance(*fans(shape)))


def _scaled_uniform(variance: Variance, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    limit = sqrt(3 * variance(*fans(shape)))  # the variance of a uniform number on ±limit is limit**2 / 3
    return (2 * rng.random(shape) - 1) * limit


# Sizes of 0 have no elements to scale, and must not divide by zero.
def _xavier(fan_in: int, fan_out: int) -> float:
    return 2 / max(fan_in + fan_out, 1)


def _he(fan_in: int, _fan_out: int) -> float:
    return 2 / max(fan_in, 1)


def _lecun(fan_in: int, _fan_out: int) -> float:
    return 1 / max(fan_in, 1)


def xavier_normal(seed: int) -> Initialiser:
    """Normal, variance 2 / (fan_in + fan_out): keeps variances both ways through linear and tanh layers.

    Floats, two dimensions or more (ShapeError). Glorot and Bengio 2010.
    Example: ``W = gd.parameter("W", shape=(64, 10), init=gd.init.xavier_normal(seed=0))``.
    """
    return _drawn("xavier_normal", seed, partial(_scaled_normal, _xavier))


def xavier_uniform(seed: int) -> Initialiser:
    """Uniform on ±sqrt(6 / (fan_in + fan_out)); floats, two dimensions or more. Glorot and Bengio 2010.

    Example: ``gd.parameter("W", shape=(64, 10), init=gd.init.xavier_uniform(seed=0))``.
    """
    return _drawn("xavier_uniform", seed, partial(_scaled_uniform, _xavier))


def he_normal(seed: int) -> Initialiser:
    """Normal, variance 2 / fan_in: keeps variances through relu layers; not truncated.

    Floats, two dimensions or more (ShapeError). He et al. 2015.
    Example: ``W = gd.parameter("W", shape=(64, 10), init=gd.init.he_normal(seed=0))``.
    """
    return _drawn("he_normal", seed, partial(_scaled_normal, _he))


def he_uniform(seed: int) -> Initialiser:
    """Uniform on ±sqrt(6 / fan_in); floats, two dimensions or more. He et al. 2015.

    Example: ``gd.parameter("W", shape=(64, 10), init=gd.init.he_uniform(seed=0))``.
    """
    return _drawn("he_uniform", seed, partial(_scaled_uniform, _he))


def lecun_normal(seed: int) -> Initialiser:
    """Normal, variance 1 / fan_in; not truncated; floats, two dimensions or more. LeCun et al. 1998.

    Example: ``gd.parameter("W", shape=(64, 10), init=gd.init.lecun_normal(seed=0))``.
    """
    return _drawn("lecun_normal", seed, partial(_scaled_normal, _lecun))


def lecun_uniform(seed: int) -> Initialiser:
    """Uniform on ±sqrt(3 / fan_in); floats, two dimensions or more. LeCun et al. 1998.

    Example: ``gd.parameter("W", shape=(64, 10), init=gd.init.lecun_uniform(seed=0))``.
    """
    return _drawn("lecun_uniform", seed, partial(_scaled_uniform, _lecun))


def orthogonal(seed: int) -> Initialiser:
    """A matrix with orthonormal rows or columns, whichever are fewer, drawn uniformly among them.

    2-d weights are taken as they are, others as (out, the rest). The Q of a normal matrix, its columns' signs chosen
    so that R has a positive diagonal (Mezzadri 2007). Floats, two dimensions or more (ShapeError). Saxe et al. 2014.

    Example: ``gd.parameter("U", shape=(8, 8), init=gd.init.orthogonal(seed=0))``.
    """
    return _drawn("orthogonal", seed, _orthonormal)


def _orthonormal(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    fans(shape)
    rows, columns = shape[0], prod(shape[1:])
    q, r = np.linalg.qr(rng.standard_normal((max(rows, columns), min(rows, columns))))
    q *= np.where(np.diagonal(r) < 0, -1.0, 1.0)
    return (q if rows >= columns else q.T).reshape(shape)


if not TYPE_CHECKING:  # a checker knows the names by itself
    __getattr__, __dir__ = presented(globals(), __all__)
