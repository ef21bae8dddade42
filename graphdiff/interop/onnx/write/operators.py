"""Operators of ONNX as nodes of a graph, which rules of the writer are made of.

Owns: :func:`operator`, which makes one, and what stands for operands that are no Tensors: shapes, and operands left
out. The nodes are like all others but for their operation, which is none of the registry: they are written, and neither
differentiated nor run.
Must not know: which operators there are; messages.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

import graphdiff as gd

from ....ir.dims import Dim, Shape, Size
from ....ir.dtypes import int64
from ....ir.node import Node, new_node
from ....ops.registry import Op
from ....ops.tensor import Tensor

KIND = "onnx"
SIZES, LEFT_OUT = "sizes", "left out"  # of what are no operators
Type = tuple[Shape, np.dtype]


@functools.cache
def _op(name: str) -> Op:
    return Op(name, KIND, "An operator of ONNX.")


def operators(name: str, inputs: Sequence[Tensor | None], types: Sequence[Type], **attrs: Any) -> tuple[Tensor, ...]:
    """The results of an operator of the standard's domain, of the ``types`` given; ``attrs``: its attributes, lists as
    tuples, those left out that are None; an operand that is None is left out."""
    while inputs and inputs[-1] is None:
        inputs = inputs[:-1]
    operands = tuple(_left_out() if x is None else x for x in inputs)
    given = {k: v for k, v in attrs.items() if v is not None}
    return new_node(_op(name), operands, given, types, Tensor).outputs


def operator(name: str, inputs: Sequence[Tensor | None], like: Tensor | Type, **attrs: Any) -> Tensor:
    """The only result of an operator, of the shape and dtype of ``like``."""
    return operators(name, inputs, [(like.shape, like.dtype) if isinstance(like, Tensor) else like], **attrs)[0]


def sizes(of: Sequence[Size]) -> Tensor:
    """An int64 vector of sizes, as operators take shapes and places."""
    if any(isinstance(s, Dim) for s in of):
        return new_node(_op(SIZES), (), {"sizes": tuple(of)}, [((len(of),), int64)], Tensor).outputs[0]
    return gd.constant(np.asarray(of, np.int64))


def number(size: Size) -> Tensor:
    """A size as a 0-d int64 Tensor."""
    if not isinstance(size, Dim):
        return gd.constant(np.int64(size))
    return operator("Reshape", [sizes([size]), gd.constant(np.zeros(0, np.int64))], ((), int64))


def _left_out() -> Tensor:
    return new_node(_op(LEFT_OUT), (), {}, [((), int64)], Tensor).outputs[0]


def is_operator(node: Node) -> bool:
    return node.op.kind == KIND
