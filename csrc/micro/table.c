/* table.c: the table of one ISA's build: its kernels, micro-operations, casts and reductions. Declares them from
 * the lists, so a body missing for a dtype that a list promises is a link error.
 */
#ifndef GD_PREPARE
#include "../program/isa.h"
#include "kinds.h"

#define GD_STRING_(x) #x
#define GD_STRING(x) GD_STRING_(x)
#define GD_MICRO(form, name, dtype) GD_ISA_NAME(gd_m##form##_##name##_##dtype)
#define GD_CAST(from, to) GD_ISA_NAME(gd_m0_cast_##from##_##to)
#define GD_FOLD(name, dtype) GD_ISA_NAME(gd_fold_##name##_##dtype)

#define X(name) int GD_ISA_NAME(gd_k_##name)(const gd_call *call);
#include "../program/kernels.def"
#undef X

#define SIGNATURE (void *, const void *, const void *, const void *, int64_t)
#define DECLARE(name, dtype, number) void GD_MICRO(0, name, dtype) SIGNATURE;
#define X(name, arity, kinds, result, scalars, cost) GD_RESULT_##result(DECLARE, kinds, name)
#include "microop.def"
#undef X
#undef DECLARE

/* the scalar forms: of two operands either, of three any but all */
#define DECLARE_0(name, dtype, number)
#define DECLARE_2(name, dtype, number)       \
    void GD_MICRO(1, name, dtype) SIGNATURE; \
    void GD_MICRO(2, name, dtype) SIGNATURE;
#define DECLARE_3(name, dtype, number)       \
    DECLARE_2(name, dtype, number)           \
    void GD_MICRO(3, name, dtype) SIGNATURE; \
    void GD_MICRO(4, name, dtype) SIGNATURE; \
    void GD_MICRO(5, name, dtype) SIGNATURE; \
    void GD_MICRO(6, name, dtype) SIGNATURE;
#define X(name, arity, kinds, result, scalars, cost) GD_RESULT_##result(DECLARE_##scalars, kinds, name)
#include "microop.def"
#undef X

#define DECLARE(from, to, number) void GD_CAST(from, to) SIGNATURE;
GD_KIND_A(DECLARE, f32)
GD_KIND_A(DECLARE, f64)
GD_KIND_A(DECLARE, i32)
GD_KIND_A(DECLARE, i64)
GD_KIND_A(DECLARE, b8)
#undef DECLARE

#define DECLARE(name, dtype, number) \
    void GD_FOLD(name, dtype)(void *, const void *, const void *, int64_t, int64_t, int64_t);
#define X(name, kinds, ...) GD_KIND_##kinds(DECLARE, name)
#include "reduce.def"
#undef X
DECLARE(dot_f32, f32, )
DECLARE(dot_f32, f64, )
DECLARE(dot_f64, f64, )
#undef DECLARE

extern const gd_isa_table GD_ISA_NAME(gd_isa_table);
const gd_isa_table GD_ISA_NAME(gd_isa_table) = {
    .name = GD_STRING(GD_ISA),
    .kernels =
        {
#define X(name) GD_ISA_NAME(gd_k_##name),
#include "../program/kernels.def"
#undef X
        },
    .micro =
        {
#define ENTRY(name, dtype, number) [GD_MICRO_##name][number] = GD_MICRO(0, name, dtype),
#define X(name, arity, kinds, result, scalars, cost) GD_RESULT_##result(ENTRY, kinds, name)
#include "microop.def"
#undef X
#undef ENTRY
        },
    .scalar =
        {
#define ENTRY_0(name, dtype, number)
#define ENTRY_2(name, dtype, number) \
    [GD_MICRO_##name][number][1] = GD_MICRO(1, name, dtype), [GD_MICRO_##name][number][2] = GD_MICRO(2, name, dtype),
#define ENTRY_3(name, dtype, number)                                                                                  \
    ENTRY_2(name, dtype, number)                                                                                      \
    [GD_MICRO_##name][number][3] = GD_MICRO(3, name, dtype), [GD_MICRO_##name][number][4] = GD_MICRO(4, name, dtype), \
    [GD_MICRO_##name][number][5] = GD_MICRO(5, name, dtype), [GD_MICRO_##name][number][6] = GD_MICRO(6, name, dtype),
#define X(name, arity, kinds, result, scalars, cost) GD_RESULT_##result(ENTRY_##scalars, kinds, name)
#include "microop.def"
#undef X
        },
    .cast =
        {
#define ENTRY(from, to, number) [number] = GD_CAST(from, to),
            [GD_F32] = {GD_KIND_A(ENTRY, f32)},
            [GD_F64] = {GD_KIND_A(ENTRY, f64)},
            [GD_I32] = {GD_KIND_A(ENTRY, i32)},
            [GD_I64] = {GD_KIND_A(ENTRY, i64)},
            [GD_BOOL] = {GD_KIND_A(ENTRY, b8)},
#undef ENTRY
        },
    .fold =
        {
#define ENTRY(name, dtype, number) [GD_REDUCE_##name][number] = GD_FOLD(name, dtype),
#define X(name, kinds, ...) GD_KIND_##kinds(ENTRY, name)
#include "reduce.def"
#undef X
#undef ENTRY
        },
    .dot =
        {
            [GD_F32] = {[GD_F32] = GD_FOLD(dot_f32, f32), [GD_F64] = GD_FOLD(dot_f32, f64)},
            [GD_F64] = {[GD_F64] = GD_FOLD(dot_f64, f64)},
        },
};
#endif
