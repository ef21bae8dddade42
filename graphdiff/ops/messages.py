"""How errors show operands, the call that fails, and the line that makes it.

Must not know: which operation fails.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import GraphError
from ..ir.node import Node, Value, ambient, user_source
from ..ir.text import inline_text, name_text, number_text, size_of, type_text
from ..wording import one_line

LONGEST = 60  # characters of an operand that is no Tensor


def describe(value: Any) -> str:
    """An operand as error texts print it: ``x: f32[batch,784]``, ``%3: f32[]`` or a literal."""
    if not isinstance(value, Value):
        if isinstance(value, np.ndarray):
            return f"array of {value.dtype} {value.shape}"
        return one_line(repr(value), LONGEST)
    return f"{label(value)}: {type_text(value)}"


def told_type(x: Any) -> str:
    """What an object is, that is neither Tensor, array nor number: its type, or what a tracer of JAX is."""
    if is_tracer(x):
        return (
            "a tracer of JAX, which has no numbers: inside of jax.jit and its kin call what gd.interop.jax.function "
            "gives, and keep no tracer outside of them"
        )
    return type(x).__name__


def is_tracer(x: Any) -> bool:
    """Whether ``x`` stands for a value in a JAX function that is being traced, or was."""
    return any(t.__name__ == "Tracer" and t.__module__.startswith("jax") for t in type(x).__mro__)


def label(value: Value) -> str:
    """A name, a constant's value, or ``%n`` with n the place among the computed ancestors."""
    node = value.node
    if node.op.name == "constant":
        return constant_text(node.attrs["value"])
    if size_of(node) is not None:
        return inline_text(node)
    return name_text(value.name) if value.name else f"%{_number(node)}"


def constant_text(array: np.ndarray) -> str:
    return number_text(array[()]) if array.ndim == 0 else f"constant{list(array.shape)}"


def _number(node: Node) -> int:
    seen, stack = {node}, [node]
    count = 0
    while stack:
        for v in stack.pop().inputs:
            if v.node not in seen:
                seen.add(v.node)
                stack.append(v.node)
                count += not v.is_leaf
    return count


def where_am_i() -> str | None:
    """``file:line`` of the user's code that is building, for errors."""
    source = ambient.now[1] or user_source()
    return str(source) if source else None


def function(what: str, *given: object) -> None:
    """Raises GraphError unless what is ``given`` can be called."""
    for f in given:
        if not callable(f):
            raise GraphError(f"{what}: expected a function, got {told_type(f)}", source=where_am_i())


def call_text(name: str, inputs: Sequence[Any], attrs: dict[str, Any]) -> str:
    """``%3 = matmul(x: f32[batch,784], W: f32[128,10])``, as errors show a node that is being made."""
    numbers = [_number(v.node) for v in inputs if isinstance(v, Value) and not v.is_leaf]
    args = [describe(v) for v in inputs] + [f"{k}={v!r}" for k, v in attrs.items()]
    return f"%{max(numbers, default=-1) + 1} = {name}({', '.join(args)})"
