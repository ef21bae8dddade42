/* epilogue.h: what a product does to a block of its result while that is in cache: act(sum + bias of the channel).
 *
 * Four words of a payload: activation (a micro-operation of one operand, or -1), then the view of the bias: its operand
 * (or -1), its offset and its stride from one channel to the next.
 * Invariants: the same bits as a sum, a bias and an activation one instruction after the other.
 */
#ifndef GD_EPILOGUE_H
#define GD_EPILOGUE_H
#include "../program/isa.h"
#include "strided.h"

enum {
    GD_EPILOGUE_ACT,
    GD_EPILOGUE_BIAS,
    GD_EPILOGUE_OFFSET = GD_EPILOGUE_BIAS + GD_VIEW_OFFSET,
    GD_EPILOGUE_STRIDE = GD_EPILOGUE_BIAS + GD_VIEW_STRIDES,
    GD_EPILOGUE_WORDS
};

typedef struct {
    int64_t operand, offset, stride; /* of the bias; operand -1: none */
    gd_micro_fn act;                 /* or NULL */
} gd_epilogue;

#ifdef GD_PREPARE

/* reads the words from payload word `at` on; checks that the bias has `channels` elements */
static inline int gd_epilogue_read(gd_prepare *p, int64_t at, int dtype, int64_t channels, gd_epilogue *e) {
    const int64_t *w = p->payload + at;
    int64_t act = w[GD_EPILOGUE_ACT];
    *e = (gd_epilogue){w[GD_EPILOGUE_BIAS], w[GD_EPILOGUE_OFFSET], w[GD_EPILOGUE_STRIDE], NULL};
    if (act != -1) {
        if (act < 0 || act >= GD_MICRO_COUNT || gd_micros[act].arity != 1 || gd_micros[act].result != 'S')
            return gd_prepare_fail(p, GD_ERR_TYPE, at + GD_EPILOGUE_ACT, act);
        e->act = gd_isa_current()->micro[act][dtype];
        if (e->act == NULL) return gd_prepare_fail(p, GD_ERR_TYPE, at + GD_EPILOGUE_ACT, act);
    }
    if (e->operand == -1) return GD_OK;
    if (e->operand < 0 || e->operand >= p->n_reads)
        return gd_prepare_fail(p, GD_ERR_BOUNDS, at + GD_EPILOGUE_BIAS, e->operand);
    const gd_value *value = gd_operand(p, e->operand);
    if (value->dtype != dtype) return gd_prepare_fail(p, GD_ERR_TYPE, at + GD_EPILOGUE_BIAS, value->dtype);
    if (!gd_strided_fits(value->count, e->offset, 1, &channels, &e->stride))
        return gd_prepare_fail(p, GD_ERR_BOUNDS, at + GD_EPILOGUE_OFFSET, e->offset);
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
