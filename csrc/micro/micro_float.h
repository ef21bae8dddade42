/* micro_float.h: the micro-operations of floats, for GD_T float or double (see micro.h). Semantics are NumPy's.
 * F(name) gives the C library's function for the type, M(name) that of math/; EXP_LIMIT, LOG_LEAST and LOG_MOST say
 * where the functions ending in _inside hold.
 */
#include "micro.h"

#define EXP_INSIDE(v) (F(__builtin_fabs)(v) <= (GD_T)EXP_LIMIT)

/* NumPy's remainder has the divisor's sign and its quotient is rounded down; see npy_divmod's definition in
 * the NumPy reference of floor_divide and remainder. */
static inline GD_T float_remainder(GD_T x, GD_T y) {
    GD_T r = F(fmod)(x, y);
    if (r == 0) return F(copysign)(0, y); /* also where y is infinite and x zero */
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
    GD_T high = x > y ? x : y, low = x > y ? y : x;
    GD_T gap = x == y ? 0 : low - high; /* infinities of one sign have no difference */
    return x != x || y != y ? x + y : high + M(log1p)(M(exp)(gap));
}

GD_UNARY(copy, x)
GD_BINARY(add, x + y)
GD_BINARY(subtract, x - y)
GD_BINARY(multiply, x *y)
GD_BINARY(divide, x / y)
GD_CALL_2(floor_divide, float_floor_divide(x, y))
GD_CALL_2(remainder, float_remainder(x, y))
GD_POW
GD_BINARY(maximum, ((x >= y) | (x != x)) ? x : y)
GD_BINARY(minimum, ((x <= y) | (x != x)) ? x : y)
GD_PAIR(atan2, M(atan2)(x, y))
GD_PAIR(copysign, F(__builtin_copysign)(x, y))
GD_PAIR(hypot, M(hypot)(x, y))
GD_PAIR(logaddexp, float_logaddexp(x, y))
GD_PAIR(xlogy, ((x == 0) & (y == y)) ? 0 : x * M(log)(y))
GD_PAIR(xlog1py, ((x == 0) & (y == y)) ? 0 : x * M(log1p)(y))
GD_CALL_2(logdiffexp, M(logdiffexp)(x, y))
GD_CALL_2(nextafter, F(nextafter)(x, y))
GD_TEST_2(equal, x == y)
GD_TEST_2(not_equal, x != y)
GD_TEST_2(less, x < y)
GD_TEST_2(less_equal, x <= y)
GD_TEST_2(greater, x > y)
GD_TEST_2(greater_equal, x >= y)
GD_BODY_3(where, uint8_t, GD_T, x ? y : z)
GD_UNARY(negative, -x)
GD_UNARY(abs, F(__builtin_fabs)(x))
GD_UNARY(sign, x != x ? x : (GD_T)((x > 0) - (x < 0)))
GD_UNARY(square, x *x)
GD_UNARY(reciprocal, 1 / x)
GD_UNARY(sqrt, F(__builtin_sqrt)(x))
GD_UNARY(rsqrt, 1 / F(__builtin_sqrt)(x))
GD_UNARY(relu, ((x >= 0) | (x != x)) ? x : 0)
GD_UNARY(ceil, F(__builtin_ceil)(x))
GD_UNARY(floor, F(__builtin_floor)(x))
GD_UNARY(round, F(__builtin_rint)(x)) /* half to even */
GD_UNARY(trunc, F(__builtin_trunc)(x))
GD_TEST_1(isnan, x != x)
GD_TEST_1(isinf, F(__builtin_fabs)(x) == (GD_T)__builtin_inf())
GD_TEST_1(isfinite, F(__builtin_fabs)(x) < (GD_T)__builtin_inf())
GD_TEST_1(signbit, F(__builtin_copysign)(1, x) < 0)
GD_FAST_1(exp, x, EXP_INSIDE(v), M(exp_inside)(v), M(exp)(v))
GD_UNARY(exp2, M(exp2)(x))
GD_UNARY(expm1, M(expm1)(x))
GD_FAST_1(log, x, (v >= LOG_LEAST) & (v <= LOG_MOST), M(log_inside)(v), M(log)(v))
GD_UNARY(log1p, M(log1p)(x))
GD_CALL_1(log1mexp, M(log1mexp)(x))
GD_UNARY(log1mexp_slope, M(log1mexp_slope)(x))
GD_UNARY(logit, M(logit)(x))
GD_UNARY(log2, M(log2)(x))
GD_UNARY(log10, M(log10)(x))
GD_GUARDED(sin, F(__builtin_fabs)(x) <= (GD_T)TRIG_LIMIT, M(sin)(x), (GD_T)sin((double)x))
GD_GUARDED(cos, F(__builtin_fabs)(x) <= (GD_T)TRIG_LIMIT, M(cos)(x), (GD_T)cos((double)x))
GD_GUARDED(tan, F(__builtin_fabs)(x) <= (GD_T)TRIG_LIMIT, M(tan)(x), (GD_T)tan((double)x))
GD_UNARY(asin, M(asin)(x))
GD_UNARY(acos, M(acos)(x))
GD_UNARY(atan, M(atan)(x))
GD_UNARY(sinh, M(sinh)(x))
GD_UNARY(cosh, M(cosh)(x))
GD_FAST_1(tanh, x, EXP_INSIDE(2 * v), M(tanh_join)(v, M(tanh_tail_inside)(v)), M(tanh_join)(v, M(tanh_tail)(v)))
GD_FAST_1(tanh_slope, x, EXP_INSIDE(2 * v), M(tanh_slope)(M(tanh_tail_inside)(v)), M(tanh_slope)(M(tanh_tail)(v)))
GD_UNARY(asinh, M(asinh)(x))
GD_UNARY(acosh, M(acosh)(x))
GD_UNARY(atanh, M(atanh)(x))
GD_UNARY(erf, M(erf)(x))
GD_UNARY(erfc, M(erfc)(x))
GD_CALL_1(erfinv, (GD_T)special_erfinv((double)x))
GD_CALL_1(lgamma, (GD_T)special_lgamma((double)x))
GD_CALL_1(gamma, (GD_T)special_gamma((double)x))
GD_CALL_1(digamma, (GD_T)special_digamma((double)x))
GD_CALL_2(polygamma, (GD_T)special_polygamma((double)x, (double)y))
GD_CALL_2(digamma_gap, (GD_T)special_polygamma_gap(0, (double)x, (double)y))
GD_CALL_2(trigamma_gap, (GD_T)special_polygamma_gap(1, (double)x, (double)y))
GD_CALL_2(betaln, (GD_T)special_betaln((double)x, (double)y))
GD_CALL_2(gammainc, (GD_T)special_gammainc((double)x, (double)y))
GD_CALL_2(gammaincc, (GD_T)special_gammaincc((double)x, (double)y))
GD_CALL_2(gamma_density, (GD_T)special_gamma_density((double)x, (double)y))
GD_CALL_2(gammainc_by_a, (GD_T)special_gammainc_shape(1, (double)x, (double)y))
GD_CALL_2(gammainc_by_aa, (GD_T)special_gammainc_shape(2, (double)x, (double)y))
GD_CALL_3(betainc, (GD_T)special_betainc((double)x, (double)y, (double)z))
GD_CALL_3(beta_density, (GD_T)special_beta_density((double)x, (double)y, (double)z))
GD_CALL_3(betainc_by_a, (GD_T)special_betainc_shape(1, 0, (double)x, (double)y, (double)z))
GD_CALL_3(betainc_by_b, (GD_T)special_betainc_shape(0, 1, (double)x, (double)y, (double)z))
GD_CALL_3(betainc_by_aa, (GD_T)special_betainc_shape(2, 0, (double)x, (double)y, (double)z))
GD_CALL_3(betainc_by_ab, (GD_T)special_betainc_shape(1, 1, (double)x, (double)y, (double)z))
GD_CALL_3(betainc_by_bb, (GD_T)special_betainc_shape(0, 2, (double)x, (double)y, (double)z))
GD_CALL_1(erfcx, (GD_T)special_erfcx((double)x))
GD_CALL_2(erfcx_derivative, (GD_T)special_erfcx_derivative((double)x, (double)y))
GD_CALL_1(normal_density, (GD_T)special_normal_density((double)x))
GD_CALL_1(ndtr, (GD_T)special_ndtr((double)x))
GD_CALL_1(log_ndtr, (GD_T)special_log_ndtr((double)x))
GD_CALL_1(log_ndtr_slope, (GD_T)special_log_ndtr_slope((double)x))
GD_CALL_1(log_ndtr_excess, (GD_T)special_log_ndtr_excess((double)x))
GD_CALL_1(ndtri, (GD_T)special_ndtri((double)x))
GD_CALL_1(j0, (GD_T)special_bessel_j(0, (double)x))
GD_CALL_1(j1, (GD_T)special_bessel_j(1, (double)x))
GD_CALL_2(bessel_j, (GD_T)special_bessel_j((double)x, (double)y))
GD_CALL_1(i0, (GD_T)special_bessel_i(0, (double)x))
GD_CALL_1(i1, (GD_T)special_bessel_i(1, (double)x))
GD_CALL_2(bessel_i, (GD_T)special_bessel_i((double)x, (double)y))
GD_CALL_1(i0e, (GD_T)special_bessel_ie(0, 0, (double)x))
GD_CALL_2(i0e_derivative, (GD_T)special_bessel_ie(0, (double)x, (double)y))
GD_CALL_1(i1e, (GD_T)special_bessel_ie(1, 0, (double)x))
GD_CALL_2(i1e_derivative, (GD_T)special_bessel_ie(1, (double)x, (double)y))
GD_CALL_1(k0e, (GD_T)special_bessel_ke(0, 0, (double)x))
GD_CALL_2(k0e_derivative, (GD_T)special_bessel_ke(0, (double)x, (double)y))
GD_CALL_1(k1e, (GD_T)special_bessel_ke(1, 0, (double)x))
GD_CALL_2(k1e_derivative, (GD_T)special_bessel_ke(1, (double)x, (double)y))
GD_CALL_1(sinc, (GD_T)special_sinc_derivative(0, (double)x))
GD_CALL_2(sinc_derivative, (GD_T)special_sinc_derivative((double)x, (double)y))
GD_FAST_1(sigmoid, x, EXP_INSIDE(v), M(sigmoid_join)(v, M(sigmoid_tail_inside)(v)),
          M(sigmoid_join)(v, M(sigmoid_tail)(v)))
GD_UNARY(softplus, M(softplus)(x))
GD_FAST_1(sigmoid_slope, x, EXP_INSIDE(v), M(sigmoid_slope)(M(sigmoid_tail_inside)(v)),
          M(sigmoid_slope)(M(sigmoid_tail)(v)))
GD_UNARY(one_minus_square, (1 - x) * (1 + x))
GD_UNARY(exp_minus_square, M(exp_minus_square)(x))

/* pairs: two roundings, the same bits as one after the other */
#define GD_PAIRS(first, expression)                                \
    GD_BODY_3(first##_add, GD_T, GD_T, (expression) + z)           \
    GD_BODY_3(first##_subtract, GD_T, GD_T, (expression) - z)      \
    GD_BODY_3(first##_subtract_from, GD_T, GD_T, z - (expression)) \
    GD_BODY_3(first##_multiply, GD_T, GD_T, (expression) * z)
GD_PAIRS(add, x + y)
GD_PAIRS(subtract, x - y)
GD_PAIRS(multiply, x *y)
GD_FAST_1(negative_exp, -x, EXP_INSIDE(v), M(exp_inside)(v), M(exp)(v))
GD_FAST_2(subtract_exp, x - y, EXP_INSIDE(v), M(exp_inside)(v), M(exp)(v))
GD_FAST_2(multiply_exp, x *y, EXP_INSIDE(v), M(exp_inside)(v), M(exp)(v))
