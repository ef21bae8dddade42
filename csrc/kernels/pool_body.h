/* pool_body.h: windows of one element type; pool.c includes it once for each.
 *
 * Expects T (the type), INT (the integer of its size) and S (its suffix). Windows that hang over the
 * image's sides are done one at a time; a run of others a vector at a time, the last vector going back over windows
 * that are done already rather than beyond the run.
 */
#define NAME_(stem, s) stem##_##s
#define NAME2(stem, s) NAME_(stem, s)
#define NAME(stem) NAME2(stem, S)

/* x beats y: it is larger, or the first NaN */
#define BEATS(x, y) (((x) > (y)) | (((x) != (x)) & ((y) == (y))))

/* one window, clipped to the image */
static inline void NAME(window)(const int kind, const pool_block *b, const T *x, int64_t r, int64_t c, T *y,
                                int32_t *at) {
    int64_t top = r * b->row_stride - b->top, left = c * b->col_stride - b->left;
    int64_t bottom = top + b->kernel_rows < b->height ? top + b->kernel_rows : b->height;
    int64_t right = left + b->kernel_cols < b->width ? left + b->kernel_cols : b->width;
    if (top < 0) top = 0;
    if (left < 0) left = 0;
    int64_t place = top * b->width + left;
    T best = kind == POOL_MAX ? x[place] : 0;
    for (int64_t h = top; h < bottom; h++)
        for (int64_t w = left; w < right; w++) {
            T v = x[h * b->width + w];
            if (kind == POOL_SUM) best += v;
            else if (BEATS(v, best)) best = v, place = h * b->width + w;
        }
    y[c] = best;
    if (kind == POOL_MAX) at[c] = (int32_t)place;
}

/* `n` windows from c on, all of whose columns lie in the image; n and step are constants where called */
#define DEFINE_RUN(n)                                                                                                 \
    typedef T NAME2(NAME(vector), n) __attribute__((vector_size(n * sizeof(T)), aligned(sizeof(T)), may_alias));      \
    typedef INT NAME2(NAME(places), n) __attribute__((vector_size(n * sizeof(T)), aligned(sizeof(T))));               \
    typedef int32_t NAME2(NAME(narrow), n) __attribute__((vector_size(n * 4), aligned(4), may_alias));                \
    static inline __attribute__((always_inline)) NAME2(NAME(vector), n)                                               \
        NAME2(NAME(load), n)(const T *x, int64_t step) {                                                              \
        NAME2(NAME(vector), n) v, w;                                                                                  \
        if (step == 1) return *(const NAME2(NAME(vector), n) *)x;                                                     \
        if (step == 2) {                                                                                              \
            v = *(const NAME2(NAME(vector), n) *)x;                                                                   \
            w = *(const NAME2(NAME(vector), n) *)(x + n - 1); /* not beyond the last element that is asked for */     \
            return EVENS_##n(v, w);                                                                                   \
        }                                                                                                             \
        for (int i = 0; i < n; i++) v[i] = x[i * step];                                                               \
        return v;                                                                                                     \
    }                                                                                                                 \
    static inline __attribute__((always_inline)) void NAME2(NAME(run), n)(const int kind, const int64_t step,         \
                                                                          const pool_block *b, const T *x, int64_t r, \
                                                                          int64_t c, T *y, int32_t *at) {             \
        int64_t top = r * b->row_stride - b->top;                                                                     \
        int64_t bottom = top + b->kernel_rows < b->height ? top + b->kernel_rows : b->height;                         \
        if (top < 0) top = 0;                                                                                         \
        int64_t corner = top * b->width + c * b->col_stride - b->left;                                                \
        NAME2(NAME(vector), n) best = {0};                                                                            \
        NAME2(NAME(places), n) place, from;                                                                           \
        for (int i = 0; i < n; i++) from[i] = (INT)(corner + i * b->col_stride);                                      \
        place = from;                                                                                                 \
        if (kind == POOL_MAX) best = NAME2(NAME(load), n)(x + corner, step);                                          \
        for (int64_t h = top; h < bottom; h++, corner += b->width, from += (INT)b->width)                             \
            for (int64_t j = 0; j < b->kernel_cols; j++) {                                                            \
                NAME2(NAME(vector), n) v = NAME2(NAME(load), n)(x + corner + j, step);                                \
                if (kind == POOL_SUM) {                                                                               \
                    best += v;                                                                                        \
                    continue;                                                                                         \
                }                                                                                                     \
                NAME2(NAME(places), n) better = BEATS(v, best);                                                       \
                best = (NAME2(NAME(vector), n))((better & (NAME2(NAME(places), n))v) |                                \
                                                (~better & (NAME2(NAME(places), n))best));                            \
                place = (better & (from + (INT)j)) | (~better & place);                                               \
            }                                                                                                         \
        *(NAME2(NAME(vector), n) *)(y + c) = best;                                                                    \
        if (kind == POOL_MAX)                                                                                         \
            *(NAME2(NAME(narrow), n) *)(at + c) = __builtin_convertvector(place, NAME2(NAME(narrow), n));             \
    }

#define EVENS_4(v, w) __builtin_shufflevector(v, w, 0, 2, 5, 7)
#define EVENS_8(v, w) __builtin_shufflevector(v, w, 0, 2, 4, 6, 9, 11, 13, 15)
#define EVENS_16(v, w) __builtin_shufflevector(v, w, 0, 2, 4, 6, 8, 10, 12, 14, 17, 19, 21, 23, 25, 27, 29, 31)
DEFINE_RUN(4)
DEFINE_RUN(8)
DEFINE_RUN(16)

static inline __attribute__((always_inline)) void NAME(rows)(const int kind, const int64_t step, const pool_block *b,
                                                             const T *x, T *y, int32_t *at) {
    /* windows low..high-1 of a row have all their columns in the image */
    int64_t low = (b->left + b->col_stride - 1) / b->col_stride, room = b->width + b->left - b->kernel_cols;
    int64_t high = room < 0 ? 0 : room / b->col_stride + 1;
    if (low > b->cols) low = b->cols;
    if (high > b->cols) high = b->cols;
    if (high - low < 4) high = low;
    int64_t lanes = high - low < 8 ? 4 : high - low < 16 ? 8 : 16;
    for (int64_t r = 0; r < b->rows; r++, y += b->cols) {
        for (int64_t c = 0; c < low; c++) NAME(window)(kind, b, x, r, c, y, at);
        for (int64_t next = low; next < high; next += lanes) {
            int64_t c = next + lanes <= high ? next : high - lanes;
            if (lanes == 16) NAME2(NAME(run), 16)(kind, step, b, x, r, c, y, at);
            else if (lanes == 8) NAME2(NAME(run), 8)(kind, step, b, x, r, c, y, at);
            else NAME2(NAME(run), 4)(kind, step, b, x, r, c, y, at);
        }
        for (int64_t c = high; c < b->cols; c++) NAME(window)(kind, b, x, r, c, y, at);
        if (kind == POOL_MAX) at += b->cols;
    }
}

static void NAME(max)(const pool_block *b, const T *x, T *y, int32_t *at) {
    if (b->col_stride == 1) NAME(rows)(POOL_MAX, 1, b, x, y, at);
    else if (b->col_stride == 2) NAME(rows)(POOL_MAX, 2, b, x, y, at);
    else NAME(rows)(POOL_MAX, b->col_stride, b, x, y, at);
}

static void NAME(sum)(const pool_block *b, const T *x, T *y) {
    if (b->col_stride == 1) NAME(rows)(POOL_SUM, 1, b, x, y, NULL);
    else if (b->col_stride == 2) NAME(rows)(POOL_SUM, 2, b, x, y, NULL);
    else NAME(rows)(POOL_SUM, b->col_stride, b, x, y, NULL);
}

static void NAME(spread)(const pool_block *b, const T *restrict g, T *restrict x) {
    memset(x, 0, (size_t)(b->height * b->width) * sizeof(T));
    for (int64_t r = 0; r < b->rows; r++, g += b->cols)
        for (int64_t i = 0, h = r * b->row_stride - b->top; i < b->kernel_rows; i++, h++)
            for (int64_t j = 0, shift = -b->left; h >= 0 && h < b->height && j < b->kernel_cols; j++, shift++) {
                /* windows low..high-1 have their column j in the image */
                int64_t step = b->col_stride, low = shift < 0 ? (-shift + step - 1) / step : 0;
                int64_t high = b->width > shift ? (b->width - shift + step - 1) / step : 0;
                if (high > b->cols) high = b->cols;
                T *to = x + h * b->width + shift;
                if (step == 1)
                    for (int64_t c = low; c < high; c++) to[c] += g[c];
                else
                    for (int64_t c = low; c < high; c++) to[c * step] += g[c];
            }
}

#undef EVENS_16
#undef EVENS_8
#undef EVENS_4
#undef DEFINE_RUN
#undef BEATS
#undef NAME
#undef NAME2
#undef NAME_
#undef T
#undef INT
#undef S
