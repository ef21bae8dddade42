# planner.pxd: the C names of the planner, a part of csrc/include/graphdiff.h, declared once for Cython. Nothing else.
from libc.stdint cimport int64_t

cdef extern from "graphdiff.h" nogil:
    int GD_OK, GD_ERR_MEMORY, GD_ERR_CANCELLED

    int gd_arena_place(int64_t n, const int64_t *lower, const int64_t *upper, const int64_t *size, int64_t align,
                       double seconds, const volatile int *cancel, int64_t *offsets, int64_t *peak,
                       int64_t *bound) noexcept
