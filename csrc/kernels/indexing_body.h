/* indexing_body.h: the scatters of one type of numbers (see template.h); indexing.c includes it. */

/* lines of the result, (outer, axis): the part's range of the axis, one outer index at a time */
static void NAME(take_vjp)(const gd_call *call, gd_range lines) {
    const indexing_block *b = call->block;
    const void *indices = call->operands[0];
    for (int64_t l = lines.first; l < lines.last;) {
        int64_t o = l / b->axis, low = l % b->axis, high = gd_min(low + lines.last - l, b->axis);
        const T *g = (const T *)call->operands[1] + o * b->n_idx * b->inner;
        T *y = (T *)call->operands[b->result] + o * b->axis * b->inner;
        for (int64_t i = 0; i < b->n_idx; i++, g += b->inner) {
            int64_t at = index_at(indices, b->index_dtype, i, b->axis);
            if (at < low || at >= high) continue;
            T *to = y + at * b->inner;
            for (int64_t n = 0; n < b->inner; n++) to[n] = (T)((U)to[n] + (U)g[n]);
        }
        l += high - low;
    }
}

INLINE void NAME(fold)(const int kind, T *to, const T *x, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        if (kind == GD_REDUCE_prod) to[i] = (T)((U)to[i] * (U)x[i]);
        else if (kind == GD_REDUCE_max) to[i] = x[i] > to[i] || IS_NAN(x[i]) ? x[i] : to[i];
        else to[i] = x[i] < to[i] || IS_NAN(x[i]) ? x[i] : to[i];
    }
}

/* the same lines, which begin as the neutral element */
INLINE void NAME(folds)(const int kind, T neutral, const gd_call *call, gd_range lines) {
    const indexing_block *b = call->block;
    T *y = (T *)call->operands[b->result];
    for (int64_t l = lines.first * b->inner; l < lines.last * b->inner; l++) y[l] = neutral;
    for (int64_t l = lines.first; l < lines.last;) {
        int64_t o = l / b->axis, low = l % b->axis, high = gd_min(low + lines.last - l, b->axis);
        const T *x = (const T *)call->operands[1] + o * b->n_idx * b->inner;
        for (int64_t i = 0; i < b->n_idx; i++, x += b->inner) {
            int64_t at = index_at(call->operands[0], b->index_dtype, i, b->axis);
            if (at >= low && at < high) NAME(fold)(kind, y + (o * b->axis + at) * b->inner, x, b->inner);
        }
        l += high - low;
    }
}

static void NAME(segment)(const gd_call *call, gd_range lines) {
    const indexing_block *b = call->block;
    switch (b->kind) {
    case GD_REDUCE_prod: NAME(folds)(GD_REDUCE_prod, 1, call, lines); break;
    case GD_REDUCE_max: NAME(folds)(GD_REDUCE_max, NAME(lowest)(), call, lines); break;
    default: NAME(folds)(GD_REDUCE_min, NAME(highest)(), call, lines);
    }
}

/* what lies in one outer index is begun and done with while it is in cache */
INLINE void NAME(spread)(const int index_dtype, const gd_call *call, gd_range outer) {
    const indexing_block *b = call->block;
    int64_t axis = b->axis, inner = b->inner, n_idx = b->n_idx, k = outer.first * n_idx * inner;
    const void *indices = call->operands[0];
    const T *g = call->operands[1];
    T *y = (T *)call->operands[b->result] + outer.first * axis * inner;
    for (int64_t o = outer.first; o < outer.last; o++, y += axis * inner) {
        begin(b, call, o * axis * inner, (o + 1) * axis * inner);
        for (int64_t i = 0; i < n_idx; i++)
            for (int64_t n = 0; n < inner; n++, k++) {
                T *to = y + index_at(indices, index_dtype, k, axis) * inner + n;
                *to = (T)((U)*to + (U)g[k]);
            }
    }
}

static void NAME(take_along_vjp)(const gd_call *call, gd_range outer) {
    const indexing_block *b = call->block;
    if (b->index_dtype == GD_I32) NAME(spread)(GD_I32, call, outer);
    else NAME(spread)(GD_I64, call, outer);
}
