/* f64.h: elementary functions of float64 (see real.h). Signed zeros, infinities and NaN as in C's library. */
#ifndef GD_F64_H
#define GD_F64_H
#include "real.h"

#define LN2_HIGH 0x1.62e42feep-1 /* 32 bits: times an exponent it is exact */
#define LN2_LOW 0x1.a39ef35793c76p-33
#define LOG2_E 0x1.71547652b82fep+0
#define LN2 0x1.62e42fefa39efp-1
#define PI_2 0x1.921fb54442d18p+0 /* pi/2 and what its double lacks */
#define PI_2_REST 0x1.1a62633145c07p-54
#define ROUND_64 0x1.8p52 /* added and taken off again it rounds to an integer */

/* ---- exponentials ---- */

/* x = n ln2 + r with |r| <= ln2/2; *scaled: 1.5 2^52 + n, whose low bits are n */
static inline double exp64_reduce(double x, double *scaled) {
    *scaled = fma64(x, LOG2_E, ROUND_64);
    double n = *scaled - ROUND_64;
    return fma64(n, -LN2_LOW, fma64(n, -LN2_HIGH, x));
}

/* (e^r - 1 - r) / r^2 for |r| <= ln2/2 */
static inline double exp64_rest(double r) {
    return GD_POLY11(fma64, r, 0x1.0000000000000p-1, 0x1.555555555555dp-3, 0x1.555555555556cp-5, 0x1.111111110e54dp-7,
                     0x1.6c16c16c0a4ecp-10, 0x1.a01a01b5f1af5p-13, 0x1.a01a01e83c557p-16, 0x1.71ddeab6c902cp-19,
                     0x1.27e44bc5a9c5cp-22, 0x1.af74334d527b4p-26, 0x1.204e1a740b6f8p-29);
}

/* e^r - 1 for |r| <= ln2/2 */
static inline double exp64_core(double r) { return fma64(r * r, exp64_rest(r), r); }

/* p * 2^(n + k) for n as exp64_reduce gives it, over the whole range: in two factors, so that a result below the
 * normal numbers rounds once */
static inline double exp64_scale(double p, double scaled, int k) {
    uint64_t n = bits64(scaled) - bits64(ROUND_64) + 2048 + (uint64_t)(int64_t)k, half = n >> 1;
    return p * float64((half - 1) << 52) * float64((n - half - 1) << 52);
}

/* e^x for |x| <= 708, where it and 2^n are normal numbers: the bits of m64_exp */
static inline double m64_exp_inside(double x) {
    double scaled, r = exp64_reduce(x, &scaled);
    return (1 + exp64_core(r)) * float64((bits64(scaled) - bits64(ROUND_64) + 1023) << 52);
}

static inline double exp64_times(double x, int k) {
    double scaled;
    x = x > 720 ? 720 : x;
    x = x < -760 ? -760 : x;
    double r = exp64_reduce(x, &scaled);
    return exp64_scale(1 + exp64_core(r), scaled, k);
}

/* e^x; 1.0 ulp */
static inline double m64_exp(double x) { return exp64_times(x, 0); }

/* 2^x */
static inline double m64_exp2(double x) {
    double low = x < -1100 ? -1100 : x;
    low = low > 1100 ? 1100 : low;
    double scaled = low + ROUND_64, r = (low - (scaled - ROUND_64)) * LN2;
    return exp64_scale(1 + exp64_core(r), scaled, 0);
}

/* e^x - 1; 2.0 ulp */
static inline double m64_expm1(double x) {
    double scaled, low = x < -40 ? -40 : x;
    low = low > 720 ? 720 : low;
    double r = exp64_reduce(low, &scaled), p = exp64_core(r);
    uint64_t n = bits64(scaled) - bits64(ROUND_64);
    double half = float64((n + 1022) << 52); /* 2^(n-1): 2^n itself may overflow before the result does */
    double y = 2 * fma64(p, half, half - 0.5);
    y = x > 710 ? __builtin_inf() : y;
    return __builtin_fabs(x) < 0x1p-60 ? x : y; /* keeps -0 */
}

/* ---- logarithms ---- */

/* x > 0, normal: x = 2^e (1 + f) with 1 + f in [sqrt(1/2), sqrt(2)) */
static inline double log64_split(double x, double *e) {
    uint64_t b = bits64(x) + (0x3ff0000000000000 - 0x3fe6a09e667f3bcd);
    *e = float64(b >> 52 | 0x4330000000000000) - (0x1p52 + 1023);
    return float64((b & 0x000fffffffffffff) + 0x3fe6a09e667f3bcd) - 1;
}

/* the same for all finite x > 0 */
static inline double log64_reduce(double x, double *e) {
    int small = x < 0x1p-1022;
    double f = log64_split(x * (small ? 0x1p54 : 1), e);
    *e -= small ? 54 : 0;
    return f;
}

/* with s = f/(2+f): log(1+f) = 2 atanh(s) = f - (f^2/2 - s (f^2/2 + R(s^2))); returns what f lacks */
static inline double log64_rest(double f) {
    double s = f / (2 + f), z = s * s, half = 0.5 * f * f;
    double r = GD_POLY7(fma64, z, 0x1.5555555555593p-1, 0x1.999999997f9f6p-2, 0x1.249249422a7b3p-2,
                        0x1.c71c51d79302fp-3, 0x1.746649beb169bp-3, 0x1.39a093c6bff55p-3, 0x1.2f119360e880cp-3);
    return half - s * fma64(z, r, half);
}

static inline double log64_special(double x, double y) {
    y = x < __builtin_inf() ? y : x;
    return x > 0 ? y : x == 0 ? -__builtin_inf() : __builtin_nan("");
}

/* log x; 0.9 ulp */
static inline double m64_log(double x) {
    double e, f = log64_reduce(x, &e), rest = log64_rest(f);
    return log64_special(x, fma64(e, LN2_HIGH, f - fma64(e, -LN2_LOW, rest)));
}

/* log x for normal x > 0: the bits of m64_log */
static inline double m64_log_inside(double x) {
    double e, f = log64_split(x, &e), rest = log64_rest(f);
    return fma64(e, LN2_HIGH, f - fma64(e, -LN2_LOW, rest));
}

/* log2 x; 1.8 ulp */
static inline double m64_log2(double x) {
    double e, f = log64_reduce(x, &e), y = f - log64_rest(f);
    return log64_special(x, e + fma64(y, 0x1.777d0ffda0d24p-56, y * LOG2_E));
}

/* log10 x; 1.8 ulp */
static inline double m64_log10(double x) {
    double e, f = log64_reduce(x, &e), y = f - log64_rest(f);
    double low = fma64(e, 0x1.9fef311f12b36p-42, y * 0x1.bcb7b1526e50ep-2);
    return log64_special(x, fma64(e, 0x1.34413509f6p-2, low));
}

/* log(1 + x), 1 + x = 2^e (1 + f); 1.4 ulp */
static inline double m64_log1p(double x) {
    uint64_t b = bits64(1 + x) + (0x3ff0000000000000 - 0x3fe6a09e667f3bcd);
    double e = float64(b >> 52 | 0x4330000000000000) - (0x1p52 + 1023);
    double s = float64((2048 - (b >> 52)) << 52); /* 2^(2-e): 2^-e itself may be below the normal numbers */
    double f = fma64(0.25 * x, s, 0.25 * s - 1), rest = log64_rest(f);
    double y = fma64(e, LN2_HIGH, f - fma64(e, -LN2_LOW, rest));
    y = x < __builtin_inf() ? y : x;
    y = x > -1 ? y : x == -1 ? -__builtin_inf() : __builtin_nan("");
    return __builtin_fabs(x) < 0x1p-60 ? x : y;
}

/* ---- powers ---- */

/* what |log2 x^y| is less than; infinite where m64_pow_inside does not serve: of x <= 0, not normal or infinite */
static inline double pow64_reach(double x, double y) {
#ifdef GD_HAS_FMA
    double e = (double)(int32_t)(bits64(x) >> 52) - 1023;
    int is_served = (x >= 0x1p-1022) & (x < __builtin_inf());
    return is_served ? __builtin_fabs(y) * (__builtin_fabs(e) + 1) : __builtin_inf();
#else
    return (void)x, (void)y, __builtin_inf();
#endif
}

/* x^y = e^(y log x) where pow64_reach is below 1000, with log x in two doubles: 2 atanh(s) = 2 (s + s^3 (1/3 + ...)) for
 * s = f / (2 + f); 0.6 ulp. Stands on fma64 being fused. Long, and of no use in a loop unless it becomes part of it. */
static inline __attribute__((always_inline)) double m64_pow_inside(double x, double y) {
    double e, f = log64_split(x, &e), d = 2 + f, d_low = f - (d - 2), r = 1 / d;
    double s = f * r, s_low = fma64(-s, d_low, fma64(-s, d, f)) * r;
    double z = s * s, z_low = fma64(2 * s, s_low, fma64(s, s, -z));
    double q = GD_POLY10(fma64, z, 0x1.999999999999ap-3, 0x1.2492492492492p-3, 0x1.c71c71c71c71cp-4,
                         0x1.745d1745d1746p-4, 0x1.3b13b13b13b14p-4, 0x1.1111111111111p-4, 0x1.e1e1e1e1e1e1ep-5,
                         0x1.af286bca1af28p-5, 0x1.8618618618618p-5, 0x1.642c8590b2164p-5);
    double u = z * q, p = 0x1.5555555555555p-2 + u, p_low = (0x1.5555555555555p-2 - p) + u + 0x1.5555555555555p-56;
    double w = z * p, w_low = fma64(z, p, -w) + fma64(z, p_low, z_low * p);
    double v = s * w, v_low = fma64(s, w, -v) + fma64(s, w_low, s_low * w);
    double a = s + v, a_low = (s - a) + v + (s_low + v_low);
    double h = e * LN2_HIGH, m = h + 2 * a, m_low = (h - m) + 2 * a + fma64(e, LN2_LOW, 2 * a_low);
    double l = m + m_low, t = y * l, t_low = fma64(y, l, -t) + y * ((m - l) + m_low);
    double scaled = fma64(t, LOG2_E, ROUND_64), n = scaled - ROUND_64;
    double g = fma64(n, -LN2_HIGH, t), c = g - n * LN2_LOW, c_low = (g - c) - n * LN2_LOW + t_low;
    double b = c + c_low, b_low = (c - b) + c_low, one = 1 + b;
    double rest = (b - (one - 1)) + fma64(b * b, exp64_rest(b), fma64(b, b_low, b_low));
    return (one + rest) * float64((bits64(scaled) - bits64(ROUND_64) + 1023) << 52);
}

/* x^y */
static inline double m64_pow(double x, double y) { return pow64_reach(x, y) < 1000 ? m64_pow_inside(x, y) : pow(x, y); }

/* ---- hyperbolic functions and their kin ---- */

/* tanh and the sigmoid each have a tail: by how much they miss the limit that is nearer. An argument and its tail give
 * value and slope to the last digits, so that each takes one exponential. */

/* 1 - |tanh x|; 2.5 ulp */
static inline double m64_tanh_tail(double x) {
    double e = m64_exp(-2 * __builtin_fabs(x));
    return 2 * e / (1 + e);
}

/* for |x| <= 354: the bits of m64_tanh_tail */
static inline double m64_tanh_tail_inside(double x) {
    double e = m64_exp_inside(-2 * __builtin_fabs(x));
    return 2 * e / (1 + e);
}

/* tanh x by its tail; 1.6 ulp */
static inline double m64_tanh_join(double x, double tail) {
    double a = __builtin_fabs(x), z = x * x;
    double near =
        fma64(a * z,
              GD_POLY11(fma64, z, -0x1.555555555554fp-2, 0x1.1111111110789p-3, -0x1.ba1ba1b97bf07p-5,
                        0x1.664f4859019f8p-6, -0x1.226e2f03e94eep-7, 0x1.d6d2989f9936dp-9, -0x1.7d8fa931347adp-10,
                        0x1.34822f4ff6b9fp-11, -0x1.e95f413d31ee6p-13, 0x1.5d41789e9c804p-14, -0x1.468afec3a4b1dp-16),
              a);
    return __builtin_copysign(a >= 0.55 ? 1 - tail : near, x);
}

/* 1 - tanh(x)^2 by the tail of tanh x; 3.5 ulp */
static inline double m64_tanh_slope(double tail) { return tail * (2 - tail); }

/* the lesser of 1 / (1 + e^-x) and 1 / (1 + e^x); 2.5 ulp */
static inline double m64_sigmoid_tail(double x) {
    double e = m64_exp(-__builtin_fabs(x));
    return e / (1 + e);
}

/* for |x| <= 708: the bits of m64_sigmoid_tail */
static inline double m64_sigmoid_tail_inside(double x) {
    double e = m64_exp_inside(-__builtin_fabs(x));
    return e / (1 + e);
}

/* 1 / (1 + e^-x) by its tail; 2.5 ulp */
static inline double m64_sigmoid_join(double x, double tail) { return x < 0 ? tail : 1 - tail; }

/* the derivative of 1 / (1 + e^-x) by its tail; 3.5 ulp */
static inline double m64_sigmoid_slope(double tail) { return tail * (1 - tail); }

/* e^-x^2, x^2 in two parts, as its rounding alone would cost hundreds of ulp; 2.0 ulp */
static inline double m64_exp_minus_square(double x) {
    double a = __builtin_fabs(x);
    a = a > 28 ? 28 : a;
    double high = float64(bits64(a) & 0xfffffffff8000000);
    double scaled, r = exp64_reduce(-high * high, &scaled) - (a - high) * (a + high);
    return exp64_scale(1 + exp64_core(r), scaled, 0);
}

/* log(1 + e^x); 1.7 ulp */
static inline double m64_softplus(double x) { return (x > 0 ? x : 0) + m64_log1p(m64_exp(-__builtin_fabs(x))); }

/* 2.4 ulp */
static inline double m64_sinh(double x) {
    double a = __builtin_fabs(x), e = m64_expm1(a > 40 ? 40 : a);
    double y = a > 40 ? exp64_times(a, -1) : 0.5 * (e + e / (e + 1));
    return __builtin_copysign(y, x);
}

/* 1.4 ulp */
static inline double m64_cosh(double x) {
    double half = exp64_times(__builtin_fabs(x), -1);
    return half + 0.25 / half;
}

/* where the square would lose the 1, log(2a); 1.8 ulp */
static inline double m64_asinh(double x) {
    double a = __builtin_fabs(x), z = a * a;
    int large = a > 0x1p28;
    double y = m64_log1p(large ? a - 1 : a + z / (1 + __builtin_sqrt(1 + z)));
    return __builtin_copysign(large ? y + LN2 : y, x);
}

/* 2.1 ulp */
static inline double m64_acosh(double x) {
    double t = x - 1;
    int large = x > 0x1p28;
    double y = m64_log1p(large ? t : t + __builtin_sqrt(fma64(t, t, 2 * t)));
    y = large ? y + LN2 : y;
    return x < 1 ? __builtin_nan("") : y;
}

/* 1.9 ulp */
static inline double m64_atanh(double x) {
    double a = __builtin_fabs(x);
    return __builtin_copysign(0.5 * m64_log1p(2 * a / (1 - a)), x);
}

/* log(1 - e^x); NaN above 0 */
static inline double m64_log1mexp(double x) {
    double near = m64_log(-m64_expm1(x)), far = m64_log1p(-m64_exp(x));
    return x > -LN2 ? near : far;
}

/* log(e^x - e^y); -inf where both are equal, infinite ones included */
static inline double m64_logdiffexp(double x, double y) {
    double rest = m64_log1mexp(y - x);
    return x == y ? -__builtin_inf() : x + rest;
}

/* the derivative of log1mexp, e^x / (e^x - 1); -inf at 0 and NaN above */
static inline double m64_log1mexp_slope(double x) {
    return x > 0 ? __builtin_nan("") : m64_exp(x) / m64_expm1(-__builtin_fabs(x));
}

/* log(x / (1 - x)): near 1/2, where it goes through 0, by the difference from there, which is exact */
static inline double m64_logit(double x) {
    double near = 2 * m64_atanh(2 * x - 1), far = m64_log(x / (1 - x));
    return x > 0.3 && x < 0.7 ? near : far;
}

/* ---- the error function ---- */

/* e^(x^2) erfc x for 1/2 <= x <= 28: P(u) / (1 + 2x), u = (x-4)/(x+4) */
static inline double erfc64_scaled(double x) {
    double u = (x - 4) / (x + 4);
    double p = GD_POLY22(fma64, u, 0x1.3ba5916e9fd7fp+0, -0x1.1df1ad154a28ep-3, 0x1.f7f5df66fd534p-7,
                         0x1.16ecefcfa5310p-4, -0x1.9ddb23c3e7adbp-4, 0x1.7fee004e13bb0p-4, -0x1.0fb06dfe6e761p-4,
                         0x1.3079edf648e63p-5, -0x1.0962387d05ad5p-6, 0x1.49c6729b80dbfp-8, -0x1.8d4aa20531536p-11,
                         -0x1.a1df391b92b03p-13, 0x1.3be0e0193f193p-13, -0x1.995650130a004p-16, -0x1.78a55d4c27ae7p-17,
                         0x1.7f03400ba2cadp-18, 0x1.41f95c3aac69cp-22, -0x1.b8a5d79660f05p-21, 0x1.1ebb36d3ee073p-24,
                         0x1.c00203cc917fbp-24, -0x1.a0a9ff6a34aefp-27, -0x1.5880ad05c501cp-27);
    return p / (1 + 2 * x);
}

/* erfc x for x >= 1/2. x^2 is taken in two parts, as its rounding alone would cost hundreds of ulp. */
static inline double erfc64_tail(double x) {
    x = x > 28 ? 28 : x;
    double high = float64(bits64(x) & 0xfffffffff8000000), d = (x - high) * (x + high);
    double scaled, r = exp64_reduce(-high * high, &scaled) - d;
    return exp64_scale(erfc64_scaled(x), scaled, 0) * (1 + exp64_core(r));
}

/* |x| < 1 */
static inline double erf64_near(double x) {
    double z = x * x;
    return fma64(x,
                 GD_POLY13(fma64, z, 0x1.06eba8214db69p-3, -0x1.812746b037a2bp-2, 0x1.ce2f21a0461d0p-4,
                           -0x1.b82ce31394e41p-6, 0x1.565bcd39910e0p-8, -0x1.c02dbc34c8ef6p-11, 0x1.f9a4246c35a8dp-14,
                           -0x1.f4e67fe90c8afp-17, 0x1.baf8022146ad6p-20, -0x1.6900dd5cf66d9p-23, 0x1.3459b1a94bd80p-26,
                           -0x1.55f54fcf99b5fp-29, 0x1.4c8bd27629832p-32),
                 x);
}

/* 1.2 ulp */
static inline double m64_erf(double x) {
    double a = __builtin_fabs(x);
    return __builtin_copysign(a < 0.95 ? erf64_near(a) : 1 - erfc64_tail(a), x);
}

/* 3.7 ulp */
static inline double m64_erfc(double x) {
    double a = __builtin_fabs(x), tail = erfc64_tail(a), near = 1 - erf64_near(x);
    double y = x < 0 ? 2 - tail : tail;
    return a < 0.5 ? near : y;
}

/* ---- trigonometry ---- */

/* sin, cos and tan hold to this: beyond, n times the parts of pi/2 is no longer exact, and the library serves */
#define TRIG_LIMIT 0x1p19

/* x = n pi/2 + r, |r| <= pi/4; returns r, and n's low bits in *n */
static inline double trig64_reduce(double x, uint64_t *n) {
    double t = fma64(x, 0x1.45f306dc9c883p-1, ROUND_64), k = t - ROUND_64;
    *n = bits64(t);
    double r = x - k * 0x1.921fb544p+0; /* 33 bits each: the products are exact */
    r = r - k * 0x1.0b4611a6p-34;
    return r - k * 0x1.3198a2e037073p-69;
}

static inline double sin64_core(double r) {
    double z = r * r;
    return r == 0 ? r
                  : fma64(r * z,
                          GD_POLY6(fma64, z, -0x1.5555555555549p-3, 0x1.111111110f89cp-7, -0x1.a01a019c141b9p-13,
                                   0x1.71de3578ee600p-19, -0x1.ae5e66a57949bp-26, 0x1.5d9301a04f3acp-33),
                          r);
}

static inline double cos64_core(double r) {
    double z = r * r, half = 0.5 * z, w = 1 - half;
    double p = GD_POLY6(fma64, z, 0x1.555555555554cp-5, -0x1.6c16c16c15217p-10, 0x1.a01a019cbe09ep-16,
                        -0x1.27e4f8116bc7bp-22, 0x1.1ee9f0442c0ddp-29, -0x1.8fb090ce4ff6dp-37);
    return w + fma64(z * z, p, (1 - w) - half);
}

/* |x| <= TRIG_LIMIT; 1.9 ulp */
static inline double m64_sin(double x) {
    uint64_t n;
    double r = trig64_reduce(x, &n), s = sin64_core(r), c = cos64_core(r);
    return float64(bits64(n & 1 ? c : s) ^ (n & 2) << 62);
}

/* |x| <= TRIG_LIMIT; 2.0 ulp */
static inline double m64_cos(double x) {
    uint64_t n;
    double r = trig64_reduce(x, &n), s = sin64_core(r), c = cos64_core(r);
    return float64(bits64(n & 1 ? s : c) ^ ((n + 1) & 2) << 62);
}

/* |x| <= TRIG_LIMIT; 3.0 ulp */
static inline double m64_tan(double x) {
    uint64_t n;
    double r = trig64_reduce(x, &n), s = sin64_core(r), c = cos64_core(r);
    double y = (n & 1 ? c : s) / (n & 1 ? s : c);
    return n & 1 ? -y : y;
}

/* asin x for |x| <= 1/2 */
static inline double asin64_core(double x) {
    double z = x * x;
    return fma64(x * z,
                 GD_POLY13(fma64, z, 0x1.5555555555578p-3, 0x1.333333332df20p-4, 0x1.6db6db722aaabp-5,
                           0x1.f1c71a8bf3270p-6, 0x1.6e8bdfdba8279p-6, 0x1.1c49dedb09e23p-6, 0x1.ca212e39b0f21p-7,
                           0x1.75784e0af26f4p-7, 0x1.618642bacf7b5p-7, 0x1.e1a2296f6db74p-9, 0x1.64eb7bcd3ce06p-6,
                           -0x1.59d5600ee1fa6p-6, 0x1.0bd9aa5e8cfa5p-5),
                 x);
}

/* asin x = pi/2 - 2 asin(sqrt((1-x)/2)); 2.2 ulp */
static inline double m64_asin(double x) {
    double a = __builtin_fabs(x);
    int large = a > 0.5;
    double t = asin64_core(large ? __builtin_sqrt(0.5 - 0.5 * a) : a);
    return __builtin_copysign(large ? PI_2 - fma64(2, t, -PI_2_REST) : t, x);
}

/* 1.2 ulp */
static inline double m64_acos(double x) {
    double a = __builtin_fabs(x);
    int large = a > 0.5;
    double t = asin64_core(large ? __builtin_sqrt(0.5 - 0.5 * a) : x);
    double far = x > 0 ? 2 * t : 2 * PI_2 - fma64(2, t, -2 * PI_2_REST);
    return large ? far : PI_2 - (t - PI_2_REST);
}

/* atan(p/q) for 0 <= p <= q: above tan(pi/8), pi/4 + atan((p-q)/(p+q)) */
static inline double atan64_core(double p, double q) {
    int large = p > q * 0x1.a827999fcef32p-2;
    double t = (large ? p - q : p) / (large ? p + q : q), z = t * t;
    double rest =
        t * z *
        GD_POLY12(fma64, z, -0x1.5555555555554p-2, 0x1.9999999999583p-3, -0x1.249249246f497p-3, 0x1.c71c71b44e2b6p-4,
                  -0x1.745d144e69ca2p-4, 0x1.3b1364bf43842p-4, -0x1.110be857f15d1p-4, 0x1.e16779d9903f6p-5,
                  -0x1.ab3a3962056b1p-5, 0x1.6fddb2acf09aap-5, -0x1.0fc433f3a3c49p-5, 0x1.e806e12bfe5c2p-7);
    return large ? 0.5 * PI_2 + (t + (rest + 0.5 * PI_2_REST)) : t + rest;
}

/* 1.8 ulp */
static inline double m64_atan(double x) {
    double a = __builtin_fabs(x);
    int large = a > 1;
    double y = atan64_core(large ? 1 : a, large ? a : 1);
    return __builtin_copysign(large ? PI_2 - (y - PI_2_REST) : y, x);
}

/* 1.5 ulp */
static inline double m64_atan2(double y, double x) {
    double a = __builtin_fabs(y), b = __builtin_fabs(x);
    int steep = a > b;
    double p = steep ? b : a, q = steep ? a : b;
    int both = p == __builtin_inf(); /* both infinite: 45 degrees */
    p = both ? 1 : p;
    q = both ? 1 : q;
    p = q == 0 ? 0 : p;
    q = q == 0 ? 1 : q; /* both zero: along the axis that x's sign names */
    double scale = q > 0x1p1020 ? 0x1p-4 : q < 0x1p-1000 ? 0x1p54 : 1; /* so that p + q, and p/q, stay in range */
    double t = atan64_core(p * scale, q * scale);
    t = steep ? PI_2 - (t - PI_2_REST) : t;
    t = bits64(x) >> 63 ? 2 * PI_2 - (t - 2 * PI_2_REST) : t;
    t = __builtin_copysign(t, y);
    return x != x || y != y ? x + y : t;
}

/* 2.1 ulp */
static inline double m64_hypot(double x, double y) {
    double a = __builtin_fabs(x), b = __builtin_fabs(y);
    double large = a > b ? a : b, small = a > b ? b : a, t = small / large;
    double r = large * __builtin_sqrt(fma64(t, t, 1));
    r = large == 0 ? 0 : r;
    r = x != x || y != y ? x + y : r;
    return a == __builtin_inf() || b == __builtin_inf() ? __builtin_inf() : r;
}

#endif
