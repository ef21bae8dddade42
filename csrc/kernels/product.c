/* product.c: the core's own matrix product for floats, compiled once per instruction set (see product.h).
 *
 * Invariants: register blocks are sized for the instruction set by the macros below and nothing else here depends
 * on it. It must not know of BLAS.
 */
#ifndef GD_PREPARE
#include <string.h>
#include "product.h"
#include "template.h"
#include "transpose.h"

/* a product and its sum are one rounding where the machine has it: several times the speed, and fewer errors */
#if defined(GD_NO_FMA)
#elif defined(__clang__)
#pragma STDC FP_CONTRACT ON
#else
#pragma GCC optimize("fp-contract=fast")
#endif
#include "product_masked.h" /* behind it: only functions of the same options are inlined */

#if defined(__AVX512F__)
#define GD_VECTOR_BYTES 64
#define GD_ROWS 8
#elif defined(__AVX__)
#define GD_VECTOR_BYTES 32
#define GD_ROWS 6
#elif defined(__aarch64__)
#define GD_VECTOR_BYTES 16
#define GD_ROWS 8
#else
#define GD_VECTOR_BYTES 16
#define GD_ROWS 6
#endif

/* elements of the widest vector */
#if GD_VECTOR_BYTES == 64
#define GD_FULL_f32 16
#define GD_FULL_f64 8
#elif GD_VECTOR_BYTES == 32
#define GD_FULL_f32 8
#define GD_FULL_f64 4
#else
#define GD_FULL_f32 4
#define GD_FULL_f64 2
#endif

/* elements that a dot product sums side by side: its order, so its bits */
#ifndef GD_DOT_f32
#define GD_DOT_f32 GD_FULL_f32
#define GD_DOT_f64 GD_FULL_f64
#endif

#define GD_BODY "product_body.h"
#include "each_float.h"

#endif
