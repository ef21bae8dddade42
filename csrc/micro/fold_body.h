/* fold_body.h: one reduction (see fold.h), which the including file names: REDUCTION, and twice the same function,
 * COMBINE(x, y) of scalars and PARTWISE(x, y) of parts. All three are undefined again at its end. */
#define VECTORWISE GD_CAT(vector, REDUCTION)
#define ROW GD_CAT(row, REDUCTION)

static inline vector VECTORWISE(vector x, vector y) {
    GD_UNROLL for (int k = 0; k < PARTS; k++) x.of[k] = PARTWISE(x.of[k], y.of[k]);
    return x;
}

static GD_T ROW(const GD_T *x, int64_t n) {
    int64_t i = 1;
    GD_T result;
    if (n < SHORT) {
        result = x[0];
    } else {
        vector s = load(x);
        i = LANES;
        if (n >= 8 * LANES) {
            vector s1 = load(x + LANES), s2 = load(x + 2 * LANES), s3 = load(x + 3 * LANES);
            for (i = 4 * LANES; i + 4 * LANES <= n; i += 4 * LANES) {
                s = VECTORWISE(s, load(x + i));
                s1 = VECTORWISE(s1, load(x + i + LANES));
                s2 = VECTORWISE(s2, load(x + i + 2 * LANES));
                s3 = VECTORWISE(s3, load(x + i + 3 * LANES));
            }
            s = VECTORWISE(VECTORWISE(s, s1), VECTORWISE(s2, s3));
        }
        for (; i + LANES <= n; i += LANES) s = VECTORWISE(s, load(x + i));
        GD_UNROLL for (int half = PARTS / 2; half > 0; half /= 2) GD_UNROLL for (int k = 0; k < half; k++) s.of[k] =
            PARTWISE(s.of[k], s.of[k + half]);
        GD_T lane[PART_LANES];
        memcpy(lane, &s.of[0], sizeof lane);
        for (int half = PART_LANES / 2; half > 0; half /= 2)
            for (int j = 0; j < half; j++) lane[j] = COMBINE(lane[j], lane[j + half]);
        result = lane[0];
    }
    for (; i < n; i++) result = COMBINE(result, x[i]);
    return result;
}

void FOLD_(REDUCTION, GD_D)(void *, const void *, int64_t, int64_t, int64_t);
void FOLD_(REDUCTION, GD_D)(void *out_, const void *in_, int64_t outer, int64_t length, int64_t inner) {
    GD_T *out = out_;
    const GD_T *in = in_;
    if (inner == 1) {
        int64_t i = 0;
        for (; length < SHORT && i + SIDE_BY_SIDE <= outer; i += SIDE_BY_SIDE) {
            const GD_T *x = in + i * length;
            GD_T r[SIDE_BY_SIDE];
            for (int k = 0; k < SIDE_BY_SIDE; k++) r[k] = x[k * length];
            for (int64_t j = 1; j < length; j++)
                for (int k = 0; k < SIDE_BY_SIDE; k++) r[k] = COMBINE(r[k], x[k * length + j]);
            memcpy(out + i, r, sizeof r);
        }
        for (; i < outer; i++) out[i] = ROW(in + i * length, length);
        return;
    }
    for (int64_t i = 0; i < outer; i++, out += inner, in += length * inner) {
        memcpy(out, in, (size_t)inner * sizeof(GD_T));
        for (int64_t j = 1; j < length; j++) {
            const GD_T *row = in + j * inner;
            GD_LOOP for (int64_t k = 0; k < inner; k++) out[k] = COMBINE(out[k], row[k]);
        }
    }
}

#undef VECTORWISE
#undef ROW
#undef REDUCTION
#undef COMBINE
#undef PARTWISE
