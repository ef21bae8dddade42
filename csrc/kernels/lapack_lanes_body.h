/* lapack_lanes_body.h: kernels of lapack.c for batches of small matrices, for one element type (see template.h).
 *
 * Each lane of a vector is another matrix: element e of all of them is x[e]. Every step is the same for all lanes, and
 * where they differ - pivots, what has no factorisation - lanes choose, so that no matrix has an effect on
 * the bits of another. Lanes past the end of a part hold its first matrix again.
 */
#define W GD_CAT(GD_LANES, S)
#define LANES VECTOR(W)
#define SIDE GD_CAT(GD_SQUARE, S)
#define MASK NAME(lane_mask)
typedef I MASK __attribute__((vector_size(W * sizeof(T)), aligned(sizeof(T)), may_alias)); /* -1 or 0 in each lane */

INLINE LANES NAME(choose)(MASK which, LANES x, LANES y) { return (LANES)(((MASK)x & which) | ((MASK)y & ~which)); }

INLINE LANES NAME(size_of)(LANES x) { return NAME(choose)((MASK)(x < 0), -x, x); }

INLINE LANES NAME(root)(LANES x) {
    T each[W];
    memcpy(each, &x, sizeof x);
    for (int l = 0; l < W; l++) each[l] = (T)GD_CAT(GD_SQRT, S)(each[l]);
    memcpy(&x, each, sizeof x);
    return x;
}

/* `count` matrices of `size` elements, one after the other, side by side */
static void NAME(take_lanes)(const T *from, int64_t size, int64_t count, LANES *lanes) {
    T *to = (T *)lanes;
    int64_t e = 0;
#if W >= SIDE
    if (count == W)
        for (; e + SIDE <= size; e += SIDE)
            for (int64_t l = 0; l < W; l += SIDE) NAME(gd_transpose)(from + l * size + e, size, to + e * W + l, W);
#endif
    for (; e < size; e++)
        for (int64_t l = 0; l < W; l++) to[e * W + l] = from[(l < count ? l : 0) * size + e];
}

/* and back */
static void NAME(put_lanes)(const LANES *lanes, int64_t size, int64_t count, T *to) {
    const T *from = (const T *)lanes;
    int64_t e = 0;
#if W >= SIDE
    if (count == W)
        for (; e + SIDE <= size; e += SIDE)
            for (int64_t l = 0; l < W; l += SIDE) NAME(gd_transpose)(from + e * W + l, W, to + l * size + e, size);
#endif
    for (; e < size; e++)
        for (int64_t l = 0; l < count; l++) to[l * size + e] = from[e * W + l];
}

/* runs body for each group of the call's part: `count` matrices from number i on */
#define EACH_GROUP(call, b)                                                                                       \
    for (int64_t i = (call)->part * (b)->per_part, end_ = gd_min((b)->batch, i + (b)->per_part), count; i < end_; \
         i += W)                                                                                                  \
        if ((count = gd_min(W, end_ - i)) > 0)

static void NAME(symmetric_lanes)(LANES *a, int64_t n) {
    for (int64_t r = 0; r < n; r++)
        for (int64_t c = 0; c <= r; c++) a[r * n + c] = a[c * n + r] = a[r * n + c] / 2 + a[c * n + r] / 2;
}

static int NAME(cholesky_lanes)(const gd_call *call, const lapack_block *b) {
    const int64_t n = b->n, size = n * n;
    const LANES nothing = (LANES){0} + (T)NAN;
    EACH_GROUP(call, b) {
        LANES *l = call->scratch;
        MASK failed = {0};
        NAME(take_lanes)((const T *)call->operands[0] + i * size, size, count, l);
        NAME(symmetric_lanes)(l, n);
        for (int64_t j = 0; j < n; j++)
            for (int64_t r = j; r < n; r++) {
                LANES sum = l[r * n + j];
                for (int64_t k = 0; k < j; k++) sum -= l[r * n + k] * l[j * n + k];
                if (r == j) failed |= ~(MASK)(sum > 0);
                if (r == j) l[r * n + j] = NAME(root)(sum);
                else l[r * n + j] = sum / l[j * n + j];
            }
        for (int64_t r = 0; r < n; r++)
            for (int64_t c = 0; c < n; c++)
                if (c > r) l[r * n + c] = (LANES){0};
                else l[r * n + c] = NAME(choose)(failed, nothing, l[r * n + c]);
        NAME(put_lanes)(l, size, count, (T *)call->operands[1] + i * size);
    }
    return GD_OK;
}

/* op(a) x = x for a triangular a, over the k columns of x */
static void NAME(solve_lanes)(const LANES *a, LANES *x, int64_t n, int64_t k, int lower, int transposed, int unit) {
    const int forward = lower != transposed;
    const int64_t row = transposed ? 1 : n, column = transposed ? n : 1;
    for (int64_t step = 0; step < n; step++) {
        const int64_t r = forward ? step : n - 1 - step, first = forward ? 0 : r + 1, last = forward ? r : n;
        for (int64_t c = 0; c < k; c++) {
            LANES sum = x[r * k + c];
            for (int64_t j = first; j < last; j++) sum -= a[r * row + j * column] * x[j * k + c];
            if (!unit) sum /= a[r * n + r];
            x[r * k + c] = sum;
        }
    }
}

static int NAME(triangular_solve_lanes)(const gd_call *call, const lapack_block *b) {
    const int64_t n = b->n, k = b->k;
    EACH_GROUP(call, b) {
        LANES *a = call->scratch, *x = a + n * n;
        NAME(take_lanes)((const T *)call->operands[0] + i * n * n, n * n, count, a);
        NAME(take_lanes)((const T *)call->operands[1] + i * n * k, n * k, count, x);
        NAME(solve_lanes)(a, x, n, k, b->lower, b->transpose, b->unit);
        NAME(put_lanes)(x, n * k, count, (T *)call->operands[2] + i * n * k);
    }
    return GD_OK;
}

static int NAME(lu_lanes)(const gd_call *call, const lapack_block *b) {
    const int64_t n = b->n, size = n * n;
    EACH_GROUP(call, b) {
        LANES *f = call->scratch;
        int *pivots = (int *)call->operands[2] + i * n;
        NAME(take_lanes)((const T *)call->operands[0] + i * size, size, count, f);
        for (int64_t j = 0; j < n; j++) {
            LANES most = NAME(size_of)(f[j * n + j]);
            MASK at = (MASK){0} + (I)j;
            for (int64_t c = j + 1; c < n; c++) {
                const LANES here = NAME(size_of)(f[j * n + c]);
                const MASK more = (MASK)(here > most);
                most = NAME(choose)(more, here, most);
                at = (at & ~more) | (((MASK){0} + (I)c) & more);
            }
            for (int64_t l = 0; l < count; l++) pivots[l * n + j] = (int)at[l] + 1;
            for (int64_t r = 0; r < n; r++) { /* columns j and `at` change places */
                const LANES kept = f[r * n + j];
                LANES found = kept;
                for (int64_t c = j + 1; c < n; c++) {
                    const MASK here = (MASK)(at == (I)c);
                    found = NAME(choose)(here, f[r * n + c], found);
                    f[r * n + c] = NAME(choose)(here, kept, f[r * n + c]);
                }
                f[r * n + j] = found;
            }
            const LANES pivot = f[j * n + j], divisor = NAME(choose)((MASK)(pivot == 0), (LANES){0} + 1, pivot);
            for (int64_t c = j + 1; c < n; c++) f[j * n + c] /= divisor;
            for (int64_t r = j + 1; r < n; r++)
                for (int64_t c = j + 1; c < n; c++) f[r * n + c] -= f[j * n + c] * f[r * n + j];
        }
        NAME(put_lanes)(f, size, count, (T *)call->operands[1] + i * size);
    }
    return GD_OK;
}

static int NAME(lu_solve_lanes)(const gd_call *call, const lapack_block *b) {
    const int64_t n = b->n, k = b->k, right = n * k;
    const LANES nothing = (LANES){0} + (T)NAN;
    EACH_GROUP(call, b) {
        LANES *f = call->scratch, *x = f + n * n;
        const int *pivots = (const int *)call->operands[1] + i * n;
        T *to = (T *)call->operands[3] + i * right;
        MASK singular = {0};
        for (int64_t l = 0; l < count; l++)
            if (!pivots_fit(pivots + l * n, (int)n, call->fault)) return GD_ERR_INDEX;
        NAME(take_lanes)((const T *)call->operands[0] + i * n * n, n * n, count, f);
        for (int64_t r = 0; r < n; r++) singular |= (MASK)(f[r * n + r] == 0);
        memcpy(to, (const T *)call->operands[2] + i * right, (size_t)(count * right) * sizeof(T));
        for (int64_t l = 0; b->transpose && l < count; l++) NAME(swap_rows)(to + l * right, pivots + l * n, n, k, 0);
        NAME(take_lanes)(to, right, count, x);
        NAME(solve_lanes)(f, x, n, k, !b->transpose, b->transpose, b->transpose);
        NAME(solve_lanes)(f, x, n, k, b->transpose, b->transpose, !b->transpose);
        for (int64_t e = 0; e < right; e++) x[e] = NAME(choose)(singular, nothing, x[e]);
        NAME(put_lanes)(x, right, count, to);
        for (int64_t l = 0; !b->transpose && l < count; l++) NAME(swap_rows)(to + l * right, pivots + l * n, n, k, 1);
    }
    return GD_OK;
}

#undef EACH_GROUP
#undef MASK
#undef SIDE
#undef LANES
#undef W
