/* transpose.h: squares of 32 bytes a side, their rows and columns exchanged in registers: gd_transpose_f32 and _f64.
 *
 * Interleaving the rows of two halves turns the bits of (row, column) round by one, and after log2(side) turns rows and
 * columns have changed places. Steps from row to row are in elements.
 */
#ifndef GD_TRANSPOSE_H
#define GD_TRANSPOSE_H
#include "template.h"

enum { GD_SQUARE_BYTES = 32 };

#define GD_SQUARE_f32 8
#define GD_LOWER_f32(x, y) __builtin_shufflevector(x, y, 0, 8, 1, 9, 2, 10, 3, 11)
#define GD_UPPER_f32(x, y) __builtin_shufflevector(x, y, 4, 12, 5, 13, 6, 14, 7, 15)
#define GD_SQUARE_f64 4
#define GD_LOWER_f64(x, y) __builtin_shufflevector(x, y, 0, 4, 1, 5)
#define GD_UPPER_f64(x, y) __builtin_shufflevector(x, y, 2, 6, 3, 7)

#define GD_BODY "transpose_body.h"
#include "each_float.h"
#undef GD_BODY
#endif
