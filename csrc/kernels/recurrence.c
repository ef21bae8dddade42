/* recurrence.c: the first-order linear recurrence y[i] = x[i] + c * y[i-1] along an axis, forwards or from the end.
 *
 *   recurrence   x, a -> y   [outer, axis, inner, reverse, use_previous]   y may be x
 *
 * x, a and y are (outer, axis, inner), contiguous. c is a[i], or a[i-1] where use_previous: the transpose of a
 * recurrence runs the other way round with the same links, so it takes the coefficients of the element before.
 */
#include "params.h"
#include "template.h"

typedef struct {
    int64_t outer, axis, inner, parts;
    int dtype, reverse, use_previous;
} recurrence_block;

#ifdef GD_PREPARE

enum { OUTER, AXIS, INNER, REVERSE, USE_PREVIOUS, N_PARAMS };

int gd_prepare_recurrence(gd_prepare *p) {
    int status = gd_params_check(p, 2, 2, 1, N_PARAMS);
    if (status != GD_OK) return status;
    const int64_t *w = gd_params(p);
    int dtype = gd_operand(p, 0)->dtype;
    for (int i = REVERSE; i <= USE_PREVIOUS; i++)
        if (w[i] != 0 && w[i] != 1) return gd_params_fail(p, GD_ERR_FORMAT, i);
    if ((status = gd_params_operand(p, 0, GD_FLOATS, w[OUTER], w[AXIS], w[INNER])) != GD_OK ||
        (status = gd_params_operand(p, 1, 1 << dtype, w[OUTER], w[AXIS], w[INNER])) != GD_OK ||
        (status = gd_params_operand(p, 2, 1 << dtype, w[OUTER], w[AXIS], w[INNER])) != GD_OK)
        return status;
    p->may_alias[0] = (int8_t)gd_params_same(p, 0, 2);
    recurrence_block *b = gd_prepare_block(p, sizeof *b);
    if (b == NULL) return GD_ERR_MEMORY;
    *b = (recurrence_block){.outer = w[OUTER],
                            .axis = w[AXIS],
                            .inner = w[INNER],
                            .parts = gd_params_parts(w[OUTER] * w[AXIS] * w[INNER], w[OUTER]),
                            .dtype = dtype,
                            .reverse = (int)w[REVERSE],
                            .use_previous = (int)w[USE_PREVIOUS]};
    p->parts = b->parts;
    p->block = b;
    return GD_OK;
}

#else

#define GD_BODY "recurrence_body.h"
#include "each_float.h"

int GD_ISA_NAME(gd_k_recurrence)(const gd_call *call) {
    const recurrence_block *b = (const recurrence_block *)call->block;
    if (b->axis == 0 || b->inner == 0) return GD_OK;
    GD_FLOAT_CALL(b->dtype, recurrence, call, gd_params_range(b->outer, call->part, b->parts));
    return GD_OK;
}

#endif
