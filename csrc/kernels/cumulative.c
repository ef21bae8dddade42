/* cumulative.c: running sums, products, maxima and minima along an axis, forwards or from the end.
 *
 *   cumulative   x -> y   [outer, axis, inner, kind, reverse]   kind: a reduction's number; y may be x
 *
 * x and y are (outer, axis, inner), contiguous. As in NumPy a NaN stays to the end of its row. Sums of float32 run in
 * double and are rounded as they are stored: over millions of elements rounding would add up.
 */
#include "../program/isa.h"
#include "params.h"

typedef struct {
    int64_t outer, axis, inner, parts;
    int dtype, kind, reverse;
} cumulative_block;

#ifdef GD_PREPARE

int gd_prepare_cumulative(gd_prepare *p) {
    int status = gd_params_check(p, 1, 1, 1, 5);
    if (status != GD_OK) return status;
    const int64_t *w = p->payload + 1;
    int64_t kind = w[3], reverse = w[4];
    if (kind != GD_REDUCE_sum && kind != GD_REDUCE_prod && kind != GD_REDUCE_max && kind != GD_REDUCE_min)
        return gd_prepare_fail(p, GD_ERR_FORMAT, 4, kind);
    if (reverse != 0 && reverse != 1) return gd_prepare_fail(p, GD_ERR_FORMAT, 5, reverse);
    int dtype = gd_operand(p, 0)->dtype;
    if ((status = gd_params_operand(p, 0, GD_NUMBERS, w[0], w[1], w[2])) != GD_OK ||
        (status = gd_params_operand(p, 1, 1 << dtype, w[0], w[1], w[2])) != GD_OK)
        return status;
    p->may_alias[0] = (int8_t)gd_params_same(p, 0, 1);
    cumulative_block *b = gd_prepare_block(p, sizeof *b);
    if (b == NULL) return GD_ERR_MEMORY;
    *b =
        (cumulative_block){w[0], w[1], w[2], gd_params_parts(w[0] * w[1] * w[2], w[0]), dtype, (int)kind, (int)reverse};
    p->parts = b->parts;
    p->block = b;
    return GD_OK;
}

#else

#define SUM(T, U, run, x) ((T)((U)(run) + (U)(x)))
#define PROD(T, U, run, x) ((T)((U)(run) * (U)(x)))
#define MAX(T, U, run, x) ((x) > (run) || (x) != (x) ? (x) : (run))
#define MIN(T, U, run, x) ((x) < (run) || (x) != (x) ? (x) : (run))

/* rows carry the run in a register; where inner is more than 1, line after line of it */
#define PASS(T, U, STEP)                                                                   \
    for (int64_t o = first; o < last; o++) {                                               \
        const T *x = (const T *)call->operands[0] + o * b->axis * b->inner + start;        \
        T *y = (T *)call->operands[1] + o * b->axis * b->inner + start;                    \
        if (b->inner == 1) {                                                               \
            T run = *y = *x;                                                               \
            for (int64_t a = 1; a < b->axis; a++) {                                        \
                x += step, y += step;                                                      \
                *y = run = STEP(T, U, run, *x);                                            \
            }                                                                              \
        } else {                                                                           \
            for (int64_t n = 0; n < b->inner; n++) y[n] = x[n];                            \
            for (int64_t a = 1; a < b->axis; a++) {                                        \
                const T *before = y;                                                       \
                x += step, y += step;                                                      \
                for (int64_t n = 0; n < b->inner; n++) y[n] = STEP(T, U, before[n], x[n]); \
            }                                                                              \
        }                                                                                  \
    }

enum { COLUMNS = 64 };

static void sum_wide(const cumulative_block *b, const gd_call *call, int64_t first, int64_t last) {
    int64_t step = b->reverse ? -b->inner : b->inner, start = b->reverse ? (b->axis - 1) * b->inner : 0;
    for (int64_t o = first; o < last; o++)
        for (int64_t c = 0; c < b->inner; c += COLUMNS) {
            int64_t n = b->inner - c < COLUMNS ? b->inner - c : COLUMNS, at = o * b->axis * b->inner + start + c;
            const float *x = (const float *)call->operands[0] + at;
            float *y = (float *)call->operands[1] + at;
            if (n == 1) { /* in a register */
                double one = -0.0;
                for (int64_t a = 0; a < b->axis; a++, x += step, y += step) *y = (float)(one += (double)*x);
                continue;
            }
            double run[COLUMNS];
            for (int64_t i = 0; i < n; i++) run[i] = -0.0; /* plus x, that is x, -0 too */
            for (int64_t a = 0; a < b->axis; a++, x += step, y += step)
                for (int64_t i = 0; i < n; i++) y[i] = (float)(run[i] += (double)x[i]);
        }
}

#define RUN(T, U)                                \
    switch (b->kind) {                           \
    case GD_REDUCE_sum: PASS(T, U, SUM) break;   \
    case GD_REDUCE_prod: PASS(T, U, PROD) break; \
    case GD_REDUCE_max: PASS(T, U, MAX) break;   \
    default: PASS(T, U, MIN)                     \
    }

int GD_ISA_NAME(gd_k_cumulative)(const gd_call *call) {
    const cumulative_block *b = call->block;
    int64_t first = gd_params_start(b->outer, call->part, b->parts);
    int64_t last = gd_params_start(b->outer, call->part + 1, b->parts);
    int64_t step = b->reverse ? -b->inner : b->inner, start = b->reverse ? (b->axis - 1) * b->inner : 0;
    if (b->axis == 0 || b->inner == 0) return GD_OK;
    if (b->dtype == GD_F32 && b->kind == GD_REDUCE_sum) {
        sum_wide(b, call, first, last);
        return GD_OK;
    }
    switch (b->dtype) {
    case GD_F32: RUN(float, float) break;
    case GD_F64: RUN(double, double) break;
    case GD_I32: RUN(int32_t, uint32_t) break;
    default: RUN(int64_t, uint64_t)
    }
    return GD_OK;
}

#endif
