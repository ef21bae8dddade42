"""Under a byte limit: which forward values to keep, so that the arena fits at the least predicted time.

A candidate says which buffers the forward pass keeps and which recomputed copies are held until their last use, or it
is an annealed schedule. The candidates do not depend on the limit: greedy paths that drop, step by step, what frees
most bytes at the peak for its cost, schedules annealed to fixed shares of the peak, and families of segments - of one
level, of two, and halved again and again. The cheapest one whose arena as laid out fits is taken, so a larger limit
never costs more. How many there are depends on the seconds allowed, which count instructions written and steps of the
search and not time: the same graph has the same candidates on every machine.
Must not know: operations; how offsets are found (it is handed ``lay_out``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ..ir.dims import evaluate
from .anneal import annealed, replay
from .checkpoint import forward_part, recompute, segments
from .cost import Costs
from .instruction import ARENA, Buffer, Instruction
from .memory import Lifetimes

GREEDY_STEPS = 60
WRITTEN_PER_SECOND = 60_000  # instructions of candidates, nominally
ANNEALED = 0.25  # of the seconds, on top
SHORT = 200  # forward instructions of which nothing need be kept: the repetitions are as many as their square


class Schedule(NamedTuple):
    """Instructions in order. ``peak_at``: the position at which most is alive, ``bound`` bytes of it."""

    order: list[Instruction]
    lifetimes: Lifetimes
    seconds: float
    bound: int
    peak_at: int


class Candidate(NamedTuple):
    """What makes a schedule (see ``recompute``; with ``steps`` see ``replay``), its predicted seconds and what no arena
    for it can go below."""

    kept: frozenset[Buffer]
    held: frozenset[Buffer] | None
    leaf: int | None
    steps: np.ndarray | None
    seconds: float
    bound: int
    text: str


class Laid(NamedTuple):
    """A schedule with offsets: ``total`` bytes, of which ``arena_bytes`` are buffers and the rest is scratch."""

    offsets: np.ndarray
    arena_bytes: int
    bound: int
    total: int


class Chosen(NamedTuple):
    """``fits`` or the smallest found."""

    schedule: Schedule
    text: str
    laid: Laid
    fits: bool


LayOut = Callable[[Schedule], Laid]


class Candidates:
    """The candidates for one order of instructions at given sizes, made once and remembered: not their schedules, which
    together are a hundred times as large and are made again for those that are tried."""

    def __init__(self, order: Sequence[Instruction], env: Mapping[str, int], pinned: set[Buffer] | None, inplace: bool,
                 costs: Costs, seconds: float):  # fmt: skip
        self.left = int(seconds * WRITTEN_PER_SECOND)
        self.annealing = ANNEALED * seconds
        self.order, self.env, self.inplace = list(order), env, inplace
        self.seconds = {i: costs.seconds(i, env) for i in order}
        self.maker = {b: i for i in forward_part(order) for b in i.writes if b.kind == ARENA}
        late = [i for i in order if i.phase != "forward"]
        saved = dict.fromkeys(b for i in late for b in i.reads if b in self.maker)
        # with a list of values to keep those stay kept, and the rest is free to go from the start
        self.pinned = pinned or set()
        self.saved = [b for b in saved if b not in self.pinned]
        self.list = sorted(self._all(), key=lambda c: (c.seconds, c.bound))
        self.totals: dict[int, int] = {}  # bytes of the candidates that were laid out, by number

    def _all(self) -> Iterator[Candidate]:
        n = len(forward_part(self.order))
        steps = max(4, min(GREEDY_STEPS, self.left // (3 * len(self.order) + 1)))
        yield from self._greedy(steps, None)
        yield from self._greedy(steps, 4)
        yield from self._annealed()
        for kept, held, leaf, text in self._families(n):
            if self.left <= 0:
                return
            yield self._candidate(kept | self.pinned, held, text, leaf)[0]

    def _families(self, n: int) -> Iterator[tuple[set[Buffer], set[Buffer] | None, int | None, str]]:
        """(kept, held, leaf, text) of segments of ``n`` forward instructions: every kind at a few sizes first."""
        sizes, k = [], 2
        while k <= n:
            sizes.append(k)
            k = max(k + 1, int(k * 1.4))
        for k in [*sizes[::3], *sizes[1::3], *sizes[2::3]]:
            yield segments(self.order, k), None, None, f"segments of {k}"
            if k > 3:
                inner = max(2, int(np.sqrt(k)))
                yield segments(self.order, k), segments(self.order, inner), None, f"segments of {k}, again of {inner}"
        for leaf in (4, 1, 16, 2, 8):
            for parts in (1, 3, 8, 2, 5):
                if 2 * leaf < n // parts:
                    kept = segments(self.order, -(-n // parts)) if parts > 1 else set()
                    yield kept, None, leaf, f"{parts} parts, halved down to {leaf}"
        if n <= SHORT:
            yield set(), set(), None, "nothing kept"

    def _candidate(self, kept: set[Buffer], held: set[Buffer] | None, text: str,
                   leaf: int | None = None) -> tuple[Candidate, Schedule]:  # fmt: skip
        made = self._schedule(recompute(self.order, kept, held, leaf))
        self.left -= len(made.order)
        return Candidate(frozenset(kept), None if held is None else frozenset(held), leaf, None, made.seconds,
                         made.bound, text), made  # fmt: skip

    def _annealed(self) -> Iterator[Candidate]:
        if self.pinned:  # it would not know what is to stay
            return
        for share, steps in annealed(self.order, self.seconds, self.env, self.annealing):
            order = replay(self.order, steps)
            if order is not None:
                made = self._schedule(order)
                yield Candidate(frozenset(), None, None, steps, made.seconds, made.bound,
                                f"annealed to {share:.0%} of what is alive at most")  # fmt: skip

    def _order(self, c: Candidate) -> list[Instruction]:
        if c.steps is None:
            return recompute(self.order, c.kept, c.held, c.leaf)
        order = replay(self.order, c.steps)
        assert order is not None, "it was replayed when it became a candidate"
        return order

    def _schedule(self, order: list[Instruction]) -> Schedule:
        lifetimes = Lifetimes(order, self.inplace)
        live = np.zeros(len(order) + 1, np.int64)
        sizes = lifetimes.sizes(self.env)
        np.add.at(live, np.asarray(lifetimes.first, np.int64), sizes)
        np.subtract.at(live, np.asarray(lifetimes.last, np.int64) + 1, sizes)
        live = np.cumsum(live)
        at = int(np.argmax(live))
        # what reads a copy is an instruction of its own, for the same work as the one that it stands for
        return Schedule(order, lifetimes, sum(self.seconds[i.first] for i in order), int(live[at]), at)

    def _greedy(self, steps: int, leaf: int | None) -> Iterator[Candidate]:
        kept = {*self.saved, *self.pinned}
        free = set(self.saved)
        candidate, made = self._candidate(kept, None, "everything kept")
        yield candidate
        for _ in range(steps):
            lives = made.lifetimes  # below in the order of saved, so that ties fall alike every time
            at_peak = [b for b in self.saved if b in free and b in lives.unit and
                       lives.first[lives.unit[b]] <= made.peak_at <= lives.last[lives.unit[b]]]  # fmt: skip
            if not at_peak:
                return
            worth = {b: evaluate(b.count, self.env) * b.dtype.itemsize / self._cost(b, kept) for b in at_peak}
            at_peak.sort(key=lambda b: -worth[b])
            for b in at_peak[: max(1, len(self.saved) // steps)]:
                kept.discard(b)
                free.discard(b)
            halved = "" if leaf is None else f", halved down to {leaf}"
            candidate, made = self._candidate(kept, None, f"{len(self.saved) - len(free)} values dropped{halved}", leaf)
            yield candidate

    def _cost(self, b: Buffer, kept: set[Buffer]) -> float:
        """Seconds to compute ``b`` again from what is kept."""
        total, seen, stack = 0.0, set(), [b]
        while stack:
            i = self.maker[stack.pop()]
            if i not in seen:
                seen.add(i)
                total += self.seconds[i]
                stack += [r for r in i.reads if r in self.maker and r not in kept]
        return total

    def choose(self, limit: int, lay_out: LayOut) -> Chosen:
        """The cheapest candidate that fits in ``limit`` bytes as laid out, or the one that takes least."""
        for n, c in enumerate(self.list):
            if max(c.bound, self.totals.get(n, 0)) <= limit:
                found = self._chosen(n, limit, lay_out)
                if found.fits:
                    return found
        known = dict(self.totals)  # other threads may add to it
        for n in sorted(range(len(self.list)), key=lambda n: self.list[n].bound):
            if known and self.list[n].bound >= min(known.values()):
                break
            if n not in known:
                known[n] = self._chosen(n, limit, lay_out).laid.total
        return self._chosen(min(known, key=lambda n: (known[n], n)), limit, lay_out)

    def _chosen(self, n: int, limit: int, lay_out: LayOut) -> Chosen:
        c = self.list[n]
        made = self._schedule(self._order(c))
        laid = lay_out(made)
        self.totals[n] = laid.total
        return Chosen(made, c.text, laid, laid.total <= limit)


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
