/* test_math.c: the error of every mathematical micro-operation, in ulp, against the C library one precision up, and
 * special values against the C library.
 * float32: every STEP-th of all bit patterns (usage: test_math [STEP]; 1 takes all 2^32). float64: random bits, and
 * random numbers where the function is interesting.
 */
#include "../program/isa.h"
#include "harness.h"

typedef long double real;

static real sigmoid_(real x) { return x < 0 ? expl(x) / (1 + expl(x)) : 1 / (1 + expl(-x)); }
static real softplus_(real x) { return (x > 0 ? x : 0) + log1pl(expl(-fabsl(x))); }
static real slope_(real x) {
    real e = expl(-fabsl(x));
    return e / ((1 + e) * (1 + e));
}
static real tanh_slope_(real x) {
    real e = expl(-2 * fabsl(x));
    return 4 * e / ((1 + e) * (1 + e));
}
static real gauss_(real x) { return expl(-x * x); }
static real one_minus_square_(real x) { return (1 - x) * (1 + x); }
static real rsqrt_(real x) { return 1 / sqrtl(x); }
static real lgamma_(real x) {
    int sign;
    return lgammal_r(x, &sign);
}

static const struct {
    const char *name;
    real (*reference)(real);
    double (*quick)(double); /* for float32, where double is enough; NULL: the reference */
    double bound_32, bound_64;
    double low, high; /* where float64 samples are drawn besides random bits */
} functions[] = {
    {"exp", expl, exp, 1.0, 1.0, -745, 710},
    {"expm1", expm1l, expm1, 1.6, 2.0, -3, 3},
    {"log", logl, log, 0.9, 0.9, 0.5, 2},
    {"log1p", log1pl, log1p, 1.5, 1.4, -0.9, 2},
    {"log2", log2l, log2, 0.501, 1.8, 0.5, 2},
    {"log10", log10l, log10, 0.501, 1.8, 0.5, 2},
    {"sqrt", sqrtl, sqrt, 0.501, 0.501, 0, 2},
    {"rsqrt", rsqrt_, NULL, 1.5, 1.5, 0, 2},
    {"tanh", tanhl, tanh, 1.6, 1.6, -2, 2},
    {"tanh_slope", tanh_slope_, NULL, 3.5, 3.5, -20, 20},
    {"sigmoid", sigmoid_, NULL, 2.4, 2.5, -40, 40},
    {"softplus", softplus_, NULL, 1.7, 1.7, -40, 40},
    {"sigmoid_slope", slope_, NULL, 3.5, 3.5, -40, 40},
    {"exp_minus_square", gauss_, NULL, 2.0, 2.0, -28, 28},
    {"one_minus_square", one_minus_square_, NULL, 1.5, 1.5, -2, 2},
    {"erf", erfl, erf, 1.3, 1.2, -3, 3},
    {"erfc", erfcl, erfc, 0.501, 3.7, -1, 27},
    {"sin", sinl, sin, 0.51, 1.9, -100, 100},
    {"cos", cosl, cos, 0.51, 2.0, -100, 100},
    {"tan", tanl, tan, 0.501, 3.0, -100, 100},
    {"asin", asinl, asin, 0.501, 2.2, -1, 1},
    {"acos", acosl, acos, 0.501, 1.2, -1, 1},
    {"atan", atanl, atan, 0.501, 1.8, -3, 3},
    {"sinh", sinhl, sinh, 0.501, 2.4, -3, 3},
    {"cosh", coshl, cosh, 0.501, 1.4, -3, 3},
    {"asinh", asinhl, asinh, 0.501, 1.8, -3, 3},
    {"acosh", acoshl, acosh, 0.501, 2.1, 1, 3},
    {"atanh", atanhl, atanh, 0.501, 1.9, -1, 1},
    {"lgamma", lgamma_, NULL, 0.501, 2.5, 3, 100},
};
enum { FUNCTIONS = sizeof functions / sizeof *functions, BLOCK = 4096 };

/* the distance in units of the last place of the reference, as the type has it */
static double ulp_32(float got, real want) {
    float near = (float)want;
    if (got == near || (got != got && want != want)) return 0;
    if (got != got || want != want || isinf(got) || isinf(near)) {
        /* a finite reference beyond the largest float within half an ulp of it is as good as infinite */
        return fabsl(want) < 3.4028236e38L && fabsl(want) > 3.4028234e38L ? 0 : 1e9;
    }
    int e;
    frexpl(want, &e);
    return (double)(fabsl((real)got - want) / ldexpl(1, (e < -125 ? -125 : e) - 24));
}

static double ulp_64(double got, real want) {
    double near = (double)want;
    if (got == near) return (double)(want == (real)got ? 0 : 0.5);
    if (got != got && want != want) return 0;
    if (got != got || want != want || isinf(got) || isinf(near)) return 1e9;
    int e;
    frexpl(want, &e);
    return (double)(fabsl((real)got - want) / ldexpl(1, (e < -1021 ? -1021 : e) - 53));
}

static int verbose;

static void sweep_32(int f, uint64_t step) {
    gd_micro_fn fn = gd_isa_current()->micro[gd_microop(functions[f].name)][GD_F32];
    static float in[BLOCK], out[BLOCK];
    double worst = 0, at = 0;
    for (uint64_t first = 0; first < UINT64_C(1) << 32; first += step * BLOCK) {
        int n = 0;
        for (; n < BLOCK && first + step * (uint64_t)n < UINT64_C(1) << 32; n++) {
            uint32_t bits = (uint32_t)(first + step * (uint64_t)n);
            memcpy(&in[n], &bits, 4);
        }
        fn(out, in, NULL, NULL, n);
        for (int i = 0; i < n; i++) {
            real want =
                functions[f].quick != NULL ? (real)functions[f].quick((double)in[i]) : functions[f].reference(in[i]);
            double error = ulp_32(out[i], want);
            if (error > worst) worst = error, at = (double)in[i];
        }
    }
    if (verbose) printf("%-10s float32 %8.4f ulp at %.9g\n", functions[f].name, worst, at);
    CHECK(worst <= functions[f].bound_32, "%s: %.4f ulp at %.9g", functions[f].name, worst, at);
}

static void sweep_64(int f, int blocks) {
    gd_micro_fn fn = gd_isa_current()->micro[gd_microop(functions[f].name)][GD_F64];
    static double in[BLOCK], out[BLOCK];
    double worst = 0, at = 0, low = functions[f].low, high = functions[f].high;
    int is_trig = strcmp(functions[f].name, "sin") == 0 || strcmp(functions[f].name, "cos") == 0 ||
                  strcmp(functions[f].name, "tan") == 0,
        is_lgamma = strcmp(functions[f].name, "lgamma") == 0;
    for (int block = 0; block < blocks; block++) {
        for (int i = 0; i < BLOCK; i++) {
            uint64_t bits = random_bits();
            memcpy(&in[i], &bits, 8);
            if (i % 4 != 0 || (is_trig && fabs(in[i]) > 1e9) || is_lgamma) in[i] = low + (high - low) * random_unit();
            if (i % 8 == 1 && !is_lgamma) in[i] *= ldexp(1, -(int)random_below(40));
        }
        fn(out, in, NULL, NULL, BLOCK);
        for (int i = 0; i < BLOCK; i++) {
            double error = ulp_64(out[i], functions[f].reference(in[i]));
            if (error > worst) worst = error, at = in[i];
        }
    }
    if (verbose) printf("%-10s float64 %8.4f ulp at %.17g\n", functions[f].name, worst, at);
    CHECK(worst <= functions[f].bound_64, "%s: %.4f ulp at %.17g", functions[f].name, worst, at);
}

/* signed zeros, infinities, NaN, the ends of the range: the same kind of result as the library's, and one element at
 * a time as in a vector */
static void test_specials(void) {
    static const double odd[] = {0.0,    -0.0, 1,   -1,   INFINITY, -INFINITY, NAN,  1e-310, -1e-310, 1e-40, 1e300,
                                 -1e300, 3e38, 0.5, -0.5, 88.7,     89,        -103, -104,   -87.5,   709.7, 709.8,
                                 -745,   -746, 2,   -2,   1e-20,    -1e-20,    20,   5e5,    6e5};
    enum { N = sizeof odd / sizeof *odd };
    for (int f = 0; f < FUNCTIONS; f++) {
        int micro = gd_microop(functions[f].name);
        float in[N], out[N], one;
        double out64[N], one64;
        for (int i = 0; i < N; i++) in[i] = (float)odd[i];
        gd_isa_current()->micro[micro][GD_F32](out, in, NULL, NULL, N);
        gd_isa_current()->micro[micro][GD_F64](out64, odd, NULL, NULL, N);
        for (int i = 0; i < N; i++) {
            float want = (float)functions[f].reference(in[i]);
            double want64 = (double)functions[f].reference(odd[i]);
            CHECK(isnan(out[i]) == isnan(want) && isinf(out[i]) == isinf(want) &&
                      (isnan(want) || !signbit(out[i]) == !signbit(want)),
                  "%s(%g) = %g, not %g", functions[f].name, (double)in[i], (double)out[i], (double)want);
            CHECK(isnan(out64[i]) == isnan(want64) && isinf(out64[i]) == isinf(want64) &&
                      (isnan(want64) || !signbit(out64[i]) == !signbit(want64)),
                  "%s(%g) = %g, not %g", functions[f].name, odd[i], out64[i], want64);
            gd_isa_current()->micro[micro][GD_F32](&one, &in[i], NULL, NULL, 1);
            gd_isa_current()->micro[micro][GD_F64](&one64, &odd[i], NULL, NULL, 1);
            CHECK(memcmp(&one, &out[i], 4) == 0 || isnan(one), "%s(%g) depends on its place", functions[f].name,
                  (double)in[i]);
            CHECK(memcmp(&one64, &out64[i], 8) == 0 || isnan(one64), "%s(%g) depends on its place", functions[f].name,
                  odd[i]);
        }
    }
}

static const struct {
    const char *name;
    real (*reference)(real, real);
    double bound_32, bound_64, range;
} pairs[] = {
    {"pow", powl, 0.501, 1, 8},
    {"atan2", atan2l, 0.501, 1.5, 3},
    {"hypot", hypotl, 0.501, 2.1, 3},
};

static void test_pairs(int blocks) {
    static const double odd[] = {0.0,  -0.0,     1,         -1,  2,    -2,    3,     -3,    0.5,
                                 -0.5, INFINITY, -INFINITY, NAN, 1e30, -1e30, 1e-30, 1e308, 1e-308};
    enum { N = sizeof odd / sizeof *odd };
    for (size_t f = 0; f < sizeof pairs / sizeof *pairs; f++) {
        int micro = gd_microop(pairs[f].name);
        double worst = 0, worst64 = 0;
        for (int block = 0; block < blocks; block++) {
            static double x[BLOCK], y[BLOCK], z[BLOCK];
            static float a[BLOCK], b[BLOCK], c[BLOCK];
            for (int i = 0; i < BLOCK; i++) {
                x[i] = a[i] = (float)(pairs[f].range * (random_unit() - (f > 0 ? 0.5 : 0)));
                y[i] = b[i] = (float)(pairs[f].range * (2 * random_unit() - 1));
                if (block == 0 && i < N * N)
                    x[i] = odd[i / N], y[i] = odd[i % N], a[i] = (float)x[i], b[i] = (float)y[i];
            }
            gd_isa_current()->micro[micro][GD_F64](z, x, y, NULL, BLOCK);
            gd_isa_current()->micro[micro][GD_F32](c, a, b, NULL, BLOCK);
            for (int i = 0; i < BLOCK; i++) {
                real want = pairs[f].reference(a[i], b[i]), want64 = pairs[f].reference(x[i], y[i]);
                double error = ulp_32(c[i], want), error64 = ulp_64(z[i], want64);
                CHECK(error < 1e8 && (want != 0 || !signbit(c[i]) == !signbit(want)), "%s(%g, %g) = %g, not %Lg",
                      pairs[f].name, (double)a[i], (double)b[i], (double)c[i], want);
                CHECK(error64 < 1e8 && (want64 != 0 || !signbit(z[i]) == !signbit(want64)), "%s(%g, %g) = %g, not %Lg",
                      pairs[f].name, x[i], y[i], z[i], want64);
                if (error > worst) worst = error;
                if (error64 > worst64) worst64 = error64;
            }
        }
        if (verbose) printf("%-10s %8.4f ulp, %8.4f ulp\n", pairs[f].name, worst, worst64);
        CHECK(worst <= pairs[f].bound_32 && worst64 <= pairs[f].bound_64, "%s: %.4f and %.4f ulp", pairs[f].name, worst,
              worst64);
    }
}

/* float64 powers over all that x and y reach, exponents that models have among them */
static void test_powers(int blocks) {
    static const double exponents[] = {0.5, -0.5, 1.5, -1.5, 2.5, -2, 4, -6, 1 / 3.0, 100, -300};
    enum { N = sizeof exponents / sizeof *exponents };
    gd_micro_fn power = gd_isa_current()->micro[gd_microop("pow")][GD_F64];
    double worst = 0;
    for (int block = 0; block < blocks; block++) {
        static double x[BLOCK], y[BLOCK], z[BLOCK];
        for (int i = 0; i < BLOCK; i++) {
            x[i] =
                i % 3 ? exp((i % 3 == 1 ? 2 : 1400) * (random_unit() - 0.5)) : 1 + ldexp(random_unit() - 0.5, -i % 50);
            y[i] = i % 12 < N ? exponents[i % 12] : exp(20 * (random_unit() - 0.7));
        }
        if (block == 0) x[7] = -2, y[7] = 3; /* one that is worked out apart, and the others of its block with it */
        power(z, x, y, NULL, BLOCK);
        for (int i = 0; i < BLOCK; i++) {
            double error = ulp_64(z[i], powl(x[i], y[i])), one;
            if (error > worst) worst = error;
            power(&one, &x[i], &y[i], NULL, 1);
            CHECK(memcmp(&one, &z[i], 8) == 0, "pow(%g, %g) depends on its place", x[i], y[i]);
        }
    }
    CHECK(worst <= 1, "pow: %.4f ulp", worst);
}

/* known values: Abramowitz & Stegun 6.3.2 (-Euler's constant), 6.3.3, 6.3.5; erfinv against erf */
static void test_special_functions(void) {
    const gd_isa_table *isa = gd_isa_current();
    const double euler = 0.57721566490153286061;
    double x[] = {1, 0.5, 2, 10, 1e-5, -0.5, 1e10, 1.4616321449683623}, y[8];
    double want[] = {-euler,
                     -euler - 2 * log(2),
                     1 - euler,
                     2.25175258906672110764,
                     -100000.57719921568,
                     0.03648997397857652,
                     23.025850929890456,
                     0};
    isa->micro[gd_microop("digamma")][GD_F64](y, x, NULL, NULL, 8);
    for (int i = 0; i < 8; i++)
        CHECK(fabs(y[i] - want[i]) <= 4e-15 * (1 + fabs(want[i])), "digamma(%g) = %.17g, not %.17g", x[i], y[i],
              want[i]);
    double odd[] = {0.0, -0.0, -1, -INFINITY, INFINITY, NAN}, z[6];
    isa->micro[gd_microop("digamma")][GD_F64](z, odd, NULL, NULL, 6);
    CHECK(z[0] == -INFINITY && z[1] == INFINITY && isnan(z[2]) && isnan(z[3]) && z[4] == INFINITY && isnan(z[5]));
    double worst = 0;
    for (int i = 0; i < 20000; i++) {
        double u = i < 10000 ? 2 * random_unit() - 1 : copysign(pow(10, -300 * random_unit()), random_unit() - 0.5), v;
        if (i % 10 == 9) u = copysign(1 - ldexp(1 + random_unit(), -(int)random_below(51) - 2), u);
        isa->micro[gd_microop("erfinv")][GD_F64](&v, &u, NULL, NULL, 1);
        /* the error in v that the residual tells */
        real residual = fabs(u) < 0.5 ? erfl(v) - (real)u : erfcl(fabs(v)) - (1 - fabsl((real)u));
        double error = (double)(fabsl(residual) / (1.1283791670955126L * expl(-(real)v * v)) / (fabsl(v) * 0x1p-52L));
        if (error > worst) worst = error;
    }
    if (verbose) printf("erfinv     %.3f ulp\n", worst);
    CHECK(worst < 4, "erfinv: %g ulp", worst);
    double ends[] = {1, -1, 0.0, -0.0, 1.5, NAN}, e[6];
    isa->micro[gd_microop("erfinv")][GD_F64](e, ends, NULL, NULL, 6);
    CHECK(e[0] == INFINITY && e[1] == -INFINITY && e[2] == 0 && signbit(e[3]) && isnan(e[4]) && isnan(e[5]));
    double d;
    for (int n = 0; n <= 22; n++) {
        double power = pow(10, n);
        isa->micro[gd_microop("log10")][GD_F64](&d, &power, NULL, NULL, 1);
        CHECK(d == n, "log10(1e%d) = %.17g", n, d);
        power = ldexp(1, 3 * n - 30);
        isa->micro[gd_microop("log2")][GD_F64](&d, &power, NULL, NULL, 1);
        CHECK(d == 3 * n - 30);
    }
    /* logaddexp at infinities and far apart */
    double a[] = {-INFINITY, INFINITY, -INFINITY, 1000, 0, -1e300, NAN}, b[] = {-INFINITY, INFINITY, 3, 1001, 0, 5, 1},
           l[7];
    double expected[] = {-INFINITY, INFINITY, 3, 1001.3132616875183, 0.69314718055994531, 5, NAN};
    isa->micro[gd_microop("logaddexp")][GD_F64](l, a, b, NULL, 7);
    for (int i = 0; i < 7; i++)
        CHECK(l[i] == expected[i] || fabs(l[i] - expected[i]) < 4e-16 * expected[i] ||
                  (isnan(l[i]) && isnan(expected[i])),
              "%d: %.17g", i, l[i]);
}

int main(int argc, char **argv) {
    need_isa();
    uint64_t step = argc > 1 ? strtoull(argv[1], NULL, 10) : 20011;
    verbose = argc > 2 || argc > 1;
    test_specials();
    for (int f = 0; f < FUNCTIONS; f++) {
        sweep_32(f, step > 0 ? step : 1);
        sweep_64(f, step < 2000 ? 500 : 20);
    }
    test_pairs(step < 2000 ? 200 : 5);
    test_powers(step < 2000 ? 100 : 5);
    test_special_functions();
    return report();
}
