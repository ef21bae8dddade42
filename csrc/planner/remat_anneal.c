/* remat_anneal.c: simulated annealing of a schedule on its slots (after Imanishi et al., with moves of several steps).
 *
 * The energy is the cost, and over the limit more by the share that the peak is over it, times a weight that rises
 * while the limit is missed and falls back to one while it is kept. Moves: make a value that lives idle through the
 * peak again before its next use, with those of its inputs that are gone; take out a step that is spare; put one
 * elsewhere; take one out and make room otherwise. A move that is refused is undone step by step.
 */
#include "graphdiff.h"
#include "remat.h"
#include "remat_slots.h"
#include <stdlib.h>
#include <string.h>

enum {
    PLATEAUS = 200,
    TIDYING = 10,       /* plateaus' worth of the budget for taking out what is spare at last */
    EDITS = 64,         /* steps put and taken by one move, at most */
    MOVES_BETWEEN = 32, /* between looks at the budget */
};
/* the first temperature, in costs of a mean step; 1e4 times less at the last: the 200th root of 1e-4 */
static const double HOTTEST = 1, COOLING = 0.954992586021436;

typedef struct {
    int32_t node, slot, put;
} edit;

typedef struct {
    gd_slots s;
    const gd_remat *r;
    gd_random random;
    double energy, weight, bar; /* bar: what the energy of a move must not pass */
    double depth;               /* of this move: how readily missing inputs are made again too */
    edit edits[EDITS];
    int n_edits;
    int32_t *repeated, *where, n_repeated; /* nodes with several copies, and where each is in the list */
    gd_schedule best;
} annealer;

static double energy_of(const annealer *a, double cost, int64_t peak) {
    int64_t limit = a->r->limit > 0 ? a->r->limit : 1;
    return peak <= limit ? cost : cost * (1 + a->weight * ((double)peak / (double)limit - 1));
}

/* -log of a uniform number, from the same operations on every machine: it steers, so three digits do */
static double exponential(gd_random *g) {
    uint64_t bits = gd_random_bits(g) | 1;
    int zeros = 0;
    while (!(bits >> 63)) bits <<= 1, zeros++;
    double m = (double)(bits >> 11) * 0x1p-52 - 1, t = m / (m + 2), q = t * t; /* log(1 + m) = 2 atanh(t) */
    return (zeros + 1) * 0.6931471805599453 - 2 * t * (1 + q * (1 / 3.0 + q * (0.2 + q / 7)));
}

/* ---- edits ---- */

/* keeps the list of nodes with several copies */
static void count(annealer *a, int32_t v) {
    int32_t n = a->s.made[v].n;
    if (n > 1 && a->where[v] < 0) {
        a->where[v] = a->n_repeated;
        a->repeated[a->n_repeated++] = v;
    } else if (n <= 1 && a->where[v] >= 0) {
        int32_t last = a->repeated[--a->n_repeated];
        a->repeated[a->where[v]] = last;
        a->where[last] = a->where[v];
        a->where[v] = -1;
    }
}

static int put(annealer *a, int32_t v, int32_t slot) {
    if (a->n_edits == EDITS || a->s.node[slot] >= 0 || !gd_slots_fits(&a->s, v, slot)) return 0;
    gd_slots_put(&a->s, v, slot);
    a->edits[a->n_edits++] = (edit){v, slot, 1};
    count(a, v);
    return !a->s.failed;
}

static int take(annealer *a, int32_t slot) {
    if (a->n_edits == EDITS || !gd_slots_spare(&a->s, slot)) return 0;
    int32_t v = a->s.node[slot];
    gd_slots_take(&a->s, slot);
    a->edits[a->n_edits++] = (edit){v, slot, 0};
    count(a, v);
    return 1;
}

static void undo(annealer *a) {
    while (a->n_edits && !a->s.failed) {
        edit e = a->edits[--a->n_edits];
        if (e.put) gd_slots_take(&a->s, e.slot);
        else gd_slots_put(&a->s, e.node, e.slot);
        count(a, e.node);
    }
}

/* ---- parts of moves ---- */

/* the last empty slot in (low, high), or -1 */
static int32_t empty_below(annealer *a, int32_t low, int32_t high) {
    int32_t t = high - 1;
    while (t > low && a->s.node[t] >= 0) t--;
    a->s.steps += high - t;
    return t > low ? t : -1;
}

/* Makes v again in the slots (low, high), near the end of them or anywhere, and with it inputs that would have to be
 * held for it from long ago. */
static int make_again(annealer *a, int32_t v, int32_t low, int32_t high) {
    struct {
        int32_t v, low, high;
    } stack[EDITS];
    int n = 0;
    gd_random *g = &a->random;
    if (gd_random_below(g, 4) == 0 && high - low > 2) high = low + 2 + gd_random_below(g, high - low - 1);
    stack[n].v = v, stack[n].low = low, stack[n++].high = high;
    while (n) {
        n--;
        int32_t x = stack[n].v, t = empty_below(a, stack[n].low, stack[n].high);
        if (t < 0 || !gd_slots_fits(&a->s, x, t)) {
            if (a->n_edits == 0) return 0;
            continue; /* its input is held after all */
        }
        for (int32_t e = a->r->in_at[x]; e < a->r->in_at[x + 1]; e++) {
            int32_t i = a->r->in[e], k = gd_times_before(&a->s.made[i], t) - 1, end = gd_slots_end(&a->s, i, k);
            a->s.steps += 4;
            if (end < t && n < EDITS && a->n_edits + n < EDITS / 2 && gd_random_unit(g) < a->depth)
                stack[n].v = i, stack[n].low = end, stack[n++].high = t;
        }
        if (!put(a, x, t)) return 0;
        if (a->s.cost > a->bar) return 0;
    }
    return 1;
}

/* Cuts the life of a value that is idle at the peak: of some that are drawn, the one that frees most for its cost. */
static int relieve(annealer *a) {
    const gd_remat *r = a->r;
    int32_t at = gd_slots_peak_at(&a->s), best = -1, from = 0, until = 0, found = 0;
    double most = -1;
    for (int tries = 0; tries < 24 && found < 3; tries++) {
        int32_t v = gd_random_below(&a->random, r->n);
        const gd_times *made = &a->s.made[v], *used = &a->s.used[v];
        a->s.steps += 6;
        if (r->size[v] == 0) continue;
        int32_t k = gd_times_before(made, at) - 1;
        if (k < 0 || gd_slots_end(&a->s, v, k) <= at) continue;
        int32_t u = gd_times_before(used, at), next = u < used->n ? used->at[u] : a->s.length;
        if (next == at || (k + 1 < made->n && made->at[k + 1] == at)) continue;
        double worth = (double)r->size[v] / (r->cost[v] + 1e-3 * r->least / r->n + 1e-300) * gd_random_unit(&a->random);
        found++;
        if (worth > most) most = worth, best = v, from = at, until = next;
    }
    return best >= 0 && make_again(a, best, from, until);
}

/* Makes an input of some step again before it. */
static int make_any(annealer *a) {
    int32_t u = gd_random_below(&a->random, a->s.length), v = a->s.node[u];
    a->s.steps += 2;
    if (v < 0 || a->r->in_at[v] == a->r->in_at[v + 1]) return 0;
    int32_t i = a->r->in[a->r->in_at[v] + gd_random_below(&a->random, a->r->in_at[v + 1] - a->r->in_at[v])];
    const gd_times *made = &a->s.made[i], *used = &a->s.used[i];
    int32_t k = gd_times_before(used, u), low = made->at[gd_times_before(made, u) - 1];
    if (k && used->at[k - 1] > low) low = used->at[k - 1];
    return make_again(a, i, low, u);
}

static int take_any(annealer *a) {
    if (a->n_repeated == 0) return 0;
    const gd_times *made = &a->s.made[a->repeated[gd_random_below(&a->random, a->n_repeated)]];
    return take(a, made->at[gd_random_below(&a->random, made->n)]);
}

static int shift(annealer *a) {
    gd_random *g = &a->random;
    int32_t from = -1, length = a->s.length;
    if (a->n_repeated && gd_random_below(g, 3) == 0) {
        const gd_times *made = &a->s.made[a->repeated[gd_random_below(g, a->n_repeated)]];
        from = made->at[gd_random_below(g, made->n)];
    } else {
        for (int tries = 0; tries < 8 && (from < 0 || a->s.node[from] < 0); tries++) from = gd_random_below(g, length);
        if (a->s.node[from] < 0) return 0;
    }
    int32_t span = 2;
    while (span < length && gd_random_below(g, 4)) span *= 2;
    int32_t to = from + gd_random_below(g, 2 * span + 1) - span, v = a->s.node[from], sign = to < from ? -1 : 1;
    a->s.steps += 8;
    while (to >= 0 && to < length && a->s.node[to] >= 0) to += sign, a->s.steps++;
    if (to < 0 || to >= length) return 0;
    /* the step's own uses first: nothing is put in vain */
    const gd_times *made = &a->s.made[v], *used = &a->s.used[v];
    if (to > from && made->at[0] == from && used->n && used->at[0] < to && (made->n == 1 || made->at[1] > used->at[0]))
        return 0;
    return put(a, v, to) && take(a, from);
}

/* Takes a step out and, where that passes the limit, makes room otherwise. */
static int exchange(annealer *a) {
    if (!take_any(a)) return 0;
    for (int k = 0; k < 2 && gd_slots_peak(&a->s) > a->r->limit; k++)
        if (!relieve(a)) return k > 0;
    return 1;
}

static int move(annealer *a) {
    int32_t kind = gd_random_below(&a->random, 16);
    a->depth = gd_random_unit(&a->random) * 1.25;
    if (kind < 5) return gd_slots_peak(&a->s) > a->r->limit ? relieve(a) : exchange(a);
    if (kind < 6) return make_any(a);
    if (kind < 9) return take_any(a);
    if (kind < 11) return exchange(a);
    return shift(a);
}

/* ---- the run ---- */

static int remember(annealer *a) {
    if (!gd_slots_read(&a->s, &a->best)) return 0;
    a->best.cost = a->s.cost, a->best.peak = gd_slots_peak(&a->s);
    a->s.steps += a->s.length / 4;
    return 1;
}

static int is_best(const annealer *a) {
    int64_t peak = gd_slots_peak(&a->s);
    if (peak <= a->r->limit) return a->best.peak > a->r->limit || a->s.cost < a->best.cost * (1 - 1e-12);
    return peak < a->best.peak;
}

/* Spreads the steps evenly again, with empty slots between them. */
static int spread(annealer *a, const gd_schedule *schedule) {
    gd_slots_fill(&a->s, schedule);
    a->n_repeated = 0, a->n_edits = 0;
    for (int32_t v = 0; v < a->r->n; v++) {
        a->where[v] = -1;
        if (a->s.made[v].n > 1) a->where[v] = a->n_repeated, a->repeated[a->n_repeated++] = v;
    }
    a->energy = energy_of(a, a->s.cost, gd_slots_peak(&a->s));
    return !a->s.failed;
}

/* Moves at one temperature for about `share` of budget. */
static int plateau(annealer *a, gd_budget *budget, double heat, int64_t share) {
    for (int64_t spent = 0; spent < share;) {
        a->s.steps = 0;
        for (int k = 0; k < MOVES_BETWEEN; k++) {
            a->n_edits = 0;
            a->bar = a->energy + heat * exponential(&a->random);
            a->s.steps += 40;
            int made = move(a);
            double energy = energy_of(a, a->s.cost, gd_slots_peak(&a->s));
            if (a->s.failed) return GD_ERR_MEMORY;
            if (!made || energy > a->bar) {
                undo(a);
                continue;
            }
            a->energy = energy;
            if (is_best(a) && !remember(a)) return GD_ERR_MEMORY;
        }
        spent += a->s.steps;
        if (!gd_budget_spend(budget, a->s.steps)) return GD_OK;
    }
    return GD_OK;
}

/* Takes out what need not be there: every spare step, the dearest first, without which the peak is no higher than it
 * may be. */
static void prune(annealer *a, gd_budget *budget) {
    int64_t allowed = a->best.peak > a->r->limit ? a->best.peak : a->r->limit;
    for (int again = 1; again;) {
        double dearest = -1;
        int32_t at = -1;
        again = 0;
        for (int32_t k = 0; k < a->n_repeated; k++) {
            int32_t v = a->repeated[k];
            if (!gd_budget_spend(budget, 4 + a->s.steps)) return;
            a->s.steps = 0;
            if (a->r->cost[v] <= dearest) continue;
            for (int32_t c = 0; c < a->s.made[v].n && a->r->cost[v] > dearest; c++) {
                int32_t slot = a->s.made[v].at[c];
                if (!gd_slots_spare(&a->s, slot)) continue;
                gd_slots_take(&a->s, slot);
                if (gd_slots_peak(&a->s) <= allowed) dearest = a->r->cost[v], at = slot;
                gd_slots_put(&a->s, v, slot);
                if (a->s.failed) return;
            }
        }
        a->n_edits = 0;
        again = at >= 0 && take(a, at);
    }
}

static int run(annealer *a, gd_budget *budget) {
    gd_schedule now = {0};
    int64_t share = budget->left / (PLATEAUS + TIDYING);
    double heat = HOTTEST * a->r->least / a->r->n;
    int status = GD_OK;
    for (int k = 0; k < PLATEAUS && status == GD_OK && budget->left > 0 && !gd_budget_cancelled(budget); k++) {
        status = plateau(a, budget, heat, share);
        if (status != GD_OK || (a->best.peak <= a->r->limit && a->best.cost <= a->r->least * (1 + 1e-12))) break;
        heat *= COOLING;
        if (gd_slots_peak(&a->s) > a->r->limit) a->weight *= 1.1;
        else a->weight = a->weight > 1.05 ? a->weight / 1.05 : 1;
        if (!gd_slots_read(&a->s, &now) || !spread(a, &now)) status = GD_ERR_MEMORY;
    }
    gd_schedule_free(&now);
    return status;
}

int gd_remat_anneal(const gd_remat *r, gd_budget *budget, uint64_t seed, gd_schedule *best) {
    annealer a = {.r = r, .random = {seed}, .weight = 1};
    int64_t length = 2 * (int64_t)best->n + 2 * (int64_t)r->n;
    a.repeated = malloc((size_t)r->n * sizeof *a.repeated);
    a.where = malloc((size_t)r->n * sizeof *a.where);
    int status = length < INT32_MAX / 8 ? gd_slots_create(&a.s, r, (int32_t)length) : GD_ERR_SHAPE;
    if (status == GD_OK && !(a.repeated && a.where && gd_schedule_copy(&a.best, best) && spread(&a, best)))
        status = GD_ERR_MEMORY;
    if (status == GD_OK) status = run(&a, budget);
    if (status == GD_OK && !spread(&a, &a.best)) status = GD_ERR_MEMORY;
    if (status == GD_OK) {
        prune(&a, budget);
        if (a.s.failed || !gd_slots_read(&a.s, &a.best)) status = GD_ERR_MEMORY;
    }
    if (status == GD_OK) status = gd_schedule_measure(r, &a.best);
    if (status == GD_OK && gd_schedule_better(r, &a.best, best) && !gd_schedule_copy(best, &a.best))
        status = GD_ERR_MEMORY;
    if (length < INT32_MAX / 8) gd_slots_destroy(&a.s);
    gd_schedule_free(&a.best);
    free(a.repeated);
    free(a.where);
    return status;
}
