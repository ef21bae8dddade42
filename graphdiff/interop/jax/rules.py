"""The table of rules: how each of JAX's primitives is built. Filled by the modules beside it; knows no primitive."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from ...ops.tensor import Tensor

Params: TypeAlias = Mapping[str, Any]
Build: TypeAlias = Callable[[Params, list[Tensor], Sequence[Any]], Sequence[Tensor]]
Refuse: TypeAlias = Callable[[Params, Sequence[Any]], str]


class Rule(NamedTuple):
    """``build(params, operands, result variables)``; ``refuses(params, avals)``: why it cannot, or nothing."""

    build: Build
    refuses: Refuse


RULES: dict[str, Rule] = {}


def rule(*names: str, refuses: Refuse = lambda params, avals: "") -> Callable[[Build], Build]:
    """Declares the decorated function as how the primitives of those names are built."""

    def declare(build: Build) -> Build:
        RULES.update(dict.fromkeys(names, Rule(build, refuses)))
        return build

    return declare


def one(*names: str, refuses: Refuse = lambda params, avals: "") -> Callable[[Any], Any]:
    """As ``rule``, for a function ``f(params, *operands)`` of one result."""

    def declare(f: Any) -> Any:
        rule(*names, refuses=refuses)(lambda params, xs, outs: [f(params, *xs)])
        return f

    return declare
