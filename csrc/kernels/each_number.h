/* each_number.h: includes GD_BODY for each type of numbers (see template.h). */
#include "each_float.h"

#define T int32_t
#define U uint32_t
#define S i32
#include GD_BODY
#undef T
#undef U
#undef S

#define T int64_t
#define U uint64_t
#define S i64
#include GD_BODY
#undef T
#undef U
#undef S
