/* test_random.c: the generator's published answers through the kernel, floats and integers of every length in buffers
 * of the exact size, the exactness of rejection, and refusals. The streams are tested against NumPy in
 * tests/test_random.py.
 */
#include "harness.h"

/* span NULL: floats of the result's dtype; else int64 below span, one or as many as the result */
static int draw(int64_t key, int64_t stream, const int64_t *span, int64_t n_spans, int dtype, int64_t n, void *y) {
    builder b = {0};
    words payload = {0};
    int64_t reads[2], result;
    const void *inputs[] = {&key, span};
    void *outputs[] = {y};
    reads[0] = add_value(&b, GD_VALUE_INPUT, GD_I64, 1, -1);
    if (span) reads[1] = add_value(&b, GD_VALUE_INPUT, GD_I64, n_spans, -1);
    result = add_value(&b, GD_VALUE_OUTPUT, dtype, n, -1);
    push(&payload, 1);
    push(&payload, stream);
    add_instruction(&b, "random", span ? 2 : 1, reads, 1, &result, &payload);
    return run_once(&b, &payload, inputs, outputs);
}

static void test_known_answers(void) {
    /* Random123: philox4x32-10 of counter 0 and key 0 */
    const uint32_t words_of_zero[4] = {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8};
    float y[4];
    double z[2];
    CHECK(draw(0, 0, NULL, 0, GD_F32, 4, y) == GD_OK);
    for (int i = 0; i < 4; i++) CHECK(y[i] == (float)(words_of_zero[i] >> 8) / 16777216, "element %d", i);
    CHECK(draw(0, 0, NULL, 0, GD_F64, 2, z) == GD_OK);
    for (int i = 0; i < 2; i++) {
        uint64_t u = words_of_zero[2 * i] | (uint64_t)words_of_zero[2 * i + 1] << 32;
        CHECK(z[i] == (double)(u >> 11) / 9007199254740992.0, "element %d", i);
    }
}

static void test_lengths(void) {
    enum { LONGEST = 40000 };
    static float all[LONGEST];
    static int64_t integers[LONGEST], spans[LONGEST];
    for (int i = 0; i < LONGEST; i++) spans[i] = i % 7 ? 1 + (int64_t)(random_bits() >> (1 + i % 60)) : -i;
    CHECK(draw(-9, 4, NULL, 0, GD_F32, LONGEST, all) == GD_OK);
    CHECK(draw(-9, 4, spans, LONGEST, GD_I64, LONGEST, integers) == GD_OK);
    for (int i = 0; i < LONGEST; i++) {
        CHECK(all[i] >= 0 && all[i] < 1, "element %d", i);
        CHECK(integers[i] >= 0 && (spans[i] > 0 ? integers[i] < spans[i] : integers[i] == 0), "element %d", i);
    }
    for (int round = 0; round < 200; round++) {
        int64_t n = round < 140 ? round : random_below(LONGEST);
        float *y = malloc((size_t)n * sizeof *y);
        int64_t *k = malloc((size_t)n * sizeof *k), *exact = malloc((size_t)n * sizeof *exact);
        memcpy(exact, spans, (size_t)n * sizeof *exact);
        CHECK(draw(-9, 4, NULL, 0, GD_F32, n, y) == GD_OK);
        CHECK(draw(-9, 4, exact, n, GD_I64, n, k) == GD_OK);
        CHECK(n == 0 || memcmp(y, all, (size_t)n * sizeof *y) == 0, "length %d", (int)n);
        CHECK(n == 0 || memcmp(k, integers, (size_t)n * sizeof *k) == 0, "length %d", (int)n);
        free(y), free(k), free(exact);
    }
}

static void test_rejection(void) {
    enum { N = 300000 };
    static int64_t y[N];
    const int64_t third = INT64_C(1) << 61, span = 3 * third;
    double counts[3] = {0}, chi2 = 0;
    CHECK(draw(5, 3, &span, 1, GD_I64, N, y) == GD_OK);
    for (int i = 0; i < N; i++) counts[y[i] / third]++;
    for (int i = 0; i < 3; i++) chi2 += (counts[i] - N / 3) * (counts[i] - N / 3) / (N / 3);
    CHECK(chi2 < 18.4, "%f", chi2); /* one in ten thousand; without rejection about 12,500 */
}

static void test_refusals(void) {
    double y[4];
    int64_t spans[4] = {1, 1, 1, 1};
    CHECK(draw(0, -1, NULL, 0, GD_F64, 4, y) == GD_ERR_FORMAT);
    CHECK(draw(0, INT64_C(1) << 32, NULL, 0, GD_F64, 4, y) == GD_ERR_FORMAT);
    CHECK(draw(0, 0, NULL, 0, GD_I64, 4, y) == GD_ERR_TYPE);
    CHECK(draw(0, 0, spans, 1, GD_F64, 4, y) == GD_ERR_TYPE);
    CHECK(draw(0, 0, spans, 3, GD_I64, 4, y) == GD_ERR_SHAPE);
}

int main(void) {
    need_isa();
    test_known_answers();
    for (int threads = 1; threads <= 2; threads++) {
        gd_set_threads(threads);
        test_lengths();
        test_rejection();
    }
    test_refusals();
    return report();
}
