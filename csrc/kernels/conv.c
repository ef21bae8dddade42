/* conv.c: the three products of a convolution (see conv.h), images NCHW, weights OIHW.
 *
 * Payload: N C H W, O Ho Wo, kh kw, stride rows cols, padding top left, dilation rows cols, groups.
 *   conv2d     x, w -> y      y[n,o,r,s] = sum x[n,c,r*stride+i*dilation-top,..] w[o,c,i,j]
 *   conv2d_dx  g, w -> x      the same sum over what lies at one x
 *   conv2d_dw  x, g -> w      the same sum over what lies at one w
 * The first two may have the words of an epilogue behind these, with the result's channels, and read a third operand.
 * What lies outside the image counts as zero; the sizes need not fit each other in any way.
 *
 * Owns: the payload's checks, the cut into bands and parts. Invariants: both follow from the payload alone; every
 * element is one sum, or in conv2d_dw one a block of images, in an order that follows from the payload.
 * It must not know of BLAS, nor of registers (conv_body.h).
 */
#include "conv.h"
#include "template.h"
#include "transpose.h"

#include <stdlib.h>
#include <string.h>

#ifdef GD_PREPARE

enum { N, C, H, W, O, HO, WO, KH, KW, SH, SW, TOP, LEFT, DH, DW, GROUPS, N_PARAMS };
enum { SLACK = 64, MIN_LANES_BYTES = 16, VECTOR_BYTES = 8, PIECE_BYTES = 16 };
#define BAND_BYTES 262144.0             /* of a gathered band: it stays in the second cache with its weights */
#define LARGEST (INT64_C(1) << 30)      /* any number of elements that offsets are made of */
#define LARGEST_BAND (INT64_C(1) << 26) /* elements gathered at once: what padding and dilation may make of an image */

typedef struct {
    const int64_t *p; /* the payload */
    int64_t c, o;     /* channels of one group */
    int64_t empty;
} conv_sizes;

static int holds(gd_prepare *p, int operand, int dtype, const int64_t *sizes) {
    const gd_value *v = gd_operand(p, operand);
    int64_t count = 1;
    for (int i = 0; i < 4; i++)
        if (sizes[i] != 0 && count > INT64_MAX / sizes[i]) return gd_prepare_fail(p, GD_ERR_SHAPE, -1, sizes[i]);
        else count *= sizes[i];
    if (v->dtype != dtype) return gd_prepare_fail(p, GD_ERR_TYPE, -1, v->dtype);
    return v->count == count ? GD_OK : gd_prepare_fail(p, GD_ERR_SHAPE, -1, v->count);
}

static int has_epilogue(const gd_prepare *p) { return p->n_payload == N_PARAMS + 1 + GD_EPILOGUE_WORDS; }

/* reads the payload, but for the epilogue; operands: where image, weight and result stand */
static int read_sizes(gd_prepare *p, int image, int weight, int result, conv_sizes *s) {
    if ((p->n_payload != N_PARAMS + 1 && !has_epilogue(p)) || p->payload[0] != N_PARAMS)
        return gd_prepare_fail(p, GD_ERR_FORMAT, -1, p->n_payload);
    if (p->n_reads < 2 || p->n_reads > 2 + has_epilogue(p) || p->n_writes != 1)
        return gd_prepare_fail(p, GD_ERR_FORMAT, -1, p->n_reads);
    const int64_t *q = s->p = p->payload + 1;
    for (int i = 0; i < N_PARAMS; i++) {
        int64_t least = i >= KH && i != TOP && i != LEFT;
        if (q[i] < least || q[i] > LARGEST) return gd_prepare_fail(p, GD_ERR_SHAPE, 1 + i, q[i]);
    }
    if (q[C] % q[GROUPS] != 0 || q[O] % q[GROUPS] != 0) return gd_prepare_fail(p, GD_ERR_SHAPE, 1 + GROUPS, q[GROUPS]);
    s->c = q[C] / q[GROUPS];
    s->o = q[O] / q[GROUPS];
    int dtype = gd_operand(p, 0)->dtype;
    if (dtype != GD_F32 && dtype != GD_F64) return gd_prepare_fail(p, GD_ERR_TYPE, -1, dtype);
    int status = holds(p, image, dtype, (int64_t[]){q[N], q[C], q[H], q[W]});
    if (status == GD_OK) status = holds(p, weight, dtype, (int64_t[]){q[O], s->c, q[KH], q[KW]});
    if (status == GD_OK) status = holds(p, result, dtype, (int64_t[]){q[N], q[O], q[HO], q[WO]});
    if (status != GD_OK) return status;
    /* without results there is nothing to do, and then no size bounds another: the kernel's are not looked at */
    s->empty = gd_operand(p, p->n_reads)->count == 0;
    if (s->empty) return GD_OK;
    int64_t limits[] = {s->c * q[KH],
                        q[KW],
                        s->o * q[KH],
                        q[KW],
                        q[HO] * q[WO],
                        1,
                        q[H] * q[W],
                        1,
                        (q[KH] - 1) * q[DH] + q[HO] * q[SH] + q[TOP],
                        1,
                        (q[KW] - 1) * q[DW] + q[WO] * q[SW] + q[LEFT],
                        1,
                        s->c * s->o * q[KH],
                        q[KW]};
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i += 2)
        if (limits[i] > LARGEST || limits[i] * limits[i + 1] > LARGEST)
            return gd_prepare_fail(p, GD_ERR_SHAPE, -1, limits[i]);
    return GD_OK;
}

/* additions and multiplications */
static double work_of(const conv_sizes *s) {
    const int64_t *q = s->p;
    return 2.0 * (double)(q[N] * q[O]) * (double)(q[HO] * q[WO]) * (double)(s->c * q[KH] * q[KW]);
}

/* the different remainders of i * step by split, in order of appearance; returns how many */
static int64_t remainders(int64_t n, int64_t step, int64_t first, int64_t split, int64_t *out) {
    int64_t count = 0;
    for (int64_t i = 0; i < n && i < split; i++) { /* they repeat after at most `split` */
        int64_t r = (first + i * step) % split, k = 0;
        while (k < count && out[k] != r) k++;
        if (k == count) out[count++] = r;
    }
    return count;
}

static int64_t position(const int64_t *list, int64_t value) {
    int64_t k = 0;
    while (list[k] != value) k++;
    return k;
}

/* the epilogue, and bands as high as the cache takes them */
static int cut_bands(gd_prepare *p, gd_conv_correlation *b, int64_t images) {
    b->epilogue = (gd_epilogue){-1, 0, 0, NULL};
    b->result = p->n_reads;
    if (has_epilogue(p)) {
        int status = gd_epilogue_read(p, N_PARAMS + 1, b->dtype, b->groups * b->target_channels, &b->epilogue);
        if (status != GD_OK) return status;
    }
    gd_conv_source *s = &b->source;
    int64_t item = gd_item_bytes(b->dtype), extra = s->rows; /* rows beyond those of the band itself */
    int64_t rows = b->row_high - b->row_low, planes = b->source_channels * s->n_row_phases * s->n_col_phases;
    double bytes = (double)planes * (double)(rows + extra) * (double)(s->pitch * item);
    b->bands = gd_max(rows / gd_max(extra, 4), 1);
    if (bytes < (double)b->bands * BAND_BYTES) b->bands = (int64_t)(bytes / BAND_BYTES) + 1;
    b->band_rows = gd_ceil_div(rows, b->bands);
    b->bands = gd_ceil_div(rows, b->band_rows);
    s->rows = b->band_rows + extra;
    int64_t elements = planes * s->rows;
    if (elements > LARGEST_BAND || elements * s->pitch > LARGEST_BAND)
        return gd_prepare_fail(p, GD_ERR_SHAPE, -1, elements);

    b->units = images * b->groups * b->bands;

    /* scratch: the band, then for one phase at a time its vectors and the pieces of the result that each makes */
    int64_t vectors = (s->pitch / (MIN_LANES_BYTES / item) + 1) * b->band_rows + 1;
    b->vectors_at = gd_round_up((elements * s->pitch + SLACK) * item, GD_ALIGN);
    b->pieces_at = b->vectors_at + gd_round_up((vectors + 1) * VECTOR_BYTES, GD_ALIGN);
    p->scratch = b->pieces_at + gd_round_up((vectors + b->band_rows) * PIECE_BYTES, GD_ALIGN);
    return GD_OK;
}

/* parts: images first, then bands, then channels */
static void cut_parts(gd_prepare *p, gd_conv_correlation *b, double work) {
    int64_t wanted = work > 64 * 4e6 ? 64 : gd_max((int64_t)(work / 4e6), 1);
    b->part_units = gd_max(b->units / wanted, 1);
    /* parts that share a band gather it each, so only where there are few */
    int64_t blocks = gd_max(gd_min(gd_min(wanted, 16) / b->units, b->target_channels / 16), 1);
    b->channel_step = gd_ceil_div(gd_ceil_div(b->target_channels, blocks), 8) * 8;
    b->channel_blocks = gd_ceil_div(b->target_channels, b->channel_step);
    p->parts = gd_ceil_div(b->units, b->part_units) * b->channel_blocks;
    p->block = b;
}

int gd_prepare_conv2d(gd_prepare *p) {
    conv_sizes s;
    int status = read_sizes(p, 0, 1, p->n_reads, &s);
    if (status != GD_OK || s.empty) return status;
    const int64_t *q = s.p;
    int64_t n_taps = s.c * q[KH] * q[KW];
    gd_conv_correlation *b = gd_prepare_block(p, sizeof *b);
    int64_t *phases = gd_prepare_block(p, (size_t)(q[KH] + q[KW]) * sizeof *phases);
    gd_conv_phase *phase = gd_prepare_block(p, sizeof *phase);
    gd_conv_tap *taps = gd_prepare_block(p, (size_t)n_taps * sizeof *taps);
    if (b == NULL || phases == NULL || phase == NULL || taps == NULL) return GD_ERR_MEMORY;
    int64_t extra_rows = (q[KH] - 1) * q[DH] / q[SH], extra_cols = (q[KW] - 1) * q[DW] / q[SW];
    *b = (gd_conv_correlation){.dtype = gd_operand(p, 0)->dtype,
                               .groups = q[GROUPS],
                               .source_channels = s.c,
                               .target_channels = s.o,
                               .source = {.height = q[H],
                                          .width = q[W],
                                          .split_y = q[SH],
                                          .split_x = q[SW],
                                          .top = q[TOP],
                                          .left = q[LEFT],
                                          .row_phases = phases,
                                          .col_phases = phases + q[KH],
                                          .rows = extra_rows,
                                          .pitch = q[WO] + extra_cols},
                               .source_plane = q[H] * q[W],
                               .target_plane = q[HO] * q[WO],
                               .weight_group = s.o * n_taps,
                               .weight_row = n_taps,
                               .row_high = q[HO],
                               .row_step = q[WO],
                               .col_step = 1,
                               .n_phases = 1,
                               .phases = phase};
    b->source.n_row_phases = remainders(q[KH], q[DH], 0, q[SH], phases);
    b->source.n_col_phases = remainders(q[KW], q[DW], 0, q[SW], phases + q[KH]);
    if ((status = cut_bands(p, b, q[N])) != GD_OK) return status;

    gd_conv_source *g = &b->source;
    *phase = (gd_conv_phase){.taps = taps, .n_taps = n_taps, .row_high = q[HO], .col_high = q[WO]};
    for (int64_t c = 0, t = 0; c < s.c; c++)
        for (int64_t i = 0; i < q[KH]; i++) {
            int64_t down = i * q[DH], row_phase = position(g->row_phases, down % q[SH]);
            for (int64_t j = 0; j < q[KW]; j++, t++) {
                int64_t along = j * q[DW], col_phase = position(g->col_phases, along % q[SW]);
                int64_t plane = (c * g->n_row_phases + row_phase) * g->n_col_phases + col_phase;
                taps[t].a = (int32_t)t;
                taps[t].b = (int32_t)((plane * g->rows + down / q[SH]) * g->pitch + along / q[SW]);
            }
        }
    gd_conv_axis rows = {q[H], q[HO], q[KH], q[SH], q[TOP], q[DH], 0};
    gd_conv_axis cols = {q[W], q[WO], q[KW], q[SW], q[LEFT], q[DW], 0};
    status = gd_conv_images(p, b, &rows, &cols, q[N], q[KH] * q[KW]);
    cut_parts(p, b, work_of(&s));
    return status;
}

/* the q with 0 <= q * split + phase - before < size */
static void valid(int64_t size, int64_t split, int64_t phase, int64_t before, int64_t *low, int64_t *high) {
    *low = before > phase ? gd_ceil_div(before - phase, split) : 0;
    *high = size + before > phase ? gd_ceil_div(size + before - phase, split) : *low;
}

int gd_prepare_conv2d_dx(gd_prepare *p) {
    conv_sizes s;
    int status = read_sizes(p, p->n_reads, 1, 0, &s);
    if (status != GD_OK || s.empty) return status;
    const int64_t *q = s.p;
    int64_t n_taps = s.o * q[KH] * q[KW], kernel = q[KH] * q[KW];
    int64_t down = gd_min(q[SH], q[H]), along = gd_min(q[SW], q[W]); /* phases that lie in the image */
    gd_conv_correlation *b = gd_prepare_block(p, sizeof *b);
    int64_t *phases = gd_prepare_block(p, (size_t)(down + along + 1) * sizeof *phases); /* the last: the source's */
    gd_conv_phase *phase = gd_prepare_block(p, (size_t)(down * along) * sizeof *phase);
    gd_conv_tap *taps = gd_prepare_block(p, (size_t)n_taps * sizeof *taps);
    if (b == NULL || phases == NULL || phase == NULL || taps == NULL) return GD_ERR_MEMORY;
    int64_t extra_rows = (q[KH] - 1) * q[DH] / q[SH], extra_cols = (q[KW] - 1) * q[DW] / q[SW];
    int64_t col_low = q[LEFT] / q[SW], col_high = (q[LEFT] + q[W] - 1) / q[SW] + 1;
    *b = (gd_conv_correlation){.dtype = gd_operand(p, 0)->dtype,
                               .groups = q[GROUPS],
                               .source_channels = s.o,
                               .target_channels = s.c,
                               .source = {.height = q[HO],
                                          .width = q[WO],
                                          .split_y = 1,
                                          .split_x = 1,
                                          .top = extra_rows,
                                          .left = extra_cols - col_low,
                                          .n_row_phases = 1,
                                          .n_col_phases = 1,
                                          .row_phases = phases + down + along,
                                          .col_phases = phases + down + along,
                                          .rows = extra_rows,
                                          .pitch = col_high - col_low + extra_cols},
                               .source_plane = q[HO] * q[WO],
                               .target_plane = q[H] * q[W],
                               .weight_group = s.o * s.c * kernel,
                               .weight_row = kernel,
                               .row_low = q[TOP] / q[SH],
                               .row_high = (q[TOP] + q[H] - 1) / q[SH] + 1,
                               .col_low = col_low,
                               .row_step = q[SH] * q[W],
                               .col_step = q[SW],
                               .n_phases = down * along,
                               .phases = phase};
    if ((status = cut_bands(p, b, q[N])) != GD_OK) return status;

    remainders(down, 1, q[TOP], q[SH], phases);
    remainders(along, 1, q[LEFT], q[SW], phases + down);
    gd_conv_source *g = &b->source;
    for (int64_t y = 0; y < down; y++)
        for (int64_t x = 0; x < along; x++, phase++) {
            int64_t row_phase = phases[y], col_phase = phases[down + x];
            *phase = (gd_conv_phase){.taps = taps, .to = (row_phase - q[TOP]) * q[W] + col_phase - q[LEFT]};
            valid(q[H], q[SH], row_phase, q[TOP], &phase->row_low, &phase->row_high);
            valid(q[W], q[SW], col_phase, q[LEFT], &phase->col_low, &phase->col_high);
            for (int64_t o = 0; o < s.o; o++)
                for (int64_t i = 0; i < q[KH]; i++) {
                    if (i * q[DH] % q[SH] != row_phase) continue;
                    for (int64_t j = 0; j < q[KW]; j++) {
                        if (j * q[DW] % q[SW] != col_phase) continue;
                        int64_t row = extra_rows - i * q[DH] / q[SH], col = extra_cols - j * q[DW] / q[SW];
                        taps->a = (int32_t)(o * s.c * kernel + i * q[KW] + j);
                        taps->b = (int32_t)((o * g->rows + row) * g->pitch + col);
                        taps++;
                    }
                }
            phase->n_taps = taps - phase->taps;
        }
    gd_conv_axis rows = {q[HO], q[H], q[KH], q[SH], q[TOP], q[DH], 1};
    gd_conv_axis cols = {q[WO], q[W], q[KW], q[SW], q[LEFT], q[DW], 1};
    status = gd_conv_images(p, b, &rows, &cols, q[N], s.c * kernel);
    cut_parts(p, b, work_of(&s));
    return status;
}

int gd_prepare_conv2d_dw(gd_prepare *p) {
    conv_sizes s;
    int status = has_epilogue(p) ? gd_prepare_fail(p, GD_ERR_FORMAT, -1, p->n_payload) : read_sizes(p, 0, 2, 1, &s);
    if (status != GD_OK || s.empty) return status;
    const int64_t *q = s.p;
    int64_t item = gd_item_bytes(gd_operand(p, 0)->dtype), kernel = q[KH] * q[KW], positions = q[HO] * q[WO];
    gd_conv_weight *b = gd_prepare_block(p, sizeof *b);
    int64_t *phase = gd_prepare_block(p, sizeof *phase);
    if (b == NULL || phase == NULL) return GD_ERR_MEMORY;
    *b = (gd_conv_weight){.dtype = gd_operand(p, 0)->dtype,
                          .source = {.height = q[H],
                                     .width = q[W],
                                     .split_y = 1,
                                     .split_x = 1,
                                     .top = q[TOP],
                                     .left = q[LEFT],
                                     .n_row_phases = 1,
                                     .n_col_phases = 1,
                                     .row_phases = phase,
                                     .col_phases = phase,
                                     .pitch = gd_max((q[WO] - 1) * q[SW] + (q[KW] - 1) * q[DW] + 1, 1)},
                          .images = positions > 0 ? q[N] : 0,
                          .groups = q[GROUPS],
                          .source_channels = s.c,
                          .result_channels = s.o,
                          .source_plane = q[H] * q[W],
                          .result_plane = positions,
                          .kernel_rows = q[KH],
                          .kernel_cols = q[KW],
                          .tap_col = q[DW],
                          .result_rows = q[HO],
                          .result_cols = q[WO],
                          .row_stride = q[SH]};
    b->tap_row = q[DH] * b->source.pitch;

    /* parts: blocks of 32 results, then of channels while a block still has 128 taps */
    double work = work_of(&s);
    b->result_step = work > 4e6 ? gd_min(s.o, 32) : s.o;
    b->result_blocks = gd_ceil_div(s.o, b->result_step);
    int64_t wanted = work > 64 * 4e6 ? 64 : (int64_t)(work / 4e6);
    int64_t blocks = gd_max(gd_min(wanted / (b->result_blocks * b->groups), s.c * kernel / 128), 1);
    b->channel_step = gd_ceil_div(s.c, gd_min(blocks, s.c));
    b->channel_blocks = gd_ceil_div(s.c, b->channel_step);
    b->lanes = gd_ceil_div(b->result_step, 16) * 16;
    p->parts = b->groups * b->result_blocks * b->channel_blocks;
    b->by_rows =
        positions > 0 && q[SW] == 1 && b->result_blocks == 1 && 2 * s.o * gd_ceil_div(q[WO] * item, 64) <= q[WO];
    int64_t sums = b->by_rows ? s.o * 16 : b->lanes; /* for each tap */

    /* bands of a large image, several small images at once */
    int64_t spread = gd_max(b->channel_step * b->source.pitch * q[SH], b->lanes * q[WO]) * item; /* bytes a row */
    b->band_rows = gd_max(gd_min((int64_t)(BAND_BYTES / (double)gd_max(spread, 1)), q[HO]), 1);
    b->bands = gd_ceil_div(q[HO], b->band_rows);
    b->source.rows = (b->band_rows - 1) * q[SH] + (q[KH] - 1) * q[DH] + 1;
    int64_t image = b->source.rows * b->source.pitch;
    if (image > LARGEST_BAND) return gd_prepare_fail(p, GD_ERR_SHAPE, -1, image);
    b->image_step = 1;
    if (b->bands == 1 && positions > 0)
        b->image_step =
            gd_max(gd_min(gd_min(512 / positions, (int64_t)(BAND_BYTES / (double)(image * b->channel_step))), q[N]), 1);
    int64_t columns = b->image_step * b->band_rows * q[WO], elements = b->image_step * b->channel_step;
    if (elements * image > LARGEST_BAND || columns * b->lanes > LARGEST_BAND)
        return gd_prepare_fail(p, GD_ERR_SHAPE, -1, elements);
    gd_conv_tap *taps = gd_prepare_block(p, (size_t)columns * sizeof *taps);
    if (taps == NULL) return GD_ERR_MEMORY;
    b->taps = taps;
    b->n_taps = columns;
    for (int64_t n = 0, t = 0; n < b->image_step; n++)
        for (int64_t y = 0; y < b->band_rows; y++)
            for (int64_t x = 0; x < q[WO]; x++, t++) {
                taps[t].a = (int32_t)((n * b->source.rows + y * q[SH]) * b->source.pitch + x * q[SW]);
                taps[t].b = (int32_t)(t * b->lanes);
            }
    b->results_at = gd_round_up((elements * image + SLACK) * item, GD_ALIGN);
    b->sums_at = b->results_at + gd_round_up((columns * b->lanes + SLACK) * item, GD_ALIGN);
    p->scratch = b->sums_at + gd_round_up(b->channel_step * kernel * sums * item, GD_ALIGN);
    p->block = b;
    return GD_OK;
}

#else

/* a product and its sum are one rounding where the machine has it: several times the speed, and fewer errors */
#if defined(GD_NO_FMA)
#elif defined(__clang__)
#pragma STDC FP_CONTRACT ON
#else
#pragma GCC optimize("fp-contract=fast")
#endif

/* registers: ROWS x VECTORS sums, VECTORS loads and one factor */
enum { VECTORS = 3 };
#if defined(__AVX512F__)
#define BYTES 64
#define ROWS 8
#elif defined(__AVX__)
#define BYTES 32
#define ROWS 4
#elif defined(__aarch64__)
#define BYTES 16
#define ROWS 8
#else
#define BYTES 16
#define ROWS 4
#endif

/* a vector of the result: where its first element's source lies in the band, and the first of its pieces */
typedef struct {
    int32_t from, piece;
} conv_vector;

/* lanes of a vector that lie in one row of the result */
typedef struct {
    int64_t to;
    int32_t lane, count;
} conv_piece;

/* The vectors of one phase in rows row_low..row_high-1: along each row, or across the padding between rows where that
 * takes fewer. Returns how many; one more entry ends the pieces. */
static int64_t list_vectors(const gd_conv_correlation *b, const gd_conv_phase *phase, int64_t first, int64_t row_low,
                            int64_t row_high, int64_t lanes, conv_vector *vectors, conv_piece *pieces) {
    int64_t n_rows = row_high - row_low, n_cols = phase->col_high - phase->col_low, pitch = b->source.pitch;
    if (n_rows <= 0 || n_cols <= 0) return 0;
    int64_t across = (n_rows - 1) * pitch + n_cols;
    int is_flat = gd_ceil_div(across, lanes) < n_rows * gd_ceil_div(n_cols, lanes);
    int64_t runs = is_flat ? 1 : n_rows, length = is_flat ? across : n_cols, n_vectors = 0, n_pieces = 0;
    int64_t from = (row_low - first) * pitch + phase->col_low - b->col_low;
    int64_t to = phase->to + row_low * b->row_step + phase->col_low * b->col_step;
    for (int64_t run = 0; run < runs; run++) {
        int64_t row = 0, col = 0;
        for (int64_t i = 0; i < length; i += lanes) {
            vectors[n_vectors++] = (conv_vector){(int32_t)(from + run * pitch + i), (int32_t)n_pieces};
            int64_t end = i + lanes < length ? i + lanes : length;
            for (int64_t at = i; at < end;) {
                int64_t count = n_cols - col;
                if (count <= 0) { /* between rows */
                    int64_t skip = pitch - col < end - at ? pitch - col : end - at;
                    at += skip;
                    col += skip;
                } else {
                    if (count > end - at) count = end - at;
                    pieces[n_pieces++] = (conv_piece){to + (run + row) * b->row_step + col * b->col_step,
                                                      (int32_t)(at - i), (int32_t)count};
                    at += count;
                    col += count;
                }
                if (col == pitch) col = 0, row++;
            }
        }
    }
    vectors[n_vectors].piece = (int32_t)n_pieces;
    return n_vectors;
}

#define GD_BODY "conv_body.h"
#include "each_float.h"

static int correlate_images(const gd_conv_correlation *b, const gd_call *call) {
    if (b->dtype == GD_F32) images_f32(b, call);
    else images_f64(b, call);
    return GD_OK;
}

static int correlate(const gd_call *call) {
    const gd_conv_correlation *b = (const gd_conv_correlation *)call->block;
    if (b == NULL) return GD_OK; /* no results */
    if (b->lanes > 0) return correlate_images(b, call);
    if (b->dtype == GD_F32) correlate_f32(b, call);
    else correlate_f64(b, call);
    return GD_OK;
}

int GD_ISA_NAME(gd_k_conv2d)(const gd_call *call) { return correlate(call); }

int GD_ISA_NAME(gd_k_conv2d_dx)(const gd_call *call) { return correlate(call); }

int GD_ISA_NAME(gd_k_conv2d_dw)(const gd_call *call) {
    const gd_conv_weight *b = (const gd_conv_weight *)call->block;
    if (b == NULL) return GD_OK;
    if (b->by_rows) GD_FLOAT_CALL(b->dtype, weight_by_rows, b, call);
    else if (b->dtype == GD_F32) weight_f32(b, call);
    else weight_f64(b, call);
    return GD_OK;
}
#endif
