/* test_tape.c: a tape's scalars have the bits of the micro-operations' loops, whatever else is on the tape; what a
 * payload may not say; reads and writes in one place.
 */
#include "../program/isa.h"
#include "harness.h"

enum { SETS = 40, MOST = 3 };

static void random_element(void *at, int dtype) {
    double x = (random_unit() - 0.5) * (double)(1 << random_below(12));
    if (random_below(8) == 0) x = random_below(2) ? INFINITY : NAN;
    if (random_below(8) == 0) x = (double)random_below(3) - 1;
    switch (dtype) {
    case GD_F32: *(float *)at = (float)x; break;
    case GD_F64: *(double *)at = x; break;
    case GD_I32: *(int32_t *)at = (int32_t)(random_bits() >> random_below(32)); break;
    case GD_I64: *(int64_t *)at = (int64_t)(random_bits() >> random_below(64)); break;
    default: *(uint8_t *)at = (uint8_t)random_below(2);
    }
}

/* one operation on SETS sets of operands, all of them loads; the compute dtype is that of `where`'s choices */
static void check_micro(int micro, int dtype, int to, gd_micro_fn loop) {
    const gd_micro_facts *facts = &gd_micros[micro];
    int result = facts->result == 'B' ? GD_BOOL : facts->result == 'D' ? to : dtype;
    builder b = {0};
    words payload = {0};
    int64_t reads[MOST], n = facts->arity, write;
    int dtypes[MOST];
    double in[MOST][SETS], out[SETS] = {0}, wanted[SETS] = {0};
    for (int k = 0; k < n; k++) {
        dtypes[k] = micro == GD_MICRO_where && k == 0 ? GD_BOOL : dtype;
        reads[k] = add_value(&b, GD_VALUE_INPUT, dtypes[k], SETS, -1);
        for (int i = 0; i < SETS; i++) random_element((char *)in[k] + i * item_bytes(dtypes[k]), dtypes[k]);
    }
    write = add_value(&b, GD_VALUE_OUTPUT, result, SETS, -1);
    push(&payload, n * SETS);
    push(&payload, 0);
    push(&payload, SETS);
    push(&payload, SETS);
    for (int64_t i = 0; i < SETS; i++)
        for (int64_t k = 0; k < n; k++) {
            push(&payload, k);
            push(&payload, i);
        }
    for (int64_t i = 0; i < SETS; i++) {
        push(&payload, micro);
        push(&payload, result);
        for (int64_t k = 0; k < MOST; k++) push(&payload, k < n ? n * i + k : -1);
    }
    for (int64_t i = 0; i < SETS; i++) {
        push(&payload, n * SETS + i);
        push(&payload, n);
        push(&payload, i);
    }
    add_instruction(&b, "tape", n, reads, 1, &write, &payload);
    const void *inputs[MOST] = {in[0], in[1], in[2]};
    void *outputs[1] = {out};
    int status = run_once(&b, &payload, inputs, outputs);
    loop(wanted, in[0], n > 1 ? in[1] : NULL, n > 2 ? in[2] : NULL, SETS);
    CHECK(status == GD_OK, "%s: %d", facts->name, status);
    for (int i = 0; i < SETS; i++) {
        const char *x = (char *)out + i * item_bytes(result), *y = (char *)wanted + i * item_bytes(result);
        int nan = result == GD_F32   ? isnan(*(const float *)x) && isnan(*(const float *)y)
                  : result == GD_F64 ? isnan(*(const double *)x) && isnan(*(const double *)y)
                                     : 0;
        CHECK(nan || memcmp(x, y, (size_t)item_bytes(result)) == 0, "%s of dtype %d, set %d", facts->name, dtype, i);
    }
}

static void test_every_micro_operation(void) {
    const gd_isa_table *isa = gd_isa_current();
    for (int micro = 0; micro < GD_MICRO_COUNT; micro++)
        for (int dtype = 0; dtype < GD_DTYPE_COUNT; dtype++)
            if (isa->micro[micro][dtype] != NULL) check_micro(micro, dtype, dtype, isa->micro[micro][dtype]);
    for (int from = 0; from < GD_DTYPE_COUNT; from++)
        for (int to = 0; to < GD_DTYPE_COUNT; to++) check_micro(GD_MICRO_cast, from, to, isa->cast[from][to]);
}

/* x[i] += x[i - 1] * 3, operation by operation on one value that is read and written: old values are read throughout */
static int run_in_place(double *x, int64_t n, int64_t pairs_may_form) {
    builder b = {0};
    words payload = {0};
    int64_t value = add_value(&b, GD_VALUE_OUTPUT, GD_F64, n, -1), three;
    double factor = 3;
    memcpy(&three, &factor, sizeof three);
    int64_t head[] = {n, 1, 2 * (n - 1), n - 1 + (pairs_may_form ? 0 : n - 1)};
    for (int i = 0; i < 4; i++) push(&payload, head[i]);
    for (int64_t i = 0; i < n; i++) {
        push(&payload, 0);
        push(&payload, i);
    }
    push(&payload, GD_F64);
    push(&payload, three);
    for (int64_t i = 1; i < n; i++) {
        int64_t words[] = {gd_microop("multiply"), GD_F64, i - 1, n, -1, gd_microop("add"), GD_F64, i,
                           n + 1 + 2 * (i - 1),    -1};
        for (int k = 0; k < 10; k++) push(&payload, words[k]);
    }
    for (int64_t i = 1; i < n; i++) {
        if (!pairs_may_form) { /* the products are stored first, and then written over */
            push(&payload, n + 1 + 2 * (i - 1));
            push(&payload, 1);
            push(&payload, 0);
        }
        push(&payload, n + 2 + 2 * (i - 1));
        push(&payload, 1);
        push(&payload, i);
    }
    add_instruction(&b, "tape", 1, &value, 1, &value, &payload);
    void *outputs[1] = {x};
    return run_once(&b, &payload, NULL, outputs);
}

static void test_in_place(void) {
    for (int pairs = 0; pairs < 2; pairs++) {
        double x[50], wanted[50];
        for (int i = 0; i < 50; i++) x[i] = wanted[i] = random_unit();
        for (int i = 49; i > 0; i--) wanted[i] += wanted[i - 1] * 3;
        CHECK(run_in_place(x, 50, pairs) == GD_OK);
        for (int i = 1; i < 50; i++) CHECK(x[i] == wanted[i], "element %d", i);
    }
}

/* a tape that is right but for one word: refused, or harmless (the sanitizers see) */
static void test_damaged(void) {
    for (int turn = 0; turn < 4000; turn++) {
        builder b = {0};
        words payload = {0};
        int64_t reads[2] = {add_value(&b, GD_VALUE_INPUT, GD_F64, 3, -1),
                            add_value(&b, GD_VALUE_INPUT, GD_BOOL, 2, -1)};
        int64_t write = add_value(&b, GD_VALUE_OUTPUT, GD_F64, 2, -1);
        int64_t good[] = {3,
                          1,
                          3,
                          2,
                          0,
                          2,
                          1,
                          1,
                          0,
                          0,
                          GD_F64,
                          1,
                          gd_microop("add"),
                          GD_F64,
                          0,
                          3,
                          -1,
                          gd_microop("exp"),
                          GD_F64,
                          4,
                          -1,
                          -1,
                          gd_microop("where"),
                          GD_F64,
                          1,
                          5,
                          2,
                          6,
                          2,
                          1,
                          0,
                          2,
                          0};
        int64_t n = (int64_t)(sizeof good / sizeof *good), at = turn == 0 ? -1 : random_below(n);
        static const int64_t odd[] = {-1, 0, 1, 2, 3, 7, 100, 70000, INT64_MAX, INT64_MIN};
        for (int64_t i = 0; i < n; i++) push(&payload, i == at ? odd[random_below(10)] : good[i]);
        add_instruction(&b, "tape", 2, reads, 1, &write, &payload);
        double x[3] = {1, 2, 3}, y[2];
        uint8_t c[2] = {0, 1};
        const void *inputs[2] = {x, c};
        void *outputs[1] = {y};
        int status = run_once(&b, &payload, inputs, outputs);
        CHECK(turn > 0 || status == GD_OK, "%d", status);
    }
}

int main(void) {
    need_isa();
    test_every_micro_operation();
    test_in_place();
    test_damaged();
    return report();
}
