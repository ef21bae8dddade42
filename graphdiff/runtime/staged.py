"""A call in stages, for who uses results while the rest is computed.

Owns: after which stage each result is there. Invariant: the bits are those of a call. Must not know: what is done with
results meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..ops.types import Fed
from . import _core
from .function import Function


class Staged:
    """A call of a function without updates, which runs as its results are asked for. Raises what a call does.

    ``into``: arrays that the first results are written into, of their dtypes and shapes, which share no memory with
    ``args`` and parameters; the others are new."""

    def __init__(self, f: Function, args: Sequence[Fed], into: Sequence[np.ndarray] = ()):
        self._call = _core.Staged(f, tuple(args), list(into))
        self.results: list[np.ndarray] = self._call.results

    def in_order(self, n: int) -> Iterator[int]:
        """The numbers of the first ``n`` results, each when it is there."""
        after = self._call.planned.template.written(len(self.results))
        for k in sorted(range(n), key=after.__getitem__):
            self._call.until(after[k])
            yield k

    def finish(self) -> Any:
        """Runs the rest; what a call returns."""
        return self._call.finish()


def order_of_results(f: Function, n: int) -> list[int]:
    """The first ``n`` results by when they are there, where no memory limit changes that."""
    after = f._compiled.template.written(len(f.graph.outputs))
    return sorted(range(n), key=after.__getitem__)
