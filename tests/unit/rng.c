/* What the golden numbers do not cover: keyed streams, ranges, the normal distribution. */
#include "test.h"

#include <math.h>
#include <stdbool.h>

#include "clade/hash.h"
#include "clade/rng.h"

static bool same(clade_rng a, clade_rng b)
{
    return a.state == b.state && a.increment == b.increment;
}

static void test_keyed(void **state)
{
    (void)state;
    const uint64_t keys[] = {1, 2, 3}, swapped[] = {2, 1, 3}, longer[] = {1, 2, 3, 0};
    clade_rng rng = clade_rng_keyed(keys, 3);
    assert_true(same(rng, clade_rng_keyed(longer, 3)));
    assert_false(same(rng, clade_rng_keyed(swapped, 3)));
    assert_false(same(rng, clade_rng_keyed(keys, 2)));
    assert_false(same(rng, clade_rng_keyed(longer, 4)));
    assert_true(rng.increment % 2 == 1);
    assert_true(rng.increment / 2 == clade_xxh64(keys, sizeof keys, 0x9e3779b97f4a7c15U));
    /* pinned: another number here would change every mask ever drawn */
    assert_true(clade_rng_next(&rng) == 0x48406cef5742482aU);
}

static void test_advance(void **state)
{
    (void)state;
    const uint64_t key = 9;
    clade_rng walked = clade_rng_keyed(&key, 1), start = walked;
    for (unsigned i = 0; i < 300; i++) {
        clade_rng jumped = start;
        clade_rng_advance(&jumped, i);
        assert_true(same(jumped, walked));
        clade_rng_advance(&jumped, -(clade_uint128)i);
        assert_true(same(jumped, start));
        clade_rng_next(&walked);
    }
}

static void test_pcg32(void **state)
{
    (void)state;
    const uint64_t keys[] = {1, 2, 3}, swapped[] = {2, 1, 3};
    clade_pcg32 rng = clade_pcg32_keyed(keys, 3), other = clade_pcg32_keyed(swapped, 3), jumped = rng;
    assert_true(rng.increment == clade_pcg32_seeded(0, clade_xxh64(keys, sizeof keys, 0x9e3779b97f4a7c15U)).increment);
    assert_true(rng.state != other.state && rng.increment != other.increment);
    for (unsigned i = 0; i < 300; i++) {
        clade_pcg32 far = jumped;
        clade_pcg32_advance(&far, i);
        assert_true(far.state == rng.state);
        clade_pcg32_next(&rng);
    }
    /* pinned: another number here would change every mask ever drawn */
    assert_int_equal(clade_pcg32_next(&jumped), 0x8783818a);
}

static void test_threshold(void **state)
{
    (void)state;
    assert_int_equal(clade_pcg32_threshold(0), 0);
    assert_int_equal(clade_pcg32_threshold(0.5), 0x80000000);
    assert_int_equal(clade_pcg32_threshold(0x1p-32), 1);
    assert_int_equal(clade_pcg32_threshold(0x1p-33), 1);
    assert_int_equal(clade_pcg32_threshold(0x1p-34), 0);
    assert_int_equal(clade_pcg32_threshold(1 - 0x1p-32), UINT32_MAX);
    assert_int_equal(clade_pcg32_threshold(1 - 0x1p-53), UINT32_MAX);
    assert_int_equal(clade_pcg32_threshold(1), UINT32_MAX);
}

static void test_below(void **state)
{
    (void)state;
    const uint64_t key = 4;
    clade_rng rng = clade_rng_keyed(&key, 1);
    size_t counts[7] = {0};
    for (int i = 0; i < 70000; i++) {
        uint64_t value = clade_rng_below(&rng, 7);
        assert_true(value < 7);
        counts[value]++;
    }
    for (size_t i = 0; i < 7; i++)
        assert_in_range(counts[i], 9600, 10400); /* four standard deviations */
    assert_true(clade_rng_below(&rng, 1) == 0);
}

static void test_uniform_and_normal(void **state)
{
    (void)state;
    enum { N = 200000 };
    const uint64_t key = 5;
    clade_rng rng = clade_rng_keyed(&key, 1);
    double mean = 0, normal_mean = 0, square = 0;
    for (int i = 0; i < N; i++) {
        double uniform = clade_rng_uniform(&rng);
        assert_true(uniform >= 0 && uniform < 1);
        mean += uniform / N;
        clade_rng before = rng;
        double normal = clade_rng_normal(&rng);
        clade_rng_advance(&before, 2);
        assert_true(same(rng, before)); /* exactly two draws */
        assert_true(isfinite(normal));
        normal_mean += normal / N;
        square += normal * normal / N;
    }
    assert_true(fabs(mean - 0.5) < 0.003);
    assert_true(fabs(normal_mean) < 0.01);
    assert_true(fabs(square - 1) < 0.015);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keyed),     cmocka_unit_test(test_advance), cmocka_unit_test(test_pcg32),
        cmocka_unit_test(test_threshold), cmocka_unit_test(test_below),   cmocka_unit_test(test_uniform_and_normal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
