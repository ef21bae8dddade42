"""From scheduled instructions to the words of a core program (csrc/include/graphdiff.h has the format).

The words are made once for a schedule, with the places of symbolic sizes noted; a concrete program is the same words
with the sizes and offsets filled in.
Must not know: operations, the graph, how sizes are found.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import CompileError, ShapeError
from ..ir.dims import Dim, Size, evaluate
from ..lower.encode import programs_in, rank_in
from ..lower.instruction import ARENA, CONST, INPUT, OUTPUT, PARAM, Buffer, Instruction
from ..ops.messages import call_text
from ..schedule import arena
from ..schedule.memory import ALIGN, Lifetimes
from . import _core

HEADER_WORDS, VALUE_WORDS = _core.HEADER_WORDS, _core.VALUE_WORDS
NESTED_HEAD = 2  # an inner program's words stand behind their number and that of its constants' bytes
RANK_MOST, NEST_MOST = 31, 16  # csrc: GD_TILE_DIMS, GD_INNER_DEPTH
PLACE_SECONDS = 0.05  # a nominal budget: the search counts steps, not time
_KIND = {
    ARENA: _core.VALUE_ARENA,
    INPUT: _core.VALUE_INPUT,
    OUTPUT: _core.VALUE_OUTPUT,
    PARAM: _core.VALUE_PARAM,
    CONST: _core.VALUE_CONST,
}
_NAMES = {
    **{f"microop:{k}": v for k, v in _core.microops().items()},
    **{f"reduction:{k}": v for k, v in _core.reductions().items()},
}
_OPCODES = _core.opcodes()
_DTYPES = {np.dtype(name): code for name, code in _core.DTYPES.items()}


class Template:
    """The words of a schedule with sizes still open.

    ``fill(env, offsets, arena_bytes)`` gives a program's words; a core instruction's tag is the position in the order
    of the instruction it is a call of: ``tags`` lists them."""

    def __init__(self, order: Sequence[Instruction], lifetimes: Lifetimes, slots: Sequence[Sequence[Buffer]]):
        buffers: dict[Buffer, int] = {}
        for group in slots:  # feeds, results and parameters that no instruction touches still have a place
            for b in group:
                buffers.setdefault(b, len(buffers))
        for i in order:
            for b in (*i.reads, *i.writes):
                buffers.setdefault(b, len(buffers))
        self.buffers = list(buffers)
        self.value_id = buffers
        self.constants, self._const_offset = _pack_constants(self.buffers)
        self._open: dict[Dim, list[int]] = {}
        self._nested: list[tuple[int, Nested]] = []  # first word, program inside this one

        words = array("q", bytes(8 * HEADER_WORDS))
        values: list[Any] = [0] * (VALUE_WORDS * len(buffers))
        values[_core.VALUE_KIND :: VALUE_WORDS] = [_KIND[b.kind] for b in buffers]
        values[_core.VALUE_DTYPE :: VALUE_WORDS] = [_DTYPES[b.dtype] for b in buffers]
        values[_core.VALUE_COUNT :: VALUE_WORDS] = [b.count for b in buffers]
        values[_core.VALUE_PLACE :: VALUE_WORDS] = [
            self._const_offset[b] if b.kind == CONST else b.slot for b in buffers
        ]
        self._append(words, values)
        arena = [(n, lifetimes.unit[b]) for b, n in buffers.items() if b.kind == ARENA]
        self._arena_words = np.array([HEADER_WORDS + VALUE_WORDS * n + _core.VALUE_PLACE for n, _ in arena], np.int64)
        self._arena_units = np.array([u for _, u in arena], np.int64)
        self.tags: list[int] = []
        for position, i in enumerate(order):
            ids = [buffers[b] for b in (*i.reads, *i.writes)]
            for call in i.calls:
                start = len(words)
                words.extend((_OPCODES[call.kernel], 0, position, len(call.reads), len(call.writes)))
                words.extend([ids[k] for k in call.reads])
                words.extend([ids[k] for k in call.writes])
                self._append(words, call.payload)
                words[start + _core.INSTRUCTION_TOTAL] = len(words) - start
                self.tags.append(position)
        inputs, outputs, parameters = slots
        words[:HEADER_WORDS] = array(
            "q",
            (
                _core.MAGIC,
                _core.FORMAT,
                len(words),
                len(self.buffers),
                len(self.tags),
                len(inputs),
                len(outputs),
                len(parameters),
                0,
                len(self.constants),
            ),
        )
        self.words = np.frombuffer(words, np.int64)
        self._order = order
        self._open_words = [(dim, np.array(at, np.int64)) for dim, at in self._open.items()]

    def written(self, results: int) -> list[int]:
        """After how many of the core's instructions each result is there; 0 for one that none writes."""
        last = [-1] * results
        for position, i in enumerate(self._order):
            for b in i.writes:
                if b.kind == OUTPUT:
                    last[b.slot] = position
        return [bisect_right(self.tags, position) for position in last]

    def _append(self, words: array[int], items: list[Any]) -> None:
        """Puts ``items`` behind ``words``: names by their numbers, open sizes as 0 with their places noted."""
        closed = _core.words_of(items, _NAMES)
        if closed is not None:
            words.frombytes(closed)
            return
        numbers: list[Any] = list(map(_NAMES.get, items, items))
        try:
            try:
                words += array("q", numbers)
            except (TypeError, ShapeError):  # not all are numbers
                numbers = self._closed(len(words), numbers)
                words += array("q", numbers)
        except OverflowError:
            raise CompileError(f"a size or offset of {max(numbers, key=abs)} does not fit into 64 bits") from None

    def _closed(self, at: int, items: Sequence[Any]) -> list[int]:
        """``items``, which come to stand at word ``at``, as numbers."""
        numbers: list[int] = []
        done = 0
        for k, item in enumerate(items):
            if type(item) is int:  # nearly all
                continue
            numbers += items[done:k]
            done = k + 1
            if isinstance(item, Dim):
                self._open.setdefault(item, []).append(at + len(numbers))
                numbers.append(0)
            elif isinstance(item, Nested):
                self._nested.append((at + len(numbers) + NESTED_HEAD, item))
                numbers += item.payload()
            else:
                numbers.append(int(item))
        return numbers + list(items[done:])

    def fill(self, env: Mapping[str, int], offsets: np.ndarray, arena_bytes: int) -> np.ndarray:
        """The words at given sizes and offsets (bytes, by unit)."""
        words = self.words.copy()
        for dim, at in self._open_words:
            words[at] = evaluate(dim, env)
        if len(self._arena_words):
            words[self._arena_words] = offsets[self._arena_units]
        words[_core.HEADER_ARENA] = arena_bytes
        for start, nested in self._nested:
            inner = nested.words(env)
            words[start : start + len(inner)] = inner
        return words

    def program(self, env: Mapping[str, int], offsets: np.ndarray, arena_bytes: int) -> _core.Program:
        """The core program. Raises MemoryError, and ShapeError for what the core does not take, which is too large."""
        try:
            words = self.fill(env, offsets, arena_bytes)
        except OverflowError:
            raise ShapeError(f"a size or offset does not fit into 64 bits{_at(env)}") from None
        try:
            return _core.Program(words, self.constants)
        except _core.CoreError as e:
            raise self._refused(e, env) from None

    def _refused(self, e: _core.CoreError, env: Mapping[str, int]) -> Exception:
        at = _at(env)
        if not 0 <= e.tag < len(self._order):
            place = (e.a - HEADER_WORDS) // VALUE_WORDS
            if 0 <= place < len(self.buffers):
                b = self.buffers[place]
                return ShapeError(f"{b.label or 'a value'} of {evaluate(b.count, env):,} elements is too large{at}")
            return ShapeError(f"the sizes of this graph are too large{at} ({e})")
        i = self._order[e.tag]
        node = i.nodes[-1] if i.nodes else None
        operation = call_text(node.op.name, node.inputs, {}) if node is not None else None
        source = str(node.source) if node is not None and node.source else None
        if any(map(programs_in, i.calls)) and e.status == "ERR_SHAPE":
            return ShapeError(
                f"{i.name}: loops and branches stand inside each other more than {NEST_MOST} deep", operation, source
            )
        rank = max(map(rank_in, i.calls), default=0)
        if rank > RANK_MOST:
            return ShapeError(
                f"{i.name} works on {rank} dimensions at once, of which at most {RANK_MOST} can be", operation, source
            )
        return ShapeError(
            f"{i.name}: a size, stride or number of elements is too large{at} ({_core.STATUS[e.status]})",
            operation,
            source,
        )


def _at(env: Mapping[str, int]) -> str:
    return f" at {', '.join(f'{k}={v}' for k, v in env.items())}" if env else ""


class Nested:
    """An inner graph's program: an item of a loop's or branch's payload, made of ``instructions``. ``flops``: of one
    run."""

    def __init__(self, order: Sequence[Instruction], slots: Sequence[Sequence[Buffer]]):
        self.instructions = tuple(order)
        self.lifetimes = Lifetimes(order)
        self.template = Template(order, self.lifetimes, slots)
        self.flops: Size = 0
        for i in order:
            self.flops = self.flops + i.flops

    def payload(self) -> list[int]:
        """[words, constant bytes, words.., constants..], sizes and offsets still open."""
        data = self.template.constants
        padded = np.frombuffer(data + b"\0" * (-len(data) % 8), np.int64)
        return [len(self.template.words), len(data), *self.template.words.tolist(), *padded.tolist()]

    def words(self, env: Mapping[str, int]) -> np.ndarray:
        """The program's words at given sizes."""
        return self.template.fill(env, *place(self.lifetimes, env)[:2])


def place(lifetimes: Lifetimes, env: Mapping[str, int], seconds: float = PLACE_SECONDS) -> tuple[np.ndarray, int, int]:
    """Offsets of each unit, the arena's bytes, and the lower bound."""
    return arena.place(lifetimes.first, [n + 1 for n in lifetimes.last], lifetimes.sizes(env), seconds, align=ALIGN)


def _pack_constants(buffers: Sequence[Buffer]) -> tuple[bytes, dict[Buffer, int]]:
    parts: list[bytes] = []
    offset: dict[Buffer, int] = {}
    total = 0
    for b in buffers:
        if b.kind == CONST:
            assert b.data is not None
            data = b.data.tobytes()
            offset[b] = total
            data += b"\0" * (-len(data) % ALIGN)
            parts.append(data)
            total += len(data)
    return b"".join(parts), offset
