/* kernel.h: what a kernel is to the program loop. Internal to the core.
 *
 * A kernel has a prepare step, once per instruction when a program is created (validates the payload
 * against the operands, computes whatever can be known, stores it in a block of its own), and a run step,
 * once per part and call. Parts are cut by shape, never by the number of threads, and may run in any order
 * and at the same time; a kernel whose writes all parts share has one part, or memory in which each part leaves what a
 * last call then puts together.
 * A kernel knows nothing of contexts, arenas or Python; it sees operand pointers and its own block.
 *
 * Adding a kernel: a line in program/kernels.def, and a file in kernels/ that begins with its payload and
 * names its words by an enum. Every .c file of kernels/, micro/ and tile/ is compiled once with GD_PREPARE defined and plain
 * flags, and once per ISA with GD_ISA defined: it holds gd_prepare_<name> under #ifdef GD_PREPARE, and
 * GD_ISA_NAME(gd_k_<name>) under #else.
 */
#ifndef GD_KERNEL_H
#define GD_KERNEL_H
#include "../threads/watch.h"
#include "graphdiff.h"
#include "sizes.h"

typedef struct {
    int32_t kind, dtype; /* gd_value_kind, gd_dtype */
    int64_t count, place;
} gd_value;

/* given to prepare; operands are numbered reads first, then writes */
typedef struct gd_prepare {
    const int64_t *payload;
    int64_t n_payload;
    int n_reads, n_writes;
    const int64_t *ids;     /* value ids, n_reads + n_writes */
    const gd_value *values; /* the program's table */
    gd_fault *fault;        /* a, b: set before returning a failure */
    /* results */
    void *block;     /* from gd_prepare_block; owned by the program, immutable after creation */
    int64_t parts;   /* at least 1; 1 unless set */
    int64_t scratch; /* bytes a part needs, contents undefined; 0 unless set */
    int64_t shared;  /* bytes that all parts share, contents undefined; 0 unless set. If it is, run is called
                                 * once more when all parts are done, with their number as the part. */
    int64_t work;    /* ns of all parts on one core, roughly; 0 unless set, and then no other instruction runs at
                                 * the same time. Set by kernels whose run cannot fail and has no program inside. */
    int64_t inside_parts, inside_lane; /* of programs that the instruction runs: the most parts of an instruction, and
                                          * bytes that each of them needs; 0 unless set */
    int8_t *may_alias; /* [n_reads * n_writes], zeroed: set 1 where read i and write j may share bytes */
    struct gd_allocator *memory;
} gd_prepare;

/* record what in the payload is wrong: the position in it (-1: none) and its value; returns status */
static inline int gd_prepare_fail(gd_prepare *p, int status, int64_t position, int64_t value) {
    p->fault->a = position;
    p->fault->b = value;
    return status;
}

/* the words of a view in a payload, as graphdiff.h tells: strides from GD_VIEW_STRIDES on */
enum { GD_VIEW_OPERAND, GD_VIEW_OFFSET, GD_VIEW_STRIDES };

/* ns as `work` takes them: at most a second, so that sums of them stay in range */
static inline int64_t gd_work(double ns) { return ns < 1e9 ? (int64_t)ns + 1 : 1000000000; }

/* zeroed memory that lives as long as the program, 64-byte aligned; NULL when there is none */
void *gd_prepare_block(gd_prepare *p, size_t bytes);

static inline const gd_value *gd_operand(const gd_prepare *p, int64_t i) { return &p->values[p->ids[i]]; }

/* threads that may work on an instruction together; lane 0 is the caller's */
typedef struct {
    int lanes;
    char *scratch; /* of lane 1, the others behind it */
    size_t lane_bytes;
    gd_watch *watch; /* NULL: the run cannot be stopped */
} gd_team;

/* non-zero: the run is to stop. For the caller's thread, between the steps of what takes long. */
static inline int gd_team_spend(const gd_team *team, int64_t work) {
    return team != NULL && team->watch != NULL && gd_watch_spend(team->watch, work);
}

/* a lane's scratch; own: that of lane 0 */
static inline void *gd_lane_scratch(const gd_team *team, void *own, int lane) {
    return lane == 0 ? own : team->scratch + team->lane_bytes * (size_t)(lane - 1);
}

/* given to run */
typedef struct gd_call {
    const void *block;
    void *const *operands; /* resolved addresses, reads first, then writes */
    void *scratch;
    void *shared;
    int64_t part;
    gd_fault *fault;
    const gd_team *team; /* for instructions of programs inside this one; NULL where others work already */
} gd_call;

typedef int (*gd_prepare_fn)(gd_prepare *p);
typedef int (*gd_run_fn)(const gd_call *call);

/* bytes of an element, 0 if dtype is none */
static inline int64_t gd_item_bytes(int64_t dtype) {
    switch (dtype) {
    case GD_F32:
    case GD_I32: return 4;
    case GD_F64:
    case GD_I64: return 8;
    case GD_BOOL: return 1;
    default: return 0;
    }
}

/* whether two values may share bytes; slots are apart by contract */
static inline int gd_values_overlap(const gd_value *a, const gd_value *b) {
    if (a->kind != b->kind || a->count == 0 || b->count == 0) return 0;
    if (a->kind != GD_VALUE_ARENA && a->kind != GD_VALUE_CONST) return a->place == b->place;
    return a->place < b->place + b->count * gd_item_bytes(b->dtype) &&
           b->place < a->place + a->count * gd_item_bytes(a->dtype);
}

/* Functions compiled per ISA are named through GD_ISA_NAME(gd_k_take) -> gd_k_take_v3; the build defines
 * GD_ISA as v2, v3, v4 or plain for each compilation of kernels/, micro/ and tile/. */
#define GD_CAT_(a, b) a##_##b
#define GD_CAT(a, b) GD_CAT_(a, b)
#define GD_ISA_NAME(name) GD_CAT(name, GD_ISA)

#endif
