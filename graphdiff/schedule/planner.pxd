# planner.pxd: the C names of the planner, a part of csrc/include/graphdiff.h, declared once for Cython. Nothing else.
from libc.stdint cimport int32_t, int64_t, uint64_t

cdef extern from "graphdiff.h" nogil:
    int GD_OK, GD_ERR_MEMORY
    ctypedef int (*gd_cancel_fn)() noexcept nogil

    int gd_arena_place(int64_t n, const int64_t *lower, const int64_t *upper, const int64_t *size, int64_t align,
                       double seconds, gd_cancel_fn cancel, int64_t *offsets, int64_t *peak,
                       int64_t *bound) noexcept

    ctypedef struct gd_steps:
        int32_t *step
        int64_t n, peak
        double cost
    void gd_steps_free(gd_steps *steps) noexcept

    ctypedef struct gd_remat_graph:
        int64_t n
        const double *cost
        const int64_t *size
        const int64_t *work
        const int64_t *take
        const int64_t *in_at
        const int64_t *inputs "in"
        const int64_t *order
        const int64_t *start
        int64_t n_start
    int gd_remat_plan(const gd_remat_graph *graph, int64_t limit, double seconds, uint64_t seed,
                      gd_cancel_fn cancel, gd_steps *out) noexcept

    ctypedef struct gd_chain
    int gd_chain_create(int64_t n, const double *forward, const double *backward, const int64_t *state,
                        const int64_t *tape, const int64_t *passing, const int64_t *working, int64_t limit,
                        gd_cancel_fn cancel, gd_chain **chain) noexcept
    void gd_chain_destroy(gd_chain *chain) noexcept
    double gd_chain_cost(const gd_chain *chain, int64_t stages, int64_t limit) noexcept
    int gd_chain_plan(const gd_chain *chain, int64_t stages, int64_t limit, gd_steps *out) noexcept
