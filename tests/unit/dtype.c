/* Dtype traits, and conversions against references that look nothing like the kernels: all 65,536 patterns of both
 * 16-bit formats both ways, and narrowing against a search for the nearest value. */
#include "test.h"

#include <math.h>

#include "clade/kernels.h"
#include "clade/rng.h"
#include "clade/tensor.h"

enum { PATTERNS = 65536 };

static uint16_t patterns[PATTERNS], narrowed[PATTERNS];
static float widened[PATTERNS];

static uint32_t bits_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static float float_of(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* The value of a 16-bit float with EXPONENT_BITS, from the definition. */
static double value_of(uint16_t pattern, int exponent_bits)
{
    int mantissa_bits = 15 - exponent_bits, bias = (1 << (exponent_bits - 1)) - 1;
    int exponent = (pattern >> mantissa_bits) & ((1 << exponent_bits) - 1);
    int mantissa = pattern & ((1 << mantissa_bits) - 1);
    double sign = pattern & 0x8000 ? -1 : 1;
    if (exponent == (1 << exponent_bits) - 1)
        return mantissa ? NAN : sign * INFINITY;
    if (exponent == 0)
        return sign * ldexp(mantissa, 1 - bias - mantissa_bits);
    return sign * ldexp(mantissa + (1 << mantissa_bits), exponent - bias - mantissa_bits);
}

static void check_patterns(clade_dtype dtype, int exponent_bits)
{
    for (size_t i = 0; i < PATTERNS; i++)
        patterns[i] = (uint16_t)i;
    clade_widen(dtype, patterns, PATTERNS, widened);
    clade_narrow(dtype, widened, PATTERNS, narrowed);
    for (size_t i = 0; i < PATTERNS; i++) {
        double expected = value_of(patterns[i], exponent_bits);
        if (isnan(expected)) {
            assert_true(isnan(widened[i]));
            assert_true(isnan(value_of(narrowed[i], exponent_bits)));
        } else {
            assert_true((double)widened[i] == expected);
            assert_int_equal(signbit(widened[i]) != 0, patterns[i] >> 15);
            assert_int_equal(narrowed[i], patterns[i]);
        }
    }
}

static void test_all_patterns(void **state)
{
    (void)state;
    check_patterns(CLADE_F16, 5);
    check_patterns(CLADE_BF16, 8);
}

/* Nearest to even, from the definition: positive patterns are in the order of their values, so bisect for the pair
 * around |X| and compare distances; beyond the middle of the last pair lies infinity. */
static uint16_t nearest(float x, int exponent_bits)
{
    uint16_t sign = signbit(x) ? 0x8000 : 0, infinity = (uint16_t)(((1 << exponent_bits) - 1) << (15 - exponent_bits));
    double size = fabs((double)x);
    if (isinf(x))
        return sign | infinity;
    uint16_t low = 0, high = infinity;
    while (high - low > 1) {
        uint16_t middle = (uint16_t)((low + high) / 2);
        if (value_of(middle, exponent_bits) <= size)
            low = middle;
        else
            high = middle;
    }
    double below = value_of(low, exponent_bits);
    /* as if the exponent had no end */
    double above =
        high == infinity ? 2 * below - value_of((uint16_t)(low - 1), exponent_bits) : value_of(high, exponent_bits);
    double to_below = size - below, to_above = above - size;
    uint16_t chosen = to_below < to_above || (to_below == to_above && low % 2 == 0) ? low : high;
    return sign | chosen;
}

static void check_narrow(clade_dtype dtype, int exponent_bits, const float *x, size_t n)
{
    size_t tables;
    const clade_kernels *const *table = clade_kernels_available(&tables);
    for (size_t t = 0; t < tables; t++) {
        (dtype == CLADE_F16 ? table[t]->narrow_f16 : table[t]->narrow_bf16)(n, x, narrowed);
        for (size_t i = 0; i < n; i++) {
            if (isnan(x[i]))
                assert_true(isnan(value_of(narrowed[i], exponent_bits)));
            else if (narrowed[i] != nearest(x[i], exponent_bits))
                fail_msg("%s: %a gives %04x, expected %04x", table[t]->name, (double)x[i], narrowed[i],
                         nearest(x[i], exponent_bits));
        }
        (dtype == CLADE_F16 ? table[t]->widen_f16 : table[t]->widen_bf16)(n, narrowed, widened);
        for (size_t i = 0; i < n; i++)
            assert_true(isnan(x[i]) ? isnan(widened[i]) : (double)widened[i] == value_of(narrowed[i], exponent_bits));
    }
}

static void test_narrow_rounding(void **state)
{
    (void)state;
    enum { N = 40000 };
    static float x[N];
    uint64_t key = 7;
    clade_rng rng = clade_rng_keyed(&key, 1);
    size_t n = 0;
    while (n < N / 2) /* any bits at all */
        x[n++] = float_of((uint32_t)clade_rng_next(&rng));
    while (n + 3 < N) { /* around the middles between neighbours of both formats */
        uint64_t draw = clade_rng_next(&rng);
        float f16_middle = (float)value_of((uint16_t)(draw % 0x7c00), 5) + (float)ldexp(1, -25);
        uint32_t middle = ((uint32_t)(draw >> 20) & 0xffff0000) | 0x8000;
        uint32_t exact = (bits_of((float)value_of((uint16_t)((draw >> 3) % 0x7c00), 5)) & 0xffffe000) | 0x1000;
        x[n++] = f16_middle;
        x[n++] = float_of(middle + (uint32_t)(draw >> 61) - 2);
        x[n++] = float_of(exact + (uint32_t)(draw >> 62) - 1);
    }
    const float edges[] = {65504,     65519.996f,      65520,    -65520,     65536,    3.4028235e38f, -3.3961776e38f,
                           0x1p-25f,  0x1.000002p-25f, 0x1p-24f, 0x1.8p-24f, 0x1p-14f, 0x1.ffcp-15f,  0x1.ffep-15f,
                           0x1p-149f, -0.0f,           0,        NAN,        INFINITY};
    memcpy(x, edges, sizeof edges);
    check_narrow(CLADE_F16, 5, x, n);
    check_narrow(CLADE_BF16, 8, x, n);
}

static void test_other_dtypes(void **state)
{
    (void)state;
    const float x[] = {1.5f, -0.0f, 0x1p-149f, INFINITY, NAN};
    unsigned char room[64];
    for (size_t shift = 0; shift < 8; shift++) {
        float back[5];
        clade_narrow(CLADE_F32, x, 5, room + shift);
        clade_widen(CLADE_F32, room + shift, 5, back);
        assert_memory_equal(back, x, sizeof x);
        clade_narrow(CLADE_F64, x, 5, room + shift);
        clade_widen(CLADE_F64, room + shift, 5, back);
        assert_memory_equal(back, x, 4 * sizeof x[0]);
        assert_true(isnan(back[4]));
        clade_narrow(CLADE_BF16, x, 5, room + shift);
        clade_widen(CLADE_BF16, room + shift, 5, back);
        assert_true(back[0] == 1.5f && back[2] == 0 && isinf(back[3]) && isnan(back[4]));
    }
    const double wide[] = {1.0 + 0x1p-24, 1.0 + 0x1.8p-23, 1e300, -1e-320};
    float narrow[4];
    clade_widen(CLADE_F64, wide, 4, narrow);
    assert_true(narrow[0] == 1.0f && narrow[1] == 1.0f + 0x1p-22f && isinf(narrow[2]) && narrow[3] == 0);
}

/* A long tensor at an odd address is the same as one at an even address. */
static void test_odd_address(void **state)
{
    (void)state;
    enum { N = 3000 };
    static unsigned char room[2 * N + 1], out[2 * N + 1];
    static float even[N], odd[N];
    for (size_t i = 0; i < N; i++)
        memcpy(room + 1 + 2 * i, &(uint16_t){(uint16_t)(i * 7)}, 2);
    clade_widen(CLADE_F16, room + 1, N, odd);
    for (size_t i = 0; i < N; i++)
        patterns[i] = (uint16_t)(i * 7);
    clade_widen(CLADE_F16, patterns, N, even);
    assert_memory_equal(even, odd, sizeof even);
    clade_narrow(CLADE_F16, even, N, out + 1);
    assert_memory_equal(out + 1, patterns, 2 * N);
}

static void test_traits(void **state)
{
    (void)state;
    for (int i = 0; i < CLADE_DTYPE_COUNT; i++) {
        clade_dtype found = CLADE_DTYPE_COUNT;
        const clade_dtype_traits *traits = clade_dtype_of((clade_dtype)i);
        assert_true(clade_dtype_parse(traits->name, &found));
        assert_int_equal(found, i);
        if (traits->torch_name) {
            assert_true(clade_dtype_parse(traits->torch_name, &found));
            assert_int_equal(found, i);
        }
        assert_false(traits->mergeable && traits->integer);
        assert_true(traits->bits > 0 && traits->bits <= 64);
    }
    clade_dtype untouched = CLADE_I8;
    assert_false(clade_dtype_parse("f32", &untouched));
    assert_false(clade_dtype_parse("", &untouched));
    assert_int_equal(untouched, CLADE_I8);
}

static void test_shapes(void **state)
{
    (void)state;
    const uint64_t shape[] = {768, 3, 7}, other[] = {768, 3, 8};
    clade_tensor a = {.rank = 3, .shape = shape}, b = {.rank = 3, .shape = other}, scalar = {0};
    char text[32];
    assert_true(clade_tensor_same_shape(&a, &a));
    assert_false(clade_tensor_same_shape(&a, &b));
    assert_false(clade_tensor_same_shape(&a, &scalar));
    assert_true(clade_tensor_same_shape(&scalar, &scalar));
    assert_string_equal(clade_tensor_shape_text(&a, text, sizeof text), "[768, 3, 7]");
    assert_string_equal(clade_tensor_shape_text(&scalar, text, sizeof text), "[]");
    assert_string_equal(clade_tensor_shape_text(&a, text, 12), "[768, 3, 7]");
    assert_string_equal(clade_tensor_shape_text(&a, text, 11), "[768, 3...");
    assert_string_equal(clade_tensor_shape_text(&a, text, 8), "[768...");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_patterns), cmocka_unit_test(test_narrow_rounding),
        cmocka_unit_test(test_other_dtypes), cmocka_unit_test(test_odd_address),
        cmocka_unit_test(test_traits),       cmocka_unit_test(test_shapes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
