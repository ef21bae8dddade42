"""Annealed schedules of instructions: what ``rematerialise`` finds on their costs, sizes and reads, and how it is run.

Only what runs before the first parameter is written takes part: nothing after it may run earlier or again. What comes
after a guard, which may be what makes it safe to run, stays after it. Where a buffer has several writers, or an
instruction that writes a result would run again, there is no such schedule.
Must not know: limits that a user gave, offsets, operations.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from ..ir.dims import evaluate
from .checkpoint import first_write
from .instruction import ARENA, Buffer, Instruction
from .memory import aligned
from .remat import rematerialise

SHARES = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)  # of the peak of the order given; fixed, so that no limit decides
MOST = 5_000  # instructions that are annealed: beyond, some steps for each bring nothing
SECONDS_EACH = 2e-4  # nominal, for each instruction and share: small graphs are done sooner


def annealed(
    order: Sequence[Instruction], costs: Mapping[Instruction, float], env: Mapping[str, int], seconds: float
) -> Iterator[tuple[float, np.ndarray]]:
    """(share, steps): positions in ``order`` in the order they run, repeats included, for each share of the peak at
    which a smaller one was found. ``seconds``: for all of them, nominal."""
    body = order[: first_write(order)]
    maker: dict[Buffer, int] = {}
    for n, i in enumerate(body):
        for b in i.writes:
            if maker.setdefault(b, n) != n:
                return
    if not 2 < len(body) <= MOST:
        return
    sizes, reads = [], []
    passed: set[int] = set()  # the last guard: it makes nothing, and is read by all that follow
    for n, i in enumerate(body):
        own = [b for b in i.writes if b.kind == ARENA]
        sizes.append(sum(aligned(evaluate(b.count, env) * b.dtype.itemsize) for b in own))
        reads.append(sorted({maker[b] for b in i.reads if b in maker} | passed))
        if i.guard and not i.writes:
            passed = {n}
    sizes.append(0)  # the rest, as one node: what it reads is kept to the end
    reads.append(sorted({maker[b] for i in order[len(body) :] for b in i.reads if b in maker}))
    cost = [*(costs[i] for i in body), 0.0]
    given = list(range(len(sizes)))
    peak = rematerialise(cost, sizes, reads, given, sum(sizes), 0).peak
    each = min(seconds / len(SHARES), SECONDS_EACH * len(body))
    for share in SHARES:
        limit = int(share * peak)
        found = rematerialise(cost, sizes, reads, given, limit, each)
        if found.peak < peak:
            yield share, np.array([n for n in found.schedule if n < len(body)], np.int32)


def replay(order: Sequence[Instruction], steps: np.ndarray) -> list[Instruction] | None:
    """The instructions of ``order`` as ``steps`` says, then the rest; each that runs again writes buffers of its own,
    which its readers from there on take. None where one would run again that writes elsewhere."""
    again: dict[Buffer, Buffer] = {}
    ran: set[int] = set()
    out: list[Instruction] = []
    for n in (*steps.tolist(), *range(first_write(order), len(order))):
        i = order[n]
        if n in ran:
            if not i.writes or any(b.kind != ARENA for b in i.writes):
                return None
            for b in i.writes:
                again[b] = b.clone()
            i = i.again(again)
        elif any(b in again for b in i.reads):
            moved = i.again(again)
            moved.recompute, moved.writes = i.recompute, i.writes
            i = moved
        ran.add(n)
        out.append(i)
    return out
