/* tile_stage.c: the steps of one stage of a tile pass: which values are needed and how wide, what is read from and
 * written to memory directly, what is gathered, spread and scattered. tile_registers.c gives them registers.
 */
#ifdef GD_PREPARE
#include <stdlib.h>
#include <string.h>

#include "tile_build.h"

typedef gd_tile_builder builder;
typedef gd_tile_draft draft;

/* ---- drafts ---- */

static int32_t new_value(builder *b, int item, int width, int32_t entry) {
    if (b->n_values == b->room_values) b->status = GD_ERR_SHAPE;
    if (b->status != GD_OK) return 0;
    b->values[b->n_values] =
        (gd_tile_value){.entry = entry, .last = -1, .item = item, .width = (int8_t)width, .fixed = entry >= 0};
    return b->n_values++;
}

static void new_draft(builder *b, gd_tile_step step, int32_t out, int n_args, const int32_t *args) {
    if (b->n_drafts == b->room_drafts) b->status = GD_ERR_SHAPE;
    if (b->status != GD_OK) return;
    draft *d = &b->drafts[b->n_drafts];
    *d = (draft){.step = step, .args = {-1, -1, -1}, .out = out, .n_args = (int8_t)n_args};
    for (int i = 0; i < n_args; i++) {
        d->args[i] = args[i];
        b->values[args[i]].last = b->n_drafts;
    }
    b->n_drafts++;
}

int gd_tile_view_is_direct(const builder *b, const gd_source_view *v, int width) {
    int64_t step = 1;
    if (v->operand < 0) return 0;
    if (width == GD_WIDTH_ONE) return 1;
    if (b->columns == GD_COLUMNS_WITHIN && width == GD_WIDTH_TILE && b->k != b->s->dims[b->t]) return 0;
    for (int d = b->s->n_dims - 1; d >= b->first; d--) {
        if (d != b->t && width != GD_WIDTH_TILE) continue;
        if (v->stride[d] != step && (d != b->t || b->k > 1)) return 0;
        step *= b->s->dims[d];
    }
    return 1;
}

/* the value of a load at its own width; a copy does not change when the memory does */
static int32_t draft_load(builder *b, int load, int copy) {
    const gd_source_view *v = &b->s->loads[load];
    int width = b->width[load], item = (int)gd_item_bytes(v->dtype);
    int32_t view = b->load_view[load];
    if (!copy && gd_tile_view_is_direct(b, v, width)) return new_value(b, item, width, view);
    gd_tile_step step = {.kind = v->operand < 0 ? GD_STEP_IOTA : GD_STEP_LOAD,
                         .width = (uint8_t)width,
                         .item = (uint8_t)item,
                         .index = view};
    int32_t entry = -1;
    if (!copy && step.kind == GD_STEP_LOAD && width == GD_WIDTH_TILE && v->stride[b->t] == 0 &&
        b->columns != GD_COLUMNS_WITHIN) {
        /* the same for every step, and likely for the next tile: a register of its own keeps it */
        step.kind = GD_STEP_LOAD_ONCE;
        step.a = (uint16_t)gd_tile_note(b);
        step.b = (uint16_t)gd_tile_note(b);
        entry = gd_tile_entry(b, NULL, gd_tile_register_bytes(b, width));
    }
    int32_t out = new_value(b, item, width, entry);
    new_draft(b, step, out, 0, NULL);
    return out;
}

/* the value of a register at its own width */
static int32_t own_value(builder *b, int32_t reg) {
    const gd_tile_source *s = b->s;
    int width = b->width[reg], item = (int)gd_item_bytes(s->dtype[reg]);
    int32_t *at = &b->at_width[width][reg];
    if (*at >= 0) return *at;
    if (reg < s->n_loads) *at = draft_load(b, reg, 0);
    else if (reg < s->n_loads + s->n_consts) *at = new_value(b, item, width, b->pass->n_views + reg - s->n_loads);
    /* operations are drafted in order: only an earlier stage's row result is not there yet */
    else *at = new_value(b, item, width, b->row_entry[reg - s->n_loads - s->n_consts]);
    return *at;
}

/* the value of a register at a width no less than its own, spread if need be */
static int32_t want(builder *b, int32_t reg, int width) {
    int32_t own = own_value(b, reg), *at = &b->at_width[width][reg];
    if (*at >= 0) return *at;
    int item = (int)gd_item_bytes(b->s->dtype[reg]);
    gd_tile_step step = {.kind = b->width[reg] == GD_WIDTH_ONE ? GD_STEP_SPREAD_ONE : GD_STEP_SPREAD_ROW,
                         .width = (uint8_t)width,
                         .item = (uint8_t)item};
    *at = new_value(b, item, width, -1);
    new_draft(b, step, *at, 1, &own);
    return *at;
}

static int row_reduction(int micro) {
    int reduce = GD_REDUCE_COUNT - 1;
    while (gd_reductions[reduce].row != micro) reduce--; /* every row micro-operation is one's */
    return reduce;
}

static int is_spread(const builder *b, int32_t reg, int width) {
    return width == GD_WIDTH_TILE && b->width[reg] == GD_WIDTH_ROW && b->still[reg];
}

/* one value for each column, which steps on a row's parts of all columns take as they are */
static int is_repeated(const builder *b, int32_t reg, int width) {
    return b->columns == GD_COLUMNS_WITHIN && width == GD_WIDTH_TILE && b->width[reg] == GD_WIDTH_ROW;
}

/* The operands that an elementwise step can take narrower than its result, as bits: all that are, if there is a body
 * for it, else the largest part of them. */
static int narrow_operands(const builder *b, const gd_source_op *op, int width) {
    int narrow = 0, best = 0;
    for (int i = 0; i < 3 && op->arg[i] >= 0; i++)
        if (b->width[op->arg[i]] < width && !is_spread(b, op->arg[i], width) && !is_repeated(b, op->arg[i], width))
            narrow |= 1 << i;
    if (width == GD_WIDTH_ONE || op->micro == GD_MICRO_cast) return 0;
    for (int form = narrow; form > 0; form = (form - 1) & narrow)
        if (b->isa->scalar[op->micro][op->compute][form] != NULL &&
            __builtin_popcount((unsigned)form) > __builtin_popcount((unsigned)best))
            best = form;
    return best;
}

static void draft_elementwise(builder *b, int index) {
    const gd_source_op *op = &b->s->ops[index];
    int32_t reg = gd_tile_reg_of_op(b->s, index), args[3];
    int width = b->width[reg], n = 0, narrow = narrow_operands(b, op, width);
    gd_tile_step step = {.kind = GD_STEP_MICRO, .width = (uint8_t)width, .item = (uint8_t)gd_item_bytes(op->dtype)};
    for (; n < 3 && op->arg[n] >= 0; n++) {
        int repeated = is_repeated(b, op->arg[n], width);
        int own = narrow >> n & 1 || repeated ? b->width[op->arg[n]] : width;
        uint8_t item = (uint8_t)gd_item_bytes(b->s->dtype[op->arg[n]]);
        args[n] = want(b, op->arg[n], own);
        step.row_bytes[n] = own == GD_WIDTH_ROW && !repeated ? item : 0;
        step.tile_bytes[n] = own == GD_WIDTH_TILE ? item : 0;
        if (own == GD_WIDTH_ROW && width == GD_WIDTH_TILE) step.kind = GD_STEP_MICRO_ROWS;
    }
    if (op->micro == GD_MICRO_cast) step.fn = (void (*)(void))b->isa->cast[op->compute][op->dtype];
    else if (narrow) step.fn = (void (*)(void))b->isa->scalar[op->micro][op->compute][narrow];
    else step.fn = (void (*)(void))b->isa->micro[op->micro][op->compute];
    int32_t out = b->at_width[width][reg] = new_value(b, step.item, width, -1);
    new_draft(b, step, out, n, args);
}

/* ---- products that are summed ---- */

/* the step of this stage that computes an operation whose value has one reader and the width of a tile; else NULL */
static draft *step_read_once(const builder *b, int32_t reg) {
    int32_t first = gd_tile_reg_of_op(b->s, 0), value = b->at_width[GD_WIDTH_TILE][reg];
    if (reg < first || b->uses[reg] != 1 || b->width[reg] != GD_WIDTH_TILE) return NULL;
    for (int i = b->n_drafts - 1; i >= b->n_kept; i--)
        if (b->drafts[i].out == value) return b->drafts[i].step.kind == GD_STEP_MICRO ? &b->drafts[i] : NULL;
    return NULL;
}

/* The function that sums a register as products of two, whose values become args[0] and args[1]: neither the products
 * nor what their factors are converted to is written down then. NULL: it is no product, has other readers, or rows of
 * `length` elements, or of `inner` columns, are too short to be read in vectors. */
static gd_fold_fn draft_factors(builder *b, int32_t reg, int64_t length, int64_t inner, int32_t *args) {
    enum { SHORT_BYTES = 128 };
    if ((inner == 1 ? length : inner) * gd_item_bytes(b->s->dtype[reg]) < SHORT_BYTES) return NULL;
    draft *product = step_read_once(b, reg), *cast[2];
    if (product == NULL) return NULL;
    const gd_source_op *ops = b->s->ops, *op = &ops[reg - gd_tile_reg_of_op(b->s, 0)];
    if (op->micro != GD_MICRO_multiply && op->micro != GD_MICRO_square) return NULL;
    int32_t factor[2] = {op->arg[0], op->arg[op->micro == GD_MICRO_multiply]};
    if (b->width[factor[0]] != GD_WIDTH_TILE || b->width[factor[1]] != GD_WIDTH_TILE) return NULL;
    gd_fold_fn dot = b->isa->dot[op->compute][op->dtype];
    if (dot == NULL) return NULL;
    int32_t from[2];
    int is_cast[2];
    for (int i = 0; i < 2; i++) {
        cast[i] = step_read_once(b, factor[i]);
        const gd_source_op *made = cast[i] != NULL ? &ops[factor[i] - gd_tile_reg_of_op(b->s, 0)] : NULL;
        is_cast[i] = made != NULL && made->micro == GD_MICRO_cast && b->isa->dot[made->compute][op->dtype] != NULL &&
                     b->width[made->arg[0]] == GD_WIDTH_TILE;
        from[i] = is_cast[i] ? made->arg[0] : factor[i];
    }
    product->dropped = 1;
    if (is_cast[0] && is_cast[1] && b->s->dtype[from[0]] == b->s->dtype[from[1]]) {
        cast[0]->dropped = cast[1]->dropped = 1;
        dot = b->isa->dot[b->s->dtype[from[0]]][op->dtype];
    } else {
        from[0] = factor[0];
        from[1] = factor[1];
    }
    for (int i = 0; i < 2; i++) args[i] = want(b, from[i], GD_WIDTH_TILE);
    return dot;
}

/* how many rows of a tile are folded at once */
static int64_t side_by_side(const builder *b) { return b->columns == GD_COLUMNS_WITHIN ? b->k : 1; }

/* a reduction over rows that lie in a tile */
static void draft_row(builder *b, int index) {
    const gd_source_op *op = &b->s->ops[index];
    int32_t reg = gd_tile_reg_of_op(b->s, index), from[2], n = 2;
    int reduce = row_reduction(op->micro);
    gd_fold_fn fold = reduce == GD_REDUCE_sum ? draft_factors(b, op->arg[0], b->per_k, side_by_side(b), from) : NULL;
    if (fold == NULL) {
        fold = b->isa->fold[reduce][op->dtype];
        from[0] = want(b, op->arg[0], GD_WIDTH_TILE);
        n = 1;
    }
    gd_tile_step step = {.fn = (void (*)(void))fold,
                         .kind = GD_STEP_FOLD_ROW,
                         .width = GD_WIDTH_ROW,
                         .item = (uint8_t)gd_item_bytes(op->dtype)};
    int32_t out = b->at_width[GD_WIDTH_ROW][reg] = new_value(b, step.item, GD_WIDTH_ROW, -1);
    new_draft(b, step, out, n, from);
}

/* ---- reductions ---- */

static gd_micro_fn combine_of(const gd_isa_table *isa, int reduce, int dtype) {
    return isa->micro[gd_reductions[reduce].join][dtype];
}

/* taking the same value many times changes nothing: it need not be spread */
static int is_idempotent(int reduce) { return gd_reductions[reduce].idempotent; }

/* The folds that bring a tile, without the dimensions in skip, down to those not in mask: from the innermost reduced
 * group of dimensions outwards. */
static void make_folds(builder *b, gd_tile_reduction *r, uint32_t mask, uint32_t skip) {
    int64_t size[GD_TILE_DIMS + 1];
    int reduced[GD_TILE_DIMS + 1], n = 0, n_reduced = 0, scaled = 0;
    for (int d = b->first; d < b->s->n_dims; d++) {
        if (skip >> d & 1) continue;
        int bit = (int)(mask >> d & 1);
        int64_t count = d == b->t ? 1 : b->s->dims[d]; /* t counts k: scaled when run */
        if (n > 0 && reduced[n - 1] == bit) {
            size[n - 1] *= count;
        } else {
            size[n] = count;
            reduced[n++] = bit;
            n_reduced += bit;
        }
        if (d == b->t) scaled = n - 1;
    }
    r->folds = gd_tile_keep(b, (size_t)n_reduced * sizeof *r->folds);
    if (r->folds == NULL) return;
    for (int g = n - 1; g >= 0; g--) {
        if (!reduced[g]) continue;
        gd_tile_fold fold = {.outer = 1,
                             .length = size[g],
                             .inner = 1,
                             .scale_outer = g > scaled,
                             .scale_length = g == scaled,
                             .scale_inner = g < scaled && !reduced[scaled]};
        for (int i = 0; i < g; i++) fold.outer *= size[i];
        for (int i = g + 1; i < n; i++)
            if (!reduced[i]) fold.inner *= size[i];
        r->folds[r->n_folds++] = fold;
    }
}

/* elements of dimensions from.. that are not reduced, t counting as size_t */
static int64_t kept(const builder *b, uint32_t mask, int from, int64_t size_t) {
    int64_t n = 1;
    for (int d = from; d < b->s->n_dims; d++)
        if (!(mask >> d & 1)) n *= d == b->t ? size_t : b->s->dims[d];
    return n;
}

/* a reduction's scratch: room for two contributions between folds, and the accumulators */
static void reserve(builder *b, gd_tile_reduction *r, int64_t all) {
    enum { MOST = 1 << 26 }; /* a tree of wider accumulators than this is not worth its room */
    int64_t between = 0;
    if (r->n_folds > 0)
        between =
            r->folds[0].outer * r->folds[0].inner * (r->folds[0].scale_outer || r->folds[0].scale_inner ? b->k : 1);
    r->buffer_bytes = gd_round_up(between * r->item, GD_ALIGN);
    r->buffer = b->scratch;
    b->scratch += 2 * r->buffer_bytes;
    if (r->immediate) return;
    r->level_bytes = gd_round_up(all * r->item, GD_ALIGN);
    r->levels = 1;
    for (int64_t leaves = r->turns / GD_TILE_LEAF; leaves > 0; leaves /= 2) r->levels++;
    if (r->level_bytes > MOST / r->levels) r->cascade = 0;
    if (!r->cascade) r->levels = 1;
    r->accumulator = b->scratch;
    b->scratch += r->levels * r->level_bytes;
}

/* Short rows and columns are dear to fold: of many whole tiles the sum is taken first. */
static int folds_late(const builder *b, const gd_tile_reduction *r) {
    enum { TURNS = 4, INNER = 16, LENGTH = 256 };
    if (b->staged || r->turns < TURNS || r->n_folds == 0 || r->folds[0].inner >= INNER) return 0;
    int64_t length = r->folds[0].length * (r->folds[0].scale_length ? b->k : 1);
    return length < LENGTH && b->pass->chunk < b->pass->n_outer;
}

/* `row` is the entry of a staged row reduction's result, -1 for a store's reduction into a view */
static void draft_reduce(builder *b, const gd_source_store *store, int32_t view, int32_t row) {
    const gd_tile_source *s = b->s;
    gd_tile_pass *pass = b->pass;
    gd_tile_reduction *r = &pass->reductions[pass->n_reductions];
    int dtype = s->dtype[store->reg], item = (int)gd_item_bytes(dtype), width = GD_WIDTH_TILE;
    uint32_t mask = store->mask, inside = b->inside, skip = 0;
    if (is_idempotent(store->reduce) && (mask & inside) == inside && inside != 0 && b->width[store->reg] < width) {
        width = GD_WIDTH_ROW;
        skip = inside;
    }
    gd_tile_step step = {
        .kind = GD_STEP_REDUCE, .width = (uint8_t)width, .item = (uint8_t)item, .index = pass->n_reductions++};
    int t_kept = !(mask >> b->t & 1);
    *r = (gd_tile_reduction){.view = view,
                             .row = row,
                             .item = item,
                             .turns = 1,
                             .fold = b->isa->fold[store->reduce][dtype],
                             .combine = combine_of(b->isa, store->reduce, dtype),
                             .cascade = store->reduce == GD_REDUCE_sum};
    make_folds(b, r, mask, skip);
    int all_of_row = b->staged && !b->columns; /* of columns what is kept is within the tile */
    int64_t all = all_of_row ? kept(b, mask, s->row_start, s->dims[b->t]) : kept(b, mask, b->first, b->k);
    r->part_shape = gd_tile_shape(b, &store->view, item, b->first, mask, t_kept);
    r->shape = all_of_row ? gd_tile_shape(b, &store->view, item, s->row_start, mask, 0) : r->part_shape;
    r->at_stride = gd_tile_keep(b, GD_TILE_LOOPS * sizeof *r->at_stride);
    r->turn_stride = gd_tile_keep(b, GD_TILE_LOOPS * sizeof *r->turn_stride);
    if (b->status != GD_OK) return;
    int first_of_row = pass->n_outer + pass->n_masked;
    for (int l = pass->n_loops - 1; l >= (row >= 0 ? first_of_row : pass->n_outer); l--) {
        int dim = b->loop_dim[l];
        if (mask >> dim & 1) {
            r->turn_stride[l] = r->turns;
            r->turns *= pass->count[l];
        } else if (l >= first_of_row) {
            r->at_stride[l] = kept(b, mask, dim + 1, s->dims[b->t]) * (dim == b->t ? b->k : 1) * item;
        }
    }
    r->immediate = row < 0 && r->turns == 1;
    r->segment_bytes = all * r->item;
    if (folds_late(b, r)) {
        r->late = width;
        all = b->k * (width == GD_WIDTH_TILE ? b->per_k : 1);
    }
    reserve(b, r, all);
    int32_t from[2] = {0, 0};
    if (store->reduce == GD_REDUCE_sum && !r->late && r->n_folds > 0) {
        const gd_tile_fold *f = r->folds;
        r->dot = draft_factors(b, store->reg, f->length * (f->scale_length ? b->k : 1),
                               f->inner * (f->scale_inner ? b->k : 1), from);
    }
    if (r->dot == NULL) from[0] = want(b, store->reg, width);
    new_draft(b, step, -1, r->dot != NULL ? 2 : 1, from);
}

/* ---- stores ---- */

/* whether a step may write the store's memory: whoever reads an element of it later would read what was written */
static int can_write(const builder *b, int producer, const gd_source_store *store) {
    const gd_tile_source *s = b->s;
    for (int i = 0; i < s->n_loads; i++) {
        const gd_source_view *v = &s->loads[i];
        if (v->operand < 0 || !gd_values_overlap(gd_operand(b->p, v->operand), gd_operand(b->p, store->view.operand)))
            continue;
        for (int d = producer + 1; d < b->n_drafts; d++) {
            const draft *later = &b->drafts[d];
            if (later->step.kind == GD_STEP_LOAD && later->step.index == b->load_view[i]) return 0;
            for (int k = 0; k < later->n_args; k++)
                if (b->values[later->args[k]].entry == b->load_view[i]) return 0;
        }
    }
    return 1;
}

static void draft_stores(builder *b) {
    const gd_tile_source *s = b->s;
    /* spread what must be before anything is stored */
    for (int j = 0; j < s->n_stores; j++)
        if (b->in_pass[j] && s->stores[j].reduce == GD_REDUCE_none) want(b, s->stores[j].reg, GD_WIDTH_TILE);
    int first = b->n_drafts;
    for (int j = 0; j < s->n_stores; j++) {
        if (!b->in_pass[j] || s->stores[j].reduce != GD_REDUCE_none) continue;
        int32_t from = want(b, s->stores[j].reg, GD_WIDTH_TILE);
        gd_tile_step step = {.kind = GD_STEP_STORE,
                             .width = GD_WIDTH_TILE,
                             .index = b->store_view[j],
                             .item = (uint8_t)gd_item_bytes(s->dtype[s->stores[j].reg])};
        new_draft(b, step, -1, 1, &from);
    }
    if (b->status != GD_OK) return;
    /* where the memory is contiguous the value can live there from the start */
    for (int j = 0, d = first; j < s->n_stores; j++) {
        if (!b->in_pass[j] || s->stores[j].reduce != GD_REDUCE_none) continue;
        draft *store = &b->drafts[d++];
        int32_t from = store->args[0], producer = 0;
        if (b->values[from].entry >= 0 || !gd_tile_view_is_direct(b, &s->stores[j].view, GD_WIDTH_TILE)) continue;
        while (b->drafts[producer].out != from) producer++;
        if (!can_write(b, producer, &s->stores[j])) continue;
        b->values[from].entry = store->step.index;
        b->values[from].fixed = 1;
        store->dropped = 1;
        store->n_args = 0;
    }
}

/* ---- the stage ---- */

/* the row reductions whose operand this stage computes */
static int reduces_here(const builder *b, int op, int stage) {
    int32_t reg = gd_tile_reg_of_op(b->s, op);
    return b->staged && gd_is_row_op(b->s->ops[op].micro) && b->needed[reg] && b->level[reg] == stage + 1;
}

static void choose_wanted(builder *b, int stage, int last) {
    const gd_tile_source *s = b->s;
    memset(b->wanted, 0, (size_t)s->n_regs);
    for (int i = 0; i < s->n_ops; i++)
        if (reduces_here(b, i, stage)) b->wanted[s->ops[i].arg[0]] = 1;
    for (int j = 0; j < s->n_stores && last; j++)
        if (b->in_pass[j]) b->wanted[s->stores[j].reg] = 1;
    for (int i = s->n_ops - 1; i >= 0; i--) {
        /* a staged row's reductions are results of earlier stages */
        if (!b->wanted[gd_tile_reg_of_op(s, i)] || (b->staged && gd_is_row_op(s->ops[i].micro))) continue;
        for (int k = 0; k < 3 && s->ops[i].arg[k] >= 0; k++) b->wanted[s->ops[i].arg[k]] = 1;
    }
}

/* a load that is stored as it is, from memory that a store overwrites, is copied before anything is written */
static void draft_copies(builder *b) {
    const gd_tile_source *s = b->s;
    for (int j = 0; j < s->n_stores; j++) {
        int32_t reg = s->stores[j].reg;
        if (!b->in_pass[j] || reg >= s->n_loads || s->loads[reg].operand < 0) continue;
        int32_t *at = &b->at_width[b->width[reg]][reg];
        const gd_value *loaded = gd_operand(b->p, s->loads[reg].operand);
        for (int i = 0; i < s->n_stores && *at < 0; i++)
            if (gd_values_overlap(loaded, gd_operand(b->p, s->stores[i].view.operand))) *at = draft_load(b, reg, 1);
    }
}

/* What is the same in tiles one after the other, and spread for those steps that take it: in registers of its own.
 * Returns how many drafts that are. */
static int32_t draft_kept(builder *b) {
    const gd_tile_source *s = b->s;
    for (int i = 0; i < s->n_ops; i++) {
        int32_t reg = gd_tile_reg_of_op(s, i);
        const gd_source_op *op = &s->ops[i];
        if (!b->wanted[reg]) continue;
        if (b->still[reg] && !gd_is_row_op(op->micro)) draft_elementwise(b, i);
        for (int k = 0; k < 3 && op->arg[k] >= 0 && !gd_is_row_op(op->micro); k++)
            if (is_spread(b, op->arg[k], b->width[reg])) want(b, op->arg[k], GD_WIDTH_TILE);
    }
    for (int32_t v = 0; v < b->n_values; v++) {
        gd_tile_value *value = &b->values[v];
        if (value->fixed) continue;
        value->entry = gd_tile_entry(b, NULL, gd_tile_register_bytes(b, value->width));
        value->fixed = 1;
    }
    return b->n_drafts;
}

void gd_tile_stage_build(builder *b, int stage, int last) {
    const gd_tile_source *s = b->s;
    gd_tile_pass *pass = b->pass;
    gd_tile_stage *built = &pass->stages[stage];
    for (int w = 0; w < GD_WIDTH_COUNT; w++) memset(b->at_width[w], -1, (size_t)s->n_regs * sizeof(int32_t));
    b->n_values = b->n_drafts = b->n_kept = 0;
    choose_wanted(b, stage, last);
    if (last) draft_copies(b);
    if (b->spreads && b->n_drafts == 0) b->n_kept = draft_kept(b); /* not where a store overwrites what is read */
    built->n_kept = b->n_kept;
    for (int i = 0; i < s->n_ops; i++) {
        int32_t reg = gd_tile_reg_of_op(s, i);
        if (!b->wanted[reg] || b->at_width[b->width[reg]][reg] >= 0) continue; /* kept from tile to tile */
        if (!gd_is_row_op(s->ops[i].micro)) draft_elementwise(b, i);
        else if (!b->staged) draft_row(b, i);
    }

    built->first_row = pass->n_reductions;
    for (int i = 0; i < s->n_ops; i++) {
        if (!reduces_here(b, i, stage)) continue;
        gd_source_store store = {.reg = s->ops[i].arg[0], .reduce = row_reduction(s->ops[i].micro)};
        for (int d = s->row_start; d < s->row_end; d++) store.mask |= UINT32_C(1) << d;
        draft_reduce(b, &store, -1, b->row_entry[i]);
        built->n_rows++;
    }
    for (int j = 0; j < s->n_stores && last; j++)
        if (b->in_pass[j] && s->stores[j].reduce != GD_REDUCE_none)
            draft_reduce(b, &s->stores[j], b->store_view[j], -1);
    if (last) draft_stores(b);
    if (b->status == GD_OK) gd_tile_allocate(b, built);
}
#endif
