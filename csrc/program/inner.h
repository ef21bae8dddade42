/* inner.h: a program run by an instruction of another one (loops, branches), on memory that the instruction has.
 * Internal to the core. The inner program is validated like any other and lives as long as the outer one.
 */
#ifndef GD_INNER_H
#define GD_INNER_H
#include "kernel.h"

/* Reads [words, constant bytes, words.., constants..] at payload[*at] and moves *at past it. *inner is NULL for zero
 * words. Programs nest at most GD_INNER_DEPTH deep. */
#define GD_INNER_DEPTH 16
int gd_inner_read(gd_prepare *p, int64_t *at, gd_program **inner);

enum gd_inner_kind { GD_INNER_INPUTS, GD_INNER_OUTPUTS, GD_INNER_PARAMS };
int64_t gd_inner_slots(const gd_program *inner, enum gd_inner_kind kind); /* how many there are */
int64_t gd_inner_slot_bytes(const gd_program *inner, int64_t slot);       /* the most a slot is taken to hold */
int64_t gd_inner_bytes(const gd_program *inner);                          /* memory a run needs, a multiple of 64 */
int64_t gd_inner_weight(const gd_program *inner);                         /* elements that a run touches */

/* one run's state, over `memory` of gd_inner_bytes, 64-byte aligned */
typedef struct {
    const gd_program *program;
    void **addresses;
    char *scratch, *shared;
} gd_inner_run;

void gd_inner_open(gd_inner_run *run, const gd_program *inner, void *memory);
void gd_inner_bind(gd_inner_run *run, int64_t slot, const void *address); /* inputs, outputs, params */
int gd_inner_go(gd_inner_run *run, const gd_call *outer);                 /* outer: the instruction that runs it */

#endif
