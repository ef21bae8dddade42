/* blas.h: the few BLAS routines the kernels call, once a library is loaded. Internal to the core; 32-bit integers
 * (LP64), row-major order. */
#ifndef GD_BLAS_H
#define GD_BLAS_H
#include "graphdiff.h"
#include "lapack.h"

enum { GD_BLAS_ROW_MAJOR = 101, GD_BLAS_PLAIN = 111, GD_BLAS_TRANSPOSED = 112 };

typedef struct {
    void (*sgemm)(int order, int ta, int tb, int m, int n, int k, float alpha, const float *a, int lda, const float *b,
                  int ldb, float beta, float *c, int ldc);
    void (*dgemm)(int order, int ta, int tb, int m, int n, int k, double alpha, const double *a, int lda,
                  const double *b, int ldb, double beta, double *c, int ldc);
    void (*sgemv)(int order, int ta, int m, int n, float alpha, const float *a, int lda, const float *x, int incx,
                  float beta, float *y, int incy);
    void (*dgemv)(int order, int ta, int m, int n, double alpha, const double *a, int lda, const double *x, int incx,
                  double beta, double *y, int incy);
    gd_lapack_f32 s;
    gd_lapack_f64 d;
} gd_blas;

/* NULL until gd_blas_load has succeeded, the same address ever after */
const gd_blas *gd_blas_current(void);

#endif
