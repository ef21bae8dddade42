/* lapack_lanes.h: what lapack.c runs on batches of small matrices, each in a lane of the widest vectors: the kernels of
 * lapack_lanes_body.h for each type. They are faster than LAPACK by what it costs to call, and by the lanes. */
#include "template.h"
#include "transpose.h"

#if defined(__AVX512F__)
#define GD_LANES_f32 16
#define GD_LANES_f64 8
#elif defined(__AVX__)
#define GD_LANES_f32 8
#define GD_LANES_f64 4
#else
#define GD_LANES_f32 4
#define GD_LANES_f64 2
#endif

#define GD_SQRT_f32 sqrtf
#define GD_SQRT_f64 sqrt

#define GD_BODY "lapack_lanes_body.h"
#include "each_float.h"
#undef GD_BODY
