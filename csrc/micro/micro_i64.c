/* micro_i64.c: the micro-operations of int64. */
#ifndef GD_PREPARE
#define GD_T int64_t
#define GD_U uint64_t
#define GD_D i64
#include "micro_int.h"
#endif
