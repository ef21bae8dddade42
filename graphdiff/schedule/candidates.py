"""What an order of instructions can become under a byte limit: the candidates of :mod:`limit`.

A candidate says which buffers the forward pass keeps and which recomputed copies are kept until their last use, or it
is a schedule of instructions step by step. There are greedy paths that drop, step by step, what frees most bytes at
the peak for its cost; families of segments - of one level, of two, and halved again and again; other orders; and
schedules annealed to fixed shares of the peak, from the smallest share up, each from the cheapest of those before.
None of them depends on a limit, but the annealed ones are made as far as somebody asks. How many there are depends on
the seconds allowed, which count instructions written and steps of the search and not time: the same graph has the same
candidates on every machine.
Must not know: limits; operations; offsets.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ..ir.dims import evaluate
from ..lower.instruction import ARENA, Buffer, Instruction
from .checkpoint import forward_part, recompute, segments
from .cost import Costs
from .memory import Lifetimes
from .orders import reordered
from .problem import Problem, problem, replay, steps_of

GREEDY_STEPS = 60
WRITTEN_PER_SECOND = 40_000  # instructions of candidates, nominally
ANNEALED = 0.75  # of the seconds, on top
ANNEALED_EACH = 1.5e-4, 4e-4  # seconds, nominal, for each instruction and share: at least for a fine ladder, at most
COARSE, FINE = (tuple(k / n for k in range(n // 7, n)) for n in (20, 50))  # shares of the peak: no limit decides them
MARGIN = 25  # a search may well end a 25th of the peak below what it was asked for
SHORT = 200  # forward instructions of which nothing need be kept: the repetitions are as many as their square


class LoopVariant(NamedTuple):
    """An order of instructions that keeps every value, in which loops run in one go or again in segments.

    ``pinned``: what the user's list of values keeps, None without one; ``starts``: the storage of loops' carries at the
    starts of segments; ``text``: how loops run, "" for in one go."""

    order: list[Instruction]
    pinned: set[Buffer] | None
    starts: set[Buffer]
    text: str


class Schedule(NamedTuple):
    """Instructions in order. ``peak_at``: the position at which most is alive, ``bound`` bytes of it."""

    order: list[Instruction]
    lifetimes: Lifetimes
    seconds: float
    bound: int
    peak_at: int


class Candidate(NamedTuple):
    """What makes a schedule (see ``recompute``; with ``steps`` see ``replay``), its predicted seconds and what no arena
    for it can go below. ``target``: what those that are annealed may be expected to take at least, 0 of others: a
    problem counts bytes that are shared, and searches often end below what they were asked for."""

    kept: frozenset[Buffer]
    copies_kept: frozenset[Buffer] | None
    base_size: int | None
    steps: np.ndarray | None
    seconds: float
    bound: int
    text: str
    target: int = 0


class Candidates:
    """Those of one variant at given sizes. ``list`` has them, the annealed ones as far as ``anneal`` was asked for;
    their schedules, which together are a hundred times as large, are made again by ``schedule``."""

    def __init__(self, variant: LoopVariant, env: Mapping[str, int], inplace: bool, costs: Costs, seconds: float):
        self.left = int(seconds * WRITTEN_PER_SECOND)
        self.annealing = ANNEALED * seconds
        self.variant, self.env, self.inplace = variant, env, inplace
        order = self.order = list(variant.order)
        self.seconds = {i: costs.seconds(i, env) for i in order}
        self.maker = {b: i for i in forward_part(order) for b in i.writes if b.kind == ARENA}
        backward = [i for i in order if i.phase != "forward"]
        read_later = dict.fromkeys(b for i in backward for b in i.reads if b in self.maker)
        # with a list of values to keep those stay kept, and the rest is free to go from the start
        self.pinned = variant.pinned or set()
        self.read_later = [b for b in read_later if b not in self.pinned]
        self.list = list(self._dropping())
        self.problem: Problem | None = None
        self.waiting: list[int] = []  # bytes to anneal to, rising
        if variant.pinned is None:  # these would not know what is to stay
            self._rearrange()

    def anneal(self, limit: int) -> None:
        """Makes those with a target of no more than ``limit`` bytes that are not there."""
        while self.problem is not None and self.waiting and self.waiting[0] - self.beyond <= limit:
            at = self.waiting.pop(0)
            made = self.problem.solve(at, self.each, self._start(at))
            if made.peak > at:  # there may be nothing so small: half of what is below this is left out
                self.waiting = [t for t in self.waiting if t >= (at + made.peak) // 2]
            if made.peak < self.given:
                text = f"annealed to {at / self.given:.0%} of what is alive at most"
                self.list.append(self._replayed(made.schedule, text, at - self.beyond))

    def schedule(self, c: Candidate) -> Schedule:
        """Its schedule."""
        if c.steps is None:
            return self._schedule(recompute(self.order, c.kept, c.copies_kept, c.base_size))
        return self._schedule(replay(self.order, c.steps))

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

    # ------------------------------------------------------------------ forward values dropped
    def _dropping(self) -> Iterator[Candidate]:
        n = len(forward_part(self.order))
        steps = max(4, min(GREEDY_STEPS, self.left // (3 * len(self.order) + 1)))
        yield from self._greedy(steps, None)
        yield from self._greedy(steps, 4)
        for kept, copies_kept, base_size, text in self._families(n):
            if self.left <= 0:
                return
            yield self._candidate(kept | self.pinned | self.variant.starts, copies_kept, text, base_size)[0]

    def _families(self, n: int) -> Iterator[tuple[set[Buffer], set[Buffer] | None, int | None, str]]:
        """(kept, copies_kept, base_size, text) of segments of ``n`` forward instructions: every kind at a few sizes
        first."""
        sizes, k = [], 2
        while k <= n:
            sizes.append(k)
            k = max(k + 1, int(k * 1.4))
        for k in [*sizes[::3], *sizes[1::3], *sizes[2::3]]:
            yield segments(self.order, k), None, None, f"segments of {k}"
            if k > 3:
                inner = max(2, int(np.sqrt(k)))
                yield segments(self.order, k), segments(self.order, inner), None, f"segments of {k}, again of {inner}"
        for base_size in (4, 1, 16, 2, 8):
            for parts in (1, 3, 8, 2, 5):
                if 2 * base_size < n // parts:
                    kept = segments(self.order, -(-n // parts)) if parts > 1 else set()
                    yield kept, None, base_size, f"{parts} parts, halved down to {base_size}"
        if n <= SHORT:
            yield set(), set(), None, "nothing kept"

    def _candidate(
        self, kept: set[Buffer], copies_kept: set[Buffer] | None, text: str, base_size: int | None = None
    ) -> tuple[Candidate, Schedule]:
        made = self._schedule(recompute(self.order, kept, copies_kept, base_size))
        self.left -= len(made.order)
        return Candidate(
            frozenset(kept),
            None if copies_kept is None else frozenset(copies_kept),
            base_size,
            None,
            made.seconds,
            made.bound,
            text,
        ), made

    def _greedy(self, steps: int, base_size: int | None) -> Iterator[Candidate]:
        kept = {*self.read_later, *self.pinned}
        free = set(self.read_later)
        candidate, made = self._candidate(kept, None, "everything kept")
        yield candidate
        for _ in range(steps):
            lives = made.lifetimes  # below in the order of read_later, so that ties fall alike every time
            at_peak = [
                b
                for b in self.read_later
                if b in free
                and b in lives.unit
                and lives.first[lives.unit[b]] <= made.peak_at <= lives.last[lives.unit[b]]
            ]
            if not at_peak:
                return
            worth = {b: evaluate(b.count, self.env) * b.dtype.itemsize / self._cost(b, kept) for b in at_peak}
            at_peak.sort(key=lambda b: -worth[b])
            for b in at_peak[: max(1, len(self.read_later) // steps)]:
                kept.discard(b)
                free.discard(b)
            halved = "" if base_size is None else f", halved down to {base_size}"
            text = f"{len(self.read_later) - len(free)} values dropped{halved}"
            candidate, made = self._candidate(kept, None, text, base_size)
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

    # ------------------------------------------------------------------ instructions moved and repeated
    def _rearrange(self) -> None:
        """Adds other orders, and finds what can be annealed."""
        p = problem(self.order, self.seconds, self.env, self.inplace)
        if p is None:
            return
        given = self.given = p.solve(sum(p.size) + sum(p.workspace), 0).peak
        for name, order in reordered(p.size, p.inputs):
            found = p.solve(0, 0, order)
            if found.peak < given:
                self.list.append(self._replayed(found.schedule, f"in another order: {name}"))
        least, most = (x * len(p.cost) for x in ANNEALED_EACH)
        shares = FINE if least * len(FINE) <= self.annealing else COARSE
        self.each = min(most, self.annealing / len(shares))
        self.problem, self.beyond = p, given - self.list[0].bound + given // MARGIN
        targets, least = [int(share * given) for share in shares], p.least()
        self.waiting = [t for t, above in zip(targets, [*targets[1:], given]) if above > least]

    def _replayed(self, steps: Sequence[int], text: str, target: int = 0) -> Candidate:
        array = np.array(steps, np.int32)
        made = self._schedule(replay(self.order, array))
        return Candidate(frozenset(), None, None, array, made.seconds, made.bound, text, target)

    def _start(self, limit: int) -> list[int]:
        """The cheapest candidate so far that needs no more than ``limit``, or the smallest: where a search begins."""
        within = [c for c in self.list if c.bound <= limit]
        best = min(within, key=lambda c: c.seconds) if within else min(self.list, key=lambda c: c.bound)
        return steps_of(self.order, self.schedule(best).order)
