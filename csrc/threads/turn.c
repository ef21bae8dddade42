/* turn.c: owns turns: see turn.h. Those who wait are few and wait for long, so they sleep and look again; a thread that
 * has just had its turn lets one that waits go first.
 */
#include "turn.h"

#include <stdlib.h>
#include <time.h>

enum { SLEEP = 50000, PERIOD = 50000000, PATIENCE = 5000000 }; /* ns */

atomic_uint gd_turn_generation;

static void after_fork(void) { atomic_fetch_add(&gd_turn_generation, 1); }

void gd_turn_watch_forks(void) { pthread_atfork(NULL, NULL, after_fork); }

static _Atomic(gd_pause_fn) pause_fn;

void gd_set_pause(gd_pause_fn pause) { atomic_store(&pause_fn, pause); }

void gd_pause(int64_t ns) {
    gd_pause_fn pause = atomic_load(&pause_fn);
    if (pause != NULL) pause(ns);
    else nanosleep(&(struct timespec){ns / 1000000000, ns % 1000000000}, NULL);
}

/* whether somebody waits to whom this thread, which had the last turn, gives way */
static int gives_way(gd_turn *turn) {
    if (atomic_load(&turn->waiting) == 0) return 0;
    unsigned now = atomic_load(&gd_turn_generation), then = atomic_load(&turn->generation);
    if (then != now) { /* they were the parent's */
        if (atomic_compare_exchange_strong(&turn->generation, &then, now)) atomic_store(&turn->waiting, 0);
        return 0;
    }
    return atomic_load(&turn->last) == gd_turn_self();
}

int gd_turn_wait(gd_turn *turn, gd_cancel_fn cancel) {
    int way = gives_way(turn), status = way ? GD_ERR_BUSY : gd_turn_take(turn);
    if (status == GD_ERR_BUSY) {
        if (!way) {
            gives_way(turn);
            atomic_store(&turn->generation, atomic_load(&gd_turn_generation));
            atomic_fetch_add(&turn->waiting, 1);
        }
        for (int64_t slept = 0; status == GD_ERR_BUSY; slept += SLEEP) {
            gd_pause(SLEEP);
            if (!way || slept >= PATIENCE || !gives_way(turn)) status = gd_turn_take(turn);
            if (status == GD_ERR_BUSY && cancel != NULL && slept % PERIOD == 0 && cancel() != 0)
                status = GD_ERR_CANCELLED;
        }
        if (!way) atomic_fetch_sub(&turn->waiting, 1);
    }
    if (status == GD_OK) atomic_store_explicit(&turn->last, gd_turn_self(), memory_order_relaxed);
    return status;
}

int gd_turn_create(gd_turn **turn) {
    *turn = calloc(1, sizeof **turn);
    return *turn != NULL ? GD_OK : GD_ERR_MEMORY;
}

void gd_turn_destroy(gd_turn *turn) { free(turn); }
