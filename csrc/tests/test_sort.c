/* test_sort.c: sorting, the first k, bisection, Fourier transforms and the linear recurrence, at random sizes and of every dtype, against plain
 * loops, in buffers of the exact size, so that a sanitizer sees a step outside.
 */
#include "harness.h"

static int run(const char *kernel, int n_reads, int n_operands, const int *dtypes, const int64_t *counts, void **data,
               int n_params, const int64_t *params) {
    builder b = {0};
    words payload = {0};
    int64_t ids[4];
    for (int i = 0; i < n_operands; i++)
        ids[i] = add_value(&b, i < n_reads ? GD_VALUE_INPUT : GD_VALUE_OUTPUT, dtypes[i], counts[i], -1);
    push(&payload, n_params);
    for (int i = 0; i < n_params; i++) push(&payload, params[i]);
    add_instruction(&b, kernel, n_reads, ids, n_operands - n_reads, ids + n_reads, &payload);
    return run_once(&b, &payload, (const void *const *)data, data + n_reads);
}

/* few different values, so that many are equal; for floats NaN, both zeros and infinities among them */
static void fill(void *data, int dtype, int64_t n, int wide) {
    for (int64_t i = 0; i < n; i++) {
        int64_t x = wide ? (int64_t)random_bits() : random_below(9) - 4;
        double special[] = {NAN, -NAN, -0.0, 0.0, INFINITY, -INFINITY};
        double f = random_below(4) == 0 ? special[random_below(6)]
                   : wide               ? ldexp((double)x, (int)random_below(100) - 150)
                                        : (double)x;
        switch (dtype) {
        case GD_F32: ((float *)data)[i] = (float)f; break;
        case GD_F64: ((double *)data)[i] = f; break;
        case GD_I32: ((int32_t *)data)[i] = (int32_t)x; break;
        case GD_I64: ((int64_t *)data)[i] = x; break;
        default: ((uint8_t *)data)[i] = x & 1;
        }
    }
}

static int less(const void *data, int dtype, int64_t i, int64_t j) {
#define LESS(T) return ((const T *)data)[i] < ((const T *)data)[j]
#define LESS_FLOAT(T)                                         \
    {                                                         \
        T a = ((const T *)data)[i], b = ((const T *)data)[j]; \
        return a < b || (a == a && b != b);                   \
    }
    switch (dtype) {
    case GD_F32: LESS_FLOAT(float)
    case GD_F64: LESS_FLOAT(double)
    case GD_I32: LESS(int32_t);
    case GD_I64: LESS(int64_t);
    default: LESS(uint8_t);
    }
}

static void test_sort(int round) {
    int dtype = round % 5, descending = (int)random_below(2);
    int64_t outer = random_below(4), inner = 1 + random_below(3);
    int64_t axis = round % 20 == 0 ? 1500 : round % 3 == 0 ? 40 + random_below(300) : random_below(12);
    int64_t k = random_below(3) ? random_below(axis + 1) : axis, item = item_bytes(dtype);
    if (random_below(3) == 0 && k > 48) k = 1 + random_below(48); /* few of many */
    int64_t counts[] = {outer * axis * inner, outer * k * inner, outer * k * inner};
    int dtypes[] = {dtype, dtype, GD_I64};
    void *data[] = {malloc((size_t)(counts[0] * item)), malloc((size_t)(counts[1] * item)),
                    malloc((size_t)counts[2] * 8)};
    fill(data[0], dtype, counts[0], round % 2);
    CHECK(run("sort", 1, 3, dtypes, counts, data, 5, (int64_t[]){outer, axis, inner, descending, k}) == GD_OK);
    int64_t *order = malloc((size_t)(axis + 1) * sizeof *order);
    for (int64_t o = 0; o < outer; o++)
        for (int64_t n = 0; n < inner; n++) {
            int64_t start = o * axis * inner + n;
            for (int64_t i = 0; i < axis; i++) { /* insertion: stable */
                int64_t j = i;
                for (; j > 0; j--) {
                    int64_t before = start + order[j - 1] * inner, here = start + i * inner;
                    if (!(descending ? less(data[0], dtype, before, here) : less(data[0], dtype, here, before))) break;
                    order[j] = order[j - 1];
                }
                order[j] = i;
            }
            for (int64_t i = 0; i < k; i++) {
                int64_t at = (o * k + i) * inner + n;
                CHECK(((int64_t *)data[2])[at] == order[i], "round %d: %d of %d by %d", round, (int)i, (int)k,
                      (int)axis);
                CHECK(!memcmp((char *)data[1] + at * item, (char *)data[0] + (start + order[i] * inner) * item,
                              (size_t)item),
                      "round %d: value %d", round, (int)i);
            }
        }
    free(order);
    for (int i = 0; i < 3; i++) free(data[i]);
}

static void test_recurrence(int round) {
    int reverse = round & 1, late = round >> 1 & 1;
    int64_t outer = random_below(4), axis = random_below(40), inner = random_below(2) ? 1 : random_below(20);
    int64_t count = outer * axis * inner, counts[] = {count, count, count};
    double *x = malloc((size_t)count * 8), *a = malloc((size_t)count * 8), *y = malloc((size_t)count * 8);
    for (int64_t i = 0; i < count; i++) x[i] = random_unit() - 0.5, a[i] = random_unit() - 0.5;
    CHECK(run("recurrence", 2, 3, (int[]){GD_F64, GD_F64, GD_F64}, counts, (void *[]){x, a, y}, 5,
              (int64_t[]){outer, axis, inner, reverse, late}) == GD_OK);
    for (int64_t o = 0; o < outer; o++)
        for (int64_t n = 0; n < inner; n++) {
            double last = 0;
            for (int64_t i = 0; i < axis; i++) {
                int64_t row = reverse ? axis - 1 - i : i, before = reverse ? row + 1 : row - 1;
                int64_t at = (o * axis + row) * inner + n;
                last = i == 0 ? x[at] : x[at] + a[late ? (o * axis + before) * inner + n : at] * last;
                CHECK(y[at] == last, "round %d: element %d", round, (int)at);
            }
        }
    free(x), free(a), free(y);
}

static void test_refusals(void) {
    float x[6] = {0}, y[6];
    int64_t index[6], six[] = {6, 6, 6};
    int dtypes[] = {GD_F32, GD_F32, GD_I64};
    void *data[] = {x, y, index};
    CHECK(run("sort", 1, 3, dtypes, six, data, 5, (int64_t[]){1, 6, 1, 2, 6}) == GD_ERR_FORMAT);
    CHECK(run("sort", 1, 3, dtypes, six, data, 5, (int64_t[]){1, 6, 1, 0, 7}) == GD_ERR_SHAPE);
    CHECK(run("sort", 1, 3, dtypes, six, data, 5, (int64_t[]){1, 6, 1, 0, -1}) == GD_ERR_SHAPE);
    CHECK(run("sort", 1, 3, dtypes, six, data, 5, (int64_t[]){1, 5, 1, 0, 5}) == GD_ERR_SHAPE);
    CHECK(run("sort", 1, 3, dtypes, six, data, 4, (int64_t[]){1, 6, 1, 0}) == GD_ERR_FORMAT);
    dtypes[1] = GD_F64;
    CHECK(run("sort", 1, 3, dtypes, six, data, 5, (int64_t[]){1, 6, 1, 0, 6}) == GD_ERR_TYPE);
    int floats[] = {GD_F32, GD_F32, GD_F32};
    void *numbers[] = {x, x, y};
    CHECK(run("recurrence", 2, 3, floats, six, numbers, 5, (int64_t[]){1, 6, 1, 3, 0}) == GD_ERR_FORMAT);
    CHECK(run("recurrence", 2, 3, floats, six, numbers, 5, (int64_t[]){2, 6, 1, 0, 0}) == GD_ERR_SHAPE);
    int integers[] = {GD_I32, GD_I32, GD_I32};
    CHECK(run("recurrence", 2, 3, integers, six, numbers, 5, (int64_t[]){1, 6, 1, 0, 0}) == GD_ERR_TYPE);
}

static void test_search(int round) {
    int dtype = round % 4, right = (int)random_below(2);
    int64_t outer = random_below(4), axis = random_below(round % 10 ? 9 : 300), n = random_below(20);
    int64_t item = item_bytes(dtype), counts[] = {outer * axis, outer * n, outer * n, outer * axis};
    void *rows = malloc((size_t)(counts[0] * item)), *x = malloc((size_t)(counts[1] * item));
    int64_t *at = malloc((size_t)counts[2] * 8), *order = malloc((size_t)counts[0] * 8);
    void *sorted = malloc((size_t)(counts[0] * item));
    fill(rows, dtype, counts[0], 0), fill(x, dtype, counts[1], 0);
    /* sorted by the core, whose order the search has too */
    CHECK(run("sort", 1, 3, (int[]){dtype, dtype, GD_I64}, (int64_t[]){counts[0], counts[0], counts[0]},
              (void *[]){rows, sorted, order}, 5, (int64_t[]){outer, axis, 1, 0, axis}) == GD_OK);
    int dtypes[] = {dtype, dtype, GD_I64};
    CHECK(run("search", 2, 3, dtypes, counts, (void *[]){sorted, x, at}, 4, (int64_t[]){outer, axis, n, right}) ==
          GD_OK);
    void *both = malloc((size_t)(2 * item));
    for (int64_t i = 0; i < counts[2]; i++) {
        int64_t want = 0;
        for (int64_t a = 0; a < axis; a++) {
            memcpy(both, (char *)sorted + (i / n * axis + a) * item, (size_t)item);
            memcpy((char *)both + item, (char *)x + i * item, (size_t)item);
            want += right ? !less(both, dtype, 1, 0) : less(both, dtype, 0, 1);
        }
        CHECK(at[i] == want, "round %d, element %d: %d, not %d", round, (int)i, (int)at[i], (int)want);
    }
    CHECK(run("search", 2, 3, dtypes, counts, (void *[]){sorted, x, at}, 4, (int64_t[]){outer, axis, n, 2}) ==
          GD_ERR_FORMAT);
    CHECK(run("search", 2, 3, dtypes, counts, (void *[]){sorted, x, at}, 4, (int64_t[]){outer, axis, n + 1, 0}) ==
          (outer ? GD_ERR_SHAPE : GD_OK));
    free(rows), free(x), free(at), free(order), free(sorted), free(both);
}

/* against the sum that it stands for */
static void test_fft(int round) {
    int64_t outer = random_below(3), n = 1 + random_below(40), inner = 1 + random_below(3), kind = round % 2;
    int64_t count = outer * n * inner, counts[] = {count, count, count, count};
    int dtypes[] = {GD_F64, GD_F64, GD_F64, GD_F64};
    double *data[4];
    for (int i = 0; i < 4; i++) data[i] = malloc((size_t)count * 8);
    for (int64_t i = 0; i < count; i++)
        data[0][i] = (double)random_below(9) - 4, data[1][i] = (double)random_below(9) - 4;
    CHECK(run("fft", 2, 4, dtypes, counts, (void **)data, 4, (int64_t[]){outer, n, inner, kind}) == GD_OK);
    for (int64_t e = 0; e < count; e++) {
        int64_t o = e / (n * inner), k = e / inner % n, l = e % inner;
        double re = 0, im = 0;
        for (int64_t j = 0; j < n; j++) {
            double angle = (kind ? 2 : -2) * acos(-1) * (double)(j * k % n) / (double)n;
            double a = data[0][(o * n + j) * inner + l], b = data[1][(o * n + j) * inner + l];
            re += a * cos(angle) - b * sin(angle), im += a * sin(angle) + b * cos(angle);
        }
        CHECK(fabs(re - data[2][e]) < 1e-11 && fabs(im - data[3][e]) < 1e-11, "round %d, n %d", round, (int)n);
    }
    CHECK(run("fft", 2, 4, dtypes, counts, (void **)data, 4, (int64_t[]){outer, n, inner, 4}) == GD_ERR_FORMAT);
    CHECK(run("fft", 2, 4, dtypes, counts, (void **)data, 4, (int64_t[]){outer, 0, inner, 0}) == GD_ERR_SHAPE);
    for (int i = 0; i < 4; i++) free(data[i]);
}

int main(void) {
    need_isa();
    for (int threads = 1; threads <= 2; threads++) {
        gd_set_threads(threads);
        for (int round = 0; round < 400; round++) test_sort(round);
        for (int round = 0; round < 400; round++) test_recurrence(round);
        for (int round = 0; round < 400; round++) test_search(round);
        for (int round = 0; round < 200; round++) test_fft(round);
    }
    test_refusals();
    return report();
}
