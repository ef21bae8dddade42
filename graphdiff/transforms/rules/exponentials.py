"""Rows for logarithms, exponentials, sigmoids and softmax: the forms without overflow."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ...ir.node import Node, Value
from ...ops.comparison import less
from ...ops.elementwise import abs, add, astype, divide, multiply, negative, square, subtract, where
from ...ops.functions import exp, log, log1mexp, log1p, logaddexp, logdiffexp, sinh, softplus
from ...ops.movement import reshape
from ...ops.norms import logsumexp, softmax_parts
from ...ops.reduce import sum as sum_
from ...ops.sigmoids import sigmoid, tanh
from ...ops.special import erf, erfcx, log_ndtr
from .table import Rewritten, full, is_one, number, of, rule, with_number


@rule("log", "bounded_log", on="exp", stable=True)
def log_exp(node: Node) -> Rewritten:
    """log(exp(x)) -> x, without overflow."""
    inner = of(node.inputs[0], "exp")
    return inner[0] if inner else None


@rule("log", "bounded_log", on="divide", stable=True)
def log_quotient_of_exp(node: Node) -> Rewritten:
    """log(exp(a) / s) -> a - log(s): the stable form of log(softmax(x))."""
    quotient = of(node.inputs[0], "divide")
    if not quotient:
        return None
    inner = of(quotient[0], "exp")
    return subtract(inner[0], log(quotient[1])) if inner else None


@rule("log", on="add", stable=True)
def log_one_plus(node: Node) -> Rewritten:
    """log(1 + x) -> log1p(x), accurate near 0."""
    if not of(node.inputs[0], "add"):
        return None
    found = with_number(node.inputs[0].node)
    return log1p(found[0]) if found and found[1] == 1 else None


@rule("log1p", on="exp", stable=True)
def log1p_exp(node: Node) -> Rewritten:
    """log(1 + exp(x)) -> softplus(x), without overflow."""
    inner = of(node.inputs[0], "exp")
    return softplus(inner[0]) if inner else None


@rule("log", "bounded_log", on="sigmoid", stable=True)
def log_sigmoid(node: Node) -> Rewritten:
    """log(sigmoid(x)) -> -softplus(-x), without -inf."""
    inner = of(node.inputs[0], "sigmoid")
    return negative(softplus(negative(inner[0]))) if inner else None


@rule("log", on="subtract", stable=True)
def log_one_minus_sigmoid(node: Node) -> Rewritten:
    """log(1 - sigmoid(x)) -> -softplus(x), without -inf."""
    inner = of(node.inputs[0], "subtract")
    x = of(inner[1], "sigmoid") if inner and is_one(inner[0]) else None
    return negative(softplus(x[0])) if x else None


@rule("log", on="cosh", decreases="overflows", stable=True)
def log_cosh(node: Node) -> Rewritten:
    """log(cosh(x)) -> abs(x) + log1p(exp(-2 * abs(x))) - log(2), or log1p(2 * sinh(x / 2)**2) near 0."""
    inner = of(node.inputs[0], "cosh")
    return _log_cosh(inner[0]) if inner else None


@rule("log", "log1p", on="subtract negative", decreases="overflows", stable=True)
def log_one_minus_square_of_tanh(node: Node) -> Rewritten:
    """log(1 - tanh(x)**2) -> -2 * log(cosh(x)), without -inf."""
    taken = of(node.inputs[0], "negative")
    if node.op.name == "log":
        inner = of(node.inputs[0], "subtract")
        taken = inner[1:] if inner and is_one(inner[0]) else None
    squared = of(taken[0], "square") if taken else None
    x = of(squared[0], "tanh") if squared else None
    return full(multiply(_log_cosh(x[0]), -2.0), node) if x else None


def _log_cosh(x: Any) -> Any:
    size = abs(x)
    near = log1p(multiply(square(sinh(multiply(x, 0.5))), 2.0))
    far = subtract(add(size, log1p(exp(multiply(size, -2.0)))), math.log(2))
    return where(less(size, 1.0), near, far)


@rule("log", "log1p", on="add subtract negative tanh erf erfc", decreases="overflows", stable=True)
def log_of_a_tail(node: Node) -> Rewritten:
    """log(1 - tanh(x)), log(1 + tanh(x)), the same of erf, and log(erfc(x)) -> without -inf, near 0 by log1p."""
    value: Any = node.inputs[0]
    inner = of(value, "erfc") if node.op.name == "log" else None
    if inner:
        return _log_one_minus(erf, inner[0])
    y, negated = beside_one(value) if node.op.name == "log" else _signed(value)
    x = (of(y, "tanh") or of(y, "erf")) if y is not None else None
    if not x or _is_bounded(x[0]):
        return None
    return full(_log_one_minus(tanh if of(y, "tanh") else erf, x[0] if negated else negative(x[0])), node)


def _signed(value: Any) -> tuple[Any, bool]:
    """``y, negated`` where ``value`` is y or -y."""
    inner = of(value, "negative")
    return (inner[0], True) if inner else (value, False)


def beside_one(value: Any) -> tuple[Any, bool]:
    """``y, negated`` where ``value`` is 1 + y or 1 - y; y is None where it is neither."""
    minus = of(value, "subtract")
    if minus:
        return (minus[1], True) if is_one(minus[0]) else (None, False)
    found = with_number(value.node) if of(value, "add") else None
    return (found[0] if found and found[1] == 1 else None), False


_SPLIT = 0.5  # up to there log1p of the function itself has all digits


def _log_one_minus(f: Callable[[Any], Any], x: Any) -> Any:
    """log(1 - f(x)) of tanh or erf; where that is a tail by softplus, or by erfcx."""
    near = less(x, _SPLIT)
    below, above = where(near, x, _SPLIT), where(near, _SPLIT, x)
    tail = math.log(2) - softplus(2 * above) if f is tanh else log(erfcx(above)) - square(above)
    return where(near, log1p(negative(f(below))), tail)


def _is_bounded(x: Value) -> bool:
    """Whether x is of a form that these rows made already."""
    inner = of(x, "where")
    return inner is not None and any(number(v) is not None for v in inner[1:])


@rule("log", "log1p", on="ndtr subtract negative", decreases="overflows", stable=True)
def log_of_normal_distribution(node: Node) -> Rewritten:
    """log(ndtr(x)) -> log_ndtr(x), and log(1 - ndtr(x)) -> log_ndtr(-x), without -inf."""
    value: Any = node.inputs[0]
    inner = of(value, "ndtr") if node.op.name == "log" else None
    if inner:
        return log_ndtr(inner[0])
    y, negated = beside_one(value) if node.op.name == "log" else _signed(value)
    x = of(y, "ndtr") if negated else None
    return full(log_ndtr(negative(x[0])), node) if x else None


@rule("log", on="expm1 sinh subtract", decreases="overflows", stable=True)
def log_difference_of_exp(node: Node) -> Rewritten:
    """log(expm1(x)) and log(exp(x) - 1) -> x + log1mexp(-x), log(sinh(x)) the same of 2 * x by halves, log(exp(a) -
    exp(b)) -> logdiffexp(a, b), without overflow."""
    value = node.inputs[0]
    minus, inner, sine = of(value, "subtract"), of(value, "expm1"), of(value, "sinh")
    if minus:
        a, b = (of(v, "exp") for v in minus)
        if a and b:
            return full(logdiffexp(a[0], b[0]), node)
        inner = a if is_one(minus[1]) else None
    if inner:
        return full(add(inner[0], log1mexp(negative(inner[0]))), node)
    return add(sine[0], log1mexp(multiply(sine[0], -2.0))) - math.log(2) if sine else None


@rule("log", on="subtract", stable=True)
def log_one_minus(node: Node) -> Rewritten:
    """log(1 - x) -> log1p(-x), accurate near 0."""
    inner = of(node.inputs[0], "subtract")
    return full(log1p(negative(inner[1])), node) if inner and is_one(inner[0]) else None


@rule("log", "log1p", on="negative", stable=True)
def log_one_minus_exp(node: Node) -> Rewritten:
    """log1p(-exp(x)) and log(-expm1(x)) -> log1mexp(x), with all digits near 0 and far below."""
    taken = of(node.inputs[0], "negative")
    inner = of(taken[0], "exp" if node.op.name == "log1p" else "expm1") if taken else None
    return log1mexp(inner[0]) if inner else None


@rule("log", "bounded_log", on="reciprocal", stable=True)
def log_reciprocal(node: Node) -> Rewritten:
    """log(1 / x) -> -log(x), also where 1 / x overflows."""
    inner = of(node.inputs[0], "reciprocal")
    return negative(log(inner[0])) if inner else None


@rule("log", on="divide", stable=True)
def log_odds(node: Node) -> Rewritten:
    """log(sigmoid(x) / (1 - sigmoid(x))) -> x."""
    quotient = of(node.inputs[0], "divide")
    if not quotient:
        return None
    a, b = of(quotient[0], "sigmoid"), of(quotient[1], "subtract")
    other = of(b[1], "sigmoid") if b and is_one(b[0]) else None
    return a[0] if a and other and a[0] is other[0] else None


@rule("log", on="add", stable=True)
def log_add_exp(node: Node) -> Rewritten:
    """log(exp(a) + exp(b)) -> logaddexp(a, b), without overflow."""
    inner = of(node.inputs[0], "add")
    a, b = (of(v, "exp") for v in inner) if inner else (None, None)
    return full(logaddexp(a[0], b[0]), node) if a and b else None


@rule("reciprocal", on="add", stable=True, direct=True)
def reciprocal_one_plus_exp(node: Node) -> Rewritten:
    """1 / (1 + exp(x)) -> sigmoid(-x), without overflow."""
    x = one_plus_exp(node.inputs[0])
    return full(sigmoid(negative(x)), node) if x is not None else None


@rule("divide", on="add", stable=True, direct=True)
def divide_one_plus_exp(node: Node) -> Rewritten:
    """a / (1 + exp(x)) -> a * sigmoid(-x), and exp(x) / (1 + exp(x)) -> sigmoid(x), without overflow."""
    a, b = node.inputs
    x = one_plus_exp(b)
    if x is None:
        return None
    inner = of(a, "exp")
    if inner and inner[0] is x:
        return full(sigmoid(x), node)
    return full(sigmoid(negative(x)) if is_one(a) else multiply(a, sigmoid(negative(x))), node)


def one_plus_exp(value: Value) -> Value | None:
    """x where ``value`` is 1 + exp(x)."""
    found = with_number(value.node) if of(value, "add") else None
    inner = of(found[0], "exp") if found and found[1] == 1 else None
    return inner[0] if inner else None


def _sum_of_exp(value: Value) -> tuple[Value, tuple[int, ...]] | None:
    """``x, axes`` where ``value`` is sum(exp(x)), its axes dropped or kept, and x is no difference from a maximum."""
    inner = of(value, "reshape")
    total = inner[0] if inner else value
    e = of(total, "sum")
    x = of(e[0], "exp") if e else None
    return (x[0], total.node.attrs["axes"]) if x and not _is_shifted(x[0]) else None


def _is_shifted(x: Value) -> bool:
    """Whether x is something less a maximum, however that is held constant, kept finite or broadcast."""
    inner = of(x, "subtract")
    m = inner[1] if inner else x
    # how softmax is written by hand: the forms that this rule takes, as others name theirs
    while m.node.op.name in ("reshape", "broadcast_to", "stop_gradient", "where"):
        m = m.node.inputs[1 if m.node.op.name == "where" else 0]
    return m.node.op.name == "max"


@rule("log", on="sum reshape", decreases="overflows", stable=True)
def log_sum_exp(node: Node) -> Rewritten:
    """log(sum(exp(x))) -> logsumexp(x), without overflow; of no elements it stays the logarithm of 0."""
    found: Any = _sum_of_exp(node.inputs[0])
    if not found or any(found[0].shape[a] == 0 for a in found[1]):
        return None
    return reshape(logsumexp(found[0], axis=found[1]), node.outputs[0].shape)


@rule("divide", on="exp", decreases="overflows", stable=True, direct=True)
def softmax_spelled(node: Node) -> Rewritten:
    """exp(x) / sum(exp(x)) -> softmax(x), without overflow."""
    a, b = node.inputs
    x = of(a, "exp")
    found = _sum_of_exp(b) if x else None
    if not x or not found or found[0] is not x[0] or b.ndim != a.ndim or node.outputs[0].shape != a.shape:
        return None
    axes = found[1]
    if any(b.shape[i] != (1 if i in axes else a.shape[i]) for i in range(a.ndim)):
        return None
    operand: Any = x[0]
    e, total = softmax_parts(operand, axes, "softmax")
    return divide(e, total)


@rule("log1p", on="negative", stable=True)
def log1p_minus_sigmoid(node: Node) -> Rewritten:
    """log1p(-sigmoid(x)) -> -softplus(x), without -inf."""
    inner = of(node.inputs[0], "negative")
    x = of(inner[0], "sigmoid") if inner else None
    return negative(softplus(x[0])) if x else None


@rule("add", on="where")
def softmax_less_label(node: Node) -> Rewritten:
    """where(y, -s, 0) + exp(x) * (s / t) -> s * (exp(x) / t - y): the adjoint of cross-entropy is p - y."""
    for a, b in (node.inputs, reversed(node.inputs)):
        labelled = of(a, "where")
        if not labelled or number(labelled[2]) != 0 or labelled[0].shape != a.shape:
            continue
        y, s = labelled[0], labelled[1]
        for e, q in _pairs(b):
            if not of(e, "exp") or e.shape != a.shape:
                continue
            inner = of(q, "reciprocal")
            if inner and is_one(s, -1):
                return subtract(divide(e, inner[0]), astype(y, a.dtype))
            inner = of(q, "divide")
            if inner and _opposite(s, inner[0]):
                return multiply(inner[0], subtract(divide(e, inner[1]), astype(y, a.dtype)))
    return None


@rule("multiply", on="exp")
def softmax_slope(node: Node) -> Rewritten:
    """(w / t - sum(w / t * p)) * exp(x) -> p * (w - sum(w * p)) for p = exp(x) / t, so that exp(x) need not be kept."""
    for d, e in _pairs(node.outputs[0]):
        terms = of(d, "add") if of(e, "exp") else None
        for u, v in (terms, terms[::-1]) if terms else ():
            lost = of(v, "reshape")
            total = of(lost[0], "negative") if lost else None
            summed = of(total[0], "sum") if total else None
            if total is None or summed is None:
                continue
            axes = total[0].node.attrs["axes"]
            for w, q in _pairs(u):
                t = of(q, "reciprocal")
                for a, p in _pairs(summed[0]) if t and w.shape == e.shape == u.shape else ():
                    quotient = of(p, "divide") if a is u else None
                    if t is None or quotient is None or quotient[0] is not e or quotient[1] is not t[0]:
                        continue
                    if t[0].shape == v.shape == tuple(1 if i in axes else n for i, n in enumerate(e.shape)):
                        return multiply(p, subtract(w, sum_(multiply(w, p), axis=axes, keepdims=True)))
    return None


def _pairs(value: Value) -> Any:
    inner = of(value, "multiply")
    return (inner, tuple(reversed(inner))) if inner else ()


def _opposite(a: Value, b: Value) -> bool:
    """Whether a is -b, both constants or a made so."""
    inner = of(a, "negative")
    if inner:
        return inner[0] is b
    c, d = number(a), number(b)
    return c is not None and d is not None and bool(c == -d)
