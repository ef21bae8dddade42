/* test_indexing.c: gathering, scattering, extremes and running sums at random sizes against plain loops, in buffers of
 * the exact size, so that a sanitizer sees a step outside. Types and edge values are tested against NumPy in
 * tests/test_kernels.py.
 */
#include "harness.h"

typedef struct {
    int kind, dtype;
    int64_t count;
    void *data;
} array;

static array fresh(int kind, int dtype, int64_t count) {
    array a = {kind, dtype, count, malloc((size_t)(count * item_bytes(dtype)))};
    for (int64_t i = 0; i < count; i++) {
        int64_t x = random_below(7) - 3;
        if (dtype == GD_F32) ((float *)a.data)[i] = (float)x;
        else if (dtype == GD_I64) ((int64_t *)a.data)[i] = x;
    }
    return a;
}

static int run(const char *kernel, int n, const array *arrays, int n_params, const int64_t *params) {
    builder b = {0};
    words payload = {0};
    int64_t ids[4], n_reads = 0;
    const void *inputs[4];
    void *outputs[4];
    for (int i = 0; i < n; i++) {
        ids[i] = add_value(&b, arrays[i].kind, arrays[i].dtype, arrays[i].count, -1);
        if (arrays[i].kind == GD_VALUE_INPUT) inputs[n_reads++] = arrays[i].data;
        else outputs[i - n_reads] = arrays[i].data;
    }
    push(&payload, n_params);
    for (int i = 0; i < n_params; i++) push(&payload, params[i]);
    add_instruction(&b, kernel, n_reads, ids, n - n_reads, ids + n_reads, &payload);
    return run_once(&b, &payload, inputs, outputs);
}

static void test_round(int round) {
    int64_t outer = random_below(4), axis = 1 + random_below(9), inner = random_below(3) ? 1 + random_below(70) : 1;
    int64_t n = random_below(12);
    if (round % 50 == 0) outer = 3, axis = 400, inner = 1 + random_below(300), n = 500;
    if (round % 100 == 10)
        outer = 1, axis = 30 + random_below(300), inner = 1 + random_below(90), n = 4000 + random_below(900);
    int64_t along = round % 2, lines = along ? outer * n * inner : n, params[5] = {outer, axis, inner, n};
    array x = fresh(GD_VALUE_INPUT, GD_F32, outer * axis * inner), g = fresh(GD_VALUE_INPUT, GD_F32, outer * n * inner);
    array idx = fresh(GD_VALUE_INPUT, GD_I64, lines);
    array y = fresh(GD_VALUE_OUTPUT, GD_F32, g.count), gx = fresh(GD_VALUE_OUTPUT, GD_F32, x.count);
    int64_t *index = idx.data;
    for (int64_t i = 0; i < lines; i++) index[i] = random_below(2 * axis) - axis;

    CHECK(run(along ? "take_along" : "take", 3, (array[]){x, idx, y}, 4, params) == GD_OK);
    CHECK(run(along ? "take_along_vjp" : "take_vjp", 4, (array[]){idx, g, x, gx}, 4, params) == GD_OK);
    float *sum = malloc((size_t)x.count * sizeof *sum);
    if (x.count) memcpy(sum, x.data, (size_t)x.count * sizeof *sum);
    for (int64_t o = 0, k = 0; o < outer; o++)
        for (int64_t i = 0; i < n; i++)
            for (int64_t l = 0; l < inner; l++, k++) {
                int64_t at = index[along ? k : i];
                if (at < 0) at += axis;
                at = (o * axis + at) * inner + l;
                CHECK(((float *)y.data)[k] == ((float *)x.data)[at], "round %d, element %d", round, (int)k);
                sum[at] += ((float *)g.data)[k];
            }
    for (int64_t i = 0; i < x.count; i++) CHECK(((float *)gx.data)[i] == sum[i], "round %d, element %d", round, (int)i);

    array best = fresh(GD_VALUE_OUTPUT, GD_I64, outer * inner);
    for (int low = 0; low <= 1; low++) {
        CHECK(run(low ? "arg_min" : "arg_max", 2, (array[]){x, best}, 3, params) == GD_OK);
        for (int64_t o = 0; o < outer; o++)
            for (int64_t l = 0; l < inner; l++) {
                const float *v = (const float *)x.data + o * axis * inner + l;
                int64_t want = 0;
                for (int64_t a = 1; a < axis; a++)
                    if (low ? v[a * inner] < v[want * inner] : v[a * inner] > v[want * inner]) want = a;
                CHECK(((int64_t *)best.data)[o * inner + l] == want, "round %d", round);
            }
    }

    params[3] = gd_reduction("sum"), params[4] = random_below(2);
    CHECK(run("cumulative", 2, (array[]){x, gx}, 5, params) == GD_OK);
    for (int64_t o = 0; o < outer; o++)
        for (int64_t l = 0; l < inner; l++) {
            float total = 0;
            for (int64_t a = 0; a < axis; a++) {
                int64_t at = (o * axis + (params[4] ? axis - 1 - a : a)) * inner + l;
                total += ((float *)x.data)[at];
                CHECK(((float *)gx.data)[at] == total, "round %d", round);
            }
        }

    const char *kinds[] = {"prod", "max", "min"};
    for (int kind = 0; kind < (along ? 0 : 3); kind++) {
        params[0] = outer, params[3] = n, params[4] = gd_reduction(kinds[kind]);
        CHECK(run("segment", 3, (array[]){idx, g, gx}, 5, params) == GD_OK);
        for (int64_t e = 0; e < gx.count; e++) {
            int64_t o = e / (axis * inner), a = e / inner % axis, l = e % inner;
            float want = kind == 0 ? 1 : kind == 1 ? -INFINITY : INFINITY;
            for (int64_t i = 0; i < n; i++) {
                float v = ((float *)g.data)[(o * n + i) * inner + l];
                if ((index[i] < 0 ? index[i] + axis : index[i]) == a)
                    want = kind == 0 ? want * v : kind == 1 ? fmaxf(want, v) : fminf(want, v);
            }
            CHECK(((float *)gx.data)[e] == want, "round %d, element %d, %s", round, (int)e, kinds[kind]);
        }
    }
    if (!along) { /* there are three kinds, and no base */
        params[4] = gd_reduction("sum");
        CHECK(run("segment", 3, (array[]){idx, g, gx}, 5, params) == GD_ERR_FORMAT);
        params[4] = gd_reduction("max");
        CHECK(run("segment", 4, (array[]){idx, g, x, gx}, 5, params) == GD_ERR_FORMAT);
    }

    int64_t range[] = {axis, -axis};
    CHECK(run("check_index", 1, &idx, 2, range) == GD_OK);
    params[0] = outer, params[3] = n;
    if (lines > 0) {
        index[random_below(lines)] = random_below(2) ? axis : -axis - 1;
        CHECK(run(along ? "take_along" : "take", 3, (array[]){x, idx, y}, 4, params) == GD_ERR_INDEX);
        CHECK(run(along ? "take_along_vjp" : "take_vjp", 4, (array[]){idx, g, x, gx}, 4, params) == GD_ERR_INDEX);
        params[4] = gd_reduction("max");
        if (!along) CHECK(run("segment", 3, (array[]){idx, g, gx}, 5, params) == GD_ERR_INDEX);
        CHECK(run("check_index", 1, &idx, 2, range) == GD_ERR_INDEX);
        index[0] = -1, range[1] = 0;
        CHECK(run("check_index", 1, &idx, 2, range) == GD_ERR_INDEX);
    }
    free(sum);
    free(x.data), free(g.data), free(idx.data), free(y.data), free(gx.data), free(best.data);
}

int main(void) {
    need_isa();
    gd_set_threads(2);
    for (int round = 0; round < 400; round++) test_round(round);
    return report();
}
