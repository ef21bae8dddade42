"""``f.entry()``: a compiled function as one C function that any thread may call with buffers of its own.

Owns: the sizes an entry is for, the text of signatures, and a failed call as the error that ``f(...)`` would raise.
Must not know: how a call runs; which packages have which signature.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..errors import CompileError, FeedError, GraphError
from ..ir.node import Value
from ..ops.messages import describe, where_am_i
from ..spelling import did_you_mean
from ..wording import count, one_line
from . import _core

Failure = tuple[str, int, int, int, int]  # status, instruction, tag, a, b


class Slot(NamedTuple):
    """What an entry reads or writes: the value as printed, dtype and shape."""

    text: str
    dtype: np.dtype
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        return math.prod(self.shape)


class Slots(NamedTuple):
    """What an entry has; ``given``: inputs that no caller feeds; ``hidden``: outputs that none sees, for monitors."""

    inputs: Sequence[Slot]
    given: Sequence[Slot]
    outputs: Sequence[Slot]
    hidden: Sequence[Slot]
    parameters: Sequence[Slot]

    @property
    def all(self) -> list[Slot]:
        return [*self.inputs, *self.given, *self.outputs, *self.hidden, *self.parameters]

    def told(self, number: int) -> str:
        """Slot ``number`` in an error."""
        kinds = (("input", self.inputs), ("pattern", self.given), ("output", self.outputs), ("monitor", self.hidden))
        for kind, slots in kinds:
            if number < len(slots):
                return f"{kind} {number} ({slots[number].text})"
            number -= len(slots)
        return self.parameters[number].text


def slot(v: Value, shape: tuple[int, ...]) -> Slot:
    return Slot(describe(v), v.dtype, shape)


class Entry(_core.Entry):
    """A compiled function for C callers, made by ``f.entry()``: re-entrant, on any thread, without Python.

    ``address``: the pair (pointer, data) of an ``int (*)(void *data, const void *const *inputs, void *const *outputs)``
    that returns 0 or why it failed. Buffers, contiguous, are read and written in place; parameters are the function's.
    Outputs overlap neither inputs nor parameters, inputs no parameter that is updated, and none is NULL, else nothing
    runs. The entry must live as long as C has its address; where the interpreter exits, it stays.

    Example::

        e = f.entry()
        pointer, data = e.pointer("double (double, void *)")
    """

    inputs: Sequence[Slot]
    outputs: Sequence[Slot]
    _slots: Slots
    _raise: Callable[[Failure], None]

    def __new__(
        cls,
        program: _core.Program,
        slots: Slots,
        given: list[np.ndarray],
        parameters: list[np.ndarray],
        contexts: int,
        threads: int,
        check_finite: bool,
        turn: _core.Turn | None,
        raising: Callable[[Failure], None],
    ) -> Entry:
        sizes = [(s.dtype, s.size) for s in slots.all]
        hidden = len(slots.hidden)
        self = super().__new__(cls, program, sizes, given, hidden, parameters, contexts, threads, check_finite, turn)
        self._slots, self._raise = slots, raising
        self.inputs, self.outputs = tuple(slots.inputs), tuple(slots.outputs)
        return self

    def pointer(self, signature: str) -> tuple[int, int]:
        """The pair (pointer, data) of a C function of that signature, whose ``void *`` is to be the data.

        ``signature``: C, with or without names and const: ``"double (double, void *)"`` (SciPy's quad, GSL),
        ``"double (int, double *, void *)"`` (nquad), ``"int (double *, intptr_t, double *, void *)"`` (ndimage),
        ``"void (double t, double *y, double *dydt, void *)"`` (ODE solvers), ``"double (unsigned n, const double *x,
        double *grad, void *)"`` (NLopt), ``"int64_t (uint64_t, const double *x, double *grad, double *logp, void *)"``
        (nutpie) and others, which an error lists. Numbers that come in one array go to the inputs, or come from the
        outputs, one after the other. A failure is NaN where the signature has nothing else for it.
        Raises GraphError for another signature and for a function that does not fit it."""
        text = canonical(signature)
        try:
            return super().pointer(text)
        except _core.CoreError as e:
            failure = e
        if failure.status == "ERR_OPCODE":
            known = _core.adapters()
            raise GraphError(
                f"pointer: no adapter has the signature {text!r}; there are "
                + ", ".join(map(repr, known))
                + did_you_mean(text, known),
                source=where_am_i(),
            )
        inputs, outputs = (", ".join(s.text for s in slots) or "none" for slots in (self.inputs, self.outputs))
        told = f"the function has inputs {inputs} and outputs {outputs}"
        if failure.status == "ERR_TYPE":
            wrong = self._slots.all[failure.instruction]
            raise GraphError(f"pointer: {text} is of other dtypes than {wrong.text}; {told}", source=where_am_i())
        raise GraphError(
            f"pointer: {text} has {failure.b} where there {'is' if failure.a == 1 else 'are'} {failure.a}; {told}",
            source=where_am_i(),
        )

    def fault(self) -> Exception | None:
        """The last failed call of this thread as the error that ``f(...)`` would raise. None: no call failed."""
        failure = self.failure()
        if failure is None:
            return None
        status, instruction, _, a, b = failure
        if instruction < 0 and status == "ERR_BOUNDS":
            return FeedError(f"{self._slots.told(a)} is NULL")
        if instruction < 0 and status == "ERR_ALIAS":
            return FeedError(f"{self._slots.told(a)} and {self._slots.told(b)} share memory, and one is written")
        if instruction < 0 and status == "ERR_SHAPE":
            return FeedError(f"called with {count(a, 'element')} where the function has {b}")
        try:
            self._raise(failure)
        except Exception as e:
            return e
        raise AssertionError("a failure that raises nothing")

    def __repr__(self) -> str:
        inputs, outputs = (", ".join(s.text for s in slots) for slots in (self.inputs, self.outputs))
        return one_line(f"<Entry ({inputs}) -> {outputs}>")

    def __reduce__(self) -> tuple[object, ...]:
        raise GraphError(
            "an Entry belongs to this process; pickle the function and write f.entry() there", source=where_am_i()
        )


SYNONYMS = {
    **dict.fromkeys(("intptr_t", "npy_intp", "int64", "long", "long int", "long long", "long long int"), "int64_t"),
    **dict.fromkeys(("uint64", "unsigned long", "unsigned long long"), "uint64_t"),
    "unsigned int": "unsigned",
}
WORDS = {"unsigned", "long", "int", "double", "float", "void", "char", "short", "struct"}


def canonical(signature: str) -> str:
    """A signature as the core has it: without names, const and odd spaces, one name for one type."""
    found = re.fullmatch(r"\s*([^()]*?)\s*(?:\(\s*\*\s*\w*\s*\)\s*)?\((.*)\)\s*;?\s*", signature, re.S)
    if not isinstance(signature, str) or found is None:
        raise GraphError(
            f'pointer: a signature is C text such as "double (double, void *)", got {signature!r}', source=where_am_i()
        )
    returned, arguments = found.groups()
    returned_type = _type(returned, named=" " in returned.strip())
    return f"{returned_type} ({', '.join(_type(a, True) for a in arguments.split(',') if a.strip())})"


def _type(text: str, named: bool) -> str:
    """One type, of a parameter that may have a name and be an array."""
    text = re.sub(r"\b(const|restrict|volatile)\b", " ", text)
    stars = "*" * (text.count("*") + text.count("["))
    words = re.sub(r"\[[^\]]*\]|\*", " ", text).split()
    if named and len(words) > 1 and words[-1] not in WORDS:
        words.pop()
    base = " ".join(words)
    return f"{SYNONYMS.get(base, base)} {stars}".strip()


def checked_contexts(contexts: int | None, threads: int) -> int:
    """How many calls run at once. Raises CompileError."""
    if contexts is None:
        return threads
    if isinstance(contexts, bool) or not isinstance(contexts, (int, np.integer)) or not 1 <= contexts <= 4096:
        raise CompileError(f"entry: contexts is a number from 1 to 4096, got {contexts!r}", source=where_am_i())
    return int(contexts)


def get_include() -> str:
    """The folder of graphdiff.h, the interface in C, for the ``-I`` of a compiler.

    Example: ``gd.get_include()``."""
    return str(Path(__file__).parents[1] / "include")
