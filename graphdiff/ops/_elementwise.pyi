"""Types of the compiled extension; what each thing does is told in _elementwise.pyx."""

from collections.abc import Callable, Sequence
from typing import Any

from ..ir.node import Node
from .registry import Result
from .tensor import Tensor

def infer_of(name: str, is_test: bool) -> Callable[[Sequence[Any], dict[str, Any]], Sequence[Result]]: ...
def vjp_of(partials: tuple[Any, ...]) -> Callable[[Node, Sequence[Any], Sequence[bool], Any], list[Tensor | None]]: ...
def scaled(g: Tensor, partial: Any, node: Node) -> Tensor | None: ...
