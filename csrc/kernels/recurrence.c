/* recurrence.c: the first-order linear recurrence y[i] = x[i] + c * y[i-1] along an axis, forwards or from the end.
 * c is a[i], or a[i-1] where late: the transpose of a recurrence runs the other way round with the same links, so it
 * takes the coefficients of the element before.
 *
 *   recurrence   x, a -> y   [outer, axis, inner, reverse, late]   y may be x
 *
 * x, a and y are (outer, axis, inner), contiguous.
 */
#include "../program/kernel.h"
#include "params.h"

typedef struct {
    int64_t outer, axis, inner, parts;
    int dtype, reverse, late;
} recurrence_block;

#ifdef GD_PREPARE

int gd_prepare_recurrence(gd_prepare *p) {
    int status = gd_params_check(p, 2, 2, 1, 5);
    if (status != GD_OK) return status;
    const int64_t *w = p->payload + 1;
    int dtype = gd_operand(p, 0)->dtype;
    for (int i = 3; i < 5; i++)
        if (w[i] != 0 && w[i] != 1) return gd_prepare_fail(p, GD_ERR_FORMAT, i + 1, w[i]);
    if ((status = gd_params_operand(p, 0, GD_FLOATS, w[0], w[1], w[2])) != GD_OK ||
        (status = gd_params_operand(p, 1, 1 << dtype, w[0], w[1], w[2])) != GD_OK ||
        (status = gd_params_operand(p, 2, 1 << dtype, w[0], w[1], w[2])) != GD_OK)
        return status;
    p->may_alias[0] = (int8_t)gd_params_same(p, 0, 2);
    recurrence_block *b = gd_prepare_block(p, sizeof *b);
    if (b == NULL) return GD_ERR_MEMORY;
    *b = (recurrence_block){w[0], w[1], w[2], gd_params_parts(w[0] * w[1] * w[2], w[0]), dtype, (int)w[3], (int)w[4]};
    p->parts = b->parts;
    p->block = b;
    return GD_OK;
}

#else

#define RUN(T)                                                                               \
    for (int64_t o = first; o < last; o++) {                                                 \
        int64_t at = o * b->axis * b->inner + start;                                         \
        const T *x = call->operands[0], *a = call->operands[1];                              \
        T *y = call->operands[2];                                                            \
        for (int64_t n = 0; n < b->inner; n++) y[at + n] = x[at + n];                        \
        for (int64_t i = 1; i < b->axis; i++) {                                              \
            const T *before = y + at, *c = a + (b->late ? at : at + step);                   \
            at += step;                                                                      \
            for (int64_t n = 0; n < b->inner; n++) y[at + n] = x[at + n] + c[n] * before[n]; \
        }                                                                                    \
    }

int GD_ISA_NAME(gd_k_recurrence)(const gd_call *call) {
    const recurrence_block *b = call->block;
    int64_t first = gd_params_start(b->outer, call->part, b->parts);
    int64_t last = gd_params_start(b->outer, call->part + 1, b->parts);
    int64_t step = b->reverse ? -b->inner : b->inner, start = b->reverse ? (b->axis - 1) * b->inner : 0;
    if (b->axis == 0 || b->inner == 0) return GD_OK;
    if (b->dtype == GD_F32) RUN(float)
    else RUN(double)
    return GD_OK;
}

#endif
