/* arena_greedy.c: greedy placements of an arena problem, many orders, the best kept, and a search among orders.
 *
 * Two placers. `fit` takes buffers in a given order and puts each into the lowest (or tightest) gap left among
 * those placed that share time with it: the better one, quadratic at worst. `sweep` stacks the long-lived buffers
 * on the ground, longest first, and serves the others above them in order of time from a list of free gaps: near
 * linear, made for very many buffers. Both give up as soon as they cannot beat the best peak known.
 */
#include "arena.h"
#include <stdlib.h>
#include <string.h>

enum {
    BLOCK = 64,
    MANY = 4096,      /* beyond, sweeps are run before fits */
    SWEEP_STEPS = 64, /* what placing one buffer costs a sweep, searching apart */
    INSERT_STEPS = 16 /* what putting one among those placed costs */
};

static const double LOOSE = 0.01; /* by how much of the bound a search among orders may get worse, at first */

/* placed buffers in order of offset, in blocks that can be skipped as a whole */
typedef struct {
    int32_t count, lo, hi; /* entries; the time they span together */
    int64_t top;           /* the highest end */
    int64_t off[BLOCK], end[BLOCK];
    int32_t from[BLOCK], to[BLOCK];
} block;

typedef struct {
    int64_t key[3];
    int32_t id;
} ranked;

typedef struct {
    int64_t off, end;
} gap;

struct gd_greedy {
    int32_t *order, *by_start, *by_end;
    int32_t *flip_lo, *flip_hi; /* the problem run backwards in time */
    int64_t *trial, *now, *height, *raised, *section;
    ranked *rank;
    gap *gaps;
    block *blocks;
    int32_t *block_order;
};

void gd_greedy_destroy(gd_greedy *g) {
    if (!g) return;
    free(g->order);
    free(g->by_start);
    free(g->by_end);
    free(g->flip_lo);
    free(g->flip_hi);
    free(g->trial);
    free(g->now);
    free(g->height);
    free(g->raised);
    free(g->section);
    free(g->rank);
    free(g->gaps);
    free(g->blocks);
    free(g->block_order);
    free(g);
}

gd_greedy *gd_greedy_create(int32_t n) {
    gd_greedy *g = calloc(1, sizeof *g);
    if (!g) return NULL;
    size_t m = (size_t)n + 1, leaves = 2 * m, blocks = 2 * m / BLOCK + 2; /* blocks are at least half full */
    g->order = malloc(m * sizeof *g->order);
    g->by_start = malloc(m * sizeof *g->by_start);
    g->by_end = malloc(m * sizeof *g->by_end);
    g->flip_lo = malloc(m * sizeof *g->flip_lo);
    g->flip_hi = malloc(m * sizeof *g->flip_hi);
    g->trial = malloc(m * sizeof *g->trial);
    g->now = malloc(m * sizeof *g->now);
    g->height = malloc(2 * leaves * sizeof *g->height);
    g->raised = malloc(2 * leaves * sizeof *g->raised);
    g->section = malloc(2 * leaves * sizeof *g->section);
    g->rank = malloc(m * sizeof *g->rank);
    g->gaps = malloc(m * sizeof *g->gaps);
    g->blocks = malloc(blocks * sizeof *g->blocks);
    g->block_order = malloc(blocks * sizeof *g->block_order);
    if (g->order && g->by_start && g->by_end && g->flip_lo && g->flip_hi && g->trial && g->now && g->height &&
        g->raised && g->section && g->rank && g->gaps && g->blocks && g->block_order)
        return g;
    gd_greedy_destroy(g);
    return NULL;
}

/* ---- orders ---- */

static int rank_compare(const void *x, const void *y) {
    const ranked *a = x, *b = y;
    for (int k = 0; k < 3; k++)
        if (a->key[k] != b->key[k]) return a->key[k] > b->key[k] ? -1 : 1;
    return (a->id > b->id) - (a->id < b->id);
}

typedef enum { BY_SIZE, BY_LIFESPAN, BY_AREA, BY_SECTION, BY_START, ORDERS } order_kind;

static int64_t product(int64_t a, int64_t b) { /* both >= 0; saturates */
    return a && b > INT64_MAX / a ? INT64_MAX : a * b;
}

/* the largest key first; later keys break ties, the id the last */
static void sort_by(gd_greedy *g, const gd_arena *a, order_kind kind) {
    if (kind == BY_SECTION) { /* section[i]: the largest total while i is alive */
        int32_t m = a->sections;
        int64_t *total = g->section; /* a tree of maxima over sections */
        memset(total, 0, 2 * (size_t)m * sizeof *total);
        for (int32_t i = 0; i < a->n; i++) {
            total[m + a->lo[i]] += a->size[i];
            if (a->hi[i] < m) total[m + a->hi[i]] -= a->size[i];
        }
        for (int32_t t = 1; t < m; t++) total[m + t] += total[m + t - 1];
        for (int32_t t = m - 1; t > 0; t--)
            total[t] = total[2 * t] > total[2 * t + 1] ? total[2 * t] : total[2 * t + 1];
    }
    for (int32_t i = 0; i < a->n; i++) {
        ranked *r = &g->rank[i];
        int64_t span = a->hi[i] - a->lo[i], size = a->size[i];
        r->id = i;
        switch (kind) {
        case BY_SIZE: r->key[0] = size, r->key[1] = span, r->key[2] = 0; break;
        case BY_LIFESPAN: r->key[0] = span, r->key[1] = size, r->key[2] = 0; break;
        case BY_AREA: r->key[0] = product(span, size), r->key[1] = size, r->key[2] = 0; break;
        case BY_SECTION: {
            int64_t top = 0;
            for (int32_t l = a->lo[i] + a->sections, h = a->hi[i] + a->sections; l < h; l >>= 1, h >>= 1) {
                if (l & 1) {
                    if (g->section[l] > top) top = g->section[l];
                    l++;
                }
                if (h & 1) {
                    h--;
                    if (g->section[h] > top) top = g->section[h];
                }
            }
            r->key[0] = top, r->key[1] = product(span, size), r->key[2] = size;
            break;
        }
        default: r->key[0] = -a->lo[i], r->key[1] = span, r->key[2] = size; break;
        }
    }
    qsort(g->rank, (size_t)a->n, sizeof *g->rank, rank_compare);
    for (int32_t i = 0; i < a->n; i++) g->order[i] = g->rank[i].id;
}

/* ---- fit ---- */

static void block_insert(gd_greedy *g, int32_t *n_blocks, int64_t off, int64_t end, int32_t lo, int32_t hi) {
    int32_t low = 0, high = *n_blocks; /* the last block that starts at or below off */
    while (low + 1 < high) {
        int32_t mid = low + (high - low) / 2;
        if (g->blocks[g->block_order[mid]].off[0] <= off) low = mid;
        else high = mid;
    }
    if (*n_blocks == 0) {
        g->block_order[0] = 0;
        g->blocks[0] = (block){.lo = lo, .hi = hi};
        *n_blocks = 1;
    }
    block *b = &g->blocks[g->block_order[low]];
    if (b->count == BLOCK) { /* halve it */
        block *c = &g->blocks[*n_blocks];
        int32_t half = BLOCK / 2;
        memmove(&g->block_order[low + 2], &g->block_order[low + 1],
                (size_t)(*n_blocks - low - 1) * sizeof *g->block_order);
        g->block_order[low + 1] = (*n_blocks)++;
        memcpy(c->off, b->off + half, sizeof(int64_t) * (size_t)half);
        memcpy(c->end, b->end + half, sizeof(int64_t) * (size_t)half);
        memcpy(c->from, b->from + half, sizeof(int32_t) * (size_t)half);
        memcpy(c->to, b->to + half, sizeof(int32_t) * (size_t)half);
        b->count = c->count = half;
        block *both[2] = {b, c};
        for (int k = 0; k < 2; k++) {
            block *x = both[k];
            x->lo = x->from[0], x->hi = x->to[0], x->top = x->end[0];
            for (int32_t i = 1; i < half; i++) {
                if (x->from[i] < x->lo) x->lo = x->from[i];
                if (x->to[i] > x->hi) x->hi = x->to[i];
                if (x->end[i] > x->top) x->top = x->end[i];
            }
        }
        if (c->off[0] <= off) b = c;
    }
    int32_t at = b->count++;
    for (; at > 0 && b->off[at - 1] > off; at--) {
        b->off[at] = b->off[at - 1], b->end[at] = b->end[at - 1];
        b->from[at] = b->from[at - 1], b->to[at] = b->to[at - 1];
    }
    b->off[at] = off, b->end[at] = end, b->from[at] = lo, b->to[at] = hi;
    if (lo < b->lo) b->lo = lo;
    if (hi > b->hi) b->hi = hi;
    if (end > b->top) b->top = end;
}

/* Places in g->order, the first `placed` of which lie where g->trial says; the peak, or GD_ARENA_NONE if it cannot
 * stay below limit or the budget is spent. */
static int64_t fit(gd_greedy *g, const gd_arena *a, gd_budget *budget, int best_fit, int32_t placed, int64_t limit) {
    int32_t n_blocks = 0;
    int64_t peak = 0;
    for (int32_t k = 0; k < placed; k++) {
        int32_t i = g->order[k];
        int64_t end = g->trial[i] + a->size[i];
        if (end > peak) peak = end;
        block_insert(g, &n_blocks, g->trial[i], end, a->lo[i], a->hi[i]);
    }
    if (!gd_budget_spend(budget, (int64_t)INSERT_STEPS * placed)) return GD_ARENA_NONE;
    for (int32_t k = placed; k < a->n; k++) {
        int32_t i = g->order[k], lo = a->lo[i], hi = a->hi[i];
        int64_t size = a->size[i], floor = 0, at = -1, slack = INT64_MAX, steps = 8;
        for (int32_t q = 0; q < n_blocks; q++) {
            const block *b = &g->blocks[g->block_order[q]];
            steps++;
            if (b->hi <= lo || b->lo >= hi || b->top <= floor) continue;
            steps += b->count;
            for (int32_t e = 0; e < b->count; e++) {
                if (b->from[e] >= hi || b->to[e] <= lo) continue;
                int64_t room = b->off[e] - floor - size;
                if (room >= 0 && room < slack) {
                    at = floor;
                    if (!best_fit) goto found;
                    slack = room;
                }
                if (b->end[e] > floor) floor = b->end[e];
            }
        }
        if (at < 0) at = floor;
    found:
        if (at + size > peak) peak = at + size;
        if (peak >= limit || !gd_budget_spend(budget, steps)) return GD_ARENA_NONE;
        g->trial[i] = at;
        block_insert(g, &n_blocks, at, at + size, lo, hi);
    }
    return peak;
}

/* ---- sweep ---- */

/* The skyline: the height of what is stacked in each section. A tree of maxima; raised[v] holds for all of v. */
static int64_t skyline_top(const gd_greedy *g, int32_t m, int32_t lo, int32_t hi) {
    int64_t top = 0;
    int32_t l = lo + m, h = hi + m;
    for (int32_t v = l >> 1; v; v >>= 1)
        if (g->raised[v] > top) top = g->raised[v];
    for (int32_t v = (h - 1) >> 1; v; v >>= 1)
        if (g->raised[v] > top) top = g->raised[v];
    for (; l < h; l >>= 1, h >>= 1) {
        if (l & 1) {
            if (g->height[l] > top) top = g->height[l];
            l++;
        }
        if (h & 1) {
            h--;
            if (g->height[h] > top) top = g->height[h];
        }
    }
    return top;
}

static void skyline_raise(gd_greedy *g, int32_t m, int32_t lo, int32_t hi, int64_t top) {
    for (int32_t l = lo + m, h = hi + m; l < h; l >>= 1, h >>= 1) {
        if (l & 1) {
            if (top > g->height[l]) g->height[l] = top;
            if (top > g->raised[l]) g->raised[l] = top;
            l++;
        }
        if (h & 1) {
            h--;
            if (top > g->height[h]) g->height[h] = top;
            if (top > g->raised[h]) g->raised[h] = top;
        }
    }
    for (int k = 0; k < 2; k++)
        for (int32_t v = ((k ? hi - 1 : lo) + m) >> 1; v; v >>= 1)
            if (top > g->height[v]) g->height[v] = top;
}

typedef struct {
    const int32_t *lo, *hi;
} span;

/* Buffers longer than `longest` sections are stacked, the others served by first fit above them in order of start.
 * order holds the ids by falling lifespan. A sweep that only stacks needs no budget. */
static int64_t sweep(gd_greedy *g, const gd_arena *a, span t, int32_t longest, gd_budget *budget, int64_t limit) {
    int32_t m = a->sections, n_gaps = 1, ended = 0;
    int64_t peak = 0;
    memset(g->height, 0, 2 * (size_t)m * sizeof *g->height);
    memset(g->raised, 0, 2 * (size_t)m * sizeof *g->raised);
    for (int32_t k = 0; k < a->n; k++) {
        int32_t i = g->order[k];
        if (t.hi[i] - t.lo[i] <= longest) break;
        g->trial[i] = skyline_top(g, m, t.lo[i], t.hi[i]);
        int64_t top = g->trial[i] + a->size[i];
        if (top > peak) peak = top;
        if (peak >= limit) return GD_ARENA_NONE;
        skyline_raise(g, m, t.lo[i], t.hi[i], top);
    }
    if (longest == 0) return peak;
    g->gaps[0] = (gap){0, INT64_MAX};
    for (int32_t k = 0; k < a->n; k++) {
        int32_t i = g->by_start[k];
        int64_t steps = SWEEP_STEPS, size = a->size[i];
        if (t.hi[i] - t.lo[i] > longest) continue;
        for (; t.hi[g->by_end[ended]] <= t.lo[i]; ended++) { /* i itself ends later: stays in range */
            int32_t e = g->by_end[ended];
            if (t.hi[e] - t.lo[e] > longest) continue;
            int64_t off = g->trial[e], end = off + a->size[e];
            int32_t low = 0, high = n_gaps; /* the first gap above off; the last one is endless */
            while (low < high) {
                int32_t mid = low + (high - low) / 2;
                if (g->gaps[mid].off > off) high = mid;
                else low = mid + 1;
            }
            int before = low > 0 && g->gaps[low - 1].end == off, after = g->gaps[low].off == end;
            steps += 8 + (before == after ? (n_gaps - low) / 4 : 0);
            if (before && after) {
                g->gaps[low - 1].end = g->gaps[low].end;
                memmove(&g->gaps[low], &g->gaps[low + 1], (size_t)(n_gaps-- - low - 1) * sizeof *g->gaps);
            } else if (before) g->gaps[low - 1].end = end;
            else if (after) g->gaps[low].off = off;
            else {
                memmove(&g->gaps[low + 1], &g->gaps[low], (size_t)(n_gaps++ - low) * sizeof *g->gaps);
                g->gaps[low] = (gap){off, end};
            }
        }
        int64_t ground = skyline_top(g, m, t.lo[i], t.hi[i]), at = 0;
        int32_t q = 0;
        for (;; q++) {
            at = g->gaps[q].off > ground ? g->gaps[q].off : ground;
            if (g->gaps[q].end - size >= at) break;
        }
        steps += q;
        if (at + size > peak) peak = at + size;
        if (peak >= limit || !gd_budget_spend(budget, steps)) return GD_ARENA_NONE;
        g->trial[i] = at;
        gap old = g->gaps[q];
        if (old.off < at && at + size < old.end) {
            steps += (n_gaps - q) / 4;
            memmove(&g->gaps[q + 1], &g->gaps[q], (size_t)(n_gaps++ - q) * sizeof *g->gaps);
            g->gaps[q].end = at, g->gaps[q + 1].off = at + size;
        } else if (old.off < at) g->gaps[q].end = at;
        else if (at + size < old.end) g->gaps[q].off = at + size;
        else memmove(&g->gaps[q], &g->gaps[q + 1], (size_t)(n_gaps-- - q - 1) * sizeof *g->gaps);
    }
    return peak;
}

/* ---- the portfolio ---- */

static int64_t keep(const gd_greedy *g, const gd_arena *a, int64_t found, int64_t *offsets, int64_t peak) {
    if (found >= peak) return peak;
    memcpy(offsets, g->trial, (size_t)a->n * sizeof *offsets);
    return found;
}

static int64_t run_fits(gd_greedy *g, const gd_arena *a, gd_budget *budget, int64_t *offsets, int64_t peak) {
    for (int kind = 0; kind < ORDERS; kind++) {
        if (peak <= a->goal || gd_budget_cancelled(budget) || budget->left == 0) break;
        sort_by(g, a, (order_kind)kind);
        for (int best_fit = 0; best_fit < 2 && peak > a->goal; best_fit++)
            peak = keep(g, a, fit(g, a, budget, best_fit, 0, peak), offsets, peak);
    }
    return peak;
}

/* id order -> stable order by key, keys in 0..sections */
static void sort_stable(gd_greedy *g, const gd_arena *a, const int32_t *from, const int32_t *key, int32_t *to) {
    int64_t *place = g->section;
    memset(place, 0, ((size_t)a->sections + 2) * sizeof *place);
    for (int32_t i = 0; i < a->n; i++) place[key[i] + 1]++;
    for (int32_t t = 0; t <= a->sections; t++) place[t + 1] += place[t];
    for (int32_t k = 0; k < a->n; k++) to[place[key[from[k]]]++] = from[k];
}

static int64_t run_sweeps(gd_greedy *g, const gd_arena *a, gd_budget *budget, int64_t *offsets, int64_t peak) {
    span ways[2] = {{a->lo, a->hi}, {g->flip_lo, g->flip_hi}};
    for (int32_t i = 0; i < a->n; i++) g->flip_lo[i] = a->sections - a->hi[i], g->flip_hi[i] = a->sections - a->lo[i];
    for (int back = 0; back < 2; back++) {
        sort_by(g, a, BY_LIFESPAN); /* spans are the same both ways */
        sort_stable(g, a, g->order, ways[back].lo, g->by_start);
        sort_stable(g, a, g->order, ways[back].hi, g->by_end);
        for (int64_t longest = 0; longest <= 4 * (int64_t)a->sections; longest = longest ? 4 * longest : 1) {
            if (peak <= a->goal || (peak != GD_ARENA_NONE && !gd_budget_spend(budget, 64))) return peak;
            peak = keep(g, a,
                        sweep(g, a, ways[back], (int32_t)(longest < a->sections ? longest : a->sections), budget, peak),
                        offsets, peak);
        }
    }
    return peak;
}

int64_t gd_greedy_run(gd_greedy *g, const gd_arena *a, gd_budget *budget, int64_t *offsets, int64_t peak) {
    if (a->n > MANY) {
        peak = run_sweeps(g, a, budget, offsets, peak);
        return run_fits(g, a, budget, offsets, peak);
    }
    peak = run_fits(g, a, budget, offsets, peak); /* the sweeps give a placement if this could not */
    return run_sweeps(g, a, budget, offsets, peak);
}

/* ---- the search among orders ---- */

static uint64_t draw(uint64_t *random) {
    *random ^= *random << 13;
    *random ^= *random >> 7;
    return *random ^= *random << 17;
}

/* a buffer that makes the peak what it is: one at the top, or one that holds it up */
static int32_t blame(const gd_greedy *g, const gd_arena *a, int64_t peak, uint64_t *random) {
    int32_t top = -1, seen = 0;
    for (int32_t i = 0; i < a->n; i++)
        if (g->now[i] + a->size[i] == peak && draw(random) % (uint64_t)++seen == 0) top = i;
    while (g->now[top] > 0 && draw(random) % 3) {
        int32_t below = -1;
        seen = 0;
        for (int32_t i = 0; i < a->n; i++)
            if (g->now[i] + a->size[i] == g->now[top] && a->lo[i] < a->hi[top] && a->lo[top] < a->hi[i] &&
                draw(random) % (uint64_t)++seen == 0)
                below = i;
        if (below < 0) break;
        top = below;
    }
    return top;
}

int64_t gd_greedy_improve(gd_greedy *g, const gd_arena *a, gd_budget *budget, int64_t steps, int64_t *offsets,
                          int64_t peak) {
    uint64_t random = UINT64_C(0x9e3779b97f4a7c15) ^ (uint64_t)steps;
    int64_t current = peak, first = budget->left;
    for (int32_t i = 0; i < a->n; i++) {
        g->now[i] = offsets[i];
        g->rank[i] = (ranked){{-offsets[i], 0, 0}, i}; /* from the lowest up, first fit makes it no higher */
    }
    qsort(g->rank, (size_t)a->n, sizeof *g->rank, rank_compare);
    for (int32_t k = 0; k < a->n; k++) g->order[k] = g->rank[k].id;
    while (peak > a->goal && first - budget->left < steps && gd_budget_spend(budget, 3 * a->n)) {
        int32_t i = blame(g, a, current, &random), at = 0;
        while (g->order[at] != i) at++;
        if (at == 0) continue;
        int32_t to = (int32_t)(draw(&random) % (uint64_t)at);
        memmove(&g->order[to + 1], &g->order[to], (size_t)(at - to) * sizeof *g->order);
        g->order[to] = i;
        memcpy(g->trial, g->now, (size_t)a->n * sizeof *g->trial);
        double left = 1 - (double)(first - budget->left) / (double)steps;
        int64_t found = fit(g, a, budget, 0, to, current + 1 + (int64_t)(LOOSE * left * left * (double)a->bound));
        if (found == GD_ARENA_NONE) {
            memmove(&g->order[to], &g->order[to + 1], (size_t)(at - to) * sizeof *g->order);
            g->order[at] = i;
            continue;
        }
        memcpy(g->now, g->trial, (size_t)a->n * sizeof *g->now);
        current = found;
        peak = keep(g, a, found, offsets, peak);
    }
    return peak;
}
