/* real.h: what the vector math of both float types stands on: bits of a float, a multiply-add that is fused wherever
 * the ISA has it in hardware, and polynomials by Horner's rule.
 *
 * The functions of f32.h and f64.h take one element and have no branches, so that a loop over them becomes vectors.
 * Their polynomials are minimax fits (Remez' exchange) made for them, the leading coefficients rounded one after the
 * other. Each states its largest error in units in the last place (ulp) as csrc/tests/test_math.c measures it: for
 * float32 over every 499th bit pattern (any number of them, if asked), for float64 over samples, with a hardware fma
 * and without.
 */
#ifndef GD_REAL_H
#define GD_REAL_H
#include <math.h>
#include <stdint.h>
#include <string.h>

#if (defined(__FMA__) || defined(__aarch64__)) && !defined(GD_NO_FMA)
#define GD_HAS_FMA 1
#endif

static inline uint32_t bits32(float x) {
    uint32_t b;
    memcpy(&b, &x, sizeof b);
    return b;
}

static inline float float32(uint32_t b) {
    float x;
    memcpy(&x, &b, sizeof x);
    return x;
}

static inline uint64_t bits64(double x) {
    uint64_t b;
    memcpy(&b, &x, sizeof b);
    return b;
}

static inline double float64(uint64_t b) {
    double x;
    memcpy(&x, &b, sizeof x);
    return x;
}

/* x * y + z: every use stands where either rounding will do */
static inline float fma32(float x, float y, float z) {
#ifdef GD_HAS_FMA
    return __builtin_fmaf(x, y, z);
#else
    return x * y + z;
#endif
}

static inline double fma64(double x, double y, double z) {
#ifdef GD_HAS_FMA
    return __builtin_fma(x, y, z);
#else
    return x * y + z;
#endif
}

/* a + b z + c z^2 + ... by Horner's rule, FMA being fma32 or fma64 */
#define GD_POLY2(FMA, z, a, b) FMA(z, b, a)
#define GD_POLY3(FMA, z, a, ...) FMA(z, GD_POLY2(FMA, z, __VA_ARGS__), a)
#define GD_POLY4(FMA, z, a, ...) FMA(z, GD_POLY3(FMA, z, __VA_ARGS__), a)
#define GD_POLY5(FMA, z, a, ...) FMA(z, GD_POLY4(FMA, z, __VA_ARGS__), a)
#define GD_POLY6(FMA, z, a, ...) FMA(z, GD_POLY5(FMA, z, __VA_ARGS__), a)
#define GD_POLY7(FMA, z, a, ...) FMA(z, GD_POLY6(FMA, z, __VA_ARGS__), a)
#define GD_POLY8(FMA, z, a, ...) FMA(z, GD_POLY7(FMA, z, __VA_ARGS__), a)
#define GD_POLY9(FMA, z, a, ...) FMA(z, GD_POLY8(FMA, z, __VA_ARGS__), a)
#define GD_POLY10(FMA, z, a, ...) FMA(z, GD_POLY9(FMA, z, __VA_ARGS__), a)
#define GD_POLY11(FMA, z, a, ...) FMA(z, GD_POLY10(FMA, z, __VA_ARGS__), a)
#define GD_POLY12(FMA, z, a, ...) FMA(z, GD_POLY11(FMA, z, __VA_ARGS__), a)
#define GD_POLY13(FMA, z, a, ...) FMA(z, GD_POLY12(FMA, z, __VA_ARGS__), a)
#define GD_POLY14(FMA, z, a, ...) FMA(z, GD_POLY13(FMA, z, __VA_ARGS__), a)
#define GD_POLY15(FMA, z, a, ...) FMA(z, GD_POLY14(FMA, z, __VA_ARGS__), a)
#define GD_POLY16(FMA, z, a, ...) FMA(z, GD_POLY15(FMA, z, __VA_ARGS__), a)
#define GD_POLY17(FMA, z, a, ...) FMA(z, GD_POLY16(FMA, z, __VA_ARGS__), a)
#define GD_POLY18(FMA, z, a, ...) FMA(z, GD_POLY17(FMA, z, __VA_ARGS__), a)
#define GD_POLY19(FMA, z, a, ...) FMA(z, GD_POLY18(FMA, z, __VA_ARGS__), a)
#define GD_POLY20(FMA, z, a, ...) FMA(z, GD_POLY19(FMA, z, __VA_ARGS__), a)
#define GD_POLY21(FMA, z, a, ...) FMA(z, GD_POLY20(FMA, z, __VA_ARGS__), a)
#define GD_POLY22(FMA, z, a, ...) FMA(z, GD_POLY21(FMA, z, __VA_ARGS__), a)

#endif
