/* fold_f32.c: the reductions of float32. */
#ifndef GD_PREPARE
#define GD_T float
#define GD_D f32
#define GD_MASK int32_t
#include "fold_float.h"
#endif
