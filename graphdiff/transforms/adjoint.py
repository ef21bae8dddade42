"""The backward graph as a value: which nodes it has, which forward node each belongs to, by which rule.

Must not know: how it is drawn (inspect) or run (runtime).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, overload

from numpy.typing import ArrayLike

from ..errors import GraphError
from ..ir.graph import Form, Graph, format_adjoint
from ..ir.node import LEAVES, NAMED_LEAVES, Leaf, Node, Source, Value, deriving, topological
from ..ir.text import Names, is_inline, type_text
from ..late import given_later
from ..ops.messages import label, where_am_i
from ..ops.naming import labels_of
from ..ops.pickles import together
from ..ops.tensor import Tensor, scalar
from ..ops.trees import flatten
from ..ops.types import Same, Tensors
from ..spelling import Suggesting
from ..wording import count, one_line, quoted
from .differentiate import Terms, check_leaves, pullback, scalar_loss, wrt_of, zeros_of

if TYPE_CHECKING:
    from pathlib import Path


class Explanation(NamedTuple):
    """Where an adjoint node comes from; ``text`` says it with the numbers that ``str(adj)`` gives the values."""

    node: Node
    forward: Node | None
    rule: str
    source: Source | None
    text: str

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return one_line(f"<Explanation: {self.text}>")


@given_later("graphdiff.inspect", "to_dot", "to_svg", "to_html", "_repr_html_")
class Adjoint(Suggesting, Generic[Same]):
    """The adjoint graph of a loss. Made by :func:`adjoint`.

    ``forward``, ``backward``: the two halves as lists of nodes in the order they compute; ``gradients``: in the
    structure of ``wrt``; ``str(adj)`` prints both halves, ``adj.text()`` all of them however long.
    """

    if TYPE_CHECKING:  # graphdiff.inspect gives the class these, which stands after it

        def to_dot(self) -> str: ...
        def to_svg(self, path: str | Path | None = None) -> str: ...
        def to_html(self, path: str | Path, feed: Mapping[Leaf, ArrayLike] | None = None) -> None: ...

    def __init__(
        self,
        loss: Tensor,
        wrt: Tensors,
        gradients: Sequence[Tensor],
        adjoints: dict[Value, Tensor],
        terms: Terms,
        passed: set[Value],
    ):
        self.loss = loss
        self.wrt = wrt
        self._leaves, tree = flatten("adjoint", wrt, "wrt")
        self.gradients = tree.build(gradients)
        self._gradients = list(gradients)
        self._adjoints = adjoints
        self._terms = terms
        self._passed = passed
        self.forward = [n for n in topological([loss]) if n.op.name not in LEAVES]
        self._forward = set(self.forward)
        self.backward = [n for n in topological(gradients) if n.op.name not in LEAVES and n not in self._forward]
        self._backward = set(self.backward)

    def __reduce__(self) -> Any:
        """Pickled by the text of both halves, as Tensors are."""
        values = [self.loss, *self._gradients, *self._adjoints.values(), *self._terms.values()]
        terms = [((node.outputs[0], i), term) for (node, i), term in self._terms.items()]
        told = self.loss, self.wrt, self._gradients, list(self._adjoints.items()), terms, list(self._passed)
        return _unpickled, (together(values), *told)

    @overload
    def of(self, node: Tensor) -> Tensor | None: ...
    @overload
    def of(self, node: Node) -> Tensor | tuple[Tensor | None, ...] | None: ...
    def of(self, node: Node | Tensor) -> Tensor | tuple[Tensor | None, ...] | None:
        """The adjoint of a forward value; for a node with several results a tuple. None where there is none.

        ``node``: a node of ``forward``, or a Tensor. Where the gradients do not go through a value, as those of
        log(sigmoid(x)) do not through the sigmoid, its adjoint is made when it is asked for."""
        if isinstance(node, Value):
            if node in self._passed:
                self._passed.discard(node)
                (g,), _ = pullback([self.loss], [_seed(self.loss)], [node])
                if g is not None:
                    self._adjoints[node] = g
                    self._backward.update(n for n in topological([g]) if n not in self._forward)
            return self._adjoints.get(node)
        found = tuple(self.of(y) for y in node.outputs)
        return found[0] if len(found) == 1 else found

    def explain(self, node: Node | Tensor) -> Explanation:
        """The forward node that an adjoint node belongs to, the rule that made it, the user's source line.

        Raises GraphError for what is not of this adjoint."""
        if isinstance(node, Value):
            node = node.node
        if node not in self._backward and node not in self._forward:
            raise GraphError(f"{node!r} is not of this adjoint", source=where_am_i())
        y = node.outputs[0]
        text = f"{self._called(y)}: {type_text(y)} = {node.op.name}"
        if node in self._forward or node.origin is None:
            at = f" at {node.source}" if node.source else ""
            return Explanation(node, None, "", node.source, f"{text}, a forward node{at}")
        forward, rule = node.origin
        at = f" at {forward.source}" if forward.source else ""
        text += f", of {self._called(forward.outputs[0])} = {forward.op.name} by {rule}{at}"
        return Explanation(node, forward, rule, forward.source, text)

    def _called(self, y: Tensor) -> str:
        """A value's number, and what people call it: ``%3 "h"``."""
        name = "" if y.is_leaf else y.name or self._labels.get(y, "")
        return " ".join([self._names.of(y), *([quoted(name)] if name else [])])

    @cached_property
    def _labels(self) -> dict[Value, str]:
        return labels_of(self.forward)

    @cached_property
    def _halves(self) -> tuple[Graph, list[Node]]:
        """What is printed: the forward graph, and the backward nodes with their constants."""
        inputs = [n.outputs[0] for n in topological([self.loss, *self._gradients]) if n.op.name == "input"]
        graph = Graph("step", inputs, [self.loss])
        printed = set(graph.nodes)
        every = topological(self._gradients)
        return graph, [n for n in every if n.op.name not in NAMED_LEAVES and n not in printed]

    @cached_property
    def _names(self) -> Names:
        """The numbers that ``str(self)`` gives the values."""
        graph, backward = self._halves
        names = Names((*graph.inputs, *graph.parameters))
        for node in (*graph.nodes, *backward):
            if not is_inline(node):
                names.add(node)
        return names

    def text(self) -> str:
        """All of the text of both halves, however long it is."""
        return self._text("whole")

    def _text(self, form: Form) -> str:
        graph, backward = self._halves
        return format_adjoint(graph, backward, self._leaves, self._gradients, form)

    def __str__(self) -> str:
        return self._text("short")

    def __repr__(self) -> str:
        wrt = one_line(", ".join(label(x) for x in self._leaves), 80) or "nothing"
        halves = f"{len(self.forward):,} forward, {count(len(self.backward), 'backward node')}"
        return one_line(f"<Adjoint of {self.loss.name or 'loss'} wrt {wrt}: {halves}>")

    def graph(self, name: str = "step") -> Graph:
        """Loss and gradients as one graph."""
        inputs = [n.outputs[0] for n in topological([self.loss, *self._gradients]) if n.op.name == "input"]
        return Graph(name, inputs, [self.loss, *self._gradients])


def _unpickled(_: Any, loss: Tensor, wrt: Any, gradients: Any, adjoints: Any, terms: Any, passed: Any) -> Adjoint[Any]:
    by_node = {(y.node, i): term for (y, i), term in terms}
    return Adjoint(loss, wrt, gradients, dict(adjoints), by_node, set(passed))


def adjoint(loss: Tensor, wrt: Same) -> Adjoint[Same]:
    """The backward graph of a 0-d ``loss`` with respect to ``wrt`` as a value that can be read, edited and compiled.

    Raises as :func:`graphdiff.grad`. Example::

        adj = gd.adjoint(loss, [W, b])
        print(adj)
        print(adj.explain(adj.backward[3]))
    """
    loss = scalar_loss("adjoint", loss)
    xs, _ = wrt_of("adjoint", wrt)
    terms: Terms = {}
    passed: set[Value] = set()
    gs, adjoints = pullback([loss], [_seed(loss)], xs, terms, passed)
    check_leaves("adjoint", [loss], [x for x, g in zip(xs, gs) if g is None])
    return Adjoint(loss, wrt, [zeros_of(x) if g is None else g for x, g in zip(xs, gs)], adjoints, terms, passed)


def _seed(loss: Tensor) -> Tensor:
    with deriving(loss.node, "seed"):
        return scalar(1, loss.dtype)
