# cython: language_level=3
"""The walks of fuse.py, readers.py, duplicate.py and phases.py over the nodes of a graph, in C: what is done for every
node that there is.

Owns: groups, how they grow from their consumers and merge, what crosses them, what is near enough to be repeated. What
is asked of a few nodes only, such as whether rows agree, is fuse.py's, whose invariants hold here too. Must not know:
buffers, encodings.
"""

from graphdiff.ir.node import Node, Value
from graphdiff.ops.microops import MICROOPS
from graphdiff.ops.registry import Attention, Index, Matmul, Nothing, Op, Reduce, Tile, View

include "../ir/slots.pxi"

cdef object NOTHING = Nothing, INDEX = Index, VIEW = View, TILE = Tile, REDUCE = Reduce
cdef object MATMUL = Matmul, ATTENTION = Attention
cdef set CHEAP = {name for name, microop in MICROOPS.items() if microop.cost == 1}  # no dearer than an addition
cdef Py_ssize_t OP = slot_of(Node, "op"), INPUTS = slot_of(Node, "inputs"), ATTRS = slot_of(Node, "attrs")
cdef Py_ssize_t OUTPUTS = slot_of(Node, "outputs")
cdef Py_ssize_t V_NODE = slot_of(Value, "node"), V_SHAPE = slot_of(Value, "shape"), V_DTYPE = slot_of(Value, "dtype")
cdef Py_ssize_t SERIAL = slot_of(Node, "serial")
cdef Py_ssize_t KERNEL = slot_of(Op, "kernel"), NAME = slot_of(Op, "name")


cdef class Group:
    """Nodes that run as one instruction. ``shape`` is None for kinds that are never fused; ``axes``: of the reductions
    that leave it, all the same; ``loads``: how many results of nodes of other kinds its nodes read; ``row``: the axes
    that make a row, where values are reduced along rows inside; ``merged``: the group that it has joined."""

    cdef public list nodes
    cdef public object shape, axes
    cdef public str phase
    cdef public tuple row
    cdef public Py_ssize_t loads, position
    cdef public Group merged
    cdef dict deps  # external producers -> whether elementwise members read them directly

    def __init__(self, node, shape, str phase, axes=None):
        self.nodes = [node]
        self.shape, self.phase, self.axes = shape, phase, axes
        self.row = ()


cdef inline kind_of(node):
    return type(read(read(node, OP), KERNEL))


cdef inline bint is_same(a, b):
    """Whether shapes are equal: most that are, are one object."""
    return a is b or a == b


def spread(list nodes, dict phases):
    """The elementwise nodes of the forward pass that are larger than all that they read, but for positions."""
    cdef list found = []
    for node in nodes:
        if kind_of(node) is TILE and phases[node] == "forward":
            shape = read((<tuple>read(node, OUTPUTS))[0], V_SHAPE)
            for v in <tuple>read(node, INPUTS):
                if is_same(read(v, V_SHAPE), shape) and read(read(read(v, V_NODE), OP), NAME) != "index":
                    break
            else:
                found.append(node)
    return found


cdef Py_ssize_t loads_of(node, dict base) except -1:
    """How many operands of ``node`` are results of nodes that never join a group."""
    cdef Py_ssize_t n = 0
    for v in <tuple>read(node, INPUTS):
        source = read(v, V_NODE)
        kind = kind_of(source)
        if kind is VIEW:
            kind = kind_of(base.get(source, source))
        if not (kind is TILE or kind is NOTHING or kind is REDUCE or kind is INDEX or kind is VIEW):
            n += 1
    return n


def trees(
    list nodes, dict base, set forced, dict phases, dict row_of, by_row, Py_ssize_t most_nodes, Py_ssize_t most_loads
):
    """Consumer by consumer, from the end: nodes join the one group that reads them. A group's first is its root.

    ``base``: of views, the node whose storage they read; ``row_of``: rows of those that may join by them;
    ``by_row(node, group_of, row)``: the group that such a node can join; ``most_nodes``, ``most_loads``: of a group."""
    cdef dict group_of = {}
    cdef dict asked = {}  # by the one group that reads it; None: by several, or through a view
    cdef Group target
    cdef Py_ssize_t loads
    cdef str phase
    for node in reversed(nodes):
        kind = kind_of(node)
        if kind is NOTHING or kind is INDEX or kind is VIEW:
            if kind is VIEW and node in asked:
                asked[read((<tuple>read(node, INPUTS))[0], V_NODE)] = None
            continue
        phase = <str>phases[node]
        target = asked.pop(node, None)
        loads = 0
        shape = None
        if kind is TILE:
            shape = read((<tuple>read(node, OUTPUTS))[0], V_SHAPE)
            loads = loads_of(node, base)
            if node in forced:
                target = None
            elif target is not None:
                if (
                    (not is_same(target.shape, shape) and (shape != () or target.shape is None))
                    or target.phase != phase
                    or len(target.nodes) >= most_nodes
                    or target.loads + loads > most_loads
                ):
                    target = None
                if target is None and row_of:
                    target = by_row(node, group_of, row_of.get(node))
            elif row_of:
                target = by_row(node, group_of, row_of.get(node))
        elif kind is REDUCE:
            shape = read((<tuple>read(node, INPUTS))[0], V_SHAPE)
            target = by_row(node, group_of, row_of[node]) if node in row_of else None
        else:
            target = None
        if target is not None:
            target.nodes.append(node)
        elif kind is REDUCE:
            target = Group(node, shape, phase, (<dict>read(node, ATTRS))["axes"])
        else:
            target = Group(node, shape, phase)
        target.loads += loads
        group_of[node] = target
        for v in <tuple>read(node, INPUTS):
            source = read(v, V_NODE)
            if asked.setdefault(source, target) is not target:
                asked[source] = None
    return group_of


def merge(list ordered, dict group_of, dict base, meet, Py_ssize_t most_nodes, Py_ssize_t most_loads):
    """Joins groups over the same elements that share values, where every other dependence keeps its direction.
    ``meet(forward, backward)``: whether groups of two phases may be one."""
    cdef dict reading = {}  # by shape: the last group that reads a node over it
    cdef dict last, deps, both
    cdef set leaves, candidates
    cdef Group g, owner, other
    for g in ordered:
        if g.shape is None:
            continue
        last = reading.get(g.shape)
        if last is None:
            last = reading[g.shape] = {}
        deps, leaves, candidates = {}, set(), set()
        for node in g.nodes:
            for v in <tuple>read(node, INPUTS):
                direct = source = read(v, V_NODE)
                owner = group_of.get(source)
                if owner is None and source in base:
                    source = base[source]
                    owner = group_of.get(source)
                if owner is None:
                    if kind_of(source) is NOTHING and read(read(source, OP), NAME) != "constant":
                        leaves.add(source)
                elif owner is not g:
                    deps[source] = source is direct and deps.get(source, True)
        g.deps = deps
        for source, direct in deps.items():
            if not direct:
                continue
            owner = group_of[source]
            if is_same(owner.shape, g.shape) and kind_of(source) is TILE:
                candidates.add(owner)
            other = last.get(source)
            if other is not None:
                candidates.add(found(other))
        for source in leaves:
            other = last.get(source)
            if other is not None:
                candidates.add(found(other))
        owner = g
        for other in sorted(candidates, key=position_of, reverse=True) if len(candidates) > 1 else candidates:
            if not may_merge(other, owner, group_of, most_nodes, most_loads):
                continue
            if other.phase != owner.phase and not meet(other, owner):
                continue
            other.nodes.extend(owner.nodes)
            other.loads += owner.loads
            other.axes = other.axes or owner.axes
            other.phase = owner.phase
            owner.merged = other
            both = other.deps
            for node in owner.nodes:
                group_of[node] = other
                both.pop(node, None)
            for source, direct in owner.deps.items():
                if group_of[source] is not other:
                    both[source] = both.get(source, True) and direct
            owner.deps = None
            owner = other
        for source in deps:  # what g itself computes is found by its owner
            last[source] = owner
        for source in leaves:
            last[source] = owner


def position_of(Group g):
    return g.position


cdef Group found(Group g):
    while g.merged is not None:
        g = g.merged
    return g


cdef bint may_merge(
    Group first, Group second, dict group_of, Py_ssize_t most_nodes, Py_ssize_t most_loads
) except -1:
    """Whether ``second`` can run as part of ``first``, at its place."""
    cdef Group owner
    if first is second or not is_same(first.shape, second.shape):
        return False
    if (first.row or second.row) and (first.row != second.row or first.axes is not None or second.axes is not None):
        return False
    if first.axes is not None and second.axes is not None and first.axes != second.axes:
        return False
    if len(first.nodes) + len(second.nodes) > most_nodes or first.loads + second.loads > most_loads:
        return False
    for source, direct in second.deps.items():
        owner = group_of[source]
        if owner is first:
            if not direct or kind_of(source) is not TILE:
                return False
            if not is_same(read((<tuple>read(source, OUTPUTS))[0], V_SHAPE), first.shape):
                return False
        elif owner.position >= first.position:
            return False
    return True


def cross(nodes, dict group_of, forms, reads, products):
    """Who reads what among ``nodes``: fills ``reads``, which readers.py explains. ``forms``: loops as lowered;
    ``products``: kinds whose results epilogues read."""
    cdef dict base = reads.base, outside = reads.outside, loads = reads.loads
    cdef set stored = reads.stored, inside = reads.inside
    cdef Group g
    for node in nodes:
        g = group_of.get(node)
        if g is None and kind_of(node) is VIEW:
            v = (<tuple>read(node, INPUTS))[0]
            base[(<tuple>read(node, OUTPUTS))[0]] = base.get(v, v)
            continue
        for seen in forms[node].operands() if forms and node in forms else <tuple>read(node, INPUTS):
            source = read(seen, V_NODE)
            kind = kind_of(source)
            if group_of.get(source) is g:
                if kind is TILE:
                    inside.add(seen)
                continue
            v = seen
            if kind is VIEW and v in base:
                v = base[v]
                source = read(v, V_NODE)
                kind = kind_of(source)
                if group_of.get(source) is g:
                    if kind is TILE:
                        inside.add(v)
                    continue
            stored.add(v)
            if kind is MATMUL or (kind is ATTENTION and kind_of(node) is not ATTENTION):
                reads.read_as.setdefault(v, set()).add(seen)
            if kind in products:
                reads.read_by.setdefault(v, set()).add(g)
            elif kind is TILE:
                of = outside.get(v)
                if of is None:
                    of = outside[v] = {}
                of[g if seen is v else None] = None
            if g is not None and g.shape is not None:
                of = loads.get(g)
                if of is None:
                    of = loads[g] = set()
                of.add(seen)


cdef bint is_cheap(node, dict group_of) except -1:
    """Whether a node may be repeated: elementwise and no dearer than an addition, of its group's shape."""
    cdef Group g
    kernel = read(read(node, OP), KERNEL)
    if type(kernel) is not TILE or kernel.microop not in CHEAP:
        return False
    g = group_of[node]
    return is_same(read((<tuple>read(node, OUTPUTS))[0], V_SHAPE), g.shape)


def cheap_ones(reads, dict group_of, required):
    """The values that may be computed again by who reads them, as they were declared: cheap, read by their own group
    too, and not ``required``."""
    cdef set inside = reads.inside
    cdef list found = []
    for v in <dict>reads.outside:
        if v in inside and v not in required and is_cheap(read(v, V_NODE), group_of):
            found.append(v)
    found.sort(key=serial_of)
    return found


def serial_of(value):
    return read(read(value, V_NODE), SERIAL)


cdef bint is_narrow(view, Group g, reads, dict group_of) except -1:
    """Whether a view of what another group stores, or of a leaf, is spread over the elements of ``g``."""
    stored = (<dict>reads.base).get(view, view)
    source = read(stored, V_NODE)
    there = stored in <set>reads.stored if source in group_of else kind_of(source) is NOTHING
    return there and not is_same(read(view, V_SHAPE), g.shape) and group_of.get(source) is not g


def chain(v, Group g, reads, dict group_of, dict has, Py_ssize_t most, Py_ssize_t most_nodes):
    """The nodes that ``g``, which repeats those that it ``has``, needs to compute ``v``, operands first, and what it
    has to load besides; None: too much. ``most``: operations for one value; ``most_nodes``: of a group."""
    cdef dict nodes = {}, loads = {}
    cdef list waiting = [v]
    cdef set loaded = reads.loads[g], stored = reads.stored
    cdef Py_ssize_t room = read(v, V_DTYPE).itemsize  # of v, which is no longer loaded
    cdef Group owner
    while waiting:
        u = waiting.pop()
        node = read(u, V_NODE)
        if u is not v and (u in loaded or node in has or node in nodes or u in loads):
            continue
        owner = group_of.get(node)
        if owner is g:
            return None
        if u is not v and (owner is None or u in stored):
            kind = kind_of(node)
            if kind is VIEW and not is_narrow(u, g, reads, group_of):
                return None  # what it is a view of may not be stored, or be read better as it is
            if is_same(read(u, V_SHAPE), g.shape):
                room -= read(u, V_DTYPE).itemsize
            if kind is not NOTHING or read(read(node, OP), NAME) != "constant" or read(u, V_SHAPE):
                loads[u] = None
        elif not is_cheap(node, group_of) or not is_same(read(u, V_SHAPE), g.shape):
            return None
        else:
            nodes[node] = None
            waiting.extend(<tuple>read(node, INPUTS))
        if len(nodes) > most or room < 0:
            return None
    if len(nodes) + len(g.nodes) + len(has) > most_nodes:
        return None
    return sorted(nodes, key=node_serial), list(loads)


def node_serial(node):
    return read(node, SERIAL)
