/* indexing_body.h: the scatters of one type of numbers (see template.h); indexing.c includes it. */

static void NAME(add)(T *restrict to, const T *restrict g, int64_t n) {
    for (int64_t i = 0; i < n; i++) to[i] = (T)((U)to[i] + (U)g[i]);
}

INLINE void NAME(add_each)(const int dtype, const indexing_block *b, const gd_call *call, T *y, const T *g) {
    for (int64_t i = 0; i < b->n_idx; i++) {
        T *to = y + index_at(call->operands[0], dtype, i, b->axis);
        *to = (T)((U)*to + (U)g[i]);
    }
}

/* a part's lines, one outer index at a time */
static void NAME(take_vjp)(const gd_call *call, const scatter_part *part) {
    const indexing_block *b = (const indexing_block *)call->block;
    named found;
    for (int64_t l = part->lines.first; l < part->lines.last;) {
        int64_t o = l / b->axis, low = l % b->axis, high = gd_min(low + part->lines.last - l, b->axis);
        const T *g = (const T *)call->operands[1] + o * b->n_idx * b->inner + part->column;
        T *y = (T *)call->operands[b->result] + l * b->inner + part->column;
        int each = takes_each(b, part, low, high);
        if (each && b->index_dtype == GD_I32) NAME(add_each)(GD_I32, b, call, y, g);
        else if (each) NAME(add_each)(GD_I64, b, call, y, g);
        for (int64_t first = each ? b->n_idx : 0; first < b->n_idx; first += CHUNK, g += CHUNK * b->inner) {
            find_named(b, call->operands[0], first, low, high, &found);
            for (int64_t i = 0; i < found.n; i++)
                NAME(add)(y + found.at[i] * b->inner, g + found.from[i] * b->inner, part->n);
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
INLINE void NAME(folds)(const int kind, T neutral, const gd_call *call, const scatter_part *part) {
    const indexing_block *b = (const indexing_block *)call->block;
    named found;
    for (int64_t l = part->lines.first; l < part->lines.last;) {
        int64_t o = l / b->axis, low = l % b->axis, high = gd_min(low + part->lines.last - l, b->axis);
        const T *x = (const T *)call->operands[1] + o * b->n_idx * b->inner + part->column;
        T *y = (T *)call->operands[b->result] + l * b->inner + part->column;
        for (int64_t line = 0; line < high - low; line++)
            for (int64_t n = 0; n < part->n; n++) y[line * b->inner + n] = neutral;
        for (int64_t first = 0; first < b->n_idx; first += CHUNK, x += CHUNK * b->inner) {
            find_named(b, call->operands[0], first, low, high, &found);
            for (int64_t i = 0; i < found.n; i++)
                NAME(fold)(kind, y + found.at[i] * b->inner, x + found.from[i] * b->inner, part->n);
        }
        l += high - low;
    }
}

static void NAME(segment)(const gd_call *call, const scatter_part *part) {
    const indexing_block *b = (const indexing_block *)call->block;
    switch (b->kind) {
    case GD_REDUCE_prod: NAME(folds)(GD_REDUCE_prod, 1, call, part); break;
    case GD_REDUCE_max: NAME(folds)(GD_REDUCE_max, NAME(lowest)(), call, part); break;
    default: NAME(folds)(GD_REDUCE_min, NAME(highest)(), call, part);
    }
}

/* what lies in one outer index is begun and done with while it is in cache */
INLINE void NAME(spread)(const int index_dtype, const gd_call *call, gd_range outer) {
    const indexing_block *b = (const indexing_block *)call->block;
    int64_t axis = b->axis, inner = b->inner, n_idx = b->n_idx, k = outer.first * n_idx * inner;
    const void *indices = call->operands[0];
    const T *g = (const T *)call->operands[1];
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
    const indexing_block *b = (const indexing_block *)call->block;
    if (b->index_dtype == GD_I32) NAME(spread)(GD_I32, call, outer);
    else NAME(spread)(GD_I64, call, outer);
}
