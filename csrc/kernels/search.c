/* search.c: where elements belong in sorted rows, by bisection.
 *
 *   search   sorted, x -> i (i64)   [outer, axis, count, right]   how many of a row's elements are less than x, or where
 *                                                                 right no greater
 *
 * sorted is (outer, axis), x and i are (outer, count), all contiguous. NaN is greater than every number and equals
 * itself, as in sort.c. Of a row that is not sorted the result is any number from 0 to axis.
 */
#include "params.h"
#include "template.h"

typedef struct {
    int64_t outer, axis, count, parts;
    int dtype, right;
} search_block;

#ifdef GD_PREPARE

enum { OUTER, AXIS, COUNT, RIGHT, N_PARAMS };

int gd_prepare_search(gd_prepare *p) {
    int status = gd_params_check(p, 2, 2, 1, N_PARAMS);
    if (status != GD_OK) return status;
    const int64_t *w = gd_params(p);
    int dtype = gd_operand(p, 0)->dtype;
    if (w[RIGHT] != 0 && w[RIGHT] != 1) return gd_params_fail(p, GD_ERR_FORMAT, RIGHT);
    if ((status = gd_params_operand(p, 0, GD_NUMBERS, w[OUTER], w[AXIS], 1)) != GD_OK ||
        (status = gd_params_operand(p, 1, 1 << dtype, w[OUTER], w[COUNT], 1)) != GD_OK ||
        (status = gd_params_operand(p, 2, 1 << GD_I64, w[OUTER], w[COUNT], 1)) != GD_OK)
        return status;
    search_block *b = gd_prepare_block(p, sizeof *b);
    if (b == NULL) return GD_ERR_MEMORY;
    *b = (search_block){.outer = w[OUTER],
                        .axis = w[AXIS],
                        .count = w[COUNT],
                        .parts = gd_params_parts(8 * w[OUTER] * w[COUNT], w[OUTER] * w[COUNT]),
                        .dtype = dtype,
                        .right = (int)w[RIGHT]};
    p->parts = b->parts;
    p->block = b;
    return GD_OK;
}

#else

#define GD_BODY "search_body.h"
#include "each_number.h"

int GD_ISA_NAME(gd_k_search)(const gd_call *call) {
    const search_block *b = (const search_block *)call->block;
    GD_NUMBER_CALL(b->dtype, search, call, gd_params_range(b->outer * b->count, call->part, b->parts));
    return GD_OK;
}

#endif
