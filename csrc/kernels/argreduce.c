/* argreduce.c: arg_max and arg_min along an axis, as in NumPy: the first of equal elements, and the first NaN where
 * there is one.
 *
 *   arg_max, arg_min   x -> y   [outer, axis, inner]   x contiguous; y int64 (outer, inner)
 */
#include "params.h"
#include "template.h"

typedef struct {
    int64_t outer, axis, inner, parts;
    int dtype;
} argreduce_block;

#ifdef GD_PREPARE

enum { OUTER, AXIS, INNER, N_PARAMS };

static int prepare(gd_prepare *p) {
    int status = gd_params_check(p, 1, 1, 1, N_PARAMS);
    if (status != GD_OK) return status;
    const int64_t *w = gd_params(p);
    if ((status = gd_params_operand(p, 0, GD_ALL, w[OUTER], w[AXIS], w[INNER])) != GD_OK ||
        (status = gd_params_operand(p, 1, 1 << GD_I64, w[OUTER], 1, w[INNER])) != GD_OK)
        return status;
    /* no element to name */
    if (w[AXIS] == 0 && w[OUTER] > 0 && w[INNER] > 0) return gd_params_fail(p, GD_ERR_SHAPE, AXIS);
    argreduce_block *b = gd_prepare_block(p, sizeof *b);
    if (b == NULL) return GD_ERR_MEMORY;
    *b = (argreduce_block){.outer = w[OUTER],
                           .axis = w[AXIS],
                           .inner = w[INNER],
                           .parts = gd_params_parts(w[OUTER] * w[AXIS] * w[INNER], w[OUTER]),
                           .dtype = gd_operand(p, 0)->dtype};
    p->parts = b->parts;
    p->block = b;
    return GD_OK;
}

int gd_prepare_arg_max(gd_prepare *p) { return prepare(p); }
int gd_prepare_arg_min(gd_prepare *p) { return prepare(p); }

#else

enum { LANES = 64 };
#define GD_BODY "argreduce_body.h"
#include "each_type.h"

int GD_ISA_NAME(gd_k_arg_max)(const gd_call *call) {
    const argreduce_block *b = (const argreduce_block *)call->block;
    if (b->axis > 0) GD_TYPE_CALL(b->dtype, arg_max, call, gd_params_range(b->outer, call->part, b->parts));
    return GD_OK;
}

int GD_ISA_NAME(gd_k_arg_min)(const gd_call *call) {
    const argreduce_block *b = (const argreduce_block *)call->block;
    if (b->axis > 0) GD_TYPE_CALL(b->dtype, arg_min, call, gd_params_range(b->outer, call->part, b->parts));
    return GD_OK;
}

#endif
