"""Where the elements of values are: buffers with offsets and strides.

Views never become instructions: each value is known as a buffer with offset and strides, and consumers read through
them; where a kernel needs whole contiguous operands, a copy is put in.
Must not know: what instructions compute, payload words, where buffers lie in the arena.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..errors import CompileError
from ..ir.node import Node, Value
from ..ops.operands import contiguous_strides
from ..ops.registry import Index, Strided, View
from ._tiles import TileBuilder, elements, result
from .instruction import ARENA, CONST, Buffer, Instruction, Location


class Locator:
    """The locations of the values of one graph. What has to be copied is, by instructions put into ``out`` as they are
    needed, in the phase of the node that made the value."""

    def __init__(self, phases: Mapping[Node, str], out: list[Instruction]):
        self.phases, self.out = phases, out
        self.location: dict[Value, Location] = {}
        self.constants: dict[int, Buffer] = {}
        self.contiguous: dict[Value, Location] = {}  # copies of what lies otherwise

    def leaf(self, v: Value, kind: str, slot: int) -> Buffer:
        """The storage of a feed or a parameter."""
        buffer = Buffer(kind, v.dtype, elements(v.shape), slot, label=v.name, node=v.node)
        self.location[v] = Location(buffer, 0, contiguous_strides(v.shape))
        return buffer

    def result(self, value: Value) -> Buffer:
        """New storage for a value that the next instruction computes."""
        return result(value, self.location)

    def of(self, value: Value) -> Location:
        """Where ``value`` is, resolving views down to storage."""
        found = self.location.get(value)
        if found is not None:
            return found
        chain = [value]
        while True:
            node = chain[-1].node
            if type(node.op.kernel) is not View or node.inputs[0] in self.location:
                break
            chain.append(node.inputs[0])
        for v in reversed(chain):
            self.location[v] = self._resolve(v)
        return self.location[value]

    def in_memory(self, value: Value) -> Location:
        """Where ``value`` is in a buffer, copied into one if it is in none."""
        at = self.of(value)
        return at if at.buffer is not None else self.whole(value)

    def whole(self, value: Value) -> Location:
        """``value`` as a whole buffer in row-major order, copied if it is not."""
        at = self.of(value)
        if self._is_whole(value, at):
            return at
        found = self.contiguous.get(value)
        if found is None:
            buffer = Buffer(
                ARENA, value.dtype, elements(value.shape), label=value.name or value.node.op.name, node=value.node
            )
            self.out.append(self.copy_to(value, buffer, self.phases.get(value.node, "forward")))
            found = self.contiguous[value] = Location(buffer, 0, contiguous_strides(value.shape))
        return found

    def storage(self, value: Value) -> Buffer:
        """The buffer that holds ``value`` and nothing else, in row-major order."""
        buffer = self.whole(value).buffer
        assert buffer is not None
        return buffer

    def output(self, value: Value, kind: str, slot: int) -> Buffer:
        """The storage of a result that the caller gets: what computes it writes it there; leaves, views and values that
        are wanted twice are copied."""
        at = self.of(value)
        buffer = at.buffer
        if buffer is not None and buffer.kind == ARENA and self._is_whole(value, at):
            buffer.kind, buffer.slot = kind, slot
        else:
            buffer = Buffer(
                kind, value.dtype, elements(value.shape), slot, label=value.name or value.node.op.name, node=value.node
            )
            self.out.append(self.copy_to(value, buffer, self.phases.get(value.node, "forward")))
        return buffer

    def copy_to(self, value: Value, target: Buffer, phase: str) -> Instruction:
        """Copies ``value`` into ``target``, row-major."""
        tile = TileBuilder(value.shape)
        tile.store(tile.load(self.of(value), value), target, 0, contiguous_strides(value.shape))
        return tile.instruction(phase, [value.node])

    @staticmethod
    def _is_whole(value: Value, at: Location) -> bool:
        row_major = at.offset == 0 and at.strides == contiguous_strides(value.shape)
        return at.buffer is not None and row_major and at.buffer.count == elements(value.shape)

    def _resolve(self, value: Value) -> Location:
        node = value.node
        kernel = node.op.kernel
        if isinstance(kernel, View):
            source = node.inputs[0]
            at = self.location[source]
            if at.scalar is not None:
                return Location(None, 0, (0,) * value.ndim, at.scalar)
            seen = kernel.rule(node, Strided(at.offset, at.strides))
            if seen is None:
                at = self.whole(source)
                seen = kernel.rule(node, Strided(at.offset, at.strides))
                assert seen is not None, "a view rule must take contiguous storage"
            return Location(at.buffer, *seen)
        if isinstance(kernel, Index):
            return Location(None, *kernel.rule(node))
        if node.op.name == "constant":
            array = node.attrs["value"]
            if array.ndim == 0:
                return Location(None, 0, (), array)
            return Location(self._constant(array), 0, contiguous_strides(array.shape))
        raise CompileError(f"{node.op.name} is used before it is computed")

    def _constant(self, array: np.ndarray) -> Buffer:
        buffer = self.constants.get(id(array))
        if buffer is None:
            buffer = self.constants[id(array)] = Buffer(CONST, array.dtype, array.size, data=array, label="constant")
        return buffer
