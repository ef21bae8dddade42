"""A graph as a program for the page, which computes its values itself while a person changes a leaf.

Owns: the form of that program - slots for values, one step for each node, attributes with every size a number - and
how large a graph may be for it. What the page does not compute it finds out itself, by the names of operations.
Must not know: how operations are computed (assets/operations.js), boxes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from ..ir.dims import Dim, evaluate
from ..ir.graph import Graph
from ..ir.node import NAMED_LEAVES, Node, Value, topological
from ..ops.registry import Loop

LIMIT = 10_000  # elements of all values, those that a loop's body makes at each step included

Slots = dict[Value, int]


def elements(values: Sequence[Value], sizes: Mapping[str, int]) -> int:
    """How many elements there are to compute."""
    total = sum(_size(v, sizes) for v in values)
    for node in {v.node for v in values}:
        if isinstance(node.op.kernel, Loop):
            inside = sum(_size(v, sizes) for n in node.attrs["body"].nodes for v in n.outputs)
            total += inside * evaluate(node.attrs["length"], sizes)
    return total


def program(slots: Slots, sizes: Mapping[str, int], arrays: Mapping[Value, np.ndarray]) -> dict[str, Any]:
    """The program that computes all values in ``slots`` from the leaves among them, whose numbers it holds."""
    leaves = [v for v in slots if v.node.op.name in NAMED_LEAVES]
    made = _encoded(leaves, list(slots), sizes, slots)
    made["leaves"] = [[slots[v], _type(v, sizes), _numbers(arrays[v])] for v in leaves]
    return made


def _encoded(inputs: Sequence[Value], outputs: Sequence[Value], sizes: Mapping[str, int], slots: Slots) -> Any:
    def slot(v: Value) -> int:
        return slots.setdefault(v, len(slots))

    out: dict[str, Any] = {"inputs": [slot(v) for v in inputs], "constants": [], "steps": []}
    for node in topological(outputs, stop=inputs):
        if node.op.name == "constant":
            (y,) = node.outputs
            out["constants"].append([slot(y), _type(y, sizes), _numbers(node.attrs["value"])])
        else:
            out["steps"].append(
                [
                    node.op.name,
                    [slot(v) for v in node.inputs],
                    _attributes(node, sizes),
                    [slot(v) for v in node.outputs],
                    [_type(v, sizes) for v in node.outputs],
                ]
            )
    return out | {"outputs": [slot(v) for v in outputs], "slots": len(slots)}


def _attributes(node: Node, sizes: Mapping[str, int]) -> dict[str, Any]:
    return {k: _plain(v, sizes) for k, v in node.attrs.items() if k != "rules"}


def _plain(value: Any, sizes: Mapping[str, int]) -> Any:
    if isinstance(value, Graph):
        return _encoded(value.inputs, value.outputs, sizes, {})
    if isinstance(value, Dim):
        return evaluate(value, sizes)
    if isinstance(value, np.dtype):
        return value.name
    if isinstance(value, (tuple, list)):
        return [_plain(v, sizes) for v in value]
    return value.item() if isinstance(value, np.generic) else value


def _size(v: Value, sizes: Mapping[str, int]) -> int:
    return prod(evaluate(s, sizes) for s in v.shape)


def _type(v: Value, sizes: Mapping[str, int]) -> list[Any]:
    return [[evaluate(s, sizes) for s in v.shape], v.dtype.name]


def _numbers(array: np.ndarray) -> list[Any]:
    """All elements in C order, exactly; one where they are all the same. JSON has no NaN and no infinity."""
    flat = array.ravel()
    if flat.size > 1 and flat.tobytes() == flat[:1].tobytes() * flat.size:
        flat = flat[:1]
    if flat.dtype.kind != "f":
        return [int(v) for v in flat]
    return [float(str(v)) if np.isfinite(v) else str(v).replace("inf", "Infinity").replace("nan", "NaN") for v in flat]
