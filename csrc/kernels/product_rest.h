/* product_rest.h: register blocks for columns that fill no whole vectors: `heads` vectors of FULL lanes (0 or 1), then
 * `part` of P lanes. product_body.h includes it for each P. */

INLINE void GD_CAT(NAME(rest_block), P)(const int rows, const int heads, int part, int64_t depth, const T *a,
                                        int64_t a_row, int64_t a_col, const T *b, int64_t b_row, T *c, int64_t c_row,
                                        T alpha, int accumulate) {
    VECTOR(FULL) head[GD_ROWS];
    VECTOR(P) tail[GD_ROWS];
    UNROLL for (int r = 0; r < rows; r++) head[r] = (VECTOR(FULL)){0}, tail[r] = (VECTOR(P)){0};
    for (int64_t d = 0; d < depth; d++, a += a_col, b += b_row) {
        VECTOR(FULL) first = {0};
        if (heads) first = *(const VECTOR(FULL) *)b;
        const VECTOR(P) last = GD_CAT(NAME(load_lanes), P)(b + heads * FULL, part);
        UNROLL for (int r = 0; r < rows; r++) {
            if (heads) head[r] += a[r * a_row] * first;
            tail[r] += a[r * a_row] * last;
        }
    }
    UNROLL for (int r = 0; r < rows; r++, c += c_row) {
        if (heads) {
            VECTOR(FULL) *to = (VECTOR(FULL) *)c;
            *to = accumulate ? *to + alpha * head[r] : alpha * head[r];
        }
        const VECTOR(P) before = GD_CAT(NAME(load_lanes), P)(c + heads * FULL, accumulate ? part : 0);
        const VECTOR(P) now = accumulate ? before + alpha * tail[r] : alpha * tail[r];
        GD_CAT(NAME(store_lanes), P)(c + heads * FULL, part, now);
    }
}

static void GD_CAT(NAME(rest), P)(int has_head, int part, int64_t m, int64_t depth, const T *a, int64_t a_row,
                                  int64_t a_col, const T *b, int64_t b_row, T *c, int64_t c_row, T alpha,
                                  int accumulate) {
#define BLOCKS(heads, rows)                                                                                            \
    for (; i + (rows) <= m; i += (rows))                                                                               \
    GD_CAT(NAME(rest_block), P)(rows, heads, part, depth, a + i * a_row, a_row, a_col, b, b_row, c + i * c_row, c_row, \
                                alpha, accumulate)
    int64_t i = 0;
    if (has_head) {
        BLOCKS(1, GD_ROWS);
        BLOCKS(1, 4);
        BLOCKS(1, 2);
        BLOCKS(1, 1);
    } else {
        BLOCKS(0, GD_ROWS);
        BLOCKS(0, 4);
        BLOCKS(0, 2);
        BLOCKS(0, 1);
    }
#undef BLOCKS
}

#undef P
