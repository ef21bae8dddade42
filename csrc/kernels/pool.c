/* pool.c: windows of images made one element each, and the transpose of their sum.
 *
 * Payload: planes, H W, Ho Wo, kh kw, stride rows cols, padding top left, dilation rows cols; an image is (planes, H, W).
 *   max_pool2d      x -> y, at    the largest element of each window, NaN above all, and its place in the plane
 *                                 (int32): of equal elements the first, row by row
 *   sum_pool2d      x -> y        the sum of each window, the padding being 0
 *   sum_pool2d_vjp  g -> x        at each element the sum of g over the windows it is in
 *
 * Owns: the payload's checks. Invariants: a window has an element of the image in it; parts are whole planes, and
 * sums run over a window's taps row by row, so no result depends on threads.
 */
#include <string.h>

#include "params.h"
#include "template.h"

typedef struct {
    int dtype;
    int64_t planes, height, width, rows, cols, kernel_rows, kernel_cols, row_stride, col_stride, top, left, row_step,
        col_step, parts; /* a step: of two taps of a window */
} pool_block;

#ifdef GD_PREPARE

enum { PLANES, H, W, HO, WO, KH, KW, SH, SW, TOP, LEFT, DH, DW, N_PARAMS };

/* every window of a dimension begins inside the padded image and has at least one tap in the image itself */
static int windows_fit(int64_t size, int64_t windows, int64_t kernel, int64_t stride, int64_t before, int64_t step) {
    if (windows == 0) return 1;
    return before <= (kernel - 1) * step && (windows - 1) * stride < size + before && (before == 0 || step <= size);
}

/* image and result: the operands that have the sizes of these; places: that of max_pool2d's, or -1 */
static int prepare(gd_prepare *p, int image, int result, int places) {
    int status = gd_params_check(p, 1, 1, places < 0 ? 1 : 2, N_PARAMS);
    if (status != GD_OK) return status;
    const int64_t *w = gd_params(p);
    for (int i = 0; i < N_PARAMS; i++) {
        int least = i == KH || i == KW || i == SH || i == SW || i == DH || i == DW;
        if (w[i] < least || (i != PLANES && w[i] > INT32_MAX)) return gd_params_fail(p, GD_ERR_SHAPE, i);
    }
    int dtype = gd_operand(p, 0)->dtype;
    if ((status = gd_params_operand(p, image, GD_FLOATS & 1 << dtype, w[PLANES], w[H], w[W])) != GD_OK ||
        (status = gd_params_operand(p, result, GD_FLOATS & 1 << dtype, w[PLANES], w[HO], w[WO])) != GD_OK ||
        (places >= 0 && (status = gd_params_operand(p, places, 1 << GD_I32, w[PLANES], w[HO], w[WO])) != GD_OK))
        return status;
    if (w[H] * w[W] > INT32_MAX) return gd_params_fail(p, GD_ERR_SHAPE, H);
    if (!windows_fit(w[H], w[HO], w[KH], w[SH], w[TOP], w[DH])) return gd_params_fail(p, GD_ERR_SHAPE, HO);
    if (!windows_fit(w[W], w[WO], w[KW], w[SW], w[LEFT], w[DW])) return gd_params_fail(p, GD_ERR_SHAPE, WO);
    pool_block *b = gd_prepare_block(p, sizeof *b);
    if (b == NULL) return GD_ERR_MEMORY;
    *b = (pool_block){.dtype = dtype,
                      .planes = w[PLANES],
                      .height = w[H],
                      .width = w[W],
                      .rows = w[HO],
                      .cols = w[WO],
                      /* taps beyond the image's end reach nothing */
                      .kernel_rows = gd_min(w[KH], gd_ceil_div(w[H] + w[TOP], w[DH])),
                      .kernel_cols = gd_min(w[KW], gd_ceil_div(w[W] + w[LEFT], w[DW])),
                      .row_stride = w[SH],
                      .col_stride = w[SW],
                      .top = w[TOP],
                      .left = w[LEFT],
                      .row_step = w[DH],
                      .col_step = w[DW],
                      .parts = gd_params_parts(gd_operand(p, image)->count, w[PLANES])};
    p->parts = b->parts;
    p->block = b;
    return GD_OK;
}

int gd_prepare_max_pool2d(gd_prepare *p) { return prepare(p, 0, 1, 2); }
int gd_prepare_sum_pool2d(gd_prepare *p) { return prepare(p, 0, 1, -1); }
int gd_prepare_sum_pool2d_vjp(gd_prepare *p) { return prepare(p, 1, 0, -1); }

#else

enum { POOL_MAX, POOL_SUM };
/* x beats y: it is larger, or the first NaN; of elements and of vectors */
#define BEATS(x, y) (((x) > (y)) | (((x) != (x)) & ((y) == (y))))

#define GD_BODY "pool_body.h"
#include "each_float.h"

int GD_ISA_NAME(gd_k_max_pool2d)(const gd_call *call) {
    const pool_block *b = (const pool_block *)call->block;
    GD_FLOAT_CALL(b->dtype, max_pool2d, call, gd_params_range(b->planes, call->part, b->parts));
    return GD_OK;
}

int GD_ISA_NAME(gd_k_sum_pool2d)(const gd_call *call) {
    const pool_block *b = (const pool_block *)call->block;
    GD_FLOAT_CALL(b->dtype, sum_pool2d, call, gd_params_range(b->planes, call->part, b->parts));
    return GD_OK;
}

int GD_ISA_NAME(gd_k_sum_pool2d_vjp)(const gd_call *call) {
    const pool_block *b = (const pool_block *)call->block;
    GD_FLOAT_CALL(b->dtype, sum_pool2d_vjp, call, gd_params_range(b->planes, call->part, b->parts));
    return GD_OK;
}
#endif
