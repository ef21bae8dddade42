"""Inner graphs: the bodies of loops and branches, closed over their arguments and what they capture.

Must not know: which operations have bodies.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ..ir.dims import Shape, Size
from ..ir.dtypes import bool_
from ..ir.graph import Graph
from ..ir.node import Node, Value, ambient
from .leaves import input as placeholder
from .rebuild import rebuild
from .registry import op
from .sparsity import SPARSITY
from .tensor import Tensor, scalar


def placeholders(prefix: str, like: Sequence[tuple[Shape, np.dtype]]) -> list[Tensor]:
    """Placeholders for a body's arguments."""
    before = ambient.now
    ambient.now = (None, *before[1:])
    try:
        made = [placeholder(f"{prefix}{i}", shape, dtype) for i, (shape, dtype) in enumerate(like)]
        for v in made:
            v.node.attrs["argument"] = True  # for the error where one is used outside
        return made
    finally:
        ambient.now = before


def close_bodies(
    name: str, arguments: Sequence[Sequence[Tensor]], results: Sequence[Sequence[Tensor]], inside: Sequence[list[Node]]
) -> tuple[list[Graph], list[Tensor]]:
    """Graphs over (their arguments, then everything captured by any of them), and what is captured.

    ``inside``: the nodes of each. 0-d constants stay inside; other values from outside, however they were made, become
    arguments, once where steps make the same of the same, and so does what is known before a call begins."""
    captured: dict[Tensor, Tensor] = {}
    for args, values, nodes in zip(arguments, results, inside, strict=True):
        own = {y for n in nodes if n.op is not SPARSITY for y in n.outputs} | set(args)
        for v in (*(v for n in nodes for v in n.inputs), *values):
            if v not in own and v not in captured and not (v.node.op.name == "constant" and v.shape == ()):
                captured[v] = v
    first = min((v.node.serial for args in arguments for v in args), default=None)
    same = _alike(captured, first) if first is not None else {}
    kept: dict[Value, Tensor] = {}  # the first of those that are the same
    for v in captured:
        kept.setdefault(same.get(v, v), v)
    graphs = []
    for args, values in zip(arguments, results):
        stand_ins = dict(zip(kept, placeholders("captured", [(v.shape, v.dtype) for v in kept.values()])))
        swap = {v: stand_ins[same.get(v, v)] for v in captured}
        graphs.append(Graph(name, [*args, *stand_ins.values()], rebuild(values, swap)))
    return graphs, list(kept.values())


def _alike(values: Iterable[Tensor], first: int) -> dict[Value, Value]:
    """Of values of nodes made since ``first`` those that an earlier node computes, and by which: ``p[0]`` that a step
    writes again and again."""
    nodes: set[Node] = set()
    waiting = [v.node for v in values]
    while waiting:
        node = waiting.pop()
        if node.serial > first and node not in nodes:
            nodes.add(node)
            waiting += [v.node for v in node.inputs]
    same: dict[Value, Value] = {}
    seen: dict[Any, Node] = {}
    for node in sorted(nodes, key=lambda n: n.serial):
        if node.inputs:
            try:
                found = seen.setdefault(
                    (node.op.name, tuple(same.get(v, v) for v in node.inputs), tuple(node.attrs.items())), node
                )
            except TypeError:  # an attribute that does not hash is equal to none
                continue
            if found is not node:
                same.update(zip(node.outputs, found.outputs))
    return same


def types_of(values: Sequence[Value], shape: Shape | None = None) -> list[tuple[Shape, np.dtype]]:
    return [(v.shape if shape is None else shape, v.dtype) for v in values]


def zeros_for(x: Value) -> Tensor:
    return op("broadcast_to")(scalar(0, x.dtype), x.shape)


def bool_types(values: Sequence[Value]) -> list[tuple[Shape, np.dtype]]:
    return [(v.shape, bool_) for v in values]


def spread_mask(mask: Tensor | None, x: Value) -> Tensor:
    """A mask of ``x`` in its shape; nowhere where there is no cotangent that could have one."""
    return op("broadcast_to")(scalar(False, bool_) if mask is None else mask, x.shape)


def batched_arguments(prefix: str, like: Sequence[Value], differ: Sequence[bool], size: Size) -> list[Tensor]:
    """Placeholders for a body's arguments, with the examples first where they differ between them."""
    return placeholders(prefix, [((size, *v.shape) if d else v.shape, v.dtype) for v, d in zip(like, differ)])


def where_alive(alive: Tensor, y: Tensor, old: Any) -> Tensor:
    """``y`` for the examples that run on, ``old`` for the others."""
    return op("where")(op("reshape")(alive, (alive.shape[0], *(1,) * (y.ndim - 1))), y, old)
