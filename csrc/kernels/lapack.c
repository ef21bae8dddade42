/* lapack.c: factorisations of batches of matrices and what is read off them, through LAPACK.
 *
 * Matrices are row-major, so to LAPACK each is its transpose, and the routines are chosen so that nothing needs
 * transposing but eigenvectors:
 *   cholesky   the upper factor of the transpose is the lower factor, row-major
 *   lu         A^T = P^T L U, so A = (U^T)(L^T) P: lower, then unit upper, then a permutation of columns
 *   qr         A^T = L Q, so A = Q^T L^T
 *   svd        A^T = U S V^T, so A = V S U^T
 * Many small ones lie side by side in vectors instead, without LAPACK (lapack_lanes_body.h).
 *
 * Invariants: a matrix is worked on by one thread, so results do not depend on the number of threads; a matrix that
 * has no factorisation, or is not finite, gives NaN in its results and no failure; nothing is printed (LAPACK would
 * for NaN in syevd and gesdd, so those look first); pivots are checked before rows are swapped.
 *
 *   cholesky          a -> l                         [batch, n]          of the symmetric part; zeros above the diagonal
 *   triangular_solve  a, b -> x                      [batch, n, k, lower, transpose, unit]   op(a) x = b, b (n, k)
 *   lu                a -> f, pivots (i32)           [batch, n]
 *   lu_solve          f, pivots, b -> x              [batch, n, k, transpose]
 *   determinant       f, pivots -> det, or sign, log of |det|   [batch, n]
 *   qr                a -> q, r                      [batch, m, n]       m >= n; q (m, n), r (n, n)
 *   eigh              a -> w, v                      [batch, n]          of the symmetric part; columns of v
 *   svd               a -> u, s, vh                  [batch, m, n, full] full: u (m, m), vh (n, n)
 */
#include <limits.h>
#include <math.h>
#include <string.h>

#include "../program/kernel.h"
#include "../openblas/blas.h"
#include "params.h"
#include "template.h"

/* rows and columns that matrices have at most, and how many are at least, where they lie side by side */
enum { GD_LANES_ROWS = 16, GD_LANES_BATCH = 4, GD_LANES_BYTES = 64 };

typedef struct {
    const gd_blas *blas;
    int64_t batch, per_part; /* matrices, matrices of a part */
    int m, n, k;             /* rows and columns of a, columns of b */
    int lower, transpose, unit, full, logarithm;
    int is_f64;
    int side_by_side;  /* many small ones, in lanes */
    int lwork, liwork; /* LAPACK's workspace, in elements */
} lapack_block;

#ifdef GD_PREPARE

/* the parameters that all begin with */
enum { BATCH, ROWS, COLUMNS, SIDE = ROWS, SQUARE_PARAMS = SIDE + 1, RECTANGLE_PARAMS = COLUMNS + 1 };

/* The block of an instruction with so many operands and params; the first params are batch, rows and columns, or
 * batch and the one side of square matrices. */
static int begin(gd_prepare *p, int n_reads, int n_writes, int64_t n_params, int square, lapack_block **block) {
    int status = gd_params_check(p, n_reads, n_reads, n_writes, n_params);
    if (status != GD_OK) return status;
    const int64_t *w = gd_params(p);
    for (int64_t i = 0; i < n_params; i++)
        if (w[i] < 0 || (i != BATCH && w[i] > INT_MAX)) return gd_params_fail(p, GD_ERR_SHAPE, i);
    int dtype = gd_operand(p, 0)->dtype;
    if (dtype != GD_F32 && dtype != GD_F64) return gd_prepare_fail(p, GD_ERR_TYPE, -1, dtype);
    lapack_block *b = p->block = *block = gd_prepare_block(p, sizeof *b);
    if (b == NULL) return GD_ERR_MEMORY;
    b->blas = gd_blas_current();
    if (b->blas == NULL) return GD_ERR_NO_BLAS;
    b->is_f64 = dtype == GD_F64;
    b->batch = w[BATCH];
    b->m = (int)w[ROWS];
    b->n = square ? b->m : (int)w[COLUMNS];
    return GD_OK;
}

/* operand i is a batch of such matrices, in the type of operand 0 */
static int holds(gd_prepare *p, const lapack_block *b, int i, int64_t rows, int64_t columns) {
    return gd_params_operand(p, i, b->is_f64 ? 1 << GD_F64 : 1 << GD_F32, b->batch, rows, columns);
}

static int holds_pivots(gd_prepare *p, const lapack_block *b, int i) {
    return gd_params_operand(p, i, 1 << GD_I32, b->batch, b->n, 1);
}

/* one matrix a part, or as many small ones as are worth a thread */
static int set_parts(gd_prepare *p, lapack_block *b) {
    double work = (double)b->m * b->n * (gd_min(b->m, b->n) + b->k);
    b->per_part = work >= 1e5 ? 1 : (int64_t)(1e5 / (work + 1)) + 1;
    if (b->side_by_side) b->per_part = gd_round_up(4 * b->per_part, GD_LANES_BYTES); /* whole vectors */
    p->parts = gd_max(1, gd_ceil_div(b->batch, b->per_part));
    return GD_OK;
}

/* of a kernel that has lanes, which hold so many elements each */
static int set_lanes(gd_prepare *p, lapack_block *b, int64_t elements) {
    b->side_by_side = b->batch >= GD_LANES_BATCH && b->n <= GD_LANES_ROWS && b->k <= GD_LANES_ROWS;
    if (b->side_by_side) p->scratch = gd_max(p->scratch, elements * GD_LANES_BYTES);
    return set_parts(p, b);
}

/* LAPACK answers in the array's own type: a large size in a float is rounded, perhaps down */
static int64_t answer(double elements) { return (int64_t)(elements * (1 + 1e-6)) + 1; }

static int set_work(gd_prepare *p, lapack_block *b, int64_t lwork, int64_t integers, int64_t elements) {
    if (lwork > INT_MAX || integers > INT_MAX) return gd_params_fail(p, GD_ERR_SHAPE, ROWS);
    b->lwork = (int)lwork;
    b->liwork = (int)integers;
    p->scratch = (lwork + elements) * (b->is_f64 ? 8 : 4) + integers * (int64_t)sizeof(int);
    return set_parts(p, b);
}

int gd_prepare_cholesky(gd_prepare *p) {
    lapack_block *b;
    int status = begin(p, 1, 1, SQUARE_PARAMS, 1, &b);
    if (status || (status = holds(p, b, 0, b->n, b->n)) || (status = holds(p, b, 1, b->n, b->n))) return status;
    return set_lanes(p, b, (int64_t)b->n * b->n);
}

int gd_prepare_triangular_solve(gd_prepare *p) {
    enum { RIGHT = SQUARE_PARAMS, LOWER, TRANSPOSE, UNIT, N_PARAMS };
    lapack_block *b;
    int status = begin(p, 2, 1, N_PARAMS, 1, &b);
    if (status) return status;
    const int64_t *w = gd_params(p);
    b->k = (int)w[RIGHT];
    b->lower = w[LOWER] != 0;
    b->transpose = w[TRANSPOSE] != 0;
    b->unit = w[UNIT] != 0;
    if ((status = holds(p, b, 0, b->n, b->n)) || (status = holds(p, b, 1, b->n, b->k)) ||
        (status = holds(p, b, 2, b->n, b->k)))
        return status;
    return set_lanes(p, b, (int64_t)b->n * (b->n + b->k));
}

int gd_prepare_lu(gd_prepare *p) {
    lapack_block *b;
    int status = begin(p, 1, 2, SQUARE_PARAMS, 1, &b);
    if (status || (status = holds(p, b, 0, b->n, b->n)) || (status = holds(p, b, 1, b->n, b->n)) ||
        (status = holds_pivots(p, b, 2)))
        return status;
    return set_lanes(p, b, (int64_t)b->n * b->n);
}

int gd_prepare_lu_solve(gd_prepare *p) {
    enum { RIGHT = SQUARE_PARAMS, TRANSPOSE, N_PARAMS };
    lapack_block *b;
    int status = begin(p, 3, 1, N_PARAMS, 1, &b);
    if (status) return status;
    b->k = (int)gd_params(p)[RIGHT];
    b->transpose = gd_params(p)[TRANSPOSE] != 0;
    if ((status = holds(p, b, 0, b->n, b->n)) || (status = holds_pivots(p, b, 1)) ||
        (status = holds(p, b, 2, b->n, b->k)) || (status = holds(p, b, 3, b->n, b->k)))
        return status;
    return set_lanes(p, b, (int64_t)b->n * (b->n + b->k));
}

int gd_prepare_determinant(gd_prepare *p) {
    lapack_block *b;
    int status = begin(p, 2, p->n_writes == 2 ? 2 : 1, SQUARE_PARAMS, 1, &b);
    if (status || (status = holds(p, b, 0, b->n, b->n)) || (status = holds_pivots(p, b, 1))) return status;
    for (int i = 2; i < 2 + p->n_writes; i++)
        if ((status = holds(p, b, i, 1, 1))) return status;
    b->logarithm = p->n_writes == 2;
    return set_parts(p, b);
}

int gd_prepare_qr(gd_prepare *p) {
    lapack_block *b;
    int status = begin(p, 1, 2, RECTANGLE_PARAMS, 0, &b), query = -1, info;
    if (status) return status;
    if (b->m < b->n) return gd_params_fail(p, GD_ERR_SHAPE, ROWS);
    if ((status = holds(p, b, 0, b->m, b->n)) || (status = holds(p, b, 1, b->m, b->n)) ||
        (status = holds(p, b, 2, b->n, b->n)))
        return status;
    if (b->n == 0) return set_parts(p, b);
    int64_t lwork = b->n;
    if (b->is_f64) {
        double factor = 0, product = 0;
        b->blas->f64.gelqf(&b->n, &b->m, &factor, &b->n, &factor, &factor, &query, &info);
        b->blas->f64.orglq(&b->n, &b->m, &b->n, &product, &b->n, &product, &product, &query, &info);
        lwork = answer(factor > product ? factor : product);
    } else {
        float factor = 0, product = 0;
        b->blas->f32.gelqf(&b->n, &b->m, &factor, &b->n, &factor, &factor, &query, &info);
        b->blas->f32.orglq(&b->n, &b->m, &b->n, &product, &b->n, &product, &product, &query, &info);
        lwork = answer(factor > product ? factor : product);
    }
    return set_work(p, b, lwork, 0, b->n); /* and the reflectors' factors */
}

int gd_prepare_eigh(gd_prepare *p) {
    lapack_block *b;
    int status = begin(p, 1, 2, SQUARE_PARAMS, 1, &b), query = -1, info, integers = 0;
    if (status || (status = holds(p, b, 0, b->n, b->n)) || (status = holds(p, b, 1, b->n, 1)) ||
        (status = holds(p, b, 2, b->n, b->n)))
        return status;
    if (b->n == 0) return set_parts(p, b);
    int64_t lwork, least = 1 + 6 * (int64_t)b->n + 2 * (int64_t)b->n * b->n;
    if (b->is_f64) {
        double found = 0;
        b->blas->f64.syevd("V", "U", &b->n, &found, &b->n, &found, &found, &query, &integers, &query, &info, 1, 1);
        lwork = answer(found);
    } else {
        float found = 0;
        b->blas->f32.syevd("V", "U", &b->n, &found, &b->n, &found, &found, &query, &integers, &query, &info, 1, 1);
        lwork = answer(found);
    }
    return set_work(p, b, gd_max(lwork, least), 3 + 5 * (int64_t)b->n, 0);
}

int gd_prepare_svd(gd_prepare *p) {
    enum { FULL = RECTANGLE_PARAMS, N_PARAMS };
    lapack_block *b;
    int status = begin(p, 1, 3, N_PARAMS, 0, &b), query = -1, info, integers = 0;
    if (status) return status;
    b->full = gd_params(p)[FULL] != 0;
    int64_t less = gd_min(b->m, b->n), more = gd_max(b->m, b->n);
    b->k = (int)less;
    if ((status = holds(p, b, 0, b->m, b->n)) || (status = holds(p, b, 1, b->m, b->full ? b->m : b->k)) ||
        (status = holds(p, b, 2, b->k, 1)) || (status = holds(p, b, 3, b->full ? b->n : b->k, b->n)))
        return status;
    if (b->k == 0) return set_parts(p, b);
    const char *job = b->full ? "A" : "S";
    int ldvt = b->full ? b->m : b->k;
    int64_t lwork, least = 4 * less * less + 7 * less + more;
    if (b->is_f64) {
        double found = 0;
        b->blas->f64.gesdd(job, &b->n, &b->m, &found, &b->n, &found, &found, &b->n, &found, &ldvt, &found, &query,
                           &integers, &info, 1);
        lwork = answer(found);
    } else {
        float found = 0;
        b->blas->f32.gesdd(job, &b->n, &b->m, &found, &b->n, &found, &found, &b->n, &found, &ldvt, &found, &query,
                           &integers, &info, 1);
        lwork = answer(found);
    }
    return set_work(p, b, gd_max(lwork, least), 8 * less, (int64_t)b->m * b->n);
}

#else

/* runs body for each matrix of the call's part, number i */
#define GD_EACH_MATRIX(call, b) \
    for (int64_t i = (call)->part * (b)->per_part, end_ = gd_min((b)->batch, i + (b)->per_part); i < end_; i++)

static int pivots_fit(const int *pivots, int n, gd_fault *fault) {
    for (int j = 0; j < n; j++)
        if (pivots[j] < 1 || pivots[j] > n) {
            fault->a = pivots[j];
            fault->b = n;
            return 0;
        }
    return 1;
}

#define GD_BODY "lapack_body.h"
#include "each_float.h"
#undef GD_BODY
#include "lapack_lanes.h"

#define GD_LAPACK_KERNEL(name)                                        \
    int GD_ISA_NAME(gd_k_##name)(const gd_call *call) {               \
        const lapack_block *b = (const lapack_block *)call->block;    \
        return b->is_f64 ? name##_f64(call, b) : name##_f32(call, b); \
    }

#define GD_LANES_KERNEL(name)                                                                          \
    int GD_ISA_NAME(gd_k_##name)(const gd_call *call) {                                                \
        const lapack_block *b = call->block;                                                           \
        if (b->side_by_side) return b->is_f64 ? name##_lanes_f64(call, b) : name##_lanes_f32(call, b); \
        return b->is_f64 ? name##_f64(call, b) : name##_f32(call, b);                                  \
    }

GD_LANES_KERNEL(cholesky)
GD_LANES_KERNEL(triangular_solve)
GD_LANES_KERNEL(lu)
GD_LANES_KERNEL(lu_solve)
GD_LAPACK_KERNEL(determinant)
GD_LAPACK_KERNEL(eigh)
GD_LAPACK_KERNEL(qr)
GD_LAPACK_KERNEL(svd)

#endif
