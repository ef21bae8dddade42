"""What the machine can do at most, measured in the run that it judges: products, copies, an empty call.

A step's floor is the time that its arithmetic takes at the rate of one large product, what it has to read and write
once (feeds, results, parameters, states) at the rate of a large copy, and a call that does nothing, one after another.
Every operation on an element counts as one, a logarithm too, so the floor of what is mostly such functions is low.
Must not know: the workloads.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np

PRODUCT = 1536  # rows of the square product: large enough for the best rate, 28 MB in float32
COPY = 1 << 26  # bytes copied by each thread: beyond any cache


class Rates(NamedTuple):
    """``flops``: of products, a second, by item size; ``bytes``: read and written by a copy, a second."""

    flops: dict[int, float]
    bytes: float


def _best(action: Any, seconds: float) -> float:
    """The least time of an action repeated for so long."""
    best, end = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        action()
        best = min(best, time.perf_counter() - start)
    return best


def measure(threads: int, seconds: float) -> Rates:
    """The rates of NumPy's products (on as many threads as its BLAS was started with) and of copies on ``threads``."""
    flops = {}
    for dtype in (np.float32, np.float64):
        a, out = np.full((PRODUCT, PRODUCT), 0.5, dtype), np.zeros((PRODUCT, PRODUCT), dtype)
        flops[a.itemsize] = 2 * PRODUCT**3 / _best(lambda a=a, out=out: np.matmul(a, a, out=out), seconds / 3)
    source, target = np.ones((threads, COPY), np.uint8), np.ones((threads, COPY), np.uint8)
    with ThreadPoolExecutor(threads) as pool:
        took = _best(lambda: list(pool.map(np.copyto, target, source)), seconds / 3)
    return Rates(flops, 2 * threads * COPY / took)


def floor_us(rates: Rates, flops: int, bytes_: int, itemsize: int, empty_us: float) -> float:
    """Microseconds that a step cannot go below by these rates."""
    return 1e6 * (flops / rates.flops[itemsize] + bytes_ / rates.bytes) + empty_us
