/* kinds.h: the words of microop.def and reduce.def, expanded for the dtypes that they stand for. */
#ifndef GD_KINDS_H
#define GD_KINDS_H

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

#endif
