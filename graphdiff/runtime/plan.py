"""A plan: one schedule at concrete sizes, with every byte placed - what a run does, known before the first one.

Must not know: how functions are called; it is a value that can be read and printed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ..ir.dims import evaluate
from ..schedule.instruction import ARENA, Buffer, Instruction
from ..schedule.memory import Lifetimes


class BufferRow(NamedTuple):
    """Arena storage that an instruction writes: where and how much."""

    label: str
    offset: int
    bytes: int


class Block(NamedTuple):
    """Storage in the arena over time: ``bytes`` at ``offset``, from instruction ``first`` to ``last``, both included.

    ``phase``: of the instruction that fills it first; ``serial``: of the node whose value it is, -1 for scratch."""

    label: str
    first: int
    last: int
    offset: int
    bytes: int
    phase: str
    serial: int


class Row(NamedTuple):
    """One instruction of a plan. ``phase``: forward, backward, recompute or update; ``writes``: arena storage."""

    index: int  # type: ignore[assignment]  # not tuple's
    phase: str
    name: str
    writes: tuple[BufferRow, ...]
    flops: int
    source: str


class Plan:
    """What a compiled function does at given sizes.

    ``arena_bytes``: every byte a run needs besides feeds, results, parameters and states, scratch included;
    ``lower_bound_bytes``: the most that is alive at once, which no placement can go below; ``scratch_bytes``: the part
    for registers and packing; ``instructions``: rows in the order they run; ``flops``: arithmetic of all that is not
    repeated (2mnk for a product); ``recompute_flops``: of what is. ``str(plan)`` is a table, ``summary()`` a paragraph.
    """

    def __init__(
        self, name: str, order: Sequence[Instruction], lifetimes: Lifetimes, env: Mapping[str, int],
        offsets: Sequence[int] | np.ndarray, arena_bytes: int, bound: int, scratch_bytes: int,
        limit: int | None = None, policy: str = "",
    ):  # fmt: skip
        self.name = name
        self.memory_limit = limit
        self._policy = policy
        self.sizes = dict(env)
        self.scratch_bytes = scratch_bytes
        self.arena_bytes = arena_bytes + scratch_bytes
        self.lower_bound_bytes = bound + scratch_bytes
        self._order = order
        self._lifetimes = lifetimes
        self._offsets = offsets
        self._rows: tuple[Row, ...] | None = None
        self.flops = sum(evaluate(i.flops, env) for i in order if not i.recompute)
        self.recompute_flops = sum(evaluate(i.flops, env) for i in order if i.recompute)

    @property
    def instructions(self) -> tuple[Row, ...]:
        if self._rows is None:
            self._rows = tuple(self._row(n, i) for n, i in enumerate(self._order))
        return self._rows

    def _row(self, n: int, i: Instruction) -> Row:
        writes = tuple(self._buffer(b) for b in i.writes if b.kind == ARENA)
        source = next((str(node.source) for node in i.nodes if node.source), "")
        phase = "recompute" if i.recompute else i.phase
        return Row(n, phase, i.name, writes, evaluate(i.flops, self.sizes), source)

    def _buffer(self, b: Buffer) -> BufferRow:
        u = self._lifetimes.unit[b]
        return BufferRow(b.label, int(self._offsets[u]), evaluate(b.count, self.sizes) * b.dtype.itemsize)

    def blocks(self) -> tuple[Block, ...]:
        """What lies in the arena, where and how long; buffers that share storage in place are one block."""
        sizes = self._lifetimes.sizes(self.sizes)
        out = []
        for u, b in enumerate(self._lifetimes.members):
            first = self._lifetimes.first[u]
            i = self._order[first]
            out.append(Block(b.label, first, self._lifetimes.last[u], int(self._offsets[u]), int(sizes[u]),
                             "recompute" if i.recompute else i.phase, b.node.serial if b.node else -1))  # fmt: skip
        return tuple(out)

    def timeline(self) -> np.ndarray:
        """Bytes alive during each instruction, int64: its greatest is the lower bound of the arena, scratch apart.

        Example: ``peak = f.plan.timeline().argmax()`` is the instruction that sets the memory."""
        change = np.zeros(len(self._order) + 1, np.int64)
        np.add.at(change, np.asarray(self._lifetimes.first, np.int64), sizes := self._lifetimes.sizes(self.sizes))
        np.subtract.at(change, np.asarray(self._lifetimes.last, np.int64) + 1, sizes)
        return np.cumsum(change[:-1])

    def summary(self) -> str:
        """Peak, bound, gap, and what is repeated, in words."""
        at = " at " + ", ".join(f"{k}={v}" for k, v in self.sizes.items()) if self.sizes else ""
        gap = 100 * (self.arena_bytes / self.lower_bound_bytes - 1) if self.lower_bound_bytes else 0.0
        text = (
            f"{self.name}{at}: {len(self.instructions)} instructions, {self.flops:,} flops; "
            f"arena {self.arena_bytes:,} bytes ({self.scratch_bytes:,} of them scratch), "
            f"{gap:.1f} % above the lower bound of {self.lower_bound_bytes:,}"
        )
        repeated = sum(i.recompute for i in self._order)
        if repeated:
            text += f"; {repeated} instructions repeated for {self.recompute_flops:,} flops"
        if self.memory_limit is not None:
            policy = f" ({self._policy})" if self._policy else ""
            text += f"; within the limit of {self.memory_limit:,} bytes{policy}"
        return text + "."

    def __str__(self) -> str:
        lines = [self.summary(), f"{'#':>5}  {'phase':<9}  {'offset':>12}  {'bytes':>12}  operation"]
        for row in self.instructions:
            at = f"  # {row.source}" if row.source else ""
            first = row.writes[0] if row.writes else None
            cells = (f"{first.offset:>12,}", f"{first.bytes:>12,}") if first else (f"{'-':>12}", f"{'-':>12}")
            lines.append(f"{row.index:>5}  {row.phase:<9}  {cells[0]}  {cells[1]}  {row.name}{at}")
            for extra in row.writes[1:]:
                lines.append(f"{'':>5}  {'':<9}  {extra.offset:>12,}  {extra.bytes:>12,}  + {extra.label}")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<Plan {self.summary()}>"
