/* test_micro.c: what micro-operations mean, by known values (NumPy's), and what holds for every one of them: an
 * element's bits do not depend on its place, nor on whether an operand is a scalar or all equal, nor on the result
 * being written over an operand. What is done in one pass gives the bits of its parts.
 */
#include "../program/isa.h"
#include "harness.h"

enum { N = 67 };

static int64_t ints(const char *name, int dtype, int64_t x, int64_t y) {
    int64_t z = 0;
    if (dtype == GD_I32) {
        int32_t a = (int32_t)x, b = (int32_t)y, c;
        gd_isa_current()->micro[gd_microop(name)][GD_I32](&c, &a, &b, NULL, 1);
        return c;
    }
    gd_isa_current()->micro[gd_microop(name)][GD_I64](&z, &x, &y, NULL, 1);
    return z;
}

static double floats(const char *name, double x, double y) {
    double z;
    gd_isa_current()->micro[gd_microop(name)][GD_F64](&z, &x, &y, NULL, 1);
    float a = (float)x, b = (float)y, c;
    gd_isa_current()->micro[gd_microop(name)][GD_F32](&c, &a, &b, NULL, 1);
    if ((double)(float)x == x && (double)(float)y == y) /* what is exact in float32 is so in both */
        CHECK(fabs((double)c - z) <= 1e-6 * (1 + fabs(z)) || (double)c == z || (isnan(c) && isnan(z)) || fabs(z) > 3e38,
              "%s(%g, %g): %g and %g", name, x, y, (double)c, z);
    return z;
}

static void test_integers(void) {
    static const int dtypes[] = {GD_I32, GD_I64};
    for (int d = 0; d < 2; d++) {
        int t = dtypes[d], bits = t == GD_I32 ? 32 : 64;
        int64_t least = t == GD_I32 ? INT32_MIN : INT64_MIN, most = t == GD_I32 ? INT32_MAX : INT64_MAX;
        static const int64_t floor_div[][4] = {{7, 2, 3, 1},    {-7, 2, -4, 1}, {7, -2, -4, -1},
                                               {-7, -2, 3, -1}, {6, 3, 2, 0},   {-6, 3, -2, 0},
                                               {5, 0, 0, 0},    {-5, 0, 0, 0},  {0, 5, 0, 0}};
        for (size_t i = 0; i < sizeof floor_div / sizeof *floor_div; i++) {
            const int64_t *c = floor_div[i];
            CHECK(ints("floor_divide", t, c[0], c[1]) == c[2], "%lld // %lld", (long long)c[0], (long long)c[1]);
            CHECK(ints("remainder", t, c[0], c[1]) == c[3], "%lld %% %lld", (long long)c[0], (long long)c[1]);
        }
        CHECK(ints("floor_divide", t, least, -1) == least && ints("remainder", t, least, -1) == 0);
        CHECK(ints("add", t, most, 1) == least && ints("subtract", t, least, 1) == most &&
              ints("multiply", t, most, 2) == -2);
        CHECK(ints("negative", t, least, 0) == least && ints("abs", t, least, 0) == least &&
              ints("abs", t, -3, 0) == 3);
        CHECK(ints("square", t, most, 0) == 1 && ints("sign", t, least, 0) == -1 && ints("sign", t, 0, 0) == 0);
        CHECK(ints("pow", t, 3, 4) == 81 && ints("pow", t, -2, 3) == -8 && ints("pow", t, 0, 0) == 1 &&
              ints("pow", t, 2, bits) == 0);
        CHECK(ints("pow", t, 1, -5) == 1 && ints("pow", t, -1, -5) == -1 && ints("pow", t, -1, -4) == 1 &&
              ints("pow", t, 2, -1) == 0);
        CHECK(ints("bitwise_left_shift", t, 3, bits - 1) == least && ints("bitwise_left_shift", t, 1, bits) == 0);
        CHECK(ints("bitwise_left_shift", t, 1, -1) == 0 && ints("bitwise_left_shift", t, -1, 1) == -2);
        CHECK(ints("bitwise_right_shift", t, -8, 1) == -4 && ints("bitwise_right_shift", t, -8, bits) == -1);
        CHECK(ints("bitwise_right_shift", t, 8, bits + 5) == 0 && ints("bitwise_right_shift", t, -8, -1) == -1);
        CHECK(ints("bitwise_and", t, 12, 10) == 8 && ints("bitwise_or", t, 12, 10) == 14 &&
              ints("bitwise_xor", t, 12, 10) == 6);
        CHECK(ints("bitwise_invert", t, 5, 0) == -6 && ints("relu", t, -5, 0) == 0 && ints("relu", t, 5, 0) == 5);
        CHECK(ints("maximum", t, -5, 3) == 3 && ints("minimum", t, -5, 3) == -5);
    }
}

static void test_floats(void) {
    const double inf = INFINITY, nan = NAN;
    CHECK(floats("floor_divide", 7, 2) == 3 && floats("floor_divide", -7, 2) == -4 &&
          floats("floor_divide", 7, -2) == -4);
    CHECK(floats("remainder", 7, 2) == 1 && floats("remainder", -7, 2) == 1 && floats("remainder", 7, -2) == -1);
    CHECK(floats("remainder", -1, inf) == inf && floats("remainder", 1, inf) == 1 &&
          floats("floor_divide", -1, inf) == -1);
    CHECK(isnan(floats("remainder", 1, 0)) && floats("floor_divide", 1, 0) == inf &&
          isnan(floats("floor_divide", 0, 0)));
    CHECK(signbit(floats("remainder", -4, 2)) == 0 && signbit(floats("remainder", 4, -2)) &&
          signbit(floats("floor_divide", -0.0, 2)));
    CHECK(floats("remainder", 1, 0.1) < 0.1 && floats("floor_divide", 1, 0.1) == 9);
    CHECK(isnan(floats("maximum", nan, 1)) && isnan(floats("maximum", 1, nan)) && isnan(floats("minimum", nan, 1)) &&
          isnan(floats("minimum", 1, nan)));
    CHECK(floats("maximum", -inf, 1) == 1 && floats("minimum", -inf, 1) == -inf);
    CHECK(isnan(floats("sign", nan, 0)) && floats("sign", -3, 0) == -1 && floats("sign", 0, 0) == 0);
    CHECK(floats("round", 0.5, 0) == 0 && floats("round", 1.5, 0) == 2 && floats("round", 2.5, 0) == 2 &&
          floats("round", -0.5, 0) == 0);
    CHECK(signbit(floats("round", -0.5, 0)) && signbit(floats("ceil", -0.5, 0)) && floats("floor", -0.5, 0) == -1 &&
          floats("trunc", -1.5, 0) == -1);
    CHECK(isnan(floats("relu", nan, 0)) && floats("relu", -1, 0) == 0 && floats("relu", inf, 0) == inf);
    CHECK(floats("copysign", 3, -0.0) == -3 && isnan(floats("sqrt", -1, 0)) && floats("rsqrt", 0, 0) == inf);
    CHECK(floats("hypot", inf, nan) == inf && fabs(floats("hypot", 3e200, 4e200) - 5e200) < 1e186 &&
          floats("hypot", 3, 4) == 5);
    CHECK(floats("xlogy", 0, 0) == 0 && floats("xlogy", 0, -1) == 0 && isnan(floats("xlogy", 0, nan)) &&
          floats("xlogy", 2, 0) == -inf);
    CHECK(floats("pow", 0, 0) == 1 && floats("pow", nan, 0) == 1 && floats("pow", -2, 3) == -8 &&
          isnan(floats("pow", -2, 0.5)));
    CHECK(floats("sigmoid", -1000, 0) == 0 && floats("sigmoid", 1000, 0) == 1 && floats("softplus", 1000, 0) == 1000);
    CHECK(floats("softplus", -1000, 0) == 0 && floats("softplus", -700, 0) == exp(-700) &&
          floats("sigmoid", -700, 0) == exp(-700));
}

static void test_casts(void) {
    const gd_isa_table *isa = gd_isa_current();
    double x[] = {0.9,      -0.9,      2147483647.0, 2147483648.0, -2147483648.0, -2147483649.0,
                  INFINITY, -INFINITY, NAN,          9.3e18,       -9.3e18,       0.0};
    enum { M = sizeof x / sizeof *x };
    float f[M];
    int32_t i[M];
    int64_t l[M];
    uint8_t b[M];
    isa->cast[GD_F64][GD_I32](i, x, NULL, NULL, M);
    isa->cast[GD_F64][GD_I64](l, x, NULL, NULL, M);
    isa->cast[GD_F64][GD_BOOL](b, x, NULL, NULL, M);
    isa->cast[GD_F64][GD_F32](f, x, NULL, NULL, M);
    int32_t want_i[] = {0,         0,         INT32_MAX, INT32_MIN, INT32_MIN, INT32_MIN,
                        INT32_MIN, INT32_MIN, INT32_MIN, INT32_MIN, INT32_MIN, 0};
    int64_t want_l[] = {0,         0,         2147483647, 2147483648, -2147483648, -2147483649,
                        INT64_MIN, INT64_MIN, INT64_MIN,  INT64_MIN,  INT64_MIN,   0};
    for (int k = 0; k < M; k++) {
        CHECK(i[k] == want_i[k] && l[k] == want_l[k] && b[k] == (x[k] != 0), "%g", x[k]);
        CHECK(f[k] == (float)x[k] || isnan(x[k]));
    }
    isa->cast[GD_F32][GD_I32](i, f, NULL, NULL, M);
    CHECK(i[2] == INT32_MIN && i[0] == 0 && i[8] == INT32_MIN);
    isa->cast[GD_I64][GD_I32](i, l, NULL, NULL, M);
    CHECK(i[3] == INT32_MIN && i[5] == INT32_MAX, "integers wrap");
    uint8_t two = 2;
    isa->cast[GD_BOOL][GD_F32](f, &two, NULL, NULL, 1);
    CHECK(f[0] == 1, "what is not 0 is true");
}

static void fill(char *to, int dtype) {
    for (int i = 0; i < N; i++) {
        static const double odd[] = {0.0, -0.0, INFINITY, -INFINITY, NAN, 1e-42, 3e38, -1, 1};
        double d =
            random_below(5) == 0 ? odd[random_below(9)] : (random_unit() - 0.5) * ldexp(1, (int)random_below(12));
        float f = (float)d;
        int64_t l = random_below(20) - 10;
        if (dtype == GD_F32) memcpy(to + 4 * i, &f, 4);
        else if (dtype == GD_F64) memcpy(to + 8 * i, &d, 8);
        else if (dtype == GD_BOOL) to[i] = (char)(random_bits() & 1);
        else memcpy(to + item_bytes(dtype) * i, &l, (size_t)item_bytes(dtype));
    }
}

static int same(const char *x, const char *y, int dtype, int n) {
    for (int i = 0; i < n; i++) {
        if (memcmp(x + i * item_bytes(dtype), y + i * item_bytes(dtype), (size_t)item_bytes(dtype)) == 0) continue;
        double a, b;
        float f, g;
        if (dtype > GD_F64) return 0;
        memcpy(&f, x + 4 * i, 4), memcpy(&g, y + 4 * i, 4);
        if (dtype == GD_F32) a = f, b = g;
        else memcpy(&a, x + 8 * i, 8), memcpy(&b, y + 8 * i, 8);
        if (!isnan(a) || !isnan(b)) return 0; /* any NaN is as good as another */
    }
    return 1;
}

static void test_all(int rounds) {
    static char operand[3][8 * N], out[8 * N], one[8 * N], spread[3][8 * N];
    const gd_isa_table *isa = gd_isa_current();
    for (int m = 0; m < GD_MICRO_COUNT; m++)
        for (int d = 0; d < GD_DTYPE_COUNT; d++) {
            gd_micro_fn fn = isa->micro[m][d];
            if (fn == NULL) continue;
            const char *name = gd_microop_name(m);
            int result = gd_micros[m].result == 'B' ? GD_BOOL : d, is_where = m == GD_MICRO_where;
            int64_t item = item_bytes(result);
            for (int round = 0; round < rounds; round++) {
                int64_t size[3];
                for (int k = 0; k < 3; k++) {
                    int dtype = is_where && k == 0 ? GD_BOOL : d;
                    size[k] = item_bytes(dtype);
                    fill(operand[k], dtype);
                }
                fn(out, operand[0], operand[1], operand[2], N);
                for (int i = 0; i < N; i++)
                    fn(one + item * i, operand[0] + size[0] * i, operand[1] + size[1] * i, operand[2] + size[2] * i, 1);
                CHECK(same(out, one, result, N), "%s, dtype %d: the place matters", name, d);
                for (int form = 1; form < GD_SCALAR_FORMS; form++) {
                    gd_micro_fn scalar = isa->scalar[m][d][form];
                    if (scalar == NULL) continue;
                    for (int k = 0; k < 3; k++)
                        for (int i = 0; i < N; i++)
                            memcpy(spread[k] + size[k] * i, operand[k] + (form >> k & 1 ? 0 : size[k] * i),
                                   (size_t)size[k]);
                    fn(out, spread[0], spread[1], spread[2], N);
                    scalar(one, operand[0], operand[1], operand[2], N);
                    CHECK(same(out, one, result, N), "%s, dtype %d, form %d", name, d, form);
                }
                if (result == d && !is_where) {
                    fn(out, operand[0], operand[1], operand[2], N);
                    memcpy(one, operand[0], sizeof one);
                    fn(one, one, operand[1], operand[2], N);
                    CHECK(same(out, one, result, N), "%s, dtype %d: in place", name, d);
                }
            }
        }
}

/* a pair is its first operation, then its second, bit by bit */
static void test_pairs(void) {
    static const char *const firsts[] = {"add", "subtract", "multiply", "negative"};
    static const char *const seconds[] = {"add", "subtract", "subtract_from", "multiply", "exp"};
    static char operand[3][8 * N], between[8 * N], apart[8 * N], together[8 * N];
    const gd_isa_table *isa = gd_isa_current();
    int found = 0;
    for (int f = 0; f < 4; f++)
        for (int s = 0; s < 5; s++)
            for (int d = GD_F32; d <= GD_F64; d++) {
                char name[64];
                snprintf(name, sizeof name, "%s_%s", firsts[f], seconds[s]);
                if (gd_microop(name) < 0) continue;
                int is_from = strcmp(seconds[s], "subtract_from") == 0;
                for (int k = 0; k < 3; k++) fill(operand[k], d);
                isa->micro[gd_microop(firsts[f])][d](between, operand[0], operand[1], NULL, N);
                const char *x = is_from ? operand[2] : between, *y = is_from ? between : operand[2];
                isa->micro[gd_microop(is_from ? "subtract" : seconds[s])][d](apart, x, y, NULL, N);
                isa->micro[gd_microop(name)][d](together, operand[0], operand[1], operand[2], N);
                CHECK(same(apart, together, d, N), "%s, dtype %d", name, d);
                found++;
            }
    CHECK(found == 2 * 15);
}

/* a sum of products is the products, each of its factors converted first, then their sum, bit by bit */
static void test_dots(void) {
    enum { MOST = 1100 };
    static const int sizes[][3] = {{1, MOST, 1}, {1, 1, 1},   {3, 31, 1}, {2, 32, 1}, {9, 5, 1}, {20, 17, 1},
                                   {3, 257, 1},  {1, 64, 16}, {2, 3, 40}, {4, 1, 7},  {2, 5, 3}, {1, 1000, 1}};
    static double factor[2][MOST], converted[2][MOST], product[MOST], apart[MOST], together[MOST];
    const gd_isa_table *isa = gd_isa_current();
    int found = 0;
    for (int from = 0; from < GD_DTYPE_COUNT; from++)
        for (int to = 0; to < GD_DTYPE_COUNT; to++) {
            gd_fold_fn dot = isa->dot[from][to];
            if (dot == NULL) continue;
            found++;
            for (int k = 0; k < 2; k++) {
                for (int i = 0; i < MOST; i++) {
                    double x = random_unit() - 0.3;
                    if (from == GD_F32) ((float *)factor[k])[i] = (float)x;
                    else factor[k][i] = x;
                }
                isa->cast[from][to](converted[k], factor[k], NULL, NULL, MOST);
            }
            isa->micro[GD_MICRO_multiply][to](product, converted[0], converted[1], NULL, MOST);
            for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
                int outer = sizes[i][0], length = sizes[i][1], inner = sizes[i][2];
                isa->fold[GD_REDUCE_sum][to](apart, product, NULL, outer, length, inner);
                dot(together, factor[0], factor[1], outer, length, inner);
                CHECK(same((char *)apart, (char *)together, to, outer * inner), "dtypes %d and %d, %d x %d x %d", from,
                      to, outer, length, inner);
            }
        }
    CHECK(found == 3);
}

int main(void) {
    need_isa();
    test_integers();
    test_floats();
    test_pairs();
    test_dots();
    test_casts();
    test_all(20);
    return report();
}
