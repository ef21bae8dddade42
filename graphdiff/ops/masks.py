"""Masks below a choice for operations that work on whole examples of a batch: which examples count.

Conservative: all of an example counts if anything of it does (``Op.masks``; transforms/differentiate.py follows them).
Must not know: any particular operation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ..ir.node import Node
from .registry import op
from .tensor import Tensor, make


def leading_masks(*trailing: int) -> Callable[..., list[Tensor | None]]:
    """The masks of operands of an operation on their last dimensions, ``trailing`` of each: those in front of them
    are a batch, of which an example counts if anything of its results does. An operand that lacks dimensions of the
    batch, or has others, counts if any does."""

    def masks(node: Node, mask: Any, wanted: Sequence[bool]) -> list[Tensor | None]:
        inner = [*trailing, *([trailing[-1]] * len(node.inputs))][: len(node.inputs)]
        rank = max(x.ndim - t for x, t in zip(node.inputs, inner))
        total = None
        for m, y in zip(mask if isinstance(mask, tuple) else (mask,), node.outputs):
            if m is not None:
                m = op("reshape")(m, (1,) * (y.ndim - m.ndim) + m.shape)
                m = any_of(m, range(rank, y.ndim))
                m = op("reshape")(m, m.shape[:rank])
                total = m if total is None else op("logical_or")(total, m)
        batch = node.outputs[0].shape[:rank]
        out: list[Tensor | None] = []
        for x, t, w in zip(node.inputs, inner, wanted):
            lacks = rank - (x.ndim - t)
            differ = [i for i in range(rank) if i < lacks or x.shape[i - lacks] != batch[i]]
            m = any_of(total, differ) if w else None
            out.append(None if m is None else op("reshape")(m, m.shape[lacks:] + (1,) * t))
        return out

    return masks


def any_of(mask: Any, axes: Iterable[int]) -> Tensor:
    along = tuple(i for i in axes if mask.shape[i] != 1)
    return op("any")(mask, axis=along, keepdims=True) if along else mask


def cut_by(masks: Callable[..., list[Tensor | None]], vjp: Callable[..., Any]) -> Callable[..., Any]:
    """A rule whose cotangents are cut to the masks of the operands: 0 times what is infinite stays in its example."""

    def cut(node: Node, gs: Sequence[Any], wanted: Sequence[bool], d: Any) -> list[Tensor | None]:
        found = list(vjp(node, gs, wanted, d))
        if d is None or d.mask is None:
            return found
        where = op("where")
        kept = masks(node, d.mask, wanted)
        return [g if g is None or m is None else where(m, g, 0) for g, m in zip(found, kept)]

    return cut


def without_unkept(masks: Callable[..., list[Tensor | None]], k: int) -> Callable[[Node, Any], Node]:
    """For ``bilinear``'s ``masked``: the node over operand ``k`` with 0 in the examples that do not count, which meet
    the zeros of the cotangent in a sum over the batch."""

    def masked(node: Node, mask: Any) -> Node:
        xs = list(node.inputs)
        m = masks(node, mask, [i == k for i in range(len(xs))])[k]
        xs[k] = op("where")(m, xs[k], 0)
        return make(node.op, tuple(xs), dict(node.attrs)).node

    return masked
