/* micro_cast.c: conversions between dtypes. A float outside an integer's range, or not a number, gives the least
 * integer, on every ISA (what x86 and NumPy on it do); integers wrap; anything but 0 is true.
 */
#ifndef GD_PREPARE
#include "micro.h"

/* low is exact in either float type, and -low is the first float above the range */
#define TO_INT(x, type, low) ((type)((x) >= (low) && (x) < -(low) ? (x) : (low)))
#define LOW_32 (-2147483648.0f)
#define LOW_64 (-9223372036854775808.0f)

#ifndef CAST
#define CAST(to_type, to, expression)                                                                            \
    void GD_MICRO_(0, GD_CAST_NAME, to)(void *, const void *, const void *, const void *, int64_t);              \
    void GD_MICRO_(0, GD_CAST_NAME, to)(void *out_, const void *a_, const void *b_, const void *c_, int64_t n) { \
        to_type *out = out_;                                                                                     \
        const GD_T *a = a_;                                                                                      \
        (void)b_, (void)c_;                                                                                      \
        GD_LOOP for (int64_t i = 0; i < n; i++) {                                                                \
            const GD_T x = a[i];                                                                                 \
            out[i] = (to_type)(expression);                                                                      \
        }                                                                                                        \
    }
#endif

#define GD_T float
#define GD_CAST_NAME cast_f32
CAST(float, f32, x)
CAST(double, f64, x)
CAST(int32_t, i32, TO_INT(x, int32_t, LOW_32))
CAST(int64_t, i64, TO_INT(x, int64_t, LOW_64))
CAST(uint8_t, b8, x != 0)
#undef GD_T
#undef GD_CAST_NAME

#define GD_T double
#define GD_CAST_NAME cast_f64
CAST(float, f32, x)
CAST(double, f64, x)
CAST(int32_t, i32, TO_INT(x, int32_t, (double)LOW_32))
CAST(int64_t, i64, TO_INT(x, int64_t, (double)LOW_64))
CAST(uint8_t, b8, x != 0)
#undef GD_T
#undef GD_CAST_NAME

#define GD_T int32_t
#define GD_CAST_NAME cast_i32
CAST(float, f32, x)
CAST(double, f64, x)
CAST(int32_t, i32, x)
CAST(int64_t, i64, x)
CAST(uint8_t, b8, x != 0)
#undef GD_T
#undef GD_CAST_NAME

#define GD_T int64_t
#define GD_CAST_NAME cast_i64
CAST(float, f32, x)
CAST(double, f64, x)
CAST(int32_t, i32, (uint32_t)x)
CAST(int64_t, i64, x)
CAST(uint8_t, b8, x != 0)
#undef GD_T
#undef GD_CAST_NAME

#define GD_T uint8_t
#define GD_CAST_NAME cast_b8
CAST(float, f32, x != 0)
CAST(double, f64, x != 0)
CAST(int32_t, i32, x != 0)
CAST(int64_t, i64, x != 0)
CAST(uint8_t, b8, x != 0)
#endif
