"""Declarations over several Tensors at once: broadcast against each other, laid out as grids, taken apart; the products
of pairs of blocks and of vectors in space.

Must not know: how elements move (movement.py).
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from ..errors import GraphError, ShapeError
from ..ir.dims import Dim
from .arrange import part
from .joining import stack
from .movement import broadcast_to, reshape
from .opdef import composite
from .operands import axis_of, beside_each_other, broadcast_shape, operands
from .registry import Sample
from .tensor import Tensor, as_tensor, fail
from .types import TensorLike


@composite(
    reference=lambda *arrays: list(np.broadcast_arrays(*arrays)),
    samples=lambda rng: [
        Sample(tuple(rng.uniform(-2, 2, s) for s in shapes))
        for shapes in (((3, 1), (4,)), ((2, 3),), ((), (2,), (3, 1)), ((0, 1), (1,)))
    ],
)
def broadcast_arrays(*arrays: TensorLike) -> list[Tensor]:
    """Each of the Tensors as large as all of them broadcast to.

    Dtypes: any
    Shapes: the operands broadcast
    Edges: broadcast_arrays([1.0]) = [[1.0]]; dtypes stay as they are
    Raises: ShapeError, DTypeError
    Example: gd.broadcast_arrays([1.0, 2.0], 3.0) -> [[1.0, 2.0], [3.0, 3.0]]
    """
    xs = beside_each_other("broadcast_arrays", arrays)
    shape = broadcast_shape("broadcast_arrays", xs) if xs else ()
    return [broadcast_to(x, shape) for x in xs]


@composite(
    reference=lambda *arrays, indexing="xy": list(np.meshgrid(*arrays, indexing=indexing)),
    samples=lambda rng: [
        Sample(tuple(rng.uniform(-2, 2, s) for s in sizes), {"indexing": indexing})
        for sizes in ((3, 2), (4,), (3, 2, 4), (0, 2), ((), 2))
        for indexing in ("xy", "ij")
    ],
)
def meshgrid(*arrays: TensorLike, indexing: Literal["xy", "ij"] = "xy") -> list[Tensor]:
    """The coordinates of a grid: for each vector a Tensor over all of its points. The first two dimensions change
    places where ``indexing`` is "xy": rows are then along the second vector.

    Dtypes: any
    Shapes: (m,), (n,), (k,) .. -> (n, m, k ..) each, or (m, n, k ..) for "ij"
    Edges: meshgrid([1.0]) = [[1.0]]; numbers are vectors of one
    Raises: ShapeError, DTypeError, GraphError
    Example: gd.meshgrid([1.0, 2.0], [3.0, 4.0]) -> [[[1.0, 2.0], [1.0, 2.0]], [[3.0, 3.0], [4.0, 4.0]]]
    """
    xs = beside_each_other("meshgrid", arrays)
    if indexing not in ("xy", "ij"):
        fail(GraphError, "meshgrid", f'indexing is "xy" or "ij", got {indexing!r}', xs)
    for x in xs:
        if x.ndim > 1:
            fail(ShapeError, "meshgrid", f"coordinates are vectors, got {x.ndim} dimensions", xs)
    places = list(range(len(xs)))
    if indexing == "xy" and len(xs) > 1:
        places[:2] = 1, 0
    sizes = [x.size for x in xs]
    shape = tuple(sizes[places.index(i)] for i in range(len(xs)))
    apart = [
        reshape(x, tuple(x.size if i == at else 1 for i in range(len(xs)))) for x, at in zip(xs, places, strict=True)
    ]
    return [broadcast_to(x, shape) for x in apart]


@composite(
    reference=lambda x, axis=0: tuple(np.moveaxis(x, axis, 0)),
    samples=lambda rng: [
        Sample((rng.uniform(-2, 2, s),), {"axis": a}) for s, a in (((3, 2), 0), ((2, 3), -1), ((2,), 0))
    ],
)
def unstack(x: TensorLike, /, *, axis: int = 0) -> tuple[Tensor, ...]:
    """The parts of x along ``axis``, each without it: the reverse of stack.

    Dtypes: any
    Shapes: as many as axis has, each x.shape without axis
    Edges: unstack([1.0, 2.0]) = [1.0, 2.0]; a size known only at the call is an error
    Raises: ShapeError, DTypeError
    Example: gd.unstack([[1.0, 2.0], [3.0, 4.0]]) -> [[1.0, 2.0], [3.0, 4.0]]
    """
    x = as_tensor(x, "unstack")
    axis = axis_of("unstack", axis, x.ndim, [x])
    n = x.shape[axis]
    if isinstance(n, Dim):
        fail(ShapeError, "unstack", f"how many parts there are, {n}, is known only at the call", [x])
    rest = (*x.shape[:axis], *x.shape[axis + 1 :])
    return tuple(reshape(part(x, axis, i, 1), rest) for i in range(n))


@composite(
    reference=np.kron,
    samples=lambda rng: [
        Sample((rng.uniform(-1, 1, s), rng.uniform(-1, 1, t)))
        for s, t in (((2, 3), (4, 2)), ((3,), (2,)), ((2,), (3, 2)), ((2, 1, 2), (3,)), ((), (2, 2)), ((0, 2), (2, 2)))
    ],
)
def kron(a: TensorLike, b: TensorLike, /) -> Tensor:
    """The Kronecker product: b times each element of a, in a's order, block beside block.

    Dtypes: numeric
    Shapes: each size the product of both, those of the shorter filled up with 1 in front
    Edges: kron(2.0, 3.0) = 6.0; kron([inf], [0.0]) = [nan]
    Raises: DTypeError
    Example: gd.kron([1.0, 2.0], [1.0, 1.0]) -> [1.0, 1.0, 2.0, 2.0]
    """
    a, b = operands("kron", (a, b), "numeric")
    n = max(a.ndim, b.ndim)
    rows, columns = ((1,) * (n - x.ndim) + x.shape for x in (a, b))
    a = reshape(a, tuple(s for size in rows for s in (size, 1)))
    b = reshape(b, tuple(s for size in columns for s in (1, size)))
    return reshape(a * b, tuple(p * q for p, q in zip(rows, columns, strict=True)))


def _cross_reference(x1: Any, x2: Any, axis: int = -1) -> Any:
    a, b = (np.moveaxis(x, axis, -1) for x in (x1, x2))
    return np.moveaxis(np.cross(a, b), -1, axis)


@composite(
    also="linalg",
    reference=_cross_reference,
    samples=lambda rng: [
        Sample((rng.uniform(-2, 2, s), rng.uniform(-2, 2, t)), {"axis": a})
        for s, t, a in (
            ((3,), (3,), -1),
            ((2, 3), (2, 3), 1),
            ((3, 2), (3, 2), 0),
            ((4, 1, 3), (2, 3), -1),
            ((0, 3), (3,), -1),
        )
    ],
)
def cross(x1: TensorLike, x2: TensorLike, /, *, axis: int = -1) -> Tensor:
    """The cross products of vectors of three elements along ``axis``; the other dimensions broadcast.

    Dtypes: numeric
    Shapes: the operands broadcast; 3 along axis
    Edges: cross([1.0, 0.0, 0.0], [1.0, 0.0, 0.0]) = [0.0, 0.0, 0.0]
    Raises: ShapeError, DTypeError
    Example: gd.cross([1.0, 0.0, 0.0], [0.0, 1.0, 0.0]) -> [0.0, 0.0, 1.0]
    """
    a, b = operands("cross", (x1, x2), "numeric")
    for x in (a, b):
        if x.shape[axis_of("cross", axis, x.ndim, [a, b])] != 3:
            fail(ShapeError, "cross", f"vectors of {x.shape[axis]} elements; a cross product is of 3", [a, b])
    shape = broadcast_shape("cross", (a, b))
    at = axis_of("cross", axis, len(shape), [a, b])
    (a1, a2, a3), (b1, b2, b3) = (unstack(broadcast_to(x, shape), axis=at) for x in (a, b))
    return stack([a2 * b3 - a3 * b2, a3 * b1 - a1 * b3, a1 * b2 - a2 * b1], axis=at)
