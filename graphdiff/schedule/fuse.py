"""Which nodes become one instruction: elementwise chains, broadcasts and trailing reductions form groups.

First each elementwise node joins the group of its consumers if they are all in one: such a group has one result, so no
cycle can arise. Then groups over the same elements merge where one reads what the other computes or both read the same,
if the order of all others allows. Views are transparent: they are read through strides.
Invariants: a group is one phase and one iteration shape; groups are in topological order; only elementwise results and
reductions leave a group.
Must not know: buffers, encodings; the graph is not changed.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..ir.dims import Shape
from ..ir.graph import LEAVES, Node, Value
from ..ops.registry import Index, Reduce, Tile, View

GROUP_LIMIT = 160  # micro-operations in one group: compile time and registers stay bounded


class Group:
    """Nodes that run as one instruction. ``shape`` is None for kinds that are never fused."""

    __slots__ = ("nodes", "shape", "phase", "axes", "position", "merged")

    def __init__(self, node: Node, shape: Shape | None, phase: str, axes: tuple[int, ...] | None = None):
        self.nodes = [node]
        self.shape = shape
        self.phase = phase
        self.axes = axes  # of its reductions: all the same
        self.position = 0
        self.merged: Group | None = None


class Users:
    """Who reads each node's results, seen through views."""

    def __init__(self, nodes: Iterable[Node]):
        self.base: dict[Node, Node] = {}  # view -> the node whose storage it reads
        self.readers: dict[Node, list[tuple[Node, bool]]] = {}  # node -> (reader, not through a view)
        base = self.base
        for node in nodes:
            if type(node.op.kernel) is View:
                source = node.inputs[0].node
                base[node] = base.get(source, source)
                continue
            for v in node.inputs:
                source = base.get(v.node, v.node)
                self.readers.setdefault(source, []).append((node, source is v.node))

    def of(self, node: Node) -> Node:
        return self.base.get(node, node)


def is_free(node: Node) -> bool:
    """Whether a value needs no instruction wherever it is read: leaves, indices, views."""
    return node.op.name in LEAVES or type(node.op.kernel) in (Index, View)


def group(nodes: list[Node], kept: Iterable[Value], phases: dict[Node, str]) -> tuple[list[Group], dict[Node, Group]]:
    """The groups of ``nodes`` in topological order, and each node's group. ``kept`` values are stored: outputs,
    updates, and what views of them name."""
    users = Users(nodes)
    forced = {users.of(v.node) for v in kept}
    group_of = _trees(nodes, users, forced, phases)
    ordered = sorted(dict.fromkeys(group_of.values()), key=lambda g: g.nodes[0].serial)
    for i, g in enumerate(ordered):
        g.position = i
    _merge(ordered, group_of, users)
    final = [g for g in ordered if g.merged is None]
    final.sort(key=lambda g: g.position)
    for g in final:
        g.nodes.sort(key=lambda n: n.serial)
    return final, group_of


def _trees(nodes: list[Node], users: Users, forced: set[Node], phases: dict[Node, str]) -> dict[Node, Group]:
    """Consumer by consumer, from the end: nodes join the one group that reads them. A group's first is its root."""
    group_of: dict[Node, Group] = {}
    for node in reversed(nodes):
        if is_free(node):
            continue
        kind = type(node.op.kernel)
        phase = phases[node]
        if kind is Reduce:
            group_of[node] = Group(node, node.inputs[0].shape, phase, node.attrs["axes"])
            continue
        if kind is not Tile:
            group_of[node] = Group(node, None, phase)
            continue
        shape = node.outputs[0].shape
        target = None
        if node not in forced:
            for reader, direct in users.readers.get(node, ()):
                g = group_of.get(reader)
                if not direct or g is None or (target is not None and g is not target):
                    target = None
                    break
                target = g
        if (
            target is not None
            and (target.shape == shape or (shape == () and target.shape is not None))
            and target.phase == phase
            and len(target.nodes) < GROUP_LIMIT
        ):
            target.nodes.append(node)
            group_of[node] = target
        else:
            group_of[node] = Group(node, shape, phase)
    return group_of


def _merge(ordered: list[Group], group_of: dict[Node, Group], users: Users) -> None:
    """Joins groups over the same elements that share values, where every other dependence keeps its direction."""
    reading: dict[tuple[Node, Shape], Group] = {}  # the last group that reads a node directly, over a shape
    for g in ordered:
        if g.shape is None:
            continue
        deps: dict[Node, bool] = {}  # external producers -> read directly by elementwise members
        for node in g.nodes:
            for v in node.inputs:
                source = users.of(v.node)
                if is_free(source):
                    continue
                if group_of[source] is not g:
                    deps[source] = deps.get(source, True) and source is v.node
        candidates = []
        for source, direct in deps.items():
            owner = _find(group_of[source])
            if owner.shape == g.shape and direct and type(source.op.kernel) is Tile:
                candidates.append(owner)
            sibling = reading.get((source, g.shape))
            if sibling is not None and direct:
                candidates.append(_find(sibling))
        for node in g.nodes:
            for v in node.inputs:
                leaf = users.of(v.node)
                if leaf.op.name in LEAVES and leaf.op.name != "constant":
                    sibling = reading.get((leaf, g.shape))
                    if sibling is not None:
                        candidates.append(_find(sibling))
        for other in sorted(set(candidates), key=lambda c: -c.position):
            if _may_merge(other, g, deps, group_of):
                other.nodes.extend(g.nodes)
                other.axes = other.axes or g.axes
                g.merged = other
                break
        owner = _find(g)
        for node in g.nodes:
            for v in node.inputs:
                reading[users.of(v.node), g.shape] = owner


def _find(g: Group) -> Group:
    while g.merged is not None:
        g = g.merged
    return g


def _may_merge(first: Group, second: Group, deps: dict[Node, bool], group_of: dict[Node, Group]) -> bool:
    """Whether ``second`` can run as part of ``first``, at its place."""
    if first is second or first.shape != second.shape or first.phase != second.phase:
        return False
    if first.axes is not None and second.axes is not None and first.axes != second.axes:
        return False
    if len(first.nodes) + len(second.nodes) > GROUP_LIMIT:
        return False
    for source, direct in deps.items():
        owner = _find(group_of[source])
        if owner is first:
            if not direct or type(source.op.kernel) is not Tile or source.outputs[0].shape != first.shape:
                return False
        elif owner.position >= first.position:
            return False
    return True
