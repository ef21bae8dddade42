"""Instructions as a rematerialisation problem on plain arrays, and schedules of it made into instructions again.

Only what runs before the first parameter is written takes part: nothing after it may run earlier or again. What comes
after a guard, which may be what makes it safe to run, stays after it. Where a buffer has several writers there is no
problem.
Must not know: limits that a user gave, offsets, operations.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ..ir.dims import evaluate
from ..lower.instruction import ARENA, Buffer, Instruction
from .checkpoint import first_write
from .memory import aligned
from .remat import Rematerialised, rematerialise

MOST = 5_000  # instructions: beyond, what a search can do with each of them brings nothing


class Problem(NamedTuple):
    """What ``rematerialise`` takes: node n is instruction n of an order, the last node all that comes after."""

    cost: list[float]
    size: list[int]
    inputs: list[list[int]]
    workspace: list[int]
    inplace: list[int]

    def solve(self, limit: int, seconds: float, start: Sequence[int] = ()) -> Rematerialised:
        return rematerialise(
            self.cost,
            self.size,
            self.inputs,
            range(len(self.cost)),
            limit,
            seconds,
            workspace=self.workspace,
            inplace=self.inplace,
            start=start,
        )

    def least(self) -> int:
        """The bytes of the largest node with its inputs: no schedule has a smaller peak."""
        out = 0
        for own, inputs, work, taken in zip(self.size, self.inputs, self.workspace, self.inplace):
            out = max(out, sum(self.size[i] for i in inputs) + work + (0 if taken >= 0 else own))
        return out


def problem(
    order: Sequence[Instruction], costs: Mapping[Instruction, float], env: Mapping[str, int], inplace: bool = True
) -> Problem | None:
    """The problem of an order; None where it has none, or is too small or large for it."""
    body = order[: first_write(order)]
    maker: dict[Buffer, int] = {}
    for n, i in enumerate(body):
        for b in i.writes:
            if maker.setdefault(b, n) != n:
                return None
    if not 2 < len(body) <= MOST:
        return None
    out = Problem([costs[i] for i in body], [], [], [], [])
    guarded: set[int] = set()  # the last guard: it makes nothing, and is read by all that follow
    for i in body:
        own = [b for b in i.writes if b.kind == ARENA and b not in i.workspace]
        out.size.append(sum(_bytes(b, env) for b in own))
        out.workspace.append(sum(_bytes(b, env) for b in i.workspace))
        out.inputs.append(sorted({maker[b] for b in i.reads if b in maker} | guarded))
        out.inplace.append(_taken(i, own, maker, out.size, env) if inplace else -1)
        if i.guard and not i.writes:
            guarded = {len(out.size) - 1}
    out.cost.append(0.0)
    out.size.append(0)
    out.workspace.append(0)
    out.inplace.append(-1)
    out.inputs.append(sorted({maker[b] for i in order[len(body) :] for b in i.reads if b in maker}))  # kept to the end
    return out


def _bytes(b: Buffer, env: Mapping[str, int]) -> int:
    return aligned(evaluate(b.count, env) * b.dtype.itemsize)


def _taken(
    i: Instruction, own: Sequence[Buffer], maker: Mapping[Buffer, int], size: Sequence[int], env: Mapping[str, int]
) -> int:
    """The node whose bytes the one result of ``i`` may take, -1 if there is none. Each of them makes one buffer."""
    if len(own) == 1:
        for r in i.inplace.get(i.writes.index(own[0]), ()):
            b = i.reads[r]
            if b in maker and b.kind == ARENA and _bytes(b, env) == size[maker[b]] == size[-1] > 0:
                return maker[b]
    return -1


def steps_of(order: Sequence[Instruction], schedule: Sequence[Instruction]) -> list[int]:
    """A schedule of the instructions of ``order``, repeats included, as nodes of its problem."""
    end = first_write(order)
    at = {i: n for n, i in enumerate(order[:end])}
    return [*(at[i.first] for i in schedule if i.first in at), end]


def replay(order: Sequence[Instruction], steps: np.ndarray) -> list[Instruction]:
    """The instructions of ``order`` as ``steps`` says, then the rest; each that runs again writes buffers of its own,
    which its readers from there on take, and results once more, with the same bits."""
    again: dict[Buffer, Buffer] = {}
    ran: set[int] = set()
    out: list[Instruction] = []
    end = first_write(order)
    for n in (*(n for n in steps.tolist() if n < end), *range(end, len(order))):
        i = order[n]
        if n in ran:
            for b in i.writes:
                if b.kind == ARENA:
                    again[b] = b.clone()
            i = i.again(again)
        elif any(b in again for b in i.reads):
            moved = i.again(again)
            moved.recompute, moved.writes = i.recompute, i.writes
            i = moved
        ran.add(n)
        out.append(i)
    return out
