/* transpose.h: squares of 32 bytes a side, their rows and columns exchanged in registers.
 *
 * Interleaving the rows of two halves turns the bits of (row, column) round by one, and after log2(side) turns rows and
 * columns have changed places. Steps from row to row are in elements.
 */
#ifndef GD_TRANSPOSE_H
#define GD_TRANSPOSE_H
#include <stdint.h>

enum { GD_SQUARE_BYTES = 32 };

#if defined(__clang__)
#define GD_UNROLL_SQUARE _Pragma("unroll")
#else
#define GD_UNROLL_SQUARE _Pragma("GCC unroll 16")
#endif

#define GD_DEFINE_TRANSPOSE(S, T, SIDE, LOWER, UPPER)                                                          \
    typedef T gd_square_##S __attribute__((vector_size(GD_SQUARE_BYTES), aligned(sizeof(T)), may_alias));      \
    static inline __attribute__((always_inline)) void gd_transpose_##S(const T *from, int64_t from_row, T *to, \
                                                                       int64_t to_row) {                       \
        gd_square_##S x[SIDE], y[SIDE];                                                                        \
        GD_UNROLL_SQUARE for (int r = 0; r < SIDE; r++) x[r] = *(const gd_square_##S *)(from + r * from_row);  \
        GD_UNROLL_SQUARE for (int turn = 1; turn < SIDE; turn *= 2) {                                          \
            GD_UNROLL_SQUARE for (int r = 0; r < SIDE / 2; r++) {                                              \
                y[2 * r] = __builtin_shufflevector(x[r], x[r + SIDE / 2], LOWER);                              \
                y[2 * r + 1] = __builtin_shufflevector(x[r], x[r + SIDE / 2], UPPER);                          \
            }                                                                                                  \
            GD_UNROLL_SQUARE for (int r = 0; r < SIDE; r++) x[r] = y[r];                                       \
        }                                                                                                      \
        GD_UNROLL_SQUARE for (int r = 0; r < SIDE; r++) * (gd_square_##S *)(to + r * to_row) = x[r];           \
    }

#define GD_LIST(...) __VA_ARGS__
GD_DEFINE_TRANSPOSE(f32, float, 8, GD_LIST(0, 8, 1, 9, 2, 10, 3, 11), GD_LIST(4, 12, 5, 13, 6, 14, 7, 15))
GD_DEFINE_TRANSPOSE(f64, double, 4, GD_LIST(0, 4, 1, 5), GD_LIST(2, 6, 3, 7))
#undef GD_LIST
#undef GD_DEFINE_TRANSPOSE
#endif
