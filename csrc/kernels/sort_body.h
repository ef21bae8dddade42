/* sort_body.h: rows of one element type sorted by their keys (see template.h); sort.c includes it. */

enum { NAME(BITS) = 8 * sizeof(T) };

/* The first k <= FEW of n, sorted, in p: an element that is not before the last of them is passed over, a block at a time
 * where all are. A key's bits that are set in `flip` are exchanged. */
INLINE void NAME(select)(const int64_t step, const T *x, int64_t n, int64_t k, uint64_t flip, sort_pair *p) {
    int64_t i = 0;
    for (; i < k; i++) insert(p, i, (sort_pair){NAME(key)(x[i * step]) ^ flip, i});
    for (; i < n; i += BLOCK) {
        uint64_t key[BLOCK], limit = p[k - 1].key;
        int64_t count = gd_min(n - i, BLOCK);
        int some = 0;
        if (count == BLOCK)
            for (int64_t j = 0; j < BLOCK; j++) key[j] = NAME(key)(x[(i + j) * step]) ^ flip;
        else
            for (int64_t j = 0; j < count; j++) key[j] = NAME(key)(x[(i + j) * step]) ^ flip;
        for (int64_t j = count; j < BLOCK; j++) key[j] = limit;
        for (int64_t j = 0; j < BLOCK; j++) some |= key[j] < limit;
        for (int64_t j = 0; some && j < count; j++)
            if (key[j] < p[k - 1].key) insert(p, k - 1, (sort_pair){key[j], i + j});
    }
}

static void NAME(sort)(const gd_call *call, gd_range rows) {
    const sort_block *b = (const sort_block *)call->block;
    for (int64_t row = rows.first; row < rows.last; row++) {
        int64_t o = row / b->inner, n = row % b->inner;
        const T *x = (const T *)call->operands[0] + o * b->axis * b->inner + n;
        T *values = (T *)call->operands[1] + o * b->k * b->inner + n;
        int64_t *indices = (int64_t *)call->operands[2] + o * b->k * b->inner + n;
        sort_pair *p = (sort_pair *)call->scratch;
        uint64_t flip = b->descending ? MASK(NAME(BITS)) : 0;
        if (b->k <= FEW && b->axis > FEW) {
            if (b->inner == 1) NAME(select)(1, x, b->axis, b->k, flip, p);
            else NAME(select)(b->inner, x, b->axis, b->k, flip, p);
        } else {
            for (int64_t i = 0; i < b->axis; i++) p[i] = (sort_pair){NAME(key)(x[i * b->inner]) ^ flip, i};
            p = sort_first(p, p + b->axis, b->axis, b->k, NAME(BITS));
        }
        for (int64_t i = 0; i < b->k; i++) {
            values[i * b->inner] = x[p[i].index * b->inner];
            indices[i * b->inner] = p[i].index;
        }
    }
}
