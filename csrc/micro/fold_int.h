/* fold_int.h: reductions of integers, GD_T being their unsigned type: sums and products wrap. */
#include "fold.h"

#define ADD(x, y) ((x) + (y))
#define MULTIPLY(x, y) ((x) * (y))
#define MAX_SCALAR(x, y) ((GD_MASK)(x) >= (GD_MASK)(y) ? (x) : (y))
#define MIN_SCALAR(x, y) ((GD_MASK)(x) <= (GD_MASK)(y) ? (x) : (y))

static inline part max_part(part x, part y) { return choose((mask)x >= (mask)y, x, y); }
static inline part min_part(part x, part y) { return choose((mask)x <= (mask)y, x, y); }

FOLD(sum, ADD, ADD)
FOLD(prod, MULTIPLY, MULTIPLY)
FOLD(max, MAX_SCALAR, max_part)
FOLD(min, MIN_SCALAR, min_part)
