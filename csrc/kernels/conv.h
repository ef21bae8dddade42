/* conv.h: prepared convolutions, as conv.c makes them and runs them.
 *
 * The three operations are products of matrices whose rows and columns lie in memory as they are: an element of the
 * result is a sum over taps of one factor at (row's address + tap.a) and one at (column's address + tap.b). Columns
 * are neighbours in memory, so that a vector of them is one load. Nothing is unrolled into a matrix: images are
 * gathered, a band of rows at a time, with their padding, and each tap is an offset into the gathered band.
 *
 * A gathered band of a channel holds, for each used phase (row and column modulo the stride, where the stride is the
 * source's), `rows` rows of `pitch` elements. Positions in it are counted in q, the source's padded coordinates over
 * its stride: row q of phase f is row q * split + f - top of the image, zero outside of it.
 *
 * Where images are so small that much of such vectors is padding, the same place of many images is a vector: the band is
 * images side by side, without padding, and the elements of the result that have the same taps inside the image are a
 * phase (conv_images.c).
 */
#ifndef GD_CONV_H
#define GD_CONV_H
#include "epilogue.h"

/* how many products are added to one number before the sum goes to that of all: in float32 long rows lose digits */
enum { STRETCH = 512 };

typedef struct {
    int32_t a, b;
} gd_conv_tap;

/* how an image is gathered */
typedef struct {
    int64_t height, width;
    int64_t split_y, split_x, top, left;
    int64_t n_row_phases, n_col_phases;
    const int64_t *row_phases, *col_phases;
    int64_t rows, pitch;
} gd_conv_source;

/* elements of the result that sum over the same taps: those at (row * row_step, col * col_step) + to in a plane */
typedef struct {
    const gd_conv_tap *taps;
    int64_t n_taps;
    int64_t row_low, row_high, col_low, col_high;
    int64_t to;
    int64_t n_places; /* of images side by side, which have no rows and columns */
    const struct gd_conv_place *places;
} gd_conv_phase;

/* an element of the result: where its first tap lies in the band, and itself in a plane */
typedef struct gd_conv_place {
    int32_t from, to;
} gd_conv_place;

/* conv2d and conv2d_dx: the source's bands, correlated with the weight */
typedef struct {
    int dtype;
    gd_conv_source source;
    int64_t groups, source_channels, target_channels;     /* channels of one group */
    int64_t source_plane, target_plane;                   /* elements of a channel */
    int64_t weight_group, weight_row;                     /* from a group, a channel of the target, to the next */
    int64_t row_low, row_high, col_low, band_rows, bands; /* of all phases */
    int64_t row_step, col_step;
    int64_t n_phases;
    const gd_conv_phase *phases;
    int64_t units, part_units, channel_step, channel_blocks; /* a unit is one group's band */
    int64_t vectors_at, pieces_at;                           /* bytes into the scratch */
    int result;                                              /* operand */
    gd_epilogue epilogue;
    int64_t images, lanes; /* how many lie side by side in a band; 0: one at a time */
    int64_t results_at;    /* bytes into the scratch */
} gd_conv_correlation;

/* conv2d_dw: images gathered, results transposed, multiplied over positions */
typedef struct {
    int dtype;
    gd_conv_source source;
    int64_t images, groups, source_channels, result_channels;
    int64_t source_plane, result_plane;
    int64_t kernel_rows, kernel_cols, tap_row, tap_col; /* from a tap of the kernel to the next, in the band */
    int64_t result_rows, result_cols, band_rows, bands, image_step;
    int64_t row_stride;
    int by_rows;    /* 1: lanes are positions along a row, not results, of which there are few */
    int64_t n_taps; /* of a whole band, or of image_step images */
    const gd_conv_tap *taps;
    int64_t channel_step, channel_blocks, result_step, result_blocks, lanes;
    int64_t results_at, sums_at; /* bytes into the scratch */
} gd_conv_weight;

/* which elements of the source an element of the result sums over, along rows or columns: t * stride + i * dilation -
 * before, or, in the transpose, those for which t is that */
typedef struct {
    int64_t sources, targets, taps, stride, before, dilation;
    int is_transpose;
} gd_conv_axis;

/* Lays images side by side where that takes less work: then b's phases, units and lanes and p's scratch are new.
 * weight_channel: elements from a channel of the source to the next in the weight. */
int gd_conv_images(gd_prepare *p, gd_conv_correlation *b, const gd_conv_axis *rows, const gd_conv_axis *cols,
                   int64_t images, int64_t weight_channel);

#endif
