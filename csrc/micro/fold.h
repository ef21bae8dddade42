/* fold.h: reductions of one dtype (see gd_fold_fn). Include after defining GD_T, GD_D and GD_MASK (the signed integer
 * type of GD_T's size).
 *
 * A row (inner = 1) is folded by four vectors of 64 bytes, whatever the ISA's own width is, which are then folded
 * pairwise: the order depends on the row's length only, and sums lose little. A short row is folded from its first
 * element to its last, several rows side by side. Columns (inner > 1) fold row by row.
 */
#include <string.h>

#include "../program/kernel.h"

#define FOLD__(name, dtype) GD_ISA_NAME(gd_fold_##name##_##dtype)
#define FOLD_(name, dtype) FOLD__(name, dtype)

#if defined(__clang__)
#define GD_LOOP _Pragma("clang loop vectorize(assume_safety)")
#else
#define GD_LOOP _Pragma("GCC ivdep")
#endif

#if defined(__clang__)
#define GD_UNROLL _Pragma("clang loop unroll(full)")
#else
#define GD_UNROLL _Pragma("GCC unroll 4") /* early: a loop that is left keeps its vectors in memory */
#endif

/* Parts are as wide as the ISA's registers: compilers take comparisons of wider ones element by element. */
#if defined(__AVX512F__)
#define GD_PART 64
#elif defined(__AVX2__)
#define GD_PART 32
#else
#define GD_PART 16
#endif

typedef GD_T part __attribute__((vector_size(GD_PART)));
typedef GD_MASK mask __attribute__((vector_size(GD_PART)));
enum { PARTS = 64 / GD_PART, PART_LANES = GD_PART / sizeof(GD_T) };
typedef struct {
    part of[PARTS];
} vector;
enum { LANES = 64 / sizeof(GD_T), SHORT = 2 * LANES, SIDE_BY_SIDE = 8 };

static inline vector load(const GD_T *p) {
    vector v;
    GD_UNROLL for (int k = 0; k < PARTS; k++) memcpy(&v.of[k], p + k * PART_LANES, sizeof v.of[k]);
    return v;
}

static inline part choose(mask m, part a, part b) { return (part)((m & (mask)a) | (~m & (mask)b)); }

/* COMBINE(x, y) of scalars, PARTWISE(x, y) of parts: the same function */
#define FOLD(name, COMBINE, PARTWISE)                                                                          \
    static inline vector vector_##name(vector x, vector y) {                                                   \
        GD_UNROLL for (int k = 0; k < PARTS; k++) x.of[k] = PARTWISE(x.of[k], y.of[k]);                        \
        return x;                                                                                              \
    }                                                                                                          \
    static GD_T row_##name(const GD_T *x, int64_t n) {                                                         \
        int64_t i = 1;                                                                                         \
        GD_T result;                                                                                           \
        if (n < SHORT) {                                                                                       \
            result = x[0];                                                                                     \
        } else {                                                                                               \
            vector s = load(x);                                                                                \
            i = LANES;                                                                                         \
            if (n >= 8 * LANES) {                                                                              \
                vector s1 = load(x + LANES), s2 = load(x + 2 * LANES), s3 = load(x + 3 * LANES);               \
                for (i = 4 * LANES; i + 4 * LANES <= n; i += 4 * LANES) {                                      \
                    s = vector_##name(s, load(x + i));                                                         \
                    s1 = vector_##name(s1, load(x + i + LANES));                                               \
                    s2 = vector_##name(s2, load(x + i + 2 * LANES));                                           \
                    s3 = vector_##name(s3, load(x + i + 3 * LANES));                                           \
                }                                                                                              \
                s = vector_##name(vector_##name(s, s1), vector_##name(s2, s3));                                \
            }                                                                                                  \
            for (; i + LANES <= n; i += LANES) s = vector_##name(s, load(x + i));                              \
            GD_UNROLL for (int half = PARTS / 2; half > 0; half /= 2) GD_UNROLL for (int k = 0; k < half; k++) \
                s.of[k] = PARTWISE(s.of[k], s.of[k + half]);                                                   \
            GD_T lane[PART_LANES];                                                                             \
            memcpy(lane, &s.of[0], sizeof lane);                                                               \
            for (int half = PART_LANES / 2; half > 0; half /= 2)                                               \
                for (int j = 0; j < half; j++) lane[j] = COMBINE(lane[j], lane[j + half]);                     \
            result = lane[0];                                                                                  \
        }                                                                                                      \
        for (; i < n; i++) result = COMBINE(result, x[i]);                                                     \
        return result;                                                                                         \
    }                                                                                                          \
    void FOLD_(name, GD_D)(void *, const void *, int64_t, int64_t, int64_t);                                   \
    void FOLD_(name, GD_D)(void *out_, const void *in_, int64_t outer, int64_t length, int64_t inner) {        \
        GD_T *out = out_;                                                                                      \
        const GD_T *in = in_;                                                                                  \
        if (inner == 1) {                                                                                      \
            int64_t i = 0;                                                                                     \
            for (; length < SHORT && i + SIDE_BY_SIDE <= outer; i += SIDE_BY_SIDE) {                           \
                const GD_T *x = in + i * length;                                                               \
                GD_T r[SIDE_BY_SIDE];                                                                          \
                for (int k = 0; k < SIDE_BY_SIDE; k++) r[k] = x[k * length];                                   \
                for (int64_t j = 1; j < length; j++)                                                           \
                    for (int k = 0; k < SIDE_BY_SIDE; k++) r[k] = COMBINE(r[k], x[k * length + j]);            \
                memcpy(out + i, r, sizeof r);                                                                  \
            }                                                                                                  \
            for (; i < outer; i++) out[i] = row_##name(in + i * length, length);                               \
            return;                                                                                            \
        }                                                                                                      \
        for (int64_t i = 0; i < outer; i++, out += inner, in += length * inner) {                              \
            memcpy(out, in, (size_t)inner * sizeof(GD_T));                                                     \
            for (int64_t j = 1; j < length; j++) {                                                             \
                const GD_T *row = in + j * inner;                                                              \
                GD_LOOP for (int64_t k = 0; k < inner; k++) out[k] = COMBINE(out[k], row[k]);                  \
            }                                                                                                  \
        }                                                                                                      \
    }
