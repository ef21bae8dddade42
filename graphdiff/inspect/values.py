"""What every value of a graph is at one feed, and how much of it a page shows.

Values are had by compiling all of them as outputs, or where a few operations are there over and over, as in deep
networks, by compiling each of these once and calling it for every node; updates are left out, so parameters and states
stay as they are. Small arrays are kept as numbers, larger ones as range, mean, norm and
histogram.
Must not know: boxes, pages.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..errors import FeedError
from ..ir.graph import Graph
from ..ir.node import NAMED_LEAVES, Node, Value, topological
from ..ops.leaves import input as input_leaf
from ..ops.messages import where_am_i
from ..ops.sparsity import SPARSITY
from ..runtime.compile import compile as compile_
from ..runtime.function import Function
from ..spelling import did_you_mean

ALIKE = 16  # nodes of a kind, from which on a function for each kind takes less time than one for the graph
NUMBERS = 1024  # elements of an array that are kept one by one
ALL_NUMBERS = 50_000  # elements kept in one page
BINS = 16
TOGETHER = 1 << 18  # elements whose statistics are made at once


def named(feed: Mapping[Any, Any], inputs: Sequence[Value]) -> dict[str, Any]:
    """A feed by Tensors or names as one by names. Raises FeedError for an unknown or missing input."""
    by_name = {(k.name if isinstance(k, Value) else str(k)): a for k, a in feed.items()}
    known = [v.name for v in inputs]
    for name in by_name:
        if name not in known:
            raise FeedError(
                f"no input is called {name!r} (there are: {', '.join(known) or 'none'}){did_you_mean(name, known)}",
                source=where_am_i(),
            )
    for name in known:
        if name not in by_name:
            raise FeedError(f"the feed misses input {name!r}", source=where_am_i())
    return by_name


class Recorded(NamedTuple):
    """``arrays``: what the values are; ``sizes``: what the named dimensions are."""

    arrays: dict[Value, np.ndarray]
    sizes: Mapping[str, int]


def record(graph: Graph, values: Sequence[Value], feed: Mapping[str, Any]) -> Recorded:
    """``values``, and every leaf of the graph, at ``feed``. Raises FeedError as a call does."""
    leaves = {*graph.inputs, *graph.parameters}
    wanted = [v for v in dict.fromkeys(values) if v not in leaves]
    kinds = _kinds(leaves, wanted)
    f = compile_(Graph(graph.name, graph.inputs, graph.inputs if kinds else wanted, (), graph.parameters))
    results = f(**feed)
    held: dict[Value, np.ndarray] = {p: np.array(p.node.attrs["storage"].array) for p in graph.parameters}
    held.update((v, np.asarray(feed[v.name], v.dtype)) for v in graph.inputs)
    sizes = f.plan.sizes
    if kinds:
        return Recorded(_called(kinds, held, sizes), sizes)
    return Recorded(held | dict(zip(wanted, [results] if len(wanted) == 1 else results)), sizes)


Kind = tuple[Any, ...]


def _kinds(leaves: Collection[Value], values: Sequence[Value]) -> dict[Node, Kind]:
    """Every node that ``values`` are computed by, in topological order, and what those that compute alike have in
    common, of constants nothing. Empty where nodes are too unlike for a function of each kind, where a leaf is watched
    and where sizes are found at the call."""
    if any(v.node.attrs.get("watchers") for v in leaves):
        return {}
    nodes = [node for node in topological(values) if node.op.name not in NAMED_LEAVES]
    if any(node.op is SPARSITY for node in nodes):
        return {}
    kinds = {
        node: (node.op, *[(v.shape, v.dtype) for v in node.inputs], *node.attrs.items())
        if node.op.name != "constant"
        else ()
        for node in nodes
    }
    try:
        return kinds if len(set(kinds.values())) * ALIKE <= len(kinds) else {}
    except TypeError:  # an attribute that cannot be compared
        return {}


def _called(kinds: Mapping[Node, Kind], held: dict[Value, np.ndarray], sizes: Mapping[str, int]) -> dict[Value, Any]:
    """What every node gives, by one function for each kind; ``held`` are the leaves."""
    # empty arrays, whose sizes are the names that attributes may mention
    named_sizes = [np.empty((size, 0), np.float32) for size in sizes.values()]
    functions: dict[Kind, Function] = {}
    for node, kind in kinds.items():
        if not kind:
            held[node.outputs[0]] = node.attrs["value"]
            continue
        f = functions.get(kind)
        if f is None:
            alone = [input_leaf(f"size{k}", (name, 0), "float32") for k, name in enumerate(sizes)]
            operands = [input_leaf(f"x{k}", v.shape, v.dtype) for k, v in enumerate(node.inputs)]
            made = node.over(tuple(operands), None)
            f = functions[kind] = compile_([*alone, *operands], list(made.outputs))
        held.update(zip(node.outputs, f(*named_sizes, *[held[v] for v in node.inputs])))
    return held


class Digest(NamedTuple):
    """``values``: of each array ``type``, the number of its type; ``data``: elements in C order, where kept; else
    ``stats`` (least, largest, mean, norm) and ``bins`` of the finite ones, and where there are any ``zeros``, and
    ``broken`` ones that are not finite. ``types``: the shapes and dtypes seen, ``[shape, dtype]`` by number."""

    values: list[dict[str, Any] | None]
    types: list[Any]


def digest(arrays: Sequence[np.ndarray | None]) -> Digest:
    """Arrays as JSON, with elements as long as the page has room for them."""
    left = ALL_NUMBERS
    types: dict[tuple[tuple[int, ...], np.dtype], int] = {}
    out: list[dict[str, Any] | None] = []
    # what is told in statistics, by the number of elements: those of one number are made together
    summed: dict[int, list[tuple[dict[str, Any], np.ndarray]]] = {}
    for array in arrays:
        if array is None:
            out.append(None)
            continue
        told: dict[str, Any] = {"type": types.setdefault((array.shape, array.dtype), len(types))}
        out.append(told)
        if array.size <= min(NUMBERS, left):
            left -= array.size
            told["data"] = _numbers(array, 7)
        else:
            summed.setdefault(array.size, []).append((told, array))
    for size, alike in summed.items():
        some = max(1, TOGETHER // size)
        for k in range(0, len(alike), some):
            now = alike[k : k + some]
            rows = np.stack([array.ravel().astype(np.float64) for _, array in now])
            for (told, _), statistics in zip(now, _statistics(rows)):
                told.update(statistics)
    return Digest(out, [[list(shape), dtype.name] for shape, dtype in types])


def _statistics(rows: np.ndarray) -> list[dict[str, Any]]:
    """What is told of each row beside its type."""
    whole = np.isfinite(rows).all(axis=1)
    told = iter(_of_finite(rows[whole]))
    return [next(told) if is_whole else _of_broken(row) for row, is_whole in zip(rows, whole)]


def _of_broken(row: np.ndarray) -> dict[str, Any]:
    finite = row[np.isfinite(row)]
    told = {"broken": int(row.size - finite.size)}
    return told | _of_finite(finite[None])[0] if finite.size else told


def _of_finite(rows: np.ndarray) -> list[dict[str, Any]]:
    n, size = rows.shape
    if not n:
        return []
    low, high = rows.min(axis=1), rows.max(axis=1)
    with np.errstate(over="ignore", invalid="ignore"):
        stats = np.stack([low, high, rows.sum(axis=1) / size, np.sqrt((rows * rows).sum(axis=1))], axis=1)
        span = high - low
        bounded = np.isfinite(span)
        scale = np.where(bounded & (span > 0), span, 1)[:, None]
        place = np.where((span > 0)[:, None], (rows - low[:, None]) / scale * BINS, BINS / 2)
    place = np.minimum(np.where(bounded[:, None], place, 0).astype(np.int64), BINS - 1) + BINS * np.arange(n)[:, None]
    bins = np.bincount(place.ravel(), minlength=BINS * n).reshape(n, BINS).tolist()
    zeros = (size - np.count_nonzero(rows, axis=1)).tolist()
    out: list[dict[str, Any]] = []
    for row in range(n):
        told: dict[str, Any] = {"stats": _numbers(stats[row], 5)}
        if zeros[row]:
            told["zeros"] = zeros[row]
        if bounded[row]:
            told["bins"] = bins[row]
        out.append(told)
    return out


def _numbers(array: np.ndarray, digits: int) -> list[Any]:
    """Numbers as JSON, with more digits than a page shows; JSON has no NaN and no infinity."""
    numbers = array.ravel().tolist()
    if array.dtype.kind != "f":
        return numbers
    return [float(f"{v:.{digits}g}") if math.isfinite(v) else str(v) for v in numbers]
