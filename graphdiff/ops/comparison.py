"""Declarations of comparison and logic on elements, and of the operations on bits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..ir.dtypes import bool_
from .notation import COMPARISON, infix
from .opdef import booleans, declare_public, elementwise, integers, on, operands
from .registry import op_of
from .tensor import Tensor
from .types import TensorLike

# ------------------------------------------------------------------ comparison and logic
equal = elementwise(
    "equal",
    "x1 == x2.",
    n=2,
    accepts="any",
    result="bool",
    reference=np.equal,
    samples=integers(0, 3, 2),
    onnx="Equal",
    commutative=True,
    page="(a, b) => +(a === b)",
    notation=infix("=", COMPARISON),
)
not_equal = elementwise(
    "not_equal",
    "x1 != x2.",
    n=2,
    accepts="any",
    result="bool",
    reference=np.not_equal,
    samples=integers(0, 3, 2),
    commutative=True,
    page="(a, b) => +(a !== b)",
    notation=infix("≠", COMPARISON),
)
less = elementwise(
    "less",
    "x1 < x2.",
    n=2,
    accepts="numeric",
    result="bool",
    reference=np.less,
    samples=integers(0, 3, 2),
    onnx="Less",
    page="(a, b) => +(a < b)",
    notation=infix("<", COMPARISON, mirrored=">"),
)
less_equal = elementwise(
    "less_equal",
    "x1 <= x2.",
    n=2,
    accepts="numeric",
    result="bool",
    reference=np.less_equal,
    samples=integers(0, 3, 2),
    onnx="LessOrEqual",
    page="(a, b) => +(a <= b)",
    notation=infix("≤", COMPARISON, mirrored="≥"),
)
greater = elementwise(
    "greater",
    "x1 > x2.",
    n=2,
    accepts="numeric",
    result="bool",
    reference=np.greater,
    samples=integers(0, 3, 2),
    onnx="Greater",
    page="(a, b) => +(a > b)",
    notation=infix(">", COMPARISON, mirrored="<"),
)
greater_equal = elementwise(
    "greater_equal",
    "x1 >= x2.",
    n=2,
    accepts="numeric",
    result="bool",
    reference=np.greater_equal,
    samples=integers(0, 3, 2),
    onnx="GreaterOrEqual",
    page="(a, b) => +(a >= b)",
    notation=infix("≥", COMPARISON, mirrored="≤"),
)
isnan = elementwise(
    "isnan",
    "Whether x is NaN.",
    result="bool",
    reference=np.isnan,
    samples=on(-2, 2),
    onnx="IsNaN",
    page="(x) => +(x !== x)",
)
isinf = elementwise(
    "isinf",
    "Whether x is infinite.",
    result="bool",
    reference=np.isinf,
    samples=on(-2, 2),
    onnx="IsInf",
    page="(x) => +(abs(x) === Infinity)",
)
isfinite = elementwise(
    "isfinite",
    "Whether x is neither NaN nor infinite.",
    result="bool",
    reference=np.isfinite,
    samples=on(-2, 2),
    page="(x) => +isFinite(x)",
)
logical_and = elementwise(
    "logical_and",
    "x1 and x2.",
    n=2,
    accepts="bool",
    reference=np.logical_and,
    samples=booleans(2),
    onnx="And",
    commutative=True,
    page="(a, b) => a & b",
    notation=infix("and", COMPARISON),
)
logical_or = elementwise(
    "logical_or",
    "x1 or x2.",
    n=2,
    accepts="bool",
    reference=np.logical_or,
    samples=booleans(2),
    onnx="Or",
    commutative=True,
    page="(a, b) => a | b",
)
logical_xor = elementwise(
    "logical_xor",
    "x1 differs from x2.",
    n=2,
    accepts="bool",
    reference=np.logical_xor,
    samples=booleans(2),
    onnx="Xor",
    commutative=True,
    page="(a, b) => a ^ b",
)
logical_not = elementwise(
    "logical_not",
    "not x.",
    accepts="bool",
    reference=np.logical_not,
    samples=booleans(),
    onnx="Not",
    page="(x) => 1 - x",
)


def _bitwise(
    name: str, doc: str, reference: Callable[..., Any], logical: Callable[..., Tensor], page: str
) -> Callable[[TensorLike, TensorLike], Tensor]:
    """A bit operator of two, which on bools is the logical one."""
    bits = elementwise(
        name,
        doc,
        n=2,
        accepts="integer_or_bool",
        reference=reference,
        samples=integers(0, 7, 2),
        commutative=True,
        page=page,
    )

    def public(x1: TensorLike, x2: TensorLike, /) -> Tensor:
        x1, x2 = operands(name, (x1, x2), "integer_or_bool")
        return logical(x1, x2) if x1.dtype is bool_ else bits(x1, x2)

    return declare_public(op_of(bits), public)


def _inverted() -> Callable[[TensorLike], Tensor]:
    bits = elementwise(
        "bitwise_invert",
        "~x; bools: not.",
        accepts="integer_or_bool",
        reference=np.bitwise_invert,
        samples=integers(0, 7),
        page="(x) => -x - 1",
    )

    def public(x: TensorLike, /) -> Tensor:
        (x,) = operands("bitwise_invert", (x,), "integer_or_bool")
        return logical_not(x) if x.dtype is bool_ else bits(x)

    return declare_public(op_of(bits), public)


bitwise_and = _bitwise("bitwise_and", "x1 & x2; bools: and.", np.bitwise_and, logical_and, page="bits((a, b) => a & b)")
bitwise_or = _bitwise("bitwise_or", "x1 | x2; bools: or.", np.bitwise_or, logical_or, page="bits((a, b) => a | b)")
bitwise_xor = _bitwise("bitwise_xor", "x1 ^ x2; bools: xor.", np.bitwise_xor, logical_xor, page="bits((a, b) => a ^ b)")
bitwise_invert = _inverted()
bitwise_left_shift = elementwise(
    "bitwise_left_shift",
    "x1 << x2.",
    n=2,
    accepts="integer",
    reference=np.left_shift,
    samples=integers(0, 7, 2),
    page="bits((a, b) => a << b)",
)
bitwise_right_shift = elementwise(
    "bitwise_right_shift",
    "x1 >> x2.",
    n=2,
    accepts="integer",
    reference=np.right_shift,
    samples=integers(0, 7, 2),
    page="bits((a, b) => a >> b)",
)
