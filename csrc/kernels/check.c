/* check.c: instructions that write nothing and fail the run: an index out of range, a condition that does not hold.
 *   check_index   idx ->    [limit, lowest]   fails unless lowest <= idx < limit
 *   check_true    pred ->   []        fails unless all elements are true
 *
 * The fault names the index and the limit, or the first element that is false.
 */
#include <string.h>

#include "../program/kernel.h"
#include "params.h"

typedef struct {
    int64_t count, lowest, limit;
    int dtype;
} check_block;

#ifdef GD_PREPARE

enum { LIMIT, LOWEST, N_PARAMS }; /* of check_index; check_true has none */

static int prepare(gd_prepare *p, int64_t n_params, int dtypes) {
    int status = gd_params_check(p, 1, 1, 0, n_params);
    if (status != GD_OK) return status;
    const gd_value *v = gd_operand(p, 0);
    if (!(dtypes >> v->dtype & 1)) return gd_prepare_fail(p, GD_ERR_TYPE, -1, v->dtype);
    check_block *b = gd_prepare_block(p, sizeof *b);
    if (b == NULL) return GD_ERR_MEMORY;
    const int64_t *w = gd_params(p);
    *b = (check_block){v->count, n_params > 0 ? w[LOWEST] : 0, n_params > 0 ? w[LIMIT] : 0, v->dtype};
    if (b->limit < 0) return gd_params_fail(p, GD_ERR_SHAPE, LIMIT);
    if (b->lowest > 0) return gd_params_fail(p, GD_ERR_SHAPE, LOWEST);
    p->block = b;
    return GD_OK;
}

int gd_prepare_check_index(gd_prepare *p) { return prepare(p, N_PARAMS, GD_INTEGERS); }
int gd_prepare_check_true(gd_prepare *p) { return prepare(p, 0, 1 << GD_BOOL); }

#else

int GD_ISA_NAME(gd_k_check_index)(const gd_call *call) {
    const check_block *b = (const check_block *)call->block;
    for (int64_t i = 0; i < b->count; i++) {
        int64_t index =
            b->dtype == GD_I32 ? ((const int32_t *)call->operands[0])[i] : ((const int64_t *)call->operands[0])[i];
        if (index < b->lowest || index >= b->limit) {
            call->fault->a = index;
            call->fault->b = b->limit;
            return GD_ERR_INDEX;
        }
    }
    return GD_OK;
}

int GD_ISA_NAME(gd_k_check_true)(const gd_call *call) {
    const check_block *b = (const check_block *)call->block;
    const void *first = b->count > 0 ? memchr(call->operands[0], 0, (size_t)b->count) : NULL;
    if (first == NULL) return GD_OK;
    call->fault->a = (const char *)first - (const char *)call->operands[0];
    return GD_ERR_CHECK;
}

#endif
