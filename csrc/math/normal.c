/* normal.c: the normal distribution and what belongs to the error function. */
#define GD_NO_FMA /* the same bits on every processor */
#include "f64.h"
#include "special.h"

#define SPECIAL_SQRT_2_PI 2.50662827463100050242
#define SPECIAL_SQRT_HALF 0.70710678118654752440
#define SPECIAL_TWO_OVER_SQRT_PI 1.12837916709551257390

/* Inverse of erf: a start from Winitzki's closed form (2008), then Halley steps on erf(y) - x, taken on erfc where x
 * is near 1 so that the tail keeps its digits. */
double special_erfinv(double x) {
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

/* e^(scale x^2), x^2 in two parts, as its rounding alone would cost hundreds of ulp; scale is a power of two */
static double special_exp_square(double scale, double x) {
    if (fabs(x) > 60) return scale < 0 ? 0 : HUGE_VAL;
    double high = float64(bits64(x) & 0xfffffffff8000000);
    return exp(scale * high * high) * exp(scale * (x - high) * (x + high));
}

/* e^(x^2) erfc(x): from 1/2 to 28 the polynomial of erfc, beyond the asymptotic series (DLMF 7.12.1) */
double special_erfcx(double x) {
    if (x != x) return x;
    if (x < 0) return 2 * special_exp_square(1, x) - special_erfcx(-x);
    if (x < 0.5) return exp(x * x) * erfc(x);
    if (x <= 28) return erfc64_scaled(x);
    double s = 0.5 / x / x;
    return 0.5 * SPECIAL_TWO_OVER_SQRT_PI / x *
           (1 - s * (1 - 3 * s * (1 - 5 * s * (1 - 7 * s * (1 - 9 * s * (1 - 11 * s * (1 - 13 * s)))))));
}

/* What erfc integrated k times is to it integrated k - 1 times, at x > 0: the continued fraction of the recurrence
 * (DLMF 7.18.7), r(k) = 1 / (2 x + 2 (k + 1) r(k + 1)), from where its start no longer counts. */
static double special_erfc_ratio(int k, double x) {
    int from = k + 20 + (int)(150 / (x * x));
    double r = 1 / (x + sqrt(x * x + 2.0 * from));
    for (int i = from; i > k; i--) r = 1 / (2 * x + 2 * i * r);
    return r;
}

/* The derivative of erfcx of order n, (-2)^n n! e^(x^2) times erfc integrated n times (DLMF 7.18.4): of positive x by
 * ratios, as the recurrence upwards would cancel. */
double special_erfcx_derivative(double n, double x) {
    double y = special_erfcx(x);
    if (!(n >= 0) || y != y) return NAN;
    int order = n < 100 ? (int)n : 100;
    if (order == 0) return y;
    if (x >= 1) {
        for (int k = 1; k <= order; k++) y *= -2 * k * special_erfc_ratio(k, x);
        return y;
    }
    double before = y;
    y = 2 * x * y - SPECIAL_TWO_OVER_SQRT_PI;
    for (int k = 2; k <= order; k++) {
        double next = 2 * (x * y + (k - 1) * before);
        before = y, y = next;
    }
    return y;
}

double special_normal_density(double x) { return special_exp_square(-0.5, x) / SPECIAL_SQRT_2_PI; }

/* The normal distribution, erfc(-x / sqrt(2)) / 2. In the tail the rounding of the argument would cost x^2 ulp, so
 * what it lacks is carried. */
double special_ndtr(double x) {
    if (fabs(x) > 40) return x > 0;
    const double high = 0x1.6a09e667f3bcdp-1, low = -0x1.bdd3413b26456p-55; /* of 1 / sqrt(2) */
    double t = -x * high, rest = fma(-x, high, -t) - x * low;
    return 0.5 * erfc(t) - 0.5 * SPECIAL_TWO_OVER_SQRT_PI * rest * special_exp_square(-1, t);
}

double special_log_ndtr(double x) {
    if (x > 0) return log1p(-special_ndtr(-x));
    if (x > -1) return log(special_ndtr(x));
    return log(0.5 * special_erfcx(-SPECIAL_SQRT_HALF * x)) - 0.5 * x * x;
}

/* its derivative, density by distribution */
double special_log_ndtr_slope(double x) {
    if (x > -1) return special_normal_density(x) / special_ndtr(x);
    return 2 / (SPECIAL_SQRT_2_PI * special_erfcx(-SPECIAL_SQRT_HALF * x));
}

/* x + log_ndtr_slope(x), which below 0 goes to 0 as -1 / x: there a continued fraction (DLMF 7.9.2) */
double special_log_ndtr_excess(double x) {
    if (!(x < -1)) return x + special_log_ndtr_slope(x);
    return (2 * SPECIAL_SQRT_HALF) * special_erfc_ratio(1, -SPECIAL_SQRT_HALF * x);
}

/* Inverse of ndtr: in the middle by erfinv, else a start from Abramowitz & Stegun 26.2.23, then Halley steps on the
 * logarithm, which has all digits of a small p. */
double special_ndtri(double p) {
    if (!(p > 0 && p < 1)) return p == 0 ? -HUGE_VAL : p == 1 ? HUGE_VAL : NAN;
    if (p >= 0.25 && p <= 0.75) return (2 * SPECIAL_SQRT_HALF) * special_erfinv(2 * p - 1);
    double l = log(p < 0.5 ? p : 1 - p), t = sqrt(-2 * l);
    double y = (2.515517 + t * (0.802853 + t * 0.010328)) / (1 + t * (1.432788 + t * (0.189269 + t * 0.001308))) - t;
    for (int i = 0; i < 3; i++) {
        double slope = special_log_ndtr_slope(y), step = (special_log_ndtr(y) - l) / slope;
        y -= step / (1 + 0.5 * step * (y + slope));
    }
    return p < 0.5 ? y : -y;
}
