"""Declarations of the products of matrices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import ShapeError
from ..ir.dims import broadcast, product
from ..ir.node import Node
from . import batching
from .batching import Batch, ranked
from .laws import Attrs, Values, law
from .messages import label
from .movement import matrix_transpose, reshape
from .notation import PRODUCT, infix
from .opdef import bilinear
from .operands import operands, sum_to
from .registry import Matmul, Sample, op, op_of
from .tensor import Tensor, fail, make
from .types import TensorLike


def _infer_matmul(xs: Any, attrs: Any) -> Any:
    a, b = xs
    batch = broadcast(a.shape[:-2], b.shape[:-2]) or ()  # the public function has told what does not broadcast
    return (((*batch, a.shape[-2], b.shape[-1]), a.dtype),)


def _matmul(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    a, b = operands("matmul", (x1, x2), "numeric")
    if a.ndim == 0 or b.ndim == 0:
        fail(ShapeError, "matmul", "0-d operands have no product of matrices; use *", [a, b])
    inner_a, inner_b = a.shape[-1], b.shape[-2 if b.ndim > 1 else -1]
    if inner_a != inner_b:
        fail(
            ShapeError, "matmul", f"inner dimensions differ: {label(a)} has {inner_a}, {label(b)} has {inner_b}", [a, b]
        )
    if a.ndim == 1:
        return _drop(_matmul(reshape(a, (1, *a.shape)), b), -2 if b.ndim > 1 else -1)
    if b.ndim == 1:
        return _drop(_matmul(a, reshape(b, (*b.shape, 1))), -1)
    if broadcast(a.shape[:-2], b.shape[:-2]) is None:
        fail(ShapeError, "matmul", f"batch dimensions do not broadcast: {a.shape[:-2]} and {b.shape[:-2]}", [a, b])
    if b.ndim == 2 and a.ndim > 2:
        # one product over all rows: faster forward, and the weights' gradient is one product too
        return _over_rows(a, b)
    return make(MATMUL, (a, b))


def _over_rows(a: Tensor, b: Tensor) -> Tensor:
    """(..., k) times (k, n) as one product over all rows; rows that repeat others are multiplied once."""
    x = a
    if a.node.op.name == "broadcast_to" and a.node.inputs[0].shape[-1:] == a.shape[-1:]:
        (x,) = a.node.inputs
    rows = make(MATMUL, (reshape(x, (product(x.shape[:-1]), x.shape[-1])), b))
    y = reshape(rows, (*x.shape[:-1], b.shape[-1]))
    return y if x is a else op("broadcast_to")(y, (*a.shape[:-1], b.shape[-1]))


def _drop(x: Tensor, axis: int) -> Tensor:
    axis %= x.ndim
    return reshape(x, (*x.shape[:axis], *x.shape[axis + 1 :]))


def _summed(x: Tensor, node: Node, k: int) -> Tensor:
    return sum_to(x, node.inputs[k].shape)


def _any(mask: Tensor, axis: int) -> Tensor:
    """Whether a mask holds anywhere along one of the last two dimensions, which it may lack."""
    if mask.ndim < 2:
        mask = reshape(mask, (1,) * (2 - mask.ndim) + mask.shape)
    return mask if mask.shape[axis] == 1 else op("any")(mask, axis=axis, keepdims=True)


def _masked(node: Node, mask: Tensor) -> Node:
    """Rows and columns that nothing kept depends on are 0: what is infinite or NaN there meets the zeros of g."""
    a, b = node.inputs
    rows, columns = _any(mask, -1), _any(mask, -2)
    a = a if a.node.op.name in ("parameter", "constant") else op("where")(rows, a, 0)
    b = b if b.node.op.name in ("parameter", "constant") else op("where")(columns, b, 0)
    return make(MATMUL, (a, b)).node


def _matmul_masks(node: Node, mask: Tensor, wanted: Any) -> list[Tensor | None]:
    summed = [x.ndim < mask.ndim for x in node.inputs]  # over the batch: rare below a mask, and not followed
    return [None if s or not w else _any(mask, k) for s, w, k in zip(summed, wanted, (-1, -2))]


def _matmul_samples(rng: np.random.Generator) -> Any:
    for a, b in (
        ((3, 4), (4, 2)),
        ((4,), (4, 2)),
        ((3, 4), (4,)),
        ((4,), (4,)),
        ((2, 3, 4), (4, 5)),
        ((2, 3, 4), (2, 4, 5)),
        ((3, 4), (2, 4, 5)),
        ((2, 1, 3, 4), (5, 4, 2)),
        ((0, 4), (4, 2)),
        ((3, 0), (0, 2)),
        ((1, 1), (1, 1)),
        ((17, 33), (33, 9)),
    ):
        yield Sample((rng.uniform(-1, 1, a), rng.uniform(-1, 1, b)))


FEW_COLUMNS = 16  # up to which they are worth being turned, so that one product serves all examples


def _matmul_batch(node: Node, xs: Sequence[Tensor], batch: Batch) -> Sequence[Tensor]:
    """One product over the rows of all examples where only one operand differs between them, else a batch."""
    a, b = xs
    (old_a, old_b), (a_moved, b_moved) = node.inputs, batching.moved(node, xs)
    rank = node.outputs[0].ndim
    if rank == 2:
        d, e = batch.multiple(old_a), batch.multiple(old_b)
        if d is not None and not b_moved and old_a.shape[0] == 1:  # a diagonal times b
            return [reshape(matrix_transpose(d) * b, (old_b.shape[0], 1, old_b.shape[1]))]
        if e is not None and not a_moved and old_b.shape[1] == 1:  # a times a diagonal
            return [reshape(matrix_transpose(a) * e, (old_a.shape[1], old_a.shape[0], 1))]
    if not b_moved and old_b.ndim == 2:
        return [_over_rows(a, b)]
    if not a_moved and rank == 2 and isinstance(old_b.shape[-1], int) and old_b.shape[-1] <= FEW_COLUMNS:
        n, k, columns = b.shape
        rows = make(MATMUL, (reshape(matrix_transpose(b), (n * columns, k)), matrix_transpose(a)))
        return [matrix_transpose(reshape(rows, (n, columns, a.shape[0])))]
    return [make(MATMUL, (ranked(a, old_a, rank), ranked(b, old_b, rank)))]


def _keeps_matmul(xs: Values, a: Attrs) -> bool:
    x, y = xs
    return (
        x.ndim >= 2 and y.ndim >= 2 and x.shape[-1] == y.shape[-2] and broadcast(x.shape[:-2], y.shape[:-2]) is not None
    )


matmul = bilinear(
    "matmul",
    "The product of matrices, batched over leading dimensions, which broadcast; 1-d operands are vectors.\n"
    "Dtypes: numeric\n"
    "Shapes: (..., m, k), (..., k, n) -> (..., m, n); of 1-d operands the k\n"
    "Edges: matmul(np.zeros((1, 0)), np.zeros((0, 1))) = [[0.0]]; matmul([[inf]], [[0.0]]) = [[nan]]\n"
    "Raises: ShapeError, DTypeError\n"
    "Example: gd.matmul([[1.0, 2.0]], [[3.0], [4.0]]) -> [[11.0]]",
    infer=_infer_matmul,
    kernel=Matmul(),
    public=_matmul,
    transposes=(
        lambda node, g: _summed(make(MATMUL, (g, matrix_transpose(node.inputs[1]))), node, 0),
        lambda node, g: _summed(make(MATMUL, (matrix_transpose(node.inputs[0]), g)), node, 1),
    ),
    masked=_masked,
    masks=_matmul_masks,
    reference=np.matmul,
    samples=_matmul_samples,
    onnx="MatMul",
    batch=_matmul_batch,
    law=law("numeric numeric", _keeps_matmul),
    page="product",
    also="linalg",
    notation=infix("@", PRODUCT),
)
MATMUL = op_of(matmul)
