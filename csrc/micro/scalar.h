/* scalar.h: the bodies of micro.h as functions of one element each, void gd_s_<name>_<dtype>(out, a, b, c): what runs
 * of scalars are made of. Include it instead of micro.h, then a file of bodies; scalar_end.h before the next one.
 *
 * Invariant: the bits of micro.h's loops, for there an element's result depends on nothing but its operands.
 */
#ifndef GD_MICRO_H
#define GD_MICRO_H
#include "../program/kernel.h"

#define GD_SCALAR__(name, dtype) gd_s_##name##_##dtype
#define GD_SCALAR_(name, dtype) GD_SCALAR__(name, dtype)
#define GD_SCALAR(name, dtype) \
    static inline void GD_SCALAR_(name, dtype)(void *out_, const void *a_, const void *b_, const void *c_)

#define GD_BODY_1(name, result, expression)     \
    GD_SCALAR(name, GD_D) {                     \
        const GD_T x = *(const GD_T *)a_;       \
        (void)b_, (void)c_;                     \
        *(result *)out_ = (result)(expression); \
    }
#define GD_BODY_2(name, result, expression)                      \
    GD_SCALAR(name, GD_D) {                                      \
        const GD_T x = *(const GD_T *)a_, y = *(const GD_T *)b_; \
        (void)c_;                                                \
        *(result *)out_ = (result)(expression);                  \
    }
#define GD_BODY_3(name, first, result, expression)               \
    GD_SCALAR(name, GD_D) {                                      \
        const first x = *(const first *)a_;                      \
        const GD_T y = *(const GD_T *)b_, z = *(const GD_T *)c_; \
        *(result *)out_ = (result)(expression);                  \
    }
#define GD_UNARY(name, expression) GD_BODY_1(name, GD_T, expression)
#define GD_BINARY(name, expression) GD_BODY_2(name, GD_T, expression)
#define GD_PAIR(name, expression) GD_BODY_2(name, GD_T, expression)
#define GD_CALL_1(name, expression) GD_BODY_1(name, GD_T, expression)
#define GD_CALL_2(name, expression) GD_BODY_2(name, GD_T, expression)
#define GD_CALL_3(name, expression) GD_BODY_3(name, GD_T, GD_T, expression)
#define GD_TEST_1(name, expression) GD_BODY_1(name, uint8_t, expression)
#define GD_TEST_2(name, expression) GD_BODY_2(name, uint8_t, expression)
#define GD_GUARDED(name, condition, inside, outside) GD_BODY_1(name, GD_T, (condition) ? (inside) : (outside))
#define GD_FAST_1(name, value, condition, inside, general)  \
    GD_SCALAR(name, GD_D) {                                 \
        const GD_T x = *(const GD_T *)a_, v = (value);      \
        (void)b_, (void)c_;                                 \
        *(GD_T *)out_ = (condition) ? (inside) : (general); \
    }
#define GD_FAST_2(name, value, condition, inside, general)                    \
    GD_SCALAR(name, GD_D) {                                                   \
        const GD_T x = *(const GD_T *)a_, y = *(const GD_T *)b_, v = (value); \
        (void)c_;                                                             \
        *(GD_T *)out_ = (condition) ? (inside) : (general);                   \
    }
#define GD_FAST_PAIR GD_FAST_2
#define CAST(to_type, to, expression)             \
    GD_SCALAR(GD_CAST_NAME, to) {                 \
        const GD_T x = *(const GD_T *)a_;         \
        (void)b_, (void)c_;                       \
        *(to_type *)out_ = (to_type)(expression); \
    }

#endif
