"""What every value of a graph is at one feed, and how much of it a page shows.

Values are had by compiling all of them as outputs, so they are what a run computes; updates are left out, so
parameters and states stay as they are. Small arrays are kept as numbers, larger ones as range, mean, norm and
histogram.
Must not know: boxes, pages.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..errors import FeedError
from ..ir.graph import Graph
from ..ir.node import Value
from ..ops.tensor import where_am_i
from ..runtime.compile import compile as compile_
from ..spelling import did_you_mean

NUMBERS = 1024  # elements of an array that are kept one by one
ALL_NUMBERS = 50_000  # elements kept in one page
BINS = 16


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
    f = compile_(Graph(graph.name, graph.inputs, wanted, (), graph.parameters))
    results = f(**feed)
    found = dict(zip(wanted, [results] if len(wanted) == 1 else results))
    found.update((p, np.array(p.node.attrs["storage"].array)) for p in graph.parameters)
    found.update((v, np.asarray(feed[v.name], v.dtype)) for v in graph.inputs)
    return Recorded(found, f.plan.sizes)


class Digest:
    """Makes arrays into JSON, keeping elements as long as the page has room for them. ``types``: the shapes and dtypes
    seen, by number."""

    def __init__(self) -> None:
        self._left = ALL_NUMBERS
        self._types: dict[tuple[tuple[int, ...], str], int] = {}

    @property
    def types(self) -> list[Any]:
        """``[shape, dtype]`` of each number."""
        return [[list(shape), dtype] for shape, dtype in self._types]

    def __call__(self, array: np.ndarray) -> dict[str, Any]:
        """``type``: its number; ``data``: elements in C order, where kept; else ``stats`` (least, largest, mean, norm)
        and ``bins`` of the finite ones, and where there are any ``zeros``, and ``broken`` ones that are not finite."""
        out: dict[str, Any] = {"type": self._types.setdefault((array.shape, array.dtype.name), len(self._types))}
        if array.size <= min(NUMBERS, self._left):
            self._left -= array.size
            out["data"] = [_number(v, 7) for v in array.ravel()]
            return out
        wide = array.astype(np.float64).ravel()
        finite = wide if np.isfinite(wide).all() else wide[np.isfinite(wide)]
        if finite.size < wide.size:
            out["broken"] = int(wide.size - finite.size)
        if finite.size:
            low, high = finite.min(), finite.max()
            with np.errstate(over="ignore"):
                stats = (low, high, finite.sum() / finite.size, np.sqrt(finite @ finite))
                span = high - low
            out["stats"] = [_number(s, 5) for s in stats]
            zeros = int(finite.size - np.count_nonzero(finite))
            if zeros:
                out["zeros"] = zeros
            if np.isfinite(span):
                place = (finite - low) / span * BINS if span > 0 else np.full(finite.size, BINS / 2)
                bins = np.bincount(np.minimum(place.astype(np.int64), BINS - 1), minlength=BINS)
                out["bins"] = bins.tolist()
        return out


def _number(v: Any, digits: int) -> Any:
    """A number as JSON, with more digits than a page shows; JSON has no NaN and no infinity."""
    if v.dtype.kind != "f":
        return v.item()
    return float(f"{v:.{digits}g}") if np.isfinite(v) else str(v)
