"""The tables of rules: how each of JAX's primitives is built. Filled by the modules beside it; knows no primitive."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ...ops.tensor import Tensor

Params: TypeAlias = Mapping[str, Any]
Build: TypeAlias = Callable[[Params, list[Any], Sequence[Any]], Sequence[Any]]
Refuse: TypeAlias = Callable[[Params, Sequence[Any]], str]


class Rule(NamedTuple):
    """``build(params, operands, result variables)``; ``refuses(params, avals)``: why it cannot, or nothing."""

    build: Build
    refuses: Refuse


class Complex(NamedTuple):
    """A complex value: its parts."""

    re: Tensor
    im: Tensor


RULES: dict[str, Rule] = {}
COMPLEX: dict[str, Rule] = {}
"""Where an operand or a result is complex, for ``Complex`` operands."""
UNSIGNED: dict[str, Rule] = {}
"""Where an operand or a result is uint64, whose bits an int64 has, and signed numbers would do it differently."""


def rule(
    *names: str, refuses: Refuse = lambda params, avals: "", table: dict[str, Rule] = RULES
) -> Callable[[Build], Build]:
    """Declares the decorated function as how the primitives of those names are built."""

    def declare(build: Build) -> Build:
        table.update(dict.fromkeys(names, Rule(build, refuses)))
        return build

    return declare


def one(
    *names: str, refuses: Refuse = lambda params, avals: "", table: dict[str, Rule] = RULES
) -> Callable[[Any], Any]:
    """As ``rule``, for a function ``f(params, *operands)`` of one result."""

    def declare(f: Any) -> Any:
        rule(*names, refuses=refuses, table=table)(lambda params, xs, outs: [f(params, *xs)])
        return f

    return declare


def chosen(eqn: Any) -> Rule | None:
    """The rule that an equation is built by; None where there is none."""
    name, dtypes = eqn.primitive.name, [getattr(v.aval, "dtype", None) for v in (*eqn.invars, *eqn.outvars)]
    if any(isinstance(d, np.dtype) and d.kind == "c" for d in dtypes):
        return COMPLEX.get(name)
    if name in UNSIGNED and any(d == np.uint64 for d in dtypes):
        return UNSIGNED[name]
    return RULES.get(name)
