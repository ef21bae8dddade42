/* strided.h: what preparation asks of operands that are views: whether they stay inside their values, and whether no two
 * of their elements share an address. */
#ifndef GD_STRIDED_H
#define GD_STRIDED_H
#include <stdlib.h>

#include "../program/kernel.h"

enum { GD_STRIDED_DIMS = 34 };

/* offset + sum(index * stride) stays in 0..count-1 for all indices; nothing is reached when a dimension is 0 */
static inline int gd_strided_fits(int64_t count, int64_t offset, int64_t n, const int64_t *dims,
                                  const int64_t *strides) {
    int64_t low = offset, high = offset;
    for (int64_t i = 0; i < n; i++)
        if (dims[i] == 0) return 1;
    for (int64_t i = 0; i < n; i++) {
        int64_t reach, *end = strides[i] < 0 ? &low : &high;
        if (__builtin_mul_overflow(dims[i] - 1, strides[i], &reach) || __builtin_add_overflow(*end, reach, end))
            return 0;
    }
    return low >= 0 && high < count;
}

/* every index has an address of its own (sufficient): each stride steps over all that the smaller ones reach */
static inline int gd_strided_apart(int64_t n, const int64_t *dims, const int64_t *strides) {
    int64_t reach = 0, done = 0;
    for (int64_t i = 0; i < n; i++)
        if (dims[i] == 0) return 1;
    for (int64_t round = 0; round < n; round++) {
        int64_t best = -1;
        for (int64_t i = 0; i < n; i++)
            if (dims[i] > 1 && !(done >> i & 1) && (best < 0 || llabs(strides[i]) < llabs(strides[best]))) best = i;
        if (best < 0) break;
        if (llabs(strides[best]) <= reach) return 0;
        reach += (dims[best] - 1) * llabs(strides[best]);
        done |= INT64_C(1) << best;
    }
    return 1;
}

#endif
