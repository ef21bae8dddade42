"""The instructions of loops: their operands, and what of them lies in memory.

With a ``segment`` length every loop that others read rows of keeps its carries at the start of each segment; a reader
runs it again, segment by segment, into storage for one segment's rows.
Must not know: the order of payload words; how other nodes are lowered; which values are rows and which are computed
again (loop_forms.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..ir.dims import Size, ceil_sqrt, floor_div, least, product
from ..ir.graph import Graph
from ..ir.node import Node, Value
from .encode import Inner, LoopCarry, LoopRow, LoopRun, LoopSum, Operand, loop_words
from .instruction import ARENA, Buffer, Instruction, KernelCall
from .loop_forms import Extra, Form, history_of, source_of
from .policy import Every

BOUNDED = 1 << 16  # steps up to which a loop that stops by itself has room for the states of all it might take


def row_bytes(v: Value) -> Size:
    """Bytes of one value."""
    return product(v.shape) * v.dtype.itemsize


def segment_length(policy: Any, length: Size) -> Size | None:
    """Steps of one segment of a loop of ``length`` by a checkpointing policy; None: all of them in one."""
    if isinstance(policy, Every):
        k: Size = policy.k
    elif policy == "sqrt":
        k = ceil_sqrt(length)
    else:
        return None
    if isinstance(length, int) and isinstance(k, int):
        return k if k < length else None
    return least(k, length + 1)  # at least 1


class Loops:
    """Makes the instructions of the loops of one graph, in topological order.

    ``whole(value)`` gives a value's storage, ``result(value)`` makes it; ``policy`` is the checkpointing policy.
    ``segment_starts``: the storage of carries at the starts of segments."""

    def __init__(
        self,
        forms: Mapping[Node, Form],
        policy: Any,
        whole: Callable[[Value], Buffer],
        result: Callable[[Value], Buffer],
        compile_inner: Callable[[Graph], Inner],
    ):
        self.forms, self.policy, self.whole, self.result = forms, policy, whole, result
        self.compile_inner = compile_inner
        self.programs: dict[Node, Inner] = {}
        self.stacks: dict[Extra, Buffer] = {}
        self.starts: dict[tuple[Node, int], tuple[Buffer, Size]] = {}  # a carry's storage, a row for so many steps
        self.segment_starts: set[Buffer] = set()
        readers = [f for f in forms.values() if self.segment(f) is not None]
        self.again = {n for f in readers for n in f.run_again}

    def segment(self, form: Form) -> Any:
        """Steps of a segment, None where it has but one."""
        p = form.parts
        stops = p.condition is not None or p.counted  # by itself, or as often as another that does
        endless = stops and isinstance(p.length, int) and p.length > BOUNDED
        return segment_length("sqrt" if endless and self.policy is None else self.policy, p.length)

    def instruction(self, node: Node, stored: set[Value], phase: str) -> Instruction:
        """One loop's. ``stored``: values that are read by others."""
        return _Build(self, self.forms[node], node, phase).loop(stored)


class _Build:
    """One instruction in the making. Reads are numbered first, then writes, then the rows of one segment, which are the
    last writes; so operands have no number until all are found."""

    def __init__(self, loops: Loops, form: Form, node: Node, phase: str):
        self.loops, self.form, self.node, self.phase = loops, form, node, phase
        self.reads: list[Buffer] = []
        self.writes: list[Buffer] = []
        self.segment_rows: list[Buffer] = []
        self.segment_operand: dict[Any, Operand] = {}  # by what the rows are: a history, a residual
        self.segment: Size = 0
        # what is read as rows by loops that are run again, with the bytes of one row, and what is read otherwise
        self.rows_read: dict[Buffer, Size] = {}
        self.read_otherwise: set[Buffer] = set()
        self.rows_written: list[tuple[int, Size]] = []  # results with a row for each step, and the bytes of one

    def read(self, buffer: Buffer, row: Size | None = None) -> Operand:
        """``row``: bytes of one row, where rows are read by a loop that is run again."""
        if row is None or self.rows_read.setdefault(buffer, row) != row:
            self.read_otherwise.add(buffer)
        if buffer not in self.reads:
            self.reads.append(buffer)
        return Operand("read", self.reads.index(buffer))

    def write(self, buffer: Buffer) -> Operand:
        self.writes.append(buffer)
        return Operand("write", len(self.writes) - 1)

    def number(self, item: Any) -> Any:
        """An item of the payload, an operand by its number."""
        if not isinstance(item, Operand):
            return item
        first = {"read": 0, "write": len(self.reads), "segment": len(self.reads) + len(self.writes)}
        return first[item.kind] + item.rank

    def loop(self, stored: set[Value]) -> Instruction:
        form, loops = self.form, self.loops
        p = form.parts
        again = [loops.forms[n] for n in form.run_again] if loops.segment(form) is not None else []
        if again:
            self.segment = loops.segment(form)
            self._make_segment_rows(again)
        count = self.read(loops.whole(p.count)) if p.count is not None else None
        steps = self.write(loops.result(p.steps)) if p.steps in stored else None
        repeated: Size = 0
        runs = []
        for f in again:
            runs.append(self._run_again(f))
            repeated = repeated + self._program(f).flops * p.length
        runs.append(self._run(stored))
        flops = self._program(form).flops
        condition = None
        if p.condition is not None:
            condition = loops.compile_inner(p.condition)
            flops = flops + condition.flops
        n = len(self.reads)
        writes = [*self.writes, *self.segment_rows]
        words = loop_words(p.length, count, steps, self.segment, runs, condition)
        call = KernelCall("loop", tuple(range(n)), tuple(range(n, n + len(writes))), [self.number(x) for x in words])
        return Instruction(
            [call],
            self.reads,
            writes,
            self.phase,
            [self.node],
            flops * p.length,
            self._inplace(),
            guard=True,
            workspace=self.segment_rows,
            repeated=repeated,
        )

    def _inplace(self) -> dict[int, list[int]]:
        """A result's rows may be where rows are that only loops that are run again read: with bytes as many."""
        free = {b: row for b, row in self.rows_read.items() if b not in self.read_otherwise}
        return {
            w: [n for n, b in enumerate(self.reads) if free.get(b) == row and b.dtype == self.writes[w].dtype]
            for w, row in self.rows_written
        }

    def _program(self, form: Form) -> Inner:
        node = form.parts.node
        if node not in self.loops.programs:
            self.loops.programs[node] = self.loops.compile_inner(form.body)
        return self.loops.programs[node]

    def _rows(self, form: Form) -> list[LoopRow]:
        """The rows that a body reads."""
        out = []
        for r, arg in zip(form.rows, form.row_arguments()):
            size = row_bytes(arg)
            if r in self.segment_operand:
                out.append(LoopRow(self.segment_operand[r], True, size))
            else:
                buffer = self.loops.stacks[r] if isinstance(r, Extra) else self.loops.whole(r)
                out.append(LoopRow(self.read(buffer, None if form is self.form else size), False, size))
        return out

    # ------------------------------------------------------------------ the loop itself
    def _run(self, stored: set[Value]) -> LoopRun:
        form, loops = self.form, self.loops
        p = form.parts
        carries = [self._carry(i, arg, stored) for i, arg in zip(form.carries, form.body.inputs)]
        rows = self._rows(form)
        captured = [self.read(loops.whole(v)) for v in form.captured]
        results = self._results(stored)
        sums = []
        for i, (target, _) in zip(form.sums, form.body.updates):
            start, final = self.read(loops.whole(p.carries[i])), p.finals[i]
            sums.append(LoopSum(start, self.write(loops.result(final)) if final in stored else None, row_bytes(target)))
        return LoopRun(carries, rows, captured, results, sums, p.reverse, self._program(form))

    def _carry(self, i: int, arg: Value, stored: set[Value]) -> LoopCarry:
        """A carry: where it starts, and the storage of its history - of every step, or of the starts of segments."""
        p, loops = self.form.parts, self.loops
        again = p.node in loops.again
        start, final, history = self.read(loops.whole(p.carries[i])), p.finals[i], p.history[i]
        every: Size = 1
        buffer = None
        if again and i not in self.form.whole:
            every = loops.segment(self.form)
            rows = floor_div(p.length + every - 1, every)
            buffer = Buffer(ARENA, arg.dtype, rows * product(arg.shape), label="loop carry", node=p.node)
            loops.segment_starts.add(buffer)
        elif again or history in stored:
            buffer = loops.result(history)
        to = None
        if buffer is not None:
            to = self.write(buffer)
            loops.starts[p.node, i] = buffer, every
        return LoopCarry(start, self.write(loops.result(final)) if final in stored else None, to, every, row_bytes(arg))

    def _results(self, stored: set[Value]) -> list[LoopRow]:
        """What has a row for each step: results that others read; residuals, unless the loop is run again for them."""
        form, loops = self.form, self.loops
        p = form.parts
        out = []
        values = form.results()
        for y, v in zip(p.ys, values):
            to = None
            if y in stored:
                self.rows_written.append((len(self.writes), row_bytes(v)))
                to = self.write(loops.result(y))
            out.append(LoopRow(to, False, row_bytes(v)))
        for j, v in enumerate(values[form.n_ys :]):
            to = None
            if p.node not in loops.again:
                buffer = Buffer(
                    ARENA, v.dtype, p.length * product(v.shape), label=v.name or v.node.op.name, node=v.node
                )
                loops.stacks[Extra(p.node, j)] = buffer
                to = self.write(buffer)
            out.append(LoopRow(to, False, row_bytes(v)))
        return out

    # ------------------------------------------------------------------ loops that are run again, by segments
    def _make_segment_rows(self, again: Sequence[Form]) -> None:
        """Storage for the rows of one segment that this loop, or one that is run again for it, reads."""
        for form in (*again, self.form):
            for r, arg in zip(form.rows, form.row_arguments()):
                source = source_of(r)
                if r in self.segment_operand or source not in self.form.run_again:
                    continue
                if isinstance(r, Value) and history_of(r) in self.loops.forms[source].whole:
                    continue
                size = self.segment * product(arg.shape)
                self.segment_operand[r] = Operand("segment", len(self.segment_rows))
                self.segment_rows.append(Buffer(ARENA, arg.dtype, size, label="loop segment", node=self.node))

    def _run_again(self, form: Form) -> LoopRun:
        """Another loop, from the carries at a segment's start; only the rows of the segment are written."""
        p = form.parts
        carries = []
        for i, arg in zip(form.carries, form.body.inputs):
            buffer, every = self.loops.starts[p.node, i]
            rows = self.segment_operand.get(p.history[i])
            carries.append(LoopCarry(self.read(buffer), None, rows, every, row_bytes(arg)))
        read = self._rows(form)
        captured = [self.read(self.loops.whole(v)) for v in form.captured]
        results = [
            LoopRow(self.segment_operand.get(Extra(p.node, j)), True, row_bytes(v))
            for j, v in enumerate(form.results(), -form.n_ys)
        ]
        sums = [LoopSum(None, None, row_bytes(target)) for target, _ in form.body.updates]
        return LoopRun(carries, read, captured, results, sums, p.reverse, self._program(form))
