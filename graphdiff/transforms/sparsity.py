"""Sparse Jacobians: which elements can be nonzero, read off the graph, and as few products as colouring allows.

The pattern is found by carrying, for each value, the set of elements of ``x`` that each of its elements depends on,
through every node: elementwise operations join the sets of corresponding elements, reductions those along axes,
linear ones are computed on sets in place of numbers (where what else they read is constant), and whatever else is
taken to join all sets of its operands. Columns that share no row get one colour (greedy, largest degree first; Curtis,
Powell and Reid 1974, Coleman and Moré 1983) and are found together by one jvp of the sum of their unit vectors - or
rows, by one vjp, where those need fewer colours.
Invariant: the pattern holds at every point; it depends on shapes, which must be known.
Must not know: values; how scipy holds a matrix.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import GraphError, ShapeError
from ..ir.dims import Dim
from ..ir.node import Node, Value, topological
from ..ops.control import map_
from ..ops.gather import take
from ..ops.movement import reshape
from ..ops.registry import Matmul, Place, Reduce, Tile
from ..ops.tensor import Tensor, constant, describe, fail, where_am_i
from .differentiate import check_leaves, pullback, pushforward, zeros_of

Pattern = list[frozenset[int]]  # for each element in row-major order: what it depends on
_NONE: frozenset[int] = frozenset()


class SparseJacobian:
    """A Jacobian by its nonzeros. ``data``: a Tensor of the values in row order; ``indices``, ``indptr``: the CSR
    pattern; ``shape``: (y.size, x.size); ``colors``: how many derivative products make it."""

    def __init__(self, data: Tensor, indices: np.ndarray, indptr: np.ndarray, shape: tuple[int, int], colors: int):
        self.data, self.indices, self.indptr, self.shape, self.colors = data, indices, indptr, shape, colors

    @property
    def nnz(self) -> int:
        return len(self.indices)

    def __repr__(self) -> str:
        return f"<SparseJacobian {self.shape}, {self.nnz} nonzeros, {self.colors} colors>"


def sparse_jacobian(y: Tensor, x: Tensor, mode: str = "auto") -> SparseJacobian:
    """The Jacobian of ``y`` with respect to ``x`` with its pattern. Raises ShapeError where a size is known only at
    the call."""
    for v in (y, x):
        if any(isinstance(s, Dim) for s in v.shape):
            fail(ShapeError, "jacobian", f"sparse needs sizes that are known, {describe(v)} has names", [v])
    m, n = _count(y), _count(x)
    rows = pattern(y, x)
    indptr = np.zeros(m + 1, np.int32)
    indptr[1:] = np.cumsum([len(r) for r in rows])
    indices = np.fromiter((j for r in rows for j in sorted(r)), np.int32, indptr[-1])
    row_of = np.repeat(np.arange(m, dtype=np.int32), np.diff(indptr))
    by_column = _colors(rows, n) if mode != "reverse" else None
    by_row = _colors(_transposed(rows, n), m) if mode != "forward" else None
    if by_row is None or (by_column is not None and by_column.max(initial=0) <= by_row.max(initial=0)):
        assert by_column is not None
        colors, width = by_column, m
        at = colors[indices].astype(np.int64) * m + row_of

        def product(seed: Tensor) -> Tensor:
            t = pushforward([y], [x], [reshape(seed, x.shape)])[0]
            return reshape(t if t is not None else zeros_of(y), (m,))
    else:
        colors, width = by_row, n
        at = colors[row_of].astype(np.int64) * n + indices

        def product(seed: Tensor) -> Tensor:
            g = pullback([y], [reshape(seed, y.shape)], [x])[0][0]
            return reshape(g if g is not None else zeros_of(x), (n,))

    count = int(colors.max(initial=-1)) + 1
    if not len(indices):
        check_leaves("jacobian", [y], [x])
        return SparseJacobian(constant(np.zeros(0, y.dtype)), indices, indptr, (m, n), 0)
    seeds = (colors[None, :] == np.arange(count)[:, None]).astype(y.dtype)
    compressed = reshape(map_(product, constant(seeds)), (count * width,))
    return SparseJacobian(take(compressed, constant(at)), indices, indptr, (m, n), count)


def _count(v: Value) -> int:
    return int(np.prod([int(s) for s in v.shape], dtype=np.int64))


def _transposed(rows: Pattern, n: int) -> Pattern:
    columns: list[set[int]] = [set() for _ in range(n)]
    for i, r in enumerate(rows):
        for j in r:
            columns[j].add(i)
    return [frozenset(c) for c in columns]


def _colors(rows: Pattern, n: int) -> np.ndarray:
    """A color for each of ``n`` columns such that columns in one row differ."""
    touching: list[list[int]] = [[] for _ in range(n)]
    for i, r in enumerate(rows):
        for j in r:
            touching[j].append(i)
    used: list[set[int]] = [set() for _ in rows]  # colors met in each row
    out = np.zeros(n, np.int32)
    for j in sorted(range(n), key=lambda j: -sum(len(rows[i]) for i in touching[j])):
        taken: set[int] = set()
        for i in touching[j]:
            taken |= used[i]
        color = 0
        while color in taken:
            color += 1
        out[j] = color
        for i in touching[j]:
            used[i].add(color)
    return out


# --------------------------------------------------------------------------------------- the pattern


def pattern(y: Tensor, x: Tensor) -> Pattern:
    """For each element of ``y``, the elements of ``x`` that it can depend on."""
    known: dict[Value, Pattern] = {x: [frozenset((i,)) for i in range(_count(x))]}
    for node in topological([y], stop=[x]):
        if not node.op.differentiable or not any(v in known for v in node.inputs):
            continue
        for v in (*node.inputs, *node.outputs):
            if any(isinstance(s, Dim) for s in v.shape):
                raise GraphError(
                    f"jacobian: sparse needs sizes that are known, {describe(v)} has names", source=where_am_i()
                )
        rule = _linear if node.op.kind == "linear" else _RULES.get(type(node.op.kernel), _joined)
        known.update(zip(node.outputs, rule(node, known)))
    return known.get(y, [_NONE] * _count(y))


def _shape(v: Value) -> tuple[int, ...]:
    return tuple(int(s) for s in v.shape)


def _union(sets: Any) -> frozenset[int]:
    return frozenset().union(*sets)


def _joined(node: Node, known: dict[Value, Pattern]) -> list[Pattern]:
    """Every result depends on everything."""
    whole = _union(s for v in node.inputs if v in known for s in set(known[v]))
    return [[whole] * _count(y) for y in node.outputs]


def _elementwise(node: Node, known: dict[Value, Pattern]) -> list[Pattern]:
    shape = _shape(node.outputs[0])
    parts = []
    for v in node.inputs:
        if v in known:
            places = np.broadcast_to(np.arange(_count(v)).reshape(_shape(v)), shape).ravel()
            parts.append([known[v][i] for i in places])
    return [parts[0] if len(parts) == 1 else [_union(s) for s in zip(*parts)]]


def _reduced(node: Node, known: dict[Value, Pattern]) -> list[Pattern]:
    v = node.inputs[0]
    axes = node.attrs["axes"]
    places = np.moveaxis(np.arange(_count(v)).reshape(_shape(v)), axes, range(len(axes)))
    places = places.reshape(int(np.prod(places.shape[: len(axes)])), -1)
    return [[_union(known[v][i] for i in column) for column in places.T]]


class _Reach(frozenset[int]):
    """A set that stands for a number in a linear operation: of a sum everything that its terms depend on."""

    def __add__(self, other: Any) -> _Reach:
        return _Reach(self | other) if other else self

    __radd__ = __add__  # 0 + x


def _linear(node: Node, known: dict[Value, Pattern]) -> list[Pattern]:
    """What is linear in its first operand, the others constant, is computed on sets in place of numbers."""
    v, *rest = node.inputs
    sizes = (s for a in node.attrs.values() for s in (a if isinstance(a, tuple) else (a,)))
    if v not in known or any(x.node.op.name != "constant" for x in rest) or any(isinstance(s, Dim) for s in sizes):
        return _joined(node, known)
    sets = np.empty(_count(v), object)
    sets[:] = [_Reach(s) for s in known[v]]
    out = node.op.on_arrays([sets.reshape(_shape(v)), *(x.node.attrs["value"] for x in rest)], node.attrs)
    return [[s or _NONE for s in np.asarray(out).ravel()]]


def _placed(node: Node, known: dict[Value, Pattern]) -> list[Pattern]:
    shape = _shape(node.outputs[0])
    fill = node.op.kernel.fill(node)
    start = known[node.inputs[fill]][0] if fill is not None and node.inputs[fill] in known else _NONE
    out = np.full(int(np.prod(shape, dtype=np.int64)), start, object)
    at = np.arange(len(out)).reshape(shape)
    for i, starts, steps in node.op.kernel.rule(node):
        v = node.inputs[i]
        part = at[np.ix_(*(int(s) + k * np.arange(n) for s, n, k in zip(starts, _shape(v), steps)))].ravel()
        for k, target in enumerate(part):
            out[target] = known[v][k] if v in known else _NONE
    return [list(out)]


def _product(node: Node, known: dict[Value, Pattern]) -> list[Pattern]:
    """Element (i, j) depends on row i of the first and column j of the second operand."""
    a, b = node.inputs
    shape = _shape(node.outputs[0])
    batch = shape[:-2]
    parts: list[list[frozenset[int]]] = []
    for v, axis in ((a, -1), (b, -2)):
        if v in known:
            places = np.arange(_count(v)).reshape(_shape(v))
            places = np.broadcast_to(places, (*batch, *places.shape[-2:]))
            lines = np.moveaxis(places, axis, -1)
            sets = np.empty(lines.shape[:-1], object)
            for k in np.ndindex(*lines.shape[:-1]):
                sets[k] = _union(known[v][i] for i in lines[k])
            sets = sets[..., :, None] if axis == -1 else sets[..., None, :]
            parts.append(list(np.broadcast_to(sets, shape).ravel()))
    return [parts[0] if len(parts) == 1 else [_union(s) for s in zip(*parts)]]


_RULES: dict[type, Callable[[Node, dict[Value, Pattern]], list[Pattern]]] = {
    Tile: _elementwise,
    Reduce: _reduced,
    Place: _placed,
    Matmul: _product,
}
