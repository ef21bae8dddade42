"""Which step of a loop, and which node of it, made the first result that is not finite: the loop is run again step by
step, as is the branch that a call took.

Must not know: how an error is told, which instruction it was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ..ir.dims import evaluate, shape_at
from ..ir.dtypes import FLOATS
from ..ir.graph import Graph
from ..ir.node import Node, Value, topological
from ..ops.leaves import input as placeholder
from ..ops.loop import LoopParts
from ..ops.registry import Branch, Loop
from ..transforms.retype import at_sizes
from . import _core
from .compiled import CompiledGraph

MOST = 100_000  # steps that are run again


class Inside(NamedTuple):
    """``node``, with the ``arrays`` of what it reads and makes, and ``where`` it is:
    "step 3 (from 0) of the loop at x.py:4"."""

    node: Node
    arrays: dict[Value, np.ndarray]
    where: str


class _Again:
    """An inner graph that is run again and again, all of its values kept."""

    def __init__(self, graph: Graph, operands: Sequence[np.ndarray], sizes: Mapping[str, int]):
        self.inputs = [placeholder(f"x{k}", shape_at(v.shape, sizes), v.dtype) for k, v in enumerate(graph.inputs)]
        self.outputs = at_sizes(graph.outputs, dict(zip(graph.inputs, self.inputs)), sizes)
        self.values = [v for node in topological(self.outputs, stop=self.inputs) for v in node.outputs]
        whole = Graph("inside", self.inputs, self.values)
        program = CompiledGraph(whole, [], None, False)
        planned = program.planned(program.sizes.bind([a.shape for a in operands]))
        self._context = _core.Context(planned.program, program.threads)
        self._given = planned.given

    def run(self, operands: Sequence[np.ndarray]) -> dict[Value, np.ndarray]:
        made = [np.empty(v.shape, v.dtype) for v in self.values]
        self._context.run([*operands, *self._given], made, [])
        return dict(zip((*self.inputs, *self.values), (*operands, *made)))


def inside(node: Node, operands: Sequence[np.ndarray], sizes: Mapping[str, int]) -> Inside | None:
    """What in a loop or branch at these ``operands`` is to blame; None where ``node`` is neither, or nothing is."""
    kernel = type(node.op.kernel)
    operands = [np.array(a, order="C") for a in operands]
    if kernel is Branch:
        body = node.attrs["if_true" if operands[0] else "if_false"]
        again = _Again(body, operands[1:], sizes)
        return _blamed(again, again.run(operands[1:]), again.outputs, f"the branch{_at(node)}")
    return _in_loop(node, operands, sizes) if kernel is Loop else None


def _in_loop(node: Node, operands: list[np.ndarray], sizes: Mapping[str, int]) -> Inside | None:
    p = LoopParts(node)
    length = evaluate(p.length, sizes)
    if p.counted:
        length = min(length, int(operands.pop()))
    carries, rows, captured = operands[: p.n], operands[p.n : p.n + p.m], operands[p.n + p.m :]
    body = condition = None
    for k in range(min(length, MOST)):
        if p.condition is not None:
            condition = condition or _Again(p.condition, [*carries, *captured], sizes)
            known = condition.run([*carries, *captured])
            if not known[condition.outputs[0]]:
                break
        step = length - 1 - k if p.reverse else k
        given = [*carries, *(np.array(x[step], order="C") for x in rows), *captured]
        body = body or _Again(p.body, given, sizes)
        arrays = body.run(given)
        found = _blamed(body, arrays, body.outputs, f"step {step} (from 0) of the loop{_at(node)}")
        if found is not None:
            return found
        carries = [arrays[v] for v in body.outputs[: p.n]]
    return None


def _at(node: Node) -> str:
    return f" at {node.source}" if node.source else ""


def _blamed(again: _Again, arrays: dict[Value, np.ndarray], outputs: Sequence[Value], where: str) -> Inside | None:
    """The node from finite operands that the first result which is not finite comes from."""

    def broken(v: Value) -> bool:
        return v in arrays and v.dtype in FLOATS and not np.isfinite(arrays[v]).all()

    given = set(again.inputs)
    v = next((y for y in outputs if broken(y)), None)
    while v is not None and v not in given:
        before = next((x for x in v.node.inputs if broken(x)), None)
        if before is None or before in given:
            deeper = inside(v.node, [_array(x, arrays) for x in v.node.inputs], {})
            if deeper is not None:
                return deeper._replace(where=f"{deeper.where}, in {where}")
            return Inside(v.node, arrays, where)
        v = before
    return None


def _array(v: Value, arrays: dict[Value, np.ndarray]) -> np.ndarray:
    return arrays[v] if v in arrays else np.asarray(v.node.attrs["value"])
