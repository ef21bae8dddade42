/* fold_i64.c: the reductions of int64. */
#ifndef GD_PREPARE
#define GD_T uint64_t
#define GD_D i64
#define GD_MASK int64_t
#include "fold_int.h"
#endif
