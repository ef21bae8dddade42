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
        if (w[i] < (i >= 5 && i <= 8) || (i > 0 && w[i] > INT32_MAX))
            return gd_prepare_fail(p, GD_ERR_SHAPE, 1 + i, w[i]);
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
    int64_t kernel_rows = w[5] < w[1] + w[9] ? w[5] : w[1] + w[9],
            kernel_cols = w[6] < w[2] + w[10] ? w[6] : w[2] + w[10];
    *b = (pool_block){dtype,
                      w[0],
                      w[1],
                      w[2],
                      w[3],
                      w[4],
                      kernel_rows,
                      kernel_cols,
                      w[7],
                      w[8],
                      w[9],
                      w[10],
                      gd_params_parts(gd_operand(p, image)->count, w[0])};
    p->parts = b->parts;
    p->block = b;
    return GD_OK;
}

int gd_prepare_max_pool2d(gd_prepare *p) { return prepare(p, 0, 1, 2); }
int gd_prepare_sum_pool2d(gd_prepare *p) { return prepare(p, 0, 1, -1); }
int gd_prepare_sum_pool2d_vjp(gd_prepare *p) { return prepare(p, 1, 0, -1); }

#else

enum { POOL_MAX, POOL_SUM };

#define T float
#define INT int32_t
#define S f32
#include "pool_body.h"

#define T double
#define INT int64_t
#define S f64
#include "pool_body.h"

/* what one part does of each kernel: image and result are the operands' elements of one plane */
#define DEFINE_KERNEL(name, in, out, f32, f64)                                             \
    int GD_ISA_NAME(gd_k_##name)(const gd_call *call) {                                    \
        const pool_block *b = call->block;                                                 \
        int64_t image = b->height * b->width, result = b->rows * b->cols;                  \
        int64_t end = gd_params_start(b->planes, call->part + 1, b->parts);                \
        for (int64_t i = gd_params_start(b->planes, call->part, b->parts); i < end; i++) { \
            if (b->dtype == GD_F32) {                                                      \
                const float *from = (const float *)call->operands[0] + i * (in);           \
                float *to = (float *)call->operands[1] + i * (out);                        \
                f32;                                                                       \
            } else {                                                                       \
                const double *from = (const double *)call->operands[0] + i * (in);         \
                double *to = (double *)call->operands[1] + i * (out);                      \
                f64;                                                                       \
            }                                                                              \
        }                                                                                  \
        return GD_OK;                                                                      \
    }
#define PLACES ((int32_t *)call->operands[2] + i * result)
DEFINE_KERNEL(max_pool2d, image, result, max_f32(b, from, to, PLACES), max_f64(b, from, to, PLACES))
DEFINE_KERNEL(sum_pool2d, image, result, sum_f32(b, from, to), sum_f64(b, from, to))
DEFINE_KERNEL(sum_pool2d_vjp, result, image, spread_f32(b, from, to), spread_f64(b, from, to))
#endif
