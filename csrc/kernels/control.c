/* control.c: owns loops and branches: instructions that run an inner program, once for each step or the one chosen.
 *
 * loop     reads: whatever the words below name as read; writes: what they name as write
 *   [length, count (read or -1), steps (write or -1), segment (0: none), n_again, runs.. (n_again, then the loop itself),
 *    condition]                                               programs are as program/inner.h reads them
 *   run: [n_carry, n_xs, n_captured, n_ys, n_sums, reverse,
 *    carries.. [read, write or -1, rows (write or -1), every, bytes], xs.. [operand, in segment, bytes of a row],
 *    captured.. [read], ys.. [write or -1, in segment, bytes of a row], sums.. [read or -1, write or -1, bytes], body]
 *   body: carries, rows of xs, captured -> carries, rows of ys; its parameters are the sums, which it adds to in place.
 *   condition (may be none): carries, captured -> bool.
 *   Step s = 0.. is at row t = s, or n - 1 - s if reverse; it runs while s < n = min(length, count) and the condition
 *   holds. A carry's row t / every is the carry before the step at t, for t where a segment of `every` rows begins.
 *   Rows of ys and carries of steps that did not run are zero.
 *   With a segment length, rows are taken segment by segment in the loop's order: for each, the runs before the last
 *   one start from their carries' rows at its beginning (their reads) and write every row of it; operands "in segment"
 *   have the rows of one segment only. They are writes: room that nothing outside sees. A result's rows may be in the
 *   place of rows that only the runs before the last one read, whose segment has been read when it is written.
 * branch   reads: a bool, operands; writes: results     [n_operands, n_results, program if true, program if false]
 */
#include <string.h>

#include "../program/inner.h"
#include "params.h"

typedef struct {
    int64_t read, write, rows, every, bytes, ping, pong;
} carry_row;
typedef struct {
    int64_t operand, local, bytes, spare;
} step_row; /* spare: where a result nobody wants goes */
typedef struct {
    int64_t read, write, bytes, spare;
} sum_row;

/* a body and what its slots are bound to */
typedef struct {
    int64_t n_carry, n_xs, n_captured, n_ys, n_sums, reverse;
    int again; /* for the loop's sake, from stored carries */
    carry_row *carries;
    step_row *xs, *ys;
    int64_t *captured;
    sum_row *sums;
    gd_program *body;
    int64_t body_at, weight; /* weight: of a step */
} run_block;

typedef struct {
    int64_t length, count, steps, segment, n_runs;
    run_block *runs; /* the last one is the loop itself */
    gd_program *condition;
    int64_t condition_at, pred_at, state_at;
} loop_block;

typedef struct {
    int64_t n_in, n_out;
    gd_program *programs[2];
} branch_block;

#ifdef GD_PREPARE

/* the words that a loop begins with, those of a run, of its rows of each kind, and those that a branch begins with */
enum { LENGTH, COUNT, STEPS, SEGMENT, N_AGAIN, LOOP_WORDS };
enum { N_CARRY, N_XS, N_CAPTURED, N_YS, N_SUMS, REVERSE, RUN_WORDS };
enum { CARRY_READ, CARRY_WRITE, CARRY_ROWS, CARRY_EVERY, CARRY_BYTES, CARRY_WORDS };
enum { STEP_OPERAND, STEP_LOCAL, STEP_BYTES, STEP_WORDS };
enum { SUM_READ, SUM_WRITE, SUM_BYTES, SUM_WORDS };
enum { N_OPERANDS, N_RESULTS, BRANCH_WORDS };

#define LIMIT 100000 /* rows of each kind: bounds the products below */

/* room for `bytes` in the scratch; -1 when it is too much */
static int64_t reserve(gd_prepare *p, int64_t bytes) {
    int64_t at = p->scratch;
    if (bytes < 0 || bytes > (INT64_C(1) << 46) - at) return -1;
    p->scratch = at + gd_round_up(bytes, GD_ALIGN);
    return at;
}

static int64_t operand_bytes(const gd_prepare *p, int64_t i) {
    const gd_value *v = gd_operand(p, i);
    return v->count * gd_item_bytes(v->dtype);
}

/* operand i (a read or, if `write`, a write) holds exactly n times `bytes`; -1 is none, where that may be */
static int check_operand(gd_prepare *p, int64_t i, int write, int may_lack, int64_t n, int64_t bytes) {
    if (bytes < 0 || bytes > INT64_C(1) << 46) return gd_prepare_fail(p, GD_ERR_SHAPE, -1, bytes);
    if (may_lack && i == -1) return GD_OK;
    int64_t low = write ? p->n_reads : 0, high = write ? p->n_reads + p->n_writes : p->n_reads, total;
    if (i < low || i >= high) return gd_prepare_fail(p, GD_ERR_BOUNDS, -1, i);
    if (__builtin_mul_overflow(n, bytes, &total) || total != operand_bytes(p, i))
        return gd_prepare_fail(p, GD_ERR_SHAPE, -1, i);
    return GD_OK;
}

static int check_slot(gd_prepare *p, const gd_program *inner, int64_t slot, int64_t bytes) {
    return gd_inner_slot_bytes(inner, slot) <= bytes ? GD_OK : gd_prepare_fail(p, GD_ERR_SHAPE, -1, slot);
}

static int read_carry(gd_prepare *p, const loop_block *b, const run_block *r, const int64_t *w, carry_row *c) {
    *c = (carry_row){.read = w[CARRY_READ],
                     .write = w[CARRY_WRITE],
                     .rows = w[CARRY_ROWS],
                     .every = w[CARRY_EVERY],
                     .bytes = w[CARRY_BYTES]};
    if (c->every < 1) return gd_prepare_fail(p, GD_ERR_SHAPE, -1, c->every);
    int64_t starts = b->length / c->every + (b->length % c->every != 0);
    int status = check_operand(p, c->read, 0, 0, r->again ? starts : 1, c->bytes);
    if (status == GD_OK) status = check_operand(p, c->write, 1, 1, 1, c->bytes);
    if (status == GD_OK) status = check_operand(p, c->rows, 1, 1, r->again ? b->segment : starts, c->bytes);
    if (status != GD_OK) return status;
    /* rows are read where segments begin */
    if (r->again && (c->write != -1 || (c->every != 1 && c->every != b->segment)))
        return gd_prepare_fail(p, GD_ERR_SHAPE, -1, c->every);
    c->ping = reserve(p, c->bytes);
    c->pong = reserve(p, c->bytes);
    return c->ping < 0 || c->pong < 0 ? GD_ERR_SHAPE : GD_OK;
}

static int read_step(gd_prepare *p, const loop_block *b, const run_block *r, const int64_t *w, int result,
                     step_row *row) {
    int64_t operand = w[STEP_OPERAND], local = w[STEP_LOCAL], bytes = w[STEP_BYTES];
    *row = (step_row){.operand = operand, .local = local, .bytes = bytes};
    if (local < 0 || local > 1 || (local && b->segment == 0) || (result && local != r->again))
        return gd_prepare_fail(p, GD_ERR_SHAPE, -1, local);
    int status = check_operand(p, operand, result || local, result, local ? b->segment : b->length, bytes);
    if (status == GD_OK && result && operand == -1 && (row->spare = reserve(p, bytes)) < 0) status = GD_ERR_SHAPE;
    return status;
}

static int read_sum(gd_prepare *p, const int64_t *w, sum_row *row) {
    *row = (sum_row){.read = w[SUM_READ], .write = w[SUM_WRITE], .bytes = w[SUM_BYTES]};
    int status = check_operand(p, row->read, 0, 1, 1, row->bytes);
    if (status == GD_OK) status = check_operand(p, row->write, 1, 1, 1, row->bytes);
    if (status == GD_OK && row->write == -1 && (row->spare = reserve(p, row->bytes)) < 0) status = GD_ERR_SHAPE;
    return status;
}

/* the program's slots are no larger than what the run binds to them */
static int check_body(gd_prepare *p, const run_block *r) {
    int64_t n_in = r->n_carry + r->n_xs + r->n_captured, n_out = r->n_carry + r->n_ys, slot = 0;
    int status = GD_OK;
    if (r->body == NULL || gd_inner_slots(r->body, GD_INNER_INPUTS) != n_in ||
        gd_inner_slots(r->body, GD_INNER_OUTPUTS) != n_out || gd_inner_slots(r->body, GD_INNER_PARAMS) != r->n_sums)
        return gd_prepare_fail(p, GD_ERR_SHAPE, -1, n_in);
    for (int64_t i = 0; i < r->n_carry && status == GD_OK; i++)
        status = check_slot(p, r->body, slot++, r->carries[i].bytes);
    for (int64_t i = 0; i < r->n_xs && status == GD_OK; i++) status = check_slot(p, r->body, slot++, r->xs[i].bytes);
    for (int64_t i = 0; i < r->n_captured && status == GD_OK; i++)
        status = check_slot(p, r->body, slot++, operand_bytes(p, r->captured[i]));
    for (int64_t i = 0; i < r->n_carry && status == GD_OK; i++)
        status = check_slot(p, r->body, slot++, r->carries[i].bytes);
    for (int64_t i = 0; i < r->n_ys && status == GD_OK; i++) status = check_slot(p, r->body, slot++, r->ys[i].bytes);
    for (int64_t i = 0; i < r->n_sums && status == GD_OK; i++)
        status = check_slot(p, r->body, slot++, r->sums[i].bytes);
    return status;
}

static int read_run(gd_prepare *p, const loop_block *b, run_block *r, int64_t *at) {
    const int64_t *w = p->payload + *at;
    if (p->n_payload - *at < RUN_WORDS) return gd_prepare_fail(p, GD_ERR_BOUNDS, -1, *at);
    for (int64_t i = N_CARRY; i <= N_SUMS; i++)
        if (w[i] < 0 || w[i] > LIMIT) return gd_prepare_fail(p, GD_ERR_BOUNDS, *at + i, w[i]);
    int again = r->again;
    *r = (run_block){.n_carry = w[N_CARRY],
                     .n_xs = w[N_XS],
                     .n_captured = w[N_CAPTURED],
                     .n_ys = w[N_YS],
                     .n_sums = w[N_SUMS],
                     .reverse = w[REVERSE],
                     .again = again};
    if (r->reverse < 0 || r->reverse > 1) return gd_prepare_fail(p, GD_ERR_SHAPE, *at + REVERSE, r->reverse);
    *at += RUN_WORDS;
    int64_t rows = CARRY_WORDS * r->n_carry + STEP_WORDS * (r->n_xs + r->n_ys) + r->n_captured + SUM_WORDS * r->n_sums;
    if (p->n_payload - *at < rows) return gd_prepare_fail(p, GD_ERR_BOUNDS, -1, rows);
    r->carries = gd_prepare_block(p, (size_t)r->n_carry * sizeof *r->carries);
    r->xs = gd_prepare_block(p, (size_t)r->n_xs * sizeof *r->xs);
    r->ys = gd_prepare_block(p, (size_t)r->n_ys * sizeof *r->ys);
    r->sums = gd_prepare_block(p, (size_t)r->n_sums * sizeof *r->sums);
    r->captured = gd_prepare_block(p, (size_t)r->n_captured * sizeof *r->captured);
    if (r->carries == NULL || r->xs == NULL || r->ys == NULL || r->sums == NULL || r->captured == NULL)
        return GD_ERR_MEMORY;
    int status = GD_OK;
    for (int64_t i = 0; i < r->n_carry && status == GD_OK; i++, *at += CARRY_WORDS)
        status = read_carry(p, b, r, p->payload + *at, &r->carries[i]);
    for (int64_t i = 0; i < r->n_xs && status == GD_OK; i++, *at += STEP_WORDS)
        status = read_step(p, b, r, p->payload + *at, 0, &r->xs[i]);
    for (int64_t i = 0; i < r->n_captured && status == GD_OK; i++, *at += 1) {
        int64_t read = r->captured[i] = p->payload[*at];
        if (read < 0 || read >= p->n_reads) status = gd_prepare_fail(p, GD_ERR_BOUNDS, *at, read);
    }
    for (int64_t i = 0; i < r->n_ys && status == GD_OK; i++, *at += STEP_WORDS)
        status = read_step(p, b, r, p->payload + *at, 1, &r->ys[i]);
    for (int64_t i = 0; i < r->n_sums && status == GD_OK; i++, *at += SUM_WORDS)
        status = read_sum(p, p->payload + *at, &r->sums[i]);
    if (status == GD_OK) status = gd_inner_read(p, at, &r->body);
    if (status == GD_OK) status = check_body(p, r);
    if (status == GD_OK && (r->body_at = reserve(p, gd_inner_bytes(r->body))) < 0) status = GD_ERR_SHAPE;
    if (status == GD_OK) r->weight = gd_inner_weight(r->body);
    return status;
}

static int check_condition(gd_prepare *p, const loop_block *b) {
    const run_block *r = &b->runs[b->n_runs - 1];
    if (b->condition == NULL) return GD_OK;
    if (b->n_runs > 1 || r->n_sums > 0 || gd_inner_slots(b->condition, GD_INNER_INPUTS) != r->n_carry + r->n_captured ||
        gd_inner_slots(b->condition, GD_INNER_OUTPUTS) != 1 || gd_inner_slots(b->condition, GD_INNER_PARAMS) != 0)
        return gd_prepare_fail(p, GD_ERR_SHAPE, -1, r->n_captured);
    int status = GD_OK;
    for (int64_t i = 0; i < r->n_carry && status == GD_OK; i++)
        status = check_slot(p, b->condition, i, r->carries[i].bytes);
    for (int64_t i = 0; i < r->n_captured && status == GD_OK; i++)
        status = check_slot(p, b->condition, r->n_carry + i, operand_bytes(p, r->captured[i]));
    return status == GD_OK ? check_slot(p, b->condition, r->n_carry + r->n_captured, 1) : status;
}

/* whether read i is nothing but rows of so many bytes for the runs before the last one */
static int is_read_before(const loop_block *b, int64_t i, int64_t bytes) {
    int found = 0;
    for (int64_t k = 0; k < b->n_runs; k++) {
        const run_block *r = &b->runs[k];
        for (int64_t j = 0; j < r->n_carry; j++)
            if (r->carries[j].read == i) return 0;
        for (int64_t j = 0; j < r->n_captured; j++)
            if (r->captured[j] == i) return 0;
        for (int64_t j = 0; j < r->n_sums; j++)
            if (r->sums[j].read == i) return 0;
        for (int64_t j = 0; j < r->n_xs; j++) {
            if (r->xs[j].operand != i) continue;
            if (!r->again || r->xs[j].bytes != bytes) return 0;
            found = 1;
        }
    }
    return found && b->count != i;
}

static void allow_in_place(gd_prepare *p, const loop_block *b) {
    const run_block *r = &b->runs[b->n_runs - 1];
    for (int64_t j = 0; j < r->n_ys; j++)
        for (int64_t i = 0; r->ys[j].operand >= 0 && i < p->n_reads; i++)
            if (is_read_before(b, i, r->ys[j].bytes) && gd_params_same(p, i, r->ys[j].operand))
                p->may_alias[i * p->n_writes + r->ys[j].operand - p->n_reads] = 1;
}

int gd_prepare_loop(gd_prepare *p) {
    const int64_t *w = p->payload;
    if (p->n_payload < LOOP_WORDS) return gd_prepare_fail(p, GD_ERR_FORMAT, -1, p->n_payload);
    int64_t length = w[LENGTH], segment = w[SEGMENT], n_again = w[N_AGAIN];
    if (length < 0 || length > INT64_C(1) << 46) return gd_prepare_fail(p, GD_ERR_SHAPE, LENGTH, length);
    if (segment < 0 || segment > INT64_C(1) << 46) return gd_prepare_fail(p, GD_ERR_SHAPE, SEGMENT, segment);
    if (n_again < 0 || n_again > LIMIT || (n_again > 0) != (segment > 0))
        return gd_prepare_fail(p, GD_ERR_BOUNDS, N_AGAIN, n_again);
    loop_block *b = gd_prepare_block(p, sizeof *b);
    if (b == NULL) return GD_ERR_MEMORY;
    *b =
        (loop_block){.length = length, .count = w[COUNT], .steps = w[STEPS], .segment = segment, .n_runs = n_again + 1};
    b->runs = gd_prepare_block(p, (size_t)b->n_runs * sizeof *b->runs);
    if (b->runs == NULL) return GD_ERR_MEMORY;
    int status = check_operand(p, b->count, 0, 1, 1, 8);
    if (status == GD_OK && b->count != -1 && gd_operand(p, b->count)->dtype != GD_I64)
        status = gd_prepare_fail(p, GD_ERR_TYPE, COUNT, b->count);
    if (status == GD_OK) status = check_operand(p, b->steps, 1, 1, 1, 8);
    int64_t at = LOOP_WORDS;
    for (int64_t i = 0; i < b->n_runs && status == GD_OK; i++) {
        b->runs[i].again = i + 1 < b->n_runs;
        status = read_run(p, b, &b->runs[i], &at);
    }
    if (status == GD_OK) status = gd_inner_read(p, &at, &b->condition);
    if (status == GD_OK && at != p->n_payload) status = gd_prepare_fail(p, GD_ERR_FORMAT, -1, at);
    if (status == GD_OK) status = check_condition(p, b);
    if (status != GD_OK) return status;
    b->condition_at = b->condition != NULL ? reserve(p, gd_inner_bytes(b->condition)) : 0;
    b->pred_at = reserve(p, GD_ALIGN);
    b->state_at = reserve(p, b->n_runs * (int64_t)sizeof(gd_inner_run));
    if (b->condition_at < 0 || b->pred_at < 0 || b->state_at < 0) return GD_ERR_SHAPE;
    if (b->segment > 0) allow_in_place(p, b);
    p->block = b;
    return GD_OK;
}

int gd_prepare_branch(gd_prepare *p) {
    const int64_t *w = p->payload;
    if (p->n_payload < BRANCH_WORDS || p->n_reads < 1 || w[N_OPERANDS] != p->n_reads - 1 || w[N_RESULTS] != p->n_writes)
        return gd_prepare_fail(p, GD_ERR_FORMAT, -1, p->n_payload);
    if (gd_operand(p, 0)->dtype != GD_BOOL || gd_operand(p, 0)->count != 1)
        return gd_prepare_fail(p, GD_ERR_TYPE, -1, 0);
    branch_block *b = gd_prepare_block(p, sizeof *b);
    if (b == NULL) return GD_ERR_MEMORY;
    b->n_in = w[N_OPERANDS];
    b->n_out = w[N_RESULTS];
    int64_t at = BRANCH_WORDS, room = 0;
    for (int k = 0; k < 2; k++) {
        int status = gd_inner_read(p, &at, &b->programs[k]);
        if (status != GD_OK) return status;
        gd_program *g = b->programs[k];
        if (g == NULL || gd_inner_slots(g, GD_INNER_INPUTS) != b->n_in ||
            gd_inner_slots(g, GD_INNER_OUTPUTS) != b->n_out)
            return gd_prepare_fail(p, GD_ERR_SHAPE, -1, k);
        for (int64_t i = 0; i < b->n_in + b->n_out; i++)
            if ((status = check_slot(p, g, i, operand_bytes(p, 1 + i))) != GD_OK) return status;
        if (gd_inner_bytes(g) > room) room = gd_inner_bytes(g);
    }
    if (at != p->n_payload) return gd_prepare_fail(p, GD_ERR_FORMAT, -1, at);
    if (reserve(p, room) < 0) return GD_ERR_SHAPE;
    p->block = b;
    return GD_OK;
}

#else

/* memcpy takes no null pointers, which empty operands may have */
static void copy(void *to, const void *from, int64_t bytes) {
    if (bytes > 0 && to != from) memcpy(to, from, (size_t)bytes);
}

static void zero_rows(char *rows, int64_t from, int64_t to, int64_t bytes) {
    if (to > from && bytes > 0) memset(rows + from * bytes, 0, (size_t)((to - from) * bytes));
}

/* Steps first..last-1 of n, whose rows in segment are counted from row `base`. For a loop that is not run again these
 * are all its steps, in however many goes. */
typedef struct {
    int64_t n, first, last, base;
} span;

static int64_t row_of(const run_block *r, const span *x, int64_t s) { return r->reverse ? x->n - 1 - s : s; }

/* Where a carry is kept before step s: its row where it has one there, the result after the last step, else one of two
 * places in turn. */
static char *kept_at(const run_block *r, const carry_row *c, const gd_call *call, const span *x, int64_t s) {
    int64_t t = row_of(r, x, s);
    if (s >= x->last) {
        if (c->write >= 0) return (char *)call->operands[c->write];
    } else if (c->rows >= 0) {
        if (r->again) return (char *)call->operands[c->rows] + (t - x->base) * c->bytes;
        if (c->every == 1) return (char *)call->operands[c->rows] + t * c->bytes;
        if (s == x->first || (r->reverse ? t + 1 : t) % c->every == 0)
            return (char *)call->operands[c->rows] + t / c->every * c->bytes;
    }
    return (char *)call->scratch + (s & 1 ? c->ping : c->pong);
}

/* the carry before the first step: put in its row where it has one */
static const char *carry_at_first(const run_block *r, const carry_row *c, const gd_call *call, const span *x) {
    const char *from = (const char *)call->operands[c->read];
    if (r->again) from += row_of(r, x, x->first) / c->every * c->bytes;
    if (c->rows < 0 || x->first >= x->last) return from;
    char *row = kept_at(r, c, call, x, x->first);
    copy(row, from, c->bytes);
    return row;
}

static const char *carry_before(const run_block *r, const carry_row *c, const gd_call *call, const span *x, int64_t s) {
    return s == x->first ? carry_at_first(r, c, call, x) : kept_at(r, c, call, x, s);
}

static void *step_address(const step_row *row, const gd_call *call, const span *x, int64_t t) {
    if (row->operand < 0) return (char *)call->scratch + row->spare;
    return (char *)call->operands[row->operand] + (row->local ? t - x->base : t) * row->bytes;
}

static void open_run(const run_block *r, const gd_call *call, gd_inner_run *run) {
    gd_inner_open(run, r->body, (char *)call->scratch + r->body_at);
    int64_t slot = r->n_carry + r->n_xs;
    for (int64_t i = 0; i < r->n_captured; i++) gd_inner_bind(run, slot++, call->operands[r->captured[i]]);
    slot += r->n_carry + r->n_ys;
    for (int64_t i = 0; i < r->n_sums; i++) {
        const sum_row *sum = &r->sums[i];
        char *place = (char *)(sum->write >= 0 ? call->operands[sum->write] : (char *)call->scratch + sum->spare);
        if (sum->read >= 0) copy(place, call->operands[sum->read], sum->bytes);
        else zero_rows(place, 0, 1, sum->bytes);
        gd_inner_bind(run, slot++, place);
    }
}

/* one step at row t; the carry's addresses follow those of the step before */
static int do_step(const run_block *r, const gd_call *call, gd_inner_run *run, const span *x, int64_t s) {
    int64_t t = row_of(r, x, s), outputs = r->n_carry + r->n_xs + r->n_captured;
    for (int64_t i = 0; i < r->n_carry; i++) {
        gd_inner_bind(run, i, carry_before(r, &r->carries[i], call, x, s));
        gd_inner_bind(run, outputs + i, kept_at(r, &r->carries[i], call, x, s + 1));
    }
    for (int64_t i = 0; i < r->n_xs; i++) gd_inner_bind(run, r->n_carry + i, step_address(&r->xs[i], call, x, t));
    outputs += r->n_carry;
    for (int64_t i = 0; i < r->n_ys; i++) gd_inner_bind(run, outputs + i, step_address(&r->ys[i], call, x, t));
    return gd_inner_go(run, call);
}

static int condition_holds(const loop_block *b, const gd_call *call, gd_inner_run *run, const span *x, int64_t s,
                           int *holds) {
    const run_block *r = &b->runs[b->n_runs - 1];
    for (int64_t i = 0; i < r->n_carry; i++) gd_inner_bind(run, i, carry_before(r, &r->carries[i], call, x, s));
    int status = gd_inner_go(run, call);
    *holds = *((const char *)call->scratch + b->pred_at) != 0;
    return status;
}

/* rows `low` to `high` in the loop's order, what they need being there */
static int run_rows(const loop_block *b, const gd_call *call, gd_inner_run *runs, int64_t n, int64_t low,
                    int64_t high) {
    for (int64_t i = 0; i < b->n_runs; i++) {
        const run_block *r = &b->runs[i];
        int64_t from = r->reverse ? n - high : low, to = r->reverse ? n - low : high;
        span x = r->again ? (span){n, from, to, low} : (span){n, 0, n, low};
        for (int64_t s = from; s < to; s++) {
            int status = do_step(r, call, &runs[i], &x, s);
            if (status != GD_OK) return status;
            if (gd_team_spend(call->team, r->weight)) return GD_ERR_CANCELLED;
        }
    }
    return GD_OK;
}

/* how many steps were run, one by one as long as the condition holds */
static int run_while(const loop_block *b, const gd_call *call, gd_inner_run *run, const span *x, int64_t *steps) {
    const run_block *r = &b->runs[0];
    gd_inner_run condition;
    gd_inner_open(&condition, b->condition, (char *)call->scratch + b->condition_at);
    for (int64_t i = 0; i < r->n_captured; i++)
        gd_inner_bind(&condition, r->n_carry + i, call->operands[r->captured[i]]);
    gd_inner_bind(&condition, r->n_carry + r->n_captured, (char *)call->scratch + b->pred_at);
    for (*steps = 0; *steps < x->n; ++*steps) {
        int holds, status = condition_holds(b, call, &condition, x, *steps, &holds);
        if (status == GD_OK && holds) status = do_step(r, call, run, x, *steps);
        if (status != GD_OK) return status;
        if (!holds) break;
        if (gd_team_spend(call->team, r->weight)) return GD_ERR_CANCELLED;
    }
    return GD_OK;
}

int GD_ISA_NAME(gd_k_loop)(const gd_call *call) {
    const loop_block *b = (const loop_block *)call->block;
    const run_block *r = &b->runs[b->n_runs - 1];
    gd_inner_run *runs = (gd_inner_run *)((char *)call->scratch + b->state_at);
    int64_t n = b->length, steps;
    if (b->count >= 0) {
        int64_t count = *(const int64_t *)call->operands[b->count];
        n = count < 0 ? 0 : count < n ? count : n;
    }
    for (int64_t i = 0; i < b->n_runs; i++) open_run(&b->runs[i], call, &runs[i]);
    span x = {n, 0, n, 0};
    int status = GD_OK;
    steps = n;
    if (b->condition != NULL) {
        status = run_while(b, call, runs, &x, &steps);
    } else if (b->segment == 0) {
        status = run_rows(b, call, runs, n, 0, n);
    } else {
        int64_t k = b->segment, segments = n / k + (n % k != 0);
        for (int64_t i = 0; i < segments && status == GD_OK; i++) {
            int64_t low = (r->reverse ? segments - 1 - i : i) * k;
            status = run_rows(b, call, runs, n, low, low + k < n ? low + k : n);
        }
    }
    if (status != GD_OK) return status;
    for (int64_t i = 0; i < r->n_carry; i++) {
        const carry_row *c = &r->carries[i];
        const char *last = carry_before(r, c, call, &x, steps);
        if (c->write >= 0) copy(call->operands[c->write], last, c->bytes);
        if (c->rows >= 0) {
            int64_t made = steps / c->every + (steps % c->every != 0);
            int64_t starts = b->length / c->every + (b->length % c->every != 0);
            zero_rows((char *)call->operands[c->rows], made, starts, c->bytes);
        }
    }
    for (int64_t i = 0; i < r->n_ys; i++)
        if (r->ys[i].operand >= 0)
            zero_rows((char *)call->operands[r->ys[i].operand], steps, b->length, r->ys[i].bytes);
    if (b->steps >= 0) *(int64_t *)call->operands[b->steps] = steps;
    return GD_OK;
}

int GD_ISA_NAME(gd_k_branch)(const gd_call *call) {
    const branch_block *b = (const branch_block *)call->block;
    const gd_program *chosen = b->programs[*(const char *)call->operands[0] != 0 ? 0 : 1];
    gd_inner_run run;
    gd_inner_open(&run, chosen, call->scratch);
    for (int64_t i = 0; i < b->n_in + b->n_out; i++) gd_inner_bind(&run, i, call->operands[1 + i]);
    return gd_inner_go(&run, call);
}

#endif
