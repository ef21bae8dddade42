/* control.c: owns loops and branches: instructions that run an inner program, once for each step or the one chosen.
 *
 * loop     reads: carries, xs, captured values, perhaps a step count; writes: those named below
 *   [n_carry, n_xs, n_captured, n_ys, length, reverse, count (read or -1), steps (write or -1),
 *    carries.. [read, write or -1, history write or -1, bytes], xs.. [read, bytes of a step], captured.. [read],
 *    ys.. [write or -1, bytes of a step], body, condition]       programs as program/inner.h reads them
 *   body: carries, slices of xs, captured -> carries, slices of ys; condition (may be none): carries, captured -> bool.
 *   Step t = 0.. (from the last down if reverse) runs while t < min(length, count) and the condition holds. history[t]
 *   is the carry before step t. Rows of ys and history of steps that did not run are zero.
 * branch   reads: a bool, operands; writes: results     [n_operands, n_results, program if true, program if false]
 */
#include <string.h>

#include "../program/inner.h"

typedef struct { int64_t read, write, history, bytes, ping, pong; } carry_row;
typedef struct { int64_t operand, bytes, spare; } step_row;   /* spare: where a result nobody wants goes */

typedef struct {
    int64_t n_carry, n_xs, n_captured, n_ys, length, reverse, count, steps;
    carry_row *carries;
    step_row *xs, *ys;
    int64_t *captured;
    gd_program *body, *condition;
    int64_t body_at, condition_at, pred_at;
} loop_block;

typedef struct {
    int64_t n_in, n_out;
    gd_program *programs[2];
} branch_block;

#ifdef GD_PREPARE

#define LIMIT 100000   /* rows of each kind: bounds the products below */

/* room for `bytes` in the scratch; -1 when it is too much */
static int64_t reserve(gd_prepare *p, int64_t bytes) {
    int64_t at = p->scratch;
    if (bytes < 0 || bytes > (INT64_C(1) << 46) - at) return -1;
    p->scratch = at + (bytes + GD_ALIGN - 1) / GD_ALIGN * GD_ALIGN;
    return at;
}

/* operand i (a read or, if `write`, a write or -1) holds exactly n times `bytes` */
static int check_operand(gd_prepare *p, int64_t i, int write, int64_t n, int64_t bytes) {
    if (write && i == -1) return GD_OK;
    int64_t low = write ? p->n_reads : 0, high = write ? p->n_reads + p->n_writes : p->n_reads, total;
    if (i < low || i >= high) return gd_prepare_fail(p, GD_ERR_BOUNDS, -1, i);
    const gd_value *v = gd_operand(p, i);
    if (bytes < 0 || __builtin_mul_overflow(n, bytes, &total) || total != v->count * gd_item_bytes(v->dtype))
        return gd_prepare_fail(p, GD_ERR_SHAPE, -1, i);
    return GD_OK;
}

static int check_slot(gd_prepare *p, const gd_program *inner, int64_t slot, int64_t bytes) {
    return gd_inner_slot_bytes(inner, slot) <= bytes ? GD_OK : gd_prepare_fail(p, GD_ERR_SHAPE, -1, slot);
}

static int read_rows(gd_prepare *p, loop_block *b, int64_t *at) {
    const int64_t *w = p->payload;
    int64_t rows = 4 * b->n_carry + 2 * b->n_xs + b->n_captured + 2 * b->n_ys;
    if (p->n_payload - *at < rows) return gd_prepare_fail(p, GD_ERR_BOUNDS, -1, rows);
    int status;
    for (int64_t i = 0; i < b->n_carry; i++, *at += 4) {
        carry_row *c = &b->carries[i];
        *c = (carry_row){w[*at], w[*at + 1], w[*at + 2], w[*at + 3], 0, 0};
        if ((status = check_operand(p, c->read, 0, 1, c->bytes)) != GD_OK) return status;
        if ((status = check_operand(p, c->write, 1, 1, c->bytes)) != GD_OK) return status;
        if ((status = check_operand(p, c->history, 1, b->length, c->bytes)) != GD_OK) return status;
        c->ping = reserve(p, c->bytes);
        c->pong = reserve(p, c->bytes);
        if (c->ping < 0 || c->pong < 0) return GD_ERR_SHAPE;
    }
    for (int64_t i = 0; i < b->n_xs; i++, *at += 2) {
        b->xs[i] = (step_row){w[*at], w[*at + 1], 0};
        if ((status = check_operand(p, w[*at], 0, b->length, w[*at + 1])) != GD_OK) return status;
    }
    for (int64_t i = 0; i < b->n_captured; i++, *at += 1) {
        b->captured[i] = w[*at];
        if (w[*at] < 0 || w[*at] >= p->n_reads) return gd_prepare_fail(p, GD_ERR_BOUNDS, *at, w[*at]);
    }
    for (int64_t i = 0; i < b->n_ys; i++, *at += 2) {
        b->ys[i] = (step_row){w[*at], w[*at + 1], 0};
        if ((status = check_operand(p, w[*at], 1, b->length, w[*at + 1])) != GD_OK) return status;
        if (w[*at] == -1 && (b->ys[i].spare = reserve(p, w[*at + 1])) < 0) return GD_ERR_SHAPE;
    }
    return GD_OK;
}

static int64_t captured_bytes(const gd_prepare *p, int64_t read) {
    const gd_value *v = gd_operand(p, read);
    return v->count * gd_item_bytes(v->dtype);
}

/* the programs' slots are no larger than what the loop binds to them */
static int check_programs(gd_prepare *p, const loop_block *b) {
    int status;
    int64_t n_in = b->n_carry + b->n_xs + b->n_captured, n_out = b->n_carry + b->n_ys;
    if (b->body == NULL || gd_inner_slots(b->body, 1) != n_in || gd_inner_slots(b->body, 0) != n_out)
        return gd_prepare_fail(p, GD_ERR_SHAPE, -1, n_in);
    for (int64_t i = 0; i < b->n_carry; i++) {
        if ((status = check_slot(p, b->body, i, b->carries[i].bytes)) != GD_OK) return status;
        if ((status = check_slot(p, b->body, n_in + i, b->carries[i].bytes)) != GD_OK) return status;
    }
    for (int64_t i = 0; i < b->n_xs; i++)
        if ((status = check_slot(p, b->body, b->n_carry + i, b->xs[i].bytes)) != GD_OK) return status;
    for (int64_t i = 0; i < b->n_captured; i++)
        if ((status = check_slot(p, b->body, b->n_carry + b->n_xs + i, captured_bytes(p, b->captured[i]))) != GD_OK)
            return status;
    for (int64_t i = 0; i < b->n_ys; i++)
        if ((status = check_slot(p, b->body, n_in + b->n_carry + i, b->ys[i].bytes)) != GD_OK) return status;
    if (b->condition == NULL) return GD_OK;
    if (gd_inner_slots(b->condition, 1) != b->n_carry + b->n_captured || gd_inner_slots(b->condition, 0) != 1)
        return gd_prepare_fail(p, GD_ERR_SHAPE, -1, n_in);
    for (int64_t i = 0; i < b->n_carry; i++)
        if ((status = check_slot(p, b->condition, i, b->carries[i].bytes)) != GD_OK) return status;
    for (int64_t i = 0; i < b->n_captured; i++)
        if ((status = check_slot(p, b->condition, b->n_carry + i, captured_bytes(p, b->captured[i]))) != GD_OK)
            return status;
    return check_slot(p, b->condition, b->n_carry + b->n_captured, 1);
}

int gd_prepare_loop(gd_prepare *p) {
    const int64_t *w = p->payload;
    if (p->n_payload < 8) return gd_prepare_fail(p, GD_ERR_FORMAT, -1, p->n_payload);
    for (int i = 0; i < 4; i++)
        if (w[i] < 0 || w[i] > LIMIT) return gd_prepare_fail(p, GD_ERR_BOUNDS, i, w[i]);
    if (w[4] < 0 || w[5] < 0 || w[5] > 1) return gd_prepare_fail(p, GD_ERR_SHAPE, 4, w[4]);
    loop_block *b = gd_prepare_block(p, sizeof *b);
    if (b == NULL) return GD_ERR_MEMORY;
    *b = (loop_block){.n_carry = w[0], .n_xs = w[1], .n_captured = w[2], .n_ys = w[3], .length = w[4],
                      .reverse = w[5], .count = w[6], .steps = w[7]};
    b->carries = gd_prepare_block(p, (size_t)b->n_carry * sizeof *b->carries);
    b->xs = gd_prepare_block(p, (size_t)b->n_xs * sizeof *b->xs);
    b->ys = gd_prepare_block(p, (size_t)b->n_ys * sizeof *b->ys);
    b->captured = gd_prepare_block(p, (size_t)b->n_captured * sizeof *b->captured);
    if (b->carries == NULL || b->xs == NULL || b->ys == NULL || b->captured == NULL) return GD_ERR_MEMORY;
    int64_t at = 8;
    int status = read_rows(p, b, &at);
    if (status == GD_OK && b->count != -1) {
        status = check_operand(p, b->count, 0, 1, 8);
        if (status == GD_OK && gd_operand(p, b->count)->dtype != GD_I64) status = gd_prepare_fail(p, GD_ERR_TYPE, 6, w[6]);
    }
    if (status == GD_OK) status = check_operand(p, b->steps, 1, 1, 8);
    if (status == GD_OK) status = gd_inner_read(p, &at, &b->body);
    if (status == GD_OK) status = gd_inner_read(p, &at, &b->condition);
    if (status == GD_OK && at != p->n_payload) status = gd_prepare_fail(p, GD_ERR_FORMAT, -1, at);
    if (status == GD_OK) status = check_programs(p, b);
    if (status != GD_OK) return status;
    b->body_at = reserve(p, gd_inner_bytes(b->body));
    b->condition_at = b->condition != NULL ? reserve(p, gd_inner_bytes(b->condition)) : 0;
    b->pred_at = reserve(p, GD_ALIGN);
    if (b->body_at < 0 || b->condition_at < 0 || b->pred_at < 0) return GD_ERR_SHAPE;
    p->block = b;
    return GD_OK;
}

int gd_prepare_branch(gd_prepare *p) {
    const int64_t *w = p->payload;
    if (p->n_payload < 2 || p->n_reads < 1 || w[0] != p->n_reads - 1 || w[1] != p->n_writes)
        return gd_prepare_fail(p, GD_ERR_FORMAT, -1, p->n_payload);
    if (gd_operand(p, 0)->dtype != GD_BOOL || gd_operand(p, 0)->count != 1) return gd_prepare_fail(p, GD_ERR_TYPE, -1, 0);
    branch_block *b = gd_prepare_block(p, sizeof *b);
    if (b == NULL) return GD_ERR_MEMORY;
    b->n_in = w[0];
    b->n_out = w[1];
    int64_t at = 2, room = 0;
    for (int k = 0; k < 2; k++) {
        int status = gd_inner_read(p, &at, &b->programs[k]);
        if (status != GD_OK) return status;
        gd_program *g = b->programs[k];
        if (g == NULL || gd_inner_slots(g, 1) != b->n_in || gd_inner_slots(g, 0) != b->n_out)
            return gd_prepare_fail(p, GD_ERR_SHAPE, -1, k);
        for (int64_t i = 0; i < b->n_in + b->n_out; i++)
            if ((status = check_slot(p, g, i, captured_bytes(p, 1 + i))) != GD_OK) return status;
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

/* where the carry after a step goes: the history's next row, the result, or the other of two places */
static char *carry_target(const carry_row *c, const gd_call *call, int64_t s, int64_t n,
                          int64_t next) {
    if (s + 1 >= n) return c->write >= 0 ? call->operands[c->write] : (char *)call->scratch + (s & 1 ? c->ping : c->pong);
    if (c->history >= 0) return (char *)call->operands[c->history] + next * c->bytes;
    return (char *)call->scratch + (s & 1 ? c->ping : c->pong);
}

/* the carry's address before step s, which is where step s - 1 put it */
static const char *carry_source(const carry_row *c, const gd_call *call, int64_t s, int64_t n,
                                int64_t t) {
    if (s > 0) return carry_target(c, call, s - 1, n, t);
    if (c->history < 0 || n == 0) return call->operands[c->read];
    char *row = (char *)call->operands[c->history] + t * c->bytes;
    copy(row, call->operands[c->read], c->bytes);
    return row;
}

static int condition_holds(const loop_block *b, const gd_call *call, gd_inner_run *run, int64_t s, int64_t n, int64_t t,
                           int *holds) {
    for (int64_t i = 0; i < b->n_carry; i++)
        gd_inner_bind(run, i, carry_source(&b->carries[i], call, s, n, t));
    int status = gd_inner_go(run, call->fault);
    *holds = *((const char *)call->scratch + b->pred_at) != 0;
    return status;
}

int GD_ISA_NAME(gd_k_loop)(const gd_call *call) {
    const loop_block *b = call->block;
    char *scratch = call->scratch;
    int64_t n = b->length, s = 0;
    if (b->count >= 0) {
        int64_t count = *(const int64_t *)call->operands[b->count];
        n = count < 0 ? 0 : count < n ? count : n;
    }
    gd_inner_run body, condition;
    gd_inner_open(&body, b->body, scratch + b->body_at);
    int64_t captured = b->n_carry + b->n_xs;
    for (int64_t i = 0; i < b->n_captured; i++) gd_inner_bind(&body, captured + i, call->operands[b->captured[i]]);
    if (b->condition != NULL) {
        gd_inner_open(&condition, b->condition, scratch + b->condition_at);
        for (int64_t i = 0; i < b->n_captured; i++)
            gd_inner_bind(&condition, b->n_carry + i, call->operands[b->captured[i]]);
        gd_inner_bind(&condition, b->n_carry + b->n_captured, scratch + b->pred_at);
    }
    int64_t outputs = captured + b->n_captured;
    for (; s < n; s++) {
        int64_t t = b->reverse ? n - 1 - s : s, next = b->reverse ? t - 1 : t + 1;
        if (b->condition != NULL) {
            int holds, status = condition_holds(b, call, &condition, s, n, t, &holds);
            if (status != GD_OK) return status;
            if (!holds) break;
        }
        for (int64_t i = 0; i < b->n_carry; i++) {
            gd_inner_bind(&body, i, carry_source(&b->carries[i], call, s, n, t));
            gd_inner_bind(&body, outputs + i, carry_target(&b->carries[i], call, s, n, next));
        }
        for (int64_t i = 0; i < b->n_xs; i++)
            gd_inner_bind(&body, b->n_carry + i, (const char *)call->operands[b->xs[i].operand] + t * b->xs[i].bytes);
        for (int64_t i = 0; i < b->n_ys; i++) {
            const step_row *y = &b->ys[i];
            gd_inner_bind(&body, outputs + b->n_carry + i,
                          y->operand < 0 ? scratch + y->spare : (char *)call->operands[y->operand] + t * y->bytes);
        }
        int status = gd_inner_go(&body, call->fault);
        if (status != GD_OK) return status;
    }
    for (int64_t i = 0; i < b->n_carry; i++) {
        const carry_row *c = &b->carries[i];
        const char *last = s > 0 ? carry_target(c, call, s - 1, n, b->reverse ? n - 1 - s : s) : call->operands[c->read];
        if (c->write >= 0) copy(call->operands[c->write], last, c->bytes);
        if (c->history >= 0) zero_rows(call->operands[c->history], s, b->length, c->bytes);
    }
    for (int64_t i = 0; i < b->n_ys; i++)
        if (b->ys[i].operand >= 0) zero_rows(call->operands[b->ys[i].operand], s, b->length, b->ys[i].bytes);
    if (b->steps >= 0) *(int64_t *)call->operands[b->steps] = s;
    return GD_OK;
}

int GD_ISA_NAME(gd_k_branch)(const gd_call *call) {
    const branch_block *b = call->block;
    const gd_program *chosen = b->programs[*(const char *)call->operands[0] != 0 ? 0 : 1];
    gd_inner_run run;
    gd_inner_open(&run, chosen, call->scratch);
    for (int64_t i = 0; i < b->n_in + b->n_out; i++) gd_inner_bind(&run, i, call->operands[1 + i]);
    return gd_inner_go(&run, call->fault);
}

#endif
