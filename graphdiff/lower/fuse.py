"""Which nodes become one instruction: elementwise chains, broadcasts and reductions form groups.

First each elementwise node joins the group of its consumers if they are all in one: such a group has one result, so no
cycle can arise. A reduction whose result goes back to the very rows it came from, which may lie along any axes, joins
too, with what is computed on it row by row: softmax, layer and batch normalisation are one instruction. Then groups
over the same elements merge where one reads what the other computes or both read the same, if the order of all others
allows; where the forward pass ends and the backward pass begins even across the two. Views are transparent: they are
read through strides. The walks over all nodes are in C: _groups.pyx.
Invariants: a group is one iteration shape and, but for that one case, one phase; groups are in topological order; only
elementwise results and reductions leave a group.
Must not know: buffers, encodings; the graph is not changed.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from math import prod
from operator import attrgetter
from typing import NamedTuple

from ..ir.dims import Shape, Size, product
from ..ir.node import Node, Value, of_kinds
from ..ops.microops import REDUCTIONS
from ..ops.operands import contiguous_strides
from ..ops.registry import Reduce, Strided, Tile, View
from ._groups import Group as Group
from ._groups import merge, trees

GROUP_LIMIT = 160  # micro-operations in one group: compile time and registers stay bounded
ROW_LIMIT = 1 << 17  # elements of a row that stay in a core's cache from one reading to the next
FEW_ROWS = 8  # so many are too few to share out
TYPICAL = 32  # what a size is taken for that is known at the call alone
SHORT_ROWS = 256  # elements of rows that lie across the last axes, all side by side
SIDE_BY_SIDE = 64  # so many such rows are read as one piece
LOAD_LIMIT = 16  # results of products and the like that one group reads: all of them are in memory until it runs


_EARLIER = {"forward": 0, "backward": 1, "update": 2}


class Users:
    """Who reads each node's results, seen through views."""

    def __init__(self, nodes: Sequence[Node]):
        self.nodes = nodes
        self.base: dict[Node, Node] = {}  # view -> the node whose storage it reads
        for node in of_kinds(nodes, View):
            source = node.inputs[0].node
            self.base[node] = self.base.get(source, source)

    @functools.cached_property
    def readers(self) -> dict[Node, list[Node]]:
        """All that read a node's results, views aside."""
        base = self.base
        found: dict[Node, list[Node]] = {}
        for node in self.nodes:
            if type(node.op.kernel) is not View:
                for v in node.inputs:
                    found.setdefault(base.get(v.node, v.node), []).append(node)
        return found

    def of(self, node: Node) -> Node:
        return self.base.get(node, node)


def group(
    nodes: list[Node], required: Iterable[Value], phases: dict[Node, str]
) -> tuple[list[Group], dict[Node, Group]]:
    """The groups of ``nodes`` in topological order, and each node's group. ``required`` values are stored: outputs,
    updates, and what views of them name."""
    users = Users(nodes)
    forced = {users.of(v.node) for v in required}
    limits = GROUP_LIMIT, LOAD_LIMIT
    row_of = _rows(nodes, users, forced, phases)
    by_row = functools.partial(_by_row, users, phases)
    group_of = trees(nodes, users.base, forced, phases, row_of, by_row, *limits)
    ordered = sorted(dict.fromkeys(group_of.values()), key=lambda g: g.nodes[0].serial)
    ordered = _counts_first(ordered, group_of, users)
    for i, g in enumerate(ordered):
        g.position = i
    merge(ordered, group_of, users.base, functools.partial(_meet, group_of, users, phases, forced), *limits)
    final = [g for g in ordered if g.merged is None]
    final.sort(key=lambda g: g.position)
    for g in final:
        g.nodes.sort(key=attrgetter("serial"))
    return final, group_of


def _counts_first(ordered: list[Group], group_of: dict[Node, Group], users: Users) -> list[Group]:
    """Before all other updates those of numbers that depend on leaves alone, such as a count of steps and what is made
    of it: nothing is between the others then, which may become one."""
    first = next((i for i, g in enumerate(ordered) if g.phase == "update"), len(ordered))
    counts: dict[Group, None] = {}
    for g in ordered[first:]:
        if g.phase == "update" and g.shape == ():
            sources = (users.of(v.node) for node in g.nodes for v in node.inputs)
            if all(group_of.get(n) in counts or group_of.get(n) is g or not n.inputs for n in sources):
                counts[g] = None
    if not counts:
        return ordered
    return [*ordered[:first], *counts, *(g for g in ordered[first:] if g not in counts)]


class Row(NamedTuple):
    """The axes of a shape that make a row."""

    shape: Shape
    axes: tuple[int, ...]


def _rows(nodes: Sequence[Node], users: Users, forced: set[Node], phases: dict[Node, str]) -> dict[Node, Row]:
    """Of reductions along rows, and of what is computed in their phase on the results, one for each row: the rows."""
    out: dict[Node, Row] = {}
    for node in nodes:
        kind = type(node.op.kernel)
        if kind is Reduce:
            row = Row(node.inputs[0].shape, node.attrs["axes"])
            if node not in forced and row.axes and REDUCTIONS[node.op.kernel.reduction].row and _is_kept(row):
                out[node] = row
        elif kind is Tile and out:
            for v in node.inputs:
                source = users.of(v.node)
                if source in out and phases[source] == phases[node] and row_shaped(node.outputs[0], *out[source]):
                    out[node] = out[source]
                    break
    return out


def _is_kept(row: Row) -> bool:
    """Whether to work row by row: on what is in cache when it is read again. Few rows too long for that are not shared
    out either; of rows across many others, side by side, and of rows in pieces with others between, only a little of
    each is read at once, which costs more than it saves where it comes from memory; and short ones across the last axes
    are worked on one by one."""
    length = product(n for i, n in enumerate(row.shape) if i in row.axes)
    rows = product(without(row.shape, row.axes))
    behind = product(n for i, n in enumerate(row.shape) if i > max(row.axes))
    first = min((i for i in row.axes if row.shape[i] != 1), default=0)
    between = any(n != 1 for i, n in enumerate(row.shape) if first < i < max(row.axes) and i not in row.axes)
    if between and prod(n if isinstance(n, int) else TYPICAL for n in row.shape) > ROW_LIMIT:
        return False
    if not (isinstance(length, int) and isinstance(rows, int) and isinstance(behind, int)):
        return True
    if length > ROW_LIMIT and rows < FEW_ROWS:
        return False
    return behind == 1 or (length * behind >= SHORT_ROWS and (behind <= SIDE_BY_SIDE or length * rows <= ROW_LIMIT))


def without(shape: Shape, axes: tuple[int, ...]) -> Shape:
    return tuple(n for i, n in enumerate(shape) if i not in axes)


def put_back(strides: Sequence[Size], axes: tuple[int, ...], ndim: int) -> tuple[Size, ...]:
    """Strides over dimensions of which ``axes`` were dropped, over all ``ndim``."""
    left = iter(strides)
    return tuple(0 if i in axes else next(left) for i in range(ndim))


def row_shaped(value: Value, shape: Shape, row: tuple[int, ...]) -> bool:
    """Whether ``value`` has one element for each row of ``shape``, the row's dimensions dropped or kept as 1."""
    kept = tuple(1 if i in row else n for i, n in enumerate(shape))
    return row != () and value.shape in (without(shape, row), kept)


def _by_row(
    users: Users, phases: dict[Node, str], node: Node, group_of: dict[Node, Group], row: Row | None
) -> Group | None:
    """The group that ``node``, a reduction along rows or something computed on such results, can join: all of its phase
    that reads it is there and reads, for each row, that row's value. Readers of later phases get it from memory, if
    they run after the group. ``row`` None: the row of the group."""
    target, phase = None, phases[node]
    readers = [r for r in users.readers.get(node, ()) if phases[r] == phase]
    for reader in readers:
        g = group_of.get(reader)
        if g is None or g.shape is None or g.axes is not None or (target is not None and g is not target):
            return None
        target = g
    if target is None or target.shape is None or target.phase != phase or len(target.nodes) >= GROUP_LIMIT:
        return None
    for r in users.readers[node]:
        if phases[r] != phase:  # one declared before the group's root may run before it, and be what the root reads
            early = _EARLIER[phases[r]] < _EARLIER[phase]
            if early or group_of[r].nodes[0].serial < target.nodes[0].serial:
                return None
    shape = target.shape
    if row is None:
        if not row_shaped(node.outputs[0], shape, target.row):
            return None
        row = Row(shape, target.row)
    elif target.row not in ((), row.axes) or row.shape != shape:
        return None
    own = put_back(contiguous_strides(without(shape, row.axes)), row.axes, len(shape))
    for reader in readers:
        for v in reader.inputs:
            if users.of(v.node) is node and not _reads_rows(v, node, reader, row, own):
                return None
    target.row = row.axes
    return target


def _reads_rows(v: Value, node: Node, reader: Node, row: Row, own: tuple[Size, ...]) -> bool:
    """Whether ``reader`` sees, through the views that lead to its operand ``v``, each row's own value of ``node``: over
    the shape of the rows it has the strides ``own``."""
    chain = []
    while v.node is not node:
        chain.append(v.node)
        v = v.node.inputs[0]
    at: Strided | None = Strided(0, contiguous_strides(v.shape))
    last = v
    for view in reversed(chain):
        at = view.op.kernel.rule(view, at)
        if at is None or view.op.name == "custom":
            return False
        last = view.outputs[0]
    frame = reader.inputs[0].shape if type(reader.op.kernel) is Reduce else reader.outputs[0].shape
    if at is None or at.offset != 0:
        return False
    strides = in_frame(last, at.strides, frame, *row)
    return all(a == b or n == 1 for a, b, n in zip(strides, own, row.shape))


def in_frame(
    value: Value, strides: tuple[Size, ...], frame: Shape, shape: Shape, row: tuple[int, ...]
) -> tuple[Size, ...]:
    """Strides over ``shape`` of an operand of a node whose own shape is ``frame``: broadcast to it, and with the row's
    dimensions behind it where the node has dropped them."""
    if value.shape == frame == shape:
        return strides
    extra = len(frame) - value.ndim
    over = (0,) * extra + tuple(0 if s == 1 and t != 1 else st for s, t, st in zip(value.shape, frame[extra:], strides))
    if row and len(frame) == len(shape) - len(row) and frame == without(shape, row):
        return put_back(over, row, len(shape))
    missing = len(shape) - len(frame)
    whole, over = (1,) * missing + frame, (0,) * missing + over
    return tuple(0 if s == 1 and t != 1 else st for s, t, st in zip(whole, shape, over))


def _meet(
    group_of: dict[Node, Group],
    users: Users,
    phases: dict[Node, str],
    forced: set[Node],
    forward: Group,
    backward: Group,
) -> bool:
    """Whether the forward pass ends in a group and the backward pass begins in one that can be one instruction: nothing
    else of the forward pass reads it, and no more values are stored for it than no longer need to be."""
    if forward.phase != "forward" or backward.phase != "backward" or forward.row or backward.row:
        return False
    balance = 0
    for node in forward.nodes:
        owners = set()
        for reader in users.readers.get(node, ()):
            owner = group_of[reader]
            if owner is not forward and phases[reader] == "forward":
                return False
            owners.add(owner)
        balance += backward in owners and owners <= {forward, backward} and node not in forced
    for node in backward.nodes:
        if type(node.op.kernel) is Tile:
            balance -= any(group_of[r] is not backward for r in users.readers.get(node, ()))
    return balance >= 0
