/* arena_search.c: branch and bound for one arena problem: can it be placed within a given capacity?
 *
 * Only compact placements are searched: every buffer rests on the ground or on another one, which loses nothing.
 * A node takes the buffer with the least possible offset and either places it there, with all its unplaced
 * neighbours above, or postpones it: then one of these must come below, and its least offset rises accordingly.
 * A node is dropped when, in some section, the unplaced buffers, each from its least offset on, cannot end within the
 * capacity. Such a failure is explained by the placements that caused it, and the search jumps back to the last
 * of these; what shares no time any more is searched apart. The search restarts with other priorities, buffers that
 * were often in the way first, and tries capacities between the bound and the best peak known.
 *
 * Offsets and sizes are counted in units, their greatest common divisor, so that they fit 32 bits.
 */
#include "arena.h"
#include <stdlib.h>
#include <string.h>

typedef struct {
    int32_t count, pick, focus_lo, focus_hi, pool;
} frame;

typedef struct {
    double key;
    int32_t id;
} priority;

enum { FIRST_NODES = 200 }; /* the shortest run between restarts */

struct gd_search {
    int32_t n, m, words, cap;
    const int32_t *lo, *hi;
    int32_t *size, *rank, *pos;
    uint64_t *near; /* n rows of words: who shares time with whom */
    double *weight; /* how often a buffer was part of a failure */
    /* one row for each level, the number of buffers placed */
    frame *frames;
    int32_t *rest, *least; /* by buffer: the top of what it must lie above; its least offset */
    int32_t *order;        /* unplaced buffers by (least, rank) */
    uint64_t *late;        /* postponed at their rest */
    int32_t *why;          /* by late buffer: the row of the pool that explains it */
    int32_t *ends;         /* by section: the least end of its unplaced buffers */
    uint64_t *pool;        /* sets of levels, a stack */
    int32_t pool_rows;
    uint64_t *conflict;             /* the set of levels that explains the last failure */
    int32_t *need, *queue, n_queue; /* what an explanation still has to explain */
    uint64_t *queued;
    int32_t *scratch, *fullest;
    priority *by;
    int64_t steps;
    uint64_t random;
};

#define ROW(s, array, level) ((s)->array + (size_t)(level) * (size_t)(s)->n)
#define BITS(s, array, row) ((s)->array + (size_t)(row) * (size_t)(s)->words)

static inline int bit_test(const uint64_t *set, int32_t i) { return (int)(set[i >> 6] >> (i & 63) & 1); }
static inline void bit_set(uint64_t *set, int32_t i) { set[i >> 6] |= UINT64_C(1) << (i & 63); }
static inline void bit_clear(uint64_t *set, int32_t i) { set[i >> 6] &= ~(UINT64_C(1) << (i & 63)); }

/* ---- explanations ---- */

/* asks for the reason why buffer i cannot lie below need */
static void demand(gd_search *s, int32_t i, int32_t need) {
    if (need <= s->need[i]) return;
    s->need[i] = need;
    if (bit_test(s->queued, i)) return;
    bit_set(s->queued, i);
    s->queue[s->n_queue++] = i;
}

/* Adds to the conflict the levels that force every buffer asked for to its need. */
static void explain(gd_search *s, int32_t l) {
    const frame *f = &s->frames[l];
    const int32_t *rest = ROW(s, rest, l), *least = ROW(s, least, l), *order = ROW(s, order, l), *why = ROW(s, why, l);
    while (s->n_queue) {
        int32_t i = s->queue[--s->n_queue], need = s->need[i];
        const uint64_t *near = BITS(s, near, i);
        bit_clear(s->queued, i);
        s->steps += l;
        int32_t low = need < rest[i] ? need : rest[i];
        for (int32_t k = 0; k < l && low > 0; k++) { /* the first placed that it must lie above */
            int32_t p = s->frames[k].pick;
            if (bit_test(near, p) && s->pos[p] + s->size[p] >= low) {
                bit_set(s->conflict, k);
                break;
            }
        }
        if (need <= rest[i]) continue;
        /* it was postponed; what is placed below cannot support it; what is not placed ends above the need, or else
         * leaves its place free, so that it could have been there */
        const uint64_t *set = BITS(s, pool, why[i]);
        for (int32_t w = 0; w < s->words; w++) s->conflict[w] |= set[w];
        for (int32_t k = 0; k < l; k++) {
            int32_t p = s->frames[k].pick;
            if (bit_test(near, p) && s->pos[p] + s->size[p] <= rest[i]) bit_set(s->conflict, k);
        }
        int supported = need > rest[i] + 1;
        s->steps += 2 * f->count;
        for (int32_t k = 0; k < f->count && supported; k++) {
            int32_t j = order[k];
            if (bit_test(near, j) && least[j] + s->size[j] < need) supported = 0;
        }
        if (!supported && need == rest[i] + 1) continue;
        for (int32_t k = 0; k < f->count; k++) {
            int32_t j = order[k];
            if (bit_test(near, j)) demand(s, j, supported ? need - s->size[j] : rest[i] + s->size[i]);
        }
    }
    memset(s->need, 0, (size_t)s->n * sizeof *s->need);
}

/* buffer i cannot end within the capacity: why */
static void explain_buffer(gd_search *s, int32_t l, int32_t i) {
    memset(s->conflict, 0, (size_t)s->words * sizeof *s->conflict);
    s->weight[i] += 1;
    demand(s, i, s->cap + 1 - s->size[i]);
    explain(s, l);
}

/* section t cannot end within the capacity: why */
static void explain_section(gd_search *s, int32_t l, int32_t t) {
    const frame *f = &s->frames[l];
    const int32_t *least = ROW(s, least, l), *order = ROW(s, order, l);
    int32_t end = 0, total = 0, first = 0, last = 0;
    for (int32_t k = 0; k < f->count && end <= s->cap; k++) {
        int32_t i = order[k];
        if (s->lo[i] > t || s->hi[i] <= t) continue;
        if (least[i] > end) end = least[i], total = 0, first = k;
        end += s->size[i], total += s->size[i], last = k;
    }
    memset(s->conflict, 0, (size_t)s->words * sizeof *s->conflict);
    for (int32_t k = first; k <= last; k++) {
        int32_t i = order[k];
        if (s->lo[i] > t || s->hi[i] <= t) continue;
        s->weight[i] += 1;
        demand(s, i, s->cap + 1 - total);
    }
    explain(s, l);
}

/* ---- least offsets ---- */

static inline void widen(const gd_search *s, int32_t i, int32_t *from, int32_t *to) {
    if (s->lo[i] < *from) *from = s->lo[i];
    if (s->hi[i] > *to) *to = s->hi[i];
}

/* Raises the least offsets of the postponed as far as they follow; widens [from, to) to the sections concerned. The
 * buffer that cannot end within the capacity, or -1. */
static int32_t lift(gd_search *s, int32_t l, int32_t *from, int32_t *to) {
    const frame *f = &s->frames[l];
    const int32_t *rest = ROW(s, rest, l);
    int32_t *least = ROW(s, least, l), *order = ROW(s, order, l);
    const uint64_t *late = BITS(s, late, l);
    for (int again = 1; again;) {
        again = 0;
        for (int32_t at = 0; at < f->count; at++) {
            int32_t i = order[at];
            if (!bit_test(late, i)) continue;
            const uint64_t *near = BITS(s, near, i);
            int32_t support = s->cap + 1, lowest = INT32_MAX, k = 0;
            for (; k < f->count && least[order[k]] < support; k++) {
                int32_t j = order[k];
                if (!bit_test(near, j)) continue;
                if (least[j] < lowest) lowest = least[j];
                if (least[j] + s->size[j] < support) support = least[j] + s->size[j];
            }
            s->steps += k;
            if (support <= rest[i]) support = rest[i] + 1;
            if (lowest >= rest[i] + s->size[i]) support = s->cap + 1; /* no one can use the place it left */
            if (support <= least[i]) continue;
            least[i] = support;
            again = 1;
            if (support > s->cap - s->size[i]) return i;
            widen(s, i, from, to);
            for (k = at; k + 1 < f->count; k++) {
                int32_t j = order[k + 1];
                if (least[j] > support || (least[j] == support && s->rank[j] > s->rank[i])) break;
                order[k] = j;
            }
            order[k] = i;
            if (k > at) at--;
        }
    }
    return -1;
}

/* the section in [from, to) that cannot end within the capacity, or -1 */
static int32_t overfull(gd_search *s, int32_t l, int32_t from, int32_t to) {
    const frame *f = &s->frames[l];
    const int32_t *least = ROW(s, least, l), *order = ROW(s, order, l);
    int32_t *ends = s->ends + (size_t)l * (size_t)s->m;
    for (int32_t t = from; t < to; t++) ends[t] = 0;
    for (int32_t k = 0; k < f->count; k++) {
        int32_t i = order[k], a = s->lo[i] > from ? s->lo[i] : from, b = s->hi[i] < to ? s->hi[i] : to;
        int32_t x = least[i], z = s->size[i];
        for (int32_t t = a; t < b; t++) ends[t] = (ends[t] > x ? ends[t] : x) + z;
        s->steps += b > a ? (b - a) / 4 + 1 : 1;
    }
    int32_t worst = -1, most = s->cap;
    for (int32_t t = from; t < to; t++)
        if (ends[t] > most) most = ends[t], worst = t;
    return worst;
}

/* what follows from changes in sections [from, to); false, with the conflict set, if no placement can */
static int consistent(gd_search *s, int32_t l, int32_t from, int32_t to) {
    int32_t i = lift(s, l, &from, &to);
    if (i >= 0) {
        explain_buffer(s, l, i);
        return 0;
    }
    int32_t t = overfull(s, l, from, to);
    if (t >= 0) {
        explain_section(s, l, t);
        return 0;
    }
    return 1;
}

/* ---- the tree ---- */

/* level l + 1: the pick of level l placed. False when that fails, with the conflict set. */
static int descend(gd_search *s, int32_t l) {
    frame *f = &s->frames[l], *g = f + 1;
    int32_t i = f->pick, n = s->n, changed = 0, kept = 0;
    size_t row = (size_t)n * sizeof(int32_t);
    int32_t *rest = ROW(s, rest, l + 1), *least = ROW(s, least, l + 1), *order = ROW(s, order, l + 1);
    const int32_t *old = ROW(s, order, l);
    uint64_t *late = BITS(s, late, l + 1);
    const uint64_t *near = BITS(s, near, i);
    memcpy(rest, ROW(s, rest, l), row);
    memcpy(least, ROW(s, least, l), row);
    memcpy(ROW(s, why, l + 1), ROW(s, why, l), row);
    memcpy(late, BITS(s, late, l), (size_t)s->words * sizeof *late);
    memcpy(s->ends + (size_t)(l + 1) * (size_t)s->m, s->ends + (size_t)l * (size_t)s->m,
           (size_t)s->m * sizeof *s->ends);
    int32_t end = rest[i] + s->size[i], from = s->lo[i], to = s->hi[i], *moved = s->scratch;
    s->pos[i] = rest[i];
    for (int32_t k = 0; k < f->count; k++) {
        int32_t j = old[k];
        if (j == i) continue;
        if (!bit_test(near, j) || rest[j] >= end) {
            order[kept++] = j;
            continue;
        }
        rest[j] = least[j] = end;
        bit_clear(late, j);
        widen(s, j, &from, &to);
        int32_t at = changed++;
        for (; at > 0 && s->rank[moved[at - 1]] > s->rank[j]; at--) moved[at] = moved[at - 1];
        moved[at] = j;
    }
    *g = (frame){.count = kept + changed, .focus_lo = f->focus_lo, .focus_hi = f->focus_hi, .pool = f->pool};
    s->steps += f->count + changed * 2;
    for (int32_t k = g->count - 1; changed; k--) { /* merge from the back */
        int32_t j = moved[changed - 1];
        if (kept &&
            (least[order[kept - 1]] > end || (least[order[kept - 1]] == end && s->rank[order[kept - 1]] > s->rank[j])))
            order[k] = order[--kept];
        else order[k] = j, changed--;
    }
    return consistent(s, l + 1, from, to);
}

/* the pick of level l postponed, the conflict being why. False when that fails, with the conflict set. */
static int postpone(gd_search *s, int32_t l) {
    frame *f = &s->frames[l];
    int32_t i = f->pick, from = s->m, to = 0;
    memcpy(BITS(s, pool, f->pool), s->conflict, (size_t)s->words * sizeof *s->conflict);
    ROW(s, why, l)[i] = f->pool++;
    bit_set(BITS(s, late, l), i);
    return consistent(s, l, from, to);
}

/* narrows the frame to unplaced buffers connected in time, the fullest group first */
static void focus(gd_search *s, int32_t l) {
    frame *f = &s->frames[l];
    const int32_t *order = ROW(s, order, l), *ends = s->ends + (size_t)l * (size_t)s->m;
    int32_t *cover = s->scratch, left = 0;
    for (;;) {
        int32_t a = f->focus_lo, b = f->focus_hi;
        memset(cover + a, 0, (size_t)(b - a + 1) * sizeof *cover);
        for (int32_t k = 0; k < f->count; k++) {
            int32_t i = order[k];
            if (s->lo[i] < a || s->hi[i] > b) continue;
            cover[s->lo[i]]++, cover[s->hi[i] - 1]--; /* boundaries crossed: between t and t + 1 */
            left++;
        }
        if (left || f->count == 0) break;
        f->focus_lo = 0, f->focus_hi = s->m;
    }
    s->steps += f->count + f->focus_hi - f->focus_lo;
    int32_t start = f->focus_lo, end = f->focus_hi, most = 0, crossed = 0;
    for (int32_t t = start, first = start, top = 0; t < end; t++) {
        if (ends[t] > top) top = ends[t];
        crossed += cover[t];
        if (crossed) continue;
        if (top > most) most = top, f->focus_lo = first, f->focus_hi = t + 1;
        first = t + 1, top = 0;
    }
}

static int32_t choose(const gd_search *s, int32_t l) {
    const frame *f = &s->frames[l];
    const int32_t *order = ROW(s, order, l);
    for (int32_t k = 0; k < f->count; k++) {
        int32_t i = order[k];
        if (s->lo[i] >= f->focus_lo && s->hi[i] <= f->focus_hi && !bit_test(BITS(s, late, l), i)) return i;
    }
    return -1;
}

typedef enum { FOUND, IMPOSSIBLE, UNDECIDED } verdict;

static verdict tree(gd_search *s, int64_t nodes, gd_budget *budget) {
    int32_t l = 0;
    int32_t *order = ROW(s, order, 0);
    memset(s->rest, 0, (size_t)s->n * sizeof *s->rest);
    memset(s->least, 0, (size_t)s->n * sizeof *s->least);
    memset(s->why, 0, (size_t)s->n * sizeof *s->why);
    memset(s->late, 0, (size_t)s->words * sizeof *s->late);
    for (int32_t i = 0; i < s->n; i++) order[s->rank[i]] = i;
    s->frames[0] = (frame){.count = s->n, .focus_hi = s->m};
    if (overfull(s, 0, 0, s->m) >= 0) return IMPOSSIBLE;
    while (s->frames[l].count) {
        frame *f = &s->frames[l];
        focus(s, l);
        f->pick = choose(s, l);
        s->steps = 0;
        int good = descend(s, l);
        if (!gd_budget_spend(budget, s->steps + s->n / 4) || nodes-- <= 0) return UNDECIDED;
        if (good) {
            l++;
            continue;
        }
        for (;; l--) {
            for (; l >= 0 && !bit_test(s->conflict, l); l--) {}
            if (l < 0) return IMPOSSIBLE;
            f = &s->frames[l];
            if (f->pool == s->pool_rows) return UNDECIDED;
            bit_clear(s->conflict, l);
            if (postpone(s, l)) break;
        }
    }
    return FOUND;
}

/* ---- restarts ---- */

void gd_search_destroy(gd_search *s) {
    if (!s) return;
    free(s->size);
    free(s->rank);
    free(s->pos);
    free(s->near);
    free(s->weight);
    free(s->frames);
    free(s->rest);
    free(s->least);
    free(s->order);
    free(s->late);
    free(s->why);
    free(s->ends);
    free(s->pool);
    free(s->conflict);
    free(s->need);
    free(s->queue);
    free(s->queued);
    free(s->scratch);
    free(s->fullest);
    free(s->by);
    free(s);
}

gd_search *gd_search_create(const gd_arena *a) {
    gd_search *s = calloc(1, sizeof *s);
    if (!s) return NULL;
    size_t n = (size_t)a->n, m = (size_t)a->sections, words = (n + 63) / 64, levels = n + 1;
    s->n = a->n, s->m = a->sections, s->words = (int32_t)words, s->lo = a->lo, s->hi = a->hi;
    s->pool_rows = 16 * a->n;
    s->random = UINT64_C(0x9e3779b97f4a7c15);
    s->size = malloc(n * sizeof *s->size);
    s->rank = malloc(n * sizeof *s->rank);
    s->pos = malloc(n * sizeof *s->pos);
    s->near = calloc(n * words, sizeof *s->near);
    s->weight = calloc(n, sizeof *s->weight);
    s->frames = malloc(levels * sizeof *s->frames);
    s->rest = malloc(levels * n * sizeof *s->rest);
    s->least = malloc(levels * n * sizeof *s->least);
    s->order = malloc(levels * n * sizeof *s->order);
    s->late = malloc(levels * words * sizeof *s->late);
    s->why = malloc(levels * n * sizeof *s->why);
    s->ends = malloc(levels * m * sizeof *s->ends);
    s->pool = malloc((size_t)s->pool_rows * words * sizeof *s->pool);
    s->conflict = malloc(words * sizeof *s->conflict);
    s->need = calloc(n, sizeof *s->need);
    s->queue = malloc(n * sizeof *s->queue);
    s->queued = calloc(words, sizeof *s->queued);
    s->scratch = malloc((n + m + 1) * sizeof *s->scratch);
    s->fullest = malloc(n * sizeof *s->fullest);
    s->by = malloc(n * sizeof *s->by);
    if (!(s->size && s->rank && s->pos && s->near && s->weight && s->frames && s->rest && s->least && s->order &&
          s->late && s->why && s->ends && s->pool && s->conflict && s->need && s->queue && s->queued && s->scratch &&
          s->fullest && s->by)) {
        gd_search_destroy(s);
        return NULL;
    }
    for (int32_t i = 0; i < s->n; i++)
        for (int32_t j = 0; j < i; j++)
            if (s->lo[i] < s->hi[j] && s->lo[j] < s->hi[i]) bit_set(BITS(s, near, i), j), bit_set(BITS(s, near, j), i);
    return s;
}

static double draw(gd_search *s) { /* in [0, 1) */
    s->random ^= s->random << 13;
    s->random ^= s->random >> 7;
    s->random ^= s->random << 17;
    return (double)(s->random >> 11) * 0x1p-53;
}

static int priority_compare(const void *x, const void *y) {
    const priority *a = x, *b = y;
    if (a->key != b->key) return a->key > b->key ? -1 : 1;
    return (a->id > b->id) - (a->id < b->id);
}

/* 1, 1, 2, 1, 1, 2, 4, ...: lengths of restarts that are never far from the best (Luby, Sinclair, Zuckerman 1993) */
static int64_t luby(int64_t i) {
    for (;;) {
        int64_t p = 1;
        while (p - 1 < i) p *= 2;
        if (p - 1 == i) return p / 2;
        i -= p / 2 - 1;
    }
}

/* sizes in units no coarser than leaves peak within 29 bits; where that is not their divisor, they are rounded up */
static int64_t unit_of(const gd_arena *a, int64_t peak) {
    int64_t unit = 0;
    for (int32_t i = 0; i < a->n; i++)
        for (int64_t x = a->size[i]; x;) {
            int64_t r = unit % x;
            unit = x, x = r;
        }
    return peak / unit <= (1 << 29) ? unit : peak >> 28;
}

/* Priorities decide among equal least offsets, above all who lies on the ground. Three classic orders in turn, blurred,
 * and one of random parts with a share for those that failed often. */
static void rank_all(gd_search *s, int64_t round, const int32_t *fullest, int32_t bound, priority *by) {
    double blur = 0.3 * draw(s), of_full = draw(s), of_span = draw(s), of_size = draw(s), most = 1;
    for (int32_t i = 0; i < s->n; i++)
        if (s->weight[i] > most) most = s->weight[i];
    for (int32_t i = 0; i < s->n; i++) {
        double full = (double)fullest[i] / bound, size = (double)s->size[i] / bound, key;
        double span = (double)(s->hi[i] - s->lo[i]) / s->m;
        switch (round % 4) {
        case 1: key = 1000 * full + span * size; break;
        case 2: key = span; break;
        case 3: key = span * size; break;
        default: key = of_full * full + of_span * span + of_size * size + s->weight[i] / most; break;
        }
        by[i] = (priority){key * (1 + blur * (draw(s) - 0.5)), i};
    }
    qsort(by, (size_t)s->n, sizeof *by, priority_compare);
    for (int32_t i = 0; i < s->n; i++) s->rank[by[i].id] = i;
}

int64_t gd_search_run(gd_search *s, const gd_arena *a, gd_budget *budget, int64_t *offsets, int64_t peak) {
    int64_t unit = unit_of(a, peak);
    int32_t *total = s->ends, *fullest = s->fullest, floor = 0, best = (int32_t)(peak / unit);
    memset(total, 0, (size_t)s->m * sizeof *total);
    for (int32_t i = 0; i < s->n; i++) {
        s->size[i] = (int32_t)((a->size[i] + unit - 1) / unit);
        for (int32_t t = s->lo[i]; t < s->hi[i]; t++) total[t] += s->size[i];
    }
    for (int32_t i = 0; i < s->n; i++) {
        fullest[i] = 0;
        for (int32_t t = s->lo[i]; t < s->hi[i]; t++)
            if (total[t] > fullest[i]) fullest[i] = total[t];
        if (fullest[i] > floor) floor = fullest[i];
    }
    int32_t bound = floor; /* floor: no capacity below it can do */
    for (int64_t round = 1; peak > a->goal && best > floor && budget->left > 0 && !gd_budget_cancelled(budget);
         round++) {
        double ambition = draw(s) * 4 / 3 - 1.0 / 3; /* tight capacities fail fast, and are met surprisingly often */
        rank_all(s, round, fullest, bound, s->by);
        s->cap = floor + (ambition > 0 ? (int32_t)((best - 1 - floor) * ambition) : 0);
        verdict v = tree(s, FIRST_NODES * luby(round), budget);
        if (v == IMPOSSIBLE) floor = s->cap + 1;
        if (v != FOUND) continue;
        best = 0;
        int64_t top = 0;
        for (int32_t i = 0; i < s->n; i++) {
            int64_t end = s->pos[i] * unit + a->size[i];
            if (end > top) top = end;
            if (s->pos[i] + s->size[i] > best) best = s->pos[i] + s->size[i];
        }
        if (top >= peak) continue;
        peak = top;
        for (int32_t i = 0; i < s->n; i++) offsets[i] = s->pos[i] * unit;
    }
    return peak;
}
