/* product_masked.h: the first few lanes of a vector, read and written alone, where the instruction set can: then
 * GD_MASKED is defined. load_lanes_S_P gives 0 in the others, store_lanes_S_P leaves the others be; P is the widest
 * vector's number of lanes, or half of it, which GD_HALF_S is.
 */
#ifndef GD_PRODUCT_MASKED_H
#define GD_PRODUCT_MASKED_H
#include "template.h"

#if defined(__AVX512VL__)
#include <immintrin.h>
#define GD_MASKED
#define GD_HALF_f32 8
#define GD_HALF_f64 4
#define GD_LANES(S, T, P, vector, mask, load, store)                                    \
    static inline gd_vector_##S##_##P load_lanes_##S##_##P(const T *from, int lanes) {  \
        return (gd_vector_##S##_##P)load((mask)((1u << lanes) - 1), from);              \
    }                                                                                   \
    static inline void store_lanes_##S##_##P(T *to, int lanes, gd_vector_##S##_##P x) { \
        store(to, (mask)((1u << lanes) - 1), (vector)x);                                \
    }
GD_LANES(f32, float, 16, __m512, __mmask16, _mm512_maskz_loadu_ps, _mm512_mask_storeu_ps)
GD_LANES(f32, float, 8, __m256, __mmask8, _mm256_maskz_loadu_ps, _mm256_mask_storeu_ps)
GD_LANES(f64, double, 8, __m512d, __mmask8, _mm512_maskz_loadu_pd, _mm512_mask_storeu_pd)
GD_LANES(f64, double, 4, __m256d, __mmask8, _mm256_maskz_loadu_pd, _mm256_mask_storeu_pd)
#undef GD_LANES
#elif defined(__AVX2__)
#include <immintrin.h>
#define GD_MASKED
#define GD_HALF_f32 4
#define GD_HALF_f64 2
#define GD_LANES(S, T, P, vector, mask, load, store)                                   \
    static inline gd_vector_##S##_##P load_lanes_##S##_##P(const T *from, int lanes) { \
        return (gd_vector_##S##_##P)load(from, mask);                                  \
    }                                                                                  \
    static inline void store_lanes_##S##_##P(T *to, int lanes, gd_vector_##S##_##P x) { store(to, mask, (vector)x); }
GD_LANES(f32, float, 8, __m256, _mm256_cmpgt_epi32(_mm256_set1_epi32(lanes), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)),
         _mm256_maskload_ps, _mm256_maskstore_ps)
GD_LANES(f32, float, 4, __m128, _mm_cmpgt_epi32(_mm_set1_epi32(lanes), _mm_setr_epi32(0, 1, 2, 3)), _mm_maskload_ps,
         _mm_maskstore_ps)
GD_LANES(f64, double, 4, __m256d, _mm256_cmpgt_epi64(_mm256_set1_epi64x(lanes), _mm256_setr_epi64x(0, 1, 2, 3)),
         _mm256_maskload_pd, _mm256_maskstore_pd)
GD_LANES(f64, double, 2, __m128d, _mm_cmpgt_epi64(_mm_set1_epi64x(lanes), _mm_set_epi64x(1, 0)), _mm_maskload_pd,
         _mm_maskstore_pd)
#undef GD_LANES
#endif

#endif
