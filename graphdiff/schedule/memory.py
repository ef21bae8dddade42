"""Liveness, in-place sharing and offsets: which bytes of the arena each buffer has, and for how long.

Liveness is computed here and nowhere else. Buffers that share memory in place form one unit; a unit lives from its
first write to its last use.
Must not know: operations, kernels, the word format.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from ..ir.dims import evaluate
from ..lower.instruction import ARENA, Buffer, Instruction

ALIGN = 64


def aligned(bytes_: int) -> int:
    """Rounded up to the alignment."""
    return -(-bytes_ // ALIGN) * ALIGN


class Lifetimes:
    """Units of arena storage of an order of instructions, sizes still symbolic.

    ``unit[buffer]``: the unit's number; ``first[u]``, ``last[u]``: positions, both included; ``members[u]``."""

    def __init__(self, order: Sequence[Instruction], inplace: bool = True):
        last: dict[Buffer, int] = {}
        for n, i in enumerate(order):
            for b in (*i.reads, *i.writes):
                if b.kind == ARENA:
                    last[b] = n
        self.unit: dict[Buffer, int] = {}
        self.first: list[int] = []
        self.last: list[int] = []
        self.members: list[Buffer] = []  # one of each unit: they all have its size
        for n, i in enumerate(order):
            dying: set[int] = set()  # reads whose memory is free for a write to take
            if inplace and i.inplace:
                dying = {r for r, b in enumerate(i.reads) if b.kind == ARENA and last[b] == n}
            fitting: dict[object, Iterator[int]] = {}  # of them, for writes of a kind: what one has taken none asks for
            for w, b in enumerate(i.writes):
                if b.kind != ARENA or b in self.unit:
                    continue
                u = None
                reads = i.inplace.get(w) if dying else None
                if reads:
                    kind = (id(reads), b.count, b.dtype.itemsize)
                    if kind not in fitting:
                        fitting[kind] = iter([r for r in reads if r in dying and _is_alike(i.reads[r], b)])
                    for r in fitting[kind]:
                        source = self.unit[i.reads[r]]
                        if r in dying and self.last[source] == n:
                            dying.remove(r)
                            u = source
                            break
                if u is None:
                    u = len(self.first)
                    self.first.append(n)
                    self.last.append(n)
                    self.members.append(b)
                self.unit[b] = u
                self.last[u] = last[b]

    def sizes(self, env: Mapping[str, int]) -> np.ndarray:
        """Bytes of each unit at the given sizes, rounded up to the alignment."""
        known: dict[object, int] = {}
        out = np.empty(len(self.members), np.int64)
        for u, b in enumerate(self.members):
            n = known.get(b.count)
            if n is None:
                n = known[b.count] = evaluate(b.count, env)
            out[u] = aligned(n * b.dtype.itemsize)
        return out


def _is_alike(a: Buffer, b: Buffer) -> bool:
    """Whether buffers have as many elements of as many bytes."""
    return a.count == b.count and a.dtype.itemsize == b.dtype.itemsize
