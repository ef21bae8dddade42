/* special.h: functions that C's library lacks, in double, one element at a time. Their bodies, math/<family>.c, are
 * compiled once: every instruction set has the same bits, and float32 is the double rounded. Domains and edges are
 * SciPy's; every loop has a bound. csrc knows no other place for them; graphdiff/export writes them out as static.
 */
#ifndef GD_SPECIAL_H
#define GD_SPECIAL_H
#include <math.h>

/* gamma.c */
double special_lgamma(double x);
double special_gamma(double x);
double special_digamma(double x);
double special_polygamma(double n, double x);
double special_polygamma_gap(double order, double x, double d);
double special_betaln(double a, double b);
double special_stirling_rest(double x);

/* incomplete.c */
double special_gammainc(double a, double x);
double special_gammaincc(double a, double x);
double special_gamma_density(double a, double x);
double special_gammainc_shape(double order, double a, double x);
double special_betainc(double a, double b, double x);
double special_beta_density(double a, double b, double x);
double special_betainc_shape(int by_a, int by_b, double a, double b, double x);

/* normal.c */
double special_erfinv(double x);
double special_erfcx(double x);
double special_erfcx_derivative(double n, double x);
double special_normal_density(double x);
double special_ndtr(double x);
double special_log_ndtr(double x);
double special_log_ndtr_slope(double x);
double special_log_ndtr_excess(double x);
double special_ndtri(double p);

/* bessel.c */
double special_bessel_j(double n, double x);
double special_bessel_i(double n, double x);
double special_bessel_ie(double order, double n, double x);
double special_bessel_ke(double order, double n, double x);
double special_sinc_derivative(double n, double x);

#endif
