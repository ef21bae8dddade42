/* test_tile.c: random tile programs against a reference that evaluates them one element at a time, straight from the
 * payload's words. The reference shares only the micro-operations (called with n = 1) with what it tests.
 */
#include "../program/isa.h"
#include "harness.h"

enum { MOST_DIMS = 5, MOST_REGS = 40, MOST_STORES = 5 };

typedef struct {
    int64_t operand, offset, stride[MOST_DIMS];
} view;

typedef struct {
    int n_dims, rows, n_loads, n_consts, n_ops, n_stores;
    int64_t dims[MOST_DIMS], total;
    view load[MOST_REGS];
    int64_t constant[MOST_REGS][2];
    int64_t op[MOST_REGS][5];
    struct {
        int64_t reg, reduce, mask;
        view view;
    } store[MOST_STORES];
    int dtype[MOST_REGS];
    /* operands: loads have one each, stores one each; of an in-place store, that of its load */
    int64_t bytes[2 * MOST_REGS];
    char *data[2 * MOST_REGS], *expected[2 * MOST_REGS];
    int n_operands, n_reads;
    int rounding; /* sums of floats among what is stored: compare with a tolerance */
} program;

static int n_regs(const program *p) { return p->n_loads + p->n_consts + p->n_ops; }

static int64_t element(const view *v, int n_dims, const int64_t *index) {
    int64_t at = v->offset;
    for (int d = 0; d < n_dims; d++) at += v->stride[d] * index[d];
    return at;
}

static int next(const program *p, int64_t *index) {
    for (int d = p->n_dims - 1; d >= 0; d--) {
        if (++index[d] < p->dims[d]) return 1;
        index[d] = 0;
    }
    return 0;
}

/* ---- the reference ---- */

static void fold_into(char *total, const char *x, int dtype, int reduce, int first) {
    const gd_isa_table *isa = gd_isa_current();
    static const char *const names[] = {"", "add", "multiply", "maximum", "minimum", "logical_and", "logical_or"};
    if (first) memcpy(total, x, 8);
    else isa->micro[gd_microop(names[reduce])][dtype](total, total, x, NULL, 1);
}

/* sums of float32 in double, so that the reference is the better one */
typedef struct {
    char bits[8];
    double sum;
    int first;
} total;

static void total_add(total *t, const char *x, int dtype, int reduce) {
    if (reduce == GD_REDUCE_sum && dtype == GD_F32) {
        float f;
        memcpy(&f, x, 4);
        t->sum = t->first ? f : t->sum + f;
        f = (float)t->sum;
        memcpy(t->bits, &f, 4);
    } else {
        fold_into(t->bits, x, dtype, reduce, t->first);
    }
    t->first = 0;
}

static void identity(char *to, int dtype, int reduce) {
    int64_t one = reduce == GD_REDUCE_prod || reduce == GD_REDUCE_all;
    double d = (double)one;
    if (reduce == GD_REDUCE_max) d = -INFINITY, one = dtype == GD_I32 ? INT32_MIN : INT64_MIN;
    if (reduce == GD_REDUCE_min) d = INFINITY, one = dtype == GD_I32 ? INT32_MAX : INT64_MAX;
    float f = (float)d;
    if (dtype == GD_F32) memcpy(to, &f, 4);
    else if (dtype == GD_F64) memcpy(to, &d, 8);
    else memcpy(to, &one, (size_t)item_bytes(dtype));
}

static void evaluate(program *p) {
    const gd_isa_table *isa = gd_isa_current();
    int64_t n = p->total;
    char (*value)[8] = calloc((size_t)(n * n_regs(p)) + 1, 8);
#define AT(reg, i) value[(reg) * n + (i)]
    int64_t index[MOST_DIMS] = {0};
    for (int64_t i = 0; i < n; i++, next(p, index)) {
        for (int r = 0; r < p->n_loads; r++) {
            int64_t at = element(&p->load[r], p->n_dims, index);
            if (p->load[r].operand < 0) memcpy(AT(r, i), &at, 8);
            else
                memcpy(AT(r, i), p->data[p->load[r].operand] + at * item_bytes(p->dtype[r]),
                       (size_t)item_bytes(p->dtype[r]));
        }
        for (int r = 0; r < p->n_consts; r++) memcpy(AT(p->n_loads + r, i), &p->constant[r][1], 8);
    }
    for (int k = 0; k < p->n_ops; k++) {
        int64_t *op = p->op[k];
        int reg = p->n_loads + p->n_consts + k, compute = p->dtype[op[op[0] == GD_MICRO_where ? 3 : 2]];
        if (gd_micros[op[0]].result == 'R') {
            int reduce = GD_REDUCE_COUNT - 1;
            while (gd_reductions[reduce].row != op[0]) reduce--;
            total *row = calloc((size_t)n + 1, sizeof *row); /* at a row's first element */
            int64_t *first = calloc((size_t)n + 1, sizeof *first);
            memset(index, 0, sizeof index);
            for (int64_t i = 0; i < n; i++, next(p, index)) {
                for (int d = 0; d < p->n_dims; d++)
                    first[i] = first[i] * p->dims[d] + (p->rows >> d & 1 ? 0 : index[d]);
                row[i].first = 1;
                total_add(&row[first[i]], AT(op[2], i), compute, reduce);
            }
            for (int64_t i = 0; i < n; i++) memcpy(AT(reg, i), row[first[i]].bits, 8);
            free(row);
            free(first);
            continue;
        }
        gd_micro_fn fn = op[0] == GD_MICRO_cast ? isa->cast[compute][op[1]] : isa->micro[op[0]][compute];
        for (int64_t i = 0; i < n; i++)
            fn(AT(reg, i), AT(op[2], i), op[3] >= 0 ? AT(op[3], i) : NULL, op[4] >= 0 ? AT(op[4], i) : NULL, 1);
    }
    for (int j = 0; j < p->n_stores; j++) {
        int64_t mask = p->store[j].mask, operand = p->store[j].view.operand, reg = p->store[j].reg;
        int dtype = p->dtype[reg], reduce = (int)p->store[j].reduce;
        size_t item = (size_t)item_bytes(dtype);
        if (reduce == 0) {
            memset(index, 0, sizeof index);
            for (int64_t i = 0; i < n; i++, next(p, index))
                memcpy(p->expected[operand] + element(&p->store[j].view, p->n_dims, index) * (int64_t)item, AT(reg, i),
                       item);
            continue;
        }
        int64_t kept = 1, place[MOST_DIMS] = {0}; /* of a result: its number among the kept indices */
        for (int d = p->n_dims - 1; d >= 0; d--) {
            if (mask >> d & 1) continue;
            place[d] = kept;
            kept *= p->dims[d];
        }
        total *totals = calloc((size_t)kept + 1, sizeof *totals);
        for (int64_t o = 0; o < kept; o++) totals[o].first = 1;
        memset(index, 0, sizeof index);
        for (int64_t i = 0; i < n; i++, next(p, index)) {
            int64_t o = 0;
            for (int d = 0; d < p->n_dims; d++) o += place[d] * index[d];
            total_add(&totals[o], AT(reg, i), dtype, reduce);
        }
        for (int64_t o = 0; o < kept; o++) {
            if (totals[o].first) identity(totals[o].bits, dtype, reduce);
            for (int d = 0; d < p->n_dims; d++) index[d] = place[d] > 0 ? o / place[d] % p->dims[d] : 0;
            memcpy(p->expected[operand] + element(&p->store[j].view, p->n_dims, index) * (int64_t)item, totals[o].bits,
                   item);
        }
        free(totals);
    }
#undef AT
    free(value);
}

/* ---- random programs ---- */

static void random_element(char *to, int dtype) {
    float f = (float)(random_unit() * 4 - 2);
    double d = random_unit() * 4 - 2;
    int64_t i = random_below(9) - 4;
    if (dtype == GD_F32) memcpy(to, &f, 4);
    else if (dtype == GD_F64) memcpy(to, &d, 8);
    else if (dtype == GD_BOOL) *to = (char)(random_bits() & 1);
    else memcpy(to, &i, (size_t)item_bytes(dtype));
}

/* a view over dims (those in mask left out: stride 0) in a random order of dimensions, with gaps and flips;
 * broadcast: some strides are 0. Returns the elements it needs. */
static int64_t random_view(const program *p, view *v, int64_t mask, int broadcast) {
    int order[MOST_DIMS];
    for (int d = 0; d < p->n_dims; d++) order[d] = d;
    if (random_below(3) == 0)
        for (int d = p->n_dims - 1; d > 0; d--) {
            int e = (int)random_below(d + 1), swap = order[d];
            order[d] = order[e];
            order[e] = swap;
        }
    int64_t step = random_below(6) == 0 ? 2 : 1, gap = random_below(5) == 0, low = 0, high = 0;
    int by_channel = p->n_dims == 3 && random_below(3) == 0; /* one value for each of the middle dimension */
    v->offset = 0;
    for (int i = p->n_dims - 1; i >= 0; i--) {
        int d = order[i];
        v->stride[d] = 0;
        if ((mask >> d & 1) || (broadcast && (random_below(4) == 0 || (by_channel && d != 1)))) continue;
        int64_t dim = p->dims[d] > 0 ? p->dims[d] : 1;
        v->stride[d] = random_below(8) == 0 ? -step : step;
        if (v->stride[d] < 0) low -= step * (dim - 1);
        else high += step * (dim - 1);
        step *= dim;
        step += gap;
    }
    v->offset = -low + (random_below(4) == 0);
    return v->offset + high + 1;
}

static int new_operand(program *p, int dtype, int64_t count, int is_write) {
    int id = p->n_operands++;
    p->bytes[id] = count * item_bytes(dtype);
    p->data[id] = malloc((size_t)p->bytes[id] + 1);
    for (int64_t i = 0; i < count; i++) random_element(p->data[id] + i * item_bytes(dtype), dtype);
    p->expected[id] = NULL;
    if (is_write) {
        p->expected[id] = malloc((size_t)p->bytes[id] + 1);
        memcpy(p->expected[id], p->data[id], (size_t)p->bytes[id]);
    }
    return id;
}

static int pick_reg(const program *p, int count, const char *kinds) {
    for (int tries = 0; tries < 50; tries++) {
        int r = (int)random_below(count);
        int f = p->dtype[r] <= GD_F64, i = p->dtype[r] == GD_I32 || p->dtype[r] == GD_I64, b = p->dtype[r] == GD_BOOL;
        if ((strchr(kinds, 'F') && f) || (strchr(kinds, 'I') && i) || (strchr(kinds, 'B') && b)) return r;
    }
    return -1;
}

static void random_program(program *p) {
    static const struct {
        const char *name;
        int arity;
        const char *kinds;
        int result;
    } ops[] = {{"copy", 1, "FIB", -1},
               {"cast", 1, "FIB", -2},
               {"add", 2, "FI", -1},
               {"subtract", 2, "FI", -1},
               {"multiply", 2, "FI", -1},
               {"maximum", 2, "FI", -1},
               {"less", 2, "FI", GD_BOOL},
               {"where", 3, "FIB", -1},
               {"negative", 1, "FI", -1},
               {"abs", 1, "FI", -1},
               {"tanh", 1, "F", -1},
               {"multiply_add", 3, "F", -1},
               {"logical_not", 1, "B", GD_BOOL},
               {"logical_and", 2, "B", GD_BOOL},
               {"floor_divide", 2, "I", -1},
               {"row_sum", 1, "FI", -1},
               {"row_max", 1, "FI", -1},
               {"row_min", 1, "FI", -1}};
    memset(p, 0, sizeof *p);
    p->n_dims = (int)random_below(MOST_DIMS + 1);
    p->rows = (int)random_below(INT64_C(1) << p->n_dims);
    if (random_below(2)) p->rows &= p->rows << (p->n_dims > 0 ? random_below(p->n_dims) : 0);
    p->rows &= (1 << p->n_dims) - 1;
    p->total = 1;
    int large = (int)random_below(4) == 0;
    for (int d = 0; d < p->n_dims; d++) {
        p->dims[d] = random_below(30) == 0 ? 0 : 1 + random_below(6);
        if (large && random_below(2) == 0) {
            p->dims[d] = 1 + random_below(random_below(2) ? 700 : 5000);
            large = 0;
        }
        p->total *= p->dims[d];
    }
    if (p->total > 20000) p->dims[random_below(p->n_dims)] = 1;
    if (random_below(6) == 0) { /* images, in which values of a channel are kept from tile to tile */
        p->n_dims = 3;
        p->rows = (int)random_below(8);
        p->dims[0] = 4 + random_below(12);
        p->dims[1] = 1 + random_below(90);
        p->dims[2] = 1 + random_below(40);
    }
    if (random_below(6) == 0) { /* columns, short ones and long ones */
        p->n_dims = 3;
        p->rows = 1 << random_below(2) | (int)random_below(2);
        p->dims[0] = 1 + random_below(5);
        p->dims[1] = 1 + random_below(random_below(2) ? 20 : 300);
        p->dims[2] = 16 + random_below(random_below(2) ? 8 : 300);
        if (p->dims[1] > 40 && p->dims[2] > 40) p->dims[0] = 1;
    }
    p->total = 1;
    for (int d = 0; d < p->n_dims; d++) p->total *= p->dims[d];

    p->n_loads = 1 + (int)random_below(4);
    for (int r = 0; r < p->n_loads; r++) {
        int64_t count = random_view(p, &p->load[r], 0, 1);
        p->dtype[r] = random_below(2) ? GD_F32 : (int)random_below(GD_DTYPE_COUNT);
        if (random_below(8) == 0) {
            p->load[r].operand = -1;
            p->dtype[r] = GD_I64;
        } else {
            p->load[r].operand = new_operand(p, p->dtype[r], count + random_below(3), 0);
        }
    }
    p->n_reads = p->n_operands;
    p->n_consts = (int)random_below(3);
    for (int r = 0; r < p->n_consts; r++) {
        int dtype = p->dtype[p->n_loads + r] = (int)random_below(GD_DTYPE_COUNT);
        p->constant[r][0] = dtype;
        random_element((char *)&p->constant[r][1], dtype);
    }
    int want = (int)random_below(14);
    for (int k = 0; k < want; k++) {
        int r = n_regs(p), o = (int)random_below((int64_t)(sizeof ops / sizeof *ops));
        int64_t *op = p->op[p->n_ops];
        int is_where = strcmp(ops[o].name, "where") == 0, is_row = strncmp(ops[o].name, "row_", 4) == 0;
        int first = pick_reg(p, r, ops[o].kinds);
        if (first < 0 || (is_row && random_below(2))) continue;
        int64_t args[3] = {-1, -1, -1};
        int ok = 1;
        for (int i = 0; i < ops[o].arity; i++) {
            int tries = 0, c = first;
            if (is_where && i == 0) c = pick_reg(p, r, "B");
            else if (i > is_where) do
                    c = (int)random_below(r);
                while (p->dtype[c] != p->dtype[first] && tries++ < 50);
            if (c < 0 || (!(is_where && i == 0) && p->dtype[c] != p->dtype[first])) ok = 0;
            args[i] = c;
        }
        if (!ok) continue;
        op[0] = gd_microop(ops[o].name);
        op[1] = ops[o].result >= 0 ? ops[o].result : p->dtype[first];
        if (ops[o].result == -2) op[1] = random_below(GD_DTYPE_COUNT);
        for (int i = 0; i < 3; i++) op[2 + i] = args[i];
        p->dtype[r] = (int)op[1];
        p->n_ops++;
        p->rounding |= strcmp(ops[o].name, "row_sum") == 0;
    }
    /* what is stored stays moderate: a cast from a float that a sum rounded may differ by one, so no such program */
    p->n_stores = 1 + (int)random_below(3);
    for (int j = 0; j < p->n_stores; j++) {
        int reg = (int)(random_below(3) ? n_regs(p) - 1 - random_below(n_regs(p) < 3 ? n_regs(p) : 3)
                                        : random_below(n_regs(p)));
        int dtype = p->dtype[reg];
        p->store[j].reg = reg;
        view *v = &p->store[j].view;
        if (p->n_dims > 0 && random_below(2)) {
            p->store[j].mask = random_below(INT64_C(1) << p->n_dims);
            static const int number[] = {GD_REDUCE_sum, GD_REDUCE_max, GD_REDUCE_min, GD_REDUCE_sum};
            p->store[j].reduce =
                dtype == GD_BOOL ? (random_below(2) ? GD_REDUCE_all : GD_REDUCE_any) : number[random_below(4)];
            p->rounding |= p->store[j].reduce == GD_REDUCE_sum;
        }
        int64_t count = random_view(p, v, p->store[j].mask, 0);
        v->operand = new_operand(p, dtype, count + random_below(2), 1);
    }
    /* now and then in place: a plain store takes a load's memory, if the load's elements are all distinct */
    for (int j = 0; j < p->n_stores; j++) {
        int l = (int)random_below(p->n_loads);
        view *from = &p->load[l];
        if (p->store[j].reduce || p->dtype[l] != p->dtype[p->store[j].reg] || from->operand < 0 || random_below(2))
            continue;
        int distinct = 1;
        for (int d = 0; d < p->n_dims; d++) distinct &= from->stride[d] != 0 || p->dims[d] <= 1;
        if (!distinct || p->expected[from->operand] != NULL) continue;
        int id = (int)from->operand;
        p->expected[id] = malloc((size_t)p->bytes[id] + 1);
        memcpy(p->expected[id], p->data[id], (size_t)p->bytes[id]);
        p->store[j].view = *from;
    }
}

static void push_view(words *w, const program *p, const view *v, int64_t operand) {
    push(w, operand);
    push(w, v->offset);
    for (int d = 0; d < p->n_dims; d++) push(w, v->stride[d]);
}

/* every operand is a parameter slot: one id for reads, the same for writes of memory that is also read */
static words make_words(const program *p) {
    builder b = {0};
    int64_t reads[2 * MOST_REGS], writes[2 * MOST_REGS], n_writes = 0, ids[2 * MOST_REGS];
    int dtype_of[2 * MOST_REGS] = {0};
    for (int r = 0; r < p->n_loads; r++)
        if (p->load[r].operand >= 0) dtype_of[p->load[r].operand] = p->dtype[r];
    for (int j = 0; j < p->n_stores; j++) dtype_of[p->store[j].view.operand] = p->dtype[p->store[j].reg];
    for (int i = 0; i < p->n_operands; i++)
        ids[i] = add_value(&b, GD_VALUE_PARAM, dtype_of[i], p->bytes[i] / item_bytes(dtype_of[i]), -1);
    for (int i = 0; i < p->n_reads; i++) reads[i] = ids[i];
    words w = {0};
    int64_t head[6] = {p->n_dims, p->rows, p->n_loads, p->n_consts, p->n_ops, p->n_stores};
    for (int i = 0; i < 6; i++) push(&w, head[i]);
    for (int d = 0; d < p->n_dims; d++) push(&w, p->dims[d]);
    for (int r = 0; r < p->n_loads; r++) push_view(&w, p, &p->load[r], p->load[r].operand);
    for (int r = 0; r < p->n_consts; r++) {
        push(&w, p->constant[r][0]);
        push(&w, p->constant[r][1]);
    }
    for (int k = 0; k < p->n_ops; k++)
        for (int i = 0; i < 5; i++) push(&w, p->op[k][i]);
    for (int j = 0; j < p->n_stores; j++) {
        push(&w, p->store[j].reg);
        push(&w, p->store[j].reduce);
        push(&w, p->store[j].mask);
        push_view(&w, p, &p->store[j].view, p->n_reads + n_writes);
        writes[n_writes++] = ids[p->store[j].view.operand];
    }
    add_instruction(&b, "tile", p->n_reads, reads, n_writes, writes, &w);
    free(w.word);
    words all = finish(&b);
    builder_free(&b);
    return all;
}

static int close_enough(const char *x, const char *y, int dtype, int rounding) {
    double a = 0, b = 0;
    if (memcmp(x, y, (size_t)item_bytes(dtype)) == 0) return 1;
    if (dtype == GD_F32) {
        float f, g;
        memcpy(&f, x, 4);
        memcpy(&g, y, 4);
        a = f, b = g;
    } else if (dtype == GD_F64) {
        memcpy(&a, x, 8);
        memcpy(&b, y, 8);
    } else {
        return 0;
    }
    if (a != a && b != b) return 1;
    return rounding && fabs(a - b) <= (dtype == GD_F32 ? 2e-4 : 1e-10) * (1 + fabs(a) + fabs(b));
}

/* Differences beyond rounding's reach: programs whose floats are cast to integers or compared after a sum. */
static int is_brittle(const program *p) {
    if (!p->rounding) return 0;
    for (int k = 0; k < p->n_ops; k++) {
        const int64_t *op = p->op[k];
        int from = p->dtype[op[2]];
        if (op[0] == GD_MICRO_cast && from <= GD_F64 && op[1] != from) return 1;
        if (op[0] == GD_MICRO_less && from <= GD_F64) return 1;
    }
    return 0;
}

static void program_free(program *p) {
    for (int i = 0; i < p->n_operands; i++) {
        free(p->data[i]);
        free(p->expected[i]);
    }
}

static int run_one(uint64_t seed) {
    program p;
    random_state = seed;
    for (random_program(&p); is_brittle(&p); random_program(&p)) program_free(&p);
    words w = make_words(&p);
    gd_program *g = NULL;
    gd_context *c = NULL;
    gd_fault fault;
    int status = gd_program_create(w.word, w.n, NULL, 0, &g, &fault);
    CHECK(status == GD_OK, "seed %llu: %s at word %lld", (unsigned long long)seed, gd_status_text(status),
          (long long)fault.a);
    if (status == GD_OK) {
        evaluate(&p);
        status = gd_context_create(g, &c);
        if (status == GD_OK) status = gd_context_run(c, NULL, NULL, (void *const *)p.data, 0, &fault);
        CHECK(status == GD_OK, "seed %llu: %s", (unsigned long long)seed, gd_status_text(status));
        for (int j = 0; j < p.n_stores; j++) {
            int dtype = p.dtype[p.store[j].reg];
            int64_t id = p.store[j].view.operand, item = item_bytes(dtype), wrong = -1;
            for (int64_t i = 0; i < p.bytes[id] / item && wrong < 0; i++)
                if (!close_enough(p.data[id] + i * item, p.expected[id] + i * item, dtype, p.rounding)) wrong = i;
            CHECK(wrong < 0, "seed %llu: store %d, element %lld", (unsigned long long)seed, j, (long long)wrong);
        }
        gd_context_destroy(c);
        gd_program_destroy(g);
    }
    free(w.word);
    program_free(&p);
    return checks_failed;
}

/* usage: test_tile [first seed [programs]] */
int main(int argc, char **argv) {
    need_isa();
    uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 10) : 1, n = argc > 2 ? strtoull(argv[2], NULL, 10) : 3000;
    for (uint64_t seed = first; seed < first + n; seed++)
        if (run_one(seed) > 5) break;
    return report();
}
