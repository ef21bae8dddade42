"""A planned program as what it is written down from: values, instructions with their words, and where they came from.

Owns: reading the words that runtime/assemble.py makes (csrc/include/graphdiff.h has the format) back into records, and
the names that people know values by.
Invariant: this alone reads words; those that depend on sizes may be other than ints. Must not know: C, kernels, what a
payload means.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..ir.node import Node
from ..lower.encode import programs_in
from ..lower.instruction import Buffer, Instruction
from ..runtime import _core
from ..runtime.assemble import HEADER_WORDS, VALUE_WORDS, Nested, Template, place
from ..runtime.compiled import PlannedProgram

DTYPES: dict[int, np.dtype] = {code: np.dtype(name) for name, code in _core.DTYPES.items()}
KERNELS: dict[int, str] = {code: name for name, code in _core.opcodes().items()}
MICROOPS: dict[int, str] = {code: name for name, code in _core.microops().items()}
REDUCTIONS: dict[int, str] = {code: name for name, code in _core.reductions().items()}
KINDS: dict[int, str] = {
    _core.VALUE_ARENA: "arena",
    _core.VALUE_INPUT: "input",
    _core.VALUE_OUTPUT: "output",
    _core.VALUE_PARAM: "param",
    _core.VALUE_CONST: "const",
}
INSTRUCTION_WORDS = 5
ALIGN = 64


@dataclass(frozen=True)
class Item:
    """One value. ``place``: a byte offset in the arena or the constants, or the number of a slot."""

    kind: str
    dtype: np.dtype
    count: int
    place: int
    label: str

    @property
    def bytes(self) -> int:
        return self.count * self.dtype.itemsize


@dataclass(frozen=True)
class Step:
    """One core instruction. ``operands``: its values, reads first; ``payload``: the words its kernel understands;
    ``programs``: those inside it, in the order in which the payload has them; ``row``: the plan's instruction."""

    kernel: str
    operands: tuple[Item, ...]
    n_reads: int
    payload: tuple[int, ...]
    programs: tuple[Program, ...]
    row: Instruction

    @property
    def node(self) -> Node | None:
        return self.row.nodes[-1] if self.row.nodes else None


@dataclass(frozen=True)
class Program:
    """A program of core instructions. ``slots``: how many inputs, outputs and parameters it has."""

    steps: tuple[Step, ...]
    arena_bytes: int
    constants: bytes
    slots: tuple[int, int, int]


def of_planned(planned: PlannedProgram) -> Program:
    """The whole program of a compiled function at its plan's sizes."""
    plan = planned.plan
    arena = plan.arena_bytes - plan.scratch_bytes
    words = planned.template.fill(plan.sizes, np.asarray(plan._offsets, np.int64), arena)
    return read(words.tolist(), planned.template, planned.order, lambda nested: _of_nested(nested, plan.sizes))


def _of_nested(nested: Nested, env: Mapping[str, int]) -> Program:
    offsets, arena, _ = place(nested.lifetimes, env)
    words = nested.template.fill(env, offsets, arena).tolist()
    return read(words, nested.template, nested.instructions, lambda inner: _of_nested(inner, env))


def read(
    words: Sequence[Any],
    template: Template,
    order: Sequence[Instruction],
    inner: Callable[[Nested], Program],
    units: Mapping[Buffer, int] | None = None,
) -> Program:
    """The program of a template's words. ``inner``: makes those inside instructions; ``units``: where offsets in the
    arena are not known, the numbers that stand for them, of values that are then slots."""
    w = words
    items = []
    for n, buffer in enumerate(template.buffers):
        kind, dtype, count, at = w[HEADER_WORDS + VALUE_WORDS * n : HEADER_WORDS + VALUE_WORDS * (n + 1)]
        found = KINDS[kind]
        if found == "arena" and units is not None:
            found, at = "slot", units[buffer]
        items.append(Item(found, DTYPES[dtype], count, at, buffer.label))
    steps = []
    at = HEADER_WORDS + VALUE_WORDS * len(items)
    calls = [call for row in order for call in row.calls]
    for call, tag in zip(calls, template.tags, strict=True):
        code, total, _, n_reads, n_writes = w[at : at + INSTRUCTION_WORDS]
        first = at + INSTRUCTION_WORDS
        operands = tuple(items[k] for k in w[first : first + n_reads + n_writes])
        payload = tuple(w[first + n_reads + n_writes : at + total])
        programs = tuple(inner(nested) for nested in programs_in(call))
        steps.append(Step(KERNELS[code], operands, n_reads, payload, programs, order[tag]))
        at += total
    return Program(tuple(steps), w[8] if units is None else 0, template.constants, (w[5], w[6], w[7]))
