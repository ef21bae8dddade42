"""The same nodes over other operands: values replaced in what is made of them.

Must not know: what the operations are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from ..ir.node import LEAVES, Node, Origin, Value, topological
from .tensor import Tensor

Old = TypeVar("Old", bound=Value)


def depends_on(values: Iterable[Value], sources: Iterable[Value]) -> list[Node]:
    """The nodes among the ancestors of ``values`` that depend on ``sources``, in topological order."""
    tainted = set(sources)
    out = []
    for node in topological(values):
        if any(v in tainted for v in node.inputs):
            tainted.update(node.outputs)
            out.append(node)
    return out


def moved_origin(node: Node, moved: Mapping[Node, Node]) -> Origin | None:
    """The origin of ``node``, its forward node followed to what it became."""
    origin = node.origin
    if origin is None:
        return None
    forward = moved.get(origin.node)
    return origin if forward is None else Origin(forward, origin.rule)


def rebuild(values: Iterable[Tensor], replace: Mapping[Old, Tensor]) -> list[Tensor]:
    """``values`` with the values in ``replace`` replaced by others of the same types, and every node above them made
    anew; adjoint nodes among them belong to the new forward nodes."""
    new: dict[Value, Any] = {}
    new.update(replace.items())
    moved: dict[Node, Node] = {}
    values = list(values)
    for node in topological(values, stop=replace):
        if node.op.name in LEAVES or not any(v in new and new[v] is not v for v in node.inputs):
            continue
        made = moved[node] = node.over(tuple(new.get(v, v) for v in node.inputs), moved_origin(node, moved))
        for y, z in zip(node.outputs, made.outputs):
            new.setdefault(y, z)
    return [new.get(v, v) for v in values]
