"""The same graph in float64, at known sizes, or with what has no derivative held: what finite differences are taken
on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..ir.dims import Dim, Shape, Size, substitute
from ..ir.dtypes import FLOATS, float32, float64
from ..ir.graph import Graph
from ..ir.node import LEAVES, Node, Value, inheriting, topological
from ..ops.customize import CUSTOM
from ..ops.elementwise import STOP_GRADIENT, astype
from ..ops.leaves import input as leaf
from ..ops.rebuild import rebuild
from ..ops.registry import View
from ..ops.tensor import Tensor, constant, make


def in_float64(outputs: Sequence[Tensor], leaves: Mapping[Value, Tensor], rounded: bool = False) -> list[Tensor]:
    """``outputs`` rebuilt with every floating value in float64; ``leaves`` replaces values, inputs and parameters.

    Random numbers are drawn as before, so that they are the same. ``rounded``: what was float32 is rounded to it after
    each operation."""

    def remade(node: Node, inputs: tuple[Any, ...]) -> Sequence[Tensor]:
        if node.op.name == "constant":
            array = node.attrs["value"]
            return (constant(array.astype(float64)),) if array.dtype in FLOATS else node.outputs
        drawn = node.op.name.startswith("random_")
        attrs = node.attrs if drawn else {k: attribute_in_float64(v, rounded) for k, v in node.attrs.items()}
        made = _results(make(node.op, inputs, attrs))
        if drawn:
            return [astype(z, float64) if z.dtype in FLOATS else z for z in made]
        was_float32 = [rounded and y.dtype is float32 for y in node.outputs]
        return [astype(astype(z, float32), float64) if r else z for z, r in zip(made, was_float32)]

    return _rebuilt(outputs, leaves, remade)


def attribute_in_float64(value: Any, rounded: bool = False) -> Any:
    """A static argument in float64: dtypes, and the bodies of loops and branches."""
    if isinstance(value, np.dtype) and value in FLOATS:
        return float64
    if isinstance(value, Graph):
        swap = {v: leaf(v.name, v.shape, float64 if v.dtype in FLOATS else v.dtype) for v in value.inputs}
        return Graph(value.name, list(swap.values()), in_float64(value.outputs, swap, rounded))
    return value


def jumps(outputs: Sequence[Tensor]) -> list[Node]:
    """The nodes whose derivative is not that of what they compute, in topological order: ``stop_gradient``, and draws
    that are followed. What computes the value of an operation with a derivative of its own is not looked into."""
    found: set[Node] = set()
    seen: set[Node] = set()
    stack = [v.node for v in outputs]
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        if node.op is STOP_GRADIENT or (node.op is CUSTOM and node.attrs["rules"].follow is not None):
            found.add(node)
        if node.op is not STOP_GRADIENT:
            stack.extend(v.node for v in node.inputs[_has_own_derivative(node) :])
    return sorted(found, key=lambda n: n.serial)


def _has_own_derivative(node: Node) -> bool:
    """Whether a node is its first operand, with a derivative by the others: custom, solved, by decomposition."""
    several = node.op.kind == "custom" and isinstance(node.op.kernel, View) and len(node.inputs) > 1
    return node.op is CUSTOM or several


def held(outputs: Sequence[Tensor], nodes: Sequence[Node], values: Mapping[Value, np.ndarray]) -> list[Tensor]:
    """``outputs`` where the results of ``nodes``, of which and of whose operands ``values`` are at some point, are what
    derivatives there take them to be: constants, and draws that follow their operands."""
    swap: dict[Value, Tensor] = {}
    for node in nodes:
        y = node.outputs[0]
        swap[y] = constant(values[y])
        if node.op is CUSTOM:
            xs = tuple(rebuild(node.inputs[1:], swap))
            at = tuple(constant(values[v]) for v in node.inputs[1:])
            swap[y] = node.attrs["rules"].follow(swap[y], at, xs)
    return rebuild(outputs, swap)


def at_sizes(outputs: Sequence[Tensor], leaves: Mapping[Value, Tensor], sizes: Mapping[str, int]) -> list[Tensor]:
    """``outputs`` rebuilt where named sizes are known; ``leaves`` replaces inputs by others of known sizes."""

    def known(value: Any) -> Any:
        if isinstance(value, Dim):
            return substitute(value, sizes)
        if isinstance(value, tuple):
            return tuple(map(known, value))
        if isinstance(value, Graph):
            swap = {v: leaf(v.name, known(v.shape), v.dtype) for v in value.inputs}
            return Graph(value.name, list(swap.values()), at_sizes(value.outputs, swap, sizes))
        return value

    def remade(node: Node, inputs: tuple[Any, ...]) -> Sequence[Tensor]:
        if node.op.name == "constant":
            return node.outputs
        return _results(make(node.op, inputs, {k: known(v) for k, v in node.attrs.items()}))

    return _rebuilt(outputs, leaves, remade)


def shape_at(shape: Shape, sizes: Mapping[str, Size]) -> Shape:
    """A shape where named sizes are known."""
    return tuple(substitute(s, sizes) for s in shape)


def _results(made: Any) -> Sequence[Tensor]:
    return made if isinstance(made, tuple) else (made,)


def _rebuilt(
    outputs: Sequence[Tensor], leaves: Mapping[Value, Tensor], remade: Callable[[Node, tuple[Any, ...]], Sequence[Any]]
) -> list[Tensor]:
    """``outputs`` over ``leaves``, every node as ``remade`` makes it of its new operands; other leaves stay."""
    new: dict[Value, Any] = dict(leaves)
    for node in topological(outputs, stop=leaves):
        if all(y in new for y in node.outputs):
            continue
        if node.op.name in LEAVES and node.op.name != "constant":
            new[node.outputs[0]] = node.outputs[0]
            continue
        with inheriting(node, node.origin):
            made = remade(node, tuple(new.get(v, v) for v in node.inputs))
        new.update(zip(node.outputs, made))
    return [new.get(v, v) for v in outputs]
