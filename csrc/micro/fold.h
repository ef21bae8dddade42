/* fold.h: reductions of one dtype (see gd_fold_fn). Include after defining GD_T, GD_D and GD_MASK (the signed integer
 * type of GD_T's size).
 *
 * A row (inner = 1) is folded by four vectors of 64 bytes, whatever the ISA's own width is, which are then folded
 * pairwise: the order depends on the row's length only, and sums lose little. A short row is folded from its first
 * element to its last, several rows side by side. Columns (inner > 1) fold row by row. fold_body.h, included once for
 * each reduction, is their code; sums of products take their elements from two operands.
 */
#include <string.h>

#include "../program/kernel.h"

#define FOLD__(name, dtype) GD_ISA_NAME(gd_fold_##name##_##dtype)
#define FOLD_(name, dtype) FOLD__(name, dtype)

#if defined(__clang__)
#define GD_LOOP _Pragma("clang loop vectorize(assume_safety)")
#else
#define GD_LOOP _Pragma("GCC ivdep")
#endif

#if defined(__clang__)
#define GD_UNROLL _Pragma("clang loop unroll(full)")
#else
#define GD_UNROLL _Pragma("GCC unroll 4") /* early: a loop that is left keeps its vectors in memory */
#endif

/* Parts are as wide as the ISA's registers: compilers take comparisons of wider ones element by element. */
#if defined(__AVX512F__)
#define GD_PART 64
#elif defined(__AVX2__)
#define GD_PART 32
#else
#define GD_PART 16
#endif

typedef GD_T part __attribute__((vector_size(GD_PART)));
typedef GD_MASK mask __attribute__((vector_size(GD_PART)));
enum { PARTS = 64 / GD_PART, PART_LANES = GD_PART / sizeof(GD_T) };
typedef struct {
    part of[PARTS];
} vector;
enum { LANES = 64 / sizeof(GD_T), SHORT = 2 * LANES, SIDE_BY_SIDE = 8 };

static inline vector load(const GD_T *p) {
    vector v;
    GD_UNROLL for (int k = 0; k < PARTS; k++) memcpy(&v.of[k], p + k * PART_LANES, sizeof v.of[k]);
    return v;
}

static inline part choose(mask m, part a, part b) { return (part)((m & (mask)a) | (~m & (mask)b)); }
