"""References of derivatives that are functions of their own here and nowhere else: centred differences.

Owns: what each is a difference of. They are looked up by name, as the references of other packages are. In float64 a
first one has some nine digits, a second one seven: for tests, never for results. Must not know: derivative rules.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .registry import REGISTRY

STEP = 2e-4
OF: dict[str, tuple[str, tuple[int, ...]]] = {
    "gamma_density": ("gammainc", (1,)),
    "gammainc_by_a": ("gammainc", (0,)),
    "gammainc_by_aa": ("gammainc", (0, 0)),
    "beta_density": ("betainc", (2,)),
    "betainc_by_a": ("betainc", (0,)),
    "betainc_by_b": ("betainc", (1,)),
    "betainc_by_aa": ("betainc", (0, 0)),
    "betainc_by_ab": ("betainc", (0, 1)),
    "betainc_by_bb": ("betainc", (1, 1)),
}
"""By operation: what it is the derivative of, and by which operands in turn."""


def __getattr__(name: str) -> Callable[..., Any]:
    if name not in OF:
        raise AttributeError(name)
    of, by = OF[name]

    def reference(*xs: Any) -> Any:
        wide = [np.asarray(x, np.float64) for x in xs]
        return np.asarray(_difference(of, by, wide)).astype(np.result_type(*xs))

    return reference


def _difference(of: str, by: tuple[int, ...], xs: list[np.ndarray]) -> Any:
    if not by:
        return REGISTRY[of].on_arrays(xs, {})
    up, down = ([x + s * STEP if i == by[0] else x for i, x in enumerate(xs)] for s in (1, -1))
    return (_difference(of, by[1:], up) - _difference(of, by[1:], down)) / (2 * STEP)
