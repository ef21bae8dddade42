"""Rewriting a graph into a smaller one that computes the same: one sweep in topological order.

Each node is visited when its operands have their final form: it is made again over them if they changed, computed
if it depends on constants only (``fold``), replaced where a row of the table fits (``rewrite``; what the row built is
visited next), and given up for an equal node met before (``merge``). What nothing needs any more is left behind.
Invariants: a value is replaced by one of its shape and dtype; the order in which nodes were declared stays, so nodes
up to the first change are shared with the original graph and the others made again; every new node has the source
line, scope and forward node of the one it stands for, and counts by how many rewrites it came. No recursion.
The bodies of loops and branches are simplified each by itself; a branch that a constant decides is the body it takes,
which "fold" does. The sweep itself is in C: _sweep.pyx.
Must not know: what the rows do; plans.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import partial

from ..errors import GraphError
from ..ir.graph import Graph
from ..ir.node import Value, ambient
from ..ops.naming import labels_of
from ._sweep import Sweep
from .rules import Table

PASSES = ("fold", "rewrite", "merge", "final")


def simplify(
    graph: Graph, passes: Collection[str] = PASSES, bodies: dict[str, Graph] | None = None
) -> tuple[Graph, dict[Value, Value]]:
    """A simpler graph over the same leaves, and what each of the graph's values that changed has become.

    ``passes``: "fold" constants and what they decide, "rewrite" by the table of rules, "merge" equal nodes, and
    "final": also the rows that hold only in a graph that is not differentiated any more (a stop_gradient is its
    operand). ``bodies``: of the graph around this one, by text.
    """
    unknown = set(passes) - set(PASSES)
    if unknown:
        raise GraphError(f"simplify: no pass {', '.join(sorted(unknown))}; there are {', '.join(PASSES)}")
    known = {} if bodies is None else bodies
    last = graph.nodes[-1].serial if graph.nodes else 0  # a later one is made by a row
    table = Table("final" in passes) if "rewrite" in passes else None
    inner = partial(simplify, passes=passes, bodies=known)
    sweep = Sweep(table, "fold" in passes, "merge" in passes, known, last, labels_of(graph.nodes), inner)
    before = ambient.now
    try:
        sweep.visit(graph.nodes)
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
