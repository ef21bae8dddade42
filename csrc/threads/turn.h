/* turn.h: owns who is at work on something: one thread of this process at a time. Knows not what.
 *
 * A turn that a thread of the parent holds at a fork is free in the child, which has no such thread.
 */
#ifndef GD_TURN_H
#define GD_TURN_H
#include <pthread.h>
#include <stdatomic.h>

#include "graphdiff.h"

struct gd_turn {
    atomic_uint_fast64_t holder, last; /* who has it, 0 for nobody; who had it before somebody waited */
    atomic_int waiting;
    atomic_uint generation; /* of the process that counted `waiting` */
};

extern atomic_uint gd_turn_generation; /* counts the forks between the first process and this one */

enum { GD_TURN_ADDRESS_BITS = 48 };

/* a thread of this process: never 0, since the address of what a thread owns is not */
static inline uint64_t gd_turn_self(void) {
    uint64_t process = (uint16_t)atomic_load_explicit(&gd_turn_generation, memory_order_relaxed);
    uint64_t thread = (uint64_t)(uintptr_t)pthread_self() & ((UINT64_C(1) << GD_TURN_ADDRESS_BITS) - 1);
    return thread | process << GD_TURN_ADDRESS_BITS;
}

/* GD_ERR_BUSY: another thread has it; GD_ERR_REENTERED: this one has */
static inline int gd_turn_take(gd_turn *turn) {
    uint64_t holder = atomic_load_explicit(&turn->holder, memory_order_relaxed), self = gd_turn_self();
    if (holder == self) return GD_ERR_REENTERED;
    if (holder != 0 && holder >> GD_TURN_ADDRESS_BITS == self >> GD_TURN_ADDRESS_BITS) return GD_ERR_BUSY;
    return atomic_compare_exchange_strong_explicit(&turn->holder, &holder, self, memory_order_acquire,
                                                   memory_order_relaxed)
               ? GD_OK
               : GD_ERR_BUSY;
}

static inline void gd_turn_give(gd_turn *turn) { atomic_store_explicit(&turn->holder, 0, memory_order_release); }

int gd_turn_wait(gd_turn *turn, gd_cancel_fn cancel); /* until it is free: GD_ERR_REENTERED, GD_ERR_CANCELLED */
void gd_pause(int64_t ns);                            /* as gd_set_pause says */
void gd_turn_watch_forks(void);                       /* once, before any is taken */

#endif
