"""What each array of a model is for: trained, a running statistic, or a setting of some operator.

Owns: :func:`settings_of`. A value is a setting where all that uses it are operands that say how and not what of
(Reader.settings), through operators that only rearrange or count, as Concat and Cast.
Must not know: Tensors, values.
"""

from __future__ import annotations

from .fold import FOLDS
from .scope import Roles
from .source import GraphView, ModelView, NodeView
from .table import reader_of


class _Walk:
    def __init__(self, model: ModelView):
        self.model = model
        self.functions: dict[tuple[str, str], Roles] = {}

    def graph(self, graph: GraphView, roles: Roles) -> None:
        roles.data.update(graph.outputs)
        for node in reversed(graph.nodes):
            self.node(node, roles)

    def node(self, node: NodeView, roles: Roles) -> None:
        for inner in node.graphs():
            self.graph(inner, roles)
        key = (node.domain, node.op)
        function = self.model.functions.get(key)
        reader = reader_of(*key)
        if function is not None:
            inside = self.function(key, function)
            for name, formal in zip(node.inputs, function.inputs):
                self._as(inside, formal, name, roles)
            return
        used = [name for name in node.outputs if name in roles.data or name in roles.settings or name in roles.states]
        state = bool(used) and node.op == "Identity" and all(name in roles.states for name in used)
        passes = key in FOLDS and bool(used) and all(map(roles.is_setting, used))
        for i, name in enumerate(node.inputs):
            if state or (reader is not None and i in reader.states):
                roles.states.add(name)
            elif passes or (reader is not None and i in reader.settings):
                roles.settings.add(name)
            else:
                roles.data.add(name)

    def function(self, key: tuple[str, str], function: GraphView) -> Roles:
        if key not in self.functions:
            roles = self.functions[key] = Roles()
            self.graph(function, roles)
        return self.functions[key]

    @staticmethod
    def _as(inside: Roles, formal: str, name: str, roles: Roles) -> None:
        if formal in inside.states:
            roles.states.add(name)
        elif inside.is_setting(formal):
            roles.settings.add(name)
        else:
            roles.data.add(name)


def roles_of(model: ModelView) -> tuple[Roles, dict[tuple[str, str], Roles]]:
    """Roles of the names of a model's graph with its subgraphs, and of each function's."""
    walk, roles = _Walk(model), Roles()
    walk.graph(model.graph, roles)
    return roles, walk.functions
