"""The same nodes over other operands: how bodies of loops and branches are cut out of the graph they were written in.

Must not know: what the operations are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..ir.graph import LEAVES, Node, Value, inheriting, topological
from .tensor import Tensor, make


def depends_on(values: Iterable[Value], sources: Iterable[Value]) -> list[Node]:
    """The nodes among the ancestors of ``values`` that depend on ``sources``, in topological order."""
    tainted = set(sources)
    out = []
    for node in topological(values):
        if any(v in tainted for v in node.inputs):
            tainted.update(node.outputs)
            out.append(node)
    return out


def rebuild(values: Iterable[Tensor], replace: Mapping[Value, Tensor]) -> list[Tensor]:
    """``values`` with the values in ``replace`` replaced, and every node above them made anew."""
    new: dict[Value, Any] = dict(replace)
    values = list(values)
    for node in topological(values, stop=replace):
        if node.op.name in LEAVES or not any(v in new and new[v] is not v for v in node.inputs):
            continue
        with inheriting(node, node.origin):
            made = make(node.op, tuple(new.get(v, v) for v in node.inputs), dict(node.attrs))
        for y, z in zip(node.outputs, made if isinstance(made, tuple) else (made,)):
            new.setdefault(y, z)
    return [new.get(v, v) for v in values]
