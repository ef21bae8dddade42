/* micro_f64.c: the micro-operations of float64. */
#ifndef GD_PREPARE
#include "../math/f64.h"
#include "../math/special.h"

#define GD_T double
#define GD_D f64
#define GD_M int64_t
#define F(name) name
#define M(name) m64_##name
#define EXP_LIMIT 708
#define LOG_LEAST 0x1p-1022
#define LOG_MOST __DBL_MAX__
#define GD_POW GD_FAST_PAIR(pow, pow64_reach(x, y), v < 1000, m64_pow_inside(x, y), m64_pow(x, y))
#include "micro_float.h"
#endif
