/* isa.c: owns the choice of the ISA and the names of kernels, micro-operations and reductions.
 * It knows no program. The choice is made once, by what the processor has, and is the same for all threads;
 * gd_isa_select changes it for programs created afterwards.
 */
#include "isa.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "../threads/turn.h"

#if defined(__x86_64__) && !defined(GD_PLAIN)
extern const gd_isa_table gd_isa_table_v2, gd_isa_table_v3, gd_isa_table_v4;

static int has_v2(void) {
    return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("ssse3") && __builtin_cpu_supports("popcnt");
}

static int has_v3(void) {
    return has_v2() && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
           __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
}

static int has_v4(void) {
    return has_v3() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl");
}

/* best first */
static const struct {
    const gd_isa_table *table;
    int (*supported)(void);
} builds[] = {{&gd_isa_table_v4, has_v4}, {&gd_isa_table_v3, has_v3}, {&gd_isa_table_v2, has_v2}};
#else
static int always(void) { return 1; }

extern const gd_isa_table gd_isa_table_plain;
#if defined(__aarch64__) && !defined(GD_PLAIN)
extern const gd_isa_table gd_isa_table_neon;
#define NEON {&gd_isa_table_neon, always},
#else
#define NEON
#endif

static const struct {
    const gd_isa_table *table;
    int (*supported)(void);
} builds[] = {NEON{&gd_isa_table_plain, always}};
#endif

enum { GD_BUILDS = sizeof builds / sizeof builds[0] };

static _Atomic(const gd_isa_table *) current;

/* NULL: the best that this processor has; "plain": the build that asks least of one */
static const gd_isa_table *find(const char *name) {
    if (name != NULL && strcmp(name, "plain") == 0)
        return builds[GD_BUILDS - 1].supported() ? builds[GD_BUILDS - 1].table : NULL;
    for (int i = 0; i < GD_BUILDS; i++)
        if ((name == NULL || strcmp(builds[i].table->name, name) == 0) && builds[i].supported()) return builds[i].table;
    return NULL;
}

int gd_init(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, gd_turn_watch_forks);
    if (atomic_load(&current) != NULL) return GD_OK;
    const char *forced = getenv("GRAPHDIFF_ISA");
    const gd_isa_table *table = find(forced != NULL && forced[0] != 0 ? forced : NULL);
    if (table == NULL) return GD_ERR_OPCODE;
    const gd_isa_table *none = NULL;
    atomic_compare_exchange_strong(&current, &none, table);
    return GD_OK;
}

const gd_isa_table *gd_isa_current(void) {
    const gd_isa_table *table = atomic_load(&current);
    if (table == NULL && gd_init() == GD_OK) table = atomic_load(&current);
    return table;
}

const char *gd_isa(void) {
    const gd_isa_table *table = gd_isa_current();
    return table != NULL ? table->name : "none";
}

int gd_isa_select(const char *name) {
    const gd_isa_table *table = name != NULL ? find(name) : NULL;
    if (table == NULL) return GD_ERR_OPCODE;
    atomic_store(&current, table);
    return GD_OK;
}

#define X(name) int gd_prepare_##name(gd_prepare *p);
#include "kernels.def"
#undef X

const gd_prepare_fn gd_kernel_prepare[GD_KERNEL_COUNT] = {
#define X(name) gd_prepare_##name,
#include "kernels.def"
#undef X
};

static const char *const kernel_names[] = {
#define X(name) #name,
#include "kernels.def"
#undef X
};
const gd_micro_facts gd_micros[GD_MICRO_COUNT] = {
#define X(name, arity, kinds, result, scalars, cost) {#name, arity, #kinds[0], #result[0], cost},
#include "../micro/microop.def"
#undef X
};
#define ROW_0(name) -1
#define ROW_1(name) GD_MICRO_row_##name
const gd_reduction_facts gd_reductions[GD_REDUCE_COUNT] = {
    {"none", 0, -1, -1, 0},
#define X(name, kinds, join, row, idempotent) {#name, #kinds[0], GD_MICRO_##join, ROW_##row(name), idempotent},
#include "../micro/reduce.def"
#undef X
};
static const char *const status_texts[] = {
#define X(name, text) text,
    GD_STATUS_LIST(X)
#undef X
};

static int number_of(const char *const *names, int n, const char *name) {
    for (int i = 0; name != NULL && i < n; i++)
        if (strcmp(names[i], name) == 0) return i;
    return -1;
}

static const char *name_of(const char *const *names, int n, int i) { return i >= 0 && i < n ? names[i] : NULL; }

int gd_opcode(const char *name) { return number_of(kernel_names, GD_KERNEL_COUNT, name); }
int gd_microop(const char *name) {
    for (int i = 0; name != NULL && i < GD_MICRO_COUNT; i++)
        if (strcmp(gd_micros[i].name, name) == 0) return i;
    return -1;
}
int gd_reduction(const char *name) {
    for (int i = 0; name != NULL && i < GD_REDUCE_COUNT; i++)
        if (strcmp(gd_reductions[i].name, name) == 0) return i;
    return -1;
}
const char *gd_opcode_name(int opcode) { return name_of(kernel_names, GD_KERNEL_COUNT, opcode); }
const char *gd_microop_name(int microop) {
    return microop >= 0 && microop < GD_MICRO_COUNT ? gd_micros[microop].name : NULL;
}
const char *gd_reduction_name(int reduction) {
    return reduction >= 0 && reduction < GD_REDUCE_COUNT ? gd_reductions[reduction].name : NULL;
}

const char *gd_status_text(int status) {
    const char *text = name_of(status_texts, GD_STATUS_COUNT, status);
    return text != NULL ? text : "unknown status";
}
