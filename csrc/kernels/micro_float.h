/* micro_float.h: the micro-operations of floats, for GD_T float or double (see micro.h). Semantics are NumPy's.
 * F(name) gives the C library's function for the type; functions of math/ are called m_<name>.
 */
#include "micro.h"

/* NumPy's remainder has the divisor's sign and its quotient is rounded down; see npy_divmod's definition in
 * the NumPy reference of floor_divide and remainder. */
static inline GD_T float_remainder(GD_T x, GD_T y) {
    GD_T r = F(fmod)(x, y);
    if (r == 0) return F(copysign)(0, y);   /* also where y is infinite and x zero */
    return (r < 0) != (y < 0) ? r + y : r;
}

static inline GD_T float_floor_divide(GD_T x, GD_T y) {
    if (y == 0) return x / y;
    GD_T r = F(fmod)(x, y), q = (x - r) / y;
    if (r != 0 && (r < 0) != (y < 0)) q -= 1;
    if (q == 0) return F(copysign)(0, x / y);
    GD_T down = F(floor)(q);
    return q - down > (GD_T)0.5 ? down + 1 : down;
}

static inline GD_T float_logaddexp(GD_T x, GD_T y) {
    if (x == y) return x + (GD_T)0.693147180559945309417232121458;   /* infinities of one sign too */
    GD_T high = x > y ? x : y, low = x > y ? y : x;
    return x != x || y != y ? x + y : high + F(log1p)(F(exp)(low - high));
}

GD_UNARY(copy, x)
GD_BINARY(add, x + y)
GD_BINARY(subtract, x - y)
GD_BINARY(multiply, x * y)
GD_BINARY(divide, x / y)
GD_BINARY(floor_divide, float_floor_divide(x, y))
GD_BINARY(remainder, float_remainder(x, y))
GD_BINARY(pow, F(pow)(x, y))
GD_BINARY(maximum, ((x >= y) | (x != x)) ? x : y)
GD_BINARY(minimum, ((x <= y) | (x != x)) ? x : y)
GD_BINARY(atan2, F(atan2)(x, y))
GD_BINARY(copysign, F(__builtin_copysign)(x, y))
GD_BINARY(hypot, F(hypot)(x, y))
GD_BINARY(logaddexp, float_logaddexp(x, y))
GD_TEST_2(equal, x == y)
GD_TEST_2(not_equal, x != y)
GD_TEST_2(less, x < y)
GD_TEST_2(less_equal, x <= y)
GD_TEST_2(greater, x > y)
GD_TEST_2(greater_equal, x >= y)
GD_BODY_3(where, uint8_t, GD_T, x ? y : z)
GD_BODY_3(multiply_add, GD_T, GD_T, x * y + z)   /* two roundings: the same bits as multiply, then add */
GD_UNARY(negative, -x)
GD_UNARY(abs, F(__builtin_fabs)(x))
GD_UNARY(sign, x != x ? x : (GD_T)((x > 0) - (x < 0)))
GD_UNARY(square, x * x)
GD_UNARY(reciprocal, 1 / x)
GD_UNARY(sqrt, F(__builtin_sqrt)(x))
GD_UNARY(rsqrt, 1 / F(__builtin_sqrt)(x))
GD_UNARY(relu, ((x >= 0) | (x != x)) ? x : 0)
GD_UNARY(ceil, F(__builtin_ceil)(x))
GD_UNARY(floor, F(__builtin_floor)(x))
GD_UNARY(round, F(__builtin_rint)(x))   /* half to even */
GD_UNARY(trunc, F(__builtin_trunc)(x))
GD_TEST_1(isnan, x != x)
GD_TEST_1(isinf, F(__builtin_fabs)(x) == (GD_T)__builtin_inf())
GD_TEST_1(isfinite, F(__builtin_fabs)(x) < (GD_T)__builtin_inf())
GD_UNARY(exp, m_exp(x))
GD_UNARY(expm1, m_expm1(x))
GD_UNARY(log, m_log(x))
GD_UNARY(log1p, m_log1p(x))
GD_UNARY(log2, m_log2(x))
GD_UNARY(log10, m_log10(x))
GD_UNARY(sin, m_sin(x))
GD_UNARY(cos, m_cos(x))
GD_UNARY(tan, m_tan(x))
GD_UNARY(asin, m_asin(x))
GD_UNARY(acos, m_acos(x))
GD_UNARY(atan, m_atan(x))
GD_UNARY(sinh, m_sinh(x))
GD_UNARY(cosh, m_cosh(x))
GD_UNARY(tanh, m_tanh(x))
GD_UNARY(asinh, m_asinh(x))
GD_UNARY(acosh, m_acosh(x))
GD_UNARY(atanh, m_atanh(x))
GD_UNARY(erf, m_erf(x))
GD_UNARY(erfc, m_erfc(x))
GD_UNARY(erfinv, m_erfinv(x))
GD_UNARY(lgamma, m_lgamma(x))
GD_UNARY(digamma, m_digamma(x))
GD_UNARY(sigmoid, m_sigmoid(x))
GD_UNARY(softplus, m_softplus(x))
