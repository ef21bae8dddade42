"""einsum: the notation read, and pairs of operands contracted in an order chosen by what they cost.

Each pair becomes one product of matrices by transposes and sums, so that BLAS does the work and derivatives follow.
Must not know: how a product of matrices is computed.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence

import numpy as np

from ..errors import ShapeError
from ..ir.dims import Size, broadcast, evaluate, names_of, product
from .contraction import diagonal
from .elementwise import multiply
from .matmul import matmul
from .movement import permute_dims, reshape
from .opdef import composite
from .operands import operands
from .reduce import sum as sum_
from .registry import Sample
from .tensor import Tensor, fail
from .types import TensorLike

# ------------------------------------------------------------------ einsum
Label = Hashable  # a letter, or ("...", k) for the k-th dimension from the right of an ellipsis


def _labels(part: str, ndim: int | None, subscripts: str, xs: Sequence[Tensor], ellipsis: int) -> list[Label]:
    """The labels of one operand's dimensions (``ndim`` None: the result's, whose ellipsis has ``ellipsis`` of them)."""
    before, dots, after = part.partition("...")
    bad = next((c for c in before + after if not (c.isascii() and c.isalpha())), None)
    if bad is not None:
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
