/* fold_body.h: one reduction (see fold.h), which the including file names: REDUCTION, and twice the same function,
 * COMBINE(x, y) of scalars and PARTWISE(x, y) of parts. All three are undefined again at its end, and so are FACTOR and
 * FACTOR_NAME: where FACTOR, a type, is defined, products of two such operands, each converted, are reduced. */
#ifdef FACTOR
#define OPERANDS const FACTOR *x, const FACTOR *y
#define FROM(i) x + (i), y + (i)
#define ELEMENT(i) ((GD_T)x[i] * (GD_T)y[i])
#define VECTOR(i) GD_CAT(load_products, FACTOR_NAME)(x + (i), y + (i))
#define FUNCTION FOLD_(GD_CAT(dot, FACTOR_NAME), GD_D)
#define FIRST(n) GD_LOOP for (int64_t k = 0; k < (n); k++) out[k] = ELEMENT(at + k)
#else
#define OPERANDS const GD_T *x
#define FROM(i) x + (i)
#define ELEMENT(i) x[i]
#define VECTOR(i) load(x + (i))
#define FUNCTION FOLD_(REDUCTION, GD_D)
#define FIRST(n) memcpy(out, x + at, (size_t)(n) * sizeof(GD_T))
#endif
#define VECTORWISE GD_CAT(FUNCTION, vector)
#define ROW GD_CAT(FUNCTION, row)

static inline vector VECTORWISE(vector x, vector y) {
    GD_UNROLL for (int k = 0; k < PARTS; k++) x.of[k] = PARTWISE(x.of[k], y.of[k]);
    return x;
}

static GD_T ROW(OPERANDS, int64_t n) {
    int64_t i = 1;
    GD_T result;
    if (n < SHORT) {
        result = ELEMENT(0);
    } else {
        vector s0 = VECTOR(0); /* what is indexed below, s, would be in memory here too */
        i = LANES;
        if (n >= 8 * LANES) {
            vector s1 = VECTOR(LANES), s2 = VECTOR(2 * LANES), s3 = VECTOR(3 * LANES);
            for (i = 4 * LANES; i + 4 * LANES <= n; i += 4 * LANES) {
                s0 = VECTORWISE(s0, VECTOR(i));
                s1 = VECTORWISE(s1, VECTOR(i + LANES));
                s2 = VECTORWISE(s2, VECTOR(i + 2 * LANES));
                s3 = VECTORWISE(s3, VECTOR(i + 3 * LANES));
            }
            s0 = VECTORWISE(VECTORWISE(s0, s1), VECTORWISE(s2, s3));
        }
        for (; i + LANES <= n; i += LANES) s0 = VECTORWISE(s0, VECTOR(i));
        vector s = s0;
        GD_UNROLL for (int half = PARTS / 2; half > 0; half /= 2) GD_UNROLL for (int k = 0; k < half; k++) s.of[k] =
            PARTWISE(s.of[k], s.of[k + half]);
        GD_T lane[PART_LANES];
        memcpy(lane, &s.of[0], sizeof lane);
        for (int half = PART_LANES / 2; half > 0; half /= 2)
            for (int j = 0; j < half; j++) lane[j] = COMBINE(lane[j], lane[j + half]);
        result = lane[0];
    }
    for (; i < n; i++) result = COMBINE(result, ELEMENT(i));
    return result;
}

void FUNCTION(void *, const void *, const void *, int64_t, int64_t, int64_t);
void FUNCTION(void *out_, const void *a, const void *b, int64_t outer, int64_t length, int64_t inner) {
    GD_T *out = out_;
#ifdef FACTOR
    const FACTOR *x = a, *y = b;
#else
    const GD_T *x = a;
    (void)b;
#endif
    if (inner == 1) {
        int64_t i = 0;
        for (; length < SHORT && i + SIDE_BY_SIDE <= outer; i += SIDE_BY_SIDE) {
            GD_T r[SIDE_BY_SIDE];
            for (int k = 0; k < SIDE_BY_SIDE; k++) r[k] = ELEMENT((i + k) * length);
            for (int64_t j = 1; j < length; j++)
                for (int k = 0; k < SIDE_BY_SIDE; k++) r[k] = COMBINE(r[k], ELEMENT((i + k) * length + j));
            memcpy(out + i, r, sizeof r);
        }
        for (; i < outer; i++) out[i] = ROW(FROM(i * length), length);
        return;
    }
    for (int64_t i = 0, at = 0; i < outer; i++, out += inner) {
        FIRST(inner);
        at += inner;
        for (int64_t j = 1; j < length; j++, at += inner)
            GD_LOOP for (int64_t k = 0; k < inner; k++) out[k] = COMBINE(out[k], ELEMENT(at + k));
    }
}

#undef VECTORWISE
#undef ROW
#undef OPERANDS
#undef FROM
#undef ELEMENT
#undef VECTOR
#undef FUNCTION
#undef FIRST
#undef REDUCTION
#undef COMBINE
#undef PARTWISE
#undef FACTOR
#undef FACTOR_NAME
