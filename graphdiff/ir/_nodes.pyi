"""Types of the compiled extension; what each thing does is told in _nodes.pyx."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from .dims import Shape
from .node import Node, Origin, Source, Value

def learn(
    node_class: type[Node],
    value_class: type[Value],
    source_class: type[Source],
    origin_class: type[Origin],
    ambient: object,
    no_attrs: dict[str, Any],
    cell: Callable[[str], str],
    inside: Callable[[str], bool],
) -> None: ...
def results_are(value_class: type[Value]) -> None: ...
def origin_of(node: Node, rule: str) -> Origin: ...
def newest() -> int: ...
def new_node(
    op: object,
    inputs: tuple[Value, ...],
    attrs: dict[str, Any],
    results: Sequence[tuple[Shape, np.dtype]],
    value_class: type[Value],
) -> Node: ...
def make(op: object, inputs: tuple[Any, ...], attrs: dict[str, Any] | None = None) -> Any: ...
def over(like: Node, inputs: tuple[Value, ...], origin: Origin | None, attrs: dict[str, Any] | None = None) -> Node: ...
def user_source() -> Source | None: ...
def of_kinds(nodes: Iterable[Node], *kinds: type) -> list[Node]: ...
def topological(outputs: Iterable[Value], stop: Iterable[Value] = ()) -> list[Node]: ...
