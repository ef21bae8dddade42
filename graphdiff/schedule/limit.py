"""Under a byte limit: the schedule that fits at the least predicted time.

The candidates do not depend on the limit (candidates.py): of the order that keeps everything and, where loops' rows
are needed later, of those in which loops run again in segments of some lengths. Those annealed to more than the limit
are not made, but for what the smallest of the rest takes. The cheapest one whose arena as laid out fits is taken, so a
larger limit never costs more, and what was asked before changes nothing.
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


class _Entry:
    """A candidate of a variant. ``floor``: what it cannot go below as far as is known; ``total``: its bytes, once it
    was laid out with all effort."""

    def __init__(self, candidate: Candidate, variant: int):
        self.candidate, self.variant = candidate, variant
        self.floor = candidate.bound
        self.total: int | None = None


class Choice:
    """The candidates of several variants to run one graph at given sizes, made once and remembered."""

    def __init__(
        self,
        variants: Sequence[LoopVariant],
        env: Mapping[str, int],
        inplace: bool,
        costs: Costs,
        seconds: float,
        lay_out: LayOut,
    ):
        shares = [FIRST, *[(1 - FIRST) / (len(variants) - 1)] * (len(variants) - 1)] if len(variants) > 1 else [1.0]
        self.variants = [
            Candidates(variant, env, inplace, costs, share * seconds) for variant, share in zip(variants, shares)
        ]
        self.lay_out = lay_out
        self.list: list[_Entry] = []  # the cheapest first
        self._taken = [0] * len(variants)  # candidates of each that are listed
        self._list_new()
        smallest = min(self.list, key=lambda e: e.candidate.bound)
        self.smallest = self._placed(smallest, -1).placed.total  # before any is annealed

    def reach(self, limit: int) -> None:
        """Makes what a limit needs of candidates; one thread at a time."""
        for made in self.variants:
            made.anneal(max(limit, self.smallest))
        if sum(len(made.list) for made in self.variants) > len(self.list):
            self._list_new()

    def _list_new(self) -> None:
        new = [_Entry(c, w) for w, made in enumerate(self.variants) for c in made.list[self._taken[w] :]]
        taken = [len(made.list) for made in self.variants]
        listed = sorted([*self.list, *new], key=lambda e: (e.candidate.seconds, e.candidate.bound))
        self._taken, self.list = taken, listed  # both, or neither where a signal ends the search

    def choose(self, limit: int) -> Chosen:
        """The cheapest candidate that fits in ``limit`` bytes as laid out, or the one that takes least. ``reach`` was
        called for the limit."""
        reach = max(limit, self.smallest)
        entries = [e for e in self.list if e.candidate.target <= reach]
        for e in entries:
            if e.floor <= limit:
                found = self._placed(e, limit)
                if found.fits:
                    return found
        best, smallest = None, -1
        for e in entries:
            if e.total is not None and (best is None or e.total < smallest):
                best, smallest = e, e.total
        for e in sorted(entries, key=lambda e: e.candidate.bound):
            if e.total is None and (best is None or e.floor < smallest):
                total = self._placed(e, smallest).placed.total
                if best is None or total < smallest:
                    best, smallest = e, total
        assert best is not None
        return self._placed(best, -1)

    def _placed(self, e: _Entry, limit: int) -> Chosen:
        """A candidate laid out: with all effort where less does not reach the limit, which none may be (-1)."""
        c, w = e.candidate, e.variant
        made = self.variants[w].schedule(c)
        placed = self.lay_out(made, w, False)
        floor = placed.total - placed.arena_bytes + placed.bound
        if placed.total > limit and (limit < 0 or floor <= limit):
            if placed.total > floor:
                placed = self.lay_out(made, w, True)
            floor = e.total = placed.total
        e.floor = floor
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
