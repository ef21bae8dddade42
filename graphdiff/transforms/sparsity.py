"""Sparse Jacobians: which elements can be nonzero, read off the graph, and as few products as colouring allows.

The pattern is carried through every node by its operation's rule (ops/pattern.py). Columns that share no row get one
colour (greedy, largest degree first; Curtis, Powell and Reid 1974, Coleman and Moré 1983) and are found together by one
jvp of the sum of their unit vectors - or rows, by one vjp, where those need fewer colours.
Invariants: the pattern holds at every point; it depends on shapes, which must be known. Work is linear in the entries
of patterns but for sorting them, and in the entries of products of rows for colours.
Must not know: any operation; how scipy holds a matrix.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import GraphError, ShapeError
from ..ir.dims import Dim
from ..ir.node import Node, Value, topological
from ..ops import pattern as rules
from ..ops.bodies import placeholders
from ..ops.gather import take
from ..ops.movement import reshape
from ..ops.pattern import Pattern, Patterns, Values, count
from ..ops.registry import Matmul, Place, Reduce, Tile
from ..ops.tensor import Tensor, constant, describe, fail, where_am_i
from .differentiate import check_leaves, pullback, pushforward
from .vmap import for_each

LARGEST = 1 << 20  # elements of a value that is worked out for its zeros


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


def sparse_jacobian(y: Tensor, x: Tensor, mode: str = "auto", batch: int | None = None) -> SparseJacobian:
    """The Jacobian of ``y`` with respect to ``x`` with its pattern. Raises ShapeError where a size is known only at
    the call."""
    for v in (y, x):
        if any(isinstance(s, Dim) for s in v.shape):
            fail(ShapeError, "jacobian", f"sparse needs sizes that are known, {describe(v)} has names", [v])
    m, n = count(y), count(x)
    found = pattern(y, x)
    indptr, indices = found.indptr.astype(np.int32), found.indices.astype(np.int32)
    if not len(indices):
        check_leaves("jacobian", [y], [x])
        return SparseJacobian(constant(np.zeros(0, y.dtype)), indices, indptr, (m, n), 0)
    row_of = found.rows
    turned = Pattern.of_entries(found.indices, row_of, n, m)
    by_column = _colors(found, turned) if mode != "reverse" else None
    by_row = _colors(turned, found) if mode != "forward" else None
    forward = by_row is None or (by_column is not None and by_column.max() <= by_row.max())
    colors, seeded, width = (by_column, x, m) if forward else (by_row, y, n)
    assert colors is not None
    (seed,) = placeholders("seed", [(seeded.shape, seeded.dtype)])
    one = pushforward([y], [x], [seed])[0] if forward else pullback([y], [seed], [x])[0][0]
    assert one is not None  # something depends on x
    at = colors[indices].astype(np.int64) * m + row_of if forward else colors[row_of].astype(np.int64) * n + indices
    seeds = (colors[None, :] == np.arange(colors.max() + 1)[:, None]).astype(y.dtype)
    products = for_each(one, seed, constant(seeds.reshape(-1, *rules.shape(seeded))), batch)
    values = take(reshape(products, (len(seeds) * width,)), constant(at))
    return SparseJacobian(values, indices, indptr, (m, n), len(seeds))


def _colors(rows: Pattern, columns: Pattern) -> np.ndarray:
    """A color for each column such that columns in one row differ. Dense rows, which all columns share, are what
    makes a color a column: they are told apart first."""
    n = columns.height
    lengths = np.diff(rows.indptr)
    weight = np.bincount(columns.rows, lengths[columns.indices], n)
    used = [0] * rows.height  # the colors met in each row, as bits
    column_rows = np.split(columns.indices, columns.indptr[1:-1])
    out = np.zeros(n, np.int32)
    for j in np.argsort(-weight, kind="stable").tolist():
        mine = column_rows[j].tolist()
        taken = 0
        for i in mine:
            taken |= used[i]
        color = (~taken & (taken + 1)).bit_length() - 1  # the lowest that is free
        out[j] = color
        for i in mine:
            used[i] |= 1 << color
    return out


# --------------------------------------------------------------------------------------- the pattern


def pattern(y: Tensor, x: Tensor) -> Pattern:
    """For each element of ``y``, the elements of ``x`` that it can depend on."""
    n = count(x)
    known: dict[Value, Pattern | None] = {x: Pattern.identity(n)}
    _propagate(topological([y], stop=[x]), known, {})
    return known.get(y) or Pattern(np.zeros(count(y) + 1, np.int64), np.zeros(0, np.int64), n)


def _walk(graph: Any, patterns: Patterns, values: Values) -> list[Pattern | None]:
    """Patterns of an inner graph's results for those of its arguments."""
    known: dict[Value, Pattern | None] = {v: p for v, p in zip(graph.inputs, patterns) if p is not None}
    numbers = {v: a for v, a in zip(graph.inputs, values) if a is not None}
    _propagate(graph.nodes, known, numbers)
    return [known.get(v) for v in graph.outputs]


def _propagate(nodes: Sequence[Node], known: dict[Value, Pattern | None], values: dict[Value, np.ndarray]) -> None:
    for node in nodes:
        if not any(known.get(v) is not None for v in node.inputs):
            _work_out(node, values)
            continue
        if not node.op.differentiable:
            continue
        for v in (*node.inputs, *node.outputs):
            if any(isinstance(s, Dim) for s in v.shape):
                raise GraphError(
                    f"jacobian: sparse needs sizes that are known, {describe(v)} has names", source=where_am_i()
                )
        patterns, arrays = [known.get(v) for v in node.inputs], [values.get(v) for v in node.inputs]
        known.update(zip(node.outputs, _rule(node)(node, patterns, arrays, _walk)))


def _rule(node: Node) -> Any:
    if node.op.pattern is not None:
        return node.op.pattern
    if node.op.kind == "linear":
        return rules.moved
    return _OF_KERNELS.get(type(node.op.kernel), rules.whole)


_OF_KERNELS: Mapping[type, Any] = {
    Tile: rules.elementwise,
    Reduce: rules.reduced,
    Place: rules.placed,
    Matmul: rules.product,
}


def _work_out(node: Node, values: dict[Value, np.ndarray]) -> None:
    """What is made of constants alone is known, where it is small."""
    if node.op.name == "constant":
        values[node.outputs[0]] = node.attrs["value"]
        return
    if node.op.kind == "leaf" and node.op.name != "index":
        return
    if any(v not in values for v in node.inputs) or any(isinstance(s, Dim) for y in node.outputs for s in y.shape):
        return
    if any(count(y) > LARGEST for y in node.outputs):
        return
    try:
        with np.errstate(all="ignore"):
            made = node.op.on_arrays([values[v] for v in node.inputs], node.attrs)
    except (LookupError, TypeError, ValueError):  # what has no reference, or none for these
        return
    values.update(zip(node.outputs, made if isinstance(made, tuple) else (made,)))
