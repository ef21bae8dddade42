/* lapack_body.h: the kernels of lapack.c for one element type (see template.h); lapack.c includes it. S is also the
 * member of gd_blas that has the type's routines. */

static void NAME(fill_nan)(T *x, int64_t count) {
    for (int64_t j = 0; j < count; j++) x[j] = (T)NAN;
}

static int NAME(all_finite)(const T *x, int64_t count) {
    T sum = 0;
    for (int64_t j = 0; j < count; j++) sum += x[j] * 0; /* 0, or NaN of an infinity or a NaN */
    return sum == 0;
}

/* (a + a^T) / 2, a square of 16 by 16 and its mirror image at a time, so that columns are read while in cache */
static void NAME(symmetric_part)(T *y, const T *a, int64_t n) {
    enum { SIDE = 16 };
    for (int64_t top = 0; top < n; top += SIDE)
        for (int64_t left = 0; left < n; left += SIDE)
            for (int64_t r = top; r < gd_min(top + SIDE, n); r++)
                for (int64_t c = left; c < gd_min(left + SIDE, n); c++)
                    y[r * n + c] = a[r * n + c] / 2 + a[c * n + r] / 2;
}

static int NAME(cholesky)(const gd_call *call, const lapack_block *b) {
    int n = b->n;
    int64_t size = (int64_t)n * n;
    GD_EACH_MATRIX(call, b) {
        T *l = (T *)call->operands[1] + i * size;
        int info = 0;
        NAME(symmetric_part)(l, (const T *)call->operands[0] + i * size, n);
        if (n > 0) b->blas->S.potrf("U", &n, l, &n, &info, 1);
        if (info != 0) NAME(fill_nan)(l, size);
        for (int64_t r = 0; r < n; r++)
            for (int64_t c = r + 1; c < n; c++) l[r * n + c] = 0;
    }
    return GD_OK;
}

static int NAME(triangular_solve)(const gd_call *call, const lapack_block *b) {
    int64_t size = (int64_t)b->n * b->n, right = (int64_t)b->n * b->k;
    GD_EACH_MATRIX(call, b) {
        T *x = (T *)call->operands[2] + i * right;
        memcpy(x, (const T *)call->operands[1] + i * right, (size_t)right * sizeof(T));
        if (right > 0)
            b->blas->S.trsm(GD_BLAS_ROW_MAJOR, GD_BLAS_LEFT, b->lower ? GD_BLAS_LOWER : GD_BLAS_UPPER,
                            b->transpose ? GD_BLAS_TRANSPOSED : GD_BLAS_PLAIN,
                            b->unit ? GD_BLAS_UNIT_DIAGONAL : GD_BLAS_ANY_DIAGONAL, b->n, b->k, 1,
                            (const T *)call->operands[0] + i * size, b->n, x, b->k);
    }
    return GD_OK;
}

static int NAME(lu)(const gd_call *call, const lapack_block *b) {
    int n = b->n;
    int64_t size = (int64_t)n * n;
    GD_EACH_MATRIX(call, b) {
        T *f = (T *)call->operands[1] + i * size;
        int *pivots = (int *)call->operands[2] + i * n, info;
        memcpy(f, (const T *)call->operands[0] + i * size, (size_t)size * sizeof(T));
        if (n > 0) b->blas->S.getrf(&n, &n, f, &n, pivots, &info);
        for (int j = 0; j < n; j++)
            if (pivots[j] <= j || pivots[j] > n) pivots[j] = j + 1; /* a search among NaNs may find no row */
    }
    return GD_OK;
}

/* rows of x swapped as the factorisation swapped columns, or back */
static void NAME(swap_rows)(T *x, const int *pivots, int64_t n, int64_t k, int back) {
    for (int64_t step = 0; step < n; step++) {
        int64_t r = back ? n - 1 - step : step, with = pivots[r] - 1;
        if (with == r) continue;
        for (int64_t c = 0; c < k; c++) {
            T kept = x[r * k + c];
            x[r * k + c] = x[with * k + c];
            x[with * k + c] = kept;
        }
    }
}

static int NAME(lu_solve)(const gd_call *call, const lapack_block *b) {
    int n = b->n, k = b->k;
    int64_t size = (int64_t)n * n, right = (int64_t)n * k;
    GD_EACH_MATRIX(call, b) {
        const T *f = (const T *)call->operands[0] + i * size;
        const int *pivots = (const int *)call->operands[1] + i * n;
        T *x = (T *)call->operands[3] + i * right;
        int singular = 0;
        if (!pivots_fit(pivots, n, call->fault)) return GD_ERR_INDEX;
        for (int64_t r = 0; r < n; r++) singular |= f[r * n + r] == 0;
        if (singular) {
            NAME(fill_nan)(x, right);
            continue;
        }
        memcpy(x, (const T *)call->operands[2] + i * right, (size_t)right * sizeof(T));
        if (right == 0) continue;
        if (b->transpose) {
            NAME(swap_rows)(x, pivots, n, k, 0);
            b->blas->S.trsm(GD_BLAS_ROW_MAJOR, GD_BLAS_LEFT, GD_BLAS_UPPER, GD_BLAS_TRANSPOSED, GD_BLAS_UNIT_DIAGONAL,
                            n, k, 1, f, n, x, k);
            b->blas->S.trsm(GD_BLAS_ROW_MAJOR, GD_BLAS_LEFT, GD_BLAS_LOWER, GD_BLAS_TRANSPOSED, GD_BLAS_ANY_DIAGONAL, n,
                            k, 1, f, n, x, k);
        } else {
            b->blas->S.trsm(GD_BLAS_ROW_MAJOR, GD_BLAS_LEFT, GD_BLAS_LOWER, GD_BLAS_PLAIN, GD_BLAS_ANY_DIAGONAL, n, k,
                            1, f, n, x, k);
            b->blas->S.trsm(GD_BLAS_ROW_MAJOR, GD_BLAS_LEFT, GD_BLAS_UPPER, GD_BLAS_PLAIN, GD_BLAS_UNIT_DIAGONAL, n, k,
                            1, f, n, x, k);
            NAME(swap_rows)(x, pivots, n, k, 1);
        }
    }
    return GD_OK;
}

static int NAME(determinant)(const gd_call *call, const lapack_block *b) {
    int n = b->n;
    int64_t size = (int64_t)n * n;
    GD_EACH_MATRIX(call, b) {
        const T *f = (const T *)call->operands[0] + i * size;
        const int *pivots = (const int *)call->operands[1] + i * n;
        double mantissa = 1, sign = 1, logarithm = 0;
        int64_t exponent = 0;
        for (int64_t r = 0; r < n; r++) {
            double d = f[r * n + r];
            int power;
            if (pivots[r] != r + 1) mantissa = -mantissa, sign = -sign;
            mantissa = frexp(mantissa * d, &power); /* kept near 1, so that no part of the product overflows */
            exponent += power;
            sign *= d > 0 ? 1 : d < 0 ? -1 : d; /* 0 and NaN as they are */
            logarithm += log(fabs(d));
        }
        if (b->logarithm) {
            ((T *)call->operands[2])[i] = (T)sign;
            ((T *)call->operands[3])[i] = (T)logarithm;
        } else {
            /* beyond any float's range either way; ldexp takes an int */
            int power = exponent > 10000 ? 10000 : exponent < -10000 ? -10000 : (int)exponent;
            ((T *)call->operands[2])[i] = (T)ldexp(mantissa, power);
        }
    }
    return GD_OK;
}

static int NAME(qr)(const gd_call *call, const lapack_block *b) {
    int m = b->m, n = b->n;
    int64_t size = (int64_t)m * n;
    T *work = (T *)call->scratch, *factors = work + b->lwork;
    GD_EACH_MATRIX(call, b) {
        T *q = (T *)call->operands[1] + i * size, *r = (T *)call->operands[2] + i * n * n;
        int info;
        if (n == 0) continue;
        memcpy(q, (const T *)call->operands[0] + i * size, (size_t)size * sizeof(T));
        b->blas->S.gelqf(&n, &m, q, &n, factors, work, &b->lwork, &info);
        for (int64_t row = 0; row < n; row++)
            for (int64_t c = 0; c < n; c++) r[row * n + c] = c < row ? 0 : q[row * n + c];
        b->blas->S.orglq(&n, &m, &n, q, &n, factors, work, &b->lwork, &info);
    }
    return GD_OK;
}

static int NAME(eigh)(const gd_call *call, const lapack_block *b) {
    int n = b->n;
    int64_t size = (int64_t)n * n;
    T *work = (T *)call->scratch;
    int *integers = (int *)(work + b->lwork);
    GD_EACH_MATRIX(call, b) {
        T *w = (T *)call->operands[1] + i * n, *v = (T *)call->operands[2] + i * size;
        int info = 0;
        if (n == 0) continue;
        NAME(symmetric_part)(v, (const T *)call->operands[0] + i * size, n);
        int finite = NAME(all_finite)(v, size);
        if (finite) b->blas->S.syevd("V", "U", &n, v, &n, w, work, &b->lwork, integers, &b->liwork, &info, 1, 1);
        if (!finite || info != 0) {
            NAME(fill_nan)(w, n);
            NAME(fill_nan)(v, size);
        }
        for (int64_t r = 0; r < n; r++)
            for (int64_t c = 0; c < r; c++) {
                T kept = v[r * n + c];
                v[r * n + c] = v[c * n + r];
                v[c * n + r] = kept;
            }
    }
    return GD_OK;
}

static int NAME(svd)(const gd_call *call, const lapack_block *b) {
    int m = b->m, n = b->n, ldvt = b->full ? m : b->k;
    int64_t size = (int64_t)m * n, u_size = (int64_t)m * ldvt, vh_size = (int64_t)n * (b->full ? n : b->k);
    T *work = (T *)call->scratch, *a = work + b->lwork;
    int *integers = (int *)(a + size);
    GD_EACH_MATRIX(call, b) {
        T *u = (T *)call->operands[1] + i * u_size, *s = (T *)call->operands[2] + i * b->k;
        T *vh = (T *)call->operands[3] + i * vh_size;
        int info = 0;
        if (b->k == 0) { /* no singular values: identities where the vectors are asked for in full */
            for (int64_t j = 0; j < u_size; j++) u[j] = j % (m + 1) == 0;
            for (int64_t j = 0; j < vh_size; j++) vh[j] = j % (n + 1) == 0;
            continue;
        }
        memcpy(a, (const T *)call->operands[0] + i * size, (size_t)size * sizeof(T));
        int finite = NAME(all_finite)(a, size);
        if (finite)
            b->blas->S.gesdd(b->full ? "A" : "S", &n, &m, a, &n, s, vh, &n, u, &ldvt, work, &b->lwork, integers, &info,
                             1);
        if (!finite || info != 0) {
            NAME(fill_nan)(u, u_size);
            NAME(fill_nan)(s, b->k);
            NAME(fill_nan)(vh, vh_size);
        }
    }
    return GD_OK;
}
