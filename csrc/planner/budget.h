/* budget.h: how much a planner search may do. Work is counted in steps, never in wall-clock time, so that the
 * same input gives the same plan on every machine; seconds are turned into steps at one nominal rate. The
 * caller may end the search whenever steps are spent. */
#ifndef GD_BUDGET_H
#define GD_BUDGET_H
#include "../threads/watch.h"

/* one step is about one comparison in an inner loop; a slow core of today does this many a second */
#define GD_STEPS_PER_SECOND 2.5e8

typedef struct {
    int64_t left;
    gd_watch *watch; /* of the whole search */
} gd_budget;

static inline gd_budget gd_budget_of(double seconds, gd_watch *watch) {
    double steps = seconds * GD_STEPS_PER_SECOND;
    gd_budget b = {0, watch};
    if (steps > 9e18) b.left = INT64_MAX;
    else if (steps > 0) b.left = (int64_t)steps; /* also refuses NaN */
    return b;
}

static inline int gd_budget_cancelled(const gd_budget *b) { return gd_watch_stopped(b->watch); }

/* takes steps from what is left; false when nothing is left or the caller has cancelled */
static inline int gd_budget_spend(gd_budget *b, int64_t steps) {
    b->left = b->left > steps ? b->left - steps : 0;
    return !gd_watch_spend(b->watch, steps) && b->left > 0;
}

#endif
