"""Nodes of a model that was read, written again as they were.

What a node became remembers it (ops/called.py): where nothing reads what is in between, the writer puts the same
operator there again, with its attributes, if the opset to write for has it as the model's had.
Must not know: any operator.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import graphdiff as gd

from ...ir.dtypes import CODE
from ...ops.called import remember
from ...ops.tensor import Tensor
from .call import Call as Read
from .known import Known
from .source import ArrayView, GraphView, Ref, Refused, attribute_value
from .write.operators import operators, sizes
from .write.table import Call, Given, by_name

READ = "an operator that was read"
_OWN = ("Cast", "CastLike", "Constant", "ConstantOfShape", "EyeLike")  # of which an attribute is a type or an array


def remember_node(call: Read, results: Any) -> None:
    """Has what a node became remember it, where it can be written again."""
    node = call.node
    if node.domain or node.op in _OWN or not isinstance(results, (list, tuple)):
        return
    attrs = {k: call.raw(k) for k in node.attrs}
    if any(isinstance(v, (ArrayView, GraphView, Ref, Refused)) for v in attrs.values()):
        return
    wanted = results[: max(1, call.results())]
    given = [v for v in wanted if isinstance(v, Tensor)]
    if len(given) != len(wanted) or not any(isinstance(v, Tensor) for v in call.values):
        return
    remember(READ, tuple(call.values), {"op": node.op, "attrs": attrs, "opset": call.opset}, list(given))


@by_name(READ)
def _again(call: Call) -> Given | None:
    import onnx

    op, attrs, read = call["op"], call["attrs"], call["opset"]
    try:
        then, now = (onnx.defs.get_schema(op, v, "") for v in (read, call.opset))
    except onnx.defs.SchemaError:
        return None
    operands = [_operand(v) for v in call["args"]]
    if then.since_version != now.since_version or any(
        x is None and v is not None for x, v in zip(operands, call["args"])
    ):
        return None
    # what an attribute is unless told, which the package's inference of shapes does not know of some operators
    unless = {k: a.default_value for k, a in now.attributes.items() if a.default_value.type}
    how = {k: attribute_value(v) for k, v in unless.items()} | attrs
    how = {k: tuple(v) if isinstance(v, list) else v for k, v in how.items()}
    return operators(op, operands, call.types, **how)


def _operand(value: Any) -> Tensor | None:
    """A value that a node was given as a Tensor, None where it was left out or cannot be written."""
    if value is None or isinstance(value, Tensor):
        return value
    assert isinstance(value, Known)
    if value.plain:
        return gd.constant(value.array) if value.dtype in CODE else None
    if value.dtype == np.int64 and value.array.ndim == 1 and all(isinstance(e, (int, str)) for e in value.array):
        return sizes([*value.array])
    return None
