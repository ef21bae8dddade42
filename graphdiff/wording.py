"""How things are put into words: counts with their noun, times in the unit that fits, one line of what may be long.

Must not know: anything of the package.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TypeVar

WHOLE = 1000  # nodes or instructions that a print shows all of
HEAD, TAIL = 100, 50  # of more, how many at both ends
LINE = 160  # characters of a repr

T = TypeVar("T")


def count(n: int, noun: str) -> str:
    """``1 instruction``, ``2,000 instructions``."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def seconds_text(seconds: float) -> str:
    """A time with three digits in ns, µs, ms or s: ``12.3 µs``."""
    if seconds != seconds:
        return "unknown"
    for unit, size in (("ns", 1e-9), ("µs", 1e-6), ("ms", 1e-3)):
        if abs(seconds) < 999.5 * size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} s" if abs(seconds) < 999.5 else f"{seconds:,.0f} s"


def one_line(text: str, most: int = LINE) -> str:
    """``text`` without line ends and other characters that do not print, its middle left out where it is long."""
    flat = "".join(c if c.isprintable() else " " for c in text)
    if len(flat) <= most:
        return flat
    head = most * 2 // 3
    return f"{flat[:head]} … {flat[len(flat) - (most - head - 3) :]}"


def quoted(name: str) -> str:
    """A name that people gave, in double quotes on one line."""
    return json.dumps(name, ensure_ascii=not name.isprintable())


def left_out(n: int, whole: int = WHOLE) -> range:
    """Which of ``n`` lines a print leaves out: none of up to ``whole``, else those between head and tail."""
    return range(0) if n <= whole else range(HEAD, n - TAIL)


def ends(lines: Sequence[T], note: T) -> list[T]:
    """``lines`` as a print shows them, with ``note`` in place of what is left out."""
    out = left_out(len(lines))
    return [*lines[: out.start], note, *lines[out.stop :]] if out else list(lines)
