"""Builds program words by hand, so that the C core can be tested without the compiler above it."""

import struct

import numpy as np

from graphdiff.runtime import _core

OPCODES, MICROOPS, REDUCTIONS = _core.opcodes(), _core.microops(), _core.reductions()
KINDS = {"input": _core.VALUE_INPUT, "output": _core.VALUE_OUTPUT, "param": _core.VALUE_PARAM}


def float_bits(x: float) -> int:
    return struct.unpack("<q", struct.pack("<d", x))[0]


class Words:
    """Values and instructions of one program, in the format of graphdiff.h."""

    def __init__(self) -> None:
        self.values, self.instructions = [], []
        self.slots = {"input": 0, "output": 0, "param": 0}
        self.arena_bytes, self.constants = 0, b""

    def value(self, kind: int, dtype: str, count: int, place: int) -> int:
        self.values.append([kind, _core.DTYPES[str(np.dtype(dtype))], count, place])
        return len(self.values) - 1

    def slot(self, kind: str, dtype: str, count: int) -> int:
        """A value in the next slot of "input", "output" or "param"."""
        self.slots[kind] += 1
        return self.value(KINDS[kind], dtype, count, self.slots[kind] - 1)

    def arena(self, dtype: str, count: int) -> int:
        place = self.arena_bytes
        self.arena_bytes += -(-count * np.dtype(dtype).itemsize // 64) * 64
        return self.value(_core.VALUE_ARENA, dtype, count, place)

    def instruction(self, name: str, reads, writes, payload) -> None:
        """The tag is 100 + the instruction's index."""
        operands = [*reads, *writes]
        self.instructions.append(
            [
                OPCODES[name],
                5 + len(operands) + len(payload),
                100 + len(self.instructions),
                len(reads),
                len(writes),
                *operands,
                *payload,
            ]
        )

    def array(self) -> np.ndarray:
        body = [w for v in self.values for w in v] + [w for i in self.instructions for w in i]
        header = [
            _core.MAGIC,
            _core.FORMAT,
            _core.HEADER_WORDS + len(body),
            len(self.values),
            len(self.instructions),
            *self.slots.values(),
            self.arena_bytes,
            len(self.constants),
        ]
        return np.array(header + body, np.int64)

    def program(self) -> _core.Program:
        return _core.Program(self.array(), self.constants)


def matmul_payload(m, n, k, a, b, c, batch=(), accumulate=0, act=-1, bias=None, alpha=1.0):
    """a, b, c: (operand, offset, batch strides.., row stride, column stride); bias: (operand, offset, stride)."""
    return [len(batch), m, n, k, accumulate, *batch, *a, *b, *c, act, *(bias or (-1, 0, 0)), float_bits(alpha)]


def run_one(name, reads, writes, payload):
    """Runs one instruction on arrays: reads are inputs, writes outputs (updated in place)."""
    words = Words()
    r = [words.slot("input", a.dtype, a.size) for a in reads]
    w = [words.slot("output", a.dtype, a.size) for a in writes]
    words.instruction(name, r, w, payload)
    context = _core.Context(words.program())
    context.run([np.ascontiguousarray(a) for a in reads], writes)
    return context
