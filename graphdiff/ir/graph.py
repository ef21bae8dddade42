"""Graphs closed over their leaves, and their text.

A graph is immutable; nothing here (or anywhere) recurses over its nodes. ir/text.py says what a listing looks like.
Must not know: which operations exist, derivatives, plans.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from numpy.typing import ArrayLike

from ..errors import GraphError
from ..late import given_later
from ..spelling import Suggesting
from ..wording import count, left_out, one_line
from .node import Leaf, Node, Source, Value, topological
from .text import (
    STORED,
    Names,
    Room,
    attr_text,
    comment,
    implied_dtype,
    is_inline,
    is_literal,
    literal,
    name_text,
    type_text,
    types_text,
)

if TYPE_CHECKING:
    from pathlib import Path

_COMMENT_COLUMN = 49
Form: TypeAlias = Literal["short", "whole", "exact"]  # of a text: for a print, for reading back, for files


@given_later("graphdiff.inspect", "to_dot", "to_svg", "to_html", "_repr_html_")
class Graph(Suggesting):
    """A set of outputs and updates closed over named leaves.

    ``inputs``: input leaves in the order of feeding; ``parameters``: parameter and state leaves in first-use
    order; ``outputs``: values; ``updates``: (parameter or state, new value) pairs; ``nodes``: all that compute,
    in topological order, leaves other than constants excluded. ``str(graph)`` prints it, up to 1,000 nodes as a whole;
    ``graph.text()`` is all of it, which ``gd.parse`` reads back.
    """

    if TYPE_CHECKING:  # graphdiff.inspect gives the class these, which stands after it

        def to_dot(self) -> str: ...
        def to_svg(self, path: str | Path | None = None) -> str: ...
        def to_html(self, path: str | Path, feed: Mapping[Leaf, ArrayLike] | None = None) -> None: ...

    def __init__(
        self,
        name: str,
        inputs: Sequence[Value],
        outputs: Sequence[Value],
        updates: Sequence[tuple[Value, Value]] = (),
        parameters: Sequence[Value] = (),
    ):
        self.name = name
        # Values here, as a node's, which are Tensors wherever a rule or a user made them
        self.inputs: tuple[Any, ...] = tuple(inputs)
        self.outputs: tuple[Any, ...] = tuple(outputs)
        self.updates = tuple(updates)
        every = topological([*self.outputs, *(v for _, v in self.updates)], stop=self.inputs)
        held = dict.fromkeys(parameters)
        self.nodes = []
        for node in every:
            if not node.inputs:
                if node.op.name == "input":
                    self._foreign(node)
                if node.op.name in ("parameter", "state"):
                    held[node.outputs[0]] = None
                    continue
            self.nodes.append(node)
        held.update((p, None) for p, _ in self.updates)
        self.parameters = tuple(held)
        by_name: dict[str, Value] = {}
        for leaf in (*self.inputs, *self.parameters):
            first = by_name.setdefault(leaf.name, leaf)
            if first is not leaf:
                raise GraphError(same_name(first.node, leaf.node), source=_at(leaf.node.source))

    def _foreign(self, node: Node) -> None:
        known = ", ".join(v.name for v in self.inputs) or "none"
        same = next((v.node for v in self.inputs if v.name == node.name), None)
        if same is not None:  # a cell that was run again made another input of that name
            raise GraphError(
                f"the input {node.name!r} that is used was made at {node.source}; the one that is listed is another, "
                f"made at {same.source}: build the graph again with that one, or list the one that is used",
                source=_at(node.source),
            )
        if node.attrs.get("argument"):
            raise GraphError(
                f"{node.name!r} is an argument of a function that was given, as to gd.scan or gd.vmap, and is used "
                "outside of it; return what is needed from that function",
                source=_at(node.source),
            )
        raise GraphError(
            f"input {node.name!r} is used but not listed among the inputs ({known})", source=_at(node.source)
        )

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes)

    def __len__(self) -> int:
        return len(self.nodes)

    def text(self) -> str:
        """All of the text, however long it is; what ``gd.parse`` reads back."""
        return _text(self, "whole")

    def __str__(self) -> str:
        return _text(self, "short")

    def __repr__(self) -> str:
        return one_line(f"<Graph {self.name}: {count(len(self.inputs), 'input')}, {count(len(self.nodes), 'node')}>")


def same_name(first: Node, second: Node) -> str:
    """What is said of two leaves of one name, with the lines that made them."""
    kinds = [n.op.name for n in (first, second)]
    lines = [str(n.source) if n.source else "a line unknown" for n in (first, second)]
    if kinds[0] == kinds[1]:
        told = f"two {kinds[0]}s are called {first.name!r}: {lines[0]} and {lines[1]}"
    else:
        told = f"two leaves are called {first.name!r}: the {kinds[0]} of {lines[0]} and the {kinds[1]} of {lines[1]}"
    return f"{told}; names must differ"


def exact_text(graph: Graph) -> str:
    """The text that files have: numbers of sizes have lines of their own where they are computed, so that what reads
    it back has the same nodes in the same order."""
    return _text(graph, "exact")


def shared(graph: Graph, known: dict[str, Graph]) -> Graph:
    """The first of the graphs of equal text: nodes whose bodies are equal are found to be equal by identity, in a graph
    that was read from text as in the one that was printed. A text that shows what does not read back equals none."""
    text = exact_text(graph)
    return graph if "=<" in text else known.setdefault(text, graph)


def _at(source: Source | None) -> str | None:
    return str(source) if source else None


def _header(graph: Graph) -> str:
    leaves = ", ".join(f"{name_text(v.name)}: {type_text(v)}" for v in (*graph.inputs, *graph.parameters))
    return f"{name_text(graph.name)}({leaves}) -> {types_text(graph.outputs)}:"


def _node_lines(node: Node, names: Names, indent: str, out: list[str], form: Form) -> None:
    """Appends the line of a node to ``out``, after its inner graphs."""
    implied = implied_dtype(node.inputs)
    arguments = [names.of(v, implied) for v in node.inputs]
    if node.op.name == "constant":
        arguments.append(literal(node.attrs["value"], names.room))
    else:
        for key, value in node.attrs.items():
            if isinstance(value, Graph):
                out.append(f"{indent}body @{names.bodies} {_header(value)}")
                _body_lines(value, indent + "  ", out, form, names.room)
                arguments.append(f"{key}=@{names.bodies}")
                names.bodies += 1
            else:
                arguments.append(f"{key}={attr_text(value)}")
    names.add(node)
    results = ", ".join(names[id(v)] for v in node.outputs)
    line = f"{indent}{results}: {types_text(node.outputs)} = {node.op.name}({', '.join(arguments)})"
    behind = comment(node, names)
    out.append(f"{line.ljust(_COMMENT_COLUMN)}  # {behind}" if behind else line)


def _every_line(nodes: Sequence[Node], names: Names, indent: str, out: list[str], form: Form) -> None:
    """The lines of the nodes that have one."""
    hidden = is_literal if form == "exact" else is_inline
    nodes = [n for n in nodes if not hidden(n)]
    missing = left_out(len(nodes)) if form == "short" else range(0)
    for node in nodes[: missing.start] if missing else nodes:
        _node_lines(node, names, indent, out, form)
    if not missing:
        return
    out.append(f"{indent}... {len(missing):,} of {len(nodes):,} nodes are left out; text() has all of them")
    for node in nodes[missing.start : missing.stop]:
        names.add(node)
        names.bodies += sum(isinstance(a, Graph) for a in node.attrs.values())
    for node in nodes[missing.stop :]:
        _node_lines(node, names, indent, out, form)


def _body_lines(graph: Graph, indent: str, out: list[str], form: Form, room: Room | None = None) -> Names:
    names = Names((*graph.inputs, *graph.parameters), room)
    for kind in STORED:
        held = [name_text(p.name) for p in graph.parameters if p.node.op.name == kind]
        if held:
            out.append(f"{indent}{kind}s: {', '.join(held)}")
    _every_line(graph.nodes, names, indent, out, form)
    out.append(f"{indent}return {', '.join(map(names.of, graph.outputs))}".rstrip())
    for target, value in graph.updates:
        out.append(f"{indent}update {names.of(target)} = {names.of(value)}")
    return names


def _text(graph: Graph, form: Form) -> str:
    """The text of a graph in a form."""
    out = [f"graph {_header(graph)}"]
    _body_lines(graph, "  ", out, form)
    return "\n".join(out)


def format_adjoint(
    graph: Graph, backward: Sequence[Node], wrt: Sequence[Value], gradients: Sequence[Value], form: Form = "whole"
) -> str:
    """The text of a forward graph and, numbered on, of the nodes of its adjoint::

        adjoint of step wrt W:
          %7: f32[batch,10] = tanh_vjp(...)                # of %1
          return %9

    ``backward``: nodes in the order they compute; ``gradients``: those of ``wrt``; ``form``: "short" shows of
    many nodes those at both ends of each half.
    """
    out = [f"graph {_header(graph)}"]
    names = _body_lines(graph, "  ", out, form)
    out.append(f"adjoint of {name_text(graph.name)} wrt {', '.join(map(names.of, wrt))}:")
    _every_line(backward, names, "  ", out, form)
    out.append(f"  return {', '.join(map(names.of, gradients))}".rstrip())
    return "\n".join(out)
