"""What an opset has of an operator, by the schemas of the package onnx: its operands, attributes and types.

Owns: :func:`stands`, :func:`wanted`.
Must not know: what any operator does.
"""

from __future__ import annotations

import functools
from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np

from ....ir.node import Node, Value
from .operators import LEFT_OUT

if TYPE_CHECKING:
    from onnx.defs import OpSchema

_TYPES = {"float32": "float", "float64": "double"}


@functools.cache
def schema_of(name: str, opset: int) -> OpSchema | None:
    """An operator of the standard's domain as an opset has it, None where it has not."""
    from onnx import defs

    try:
        return defs.get_schema(name, opset, "")
    except defs.SchemaError:
        return None


@functools.cache
def _operands(name: str, opset: int) -> tuple[tuple[frozenset[str], ...], tuple[frozenset[str], ...]]:
    schema = schema_of(name, opset)
    assert schema is not None
    given, made = ((frozenset(f.types) for f in formal) for formal in (schema.inputs, schema.outputs))
    return tuple(given), tuple(made)


def stands(node: Node, opset: int, results: int = 1) -> bool:
    """Whether the opset has a node's operator with its operands, attributes and types. ``results``: how many of its
    results are wanted."""
    name = node.op.name
    schema = schema_of(name, opset)
    if schema is None or not node.attrs.keys() <= schema.attributes.keys():
        return False
    if not schema.min_input <= len(node.inputs) <= schema.max_input or results > schema.max_output:
        return False
    if opset < 8 and name in ("Max", "Min") and len({x.shape for x in node.inputs}) > 1:
        return False  # before they broadcast
    given, made = _operands(name, opset)
    if any(
        v.node.op.name == LEFT_OUT and schema.inputs[i].option.name != "Optional" for i, v in enumerate(node.inputs)
    ):
        return False
    return all(
        v.node.op.name == LEFT_OUT or _type(v.dtype) in formal[min(i, len(formal) - 1)]
        for values, formal in ((node.inputs, given), (node.outputs[:results], made))
        for i, v in enumerate(values)
    )


def wanted(node: Node, read: Collection[Value], opset: int) -> int:
    """How many of an operator's results have names: those up to the last that is read, and those that it must give."""
    schema = schema_of(node.op.name, opset)
    least = 1 if schema is None else max(1, schema.min_output)
    variadic = schema is not None and schema.outputs[-1].option.name == "Variadic"  # as many as an operand says
    if variadic or node.attrs.get("training_mode"):  # of batch normalisation some runtimes want all
        least = len(node.outputs)
    return max((i for i, v in enumerate(node.outputs, 1) if v in read or i == least), default=1)


def _type(dtype: np.dtype) -> str:
    return f"tensor({_TYPES.get(dtype.name, dtype.name)})"
