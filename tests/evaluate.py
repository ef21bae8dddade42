"""Graphs computed node by node with NumPy: the other side of every comparison with compiled functions.

``evaluate(values, feed)`` knows each primitive by what its declaration says: the NumPy or SciPy reference where it is
one on arrays, and a few lines here where the primitive has another form than its public function. It shares no code
with the runtime, the fusion or the kernels.
"""

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from graphdiff.errors import FeedError
from graphdiff.ir import dims
from graphdiff.ir.graph import Graph, Node, Value, topological
from graphdiff.ops.registry import Tile

SPECIAL: dict[str, Callable[..., Any]] = {}
Sizes = Mapping[str, int]


def special(function: Callable[..., Any]) -> Callable[..., Any]:
    SPECIAL[function.__name__.rstrip("_")] = function
    return function


def ints(values: Sequence[Any], sizes: Sizes) -> tuple[int, ...]:
    return tuple(dims.evaluate(v, sizes) for v in values)


# Each: (operands, attrs, sizes of named dimensions) -> the result, or a tuple of results.


@special
def constant(xs: Any, a: Any, sizes: Sizes) -> Any:
    return a["value"]


@special
def index(xs: Any, a: Any, sizes: Sizes) -> Any:
    shape = ints(a["shape"], sizes)
    out = np.full(shape, dims.evaluate(a["offset"], sizes), np.int64)
    for axis, stride in enumerate(ints(a["strides"], sizes)):
        out += np.arange(shape[axis]).reshape([-1 if i == axis else 1 for i in range(len(shape))]) * stride
    return out


@special
def reshape(xs: Any, a: Any, sizes: Sizes) -> Any:
    return xs[0].reshape(ints(a["shape"], sizes))


@special
def permute_dims(xs: Any, a: Any, sizes: Sizes) -> Any:
    return xs[0].transpose(a["axes"])


@special
def broadcast_to(xs: Any, a: Any, sizes: Sizes) -> Any:
    return np.broadcast_to(xs[0], ints(a["shape"], sizes))


def where_placed(a: Any, shape: Sequence[int], sizes: Sizes) -> Any:
    positions = [s + k * np.arange(n) for s, k, n in zip(ints(a["starts"], sizes), a["steps"], shape)]
    return np.ix_(*positions) if positions else ()


@special
def slice_(xs: Any, a: Any, sizes: Sizes) -> Any:
    return xs[0][where_placed(a, ints(a["sizes"], sizes), sizes)]


@special
def place(xs: Any, a: Any, sizes: Sizes) -> Any:
    x, fill = xs
    out = np.full(ints(a["shape"], sizes), fill, x.dtype)
    out[where_placed(a, x.shape, sizes)] = x
    return out


@special
def concat(xs: Any, a: Any, sizes: Sizes) -> Any:
    return np.concatenate(xs, axis=a["axis"])


@special
def check_index(xs: Any, a: Any, sizes: Sizes) -> Any:
    limit = dims.evaluate(a["limit"], sizes)
    if ((xs[0] < -limit) | (xs[0] >= limit)).any():
        raise FeedError("index out of range")
    return xs[0]


@special
def check_true(xs: Any, a: Any, sizes: Sizes) -> Any:
    if not xs[0].all():
        raise FeedError("check failed")
    return xs[0]


def counted(idx: Any, n: int) -> Any:
    """Indices with negative ones counted from the end; FeedError for one out of range."""
    if ((idx < -n) | (idx >= n)).any():
        raise FeedError("index out of range")
    return np.where(idx < 0, idx + n, idx)


@special
def take(xs: Any, a: Any, sizes: Sizes) -> Any:
    return np.take(xs[0], counted(xs[1], xs[0].shape[a["axis"]]), axis=a["axis"])


@special
def take_vjp(xs: Any, a: Any, sizes: Sizes) -> Any:
    (g, idx), axis, n = xs, a["axis"], dims.evaluate(a["size"], sizes)
    out = np.zeros((n, *g.shape[:axis], *g.shape[axis + idx.ndim :]), g.dtype)
    lead = tuple(range(axis, axis + idx.ndim))
    np.add.at(out, counted(idx, n), np.moveaxis(g, lead, range(idx.ndim)))
    return np.moveaxis(out, 0, axis)


@special
def take_along_axis(xs: Any, a: Any, sizes: Sizes) -> Any:
    return np.take_along_axis(xs[0], counted(xs[1], xs[0].shape[a["axis"]]), axis=a["axis"])


@special
def take_along_vjp(xs: Any, a: Any, sizes: Sizes) -> Any:
    (g, idx), axis, n = xs, a["axis"], dims.evaluate(a["size"], sizes)
    out = np.zeros((*g.shape[:axis], n, *g.shape[axis + 1 :]), g.dtype)
    at = list(np.indices(g.shape))
    at[axis] = counted(np.broadcast_to(idx, g.shape), n)
    np.add.at(out, tuple(at), g)
    return out


@special
def custom(xs: Any, a: Any, sizes: Sizes) -> Any:
    return xs[0]  # its own body; the other operands are for its derivative


def reduction(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda xs, a, sizes: function(xs[0], axis=a["axes"])


for _name, _function in (("sum", np.sum), ("prod", np.prod), ("max", np.max), ("min", np.min), ("all", np.all),
                         ("any", np.any)):  # fmt: skip
    SPECIAL[_name] = reduction(_function)


def reference_of(node: Node) -> Callable[..., Any]:
    """The NumPy function of an operation whose reference takes its operands and attributes as they are."""
    reference = node.op.reference
    if isinstance(reference, str):
        module, _, name = reference.rpartition(".")
        return getattr(importlib.import_module(module), name)
    if reference is None or not (isinstance(node.op.kernel, Tile) or node.op.name == "matmul"):
        raise LookupError(f"tests/evaluate.py does not know the primitive {node.op.name!r}: add it to SPECIAL")
    return reference


def compute(node: Node, xs: Sequence[Any], sizes: Sizes) -> tuple[Any, ...]:
    """The results of one node, checked to be of the types the graph states."""
    known = SPECIAL.get(node.op.name)
    out = known(xs, node.attrs, sizes) if known else reference_of(node)(*xs, *node.attrs.values())
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
    out = evaluate([*graph.outputs, *(v for _, v in graph.updates)], feed)
    n = len(graph.outputs)
    return out[:n], {p.name: a for (p, _), a in zip(graph.updates, out[n:])}
