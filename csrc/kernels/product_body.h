/* product_body.h: the blocked product for one element type (see template.h); product.c includes it.
 *
 * FULL is the lanes of the widest vector, DOT those that sums of dot products are taken in. Packing only changes
 * strides: every path ends in the same register blocks of GD_ROWS rows by two vectors, narrower at the edges.
 */

#define SQUARE ((int)(GD_SQUARE_BYTES / sizeof(T)))
#define FULL GD_CAT(GD_FULL, S)
#define DOT GD_CAT(GD_DOT, S)

#define N 1
#include "product_block.h"
#define N 2
#include "product_block.h"
#if FULL >= 4
#define N 4
#include "product_block.h"
#endif
#if FULL >= 8
#define N 8
#include "product_block.h"
#endif
#if FULL >= 16
#define N 16
#include "product_block.h"
#endif

/* of two vectors of the widest kind */
static void NAME(strip_wide)(int64_t m, int64_t depth, const T *a, int64_t a_row, int64_t a_col, const T *b,
                             int64_t b_row, T *c, int64_t c_row, T alpha, int accumulate) {
    GD_CAT(NAME(strip_of), FULL)(2, m, depth, a, a_row, a_col, b, b_row, c, c_row, alpha, accumulate);
}

#ifdef GD_MASKED
#define HALF GD_CAT(GD_HALF, S)
#define P FULL
#include "product_rest.h"
#define P HALF
#include "product_rest.h"

/* the last n columns, which are fewer than two vectors and do not end with one */
static void NAME(rest)(int64_t m, int64_t n, int64_t depth, const T *a, int64_t a_row, int64_t a_col, const T *b,
                       int64_t b_row, T *c, int64_t c_row, T alpha, int accumulate) {
    const int has_head = n > FULL, part = (int)(n % FULL);
    (part > HALF ? GD_CAT(NAME(rest), FULL) : GD_CAT(NAME(rest), HALF))(has_head, part, m, depth, a, a_row, a_col, b,
                                                                        b_row, c, c_row, alpha, accumulate);
}
#undef HALF
#endif

#define STRIP(n) GD_CAT(NAME(strip), n)(m, depth, a, a_row, a_col, b + j, b_row, c + j, c_row, alpha, accumulate)

/* C (m x n) from B with contiguous columns: strips of two vectors, then what is left in one, or in ever narrower ones */
static void NAME(strips)(int64_t m, int64_t n, int64_t depth, const T *a, int64_t a_row, int64_t a_col, const T *b,
                         int64_t b_row, T *c, int64_t c_row, T alpha, int accumulate) {
    int64_t j = 0;
    if (m == 1) { /* one row keeps too few sums in flight: make it wide */
        for (; j + 4 * FULL <= n; j += 4 * FULL)
            GD_CAT(NAME(block), FULL)(1, 4, depth, a, a_row, a_col, b + j, b_row, c + j, c_row, alpha, accumulate);
    }
    for (; j + 2 * FULL <= n; j += 2 * FULL)
        NAME(strip_wide)(m, depth, a, a_row, a_col, b + j, b_row, c + j, c_row, alpha, accumulate);
#ifdef GD_MASKED
    if ((n - j) % FULL != 0) {
        NAME(rest)(m, n - j, depth, a, a_row, a_col, b + j, b_row, c + j, c_row, alpha, accumulate);
        return;
    }
#endif
    for (; j + FULL <= n; j += FULL) STRIP(FULL);
#if FULL > 8
    for (; j + 8 <= n; j += 8) STRIP(8);
#endif
#if FULL > 4
    for (; j + 4 <= n; j += 4) STRIP(4);
#endif
#if FULL > 2
    for (; j + 2 <= n; j += 2) STRIP(2);
#endif
    for (; j < n; j++) STRIP(1);
}

/* cols dot products of one row of A with contiguous columns of B */
INLINE void NAME(dots)(const int cols, int64_t k, const T *a, const T *b, int64_t b_col, T *c, int64_t c_col, T alpha,
                       int accumulate) {
    VECTOR(DOT) sum[8];
    T rest[8];
    UNROLL for (int j = 0; j < cols; j++) sum[j] = (VECTOR(DOT)){0}, rest[j] = 0;
    int64_t d = 0;
    for (; d + DOT <= k; d += DOT) {
        VECTOR(DOT) line = *(const VECTOR(DOT) *)(a + d);
        UNROLL for (int j = 0; j < cols; j++) sum[j] += line * *(const VECTOR(DOT) *)(b + j * b_col + d);
    }
    for (; d < k; d++) UNROLL for (int j = 0; j < cols; j++) rest[j] += a[d] * b[j * b_col + d];
    if (k >= DOT) UNROLL for (int j = 0; j < cols; j++) {
            for (int half = DOT / 2; half > 0; half /= 2)
                for (int l = 0; l < half; l++) sum[j][l] += sum[j][l + half];
            rest[j] += sum[j][0];
        }
    UNROLL for (int j = 0; j < cols; j++) c[j * c_col] = alpha * rest[j] + (accumulate ? c[j * c_col] : 0);
}

static void NAME(dot_product)(int64_t m, int64_t n, int64_t k, const T *a, int64_t a_row, const T *b, int64_t b_col,
                              T *c, int64_t c_row, int64_t c_col, T alpha, int accumulate) {
    for (int64_t i = 0; i < m; i++, a += a_row, c += c_row) {
        int64_t j = 0;
        for (; j + 8 <= n; j += 8) NAME(dots)(8, k, a, b + j * b_col, b_col, c + j * c_col, c_col, alpha, accumulate);
        for (; j + 4 <= n; j += 4) NAME(dots)(4, k, a, b + j * b_col, b_col, c + j * c_col, c_col, alpha, accumulate);
        for (; j < n; j++) NAME(dots)(1, k, a, b + j * b_col, b_col, c + j * c_col, c_col, alpha, accumulate);
    }
}

/* to[d * lanes + l] = from[l * lane_step + d * step]: a panel as the register blocks read it */
static void NAME(pack)(int64_t lanes, int64_t depth, const T *from, int64_t lane_step, int64_t step, T *to) {
    if (lane_step == 1 && lanes == 2 * FULL) { /* whole strips: two vectors at a time */
        for (int64_t d = 0; d < depth; d++, from += step, to += 2 * FULL) {
            *(VECTOR(FULL) *)to = *(const VECTOR(FULL) *)from;
            *(VECTOR(FULL) *)(to + FULL) = *(const VECTOR(FULL) *)(from + FULL);
        }
        return;
    }
    if (lane_step == 1) {
        for (int64_t d = 0; d < depth; d++) memcpy(to + d * lanes, from + d * step, (size_t)lanes * sizeof(T));
        return;
    }
    int64_t l = 0;
    if (step == 1) /* turned in registers where they lie along the depth */
        for (; l + SQUARE <= lanes; l += SQUARE) {
            int64_t d = 0;
            for (; d + SQUARE <= depth; d += SQUARE)
                NAME(gd_transpose)(from + l * lane_step + d, lane_step, to + d * lanes + l, lanes);
            for (; d < depth; d++)
                UNROLL for (int i = 0; i < SQUARE; i++) to[d * lanes + l + i] = from[(l + i) * lane_step + d];
        }
    for (; l + 4 <= lanes; l += 4) { /* smaller squares */
        const T *f = from + l * lane_step;
        T *t = to + l;
        int64_t d = 0;
        if (step == 1)
            for (; d + 4 <= depth; d += 4, f += 4, t += 4 * lanes) {
                VECTOR(4) r0 = *(const VECTOR(4) *)f, r1 = *(const VECTOR(4) *)(f + lane_step);
                VECTOR(4) r2 = *(const VECTOR(4) *)(f + 2 * lane_step), r3 = *(const VECTOR(4) *)(f + 3 * lane_step);
                VECTOR(4) low01 = __builtin_shufflevector(r0, r1, 0, 4, 1, 5);
                VECTOR(4) low23 = __builtin_shufflevector(r2, r3, 0, 4, 1, 5);
                VECTOR(4) high01 = __builtin_shufflevector(r0, r1, 2, 6, 3, 7);
                VECTOR(4) high23 = __builtin_shufflevector(r2, r3, 2, 6, 3, 7);
                *(VECTOR(4) *)t = __builtin_shufflevector(low01, low23, 0, 1, 4, 5);
                *(VECTOR(4) *)(t + lanes) = __builtin_shufflevector(low01, low23, 2, 3, 6, 7);
                *(VECTOR(4) *)(t + 2 * lanes) = __builtin_shufflevector(high01, high23, 0, 1, 4, 5);
                *(VECTOR(4) *)(t + 3 * lanes) = __builtin_shufflevector(high01, high23, 2, 3, 6, 7);
            }
        for (; d < depth; d++, f += step, t += lanes) {
            t[0] = f[0];
            t[1] = f[lane_step];
            t[2] = f[2 * lane_step];
            t[3] = f[3 * lane_step];
        }
    }
    for (; l < lanes; l++)
        for (int64_t d = 0; d < depth; d++) to[d * lanes + l] = from[l * lane_step + d * step];
}

/* panels of GD_ROWS lanes of an A whose columns are contiguous: some side by side, so that what lies in one line is read
 * at once, as the lines of one panel may drive each other out of L1 */
static void NAME(pack_panels)(int64_t lanes, int64_t depth, const T *from, int64_t step, T *to) {
    enum { SIDE_BY_SIDE = 4 };
    int64_t l = 0;
    for (; l + SIDE_BY_SIDE * GD_ROWS <= lanes; l += SIDE_BY_SIDE * GD_ROWS)
        for (int64_t d = 0; d < depth; d++)
            UNROLL for (int i = 0; i < SIDE_BY_SIDE; i++) memcpy(
                to + (l + i * GD_ROWS) * depth + d * GD_ROWS, from + l + i * GD_ROWS + d * step, GD_ROWS * sizeof(T));
    for (; l < lanes; l += GD_ROWS)
        NAME(pack)(lanes - l < GD_ROWS ? lanes - l : GD_ROWS, depth, from + l, 1, step, to + l * depth);
}

/* strips of two vectors of B, each on its own: whole ones side by side, so that a line is read in one piece */
static void NAME(pack_strips)(int64_t lanes, int64_t depth, const T *from, int64_t lane_step, int64_t step, T *to) {
    const int64_t width = 2 * FULL;
    if (lane_step == 1 && lanes == GD_PRODUCT_STRIPS * width) {
        for (int64_t d = 0; d < depth; d++, from += step, to += width)
            UNROLL for (int i = 0; i < GD_PRODUCT_STRIPS; i++) UNROLL for (int v = 0; v < 2; v++) *
                (VECTOR(FULL) *)(to + i * width * depth + v * FULL) =
                *(const VECTOR(FULL) *)(from + i * width + v * FULL);
        return;
    }
    for (int64_t l = 0; l < lanes; l += width)
        NAME(pack)(gd_min(lanes - l, width), depth, from + l * lane_step, lane_step, step, to + l * depth);
}

/* blocks that stay in cache: panels of A in the second one, over which run strips of two vectors of B, each gathered
 * just before, so that it is read from the first */
static void NAME(blocked)(const gd_product *p, const T *a, const T *b, T *c, T *scratch, T alpha) {
    const int64_t width = 2 * FULL, group = GD_PRODUCT_STRIPS * width;
    const int packs_b = gd_product_packs_b(p, sizeof(T)), packs_a = gd_product_packs_a(p, sizeof(T));
    const int64_t depth_step = gd_min(p->k, GD_PRODUCT_DEPTH), rows_step = gd_product_rows(sizeof(T));
    T *packed_b = scratch, *packed_a = scratch + (packs_b ? depth_step * group : 0);
    for (int64_t d0 = 0; d0 < p->k; d0 += depth_step) {
        const int64_t depth = gd_min(p->k - d0, depth_step);
        const int accumulate = p->accumulate || d0 > 0;
        for (int64_t i0 = 0; i0 < p->m; i0 += rows_step) {
            const int64_t m = gd_min(p->m - i0, rows_step);
            const T *rows = a + i0 * p->a_row + d0 * p->a_col;
            if (packs_a && p->a_row == 1) NAME(pack_panels)(m, depth, rows, p->a_col, packed_a);
            else if (packs_a)
                for (int64_t i = 0; i < m; i += GD_ROWS)
                    NAME(pack)(gd_min(m - i, GD_ROWS), depth, rows + i * p->a_row, p->a_row, p->a_col,
                               packed_a + i * depth);
            for (int64_t j0 = 0; j0 < p->n; j0 += group) {
                const int64_t n = gd_min(p->n - j0, group);
                const T *columns = b + d0 * p->b_row + j0 * p->b_col;
                if (packs_b) NAME(pack_strips)(n, depth, columns, p->b_col, p->b_row, packed_b);
                for (int64_t j = 0; j < n; j += width) {
                    const int64_t w = gd_min(n - j, width), b_row = packs_b ? w : p->b_row;
                    const T *strip = packs_b ? packed_b + j * depth : columns + j;
                    T *to = c + i0 * p->c_row + j0 + j;
                    if (!packs_a) {
                        NAME(strips)(m, w, depth, rows, p->a_row, p->a_col, strip, b_row, to, p->c_row, alpha,
                                     accumulate);
                        continue;
                    }
                    for (int64_t i = 0; i < m; i += GD_ROWS) {
                        const int64_t r = gd_min(m - i, GD_ROWS);
                        NAME(strips)(r, w, depth, packed_a + i * depth, 1, r, strip, b_row, to + i * p->c_row, p->c_row,
                                     alpha, accumulate);
                    }
                }
            }
        }
    }
}

void GD_ISA_NAME(NAME(gd_product))(const gd_product *p, const T *a, const T *b, T *c, void *scratch) {
    T alpha = (T)p->alpha;
    if (p->k == 0) {
        if (!p->accumulate)
            for (int64_t i = 0; i < p->m; i++)
                for (int64_t j = 0; j < p->n; j++) c[i * p->c_row + j] = 0;
    } else if (p->n == 1 && p->a_row == 1 && p->c_row == 1 && p->m > 1) {
        /* a column from an A with contiguous columns: the row of the transposed product */
        NAME(strips)(1, p->m, p->k, b, 0, p->b_row, a, p->a_col, c, 0, alpha, p->accumulate);
    } else if (p->n == 1 && gd_product_is_dots(p)) {
        NAME(dot_product)(1, p->m, p->k, b, 0, a, p->a_row, c, 0, p->c_row, alpha, p->accumulate);
    } else if (gd_product_is_dots(p)) {
        NAME(dot_product)(p->m, p->n, p->k, a, p->a_row, b, p->b_col, c, p->c_row, 1, alpha, p->accumulate);
    } else if (!gd_product_packs_b(p, sizeof(T)) && !gd_product_packs_a(p, sizeof(T))) {
        NAME(strips)(p->m, p->n, p->k, a, p->a_row, p->a_col, b, p->b_row, c, p->c_row, alpha, p->accumulate);
    } else {
        NAME(blocked)(p, a, b, c, (T *)scratch, alpha);
    }
}

/* ---- products side by side ---- */

enum { NAME(AT_ONCE) = GD_PRODUCT_LANES / FULL < 4 ? GD_PRODUCT_LANES / FULL : 4 }; /* vectors in registers */

/* elements from a lane's matrix to the next one's, where all are as far apart and each lies in one piece; else 0 */
static int64_t NAME(lane_step)(int64_t rows, int64_t cols, int64_t row, int64_t col, const T *const *lane) {
    int by_rows = (rows == 1 || row == cols) && (cols == 1 || col == 1);
    int by_cols = (cols == 1 || col == rows) && (rows == 1 || row == 1);
    int64_t step = lane[1] - lane[0];
    for (int l = 2; l < GD_PRODUCT_LANES; l++)
        if (lane[l] - lane[l - 1] != step) return 0;
    return by_rows || by_cols ? step : 0;
}

/* a matrix of each lane, side by side: element (r, c) of lane l is at r * *row + c * *col + l then */
static void NAME(to_lanes)(int64_t rows, int64_t cols, int64_t *row, int64_t *col, const T *const *from, T *to) {
    int64_t step = NAME(lane_step)(rows, cols, *row, *col, from), down = *row, along = *col;
    *row = (step != 0 ? down : cols) * GD_PRODUCT_LANES;
    *col = (step != 0 ? along : 1) * GD_PRODUCT_LANES;
    if (step != 0) {
        NAME(pack)(GD_PRODUCT_LANES, rows * cols, from[0], step, 1, to);
        return;
    }
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = 0; c < cols; c++, to += GD_PRODUCT_LANES)
            for (int l = 0; l < GD_PRODUCT_LANES; l++) to[l] = from[l][r * down + c * along];
}

/* and results of the first lanes back, row by row */
static void NAME(from_lanes)(int64_t rows, int64_t cols, int64_t row, int lanes, const T *from, T *const *to) {
    if (lanes == GD_PRODUCT_LANES && NAME(lane_step)(rows, cols, row, 1, (const T *const *)to) == rows * cols) {
        NAME(pack)(rows * cols, GD_PRODUCT_LANES, from, GD_PRODUCT_LANES, 1, to[0]);
        return;
    }
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = 0; c < cols; c++, from += GD_PRODUCT_LANES)
            for (int l = 0; l < lanes; l++) to[l][r * row + c] = from[l];
}

/* one element of AT_ONCE vectors of products: the sum over its factors, a and b elements apart */
INLINE void NAME(sum_lanes)(int64_t depth, const T *x, int64_t a, const T *y, int64_t b, VECTOR(FULL) * sum) {
    UNROLL for (int v = 0; v < NAME(AT_ONCE); v++) sum[v] = (VECTOR(FULL)){0};
    for (int64_t d = 0; d < depth; d++, x += a, y += b)
        UNROLL for (int v = 0; v < NAME(AT_ONCE); v++) sum[v] +=
            *(const VECTOR(FULL) *)(x + v * FULL) * *(const VECTOR(FULL) *)(y + v * FULL);
}

/* the same in the order of NAME(dots) */
static void NAME(sum_dots)(int64_t k, const T *x, int64_t a, const T *y, int64_t b, VECTOR(FULL) * sum) {
    const int64_t whole = k / DOT * DOT;
    NAME(sum_lanes)(k - whole, x + whole * a, a, y + whole * b, b, sum);
    if (whole == 0) return;
    VECTOR(FULL) part[DOT][NAME(AT_ONCE)];
    for (int64_t d = 0; d < DOT; d++) NAME(sum_lanes)(whole / DOT, x + d * a, DOT * a, y + d * b, DOT * b, part[d]);
    for (int half = DOT / 2; half > 0; half /= 2)
        for (int d = 0; d < half; d++)
            for (int v = 0; v < NAME(AT_ONCE); v++) part[d][v] += part[d + half][v];
    for (int v = 0; v < NAME(AT_ONCE); v++) sum[v] += part[0][v];
}

void GD_ISA_NAME(NAME(gd_products))(const gd_product *p, int lanes, const T *const *a, const T *const *b, T *const *c,
                                    T *scratch) {
    const T *from[3][GD_PRODUCT_LANES];
    T *x = scratch, *y = x + p->m * p->k * GD_PRODUCT_LANES, *z = y + p->k * p->n * GD_PRODUCT_LANES;
    int is_dots = gd_product_is_dots(p);
    for (int l = 0; l < GD_PRODUCT_LANES; l++) {
        int lane = l < lanes ? l : 0;
        from[0][l] = a[lane], from[1][l] = b[lane], from[2][l] = c[lane];
    }
    int64_t a_row = p->a_row, a_col = p->a_col, b_row = p->b_row, b_col = p->b_col, c_row = p->c_row, c_col = 1;
    NAME(to_lanes)(p->m, p->k, &a_row, &a_col, from[0], x);
    NAME(to_lanes)(p->k, p->n, &b_row, &b_col, from[1], y);
    if (p->accumulate) NAME(to_lanes)(p->m, p->n, &c_row, &c_col, from[2], z);
    for (int64_t i = 0; i < p->m; i++)
        for (int64_t j = 0; j < p->n; j++)
            for (int64_t v = 0; v < GD_PRODUCT_LANES; v += NAME(AT_ONCE) * FULL) {
                const T *row = x + i * a_row + v, *col = y + j * b_col + v;
                T *to = z + (i * p->n + j) * GD_PRODUCT_LANES + v;
                VECTOR(FULL) sum[NAME(AT_ONCE)];
                if (is_dots) NAME(sum_dots)(p->k, row, a_col, col, b_row, sum);
                else NAME(sum_lanes)(p->k, row, a_col, col, b_row, sum);
                UNROLL for (int u = 0; u < NAME(AT_ONCE); u++) {
                    VECTOR(FULL) *at = (VECTOR(FULL) *)(to + u * FULL), before = *at;
                    *at = (T)p->alpha * sum[u];
                    if (p->accumulate) *at += before;
                    else if (is_dots) *at += 0;
                }
            }
    NAME(from_lanes)(p->m, p->n, p->c_row, lanes, z, c);
}

#undef SQUARE
#undef STRIP
#undef FULL
#undef DOT
