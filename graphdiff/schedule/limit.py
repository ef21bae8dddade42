"""Under a byte limit: the schedule that fits at the least predicted time.

The candidates do not depend on the limit (candidates.py): of the order that keeps everything and, where loops' rows
are needed later, of those in which loops run again in segments of some lengths. The cheapest one whose arena as laid
out fits is taken, so a larger limit never costs more.
Must not know: operations; how offsets are found (it is handed ``lay_out``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ..errors import CompileError
from ..ir.node import user_source
from .candidates import Candidate, Candidates, LoopVariant, Schedule
from .cost import Costs

FIRST = 0.7  # of the seconds, for the first of several variants; the others share the rest


class Placed(NamedTuple):
    """A schedule with offsets: ``total`` bytes, of which ``arena_bytes`` are buffers and the rest is scratch."""

    offsets: np.ndarray
    arena_bytes: int
    bound: int
    total: int


class Chosen(NamedTuple):
    """``fits`` or the smallest found; ``variant``: the number of the order it is made of."""

    schedule: Schedule
    variant: int
    text: str
    placed: Placed
    fits: bool


LayOut = Callable[[Schedule, int, bool], Placed]  # of a variant's schedule; with more effort or less


class Choice:
    """The candidates of several variants to run one graph at given sizes, made once and remembered."""

    def __init__(
        self, variants: Sequence[LoopVariant], env: Mapping[str, int], inplace: bool, costs: Costs, seconds: float
    ):
        shares = [FIRST, *[(1 - FIRST) / (len(variants) - 1)] * (len(variants) - 1)] if len(variants) > 1 else [1.0]
        self.variants = [
            Candidates(variant, env, inplace, costs, share * seconds) for variant, share in zip(variants, shares)
        ]
        every = [(c, w) for w, made in enumerate(self.variants) for c in made.list]
        self.list: list[tuple[Candidate, int]] = sorted(every, key=lambda x: (x[0].seconds, x[0].bound))
        self.floors: dict[int, int] = {}  # what a candidate that was laid out cannot go below, by number
        self.totals: dict[int, int] = {}  # the bytes of those that were laid out with all effort

    def choose(self, limit: int, lay_out: LayOut) -> Chosen:
        """The cheapest candidate that fits in ``limit`` bytes as laid out, or the one that takes least."""
        for n, (c, _) in enumerate(self.list):
            if max(c.bound, self.floors.get(n, 0)) <= limit:
                found = self._placed(n, limit, lay_out)
                if found.fits:
                    return found
        known = dict(self.totals)  # other threads may add to it
        for n in sorted(range(len(self.list)), key=lambda n: self.list[n][0].bound):
            least = min(known.values(), default=-1)
            if known and max(self.list[n][0].bound, self.floors.get(n, 0)) >= least:
                if self.list[n][0].bound >= least:
                    break
            elif n not in known:
                known[n] = self._placed(n, least, lay_out).placed.total
        return self._placed(min(known, key=lambda n: (known[n], n)), -1, lay_out)

    def _placed(self, n: int, limit: int, lay_out: LayOut) -> Chosen:
        """A candidate laid out: with all effort where less does not reach the limit, which none may be (-1)."""
        c, w = self.list[n]
        made = self.variants[w].schedule(c)
        placed = lay_out(made, w, False)
        floor = placed.total - placed.arena_bytes + placed.bound
        if placed.total > limit and (limit < 0 or floor <= limit):
            if placed.total > floor:
                placed = lay_out(made, w, True)
            floor = self.totals[n] = placed.total
        self.floors[n] = floor
        how = self.variants[w].variant.text
        return Chosen(made, w, f"{how}; {c.text}" if how else c.text, placed, placed.total <= limit)


def limit_of(caller: str, memory_limit: object) -> int:
    """The ``memory_limit`` that a caller was given, in bytes. Raises CompileError where it is none."""
    limit = parse_bytes(memory_limit)
    if limit is None:
        source = user_source()
        raise CompileError(
            f'{caller}: memory_limit is a number of bytes or text such as "64MB", got {memory_limit!r}',
            source=str(source) if source else None,
        )
    return limit


def parse_bytes(limit: object) -> int | None:
    """A byte limit: an int, or text such as ``"64MB"`` (10^6) or ``"64MiB"`` (2^20). None where it is neither."""
    if isinstance(limit, (int, np.integer)) and not isinstance(limit, bool):
        return int(limit) if limit >= 0 else None
    if isinstance(limit, str):
        text = limit.strip().lower().replace(" ", "")
        units = {"kib": 2**10, "mib": 2**20, "gib": 2**30, "kb": 10**3, "mb": 10**6, "gb": 10**9, "b": 1, "": 1}
        for unit, factor in units.items():
            number = text.removesuffix(unit)
            if text.endswith(unit):
                try:
                    value = float(number) * factor
                except ValueError:
                    continue
                return int(value) if 0 <= value < 2**62 else None
    return None
