/* each_float.h: includes GD_BODY for each type of floats (see template.h). */
#define T float
#define U float
#define I int32_t
#define S f32
#include GD_BODY
#undef T
#undef U
#undef I
#undef S

#define T double
#define U double
#define I int64_t
#define S f64
#include GD_BODY
#undef T
#undef U
#undef I
#undef S
