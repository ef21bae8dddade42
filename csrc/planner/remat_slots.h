/* remat_slots.h: a schedule laid out on an array of slots, most of them empty, that takes single steps in and out.
 *
 * Of every node the slots where it is made and those where it is used are kept sorted. What lives in each slot is a
 * tree of sums with their maxima, so that a step put in or taken out costs a few additions over ranges.
 */
#ifndef GD_REMAT_SLOTS_H
#define GD_REMAT_SLOTS_H
#include "remat_problem.h"

typedef struct {
    int32_t *at, n, room;
} gd_times;

typedef struct {
    const gd_remat *r;
    int32_t length, leaves, filled;
    int32_t *node;         /* by slot; -1: empty */
    gd_times *made, *used; /* by node */
    int64_t *top, *add;    /* by tree node: the largest total below it, and what was added to all of it */
    double cost;
    int64_t steps; /* work done, in the budget's unit */
    int failed;    /* there was no memory: the slots are of no more use */
} gd_slots;

int gd_slots_create(gd_slots *s, const gd_remat *r, int32_t length); /* a status */
void gd_slots_destroy(gd_slots *s);
/* Lays the schedule out evenly; it is shorter than the slots. */
void gd_slots_fill(gd_slots *s, const gd_schedule *schedule);
int gd_slots_read(const gd_slots *s, gd_schedule *schedule); /* false when there is no memory */

/* The number of times in t that are less than slot. */
static inline int32_t gd_times_before(const gd_times *t, int32_t slot) {
    int32_t lo = 0, hi = t->n;
    while (lo < hi) {
        int32_t mid = (lo + hi) / 2;
        if (t->at[mid] < slot) lo = mid + 1;
        else hi = mid;
    }
    return lo;
}

int gd_slots_fits(gd_slots *s, int32_t v, int32_t slot); /* copies of v's inputs come before the empty slot */
void gd_slots_put(gd_slots *s, int32_t v, int32_t slot); /* where it fits */
int gd_slots_spare(gd_slots *s, int32_t slot);           /* every use of the copy made here has an earlier one */
void gd_slots_take(gd_slots *s, int32_t slot);           /* where it is spare, or was just put */

/* The last slot that the k-th copy of v lives in. */
int32_t gd_slots_end(const gd_slots *s, int32_t v, int32_t k);

static inline int64_t gd_slots_peak(const gd_slots *s) { return s->top[1]; }
int32_t gd_slots_peak_at(gd_slots *s);

#endif
