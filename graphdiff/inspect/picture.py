"""What every drawing of a graph is made from: boxes in topological order, by number.

Invariants: a box's operands have smaller numbers; 0-d constants have no box and stand where they are used, as in the
text; names are those that ``str`` of the same thing prints. Linear time, no recursion over nodes.
Must not know: where boxes are drawn, or in which format.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod

from ..errors import GraphError
from ..ir.dims import Dim
from ..ir.graph import Graph
from ..ir.node import LEAVES, NAMED_LEAVES, Node, Value, topological
from ..ir.text import Names, implied_dtype, is_inline, name_text, type_text
from ..lower.phases import phases
from ..ops.messages import where_am_i
from ..ops.tensor import Tensor
from ..runtime.function import Function
from ..transforms.adjoint import Adjoint
from ..wording import quoted

PHASES = ("leaf", "forward", "backward", "update", "recompute")
Drawable = Adjoint | Function | Graph | Tensor


@dataclass(eq=False)
class Box:
    """One node as drawn. ``phase``: leaf, forward, backward or update; ``partner``: the box of the forward node that
    this one is of; ``gradient_of``: the box whose adjoint this one holds."""

    id: int
    node: Node
    name: str
    phase: str
    inputs: list[int]
    partner: int | None = None
    gradient_of: int | None = None
    outputs: list[str] = field(default_factory=list)

    @property
    def called(self) -> str:
        """The name, and what people call the value: ``%3 "h"``."""
        given = [v.name for v in self.node.outputs if v.name and not v.is_leaf]
        return " ".join([self.name, *map(quoted, given)])

    @property
    def op(self) -> str:
        return self.node.op.name

    @property
    def types(self) -> str:
        return self.outputs[0] if len(self.outputs) == 1 else f"({', '.join(self.outputs)})"

    @property
    def rule(self) -> str:
        return self.node.origin.rule if self.node.origin else ""

    @property
    def source(self) -> str:
        return str(self.node.source) if self.node.source else ""

    @property
    def bytes(self) -> str:
        """The size of all results: a number, or an expression of named sizes."""
        total = 0
        symbolic = []
        for v in self.node.outputs:
            known = prod(s for s in v.shape if not isinstance(s, Dim)) * v.dtype.itemsize
            names = [str(s) for s in v.shape if isinstance(s, Dim)]
            if names:
                symbolic.append(" × ".join([str(known), *names]))
            else:
                total += known
        return " + ".join([*symbolic, f"{total:,}"] if total or not symbolic else symbolic)


class Picture:
    """The boxes of a graph, an adjoint, a compiled function or all that a Tensor depends on.

    ``roles``: what people call the results, as (role, box) pairs: outputs, gradients and updates.
    """

    def __init__(self, what: Drawable):
        self.boxes: list[Box] = []
        self.box_of: dict[Node, Box] = {}
        self.roles: list[tuple[str, Box]] = []
        adjoints: list[tuple[Value, Value]] = []
        if isinstance(what, Adjoint):
            graph, backward = what._halves
            self.title = f"adjoint of {graph.name}"
            phase = {**dict.fromkeys(graph.nodes, "forward"), **dict.fromkeys(backward, "backward")}
            nodes = [*graph.nodes, *backward]
            results: list[tuple[str, Value]] = [("loss", what.loss)]
            results += [(f"gradient of {x.name or 'value'}", g) for x, g in zip(what._leaves, what._gradients)]
            adjoints = [(v, g) for v, g in what._adjoints.items()]
        else:
            graph = whole_graph(what)
            self.title = graph.name
            phase, nodes = dict(phases(graph)), list(graph.nodes)
            results = [("output", v) for v in graph.outputs]
            results += [(f"update of {p.name}", v) for p, v in graph.updates]
        self.graph = graph
        held = dict.fromkeys([*graph.inputs, *graph.parameters])
        if isinstance(what, Adjoint):  # gradients may use leaves that the loss does not
            for node in topological(what._gradients):
                if node.op.name in NAMED_LEAVES:
                    held.setdefault(node.outputs[0])
        names = Names(held)
        for v in held:
            self._add(v.node, name_text(v.name), "leaf")
        for node in nodes:
            if is_inline(node):
                continue
            names.add(node)
            self._add(node, ", ".join(names.of(v) for v in node.outputs), phase[node])
        self.names = names
        for value, g in adjoints:
            if value.node in self.box_of and g.node in self.box_of:
                self.box_of[g.node].gradient_of = self.box_of[value.node].id
        for role, v in results:
            if v.node in self.box_of:
                self.roles.append((role, self.box_of[v.node]))

    def _add(self, node: Node, name: str, phase: str) -> None:
        inputs = list(dict.fromkeys(self.box_of[v.node].id for v in node.inputs if v.node in self.box_of))
        box = self.box_of[node] = Box(len(self.boxes), node, name, phase, inputs)
        box.outputs = [type_text(v) for v in node.outputs]
        if node.origin and node.origin.node in self.box_of:
            box.partner = self.box_of[node.origin.node].id
        self.boxes.append(box)

    def call(self, box: Box) -> str:
        """The right-hand side as the text has it, without attributes."""
        implied = implied_dtype(box.node.inputs)
        return f"{box.op}({', '.join(self.names.of(v, implied) for v in box.node.inputs)})"


def whole_graph(what: Drawable) -> Graph:
    """The graph of a function, a Tensor or an adjoint. Raises GraphError for anything that has none.

    Example: ``print(gd.inspect.whole_graph(loss))``.
    """
    if isinstance(what, Graph):
        return what
    if isinstance(what, Function):
        return what.graph
    if isinstance(what, Adjoint):
        return what.graph()
    if isinstance(what, Value):
        inputs = [n.outputs[0] for n in topological([what]) if n.op.name == "input"]
        return Graph(what.name if what.node.op.name in LEAVES and what.name else "graph", inputs, [what])
    raise GraphError(
        f"expected a graph, an adjoint, a compiled function or a Tensor, got {type(what).__name__}", source=where_am_i()
    )
