/* tile_build.c: what the parts of the tile's preparation make things with: memory, entries of the address table, and
 * shapes of views (tile_build.h).
 */
#ifdef GD_PREPARE
#include "tile_build.h"

#include <string.h>

typedef gd_tile_builder builder;

void *gd_tile_keep(builder *b, size_t bytes) {
    void *block = gd_prepare_block(b->p, bytes);
    if (block == NULL) b->status = GD_ERR_MEMORY;
    return block;
}

int32_t gd_tile_entry(builder *b, const void *fixed, int64_t bytes) {
    if (b->n_entries == b->room_entries) b->status = GD_ERR_SHAPE;
    if (b->status != GD_OK) return 0;
    b->fixed[b->n_entries] = fixed;
    b->place[b->n_entries] = b->scratch;
    b->scratch += gd_round_up(bytes, GD_ALIGN);
    return b->n_entries++;
}

int32_t gd_tile_note(builder *b) {
    int32_t entry = gd_tile_entry(b, NULL, 0);
    if (b->status == GD_OK) b->place[entry] = -1;
    return entry;
}

gd_shape gd_tile_shape(builder *b, const gd_source_view *v, int item, int from, uint32_t skip, int cut_t) {
    const gd_tile_source *s = b->s;
    int64_t count[GD_TILE_DIMS + 1] = {1}, stride[GD_TILE_DIMS + 1] = {0};
    int n = 0, scaled = -1;
    for (int d = from; d < s->n_dims; d++) {
        if (skip >> d & 1) continue;
        int cut = cut_t && d == b->t;
        int64_t size = cut ? 1 : s->dims[d], step = (int64_t)((uint64_t)v->stride[d] * (uint64_t)item);
        int whole = !cut || b->k == s->dims[d]; /* what is cut does not go on in the next turn of what is around it */
        if (n > 0 && whole && stride[n - 1] == (int64_t)((uint64_t)step * (uint64_t)s->dims[d])) {
            count[n - 1] *= size;
            stride[n - 1] = step;
        } else {
            count[n] = size;
            stride[n++] = step;
        }
        if (cut) scaled = n - 1;
    }
    if (n == 0) n = 1;
    int64_t *words = gd_tile_keep(b, (size_t)(2 * n) * sizeof *words);
    gd_shape shape = {.n = n, .scaled = scaled, .count = words, .stride = words != NULL ? words + n : NULL};
    if (words == NULL) return shape;
    memcpy(words, count, (size_t)n * sizeof *words);
    memcpy(words + n, stride, (size_t)n * sizeof *words);
    return shape;
}
#endif
