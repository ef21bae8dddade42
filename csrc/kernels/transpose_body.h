/* transpose_body.h: a square of one element type (see template.h); transpose.h includes it. */
#define SIDE GD_CAT(GD_SQUARE, S)

INLINE void NAME(gd_transpose)(const T *from, int64_t from_row, T *to, int64_t to_row) {
    VECTOR(SIDE) x[SIDE], y[SIDE];
    UNROLL for (int r = 0; r < SIDE; r++) x[r] = *(const VECTOR(SIDE) *)(from + r * from_row);
    UNROLL for (int turn = 1; turn < SIDE; turn *= 2) {
        UNROLL for (int r = 0; r < SIDE / 2; r++) {
            y[2 * r] = NAME(GD_LOWER)(x[r], x[r + SIDE / 2]);
            y[2 * r + 1] = NAME(GD_UPPER)(x[r], x[r + SIDE / 2]);
        }
        UNROLL for (int r = 0; r < SIDE; r++) x[r] = y[r];
    }
    UNROLL for (int r = 0; r < SIDE; r++) * (VECTOR(SIDE) *)(to + r * to_row) = x[r];
}

#undef SIDE
