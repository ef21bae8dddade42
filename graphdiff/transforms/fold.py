"""Computing at build time what depends on constants only, with the NumPy reference of the operation.

Invariants: a folded value has exactly the shape and dtype of the node it replaces; it stays small, so that folding
never makes a graph larger to hold; what is undefined or fails at run time is left to run time.
Must not know: rules of rewriting.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..ir.dtypes import FLOATS, INTEGERS
from ..ir.node import Node
from ..ops.registry import Tile

LARGEST = 4096  # elements of a folded constant
LARGEST_OPERAND = 65536


def _axes(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda node, x: function(x, axis=node.attrs["axes"])


# Operations on whole arrays; those on elements are folded by their reference.
_WHOLE: dict[str, Callable[..., Any]] = {
    "reshape": lambda node, x: x.reshape(node.attrs["shape"]),
    "permute_dims": lambda node, x: x.transpose(node.attrs["axes"]),
    "slice": lambda node, x: node.op.reference(x, **node.attrs),
    "concat": lambda node, *xs: np.concatenate(xs, axis=node.attrs["axis"]),
    "sum": _axes(np.sum),
    "prod": _axes(np.prod),
    "max": _axes(np.max),
    "min": _axes(np.min),
    "all": _axes(np.all),
    "any": _axes(np.any),
}


def fold(node: Node) -> np.ndarray | None:
    """The value of ``node`` where all its operands are constants and it can be known now, else None."""
    for v in node.inputs:
        if v.node.op.name != "constant":
            return None
    if not node.inputs or len(node.outputs) != 1:
        return None
    (y,) = node.outputs
    arrays = [v.node.attrs["value"] for v in node.inputs]
    size = 1
    for s in y.shape:
        if not isinstance(s, int):
            return None
        size *= s
    if size > LARGEST or any(a.size > LARGEST_OPERAND for a in arrays):
        return None
    whole = _WHOLE.get(node.op.name)
    reference = node.op.reference
    if whole is None and not (isinstance(node.op.kernel, Tile) and callable(reference)):
        return None
    if y.dtype in INTEGERS and arrays[0].dtype in FLOATS and not _fits(arrays[0], y.dtype):
        return None
    try:
        with np.errstate(all="ignore"):
            out = np.asarray(whole(node, *arrays) if whole else reference(*arrays, *node.attrs.values()))
    except ValueError:  # a negative integer power, the largest of no elements
        return None
    return out if out.shape == y.shape and out.dtype == y.dtype else None


def _fits(array: np.ndarray, dtype: np.dtype) -> bool:
    """Whether casting to an integer is defined for every element."""
    bound = 2.0 ** (8 * dtype.itemsize - 1)
    return bool(np.all((array >= -bound) & (array < bound)))
