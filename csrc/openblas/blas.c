/* blas.c: finds the routines of blas.h in OpenBLAS as packaged for SciPy (symbols with the prefix scipy_).
 *
 * Invariants: a library once loaded stays for the life of the process; it is told to use one thread, as the core
 * cuts products itself. Loading is not for several threads at once. Compiled once, not per instruction set.
 */
#include "blas.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

static gd_blas routines;
static int loaded;

static int find(void *library, const char *name, void *function) {
    void *symbol = dlsym(library, name);
    memcpy(function, &symbol, sizeof symbol); /* ISO C has no cast from object to function pointers */
    return symbol != NULL;
}

static int find_lapack(void *library) {
#define X(name)                                                    \
    if (!find(library, "scipy_s" #name "_", &routines.f32.name) || \
        !find(library, "scipy_d" #name "_", &routines.f64.name))   \
        return 0;
    GD_LAPACK_LIST(X)
#undef X
    return find(library, "scipy_cblas_strsm", &routines.f32.trsm) &&
           find(library, "scipy_cblas_dtrsm", &routines.f64.trsm);
}

/* told before it starts its threads, which would spin for a while and never be used */
static void *open_single_threaded(const char *path) {
    const char *name = "OPENBLAS_NUM_THREADS", *before = getenv(name);
    char *kept = before != NULL ? strdup(before) : NULL;
    setenv(name, "1", 1);
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (kept != NULL) setenv(name, kept, 1);
    else unsetenv(name);
    free(kept);
    return library;
}

int gd_blas_load(const char *path) {
    if (loaded) return GD_OK;
    void *library = open_single_threaded(path);
    if (library == NULL) return GD_ERR_NO_BLAS;
    void (*set_threads)(int);
    if (!find(library, "scipy_cblas_sgemm", &routines.sgemm) || !find(library, "scipy_cblas_dgemm", &routines.dgemm) ||
        !find(library, "scipy_cblas_sgemv", &routines.sgemv) || !find(library, "scipy_cblas_dgemv", &routines.dgemv) ||
        !find(library, "scipy_openblas_set_num_threads", &set_threads) || !find_lapack(library)) {
        dlclose(library);
        return GD_ERR_NO_BLAS;
    }
    set_threads(1);
    loaded = 1;
    return GD_OK;
}

int gd_blas_loaded(void) { return loaded; }

const gd_blas *gd_blas_current(void) { return loaded ? &routines : NULL; }
