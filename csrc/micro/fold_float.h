/* fold_float.h: reductions of floats; max and min give NaN where there is one. */
#include "fold.h"

#define ADD(x, y) ((x) + (y))
#define MULTIPLY(x, y) ((x) * (y))
#define MAX_SCALAR(x, y) choose_scalar(((x) >= (y)) | ((x) != (x)), x, y)
#define MIN_SCALAR(x, y) choose_scalar(((x) <= (y)) | ((x) != (x)), x, y)

/* no branch, which would be taken at random */
static inline GD_T choose_scalar(int first, GD_T x, GD_T y) {
    GD_MASK a, b, m = -(GD_MASK)first;
    memcpy(&a, &x, sizeof a);
    memcpy(&b, &y, sizeof b);
    a = (m & a) | (~m & b);
    memcpy(&x, &a, sizeof x);
    return x;
}

static inline part max_part(part x, part y) { return choose((x >= y) | (x != x), x, y); }
static inline part min_part(part x, part y) { return choose((x <= y) | (x != x), x, y); }

#define REDUCTION sum
#define COMBINE ADD
#define PARTWISE ADD
#include "fold_body.h"
#define REDUCTION prod
#define COMBINE MULTIPLY
#define PARTWISE MULTIPLY
#include "fold_body.h"
#define REDUCTION max
#define COMBINE MAX_SCALAR
#define PARTWISE max_part
#include "fold_body.h"
#define REDUCTION min
#define COMBINE MIN_SCALAR
#define PARTWISE min_part
#include "fold_body.h"

static inline vector GD_CAT(load_products, GD_D)(const GD_T *x, const GD_T *y) {
    vector a = load(x), b = load(y);
    GD_UNROLL for (int k = 0; k < PARTS; k++) a.of[k] *= b.of[k];
    return a;
}
#define REDUCTION sum
#define COMBINE ADD
#define PARTWISE ADD
#define FACTOR GD_T
#define FACTOR_NAME GD_D
#include "fold_body.h"
