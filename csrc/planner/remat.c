/* remat.c: gd_remat_plan. Checks the caller's graph, makes lists of readers, and runs the searches: greedy walks, then
 * exact search where the graph is small and no bytes are shared, then annealing.
 */
#include "remat.h"
#include "graphdiff.h"
#include <stdlib.h>
#include <string.h>

#define GREEDY_SHARE 0.15 /* of the budget, at most */

/* ---- the caller's graph ---- */

typedef struct {
    int32_t *in_at, *in, *out_at, *out, *order, *mark, *take;
    int64_t *work;
    uint8_t *taken;
} lists;

static void lists_free(lists *g) {
    free(g->in_at);
    free(g->in);
    free(g->out_at);
    free(g->out);
    free(g->order);
    free(g->mark);
    free(g->take);
    free(g->work);
    free(g->taken);
}

static int check(const gd_remat_graph *g, double *least) {
    int64_t n = g->n, bytes = 0;
    if (n < 1 || n > INT32_MAX / 64 || g->in_at[0] != 0) return GD_ERR_SHAPE;
    *least = 0;
    for (int64_t v = 0; v < n; v++) {
        if (!(g->cost[v] >= 0) || g->size[v] < 0 || g->size[v] > INT64_MAX / 4 - bytes) return GD_ERR_SHAPE;
        bytes += g->size[v];
        if (g->work && (g->work[v] < 0 || g->work[v] > INT64_MAX / 4 - bytes)) return GD_ERR_SHAPE;
        if (g->work) bytes += g->work[v];
        if (g->in_at[v + 1] < g->in_at[v] || g->in_at[v + 1] > INT32_MAX / 64) return GD_ERR_SHAPE;
        *least += g->cost[v];
        if (g->order[v] < 0 || g->order[v] >= n) return GD_ERR_BOUNDS;
    }
    if (!(*least < 1e290)) return GD_ERR_SHAPE;
    for (int64_t e = 0; e < g->in_at[n]; e++)
        if (g->in[e] < 0 || g->in[e] >= n) return GD_ERR_BOUNDS;
    return GD_OK;
}

/* Lists without doubles, both ways; GD_ERR_SHAPE where the order is not topological. */
static int make_lists(lists *g, const gd_remat_graph *from) {
    const int64_t n = from->n, *in_at = from->in_at, *in = from->in, *order = from->order;
    size_t nodes = (size_t)n, edges = (size_t)in_at[n] + 1;
    g->in_at = malloc((nodes + 1) * sizeof *g->in_at);
    g->in = malloc(edges * sizeof *g->in);
    g->out_at = calloc(nodes + 2, sizeof *g->out_at);
    g->out = malloc(edges * sizeof *g->out);
    g->order = malloc(nodes * sizeof *g->order);
    g->mark = malloc(nodes * sizeof *g->mark);
    if (!(g->in_at && g->in && g->out_at && g->out && g->order && g->mark)) return GD_ERR_MEMORY;
    for (int64_t v = 0; v < n; v++) g->mark[v] = -1;
    for (int64_t k = 0; k < n; k++) { /* mark: done before position k */
        int64_t v = order[k];
        if (g->mark[v] >= 0) return GD_ERR_SHAPE;
        for (int64_t e = in_at[v]; e < in_at[v + 1]; e++)
            if (g->mark[in[e]] < 0) return GD_ERR_SHAPE;
        g->mark[v] = 0;
        g->order[k] = (int32_t)v;
    }
    int32_t count = 0;
    for (int64_t v = 0; v < n; v++) { /* mark: 1 + the last node to have read it */
        g->in_at[v] = count;
        for (int64_t e = in_at[v]; e < in_at[v + 1]; e++) {
            if (g->mark[in[e]] == v + 1) continue;
            g->mark[in[e]] = (int32_t)v + 1;
            g->in[count++] = (int32_t)in[e];
            g->out_at[in[e] + 2]++;
        }
    }
    g->in_at[n] = count;
    for (int64_t v = 0; v < n; v++) g->out_at[v + 1] += g->out_at[v];
    for (int32_t v = 0; v < n; v++)
        for (int32_t e = g->in_at[v]; e < g->in_at[v + 1]; e++) g->out[g->out_at[g->in[e] + 1]++] = v;
    return GD_OK;
}

/* Work and what may be taken; GD_ERR_SHAPE where that is no input of the node's size. */
static int make_sharing(lists *g, const gd_remat_graph *from, gd_remat *r) {
    size_t n = (size_t)from->n;
    g->work = calloc(n, sizeof *g->work);
    g->take = malloc(n * sizeof *g->take);
    g->taken = calloc(n, sizeof *g->taken);
    if (!(g->work && g->take && g->taken)) return GD_ERR_MEMORY;
    r->plain = 1;
    for (int32_t v = 0; v < from->n; v++) {
        int64_t i = from->take ? from->take[v] : -1;
        int found = i < 0;
        for (int32_t e = g->in_at[v]; e < g->in_at[v + 1]; e++) found |= g->in[e] == i;
        if (!found || (i >= 0 && from->size[i] != from->size[v])) return GD_ERR_SHAPE;
        g->take[v] = i < 0 ? -1 : (int32_t)i;
        if (i >= 0) g->taken[i] = 1;
        if (from->work) g->work[v] = from->work[v];
        if (i >= 0 || g->work[v]) r->plain = 0;
    }
    r->work = g->work, r->take = g->take, r->taken = g->taken;
    return GD_OK;
}

/* The caller's schedule, measured; GD_ERR_SHAPE where it is none. Uses mark. */
static int make_start(const lists *g, const gd_remat_graph *from, const gd_remat *r, gd_schedule *start) {
    int32_t ran = 0;
    for (int32_t v = 0; v < r->n; v++) g->mark[v] = 0;
    if (from->n_start > INT32_MAX / 8) return GD_ERR_SHAPE;
    for (int64_t t = 0; t < from->n_start; t++) {
        int64_t v = from->start[t];
        if (v < 0 || v >= r->n) return GD_ERR_BOUNDS;
        for (int32_t e = r->in_at[v]; e < r->in_at[v + 1]; e++)
            if (!g->mark[r->in[e]]) return GD_ERR_SHAPE;
        ran += !g->mark[v];
        g->mark[v] = 1;
        if (!gd_schedule_push(start, (int32_t)v)) return GD_ERR_MEMORY;
    }
    return ran == r->n ? gd_schedule_measure(r, start) : GD_ERR_SHAPE;
}

/* ---- the searches ---- */

static int search(const gd_remat *r, gd_budget *budget, uint64_t seed, const gd_schedule *start, gd_schedule *best) {
    for (int32_t k = 0; k < r->n; k++)
        if (!gd_schedule_push(best, r->order[k])) return GD_ERR_MEMORY;
    int status = gd_schedule_measure(r, best), proved = 0;
    if (status != GD_OK || best->peak <= r->limit) return status;
    if (start->n && gd_schedule_better(r, start, best) && !gd_schedule_copy(best, start)) return GD_ERR_MEMORY;
    gd_budget share = {(int64_t)((double)budget->left * GREEDY_SHARE), budget->watch};
    int64_t given = share.left;
    status = gd_remat_greedy(r, &share, best);
    budget->left -= given - share.left;
    if (status == GD_OK && r->n <= GD_EXACT_MOST && r->plain) status = gd_remat_exact(r, budget, best, &proved);
    if (status == GD_OK && !proved && budget->left > 0 && !gd_budget_cancelled(budget))
        status = gd_remat_anneal(r, budget, seed, best);
    return status;
}

void gd_steps_free(gd_steps *s) {
    free(s->step);
    *s = (gd_steps){0};
}

int gd_remat_plan(const gd_remat_graph *graph, int64_t limit, double seconds, uint64_t seed, gd_cancel_fn cancel,
                  gd_steps *out) {
    *out = (gd_steps){0};
    if (graph->n == 0) return GD_OK;
    gd_remat r = {.n = (int32_t)graph->n, .cost = graph->cost, .size = graph->size, .limit = limit};
    int status = check(graph, &r.least);
    if (status != GD_OK) return status;
    lists g = {0};
    gd_schedule best = {0}, start = {0};
    gd_watch watch = gd_watch_of(cancel);
    gd_budget budget = gd_budget_of(seconds, &watch);
    status = make_lists(&g, graph);
    if (status == GD_OK) status = make_sharing(&g, graph, &r);
    if (status == GD_OK) {
        r.in_at = g.in_at, r.in = g.in, r.out_at = g.out_at, r.out = g.out, r.order = g.order;
        if (graph->n_start > 0) status = make_start(&g, graph, &r, &start);
    }
    if (status == GD_OK) status = search(&r, &budget, seed, &start, &best);
    if (status == GD_OK) *out = (gd_steps){best.step, best.n, best.peak, best.cost};
    else gd_schedule_free(&best);
    gd_schedule_free(&start);
    lists_free(&g);
    return status;
}
