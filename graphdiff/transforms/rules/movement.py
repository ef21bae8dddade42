"""Rows for broadcasts, reshapes, permutations, slices, places, concats and reductions over them."""

from __future__ import annotations

from typing import Any, NamedTuple

from ...ir.dims import Dim, broadcast, product
from ...ir.node import Node, Value
from ...ops.elementwise import multiply
from ...ops.gather import size_as
from ...ops.joining import concat
from ...ops.movement import permute_dims, reshape, slice
from ...ops.tensor import Tensor, make, scalar
from .table import ELEMENTWISE, Notes, Rewritten, full, number, of, padded, rule

MANY = 64  # operands a concat may have by flattening: more, and a growing sequence of concats would take quadratic time

# --------------------------------------------------------------------------------------- broadcasts


def _uniform(value: Value) -> Tensor | None:
    """The 0-d constant that a constant array repeats."""
    array = value.node.attrs["value"]
    if not array.size or not array.ndim:
        return None
    first = array.flat[0]
    if array.size > 1 and (
        first.tobytes() != array.flat[-1].tobytes() or array.tobytes() != first.tobytes() * array.size
    ):
        return None
    return scalar(first, array.dtype)


@rule(ELEMENTWISE, on="broadcast_to constant", decreases="weight, elements")
def broadcast_late(node: Node) -> Rewritten:
    """f(broadcast(x), y) -> f(x, y), broadcast afterwards where y alone has not the shape."""
    cores: list[Any] | None = None
    for i, v in enumerate(node.inputs):
        name = v.node.op.name
        core: Any = None
        if name == "broadcast_to":
            core = v.node.inputs[0]
        elif name == "constant" and v.shape:
            core = _uniform(v)
        if core is not None:
            cores = cores or list(node.inputs)
            cores[i] = core
    if cores is None:
        return None
    return full(make(node.op, tuple(cores), node.attrs), node)


@rule(ELEMENTWISE, on="reshape")
def leading_ones(node: Node) -> Rewritten:
    """f(reshape(x, (1, ...)), y) -> f(x, y) where y brings the dimensions that the reshape put in front."""
    if len(node.inputs) == 1:
        return None
    shape = node.outputs[0].shape
    for i, v in enumerate(node.inputs):
        inner = of(v, "reshape")
        if inner and len(inner[0].shape) < len(v.shape) and v.shape == padded(inner[0].shape, len(v.shape)):
            cores = (*node.inputs[:i], inner[0], *node.inputs[i + 1 :])
            joined: Any = ()
            for c in cores:
                joined = broadcast(joined, c.shape)
            if joined == shape:
                return make(node.op, cores, node.attrs)
    return None


@rule("broadcast_to")
def broadcast_same(node: Node) -> Rewritten:
    """broadcast(x) to x's own shape -> x."""
    (x,) = node.inputs
    return x if x.shape == node.outputs[0].shape else None


@rule("broadcast_to", on="broadcast_to")
def broadcast_broadcast(node: Node) -> Rewritten:
    """broadcast(broadcast(x)) -> broadcast(x)."""
    inner = of(node.inputs[0], "broadcast_to")
    return full(inner[0], node) if inner else None


@rule("broadcast_to", on="reshape")
def broadcast_reshape(node: Node) -> Rewritten:
    """broadcast(reshape(x, (1, ...))) -> broadcast(x) where the reshape only puts dimensions in front."""
    (x,) = node.inputs
    inner = of(x, "reshape")
    if inner and len(inner[0].shape) <= len(x.shape) and x.shape == padded(inner[0].shape, len(x.shape)):
        return full(inner[0], node)
    return None


@rule("broadcast_to")
def broadcast_ones(node: Node) -> Rewritten:
    """broadcast(x) that only puts dimensions of size 1 in front -> reshape(x)."""
    (x,), shape = node.inputs, node.outputs[0].shape
    return reshape(x, shape) if shape == padded(x.shape, len(shape)) and shape != x.shape else None


# --------------------------------------------------------------------------------------- views


@rule("reshape")
def reshape_same(node: Node) -> Rewritten:
    """reshape(x) to x's own shape -> x."""
    (x,) = node.inputs
    return x if x.shape == node.outputs[0].shape else None


@rule("reshape", on="reshape")
def reshape_reshape(node: Node) -> Rewritten:
    """reshape(reshape(x)) -> reshape(x)."""
    inner = of(node.inputs[0], "reshape")
    return make(node.op, inner, node.attrs) if inner else None


@rule("reshape", on="broadcast_to", decreases="weight, elements")
def reshape_broadcast(node: Node) -> Rewritten:
    """reshape(broadcast(x)) that moves dimensions of size 1 only -> broadcast(reshape(x))."""
    inner = of(node.inputs[0], "broadcast_to")
    if not inner:
        return None
    x, old, new = inner[0], node.inputs[0].shape, node.outputs[0].shape
    if padded(x.shape, len(old)) == old:
        return None
    if all(s == 1 for s in x.shape):
        return full(reshape(x, ()), node)
    if [s for s in old if s != 1] != [s for s in new if s != 1]:
        return None
    sizes = iter([s for s, o in zip(padded(x.shape, len(old)), old) if o != 1])
    return full(reshape(x, tuple(1 if n == 1 else next(sizes) for n in new)), node)


@rule("permute_dims")
def permute_same(node: Node) -> Rewritten:
    """permute(x) that leaves the order -> x."""
    return node.inputs[0] if node.attrs["axes"] == tuple(range(node.inputs[0].ndim)) else None


@rule("permute_dims", on="permute_dims")
def permute_permute(node: Node) -> Rewritten:
    """permute(permute(x)) -> permute(x)."""
    inner = of(node.inputs[0], "permute_dims")
    if not inner:
        return None
    first = node.inputs[0].node.attrs["axes"]
    return permute_dims(inner[0], tuple(first[a] for a in node.attrs["axes"]))


@rule("slice")
def slice_all(node: Node) -> Rewritten:
    """A slice of everything -> x."""
    a, (x,) = node.attrs, node.inputs
    whole = (
        a["sizes"] == x.shape
        and all(s == 0 for s in a["starts"])
        and all(k == 1 or n == 1 for k, n in zip(a["steps"], a["sizes"]))
    )
    return x if whole else None


@rule("slice", on="slice")
def slice_slice(node: Node) -> Rewritten:
    """A slice of a slice -> one slice."""
    inner = of(node.inputs[0], "slice")
    if not inner:
        return None
    a, b = node.inputs[0].node.attrs, node.attrs
    starts = tuple(s + t * k for s, t, k in zip(a["starts"], b["starts"], a["steps"]))
    return slice(inner[0], starts, b["sizes"], tuple(k * m for k, m in zip(a["steps"], b["steps"])))


@rule("slice", on="place")
def slice_place(node: Node) -> Rewritten:
    """The slice that a place filled -> what was placed."""
    inner, a, b = of(node.inputs[0], "place"), node.attrs, node.inputs[0].node.attrs
    if inner and a["starts"] == b["starts"] and a["steps"] == b["steps"] and a["sizes"] == inner[0].shape:
        return inner[0]
    return None


@rule("slice", on="concat")
def slice_concat(node: Node) -> Rewritten:
    """A slice within one part of a concat -> a slice of that part."""
    inner = of(node.inputs[0], "concat")
    if not inner or any(k != 1 for k in node.attrs["steps"]):
        return None
    axis, a = node.inputs[0].node.attrs["axis"], node.attrs
    start, size, at = a["starts"][axis], a["sizes"][axis], 0
    for x in inner:
        n = x.shape[axis]
        begins = start - at
        exactly = begins == 0 and size == n
        if exactly or (type(begins) is int and type(size) is int and type(n) is int and 0 <= begins <= n - size):
            return slice(x, (*a["starts"][:axis], begins, *a["starts"][axis + 1 :]), a["sizes"], a["steps"])
        at = at + n
    return None


@rule("place")
def place_all(node: Node) -> Rewritten:
    """x placed over the whole result -> x."""
    x = node.inputs[0]
    whole = x.shape == node.outputs[0].shape and all(s == 0 for s in node.attrs["starts"])
    return x if whole and all(k == 1 or n == 1 for k, n in zip(node.attrs["steps"], x.shape)) else None


@rule("concat")
def concat_concat(node: Node) -> Rewritten:
    """concat(concat(a, b), c) along one axis -> concat(a, b, c), unless there are very many."""
    axis = node.attrs["axis"]
    parts: list[Any] = []
    for v in node.inputs:
        inner = of(v, "concat")
        parts += inner if inner and v.node.attrs["axis"] == axis else (v,)
    if len(parts) == 1 or len(node.inputs) < len(parts) <= MANY:
        return concat(parts, axis=axis)
    return None


@rule("concat", on="slice")
def concat_slices(node: Node) -> Rewritten:
    """concat(x[a:b], x[b:c]) -> x[a:c]."""
    axis = node.attrs["axis"]
    runs: list[list[Any]] = []  # operand, and for slices that can be joined: what is sliced, start, size
    for v in node.inputs:
        x, a = of(v, "slice"), v.node.attrs
        if not x or any(k != 1 for k in a["steps"]):
            runs.append([v, None])
            continue
        start, size = a["starts"][axis], a["sizes"][axis]
        beside = (*a["starts"][:axis], *a["starts"][axis + 1 :])
        if runs and runs[-1][1] is x[0] and runs[-1][2] + runs[-1][3] == start and runs[-1][4] == beside:
            runs[-1][0] = None
            runs[-1][3] = runs[-1][3] + size
        else:
            runs.append([v, x[0], start, size, beside])
    if len(runs) == len(node.inputs):
        return None
    parts = []
    for v, x, *rest in runs:
        if v is None:
            start, size, beside = rest
            starts = (*beside[:axis], start, *beside[axis:])
            shape = node.outputs[0].shape
            v = slice(x, starts, (*shape[:axis], size, *shape[axis + 1 :]), (1,) * x.ndim)
        parts.append(v)
    return concat(parts, axis=axis)


class _Places(NamedTuple):
    """A sum of places in zeros along one axis: what it is made of, and how much of the axis it covers."""

    axis: int
    covers: Any
    parts: tuple[Any, ...]  # a place's node, or two _Places


@rule("add", on="place", remembers=True)
def places_to_concat(node: Node, notes: Notes) -> Rewritten:
    """A sum of places in zeros that together cover one axis, each part once -> concat. (Gradients of splits.)"""
    known = notes.setdefault("places_to_concat", {})
    a, b = (known.get(id(v)) or _single_place(v) for v in node.inputs)
    if a is None or b is None or a.axis != b.axis or node.inputs[0].shape != node.inputs[1].shape:
        return None
    shape = node.outputs[0].shape
    joined = _Places(a.axis, a.covers + b.covers, (a, b))
    if joined.covers != shape[a.axis]:
        known[id(node.outputs[0])] = joined
        notes.setdefault("kept", {})[id(node.outputs[0])] = node  # the id stays taken
        return None
    by_start: dict[Any, Value] = {}
    stack: list[Any] = [joined]
    while stack:
        item = stack.pop()
        if isinstance(item, Node):
            by_start[item.attrs["starts"][a.axis]] = item.inputs[0]
        else:
            stack.extend(item.parts)
    parts: list[Any] = []
    at: Any = 0
    while at in by_start:
        parts.append(by_start.pop(at))
        at = at + parts[-1].shape[a.axis]
    return concat(parts, axis=a.axis) if not by_start and at == shape[a.axis] else None


def _single_place(value: Value) -> _Places | None:
    inner = of(value, "place")
    if not inner or number(inner[1]) != 0:
        return None
    x, a = inner[0], value.node.attrs
    axes = [i for i, (s, n) in enumerate(zip(x.shape, value.shape)) if s != n]
    if len(axes) != 1 or x.shape[axes[0]] == 0 or any(k != 1 for k, n in zip(a["steps"], x.shape) if n != 1):
        return None
    return _Places(axes[0], x.shape[axes[0]], (value.node,))


# --------------------------------------------------------------------------------------- reductions


@rule("sum", "prod", "max", "min", "all", "any")
def reduce_ones(node: Node) -> Rewritten:
    """A reduction over axes of size 1 alone, or over none -> x without them."""
    (x,), axes = node.inputs, node.attrs["axes"]
    return reshape(x, node.outputs[0].shape) if all(x.shape[a] == 1 for a in axes) else None


@rule("sum", "prod", "max", "min", "all", "any")
def reduce_reduce(node: Node) -> Rewritten:
    """sum(sum(x)) -> sum(x) over both axes, and the same for the other reductions."""
    inner = of(node.inputs[0], node.op.name)
    if not inner:
        return None
    first = node.inputs[0].node.attrs["axes"]
    kept = [i for i in range(inner[0].ndim) if i not in first]
    return make(node.op, inner, {"axes": tuple(sorted((*first, *(kept[a] for a in node.attrs["axes"]))))})


@rule("sum", "max", "min", "all", "any", on="reshape permute_dims", decreases="weight, elements")
def reduce_view(node: Node) -> Rewritten:
    """A reduction of all elements of a reshape or permutation -> of its operand."""
    (x,) = node.inputs
    inner = of(x, "reshape") or of(x, "permute_dims")
    if not inner or len(node.attrs["axes"]) != x.ndim:
        return None
    return make(node.op, inner, {"axes": tuple(range(inner[0].ndim))}) if inner[0].ndim else inner[0]


@rule("sum", on="broadcast_to")
def sum_broadcast(node: Node) -> Rewritten:
    """sum(broadcast(x)) over dimensions that were repeated -> x times their number."""
    inner = of(node.inputs[0], "broadcast_to")
    if not inner:
        return None
    x, shape, axes = inner[0], node.inputs[0].shape, node.attrs["axes"]
    sizes = padded(x.shape, len(shape))
    if any(sizes[a] != 1 for a in axes):
        return None
    y = reshape(x, tuple(s for i, s in enumerate(sizes) if i not in axes))
    return full(multiply(y, size_as(product(shape[a] for a in axes), x.dtype)), node)


@rule("max", "min", "all", "any", on="broadcast_to")
def extreme_broadcast(node: Node) -> Rewritten:
    """max(broadcast(x)) over dimensions that were repeated -> x, where they have elements."""
    inner = of(node.inputs[0], "broadcast_to")
    if not inner:
        return None
    x, shape, axes = inner[0], node.inputs[0].shape, node.attrs["axes"]
    sizes = padded(x.shape, len(shape))
    if any(sizes[a] != 1 or isinstance(shape[a], Dim) or shape[a] == 0 for a in axes):
        return None
    return full(reshape(x, tuple(s for i, s in enumerate(sizes) if i not in axes)), node)
