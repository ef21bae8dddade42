/* remat.h: the searches for a schedule. Internal to the planner. */
#ifndef GD_REMAT_H
#define GD_REMAT_H
#include "budget.h"
#include "remat_problem.h"

/* Each search takes a schedule that is valid and measured, replaces it where it finds a better one, spends budget, and
 * returns a status. */

/* Walks the order, and where bytes run short drops what frees most for its cost; repeats what is missing. */
int gd_remat_greedy(const gd_remat *r, gd_budget *budget, gd_schedule *best);

/* Best-first branch and bound over sets of living values, for up to GD_EXACT_MOST nodes. *proved: best is an optimum,
 * or, where nothing fits, of the least peak there is. */
#define GD_EXACT_MOST 25
int gd_remat_exact(const gd_remat *r, gd_budget *budget, gd_schedule *best, int *proved);

/* Annealing on an array of slots, from best. */
int gd_remat_anneal(const gd_remat *r, gd_budget *budget, uint64_t seed, gd_schedule *best);

#endif
