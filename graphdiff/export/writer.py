"""Lines of C being written, and how numbers and names stand in them.

Must not know: programs, instructions.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

# C11's and C++'s, as headers are read by both.
KEYWORDS = frozenset(
    """alignas alignof and and_eq asm auto bitand bitor bool break case catch char class compl concept const
    constexpr const_cast continue co_await co_return co_yield decltype default delete do double dynamic_cast else enum
    explicit export extern false float for friend goto if inline int long mutable namespace new noexcept not not_eq
    nullptr operator or or_eq private protected public register reinterpret_cast requires restrict return short signed
    sizeof static static_assert static_cast struct switch template this thread_local throw true try typedef typeid
    typename typeof union unsigned using virtual void volatile wchar_t while xor xor_eq""".split()
)


class Lines:
    """C text, one line after the other, indented by the blocks that are open."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.depth = 0

    def __call__(self, line: str) -> None:
        self.lines.append("    " * self.depth + line if line else "")

    @contextmanager
    def block(self, head: str) -> Iterator[None]:
        """Lines in braces behind ``head``."""
        self(head + " {" if head else "{")
        self.depth += 1
        yield
        self.depth -= 1
        self("}")

    def text(self) -> str:
        return "\n".join(self.lines) + "\n"


def number(value: np.generic | int) -> str:
    """A scalar as C writes it, every bit of it."""
    if isinstance(value, np.floating):
        tail = "f" if value.dtype.itemsize == 4 else ""
        if math.isnan(value):
            return "NAN"
        if math.isinf(value):
            return "INFINITY" if value > 0 else "-INFINITY"
        text = repr(value.item()) if not tail else str(np.float32(value))
        return (text if re.search(r"[.e]", text) else text + ".0") + tail
    integer = int(value)
    if -(2**31) < integer < 2**31:
        return str(integer)
    return f"INT64_C({integer})" if integer > -(2**63) else "(-INT64_C(9223372036854775807) - 1)"


def index(offset: int, strides: Sequence[int], names: Sequence[str]) -> str:
    """``3 + i * 64 + j``."""
    terms = []
    for stride, name in zip(strides, names):
        if stride:
            terms.append(name if stride == 1 else f"-{name}" if stride == -1 else f"{name} * {stride}")
    if offset or not terms:
        terms.insert(0, str(offset))
    return " + ".join(terms).replace("+ -", "- ")


def address(name: str, offset: str) -> str:
    """A pointer so many elements further."""
    return name if offset == "0" else f"{name} + {offset}"


def identifier(text: str, fallback: str) -> str:
    """A name of C made of a text for people."""
    name = re.sub(r"\W+", "_", text, flags=re.ASCII).strip("_")
    if not name:
        return fallback
    return name + "_" if name in KEYWORDS or re.match(r"main$", name) else f"_{name}" if name[0].isdigit() else name


def comment(text: str) -> str:
    """A text that ends no comment and no line: as it may stand in ``/* */``."""
    plain = text.encode("ascii", "backslashreplace").decode()
    return re.sub(r"[\x00-\x1f\x7f]", " ", plain).replace("*/", "* /").replace("/*", "/ *").replace("??/", "? ?/")


def quoted(text: str) -> str:
    """A text as a string literal of ASCII."""
    out = ""
    for byte in text.encode():
        char = chr(byte)
        out += "\\" + char if char in '\\"?' else char if 32 <= byte < 127 else f"\\{byte:03o}"
    return f'"{out}"'
