/* argreduce.c: arg_max and arg_min along an axis, as in NumPy: the first of equal elements, and the first NaN where
 * there is one.
 *
 *   arg_max, arg_min   x -> y   [outer, axis, inner]   x contiguous; y int64 (outer, inner)
 */
#include "../program/kernel.h"
#include "params.h"

typedef struct {
    int64_t outer, axis, inner, parts;
    int dtype;
} argreduce_block;

#ifdef GD_PREPARE

static int prepare(gd_prepare *p) {
    int status = gd_params_check(p, 1, 1, 1, 3);
    if (status != GD_OK) return status;
    const int64_t *w = p->payload + 1;
    if ((status = gd_params_operand(p, 0, GD_ALL, w[0], w[1], w[2])) != GD_OK ||
        (status = gd_params_operand(p, 1, 1 << GD_I64, w[0], 1, w[2])) != GD_OK)
        return status;
    if (w[1] == 0 && w[0] > 0 && w[2] > 0) return gd_prepare_fail(p, GD_ERR_SHAPE, 2, 0); /* no element to name */
    argreduce_block *b = gd_prepare_block(p, sizeof *b);
    if (b == NULL) return GD_ERR_MEMORY;
    *b = (argreduce_block){w[0], w[1], w[2], gd_params_parts(w[0] * w[1] * w[2], w[0]), gd_operand(p, 0)->dtype};
    p->parts = b->parts;
    p->block = b;
    return GD_OK;
}

int gd_prepare_arg_max(gd_prepare *p) { return prepare(p); }
int gd_prepare_arg_min(gd_prepare *p) { return prepare(p); }

#else

/* LANES columns or lanes are compared side by side, so that the comparison becomes vector code */
enum { LANES = 64 };

#define IS_NAN(x) ((x) != (x))
#define IS_NUMBER(x) ((x) == (x))

/* the extreme of a contiguous row first, then where it first stands: two passes, both without branches inside */
#define DEFINE_ROW(name, T, BEATS)                                                   \
    static int64_t name(const T *x, int64_t n) {                                     \
        T best[LANES];                                                               \
        int nan = 0;                                                                 \
        int64_t i = 0, wide = n / LANES * LANES;                                     \
        T top = x[0];                                                                \
        if (wide > 0) {                                                              \
            for (int l = 0; l < LANES; l++) best[l] = x[l];                          \
            for (; i < wide; i += LANES)                                             \
                for (int l = 0; l < LANES; l++) {                                    \
                    best[l] = x[i + l] BEATS best[l] ? x[i + l] : best[l];           \
                    nan |= IS_NAN(x[i + l]);                                         \
                }                                                                    \
            for (int l = 0; l < LANES; l++) top = best[l] BEATS top ? best[l] : top; \
        }                                                                            \
        for (; i < n; i++) {                                                         \
            top = x[i] BEATS top ? x[i] : top;                                       \
            nan |= IS_NAN(x[i]);                                                     \
        }                                                                            \
        for (i = 0; i < n; i++)                                                      \
            if (nan ? IS_NAN(x[i]) : x[i] == top) break;                             \
        return i;                                                                    \
    }

/* columns of a matrix of `axis` rows, a stretch of them at a time */
#define DEFINE_COLUMNS(name, T, BEATS)                                                           \
    static void name(const T *x, int64_t axis, int64_t inner, int64_t *y) {                      \
        for (int64_t n0 = 0; n0 < inner; n0 += LANES) {                                          \
            int64_t width = inner - n0 < LANES ? inner - n0 : LANES;                             \
            T best[LANES];                                                                       \
            for (int64_t l = 0; l < width; l++) best[l] = x[n0 + l], y[n0 + l] = 0;              \
            for (int64_t a = 1; a < axis; a++) {                                                 \
                const T *row = x + a * inner + n0;                                               \
                for (int64_t l = 0; l < width; l++) {                                            \
                    int better = IS_NUMBER(best[l]) & ((row[l] BEATS best[l]) | IS_NAN(row[l])); \
                    best[l] = better ? row[l] : best[l];                                         \
                    y[n0 + l] = better ? a : y[n0 + l];                                          \
                }                                                                                \
            }                                                                                    \
        }                                                                                        \
    }

#define DEFINE_DTYPE(s, T)                \
    DEFINE_ROW(row_max_##s, T, >)         \
    DEFINE_ROW(row_min_##s, T, <)         \
    DEFINE_COLUMNS(columns_max_##s, T, >) \
    DEFINE_COLUMNS(columns_min_##s, T, <)
DEFINE_DTYPE(f32, float)
DEFINE_DTYPE(f64, double)
DEFINE_DTYPE(i32, int32_t)
DEFINE_DTYPE(i64, int64_t)
DEFINE_DTYPE(b8, uint8_t)

#define RUN(what, s, T)                                                         \
    {                                                                           \
        const T *x = (const T *)call->operands[0] + first * b->axis * b->inner; \
        for (int64_t o = first; o < last; o++, x += b->axis * b->inner)         \
            if (b->inner == 1) y[o] = row_##what##_##s(x, b->axis);             \
            else columns_##what##_##s(x, b->axis, b->inner, y + o * b->inner);  \
    }

#define DEFINE_KERNEL(op, what)                                             \
    int GD_ISA_NAME(gd_k_##op)(const gd_call *call) {                       \
        const argreduce_block *b = call->block;                             \
        int64_t first = gd_params_start(b->outer, call->part, b->parts);    \
        int64_t last = gd_params_start(b->outer, call->part + 1, b->parts); \
        int64_t *y = call->operands[1];                                     \
        if (b->axis == 0) return GD_OK;                                     \
        switch (b->dtype) {                                                 \
        case GD_F32: RUN(what, f32, float) break;                           \
        case GD_F64: RUN(what, f64, double) break;                          \
        case GD_I32: RUN(what, i32, int32_t) break;                         \
        case GD_I64: RUN(what, i64, int64_t) break;                         \
        default: RUN(what, b8, uint8_t)                                     \
        }                                                                   \
        return GD_OK;                                                       \
    }
DEFINE_KERNEL(arg_max, max)
DEFINE_KERNEL(arg_min, min)

#endif
