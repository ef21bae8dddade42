/* entry.c: owns entries: one function that any thread may call, each with buffers of its own. A call takes a lane that
 * nobody uses - a context, and room for what it cannot use in place - and waits where all are taken.
 *
 * Invariants: no address reaches a context that was not checked: not NULL where there are elements, apart from whatever
 * is written. Addresses that a lane has just checked are not checked again. A call allocates nothing.
 * Must not know: whose signature the caller has (adapter.c).
 */
#include "entry.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "../threads/turn.h"

enum { YIELDS = 100, SLEEP = 50000 /* ns */, REMEMBERED = 8 };

typedef struct {
    const char *begin, *end;
    int64_t slot;
} range;

struct gd_entry_lane {
    gd_turn turn;
    gd_context *context;
    const void **given;  /* inputs, outputs: what the last call that passed the checks was given */
    const void **inputs; /* what the context runs on */
    void **outputs;
    range *ranges; /* of all slots that have bytes, sorted by the last check */
    int64_t n_ranges;
    char *room;
    void *room_base;
    int checked, copies; /* copies: some slot is not aligned as its elements, and lies in the room */
};

static const size_t item_bytes[GD_DTYPE_COUNT] = {
    [GD_F32] = 4, [GD_F64] = 8, [GD_I32] = 4, [GD_I64] = 8, [GD_BOOL] = 1};

/* ---- what failed, for each thread ---- */

static _Thread_local struct {
    uint64_t entry;
    int status;
    gd_fault fault;
} failures[REMEMBERED];
static _Thread_local unsigned next_failure;

int gd_entry_fail(const gd_entry *entry, int status, const gd_fault *fault) {
    unsigned k = 0;
    while (k < REMEMBERED && failures[k].entry != entry->number) k++;
    if (k == REMEMBERED) k = next_failure++ % REMEMBERED;
    failures[k].entry = entry->number;
    failures[k].status = status;
    failures[k].fault = *fault;
    return status;
}

int gd_entry_fault(const gd_entry *entry, gd_fault *fault) {
    for (unsigned k = 0; k < REMEMBERED; k++)
        if (failures[k].entry == entry->number) {
            *fault = failures[k].fault;
            return failures[k].status;
        }
    return GD_OK;
}

/* ---- lanes ---- */

gd_entry_lane *gd_entry_take(gd_entry *entry) {
    static _Thread_local unsigned mine; /* the lane of this thread's last call: its memory is near */
    for (int64_t tries = 0;; tries++) {
        int reentered = 0;
        for (int k = 0; k < entry->contexts; k++) {
            unsigned at = (mine + (unsigned)k) % (unsigned)entry->contexts;
            int status = gd_turn_take(&entry->lanes[at].turn);
            if (status == GD_OK) {
                mine = at;
                return &entry->lanes[at];
            }
            reentered += status == GD_ERR_REENTERED;
        }
        if (reentered == entry->contexts) return NULL;
        if (tries < YIELDS) sched_yield();
        else gd_pause(SLEEP);
    }
}

void gd_entry_give(gd_entry_lane *lane) { gd_turn_give(&lane->turn); }

const void **gd_entry_inputs(gd_entry_lane *lane) { return lane->inputs; }

void **gd_entry_outputs(gd_entry_lane *lane) { return lane->outputs; }

void *gd_entry_room(const gd_entry *entry, gd_entry_lane *lane, int64_t slot) {
    return lane->room + entry->place[slot];
}

/* ---- the checks ---- */

static void sort(range *ranges, int64_t n) { /* by begin; Shell's gaps */
    int64_t gap = 1;
    while (gap < n / 3) gap = 3 * gap + 1;
    for (; gap > 0; gap /= 3)
        for (int64_t i = gap; i < n; i++) {
            range moved = ranges[i];
            int64_t j = i;
            for (; j >= gap && ranges[j - gap].begin > moved.begin; j -= gap) ranges[j] = ranges[j - gap];
            ranges[j] = moved;
        }
}

/* no two slots share bytes of which one is written */
static int check_apart(const gd_entry *e, gd_entry_lane *l, gd_fault *fault) {
    sort(l->ranges, l->n_ranges);
    const char *reach = NULL, *reach_written = NULL;
    int64_t last = -1, last_written = -1;
    for (int64_t i = 0; i < l->n_ranges; i++) {
        const range *r = &l->ranges[i];
        int written = e->written[r->slot];
        if (last_written >= 0 && r->begin < reach_written) fault->a = last_written;
        else if (written && last >= 0 && r->begin < reach) fault->a = last;
        if (fault->a >= 0) {
            fault->b = gd_max(fault->a, r->slot);
            fault->a = gd_min(fault->a, r->slot);
            return GD_ERR_ALIAS;
        }
        if (last < 0 || r->end > reach) reach = r->end, last = r->slot;
        if (written && (last_written < 0 || r->end > reach_written)) reach_written = r->end, last_written = r->slot;
    }
    return GD_OK;
}

/* looks at what lane->inputs and outputs hold, and puts the room in place of what is not aligned */
static int check(const gd_entry *e, gd_entry_lane *l, gd_fault *fault) {
    int64_t n = e->n_inputs + e->n_outputs;
    l->checked = l->copies = 0;
    for (int64_t i = 0; i < n; i++) {
        int input = i < e->n_inputs;
        const void *pointer = input ? l->inputs[i] : l->outputs[i - e->n_inputs];
        l->given[i] = pointer;
        if (pointer == NULL && e->bytes[i] > 0) {
            fault->a = i;
            return GD_ERR_BOUNDS;
        }
    }
    for (int64_t k = 0; k < l->n_ranges; k++) {
        range *r = &l->ranges[k];
        if (r->slot >= n) continue;
        r->begin = l->given[r->slot];
        r->end = r->begin + e->bytes[r->slot];
    }
    int status = check_apart(e, l, fault);
    if (status != GD_OK) return status;
    for (int64_t i = 0; i < n; i++)
        if ((uintptr_t)l->given[i] % item_bytes[e->dtype[i]] != 0) l->copies = 1;
    l->checked = 1;
    return GD_OK;
}

/* ---- a call ---- */

static int same(const gd_entry *e, const gd_entry_lane *l) {
    for (int64_t i = 0; i < e->n_inputs; i++)
        if (l->inputs[i] != l->given[i]) return 0;
    for (int64_t i = 0; i < e->n_outputs; i++)
        if (l->outputs[i] != l->given[e->n_inputs + i]) return 0;
    return 1;
}

static int misaligned(const gd_entry *e, const gd_entry_lane *l, int64_t i) {
    return (uintptr_t)l->given[i] % item_bytes[e->dtype[i]] != 0;
}

static int run(gd_entry *e, gd_entry_lane *l, gd_fault *fault) {
    for (int64_t i = e->n_args; i < e->n_inputs; i++) l->inputs[i] = e->given[i - e->n_args];
    for (int64_t i = e->n_results; i < e->n_outputs; i++) l->outputs[i] = gd_entry_room(e, l, e->n_inputs + i);
    if (!l->checked || !same(e, l)) {
        int status = check(e, l, fault);
        if (status != GD_OK) return status;
    }
    if (l->copies) {
        for (int64_t i = 0; i < e->n_inputs; i++)
            if (misaligned(e, l, i)) l->inputs[i] = memcpy(gd_entry_room(e, l, i), l->given[i], (size_t)e->bytes[i]);
        for (int64_t i = 0; i < e->n_outputs; i++)
            if (misaligned(e, l, e->n_inputs + i)) l->outputs[i] = gd_entry_room(e, l, e->n_inputs + i);
    }
    int status = gd_context_run(l->context, l->inputs, l->outputs, e->params, e->flags, fault);
    if (l->copies && status == GD_OK)
        for (int64_t i = e->n_inputs; i < e->n_inputs + e->n_outputs; i++)
            if (misaligned(e, l, i)) memcpy((void *)l->given[i], gd_entry_room(e, l, i), (size_t)e->bytes[i]);
    return status;
}

int gd_entry_finish(gd_entry *entry, gd_entry_lane *lane) {
    gd_fault fault = {-1, -1, -1, -1};
    int status = run(entry, lane, &fault);
    gd_entry_give(lane);
    return status == GD_OK ? GD_OK : gd_entry_fail(entry, status, &fault);
}

int gd_entry_call(void *data, const void *const *inputs, void *const *outputs) {
    gd_entry *e = data;
    if (e == NULL) return GD_ERR_BOUNDS;
    gd_fault none = {-1, -1, -1, -1};
    if ((inputs == NULL && e->n_args > 0) || (outputs == NULL && e->n_results > 0)) {
        none.a = inputs == NULL && e->n_args > 0 ? 0 : e->n_inputs;
        return gd_entry_fail(e, GD_ERR_BOUNDS, &none);
    }
    gd_entry_lane *l = gd_entry_take(e);
    if (l == NULL) return gd_entry_fail(e, GD_ERR_REENTERED, &none);
    for (int64_t i = 0; i < e->n_args; i++) l->inputs[i] = inputs[i];
    for (int64_t i = 0; i < e->n_results; i++) l->outputs[i] = outputs[i];
    return gd_entry_finish(e, l);
}

/* ---- making one ---- */

static int describe(gd_entry *e, const gd_slot *slots) {
    const gd_program *g = e->program;
    int64_t n_io = g->n_inputs + g->n_outputs, n = n_io + g->n_params, place = 0;
    e->count = calloc((size_t)n + 1, sizeof *e->count);
    e->bytes = calloc((size_t)n + 1, sizeof *e->bytes);
    e->place = calloc((size_t)n + 1, sizeof *e->place);
    e->dtype = calloc((size_t)n + 1, sizeof *e->dtype);
    e->written = calloc((size_t)n + 1, 1);
    if (e->count == NULL || e->bytes == NULL || e->place == NULL || e->dtype == NULL || e->written == NULL)
        return GD_ERR_MEMORY;
    e->n_inputs = g->n_inputs;
    e->n_outputs = g->n_outputs;
    for (int64_t i = 0; i < n; i++) {
        if (slots[i].dtype < 0 || slots[i].dtype >= GD_DTYPE_COUNT) return GD_ERR_TYPE;
        if (slots[i].count < 0 || slots[i].count > (INT64_MAX >> 5)) return GD_ERR_SHAPE;
        e->dtype[i] = slots[i].dtype;
        e->count[i] = slots[i].count;
        e->bytes[i] = slots[i].count * (int64_t)item_bytes[slots[i].dtype];
        e->written[i] = i >= g->n_inputs && i < n_io;
        if (i >= n_io) continue;
        e->place[i] = place;
        if (place > (INT64_MAX >> 1) - e->bytes[i] - GD_ALIGN) return GD_ERR_SHAPE;
        place += gd_round_up(e->bytes[i], GD_ALIGN);
    }
    e->place[n_io] = place; /* of the room's end */
    int64_t first[GD_VALUE_CONST + 1] = {
        [GD_VALUE_INPUT] = 0, [GD_VALUE_OUTPUT] = g->n_inputs, [GD_VALUE_PARAM] = n_io};
    for (int64_t v = 0; v < g->n_values; v++) {
        const gd_value *value = &g->values[v];
        if (value->kind == GD_VALUE_ARENA || value->kind == GD_VALUE_CONST) continue;
        int64_t slot = first[value->kind] + value->place;
        if (value->count * (int64_t)item_bytes[value->dtype] > e->bytes[slot]) return GD_ERR_SHAPE;
        if (value->dtype != e->dtype[slot]) return GD_ERR_TYPE;
    }
    for (int64_t i = 0; i < g->n_instructions; i++) {
        const gd_instruction *ins = &g->instructions[i];
        for (int64_t k = ins->n_reads; k < ins->n_reads + ins->n_writes; k++) {
            const gd_value *value = &g->values[g->operands[ins->first + k]];
            if (value->kind == GD_VALUE_PARAM) e->written[n_io + value->place] = 1;
        }
    }
    return GD_OK;
}

static int prepare_lane(gd_entry *e, gd_entry_lane *l, int threads, gd_turn *turn) {
    const gd_program *g = e->program;
    int64_t n_io = g->n_inputs + g->n_outputs, n = n_io + g->n_params;
    int status = gd_context_create(e->program, &l->context);
    if (status == GD_OK && threads > 0) status = gd_context_set_threads(l->context, threads);
    if (status != GD_OK) return status;
    gd_context_set_turn(l->context, turn);
    l->given = calloc((size_t)n_io + 1, sizeof *l->given);
    l->inputs = calloc((size_t)g->n_inputs + 1, sizeof *l->inputs);
    l->outputs = calloc((size_t)g->n_outputs + 1, sizeof *l->outputs);
    l->ranges = calloc((size_t)n + 1, sizeof *l->ranges);
    l->room = gd_memory_zeroed((size_t)e->place[n_io], &l->room_base);
    if (l->given == NULL || l->inputs == NULL || l->outputs == NULL || l->ranges == NULL || l->room == NULL)
        return GD_ERR_MEMORY;
    for (int64_t i = 0; i < n; i++) {
        if (e->bytes[i] == 0) continue;
        range *r = &l->ranges[l->n_ranges++];
        r->slot = i;
        if (i >= n_io) {
            r->begin = e->params[i - n_io];
            r->end = r->begin + e->bytes[i];
        }
    }
    return GD_OK;
}

int gd_entry_create(gd_program *program, const gd_slot *slots, const void *const *given, int64_t n_given,
                    int64_t hidden, void *const *params, int contexts, int threads, int flags, gd_turn *turn,
                    gd_entry **entry) {
    static atomic_uint_fast64_t numbers;
    *entry = NULL;
    if (contexts < 1 || hidden < 0 || hidden > program->n_outputs || n_given < 0 || n_given > program->n_inputs)
        return GD_ERR_SHAPE;
    gd_entry *e = calloc(1, sizeof *e);
    if (e == NULL) return GD_ERR_MEMORY;
    gd_program_retain(program);
    e->program = program;
    e->number = atomic_fetch_add(&numbers, 1) + 1;
    e->flags = flags;
    e->params = calloc((size_t)program->n_params + 1, sizeof *e->params);
    e->given = calloc((size_t)n_given + 1, sizeof *e->given);
    e->lanes = calloc((size_t)contexts, sizeof *e->lanes);
    int status = e->params == NULL || e->given == NULL || e->lanes == NULL ? GD_ERR_MEMORY : describe(e, slots);
    e->n_args = program->n_inputs - n_given;
    e->n_results = program->n_outputs - hidden;
    if (status == GD_OK && n_given > 0) memcpy(e->given, given, (size_t)n_given * sizeof *given);
    if (status == GD_OK && program->n_params > 0) memcpy(e->params, params, (size_t)program->n_params * sizeof *params);
    for (int k = 0; k < contexts && status == GD_OK; k++) {
        e->contexts++;
        status = prepare_lane(e, &e->lanes[k], threads, turn);
    }
    if (status != GD_OK) {
        gd_entry_destroy(e);
        return status;
    }
    *entry = e;
    return GD_OK;
}

void gd_entry_destroy(gd_entry *entry) {
    if (entry == NULL) return;
    for (int k = 0; k < entry->contexts; k++) {
        gd_entry_lane *l = &entry->lanes[k];
        gd_context_destroy(l->context);
        free(l->given);
        free(l->inputs);
        free(l->outputs);
        free(l->ranges);
        free(l->room_base);
    }
    free(entry->lanes);
    free(entry->count);
    free(entry->bytes);
    free(entry->place);
    free(entry->dtype);
    free(entry->written);
    free(entry->params);
    free(entry->given);
    gd_program_destroy(entry->program);
    free(entry);
}
