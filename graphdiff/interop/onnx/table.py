"""The table from ONNX's operators to graphdiff's operations.

Owns: :class:`Reader`, the rule by which a node of an operator is read, and ``READERS``, those written by hand, by
domain and name. They stand in graphdiff/interop/onnx/rules/, each beside its kin, and give themselves to the table. The
rules of elementwise operations follow from the declarations, which name the operator (``onnx`` of ``Op``): ``meaning``
is that correspondence, in which the other direction reads the same lines.
Must not know: any rule; files; how a model is walked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from ...ops.registry import REGISTRY, Op
from ...ops.tensor import Tensor
from .call import Call
from .scope import Value

Results: TypeAlias = Value | Sequence[Value | None]
Rule: TypeAlias = Callable[[Call], Results]


@dataclass(frozen=True, slots=True)
class Reader:
    """How a node is read. ``settings``: the operands that say how and not what of, which are never parameters;
    ``states``: those that are running statistics."""

    domain: str
    name: str
    rule: Rule
    settings: tuple[int, ...] = ()
    states: tuple[int, ...] = ()


READERS: dict[tuple[str, str], Reader] = {}


def reads(
    *names: str, domain: str = "", settings: Sequence[int] = (), states: Sequence[int] = ()
) -> Callable[[Rule], Rule]:
    """Gives the function below it to the table as the rule of operators."""

    def add(rule: Rule) -> Rule:
        for name in names:
            if (domain, name) in READERS:
                raise ValueError(f"{name} has two rules")
            READERS[domain, name] = Reader(domain, name, rule, tuple(settings), tuple(states))
        return rule

    return add


def meaning() -> dict[str, list[Op]]:
    """ONNX operator -> the operations whose declarations name it."""
    found: dict[str, list[Op]] = {}
    for op in REGISTRY.values():
        if op.onnx is not None:
            found.setdefault(op.onnx, []).append(op)
    return found


def _elementwise(op: Op) -> Rule:
    def rule(call: Call) -> Tensor:
        return op.public(*call.tensors(op.arity))

    return rule


# of elementwise operations, whose operands are the operator's; a rule by hand takes the place of one of these
_FOLLOWING = {
    name: Reader("", name, _elementwise(op))
    for name, ops in meaning().items()
    for op in ops
    if op.kind == "elementwise" and op.arity is not None
}


def reader_of(domain: str, name: str) -> Reader | None:
    """How nodes of an operator are read, None for one that is not known."""
    return READERS.get((domain, name)) or (_FOLLOWING.get(name) if domain == "" else None)


def operators() -> dict[tuple[str, str], str]:
    """All operators with a rule, by domain and name, with the room of the rule: "" where it follows from a
    declaration."""
    found = {("", name): "" for name in _FOLLOWING}
    found.update((key, reader.rule.__module__.rpartition(".")[2]) for key, reader in READERS.items())
    return dict(sorted(found.items()))
