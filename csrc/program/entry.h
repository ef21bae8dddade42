/* entry.h: what an entry is to its adapters. Internal to program/. */
#ifndef GD_ENTRY_H
#define GD_ENTRY_H
#include "program.h"

/* one call at a time: a context and the addresses it runs on */
typedef struct gd_entry_lane gd_entry_lane;

struct gd_entry {
    gd_program *program;
    uint64_t number; /* no other entry of the process has it */
    int flags, contexts;
    int64_t n_inputs, n_outputs;
    int64_t n_args, n_results;      /* the inputs and outputs that callers give buffers for, the first ones */
    const void **given;             /* the other inputs */
    int64_t *count, *bytes, *place; /* of inputs, outputs, params; place: in a lane's room, of the first two */
    int *dtype;
    uint8_t *written; /* 1 for outputs and for params that the program writes */
    void **params;
    gd_entry_lane *lanes;
};

/* A free lane, as soon as there is one; NULL where this thread holds all of them: GD_ERR_REENTERED. */
gd_entry_lane *gd_entry_take(gd_entry *entry);
void gd_entry_give(gd_entry_lane *lane);
/* What the lane's call is given, to be filled in: addresses of the caller, or the lane's own room for a slot. */
const void **gd_entry_inputs(gd_entry_lane *lane);
void **gd_entry_outputs(gd_entry_lane *lane);
void *gd_entry_room(const gd_entry *entry, gd_entry_lane *lane, int64_t slot);
/* Runs on what the lane is given, and gives it back. A failure is noted for this thread. */
int gd_entry_finish(gd_entry *entry, gd_entry_lane *lane);
int gd_entry_fail(const gd_entry *entry, int status, const gd_fault *fault);

#endif
