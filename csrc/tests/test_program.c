/* test_program.c: the life of a program: what is refused and how it is told, running, rebinding, in place, faults,
 * finite checks, profiles, bound calls; and a fuzz of the validator: words of valid programs are changed at random,
 * and whatever still passes must run without touching memory that is not its own (the sanitizers watch).
 */
#include "harness.h"

enum { N = 1000 };

/* payload of a tile over n elements: out = op(load 0, load 1), all contiguous */
static words binary_tile(int64_t n, const char *micro, int dtype) {
    words w = {0};
    int64_t payload[] = {1, 0, 2, 0, 1, 1, n, 0, 0, 1, 1, 0, 1, gd_microop(micro), dtype, 0, 1, -1, 2, 0, 0, 2, 0, 1};
    for (size_t i = 0; i < sizeof payload / sizeof *payload; i++) push(&w, payload[i]);
    return w;
}

/* y = a + b; p = p * y (in place); out = sum(p) over a chain of three instructions, arena and constants in use */
static words sample(builder *b) {
    int64_t a = add_value(b, GD_VALUE_INPUT, GD_F32, N, -1);
    int64_t k = add_value(b, GD_VALUE_CONST, GD_F32, N, 64);
    int64_t y = add_value(b, GD_VALUE_ARENA, GD_F32, N, 128);
    int64_t p = add_value(b, GD_VALUE_PARAM, GD_F32, N, -1);
    int64_t out = add_value(b, GD_VALUE_OUTPUT, GD_F32, 1, -1);
    b->arena = 128 + 4 * N;
    b->constants = 64 + 4 * N;
    words w = binary_tile(N, "add", GD_F32);
    add_instruction(b, "tile", 2, (int64_t[]){a, k}, 1, &y, &w);
    free(w.word);
    w = binary_tile(N, "multiply", GD_F32);
    add_instruction(b, "tile", 2, (int64_t[]){p, y}, 1, &p, &w);
    free(w.word);
    words r = {0};
    int64_t payload[] = {1, 0, 1, 0, 0, 1, N, 0, 0, 1, 0, gd_reduction("sum"), 1, 1, 0, 0};
    for (size_t i = 0; i < sizeof payload / sizeof *payload; i++) push(&r, payload[i]);
    add_instruction(b, "tile", 1, &p, 1, &out, &r);
    free(r.word);
    return finish(b);
}

static float constants[16 + N];

static void test_run(void) {
    builder b = {0};
    words w = sample(&b);
    builder_free(&b);
    static float a[N], p[N], second[N], out, other;
    for (int i = 0; i < N; i++) constants[16 + i] = 1, a[i] = 2, p[i] = 1, second[i] = 10;
    gd_program *g;
    gd_context *c;
    gd_fault fault;
    CHECK(gd_program_create(w.word, w.n, constants, sizeof constants, &g, &fault) == GD_OK);
    CHECK(gd_program_instructions(g) == 3 && gd_program_arena_bytes(g) == 128 + 4 * N);
    CHECK(gd_program_scratch_bytes(g) > 0);
    CHECK(gd_context_create(g, &c) == GD_OK);
    gd_program_destroy(g); /* the context keeps it */
    const void *in[] = {a};
    void *outs[] = {&out}, *params[] = {p};
    CHECK(gd_context_value(c, 0) == NULL, "nothing is bound before the first run");
    CHECK(gd_context_run(c, in, outs, params, 0, &fault) == GD_OK && out == 3 * N, "%g", (double)out);
    CHECK(gd_context_run(c, in, outs, params, 0, &fault) == GD_OK && out == 9 * N, "%g", (double)out);
    CHECK(gd_context_value(c, 0) == a && gd_context_value(c, 3) == p && gd_context_value(c, 5) == NULL);
    CHECK(((const float *)gd_context_value(c, 2))[N - 1] == 3);
    CHECK(((const float *)gd_context_value(c, 1))[0] == 1);
    params[0] = second;
    outs[0] = &other;
    CHECK(gd_context_run(c, in, outs, params, 0, NULL) == GD_OK && other == 30 * N && out == 9 * N);
    CHECK(((uintptr_t)gd_context_value(c, 2)) % GD_ALIGN == 0);

    int64_t ns[3] = {0};
    CHECK(gd_context_profile(c, in, outs, params, 0, ns, &fault) == GD_OK && ns[0] > 0 && ns[1] > 0 && ns[2] > 0);

    gd_bound *bound;
    params[0] = p;
    CHECK(gd_bound_create(c, in, outs, params, &bound) == GD_OK);
    params[0] = NULL;
    CHECK(gd_bound_call(bound) == GD_OK && other == 27 * N);
    gd_bound_fault(bound, &fault);
    CHECK(fault.instruction == -1);
    gd_bound_destroy(bound);
    CHECK(gd_context_run(c, in, outs, params, 0, &fault) == GD_ERR_BOUNDS, "a slot without memory");
    params[0] = p;

    /* finite checks name the instruction, the write and the element */
    CHECK(gd_context_run(c, in, outs, params, GD_RUN_CHECK_FINITE, &fault) == GD_OK);
    a[7] = INFINITY;
    CHECK(gd_context_run(c, in, outs, params, 0, &fault) == GD_OK);
    CHECK(gd_context_run(c, in, outs, params, GD_RUN_CHECK_FINITE, &fault) == GD_ERR_NONFINITE);
    CHECK(fault.instruction == 0 && fault.tag == 100 && fault.a == 2 && fault.b == 7);
    gd_context_destroy(c);
    free(w.word);
}

static int create_status(const words *w, gd_fault *fault) {
    gd_program *g;
    int status = gd_program_create(w->word, w->n, constants, sizeof constants, &g, fault);
    gd_program_destroy(g);
    return status;
}

/* changes one word of the sample and tells what becomes of it */
static void refuse(size_t at, int64_t x, int expected, int64_t instruction) {
    builder b = {0};
    words w = sample(&b);
    builder_free(&b);
    gd_fault fault;
    w.word[at] = x;
    int status = create_status(&w, &fault);
    CHECK(status == expected, "word %zu = %lld: %s", at, (long long)x, gd_status_text(status));
    CHECK(fault.instruction == instruction, "word %zu: instruction %lld", at, (long long)fault.instruction);
    free(w.word);
}

static void test_refusals(void) {
    enum { VALUES = GD_HEADER_WORDS, PLACE = VALUES + 2 * GD_VALUE_WORDS + GD_VALUE_PLACE };
    enum { FIRST = VALUES + 5 * GD_VALUE_WORDS, PAYLOAD = FIRST + GD_INSTRUCTION_WORDS + 3 };
    enum { SECOND = PAYLOAD + 24, THIRD = SECOND + 32 };
    gd_fault fault;
    words none = {0};
    CHECK(create_status(&none, &fault) == GD_ERR_FORMAT);
    refuse(GD_HEADER_MAGIC, 1, GD_ERR_FORMAT, -1);
    refuse(GD_HEADER_FORMAT, 99, GD_ERR_FORMAT, -1);
    refuse(GD_HEADER_TOTAL, 5, GD_ERR_FORMAT, -1);
    refuse(GD_HEADER_VALUES, INT64_MAX, GD_ERR_BOUNDS, -1);
    refuse(GD_HEADER_VALUES, -1, GD_ERR_BOUNDS, -1);
    refuse(GD_HEADER_INSTRUCTIONS, INT64_MAX, GD_ERR_BOUNDS, -1);
    refuse(GD_HEADER_INSTRUCTIONS, 4, GD_ERR_BOUNDS, 3);
    refuse(GD_HEADER_INSTRUCTIONS, 2, GD_ERR_FORMAT, -1);
    refuse(GD_HEADER_INPUTS, INT64_MAX, GD_ERR_BOUNDS, -1);
    refuse(GD_HEADER_ARENA, -1, GD_ERR_SHAPE, -1);
    refuse(GD_HEADER_ARENA, 128, GD_ERR_BOUNDS, -1);
    refuse(GD_HEADER_CONSTANTS, 0, GD_ERR_BOUNDS, -1);
    refuse(VALUES, 9, GD_ERR_FORMAT, -1);
    refuse(VALUES + GD_VALUE_DTYPE, 5, GD_ERR_TYPE, -1);
    refuse(VALUES + GD_VALUE_COUNT, -1, GD_ERR_SHAPE, -1);
    refuse(VALUES + GD_VALUE_COUNT, INT64_MAX, GD_ERR_SHAPE, -1);
    refuse(VALUES + GD_VALUE_PLACE, 1, GD_ERR_BOUNDS, -1);
    refuse(PLACE, 64 * 1000000, GD_ERR_BOUNDS, -1);
    refuse(PLACE, 4, GD_ERR_BOUNDS, -1);
    refuse(PLACE, -64, GD_ERR_BOUNDS, -1);
    refuse(FIRST, 10000, GD_ERR_OPCODE, 0);
    refuse(FIRST + GD_INSTRUCTION_TOTAL, 4, GD_ERR_BOUNDS, 0);
    refuse(FIRST + GD_INSTRUCTION_TOTAL, INT64_MAX, GD_ERR_BOUNDS, 0);
    refuse(FIRST + GD_INSTRUCTION_READS, -1, GD_ERR_BOUNDS, 0);
    refuse(FIRST + GD_INSTRUCTION_WRITES, INT64_MAX, GD_ERR_BOUNDS, 0);
    refuse(FIRST + 5, 5, GD_ERR_BOUNDS, 0);
    refuse(FIRST + 7, 0, GD_ERR_ALIAS, 0); /* writing an input */
    refuse(FIRST + 7, 1, GD_ERR_ALIAS, 0); /* or a constant */
    refuse(PAYLOAD, 32, GD_ERR_SHAPE, 0);
    refuse(PAYLOAD + 1, 2, GD_ERR_SHAPE, 0);
    refuse(PAYLOAD + 2, 3, GD_ERR_BOUNDS, 0);     /* the payload's length no longer fits */
    refuse(PAYLOAD + 6, N + 1, GD_ERR_BOUNDS, 0); /* beyond the values */
    refuse(PAYLOAD + 6, -1, GD_ERR_SHAPE, 0);
    refuse(PAYLOAD + 7, 2, GD_ERR_BOUNDS, 0); /* a load of a write */
    refuse(PAYLOAD + 8, 1, GD_ERR_BOUNDS, 0);
    refuse(PAYLOAD + 9, -1, GD_ERR_BOUNDS, 0);
    refuse(PAYLOAD + 9, INT64_MIN, GD_ERR_BOUNDS, 0);
    refuse(PAYLOAD + 13, -1, GD_ERR_OPCODE, 0);
    refuse(PAYLOAD + 13, gd_microop("bitwise_and"), GD_ERR_TYPE, 0);
    refuse(PAYLOAD + 13, gd_microop("less"), GD_ERR_TYPE, 0);
    refuse(PAYLOAD + 13, gd_microop("exp"), GD_ERR_BOUNDS, 0); /* an operand too many */
    refuse(PAYLOAD + 14, GD_F64, GD_ERR_TYPE, 0);
    refuse(PAYLOAD + 15, 2, GD_ERR_BOUNDS, 0); /* its own result */
    refuse(PAYLOAD + 18, 3, GD_ERR_BOUNDS, 0);
    refuse(PAYLOAD + 19, 7, GD_ERR_OPCODE, 0);
    refuse(PAYLOAD + 20, 1, GD_ERR_BOUNDS, 0); /* a mask without a reduction */
    refuse(PAYLOAD + 21, 0, GD_ERR_BOUNDS, 0); /* a store into a read */
    refuse(PAYLOAD + 23, 0, GD_ERR_ALIAS, 0);  /* all elements to one place */
    refuse(SECOND + 8 + 6, N - 1, GD_OK, -1);
    refuse(SECOND + 8 + 8, 1, GD_ERR_BOUNDS, 1);
    refuse(THIRD + 7 + 11, gd_reduction("all"), GD_ERR_TYPE, 2);
    refuse(THIRD + 7 + 12, 2, GD_ERR_BOUNDS, 2);
    refuse(THIRD + 7 + 15, 1, GD_ERR_BOUNDS, 2); /* a stride along what is reduced */

    /* the fault names the word: the one changed, counted from the program's start */
    builder b = {0};
    words w = sample(&b);
    builder_free(&b);
    w.word[SECOND + 8 + 14] = GD_I32;
    CHECK(create_status(&w, &fault) == GD_ERR_TYPE && fault.a == SECOND + 8 + 14 && fault.b == GD_I32 &&
          fault.tag == 101);
    free(w.word);
}

/* one tile reading and writing one parameter through two views */
static int shifted(int64_t load_offset, int64_t load_stride, int64_t store_offset, int64_t store_stride, int64_t n) {
    builder b = {0};
    int64_t p = add_value(&b, GD_VALUE_PARAM, GD_F32, N, -1);
    int64_t payload[] = {1, 0, 1, 0, 0, 1, n, 0, load_offset, load_stride, 0, 0, 0, 1, store_offset, store_stride};
    words w = {0};
    for (size_t i = 0; i < sizeof payload / sizeof *payload; i++) push(&w, payload[i]);
    add_instruction(&b, "tile", 1, &p, 1, &p, &w);
    free(w.word);
    w = finish(&b);
    builder_free(&b);
    gd_program *g;
    int status = gd_program_create(w.word, w.n, NULL, 0, &g, NULL);
    gd_program_destroy(g);
    free(w.word);
    return status;
}

static void test_aliases(void) {
    CHECK(shifted(0, 1, 0, 1, 10) == GD_OK, "element by element");
    CHECK(shifted(0, 2, 0, 2, 10) == GD_OK);
    CHECK(shifted(0, 1, 10, 1, 10) == GD_OK, "apart within a value");
    CHECK(shifted(0, 1, 1, 1, 10) == GD_ERR_ALIAS);
    CHECK(shifted(0, 1, 0, 2, 10) == GD_ERR_ALIAS);
    CHECK(shifted(9, -1, 0, 1, 10) == GD_ERR_ALIAS);
    CHECK(shifted(9, -1, 0, 1, 1) == GD_ERR_BOUNDS || shifted(0, -1, 0, 1, 1) == GD_OK, "one element has no stride");
    CHECK(shifted(0, 1, 1, 1, 0) == GD_OK, "nothing overlaps nothing");
}

/* two stores in one instruction that swap two values in place */
static void test_swap(void) {
    builder b = {0};
    int64_t ids[2] = {add_value(&b, GD_VALUE_PARAM, GD_F64, N, -1), add_value(&b, GD_VALUE_PARAM, GD_F64, N, -1)};
    int64_t payload[] = {1, 0, 2, 0, 0, 2, N, 0, 0, 1, 1, 0, 1, 1, 0, 0, 2, 0, 1, 0, 0, 0, 3, 0, 1};
    words w = {0};
    for (size_t i = 0; i < sizeof payload / sizeof *payload; i++) push(&w, payload[i]);
    add_instruction(&b, "tile", 2, ids, 2, ids, &w);
    free(w.word);
    w = finish(&b);
    builder_free(&b);
    gd_program *g;
    gd_context *c;
    CHECK(gd_program_create(w.word, w.n, NULL, 0, &g, NULL) == GD_OK);
    CHECK(gd_context_create(g, &c) == GD_OK);
    gd_program_destroy(g);
    static double x[N], y[N];
    for (int i = 0; i < N; i++) x[i] = i, y[i] = -i;
    void *params[] = {x, y};
    CHECK(gd_context_run(c, NULL, NULL, params, 0, NULL) == GD_OK);
    int wrong = 0;
    for (int i = 0; i < N; i++) wrong += x[i] != -i || y[i] != i;
    CHECK(wrong == 0, "%d", wrong);
    gd_context_destroy(c);
    free(w.word);
}

/* first = x + k, last = x * first: a run in stages gives each when it is asked for, and a program with parameters none */
static void test_stages(void) {
    builder b = {0};
    int64_t x = add_value(&b, GD_VALUE_INPUT, GD_F32, N, -1), k = add_value(&b, GD_VALUE_CONST, GD_F32, N, 64);
    int64_t first = add_value(&b, GD_VALUE_OUTPUT, GD_F32, N, -1);
    int64_t last = add_value(&b, GD_VALUE_OUTPUT, GD_F32, N, -1);
    b.constants = 64 + 4 * N;
    words w = binary_tile(N, "add", GD_F32);
    add_instruction(&b, "tile", 2, (int64_t[]){x, k}, 1, &first, &w);
    free(w.word);
    w = binary_tile(N, "multiply", GD_F32);
    add_instruction(&b, "tile", 2, (int64_t[]){x, first}, 1, &last, &w);
    free(w.word);
    w = finish(&b);
    builder_free(&b);
    gd_program *g;
    gd_context *c;
    gd_fault fault;
    CHECK(gd_program_create(w.word, w.n, constants, sizeof constants, &g, NULL) == GD_OK);
    CHECK(gd_context_create(g, &c) == GD_OK);
    gd_program_destroy(g);
    static float in[N], a[N], z[N];
    for (int i = 0; i < N; i++) in[i] = 2;
    const void *ins[] = {in};
    void *outs[] = {a, z};
    for (int flags = 0; flags <= GD_RUN_CHECK_FINITE; flags++) {
        int64_t at = 0;
        a[N - 1] = z[N - 1] = 0;
        CHECK(gd_context_run_until(c, ins, outs, NULL, flags, 0, &at, &fault) == GD_OK && at == 0 && a[N - 1] == 0);
        CHECK(gd_context_run_until(c, ins, outs, NULL, flags, 1, &at, &fault) == GD_OK && at == 1);
        CHECK(a[N - 1] == 3 && z[N - 1] == 0, "%g %g", (double)a[N - 1], (double)z[N - 1]);
        a[N - 1] = 5; /* not computed again */
        CHECK(gd_context_run_until(c, ins, outs, NULL, flags, 2, &at, &fault) == GD_OK && at == 2);
        CHECK(a[N - 1] == 5 && z[N - 1] == 10 && z[0] == 6, "%g", (double)z[N - 1]);
        CHECK(gd_context_run_until(c, ins, outs, NULL, flags, 1, &at, &fault) == GD_OK && at == 2);
        CHECK(gd_context_run_until(c, ins, outs, NULL, flags, 3, &at, &fault) == GD_ERR_SHAPE);
        at = -1;
        CHECK(gd_context_run_until(c, ins, outs, NULL, flags, 2, &at, &fault) == GD_ERR_SHAPE);
    }
    in[3] = INFINITY;
    int64_t at = 1;
    CHECK(gd_context_run_until(c, ins, outs, NULL, GD_RUN_CHECK_FINITE, 2, &at, &fault) == GD_ERR_NONFINITE);
    CHECK(at == 1 && fault.instruction == 1 && fault.b == 3);
    gd_context_destroy(c);
    free(w.word);

    b = (builder){0};
    w = sample(&b);
    builder_free(&b);
    CHECK(gd_program_create(w.word, w.n, constants, sizeof constants, &g, NULL) == GD_OK);
    CHECK(gd_context_create(g, &c) == GD_OK);
    gd_program_destroy(g);
    at = 0;
    void *params[] = {a};
    CHECK(gd_context_run_until(c, ins, outs, params, 0, 1, &at, NULL) == GD_ERR_SHAPE && at == 0);
    gd_context_destroy(c);
    free(w.word);
}

/* ---- fuzz ---- */

static int64_t odd_word(int64_t old) {
    static const int64_t odd[] = {
        0, 1, -1, 2, 3, 16, 64, INT64_MAX, INT64_MIN, INT32_MAX, INT64_C(1) << 47, INT64_C(1) << 62};
    switch (random_below(5)) {
    case 0: return odd[random_below((int64_t)(sizeof odd / sizeof *odd))];
    case 1: return (int64_t)((uint64_t)old + (uint64_t)random_below(5) - 2);
    case 2: return (int64_t)random_bits();
    case 3: return (int64_t)((uint64_t)old ^ (UINT64_C(1) << random_below(64)));
    default: return random_below(1100);
    }
}

static int survived;

static void run_if_valid(const words *w) {
    gd_program *g;
    gd_fault fault;
    if (gd_program_create(w->word, w->n, constants, sizeof constants, &g, &fault) != GD_OK) return;
    /* slots as large as the program itself says */
    int64_t n_values = w->word[3], n_slots[3] = {w->word[5], w->word[6], w->word[7]}, bytes[3][8] = {{0}};
    int small = gd_program_arena_bytes(g) < 1 << 24 && gd_program_scratch_bytes(g) < 1 << 24;
    for (int64_t i = 0; i < n_values; i++) {
        const int64_t *v = w->word + GD_HEADER_WORDS + GD_VALUE_WORDS * i;
        int s = v[0] == GD_VALUE_INPUT ? 0 : v[0] == GD_VALUE_OUTPUT ? 1 : v[0] == GD_VALUE_PARAM ? 2 : -1;
        int64_t size = v[2] * item_bytes((int)v[1]);
        if (size > 1 << 22) small = 0;
        if (s >= 0 && bytes[s][v[3]] < size) bytes[s][v[3]] = size;
    }
    gd_context *c;
    if (small && gd_context_create(g, &c) == GD_OK) {
        void *slot[3][8];
        for (int s = 0; s < 3; s++)
            for (int i = 0; i < n_slots[s]; i++) slot[s][i] = calloc((size_t)bytes[s][i] + 1, 1);
        gd_context_run(c, (const void *const *)slot[0], slot[1], slot[2], 0, &fault);
        survived++;
        for (int s = 0; s < 3; s++)
            for (int i = 0; i < n_slots[s]; i++) free(slot[s][i]);
        gd_context_destroy(c);
    }
    gd_program_destroy(g);
}

/* softmax over rows of a matrix, with its sum over columns: rows, reductions and an arena */
static words rows_sample(int64_t rows, int64_t cols) {
    builder b = {0};
    int64_t x = add_value(&b, GD_VALUE_INPUT, GD_F32, rows * cols, -1);
    int64_t y = add_value(&b, GD_VALUE_ARENA, GD_F32, rows * cols, 0);
    int64_t s = add_value(&b, GD_VALUE_OUTPUT, GD_F32, cols, -1);
    b.arena = (4 * rows * cols + 63) / 64 * 64;
    b.constants = sizeof constants;
    int64_t payload[] = {2,
                         1,
                         1,
                         0,
                         5,
                         2,
                         rows,
                         cols,
                         0,
                         0,
                         cols,
                         1,
                         gd_microop("row_max"),
                         GD_F32,
                         0,
                         -1,
                         -1,
                         gd_microop("subtract"),
                         GD_F32,
                         0,
                         1,
                         -1,
                         gd_microop("exp"),
                         GD_F32,
                         2,
                         -1,
                         -1,
                         gd_microop("row_sum"),
                         GD_F32,
                         3,
                         -1,
                         -1,
                         gd_microop("divide"),
                         GD_F32,
                         3,
                         4,
                         -1,
                         5,
                         0,
                         0,
                         1,
                         0,
                         cols,
                         1,
                         5,
                         gd_reduction("sum"),
                         1,
                         2,
                         0,
                         0,
                         1};
    words w = {0};
    for (size_t i = 0; i < sizeof payload / sizeof *payload; i++) push(&w, payload[i]);
    add_instruction(&b, "tile", 1, &x, 2, (int64_t[]){y, s}, &w);
    free(w.word);
    w = finish(&b);
    builder_free(&b);
    return w;
}

static void fuzz(const words *valid, int rounds) {
    words w = {0};
    for (size_t i = 0; i < valid->n; i++) push(&w, valid->word[i]);
    for (int round = 0; round < rounds; round++) {
        memcpy(w.word, valid->word, valid->n * sizeof *w.word);
        for (int64_t k = 1 + random_below(3); k > 0; k--) {
            int64_t at = random_below((int64_t)w.n);
            w.word[at] = odd_word(w.word[at]);
        }
        run_if_valid(&w);
    }
    for (size_t n = 0; n < valid->n; n++) { /* cut short */
        words prefix = {valid->word, n, n};
        gd_fault fault;
        CHECK(create_status(&prefix, &fault) != GD_OK);
    }
    free(w.word);
}

static void test_fuzz(int rounds) {
    builder b = {0};
    words w = sample(&b);
    builder_free(&b);
    fuzz(&w, rounds);
    free(w.word);
    w = rows_sample(7, 40);
    fuzz(&w, rounds);
    free(w.word);
    w = rows_sample(2, 5000);
    fuzz(&w, rounds / 10);
    free(w.word);
    CHECK(survived > rounds / 50, "only %d changed programs ran: the fuzz tests nothing", survived);
}

static void test_names(void) {
    CHECK(gd_opcode("tile") == 0 && gd_opcode("nothing") == -1 && gd_opcode(NULL) == -1);
    CHECK(gd_reduction("none") == 0 && gd_reduction("sum") == 1);
    for (int i = 0; gd_microop_name(i) != NULL; i++) CHECK(gd_microop(gd_microop_name(i)) == i);
    for (int i = 0; gd_opcode_name(i) != NULL; i++) CHECK(gd_opcode(gd_opcode_name(i)) == i);
    for (int i = 0; i < GD_STATUS_COUNT; i++) CHECK(gd_status_text(i)[0] != 0);
    CHECK(strcmp(gd_status_text(-1), gd_status_text(GD_STATUS_COUNT)) == 0);
    CHECK(gd_isa_select("none such") == GD_ERR_OPCODE && gd_isa_select(gd_isa()) == GD_OK);
}

/* usage: test_program [rounds of fuzzing [seed]] */
int main(int argc, char **argv) {
    need_isa();
    random_state = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    test_names();
    test_run();
    test_refusals();
    test_aliases();
    test_swap();
    test_stages();
    test_fuzz(argc > 1 ? atoi(argv[1]) : 20000);
    return report();
}
