"""Declarations of the products over any axes: dot, outer, tensordot, einsum, traces and diagonals.

All but the diagonal (a view) are made of transposes, one product of matrices and sums, so that BLAS does the work
and derivatives follow. Must not know: how a product of matrices is computed.
"""

from __future__ import annotations

import string
from collections.abc import Hashable, Iterable, Sequence
from typing import Any

import numpy as np

from ..errors import ShapeError
from ..ir.dims import Dim, Size, broadcast, evaluate, names_of, product
from ..ir.node import Node
from . import batching
from .comparison import equal
from .elementwise import multiply, where
from .gather import positions
from .laws import Attrs, Values, are_ints, is_int, is_size, law, on_axis
from .matmul import matmul
from .movement import permute_dims, place, reshape
from .opdef import composite, linear
from .operands import axis_of, int_of, operands
from .reduce import sum as sum_
from .registry import Sample, Strided, View, op_of
from .tensor import Tensor, as_tensor, fail, make
from .types import Ints, TensorLike


def _pairs(*shapes: Any, **kwargs: Any) -> Any:
    """Samples of operands of each case's shapes, all with the same keywords."""
    return lambda rng: [Sample(tuple(rng.uniform(-1, 1, s) for s in case), kwargs) for case in shapes]


# ------------------------------------------------------------------ diagonals
def _diagonal_length(x: Tensor, offset: int, rows: Size, columns: Size) -> Size:
    if rows == columns:
        n = rows - abs(offset)
        return max(n, 0) if isinstance(n, int) else n
    if isinstance(rows, Dim) or isinstance(columns, Dim):
        fail(ShapeError, "diagonal", f"which of {rows} and {columns} is smaller is known only at the call", [x])
    return max(min(rows + min(offset, 0), columns - max(offset, 0)) if offset < 0 else min(rows, columns - offset), 0)


def _infer_diagonal(xs: Any, attrs: Any) -> Any:
    rest = tuple(s for i, s in enumerate(xs[0].shape) if i not in attrs["axes"])
    return (((*rest, attrs["length"]), xs[0].dtype),)


def _diagonal_view(node: Node, view: Strided) -> Strided:
    (row, column), k = node.attrs["axes"], node.attrs["offset"]
    rest = tuple(s for i, s in enumerate(view.strides) if i not in (row, column))
    start = k * view.strides[column] if k > 0 else -k * view.strides[row]
    if node.attrs["length"] == 0:
        start = 0  # nothing is read, and nothing may be pointed at outside
    return Strided(view.offset + start, (*rest, view.strides[row] + view.strides[column]))


def _diagonal_transpose(node: Node, g: Tensor) -> Tensor:
    """``g`` on the diagonal of zeros."""
    shape, k, (row, column) = node.inputs[0].shape, node.attrs["offset"], node.attrs["axes"]
    along = row if k >= 0 else column  # the axis whose index is the position on the diagonal
    if g.shape[-1] != shape[along]:
        g = place(g, 0, (*g.shape[:-1], shape[along]), (0,) * g.ndim, (1,) * g.ndim)
    rest = [i for i in range(len(shape)) if i not in (row, column)]
    g = permute_dims(g, tuple(len(rest) if i == along else rest.index(i) for i in sorted([*rest, along])))
    g = reshape(g, tuple(1 if i in (row, column) and i != along else s for i, s in enumerate(shape)))
    return where(equal(positions(shape, row) + k, positions(shape, column)), g, 0)


def _diagonal(x: TensorLike, /, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    x = as_tensor(x, "diagonal")
    offset = int_of("diagonal", "offset", offset, [x])
    axes = axis_of("diagonal", axis1, x.ndim, [x]), axis_of("diagonal", axis2, x.ndim, [x])
    if axes[0] == axes[1]:
        fail(ShapeError, "diagonal", f"axis {axis1} is given twice", [x])
    length = _diagonal_length(x, offset, x.shape[axes[0]], x.shape[axes[1]])
    return make(DIAGONAL, (x,), {"offset": offset, "axes": axes, "length": length})


def _keeps_diagonal(xs: Values, a: Attrs) -> bool:
    (x,), axes, k = xs, a["axes"], a["offset"]
    if len(set(axes)) != 2 or len(axes) != 2 or not all(on_axis(x, i) for i in axes):
        return False
    rows, columns = (x.shape[i] for i in axes)
    if isinstance(rows, Dim) or isinstance(columns, Dim):
        return rows == columns and a["length"] == rows - abs(k)
    return bool(a["length"] == max(min(rows + min(k, 0), columns - max(k, 0)), 0))


diagonal = linear(
    "diagonal",
    "The elements whose indices along two axes differ by ``offset``, as a new last axis.\n"
    "Arguments: ``x``: of two dimensions or more; ``offset``: of the diagonal above the main one; "
    "``axis1``: the rows; ``axis2``: the columns, another axis\n"
    "Dtypes: any\n"
    "Shapes: x.shape without axis1 and axis2, the diagonal's length last\n"
    "Edges: diagonal([[1.0]], offset=5) = []\n"
    "Raises: ShapeError, DTypeError\n"
    "Example: gd.diagonal([[1.0, 2.0], [3.0, 4.0]]) -> [1.0, 4.0]",
    infer=_infer_diagonal,
    transpose=_diagonal_transpose,
    kernel=View(_diagonal_view),
    public=_diagonal,
    reference=np.diagonal,
    samples=lambda rng: [
        Sample((rng.uniform(-2, 2, s),), {"offset": k, "axis1": a, "axis2": b})
        for s, k, a, b in (
            ((3, 3), 0, 0, 1),
            ((3, 5), 1, 0, 1),
            ((5, 3), -1, 0, 1),
            ((3, 5), -2, 0, 1),
            ((2, 3, 4), 0, -1, 0),
            ((4, 2, 4), -1, 2, 0),
            ((2, 3, 3), 2, 1, 2),
            ((3, 3), 3, 0, 1),
            ((0, 2), 0, 0, 1),
        )
    ],
    batch=batching.on_axes("axes"),
    law=law("any", _keeps_diagonal, offset=is_int, axes=are_ints, length=is_size),
    compute=lambda xs, a: np.diagonal(xs[0], a["offset"], *a["axes"]),
    page="diagonalOf",
)
DIAGONAL = op_of(diagonal)


@composite(
    reference=np.trace,
    samples=lambda rng: [
        Sample((rng.uniform(-2, 2, (3, 3)),)),
        Sample((rng.uniform(-2, 2, (3, 5)),), {"offset": 1}),
        Sample((rng.uniform(-2, 2, (2, 3, 3)),), {"axis1": -2, "axis2": -1}),
    ],
)
def trace(x: TensorLike, /, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """The sum of a diagonal: of the first two axes unless given, as NumPy's.

    Arguments: ``x``: of two dimensions or more; ``offset``: of the diagonal above the main one; ``axis1``: the rows;
    ``axis2``: the columns, another axis
    Dtypes: any
    Shapes: x.shape without axis1 and axis2
    Edges: trace([[1.0]], offset=5) = 0.0
    Raises: ShapeError, DTypeError
    Example: gd.trace([[1.0, 2.0], [3.0, 4.0]]) -> 5.0
    """
    return sum_(diagonal(x, offset, axis1, axis2), axis=-1)


# ------------------------------------------------------------------ products of two


def _axes_of_both(a: Tensor, b: Tensor, axes: Any) -> tuple[list[int], list[int]]:
    if isinstance(axes, (int, np.integer)) and not isinstance(axes, bool):
        if not 0 <= axes <= min(a.ndim, b.ndim):
            fail(ShapeError, "tensordot", f"{axes} axes of {a.ndim} and {b.ndim} dimensions", [a, b])
        return list(range(a.ndim - axes, a.ndim)), list(range(axes))
    if not isinstance(axes, (tuple, list)) or len(axes) != 2:
        fail(ShapeError, "tensordot", f"axes are an int or a pair of lists, got {axes!r}", [a, b])
    lists = [axis if isinstance(axis, (tuple, list)) else [axis] for axis in axes]
    first, second = (
        [axis_of("tensordot", i, x.ndim, [a, b]) for i in axis] for x, axis in zip((a, b), lists, strict=True)
    )
    if len(first) != len(second) or len(set(first)) != len(first) or len(set(second)) != len(second):
        fail(ShapeError, "tensordot", f"axes {axes!r} do not pair", [a, b])
    return first, second


@composite(
    also="linalg",
    reference=np.tensordot,
    samples=lambda rng: [
        Sample((rng.uniform(-1, 1, s), rng.uniform(-1, 1, t)), {"axes": axes})
        for s, t, axes in (
            ((2, 3, 4), (3, 4, 5), 2),
            ((2, 3), (3,), 1),
            ((2, 3), (4, 5), 0),
            ((2, 3, 4), (4, 2, 5), ([0, 2], [1, 0])),
            ((3, 4), (4, 3), ((0, 1), (1, 0))),
            ((2, 0), (0, 3), 1),
        )
    ],
)
def tensordot(x1: TensorLike, x2: TensorLike, /, axes: int | tuple[Ints, Ints] | list[list[int]] = 2) -> Tensor:
    """The sum of products over pairs of axes: the last ``axes`` of x1 with the first of x2, or a pair of lists of axes.

    The result has the other axes of x1, then those of x2. Raises ShapeError where sizes differ.

    Dtypes: numeric
    Shapes: the other axes of x1, then those of x2
    Edges: tensordot([2.0], [3.0], axes=0) = [[6.0]]
    Raises: ShapeError, DTypeError
    Example: gd.tensordot([[1.0, 2.0]], [3.0, 4.0], axes=1) -> [11.0]
    """
    a, b = operands("tensordot", (x1, x2), "numeric")
    first, second = _axes_of_both(a, b, axes)
    for i, j in zip(first, second, strict=True):
        if a.shape[i] != b.shape[j]:
            fail(
                ShapeError, "tensordot", f"axis {i} has {a.shape[i]}, axis {j} has {b.shape[j]}", [a, b], {"axes": axes}
            )
    left = [i for i in range(a.ndim) if i not in first]
    right = [j for j in range(b.ndim) if j not in second]
    rows, columns = [a.shape[i] for i in left], [b.shape[j] for j in right]
    inner = product(a.shape[i] for i in first)
    a = reshape(permute_dims(a, (*left, *first)), (product(rows), inner))
    b = reshape(permute_dims(b, (*second, *right)), (inner, product(columns)))
    return reshape(matmul(a, b), (*rows, *columns))


def _vecdot_reference(x1: Any, x2: Any, axis: int = -1) -> Any:
    return np.sum(np.moveaxis(x1, axis, -1) * np.moveaxis(x2, axis, -1), axis=-1)


@composite(
    also="linalg",
    reference=_vecdot_reference,
    samples=lambda rng: [
        Sample((rng.uniform(-1, 1, s), rng.uniform(-1, 1, t)), {"axis": axis})
        for s, t, axis in (
            ((3,), (3,), -1),
            ((2, 3), (2, 3), -1),
            ((2, 3), (3,), -1),
            ((3, 2), (3, 2), 0),
            ((4, 1, 3), (2, 3), -1),
            ((2, 0), (2, 0), -1),
        )
    ],
)
def vecdot(x1: TensorLike, x2: TensorLike, /, axis: int = -1) -> Tensor:
    """The inner products along ``axis`` of each, the other dimensions broadcast.

    Dtypes: numeric
    Shapes: the operands broadcast, without axis
    Edges: vecdot([], []) = 0.0; vecdot([inf], [0.0]) = nan
    Raises: ShapeError, DTypeError
    Example: gd.vecdot([1.0, 2.0], [3.0, 4.0]) -> 11.0
    """
    a, b = operands("vecdot", (x1, x2), "numeric")
    a, b = (_to_last("vecdot", x, axis) for x in (a, b))
    if a.shape[-1] != b.shape[-1]:
        fail(ShapeError, "vecdot", f"vectors of {a.shape[-1]} and {b.shape[-1]}", [a, b])
    if a.ndim == b.ndim == 1:
        return matmul(a, b)
    return sum_(multiply(a, b), axis=-1)


def _to_last(name: str, x: Tensor, axis: int) -> Tensor:
    axis = axis_of(name, axis, x.ndim, [x])
    return permute_dims(x, (*(i for i in range(x.ndim) if i != axis), axis))


@composite(also="linalg", reference=np.outer, samples=_pairs(((3,), (4,)), ((2, 2), (3,)), ((), (2,)), ((0,), (3,))))
def outer(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """All products of an element of x1 and one of x2, both taken as vectors: shape (x1.size, x2.size).

    Dtypes: numeric
    Shapes: (x1.size, x2.size)
    Edges: outer([inf], [0.0]) = [[nan]]; no elements stay none
    Raises: DTypeError
    Example: gd.outer([1.0, 2.0], [3.0, 4.0]) -> [[3.0, 4.0], [6.0, 8.0]]
    """
    a, b = operands("outer", (x1, x2), "numeric")
    return multiply(reshape(a, (a.size, 1)), reshape(b, (1, b.size)))


@composite(
    reference=np.dot,
    samples=_pairs(
        ((3,), (3,)),
        ((2, 3), (3, 4)),
        ((2, 3), (3,)),
        ((3,), (3, 2)),
        ((), (2, 3)),
        ((2, 4, 3), (3,)),
        ((2, 3), (4, 3, 5)),
        ((2, 0), (0, 3)),
    ),
)
def dot(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """The sum of products over the last axis of x1 and the last but one of x2 (its only one), without broadcasting,
    as NumPy's; the product where one is 0-d.

    Dtypes: numeric
    Shapes: (..., k), (..., k, n) -> (..., ..., n)
    Edges: dot([], []) = 0.0; dot([inf], [0.0]) = nan
    Raises: ShapeError, DTypeError
    Example: gd.dot([1.0, 2.0], [3.0, 4.0]) -> 11.0
    """
    a, b = operands("dot", (x1, x2), "numeric")
    if a.ndim == 0 or b.ndim == 0:
        return multiply(a, b)
    if a.ndim <= 2 and b.ndim <= 2:
        return matmul(a, b)
    return tensordot(a, b, axes=([-1], [max(b.ndim - 2, 0)]))


# ------------------------------------------------------------------ einsum
Label = Hashable  # a letter, or ("...", k) for the k-th dimension from the right of an ellipsis


def _labels(part: str, ndim: int | None, subscripts: str, xs: Sequence[Tensor], ellipsis: int) -> list[Label]:
    """The labels of one operand's dimensions (``ndim`` None: the result's, whose ellipsis has ``ellipsis`` of them)."""
    before, dots, after = part.partition("...")
    if not all(c in string.ascii_letters for c in before + after):
        bad = next(c for c in before + after if c not in string.ascii_letters)
        fail(ShapeError, "einsum", f"{subscripts!r} has {bad!r}; a subscript is letters and at most one '...'", xs)
    letters = len(before) + len(after)
    if ndim is not None:
        if letters > ndim or (not dots and letters != ndim):
            fail(
                ShapeError,
                "einsum",
                f"{part!r} names {letters} dimensions, its operand has {ndim}",
                xs,
                {"subscripts": subscripts},
            )
        ellipsis = ndim - letters
    return [*before, *([("...", k) for k in range(ellipsis, 0, -1)] if dots else []), *after]


def _parse(subscripts: str, xs: Sequence[Tensor]) -> tuple[list[list[Label]], list[Label]]:
    """The labels of each operand and of the result."""
    text = subscripts.replace(" ", "")
    left, arrow, right = text.partition("->")
    parts = left.split(",")
    if len(parts) != len(xs):
        fail(ShapeError, "einsum", f"{subscripts!r} has {len(parts)} subscripts for {len(xs)} operands", xs)
    inputs = [_labels(part, x.ndim, subscripts, xs, 0) for part, x in zip(parts, xs, strict=True)]
    flat = [c for labels in inputs for c in labels]
    dots = max((sum(isinstance(c, tuple) for c in labels) for labels in inputs), default=0)
    if arrow:
        output = _labels(right, None, subscripts, xs, dots)
    else:  # the ellipsis, then the letters that occur once, in the alphabet's order
        once = sorted(c for c in set(flat) if isinstance(c, str) and flat.count(c) == 1)
        output = [*(("...", k) for k in range(dots, 0, -1)), *once]
    if len(set(output)) != len(output):
        fail(ShapeError, "einsum", f"{subscripts!r} repeats a letter in the result", xs)
    for c in output:
        if c not in flat:
            fail(ShapeError, "einsum", f"{subscripts!r} has {c!r} in the result only", xs)
    if dots and not any(isinstance(c, tuple) for c in output):
        fail(ShapeError, "einsum", f"{subscripts!r} has no '...' in the result for {dots} dimensions", xs)
    return inputs, output


class _Term:
    """A factor of the contraction: a Tensor and the label of each of its dimensions, all different."""

    def __init__(self, x: Tensor, labels: Sequence[Label]):
        self.x, self.labels = x, list(labels)

    def over(self, keep: Iterable[Label]) -> _Term:
        """Summed over the labels that nobody needs."""
        kept = set(keep)
        gone = tuple(i for i, c in enumerate(self.labels) if c not in kept)
        return self if not gone else _Term(sum_(self.x, axis=gone), [c for c in self.labels if c in kept])

    def grouped(self, *groups: Sequence[Label]) -> Tensor:
        """Transposed to the labels in order, each group one dimension."""
        x = permute_dims(self.x, tuple(self.labels.index(c) for group in groups for c in group))
        sizes = dict(zip(self.labels, self.x.shape, strict=True))
        return reshape(x, tuple(product(sizes[c] for c in group) for group in groups))

    def beside(self, labels: Sequence[Label]) -> Tensor:
        """Transposed to the order of ``labels``, with a dimension of 1 for each that it has not."""
        x = permute_dims(self.x, tuple(self.labels.index(c) for c in labels if c in self.labels))
        sizes = dict(zip(self.labels, self.x.shape, strict=True))
        return reshape(x, tuple(sizes.get(c, 1) for c in labels))


def _take_diagonals(x: Tensor, labels: list[Label], xs: Sequence[Tensor]) -> _Term:
    while len(set(labels)) < len(labels):
        c = next(c for c in labels if labels.count(c) > 1)
        i = labels.index(c)
        j = labels.index(c, i + 1)
        if x.shape[i] != x.shape[j]:
            fail(ShapeError, "einsum", f"{c!r} is {x.shape[i]} and {x.shape[j]} in one operand", xs)
        x = diagonal(x, 0, i, j)
        labels = [*(d for k, d in enumerate(labels) if k not in (i, j)), c]
    return _Term(x, labels)


def _drop_ones(term: _Term, sizes: dict[Label, Size]) -> _Term:
    """Without dimensions of 1 whose label is larger elsewhere: they broadcast."""
    kept = [i for i, c in enumerate(term.labels) if not (term.x.shape[i] == 1 and sizes[c] != 1)]
    if len(kept) == len(term.labels):
        return term
    return _Term(reshape(term.x, tuple(term.x.shape[i] for i in kept)), [term.labels[i] for i in kept])


def _contract(a: _Term, b: _Term, keep: set[Label], output: Sequence[Label]) -> _Term:
    """The product of two terms, summed over what is not in ``keep``, as one batched product of matrices. The term with
    the last label of ``output`` comes second: then the result lies in memory as it is wanted."""
    a, b = a.over(keep | set(b.labels)), b.over(keep | set(a.labels))
    last = next((c for c in reversed(output) if (c in a.labels) != (c in b.labels)), None)
    if last in a.labels:
        a, b = b, a
    shared = [c for c in a.labels if c in b.labels]
    batch, inner = [c for c in shared if c in keep], [c for c in shared if c not in keep]
    left, right = ([c for c in t.labels if c not in shared] for t in (a, b))
    if not inner or not (left or right):  # nothing for a product of matrices to do: elementwise, and a sum
        more, less = (a, b) if len(a.labels) >= len(b.labels) else (b, a)
        labels = [*more.labels, *(c for c in less.labels if c not in more.labels)]
        made = _Term(multiply(more.beside(labels), less.beside(labels)), labels)
        return made.over(c for c in labels if c not in inner)
    sizes = dict(zip([*a.labels, *b.labels], [*a.x.shape, *b.x.shape], strict=True))
    x = matmul(a.grouped(*([c] for c in batch), left, inner), b.grouped(*([c] for c in batch), inner, right))
    labels = [*batch, *left, *right]
    return _Term(reshape(x, tuple(sizes[c] for c in labels)), labels)


_GUESS = 64  # what a named dimension counts as where an order is chosen


def _size(sizes: dict[Label, Size], labels: Iterable[Label]) -> int:
    n = product(sizes[c] for c in labels)
    return evaluate(n, dict.fromkeys(names_of(n), _GUESS))


def _next_pair(terms: Sequence[_Term], output: Sequence[Label], sizes: dict[Label, Size]) -> tuple[int, int]:
    """The two terms whose product is least larger than they are, then the cheapest: the greedy order of NumPy's and
    opt_einsum's paths."""

    def cost(i: int, j: int) -> tuple[int, int]:
        both = set(terms[i].labels) | set(terms[j].labels)
        others = {c for k, t in enumerate(terms) if k not in (i, j) for c in t.labels} | set(output)
        grown = _size(sizes, both & others) - _size(sizes, terms[i].labels) - _size(sizes, terms[j].labels)
        return grown, _size(sizes, both)

    return min(((i, j) for j in range(len(terms)) for i in range(j)), key=lambda pair: cost(*pair))


_EINSUMS = (
    ("ij,jk->ik", (3, 4), (4, 2)),
    ("ij,jk", (3, 4), (4, 2)),
    ("ij->ji", (3, 4)),
    ("ij->", (3, 4)),
    ("ba", (3, 4)),
    ("ii", (3, 3)),
    ("ii->i", (3, 3)),
    ("iij->j", (3, 3, 2)),
    ("i,i", (4,), (4,)),
    ("i,j->ij", (2,), (3,)),
    ("bij,bjk->bik", (2, 3, 4), (2, 4, 5)),
    ("bij,bij->b", (2, 3, 4), (2, 3, 4)),
    ("...i->...", (2, 3)),
    ("...ij,...jk", (2, 1, 3, 4), (5, 4, 2)),
    ("i...->...", (3, 2, 2)),
    ("ij,jk,kl->il", (2, 3), (3, 4), (4, 5)),
    ("bhqd,bhkd->bhqk", (2, 2, 3, 4), (2, 2, 5, 4)),
    ("a,ab,bc,c", (2,), (2, 3), (3, 2), (2,)),
    ("ij,ij->ij", (2, 3), (2, 3)),
    ("ij,kj->i", (2, 3), (4, 3)),
    ("ab,bc->ab", (2, 3), (3, 4)),
    ("ij,j->ij", (1, 3), (3,)),
    ("ij,ik->jk", (1, 2), (4, 3)),
    (",i->i", (), (3,)),
    ("ij,jk->ik", (0, 4), (4, 2)),
    ("ij,jk->ik", (2, 0), (0, 3)),
    ("ijk,jil->kl", (2, 3, 4), (3, 2, 5)),
)


@composite(
    reference=lambda subscripts, *xs: np.einsum(subscripts, *xs),
    onnx="Einsum",
    samples=lambda rng: [
        Sample((subscripts, *(rng.uniform(-1, 1, s) for s in shapes))) for subscripts, *shapes in _EINSUMS
    ],
)
def einsum(subscripts: str, /, *xs: TensorLike) -> Tensor:
    """Sums of products by Einstein's convention: ``einsum("bij,bjk->bik", x, y)``.

    Without ``->`` the result has the letters that occur once, in the alphabet's order; a letter twice in one operand
    is its diagonal; ``...`` stands for further dimensions, which broadcast; so does a dimension of 1. More than two
    operands are multiplied in a greedy order, named dimensions counting as 64 in the choice.
    Raises ShapeError for subscripts that do not fit the operands.

    Dtypes: numeric
    Shapes: as the subscripts say
    Edges: einsum('i,i->', [], []) = 0.0; the order of products may differ from NumPy's
    Raises: ShapeError, DTypeError
    Example: gd.einsum('ij,j->i', [[1.0, 2.0], [3.0, 4.0]], [1.0, 1.0]) -> [3.0, 7.0]
    """
    if not isinstance(subscripts, str) or not xs:
        fail(ShapeError, "einsum", "the first argument is a string of subscripts, then come operands", [])
    xs = operands("einsum", xs, "numeric")
    inputs, output = _parse(subscripts, xs)
    terms = [_take_diagonals(x, labels, xs) for x, labels in zip(xs, inputs, strict=True)]
    sizes: dict[Label, Size] = {}
    for term in terms:
        for c, n in zip(term.labels, term.x.shape, strict=True):
            joined = broadcast((sizes.setdefault(c, n),), (n,))
            if joined is None:
                fail(ShapeError, "einsum", f"{c!r} is {sizes[c]} and {n}", xs, {"subscripts": subscripts})
            sizes[c] = joined[0]
    terms = [_drop_ones(term, sizes) for term in terms]
    while len(terms) > 1:
        i, j = _next_pair(terms, output, sizes)
        rest = [t for k, t in enumerate(terms) if k not in (i, j)]
        keep = {c for t in rest for c in t.labels} | set(output)
        terms = [*rest, _contract(terms[i], terms[j], keep, output)]
    last = terms[0].over(output)
    return permute_dims(last.x, tuple(last.labels.index(c) for c in output))
