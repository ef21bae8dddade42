"""How many threads the core's pool has. Results never depend on it.

At import: the processors this process may use, or GRAPHDIFF_NUM_THREADS.
"""

from __future__ import annotations

import os

from ..errors import GraphError
from . import _core

MOST = 1024


def set_num_threads(n: int) -> None:
    """Sets the size of the pool, from 1 to 1024; functions compiled later use that many threads unless they say less.

    Raises GraphError. Example: ``gd.set_num_threads(1)``."""
    if isinstance(n, bool) or not isinstance(n, int) or not 1 <= n <= MOST:
        raise GraphError(f"set_num_threads: a number from 1 to {MOST}, got {n!r}")
    _core.set_threads(n)


def get_num_threads() -> int:
    """The size of the pool.

    Example: ``print(gd.get_num_threads())``.
    """
    return _core.threads()


def _default() -> int:
    given = os.environ.get("GRAPHDIFF_NUM_THREADS", "")
    if given.isdigit() and 1 <= int(given) <= MOST:
        return int(given)
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(available, 64)


_core.set_threads(_default())
