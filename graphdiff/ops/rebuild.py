"""The same nodes over other operands: values replaced in what is made of them.

Must not know: what the operations are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from ..ir.node import NAMED_LEAVES, Node, Origin, Value, topological
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


def rebuild(values: Iterable[Tensor], replace: Mapping[Old, Tensor], in_order: bool = False) -> list[Tensor]:
    """``values`` with the values in ``replace`` replaced by others of the same types, and every node above them made
    anew; adjoint nodes among them belong to the new forward nodes. ``in_order``: nodes declared after the first of
    those are made anew too, so that the order of declaration, which plans follow, stays."""
    new: dict[Value, Any] = {}
    new.update(replace.items())
    moved = {v.node: w.node for v, w in replace.items() if v.is_leaf}
    values = list(values)
    changed = False
    for node in topological(values, stop=replace):
        changed = changed if in_order and changed else any(v in new and new[v] is not v for v in node.inputs)
        if not changed or node.op.name in NAMED_LEAVES:
            continue
        made = moved[node] = node.over(tuple(new.get(v, v) for v in node.inputs), moved_origin(node, moved))
        for y, z in zip(node.outputs, made.outputs):
            new.setdefault(y, z)
    return [new.get(v, v) for v in values]
