"""``gd.custom``: a body in other operations with a derivative of the user's own.

The body's nodes are in the graph as they are; behind them stands a ``custom`` node, which is its first operand and has
the user's rules. When a graph is compiled the node disappears.
Must not know: how derivatives are put together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from ..errors import DTypeError, GraphError, ShapeError
from ..ir.dtypes import FLOATS
from ..ir.graph import Graph
from ..ir.node import Node, Value, is_fixed, newest, topological
from . import batching
from .batching import Batch
from .bodies import placeholders, zeros_for
from .messages import call_text, describe
from .opdef import custom as declare
from .operands import beside_each_other
from .pattern import Pattern, Patterns, Values, Walk, count, union, whole
from .registry import Strided, View, op, op_of
from .tensor import Tensor, as_tensor, fail, make

Rule = Callable[..., Any]


class Rules:
    """What a user wrote for one custom operation. ``follow(y0, xs0, xs)``, of a result that jumps where its operands
    move, as a draw by rejection does: what its derivative takes it to become, where it was y0 at operands xs0."""

    __slots__ = ("name", "vjp", "jvp", "follow")

    def __init__(self, name: str, vjp: Rule | None, jvp: Rule | None, follow: Rule | None = None):
        self.name, self.vjp, self.jvp, self.follow = name, vjp, jvp, follow


def _checked(name: str, rule: str, value: Any, like: Any) -> Tensor | None:
    """A derivative that a user's rule returned, of the shape and dtype it must have. None is zero."""
    if value is None:
        return None
    value = as_tensor(value, name, like.dtype)
    if value.shape != like.shape:
        fail(ShapeError, name, f"its {rule} gave shape {value.shape} where {like.shape} is due", [like, value])
    if value.dtype is not like.dtype:
        fail(DTypeError, name, f"its {rule} gave {value.dtype.name} where {like.dtype.name} is due", [like, value])
    return value


def _closed(name: str, part: str, values: Sequence[Any], given: Sequence[Value], start: int) -> None:
    """Raises GraphError where ``values`` are made of a floating Tensor that is older than ``start``, was not ``given``
    and is no constant: no rule would reach it."""
    made = [v for v in values if isinstance(v, Tensor)]
    fresh: set[Value] = set(given)
    for node in topological(made, stop=given):
        if node.serial > start:
            fresh.update(node.outputs)
    reads = (v for node in topological(made, stop=given) if node.serial > start for v in node.inputs)
    for v in (*made, *reads):
        if v not in fresh and v.dtype in FLOATS and not is_fixed(v):
            fail(
                GraphError,
                name,
                f"its {part} uses {describe(v)}, which is not among its operands, by which alone derivatives go; "
                f"pass it as an operand: {name}(..., {v.name or 'it'})",
                [v],
            )


def _missing(node: Node, mode: str) -> NoReturn:
    rules: Rules = node.attrs["rules"]
    raise GraphError(
        f"{rules.name} has no {mode}; give gd.custom({rules.name!r}, ..., {mode}=...)",
        call_text(rules.name, node.inputs[1:], {}),
        str(node.source) if node.source else None,
    )


def _more(node: Node) -> dict[str, Any]:
    """What rules get by name: the equation that an implied result solves."""
    return {k: v for k, v in node.attrs.items() if k != "rules"}


def _vjp(node: Node, gs: Sequence[Any], wanted: Sequence[bool], _d: Any) -> list[Tensor | None]:
    rules: Rules = node.attrs["rules"]
    if rules.vjp is None:
        _missing(node, "vjp")
    xs = node.inputs[1:]
    start = newest()
    found = rules.vjp(gs[0], node.outputs[0], *xs, **_more(node))
    found = list(found) if isinstance(found, (list, tuple)) else [found]
    _closed(rules.name, "vjp", found, [gs[0], node.outputs[0], *xs], start)
    if len(found) != len(xs):
        fail(GraphError, rules.name, f"its vjp gave {len(found)} cotangents for {len(xs)} operands", xs)
    return [None, *(_checked(rules.name, "vjp", g, x) if w else None for g, x, w in zip(found, xs, wanted[1:]))]


def _jvp(node: Node, ts: Sequence[Any], _d: Any) -> list[Tensor | None]:
    rules: Rules = node.attrs["rules"]
    if rules.jvp is None:
        _missing(node, "jvp")
    y, xs = node.outputs[0], node.inputs[1:]
    if all(t is None for t in ts[1:]):
        return [None]
    from_zero = [t if t is not None else zeros_for(x) for t, x in zip(ts[1:], xs)]
    start = newest()
    found = rules.jvp(tuple(from_zero), y, *xs, **_more(node))
    _closed(rules.name, "jvp", [found], [*from_zero, y, *xs], start)
    return [_checked(rules.name, "jvp", found, y)]


def _apart(name: str, rule: Rule | None, differ: Sequence[bool], batch: Batch, backward: bool) -> Rule | None:
    """A rule for all examples at once from one for a single example. A cotangent of what the examples share is the sum
    of theirs."""
    if rule is None:
        return None

    def batched(first: Any, y: Tensor, *xs: Tensor, **more: Any) -> list[Tensor | None]:
        size = y.shape[0]  # of the values that there are: sizes that had names may be known by now
        given = [first] if backward else [t for t in first if t is not None]
        of_given = [True] if backward else [d for t, d in zip(first, differ) if t is not None]
        values, apart = [*given, y, *xs], [*of_given, True, *differ]
        args = placeholders("x", [(v.shape[1:] if d else v.shape, v.dtype) for v, d in zip(values, apart)])
        one = args[len(given) :]
        ts = iter(args)
        start = args[0] if backward else tuple(None if t is None else next(ts) for t in first)
        found = rule(start, *one, **more)
        found = list(found) if isinstance(found, (list, tuple)) else [found]
        wanted = one[1:] if backward else one[:1]
        found = [_checked(name, "rule", f, v) for f, v in zip(found, wanted)]
        known = [i for i, f in enumerate(found) if f is not None]
        made = batch.sized(size).transform([found[i] for i in known], dict(zip(args, values)))
        out: list[Tensor | None] = [None] * len(found)
        for i, g in zip(known, made):
            g = batching.in_front(g, wanted[i], size)
            out[i] = op("sum")(g, axis=0) if backward and not differ[i] else g
        return out

    return batched if backward else lambda ts, y, *xs, **more: batched(ts, y, *xs, **more)[0]


def _batch(node: Node, xs: Sequence[Tensor], batch: Batch) -> Sequence[Tensor]:
    rules: Rules = node.attrs["rules"]
    differ = batching.moved(node, xs)[1:]
    y = batching.in_front(xs[0], node.inputs[0], batch.size)
    name = rules.name
    all_at_once = Rules(
        name, _apart(name, rules.vjp, differ, batch, True), _apart(name, rules.jvp, differ, batch, False), rules.follow
    )
    return batching.remade(node, [y, *xs[1:]], {"rules": all_at_once, **_more(node)})


def _pattern(node: Node, patterns: Patterns, values: Values, walk: Walk) -> list[Pattern | None]:
    """What the result depends on by the rules, which its derivatives are made of, and not by its body: by that for the
    tangent, else by that for cotangents, turned around. Everything where rules are made of others, which may have no
    end, or solve an equation."""
    rules: Rules = node.attrs["rules"]
    y, xs = node.outputs[0], node.inputs[1:]
    if "equation" in node.attrs:
        return whole(node, [None, *patterns[1:]], values, walk)
    backward = rules.jvp is None
    moving = [i for i, p in enumerate(patterns[1:]) if p is not None]
    args = placeholders("x", [(v.shape, v.dtype) for v in (y, *xs)])
    ts = placeholders("t", [(v.shape, v.dtype) for v in ([y] if backward else [xs[i] for i in moving])])
    if backward:
        assert rules.vjp is not None
        found = rules.vjp(ts[0], *args, **_more(node))
        found = list(found) if isinstance(found, (list, tuple)) else [found]
    else:
        of = dict(zip(moving, ts))
        assert rules.jvp is not None
        found = [rules.jvp(tuple(of.get(i, zeros_for(x)) for i, x in enumerate(xs)), *args, **_more(node))]
    known = [v is not None for v in found]
    body = Graph(rules.name, [*ts, *args], [as_tensor(v, rules.name) for v in found if v is not None])
    if any(inner.op is CUSTOM for inner in body.nodes):
        return whole(node, [None, *patterns[1:]], values, walk)
    given = [Pattern.identity(count(y))] if backward else [patterns[1 + i] for i in moving]
    reached = iter(walk(body, [*given, *(None for _ in args)], [*(None for _ in ts), None, *values[1:]]))
    each = [next(reached) if k else None for k in known]
    if not backward:
        return each
    turned = ((patterns[1 + i], each[i]) for i in moving)
    return [union([None if r is None or p is None else p.joined(r.indices, r.rows, count(y)) for p, r in turned])]


_custom = declare(
    "custom",
    "What gd.custom builds: its first operand, with derivatives of the user's own.",
    infer=lambda xs, attrs: ((xs[0].shape, xs[0].dtype),),
    kernel=View(lambda node, at: Strided(at.offset, at.strides)),
    public=lambda *xs: xs[0],
    vjp=_vjp,
    jvp=_jvp,
    batch=_batch,
    internal=True,
    compute=lambda xs, a: xs[0],
    page="same",
    pattern=_pattern,
)
CUSTOM = op_of(_custom)


def implied(name: str, y: Tensor, equation: Graph, operands: Sequence[Tensor], vjp: Rule, jvp: Rule) -> Tensor:
    """``y``, which solves ``equation`` over (y, operands), with the derivatives that these rules give; none of its own.
    They are as for :func:`custom` and get ``equation`` by name: as it is when they are called, its sizes known or its
    dtypes others."""
    return make(CUSTOM, (y, *operands), {"rules": Rules(name, vjp, jvp), "equation": equation})


def followed(y: Tensor, operands: Sequence[Tensor], rules: Rules) -> Tensor:
    """``y``, of which ``rules.follow`` tells how it goes with its operands, with the derivatives of ``rules``."""
    return make(CUSTOM, (y, *operands), {"rules": rules})


def custom(name: str, forward: Rule, vjp: Rule | None = None, jvp: Rule | None = None) -> Callable[..., Tensor]:
    """An operation made of a body in other operations, with its own derivative.

    ``name``: for people. ``forward(*xs)`` gives one Tensor; ``vjp(g, y, *xs)`` the operands' cotangents (one, or a
    tuple; None is zero); ``jvp(ts, y, *xs)`` the result's tangent for a tuple of the operands'. With neither the body
    is differentiated; with one of them, asking for the other is an error that names the operation. Beside constants,
    what has a derivative is used by way of operands alone: a Tensor from outside, which none would reach, is an error.
    Raises GraphError, ShapeError, DTypeError.

    Example::

        clip_gradient = gd.custom("clip_gradient", lambda x: x, vjp=lambda g, y, x: gd.clip(g, -1, 1))
    """
    if not isinstance(name, str) or not name:
        fail(GraphError, "custom", f"the name must be a non-empty string, got {name!r}")
    for what, f in (("forward", forward), ("vjp", vjp), ("jvp", jvp)):
        if not callable(f) and (f is not None or what == "forward"):
            fail(GraphError, "custom", f"{what} must be a function, got {type(f).__name__}")
    rules = Rules(name, vjp, jvp)

    def operation(*xs: Any) -> Tensor:
        operands = beside_each_other(name, xs)
        start = newest()
        y = as_tensor(forward(*operands), name)
        if not isinstance(y, Tensor):
            fail(GraphError, name, f"forward gave {describe(y)}", operands)
        _closed(name, "forward", [y], operands, start)
        if vjp is None and jvp is None:
            return y
        return make(CUSTOM, (y, *operands), {"rules": rules})

    operation.__name__ = operation.__qualname__ = name
    operation.__doc__ = forward.__doc__
    return operation
