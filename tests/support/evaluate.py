"""Graphs computed node by node with NumPy: the other side of every comparison with compiled functions.

``evaluate(values, feed)`` knows each primitive by what its declaration says, the NumPy or SciPy reference. It shares no
code with the runtime, the fusion or the kernels.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from graphdiff.errors import FeedError
from graphdiff.ir import dims
from graphdiff.ir.graph import Graph
from graphdiff.ir.node import Node, Value, topological

Sizes = Mapping[str, int]


def ints(values: Sequence[Any], sizes: Sizes) -> tuple[int, ...]:
    return tuple(dims.evaluate(v, sizes) for v in values)


class Body:
    """An inner graph as a function of arrays; ``types``: shape and dtype of each result."""

    def __init__(self, graph: Graph, sizes: Sizes):
        self.graph, self.sizes = graph, sizes
        self.types = [(ints(v.shape, sizes), v.dtype) for v in graph.outputs]

    def __call__(self, arguments: Sequence[Any]) -> list[Any]:
        feed = {v.name: x for v, x in zip(self.graph.inputs, arguments, strict=True)}
        return evaluate(self.graph.outputs, feed, self.sizes)


def known(value: Any, sizes: Sizes) -> Any:
    """An attribute with every size a number and every inner graph a function."""
    if isinstance(value, Graph):
        return Body(value, sizes)
    if isinstance(value, tuple):
        return tuple(known(v, sizes) for v in value)
    return dims.evaluate(value, sizes) if isinstance(value, dims.Dim) else value


def compute(node: Node, xs: Sequence[Any], sizes: Sizes) -> tuple[Any, ...]:
    """The results of one node, checked to be of the types the graph states."""
    try:
        out = node.op.on_arrays(xs, {k: known(v, sizes) for k, v in node.attrs.items()})
    except IndexError as error:
        raise FeedError(str(error)) from None
    results = tuple(map(np.asarray, out if isinstance(out, tuple) else (out,)))
    for value, array in zip(node.outputs, results, strict=True):
        assert array.dtype == value.dtype, f"{node.op.name} gives {array.dtype}, the graph says {value.dtype}"
        expected = ints(value.shape, sizes)
        assert array.shape == expected, f"{node.op.name} gives {array.shape}, the graph says {expected}"
    return results


def leaf_array(node: Node, feed: Mapping[str, Any]) -> Any:
    if node.name in feed:
        return np.asarray(feed[node.name], node.attrs["dtype"])
    return node.attrs["storage"].array.copy()


def sizes_of(leaves: Sequence[Node], arrays: Mapping[Node, Any]) -> dict[str, int]:
    """What each named dimension is, from the arrays that are fed."""
    sizes: dict[str, int] = {}
    for node in leaves:
        for size, n in zip(node.attrs["shape"], arrays[node].shape, strict=True):
            if isinstance(size, dims.Dim) and size.isidentifier():
                assert sizes.setdefault(str(size), n) == n, f"{size} is {sizes[size]} and {n}"
    for node in leaves:
        assert ints(node.attrs["shape"], sizes) == arrays[node].shape, node.name
    return sizes


def evaluate(values: Sequence[Value], feed: Mapping[str, Any], sizes: Sizes | None = None) -> list[Any]:
    """The arrays of ``values``: inputs, and parameters other than by their storage, from ``feed`` by name; ``sizes``
    for named dimensions that no fed array has."""
    nodes = topological(values)
    leaves = [n for n in nodes if n.op.name in ("input", "parameter", "state")]
    arrays = {n: leaf_array(n, feed) for n in leaves}
    known = {**(sizes or {}), **sizes_of(leaves, arrays)}
    results: dict[int, Any] = {id(n.outputs[0]): a for n, a in arrays.items()}
    with np.errstate(all="ignore"):
        for node in nodes:
            if node not in arrays:
                out = compute(node, [results[id(v)] for v in node.inputs], known)
                results.update((id(v), a) for v, a in zip(node.outputs, out))
    return [results[id(v)] for v in values]


def evaluate_graph(graph: Graph, feed: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """The outputs of a graph, and what its updates would write, by name."""
    leaves = [v.node for v in graph.inputs]
    sizes = sizes_of(leaves, {n: leaf_array(n, feed) for n in leaves})
    out = evaluate([*graph.outputs, *(v for _, v in graph.updates)], feed, sizes)
    n = len(graph.outputs)
    return out[:n], {p.name: a for (p, _), a in zip(graph.updates, out[n:])}
