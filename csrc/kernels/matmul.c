/* matmul.c: the instruction C = act(alpha A B + bias), or C += alpha A B + bias, over batches of strided operands.
 *
 * Owns: the payload's checks, the cut into parts, the choice of who multiplies, bias and activation.
 * Invariants: parts and routes follow from shapes, strides, the instruction set and whether a BLAS was loaded when the
 * program was made, never from threads. No two elements of C share an address, and C is apart from what is read.
 * It must not know how a product is blocked in registers (product.c) nor where a BLAS comes from (blas.c).
 */
#include <stdlib.h>
#include <string.h>

#include "../program/isa.h"
#include "../openblas/blas.h"
#include "epilogue.h"
#include "product.h"
#include "strided.h"

enum { OPERAND_A, OPERAND_B, OPERAND_C };
/* column, row: matrix times vector; lanes: many small ones side by side */
enum { ROUTE_OWN, ROUTE_GEMM, ROUTE_COLUMN, ROUTE_ROW, ROUTE_INTEGER, ROUTE_LANES };

typedef struct {
    int64_t operand, offset, row, col;
    int64_t *batch; /* strides */
} matmul_view;

typedef struct {
    int dtype, route, accumulate;
    int64_t n_batch, *batch_dims, entries;
    int64_t m, n, k;
    int64_t m_step, n_step, blocks; /* of one entry: blocks of so many rows and columns */
    int64_t part_units;             /* blocks of all entries, in one part */
    int transposed[2];              /* A and B as the BLAS sees them */
    int64_t leading[2];
    double alpha;
    matmul_view view[3];
    gd_epilogue epilogue;
    const gd_blas *blas;
} matmul_block;

static inline gd_product product_of(const matmul_block *b, int64_t m, int64_t n) {
    const matmul_view *v = b->view;
    return (gd_product){m,
                        n,
                        b->k,
                        v[OPERAND_A].row,
                        v[OPERAND_A].col,
                        v[OPERAND_B].row,
                        v[OPERAND_B].col,
                        v[OPERAND_C].row,
                        b->alpha,
                        b->accumulate};
}

#ifdef GD_PREPARE

/* words: batch dimensions follow, views of A, B and C with strides of rows and columns, an epilogue, alpha's bits */
enum { N_BATCH, SIZE_M, SIZE_N, SIZE_K, ACCUMULATE, HEAD };
enum { MAX_BATCH_DIMS = GD_STRIDED_DIMS - 2, FLOPS_PER_NS = 60, MOST_PARTS = 64 };
#define PART_FLOPS 2e6

/* whether a BLAS takes the matrix as it lies, plain or transposed */
static int lies_for_blas(int64_t rows, int64_t cols, int64_t row, int64_t col, int *transposed, int64_t *leading) {
    for (*transposed = 0; *transposed <= 1; ++*transposed) {
        int64_t outer = *transposed ? cols : rows, inner = *transposed ? rows : cols;
        int64_t step = *transposed ? row : col, stride = *transposed ? col : row;
        if (inner > 1 && step != 1) continue;
        *leading = outer > 1 ? stride : inner;
        if (*leading >= inner && *leading <= INT32_MAX) return 1;
    }
    return 0;
}

/* whether vectors of 64 bytes multiply, and neither factor is a vector */
static int is_wide(const matmul_block *b) { return b->m > 1 && b->n > 1 && strcmp(gd_isa_current()->name, "v4") == 0; }

/* The core's own code against a call, as measured. With vectors of 64 bytes it is ahead but where few rows meet a B that
 * outgrows the caches, and where rows are few vectors and a rest, which is one element or two, or A lies by columns,
 * many of them, or B does, which few rows meet. With shorter ones it is so up to about 128 x 128 x 128 and for outer
 * products, and behind otherwise; then it should not need much scratch where a BLAS is there. */
static int own_is_faster(const matmul_block *b, int64_t m, int64_t n) {
    enum { SCRATCH = 1 << 16, VECTOR = 64, TINY = 1024, SMALL = 2097152, SHALLOW = 24, FEW = 64 };
    enum { LITTLE = 8, LARGE = 1 << 24 }; /* bytes */
    double work = (double)m * (double)n * (double)b->k;
    int64_t item = gd_item_bytes(b->dtype), width = (n == 1 ? m : n) * item;
    int has_rest = width % VECTOR != 0 && width < 6 * VECTOR;
    if (is_wide(b)) {
        if (b->m <= FEW && b->k * b->n >= LARGE / item) return 0;
        if (has_rest && width > VECTOR && width % VECTOR <= LITTLE && work > TINY) return 0;
        if (!has_rest || b->k <= SHALLOW) return 1;
        return b->view[OPERAND_A].col == 1 && (b->view[OPERAND_B].col == 1 || m > FEW);
    }
    gd_product p = product_of(b, m, n);
    if (gd_product_scratch(&p, item) > SCRATCH) return 0;
    if (b->k <= 2) return 1;
    return work <= (has_rest ? TINY : SMALL);
}

static int choose_route(const matmul_block *b, int64_t m, int64_t n) {
    if (b->blas == NULL || m == 0 || n == 0 || b->k == 0) return ROUTE_OWN;
    if (m > INT32_MAX || n > INT32_MAX || b->k > INT32_MAX) return ROUTE_OWN;
    const matmul_view *x = b->view;
    if (b->leading[0] == 0 || b->leading[1] == 0 || own_is_faster(b, m, n)) return ROUTE_OWN;
    if (b->n == 1) {
        if ((b->k > 1 && (x[OPERAND_B].row < 1 || x[OPERAND_B].row > INT32_MAX)) ||
            (m > 1 && (x[OPERAND_C].row < 1 || x[OPERAND_C].row > INT32_MAX)))
            return ROUTE_OWN;
        return ROUTE_COLUMN;
    }
    if (m > 1 && (x[OPERAND_C].row < n || x[OPERAND_C].row > INT32_MAX)) return ROUTE_OWN;
    if (b->m == 1) return b->k > 1 && (x[OPERAND_A].col < 1 || x[OPERAND_A].col > INT32_MAX) ? ROUTE_OWN : ROUTE_ROW;
    return ROUTE_GEMM;
}

/* Products so small that a call of any kind costs more than they do. */
static int are_many(const matmul_block *b) {
    const int64_t side = GD_PRODUCT_LANES_MOST;
    if (b->entries < GD_PRODUCT_LANES || b->m > side || b->n > side || b->k > side || b->k == 0) return 0;
    return b->m * b->k + b->k * b->n + b->m * b->n <= GD_PRODUCT_LANES_MOST;
}

/* of a side: pieces of a multiple of 64 */
static int64_t piece(int64_t side, int64_t pieces) {
    return gd_min(side, gd_round_up(gd_ceil_div(side, gd_max(pieces, 1)), 64));
}

/* Parts of a large product gather their rows of A and columns of B each: sides of 512 and more keep that small. A small A
 * is read as it lies where parts are so narrow, as often as they are many. Over a short depth writing C is what takes
 * long: then parts are low, so that one's rows stay in cache. Products with vectors gather nothing. */
static void cut_large(matmul_block *b, double work) {
    enum { SIDE = 512, MOST_PIECES = 6, FEWEST = 4, SHALLOW = 64, LOW = 64, WIDE = 1024, NEAR = 1 << 20, NARROW = 128 };
    int64_t most = work / PART_FLOPS < INT32_MAX ? (int64_t)(work / PART_FLOPS) : INT32_MAX, rows, columns;
    if (b->m == 1 || b->n == 1) {
        rows = columns = gd_min(most, MOST_PARTS);
    } else if (b->k <= SHALLOW) {
        columns = gd_min(gd_ceil_div(b->n, WIDE), most);
        rows = gd_min(gd_ceil_div(b->m, LOW), most / columns);
    } else if (b->m * b->k * gd_item_bytes(b->dtype) <= NEAR) {
        columns = gd_min(gd_ceil_div(b->n, NARROW), most);
        rows = gd_min(most / 6, MOST_PARTS) / columns;
    } else {
        rows = gd_max(1, gd_min((b->m + SIDE / 2) / SIDE, MOST_PIECES));
        columns = gd_max(1, gd_min((b->n + SIDE / 2) / SIDE, MOST_PIECES));
        if (rows * columns < FEWEST) *(b->m > b->n ? &rows : &columns) *= 2;
    }
    b->m_step = piece(b->m, rows);
    b->n_step = piece(b->n, columns);
}

/* Parts: blocks of a large entry; several small entries. */
static void cut(matmul_block *b, gd_prepare *p) {
    double m = (double)b->m, n = (double)b->n, k = (double)b->k;
    double work = 2 * m * n * k + 8 * (m * n + m * k + n * k) + 64;
    b->m_step = b->m;
    b->n_step = b->n;
    b->part_units = 1;
    if (work > 2 * PART_FLOPS) {
        cut_large(b, work);
    } else if (b->entries > 1) {
        b->part_units = (int64_t)(PART_FLOPS / work) + 1;
    }
    b->blocks = b->m > 0 && b->n > 0 ? gd_ceil_div(b->m, b->m_step) * gd_ceil_div(b->n, b->n_step) : 1;
    int64_t units = b->entries * b->blocks;
    p->parts = gd_max(1, gd_ceil_div(units, b->part_units));
    p->work = gd_work(work * (double)b->entries / FLOPS_PER_NS);
}

int gd_prepare_matmul(gd_prepare *p) {
    const int64_t *w = p->payload;
    if (p->n_payload < HEAD) return gd_prepare_fail(p, GD_ERR_FORMAT, -1, p->n_payload);
    int64_t n_batch = w[N_BATCH];
    if (n_batch < 0 || n_batch > MAX_BATCH_DIMS) return gd_prepare_fail(p, GD_ERR_SHAPE, N_BATCH, n_batch);
    if (w[ACCUMULATE] != 0 && w[ACCUMULATE] != 1) return gd_prepare_fail(p, GD_ERR_FORMAT, ACCUMULATE, w[ACCUMULATE]);
    int64_t view_words = GD_VIEW_STRIDES + n_batch + 2;
    if (p->n_payload != HEAD + n_batch + 3 * view_words + GD_EPILOGUE_WORDS + 1)
        return gd_prepare_fail(p, GD_ERR_FORMAT, -1, p->n_payload);
    if (p->n_writes != 1) return gd_prepare_fail(p, GD_ERR_FORMAT, -1, p->n_writes);

    matmul_block *b = gd_prepare_block(p, sizeof *b + (size_t)(4 * n_batch) * sizeof(int64_t));
    if (b == NULL) return GD_ERR_MEMORY;
    p->block = b;
    b->n_batch = n_batch;
    b->batch_dims = (int64_t *)(b + 1);
    b->accumulate = (int)w[ACCUMULATE];
    b->entries = 1;
    b->m = w[SIZE_M], b->n = w[SIZE_N], b->k = w[SIZE_K];
    for (int i = SIZE_M; i <= SIZE_K; i++)
        if (w[i] < 0 || w[i] > INT64_C(1) << 40) return gd_prepare_fail(p, GD_ERR_SHAPE, i, w[i]);
    const int64_t *at = w + HEAD;
    for (int64_t i = 0; i < n_batch; i++) {
        b->batch_dims[i] = at[i];
        if (at[i] < 0 || __builtin_mul_overflow(b->entries, at[i], &b->entries))
            return gd_prepare_fail(p, GD_ERR_SHAPE, HEAD + i, at[i]);
    }
    at += n_batch;

    b->dtype = gd_operand(p, p->n_reads)->dtype;
    for (int v = 0; v < 3; v++, at += view_words) {
        matmul_view *x = &b->view[v];
        const int64_t *step = at + GD_VIEW_STRIDES;
        *x = (matmul_view){.operand = at[GD_VIEW_OPERAND],
                           .offset = at[GD_VIEW_OFFSET],
                           .row = step[n_batch],
                           .col = step[n_batch + 1],
                           .batch = b->batch_dims + (v + 1) * n_batch};
        memcpy(x->batch, step, (size_t)n_batch * sizeof *step);
        int64_t dims[MAX_BATCH_DIMS + 2], strides[MAX_BATCH_DIMS + 2];
        memcpy(dims, b->batch_dims, (size_t)n_batch * sizeof *dims);
        memcpy(strides, step, (size_t)(n_batch + 2) * sizeof *strides);
        dims[n_batch] = v == OPERAND_B ? b->k : b->m;
        dims[n_batch + 1] = v == OPERAND_A ? b->k : b->n;
        if (v == OPERAND_C ? x->operand != p->n_reads : x->operand < 0 || x->operand >= p->n_reads)
            return gd_prepare_fail(p, GD_ERR_BOUNDS, at - w, x->operand);
        const gd_value *value = gd_operand(p, x->operand);
        if (value->dtype != b->dtype) return gd_prepare_fail(p, GD_ERR_TYPE, at - w, value->dtype);
        if (!gd_strided_fits(value->count, x->offset, n_batch + 2, dims, strides))
            return gd_prepare_fail(p, GD_ERR_BOUNDS, at + GD_VIEW_OFFSET - w, x->offset);
        if (v == OPERAND_C) {
            if (b->n > 1 && x->col != 1) return gd_prepare_fail(p, GD_ERR_BOUNDS, step + n_batch + 1 - w, x->col);
            if (!gd_strided_apart(n_batch + 2, dims, strides))
                return gd_prepare_fail(p, GD_ERR_ALIAS, at - w, x->operand);
        }
        if (dims[n_batch] <= 1) x->row = 0; /* strides that are never taken decide nothing */
        if (dims[n_batch + 1] <= 1) x->col = 1;
    }
    int status = gd_epilogue_read(p, at - w, b->dtype, b->n, &b->epilogue);
    if (status != GD_OK) return status;
    if (b->epilogue.act != NULL && b->accumulate)
        return gd_prepare_fail(p, GD_ERR_TYPE, at + GD_EPILOGUE_ACT - w, at[GD_EPILOGUE_ACT]);
    at += GD_EPILOGUE_WORDS;
    memcpy(&b->alpha, at, sizeof b->alpha);

    int is_float = b->dtype == GD_F32 || b->dtype == GD_F64;
    if (b->dtype == GD_BOOL) return gd_prepare_fail(p, GD_ERR_TYPE, -1, b->dtype);
    if (!is_float && b->alpha != 1) return gd_prepare_fail(p, GD_ERR_TYPE, at - w, *at);

    cut(b, p);
    const matmul_view *x = b->view;
    b->blas = gd_blas_current();
    if (!lies_for_blas(b->m, b->k, x[OPERAND_A].row, x[OPERAND_A].col, &b->transposed[0], &b->leading[0]))
        b->leading[0] = 0;
    if (!lies_for_blas(b->k, b->n, x[OPERAND_B].row, x[OPERAND_B].col, &b->transposed[1], &b->leading[1]))
        b->leading[1] = 0;
    b->route = is_float ? choose_route(b, b->m_step, b->n_step) : ROUTE_INTEGER;
    gd_product block = product_of(b, b->m_step, b->n_step);
    if (is_float && are_many(b)) {
        b->route = ROUTE_LANES;
        p->scratch = gd_product_lanes_scratch(&block) * gd_item_bytes(b->dtype);
    } else if (b->route == ROUTE_OWN) {
        p->scratch = gd_product_scratch(&block, gd_item_bytes(b->dtype));
    }
    return GD_OK;
}

#else

/* Products of integers wrap around; rows of C are updated by rows of B. */
#define DEFINE_INTEGER_PRODUCT(name, T, U)                                                                       \
    static void name(const gd_product *p, const T *a, const T *b, T *c) {                                        \
        for (int64_t i = 0; i < p->m; i++) {                                                                     \
            T *row = c + i * p->c_row;                                                                           \
            if (!p->accumulate) memset(row, 0, (size_t)p->n * sizeof(T));                                        \
            for (int64_t d = 0; d < p->k; d++) {                                                                 \
                U factor = (U)a[i * p->a_row + d * p->a_col];                                                    \
                const T *from = b + d * p->b_row;                                                                \
                if (p->b_col == 1)                                                                               \
                    for (int64_t j = 0; j < p->n; j++) row[j] = (T)((U)row[j] + factor * (U)from[j]);            \
                else                                                                                             \
                    for (int64_t j = 0; j < p->n; j++) row[j] = (T)((U)row[j] + factor * (U)from[j * p->b_col]); \
            }                                                                                                    \
        }                                                                                                        \
    }

/* bias and activation while the block is in cache */
#define DEFINE_FINISH(name, T, U)                                                                                 \
    static void name(const matmul_block *b, const gd_product *p, T *c, const T *bias) {                           \
        if (bias != NULL)                                                                                         \
            for (int64_t i = 0; i < p->m; i++) {                                                                  \
                T *row = c + i * p->c_row;                                                                        \
                if (b->epilogue.stride == 1)                                                                      \
                    for (int64_t j = 0; j < p->n; j++) row[j] = (T)((U)row[j] + (U)bias[j]);                      \
                else                                                                                              \
                    for (int64_t j = 0; j < p->n; j++) row[j] = (T)((U)row[j] + (U)bias[j * b->epilogue.stride]); \
            }                                                                                                     \
        if (b->epilogue.act == NULL) return;                                                                      \
        if (p->m == 1 || p->c_row == p->n) {                                                                      \
            b->epilogue.act(c, c, NULL, NULL, p->m * p->n);                                                       \
            return;                                                                                               \
        }                                                                                                         \
        for (int64_t i = 0; i < p->m; i++) b->epilogue.act(c + i * p->c_row, c + i * p->c_row, NULL, NULL, p->n); \
    }

/* one block of one entry, through whoever multiplies */
#define DEFINE_FLOAT_BLOCK(name, T, own, gemm, gemv)                                                                   \
    static void name(const matmul_block *b, const gd_product *p, const T *x, const T *y, T *z, void *scratch) {        \
        int m = (int)p->m, n = (int)p->n, k = (int)p->k;                                                               \
        int lead_x = (int)b->leading[0], lead_y = (int)b->leading[1];                                                  \
        T alpha = (T)p->alpha, beta = p->accumulate ? 1 : 0;                                                           \
        switch (b->route) {                                                                                            \
        case ROUTE_OWN: own(p, x, y, z, scratch); break;                                                               \
        case ROUTE_GEMM:                                                                                               \
            b->blas->gemm(GD_BLAS_ROW_MAJOR, b->transposed[0] ? GD_BLAS_TRANSPOSED : GD_BLAS_PLAIN,                    \
                          b->transposed[1] ? GD_BLAS_TRANSPOSED : GD_BLAS_PLAIN, m, n, k, alpha, x, lead_x, y, lead_y, \
                          beta, z, m > 1 ? (int)p->c_row : n);                                                         \
            break;                                                                                                     \
        case ROUTE_COLUMN:                                                                                             \
            if (b->transposed[0])                                                                                      \
                b->blas->gemv(GD_BLAS_ROW_MAJOR, GD_BLAS_TRANSPOSED, k, m, alpha, x, lead_x, y,                        \
                              k > 1 ? (int)p->b_row : 1, beta, z, m > 1 ? (int)p->c_row : 1);                          \
            else                                                                                                       \
                b->blas->gemv(GD_BLAS_ROW_MAJOR, GD_BLAS_PLAIN, m, k, alpha, x, lead_x, y, k > 1 ? (int)p->b_row : 1,  \
                              beta, z, m > 1 ? (int)p->c_row : 1);                                                     \
            break;                                                                                                     \
        default:                                                                                                       \
            if (b->transposed[1])                                                                                      \
                b->blas->gemv(GD_BLAS_ROW_MAJOR, GD_BLAS_PLAIN, n, k, alpha, y, lead_y, x, (int)p->a_col, beta, z, 1); \
            else                                                                                                       \
                b->blas->gemv(GD_BLAS_ROW_MAJOR, GD_BLAS_TRANSPOSED, k, n, alpha, y, lead_y, x, (int)p->a_col, beta,   \
                              z, 1);                                                                                   \
        }                                                                                                              \
    }

DEFINE_INTEGER_PRODUCT(product_i32, int32_t, uint32_t)
DEFINE_INTEGER_PRODUCT(product_i64, int64_t, uint64_t)
DEFINE_FINISH(finish_f32, float, float)
DEFINE_FINISH(finish_f64, double, double)
DEFINE_FINISH(finish_i32, int32_t, uint32_t)
DEFINE_FINISH(finish_i64, int64_t, uint64_t)
DEFINE_FLOAT_BLOCK(block_f32, float, GD_ISA_NAME(gd_product_f32), sgemm, sgemv)
DEFINE_FLOAT_BLOCK(block_f64, double, GD_ISA_NAME(gd_product_f64), dgemm, dgemv)

/* products first..last-1, GD_PRODUCT_LANES at a time */
static void run_lanes(const matmul_block *b, const gd_call *call, int64_t first, int64_t last) {
    const matmul_view *v = b->view;
    int64_t item = gd_item_bytes(b->dtype), index[GD_STRIDED_DIMS], entry = first;
    gd_product p = product_of(b, b->m, b->n);
    char *at[3], *lane[3][GD_PRODUCT_LANES];
    for (int i = 0; i < 3; i++) at[i] = (char *)call->operands[v[i].operand] + v[i].offset * item;
    for (int64_t d = b->n_batch - 1; d >= 0; d--) {
        index[d] = entry % b->batch_dims[d];
        entry /= b->batch_dims[d];
        for (int i = 0; i < 3; i++) at[i] += index[d] * v[i].batch[d] * item;
    }
    const void *bias = gd_epilogue_bias(&b->epilogue, call, 0, item);
    while (first < last) {
        int lanes = (int)gd_min(last - first, GD_PRODUCT_LANES);
        for (int l = 0; l < lanes; l++) {
            for (int i = 0; i < 3; i++) lane[i][l] = at[i];
            for (int64_t d = b->n_batch - 1; d >= 0; d--) {
                int64_t turns = ++index[d] < b->batch_dims[d] ? 1 : 1 - b->batch_dims[d];
                for (int i = 0; i < 3; i++) at[i] += turns * v[i].batch[d] * item;
                if (turns == 1) break;
                index[d] = 0;
            }
        }
        void *a = lane[OPERAND_A], *with = lane[OPERAND_B], *c = lane[OPERAND_C];
        if (b->dtype == GD_F32) GD_ISA_NAME(gd_products_f32)(&p, lanes, a, with, c, call->scratch);
        else GD_ISA_NAME(gd_products_f64)(&p, lanes, a, with, c, call->scratch);
        for (int l = 0; l < lanes && (bias != NULL || b->epilogue.act != NULL); l++)
            if (b->dtype == GD_F32) finish_f32(b, &p, (float *)(void *)lane[OPERAND_C][l], bias);
            else finish_f64(b, &p, (double *)(void *)lane[OPERAND_C][l], bias);
        first += lanes;
    }
}

int GD_ISA_NAME(gd_k_matmul)(const gd_call *call) {
    const matmul_block *b = (const matmul_block *)call->block;
    const matmul_view *v = b->view;
    int64_t item = gd_item_bytes(b->dtype);
    gd_product p = product_of(b, b->m, b->n);
    int64_t units = b->entries * b->blocks, first = call->part * b->part_units;
    int64_t last = first + b->part_units < units ? first + b->part_units : units;
    if (b->route == ROUTE_LANES) {
        run_lanes(b, call, first, last);
        return GD_OK;
    }
    for (int64_t unit = first; unit < last; unit++) {
        int64_t entry = unit, m0 = 0, n0 = 0, at[3];
        if (b->blocks > 1) {
            int64_t block = unit % b->blocks, columns = gd_ceil_div(b->n, b->n_step);
            entry = unit / b->blocks;
            m0 = block / columns * b->m_step;
            n0 = block % columns * b->n_step;
            p.m = b->m - m0 < b->m_step ? b->m - m0 : b->m_step;
            p.n = b->n - n0 < b->n_step ? b->n - n0 : b->n_step;
        }
        at[OPERAND_A] = v[OPERAND_A].offset + m0 * p.a_row;
        at[OPERAND_B] = v[OPERAND_B].offset + n0 * p.b_col;
        at[OPERAND_C] = v[OPERAND_C].offset + m0 * p.c_row + n0;
        for (int64_t d = b->n_batch - 1; d >= 0 && entry > 0; d--) {
            int64_t index = entry % b->batch_dims[d];
            entry /= b->batch_dims[d];
            for (int i = 0; i < 3; i++) at[i] += index * v[i].batch[d];
        }
        const void *x = (const char *)call->operands[v[OPERAND_A].operand] + at[OPERAND_A] * item;
        const void *y = (const char *)call->operands[v[OPERAND_B].operand] + at[OPERAND_B] * item;
        void *z = (char *)call->operands[v[OPERAND_C].operand] + at[OPERAND_C] * item;
        const void *bias = gd_epilogue_bias(&b->epilogue, call, n0, item);
        switch (b->dtype) {
        case GD_F32:
            block_f32(b, &p, x, y, z, call->scratch);
            finish_f32(b, &p, z, bias);
            break;
        case GD_F64:
            block_f64(b, &p, x, y, z, call->scratch);
            finish_f64(b, &p, z, bias);
            break;
        case GD_I32:
            product_i32(&p, x, y, z);
            finish_i32(b, &p, z, bias);
            break;
        default: product_i64(&p, x, y, z); finish_i64(b, &p, z, bias);
        }
    }
    return GD_OK;
}

#endif
