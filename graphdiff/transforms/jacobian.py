"""Whole Jacobians and Hessians: all unit vectors through one vjp or jvp, as one loop node of constant size.

Must not know: any operation's rules; how loops are run.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias, overload

from ..errors import GraphError
from ..ir.dims import Size, product
from ..ops.control import map_
from ..ops.creation import arange
from ..ops.movement import permute_dims, positions, reshape
from ..ops.tensor import Tensor, where_am_i
from ..ops.trees import tensors
from ..ops.types import Same, Tensors
from .differentiate import check_floating, grad, pullback, pushforward, scalar_loss, wrt_of, zeros_of
from .sparsity import SparseJacobian, sparse_jacobian

Mode: TypeAlias = Literal["auto", "forward", "reverse"]


@overload
def jacobian(y: Tensor, x: Same, mode: Mode = "auto", sparse: Literal[False] = False) -> Same: ...
@overload
def jacobian(y: Tensor, x: Tensor, mode: Mode = "auto", *, sparse: Literal[True]) -> SparseJacobian: ...
@overload
def jacobian(y: Tensors, x: Tensors, mode: Mode = "auto", sparse: bool = False) -> Any: ...
def jacobian(y: Tensors, x: Tensors, mode: Mode = "auto", sparse: bool = False) -> Any:
    """The derivatives of every element of ``y`` by every element of ``x``: shape ``y.shape + x.shape``.

    ``y``, ``x``: Tensors, or structures of them; the result has the structure of ``y`` with that of ``x`` in place of
    each Tensor. ``mode``: "reverse" costs a vjp for each
    element of y, "forward" a jvp for each of x, "auto" the fewer of the two (reverse where sizes are not known).
    ``sparse=True`` gives a :class:`SparseJacobian`, which as an output of ``gd.compile`` is a ``scipy.sparse`` CSR
    array of shape ``(y.size, x.size)``. Raises DTypeError, GraphError. Example: ``J = gd.jacobian(gd.sin(A @ x), x)``.
    """
    ys, results = tensors("jacobian", y, "y")
    xs, tree = wrt_of("jacobian", x, "x")
    check_floating("jacobian", ys)
    if mode not in ("auto", "forward", "reverse"):
        raise GraphError(f'jacobian: mode is "auto", "forward" or "reverse", got {mode!r}', source=where_am_i())
    one = sparse_jacobian if sparse else _dense
    return results.build([tree.build([one(v, w, mode) for w in xs]) for v in ys])


def _dense(y: Tensor, x: Tensor, mode: str) -> Tensor:
    if mode == "auto":
        forward = isinstance(x.size, int) and isinstance(y.size, int) and x.size < y.size
        mode = "forward" if forward else "reverse"
    if mode == "reverse":
        rows = map_(lambda i: _or_zeros(pullback([y], [_unit(i, y)], [x])[0][0], x), arange(y.size))
        return reshape(rows, (*y.shape, *x.shape))
    columns = map_(lambda i: _or_zeros(pushforward([y], [x], [_unit(i, x)])[0], y), arange(x.size))
    last = permute_dims(columns, (*range(1, y.ndim + 1), 0))
    return reshape(last, (*y.shape, *x.shape))


def _or_zeros(value: Tensor | None, like: Tensor) -> Tensor:
    return zeros_of(like) if value is None else value


def _unit(i: Tensor, like: Tensor) -> Tensor:
    """1 at element ``i`` of ``like`` in row-major order, 0 elsewhere."""
    n: Size = product(like.shape)
    return reshape((positions((n,), 0) == i).astype(like.dtype), like.shape)


@overload
def hessian(loss: Tensor, x: Tensor, sparse: Literal[False] = False) -> Tensor: ...
@overload
def hessian(loss: Tensor, x: Tensor, *, sparse: Literal[True]) -> SparseJacobian: ...
@overload
def hessian(loss: Tensor, x: Tensors, sparse: bool = False) -> Any: ...
def hessian(loss: Tensor, x: Tensors, sparse: bool = False) -> Any:
    """The second derivatives of a 0-d ``loss``: shape ``x.shape + x.shape``, forward mode over reverse mode.

    For a structure of leaves, that structure with another of it in place of each: a list of lists, a dict of dicts of
    blocks. ``sparse`` as in :func:`jacobian`.
    Example: ``H = gd.hessian(loss, x)``.
    """
    loss = scalar_loss("hessian", loss)
    xs, tree = wrt_of("hessian", x, "x")
    rows = jacobian(grad(loss, xs), xs, mode="forward", sparse=sparse)
    return tree.build([tree.build(blocks) for blocks in rows])
