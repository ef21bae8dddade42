/* pool_run.h: LANES windows side by side, for one element type; pool_body.h includes it for each number of lanes, with
 * EVENS(v, w): every other element of v and then of w, without the first of w, which was asked for already. */
#define PLACES GD_CAT(NAME(places), LANES)
#define NARROW GD_CAT(NAME(narrow), LANES)
typedef I PLACES __attribute__((vector_size(LANES * sizeof(T)), aligned(sizeof(T))));
typedef int32_t NARROW __attribute__((vector_size(LANES * 4), aligned(4), may_alias));

INLINE VECTOR(LANES) GD_CAT(NAME(load), LANES)(const T *x, int64_t step) {
    if (step == 1) return *(const VECTOR(LANES) *)x;
    if (step == 2) {
        VECTOR(LANES) v = *(const VECTOR(LANES) *)x;
        VECTOR(LANES) w = *(const VECTOR(LANES) *)(x + LANES - 1); /* not beyond the last element that is asked for */
        return EVENS(v, w);
    }
    VECTOR(LANES) v = {0};
    for (int i = 0; i < LANES; i++) v[i] = x[i * step];
    return v;
}

/* the windows from c on, all of whose columns lie in the image; kind and step are constants where called */
INLINE void GD_CAT(NAME(run), LANES)(const int kind, const int64_t step, const pool_block *b, const T *x, int64_t r,
                                     int64_t c, T *y, int32_t *at) {
    int64_t top = r * b->row_stride - b->top;
    int64_t bottom = gd_min(top + (b->kernel_rows - 1) * b->row_step + 1, b->height);
    top = NAME(inside)(top, b->row_step);
    int64_t down = b->row_step * b->width, across = b->col_step;
    int64_t corner = top * b->width + c * b->col_stride - b->left;
    VECTOR(LANES) best = {0};
    PLACES place, from = {0};
    for (int i = 0; i < LANES; i++) from[i] = (I)(corner + i * b->col_stride);
    place = from;
    if (kind == POOL_MAX) best = GD_CAT(NAME(load), LANES)(x + corner, step);
    for (int64_t h = top; h < bottom; h += b->row_step, corner += down, from += (I)down)
        for (int64_t j = 0; j < b->kernel_cols; j++) {
            VECTOR(LANES) v = GD_CAT(NAME(load), LANES)(x + corner + j * across, step);
            if (kind == POOL_SUM) {
                best += v;
                continue;
            }
            PLACES better = BEATS(v, best);
            best = (VECTOR(LANES))((better & (PLACES)v) | (~better & (PLACES)best));
            place = (better & (from + (I)(j * across))) | (~better & place);
        }
    *(VECTOR(LANES) *)(y + c) = best;
    if (kind == POOL_MAX) *(NARROW *)(at + c) = __builtin_convertvector(place, NARROW);
}

#undef PLACES
#undef NARROW
#undef LANES
#undef EVENS
