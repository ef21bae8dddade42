/* tile_registers.c: the registers that the steps of one stage of a tile pass take. Two values share one where they don't
 * live at the same time. Knows nothing of what steps do.
 */
#ifdef GD_PREPARE
#include "tile_build.h"

int64_t gd_tile_register_bytes(const gd_tile_builder *b, int width) {
    int64_t item = 1;
    if (width == GD_WIDTH_ONE) return 8;
    if (width == GD_WIDTH_ROW) return b->k * 8;
    for (int i = 0; i < b->s->n_regs; i++) {
        int64_t bytes = gd_item_bytes(b->s->dtype[i]);
        if (bytes > item) item = bytes;
    }
    return b->k * b->per_k * item;
}

static int32_t take_entry(gd_tile_builder *b, int width) {
    if (b->n_free[width] > 0) return b->free[width][--b->n_free[width]];
    int32_t entry = gd_tile_entry(b, NULL, gd_tile_register_bytes(b, width));
    b->entry_width[entry] = (int8_t)(width + 1);
    return entry;
}

static void give_back(gd_tile_builder *b, int32_t v) {
    const gd_tile_value *value = &b->values[v];
    if (!value->fixed) b->free[value->width][b->n_free[value->width]++] = value->entry;
}

/* an operand whose last use this is may be overwritten by the result, element by element */
static int can_overwrite(const gd_tile_builder *b, const gd_tile_draft *d, int32_t v) {
    return (d->step.kind == GD_STEP_MICRO || d->step.kind == GD_STEP_MICRO_ROWS) &&
           b->values[v].item == b->values[d->out].item && b->values[v].width == b->values[d->out].width;
}

/* linear scan: drafts in order, a register's room is given back after its last use */
void gd_tile_allocate(gd_tile_builder *b, gd_tile_stage *stage) {
    stage->steps = gd_tile_keep(b, (size_t)b->n_drafts * sizeof *stage->steps);
    for (int w = 0; w < GD_WIDTH_COUNT; w++) b->n_free[w] = 0;
    for (int e = b->first_register; e < b->n_entries; e++) { /* all that earlier stages made */
        int w = b->entry_width[e] - 1;
        if (w >= 0) b->free[w][b->n_free[w]++] = e;
    }
    for (int i = 0; i < b->n_drafts && b->status == GD_OK; i++) {
        gd_tile_draft *d = &b->drafts[i];
        if (d->dropped) continue;
        int32_t ending[3];
        int n_ending = 0;
        uint16_t entries[3] = {0, 0, 0};
        for (int k = 0; k < d->n_args; k++) {
            int32_t v = d->args[k];
            entries[k] = (uint16_t)b->values[v].entry;
            int again = (k > 0 && d->args[0] == v) || (k > 1 && d->args[1] == v);
            if (b->values[v].last == i && !again) ending[n_ending++] = v;
        }
        for (int k = 0; k < n_ending; k++)
            if (can_overwrite(b, d, ending[k])) {
                give_back(b, ending[k]);
                ending[k--] = ending[--n_ending];
            }
        if (d->out >= 0 && b->values[d->out].entry < 0)
            b->values[d->out].entry = take_entry(b, b->values[d->out].width);
        for (int k = 0; k < n_ending; k++) give_back(b, ending[k]);
        if (d->out >= 0 && b->values[d->out].last < 0) give_back(b, d->out); /* read by nobody */
        gd_tile_step step = d->step;
        if (d->out >= 0) step.out = (uint16_t)b->values[d->out].entry;
        if (d->n_args > 0) step.a = entries[0];
        if (d->n_args > 1) step.b = entries[1];
        if (d->n_args > 2) step.c = entries[2];
        stage->steps[stage->n_steps++] = step;
    }
}
#endif
