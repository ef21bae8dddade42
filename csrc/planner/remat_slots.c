/* remat_slots.c: steps put in and taken out of a slot array, and the tree of what lives when. */
#include "remat_slots.h"
#include "../program/sizes.h"
#include "graphdiff.h"
#include <stdlib.h>
#include <string.h>

/* ---- the tree: leaf of slot t is leaves + 1 + t, with a leaf unused at either end ---- */

/* adds x to slots first..last, both included */
static void tree_add(gd_slots *s, int32_t first, int32_t last, int64_t x) {
    if (first > last || x == 0) return;
    int64_t *top = s->top, *add = s->add;
    int32_t l = s->leaves + first, r = s->leaves + last + 2;
    for (; (l ^ r) != 1; l >>= 1, r >>= 1) {
        if (!(l & 1)) top[l ^ 1] += x, add[l ^ 1] += x;
        if (r & 1) top[r ^ 1] += x, add[r ^ 1] += x;
        top[l >> 1] = gd_max(top[l], top[l ^ 1]) + add[l >> 1];
        top[r >> 1] = gd_max(top[r], top[r ^ 1]) + add[r >> 1];
        s->steps += 4;
    }
    for (l >>= 1; l; l >>= 1) {
        int64_t now = gd_max(top[2 * l], top[2 * l + 1]) + add[l];
        s->steps++;
        if (now == top[l]) break;
        top[l] = now;
    }
}

int32_t gd_slots_peak_at(gd_slots *s) {
    int32_t p = 1;
    while (p < s->leaves) p = s->top[2 * p] >= s->top[2 * p + 1] ? 2 * p : 2 * p + 1;
    s->steps += 12;
    int32_t slot = p - s->leaves - 1;
    return slot < 0 ? 0 : slot < s->length ? slot : s->length - 1;
}

/* ---- sorted times ---- */

static void times_insert(gd_slots *s, gd_times *t, int32_t at, int32_t slot) {
    if (t->n == t->room) {
        int32_t room = t->room ? 2 * t->room : 4;
        int32_t *more = realloc(t->at, (size_t)room * sizeof *more);
        if (!more) {
            s->failed = 1;
            return;
        }
        t->at = more, t->room = room;
    }
    memmove(t->at + at + 1, t->at + at, (size_t)(t->n - at) * sizeof *t->at);
    t->at[at] = slot;
    t->n++;
    s->steps += 4 + (t->n - at) / 8;
}

static void times_remove(gd_slots *s, gd_times *t, int32_t at) {
    t->n--;
    memmove(t->at + at, t->at + at + 1, (size_t)(t->n - at) * sizeof *t->at);
    s->steps += 4 + (t->n - at) / 8;
}

/* ---- steps ---- */

/* What takes the bytes of the k-th copy of v at the end of its life adds nothing there: sign -1 says so, 1 takes it
 * back. To be called around whatever changes where a copy ends. */
static void share(gd_slots *s, int32_t v, int32_t k, int sign) {
    if (!s->r->taken[v]) return;
    int32_t end = gd_slots_end(s, v, k), by = s->node[end];
    if (end > s->made[v].at[k] && by >= 0 && s->r->take[by] == v) tree_add(s, end, end, sign * s->r->size[by]);
    s->steps += 6;
}

int32_t gd_slots_end(const gd_slots *s, int32_t v, int32_t k) {
    const gd_times *made = &s->made[v], *used = &s->used[v];
    if (k + 1 == made->n && gd_remat_kept(s->r, v)) return s->length - 1;
    int32_t uses = k + 1 < made->n ? gd_times_before(used, made->at[k + 1]) : used->n;
    return uses && used->at[uses - 1] > made->at[k] ? used->at[uses - 1] : made->at[k];
}

int gd_slots_fits(gd_slots *s, int32_t v, int32_t slot) {
    const gd_remat *r = s->r;
    for (int32_t e = r->in_at[v]; e < r->in_at[v + 1]; e++) {
        const gd_times *made = &s->made[r->in[e]];
        s->steps += 2;
        if (made->n == 0 || made->at[0] >= slot) return 0;
    }
    return 1;
}

void gd_slots_put(gd_slots *s, int32_t v, int32_t slot) {
    const gd_remat *r = s->r;
    gd_times *made = &s->made[v];
    s->node[slot] = v;
    for (int32_t e = r->in_at[v]; e < r->in_at[v + 1]; e++) {
        int32_t i = r->in[e], k = gd_times_before(&s->made[i], slot) - 1, end = gd_slots_end(s, i, k);
        share(s, i, k, 1);
        if (end < slot) tree_add(s, end + 1, slot, r->size[i]);
        times_insert(s, &s->used[i], gd_times_before(&s->used[i], slot), slot);
        if (s->failed) return;
        share(s, i, k, -1);
    }
    int32_t k = gd_times_before(made, slot), before = k ? gd_slots_end(s, v, k - 1) : -1;
    if (k) share(s, v, k - 1, 1);
    times_insert(s, made, k, slot);
    if (s->failed) return;
    if (k) {
        tree_add(s, gd_slots_end(s, v, k - 1) + 1, before, -r->size[v]);
        share(s, v, k - 1, -1);
    }
    share(s, v, k, -1);
    tree_add(s, slot, gd_slots_end(s, v, k), r->size[v]);
    tree_add(s, slot, slot, r->work[v]);
    s->cost += r->cost[v];
    s->filled++;
    s->steps += 20;
}

int gd_slots_spare(gd_slots *s, int32_t slot) {
    int32_t v = s->node[slot];
    const gd_times *made = &s->made[v];
    int32_t k = gd_times_before(made, slot);
    s->steps += 8;
    return made->n > 1 && (k || gd_slots_end(s, v, 0) == slot);
}

void gd_slots_take(gd_slots *s, int32_t slot) {
    const gd_remat *r = s->r;
    int32_t v = s->node[slot];
    gd_times *made = &s->made[v];
    int32_t k = gd_times_before(made, slot), end = gd_slots_end(s, v, k);
    int32_t before = k ? gd_slots_end(s, v, k - 1) : -1;
    share(s, v, k, 1);
    if (k) share(s, v, k - 1, 1);
    times_remove(s, made, k);
    tree_add(s, slot, end, -r->size[v]);
    tree_add(s, slot, slot, -r->work[v]);
    if (k) {
        tree_add(s, before + 1, gd_slots_end(s, v, k - 1), r->size[v]);
        share(s, v, k - 1, -1);
    }
    for (int32_t e = r->in_at[v]; e < r->in_at[v + 1]; e++) {
        int32_t i = r->in[e], c = gd_times_before(&s->made[i], slot) - 1;
        share(s, i, c, 1);
        times_remove(s, &s->used[i], gd_times_before(&s->used[i], slot));
        int32_t now = gd_slots_end(s, i, c);
        if (now < slot) tree_add(s, now + 1, slot, -r->size[i]);
        share(s, i, c, -1);
    }
    s->cost -= r->cost[v];
    s->node[slot] = -1;
    s->filled--;
    s->steps += 20;
}

/* ---- the whole ---- */

void gd_slots_destroy(gd_slots *s) {
    for (int32_t v = 0; s->made && s->used && v < s->r->n; v++) free(s->made[v].at), free(s->used[v].at);
    free(s->made);
    free(s->used);
    free(s->node);
    free(s->top);
    free(s->add);
}

int gd_slots_create(gd_slots *s, const gd_remat *r, int32_t length) {
    *s = (gd_slots){.r = r, .length = length, .leaves = 4};
    while (s->leaves < length + 2) s->leaves *= 2;
    s->node = malloc((size_t)length * sizeof *s->node);
    s->made = calloc((size_t)r->n, sizeof *s->made);
    s->used = calloc((size_t)r->n, sizeof *s->used);
    s->top = malloc(2 * (size_t)s->leaves * sizeof *s->top);
    s->add = malloc(2 * (size_t)s->leaves * sizeof *s->add);
    return s->node && s->made && s->used && s->top && s->add ? GD_OK : GD_ERR_MEMORY;
}

void gd_slots_fill(gd_slots *s, const gd_schedule *schedule) {
    memset(s->top, 0, 2 * (size_t)s->leaves * sizeof *s->top);
    memset(s->add, 0, 2 * (size_t)s->leaves * sizeof *s->add);
    for (int32_t t = 0; t < s->length; t++) s->node[t] = -1;
    for (int32_t v = 0; v < s->r->n; v++) s->made[v].n = s->used[v].n = 0;
    s->cost = 0, s->filled = 0;
    for (int32_t k = 0; k < schedule->n && !s->failed; k++)
        gd_slots_put(s, schedule->step[k], (int32_t)((int64_t)k * s->length / schedule->n));
    s->steps += s->length;
}

int gd_slots_read(const gd_slots *s, gd_schedule *schedule) {
    schedule->n = 0;
    for (int32_t t = 0; t < s->length; t++)
        if (s->node[t] >= 0 && !gd_schedule_push(schedule, s->node[t])) return 0;
    return 1;
}
