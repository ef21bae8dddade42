/* attention_body.h: attention and its gradients for one element type (see template.h); attention.c includes it.
 */
#define PRODUCT GD_ISA_NAME(NAME(gd_product))
enum { NAME(LANES) = 64 / sizeof(T) };

static T *NAME(rows_of)(const attention_block *b, const gd_call *call, int which, int64_t entry) {
    const rows_view *x = &b->view[which];
    return (T *)call->operands[x->operand] + begin_of(b, x, entry);
}

/* the largest of n numbers, -infinity of none; one that is no number is passed over: its exponential is none either */
static T NAME(largest)(const T *x, int64_t n) {
    T lane[NAME(LANES)], top = -(T)INFINITY;
    int64_t i = 0;
    for (int l = 0; l < NAME(LANES); l++) lane[l] = top;
    for (; i + NAME(LANES) <= n; i += NAME(LANES))
        for (int l = 0; l < NAME(LANES); l++) lane[l] = x[i + l] > lane[l] ? x[i + l] : lane[l];
    for (int l = 0; l < NAME(LANES); l++) top = lane[l] > top ? lane[l] : top;
    for (; i < n; i++) top = x[i] > top ? x[i] : top;
    return top;
}

static T NAME(total)(const T *x, int64_t n) {
    T lane[NAME(LANES)] = {0}, sum = 0;
    int64_t i = 0;
    for (; i + NAME(LANES) <= n; i += NAME(LANES))
        for (int l = 0; l < NAME(LANES); l++) lane[l] += x[i + l];
    for (int half = NAME(LANES) / 2; half > 0; half /= 2)
        for (int l = 0; l < half; l++) lane[l] += lane[l + half];
    for (; i < n; i++) sum += x[i];
    return sum + lane[0];
}

static T NAME(dot)(const T *x, const T *y, int64_t n) {
    T lane[NAME(LANES)] = {0}, sum = 0;
    int64_t i = 0;
    for (; i + NAME(LANES) <= n; i += NAME(LANES))
        for (int l = 0; l < NAME(LANES); l++) lane[l] += x[i + l] * y[i + l];
    for (int half = NAME(LANES) / 2; half > 0; half /= 2)
        for (int l = 0; l < half; l++) lane[l] += lane[l + half];
    for (; i < n; i++) sum += x[i] * y[i];
    return sum + lane[0];
}

/* the mask upon the scores of m queries from i0 and n keys from j0 */
static void NAME(mask)(const attention_block *b, const gd_call *call, int64_t entry, int64_t i0, int64_t m, int64_t j0,
                       int64_t n, T *scores) {
    const rows_view *x = &b->mask_view;
    int64_t first = begin_of(b, x, entry) + i0 * x->row + j0 * b->mask_key, step = b->mask_key;
    for (int64_t i = 0; i < m; i++, first += x->row, scores += n) {
        const uint8_t *keeps = (const uint8_t *)call->operands[x->operand] + first;
        const T *adds = (const T *)call->operands[x->operand] + first;
        if (b->mask == MASK_KEEPS)
            for (int64_t j = 0; j < n; j++) scores[j] = keeps[j * step] ? scores[j] : -(T)INFINITY;
        else if (step == 1)
            for (int64_t j = 0; j < n; j++) scores[j] += adds[j];
        else
            for (int64_t j = 0; j < n; j++) scores[j] += adds[j * step];
    }
}

/* how many of n keys from j0 on are for query i */
static inline int64_t NAME(visible)(const attention_block *b, int64_t i, int64_t j0, int64_t n) {
    return !b->causal || i + 1 >= j0 + n ? n : i + 1 > j0 ? i + 1 - j0 : 0;
}

/* Scores of m queries from i0 and n keys from j0, one after the other; where the mask hides a key, -infinity, and
 * anything where the order does. */
static void NAME(scores)(const attention_block *b, const gd_call *call, int64_t entry, int64_t i0, int64_t m,
                         int64_t j0, int64_t n, const T *q, const T *k, T *scores) {
    int64_t q_row = b->view[Q].row, k_row = b->view[K].row;
    gd_product p = {m, n, b->features, q_row, 1, 1, k_row, n, b->scale, 0};
    PRODUCT(&p, q + i0 * q_row, k + j0 * k_row, scores, call->scratch);
    if (b->mask) NAME(mask)(b, call, entry, i0, m, j0, n, scores);
}

/* exponentials of scores less a number each row, 0 where the order hides a key */
static void NAME(exponentials)(const attention_block *b, int64_t i0, int64_t m, int64_t j0, int64_t n, T *scores) {
    if (NAME(visible)(b, i0, j0, n) == n) {
        b->exp(scores, scores, NULL, NULL, m * n);
        return;
    }
    for (int64_t i = 0; i < m; i++, scores += n) {
        int64_t seen = NAME(visible)(b, i0 + i, j0, n);
        if (seen > 0) b->exp(scores, scores, NULL, NULL, seen);
        memset(scores + seen, 0, (size_t)(n - seen) * sizeof(T));
    }
}

/* keys that any of the queries before i1 may see */
static int64_t NAME(seen)(const attention_block *b, int64_t i1) { return b->causal ? gd_min(b->keys, i1) : b->keys; }

static void NAME(forward)(const attention_block *b, const gd_call *call, int64_t entry, int64_t i0) {
    int64_t m = gd_min(ROWS, b->rows - i0), keys = NAME(seen)(b, i0 + m), f = b->values;
    int64_t v_row = b->view[V].row, y_row = b->view[Y].row;
    const T *q = NAME(rows_of)(b, call, Q, entry), *k = NAME(rows_of)(b, call, K, entry);
    const T *v = NAME(rows_of)(b, call, V, entry);
    T *y = NAME(rows_of)(b, call, Y, entry) + i0 * y_row;
    T *out = (T *)call->operands[b->sums] + 2 * (entry * b->rows + i0);
    T *scores = (T *)((char *)call->scratch + b->products), *top = scores + ROWS * KEYS, *sum = top + ROWS;
    T *corrected = sum + ROWS;
    for (int64_t i = 0; i < m; i++) top[i] = -(T)INFINITY, sum[i] = 0;
    for (int64_t j0 = 0; j0 < keys; j0 += KEYS) {
        int64_t n = gd_min(KEYS, keys - j0);
        NAME(scores)(b, call, entry, i0, m, j0, n, q, k, scores);
        for (int64_t i = 0; i < m; i++) {
            int64_t seen = NAME(visible)(b, i0 + i, j0, n);
            T *row = scores + i * n, now = NAME(largest)(row, seen);
            now = now > top[i] ? now : top[i];
            T base = now == -(T)INFINITY ? 0 : now;
            for (int64_t j = 0; j < seen; j++) row[j] -= base;
            corrected[i] = top[i] - base;
            top[i] = now;
        }
        NAME(exponentials)(b, i0, m, j0, n, scores);
        b->exp(corrected, corrected, NULL, NULL, m);
        for (int64_t i = 0; i < m; i++) {
            sum[i] = (j0 ? sum[i] * corrected[i] : 0) + NAME(total)(scores + i * n, n);
            if (j0 && corrected[i] != 1)
                for (int64_t l = 0; l < f; l++) y[i * y_row + l] *= corrected[i];
        }
        gd_product p = {m, f, n, n, 1, v_row, 1, y_row, 1, j0 > 0};
        PRODUCT(&p, scores, v + j0 * v_row, y, call->scratch);
    }
    for (int64_t i = 0; i < m; i++) {
        T scale = sum[i] == 0 ? 0 : 1 / sum[i];
        for (int64_t l = 0; l < f; l++) y[i * y_row + l] = keys ? y[i * y_row + l] * scale : 0;
    }
    b->log(sum, sum, NULL, NULL, m);
    for (int64_t i = 0; i < m; i++) out[2 * i] = top[i] == -(T)INFINITY ? 0 : top[i], out[2 * i + 1] = sum[i];
}

/* One entry's keys from split * split_keys on: their dk and dv, and their part of dq. */
static void NAME(backward)(const attention_block *b, const gd_call *call, int64_t entry, int64_t split) {
    int64_t e = b->features, f = b->values, first = split * b->split_keys, end = gd_min(b->keys, first + b->split_keys);
    const rows_view *x = b->view;
    const T *q = NAME(rows_of)(b, call, Q, entry), *k = NAME(rows_of)(b, call, K, entry);
    const T *v = NAME(rows_of)(b, call, V, entry), *y = NAME(rows_of)(b, call, Y, entry);
    const T *g = NAME(rows_of)(b, call, G, entry), *sums = (const T *)call->operands[b->sums] + 2 * entry * b->rows;
    T *dk = NAME(rows_of)(b, call, DK, entry), *dv = NAME(rows_of)(b, call, DV, entry);
    T *dq = NAME(rows_of)(b, call, DQ, entry);
    int64_t dq_row = x[DQ].row;
    if (b->splits > 1) {
        dq = (T *)call->shared + (entry * b->splits + split) * b->rows * e;
        dq_row = e;
    }
    T *weights = (T *)((char *)call->scratch + b->products), *change = weights + ROWS * KEYS;
    T *inner = change + ROWS * KEYS;
    for (int64_t i = 0; i < b->rows; i++) {
        inner[i] = NAME(dot)(y + i * x[Y].row, g + i * x[G].row, f);
        for (int64_t l = 0; l < e; l++) dq[i * dq_row + l] = 0;
    }
    for (int64_t j0 = first; j0 < end; j0 += KEYS) {
        int64_t most = gd_min(KEYS, end - j0), i0 = b->causal ? j0 / ROWS * ROWS : 0;
        for (int64_t j = 0; j < most; j++) {
            memset(dk + (j0 + j) * x[DK].row, 0, (size_t)e * sizeof(T));
            memset(dv + (j0 + j) * x[DV].row, 0, (size_t)f * sizeof(T));
        }
        for (; i0 < b->rows; i0 += ROWS) {
            int64_t m = gd_min(ROWS, b->rows - i0), n = gd_min(most, NAME(seen)(b, i0 + m) - j0);
            NAME(scores)(b, call, entry, i0, m, j0, n, q, k, weights);
            for (int64_t i = 0; i < m; i++) {
                T top = sums[2 * (i0 + i)], logarithm = sums[2 * (i0 + i) + 1];
                if (logarithm == -(T)INFINITY) logarithm = 0;
                for (int64_t j = 0; j < NAME(visible)(b, i0 + i, j0, n); j++)
                    weights[i * n + j] = (weights[i * n + j] - top) - logarithm;
            }
            NAME(exponentials)(b, i0, m, j0, n, weights);
            gd_product to_dv = {n, f, m, 1, n, x[G].row, 1, x[DV].row, 1, 1};
            PRODUCT(&to_dv, weights, g + i0 * x[G].row, dv + j0 * x[DV].row, call->scratch);
            gd_product by_v = {m, n, f, x[G].row, 1, 1, x[V].row, n, 1, 0};
            PRODUCT(&by_v, g + i0 * x[G].row, v + j0 * x[V].row, change, call->scratch);
            for (int64_t i = 0; i < m; i++) {
                T own = inner[i0 + i], *row = change + i * n;
                for (int64_t j = 0; j < n; j++) row[j] = weights[i * n + j] * (row[j] - own);
            }
            gd_product to_dq = {m, e, n, n, 1, x[K].row, 1, dq_row, b->scale, 1};
            PRODUCT(&to_dq, change, k + j0 * x[K].row, dq + i0 * dq_row, call->scratch);
            gd_product to_dk = {n, e, m, 1, n, x[Q].row, 1, x[DK].row, b->scale, 1};
            PRODUCT(&to_dk, change, q + i0 * x[Q].row, dk + j0 * x[DK].row, call->scratch);
        }
    }
}

/* dq of all entries, of what their parts have left */
static void NAME(add_up)(const attention_block *b, const gd_call *call) {
    int64_t e = b->features;
    for (int64_t entry = 0; entry < b->entries; entry++) {
        T *dq = NAME(rows_of)(b, call, DQ, entry);
        const T *from = (const T *)call->shared + entry * b->splits * b->rows * e;
        for (int64_t i = 0; i < b->rows; i++) {
            T *row = dq + i * b->view[DQ].row;
            memcpy(row, from + i * e, (size_t)e * sizeof(T));
            for (int64_t s = 1; s < b->splits; s++)
                for (int64_t l = 0; l < e; l++) row[l] += from[(s * b->rows + i) * e + l];
        }
    }
}

#undef PRODUCT
