"""Who reads which values, and so which of them have to be in memory.

A value is stored if another group reads it, or the caller does; through views or not. A reader of a view counts as a
reader of the value whose storage the view sees.
Must not know: buffers, payload words.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from ..ir.node import Node, Value
from ..ops.registry import Matmul
from ._groups import cross
from .epilogue import PRODUCTS
from .fuse import Group
from .loop_forms import Form


class Reads:
    """What crosses groups: ``stored`` values, and who reads them."""

    def __init__(self) -> None:
        self.stored: set[Value] = set()
        self.base: dict[Value, Value] = {}  # view -> the value whose storage it sees
        self.outside: dict[Value, dict[Group | None, None]] = {}  # of elementwise values; None: through a view
        self.inside: set[Value] = set()  # what its own group reads too
        self.loads: dict[Group, set[Value]] = {}  # what a group reads of others and of leaves, as it reads it
        self.read_as: dict[Value, set[Value]] = {}  # a product's result -> what it is read as: itself, views of it
        self.read_by: dict[Value, set[Group | None]] = {}  # a product's result -> groups; None: what is in none

    def storage_of(self, v: Value) -> Value:
        """``v``, or the value that it is a view of."""
        return self.base.get(v, v)

    def duplicated(self, nodes_of: Mapping[Group, Iterable[Node]]) -> None:
        """Takes in that groups compute ``nodes_of`` other groups, and so read what these read."""
        for g, nodes in nodes_of.items():
            for node in nodes:
                for v in node.inputs:
                    if type(v.node.op.kernel) is Matmul:
                        self.read_as.setdefault(v, set()).add(v)
                    if type(v.node.op.kernel) in PRODUCTS:
                        self.read_by.setdefault(v, set()).add(g)


def find_reads(
    nodes: Iterable[Node], group_of: dict[Node, Group], forms: Mapping[Node, Form], required: Collection[Value]
) -> Reads:
    """Who reads what among ``nodes``. ``required`` values are stored for the caller; ``forms``: loops as lowered."""
    reads = Reads()
    cross(nodes, group_of, forms, reads, PRODUCTS)
    for v in required:
        stored = reads.storage_of(v)
        reads.stored.add(stored)
        reads.read_as.setdefault(stored, set()).add(v)
        reads.read_by.setdefault(stored, set()).add(None)
    return reads
