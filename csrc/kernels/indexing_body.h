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
