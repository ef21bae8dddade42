/* watch.h: owns whether work goes on. Whoever works says how much it has done; now and then the clock is read, and a few
 * times a second the caller's function is asked whether to stop. Knows neither programs nor searches.
 *
 * Only the thread that began spends, so that the function runs there; others look whether it is stopped.
 */
#ifndef GD_WATCH_H
#define GD_WATCH_H
#include <stdatomic.h>
#include <time.h>

#include "graphdiff.h"

typedef struct {
    gd_cancel_fn cancel; /* NULL: nobody stops it */
    int64_t left;        /* what may be done before the clock is read; one unit is an element or a comparison */
    int64_t due;         /* when cancel is asked next, in ns */
    atomic_int stopped;
} gd_watch;

#define GD_WATCH_SPAN INT64_C(200000)     /* a millisecond or a few */
#define GD_WATCH_PERIOD INT64_C(60000000) /* ns */

static inline gd_watch gd_watch_of(gd_cancel_fn cancel) { return (gd_watch){.cancel = cancel, .left = GD_WATCH_SPAN}; }

static inline int gd_watch_stopped(gd_watch *watch) {
    return atomic_load_explicit(&watch->stopped, memory_order_relaxed);
}

static inline int gd_watch_look(gd_watch *watch) {
    watch->left = GD_WATCH_SPAN;
    if (gd_watch_stopped(watch)) return 1;
    if (watch->cancel == NULL) return 0;
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    int64_t now = (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
    if (now < watch->due) return 0;
    watch->due = now + GD_WATCH_PERIOD;
    if (watch->cancel() == 0) return 0;
    atomic_store_explicit(&watch->stopped, 1, memory_order_relaxed);
    return 1;
}

/* takes what was done from what may be done; non-zero: stop */
static inline int gd_watch_spend(gd_watch *watch, int64_t work) {
    watch->left -= work;
    return watch->left > 0 ? 0 : gd_watch_look(watch);
}

#endif
