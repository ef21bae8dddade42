/* product.c: the core's own matrix product for floats, compiled once per instruction set (see product.h).
 *
 * Invariants: register blocks are sized for the instruction set by the macros below and nothing else here depends
 * on it. It must not know of BLAS.
 */
#ifndef GD_PREPARE
#include <string.h>
#include "product.h"
#include "transpose.h"

/* a product and its sum are one rounding where the machine has it: several times the speed, and fewer errors */
#if defined(__clang__)
#pragma STDC FP_CONTRACT ON
#define GD_UNROLL _Pragma("unroll")
#else
#pragma GCC optimize("fp-contract=fast")
#define GD_UNROLL _Pragma("GCC unroll 16")
#endif

#if defined(__AVX512F__)
#define GD_VECTOR_BYTES 64
#define GD_ROWS 8
#elif defined(__AVX__)
#define GD_VECTOR_BYTES 32
#define GD_ROWS 6
#else
#define GD_VECTOR_BYTES 16
#define GD_ROWS 6
#endif

#define T float
#define S f32
#if GD_VECTOR_BYTES == 64
#define FULL 16
#elif GD_VECTOR_BYTES == 32
#define FULL 8
#else
#define FULL 4
#endif
#include "product_body.h"

#define T double
#define S f64
#if GD_VECTOR_BYTES == 64
#define FULL 8
#elif GD_VECTOR_BYTES == 32
#define FULL 4
#else
#define FULL 2
#endif
#include "product_body.h"

#endif
