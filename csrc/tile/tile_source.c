/* tile_source.c: reads the payload of a tile instruction and checks every word of it: sizes, types, that every
 * element reached lies in its value, that no element is stored twice, and that stores and loads share memory only
 * element by element. Then simplifies the iteration space. It knows nothing of how tiles are run.
 */
#ifdef GD_PREPARE
#include <stdlib.h>
#include <string.h>

#include "tile.h"

/* the words that a tile begins with, and those of each constant and store; operations: tile.h; views: program/kernel.h */
enum { N_DIMS, ROW_MASK, N_LOADS, N_CONSTS, N_OPS, N_STORES, HEAD };
enum { CONST_DTYPE, CONST_BITS, CONST_WORDS };
enum { STORE_REGISTER, STORE_REDUCE, STORE_MASK, STORE_VIEW };

#define LEAST_COLUMNS 16              /* elements behind a row that are worth working on side by side */
#define MAX_COUNT 1024                /* loads, constants, operations or stores of one instruction */
#define MAX_EXTENT (INT64_C(1) << 48) /* of sizes, offsets and strides */

static int is_kind(int dtype, char kind) {
    int is_float = dtype == GD_F32 || dtype == GD_F64, is_int = dtype == GD_I32 || dtype == GD_I64;
    switch (kind) {
    case 'F': return is_float;
    case 'I': return is_int;
    case 'B': return dtype == GD_BOOL;
    case 'N': return is_float || is_int;
    default: return 1;
    }
}

typedef struct {
    gd_prepare *p;
    gd_tile_source *s;
    int64_t at; /* next word of the payload */
} reader;

static int fail(reader *r, int status, int64_t at) { return gd_prepare_fail(r->p, status, at, r->p->payload[at]); }

/* the span of offset + sum(index * stride) over the dimensions not in mask; -1 if it leaves int64 */
static int span(const gd_tile_source *s, const gd_source_view *v, uint32_t mask, int64_t *low, int64_t *high) {
    *low = *high = v->offset;
    for (int d = 0; d < s->n_dims; d++) {
        int64_t reach;
        if ((mask >> d & 1) || s->dims[d] < 2) continue;
        if (__builtin_mul_overflow(v->stride[d], s->dims[d] - 1, &reach)) return -1;
        if (__builtin_add_overflow(reach < 0 ? *low : *high, reach, reach < 0 ? low : high)) return -1;
    }
    return 0;
}

static int read_view(reader *r, gd_source_view *v, int is_load, uint32_t mask) {
    const gd_prepare *p = r->p;
    const gd_tile_source *s = r->s;
    const int64_t *w = p->payload + r->at;
    int64_t at = r->at, operand = w[GD_VIEW_OPERAND], first = is_load ? 0 : p->n_reads;
    int64_t last = is_load ? p->n_reads : p->n_reads + p->n_writes;
    r->at += GD_VIEW_STRIDES + s->n_dims;
    if ((operand < first && !(is_load && operand == -1)) || operand >= last) return fail(r, GD_ERR_BOUNDS, at);
    v->operand = (int32_t)operand;
    v->offset = w[GD_VIEW_OFFSET];
    for (int d = 0; d < s->n_dims; d++) v->stride[d] = w[GD_VIEW_STRIDES + d];

    int empty = 0;
    for (int d = 0; d < s->n_dims; d++) empty |= s->dims[d] == 0 && !(mask >> d & 1);
    if (span(s, v, mask, &v->low, &v->high) != 0) return fail(r, GD_ERR_BOUNDS, at + GD_VIEW_OFFSET);
    if (empty || (is_load && s->total == 0)) {
        v->low = 0;
        v->high = -1;
    }
    if (operand == -1) {
        v->dtype = GD_I64;
        return GD_OK;
    }
    const gd_value *value = gd_operand(p, operand);
    v->dtype = value->dtype;
    if (v->low <= v->high && (v->low < 0 || v->high >= value->count))
        return fail(r, GD_ERR_BOUNDS, at + GD_VIEW_OFFSET);
    /* what is never reached must still be safe to scale to bytes */
    for (int i = GD_VIEW_OFFSET; i < GD_VIEW_STRIDES + s->n_dims; i++)
        if (w[i] > MAX_EXTENT || w[i] < -MAX_EXTENT) return fail(r, GD_ERR_BOUNDS, at + i);
    return GD_OK;
}

/* Does the view reach an element twice? Taken by growing stride, each must exceed what those before it span: that is
 * so for every view of distinct elements that transposing, slicing and flipping make. */
static int is_injective(const gd_tile_source *s, const gd_source_view *v, uint32_t mask) {
    int order[GD_TILE_DIMS], n = 0;
    for (int d = 0; d < s->n_dims; d++) {
        if ((mask >> d & 1) || s->dims[d] < 2) continue;
        int i = n++;
        for (; i > 0 && llabs(v->stride[order[i - 1]]) > llabs(v->stride[d]); i--) order[i] = order[i - 1];
        order[i] = d;
    }
    int64_t spanned = 0;
    for (int i = 0; i < n; i++) {
        int64_t stride = llabs(v->stride[order[i]]);
        if (stride <= spanned) return 0;
        spanned += stride * (s->dims[order[i]] - 1);
    }
    return 1;
}

static int read_dims(reader *r) {
    gd_tile_source *s = r->s;
    s->total = 1;
    int64_t reach = 1; /* the product, empty dimensions left out */
    for (int d = 0; d < s->n_dims; d++, r->at++) {
        int64_t dim = r->p->payload[r->at];
        if (dim < 0 || dim > MAX_EXTENT) return fail(r, GD_ERR_SHAPE, r->at);
        if (dim > 0 && reach > MAX_EXTENT / dim) return fail(r, GD_ERR_SHAPE, r->at);
        if (dim > 0) reach *= dim;
        s->dims[d] = dim;
        s->total *= dim;
    }
    return GD_OK;
}

int gd_op_read(gd_prepare *p, int64_t at, int32_t *dtype, int32_t reg, gd_source_op *op) {
    const int64_t *w = p->payload + at;
    if (w[GD_OP_MICRO] < 0 || w[GD_OP_MICRO] >= GD_MICRO_COUNT)
        return gd_prepare_fail(p, GD_ERR_OPCODE, at + GD_OP_MICRO, w[GD_OP_MICRO]);
    if (gd_item_bytes(w[GD_OP_DTYPE]) == 0) return gd_prepare_fail(p, GD_ERR_TYPE, at + GD_OP_DTYPE, w[GD_OP_DTYPE]);
    op->micro = (int32_t)w[GD_OP_MICRO];
    op->dtype = (int32_t)w[GD_OP_DTYPE];
    int arity = gd_micros[op->micro].arity;
    for (int i = 0; i < GD_OP_WORDS - GD_OP_ARGS; i++) {
        int64_t arg = w[GD_OP_ARGS + i];
        if (i < arity ? arg < 0 || arg >= reg : arg != -1)
            return gd_prepare_fail(p, GD_ERR_BOUNDS, at + GD_OP_ARGS + i, arg);
        op->arg[i] = (int32_t)arg;
    }
    int is_where = op->micro == GD_MICRO_where;
    op->compute = dtype[op->arg[is_where]];
    if (is_where && dtype[op->arg[0]] != GD_BOOL) return gd_prepare_fail(p, GD_ERR_TYPE, at + GD_OP_ARGS, op->arg[0]);
    for (int i = is_where; i < arity; i++)
        if (dtype[op->arg[i]] != op->compute) return gd_prepare_fail(p, GD_ERR_TYPE, at + GD_OP_ARGS + i, op->arg[i]);
    if (!is_kind(op->compute, gd_micros[op->micro].kinds))
        return gd_prepare_fail(p, GD_ERR_TYPE, at + GD_OP_MICRO, op->micro);
    char result = gd_micros[op->micro].result;
    if (op->dtype != (result == 'B' ? GD_BOOL : result == 'D' ? op->dtype : op->compute))
        return gd_prepare_fail(p, GD_ERR_TYPE, at + GD_OP_DTYPE, op->dtype);
    dtype[reg] = op->dtype;
    return GD_OK;
}

static int read_store(reader *r, gd_source_store *store) {
    gd_tile_source *s = r->s;
    const int64_t *w = r->p->payload + r->at;
    int64_t at = r->at;
    int64_t reg = w[STORE_REGISTER], reduce = w[STORE_REDUCE], mask = w[STORE_MASK];
    r->at += STORE_VIEW;
    if (reg < 0 || reg >= s->n_regs) return fail(r, GD_ERR_BOUNDS, at + STORE_REGISTER);
    if (reduce < 0 || reduce >= GD_REDUCE_COUNT) return fail(r, GD_ERR_OPCODE, at + STORE_REDUCE);
    if (mask < 0 || mask >> s->n_dims != 0) return fail(r, GD_ERR_BOUNDS, at + STORE_MASK);
    if (reduce == GD_REDUCE_none && mask != 0) return fail(r, GD_ERR_BOUNDS, at + STORE_MASK);
    store->reg = (int32_t)reg;
    store->reduce = (int32_t)reduce;
    store->mask = (uint32_t)mask;
    if (store->reduce != GD_REDUCE_none && !is_kind(s->dtype[store->reg], gd_reductions[store->reduce].kinds))
        return fail(r, GD_ERR_TYPE, at + STORE_REDUCE);
    int status = read_view(r, &store->view, 0, store->mask);
    if (status != GD_OK) return status;
    if (store->view.dtype != s->dtype[store->reg]) return fail(r, GD_ERR_TYPE, at + STORE_VIEW);
    for (int d = 0; d < s->n_dims; d++)
        if ((store->mask >> d & 1) && store->view.stride[d] != 0)
            return fail(r, GD_ERR_BOUNDS, at + STORE_VIEW + GD_VIEW_STRIDES + d);
    if (store->view.low <= store->view.high && !is_injective(s, &store->view, store->mask))
        return fail(r, GD_ERR_ALIAS, at + STORE_VIEW);
    return GD_OK;
}

static int read_all(reader *r) {
    const gd_prepare *p = r->p;
    gd_tile_source *s = r->s;
    if (p->n_payload < HEAD) return gd_prepare_fail(r->p, GD_ERR_BOUNDS, -1, p->n_payload);
    const int64_t *w = p->payload;
    int64_t n_dims = w[N_DIMS], rows = w[ROW_MASK];
    if (n_dims < 0 || n_dims > GD_TILE_DIMS) return fail(r, GD_ERR_SHAPE, N_DIMS);
    if (rows < 0 || rows >> n_dims != 0) return fail(r, GD_ERR_SHAPE, ROW_MASK);
    for (int i = N_LOADS; i <= N_STORES; i++)
        if (w[i] < 0 || w[i] > MAX_COUNT) return fail(r, GD_ERR_SHAPE, i);
    int64_t view_words = GD_VIEW_STRIDES + n_dims;
    int64_t words = HEAD + n_dims + w[N_LOADS] * view_words + w[N_CONSTS] * CONST_WORDS + w[N_OPS] * GD_OP_WORDS +
                    w[N_STORES] * (STORE_VIEW + view_words);
    if (words != p->n_payload) return gd_prepare_fail(r->p, GD_ERR_BOUNDS, -1, p->n_payload);
    s->n_dims = (int32_t)n_dims;
    s->rows = (uint32_t)rows;
    s->n_loads = (int32_t)w[N_LOADS];
    s->n_consts = (int32_t)w[N_CONSTS];
    s->n_ops = (int32_t)w[N_OPS];
    s->n_stores = (int32_t)w[N_STORES];
    s->n_regs = s->n_loads + s->n_consts + s->n_ops;

    size_t loads = (size_t)s->n_loads * sizeof *s->loads, consts = (size_t)s->n_consts * sizeof *s->consts;
    size_t ops = (size_t)s->n_ops * sizeof *s->ops, stores = (size_t)s->n_stores * sizeof *s->stores;
    char *memory = s->memory = calloc(1, loads + stores + consts + ops + (size_t)s->n_regs * sizeof *s->dtype + 1);
    if (memory == NULL) return GD_ERR_MEMORY;
    s->loads = (void *)memory;
    s->stores = (void *)(memory + loads);
    s->consts = (void *)(memory + loads + stores);
    s->ops = (void *)(memory + loads + stores + consts);
    s->dtype = (void *)(memory + loads + stores + consts + ops);

    r->at = HEAD;
    int status = read_dims(r);
    for (int i = 0; i < s->n_loads && status == GD_OK; i++) {
        status = read_view(r, &s->loads[i], 1, 0);
        s->dtype[i] = s->loads[i].dtype;
    }
    for (int i = 0; i < s->n_consts && status == GD_OK; i++, r->at += CONST_WORDS) {
        w = p->payload + r->at;
        if (gd_item_bytes(w[CONST_DTYPE]) == 0) return fail(r, GD_ERR_TYPE, r->at + CONST_DTYPE);
        s->dtype[s->n_loads + i] = (int32_t)w[CONST_DTYPE];
        s->consts[i] = w[CONST_BITS];
    }
    for (int i = 0; i < s->n_ops && status == GD_OK; i++, r->at += GD_OP_WORDS)
        status = gd_op_read(r->p, r->at, s->dtype, s->n_loads + s->n_consts + i, &s->ops[i]);
    for (int i = 0; i < s->n_stores && status == GD_OK; i++) status = read_store(r, &s->stores[i]);
    return status;
}

/* ---- memory shared by views ---- */

static int bytes_overlap(const gd_prepare *p, const gd_source_view *a, const gd_source_view *b) {
    if (a->operand < 0 || b->operand < 0 || a->low > a->high || b->low > b->high) return 0;
    const gd_value *x = gd_operand(p, a->operand), *y = gd_operand(p, b->operand);
    if (!gd_values_overlap(x, y)) return 0;
    int in_arena = x->kind == GD_VALUE_ARENA;
    int64_t i = gd_item_bytes(x->dtype), j = gd_item_bytes(y->dtype);
    int64_t base_x = in_arena ? x->place : 0, base_y = in_arena ? y->place : 0;
    return base_x + a->low * i < base_y + (b->high + 1) * j && base_y + b->low * j < base_x + (a->high + 1) * i;
}

/* the same byte for every index: then a store may follow the load of the same element */
static int same_elements(const gd_prepare *p, const gd_tile_source *s, const gd_source_view *a,
                         const gd_source_view *b) {
    const gd_value *x = gd_operand(p, a->operand), *y = gd_operand(p, b->operand);
    int64_t item = gd_item_bytes(x->dtype);
    if (item != gd_item_bytes(y->dtype)) return 0;
    int in_arena = x->kind == GD_VALUE_ARENA;
    if ((in_arena ? x->place : 0) + a->offset * item != (in_arena ? y->place : 0) + b->offset * item) return 0;
    for (int d = 0; d < s->n_dims; d++)
        if (s->dims[d] > 1 && a->stride[d] != b->stride[d]) return 0;
    return 1;
}

/* Two stores into one value: apart if their spans are, or if they step alike and the distance between them is none
 * that their steps can make. */
static int stores_apart(const gd_prepare *p, const gd_tile_source *s, const gd_source_store *a,
                        const gd_source_store *b) {
    if (!bytes_overlap(p, &a->view, &b->view)) return 1;
    if (a->view.operand != b->view.operand) return 0;
    int order[GD_TILE_DIMS], n = 0;
    for (int d = 0; d < s->n_dims; d++) {
        if (s->dims[d] < 2) continue;
        if (((a->mask ^ b->mask) >> d & 1) || a->view.stride[d] != b->view.stride[d]) return 0;
        if (a->mask >> d & 1) continue;
        int i = n++;
        for (; i > 0 && llabs(a->view.stride[order[i - 1]]) < llabs(a->view.stride[d]); i--) order[i] = order[i - 1];
        order[i] = d;
    }
    /* Is the distance a sum of steps? Each stride exceeds what the smaller ones span, so at each only rounding down
     * or up can do; where both might, take no chance. */
    int64_t rest = llabs(a->view.offset - b->view.offset);
    for (int i = 0; i < n; i++) {
        int64_t stride = llabs(a->view.stride[order[i]]), reach = s->dims[order[i]] - 1, inner = 0;
        for (int j = i + 1; j < n; j++) inner += llabs(a->view.stride[order[j]]) * (s->dims[order[j]] - 1);
        int64_t turns = rest / stride, left = rest % stride;
        int down = left <= inner && turns <= reach, up = stride - left <= inner && turns < reach;
        if (down && up) return 0;
        if (!down && !up) return 1;
        rest = down ? left : stride - left;
    }
    return rest != 0;
}

static int check_sharing(gd_prepare *p, const gd_tile_source *s) {
    for (int j = 0; j < s->n_stores; j++) {
        const gd_source_store *store = &s->stores[j];
        for (int i = 0; i < s->n_loads; i++) {
            if (!bytes_overlap(p, &s->loads[i], &store->view)) continue;
            if (store->reduce != GD_REDUCE_none || !same_elements(p, s, &s->loads[i], &store->view))
                return gd_prepare_fail(p, GD_ERR_ALIAS, s->loads[i].operand, store->view.operand);
        }
        for (int i = 0; i < j; i++)
            if (!stores_apart(p, s, &s->stores[i], store))
                return gd_prepare_fail(p, GD_ERR_ALIAS, s->stores[i].view.operand, store->view.operand);
    }
    /* every pair of operands that overlaps has just been looked at, view by view */
    if (p->n_reads > 0 && p->n_writes > 0) memset(p->may_alias, 1, (size_t)p->n_reads * (size_t)p->n_writes);
    return GD_OK;
}

/* ---- simplifying the iteration space ---- */

static void drop_dim(gd_tile_source *s, int d) {
    for (int i = d; i + 1 < s->n_dims; i++) s->dims[i] = s->dims[i + 1];
    for (int i = 0; i < s->n_loads; i++)
        memmove(&s->loads[i].stride[d], &s->loads[i].stride[d + 1], (size_t)(s->n_dims - 1 - d) * sizeof(int64_t));
    uint32_t low = (UINT32_C(1) << d) - 1;
    for (int i = 0; i < s->n_stores; i++) {
        gd_source_store *store = &s->stores[i];
        memmove(&store->view.stride[d], &store->view.stride[d + 1], (size_t)(s->n_dims - 1 - d) * sizeof(int64_t));
        store->mask = (store->mask & low) | (store->mask >> 1 & ~low);
    }
    s->rows = (s->rows & low) | (s->rows >> 1 & ~low);
    s->n_dims--;
}

/* wraps where nothing is reached: sizes and strides of an empty space are bounded one by one only */
static int continues(const gd_tile_source *s, const gd_source_view *v, int d) {
    return (uint64_t)v->stride[d] == (uint64_t)v->stride[d + 1] * (uint64_t)s->dims[d + 1];
}

/* d and d+1 are one dimension of d+1's stride in every view */
static int can_merge(const gd_tile_source *s, int d) {
    if ((s->rows >> d & 1) != (s->rows >> (d + 1) & 1)) return 0;
    for (int i = 0; i < s->n_loads; i++)
        if (!continues(s, &s->loads[i], d)) return 0;
    for (int i = 0; i < s->n_stores; i++) {
        const gd_source_store *store = &s->stores[i];
        if ((store->mask >> d & 1) != (store->mask >> (d + 1) & 1)) return 0;
        if (!continues(s, &store->view, d)) return 0;
    }
    return 1;
}

static void permute(int64_t *words, const int *order, int n) {
    int64_t old[GD_TILE_DIMS + 1];
    memcpy(old, words, (size_t)n * sizeof *words);
    for (int d = 0; d < n; d++) words[d] = old[order[d]];
}

static uint32_t permute_mask(uint32_t mask, const int *order, int n) {
    uint32_t out = 0;
    for (int d = 0; d < n; d++) out |= (mask >> order[d] & 1) << d;
    return out;
}

/* Rows behind what is kept, but for a last dimension long enough that whole vectors of rows are worked on at once,
 * where they are all that is reduced. */
static void put_rows_last(gd_tile_source *s) {
    int order[GD_TILE_DIMS + 1], n = 0, last = s->n_dims - 1, columns = 0;
    if (s->rows != 0 && !(s->rows >> last & 1)) {
        columns = s->dims[last] >= LEAST_COLUMNS;
        for (int j = 0; j < s->n_stores; j++)
            columns &= s->stores[j].reduce == GD_REDUCE_none || s->stores[j].mask == s->rows;
    }
    for (int d = 0; d < s->n_dims - columns; d++)
        if (!(s->rows >> d & 1)) order[n++] = d;
    s->row_start = n;
    for (int d = 0; d < s->n_dims; d++)
        if (s->rows >> d & 1) order[n++] = d;
    s->row_end = n;
    if (columns) order[n] = last;
    permute(s->dims, order, s->n_dims);
    for (int i = 0; i < s->n_loads; i++) permute(s->loads[i].stride, order, s->n_dims);
    for (int j = 0; j < s->n_stores; j++) {
        permute(s->stores[j].view.stride, order, s->n_dims);
        s->stores[j].mask = permute_mask(s->stores[j].mask, order, s->n_dims);
    }
}

static void simplify(gd_tile_source *s) {
    int has_rows = 0;
    for (int i = 0; i < s->n_ops; i++) has_rows |= gd_micros[s->ops[i].micro].result == 'R';
    if (!has_rows) s->rows = 0;
    for (int d = s->n_dims - 1; d >= 0; d--)
        if (s->dims[d] == 1) drop_dim(s, d);
    for (int d = s->n_dims - 2; d >= 0; d--)
        if (can_merge(s, d)) {
            s->dims[d + 1] *= s->dims[d];
            drop_dim(s, d);
        }
    if (s->rows == 0) /* rows of one element */
        for (int i = 0; i < s->n_ops; i++)
            if (gd_micros[s->ops[i].micro].result == 'R') s->ops[i].micro = GD_MICRO_copy;
    put_rows_last(s);
    /* an outer dimension for the tiles to step along: where there is none, or only the row's */
    if (s->n_dims == 0 || s->row_start == 0) {
        memmove(s->dims + 1, s->dims, (size_t)s->n_dims * sizeof *s->dims);
        s->dims[0] = 1;
        for (int i = 0; i < s->n_loads; i++) {
            memmove(s->loads[i].stride + 1, s->loads[i].stride, (size_t)s->n_dims * sizeof(int64_t));
            s->loads[i].stride[0] = 0;
        }
        for (int i = 0; i < s->n_stores; i++) {
            memmove(s->stores[i].view.stride + 1, s->stores[i].view.stride, (size_t)s->n_dims * sizeof(int64_t));
            s->stores[i].view.stride[0] = 0;
            s->stores[i].mask <<= 1;
        }
        s->n_dims++;
        s->row_start++;
        s->row_end++;
    }
}

int gd_tile_read(gd_prepare *p, gd_tile_source *source) {
    memset(source, 0, sizeof *source);
    reader r = {p, source, 0};
    int status = read_all(&r);
    if (status == GD_OK) status = check_sharing(p, source);
    if (status == GD_OK) simplify(source);
    return status;
}
#endif
