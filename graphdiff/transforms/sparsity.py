"""Sparse Jacobians: which elements can be nonzero, read off the graph, and as few products as colouring allows.

The pattern is carried through every node by its operation's rule (ops/pattern.py). Columns that share no row get one
colour (greedy, largest degree first; Curtis, Powell and Reid 1974, Coleman and Moré 1983) and are found together by one
jvp of the sum of their unit vectors - or rows, by one vjp, where those need fewer colours. Where sizes have names the
graph is made for any pattern, and pattern and colours are worked out once those are known (``sparsity_at``).
Invariants: the pattern holds at every point; it depends on shapes alone. Work is linear in the entries of patterns but
for sorting them, and in the entries of products of rows for colours.
Must not know: any operation; how scipy holds a matrix; plans.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..errors import GraphdiffError
from ..ir.dims import Dim, Size, attr_at, floor_div, format_shape, least, names_of, shape_at
from ..ir.graph import Graph
from ..ir.node import NAMED_LEAVES, Node, Value, topological
from ..ops import pattern as rules
from ..ops.batching import in_front
from ..ops.bodies import placeholders
from ..ops.comparison import equal
from ..ops.control import map_
from ..ops.creation import arange
from ..ops.elementwise import astype
from ..ops.gather import positions, take
from ..ops.movement import reshape
from ..ops.pattern import Pattern, Patterns, Values, count
from ..ops.rebuild import rebuild
from ..ops.registry import Matmul, Place, Reduce, Tile, op_of
from ..ops.sparsity import SPARSITY, sparsity
from ..ops.tensor import Tensor, constant, make, scalar
from .differentiate import check_leaves, pullback, pushforward
from .vmap import Examples, at_thousands, block_size

LARGEST = 1 << 20  # elements of a value that is worked out for its zeros


class SparseJacobian:
    """A Jacobian by its entries. ``data``: a Tensor of their values in row order; ``shape``: (y.size, x.size);
    ``colors``: how many derivative products make it; ``nnz``: how many entries there are. Where sizes have names these
    are sizes, and ``indices`` and ``indptr``, the CSR pattern, are None: they are found at the first call of a size."""

    def __init__(
        self,
        data: Tensor,
        shape: tuple[Size, Size],
        colors: Size,
        indices: np.ndarray | None = None,
        indptr: np.ndarray | None = None,
    ):
        self.data, self.shape, self.colors, self.indices, self.indptr = data, shape, colors, indices, indptr

    @property
    def nnz(self) -> Size:
        return self.data.shape[0]

    def __repr__(self) -> str:
        return f"<SparseJacobian {format_shape(self.shape)}, {self.nnz} entries, {self.colors} colors>"


class Found(NamedTuple):
    """A pattern with its colors: ``colors`` of the elements of x where ``forward``, else of those of y."""

    forward: bool
    colors: np.ndarray
    indices: np.ndarray
    indptr: np.ndarray
    shape: tuple[int, int]

    @property
    def number(self) -> int:
        """Of colors."""
        return int(self.colors.max(initial=-1)) + 1

    def places(self) -> np.ndarray:
        """Where each entry is among the products: that of its color, at its row (backward: at its column)."""
        rows = np.repeat(np.arange(self.shape[0]), np.diff(self.indptr))
        lines, at = (self.indices, rows) if self.forward else (rows, self.indices)
        return self.colors[lines].astype(np.int64) * self.shape[0 if self.forward else 1] + at


def sparse_jacobian(y: Tensor, x: Tensor, mode: str = "auto", batch: int | None = None) -> SparseJacobian:
    """The Jacobian of ``y`` with respect to ``x`` with its pattern."""
    if any(isinstance(s, Dim) for v in (y, x) for s in v.shape) or _is_open(y, x):
        return _for_any_size(y, x, mode, batch)
    found = colored(y, x, mode)
    if not len(found.indices):
        check_leaves("jacobian", [y], [x])
        return SparseJacobian(constant(np.zeros(0, y.dtype)), found.shape, 0, found.indices, found.indptr)
    data = _entries(y, x, found.forward, found.number, constant(found.colors), constant(found.places()), batch)
    return SparseJacobian(data, found.shape, found.number, found.indices, found.indptr)


def colored(y: Tensor, x: Tensor, mode: str) -> Found:
    """The pattern of a Jacobian whose sizes are known, and the fewest colors that a greedy choice finds."""
    m, n = count(y), count(x)
    rows = pattern(y, x)
    columns = Pattern.of_entries(rows.indices, rows.rows, n, m)
    by_column = _colors(rows, columns) if mode != "reverse" else None
    by_row = _colors(columns, rows) if mode != "forward" else None
    forward = by_row is None or (by_column is not None and by_column.max(initial=0) <= by_row.max(initial=0))
    colors = by_column if forward else by_row
    assert colors is not None
    return Found(forward, colors, rows.indices.astype(np.int32), rows.indptr.astype(np.int32), (m, n))


def _entries(y: Tensor, x: Tensor, forward: bool, n: Size, colors: Tensor, places: Tensor, batch: int | None) -> Tensor:
    """The values at ``places`` of the products for ``n`` colors, made block by block where they are many."""
    seeded, width = (x, y.size) if forward else (y, x.size)
    (seed,) = placeholders("seed", [(seeded.shape, seeded.dtype)])
    one = pushforward([y], [x], [seed])[0] if forward else pullback([y], [seed], [x])[0][0]
    if one is None:  # nothing depends: there are no entries, whatever the sizes
        return _taken(scalar(0, y.dtype), 1, places)
    most = batch or block_size(one, seed)
    block = least(most, n)
    color_of = reshape(colors, (1, *seeded.shape))
    # known where they are few, so that what is made of the seeds alone is folded
    numbers = constant(np.arange(block)) if isinstance(block, int) else positions((block,), 0)

    def products(first: Tensor | int) -> Tensor:
        """Of the colors from ``first``."""
        which = reshape(numbers, (block, *(1,) * seeded.ndim)) + first
        units = astype(equal(which, color_of), seeded.dtype)
        (made,) = Examples(block).transform([one], {seed: units})
        return in_front(made, one, block)

    if block == n:
        return _taken(products(0), n * width, places)
    blocks = floor_div(n + (most - 1), most)
    made = map_(lambda i: products(i * block), arange(blocks))
    return _taken(made, blocks * block * width, places)


def _taken(products: Tensor, n: Size, places: Tensor) -> Tensor:
    return make(op_of(take), (reshape(products, (n,)), places), {"axis": 0})


def _colors(rows: Pattern, columns: Pattern) -> np.ndarray:
    """A color for each column such that columns in one row differ. Dense rows, which all columns share, are what
    makes a color a column: they are told apart first."""
    n = columns.height
    lengths = np.diff(rows.indptr)
    weight = np.bincount(columns.rows, lengths[columns.indices], n)
    used = [0] * rows.height  # the colors met in each row, as bits
    entries, starts = columns.indices.tolist(), columns.indptr.tolist()
    out = np.zeros(n, np.int32)
    for j in np.argsort(-weight, kind="stable").tolist():
        mine = entries[starts[j] : starts[j + 1]]
        taken = 0
        for i in mine:
            taken |= used[i]
        color = (~taken & (taken + 1)).bit_length() - 1  # the lowest that is free
        out[j] = color
        for i in mine:
            used[i] |= 1 << color
    return out


# --------------------------------------------------------------------------------------- sizes that have names

PROBED = 24  # what names stand for where forward or reverse mode is chosen


def _is_open(y: Tensor, x: Tensor) -> bool:
    """Whether a value between ``x`` and ``y`` has a size that is known only at the call."""
    return any(isinstance(s, Dim) for node in topological([y], stop=[x]) for v in node.outputs for s in v.shape)


def _for_any_size(y: Tensor, x: Tensor, mode: str, batch: int | None) -> SparseJacobian:
    """A Jacobian whose pattern is found when sizes are."""
    body = _closed(y, x)
    forward = mode == "forward" or (mode == "auto" and _probed(body))
    check_leaves("jacobian", [y], [x])
    colors, places, n = sparsity(body, forward)
    return SparseJacobian(_entries(y, x, forward, n, colors, places, batch), (y.size, x.size), n)


def _closed(y: Tensor, x: Tensor) -> Graph:
    """The graph from ``x`` to ``y``, whose first operand stands for ``x`` and the others for leaves."""
    leaves = [n.outputs[0] for n in topological([y], stop=[x]) if n.op.name in NAMED_LEAVES]
    held = [x, *leaves]
    stand_ins = placeholders("x", [(v.shape, v.dtype) for v in held])
    return Graph("jacobian", stand_ins, rebuild([y], dict(zip(held, stand_ins))))


def _probed(body: Graph) -> bool:
    """Whether forward mode needs no more colors than reverse mode, at sizes to try; where these do not fit the graph,
    whether x has no more elements than y."""
    x, y = body.inputs[0], body.outputs[0]
    values = [*body.inputs, *(v for n in body.nodes for v in n.outputs)]
    names = {name for v in values for s in v.shape for name in names_of(s)}
    try:
        return sparsity_found(body, dict.fromkeys(names, PROBED), "auto").forward
    except (GraphdiffError, ValueError):
        return at_thousands(x.size) <= at_thousands(y.size)


def sparsity_at(node: Node, env: dict[str, int]) -> Found:
    """The pattern and colors of a ``sparsity`` at known sizes, to which the numbers of colors and entries are added."""
    found = sparsity_found(node.attrs["body"], env, "forward" if node.attrs["forward"] else "reverse")
    colors, entries = node.attrs["sizes"]
    env[colors], env[entries] = found.number, len(found.indices)
    return found


def sparsity_found(body: Graph, env: Mapping[str, int], mode: str) -> Found:
    at = at_sizes(body, dict(env))
    return colored(at.outputs[0], at.inputs[0], mode)


def at_sizes(graph: Graph, env: dict[str, int]) -> Graph:
    """The graph with numbers for the names of sizes, and the patterns in it for them."""
    inputs = placeholders("x", [(shape_at(v.shape, env), v.dtype) for v in graph.inputs])
    new: dict[Value, Any] = dict(zip(graph.inputs, inputs))
    for node in graph.nodes:
        if node.op is SPARSITY:
            found = sparsity_at(node, env)
            made: Any = (constant(found.colors), constant(found.places()))
        else:
            attrs = {k: at_sizes(a, env) if isinstance(a, Graph) else attr_at(a, env) for k, a in node.attrs.items()}
            made = make(node.op, tuple(new.get(v, v) for v in node.inputs), attrs)
        new.update(zip(node.outputs, made if isinstance(made, tuple) else (made,)))
    return Graph(graph.name, inputs, [new.get(v, v) for v in graph.outputs])


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
    if any(isinstance(a, Graph) for a in node.attrs.values()):  # loops and branches are run by programs alone
        return
    if any(count(y) > LARGEST for y in node.outputs):
        return
    try:
        with np.errstate(all="ignore"):
            made = node.op.on_arrays([values[v] for v in node.inputs], node.attrs)
    except (LookupError, TypeError, ValueError):  # what has no reference, or none for these
        return
    values.update(zip(node.outputs, made if isinstance(made, tuple) else (made,)))
