/* fft.c: the discrete Fourier transform along an axis, of any length, in O(n log n).
 *
 *   fft   re, im -> re, im   [outer, n, inner, kind]   kind FORWARD: y[k] = sum of x[j] exp(-2 pi i j k / n); BACKWARD:
 *                                                      the same with +
 *         x -> re, im        REAL: the first n / 2 + 1 of FORWARD of what is real
 *         re, im -> x        HALF: BACKWARD of what has y[n-k] = conj y[k], of which the first n / 2 + 1 are given
 *
 * Operands are (outer, n, inner), those of the first half (outer, n / 2 + 1, inner), contiguous. Nothing is scaled.
 * Lengths whose prime factors are small go through passes of mixed radix that leave the order natural (Stockham; Van
 * Loan 1992, section 1.7); others are a convolution with a chirp, of a power of two (Bluestein 1970). All is computed
 * in double, on roots of unity that preparation makes of cosines within an octant. A line is transformed by one thread,
 * so the bits are the same for any number of them.
 */
#include <math.h>
#include <string.h>

#include "params.h"
#include "template.h"

enum { FORWARD, BACKWARD, REAL, HALF, N_KINDS, LARGEST_RADIX = 13 };

typedef struct {
    int64_t outer, n, inner, parts;
    int64_t length;      /* of the passes: n, or the power of two of a convolution */
    const double *roots; /* exp(-2 pi i k / length), pairs */
    const double *chirp; /* exp(-pi i k^2 / n), pairs; NULL where the passes are of length n */
    int dtype, kind;
} fft_block;

#ifdef GD_PREPARE

enum { OUTER, LENGTH, INNER, KIND, N_PARAMS };

/* exp(-2 pi i k / n) for k from 0 to n - 1, to half a unit in the last place or little more: by an angle in an octant */
static void root(int64_t k, int64_t n, double *to) {
    int64_t quadrant = 4 * k / n, rest = 4 * k - quadrant * n;
    double half_pi = 1.57079632679489661923;
    int mirrored = 2 * rest > n;
    double angle = half_pi * ((double)(mirrored ? n - rest : rest) / (double)n);
    double c = mirrored ? sin(angle) : cos(angle), s = mirrored ? cos(angle) : sin(angle);
    double re[] = {c, -s, -c, s}, im[] = {-s, -c, s, c};
    to[0] = re[quadrant], to[1] = im[quadrant];
}

static int64_t passes_of(int64_t n) {
    int64_t rest = n;
    for (int64_t p = 2; p <= LARGEST_RADIX; p++)
        while (rest % p == 0) rest /= p;
    if (rest == 1) return n;
    int64_t length = 1;
    while (length < 2 * n - 1) length *= 2;
    return length;
}

int gd_prepare_fft(gd_prepare *p) {
    if (p->n_payload != 1 + N_PARAMS) return gd_prepare_fail(p, GD_ERR_FORMAT, -1, p->n_payload);
    const int64_t *w = gd_params(p);
    int64_t kind = w[KIND], n = w[LENGTH];
    if (kind < 0 || kind >= N_KINDS) return gd_params_fail(p, GD_ERR_FORMAT, KIND);
    int reads = kind == REAL ? 1 : 2, writes = kind == HALF ? 1 : 2;
    int status = gd_params_check(p, reads, reads, writes, N_PARAMS);
    if (status != GD_OK) return status;
    if (n < 1 || n > INT64_C(1) << 40) return gd_params_fail(p, GD_ERR_SHAPE, LENGTH);
    int dtype = gd_operand(p, 0)->dtype;
    for (int i = 0; i < reads + writes; i++) {
        int64_t many = (i < reads ? kind == HALF : kind == REAL) ? n / 2 + 1 : n;
        if ((status = gd_params_operand(p, i, i ? 1 << dtype : GD_FLOATS, w[OUTER], many, w[INNER])) != GD_OK)
            return status;
    }
    int64_t length = passes_of(n), pairs = length + (length == n ? 0 : n);
    fft_block *b = gd_prepare_block(p, sizeof *b);
    double *roots = gd_prepare_block(p, (size_t)pairs * 2 * sizeof *roots);
    if (b == NULL || roots == NULL) return GD_ERR_MEMORY;
    for (int64_t k = 0; k < length; k++) root(k, length, roots + 2 * k);
    for (int64_t k = 0, square = 0; k < pairs - length; k++) {
        root(square, 2 * n, roots + 2 * (length + k));
        square = (square + 2 * k + 1) % (2 * n);
    }
    *b = (fft_block){.outer = w[OUTER],
                     .n = n,
                     .inner = w[INNER],
                     .parts = gd_params_parts(8 * w[OUTER] * n * w[INNER], w[OUTER] * w[INNER]),
                     .length = length,
                     .roots = roots,
                     .chirp = length == n ? NULL : roots + 2 * length,
                     .dtype = dtype,
                     .kind = (int)kind};
    p->parts = b->parts;
    p->scratch = length * (length == n ? 4 : 6) * (int64_t)sizeof(double);
    p->block = b;
    return GD_OK;
}

#else

/* pairs of numbers that are multiplied as complex ones */
INLINE void times(double re, double im, const double *w, double *to) {
    to[0] = re * w[0] - im * w[1];
    to[1] = re * w[1] + im * w[0];
}

/* radix 2 and 4: of m groups of elements m * s apart, s beside each other */
static void pass_2(const double *x, double *y, int64_t m, int64_t s, const double *roots) {
    for (int64_t q = 0; q < m; q++) {
        const double *a = x + 2 * s * q, *b = a + 2 * s * m, *w = roots + 2 * s * q;
        double *to = y + 4 * s * q;
        for (int64_t j = 0; j < 2 * s; j += 2) {
            to[j] = a[j] + b[j], to[j + 1] = a[j + 1] + b[j + 1];
            times(a[j] - b[j], a[j + 1] - b[j + 1], w, to + 2 * s + j);
        }
    }
}

static void pass_4(const double *x, double *y, int64_t m, int64_t s, const double *roots) {
    for (int64_t q = 0; q < m; q++) {
        const double *a = x + 2 * s * q, *b = a + 2 * s * m, *c = b + 2 * s * m, *d = c + 2 * s * m;
        const double *w1 = roots + 2 * s * q, *w2 = roots + 4 * s * q, *w3 = roots + 6 * s * q;
        double *to = y + 8 * s * q;
        for (int64_t j = 0; j < 2 * s; j += 2) {
            double even = a[j] + c[j], even_i = a[j + 1] + c[j + 1], odd = b[j] + d[j], odd_i = b[j + 1] + d[j + 1];
            double less = a[j] - c[j], less_i = a[j + 1] - c[j + 1], turn = b[j + 1] - d[j + 1], turn_i = d[j] - b[j];
            to[j] = even + odd, to[j + 1] = even_i + odd_i;
            times(less + turn, less_i + turn_i, w1, to + 2 * s + j);
            times(even - odd, even_i - odd_i, w2, to + 4 * s + j);
            times(less - turn, less_i - turn_i, w3, to + 6 * s + j);
        }
    }
}

/* an odd radix p: of what lies opposite each other sums and differences first */
static void pass_odd(int64_t p, const double *x, double *y, int64_t m, int64_t s, const double *roots, int64_t length) {
    int64_t far = 2 * s * m, step = length / p;
    for (int64_t q = 0; q < m; q++)
        for (int64_t j = 0; j < 2 * s; j += 2) {
            const double *a = x + 2 * s * q + j;
            double *to = y + 2 * p * s * q + j, total = a[0], total_i = a[1];
            for (int64_t r = 1; r < p; r++) total += a[r * far], total_i += a[r * far + 1];
            to[0] = total, to[1] = total_i;
            for (int64_t k = 1; k <= p / 2; k++) {
                double even = a[0], even_i = a[1], odd = 0, odd_i = 0;
                for (int64_t r = 1; r <= p / 2; r++) {
                    const double *w = roots + 2 * (r * k % p * step), *u = a + r * far, *v = a + (p - r) * far;
                    even += (u[0] + v[0]) * w[0], even_i += (u[1] + v[1]) * w[0];
                    odd -= (u[1] - v[1]) * w[1], odd_i += (u[0] - v[0]) * w[1];
                }
                times(even + odd, even_i + odd_i, roots + 2 * s * q * k, to + 2 * s * k);
                times(even - odd, even_i - odd_i, roots + 2 * s * q * (p - k), to + 2 * s * (p - k));
            }
        }
}

/* the transform of x, in x or in y, whichever is returned */
static double *transform(double *x, double *y, const double *roots, int64_t length) {
    for (int64_t rest = length, s = 1; rest > 1;) {
        int64_t p = rest % 4 == 0 ? 4 : 2;
        while (rest % p != 0) p++;
        rest /= p;
        if (p == 4) pass_4(x, y, rest, s, roots);
        else if (p == 2) pass_2(x, y, rest, s, roots);
        else pass_odd(p, x, y, rest, s, roots, length);
        s *= p;
        double *swap = x;
        x = y;
        y = swap;
    }
    return x;
}

/* a transform backwards is one of what has real and imaginary parts exchanged, exchanged again */
static void exchange(double *x, int64_t n) {
    for (int64_t k = 0; k < n; k++) {
        double swap = x[2 * k];
        x[2 * k] = x[2 * k + 1], x[2 * k + 1] = swap;
    }
}

/* of the chirp that lines are convolved with, over the length */
static void filter_of(const fft_block *b, double *filter, double *x, double *y) {
    memset(x, 0, (size_t)b->length * 2 * sizeof *x);
    for (int64_t k = 0; k < b->n; k++) {
        double *to[] = {x + 2 * k, x + 2 * (k ? b->length - k : 0)};
        for (int side = 0; side < 2; side++) to[side][0] = b->chirp[2 * k], to[side][1] = -b->chirp[2 * k + 1];
    }
    const double *found = transform(x, y, b->roots, b->length);
    memcpy(filter, found, (size_t)b->length * 2 * sizeof *filter);
}

/* y[k] = c[k] sum of (x[j] c[j]) conj c[k-j], with c the chirp: jk = (j^2 + k^2 - (k-j)^2) / 2 */
static double *by_chirp(const fft_block *b, double *x, double *y, const double *filter) {
    int64_t length = b->length;
    for (int64_t k = 0; k < b->n; k++) times(x[2 * k], x[2 * k + 1], b->chirp + 2 * k, x + 2 * k);
    memset(x + 2 * b->n, 0, (size_t)(length - b->n) * 2 * sizeof *x);
    double *found = transform(x, y, b->roots, length), *other = found == x ? y : x;
    for (int64_t k = 0; k < length; k++) times(found[2 * k], found[2 * k + 1], filter + 2 * k, found + 2 * k);
    exchange(found, length);
    double *back = transform(found, other, b->roots, length);
    double scale = 1.0 / (double)length; /* a power of two */
    for (int64_t k = 0; k < b->n; k++)
        times(back[2 * k + 1] * scale, back[2 * k] * scale, b->chirp + 2 * k, back + 2 * k);
    return back;
}

INLINE double element(const int is_f64, const void *x, int64_t at) {
    return is_f64 ? ((const double *)x)[at] : (double)((const float *)x)[at];
}

INLINE void put(const int is_f64, void *y, int64_t at, double v) {
    if (is_f64) ((double *)y)[at] = v;
    else ((float *)y)[at] = (float)v;
}

/* a line into pairs, exchanged where the transform goes backwards */
INLINE void load(const int is_f64, const fft_block *b, const gd_call *call, int64_t o, int64_t i, double *x) {
    int64_t n = b->n, half = n / 2 + 1, given = b->kind == HALF ? half : n, from = o * given * b->inner + i;
    int back = b->kind == BACKWARD || b->kind == HALF;
    for (int64_t k = 0; k < given; k++) {
        double re = element(is_f64, call->operands[0], from + k * b->inner);
        double im = b->kind == REAL ? 0.0 : element(is_f64, call->operands[1], from + k * b->inner);
        if (b->kind == HALF && (k == 0 || 2 * k == n)) im = 0.0;
        x[2 * k + back] = re, x[2 * k + !back] = im;
    }
    for (int64_t k = given; k < n; k++) x[2 * k + 1] = x[2 * (n - k) + 1], x[2 * k] = -x[2 * (n - k)];
}

INLINE void store(const int is_f64, const fft_block *b, const gd_call *call, int64_t o, int64_t i, const double *y) {
    int64_t n = b->n, taken = b->kind == REAL ? n / 2 + 1 : n, to = o * taken * b->inner + i;
    int back = b->kind == BACKWARD || b->kind == HALF;
    void *re = call->operands[b->kind == REAL ? 1 : 2],
         *im = b->kind == HALF ? NULL : call->operands[b->kind == REAL ? 2 : 3];
    for (int64_t k = 0; k < taken; k++) {
        put(is_f64, re, to + k * b->inner, y[2 * k + back]);
        int none = b->kind == REAL && (k == 0 || 2 * k == n); /* of what is real */
        if (im != NULL) put(is_f64, im, to + k * b->inner, none ? 0.0 : y[2 * k + !back]);
    }
}

INLINE void lines(const int is_f64, const gd_call *call, gd_range at) {
    const fft_block *b = (const fft_block *)call->block;
    double *x = (double *)call->scratch, *y = x + 2 * b->length, *filter = b->chirp ? y + 2 * b->length : NULL;
    if (filter && at.first < at.last) filter_of(b, filter, x, y);
    for (int64_t l = at.first; l < at.last; l++) {
        load(is_f64, b, call, l / b->inner, l % b->inner, x);
        const double *found = filter ? by_chirp(b, x, y, filter) : transform(x, y, b->roots, b->length);
        store(is_f64, b, call, l / b->inner, l % b->inner, found);
    }
}

int GD_ISA_NAME(gd_k_fft)(const gd_call *call) {
    const fft_block *b = (const fft_block *)call->block;
    gd_range at = gd_params_range(b->outer * b->inner, call->part, b->parts);
    if (b->dtype == GD_F64) lines(1, call, at);
    else lines(0, call, at);
    return GD_OK;
}

#endif
