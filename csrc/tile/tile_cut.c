/* tile_cut.c: how large the tile of an instruction is, which loops walk over tiles, and which values are the same all
 * along a step or a tile (tile_build.h). By shape alone.
 */
#ifdef GD_PREPARE
#include <string.h>

#include "tile_build.h"

enum {
    TILE_BYTES = 2048,      /* of a register: a dozen of them stay in the first-level cache, */
    REGISTER_BYTES = 24576, /* and of fewer larger ones: of all of them, */
    MOST_TILE_BYTES = 8192, /* and of one */
    ROW_BYTES = 8192,       /* rows up to this stay in registers whole */
    COLUMNS = 64,           /* so many are worked on at once where they lie in tiles whole, */
    COLUMN_BYTES = 16384,   /* up to this in a register */
    DEAR = 4                /* in float32 additions: better kept than computed again */
};

typedef gd_tile_builder builder;

/* Whether something dear of each element is reduced along rows, so that stages would compute it again. */
static int has_dear_rows(const builder *b) {
    const gd_tile_source *s = b->s;
    int8_t *moves = b->still, *reduced = b->wanted; /* [regs] along rows; there for the while */
    int found = 0;
    for (int i = 0; i < s->n_loads; i++)
        for (int d = s->row_start; d < s->row_end; d++) moves[i] |= s->loads[i].stride[d] != 0;
    for (int i = 0; i < s->n_ops; i++)
        for (int k = 0; k < 3 && s->ops[i].arg[k] >= 0 && !gd_is_row_op(s->ops[i].micro); k++)
            moves[gd_tile_reg_of_op(s, i)] |= moves[s->ops[i].arg[k]];
    for (int i = s->n_ops - 1; i >= 0; i--) {
        int32_t reg = gd_tile_reg_of_op(s, i);
        found |= moves[reg] && reduced[reg] && gd_micros[s->ops[i].micro].cost >= DEAR;
        for (int k = 0; k < 3 && s->ops[i].arg[k] >= 0; k++)
            reduced[s->ops[i].arg[k]] |= (int8_t)(gd_is_row_op(s->ops[i].micro) || (moves[reg] && reduced[reg]));
    }
    memset(moves, 0, (size_t)s->n_regs);
    return found;
}

static void choose_tile(builder *b) {
    const gd_tile_source *s = b->s;
    int64_t item = 4, row = 1;
    for (int i = 0; i < s->n_regs; i++) {
        int64_t bytes = gd_item_bytes(s->dtype[i]);
        if (bytes > item) item = bytes;
    }
    int64_t bytes = REGISTER_BYTES / (s->n_regs > 0 ? s->n_regs : 1) / 1024 * 1024;
    b->limit = gd_max(TILE_BYTES, gd_min(bytes, MOST_TILE_BYTES)) / item;
    for (int d = s->row_start; d < s->row_end; d++) row *= s->dims[d];
    int has_rows = s->row_start < s->row_end, has_columns = has_rows && s->row_end < s->n_dims;
    if (!has_columns) b->staged = has_rows && row > ROW_BYTES / item;
    else b->staged = !has_dear_rows(b) || row * gd_min(s->dims[s->n_dims - 1], COLUMNS) > COLUMN_BYTES / item;
    b->per_k = 1;
    if (has_columns) {
        b->columns = b->staged ? GD_COLUMNS_STAGED : GD_COLUMNS_WITHIN;
        b->t = s->n_dims - 1;
        if (!b->staged) {
            b->per_k = row;
        } else if (s->dims[b->t] <= b->limit / 4) { /* several steps of all columns at once */
            b->per_k = s->dims[b->t--];
        }
    } else if (has_rows && !b->staged) {
        b->t = s->row_start - 1;
        b->per_k = row;
    } else {
        int lowest = b->staged ? s->row_start : 0;
        b->t = s->n_dims - 1;
        while (b->t > lowest && s->dims[b->t] * b->per_k <= b->limit) b->per_k *= s->dims[b->t--];
    }
    int64_t size = s->dims[b->t], most = b->limit / b->per_k;
    int is_cut_across = has_columns && b->t >= s->row_end; /* of one column nothing would be side by side */
    if (most < (is_cut_across ? COLUMNS : 1)) most = is_cut_across ? COLUMNS : 1;
    int64_t chunks = gd_ceil_div(size, most);
    b->k = gd_ceil_div(size, chunks);
    if ((b->per_k == 1 || is_cut_across) && chunks > 1)
        b->k = gd_round_up(b->k, 16); /* whole vectors in all chunks but the last */
    while (is_cut_across && size > b->k && size % b->k == 1) b->k += 16;
    chunks = gd_ceil_div(size, b->k);
    b->last_k = size - (chunks - 1) * b->k;
    b->first = b->columns == GD_COLUMNS_WITHIN ? s->row_start : b->t;
    for (int d = b->first; d < s->n_dims; d++)
        if (d != b->t) b->inside |= UINT32_C(1) << d;
    for (int d = 0; d <= b->t; d++) {
        int64_t count = d < b->t ? s->dims[d] : chunks;
        if (count == 1 || b->inside >> d & 1) continue;
        b->dim_of_loop[b->n_loops] = d;
        b->count_of_loop[b->n_loops++] = count;
    }
}

static int view_width(const builder *b, const gd_source_view *v) {
    const gd_tile_source *s = b->s;
    for (int d = 0; d < s->n_dims; d++)
        if ((b->inside >> d & 1) && v->stride[d] != 0) return GD_WIDTH_TILE;
    if (v->stride[b->t] == 0 || s->dims[b->t] == 1) return GD_WIDTH_ONE;
    return b->per_k == 1 ? GD_WIDTH_TILE : GD_WIDTH_ROW;
}

static void choose_widths(builder *b) {
    const gd_tile_source *s = b->s;
    for (int i = 0; i < s->n_loads; i++) b->width[i] = (int8_t)view_width(b, &s->loads[i]);
    for (int i = 0; i < s->n_consts; i++) b->width[s->n_loads + i] = GD_WIDTH_ONE;
    for (int i = 0; i < s->n_ops; i++) {
        int32_t reg = gd_tile_reg_of_op(s, i), width = GD_WIDTH_ONE, level = 0;
        for (int k = 0; k < 3 && s->ops[i].arg[k] >= 0; k++) {
            int32_t arg = s->ops[i].arg[k];
            if (b->width[arg] > width) width = b->width[arg];
            if (b->level[arg] > level) level = b->level[arg];
        }
        if (gd_is_row_op(s->ops[i].micro)) {
            width = !b->staged ? GD_WIDTH_ROW : b->columns ? GD_WIDTH_TILE : GD_WIDTH_ONE;
            level += b->staged;
        }
        b->width[reg] = (int8_t)width;
        b->level[reg] = level;
    }
}

void gd_tile_cut(builder *b) {
    choose_tile(b);
    choose_widths(b);
}
#endif
