/* tile_build.h: what the parts of the tile's preparation share: tile_prepare.c (the loops, the passes),
 * tile_cut.c (the tile), tile_pairs.c (operations joined), tile_stage.c (the steps of one stage) and tile_registers.c (what
 * they take). Compiled once, for no ISA.
 *
 *   pass     stores that reduce over the same loops; one walk over the iteration space. Plain stores go with the last.
 *   stage    rows too long for a tile are walked once for each level of row reductions that depend on each other;
 *            each stage computes again what it needs of the row, the last one stores.
 */
#ifndef GD_TILE_BUILD_H
#define GD_TILE_BUILD_H
#include "tile.h"

typedef struct {
    gd_prepare *p;
    const gd_isa_table *isa;
    gd_tile_source *s;
    gd_tile *tile;
    int64_t *constants; /* the program's copy */
    int status;         /* the first failure; everything after it is harmless */

    /* the tile: k steps of dimension t, per_k elements each */
    int64_t limit;         /* elements in a tile, at most */
    int64_t part_elements; /* in a part, at least */
    int t;
    int first;       /* the tile's outermost dimension: t, but of columns within a tile the row's first */
    uint32_t inside; /* those of a step: of the tile's but t */
    int staged;      /* rows are longer than a tile */
    gd_columns columns;
    int64_t k, last_k, per_k;
    int n_loops;
    int dim_of_loop[GD_TILE_LOOPS]; /* outermost first; dimension t's loop counts tiles */
    int64_t count_of_loop[GD_TILE_LOOPS];
    int8_t *width;  /* [regs] gd_width */
    int8_t *still;  /* [regs] 1: the same along loops from pass->still on; all 0 where that brings nothing */
    int spreads;    /* 1: values of GD_WIDTH_ROW are spread over short rows, once for as many tiles as it can be */
    int32_t *level; /* [regs] the stage in which it can first be computed */
    int32_t *uses;  /* [regs] how many operations and stores read it */

    /* the pass */
    gd_tile_pass *pass;
    int loop_dim[GD_TILE_LOOPS]; /* as dim_of_loop, in the pass's order */
    int8_t *in_pass;             /* [stores] */
    int8_t *needed;              /* [regs] */
    int32_t *load_view;          /* [loads] its view, or -1 */
    int32_t *store_view;         /* [stores] */
    int32_t *row_entry;          /* [ops] where a staged row reduction's result lives, or -1 */
    int64_t scratch;             /* bytes given out */
    int32_t n_entries, room_entries;
    int64_t *place;      /* [entries] offset in the scratch; -1: of a note */
    const void **fixed;  /* [entries] or an address; NULL: none */
    int8_t *entry_width; /* of registers that are given back: width + 1; among entries from first_register on */
    int32_t first_register, room_views;
    int32_t *free[GD_WIDTH_COUNT]; /* entries of registers that no value lives in */
    int32_t n_free[GD_WIDTH_COUNT];

    /* the stage */
    int32_t *at_width[GD_WIDTH_COUNT]; /* [regs] value, or -1 */
    int8_t *wanted;                    /* [regs] */
    int32_t n_kept;                    /* drafts for the first of some tiles only */
    struct gd_tile_value *values;
    int32_t n_values, room_values;
    struct gd_tile_draft *drafts;
    int32_t n_drafts, room_drafts;
} gd_tile_builder;

/* a register at a width: where it lives and how long */
typedef struct gd_tile_value {
    int32_t entry; /* in the address table; -1 until it has one */
    int32_t last;  /* the last draft that reads it */
    int32_t item;
    int8_t width, fixed; /* fixed: memory or a constant, no room to give back */
} gd_tile_value;

/* a step whose operands are values yet */
typedef struct gd_tile_draft {
    gd_tile_step step;
    int32_t args[3], out; /* values, -1: none */
    int8_t n_args;
    int8_t dropped;
} gd_tile_draft;

static inline int32_t gd_tile_reg_of_op(const gd_tile_source *s, int op) { return s->n_loads + s->n_consts + op; }
static inline int gd_is_row_op(int micro) { return gd_micros[micro].result == 'R'; }

/* memory of the program; sets status where there is none */
void *gd_tile_keep(gd_tile_builder *b, size_t bytes);

/* The shape of dimensions from.. of a view, those in skip left out, neighbours merged where the view allows.
 * Dimension t, if cut_t, counts as k. */
gd_shape gd_tile_shape(gd_tile_builder *b, const gd_source_view *v, int item, int from, uint32_t skip, int cut_t);

/* a new entry of the address table: a fixed address, or room in the scratch */
int32_t gd_tile_entry(gd_tile_builder *b, const void *fixed, int64_t bytes);

/* a new entry that is no address: 0 when a run starts */
int32_t gd_tile_note(gd_tile_builder *b);

/* chooses the tile, its loops and the widths of registers (tile_cut.c) */
void gd_tile_cut(gd_tile_builder *b);

/* whether a loop over a dimension walks along rows */
static inline int gd_tile_is_along(const gd_tile_builder *b, int dim) {
    return b->staged && dim >= b->s->row_start && dim < b->s->row_end;
}

/* joins operations that one step can do and counts what reads each (tile_pairs.c), once widths are known */
void gd_tile_pair(gd_tile_builder *b);

int64_t gd_tile_register_bytes(const gd_tile_builder *b, int width);

/* gives the drafts' values registers, and the stage its steps (tile_registers.c) */
void gd_tile_allocate(gd_tile_builder *b, gd_tile_stage *stage);

/* Does the tile of a view lie in memory as in a register of a width? */
int gd_tile_view_is_direct(const gd_tile_builder *b, const gd_source_view *v, int width);

/* fills pass->stages[stage]; `last`: it is the pass's last */
void gd_tile_stage_build(gd_tile_builder *b, int stage, int last);

#endif
