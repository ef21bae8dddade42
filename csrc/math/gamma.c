/* gamma.c: the gamma function, its logarithm and the derivatives of that, the logarithm of the beta function. */
#include "special.h"

#define SPECIAL_PI 3.14159265358979323846

/* log|gamma(x)| without the global sign of lgamma, so that threads may call it */
double special_lgamma(double x) {
    int sign;
    return lgamma_r(x, &sign);
}

double special_gamma(double x) { return tgamma(x); }

/* Derivative of lgamma. Upward recurrence psi(x) = psi(x+1) - 1/x to x >= 10, there the asymptotic series
 * (Abramowitz & Stegun 6.3.18); below 0 the reflection psi(1-x) - psi(x) = pi cot(pi x) (6.3.7).
 * Poles at 0, -1, -2, ..: NaN at the negative ones and -/+inf at +/-0, as SciPy. */
double special_digamma(double x) {
    double result = 0;
    if (x == 0) return -copysign(HUGE_VAL, x);
    if (x < 0) {
        double part = x - nearbyint(x); /* exact, and small where x is near a pole */
        if (part == 0) return NAN;
        if (x == -HUGE_VAL) return NAN;
        result = -SPECIAL_PI / tan(SPECIAL_PI * part);
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

/* B(2j) / (2j)!, j = 1 .. 10 (DLMF 24.2.1) */
static const double special_bernoulli[10] = {1.0 / 12,
                                             -1.0 / 720,
                                             1.0 / 30240,
                                             -1.0 / 1209600,
                                             1.0 / 47900160,
                                             -691.0 / 1307674368e3,
                                             1.0 / 74724249600.0,
                                             -3617.0 / 10670622842880e3,
                                             43867.0 / 5109094217170944e3,
                                             -174611.0 / 802857662698291200e3};

/* gamma(s) zeta(s, x) for s >= 2 and x > 0: terms up to where the sum of the rest is an integral with corrections by
 * Euler and Maclaurin (DLMF 25.11.5), all in units of the first one. */
static double special_zeta(double s, double x) {
    if (x == HUGE_VAL) return 0;
    double sum = 0, term = 1, w = x;
    for (int k = 0; k < 400 && w < 12 + s && term > 1e-18 * sum; k++, w = x + k) sum += term = pow(x / w, s);
    if (w >= 12 + s) {
        double tail = 0, factor = s / w;
        for (int j = 0; j < 10; j++) {
            tail += special_bernoulli[j] * factor;
            factor *= (s + 2 * j + 1) * (s + 2 * j + 2) / (w * w);
        }
        sum += pow(x / w, s) * (w / (s - 1) + 0.5 + tail);
    }
    double half = pow(x, -0.5 * s); /* x^-s may vanish where the product does not */
    return s <= 170 ? tgamma(s) * half * (half * sum) : exp(special_lgamma(s) - s * log(x)) * sum;
}

/* The derivative of digamma of order n. Below 0 by terms on either side of 0: with f and g what x lies above and below
 * integers, zeta(s, x) = zeta(s, f) + (-1)^s (zeta(s, g) - zeta(s, 1 - x)). NaN for an order that is none. */
double special_polygamma(double n, double x) {
    if (!(n >= 0) || n != floor(n) || x != x) return NAN;
    if (n == 0) return special_digamma(x);
    double sign = fmod(n, 2) == 0 ? -1 : 1, s = n + 1;
    if (x > 0) return sign * special_zeta(s, x);
    if (x == floor(x)) return sign * HUGE_VAL;
    return sign * special_zeta(s, x - floor(x)) + special_zeta(s, ceil(x) - x) - special_zeta(s, 1 - x);
}

/* The difference of digamma, or of its derivative where order is 1, at x + d and x, without cancellation where both are
 * positive: terms of the recurrence up to x >= 10, then the difference of the asymptotic series (DLMF 5.11.2) by
 * l = log((x + d) / x). */
double special_polygamma_gap(double order, double x, double d) {
    if (!(x > 0) || !(d >= 0)) return special_polygamma(order, x + d) - special_polygamma(order, x);
    static const double numbers[7] = {1.0 / 6, -1.0 / 30, 1.0 / 42, -1.0 / 30, 5.0 / 66, -691.0 / 2730, 7.0 / 6};
    double sum = 0;
    for (; x < 10; x += 1) {
        double term = d / x / (x + d);
        sum += order == 0 ? term : -term * (1 / x + 1 / (x + d));
    }
    double l = log1p(d / x), power = order == 0 ? 1 : 1 / x, first = order == 0 ? l : expm1(-l) / x;
    double rest = (order == 0 ? -1 : 1) * expm1(-(1 + order) * l) / (2 * x) * power;
    for (int k = 1; k <= 7; k++) {
        power /= x * x;
        rest += numbers[k - 1] * (order == 0 ? -0.5 / k : 1) * expm1(-(2 * k + order) * l) * power;
    }
    return sum + (first + rest);
}

/* lgamma(x) less Stirling's formula, x >= 10 (DLMF 5.11.1) */
double special_stirling_rest(double x) {
    double s = 1 / (x * x);
    double series =
        1.0 / 12 -
        s * (1.0 / 360 - s * (1.0 / 1260 -
                              s * (1.0 / 1680 -
                                   s * (1.0 / 1188 - s * (691.0 / 360360 - s * (1.0 / 156 - s * (3617.0 / 122400)))))));
    return series / x;
}

/* log|B(a, b)|. Large arguments by the parts that Stirling's formula leaves (Didonato and Morris 1992, TOMS 708). */
double special_betaln(double a, double b) {
    if (a != a || b != b) return a + b;
    for (int i = 0; i < 2;
         i++) { /* at a pole the limit where the other is an integer too, else infinite, as in SciPy */
        double c = a, rest = 1 - a - b;
        if (a <= 0 && a == floor(a)) {
            if (b != floor(b) || !(rest > 0) || a < -2147483648.0) return HUGE_VAL;
            c = rest;
        }
        a = b, b = c;
    }
    double p = a < b ? a : b, q = a < b ? b : a;
    if (q == HUGE_VAL) return p == q || p == -q ? NAN : p > 0 ? -HUGE_VAL : HUGE_VAL;
    if (p >= 10) {
        double rest = special_stirling_rest(p) + special_stirling_rest(q) - special_stirling_rest(p + q);
        return -0.5 * log(q) + 0.918938533204672741780 + rest - (p - 0.5) * log1p(q / p) - q * log1p(p / q);
    }
    if (q >= 10 && p + q >= 10) {
        double rest = special_stirling_rest(q) - special_stirling_rest(p + q);
        return special_lgamma(p) + rest + p - p * log(p + q) - (q - 0.5) * log1p(p / q);
    }
    if (p > 1e-300) return log(tgamma(p) * (tgamma(q) / tgamma(p + q)));
    return special_lgamma(p) + (special_lgamma(q) - special_lgamma(p + q));
}
