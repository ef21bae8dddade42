/* program.h: a validated program as the loop sees it. Internal to program/.
 *
 * Immutable after gd_program_create but for the reference count. Operands of all instructions lie in one flat
 * array, so a context is one array of addresses, one arena and one scratch.
 */
#ifndef GD_PROGRAM_H
#define GD_PROGRAM_H
#include <stdatomic.h>

#include "kernel.h"

typedef struct {
    gd_run_fn run;
    const void *block;
    int64_t parts;
    int64_t first; /* position of its operands in the flat array */
    int64_t tag;
    int32_t n_reads, n_writes;
    int32_t finishes; /* 1: after its parts it is run once more */
    int32_t weight;   /* about how many elements it touches */
    int32_t wave;     /* of its program, counted from 1, where it is the first of one; 0 elsewhere */
    int32_t look;     /* before it, what was done is told to the watch: so much; 0: nothing */
} gd_instruction;

/* instructions that run side by side: a job of several parts */
typedef struct {
    int64_t first, n_instructions, first_item, n_items, parts;
    int64_t finishing; /* the one that is run once more, or -1 */
} gd_wave;

/* some of them: one of several parts, or consecutive ones of one part each that make one part together */
typedef struct {
    int64_t first, count, parts_before;
} gd_wave_item;

/* what preparing an instruction told: ns on one core, roughly, or 0 where it must run alone; bytes for a part */
typedef struct {
    int64_t work, scratch;
} gd_effort;

typedef struct gd_allocator {
    struct gd_chunk *chunks;     /* newest first */
    struct gd_inner_list *inner; /* programs that instructions of this one run, destroyed with it */
    int depth;                   /* of the program this belongs to: 0 for one that is in no other */
} gd_allocator;

/* a program that an instruction of another one runs */
typedef struct gd_inner_list {
    struct gd_inner_list *next;
    gd_program *program;
} gd_inner_list;

struct gd_program {
    atomic_int references;
    int64_t n_values, n_instructions, n_operands;
    int64_t n_inputs, n_outputs, n_params;
    int64_t commit;                               /* the first instruction that writes a parameter, or n_instructions */
    int64_t weight;                               /* of all instructions */
    int64_t arena_bytes, shared_bytes, max_parts; /* max_parts: programs inside included */
    int64_t scratch_bytes, lane_bytes;            /* of the thread that runs it; of another one that helps */
    gd_value *values;
    gd_instruction *instructions;
    gd_wave *waves;
    gd_wave_item *wave_items;
    int64_t *operands;    /* value ids, flat */
    int64_t *slot_start;  /* [slots + 1]: positions of slot s are slot_uses[slot_start[s] .. slot_start[s+1]) */
    int64_t *slot_uses;   /* positions in the flat array */
    uint8_t *slot_needed; /* 1 where a value of the slot has elements: its address may not be NULL */
    char *constants;      /* 64-byte aligned */
    gd_allocator memory;  /* all of the above and the instructions' blocks */
};

/* as gd_program_create, for a program inside the one that `outer` belongs to */
int gd_program_create_inner(gd_allocator *outer, const int64_t *words, size_t n_words, const void *constants,
                            size_t n_constants, gd_program **program, gd_fault *fault);
/* all parts of an instruction, on all lanes of the team; scratch: lane 0's */
int gd_parts_run(const gd_instruction *ins, void *const *operands, void *scratch, void *shared, const gd_team *team,
                 gd_fault *fault);
/* all instructions of a wave, on all lanes of the team; fails with GD_ERR_CANCELLED alone */
int gd_wave_run(const gd_program *program, const gd_wave *wave, void *const *addresses, void *scratch, void *shared,
                const gd_team *team);
/* fills in the waves of a program whose instructions are there; efforts: of each; inside: it runs again and again */
int gd_waves_find(gd_program *program, const gd_effort *efforts, int inside);
void *gd_program_room(gd_program *program, size_t bytes); /* zeroed, lives as long; NULL when there is none */
void gd_program_retain(gd_program *program);

/* memory.c: zeroed, 64-byte aligned, lives as long as the allocator's program; NULL when there is none */
void *gd_memory_take(gd_allocator *memory, size_t bytes);
void gd_memory_release(gd_allocator *memory); /* all of it, and the programs inside */

/* zeroed and 64-byte aligned; pages that are never touched cost nothing. *base is what to free. */
void *gd_memory_zeroed(size_t bytes, void **base);

#endif
