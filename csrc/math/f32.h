/* f32.h: elementary functions of float32 (see real.h). Those that models spend their time in are made for float32;
 * the rest round the double's result once. Signed zeros, infinities and NaN as in C's library.
 */
#ifndef GD_F32_H
#define GD_F32_H
#include "f64.h"

#define LN2_HIGH_32 0x1.62e4p-1f
#define LN2_LOW_32 0x1.7f7d1cp-20f
#define LOG2_E_32 0x1.715476p+0f
#define ROUND_32 0x1.8p23f

/* x between low < 0 and high > 0, by comparing bits, which takes half the instructions; NaN gives either bound */
static inline float clamp32(float x, float low, float high) {
    int32_t b = (int32_t)bits32(x), h = (int32_t)bits32(high);
    uint32_t u = (uint32_t)(b < h ? b : h), l = bits32(low);
    return float32(u < l ? u : l);
}

/* the smaller of a >= 0 and a bound, which NaN gives too */
static inline float least32(float a, float bound) {
    int32_t x = (int32_t)bits32(a), b = (int32_t)bits32(bound);
    return float32((uint32_t)(x < b ? x : b));
}

/* ---- exponentials ---- */

static inline float exp32_reduce(float x, float *scaled) {
    *scaled = fma32(x, LOG2_E_32, ROUND_32);
    float n = *scaled - ROUND_32;
    return fma32(n, -LN2_LOW_32, fma32(n, -LN2_HIGH_32, x));
}

/* e^r - 1 for |r| <= ln2/2 */
static inline float exp32_core(float r) {
    float z = r * r;
    float q = fma32(z, fma32(z, 0x1.6ad12p-10f, fma32(r, 0x1.123f2ep-7f, 0x1.55584ep-5f)),
                    fma32(r, 0x1.55548ap-3f, 0x1.fffffcp-2f));
    return fma32(z, q, r);
}

/* e^x for -87 <= x <= 88, where it and 2^n are normal numbers: the bits of m32_exp */
static inline float m32_exp_inside(float x) {
    float scaled, r = exp32_reduce(x, &scaled);
    return (1 + exp32_core(r)) * float32((bits32(scaled) - bits32(ROUND_32) + 127) << 23);
}

/* e^x * 2^k over the whole range, a result below the normal numbers being rounded once more */
static inline float exp32_times(float x, int k) {
    float scaled, r = exp32_reduce(clamp32(x, -107, 92), &scaled);
    uint32_t n = bits32(scaled) - bits32(ROUND_32) + 256 + (uint32_t)k, half = n >> 1;
    float y = (1 + exp32_core(r)) * float32((half - 1) << 23) * float32((n - half - 1) << 23);
    return x == x ? y : x;
}

/* e^x; 1.0 ulp */
static inline float m32_exp(float x) { return exp32_times(x, 0); }

/* e^x - 1; 1.6 ulp */
static inline float m32_expm1(float x) {
    float scaled, low = x < -20 ? -20 : x;
    low = low > 92 ? 92 : low;
    float r = exp32_reduce(low, &scaled), p = exp32_core(r);
    uint32_t n = bits32(scaled) - bits32(ROUND_32);
    float half = float32((n + 126) << 23); /* 2^(n-1): 2^n itself may overflow before the result does */
    float y = 2 * fma32(p, half, half - 0.5f);
    y = x > 89 ? __builtin_inff() : y;
    return __builtin_fabsf(x) < 0x1p-30f ? x : y; /* keeps -0 */
}

/* ---- logarithms ---- */

/* log(1+f) - f for 1 + f in [sqrt(1/2), sqrt(2)) */
static inline float log32_rest(float f) {
    float z = f * f, w = z * z;
    float low = fma32(z, fma32(f, -0x1.547226p-3f, 0x1.99a036p-3f), fma32(f, -0x1.000228p-2f, 0x1.555554p-2f));
    float high = fma32(z, fma32(f, -0x1.39104cp-4f, 0x1.057794p-3f), fma32(f, -0x1.0d81aap-3f, 0x1.22d5dep-3f));
    return fma32(f * z, fma32(w, high, low), -0.5f * z);
}

#define LOG_ORIGIN_32 0x3f3504f3 /* sqrt(1/2): where 1 + f begins */

/* log of 2^(e - bias) (1 + f), which is what `b`, less 1 - sqrt(1/2) in bits, stands for */
static inline float log32_sum(uint32_t b, int32_t bias) {
    b += 0x3f800000 - LOG_ORIGIN_32;
    float e = (float)((int32_t)(b >> 23) - bias), f = float32((b & 0x007fffff) + LOG_ORIGIN_32) - 1;
    return fma32(e, LN2_HIGH_32, f + fma32(e, LN2_LOW_32, log32_rest(f)));
}

/* log x for normal x > 0: the bits of m32_log */
static inline float m32_log_inside(float x) { return log32_sum(bits32(x), 127); }

/* log x; 0.9 ulp */
static inline float m32_log(float x) {
    int small = x < 0x1p-126f;
    float y = log32_sum(bits32(x * (small ? 0x1p25f : 1)), small ? 152 : 127);
    y = x < __builtin_inff() ? y : x;
    return x > 0 ? y : x == 0 ? -__builtin_inff() : __builtin_nanf("");
}

/* log(1 + x), 1 + x = 2^e (1 + f); 1.5 ulp */
static inline float m32_log1p(float x) {
    uint32_t b = bits32(1 + x) + (0x3f800000 - 0x3f3504f3);
    float e = (float)((int32_t)(b >> 23) - 127);
    float s = float32((256 - (b >> 23)) << 23); /* 2^(2-e): 2^-e itself may be below the normal numbers */
    float f = fma32(0.25f * x, s, 0.25f * s - 1);
    float y = fma32(e, LN2_HIGH_32, f + fma32(e, LN2_LOW_32, log32_rest(f)));
    y = x < __builtin_inff() ? y : x;
    y = x > -1 ? y : x == -1 ? -__builtin_inff() : __builtin_nanf("");
    return __builtin_fabsf(x) < 0x1p-30f ? x : y;
}

/* ---- activations ---- */

/* tanh and the sigmoid each have a tail: by how much they miss the limit that is nearer. An argument and its tail give
 * value and slope to the last digits, so that each takes one exponential. */

/* 1 - |tanh x|; 2.5 ulp */
static inline float m32_tanh_tail(float x) {
    float e = m32_exp(-2 * __builtin_fabsf(x));
    return 2 * e / (1 + e);
}

/* for |x| <= 43: the bits of m32_tanh_tail */
static inline float m32_tanh_tail_inside(float x) {
    float e = m32_exp_inside(-2 * __builtin_fabsf(x));
    return 2 * e / (1 + e);
}

/* tanh x by its tail; 1.6 ulp */
static inline float m32_tanh_join(float x, float tail) {
    float a = __builtin_fabsf(x), z = x * x;
    float w = z * z, p = fma32(w, fma32(w, -0x1.9c921ap-8f, fma32(z, 0x1.59822ep-6f, -0x1.b931f8p-5f)),
                               fma32(z, 0x1.110d6ap-3f, -0x1.55554cp-2f));
    return __builtin_copysignf(a >= 0.55f ? 1 - tail : fma32(a * z, p, a), x);
}

/* 1 - tanh(x)^2 by the tail of tanh x; 3.5 ulp */
static inline float m32_tanh_slope(float tail) { return tail * (2 - tail); }

/* the lesser of 1 / (1 + e^-x) and 1 / (1 + e^x); 2.5 ulp */
static inline float m32_sigmoid_tail(float x) {
    float e = m32_exp(-__builtin_fabsf(x));
    return e / (1 + e);
}

/* for |x| <= 87: the bits of m32_sigmoid_tail */
static inline float m32_sigmoid_tail_inside(float x) {
    float e = m32_exp_inside(-__builtin_fabsf(x));
    return e / (1 + e);
}

/* 1 / (1 + e^-x) by its tail; 2.5 ulp */
static inline float m32_sigmoid_join(float x, float tail) { return x < 0 ? tail : 1 - tail; }

/* the derivative of 1 / (1 + e^-x) by its tail; 3.5 ulp */
static inline float m32_sigmoid_slope(float tail) { return tail * (1 - tail); }

/* e^-x^2, x^2 in two parts, as its rounding alone would cost dozens of ulp; 2.0 ulp */
static inline float m32_exp_minus_square(float x) {
    float a = least32(__builtin_fabsf(x), 10.4f), high = float32(bits32(a) & 0xfffff000);
    float scaled, r = exp32_reduce(-high * high, &scaled) - (a - high) * (a + high);
    uint32_t n = bits32(scaled) - bits32(ROUND_32) + 256, half = n >> 1;
    float y = (1 + exp32_core(r)) * float32((half - 1) << 23) * float32((n - half - 1) << 23);
    return x == x ? y : x;
}

/* log(1 + e^x); 1.7 ulp */
static inline float m32_softplus(float x) { return (x > 0 ? x : 0) + m32_log1p(m32_exp(-__builtin_fabsf(x))); }

/* for |x| >= 0.92, 1 - 2^-Q(|x|), of which only the first 22 bits matter; 1.3 ulp */
static inline float m32_erf(float x) {
    float a = __builtin_fabsf(x), z = x * x, w = z * z, t = least32(a, 4), s = t * t;
    float n = GD_POLY3(fma32, w, fma32(z, -0x1.81274p-2f, 0x1.06eba8p-3f), fma32(z, -0x1.b80122p-6f, 0x1.ce2d64p-4f),
                       fma32(z, fma32(z, 0x1.4f72e6p-14f, -0x1.a60d7ap-11f), 0x1.544a7p-8f));
    float near = fma32(x, n, x);
    float q = GD_POLY4(fma32, s, fma32(t, -0x1.a129e6p+0f, 0x1.084162p-12f), fma32(t, -0x1.3fedd4p-3f, -0x1.d3d3f2p-1f),
                       fma32(t, -0x1.8a6096p-8f, 0x1.28e09ap-5f), fma32(t, -0x1.feb7dep-16f, 0x1.48a5f4p-11f));
    float scaled = q + ROUND_32, r = q - (scaled - ROUND_32), v = r * r;
    float p = GD_POLY3(fma32, v, fma32(r, 0x1.ebfbdcp-3f, 0x1.62e43p-1f), fma32(r, 0x1.3b2dep-7f, 0x1.c6af7cp-5f),
                       fma32(r, 0x1.416b5ep-13f, 0x1.5f082ep-10f));
    p = fma32(r, p, 1);
    float far = __builtin_copysignf(1 - float32(bits32(p) + (bits32(scaled) << 23)), x);
    return a >= 0.92f ? far : near;
}

/* ---- trigonometry, in double ---- */

static inline double sin32_core(double r) {
    double z = r * r;
    return r == 0 ? r
                  : fma64(r * z,
                          GD_POLY4(fma64, z, -0x1.5555554cb21p-3, 0x1.1111089008d1ep-7, -0x1.a00f985745911p-13,
                                   0x1.6cd7086f389fap-19),
                          r);
}

static inline double cos32_core(double r) {
    double z = r * r;
    return fma64(z * z, GD_POLY3(fma64, z, 0x1.55554aac6ae9dp-5, -0x1.6c0c86ddf3fa5p-10, 0x1.9a00e58cc1a46p-16),
                 fma64(z, -0.5, 1));
}

/* |x| <= TRIG_LIMIT; 0.51 ulp */
static inline float m32_sin(float x) {
    uint64_t n;
    double r = trig64_reduce((double)x, &n), s = sin32_core(r), c = cos32_core(r);
    return (float)float64(bits64(n & 1 ? c : s) ^ (n & 2) << 62);
}

/* |x| <= TRIG_LIMIT; 0.51 ulp */
static inline float m32_cos(float x) {
    uint64_t n;
    double r = trig64_reduce((double)x, &n), s = sin32_core(r), c = cos32_core(r);
    return (float)float64(bits64(n & 1 ? s : c) ^ ((n + 1) & 2) << 62);
}

/* ---- the double's result, rounded: 0.501 ulp each ---- */

static inline float m32_log2(float x) { return (float)m64_log2((double)x); }
static inline float m32_log10(float x) { return (float)m64_log10((double)x); }
static inline float m32_tan(float x) { return (float)m64_tan((double)x); }
static inline float m32_asin(float x) { return (float)m64_asin((double)x); }
static inline float m32_acos(float x) { return (float)m64_acos((double)x); }
static inline float m32_atan(float x) { return (float)m64_atan((double)x); }
static inline float m32_sinh(float x) { return (float)m64_sinh((double)x); }
static inline float m32_cosh(float x) { return (float)m64_cosh((double)x); }
static inline float m32_asinh(float x) { return (float)m64_asinh((double)x); }
static inline float m32_acosh(float x) { return (float)m64_acosh((double)x); }
static inline float m32_atanh(float x) { return (float)m64_atanh((double)x); }
static inline float m32_erfc(float x) { return (float)m64_erfc((double)x); }
static inline float m32_atan2(float y, float x) { return (float)m64_atan2((double)y, (double)x); }
static inline float m32_hypot(float x, float y) {
    double a = (double)x, b = (double)y;
    float r = (float)__builtin_sqrt(a * a + b * b); /* squares of floats neither overflow nor vanish in double */
    return __builtin_fabsf(x) == __builtin_inff() || __builtin_fabsf(y) == __builtin_inff() ? __builtin_inff() : r;
}

/* x^y = e^(y log|x|), in double, then the cases that C's pow tells apart */
static inline float m32_pow(float x, float y) {
    double a = (double)__builtin_fabsf(x), b = (double)y;
    double r = m64_exp(b * m64_log(a)), whole = __builtin_rint(b), half = 0.5 * b;
    int odd = whole == b && half != __builtin_rint(half);
    r = (odd & (bits32(x) >> 31 != 0)) ? -r : r;
    r = x < 0 && a < __builtin_inf() && whole != b ? __builtin_nan("") : r;
    r = a == 1 && __builtin_fabs(b) == __builtin_inf() ? 1 : r;
    r = x == 1 || b == 0 ? 1 : r;
    return (float)r;
}

static inline float m32_exp2(float x) { return (float)m64_exp2((double)x); }

static inline float m32_log1mexp(float x) { return (float)m64_log1mexp((double)x); }

static inline float m32_log1mexp_slope(float x) { return (float)m64_log1mexp_slope((double)x); }

static inline float m32_logdiffexp(float x, float y) { return (float)m64_logdiffexp((double)x, (double)y); }

static inline float m32_logit(float x) { return (float)m64_logit((double)x); }

#endif
