"""Derivatives as graphs: reverse mode (vjp, grad), forward mode (jvp) and their composition (hvp).

One reverse sweep and one forward sweep over the topological order; everything particular to an operation is in its
declaration. Contributions to a value used more than once are added in a fixed order. Nothing is computed for what
nobody asked for. New nodes know the node they differentiate and the rule (``ir.node.deriving``). The reverse sweep over
all nodes is in C: _reverse.pyx.

Where a node has a stable form (stable.py) the sweeps go by way of that: the node's adjoint is the form's.

Below a ``where`` a cotangent is 0 for what was not taken, and 0 times an infinite derivative would be NaN. So the
sweep keeps with it the mask of the elements that can be other than 0, for as long as operations say how theirs follow
(``Op.masks``), and rules select by it after they have multiplied. A value that also counts in some other way has no
mask. It is the condition itself that is kept, not whether a number is 0: so derivatives of derivatives are right too.
Must not know: any operation by name beyond addition and zeros; plans, kernels.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Literal

from ..errors import DTypeError, GraphError, ShapeError
from ..ir.dtypes import FLOATS
from ..ir.node import NAMED_LEAVES, Node, Value, ambient, collector_paused, deriving, topological
from ..ops.comparison import logical_and, logical_or
from ..ops.elementwise import add, where
from ..ops.messages import describe, where_am_i
from ..ops.movement import broadcast_to
from ..ops.tensor import Tensor, as_tensor, fail, scalar
from ..ops.trees import Tree, is_nest, tensors, told_kind
from ..ops.types import Same, Structure, Tensors
from ._reverse import Contributions, activate, backward
from .parts import side_by_side
from .stable import WITH_FORMS, Form, stable_form

Forms = dict[Node, Form]
Terms = dict[tuple[Node, int], Tensor]  # what a node contributes to the adjoint of its operand, by its number


# --------------------------------------------------------------------------------------- the two sweeps


def _with_forms(nodes: Sequence[Node], active: set[Value], kept: Collection[Value]) -> tuple[list[Node], Forms]:
    """The nodes with those of stable forms before what they stand for, and the forms by node; none leads past a value
    that is ``kept``."""
    forms: Forms = {}
    out: list[Node] = []
    for node in nodes:
        form = None
        if node.op.name in WITH_FORMS and (y := node.outputs[0]) in active and y not in kept:
            form = stable_form(node, active, kept)
        if form is not None:
            forms[node] = form
            for made in form.nodes:
                activate([made], active)
            out += form.nodes
        out.append(node)
    return out, forms


class _Masks:
    """Where cotangents may be other than 0, for the values whose every contribution has a mask. ``wide``: from a
    choice between whole values, which operations other than those on elements heed too."""

    def __init__(self) -> None:
        self.known: dict[Value, tuple[Tensor, bool]] = {}

    def of(self, node: Node, gs: Sequence[Tensor | None]) -> Any:
        """The mask of a node's cotangents: a Tensor, for several results a tuple; None where one has none."""
        if not self.known:
            return None
        found = [self.known.pop(y, None) if g is not None else None for y, g in zip(node.outputs, gs)]
        if any(f is None and g is not None for f, g in zip(found, gs)):
            return None
        self.wide = all(f is None or f[1] for f in found)
        masks = tuple(None if f is None else f[0] for f in found)
        if not self.wide and node.op.kind != "elementwise":
            return None
        return masks[0] if len(masks) == 1 else masks

    def below(self, node: Node, mask: Any, wanted: Sequence[bool]) -> list[tuple[Tensor, bool] | None] | None:
        """The masks of the operands' cotangents, for that of the result."""
        op = node.op
        found: Any = None
        if mask is not None and op.masks is not None:
            found = [None if m is None else (m, self.wide) for m in op.masks(node, mask, wanted)]
        if op.selects is not None:
            wide = op.kind != "elementwise"
            for k, chosen in enumerate(op.selects(node)):
                if chosen is None or not wanted[k]:
                    continue
                both = chosen if mask is None else logical_and(chosen, mask)
                only = [i == k for i in range(len(node.inputs))]
                found = found or [None] * len(node.inputs)
                found[k] = (op.masks(node, both, only)[k], wide or (mask is not None and self.wide))
        return found

    def add(self, value: Value, mask: tuple[Tensor, bool] | None, first: bool) -> None:
        """A contribution to ``value`` has come, with a mask or without."""
        if first:
            if mask is not None:
                self.known[value] = mask
            return
        before = self.known.pop(value, None)
        if before is None or mask is None:
            return
        (a, wide_a), (b, wide_b) = before, mask
        if a is b:
            self.known[value] = (a, wide_a and wide_b)
        elif not (_is_not(a, b) or _is_not(b, a)):
            self.known[value] = (logical_or(a, b), wide_a and wide_b)


def _is_not(a: Value, b: Value) -> bool:
    return a.node.op.name == "logical_not" and a.node.inputs[0] is b


def pullback(
    outputs: Sequence[Tensor],
    cotangents: Sequence[Tensor | None],
    wrt: Sequence[Tensor],
    terms: Terms | None = None,
    passed: set[Value] | None = None,
    masks: dict[Value, Any] | None = None,
) -> tuple[list[Tensor | None], dict[Value, Tensor]]:
    """Cotangents of ``wrt`` (None: no dependence), and the adjoint of every value that has one.

    ``terms``: where it is given, it gets what each operand of each node was contributed; ``passed`` the values that
    the sweep went past by way of stable forms, whose adjoints lack that part; ``masks``: those of cotangents by output,
    and afterwards those of ``wrt`` that have one."""
    before = ambient.now
    passed = set() if passed is None else passed
    given = None if masks is None else dict(masks)
    try:
        with collector_paused():
            found, adjoints = _pullback(outputs, cotangents, wrt, terms, passed, masks, ())
            if any(x in passed for x in wrt):  # asked for, but not on the way: by themselves, past no form
                lost = {x for x in wrt if x in passed}
                others, _ = _pullback(outputs, cotangents, list(lost), None, set(), given, lost)
                again = dict(zip(lost, others))
                found = [again[x] if x in lost else g for x, g in zip(wrt, found)]
                if masks is not None and given is not None:
                    masks.update(given)
            return found, adjoints
    finally:
        ambient.now = before


def _pullback(
    outputs: Sequence[Tensor],
    cotangents: Sequence[Tensor | None],
    wrt: Sequence[Tensor],
    terms: Terms | None,
    passed: set[Value],
    given: dict[Value, Any] | None,
    kept: Collection[Value],
) -> tuple[list[Tensor | None], dict[Value, Tensor]]:
    nodes = topological(outputs)
    active: set[Value] = set(wrt)
    activate(nodes, active)
    nodes, forms = _with_forms(nodes, active, kept)
    stands_for = {made: node for node, form in forms.items() for made in form.nodes}
    contributions = Contributions(_sum)
    masks = _Masks()
    for y, g in zip(outputs, cotangents):
        if g is not None and y in active:
            first = contributions.add(y, g)
            if given is not None:
                masks.add(y, (given[y], True) if y in given else None, first)
    backward(
        nodes, active, forms, stands_for, contributions, masks, terms, passed, Differentiator, DIFFERENTIATOR, _no_rule
    )
    for x in wrt:  # leaves given twice, or values that outputs do not reach
        contributions.collect(x)
    if given is not None:
        given.clear()
        given.update((x, masks.known[x][0]) for x in wrt if x in masks.known)
    adjoints = contributions.adjoints
    return [adjoints.get(x) for x in wrt], adjoints


def _sum(value: Value, contributions: Sequence[Tensor]) -> Tensor:
    """The sum of what was contributed to the adjoint of ``value``, in a fixed order."""
    with deriving(value.node, "sum of contributions"):
        total, *rest = side_by_side(contributions)
        for term in rest:
            total = add(total, term)
    return total


def pushforward(
    outputs: Sequence[Tensor], wrt: Sequence[Tensor], tangents: Sequence[Tensor | None]
) -> list[Tensor | None]:
    """Tangents of ``outputs`` for tangents of ``wrt`` (None: zero)."""
    ts: dict[Value, Tensor | None] = {x: t for x, t in zip(wrt, tangents) if t is not None}
    moved = set(ts)
    nodes = topological(outputs)
    active = set(moved)
    activate(nodes, active)
    nodes, forms = _with_forms(nodes, active, moved)
    stands_for = {made: node for node, form in forms.items() for made in form.nodes}
    masks: dict[Value, Tensor] = {}  # where tangents may be other than 0, below a choice that has taken a constant
    for node in nodes:
        if not node.op.differentiable or not any(v in ts for v in node.inputs):
            continue
        if node in forms:
            if (t := ts.get(value := forms[node].value)) is not None:
                ts[node.outputs[0]] = t
                if value in masks:
                    masks[node.outputs[0]] = masks[value]
            continue
        if node.op.jvp is None:
            _no_rule(node, "jvp")
        of = stands_for.get(node, node)
        with deriving(of, f"{of.op.name}.jvp"):
            given = [ts.get(v) for v in node.inputs]
            mask = _forward_mask(node, given, masks)
            if mask is not None:
                masks[node.outputs[0]] = mask
            d = DIFFERENTIATOR if mask is None else Differentiator(mask)
            for y, t in zip(node.outputs, node.op.jvp(node, given, d)):
                if t is not None and y.dtype in FLOATS:
                    if y in moved:  # a tangent given for an intermediate value adds to the one it gets
                        t = add(ts[y], t)
                        masks.pop(y, None)
                    ts[y] = t
    return [ts.get(y) for y in outputs]


def _forward_mask(node: Node, ts: Sequence[Tensor | None], masks: dict[Value, Tensor]) -> Tensor | None:
    """Where the tangent of a result of an operation on elements may be other than 0; None where it may everywhere."""
    op = node.op
    if op.selects is not None:
        chosen: Sequence[Any] = op.selects(node)
    elif masks and op.kind == "elementwise":
        chosen = [None] * len(ts)
    else:
        return None
    total: Any = None
    for t, v, c in zip(ts, node.inputs, chosen):
        if t is not None:
            m = masks.get(v)
            m = c if m is None else m if c is None else logical_and(c, m)
            if m is None:
                return None
            if total is None:
                total = m
            elif total is not m:
                if _is_not(total, m) or _is_not(m, total):
                    return None
                total = logical_or(total, m)
    return total


def _no_rule(node: Node, mode: str) -> None:
    raise GraphError(
        f"{node.op.name} has no {mode} rule", describe(node.outputs[0]), str(node.source) if node.source else None
    )


class Differentiator:
    """What rules are handed: the sweeps, for inner graphs, so that ``ops`` need not import ``transforms``; and the mask
    of the cotangent, None where none is known."""

    __slots__ = ("mask", "told")

    def __init__(self, mask: Any = None):
        self.mask = mask
        self.told: dict[int, Tensor] = {}

    def tell(self, masks: dict[int, Tensor]) -> None:
        """The masks of operands' cotangents, from a rule that finds them together with these."""
        self.told = masks

    def kept(self, g: Tensor) -> Tensor:
        """``g``, of the result's shape, cut to where the mask holds."""
        return g if self.mask is None else where(self.mask, g, 0)

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


def _seeds(what: str, seed: str, ys: Sequence[Tensor], tree: Tree, name: str, given: Structure) -> list[Tensor]:
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


def vjp(y: Tensors, x: Same, cotangent: Structure) -> Same:
    """Reverse mode: the cotangents of ``x`` for a ``cotangent`` of ``y``, of y's shape and dtype.

    ``y`` and ``x`` are Tensors or structures of them (lists, tuples, dicts, None and dataclasses nest), ``cotangent``
    has the structure of ``y``, the result that of ``x``. Zeros where there is no dependence. Raises ShapeError,
    DTypeError, GraphError.

    Example: ``gx = gd.vjp(gd.tanh(x), x, v)``.
    """
    ys, results = tensors("vjp", y, "y")
    xs, tree = wrt_of("vjp", x, "x")
    gs, _ = pullback(ys, _seeds("vjp", "cotangent", ys, results, "y", cotangent), xs)
    check_leaves("vjp", ys, [x for x, g in zip(xs, gs) if g is None])
    return tree.build([zeros_of(v) if g is None else g for v, g in zip(xs, gs)])


def jvp(y: Same, x: Tensors, tangent: Structure) -> Same:
    """Forward mode: the tangents of ``y`` for a ``tangent`` of ``x``, of x's shape and dtype.

    ``tangent`` has the structure of ``x``, the result that of ``y``; zeros where there is no dependence. Raises
    ShapeError, DTypeError, GraphError. Example: ``ty = gd.jvp(gd.tanh(x), x, v)``.
    """
    ys, results = tensors("jvp", y, "y")
    xs, tree = wrt_of("jvp", x, "x")
    ts = pushforward(ys, xs, _seeds("jvp", "tangent", xs, tree, "x", tangent))
    if all(t is None for t in ts):
        check_leaves("jvp", ys, xs)
    return results.build([zeros_of(v) if t is None else t for v, t in zip(ys, ts)])


def scalar_loss(what: str, loss: Any) -> Tensor:
    """``loss`` checked to be a floating 0-d Tensor."""
    if not isinstance(loss, Tensor):
        of_all = f"; of several Tensors write gd.{what} of their sum, or gd.jacobian" if is_nest(loss) else ""
        raise GraphError(f"{what}: the loss is no Tensor but {told_kind(loss)}{of_all}", source=where_am_i())
    if loss.shape != ():
        fail(
            ShapeError, what, f"the loss has shape {loss.shape}, not (); sum it, or use gd.vjp with a cotangent", [loss]
        )
    if loss.dtype not in FLOATS:
        fail(DTypeError, what, f"the loss is {loss.dtype.name}, not floating; write .astype('float32')", [loss])
    return loss


def grad(loss: Tensor, wrt: Same, unused: Literal["zeros", "error"] = "zeros") -> Same:
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
    missing = [x for x, g in zip(xs, gs) if g is None]
    check_leaves("grad", [loss], missing)
    if missing and unused == "error":
        fail(GraphError, "grad", f"the loss does not depend on {describe(missing[0])}", [loss, missing[0]])
    return tree.build([zeros_of(x) if g is None else g for x, g in zip(xs, gs)])


def check_leaves(what: str, ys: Sequence[Tensor], xs: Sequence[Tensor]) -> None:
    """Raises GraphError where ``ys``, which do not depend on ``xs``, depend on another leaf of the name of one: a cell
    of a notebook that made it was run again."""
    if not any(x.is_leaf for x in xs):
        return
    leaves = {n.name: n for n in topological(ys) if n.op.name in NAMED_LEAVES}
    for x in xs:
        other = leaves.get(x.name) if x.is_leaf else None
        if other is not None and other is not x.node:
            fail(
                GraphError,
                what,
                f"no dependence on {describe(x)}, made at {x.node.source}, but on another {other.op.name} of that "
                f"name, made at {other.source}",
                [*ys, x],
            )


def hvp(loss: Tensor, x: Same, v: Structure) -> Same:
    """The Hessian of a 0-d ``loss`` with respect to ``x``, times ``v``: forward over reverse mode, at a few gradients'
    cost.

    Structures as in :func:`grad`. Example: ``hv = gd.hvp(loss, x, v)``.
    """
    loss = scalar_loss("hvp", loss)
    xs, tree = wrt_of("hvp", x, "x")
    seeds = _seeds("hvp", "v", xs, tree, "x", v)
    return tree.build(jvp(grad(loss, xs), xs, seeds))


__all__ = ["grad", "vjp", "jvp", "hvp"]
