/* epilogue.h: what a product does to a block of its result while that is in cache: act(sum + bias of the channel), or
 * with a part of it that is a second result, as the tail of tanh: part(z) and act(z, part(z)), z = sum + bias.
 *
 * Words of a payload: activation (a micro-operation of one operand, two with a part; -1: none), part (a
 * micro-operation of one operand; -1: none), then the view of the bias: its operand (or -1), its offset and its stride
 * from one channel to the next.
 * Invariants: the same bits as a sum, a bias and an activation one instruction after the other.
 */
#ifndef GD_EPILOGUE_H
#define GD_EPILOGUE_H
#include "../program/isa.h"
#include "strided.h"

enum {
    GD_EPILOGUE_ACT,
    GD_EPILOGUE_PART,
    GD_EPILOGUE_BIAS,
    GD_EPILOGUE_OFFSET = GD_EPILOGUE_BIAS + GD_VIEW_OFFSET,
    GD_EPILOGUE_STRIDE = GD_EPILOGUE_BIAS + GD_VIEW_STRIDES,
    GD_EPILOGUE_WORDS
};

typedef struct {
    int64_t operand, offset, stride; /* of the bias; operand -1: none */
    gd_micro_fn act, part;           /* or NULL */
} gd_epilogue;

#ifdef GD_PREPARE

static inline int gd_epilogue_micro(gd_prepare *p, int64_t at, int dtype, int arity, gd_micro_fn *micro) {
    int64_t number = p->payload[at];
    *micro = NULL;
    if (number == -1) return GD_OK;
    if (number >= 0 && number < GD_MICRO_COUNT && gd_micros[number].arity == arity && gd_micros[number].result == 'S')
        *micro = gd_isa_current()->micro[number][dtype];
    return *micro != NULL ? GD_OK : gd_prepare_fail(p, GD_ERR_TYPE, at, number);
}

/* reads the words from payload word `at` on; checks that the bias has `channels` elements. Who calls gives a part its
 * place. */
static inline int gd_epilogue_read(gd_prepare *p, int64_t at, int dtype, int64_t channels, gd_epilogue *e) {
    const int64_t *w = p->payload + at;
    *e = (gd_epilogue){w[GD_EPILOGUE_BIAS], w[GD_EPILOGUE_OFFSET], w[GD_EPILOGUE_STRIDE], NULL, NULL};
    int status = gd_epilogue_micro(p, at + GD_EPILOGUE_PART, dtype, 1, &e->part);
    if (status == GD_OK) status = gd_epilogue_micro(p, at + GD_EPILOGUE_ACT, dtype, e->part != NULL ? 2 : 1, &e->act);
    if (status != GD_OK) return status;
    if (e->part != NULL && e->act == NULL) return gd_prepare_fail(p, GD_ERR_TYPE, at + GD_EPILOGUE_ACT, -1);
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
