"""Rewriting a graph into a smaller one that computes the same: one sweep in topological order.

Each node is visited when its operands have their final form: it is made again over them if they changed, computed
if it depends on constants only (``fold``), replaced where a row of the table fits (``rewrite``; what the row built is
visited next), and given up for an equal node met before (``merge``). What nothing needs any more is left behind.
Invariants: a value is replaced by one of its shape and dtype; the order in which nodes were declared stays, so nodes
up to the first change are shared with the original graph and the others made again; every new node has the source
line, scope and forward node of the one it stands for, and counts by how many rewrites it came. No recursion.
The bodies of loops and branches are simplified each by itself.
Must not know: what the rows do; plans.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from ..errors import GraphError
from ..ir.graph import Graph, shared
from ..ir.node import LEAVES, Node, Origin, Value, ambient, origin_of
from ..ir.text import is_literal, type_text
from ..ops.naming import NAMED, labels_of
from ..ops.registry import Branch, Loop
from ..ops.tensor import CONSTANT, constant
from .fold import fold
from .rules import Table

PASSES = ("fold", "rewrite", "merge", "final")


def simplify(
    graph: Graph, passes: Collection[str] = PASSES, bodies: dict[str, Graph] | None = None
) -> tuple[Graph, dict[Value, Value]]:
    """A simpler graph over the same leaves, and what each of the graph's values that changed has become.

    ``passes``: "fold" constants, "rewrite" by the table of rules, "merge" equal nodes, and "final": also the rows that
    hold only in a graph that is not differentiated any more (a stop_gradient is its operand). ``bodies``: of the graph
    around this one, by text.
    """
    known = {} if bodies is None else bodies
    last = max((n.serial for n in graph.nodes), default=0)
    sweep = _Sweep(passes, known, last, labels_of(graph.nodes))
    before = ambient.now
    try:
        for node in graph.nodes:
            sweep.visit(node)
    finally:
        ambient.now = before
    became = sweep.became
    result = Graph(
        graph.name,
        graph.inputs,
        [became.get(v, v) for v in graph.outputs],
        [(p, became.get(v, v)) for p, v in graph.updates],
        graph.parameters,
    )
    return result, became


def _made_since(serial: int, value: Value) -> list[Node]:
    """The nodes under ``value`` that are younger than ``serial``, operands first, and the constants they use, which
    may have been made for another graph."""
    found: set[Node] = set()
    stack = [value.node]
    while stack:
        node = stack.pop()
        if (node.serial > serial or node.op is CONSTANT) and node not in found:
            found.add(node)
            stack.extend(v.node for v in node.inputs)
    return sorted(found, key=lambda n: n.serial)


class _Sweep:
    """The state of one simplification."""

    def __init__(self, passes: Collection[str], known: dict[str, Graph], last: int, labels: dict[Value, str]):
        unknown = set(passes) - set(PASSES)
        if unknown:
            raise GraphError(f"simplify: no pass {', '.join(sorted(unknown))}; there are {', '.join(PASSES)}")
        self.passes, self.known = passes, known
        self.folds, self.merges = "fold" in passes, "merge" in passes
        self.table = Table("final" in passes) if "rewrite" in passes else None
        self.became: dict[Value, Value] = {}  # only what changed
        self.seen: dict[int, Node] = {}  # by the hash of what makes them equal
        self.labels = labels  # what people call values
        self.last = last  # serial of the youngest node that was there before
        self.origins: tuple[Origin | None, Origin | None] = (None, None)  # the last one met, and what it became

    def visit(self, node: Node) -> None:
        """Brings one node, and what rows make of it, to its final form."""
        became = self.became
        tasks: list[Any] = [node]
        while tasks:
            task: Any = tasks.pop()
            if type(task) is tuple:  # a replacement that is final by now
                old, new = task
                became[old] = became[new] if new in became else new
                if old in self.labels:
                    self.call(became[old], self.labels[old])
                continue
            current = self.renew(task)
            rewritten = self.rewrite(current)
            if rewritten is None:
                final = self.merged(current)
                if self.labels:
                    for y, z in zip(task.outputs, final.outputs):
                        if y in self.labels:
                            self.call(z, self.labels[y])
                if final is not task:
                    olds, news = task.outputs, final.outputs
                    if len(olds) == 1:
                        became[olds[0]] = news[0]
                    else:
                        became.update(zip(olds, news))
                continue
            (y,) = current.outputs
            if rewritten.shape != y.shape or rewritten.dtype is not y.dtype:
                raise GraphError(f"a rewrite of {node.op.name} gave {type_text(rewritten)} for {type_text(y)}")
            tasks.append((task.outputs[0], rewritten))
            made = _made_since(current.serial, rewritten)
            for n in made:
                if n.serial > current.serial:
                    n.rewrites = current.rewrites + 1
            tasks.extend(reversed(made))

    def renew(self, node: Node) -> Node:
        """``node`` over the final form of its operands."""
        became = self.became
        if self.labels and node.op is not CONSTANT:  # any node may get a label, and who built it sees it as it was
            node = node.over(node.inputs, node.origin)
        kernel = type(node.op.kernel)
        attrs = self.bodies(node) if kernel is Loop or kernel is Branch else node.attrs
        if not became:
            return node if attrs is node.attrs else node.over(node.inputs, node.origin, attrs)
        origin = node.origin
        if origin is not None:
            origin = self.moved(origin)
        inputs = node.inputs
        for v in inputs:
            if v in became:
                inputs = tuple(map(became.get, inputs, inputs))
                break
        else:
            in_order = node.serial > self.last or is_literal(node)
            if in_order and origin is node.origin and attrs is node.attrs:
                return node
        return node.over(inputs, origin, attrs)

    def call(self, value: Value, name: str) -> None:
        """Labels a value by a name that was given to what it was; leaves have names of their own."""
        node = value.node
        if node.op.name not in LEAVES and not value.name:
            labels = node.labels or ("",) * len(node.outputs)
            node.labels = (*labels[: value.index], name, *labels[value.index + 1 :])

    def moved(self, origin: Origin) -> Origin:
        """``origin`` with its forward node followed to what it became."""
        known, now = self.origins
        if origin is not known:
            found = self.became.get(origin.node.outputs[0])
            is_node = found is not None and found.node.op.name not in LEAVES
            now = origin_of(found.node, origin.rule) if is_node else origin  # type: ignore[union-attr]
            self.origins = (origin, now)
        return now  # type: ignore[return-value]

    def bodies(self, node: Node) -> dict[str, Any]:
        """The attributes of a node with simplified inner graphs; those that are equal are one object."""
        found = {}
        for key, inner in node.attrs.items():
            if isinstance(inner, Graph):
                simple, became = simplify(inner, self.passes, self.known)
                found[key] = shared(simple if became else inner, self.known)
        if all(node.attrs[key] is inner for key, inner in found.items()):
            return node.attrs
        return {**node.attrs, **found}

    def rewrite(self, node: Node) -> Any:
        """What the first step that applies makes of a node, built in its name; else None."""
        inputs = node.inputs
        if node.op is CONSTANT:
            return None
        if node.op is NAMED:
            return inputs[0]
        folds = self.folds and inputs and inputs[0].node.op is CONSTANT
        rows = self.table.of(node) if self.table else ()
        if not rows and not folds:
            return None
        ambient.now = (node.origin, node.source, node.scope)
        if folds:
            array = fold(node)
            if array is not None:
                return constant(array)
        for row in rows:
            result = row(node)
            if result is not None:
                return result
        return None

    def merged(self, node: Node) -> Node:
        """An equal node met before, else ``node``."""
        if not self.merges:
            return node
        op, inputs, attrs = node.op, node.inputs, node.attrs
        if op is CONSTANT:
            array = attrs["value"]
            key = hash((array.dtype, array.shape, array.tobytes()))
        else:
            if op.commutative:
                a, b = inputs
                operands: Any = (a, b) if id(a) < id(b) else (b, a)
            else:
                operands = inputs
            try:
                key = hash((op.name, operands, tuple(attrs.items())) if attrs else (op.name, operands))
            except TypeError:  # an attribute that does not hash is equal to none
                return node
        found = self.seen.setdefault(key, node)
        return found if found is node or _are_equal(found, node) else node


def _are_equal(a: Node, b: Node) -> bool:
    """Whether two nodes of the same hash compute the same."""
    if a.op is CONSTANT and b.op is CONSTANT:
        x, y = a.attrs["value"], b.attrs["value"]
        return x.dtype == y.dtype and x.shape == y.shape and x.tobytes() == y.tobytes()
    if a.op.name != b.op.name or len(a.inputs) != len(b.inputs) or a.attrs != b.attrs:
        return False
    if all(v is w for v, w in zip(a.inputs, b.inputs)):
        return True
    return a.op.commutative and a.inputs[0] is b.inputs[1] and a.inputs[1] is b.inputs[0]
