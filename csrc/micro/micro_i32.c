/* micro_i32.c: the micro-operations of int32. */
#ifndef GD_PREPARE
#define GD_T int32_t
#define GD_U uint32_t
#define GD_D i32
#include "micro_int.h"
#endif
