"""Random graphs by JAX: values, gradients and the Hessian times a vector, in float64.

Imported only where ``fuzz_graphs.py --jax`` is asked for: JAX is no dependency of the tests.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_platforms", "cpu")


def run(drawn: Any, feed: dict[int, Any], wanted: Sequence[int]) -> list[Any]:
    """The wanted slots, each step as it was drawn, over ``jax.numpy``; ``feed``: by slot, leaves and constants."""
    values = dict(feed)
    for s in drawn.steps:
        out = s.of(jax.numpy, *(values[i] for i in s.inputs))
        for i, y in zip(range(s.first, s.first + s.count), out if isinstance(out, list) else [out], strict=True):
            values[i] = y
    return [values[i] for i in wanted]


def derivatives(
    drawn: Any,
    feed: dict[int, np.ndarray],
    wanted: Sequence[int],
    weights: Sequence[np.ndarray],
    at: Sequence[int],
    towards: Sequence[np.ndarray],
) -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]]:
    """Values of the wanted slots, gradients of their weighted sum by the slots ``at``, and how these move along
    ``towards``."""

    def loss(xs: Any) -> Any:
        found = run(drawn, {**feed, **dict(zip(at, xs))}, wanted)
        return sum(jax.numpy.sum(y * w) for y, w in zip(found, weights)), found

    def gradient(xs: Any) -> Any:
        return jax.grad(lambda xs: loss(xs)[0])(xs)

    xs = [jax.numpy.asarray(feed[i]) for i in at]
    _, values = loss(xs)
    first, second = jax.jvp(gradient, (xs,), ([jax.numpy.asarray(t) for t in towards],))
    return [[np.asarray(v) for v in group] for group in (values, first, second)]  # type: ignore[return-value]
