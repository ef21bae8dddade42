"""Types of the compiled extension; what each thing does is told in _groups.pyx."""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from ..ir.dims import Shape
from ..ir.node import Node, Value
from .loop_forms import Form
from .readers import Reads

class Group:
    nodes: list[Node]
    shape: Shape | None
    phase: str
    axes: tuple[int, ...] | None
    row: tuple[int, ...]
    loads: int
    position: int
    merged: Group | None
    def __init__(self, node: Node, shape: Shape | None, phase: str, axes: tuple[int, ...] | None = None) -> None: ...

def spread(nodes: list[Node], phases: dict[Node, str]) -> list[Node]: ...
def trees(
    nodes: list[Node],
    base: dict[Node, Node],
    forced: set[Node],
    phases: dict[Node, str],
    row_of: dict[Node, Any],
    by_row: Callable[[Node, dict[Node, Group], Any], Group | None],
    most_nodes: int,
    most_loads: int,
) -> dict[Node, Group]: ...
def merge(
    ordered: list[Group],
    group_of: dict[Node, Group],
    base: dict[Node, Node],
    meet: Callable[[Group, Group], bool],
    most_nodes: int,
    most_loads: int,
) -> None: ...
def cross(
    nodes: Iterable[Node],
    group_of: dict[Node, Group],
    forms: Mapping[Node, Form],
    reads: Reads,
    products: Collection[type],
) -> None: ...
def cheap_ones(reads: Reads, group_of: dict[Node, Group], required: Collection[Value]) -> list[Value]: ...
def chain(
    v: Value, g: Group, reads: Reads, group_of: dict[Node, Group], has: dict[Node, None], most: int, most_nodes: int
) -> tuple[list[Node], list[Value]] | None: ...
