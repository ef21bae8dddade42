/* fold_f64.c: the reductions of float64. */
#ifndef GD_PREPARE
#define GD_T double
#define GD_D f64
#define GD_MASK int64_t
#include "fold_float.h"
#endif
