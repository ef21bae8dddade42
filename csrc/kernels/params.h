/* params.h: reading the payload [n_params, params..] of kernels on whole contiguous operands, with the checks that
 * most of them share, and how their work is cut into parts. */
#ifndef GD_PARAMS_H
#define GD_PARAMS_H
#include "../program/kernel.h"

/* numbers of operands and parameters as expected */
static inline int gd_params_check(gd_prepare *p, int reads_least, int reads_most, int writes, int64_t n_params) {
    if (p->n_reads < reads_least || p->n_reads > reads_most || p->n_writes != writes || p->n_payload != 1 + n_params)
        return gd_prepare_fail(p, GD_ERR_FORMAT, -1, p->n_payload);
    if (p->payload[0] != n_params) return gd_prepare_fail(p, GD_ERR_FORMAT, 0, p->payload[0]);
    return GD_OK;
}

/* the parameters: each kernel names them by an enum, in the order that its file states */
static inline const int64_t *gd_params(const gd_prepare *p) { return p->payload + 1; }

/* parameter i is what is wrong */
static inline int gd_params_fail(gd_prepare *p, int status, int64_t i) {
    return gd_prepare_fail(p, status, 1 + i, gd_params(p)[i]);
}

/* operand i holds exactly a * b * c elements of a dtype in the mask (bit d = dtype d) */
static inline int gd_params_operand(gd_prepare *p, int64_t i, int dtypes, int64_t a, int64_t b, int64_t c) {
    const gd_value *v = gd_operand(p, i);
    int64_t count;
    if (a < 0 || b < 0 || c < 0 || __builtin_mul_overflow(a, b, &count) || __builtin_mul_overflow(count, c, &count) ||
        count != v->count)
        return gd_prepare_fail(p, GD_ERR_SHAPE, -1, v->count);
    if (!(dtypes >> v->dtype & 1)) return gd_prepare_fail(p, GD_ERR_TYPE, -1, v->dtype);
    return GD_OK;
}

/* the same bytes, not merely overlapping ones */
static inline int gd_params_same(const gd_prepare *p, int64_t i, int64_t j) {
    const gd_value *a = gd_operand(p, i), *b = gd_operand(p, j);
    return a->kind == b->kind && a->place == b->place && a->count == b->count && a->dtype == b->dtype;
}

enum {
    GD_FLOATS = 1 << GD_F32 | 1 << GD_F64,
    GD_INTEGERS = 1 << GD_I32 | 1 << GD_I64,
    GD_NUMBERS = GD_FLOATS | GD_INTEGERS,
    GD_ALL = GD_NUMBERS | 1 << GD_BOOL
};

/* parts of about 64 thousand elements, at most `most` and 64 */
static inline int64_t gd_params_parts(int64_t elements, int64_t most) {
    return gd_max(1, gd_min(elements >> 16, gd_min(most, 64)));
}

/* the items of a part, of `total`: first to last-1 */
typedef struct {
    int64_t first, last;
} gd_range;

static inline gd_range gd_params_range(int64_t total, int64_t part, int64_t parts) {
    int64_t each = total / parts, more = total % parts; /* the first parts have one more */
    return (gd_range){each * part + gd_min(part, more), each * (part + 1) + gd_min(part + 1, more)};
}

#endif
