/* bench_tile.c: nanoseconds per element of every micro-operation on a tile in cache, and whole tile programs:
 * Black-Scholes on a million floats, softmax, sums, tiny instructions. Prints; asserts nothing.
 */
#include <time.h>

#include "../program/isa.h"
#include "harness.h"

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void bench_micro(void) {
    enum { N = 512 };
    static double memory[4][N];
    static const int dtypes[] = {GD_F32, GD_F64, GD_I32, GD_BOOL};
    printf("%-18s %8s %8s %8s %8s   ns per element, %d elements\n", "", "f32", "f64", "i32", "bool", N);
    for (int m = 0; m < GD_MICRO_COUNT; m++) {
        printf("%-18s", gd_microop_name(m));
        for (int d = 0; d < 4; d++) {
            gd_micro_fn fn = gd_isa_current()->micro[m][dtypes[d]];
            if (fn == NULL) {
                printf("        -");
                continue;
            }
            for (int k = 1; k < 4; k++)
                for (int i = 0; i < N; i++) {
                    float f = (float)(0.1 + 0.8 * random_unit());
                    if (dtypes[d] == GD_F32) memcpy((float *)memory[k] + i, &f, 4);
                    else if (dtypes[d] == GD_F64) memory[k][i] = (double)f;
                    else if (dtypes[d] == GD_I32) ((int32_t *)memory[k])[i] = (int32_t)random_below(7) + 1;
                    else ((uint8_t *)memory[k])[i] = (uint8_t)random_below(2);
                }
            double best = 1e9;
            for (int round = 0; round < 30; round++) {
                double start = now();
                for (int i = 0; i < 40; i++) fn(memory[0], memory[1], memory[2], memory[3], N);
                double t = (now() - start) / 40 / N * 1e9;
                if (t < best) best = t;
            }
            printf(" %8.3f", best);
        }
        putchar('\n');
    }
}

/* ---- whole programs ---- */

typedef struct {
    words loads, consts, ops, stores;
    int64_t n_loads, n_consts, n_ops, n_stores;
} tile;

static int64_t op(tile *t, const char *name, int64_t a, int64_t b, int64_t c) {
    int64_t w[] = {gd_microop(name), GD_F32, a, b, c};
    for (int i = 0; i < 5; i++) push(&t->ops, w[i]);
    return t->n_loads + t->n_consts + t->n_ops++;
}

static int64_t constant(tile *t, float x) {
    uint32_t bits;
    memcpy(&bits, &x, 4);
    push(&t->consts, GD_F32);
    push(&t->consts, bits);
    return t->n_loads + t->n_consts++;
}

/* runs the tile on [rows, cols] with whole inputs and outputs; prints the best time */
static void run_tile(const char *name, const tile *t, int64_t rows, int64_t cols, int64_t rows_mask, int n_in,
                     int n_out, int64_t out_count) {
    builder b = {0};
    int64_t reads[8], writes[8];
    void *in[8], *out[8];
    for (int i = 0; i < n_in; i++) {
        reads[i] = add_value(&b, GD_VALUE_INPUT, GD_F32, rows * cols, -1);
        in[i] = malloc((size_t)(rows * cols) * 4 + 64);
        for (int64_t k = 0; k < rows * cols; k++) ((float *)in[i])[k] = (float)(0.5 + random_unit());
    }
    for (int i = 0; i < n_out; i++) {
        writes[i] = add_value(&b, GD_VALUE_OUTPUT, GD_F32, out_count, -1);
        out[i] = malloc((size_t)out_count * 4 + 64);
    }
    words w = {0};
    int64_t head[] = {2, rows_mask, t->n_loads, t->n_consts, t->n_ops, t->n_stores, rows, cols};
    for (int i = 0; i < 8; i++) push(&w, head[i]);
    const words *parts[] = {&t->loads, &t->consts, &t->ops, &t->stores};
    for (int p = 0; p < 4; p++)
        for (size_t i = 0; i < parts[p]->n; i++) push(&w, parts[p]->word[i]);
    add_instruction(&b, "tile", n_in, reads, n_out, writes, &w);
    words all = finish(&b);
    gd_program *g;
    gd_context *c;
    gd_fault fault;
    int status = gd_program_create(all.word, all.n, NULL, 0, &g, &fault);
    if (status != GD_OK) {
        printf("%s: %s, word %lld\n", name, gd_status_text(status), (long long)fault.a);
        exit(1);
    }
    gd_context_create(g, &c);
    double best = 1e9;
    int inner = rows * cols < 10000 ? 1000 : 1;
    for (int round = 0; round < 60; round++) {
        double start = now();
        for (int i = 0; i < inner; i++) gd_context_run(c, (const void *const *)in, out, NULL, 0, &fault);
        double time = (now() - start) / inner;
        if (time < best) best = time;
    }
    printf("%-34s %5lld x %-8lld %12.3f us  %8.4f ns an element\n", name, (long long)rows, (long long)cols, best * 1e6,
           best * 1e9 / (double)(rows * cols));
    gd_context_destroy(c);
    gd_program_destroy(g);
    for (int i = 0; i < n_in; i++) free(in[i]);
    for (int i = 0; i < n_out; i++) free(out[i]);
    free(w.word);
    free(all.word);
    builder_free(&b);
}

static void load(tile *t, int64_t operand, int64_t offset, int64_t s0, int64_t s1) {
    int64_t w[] = {operand, offset, s0, s1};
    for (int i = 0; i < 4; i++) push(&t->loads, w[i]);
    t->n_loads++;
}

static void store(tile *t, int64_t reg, const char *reduce, int64_t mask, int64_t operand, int64_t s0, int64_t s1) {
    int64_t w[] = {reg, gd_reduction(reduce), mask, operand, 0, s0, s1};
    for (int i = 0; i < 7; i++) push(&t->stores, w[i]);
    t->n_stores++;
}

/* price of a call option with its derivative to the price of the share: 38 operations */
static void black_scholes(int64_t n) {
    tile t = {0};
    load(&t, 0, 0, n, 1);
    load(&t, 1, 0, n, 1);
    load(&t, 2, 0, n, 1);
    int64_t half = constant(&t, 0.5f), one = constant(&t, 1), r = constant(&t, 0.05f), sigma = constant(&t, 0.2f);
    int64_t root = constant(&t, 0.70710678f), scale = constant(&t, 0.39894228f), drift = constant(&t, 0.07f);
    int64_t s = 0, k = 1, time = 2;
    int64_t ratio = op(&t, "divide", s, k, -1), l = op(&t, "log", ratio, -1, -1), q = op(&t, "sqrt", time, -1, -1);
    int64_t v = op(&t, "multiply", sigma, q, -1), dt = op(&t, "multiply", drift, time, -1),
            num = op(&t, "add", l, dt, -1);
    int64_t d1 = op(&t, "divide", num, v, -1), d2 = op(&t, "subtract", d1, v, -1);
    int64_t e1 = op(&t, "erf", op(&t, "multiply", d1, root, -1), -1, -1),
            e2 = op(&t, "erf", op(&t, "multiply", d2, root, -1), -1, -1);
    int64_t n1 = op(&t, "multiply", half, op(&t, "add", one, e1, -1), -1),
            n2 = op(&t, "multiply", half, op(&t, "add", one, e2, -1), -1);
    int64_t disc = op(&t, "exp", op(&t, "negative", op(&t, "multiply", r, time, -1), -1, -1), -1, -1);
    int64_t kd = op(&t, "multiply", k, disc, -1);
    int64_t call = op(&t, "subtract", op(&t, "multiply", s, n1, -1), op(&t, "multiply", kd, n2, -1), -1);
    int64_t p1 = op(
        &t, "multiply", scale,
        op(&t, "exp", op(&t, "negative", op(&t, "multiply", half, op(&t, "square", d1, -1, -1), -1), -1, -1), -1, -1),
        -1);
    int64_t p2 = op(
        &t, "multiply", scale,
        op(&t, "exp", op(&t, "negative", op(&t, "multiply", half, op(&t, "square", d2, -1, -1), -1), -1, -1), -1, -1),
        -1);
    int64_t dd = op(&t, "divide", op(&t, "reciprocal", s, -1, -1), v, -1);
    int64_t delta = op(&t, "add", n1, op(&t, "multiply", s, op(&t, "multiply", p1, dd, -1), -1), -1);
    delta = op(&t, "subtract", delta, op(&t, "multiply", kd, op(&t, "multiply", p2, dd, -1), -1), -1);
    int64_t vega = op(&t, "multiply", s, op(&t, "multiply", p1, q, -1), -1);
    vega = op(&t, "multiply", vega, one, -1);
    store(&t, call, "none", 0, 3, n, 1);
    store(&t, delta, "none", 0, 4, n, 1);
    store(&t, vega, "none", 0, 5, n, 1);
    char name[64];
    snprintf(name, sizeof name, "Black-Scholes, %d operations", (int)t.n_ops);
    run_tile(name, &t, 1, n, 0, 3, 3, n);
}

static void softmax(int64_t rows, int64_t cols) {
    tile t = {0};
    load(&t, 0, 0, cols, 1);
    int64_t e = op(&t, "exp", op(&t, "subtract", 0, op(&t, "row_max", 0, -1, -1), -1), -1, -1);
    store(&t, op(&t, "divide", e, op(&t, "row_sum", e, -1, -1), -1), "none", 0, 1, cols, 1);
    run_tile("softmax", &t, rows, cols, 2, 1, 1, rows * cols);
}

static void reduce(int64_t rows, int64_t cols, int64_t mask) {
    tile t = {0};
    load(&t, 0, 0, cols, 1);
    store(&t, 0, "sum", mask, 1, mask & 1 ? 0 : 1, mask & 2 ? 0 : 1);
    run_tile(mask == 3   ? "sum of all"
             : mask == 1 ? "sum of columns"
                         : "sum of rows",
             &t, rows, cols, 0, 1, 1,
             mask == 3   ? 1
             : mask == 1 ? cols
                         : rows);
}

static void chain(int64_t rows, int64_t cols, int n) {
    tile t = {0};
    load(&t, 0, 0, cols, 1);
    load(&t, 1, 0, cols, 1);
    int64_t x = 0;
    for (int i = 0; i < n; i++) x = op(&t, i & 1 ? "multiply" : "add", x, 1, -1);
    store(&t, x, "none", 0, 2, cols, 1);
    char name[64];
    snprintf(name, sizeof name, "chain of %d", n);
    run_tile(name, &t, rows, cols, 0, 2, 1, rows * cols);
}

static void bias_relu(int64_t rows, int64_t cols) {
    tile t = {0};
    load(&t, 0, 0, cols, 1);
    load(&t, 1, 0, 0, 1);
    store(&t, op(&t, "relu", op(&t, "add", 0, 1, -1), -1, -1), "none", 0, 2, cols, 1);
    run_tile("bias and relu", &t, rows, cols, 0, 2, 1, rows * cols);
}

static void transpose_add(int64_t n) {
    tile t = {0};
    load(&t, 0, 0, n, 1);
    load(&t, 1, 0, 1, n);
    store(&t, op(&t, "add", 0, 1, -1), "none", 0, 2, n, 1);
    run_tile("add a transpose", &t, n, n, 0, 2, 1, n * n);
}

int main(int argc, char **argv) {
    need_isa();
    if (argc < 2 || strcmp(argv[1], "programs") != 0) bench_micro();
    black_scholes(1000000);
    chain(1, 1, 1);
    chain(4, 4, 5);
    chain(64, 64, 5);
    chain(1000, 1000, 1);
    softmax(64, 10);
    softmax(1024, 64);
    softmax(1000, 1000);
    softmax(100, 10000);
    reduce(1000, 1000, 3);
    reduce(1000, 1000, 2);
    reduce(1000, 1000, 1);
    reduce(100000, 10, 1);
    reduce(100000, 10, 2);
    bias_relu(64, 64);
    bias_relu(1024, 512);
    transpose_add(1000);
    return 0;
}
