"""Whole Jacobians and Hessians: the unit vectors as a batch through one vjp or jvp, where they are many block by block.

Must not know: any operation's rules; how loops are run.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias, overload

from ..errors import GraphError
from ..ir.dims import Size, floor_div
from ..ops.batching import in_front
from ..ops.bodies import placeholders
from ..ops.comparison import equal
from ..ops.control import map_
from ..ops.creation import arange
from ..ops.elementwise import astype
from ..ops.gather import positions
from ..ops.messages import where_am_i
from ..ops.movement import broadcast_to, permute_dims, reshape
from ..ops.tensor import Tensor, scalar
from ..ops.trees import tensors
from ..ops.types import Same, Tensors
from .differentiate import check_floating, check_leaves, grad, pullback, pushforward, scalar_loss, wrt_of
from .sparsity import SparseJacobian, sparse_jacobian
from .vmap import Examples, Units, at_thousands, block_size

Mode: TypeAlias = Literal["auto", "forward", "reverse"]


@overload
def jacobian(
    y: Tensor, x: Same, mode: Mode = "auto", sparse: Literal[False] = False, batch: int | None = None
) -> Same: ...
@overload
def jacobian(
    y: Tensor, x: Tensor, mode: Mode = "auto", *, sparse: Literal[True], batch: int | None = None
) -> SparseJacobian: ...
@overload
def jacobian(y: Tensors, x: Tensors, mode: Mode = "auto", sparse: bool = False, batch: int | None = None) -> Any: ...
def jacobian(y: Tensors, x: Tensors, mode: Mode = "auto", sparse: bool = False, batch: int | None = None) -> Any:
    """The derivatives of every element of ``y`` by every element of ``x``: shape ``y.shape + x.shape``.

    ``y``, ``x``: Tensors, or structures of them; the result has the structure of ``y`` with that of ``x`` in place of
    each Tensor. ``mode``: "reverse" costs a vjp for each element of y, "forward" a jvp for each of x, "auto" the fewer
    of the two. ``batch``: how many unit vectors go through at once at most, unless given as many as keep values in
    cache. What is an elementwise multiple of the unit vectors stays a diagonal.
    ``sparse=True`` gives a :class:`SparseJacobian`, which as an output of ``gd.compile`` is a ``scipy.sparse`` CSR
    array of shape ``(y.size, x.size)``. Where sizes have names its pattern is found at the first call of a size.
    Results of one pattern share it, read only: ``J.copy()`` is one to change. ``f.bind`` gives the entries' values.
    Raises DTypeError, GraphError. Example: ``J = gd.jacobian(gd.sin(A @ x), x)``.
    """
    ys, results = tensors("jacobian", y, "y")
    xs, tree = wrt_of("jacobian", x, "x")
    check_floating("jacobian", ys)
    if mode not in ("auto", "forward", "reverse"):
        raise GraphError(f'jacobian: mode is "auto", "forward" or "reverse", got {mode!r}', source=where_am_i())
    if batch is not None and (not isinstance(batch, int) or isinstance(batch, bool) or batch < 1):
        raise GraphError(f"jacobian: batch is a positive int, got {batch!r}", source=where_am_i())

    def one(v: Tensor, w: Tensor) -> Any:
        return sparse_jacobian(v, w, mode, batch) if sparse else _dense(v, w, mode, batch)

    return results.build([tree.build([one(v, w) for w in xs]) for v in ys])


def _dense(y: Tensor, x: Tensor, mode: str, batch: int | None) -> Tensor:
    if mode == "auto":
        mode = "forward" if _fewer(x.size, y.size) else "reverse"
    seeded = y if mode == "reverse" else x
    (unit,) = placeholders("unit", [(seeded.shape, seeded.dtype)])
    found = pullback([y], [unit], [x])[0][0] if mode == "reverse" else pushforward([y], [x], [unit])[0]
    whole = (*y.shape, *x.shape)
    if found is None:
        check_leaves("jacobian", [y], [x])
        return broadcast_to(scalar(0, y.dtype), whole)
    rows = _for_units(found, unit, batch or block_size(found, unit))
    if mode == "forward":
        rows = permute_dims(rows, (*range(1, y.ndim + 1), 0))
    return reshape(rows, whole)


def _fewer(x: Size, y: Size) -> bool:
    """Whether ``x`` is less than ``y``; of sizes known at the call, at sizes of thousands."""
    if isinstance(x, int) and isinstance(y, int):
        return x < y
    return at_thousands(x) < at_thousands(y)


def _for_units(found: Tensor, unit: Tensor, block: int) -> Tensor:
    """``found`` for each unit vector of ``unit``'s shape, stacked: all at once, or block by block in a loop."""
    count = unit.size
    if isinstance(count, int) and count <= block:
        return Units(unit).of(found)

    def rows(i: Tensor) -> Tensor:
        here = equal(positions((block, count), 1), positions((block, count), 0) + i * block)
        units = reshape(astype(here, unit.dtype), (block, *unit.shape))
        (made,) = Examples(block).transform([found], {unit: units})
        return in_front(made, found, block)

    blocks = floor_div(count + (block - 1), block)
    made = map_(rows, arange(blocks))
    return reshape(made, (blocks * block, *found.shape))[:count]


@overload
def hessian(loss: Tensor, x: Tensor, sparse: Literal[False] = False, batch: int | None = None) -> Tensor: ...
@overload
def hessian(loss: Tensor, x: Tensor, *, sparse: Literal[True], batch: int | None = None) -> SparseJacobian: ...
@overload
def hessian(loss: Tensor, x: Tensors, sparse: bool = False, batch: int | None = None) -> Any: ...
def hessian(loss: Tensor, x: Tensors, sparse: bool = False, batch: int | None = None) -> Any:
    """The second derivatives of a 0-d ``loss``: shape ``x.shape + x.shape``, forward mode over reverse mode.

    For a structure of leaves, that structure with another of it in place of each: a list of lists, a dict of dicts of
    blocks. ``sparse`` and ``batch`` as in :func:`jacobian`.
    Example: ``H = gd.hessian(loss, x)``.
    """
    loss = scalar_loss("hessian", loss)
    xs, tree = wrt_of("hessian", x, "x")
    rows = jacobian(grad(loss, xs), xs, mode="forward", sparse=sparse, batch=batch)
    return tree.build([tree.build(blocks) for blocks in rows])
