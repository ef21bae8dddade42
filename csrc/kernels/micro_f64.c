/* micro_f64.c: the micro-operations of float64. */
#ifndef GD_PREPARE
#include <math.h>

#include "../math/special.h"

#define GD_T double
#define GD_D f64
#define F(name) name
#define LIBM(name) static inline double m_##name(double x) { return name(x); }
LIBM(exp) LIBM(expm1) LIBM(log) LIBM(log1p) LIBM(log2) LIBM(log10) LIBM(sin) LIBM(cos) LIBM(tan) LIBM(asin) LIBM(acos)
LIBM(atan) LIBM(sinh) LIBM(cosh) LIBM(tanh) LIBM(asinh) LIBM(acosh) LIBM(atanh) LIBM(erf) LIBM(erfc)
static inline double m_sigmoid(double x) {
    double e = exp(-fabs(x));
    return (x >= 0 ? 1 : e) / (1 + e);
}
static inline double m_softplus(double x) { return (x > 0 ? x : 0) + log1p(exp(-fabs(x))); }
static inline double m_erfinv(double x) { return special_erfinv(x); }
static inline double m_lgamma(double x) { return special_lgamma(x); }
static inline double m_digamma(double x) { return special_digamma(x); }
#include "micro_float.h"
#endif
