/* conv_body.h: the products of a convolution for one element type (see template.h); conv.c includes it.
 *
 * Expects BYTES, ROWS and VECTORS (the register blocks of the instruction set).
 */
#define LANES ((int64_t)(BYTES / sizeof(T)))
#define WIDTH (VECTORS * LANES)
#define SQUARE ((int64_t)(GD_SQUARE_BYTES / sizeof(T)))

typedef T NAME(lane_vector) __attribute__((vector_size(BYTES), aligned(sizeof(T)), may_alias));
#define LANE_VECTOR NAME(lane_vector)

/* tile[r][v * LANES + l] = sum over taps of a[r][tap.a] * b[v][tap.b + l]; rows and vecs are constants where called */
INLINE void NAME(block)(const int rows, const int vecs, int64_t n, const gd_conv_tap *taps, const T *const *a,
                        const T *const *b, T *tile) {
    LANE_VECTOR sum[ROWS][VECTORS];
    const T *row[ROWS], *col[VECTORS];
    UNROLL for (int r = 0; r < rows; r++) row[r] = a[r];
    UNROLL for (int v = 0; v < vecs; v++) col[v] = b[v];
    UNROLL for (int r = 0; r < rows; r++) UNROLL for (int v = 0; v < vecs; v++) sum[r][v] = (LANE_VECTOR){0};
    for (const gd_conv_tap *end = taps + n; taps < end; taps++) {
        int64_t at = taps->a, from = taps->b;
        LANE_VECTOR line[VECTORS];
        UNROLL for (int v = 0; v < vecs; v++) line[v] = *(const LANE_VECTOR *)(col[v] + from);
        UNROLL for (int r = 0; r < rows; r++) UNROLL for (int v = 0; v < vecs; v++) sum[r][v] += row[r][at] * line[v];
    }
    UNROLL for (int r = 0; r < rows; r++) UNROLL for (int v = 0; v < vecs; v++) *
        (LANE_VECTOR *)(tile + r * WIDTH + v * LANES) = sum[r][v];
}

typedef void (*NAME(block_fn))(int64_t, const gd_conv_tap *, const T *const *, const T *const *, T *);
#define DEFINE_BLOCK(rows, vecs)                                                                                      \
    static void NAME(block_##rows##_##vecs)(int64_t n, const gd_conv_tap *taps, const T *const *a, const T *const *b, \
                                            T *tile) {                                                                \
        NAME(block)(rows, vecs, n, taps, a, b, tile);                                                                 \
    }
#if ROWS == 8
DEFINE_BLOCK(8, 1)
DEFINE_BLOCK(8, 2)
DEFINE_BLOCK(8, 3)
#endif
DEFINE_BLOCK(4, 1)
DEFINE_BLOCK(4, 2)
DEFINE_BLOCK(4, 3)
DEFINE_BLOCK(2, 1)
DEFINE_BLOCK(2, 2)
DEFINE_BLOCK(2, 3)
DEFINE_BLOCK(1, 1)
DEFINE_BLOCK(1, 2)
DEFINE_BLOCK(1, 3)

/* by log2(rows) and vectors - 1 */
#define BLOCKS_OF(rows) {NAME(block_##rows##_1), NAME(block_##rows##_2), NAME(block_##rows##_3)}
#if ROWS == 8
#define BLOCKS {BLOCKS_OF(1), BLOCKS_OF(2), BLOCKS_OF(4), BLOCKS_OF(8)}
#else
#define BLOCKS {BLOCKS_OF(1), BLOCKS_OF(2), BLOCKS_OF(4)}
#endif

/* the largest block of rows that is not more than left; its logarithm in *which */
static inline int NAME(block_rows)(int64_t left, int *which) {
    int rows = ROWS;
    for (*which = ROWS == 8 ? 3 : 2; rows > left; rows /= 2) --*which;
    return rows;
}

/* how many vectors to take next, so that blocks come out alike: 4 are 2 and 2 */
static inline int NAME(block_vectors)(int64_t left) {
    return left <= VECTORS ? (int)left : (int)((left + gd_ceil_div(left, VECTORS) - 1) / (gd_ceil_div(left, VECTORS)));
}

/* n elements, few of them: a call to memcpy would cost more than the copy */
static inline void NAME(copy)(T *to, const T *from, int64_t n) {
    if (n >= LANES) {
        int64_t i = 0;
        for (; i + LANES < n; i += LANES) *(LANE_VECTOR *)(to + i) = *(const LANE_VECTOR *)(from + i);
        *(LANE_VECTOR *)(to + n - LANES) = *(const LANE_VECTOR *)(from + n - LANES);
        return;
    }
    UNROLL for (int64_t part = LANES / 2; part > 0; part /= 2) if (n & part) {
        memcpy(to, from, (size_t)part * sizeof(T));
        to += part;
        from += part;
    }
}

/* `channels` channels of an image from row q0 of the band on; the next channel of the band lies `step` further. The
 * columns beside the image are left as they are: they are zeros from the start of the part. */
static void NAME(gather)(const gd_conv_source *s, const T *image, int64_t channels, int64_t plane, int64_t q0, T *band,
                         int64_t step) {
    for (int64_t f = 0; f < s->n_row_phases; f++) {
        /* rows i of the band in first..last-1 lie in the image */
        int64_t y0 = q0 * s->split_y + s->row_phases[f] - s->top, first = y0 < 0 ? gd_ceil_div(-y0, s->split_y) : 0;
        int64_t last = s->height > y0 ? gd_ceil_div(s->height - y0, s->split_y) : 0;
        if (last > s->rows) last = s->rows;
        if (first > last) first = last;
        for (int64_t h = 0; h < s->n_col_phases; h++) {
            /* and columns j in low..high-1 */
            int64_t split = s->split_x, x0 = s->col_phases[h] - s->left, low = x0 < 0 ? gd_ceil_div(-x0, split) : 0;
            int64_t high = s->width > x0 ? gd_ceil_div(s->width - x0, split) : 0, phase = f * s->n_col_phases + h;
            if (high > s->pitch) high = s->pitch;
            for (int64_t c = 0; c < channels; c++) {
                T *lines = band + c * step + phase * s->rows * s->pitch;
                if (first > 0) memset(lines, 0, (size_t)(first * s->pitch) * sizeof(T));
                if (last < s->rows)
                    memset(lines + last * s->pitch, 0, (size_t)((s->rows - last) * s->pitch) * sizeof(T));
                if (low >= high) continue;
                const T *from = image + c * plane + (first * s->split_y + y0) * s->width + low * split + x0;
                T *line = lines + first * s->pitch + low;
                for (int64_t i = first; i < last; i++, line += s->pitch, from += s->split_y * s->width)
                    if (split == 1) NAME(copy)(line, from, high - low);
                    else
                        for (int64_t j = 0; j < high - low; j++) line[j] = from[j * split];
            }
        }
    }
}

/* the pieces of `vecs` vectors of one row of a tile to their places in a plane */
static inline void NAME(scatter)(const T *tile, int vecs, const conv_vector *vectors, const conv_piece *pieces,
                                 int64_t step, T *plane) {
    for (int v = 0; v < vecs; v++, tile += LANES)
        for (int32_t k = vectors[v].piece; k < vectors[v + 1].piece; k++) {
            const conv_piece *piece = &pieces[k];
            const T *from = tile + piece->lane;
            T *to = plane + piece->to;
            if (step == 1) NAME(copy)(to, from, piece->count);
            else
                for (int32_t i = 0; i < piece->count; i++) to[i * step] = from[i];
        }
}

/* bias and activation of a tile of channels c.. */
static inline void NAME(finish)(const gd_epilogue *e, const T *bias, int64_t c, int rows, int vecs, T *tile) {
    if (bias != NULL)
        for (int r = 0; r < rows; r++)
            for (int v = 0; v < vecs; v++) {
                LANE_VECTOR *at = (LANE_VECTOR *)(tile + r * WIDTH + v * LANES);
                *at = *at + bias[(c + r) * e->stride];
            }
    if (e->act != NULL)
        for (int r = 0; r < rows; r++) e->act(tile + r * WIDTH, tile + r * WIDTH, NULL, NULL, vecs * LANES);
}

static void NAME(correlate)(const gd_conv_correlation *b, const gd_call *call) {
    const gd_conv_source *s = &b->source;
    static const NAME(block_fn) blocks[][VECTORS] = BLOCKS;
    T *band = (T *)call->scratch, tile[ROWS * WIDTH];
    int64_t n = 0, listed = -1, step = s->n_row_phases * s->n_col_phases * s->rows * s->pitch;
    conv_vector *vectors = (conv_vector *)((char *)call->scratch + b->vectors_at);
    conv_piece *pieces = (conv_piece *)((char *)call->scratch + b->pieces_at);
    int64_t first = call->part % b->channel_blocks * b->channel_step;
    int64_t last = first + b->channel_step < b->target_channels ? first + b->channel_step : b->target_channels;
    int64_t unit = call->part / b->channel_blocks * b->part_units;
    int64_t end = unit + b->part_units < b->units ? unit + b->part_units : b->units;
    memset(band, 0, (size_t)(b->source_channels * step) * sizeof(T));
    for (; unit < end; unit++) {
        int64_t entry = unit / b->bands, group = entry % b->groups; /* entry: image and group */
        int64_t q0 = b->row_low + unit % b->bands * b->band_rows;
        int64_t q1 = q0 + b->band_rows < b->row_high ? q0 + b->band_rows : b->row_high;
        const T *image = (const T *)call->operands[0] + entry * b->source_channels * b->source_plane;
        const T *weight = (const T *)call->operands[1] + group * b->weight_group;
        T *target = (T *)call->operands[b->result] + entry * b->target_channels * b->target_plane;
        const T *bias = (const T *)gd_epilogue_bias(&b->epilogue, call, group * b->target_channels, sizeof(T));
        NAME(gather)(s, image, b->source_channels, b->source_plane, q0, band, step);
        for (const gd_conv_phase *phase = b->phases; phase < b->phases + b->n_phases; phase++) {
            if (b->n_phases > 1 || listed != q0) {
                int64_t row_low = q0 > phase->row_low ? q0 : phase->row_low;
                int64_t row_high = q1 < phase->row_high ? q1 : phase->row_high;
                n = list_vectors(b, phase, q0, row_low, row_high, LANES, vectors, pieces);
                listed = q0;
            }
            for (int64_t c = first; c < last;) {
                int which, rows = NAME(block_rows)(last - c, &which);
                const T *a[ROWS];
                for (int r = 0; r < rows; r++) a[r] = weight + (c + r) * b->weight_row;
                for (int64_t v = 0; v < n;) {
                    int vecs = NAME(block_vectors)(n - v);
                    const T *from[VECTORS];
                    for (int k = 0; k < vecs; k++) from[k] = band + vectors[v + k].from;
                    blocks[which][vecs - 1](phase->n_taps, phase->taps, a, from, tile);
                    NAME(finish)(&b->epilogue, bias, c, rows, vecs, tile);
                    for (int r = 0; r < rows; r++)
                        NAME(scatter)(tile + r * WIDTH, vecs, vectors + v, pieces, b->col_step,
                                      target + (c + r) * b->target_plane);
                    v += vecs;
                }
                c += rows;
            }
        }
    }
}

/* to[p * lanes + c] = from[c * plane + p] */
static void NAME(transpose)(const T *from, int64_t channels, int64_t plane, int64_t positions, T *to, int64_t lanes) {
    int64_t c = 0;
    for (; c + SQUARE <= channels && positions >= SQUARE; c += SQUARE)
        for (int64_t next = 0; next < positions; next += SQUARE) {
            int64_t p = next + SQUARE <= positions ? next : positions - SQUARE; /* the last goes back over some */
            NAME(gd_transpose)(from + c * plane + p, plane, to + p * lanes + c, lanes);
        }
    for (; c < channels; c++)
        for (int64_t p = 0; p < positions; p++) to[p * lanes + c] = from[c * plane + p];
}

/* a correlation whose lanes are images */
static void NAME(images)(const gd_conv_correlation *b, const gd_call *call) {
    static const NAME(block_fn) blocks[][VECTORS] = BLOCKS;
    T *band = (T *)call->scratch, tile[ROWS * WIDTH];
    int64_t first = call->part % b->channel_blocks * b->channel_step;
    int64_t last = first + b->channel_step < b->target_channels ? first + b->channel_step : b->target_channels;
    int64_t unit = call->part / b->channel_blocks * b->part_units;
    int64_t end = unit + b->part_units < b->units ? unit + b->part_units : b->units;
    int64_t source = b->source_channels * b->source_plane, source_image = b->groups * source, per = b->lanes / LANES;
    int64_t target = b->target_channels * b->target_plane, target_image = b->groups * target;
    T *results = (T *)((char *)call->scratch + b->results_at); /* of ROWS channels, images innermost */
    for (; unit < end; unit++) {
        int64_t image = unit / b->groups * b->lanes, group = unit % b->groups;
        int64_t images = b->images - image < b->lanes ? b->images - image : b->lanes;
        const T *x = (const T *)call->operands[0] + image * source_image + group * source;
        const T *weight = (const T *)call->operands[1] + group * b->weight_group;
        T *y = (T *)call->operands[b->result] + image * target_image + group * target;
        const T *bias = (const T *)gd_epilogue_bias(&b->epilogue, call, group * b->target_channels, sizeof(T));
        if (images < b->lanes) memset(band, 0, (size_t)(source * b->lanes) * sizeof(T));
        NAME(transpose)(x, images, source_image, source, band, b->lanes);
        for (int64_t c = first; c < last;) {
            int which, rows = NAME(block_rows)(last - c, &which);
            const T *a[ROWS];
            for (int r = 0; r < rows; r++) a[r] = weight + (c + r) * b->weight_row;
            for (const gd_conv_phase *phase = b->phases; phase < b->phases + b->n_phases; phase++)
                for (int64_t v = 0, n = phase->n_places * per; v < n;) {
                    int vecs = NAME(block_vectors)(n - v);
                    const T *from[VECTORS];
                    T *to[VECTORS];
                    for (int k = 0; k < vecs; k++, v++) {
                        const gd_conv_place *place = &phase->places[v / per];
                        from[k] = band + place->from + v % per * LANES;
                        to[k] = results + place->to * b->lanes + v % per * LANES;
                    }
                    blocks[which][vecs - 1](phase->n_taps, phase->taps, a, from, tile);
                    NAME(finish)(&b->epilogue, bias, c, rows, vecs, tile);
                    for (int r = 0; r < rows; r++)
                        for (int k = 0; k < vecs; k++)
                            *(LANE_VECTOR *)(to[k] + r * b->target_plane * b->lanes) =
                                *(const LANE_VECTOR *)(tile + r * WIDTH + k * LANES);
                }
            for (int r = 0; r < rows; r++, c++)
                NAME(transpose)(results + r * b->target_plane * b->lanes, b->target_plane, b->lanes, images,
                                y + c * b->target_plane, target_image);
        }
    }
}

static void NAME(weight)(const gd_conv_weight *b, const gd_call *call) {
    const gd_conv_source *s = &b->source;
    static const NAME(block_fn) blocks[][VECTORS] = BLOCKS;
    T *band = (T *)call->scratch, tile[ROWS * WIDTH];
    T *results = (T *)((char *)call->scratch + b->results_at), *sums = (T *)((char *)call->scratch + b->sums_at);
    int64_t first = call->part % b->channel_blocks * b->channel_step, rest = call->part / b->channel_blocks;
    int64_t channels = b->source_channels - first < b->channel_step ? b->source_channels - first : b->channel_step;
    int64_t result = rest % b->result_blocks * b->result_step, group = rest / b->result_blocks;
    int64_t n_results = b->result_channels - result < b->result_step ? b->result_channels - result : b->result_step;
    int64_t kernel = b->kernel_rows * b->kernel_cols, n_rows = channels * kernel,
            n_vectors = gd_ceil_div(n_results, LANES);
    int64_t image_elements = s->rows * s->pitch, band_step = b->image_step * image_elements;
    memset(sums, 0, (size_t)(n_rows * b->lanes) * sizeof(T));
    memset(band, 0, (size_t)(channels * band_step) * sizeof(T));
    for (int64_t n = 0; n < b->images; n += b->image_step)
        for (int64_t y = 0; y < b->result_rows; y += b->band_rows) {
            int64_t images = b->images - n < b->image_step ? b->images - n : b->image_step;
            int64_t rows = b->result_rows - y < b->band_rows ? b->result_rows - y : b->band_rows;
            int64_t positions = rows * b->result_cols;
            for (int64_t i = 0; i < images; i++) {
                const T *x = (const T *)call->operands[0] +
                             (((n + i) * b->groups + group) * b->source_channels + first) * b->source_plane;
                const T *g = (const T *)call->operands[1] +
                             (((n + i) * b->groups + group) * b->result_channels + result) * b->result_plane;
                NAME(gather)(s, x, channels, b->source_plane, y * b->row_stride, band + i * image_elements, band_step);
                NAME(transpose)(g + y * b->result_cols, n_results, b->result_plane, positions,
                                results + i * positions * b->lanes, b->lanes);
            }
            for (int64_t k = 0; k < n_rows;) {
                int which, n_taps = NAME(block_rows)(n_rows - k, &which);
                const T *a[ROWS];
                for (int r = 0; r < n_taps; r++) {
                    int64_t tap = (k + r) % kernel;
                    a[r] = band + (k + r) / kernel * band_step + tap / b->kernel_cols * b->tap_row +
                           tap % b->kernel_cols * b->tap_col;
                }
                for (int64_t v = 0; v < n_vectors;) {
                    int vecs = NAME(block_vectors)(n_vectors - v);
                    const T *from[VECTORS];
                    for (int i = 0; i < vecs; i++) from[i] = results + (v + i) * LANES;
                    for (int64_t at = 0; at < images * positions; at += STRETCH) {
                        int64_t n_at = gd_min(images * positions - at, STRETCH);
                        blocks[which][vecs - 1](n_at, b->taps + at, a, from, tile);
                        for (int r = 0; r < n_taps; r++)
                            for (int i = 0; i < vecs; i++) {
                                LANE_VECTOR *to = (LANE_VECTOR *)(sums + (k + r) * b->lanes + (v + i) * LANES);
                                *to += *(const LANE_VECTOR *)(tile + r * WIDTH + i * LANES);
                            }
                    }
                    v += vecs;
                }
                k += n_taps;
            }
        }
    for (int64_t o = 0; o < n_results; o++) {
        T *to =
            (T *)call->operands[2] + ((group * b->result_channels + result + o) * b->source_channels + first) * kernel;
        for (int64_t k = 0; k < n_rows; k++) to[k] = sums[k * b->lanes + o];
    }
}

/* ---- the weight's product where a group has few results ---- */

typedef I NAME(lane_mask) __attribute__((vector_size(BYTES), aligned(sizeof(T)), may_alias));

/* sum[k] += g * x[k], vector by vector along `rows` rows of `cols` positions; taps is a constant where called */
INLINE void NAME(multiply_rows)(const int taps, int64_t rows, int64_t cols, const T *g, int64_t g_row,
                                const T *const *from, int64_t x_row, LANE_VECTOR *sum) {
    enum { MOST = 9 };
    LANE_VECTOR total[MOST];
    NAME(lane_mask) mask;
    const T *x[MOST];
    int64_t rest = cols % LANES;
    for (int64_t l = 0; l < LANES; l++) mask[l] = l < rest ? -1 : 0;
    UNROLL for (int k = 0; k < taps; k++) total[k] = (LANE_VECTOR){0}, x[k] = from[k];
    for (int64_t r = 0; r < rows; r++, g += g_row) {
        int64_t c = 0;
        for (; c + LANES <= cols; c += LANES) {
            LANE_VECTOR line = *(const LANE_VECTOR *)(g + c);
            UNROLL for (int k = 0; k < taps; k++) total[k] += line * *(const LANE_VECTOR *)(x[k] + c);
        }
        if (rest > 0) { /* what lies behind a row is not looked at: it may be infinite */
            LANE_VECTOR line = {0};
            NAME(copy)((T *)&line, g + c, rest);
            UNROLL for (int k = 0; k < taps; k++) total[k] +=
                line * (LANE_VECTOR)(*(const NAME(lane_mask) *)(x[k] + c) & mask);
        }
        UNROLL for (int k = 0; k < taps; k++) x[k] += x_row;
    }
    UNROLL for (int k = 0; k < taps; k++) sum[k] += total[k];
}

static void NAME(weight_by_rows)(const gd_conv_weight *b, const gd_call *call) {
    const gd_conv_source *s = &b->source;
    T *band = (T *)call->scratch, *sums = (T *)((char *)call->scratch + b->sums_at);
    int64_t first = call->part % b->channel_blocks * b->channel_step, group = call->part / b->channel_blocks;
    int64_t channels = b->source_channels - first < b->channel_step ? b->source_channels - first : b->channel_step;
    int64_t kernel = b->kernel_rows * b->kernel_cols, n = channels * kernel, step = s->rows * s->pitch;
    int64_t wide = gd_min(b->result_cols, STRETCH * LANES), most = STRETCH * LANES / wide; /* added to one number */
    memset(sums, 0, (size_t)(n * b->result_channels * LANES) * sizeof(T));
    memset(band, 0, (size_t)(channels * step) * sizeof(T));
    for (int64_t image = 0; image < b->images; image++)
        for (int64_t y = 0; y < b->result_rows; y += b->band_rows) {
            int64_t entry = image * b->groups + group, rows = gd_min(b->result_rows - y, b->band_rows);
            const T *x = (const T *)call->operands[0] + (entry * b->source_channels + first) * b->source_plane;
            const T *g = (const T *)call->operands[1] + entry * b->result_channels * b->result_plane;
            NAME(gather)(s, x, channels, b->source_plane, y * b->row_stride, band, step);
            for (int64_t o = 0; o < b->result_channels; o++)
                for (int64_t k = 0; k < n;) {
                    int64_t left = n - k, taps = left >= 9 ? 9 : left >= 3 ? 3 : 1;
                    int64_t across = gd_ceil_div(b->result_cols, wide), parts = gd_ceil_div(rows, most) * across;
                    for (int64_t part = 0; part < parts; part++) {
                        int64_t r = part / across * most, c = part % across * wide;
                        const T *from[9], *to = g + o * b->result_plane + (y + r) * b->result_cols + c;
                        for (int64_t i = 0; i < taps; i++)
                            from[i] = band + (k + i) / kernel * step + r * b->row_stride * s->pitch +
                                      (k + i) % kernel / b->kernel_cols * b->tap_row +
                                      (k + i) % b->kernel_cols * b->tap_col + c;
                        LANE_VECTOR *sum = (LANE_VECTOR *)(sums + (o * n + k) * LANES);
                        int64_t count = gd_min(rows - r, most), columns = gd_min(b->result_cols - c, wide);
                        int64_t down = b->row_stride * s->pitch;
#define MULTIPLY(taps) NAME(multiply_rows)(taps, count, columns, to, b->result_cols, from, down, sum)
                        if (taps == 9) MULTIPLY(9);
                        else if (taps == 3) MULTIPLY(3);
                        else MULTIPLY(1);
#undef MULTIPLY
                    }
                    k += taps;
                }
        }
    for (int64_t o = 0; o < b->result_channels; o++) {
        T *to = (T *)call->operands[2] + ((group * b->result_channels + o) * b->source_channels + first) * kernel;
        for (int64_t k = 0; k < n; k++) {
            T *lane = sums + (o * n + k) * LANES;
            for (int64_t half = LANES / 2; half > 0; half /= 2)
                for (int64_t l = 0; l < half; l++) lane[l] += lane[l + half];
            to[k] = lane[0];
        }
    }
}

#undef BLOCKS
#undef BLOCKS_OF
#undef DEFINE_BLOCK
#undef SQUARE
#undef LANE_VECTOR
#undef WIDTH
#undef LANES
