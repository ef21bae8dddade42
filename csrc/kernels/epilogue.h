/* epilogue.h: what a product does to a block of its result while that is in cache: act(sum + bias of the channel).
 *
 * Four words of a payload: activation (a micro-operation of one operand, or -1), the operand that holds the bias (or
 * -1), its offset and its stride from one channel to the next.
 * Invariants: the same bits as a sum, a bias and an activation one instruction after the other.
 */
#ifndef GD_EPILOGUE_H
#define GD_EPILOGUE_H
#include "../program/isa.h"
#include "strided.h"

enum { GD_EPILOGUE_WORDS = 4 };

typedef struct {
    int64_t operand, offset, stride; /* of the bias; operand -1: none */
    gd_micro_fn act;                 /* or NULL */
} gd_epilogue;

#ifdef GD_PREPARE

/* reads the words from payload word `at` on; checks that the bias has `channels` elements */
static inline int gd_epilogue_read(gd_prepare *p, int64_t at, int dtype, int64_t channels, gd_epilogue *e) {
    const int64_t *w = p->payload + at;
    *e = (gd_epilogue){w[1], w[2], w[3], NULL};
    if (w[0] != -1) {
        if (w[0] < 0 || w[0] >= GD_MICRO_COUNT || gd_micros[w[0]].arity != 1 || gd_micros[w[0]].result != 'S')
            return gd_prepare_fail(p, GD_ERR_TYPE, at, w[0]);
        e->act = gd_isa_current()->micro[w[0]][dtype];
        if (e->act == NULL) return gd_prepare_fail(p, GD_ERR_TYPE, at, w[0]);
    }
    if (e->operand == -1) return GD_OK;
    if (e->operand < 0 || e->operand >= p->n_reads) return gd_prepare_fail(p, GD_ERR_BOUNDS, at + 1, e->operand);
    const gd_value *value = gd_operand(p, e->operand);
    if (value->dtype != dtype) return gd_prepare_fail(p, GD_ERR_TYPE, at + 1, value->dtype);
    if (!gd_strided_fits(value->count, e->offset, 1, &channels, &e->stride))
        return gd_prepare_fail(p, GD_ERR_BOUNDS, at + 2, e->offset);
    return GD_OK;
}

#else

/* the bias from a channel on; NULL: none */
static inline const void *gd_epilogue_bias(const gd_epilogue *e, const gd_call *call, int64_t channel, int64_t item) {
    if (e->operand < 0) return NULL;
    return (const char *)call->operands[e->operand] + (e->offset + channel * e->stride) * item;
}

#endif
#endif
