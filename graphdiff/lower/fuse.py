"""Which nodes become one instruction: elementwise chains, broadcasts and trailing reductions form groups.

First each elementwise node joins the group of its consumers if they are all in one: such a group has one result, so no
cycle can arise. A reduction over the last axes whose result goes back to the very rows it came from joins too, with
what is computed on it row by row: softmax and layer normalisation are one instruction. Then groups over the same
elements merge where one reads what the other computes or both read the same, if the order of all others allows; where
the forward pass ends and the backward pass begins even across the two. Views are transparent: they are read through
strides.
Invariants: a group is one iteration shape and, but for that one case, one phase; groups are in topological order; only
elementwise results and reductions leave a group.
Must not know: buffers, encodings; the graph is not changed.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from operator import attrgetter

from ..ir.dims import Shape, Size
from ..ir.node import Node, Value
from ..ops.microops import REDUCTIONS
from ..ops.operands import contiguous_strides
from ..ops.registry import Index, Nothing, Reduce, Strided, Tile, View

GROUP_LIMIT = 160  # micro-operations in one group: compile time and registers stay bounded
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
        self.row = 0  # how many last dimensions make a row, where values are reduced along rows inside
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
    rows = False  # whether some group reduces along rows inside
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
            if target is None:
                if rows and node not in forced:
                    target = _by_row(node, users, group_of, phases, None)
            elif (
                (target.shape is not shape and target.shape != shape and (shape != () or target.shape is None))
                or target.phase != phase
                or len(target.nodes) >= GROUP_LIMIT
                or target.loads + loads > LOAD_LIMIT
            ):
                target = None
        elif kind is Reduce:
            shape = node.inputs[0].shape
            by_row = node not in forced and REDUCTIONS[node.op.kernel.reduction].row
            target = _by_row(node, users, group_of, phases, len(node.attrs["axes"])) if by_row else None
            if target is not None:
                target.row = len(node.attrs["axes"])
                rows = True
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


def row_shaped(value: Value, shape: Shape, row: int) -> bool:
    """Whether ``value`` has one element for each row of ``shape``, the row's dimensions dropped or kept as 1."""
    lead = shape[: len(shape) - row]
    return row > 0 and value.shape in (lead, (*lead, *(1,) * row))


def _by_row(
    node: Node, users: Users, group_of: dict[Node, Group], phases: dict[Node, str], row: int | None
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
        row = target.row
        if not row_shaped(node.outputs[0], shape, row):
            return None
    else:
        if target.row not in (0, row) or node.inputs[0].shape != shape:
            return None
        if node.attrs["axes"] != tuple(range(len(shape) - row, len(shape))):
            return None
    lead = contiguous_strides(shape[: len(shape) - row])
    for reader in readers:
        for v in reader.inputs:
            if users.of(v.node) is node and not _reads_rows(v, node, reader, shape, row, lead):
                return None
    return target


def _reads_rows(v: Value, node: Node, reader: Node, shape: Shape, row: int, lead: tuple[Size, ...]) -> bool:
    """Whether ``reader`` sees, through the views that lead to its operand ``v``, each row's own value of ``node``."""
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
    return at is not None and at.offset == 0 and in_frame(last, at.strides, frame, shape, row) == (*lead, *(0,) * row)


def in_frame(value: Value, strides: tuple[Size, ...], frame: Shape, shape: Shape, row: int) -> tuple[Size, ...]:
    """Strides over ``shape`` of an operand of a node whose own shape is ``frame``: broadcast to it, and with the row's
    dimensions behind it where the node has dropped them."""
    if value.shape == frame == shape:
        return strides
    extra = len(frame) - value.ndim
    over = (0,) * extra + tuple(0 if s == 1 and t != 1 else st for s, t, st in zip(value.shape, frame[extra:], strides))
    if row and len(frame) == len(shape) - row and frame == shape[: len(frame)]:
        return over + (0,) * row
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
