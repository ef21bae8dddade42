"""Whether a model can be read at all, told before anything is built: its operators, their attributes, their order.

Owns: the list of operators without a rule; bodies of the standard's own functions; sorting by what depends on what.
Must not know: values, rules.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator

from ...errors import GraphError, UnsupportedOperator
from ...ops.messages import where_am_i
from ...spelling import did_you_mean
from .call import Call
from .source import GraphView, ModelView, NodeView, attribute_value, function_view
from .table import reader_of

NEWEST = 2**31 - 1  # an opset, as the package onnx counts them


def check_supported(view: ModelView) -> None:
    """Raises UnsupportedOperator with all operators of the model, its functions and subgraphs that have no rule."""
    missing = unsupported(view)
    if missing:
        raise UnsupportedOperator(view.label, dict(missing.most_common()), where_am_i())


def unsupported(view: ModelView) -> Counter[str]:
    """The operators that have no rule, with how often each stands in the model."""
    missing: Counter[str] = Counter()
    for graph, opsets in _graphs(view):
        for node in nodes_of(graph):
            key = (node.domain, node.op)
            if key not in view.functions and reader_of(*key) is None and not has_body(node, opsets):
                missing[f"{node.domain}.{node.op}" if node.domain else node.op] += 1
    return missing


def check_attributes(view: ModelView) -> None:
    """Raises GraphError for an attribute that an operator has not, which nothing would read."""
    import onnx

    for graph, opsets in _graphs(view):
        for node in nodes_of(graph):
            if not node.attrs or (node.domain, node.op) in view.functions:
                continue
            version = min(opsets.get(node.domain, 1), NEWEST)
            try:
                known = onnx.defs.get_schema(node.op, version, node.domain).attributes
            except onnx.defs.SchemaError:
                continue
            for name in node.attrs:
                if name not in known:
                    told = f"{node.label}: {node.op} of opset {version} has no attribute {name!r}"
                    raise GraphError(told + did_you_mean(name, known), source=where_am_i())


def _graphs(view: ModelView) -> list[tuple[GraphView, dict[str, int]]]:
    """The graphs of a model with what their operators are of: its own, and those of its functions."""
    return [(view.graph, view.opsets), *((f, f.opsets) for f in view.functions.values())]


def nodes_of(graph: GraphView) -> Iterator[NodeView]:
    """All nodes of a graph and of those inside it."""
    waiting = [graph]
    while waiting:
        for node in waiting.pop().nodes:
            yield node
            waiting += node.graphs()


def has_body(node: NodeView, opsets: dict[str, int]) -> bool:
    """Whether the standard gives the operator a body of other operators, all of which can be read."""
    import onnx

    try:
        schema = onnx.defs.get_schema(node.op, opsets.get(node.domain, 1), node.domain)
    except onnx.defs.SchemaError:
        return False
    body = function_view(schema.function_body)
    return bool(body.nodes) and all(reader_of(n.domain, n.op) is not None for n in nodes_of(body))


def function_of(call: Call) -> GraphView | None:
    """The standard's body of a node's operator."""
    import onnx

    schema = onnx.defs.get_schema(call.node.op, call.opset, call.node.domain)
    body = function_view(schema.function_body)
    if not body.nodes:
        return None
    if not body.opsets:
        body.opsets = {"": call.opset}
    for name, attribute in schema.attributes.items():
        if name not in body.attributes and attribute.default_value.type:
            body.attributes[name] = attribute_value(attribute.default_value)
    return body


def in_order(graph: GraphView, known: Callable[[str], bool]) -> list[NodeView]:
    """The nodes of a graph, each after those whose results it uses; as they stand where they already do. ``known``:
    whether a name has a value before the first. Raises GraphError for a cycle, and for a name that nothing gives or
    that two nodes do."""
    made: set[str] = set()
    for node in graph.nodes:
        for name in filter(None, node.outputs):
            if name in made:
                raise GraphError(f"{node.label} gives {name!r}, which another node gives too", source=where_am_i())
            made.add(name)
    done: set[str] = set()
    out: list[NodeView] = []
    late: list[NodeView] = []
    for node in graph.nodes:
        ready = not late and all(name in done or name not in made for name in _used(node))
        (out if ready else late).append(node)
        if ready:
            done.update(node.outputs)
    if late:
        out += _sorted(late, made, done)
    for node in out:
        for name in node.inputs:
            if name and name not in made and name not in graph.inputs and not known(name):
                told = f"{node.label} uses {name!r}, which is no input, no initializer and no node's result"
                raise GraphError(told, source=where_am_i())
    return out


def _used(node: NodeView) -> set[str]:
    """The names that a node and the graphs in it use."""
    names = {name for name in node.inputs if name}
    for graph in node.graphs():
        inside = set(graph.inputs) | set(graph.arrays)
        used = set(graph.outputs)
        for inner in graph.nodes:
            used |= _used(inner)
            inside.update(inner.outputs)
        names |= used - inside
    return names


def _sorted(nodes: list[NodeView], made: set[str], done: set[str]) -> list[NodeView]:
    waits = {i: {n for n in _used(node) if n in made and n not in done} for i, node in enumerate(nodes)}
    users: dict[str, list[int]] = {}
    for i, names in waits.items():
        for name in names:
            users.setdefault(name, []).append(i)
    ready = deque(i for i, names in waits.items() if not names)
    out = []
    while ready:
        node = nodes[ready.popleft()]
        out.append(node)
        for name in node.outputs:
            for i in users.get(name, ()):
                waits[i].discard(name)
                if not waits[i]:
                    ready.append(i)
    if len(out) < len(nodes):
        stuck = next(node for i, node in enumerate(nodes) if waits[i])
        raise GraphError(f"{stuck.label} depends on its own result: the model has a cycle", source=where_am_i())
    return out
