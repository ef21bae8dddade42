"""Loops and branches as Scan, Loop and If.

A loop whose number of steps is a size is a Scan over its rows; one that stops by a condition, or by a number known at
the call, is a Loop, whose results of each step are filled up with zeros. What a body takes from around it keeps its
outer name.
Must not know: what bodies compute.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ....errors import GraphError
from ....ir.dtypes import bool_, int64
from ....ir.graph import Graph
from ....ir.node import Node, Value
from .asked import Nodes
from .types import element, value_info


def _info(name: str, value: Value | None) -> Any:
    """The type of a body's argument or result; of a size, where there is no value."""
    if value is not None:
        return value_info(name, value)
    from onnx import helper

    return helper.make_tensor_value_info(name, element(int64), [])


def _given(body: Nodes, value: Value, used: set[str]) -> str:
    """The name of a body's result, of a node of its own."""
    name = body.name(value)
    own = {n for node in body.nodes for n in node.output}
    if name not in own or name in used:
        name = body.add("Identity", [name])
    used.add(name)
    return name


def _results(body: Nodes, values: Sequence[Value]) -> list[Any]:
    used: set[str] = set()
    return [_info(_given(body, v, used), v) for v in values]


def write_branch(body: Nodes, node: Node) -> None:
    """An If."""
    outer = [body.name(v) for v in node.inputs]
    names = [body.called(v, "if") for v in node.outputs]
    graphs = {}
    for attr, key in (("then_branch", "if_true"), ("else_branch", "if_false")):
        branch: Graph = node.attrs[key]
        inner = body.inner()
        inner.names.update(zip(branch.inputs, outer[1:]))
        inner.write(branch.nodes)
        graphs[attr] = inner.proto(body.whole.fresh("branch"), [], _results(inner, branch.outputs))
    body.add("If", outer[:1], names, **graphs)


class _Loop:
    """A loop node taken apart, with its outer names."""

    def __init__(self, body: Nodes, node: Node):
        a = node.attrs
        self.body: Graph = a["body"]
        self.condition: Graph | None = a["condition"]
        self.n, self.length, self.reverse = a["n_carry"], a["length"], a["reverse"]
        outer = [body.name(v) for v in node.inputs]
        self.count = outer.pop() if a["counted"] else None
        m = self.n + a["n_xs"]
        self.carries, self.xs, self.captured = outer[: self.n], outer[self.n : m], outer[m:]
        self.finals = node.outputs[: self.n]
        self.steps = node.outputs[-1]
        # of the results of each step and the history of the carries, those that are read, outside and in the body
        of_step = [*self.body.outputs[self.n :], *self.body.inputs[: self.n]]
        read = [i for i, v in enumerate(node.outputs[self.n : -1]) if v in body.whole.read]
        self.rows = [node.outputs[self.n + i] for i in read]
        self.of_step = [of_step[i] for i in read]
        if self.reverse and self.condition is not None:
            raise GraphError("a loop that runs from its end and stops by a condition has no form in ONNX")

    def written(self, inner: Nodes, carries: Sequence[str], rows: Sequence[str]) -> list[Any]:
        """The body over names; the types of its carries and of what each step gives."""
        graph = self.body
        inner.names.update(zip(graph.inputs, [*carries, *rows, *self.captured]))
        inner.write(graph.nodes)
        return _results(inner, [*graph.outputs[: self.n], *self.of_step])


def write_loop(body: Nodes, node: Node) -> None:
    loop = _Loop(body, node)
    # before opset 9 a Scan is over a batch; one over a range is none where there is no range
    scans = body.whole.opset >= (9 if loop.xs else 11)
    if loop.condition is None and loop.count is None and scans:
        _scan(body, loop)
    else:
        _loop(body, loop)


def _scan(body: Nodes, loop: _Loop) -> None:
    whole = body.whole
    xs = list(loop.xs)
    arguments = loop.body.inputs
    carries = [whole.fresh("carry") for _ in loop.carries]
    rows = [whole.fresh("row") for _ in xs]
    infos = [_info(n, v) for n, v in zip([*carries, *rows], arguments)]
    inner = body.inner()
    if not xs:  # a Scan runs over something
        xs = [whole.sizes.range_of(loop.length)]
        infos.append(_info(whole.fresh("row"), None))
    results = loop.written(inner, carries, rows)
    graph = inner.proto(whole.fresh("body"), infos, results)
    finals = [body.called(v, "scan") for v in loop.finals]
    stacked = [body.called(v, "rows") for v in loop.rows]
    made = [whole.fresh("turned") for _ in stacked] if loop.reverse else stacked
    xs = [_turned(body, x) for x in xs] if loop.reverse else xs
    body.add("Scan", [*loop.carries, *xs], [*finals, *made], body=graph, num_scan_inputs=len(xs))
    if loop.reverse:
        for name, turned in zip(stacked, made):
            _turned(body, turned, name)
    if loop.steps in whole.read:
        body.names[loop.steps] = whole.sizes.number(loop.length)


def _turned(body: Nodes, name: str, to: str | None = None) -> str:
    """The rows from the last to the first; the evaluator of the package onnx knows no directions."""
    if body.whole.opset < 10:
        return body.add("Gather", [name, _backwards(body, name)], None if to is None else [to], axis=0)
    last, first = body.whole.constant(np.array([-1])), body.whole.constant(np.array([0]))
    operands = [name, last, body.whole.constant(np.array([-(2**62)])), first, last]
    return body.add("Slice", operands, None if to is None else [to])


def _backwards(body: Nodes, name: str) -> str:
    """The places of an array's rows from the last to the first, by a loop that counts, before there are ranges."""
    whole = body.whole
    zero = whole.constant(np.array([0]))
    count = body.add("Gather", [body.add("Shape", [name]), zero], axis=0)
    scalar = whole.constant(np.zeros(0, np.int64))
    step, going, place = whole.fresh("step"), whole.fresh("going"), whole.fresh("place")
    inner = body.inner()
    before = inner.add("Sub", [place, whole.constant(np.array(1))])
    results = [_bool(inner.add("Identity", [going])), _info(before, None), _info(inner.add("Identity", [before]), None)]
    graph = inner.proto(whole.fresh("body"), [_info(step, None), _bool(going), _info(place, None)], results)
    total = body.add("Reshape", [count, scalar])
    _, rows = names = whole.fresh("place"), whole.fresh("places")
    body.add("Loop", [total, whole.constant(np.array(True)), total], names, body=graph)
    return body.add("Reshape", [rows, whole.constant(np.array([-1]))])


def _loop(body: Nodes, loop: _Loop) -> None:
    whole = body.whole
    length = whole.sizes.number(loop.length)
    limit = length if loop.count is None else body.least(length, loop.count)
    first = whole.constant(np.array(True))
    if loop.condition is not None:
        first = _condition(body, loop, loop.carries)
    # arguments of a body: the number of the step, the condition, what is carried, last how many steps there were
    step, going = whole.fresh("step"), whole.fresh("going")
    carries = [whole.fresh("carry") for _ in loop.carries]
    before = whole.fresh("steps")
    inner = body.inner()
    one = whole.constant(np.array(1))
    at = step
    if loop.reverse:
        at = inner.add("Sub", [inner.add("Sub", [limit, one]), step])
    rows = [inner.add("Gather", [x, at], axis=0) for x in loop.xs]
    results = loop.written(inner, carries, rows)
    after = [info.name for info in results[: loop.n]]
    go_on = inner.add("Identity", [going]) if loop.condition is None else _condition(inner, loop, after)
    steps = inner.add("Add", [before, one])
    infos = [
        _info(step, None),
        _bool(going),
        *(_info(n, v) for n, v in zip(carries, loop.body.inputs)),
        _info(before, None),
    ]
    given = [_bool(go_on), *results[: loop.n], _info(steps, None), *results[loop.n :]]
    graph = inner.proto(whole.fresh("body"), infos, given)
    finals = [body.called(v, "loop") for v in loop.finals]
    taken = body.called(loop.steps, "steps")
    stacked = [whole.fresh("rows") for _ in loop.rows]
    start = whole.constant(np.array(0))
    body.add("Loop", [limit, first, *loop.carries, start], [*finals, taken, *stacked], body=graph)
    for name, value in zip(stacked, loop.rows):
        _filled(body, loop, name, value, taken)


def _bool(name: str) -> Any:
    from onnx import helper

    return helper.make_tensor_value_info(name, element(bool_), [])


def _condition(body: Nodes, loop: _Loop, carries: Sequence[str]) -> str:
    assert loop.condition is not None
    graph = loop.condition
    inner = body.inner()
    inner.names.update(zip(graph.inputs, [*carries, *loop.captured]))
    inner.nodes = body.nodes
    for node in graph.nodes:  # it is written twice, before the loop and in it
        for v in node.outputs:
            if node.op.name != "constant":
                inner.names.pop(v, None)
    inner.write(graph.nodes)
    return inner.name(graph.outputs[0])


def _filled(body: Nodes, loop: _Loop, name: str, value: Value, taken: str) -> None:
    """The rows that there are, in order, and zeros for those of steps that did not run, where anything reads them."""
    whole = body.whole
    if value.ndim != 2:  # the package's evaluator stacks rows as np.vstack does
        name = body.add("Reshape", [name, whole.sizes.vector((-1, *value.shape[1:]))])
    if loop.reverse:
        name = _turned(body, name)
    if loop.condition is None and loop.count is None:  # all of them
        body.add("Identity", [name], [body.called(value, "rows")])
        return
    if value not in whole.read_whole:
        body.names[value] = name
        return
    missing = body.add(
        "Sub", [whole.sizes.one(loop.length), body.add("Reshape", [taken, whole.constant(np.array([1]))])]
    )
    shape = missing
    if value.ndim > 1:
        shape = body.add("Concat", [missing, whole.sizes.vector(value.shape[1:])], axis=0)
    zero = body.add("Tile", [whole.constant(np.zeros((1,) * value.ndim, value.dtype)), shape])
    body.add("Concat", [name, zero], [body.called(value, "rows")], axis=0)
