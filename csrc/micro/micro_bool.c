/* micro_bool.c: the micro-operations of bool: bytes, where any that is not 0 is true and results are 0 or 1. */
#ifndef GD_PREPARE
#define GD_T uint8_t
#define GD_D b8
#include "micro.h"

GD_UNARY(copy, x)
GD_TEST_2(equal, (x != 0) == (y != 0))
GD_TEST_2(not_equal, (x != 0) != (y != 0))
GD_PAIR(logical_and, (x != 0) & (y != 0))
GD_PAIR(logical_or, (x != 0) | (y != 0))
GD_PAIR(logical_xor, (x != 0) ^ (y != 0))
GD_UNARY(logical_not, x == 0)
GD_BODY_3(where, uint8_t, GD_T, x ? y : z)
#endif
