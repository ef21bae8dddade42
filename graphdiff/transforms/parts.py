"""Cotangents of parts of a value: those of ``x[0]``, ``x[1]``, ... are put side by side instead of adding up arrays
that are zero but for one part each.

Must not know: how contributions are found.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import NamedTuple

from ..ops.elementwise import add
from ..ops.joining import concat
from ..ops.movement import PAD, broadcast_to
from ..ops.tensor import Tensor, scalar

FEW = 2  # terms that are added as they are: rewrites join them


class _Part(NamedTuple):
    """``x`` from ``start`` to ``stop`` along ``axis`` of an array of zeros."""

    axis: int
    start: int
    stop: int
    x: Tensor


def side_by_side(terms: Sequence[Tensor]) -> Sequence[Tensor]:
    """Terms of a sum, those that are one part of an axis each in zeros as one: equal parts added, others joined."""
    if len(terms) <= FEW:
        return terms
    parts: list[_Part] = []
    rest: list[Tensor] = []
    for term in terms:
        part = _part(term)
        if part is not None and (not parts or part.axis == parts[0].axis):
            parts.append(part)
        else:
            rest.append(term)
    joined = _joined(parts, terms[0]) if len(parts) > FEW else None
    return terms if joined is None else [joined, *rest]


def _part(term: Tensor) -> _Part | None:
    node = term.node
    if node.op is not PAD:
        return None
    (x, fill), starts = node.inputs, node.attrs["starts"]
    if fill.node.op.name != "constant" or fill.node.attrs["value"] != 0:
        return None
    partial = [i for i, (s, n) in enumerate(zip(x.shape, term.shape)) if s != n]
    if len(partial) != 1 or any(k != 1 for k, n in zip(node.attrs["steps"], x.shape) if n != 1):
        return None
    (axis,) = partial
    start, size = starts[axis], x.shape[axis]
    if not (isinstance(start, int) and isinstance(size, int) and isinstance(term.shape[axis], int)):
        return None
    assert isinstance(x, Tensor)
    return _Part(axis, start, start + size, x) if size else None


def _joined(parts: Sequence[_Part], like: Tensor) -> Tensor | None:
    """The sum of parts, zeros where none is; None where some overlap others in part."""
    axis = parts[0].axis
    at: dict[tuple[int, int], list[Tensor]] = {}
    for part in parts:
        at.setdefault((part.start, part.stop), []).append(part.x)
    pieces: list[Tensor] = []
    end = 0

    def zeros_to(start: int) -> None:
        if start > end:
            shape = (*like.shape[:axis], start - end, *like.shape[axis + 1 :])
            pieces.append(broadcast_to(scalar(0, like.dtype), shape))

    for (start, stop), xs in sorted(at.items()):
        if start < end:
            return None
        zeros_to(start)
        pieces.append(reduce(add, xs))
        end = stop
    whole = like.shape[axis]
    assert isinstance(whole, int)
    zeros_to(whole)
    return concat(pieces, axis=axis) if len(pieces) > 1 else pieces[0]
