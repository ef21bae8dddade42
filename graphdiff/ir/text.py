"""The text of a graph and its parts: what ``str(graph)`` prints, ``gd.parse`` reads back and golden tests hold.

::

    graph step(x: f32[batch,784], W: f32[784,10]) -> f32[]:
      parameters: W
      %0: f32[batch,10] = matmul(x, W)                 # mlp.py:14
      ...
      return %3
      update W = %7

Each result of a node is numbered in the order of computation, except that 0-d constants stand where they are used.
A literal there has the dtype of the first operand beside it that is neither a literal nor bool; where that is not its
own, the dtype is written: ``2.0:f64``. So do the numbers of named sizes, which are an ``index`` of no dimension and
often an ``astype`` of it: ``size(batch)``. A node with several results prints ``%3, %4: (f32[5], i64[5]) = ...``. An
attribute that is a graph is printed before its node as ``body @0 name(...)``, indented, and named ``@0``. Any text is
a name: where it is no plain word, or has another meaning here, it stands as a JSON string.
Invariants: the text holds everything but values of parameters and what stands behind ``#`` - names that people gave,
source line, scope, and the forward node that an adjoint node is ``of``; one node, one line; linear time, and no
recursion over nodes.
Must not know: graphs (ir/graph.py lists them), which operations exist (beyond the leaves), how text is read.
"""

from __future__ import annotations

import base64
import functools
import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ..wording import quoted
from .dims import Dim, Shape, Size
from .dtypes import SHORT, bool_
from .node import Node, Value

STORED = ("parameter", "state")
WORD = re.compile(r"[^\W\d]\w*")
RESERVED = frozenset(("True", "False", "None", "inf", "nan", *SHORT.values()))
_TOLD = frozenset('":()')  # what a file or scope has in a comment only in quotes
_INLINE_ELEMENTS = 16  # larger constants are written as base64


# --------------------------------------------------------------------------------------- pieces


@functools.lru_cache(maxsize=256)  # most of a graph's values are of a few types
def typed(shape: Shape, dtype: np.dtype) -> str:
    """A type as printed: ``f32[batch,784]``."""
    return f"{SHORT[dtype]}[{','.join(map(str, shape))}]"


def type_text(value: Value) -> str:
    """The type of a value as printed."""
    return typed(value.shape, value.dtype)


def types_text(values: Sequence[Value]) -> str:
    """One type, or a tuple of them."""
    types = ", ".join(map(type_text, values))
    return types if len(values) == 1 else f"({types})"


def name_text(name: str) -> str:
    """A name as it stands in the text: any text is one. Plain where it is a word of letters, digits and underscores
    with no other meaning, else as a JSON string."""
    return name if is_plain(name) else quoted(name)


def is_plain(text: str) -> bool:
    """Whether a text can stand for a name without quotes."""
    return text.isidentifier() and text not in RESERVED and WORD.fullmatch(text) is not None


def number_text(value: Any) -> str:
    """An element of an array as the shortest literal that reads back to the same bits (of a NaN: if it is plain)."""
    if value.dtype.kind != "f":
        return str(value.item())
    short = str(value)
    return short if np.isnan(value) or value.dtype.type(float(short)) == value else repr(float(value))


class Room:
    """How many bytes the constants of one text may have that are written as one number each: a reader of a short text
    must not be led to make much of it."""

    BYTES = 1 << 26

    def __init__(self) -> None:
        self.left = self.BYTES

    def take(self, count: int) -> bool:
        """Whether there is room for so many more; then they are taken."""
        if count > self.left:
            return False
        self.left -= count
        return True


def literal(array: np.ndarray, room: Room | None = None) -> str:
    """A constant as its node prints it: one number if all elements are the same and there is room, nested lists, or
    base64 of the little-endian bytes, which also keeps the sign and payload of a NaN."""
    if not _nans_are_plain(array):
        return _base64(array)
    if array.ndim == 0:
        return number_text(array[()])
    if array.size > 1 and array.tobytes() == array.flat[0].tobytes() * array.size:
        if room is None or room.take(array.nbytes):
            return number_text(array.flat[0])
    if array.size > _INLINE_ELEMENTS:
        return _base64(array)
    return _nested(array)


def _base64(array: np.ndarray) -> str:
    data = np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes()
    return f'base64"{base64.b64encode(data).decode()}"'


def _nans_are_plain(array: np.ndarray) -> bool:
    """Whether every NaN is the one that a literal stands for."""
    if array.dtype.kind != "f":
        return True
    nans = array[np.isnan(array)]
    return nans.tobytes() == array.dtype.type(np.nan).tobytes() * nans.size


def _nested(array: np.ndarray) -> str:
    if array.size == 0:
        return "[]"
    if array.ndim == 1:
        return "[" + ", ".join(number_text(v) for v in array) + "]"
    return "[" + ", ".join(_nested(row) for row in array) + "]"


INLINE = frozenset(("constant", "index", "astype"))  # the operations of nodes that may be printed where they are used


def is_literal(node: Node) -> bool:
    """Whether a node is a 0-d constant that a literal can stand for."""
    return node.op.name == "constant" and not node.outputs[0].shape and _nans_are_plain(node.attrs["value"])


def size_of(node: Node) -> Size | None:
    """The size whose number a node is, in any dtype: a 0-d ``index``, or that ``astype``. None for other nodes."""
    if node.op.name == "astype":
        node = node.inputs[0].node
    return node.attrs["offset"] if node.op.name == "index" and not node.outputs[0].shape else None


def is_inline(node: Node) -> bool:
    """Whether a node is a 0-d constant or the number of a size, which is printed where it is used."""
    return node.op.name in INLINE and (is_literal(node) or size_of(node) is not None)


def inline_text(node: Node) -> str:
    """A node that is printed where it is used: ``2.0``, ``size(batch)``."""
    return number_text(node.attrs["value"][()]) if is_literal(node) else f"size({attr_text(size_of(node))})"


def attr_text(value: Any) -> str:
    """A static argument: None, bools, numbers, sizes, strings, dtypes, tuples and lists of them."""
    if value is None or isinstance(value, bool):
        return str(value)
    if isinstance(value, Dim):
        return f"({value})" if value in RESERVED else str(value)
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, np.dtype):
        return SHORT[value]
    if isinstance(value, np.generic):
        return number_text(value)
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, tuple):
        return f"({attr_text(value[0])},)" if len(value) == 1 else f"({', '.join(map(attr_text, value))})"
    if isinstance(value, list):
        return f"[{', '.join(map(attr_text, value))}]"
    return f"<{type(value).__name__}>"  # shown, but text that has it does not read back


# --------------------------------------------------------------------------------------- nodes


class Names(dict[int, str]):
    """How values are referred to, by id: leaves by name, results by number."""

    def __init__(self, leaves: Iterable[Value] = (), room: Room | None = None):
        super().__init__((id(v), name_text(v.name)) for v in leaves)
        self.room = room or Room()
        self.count = 0
        self.bodies = 0

    def add(self, node: Node) -> None:
        """Numbers the results of a node."""
        for value in node.outputs:
            self[id(value)] = f"%{self.count}"
            self.count += 1

    def of(self, value: Value, implied: np.dtype | None = None) -> str:
        """The operand as printed; ``implied`` is the dtype a literal would have without being told."""
        found = self.get(id(value))
        if found is not None:
            return found
        node = value.node
        if is_inline(node):
            text, told = inline_text(node), value.dtype is bool_ and is_literal(node)
            return text if value.dtype is implied or told else f"{text}:{SHORT[value.dtype]}"
        return name_text(node.name) if node.name else "%?"  # only in a listing of part of a graph


def implied_dtype(inputs: Iterable[Value]) -> np.dtype | None:
    """The dtype that literals among these operands have unless they are written with one."""
    for v in inputs:
        if v.dtype is not bool_ and not is_inline(v.node):
            return v.dtype
    return None


def comment(node: Node, names: Names) -> str:
    """What stands behind ``#``: what people call the results, the forward node, the
    source line, the scope."""
    source = ""
    if node.source:
        file, _, line = str(node.source).rpartition(":")
        source = f"{told_text(file)}:{line}"
    if node.origin:
        forward = node.origin.node
        of = names.get(id(forward.outputs[0])) or f"a {forward.op.name}"
        source = f"of {of} ({source})" if source else f"of {of}"
    text = f"{source} in {told_text(node.scope)}".lstrip() if node.scope else source
    return f"{', '.join(map(quoted, node.labels))} {text}".rstrip() if node.labels else text


def told_text(text: str) -> str:
    """A file or a scope as a comment has it: quoted where it would not read back to the same."""
    return text if text.isprintable() and text == text.strip() and _TOLD.isdisjoint(text) else quoted(text)
