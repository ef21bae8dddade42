"""From a graph of operators to the messages of a model.

Owns: names in the file, initializers, the graphs of loops and branches as far as they are graphs (control.py says what
is in them), sizes as arithmetic on shapes.
Invariants: names are unique over all graphs of a model, so that inner ones see the outer ones'; arrays and sizes stand
in the outermost graph; each array is there once.
Must not know: operations, files.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ....errors import GraphError
from ....ir.graph import Graph
from ....ir.node import Node, Value
from ....ops.registry import Branch, Loop
from .control import write_branch, write_loop
from .operators import LEFT_OUT, SIZES, is_operator
from .sizes import SizeWriter
from .standard import wanted
from .types import DOUBLE, INT64, array_info, value_info


class Initializer:
    """An array of the model under its name."""

    __slots__ = ("name", "array")

    def __init__(self, name: str, array: np.ndarray):
        self.name, self.array = name, array


class Body:
    """Nodes of one graph of the model. ``names``: of the values of this graph and of those around it."""

    def __init__(self, whole: Emitter, names: dict[Value, str]):
        self.whole, self.names = whole, names
        self.nodes: list[Any] = []

    def inner(self) -> Body:
        return Body(self.whole, dict(self.names))

    def name(self, value: Value) -> str:
        """What a value is called; constants are made known to the model."""
        found = self.names.get(value)
        if found is None:
            found = self.names[value] = self._leaf(value)
        return found

    def _leaf(self, value: Value) -> str:
        node = value.node
        if node.op.name == "constant":
            return self.whole.constant(node.attrs["value"])
        if is_operator(node) and node.op.name == SIZES:
            return self.whole.sizes.vector(node.attrs["sizes"])
        if is_operator(node) and node.op.name == LEFT_OUT:
            return ""
        raise GraphError(f"{node.op.name} {node.name!r} is used where it cannot be reached")

    def add(self, op: str, inputs: Sequence[str], outputs: Sequence[str] | None = None, **attrs: Any) -> str:
        """A node; the name of its first result."""
        from onnx import helper

        names = [self.whole.fresh(op.lower())] if outputs is None else list(outputs)
        self.nodes.append(helper.make_node(op, list(inputs), names, self.whole.node_name(op), **attrs))
        return names[0]

    def least(self, a: str, b: str) -> str:
        """The lesser of two int64 arrays, which Min has since opset 12."""
        if self.whole.opset >= 12:
            return self.add("Min", [a, b])
        return self.add("Cast", [self.add("Min", [self.add("Cast", [v], to=DOUBLE) for v in (a, b)])], to=INT64)

    def write(self, nodes: Sequence[Node]) -> None:
        """Nodes of a graph in order."""
        for node in nodes:
            if isinstance(node.op.kernel, Loop):
                write_loop(self, node)
            elif isinstance(node.op.kernel, Branch):
                write_branch(self, node)
            elif is_operator(node) and node.op.name not in (SIZES, LEFT_OUT):
                self.whole.scope = node.scope
                count = wanted(node, self.whole.read, self.whole.opset)
                outputs = [self.called(v, node.op.name) for v in node.outputs[:count]]
                attrs = {k: list(v) if isinstance(v, tuple) else v for k, v in node.attrs.items()}
                self.add(node.op.name, [self.name(v) for v in node.inputs], outputs, **attrs)

    def called(self, value: Value, op: str) -> str:
        """A name for a result: one that was asked for, what people call the value, or after its operator."""
        if value not in self.names:
            self.names[value] = self.whole.fresh(value.name or op.lower())
        return self.names[value]

    def result(self, value: Value, name: str) -> None:
        """Has ``name`` be a value too."""
        self.add("Identity", [self.name(value)], [name])

    def proto(self, name: str, inputs: Sequence[Any], outputs: Sequence[Any]) -> Any:
        from onnx import helper

        return helper.make_graph(self.nodes, name, list(inputs), list(outputs))


class Emitter:
    """One model. ``inputs`` and ``outputs`` are its values by name, ``graph`` has all that they are made of;
    ``moved``: names of parameters and states that are inputs too, with the value there is as default."""

    def __init__(
        self,
        graph: Graph,
        inputs: Mapping[str, Value],
        outputs: Mapping[str, Value],
        moved: Sequence[Value],
        opset: int,
    ):
        self.opset = opset
        self.graph, self.inputs, self.outputs, self.moved = graph, inputs, outputs, moved
        self.taken = {"", *inputs, *outputs, *(p.name for p in graph.parameters)}
        self.counts: dict[str, int] = {}
        self.initializers: list[Initializer] = []
        self.known: dict[Any, str] = {}
        self.scope = ""
        self.read, self.read_whole = _read([graph])
        self.read |= set(outputs.values())
        self.read_whole |= set(outputs.values())
        self.main = Body(self, {v: name for name, v in inputs.items()})
        self.sizes = SizeWriter(self)

    def fresh(self, base: str) -> str:
        """A name that nothing else has."""
        base = re.sub(r"\s", "_", base)
        count = self.counts.get(base, 0)
        name = base if count == 0 else f"{base}_{count}"
        while name in self.taken:
            count += 1
            name = f"{base}_{count}"
        self.counts[base] = count + 1
        self.taken.add(name)
        return name

    def node_name(self, op: str) -> str:
        return self.fresh(f"{self.scope}/{op}" if self.scope else op)

    def constant(self, array: np.ndarray) -> str:
        """The name of an array of the model."""
        array = np.asarray(array, order="C")
        key = (array.dtype, array.shape, hashlib.blake2b(array.tobytes()).digest())
        if key not in self.known:
            self.known[key] = self.fresh("constant")
            self.initializers.append(Initializer(self.known[key], array))
        return self.known[key]

    def model_graph(self, all_are_inputs: bool) -> Any:
        """The graph's message, without the initializers' arrays, which are inputs too in old versions of the format."""
        main = self.main
        for p in self.graph.parameters:
            storage = p.node.attrs.get("storage")
            if storage is None:
                raise GraphError(f"{p.name!r} has no value: the graph is of a text")
            self.initializers.append(Initializer(p.name, storage.array))
            main.names[p] = p.name
        extra = []  # of names whose value is one already
        for name, value in self.outputs.items():
            kernel = value.node.op.kernel
            mine = is_operator(value.node) or isinstance(kernel, (Loop, Branch))
            if value in main.names or not mine or value.node.op.name in (SIZES, LEFT_OUT):
                extra.append((name, value))
            else:
                main.names[value] = name
        main.write(self.graph.nodes)
        for name, value in extra:
            if main.names.get(value) != name:
                main.result(value, name)
        inputs = [value_info(name, v) for name, v in self.inputs.items()]
        if all_are_inputs:
            inputs += [array_info(a.name, a.array) for a in self.initializers]
        else:
            inputs += [value_info(p.name, p) for p in self.moved]
        return main.proto(self.graph.name, inputs, [value_info(n, v) for n, v in self.outputs.items()])


def _read(waiting: list[Graph]) -> tuple[set[Value], set[Value]]:
    """What nodes read, in graphs and those inside them, and what inner graphs give; and of it what is read further than
    by a loop of as many steps as the one that gave it."""
    found: set[Value] = set()
    whole: set[Value] = set()
    while waiting:
        for node in waiting.pop().nodes:
            rows: range = range(0)
            if isinstance(node.op.kernel, Loop) and node.attrs["counted"]:
                rows = range(node.attrs["n_carry"], node.attrs["n_carry"] + node.attrs["n_xs"])
            for i, v in enumerate(node.inputs):
                found.add(v)
                if i not in rows or v.node.outputs[-1] is not node.inputs[-1]:
                    whole.add(v)
            inner = [a for a in node.attrs.values() if isinstance(a, Graph)]
            given = {v for graph in inner for v in graph.outputs}
            found |= given
            whole |= given
            waiting += inner
    return found, whole
