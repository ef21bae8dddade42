"""Batching rules: how an operation is applied to many examples at once, in terms of itself and of movement.

A rule is ``rule(node, xs, batch)``: ``xs`` are the node's operands, of which those that differ between examples have
the examples as one more dimension in front; it gives the node's results, the examples in front. Here are the rules
that follow from an operation's kind or from what its attributes mean; declarations name them (``batch=``).
Invariant: example i of a batched result is the operation's result for example i.
Must not know: any particular operation beyond those that move elements, how a graph is walked (transforms/vmap.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from ..ir.dims import Size
from ..ir.node import Node, Value
from .registry import REGISTRY
from .tensor import Tensor, make


class Batch(Protocol):
    """What rules are handed."""

    size: Size  # how many examples there are

    def transform(self, outputs: Sequence[Value], swap: Mapping[Value, Tensor]) -> list[Tensor]:
        """``outputs`` over other values, of which those with one dimension more hold an example each."""
        ...

    def sized(self, size: Size) -> Batch:
        """The same for ``size`` examples: what ``size`` was when it had a name."""
        ...

    def masked(self, alive: Tensor) -> Batch:
        """The same where only the examples that are ``alive`` (bool, one each) count: the others must not fail."""
        ...

    def indices(self, idx: Tensor, moved: bool) -> Tensor:
        """``idx`` with 0 for examples that do not count."""
        ...

    def multiple(self, value: Value) -> Tensor | None:
        """d where example i of ``value`` is element i of d in its place and 0 elsewhere; None where it is not so."""
        ...


Rule = Callable[[Node, Sequence[Tensor], Batch], Sequence[Tensor]]


def is_moved(node: Node, xs: Sequence[Tensor], i: int) -> bool:
    """Whether operand ``i`` differs between examples."""
    return xs[i].ndim > node.inputs[i].ndim


def moved(node: Node, xs: Sequence[Tensor]) -> list[bool]:
    """Whether each operand differs between examples."""
    return [x.ndim > v.ndim for x, v in zip(xs, node.inputs)]


def in_front(x: Tensor, like: Value, size: Size) -> Tensor:
    """``x`` with the examples first: repeated for each where it is shared."""
    return x if x.ndim > like.ndim else repeated(x, size)


def repeated(x: Tensor, size: Size) -> Tensor:
    """The same for each of ``size`` examples."""
    return REGISTRY["broadcast_to"].public(x, (size, *x.shape))


def ranked(x: Tensor, like: Value, rank: int) -> Tensor:
    """A moved operand with ones behind the examples, so that an example has ``rank`` dimensions to broadcast by."""
    if x.ndim == like.ndim or like.ndim == rank:
        return x
    return REGISTRY["reshape"].public(x, (x.shape[0], *(1,) * (rank - like.ndim), *like.shape))


def merged(x: Tensor) -> Tensor:
    """The examples' first dimensions one after another: (n, m, ..) as (n * m, ..)."""
    return REGISTRY["reshape"].public(x, (x.shape[0] * x.shape[1], *x.shape[2:]))


def parted(x: Tensor, size: Size, first: Size) -> Tensor:
    """The reverse of :func:`merged`."""
    return REGISTRY["reshape"].public(x, (size, first, *x.shape[1:]))


def to_axis(x: Tensor, axis: int) -> Tensor:
    """The first dimension moved to ``axis``."""
    return REGISTRY["permute_dims"].public(x, (*range(1, axis + 1), 0, *range(axis + 1, x.ndim)))


def from_axis(x: Tensor, axis: int) -> Tensor:
    """Dimension ``axis`` moved to the front."""
    return REGISTRY["permute_dims"].public(x, (axis, *range(axis), *range(axis + 1, x.ndim)))


def remade(node: Node, xs: Sequence[Tensor], attrs: dict[str, Any] | None = None) -> tuple[Tensor, ...]:
    """The node's results over other operands."""
    made = make(node.op, tuple(xs), dict(node.attrs) if attrs is None else attrs)
    return made if isinstance(made, tuple) else (made,)


# --------------------------------------------------------------------------------------- rules by kind


def elementwise(node: Node, xs: Sequence[Tensor], batch: Batch) -> Sequence[Tensor]:
    """Operands that broadcast against each other from the last dimension."""
    rank = node.outputs[0].ndim
    return remade(node, [ranked(x, v, rank) for x, v in zip(xs, node.inputs)])


def leading(node: Node, xs: Sequence[Tensor], batch: Batch) -> Sequence[Tensor]:
    """Operations on the last dimensions, with any others in front of them that are the same for all operands."""
    return remade(node, [in_front(x, v, batch.size) for x, v in zip(xs, node.inputs)])


def on_axes(*keys: str) -> Rule:
    """Operations along the axes that attributes ``keys`` count from the front (an int or a tuple of them)."""

    def rule(node: Node, xs: Sequence[Tensor], batch: Batch) -> Sequence[Tensor]:
        attrs = dict(node.attrs)
        for key in keys:
            axes = attrs[key]
            attrs[key] = tuple(a + 1 for a in axes) if isinstance(axes, tuple) else axes + 1
        return remade(node, [in_front(x, v, batch.size) for x, v in zip(xs, node.inputs)], attrs)

    return rule


def along_dims(*, whole: Sequence[str] = (), starts: Sequence[str] = (), steps: Sequence[str] = ()) -> Rule:
    """Operations whose attributes have one number a dimension: ``whole`` sizes, ``starts`` from 0, ``steps`` of 1."""

    def rule(node: Node, xs: Sequence[Tensor], batch: Batch) -> Sequence[Tensor]:
        attrs = dict(node.attrs)
        for keys, first in ((whole, batch.size), (starts, 0), (steps, 1)):
            for key in keys:
                attrs[key] = (first, *attrs[key])
        return remade(node, [in_front(x, v, batch.size) for x, v in zip(xs, node.inputs)], attrs)

    return rule


def in_first_dim(node: Node, xs: Sequence[Tensor], batch: Batch) -> Sequence[Tensor]:
    """Operations on one operand whose first dimension holds independent items already."""
    first = node.inputs[0].shape[0]
    return [parted(y, batch.size, first) for y in remade(node, [merged(xs[0])])]
