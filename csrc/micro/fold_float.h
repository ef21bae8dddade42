/* fold_float.h: reductions of floats; max and min give NaN where there is one. */
#include "fold.h"

#define ADD(x, y) ((x) + (y))
#define MULTIPLY(x, y) ((x) * (y))
#define MAX_SCALAR(x, y) ((x) >= (y) || (x) != (x) ? (x) : (y))
#define MIN_SCALAR(x, y) ((x) <= (y) || (x) != (x) ? (x) : (y))

static inline part max_part(part x, part y) { return choose((x >= y) | (x != x), x, y); }
static inline part min_part(part x, part y) { return choose((x <= y) | (x != x), x, y); }

FOLD(sum, ADD, ADD)
FOLD(prod, MULTIPLY, MULTIPLY)
FOLD(max, MAX_SCALAR, max_part)
FOLD(min, MIN_SCALAR, min_part)
