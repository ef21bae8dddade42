"""The names of a graph while it is read: what value each has, and what each is used as.

Must not know: how nodes are read.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

from ...ops.tensor import Tensor
from .known import Known

Value: TypeAlias = Tensor | Known


@dataclass(slots=True)
class Roles:
    """Names by what they are used as. ``data``: as numbers to compute with."""

    data: set[str] = field(default_factory=set)
    settings: set[str] = field(default_factory=set)
    states: set[str] = field(default_factory=set)

    def is_setting(self, name: str) -> bool:
        return name in self.settings and name not in self.data


class Scope:
    """The values of names in a graph, which those of graphs inside it see; ``attributes``: those of the call of the
    function that the graph is the body of; ``owner``: that function's name."""

    __slots__ = ("values", "parent", "opsets", "attributes", "roles", "owner", "depth")

    def __init__(
        self,
        parent: Scope | None,
        opsets: dict[str, int],
        roles: Roles,
        attributes: dict[str, Any] | None = None,
        owner: str = "",
        depth: int = 0,
    ):
        self.values: dict[str, Value] = {}
        self.parent, self.opsets, self.roles = parent, opsets, roles
        self.attributes, self.owner, self.depth = attributes or {}, owner, depth

    def find(self, name: str) -> Value | None:
        scope: Scope | None = self
        while scope is not None:
            found = scope.values.get(name)
            if found is not None:
                return found
            scope = scope.parent
        return None

    def inner(self) -> Scope:
        """The scope of a branch or a body in this one."""
        return Scope(self, self.opsets, self.roles, self.attributes, self.owner, self.depth + 1)
