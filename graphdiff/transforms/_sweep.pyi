"""Types of the compiled extension; what each thing does is told in _sweep.pyx."""

from collections.abc import Callable

from ..ir.graph import Graph
from ..ir.node import Node, Value
from .rules import Table

class Sweep:
    became: dict[Value, Value]
    def __init__(
        self,
        table: Table | None,
        folds: bool,
        merges: bool,
        known: dict[str, Graph],
        last: int,
        labels: dict[Value, str],
        simple: Callable[[Graph], tuple[Graph, dict[Value, Value]]],
    ) -> None: ...
    def visit(self, nodes: list[Node]) -> None: ...
