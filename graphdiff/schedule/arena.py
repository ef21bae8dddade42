"""Placement of buffers with lifetimes in one arena, on plain arrays.

Owns: what a caller is told of numbers that cannot be. The search is in C (csrc/planner) and counts steps, not time: the
same arguments give the same offsets on every machine.
Must not know: instructions, buffers, graphs of operations.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import DTypeError, GraphError, ShapeError
from . import _planner

MOST_BYTES = 2**60  # of all buffers together, each rounded up to the alignment
MOST_ALIGN = 2**30
MOST_BUFFERS = 2**28 - 1


class Placement(NamedTuple):
    """``offsets``: of each buffer, int64; ``peak``: the arena's size, the highest end; ``bound``: the largest total
    alive at once, sizes rounded up to the alignment, which no placement can go below."""

    offsets: npt.NDArray[np.int64]
    peak: int
    bound: int


def place(
    lower: npt.ArrayLike, upper: npt.ArrayLike, size: npt.ArrayLike, seconds: float = 1.0, *, align: int = 1
) -> Placement:
    """Offsets that make the arena small. Buffer ``i`` takes ``size[i]`` bytes and is alive in ``[lower[i], upper[i])``:
    from ``lower`` on, and no more at ``upper``, so that one may begin where another ends. (The same as in the CSV files
    of minimalloc.) One of no size or no lifetime takes nothing, at offset 0.

    ``lower``, ``upper`` and ``size`` are lists or arrays of integers of one length; offsets are multiples of ``align``,
    a power of two. ``seconds`` is nominal, a number of search steps: the same arguments give the same placement on
    every machine. The search ends before that when the peak is within half a percent of the bound. Ctrl-C ends it
    with KeyboardInterrupt.

    Raises ShapeError for arrays that are not one-dimensional or differ in length, DTypeError for what is no integer,
    GraphError (all are ValueErrors or TypeErrors) for a buffer that ends before it begins, a negative size, sizes that
    together exceed 2**60, another alignment and seconds that are negative or NaN.

    Example: ``place([0, 2, 0], [2, 4, 4], [100, 50, 30]).peak`` is 130: the first two share memory.
    """
    lo, up, sizes = _integers("lower", lower), _integers("upper", upper), _integers("size", size)
    if not len(lo) == len(up) == len(sizes):
        raise ShapeError(f"arena.place: lower has {len(lo)} buffers, upper {len(up)}, size {len(sizes)}")
    if len(lo) > MOST_BUFFERS:
        raise GraphError(f"arena.place: {len(lo)} buffers; at most {MOST_BUFFERS} can be placed")
    if not (isinstance(align, (int, np.integer)) and 0 < align <= MOST_ALIGN and align & (align - 1) == 0):
        raise GraphError(f"arena.place: align is {align!r}, not a power of two up to 2**30")
    if not seconds >= 0:
        raise GraphError(f"arena.place: seconds is {seconds!r}, not a number from 0 on")
    for i in np.flatnonzero(lo > up)[:1]:
        raise GraphError(f"arena.place: buffer {i} ends at {up[i]}, before it begins at {lo[i]}")
    for i in np.flatnonzero(sizes < 0)[:1]:
        raise GraphError(f"arena.place: buffer {i} has a size of {sizes[i]}")
    total = float(np.sum(sizes, dtype=np.float64)) + float(align - 1) * len(sizes)
    if total > MOST_BYTES:
        raise GraphError(f"arena.place: sizes of {total:.4g} bytes together; at most 2**60 can be placed")
    return Placement(*_planner.arena_place(lo, up, sizes, int(align), float(seconds)))


def _integers(name: str, given: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """As one-dimensional int64."""
    try:
        a = np.asarray(given)
    except ValueError:  # lists of different lengths
        raise ShapeError(f"arena.place: {name} is not one-dimensional") from None
    if a.ndim != 1:
        raise ShapeError(f"arena.place: {name} has {a.ndim} dimensions, not one")
    if a.size == 0:
        return np.zeros(0, np.int64)
    if a.dtype == object and all(isinstance(x, int) for x in a.tolist()):
        raise GraphError(f"arena.place: {name} holds {max(a.tolist(), key=abs)}, which does not fit into 64 bits")
    if a.dtype.kind not in "iu":
        raise DTypeError(f"arena.place: {name} is {a.dtype}, not integers; round it and write .astype('int64')")
    if a.dtype == np.uint64 and a.max() > np.iinfo(np.int64).max:
        raise GraphError(f"arena.place: {name} holds {a.max()}, which does not fit into 64 bits")
    return a.astype(np.int64, copy=False)
