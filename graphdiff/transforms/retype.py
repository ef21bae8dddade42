"""The same graph in another floating dtype: what finite differences are taken on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..ir.dtypes import FLOATS, float64
from ..ir.graph import Graph
from ..ir.node import LEAVES, Value, inheriting, topological
from ..ops.leaves import input as leaf
from ..ops.tensor import Tensor, constant, make


def in_float64(outputs: Sequence[Tensor], leaves: Mapping[Value, Tensor]) -> list[Tensor]:
    """``outputs`` rebuilt with every floating value in float64; ``leaves`` replaces values, inputs and parameters."""
    new: dict[Value, Any] = dict(leaves)
    for node in topological(outputs, stop=leaves):
        if all(y in new for y in node.outputs):
            continue
        if node.op.name == "constant":
            array = node.attrs["value"]
            new[node.outputs[0]] = constant(array.astype(float64)) if array.dtype in FLOATS else node.outputs[0]
            continue
        if node.op.name in LEAVES:
            new[node.outputs[0]] = node.outputs[0]
            continue
        attrs = {k: attribute_in_float64(v) for k, v in node.attrs.items()}
        with inheriting(node, node.origin):
            made = make(node.op, tuple(new.get(v, v) for v in node.inputs), attrs)
        for y, z in zip(node.outputs, made if isinstance(made, tuple) else (made,)):
            new[y] = z
    return [new.get(v, v) for v in outputs]


def attribute_in_float64(value: Any) -> Any:
    """A static argument in float64: dtypes, and the bodies of loops and branches."""
    if isinstance(value, np.dtype) and value in FLOATS:
        return float64
    if isinstance(value, Graph):
        swap = {v: leaf(v.name, v.shape, float64 if v.dtype in FLOATS else v.dtype) for v in value.inputs}
        return Graph(value.name, list(swap.values()), in_float64(value.outputs, swap))
    return value
