"""Calls of operations that ONNX has by name, put in the place of the nodes that they left.

A graph shows the nodes of a body; those that give its results remember the call (ops/called.py). Where nothing outside
reads what is in between, the operator stands for all of them.
Invariant: what is replaced is computed by operators of the same results; a quotient beneath a logarithm and its like
stay as they are, since simplification knows stable forms of them.
Must not know: rules; messages.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from ....ir.dtypes import float64
from ....ir.graph import Graph
from ....ir.node import Node, Value
from ....ops.called import Called
from ....ops.tensor import Tensor
from .inferred import is_expected
from .table import NAMED, call_of

_STABLE = ("log", "log1p", "log2", "log10", "bounded_log")  # of which forms with all digits are known


def with_names(graph: Graph, opset: int) -> Graph:
    """The graph with one operator for each call that ONNX has by name."""
    readers: dict[Value, set[Node]] = {}
    for node in graph.nodes:
        for v in node.inputs:
            readers.setdefault(v, set()).add(node)
    outside = {*graph.outputs, *(v for _, v in graph.updates)}
    replaced: dict[Value, Any] = {}
    gone: set[Node] = set()
    for node in reversed(graph.nodes):
        if node in gone:
            continue
        for called in reversed(node.calls):
            inside = _inside(called, readers, outside)
            if inside is None or inside & gone:
                continue
            found = _operators(called, opset)
            if found is not None:
                replaced.update(found)
                gone |= inside
                break
    return _over(graph, replaced) if replaced else graph


def _inside(called: Called, readers: Mapping[Value, Collection[Node]], outside: Collection[Value]) -> set[Node] | None:
    """The nodes between a call's arguments and its results, None where anything else reads what they compute."""
    results = {v for v in called.results if v is not None}
    stop = {v for a in (*called.args, *called.kwargs.values()) for v in _values(a)}
    inside: set[Node] = set()
    waiting = [v.node for v in results]
    while waiting:
        node = waiting.pop()
        if node in inside or not node.inputs:
            continue
        inside.add(node)
        waiting += [v.node for v in node.inputs if v not in stop]
    for node in inside:
        for v in node.outputs:
            read = readers.get(v, ())
            if v in results:
                if any(r.op.name in _STABLE for r in read):
                    return None
            elif v in outside or not inside.issuperset(read):
                return None
    return inside or None


def _values(x: Any) -> list[Value]:
    if isinstance(x, Value):
        return [x]
    return [v for e in x for v in _values(e)] if isinstance(x, (list, tuple)) else []


def _operators(called: Called, opset: int) -> dict[Value, Tensor] | None:
    """What operators compute a call's results, by result; None where the opset has none for it."""
    named = NAMED.get(called.name)
    if named is None or opset < named.since:
        return None
    made = named.rule(call_of(called, opset))
    if made is None:
        return None
    results = [made] if isinstance(made, Tensor) else list(made)
    if not all(map(_is_exact, results)) or not is_expected(results, opset):
        return None
    found: dict[Value, Tensor] = {}
    for old, new in zip(called.results, results, strict=True):
        if old is not None and new is not None:
            assert old.shape == new.shape and old.dtype is new.dtype, called.name
            found[old] = new
    return found


def _is_exact(result: Tensor | None) -> bool:
    """Whether the attributes of the operator that gives a result, which are float32, are what was asked for; of a
    float64 one nothing but what keeps from a division by zero may be rounded."""
    if result is None or result.dtype is not float64:
        return True
    return all(
        float(np.float32(v)) == v or (k == "epsilon" and v <= 1e-3)
        for k, v in result.node.attrs.items()
        if isinstance(v, float)
    )


def _over(graph: Graph, replaced: Mapping[Value, Tensor]) -> Graph:
    """The graph with values replaced, also in what takes the place of others."""
    final: dict[Value, Any] = {}
    results = [*graph.outputs, *(v for _, v in graph.updates)]
    waiting: list[Value] = list(results)
    while waiting:
        value = waiting[-1]
        if value in final:
            waiting.pop()
            continue
        target = replaced.get(value, value)
        missing = [v for v in target.node.inputs if v not in final]
        if missing:
            waiting += missing
            continue
        waiting.pop()
        node = target.node
        inputs = tuple(final[v] for v in node.inputs)
        if any(v is not w for v, w in zip(inputs, node.inputs)):
            made = node.over(inputs, node.origin)
            final.update(zip(node.outputs, made.outputs))
        else:
            final.update((v, v) for v in node.outputs)
        final[value] = final[target]
    n = len(graph.outputs)
    values = [final[v] for v in results]
    updates = [(p, v) for (p, _), v in zip(graph.updates, values[n:])]
    return Graph(graph.name, graph.inputs, values[:n], updates, graph.parameters)
