/* isa.h: the numbers of kernels, micro-operations and reductions, and the table of what one ISA's build offers.
 *
 * kernels/, micro/ and tile/ are compiled once per ISA; each build ends in one constant table (micro/table.c), and
 * isa.c picks one when the library is first used. Prepare steps take function pointers from gd_isa_current(),
 * so nothing is looked up while a program runs and programs made before gd_isa_select keep theirs.
 */
#ifndef GD_ISA_H
#define GD_ISA_H
#include "kernel.h"

enum {
#define X(name) GD_KERNEL_##name,
#include "kernels.def"
#undef X
    GD_KERNEL_COUNT
};
enum {
#define X(name, ...) GD_MICRO_##name,
#include "../micro/microop.def"
#undef X
    GD_MICRO_COUNT
};
enum {
    GD_REDUCE_none,
#define X(name, ...) GD_REDUCE_##name,
#include "../micro/reduce.def"
#undef X
    GD_REDUCE_COUNT
};

/* what the lists tell of each: micro/microop.def, micro/reduce.def */
typedef struct {
    const char *name;
    int8_t arity;
    char kinds, result;
    int16_t cost; /* of an element, in additions */
} gd_micro_facts;
typedef struct {
    const char *name;
    char kinds;
    int16_t join; /* the micro-operation of two values */
    int16_t row;  /* the micro-operation of rows in a tile, -1: there is none */
    int8_t idempotent;
} gd_reduction_facts;
extern const gd_micro_facts gd_micros[GD_MICRO_COUNT];
extern const gd_reduction_facts gd_reductions[GD_REDUCE_COUNT];

/* out[i] = op(a[i], b[i], c[i]) for i in 0..n-1; operands not used by the operation may be NULL. out may be an
 * operand itself (same address, same item size), never overlap one otherwise. */
enum { GD_SCALAR_FORMS = 7 }; /* by the operands that are scalars: bit 0 a, bit 1 b, bit 2 c */
typedef void (*gd_micro_fn)(void *out, const void *a, const void *b, const void *c, int64_t n);

/* out[i,k] = a[i,0,k] op a[i,1,k] op ... for a of shape (outer, length, inner), length >= 1, in an order that depends on
 * the shape only; out does not overlap a. Sums of products take a[i,j,k] b[i,j,k], the others no b. */
typedef void (*gd_fold_fn)(void *out, const void *a, const void *b, int64_t outer, int64_t length, int64_t inner);

typedef struct {
    const char *name;
    gd_run_fn kernels[GD_KERNEL_COUNT];
    gd_micro_fn micro[GD_MICRO_COUNT][GD_DTYPE_COUNT]; /* by compute dtype; NULL where microop.def excludes it */
    gd_micro_fn scalar[GD_MICRO_COUNT][GD_DTYPE_COUNT][GD_SCALAR_FORMS]; /* NULL where there is no such body */
    gd_micro_fn cast[GD_DTYPE_COUNT][GD_DTYPE_COUNT];                    /* [from][to] */
    gd_fold_fn fold[GD_REDUCE_COUNT][GD_DTYPE_COUNT];                    /* NULL where the reduction has no meaning */
    gd_fold_fn dot[GD_DTYPE_COUNT][GD_DTYPE_COUNT]; /* [factors][sum]; NULL where there is no such body */
} gd_isa_table;

const gd_isa_table *gd_isa_current(void); /* calls gd_init if nobody has; NULL if this processor is too old */

extern const gd_prepare_fn gd_kernel_prepare[GD_KERNEL_COUNT];

#endif
