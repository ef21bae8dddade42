# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""The planner's searches of csrc/planner over plain arrays.

Owns: the crossing of pointers, and that Ctrl-C ends a search, which runs where it was called. Callers have checked what they hand over for people to
read; C checks it again, and what it refuses is a ValueError. No memory for a search is a MemoryError.

    arena_place(lower, upper, size, align, seconds) -> (offsets, peak, bound)
    remat_plan(cost, size, in_at, inputs, order, limit, seconds, seed, work, take, start) -> (schedule, peak, cost)
    Chain(forward, backward, state, tape, passing, working, limit)      cost(stages, limit), plan(stages, limit)
"""
import numpy as np

cimport numpy as cnp
from libc.stdint cimport int64_t, uint64_t

from graphdiff.schedule.planner cimport *

cnp.import_array()


cdef extern from *:
    """
    static int gd_pending(void) { return PyErr_Occurred() != NULL ? -1 : 0; }
    static int gd_signalled(void) { return PyErr_Occurred() != NULL || PyErr_CheckSignals() != 0; }
    """
    int pending "gd_pending"() except -1        # raises what a signal's handler has raised during a search
    int signalled "gd_signalled"() noexcept     # runs the handlers; what one raises stays for `pending`


cdef int stop_wanted() noexcept with gil:
    """What a search asks: Python runs the handlers of signals on the main thread alone."""
    return signalled()


cdef object refuse(str search, int status):
    if status == GD_ERR_MEMORY:
        raise MemoryError(f"{search}: no memory for the search")
    raise ValueError(f"{search}: numbers that the planner does not take")


cdef cnp.ndarray integers(x):
    return np.ascontiguousarray(x, dtype=np.int64).ravel()


cdef cnp.ndarray floats(x):
    return np.ascontiguousarray(x, dtype=np.float64).ravel()


cdef const int64_t *ints_of(cnp.ndarray x) noexcept:
    return <const int64_t *> cnp.PyArray_DATA(x)


cdef const double *floats_of(cnp.ndarray x) noexcept:
    return <const double *> cnp.PyArray_DATA(x)


cdef cnp.ndarray steps_of(gd_steps *out):
    """The steps as an int64 array."""
    cdef cnp.ndarray steps = np.empty(out.n, np.int64)
    cdef int64_t *to = <int64_t *> cnp.PyArray_DATA(steps)
    cdef int64_t k
    for k in range(out.n):
        to[k] = out.step[k]
    return steps


def arena_place(lower, upper, size, int64_t align, double seconds):
    """Offsets of buffers alive in [lower, upper) with `size` bytes: (offsets int64 array, peak, lower bound)."""
    cdef cnp.ndarray lo = integers(lower), up = integers(upper), sz = integers(size)
    cdef int64_t n = lo.shape[0]
    if up.shape[0] != n or sz.shape[0] != n:
        raise ValueError("lower, upper and size differ in length")
    cdef cnp.ndarray offsets = np.zeros(n, np.int64)
    cdef const int64_t *l = ints_of(lo)
    cdef const int64_t *u = ints_of(up)
    cdef const int64_t *s = ints_of(sz)
    cdef int64_t *o = <int64_t *> cnp.PyArray_DATA(offsets)
    cdef int64_t peak = 0, bound = 0
    cdef int status
    with nogil:
        status = gd_arena_place(n, l, u, s, align, seconds, stop_wanted, o, &peak, &bound)
    pending()
    if status != GD_OK:
        refuse("arena_place", status)
    return offsets, peak, bound


def remat_plan(cost, size, in_at, inputs, order, int64_t limit, double seconds, uint64_t seed, work, take, start):
    """A schedule as an int64 array, its peak and its cost. Node v reads inputs[in_at[v]:in_at[v + 1]]; `start` is a
    schedule to begin from, or empty."""
    cdef cnp.ndarray costs = floats(cost), sizes = integers(size), at = integers(in_at), reads = integers(inputs)
    cdef cnp.ndarray given = integers(order), more = integers(work), takes = integers(take), begin = integers(start)
    cdef int64_t n = costs.shape[0]
    if sizes.shape[0] != n or given.shape[0] != n or at.shape[0] != n + 1 or reads.shape[0] < at[n]:
        raise ValueError("cost, size, in_at, inputs and order differ in length")
    if more.shape[0] != n or takes.shape[0] != n:
        raise ValueError("work and take differ from cost in length")
    cdef gd_steps out
    cdef gd_remat_graph graph
    cdef int status
    graph.n, graph.n_start = n, begin.shape[0]
    graph.cost, graph.size, graph.work, graph.take = floats_of(costs), ints_of(sizes), ints_of(more), ints_of(takes)
    graph.in_at, graph.inputs, graph.order = ints_of(at), ints_of(reads), ints_of(given)
    graph.start = ints_of(begin)
    with nogil:
        status = gd_remat_plan(&graph, limit, seconds, seed, stop_wanted, &out)
    if status != GD_OK:
        pending()
        refuse("remat_plan", status)
    try:
        pending()
        return steps_of(&out), out.peak, out.cost
    finally:
        gd_steps_free(&out)


cdef class Chain:
    """The table of optima of a chain, all sizes in units of memory; cost and plan read it."""

    cdef gd_chain *handle

    def __cinit__(self, forward, backward, state, tape, passing, working, int64_t limit):
        cdef cnp.ndarray f = floats(forward), b = floats(backward), x = integers(state), t = integers(tape)
        cdef cnp.ndarray p = integers(passing), w = integers(working)
        cdef int64_t n = f.shape[0]
        if not (b.shape[0] == x.shape[0] == t.shape[0] == p.shape[0] == w.shape[0] == n):
            raise ValueError("the lists of a chain's stages differ in length")
        cdef const double *fs = floats_of(f)
        cdef const double *bs = floats_of(b)
        cdef const int64_t *xs = ints_of(x)
        cdef const int64_t *ts = ints_of(t)
        cdef const int64_t *ps = ints_of(p)
        cdef const int64_t *ws = ints_of(w)
        cdef int status
        with nogil:
            status = gd_chain_create(n, fs, bs, xs, ts, ps, ws, limit, stop_wanted, &self.handle)
        pending()
        if status != GD_OK:
            refuse("Chain", status)

    def __dealloc__(self):
        gd_chain_destroy(self.handle)

    def cost(self, int64_t stages, int64_t limit):
        """The least cost of the first stages; infinity where nothing fits."""
        return gd_chain_cost(self.handle, stages, limit)

    def plan(self, int64_t stages, int64_t limit):
        """Steps op * (number of all stages) + stage, the ops numbered as in graphdiff.h; ValueError: nothing fits."""
        cdef gd_steps out
        status = gd_chain_plan(self.handle, stages, limit, &out)
        if status != GD_OK:
            refuse("plan", status)
        try:
            return steps_of(&out)
        finally:
            gd_steps_free(&out)
