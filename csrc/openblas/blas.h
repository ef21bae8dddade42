/* blas.h: the few BLAS and LAPACK routines the kernels call, once a library is loaded. Internal to the core; 32-bit
 * integers (LP64). BLAS in row-major order; LAPACK's arrays are column-major, and the lengths that Fortran appends for
 * character arguments are passed. */
#ifndef GD_BLAS_H
#define GD_BLAS_H
#include "graphdiff.h"
#include <stddef.h>

enum { GD_BLAS_ROW_MAJOR = 101, GD_BLAS_PLAIN = 111, GD_BLAS_TRANSPOSED = 112 };

enum {
    GD_BLAS_LEFT = 141,
    GD_BLAS_UPPER = 121,
    GD_BLAS_LOWER = 122,
    GD_BLAS_ANY_DIAGONAL = 131,
    GD_BLAS_UNIT_DIAGONAL = 132
};

/* the names to look up: each has a float one (prefix s) and a double one (prefix d) */
#define GD_LAPACK_LIST(X) X(potrf) X(getrf) X(gelqf) X(orglq) X(syevd) X(gesdd)

#define GD_LAPACK_ROUTINES(T)                                                                                      \
    void (*trsm)(int order, int side, int uplo, int transposed, int diagonal, int m, int n, T alpha, const T *a,   \
                 int lda, T *b, int ldb);                                                                          \
    void (*potrf)(const char *uplo, const int *n, T *a, const int *lda, int *info, size_t);                        \
    void (*getrf)(const int *m, const int *n, T *a, const int *lda, int *pivots, int *info);                       \
    void (*gelqf)(const int *m, const int *n, T *a, const int *lda, T *tau, T *work, const int *lwork, int *info); \
    void (*orglq)(const int *m, const int *n, const int *k, T *a, const int *lda, const T *tau, T *work,           \
                  const int *lwork, int *info);                                                                    \
    void (*syevd)(const char *job, const char *uplo, const int *n, T *a, const int *lda, T *w, T *work,            \
                  const int *lwork, int *iwork, const int *liwork, int *info, size_t, size_t);                     \
    void (*gesdd)(const char *job, const int *m, const int *n, T *a, const int *lda, T *s, T *u, const int *ldu,   \
                  T *vt, const int *ldvt, T *work, const int *lwork, int *iwork, int *info, size_t);

typedef struct {
    GD_LAPACK_ROUTINES(float)
} gd_lapack_f32;
typedef struct {
    GD_LAPACK_ROUTINES(double)
} gd_lapack_f64;

typedef struct {
    void (*sgemm)(int order, int ta, int tb, int m, int n, int k, float alpha, const float *a, int lda, const float *b,
                  int ldb, float beta, float *c, int ldc);
    void (*dgemm)(int order, int ta, int tb, int m, int n, int k, double alpha, const double *a, int lda,
                  const double *b, int ldb, double beta, double *c, int ldc);
    void (*sgemv)(int order, int ta, int m, int n, float alpha, const float *a, int lda, const float *x, int incx,
                  float beta, float *y, int incy);
    void (*dgemv)(int order, int ta, int m, int n, double alpha, const double *a, int lda, const double *x, int incx,
                  double beta, double *y, int incy);
    gd_lapack_f32 f32;
    gd_lapack_f64 f64;
} gd_blas;

/* NULL until gd_blas_load has succeeded, the same address ever after */
const gd_blas *gd_blas_current(void);

#endif
