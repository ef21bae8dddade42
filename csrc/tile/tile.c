/* tile.c: runs prepared tile instructions (tile.h): walks the loops, moves the views' addresses along, and runs the
 * steps of each stage on each tile. Decides nothing and checks nothing.
 */
#ifndef GD_PREPARE
#include "tile.h"

#include <string.h>

typedef struct {
    const gd_tile_pass *pass;
    uint64_t *at; /* the address table */
    char *scratch;
    int64_t index[GD_TILE_LOOPS];
    int64_t k;
    int64_t n[GD_WIDTH_COUNT]; /* elements of a register of each width */
    int64_t first, masked;     /* turns of the masked loops: where the walk begins, and how many it takes */
    int fresh;                 /* 1: what tiles keep from one to the next is not there */
} walk;

static inline void *address(const walk *w, int entry) { return (void *)(uintptr_t)w->at[entry]; }

/* ---- moving elements between memory and contiguous registers ---- */

/* `bytes` from `from` to `to`, which are few: in pieces as wide as fit, the last of which may overlap the one before */
static inline void copy_few(char *to, const char *from, int64_t bytes) {
#define PIECES(width)                                                                              \
    if (bytes >= (width)) {                                                                        \
        for (int64_t i = 0; i + (width) <= bytes; i += (width)) memcpy(to + i, from + i, (width)); \
        memcpy(to + bytes - (width), from + bytes - (width), (width));                             \
        return;                                                                                    \
    }
    PIECES(32)
    PIECES(16)
    PIECES(8)
    PIECES(4)
    PIECES(1)
#undef PIECES
}

/* rows of `bytes`, in each of them one element all along, from memory `row` bytes apart */
#define SPREAD_ROWS(name, type)                                                              \
    static void name(char *to, const char *from, int64_t rows, int64_t row, int64_t bytes) { \
        typedef type pieces __attribute__((vector_size(32)));                                \
        for (int64_t r = 0; r < rows; r++, from += row, to += bytes) {                       \
            type x;                                                                          \
            memcpy(&x, from, sizeof x);                                                      \
            const pieces same = x - (pieces){0};                                             \
            int64_t i = 0;                                                                   \
            for (; i + 32 <= bytes; i += 32) memcpy(to + i, &same, 32);                      \
            if (bytes >= 32) memcpy(to + bytes - 32, &same, 32);                             \
            else                                                                             \
                for (; i < bytes; i += (int64_t)sizeof x) memcpy(to + i, &x, sizeof x);      \
        }                                                                                    \
    }
SPREAD_ROWS(spread_rows_4, uint32_t)
SPREAD_ROWS(spread_rows_8, uint64_t)

/* rows of n elements each, `row` and `stride` bytes apart, from memory to a register */
static void gather_rows(char *to, const char *from, int64_t rows, int64_t row, int64_t n, int64_t stride, int item) {
    if (stride == item && n >= 32) {
        for (int64_t r = 0; r < rows; r++) memcpy(to + r * n * item, from + r * row, (size_t)(n * item));
    } else if (stride == item && n > 1) {
        for (int64_t r = 0; r < rows; r++) copy_few(to + r * n * item, from + r * row, n * item);
    } else if (stride == 0 && n > 1 && item >= 4) {
        (item == 4 ? spread_rows_4 : spread_rows_8)(to, from, rows, row, n * item);
    } else if (item == 4) {
        for (int64_t r = 0; r < rows; r++, from += row)
            for (int64_t i = 0; i < n; i++, to += 4) memcpy(to, from + stride * i, 4);
    } else if (item == 8) {
        for (int64_t r = 0; r < rows; r++, from += row)
            for (int64_t i = 0; i < n; i++, to += 8) memcpy(to, from + stride * i, 8);
    } else {
        for (int64_t r = 0; r < rows; r++, from += row)
            for (int64_t i = 0; i < n; i++) *to++ = from[stride * i];
    }
}

/* and back */
static void scatter_rows(char *to, const char *from, int64_t rows, int64_t row, int64_t n, int64_t stride, int item) {
    if (stride == item && n >= 32) {
        for (int64_t r = 0; r < rows; r++) memcpy(to + r * row, from + r * n * item, (size_t)(n * item));
    } else if (item == 4) {
        for (int64_t r = 0; r < rows; r++, to += row)
            for (int64_t i = 0; i < n; i++, from += 4) memcpy(to + stride * i, from, 4);
    } else if (item == 8) {
        for (int64_t r = 0; r < rows; r++, to += row)
            for (int64_t i = 0; i < n; i++, from += 8) memcpy(to + stride * i, from, 8);
    } else {
        for (int64_t r = 0; r < rows; r++, to += row)
            for (int64_t i = 0; i < n; i++) to[stride * i] = *from++;
    }
}

static inline int64_t shape_count(const gd_shape *shape, int d, int64_t k) {
    return d == shape->scaled ? shape->count[d] * k : shape->count[d];
}

/* the offset of the next turn of a shape's dimensions but the `inner` innermost */
static inline int64_t next_run(const gd_shape *shape, int inner, int64_t k, int64_t *index, int64_t offset) {
    for (int d = shape->n - 1 - inner; d >= 0; d--) {
        offset += shape->stride[d];
        int64_t count = shape_count(shape, d, k);
        if (++index[d] < count) return offset;
        offset -= shape->stride[d] * count;
        index[d] = 0;
    }
    return offset;
}

static inline int64_t shape_runs(const gd_shape *shape, int64_t k, int64_t *run) {
    int64_t total = 1;
    for (int d = 0; d < shape->n; d++) total *= shape_count(shape, d, k);
    *run = shape_count(shape, shape->n - 1, k);
    return *run > 0 ? total / *run : 0;
}

/* the two innermost dimensions */
typedef struct {
    int64_t rows, row, n, stride;
    int64_t times; /* how many such planes a shape has */
} plane;

static inline plane plane_of(const gd_shape *shape, int64_t k) {
    plane p = {.rows = 1, .stride = shape->stride[shape->n - 1]};
    int64_t runs = shape_runs(shape, k, &p.n);
    if (shape->n >= 2) {
        p.rows = shape_count(shape, shape->n - 2, k);
        p.row = shape->stride[shape->n - 2];
    }
    p.times = p.rows > 0 ? runs / p.rows : 0;
    return p;
}

static void gather(char *to, const char *from, const gd_shape *shape, int64_t k, int item) {
    int64_t index[GD_TILE_DIMS + 1] = {0}, offset = 0;
    plane p = plane_of(shape, k);
    for (int64_t left = p.times; left > 0; left--, to += p.rows * p.n * item) {
        gather_rows(to, from + offset, p.rows, p.row, p.n, p.stride, item);
        offset = next_run(shape, 2, k, index, offset);
    }
}

static void scatter(char *to, const char *from, const gd_shape *shape, int64_t k, int item) {
    int64_t index[GD_TILE_DIMS + 1] = {0}, offset = 0;
    plane p = plane_of(shape, k);
    for (int64_t left = p.times; left > 0; left--, from += p.rows * p.n * item) {
        scatter_rows(to + offset, from, p.rows, p.row, p.n, p.stride, item);
        offset = next_run(shape, 2, k, index, offset);
    }
}

static void iota(int64_t *to, uint64_t first, const gd_shape *shape, int64_t k) {
    int64_t index[GD_TILE_DIMS + 1] = {0}, run, offset = 0, stride = shape->stride[shape->n - 1];
    for (int64_t left = shape_runs(shape, k, &run); left > 0; left--, to += run) {
        for (int64_t i = 0; i < run; i++) to[i] = (int64_t)(first + (uint64_t)offset + (uint64_t)stride * (uint64_t)i);
        offset = next_run(shape, 1, k, index, offset);
    }
}

static void spread(char *to, const char *from, int64_t n, int item) {
    if (item == 4) {
        uint32_t x;
        memcpy(&x, from, 4);
        for (int64_t i = 0; i < n; i++) memcpy(to + 4 * i, &x, 4);
    } else if (item == 8) {
        uint64_t x;
        memcpy(&x, from, 8);
        for (int64_t i = 0; i < n; i++) memcpy(to + 8 * i, &x, 8);
    } else {
        memset(to, *from, (size_t)n);
    }
}

static void repeat(char *to, const char *from, int64_t bytes, int64_t times) {
    for (int64_t i = 0; i < times; i++, to += bytes) memcpy(to, from, (size_t)bytes);
}

/* ---- reductions ---- */

static inline void combine(const gd_tile_reduction *r, char *into, const char *with, int64_t n) {
    r->combine(into, into, with, NULL, n);
}

/* Contribution number `turn` of n elements. Sums are kept as a binary counter of partial sums: level 0 collects LEAF
 * turns one by one, level l > 0 holds the sum of LEAF * 2^(l-1) turns where bit l-1 of the count of leaves is set. */
static void accumulate(const gd_tile_reduction *r, char *level, const char *part, int64_t n, int64_t turn) {
    size_t bytes = (size_t)(n * r->item);
    if (turn == 0 || (r->cascade && turn % GD_TILE_LEAF == 0)) memcpy(level, part, bytes);
    else combine(r, level, part, n);
    if (!r->cascade || turn % GD_TILE_LEAF != GD_TILE_LEAF - 1) return;
    char *next = level + r->level_bytes;
    for (int64_t leaves = turn / GD_TILE_LEAF; leaves & 1; leaves >>= 1, next += r->level_bytes)
        combine(r, level, next, n);
    memcpy(next, level, bytes);
}

/* the sum of all levels, left in level 0 */
static char *collect(const gd_tile_reduction *r, const walk *w, int64_t n) {
    char *total = w->scratch + r->accumulator, *level = total;
    if (!r->cascade) return total;
    int64_t turns = r->row >= 0 ? r->turns : r->per_masked * w->masked;
    int empty = turns % GD_TILE_LEAF == 0;
    for (int64_t leaves = turns / GD_TILE_LEAF; leaves > 0; leaves >>= 1) {
        level += r->level_bytes;
        if (!(leaves & 1)) continue;
        if (empty) memcpy(total, level, (size_t)(n * r->item));
        else combine(r, total, level, n);
        empty = 0;
    }
    return total;
}

static int64_t shape_total(const gd_shape *shape, int64_t k) {
    int64_t run, runs = shape_runs(shape, k, &run);
    return runs * run;
}

/* a tile, or what was accumulated of whole tiles, down to its contribution */
static const char *fold_tile(const walk *w, const gd_tile_reduction *r, const char *from, const char *factor) {
    char *buffer = w->scratch + r->buffer;
    for (int i = 0; i < r->n_folds; i++) {
        const gd_tile_fold *f = &r->folds[i];
        char *to = buffer + (i & 1) * r->buffer_bytes;
        gd_fold_fn fold = i == 0 && factor != NULL ? r->dot : r->fold;
        fold(to, from, factor, f->scale_outer ? f->outer * w->k : f->outer,
             f->scale_length ? f->length * w->k : f->length, f->scale_inner ? f->inner * w->k : f->inner);
        from = to;
    }
    return from;
}

/* `factor`: what the elements are multiplied by first, or NULL */
static void reduce_tile(const walk *w, const gd_tile_reduction *r, const char *from, const char *factor) {
    if (!r->late) from = fold_tile(w, r, from, factor);
    if (r->immediate) {
        scatter(address(w, r->view), from, &r->part_shape, w->k, r->item);
        return;
    }
    int64_t at = 0, turn = -w->first * r->per_masked;
    for (int l = w->pass->n_outer; l < w->pass->n_loops; l++) {
        at += w->index[l] * r->at_stride[l];
        turn += w->index[l] * r->turn_stride[l];
    }
    int64_t n = r->late ? w->n[r->late] : shape_total(&r->part_shape, w->k);
    accumulate(r, w->scratch + r->accumulator + at, from, n, turn);
}

/* ---- walking ---- */

/* one turn of loops [first, last), innermost fastest; 0 when all have come round, their views being where they were */
static inline int advance(walk *w, int first, int last) {
    const gd_tile_pass *pass = w->pass;
    int n = pass->n_views;
    for (int l = last - 1; l >= first; l--) {
        const int64_t *stride = pass->loop_stride + (size_t)l * (size_t)n;
        if (++w->index[l] < pass->count[l]) {
            for (int v = 0; v < n; v++) w->at[v] += (uint64_t)stride[v];
            w->fresh |= l < pass->still;
            return 1;
        }
        w->index[l] = 0;
        for (int v = 0; v < n; v++) w->at[v] -= (uint64_t)stride[v] * (uint64_t)(pass->count[l] - 1);
    }
    return 0;
}

static inline void set_k(walk *w) {
    const gd_tile_pass *pass = w->pass;
    int last = pass->chunk < 0 || w->index[pass->chunk] == pass->count[pass->chunk] - 1;
    w->k = last ? pass->last_k : pass->k;
    w->n[GD_WIDTH_ONE] = 1;
    w->n[GD_WIDTH_ROW] = w->k;
    w->n[GD_WIDTH_TILE] = w->k * pass->per_k;
}

static void run_other(const walk *w, const gd_tile_step *s) {
    const gd_tile_pass *pass = w->pass;
    char *out = address(w, s->out), *a = address(w, s->a);
    switch (s->kind) {
    case GD_STEP_MICRO_ROWS: {
        const char *b = address(w, s->b), *c = address(w, s->c);
        int is_column = pass->columns == GD_COLUMNS_WITHIN;
        int64_t n = is_column ? w->k : pass->per_k, rows = is_column ? pass->per_k : w->k, step[3];
        for (int i = 0; i < 3; i++) step[i] = s->row_bytes[i] + s->tile_bytes[i] * n;
        for (int64_t i = 0; i < rows; i++, out += n * s->item, a += step[0], b += step[1], c += step[2])
            ((gd_micro_fn)s->fn)(out, a, b, c, n);
        break;
    }
    case GD_STEP_LOAD_ONCE:
        if (w->at[s->a] == w->at[s->index] && w->at[s->b] >= (uint64_t)w->k) break;
        w->at[s->a] = w->at[s->index];
        w->at[s->b] = (uint64_t)w->k;
        gather(out, address(w, s->index), &pass->views[s->index].shape, w->k, s->item);
        break;
    case GD_STEP_LOAD: gather(out, address(w, s->index), &pass->views[s->index].shape, w->k, s->item); break;
    case GD_STEP_IOTA: iota((int64_t *)(void *)out, w->at[s->index], &pass->views[s->index].shape, w->k); break;
    case GD_STEP_STORE: scatter(address(w, s->index), a, &pass->views[s->index].shape, w->k, s->item); break;
    case GD_STEP_SPREAD_ONE: spread(out, a, w->n[s->width], s->item); break;
    case GD_STEP_SPREAD_ROW:
        if (pass->columns == GD_COLUMNS_WITHIN) repeat(out, a, w->k * s->item, pass->per_k);
        else
            for (int64_t i = 0; i < w->k; i++, a += s->item, out += pass->per_k * s->item)
                spread(out, a, pass->per_k, s->item);
        break;
    case GD_STEP_FOLD_ROW:
        if (pass->columns == GD_COLUMNS_WITHIN) ((gd_fold_fn)s->fn)(out, a, address(w, s->b), 1, pass->per_k, w->k);
        else ((gd_fold_fn)s->fn)(out, a, address(w, s->b), w->k, pass->per_k, 1);
        break;
    case GD_STEP_REDUCE: {
        const gd_tile_reduction *r = &pass->reductions[s->index];
        reduce_tile(w, r, a, r->dot != NULL ? address(w, s->b) : NULL);
        break;
    }
    }
}

static inline void run_step(const walk *w, const gd_tile_step *s) {
    if (__builtin_expect(s->kind == GD_STEP_MICRO, 1))
        ((gd_micro_fn)s->fn)(address(w, s->out), address(w, s->a), address(w, s->b), address(w, s->c), w->n[s->width]);
    else run_other(w, s);
}

/* The steps on one tile, asking between them, a few lines at a time, for what the next turn of the innermost loop reads
 * and writes. */
static void run_fetching(const walk *w, const gd_tile_stage *stage) {
    const gd_tile_pass *pass = w->pass;
    const int64_t *stride = pass->loop_stride + (size_t)(pass->n_loops - 1) * (size_t)pass->n_views;
    int64_t n = w->n[GD_WIDTH_TILE], lines = 0, at = 0;
    for (int v = 0; v < pass->n_views; v++) lines += (pass->views[v].ahead * n + 63) / 64;
    int64_t each = lines / (stage->n_steps + 1) + 1;
    int v = 0;
    for (int i = w->fresh ? 0 : stage->n_kept; i < stage->n_steps; i++) {
        for (int64_t left = each * 64; left > 0 && v < pass->n_views;) {
            int64_t end = pass->views[v].ahead * n, stop = at + left < end ? at + left : end;
            const char *next = (const char *)(uintptr_t)(w->at[v] + (uint64_t)stride[v]);
            left -= stop - at;
            for (; at < stop; at += 64) __builtin_prefetch(next + at);
            if (stop == end) {
                v++;
                at = 0;
            }
        }
        run_step(w, &stage->steps[i]);
    }
}

static inline void run_tile(walk *w, const gd_tile_stage *stage) {
    set_k(w);
    if (w->pass->fetches) {
        run_fetching(w, stage);
    } else {
        const gd_tile_step *s = stage->steps + (w->fresh ? 0 : stage->n_kept), *end = stage->steps + stage->n_steps;
        for (; s < end; s++) run_step(w, s);
    }
    w->fresh = 0;
}

/* A staged row's result is there. Of columns it is one for each element of a step, and repeated for all of a tile. */
static void end_row(const walk *w, const gd_tile_reduction *r) {
    const gd_tile_pass *pass = w->pass;
    int by_step = pass->per_k > 1;
    int64_t n = pass->columns == GD_COLUMNS_NONE ? 1 : by_step ? pass->per_k : w->k;
    repeat(address(w, r->row), collect(r, w, n), n * r->item, by_step && n > 1 ? pass->k : 1);
}

/* the stages on `masked` turns of the masked loops, from where the walk is */
static void run_masked(walk *w) {
    const gd_tile_pass *pass = w->pass;
    int row = pass->n_outer + pass->n_masked;
    int64_t left = w->masked;
    do {
        for (int i = 0; i < pass->n_stages; i++) {
            const gd_tile_stage *stage = &pass->stages[i];
            w->fresh |= pass->columns == GD_COLUMNS_STAGED;
            do run_tile(w, stage);
            while (advance(w, row, pass->n_loops));
            for (int j = stage->first_row; j < stage->first_row + stage->n_rows; j++) end_row(w, &pass->reductions[j]);
        }
    } while (advance(w, pass->n_outer, row) && --left > 0);
}

/* reductions over several tiles into memory: the others are done with */
static inline int is_open(const gd_tile_reduction *r) { return !r->immediate && r->row < 0; }

/* all that an open reduction has accumulated: n elements of its result */
static const char *total_of(const walk *w, const gd_tile_reduction *r, int64_t n) {
    if (!r->late) return collect(r, w, n);
    return fold_tile(w, r, collect(r, w, w->n[r->late]), NULL);
}

static void store_reduction(const walk *w, const gd_tile_reduction *r, const char *result) {
    scatter(address(w, r->view), result, &r->shape, w->k, r->item);
}

/* the address table as a run starts */
static inline uint64_t *start_table(const gd_call *call, const gd_tile_pass *pass) {
    uint64_t scratch = (uint64_t)(uintptr_t)call->scratch,
             *at = (uint64_t *)(void *)((char *)call->scratch + pass->table);
    for (int v = 0; v < pass->n_views; v++) {
        const gd_tile_view *view = &pass->views[v];
        uint64_t base = view->operand < 0 ? 0 : (uint64_t)(uintptr_t)call->operands[view->operand];
        at[v] = base + (uint64_t)view->offset;
    }
    for (int e = pass->n_views; e < pass->n_entries; e++) at[e] = pass->start[e] + (pass->within[e] & scratch);
    return at;
}

static void start_walk(walk *w, const gd_call *call, const gd_tile_pass *pass) {
    w->pass = pass;
    w->scratch = call->scratch;
    w->k = pass->k;
    w->first = 0;
    w->fresh = 1;
    w->masked = pass->masked_total;
    w->at = start_table(call, pass);
    for (int l = 0; l < pass->n_loops; l++) w->index[l] = 0;
}

/* from the first turn of loops [first, last) to another */
static void skip(walk *w, int first, int last, int64_t turn) {
    const gd_tile_pass *pass = w->pass;
    for (int l = last - 1; turn > 0 && l >= first; l--) {
        w->index[l] = turn % pass->count[l];
        turn /= pass->count[l];
        const int64_t *stride = pass->loop_stride + (size_t)l * (size_t)pass->n_views;
        for (int v = 0; v < pass->n_views; v++) w->at[v] += (uint64_t)stride[v] * (uint64_t)w->index[l];
    }
}

static void run_pass(const gd_call *call, const gd_tile_pass *pass, int64_t from, int64_t to) {
    walk w;
    start_walk(&w, call, pass);
    skip(&w, 0, pass->n_outer, from);
    for (int64_t i = from; i < to; i++) {
        run_masked(&w);
        for (int j = 0; j < pass->n_reductions; j++) {
            const gd_tile_reduction *r = &pass->reductions[j];
            if (is_open(r)) store_reduction(&w, r, total_of(&w, r, shape_total(&r->shape, w.k)));
        }
        advance(&w, 0, pass->n_outer);
    }
}

/* ---- segments ---- */

/* what the segments of a turn of the outer loops leave of a result, n elements each, one after the other */
static inline char *left_of(const gd_call *call, const gd_tile_pass *pass, const gd_tile_reduction *r, int64_t outer) {
    return (char *)call->shared + r->shared + outer * pass->segments * r->segment_bytes;
}

static void run_segment(const gd_call *call, const gd_tile_pass *pass, int64_t outer, int64_t segment) {
    walk w;
    start_walk(&w, call, pass);
    w.first = segment * pass->masked_per_segment;
    w.masked = pass->masked_total - w.first;
    if (w.masked > pass->masked_per_segment) w.masked = pass->masked_per_segment;
    skip(&w, 0, pass->n_outer, outer);
    skip(&w, pass->n_outer, pass->n_outer + pass->n_masked, w.first);
    run_masked(&w);
    for (int j = 0; j < pass->n_reductions; j++) {
        const gd_tile_reduction *r = &pass->reductions[j];
        if (!is_open(r)) continue;
        int64_t n = shape_total(&r->shape, w.k);
        memcpy(left_of(call, pass, r, outer) + segment * n * r->item, total_of(&w, r, n), (size_t)(n * r->item));
    }
}

static void join_segments(const gd_call *call, const gd_tile_pass *pass) {
    walk w;
    start_walk(&w, call, pass);
    for (int64_t outer = 0; outer < pass->outer_total; outer++) {
        set_k(&w);
        for (int j = 0; j < pass->n_reductions; j++) {
            const gd_tile_reduction *r = &pass->reductions[j];
            if (!is_open(r)) continue;
            char *total = w.scratch + r->accumulator;
            r->fold(total, left_of(call, pass, r, outer), NULL, 1, pass->segments, shape_total(&r->shape, w.k));
            store_reduction(&w, r, total);
        }
        advance(&w, 0, pass->n_outer);
    }
}

/* what small graphs spend their time in */
static void run_straight(const gd_call *call, const gd_tile_pass *pass) {
    const uint64_t *at = start_table(call, pass);
    const int64_t n[GD_WIDTH_COUNT] = {1, pass->last_k, pass->last_k * pass->per_k};
    const gd_tile_stage *stage = pass->stages;
    for (const gd_tile_step *s = stage->steps, *end = s + stage->n_steps; s < end; s++)
        ((gd_micro_fn)s->fn)((void *)(uintptr_t)at[s->out], (const void *)(uintptr_t)at[s->a],
                             (const void *)(uintptr_t)at[s->b], (const void *)(uintptr_t)at[s->c], n[s->width]);
}

int GD_ISA_NAME(gd_k_tile)(const gd_call *call);
int GD_ISA_NAME(gd_k_tile)(const gd_call *call) {
    const gd_tile *tile = call->block;
    if (tile->straight) {
        run_straight(call, tile->passes);
        return GD_OK;
    }
    for (int i = 0; i < tile->n_fills; i++) {
        const gd_tile_fill *fill = &tile->fills[i];
        char *to = (char *)call->operands[fill->operand] + fill->offset;
        int64_t index[GD_TILE_DIMS + 1] = {0}, run, offset = 0, stride = fill->shape.stride[fill->shape.n - 1];
        for (int64_t left = shape_runs(&fill->shape, 1, &run); left > 0; left--) {
            for (int64_t j = 0; j < run; j++) memcpy(to + offset + stride * j, &fill->identity, (size_t)fill->item);
            offset = next_run(&fill->shape, 1, 1, index, offset);
        }
    }
    for (int i = 0; i < tile->n_passes; i++) {
        const gd_tile_pass *pass = &tile->passes[i];
        if (pass->segments > 1) {
            if (call->part == pass->parts) join_segments(call, pass);
            else run_segment(call, pass, call->part / pass->segments, call->part % pass->segments);
            continue;
        }
        int64_t from = call->part * pass->outer_per_part, to = from + pass->outer_per_part;
        if (tile->n_passes > 1) {
            from = 0;
            to = pass->outer_total;
        }
        run_pass(call, pass, from, to < pass->outer_total ? to : pass->outer_total);
    }
    return GD_OK;
}
#endif
