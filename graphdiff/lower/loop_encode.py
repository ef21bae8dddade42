"""The instructions of loops: their operands, what lies in memory, and the words that csrc/kernels/control.c reads.

With a ``segment`` length every loop that others read rows of keeps its carries at the start of each segment; a reader
runs it again, segment by segment, into storage for one segment's rows.
Must not know: how other nodes are lowered; which values are rows and which are computed again (loops.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from ..ir.dims import Size, ceil_sqrt, floor_div, least, product
from ..ir.graph import Graph
from ..ir.node import Node, Value
from .instruction import ARENA, Buffer, Instruction, Step
from .loop_forms import Extra, Form, history_of, source_of
from .policy import Every


class Inner(Protocol):
    """An inner graph made into a program of its own: an item of a payload, with its cost."""

    flops: Size


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
    ``kept``: the storage of carries at the starts of segments."""

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
        self.kept: set[Buffer] = set()
        readers = [f for f in forms.values() if self.segment(f) is not None]
        self.again = {n for f in readers for n in f.run_again}

    def segment(self, form: Form) -> Any:
        """Steps of a segment, None where it has but one."""
        return segment_length(self.policy, form.parts.length)

    def instruction(self, node: Node, stored: set[Value], phase: str) -> Instruction:
        """One loop's. ``stored``: values that are read by others."""
        return _Build(self, self.forms[node], node, phase).loop(stored)


class _Build:
    """One instruction in the making: operands are numbered reads first, so writes are shifted at the end."""

    def __init__(self, loops: Loops, form: Form, node: Node, phase: str):
        self.loops, self.form, self.node, self.phase = loops, form, node, phase
        self.reads: list[Buffer] = []
        self.writes: list[Buffer] = []
        self.rooms: list[Buffer] = []  # for the rows of one segment: the last writes
        self.room: dict[Any, Any] = {}
        self.segment: Size = 0
        self.before: dict[Buffer, Size] = {}  # what is read only as rows for the loops that are run again: bytes of one
        self.otherwise: set[Buffer] = set()
        self.results: list[tuple[int, Size]] = []  # writes with a row for each step, and bytes of one

    # Operands are ("read" | "write" | "room", number) until their numbers are known.
    def read(self, buffer: Buffer, before: Size | None = None) -> tuple[str, int]:
        if before is None or self.before.setdefault(buffer, before) != before:
            self.otherwise.add(buffer)
        if buffer not in self.reads:
            self.reads.append(buffer)
        return ("read", self.reads.index(buffer))

    def write(self, buffer: Buffer) -> tuple[str, int]:
        self.writes.append(buffer)
        return ("write", len(self.writes) - 1)

    def number(self, item: Any) -> Any:
        if not isinstance(item, tuple):
            return item
        kind, n = item
        return n + {"read": 0, "write": len(self.reads), "room": len(self.reads) + len(self.writes)}[kind]

    def loop(self, stored: set[Value]) -> Instruction:
        form, loops = self.form, self.loops
        p = form.parts
        again = [loops.forms[n] for n in form.run_again] if loops.segment(form) is not None else []
        if again:
            self.segment = loops.segment(form)
            self._make_room(again)
        payload: list[Any] = [
            p.length,
            self.read(loops.whole(p.count)) if p.count is not None else -1,
            self.write(loops.result(p.steps)) if p.steps in stored else -1,
            self.segment,
            len(again),
        ]
        repeated: Size = 0
        for f in again:
            payload += self._again(f)
            repeated = repeated + self._program(f).flops * p.length
        payload += self._stage(form, stored)
        flops = self._program(form).flops
        if p.condition is None:
            payload += [0, 0]
        else:
            condition = loops.compile_inner(p.condition)
            payload.append(condition)
            flops = flops + condition.flops
        n = len(self.reads)
        writes = [*self.writes, *self.rooms]
        step = Step("loop", tuple(range(n)), tuple(range(n, n + len(writes))), [self.number(x) for x in payload])
        free = {b: row for b, row in self.before.items() if b not in self.otherwise}
        inplace = {
            w: [n for n, b in enumerate(self.reads) if free.get(b) == row and b.dtype == self.writes[w].dtype]
            for w, row in self.results
        }
        return Instruction(
            [step],
            self.reads,
            writes,
            self.phase,
            [self.node],
            flops * p.length,
            inplace,
            guard=True,
            workspace=self.rooms,
            repeated=repeated,
        )

    def _program(self, form: Form) -> Any:
        node = form.parts.node
        if node not in self.loops.programs:
            self.loops.programs[node] = self.loops.compile_inner(form.body)
        return self.loops.programs[node]

    def _counts(self, form: Form) -> list[Any]:
        return [
            len(form.carries),
            len(form.rows),
            len(form.captured),
            form.n_ys + len(form.extra),
            len(form.sums),
            int(form.parts.reverse),
        ]

    def _rows(self, form: Form) -> list[Any]:
        """[operand, whether its rows are those of a segment, bytes of one] of each row that a body reads."""
        out: list[Any] = []
        for r, arg in zip(form.rows, form.body.inputs[len(form.carries) :]):
            if r in self.room:
                out += [self.room[r], 1, row_bytes(arg)]
            else:
                buffer = self.loops.stacks[r] if isinstance(r, Extra) else self.loops.whole(r)
                out += [self.read(buffer, None if form is self.form else row_bytes(arg)), 0, row_bytes(arg)]
        return out

    def _stage(self, form: Form, stored: set[Value]) -> list[Any]:
        """The loop itself."""
        p, loops = form.parts, self.loops
        again = p.node in loops.again
        out = self._counts(form)
        for i, arg in zip(form.carries, form.body.inputs):
            start, final, history = self.read(loops.whole(p.carries[i])), p.finals[i], p.history[i]
            to: Any = -1
            every: Any = 1
            buffer = None
            if again and i not in form.whole:
                every = loops.segment(form)
                rows = floor_div(p.length + every - 1, every)
                buffer = Buffer(ARENA, arg.dtype, rows * product(arg.shape), label="loop carry", node=p.node)
                loops.kept.add(buffer)
            elif again or history in stored:
                buffer = loops.result(history)
            if buffer is not None:
                to = self.write(buffer)
                loops.starts[p.node, i] = buffer, every
            out += [start, self.write(loops.result(final)) if final in stored else -1, to, every, row_bytes(arg)]
        out += self._rows(form)
        out += [self.read(loops.whole(v)) for v in form.captured]
        results = form.body.outputs[len(form.carries) :]
        for y, v in zip(p.ys, results):
            if y in stored:
                self.results.append((len(self.writes), row_bytes(v)))
            out += [self.write(loops.result(y)) if y in stored else -1, 0, row_bytes(v)]
        for j, v in enumerate(results[form.n_ys :]):
            to = -1
            if not again:
                buffer = Buffer(ARENA, v.dtype, p.length * product(v.shape), label=v.node.op.name, node=v.node)
                loops.stacks[Extra(p.node, j)] = buffer
                to = self.write(buffer)
            out += [to, 0, row_bytes(v)]
        for i, (target, _) in zip(form.sums, form.body.updates):
            start, final = self.read(loops.whole(p.carries[i])), p.finals[i]
            out += [start, self.write(loops.result(final)) if final in stored else -1, row_bytes(target)]
        return [*out, self._program(form)]

    # ------------------------------------------------------------------ loops that are run again, by segments
    def _make_room(self, again: Sequence[Form]) -> None:
        """Storage for the rows of one segment that this loop, or one that is run again for it, reads."""
        for form in (*again, self.form):
            for r, arg in zip(form.rows, form.body.inputs[len(form.carries) :]):
                source = source_of(r)
                if r in self.room or source not in self.form.run_again:
                    continue
                if isinstance(r, Value) and history_of(r) in self.loops.forms[source].whole:
                    continue
                self.rooms.append(
                    Buffer(ARENA, arg.dtype, self.segment * product(arg.shape), label="loop segment", node=self.node)
                )
                self.room[r] = ("room", len(self.rooms) - 1)

    def _again(self, form: Form) -> list[Any]:
        p = form.parts
        out = self._counts(form)
        for i, arg in zip(form.carries, form.body.inputs):
            buffer, every = self.loops.starts[p.node, i]
            out += [self.read(buffer), -1, self.room.get(p.history[i], -1), every, row_bytes(arg)]
        out += self._rows(form)
        out += [self.read(self.loops.whole(v)) for v in form.captured]
        results = form.body.outputs[len(form.carries) :]
        for j, v in enumerate(results, -form.n_ys):
            out += [self.room.get(Extra(p.node, j), -1), 1, row_bytes(v)]
        for target, _ in form.body.updates:
            out += [-1, -1, row_bytes(target)]
        return [*out, self._program(form)]
