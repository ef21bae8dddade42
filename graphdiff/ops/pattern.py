"""Sparsity patterns: which elements of a leaf each element of a value can depend on, and how operations pass them on.

A :class:`Pattern` holds them for all elements in row-major order, as the rows of a CSR matrix without values. A rule is
``rule(node, patterns, values, walk)``: of each operand its pattern (None: it depends on nothing) and, where it is
known when the graph is built, its value; ``walk(graph, patterns, values)`` gives the patterns of an inner graph's
results. A rule gives a pattern or None for each result. What follows from a kind of operation or kernel is here;
declarations name the others (``pattern=``).
Invariants: a pattern holds at every point; work is linear in its entries but for sorting them.
Must not know: any particular operation, values that are known only at the call.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..ir.node import Node, Value
from .registry import Place

Patterns = Sequence["Pattern | None"]
Values = Sequence[np.ndarray | None]
Walk = Callable[[Any, Patterns, Values], "list[Pattern | None]"]


class Pattern:
    """Row i: which of ``width`` elements element i depends on, sorted: ``indices[indptr[i]:indptr[i+1]]``."""

    __slots__ = ("indptr", "indices", "width")

    def __init__(self, indptr: np.ndarray, indices: np.ndarray, width: int):
        self.indptr, self.indices, self.width = indptr, indices, width

    @classmethod
    def identity(cls, n: int) -> Pattern:
        """Each element depends on itself."""
        return cls(np.arange(n + 1), np.arange(n), n)

    @classmethod
    def of_entries(cls, rows: np.ndarray, columns: np.ndarray, height: int, width: int) -> Pattern:
        """Entries in any order, some of them perhaps more than once."""
        keys = rows * width + columns if width else np.zeros(0, np.int64)
        return cls._of_keys(_distinct(keys), height, width)

    @classmethod
    def _of_keys(cls, keys: np.ndarray, height: int, width: int) -> Pattern:
        rows, columns = np.divmod(keys, max(width, 1))
        indptr = np.zeros(height + 1, np.int64)
        np.cumsum(np.bincount(rows, minlength=height), out=indptr[1:])
        return cls(indptr, columns, width)

    @property
    def height(self) -> int:
        return len(self.indptr) - 1

    @property
    def rows(self) -> np.ndarray:
        """The row of each entry."""
        return np.repeat(np.arange(self.height), np.diff(self.indptr))

    def taken(self, sources: np.ndarray) -> Pattern:
        """Row k is row ``sources[k]``; -1 for none."""
        sources = np.asarray(sources).ravel()
        lengths = (
            np.where(sources < 0, 0, np.diff(self.indptr)[sources]) if self.height else np.zeros(len(sources), int)
        )
        indptr = np.zeros(len(sources) + 1, np.int64)
        np.cumsum(lengths, out=indptr[1:])
        starts = self.indptr[:-1][sources] if self.height else lengths
        at = np.repeat(starts - indptr[:-1], lengths) + np.arange(indptr[-1])
        return Pattern(indptr, self.indices[at], self.width)

    def joined(self, targets: np.ndarray, sources: np.ndarray, height: int) -> Pattern:
        """Row t is the union of the rows ``sources[k]`` of all k for which ``targets[k]`` is t."""
        found = self.taken(sources)
        return Pattern.of_entries(
            np.repeat(np.asarray(targets).ravel(), np.diff(found.indptr)), found.indices, height, self.width
        )

    def union(self, other: Pattern | None) -> Pattern:
        """Row by row."""
        if other is None:
            return self
        keys = [p.rows * p.width + p.indices for p in (self, other)]
        return Pattern._of_keys(_distinct(np.concatenate(keys)), self.height, self.width)


def _distinct(keys: np.ndarray) -> np.ndarray:
    """In order, each once. What comes in runs that are in order, as most of this does, is sorted in linear time."""
    keys = np.sort(keys, kind="stable")
    return keys[np.append(True, keys[1:] != keys[:-1])] if len(keys) else keys


def union(patterns: Sequence[Pattern | None]) -> Pattern | None:
    """Row by row, of those that there are."""
    out: Pattern | None = None
    for p in patterns:
        out = p if out is None else out.union(p)
    return out


def stacked(patterns: Patterns, heights: Sequence[int] | None, width: int) -> Pattern:
    """Rows of all one after another; None stands for as many rows without entries as ``heights`` says."""
    lengths = [np.zeros(heights[i], int) if p is None else np.diff(p.indptr) for i, p in enumerate(patterns)]  # type: ignore[index]
    indptr = np.concatenate([[0], np.cumsum(np.concatenate([np.zeros(0, int), *lengths]))])
    indices = np.concatenate([np.zeros(0, int), *(p.indices for p in patterns if p is not None)])
    return Pattern(indptr, indices, width)


def shape(v: Value) -> tuple[int, ...]:
    return tuple(int(s) for s in v.shape)


def count(v: Value) -> int:
    return int(np.prod(shape(v), dtype=np.int64))


def numbers(v: Value) -> np.ndarray:
    """Each element's number, in the value's shape."""
    return np.arange(count(v)).reshape(shape(v))


# --------------------------------------------------------------------------------------- rules


def whole(node: Node, patterns: Patterns, values: Values, walk: Walk) -> list[Pattern | None]:
    """Every element of a result depends on all that any element of an operand does."""
    return _in_groups(node, patterns, [np.zeros(count(v), int) for v in node.inputs], lambda y: np.zeros(count(y), int))


def _in_groups(
    node: Node, patterns: Patterns, groups: Sequence[np.ndarray], group_of: Callable[[Value], np.ndarray]
) -> list[Pattern | None]:
    """Elements of results depend on all elements of operands of the same group."""
    wanted = [group_of(y) for y in node.outputs]
    n = 1 + max((int(g.max(initial=-1)) for g in (*groups, *wanted)), default=-1)
    all_of = union([None if p is None else p.joined(g, np.arange(p.height), n) for p, g in zip(patterns, groups)])
    return [None if all_of is None else all_of.taken(w) for w in wanted]


def by_entry(trailing: Sequence[int], results: Sequence[int]) -> Callable[..., list[Pattern | None]]:
    """Batches: the operands' last ``trailing`` dimensions are one entry, and the last ``results`` ones of a result."""

    def entry(v: Value, n: int) -> np.ndarray:
        lead = shape(v)[: v.ndim - n]
        each = int(np.prod(shape(v)[v.ndim - n :], dtype=np.int64))
        return np.repeat(np.arange(int(np.prod(lead, dtype=np.int64))), each)

    def rule(node: Node, patterns: Patterns, values: Values, walk: Walk) -> list[Pattern | None]:
        groups = [entry(v, n) for v, n in zip(node.inputs, trailing)]
        place = {y: entry(y, n) for y, n in zip(node.outputs, results)}
        return _in_groups(node, patterns, groups, place.__getitem__)

    return rule


def by_line(node: Node, patterns: Patterns, values: Values, walk: Walk) -> list[Pattern | None]:
    """Along the attribute ``axis``: a result depends on all elements of its line, those before it where the operation
    runs along (the attribute ``reverse``: those after it)."""
    axis = node.attrs["axis"]
    if "reverse" not in node.attrs:
        lines = [_lines(v, axis) for v in node.inputs]
        return _in_groups(node, patterns, lines, lambda y: _lines(y, axis))
    at = np.moveaxis(numbers(node.outputs[0]), axis, -1)
    n = at.shape[-1]
    i, j = np.tril_indices(n) if not node.attrs["reverse"] else np.triu_indices(n)
    flat = at.reshape(-1, n)
    found = [None if p is None else p.joined(flat[:, i], flat[:, j], at.size) for p in patterns]
    return [union(found)]


def _lines(v: Value, axis: int) -> np.ndarray:
    """The number of each element's line along an axis."""
    sizes = shape(v)
    rest = np.arange(int(np.prod([s for i, s in enumerate(sizes) if i != axis], dtype=np.int64)))
    spread = np.expand_dims(rest.reshape([s for i, s in enumerate(sizes) if i != axis]), axis)
    return np.broadcast_to(spread, sizes).ravel()


def elementwise(node: Node, patterns: Patterns, values: Values, walk: Walk) -> list[Pattern | None]:
    """Of corresponding elements; where a known operand makes the derivative 0, of none."""
    (y,) = node.outputs
    found = []
    for i, (v, p) in enumerate(zip(node.inputs, patterns)):
        if p is not None:
            sources = np.broadcast_to(numbers(v), shape(y))
            factor = _factor(node, i, values)
            found.append(p.taken(sources if factor is None else np.where(factor == 0, -1, sources)))
    return [union(found)]


def _factor(node: Node, i: int, values: Values) -> np.ndarray | None:
    """The derivative of what is linear in operand ``i``, where all that it depends on is known."""
    for group in node.op.linear_in:
        if i in group and all(k in group or v is not None for k, v in enumerate(values)):
            arrays = [
                np.asarray(k == i, node.inputs[k].dtype) if k in group else np.asarray(values[k])
                for k in range(len(values))
            ]
            return np.broadcast_to(node.op.on_arrays(arrays, node.attrs), shape(node.outputs[0]))
    return None


def reduced(node: Node, patterns: Patterns, values: Values, walk: Walk) -> list[Pattern | None]:
    """Of all elements along the attribute ``axes``."""
    (p,), (v,) = patterns, node.inputs
    if p is None:
        return [None]
    axes, sizes = node.attrs["axes"], shape(v)
    left = [1 if i in axes else s for i, s in enumerate(sizes)]
    n = int(np.prod(left, dtype=np.int64))
    return [p.joined(np.broadcast_to(np.arange(n).reshape(left), sizes), np.arange(p.height), n)]


def moved(node: Node, patterns: Patterns, values: Values, walk: Walk) -> list[Pattern | None]:
    """Operations linear in their first operand that move its elements, the others known."""
    p = patterns[0]
    if p is None:
        return [None]
    sources = _sources(node, values)
    return whole(node, patterns, values, walk) if sources is None else [p.taken(sources)]


def _sources(node: Node, values: Values) -> np.ndarray | None:
    """For each element of the result the one that it is, -1 where it is 0; None where it is no such thing. Found by
    moving labels: what moves distinct labels moves anything."""
    n = count(node.inputs[0])
    if any(v is None for v in values[1:]):
        return None
    first = np.arange(1, n + 1)
    second = np.random.default_rng(0).integers(1, 2**52, n)
    out = [node.op.on_arrays([a.reshape(shape(node.inputs[0])), *values[1:]], node.attrs) for a in (first, second)]
    at, check = (np.asarray(o, np.int64).ravel() for o in out)
    if ((at < 0) | (at > n)).any():
        return None
    return at - 1 if (np.append(0, second)[at] == check).all() else None


def scattered(
    sums: int, base: int | None = None, adds: Callable[..., Any] | None = None
) -> Callable[..., list[Pattern | None]]:
    """Operand ``sums`` is added up at known indices, the other way round as its transpose moves; ``base`` is added.
    ``adds(arrays, attrs)``: where elements of what brings them together otherwise would be added up."""

    def rule(node: Node, patterns: Patterns, values: Values, walk: Walk) -> list[Pattern | None]:
        (y,) = node.outputs
        others = [i for i in range(len(values)) if i not in (sums, base)]
        if any(values[i] is None for i in others):
            return whole(node, patterns, values, walk)
        found: list[Pattern | None] = [] if base is None else [patterns[base]]
        p = patterns[sums]
        if p is not None:
            targets = _targets(node, sums, values, base, adds or node.op.on_arrays)
            found.append(p.joined(targets, np.arange(p.height), count(y)))
        return [union(found)]

    return rule


def _targets(node: Node, sums: int, values: Values, base: int | None, adds: Callable[..., Any]) -> np.ndarray:
    """Where each element of an operand that is added up goes: the operation's reference adds up lists of numbers of
    elements, whose sum is their concatenation."""
    v, (y,) = node.inputs[sums], node.outputs
    arrays: list[Any] = []
    for i, (x, value) in enumerate(zip(node.inputs, values)):
        marks = [_Listed((k,) if i == sums else ()) for k in range(count(x))]
        listed = i in (sums, base)
        arrays.append(np.fromiter(marks, object, len(marks)).reshape(shape(x)) if listed else value)
    out = np.asarray(adds(arrays, node.attrs)).ravel()
    targets = np.zeros(count(v), np.int64)
    for place in range(count(y)):
        if out[place]:
            targets[list(out[place])] = place
    return targets


class _Listed(tuple[int, ...]):
    """The numbers of elements that were added up."""

    def __add__(self, other: Any) -> _Listed:
        return _Listed(tuple.__add__(self, tuple(other))) if other else self

    __radd__ = __add__


def placed(node: Node, patterns: Patterns, values: Values, walk: Walk) -> list[Pattern | None]:
    """Operands put into parts of the result."""
    kernel: Place = node.op.kernel
    (y,) = node.outputs
    at = numbers(y)
    fill = kernel.fill(node)
    filled = None if fill is None else patterns[fill]
    source = [np.full(count(y), -1) for _ in node.inputs]
    covered = np.zeros(count(y), bool)
    for i, starts, steps in kernel.rule(node):
        v = node.inputs[i]
        part = at[np.ix_(*(int(s) + k * np.arange(n) for s, n, k in zip(starts, shape(v), steps)))].ravel()
        for other in source:
            other[part] = -1
        source[i][part] = np.arange(len(part))
        covered[part] = True
    found = [None if p is None else p.taken(s) for i, (p, s) in enumerate(zip(patterns, source)) if i != fill]
    if filled is not None:
        found.append(filled.taken(np.where(covered, -1, 0)))
    return [union(found)]


def product(node: Node, patterns: Patterns, values: Values, walk: Walk) -> list[Pattern | None]:
    """Matrix products: element (i, j) depends on row i of the first and column j of the second operand, without what a
    known operand has zeros for."""
    (y,) = node.outputs
    sizes = shape(y)
    *batch, m, n = sizes
    rows, columns = (np.broadcast_to(numbers(v), (*batch, *shape(v)[-2:])) for v in node.inputs)
    k = rows.shape[-1]
    rows, columns = rows.reshape(-1, m, k), columns.reshape(-1, k, n)
    at = np.arange(count(y)).reshape(-1, m, n)
    found: list[Pattern | None] = []
    for first in (True, False):
        p, other = (patterns[0], values[1]) if first else (patterns[1], values[0])
        if p is None:
            continue
        if other is not None:
            known = np.broadcast_to(other, (*batch, *other.shape[-2:])).reshape(-1, *other.shape[-2:])
            b, i, j = np.nonzero(known)  # (k, n) of the second operand, (m, k) of the first
            if first:
                found.append(p.joined(at[b, :, j], rows[b, :, i], count(y)))
            else:
                found.append(p.joined(at[b, i, :], columns[b, j, :], count(y)))
            continue
        lines = rows if first else np.swapaxes(columns, 1, 2)
        whole_lines = p.joined(
            np.repeat(np.arange(lines.shape[0] * lines.shape[1]), k), lines, lines.shape[0] * lines.shape[1]
        )
        of_line = np.arange(lines.shape[0] * lines.shape[1]).reshape(lines.shape[:2])
        spread = of_line[:, :, None] if first else of_line[:, None, :]
        found.append(whole_lines.taken(np.broadcast_to(spread, at.shape)))
    return [union(found)]


def attended(node: Node, patterns: Patterns, values: Values, walk: Walk) -> list[Pattern | None]:
    """Attention: entries of the batch do not touch each other."""
    lead = node.inputs[0].ndim - 2
    n = int(np.prod(shape(node.inputs[0])[:lead], dtype=np.int64))

    def entry(v: Value) -> np.ndarray:
        entries = np.arange(n).reshape(shape(node.inputs[0])[:lead])
        if shape(v)[:lead] != entries.shape:  # a mask that broadcasts: in the first group, which then is all
            return np.zeros(count(v), int)
        return np.repeat(entries.ravel(), count(v) // max(n, 1))

    if any(p is not None and shape(v)[:lead] != shape(node.inputs[0])[:lead] for v, p in zip(node.inputs, patterns)):
        return whole(node, patterns, values, walk)
    return _in_groups(node, patterns, [entry(v) for v in node.inputs], entry)


def windowed(first: str, second: str | None, result: str, taps: Callable[[Node], np.ndarray]) -> Callable[..., Any]:
    """Convolutions and pools, by the letters of their dimensions: g groups, n images, c and o channels of one, p places
    of the image, q of the result, t of the kernel. ``taps(node)``: the triples (p, q, t) that meet. A result depends on
    what its operand has at the places that meet its own, over all else that it does not share."""

    def rule(node: Node, patterns: Patterns, values: Values, walk: Walk) -> list[Pattern | None]:
        letters = [x for x in (first, second) if x is not None]
        sizes = _sizes_of(node, [*letters, result])
        meets = dict(zip("pqt", taps(node).T))
        (y, *_) = node.outputs
        found = []
        for names, p in zip(letters, patterns):
            if p is not None:
                found.append(_met(p, names, result, sizes, meets, count(y)))
        joined = union(found)
        return [joined for _ in node.outputs]

    return rule


def _sizes_of(node: Node, letters: Sequence[str]) -> dict[str, int]:
    """The size of each letter; p, q and t stand for two dimensions, g and the letter behind it for one."""
    sizes: dict[str, int] = {"g": int(node.attrs.get("groups", 1))}
    for names, v in zip(letters, [*node.inputs, node.outputs[0]]):
        dims = iter(shape(v))
        for k, name in enumerate(names):
            if name == "g":
                continue
            size = next(dims)
            if name in "pqt":
                size *= next(dims)
            sizes[name] = size // sizes["g"] if k and names[k - 1] == "g" else size
    return sizes


def _met(
    p: Pattern, names: str, result: str, sizes: dict[str, int], meets: dict[str, np.ndarray], height: int
) -> Pattern:
    mine, theirs = next(c for c in names if c in "pqt"), next(c for c in result if c in "pqt")
    at = np.arange(p.height).reshape([sizes[c] for c in names])
    shared = [c for c in names if c in result and c != mine]
    # over what the result has not, then by the places that meet, then for all that only the result has
    order = [names.index(c) for c in (*shared, mine, *(c for c in names if c not in shared and c != mine))]
    lead = [sizes[c] for c in shared]
    n = int(np.prod(lead, dtype=np.int64))
    lines = at.transpose(order).reshape(n * sizes[mine], -1)
    p = p.joined(np.repeat(np.arange(len(lines)), lines.shape[1]), lines, len(lines))
    pairs = np.unique(np.stack([meets[theirs], meets[mine]]), axis=1)
    block = np.arange(n)[:, None]
    p = p.joined(block * sizes[theirs] + pairs[0], block * sizes[mine] + pairs[1], n * sizes[theirs])
    spread = np.arange(n * sizes[theirs]).reshape(*lead, sizes[theirs])
    have = [*shared, theirs]
    spread = spread.transpose([have.index(c) for c in result if c in have])
    spread = spread.reshape([sizes[c] if c in have else 1 for c in result])
    return p.taken(np.broadcast_to(spread, [sizes[c] for c in result]))


def taps(image: Sequence[int], result: Sequence[int], kernel: Sequence[int], attrs: dict[str, Any]) -> np.ndarray:
    """The places (of the image, of the result, of the kernel) that meet, row by row, for the two dimensions of each."""
    low, dilation = attrs["padding"][::2], attrs["dilation"]
    axes = []
    for i in range(2):
        q, t = np.meshgrid(np.arange(result[i]), np.arange(kernel[i]), indexing="ij")
        p = q * attrs["stride"][i] - int(low[i]) + t * dilation[i]
        inside = (p >= 0) & (p < image[i])
        axes.append((p[inside], q[inside], t[inside]))
    rows, columns = axes
    out = [
        (a[:, None] * size + b[None, :]).ravel() for a, b, size in zip(rows, columns, (image[1], result[1], kernel[1]))
    ]
    return np.stack(out, axis=1)


def inner(node: Node, patterns: Patterns, values: Values, walk: Walk) -> list[Pattern | None]:
    """Branches: either of them; nothing by way of the choice."""
    found = [walk(node.attrs[k], patterns[1:], values[1:]) for k in ("if_true", "if_false")]
    return [union(pair) for pair in zip(*found)]
