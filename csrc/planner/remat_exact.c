/* remat_exact.c: the cheapest schedule of a small graph, best first over sets of values alive.
 *
 * A state is the set alive; the last entry to it says what it cost. A step makes a value whose inputs are alive; only
 * where bytes run short values are dropped before it, and then no more than needed: dropping later loses nothing. What a
 * state must still cost is at least the sum of what must still be made, the outputs not alive and what they need down to
 * what is alive; it never falls by more than the cost of a step, so a state is settled when it is first taken.
 */
#include "graphdiff.h"
#include "remat.h"
#include <stdlib.h>

enum { STATES_MOST = 1 << 20, UNSETTLED = -1 };

typedef struct {
    uint32_t alive;
    int32_t parent;
    double cost, least; /* so far; with what must follow */
    int8_t step, settled;
} state;

typedef struct {
    const gd_remat *r;
    uint32_t outputs, in[GD_EXACT_MOST];
    int64_t limit;
    double worth; /* a state that must cost as much is of no use */
    state *states;
    int32_t n, *table, *heap, *place, n_heap; /* place: of a state in the heap */
    int full;                                 /* or the budget is spent */
    gd_budget *budget;
} searcher;

static int64_t bytes_of(const searcher *s, uint32_t set) {
    int64_t total = 0;
    for (; set; set &= set - 1) total += s->r->size[__builtin_ctz(set)];
    return total;
}

/* the cost of what must be made from the set alive on */
static double rest(const searcher *s, uint32_t alive) {
    uint32_t need = s->outputs & ~alive, fresh = need;
    double total = 0;
    while (fresh) {
        uint32_t more = 0;
        for (; fresh; fresh &= fresh - 1) {
            int v = __builtin_ctz(fresh);
            total += s->r->cost[v];
            more |= s->in[v];
        }
        fresh = more & ~alive & ~need;
        need |= fresh;
    }
    return total;
}

/* ---- the heap, by least, then by the later made ---- */

static int before(const searcher *s, int32_t x, int32_t y) {
    const state *a = &s->states[x], *b = &s->states[y];
    return a->least != b->least ? a->least < b->least : x > y;
}

static void sift_up(searcher *s, int32_t k) {
    int32_t x = s->heap[k];
    for (; k && before(s, x, s->heap[(k - 1) / 2]); k = (k - 1) / 2) {
        s->heap[k] = s->heap[(k - 1) / 2];
        s->place[s->heap[k]] = k;
    }
    s->heap[k] = x;
    s->place[x] = k;
}

static int32_t pop(searcher *s) {
    int32_t first = s->heap[0], x = s->heap[--s->n_heap], k = 0;
    for (;;) {
        int32_t child = 2 * k + 1;
        if (child >= s->n_heap) break;
        if (child + 1 < s->n_heap && before(s, s->heap[child + 1], s->heap[child])) child++;
        if (!before(s, s->heap[child], x)) break;
        s->heap[k] = s->heap[child];
        s->place[s->heap[k]] = k;
        k = child;
    }
    if (s->n_heap) s->heap[k] = x, s->place[x] = k;
    return first;
}

/* ---- states ---- */

static void reach(searcher *s, uint32_t alive, double cost, int32_t parent, int step) {
    double least = cost + rest(s, alive);
    if (least >= s->worth) return;
    uint32_t h = alive * UINT32_C(0x9e3779b1), mask = 2 * STATES_MOST - 1;
    for (h = (h ^ h >> 15) & mask; s->table[h] != UNSETTLED; h = (h + 1) & mask) {
        int32_t x = s->table[h];
        state *known = &s->states[x];
        if (known->alive != alive) continue;
        if (known->settled || cost >= known->cost) return;
        known->cost = cost, known->least = least, known->parent = parent, known->step = (int8_t)step;
        sift_up(s, s->place[x]);
        return;
    }
    if (s->n == STATES_MOST) {
        s->full = 1;
        return;
    }
    s->table[h] = s->n;
    s->states[s->n] = (state){.alive = alive, .parent = parent, .cost = cost, .least = least, .step = (int8_t)step};
    s->heap[s->n_heap] = s->n++;
    sift_up(s, s->n_heap++);
}

/* Makes v after dropping from `alive` each least set of values in list[k..count) that frees `need` bytes. The list
 * is sorted by size, the largest first: so a set that is enough only with its last is enough only with all. */
static void drop_some(searcher *s, int32_t from, uint32_t alive, int v, const int8_t *list, const int64_t *left, int k,
                      int count, int64_t need) {
    if (need <= 0) {
        reach(s, alive | UINT32_C(1) << v, s->states[from].cost + s->r->cost[v], from, v);
        if (!gd_budget_spend(s->budget, 100)) s->full = 1;
        return;
    }
    for (; k < count && left[k] >= need && !s->full; k++)
        drop_some(s, from, alive & ~(UINT32_C(1) << list[k]), v, list, left, k + 1, count, need - s->r->size[list[k]]);
}

static void expand(searcher *s, int32_t x) {
    const gd_remat *r = s->r;
    uint32_t alive = s->states[x].alive;
    int64_t bytes = bytes_of(s, alive), left[GD_EXACT_MOST + 1];
    for (int v = 0; v < r->n; v++) {
        if (alive >> v & 1 || (s->in[v] & ~alive)) continue;
        int8_t list[GD_EXACT_MOST];
        int count = 0;
        for (uint32_t set = alive & ~s->in[v]; set; set &= set - 1) {
            int8_t i = (int8_t)__builtin_ctz(set);
            int k = count++;
            for (; k && r->size[list[k - 1]] < r->size[i]; k--) list[k] = list[k - 1];
            list[k] = i;
        }
        left[count] = 0;
        for (int k = count; k-- > 0;) left[k] = left[k + 1] + r->size[list[k]];
        drop_some(s, x, alive, v, list, left, 0, count, bytes + r->size[v] - s->limit);
    }
}

/* ---- searches ---- */

typedef enum { FOUND, NONE, GIVEN_UP } verdict;

/* the cheapest schedule within s->limit of cost less than s->worth */
static verdict cheapest(searcher *s, int32_t *goal) {
    for (int32_t k = 0; k < 2 * STATES_MOST; k++) s->table[k] = UNSETTLED;
    s->n = s->n_heap = s->full = 0;
    reach(s, 0, 0, -1, -1);
    while (s->n_heap) {
        int32_t x = pop(s);
        if ((s->states[x].alive & s->outputs) == s->outputs) {
            *goal = x;
            return FOUND;
        }
        s->states[x].settled = 1;
        int32_t had = s->n;
        expand(s, x);
        if (!gd_budget_spend(s->budget, 300 + 100 * (s->n - had)) || s->full) return GIVEN_UP;
    }
    return NONE;
}

static int trace(searcher *s, int32_t goal, gd_schedule *to) {
    to->n = 0;
    for (int32_t x = goal; s->states[x].parent >= 0; x = s->states[x].parent)
        if (!gd_schedule_push(to, s->states[x].step)) return GD_ERR_MEMORY;
    for (int32_t i = 0, k = to->n - 1; i < k; i++, k--) {
        int32_t x = to->step[i];
        to->step[i] = to->step[k], to->step[k] = x;
    }
    return gd_schedule_measure(s->r, to);
}

/* the least peak that any schedule has, between the largest step's and best's; and the cheapest schedule of it */
static int lowest(searcher *s, gd_schedule *best, gd_schedule *found, int *proved) {
    int64_t low = 0, high = best->peak;
    int status = GD_OK;
    for (int32_t v = 0; v < s->r->n; v++) {
        int64_t step = bytes_of(s, s->in[v] | UINT32_C(1) << v);
        if (step > low) low = step;
    }
    if (bytes_of(s, s->outputs) > low) low = bytes_of(s, s->outputs);
    s->worth = 1e308;
    while (low <= high) { /* no schedule is below low; best is at high + 1 or what it was */
        int32_t goal;
        s->limit = low + (high - low) / 2;
        verdict v = cheapest(s, &goal);
        if (v == GIVEN_UP) return GD_OK;
        if (v == NONE) {
            low = s->limit + 1;
            continue;
        }
        status = trace(s, goal, found);
        if (status != GD_OK) return status;
        if (!gd_schedule_copy(best, found)) return GD_ERR_MEMORY;
        high = found->peak - 1;
    }
    *proved = 1;
    return GD_OK;
}

int gd_remat_exact(const gd_remat *r, gd_budget *budget, gd_schedule *best, int *proved) {
    searcher s = {.r = r, .budget = budget, .limit = r->limit, .worth = best->peak <= r->limit ? best->cost : 1e308};
    gd_schedule found = {0};
    int status = GD_OK;
    int32_t goal;
    *proved = 0;
    for (int32_t v = 0; v < r->n; v++) {
        if (gd_remat_kept(r, v)) s.outputs |= UINT32_C(1) << v;
        for (int32_t e = r->in_at[v]; e < r->in_at[v + 1]; e++) s.in[v] |= UINT32_C(1) << r->in[e];
    }
    s.states = malloc(STATES_MOST * sizeof *s.states);
    s.table = malloc(2 * STATES_MOST * sizeof *s.table);
    s.heap = malloc(STATES_MOST * sizeof *s.heap);
    s.place = malloc(STATES_MOST * sizeof *s.place);
    if (!(s.states && s.table && s.heap && s.place)) status = GD_ERR_MEMORY;
    else switch (cheapest(&s, &goal)) {
        case FOUND:
            status = trace(&s, goal, &found);
            if (status == GD_OK && !gd_schedule_copy(best, &found)) status = GD_ERR_MEMORY;
            *proved = 1;
            break;
        case NONE:
            if (best->peak <= r->limit) *proved = 1;
            else status = lowest(&s, best, &found, proved);
            break;
        case GIVEN_UP: break;
        }
    gd_schedule_free(&found);
    free(s.states);
    free(s.table);
    free(s.heap);
    free(s.place);
    return status;
}
