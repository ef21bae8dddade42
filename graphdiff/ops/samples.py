"""Samples that declarations share: operands that tests draw for an operation.

Must not know: any operation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from ..ir.dims import Shape
from .registry import Sample

Samples = Callable[["np.random.Generator"], Iterable[Sample]]  # a text: NumPy imports its random numbers when asked


def on(low: float, high: float, n: int = 1, shapes: Sequence[Sequence[Shape]] | None = None) -> Samples:
    """Samples of ``n`` operands drawn uniformly from [low, high], over several shapes, broadcasting included."""

    def draw(rng: np.random.Generator) -> Iterable[Sample]:
        cases = shapes or _SHAPES[n]
        for case in cases:
            yield Sample(tuple(rng.uniform(low, high, s) for s in case))

    return draw


_SHAPES: dict[int, Sequence[Sequence[Shape]]] = {
    1: [((3, 4),), ((),), ((1,),), ((0, 3),), ((2, 1, 5),)],
    2: [((3, 4), (3, 4)), ((3, 4), (4,)), ((3, 1), (1, 4)), ((), (2, 3)), ((2, 3), ()), ((0, 3), (3,)), ((1,), (1,))],
    3: [((3, 4), (3, 4), (3, 4)), ((3, 1), (4,), ()), ((), (), ()), ((0, 2), (2,), ())],
}


def of_order(first: int, last: int, low: float, high: float) -> Samples:
    """Samples of an order, a number, and an operand drawn uniformly from [low, high]."""

    def draw(rng: np.random.Generator) -> Iterable[Sample]:
        for n in range(first, last + 1):
            for shape in ((3, 4), ()):
                yield Sample((float(n), rng.uniform(low, high, shape)))

    return draw


def integers(low: int, high: int, n: int = 1) -> Samples:
    def draw(rng: np.random.Generator) -> Iterable[Sample]:
        for case in _SHAPES[n]:
            yield Sample(tuple(rng.integers(low, high, s) for s in case))

    return draw


def booleans(n: int = 1) -> Samples:
    def draw(rng: np.random.Generator) -> Iterable[Sample]:
        for case in _SHAPES[n]:
            yield Sample(tuple(rng.integers(0, 2, s).astype(bool) for s in case))

    return draw
