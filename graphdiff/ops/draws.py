"""The draws of distributions.py in NumPy and SciPy: references, named in declarations and imported when asked for."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special

from .distributions import (
    ATTEMPTS,
    BETA,
    CATEGORICAL,
    EXPONENTIAL,
    GAMMA,
    GUMBEL,
    LAPLACE,
    PERMUTATION,
    SPAN,
    TRUNCATED,
)
from .random import below_reference, unit_reference


def _open(key: Any, shape: Any, dtype: Any, stream: int) -> Any:
    u = unit_reference(key, shape, dtype, stream)
    return np.where(u == 0, u.dtype.type(2.0 ** (-25 if u.dtype == np.float32 else -54)), u)


def _dtype(dtype: Any, *values: Any) -> Any:
    found = [v.dtype for v in values if isinstance(v, (np.ndarray, np.generic))]
    return dtype or (np.result_type(*found) if found else "float32")


def exponential(key: Any, shape: Any, dtype: Any = "float32") -> Any:
    return -np.log1p(-unit_reference(key, shape, dtype, EXPONENTIAL))


def laplace(key: Any, shape: Any, dtype: Any = "float32") -> Any:
    u = unit_reference(key, (*shape, 2), dtype, LAPLACE)
    return np.where(u[..., 1] < 0.5, 1, -1).astype(dtype) * np.log1p(-u[..., 0])


def gumbel(key: Any, shape: Any, dtype: Any = "float32") -> Any:
    return -np.log(-np.log1p(-_open(key, shape, dtype, GUMBEL)))


def truncated_normal(key: Any, low: Any, high: Any, shape: Any, dtype: Any = None) -> Any:
    dtype = _dtype(dtype, low, high)
    low, high = (np.broadcast_to(np.asarray(v, float), shape) for v in (low, high))
    turned = low + high > 0
    below, above = special.ndtr(np.where(turned, -high, low)), special.ndtr(np.where(turned, -low, high))
    y = special.ndtri(below + _open(key, shape, "float64", TRUNCATED) * (above - below))
    return np.where(turned, -y, y).astype(dtype)


def _log_gamma(key: Any, a: Any, shape: Any, stream: int) -> Any:
    a = np.broadcast_to(np.asarray(a, float), shape)
    d = np.where(a < 1, a + 1, a) - 1 / 3
    c, y, found = 1 / (3 * np.sqrt(d)), np.zeros(shape), np.zeros(shape, bool)
    for attempt in below_reference(key, SPAN, (ATTEMPTS,), stream):
        u = unit_reference(attempt, (*shape, 3), "float64", stream)
        z = np.sqrt(-2 * np.log1p(-u[..., 0])) * np.cos(2 * np.pi * u[..., 1])
        inside = c * z > -1
        step = 3 * np.log1p(np.where(inside, c * z, 0))
        y = np.where(found, y, step)
        found = found | inside & (np.log1p(-u[..., 2]) < 0.5 * z * z + d * (1 - np.exp(step) + step))
    boost = np.log1p(-unit_reference(key, shape, "float64", stream + 1)) / a
    return np.log(d) + y + np.where(a < 1, boost, 0)


def gamma(key: Any, a: Any, shape: Any, dtype: Any = None) -> Any:
    return np.exp(_log_gamma(key, a, shape, GAMMA)).astype(_dtype(dtype, a))


def beta(key: Any, a: Any, b: Any, shape: Any, dtype: Any = None) -> Any:
    odds = _log_gamma(key, a, shape, BETA) - _log_gamma(key, b, shape, BETA + 2)
    return special.expit(odds).astype(_dtype(dtype, a, b))


def categorical(key: Any, logits: Any, shape: Any = ()) -> Any:
    joined = np.broadcast_shapes(logits.shape[:-1], shape)
    u = _open(key, (*joined, logits.shape[-1]), logits.dtype, CATEGORICAL)
    return np.argmax(logits - np.log(-np.log1p(-u)), axis=-1)


def permutation(key: Any, n: Any) -> Any:
    return np.argsort(below_reference(key, SPAN, (n,), PERMUTATION), kind="stable")
