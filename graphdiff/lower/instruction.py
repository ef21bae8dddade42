"""What a schedule is made of: buffers and instructions.

A Buffer is storage of known dtype and (perhaps symbolic) size: in the arena, a feed, a result, a parameter or a
constant. An Instruction is one row of the plan: buffers read and written, a phase, a cost, and one or more calls of
kernels, each one core instruction. Everything that decides order, recomputation or offsets works on these alone.
Must not know: operations, the graph beyond the nodes an instruction came from (for people), the core's word format.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..ir.dims import Size
from ..ir.node import Node

ARENA, INPUT, OUTPUT, PARAM, CONST = "arena", "input", "output", "param", "const"
PHASES = ("forward", "backward", "update")


class Buffer:
    """Storage. ``slot``: the feed's, result's or parameter's number; ``data``: a constant's array."""

    __slots__ = ("kind", "dtype", "count", "slot", "data", "label", "node")

    def __init__(
        self,
        kind: str,
        dtype: np.dtype,
        count: Size,
        slot: int = -1,
        data: np.ndarray | None = None,
        label: str = "",
        node: Node | None = None,
    ):
        self.kind, self.dtype, self.count, self.slot = kind, dtype, count, slot
        self.data, self.label, self.node = data, label, node

    def clone(self) -> Buffer:
        """Storage of its own for a recomputed value."""
        return Buffer(ARENA, self.dtype, self.count, label=self.label, node=self.node)

    def __repr__(self) -> str:
        return f"<{self.kind} {self.dtype}[{self.count}] {self.label}>"


class Location(NamedTuple):
    """Where a value's elements are. ``buffer`` None: nowhere; an index (offset and strides give the numbers), or a
    0-d constant (``scalar``) repeated."""

    buffer: Buffer | None
    offset: Size
    strides: tuple[Size, ...]
    scalar: np.ndarray | None = None


class KernelCall(NamedTuple):
    """One core instruction: a kernel's name, which operands of the row it reads and writes, its payload (encode.py)."""

    kernel: str
    reads: tuple[int, ...]
    writes: tuple[int, ...]
    payload: list[Any]


_NOWHERE: Mapping[int, Sequence[int]] = {}


class Instruction:
    """One row of a plan.

    ``inplace``: by a write's position, those of the reads it may share memory with if they die here; ``guard``: may
    fail at run time for what is in its operands; ``recompute``: this is a repetition of an earlier instruction,
    ``first``; ``repeated``: flops of what it computes again inside, in a loop; ``partly``: positions of reads of which
    it touches no more bytes than it reads and writes otherwise.
    """

    __slots__ = (
        "calls",
        "reads",
        "writes",
        "phase",
        "nodes",
        "flops",
        "inplace",
        "guard",
        "recompute",
        "workspace",
        "first",
        "repeated",
        "partly",
    )

    def __init__(
        self,
        calls: list[KernelCall],
        reads: list[Buffer],
        writes: list[Buffer],
        phase: str,
        nodes: Sequence[Node],
        flops: Size = 0,
        inplace: Mapping[int, Sequence[int]] = _NOWHERE,
        guard: bool = False,
        workspace: Sequence[Buffer] = (),
        repeated: Size = 0,
        partly: Sequence[int] = (),
    ):
        self.calls, self.reads, self.writes, self.phase = calls, reads, writes, phase
        self.nodes = tuple(nodes)
        self.flops, self.inplace, self.guard = flops, inplace, guard
        self.workspace = tuple(workspace)  # the last of ``writes``: dead after the instruction
        self.repeated, self.partly = repeated, partly
        self.recompute = False
        self.first = self  # the instruction this one repeats

    @property
    def name(self) -> str:
        """For people: the operations it computes."""
        names = [n.op.name for n in self.nodes] or [self.calls[0].kernel]
        return "+".join(names) if len(names) <= 4 else f"{names[0]}+…{len(names) - 2}…+{names[-1]}"

    def again(self, replace: dict[Buffer, Buffer]) -> Instruction:
        """This instruction once more, with operands replaced."""
        out = Instruction(
            self.calls,
            [replace.get(b, b) for b in self.reads],
            [replace.get(b, b) for b in self.writes],
            self.phase,
            self.nodes,
            self.flops,
            self.inplace,
            self.guard,
            [replace.get(b, b) for b in self.workspace],
            self.repeated,
            self.partly,
        )
        out.recompute = True
        out.first = self.first
        return out
