/* inner.c: owns programs inside programs: how one is read from a payload, and how it runs on borrowed memory.
 * A run allocates nothing; an instruction's parts are shared out to the threads that the outer one may use.
 */
#include "inner.h"

#include <string.h>

#include "program.h"

enum { N_WORDS, N_CONSTANTS, HEAD }; /* of what a payload has of a program; then its words and its constants */

int gd_inner_read(gd_prepare *p, int64_t *at, gd_program **inner) {
    *inner = NULL;
    int64_t i = *at, room = p->n_payload - i - HEAD;
    if (i < 0 || room < 0) return gd_prepare_fail(p, GD_ERR_BOUNDS, -1, i);
    const int64_t *head = p->payload + i, *words = head + HEAD;
    int64_t n_words = head[N_WORDS], n_constants = head[N_CONSTANTS];
    if (n_words < 0 || n_words > room || n_constants < 0 || n_constants > 8 * (room - n_words))
        return gd_prepare_fail(p, GD_ERR_BOUNDS, i + N_WORDS, n_words);
    *at = i + HEAD + n_words + (n_constants + 7) / 8;
    if (n_words == 0) return GD_OK;
    int status = gd_program_create_inner(p->memory, words, (size_t)n_words, words + n_words, (size_t)n_constants, inner,
                                         p->fault);
    if (status != GD_OK) return status;
    if ((*inner)->max_parts > p->inside_parts) p->inside_parts = (*inner)->max_parts;
    if ((*inner)->lane_bytes > p->inside_lane) p->inside_lane = (*inner)->lane_bytes;
    return GD_OK;
}

int64_t gd_inner_slots(const gd_program *inner, enum gd_inner_kind kind) {
    switch (kind) {
    case GD_INNER_INPUTS: return inner->n_inputs;
    case GD_INNER_OUTPUTS: return inner->n_outputs;
    default: return inner->n_params;
    }
}

int64_t gd_inner_slot_bytes(const gd_program *inner, int64_t slot) {
    int64_t most = 0;
    for (int64_t k = inner->slot_start[slot]; k < inner->slot_start[slot + 1]; k++) {
        const gd_value *v = &inner->values[inner->operands[inner->slot_uses[k]]];
        int64_t bytes = v->count * gd_item_bytes(v->dtype);
        if (bytes > most) most = bytes;
    }
    return most;
}

int64_t gd_inner_weight(const gd_program *inner) { return inner->weight; }

int64_t gd_inner_bytes(const gd_program *inner) {
    return gd_round_up(inner->n_operands * (int64_t)sizeof(void *), GD_ALIGN) +
           gd_round_up(inner->scratch_bytes, GD_ALIGN) + gd_round_up(inner->shared_bytes, GD_ALIGN) +
           gd_round_up(inner->arena_bytes, GD_ALIGN) + GD_ALIGN;
}

void gd_inner_open(gd_inner_run *run, const gd_program *inner, void *memory) {
    run->program = inner;
    run->addresses = memory;
    run->scratch = (char *)memory + gd_round_up(inner->n_operands * (int64_t)sizeof(void *), GD_ALIGN);
    run->shared = run->scratch + gd_round_up(inner->scratch_bytes, GD_ALIGN);
    char *arena = run->shared + gd_round_up(inner->shared_bytes, GD_ALIGN);
    for (int64_t i = 0; i < inner->n_operands; i++) {
        const gd_value *v = &inner->values[inner->operands[i]];
        run->addresses[i] = v->kind == GD_VALUE_ARENA   ? (void *)(arena + v->place)
                            : v->kind == GD_VALUE_CONST ? (void *)(inner->constants + v->place)
                                                        : NULL;
    }
}

void gd_inner_bind(gd_inner_run *run, int64_t slot, const void *address) {
    const gd_program *g = run->program;
    for (int64_t k = g->slot_start[slot]; k < g->slot_start[slot + 1]; k++)
        run->addresses[g->slot_uses[k]] = (void *)address;
}

int gd_inner_go(gd_inner_run *run, const gd_call *outer) {
    const gd_program *g = run->program;
    gd_call call = {.scratch = run->scratch, .shared = run->shared, .fault = outer->fault, .team = outer->team};
    for (int64_t i = 0; i < g->n_instructions; i++) {
        const gd_instruction *ins = &g->instructions[i];
        if (ins->look > 0 && gd_team_spend(outer->team, ins->look)) return GD_ERR_CANCELLED;
        if (ins->wave > 0 && outer->team != NULL && outer->team->lanes > 1) {
            const gd_wave *wave = &g->waves[ins->wave - 1];
            int status = gd_wave_run(g, wave, run->addresses, run->scratch, run->shared, outer->team);
            if (status != GD_OK) return status;
            i += wave->n_instructions - 1;
            continue;
        }
        call.block = ins->block;
        call.operands = run->addresses + ins->first;
        int status = ins->parts > 1
                         ? gd_parts_run(ins, call.operands, run->scratch, run->shared, outer->team, outer->fault)
                         : ins->run(&call);
        if (status != GD_OK) return status;
    }
    return GD_OK;
}
