"""``gd.check_grad``: derivatives against centred finite differences, and which operation's rule is at fault.

Differences are taken on the same graph rebuilt in float64, at two step sizes: where the two disagree the function has
a kink there and the comparison is left out (and reported). On a mismatch every node is checked alone, at the values it
has, and the first whose own rule disagrees is named.
Must not know: how graphs are run beyond ``compile``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import NoneType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from .errors import FeedError, GradientMismatch, GraphError
from .inspect.notebook import ROWS, table_html
from .ir.dims import Dim
from .ir.dtypes import FLOATS, float64
from .ir.graph import Graph
from .ir.node import LEAVES, NAMED_LEAVES, Leaf, Node, Value, topological
from .ops.customize import CUSTOM
from .ops.leaves import input as input_
from .ops.loop import LoopParts
from .ops.messages import call_text, where_am_i
from .ops.namespaces import presented
from .ops.rebuild import rebuild
from .ops.reduce import sum as sum_
from .ops.registry import Call
from .ops.tensor import Tensor, constant, make
from .ops.types import Tensors
from .runtime.compile import compile as compile_
from .runtime.sizes import Sizes
from .transforms.differentiate import check_leaves, grad, jvp, scalar_loss, vjp, wrt_of
from .transforms.retype import at_sizes, attribute_in_float64, held, in_float64, jumps, shape_at
from .wording import count

__all__ = ["Comparison", "Report", "check_grad"]

DIRECTIONS = 3  # random directions for a leaf with more elements than ELEMENTS
ELEMENTS = 48
ROUNDINGS = 30  # times what one rounding after each operation makes: what float32 sums may be off by


@dataclass(frozen=True)
class Comparison:
    """One derivative against its finite difference. ``error``: the largest difference over ``scale``; ``kinks``: how
    many of the ``count`` comparisons were left out for a kink nearby."""

    leaf: str
    mode: str
    order: int
    count: int
    kinks: int
    error: float
    tolerance: float

    @property
    def ok(self) -> bool:
        return self.error <= self.tolerance


@dataclass(repr=False)
class Report:
    """What was compared; ``str(report)`` is a table."""

    comparisons: list[Comparison] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return all(c.ok for c in self.comparisons)

    @property
    def max_error(self) -> float:
        return max((c.error for c in self.comparisons), default=0.0)

    def __repr__(self) -> str:
        wrong = sum(not c.ok for c in self.comparisons)
        told = f"{wrong} of them disagree" if wrong else "all agree"
        kinds = count(len(self.comparisons), "comparison")
        return f"<check_grad: {kinds}, {told}, largest error {self.max_error:.2g}>"

    def _repr_html_(self) -> str:
        worst = sorted(self.comparisons, key=lambda c: c.ok)[:ROWS]
        rows = [
            (
                c.leaf,
                c.mode,
                c.order,
                c.count,
                c.kinks,
                f"{c.error:.2e}",
                f"{c.tolerance:.0e}",
                "" if c.ok else "MISMATCH",
            )
            for c in worst
        ]
        head = ("leaf", "mode", "order", "compared", "kinks", "error", "tolerance", "")
        return table_html(repr(self).strip("<>"), head, rows, len(self.comparisons), "print(report)")

    def __str__(self) -> str:
        lines = [f"{'leaf':<24} {'mode':<5} order  compared  kinks  error      tolerance"]
        for c in self.comparisons:
            lines.append(
                f"{c.leaf:<24} {c.mode:<5} {c.order:>5}  {c.count:>8}  {c.kinks:>5}  {c.error:<9.2e}  "
                f"{c.tolerance:.0e}{'' if c.ok else '  MISMATCH'}"
            )
        return "\n".join(lines)


def check_grad(
    loss: Tensor,
    wrt: Tensors,
    feed: Mapping[Leaf, ArrayLike] | None = None,
    order: int = 2,
    modes: Sequence[str] = ("vjp", "jvp"),
    seed: int = 0,
) -> Report:
    """Compares the derivatives of a 0-d ``loss`` with respect to ``wrt`` with centred finite differences.

    ``wrt``: inputs, parameters or states (a Tensor or a structure of them); ``feed``: arrays by input Tensor or name;
    ``order``: 1, or 2 to check Hessian-vector products too; ``modes``: of "vjp" and "jvp"; ``seed``: of the random
    directions. Leaves of up to 48 elements are checked element by element, larger ones along random directions.
    Tolerances follow the dtype: 1e-6 in float64, 2e-3 in float32, relative to the size of the derivative. What
    ``stop_gradient`` gives is held, outside of loops, as are random draws; those of ``gd.random.gamma`` and ``beta`` go
    with their shapes as the distribution does. Nothing is changed: parameters keep their values.

    Returns a :class:`Report`. Raises GradientMismatch naming the operation whose rule is at fault; FeedError for a feed
    that is no dict.
    Example: ``print(gd.check_grad(loss, [W, b], {x: x0, t: t0}))``.
    """
    loss = scalar_loss("check_grad", loss)
    leaves, _ = wrt_of("check_grad", wrt)
    if not isinstance(feed, (Mapping, NoneType)):
        raise FeedError(
            f"check_grad: feed is a dict of arrays by input or name, got {type(feed).__name__}", source=where_am_i()
        )
    for mode in modes:
        if mode not in ("vjp", "jvp"):
            raise GraphError(f'check_grad: modes are "vjp" and "jvp", got {mode!r}', source=where_am_i())
    for x in leaves:
        if x.node.op.name not in NAMED_LEAVES:
            raise GraphError(
                "check_grad: wrt are inputs, parameters or states",
                call_text(x.node.op.name, x.node.inputs, {}),
                where_am_i(),
            )
    known = {node.outputs[0] for node in topological([loss]) if not node.inputs}
    check_leaves("check_grad", [loss], [x for x in leaves if x not in known])
    loss, leaves, fed = _at_known_sizes(loss, leaves, _fed(loss, leaves, feed or {}))
    point = _Point([loss], leaves, fed)
    report = Report()
    rng = np.random.default_rng(seed)
    for n, x in enumerate(leaves):
        directions = _directions(point.values[n], rng)
        expected, kinks = point.differences(n, directions)
        for mode in modes:
            report.comparisons.append(point.compared(_first_order(loss, x, mode), directions, expected, kinks))
        if order >= 2:
            v = rng.standard_normal((1, *point.values[n].shape))
            expected, kinks = point.second_differences(n, v[0])
            for mode in modes:
                report.comparisons.append(point.compared(_second_order(loss, x, mode), v, expected, kinks))
    if not report.ok:
        _blame(loss, point, report)
    return report


def _tolerance(dtype: np.dtype, order: int) -> float:
    return (1e-6 if order == 1 else 1e-5) if dtype is float64 else (2e-3 if order == 1 else 1e-2)


def _compare(
    d: _Derivative, got: np.ndarray, expected: np.ndarray, kinks: np.ndarray, noise: float = 0.0
) -> Comparison:
    x, mode, order = d.by, d.mode, d.order
    ok = ~kinks
    scale = max(1.0, float(np.max(np.abs(expected[ok]), initial=0.0)))
    difference = np.maximum(np.abs(got - expected)[ok] - noise, 0)
    error = float(np.max(np.where(np.isnan(difference), np.inf, difference), initial=0.0)) / scale
    tolerance = _tolerance(x.dtype, order)
    return Comparison(x.name or "value", mode, order, int(got.size), int(kinks.sum()), error, tolerance)


def _directions(value: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    if value.size <= ELEMENTS:
        return np.eye(value.size).reshape(value.size, *value.shape)
    d = rng.standard_normal((DIRECTIONS, *value.shape))
    return d / np.sqrt((d**2).mean())


def _fed(loss: Tensor, leaves: Sequence[Tensor], feed: Mapping[Any, Any]) -> dict[Tensor, np.ndarray]:
    """The arrays by input. Raises GraphError for one that is missing or belongs to none."""
    by_name = {(k.name if isinstance(k, Value) else k): v for k, v in feed.items()}
    inputs = [n.outputs[0] for n in topological([loss]) if n.op.name == "input"]
    inputs += [x for x in leaves if x.node.op.name == "input" and x not in set(inputs)]
    for name in by_name:
        if name not in {v.name for v in inputs}:
            raise GraphError(f"check_grad: no input is called {name!r}", source=where_am_i())
    for v in inputs:
        if v.name not in by_name:
            raise GraphError(f"check_grad: the feed misses input {v.name!r}", source=where_am_i())
    return {v: np.asarray(by_name[v.name], v.dtype) for v in inputs}


def _at_known_sizes(
    loss: Tensor, leaves: Sequence[Tensor], fed: Mapping[Tensor, np.ndarray]
) -> tuple[Tensor, list[Tensor], dict[Tensor, np.ndarray]]:
    """The loss, its leaves and the arrays where named sizes are those of the arrays."""
    if not any(isinstance(s, Dim) for v in fed for s in v.shape):
        return loss, list(leaves), dict(fed)
    graph = Graph("check_grad", list(fed), [loss])
    sizes = Sizes(graph, graph).bind([a.shape for a in fed.values()])
    swap: dict[Value, Tensor] = {v: input_(v.name, shape_at(v.shape, sizes), v.dtype) for v in fed}
    (at,) = at_sizes([loss], swap, sizes)
    return at, [swap.get(x, x) for x in leaves], {swap[v]: a for v, a in fed.items()}


class _Derivative(NamedTuple):
    """A derivative as a graph: ``along`` a direction that is fed, or with a component for every direction."""

    of: Tensor
    by: Tensor
    along: Tensor | None
    mode: str
    order: int


def _first_order(loss: Tensor, x: Tensor, mode: str) -> _Derivative:
    if mode == "vjp":
        return _Derivative(grad(loss, x), x, None, mode, 1)
    v = input_("check_grad_direction", x.shape, x.dtype)
    return _Derivative(jvp(loss, x, v), x, v, mode, 1)


def _second_order(loss: Tensor, x: Tensor, mode: str) -> _Derivative:
    """The Hessian times a direction."""
    v, g = input_("check_grad_direction", x.shape, x.dtype), grad(loss, x)
    return _Derivative(jvp(g, x, v) if mode == "jvp" else vjp(g, x, v), x, v, mode, 2)


class _Point:
    """A graph at given values of its leaves, in its own dtype and in float64."""

    def __init__(self, outputs: Sequence[Tensor], leaves: Sequence[Tensor], fed: Mapping[Tensor, np.ndarray]):
        self.leaves = list(leaves)
        nodes = topological(outputs)
        self.inputs, self.feeds = list(fed), list(fed.values())
        self.values = [np.asarray(fed[x] if x in fed else x.value, float64) for x in leaves]
        self._held = [x for x in leaves if x.node.op.name != "input"]
        # every floating leaf as a float64 input
        held = [n.outputs[0] for n in nodes if n.op.name in ("parameter", "state") and n.outputs[0].dtype in FLOATS]
        held += [x for x in self._held if x not in set(held)]
        self._double = {
            v: input_(f"{k}_{v.name}", v.shape, "float64" if v.dtype in FLOATS else v.dtype)
            for k, v in enumerate([*self.inputs, *held])
        }
        self._double_feed = [np.asarray(a, d.dtype) for a, d in zip(self.feeds, self._double.values())]
        self._double_feed += [v.value.astype(float64) for v in held]
        self._place = {v: k for k, v in enumerate(self._double)}
        self.outputs = list(outputs)
        self._rebuilt = _held(in_float64(outputs, self._double), list(self._double.values()), self._double_feed)
        self._f64 = compile_(list(self._double.values()), self._rebuilt)

    def _at(self, f: Any, x: Tensor, shift: np.ndarray) -> np.ndarray:
        feed = list(self._double_feed)
        feed[self._place[x]] = feed[self._place[x]] + shift
        out = f(*feed)
        return np.asarray(out[0] if isinstance(out, list) else out, float64)

    def differences(self, n: int, directions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Directional derivatives of the loss by centred differences; True where two step sizes disagree."""
        x = self.leaves[n]
        scale = 1e-5 * max(1.0, float(np.max(np.abs(self.values[n]), initial=0.0)))
        out, kinks = [], []
        for d in directions:
            value, kink = _centred(lambda h, d=d: self._at(self._f64, x, h * d), scale)
            out.append(value)
            kinks.append(kink)
        return np.asarray(out), np.asarray(kinks, bool)

    def second_differences(self, n: int, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The Hessian times v by centred differences of the float64 gradient; True where two step sizes disagree."""
        g = compile_(list(self._double.values()), grad(self._rebuilt[0], self._double[self.leaves[n]]))
        scale = 1e-5 * max(1.0, float(np.max(np.abs(self.values[n]), initial=0.0)))
        return _centred(lambda h: self._at(g, self.leaves[n], h * v), scale)

    def compared(self, d: _Derivative, directions: np.ndarray, expected: np.ndarray, kinks: np.ndarray) -> Comparison:
        """A derivative against differences. One in float32 that is off is judged by its rules in float64, and by what
        rounding after each operation makes of it there."""
        got = _along(d, directions, self.inputs, self.feeds)
        found = _compare(d, got, expected, kinks)
        if found.ok or d.by.dtype is float64:
            return found
        exact, rounded = (self._in_float64(d, directions, r) for r in (False, True))
        by_rules = _compare(d, exact, expected, kinks)
        noise = ROUNDINGS * float(np.max(np.abs(rounded - exact)[~kinks], initial=0.0))
        return max(by_rules, _compare(d, got, expected, kinks, noise), key=lambda c: c.error)

    def _in_float64(self, d: _Derivative, directions: np.ndarray, rounded: bool) -> np.ndarray:
        leaves = dict(self._double)
        along = None
        if d.along is not None:
            along = leaves[d.along] = input_("check_grad_direction", d.along.shape, float64)
        (of,) = in_float64([d.of], leaves, rounded)
        return _along(d._replace(of=of, along=along), directions, list(self._double.values()), self._double_feed)


def _held(outputs: list[Tensor], inputs: list[Tensor], feeds: Sequence[np.ndarray]) -> list[Tensor]:
    """``outputs`` with what derivatives take as it is at ``feeds`` held there."""
    nodes = jumps(outputs)
    if not nodes:
        return outputs
    wanted = list(dict.fromkeys(v for n in nodes for v in (*n.outputs, *n.inputs[1:])))
    return held(outputs, nodes, dict(zip(wanted, compile_(inputs, wanted)(*feeds))))


def _along(d: _Derivative, directions: np.ndarray, inputs: Sequence[Tensor], feeds: Sequence[np.ndarray]) -> np.ndarray:
    """A derivative along each direction; of the second order for the one direction."""
    if d.along is None:
        g = compile_(list(inputs), d.of)(*feeds).astype(float64)
        return np.asarray([(g * v).sum() for v in directions])
    f = compile_([*inputs, d.along], d.of)
    found = np.asarray([f(*feeds, v.astype(d.along.dtype)) for v in directions], float64)
    return found[0] if d.order == 2 else found


def _centred(f: Any, h: float) -> tuple[np.ndarray, np.ndarray]:
    """(f(h) - f(-h)) / 2h with Richardson's step; True where there is a kink within h/100 of the middle, or within h
    where f is too large for so small a step."""
    value, kink = _stepped(f, h)
    if np.any(kink) and _noise(f(0.0), h / 100) < 1e-6:
        closer, still = _stepped(f, h / 100)
        value, kink = np.where(kink, closer, value), kink & still
    return value, kink


def _stepped(f: Any, h: float) -> tuple[np.ndarray, np.ndarray]:
    """Richardson's difference by h and h/2; True where there is a kink within h.

    The two differences disagree at a kink off the middle. At one in the middle the slopes of the two sides differ by
    the jump J at both steps; where f is smooth they differ by half as much at h/2.
    """
    middle = f(0.0)
    (right, left), (near_right, near_left) = (((f(s) - middle) / s, (middle - f(-s)) / s) for s in (h, h / 2))
    wide, narrow = (right + left) / 2, (near_right + near_left) / 2
    jump = np.abs(2 * (near_right - near_left) - (right - left))
    kept = 2e-6 * (1 + np.maximum(np.abs(wide), np.abs(narrow))) + _noise(middle, h)
    kink = (np.abs(wide - narrow) > kept) | (jump > kept)
    return np.asarray((4 * narrow - wide) / 3), np.asarray(kink)


def _noise(value: np.ndarray, h: float) -> float:
    """What a slope by differences of h may be off by for rounding of the function's values."""
    return float(64 * np.finfo(float64).eps * np.max(np.abs(value), initial=0.0) / h)


# --------------------------------------------------------------------------------------- whose fault


class _Fault(NamedTuple):
    node: Node
    mode: str


def _blame(loss: Tensor, point: _Point, report: Report) -> None:
    """Raises GradientMismatch naming the first node whose own rule disagrees with its own differences."""
    worst = max(report.comparisons, key=lambda c: c.error / c.tolerance)
    modes = list(dict.fromkeys(c.mode for c in report.comparisons))
    fault = _fault([loss], point.inputs, point.feeds, modes)
    if fault is not None:
        node, mode = fault
        rules = node.attrs.get("rules")  # of an operation of the user's own, whose body is its first operand
        name, operands = (node.op.name, node.inputs) if rules is None else (rules.name, node.inputs[1:])
        raise GradientMismatch(
            f"{name}: its {mode} rule disagrees with finite differences (derivative by {worst.leaf}: "
            f"error {worst.error:.3g}, tolerance {worst.tolerance:.0e})",
            call_text(name, operands, {}),
            str(node.source) if node.source else None,
            report=report,
        )
    raise GradientMismatch(
        f"the derivative by {worst.leaf} ({worst.mode}, order {worst.order}) is off by {worst.error:.3g}, tolerance "
        f"{worst.tolerance:.0e}; every operation's own rule agrees with its differences",
        report=report,
    )


def _fault(
    outputs: Sequence[Tensor], inputs: Sequence[Tensor], feeds: Sequence[np.ndarray], modes: Sequence[str]
) -> _Fault | None:
    """The first node whose own rule disagrees with its own differences; of a loop or a branch the one inside it."""
    nodes = [n for n in topological(outputs) if n.op.name not in LEAVES and n.op.differentiable]
    wanted = list(dict.fromkeys(v for n in nodes for v in n.inputs))
    values: dict[Value, np.ndarray] = {}
    if wanted:
        values.update(zip(wanted, compile_(list(inputs), wanted)(*feeds)))
    fixed: dict[Value, Tensor] = {
        v: constant(a.astype(float64) if v.dtype in FLOATS else a) for v, a in zip(inputs, feeds)
    }
    tried: set[Any] = set()
    for node in nodes:
        key = (node.op.name, tuple(v.shape for v in node.inputs), str(node.attrs))
        operands = [values[v] for v in node.inputs]
        mode = None if key in tried and len(tried) > 200 else _disagrees(node, operands, fixed, modes)
        tried.add(key)
        if mode is not None:
            inside = (_fault(*body, modes) for body in _bodies(node, operands))
            return next((f for f in inside if f is not None), _Fault(node, mode))
    return None


def _bodies(
    node: Node, operands: Sequence[np.ndarray]
) -> Iterator[tuple[list[Tensor], list[Tensor], list[np.ndarray]]]:
    """What a loop or a branch runs with its arguments: the first, the middle and the last step; the branch taken."""
    if node.op.name == "branch":
        body = node.attrs["if_true" if operands[0] else "if_false"]
        yield (*_apart(body), list(operands[1:]))
    if node.op.name != "loop":
        return
    p = LoopParts(node)
    xs = [input_(None, a.shape, a.dtype) for a in operands]
    *results, steps = compile_(xs, list(make(node.op, tuple(xs), dict(node.attrs))))(*operands)
    history = results[p.n + p.n_ys :]
    rows, captured = operands[p.n : p.n + p.m], operands[p.n + p.m : p.n + p.m + len(p.captured)]
    for at in sorted({0, int(steps) // 2, int(steps) - 1} & set(range(int(steps)))):
        yield (*_apart(p.body), [*(h[at] for h in history), *(x[at] for x in rows), *captured])


def _apart(body: Graph) -> tuple[list[Tensor], list[Tensor]]:
    """A body's outputs and inputs, which have names of their own."""
    swap = {v: input_(None, v.shape, v.dtype) for v in body.inputs}
    return rebuild(body.outputs, swap), list(swap.values())


def _disagrees(
    node: Node, values: Sequence[np.ndarray], fixed: Mapping[Value, Tensor], modes: Sequence[str]
) -> str | None:
    """The one of ``modes`` in which a node's rule is wrong at these operands, or None. ``fixed``: inputs of the graph
    by their values. An operation with operands that its kernel does not read is right or wrong only beside the node
    that makes its other operands of them."""
    reads = node.op.kernel.reads if isinstance(node.op.kernel, Call) else None
    if reads is not None and len(set(reads)) < len(node.inputs):
        return None
    rng = np.random.default_rng(0)
    xs = [input_(f"x{k}", a.shape, "float64" if a.dtype.kind == "f" else a.dtype) for k, a in enumerate(values)]
    if node.op is CUSTOM:  # its first operand is the body, of the others
        made: Any = in_float64([node.outputs[0]], {**fixed, **dict(zip(node.inputs[1:], xs[1:]))})[0]
    else:
        made = make(node.op, tuple(xs), {k: attribute_in_float64(v) for k, v in node.attrs.items()})
    ys = [y for y in (made if isinstance(made, tuple) else (made,)) if y.dtype in FLOATS]
    if not ys:
        return None
    total = None
    for y in ys:
        weights = np.asarray(rng.standard_normal(tuple(int(s) for s in y.shape)))
        term = sum_(y * weights)
        total = term if total is None else total + term
    assert total is not None
    feeds = [a.astype(float64) if a.dtype.kind == "f" else a for a in values]
    for k, x in enumerate(xs):
        if x.dtype not in FLOATS or feeds[k].size == 0:
            continue
        local = _Point([total], [x], dict(zip(xs, feeds)))
        directions = _directions(local.values[0], rng)
        expected, kinks = local.differences(0, directions)
        for mode in modes:
            if not local.compared(_first_order(total, x, mode), directions, expected, kinks).ok:
                return mode
    return None


if not TYPE_CHECKING:  # a checker knows the names by itself
    __getattr__, __dir__ = presented(globals(), __all__)
