"""The tables from graphdiff's operations to operators of ONNX.

Owns: ``RULES``, by the name of an operation how a node of it is written, and ``NAMED``, by the name of an operation
made of others the one operator that is it. Elementwise operations whose declarations name an operator of as many
operands (``onnx`` of ``Op``) have their rules from there, as the reader has (../table.py). The rules stand in rules/
and give themselves to the tables.
Invariant: a rule gives Tensors of the types of what it stands for; those may be made of operations that have rules. It
gives None for what the opset has not.
Must not know: any rule; messages.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ....ir.node import Node
from ....ops.called import Called
from ....ops.registry import REGISTRY
from ....ops.tensor import Tensor, as_tensor
from .operators import Type, operator

Given: TypeAlias = Tensor | Sequence[Tensor | None]
Rule: TypeAlias = Callable[["Writing"], Given | None]


@dataclass(frozen=True, slots=True)
class Writing:
    """A node that is to be written: its operands ``xs``, which are operators by now, and the ``opset`` to write for."""

    node: Node
    xs: Sequence[Any]
    opset: int

    @property
    def x(self) -> Any:
        return self.xs[0]

    @property
    def y(self) -> Any:
        """The node's first result."""
        return self.node.outputs[0]

    def __getitem__(self, name: Any) -> Any:
        return self.node.attrs[name]


@dataclass(frozen=True, slots=True)
class Call:
    """A call of an operation made of others: its arguments by name, its results (None for one that nobody has) and the
    types of all of them, and the ``opset`` to write for."""

    given: Mapping[str, Any]
    results: Sequence[Any]
    types: Sequence[Type]
    opset: int

    @property
    def y(self) -> Tensor:
        """The only result."""
        return self.results[0]

    def __getitem__(self, name: Any) -> Any:
        return self.given[name]

    def tensor(self, name: str) -> Tensor:
        """An argument as a Tensor of the result's dtype, if it was none."""
        value = self.given[name]
        return value if isinstance(value, Tensor) else as_tensor(value, name, self.y.dtype)

    def optional(self, name: str) -> Tensor | None:
        return None if self.given[name] is None else self.tensor(name)


NamedRule: TypeAlias = Callable[[Call], Given | None]


class Named(NamedTuple):
    """``since``: the opset that has the operator. The rule gives None where it is not for these arguments."""

    rule: NamedRule
    since: int


RULES: dict[str, Rule] = {}
NAMED: dict[str, Named] = {}


def writes(*names: str) -> Callable[[Rule], Rule]:
    """Gives the function below it to the table as the rule of operations."""

    def add(rule: Rule) -> Rule:
        for name in names:
            if RULES.setdefault(name, rule) is not rule:
                raise ValueError(f"{name} has two rules")
        return rule

    return add


def by_name(*names: str, since: int = 0) -> Callable[[NamedRule], NamedRule]:
    """Gives the function below it to the table as the rule of operations made of others."""

    def add(rule: NamedRule) -> NamedRule:
        for name in names:
            if name in NAMED:
                raise ValueError(f"{name} has two rules")
            NAMED[name] = Named(rule, since)
        return rule

    return add


def _elementwise(name: str) -> Rule:
    return lambda w: operator(name, w.xs, w.y)


_FOLLOWING = {
    op.name: _elementwise(op.onnx) for op in REGISTRY.values() if op.kind == "elementwise" and op.onnx is not None
}


def rule_of(name: str) -> Rule | None:
    """How nodes of an operation are written, None for one that ONNX has not."""
    return RULES.get(name) or _FOLLOWING.get(name)


def call_of(called: Called, opset: int) -> Call:
    """A call with its arguments by name, with those that were left out."""
    op = REGISTRY.get(called.name)
    given = dict(called.kwargs)
    if op is not None:
        bound = inspect.signature(op.public).bind(*called.args, **called.kwargs)
        bound.apply_defaults()
        given = dict(bound.arguments)
    else:
        given["args"] = called.args
    return Call(given, called.results, called.types, opset)


def is_number(value: Any) -> bool:
    """Whether an argument is a number now, which an attribute can hold."""
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)


def written() -> dict[str, tuple[str, int]]:
    """All operations that are written, with the room of the rule ("" where it follows from a declaration) and the opset
    from which it is one operator (0: any, or made of several)."""
    found = dict.fromkeys(_FOLLOWING, ("", 0))
    found.update((name, (_room(rule), 0)) for name, rule in RULES.items())
    found.update((name, (_room(n.rule), n.since)) for name, n in NAMED.items() if " " not in name)
    return dict(sorted(found.items()))


def _room(rule: Callable[..., Any]) -> str:
    return rule.__module__.rpartition(".")[2]
