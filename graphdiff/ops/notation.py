"""How operations are written in formulas: what a declaration gives as ``notation=``.

A notation makes the text of a node's result from those of its operands; each text goes with how tightly it holds
together, so that parentheses stand where they are needed and nowhere else. An operation without one is written as a
call, ``tanh(x)``.
Must not know: any particular operation, what formulas are written for (inspect/formula.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..ir.dtypes import bool_
from ..ir.graph import Graph
from ..ir.node import Node, Value, topological

ATOM, POWER, PRODUCT, SUM, COMPARISON = range(5)  # how tightly a text holds together
LONGEST = 140  # characters; a longer text is told by its size

Written = tuple[str, int]
Notation = Callable[[Node, list[Written]], Written | None]
"""``notation(node, operands)``; None: as a call."""

_LOW = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_HIGH = str.maketrans("−0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def lowered(text: str) -> str:
    """Digits as indices: ``x₁``."""
    return text.translate(_LOW)


def held(text: Written, level: int) -> str:
    """A text where it must hold together as tightly as ``level``."""
    return text[0] if text[1] <= level else f"({text[0]})"


def raised(base: Written, exponent: str) -> Written:
    return f"{held(base, ATOM)}{exponent.translate(_HIGH)}", POWER


# --------------------------------------------------------------------------------------- forms


def infix(sign: str, level: int, right: int | None = None, mirrored: str | None = None) -> Notation:
    """``x sign y``. ``right``: how tightly the second operand must hold, as the whole does unless given; ``mirrored``:
    the sign with the operands exchanged, as a number reads better on the right."""

    def notation(_node: Node, xs: list[Written]) -> Written:
        shown, (x, y) = sign, xs
        if mirrored is not None and x[1] == ATOM and x[0][0].isdigit():
            shown, x, y = mirrored, y, x
        return f"{held(x, level)} {shown} {held(y, level if right is None else right)}", level

    return notation


def prefix(sign: str, operand: int, level: int) -> Notation:
    """``sign x``, of an operand that holds as tightly as ``operand``."""
    return lambda _node, xs: (f"{sign}{held(xs[0], operand)}", level)


def unseen(_node: Node, xs: list[Written]) -> Written:
    """The operand's own text: what only makes shapes meet, or checks."""
    return xs[0]


# --------------------------------------------------------------------------------------- of few operations


def factors(node: Node, xs: list[Written]) -> Written:
    """``x · y``; ``x²`` of a value and itself, ``x / y`` of a value and a reciprocal."""
    if node.inputs[0] is node.inputs[1]:
        return raised(xs[0], "2")
    left, right = held(xs[0], PRODUCT), held(xs[1], PRODUCT)
    return f"{left} {right[2:]}" if xs[1][0].startswith("1 / ") else f"{left} · {right}", PRODUCT


def powers(_node: Node, xs: list[Written]) -> Written | None:
    exponent = xs[1][0]
    return raised(xs[0], exponent) if exponent.lstrip("−").isdecimal() else None


def truth(node: Node, xs: list[Written]) -> Written:
    """``[x > 0]``, 1 where it holds and else 0; a cast of numbers is not seen."""
    return (f"[{xs[0][0]}]", ATOM) if node.inputs[0].dtype is bool_ else xs[0]


def chosen(_node: Node, xs: list[Written]) -> Written:
    condition, yes, no = (text for text, _ in xs)
    if no == "0":
        return f"{yes} where {condition}", COMPARISON
    text = f"{no} where not {condition}" if yes == "0" else f"{yes} where {condition} else {no}"
    return text, COMPARISON


def transposed(node: Node, xs: list[Written]) -> Written | None:
    """``xᵀ`` of the last two dimensions exchanged."""
    return (f"{held(xs[0], ATOM)}ᵀ", POWER) if _swaps_last(node.attrs["axes"]) else None


def _swaps_last(axes: Sequence[int]) -> bool:
    n = len(axes)
    return n >= 2 and tuple(axes) == (*range(n - 2), n - 1, n - 2)


def position(node: Node, _xs: list[Written]) -> Written:
    """What an index counts: ``i₀ − i₁ + 2``, i₀ the place along the first dimension."""
    terms = [(s, lowered(f"i{k}")) for k, s in enumerate(node.attrs["strides"]) if s != 0]
    terms += [(node.attrs["offset"], "")] if node.attrs["offset"] != 0 or not terms else []
    out = ""
    for n, name in terms:
        text = str(n).lstrip("-") if not name else name if n in (1, -1) else f"{str(n).lstrip('-')} · {name}"
        sign = "−" if str(n).startswith("-") else "+"
        out += f" {sign} {text}" if out else f"−{text}" if sign == "−" else text
    return out, SUM


# --------------------------------------------------------------------------------------- whole expressions


def written(value: Value, names: dict[Value, str]) -> str:
    """An expression over named values. A text too long to read is replaced by its size."""
    texts: dict[Value, tuple[str, int]] = {v: (name, ATOM) for v, name in names.items()}
    nodes = topological([value], stop=names)
    for node in nodes:
        for y in node.outputs:
            if y not in texts:
                texts[y] = _told(node, [texts[v] for v in node.inputs], y)
                if len(texts[y][0]) > LONGEST:
                    return f"{len(nodes)} operations over {', '.join(_used(nodes, names))}"
    return texts[value][0]


def _used(nodes: Sequence[Node], names: dict[Value, str]) -> list[str]:
    used = {v for n in nodes for v in n.inputs}
    return [name for v, name in names.items() if v in used]


def _told(node: Node, xs: list[tuple[str, int]], y: Value) -> tuple[str, int]:
    """The text of one result over those of its operands, and how tightly it holds together."""
    name = node.op.name
    if name == "constant":
        text = _number(node.attrs["value"])
        return text, SUM if text[0] == "−" else ATOM
    noted = node.op.notation(node, xs) if node.op.notation else None
    if noted is not None:
        return noted
    said = [text for text, _ in xs]
    said += [str(v) if k == "axes" else k for k, v in node.attrs.items() if v is True or k == "axes"]
    said += ["…"] if any(isinstance(v, Graph) for v in node.attrs.values()) else []
    which = f"[{y.index}]" if len(node.outputs) > 1 else ""
    return f"{name.rpartition('.')[2]}({', '.join(said)}){which}", ATOM


def _number(array: np.ndarray) -> str:
    if array.ndim and array.size != 1:
        return "constant"
    value = array.reshape(-1)[0].item()
    known = {np.pi: "π", np.float32(np.pi).item(): "π", 2 / np.sqrt(np.pi): "2/√π"}
    if isinstance(value, float):
        short = str(int(value)) if value.is_integer() and abs(value) < 1e6 else f"{value:.5g}"
        return known.get(value) or short.replace("-", "−")
    return str(value).replace("-", "−")
