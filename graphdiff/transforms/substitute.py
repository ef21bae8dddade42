"""Copies of parts of a graph with some values replaced: the one way in which nodes are made again.

Must not know: rules of rewriting, derivatives.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import DTypeError, GraphError, ShapeError
from ..ir.graph import Graph, Node, Origin, Value, ambient, inheriting, topological
from ..ops.leaves import parameter, state
from ..ops.tensor import Tensor, describe, fail, where_am_i


def remade(node: Node, inputs: tuple[Value, ...], origin: Origin | None) -> Node:
    """``node`` over other operands of the same types, with its source, scope and attributes."""
    with inheriting(node, origin):
        return Node(node.op, inputs, node.attrs, [(v.shape, v.dtype) for v in node.outputs], Tensor)


def moved_origin(node: Node, moved: Mapping[Node, Node]) -> Origin | None:
    """The origin of ``node``, its forward node followed to what it became."""
    origin = node.origin
    if origin is None:
        return None
    forward = moved.get(origin.node)
    return origin if forward is None else Origin(forward, origin.rule)


def substitute(values: Any, replacements: Mapping[Tensor, Tensor]) -> Any:
    """New Tensors like ``values`` (one, or a sequence) with each key of ``replacements`` replaced by its value.

    A replacement has the shape and dtype of what it replaces, else ShapeError or DTypeError. Nodes that depend on no
    key are shared with the original; adjoint nodes of copied nodes belong to the copies.

    Example: ``at_one = gd.substitute(loss, {x: gd.ones(x.shape)})``.
    """
    one = isinstance(values, Value)
    outputs: Sequence[Tensor] = [values] if one else list(values)
    became: dict[Value, Value] = {}
    for old, new in replacements.items():
        if not (isinstance(old, Tensor) and isinstance(new, Tensor)):
            raise GraphError("substitute: replacements are Tensors by Tensor", source=where_am_i())
        if old.shape != new.shape:
            fail(ShapeError, "substitute", f"{describe(old)} cannot become {describe(new)}", [old, new])
        if old.dtype is not new.dtype:
            fail(DTypeError, "substitute", f"{describe(old)} cannot become {describe(new)}", [old, new])
        became[old] = new
    moved: dict[Node, Node] = {}
    for node in topological(outputs, stop=became):
        inputs = tuple(became.get(v, v) for v in node.inputs)
        if any(a is not b for a, b in zip(inputs, node.inputs)):
            new_node = moved[node] = remade(node, inputs, moved_origin(node, moved))
            for v, w in zip(node.outputs, new_node.outputs):
                became.setdefault(v, w)
    result = [became.get(v, v) for v in outputs]
    return result[0] if one else result


def with_values(graph: Graph, values: Mapping[str, Any]) -> Graph:
    """``graph`` with new parameters and states that hold ``values`` by name; all that have no storage need one.

    Raises GraphError for a name that is missing or unknown, ShapeError or DTypeError for an array that does not fit.
    """
    leaves = {p.name: p for p in graph.parameters}
    for name in values:
        if name not in leaves:
            known = ", ".join(leaves) or "none"
            raise GraphError(f"{name!r} is no parameter or state of {graph.name} ({known})", source=where_am_i())
    new: dict[Any, Tensor] = {}
    for name, leaf in leaves.items():
        if name not in values:
            if leaf.node.attrs["storage"] is None:
                raise GraphError(f"{describe(leaf)} has no value; give parameters={{{name!r}: array}}",
                                 source=where_am_i())  # fmt: skip
            continue
        made = parameter if leaf.node.op.name == "parameter" else state
        before = ambient.source
        ambient.source = leaf.node.source
        try:
            new[leaf] = made(name, values[name])
        finally:
            ambient.source = before
        if new[leaf].shape != leaf.shape:
            fail(ShapeError, "parameters", f"{describe(leaf)} got an array of shape {new[leaf].shape}", [leaf])
        if new[leaf].dtype is not leaf.dtype:
            fail(DTypeError, "parameters", f"{describe(leaf)} got an array of {new[leaf].dtype.name}; write "
                 f".astype({leaf.dtype.name!r})", [leaf])  # fmt: skip
    results = substitute([*graph.outputs, *(v for _, v in graph.updates)], new)
    updates = [(new.get(p, p), v) for (p, _), v in zip(graph.updates, results[len(graph.outputs):])]
    return Graph(graph.name, graph.inputs, results[: len(graph.outputs)], updates,
                 [new.get(p, p) for p in graph.parameters])  # fmt: skip
