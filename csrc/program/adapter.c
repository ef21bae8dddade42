/* adapter.c: owns the signatures that others call: SciPy's, GSL's, NLopt's, nutpie's, those of ODE solvers. Each adapter
 * is a C function over an entry, which it gets as its last argument.
 *
 * A caller has its numbers in one or two pieces, (t, y) or (value, gradient): the slots of the program divide them, one
 * slot after the other. What a signature cannot tell of a failure it tells by NaN.
 * Must not know: Python, the text that people write for a signature.
 */
#include <math.h>
#include <string.h>

#include "entry.h"

/* ---- numbers into slots ---- */

static int64_t total(const gd_entry *e, int64_t first, int64_t end) {
    int64_t n = 0;
    for (int64_t i = first; i < end; i++) n += e->count[i];
    return n;
}

static int64_t n_in(const gd_entry *e) { return total(e, 0, e->n_args); }
static int64_t n_out(const gd_entry *e) { return total(e, e->n_inputs, e->n_inputs + e->n_results); }

/* x1: the first input, or NULL where x has all of them; y1 likewise for outputs; y NULL: nobody wants those */
static int call(gd_entry *e, const double *x1, const double *x, double *y1, double *y) {
    gd_entry_lane *l = gd_entry_take(e);
    if (l == NULL) return gd_entry_fail(e, GD_ERR_REENTERED, &(gd_fault){-1, -1, -1, -1});
    const void **in = gd_entry_inputs(l);
    void **out = gd_entry_outputs(l);
    for (int64_t i = 0; i < e->n_args; i++) {
        const int whole = i > 0 || x1 == NULL;
        in[i] = whole ? x : x1;
        if (whole) x += e->count[i];
    }
    for (int64_t i = 0; i < e->n_results; i++) {
        const int whole = i > 0 || y1 == NULL;
        out[i] = whole ? y : y1;
        if (whole && y == NULL) out[i] = gd_entry_room(e, l, e->n_inputs + i);
        if (whole && y != NULL) y += e->count[e->n_inputs + i];
    }
    return gd_entry_finish(e, l);
}

/* a caller that has another number of elements than the program */
static int wrong_size(const gd_entry *e, int64_t got, int64_t wanted) {
    return gd_entry_fail(e, GD_ERR_SHAPE, &(gd_fault){-1, -1, got, wanted});
}

static void spoil(double *y, int64_t n) {
    for (int64_t i = 0; i < n; i++) y[i] = NAN;
}

/* ---- the signatures ---- */

static double of_number(double x, void *data) {
    double y = NAN;
    return call(data, NULL, &x, NULL, &y) == GD_OK ? y : NAN;
}

static double of_array(int n, double *x, void *data) {
    double y = NAN;
    if (n != n_in(data)) return wrong_size(data, n, n_in(data)), NAN;
    return call(data, NULL, x, NULL, &y) == GD_OK ? y : NAN;
}

static double value_and_gradient(unsigned n, const double *x, double *gradient, void *data) {
    double y = NAN;
    int status = n == n_in(data) ? call(data, NULL, x, &y, gradient) : wrong_size(data, n, n_in(data));
    if (status == GD_OK) return y;
    if (gradient != NULL) spoil(gradient, n);
    return NAN;
}

static int64_t log_density(uint64_t n, const double *x, double *gradient, double *value, void *data) {
    if (n != (uint64_t)n_in(data)) return -wrong_size(data, (int64_t)n, n_in(data));
    int status = call(data, NULL, x, value, gradient);
    if (status != GD_OK) return status == GD_ERR_NONFINITE || status == GD_ERR_CHECK ? status : -status;
    if (!isfinite(*value)) return GD_ERR_NONFINITE;
    for (uint64_t i = 0; i < n; i++)
        if (!isfinite(gradient[i])) return GD_ERR_NONFINITE;
    return 0;
}

static int64_t expanded(uint64_t n, uint64_t m, const double *x, double *out, void *data) {
    if (n != (uint64_t)n_in(data)) return -wrong_size(data, (int64_t)n, n_in(data));
    if (m != (uint64_t)n_out(data)) return -wrong_size(data, (int64_t)m, n_out(data));
    return -call(data, NULL, x, NULL, out);
}

static void slope(double t, double *y, double *dydt, void *data) {
    if (call(data, &t, y, NULL, dydt) != GD_OK) spoil(dydt, n_out(data));
}

static int slope_or_status(double t, const double *y, double *dydt, void *data) {
    return call(data, &t, y, NULL, dydt);
}

static int of_window(double *window, int64_t n, double *value, void *data) {
    if (n != n_in(data)) return wrong_size(data, n, n_in(data)), 0;
    return call(data, NULL, window, NULL, value) == GD_OK;
}

static int of_line(double *line, int64_t n, double *out, int64_t m, void *data) {
    if (n != n_in(data) || m != n_out(data)) {
        int inputs = n != n_in(data);
        return wrong_size(data, inputs ? n : m, inputs ? n_in(data) : n_out(data)), 0;
    }
    return call(data, NULL, line, NULL, out) == GD_OK;
}

static int of_position(int64_t *output, double *input, int output_rank, int input_rank, void *data) {
    gd_entry *e = data;
    if (output_rank != n_in(e) || input_rank != n_out(e)) {
        int first = output_rank != n_in(e);
        return wrong_size(e, first ? output_rank : input_rank, first ? n_in(e) : n_out(e)), 0;
    }
    return gd_entry_call(data, (const void *[]){output}, (void *[]){input}) == GD_OK;
}

/* ---- what fits which ---- */

enum { ANY = -1 };
typedef struct {
    const char *signature;
    gd_function pointer;
    int64_t inputs, first_input, outputs, first_output; /* elements; ANY */
    int as_many;                                        /* the outputs but the first have as many as the inputs */
} adapter;

static const adapter adapters[] = {
    {"int (void *, void **, void **)", (gd_function)gd_entry_call, ANY, ANY, ANY, ANY, 0},
    {"double (double, void *)", (gd_function)of_number, 1, ANY, 1, ANY, 0},
    {"double (int, double *, void *)", (gd_function)of_array, ANY, ANY, 1, ANY, 0},
    {"double (unsigned, double *, double *, void *)", (gd_function)value_and_gradient, ANY, ANY, ANY, 1, 1},
    {"int64_t (uint64_t, double *, double *, double *, void *)", (gd_function)log_density, ANY, ANY, ANY, 1, 1},
    {"int64_t (uint64_t, uint64_t, double *, double *, void *)", (gd_function)expanded, ANY, ANY, ANY, ANY, 0},
    {"void (double, double *, double *, void *)", (gd_function)slope, ANY, 1, ANY, ANY, 0},
    {"int (double, double *, double *, void *)", (gd_function)slope_or_status, ANY, 1, ANY, ANY, 0},
    {"int (double *, int64_t, double *, void *)", (gd_function)of_window, ANY, ANY, 1, ANY, 0},
    {"int (double *, int64_t, double *, int64_t, void *)", (gd_function)of_line, ANY, ANY, ANY, ANY, 0},
    {"int (int64_t *, double *, int, int, void *)", (gd_function)of_position, ANY, ANY, ANY, ANY, 0},
};
enum { ADAPTERS = sizeof adapters / sizeof *adapters };

const char *gd_adapter_name(int adapter) {
    return adapter >= 0 && adapter < ADAPTERS ? adapters[adapter].signature : NULL;
}

static int differs(int64_t wanted, int64_t got, gd_fault *fault) {
    if (wanted == ANY || wanted == got) return 0;
    fault->a = got;
    fault->b = wanted;
    return 1;
}

static int fits(const gd_entry *e, const adapter *a, gd_fault *fault) {
    if (a->pointer == (gd_function)gd_entry_call) return GD_OK;
    int positions = a->pointer == (gd_function)of_position;
    for (int64_t i = 0; i < e->n_inputs + e->n_results; i++) {
        if (i >= e->n_args && i < e->n_inputs) continue;
        if (e->dtype[i] != (positions && i < e->n_args ? GD_I64 : GD_F64)) {
            fault->instruction = i;
            return GD_ERR_TYPE;
        }
    }
    if (positions && (differs(1, e->n_args, fault) || differs(1, e->n_results, fault))) return GD_ERR_SHAPE;
    if (differs(a->inputs, n_in(e), fault) || differs(a->outputs, n_out(e), fault)) return GD_ERR_SHAPE;
    if (differs(a->first_input, e->n_args > 0 ? e->count[0] : 0, fault)) return GD_ERR_SHAPE;
    if (differs(a->first_output, e->n_results > 0 ? e->count[e->n_inputs] : 0, fault)) return GD_ERR_SHAPE;
    if (a->as_many && differs(n_in(e) + 1, n_out(e), fault)) return GD_ERR_SHAPE;
    return GD_OK;
}

int gd_entry_pointer(const gd_entry *entry, const char *signature, gd_function *pointer, gd_fault *fault) {
    *fault = (gd_fault){-1, -1, -1, -1};
    for (int k = 0; k < ADAPTERS; k++)
        if (strcmp(adapters[k].signature, signature) == 0) {
            *pointer = adapters[k].pointer;
            return fits(entry, &adapters[k], fault);
        }
    return GD_ERR_OPCODE;
}
