/* attention.c: y = softmax(scale q k') v over batches of strided operands, block by block, and its gradients.
 *
 * attention      reads: q, k, v (or what they are views of); writes: y, and for each row its largest score and the
 *                logarithm of the sum of the exponentials of its scores less that
 *   [n_batch, rows, keys, features, values, causal, scale's bits, mask, batch dims.., views of q, k, v, y]
 * attention_vjp  reads: q, k, v, y, those two numbers, y's cotangent; writes: dq, dk, dv
 *   [the same head, batch dims.., views of q, k, v, y, the cotangent, dq, dk, dv, the operand of the two numbers]
 *   view: [operand, offset, batch strides.., stride of a row]; the elements of a row lie side by side
 *   mask: 0 none; 1 a bool says which pairs of query and key there are; 2 a number is added to the score. Then there
 *   follows its view: [operand, offset, batch strides.., stride of a row, of a key]
 *
 * Scores exist for one block of rows and keys at a time (after Dao et al. 2022): forward a row's maximum and sum are
 * corrected from block to block; backward the weights are made again from both. They stay two numbers: where all scores
 * are large (a mask of -1e9), their sum would lose the logarithm. With causal, key j is for
 * query i where j <= i, and blocks without any such pair are left out.
 * Invariants: parts, blocks and the order of sums follow from shapes only. A row without keys gives 0, and 0 and -infinity.
 * Where there are few entries their keys are split among parts, each with a dq of its own, which a last call adds up.
 */
#include <math.h>
#include <string.h>

#include "../program/isa.h"
#include "product.h"
#include "strided.h"
#include "template.h"

enum { ROWS = 32, KEYS = 128 }; /* of a block */
enum { Q, K, V, Y, G, DQ, DK, DV, VIEWS };
enum { MASK_NONE, MASK_KEEPS, MASK_ADDS };

typedef struct {
    int64_t operand, offset, row, *batch;
} rows_view;

typedef struct {
    int dtype, causal, mask;
    int64_t n_batch, *batch_dims, entries, rows, keys, features, values;
    int64_t row_blocks, part_units; /* forward: blocks of rows of all entries, so many to a part */
    int64_t splits, split_keys;     /* backward: parts for each entry, and the keys of one */
    int64_t sums;                   /* operand: of each row the largest score, and the logarithm */
    int64_t products;               /* bytes of scratch for them */
    double scale;
    gd_micro_fn exp, log;
    rows_view view[VIEWS], mask_view;
    int64_t mask_key; /* stride of a key */
} attention_block;

#ifdef GD_PREPARE

enum { N_BATCH, N_ROWS, N_KEYS, N_FEATURES, N_VALUES, CAUSAL, SCALE, MASK, HEAD }; /* batch dimensions after it */
enum { PARTS_WANTED = 16, FLOPS_PER_NS = 40 };

/* the words of a view, which has a stride for rows but none for a row's elements, and of the mask's, which has both */
static int64_t view_words(int64_t n_batch) { return GD_VIEW_STRIDES + n_batch + 1; }
static int64_t mask_words(int64_t n_batch) { return GD_VIEW_STRIDES + n_batch + 2; }

static int read_view(gd_prepare *p, attention_block *b, int which, int64_t at, int64_t *batch) {
    static const char keyed[VIEWS] = {[K] = 1, [V] = 1, [DK] = 1, [DV] = 1};
    static const char featured[VIEWS] = {[Q] = 1, [K] = 1, [DQ] = 1, [DK] = 1};
    const int64_t *w = p->payload + at;
    int64_t n = b->n_batch, dims[GD_STRIDED_DIMS], strides[GD_STRIDED_DIMS];
    int write = which >= DQ || (which == Y && p->n_writes == 2);
    rows_view *x = &b->view[which];
    *x = (rows_view){w[GD_VIEW_OPERAND], w[GD_VIEW_OFFSET], w[GD_VIEW_STRIDES + n], batch};
    memcpy(batch, w + GD_VIEW_STRIDES, (size_t)n * sizeof *batch);
    memcpy(strides, w + GD_VIEW_STRIDES, (size_t)(n + 1) * sizeof *strides);
    memcpy(dims, b->batch_dims, (size_t)n * sizeof *dims);
    dims[n] = keyed[which] ? b->keys : b->rows;
    dims[n + 1] = featured[which] ? b->features : b->values;
    strides[n + 1] = 1;
    if (write ? x->operand < p->n_reads || x->operand >= p->n_reads + p->n_writes
              : x->operand < 0 || x->operand >= p->n_reads)
        return gd_prepare_fail(p, GD_ERR_BOUNDS, at, x->operand);
    const gd_value *value = gd_operand(p, x->operand);
    if (value->dtype != b->dtype) return gd_prepare_fail(p, GD_ERR_TYPE, at, value->dtype);
    if (!gd_strided_fits(value->count, x->offset, n + 2, dims, strides))
        return gd_prepare_fail(p, GD_ERR_BOUNDS, at + GD_VIEW_OFFSET, x->offset);
    if (write && !gd_strided_apart(n + 2, dims, strides)) return gd_prepare_fail(p, GD_ERR_ALIAS, at, x->operand);
    return GD_OK;
}

static int read_mask(gd_prepare *p, attention_block *b, int64_t at) {
    const int64_t *w = p->payload + at;
    int64_t n = b->n_batch, dims[GD_STRIDED_DIMS], *batch = b->batch_dims + (1 + VIEWS) * n;
    const int64_t *strides = w + GD_VIEW_STRIDES;
    memcpy(batch, strides, (size_t)n * sizeof *batch);
    memcpy(dims, b->batch_dims, (size_t)n * sizeof *dims);
    dims[n] = b->rows, dims[n + 1] = b->keys;
    rows_view *x = &b->mask_view;
    *x = (rows_view){w[GD_VIEW_OPERAND], w[GD_VIEW_OFFSET], strides[n], batch};
    b->mask_key = strides[n + 1];
    if (x->operand < 0 || x->operand >= p->n_reads) return gd_prepare_fail(p, GD_ERR_BOUNDS, at, x->operand);
    const gd_value *value = gd_operand(p, x->operand);
    if (value->dtype != (b->mask == MASK_KEEPS ? GD_BOOL : b->dtype))
        return gd_prepare_fail(p, GD_ERR_TYPE, at, value->dtype);
    if (!gd_strided_fits(value->count, x->offset, n + 2, dims, strides))
        return gd_prepare_fail(p, GD_ERR_BOUNDS, at + GD_VIEW_OFFSET, x->offset);
    return GD_OK;
}

static int read_head(gd_prepare *p, attention_block **out, const int *views, int n_views, int64_t extra) {
    const int64_t *w = p->payload;
    if (p->n_payload < HEAD) return gd_prepare_fail(p, GD_ERR_FORMAT, -1, p->n_payload);
    int64_t n = w[N_BATCH];
    if (n < 0 || n > GD_STRIDED_DIMS - 2) return gd_prepare_fail(p, GD_ERR_SHAPE, N_BATCH, n);
    if (w[MASK] < MASK_NONE || w[MASK] > MASK_ADDS) return gd_prepare_fail(p, GD_ERR_FORMAT, MASK, w[MASK]);
    if (p->n_payload != HEAD + n + n_views * view_words(n) + extra + (w[MASK] ? mask_words(n) : 0))
        return gd_prepare_fail(p, GD_ERR_FORMAT, -1, p->n_payload);
    if (w[CAUSAL] != 0 && w[CAUSAL] != 1) return gd_prepare_fail(p, GD_ERR_FORMAT, CAUSAL, w[CAUSAL]);
    for (int i = N_ROWS; i <= N_VALUES; i++)
        if (w[i] < 0 || w[i] > INT64_C(1) << 31) return gd_prepare_fail(p, GD_ERR_SHAPE, i, w[i]);
    attention_block *b = gd_prepare_block(p, sizeof *b + (size_t)((2 + VIEWS) * n) * sizeof(int64_t));
    if (b == NULL) return GD_ERR_MEMORY;
    p->block = *out = b;
    b->n_batch = n;
    b->rows = w[N_ROWS], b->keys = w[N_KEYS], b->features = w[N_FEATURES], b->values = w[N_VALUES];
    b->causal = (int)w[CAUSAL], b->mask = (int)w[MASK];
    memcpy(&b->scale, &w[SCALE], sizeof b->scale);
    b->batch_dims = (int64_t *)(b + 1);
    b->entries = 1;
    for (int64_t i = 0; i < n; i++) {
        b->batch_dims[i] = w[HEAD + i];
        if (w[HEAD + i] < 0 || __builtin_mul_overflow(b->entries, w[HEAD + i], &b->entries) ||
            b->entries > INT64_C(1) << 40)
            return gd_prepare_fail(p, GD_ERR_SHAPE, HEAD + i, w[HEAD + i]);
    }
    b->dtype = gd_operand(p, p->n_reads)->dtype;
    if (b->dtype != GD_F32 && b->dtype != GD_F64) return gd_prepare_fail(p, GD_ERR_TYPE, -1, b->dtype);
    b->exp = gd_isa_current()->micro[GD_MICRO_exp][b->dtype];
    b->log = gd_isa_current()->micro[GD_MICRO_log][b->dtype];
    for (int i = 0; i < n_views; i++) {
        int status = read_view(p, b, views[i], HEAD + n + i * view_words(n), b->batch_dims + (1 + views[i]) * n);
        if (status != GD_OK) return status;
    }
    return b->mask ? read_mask(p, b, p->n_payload - mask_words(n)) : GD_OK;
}

/* the sums' operand: two numbers for each row of each entry */
static int check_sums(gd_prepare *p, const attention_block *b, int64_t at, int64_t low, int64_t high) {
    int64_t count;
    if (b->sums < low || b->sums >= high) return gd_prepare_fail(p, GD_ERR_BOUNDS, at, b->sums);
    const gd_value *value = gd_operand(p, b->sums);
    if (value->dtype != b->dtype) return gd_prepare_fail(p, GD_ERR_TYPE, at, value->dtype);
    if (__builtin_mul_overflow(2 * b->entries, b->rows, &count) || count != value->count)
        return gd_prepare_fail(p, GD_ERR_SHAPE, at, value->count);
    return GD_OK;
}

/* the most that a product of up to m x k by k x n needs; what is smaller, at the edges, needs no more than these */
static int64_t product_bytes(const attention_block *b, gd_product p) {
    int64_t item = gd_item_bytes(b->dtype), most = 0;
    for (int64_t m = p.m; m > 0; m = m > 48 ? 48 : 0)
        for (int64_t k = p.k; k > 0; k = k > 16 ? 16 : 0) {
            gd_product x = p;
            x.m = m, x.k = k;
            most = gd_max(most, gd_product_scratch(&x, item));
        }
    return most;
}

static int finish(gd_prepare *p, attention_block *b, int backward) {
    int64_t r = gd_min(ROWS, b->rows), c = gd_min(KEYS, b->keys), e = b->features, f = b->values;
    const rows_view *x = b->view;
    int64_t most = product_bytes(b, (gd_product){r, c, e, x[Q].row, 1, 1, x[K].row, c, 1, 0});
    most = gd_max(most, product_bytes(b, (gd_product){r, f, c, c, 1, x[V].row, 1, x[Y].row, 1, 1}));
    if (backward) {
        most = gd_max(most, product_bytes(b, (gd_product){c, f, r, 1, c, x[G].row, 1, x[DV].row, 1, 1}));
        most = gd_max(most, product_bytes(b, (gd_product){r, c, f, x[G].row, 1, 1, x[V].row, c, 1, 0}));
        most = gd_max(most, product_bytes(b, (gd_product){r, e, c, c, 1, x[K].row, 1, x[DQ].row, 1, 1}));
        most = gd_max(most, product_bytes(b, (gd_product){r, e, c, c, 1, x[K].row, 1, e, 1, 1}));
        most = gd_max(most, product_bytes(b, (gd_product){c, e, r, 1, c, x[Q].row, 1, x[DK].row, 1, 1}));
    }
    b->products = gd_round_up(most, GD_ALIGN);
    /* products, scores, backward their cotangents, and for each row of a block (backward: of all) a few numbers */
    int64_t blocks_of_scores = backward ? 2 : 1, numbers = backward ? b->rows : 3 * ROWS;
    p->scratch = b->products + (blocks_of_scores * ROWS * KEYS + numbers) * gd_item_bytes(b->dtype);
    double pairs = (double)b->rows * (double)b->keys * (b->causal ? 0.6 : 1);
    double work = pairs * ((backward ? 3 : 1) * 2.0 * (double)(e + f) + 40);
    p->work = gd_work(work * (double)b->entries / FLOPS_PER_NS);
    const double unit = 2e6;
    if (!backward) {
        b->row_blocks = gd_ceil_div(b->rows, ROWS);
        int64_t units = b->entries * b->row_blocks;
        b->part_units = b->row_blocks ? (int64_t)(unit / (work / (double)b->row_blocks + 1)) + 1 : 1;
        p->parts = gd_max(1, gd_ceil_div(units, b->part_units));
        return GD_OK;
    }
    int64_t blocks = gd_ceil_div(b->keys, KEYS), wanted = gd_ceil_div(PARTS_WANTED, gd_max(1, b->entries));
    wanted = gd_min(wanted, blocks);
    if ((double)wanted > work / unit) wanted = (int64_t)(work / unit);
    b->split_keys = wanted > 1 ? gd_ceil_div(blocks, wanted) * KEYS : gd_max(1, b->keys);
    b->splits = gd_max(1, gd_ceil_div(b->keys, b->split_keys));
    b->part_units = b->splits > 1 ? 1 : (int64_t)(unit / (work + 1)) + 1;
    int64_t units = b->entries * b->splits;
    p->parts = gd_max(1, gd_ceil_div(units, b->part_units));
    if (b->splits > 1) {
        int64_t bytes = b->entries * b->splits * gd_item_bytes(b->dtype); /* fewer than 32 of them */
        if (__builtin_mul_overflow(bytes, b->rows * b->features, &p->shared) || p->shared > INT64_C(1) << 46)
            return gd_prepare_fail(p, GD_ERR_SHAPE, 1, b->rows);
    }
    return GD_OK;
}

int gd_prepare_attention(gd_prepare *p) {
    static const int views[] = {Q, K, V, Y};
    attention_block *b;
    if (p->n_writes != 2) return gd_prepare_fail(p, GD_ERR_FORMAT, -1, p->n_writes);
    int status = read_head(p, &b, views, 4, 0);
    if (status != GD_OK) return status;
    b->sums = p->n_reads + 1;
    if (b->view[Y].operand != p->n_reads) return gd_prepare_fail(p, GD_ERR_BOUNDS, -1, b->view[Y].operand);
    status = check_sums(p, b, -1, p->n_reads, p->n_reads + 2);
    return status == GD_OK ? finish(p, b, 0) : status;
}

int gd_prepare_attention_vjp(gd_prepare *p) {
    static const int views[] = {Q, K, V, Y, G, DQ, DK, DV};
    attention_block *b;
    if (p->n_writes != 3) return gd_prepare_fail(p, GD_ERR_FORMAT, -1, p->n_writes);
    int status = read_head(p, &b, views, VIEWS, 1);
    if (status != GD_OK) return status;
    for (int i = DQ; i <= DV; i++)
        if (b->view[i].operand != p->n_reads + i - DQ) return gd_prepare_fail(p, GD_ERR_BOUNDS, -1, b->view[i].operand);
    int64_t at = p->n_payload - 1 - (b->mask ? mask_words(b->n_batch) : 0);
    b->sums = p->payload[at];
    status = check_sums(p, b, at, 0, p->n_reads);
    return status == GD_OK ? finish(p, b, 1) : status;
}

#else

/* where the rows of an entry begin, in elements */
static int64_t begin_of(const attention_block *b, const rows_view *x, int64_t entry) {
    int64_t at = x->offset;
    for (int64_t i = b->n_batch; i-- > 0; entry /= b->batch_dims[i]) at += entry % b->batch_dims[i] * x->batch[i];
    return at;
}

#define GD_BODY "attention_body.h"
#include "each_float.h"

int GD_ISA_NAME(gd_k_attention)(const gd_call *call) {
    const attention_block *b = (const attention_block *)call->block;
    int64_t units = b->entries * b->row_blocks, first = call->part * b->part_units;
    for (int64_t u = first; u < gd_min(units, first + b->part_units); u++) {
        if (b->dtype == GD_F32) forward_f32(b, call, u / b->row_blocks, u % b->row_blocks * ROWS);
        else forward_f64(b, call, u / b->row_blocks, u % b->row_blocks * ROWS);
    }
    return GD_OK;
}

int GD_ISA_NAME(gd_k_attention_vjp)(const gd_call *call) {
    const attention_block *b = (const attention_block *)call->block;
    int64_t units = b->entries * b->splits, first = call->part * b->part_units;
    if (first >= units) {
        if (b->splits > 1) {
            if (b->dtype == GD_F32) add_up_f32(b, call);
            else add_up_f64(b, call);
        }
        return GD_OK;
    }
    for (int64_t u = first; u < gd_min(units, first + b->part_units); u++) {
        if (b->dtype == GD_F32) backward_f32(b, call, u / b->splits, u % b->splits);
        else backward_f64(b, call, u / b->splits, u % b->splits);
    }
    return GD_OK;
}

#endif
