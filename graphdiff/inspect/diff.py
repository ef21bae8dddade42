"""Two graphs compared: which nodes were added, removed or changed.

Nodes have no names that last, so they are matched by what they compute: first nodes whose whole ancestry is the same,
then what is left by operation and type along the longest common order (as a diff of lines does); the pairs found in
that second way are the changed ones, except those that are the same over operands that changed. Time grows with nodes
and with the square of how many were added and removed, so large graphs that are much alike are compared at once.
Must not know: files, the command line.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ..ir.graph import Graph
from ..ir.node import Node
from ..ir.text import Names, attr_text, comment, implied_dtype, is_inline, literal, name_text, type_text, types_text
from ..runtime.compiled import CompiledGraph
from ..wording import one_line
from .picture import Drawable, whole_graph

MOST_EDITS = 2000  # nodes added and removed; graphs that differ by more are told as one taken for the other


class Difference(NamedTuple):
    """``added``, ``removed``: lines as the texts print them; ``changed``: pairs of lines, before and after;
    ``facts``: (what, before, after) of the whole graphs, those that are the same included."""

    before: str
    after: str
    added: list[str]
    removed: list[str]
    changed: list[tuple[str, str]]
    facts: list[tuple[str, str, str]]

    @property
    def same(self) -> bool:
        """Whether the graphs compute the same nodes over the same leaves."""
        return not (self.added or self.removed or self.changed)

    def __repr__(self) -> str:
        told = f"{len(self.added)} added, {len(self.removed)} removed, {len(self.changed)} changed"
        return one_line(f"<Difference from {self.before} to {self.after}: {told}>")

    def __str__(self) -> str:
        lines = [f"--- {self.before}", f"+++ {self.after}"]
        lines += [f"- {line}" for line in self.removed]
        lines += [f"+ {line}" for line in self.added]
        for a, b in self.changed:
            lines += [f"- {a}", f"+ {b}"]
        told = f"{len(self.added)} added, {len(self.removed)} removed, {len(self.changed)} changed"
        width = max((len(w) for w, _, _ in self.facts), default=0)
        lines += ["graphs are the same" if self.same else told]
        lines += [f"  {what.ljust(width)}  {a}" + (f" -> {b}" if a != b else "") for what, a, b in self.facts]
        return "\n".join(lines)


def diff(
    a: Drawable, b: Drawable, before: str = "before", after: str = "after", sizes: Mapping[str, int] | None = None
) -> Difference:
    """What changed from graph ``a`` to graph ``b``: nodes, leaves, results, and cost and arena before and after.

    ``a``, ``b``: graphs, compiled functions, adjoints, or Tensors with all they depend on; ``before``, ``after``: what
    the two are called; ``sizes``: named dimensions, on which cost and arena depend. Source lines and scopes do not
    count. Raises GraphError for what has no graph. Example::

        print(gd.inspect.diff(gd.parse(old), step, sizes={"batch": 32}))
    """
    a, b = whole_graph(a), whole_graph(b)
    left, right = _Lines(a), _Lines(b)
    kept = _common(left.deep, right.deep)
    rest_a = [n for n in range(len(left.text)) if n not in kept[0]]
    rest_b = [n for n in range(len(right.text)) if n not in kept[1]]
    found = _aligned([left.kind[n] for n in rest_a], [right.kind[n] for n in rest_b])
    partner = {rest_a[i]: rest_b[j] for i, j in found}
    taken = set(partner.values())
    changed = [(left.text[n], right.text[m]) for n, m in partner.items() if left.shallow[n] != right.shallow[m]]
    removed = [left.text[n] for n in rest_a if n not in partner]
    added = [right.text[n] for n in rest_b if n not in taken]
    if not (removed or added or changed):  # only what is computed from what has changed
        changed = [(left.text[n], right.text[m]) for n, m in partner.items()]
    facts = [(what, x, y) for (what, x), (_, y) in zip(_facts(a, sizes or {}), _facts(b, sizes or {}))]
    return Difference(before, after, added, removed, changed, facts)


class _Lines:
    """Of each leaf, node and result: its line, and digests of it - alone, and with all it depends on."""

    def __init__(self, graph: Graph):
        self.text: list[str] = []
        self.kind: list[str] = []  # operation and type
        self.shallow: list[str] = []  # and attributes
        self.deep: list[bytes] = []  # and operands, theirs included
        digest: dict[int, bytes] = {}
        leaves = (*graph.inputs, *graph.parameters)
        names = Names(leaves)
        for v in leaves:
            line = f"{v.node.op.name} {name_text(v.name)}: {type_text(v)}"
            digest[id(v)] = self._add(line, f"{v.node.op.name} {v.name}", line, [])
        for node in graph.nodes:
            if is_inline(node):
                digest[id(node.outputs[0])] = _hash(
                    [f"{names.of(node.outputs[0])} {types_text(node.outputs)}".encode()]
                )
                continue
            attrs = _attributes(node)
            names.add(node)
            implied = implied_dtype(node.inputs)
            said = ", ".join([*(names.of(v, implied) for v in node.inputs), *([attrs] if attrs else [])])
            results = ", ".join(names.of(v) for v in node.outputs)
            line = f"{results}: {types_text(node.outputs)} = {node.op.name}({said})"
            behind = comment(node, names)
            constants = [names.of(v, implied) for v in node.inputs if is_inline(v.node)]
            kind = f"{node.op.name} {types_text(node.outputs)}"
            alone = f"{kind} {attrs} {constants}"
            operands = [digest[id(v)] for v in node.inputs]
            mine = self._add(f"{line}  # {behind}" if behind else line, kind, alone, operands)
            for v in node.outputs:
                digest[id(v)] = _hash([mine, str(v.index).encode()])
        for k, v in enumerate(graph.outputs):
            self._add(f"return[{k}] {names.of(v)}: {type_text(v)}", "return", f"return {type_text(v)}", [digest[id(v)]])
        for p, v in graph.updates:
            self._add(f"update {name_text(p.name)} = {names.of(v)}", f"update {p.name}", "update", [digest[id(v)]])

    def _add(self, line: str, kind: str, alone: str, operands: Sequence[bytes]) -> bytes:
        self.text.append(line)
        self.kind.append(kind)
        self.shallow.append(alone)
        self.deep.append(_hash([alone.encode("utf-8", "replace"), kind.encode("utf-8", "replace"), *operands]))
        return self.deep[-1]


def _attributes(node: Node) -> str:
    if node.op.name == "constant":
        return literal(node.attrs["value"])
    return ", ".join(f"{k}={_body(v) if hasattr(v, 'nodes') else attr_text(v)}" for k, v in node.attrs.items())


def _body(graph: Graph) -> str:
    """An inner graph in a word: its size, and a digest of all of it."""
    return f"@{len(graph.nodes)} nodes {_hash(_Lines(graph).deep).hex()[:8]}"


def _hash(parts: Sequence[bytes]) -> bytes:
    return hashlib.blake2b(b"\0".join(parts), digest_size=16).digest()


def _common(a: Sequence[bytes], b: Sequence[bytes]) -> tuple[set[int], set[int]]:
    """Places of what both have, as often as both have it."""
    places: dict[bytes, list[int]] = {}
    for n in reversed(range(len(a))):
        places.setdefault(a[n], []).append(n)
    left, right = set(), set()
    for m, d in enumerate(b):
        if places.get(d):
            left.add(places[d].pop())
            right.add(m)
    return left, right


def _aligned(a: Sequence[Any], b: Sequence[Any]) -> list[tuple[int, int]]:
    """Places of a longest common subsequence, in order."""
    most = min(len(a), len(b))
    head = next((k for k in range(most) if a[k] != b[k]), most)
    tail = next((k for k in range(most - head) if a[-1 - k] != b[-1 - k]), most - head)
    inner = _shortest_edit(a[head : len(a) - tail], b[head : len(b) - tail])
    ends = [(len(a) - k, len(b) - k) for k in range(tail, 0, -1)]
    return [*((k, k) for k in range(head)), *((head + i, head + j) for i, j in inner), *ends]


def _shortest_edit(a: Sequence[Any], b: Sequence[Any]) -> list[tuple[int, int]]:
    """The pairs that a shortest list of edits leaves, by Myers' greedy algorithm (Algorithmica 1, 1986): for d = 0, 1,
    ... edits how far each diagonal k = x - y is reached. None where it takes too many edits."""
    reach, steps = {1: 0}, []
    for d in range(min(len(a) + len(b), MOST_EDITS) + 1):
        steps.append(dict(reach))
        for k in range(-d, d + 1, 2):
            down = k == -d or (k != d and reach[k - 1] < reach[k + 1])
            x = reach[k + 1] if down else reach[k - 1] + 1
            while x < len(a) and x - k < len(b) and a[x] == b[x - k]:
                x += 1
            reach[k] = x
            if x >= len(a) and x - k >= len(b):
                return _walked_back(steps, x, x - k)
    return []


def _walked_back(steps: Sequence[Mapping[int, int]], x: int, y: int) -> list[tuple[int, int]]:
    """The pairs on the way that reached (x, y)."""
    pairs = []
    for d in range(len(steps) - 1, -1, -1):
        reach, k = steps[d], x - y
        down = k == -d or (k != d and reach[k - 1] < reach[k + 1])
        before = k + 1 if down else k - 1
        x0 = reach[before] if d else 0
        start = (x0 if down else x0 + 1) if d else 0
        pairs += [(i, i - k) for i in range(x - 1, start - 1, -1)]
        x, y = x0, x0 - before
    return pairs[::-1]


def _facts(graph: Graph, sizes: Mapping[str, int]) -> list[tuple[str, str]]:
    """Cost and memory of a graph, where its sizes are known; without them, what can be said."""
    program = CompiledGraph(graph, [], None, False)
    out = [("nodes", f"{len(graph.nodes):,}"), ("instructions", f"{len(program.order):,}")]
    missing = [name for name in program.names if name not in sizes]
    if missing:
        unknown = "depends on " + ", ".join(missing)
        return [*out, ("flops", unknown), ("arena bytes", unknown)]
    plan = program.planned({name: sizes[name] for name in program.names}).plan
    return [*out, ("flops", f"{plan.flops:,}"), ("arena bytes", f"{plan.arena_bytes:,}")]
