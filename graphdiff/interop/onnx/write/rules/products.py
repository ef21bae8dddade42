"""Matrix products: MatMul, and Gemm where a bias or a transposed weight goes with one."""

from __future__ import annotations

import graphdiff as gd

from .....ir.dtypes import FLOATS
from .....ir.node import Node
from .....ops.tensor import Tensor
from ..operators import is_operator, operator
from ..table import Call, Given, Writing, by_name, writes


@writes("matmul")
def _matmul(w: Writing) -> Given:
    return operator("MatMul", w.xs, w.y)


@by_name("nn.linear")
def _linear(call: Call) -> Given | None:
    x, weight, bias = call.tensor("x"), call.tensor("weight"), call.optional("bias")
    if x.ndim != 2 or weight.ndim != 2 or bias is None or x.dtype is not weight.dtype or bias.ndim > 1:
        return None
    return _gemm(x, weight, bias, call.y)


def _gemm(x: Tensor, weight: Tensor, bias: Tensor | None, y: Tensor) -> Tensor:
    flat = weight.node.op.name in ("permute_dims", "Transpose") and weight.ndim == 2
    if flat:
        return operator("Gemm", [x, weight.node.inputs[0], bias], y, transB=1)
    return operator("Gemm", [x, weight, bias], y)


def with_bias(w: Writing) -> Tensor | None:
    """A sum that an operator makes by itself: of a product or a convolution that nothing else reads, and a bias."""
    for x, bias in (w.xs, reversed(w.xs)):
        node: Node = x.node
        if not is_operator(node) or x.shape != w.y.shape or w.y.dtype not in FLOATS:
            continue
        if node.op.name == "MatMul" and x.ndim == 2 and node.inputs[0].ndim == node.inputs[1].ndim == 2:
            row = _vector(bias, 1, x)
            if row is not None:
                return _gemm(node.inputs[0], node.inputs[1], row, w.y)
        if node.op.name in ("Conv", "ConvTranspose") and len(node.inputs) == 2:
            row = _vector(bias, 1, x)
            if row is not None:
                return operator(node.op.name, [*node.inputs, row], w.y, **node.attrs)
    return None


def _vector(bias: Tensor, axis: int, y: Tensor) -> Tensor | None:
    """A bias that differs along one axis of the result alone, as a vector."""
    shape = (1,) * (y.ndim - bias.ndim) + bias.shape
    if bias.ndim == 0 or any(s != (y.shape[axis] if i == axis else 1) for i, s in enumerate(shape)):
        return None
    if bias.ndim == 1:
        return bias
    node = bias.node
    before = node.inputs[0] if is_operator(node) and node.op.name in ("Reshape", "Unsqueeze") else None
    if before is not None and before.shape == (y.shape[axis],):
        return before
    return gd.reshape(bias, (y.shape[axis],))


@writes("add")
def _add(w: Writing) -> Given:
    found = with_bias(w)
    return operator("Add", w.xs, w.y) if found is None else found


@by_name("einsum", since=12)
def _einsum(call: Call) -> Given | None:
    xs = list(call["xs"])
    if not all(isinstance(x, Tensor) and x.dtype is call.y.dtype for x in xs) or "..." in call["subscripts"]:
        return None
    return operator("Einsum", xs, call.y, equation=call["subscripts"])


@by_name("linalg.det")
def _det(call: Call) -> Given | None:
    return operator("Det", [call.tensor("x")], call.y)


@writes("determinant")
def _determinant(w: Writing) -> Given:
    """Of the matrix itself, whose factors are not read."""
    if not w["log"]:
        return operator("Det", [w.x], w.y)
    det = operator("Det", [w.x], w.y)
    return [gd.sign(det), gd.log(gd.abs(det))]
