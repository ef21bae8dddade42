"""What help shows of an operation: the prose of its declaration, and what of its dtypes, shapes, edges and derivative.

A declaration's doc is prose, then sections, each a line ``Key: text`` that may go on in the next ones; ``Edges`` has
claims ``tanh(inf) = 1.0``, ``Example`` is ``expression -> value``: tests run both. What the declaration says in other
ways is not written again: of elementwise operations the dtypes, shapes, errors and derivative are made here, of the
others what kind of derivative they have.
Must not know: any particular operation but by how its derivative is written.
"""

from __future__ import annotations

import functools
import re
from typing import Any

import numpy as np

from ..ir.dtypes import CLASSES, DTYPES, float64
from ..ir.node import Value
from .leaves import input
from .notation import written
from .registry import Op
from .tensor import constant

SECTIONS = ("Arguments", "Dtypes", "Shapes", "Edges", "Derivative", "Accuracy", "Raises", "Example", "Source")

_START = re.compile(rf"^({'|'.join(SECTIONS)}): ", re.MULTILINE)


def parts(doc: str) -> tuple[str, dict[str, str]]:
    """The prose of a declaration's doc, and its sections."""
    prose, *found = _START.split(doc)
    return prose.strip(), {key: " ".join(text.split()) for key, text in zip(found[::2], found[1::2])}


def docstring(op: Op) -> str:
    """The whole text, every section in its place."""
    prose, written = parts(op.doc)
    sections = {"Derivative": _derivative(op), **written}
    if op.kind == "elementwise":
        sections = {**_of_elements(op), **sections}
    elif written.get("Dtypes") in CLASSES:
        sections["Dtypes"] = dtype_names(written["Dtypes"])
    return "\n".join([prose, "", *(f"{key}: {sections[key]}" for key in SECTIONS if key in sections)])


@functools.cache
def dtype_names(kind: str) -> str:
    """``float32, float64`` for "float"."""
    return ", ".join(dtype.name for dtype in DTYPES if dtype in CLASSES[kind])


def _of_elements(op: Op) -> dict[str, str]:
    accepted = "numeric" if op.whole else op.dtypes[0]
    dtype = next(d for d in DTYPES if d in CLASSES[op.dtypes[0]])
    labels = _labels(op)
    assert op.infer is not None
    same = op.infer([_leaf("x", dtype)] * len(labels), {})[0][1] is dtype
    several = len(labels) > 1
    accuracy = {}
    if op.errors:
        value, first, second = op.errors
        accuracy = {"Accuracy": f"within {value:g} ulp; first derivatives {first:g}, second {second:g}"}
    return accuracy | {
        "Dtypes": dtype_names(accepted) + ("" if same else "; the result is bool"),
        "Shapes": "the operands broadcast" if several else "of x, as is the result's",
        "Raises": "DTypeError for other dtypes"
        + (" and those that do not promote; ShapeError for shapes that do not broadcast" if several else ""),
    }


_leaf = functools.cache(lambda label, dtype: input(label, (), dtype))


# --------------------------------------------------------------------------------------- derivatives

_KINDS = {
    "linear": "linear: the tangent is the operation on the operand's, the cotangent its transpose",
    "bilinear": "linear in each of its first two operands: the cotangents are two transposes",
    "composite": "by its body",
    "custom": "by rules of its own",
}


def _derivative(op: Op) -> str:
    if not op.differentiable:
        return "none, as if it were 0"
    return "; ".join(partials(op)) if op.kind == "elementwise" else _KINDS[op.kind]


def _labels(op: Op) -> list[str]:
    assert op.arity is not None
    return ["x"] if op.arity == 1 else [f"x{i + 1}" for i in range(op.arity)]


def partials(op: Op) -> list[str]:
    """Of an elementwise operation, a line for each operand: ``dy/dx = 1 / x``, y being the result."""
    labels = _labels(op)
    xs = [_leaf(k, float64) for k in labels]
    y = op.public(*xs)
    names: dict[Value, str] = {**dict(zip(xs, labels)), y: "y"}
    lines = []
    for label, partial in zip(labels, op.partials):
        found: Any = partial(y, *xs) if callable(partial) else partial
        if callable(found):
            found = found(constant(1.0, "float64"))
        if found is None:
            text = "0"
        elif isinstance(found, int):
            text = str(found)
        else:
            text = written(found, names)
            if found.dtype == np.bool_:
                text = f"1 where {text}, else 0"
        lines.append(f"dy/d{label} = {text}")
    return lines
