"""Which elementwise groups a product computes itself, on blocks of its result that are in cache.

Such a group is a bias along the product's channels, an activation, or the one and then the other, and the only one that
reads the product: its result is stored in place of the product's, with the same bits. An activation that goes by a part
of its operand, which others read too, is two nodes, and the part of a matrix product is stored beside the result.
Must not know: buffers, encodings; groups are not changed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from ..ir.node import Node, Value
from ..ops.registry import Call, Matmul
from .fuse import Group

PRODUCTS = (Matmul, Call)  # kinds that may be products


class Epilogue(NamedTuple):
    """What a product does to its result: adds a bias, applies a micro-operation, which may go by a part."""

    product: Node
    nodes: list[Node]  # the product and what it is followed by; the last one's value is stored
    bias: Value | None
    channel: int  # dimension of the bias
    act: str | None
    part: Node | None = None


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
        if g.shape is not None and len(g.nodes) <= 3 and not g.row and g.axes is None and g not in repeated:
            last = g.nodes[-1]
            part = _part(g, stored) if len(last.inputs) == 2 and len(g.nodes) > 1 else None
            steps = [node for node in g.nodes if node is not part]
            if len(steps) == 1 or (len(steps) == 2 and _is_chain(steps[0], last, stored)):
                e = _epilogue(g, steps, part, read_by, base, phases)
                if e is not None:
                    out[g] = e
    return out


def _part(g: Group, stored: Collection[Value]) -> Node | None:
    """The part that a group's last node goes by: stored, and of the last one's other operand."""
    z, tail = g.nodes[-1].inputs
    node = tail.node
    if node is g.nodes[-2] and tail in stored and len(node.inputs) == 1 and node.inputs[0] is z:
        return node if tail.dtype is z.dtype else None
    return None


def _is_chain(first: Node, last: Node, stored: Collection[Value]) -> bool:
    (value,) = first.outputs
    return last.inputs[0] is value and all(v is not value for v in last.inputs[1:]) and value not in stored


def _epilogue(
    g: Group,
    steps: Sequence[Node],
    part: Node | None,
    read_by: Mapping[Value, set[Group | None]],
    base: Mapping[Value, Value],
    phases: Mapping[Node, str],
) -> Epilogue | None:
    """``g`` as what follows a product. ``steps``: a bias, an activation, or both; the activation has one operand, or
    two with ``part``."""
    first, last = steps[0], steps[-1]
    z = last.outputs[0]
    arity = 1 if part is None else 2  # of an activation
    for read in first.inputs:
        y = base.get(read, read)
        product = y.node
        channels = getattr(product.op.kernel, "channels", None)
        if channels is None or read_by.get(y) != {g} or phases[product] != g.phase:
            continue
        if part is not None and type(product.op.kernel) is not Matmul:
            continue
        if y.dtype.kind != "f" or z.dtype is not y.dtype or read.shape != g.shape or not _row_major(read, y):
            continue
        lead = channels + 1 if channels >= 0 else 0  # dimensions that must be the product's own
        if read.ndim < (lead or -channels):
            continue
        if read.shape[:lead] != y.shape[:lead] or read.shape[channels] != y.shape[channels]:
            continue
        nodes = [product, *g.nodes]
        if first is last:
            if len(first.inputs) == arity and read is first.inputs[0] and read.dtype is z.dtype:
                return Epilogue(product, nodes, None, 0, first.op.kernel.microop, part)
        if first.op.kernel.microop == "add" and any(base.get(v, v) is not y for v in first.inputs):
            if first is not last and len(last.inputs) != arity:
                continue
            (bias,) = (v for v in first.inputs if v is not read)
            channel = channels % z.ndim - (z.ndim - bias.ndim)
            alike = (1,) * channel + (z.shape[channels],) + (1,) * (bias.ndim - channel - 1)
            if channel >= 0 and bias.shape == alike and bias.dtype is y.dtype and first.outputs[0].dtype is z.dtype:
                return Epilogue(product, nodes, bias, channel, None if first is last else last.op.kernel.microop, part)
    return None


def _row_major(read: Value, y: Value) -> bool:
    """Whether ``read`` is ``y`` or another shape of the same elements in the same order."""
    while read is not y:
        if read.node.op.name != "reshape":
            return False
        read = read.node.inputs[0]
    return True
