"""Graphs computed node by node with NumPy: the other side of every comparison with compiled functions.

``evaluate(values, feed)`` knows each primitive by what its declaration says: the NumPy or SciPy reference where it is
one on arrays, and a few lines here where the primitive has another form than its public function. It shares no code
with the runtime, the fusion or the kernels.
"""

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import scipy.linalg

from graphdiff.errors import FeedError
from graphdiff.ir import dims
from graphdiff.ir.graph import Graph
from graphdiff.ir.node import Node, Value, topological
from graphdiff.ops import random
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
    limit, lowest = (dims.evaluate(a[k], sizes) for k in ("limit", "lowest"))
    if ((xs[0] < lowest) | (xs[0] >= limit)).any():
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


@special
def diagonal(xs: Any, a: Any, sizes: Sizes) -> Any:
    return np.diagonal(xs[0], a["offset"], *a["axes"])


@special
def sort(xs: Any, a: Any, sizes: Sizes) -> Any:
    (x,), axis = xs, a["axis"]
    order = np.argsort(-x.astype(float) if a["descending"] else x, axis=axis, kind="stable")
    if a["descending"]:  # NaN is the largest, so it comes first
        first = ~np.isnan(np.take_along_axis(x, order, axis))
        order = np.take_along_axis(order, np.argsort(first, axis=axis, kind="stable"), axis)
    idx = np.take(order, np.arange(dims.evaluate(a["k"], sizes)), axis)
    return np.take_along_axis(x, idx, axis), idx


@special
def scatter_add(xs: Any, a: Any, sizes: Sizes) -> Any:
    x, idx, updates = xs
    out = x.copy()
    np.add.at(out, counted(idx, len(x)), updates)
    return out


def reduction(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda xs, a, sizes: function(xs[0], axis=a["axes"])


for _name, _function in (
    ("sum", np.sum),
    ("prod", np.prod),
    ("max", np.max),
    ("min", np.min),
    ("all", np.all),
    ("any", np.any),
):
    SPECIAL[_name] = reduction(_function)


# --------------------------------------------------------------------------------------- windows of images


def windows(x: Any, kernel: Any, stride: Any, before: Any, dilation: Any, count: Any, fill: Any) -> Any:
    """Every window's taps: x (N, C, H, W) as (N, C, kernel rows, cols, windows rows, cols)."""
    at = [np.arange(count[k]) * stride[k] + (np.arange(kernel[k]) * dilation[k])[:, None] - before[k] for k in (0, 1)]
    inside = [(i >= 0) & (i < n) for i, n in zip(at, x.shape[2:])]
    rows, cols = (np.clip(i, 0, n - 1) for i, n in zip(at, x.shape[2:]))
    taken = x[:, :, rows[:, None, :, None], cols[None, :, None, :]]
    return np.where(inside[0][:, None, :, None] & inside[1][None, :, None, :], taken, np.asarray(fill, x.dtype))


def from_windows(cols: Any, size: Any, stride: Any, before: Any, dilation: Any) -> Any:
    """The transpose of windows with fill 0: an image of ``size``."""
    n, c, kh, kw, ho, wo = cols.shape
    out = np.zeros((n, c, *size), cols.dtype)
    for i, j, r, s in np.ndindex(kh, kw, ho, wo):
        y, x = (stride[k] * (r, s)[k] + dilation[k] * (i, j)[k] - before[k] for k in (0, 1))
        if 0 <= y < size[0] and 0 <= x < size[1]:
            out[:, :, y, x] += cols[:, :, i, j, r, s]
    return out


def grouped(x: Any, groups: int, axis: int) -> Any:
    return x.reshape(*x.shape[:axis], groups, x.shape[axis] // groups, *x.shape[axis + 1 :])


def conv_windows(x: Any, a: Any, kernel: Any, count: Any) -> Any:
    cols = windows(x, kernel, a["stride"], a["padding"][::2], a["dilation"], count, 0)
    return grouped(cols, a["groups"], 1)


@special
def conv2d(xs: Any, a: Any, sizes: Sizes) -> Any:
    (x, w), k = xs, xs[1].shape[2:]
    ends = [
        (x.shape[2 + i] + a["padding"][2 * i] + a["padding"][2 * i + 1] - a["dilation"][i] * (k[i] - 1) - 1)
        // a["stride"][i]
        + 1
        for i in (0, 1)
    ]
    y = np.einsum("ngcijrs,gocij->ngors", conv_windows(x, a, k, ends), grouped(w, a["groups"], 0))
    return y.reshape(x.shape[0], w.shape[0], *ends)


@special
def conv2d_dx(xs: Any, a: Any, sizes: Sizes) -> Any:
    g, w = xs
    cols = np.einsum("ngors,gocij->ngcijrs", grouped(g, a["groups"], 1), grouped(w, a["groups"], 0))
    cols = cols.reshape(g.shape[0], w.shape[1] * a["groups"], *cols.shape[3:])
    return from_windows(cols, ints(a["size"], sizes), a["stride"], a["padding"][::2], a["dilation"])


@special
def conv2d_dw(xs: Any, a: Any, sizes: Sizes) -> Any:
    x, g = xs
    cols = conv_windows(x, a, a["kernel"], g.shape[2:])
    dw = np.einsum("ngcijrs,ngors->gocij", cols, grouped(g, a["groups"], 1))
    return dw.reshape(g.shape[1], x.shape[1] // a["groups"], *a["kernel"])


def attention_weights(q: Any, k: Any, mask: Any, a: Any) -> tuple[Any, Any]:
    """Each query's weights; its largest score, and the logarithm of the weights' sum before they were divided."""
    s = q @ np.swapaxes(k, -1, -2) * q.dtype.type(a["scale"])
    if a["causal"]:
        mask = [np.tril(np.ones(s.shape[-2:], bool))]
    for m in mask:
        s = np.where(m, s, -np.inf) if m.dtype == bool else s + m
    top = s.max(-1, keepdims=True, initial=-np.inf)
    e = np.exp(s - np.where(top == -np.inf, 0, top))
    total = e.sum(-1, keepdims=True)
    with np.errstate(divide="ignore"):
        sums = np.concatenate([np.where(top == -np.inf, 0, top), np.log(total)], -1)
    return e / np.where(total == 0, 1, total), sums


@special
def attention(xs: Any, a: Any, sizes: Sizes) -> Any:
    q, k, v, *mask = xs
    p, sums = attention_weights(q, k, mask, a)
    return (p @ v).astype(v.dtype), sums.astype(v.dtype)


@special
def attention_vjp(xs: Any, a: Any, sizes: Sizes) -> Any:
    q, k, v, _, _, g, *mask = xs
    p, _ = attention_weights(q, k, mask, a)
    d = g @ np.swapaxes(v, -1, -2)
    s = p * (d - (p * d).sum(-1, keepdims=True)) * q.dtype.type(a["scale"])
    return tuple(x.astype(v.dtype) for x in (s @ k, np.swapaxes(s, -1, -2) @ q, np.swapaxes(p, -1, -2) @ g))


def pool_windows(x: Any, a: Any, fill: Any) -> Any:
    count = [(x.shape[2 + i] + 2 * a["padding"][i] - a["kernel"][i]) // a["stride"][i] + 1 for i in (0, 1)]
    return windows(x, a["kernel"], a["stride"], a["padding"], (1, 1), count, fill)


@special
def max_pool2d(xs: Any, a: Any, sizes: Sizes) -> Any:
    (x,) = xs
    places = np.arange(x.shape[2] * x.shape[3]).reshape(1, 1, *x.shape[2:])
    cols, at = (np.moveaxis(pool_windows(v, a, fill), (2, 3), (-2, -1)) for v, fill in ((x, -np.inf), (places, -1)))
    cols, at = (v.reshape(*v.shape[:4], v.shape[4] * v.shape[5]) for v in (cols, at))
    best = np.argmax(cols, axis=-1)  # the first; NaN counts as the largest
    at = np.take_along_axis(np.broadcast_to(at, cols.shape), best[..., None], -1)[..., 0]
    return np.take_along_axis(cols, best[..., None], -1)[..., 0], at.astype(np.int32)


@special
def sum_pool2d(xs: Any, a: Any, sizes: Sizes) -> Any:
    return pool_windows(xs[0], a, 0).sum((2, 3))


@special
def sum_pool2d_vjp(xs: Any, a: Any, sizes: Sizes) -> Any:
    shape = (*xs[0].shape[:2], *a["kernel"], *xs[0].shape[2:])
    cols = np.broadcast_to(xs[0][:, :, None, None], shape)
    return from_windows(cols, ints(a["size"], sizes), a["stride"], a["padding"], (1, 1))


# --------------------------------------------------------------------------------------- factorisations, random numbers


@special
def lu(xs: Any, a: Any, sizes: Sizes) -> Any:
    factors = [scipy.linalg.lu_factor(x) for x in xs[0].reshape(-1, *xs[0].shape[-2:])] if xs[0].size else []
    f = np.array([f for f, _ in factors], xs[0].dtype).reshape(xs[0].shape)
    return f, np.array([p for _, p in factors], np.int32).reshape(xs[0].shape[:-1])


@special
def lu_solve(xs: Any, a: Any, sizes: Sizes) -> Any:
    matrix, _, _, b = xs
    matrix = np.swapaxes(matrix, -1, -2) if a["transpose"] else matrix
    try:
        return np.linalg.solve(matrix, b).astype(b.dtype)
    except np.linalg.LinAlgError:
        return np.full_like(b, np.nan)


@special
def determinant(xs: Any, a: Any, sizes: Sizes) -> Any:
    return tuple(np.linalg.slogdet(xs[0])) if a["log"] else np.linalg.det(xs[0]).astype(xs[0].dtype)


@special
def random_unit(xs: Any, a: Any, sizes: Sizes) -> Any:
    return random._unit_reference(xs[0], ints(a["shape"], sizes), a["dtype"], a["stream"])


@special
def random_below(xs: Any, a: Any, sizes: Sizes) -> Any:
    (key, span), shape = xs, ints(a["shape"], sizes)
    n = int(np.prod(shape, dtype=int))
    bits = random._words(key, -(-n // 2), a["stream"]).reshape(-1).view("<u8")[:n].tolist()
    spans = np.broadcast_to(span, shape).reshape(-1).tolist()
    # the rejection of a few numbers in 2**64 / span is left out
    return np.array([max(u * s >> 64, 0) for u, s in zip(bits, spans, strict=True)], np.int64).reshape(shape)


# --------------------------------------------------------------------------------------- loops and branches


def run_body(graph: Graph, arguments: Sequence[Any], sizes: Sizes) -> list[Any]:
    return evaluate(graph.outputs, {v.name: x for v, x in zip(graph.inputs, arguments, strict=True)}, sizes)


@special
def loop(xs: Any, a: Any, sizes: Sizes) -> Any:
    operands, body, condition = list(xs), a["body"], a["condition"]
    length = dims.evaluate(a["length"], sizes)
    limit = min(length, int(operands.pop())) if a["counted"] else length
    n, m = a["n_carry"], a["n_xs"]
    carries, rows, captured = operands[:n], operands[n : n + m], operands[n + m :]
    ys = [np.zeros((length, *ints(y.shape, sizes)), y.dtype) for y in body.outputs[n:]]
    history = [np.zeros((length, *c.shape), c.dtype) for c in carries]
    steps = 0
    while steps < limit and (condition is None or run_body(condition, [*carries, *captured], sizes)[0]):
        t = limit - 1 - steps if a["reverse"] else steps
        for h, c in zip(history, carries):
            h[t] = c
        out = run_body(body, [*carries, *(r[t] for r in rows), *captured], sizes)
        carries = out[:n]
        for y, value in zip(ys, out[n:]):
            y[t] = value
        steps += 1
    return (*carries, *ys, *history, np.asarray(steps, np.int64))


@special
def branch(xs: Any, a: Any, sizes: Sizes) -> Any:
    return tuple(run_body(a["if_true"] if xs[0] else a["if_false"], xs[1:], sizes))


# --------------------------------------------------------------------------------------- whole graphs

BY_NAME = {
    "matmul",
    "recurrence",
    "cumsum",
    "cumprod",
    "argmax",
    "argmin",
    "linalg.cholesky",
    "linalg.solve_triangular",
    "linalg.qr",
    "linalg.eigh",
    "linalg.svd",
}


def reference_of(node: Node) -> Callable[..., Any]:
    """The NumPy or SciPy function of an operation, which takes its operands, and attributes by name."""
    reference = node.op.reference
    if isinstance(reference, str):
        module, _, name = reference.rpartition(".")
        return getattr(importlib.import_module(module), name)
    if reference is None or not (isinstance(node.op.kernel, Tile) or node.op.name in BY_NAME):
        raise LookupError(f"tests/support/evaluate.py does not know the primitive {node.op.name!r}: add it to SPECIAL")
    return reference


def compute(node: Node, xs: Sequence[Any], sizes: Sizes) -> tuple[Any, ...]:
    """The results of one node, checked to be of the types the graph states."""
    known = SPECIAL.get(node.op.name)
    out = known(xs, node.attrs, sizes) if known else reference_of(node)(*xs, **node.attrs)
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
