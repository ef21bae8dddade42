"""Which elementwise groups a product computes itself, on blocks of its result that are in cache.

Such a group is a bias along the product's channels, an activation, or the one and then the other, and the only one that
reads the product: its result is stored in place of the product's, with the same bits.
Must not know: buffers, encodings; groups are not changed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from ..ir.node import Node, Value
from ..ops.registry import Call, Matmul
from .fuse import Group

PRODUCTS = (Matmul, Call)  # kinds that may be products


class Epilogue(NamedTuple):
    """What a product does to its result: adds a bias, applies a micro-operation."""

    product: Node
    nodes: list[Node]  # the product and what it is followed by; the last one's value is stored
    bias: Value | None
    channel: int  # dimension of the bias
    act: str | None


def epilogues(
    groups: Iterable[Group],
    stored: Collection[Value],
    repeated: Mapping[Group, object],
    read_by: Mapping[Value, set[Group | None]],
    base: Mapping[Value, Value],
    phases: Mapping[Node, str],
) -> dict[Group, Epilogue]:
    """The groups that products compute. ``repeated``: groups that compute values of others again; ``read_by``: who
    reads a product's result; ``base``: of a view, what it sees."""
    out = {}
    for g in groups:
        if g.shape is not None and len(g.nodes) <= 2 and not g.row and g.axes is None and g not in repeated:
            if len(g.nodes) == 1 or _is_chain(g.nodes[0], g.nodes[1], stored):
                e = _epilogue(g, read_by, base, phases)
                if e is not None:
                    out[g] = e
    return out


def _is_chain(first: Node, last: Node, stored: Collection[Value]) -> bool:
    (value,) = first.outputs
    return len(last.inputs) == 1 and last.inputs[0] is value and value not in stored


def _epilogue(
    g: Group, read_by: Mapping[Value, set[Group | None]], base: Mapping[Value, Value], phases: Mapping[Node, str]
) -> Epilogue | None:
    """``g``, at most two nodes of which the last has one operand or is alone, as what follows a product."""
    first, last = g.nodes[0], g.nodes[-1]
    z = last.outputs[0]
    for read in first.inputs:
        y = base.get(read, read)
        product = y.node
        channels = getattr(product.op.kernel, "channels", None)
        if channels is None or read_by.get(y) != {g} or phases[product] != g.phase:
            continue
        if y.dtype.kind != "f" or z.dtype is not y.dtype or read.shape != g.shape or not _row_major(read, y):
            continue
        lead = channels + 1 if channels >= 0 else 0  # dimensions that must be the product's own
        if read.ndim < (lead or -channels):
            continue
        if read.shape[:lead] != y.shape[:lead] or read.shape[channels] != y.shape[channels]:
            continue
        nodes = [product, *g.nodes]
        if len(first.inputs) == 1:
            if first is last and read.dtype is z.dtype:
                return Epilogue(product, nodes, None, 0, first.op.kernel.microop)
        elif first.op.kernel.microop == "add" and any(base.get(v, v) is not y for v in first.inputs):
            (bias,) = (v for v in first.inputs if v is not read)
            channel = channels % z.ndim - (z.ndim - bias.ndim)
            alike = (1,) * channel + (z.shape[channels],) + (1,) * (bias.ndim - channel - 1)
            if channel >= 0 and bias.shape == alike and bias.dtype is y.dtype and first.outputs[0].dtype is z.dtype:
                return Epilogue(product, nodes, bias, channel, None if first is last else last.op.kernel.microop)
    return None


def _row_major(read: Value, y: Value) -> bool:
    """Whether ``read`` is ``y`` or another shape of the same elements in the same order."""
    while read is not y:
        if read.node.op.name != "reshape":
            return False
        read = read.node.inputs[0]
    return True
