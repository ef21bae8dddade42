/* turn.h: owns who is at work on something: one thread of this process at a time. Knows not what.
 *
 * A turn that a thread of the parent holds at a fork is free in the child, which has no such thread.
 */
#ifndef GD_TURN_H
#define GD_TURN_H
#include <stdatomic.h>

#include "graphdiff.h"

struct gd_turn {
    atomic_uint_fast64_t holder, last; /* who has it, 0 for nobody; who had it before somebody waited */
    atomic_int waiting;
    atomic_uint generation; /* of the process that counted `waiting` */
};

int gd_turn_take(gd_turn *turn); /* GD_ERR_BUSY: another thread has it; GD_ERR_REENTERED: this one has */
int gd_turn_wait(gd_turn *turn, gd_cancel_fn cancel); /* until it is free: GD_ERR_REENTERED, GD_ERR_CANCELLED */
void gd_turn_give(gd_turn *turn);
void gd_turn_watch_forks(void); /* once, before any is taken */

#endif
