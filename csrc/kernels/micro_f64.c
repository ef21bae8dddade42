/* micro_f64.c: the micro-operations of float64. */
#ifndef GD_PREPARE
#include "../math/f64.h"
#include "../math/special.h"

#define GD_T double
#define GD_D f64
#define F(name) name
#define M(name) m64_##name
#define GD_POW GD_CALL_2(pow, pow(x, y))
#include "micro_float.h"
#endif
