/* pool.c: windows of images made one element each, and the transpose of their sum.
 *
 * Payload: planes, H W, Ho Wo, kh kw, stride rows cols, padding top left; an image is (planes, H, W).
 *   max_pool2d      x -> y, at    the largest element of each window, NaN above all, and its place in the plane
 *                                 (int32): of equal elements the first, row by row
 *   sum_pool2d      x -> y        the sum of each window, the padding being 0
 *   sum_pool2d_vjp  g -> x        at each element the sum of g over the windows it is in
 *
 * Owns: the payload's checks. Invariants: a window has an element of the image in it; parts are whole planes, and
 * sums run over a window's taps row by row, so no result depends on threads.
 */
#include <math.h>
#include <string.h>

#include "../program/kernel.h"
#include "params.h"

typedef struct {
    int dtype;
    int64_t planes, height, width, rows, cols, kernel_rows, kernel_cols, row_stride, col_stride, top, left, parts;
} pool_block;

#ifdef GD_PREPARE

enum { N_PARAMS = 11 };

/* every window of a dimension lies inside the padded image and holds at least one element of the image itself */
static int windows_fit(int64_t size, int64_t windows, int64_t kernel, int64_t stride, int64_t before) {
    if (windows == 0) return 1;
    return before < kernel && (windows - 1) * stride < size + before;
}

/* image and result: the operands that have the sizes of these; places: that of max_pool2d's, or -1 */
static int prepare(gd_prepare *p, int image, int result, int places) {
    int status = gd_params_check(p, 1, 1, places < 0 ? 1 : 2, N_PARAMS);
    if (status != GD_OK) return status;
    const int64_t *w = p->payload + 1;
    for (int i = 0; i < N_PARAMS; i++)
        if (w[i] < (i >= 5 && i <= 8) || (i > 0 && w[i] > INT32_MAX)) return gd_prepare_fail(p, GD_ERR_SHAPE, 1 + i, w[i]);
    int dtype = gd_operand(p, 0)->dtype;
    if ((status = gd_params_operand(p, image, GD_FLOATS & 1 << dtype, w[0], w[1], w[2])) != GD_OK ||
        (status = gd_params_operand(p, result, GD_FLOATS & 1 << dtype, w[0], w[3], w[4])) != GD_OK ||
        (places >= 0 && (status = gd_params_operand(p, places, 1 << GD_I32, w[0], w[3], w[4])) != GD_OK))
        return status;
    if (w[1] * w[2] > INT32_MAX) return gd_prepare_fail(p, GD_ERR_SHAPE, 2, w[1]);
    if (!windows_fit(w[1], w[3], w[5], w[7], w[9])) return gd_prepare_fail(p, GD_ERR_SHAPE, 4, w[3]);
    if (!windows_fit(w[2], w[4], w[6], w[8], w[10])) return gd_prepare_fail(p, GD_ERR_SHAPE, 5, w[4]);
    pool_block *b = gd_prepare_block(p, sizeof *b);
    if (b == NULL) return GD_ERR_MEMORY;
    /* taps beyond the image's end reach nothing */
    int64_t kernel_rows = w[5] < w[1] + w[9] ? w[5] : w[1] + w[9], kernel_cols = w[6] < w[2] + w[10] ? w[6] : w[2] + w[10];
    *b = (pool_block){dtype, w[0], w[1], w[2], w[3], w[4], kernel_rows, kernel_cols, w[7], w[8], w[9], w[10],
                      gd_params_parts(gd_operand(p, image)->count, w[0])};
    p->parts = b->parts;
    p->block = b;
    return GD_OK;
}

int gd_prepare_max_pool2d(gd_prepare *p) { return prepare(p, 0, 1, 2); }
int gd_prepare_sum_pool2d(gd_prepare *p) { return prepare(p, 0, 1, -1); }
int gd_prepare_sum_pool2d_vjp(gd_prepare *p) { return prepare(p, 1, 0, -1); }

#else

/* the windows low..high-1 whose tap `tap` lies in the image: their element is window * stride + tap - before */
typedef struct {
    int64_t low, high;
} windows;

static windows reach(int64_t size, int64_t n, int64_t stride, int64_t before, int64_t tap) {
    int64_t shift = tap - before;
    int64_t low = shift < 0 ? (-shift + stride - 1) / stride : 0;
    int64_t high = size > shift ? (size - shift + stride - 1) / stride : 0;
    return (windows){low, high < n ? high : n};
}

/* f(line of the image, element of a window's tap) over the taps of row r, the common strides spelled out so that the
 * loop over windows becomes vector code */
#define FOR_STRIDE(loop) \
    if (b->col_stride == 1) loop(1) else if (b->col_stride == 2) loop(2) else loop(b->col_stride)

#define EACH_TAP(r)                                                                                           \
    for (int64_t i = 0, h = (r) * b->row_stride - b->top; i < b->kernel_rows; i++, h++)                       \
        for (int64_t j = 0; h >= 0 && h < b->height && j < b->kernel_cols; j++)

#define DEFINE_POOL(T, S)                                                                                     \
    static void max_##S(const pool_block *b, const T *x, T *restrict y, int32_t *restrict at) {               \
        for (int64_t r = 0; r < b->rows; r++, y += b->cols, at += b->cols) {                                  \
            int64_t first = r * b->row_stride > b->top ? (r * b->row_stride - b->top) * b->width : 0;         \
            for (int64_t c = 0; c < b->cols; c++) {                                                           \
                int64_t left = c * b->col_stride - b->left;                                                   \
                y[c] = -(T)INFINITY;                                                                          \
                at[c] = (int32_t)(first + (left > 0 ? left : 0));                                             \
            }                                                                                                 \
            EACH_TAP(r) {                                                                                     \
                windows w = reach(b->width, b->cols, b->col_stride, b->left, j);                              \
                int32_t place = (int32_t)(h * b->width + j - b->left);                                        \
                const T *from = x + place;                                                                    \
                FOR_STRIDE(MAX_LOOP)                                                                          \
            }                                                                                                 \
        }                                                                                                     \
    }                                                                                                         \
    static void sum_##S(const pool_block *b, const T *x, T *restrict y) {                                     \
        for (int64_t r = 0; r < b->rows; r++, y += b->cols) {                                                 \
            for (int64_t c = 0; c < b->cols; c++) y[c] = 0;                                                   \
            EACH_TAP(r) {                                                                                     \
                windows w = reach(b->width, b->cols, b->col_stride, b->left, j);                              \
                const T *from = x + h * b->width + j - b->left;                                               \
                FOR_STRIDE(SUM_LOOP)                                                                          \
            }                                                                                                 \
        }                                                                                                     \
    }                                                                                                         \
    static void spread_##S(const pool_block *b, const T *restrict g, T *restrict x) {                         \
        memset(x, 0, (size_t)(b->height * b->width) * sizeof(T));                                             \
        for (int64_t r = 0; r < b->rows; r++, g += b->cols)                                                   \
            EACH_TAP(r) {                                                                                     \
                windows w = reach(b->width, b->cols, b->col_stride, b->left, j);                              \
                T *to = x + h * b->width + j - b->left;                                                       \
                FOR_STRIDE(SPREAD_LOOP)                                                                       \
            }                                                                                                 \
    }

#define MAX_LOOP(step)                                                                                        \
    for (int64_t c = w.low; c < w.high; c++) {                                                                \
        int better = (from[c * (step)] > y[c]) | ((from[c * (step)] != from[c * (step)]) & (y[c] == y[c]));   \
        y[c] = better ? from[c * (step)] : y[c];                                                              \
        at[c] = better ? place + (int32_t)(c * (step)) : at[c];                                               \
    }
#define SUM_LOOP(step) \
    for (int64_t c = w.low; c < w.high; c++) y[c] += from[c * (step)];
#define SPREAD_LOOP(step) \
    for (int64_t c = w.low; c < w.high; c++) to[c * (step)] += g[c];

DEFINE_POOL(float, f32)
DEFINE_POOL(double, f64)

enum { POOL_MAX, POOL_SUM, POOL_SPREAD };

static inline int run(const gd_call *call, int kind) {
    const pool_block *b = call->block;
    int64_t image = b->height * b->width, result = b->rows * b->cols;
    int64_t end = gd_params_start(b->planes, call->part + 1, b->parts);
    for (int64_t i = gd_params_start(b->planes, call->part, b->parts); i < end; i++) {
        int64_t in = i * (kind == POOL_SPREAD ? result : image), out = i * (kind == POOL_SPREAD ? image : result);
        if (b->dtype == GD_F32) {
            const float *x = (const float *)call->operands[0] + in;
            float *y = (float *)call->operands[1] + out;
            if (kind == POOL_MAX) max_f32(b, x, y, (int32_t *)call->operands[2] + out);
            else if (kind == POOL_SUM) sum_f32(b, x, y);
            else spread_f32(b, x, y);
        } else {
            const double *x = (const double *)call->operands[0] + in;
            double *y = (double *)call->operands[1] + out;
            if (kind == POOL_MAX) max_f64(b, x, y, (int32_t *)call->operands[2] + out);
            else if (kind == POOL_SUM) sum_f64(b, x, y);
            else spread_f64(b, x, y);
        }
    }
    return GD_OK;
}

int GD_ISA_NAME(gd_k_max_pool2d)(const gd_call *call) { return run(call, POOL_MAX); }

int GD_ISA_NAME(gd_k_sum_pool2d)(const gd_call *call) { return run(call, POOL_SUM); }

int GD_ISA_NAME(gd_k_sum_pool2d_vjp)(const gd_call *call) { return run(call, POOL_SPREAD); }
#endif
