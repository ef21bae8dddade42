/* incomplete.c: the incomplete gamma and beta functions, their densities, and their derivatives in their shapes.
 *
 * Values come of series and continued fractions where those are short. Else, and for derivatives, the density times a
 * weight is integrated from the argument to the end on which it goes to nothing, panel by panel of Gauss and Legendre's
 * rule in the logarithm (gamma) or the logit (beta) of the variable. A derivative's weight W is that of the density,
 * dp/da = W p, whose integral over all is 0; so either side will do, and on the one that is taken a first derivative's
 * weight has one sign: its digits hold in both tails.
 */
#include "special.h"

#define SPECIAL_SQRT_TWO_PI 2.50662827463100050242

/* log(1 + x) - x, by the series of atanh at s = x / (2 + x) near 0 */
static double special_log1p_rest(double x) {
    if (!(fabs(x) < 0.4)) return log1p(x) - x;
    double s = x / (2 + x), z = s * s, sum = 0;
    for (int k = 25; k >= 3; k -= 2) sum = 1.0 / k + z * sum;
    return s * (2 * z * sum - x);
}

/* lgamma(1 + a) for a >= 0, with what 1 + a rounds off */
static double special_lgamma1p(double a) {
    double b = 1 + a;
    return special_lgamma(b) + (a - (b - 1)) * special_digamma(b);
}

/* log(a) - digamma(a) */
static double special_log_less_digamma(double a) {
    if (a < 10) return log(a) - special_digamma(a);
    double s = 1 / (a * a);
    return 0.5 / a + s * (1.0 / 12 - s * (1.0 / 120 - s * (1.0 / 252 - s * (1.0 / 240 - s * (1.0 / 132)))));
}

/* x^a e^-x / gamma(a + 1) at e^u x, where that is a (1 + m) */
static double special_gamma_term(double a, double x, double u, double m) {
    if (a >= 30) {
        double l = m > -0.5 ? special_log1p_rest(m) : log(x / a) + u - m;
        return exp(a * l - special_stirling_rest(a)) / (SPECIAL_SQRT_TWO_PI * sqrt(a));
    }
    double half = exp(-0.5 * x * exp(u)); /* e^-x may vanish where the product does not */
    return pow(x, a) * exp(a * u) * half / tgamma(a + 1) * half;
}

/* The density of the gamma distribution of shape a, x^(a - 1) e^-x / gamma(a). */
double special_gamma_density(double a, double x) {
    if (!(a > 0) || !(x >= 0)) return NAN;
    if (x == 0) return a < 1 ? HUGE_VAL : a == 1 ? 1 : 0;
    if (x == HUGE_VAL || a == HUGE_VAL) return 0;
    return special_gamma_term(a, x, 0, (x - a) / a) * (a / x);
}

enum { SPECIAL_NODES = 8 };
static const double special_nodes[SPECIAL_NODES] = {
    0.095012509837637440185, 0.28160355077925891323, 0.45801677765722738634, 0.61787624440264374845,
    0.7554044083550030339,   0.86563120238783174388, 0.94457502307323257608, 0.9894009349916499326};
static const double special_weights[SPECIAL_NODES] = {
    0.18945061045506849629, 0.18260341504492358887, 0.16915651939500253819,  0.14959598881657673208,
    0.12462897125553387205, 0.09515851168249278481, 0.062253523938647892863, 0.027152459411754094852};

/* a distribution, where in it we are, and the weight: how often it is differentiated by a and by b */
typedef struct {
    int beta, by_a, by_b;
    double a, b, x, y, log_x, log_y;     /* y = 1 - x */
    double shift, scale_a, scale_b;      /* beta: x b - a y; both: the means of the logarithms, less log x and log y */
    double variance_a, variance_b, both; /* and their variances and covariance, negated */
    double factor;                       /* of the density */
} special_shape;

/* the weight by the deviations of the logarithms from their means */
static double special_weight(const special_shape *s, double by_a, double by_b) {
    if (s->by_a == 2) return by_a * by_a + s->variance_a;
    if (s->by_b == 2) return by_b * by_b + s->variance_b;
    if (s->by_a == 1 && s->by_b == 1) return by_a * by_b + s->both;
    return s->by_a == 1 ? by_a : s->by_b == 1 ? by_b : 1;
}

/* The density in the transformed variable times the weight, at a distance u from the argument; *slope and *bend: of the
 * density's logarithm; *room: how far off all is smooth. */
static double special_integrand(const special_shape *s, double u, double *slope, double *bend, double *room) {
    double e = expm1(u);
    if (!s->beta) {
        double t = s->x * exp(u), m = (s->x - s->a + s->x * e) / s->a;
        *slope = s->a - t, *bend = t, *room = s->log_x + u;
        return s->a * special_gamma_term(s->a, s->x, u, m) * special_weight(s, u + s->scale_a, 0);
    }
    double d = s->y + s->x * exp(u), low = d > 0.5 ? log1p(s->x * e) : log(d), t = s->x * exp(u) / d, r = s->y / d;
    double away = (s->shift + s->x * s->b * e) / d; /* t b - a r */
    double log_t = t > 0.5 ? log1p(-r) : s->log_x + u - low, log_r = r > 0.5 ? log1p(-t) : s->log_y - low, l;
    *slope = -away, *bend = (s->a + s->b) * t * r, *room = s->log_x - s->log_y + u;
    if (s->a >= 10 && s->b >= 10) {
        double p = away / s->a, q = -away / s->b, n = s->a + s->b;
        l = s->a * (p > -0.5 ? special_log1p_rest(p) : log_t - log(s->a / n) - p) +
            s->b * (q > -0.5 ? special_log1p_rest(q) : log_r - log(s->b / n) - q);
    } else l = s->a * log_t + s->b * log_r;
    return exp(l + s->factor) * special_weight(s, u - low + s->scale_a, s->scale_b - low);
}

/* The integral of density and weight on one side of the argument, below it (-1) or above. */
static double special_integral(const special_shape *s, int side) {
    double sum = 0, all = 0, u = 0, slope, bend, room;
    for (int panel = 0; panel < 300; panel++) {
        special_integrand(s, u, &slope, &bend, &room);
        double most = fmax(1.5, 0.5 * fmin(fabs(room), -log(bend))), part = 0, size = 0;
        double width = side * 0.5 * fmin(3 / (fabs(slope) + sqrt(bend)), most);
        for (int k = 0; k < 2 * SPECIAL_NODES; k++) {
            double node = k < SPECIAL_NODES ? -special_nodes[k] : special_nodes[k - SPECIAL_NODES];
            double value =
                special_weights[k % SPECIAL_NODES] * special_integrand(s, u + width * (1 + node), &slope, &bend, &room);
            part += value, size += fabs(value);
        }
        u += 2 * width;
        sum += part * fabs(width), all += size * fabs(width);
        special_integrand(s, u, &slope, &bend, &room);
        if (!(size * fabs(width) > 1e-18 * all) && !(side * slope > 0)) break;
    }
    return sum;
}

static special_shape special_gamma_shape(double a, double x, int by_a) {
    special_shape s = {.by_a = by_a, .a = a, .b = 1, .x = x, .y = 1, .log_x = log(x)};
    s.scale_a = a >= 10 && fabs(x - a) < 0.5 * a ? log1p((x - a) / a) + special_log_less_digamma(a)
                                                 : s.log_x - special_digamma(a);
    s.variance_a = by_a > 1 ? -special_polygamma(1, a) : 0;
    return s;
}

/* Where series and continued fraction are long: a large shape, and an argument near it. */
static int special_gamma_near(double a, double x) { return a > 1000 && fabs(x - a) < 0.2 * a; }

/* The lower function by its series (DLMF 8.11.4), whose terms are positive. */
static double special_gamma_series(double a, double x) {
    double sum = 1, term = 1;
    for (int n = 1; n < 3000 && term > 1e-17 * sum; n++) sum += term *= x / (a + n);
    return sum * special_gamma_term(a, x, 0, (x - a) / a);
}

/* The upper one for small x (DLMF 8.7.3), without the difference of 1 and what is near it. */
static double special_gamma_upper_series(double a, double x) {
    double sum = 0, term = 1;
    for (int n = 1; n < 200 && fabs(term) > 1e-18 * fabs(sum); n++) sum += (term *= -x / n) / (a + n);
    double l = a * log(x) - special_lgamma1p(a);
    return -expm1(l) - a * exp(l) * sum;
}

/* The upper one by its continued fraction (DLMF 8.9.2), evaluated by Lentz' method. */
static double special_gamma_fraction(double a, double x) {
    double b = x + 1 - a, c = 1e300, d = 1 / b, h = d;
    for (int n = 1; n < 3000; n++) {
        double f = -n * (n - a);
        b += 2;
        d = f * d + b, c = b + f / c;
        if (d == 0) d = 1e-300;
        if (c == 0) c = 1e-300;
        d = 1 / d;
        h *= d * c;
        if (fabs(d * c - 1) < 2e-16) break;
    }
    return a * special_gamma_term(a, x, 0, (x - a) / a) * h;
}

/* NaN: a and x are inside, else what SciPy has at the edges, of the lower function */
static double special_gamma_edge(double a, double x) {
    if (!(a > 0) || !(x > 0)) return x == 0 && a > 0 ? 0 : a == 0 && x > 0 ? 1 : NAN;
    if (a == HUGE_VAL) return x == HUGE_VAL ? NAN : 0;
    return 1;
}

/* The regularised incomplete gamma functions, lower and upper. The smaller of the two is computed. */
static double special_gammainc_either(double a, double x, int upper) {
    if (!(a > 0 && x > 0) || a == HUGE_VAL || x == HUGE_VAL) {
        double lower = special_gamma_edge(a, x);
        return upper ? 1 - lower : lower;
    }
    double y;
    int is_upper;
    if (special_gamma_near(a, x)) {
        special_shape s = special_gamma_shape(a, x, 0);
        is_upper = x > a;
        y = special_integral(&s, is_upper ? 1 : -1);
    } else if (x > 1.1) {
        is_upper = x >= a;
        y = is_upper ? special_gamma_fraction(a, x) : special_gamma_series(a, x);
    } else {
        is_upper = upper && (x <= 0.5 ? -0.4 / log(x) >= a : x * 1.1 >= a);
        y = is_upper ? special_gamma_upper_series(a, x) : special_gamma_series(a, x);
    }
    return is_upper == upper ? y : 1 - y;
}

double special_gammainc(double a, double x) { return special_gammainc_either(a, x, 0); }

double special_gammaincc(double a, double x) { return special_gammainc_either(a, x, 1); }

/* The derivative of gammainc in its shape, of order 1 or 2. */
double special_gammainc_shape(double order, double a, double x) {
    if (!(a > 0) || !(x >= 0) || a == HUGE_VAL) return NAN;
    if (x == 0 || x == HUGE_VAL) return 0;
    special_shape s = special_gamma_shape(a, x, (int)order);
    int side = (order > 1 ? x > a : s.scale_a > 0) ? 1 : -1;
    return -side * special_integral(&s, side);
}

static special_shape special_beta_shape(double a, double b, double x, double y, int by_a, int by_b) {
    special_shape s = {.beta = 1, .by_a = by_a, .by_b = by_b, .a = a, .b = b, .x = x, .y = y};
    s.shift = x * b - a * s.y, s.log_x = x < 0.5 ? log(x) : log1p(-y), s.log_y = y < 0.5 ? log(y) : log1p(-x);
    s.scale_a = s.log_x + special_polygamma_gap(0, a, b);
    s.scale_b = s.log_y + special_polygamma_gap(0, b, a);
    if (by_a + by_b > 1) {
        s.variance_a = special_polygamma_gap(1, a, b), s.variance_b = special_polygamma_gap(1, b, a);
        s.both = special_polygamma(1, a + b);
    }
    if (a >= 10 && b >= 10) {
        double rest = special_stirling_rest(a + b) - special_stirling_rest(a) - special_stirling_rest(b);
        s.factor = rest + 0.5 * (log(a < b ? a : b) + log((a < b ? b : a) / (a + b))) - log(SPECIAL_SQRT_TWO_PI);
    } else s.factor = -special_betaln(a, b);
    return s;
}

/* The integral below x, or above it, which is below 1 - x of the distribution turned round. */
static double special_beta_integral(double a, double b, double x, int by_a, int by_b, int side) {
    special_shape s =
        side < 0 ? special_beta_shape(a, b, x, 1 - x, by_a, by_b) : special_beta_shape(b, a, 1 - x, x, by_b, by_a);
    return special_integral(&s, -1);
}

/* x^a (1 - x)^b / B(a, b). Powers have more digits than exponentials of logarithms; of 1 - x they take what it rounds
 * off too. */
static double special_beta_term(double a, double b, double x) {
    double slope, bend, room, y = 1 - x, rest = (1 - y) - x;
    if (a + b < 100) {
        double power = pow(x, a) * (pow(y, b) * (1 + b * rest / y));
        if (power > 1e-200) return power / tgamma(a) * (tgamma(a + b) / tgamma(b));
    }
    special_shape s = special_beta_shape(a, b, x, y, 0, 0);
    return special_integrand(&s, 0, &slope, &bend, &room);
}

/* The density of the beta distribution, x^(a - 1) (1 - x)^(b - 1) / B(a, b). */
double special_beta_density(double a, double b, double x) {
    if (!(a > 0) || !(b > 0) || !(x >= 0 && x <= 1)) return NAN;
    if (x == 0) return a < 1 ? HUGE_VAL : a == 1 ? b : 0;
    if (x == 1) return b < 1 ? HUGE_VAL : b == 1 ? a : 0;
    return special_beta_term(a, b, x) / x / (1 - x);
}

/* The continued fraction of the incomplete beta function (DLMF 8.17.22) by Lentz' method, for x < (a + 1) / (a + b + 2). */
static double special_beta_fraction(double a, double b, double x, double y) {
    double c = 1, d = (1 + (a * y - b * x)) / (a + 1), h; /* 1 - (a + b) x / (a + 1) */
    if (d == 0) d = 1e-300;
    h = d = 1 / d;
    for (int m = 1; m < 3000; m++) {
        for (int odd = 0; odd < 2; odd++) {
            double f = odd ? -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
                           : m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
            d = 1 + f * d, c = 1 + f / c;
            if (d == 0) d = 1e-300;
            if (c == 0) c = 1e-300;
            d = 1 / d;
            h *= d * c;
        }
        if (fabs(d * c - 1) < 2e-16) break;
    }
    return h / a;
}

/* The regularised incomplete beta function: below its mean as it is, above it from the other end. */
double special_betainc(double a, double b, double x) {
    if (!(a >= 0) || !(b >= 0) || !(x >= 0 && x <= 1) || (a == 0 && b == 0) || (a == HUGE_VAL && b == HUGE_VAL))
        return NAN;
    if (x == 0 || x == 1) return x;
    if (a == 0 || b == HUGE_VAL) return 1;
    if (b == 0 || a == HUGE_VAL) return 0;
    double mean = a / (a + b);
    if (fmax(a, b) > 300) {
        return x < mean ? special_beta_integral(a, b, x, 0, 0, -1) : 1 - special_beta_integral(a, b, x, 0, 0, 1);
    }
    double term = special_beta_term(a, b, x);
    if (x <= (a + 1) / (a + b + 2)) return term * special_beta_fraction(a, b, x, 1 - x);
    double y = 1 - term * special_beta_fraction(b, a, 1 - x, x);
    return y < 0.1 ? special_beta_integral(a, b, x, 0, 0, -1) : y; /* the difference has lost digits */
}

/* The derivative of betainc in its shapes: by a so often, and by b; once or twice in all. */
double special_betainc_shape(int by_a, int by_b, double a, double b, double x) {
    if (!(a > 0) || !(b > 0) || !(x >= 0 && x <= 1) || a == HUGE_VAL || b == HUGE_VAL) return NAN;
    if (x == 0 || x == 1) return 0;
    special_shape s = special_beta_shape(a, b, x, 1 - x, by_a, by_b);
    int above = by_a + by_b > 1 ? x > a / (a + b) : by_a ? s.scale_a > 0 : s.scale_b < 0;
    int side = above ? 1 : -1;
    return -side * special_beta_integral(a, b, x, by_a, by_b, side);
}
