/* remat_greedy.c: seeds. Walks the order and, where the bytes alive pass a target, drops the value that frees most
 * bytes for longest at the least cost of making it again; what a step misses is made again before it.
 *
 * The walk is repeated with targets at and below the limit, with distance weighed in different ways, and with
 * values that cross the ends of segments of the order dropped last, as a chain wants it.
 */
#include "graphdiff.h"
#include "remat.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    NEVER = INT32_MAX, /* the next use of what is not used again */
    CLOSURE_MOST = 48, /* nodes looked at to price a value */
    LONGEST = 30,      /* a schedule of more than this times the nodes is given up */
};

typedef struct {
    int64_t target;
    int weight;      /* the power of the distance in a value's price */
    int32_t segment; /* steps; 0: none */
} policy;

typedef struct {
    const gd_remat *r;
    gd_budget *budget;
    int32_t *rank;                  /* position in the order */
    int32_t *use_at, *uses;         /* positions of readers, sorted */
    int32_t *next;                  /* the index of the next use in uses */
    int32_t *far_use;               /* position of the last use that is near the making: what crosses segments */
    int32_t *alive, *slot, n_alive; /* the values alive, and where each is in the list (-1: dead) */
    int32_t *lock;                  /* how many steps to come hold it */
    int32_t *mark, *stack, *missing;
    int32_t stamp;
    int64_t bytes;
    gd_schedule walk;
} walker;

static void walker_free(walker *w) {
    free(w->rank);
    free(w->use_at);
    free(w->uses);
    free(w->next);
    free(w->far_use);
    free(w->alive);
    free(w->slot);
    free(w->lock);
    free(w->mark);
    free(w->stack);
    free(w->missing);
    gd_schedule_free(&w->walk);
}

static int walker_make(walker *w, const gd_remat *r, gd_budget *budget) {
    size_t n = (size_t)r->n, edges = (size_t)r->in_at[r->n];
    *w = (walker){.r = r, .budget = budget};
    w->rank = malloc(n * sizeof *w->rank);
    w->use_at = malloc((n + 1) * sizeof *w->use_at);
    w->uses = malloc((edges + 1) * sizeof *w->uses);
    w->next = malloc(n * sizeof *w->next);
    w->far_use = malloc(n * sizeof *w->far_use);
    w->alive = malloc(n * sizeof *w->alive);
    w->slot = malloc(n * sizeof *w->slot);
    w->lock = malloc(n * sizeof *w->lock);
    w->mark = calloc(n, sizeof *w->mark);
    w->stack = malloc((n + edges) * sizeof *w->stack);
    w->missing = malloc(n * sizeof *w->missing);
    if (!(w->rank && w->use_at && w->uses && w->next && w->far_use && w->alive && w->slot && w->lock && w->mark &&
          w->stack && w->missing))
        return 0;
    for (int32_t k = 0; k < r->n; k++) w->rank[r->order[k]] = k;
    memcpy(w->use_at, r->out_at, (n + 1) * sizeof *w->use_at);
    memcpy(w->next, r->out_at, n * sizeof *w->next);
    for (int32_t k = 0; k < r->n; k++) { /* readers in their order: each list comes out sorted */
        int32_t v = r->order[k];
        for (int32_t e = r->in_at[v]; e < r->in_at[v + 1]; e++) w->uses[w->next[r->in[e]]++] = k;
    }
    return 1;
}

/* ---- what is alive ---- */

static void keep(walker *w, int32_t v) {
    w->slot[v] = w->n_alive;
    w->alive[w->n_alive++] = v;
    w->bytes += w->r->size[v];
}

static void drop(walker *w, int32_t v) {
    int32_t last = w->alive[--w->n_alive];
    w->alive[w->slot[v]] = last;
    w->slot[last] = w->slot[v];
    w->slot[v] = -1;
    w->bytes -= w->r->size[v];
}

/* the position of the next use at or after `now` */
static int32_t next_use(const walker *w, int32_t v, int32_t now) {
    int32_t k = w->next[v], end = w->use_at[v + 1];
    while (k < end && w->uses[k] < now) k++;
    w->next[v] = k;
    return k < end ? w->uses[k] : NEVER;
}

/* the cost of making v again with what is alive, no more than CLOSURE_MOST nodes looked at */
static double price(walker *w, int32_t v) {
    const gd_remat *r = w->r;
    double total = 0;
    int32_t depth = 0, seen = 0;
    w->stamp++;
    w->stack[depth++] = v;
    w->mark[v] = w->stamp;
    while (depth && seen < CLOSURE_MOST) {
        int32_t x = w->stack[--depth];
        total += r->cost[x];
        seen++;
        for (int32_t e = r->in_at[x]; e < r->in_at[x + 1]; e++) {
            int32_t i = r->in[e];
            if (w->slot[i] < 0 && w->mark[i] != w->stamp) w->mark[i] = w->stamp, w->stack[depth++] = i;
        }
    }
    gd_budget_spend(w->budget, 8 * seen + 8);
    return total;
}

/* Drops values until `more` bytes can join those alive within the target, or nothing else may go. */
static void make_room(walker *w, const policy *p, int32_t now, int64_t more) {
    const gd_remat *r = w->r;
    while (w->bytes + more > p->target) {
        int32_t worst = -1;
        double best = 0;
        for (int32_t k = 0; k < w->n_alive; k++) {
            int32_t v = w->alive[k];
            if (w->lock[v] || gd_remat_kept(r, v) || r->size[v] == 0) continue;
            int32_t next = next_use(w, v, now);
            if (next == NEVER) {
                worst = v;
                break;
            }
            double worth = (double)r->size[v], distance = next - now + 1;
            for (int q = 0; q < p->weight; q++) worth *= distance;
            if (p->segment && w->rank[v] / p->segment != w->far_use[v] / p->segment) worth /= 256;
            if (worth <= best * r->cost[v]) continue;
            double cost = price(w, v);
            worth = cost > 0 ? worth / cost : INFINITY;
            if (worth > best) best = worth, worst = v;
        }
        gd_budget_spend(w->budget, 8 * w->n_alive);
        if (worst < 0) return;
        drop(w, worst);
    }
}

/* ---- the walk ---- */

/* One step: its inputs are alive and locked. */
static int step(walker *w, const policy *p, int32_t v, int32_t now) {
    const gd_remat *r = w->r;
    int32_t i = r->take[v];
    int64_t shared = i >= 0 && w->lock[i] == 1 && next_use(w, i, now + 1) == NEVER ? r->size[v] : 0;
    make_room(w, p, now, r->size[v] + r->work[v] - shared);
    keep(w, v);
    if (!gd_schedule_push(&w->walk, v)) return 0;
    for (int32_t e = r->in_at[v]; e < r->in_at[v + 1]; e++) w->lock[r->in[e]]--;
    return 1;
}

static int by_rank(const void *x, const void *y) {
    int64_t a = *(const int64_t *)x, b = *(const int64_t *)y;
    return (a > b) - (a < b);
}

/* Collects v and what it misses, in an order that can be run; counts in lock who will read what. */
static int32_t collect(walker *w, int32_t v, int64_t *sorted) {
    const gd_remat *r = w->r;
    int32_t depth = 0, n = 0;
    w->stamp++;
    w->stack[depth++] = v;
    w->mark[v] = w->stamp;
    while (depth) {
        int32_t x = w->stack[--depth];
        sorted[n++] = ((int64_t)w->rank[x] << 32) | x;
        for (int32_t e = r->in_at[x]; e < r->in_at[x + 1]; e++) {
            int32_t i = r->in[e];
            w->lock[i]++;
            if (w->slot[i] < 0 && w->mark[i] != w->stamp) w->mark[i] = w->stamp, w->stack[depth++] = i;
        }
    }
    if (n > 1) qsort(sorted, (size_t)n, sizeof *sorted, by_rank);
    gd_budget_spend(w->budget, 16 * n);
    return n;
}

/* GD_OK with walk.n = 0 where the walk was given up. */
static int walk(walker *w, const policy *p, int64_t *sorted) {
    const gd_remat *r = w->r;
    int32_t n = r->n, near = 2 * p->segment;
    memset(w->lock, 0, (size_t)n * sizeof *w->lock);
    w->n_alive = 0, w->bytes = 0, w->walk.n = 0;
    for (int32_t v = 0; v < n; v++) {
        w->slot[v] = -1;
        w->next[v] = w->use_at[v];
        w->far_use[v] = w->rank[v];
        for (int32_t k = w->use_at[v]; k < w->use_at[v + 1] && w->uses[k] - w->rank[v] <= near; k++)
            w->far_use[v] = w->uses[k];
    }
    for (int32_t now = 0; now < n; now++) {
        int32_t count = collect(w, r->order[now], sorted);
        for (int32_t k = 0; k < count; k++) {
            int32_t v = (int32_t)(sorted[k] & INT32_MAX);
            if (!step(w, p, v, now)) return GD_ERR_MEMORY;
        }
        for (int32_t k = w->n_alive; k-- > 0;) { /* what is not used again goes at once */
            int32_t v = w->alive[k];
            if (!gd_remat_kept(r, v) && next_use(w, v, now + 1) == NEVER) drop(w, v);
        }
        if (!gd_budget_spend(w->budget, 4 * w->n_alive + 16) || w->walk.n > (int64_t)LONGEST * n) {
            w->walk.n = 0;
            return GD_OK;
        }
    }
    return GD_OK;
}

/* one walk; best becomes what it gives where that is better */
static int attempt(walker *w, const policy *p, int64_t *sorted, gd_schedule *best) {
    int status = walk(w, p, sorted);
    if (status != GD_OK || w->walk.n == 0) return status;
    status = gd_schedule_measure(w->r, &w->walk);
    if (status == GD_OK && gd_schedule_better(w->r, &w->walk, best) && !gd_schedule_copy(best, &w->walk))
        return GD_ERR_MEMORY;
    return status;
}

int gd_remat_greedy(const gd_remat *r, gd_budget *budget, gd_schedule *best) {
    static const double shares[] = {1, 0.97, 0.9, 0.8, 0.6};
    walker w;
    int64_t *sorted = malloc((size_t)r->n * sizeof *sorted);
    int status = walker_make(&w, r, budget) && sorted ? GD_OK : GD_ERR_MEMORY;
    for (int32_t segment = 0; segment < r->n && status == GD_OK; segment = segment ? 2 * segment : 4)
        for (int k = 0; k < 15 && status == GD_OK && budget->left > 0 && !gd_budget_cancelled(budget); k++) {
            policy p = {(int64_t)((double)r->limit * shares[k / 3]), k % 3, segment};
            status = attempt(&w, &p, sorted, best);
        }
    walker_free(&w);
    free(sorted);
    return status;
}
