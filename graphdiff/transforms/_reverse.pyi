"""Types of the compiled extension; what each thing does is told in _reverse.pyx."""

from collections.abc import Callable, Iterable
from typing import Any

from ..ir.node import Node, Value
from ..ops.tensor import Tensor
from .stable import Form

def activate(nodes: Iterable[Node], active: set[Value]) -> None: ...

class Contributions:
    adjoints: dict[Value, Tensor]
    def __init__(self, total: Callable[[Value, list[Tensor]], Tensor]) -> None: ...
    def add(self, value: Value, g: Tensor) -> bool: ...
    def collect(self, value: Value) -> Tensor | None: ...

def backward(
    nodes: list[Node],
    active: set[Value],
    forms: dict[Node, Form],
    stands_for: dict[Node, Node],
    contributions: Contributions,
    masks: Any,
    terms: dict[tuple[Node, int], Tensor] | None,
    passed: set[Value],
    differentiator: Callable[[Any], Any],
    plain: Any,
    refuse: Callable[[Node, str], None],
) -> None: ...
