"""Where the scratch of instructions lies: in the arena, between what is alive while they run, or behind it.

Invariant: scratch overlaps nothing that its instruction or a later one reads. Must not know: what instructions do.
"""

from __future__ import annotations

from .program import ALIGN, Item, Program


class Gaps:
    """What is free in a program's arena while each of its instructions runs."""

    def __init__(self, program: Program):
        first: dict[int, int] = {}
        last: dict[int, tuple[int, Item]] = {}
        for n, step in enumerate(program.steps):
            for x in step.operands:
                if x.kind == "arena" and x.bytes:
                    first.setdefault(id(x), n)
                    last[id(x)] = n, x
        self.end = max((x.place + x.bytes for _, x in last.values()), default=0)
        self.gaps: list[list[tuple[int, int | None]]] = []  # from, to; the last one is open
        for n in range(len(program.steps)):
            alive = sorted((x.place, x.place + x.bytes) for k, (end, x) in last.items() if first[k] <= n <= end)
            at, found = 0, []
            for low, high in alive:
                if low > at:
                    found.append((at, low))
                at = max(at, -(-high // ALIGN) * ALIGN)
            self.gaps.append([*found, (at, None)])

    def place(self, n: int, count: int) -> int:
        """Where so many bytes of instruction ``n`` lie: the first gap that has them."""
        return next(low for low, high in self.gaps[n] if high is None or high - low >= count)

    def room(self, n: int, limit: int) -> int:
        """The most bytes that instruction ``n`` finds below ``limit``."""
        return max((limit if high is None else min(high, limit)) - low for low, high in self.gaps[n])
