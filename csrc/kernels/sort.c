/* sort.c: the first k elements along an axis in stable order, ascending or descending, and where they stood.
 *
 *   sort   x -> values, indices   [outer, axis, inner, descending, k]
 *
 * x is (outer, axis, inner), values and int64 indices are (outer, k, inner), all contiguous. NaN is greater than
 * every number, -0 equals 0, equal elements keep their order. Each row becomes pairs of an order-preserving unsigned
 * key and an index: those that can be among the first k are found by counting digits from the top, then sorted by
 * insertion where they are few, else digit by digit from the bottom, which is stable. Values are copied from x, so
 * their bits are its own.
 */
#include <string.h>

#include "../program/kernel.h"
#include "params.h"

typedef struct {
    uint64_t key;
    int64_t index;
} sort_pair;

typedef struct {
    int64_t outer, axis, inner, k, parts;
    int dtype, descending;
} sort_block;

#ifdef GD_PREPARE

int gd_prepare_sort(gd_prepare *p) {
    int status = gd_params_check(p, 1, 1, 2, 5);
    if (status != GD_OK) return status;
    const int64_t *w = p->payload + 1;
    int64_t outer = w[0], axis = w[1], inner = w[2], descending = w[3], k = w[4], scratch;
    int dtype = gd_operand(p, 0)->dtype;
    if (descending != 0 && descending != 1) return gd_prepare_fail(p, GD_ERR_FORMAT, 4, descending);
    if (k < 0 || k > axis) return gd_prepare_fail(p, GD_ERR_SHAPE, 5, k);
    if ((status = gd_params_operand(p, 0, GD_ALL, outer, axis, inner)) != GD_OK ||
        (status = gd_params_operand(p, 1, 1 << dtype, outer, k, inner)) != GD_OK ||
        (status = gd_params_operand(p, 2, 1 << GD_I64, outer, k, inner)) != GD_OK)
        return status;
    if (__builtin_mul_overflow(axis, 2 * (int64_t)sizeof(sort_pair), &scratch))
        return gd_prepare_fail(p, GD_ERR_SHAPE, 2, axis);
    sort_block *b = gd_prepare_block(p, sizeof *b);
    if (b == NULL) return GD_ERR_MEMORY;
    *b = (sort_block){outer, axis,           inner, k, gd_params_parts(outer * axis * inner, outer * inner),
                      dtype, (int)descending};
    p->parts = b->parts;
    p->scratch = scratch;
    p->block = b;
    return GD_OK;
}

#else

enum { DIGIT = 8, BUCKETS = 1 << DIGIT, FEW = 48 };

/* Keys in the order of the elements: for floats the sign is folded in, so that the bits compare as numbers do. */
static inline uint64_t key_f32(float x) {
    uint32_t u;
    if (x != x) return UINT32_MAX;
    x += 0.0f; /* -0 becomes 0 */
    memcpy(&u, &x, sizeof u);
    return u >> 31 ? ~u : u | UINT32_C(1) << 31;
}

static inline uint64_t key_f64(double x) {
    uint64_t u;
    if (x != x) return UINT64_MAX;
    x += 0.0;
    memcpy(&u, &x, sizeof u);
    return u >> 63 ? ~u : u | UINT64_C(1) << 63;
}

static inline uint64_t key_i32(int32_t x) { return (uint32_t)x ^ UINT32_C(1) << 31; }
static inline uint64_t key_i64(int64_t x) { return (uint64_t)x ^ UINT64_C(1) << 63; }
static inline uint64_t key_b8(uint8_t x) { return x != 0; }

/* the key of the k-th smallest of n pairs, and how many of those with that key belong to the first k */
static uint64_t kth_key(const sort_pair *p, int64_t n, int64_t k, int bits, int64_t *equal) {
    uint64_t found = 0;
    for (int shift = bits - DIGIT; shift >= 0; shift -= DIGIT) {
        int64_t count[BUCKETS] = {0};
        uint64_t above = shift + DIGIT == 64 ? 0 : ~UINT64_C(0) << (shift + DIGIT);
        for (int64_t i = 0; i < n; i++)
            if (((p[i].key ^ found) & above) == 0) count[p[i].key >> shift & (BUCKETS - 1)]++;
        uint64_t digit = 0;
        while (k > count[digit]) k -= count[digit++];
        found |= digit << shift;
    }
    *equal = k;
    return found;
}

static void sort_few(sort_pair *p, int64_t n) {
    for (int64_t i = 1; i < n; i++) {
        sort_pair x = p[i];
        int64_t j = i;
        for (; j > 0 && p[j - 1].key > x.key; j--) p[j] = p[j - 1];
        p[j] = x;
    }
}

/* sorts p; a digit that all keys share costs nothing. Returns p or other, whichever holds the result. */
static sort_pair *sort_many(sort_pair *p, sort_pair *other, int64_t n, int bits) {
    for (int shift = 0; shift < bits; shift += DIGIT) {
        int64_t at[BUCKETS] = {0};
        for (int64_t i = 0; i < n; i++) at[p[i].key >> shift & (BUCKETS - 1)]++;
        if (at[p[0].key >> shift & (BUCKETS - 1)] == n) continue;
        int64_t total = 0;
        for (int d = 0; d < BUCKETS; d++) {
            int64_t count = at[d];
            at[d] = total;
            total += count;
        }
        for (int64_t i = 0; i < n; i++) other[at[p[i].key >> shift & (BUCKETS - 1)]++] = p[i];
        sort_pair *swap = p;
        p = other;
        other = swap;
    }
    return p;
}

#define MASK(bits) (~UINT64_C(0) >> (64 - (bits)))

/* the first k of n pairs, sorted: in p or in other */
static sort_pair *sort_first(sort_pair *p, sort_pair *other, int64_t n, int64_t k, int bits) {
    if (n <= FEW) {
        sort_few(p, n);
        return p;
    }
    if (k < n) { /* keep those that belong to the first k, as they stand */
        int64_t equal, kept = 0;
        uint64_t limit = kth_key(p, n, k, bits, &equal);
        for (int64_t i = 0; i < n; i++)
            if (p[i].key < limit || (p[i].key == limit && equal-- > 0)) p[kept++] = p[i];
    }
    if (k > FEW) return sort_many(p, other, k, bits);
    sort_few(p, k);
    return p;
}

#define RUN(T, KEY, BITS)                                                          \
    for (int64_t row = first; row < last; row++) {                                 \
        int64_t o = row / b->inner, n = row % b->inner;                            \
        const T *x = (const T *)call->operands[0] + o * b->axis * b->inner + n;    \
        T *values = (T *)call->operands[1] + o * b->k * b->inner + n;              \
        int64_t *indices = (int64_t *)call->operands[2] + o * b->k * b->inner + n; \
        sort_pair *p = call->scratch;                                              \
        for (int64_t i = 0; i < b->axis; i++) {                                    \
            uint64_t key = KEY(x[i * b->inner]);                                   \
            p[i] = (sort_pair){b->descending ? ~key & MASK(BITS) : key, i};        \
        }                                                                          \
        p = sort_first(p, p + b->axis, b->axis, b->k, BITS);                       \
        for (int64_t i = 0; i < b->k; i++) {                                       \
            values[i * b->inner] = x[p[i].index * b->inner];                       \
            indices[i * b->inner] = p[i].index;                                    \
        }                                                                          \
    }

int GD_ISA_NAME(gd_k_sort)(const gd_call *call) {
    const sort_block *b = call->block;
    int64_t rows = b->outer * b->inner;
    int64_t first = gd_params_start(rows, call->part, b->parts), last = gd_params_start(rows, call->part + 1, b->parts);
    if (b->k == 0) return GD_OK;
    switch (b->dtype) {
    case GD_F32: RUN(float, key_f32, 32) break;
    case GD_F64: RUN(double, key_f64, 64) break;
    case GD_I32: RUN(int32_t, key_i32, 32) break;
    case GD_I64: RUN(int64_t, key_i64, 64) break;
    default: RUN(uint8_t, key_b8, 8)
    }
    return GD_OK;
}

#endif
