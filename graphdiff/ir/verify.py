"""The checker run after every pass in tests and debug: a graph is acyclic, typed and closed.

Must not know: what operations mean; it asks each node's ``op.infer`` for the types it should have.
"""

from __future__ import annotations

from ..errors import GraphError
from .graph import Graph
from .node import LEAVES
from .text import type_text


def verify(graph: Graph) -> Graph:
    """Returns ``graph`` if it is well formed; raises GraphError naming the first node that is not."""
    known = {id(v) for v in (*graph.inputs, *graph.parameters)}
    for node in graph.nodes:
        for v in node.inputs:
            if id(v) not in known:
                raise GraphError(f"{node.op.name} (#{node.serial}) uses a value that does not come before it")
        if node.op.name not in LEAVES:
            for value, (shape, dtype) in zip(node.outputs, node.op.infer(node.inputs, node.attrs), strict=True):
                if value.shape != shape or value.dtype is not dtype:
                    raise GraphError(
                        f"{node.op.name} (#{node.serial}) has type {type_text(value)}, "
                        f"its operands give {shape} {dtype}"
                    )
        known.update(id(v) for v in node.outputs)
    for v in (*graph.outputs, *(v for _, v in graph.updates)):
        if id(v) not in known:
            raise GraphError("an output is not computed by the graph")
    for target, v in graph.updates:
        if target.shape != v.shape or target.dtype is not v.dtype:
            raise GraphError(f"update of {target.name!r}: {type_text(target)} from {type_text(v)}")
    return graph
