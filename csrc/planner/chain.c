/* chain.c: the cheapest way to run a chain of stages forward and backward in so many bytes, by dynamic programming over
 * runs of stages (after Beaumont et al.'s rotor), with slots that hold a state to restart from or a stage's tape.
 *
 * best(m, a, b): stages a..b forward and b..a backward, a's state at hand, in m bytes besides it, is the least of
 *   a = b     both at once: tape[a] + working[a] within m
 *   tape      a forward with its tape kept, best(m - tape[a], a+1, b), a backward
 *   restart   for some j: a's state kept, a..j-1 forward, best(m - state[a], j, b), then best(m, a, j-1) from the state
 * It is the optimum of all plans in which what is stored stays until its stage needs it for the last time. The table
 * holds best of every m, a, b; it is read back for the plan.
 */
#include "../threads/watch.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TABLE_MOST (INT64_C(1) << 31) /* bytes */

struct gd_chain {
    int32_t n, limit;
    double *best;                              /* rows of limit + 1, one for each a <= b */
    double *forward, *backward, *sum;          /* sum[i]: forward[0] to forward[i-1] */
    int32_t *state, *tape, *passing, *working; /* what cannot fit is limit + 1 */
};

static double *row(const gd_chain *c, int32_t a, int32_t b) {
    return c->best + ((int64_t)b * (b + 1) / 2 + a) * (c->limit + 1);
}

void gd_chain_destroy(gd_chain *c) {
    if (!c) return;
    free(c->best);
    free(c->forward);
    free(c->backward);
    free(c->sum);
    free(c->state);
    free(c->tape);
    free(c->passing);
    free(c->working);
    free(c);
}

static int32_t larger(int32_t a, int32_t b) { return a > b ? a : b; }

/* the fewest bytes in which a's tape is kept besides what follows */
static int64_t tape_from(const gd_chain *c, int32_t a) {
    return (int64_t)c->tape[a] + larger(c->passing[a], c->working[a]);
}

static void solve(gd_chain *c, int32_t a, int32_t b) {
    double *restrict out = row(c, a, b);
    int32_t limit = c->limit, passing = 0;
    for (int32_t m = 0; m <= limit; m++) out[m] = INFINITY;
    if (a == b) {
        for (int64_t m = (int64_t)c->tape[a] + c->working[a]; m <= limit; m++) out[m] = c->forward[a] + c->backward[a];
        return;
    }
    const double *rest = row(c, a + 1, b);
    double own = c->forward[a] + c->backward[a];
    for (int64_t m = tape_from(c, a); m <= limit; m++) out[m] = own + rest[m - c->tape[a]];
    for (int32_t j = a + 1; j <= b; j++) {
        passing = larger(passing, c->passing[j - 1]);
        const double *left = row(c, a, j - 1), *right = row(c, j, b);
        double again = c->sum[j] - c->sum[a];
        for (int64_t m = (int64_t)c->state[a] + passing; m <= limit; m++) {
            double total = again + right[m - c->state[a]] + left[m];
            out[m] = total < out[m] ? total : out[m];
        }
    }
}

int gd_chain_create(int64_t n, const double *forward, const double *backward, const int64_t *state, const int64_t *tape,
                    const int64_t *passing, const int64_t *working, int64_t limit, gd_cancel_fn cancel,
                    gd_chain **chain) {
    *chain = NULL;
    if (n < 1 || limit < 0 || n > 1 << 15 || limit > 1 << 28 ||
        n * (n + 1) / 2 * (limit + 1) > TABLE_MOST / (int64_t)sizeof(double))
        return GD_ERR_SHAPE;
    double total = 0;
    for (int64_t i = 0; i < n; i++) {
        if (!(forward[i] >= 0 && backward[i] >= 0) || state[i] < 0 || tape[i] < 0 || passing[i] < 0 || working[i] < 0)
            return GD_ERR_SHAPE;
        total += forward[i] + backward[i];
    }
    if (!(total * (double)n < 1e300)) return GD_ERR_SHAPE;
    gd_chain *c = calloc(1, sizeof *c);
    if (!c) return GD_ERR_MEMORY;
    size_t stages = (size_t)n;
    c->n = (int32_t)n, c->limit = (int32_t)limit;
    c->best = malloc(stages * (stages + 1) / 2 * ((size_t)limit + 1) * sizeof *c->best);
    c->forward = malloc(stages * sizeof *c->forward);
    c->backward = malloc(stages * sizeof *c->backward);
    c->sum = malloc((stages + 1) * sizeof *c->sum);
    c->state = malloc(stages * sizeof *c->state);
    c->tape = malloc(stages * sizeof *c->tape);
    c->passing = malloc(stages * sizeof *c->passing);
    c->working = malloc(stages * sizeof *c->working);
    if (!(c->best && c->forward && c->backward && c->sum && c->state && c->tape && c->passing && c->working)) {
        gd_chain_destroy(c);
        return GD_ERR_MEMORY;
    }
    const int64_t *from[] = {state, tape, passing, working};
    int32_t *to[] = {c->state, c->tape, c->passing, c->working};
    for (int k = 0; k < 4; k++)
        for (int64_t i = 0; i < n; i++)
            to[k][i] = (int32_t)(from[k][i] < limit ? from[k][i] : from[k][i] > limit ? limit + 1 : limit);
    c->sum[0] = 0;
    for (int64_t i = 0; i < n; i++) {
        c->forward[i] = forward[i], c->backward[i] = backward[i];
        c->sum[i + 1] = c->sum[i] + forward[i];
    }
    gd_watch watch = gd_watch_of(cancel);
    for (int32_t b = 0; b < c->n; b++)
        for (int32_t a = b; a >= 0; a--) {
            if (gd_watch_spend(&watch, (b - a + 1) * (limit + 1))) {
                gd_chain_destroy(c);
                return GD_ERR_CANCELLED;
            }
            solve(c, a, b);
        }
    *chain = c;
    return GD_OK;
}

double gd_chain_cost(const gd_chain *c, int64_t stages, int64_t limit) {
    if (stages < 1 || stages > c->n || limit < 0) return INFINITY;
    return row(c, 0, (int32_t)stages - 1)[limit < c->limit ? limit : c->limit];
}

/* ---- the plan ---- */

typedef struct {
    int32_t op, a, b, m;
} task; /* op: a step, or PLAN: best(m, a, b) */
enum { PLAN = -1 };

static int emit(gd_steps *s, int64_t *room, int32_t n, int32_t op, int32_t stage) {
    if (s->n == *room) {
        int64_t more = *room ? 2 * *room : 256;
        int32_t *step = realloc(s->step, (size_t)more * sizeof *step);
        if (!step) return 0;
        s->step = step, *room = more;
    }
    s->step[s->n++] = op * n + stage;
    return 1;
}

/* Writes the tasks that best(m, a, b) is made of, the last first; how many. */
static int split(const gd_chain *c, const task *t, task *out) {
    int32_t a = t->a, b = t->b, m = t->m;
    double best = row(c, a, b)[m];
    int k = 0;
    if (a == b || (m >= tape_from(c, a) && best == c->forward[a] + c->backward[a] + row(c, a + 1, b)[m - c->tape[a]])) {
        out[k++] = (task){GD_CHAIN_BACKWARD, a, 0, 0};
        if (a < b) out[k++] = (task){PLAN, a + 1, b, m - c->tape[a]};
        out[k++] = (task){GD_CHAIN_TAPE, a, 0, 0};
        return k;
    }
    int32_t passing = 0;
    for (int32_t j = a + 1; j <= b; j++) {
        passing = larger(passing, c->passing[j - 1]);
        if (m < (int64_t)c->state[a] + passing) break;
        double again = c->sum[j] - c->sum[a];
        if (again + row(c, j, b)[m - c->state[a]] + row(c, a, j - 1)[m] != best) continue;
        out[k++] = (task){PLAN, a, j - 1, m};
        out[k++] = (task){GD_CHAIN_LOAD, a, 0, 0};
        out[k++] = (task){PLAN, j, b, m - c->state[a]};
        out[k++] = (task){GD_CHAIN_FORWARD, a, j, 0}; /* stages a to j-1 */
        out[k++] = (task){GD_CHAIN_STORE, a, 0, 0};
        return k;
    }
    return k;
}

int gd_chain_plan(const gd_chain *c, int64_t stages, int64_t limit, gd_steps *out) {
    *out = (gd_steps){.peak = limit, .cost = gd_chain_cost(c, stages, limit)};
    if (!isfinite(out->cost)) return GD_ERR_SHAPE;
    int64_t room = 0, depth = 0, most = 64;
    task *stack = malloc((size_t)most * sizeof *stack);
    int good = stack != NULL;
    if (good) stack[depth++] = (task){PLAN, 0, (int32_t)stages - 1, (int32_t)(limit < c->limit ? limit : c->limit)};
    while (good && depth) {
        task t = stack[--depth];
        if (t.op == PLAN) {
            if (depth + 5 > most) {
                task *more = realloc(stack, (size_t)(2 * most) * sizeof *more);
                if (!more) {
                    good = 0;
                    break;
                }
                stack = more, most *= 2;
            }
            depth += split(c, &t, stack + depth);
        } else if (t.op == GD_CHAIN_FORWARD) {
            for (int32_t i = t.a; i < t.b && good; i++) good = emit(out, &room, c->n, t.op, i);
        } else good = emit(out, &room, c->n, t.op, t.a);
    }
    free(stack);
    if (good) return GD_OK;
    gd_steps_free(out);
    return GD_ERR_MEMORY;
}
