"""Rows that bring a logarithm to what has a stable form, past views, choices, joins, products and sums.

log(softmax(x)[i, labels]) is a gather of log(softmax(x)), log(c * exp(x)) is log(c) + x, and the logarithm of a sum is
the logsumexp of those of its terms: where the operand alone would be 0 or infinity, these are finite. ``stable_log``
looks for such a form, a few operations deep.
"""

from __future__ import annotations

import math
from typing import Any

from ...ir.dtypes import FLOATS, bool_
from ...ir.node import Node, Value
from ...ops.elementwise import add, astype, multiply, subtract, where
from ...ops.functions import log, log1p, logaddexp, softplus
from ...ops.joining import concat
from ...ops.movement import matrix_transpose, reshape
from ...ops.norms import logsumexp
from ...ops.reduce import sum as sum_
from ...ops.registry import Tile
from ...ops.tensor import make, scalar
from . import exponentials as e
from .table import Rewritten, full, number, of, rule

VIEWS = ("reshape", "permute_dims", "slice", "diagonal", "take", "take_along_axis", "broadcast_to")
POWERS = ("multiply", "divide", "square", "sqrt", "reciprocal", "pow", "prod")
_FROM_MINUS_ONE = ("tanh", "erf")  # to 1
SUMS = ("sum", "add", "matmul")
THROUGH = (*VIEWS, "concat", "max", "min")  # what moves elements, or takes some of them, as they are
DEPTH = 6  # operations that are looked through
_FORMS = (
    e.log_exp,
    e.log_quotient_of_exp,
    e.log_sigmoid,
    e.log_one_minus_sigmoid,
    e.log_cosh,
    e.log_one_minus_square_of_tanh,
    e.log_of_a_tail,
    e.log_of_normal_distribution,
    e.log_difference_of_exp,
    e.log_odds,
    e.log_add_exp,
    e.log_sum_exp,
)
_FORMS_OF_LOG1P = (
    e.log1p_exp,
    e.log1p_minus_sigmoid,
    e.log_one_minus_square_of_tanh,
    e.log_of_a_tail,
    e.log_of_normal_distribution,
    e.log_one_minus_exp,
)


def stable_log(value: Value, depth: int = DEPTH) -> Any:
    """log(value) in a form that neither overflows nor loses its digits before it is taken; None where none is known."""
    x = e.one_plus_exp(value)
    if x is not None:
        return softplus(x)
    node = log(value).node
    found = next((y for y in (form(node) for form in _FORMS) if y is not None), None)
    return found if found is not None or not depth else _behind(value, depth - 1)


def _behind(value: Any, depth: int) -> Any:
    """``stable_log`` of what is not of a known form itself: of what it is a view, a choice, joined, a product or a sum
    of."""
    node = value.node
    name, inputs = node.op.name, node.inputs
    if name in POWERS:
        return _of_power(node, depth)
    if name in SUMS:
        return _of_sum(node, depth)
    if name == "astype":  # to a wider dtype: its logarithm has all the digits of the operand's
        y = stable_log(inputs[0], depth) if inputs[0].dtype in FLOATS else None
        return None if y is None else astype(y, value.dtype)
    if name == "where":
        logs = [stable_log(v, depth) for v in inputs[1:]]
        if all(y is None for y in logs):
            return None
        taken, other = (_log(v) if y is None else y for v, y in zip(inputs[1:], logs))
        return full(where(inputs[0], taken, other), node)
    if name == "concat":
        logs = [stable_log(v, depth // 2) for v in inputs]
        if all(y is None for y in logs):
            return None
        return concat([_log(v) if y is None else y for v, y in zip(inputs, logs)], axis=node.attrs["axis"])
    if name in ("max", "min"):  # the logarithm keeps the order
        y = stable_log(inputs[0], depth)
        return None if y is None else _viewed(y, node)
    lifted = _lifted(value, depth)
    y = stable_log(lifted[0], depth) if lifted else None
    return _viewed(y, lifted[1]) if lifted and y is not None else None


def _of_power(node: Node, depth: int) -> Any:
    """The logarithm of a product, quotient or power as a sum or multiple, where a factor that is never negative has a
    stable one."""
    name, inputs = node.op.name, node.inputs
    logs: list[Any] = [stable_log(v, depth) if _positive(v, depth) else None for v in inputs]
    if all(y is None for y in logs):
        return None
    if name in ("multiply", "divide"):
        a, b = [_log(v) if y is None else y for v, y in zip(inputs, logs)]
        return full(add(a, b) if name == "multiply" else subtract(a, b), node)
    if name == "prod":
        return sum_(logs[0], axis=node.attrs["axes"])
    by = {"square": 2.0, "sqrt": 0.5, "reciprocal": -1.0}.get(name) or number(inputs[1])
    return None if by is None or logs[0] is None else multiply(logs[0], float(by))


def _of_sum(node: Node, depth: int) -> Any:
    """The logarithm of a sum by those of its terms, which have to be known as never negative: those of the terms that a
    mask leaves out are -inf."""
    inputs: Any = node.inputs
    if not all(_positive(v, depth, zero=False) for v in inputs):
        return None
    if node.op.name == "sum":
        (x,), axes = inputs, node.attrs["axes"]
        if any(x.shape[a] == 0 for a in axes) or of(_unviewed(x), "exp"):  # log_sum_exp knows which are shifted
            return None
        terms = stable_log(x, depth)
        return None if terms is None else reshape(logsumexp(terms, axis=axes), node.outputs[0].shape)
    logs = [stable_log(v, depth) for v in inputs]
    if node.op.name == "add":
        return None if any(y is None for y in logs) else full(logaddexp(*logs), node)
    if all(y is None for y in logs) or inputs[1].shape[-1] != 1 or inputs[0].shape[-1] == 0:
        return None
    a, b = [_log(v) if y is None else y for v, y in zip(inputs, logs)]  # of a matrix and a column
    return reshape(logsumexp(add(a, matrix_transpose(b)), axis=-1), node.outputs[0].shape)


def _log(value: Any) -> Any:
    """The logarithm of what has no stable form: of a mask 0 and -inf."""
    inner = of(value, "astype")
    return where(inner[0], scalar(0.0, value.dtype), -math.inf) if inner and inner[0].dtype is bool_ else log(value)


def _unviewed(value: Value) -> Value:
    while value.node.op.name in VIEWS:
        value = value.node.inputs[0]
    return value


def _positive(value: Any, depth: int, zero: bool = True) -> bool:
    """Whether it is certain that no element is negative, nor, unless ``zero``, 0 where a derivative may go through."""
    name, inputs = value.node.op.name, value.node.inputs
    if name in ("exp", "sigmoid", "cosh", "erfc", "ndtr"):
        return True
    if name in ("square", "abs") and zero:
        return True
    if name == "constant":
        return bool((value.node.attrs["value"] >= 0).all())
    if name == "astype" and inputs[0].dtype is bool_:
        return True
    if not depth:
        return False
    if name == "stop_gradient":
        return _positive(inputs[0], depth - 1)
    if name in ("sum", "square", "abs", "sqrt", "reciprocal", "prod", "pow", "max", "min", "astype", *VIEWS):
        return _positive(inputs[0], depth - 1, zero)
    y, negated = e.beside_one(value)
    if y is not None and y.node.op.name in (("sigmoid", "ndtr", *_FROM_MINUS_ONE) if negated else _FROM_MINUS_ONE):
        return True
    if name in ("add", "multiply", "divide", "concat", "matmul", "where"):
        return all(_positive(v, depth - 1, zero) for v in inputs[name == "where" :])
    return False


def _lifted(value: Any, depth: int) -> tuple[Any, Node] | None:
    """What a view is of, with the operations on elements that come after it, and the view: 1 - x[i] is (1 - x)[i]."""
    node = value.node
    if node.op.name in VIEWS:
        return node.inputs[0], node
    if not depth or not isinstance(node.op.kernel, Tile):
        return None
    places = [i for i, v in enumerate(node.inputs) if number(v) is None]
    if len(places) != 1:
        return None
    inner = _lifted(node.inputs[places[0]], depth - 1)
    if inner is None:
        return None
    inputs = tuple(inner[0] if i in places else v for i, v in enumerate(node.inputs))
    return make(node.op, inputs, node.attrs), inner[1]


def _viewed(value: Any, view: Node) -> Any:
    """The same view of another value of that shape."""
    return make(view.op, (value, *view.inputs[1:]), view.attrs)


@rule(
    "log",
    "bounded_log",
    on=" ".join((*THROUGH, *POWERS, *SUMS, "where subtract astype")),
    decreases="overflows",
    stable=True,
)
def log_behind(node: Node) -> Rewritten:
    """log of a view, choice, join, product, power or sum of what has a stable logarithm -> the same of that."""
    return _behind(node.inputs[0], DEPTH)


@rule("log1p", on=" ".join((*VIEWS, "negative")), decreases="overflows", stable=True)
def log1p_behind(node: Node) -> Rewritten:
    """log1p(exp(x)[i]) -> softplus(x)[i], and so through views of what has a stable form."""
    lifted = _lifted(node.inputs[0], DEPTH)
    if lifted is None:
        return None
    inner = log1p(lifted[0]).node
    found = next((y for y in (form(inner) for form in _FORMS_OF_LOG1P) if y is not None), None)
    found = log1p_behind(inner) if found is None else found
    return None if found is None else _viewed(found, lifted[1])


@rule(
    "log2",
    "log10",
    on=" ".join(("exp sigmoid subtract cosh erfc ndtr expm1 sinh where astype", *THROUGH, *POWERS, *SUMS)),
    decreases="overflows",
    stable=True,
)
def log_of_another_base(node: Node) -> Rewritten:
    """log2 and log10 of what log has a stable form for -> that form over log(2) or log(10)."""
    found = stable_log(node.inputs[0])
    return None if found is None else multiply(found, 1 / math.log(2 if node.op.name == "log2" else 10))
