/* cumulative_body.h: running sums, products, maxima and minima of one element type (see template.h); cumulative.c
 * includes it. */

/* what a run becomes with x */
INLINE T NAME(step)(const int kind, T run, T x) {
    switch (kind) {
    case GD_REDUCE_sum: return (T)((U)run + (U)x);
    case GD_REDUCE_prod: return (T)((U)run * (U)x);
    case GD_REDUCE_max: return x > run || IS_NAN(x) ? x : run;
    default: return x < run || IS_NAN(x) ? x : run;
    }
}

/* one outer index, from x and y on; rows carry the run in a register; where inner is more than 1, line after line */
INLINE void NAME(pass)(const int kind, int64_t axis, int64_t inner, int64_t step, const T *x, T *y) {
    if (inner == 1) {
        T run = *y = *x;
        for (int64_t a = 1; a < axis; a++) {
            x += step, y += step;
            *y = run = NAME(step)(kind, run, *x);
        }
        return;
    }
    for (int64_t n = 0; n < inner; n++) y[n] = x[n];
    for (int64_t a = 1; a < axis; a++) {
        const T *run = y;
        x += step, y += step;
        for (int64_t n = 0; n < inner; n++) y[n] = NAME(step)(kind, run[n], x[n]);
    }
}

INLINE void NAME(passes)(const int kind, const gd_call *call, gd_range outer) {
    const cumulative_block *b = (const cumulative_block *)call->block;
    int64_t step = b->reverse ? -b->inner : b->inner, start = b->reverse ? (b->axis - 1) * b->inner : 0;
    for (int64_t o = outer.first; o < outer.last; o++) {
        int64_t at = o * b->axis * b->inner + start;
        NAME(pass)(kind, b->axis, b->inner, step, (const T *)call->operands[0] + at, (T *)call->operands[1] + at);
    }
}

static void NAME(cumulative)(const gd_call *call, gd_range outer) {
    const cumulative_block *b = (const cumulative_block *)call->block;
    switch (b->kind) {
    case GD_REDUCE_sum: NAME(passes)(GD_REDUCE_sum, call, outer); break;
    case GD_REDUCE_prod: NAME(passes)(GD_REDUCE_prod, call, outer); break;
    case GD_REDUCE_max: NAME(passes)(GD_REDUCE_max, call, outer); break;
    default: NAME(passes)(GD_REDUCE_min, call, outer);
    }
}
