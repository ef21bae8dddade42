/* fold_f64.c: the reductions of float64. */
#ifndef GD_PREPARE
#define GD_T double
#define GD_D f64
#define GD_MASK int64_t
#include "fold_float.h"

typedef float half_part __attribute__((vector_size(GD_PART / 2)));

static inline vector load_products_f32(const float *x, const float *y) {
    vector v;
    GD_UNROLL for (int k = 0; k < PARTS; k++) {
        half_part a, b;
        memcpy(&a, x + k * PART_LANES, sizeof a);
        memcpy(&b, y + k * PART_LANES, sizeof b);
        v.of[k] = __builtin_convertvector(a, part) * __builtin_convertvector(b, part);
    }
    return v;
}
#define REDUCTION sum
#define COMBINE ADD
#define PARTWISE ADD
#define FACTOR float
#define FACTOR_NAME f32
#include "fold_body.h"
#endif
