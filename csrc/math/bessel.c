/* bessel.c: Bessel functions of integer order and their derivatives, those of sin(x) / x among them. */
#include "special.h"

/* NaN at infinity, as SciPy */
double special_bessel_j(double n, double x) {
    if (isinf(x) || !(fabs(n) <= 1000)) return NAN;
    return n == 0 ? j0(x) : n == 1 ? j1(x) : jn((int)n, x);
}

/* I of order n for 0 <= x <= 8 by its series (DLMF 10.25.2), whose terms are positive */
static double special_bessel_i_near(int n, double x) {
    double term = 1, sum, q = 0.25 * x * x;
    for (int k = 1; k <= n; k++) term *= 0.5 * x / k;
    sum = term;
    for (int k = 1; k <= 60 && term > 1e-18 * sum; k++) sum += term *= q / k / (k + n);
    return sum;
}

/* The mean of u^n e^(-x u) over the circle, u = 1 - cos t and x >= 0, by the trapezoidal rule: all terms are
 * positive. Of order 0 it is e^-x I0(x), and of all others derivatives follow (DLMF 10.32.1).
 * The step is a part of the integrand's width such that the rule's error is below 1e-17. */
static double special_bessel_i_mean(int n, double x) {
    if (x == HUGE_VAL) return 0;
    double steps = 2 * ceil(3.14159265358979323846 * sqrt(x > 8 ? x : 8) / 0.55) + 2 * n;
    double sum = n == 0 ? 0.5 : 0;
    for (int j = 1; j < 200 + n && 2 * j <= steps; j++) {
        double half = sin(3.14159265358979323846 * j / steps), u = 2 * half * half;
        sum += (2 * j == steps ? 0.5 : 1) * pow(u, n) * exp(-x * u);
        if (x * u > 45 + 8 * n) break;
    }
    return 2 * sum / steps;
}

double special_bessel_i(double n, double x) {
    if (isinf(x) || !(fabs(n) <= 100)) return NAN; /* at infinity as SciPy */
    double a = fabs(x), sign = x < 0 && fmod(n, 2) != 0 ? -1 : 1;
    int order = (int)fabs(n);
    if (a <= 8 || a != a) return sign * special_bessel_i_near(order, a);
    double before = special_bessel_i_mean(0, a), y = before - special_bessel_i_mean(1, a), half = exp(0.5 * a);
    if (order == 0) y = before;
    for (int k = 1; k < order; k++) {
        double next = before - 2 * k / a * y;
        before = y, y = next;
    }
    return sign * (y * half) * half; /* e^x may overflow before the product does */
}

/* The derivative of order n of e^-|x| I(x), of order 0 or 1. At 0, where those of one parity jump, it is 0. */
double special_bessel_ie(double order, double n, double x) {
    if (!(n >= 0 && n <= 100) || x != x) return NAN;
    double a = fabs(x), mean, sign = fmod(n, 2) == 0 ? 1 : -1;
    int k = (int)n;
    if (fmod(n + order, 2) != 0 && !(x > 0)) sign *= x < 0 ? -1 : 0;
    if (k == 0 && a <= 8) mean = special_bessel_i_near((int)order, a) * exp(-a);
    else mean = special_bessel_i_mean(k, a) - (order > 0 ? special_bessel_i_mean(k + 1, a) : 0);
    return sign * mean;
}

/* K0 (order 0) or K1 for 0 < x < 1 by series (DLMF 10.31) */
static double special_bessel_k_near(int order, double x) {
    double q = 0.25 * x * x, term = order == 0 ? 1 : 0.5 * x, l = log(0.5 * x) + 0.57721566490153286061;
    double harmonic = 0, sum = order == 0 ? 0 : -0.5 * term;
    for (int k = 1; k < 20; k++) {
        term *= q / k / (k + order);
        harmonic += 1.0 / k;
        sum += term * (order == 0 ? harmonic : -(harmonic + 0.5 / (k + 1)));
    }
    if (order == 0) return sum - l * special_bessel_i_near(0, x);
    return 1 / x + sum + l * special_bessel_i_near(1, x);
}

/* The integral of u^n e^(-x u) over t >= 0, u = cosh t - 1 and x >= 1, by the trapezoidal rule: e^x K0(x) of order 0,
 * and of all others derivatives follow (DLMF 10.32.9). */
static double special_bessel_k_integral(int n, double x) {
    if (x == HUGE_VAL) return 0;
    double step = 0.45 / sqrt(x), sum = n == 0 ? 0.5 : 0;
    if (step > 0.17) step = 0.17;
    for (int j = 1; j < 200 + n; j++) {
        double half = sinh(0.5 * step * j), u = 2 * half * half;
        sum += pow(u, n) * exp(-x * u);
        if (x * u > 45 + 8 * n) break;
    }
    return step * sum;
}

/* The derivative of order n of e^x K(x), of order 0 or 1: below 1 by Leibniz' rule from those of K (DLMF 10.29.5). */
double special_bessel_ke(double order, double n, double x) {
    if (!(n >= 0 && n <= 30) || !(x >= 0)) return NAN;
    int nu = (int)order, count = (int)n;
    double sign = fmod(n, 2) == 0 ? 1 : -1;
    if (x == 0) return sign * HUGE_VAL;
    if (x >= 1) {
        double y = special_bessel_k_integral(count, x);
        return sign * (nu == 0 ? y : y + special_bessel_k_integral(count + 1, x));
    }
    double k[34] = {special_bessel_k_near(0, x), special_bessel_k_near(1, x)};
    for (int i = 1; i < count + nu; i++) k[i + 1] = k[i - 1] + 2 * i / x * k[i];
    double sum = 0, choose = 1, half = 1;
    for (int m = 0; m <= count; m++) {
        double slope = 0, inner = 1;
        for (int j = 0; j <= m; j++) {
            slope += inner * k[nu - m + 2 * j < 0 ? m - nu - 2 * j : nu - m + 2 * j];
            inner *= (double)(m - j) / (j + 1);
        }
        sum += choose * half * slope;
        choose *= (double)(count - m) / (m + 1);
        half *= -0.5;
    }
    return sum != sum ? sign * HUGE_VAL : exp(x) * sum; /* NaN: infinities of both signs near 0 */
}

/* The derivative of order n of sin(pi x) / (pi x): at t = pi x near 0 the series of that of sin(t) / t, else upwards
 * from the sine of what x is above an integer, so that all digits of a large x count. */
double special_sinc_derivative(double n, double x) {
    const double pi = 3.14159265358979323846;
    if (!(n >= 0 && n <= 100)) return NAN;
    int order = (int)n;
    double t = pi * x, scale = pow(pi, n);
    if (fabs(t) < 2 + n && order > 0) {
        double sum = 0, power = order % 2 == 0 ? 1 : t; /* t^i / i!, i = 2k - n: its factor is (-1)^k / (2k + 1) */
        for (int i = order % 2; i < 60 + 3 * order; i += 2) {
            int k = (i + order) / 2;
            sum += (k % 2 == 0 ? power : -power) / (2 * k + 1);
            power *= t * t / ((i + 1.0) * (i + 2.0));
        }
        return scale * sum;
    }
    if (x == 0) return 1;
    double whole = nearbyint(x), part = x - whole, sign = fmod(whole, 2) == 0 ? 1 : -1;
    double s = part == 0 ? 0 : sign * sin(pi * part);
    double c = sign * (fabs(part) > 0.25 ? sin(pi * (0.5 - fabs(part))) : cos(pi * part)), y = part == 0 ? 0 : s / t;
    for (int k = 1; k <= order; k++) {
        double slope = k % 4 == 0 ? s : k % 4 == 1 ? c : k % 4 == 2 ? -s : -c;
        y = (slope - k * y) / t;
    }
    return order > 0 ? scale * y : y;
}
