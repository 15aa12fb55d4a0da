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

static void test_fill(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 2, 3, 4, 5, 127, 128, 1001};
    uint64_t draws[1001];
    const uint64_t key = 6;
    clade_rng one = clade_rng_keyed(&key, 1), bulk = one;
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        clade_rng_fill(&bulk, sizes[s], draws);
        for (size_t i = 0; i < sizes[s]; i++)
            assert_true(draws[i] == clade_rng_next(&one));
        assert_true(same(one, bulk));
    }
}

static void test_threshold(void **state)
{
    (void)state;
    static const double probabilities[] = {0, 0x1p-53, 0x1p-54, 1e-300, 0.1, 0.5, 0.7, 1 - 0x1p-53, 1};
    const uint64_t key = 7;
    clade_rng rng = clade_rng_keyed(&key, 1);
    for (size_t p = 0; p < sizeof probabilities / sizeof probabilities[0]; p++) {
        uint64_t threshold = clade_rng_threshold(probabilities[p]);
        for (int i = 0; i < 1000; i++) {
            clade_rng before = rng;
            assert_true((clade_rng_next(&before) >> 11 < threshold) == (clade_rng_uniform(&rng) < probabilities[p]));
        }
        for (uint64_t near = threshold < 2 ? 0 : threshold - 2; near < threshold + 2; near++) /* at the edge itself */
            assert_true((near < threshold) == ((double)near * 0x1p-53 < probabilities[p]));
    }
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
        cmocka_unit_test(test_keyed),     cmocka_unit_test(test_advance), cmocka_unit_test(test_fill),
        cmocka_unit_test(test_threshold), cmocka_unit_test(test_below),   cmocka_unit_test(test_uniform_and_normal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
