/* fold_i32.c: the reductions of int32. */
#ifndef GD_PREPARE
#define GD_T uint32_t
#define GD_D i32
#define GD_MASK int32_t
#include "fold_int.h"
#endif
