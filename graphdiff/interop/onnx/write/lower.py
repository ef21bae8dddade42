"""Every node of a graph by rules: what is left are operators of ONNX, leaves, loops and branches.

Each node is visited when its operands have their final form; what a rule gives is visited next, if it has operations in
it again. Bodies of loops and branches are done each by itself.
Invariants: nothing is written of a graph that has an operation without a rule, and all of them are told at once; no
recursion over a graph.
Must not know: what operations mean; messages.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from ....errors import GraphError, UnsupportedOperator
from ....ir.graph import Graph
from ....ir.node import LEAVES, Node, Value, ambient, newest
from ....ops.messages import where_am_i
from ....ops.registry import Branch, Loop
from ....ops.tensor import Tensor
from ....transforms.simplify import simplify
from .named import with_names
from .older import OLDER
from .operators import LEFT_OUT, SIZES, is_operator, operators
from .standard import stands, wanted
from .table import Given, Writing, rule_of

_KEPT = (Loop, Branch)  # which the message has graphs for
MISSING = "no "  # before the name of an operation that has no rule


def as_operators(graph: Graph, opset: int) -> Graph:
    """The graph made of operators that the opset has. Raises UnsupportedOperator, which lists all operations that have
    none."""
    result = _lowered(graph, opset)
    missing = _missing([result], opset)
    if missing:
        counts = dict(missing.most_common())
        raise UnsupportedOperator(graph.name, counts, where_am_i(), f"operations that ONNX of opset {opset} has not")
    return result


def _missing(waiting: list[Graph], opset: int) -> Counter[str]:
    """The operations without a rule that a graph and those inside it are made of, and operators of which the opset has
    not all results that are read."""
    found: Counter[str] = Counter()
    while waiting:
        graph = waiting.pop()
        read = {v for node in graph.nodes for v in node.inputs}.union(graph.outputs, (v for _, v in graph.updates))
        for node in graph.nodes:
            waiting += [a for a in node.attrs.values() if isinstance(a, Graph)]
            if is_operator(node) and node.op.name.startswith(MISSING):
                found[node.op.name.removeprefix(MISSING)] += 1
            elif is_operator(node) and node.op.name not in (SIZES, LEFT_OUT):
                results = wanted(node, read, opset)
                if results > 1 and not stands(node, opset, results):
                    found[f"{node.op.name} with {results} results"] += 1
    return found


def _lowered(graph: Graph, opset: int) -> Graph:
    simple, _ = simplify(with_names(graph, opset))
    sweep = _Sweep(opset)
    before = ambient.now
    try:
        for node in simple.nodes:
            sweep.visit(node)
    finally:
        ambient.now = before
    final = sweep.final
    return Graph(
        simple.name,
        simple.inputs,
        [final.get(v, v) for v in simple.outputs],
        [(p, final.get(v, v)) for p, v in simple.updates],
        simple.parameters,
    )


class _Sweep:
    """The state of one graph's lowering."""

    def __init__(self, opset: int):
        self.opset = opset
        self.final: dict[Value, Any] = {}

    def visit(self, node: Node) -> None:
        tasks: list[Any] = [node]
        while tasks:
            task: Any = tasks.pop()
            if type(task) is tuple:  # a result whose replacement is final by now
                old, new = task
                self.final[old] = self.final.get(new, new)
                continue
            start = newest()
            made = self.written(task)
            if made is None:
                continue
            pairs = [(old, new) for old, new in zip(task.outputs, made) if new is not None]
            tasks += pairs
            tasks += reversed(_made_since(start, [new for _, new in pairs]))

    def written(self, node: Node) -> list[Any] | None:
        """What a node's results become by its rule; None where they have their final form."""
        final = self.final
        xs = tuple(final.get(v, v) for v in node.inputs)
        changed = any(v is not w for v, w in zip(xs, node.inputs))
        ambient.now = (node.origin, node.source, node.scope)
        if isinstance(node.op.kernel, _KEPT):
            attrs = {k: _lowered(v, self.opset) if isinstance(v, Graph) else v for k, v in node.attrs.items()}
            final.update(zip(node.outputs, node.over(xs, node.origin, attrs).outputs))
            return None
        now = node.over(xs, node.origin) if changed else node
        if node.op.name in LEAVES or node.op.name in (SIZES, LEFT_OUT) or node.op.name.startswith(MISSING):
            stays = True
        else:
            stays = is_operator(node) and stands(now, self.opset)
        if stays:
            if changed:
                final.update(zip(node.outputs, now.outputs))
            return None
        rule = OLDER.get(node.op.name) if is_operator(node) else rule_of(node.op.name)
        made = None if rule is None else rule(Writing(now, xs, self.opset))
        if made is None or (is_operator(node) and self.is_no_nearer(node, made)):
            made = operators(MISSING + node.op.name, xs, [(v.shape, v.dtype) for v in node.outputs])
        results = [made] if isinstance(made, Tensor) else list(made)
        for old, new in zip(node.outputs, results, strict=True):
            if new is not None and (new.shape != old.shape or new.dtype is not old.dtype):
                raise GraphError(f"the rule of {node.op.name} gave {new.dtype}{new.shape} for {old.dtype}{old.shape}")
        return results

    def is_no_nearer(self, node: Node, made: Given) -> bool:
        """Whether the rule for an operator gave that operator again in a form that the opset has not."""
        results = [made] if isinstance(made, Tensor) else made
        return any(v is not None and v.node.op is node.op and not stands(v.node, self.opset) for v in results)


def _made_since(serial: int, values: list[Any]) -> list[Node]:
    """The nodes under ``values`` that are younger than ``serial``, operands first."""
    found: set[Node] = set()
    waiting = [v.node for v in values]
    while waiting:
        node = waiting.pop()
        if node.serial > serial and node not in found:
            found.add(node)
            waiting.extend(v.node for v in node.inputs)
    return sorted(found, key=lambda n: n.serial)
