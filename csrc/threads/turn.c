/* turn.c: owns turns: see turn.h. Those who wait are few and wait for long, so they sleep and look again; a thread that
 * has just had its turn lets one that waits go first.
 */
#include "turn.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum { SLEEP = 50000, PERIOD = 50000000, PATIENCE = 5000000 }; /* ns */
enum { ADDRESS_BITS = 48 };

static atomic_uint generation; /* counts forks between the first process and this one */

static void after_fork(void) { atomic_fetch_add(&generation, 1); }

void gd_turn_watch_forks(void) { pthread_atfork(NULL, NULL, after_fork); }

static inline uint64_t process(void) {
    return (uint64_t)(uint16_t)atomic_load_explicit(&generation, memory_order_relaxed) << ADDRESS_BITS;
}

/* a thread of this process: never 0, since the address of what a thread owns is not */
static inline uint64_t self(void) {
    return ((uint64_t)(uintptr_t)pthread_self() & ((UINT64_C(1) << ADDRESS_BITS) - 1)) | process();
}

static inline int of_this_process(uint64_t holder) { return holder >> ADDRESS_BITS == process() >> ADDRESS_BITS; }

int gd_turn_take(gd_turn *turn) {
    uint64_t holder = atomic_load_explicit(&turn->holder, memory_order_relaxed), me = self();
    if (holder != 0 && of_this_process(holder)) return holder == me ? GD_ERR_REENTERED : GD_ERR_BUSY;
    return atomic_compare_exchange_strong_explicit(&turn->holder, &holder, me, memory_order_acquire,
                                                   memory_order_relaxed)
               ? GD_OK
               : GD_ERR_BUSY;
}

void gd_turn_give(gd_turn *turn) { atomic_store_explicit(&turn->holder, 0, memory_order_release); }

/* whether somebody waits to whom this thread, which had the last turn, gives way */
static int gives_way(gd_turn *turn) {
    if (atomic_load(&turn->waiting) == 0) return 0;
    unsigned now = atomic_load(&generation), then = atomic_load(&turn->generation);
    if (then != now) { /* they were the parent's */
        if (atomic_compare_exchange_strong(&turn->generation, &then, now)) atomic_store(&turn->waiting, 0);
        return 0;
    }
    return atomic_load(&turn->last) == self();
}

int gd_turn_wait(gd_turn *turn, gd_cancel_fn cancel) {
    int way = gives_way(turn), status = way ? GD_ERR_BUSY : gd_turn_take(turn);
    if (status == GD_ERR_BUSY) {
        if (!way) {
            gives_way(turn);
            atomic_store(&turn->generation, atomic_load(&generation));
            atomic_fetch_add(&turn->waiting, 1);
        }
        for (int64_t slept = 0; status == GD_ERR_BUSY; slept += SLEEP) {
            nanosleep(&(struct timespec){0, SLEEP}, NULL);
            if (!way || slept >= PATIENCE || !gives_way(turn)) status = gd_turn_take(turn);
            if (status == GD_ERR_BUSY && cancel != NULL && slept % PERIOD == 0 && cancel() != 0)
                status = GD_ERR_CANCELLED;
        }
        if (!way) atomic_fetch_sub(&turn->waiting, 1);
    }
    if (status == GD_OK) atomic_store_explicit(&turn->last, self(), memory_order_relaxed);
    return status;
}

int gd_turn_create(gd_turn **turn) {
    *turn = calloc(1, sizeof **turn);
    return *turn != NULL ? GD_OK : GD_ERR_MEMORY;
}

void gd_turn_destroy(gd_turn *turn) { free(turn); }
