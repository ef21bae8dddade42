"""Which elementwise values are computed again by the instructions that read them, as storing and loading costs more.

Such a value is a few additions, products or comparisons away from what its readers load anyway, or from one stored
value that is loaded in its place: no reader loads more bytes than before, and nothing is in memory longer for it than
it would have been itself. The same micro-operations run on the same operands, so each reader sees the same bits.
Must not know: buffers, encodings, phases, checkpointing (which may change no bit); groups are not changed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from ..ir.node import Node, Value
from ..ops.microops import MICROOPS
from ..ops.registry import Nothing, Tile, View
from .fuse import GROUP_LIMIT, Group
from .readers import Reads

# Micro-operations for one value: eight take about as long as a float's way to memory and back.
_MOST = 4


def duplicate_cheap(
    reads: Reads, group_of: Mapping[Node, Group], required: Collection[Value]
) -> dict[Group, dict[Node, None]]:
    """For each group the nodes of others that it computes again, operands first. They and what they read are taken into
    ``reads``. ``required`` values stay stored."""
    out: dict[Group, dict[Node, None]] = {}
    found = [v for v in reads.outside if v in reads.inside and v not in required and _is_cheap(v.node, group_of)]
    for v in sorted(found, key=lambda v: v.node.serial):
        readers = reads.outside[v]
        chains = []
        for g in readers:
            chain = None
            if g is not None and g.shape == v.shape:
                chain = _chain(v, g, reads, group_of, out.get(g, {}))
            if chain is None:
                break
            chains.append(chain)
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


def _is_cheap(node: Node, group_of: Mapping[Node, Group]) -> bool:
    """Whether a node may be repeated: elementwise and no dearer than an addition, of its group's shape."""
    kernel = node.op.kernel
    return type(kernel) is Tile and MICROOPS[kernel.microop].cost == 1 and node.outputs[0].shape == group_of[node].shape


def _is_narrow(view: Value, g: Group, reads: Reads, group_of: Mapping[Node, Group]) -> bool:
    """Whether a view of what another group stores, or of a leaf, is spread over the elements of ``g``."""
    source = reads.storage_of(view)
    there = source in reads.stored if source.node in group_of else type(source.node.op.kernel) is Nothing
    return there and view.shape != g.shape and group_of.get(source.node) is not g


def _chain(
    v: Value, g: Group, reads: Reads, group_of: Mapping[Node, Group], has: Iterable[Node]
) -> tuple[list[Node], list[Value]] | None:
    """The nodes that ``g``, which repeats those that it ``has``, needs to compute ``v``, operands first, and what it
    has to load besides; None: too much."""
    nodes: dict[Node, None] = {}
    loads: dict[Value, None] = {}
    waiting = [v]
    room = v.dtype.itemsize  # of v, which is no longer loaded
    loaded = reads.loads[g]
    while waiting:
        u = waiting.pop()
        node = u.node
        if u is not v and (u in loaded or node in has or node in nodes or u in loads):
            continue
        owner = group_of.get(node)
        if owner is g:
            return None
        if u is not v and (owner is None or u in reads.stored):
            if type(node.op.kernel) is View and not _is_narrow(u, g, reads, group_of):
                return None  # what it is a view of may not be stored, or be read better as it is
            if u.shape == g.shape:
                room -= u.dtype.itemsize
            if type(node.op.kernel) is not Nothing or node.op.name != "constant" or u.ndim:
                loads[u] = None
        elif not _is_cheap(node, group_of) or u.shape != g.shape:
            return None
        else:
            nodes[node] = None
            waiting += node.inputs
        if len(nodes) > _MOST or room < 0:
            return None
    if len(nodes) + len(g.nodes) + sum(1 for _ in has) > GROUP_LIMIT:
        return None
    return sorted(nodes, key=lambda n: n.serial), list(loads)
