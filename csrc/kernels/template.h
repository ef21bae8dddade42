/* template.h: what a body that is included once for each element type is written with (*_body.h).
 *
 * each_float.h, each_number.h and each_type.h include the file that GD_BODY names, and define for it
 *   T  the element type      S  the suffix of its names: NAME(row) is row_f32
 *   U  the type that its sums are taken in: of integers the unsigned one, as they wrap around
 *   I  of floats, the integer of their size
 * A variant of a loop is an INLINE function with a constant for an argument, so that all of it is code that a debugger
 * steps through. GD_FLOAT_CALL(dtype, row, ..) and its like call the function of an element type.
 */
#ifndef GD_TEMPLATE_H
#define GD_TEMPLATE_H
#include "../program/kernel.h"

#define NAME(stem) GD_CAT(stem, S)
#ifdef __OPTIMIZE__
#define INLINE static inline __attribute__((always_inline))
#else /* a function for each keeps frames small */
#define INLINE static inline
#endif
#define IS_NAN(x) ((x) != (x))
#define IS_NUMBER(x) ((x) == (x))

/* before a loop of a few turns, whose number is a constant where it is inlined */
#if defined(__clang__)
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

/* VECTOR(n): n elements, loadable from any element's address */
#define VECTOR(n) GD_CAT(NAME(gd_vector), n)
#define GD_VECTOR_OF(T, S, n) \
    typedef T gd_vector_##S##_##n __attribute__((vector_size(n * sizeof(T)), aligned(sizeof(T)), may_alias))
GD_VECTOR_OF(float, f32, 1);
GD_VECTOR_OF(float, f32, 2);
GD_VECTOR_OF(float, f32, 4);
GD_VECTOR_OF(float, f32, 8);
GD_VECTOR_OF(float, f32, 16);
GD_VECTOR_OF(double, f64, 1);
GD_VECTOR_OF(double, f64, 2);
GD_VECTOR_OF(double, f64, 4);
GD_VECTOR_OF(double, f64, 8);
GD_VECTOR_OF(double, f64, 16);
#undef GD_VECTOR_OF

/* for dtypes that prepare has checked */
#define GD_FLOAT_CALL(dtype, function, ...) \
    ((dtype) == GD_F32 ? function##_f32(__VA_ARGS__) : function##_f64(__VA_ARGS__))
#define GD_NUMBER_CALL(dtype, function, ...)           \
    ((dtype) == GD_I32   ? function##_i32(__VA_ARGS__) \
     : (dtype) == GD_I64 ? function##_i64(__VA_ARGS__) \
                         : GD_FLOAT_CALL(dtype, function, __VA_ARGS__))
#define GD_TYPE_CALL(dtype, function, ...) \
    ((dtype) == GD_BOOL ? function##_b8(__VA_ARGS__) : GD_NUMBER_CALL(dtype, function, __VA_ARGS__))

#endif
