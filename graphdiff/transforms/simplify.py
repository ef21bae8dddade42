"""Rewriting a graph into a smaller one that computes the same: one sweep in topological order.

Each node is visited when its operands have their final form: it is made again over them if they changed, computed
if it depends on constants only (``fold``), replaced where a row of the table fits (``rewrite``; what the row built is
visited next), and given up for an equal node met before (``merge``). What nothing needs any more is left behind.
Invariants: a value is replaced by one of its shape and dtype; the order in which nodes were declared stays, so nodes
up to the first change are shared with the original graph and the others made again; every new node has the source
line, scope and forward node of the one it stands for. No recursion.
The bodies of loops and branches are simplified each by itself.
Must not know: what the rows do; plans.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from typing import Any

import numpy as np

from ..errors import GraphError
from ..ir.graph import LEAVES, Graph, Node, Value, ambient
from ..ir.text import type_text
from ..ops.rebuild import moved_origin
from ..ops.registry import Branch, Loop
from ..ops.tensor import CONSTANT, constant
from .fold import fold
from .rules import Table

PASSES = ("fold", "rewrite", "merge", "final")
_COMMUTATIVE = frozenset((
    "add", "multiply", "equal", "not_equal", "logical_and", "logical_or", "logical_xor", "bitwise_and", "bitwise_or",
    "bitwise_xor",
))  # fmt: skip


def simplify(graph: Graph, passes: Collection[str] = PASSES) -> tuple[Graph, dict[Value, Value]]:
    """A simpler graph over the same leaves, and what each of the graph's values that changed has become.

    ``passes``: "fold" constants, "rewrite" by the table of rules, "merge" equal nodes, and "final": also the rows that
    hold only in a graph that is not differentiated any more (a stop_gradient is its operand).
    """
    sweep = _Sweep(passes, max((n.serial for n in graph.nodes), default=0))
    before = (ambient.origin, ambient.source, ambient.scope)
    try:
        for node in graph.nodes:
            sweep.visit(node)
    finally:
        ambient.origin, ambient.source, ambient.scope = before
    became = sweep.became
    result = Graph(
        graph.name, graph.inputs, [sweep.now(v) for v in graph.outputs],
        [(p, sweep.now(v)) for p, v in graph.updates], graph.parameters,
    )  # fmt: skip
    return result, {v: became[id(v)] for node in graph.nodes for v in node.outputs if id(v) in became}


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
    """The state of one simplification. Values are known by id; those that are replaced are kept alive in ``held``."""

    def __init__(self, passes: Collection[str], last: int):
        unknown = set(passes) - set(PASSES)
        if unknown:
            raise GraphError(f"simplify: no pass {', '.join(sorted(unknown))}; there are {', '.join(PASSES)}")
        self.passes = passes
        self.folds, self.merges = "fold" in passes, "merge" in passes
        self.table = Table("final" in passes) if "rewrite" in passes else None
        self.became: dict[int, Value] = {}  # only what changed
        self.moved: dict[Node, Node] = {}  # forward nodes, for origins
        self.seen: dict[Any, Node] = {}
        self.held: list[Node] = []
        self.last = last  # serial of the youngest node that was there before

    def now(self, value: Value) -> Value:
        return self.became.get(id(value), value)

    def visit(self, node: Node) -> None:
        """Brings one node, and what rows make of it, to its final form."""
        tasks: list[Any] = [node]
        while tasks:
            task = tasks.pop()
            if isinstance(task, tuple):  # a replacement that is final by now
                old, new = task
                self.settle(old, (self.now(new),))
                continue
            current = self.renew(task)
            rewritten = self.rewrite(current) if current.op is not CONSTANT else None
            if rewritten is None:
                final = self.merged(current)
                if final is not task:
                    self.settle(task, final.outputs)
                continue
            (y,) = current.outputs
            if rewritten.shape != y.shape or rewritten.dtype is not y.dtype:
                raise GraphError(f"a rewrite of {node.op.name} gave {type_text(rewritten)} for {type_text(y)}")
            self.held.append(current)
            tasks.append((task, rewritten))
            tasks.extend(reversed(_made_since(current.serial, rewritten)))

    def settle(self, old: Node, values: tuple[Value, ...]) -> None:
        for v, w in zip(old.outputs, values):
            if v is not w:
                self.became[id(v)] = w
        self.held.append(old)
        if values[0].node.op.name not in LEAVES:
            self.moved[old] = values[0].node

    def renew(self, node: Node) -> Node:
        """``node`` over the final form of its operands."""
        became = self.became
        changed = False
        for v in node.inputs:
            if id(v) in became:
                changed = True
                break
        origin = moved_origin(node, self.moved) if node.origin is not None else None
        attrs = self.bodies(node) if isinstance(node.op.kernel, (Loop, Branch)) else node.attrs
        in_order = not became or node.serial > self.last or node.op is CONSTANT
        if in_order and not changed and origin is node.origin and attrs is node.attrs:
            return node
        inputs = tuple(became.get(id(v), v) for v in node.inputs) if changed else node.inputs
        return node.over(inputs, origin, attrs)

    def bodies(self, node: Node) -> dict[str, Any]:
        """The attributes of a node with simplified inner graphs."""
        found = {k: simplify(v, self.passes) for k, v in node.attrs.items() if isinstance(v, Graph)}
        if not any(became for _, became in found.values()):
            return node.attrs
        return {**node.attrs, **{k: graph for k, (graph, _) in found.items()}}

    def rewrite(self, node: Node) -> Any:
        """What the first step that applies makes of a node, built in its name; else None."""
        inputs = node.inputs
        folds = self.folds and inputs and inputs[0].node.op is CONSTANT
        rows = self.table.of(node) if self.table else ()
        if not rows and not folds:
            return None
        ambient.origin, ambient.source, ambient.scope = node.origin, node.source, node.scope
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
        if node.op is CONSTANT:
            array = node.attrs["value"]
            data = array.tobytes() if array.size <= 64 else hashlib.blake2b(np.ascontiguousarray(array).data).digest()
            key: Any = (array.dtype, array.shape, data)
        else:
            operands = [id(v) for v in node.inputs]
            if node.op.name in _COMMUTATIVE:
                operands.sort()
            key = (node.op.name, *operands)
            if node.attrs:
                key = (key, tuple(node.attrs.items()))
        try:
            return self.seen.setdefault(key, node)
        except TypeError:  # an attribute that does not hash is equal to none
            return node
