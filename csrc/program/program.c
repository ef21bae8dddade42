/* program.c: owns the making of a program: reads the words, refuses whatever could go wrong later, and lets each
 * kernel prepare its instruction. Nothing is trusted: every word that becomes an index, a size or an address is
 * checked here or by the kernel's prepare step. It does not know what any kernel computes.
 *
 * Invariants it establishes: every value lies inside the arena, the constants or a slot; no instruction writes an
 * input or a constant; an instruction's writes are apart from each other and from its reads, save where the kernel
 * said that it can take it.
 */
#include "program.h"

#include <stdlib.h>
#include <string.h>

#include "inner.h"
#include "isa.h"

#define MAX_BYTES (INT64_C(1) << 47)
#define MAX_OPERANDS 4096 /* of one instruction */

/* ---- reading ---- */

typedef struct {
    gd_program *program;
    const int64_t *words;
    int64_t n_words;
    gd_fault *fault;
} reader;

static int fail(reader *r, int status, int64_t word) {
    r->fault->a = word;
    r->fault->b = word >= 0 && word < r->n_words ? r->words[word] : -1;
    return status;
}

static int read_header(reader *r, size_t n_constants) {
    gd_program *g = r->program;
    const int64_t *w = r->words;
    if (r->n_words < GD_HEADER_WORDS) return fail(r, GD_ERR_FORMAT, -1);
    if (w[GD_HEADER_MAGIC] != GD_MAGIC) return fail(r, GD_ERR_FORMAT, GD_HEADER_MAGIC);
    if (w[GD_HEADER_FORMAT] != GD_FORMAT) return fail(r, GD_ERR_FORMAT, GD_HEADER_FORMAT);
    if (w[GD_HEADER_TOTAL] != r->n_words) return fail(r, GD_ERR_FORMAT, GD_HEADER_TOTAL);
    int64_t values = w[GD_HEADER_VALUES], instructions = w[GD_HEADER_INSTRUCTIONS], body = r->n_words - GD_HEADER_WORDS;
    int64_t arena = w[GD_HEADER_ARENA], constant_bytes = w[GD_HEADER_CONSTANTS];
    if (values < 0 || values > body / GD_VALUE_WORDS) return fail(r, GD_ERR_BOUNDS, GD_HEADER_VALUES);
    if (instructions < 0 || instructions > (body - GD_VALUE_WORDS * values) / GD_INSTRUCTION_WORDS)
        return fail(r, GD_ERR_BOUNDS, GD_HEADER_INSTRUCTIONS);
    /* a slot that no value names would be useless, so their number is bounded by that of the values */
    for (int i = GD_HEADER_INPUTS; i <= GD_HEADER_PARAMS; i++)
        if (w[i] < 0 || w[i] > values) return fail(r, GD_ERR_BOUNDS, i);
    if (arena < 0 || arena > MAX_BYTES) return fail(r, GD_ERR_SHAPE, GD_HEADER_ARENA);
    if (constant_bytes < 0 || (uint64_t)constant_bytes != n_constants)
        return fail(r, GD_ERR_BOUNDS, GD_HEADER_CONSTANTS);
    g->n_values = values;
    g->n_instructions = instructions;
    g->n_inputs = w[GD_HEADER_INPUTS];
    g->n_outputs = w[GD_HEADER_OUTPUTS];
    g->n_params = w[GD_HEADER_PARAMS];
    g->arena_bytes = arena;
    return GD_OK;
}

static int read_values(reader *r, int64_t n_constants) {
    gd_program *g = r->program;
    for (int64_t i = 0; i < g->n_values; i++) {
        int64_t at = GD_HEADER_WORDS + GD_VALUE_WORDS * i;
        const int64_t *w = r->words + at;
        int64_t kind = w[GD_VALUE_KIND], dtype = w[GD_VALUE_DTYPE];
        int64_t count = w[GD_VALUE_COUNT], place = w[GD_VALUE_PLACE];
        int64_t item = gd_item_bytes(dtype), limit = 0;
        if (item == 0) return fail(r, GD_ERR_TYPE, at + GD_VALUE_DTYPE);
        if (count < 0 || count > MAX_BYTES / item) return fail(r, GD_ERR_SHAPE, at + GD_VALUE_COUNT);
        switch (kind) {
        case GD_VALUE_ARENA: limit = g->arena_bytes; break;
        case GD_VALUE_CONST: limit = n_constants; break;
        case GD_VALUE_INPUT: limit = g->n_inputs; break;
        case GD_VALUE_OUTPUT: limit = g->n_outputs; break;
        case GD_VALUE_PARAM: limit = g->n_params; break;
        default: return fail(r, GD_ERR_FORMAT, at + GD_VALUE_KIND);
        }
        if (kind == GD_VALUE_ARENA || kind == GD_VALUE_CONST) {
            if (place < 0 || place > limit || count * item > limit - place)
                return fail(r, GD_ERR_BOUNDS, at + GD_VALUE_PLACE);
            if (place % GD_ALIGN != 0) return fail(r, GD_ERR_BOUNDS, at + GD_VALUE_PLACE);
        } else if (place < 0 || place >= limit) {
            return fail(r, GD_ERR_BOUNDS, at + GD_VALUE_PLACE);
        }
        g->values[i] = (gd_value){(int32_t)kind, (int32_t)dtype, count, place};
    }
    return GD_OK;
}

/* where the pointers of a slot stand among inputs, outputs, parameters; -1 for arena and constants */
static int64_t slot_of(const gd_program *g, const gd_value *v) {
    switch (v->kind) {
    case GD_VALUE_INPUT: return v->place;
    case GD_VALUE_OUTPUT: return g->n_inputs + v->place;
    case GD_VALUE_PARAM: return g->n_inputs + g->n_outputs + v->place;
    default: return -1;
    }
}

static int check_aliases(const gd_prepare *p, gd_fault *fault) {
    for (int j = 0; j < p->n_writes; j++) {
        const gd_value *write = gd_operand(p, p->n_reads + j);
        for (int i = 0; i < p->n_reads; i++)
            if (!p->may_alias[i * p->n_writes + j] && gd_values_overlap(gd_operand(p, i), write)) {
                fault->a = i;
                fault->b = p->n_reads + j;
                return GD_ERR_ALIAS;
            }
        for (int i = 0; i < j; i++)
            if (gd_values_overlap(gd_operand(p, p->n_reads + i), write)) {
                fault->a = p->n_reads + i;
                fault->b = p->n_reads + j;
                return GD_ERR_ALIAS;
            }
    }
    return GD_OK;
}

enum { WEIGHT_LEAST = 64, WEIGHT_MOST = 1 << 30 };

static int32_t weight_of(const gd_prepare *p) {
    int64_t sum = WEIGHT_LEAST;
    for (int64_t i = 0; i < p->n_reads + p->n_writes; i++) {
        int64_t count = gd_operand(p, i)->count;
        sum += count < WEIGHT_MOST ? count : WEIGHT_MOST;
    }
    return (int32_t)(sum < WEIGHT_MOST ? sum : WEIGHT_MOST);
}

static int writes_parameter(const gd_program *g, const gd_instruction *ins) {
    for (int64_t j = ins->n_reads; j < ins->n_reads + ins->n_writes; j++)
        if (g->values[g->operands[ins->first + j]].kind == GD_VALUE_PARAM) return 1;
    return 0;
}

/* Where a run may stop: not once a parameter has been written, and seldom enough to cost nothing. */
static void find_stops(gd_program *g) {
    int64_t i = 0, done = 0;
    while (i < g->n_instructions && !writes_parameter(g, &g->instructions[i])) i++;
    g->commit = i;
    for (i = 0; i < g->n_instructions; i++) {
        gd_instruction *ins = &g->instructions[i];
        int64_t end = ins->wave > 0 ? i + g->waves[ins->wave - 1].n_instructions : i + 1;
        if (i < g->commit && end > g->commit) g->commit = i; /* a wave writes it */
        if (done >= GD_WATCH_SPAN / 4) {
            ins->look = (int32_t)(done < WEIGHT_MOST ? done : WEIGHT_MOST);
            done = 0;
        }
        for (; i < end; i++) {
            done += g->instructions[i].weight;
            g->weight += g->instructions[i].weight;
        }
        i--;
    }
}

/* One instruction at word `at`, its operands at position `first` of the flat array (room is made by the caller). */
static int read_instruction(reader *r, const gd_isa_table *isa, gd_instruction *ins, gd_effort *effort, int64_t at,
                            int64_t first, int8_t **may_alias, size_t *alias_room) {
    gd_program *g = r->program;
    const int64_t *w = r->words + at;
    int64_t opcode = w[GD_INSTRUCTION_OPCODE];
    int64_t n_reads = w[GD_INSTRUCTION_READS], n_writes = w[GD_INSTRUCTION_WRITES], n = n_reads + n_writes;
    if (opcode < 0 || opcode >= GD_KERNEL_COUNT) return fail(r, GD_ERR_OPCODE, at + GD_INSTRUCTION_OPCODE);
    int64_t *ids = g->operands + first;
    for (int64_t i = 0; i < n; i++) {
        int64_t id = w[GD_INSTRUCTION_WORDS + i];
        if (id < 0 || id >= g->n_values) return fail(r, GD_ERR_BOUNDS, at + GD_INSTRUCTION_WORDS + i);
        int kind = g->values[id].kind;
        if (i >= n_reads && (kind == GD_VALUE_INPUT || kind == GD_VALUE_CONST))
            return fail(r, GD_ERR_ALIAS, at + GD_INSTRUCTION_WORDS + i);
        ids[i] = id;
    }
    size_t pairs = (size_t)(n_reads * n_writes);
    if (pairs > *alias_room) {
        free(*may_alias);
        *may_alias = malloc(pairs);
        *alias_room = *may_alias != NULL ? pairs : 0;
        if (*may_alias == NULL) return GD_ERR_MEMORY;
    }
    if (pairs > 0) memset(*may_alias, 0, pairs);
    gd_prepare p = {.payload = w + GD_INSTRUCTION_WORDS + n,
                    .n_payload = w[GD_INSTRUCTION_TOTAL] - GD_INSTRUCTION_WORDS - n,
                    .n_reads = (int)n_reads,
                    .n_writes = (int)n_writes,
                    .ids = ids,
                    .values = g->values,
                    .fault = r->fault,
                    .parts = 1,
                    .may_alias = *may_alias,
                    .memory = &g->memory};
    int status = gd_kernel_prepare[opcode](&p);
    if (status != GD_OK) {
        if (status != GD_ERR_ALIAS && r->fault->a >= 0 && r->fault->a < p.n_payload)
            r->fault->a += at + GD_INSTRUCTION_WORDS + n; /* position in the payload -> word of the program */
        return status;
    }
    status = check_aliases(&p, r->fault);
    if (status != GD_OK) return status;
    *ins = (gd_instruction){.run = isa->kernels[opcode],
                            .block = p.block,
                            .parts = p.parts,
                            .first = first,
                            .tag = w[GD_INSTRUCTION_TAG],
                            .n_reads = (int32_t)n_reads,
                            .n_writes = (int32_t)n_writes,
                            .finishes = p.shared > 0,
                            .weight = weight_of(&p)};
    *effort = (gd_effort){p.work, p.scratch};
    if (p.shared > g->shared_bytes) g->shared_bytes = p.shared;
    if (p.scratch > g->scratch_bytes) g->scratch_bytes = p.scratch;
    int64_t parts = p.parts > p.inside_parts ? p.parts : p.inside_parts;
    int64_t lane = p.parts > 1 && p.scratch > p.inside_lane ? p.scratch : p.inside_lane;
    if (parts > g->max_parts) g->max_parts = parts;
    if (lane > g->lane_bytes) g->lane_bytes = lane;
    return GD_OK;
}

static int read_instructions(reader *r, const gd_isa_table *isa) {
    gd_program *g = r->program;
    int64_t start = GD_HEADER_WORDS + GD_VALUE_WORDS * g->n_values, at = start, total = 0;
    /* the outline first: it says how many operands there are */
    for (int64_t i = 0; i < g->n_instructions; i++) {
        r->fault->instruction = i;
        if (r->n_words - at < GD_INSTRUCTION_WORDS) return fail(r, GD_ERR_BOUNDS, at);
        const int64_t *w = r->words + at;
        r->fault->tag = w[GD_INSTRUCTION_TAG];
        int64_t words = w[GD_INSTRUCTION_TOTAL];
        if (words < GD_INSTRUCTION_WORDS || words > r->n_words - at)
            return fail(r, GD_ERR_BOUNDS, at + GD_INSTRUCTION_TOTAL);
        for (int k = GD_INSTRUCTION_READS; k <= GD_INSTRUCTION_WRITES; k++)
            if (w[k] < 0 || w[k] > MAX_OPERANDS) return fail(r, GD_ERR_BOUNDS, at + k);
        int64_t operands = w[GD_INSTRUCTION_READS] + w[GD_INSTRUCTION_WRITES];
        if (operands > words - GD_INSTRUCTION_WORDS) return fail(r, GD_ERR_BOUNDS, at + GD_INSTRUCTION_READS);
        total += operands;
        at += words;
    }
    r->fault->instruction = r->fault->tag = -1;
    if (at != r->n_words) return fail(r, GD_ERR_FORMAT, at);
    g->n_operands = total;
    g->instructions = gd_memory_take(&g->memory, (size_t)g->n_instructions * sizeof *g->instructions);
    g->operands = gd_memory_take(&g->memory, (size_t)total * sizeof *g->operands);
    if (g->instructions == NULL || g->operands == NULL) return GD_ERR_MEMORY;

    int8_t *may_alias = NULL;
    size_t alias_room = 0;
    int64_t first = 0;
    gd_effort *efforts = calloc((size_t)g->n_instructions + 1, sizeof *efforts);
    int status = efforts != NULL ? GD_OK : GD_ERR_MEMORY;
    at = start;
    for (int64_t i = 0; i < g->n_instructions && status == GD_OK; i++) {
        *r->fault = (gd_fault){i, r->words[at + GD_INSTRUCTION_TAG], -1, -1};
        status = read_instruction(r, isa, &g->instructions[i], &efforts[i], at, first, &may_alias, &alias_room);
        first += r->words[at + GD_INSTRUCTION_READS] + r->words[at + GD_INSTRUCTION_WRITES];
        at += r->words[at + GD_INSTRUCTION_TOTAL];
    }
    free(may_alias);
    if (status == GD_OK) *r->fault = (gd_fault){-1, -1, -1, -1};
    if (status == GD_OK) status = gd_waves_find(g, efforts, g->memory.depth > 0);
    if (status == GD_OK) find_stops(g);
    free(efforts);
    return status;
}

/* for each slot the operands that take its address */
static int index_slots(gd_program *g) {
    int64_t slots = g->n_inputs + g->n_outputs + g->n_params;
    g->slot_start = gd_memory_take(&g->memory, (size_t)(slots + 1) * sizeof *g->slot_start);
    g->slot_needed = gd_memory_take(&g->memory, (size_t)slots);
    if (g->slot_start == NULL || g->slot_needed == NULL) return GD_ERR_MEMORY;
    for (int64_t i = 0; i < g->n_operands; i++) {
        const gd_value *v = &g->values[g->operands[i]];
        int64_t slot = slot_of(g, v);
        if (slot < 0) continue;
        g->slot_start[slot + 1]++;
        if (v->count > 0) g->slot_needed[slot] = 1;
    }
    for (int64_t s = 0; s < slots; s++) g->slot_start[s + 1] += g->slot_start[s];
    g->slot_uses = gd_memory_take(&g->memory, (size_t)g->slot_start[slots] * sizeof *g->slot_uses);
    if (g->slot_uses == NULL) return GD_ERR_MEMORY;
    int64_t *cursor = malloc((size_t)(slots + 1) * sizeof *cursor);
    if (cursor == NULL) return GD_ERR_MEMORY;
    memcpy(cursor, g->slot_start, (size_t)(slots + 1) * sizeof *cursor);
    for (int64_t i = 0; i < g->n_operands; i++) {
        int64_t slot = slot_of(g, &g->values[g->operands[i]]);
        if (slot >= 0) g->slot_uses[cursor[slot]++] = i;
    }
    free(cursor);
    return GD_OK;
}

static int build(reader *r, const void *constants, size_t n_constants) {
    gd_program *g = r->program;
    const gd_isa_table *isa = gd_isa_current();
    if (isa == NULL) return GD_ERR_OPCODE;
    int status = read_header(r, n_constants);
    if (status != GD_OK) return status;
    g->values = gd_memory_take(&g->memory, (size_t)g->n_values * sizeof *g->values);
    g->constants = gd_memory_take(&g->memory, n_constants);
    if (g->values == NULL || g->constants == NULL) return GD_ERR_MEMORY;
    if (n_constants > 0) memcpy(g->constants, constants, n_constants);
    status = read_values(r, (int64_t)n_constants);
    if (status == GD_OK) status = read_instructions(r, isa);
    if (status == GD_OK) status = index_slots(g);
    return status;
}

static int create(int depth, const int64_t *words, size_t n_words, const void *constants, size_t n_constants,
                  gd_program **program, gd_fault *fault) {
    gd_fault unseen;
    if (fault == NULL) fault = &unseen;
    *fault = (gd_fault){-1, -1, -1, -1};
    *program = NULL;
    if (n_words > (size_t)INT64_MAX / 64 || n_constants > (size_t)MAX_BYTES) return GD_ERR_SHAPE;
    gd_program *g = calloc(1, sizeof *g);
    if (g == NULL) return GD_ERR_MEMORY;
    atomic_init(&g->references, 1);
    g->max_parts = 1;
    g->memory.depth = depth;
    reader r = {g, words, (int64_t)n_words, fault};
    int status = build(&r, constants, n_constants);
    if (status != GD_OK) {
        gd_program_destroy(g);
        return status;
    }
    *program = g;
    return GD_OK;
}

int gd_program_create(const int64_t *words, size_t n_words, const void *constants, size_t n_constants,
                      gd_program **program, gd_fault *fault) {
    return create(0, words, n_words, constants, n_constants, program, fault);
}

int gd_program_create_inner(gd_allocator *outer, const int64_t *words, size_t n_words, const void *constants,
                            size_t n_constants, gd_program **program, gd_fault *fault) {
    if (outer->depth >= GD_INNER_DEPTH) return GD_ERR_SHAPE;
    gd_inner_list *item = gd_memory_take(outer, sizeof *item);
    if (item == NULL) return GD_ERR_MEMORY;
    gd_fault place = *fault; /* the outer instruction's, which is what the caller can name */
    int status = create(outer->depth + 1, words, n_words, constants, n_constants, program, &place);
    fault->a = -1;
    fault->b = place.b;
    if (status != GD_OK) return status;
    *item = (gd_inner_list){outer->inner, *program};
    outer->inner = item;
    return GD_OK;
}

void gd_program_retain(gd_program *program) {
    atomic_fetch_add_explicit(&program->references, 1, memory_order_relaxed);
}

void gd_program_destroy(gd_program *program) {
    if (program == NULL) return;
    if (atomic_fetch_sub_explicit(&program->references, 1, memory_order_acq_rel) != 1) return;
    gd_memory_release(&program->memory);
    free(program);
}

int64_t gd_program_arena_bytes(const gd_program *program) { return program->arena_bytes; }
int64_t gd_program_scratch_bytes(const gd_program *program) { return program->scratch_bytes; }
int64_t gd_program_lane_bytes(const gd_program *program) { return program->lane_bytes; }
int64_t gd_program_shared_bytes(const gd_program *program) { return program->shared_bytes; }
int64_t gd_program_instructions(const gd_program *program) { return program->n_instructions; }
int gd_program_parallel(const gd_program *program) { return program->max_parts > 1; }
