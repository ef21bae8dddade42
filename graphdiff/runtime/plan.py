"""A plan: one schedule at concrete sizes, with every byte placed - what a run does, known before the first one.

Must not know: how functions are called; it is a value that can be read and printed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..ir.dims import evaluate
from ..ir.node import Node
from ..late import given_later
from ..lower.instruction import ARENA, Buffer, Instruction
from ..ops.registry import Loop
from ..schedule.cost import Costs
from ..schedule.memory import Lifetimes
from ..spelling import Suggesting
from ..wording import count, ends, left_out, one_line, quoted, seconds_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHOWN = 4  # kept and recomputed values that a summary names


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
    """One instruction of a plan. ``phase``: forward, backward, recompute or update; ``writes``: arena storage;
    ``labels``: what people call values that it computes."""

    index: int  # type: ignore[assignment]  # not tuple's
    phase: str
    name: str
    writes: tuple[BufferRow, ...]
    flops: int
    source: str
    labels: tuple[str, ...] = ()

    @property
    def told(self) -> str:
        """The name with the labels: ``matmul+tanh "h"``."""
        return " ".join([self.name, *map(quoted, self.labels)])

    def __repr__(self) -> str:
        return one_line(
            f"<{self.phase} {self.told}: {self.flops:,} flops, {count(len(self.writes), 'buffer')} written>"
        )


class Decision(NamedTuple):
    """What became of a value of the forward pass that the backward pass needs: kept, or recomputed ``times`` times.

    ``seconds``: predicted, of one run of the instruction that computes it; ``why``: in words."""

    label: str
    bytes: int
    kept: bool
    times: int
    seconds: float
    why: str
    source: str


@given_later("graphdiff.inspect", "plot", "_repr_html_")
class Plan(Suggesting):
    """What a compiled function does at given sizes.

    ``arena_bytes``: every byte a run needs besides feeds, results, parameters and states, scratch included;
    ``lower_bound_bytes``: the most that is alive at once, which no placement can go below; ``scratch_bytes``: the part
    for registers and packing; ``instructions``: rows in the order they run; ``flops``: arithmetic of all that is not
    repeated (2mnk for a product); ``recompute_flops``: of what is. ``seconds`` and ``recompute_seconds``: predicted
    time of all and of what is repeated. ``str(plan)`` is a table, up to 1,000 instructions as a whole, ``text()`` all
    of it, ``summary()`` a few lines, ``decisions()`` what was
    kept and what not.
    """

    if TYPE_CHECKING:  # graphdiff.inspect gives the class these, which stands after it

        def plot(self, path: str | Path | None = None) -> Figure: ...

    def __init__(
        self,
        name: str,
        order: Sequence[Instruction],
        lifetimes: Lifetimes,
        env: Mapping[str, int],
        offsets: Sequence[int] | np.ndarray,
        arena_bytes: int,
        bound: int,
        scratch_bytes: int,
        costs: Costs,
        limit: int | None = None,
        policy: str = "",
        everything: Callable[[], Plan] | None = None,
    ):
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
        self._costs = costs
        self._everything = everything  # the plan that keeps all, where this one does not
        self._whole: Plan | None = None
        self._rows: tuple[Row, ...] | None = None
        self.flops = sum(evaluate(i.flops, env) for i in order if not i.recompute)
        self.recompute_flops = sum(evaluate(i.flops if i.recompute else i.repeated, env) for i in order)

    @property
    def seconds(self) -> float:
        """Predicted time of a call: what each instruction costs by the rates of the machine, or by a profile."""
        return sum(self._seconds(i) for i in self._order)

    @property
    def recompute_seconds(self) -> float:
        """The part of ``seconds`` for what is repeated: instructions, and loops that others run again."""
        again = [i for i in self._order if i.recompute or i.repeated != 0]
        return sum(self._seconds(i) * self._costs.repetition(i, self.sizes) for i in again)

    def _seconds(self, i: Instruction) -> float:
        return self._costs.seconds(i, self.sizes)

    @property
    def instructions(self) -> tuple[Row, ...]:
        if self._rows is None:
            self._rows = tuple(self._row(n, i) for n, i in enumerate(self._order))
        return self._rows

    def _row(self, n: int, i: Instruction) -> Row:
        writes = tuple(self._buffer(b) for b in i.writes if b.kind == ARENA)
        source = next((str(node.source) for node in i.nodes if node.source), "")
        phase = "recompute" if i.recompute else i.phase
        labels = tuple([v.name for node in i.nodes for v in node.outputs if node.labels and v.name])
        return Row(n, phase, i.name, writes, evaluate(i.flops, self.sizes), source, labels)

    def _buffer(self, b: Buffer) -> BufferRow:
        u = self._lifetimes.unit[b]
        return BufferRow(b.label, int(self._offsets[u]), self._bytes(b))

    def blocks(self) -> tuple[Block, ...]:
        """What lies in the arena, where and how long; buffers that share storage in place are one block."""
        sizes = self._lifetimes.sizes(self.sizes)
        out = []
        for u, b in enumerate(self._lifetimes.members):
            first = self._lifetimes.first[u]
            i = self._order[first]
            out.append(
                Block(
                    b.label,
                    first,
                    self._lifetimes.last[u],
                    int(self._offsets[u]),
                    int(sizes[u]),
                    "recompute" if i.recompute else i.phase,
                    b.node.serial if b.node else -1,
                )
            )
        return tuple(out)

    def timeline(self) -> np.ndarray:
        """Bytes alive during each instruction, int64: its greatest is the lower bound of the arena, scratch apart.

        Example: ``peak = f.plan.timeline().argmax()`` is the instruction that sets the memory."""
        change = np.zeros(len(self._order) + 1, np.int64)
        np.add.at(change, np.asarray(self._lifetimes.first, np.int64), sizes := self._lifetimes.sizes(self.sizes))
        np.subtract.at(change, np.asarray(self._lifetimes.last, np.int64) + 1, sizes)
        return np.cumsum(change[:-1])

    def everything(self) -> Plan:
        """The plan that keeps every value: this one, if it repeats nothing."""
        if self._everything is None:
            return self
        if self._whole is None:
            self._whole = self._everything()
        return self._whole

    def decisions(self) -> tuple[Decision, ...]:
        """Values of the forward pass that later ones need, in the order they are computed: kept or recomputed, and why.

        Example: ``[d.label for d in f.plan.decisions() if not d.kept]``."""
        whole = self.everything()
        peak = int(whole.timeline().argmax()) if whole._order else 0
        # where loops run in segments, all instructions are others than those that keep everything: told by their nodes
        own = set(whole._order)
        times: dict[Instruction | tuple[Node, ...], int] = {}
        stored: dict[tuple[Node, ...], set[int]] = {}  # bytes of what a loop leaves
        for i in self._order:
            key = i.first if i.first in own else i.nodes
            if i.recompute:
                times[key] = times.get(key, 0) + 1
            elif key is i.nodes and _is_loop(i):
                stored[key] = {self._bytes(b) for b in i.writes if b not in i.workspace}
        later = {b for i in whole._order if i.phase != "forward" for b in i.reads}
        rows = []
        for i in whole._order:
            n = times.get(i, 0) or times.get(i.nodes, 0)
            for b in i.writes:
                if b.kind == ARENA and i.phase == "forward" and b not in i.workspace and (b in later or n):
                    u = whole._lifetimes.unit[b]
                    often = n or int(i.nodes in stored and self._bytes(b) not in stored[i.nodes])
                    lives = whole._lifetimes.first[u] <= peak <= whole._lifetimes.last[u]
                    rows.append(self._decision(i, b, often, lives, b in later))
        return tuple(rows)

    def _bytes(self, b: Buffer) -> int:
        return evaluate(b.count, self.sizes) * b.dtype.itemsize

    def _decision(self, i: Instruction, b: Buffer, n: int, at_peak: bool, later: bool) -> Decision:
        size = self._bytes(b)
        seconds = self._seconds(i)
        source = next((str(node.source) for node in i.nodes if node.source), "")
        if n == 0:
            why = f"{seconds_text(seconds)} to compute again" if at_peak else "it is not there at the peak"
        elif at_peak:
            why = f"it frees {size:,} bytes at the peak"
        elif later:
            why = f"it frees {size:,} bytes while others are at their most"
        else:
            why = "what is recomputed is made of it"
        return Decision(b.label, size, n == 0, n, seconds, why, source)

    def summary(self) -> str:
        """Peak, bound, gap and predicted time; under a limit or checkpoints what was kept, what is repeated, and why.

        The dearest values of each kind are named; ``decisions()`` has all of them."""
        at = " at " + ", ".join(f"{k}={v}" for k, v in self.sizes.items()) if self.sizes else ""
        gap = 100 * (self.arena_bytes / self.lower_bound_bytes - 1) if self.lower_bound_bytes else 0.0
        seconds = self.seconds
        text = (
            f"{self.name}{at}: {count(len(self._order), 'instruction')}, {self.flops:,} flops, "
            f"predicted {seconds_text(seconds)}; "
            f"arena {self.arena_bytes:,} bytes ({self.scratch_bytes:,} of them scratch), "
            f"{gap:.1f} % above the lower bound of {self.lower_bound_bytes:,}"
        )
        if self._order:
            peak = self.instructions[int(self.timeline().argmax())]
            source = f", {peak.source}" if peak.source else ""
            text += f", which instruction {peak.index} sets ({peak.told}, {peak.phase}{source})"
        repeated = sum(i.recompute or evaluate(i.repeated, self.sizes) > 0 for i in self._order)
        if repeated:
            again = self.recompute_seconds
            more = 100 * again / (seconds - again) if seconds > again else 0.0
            text += (
                f"; {count(repeated, 'instruction')} repeated for {self.recompute_flops:,} flops, "
                f"predicted {seconds_text(again)} (+{more:.1f} %)"
            )
        if self.memory_limit is not None:
            policy = f" ({self._policy})" if self._policy else ""
            text += f"; within the limit of {self.memory_limit:,} bytes{policy}"
        return text + "." + (self._explained() if repeated else "")

    def _explained(self) -> str:
        """What was kept and recomputed: totals, and the dearest of each."""
        rows = self.decisions()
        lines = [f"keeping everything would take {self.everything().arena_bytes:,} bytes"]
        for kept, word in ((True, "kept"), (False, "recomputed")):
            mine = sorted((d for d in rows if d.kept is kept), key=lambda d: (-d.seconds * max(1, d.times), -d.bytes))
            lines.append(f"{word}: {count(len(mine), 'value')}, {sum(d.bytes for d in mine):,} bytes")
            for d in mine[:SHOWN]:
                often = "" if kept else f", {d.times} x {seconds_text(d.seconds)}"
                source = f"  # {d.source}" if d.source else ""
                lines.append(f"  {d.label}, {d.bytes:,} bytes{often}: {d.why}{source}")
            if len(mine) > SHOWN:
                lines.append(f"  and {len(mine) - SHOWN} more")
        return "".join(f"\n  {line}" for line in lines)

    def text(self) -> str:
        """The summary and a table of all instructions, however many."""
        return self._table(self.instructions)

    def __str__(self) -> str:
        rows = self.instructions
        note = f"... {len(left_out(len(rows))):,} of {len(rows):,} instructions are left out; text() has all of them"
        return self._table(ends(rows, note))

    def _table(self, rows: Sequence[Row | str]) -> str:
        lines = [self.summary(), f"{'#':>5}  {'phase':<9}  {'offset':>12}  {'bytes':>12}  operation"]
        for row in rows:
            if isinstance(row, str):
                lines.append(row)
                continue
            at = f"  # {row.source}" if row.source else ""
            first = row.writes[0] if row.writes else None
            cells = (f"{first.offset:>12,}", f"{first.bytes:>12,}") if first else (f"{'-':>12}", f"{'-':>12}")
            lines.append(f"{row.index:>5}  {row.phase:<9}  {cells[0]}  {cells[1]}  {row.told}{at}")
            for extra in row.writes[1:]:
                lines.append(f"{'':>5}  {'':<9}  {extra.offset:>12,}  {extra.bytes:>12,}  + {extra.label}")
        return "\n".join(lines)

    def __repr__(self) -> str:
        at = " at " + ", ".join(f"{k}={v}" for k, v in self.sizes.items()) if self.sizes else ""
        what = f"{count(len(self._order), 'instruction')}, arena {self.arena_bytes:,} bytes"
        return one_line(f"<Plan of {self.name}{at}: {what}, predicted {seconds_text(self.seconds)}>")


def _is_loop(i: Instruction) -> bool:
    return len(i.nodes) == 1 and type(i.nodes[0].op.kernel) is Loop
