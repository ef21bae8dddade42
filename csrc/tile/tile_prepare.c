/* tile_prepare.c: turns a checked tile instruction into passes, loops and stages (tile.h). Decides everything that can
 * be decided before a run: the tile, the order of the loops, which stores go together, and where the parts are cut.
 * Works on shapes only, so what is computed, bit by bit, is the same for any number of threads.
 */
#ifdef GD_PREPARE
#include <stdlib.h>
#include <string.h>

#include "tile_build.h"

enum {
    PART_ELEMENTS = 32768,  /* a part has at least so many elements, */
    PART_LEAST = 1024,      /* or fewer, but no less than this, */
    PART_WORK = 65536,      /* where they are this much work in all: in float32 additions */
    WORK_PER_NS = 12,       /* on one core */
    PARTS = 64,             /* and more parts than so many bring nothing */
    CACHE_BYTES = 1 << 24,  /* what all views together reach stays in cache up to this */
    SHORT_ROW = 128,        /* elements that a step has at most where its one value is spread over them, */
    SHORTER_ROW = 32,       /* and where loops change their order for it */
    STILL_TURNS = 4,        /* if so many tiles take it as it is */
    FEW_OPS = 16,           /* so few between one tile and the next leave fetching ahead to the processor */
    SEGMENTS = 64,          /* a reduction is cut into so many at most, */
    SEGMENT_BYTES = 1 << 22 /* if what they leave is no more than this */
};

typedef gd_tile_builder builder;

/* ---- views ---- */

/* a view whose tiles are registers of a width: where nothing changes along a dimension, it is left out */
static int32_t add_view(builder *b, const gd_source_view *v, int width) {
    gd_tile_pass *pass = b->pass;
    uint32_t skip = width == GD_WIDTH_TILE ? 0 : b->inside;
    if (width == GD_WIDTH_ONE) skip |= UINT32_C(1) << b->t;
    int32_t index = pass->n_views++;
    int64_t item = v->operand < 0 ? 1 : gd_item_bytes(v->dtype);
    gd_shape shape = gd_tile_shape(b, v, (int)item, b->first, skip, 1);
    pass->views[index] = (gd_tile_view){.operand = v->operand, .offset = v->offset * item, .shape = shape};
    for (int l = 0; l < pass->n_loops; l++) {
        uint64_t stride = (uint64_t)v->stride[b->loop_dim[l]] * (uint64_t)item;
        if (b->loop_dim[l] == b->t) stride *= (uint64_t)b->k;
        pass->loop_stride[l * b->room_views + index] = (int64_t)stride;
    }
    return index;
}

/* ---- passes ---- */

/* the loops over whole tiles or rows that a store reduces over, as dimensions */
static uint32_t loops_reduced(const builder *b, const gd_source_store *store, int in_row) {
    uint32_t mask = 0;
    for (int l = 0; l < b->n_loops; l++)
        if (gd_tile_is_along(b, b->dim_of_loop[l]) == in_row) mask |= UINT32_C(1) << b->dim_of_loop[l];
    return store->mask & mask;
}

/* stores that accumulate from tile to tile must walk their own way; the others go along with any pass */
static int has_own_walk(const builder *b, const gd_source_store *store) {
    return loops_reduced(b, store, 0) != 0 || loops_reduced(b, store, 1) != 0;
}

/* whether a loop over a dimension moves a load that has one value for each step */
static int moves_rows(const builder *b, int dim) {
    for (int i = 0; i < b->s->n_loads; i++)
        if (b->width[i] == GD_WIDTH_ROW && b->s->loads[i].stride[dim] != 0) return 1;
    return 0;
}

static void order_loops(builder *b, uint32_t reduced) {
    gd_tile_pass *pass = b->pass;
    pass->chunk = -1;
    pass->columns = (int32_t)b->columns;
    pass->outer_total = 1;
    pass->still = 0;
    for (int turn = 0; turn < 4; turn++)
        for (int l = 0; l < b->n_loops; l++) {
            int dim = b->dim_of_loop[l], moves = moves_rows(b, dim);
            int group = gd_tile_is_along(b, dim) ? 2 : (int)(reduced >> dim & 1);
            int later = !moves && b->per_k <= SHORTER_ROW; /* among those that keep */
            if (turn != (group > 0 ? group + 1 : later)) continue;
            b->loop_dim[pass->n_loops] = dim;
            pass->count[pass->n_loops] = b->count_of_loop[l];
            if (dim == b->t) pass->chunk = pass->n_loops;
            if (group == 0) pass->outer_total *= b->count_of_loop[l];
            pass->n_outer += group == 0;
            pass->n_masked += group == 1;
            pass->n_loops++;
            if (moves) pass->still = pass->n_loops;
        }
}

/* Columns walked in stages: what is the same all along them is there once for each stage. */
static void choose_still(builder *b) {
    const gd_tile_source *s = b->s;
    b->pass->still = b->pass->n_outer + b->pass->n_masked;
    b->spreads = 1;
    memset(b->still, 1, (size_t)s->n_regs);
    for (int i = 0; i < s->n_loads; i++)
        for (int d = s->row_start; d < s->row_end; d++) b->still[i] &= s->loads[i].stride[d] == 0;
    for (int i = 0; i < s->n_ops; i++)
        for (int k = 0; k < 3 && s->ops[i].arg[k] >= 0 && !gd_is_row_op(s->ops[i].micro); k++)
            b->still[gd_tile_reg_of_op(s, i)] &= b->still[s->ops[i].arg[k]];
}

/* Steps on short rows that take one value for each cost more calls than work. Where many tiles take the same values these
 * are spread once: decides whether, and which registers hold such values. */
static void choose_spreads(builder *b) {
    const gd_tile_source *s = b->s;
    const gd_tile_pass *pass = b->pass;
    int64_t turns = 1;
    if (b->columns == GD_COLUMNS_STAGED) {
        choose_still(b);
        return;
    }
    for (int l = pass->still; l < pass->n_loops; l++) turns *= pass->count[l];
    b->spreads = pass->still > 0 && !b->staged && !b->columns && b->per_k <= SHORT_ROW && turns >= STILL_TURNS;
    for (int i = 0; i < s->n_loads; i++)
        for (int j = 0; j < s->n_stores && b->width[i] == GD_WIDTH_ROW && s->loads[i].operand >= 0; j++)
            b->spreads &=
                !gd_values_overlap(gd_operand(b->p, s->loads[i].operand), gd_operand(b->p, s->stores[j].view.operand));
    for (int i = 0; i < s->n_regs; i++) {
        const gd_source_op *op = i < s->n_loads + s->n_consts ? NULL : &s->ops[i - s->n_loads - s->n_consts];
        b->still[i] = b->spreads && b->width[i] != GD_WIDTH_TILE && (op == NULL || !gd_is_row_op(op->micro));
        for (int l = pass->still; l < pass->n_loops && i < s->n_loads; l++)
            b->still[i] &= s->loads[i].stride[b->loop_dim[l]] == 0;
        for (int k = 0; op != NULL && k < 3 && op->arg[k] >= 0; k++) b->still[i] &= b->still[op->arg[k]];
    }
}

/* of an element, in float32 additions */
static int64_t element_work(const gd_tile_source *s) {
    int64_t work = 1;
    for (int i = 0; i < s->n_ops; i++) {
        work += gd_micros[s->ops[i].micro].cost * (gd_item_bytes(s->ops[i].dtype) > 4 ? 2 : 1);
    }
    return work;
}

/* elements in a part at least */
static int64_t part_elements(int64_t work) {
    int64_t least = PART_WORK / work;
    return least < PART_LEAST ? PART_LEAST : least > PART_ELEMENTS ? PART_ELEMENTS : least;
}

/* Fetching ahead pays where the processor, which does so too, would have forgotten what it was at: much to do for each
 * tile of large operands that are walked in order. */
static void choose_fetches(builder *b) {
    const gd_tile_source *s = b->s;
    gd_tile_pass *pass = b->pass;
    int64_t reached = 0;
    if (pass->n_loops == 0) return;
    for (int i = 0; i < s->n_loads + s->n_stores; i++) {
        int view = i < s->n_loads ? b->load_view[i] : b->store_view[i - s->n_loads];
        const gd_source_view *v = i < s->n_loads ? &s->loads[i] : &s->stores[i - s->n_loads].view;
        if (view < 0 || v->operand < 0 || v->low > v->high) continue;
        int64_t item = gd_item_bytes(v->dtype), last = pass->n_loops - 1;
        reached += (v->high - v->low + 1) * item;
        if (pass->loop_stride[last * b->room_views + view] == b->k * b->per_k * item &&
            gd_tile_view_is_direct(b, v, GD_WIDTH_TILE))
            pass->views[view].ahead = item;
    }
    pass->fetches = reached > CACHE_BYTES && s->n_ops > FEW_OPS;
}

/* `inside`: elements of one turn of the outer loops */
static void cut_segments(builder *b, int64_t inside) {
    gd_tile_pass *pass = b->pass;
    int64_t bytes = 0;
    pass->segments = pass->masked_total = 1;
    for (int l = pass->n_outer; l < pass->n_outer + pass->n_masked; l++) pass->masked_total *= pass->count[l];
    int64_t each = inside / pass->masked_total, per = gd_ceil_div(pass->masked_total, SEGMENTS);
    if (each < 1) each = 1;
    per = gd_max(per, gd_ceil_div(b->part_elements, each));
    int64_t segments = gd_ceil_div(pass->masked_total, per);
    for (int j = 0; j < pass->n_reductions; j++) {
        gd_tile_reduction *r = &pass->reductions[j];
        r->per_masked = r->row >= 0 ? 0 : r->turns / pass->masked_total;
        if (r->immediate || r->row >= 0) continue;
        if (r->segment_bytes > SEGMENT_BYTES / segments / pass->outer_total) segments = 1;
        r->shared = bytes;
        bytes += gd_round_up(pass->outer_total * segments * r->segment_bytes, GD_ALIGN);
    }
    if (segments < 2 || bytes > SEGMENT_BYTES || b->tile->n_passes > 1) return;
    pass->segments = segments;
    pass->masked_per_segment = per;
    pass->parts = pass->outer_total * segments;
    b->p->shared = bytes;
}

static void build_pass(builder *b, gd_tile_pass *pass, uint32_t reduced) {
    const gd_tile_source *s = b->s;
    b->pass = pass;
    order_loops(b, reduced);
    choose_spreads(b);
    memset(b->needed, 0, (size_t)s->n_regs);
    int stages = 1, reductions = 0, n_views = 0;
    for (int j = 0; j < s->n_stores; j++)
        if (b->in_pass[j]) {
            b->needed[s->stores[j].reg] = 1;
            reductions += s->stores[j].reduce != GD_REDUCE_none;
            n_views++;
        }
    for (int i = s->n_ops - 1; i >= 0; i--) {
        if (!b->needed[gd_tile_reg_of_op(s, i)]) continue;
        reductions += gd_is_row_op(s->ops[i].micro);
        if (b->level[gd_tile_reg_of_op(s, i)] + 1 > stages) stages = b->level[gd_tile_reg_of_op(s, i)] + 1;
        for (int k = 0; k < 3 && s->ops[i].arg[k] >= 0; k++) b->needed[s->ops[i].arg[k]] = 1;
    }
    for (int i = 0; i < s->n_loads; i++) n_views += b->needed[i];

    pass->k = b->k;
    pass->last_k = b->last_k;
    pass->per_k = b->per_k;
    pass->n_stages = stages;
    pass->views = gd_tile_keep(b, (size_t)n_views * sizeof *pass->views);
    pass->loop_stride = gd_tile_keep(b, (size_t)(n_views * pass->n_loops) * sizeof *pass->loop_stride);
    pass->stages = gd_tile_keep(b, (size_t)stages * sizeof *pass->stages);
    pass->reductions = gd_tile_keep(b, (size_t)reductions * sizeof *pass->reductions);
    if (b->status != GD_OK) return;
    b->room_views = n_views;
    for (int i = 0; i < s->n_loads; i++) b->load_view[i] = b->needed[i] ? add_view(b, &s->loads[i], b->width[i]) : -1;
    for (int j = 0; j < s->n_stores; j++)
        b->store_view[j] = b->in_pass[j] ? add_view(b, &s->stores[j].view, GD_WIDTH_TILE) : -1;
    choose_fetches(b);

    b->scratch = 0;
    memset(b->entry_width, 0, (size_t)b->room_entries);
    b->n_entries = n_views;
    const int64_t *constants = b->constants;
    for (int i = 0; i < s->n_consts; i++) gd_tile_entry(b, &constants[i], 0);
    for (int i = 0; i < s->n_ops; i++) {
        int stored = b->staged && gd_is_row_op(s->ops[i].micro) && b->needed[gd_tile_reg_of_op(s, i)];
        b->row_entry[i] = stored ? gd_tile_entry(b, NULL, 8 * (b->columns ? b->k * b->per_k : 1)) : -1;
    }
    b->first_register = b->n_entries;
    for (int stage = 0; stage < stages && b->status == GD_OK; stage++)
        gd_tile_stage_build(b, stage, stage == stages - 1);
    if (b->status != GD_OK) return;

    pass->n_entries = b->n_entries;
    size_t table = (size_t)b->n_entries;
    pass->start = gd_tile_keep(b, table * sizeof *pass->start);
    pass->within = gd_tile_keep(b, table * sizeof *pass->within);
    if (b->status != GD_OK) return;
    for (size_t e = (size_t)n_views; e < table; e++) {
        int is_note = b->place[e] < 0, is_fixed = b->fixed[e] != NULL;
        pass->start[e] = is_fixed ? (uint64_t)(uintptr_t)b->fixed[e] : is_note ? 0 : (uint64_t)b->place[e];
        pass->within[e] = is_fixed || is_note ? 0 : UINT64_MAX;
    }
    pass->table = b->scratch;
    b->scratch += (int64_t)(table * sizeof(uint64_t));
    if (b->scratch > b->p->scratch) b->p->scratch = b->scratch;

    int64_t inside = s->total / pass->outer_total;
    if (inside < 1) inside = 1;
    int64_t wanted = s->total / b->part_elements; /* alike in size, so that none is waited for */
    wanted = wanted < 1 ? 1 : wanted > PARTS ? PARTS : wanted;
    pass->outer_per_part = gd_ceil_div(pass->outer_total, wanted);
    pass->parts = gd_ceil_div(pass->outer_total, pass->outer_per_part);
    cut_segments(b, inside);
}

static int is_straight(const gd_tile_pass *pass) {
    if (pass->n_loops > 0 || pass->n_stages > 1 || pass->n_reductions > 0) return 0;
    for (int i = 0; i < pass->stages[0].n_steps; i++)
        if (pass->stages[0].steps[i].kind != GD_STEP_MICRO) return 0;
    return 1;
}

static void build_passes(builder *b) {
    const gd_tile_source *s = b->s;
    uint32_t walks[GD_TILE_LOOPS * 4];
    int n = 0, most = (int)(sizeof walks / sizeof *walks);
    for (int j = 0; j < s->n_stores; j++) {
        if (!has_own_walk(b, &s->stores[j])) continue;
        uint32_t reduced = loops_reduced(b, &s->stores[j], 0);
        int known = 0;
        for (int i = 0; i < n; i++) known |= walks[i] == reduced;
        if (known) continue;
        if (n == most) {
            b->status = GD_ERR_SHAPE;
            return;
        }
        walks[n++] = reduced;
    }
    if (n == 0) walks[n++] = 0;
    b->tile->passes = gd_tile_keep(b, (size_t)n * sizeof *b->tile->passes);
    b->tile->n_passes = n;
    for (int i = 0; i < n && b->status == GD_OK; i++) {
        for (int j = 0; j < s->n_stores; j++)
            b->in_pass[j] =
                has_own_walk(b, &s->stores[j]) ? loops_reduced(b, &s->stores[j], 0) == walks[i] : i == n - 1;
        build_pass(b, &b->tile->passes[i], walks[i]);
    }
    if (b->status != GD_OK) return;
    b->p->parts = n == 1 ? b->tile->passes[0].parts : 1;
    b->tile->straight = n == 1 && is_straight(&b->tile->passes[0]);
}

/* ---- reductions over nothing ---- */

static uint64_t identity_of(int reduce, int dtype) {
    double number = reduce == GD_REDUCE_prod || reduce == GD_REDUCE_all ? 1 : 0;
    if (reduce == GD_REDUCE_max || reduce == GD_REDUCE_min) {
        int is_max = reduce == GD_REDUCE_max;
        if (dtype == GD_I32) return is_max ? (uint32_t)INT32_MIN : INT32_MAX;
        if (dtype == GD_I64) return is_max ? (uint64_t)INT64_MIN : INT64_MAX;
        number = is_max ? -__builtin_inf() : __builtin_inf();
    }
    if (dtype != GD_F32 && dtype != GD_F64) return (uint64_t)number;
    uint64_t bits = 0;
    float single = (float)number;
    if (dtype == GD_F32) memcpy(&bits, &single, sizeof single);
    else memcpy(&bits, &number, sizeof number);
    return bits;
}

static void build_fills(builder *b) {
    const gd_tile_source *s = b->s;
    b->tile->fills = gd_tile_keep(b, (size_t)s->n_stores * sizeof *b->tile->fills);
    for (int j = 0; j < s->n_stores && b->status == GD_OK; j++) {
        const gd_source_store *store = &s->stores[j];
        if (store->reduce == GD_REDUCE_none || store->view.low > store->view.high) continue;
        int item = (int)gd_item_bytes(store->view.dtype);
        b->tile->fills[b->tile->n_fills++] =
            (gd_tile_fill){.operand = store->view.operand,
                           .item = item,
                           .offset = store->view.offset * item,
                           .shape = gd_tile_shape(b, &store->view, item, 0, store->mask, 0),
                           .identity = identity_of(store->reduce, store->view.dtype)};
    }
}

/* ---- */

/* the builder's tables, in one block; returns what to free */
static void *make_tables(builder *b) {
    const gd_tile_source *s = b->s;
    size_t regs = (size_t)s->n_regs, loads = (size_t)s->n_loads, ops = (size_t)s->n_ops, stores = (size_t)s->n_stores;
    size_t values = 3 * regs + loads + 1, drafts = 3 * regs + 2 * loads + 2 * stores + ops + 1;
    size_t entries = values + 3 * loads + stores + (size_t)s->n_consts + ops; /* two notes a load */
    size_t words64 = 2 * entries, words32 = loads + stores + ops + 2 * regs + 3 * regs + GD_WIDTH_COUNT * values;
    size_t bytes = drafts * sizeof *b->drafts + words64 * 8 + values * sizeof *b->values + words32 * 4 + 3 * regs +
                   stores + entries + regs;
    char *at = calloc(1, bytes + 64);
    void *memory = at;
    if (at == NULL) return NULL;
#define TAKE(pointer, n) (pointer = (void *)at, at += (n) * sizeof *(pointer))
    TAKE(b->drafts, drafts);
    TAKE(b->place, entries);
    TAKE(b->fixed, entries);
    TAKE(b->values, values);
    TAKE(b->load_view, loads);
    TAKE(b->store_view, stores);
    TAKE(b->row_entry, ops);
    TAKE(b->level, regs);
    TAKE(b->uses, regs);
    for (int w = 0; w < GD_WIDTH_COUNT; w++) {
        TAKE(b->at_width[w], regs);
        TAKE(b->free[w], values);
    }
    TAKE(b->width, regs);
    TAKE(b->still, regs);
    TAKE(b->needed, regs);
    TAKE(b->wanted, regs);
    TAKE(b->in_pass, stores);
    TAKE(b->entry_width, entries);
#undef TAKE
    b->room_values = (int32_t)values;
    b->room_drafts = (int32_t)drafts;
    b->room_entries = (int32_t)entries;
    return memory;
}

int gd_prepare_tile(gd_prepare *p);
int gd_prepare_tile(gd_prepare *p) {
    gd_tile_source source;
    builder b = {.p = p, .isa = gd_isa_current(), .s = &source};
    int status = gd_tile_read(p, &source);
    void *tables = status == GD_OK ? make_tables(&b) : NULL;
    if (status == GD_OK && tables == NULL) status = GD_ERR_MEMORY;
    if (status == GD_OK) {
        p->block = b.tile = gd_tile_keep(&b, sizeof *b.tile);
        b.constants = gd_tile_keep(&b, (size_t)source.n_consts * sizeof *b.constants);
        if (b.status == GD_OK) {
            if (source.n_consts > 0) memcpy(b.constants, source.consts, (size_t)source.n_consts * sizeof *b.constants);
            if (source.total == 0) {
                build_fills(&b);
            } else {
                gd_tile_cut(&b);
                int64_t work = element_work(&source);
                b.part_elements = part_elements(work);
                p->work = gd_work((double)work * (double)source.total / WORK_PER_NS);
                gd_tile_pair(&b);
                build_passes(&b);
            }
        }
        status = b.status;
    }
    free(tables);
    free(source.memory);
    return status;
}
#endif
