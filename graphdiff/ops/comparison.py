"""Declarations of comparison and logic on elements, and of the operations on bits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..ir.dtypes import bool_
from .notation import COMPARISON, infix
from .opdef import declare_public, elementwise
from .operands import operands
from .registry import op, op_of
from .samples import booleans, integers, on
from .tensor import Tensor
from .types import TensorLike

# ------------------------------------------------------------------ comparison and logic
equal = elementwise(
    "equal",
    "x1 == x2.\n"
    "Edges: equal(nan, 1) = False; equal(nan, nan) = False; equal(inf, inf) = True\n"
    "Example: gd.equal([1.0, 2.0, 3.0], 2.0) -> [False, True, False]",
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
    "x1 != x2.\n"
    "Edges: not_equal(nan, 1) = True; not_equal(nan, nan) = True; not_equal(inf, inf) = False\n"
    "Example: gd.not_equal([1.0, 2.0, 3.0], 2.0) -> [True, False, True]",
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
    "x1 < x2.\n"
    "Edges: less(nan, 1) = False; less(nan, nan) = False; less(inf, inf) = False\n"
    "Example: gd.less([1.0, 2.0, 3.0], 2.0) -> [True, False, False]",
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
    "x1 <= x2.\n"
    "Edges: less_equal(nan, 1) = False; less_equal(nan, nan) = False; less_equal(inf, inf) = True\n"
    "Example: gd.less_equal([1.0, 2.0, 3.0], 2.0) -> [True, True, False]",
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
    "x1 > x2.\n"
    "Edges: greater(nan, 1) = False; greater(nan, nan) = False; greater(inf, inf) = False\n"
    "Example: gd.greater([1.0, 2.0, 3.0], 2.0) -> [False, False, True]",
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
    "x1 >= x2.\n"
    "Edges: greater_equal(nan, 1) = False; greater_equal(nan, nan) = False; greater_equal(inf, inf) = "
    "True\n"
    "Example: gd.greater_equal([1.0, 2.0, 3.0], 2.0) -> [False, True, True]",
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
    "Whether x is NaN.\n"
    "Edges: isnan(nan) = True; isnan(inf) = False; isnan(0.0) = False; isnan(7) = False\n"
    "Example: gd.isnan([1.0, inf, nan]) -> [False, False, True]",
    result="bool",
    reference=np.isnan,
    whole=lambda x: op("full_like")(x, False, dtype=bool_),
    samples=on(-2, 2),
    onnx="IsNaN",
    page="(x) => +(x !== x)",
)
isinf = elementwise(
    "isinf",
    "Whether x is infinite.\n"
    "Edges: isinf(nan) = False; isinf(inf) = True; isinf(0.0) = False; isinf(7) = False\n"
    "Example: gd.isinf([1.0, inf, nan]) -> [False, True, False]",
    result="bool",
    reference=np.isinf,
    whole=lambda x: op("full_like")(x, False, dtype=bool_),
    samples=on(-2, 2),
    onnx="IsInf",
    page="(x) => +(abs(x) === Infinity)",
)
isfinite = elementwise(
    "isfinite",
    "Whether x is neither NaN nor infinite.\n"
    "Edges: isfinite(nan) = False; isfinite(inf) = False; isfinite(0.0) = True; isfinite(7) = True\n"
    "Example: gd.isfinite([1.0, inf, nan]) -> [True, False, False]",
    result="bool",
    reference=np.isfinite,
    whole=lambda x: op("full_like")(x, True, dtype=bool_),
    samples=on(-2, 2),
    page="(x) => +isFinite(x)",
)
signbit = elementwise(
    "signbit",
    "Whether the sign bit of x is set: of negative numbers, -0.0 and negative NaN.\n"
    "Edges: signbit(-0.0) = True; signbit(0.0) = False; signbit(-inf) = True; signbit(nan) = False\n"
    "Example: gd.signbit([-1.0, -0.0, 2.0]) -> [True, True, False]",
    result="bool",
    reference=np.signbit,
    samples=on(-2, 2),
    page="(x) => +(x < 0 || Object.is(x, -0))",
)
logical_and = elementwise(
    "logical_and",
    "x1 and x2.\n"
    "Edges: bools alone; write x != 0 of numbers\n"
    "Example: gd.logical_and([True, True], [True, False]) -> [True, False]",
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
    "x1 or x2.\n"
    "Edges: bools alone; write x != 0 of numbers\n"
    "Example: gd.logical_or([False, True], [False, False]) -> [False, True]",
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
    "x1 differs from x2.\n"
    "Edges: bools alone; write x != 0 of numbers\n"
    "Example: gd.logical_xor([True, True], [True, False]) -> [False, True]",
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
    "not x.\nEdges: bools alone; write x == 0 of numbers\nExample: gd.logical_not([True, False]) -> [False, True]",
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
        "~x; bools: not.\n"
        "Edges: bitwise_invert(0) = -1; bitwise_invert(-1) = 0\n"
        "Example: gd.bitwise_invert([0, 5]) -> [-1, -6]",
        accepts="integer_or_bool",
        reference=np.bitwise_invert,
        samples=integers(0, 7),
        page="(x) => -x - 1",
    )

    def public(x: TensorLike, /) -> Tensor:
        (x,) = operands("bitwise_invert", (x,), "integer_or_bool")
        return logical_not(x) if x.dtype is bool_ else bits(x)

    return declare_public(op_of(bits), public)


bitwise_and = _bitwise(
    "bitwise_and",
    "x1 & x2; bools: and.\n"
    "Edges: bitwise_and(6, 3) = 2; bitwise_and(-1, 5) = 5\n"
    "Example: gd.bitwise_and([6, 5], 3) -> [2, 1]",
    np.bitwise_and,
    logical_and,
    page="bits((a, b) => a & b)",
)
bitwise_or = _bitwise(
    "bitwise_or",
    "x1 | x2; bools: or.\n"
    "Edges: bitwise_or(6, 3) = 7; bitwise_or(-1, 5) = -1\n"
    "Example: gd.bitwise_or([6, 5], 3) -> [7, 7]",
    np.bitwise_or,
    logical_or,
    page="bits((a, b) => a | b)",
)
bitwise_xor = _bitwise(
    "bitwise_xor",
    "x1 ^ x2; bools: xor.\n"
    "Edges: bitwise_xor(6, 3) = 5; bitwise_xor(-1, 5) = -6\n"
    "Example: gd.bitwise_xor([6, 5], 3) -> [5, 6]",
    np.bitwise_xor,
    logical_xor,
    page="bits((a, b) => a ^ b)",
)
bitwise_invert = _inverted()
bitwise_left_shift = elementwise(
    "bitwise_left_shift",
    "x1 << x2.\n"
    "Edges: bitwise_left_shift(1, 3) = 8; bitwise_left_shift(-1, 1) = -2\n"
    "Example: gd.bitwise_left_shift([1, 3], 2) -> [4, 12]",
    n=2,
    accepts="integer",
    reference=np.left_shift,
    samples=integers(0, 7, 2),
    page="bits((a, b) => a << b)",
)
bitwise_right_shift = elementwise(
    "bitwise_right_shift",
    "x1 >> x2.\n"
    "Edges: bitwise_right_shift(8, 2) = 2; bitwise_right_shift(-1, 1) = -1; the sign is kept\n"
    "Example: gd.bitwise_right_shift([8, -8], 1) -> [4, -4]",
    n=2,
    accepts="integer",
    reference=np.right_shift,
    samples=integers(0, 7, 2),
    page="bits((a, b) => a >> b)",
)
