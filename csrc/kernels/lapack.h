/* lapack.h: the LAPACK and triangular routines the factorisations call, for float and double. Internal to the core;
 * 32-bit integers (LP64). LAPACK's arrays are column-major; the lengths that Fortran appends for character arguments
 * are passed. Found with the routines of blas.h, in the same library. */
#ifndef GD_LAPACK_H
#define GD_LAPACK_H
#include <stddef.h>

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

#endif
