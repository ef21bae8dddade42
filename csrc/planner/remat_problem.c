/* remat_problem.c: schedules: kept, measured and compared. */
#include "remat_problem.h"
#include "graphdiff.h"
#include <stdlib.h>
#include <string.h>

void gd_schedule_free(gd_schedule *s) {
    free(s->step);
    *s = (gd_schedule){0};
}

int gd_schedule_push(gd_schedule *s, int32_t v) {
    if (s->n == s->room) {
        if (s->room > INT32_MAX / 4) return 0;
        int32_t room = s->room ? 2 * s->room : 64;
        int32_t *step = realloc(s->step, (size_t)room * sizeof *step);
        if (!step) return 0;
        s->step = step, s->room = room;
    }
    s->step[s->n++] = v;
    return 1;
}

int gd_schedule_copy(gd_schedule *to, const gd_schedule *from) {
    if (to->room < from->n) {
        int32_t *step = realloc(to->step, (size_t)from->n * sizeof *step);
        if (!step) return 0;
        to->step = step, to->room = from->n;
    }
    memcpy(to->step, from->step, (size_t)from->n * sizeof *to->step);
    to->n = from->n, to->peak = from->peak, to->cost = from->cost;
    return 1;
}

int gd_schedule_measure(const gd_remat *r, gd_schedule *s) {
    int32_t *copy = malloc((size_t)r->n * sizeof *copy); /* step of the present copy */
    int32_t *last = malloc((size_t)s->n * sizeof *last); /* of each step's copy */
    int64_t *change = calloc((size_t)s->n + 1, sizeof *change);
    int status = copy && last && change ? GD_OK : GD_ERR_MEMORY;
    for (int32_t t = 0; status == GD_OK && t < s->n; t++) {
        int32_t v = s->step[t];
        for (int32_t e = r->in_at[v]; e < r->in_at[v + 1]; e++) last[copy[r->in[e]]] = t;
        copy[v] = last[t] = t;
    }
    if (status == GD_OK) {
        for (int32_t v = 0; v < r->n; v++)
            if (gd_remat_kept(r, v)) last[copy[v]] = s->n - 1;
        s->cost = 0, s->peak = 0;
        for (int32_t t = 0; t < s->n; t++) {
            change[t] += r->size[s->step[t]];
            change[last[t] + 1] -= r->size[s->step[t]];
            s->cost += r->cost[s->step[t]];
        }
        int64_t alive = 0;
        for (int32_t t = 0; t < s->n; t++) {
            int32_t v = s->step[t], i = r->take[v];
            int64_t shared = i >= 0 && last[copy[i]] == t ? r->size[v] : 0;
            copy[v] = t;
            alive += change[t];
            if (alive + r->work[v] - shared > s->peak) s->peak = alive + r->work[v] - shared;
        }
    }
    free(copy);
    free(last);
    free(change);
    return status;
}

int gd_schedule_better(const gd_remat *r, const gd_schedule *x, const gd_schedule *y) {
    int x_fits = x->peak <= r->limit, y_fits = y->peak <= r->limit;
    if (x_fits != y_fits) return x_fits;
    if (x_fits) return x->cost != y->cost ? x->cost < y->cost : x->peak < y->peak;
    return x->peak != y->peak ? x->peak < y->peak : x->cost < y->cost;
}
