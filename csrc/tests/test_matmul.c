/* test_matmul.c: random products (types, layouts, batches, bias, activation, accumulation) against a triple loop, in
 * buffers of the exact size, so that a sanitizer sees a step outside. GRAPHDIFF_BLAS=path tests a BLAS as well.
 */
#include "harness.h"

enum { A, B, C, BIAS, MOST_BATCH = 2 };

typedef struct {
    int64_t offset, stride[MOST_BATCH + 2], count;
} layout;

typedef struct {
    int dtype, n_batch, accumulate, has_bias, relu;
    int64_t batch[MOST_BATCH], m, n, k;
    double alpha;
    layout view[3];
    int64_t bias_stride, count[4];
    char *data[4];
} product;

static double get(const product *p, int which, int64_t i) {
    const char *at = p->data[which] + i * item_bytes(p->dtype);
    switch (p->dtype) {
    case GD_F32: return *(const float *)at;
    case GD_F64: return *(const double *)at;
    case GD_I32: return *(const int32_t *)at;
    default: return (double)*(const int64_t *)at;
    }
}

static void put(int dtype, char *data, int64_t i, double x) {
    char *at = data + i * item_bytes(dtype);
    switch (dtype) {
    case GD_F32: *(float *)at = (float)x; break;
    case GD_F64: *(double *)at = x; break;
    case GD_I32: *(int32_t *)at = (int32_t)x; break;
    default: *(int64_t *)at = (int64_t)x;
    }
}

/* strides for dims in a random order of memory; C keeps its last dimension innermost and contiguous */
static layout lay_out(int n, const int64_t *dims, int result) {
    layout l = {0};
    int order[MOST_BATCH + 2];
    for (int i = 0; i < n; i++) order[i] = n - 1 - i;
    for (int i = result ? 1 : 0; i < n; i++) {
        int j = i + (int)random_below(n - i), keep = order[i];
        if (random_below(2)) order[i] = order[j], order[j] = keep;
    }
    int64_t step = 1, reach = 0;
    for (int i = 0; i < n; i++) {
        int d = order[i], fixed = result && d == n - 1;
        int64_t gap = fixed || random_below(3) ? 0 : random_below(3);
        int64_t stride = !result && random_below(12) == 0 ? 0 : step; /* broadcast now and then */
        l.stride[d] = stride;
        if (stride) step = step * (dims[d] > 1 ? dims[d] : 1) + gap;
        reach += (dims[d] - 1) * stride;
        if (!fixed && random_below(10) == 0) {
            l.stride[d] = -stride;
            l.offset += (dims[d] - 1) * stride;
        }
    }
    l.count = reach + 1;
    for (int i = 0; i < n; i++)
        if (dims[i] == 0) l.count = 0, l.offset = 0;
    return l;
}

enum { SMALL, LARGE, MANY }; /* MANY: tiny ones in large batches */

static int64_t size(int kind) {
    static const int64_t fixed[] = {0, 1, 1, 2, 3, 4, 8, 16, 17, 32, 33};
    if (kind == LARGE) return 1 + random_below(300);
    if (kind == MANY) return random_below(7);
    return random_below(2) ? fixed[random_below(11)] : 1 + random_below(40);
}

static void draw(product *p, int kind) {
    int large = kind == LARGE;
    *p = (product){.dtype = (int)random_below(large ? 2 : 4), .n_batch = large ? 0 : (int)random_below(MOST_BATCH + 1)};
    int is_float = p->dtype == GD_F32 || p->dtype == GD_F64;
    for (int i = 0; i < p->n_batch; i++) p->batch[i] = random_below(10) ? 1 + random_below(kind == MANY ? 50 : 3) : 0;
    p->m = size(kind), p->n = size(kind), p->k = size(kind);
    p->accumulate = (int)random_below(2);
    p->has_bias = (int)random_below(2);
    p->relu = is_float && !p->accumulate && random_below(2);
    p->alpha = is_float && random_below(2) ? 0.5 : 1;
    int64_t rows[3] = {p->m, p->k, p->m}, cols[3] = {p->k, p->n, p->n};
    for (int v = 0; v < 3; v++) {
        int64_t dims[MOST_BATCH + 2];
        memcpy(dims, p->batch, sizeof p->batch);
        dims[p->n_batch] = rows[v], dims[p->n_batch + 1] = cols[v];
        p->view[v] = lay_out(p->n_batch + 2, dims, v == C);
        p->count[v] = p->view[v].count;
    }
    p->bias_stride = random_below(3);
    p->count[BIAS] = p->n > 0 ? (p->n - 1) * p->bias_stride + 1 : 0;
    for (int v = 0; v < 4; v++) {
        p->data[v] = malloc((size_t)(p->count[v] * item_bytes(p->dtype)));
        for (int64_t i = 0; i < p->count[v]; i++) put(p->dtype, p->data[v], i, (double)(random_below(9) - 4));
    }
}

static words payload_of(const product *p) {
    words w = {0};
    int64_t bits;
    push(&w, p->n_batch), push(&w, p->m), push(&w, p->n), push(&w, p->k), push(&w, p->accumulate);
    for (int i = 0; i < p->n_batch; i++) push(&w, p->batch[i]);
    for (int v = 0; v < 3; v++) {
        push(&w, v == C ? 2 + p->has_bias : v), push(&w, p->view[v].offset);
        for (int i = 0; i < p->n_batch + 2; i++) push(&w, p->view[v].stride[i]);
    }
    push(&w, p->relu ? gd_microop("relu") : -1);
    push(&w, p->has_bias ? 2 : -1), push(&w, 0), push(&w, p->bias_stride);
    memcpy(&bits, &p->alpha, sizeof bits);
    push(&w, bits);
    return w;
}

/* small integers and halves: every sum is exact in every type, whatever its order, so results must be equal */
static char *expected(const product *p) {
    char *c = malloc((size_t)(p->count[C] * item_bytes(p->dtype)));
    memcpy(c, p->data[C], (size_t)(p->count[C] * item_bytes(p->dtype)));
    int64_t entries = 1;
    for (int d = 0; d < p->n_batch; d++) entries *= p->batch[d];
    for (int64_t e = 0; e < entries; e++)
        for (int64_t i = 0; i < p->m; i++)
            for (int64_t j = 0; j < p->n; j++) {
                int64_t at[3], rest = e;
                for (int v = 0; v < 3; v++) at[v] = p->view[v].offset;
                for (int d = p->n_batch - 1; d >= 0; d--) {
                    for (int v = 0; v < 3; v++) at[v] += rest % p->batch[d] * p->view[v].stride[d];
                    rest /= p->batch[d];
                }
                const int64_t *a = p->view[A].stride + p->n_batch, *b = p->view[B].stride + p->n_batch;
                const int64_t *to = p->view[C].stride + p->n_batch;
                double sum = 0;
                for (int64_t d = 0; d < p->k; d++)
                    sum += get(p, A, at[A] + i * a[0] + d * a[1]) * get(p, B, at[B] + d * b[0] + j * b[1]);
                int64_t where = at[C] + i * to[0] + j * to[1];
                sum *= p->alpha;
                if (p->accumulate) sum += get(p, C, where);
                if (p->has_bias) sum += get(p, BIAS, j * p->bias_stride);
                put(p->dtype, c, where, p->relu && sum < 0 ? 0 : sum);
            }
    return c;
}

static int run(product *p) {
    builder b = {0};
    int64_t reads[3], n_reads = 2 + p->has_bias;
    reads[0] = add_value(&b, GD_VALUE_INPUT, p->dtype, p->count[A], -1);
    reads[1] = add_value(&b, GD_VALUE_INPUT, p->dtype, p->count[B], -1);
    if (p->has_bias) reads[2] = add_value(&b, GD_VALUE_INPUT, p->dtype, p->count[BIAS], -1);
    int64_t write = add_value(&b, GD_VALUE_OUTPUT, p->dtype, p->count[C], -1);
    words payload = payload_of(p);
    add_instruction(&b, "matmul", n_reads, reads, 1, &write, &payload);
    const void *inputs[] = {p->data[A], p->data[B], p->data[BIAS]};
    void *outputs[] = {p->data[C]};
    return run_once(&b, &payload, inputs, outputs);
}

static void test(int rounds, int large) {
    for (int round = 0; round < rounds; round++) {
        product p;
        draw(&p, large);
        char *want = expected(&p);
        int status = run(&p);
        CHECK(status == GD_OK, "status %d", status);
        for (int64_t i = 0; i < p.count[C]; i++) {
            double got = get(&p, C, i);
            char *kept = p.data[C];
            p.data[C] = want;
            double wanted = get(&p, C, i);
            p.data[C] = kept;
            if (got == wanted) continue;
            CHECK(0, "round %d, dtype %d, %d batches of %d x %d x %d: element %d is %g, not %g", round, p.dtype,
                  p.n_batch, (int)p.m, (int)p.n, (int)p.k, (int)i, got, wanted);
            break;
        }
        free(want);
        for (int v = 0; v < 4; v++) free(p.data[v]);
    }
}

int main(void) {
    need_isa();
    gd_set_threads(2);
    test(4000, SMALL);
    test(60, LARGE);
    test(500, MANY);
    const char *path = getenv("GRAPHDIFF_BLAS");
    if (path != NULL) {
        CHECK(gd_blas_load(path) == GD_OK && gd_blas_loaded(), "%s", path);
        test(4000, SMALL);
        test(60, LARGE);
        test(500, MANY);
    }
    CHECK(gd_blas_load("/nowhere") == (path != NULL ? GD_OK : GD_ERR_NO_BLAS));
    return report();
}
