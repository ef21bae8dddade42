"""Computing at build time what depends on constants only, with the NumPy reference of the operation.

Invariants: a folded value has exactly the shape and dtype of the node it replaces; it stays small, so that folding
never makes a graph larger to hold; what is undefined or fails at run time is left to run time.
Must not know: rules of rewriting.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..ir.dims import Dim
from ..ir.dtypes import FLOATS, INTEGERS
from ..ir.node import Node

LARGEST = 4096  # elements of a folded constant
LARGEST_OPERAND = 65536


def fold(node: Node) -> np.ndarray | None:
    """The value of ``node`` where all its operands are constants and it can be known now, else None."""
    for v in node.inputs:
        if v.node.op.name != "constant":
            return None
    if not node.op.foldable or not node.inputs or any(isinstance(s, Dim) for s in _sizes(node.attrs)):
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
    if y.dtype in INTEGERS and arrays[0].dtype in FLOATS and not _fits(arrays[0], y.dtype):
        return None
    try:
        with np.errstate(all="ignore"):
            out = np.asarray(node.op.on_arrays(arrays, node.attrs))
    except ValueError:  # a negative integer power, the largest of no elements
        return None
    return out if out.shape == y.shape and out.dtype == y.dtype else None


def _sizes(attrs: dict[str, Any]) -> Iterator[Any]:
    for value in attrs.values():
        yield from value if isinstance(value, tuple) else (value,)


def _fits(array: np.ndarray, dtype: np.dtype) -> bool:
    """Whether casting to an integer is defined for every element."""
    bound = 2.0 ** (8 * dtype.itemsize - 1)
    return bool(np.all((array >= -bound) & (array < bound)))
