/* sizes.h: arithmetic on counts and bytes that every part of the core does. Arguments are not negative where a
 * quotient is taken; callers have checked that nothing overflows. */
#ifndef GD_SIZES_H
#define GD_SIZES_H
#include <stdint.h>

/* always: also into code whose floating-point options differ, which compilers otherwise leave as calls */
#define GD_SIZE static inline __attribute__((always_inline)) int64_t

GD_SIZE gd_min(int64_t a, int64_t b) { return a < b ? a : b; }
GD_SIZE gd_max(int64_t a, int64_t b) { return a > b ? a : b; }
GD_SIZE gd_ceil_div(int64_t n, int64_t by) { return (n + by - 1) / by; }
GD_SIZE gd_round_up(int64_t n, int64_t to) { return gd_ceil_div(n, to) * to; }

#undef GD_SIZE
#endif
