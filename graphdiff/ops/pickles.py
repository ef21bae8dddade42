"""Tensors, and what is made of them, as pickles: parts of a graph, by text.

A leaf pickles as a leaf with its value; its monitors and checks go with what is computed of it. Any other Tensor
pickles as its place in a part: the text of what it is computed by, over leaves and over Tensors of parts pickled
before. A pickler holds the parts that it has met, and here they are remembered as long as somebody holds them; so what
Tensors share they share again when they come back, each node is written once, and nothing recurses over the graph. A
copy by ``copy.deepcopy`` goes the same way.
Must not know: what Tensors are for; how a text is read.
"""

from __future__ import annotations

import copyreg
import threading
import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import GraphError
from ..ir.dtypes import as_dtype
from ..ir.graph import Graph, exact_text
from ..ir.node import NAMED_LEAVES, Node, Origin, Value
from .leaves import Watcher, unvalued
from .leaves import input as input_leaf
from .parse import parse_over
from .rebuild import rebuild
from .tensor import Storage, Tensor


class _Met(threading.local):
    """The parts that were pickled and are still held by somebody."""

    def __init__(self) -> None:
        self.parts: list[weakref.ref[Part]] = []

    def alive(self) -> list[Part]:
        found = [(ref, part) for ref in self.parts if (part := ref()) is not None]
        self.parts = [ref for ref, _ in found]
        return [part for _, part in found]


_met = _Met()


class Part:
    """Nodes that pickle together. ``place``: the number of each of their values."""

    def __init__(self, values: Sequence[Value]):
        known = _met.alive()
        nodes, before = _new(values, known)
        custom = next((n.attrs["rules"].name for n in nodes if n.op.name == "custom"), None)
        if custom is not None:
            raise GraphError(
                f"pickle: {custom} has rules that are functions, which no text holds; pickle what is compiled"
            )
        every = [v for node in nodes for v in node.outputs]
        self.place = {v: k for k, v in enumerate(every)}
        used = {v for node in nodes for v in node.inputs if v not in self.place}
        leaves = sorted((v for v in used if v not in before), key=lambda v: v.node.serial)
        edge = sorted((v for v in used if v in before), key=lambda v: (v.node.serial, v.index))
        names = {v.name for v in leaves}
        stand_ins: dict[Value, Tensor] = {}
        for v in edge:
            name = next(n for n in (f"_{k}" for k in range(len(names), 10**9)) if n not in names)
            names.add(name)
            stand_ins[v] = input_leaf(name, v.shape, v.dtype)
        results = rebuild(every, stand_ins, in_order=True) if stand_ins else every
        inputs = [v for v in leaves if v.node.op.name == "input"]
        graph = Graph("part", [*stand_ins.values(), *inputs], results)
        self.text = exact_text(graph)
        held = {v: v for v in leaves} | {w: v for v, w in stand_ins.items()}
        self.leaves = [held[v] for v in (*graph.inputs, *graph.parameters)]
        self.origins = [_origin(v.node, known) for v in every]
        self.watchers = self._watchers(leaves)
        _met.parts.append(weakref.ref(self))

    def _watchers(self, leaves: Sequence[Value]) -> list[Any]:
        """The monitors and checks of the leaves: kind, value, text, line, and the leaves that have them, by number."""
        number = {v: k for k, v in enumerate(self.leaves)}
        found: dict[int, tuple[Watcher, list[int]]] = {}
        for v in leaves:
            for w in v.node.attrs.get("watchers", ()):
                if w.value in self.place or w.value in number:
                    found.setdefault(id(w), (w, []))[1].append(number[v])
        return [
            (w.kind, self.place.get(w.value), number.get(w.value), w.text, w.source, having)
            for w, having in found.values()
        ]


def _new(values: Sequence[Value], known: Sequence[Part]) -> tuple[list[Node], set[Value]]:
    """The nodes under ``values`` that no part has, in the order of their declaration, and the values they read of
    parts."""
    before: set[Value] = set()
    seen: set[Node] = set()
    waiting = list(values)
    while waiting:
        v = waiting.pop()
        if v.node in seen or v in before:
            continue
        if v.node.op.name in NAMED_LEAVES:
            seen.add(v.node)
            waiting += [w.value for w in v.node.attrs.get("watchers", ())]
            continue
        if any(v in part.place for part in known):
            before.add(v)
            continue
        seen.add(v.node)
        waiting += v.node.inputs
    nodes = [node for node in seen if node.op.name not in NAMED_LEAVES]
    return sorted(nodes, key=lambda node: node.serial), before


def _origin(node: Node, known: Sequence[Part]) -> Any:
    """The rule that made a node, and the forward node's value where another part has it or it is a leaf."""
    if node.origin is None:
        return None
    y = node.origin.node.outputs[0]
    outside = node.origin.node.op.name in NAMED_LEAVES or any(y in part.place for part in known)
    return node.origin.rule, y if outside else None


def _reduced_part(part: Part) -> Any:
    return _part, (part.text, part.leaves, part.origins, part.watchers)


def _part(text: str, leaves: Sequence[Tensor], origins: Sequence[Any], watchers: Sequence[Any]) -> tuple[Tensor, ...]:
    values = tuple(parse_over(text, leaves))
    for v, origin in zip(values, origins):
        if origin is not None:
            rule, forward = origin
            now = v.node.origin
            at = forward.node if forward is not None else now.node if now is not None else None
            v.node.origin = Origin(at, rule) if at is not None else None
    for kind, place, number, told, source, having in watchers:
        watcher = Watcher(kind, leaves[number] if place is None else values[place], told, source)
        for k in having:
            leaves[k].node.attrs.setdefault("watchers", []).append(watcher)
    return values


def _reduced(tensor: Tensor) -> Any:
    node = tensor.node
    if node.op.name in NAMED_LEAVES:
        storage = node.attrs.get("storage")
        value = None if storage is None else storage.array.copy()
        return _leaf, (node.op.name, node.name, tuple(tensor.shape), tensor.dtype.name, value, node.source)
    part = next((p for p in _met.alive() if tensor in p.place), None) or Part([tensor])
    return _pick, (part, part.place[tensor])


def _pick(values: tuple[Tensor, ...], place: int) -> Tensor:
    return values[place]


def _leaf(kind: str, name: str, shape: Any, dtype: str, value: np.ndarray | None, source: Any) -> Tensor:
    leaf = input_leaf(name, shape, dtype) if kind == "input" else unvalued(kind, name, shape, as_dtype(dtype))
    if value is not None:
        leaf.node.attrs["storage"] = Storage(value)
    leaf.node.source = source
    return leaf


def together(values: Sequence[Value]) -> Part | None:
    """What makes ``values`` pickle as one part, in the order their nodes were declared, if it is pickled before."""
    part = Part(values)
    return part if part.place else None


def _reduced_graph(graph: Graph) -> Any:
    values = [*graph.outputs, *(v for _, v in graph.updates)]
    told = graph.name, graph.inputs, graph.outputs, graph.updates, graph.parameters
    return _graph, (together(values), *told)


def _graph(_: Any, *args: Any) -> Graph:
    return Graph(*args)


copyreg.pickle(Tensor, _reduced)
copyreg.pickle(Part, _reduced_part)
copyreg.pickle(Graph, _reduced_graph)
