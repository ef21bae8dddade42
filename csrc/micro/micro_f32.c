/* micro_f32.c: the micro-operations of float32. */
#ifndef GD_PREPARE
#include "../math/f32.h"
#include "../math/special.h"

#define GD_T float
#define GD_D f32
#define GD_M int32_t
#define F(name) name##f
#define M(name) m32_##name
#define EXP_LIMIT 87
#define LOG_LEAST 0x1p-126f
#define LOG_MOST __FLT_MAX__
#define GD_POW GD_PAIR(pow, m32_pow(x, y))
#include "micro_float.h"
#endif
