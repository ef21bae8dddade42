/* test_attention.c: random attention and its gradients (types, batches, layouts, masks, causal or not, more rows and keys
 * than a block, more parts than entries) against sums over pairs in double, in buffers of the exact size, so that a sanitizer
 * sees a step outside; and the same bits for one thread and several.
 */
#include "harness.h"

enum { Q, K, V, Y, G, DQ, DK, DV, VIEWS, LANES = 3 };

typedef struct {
    int dtype, causal, mask;
    int64_t batch, heads, rows, keys, features, values;
    int64_t row[VIEWS], head[VIEWS], entry[VIEWS], count[VIEWS]; /* strides, and elements of the buffer */
    int64_t mask_stride[4], mask_count; /* by entry, head, row and key; 0 where it is the same for all */
    double scale;
} problem;

static double get(const problem *p, const void *data, int64_t i) {
    return p->dtype == GD_F32 ? ((const float *)data)[i] : ((const double *)data)[i];
}

static int64_t length_of(const problem *p, int v) { return v == K || v == V || v == DK || v == DV ? p->keys : p->rows; }
static int64_t width_of(const problem *p, int v) {
    return v == Q || v == K || v == DQ || v == DK ? p->features : p->values;
}
static int64_t at(const problem *p, int v, int64_t b, int64_t h, int64_t i) {
    return b * p->entry[v] + h * p->head[v] + i * p->row[v];
}

static problem draw(int large) {
    problem p = {.dtype = (int)random_below(2),
                 .causal = (int)random_below(2),
                 .batch = random_below(3) + (random_below(5) > 0),
                 .heads = 1 + random_below(3),
                 .rows = random_below(large ? 200 : 40),
                 .keys = random_below(large ? 400 : 40),
                 .features = random_below(large ? 40 : 9),
                 .values = random_below(large ? 40 : 9),
                 .scale = 0.25 + random_unit()};
    if (large) p.batch = 1, p.heads = 1;
    for (int v = 0; v < VIEWS; v++) { /* heads beside rows, or rows beside heads as a split product lies */
        int64_t n = length_of(&p, v), w = width_of(&p, v), gap = random_below(3);
        if (random_below(2)) p.row[v] = w + gap, p.head[v] = n * p.row[v], p.entry[v] = p.heads * p.head[v];
        else p.head[v] = w + gap, p.row[v] = p.heads * p.head[v], p.entry[v] = n * p.row[v];
        p.count[v] = p.batch && n && w ? at(&p, v, p.batch - 1, p.heads - 1, n - 1) + w : 0;
    }
    int64_t sizes[4] = {p.batch, p.heads, p.rows, p.keys};
    p.mask = (int)random_below(3), p.mask_count = 1;
    for (int i = 3; i >= 0; i--) {
        p.mask_stride[i] = random_below(3) ? p.mask_count : 0;
        if (p.mask_stride[i]) p.mask_count *= sizes[i];
    }
    return p;
}

static void push_view(words *w, const problem *p, int v, int64_t operand) {
    push(w, operand), push(w, 0), push(w, p->entry[v]), push(w, p->head[v]), push(w, p->row[v]);
}

static words payload_of(const problem *p, int backward) {
    words w = {0};
    int64_t bits;
    memcpy(&bits, &p->scale, sizeof bits);
    int64_t head[] = {2, p->rows, p->keys, p->features, p->values, p->causal, bits, p->mask, p->batch, p->heads};
    for (size_t i = 0; i < sizeof head / sizeof *head; i++) push(&w, head[i]);
    if (!backward) {
        for (int v = Q; v <= V; v++) push_view(&w, p, v, v);
        push_view(&w, p, Y, p->mask ? 4 : 3);
    } else {
        for (int v = Q; v <= G; v++) push_view(&w, p, v, v);
        for (int v = DQ; v < VIEWS; v++) push_view(&w, p, v, v + (p->mask ? 2 : 1));
        push(&w, 5);
    }
    if (p->mask) {
        push(&w, backward ? 6 : 3), push(&w, 0);
        for (int i = 0; i < 4; i++) push(&w, p->mask_stride[i]);
    }
    return w;
}

/* both instructions: y, the numbers of each row and the three cotangents, of q, k, v and y's cotangent */
static int run(const problem *p, void **data, const void *mask, void *sums, int lanes) {
    builder b = {0};
    words forward = payload_of(p, 0), backward = payload_of(p, 1);
    int64_t values[VIEWS], log, count = p->batch * p->heads * p->rows;
    for (int v = Q; v < VIEWS; v++) {
        int kind = v == Y || v >= DQ ? GD_VALUE_OUTPUT : GD_VALUE_INPUT;
        values[v] = add_value(&b, kind, p->dtype, p->count[v], -1);
    }
    log = add_value(&b, GD_VALUE_OUTPUT, p->dtype, 2 * count, -1);
    int64_t masked = p->mask ? add_value(&b, GD_VALUE_INPUT, p->mask == 1 ? GD_BOOL : p->dtype, p->mask_count, -1) : 0;
    int64_t made[] = {values[Y], log}, first[] = {values[Q], values[K], values[V], masked};
    int64_t read[] = {values[Q], values[K], values[V], values[Y], values[G], log, masked};
    add_instruction(&b, "attention", p->mask ? 4 : 3, first, 2, made, &forward);
    add_instruction(&b, "attention_vjp", p->mask ? 7 : 6, read, 3, values + DQ, &backward);
    free(forward.word);
    free(backward.word);
    words w = finish(&b);
    builder_free(&b);
    gd_program *program = NULL;
    gd_context *context = NULL;
    gd_fault fault;
    const void *inputs[] = {data[Q], data[K], data[V], data[G], mask};
    void *outputs[] = {data[Y], data[DQ], data[DK], data[DV], sums};
    int status = gd_program_create(w.word, w.n, NULL, 0, &program, &fault);
    if (status == GD_OK) status = gd_context_create(program, &context);
    if (status == GD_OK) status = gd_context_set_threads(context, lanes);
    if (status == GD_OK) status = gd_context_run(context, inputs, outputs, NULL, 0, &fault);
    gd_context_destroy(context);
    gd_program_destroy(program);
    free(w.word);
    return status;
}

/* the weights of query i, and the logarithm of their sum before */
static double weigh(const problem *p, void **data, const void *mask, int64_t b, int64_t h, int64_t i, double *weights) {
    double top = -INFINITY, total = 0;
    const int64_t *step = p->mask_stride;
    for (int64_t j = 0; j < p->keys; j++) {
        weights[j] = p->causal && j > i ? -INFINITY : 0;
        for (int64_t l = 0; l < p->features; l++)
            weights[j] += p->scale * get(p, data[Q], at(p, Q, b, h, i) + l) * get(p, data[K], at(p, K, b, h, j) + l);
        int64_t m = b * step[0] + h * step[1] + i * step[2] + j * step[3];
        if (p->mask == 1 && !((const char *)mask)[m]) weights[j] = -INFINITY;
        if (p->mask == 2) weights[j] += get(p, mask, m);
        if (weights[j] > top) top = weights[j];
    }
    double base = top == -INFINITY ? 0 : top;
    for (int64_t j = 0; j < p->keys; j++) total += weights[j] = exp(weights[j] - base);
    for (int64_t j = 0; j < p->keys && total > 0; j++) weights[j] /= total;
    return base + log(total);
}

static void compare(const problem *p, void **data, const void *mask, const void *sums) {
    double *weights = malloc((size_t)(p->keys + 1) * sizeof *weights), *want[VIEWS] = {NULL};
    double bound = p->dtype == GD_F32 ? 2e-4 : 1e-11;
    for (int v = DQ; v < VIEWS; v++) want[v] = calloc((size_t)p->count[v] + 1, sizeof **want);
    for (int64_t b = 0; b < p->batch; b++)
        for (int64_t h = 0; h < p->heads; h++)
            for (int64_t i = 0; i < p->rows; i++) {
                double log = weigh(p, data, mask, b, h, i, weights), inner = 0;
                int64_t row = (b * p->heads + h) * p->rows + i;
                double seen = get(p, sums, 2 * row) + get(p, sums, 2 * row + 1);
                CHECK(log > -INFINITY ? fabs(seen - log) < bound * (1 + fabs(log)) : seen == log, "%g %g", seen, log);
                for (int64_t l = 0; l < p->values; l++) {
                    double y = 0, g = get(p, data[G], at(p, G, b, h, i) + l);
                    for (int64_t j = 0; j < p->keys; j++) y += weights[j] * get(p, data[V], at(p, V, b, h, j) + l);
                    double got = get(p, data[Y], at(p, Y, b, h, i) + l);
                    CHECK(fabs(got - y) < bound, "y %g, not %g", got, y);
                    inner += y * g;
                    for (int64_t j = 0; j < p->keys; j++) want[DV][at(p, DV, b, h, j) + l] += weights[j] * g;
                }
                for (int64_t j = 0; j < p->keys; j++) {
                    double d = -inner;
                    for (int64_t l = 0; l < p->values; l++)
                        d += get(p, data[G], at(p, G, b, h, i) + l) * get(p, data[V], at(p, V, b, h, j) + l);
                    d *= weights[j] * p->scale;
                    for (int64_t l = 0; l < p->features; l++) {
                        want[DQ][at(p, DQ, b, h, i) + l] += d * get(p, data[K], at(p, K, b, h, j) + l);
                        want[DK][at(p, DK, b, h, j) + l] += d * get(p, data[Q], at(p, Q, b, h, i) + l);
                    }
                }
            }
    for (int v = DQ; v < VIEWS; v++) {
        for (int64_t b = 0; b < p->batch; b++)
            for (int64_t h = 0; h < p->heads; h++)
                for (int64_t i = 0; i < length_of(p, v); i++)
                    for (int64_t l = 0; l < width_of(p, v); l++) {
                        int64_t e = at(p, v, b, h, i) + l;
                        CHECK(fabs(get(p, data[v], e) - want[v][e]) < bound * (10 + fabs(want[v][e])), "%d: %g, not %g",
                              v, get(p, data[v], e), want[v][e]);
                    }
        free(want[v]);
    }
    free(weights);
}

static void test_one(int large) {
    problem p = draw(large);
    int64_t item = item_bytes(p.dtype), count = p.batch * p.heads * p.rows;
    void *data[VIEWS], *again[VIEWS], *sums = malloc((size_t)(2 * count * item));
    for (int v = 0; v < VIEWS; v++) {
        again[v] = data[v] = calloc((size_t)p.count[v], (size_t)item);
        for (int64_t i = 0; i < p.count[v] && (v <= V || v == G); i++) {
            double x = 2 * random_unit() - 1;
            if (p.dtype == GD_F32) ((float *)data[v])[i] = (float)x;
            else ((double *)data[v])[i] = x;
        }
        if (v == Y || v >= DQ) again[v] = calloc((size_t)p.count[v], (size_t)item);
    }
    void *mask = malloc((size_t)(p.mask_count * item));
    for (int64_t i = 0; i < p.mask_count; i++) {
        if (p.mask == 1) ((char *)mask)[i] = random_below(3) > 0;
        else if (p.dtype == GD_F32) ((float *)mask)[i] = (float)random_unit();
        else ((double *)mask)[i] = random_unit();
    }
    CHECK(run(&p, data, mask, sums, 1) == GD_OK);
    compare(&p, data, mask, sums);
    CHECK(run(&p, again, mask, sums, LANES) == GD_OK);
    for (int v = 0; v < VIEWS; v++) {
        CHECK(memcmp(again[v], data[v], (size_t)(p.count[v] * item)) == 0, "the threads decide the bits of %d", v);
        if (again[v] != data[v]) free(again[v]);
        free(data[v]);
    }
    free(sums);
    free(mask);
}

/* every word of a payload wrong in turn: refused, or within its buffers */
static void test_refusals(void) {
    problem p = {.causal = 1, .batch = 2, .heads = 2, .rows = 3, .keys = 4, .features = 2, .values = 2, .scale = 1};
    for (int v = 0; v < VIEWS; v++) {
        p.row[v] = 2, p.head[v] = 2 * length_of(&p, v), p.entry[v] = 2 * p.head[v];
        p.count[v] = 2 * p.entry[v];
    }
    static const int64_t wrong[] = {-1, 7, INT64_C(1) << 40, INT64_MIN, INT64_MAX};
    static float data[6][64];
    for (int backward = 0; backward < 2; backward++) {
        words good = payload_of(&p, backward);
        for (size_t i = 0; i < good.n; i++)
            for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++) {
                builder b = {0};
                words w = payload_of(&p, backward);
                w.word[i] = wrong[k];
                int64_t values[VIEWS + 1];
                for (int v = 0; v < VIEWS; v++)
                    values[v] = add_value(&b, v >= DQ || (v == Y && !backward) ? GD_VALUE_OUTPUT : GD_VALUE_INPUT,
                                          GD_F32, p.count[v], -1);
                values[VIEWS] = add_value(&b, backward ? GD_VALUE_INPUT : GD_VALUE_OUTPUT, GD_F32, 12, -1);
                int64_t made[] = {values[Y], values[VIEWS]};
                int64_t read[] = {values[Q], values[K], values[V], values[Y], values[G], values[VIEWS]};
                if (backward) add_instruction(&b, "attention_vjp", 6, read, 3, values + DQ, &w);
                else add_instruction(&b, "attention", 3, values, 2, made, &w);
                const void *inputs[6] = {data[0], data[0], data[0], data[0], data[0], data[0]};
                void *outputs[6] = {data[1], data[2], data[3], data[4], data[5], data[5]};
                int status = run_once(&b, &w, inputs, outputs);
                CHECK(i == 6 || status != GD_OK || wrong[k] == 7, "word %zu as %lld", i, (long long)wrong[k]);
            }
        free(good.word);
    }
}

int main(void) {
    need_isa();
    CHECK(gd_set_threads(LANES) == GD_OK);
    for (int round = 0; round < 120; round++) test_one(0);
    for (int round = 0; round < 12; round++) test_one(1);
    test_refusals();
    return report();
}
