/* sort_body.h: rows of one element type sorted by their keys (see template.h); sort.c includes it. */

static void NAME(sort)(const gd_call *call, gd_range rows) {
    enum { BITS = 8 * sizeof(T) };
    const sort_block *b = call->block;
    for (int64_t row = rows.first; row < rows.last; row++) {
        int64_t o = row / b->inner, n = row % b->inner;
        const T *x = (const T *)call->operands[0] + o * b->axis * b->inner + n;
        T *values = (T *)call->operands[1] + o * b->k * b->inner + n;
        int64_t *indices = (int64_t *)call->operands[2] + o * b->k * b->inner + n;
        sort_pair *p = call->scratch;
        for (int64_t i = 0; i < b->axis; i++) {
            uint64_t key = NAME(key)(x[i * b->inner]);
            p[i] = (sort_pair){b->descending ? ~key & MASK(BITS) : key, i};
        }
        p = sort_first(p, p + b->axis, b->axis, b->k, BITS);
        for (int64_t i = 0; i < b->k; i++) {
            values[i * b->inner] = x[p[i].index * b->inner];
            indices[i * b->inner] = p[i].index;
        }
    }
}
