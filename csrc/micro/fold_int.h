/* fold_int.h: reductions of integers, GD_T being their unsigned type: sums and products wrap. */
#include "fold.h"

#define ADD(x, y) ((x) + (y))
#define MULTIPLY(x, y) ((x) * (y))
#define MAX_SCALAR(x, y) ((GD_MASK)(x) >= (GD_MASK)(y) ? (x) : (y))
#define MIN_SCALAR(x, y) ((GD_MASK)(x) <= (GD_MASK)(y) ? (x) : (y))

static inline part max_part(part x, part y) { return choose((mask)x >= (mask)y, x, y); }
static inline part min_part(part x, part y) { return choose((mask)x <= (mask)y, x, y); }

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
