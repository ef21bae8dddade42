/* micro.h: how micro-operations are written. A body is one expression over x, y, z (the elements of the operands)
 * in a loop without branches, so that the compiler turns it into vectors. Include after defining GD_T (the C type), GD_D (the dtype's
 * suffix) and, for floats, GD_M (the signed integer type of GD_T's size).
 *
 * An element's result never depends on its position: bodies use no operation whose vector and scalar forms round
 * differently (the build forbids contraction; a fused multiply-add is asked for by name, see math/).
 */
#ifndef GD_MICRO_H
#define GD_MICRO_H
#include "../program/kernel.h"

/* No iteration depends on another: out is an operand itself or apart from all. */
#if defined(__clang__)
#define GD_LOOP _Pragma("clang loop vectorize(assume_safety)")
#else
#define GD_LOOP _Pragma("GCC ivdep")
#endif

#define GD_MICRO__(form, name, dtype) GD_ISA_NAME(gd_m##form##_##name##_##dtype)
#define GD_MICRO_(form, name, dtype) GD_MICRO__(form, name, dtype)
#define GD_MICRO_DECLARE(form, name)                                                             \
    void GD_MICRO_(form, name, GD_D)(void *, const void *, const void *, const void *, int64_t); \
    void GD_MICRO_(form, name, GD_D)(void *out_, const void *a_, const void *b_, const void *c_, int64_t n)

#define GD_BODY_1(name, result, expression)       \
    GD_MICRO_DECLARE(0, name) {                   \
        result *out = out_;                       \
        const GD_T *a = a_;                       \
        (void)b_, (void)c_;                       \
        GD_LOOP for (int64_t i = 0; i < n; i++) { \
            const GD_T x = a[i];                  \
            out[i] = (result)(expression);        \
        }                                         \
    }

/* the bits of form say which operands are one number for all elements */
#define GD_FORM_2(form, name, result, expression)                              \
    GD_MICRO_DECLARE(form, name) {                                             \
        result *out = out_;                                                    \
        const GD_T *a = a_, *b = b_, x0 = a[0], y0 = b[0];                     \
        (void)c_, (void)x0, (void)y0;                                          \
        GD_LOOP for (int64_t i = 0; i < n; i++) {                              \
            const GD_T x = (form) & 1 ? x0 : a[i], y = (form) & 2 ? y0 : b[i]; \
            out[i] = (result)(expression);                                     \
        }                                                                      \
    }
#define GD_FORM_3(form, name, first, result, expression)                       \
    GD_MICRO_DECLARE(form, name) {                                             \
        result *out = out_;                                                    \
        const first *a = a_, x0 = a[0];                                        \
        const GD_T *b = b_, *c = c_, y0 = b[0], z0 = c[0];                     \
        (void)x0, (void)y0, (void)z0;                                          \
        GD_LOOP for (int64_t i = 0; i < n; i++) {                              \
            const first x = (form) & 1 ? x0 : a[i];                            \
            const GD_T y = (form) & 2 ? y0 : b[i], z = (form) & 4 ? z0 : c[i]; \
            out[i] = (result)(expression);                                     \
        }                                                                      \
    }
#define GD_BODY_2(name, result, expression) \
    GD_FORM_2(0, name, result, expression)  \
    GD_FORM_2(1, name, result, expression)  \
    GD_FORM_2(2, name, result, expression)
#define GD_BODY_3(name, first, result, expression) \
    GD_FORM_3(0, name, first, result, expression)  \
    GD_FORM_3(1, name, first, result, expression)  \
    GD_FORM_3(2, name, first, result, expression)  \
    GD_FORM_3(3, name, first, result, expression)  \
    GD_FORM_3(4, name, first, result, expression)  \
    GD_FORM_3(5, name, first, result, expression)  \
    GD_FORM_3(6, name, first, result, expression)
#define GD_UNARY(name, expression) GD_BODY_1(name, GD_T, expression)
#define GD_BINARY(name, expression) GD_BODY_2(name, GD_T, expression)
#define GD_TEST_1(name, expression) GD_BODY_1(name, uint8_t, expression)
#define GD_TEST_2(name, expression) GD_BODY_2(name, uint8_t, expression)

/* two operands, no scalar forms */
#define GD_PAIR(name, expression) GD_FORM_2(0, name, GD_T, expression)

/* functions that are called, one element at a time */
#define GD_CALL_1(name, expression)       \
    GD_MICRO_DECLARE(0, name) {           \
        GD_T *out = out_;                 \
        const GD_T *a = a_;               \
        (void)b_, (void)c_;               \
        for (int64_t i = 0; i < n; i++) { \
            const GD_T x = a[i];          \
            out[i] = (expression);        \
        }                                 \
    }
#define GD_CALL_2(name, expression)        \
    GD_MICRO_DECLARE(0, name) {            \
        GD_T *out = out_;                  \
        const GD_T *a = a_, *b = b_;       \
        (void)c_;                          \
        for (int64_t i = 0; i < n; i++) {  \
            const GD_T x = a[i], y = b[i]; \
            out[i] = (expression);         \
        }                                  \
    }
#define GD_CALL_3(name, expression)                  \
    GD_MICRO_DECLARE(0, name) {                      \
        GD_T *out = out_;                            \
        const GD_T *a = a_, *b = b_, *c = c_;        \
        for (int64_t i = 0; i < n; i++) {            \
            const GD_T x = a[i], y = b[i], z = c[i]; \
            out[i] = (expression);                   \
        }                                            \
    }
/* `inside` holds where `condition` does, `outside` elsewhere: element by element, so that no element's result
 * depends on its neighbours, but in vectors where all are inside */
#define GD_GUARDED(name, condition, inside, outside)         \
    GD_MICRO_DECLARE(0, name) {                              \
        GD_T *out = out_;                                    \
        const GD_T *a = a_;                                  \
        (void)b_, (void)c_;                                  \
        GD_M all = 1;                                        \
        for (int64_t i = 0; i < n; i++) {                    \
            const GD_T x = a[i];                             \
            all &= (condition);                              \
        }                                                    \
        if (all) {                                           \
            GD_LOOP for (int64_t i = 0; i < n; i++) {        \
                const GD_T x = a[i];                         \
                out[i] = (inside);                           \
            }                                                \
        } else {                                             \
            for (int64_t i = 0; i < n; i++) {                \
                const GD_T x = a[i];                         \
                out[i] = (condition) ? (inside) : (outside); \
            }                                                \
        }                                                    \
    }

/* The same function twice: `inside`, which is faster, where `condition` holds for all elements, else `general`, which
 * gives the same bits there. They are functions of v, which is `value`, an expression of x, or of x and y. */
#define GD_FAST(form, name, operands, element, value, condition, inside, general) \
    GD_MICRO_DECLARE(form, name) {                                                \
        GD_T *out = out_;                                                         \
        operands GD_M all = 1;                                                    \
        for (int64_t i = 0; i < n; i++) {                                         \
            element const GD_T v = (value);                                       \
            all &= (condition);                                                   \
        }                                                                         \
        if (all) {                                                                \
            GD_LOOP for (int64_t i = 0; i < n; i++) {                             \
                element const GD_T v = (value);                                   \
                (void)v;                                                          \
                out[i] = (inside);                                                \
            }                                                                     \
        } else {                                                                  \
            GD_LOOP for (int64_t i = 0; i < n; i++) {                             \
                element const GD_T v = (value);                                   \
                (void)v;                                                          \
                out[i] = (general);                                               \
            }                                                                     \
        }                                                                         \
    }
#define GD_FAST_1(name, value, condition, inside, general) \
    GD_FAST(0, name, const GD_T *a = a_; (void)b_; (void)c_;, const GD_T x = a[i];, value, condition, inside, general)
#define GD_FAST_FORM(form, name, value, condition, inside, general)                                                   \
    GD_FAST(form, name, const GD_T *a = a_; const GD_T *b = b_; const GD_T x0 = a[0]; const GD_T y0 = b[0]; (void)c_; \
            (void)x0; (void)y0;, const GD_T x = (form) & 1 ? x0 : a[i]; const GD_T y = (form) & 2 ? y0 : b[i];        \
            , value, condition, inside, general)
#define GD_FAST_PAIR(name, value, condition, inside, general) GD_FAST_FORM(0, name, value, condition, inside, general)
#define GD_FAST_2(name, value, condition, inside, general)   \
    GD_FAST_FORM(0, name, value, condition, inside, general) \
    GD_FAST_FORM(1, name, value, condition, inside, general) \
    GD_FAST_FORM(2, name, value, condition, inside, general)

#endif
