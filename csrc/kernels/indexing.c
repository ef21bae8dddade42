/* indexing.c: take and take_along, which gather along one axis, and their derivatives, which scatter.
 *
 *   take             x, idx -> y            [outer, axis, inner, n_idx]   y[o,i,n] = x[o,idx[i],n]
 *   take_vjp         idx, g (, base) -> y   the same   y = base or 0; y[o,idx[i],n] += g[o,i,n]
 *   take_along       x, idx -> y            the same   idx has shape (outer, n_idx, inner)
 *   take_along_vjp   idx, g -> y            the same
 *
 * Operands are contiguous; y and x are seen as (outer, axis, inner). Invariants: every index is checked before the
 * instruction writes anything; an element that several indices name gets their contributions in the order of the
 * indices, and belongs to one part. Where there are so many that rounding after each would add up, float32 sums are
 * taken in double, for as much of the result at a time as fits into cache.
 */
#include <string.h>

#include "../program/kernel.h"
#include "params.h"

typedef struct {
    int64_t outer, axis, inner, n_idx, parts;
    int dtype, index_dtype, has_base;
    int64_t wide; /* lines of the result that are summed in double at a time; 0: sums are of the dtype */
} indexing_block;

/* from so many indices on sums are wide, if the axis is short enough for looking at all indices again for each block */
enum { MANY = 4096, LONGEST = 1 << 17, WIDE_BYTES = 1 << 20 };

#ifdef GD_PREPARE

/* along: the index array has the shape of y (or g) rather than one axis; scatters: y is as long as the axis */
static int prepare(gd_prepare *p, int along, int scatters) {
    int status = gd_params_check(p, 2, scatters ? 3 : 2, 1, 4);
    if (status != GD_OK) return status;
    const int64_t *w = p->payload + 1;
    int64_t outer = w[0], axis = w[1], inner = w[2], n_idx = w[3];
    int64_t index = scatters ? 0 : 1, picked = scatters ? 1 : p->n_reads, whole = scatters ? p->n_reads : 0;
    int dtypes = scatters ? GD_NUMBERS : GD_ALL;
    if ((status = gd_params_operand(p, index, GD_INTEGERS, along ? outer : 1, n_idx, along ? inner : 1)) != GD_OK ||
        (status = gd_params_operand(p, picked, dtypes, outer, n_idx, inner)) != GD_OK ||
        (status = gd_params_operand(p, whole, dtypes, outer, axis, inner)) != GD_OK)
        return status;
    indexing_block *b = gd_prepare_block(p, sizeof *b);
    if (b == NULL) return GD_ERR_MEMORY;
    *b = (indexing_block){
        outer, axis, inner, n_idx, 1, gd_operand(p, whole)->dtype, gd_operand(p, index)->dtype, p->n_reads == 3, 0};
    if (gd_operand(p, picked)->dtype != b->dtype) return gd_prepare_fail(p, GD_ERR_TYPE, -1, b->dtype);
    if (b->has_base) {
        if ((status = gd_params_operand(p, 2, 1 << b->dtype, outer, axis, inner)) != GD_OK) return status;
        p->may_alias[2] = (int8_t)gd_params_same(p, 2, 3);
    }
    /* each part checks all indices, so parts are no more than keep that a small share of the work */
    if (!along)
        b->parts = scatters ? gd_params_parts(outer * (axis + n_idx) * inner, outer + inner)
                            : gd_params_parts(outer * n_idx * inner, outer * inner);
    else if (scatters) b->parts = gd_params_parts(outer * (axis + n_idx) * inner, n_idx > 0 ? 1 + axis / n_idx : 64);
    if (scatters && b->dtype == GD_F32 && n_idx >= MANY && (along ? axis * inner : axis) <= LONGEST && inner > 0) {
        int64_t fit = WIDE_BYTES / 8 / inner;
        b->wide = along ? axis : fit < 1 ? 1 : fit < axis ? fit : axis;
        p->scratch = b->wide * inner * 8;
    }
    p->parts = b->parts;
    p->block = b;
    return GD_OK;
}

int gd_prepare_take(gd_prepare *p) { return prepare(p, 0, 0); }
int gd_prepare_take_vjp(gd_prepare *p) { return prepare(p, 0, 1); }
int gd_prepare_take_along(gd_prepare *p) { return prepare(p, 1, 0); }
int gd_prepare_take_along_vjp(gd_prepare *p) { return prepare(p, 1, 1); }

#else

/* index k of an array of either integer type, negative ones counted from the end; checked before */
static inline int64_t index_at(const void *indices, int dtype, int64_t k, int64_t axis) {
    int64_t i = dtype == GD_I32 ? ((const int32_t *)indices)[k] : ((const int64_t *)indices)[k];
    return i < 0 ? i + axis : i;
}

/* the position of the first index outside -axis..axis-1, or -1; the common case has no branch inside the loop */
#define DEFINE_CHECK(name, T)                                                               \
    static int64_t name(const T *indices, int64_t n, int64_t axis) {                        \
        int bad = 0;                                                                        \
        for (int64_t i = 0; i < n; i++) bad |= (indices[i] < -axis) | (indices[i] >= axis); \
        if (!bad) return -1;                                                                \
        for (int64_t i = 0;; i++)                                                           \
            if (indices[i] < -axis || indices[i] >= axis) return i;                         \
    }
DEFINE_CHECK(first_bad_i32, int32_t)
DEFINE_CHECK(first_bad_i64, int64_t)

static int check(const indexing_block *b, const void *indices, int64_t n, gd_fault *fault) {
    int64_t bad = b->index_dtype == GD_I32 ? first_bad_i32(indices, n, b->axis) : first_bad_i64(indices, n, b->axis);
    if (bad < 0) return GD_OK;
    fault->a = b->index_dtype == GD_I32 ? ((const int32_t *)indices)[bad] : ((const int64_t *)indices)[bad];
    fault->b = b->axis;
    return GD_ERR_INDEX;
}

int GD_ISA_NAME(gd_k_take)(const gd_call *call) {
    const indexing_block *b = call->block;
    const char *x = call->operands[0];
    const void *indices = call->operands[1];
    char *y = call->operands[2];
    int status = check(b, indices, b->n_idx, call->fault);
    if (status != GD_OK) return status;
    int64_t item = gd_item_bytes(b->dtype), line = b->inner * item, lines = b->outer * b->n_idx;
    int64_t first = gd_params_start(lines, call->part, b->parts),
            last = gd_params_start(lines, call->part + 1, b->parts);
    for (int64_t l = first; l < last;) {
        int64_t o = l / b->n_idx, i = l % b->n_idx, end = last - l < b->n_idx - i ? i + last - l : b->n_idx;
        const char *from = x + o * b->axis * line;
        char *to = y + l * line;
        l += end - i;
        switch (line) { /* single elements: sizes the compiler can move in a register */
        case 1:
            for (; i < end; i++, to += 1) *to = from[index_at(indices, b->index_dtype, i, b->axis)];
            break;
        case 4:
            for (; i < end; i++, to += 4) memcpy(to, from + 4 * index_at(indices, b->index_dtype, i, b->axis), 4);
            break;
        case 8:
            for (; i < end; i++, to += 8) memcpy(to, from + 8 * index_at(indices, b->index_dtype, i, b->axis), 8);
            break;
        default:
            for (; i < end; i++, to += line)
                memcpy(to, from + line * index_at(indices, b->index_dtype, i, b->axis), (size_t)line);
        }
    }
    return GD_OK;
}

int GD_ISA_NAME(gd_k_take_along)(const gd_call *call) {
    const indexing_block *b = call->block;
    const void *indices = call->operands[1];
    int status = check(b, indices, b->outer * b->n_idx * b->inner, call->fault);
    if (status != GD_OK) return status;
#define GATHER(T)                                                                           \
    {                                                                                       \
        const T *x = call->operands[0];                                                     \
        T *y = call->operands[2];                                                           \
        for (int64_t o = 0, k = 0; o < b->outer; o++, x += b->axis * b->inner)              \
            for (int64_t i = 0; i < b->n_idx; i++)                                          \
                for (int64_t n = 0; n < b->inner; n++, k++)                                 \
                    y[k] = x[index_at(indices, b->index_dtype, k, b->axis) * b->inner + n]; \
    }
    switch (gd_item_bytes(b->dtype)) {
    case 1: GATHER(uint8_t) break;
    case 4: GATHER(uint32_t) break;
    default: GATHER(uint64_t)
    }
#undef GATHER
    return GD_OK;
}

/* y = base or 0, from element first to element last */
static void begin(const indexing_block *b, const gd_call *call, int64_t first, int64_t last) {
    int64_t item = gd_item_bytes(b->dtype);
    char *y = (char *)call->operands[b->has_base ? 3 : 2] + first * item;
    size_t bytes = (size_t)((last - first) * item);
    const char *base = b->has_base ? (const char *)call->operands[2] + first * item : NULL;
    if (base == NULL) memset(y, 0, bytes);
    else if (base != y) memcpy(y, base, bytes);
}

static void widen(double *to, const float *from, int64_t n) {
    for (int64_t i = 0; i < n; i++) to[i] = (double)from[i];
}

static void narrow(float *to, const double *from, int64_t n) {
    for (int64_t i = 0; i < n; i++) to[i] = (float)from[i];
}

/* lines low to high of one outer index, which have been begun */
static void scatter_wide(const indexing_block *b, const gd_call *call, int64_t o, int64_t low, int64_t high) {
    double *sums = call->scratch;
    const float *g = (const float *)call->operands[1] + o * b->n_idx * b->inner;
    float *y = (float *)call->operands[b->has_base ? 3 : 2] + (o * b->axis + low) * b->inner;
    widen(sums, y, (high - low) * b->inner);
    for (int64_t i = 0; i < b->n_idx; i++, g += b->inner) {
        int64_t at = index_at(call->operands[0], b->index_dtype, i, b->axis);
        if (at < low || at >= high) continue;
        double *to = sums + (at - low) * b->inner;
        for (int64_t n = 0; n < b->inner; n++) to[n] += (double)g[n];
    }
    narrow(y, sums, (high - low) * b->inner);
}

/* integers wrap around: sums are taken in the unsigned type U */
#define FOR_NUMBERS(BODY)                       \
    switch (b->dtype) {                         \
    case GD_F32: BODY(float, float) break;      \
    case GD_F64: BODY(double, double) break;    \
    case GD_I32: BODY(int32_t, uint32_t) break; \
    default: BODY(int64_t, uint64_t)            \
    }

int GD_ISA_NAME(gd_k_take_vjp)(const gd_call *call) {
    const indexing_block *b = call->block;
    const void *indices = call->operands[0];
    int status = check(b, indices, b->n_idx, call->fault);
    if (status != GD_OK) return status;
    int64_t lines = b->outer * b->axis;
    int64_t first = gd_params_start(lines, call->part, b->parts),
            last = gd_params_start(lines, call->part + 1, b->parts);
    begin(b, call, first * b->inner, last * b->inner);
    for (int64_t l = first; b->wide > 0 && l < last;) {
        int64_t low = l % b->axis, high = low + b->wide;
        if (high > b->axis) high = b->axis;
        if (high > low + last - l) high = low + last - l;
        scatter_wide(b, call, l / b->axis, low, high);
        l += high - low;
    }
    if (b->wide > 0) return GD_OK;
#define SCATTER(T, U)                                                                                           \
    for (int64_t l = first; l < last;) { /* the part's range of the axis, one outer index at a time */          \
        int64_t o = l / b->axis, low = l % b->axis, high = last - l < b->axis - low ? low + last - l : b->axis; \
        const T *g = (const T *)call->operands[1] + o * b->n_idx * b->inner;                                    \
        T *y = (T *)call->operands[b->has_base ? 3 : 2] + o * b->axis * b->inner;                               \
        for (int64_t i = 0; i < b->n_idx; i++, g += b->inner) {                                                 \
            int64_t at = index_at(indices, b->index_dtype, i, b->axis);                                         \
            if (at < low || at >= high) continue;                                                               \
            T *to = y + at * b->inner;                                                                          \
            for (int64_t n = 0; n < b->inner; n++) to[n] = (T)((U)to[n] + (U)g[n]);                             \
        }                                                                                                       \
        l += high - low;                                                                                        \
    }
    FOR_NUMBERS(SCATTER)
#undef SCATTER
    return GD_OK;
}

/* indices of either type; what lies in one outer index is begun and done with while it is in cache */
#define DEFINE_SPREAD(name, T, U, I)                                                              \
    static void name(const indexing_block *b, const gd_call *call, int64_t first, int64_t last) { \
        int64_t axis = b->axis, inner = b->inner, n_idx = b->n_idx, k = first * n_idx * inner;    \
        const I *indices = call->operands[0];                                                     \
        const T *g = call->operands[1];                                                           \
        T *y = (T *)call->operands[b->has_base ? 3 : 2] + first * axis * inner;                   \
        for (int64_t o = first; o < last; o++, y += axis * inner) {                               \
            begin(b, call, o * axis * inner, (o + 1) * axis * inner);                             \
            for (int64_t i = 0; i < n_idx; i++)                                                   \
                for (int64_t n = 0; n < inner; n++, k++) {                                        \
                    int64_t at = indices[k];                                                      \
                    T *to = y + (at < 0 ? at + axis : at) * inner + n;                            \
                    *to = (T)((U) * to + (U)g[k]);                                                \
                }                                                                                 \
        }                                                                                         \
    }
/* float32 in double, one outer index at a time */
static void spread_wide(const indexing_block *b, const gd_call *call, int64_t first, int64_t last) {
    int64_t axis = b->axis, inner = b->inner, n_idx = b->n_idx, k = first * n_idx * inner, n_y = axis * inner;
    double *sums = call->scratch;
    const float *g = call->operands[1];
    float *y = (float *)call->operands[b->has_base ? 3 : 2] + first * n_y;
    for (int64_t o = first; o < last; o++, y += n_y) {
        begin(b, call, o * n_y, (o + 1) * n_y);
        widen(sums, y, n_y);
        for (int64_t i = 0; i < n_idx; i++)
            for (int64_t n = 0; n < inner; n++, k++)
                sums[index_at(call->operands[0], b->index_dtype, k, axis) * inner + n] += (double)g[k];
        narrow(y, sums, n_y);
    }
}

DEFINE_SPREAD(spread_f32_i32, float, float, int32_t)
DEFINE_SPREAD(spread_f32_i64, float, float, int64_t)
DEFINE_SPREAD(spread_f64_i32, double, double, int32_t)
DEFINE_SPREAD(spread_f64_i64, double, double, int64_t)
DEFINE_SPREAD(spread_i32_i32, int32_t, uint32_t, int32_t)
DEFINE_SPREAD(spread_i32_i64, int32_t, uint32_t, int64_t)
DEFINE_SPREAD(spread_i64_i32, int64_t, uint64_t, int32_t)
DEFINE_SPREAD(spread_i64_i64, int64_t, uint64_t, int64_t)

int GD_ISA_NAME(gd_k_take_along_vjp)(const gd_call *call) {
    const indexing_block *b = call->block;
    int status = check(b, call->operands[0], b->outer * b->n_idx * b->inner, call->fault);
    if (status != GD_OK) return status;
    int64_t first = gd_params_start(b->outer, call->part, b->parts);
    int64_t last = gd_params_start(b->outer, call->part + 1, b->parts);
#define SPREAD(T) (b->index_dtype == GD_I32 ? spread_##T##_i32 : spread_##T##_i64)(b, call, first, last)
    if (b->wide > 0) {
        spread_wide(b, call, first, last);
        return GD_OK;
    }
    switch (b->dtype) {
    case GD_F32: SPREAD(f32); break;
    case GD_F64: SPREAD(f64); break;
    case GD_I32: SPREAD(i32); break;
    default: SPREAD(i64);
    }
#undef SPREAD
    return GD_OK;
}

#endif
