/* micro_int.h: the micro-operations of integers, for GD_T int32_t or int64_t and GD_U its unsigned type (see
 * micro.h). Arithmetic wraps, so it is done unsigned; semantics are NumPy's.
 */
#include "micro.h"

enum { BITS = 8 * sizeof(GD_T) };

/* 0 where NumPy gives 0: division by zero; the least number by -1 wraps to itself */
static inline GD_T int_floor_divide(GD_T x, GD_T y) {
    if (y == 0) return 0;
    if (y == -1) return (GD_T)(0 - (GD_U)x);
    GD_T q = x / y;
    return q - (x % y != 0 && (x < 0) != (y < 0));
}

static inline GD_T int_remainder(GD_T x, GD_T y) {
    if (y == 0 || y == -1) return 0;
    GD_T r = x % y;
    return r != 0 && (r < 0) != (y < 0) ? r + y : r;
}

/* a negative exponent: the exact result rounded towards zero (0 for 0, which has none) */
static inline GD_T int_pow(GD_T x, GD_T y) {
    if (y < 0) return x == 1 ? 1 : x == -1 ? (y & 1 ? -1 : 1) : 0;
    GD_U result = 1, base = (GD_U)x;
    for (; y != 0; y >>= 1) {
        if (y & 1) result *= base;
        base *= base;
    }
    return (GD_T)result;
}

GD_UNARY(copy, x)
GD_BINARY(add, (GD_U)x + (GD_U)y)
GD_BINARY(subtract, (GD_U)x - (GD_U)y)
GD_BINARY(multiply, (GD_U)x *(GD_U)y)
GD_CALL_2(floor_divide, int_floor_divide(x, y))
GD_CALL_2(remainder, int_remainder(x, y))
GD_CALL_2(pow, int_pow(x, y))
GD_BINARY(maximum, x >= y ? x : y)
GD_BINARY(minimum, x <= y ? x : y)
GD_TEST_2(equal, x == y)
GD_TEST_2(not_equal, x != y)
GD_TEST_2(less, x < y)
GD_TEST_2(less_equal, x <= y)
GD_TEST_2(greater, x > y)
GD_TEST_2(greater_equal, x >= y)
GD_BINARY(bitwise_and, x &y)
GD_BINARY(bitwise_or, x | y)
GD_BINARY(bitwise_xor, x ^ y)
/* counts outside 0..BITS-1 shift everything out */
GD_BINARY(bitwise_left_shift, (GD_U)y < BITS ? (GD_U)x << ((GD_U)y & (BITS - 1)) : 0)
GD_BINARY(bitwise_right_shift, x >> ((GD_U)y < BITS ? (GD_U)y : BITS - 1))
GD_UNARY(bitwise_invert, ~x)
GD_BODY_3(where, uint8_t, GD_T, x ? y : z)
GD_UNARY(negative, 0 - (GD_U)x)
GD_UNARY(abs, x < 0 ? 0 - (GD_U)x : (GD_U)x)
GD_UNARY(sign, (x > 0) - (x < 0))
GD_UNARY(square, (GD_U)x *(GD_U)x)
GD_UNARY(relu, x > 0 ? x : 0)
