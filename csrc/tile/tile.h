/* tile.h: a prepared tile instruction, as tile_prepare.c makes it and tile.c runs it.
 *
 * The iteration space is cut into tiles: k steps of one dimension times all of those inside it. Micro-operations
 * run on whole tiles held in registers of the scratch, on one value a step of the first dimension (ROW) or on a
 * single value (ONE), whichever suffices. Rows that lie across the last dimension are columns of it: the tile is a row
 * times k steps of that dimension, or, where rows are longer, a part of each of several columns. Loops walk over the tiles; those over reduced dimensions are innermost,
 * so that a result's accumulator stays where it is until it is complete.
 *
 * A run keeps a table of addresses in its scratch: views first (running addresses; for an iota the running value),
 * then constants, then registers. Steps name operands by their entry in it.
 */
#ifndef GD_TILE_H
#define GD_TILE_H
#include "../program/isa.h"

enum {
    GD_TILE_DIMS = 31,
    GD_TILE_LOOPS = GD_TILE_DIMS + 2,
    GD_TILE_LEAF = 8 /* turns summed one by one before the tree of sums begins */
};

typedef enum { GD_WIDTH_ONE, GD_WIDTH_ROW, GD_WIDTH_TILE, GD_WIDTH_COUNT } gd_width;

/* Rows that lie across the last dimension: within a tile, which is (row, k), or walked in stages by tiles of whole
 * steps along the row, whose results are then as many as a step has elements. */
typedef enum { GD_COLUMNS_NONE, GD_COLUMNS_WITHIN, GD_COLUMNS_STAGED } gd_columns;

/* where the elements of a tile lie in memory, outermost first; count[scaled] is times k, if scaled >= 0 */
typedef struct {
    int32_t n, scaled; /* n >= 1 */
    const int64_t *count;
    const int64_t *stride; /* bytes; of an iota: what a step adds */
} gd_shape;

typedef struct {
    int32_t operand; /* -1: an iota */
    int64_t offset;  /* bytes; of an iota: its first value */
    gd_shape shape;
    int64_t ahead; /* bytes an element takes in the next tile, which is fetched while this one is worked on;
                                 * 0: it is not */
} gd_tile_view;

typedef enum {
    GD_STEP_MICRO,      /* out = fn(a, b, c) */
    GD_STEP_MICRO_ROWS, /* the same step by step, where an operand has one value for each step */
    GD_STEP_LOAD,       /* out = view `index`, gathered */
    GD_STEP_LOAD_ONCE,  /* the same, unless entries a and b say that it is there from the tile before */
    GD_STEP_IOTA,       /* out = the values of view `index` */
    GD_STEP_STORE,      /* view `index` = a, scattered */
    GD_STEP_SPREAD_ONE, /* out = a everywhere */
    GD_STEP_SPREAD_ROW, /* out = a[i] in all of step i */
    GD_STEP_FOLD_ROW,   /* out[i] = a, or a times b, folded over step i */
    GD_STEP_REDUCE      /* a, or a times b, joins reduction `index` */
} gd_step_kind;

typedef struct {
    void (*fn)(void); /* gd_micro_fn, gd_fold_fn or none */
    uint8_t kind, width, item;
    uint8_t row_bytes[3];  /* MICRO_ROWS: the item where the operand is GD_WIDTH_ROW; */
    uint8_t tile_bytes[3]; /* the item where it is GD_WIDTH_TILE; 0 and 0: the same for all steps */
    uint16_t out, a, b, c; /* entries of the address table */
    int32_t index;
} gd_tile_step;

typedef struct {
    int32_t n_steps, n_kept;   /* the first n_kept are for the first tile after a loop before pass->still has moved */
    int32_t first_row, n_rows; /* reductions whose results the next stages need */
    gd_tile_step *steps;
} gd_tile_stage;

/* one fold of a tile: (outer, length, inner) -> (outer, inner), one of which is times k */
typedef struct {
    int64_t outer, length, inner;
    int32_t scale_outer, scale_length, scale_inner;
} gd_tile_fold;

typedef struct {
    int32_t view; /* the result; its loop strides are 0 over the loops that reduce */
    int32_t row;  /* or the entry that holds a staged row's result; else -1 */
    int32_t item;
    int32_t immediate; /* 1: no loop reduces, each tile's result is stored at once */
    int32_t cascade;   /* 1: sums of sums in a tree, for accuracy; 0: one accumulator */
    int32_t late;      /* the width of whole tiles that are accumulated, then folded; 0: each tile is folded first */
    gd_fold_fn fold;
    gd_fold_fn dot; /* or NULL: the first fold, of products of two operands */
    gd_micro_fn combine;
    int32_t n_folds;
    gd_tile_fold *folds;
    gd_shape part_shape;  /* the tile's contribution within the result */
    gd_shape shape;       /* all that is accumulated, within the result */
    int64_t *at_stride;   /* [loops] bytes by which a loop's turn moves the contribution in the accumulator */
    int64_t *turn_stride; /* [loops] which turn it is for its place in the accumulator */
    int64_t turns, levels;
    int64_t level_bytes;
    int64_t accumulator, buffer; /* scratch offsets; the buffer has room for two contributions */
    int64_t buffer_bytes;
    int64_t per_masked;            /* turns in one turn of the masked loops; of a row, which starts anew in each, 0 */
    int64_t shared, segment_bytes; /* where segments leave their results, and the most of one */
} gd_tile_reduction;

typedef struct {
    int32_t n_views, n_entries, n_loops, n_stages, n_reductions;
    int32_t n_outer, n_masked; /* loops [0, n_outer) keep, [n_outer, n_outer + n_masked) reduce, the rest walk a row */
    int32_t chunk;             /* the loop that cuts the tiles' first dimension, or -1 */
    int32_t still;             /* loops from here on move no load of GD_WIDTH_ROW */
    int32_t columns;           /* gd_columns */
    int32_t fetches;           /* 1: some view is fetched ahead */
    int64_t k, last_k, per_k;  /* steps in a tile, in the last one, elements in a step */
    int64_t count[GD_TILE_LOOPS];
    gd_tile_view *views;
    int64_t *loop_stride; /* [loops][views] */
    uint64_t *start;      /* [entries] what an entry that is no view holds when a run starts: a constant's address, */
    uint64_t *within;     /* or, where all bits are set here and not none, an offset in the scratch */
    int64_t table;        /* scratch offset of the address table */
    gd_tile_stage *stages;
    gd_tile_reduction *reductions;
    int64_t outer_total, outer_per_part, parts;
    /* Where there is little to share out but much to reduce, the masked loops are cut into segments: a part is one
     * segment of one turn of the outer loops and leaves its results for a last call to reduce. Else there is 1. */
    int64_t segments, masked_total, masked_per_segment;
} gd_tile_pass;

/* what a reduction over nothing leaves */
typedef struct {
    int32_t operand, item;
    int64_t offset; /* bytes */
    gd_shape shape;
    uint64_t identity;
} gd_tile_fill;

typedef struct {
    int32_t n_passes, n_fills;
    int32_t straight;     /* 1: one pass over one tile, all of whose steps are micro-operations */
    gd_tile_pass *passes; /* run in order; several make one part */
    gd_tile_fill *fills;
} gd_tile;

/* tile_source.c: the payload, read and checked */
typedef struct {
    int32_t operand, dtype;
    int64_t offset;
    int64_t stride[GD_TILE_DIMS + 1];
    int64_t low, high; /* first and last element reached; low > high: none */
} gd_source_view;

typedef struct {
    int32_t micro, dtype, compute;
    int32_t arg[3];
} gd_source_op;

typedef struct {
    int32_t reg, reduce;
    uint32_t mask; /* bit d: dimension d is reduced */
    gd_source_view view;
} gd_source_store;

typedef struct {
    int32_t n_dims;
    int32_t row_start, row_end; /* rows are dimensions row_start..row_end-1, behind which there is one more at most */
    uint32_t rows;              /* and were these before they were put there */
    int32_t n_loads, n_consts, n_ops, n_stores, n_regs;
    int64_t dims[GD_TILE_DIMS + 1];
    int64_t total;
    gd_source_view *loads;
    int64_t *consts;
    gd_source_op *ops;
    gd_source_store *stores;
    int32_t *dtype; /* [regs] */
    void *memory;   /* what to free */
} gd_tile_source;

/* the words of an operation, and what reads and checks those at `at`: register `reg`, whose dtype it writes down behind
 * those of all registers before it */
enum { GD_OP_MICRO, GD_OP_DTYPE, GD_OP_ARGS, GD_OP_WORDS = GD_OP_ARGS + 3 };
int gd_op_read(gd_prepare *p, int64_t at, int32_t *dtype, int32_t reg, gd_source_op *op);

/* Joins operations that are done in one: each reads from then on what its producer did, which nobody reads any more
 * (tile_pairs.c). The first op's register is `first`; uses: how many read each register, counted anew; width (or NULL):
 * only alike ones are joined. */
void gd_ops_pair(const gd_isa_table *isa, gd_source_op *ops, int32_t n_ops, int32_t first, int32_t *uses,
                 const int8_t *width);

/* reads, checks and simplifies: dimensions of size 1 are gone, those that all views take in one stride are merged,
 * and there is at least one. The caller frees source->memory, after a failure too. */
int gd_tile_read(gd_prepare *p, gd_tile_source *source);

#endif
