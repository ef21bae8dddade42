"""Which phase of a run a node belongs to, and the nodes of the graphs inside a graph.

Must not know: groups, instructions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..ir.graph import Graph
from ..ir.node import Node
from ..ops.registry import Guard
from ._groups import spread


def inner_graphs(nodes: Iterable[Node]) -> Iterator[Graph]:
    """The bodies of loops and branches among ``nodes``, and theirs."""
    waiting = [g for node in nodes if node.attrs for g in node.attrs.values() if isinstance(g, Graph)]
    while waiting:
        graph = waiting.pop()
        yield graph
        waiting += [g for node in graph.nodes for g in node.attrs.values() if isinstance(g, Graph)]


def every_node(graph: Graph) -> Iterator[Node]:
    """The nodes of a graph and of the graphs inside it."""
    yield from graph.nodes
    for inner in inner_graphs(graph.nodes):
        yield from inner.nodes


def phases(graph: Graph) -> dict[Node, str]:
    """Forward, backward or update, for each node: adjoint nodes and what outputs make of them are backward; what only
    updates need is update. Constants are forward, whoever made them: equal ones are one node here and many there."""
    only_updates = _only_updates(graph) if graph.updates else ()
    out: dict[Node, str] = {}
    for node in graph.nodes:
        phase = "forward"
        if node.op.name == "constant":
            pass
        elif node.origin is not None:
            phase = "backward"
        elif node in only_updates:
            phase = "update"
        else:
            for v in node.inputs:
                if out.get(v.node, "forward") != "forward":
                    phase = "backward"
                    break
        out[node] = phase
    for node in _left_to_backward(graph, out):
        out[node] = "backward"
    return out


def _left_to_backward(graph: Graph, phase_of: dict[Node, str]) -> list[Node]:
    """The forward nodes that adjoint ones alone read and that are larger than what they are made of, such as a mask of
    labels: made where they are read they need not be stored."""
    larger = spread(graph.nodes, phase_of)
    if not larger:
        return []
    early = {v.node for n in graph.nodes if phase_of[n] != "backward" for v in n.inputs}
    early.update(v.node for v in (*graph.outputs, *(v for _, v in graph.updates)))
    return [n for n in larger if n not in early]


def _only_updates(graph: Graph) -> set[Node]:
    """The nodes that neither outputs nor guards nor adjoint nodes need."""
    needed = {v.node for v in graph.outputs}
    for node in reversed(graph.nodes):
        if node.origin is not None or node in needed or type(node.op.kernel) is Guard:
            needed.add(node)
            needed.update([v.node for v in node.inputs])
    return {node for node in graph.nodes if node not in needed}
