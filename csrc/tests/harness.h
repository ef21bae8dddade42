/* harness.h: what the C tests share: checks that count, a reproducible random source, and a builder of programs.
 * A test's main ends with `return report();`.
 */
#ifndef GD_HARNESS_H
#define GD_HARNESS_H
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graphdiff.h"

static int checks_made, checks_failed;

#define CHECK(condition, ...)                                              \
    do {                                                                   \
        checks_made++;                                                     \
        if (!(condition) && checks_failed++ < 20) {                        \
            fprintf(stderr, "%s:%d: %s:", __FILE__, __LINE__, #condition); \
            fprintf(stderr, " " __VA_ARGS__);                              \
            fputc('\n', stderr);                                           \
        }                                                                  \
    } while (0)

static inline int report(void) {
    printf("%d checks, %d failed\n", checks_made, checks_failed);
    return checks_failed != 0;
}

/* The ISA asked for by GRAPHDIFF_ISA may be one that this processor lacks: then there is nothing to test (77). */
static inline void need_isa(void) {
    if (gd_init() != GD_OK) exit(77);
}

/* SplitMix64 */
static uint64_t random_state = 1;
static inline uint64_t random_bits(void) {
    uint64_t z = random_state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}
static inline int64_t random_below(int64_t n) { return (int64_t)(random_bits() % (uint64_t)n); }
static inline double random_unit(void) { return (double)(random_bits() >> 11) * 0x1p-53; }

/* ---- programs ---- */

typedef struct {
    int64_t *word;
    size_t n, room;
} words;

static inline void push(words *w, int64_t x) {
    if (w->n == w->room) {
        w->room = w->room ? 2 * w->room : 64;
        w->word = realloc(w->word, w->room * sizeof *w->word);
    }
    w->word[w->n++] = x;
}

typedef struct {
    int64_t values, instructions, slots[3], arena, constants;
    words value, instruction;
} builder;

/* for ARENA and CONST place is an offset; for slots, -1 means a new slot */
static inline int64_t add_value(builder *b, int kind, int dtype, int64_t count, int64_t place) {
    int slot = kind == GD_VALUE_INPUT ? 0 : kind == GD_VALUE_OUTPUT ? 1 : kind == GD_VALUE_PARAM ? 2 : -1;
    if (slot >= 0 && place < 0) place = b->slots[slot]++;
    int64_t entry[GD_VALUE_WORDS] = {kind, dtype, count, place};
    for (int i = 0; i < GD_VALUE_WORDS; i++) push(&b->value, entry[i]);
    return b->values++;
}

static inline void add_instruction(builder *b, const char *kernel, int64_t n_reads, const int64_t *reads,
                                   int64_t n_writes, const int64_t *writes, const words *payload) {
    int64_t head[GD_INSTRUCTION_WORDS] = {gd_opcode(kernel),
                                          GD_INSTRUCTION_WORDS + n_reads + n_writes + (int64_t)payload->n,
                                          100 + b->instructions, n_reads, n_writes};
    for (int i = 0; i < GD_INSTRUCTION_WORDS; i++) push(&b->instruction, head[i]);
    for (int64_t i = 0; i < n_reads; i++) push(&b->instruction, reads[i]);
    for (int64_t i = 0; i < n_writes; i++) push(&b->instruction, writes[i]);
    for (size_t i = 0; i < payload->n; i++) push(&b->instruction, payload->word[i]);
    b->instructions++;
}

static inline words finish(const builder *b) {
    words w = {0};
    int64_t total = GD_HEADER_WORDS + (int64_t)b->value.n + (int64_t)b->instruction.n;
    int64_t head[GD_HEADER_WORDS] = {GD_MAGIC,    GD_FORMAT,   total,       b->values, b->instructions,
                                     b->slots[0], b->slots[1], b->slots[2], b->arena,  b->constants};
    for (int i = 0; i < GD_HEADER_WORDS; i++) push(&w, head[i]);
    for (size_t i = 0; i < b->value.n; i++) push(&w, b->value.word[i]);
    for (size_t i = 0; i < b->instruction.n; i++) push(&w, b->instruction.word[i]);
    return w;
}

static inline void builder_free(builder *b) {
    free(b->value.word);
    free(b->instruction.word);
    memset(b, 0, sizeof *b);
}

/* makes the program of `b`, runs it once, and frees it, `b` and `payload`; the first status that is not GD_OK */
static inline int run_once(builder *b, words *payload, const void *const *inputs, void *const *outputs) {
    words w = finish(b);
    gd_program *program = NULL;
    gd_context *context = NULL;
    gd_fault fault;
    int status = gd_program_create(w.word, w.n, NULL, 0, &program, &fault);
    if (status == GD_OK) status = gd_context_create(program, &context);
    if (status == GD_OK) status = gd_context_run(context, inputs, outputs, NULL, 0, &fault);
    gd_context_destroy(context);
    gd_program_destroy(program);
    free(w.word);
    free(payload->word);
    builder_free(b);
    return status;
}

static inline int64_t item_bytes(int dtype) {
    static const int64_t bytes[] = {4, 8, 4, 8, 1};
    return bytes[dtype];
}

#endif
