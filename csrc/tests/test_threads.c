/* test_threads.c: the same bits for any number of threads; contexts of one program on several threads at once; a
 * context that is busy says so; parts of a pool all run once. Meant to run under -fsanitize=thread too.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "../threads/pool.h"
#include "../threads/turn.h"
#include "harness.h"

enum { ROWS = 700, COLS = 600, CALLERS = 4 };

/* the program of what was built; NULL, and a failed check, where there is none */
static gd_program *created(builder *b) {
    words w = finish(b);
    builder_free(b);
    gd_program *g;
    gd_fault fault;
    int status = gd_program_create(w.word, w.n, NULL, 0, &g, &fault);
    CHECK(status == GD_OK, "%s, word %lld", gd_status_text(status), (long long)fault.a);
    free(w.word);
    return g;
}

/* y = exp(x) * x, its sums over rows, over columns and over all: four writes, several passes and many parts */
static gd_program *make_program(int with_columns) {
    builder b = {0};
    int64_t x = add_value(&b, GD_VALUE_INPUT, GD_F32, ROWS * COLS, -1);
    int64_t y = add_value(&b, GD_VALUE_OUTPUT, GD_F32, ROWS * COLS, -1);
    int64_t r = add_value(&b, GD_VALUE_OUTPUT, GD_F32, ROWS, -1);
    int64_t c = add_value(&b, GD_VALUE_OUTPUT, GD_F32, COLS, -1);
    int64_t payload[] = {2,
                         0,
                         1,
                         0,
                         2,
                         with_columns ? 3 : 2,
                         ROWS,
                         COLS,
                         0,
                         0,
                         COLS,
                         1,
                         gd_microop("exp"),
                         GD_F32,
                         0,
                         -1,
                         -1,
                         gd_microop("multiply"),
                         GD_F32,
                         0,
                         1,
                         -1,
                         2,
                         0,
                         0,
                         1,
                         0,
                         COLS,
                         1,
                         2,
                         gd_reduction("sum"),
                         2,
                         2,
                         0,
                         1,
                         0,
                         2,
                         gd_reduction("sum"),
                         1,
                         3,
                         0,
                         0,
                         1};
    words w = {0};
    for (size_t i = 0; i < sizeof payload / sizeof *payload - (with_columns ? 0 : 7); i++) push(&w, payload[i]);
    add_instruction(&b, "tile", 1, &x, 3, (int64_t[]){y, r, c}, &w);
    /* and columns alone */
    int64_t alone[] = {2, 0, 1, 0, 0, 1, ROWS, COLS, 0, 0, COLS, 1, 0, gd_reduction("sum"), 1, 1, 0, 0, 1};
    int64_t z = add_value(&b, GD_VALUE_OUTPUT, GD_F32, COLS, -1);
    w.n = 0;
    for (size_t i = 0; i < sizeof alone / sizeof *alone; i++) push(&w, alone[i]);
    add_instruction(&b, "tile", 1, &y, 1, &z, &w);
    free(w.word);
    return created(&b);
}

typedef struct {
    float y[ROWS * COLS], r[ROWS], c[COLS], z[COLS];
} results;

static float feed[ROWS * COLS];

static void run(gd_context *c, results *out) {
    const void *in[] = {feed};
    void *outs[] = {out->y, out->r, out->c, out->z};
    CHECK(gd_context_run(c, in, outs, NULL, 0, NULL) == GD_OK);
}

static void test_bits(gd_program *g) {
    gd_context *c;
    CHECK(gd_context_create(g, &c) == GD_OK);
    results *one = calloc(1, sizeof *one), *many = calloc(1, sizeof *many);
    gd_set_threads(1);
    run(c, one);
    for (int n = 2; n <= 5; n++) {
        CHECK(gd_set_threads(n) == GD_OK && gd_threads() == n);
        for (int i = 0; i < 5; i++) {
            memset(many, 0, sizeof *many);
            run(c, many);
            CHECK(memcmp(one, many, sizeof *one) == 0, "%d threads", n);
        }
    }
    gd_set_threads(1);
    free(one);
    free(many);
    gd_context_destroy(c);
}

static gd_program *shared;
static results *reference;

static void *caller(void *unused) {
    (void)unused;
    gd_context *c;
    results *mine = calloc(1, sizeof *mine);
    int bad = gd_context_create(shared, &c) != GD_OK;
    for (int i = 0; i < 20 && !bad; i++) {
        const void *in[] = {feed};
        void *outs[] = {mine->y, mine->r, mine->c, mine->z};
        bad = gd_context_run(c, in, outs, NULL, 0, NULL) != GD_OK || memcmp(mine, reference, sizeof *mine) != 0;
    }
    gd_context_destroy(c);
    free(mine);
    return bad ? reference : NULL;
}

static void test_callers(gd_program *g) {
    pthread_t threads[CALLERS];
    gd_context *c;
    reference = calloc(1, sizeof *reference);
    shared = g;
    CHECK(gd_context_create(g, &c) == GD_OK);
    run(c, reference);
    gd_context_destroy(c);
    gd_set_threads(3);
    for (int i = 0; i < CALLERS; i++) pthread_create(&threads[i], NULL, caller, NULL);
    for (int i = 0; i < CALLERS; i++) {
        void *bad;
        pthread_join(threads[i], &bad);
        CHECK(bad == NULL);
    }
    gd_set_threads(1);
    free(reference);
}

static pthread_barrier_t made, forgotten;

/* a context of its own, made and run while others make and run theirs; the program may be gone by then but for these */
static void *owner(void *unused) {
    (void)unused;
    gd_context *c;
    results *mine = calloc(1, sizeof *mine);
    int bad = gd_context_create(shared, &c) != GD_OK;
    pthread_barrier_wait(&made);
    pthread_barrier_wait(&forgotten);
    const void *in[] = {feed};
    void *outs[] = {mine->y, mine->r, mine->c, mine->z};
    for (int i = 0; i < 5 && !bad; i++)
        bad = gd_context_set_threads(c, 1 + i % 3) != GD_OK || gd_context_run(c, in, outs, NULL, 0, NULL) != GD_OK ||
              memcmp(mine, reference, sizeof *mine) != 0;
    gd_context_destroy(c); /* the last one frees the program */
    free(mine);
    return bad ? reference : NULL;
}

/* takes the program: it is destroyed while the contexts of other threads hold it */
static void test_last_owner(gd_program *g) {
    pthread_t threads[CALLERS];
    gd_context *c;
    reference = calloc(1, sizeof *reference);
    shared = g;
    CHECK(gd_context_create(g, &c) == GD_OK);
    run(c, reference);
    gd_context_destroy(c);
    gd_set_threads(3);
    pthread_barrier_init(&made, NULL, CALLERS + 1);
    pthread_barrier_init(&forgotten, NULL, CALLERS + 1);
    for (int i = 0; i < CALLERS; i++) pthread_create(&threads[i], NULL, owner, NULL);
    pthread_barrier_wait(&made);
    gd_program_destroy(g);
    pthread_barrier_wait(&forgotten);
    for (int i = 0; i < CALLERS; i++) {
        void *bad;
        pthread_join(threads[i], &bad);
        CHECK(bad == NULL);
    }
    gd_set_threads(1);
    free(reference);
}

static atomic_int refused, succeeded;

static void *contender(void *context) {
    results *mine = calloc(1, sizeof *mine);
    const void *in[] = {feed};
    void *outs[] = {mine->y, mine->r, mine->c, mine->z};
    for (int i = 0; i < 50; i++) {
        int status = gd_context_run(context, in, outs, NULL, 0, NULL);
        atomic_fetch_add(status == GD_ERR_BUSY ? &refused : &succeeded, 1);
        if (status != GD_OK && status != GD_ERR_BUSY) abort();
    }
    free(mine);
    return NULL;
}

static void test_busy(gd_program *g) {
    gd_context *c;
    pthread_t threads[CALLERS];
    CHECK(gd_context_create(g, &c) == GD_OK);
    for (int i = 0; i < CALLERS; i++) pthread_create(&threads[i], NULL, contender, c);
    for (int i = 0; i < CALLERS; i++) pthread_join(threads[i], NULL);
    CHECK(atomic_load(&succeeded) > 0 && atomic_load(&succeeded) + atomic_load(&refused) == 50 * CALLERS);
    gd_context_destroy(c);
}

enum { TURNS = 2000 };
static int64_t counted; /* plain: the turn alone guards it */
static gd_turn *turn;

static void *taker(void *unused) {
    (void)unused;
    for (int i = 0; i < TURNS / CALLERS; i++) {
        if (gd_turn_wait(turn, NULL) != GD_OK) return &counted;
        counted++;
        gd_turn_give(turn);
    }
    return NULL;
}

static int stop(void) { return 1; }

static void *cancelled(void *unused) {
    (void)unused;
    return gd_turn_take(turn) == GD_ERR_BUSY && gd_turn_wait(turn, stop) == GD_ERR_CANCELLED ? NULL : &counted;
}

static void test_turns(void) {
    pthread_t threads[CALLERS];
    void *bad;
    CHECK(gd_turn_create(&turn) == GD_OK);
    for (int i = 0; i < CALLERS; i++) pthread_create(&threads[i], NULL, taker, NULL);
    for (int i = 0; i < CALLERS; i++) {
        pthread_join(threads[i], &bad);
        CHECK(bad == NULL);
    }
    CHECK(counted == TURNS / CALLERS * CALLERS);
    CHECK(gd_turn_take(turn) == GD_OK && gd_turn_wait(turn, NULL) == GD_ERR_REENTERED);
    pthread_create(&threads[0], NULL, cancelled, NULL);
    pthread_join(threads[0], &bad);
    CHECK(bad == NULL);
    gd_turn_give(turn);
    gd_turn_destroy(turn);
}

enum { PARTS = 1000 };
static atomic_int seen[PARTS];

static void count_part(void *job, int64_t part, int lane) {
    (void)job;
    atomic_fetch_add(&seen[part], lane < 4 ? 1 : 100);
}

enum { WAVE = 40, LONG = 4000 };

static void add_payload(builder *b, int64_t n_reads, const int64_t *reads, int64_t write, const int64_t *payload,
                        size_t n) {
    words w = {0};
    for (size_t i = 0; i < n; i++) push(&w, payload[i]);
    add_instruction(b, "tile", n_reads, reads, 1, &write, &w);
    free(w.word);
}

/* Values computed side by side, each from the input; then outputs each made of two of them. Every instruction
 * has one part, so that threads can only share whole ones. */
static gd_program *make_waves(void) {
    builder b = {0};
    int64_t x = add_value(&b, GD_VALUE_INPUT, GD_F32, LONG, -1), first[WAVE], item = LONG * 4;
    b.arena = WAVE * item;
    for (int i = 0; i < WAVE; i++) first[i] = add_value(&b, GD_VALUE_ARENA, GD_F32, LONG, i * item);
    for (int i = 0; i < WAVE; i++) {
        int64_t other = gd_microop(i % 2 ? "multiply" : "add");
        int64_t payload[] = {1,      0, 1, 0,  2, 1, LONG, 0, 0, 1, gd_microop("exp"), GD_F32, 0, -1, -1, other,
                             GD_F32, 0, 1, -1, 2, 0, 0,    1, 0, 1};
        add_payload(&b, 1, &x, first[i], payload, sizeof payload / sizeof *payload);
    }
    for (int i = 0; i < WAVE; i++) {
        int64_t y = add_value(&b, GD_VALUE_OUTPUT, GD_F32, LONG, -1), in[] = {first[i], first[(i + 7) % WAVE]};
        int64_t payload[] = {
            1,      0, 2,  0,  2, 1, LONG, 0, 0, 1, 1, 0, 1, gd_microop("add"), GD_F32, 0, 1, -1, gd_microop("exp"),
            GD_F32, 2, -1, -1, 3, 0, 0,    2, 0, 1};
        add_payload(&b, 2, in, y, payload, sizeof payload / sizeof *payload);
    }
    return created(&b);
}

static void test_waves(void) {
    static float one[WAVE][LONG], many[WAVE][LONG];
    gd_program *g = make_waves();
    if (g == NULL) return;
    CHECK(gd_program_parallel(g));
    void *outs[WAVE];
    const void *in[] = {feed};
    for (int n = 1; n <= 5; n++) {
        gd_set_threads(n);
        gd_context *c;
        CHECK(gd_context_create(g, &c) == GD_OK);
        for (int i = 0; i < WAVE; i++) outs[i] = n == 1 ? one[i] : many[i];
        for (int k = 0; k < 20; k++) CHECK(gd_context_run(c, in, outs, NULL, 0, NULL) == GD_OK);
        CHECK(n == 1 || memcmp(one, many, sizeof one) == 0, "%d threads", n);
        gd_context_destroy(c);
    }
    gd_set_threads(1);
    gd_program_destroy(g);
}

static void test_pool(void) {
    gd_set_threads(4);
    int wrong = 0;
    for (int round = 0; round < 200; round++) {
        for (int i = 0; i < PARTS; i++) atomic_store(&seen[i], 0);
        gd_pool_run(count_part, NULL, PARTS, 4);
        for (int i = 0; i < PARTS; i++) wrong += atomic_load(&seen[i]) != 1;
    }
    CHECK(wrong == 0, "%d parts", wrong);
    CHECK(gd_set_threads(0) == GD_ERR_SHAPE && gd_set_threads(1 << 20) == GD_ERR_SHAPE);
    gd_set_threads(1);
}

int main(void) {
    need_isa();
    for (int i = 0; i < ROWS * COLS; i++) feed[i] = (float)(random_unit() * 4 - 2);
    gd_program *rows = make_program(0), *all = make_program(1);
    test_pool();
    test_waves();
    test_bits(rows);
    test_bits(all);
    test_callers(rows);
    test_busy(rows);
    test_turns();
    test_last_owner(rows);
    gd_program_destroy(all);
    return report();
}
