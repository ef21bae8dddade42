/* arena.c: gd_arena_place. Validates the caller's buffers, rounds sizes to the alignment, drops buffers that hold
 * nothing, cuts what shares no time into problems of their own and hands each to the searches, the hardest first.
 *
 * The result is the largest peak of the problems, so a problem is solved well enough as soon as its peak is no
 * more than the goal: 1.005 times the bound of the whole.
 */
#include "arena.h"
#include "graphdiff.h"
#include <stdlib.h>
#include <string.h>

enum { FIRST_TURN = 1 << 25, SEARCHED = 4 }; /* steps, a seventh of a second; and times as many of the search */

typedef struct {
    int64_t time;
    int32_t id;
    int32_t is_end;
} event;

typedef struct {
    int32_t first, n, sections; /* a range of the sorted buffers */
    int64_t bound, peak;
} part;

typedef struct {
    int32_t n, n_parts;
    int32_t *id, *lo, *hi; /* sorted by start; lo and hi count from their part's first section */
    int64_t *size, *offsets;
    event *events;
    part *parts;
} workplace;

static void workplace_free(workplace *w) {
    free(w->id);
    free(w->lo);
    free(w->hi);
    free(w->size);
    free(w->offsets);
    free(w->events);
    free(w->parts);
}

static int workplace_make(workplace *w, size_t n) {
    *w = (workplace){0};
    w->id = malloc((n + 1) * sizeof *w->id);
    w->lo = malloc((n + 1) * sizeof *w->lo);
    w->hi = malloc((n + 1) * sizeof *w->hi);
    w->size = malloc((n + 1) * sizeof *w->size);
    w->offsets = malloc((n + 1) * sizeof *w->offsets);
    w->events = malloc((2 * n + 1) * sizeof *w->events);
    w->parts = malloc((n + 1) * sizeof *w->parts);
    return w->id && w->lo && w->hi && w->size && w->offsets && w->events && w->parts;
}

static int event_compare(const void *x, const void *y) {
    const event *a = x, *b = y;
    if (a->time != b->time) return a->time < b->time ? -1 : 1;
    if (a->is_end != b->is_end) return b->is_end - a->is_end; /* ends first: [lower, upper) */
    return (a->id > b->id) - (a->id < b->id);
}

/* Sorted buffers and parts from the caller's arrays; rank[id] is scratch of n. Sections are the stretches between
 * starts: an end only matters by the starts that lie before it. */
static void cut(workplace *w, int64_t n, const int64_t *lower, const int64_t *upper, const int64_t *size, int64_t align,
                int32_t *rank) {
    int32_t events = 0, section = 0, alive = 0;
    int64_t total = 0;
    for (int64_t i = 0; i < n; i++) {
        if (size[i] == 0 || lower[i] == upper[i]) continue;
        w->events[events++] = (event){lower[i], (int32_t)i, 0};
        w->events[events++] = (event){upper[i], (int32_t)i, 1};
    }
    qsort(w->events, (size_t)events, sizeof *w->events, event_compare);
    part *p = NULL;
    for (int32_t e = 0; e < events; e++) {
        const event *v = &w->events[e];
        int64_t bytes = (size[v->id] + align - 1) & -align;
        if (v->is_end) {
            int32_t at = rank[v->id];
            total -= bytes;
            alive--;
            w->hi[at] = section + 1;
            p->sections = section + 1;
            continue;
        }
        if (alive == 0) {
            p = &w->parts[w->n_parts++];
            *p = (part){.first = w->n, .peak = GD_ARENA_NONE};
            section = 0;
        } else if (w->events[e - 1].is_end) section++; /* something ended since the last start */
        int32_t at = w->n++;
        rank[v->id] = at;
        w->id[at] = v->id, w->lo[at] = section, w->size[at] = bytes;
        p->n++;
        alive++;
        total += bytes;
        if (total > p->bound) p->bound = total;
    }
}

static int part_compare(const void *x, const void *y) {
    const part *a = x, *b = y;
    if (a->bound != b->bound) return a->bound > b->bound ? -1 : 1;
    return (a->first > b->first) - (a->first < b->first);
}

static gd_arena part_arena(const workplace *w, const part *p, int64_t goal) {
    return (gd_arena){.n = p->n,
                      .sections = p->sections,
                      .lo = w->lo + p->first,
                      .hi = w->hi + p->first,
                      .size = w->size + p->first,
                      .bound = p->bound,
                      .goal = goal};
}

/* A part still above the goal: a search among orders and branch and bound in turns, each twice as long as the last.
 * What a turn does is the same however much is left after it, so that more budget never gives less. */
static int improve(workplace *w, part *p, gd_greedy *greedy, gd_budget *budget, int64_t goal) {
    gd_arena a = part_arena(w, p, goal);
    int64_t *offsets = w->offsets + p->first;
    gd_search *search = NULL;
    if (p->n <= GD_SEARCH_MOST && !(search = gd_search_create(&a))) return GD_ERR_MEMORY;
    for (int64_t turn = FIRST_TURN; p->peak > goal && budget->left > 0 && !gd_budget_cancelled(budget); turn *= 2) {
        p->peak = gd_greedy_improve(greedy, &a, budget, turn, offsets, p->peak);
        if (!search || p->peak <= goal) continue;
        gd_budget share = {budget->left < SEARCHED * turn ? budget->left : SEARCHED * turn, budget->watch};
        budget->left -= share.left;
        p->peak = gd_search_run(search, &a, &share, offsets, p->peak);
        budget->left += share.left;
        if (share.left > 0) break; /* at the goal, or nothing is better */
    }
    gd_search_destroy(search);
    return GD_OK;
}

static int solve(workplace *w, gd_budget *budget, int64_t *peak, int64_t *bound) {
    int32_t largest = 0, open = 0;
    int status = GD_OK;
    qsort(w->parts, (size_t)w->n_parts, sizeof *w->parts, part_compare);
    *peak = *bound = w->n_parts ? w->parts[0].bound : 0;
    for (int32_t k = 0; k < w->n_parts; k++)
        if (w->parts[k].n > largest) largest = w->parts[k].n;
    gd_greedy *greedy = gd_greedy_create(largest);
    if (!greedy) return GD_ERR_MEMORY;
    int64_t goal = *bound + *bound / 200;
    for (int32_t k = 0; k < w->n_parts; k++) {
        part *p = &w->parts[k];
        gd_arena a = part_arena(w, p, goal > *peak ? goal : *peak);
        p->peak = gd_greedy_run(greedy, &a, budget, w->offsets + p->first, GD_ARENA_NONE);
        if (p->peak > *peak) *peak = p->peak;
    }
    for (int32_t k = 0; k < w->n_parts; k++) open += w->parts[k].peak > goal; /* they share the budget */
    *peak = 0;
    for (int32_t k = 0; status == GD_OK && k < w->n_parts; k++) {
        part *p = &w->parts[k];
        if (p->peak > goal) {
            gd_budget share = {budget->left / open--, budget->watch};
            budget->left -= share.left;
            status = improve(w, p, greedy, &share, goal > *peak ? goal : *peak);
            budget->left += share.left;
        }
        if (p->peak > *peak) *peak = p->peak;
    }
    gd_greedy_destroy(greedy);
    return status;
}

int gd_arena_place(int64_t n, const int64_t *lower, const int64_t *upper, const int64_t *size, int64_t align,
                   double seconds, gd_cancel_fn cancel, int64_t *offsets, int64_t *peak, int64_t *bound) {
    *peak = *bound = 0;
    if (n < 0 || n > INT32_MAX / 8 || align < 1 || (align & (align - 1))) return GD_ERR_SHAPE;
    int64_t total = 0;
    for (int64_t i = 0; i < n; i++) {
        if (size[i] < 0 || lower[i] > upper[i] || size[i] > INT64_MAX / 4 - total - align) return GD_ERR_SHAPE;
        total += (size[i] + align - 1) & -align;
        offsets[i] = 0;
    }
    gd_watch watch = gd_watch_of(cancel);
    gd_budget budget = gd_budget_of(seconds, &watch);
    workplace w;
    int32_t *rank = malloc(((size_t)n + 1) * sizeof *rank);
    int status = rank && workplace_make(&w, (size_t)n) ? GD_OK : GD_ERR_MEMORY;
    if (status == GD_OK) {
        cut(&w, n, lower, upper, size, align, rank);
        status = solve(&w, &budget, peak, bound);
        for (int32_t k = 0; status == GD_OK && k < w.n; k++) offsets[w.id[k]] = w.offsets[k];
    }
    if (rank) workplace_free(&w);
    free(rank);
    return status;
}
