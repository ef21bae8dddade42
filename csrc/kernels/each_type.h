/* each_type.h: includes GD_BODY for each element type (see template.h). */
#include "each_number.h"

#define T uint8_t
#define U uint8_t
#define S b8
#include GD_BODY
#undef T
#undef U
#undef S
