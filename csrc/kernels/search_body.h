/* search_body.h: bisection in rows of one type of numbers (see template.h); search.c includes it. */

INLINE int NAME(below)(const int right, T v, T x) {
    return right ? v <= x || IS_NAN(x) : v < x || (IS_NAN(x) && IS_NUMBER(v));
}

/* each step halves what is left; which half is no branch, so that none is guessed wrong */
INLINE int64_t NAME(place)(const int right, const T *row, int64_t n, T x) {
    int64_t first = 0;
    while (n > 1) {
        int64_t half = n / 2;
        first = NAME(below)(right, row[first + half - 1], x) ? first + half : first;
        n -= half;
    }
    return n == 1 && NAME(below)(right, row[first], x) ? first + 1 : first;
}

INLINE void NAME(places)(const int right, const gd_call *call, gd_range at) {
    const search_block *b = (const search_block *)call->block;
    const T *sorted = (const T *)call->operands[0], *x = (const T *)call->operands[1];
    int64_t *y = (int64_t *)call->operands[2];
    for (int64_t i = at.first; i < at.last; i++)
        y[i] = NAME(place)(right, sorted + i / b->count * b->axis, b->axis, x[i]);
}

static void NAME(search)(const gd_call *call, gd_range at) {
    const search_block *b = (const search_block *)call->block;
    if (b->right) NAME(places)(1, call, at);
    else NAME(places)(0, call, at);
}
