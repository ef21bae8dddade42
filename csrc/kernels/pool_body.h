/* pool_body.h: windows of one element type (see template.h); pool.c includes it.
 *
 * Windows that hang over the image's sides are done one at a time; a run of others a vector at a time, the last vector
 * going back over windows that are done already rather than beyond the run.
 */

/* the first tap of a window, from `at` on, that is not before the image */
static inline int64_t NAME(inside)(int64_t at, int64_t step) {
    return at < 0 ? at + gd_ceil_div(-at, step) * step : at;
}

/* one window, clipped to the image */
static inline void NAME(window)(const int kind, const pool_block *b, const T *x, int64_t r, int64_t c, T *y,
                                int32_t *at) {
    int64_t top = r * b->row_stride - b->top, left = c * b->col_stride - b->left;
    int64_t bottom = gd_min(top + (b->kernel_rows - 1) * b->row_step + 1, b->height);
    int64_t right = gd_min(left + (b->kernel_cols - 1) * b->col_step + 1, b->width);
    top = NAME(inside)(top, b->row_step);
    left = NAME(inside)(left, b->col_step);
    int64_t place = top * b->width + left;
    T best = kind == POOL_MAX ? x[place] : 0;
    for (int64_t h = top; h < bottom; h += b->row_step)
        for (int64_t w = left; w < right; w += b->col_step) {
            T v = x[h * b->width + w];
            if (kind == POOL_SUM) best += v;
            else if (BEATS(v, best)) best = v, place = h * b->width + w;
        }
    y[c] = best;
    if (kind == POOL_MAX) at[c] = (int32_t)place;
}

#define LANES 2
#define EVENS(v, w) __builtin_shufflevector(v, w, 0, 3)
#include "pool_run.h"
#define LANES 4
#define EVENS(v, w) __builtin_shufflevector(v, w, 0, 2, 5, 7)
#include "pool_run.h"
#define LANES 8
#define EVENS(v, w) __builtin_shufflevector(v, w, 0, 2, 4, 6, 9, 11, 13, 15)
#include "pool_run.h"
#define LANES 16
#define EVENS(v, w) __builtin_shufflevector(v, w, 0, 2, 4, 6, 8, 10, 12, 14, 17, 19, 21, 23, 25, 27, 29, 31)
#include "pool_run.h"

INLINE void NAME(rows)(const int kind, const int64_t step, const pool_block *b, const T *x, T *y, int32_t *at) {
    /* windows low..high-1 of a row have all their columns in the image */
    int64_t low = gd_min(gd_ceil_div(b->left, b->col_stride), b->cols);
    int64_t room = b->width + b->left - (b->kernel_cols - 1) * b->col_step - 1;
    int64_t high = room < 0 ? 0 : gd_min(room / b->col_stride + 1, b->cols);
    if (high - low < 2) high = low;
    int64_t lanes = high - low < 4 ? 2 : high - low < 8 ? 4 : high - low < 16 ? 8 : 16;
    for (int64_t r = 0; r < b->rows; r++, y += b->cols) {
        for (int64_t c = 0; c < low; c++) NAME(window)(kind, b, x, r, c, y, at);
        for (int64_t next = low; next < high; next += lanes) {
            int64_t c = next + lanes <= high ? next : high - lanes;
            if (lanes == 16) GD_CAT(NAME(run), 16)(kind, step, b, x, r, c, y, at);
            else if (lanes == 8) GD_CAT(NAME(run), 8)(kind, step, b, x, r, c, y, at);
            else if (lanes == 4) GD_CAT(NAME(run), 4)(kind, step, b, x, r, c, y, at);
            else GD_CAT(NAME(run), 2)(kind, step, b, x, r, c, y, at);
        }
        for (int64_t c = high; c < b->cols; c++) NAME(window)(kind, b, x, r, c, y, at);
        if (kind == POOL_MAX) at += b->cols;
    }
}

static void NAME(max)(const pool_block *b, const T *x, T *y, int32_t *at) {
    if (b->col_stride == 1) NAME(rows)(POOL_MAX, 1, b, x, y, at);
    else if (b->col_stride == 2) NAME(rows)(POOL_MAX, 2, b, x, y, at);
    else NAME(rows)(POOL_MAX, b->col_stride, b, x, y, at);
}

static void NAME(sum)(const pool_block *b, const T *x, T *y) {
    if (b->col_stride == 1) NAME(rows)(POOL_SUM, 1, b, x, y, NULL);
    else if (b->col_stride == 2) NAME(rows)(POOL_SUM, 2, b, x, y, NULL);
    else NAME(rows)(POOL_SUM, b->col_stride, b, x, y, NULL);
}

static void NAME(spread)(const pool_block *b, const T *restrict g, T *restrict x) {
    memset(x, 0, (size_t)(b->height * b->width) * sizeof(T));
    for (int64_t r = 0; r < b->rows; r++, g += b->cols)
        for (int64_t i = 0, h = r * b->row_stride - b->top; i < b->kernel_rows; i++, h += b->row_step)
            for (int64_t j = 0; h >= 0 && h < b->height && j < b->kernel_cols; j++) {
                int64_t shift = j * b->col_step - b->left;
                /* windows low..high-1 have their column j in the image */
                int64_t step = b->col_stride, low = shift < 0 ? gd_ceil_div(-shift, step) : 0;
                int64_t high = b->width > shift ? gd_min(gd_ceil_div(b->width - shift, step), b->cols) : 0;
                T *to = x + h * b->width + shift;
                if (step == 1)
                    for (int64_t c = low; c < high; c++) to[c] += g[c];
                else
                    for (int64_t c = low; c < high; c++) to[c * step] += g[c];
            }
}

/* what a part does: its planes */
static void NAME(max_pool2d)(const gd_call *call, gd_range planes) {
    const pool_block *b = (const pool_block *)call->block;
    int64_t image = b->height * b->width, result = b->rows * b->cols;
    const T *x = (const T *)call->operands[0];
    T *y = (T *)call->operands[1];
    int32_t *at = (int32_t *)call->operands[2];
    for (int64_t i = planes.first; i < planes.last; i++) NAME(max)(b, x + i * image, y + i * result, at + i * result);
}

static void NAME(sum_pool2d)(const gd_call *call, gd_range planes) {
    const pool_block *b = (const pool_block *)call->block;
    int64_t image = b->height * b->width, result = b->rows * b->cols;
    const T *x = (const T *)call->operands[0];
    T *y = (T *)call->operands[1];
    for (int64_t i = planes.first; i < planes.last; i++) NAME(sum)(b, x + i * image, y + i * result);
}

static void NAME(sum_pool2d_vjp)(const gd_call *call, gd_range planes) {
    const pool_block *b = (const pool_block *)call->block;
    int64_t image = b->height * b->width, result = b->rows * b->cols;
    const T *g = (const T *)call->operands[0];
    T *x = (T *)call->operands[1];
    for (int64_t i = planes.first; i < planes.last; i++) NAME(spread)(b, g + i * result, x + i * image);
}
