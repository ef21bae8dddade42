/* arena.h: one arena problem as its searches see it. Internal to the planner.
 *
 * A problem is a set of buffers connected in time: cut into sections 0..sections-1, buffer i is alive in the
 * sections [lo[i], hi[i]), lo < hi, and takes size[i] > 0 units. A search writes offsets and returns the peak; it
 * never writes worse offsets than it was given. Nothing here knows of alignment, of original times or of the
 * caller's numbering: arena.c translates.
 */
#ifndef GD_ARENA_H
#define GD_ARENA_H
#include "budget.h"

#define GD_ARENA_NONE INT64_MAX /* the peak of a search that found nothing better */

typedef struct {
    int32_t n, sections;
    const int32_t *lo, *hi;
    const int64_t *size;
    int64_t bound; /* the largest total alive in a section */
    int64_t goal;  /* a peak that is good enough: searches stop there */
} gd_arena;

/* Scratch for the greedy placers, for problems of up to n buffers. NULL when there is no memory. */
typedef struct gd_greedy gd_greedy;
gd_greedy *gd_greedy_create(int32_t n);
void gd_greedy_destroy(gd_greedy *g);

/* Runs the portfolio. offsets holds a placement of the given peak on entry (GD_ARENA_NONE: none yet) and the best
 * one on return. Without a placement on entry one is always found, however small the budget. */
int64_t gd_greedy_run(gd_greedy *g, const gd_arena *a, gd_budget *budget, int64_t *offsets, int64_t peak);

/* Improves the placement of the given peak in offsets by moving, in an order for first fit, what makes the peak to the
 * front; ends at the goal, after the given steps or with the budget. The new peak. */
int64_t gd_greedy_improve(gd_greedy *g, const gd_arena *a, gd_budget *budget, int64_t steps, int64_t *offsets,
                          int64_t peak);

/* Branch and bound for problems of up to GD_SEARCH_MOST buffers. The problem outlives the search. */
#define GD_SEARCH_MOST 1024
typedef struct gd_search gd_search;
gd_search *gd_search_create(const gd_arena *a);
void gd_search_destroy(gd_search *s);

/* Improves the placement of the given peak in offsets until the goal or the end of the budget; the new peak. */
int64_t gd_search_run(gd_search *s, const gd_arena *a, gd_budget *budget, int64_t *offsets, int64_t peak);

#endif
