"""Every exception of graphdiff and the one formatter of their text.

Owns: the classes, and the layout ``fact / in: operation / at: file:line``.
Must not know: graphs, operations or the core; callers pass finished strings.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from .late import given_later
from .wording import one_line

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "GraphdiffError",
    "ShapeError",
    "DTypeError",
    "FeedError",
    "GraphError",
    "UnsupportedOperator",
    "CompileError",
    "BusyError",
    "MemoryLimitError",
    "NonFiniteError",
    "GradientMismatch",
]


class GraphdiffError(Exception):
    """Base of all errors that graphdiff raises on purpose.

    Attributes: ``fact`` (the first line), ``operation`` (the operation as printed, or None),
    ``source`` (``file:line`` of the user's code, or None).
    """

    __module__ = "graphdiff"

    def __init__(self, fact: str, operation: str | None = None, source: str | None = None):
        self.fact = fact
        self.operation = operation
        self.source = source
        super().__init__(format_error(fact, operation, source))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({one_line(self.fact)!r})"

    def __str__(self) -> str:  # KeyError-like bases would quote the text
        return str(self.args[0])


class ShapeError(GraphdiffError, ValueError):
    """Shapes that cannot meet: broadcast, product, reshape, axis."""

    __module__ = "graphdiff"


class DTypeError(GraphdiffError, TypeError):
    """A dtype an operation does not take; the text says which ``astype`` to write."""

    __module__ = "graphdiff"


class FeedError(GraphdiffError, ValueError):
    """A value handed to a compiled function that it cannot take; nothing has run or changed."""

    __module__ = "graphdiff"


class GraphError(GraphdiffError, ValueError):
    """A graph that is not well formed: foreign nodes, repeated names, cycles, unreadable text."""

    __module__ = "graphdiff"


class UnsupportedOperator(GraphError):
    """A model has operators that graphdiff has not, or a graph operations that ONNX has not (``lacking``). ``counts``:
    how often each of them stands in it, in functions and in the graphs inside it; nothing has been built or written."""

    def __init__(
        self,
        model: str,
        counts: Mapping[str, int],
        source: str | None = None,
        lacking: str = "operators that graphdiff has not",
    ):
        self.counts = dict(counts)
        listed = ", ".join(f"{name} ({count})" for name, count in self.counts.items())
        super().__init__(f"{model} has {lacking}: {listed}", None, source)


class CompileError(GraphdiffError, RuntimeError):
    """A well-formed graph that cannot be compiled as asked."""

    __module__ = "graphdiff"


class BusyError(GraphdiffError, RuntimeError):
    """A call on buffers that a call is already using: from another thread, or from a signal handler during it. Nothing
    has run or changed."""

    __module__ = "graphdiff"


class MemoryLimitError(GraphdiffError, MemoryError):
    """No schedule fits the byte limit.

    ``smallest_arena_bytes``: the least arena found; ``instruction``: what needs it, by name; ``operands``: what that
    reads and writes there, as (name, bytes); ``floor_bytes``: what the operands of one instruction alone take, so that
    no schedule needs less.
    """

    __module__ = "graphdiff"

    def __init__(
        self,
        fact: str,
        operation: str | None = None,
        source: str | None = None,
        *,
        smallest: int = 0,
        instruction: str = "",
        operands: tuple[tuple[str, int], ...] = (),
        floor: int = 0,
    ):
        super().__init__(fact, operation, source)
        self.smallest_arena_bytes = smallest
        self.instruction, self.operands, self.floor_bytes = instruction, operands, floor


@given_later("graphdiff.runtime.blame", "write_repro")
class NonFiniteError(GraphdiffError, ArithmeticError):
    """With ``debug="nan"``: the first instruction that made a NaN or an infinity. ``operands``: the arrays it read."""

    __module__ = "graphdiff"

    if TYPE_CHECKING:

        def write_repro(self, folder: str | Path) -> Path: ...

    def __init__(
        self,
        fact: str,
        operation: str | None = None,
        source: str | None = None,
        *,
        operands: Mapping[str, np.ndarray] | None = None,
        script: str = "",
    ):
        super().__init__(fact, operation, source)
        self.operands = dict(operands or {})
        self._script = script


class GradientMismatch(GraphdiffError, AssertionError):
    """A derivative rule disagrees with finite differences; ``report`` has the figures."""

    __module__ = "graphdiff"

    def __init__(self, fact: str, operation: str | None = None, source: str | None = None, *, report: object = None):
        super().__init__(fact, operation, source)
        self.report = report


def format_error(fact: str, operation: str | None = None, source: str | None = None) -> str:
    """The text of an error: the fact, then the operation and the user's line where known."""
    text = fact
    if operation:
        text += "\n  in: " + operation
    if source:
        text += "\n  at: " + source
    return text
