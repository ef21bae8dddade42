"""Linear algebra without LAPACK: csrc's kernels over the few routines that they call, in plain C.

Owns: those routines, with LAPACK's arguments and results (column-major; a QR's signs, pivots) as csrc/kernels/lapack.c
uses them; the blocks of its kernels. Invariant: the same factorisations up to rounding; of eigenvectors and singular
vectors the sign is free. Must not know: where operands lie.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .calls import call
from .unit import Unit

# One text for each type; a call of LAPACK, `b->blas->S.name(`, becomes NAME(name)(.
ROUTINES = """\
/* Cholesky: the upper factor, column-major, which is the lower one row by row */
static void NAME(potrf)(const char *uplo, const int *size, T *l, const int *lead, int *info, size_t length) {
    const int64_t n = *size;
    (void)uplo, (void)lead, (void)length;
    *info = 0;
    for (int64_t j = 0; j < n; j++) {
        for (int64_t i = j; i < n; i++) {
            T sum = l[i * n + j];
            for (int64_t k = 0; k < j; k++) sum -= l[i * n + k] * l[j * n + k];
            if (i == j && !(sum > 0)) {
                *info = (int)j + 1;
                return;
            }
            l[i * n + j] = i == j ? SQRT(sum) : sum / l[j * n + j];
        }
    }
}

/* op(a) x = x for a triangular a, row-major, over the k columns of x */
static void NAME(trsm)(int order, int side, int uplo, int trans, int diag, int n, int k, T alpha, const T *a, int lead,
                       T *x, int lead_x) {
    const int is_transposed = trans == GD_BLAS_TRANSPOSED, is_lower = (uplo == GD_BLAS_LOWER) != is_transposed;
    (void)order, (void)side, (void)alpha;
    for (int64_t step = 0; step < n; step++) {
        const int64_t i = is_lower ? step : n - 1 - step;
        T *row = x + i * lead_x;
        for (int64_t j = is_lower ? 0 : i + 1; j < (is_lower ? i : n); j++) {
            const T factor = is_transposed ? a[j * lead + i] : a[i * lead + j];
            for (int64_t c = 0; c < k; c++) row[c] -= factor * x[j * lead_x + c];
        }
        if (diag != GD_BLAS_UNIT_DIAGONAL)
            for (int64_t c = 0; c < k; c++) row[c] /= a[i * lead + i];
    }
}

/* LU of the transpose with its rows pivoted: columns of f change places */
static void NAME(getrf)(const int *rows, const int *columns, T *f, const int *lead, int *pivots, int *info) {
    const int64_t n = *rows;
    (void)columns, (void)lead;
    *info = 0;
    for (int64_t j = 0; j < n; j++) {
        int64_t at = j;
        for (int64_t c = j + 1; c < n; c++)
            if (FABS(f[j * n + c]) > FABS(f[j * n + at])) at = c;
        pivots[j] = (int)at + 1;
        if (f[j * n + at] == 0) {
            if (*info == 0) *info = (int)j + 1;
            continue;
        }
        for (int64_t r = 0; r < n && at != j; r++) {
            const T kept = f[r * n + j];
            f[r * n + j] = f[r * n + at];
            f[r * n + at] = kept;
        }
        for (int64_t c = j + 1; c < n; c++) f[j * n + c] /= f[j * n + j];
        for (int64_t r = j + 1; r < n; r++)
            for (int64_t c = j + 1; c < n; c++) f[r * n + c] -= f[j * n + c] * f[r * n + j];
    }
}

/* column c of a (rows x n) less its part along the reflector in column i, which has a 1 in row i */
static void NAME(reflect)(T *a, int64_t rows, int64_t n, int64_t i, int64_t c, T factor) {
    T sum = a[i * n + c];
    for (int64_t r = i + 1; r < rows; r++) sum += a[r * n + i] * a[r * n + c];
    a[i * n + c] -= factor * sum;
    for (int64_t r = i + 1; r < rows; r++) a[r * n + c] -= factor * sum * a[r * n + i];
}

/* LQ of the transpose: R in the upper triangle, reflectors below it (Householder 1958) */
static void NAME(gelqf)(const int *columns, const int *rows, T *a, const int *lead, T *factors, T *work,
                        const int *lwork, int *info) {
    const int64_t m = *rows, n = *columns;
    (void)lead, (void)work, (void)lwork;
    *info = 0;
    for (int64_t i = 0; i < n; i++) {
        T scale = 0, sum = 0, alpha = a[i * n + i];
        for (int64_t r = i + 1; r < m; r++) scale = FABS(a[r * n + i]) > scale ? FABS(a[r * n + i]) : scale;
        factors[i] = 0;
        if (scale == 0) continue;
        scale = FABS(alpha) > scale ? FABS(alpha) : scale;
        for (int64_t r = i; r < m; r++) sum += a[r * n + i] / scale * (a[r * n + i] / scale);
        const T length = scale * SQRT(sum), beta = alpha > 0 ? -length : length;
        factors[i] = (beta - alpha) / beta;
        for (int64_t r = i + 1; r < m; r++) a[r * n + i] /= alpha - beta;
        a[i * n + i] = beta;
        for (int64_t c = i + 1; c < n; c++) NAME(reflect)(a, m, n, i, c, factors[i]);
    }
}

/* the product of the reflectors' first n columns, in their place */
static void NAME(orglq)(const int *columns, const int *rows, const int *depth, T *a, const int *lead, const T *factors,
                        T *work, const int *lwork, int *info) {
    const int64_t m = *rows, n = *columns;
    (void)depth, (void)lead, (void)work, (void)lwork;
    *info = 0;
    for (int64_t i = n - 1; i >= 0; i--) {
        for (int64_t c = i + 1; c < n; c++) {
            a[i * n + c] = 0;
            NAME(reflect)(a, m, n, i, c, factors[i]);
        }
        for (int64_t r = 0; r < i; r++) a[r * n + i] = 0;
        for (int64_t r = i + 1; r < m; r++) a[r * n + i] *= -factors[i];
        a[i * n + i] = 1 - factors[i];
    }
}

/* the angle that makes two directions orthogonal: x and y are their own products, xy that of both */
static T NAME(rotation)(T x, T y, T xy, T *cosine) {
    const T turn = (y - x) / (2 * xy), size = FABS(turn);
    const T tangent = (turn < 0 ? -1 : 1) / (size + SQRT(1 + size * size));
    *cosine = 1 / SQRT(1 + tangent * tangent);
    return tangent * *cosine;
}

/* eigenvalues, ascending, and eigenvectors, one after the other, of a symmetric matrix (Jacobi 1846) */
static void NAME(syevd)(const char *job, const char *uplo, const int *size, T *v, const int *lead, T *w, T *a,
                        const int *lwork, int *integers, const int *liwork, int *info, size_t length, size_t length2) {
    const int64_t n = *size;
    (void)job, (void)uplo, (void)lead, (void)lwork, (void)integers, (void)liwork, (void)length, (void)length2;
    *info = 0;
    memcpy(a, v, (size_t)(n * n) * sizeof(T));
    for (int64_t i = 0; i < n * n; i++) v[i] = i % (n + 1) == 0;
    for (int sweep = 0, turned = 1; sweep < 60 && turned; sweep++) {
        turned = 0;
        for (int64_t p = 0; p < n; p++)
            for (int64_t q = p + 1; q < n; q++) {
                const T room = SQRT(FABS(a[p * n + p])) * SQRT(FABS(a[q * n + q]));
                if (FABS(a[p * n + q]) <= EPSILON * room || a[p * n + q] == 0) continue;
                T c, s = NAME(rotation)(a[p * n + p], a[q * n + q], a[p * n + q], &c);
                turned = 1;
                for (int64_t k = 0; k < n; k++) {
                    const T x = a[k * n + p], y = a[k * n + q];
                    a[k * n + p] = c * x - s * y;
                    a[k * n + q] = s * x + c * y;
                }
                for (int64_t k = 0; k < n; k++) {
                    const T x = a[p * n + k], y = a[q * n + k], vx = v[p * n + k], vy = v[q * n + k];
                    a[p * n + k] = c * x - s * y;
                    a[q * n + k] = s * x + c * y;
                    v[p * n + k] = c * vx - s * vy;
                    v[q * n + k] = s * vx + c * vy;
                }
                a[p * n + q] = a[q * n + p] = 0;
            }
    }
    for (int64_t i = 0; i < n; i++) w[i] = a[i * n + i];
    for (int64_t i = 0; i < n; i++) {
        int64_t least = i;
        for (int64_t j = i + 1; j < n; j++)
            if (w[j] < w[least]) least = j;
        const T kept = w[i];
        w[i] = w[least];
        w[least] = kept;
        for (int64_t k = 0; k < n && least != i; k++) {
            const T x = v[i * n + k];
            v[i * n + k] = v[least * n + k];
            v[least * n + k] = x;
        }
    }
}

/* x less its part along a unit vector; vectors are `step` apart from element to element */
static void NAME(remove_part)(T *x, const T *along, int64_t n, int64_t step) {
    T dot = 0;
    for (int64_t i = 0; i < n; i++) dot += x[i * step] * along[i * step];
    for (int64_t i = 0; i < n; i++) x[i * step] -= dot * along[i * step];
}

static T NAME(length_of)(const T *x, int64_t n, int64_t step) {
    T scale = 0, sum = 0;
    for (int64_t i = 0; i < n; i++) scale = FABS(x[i * step]) > scale ? FABS(x[i * step]) : scale;
    if (scale == 0) return 0;
    for (int64_t i = 0; i < n; i++) sum += x[i * step] / scale * (x[i * step] / scale);
    return scale * SQRT(sum);
}

/* Singular values, descending, and vectors (one-sided Jacobi, Hestenes 1958): the shorter side's vectors, long ones,
 * are turned until they are orthogonal. a: rows x columns, row-major; u: rows x lead_u; vh: rows of so many columns. */
static void NAME(gesdd)(const char *job, const int *columns, const int *rows, T *a, const int *lead, T *s, T *vh,
                        const int *lead_v, T *u, const int *lead_u, T *work, const int *lwork, int *integers, int *info,
                        size_t length) {
    const int64_t m = *rows, n = *columns, few = m < n ? m : n, many = m < n ? n : m;
    const int64_t wide = m < n, all = *job == 'A' ? many : few;
    /* element i of long vector k: x[k * next_x + i * step_x]; of short vector k: y[k * next_y + i * step_y] */
    T *x = wide ? vh : u, *y = wide ? u : vh;
    const int64_t next_x = wide ? n : 1, step_x = wide ? 1 : *lead_u;
    const int64_t next_y = wide ? 1 : n, step_y = wide ? *lead_u : 1;
    (void)lead, (void)lead_v, (void)work, (void)lwork, (void)integers, (void)length;
    *info = 0;
    for (int64_t k = 0; k < few; k++) {
        for (int64_t i = 0; i < many; i++) x[k * next_x + i * step_x] = wide ? a[k * n + i] : a[i * n + k];
        for (int64_t i = 0; i < few; i++) y[k * next_y + i * step_y] = i == k;
    }
    for (int sweep = 0, turned = 1; sweep < 60 && turned; sweep++) {
        turned = 0;
        for (int64_t p = 0; p < few; p++)
            for (int64_t q = p + 1; q < few; q++) {
                T xx = 0, yy = 0, xy = 0, c;
                T *xp = x + p * next_x, *xq = x + q * next_x, *yp = y + p * next_y, *yq = y + q * next_y;
                for (int64_t i = 0; i < many; i++) {
                    xx += xp[i * step_x] * xp[i * step_x];
                    yy += xq[i * step_x] * xq[i * step_x];
                    xy += xp[i * step_x] * xq[i * step_x];
                }
                if (FABS(xy) <= EPSILON * SQRT(xx) * SQRT(yy) || xy == 0) continue;
                turned = 1;
                const T sine = NAME(rotation)(xx, yy, xy, &c);
                for (int64_t i = 0; i < many; i++) {
                    const T v = xp[i * step_x], w = xq[i * step_x];
                    xp[i * step_x] = c * v - sine * w;
                    xq[i * step_x] = sine * v + c * w;
                }
                for (int64_t i = 0; i < few; i++) {
                    const T v = yp[i * step_y], w = yq[i * step_y];
                    yp[i * step_y] = c * v - sine * w;
                    yq[i * step_y] = sine * v + c * w;
                }
            }
    }
    for (int64_t k = 0; k < few; k++) s[k] = NAME(length_of)(x + k * next_x, many, step_x);
    for (int64_t k = 0; k < few; k++) {
        int64_t most = k;
        for (int64_t j = k + 1; j < few; j++)
            if (s[j] > s[most]) most = j;
        const T kept = s[k];
        s[k] = s[most];
        s[most] = kept;
        for (int64_t i = 0; i < many && most != k; i++) {
            const T v = x[k * next_x + i * step_x];
            x[k * next_x + i * step_x] = x[most * next_x + i * step_x];
            x[most * next_x + i * step_x] = v;
        }
        for (int64_t i = 0; i < few && most != k; i++) {
            const T v = y[k * next_y + i * step_y];
            y[k * next_y + i * step_y] = y[most * next_y + i * step_y];
            y[most * next_y + i * step_y] = v;
        }
    }
    /* long vectors of length 1; where there is none, or more are wanted, what is left of a unit vector */
    for (int64_t k = 0; k < all; k++) {
        T *v = x + k * next_x;
        const int is_there = k < few && s[k] > s[0] * EPSILON;
        T size = is_there ? s[k] : 0;
        for (int64_t unit = 0; unit < many && !(size > (T)0.01 || is_there); unit++) {
            for (int64_t i = 0; i < many; i++) v[i * step_x] = i == unit;
            for (int again = 0; again < 2; again++)
                for (int64_t j = 0; j < k; j++) NAME(remove_part)(v, x + j * next_x, many, step_x);
            size = NAME(length_of)(v, many, step_x);
        }
        for (int64_t i = 0; i < many; i++) v[i * step_x] /= size;
    }
}
"""


def _run(unit: Unit, fields: dict[str, int | str], scratch: int = 0, can_fail: bool = False) -> None:
    dtype = unit.dtype(0)
    unit.can_fail = can_fail
    block = {"per_part": fields["batch"], "is_f64": int(dtype == "float64"), **fields}
    call(unit, "lapack", f"gd_k_{unit.step.kernel}", block, dtype, scratch)


def _params(unit: Unit) -> tuple[int, ...]:
    return unit.step.payload[1:]


def _item(unit: Unit) -> int:
    return np.dtype(unit.dtype(0)).itemsize


def _square(unit: Unit) -> None:
    batch, n = _params(unit)
    fields: dict[str, int | str] = {"batch": batch, "m": n, "n": n}
    if unit.step.kernel == "determinant":
        fields["logarithm"] = int(len(unit.step.operands) == 4)
    _run(unit, fields)


def _triangular(unit: Unit) -> None:
    batch, n, k, lower, transpose, is_unit = _params(unit)
    fields: dict[str, int | str] = {"batch": batch, "m": n, "n": n, "k": k, "lower": lower, "transpose": transpose}
    _run(unit, {**fields, "unit": is_unit})


def _lu_solve(unit: Unit) -> None:
    batch, n, k, transpose = _params(unit)
    _run(unit, {"batch": batch, "m": n, "n": n, "k": k, "transpose": transpose}, can_fail=True)


def _qr(unit: Unit) -> None:
    batch, m, n = _params(unit)
    _run(unit, {"batch": batch, "m": m, "n": n, "lwork": 0}, scratch=n * _item(unit))


def _eigh(unit: Unit) -> None:
    batch, n = _params(unit)
    _run(unit, {"batch": batch, "m": n, "n": n, "lwork": n * n}, scratch=n * n * _item(unit))


def _svd(unit: Unit) -> None:
    batch, m, n, full = _params(unit)
    fields: dict[str, int | str] = {"batch": batch, "m": m, "n": n, "k": min(m, n), "full": full, "lwork": 0}
    _run(unit, fields, scratch=m * n * _item(unit))


WRITERS: dict[str, Callable[[Unit], None]] = {
    "cholesky": _square,
    "triangular_solve": _triangular,
    "lu": _square,
    "lu_solve": _lu_solve,
    "determinant": _square,
    "qr": _qr,
    "eigh": _eigh,
    "svd": _svd,
}
