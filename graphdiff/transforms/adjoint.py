"""The backward graph as a value: which nodes it has, which forward node each belongs to, by which rule.

Must not know: how it is drawn (inspect) or run (runtime).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ..errors import GraphError
from ..ir.graph import LEAVES, Graph, Node, Source, Value, deriving, topological
from ..ops.tensor import Tensor, describe, scalar, where_am_i
from .differentiate import Tensors, _check_wrt, flatten, pullback, restore, scalar_loss, zeros_of


class Explanation(NamedTuple):
    """Where an adjoint node comes from."""

    node: Node
    forward: Node | None
    rule: str
    source: Source | None

    def __str__(self) -> str:
        of = f"of {describe(self.forward.outputs[0])} = {self.forward.op.name}" if self.forward else "a forward node"
        at = f" at {self.source}" if self.source else ""
        rule = f" by {self.rule}" if self.rule else ""
        return f"{describe(self.node.outputs[0])} = {self.node.op.name}: {of}{rule}{at}"


class Adjoint:
    """The adjoint graph of a loss. Made by :func:`adjoint`.

    ``forward``, ``backward``: the two halves as lists of nodes in the order they compute; ``gradients``: in the
    structure of ``wrt``; ``str(adj)`` prints both halves.
    """

    def __init__(self, loss: Tensor, wrt: Tensors, gradients: Sequence[Tensor], adjoints: dict[Value, Tensor]):
        self.loss = loss
        self.wrt = wrt
        self.gradients = restore(wrt, gradients)
        self._leaves = flatten(wrt, "adjoint")
        self._gradients = list(gradients)
        self._adjoints = adjoints
        self.forward = [n for n in topological([loss]) if n.op.name not in LEAVES]
        known = set(self.forward)
        self.backward = [n for n in topological(gradients) if n.op.name not in LEAVES and n not in known]
        self._backward = set(self.backward)

    def of(self, node: Node | Tensor) -> Any:
        """The adjoint of a forward value; for a node with several results a tuple. None where there is none.

        ``node``: a node of ``forward``, or a Tensor."""
        if isinstance(node, Value):
            return self._adjoints.get(node)
        found = tuple(self._adjoints.get(y) for y in node.outputs)
        return found[0] if len(found) == 1 else found

    def explain(self, node: Node | Tensor) -> Explanation:
        """The forward node that an adjoint node belongs to, the rule that made it, the user's source line.

        Raises GraphError for what is not of this adjoint."""
        if isinstance(node, Value):
            node = node.node
        if node in self._backward and node.origin is not None:
            return Explanation(node, node.origin.node, node.origin.rule, node.origin.node.source)
        if node in self._backward or node in self.forward:
            return Explanation(node, None, "", node.source)
        raise GraphError(f"{node!r} is not of this adjoint", source=where_am_i())

    def graph(self, name: str = "step") -> Graph:
        """Loss and gradients as one graph."""
        inputs = [n.outputs[0] for n in topological([self.loss, *self._gradients]) if n.op.name == "input"]
        return Graph(name, inputs, [self.loss, *self._gradients])


def adjoint(loss: Tensor, wrt: Tensors) -> Adjoint:
    """The backward graph of a 0-d ``loss`` by ``wrt`` as a value that can be read, edited and compiled.

    Raises as :func:`graphdiff.grad`. Example::

        adj = gd.adjoint(loss, [W, b])
        print(adj)
        print(adj.explain(adj.backward[3]))
    """
    loss, xs = scalar_loss("adjoint", loss), flatten(wrt, "adjoint")
    _check_wrt("adjoint", xs)
    with deriving(loss.node, "seed"):
        seed = scalar(1, loss.dtype)
    gs, adjoints = pullback([loss], [seed], xs)
    return Adjoint(loss, wrt, [zeros_of(x) if g is None else g for x, g in zip(xs, gs)], adjoints)
