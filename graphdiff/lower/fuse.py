"""Which nodes become one instruction: elementwise chains, broadcasts and reductions form groups.

First each elementwise node joins the group of its consumers if they are all in one: such a group has one result, so no
cycle can arise. A reduction whose result goes back to the very rows it came from, which may lie along any axes, joins
too, with what is computed on it row by row: softmax, layer and batch normalisation are one instruction. Then groups
over the same elements merge where one reads what the other computes or both read the same, if the order of all others
allows; where the forward pass ends and the backward pass begins even across the two. Views are transparent: they are
read through strides.
Invariants: a group is one iteration shape and, but for that one case, one phase; groups are in topological order; only
elementwise results and reductions leave a group.
Must not know: buffers, encodings; the graph is not changed.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import NamedTuple

from ..ir.dims import Shape, Size, product
from ..ir.node import Node, Value
from ..ops.microops import REDUCTIONS
from ..ops.operands import contiguous_strides
from ..ops.registry import Index, Nothing, Reduce, Strided, Tile, View

GROUP_LIMIT = 160  # micro-operations in one group: compile time and registers stay bounded
ROW_LIMIT = 1 << 17  # elements of a row that stay in a core's cache from one reading to the next
FEW_ROWS = 8  # so many are too few to share out
SHORT_ROWS = 256  # elements of rows that lie across the last axes, all side by side
SIDE_BY_SIDE = 64  # so many such rows are read as one piece
LOAD_LIMIT = 16  # results of products and the like that one group reads: all of them are in memory until it runs


_EARLIER = {"forward": 0, "backward": 1, "update": 2}


class Group:
    """Nodes that run as one instruction. ``shape`` is None for kinds that are never fused."""

    __slots__ = ("nodes", "shape", "phase", "axes", "row", "loads", "position", "merged")

    def __init__(self, node: Node, shape: Shape | None, phase: str, axes: tuple[int, ...] | None = None):
        self.nodes = [node]
        self.shape = shape
        self.phase = phase
        self.axes = axes  # of the reductions that leave it: all the same
        self.loads = 0  # how many results of nodes of other kinds its nodes read
        self.row: tuple[int, ...] = ()  # the axes that make a row, where values are reduced along rows inside
        self.position = 0
        self.merged: Group | None = None


class Users:
    """Who reads each node's results, seen through views."""

    def __init__(self, nodes: Sequence[Node]):
        self.nodes = nodes
        self.base: dict[Node, Node] = {}  # view -> the node whose storage it reads
        for node in nodes:
            if type(node.op.kernel) is View:
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

    def loads(self, node: Node) -> int:
        """How many operands of ``node`` are results of nodes that never join a group."""
        n = 0
        for v in node.inputs:
            kind = type(v.node.op.kernel)
            if kind is View:
                kind = type(self.of(v.node).op.kernel)
            n += kind not in _JOINING
        return n


_FREE = (Nothing, Index, View)
_JOINING = frozenset((Nothing, Index, View, Tile, Reduce))


def group(
    nodes: list[Node], required: Iterable[Value], phases: dict[Node, str]
) -> tuple[list[Group], dict[Node, Group]]:
    """The groups of ``nodes`` in topological order, and each node's group. ``required`` values are stored: outputs,
    updates, and what views of them name."""
    users = Users(nodes)
    forced = {users.of(v.node) for v in required}
    group_of = _trees(nodes, users, forced, phases)
    ordered = sorted(dict.fromkeys(group_of.values()), key=lambda g: g.nodes[0].serial)
    for i, g in enumerate(ordered):
        g.position = i
    _merge(ordered, group_of, users, phases, forced)
    final = [g for g in ordered if g.merged is None]
    final.sort(key=lambda g: g.position)
    for g in final:
        g.nodes.sort(key=attrgetter("serial"))
    return final, group_of


def _trees(nodes: list[Node], users: Users, forced: set[Node], phases: dict[Node, str]) -> dict[Node, Group]:
    """Consumer by consumer, from the end: nodes join the one group that reads them. A group's first is its root."""
    group_of: dict[Node, Group] = {}
    asked: dict[Node, Group | None] = {}  # by the one group that reads it; None: by several, or through a view
    row_of = _rows(nodes, users, forced, phases)
    for node in reversed(nodes):
        kind = type(node.op.kernel)
        if kind in _FREE:
            if kind is View and node in asked:
                asked[node.inputs[0].node] = None
            continue
        phase = phases[node]
        target = asked.pop(node, None)
        loads = users.loads(node) if kind is Tile else 0
        if node in forced:
            target = None
        if kind is Tile:
            shape = node.outputs[0].shape
            if target is not None and (
                (target.shape is not shape and target.shape != shape and (shape != () or target.shape is None))
                or target.phase != phase
                or len(target.nodes) >= GROUP_LIMIT
                or target.loads + loads > LOAD_LIMIT
            ):
                target = None
            if target is None and row_of and node not in forced:
                target = _by_row(node, users, group_of, phases, row_of.get(node))
        elif kind is Reduce:
            shape = node.inputs[0].shape
            target = _by_row(node, users, group_of, phases, row_of[node]) if node in row_of else None
        else:
            target = None
        if target is not None:
            target.nodes.append(node)
        elif kind is Tile:
            target = Group(node, shape, phase)
        elif kind is Reduce:
            target = Group(node, shape, phase, node.attrs["axes"])
        else:
            target = Group(node, None, phase)
        target.loads += loads
        group_of[node] = target
        for v in node.inputs:
            asked[v.node] = target if asked.get(v.node, target) is target else None
    return group_of


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
    out either; of rows across many others, side by side, only a little of each is read at once, which costs more than
    it saves where it comes from memory; and short ones across the last axes are worked on one by one."""
    length = product(n for i, n in enumerate(row.shape) if i in row.axes)
    rows = product(without(row.shape, row.axes))
    behind = product(n for i, n in enumerate(row.shape) if i > max(row.axes))
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
    node: Node, users: Users, group_of: dict[Node, Group], phases: dict[Node, str], row: Row | None
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


def _merge(
    ordered: list[Group], group_of: dict[Node, Group], users: Users, phases: dict[Node, str], forced: set[Node]
) -> None:
    """Joins groups over the same elements that share values, where every other dependence keeps its direction."""
    reading: dict[tuple[Node, Shape], Group] = {}  # the last group that reads a node, over a shape
    deps_of: dict[Group, dict[Node, bool]] = {}
    base = users.base
    for g in ordered:
        if g.shape is None:
            continue
        deps: dict[Node, bool] = {}  # external producers -> read directly by elementwise members
        leaves: set[Node] = set()
        for node in g.nodes:
            for v in node.inputs:
                source = v.node
                owner = group_of.get(source)
                if owner is None and source in base:
                    source = base[source]
                    owner = group_of.get(source)
                if owner is None:
                    if type(source.op.kernel) is Nothing and source.op.name != "constant":
                        leaves.add(source)
                elif owner is not g:
                    deps[source] = source is v.node and deps.get(source, True)
        deps_of[g] = deps
        candidates = set()
        for source, direct in deps.items():
            owner = group_of[source]
            if owner.shape == g.shape and direct and type(source.op.kernel) is Tile:
                candidates.add(owner)
            sibling = reading.get((source, g.shape))
            if sibling is not None and direct:
                candidates.add(_find(sibling))
        for source in leaves:
            sibling = reading.get((source, g.shape))
            if sibling is not None:
                candidates.add(_find(sibling))
        owner = g
        for other in sorted(candidates, key=lambda c: -c.position):
            if not _may_merge(other, owner, deps_of[owner], group_of):
                continue
            if other.phase != owner.phase and not _meet(other, owner, group_of, users, phases, forced):
                continue
            other.nodes.extend(owner.nodes)
            other.loads += owner.loads
            other.axes = other.axes or owner.axes
            other.phase = owner.phase
            owner.merged = other
            both = deps_of[other]
            for node in owner.nodes:
                group_of[node] = other
                both.pop(node, None)
            for source, direct in deps_of.pop(owner).items():
                if group_of[source] is not other:
                    both[source] = both.get(source, True) and direct
            owner = other
        for source in (*deps, *leaves):  # what g itself computes is found by its owner
            reading[source, g.shape] = owner


def _meet(
    forward: Group,
    backward: Group,
    group_of: dict[Node, Group],
    users: Users,
    phases: dict[Node, str],
    forced: set[Node],
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


def _find(g: Group) -> Group:
    while g.merged is not None:
        g = g.merged
    return g


def _may_merge(first: Group, second: Group, deps: dict[Node, bool], group_of: dict[Node, Group]) -> bool:
    """Whether ``second`` can run as part of ``first``, at its place."""
    if first is second or first.shape != second.shape:
        return False
    if (first.row or second.row) and (first.row != second.row or first.axes is not None or second.axes is not None):
        return False
    if first.axes is not None and second.axes is not None and first.axes != second.axes:
        return False
    if len(first.nodes) + len(second.nodes) > GROUP_LIMIT or first.loads + second.loads > LOAD_LIMIT:
        return False
    for source, direct in deps.items():
        owner = group_of[source]
        if owner is first:
            if not direct or type(source.op.kernel) is not Tile or source.outputs[0].shape != first.shape:
                return False
        elif owner.position >= first.position:
            return False
    return True
