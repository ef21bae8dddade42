/* argreduce_body.h: arg_max and arg_min of one element type (see template.h); argreduce.c includes it.
 *
 * LANES columns or lanes are compared side by side, so that the comparison becomes vector code.
 */

INLINE int NAME(beats)(const int greatest, T x, T y) { return greatest ? x > y : x < y; }

/* the extreme of a contiguous row first, then where it first stands: two passes, both without branches inside */
INLINE int64_t NAME(row)(const int greatest, const T *x, int64_t n) {
    T best[LANES];
    int nan = 0;
    int64_t i = 0, wide = n / LANES * LANES;
    T top = x[0];
    if (wide > 0) {
        for (int l = 0; l < LANES; l++) best[l] = x[l];
        for (; i < wide; i += LANES)
            for (int l = 0; l < LANES; l++) {
                best[l] = NAME(beats)(greatest, x[i + l], best[l]) ? x[i + l] : best[l];
                nan |= IS_NAN(x[i + l]);
            }
        for (int l = 0; l < LANES; l++) top = NAME(beats)(greatest, best[l], top) ? best[l] : top;
    }
    for (; i < n; i++) {
        top = NAME(beats)(greatest, x[i], top) ? x[i] : top;
        nan |= IS_NAN(x[i]);
    }
    for (i = 0; i < n; i++)
        if (nan ? IS_NAN(x[i]) : x[i] == top) break;
    return i;
}

/* columns of a matrix of `axis` rows, a stretch of them at a time */
INLINE void NAME(columns)(const int greatest, const T *x, int64_t axis, int64_t inner, int64_t *y) {
    for (int64_t n0 = 0; n0 < inner; n0 += LANES) {
        int64_t width = gd_min(inner - n0, LANES);
        T best[LANES];
        for (int64_t l = 0; l < width; l++) best[l] = x[n0 + l], y[n0 + l] = 0;
        for (int64_t a = 1; a < axis; a++) {
            const T *row = x + a * inner + n0;
            for (int64_t l = 0; l < width; l++) {
                int better = IS_NUMBER(best[l]) & (NAME(beats)(greatest, row[l], best[l]) | IS_NAN(row[l]));
                best[l] = better ? row[l] : best[l];
                y[n0 + l] = better ? a : y[n0 + l];
            }
        }
    }
}

INLINE void NAME(outers)(const int greatest, const gd_call *call, gd_range outer) {
    const argreduce_block *b = (const argreduce_block *)call->block;
    const T *x = (const T *)call->operands[0] + outer.first * b->axis * b->inner;
    int64_t *y = (int64_t *)call->operands[1];
    for (int64_t o = outer.first; o < outer.last; o++, x += b->axis * b->inner)
        if (b->inner == 1) y[o] = NAME(row)(greatest, x, b->axis);
        else NAME(columns)(greatest, x, b->axis, b->inner, y + o * b->inner);
}

static void NAME(arg_max)(const gd_call *call, gd_range outer) { NAME(outers)(1, call, outer); }
static void NAME(arg_min)(const gd_call *call, gd_range outer) { NAME(outers)(0, call, outer); }
