/* random.c: random numbers as functions of a key and a position: Philox4x32-10 (Salmon, Moraes, Dror and Shaw,
 * "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
 *
 * Stream layout, part of the interface: it does not change with threads, instruction sets or the number of elements.
 *   key      low and high 32 bits of the 64-bit key
 *   counter  (block, low 32 bits; block, high 32 bits; attempt; stream)   stream: the payload's, so that different
 *            kinds of numbers drawn with one key have nothing in common
 *   words    w0..w3 of a block
 *   f32      element i: word i % 4 of block i / 4, (w >> 8) * 2^-24, in [0, 1)
 *   f64      element i: words w, w' = 2(i % 2), 2(i % 2) + 1 of block i / 2, u = w + 2^32 w', (u >> 11) * 2^-53
 *   i64      element i: the same u; the high 64 bits of u * span, where the low 64 bits are below 2^64 mod span
 *            rejected and drawn again with attempt + 1 (Lemire 2019): every value is exactly equally likely.
 *            A span of 0 or less gives 0.
 *
 * Invariant: an element depends on key, stream, its index and its span alone. It must not know who asks.
 *
 *   random   key (i64, one), [span (i64, one or as many as the result)] -> f32, f64 or i64     [stream]
 */
#include "../program/kernel.h"
#include "params.h"

enum { LANES = 16, PART = 1 << 14 }; /* blocks made together; elements of a part, a multiple of 4 * LANES */

typedef struct {
    int64_t count, dtype, span_step;
    uint32_t stream;
} random_block;

#ifdef GD_PREPARE

enum { STREAM, N_PARAMS };

int gd_prepare_random(gd_prepare *p) {
    int status = gd_params_check(p, 1, 2, 1, N_PARAMS);
    if (status != GD_OK) return status;
    int64_t stream = gd_params(p)[STREAM], n = gd_operand(p, p->n_reads)->count;
    if (stream < 0 || stream > UINT32_MAX) return gd_params_fail(p, GD_ERR_FORMAT, STREAM);
    int integers = p->n_reads == 2; /* a span makes them integers */
    int64_t spans = integers ? gd_operand(p, 1)->count : 1;
    if (spans != 1 && spans != n) return gd_prepare_fail(p, GD_ERR_SHAPE, -1, spans);
    if ((status = gd_params_operand(p, 0, 1 << GD_I64, 1, 1, 1)) != GD_OK ||
        (integers && (status = gd_params_operand(p, 1, 1 << GD_I64, spans, 1, 1)) != GD_OK) ||
        (status = gd_params_operand(p, p->n_reads, integers ? 1 << GD_I64 : GD_FLOATS, n, 1, 1)) != GD_OK)
        return status;
    random_block *b = p->block = gd_prepare_block(p, sizeof *b);
    if (b == NULL) return GD_ERR_MEMORY;
    *b = (random_block){n, gd_operand(p, p->n_reads)->dtype, spans != 1, (uint32_t)stream};
    p->parts = gd_max(1, gd_ceil_div(n, PART));
    return GD_OK;
}

#else

/* blocks first .. first + LANES - 1; out[word][lane] */
static inline void make_blocks(uint64_t key, uint64_t first, uint32_t attempt, uint32_t stream,
                               uint32_t out[4][LANES]) {
    uint32_t c0[LANES], c1[LANES], c2[LANES], c3[LANES];
    for (int l = 0; l < LANES; l++) {
        uint64_t block = first + (uint64_t)l;
        c0[l] = (uint32_t)block;
        c1[l] = (uint32_t)(block >> 32);
        c2[l] = attempt;
        c3[l] = stream;
    }
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    for (int round = 0; round < 10; round++) {
        for (int l = 0; l < LANES; l++) {
            uint64_t a = (uint64_t)c0[l] * UINT32_C(0xD2511F53), b = (uint64_t)c2[l] * UINT32_C(0xCD9E8D57);
            uint32_t x0 = (uint32_t)(b >> 32) ^ c1[l] ^ k0, x2 = (uint32_t)(a >> 32) ^ c3[l] ^ k1;
            c0[l] = x0;
            c1[l] = (uint32_t)b;
            c2[l] = x2;
            c3[l] = (uint32_t)a;
        }
        k0 += UINT32_C(0x9E3779B9);
        k1 += UINT32_C(0xBB67AE85);
    }
    for (int l = 0; l < LANES; l++) {
        out[0][l] = c0[l];
        out[1][l] = c1[l];
        out[2][l] = c2[l];
        out[3][l] = c3[l];
    }
}

static inline uint64_t pair(uint32_t words[4][LANES], int64_t i) {
    int lane = (int)(i / 2), w = 2 * (int)(i % 2);
    return words[w][lane] | (uint64_t)words[w + 1][lane] << 32;
}

static void draw_f32(const random_block *b, uint64_t key, int64_t first, int64_t n, float *out) {
    uint32_t words[4][LANES];
    for (int64_t i = 0; i < n; i += 4 * LANES) {
        make_blocks(key, (uint64_t)(first + i) / 4, 0, b->stream, words);
        int64_t m = gd_min(n - i, 4 * LANES);
        for (int64_t j = 0; j < m; j++) out[i + j] = (float)(words[j % 4][j / 4] >> 8) * 0x1p-24f;
    }
}

static void draw_f64(const random_block *b, uint64_t key, int64_t first, int64_t n, double *out) {
    uint32_t words[4][LANES];
    for (int64_t i = 0; i < n; i += 2 * LANES) {
        make_blocks(key, (uint64_t)(first + i) / 2, 0, b->stream, words);
        int64_t m = gd_min(n - i, 2 * LANES);
        for (int64_t j = 0; j < m; j++) out[i + j] = (double)(pair(words, j) >> 11) * 0x1p-53;
    }
}

/* the product's high half; its low half in *low */
static inline uint64_t multiply_high(uint64_t a, uint64_t b, uint64_t *low) {
    uint64_t a0 = (uint32_t)a, a1 = a >> 32, b0 = (uint32_t)b, b1 = b >> 32;
    uint64_t middle = a1 * b0 + (a0 * b0 >> 32), middle2 = a0 * b1 + (uint32_t)middle;
    *low = a * b;
    return a1 * b1 + (middle >> 32) + (middle2 >> 32);
}

static void draw_i64(const random_block *b, uint64_t key, int64_t first, int64_t n, const int64_t *spans,
                     int64_t *out) {
    uint32_t words[4][LANES];
    for (int64_t i = 0; i < n; i += 2 * LANES) {
        make_blocks(key, (uint64_t)(first + i) / 2, 0, b->stream, words);
        int64_t m = gd_min(n - i, 2 * LANES);
        for (int64_t j = 0; j < m; j++) {
            int64_t at = first + i + j, bound = spans[at * b->span_step];
            uint64_t span = bound > 0 ? (uint64_t)bound : 1, low, high = multiply_high(pair(words, j), span, &low);
            if (low < span) {
                uint64_t rejected = (0 - span) % span; /* 2^64 mod span */
                for (uint32_t attempt = 1; low < rejected; attempt++) {
                    uint32_t again[4][LANES];
                    make_blocks(key, (uint64_t)at / 2, attempt, b->stream, again);
                    high = multiply_high(pair(again, at % 2), span, &low);
                }
            }
            out[i + j] = (int64_t)high;
        }
    }
}

int GD_ISA_NAME(gd_k_random)(const gd_call *call) {
    const random_block *b = (const random_block *)call->block;
    int64_t first = call->part * PART, n = gd_min(b->count - first, PART);
    uint64_t key = (uint64_t)*(const int64_t *)call->operands[0];
    switch (b->dtype) {
    case GD_F32: draw_f32(b, key, first, n, (float *)call->operands[1] + first); break;
    case GD_F64: draw_f64(b, key, first, n, (double *)call->operands[1] + first); break;
    default:
        draw_i64(b, key, first, n, (const int64_t *)call->operands[1], (int64_t *)call->operands[2] + first);
        break;
    }
    return GD_OK;
}

#endif
