/* conv_images.c: correlations of small images, many side by side (conv.h): when that pays, and their phases.
 *
 * Owns: the count of both forms' work, the phases of the second. Invariants: what is chosen follows from the sizes alone;
 * an element's sum has the order of taps that it has in the other form, without those in the padding.
 * It must not know of payloads, nor of registers.
 */
#include "conv.h"

#ifdef GD_PREPARE
#include <string.h>

enum {
    LANE_BYTES = 64,
    MOST_LANE_BYTES = 128,
    BAND_BYTES = 262144,
    MOST_PLACES = 1024,
    MOST_TAPS = 1 << 18,
    MOST_ROWS = 8, /* channels of the result at a time: conv.c's ROWS at most */
    /* what it costs beside the taps, in taps of a vector: to store one, here and there, and to gather one */
    STORE_HERE = 16,
    STORE_THERE = 4,
    GATHER = 12
};

/* where tap i of element t lies in the source; -1: outside */
static int64_t source_of(const gd_conv_axis *axis, int64_t t, int64_t i) {
    int64_t at = t * axis->stride + i * axis->dilation - axis->before;
    if (axis->is_transpose) {
        at = t + axis->before - i * axis->dilation;
        if (at < 0 || at % axis->stride != 0) return -1;
        at /= axis->stride;
    }
    return at >= 0 && at < axis->sources ? at : -1;
}

/* along one axis: elements that have the same taps are a kind, named by the first of them */
typedef struct {
    int64_t kind[MOST_PLACES], taps[MOST_PLACES], count[MOST_PLACES]; /* by element; by kind, how many it has */
    int64_t of_all, of_kinds;                                         /* taps */
} kinds;

static int are_alike(const gd_conv_axis *axis, int64_t t, int64_t u) {
    for (int64_t i = 0; i < axis->taps; i++)
        if ((source_of(axis, t, i) < 0) != (source_of(axis, u, i) < 0)) return 0;
    return 1;
}

static void find_kinds(const gd_conv_axis *axis, kinds *k) {
    memset(k, 0, sizeof *k);
    for (int64_t t = 0; t < axis->targets; t++) {
        int64_t u = 0;
        while (u < t && (k->kind[u] != u || !are_alike(axis, t, u))) u++;
        k->kind[t] = u;
        k->count[u]++;
        for (int64_t i = 0; u == t && i < axis->taps; i++) k->taps[t] += source_of(axis, t, i) >= 0;
        k->of_all += k->taps[u];
        k->of_kinds += u == t ? k->taps[t] : 0;
    }
}

/* what the other form takes for a channel of the result of one image, in taps of a vector */
static double other_work(const gd_conv_correlation *b, int64_t lanes) {
    double work = 0;
    for (const gd_conv_phase *phase = b->phases; phase < b->phases + b->n_phases; phase++) {
        int64_t rows = phase->row_high - phase->row_low, cols = phase->col_high - phase->col_low;
        if (rows <= 0 || cols <= 0) continue;
        int64_t flat = gd_ceil_div((rows - 1) * b->source.pitch + cols, lanes), apart = rows * gd_ceil_div(cols, lanes);
        work += (double)gd_min(flat, apart) * (double)(phase->n_taps + STORE_THERE);
    }
    return work;
}

static int64_t first_source(const gd_conv_axis *axis, int64_t t) {
    for (int64_t i = 0; i < axis->taps; i++)
        if (source_of(axis, t, i) >= 0) return source_of(axis, t, i);
    return 0;
}

/* the phase of the elements of two kinds: its taps, relative to the first of them, and its elements */
static void make_phase(const gd_conv_correlation *b, const gd_conv_axis *rows, const gd_conv_axis *cols, int64_t row,
                       int64_t col, int64_t weight_channel, gd_conv_tap *taps) {
    int64_t from = first_source(rows, row) * cols->sources + first_source(cols, col);
    for (int64_t c = 0; c < b->source_channels; c++)
        for (int64_t i = 0; i < rows->taps; i++) {
            int64_t y = source_of(rows, row, i);
            for (int64_t j = 0; y >= 0 && j < cols->taps; j++) {
                int64_t x = source_of(cols, col, j);
                if (x < 0) continue;
                taps->a = (int32_t)(c * weight_channel + i * cols->taps + j);
                taps->b = (int32_t)((c * b->source_plane + y * cols->sources + x - from) * b->lanes);
                taps++;
            }
        }
}

int gd_conv_images(gd_prepare *p, gd_conv_correlation *b, const gd_conv_axis *rows, const gd_conv_axis *cols,
                   int64_t images, int64_t weight_channel) {
    int64_t item = gd_item_bytes(b->dtype), lanes = LANE_BYTES / item;
    int64_t vectors = gd_ceil_div(images, lanes), band = b->source_channels * b->source_plane;
    if (b->target_plane > MOST_PLACES || rows->taps > MOST_PLACES || cols->taps > MOST_PLACES ||
        band > BAND_BYTES / LANE_BYTES || band == 0)
        return GD_OK;
    kinds *of_rows = gd_prepare_block(p, 2 * sizeof *of_rows), *of_cols = of_rows + 1;
    if (of_rows == NULL) return GD_ERR_MEMORY;
    find_kinds(rows, of_rows);
    find_kinds(cols, of_cols);
    double store = (double)(of_rows->of_all * of_cols->of_all * b->source_channels + STORE_HERE * b->target_plane);
    double work = ((double)b->target_channels * store + (double)(GATHER * band)) * (double)vectors;
    double other = other_work(b, lanes) * (double)b->target_channels * (double)images;
    int64_t n_taps = b->source_channels * of_rows->of_kinds * of_cols->of_kinds, n_phases = 0;
    if (n_taps > MOST_TAPS || work > other) return GD_OK;

    for (int64_t t = 0; t < rows->targets; t++)
        for (int64_t s = 0; s < cols->targets; s++) n_phases += of_rows->kind[t] == t && of_cols->kind[s] == s;
    gd_conv_phase *phase = gd_prepare_block(p, (size_t)n_phases * sizeof *phase);
    gd_conv_tap *taps = gd_prepare_block(p, (size_t)(n_taps + 1) * sizeof *taps);
    gd_conv_place *places = gd_prepare_block(p, (size_t)b->target_plane * sizeof *places);
    if (phase == NULL || taps == NULL || places == NULL) return GD_ERR_MEMORY;
    int64_t most = gd_min(BAND_BYTES / LANE_BYTES / band, MOST_LANE_BYTES / LANE_BYTES);
    int64_t units = gd_ceil_div(vectors, gd_min(most, vectors));
    b->lanes = gd_ceil_div(vectors, units) * lanes;
    b->images = images;
    b->units = gd_ceil_div(images, b->lanes) * b->groups;
    b->phases = phase;
    b->n_phases = n_phases;
    b->results_at = gd_round_up(band * b->lanes * item, GD_ALIGN);
    p->scratch = b->results_at + gd_round_up(MOST_ROWS * b->target_plane * b->lanes * item, GD_ALIGN);
    for (int64_t row = 0; row < rows->targets; row++)
        for (int64_t col = 0; col < cols->targets; col++) {
            if (of_rows->kind[row] != row || of_cols->kind[col] != col) continue;
            *phase = (gd_conv_phase){.taps = taps, .places = places};
            phase->n_taps = b->source_channels * of_rows->taps[row] * of_cols->taps[col];
            phase->n_places = of_rows->count[row] * of_cols->count[col];
            make_phase(b, rows, cols, row, col, weight_channel, taps);
            for (int64_t t = 0; t < rows->targets; t++)
                for (int64_t s = 0; s < cols->targets; s++) {
                    if (of_rows->kind[t] != row || of_cols->kind[s] != col) continue;
                    int64_t from = first_source(rows, t) * cols->sources + first_source(cols, s);
                    *places++ = (gd_conv_place){(int32_t)(from * b->lanes), (int32_t)(t * cols->targets + s)};
                }
            taps += phase->n_taps;
            phase++;
        }
    return GD_OK;
}
#endif
