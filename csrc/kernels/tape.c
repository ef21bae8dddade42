/* tape.c: owns tapes: programs over scalars, for values of few elements.
 *
 * tape     reads, writes: any
 *   [n_loads, n_consts, n_ops, n_stores,
 *    loads.. [operand, element], consts.. [dtype, bits], ops.. [microop, dtype, a, b, c], stores.. [register, operand,
 *    element]]
 *   Registers are those of a tile of one element (graphdiff.h); there are none along rows. Everything is loaded before
 *   the first operation and stored after the last one, so any read and write may share memory.
 *
 * A run copies constants and loads into a frame of 64-bit slots and then goes along a list of 16-bit words: runs of one
 * operation [code, how many, their slots..], each ending in a jump to the next one's code. The order is made here: of
 * what is ready, whatever most of is, so that runs are long and neighbours seldom wait for each other. Bodies are those
 * of micro/, so bits are a tile's.
 */
#include "../tile/tile.h"

#include <stdlib.h>
#include <string.h>

enum {
    CAST_FIRST = GD_MICRO_COUNT * GD_DTYPE_COUNT,
    CODE_END = CAST_FIRST + GD_DTYPE_COUNT * GD_DTYPE_COUNT,
    CODE_COUNT
};

typedef struct {
    int32_t operand, slot;
    int64_t offset; /* bytes */
} tape_move;

typedef struct {
    int64_t n_consts;
    int64_t *consts;
    tape_move *loads, *stores;
    int32_t loads_end[3], stores_end[3]; /* of 8 bytes, of 4, of 1 */
    uint16_t *code;
} tape_block;

#ifdef GD_PREPARE

enum { N_LOADS, N_CONSTS, N_OPS, N_STORES, HEAD };
enum { LOAD_OPERAND, LOAD_ELEMENT, LOAD_WORDS };
enum { CONST_DTYPE, CONST_BITS, CONST_WORDS };
enum { STORE_REGISTER, STORE_OPERAND, STORE_ELEMENT, STORE_WORDS };
enum { MOST_SLOTS = UINT16_MAX, WORK_NS = 2 };

typedef struct {
    gd_prepare *p;
    int32_t n_loads, n_consts, n_ops, n_stores, first, n_regs; /* first: register of the first operation */
    gd_source_op *ops;
    int32_t *dtype, *uses, *slot; /* [regs] */
    int32_t *order, n_order;      /* operations as they run */
    int32_t *waits, *next;        /* [ops] operands that are not there; the next one ready of its code */
    int32_t *reader_at, *readers; /* of each operation's result */
    void *memory;
} tape;

static int code_of(const gd_source_op *op) {
    return op->micro == GD_MICRO_cast ? CAST_FIRST + op->compute * GD_DTYPE_COUNT + op->dtype
                                      : op->micro * GD_DTYPE_COUNT + op->compute;
}

static int read_move(gd_prepare *p, int64_t at, int write, int32_t slot, tape_move *move) {
    const int64_t *w = p->payload + at;
    int64_t operand = w[0], element = w[1], low = write ? p->n_reads : 0;
    if (operand < low || operand >= (write ? p->n_reads + p->n_writes : p->n_reads))
        return gd_prepare_fail(p, GD_ERR_BOUNDS, at, operand);
    const gd_value *v = gd_operand(p, operand);
    if (element < 0 || element >= v->count) return gd_prepare_fail(p, GD_ERR_BOUNDS, at + 1, element);
    *move = (tape_move){(int32_t)operand, slot, element * gd_item_bytes(v->dtype)};
    return GD_OK;
}

/* those of 8 bytes first, then of 4, then of 1 */
static int by_item(const tape *t, tape_move *moves, int32_t n, int32_t *end) {
    tape_move *sorted = malloc((size_t)(n + 1) * sizeof *sorted);
    if (sorted == NULL) return GD_ERR_MEMORY;
    static const int items[] = {8, 4, 1};
    int32_t m = 0;
    for (int k = 0; k < 3; k++) {
        for (int32_t i = 0; i < n; i++)
            if (gd_item_bytes(gd_operand(t->p, moves[i].operand)->dtype) == items[k]) sorted[m++] = moves[i];
        end[k] = m;
    }
    memcpy(moves, sorted, (size_t)n * sizeof *moves);
    free(sorted);
    return GD_OK;
}

/* joins pairs, then counts what is left: readers of what nobody needs are none */
static void count_uses(tape *t) {
    for (int32_t i = 0; i < t->n_ops; i++)
        for (int k = 0; k < 3 && t->ops[i].arg[k] >= 0; k++) t->uses[t->ops[i].arg[k]]++;
    gd_ops_pair(gd_isa_current(), t->ops, t->n_ops, t->first, t->uses, NULL);
    const int64_t *stores = t->p->payload + t->p->n_payload - (int64_t)t->n_stores * STORE_WORDS;
    memset(t->uses, 0, (size_t)t->n_regs * sizeof *t->uses);
    for (int32_t j = 0; j < t->n_stores; j++) t->uses[stores[j * STORE_WORDS + STORE_REGISTER]]++;
    for (int32_t i = t->n_ops - 1; i >= 0; i--)
        for (int k = 0; k < 3 && t->ops[i].arg[k] >= 0 && t->uses[t->first + i] > 0; k++) t->uses[t->ops[i].arg[k]]++;
}

static void find_readers(tape *t) {
    for (int32_t i = 0; i < t->n_ops; i++) {
        if (t->uses[t->first + i] == 0) continue;
        for (int k = 0; k < 3 && t->ops[i].arg[k] >= 0; k++) {
            int32_t from = t->ops[i].arg[k] - t->first;
            if (from < 0) continue;
            t->waits[i]++;
            t->reader_at[from + 1]++;
        }
    }
    for (int32_t i = 0; i < t->n_ops; i++) t->reader_at[i + 1] += t->reader_at[i];
    int32_t *cursor = t->next; /* not needed yet */
    memcpy(cursor, t->reader_at, (size_t)t->n_ops * sizeof *cursor);
    for (int32_t i = 0; i < t->n_ops; i++) {
        if (t->uses[t->first + i] == 0) continue;
        for (int k = 0; k < 3 && t->ops[i].arg[k] >= 0; k++) {
            int32_t from = t->ops[i].arg[k] - t->first;
            if (from >= 0) t->readers[cursor[from]++] = i;
        }
    }
}

typedef struct {
    int32_t head, tail, n;
} queue;

/* Puts the operations in order: all that are ready of one code, also those which that makes ready, then all of the code
 * of which most are. */
static int put_in_order(tape *t) {
    int16_t number[CODE_COUNT]; /* of the codes that there are */
    int n_codes = 0;
    memset(number, -1, sizeof number);
    for (int32_t i = 0; i < t->n_ops; i++)
        if (t->uses[t->first + i] > 0 && number[code_of(&t->ops[i])] < 0)
            number[code_of(&t->ops[i])] = (int16_t)n_codes++;
    queue *ready = calloc((size_t)n_codes + 1, sizeof *ready);
    if (ready == NULL) return GD_ERR_MEMORY;
    find_readers(t);
#define READY(i)                                        \
    do {                                                \
        queue *q = &ready[number[code_of(&t->ops[i])]]; \
        t->next[i] = -1;                                \
        if (q->n++ == 0) q->head = i;                   \
        else t->next[q->tail] = i;                      \
        q->tail = i;                                    \
    } while (0)
    for (int32_t i = 0; i < t->n_ops; i++)
        if (t->uses[t->first + i] > 0 && t->waits[i] == 0) READY(i);
    for (;;) {
        queue *most = &ready[0];
        for (int c = 1; c < n_codes; c++)
            if (ready[c].n > most->n) most = &ready[c];
        if (most->n == 0) break;
        while (most->n > 0) {
            int32_t i = most->head;
            most->head = t->next[i];
            most->n--;
            t->order[t->n_order++] = i;
            for (int32_t k = t->reader_at[i]; k < t->reader_at[i + 1]; k++)
                if (--t->waits[t->readers[k]] == 0) READY(t->readers[k]);
        }
    }
#undef READY
    free(ready);
    return GD_OK;
}

/* The words that run, and a slot for each register: that of an operand which is not needed after it, or a new one. */
static int write_code(tape *t, tape_block *b) {
    int32_t *unused = t->waits, n_unused = 0, n_slots = t->n_consts; /* waits is not needed any more */
    for (int32_t i = 0; i < t->n_loads; i++) t->slot[i] = n_slots++;
    for (int32_t i = 0; i < t->n_consts; i++) {
        t->slot[t->n_loads + i] = i;
        t->uses[t->n_loads + i] = INT32_MAX; /* never given back */
    }
    b->code = gd_prepare_block(t->p, ((size_t)t->n_order * 6 + 2) * sizeof *b->code);
    if (b->code == NULL) return GD_ERR_MEMORY;
    uint16_t *at = b->code, *run = NULL;
    for (int32_t j = 0; j < t->n_order; j++) {
        const gd_source_op *op = &t->ops[t->order[j]];
        int32_t reg = t->first + t->order[j];
        if (run == NULL || run[0] != code_of(op) || run[1] == UINT16_MAX) {
            run = at;
            *at++ = (uint16_t)code_of(op);
            *at++ = 0;
        }
        run[1]++;
        uint16_t *out = at++;
        for (int k = 0; k < 3 && op->arg[k] >= 0; k++) {
            *at++ = (uint16_t)t->slot[op->arg[k]];
            if (--t->uses[op->arg[k]] == 0 && n_unused < t->n_ops) unused[n_unused++] = t->slot[op->arg[k]];
        }
        t->slot[reg] = n_unused > 0 ? unused[--n_unused] : n_slots++;
        if (n_slots > MOST_SLOTS) return gd_prepare_fail(t->p, GD_ERR_SHAPE, N_OPS, t->n_ops);
        *out = (uint16_t)t->slot[reg];
    }
    *at++ = CODE_END;
    *at = 0;
    t->p->scratch = 8 * (int64_t)n_slots;
    return GD_OK;
}

static int make_tables(tape *t) {
    size_t regs = (size_t)t->n_regs, ops = (size_t)t->n_ops;
    char *at = t->memory = calloc(1, ops * sizeof *t->ops + (3 * regs + 7 * ops + 1) * sizeof(int32_t) + 64);
    if (at == NULL) return GD_ERR_MEMORY;
#define TAKE(pointer, n) (pointer = (void *)at, at += (n) * sizeof *(pointer))
    TAKE(t->ops, ops);
    TAKE(t->dtype, regs);
    TAKE(t->uses, regs);
    TAKE(t->slot, regs);
    TAKE(t->order, ops);
    TAKE(t->waits, ops);
    TAKE(t->next, ops);
    TAKE(t->reader_at, ops + 1);
    TAKE(t->readers, 3 * ops);
#undef TAKE
    return GD_OK;
}

static int read_all(tape *t, tape_block *b) {
    gd_prepare *p = t->p;
    const int64_t *w = p->payload;
    int64_t at = HEAD;
    int status = GD_OK;
    for (int32_t i = 0; i < t->n_loads && status == GD_OK; i++, at += LOAD_WORDS) {
        status = read_move(p, at, 0, t->n_consts + i, &b->loads[i]);
        if (status == GD_OK) t->dtype[i] = gd_operand(p, b->loads[i].operand)->dtype;
    }
    for (int32_t i = 0; i < t->n_consts && status == GD_OK; i++, at += CONST_WORDS) {
        if (gd_item_bytes(w[at + CONST_DTYPE]) == 0)
            return gd_prepare_fail(p, GD_ERR_TYPE, at + CONST_DTYPE, w[at + CONST_DTYPE]);
        t->dtype[t->n_loads + i] = (int32_t)w[at + CONST_DTYPE];
        b->consts[i] = w[at + CONST_BITS];
    }
    for (int32_t i = 0; i < t->n_ops && status == GD_OK; i++, at += GD_OP_WORDS) {
        status = gd_op_read(p, at, t->dtype, t->first + i, &t->ops[i]);
        if (status == GD_OK && gd_micros[t->ops[i].micro].result == 'R')
            status = gd_prepare_fail(p, GD_ERR_OPCODE, at + GD_OP_MICRO, w[at + GD_OP_MICRO]);
    }
    for (int32_t j = 0; j < t->n_stores && status == GD_OK; j++, at += STORE_WORDS) {
        int64_t reg = w[at + STORE_REGISTER];
        if (reg < 0 || reg >= t->n_regs) return gd_prepare_fail(p, GD_ERR_BOUNDS, at + STORE_REGISTER, reg);
        status = read_move(p, at + STORE_OPERAND, 1, (int32_t)reg, &b->stores[j]);
        if (status == GD_OK && gd_operand(p, b->stores[j].operand)->dtype != t->dtype[reg])
            status = gd_prepare_fail(p, GD_ERR_TYPE, at + STORE_REGISTER, reg);
    }
    return status;
}

static int build(tape *t, tape_block *b) {
    gd_prepare *p = t->p;
    b->n_consts = t->n_consts;
    b->consts = gd_prepare_block(p, (size_t)t->n_consts * sizeof *b->consts);
    b->loads = gd_prepare_block(p, (size_t)t->n_loads * sizeof *b->loads);
    b->stores = gd_prepare_block(p, (size_t)t->n_stores * sizeof *b->stores);
    if (b->consts == NULL || b->loads == NULL || b->stores == NULL) return GD_ERR_MEMORY;
    int status = make_tables(t);
    if (status == GD_OK) status = read_all(t, b);
    if (status != GD_OK) return status;
    count_uses(t);
    status = put_in_order(t);
    if (status == GD_OK) status = write_code(t, b);
    for (int32_t j = 0; j < t->n_stores && status == GD_OK; j++) b->stores[j].slot = t->slot[b->stores[j].slot];
    if (status == GD_OK) status = by_item(t, b->loads, t->n_loads, b->loads_end);
    if (status == GD_OK) status = by_item(t, b->stores, t->n_stores, b->stores_end);
    return status;
}

int gd_prepare_tape(gd_prepare *p);
int gd_prepare_tape(gd_prepare *p) {
    const int64_t *w = p->payload;
    if (p->n_payload < HEAD) return gd_prepare_fail(p, GD_ERR_BOUNDS, -1, p->n_payload);
    for (int i = N_LOADS; i <= N_STORES; i++)
        if (w[i] < 0 || w[i] > MOST_SLOTS) return gd_prepare_fail(p, GD_ERR_SHAPE, i, w[i]);
    if (HEAD + w[N_LOADS] * LOAD_WORDS + w[N_CONSTS] * CONST_WORDS + w[N_OPS] * GD_OP_WORDS +
            w[N_STORES] * STORE_WORDS !=
        p->n_payload)
        return gd_prepare_fail(p, GD_ERR_BOUNDS, -1, p->n_payload);
    if (w[N_LOADS] + w[N_CONSTS] > MOST_SLOTS) return gd_prepare_fail(p, GD_ERR_SHAPE, N_CONSTS, w[N_CONSTS]);
    tape t = {.p = p,
              .n_loads = (int32_t)w[N_LOADS],
              .n_consts = (int32_t)w[N_CONSTS],
              .n_ops = (int32_t)w[N_OPS],
              .n_stores = (int32_t)w[N_STORES]};
    t.first = t.n_loads + t.n_consts;
    t.n_regs = t.first + t.n_ops;
    tape_block *b = p->block = gd_prepare_block(p, sizeof *b);
    int status = b != NULL ? build(&t, b) : GD_ERR_MEMORY;
    free(t.memory);
    if (p->n_reads > 0 && p->n_writes > 0) memset(p->may_alias, 1, (size_t)p->n_reads * (size_t)p->n_writes);
    p->work = gd_work(WORK_NS * (double)(t.n_loads + t.n_ops + t.n_stores));
    return status;
}

#else

#include "../micro/scalar.h"
/* bodies of one dtype after the other, whose helpers have the same names */
#define float_remainder float_remainder_f32
#define float_floor_divide float_floor_divide_f32
#define float_logaddexp float_logaddexp_f32
#include "../micro/micro_f32.c"
#undef float_remainder
#undef float_floor_divide
#undef float_logaddexp
#include "../micro/scalar_end.h"
#include "../micro/micro_f64.c"
#include "../micro/scalar_end.h"
#define int_floor_divide int_floor_divide_i32
#define int_remainder int_remainder_i32
#define int_pow int_pow_i32
#define BITS BITS_i32
#include "../micro/micro_i32.c"
#undef int_floor_divide
#undef int_remainder
#undef int_pow
#undef BITS
#include "../micro/scalar_end.h"
#include "../micro/micro_i64.c"
#include "../micro/scalar_end.h"
#include "../micro/micro_bool.c"
#include "../micro/scalar_end.h"
#include "../micro/micro_cast.c"

#include "../micro/kinds.h"

#define MOVE_IN(type, from, to)                                                        \
    for (const tape_move *m = b->loads + (from), *end = b->loads + (to); m < end; m++) \
    memcpy(frame + 8 * (size_t)(uint32_t)m->slot, (const char *)call->operands[m->operand] + m->offset, sizeof(type))
#define MOVE_OUT(type, from, to)                                                         \
    for (const tape_move *m = b->stores + (from), *end = b->stores + (to); m < end; m++) \
    memcpy((char *)call->operands[m->operand] + m->offset, frame + 8 * (size_t)(uint32_t)m->slot, sizeof(type))

int GD_ISA_NAME(gd_k_tape)(const gd_call *call);
int GD_ISA_NAME(gd_k_tape)(const gd_call *call) {
#define LABEL(name, dtype, number) [GD_MICRO_##name * GD_DTYPE_COUNT + number] = &&at_##name##_##dtype,
#define CAST_LABEL(from, to, number) [CAST_FIRST + FROM * GD_DTYPE_COUNT + number] = &&at_cast_##from##_##to,
    static const void *const label[CODE_COUNT] = {
#define X(name, arity, kinds, result, scalars, cost) GD_RESULT_##result(LABEL, kinds, name)
#include "../micro/microop.def"
#undef X
#define FROM GD_F32
        GD_KIND_A(CAST_LABEL, f32)
#undef FROM
#define FROM GD_F64
            GD_KIND_A(CAST_LABEL, f64)
#undef FROM
#define FROM GD_I32
                GD_KIND_A(CAST_LABEL, i32)
#undef FROM
#define FROM GD_I64
                    GD_KIND_A(CAST_LABEL, i64)
#undef FROM
#define FROM GD_BOOL
                        GD_KIND_A(CAST_LABEL, b8)
#undef FROM
                            [CODE_END] = &&at_end,
    };
    const tape_block *b = (const tape_block *)call->block;
    char *const frame = (char *)call->scratch;
    if (b->n_consts > 0) memcpy(frame, b->consts, (size_t)b->n_consts * 8);
    MOVE_IN(uint64_t, 0, b->loads_end[0]);
    MOVE_IN(uint32_t, b->loads_end[0], b->loads_end[1]);
    MOVE_IN(uint8_t, b->loads_end[1], b->loads_end[2]);
    const uint16_t *word = b->code;
    int n;
#define SLOT(i) (frame + 8 * (size_t)word[i])
#define NEXT                             \
    do {                                 \
        const void *to = label[word[0]]; \
        n = word[1];                     \
        word += 2;                       \
        goto *to;                        \
    } while (0)
#define RUN(name, words, ...)     \
    at_##name : do {              \
        gd_s_##name(__VA_ARGS__); \
        word += words;            \
    }                             \
    while (--n > 0);              \
    NEXT;
#define RUN_1(name, dtype, number) RUN(name##_##dtype, 2, SLOT(0), SLOT(1), NULL, NULL)
#define RUN_2(name, dtype, number) RUN(name##_##dtype, 3, SLOT(0), SLOT(1), SLOT(2), NULL)
#define RUN_3(name, dtype, number) RUN(name##_##dtype, 4, SLOT(0), SLOT(1), SLOT(2), SLOT(3))
#define RUN_CAST(from, to, number) RUN(cast_##from##_##to, 2, SLOT(0), SLOT(1), NULL, NULL)
    NEXT;
#define X(name, arity, kinds, result, scalars, cost) GD_RESULT_##result(RUN_##arity, kinds, name)
#include "../micro/microop.def"
#undef X
    GD_KIND_A(RUN_CAST, f32)
    GD_KIND_A(RUN_CAST, f64)
    GD_KIND_A(RUN_CAST, i32)
    GD_KIND_A(RUN_CAST, i64)
    GD_KIND_A(RUN_CAST, b8)
at_end:
    MOVE_OUT(uint64_t, 0, b->stores_end[0]);
    MOVE_OUT(uint32_t, b->stores_end[0], b->stores_end[1]);
    MOVE_OUT(uint8_t, b->stores_end[1], b->stores_end[2]);
    return GD_OK;
}

#endif
