"""What the lines of a graph's text are made of: names, types, numbers and constants.

Owns: how each is written. Invariant: what is wrong is told with its line, and nothing is as large as a text claims.
Must not know: statements, operands, the order of lines.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import NoReturn

import numpy as np

from ..errors import GraphdiffError, GraphError
from ..ir.dims import DEEPEST, Dim, Shape, as_shape, product
from ..ir.dtypes import FLOATS, FROM_SHORT, bool_
from ..ir.node import user_source
from ..ir.text import Room, is_plain, typed
from .tensor import Tensor, constant

QUOTED = (
    r'"(?:[^"\\]|\\.)*"'  # with ? behind it: to the end of the line where it is open, so that no line is read twice
)
LITERAL = re.compile(r"(-?(?:\d+(?:\.\d*)?(?:e[+-]?\d+)?|inf|nan)|True|False)(?::(\w+))?$")
_TYPE = re.compile(r"(\w+)\[(.*)\]$")
_SPECIAL = re.compile(rf"{QUOTED}?|[()\[\],]")
_BRACKETS = 4 * DEEPEST  # open at once: those of a size, and those around it


class Pieces:
    """The lines of a text, the one that is read, and what may stand in it."""

    def __init__(self, lines: list[str]):
        self.lines = lines
        self.number = 0
        self.types: dict[str, tuple[Shape, np.dtype]] = {}
        self.forms: dict[str, str] = {}
        self.room = Room()

    def fail(self, fact: str) -> NoReturn:
        line = self.lines[self.number - 1].strip() if self.number else ""
        fact = fact if len(fact) <= 500 else fact[:500] + "..."
        at = user_source()
        text = line if len(line) <= 200 else line[:200] + "..."
        raise GraphError(f"line {self.number}: {fact}", text or None, str(at) if at else None) from None

    def split(self, text: str) -> list[str]:
        """``text`` at the commas that stand in no bracket and no string."""
        if not text.strip():
            return []
        if "(" not in text and "[" not in text and '"' not in text:
            return [part.strip() for part in text.split(",")]
        parts, depth, start = [], 0, 0
        for m in _SPECIAL.finditer(text):
            c = m[0]
            if c in "([":
                depth += 1
                if depth > _BRACKETS:
                    self.fail("brackets are nested too deeply")
            elif c in ")]":
                depth -= 1
                if depth < 0:
                    self.fail("brackets do not match")
            elif c == "," and depth == 0:
                parts.append(text[start : m.start()].strip())
                start = m.end()
        if depth:
            self.fail("brackets do not match")
        parts.append(text[start:].strip())
        return parts

    def name(self, text: str) -> str:
        """The name that ``text`` stands for."""
        if text.startswith('"'):
            try:
                return json.loads(text)
            except ValueError:
                self.fail(f"{text} is no string")
        if not is_plain(text):
            self.fail(f"{text} is no name; write it in double quotes")
        return text

    def type(self, text: str) -> tuple[Shape, np.dtype]:
        found = self.types.get(text)
        if found is None:
            m = _TYPE.match(text)
            if m is None or m[1] not in FROM_SHORT:
                self.fail(f"{text} is no type; expected {', '.join(FROM_SHORT)} and sizes, as f32[n,3]")
            sizes = tuple(self.split(m[2]))
            try:
                shape = as_shape(sizes)
            except GraphdiffError as error:
                self.fail(error.fact)
            found = self.types[text] = (shape, FROM_SHORT[m[1]])
        return found

    def types_form(self, text: str) -> str:
        """``text`` (a type or a tuple of them) as the printer writes it."""
        form = self.forms.get(text)
        if form is None:
            many = text.startswith("(")
            items = self.split(text[1:-1]) if many else [text]
            forms = [typed(*self.type(item)) for item in items]
            form = self.forms[text] = f"({', '.join(forms)})" if many else forms[0]
        return form

    def number_of(self, m: re.Match[str], implied: np.dtype | None) -> np.ndarray:
        """A literal as a 0-d array."""
        text, short = m.groups()
        if short is not None and short not in FROM_SHORT:
            self.fail(f"{short} is no dtype; expected {', '.join(FROM_SHORT)}")
        is_bool = text in ("True", "False")
        dtype = FROM_SHORT[short] if short else bool_ if is_bool else implied
        if dtype is None:
            self.fail(f"{text} has no dtype; write {text}:f32 or another")
        if is_bool != (dtype is bool_):
            self.fail(f"{text} is no {dtype.name}")
        return np.asarray(text == "True") if is_bool else self.elements([text], dtype)[0]

    def elements(self, texts: list[str], dtype: np.dtype) -> np.ndarray:
        """Numbers as a flat array; one that does not fit the dtype is an error."""
        try:
            if dtype is bool_:
                return np.array([{"True": True, "False": False}[t] for t in texts], dtype)
            if dtype not in FLOATS:
                return np.array([int(t) for t in texts], dtype)
            exact = np.array([float(t) for t in texts], np.float64)
            with np.errstate(over="ignore"):
                out = exact.astype(dtype)
            if (np.isinf(out) & np.isfinite(exact)).any():
                raise OverflowError
            return out
        except (KeyError, ValueError, OverflowError):
            self.fail(f"{', '.join(texts[:4])} is no {dtype.name}")

    def constant(self, types: str, text: str) -> Tensor:
        shape, dtype = self.type(types)
        if any(isinstance(s, Dim) for s in shape):
            self.fail("the shape of a constant must be ints")
        size = int(product(shape))
        text = text.strip()
        if text.startswith("base64"):
            try:
                data = base64.b64decode(self.name(text[6:]), validate=True)
                flat = np.frombuffer(data, dtype.newbyteorder("<")).astype(dtype)
            except (binascii.Error, ValueError):
                self.fail("the constant's base64 is damaged")
        elif text.startswith("["):
            texts = [t for t in re.split(r"[\s,\[\]]+", text) if t]
            flat = self.elements(texts, dtype)
        elif LITERAL.match(text):
            if shape and not self.room.take(size * dtype.itemsize):
                self.fail(
                    f"{size:,} elements in one number; write what is over {Room.BYTES:,} bytes in a text as base64"
                )
            flat = np.broadcast_to(self.elements([text], dtype), (size,))
        else:
            self.fail("expected a number, a list of numbers or base64")
        if flat.size != size:
            self.fail(f"{flat.size} elements in a constant of {size}")
        try:
            return constant(flat.reshape(shape))
        except ValueError:  # a size beside a 0 that no array can have
            self.fail(f"no constant can have the shape {shape}")

    @staticmethod
    def encloses(text: str) -> bool:
        """Whether the first bracket closes with the last character: (a, b), not (a//2)+(b//2)."""
        depth = 0
        for m in _SPECIAL.finditer(text):
            depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(m[0], 0)
            if depth == 0:
                return m.end() == len(text)
        return False
