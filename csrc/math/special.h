/* special.h: functions that C's library lacks, in double, one element at a time. */
#ifndef GD_SPECIAL_H
#define GD_SPECIAL_H
#include <math.h>

/* log|gamma(x)| without the global sign of lgamma, so that threads may call it */
static inline double special_lgamma(double x) {
    int sign;
    return lgamma_r(x, &sign);
}

/* Derivative of lgamma. Upward recurrence psi(x) = psi(x+1) - 1/x to x >= 10, there the asymptotic series
 * (Abramowitz & Stegun 6.3.18); below 0 the reflection psi(1-x) - psi(x) = pi cot(pi x) (6.3.7).
 * Poles at 0, -1, -2, ..: NaN at the negative ones and -/+inf at +/-0, as SciPy. */
static inline double special_digamma(double x) {
    const double pi = 3.14159265358979323846;
    double result = 0;
    if (x == 0) return -copysign(HUGE_VAL, x);
    if (x < 0) {
        double part = x - nearbyint(x); /* exact, and small where x is near a pole */
        if (part == 0) return NAN;
        if (x == -HUGE_VAL) return NAN;
        result = -pi / tan(pi * part);
        x = 1 - x;
    }
    while (x < 10) {
        result -= 1 / x;
        x += 1;
    }
    double r = 1 / x, s = r * r;
    double series =
        s *
        (1.0 / 12 -
         s * (1.0 / 120 - s * (1.0 / 252 - s * (1.0 / 240 - s * (1.0 / 132 - s * (691.0 / 32760 - s * (1.0 / 12)))))));
    return result + log(x) - 0.5 * r - series;
}

/* Inverse of erf: a start from Winitzki's closed form (2008), then Halley steps on erf(y) - x, taken on erfc where x
 * is near 1 so that the tail keeps its digits. */
static inline double special_erfinv(double x) {
    double a = fabs(x);
    if (!(a < 1)) return a == 1 ? copysign(HUGE_VAL, x) : NAN;
    if (a < 1e-150) return x * 0.886226925452758013649; /* sqrt(pi)/2: the square below would vanish */
    const double k = 0.147, two_over_pi_k = 2 / (3.14159265358979323846 * k);
    double rest = 1 - a, l = log(rest) + log1p(a), t = two_over_pi_k + 0.5 * l;
    double y = a < 1e-4 ? a * 0.886226925452758013649 : sqrt(sqrt(t * t - l / k) - t);
    for (int i = 0; i < 3; i++) {
        double error = a < 0.5 ? erf(y) - a : rest - erfc(y);
        double step = error * 0.886226925452758013649 * exp(y * y); /* error / erf'(y) */
        y -= step / (1 + y * step);
    }
    return copysign(y, x);
}

#endif
