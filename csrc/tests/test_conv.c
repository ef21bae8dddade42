/* test_conv.c: convolutions and pooling of random sizes against their definitions in loops over doubles; the same bits
 * on one thread and on several; payloads with a wrong word refused, or run without reaching outside the operands.
 */
#include "harness.h"

enum { N, C, H, W, O, HO, WO, KH, KW, SH, SW, TOP, LEFT, DH, DW, GROUPS, CONV_PARAMS };
enum { PLANES, PH, PW, PHO, PWO, PKH, PKW, PSH, PSW, PTOP, PLEFT, PDH, PDW, POOL_PARAMS };
enum { MOST_OPERANDS = 4, EPILOGUE = 4 };

/* one instruction over inputs and outputs: dtypes and counts of the operands, reads first */
typedef struct {
    const char *kernel;
    int n_reads, n_writes, dtype[MOST_OPERANDS];
    int64_t count[MOST_OPERANDS], n_params, n_epilogue, params[CONV_PARAMS + EPILOGUE]; /* the epilogue last */
    void *data[MOST_OPERANDS];
} one;

static int create(const one *t, gd_program **program) {
    builder b = {0};
    int64_t ids[MOST_OPERANDS];
    words payload = {0};
    push(&payload, t->n_params);
    for (int64_t i = 0; i < t->n_params + t->n_epilogue; i++) push(&payload, t->params[i]);
    for (int i = 0; i < t->n_reads + t->n_writes; i++)
        ids[i] = add_value(&b, i < t->n_reads ? GD_VALUE_INPUT : GD_VALUE_OUTPUT, t->dtype[i], t->count[i], -1);
    add_instruction(&b, t->kernel, t->n_reads, ids, t->n_writes, ids + t->n_reads, &payload);
    words w = finish(&b);
    int status = gd_program_create(w.word, w.n, NULL, 0, program, NULL);
    free(w.word);
    free(payload.word);
    builder_free(&b);
    return status;
}

static int run(gd_program *program, const one *t, void **outputs) {
    gd_context *context;
    const void *inputs[MOST_OPERANDS];
    for (int i = 0; i < t->n_reads; i++) inputs[i] = t->data[i];
    int status = gd_context_create(program, &context);
    if (status != GD_OK) return status;
    status = gd_context_run(context, inputs, outputs, NULL, 0, NULL);
    gd_context_destroy(context);
    return status;
}

static double element(const void *data, int dtype, int64_t i) {
    return dtype == GD_F32   ? ((const float *)data)[i]
           : dtype == GD_F64 ? ((const double *)data)[i]
                             : ((const int32_t *)data)[i];
}

static void *filled(int dtype, int64_t count) {
    void *data = malloc((size_t)(count * item_bytes(dtype)) + 1);
    for (int64_t i = 0; i < count; i++) {
        double x = (double)random_below(65) / 32 - 1; /* with equal ones among them */
        if (dtype == GD_F32) ((float *)data)[i] = (float)x;
        else ((double *)data)[i] = x;
    }
    return data;
}

/* runs on one thread and on three, and compares with what the definition gives for each result */
static void compare(one *t, double *const *expected, double tolerance) {
    gd_program *program;
    void *outputs[2][MOST_OPERANDS];
    int status = create(t, &program);
    CHECK(status == GD_OK, "%s: %s", t->kernel, gd_status_text(status));
    if (status != GD_OK) return;
    for (int k = 0; k < 2; k++) {
        gd_set_threads(k == 0 ? 1 : 3);
        for (int j = 0; j < t->n_writes; j++) {
            size_t bytes = (size_t)(t->count[t->n_reads + j] * item_bytes(t->dtype[t->n_reads + j]));
            outputs[k][j] = memset(malloc(bytes + 1), 0x7f, bytes + 1);
        }
        status = run(program, t, outputs[k]);
        CHECK(status == GD_OK, "%s: %s", t->kernel, gd_status_text(status));
    }
    for (int j = 0; j < t->n_writes; j++) {
        int dtype = t->dtype[t->n_reads + j];
        int64_t count = t->count[t->n_reads + j], wrong = -1;
        double scale = 1e-300;
        for (int64_t i = 0; i < count; i++)
            if (isfinite(expected[j][i])) scale = fmax(scale, fabs(expected[j][i]));
        for (int64_t i = 0; i < count && wrong < 0; i++) {
            double x = element(outputs[0][j], dtype, i), y = expected[j][i];
            if (!(fabs(x - y) <= tolerance * scale) && !(x == y) && !(isnan(x) && isnan(y))) wrong = i;
        }
        CHECK(wrong < 0, "%s: result %d element %ld is %g, not %g", t->kernel, j, (long)wrong,
              element(outputs[0][j], dtype, wrong), expected[j][wrong]);
        CHECK(memcmp(outputs[0][j], outputs[1][j], (size_t)(count * item_bytes(dtype))) == 0, "%s: threads", t->kernel);
        free(outputs[0][j]);
        free(outputs[1][j]);
    }
    gd_program_destroy(program);
}

/* ---- convolution ---- */

enum { SMALL, LARGE, MANY }; /* images: MANY are smaller still, so that they lie side by side */

static void conv_sizes(int64_t *q, int kind) {
    int large = kind == LARGE;
    int64_t most = large ? 40 : kind == MANY ? 6 : 11;
    do {
        q[GROUPS] = 1 + random_below(3);
        q[N] = kind == MANY ? 8 + random_below(60) : random_below(4);
        q[C] = q[GROUPS] * random_below(large ? 3 : 7);
        q[O] = q[GROUPS] * (1 + random_below(large ? 40 : 9));
        q[H] = 1 + random_below(most);
        q[W] = 1 + random_below(most);
        for (int i = KH; i <= SW; i++) q[i] = 1 + random_below(4);
        q[TOP] = random_below(4);
        q[LEFT] = random_below(4);
        q[DH] = 1 + random_below(3);
        q[DW] = 1 + random_below(3);
        q[HO] = (q[H] + 2 * q[TOP] - q[DH] * (q[KH] - 1) - 1 + q[SH]) / q[SH];
        q[WO] = (q[W] + 2 * q[LEFT] - q[DW] * (q[KW] - 1) - 1 + q[SW]) / q[SW];
        if (random_below(8) == 0) q[HO] = random_below(12), q[WO] = random_below(12); /* sizes that do not fit */
    } while (q[HO] < 0 || q[WO] < 0);
}

/* which: the operand that is computed, of x, w, g */
static double *conv_expected(const int64_t *q, void *const *data, int dtype, int which, const int64_t *count) {
    double *sum = calloc((size_t)count[which] + 1, sizeof *sum);
    int64_t c_group = q[C] / q[GROUPS], o_group = q[O] / q[GROUPS], at[3];
    for (int64_t n = 0; n < q[N]; n++)
        for (int64_t o = 0; o < q[O]; o++)
            for (int64_t r = 0; r < q[HO]; r++)
                for (int64_t s = 0; s < q[WO]; s++)
                    for (int64_t c = 0; c < c_group; c++)
                        for (int64_t i = 0; i < q[KH]; i++)
                            for (int64_t j = 0; j < q[KW]; j++) {
                                int64_t y = r * q[SH] + i * q[DH] - q[TOP], x = s * q[SW] + j * q[DW] - q[LEFT];
                                if (y < 0 || y >= q[H] || x < 0 || x >= q[W]) continue;
                                at[0] = ((n * q[C] + o / o_group * c_group + c) * q[H] + y) * q[W] + x;
                                at[1] = ((o * c_group + c) * q[KH] + i) * q[KW] + j;
                                at[2] = ((n * q[O] + o) * q[HO] + r) * q[WO] + s;
                                int a = which == 0 ? 1 : 0, b = which == 2 ? 1 : 2;
                                sum[at[which]] += element(data[a], dtype, at[a]) * element(data[b], dtype, at[b]);
                            }
    return sum;
}

static one conv(const int64_t *q, int dtype, int which, const int64_t *count, void *const *data) {
    static const char *const kernels[] = {"conv2d_dx", "conv2d_dw", "conv2d"};
    static const int order[3][3] = {{2, 1, 0}, {0, 2, 1}, {0, 1, 2}};
    one t = {.kernel = kernels[which], .n_reads = 2, .n_writes = 1, .n_params = CONV_PARAMS};
    memcpy(t.params, q, sizeof(int64_t) * CONV_PARAMS);
    for (int i = 0; i < 3; i++) {
        t.dtype[i] = dtype;
        t.count[i] = count[order[which][i]];
        t.data[i] = data[order[which][i]];
    }
    return t;
}

static void test_convolutions(int rounds, int kind) {
    for (int round = 0; round < rounds; round++) {
        int64_t q[CONV_PARAMS];
        conv_sizes(q, kind);
        int64_t count[3] = {q[N] * q[C] * q[H] * q[W], q[O] * (q[C] / q[GROUPS]) * q[KH] * q[KW],
                            q[N] * q[O] * q[HO] * q[WO]};
        for (int dtype = GD_F32; dtype <= GD_F64; dtype++) {
            void *data[3];
            for (int i = 0; i < 3; i++) data[i] = filled(dtype, count[i]);
            for (int which = 0; which < 3; which++) {
                one t = conv(q, dtype, which, count, data);
                double *expected = conv_expected(q, data, dtype, which, count);
                compare(&t, &expected, dtype == GD_F32 ? 2e-5 : 1e-13);
                free(expected);
            }
            for (int i = 0; i < 3; i++) free(data[i]);
        }
    }
}

/* bias and activation of results (which 2) and of their transpose (which 0) */
static void test_epilogues(int rounds) {
    for (int round = 0; round < rounds; round++) {
        int64_t q[CONV_PARAMS];
        conv_sizes(q, round % 8 == 0 ? LARGE : round % 8 < 3 ? MANY : SMALL);
        int which = round % 2 * 2, dtype = round % 4 < 2 ? GD_F32 : GD_F64;
        int relu = random_below(3) > 0, biased = !relu || random_below(3) > 0;
        int64_t count[3] = {q[N] * q[C] * q[H] * q[W], q[O] * (q[C] / q[GROUPS]) * q[KH] * q[KW],
                            q[N] * q[O] * q[HO] * q[WO]};
        int64_t channels = which == 0 ? q[C] : q[O], plane = which == 0 ? q[H] * q[W] : q[HO] * q[WO];
        int64_t stride = 1 + random_below(2), offset = random_below(3), n_bias = offset + channels * stride;
        void *data[3], *bias = filled(dtype, n_bias);
        for (int i = 0; i < 3; i++) data[i] = filled(dtype, count[i]);
        one t = conv(q, dtype, which, count, data);
        const int64_t words[EPILOGUE] = {relu ? gd_microop("relu") : -1, biased ? 2 : -1, offset, stride};
        t.n_epilogue = EPILOGUE;
        memcpy(t.params + CONV_PARAMS, words, sizeof words);
        if (biased) {
            t.count[3] = t.count[2], t.dtype[3] = dtype;
            t.count[2] = n_bias, t.data[2] = bias;
            t.n_reads = 3;
        }
        double *expected = conv_expected(q, data, dtype, which, count);
        for (int64_t i = 0; i < count[which]; i++) {
            if (biased) expected[i] += element(bias, dtype, offset + i / plane % channels * stride);
            if (relu && expected[i] < 0) expected[i] = 0;
        }
        compare(&t, &expected, dtype == GD_F32 ? 2e-5 : 1e-13);
        free(expected);
        free(bias);
        for (int i = 0; i < 3; i++) free(data[i]);
    }
}

/* ---- pooling ---- */

static int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

static void pool_sizes(int64_t *q) {
    q[PLANES] = random_below(5);
    for (int k = 0; k < 2; k++) {
        int64_t size = q[PH + k] = 1 + random_below(20), kernel = q[PKH + k] = 1 + random_below(5);
        int64_t step = q[PDH + k] = 1 + random_below(smaller(size, 3)), span = (kernel - 1) * step + 1;
        int64_t before = q[PTOP + k] = random_below(span / 2 + 1), after = random_below(span / 2 + 1);
        int64_t stride = q[PSH + k] = 1 + random_below(4), room = size + before + after - span;
        q[PHO + k] = room < 0 ? 0 : smaller(room / stride, (size + before - 1) / stride) + 1;
    }
}

/* largest: results and places; otherwise sums, or with `spread` their transpose */
static void pool_expected(const int64_t *q, const void *data, int dtype, int largest, int spread, double *out,
                          double *at) {
    int64_t image = q[PH] * q[PW];
    for (int64_t p = 0; p < q[PLANES]; p++)
        for (int64_t r = 0; r < q[PHO]; r++)
            for (int64_t s = 0; s < q[PWO]; s++) {
                int64_t k = (p * q[PHO] + r) * q[PWO] + s, found = 0;
                for (int64_t i = 0; i < q[PKH]; i++)
                    for (int64_t j = 0; j < q[PKW]; j++) {
                        int64_t y = r * q[PSH] + i * q[PDH] - q[PTOP], x = s * q[PSW] + j * q[PDW] - q[PLEFT];
                        if (y < 0 || y >= q[PH] || x < 0 || x >= q[PW]) continue;
                        int64_t place = y * q[PW] + x;
                        double v = element(data, dtype, spread ? k : p * image + place);
                        if (spread) out[p * image + place] += v;
                        else if (!largest) out[k] += v;
                        else if (!found || (!isnan(out[k]) && (v > out[k] || isnan(v)))) {
                            found = 1;
                            out[k] = v;
                            at[k] = (double)place;
                        }
                    }
            }
}

static void test_pooling(int rounds) {
    static const char *const kernels[] = {"sum_pool2d", "sum_pool2d_vjp", "max_pool2d"};
    for (int round = 0; round < rounds; round++) {
        int64_t q[POOL_PARAMS];
        pool_sizes(q);
        int64_t count[2] = {q[PLANES] * q[PH] * q[PW], q[PLANES] * q[PHO] * q[PWO]};
        int dtype = round % 2 == 0 ? GD_F32 : GD_F64;
        for (int kind = 0; kind < 3; kind++) {
            int spread = kind == 1, largest = kind == 2;
            one t = {.kernel = kernels[kind],
                     .n_reads = 1,
                     .n_writes = 1 + largest,
                     .dtype = {dtype, dtype, GD_I32},
                     .count = {count[spread], count[!spread], count[1]},
                     .n_params = POOL_PARAMS};
            memcpy(t.params, q, sizeof(int64_t) * POOL_PARAMS);
            t.data[0] = filled(dtype, t.count[0]);
            if (largest && round % 3 == 0)
                for (int64_t i = 0; i < t.count[0]; i++)
                    if (random_below(6) == 0) {
                        double x = random_below(2) ? NAN : -INFINITY;
                        if (dtype == GD_F32) ((float *)t.data[0])[i] = (float)x;
                        else ((double *)t.data[0])[i] = x;
                    }
            double *expected[2] = {calloc((size_t)t.count[1] + 1, sizeof(double)),
                                   calloc((size_t)t.count[2] + 1, sizeof(double))};
            pool_expected(q, t.data[0], dtype, largest, spread, expected[0], expected[1]);
            compare(&t, expected, dtype == GD_F32 ? 1e-5 : 1e-13);
            free(expected[0]);
            free(expected[1]);
            free(t.data[0]);
        }
    }
}

/* ---- wrong payloads ---- */

/* one word replaced: refused, or run (with the operands' true sizes, so that a sanitizer sees what reaches outside) */
static void test_wrong_words(int rounds) {
    static const int64_t odd[] = {-1, 0, 1, 2, 3, 7, 1 << 12, 1 << 30, INT64_C(1) << 40, INT64_MAX, INT64_MIN};
    int refused = 0, ran = 0;
    for (int round = 0; round < rounds; round++) {
        int64_t q[CONV_PARAMS] = {0};
        one t;
        void *data[3] = {NULL, NULL, NULL};
        if (round % 4 < 3) {
            conv_sizes(q, round % 8 < 4 ? SMALL : MANY);
            int64_t count[3] = {q[N] * q[C] * q[H] * q[W], q[O] * (q[C] / q[GROUPS]) * q[KH] * q[KW],
                                q[N] * q[O] * q[HO] * q[WO]};
            for (int i = 0; i < 3; i++) data[i] = filled(GD_F32, count[i]);
            t = conv(q, GD_F32, round % 4, count, data);
            if (round % 3 == 0) {
                const int64_t words[EPILOGUE] = {gd_microop("tanh"), random_below(2), 0, random_below(2)};
                memcpy(t.params + CONV_PARAMS, words, sizeof words);
                t.n_epilogue = EPILOGUE;
            }
        } else {
            pool_sizes(q);
            t = (one){.kernel = "max_pool2d",
                      .n_reads = 1,
                      .n_writes = 2,
                      .dtype = {GD_F32, GD_F32, GD_I32},
                      .count = {q[PLANES] * q[PH] * q[PW], q[PLANES] * q[PHO] * q[PWO], q[PLANES] * q[PHO] * q[PWO]},
                      .n_params = POOL_PARAMS};
            memcpy(t.params, q, sizeof(int64_t) * POOL_PARAMS);
            for (int i = 0; i < 3; i++) t.data[i] = data[i] = filled(GD_F32, t.count[i]);
        }
        int64_t at = random_below(t.n_params + t.n_epilogue + 1);
        int64_t value = odd[random_below((int64_t)(sizeof odd / sizeof *odd))];
        if (at < t.n_params + t.n_epilogue) t.params[at] = value;
        else if (t.n_epilogue > 0) t.n_epilogue--; /* one too few */
        else t.n_params--;
        gd_program *program;
        int status = create(&t, &program);
        if (status == GD_OK) {
            status = run(program, &t, t.data + t.n_reads);
            CHECK(status == GD_OK || status == GD_ERR_MEMORY, "%s", gd_status_text(status));
            gd_program_destroy(program);
            ran++;
        } else {
            refused++;
        }
        for (int i = 0; i < 3; i++) free(data[i]);
    }
    CHECK(refused > rounds / 4 && ran > 0, "%d refused, %d ran", refused, ran);
}

int main(void) {
    need_isa();
    test_convolutions(150, SMALL);
    test_convolutions(8, LARGE);
    test_convolutions(60, MANY);
    test_epilogues(120);
    test_pooling(200);
    test_wrong_words(1500);
    return report();
}
