"""Editing a graph: values replaced by others.

Must not know: rules of rewriting, derivatives.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import DTypeError, GraphError, ShapeError
from ..ops.messages import describe, where_am_i
from ..ops.rebuild import rebuild
from ..ops.tensor import Tensor, fail
from ..ops.trees import tensors
from ..ops.types import Same


def substitute(values: Same, replacements: Mapping[Tensor, Tensor]) -> Same:
    """New Tensors like ``values`` (one, or a structure) with each key of ``replacements`` replaced by its value.

    A replacement has the shape and dtype of what it replaces, else ShapeError or DTypeError. Nodes that depend on no
    key are shared with the original; adjoint nodes of copied nodes belong to the copies.

    Example: ``at_one = gd.substitute(loss, {x: gd.ones(x.shape)})``.
    """
    for old, new in replacements.items():
        if not (isinstance(old, Tensor) and isinstance(new, Tensor)):
            raise GraphError("substitute: replacements are Tensors by Tensor", source=where_am_i())
        if old.shape != new.shape:
            fail(ShapeError, "substitute", f"{describe(old)} cannot become {describe(new)}", [old, new])
        if old.dtype is not new.dtype:
            fail(DTypeError, "substitute", f"{describe(old)} cannot become {describe(new)}", [old, new])
    leaves, tree = tensors("substitute", values, "values")
    return tree.build(rebuild(leaves, replacements))
