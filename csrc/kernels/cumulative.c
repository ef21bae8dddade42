/* cumulative.c: running sums, products, maxima and minima along an axis, forwards or from the end.
 *
 *   cumulative   x -> y   [outer, axis, inner, kind, reverse]   kind: a reduction's number; y may be x
 *
 * x and y are (outer, axis, inner), contiguous. As in NumPy a NaN stays to the end of its row. Sums of float32 run in
 * double and are rounded as they are stored: over millions of elements rounding would add up.
 */
#include "../program/isa.h"
#include "params.h"
#include "template.h"

typedef struct {
    int64_t outer, axis, inner, parts;
    int dtype, kind, reverse;
} cumulative_block;

#ifdef GD_PREPARE

enum { OUTER, AXIS, INNER, KIND, REVERSE, N_PARAMS };

int gd_prepare_cumulative(gd_prepare *p) {
    int status = gd_params_check(p, 1, 1, 1, N_PARAMS);
    if (status != GD_OK) return status;
    const int64_t *w = gd_params(p);
    int64_t kind = w[KIND];
    if (kind != GD_REDUCE_sum && kind != GD_REDUCE_prod && kind != GD_REDUCE_max && kind != GD_REDUCE_min)
        return gd_params_fail(p, GD_ERR_FORMAT, KIND);
    if (w[REVERSE] != 0 && w[REVERSE] != 1) return gd_params_fail(p, GD_ERR_FORMAT, REVERSE);
    int dtype = gd_operand(p, 0)->dtype;
    if ((status = gd_params_operand(p, 0, GD_NUMBERS, w[OUTER], w[AXIS], w[INNER])) != GD_OK ||
        (status = gd_params_operand(p, 1, 1 << dtype, w[OUTER], w[AXIS], w[INNER])) != GD_OK)
        return status;
    p->may_alias[0] = (int8_t)gd_params_same(p, 0, 1);
    cumulative_block *b = gd_prepare_block(p, sizeof *b);
    if (b == NULL) return GD_ERR_MEMORY;
    *b = (cumulative_block){.outer = w[OUTER],
                            .axis = w[AXIS],
                            .inner = w[INNER],
                            .parts = gd_params_parts(w[OUTER] * w[AXIS] * w[INNER], w[OUTER]),
                            .dtype = dtype,
                            .kind = (int)kind,
                            .reverse = (int)w[REVERSE]};
    p->parts = b->parts;
    p->block = b;
    return GD_OK;
}

#else

enum { COLUMNS = 64 };

static void sum_wide(const cumulative_block *b, const gd_call *call, gd_range outer) {
    int64_t step = b->reverse ? -b->inner : b->inner, start = b->reverse ? (b->axis - 1) * b->inner : 0;
    for (int64_t o = outer.first; o < outer.last; o++)
        for (int64_t c = 0; c < b->inner; c += COLUMNS) {
            int64_t n = gd_min(b->inner - c, COLUMNS), at = o * b->axis * b->inner + start + c;
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

#define GD_BODY "cumulative_body.h"
#include "each_number.h"

int GD_ISA_NAME(gd_k_cumulative)(const gd_call *call) {
    const cumulative_block *b = (const cumulative_block *)call->block;
    if (b->axis == 0 || b->inner == 0) return GD_OK;
    gd_range outer = gd_params_range(b->outer, call->part, b->parts);
    if (b->dtype == GD_F32 && b->kind == GD_REDUCE_sum) sum_wide(b, call, outer);
    else GD_NUMBER_CALL(b->dtype, cumulative, call, outer);
    return GD_OK;
}

#endif
