/* micro_f32.c: the micro-operations of float32. */
#ifndef GD_PREPARE
#include <math.h>

#include "../math/special.h"

#define GD_T float
#define GD_D f32
#define F(name) name##f
#define LIBM(name) static inline float m_##name(float x) { return name##f(x); }
LIBM(exp) LIBM(expm1) LIBM(log) LIBM(log1p) LIBM(log2) LIBM(log10) LIBM(sin) LIBM(cos) LIBM(tan) LIBM(asin) LIBM(acos)
LIBM(atan) LIBM(sinh) LIBM(cosh) LIBM(tanh) LIBM(asinh) LIBM(acosh) LIBM(atanh) LIBM(erf) LIBM(erfc)
static inline float m_sigmoid(float x) { return (float)(1 / (1 + exp(-(double)x))); }
static inline float m_softplus(float x) { return (x > 0 ? x : 0) + log1pf(expf(-fabsf(x))); }
static inline float m_erfinv(float x) { return (float)special_erfinv(x); }
static inline float m_lgamma(float x) { return (float)special_lgamma(x); }
static inline float m_digamma(float x) { return (float)special_digamma(x); }
#include "micro_float.h"
#endif
