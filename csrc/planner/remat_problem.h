/* remat_problem.h: one rematerialisation problem as its searches see it, and the schedules they exchange. Internal to the
 * planner.
 *
 * Nodes are 0..n-1, each of a cost and a size, made from its inputs. A schedule is a list of nodes, repeats allowed,
 * each after copies of its inputs. A step makes a copy that lives until the last use before the next copy of the same
 * node, or, where nobody reads the node and this is its last copy, to the end. The peak is the largest total alive
 * during a step, its inputs, its work and its output included - the output not where it takes the bytes of an input
 * whose last use this is. Nothing here knows of instructions, of the caller's arrays or of time: remat.c translates.
 */
#ifndef GD_REMAT_PROBLEM_H
#define GD_REMAT_PROBLEM_H
#include <stdint.h>

typedef struct {
    int32_t n;
    const double *cost;          /* finite, not negative; so is their sum */
    const int64_t *size, *work;  /* not negative; so is their sum. work: alive during the step only */
    const int32_t *take;         /* the input of equal size whose bytes the output may take; -1: none */
    const uint8_t *taken;        /* whether some node may take this one's bytes */
    int plain;                   /* no node has work or takes bytes */
    const int32_t *in_at, *in;   /* inputs of v: in[in_at[v]] to in[in_at[v+1]-1], none twice */
    const int32_t *out_at, *out; /* its readers, likewise */
    const int32_t *order;        /* topological: every node once */
    int64_t limit;
    double least; /* the sum of costs: no schedule costs less */
} gd_remat;

static inline int gd_remat_kept(const gd_remat *r, int32_t v) { return r->out_at[v] == r->out_at[v + 1]; }

/* A schedule and what it reaches, as gd_schedule_measure finds it. */
typedef struct {
    int32_t *step, n, room;
    int64_t peak;
    double cost;
} gd_schedule;

void gd_schedule_free(gd_schedule *s);
int gd_schedule_push(gd_schedule *s, int32_t v); /* false when there is no memory */
int gd_schedule_copy(gd_schedule *to, const gd_schedule *from);
/* Fills in peak and cost by replaying the schedule; a status. */
int gd_schedule_measure(const gd_remat *r, gd_schedule *s);
/* Whether x is the better one: within the limit at less cost, else of the lower peak. */
int gd_schedule_better(const gd_remat *r, const gd_schedule *x, const gd_schedule *y);

/* Reproducible random numbers. */
typedef struct {
    uint64_t state;
} gd_random;
static inline uint64_t gd_random_bits(gd_random *g) { /* SplitMix64 */
    uint64_t z = g->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}
static inline int32_t gd_random_below(gd_random *g, int32_t n) {
    return (int32_t)(((gd_random_bits(g) >> 32) * (uint64_t)n) >> 32);
}
static inline double gd_random_unit(gd_random *g) { return (double)(gd_random_bits(g) >> 11) * 0x1p-53; }

#endif
