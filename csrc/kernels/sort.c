/* sort.c: the first k elements along an axis in stable order, ascending or descending, and where they stood.
 *
 *   sort   x -> values, indices   [outer, axis, inner, descending, k]
 *
 * x is (outer, axis, inner), values and int64 indices are (outer, k, inner), all contiguous. NaN is greater than
 * every number, -0 equals 0, equal elements keep their order. Each row becomes pairs of an order-preserving unsigned
 * key and an index. A few first ones of many are kept sorted while the row is read once; else those that can be among the
 * first k are found by counting digits from the top, then sorted by insertion where they are few, or digit by digit from
 * the bottom, which is stable. Values are copied from x, so their bits are its own.
 */
#include <string.h>

#include "params.h"
#include "template.h"

typedef struct {
    uint64_t key;
    int64_t index;
} sort_pair;

typedef struct {
    int64_t outer, axis, inner, k, parts;
    int dtype, descending;
} sort_block;

#ifdef GD_PREPARE

enum { OUTER, AXIS, INNER, DESCENDING, K, N_PARAMS };

int gd_prepare_sort(gd_prepare *p) {
    int status = gd_params_check(p, 1, 1, 2, N_PARAMS);
    if (status != GD_OK) return status;
    const int64_t *w = gd_params(p);
    int64_t outer = w[OUTER], axis = w[AXIS], inner = w[INNER], k = w[K], scratch;
    int dtype = gd_operand(p, 0)->dtype;
    if (w[DESCENDING] != 0 && w[DESCENDING] != 1) return gd_params_fail(p, GD_ERR_FORMAT, DESCENDING);
    if (k < 0 || k > axis) return gd_params_fail(p, GD_ERR_SHAPE, K);
    if ((status = gd_params_operand(p, 0, GD_ALL, outer, axis, inner)) != GD_OK ||
        (status = gd_params_operand(p, 1, 1 << dtype, outer, k, inner)) != GD_OK ||
        (status = gd_params_operand(p, 2, 1 << GD_I64, outer, k, inner)) != GD_OK)
        return status;
    if (__builtin_mul_overflow(axis, 2 * (int64_t)sizeof(sort_pair), &scratch))
        return gd_params_fail(p, GD_ERR_SHAPE, AXIS);
    sort_block *b = gd_prepare_block(p, sizeof *b);
    if (b == NULL) return GD_ERR_MEMORY;
    *b = (sort_block){.outer = outer,
                      .axis = axis,
                      .inner = inner,
                      .k = k,
                      .parts = gd_params_parts(outer * axis * inner, outer * inner),
                      .dtype = dtype,
                      .descending = (int)w[DESCENDING]};
    p->parts = b->parts;
    p->scratch = scratch;
    p->block = b;
    return GD_OK;
}

#else

enum { DIGIT = 8, BUCKETS = 1 << DIGIT, FEW = 48, BLOCK = 16 };

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

/* puts x where it belongs among the n before p[n], behind its equals */
static inline void insert(sort_pair *p, int64_t n, sort_pair x) {
    for (; n > 0 && p[n - 1].key > x.key; n--) p[n] = p[n - 1];
    p[n] = x;
}

static void sort_few(sort_pair *p, int64_t n) {
    for (int64_t i = 1; i < n; i++) insert(p, i, p[i]);
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

#define GD_BODY "sort_body.h"
#include "each_type.h"

int GD_ISA_NAME(gd_k_sort)(const gd_call *call) {
    const sort_block *b = (const sort_block *)call->block;
    if (b->k == 0) return GD_OK;
    GD_TYPE_CALL(b->dtype, sort, call, gd_params_range(b->outer * b->inner, call->part, b->parts));
    return GD_OK;
}

#endif
