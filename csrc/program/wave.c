/* wave.c: owns which instructions run side by side: a wave is a run of consecutive instructions none of which touches
 * bytes that another one writes. Their parts are one job for the threads, with one wait at its end.
 *
 * Invariants: a wave follows from the program alone, never from threads; run by one thread, its instructions run in
 * order. Only instructions that cannot fail and whose kernels said what work they are join one.
 * It does not know what an instruction computes.
 */
#include <stdlib.h>

#include "../threads/pool.h"
#include "program.h"

enum {
    MOST = 64,         /* instructions in a wave: what is compared stays bounded */
    LOOK = 256,        /* operands in a wave */
    BUNDLE = 1500,     /* ns: instructions shorter than this go several to a part */
    GAIN_LEAST = 1500, /* ns that two threads must save, to pay for calling them */
    GAIN_ALL = 20000   /* ns saved by all waves of a program, or it is not worth waking threads for */
};

typedef struct {
    const gd_program *program;
    const gd_wave_item *items;
    int64_t n_items;
    void *const *addresses;
    void *scratch, *shared;
    const gd_team *team;
} wave_job;

static void run_part(void *argument, int64_t part, int lane) {
    const wave_job *job = argument;
    gd_watch *watch = job->team->watch;
    if (watch != NULL && gd_watch_stopped(watch)) return;
    int64_t low = 0, high = job->n_items - 1;
    while (low < high) { /* the last item that starts at or before the part */
        int64_t middle = (low + high + 1) / 2;
        if (job->items[middle].parts_before <= part) low = middle;
        else high = middle - 1;
    }
    const gd_wave_item *item = &job->items[low];
    gd_fault unseen;
    gd_call call = {.scratch = gd_lane_scratch(job->team, job->scratch, lane),
                    .shared = job->shared,
                    .part = part - item->parts_before,
                    .fault = &unseen};
    for (int64_t i = item->first; i < item->first + item->count; i++) {
        const gd_instruction *ins = &job->program->instructions[i];
        call.block = ins->block;
        call.operands = job->addresses + ins->first;
        ins->run(&call);
        if (lane == 0 && gd_team_spend(job->team, ins->weight / ins->parts)) return;
    }
}

int gd_wave_run(const gd_program *program, const gd_wave *wave, void *const *addresses, void *scratch, void *shared,
                const gd_team *team) {
    wave_job job = {program, program->wave_items + wave->first_item, wave->n_items, addresses, scratch, shared, team};
    gd_pool_run(run_part, &job, wave->parts, team->lanes);
    if (team->watch != NULL && gd_watch_stopped(team->watch)) return GD_ERR_CANCELLED;
    if (wave->finishing < 0) return GD_OK;
    const gd_instruction *ins = &program->instructions[wave->finishing];
    gd_fault unseen;
    gd_call call = {.block = ins->block,
                    .operands = addresses + ins->first,
                    .scratch = scratch,
                    .shared = shared,
                    .part = ins->parts,
                    .fault = &unseen};
    return ins->run(&call);
}

/* ---- which ---- */

typedef struct {
    gd_program *program;
    const gd_effort *efforts;
    int64_t n_waves, n_items;
    int64_t gain;
} finder;

static int touches(const gd_program *g, const gd_instruction *a, int64_t a_from, const gd_instruction *b,
                   int64_t b_from, int64_t b_to) {
    for (int64_t i = a_from; i < a->n_reads + a->n_writes; i++)
        for (int64_t j = b_from; j < b_to; j++)
            if (gd_values_overlap(&g->values[g->operands[a->first + i]], &g->values[g->operands[b->first + j]]))
                return 1;
    return 0;
}

/* whether one writes what the other reads or writes */
static int conflict(const gd_program *g, const gd_instruction *a, const gd_instruction *b) {
    return touches(g, a, a->n_reads, b, 0, b->n_reads + b->n_writes) || touches(g, b, b->n_reads, a, 0, a->n_reads);
}

/* the end of the longest wave from `first` on */
static int64_t reach(const finder *f, int64_t first) {
    const gd_program *g = f->program;
    int64_t end = first, operands = 0, finishing = 0;
    for (; end < g->n_instructions && end < first + MOST && f->efforts[end].work > 0; end++) {
        const gd_instruction *ins = &g->instructions[end];
        operands += ins->n_reads + ins->n_writes;
        finishing += ins->finishes;
        if (operands > LOOK || finishing > 1) break; /* they would share the memory that parts share */
        int64_t k = end - 1;
        while (k >= first && !conflict(g, &g->instructions[k], ins)) k--;
        if (k >= first) break;
    }
    return end;
}

static void add(finder *f, int64_t first, int64_t end, int64_t gain) {
    gd_program *g = f->program;
    gd_wave *wave = g->waves != NULL ? &g->waves[f->n_waves] : NULL;
    int64_t items = 0, parts = 0, finishing = -1;
    for (int64_t i = first; i < end;) {
        int64_t count = 1, work = f->efforts[i].work;
        if (g->instructions[i].parts == 1)
            for (; i + count < end && g->instructions[i + count].parts == 1; count++)
                if ((work += f->efforts[i + count].work) > BUNDLE) break;
        if (g->instructions[i].finishes) finishing = i;
        if (wave != NULL) g->wave_items[f->n_items + items] = (gd_wave_item){i, count, parts};
        parts += g->instructions[i].parts;
        items++;
        i += count;
    }
    if (wave != NULL) {
        *wave = (gd_wave){first, end - first, f->n_items, items, parts, finishing};
        g->instructions[first].wave = (int32_t)(f->n_waves + 1);
    }
    for (int64_t i = first; i < end; i++)
        if (f->efforts[i].scratch > g->lane_bytes) g->lane_bytes = f->efforts[i].scratch;
    f->n_waves++;
    f->n_items += items;
    f->gain += gain;
}

/* counts, or notes where there is room, the waves of the program; the same ones each time */
static void find(finder *f) {
    const gd_program *g = f->program;
    f->n_waves = f->n_items = f->gain = 0;
    for (int64_t i = 0, end; i<g->n_instructions; i = end> i ? end : i + 1) {
        end = reach(f, i);
        if (end < i + 2) continue;
        int64_t all = 0, longest = 0, apart = 0; /* apart: what two threads take for one after the other */
        for (int64_t k = i; k < end; k++) {
            int64_t work = f->efforts[k].work, parts = g->instructions[k].parts;
            all += work;
            apart += parts > 1 ? work / 2 : work;
            if (work / parts > longest) longest = work / parts;
        }
        int64_t gain = apart - (longest > all / 2 ? longest : all / 2);
        if (gain >= GAIN_LEAST) add(f, i, end, gain);
    }
}

int gd_waves_find(gd_program *program, const gd_effort *efforts, int inside) {
    finder f = {.program = program, .efforts = efforts};
    int64_t lane = program->lane_bytes;
    find(&f);
    if (f.n_waves == 0 || (!inside && f.gain < GAIN_ALL)) {
        program->lane_bytes = lane;
        return GD_OK;
    }
    program->waves = gd_program_room(program, (size_t)f.n_waves * sizeof *program->waves);
    program->wave_items = gd_program_room(program, (size_t)f.n_items * sizeof *program->wave_items);
    if (program->waves == NULL || program->wave_items == NULL) return GD_ERR_MEMORY;
    find(&f);
    for (int64_t w = 0; w < f.n_waves; w++)
        if (program->waves[w].parts > program->max_parts) program->max_parts = program->waves[w].parts;
    return GD_OK;
}
