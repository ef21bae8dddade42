/* test_lapack.c: factorisations at random sizes and batches, in buffers of the exact size, by what they must give back;
 * many small ones, bit for bit the same wherever each lies; refusals, and pivots that point nowhere. Without GRAPHDIFF_BLAS=path only that a missing library is told.
 */
#include "harness.h"

typedef struct {
    int dtype;
    int64_t count;
    void *data;
} array;

static array fresh(int dtype, int64_t count) {
    array a = {dtype, count, malloc((size_t)(count * item_bytes(dtype)))};
    for (int64_t i = 0; i < count; i++)
        if (dtype == GD_F32) ((float *)a.data)[i] = (float)(random_unit() - 0.5);
        else if (dtype == GD_F64) ((double *)a.data)[i] = random_unit() - 0.5;
        else ((int32_t *)a.data)[i] = -1;
    return a;
}

static double get(array a, int64_t i) { return a.dtype == GD_F32 ? ((float *)a.data)[i] : ((double *)a.data)[i]; }

static void put(array a, int64_t i, double x) {
    if (a.dtype == GD_F32) ((float *)a.data)[i] = (float)x;
    else ((double *)a.data)[i] = x;
}

static int run(const char *kernel, int n_reads, int n_writes, const array *arrays, int n_params,
               const int64_t *params) {
    builder b = {0};
    words payload = {0};
    int64_t ids[8];
    const void *inputs[8];
    void *outputs[8];
    for (int i = 0; i < n_reads + n_writes; i++) {
        ids[i] = add_value(&b, i < n_reads ? GD_VALUE_INPUT : GD_VALUE_OUTPUT, arrays[i].dtype, arrays[i].count, -1);
        if (i < n_reads) inputs[i] = arrays[i].data;
        else outputs[i - n_reads] = arrays[i].data;
    }
    push(&payload, n_params);
    for (int i = 0; i < n_params; i++) push(&payload, params[i]);
    add_instruction(&b, kernel, n_reads, ids, n_writes, ids + n_reads, &payload);
    return run_once(&b, &payload, inputs, outputs);
}

static double tolerance(int dtype, int64_t n) { return (dtype == GD_F32 ? 2e-5 : 1e-13) * (double)(n + 4); }

/* the largest |sum_k left[i, k] scale[k] right[k, j] - a[i, j]|; a transposed factor is read the other way */
static double residual(int64_t m, int64_t k, int64_t n, array left, int64_t l0, int lt, array scale, int64_t s0,
                       array right, int64_t r0, int rt, array a, int64_t a0) {
    double worst = 0;
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            double sum = 0;
            for (int64_t p = 0; p < k; p++)
                sum += get(left, l0 + (lt ? p * m + i : i * k + p)) * (scale.data ? get(scale, s0 + p) : 1) *
                       get(right, r0 + (rt ? j * k + p : p * n + j));
            double error = fabs(sum - (a.data ? get(a, a0 + i * n + j) : i == j));
            if (!(error <= worst)) worst = error;
        }
    return worst;
}

static const array none = {0, 0, NULL};

static void test_square(int round) {
    int dtype = round & 1 ? GD_F32 : GD_F64;
    int64_t batch = random_below(round % 4 ? 5 : 40), n = round % 20 == 0 ? 60 : random_below(round % 3 ? 9 : 18);
    int64_t k = random_below(4);
    array a = fresh(dtype, batch * n * n), b = fresh(dtype, batch * n * k), f = fresh(dtype, a.count);
    array pivots = fresh(GD_I32, batch * n), x = fresh(dtype, b.count), l = fresh(dtype, a.count);
    array w = fresh(dtype, batch * n), v = fresh(dtype, a.count), symmetric = fresh(dtype, a.count),
          det = fresh(dtype, batch);
    array sign = fresh(dtype, batch), logarithm = fresh(dtype, batch);
    for (int64_t i = 0; i < batch; i++)
        for (int64_t r = 0; r < n; r++) put(a, (i * n + r) * n + r, (double)n + 1 + get(a, (i * n + r) * n + r));
    for (int64_t i = 0; i < batch; i++)
        for (int64_t r = 0; r < n; r++)
            for (int64_t c = 0; c < n; c++)
                put(symmetric, (i * n + r) * n + c, (get(a, (i * n + r) * n + c) + get(a, (i * n + c) * n + r)) / 2);
    CHECK(run("cholesky", 1, 1, (array[]){a, l}, 2, (int64_t[]){batch, n}) == GD_OK);
    CHECK(run("eigh", 1, 2, (array[]){a, w, v}, 2, (int64_t[]){batch, n}) == GD_OK);
    CHECK(run("lu", 1, 2, (array[]){a, f, pivots}, 2, (int64_t[]){batch, n}) == GD_OK);
    CHECK(run("determinant", 2, 1, (array[]){f, pivots, det}, 2, (int64_t[]){batch, n}) == GD_OK);
    CHECK(run("determinant", 2, 2, (array[]){f, pivots, sign, logarithm}, 2, (int64_t[]){batch, n}) == GD_OK);
    for (int64_t i = 0; i < batch; i++) {
        int64_t at = i * n * n;
        CHECK(residual(n, n, n, l, at, 0, none, 0, l, at, 1, symmetric, at) < tolerance(dtype, n * n));
        CHECK(residual(n, n, n, v, at, 0, w, i * n, v, at, 1, symmetric, at) < tolerance(dtype, n * n));
        CHECK(residual(n, n, n, v, at, 1, none, 0, v, at, 0, none, 0) < tolerance(dtype, n));
        CHECK(n > 30 || fabs(get(sign, i) * exp(get(logarithm, i)) / get(det, i) - 1) < tolerance(dtype, n * n));
    }
    for (int transpose = 0; transpose < 2; transpose++) {
        CHECK(run("lu_solve", 3, 1, (array[]){f, pivots, b, x}, 4, (int64_t[]){batch, n, k, transpose}) == GD_OK);
        for (int64_t i = 0; i < batch; i++)
            CHECK(residual(n, n, k, a, i * n * n, transpose, none, 0, x, i * n * k, 0, b, i * n * k) <
                  tolerance(dtype, n));
        CHECK(run("triangular_solve", 2, 1, (array[]){l, b, x}, 6, (int64_t[]){batch, n, k, 1, transpose, 0}) == GD_OK);
        for (int64_t i = 0; i < batch; i++)
            CHECK(residual(n, n, k, l, i * n * n, transpose, none, 0, x, i * n * k, 0, b, i * n * k) <
                  tolerance(dtype, n));
    }
    if (batch > 0 && n > 0 && k > 0) { /* pivots come from memory: one that points nowhere must not be followed */
        ((int32_t *)pivots.data)[batch * n - 1] = random_below(2) ? 0 : (int32_t)n + 1;
        CHECK(run("lu_solve", 3, 1, (array[]){f, pivots, b, x}, 4, (int64_t[]){batch, n, k, 0}) == GD_ERR_INDEX);
    }
    array all[] = {a, b, f, pivots, x, l, w, v, symmetric, det, sign, logarithm};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i].data);
}

/* a with matrix i where matrix (i + by) % batch was */
static array turned(array a, int64_t batch, int64_t by) {
    int64_t each = a.count / batch * item_bytes(a.dtype), cut = by * each, whole = batch * each;
    array out = {a.dtype, a.count, malloc((size_t)whole)};
    memcpy(out.data, (char *)a.data + cut, (size_t)(whole - cut));
    memcpy((char *)out.data + (whole - cut), a.data, (size_t)cut);
    return out;
}

/* whether results of `batch` matrices are those of each wherever it lies among the others, bit for bit */
static void check_places(const char *kernel, int n_reads, int n_writes, const array *arrays, int n_params,
                         const int64_t *params) {
    int64_t batch = params[0], by = random_below(batch);
    array other[8];
    CHECK(run(kernel, n_reads, n_writes, arrays, n_params, params) == GD_OK);
    for (int i = 0; i < n_reads; i++) other[i] = turned(arrays[i], batch, by);
    for (int i = n_reads; i < n_reads + n_writes; i++) other[i] = fresh(arrays[i].dtype, arrays[i].count);
    CHECK(run(kernel, n_reads, n_writes, other, n_params, params) == GD_OK);
    for (int i = 0; i < n_reads + n_writes; i++) {
        array same = turned(arrays[i], batch, by);
        CHECK(memcmp(same.data, other[i].data, (size_t)(same.count * item_bytes(same.dtype))) == 0);
        free(same.data), free(other[i].data);
    }
}

/* many small ones, of which some have no factorisation */
static void test_side_by_side(int round) {
    int dtype = round & 1 ? GD_F32 : GD_F64, bits = (int)random_below(8);
    int64_t batch = 4 + random_below(60), n = 1 + random_below(16), k = random_below(17), size = n * n;
    array a = fresh(dtype, batch * size), b = fresh(dtype, batch * n * k), f = fresh(dtype, a.count);
    array pivots = fresh(GD_I32, batch * n), x = fresh(dtype, b.count), l = fresh(dtype, a.count);
    for (int64_t i = 0; i < batch * n; i++) put(a, i * n + i % n, (double)n + get(a, i * n + i % n));
    for (int64_t e = 0; e < size; e++) put(a, e, 0), put(a, size + e, e == 0 ? NAN : get(a, size + e));
    check_places("cholesky", 1, 1, (array[]){a, l}, 2, (int64_t[]){batch, n});
    check_places("lu", 1, 2, (array[]){a, f, pivots}, 2, (int64_t[]){batch, n});
    check_places("lu_solve", 3, 1, (array[]){f, pivots, b, x}, 4, (int64_t[]){batch, n, k, bits & 1});
    for (int64_t e = 0; e < n * k; e++) CHECK(isnan(get(x, e)) && isnan(get(x, n * k + e)));
    check_places("triangular_solve", 2, 1, (array[]){a, b, x}, 6,
                 (int64_t[]){batch, n, k, bits & 1, bits >> 1 & 1, bits >> 2});
    for (int64_t e = 0; e < size; e++) {
        int above = e % n > e / n;
        CHECK(above ? get(l, e) == 0 && get(l, size + e) == 0 : isnan(get(l, e)) && isnan(get(l, size + e)));
    }
    array all[] = {a, b, f, pivots, x, l};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i].data);
}

static void test_rectangular(int round) {
    int dtype = round & 1 ? GD_F32 : GD_F64, full = round >> 1 & 1;
    int64_t batch = random_below(4), m = round % 20 == 0 ? 70 : random_below(10), n = random_below(10);
    int64_t k = m < n ? m : n, rows = full ? m : k, columns = full ? n : k;
    array a = fresh(dtype, batch * m * n), q = fresh(dtype, batch * m * n), r = fresh(dtype, batch * n * n);
    array u = fresh(dtype, batch * m * rows), s = fresh(dtype, batch * k), vh = fresh(dtype, batch * columns * n);
    int status = run("qr", 1, 2, (array[]){a, q, r}, 3, (int64_t[]){batch, m, n});
    CHECK(status == (m < n ? GD_ERR_SHAPE : GD_OK));
    for (int64_t i = 0; i < batch && m >= n; i++) {
        CHECK(residual(m, n, n, q, i * m * n, 0, none, 0, r, i * n * n, 0, a, i * m * n) < tolerance(dtype, m));
        CHECK(residual(n, m, n, q, i * m * n, 1, none, 0, q, i * m * n, 0, none, 0) < tolerance(dtype, m));
        for (int64_t j = 0; j < n * n; j++) CHECK(j / n <= j % n || get(r, i * n * n + j) == 0);
    }
    CHECK(run("svd", 1, 3, (array[]){a, u, s, vh}, 4, (int64_t[]){batch, m, n, full}) == GD_OK);
    for (int64_t i = 0; i < batch; i++) {
        CHECK(residual(rows, m, rows, u, i * m * rows, 1, none, 0, u, i * m * rows, 0, none, 0) < tolerance(dtype, m));
        CHECK(residual(columns, n, columns, vh, i * columns * n, 0, none, 0, vh, i * columns * n, 1, none, 0) <
              tolerance(dtype, n));
        if (!full)
            CHECK(residual(m, k, n, u, i * m * k, 0, s, i * k, vh, i * k * n, 0, a, i * m * n) <
                  tolerance(dtype, m + n));
    }
    array all[] = {a, q, r, u, s, vh};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) free(all[i].data);
}

static void test_refusals(void) {
    array a = fresh(GD_F64, 9), b = fresh(GD_F64, 9), single = fresh(GD_F32, 9), integers = fresh(GD_I32, 9);
    CHECK(run("cholesky", 1, 1, (array[]){a, b}, 2, (int64_t[]){1, 2}) == GD_ERR_SHAPE);
    CHECK(run("cholesky", 1, 1, (array[]){a, b}, 2, (int64_t[]){-1, 3}) == GD_ERR_SHAPE);
    CHECK(run("cholesky", 1, 1, (array[]){a, b}, 2, (int64_t[]){1, INT64_C(1) << 40}) == GD_ERR_SHAPE);
    CHECK(run("cholesky", 1, 1, (array[]){a, b}, 3, (int64_t[]){1, 3, 0}) == GD_ERR_FORMAT);
    CHECK(run("cholesky", 1, 1, (array[]){a, single}, 2, (int64_t[]){1, 3}) == GD_ERR_TYPE);
    CHECK(run("cholesky", 1, 1, (array[]){integers, b}, 2, (int64_t[]){1, 3}) == GD_ERR_TYPE);
    CHECK(run("lu", 1, 2, (array[]){a, b, single}, 2, (int64_t[]){1, 3}) != GD_OK);
    CHECK(run("eigh", 1, 2, (array[]){a, b, b}, 2, (int64_t[]){1, 3}) == GD_ERR_SHAPE);
    free(a.data), free(b.data), free(single.data), free(integers.data);
}

int main(void) {
    need_isa();
    const char *path = getenv("GRAPHDIFF_BLAS");
    if (path == NULL) {
        array a = fresh(GD_F64, 9), b = fresh(GD_F64, 9);
        CHECK(run("cholesky", 1, 1, (array[]){a, b}, 2, (int64_t[]){1, 3}) == GD_ERR_NO_BLAS);
        free(a.data), free(b.data);
        return report();
    }
    if (gd_blas_load(path) != GD_OK) {
        fprintf(stderr, "%s cannot be loaded\n", path);
        return 1;
    }
    for (int threads = 1; threads <= 2; threads++) {
        gd_set_threads(threads);
        for (int round = 0; round < 200; round++) test_square(round);
        for (int round = 0; round < 200; round++) test_side_by_side(round);
        for (int round = 0; round < 200; round++) test_rectangular(round);
    }
    test_refusals();
    return report();
}
