"""Rows for operations on elements: arithmetic, negation, powers and roots, selection, logic, casts."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...ir.dtypes import FLOATS, INTEGERS, bool_
from ...ir.node import Node, Value
from ...ops.comparison import not_equal
from ...ops.elementwise import abs, add, astype, divide, multiply, negative, reciprocal, square, subtract, where
from ...ops.gather import take_along_axis
from ...ops.movement import reshape
from ...ops.tensor import make, scalar
from .table import Rewritten, full, harmless, is_one, number, of, rule, with_number

MANY = 256  # classes from which on looking one up costs less than a pass over all
# --------------------------------------------------------------------------------------- sums and products


@rule("add", on="constant")
def add_zero(node: Node) -> Rewritten:
    """x + 0 -> x. (A negative zero stays one.)"""
    found = with_number(node)
    return full(found[0], node) if found and found[1] == 0 else None


@rule("subtract", on="constant")
def subtract_zero(node: Node) -> Rewritten:
    """x - 0 -> x."""
    return full(node.inputs[0], node) if is_one(node.inputs[1], 0) else None


@rule("multiply", on="constant")
def multiply_one(node: Node) -> Rewritten:
    """x * 1 -> x."""
    found = with_number(node)
    return full(found[0], node) if found and found[1] == 1 else None


@rule("divide", on="constant")
def divide_one(node: Node) -> Rewritten:
    """x / 1 -> x."""
    return full(node.inputs[0], node) if is_one(node.inputs[1]) else None


@rule("multiply", on="constant")
def multiply_minus_one(node: Node) -> Rewritten:
    """x * -1 -> -x."""
    found = with_number(node)
    return full(negative(found[0]), node) if found and found[1] == -1 else None


@rule("multiply")
def multiply_self(node: Node) -> Rewritten:
    """x * x -> square(x)."""
    return square(node.inputs[0]) if node.inputs[0] is node.inputs[1] else None


@rule("multiply", on="reciprocal")
def multiply_reciprocal(node: Node) -> Rewritten:
    """a * (1 / b) -> a / b, unless b is the smaller: then one reciprocal serves many products."""
    for a, b in (node.inputs, reversed(node.inputs)):
        inner = of(b, "reciprocal")
        if inner and b.shape == node.outputs[0].shape:
            return divide(a, inner[0])
    return None


@rule("divide", on="constant")
def divide_of_one(node: Node) -> Rewritten:
    """1 / x -> reciprocal(x)."""
    return full(reciprocal(node.inputs[1]), node) if is_one(node.inputs[0]) else None


@rule("divide", on="constant")
def divide_power_of_two(node: Node) -> Rewritten:
    """x / c -> x * (1 / c) for a power of two c, which is exact."""
    c = number(node.inputs[1])
    if c is None or c == 0 or not np.isfinite(c) or math.fabs(math.frexp(c)[0]) != 0.5:
        return None
    inverse = np.reciprocal(c)
    return multiply(node.inputs[0], scalar(inverse, c.dtype)) if harmless(inverse) else None


def _scaled(value: Value) -> tuple[Value, Any, bool] | None:
    """``x, c, divided`` where ``value`` is x * c or x / c for a 0-d constant c."""
    node = value.node
    if node.op.name == "multiply":
        found = with_number(node)
        return (*found, False) if found else None
    if node.op.name == "divide" and (c := number(node.inputs[1])) is not None:
        return node.inputs[0], c, True
    return None


@rule("multiply", "divide", on="constant")
def scale_scale(node: Node) -> Rewritten:
    """(x * c1) * c2 -> x * (c1 * c2), and with divisions; where the product of constants is an ordinary number."""
    outer = _scaled(node.outputs[0])
    inner = _scaled(outer[0]) if outer else None
    if outer is None or inner is None:
        return None
    (_, c2, by2), (x, c1, by1) = outer, inner
    with np.errstate(all="ignore"):
        if by1 and by2:
            c = c1 * c2
            return full(divide(x, scalar(c, c.dtype)), node) if harmless(c) else None
        c = c2 / c1 if by1 else c1 / c2 if by2 else c1 * c2
    return full(multiply(x, scalar(c, x.dtype)), node) if harmless(c) else None


# --------------------------------------------------------------------------------------- negations


@rule("negative", on="negative")
def negative_negative(node: Node) -> Rewritten:
    """-(-x) -> x."""
    inner = of(node.inputs[0], "negative")
    return inner[0] if inner else None


@rule("negative", on="multiply divide")
def negative_scale(node: Node) -> Rewritten:
    """-(x * c) -> x * -c."""
    inner = _scaled(node.inputs[0])
    if inner is None or inner[0].dtype not in FLOATS:
        return None
    x, c, divided = inner
    return full((divide if divided else multiply)(x, scalar(-c, c.dtype)), node)


@rule("add", on="negative")
def add_negative(node: Node) -> Rewritten:
    """a + -b -> a - b."""
    a, b = node.inputs
    inner = of(b, "negative")
    if inner:
        return subtract(a, inner[0])
    inner = of(a, "negative")
    return subtract(b, inner[0]) if inner else None


@rule("subtract", on="negative")
def subtract_negative(node: Node) -> Rewritten:
    """a - -b -> a + b."""
    inner = of(node.inputs[1], "negative")
    return add(node.inputs[0], inner[0]) if inner else None


@rule("multiply", "divide", on="negative", decreases="weight, negations")
def negative_late(node: Node) -> Rewritten:
    """a * -b -> -(a * b), -a * -b -> a * b, and the same for quotients; -x * c -> x * -c."""
    a: Any
    b: Any
    a, b = node.inputs
    x, y = of(a, "negative"), of(b, "negative")
    if x and y:
        return make(node.op, (x[0], y[0]))
    if x:
        c = number(b)
        return negative(make(node.op, (x[0], b))) if c is None else make(node.op, (x[0], scalar(-c, c.dtype)))
    if y:
        c = number(a)
        return negative(make(node.op, (a, y[0]))) if c is None else make(node.op, (scalar(-c, c.dtype), y[0]))
    return None


@rule("sum", on="negative", decreases="elements")
def sum_negative(node: Node) -> Rewritten:
    """sum(-x) -> -sum(x)."""
    inner = of(node.inputs[0], "negative")
    return negative(make(node.op, inner, node.attrs)) if inner else None


@rule("abs", "square", "cos", "cosh", on="negative abs")
def even_function(node: Node) -> Rewritten:
    """f(-x) and f(abs(x)) -> f(x) for even f."""
    inner = of(node.inputs[0], "negative") or of(node.inputs[0], "abs")
    return make(node.op, inner, node.attrs) if inner else None


# --------------------------------------------------------------------------------------- powers and roots


@rule("pow", on="constant")
def power_of_number(node: Node) -> Rewritten:
    """x ** 0 -> 1, x ** 1 -> x, x ** 2 -> square(x), x ** 3 -> x * square(x), x ** -1 -> reciprocal(x)."""
    x: Any
    x, p = node.inputs[0], number(node.inputs[1])
    if p is None:
        return None
    if p == 0:  # of NaN too
        return full(scalar(1, x.dtype), node)
    if p == 1:
        return x
    if p == 2:
        return square(x)
    if p == 3:
        return multiply(x, square(x))
    return reciprocal(x) if p == -1 and x.dtype in FLOATS else None


@rule("sqrt", on="square", stable=True)
def sqrt_square(node: Node) -> Rewritten:
    """sqrt(square(x)) -> abs(x), without overflow."""
    inner = of(node.inputs[0], "square")
    return abs(inner[0]) if inner else None


@rule("square", "multiply", "pow", on="root astype", stable=True, direct=True)
def square_root(node: Node) -> Rewritten:
    """root(x) ** 2 -> x, smooth at 0: the square of a norm or of a deviation."""
    (cast,) = of(node.inputs[0], "astype") or (node.inputs[0],)
    inner = of(cast, "root")
    if not inner or (node.op.name == "multiply" and node.inputs[1] is not node.inputs[0]):
        return None
    if node.op.name == "pow" and (node.inputs[1].ndim or number(node.inputs[1]) != 2):
        return None
    return astype(inner[0], node.outputs[0].dtype)


# --------------------------------------------------------------------------------------- selection and logic


@rule("where", on="constant")
def where_known(node: Node) -> Rewritten:
    """where(True, a, b) -> a, where(False, a, b) -> b."""
    c = number(node.inputs[0])
    return None if c is None else full(node.inputs[1] if c else node.inputs[2], node)


@rule("where")
def where_same(node: Node) -> Rewritten:
    """where(c, x, x) -> x."""
    return full(node.inputs[1], node) if node.inputs[1] is node.inputs[2] else None


@rule("where", on="logical_not")
def where_not(node: Node) -> Rewritten:
    """where(not c, a, b) -> where(c, b, a)."""
    c, a, b = node.inputs
    inner = of(c, "logical_not")
    return where(inner[0], b, a) if inner else None


@rule("where", on="where")
def where_where(node: Node) -> Rewritten:
    """where(c, where(c, a, b), d) -> where(c, a, d), and in the other branch."""
    c, a, b = node.inputs
    inner = of(a, "where")
    if inner and inner[0] is c:
        return full(where(c, inner[1], b), node)
    inner = of(b, "where")
    return full(where(c, a, inner[2]), node) if inner and inner[0] is c else None


@rule("where", on="constant")
def where_one_zero(node: Node) -> Rewritten:
    """where(c, 1, 0) -> c in numbers."""
    c, a, b = node.inputs
    if is_one(a) and is_one(b, 0):
        return astype(c, a.dtype)
    return None


@rule("sum", on="where", final=True)
def sum_of_one(node: Node) -> Rewritten:
    """sum(where(index == label, x, 0)) along many classes -> x at the label, which is in range."""
    chosen = of(node.inputs[0], "where")
    named = of(chosen[0], "equal") if chosen and number(chosen[2]) == 0 else None
    if chosen is None or named is None or node.attrs["axes"] != (node.inputs[0].ndim - 1,):
        return None
    places, wide, shape = named[0].node, named[1], node.inputs[0].shape
    (wide,) = of(wide, "astype") or (wide,)  # to the positions' integers, before the simplifier has moved it or after
    (label,) = of(wide, "reshape") or (wide,)
    (label,) = of(label, "astype") or (label,)
    is_range = label.node.op.name == "check_index" and label.node.attrs == {"limit": shape[-1], "lowest": 0}
    if not is_range or (chosen[1].shape, label.shape) != (shape, shape[:-1]) or places.op.name != "index":
        return None
    along = {"shape": shape, "offset": 0, "strides": (0,) * label.ndim + (1,)}
    if not isinstance(shape[-1], int) or shape[-1] < MANY or places.attrs != along:
        return None
    return reshape(take_along_axis(chosen[1], reshape(label, (*label.shape, 1))), label.shape)


@rule("maximum", "minimum", "logical_and", "logical_or", "bitwise_and", "bitwise_or")
def idempotent(node: Node) -> Rewritten:
    """f(x, x) -> x."""
    return node.inputs[0] if node.inputs[0] is node.inputs[1] else None


@rule("logical_not", on="logical_not equal")
def not_not(node: Node) -> Rewritten:
    """not not x -> x, not (a == b) -> a != b."""
    inner = of(node.inputs[0], "logical_not")
    if inner:
        return inner[0]
    inner = of(node.inputs[0], "equal")
    return not_equal(*inner) if inner else None


@rule("logical_and", "logical_or", on="constant")
def logic_with_known(node: Node) -> Rewritten:
    """x and True -> x, x and False -> False, x or False -> x, x or True -> True."""
    found = with_number(node)
    if found is None:
        return None
    x, c = found
    return full(x if bool(c) == (node.op.name == "logical_and") else scalar(bool(c), bool_), node)


# --------------------------------------------------------------------------------------- casts


def _lossless(a: np.dtype, b: np.dtype) -> bool:
    """Whether every value of dtype a is a value of dtype b."""
    rounds = a in INTEGERS and a.itemsize == 8 and b in FLOATS
    return a is bool_ or a is b or (np.can_cast(a, b, "safe") and not rounds)


@rule("astype")
def astype_astype(node: Node) -> Rewritten:
    """x in a dtype that holds all its values and then in another -> in the other; in its own -> x."""
    (x,) = node.inputs
    if x.dtype is node.outputs[0].dtype:
        return x
    inner = of(x, "astype")
    return astype(inner[0], node.outputs[0].dtype) if inner and _lossless(inner[0].dtype, x.dtype) else None


@rule("stop_gradient", final=True)
def stop_gradient_late(node: Node) -> Rewritten:
    """stop_gradient(x) -> x once nothing differentiates any more."""
    return node.inputs[0]


@rule("custom", "cofactors", final=True)
def custom_late(node: Node) -> Rewritten:
    """A custom operation, and cofactors -> its body once nothing asks for its derivative any more."""
    return node.inputs[0]
