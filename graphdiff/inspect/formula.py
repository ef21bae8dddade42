"""Rules of differentiation as formulas: ``x̄ += ȳ · (1 − y²)``.

Nothing is written down twice: a formula is the rule itself, as the declaration of the operation has it, applied to
operands called x (x₁, x₂, ...), a result y and a cotangent ȳ, and printed as people write. A reshaping that only makes
shapes meet is left out.
Must not know: pages, graphs beyond one node.
"""

from __future__ import annotations

import unicodedata
from typing import Any

from ..errors import GraphdiffError
from ..ir.dtypes import FLOATS
from ..ir.node import Node, Value
from ..ir.text import inline_text, is_inline
from ..ops.leaves import input as placeholder
from ..ops.notation import lowered, written
from ..ops.registry import Branch, Loop
from ..transforms.differentiate import DIFFERENTIATOR

BAR, DOT = "\N{COMBINING MACRON}", "\N{COMBINING DOT ABOVE}"


class Formulas:
    """The formulas of nodes, each kind of node worked out once."""

    def __init__(self) -> None:
        self._known: dict[Any, list[tuple[int, str]]] = {}

    def vjp(self, node: Node) -> list[tuple[int, str]]:
        """(operand, formula) for each operand that has a cotangent: ``(0, "x̄ += ȳ · (1 − y²)")``."""
        return self._of(node, "vjp")

    def jvp(self, node: Node) -> list[tuple[int, str]]:
        """(result, formula) for each result that has a tangent: ``(0, "ẏ = ẋ · (1 − y²)")``."""
        return self._of(node, "jvp")

    def of_rule(self, node: Node) -> str:
        """The formula of the rule that made an adjoint node, one line for each operand of the node it is of."""
        if node.origin is None:
            return ""
        forward, rule = node.origin
        if rule == "seed":
            return f"{_marked('y', BAR)} = 1"
        if rule == "sum of contributions":
            return f"{_marked('x', BAR)} = the sum of what its users contribute"
        mode = rule.rpartition(".")[2]
        return "\n".join(text for _, text in self._of(forward, mode)) if mode in ("vjp", "jvp") else ""

    def symbols(self, node: Node) -> dict[str, Value]:
        """What a formula of the node calls its operands and results: ``{"x₁": …, "x₂": …, "y": …}``."""
        free = [v for v in node.inputs if not is_inline(v.node)]
        named = {_letter("x", k, len(free)): x for k, x in enumerate(free)}
        return named | {_letter("y", k, len(node.outputs)): y for k, y in enumerate(node.outputs)}

    def _of(self, node: Node, mode: str) -> list[tuple[int, str]]:
        types = tuple((v.shape, v.dtype, _value(v)) for v in (*node.inputs, *node.outputs))
        key: Any = (mode, node.op.name, types, tuple(node.attrs.items()))
        try:
            found = self._known.get(key)
        except TypeError:  # an attribute that does not hash
            key, found = (mode, id(node)), self._known.get((mode, id(node)))
        if found is None:
            found = self._known[key] = _derived(node, mode)
        return found


def _value(v: Value) -> Any:
    return inline_text(v.node) if is_inline(v.node) else None


def _derived(node: Node, mode: str) -> list[tuple[int, str]]:
    rule = getattr(node.op, mode)
    if rule is None or not node.op.differentiable:
        return []
    inputs = [v if is_inline(v.node) else placeholder("x", v.shape, v.dtype) for v in node.inputs]
    copy = node.over(tuple(inputs), None)
    names: dict[Value, str] = {}
    free = [v for v in inputs if not is_inline(v.node)]
    names.update((x, _letter("x", k, len(free))) for k, x in enumerate(free))
    names.update((y, _letter("y", k, len(copy.outputs))) for k, y in enumerate(copy.outputs))
    over, around = (inputs, copy.outputs) if mode == "jvp" else (copy.outputs, inputs)
    mark = DOT if mode == "jvp" else BAR
    given: list[Any] = [None] * len(over)
    for k, v in enumerate(over):
        if v.dtype in FLOATS and not is_inline(v.node):
            given[k] = placeholder("g", v.shape, v.dtype)
            names[given[k]] = _marked(names[v], mark)
    wanted = [v.dtype in FLOATS and v in names for v in around]
    try:
        got = rule(copy, given, wanted, DIFFERENTIATOR) if mode == "vjp" else rule(copy, given, DIFFERENTIATOR)
    except GraphdiffError:  # a rule of the user's own that is not there
        return []
    sign = "+=" if mode == "vjp" else "="
    out = []
    for k, (v, g) in enumerate(zip(around, got)):
        if g is not None and wanted[k]:
            text = _inner(node, mode) or written(g, names)
            out.append((k, f"{_marked(names[v], mark)} {sign} {text}"))
    return out


def _letter(letter: str, k: int, n: int) -> str:
    return letter if n == 1 else letter + lowered(str(k + 1))


def _marked(name: str, mark: str) -> str:
    return unicodedata.normalize("NFC", name[0] + mark) + name[1:]


def _inner(node: Node, mode: str) -> str:
    """What is said of an operation whose rule is a program of its own."""
    if isinstance(node.op.kernel, Loop):
        way = "the body's adjoint, run from the last step to the first" if mode == "vjp" else "the body's tangent"
        return f"a loop of {way}"
    if isinstance(node.op.kernel, Branch):
        return "the adjoint of the branch that ran" if mode == "vjp" else "the tangent of the branch that runs"
    return ""
