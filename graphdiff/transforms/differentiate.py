"""Derivatives as graphs: reverse mode (vjp, grad), forward mode (jvp) and their composition (hvp).

One reverse sweep and one forward sweep over the topological order; everything particular to an operation is in its
declaration. Contributions to a value used more than once are added in a fixed order. Nothing is computed for what
nobody asked for. New nodes know the node they differentiate and the rule (``ir.node.deriving``).
Must not know: any operation by name beyond addition and zeros; plans, kernels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..errors import DTypeError, GraphError, ShapeError
from ..ir.dtypes import FLOATS
from ..ir.node import Node, Value, ambient, collector_paused, deriving, origin_of, topological
from ..ops.elementwise import add
from ..ops.movement import broadcast_to
from ..ops.tensor import Tensor, as_tensor, describe, fail, scalar, where_am_i
from ..ops.trees import Tree, tensors

Tensors = Any  # a Tensor, or a structure of them (ops/trees.py)
Terms = dict[tuple[Node, int], Tensor]  # what a node contributes to the adjoint of its operand, by its number


# --------------------------------------------------------------------------------------- the two sweeps


def _active(nodes: Sequence[Node], wrt: Sequence[Value]) -> set[Value]:
    """The floating values that depend on ``wrt`` through operations that differentiate."""
    active = set(wrt)
    for node in nodes:
        for v in node.inputs:
            if v in active:
                if node.op.differentiable:
                    for y in node.outputs:
                        if y.dtype in FLOATS:
                            active.add(y)
                break
    return active


def pullback(
    outputs: Sequence[Tensor], cotangents: Sequence[Tensor | None], wrt: Sequence[Tensor], terms: Terms | None = None
) -> tuple[list[Tensor | None], dict[Value, Tensor]]:
    """Cotangents of ``wrt`` (None: no dependence), and the adjoint of every value that has one.

    ``terms``: where it is given, it gets what each operand of each node was contributed."""
    before = ambient.now
    try:
        with collector_paused():
            return _pullback(outputs, cotangents, wrt, terms)
    finally:
        ambient.now = before


def _pullback(
    outputs: Sequence[Tensor], cotangents: Sequence[Tensor | None], wrt: Sequence[Tensor], terms: Terms | None
) -> tuple[list[Tensor | None], dict[Value, Tensor]]:
    nodes = topological(outputs)
    active = _active(nodes, wrt)
    contributions: dict[Value, list[Tensor]] = {}
    adjoints: dict[Value, Tensor] = {}
    rules: dict[str, str] = {}  # of each operation, its rule's name: one text for all its nodes

    def collect(value: Value) -> Tensor | None:
        found = contributions.pop(value, None)
        if found is None:
            return None
        total = found[0]
        if len(found) > 1:
            with deriving(value.node, "sum of contributions"):
                for term in found[1:]:
                    total = add(total, term)
        adjoints[value] = total
        return total

    for y, g in zip(outputs, cotangents):
        if g is not None and y in active:
            contributions.setdefault(y, []).append(g)
    for node in reversed(nodes):
        ys = node.outputs
        gs = [collect(ys[0])] if len(ys) == 1 else [collect(y) for y in ys]
        inputs = node.inputs
        wanted = [v in active for v in inputs]
        if True not in wanted or (gs[0] is None and all(g is None for g in gs)):
            continue
        op = node.op
        if op.vjp is None:
            _no_rule(node, "vjp")
        rule = rules.get(op.name)
        if rule is None:
            rule = rules[op.name] = f"{op.name}.vjp"
        ambient.now = (origin_of(node, rule), node.source, node.scope)  # as ``deriving``
        for k, (v, g) in enumerate(zip(inputs, op.vjp(node, gs, wanted, DIFFERENTIATOR))):
            if g is not None and v in active:
                found = contributions.get(v)
                if found is None:
                    contributions[v] = [g]
                else:
                    found.append(g)
                if terms is not None:
                    terms[node, k] = g
    for x in wrt:  # leaves given twice, or values that outputs do not reach
        if x in contributions:
            collect(x)
    return [adjoints.get(x) for x in wrt], adjoints


def pushforward(
    outputs: Sequence[Tensor], wrt: Sequence[Tensor], tangents: Sequence[Tensor | None]
) -> list[Tensor | None]:
    """Tangents of ``outputs`` for tangents of ``wrt`` (None: zero)."""
    ts: dict[Value, Tensor | None] = {x: t for x, t in zip(wrt, tangents) if t is not None}
    moved = set(ts)
    for node in topological(outputs):
        if not node.op.differentiable or not any(v in ts for v in node.inputs):
            continue
        if node.op.jvp is None:
            _no_rule(node, "jvp")
        with deriving(node, f"{node.op.name}.jvp"):
            for y, t in zip(node.outputs, node.op.jvp(node, [ts.get(v) for v in node.inputs], DIFFERENTIATOR)):
                if t is not None and y.dtype in FLOATS:
                    if y in moved:  # a tangent given for an intermediate value adds to the one it gets
                        t = add(ts[y], t)
                    ts[y] = t
    return [ts.get(y) for y in outputs]


def _no_rule(node: Node, mode: str) -> None:
    raise GraphError(
        f"{node.op.name} has no {mode} rule", describe(node.outputs[0]), str(node.source) if node.source else None
    )


class Differentiator:
    """What rules of operations with inner graphs are handed, so that ``ops`` need not import ``transforms``."""

    pullback = staticmethod(pullback)
    pushforward = staticmethod(pushforward)


DIFFERENTIATOR = Differentiator()


# --------------------------------------------------------------------------------------- what is given


def zeros_of(x: Tensor) -> Tensor:
    return broadcast_to(scalar(0, x.dtype), x.shape)


def wrt_of(what: str, nest: Tensors, name: str = "wrt") -> tuple[list[Tensor], Tree]:
    """The floating Tensors that derivatives are taken by, and their structure. Raises GraphError, DTypeError."""
    xs, tree = tensors(what, nest, name)
    check_floating(what, xs)
    return xs, tree


def check_floating(what: str, xs: Sequence[Tensor]) -> None:
    for x in xs:
        if x.dtype not in FLOATS:
            fail(
                DTypeError,
                what,
                f"no derivative by {describe(x)}: it is {x.dtype.name}, not floating; write "
                ".astype('float32') before its use",
                [x],
            )


def _seeds(what: str, seed: str, ys: Sequence[Tensor], tree: Tree, name: str, given: Tensors) -> list[Tensor]:
    """What is given for each of ``ys``, which its user calls ``name``. Raises GraphError, ShapeError, DTypeError."""
    out = []
    for y, s in zip(ys, tree.spread(what, given, name, seed)):
        s = as_tensor(s, seed, y.dtype)
        if s.dtype is not y.dtype:
            fail(
                DTypeError,
                seed,
                f"{describe(y)} needs {y.dtype.name}, got {s.dtype.name}; write .astype({y.dtype.name!r})",
                [y, s],
            )
        if s.shape != y.shape:
            fail(ShapeError, seed, f"{describe(y)} needs shape {y.shape}, got {s.shape}", [y, s])
        out.append(s)
    return out


# --------------------------------------------------------------------------------------- the public functions


def vjp(y: Tensors, x: Tensors, cotangent: Tensors) -> Tensors:
    """Reverse mode: the cotangents of ``x`` for a ``cotangent`` of ``y``, of y's shape and dtype.

    ``y`` and ``x`` are Tensors or structures of them (lists, tuples, dicts, None and dataclasses nest), ``cotangent``
    has the structure of ``y``, the result that of ``x``. Zeros where there is no dependence. Raises ShapeError,
    DTypeError, GraphError.

    Example: ``gx = gd.vjp(gd.tanh(x), x, v)``.
    """
    ys, results = tensors("vjp", y, "y")
    xs, tree = wrt_of("vjp", x, "x")
    gs, _ = pullback(ys, _seeds("vjp", "cotangent", ys, results, "y", cotangent), xs)
    return tree.build([zeros_of(v) if g is None else g for v, g in zip(xs, gs)])


def jvp(y: Tensors, x: Tensors, tangent: Tensors) -> Tensors:
    """Forward mode: the tangents of ``y`` for a ``tangent`` of ``x``, of x's shape and dtype.

    ``tangent`` has the structure of ``x``, the result that of ``y``; zeros where there is no dependence. Raises
    ShapeError, DTypeError, GraphError. Example: ``ty = gd.jvp(gd.tanh(x), x, v)``.
    """
    ys, results = tensors("jvp", y, "y")
    xs, tree = wrt_of("jvp", x, "x")
    ts = pushforward(ys, xs, _seeds("jvp", "tangent", xs, tree, "x", tangent))
    return results.build([zeros_of(v) if t is None else t for v, t in zip(ys, ts)])


def scalar_loss(what: str, loss: Any) -> Tensor:
    """``loss`` checked to be a floating 0-d Tensor."""
    if not isinstance(loss, Tensor):
        raise GraphError(f"{what}: the loss is no Tensor but {type(loss).__name__}", source=where_am_i())
    if loss.shape != ():
        fail(
            ShapeError, what, f"the loss has shape {loss.shape}, not (); sum it, or use gd.vjp with a cotangent", [loss]
        )
    if loss.dtype not in FLOATS:
        fail(DTypeError, what, f"the loss is {loss.dtype.name}, not floating; write .astype('float32')", [loss])
    return loss


def grad(loss: Tensor, wrt: Tensors, unused: str = "zeros") -> Tensors:
    """The gradient of a 0-d ``loss`` in the structure of ``wrt``: a Tensor for a Tensor, a list for a list, a dict for
    a dict; lists, tuples, dicts, None and dataclasses nest.

    Gradients are total: ``grad(loss, [h, x])`` with h made of x counts the path through h for x as well. For what the
    loss does not depend on: zeros, or GraphError with ``unused="error"``. Raises ShapeError for a loss that is not
    0-d, DTypeError for integers. Example: ``gW, gb = gd.grad(loss, [W, b])``.
    """
    loss = scalar_loss("grad", loss)
    xs, tree = wrt_of("grad", wrt)
    if unused not in ("zeros", "error"):
        raise GraphError(f'grad: unused is "zeros" or "error", got {unused!r}', source=where_am_i())
    with deriving(loss.node, "seed"):
        seed = scalar(1, loss.dtype)
    gs, _ = pullback([loss], [seed], xs)
    if any(g is None for g in gs):
        _unused(loss, [x for x, g in zip(xs, gs) if g is None], unused)
    return tree.build([zeros_of(x) if g is None else g for x, g in zip(xs, gs)])


def _unused(loss: Tensor, xs: Sequence[Tensor], unused: str) -> None:
    """Raises GraphError where the loss was meant to depend on what it does not depend on: where that is an error, or
    where it depends on another leaf of that name - a cell of a notebook that made it was run again."""
    leaves = {n.name: n for n in topological([loss]) if n.op.name in ("input", "parameter", "state")}
    for x in xs:
        other = leaves.get(x.name) if x.is_leaf else None
        if other is not None and other is not x.node:
            fail(
                GraphError,
                "grad",
                f"the loss does not depend on {describe(x)}, made at {x.node.source}; it depends on another "
                f"{other.op.name} of that name, made at {other.source}",
                [loss, x],
            )
        if unused == "error":
            fail(GraphError, "grad", f"the loss does not depend on {describe(x)}", [loss, x])


def hvp(loss: Tensor, x: Tensors, v: Tensors) -> Tensors:
    """The Hessian of a 0-d ``loss`` by ``x`` times ``v``: forward mode over reverse mode, a few gradients' cost.

    Structures as in :func:`grad`. Example: ``hv = gd.hvp(loss, x, v)``.
    """
    loss = scalar_loss("hvp", loss)
    xs, tree = wrt_of("hvp", x, "x")
    seeds = _seeds("hvp", "v", xs, tree, "x", v)
    return tree.build(jvp(grad(loss, xs), xs, seeds))


__all__ = ["grad", "vjp", "jvp", "hvp"]
