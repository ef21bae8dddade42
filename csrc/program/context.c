/* context.c: owns running: the arena, the scratch, the addresses of operands, and the one loop over instructions.
 * It knows what an instruction is, not what it computes. A run allocates nothing.
 *
 * Invariant: addresses[i] is the address of operand i for the pointers in slots[]; a run changes only those whose
 * slot's pointer changed.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../threads/turn.h"
#include "program.h"

struct gd_context {
    gd_program *program;
    gd_turn running;
    gd_turn *turn;       /* shared with contexts that write the same parameters; or NULL */
    gd_cancel_fn cancel; /* or NULL */
    void **addresses;    /* of all operands, flat */
    const void **slots;  /* what inputs, outputs and params were in the last run */
    char *arena, *scratch, *shared;
    void *arena_base, *scratch_base, *shared_base;
    gd_team team; /* threads there is scratch for */
};

static const char never_bound; /* the address of no feed: what slots hold before the first run */

static size_t with_gap(int64_t bytes) { return (size_t)gd_round_up(bytes + GD_ALIGN, GD_ALIGN); }

static int scratch_allocate(gd_context *c, int lanes) {
    void *base;
    /* a line between lanes, so that threads do not write to each other's */
    size_t own = with_gap(c->program->scratch_bytes), lane = with_gap(c->program->lane_bytes);
    char *scratch = gd_memory_zeroed(own + lane * (size_t)(lanes - 1), &base);
    if (scratch == NULL) return GD_ERR_MEMORY;
    free(c->scratch_base);
    c->scratch = scratch;
    c->scratch_base = base;
    c->team = (gd_team){.lanes = lanes, .scratch = scratch + own, .lane_bytes = lane};
    return GD_OK;
}

int gd_context_create(gd_program *program, gd_context **context) {
    *context = NULL;
    gd_context *c = calloc(1, sizeof *c);
    if (c == NULL) return GD_ERR_MEMORY;
    gd_program_retain(program);
    c->program = program;
    int64_t slots = program->n_inputs + program->n_outputs + program->n_params;
    c->addresses = calloc((size_t)program->n_operands + 1, sizeof *c->addresses);
    c->slots = calloc((size_t)slots + 1, sizeof *c->slots);
    c->arena = gd_memory_zeroed((size_t)program->arena_bytes, &c->arena_base);
    c->shared = gd_memory_zeroed((size_t)program->shared_bytes, &c->shared_base);
    if (c->addresses == NULL || c->slots == NULL || c->arena == NULL || c->shared == NULL ||
        scratch_allocate(c, program->max_parts > 1 ? gd_threads() : 1) != GD_OK) {
        gd_context_destroy(c);
        return GD_ERR_MEMORY;
    }
    for (int64_t i = 0; i < slots; i++) c->slots[i] = &never_bound;
    for (int64_t i = 0; i < program->n_operands; i++) {
        const gd_value *v = &program->values[program->operands[i]];
        if (v->kind == GD_VALUE_ARENA) c->addresses[i] = c->arena + v->place;
        if (v->kind == GD_VALUE_CONST) c->addresses[i] = program->constants + v->place;
    }
    *context = c;
    return GD_OK;
}

int gd_context_set_threads(gd_context *context, int threads) {
    if (threads < 1) return GD_ERR_SHAPE;
    int status = gd_turn_take(&context->running);
    if (status != GD_OK) return status;
    int lanes = context->program->max_parts > 1 ? threads : 1;
    if (lanes != context->team.lanes) status = scratch_allocate(context, lanes);
    gd_turn_give(&context->running);
    return status;
}

void gd_context_set_cancel(gd_context *context, gd_cancel_fn cancel) { context->cancel = cancel; }

void gd_context_set_turn(gd_context *context, gd_turn *turn) { context->turn = turn; }

int gd_context_threads(const gd_context *context) { return context->team.lanes; }

void gd_context_destroy(gd_context *context) {
    if (context == NULL) return;
    free(context->addresses);
    free(context->slots);
    free(context->arena_base);
    free(context->scratch_base);
    free(context->shared_base);
    gd_program_destroy(context->program);
    free(context);
}

/* takes over the caller's pointers for the slots from `first` on */
static int bind(gd_context *c, const void *const *pointers, int64_t n, int64_t first, gd_fault *fault) {
    const gd_program *g = c->program;
    for (int64_t i = 0; i < n; i++) {
        int64_t slot = first + i;
        const void *pointer = pointers[i];
        if (pointer == c->slots[slot]) continue;
        if (pointer == NULL && g->slot_needed[slot]) {
            fault->a = slot;
            return GD_ERR_BOUNDS;
        }
        c->slots[slot] = pointer;
        for (int64_t k = g->slot_start[slot]; k < g->slot_start[slot + 1]; k++)
            c->addresses[g->slot_uses[k]] = (void *)pointer;
    }
    return GD_OK;
}

/* ---- the loop ---- */

static int is_finite(const void *data, int dtype, int64_t count, int64_t *where) {
    /* all exponent bits set: infinite or not a number */
    if (dtype == GD_F32) {
        const uint32_t mask = UINT32_C(0x7f800000);
        for (int64_t i = 0; i < count; i++) {
            uint32_t bits;
            memcpy(&bits, (const char *)data + 4 * i, 4);
            if ((bits & mask) == mask) return *where = i, 0;
        }
    } else if (dtype == GD_F64) {
        const uint64_t mask = UINT64_C(0x7ff0000000000000);
        for (int64_t i = 0; i < count; i++) {
            uint64_t bits;
            memcpy(&bits, (const char *)data + 8 * i, 8);
            if ((bits & mask) == mask) return *where = i, 0;
        }
    }
    return 1;
}

static int check_writes(const gd_context *c, const gd_instruction *ins, gd_fault *fault) {
    for (int64_t j = ins->n_reads; j < ins->n_reads + ins->n_writes; j++) {
        const gd_value *v = &c->program->values[c->program->operands[ins->first + j]];
        if (!is_finite(c->addresses[ins->first + j], v->dtype, v->count, &fault->b)) {
            fault->a = j;
            return GD_ERR_NONFINITE;
        }
    }
    return GD_OK;
}

static int64_t nanoseconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static inline int run_instruction(gd_context *c, const gd_instruction *ins, gd_call *call) {
    call->block = ins->block;
    call->operands = c->addresses + ins->first;
    if (ins->parts > 1) return gd_parts_run(ins, call->operands, c->scratch, c->shared, &c->team, call->fault);
    return ins->run(call);
}

/* the instructions up to `end`, from *at on, which is then where it stopped */
static inline int run_plain(gd_context *c, gd_call *call, int64_t *at, int64_t end) {
    const gd_instruction *instructions = c->program->instructions;
    int64_t i = *at;
    int status = GD_OK;
    while (i < end) {
        const gd_instruction *ins = &instructions[i];
        if (__builtin_expect(ins->look > 0, 0) && gd_team_spend(&c->team, ins->look)) status = GD_ERR_CANCELLED;
        if (ins->wave > 0 && c->team.lanes > 1 && status == GD_OK) {
            const gd_wave *wave = &c->program->waves[ins->wave - 1];
            status = gd_wave_run(c->program, wave, c->addresses, c->scratch, c->shared, &c->team);
            if (status != GD_OK) break;
            i += wave->n_instructions;
            continue;
        }
        if (status == GD_OK) status = run_instruction(c, ins, call);
        if (__builtin_expect(status != GD_OK, 0)) break;
        i++;
    }
    *at = i;
    return status;
}

/* the instructions from *at on until one at or after `end`, which is then *at */
static int run_range(gd_context *c, gd_cancel_fn cancel, int flags, int64_t *ns, int64_t *at, int64_t end,
                     gd_fault *fault) {
    const gd_instruction *instructions = c->program->instructions;
    int64_t commit = c->program->commit, i = *at;
    int status = GD_OK;
    gd_watch watch = gd_watch_of(cancel);
    c->team.watch = cancel != NULL ? &watch : NULL;
    gd_call call = {.scratch = c->scratch, .shared = c->shared, .part = 0, .fault = fault, .team = &c->team};
    if (flags == 0 && ns == NULL) {
        status = run_plain(c, &call, &i, end < commit ? end : commit);
        if (i < end && status == GD_OK) {
            c->team.watch = NULL;
            status = run_plain(c, &call, &i, end);
        }
    } else {
        int64_t before = nanoseconds();
        for (; i < end; i++) {
            if (i == commit) c->team.watch = NULL;
            if (gd_team_spend(&c->team, instructions[i].look)) status = GD_ERR_CANCELLED;
            if (status == GD_OK) status = run_instruction(c, &instructions[i], &call);
            if (status == GD_OK && (flags & GD_RUN_CHECK_FINITE)) status = check_writes(c, &instructions[i], fault);
            if (status != GD_OK) break;
            if (ns != NULL) {
                int64_t now = nanoseconds();
                ns[i] += now - before;
                before = now;
            }
        }
    }
    c->team.watch = NULL;
    if (status != GD_OK) {
        fault->instruction = i;
        fault->tag = instructions[i].tag;
    }
    *at = i;
    return status;
}

static inline int run_bound(gd_context *c, const void *const *inputs, void *const *outputs, void *const *params,
                            gd_cancel_fn cancel, int flags, int64_t *ns, int64_t *at, int64_t end, gd_fault *fault) {
    gd_fault unseen;
    if (fault == NULL) fault = &unseen;
    int taken = gd_turn_take(&c->running);
    if (taken != GD_OK) return taken; /* a bound call's fault is that of the thread which runs it */
    *fault = (gd_fault){-1, -1, -1, -1};
    if (c->turn != NULL && (taken = gd_turn_wait(c->turn, cancel)) != GD_OK) {
        gd_turn_give(&c->running);
        return taken;
    }
    const gd_program *g = c->program;
    int status = bind(c, inputs, g->n_inputs, 0, fault);
    if (status == GD_OK) status = bind(c, (const void *const *)outputs, g->n_outputs, g->n_inputs, fault);
    if (status == GD_OK) status = bind(c, (const void *const *)params, g->n_params, g->n_inputs + g->n_outputs, fault);
    if (status == GD_OK) status = run_range(c, cancel, flags, ns, at, end, fault);
    if (c->turn != NULL) gd_turn_give(c->turn);
    gd_turn_give(&c->running);
    return status;
}

static inline int run(gd_context *c, const void *const *inputs, void *const *outputs, void *const *params,
                      gd_cancel_fn cancel, int flags, int64_t *ns, gd_fault *fault) {
    int64_t at = 0;
    return run_bound(c, inputs, outputs, params, cancel, flags, ns, &at, c->program->n_instructions, fault);
}

int gd_context_profile(gd_context *context, const void *const *inputs, void *const *outputs, void *const *params,
                       int flags, int64_t *ns, gd_fault *fault) {
    return run(context, inputs, outputs, params, context->cancel, flags, ns, fault);
}

int gd_context_run(gd_context *context, const void *const *inputs, void *const *outputs, void *const *params, int flags,
                   gd_fault *fault) {
    return run(context, inputs, outputs, params, context->cancel, flags, NULL, fault);
}

int gd_context_run_until(gd_context *context, const void *const *inputs, void *const *outputs, void *const *params,
                         int flags, int64_t end, int64_t *at, gd_fault *fault) {
    const gd_program *g = context->program;
    if (g->commit < g->n_instructions || *at < 0 || end > g->n_instructions) return GD_ERR_SHAPE;
    return run_bound(context, inputs, outputs, params, context->cancel, flags, NULL, at, end, fault);
}

const void *gd_context_value(const gd_context *context, int64_t value) {
    const gd_program *g = context->program;
    if (value < 0 || value >= g->n_values) return NULL;
    const gd_value *v = &g->values[value];
    const void *slot = NULL;
    switch (v->kind) {
    case GD_VALUE_ARENA: return context->arena + v->place;
    case GD_VALUE_CONST: return g->constants + v->place;
    case GD_VALUE_INPUT: slot = context->slots[v->place]; break;
    case GD_VALUE_OUTPUT: slot = context->slots[g->n_inputs + v->place]; break;
    case GD_VALUE_PARAM: slot = context->slots[g->n_inputs + g->n_outputs + v->place]; break;
    }
    return slot == &never_bound ? NULL : slot;
}

/* ---- bound calls ---- */

struct gd_bound {
    gd_context *context;
    gd_fault fault;
    int counts;
    atomic_int_fast64_t last; /* number of the last call */
    const void *const *inputs;
    void *const *outputs, *const *params;
    void *pointers[];
};

int gd_bound_create(gd_context *context, const void *const *inputs, void *const *outputs, void *const *params,
                    gd_bound **bound) {
    const gd_program *g = context->program;
    size_t n_in = (size_t)g->n_inputs, n_out = (size_t)g->n_outputs, n_par = (size_t)g->n_params;
    gd_bound *b = malloc(sizeof *b + (n_in + n_out + n_par) * sizeof(void *));
    *bound = b;
    if (b == NULL) return GD_ERR_MEMORY;
    b->context = context;
    b->counts = 0;
    atomic_init(&b->last, 0);
    b->fault = (gd_fault){-1, -1, -1, -1};
    b->inputs = (const void *const *)b->pointers;
    b->outputs = b->pointers + n_in;
    b->params = b->pointers + n_in + n_out;
    if (n_in > 0) memcpy(b->pointers, inputs, n_in * sizeof(void *));
    if (n_out > 0) memcpy(b->pointers + n_in, outputs, n_out * sizeof(void *));
    if (n_par > 0) memcpy(b->pointers + n_in + n_out, params, n_par * sizeof(void *));
    return GD_OK;
}

void gd_bound_destroy(gd_bound *bound) { free(bound); }

int64_t gd_next_number(void) {
    static atomic_int_fast64_t numbers;
    return atomic_fetch_add(&numbers, 1) + 1;
}

static inline int call(gd_bound *b, gd_cancel_fn cancel, gd_fault *fault) {
    int status = run(b->context, b->inputs, b->outputs, b->params, cancel, 0, NULL, fault);
    if (b->counts && status == GD_OK) atomic_store(&b->last, gd_next_number());
    return status;
}

int gd_bound_call(void *bound) {
    gd_bound *b = bound;
    return call(b, NULL, &b->fault);
}

int gd_bound_run(gd_bound *bound, gd_fault *fault) { return call(bound, bound->context->cancel, fault); }

void gd_bound_count(gd_bound *bound) { bound->counts = 1; }

int64_t gd_bound_last(const gd_bound *bound) { return atomic_load(&bound->last); }

void gd_bound_fault(const gd_bound *bound, gd_fault *fault) { *fault = bound->fault; }
