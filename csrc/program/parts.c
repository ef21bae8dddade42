/* parts.c: owns running one instruction on several threads: which part failed first is what counts, whoever ran it.
 * It does not know what a part computes.
 */
#include <stdatomic.h>

#include "../threads/pool.h"
#include "program.h"

typedef struct {
    const gd_instruction *instruction;
    void *const *operands;
    void *scratch, *shared;
    const gd_team *team;
    atomic_flag lock; /* guards the three below: taken by parts that failed only */
    int status;
    int64_t part;
    gd_fault fault;
} parts_job;

static void run_part(void *argument, int64_t part, int lane) {
    parts_job *job = argument;
    gd_watch *watch = job->team != NULL ? job->team->watch : NULL;
    gd_fault fault = job->fault;
    gd_call call = {.block = job->instruction->block,
                    .operands = job->operands,
                    .scratch = gd_lane_scratch(job->team, job->scratch, lane),
                    .shared = job->shared,
                    .part = part,
                    .fault = &fault};
    int status = GD_ERR_CANCELLED;
    if (watch == NULL || !gd_watch_stopped(watch)) status = job->instruction->run(&call);
    if (watch != NULL && lane == 0) gd_watch_spend(watch, job->instruction->weight / job->instruction->parts);
    if (status == GD_OK) return;
    while (atomic_flag_test_and_set_explicit(&job->lock, memory_order_acquire)) {}
    if (job->status == GD_OK || part < job->part) { /* the first part that failed, whoever ran it */
        job->status = status;
        job->part = part;
        job->fault = fault;
    }
    atomic_flag_clear_explicit(&job->lock, memory_order_release);
}

int gd_parts_run(const gd_instruction *ins, void *const *operands, void *scratch, void *shared, const gd_team *team,
                 gd_fault *fault) {
    parts_job job = {.instruction = ins,
                     .operands = operands,
                     .scratch = scratch,
                     .shared = shared,
                     .team = team,
                     .lock = ATOMIC_FLAG_INIT,
                     .fault = *fault};
    gd_pool_run(run_part, &job, ins->parts, team != NULL ? team->lanes : 1);
    if (ins->finishes && job.status == GD_OK) run_part(&job, ins->parts, 0);
    if (job.status != GD_OK) *fault = job.fault;
    return job.status;
}
