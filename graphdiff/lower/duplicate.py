"""Which elementwise values are computed again by the instructions that read them, as storing and loading costs more.

Such a value is a few additions, products or comparisons away from what its readers load anyway, or from one stored
value that is loaded in its place: no reader loads more bytes than before, and nothing is in memory longer for it than
it would have been itself. The same micro-operations run on the same operands, so each reader sees the same bits. Who
may be repeated, and what that takes, is found in C: _groups.pyx.
Must not know: buffers, encodings, phases, checkpointing (which may change no bit); groups are not changed.
"""

from __future__ import annotations

from collections.abc import Collection

from ..ir.node import Node, Value
from ._groups import chain, cheap_ones
from .fuse import GROUP_LIMIT, Group
from .readers import Reads

# Micro-operations for one value: eight take about as long as a float's way to memory and back.
_MOST = 4


def duplicate_cheap(
    reads: Reads, group_of: dict[Node, Group], required: Collection[Value]
) -> dict[Group, dict[Node, None]]:
    """For each group the nodes of others that it computes again, operands first. They and what they read are taken into
    ``reads``. ``required`` values stay stored."""
    out: dict[Group, dict[Node, None]] = {}
    for v in cheap_ones(reads, group_of, required):
        readers = reads.outside[v]
        chains = []
        for g in readers:
            found = None
            if g is not None and g.shape == v.shape:
                found = chain(v, g, reads, group_of, out.get(g, {}), _MOST, GROUP_LIMIT)
            if found is None:
                break
            chains.append(found)
        if len(chains) < len(readers):
            continue
        reads.stored.discard(v)
        for g, (nodes, loads) in zip(readers, chains):
            assert g is not None
            out.setdefault(g, {}).update(dict.fromkeys(nodes))
            reads.loads[g].discard(v)
            reads.loads[g].update(loads)
            for u in loads:
                stored = reads.storage_of(u)
                if stored in reads.outside:
                    reads.outside[stored][g if stored is u else None] = None
    return out
