/* test_remat.c: rematerialisation on plain arrays: random graphs whose schedules are replayed step by step, chains whose
 * plans are, and arguments that are refused, in buffers of the exact size, so that a sanitizer sees a step outside.
 */
#include "harness.h"

enum { MOST = 40 };

typedef struct {
    int64_t n, size[MOST], work[MOST], take[MOST], at[MOST + 1], in[3 * MOST], order[MOST];
    double cost[MOST];
} graph;

/* shared: with workspace, and outputs that take the bytes of inputs */
static graph random_graph(int64_t n, int shared) {
    graph g = {.n = n};
    for (int64_t v = 0; v < n; v++) {
        g.size[v] = random_below(30), g.cost[v] = (double)random_below(9), g.order[v] = v;
        int64_t reads = v ? random_below(4) : 0;
        g.at[v + 1] = g.at[v];
        while (reads--) g.in[g.at[v + 1]++] = v - 1 - random_below(v < 6 ? v : 6);
        g.work[v] = shared && random_below(3) == 0 ? random_below(20) : 0, g.take[v] = -1;
        if (shared && g.at[v] < g.at[v + 1] && random_below(3)) {
            g.take[v] = g.in[g.at[v]];
            g.size[v] = g.size[g.take[v]];
        }
    }
    return g;
}

static int asked;
static int at_once(void) {
    asked++;
    return 1;
}

static int plan(const graph *g, int64_t limit, double seconds, gd_cancel_fn cancel, gd_steps *out) {
    const gd_remat_graph graph = {g->n, g->cost, g->size, g->work, g->take, g->at, g->in, g->order, NULL, 0};
    return gd_remat_plan(&graph, limit, seconds, 7, cancel, out);
}

/* the least that is alive while each step's inputs and output are: what the steps use again later, and what stays */
static void replay(const graph *g, const gd_steps *s) {
    int64_t made[MOST], peak = 0, *until = calloc((size_t)s->n + 1, sizeof *until);
    int read[MOST] = {0};
    double cost = 0;
    for (int64_t v = 0; v < g->n; v++) made[v] = -1;
    for (int64_t i = 0; i < g->at[g->n]; i++) read[g->in[i]] = 1;
    for (int64_t t = 0; t < s->n; t++) {
        int32_t v = s->step[t];
        CHECK(v >= 0 && v < g->n);
        for (int64_t i = g->at[v]; i < g->at[v + 1]; i++) {
            CHECK(made[g->in[i]] >= 0, "step %d runs %d too early", (int)t, v);
            if (made[g->in[i]] >= 0) until[made[g->in[i]]] = t;
        }
        made[v] = until[t] = t;
        cost += g->cost[v];
    }
    for (int64_t v = 0; v < g->n; v++) {
        CHECK(made[v] >= 0);
        if (made[v] >= 0 && !read[v]) until[made[v]] = s->n - 1;
    }
    for (int64_t t = 0; t < s->n; t++) {
        int32_t v = s->step[t];
        int64_t live = g->work[v];
        for (int64_t u = 0; u <= t; u++) live += until[u] >= t ? g->size[s->step[u]] : 0;
        for (int64_t u = t; g->take[v] >= 0 && u-- > 0;)
            if (s->step[u] == g->take[v]) {
                live -= until[u] == t ? g->size[v] : 0;
                break;
            }
        peak = live > peak ? live : peak;
    }
    CHECK(peak == s->peak && fabs(cost - s->cost) < 1e-9);
    free(until);
}

static void test_graph(int round) {
    graph g = random_graph(1 + random_below(round % 2 ? 12 : MOST), round % 3 == 0);
    gd_steps all, some;
    CHECK(plan(&g, INT64_C(1) << 60, 0.01, NULL, &all) == GD_OK);
    replay(&g, &all);
    CHECK(plan(&g, all.peak * (3 + round % 7) / 10, 0.002, NULL, &some) == GD_OK);
    replay(&g, &some);
    CHECK(some.peak <= all.peak && some.cost >= all.cost);
    gd_steps_free(&some);
    const gd_remat_graph again = {g.n, g.cost, g.size, g.work, g.take, g.at, g.in, g.order, g.order, g.n};
    CHECK(gd_remat_plan(&again, all.peak / 2, 0.002, 7, NULL, &some) == GD_OK);
    replay(&g, &some);
    gd_steps_free(&some);
    asked = 0;
    int status = plan(&g, all.peak / 2, 1e6, at_once, &some);
    CHECK(status == GD_OK || status == GD_ERR_CANCELLED);
    CHECK(asked <= 1); /* a search of a million seconds, had it not been ended */
    if (status == GD_OK) replay(&g, &some), gd_steps_free(&some);
    gd_steps_free(&all);
}

static void test_chain(void) {
    int64_t n = 1 + random_below(12), limit = random_below(40), state[12], tape[12], passing[12], working[12];
    double forward[12], backward[12];
    for (int64_t i = 0; i < n; i++) {
        forward[i] = (double)random_below(9), backward[i] = (double)random_below(9);
        state[i] = random_below(6), tape[i] = state[i] + random_below(6);
        passing[i] = random_below(4), working[i] = random_below(4);
    }
    gd_chain *chain;
    CHECK(gd_chain_create(n, forward, backward, state, tape, passing, working, limit, NULL, &chain) == GD_OK);
    for (int64_t m = 0; m <= limit; m++) {
        gd_steps steps;
        double cost = gd_chain_cost(chain, n, m), paid = 0;
        CHECK(m == 0 || cost <= gd_chain_cost(chain, n, m - 1));
        if (isinf(cost)) {
            CHECK(gd_chain_plan(chain, n, m, &steps) == GD_ERR_SHAPE);
            continue;
        }
        CHECK(gd_chain_plan(chain, n, m, &steps) == GD_OK);
        int64_t kept = 0, left = n;
        for (int64_t t = 0; t < steps.n; t++) {
            int64_t what = steps.step[t] / n, i = steps.step[t] % n;
            if (what == GD_CHAIN_STORE) kept += state[i];
            if (what == GD_CHAIN_LOAD) kept -= state[i];
            if (what == GD_CHAIN_TAPE) kept += tape[i];
            if (what == GD_CHAIN_FORWARD || what == GD_CHAIN_TAPE) paid += forward[i];
            CHECK(kept >= 0 && kept <= m);
            if (what == GD_CHAIN_BACKWARD) {
                CHECK(kept + working[i] <= m && i == --left);
                kept -= tape[i], paid += backward[i];
            }
        }
        CHECK(left == 0 && kept == 0 && fabs(paid - cost) < 1e-9);
        gd_steps_free(&steps);
    }
    gd_chain_destroy(chain);
}

static void test_refusals(void) {
    graph good = random_graph(6, 0), g = good;
    gd_steps out;
    g.cost[2] = NAN;
    CHECK(plan(&g, 9, 0.01, NULL, &out) == GD_ERR_SHAPE);
    g = good, g.size[3] = -1;
    CHECK(plan(&g, 9, 0.01, NULL, &out) == GD_ERR_SHAPE);
    g = good, g.order[0] = 1;
    CHECK(plan(&g, 9, 0.01, NULL, &out) == GD_ERR_SHAPE);
    g = good, g.order[5] = 6;
    CHECK(plan(&g, 9, 0.01, NULL, &out) == GD_ERR_BOUNDS);
    g = good, g.take[0] = 5;
    CHECK(plan(&g, 9, 0.01, NULL, &out) == GD_ERR_SHAPE);
    g = good, g.work[1] = -1;
    CHECK(plan(&g, 9, 0.01, NULL, &out) == GD_ERR_SHAPE);
    gd_remat_graph start = {g.n, g.cost, g.size, NULL, NULL, g.at, g.in, g.order, g.order, 3};
    CHECK(gd_remat_plan(&start, 9, 0.01, 7, NULL, &out) == GD_ERR_SHAPE);
    g = good, g.n = 0;
    CHECK(plan(&g, 0, 0.01, NULL, &out) == GD_OK && out.n == 0);
    gd_steps_free(&out);
}

int main(void) {
    for (int round = 0; round < 150; round++) test_graph(round);
    for (int round = 0; round < 150; round++) test_chain();
    test_refusals();
    return report();
}
