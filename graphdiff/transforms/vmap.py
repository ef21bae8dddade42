"""Batching as a transform: a graph for one example becomes a graph for many, of larger operations.

One sweep over the topological order; how an operation is batched is in its declaration (ops/batching.py). Examples
always are a value's first dimension; what does not depend on them stays as it is and is computed once.
Must not know: any operation by name beyond those that move axes; plans, kernels.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..errors import GraphError, ShapeError
from ..ir.dims import Size, evaluate, names_of
from ..ir.node import Node, Origin, Value, ambient, collector_paused, inheriting, topological
from ..ops.batching import from_axis, in_front, repeated, to_axis
from ..ops.bodies import placeholders
from ..ops.comparison import equal
from ..ops.elementwise import where
from ..ops.gather import positions
from ..ops.leaves import building_body, watch
from ..ops.messages import function, where_am_i
from ..ops.movement import broadcast_to, reshape
from ..ops.operands import contiguous_strides
from ..ops.reduce import any as any_
from ..ops.registry import Strided, View
from ..ops.tensor import Tensor, fail, scalar
from ..ops.trees import Tree, flatten, operand, operand_or_number
from ..ops.types import Along, Out


class Examples:
    """``size`` examples at once, of which those count that are ``alive`` (all where it is None)."""

    def __init__(self, size: Size, alive: Tensor | None = None):
        self.size, self.alive = size, alive

    def transform(self, outputs: Sequence[Value], swap: Mapping[Value, Tensor]) -> list[Tensor]:
        """``outputs`` over other values, of which those with one dimension more hold an example each."""
        new: dict[Value, Any] = dict(swap)
        made_of: dict[Node, Node] = {}  # node of one example -> the node of all, for the origins of adjoint nodes
        before = ambient.now
        try:
            with collector_paused():
                for node in topological(outputs, stop=swap):
                    if any(v in new for v in node.inputs):
                        results = self._node(node, new, made_of)
                        new.update(zip(node.outputs, results))
                        made_of[node] = results[0].node
        finally:
            ambient.now = before
        return [new.get(v, v) for v in outputs]

    def _node(self, node: Node, new: Mapping[Value, Any], made_of: Mapping[Node, Node]) -> Sequence[Any]:
        xs = [new.get(v, v) for v in node.inputs]
        origin = node.origin
        if origin is not None:
            origin = Origin(made_of.get(origin.node, origin.node), origin.rule)
        if all(x.ndim == v.ndim for x, v in zip(xs, node.inputs)):
            return node.over(tuple(xs), origin).outputs
        if node.op.batch is None:
            raise GraphError(f"vmap: {node.op.name} has no batching rule", source=str(node.source))
        with inheriting(node, origin):
            return node.op.batch(node, xs, self)

    def sized(self, size: Size) -> Examples:
        return self if size == self.size else Examples(size, self.alive)

    def masked(self, alive: Tensor) -> Examples:
        return Examples(self.size, alive if self.alive is None else self.alive & alive)

    def indices(self, idx: Tensor, moved: bool) -> Tensor:
        if self.alive is None:
            return idx
        if not moved:
            return where(any_(self.alive), idx, 0)
        return where(reshape(self.alive, (self.size, *(1,) * (idx.ndim - 1))), idx, 0)

    def multiple(self, value: Value) -> Tensor | None:
        return None


class Units(Examples):
    """The unit vectors of ``unit``, one an example. What is an elementwise multiple of them stays a diagonal: its zeros
    are neither computed nor multiplied."""

    def __init__(self, unit: Tensor):
        super().__init__(unit.size)
        self.unit = unit
        self._multiples: dict[Value, Tensor] = {unit: broadcast_to(scalar(1, unit.dtype), unit.shape)}

    def of(self, value: Tensor) -> Tensor:
        """``value``, which is made of the unit vector, for all of them."""
        (made,) = self.transform([value], {self.unit: self._spread(self._multiples[self.unit])})
        return in_front(made, value, self.size)

    def multiple(self, value: Value) -> Tensor | None:
        return self._multiples.get(value)

    def _spread(self, d: Tensor) -> Tensor:
        n = self.size
        diagonal = equal(positions((n, n), 0), positions((n, n), 1))
        return reshape(where(diagonal, reshape(d, (n,)), 0), (n, *d.shape))

    def _node(self, node: Node, new: Mapping[Value, Any], made_of: Mapping[Node, Node]) -> Sequence[Any]:
        if self._is_multiple(node, new):
            d = node.over(tuple(self._multiples.get(v, v) for v in node.inputs), node.origin).outputs[0]
            self._multiples[node.outputs[0]] = d
            return [self._spread(d)]
        return super()._node(node, new, made_of)

    def _is_multiple(self, node: Node, new: Mapping[Value, Any]) -> bool:
        """Whether the node makes a multiple of the unit vectors of multiples."""
        known = [i for i, v in enumerate(node.inputs) if v in self._multiples]
        if not known or len(node.outputs) != 1 or any(v in new for v in node.inputs if v not in self._multiples):
            return False
        (y,) = node.outputs
        if isinstance(node.op.kernel, View):
            return node.op.kind == "linear" and _keeps_order(node)
        if any(node.inputs[i].shape != y.shape for i in known):
            return False
        return any(
            set(known) <= set(group) and all(i in known or _is_zero(node.inputs[i]) for i in group)
            for group in node.op.linear_in
        )


def _keeps_order(node: Node) -> bool:
    """Whether the result of a view has the operand's elements one by one."""
    (x,), (y,) = node.inputs, node.outputs
    if x.size != y.size:
        return False
    seen = node.op.kernel.rule(node, Strided(0, contiguous_strides(x.shape)))
    whole = zip(y.shape, contiguous_strides(y.shape), seen.strides)
    return seen.offset == 0 and all(size == 1 or a == b for size, a, b in whole)


def _is_zero(v: Value) -> bool:
    return v.node.op.name == "constant" and not v.node.attrs["value"].any()


WORKING_SET = 1 << 21  # bytes: the largest value of a block, so that what is made of it next finds it in cache
FEWEST, MOST = 16, 1024  # examples in a block: fewer waste the loop, more waste memory


def block_size(one: Tensor, seed: Tensor) -> int:
    """How many examples of ``seed`` at once: as many as keep the largest value made of them in cache."""
    known = {seed}
    largest = seed.dtype.itemsize
    for node in topological([one], stop=[seed]):
        if any(v in known for v in node.inputs):
            known.update(node.outputs)
            largest = max(largest, *(at_thousands(v.size) * v.dtype.itemsize for v in node.outputs))
    return min(max(WORKING_SET // largest, FEWEST), MOST)


def at_thousands(size: Size) -> int:
    """A size, with what is known only at the call in the thousands: to choose by."""
    return evaluate(size, dict.fromkeys(names_of(size), 4096))


def vmap(f: Callable[..., Out], in_axes: Along = 0, out_axes: Along = 0) -> Callable[..., Out]:
    """``f`` of one example as a function of many at once, along an axis of each argument.

    ``in_axes``: the axis of every argument that runs over the examples, None for what all of them share; an int or
    None for all arguments, or a tuple with one entry an argument, each of which may again be a structure as far down as
    it tells apart. Keyword arguments run over axis 0. ``out_axes``: where the examples lie in the results, likewise;
    None gives what does not depend on them as it is. Arguments and results are Tensors or structures of them; numbers
    that are not mapped are passed on.

    What ``f`` builds becomes one graph of larger operations, not a loop (:func:`gd.map` is that). It nests, and goes
    inside and around gd.grad, vjp, jvp, scan, cond, while_loop, map and gd.custom. A shared random key draws the same
    for each example, a mapped one as each key does by itself. gd.monitor inside records the batch, gd.check must hold
    for each example.

    Raises ShapeError for an axis that is not there or sizes that differ, GraphError for axes of another structure.

    Example: gradients by example ::

        g = gd.vmap(lambda x, t: gd.grad(loss_of(x, t), params))(X, T)
    """
    function("vmap", f)

    @functools.wraps(f)
    def batched(*args: Any, **kwargs: Any) -> Out:
        return _batched(f, in_axes, out_axes, args, kwargs)

    return batched


def _batched(f: Callable[..., Any], in_axes: Along, out_axes: Along, args: Any, kwargs: Any) -> Any:
    values, tree = flatten("vmap", args, "args", operand_or_number)
    named, named_tree = flatten("vmap", kwargs, "kwargs", operand_or_number)
    axes = [*_axes(in_axes, tree, "in_axes", "args"), *(0 for _ in named)]
    paths = [*tree.paths("args"), *named_tree.paths("kwargs")]
    values = [*values, *named]
    size, fronted = _in_front(values, axes, paths)
    examples = placeholders("example", [(x.shape[1:], x.dtype) for x in fronted.values()])
    swap: dict[Value, Tensor] = dict(zip(examples, fronted.values()))
    one = list(values)
    for i, e in zip(fronted, examples):
        one[i] = e
    with building_body() as seen:
        result = f(*tree.build(one[: tree.size]), **named_tree.build(one[tree.size :]))
    outs, out_tree = flatten("vmap", result, "result")
    made = Examples(size).transform([*outs, *(w.value for w in seen)], swap)
    for w, value in zip(seen, made[len(outs) :]):
        watch(w._replace(value=value if value.ndim > w.value.ndim else repeated(value, size)))
    places = _axes(out_axes, out_tree, "out_axes", "result")
    results = [
        _placed(y, one_y, size, axis, path)
        for y, one_y, axis, path in zip(made, outs, places, out_tree.paths("result"))
    ]
    return out_tree.build(results)


def _axes(axes: Any, tree: Tree, what: str, path: str) -> list[int | None]:
    """The axis of each leaf: ``axes`` is one for all below it, or a structure that is opened where ``tree`` is."""
    if axes is None or (isinstance(axes, int) and not isinstance(axes, bool)):
        return [axes] * tree.size
    found: list[int | None] = []
    for k, child in enumerate(tree.children):
        found += _axes(_child(axes, tree, k, what, path), child, what, path + tree.step(k))
    if not tree.children and not (isinstance(axes, (list, tuple, dict)) and len(axes) == 0):
        raise GraphError(f"vmap: {what} has {axes!r} for {path}; an axis is an int or None", source=where_am_i())
    return found


def _child(axes: Any, tree: Tree, k: int, what: str, path: str) -> Any:
    """What ``axes`` says of child number ``k``."""
    n = len(tree.children)
    if isinstance(tree.kind, type) and issubclass(tree.kind, dict):
        if isinstance(axes, dict) and set(axes) == set(tree.keys):
            return axes[tree.keys[k]]
        wanted = f"a dict with the keys {', '.join(map(repr, tree.keys))}"
    elif isinstance(axes, tree.kind) and not isinstance(axes, (list, tuple)):  # a dataclass of axes
        return getattr(axes, tree.keys[k])
    else:
        if isinstance(axes, (list, tuple)) and len(axes) == n:
            return axes[k]
        wanted = f"{n} entries"
    raise GraphError(f"vmap: {what} for {path} needs an int, None or {wanted}, got {axes!r}", source=where_am_i())


def _axis_of(axis: int, ndim: int, what: str, path: str, xs: Sequence[Any]) -> int:
    if not -ndim <= axis < ndim:
        fail(ShapeError, "vmap", f"{what} is {axis} for {path}, which has {ndim} dimensions", xs)
    return axis % ndim


def _in_front(
    values: Sequence[Any], axes: Sequence[int | None], paths: Sequence[str]
) -> tuple[Size, dict[int, Tensor]]:
    """How many examples there are, and what is mapped, by its number, with the examples in front."""
    fronted: dict[int, Tensor] = {}
    size: Size | None = None
    first = ""
    for i, (x, axis, path) in enumerate(zip(values, axes, paths)):
        if axis is None:
            continue
        x = operand("vmap", path, x)
        at = _axis_of(axis, x.ndim, "in_axes", path, [x])
        if size is None:
            size, first = x.shape[at], f"{path} has {x.shape[at]} examples along axis {at}"
        elif x.shape[at] != size:
            fail(ShapeError, "vmap", f"{first}, {path} has {x.shape[at]} along axis {at}", [x])
        fronted[i] = x if at == 0 else from_axis(x, at)
    if size is None:
        raise GraphError("vmap: no argument is mapped: in_axes is None for all of them", source=where_am_i())
    return size, fronted


def _placed(y: Tensor, one: Tensor, size: Size, axis: int | None, path: str) -> Tensor:
    """A result with the examples along ``axis``."""
    apart = y.ndim > one.ndim
    if axis is None:
        if apart:
            fail(GraphError, "vmap", f"out_axes is None for {path}, which differs between examples", [one])
        return y
    at = _axis_of(axis, one.ndim + 1, "out_axes", path, [one])
    y = y if apart else repeated(y, size)
    return y if at == 0 else to_axis(y, at)


__all__ = ["vmap"]
