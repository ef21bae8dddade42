# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""The planner's searches of csrc/planner over plain arrays.

Owns: the crossing of pointers, and that Ctrl-C ends a search. Callers have checked what they hand over for people to
read; C checks it again, and what it refuses is a ValueError. No memory for a search is a MemoryError.

    arena_place(lower, upper, size, align, seconds) -> (offsets, peak, bound)
"""
import threading

import numpy as np

cimport numpy as cnp
from libc.stdint cimport int64_t

from graphdiff.schedule.planner cimport *

cnp.import_array()


cdef class Flag:
    """A C int that says "stop" to a search on another thread."""

    cdef int value


cdef object interruptible(search, Flag stop):
    """The result of search(). On the main thread it runs on a helper's, so that Ctrl-C is noticed and stops it."""
    if threading.current_thread() is not threading.main_thread():
        return search()
    outcome = []

    def target() -> None:
        outcome.append(search())

    helper = threading.Thread(target=target, daemon=True)
    helper.start()
    try:
        helper.join()
    except BaseException:
        stop.value = 1
        helper.join()
        raise
    return outcome[0]


cdef object refuse(str search, int status):
    if status == GD_ERR_MEMORY:
        raise MemoryError(f"{search}: no memory for the search")
    raise ValueError(f"{search}: numbers that the planner does not take")


cdef cnp.ndarray integers(x):
    return np.ascontiguousarray(x, dtype=np.int64).ravel()


cdef const int64_t *ints_of(cnp.ndarray x) noexcept:
    return <const int64_t *> cnp.PyArray_DATA(x)


def arena_place(lower, upper, size, int64_t align, double seconds):
    """Offsets of buffers alive in [lower, upper) with `size` bytes: (offsets int64 array, peak, lower bound)."""
    cdef cnp.ndarray lo = integers(lower), up = integers(upper), sz = integers(size)
    cdef int64_t n = lo.shape[0]
    if up.shape[0] != n or sz.shape[0] != n:
        raise ValueError("lower, upper and size differ in length")
    cdef cnp.ndarray offsets = np.zeros(n, np.int64)
    stop = Flag()

    def search():
        cdef Flag flag = stop
        cdef const int64_t *l = ints_of(lo)
        cdef const int64_t *u = ints_of(up)
        cdef const int64_t *s = ints_of(sz)
        cdef int64_t *o = <int64_t *> cnp.PyArray_DATA(offsets)
        cdef int64_t peak = 0, bound = 0
        cdef int status
        with nogil:
            status = gd_arena_place(n, l, u, s, align, seconds, &flag.value, o, &peak, &bound)
        return status, peak, bound

    status, peak, bound = interruptible(search, stop)
    if status not in (GD_OK, GD_ERR_CANCELLED):
        refuse("arena_place", status)
    return offsets, peak, bound
