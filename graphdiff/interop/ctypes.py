"""Compiled functions as ctypes functions: ``gd.interop.ctypes.function(f, "double (double, void *)")``.

Owns: the ctypes types of C signatures. The function keeps its entry alive.
Must not know: who calls it.
"""

from __future__ import annotations

import ctypes
from typing import Protocol

from ..errors import GraphError
from ..ops.messages import where_am_i
from ..runtime.entry import Entry, canonical
from ..runtime.function import Function

_TYPES: dict[str, type] = {
    "double": ctypes.c_double,
    "int": ctypes.c_int,
    "unsigned": ctypes.c_uint,
    "int64_t": ctypes.c_int64,
    "uint64_t": ctypes.c_uint64,
    "void *": ctypes.c_void_p,
    "void **": ctypes.POINTER(ctypes.c_void_p),
    "double *": ctypes.POINTER(ctypes.c_double),
    "int64_t *": ctypes.POINTER(ctypes.c_int64),
}
RAW = "int (void *, void **, void **)"


class CFunction(Protocol):
    """A ctypes function with the ``entry`` that it calls and the ``data`` that is its ``void *``."""

    entry: Entry
    data: int

    def __call__(self, *args: object) -> float | int | None: ...


def function(f: Function | Entry, signature: str = RAW, **sizes: int) -> CFunction:
    """``f`` as a ctypes function of a C signature.

    ``signature``: as for ``Entry.pointer``; by default that of ``Entry.address``. ``sizes``: named dimensions. The
    result has ``entry`` (``entry.fault()`` tells why a call failed) and ``data``, to be given as its ``void *``. Calls
    release the GIL. Raises GraphError, FeedError.

    Example: ``c = gd.interop.ctypes.function(f, "double (double, void *)"); c(1.5, c.data)``."""
    entry = entry_of(f, sizes)
    text = canonical(signature)
    pointer, data = entry.pointer(text)
    made = types(text)(pointer)
    made.entry, made.data = entry, data
    return made


def entry_of(f: Function | Entry, sizes: dict[str, int]) -> Entry:
    """``f`` itself, or its entry at ``sizes``. Raises GraphError for anything else."""
    if isinstance(f, Function):
        return f.entry(**sizes)
    if not isinstance(f, Entry):
        told = type(f).__name__
        raise GraphError(f"give what gd.compile or f.entry() has made, got {told}", source=where_am_i())
    if sizes:
        raise GraphError(f"an entry has its sizes: {', '.join(sizes)} is none to give", source=where_am_i())
    return f


def types(signature: str) -> type:
    """The ctypes function type of a canonical signature."""
    returned, _, rest = signature.partition(" (")
    returns = None if returned == "void" else _TYPES[returned]
    return ctypes.CFUNCTYPE(returns, *(_TYPES[a.strip()] for a in rest[:-1].split(",")))
