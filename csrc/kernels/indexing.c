/* indexing.c: take and take_along, which gather along one axis, their derivatives, which scatter, and segment.
 *
 *   take             x, idx -> y            [outer, axis, inner, n_idx]   y[o,i,n] = x[o,idx[i],n]
 *   take_vjp         idx, g (, base) -> y   the same   y = base or 0; y[o,idx[i],n] += g[o,i,n]
 *   take_along       x, idx -> y            the same   idx has shape (outer, n_idx, inner)
 *   take_along_vjp   idx, g -> y            the same
 *   segment          idx, x -> y            [outer, axis, inner, n_idx, kind]   the product, maximum or minimum (kind: a
 *                                           reduction's number) of the x[o,i,n] with idx[i] = a; of none the neutral one
 *
 * Operands are contiguous; y and x are seen as (outer, axis, inner). Invariants: every index is checked before the
 * instruction writes anything; an element that several indices name gets their contributions in the order of the
 * indices, and belongs to one part. Where there are so many that rounding after each would add up, float32 sums are
 * taken in double, for as much of the result at a time as fits into cache.
 */
#include <math.h>
#include <string.h>

#include "../program/isa.h"
#include "params.h"
#include "template.h"

typedef struct {
    int64_t outer, axis, inner, n_idx, parts;
    int dtype, index_dtype, has_base, result, kind; /* result: operand; kind: of segment, else 0 */
    int64_t columns;                                /* of a line, that a part scatters to */
    int64_t wide; /* lines of the result that are summed in double at a time; 0: sums are of the dtype */
} indexing_block;

/* from so many indices on sums are wide, if the axis is short enough for looking at all indices again for each block */
enum { MANY = 4096, LONGEST = 1 << 17, WIDE_BYTES = 1 << 20 };
enum { STRIP = 32, FEW = 3, CHUNK = 64 };

#ifdef GD_PREPARE

enum { OUTER, AXIS, INNER, N_IDX, KIND };

/* along: the index array has the shape of y (or g) rather than one axis; scatters: y is as long as the axis; folds: there
 * is a kind */
static int prepare(gd_prepare *p, int along, int scatters, int folds) {
    int status = gd_params_check(p, 2, scatters && !folds ? 3 : 2, 1, KIND + folds);
    if (status != GD_OK) return status;
    const int64_t *w = gd_params(p);
    int64_t kind = folds ? w[KIND] : 0;
    if (folds && kind != GD_REDUCE_prod && kind != GD_REDUCE_max && kind != GD_REDUCE_min)
        return gd_params_fail(p, GD_ERR_FORMAT, KIND);
    int64_t outer = w[OUTER], axis = w[AXIS], inner = w[INNER], n_idx = w[N_IDX];
    int64_t index = scatters ? 0 : 1, picked = scatters ? 1 : p->n_reads, whole = scatters ? p->n_reads : 0;
    int dtypes = scatters ? GD_NUMBERS : GD_ALL;
    if ((status = gd_params_operand(p, index, GD_INTEGERS, along ? outer : 1, n_idx, along ? inner : 1)) != GD_OK ||
        (status = gd_params_operand(p, picked, dtypes, outer, n_idx, inner)) != GD_OK ||
        (status = gd_params_operand(p, whole, dtypes, outer, axis, inner)) != GD_OK)
        return status;
    indexing_block *b = gd_prepare_block(p, sizeof *b);
    if (b == NULL) return GD_ERR_MEMORY;
    *b = (indexing_block){.outer = outer,
                          .axis = axis,
                          .inner = inner,
                          .n_idx = n_idx,
                          .parts = 1,
                          .dtype = gd_operand(p, whole)->dtype,
                          .index_dtype = gd_operand(p, index)->dtype,
                          .has_base = p->n_reads == 3,
                          .result = p->n_reads,
                          .kind = (int)kind,
                          .columns = inner};
    if (gd_operand(p, picked)->dtype != b->dtype) return gd_prepare_fail(p, GD_ERR_TYPE, -1, b->dtype);
    if (b->has_base) {
        if ((status = gd_params_operand(p, 2, 1 << b->dtype, outer, axis, inner)) != GD_OK) return status;
        p->may_alias[2] = (int8_t)gd_params_same(p, 2, 3);
    }
    /* each part checks all indices, so parts are no more than keep that a small share of the work; what is added where
       the base is goes to lines that indices name alone */
    int64_t begun = b->has_base && gd_params_same(p, 2, 3) ? 0 : axis;
    if (!along && scatters) {
        int64_t wanted = gd_params_parts(outer * (begun + n_idx) * inner, 64), strips = gd_min(inner / STRIP, wanted);
        if (strips > 1) b->columns = gd_round_up(gd_ceil_div(inner, strips), STRIP);
        if (strips > 1) strips = gd_ceil_div(inner, b->columns);
        /* a part of the lines of one outer index looks at all of its indices */
        b->parts = strips > 1 ? strips * gd_max(1, gd_min(wanted / strips, outer)) : gd_min(wanted, outer + FEW);
    } else if (!along) b->parts = gd_params_parts(outer * n_idx * inner, outer * inner);
    else if (scatters) b->parts = gd_params_parts(outer * (axis + n_idx) * inner, n_idx > 0 ? 1 + axis / n_idx : 64);
    if (scatters && !folds && b->dtype == GD_F32 && n_idx >= MANY && (along ? axis * inner : axis) <= LONGEST &&
        inner > 0) {
        b->wide = along ? axis : gd_min(gd_max(1, WIDE_BYTES / 8 / b->columns), axis);
        p->scratch = b->wide * b->columns * 8;
    }
    p->parts = b->parts;
    p->block = b;
    return GD_OK;
}

int gd_prepare_take(gd_prepare *p) { return prepare(p, 0, 0, 0); }
int gd_prepare_take_vjp(gd_prepare *p) { return prepare(p, 0, 1, 0); }
int gd_prepare_take_along(gd_prepare *p) { return prepare(p, 1, 0, 0); }
int gd_prepare_take_along_vjp(gd_prepare *p) { return prepare(p, 1, 1, 0); }
int gd_prepare_segment(gd_prepare *p) { return prepare(p, 0, 1, 1); }

#else

static inline int64_t raw_index(const void *indices, int dtype, int64_t k) {
    return dtype == GD_I32 ? ((const int32_t *)indices)[k] : ((const int64_t *)indices)[k];
}

/* index k of an array of either integer type, negative ones counted from the end; checked before */
static inline int64_t index_at(const void *indices, int dtype, int64_t k, int64_t axis) {
    int64_t i = raw_index(indices, dtype, k);
    return i < 0 ? i + axis : i;
}

/* the position of the first index outside -axis..axis-1, or -1; the common case has no branch inside the loop */
INLINE int64_t first_bad(const int dtype, const void *indices, int64_t n, int64_t axis) {
    int bad = 0;
    for (int64_t i = 0; i < n; i++)
        bad |= (int)(raw_index(indices, dtype, i) < -axis) | (int)(raw_index(indices, dtype, i) >= axis);
    if (!bad) return -1;
    for (int64_t i = 0;; i++)
        if (raw_index(indices, dtype, i) < -axis || raw_index(indices, dtype, i) >= axis) return i;
}

static int check(const indexing_block *b, const void *indices, int64_t n, gd_fault *fault) {
    int64_t bad =
        b->index_dtype == GD_I32 ? first_bad(GD_I32, indices, n, b->axis) : first_bad(GD_I64, indices, n, b->axis);
    if (bad < 0) return GD_OK;
    fault->a = raw_index(indices, b->index_dtype, bad);
    fault->b = b->axis;
    return GD_ERR_INDEX;
}

/* lines of `line` bytes; a constant where it is one element, which the compiler then moves in a register */
INLINE void take_lines(const int64_t line, const indexing_block *b, const gd_call *call, gd_range lines) {
    const void *indices = call->operands[1];
    int dtype = b->index_dtype;
    int64_t axis = b->axis;
    for (int64_t l = lines.first; l < lines.last;) {
        int64_t o = l / b->n_idx, i = l % b->n_idx, end = gd_min(i + lines.last - l, b->n_idx);
        const char *from = (const char *)call->operands[0] + o * axis * line;
        char *to = (char *)call->operands[2] + l * line;
        l += end - i;
        for (; i < end; i++, to += line) memcpy(to, from + line * index_at(indices, dtype, i, axis), (size_t)line);
    }
}

int GD_ISA_NAME(gd_k_take)(const gd_call *call) {
    const indexing_block *b = (const indexing_block *)call->block;
    int status = check(b, call->operands[1], b->n_idx, call->fault);
    if (status != GD_OK) return status;
    int64_t line = b->inner * gd_item_bytes(b->dtype);
    gd_range lines = gd_params_range(b->outer * b->n_idx, call->part, b->parts);
    switch (line) {
    case 1: take_lines(1, b, call, lines); break;
    case 4: take_lines(4, b, call, lines); break;
    case 8: take_lines(8, b, call, lines); break;
    default: take_lines(line, b, call, lines);
    }
    return GD_OK;
}

/* elements of `item` bytes, a constant */
INLINE void gather(const int64_t item, const indexing_block *b, const gd_call *call) {
    const char *x = (const char *)call->operands[0];
    const void *indices = call->operands[1];
    char *y = (char *)call->operands[2];
    int dtype = b->index_dtype;
    int64_t axis = b->axis, inner = b->inner, n_idx = b->n_idx;
    for (int64_t o = 0, k = 0; o < b->outer; o++, x += axis * inner * item)
        for (int64_t i = 0; i < n_idx; i++)
            for (int64_t n = 0; n < inner; n++, k++, y += item)
                memcpy(y, x + (index_at(indices, dtype, k, axis) * inner + n) * item, (size_t)item);
}

int GD_ISA_NAME(gd_k_take_along)(const gd_call *call) {
    const indexing_block *b = (const indexing_block *)call->block;
    int status = check(b, call->operands[1], b->outer * b->n_idx * b->inner, call->fault);
    if (status != GD_OK) return status;
    switch (gd_item_bytes(b->dtype)) {
    case 1: gather(1, b, call); break;
    case 4: gather(4, b, call); break;
    default: gather(8, b, call);
    }
    return GD_OK;
}

/* y = base or 0, from element first to element last */
static void begin(const indexing_block *b, const gd_call *call, int64_t first, int64_t last) {
    int64_t item = gd_item_bytes(b->dtype);
    char *y = (char *)call->operands[b->result] + first * item;
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

/* what a part of a scatter writes: columns of lines of the result, (outer, axis) */
typedef struct {
    gd_range lines;
    int64_t column, n; /* the first of them, and how many */
} scatter_part;

static scatter_part part_of(const indexing_block *b, const gd_call *call) {
    int64_t strips = b->columns > 0 ? gd_ceil_div(b->inner, b->columns) : 1;
    int64_t column = call->part % strips * b->columns;
    gd_range lines = gd_params_range(b->outer * b->axis, call->part / strips, b->parts / strips);
    return (scatter_part){lines, column, gd_min(b->columns, b->inner - column)};
}

/* which of CHUNK indices from one on name lines low..high-1, and which: no branch, as it would be taken at random */
typedef struct {
    int64_t n, from[CHUNK], at[CHUNK];
} named;

static void find_named(const indexing_block *b, const void *indices, int64_t first, int64_t low, int64_t high,
                       named *found) {
    int64_t n = gd_min(b->n_idx - first, CHUNK);
    found->n = 0;
    for (int64_t i = 0; i < n; i++) {
        int64_t at = index_at(indices, b->index_dtype, first + i, b->axis);
        found->from[found->n] = i;
        found->at[found->n] = at - low;
        found->n += at >= low && at < high;
    }
}

static void add_wide(double *restrict to, const float *restrict g, int64_t n) {
    for (int64_t i = 0; i < n; i++) to[i] += (double)g[i];
}

/* whether a part has all lines of an outer index, of one element each: then all that is given is added */
static inline int takes_each(const indexing_block *b, const scatter_part *part, int64_t low, int64_t high) {
    return part->n == 1 && b->inner == 1 && low == 0 && high == b->axis;
}

INLINE void add_each_wide(const int dtype, const indexing_block *b, const gd_call *call, double *sums, const float *g) {
    for (int64_t i = 0; i < b->n_idx; i++) sums[index_at(call->operands[0], dtype, i, b->axis)] += (double)g[i];
}

/* lines low to high of one outer index, which have been begun: all of them, or where there are more than indices those
 * that an index names, each perhaps several times */
static void scatter_wide(const indexing_block *b, const gd_call *call, const scatter_part *part, int64_t o, int64_t low,
                         int64_t high) {
    double *sums = (double *)call->scratch;
    const float *g = (const float *)call->operands[1] + o * b->n_idx * b->inner + part->column;
    float *y = (float *)call->operands[b->result] + (o * b->axis + low) * b->inner + part->column;
    int all = high - low <= b->n_idx;
    named found;
    for (int64_t l = 0; all && l < high - low; l++) widen(sums + l * part->n, y + l * b->inner, part->n);
    if (all && takes_each(b, part, low, high)) {
        if (b->index_dtype == GD_I32) add_each_wide(GD_I32, b, call, sums, g);
        else add_each_wide(GD_I64, b, call, sums, g);
        narrow(y, sums, high);
        return;
    }
    for (int step = all ? 1 : 0; step < (all ? 2 : 3); step++)
        for (int64_t first = 0; first < b->n_idx; first += CHUNK) {
            find_named(b, call->operands[0], first, low, high, &found);
            for (int64_t i = 0; i < found.n; i++) {
                double *to = sums + found.at[i] * part->n;
                if (step == 0) widen(to, y + found.at[i] * b->inner, part->n);
                else if (step == 2) narrow(y + found.at[i] * b->inner, to, part->n);
                else add_wide(to, g + (first + found.from[i]) * b->inner, part->n);
            }
        }
    for (int64_t l = 0; all && l < high - low; l++) narrow(y + l * b->inner, sums + l * part->n, part->n);
}

/* float32 in double, one outer index at a time */
static void spread_wide(const indexing_block *b, const gd_call *call, gd_range outer) {
    int64_t axis = b->axis, inner = b->inner, n_idx = b->n_idx, k = outer.first * n_idx * inner, n_y = axis * inner;
    double *sums = (double *)call->scratch;
    const float *g = (const float *)call->operands[1];
    float *y = (float *)call->operands[b->result] + outer.first * n_y;
    for (int64_t o = outer.first; o < outer.last; o++, y += n_y) {
        begin(b, call, o * n_y, (o + 1) * n_y);
        widen(sums, y, n_y);
        for (int64_t i = 0; i < n_idx; i++)
            for (int64_t n = 0; n < inner; n++, k++)
                sums[index_at(call->operands[0], b->index_dtype, k, axis) * inner + n] += (double)g[k];
        narrow(y, sums, n_y);
    }
}

/* the maximum and the minimum of nothing */
static inline float lowest_f32(void) { return -INFINITY; }
static inline double lowest_f64(void) { return -(double)INFINITY; }
static inline int32_t lowest_i32(void) { return INT32_MIN; }
static inline int64_t lowest_i64(void) { return INT64_MIN; }
static inline float highest_f32(void) { return INFINITY; }
static inline double highest_f64(void) { return (double)INFINITY; }
static inline int32_t highest_i32(void) { return INT32_MAX; }
static inline int64_t highest_i64(void) { return INT64_MAX; }

#define GD_BODY "indexing_body.h"
#include "each_number.h"

int GD_ISA_NAME(gd_k_take_vjp)(const gd_call *call) {
    const indexing_block *b = (const indexing_block *)call->block;
    int status = check(b, call->operands[0], b->n_idx, call->fault);
    if (status != GD_OK) return status;
    scatter_part part = part_of(b, call);
    gd_range lines = part.lines;
    if (part.n == b->inner) begin(b, call, lines.first * b->inner, lines.last * b->inner);
    for (int64_t l = lines.first; part.n < b->inner && l < lines.last; l++)
        begin(b, call, l * b->inner + part.column, l * b->inner + part.column + part.n);
    for (int64_t l = lines.first; b->wide > 0 && l < lines.last;) {
        int64_t low = l % b->axis, high = gd_min(low + gd_min(b->wide, lines.last - l), b->axis);
        scatter_wide(b, call, &part, l / b->axis, low, high);
        l += high - low;
    }
    if (b->wide > 0) return GD_OK;
    GD_NUMBER_CALL(b->dtype, take_vjp, call, &part);
    return GD_OK;
}

int GD_ISA_NAME(gd_k_segment)(const gd_call *call) {
    const indexing_block *b = (const indexing_block *)call->block;
    int status = check(b, call->operands[0], b->n_idx, call->fault);
    if (status != GD_OK) return status;
    scatter_part part = part_of(b, call);
    GD_NUMBER_CALL(b->dtype, segment, call, &part);
    return GD_OK;
}

int GD_ISA_NAME(gd_k_take_along_vjp)(const gd_call *call) {
    const indexing_block *b = (const indexing_block *)call->block;
    int status = check(b, call->operands[0], b->outer * b->n_idx * b->inner, call->fault);
    if (status != GD_OK) return status;
    gd_range outer = gd_params_range(b->outer, call->part, b->parts);
    if (b->wide > 0) spread_wide(b, call, outer);
    else GD_NUMBER_CALL(b->dtype, take_along_vjp, call, outer);
    return GD_OK;
}

#endif
