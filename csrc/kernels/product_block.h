/* product_block.h: register blocks of N lanes of one element type; product_body.h includes it for each width. */

/* rows x (vecs * N) elements of C in registers over the whole depth; rows and vecs are constants where called */
INLINE void GD_CAT(NAME(block), N)(const int rows, const int vecs, int64_t depth, const T *a, int64_t a_row,
                                   int64_t a_col, const T *b, int64_t b_row, T *c, int64_t c_row, T alpha,
                                   int accumulate) {
    VECTOR(N) sum[GD_ROWS][4];
    UNROLL for (int r = 0; r < rows; r++) UNROLL for (int v = 0; v < vecs; v++) sum[r][v] = (VECTOR(N)){0};
    if (depth >= GD_PRODUCT_DEEP) /* what is written is fetched meanwhile */
        UNROLL for (int r = 0; r < rows; r++) UNROLL for (int v = 0; v < vecs; v++)
            __builtin_prefetch(c + r * c_row + v * N, 1);
    for (int64_t d = 0; d < depth; d++, a += a_col, b += b_row) {
        VECTOR(N) line[4];
        UNROLL for (int v = 0; v < vecs; v++) line[v] = *(const VECTOR(N) *)(b + v * N);
        UNROLL for (int r = 0; r < rows; r++) UNROLL for (int v = 0; v < vecs; v++) sum[r][v] += a[r * a_row] * line[v];
    }
    UNROLL for (int r = 0; r < rows; r++) UNROLL for (int v = 0; v < vecs; v++) {
        VECTOR(N) *to = (VECTOR(N) *)(c + r * c_row + v * N);
        *to = accumulate ? *to + alpha * sum[r][v] : alpha * sum[r][v];
    }
}

/* all m rows of a strip of columns as wide as one block */
INLINE void GD_CAT(NAME(strip_of), N)(const int vecs, int64_t m, int64_t depth, const T *a, int64_t a_row,
                                      int64_t a_col, const T *b, int64_t b_row, T *c, int64_t c_row, T alpha,
                                      int accumulate) {
#define BLOCK(rows)                                                                                               \
    GD_CAT(NAME(block), N)(rows, vecs, depth, a + i * a_row, a_row, a_col, b, b_row, c + i * c_row, c_row, alpha, \
                           accumulate)
    int64_t i = 0;
    for (; i + GD_ROWS <= m; i += GD_ROWS) BLOCK(GD_ROWS);
    for (; i + 4 <= m; i += 4) BLOCK(4);
    for (; i + 2 <= m; i += 2) BLOCK(2);
    for (; i < m; i++) BLOCK(1);
#undef BLOCK
}

static void GD_CAT(NAME(strip), N)(int64_t m, int64_t depth, const T *a, int64_t a_row, int64_t a_col, const T *b,
                                   int64_t b_row, T *c, int64_t c_row, T alpha, int accumulate) {
    GD_CAT(NAME(strip_of), N)(1, m, depth, a, a_row, a_col, b, b_row, c, c_row, alpha, accumulate);
}

#undef N
