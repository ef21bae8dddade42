/* table.c: the table of one ISA's build: its kernels, micro-operations, casts and reductions. Declares them from
 * the lists, so a body missing for a dtype that a list promises is a link error.
 */
#ifndef GD_PREPARE
#include "../program/isa.h"

#define GD_STRING_(x) #x
#define GD_STRING(x) GD_STRING_(x)
#define GD_MICRO(name, dtype) GD_ISA_NAME(gd_m_##name##_##dtype)
#define GD_CAST(from, to) GD_ISA_NAME(gd_m_cast_##from##_##to)
#define GD_FOLD(name, dtype) GD_ISA_NAME(gd_fold_##name##_##dtype)

/* expand EACH(name, dtype, GD_DTYPE) for the dtypes of a kind */
#define GD_KIND_F(EACH, name) EACH(name, f32, GD_F32) EACH(name, f64, GD_F64)
#define GD_KIND_I(EACH, name) EACH(name, i32, GD_I32) EACH(name, i64, GD_I64)
#define GD_KIND_B(EACH, name) EACH(name, b8, GD_BOOL)
#define GD_KIND_N(EACH, name) GD_KIND_F(EACH, name) GD_KIND_I(EACH, name)
#define GD_KIND_A(EACH, name) GD_KIND_N(EACH, name) GD_KIND_B(EACH, name)

/* casts (D) and row reductions (R) have tables of their own */
#define GD_RESULT_S(EACH, kinds, name) GD_KIND_##kinds(EACH, name)
#define GD_RESULT_B(EACH, kinds, name) GD_KIND_##kinds(EACH, name)
#define GD_RESULT_D(EACH, kinds, name)
#define GD_RESULT_R(EACH, kinds, name)

#define X(name) int GD_ISA_NAME(gd_k_##name)(const gd_call *call);
#include "../program/kernels.def"
#undef X

#define DECLARE(name, dtype, number) void GD_MICRO(name, dtype)(void *, const void *, const void *, const void *, int64_t);
#define X(name, arity, kinds, result) GD_RESULT_##result(DECLARE, kinds, name)
#include "microop.def"
#undef X
#undef DECLARE

#define DECLARE(from, to, number) void GD_CAST(from, to)(void *, const void *, const void *, const void *, int64_t);
GD_KIND_A(DECLARE, f32) GD_KIND_A(DECLARE, f64) GD_KIND_A(DECLARE, i32) GD_KIND_A(DECLARE, i64) GD_KIND_A(DECLARE, b8)
#undef DECLARE

#define DECLARE(name, dtype, number) void GD_FOLD(name, dtype)(void *, const void *, int64_t, int64_t, int64_t);
#define X(name, kinds) GD_KIND_##kinds(DECLARE, name)
#include "reduce.def"
#undef X
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
#define ENTRY(name, dtype, number) [GD_MICRO_##name][number] = GD_MICRO(name, dtype),
#define X(name, arity, kinds, result) GD_RESULT_##result(ENTRY, kinds, name)
#include "microop.def"
#undef X
#undef ENTRY
        },
    .cast =
        {
#define ENTRY(from, to, number) [number] = GD_CAST(from, to),
            [GD_F32] = {GD_KIND_A(ENTRY, f32)}, [GD_F64] = {GD_KIND_A(ENTRY, f64)},
            [GD_I32] = {GD_KIND_A(ENTRY, i32)}, [GD_I64] = {GD_KIND_A(ENTRY, i64)},
            [GD_BOOL] = {GD_KIND_A(ENTRY, b8)},
#undef ENTRY
        },
    .fold =
        {
#define ENTRY(name, dtype, number) [GD_REDUCE_##name][number] = GD_FOLD(name, dtype),
#define X(name, kinds) GD_KIND_##kinds(ENTRY, name)
#include "reduce.def"
#undef X
#undef ENTRY
        },
};
#endif
