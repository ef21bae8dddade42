/* recurrence_body.h: the linear recurrence of one element type (see template.h); recurrence.c includes it. */

static void NAME(recurrence)(const gd_call *call, gd_range outer) {
    const recurrence_block *b = (const recurrence_block *)call->block;
    int64_t step = b->reverse ? -b->inner : b->inner, start = b->reverse ? (b->axis - 1) * b->inner : 0;
    const T *x = (const T *)call->operands[0], *a = (const T *)call->operands[1];
    T *y = (T *)call->operands[2];
    for (int64_t o = outer.first; o < outer.last; o++) {
        int64_t at = o * b->axis * b->inner + start;
        for (int64_t n = 0; n < b->inner; n++) y[at + n] = x[at + n];
        for (int64_t i = 1; i < b->axis; i++) {
            const T *previous = y + at, *c = a + (b->use_previous ? at : at + step);
            at += step;
            for (int64_t n = 0; n < b->inner; n++) y[at + n] = x[at + n] + c[n] * previous[n];
        }
    }
}
