/* tile_pairs.c: two micro-operations in one pass over the tile, where one is read by the other alone: the value between
 * them stays in the processor's registers. Bits are those of the two one after the other.
 */
#ifdef GD_PREPARE
#include "tile_build.h"

/* what `first` and `second`, which reads it as operand `at`, make together; -1: nothing */
static int pair_of(int first, int second, int at) {
    static const struct {
        int16_t first, second, at, pair;
    } pairs[] = {
#define PAIRS(first)                                                                \
    {GD_MICRO_##first, GD_MICRO_add, 0, GD_MICRO_##first##_add},                    \
        {GD_MICRO_##first, GD_MICRO_add, 1, GD_MICRO_##first##_add},                \
        {GD_MICRO_##first, GD_MICRO_subtract, 0, GD_MICRO_##first##_subtract},      \
        {GD_MICRO_##first, GD_MICRO_subtract, 1, GD_MICRO_##first##_subtract_from}, \
        {GD_MICRO_##first, GD_MICRO_multiply, 0, GD_MICRO_##first##_multiply},      \
        {GD_MICRO_##first, GD_MICRO_multiply, 1, GD_MICRO_##first##_multiply},
        PAIRS(add) PAIRS(subtract) PAIRS(multiply)
#undef PAIRS
            {GD_MICRO_negative, GD_MICRO_exp, 0, GD_MICRO_negative_exp},
        {GD_MICRO_subtract, GD_MICRO_exp, 0, GD_MICRO_subtract_exp},
        {GD_MICRO_multiply, GD_MICRO_exp, 0, GD_MICRO_multiply_exp},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        if (pairs[i].first == first && pairs[i].second == second && pairs[i].at == at) return pairs[i].pair;
    return -1;
}

/* The operation as a pair takes it: a square is a product. */
static gd_source_op as_first(gd_source_op op) {
    if (op.micro == GD_MICRO_square) {
        op.micro = GD_MICRO_multiply;
        op.arg[1] = op.arg[0];
    }
    return op;
}

void gd_ops_pair(const gd_isa_table *isa, gd_source_op *ops, int32_t n_ops, int32_t first, int32_t *uses,
                 const int8_t *width) {
    for (int32_t i = 0; i < n_ops; i++) {
        gd_source_op *op = &ops[i];
        for (int at = 0; at < 2 && op->arg[at] >= 0; at++) {
            int32_t reg = op->arg[at], index = reg - first;
            if (index < 0 || uses[reg] != 1 || (width != NULL && width[reg] != width[first + i])) continue;
            gd_source_op from = as_first(ops[index]);
            if (from.dtype != op->dtype || from.compute != op->compute) continue;
            int pair = pair_of(from.micro, op->micro, at);
            if (pair < 0 || isa->micro[pair][op->compute] == NULL) continue;
            int32_t other = op->arg[1] < 0 ? -1 : op->arg[1 - at];
            *op = (gd_source_op){
                .micro = pair, .dtype = op->dtype, .compute = op->compute, .arg = {from.arg[0], from.arg[1], other}};
            uses[reg] = 0;
            break;
        }
    }
}

void gd_tile_pair(gd_tile_builder *b) {
    gd_tile_source *s = b->s;
    for (int i = 0; i < s->n_ops; i++)
        for (int k = 0; k < 3 && s->ops[i].arg[k] >= 0; k++) b->uses[s->ops[i].arg[k]]++;
    for (int j = 0; j < s->n_stores; j++) b->uses[s->stores[j].reg]++;
    gd_ops_pair(b->isa, s->ops, s->n_ops, s->n_loads + s->n_consts, b->uses, b->width);
}
#endif
