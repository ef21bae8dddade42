"""What the package onnx makes of an operator's operands: the shapes that it infers, against those of the graph.

Owns: :func:`is_expected`. Some versions of operators infer others than they compute (AveragePool before opset 22 with
ceil_mode) or refuse what is harmless; a model with one of these would be no valid one.
Must not know: any operator, messages of whole models.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ....ir.dims import Dim, Shape
from ....ops.tensor import Tensor
from .older import OLDER
from .operators import LEFT_OUT, is_operator
from .standard import stands
from .types import value_info

if TYPE_CHECKING:
    from onnx import TypeProto


def is_expected(results: Sequence[Tensor | None], opset: int) -> bool:
    """Whether the operator that gives ``results`` is a valid one of such shapes; True of what is no operator."""
    from onnx import defs, helper, shape_inference

    node = next(y.node for y in results if y is not None)
    if not is_operator(node):
        return True
    if not stands(node, opset):  # it is made into what does (older.py), and means what it does in opset 13
        if node.op.name not in OLDER or opset >= 13 or not stands(node, 13):
            return False
        opset = 13
    names = ["" if x.node.op.name == LEFT_OUT else f"x{i}" for i, x in enumerate(node.inputs)]
    outputs = [f"y{i}" for i in range(len(node.outputs))]
    attrs = {k: list(v) if isinstance(v, tuple) else v for k, v in node.attrs.items()}
    imports = [helper.make_opsetid("", opset)]
    try:
        found = shape_inference.infer_node_outputs(
            defs.get_schema(node.op.name, opset, ""),
            helper.make_node(node.op.name, names, outputs, **attrs),
            {name: value_info(name, x).type for name, x in zip(names, node.inputs) if name},
            opset_imports=imports,
            ir_version=helper.find_min_ir_version_for(imports),
        )
    except shape_inference.InferenceError:
        return False
    return all(_agrees(found[name], y.shape) for name, y in zip(outputs, node.outputs) if name in found)


def _agrees(found: TypeProto, shape: Shape) -> bool:
    """Whether a type has a shape, as far as it has numbers."""
    if not found.tensor_type.HasField("shape"):
        return True
    sizes = [d.dim_value if d.HasField("dim_value") else None for d in found.tensor_type.shape.dim]
    return len(sizes) == len(shape) and all(
        a is None or isinstance(b, Dim) or a == b for a, b in zip(sizes, shape, strict=True)
    )
