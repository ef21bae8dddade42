/* product.h: the core's own matrix product C = alpha A B (+ C), for sizes where it beats a BLAS call, for strides
 * that a BLAS cannot take and for machines without one.
 *
 * Invariants: the order of every sum depends on the shape and strides only; C is not read unless accumulating;
 * k = 0 writes zeros. It knows nothing of instructions, batches, bias or activations.
 */
#ifndef GD_PRODUCT_H
#define GD_PRODUCT_H
#include "../program/kernel.h"

/* row and column strides in elements, any sign and zero; the column stride of C is 1 unless n is 1 */
typedef struct {
    int64_t m, n, k;
    int64_t a_row, a_col, b_row, b_col, c_row;
    double alpha;
    int accumulate;
} gd_product;

/* what is packed at once: a block of A of rows x depth, and some strips of B side by side, depth x two vectors each */
enum {
    GD_PRODUCT_DEPTH = 256,
    GD_PRODUCT_STRIPS = 4,
    GD_PRODUCT_STRIP_BYTES = 128,
    GD_PRODUCT_BLOCK_BYTES = 1 << 19,
    GD_PRODUCT_DEEP = 64
};
/* up to so many rows of A, contiguous columns of B are read as dot products rather than packed */
enum { GD_PRODUCT_DOT_ROWS = 4 };
/* so many products of a shape are done side by side, one in each lane, where their factors and results have no more than
 * so many elements together */
enum { GD_PRODUCT_LANES = 32, GD_PRODUCT_LANES_MOST = 108 };

/* A strip of B that many rows of A meet should stay in L1: where its rows are a large power of two apart, or a
 * multiple, they share few of the sets there. For fewer rows gathering costs as much as it saves. */
static inline int gd_product_strip_collides(const gd_product *p, int64_t item) {
    enum { MANY = 48, WAY_BYTES = 4096, WAYS = 8 };
    int64_t apart = (p->b_row < 0 ? -p->b_row : p->b_row) * item, power = apart & -apart;
    if (p->m <= MANY || power < WAY_BYTES / 4) return 0;
    int64_t depth = gd_min(p->k, GD_PRODUCT_DEPTH);
    return depth > (power < WAY_BYTES ? WAY_BYTES / power : 1) * WAYS;
}

/* B is gathered where its columns are not contiguous (and no dot product serves), where it outgrows the caches and
 * where its rows would drive each other out of L1 */
static inline int gd_product_packs_b(const gd_product *p, int64_t item) {
    return (p->b_col != 1 && p->n > 1) || (p->m > 16 && p->k * p->n * item > (INT64_C(1) << 17)) ||
           gd_product_strip_collides(p, item);
}
/* rows of A in one block */
static inline int64_t gd_product_rows(int64_t item) { return GD_PRODUCT_BLOCK_BYTES / (GD_PRODUCT_DEPTH * item); }
static inline int gd_product_packs_a(const gd_product *p, int64_t item) {
    return p->n > 128 && p->m * p->k * item > (INT64_C(1) << 16);
}

/* bytes of scratch, the same for every instruction set */
static inline int64_t gd_product_scratch(const gd_product *p, int64_t item) {
    int64_t depth = gd_min(p->k, GD_PRODUCT_DEPTH), bytes = 0;
    if (gd_product_packs_b(p, item)) bytes += depth * GD_PRODUCT_STRIPS * GD_PRODUCT_STRIP_BYTES;
    if (gd_product_packs_a(p, item)) bytes += depth * gd_min(gd_round_up(p->m, 8), gd_product_rows(item)) * item;
    return gd_round_up(bytes, GD_ALIGN);
}

/* whether each element of C is a dot product of contiguous vectors, summed as such */
static inline int gd_product_is_dots(const gd_product *p) {
    int is_column = p->n == 1 && p->a_row == 1 && p->c_row == 1 && p->m > 1;
    int few = p->n == 1 || (p->m <= GD_PRODUCT_DOT_ROWS && p->b_col != 1);
    return !is_column && few && p->b_row == 1 && p->a_col == 1;
}

/* elements of scratch for products side by side */
static inline int64_t gd_product_lanes_scratch(const gd_product *p) {
    return GD_PRODUCT_LANES * (p->m * p->k + p->k * p->n + p->m * p->n);
}

#ifndef GD_PREPARE
/* a, b, c: of each of `lanes` products; the same bits as one by one */
void GD_ISA_NAME(gd_products_f32)(const gd_product *p, int lanes, const float *const *a, const float *const *b,
                                  float *const *c, float *scratch);
void GD_ISA_NAME(gd_products_f64)(const gd_product *p, int lanes, const double *const *a, const double *const *b,
                                  double *const *c, double *scratch);
void GD_ISA_NAME(gd_product_f32)(const gd_product *p, const float *a, const float *b, float *c, void *scratch);
void GD_ISA_NAME(gd_product_f64)(const gd_product *p, const double *a, const double *b, double *c, void *scratch);
#endif
#endif
