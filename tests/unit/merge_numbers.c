/* What merge methods compute with in place of libm and of sorting: exp and tanh, and order statistics of a stream. */
#include "near.h"

#include "clade/rng.h"
#include "merge/method/exponential.h"
#include "merge/method/order_statistic.h"

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* ---- exp, tanh ---- */

static void exponentials(void **state)
{
    static const double edges[] = {0, 1, -1, 709.7, -708.3, 0.34657, 0.34658, -0.34657, -0.34658, 1e-20};
    (void)state;
    for (int i = -200000; i <= 200010; i++) {
        double x = i <= 200000 ? i * (1.0 * abs(i)) * 1.75e-8 : edges[i - 200001], e = x, t = x;
        clade_exp_each(1, &e);
        clade_tanh_each(1, &t);
        long double exact = expl((long double)x), exact_tanh = tanhl((long double)x);
        assert_true(fabsl((long double)e - exact) <= (x < -708 ? 0x1p-1074L : 0x1p-52L * exact));
        assert_true(fabsl((long double)t - exact_tanh) <= 0x1p-51L * fabsl(exact_tanh));
    }
    double ends[] = {710, 1e300, -746, -1e300, 0, -0.0}, signs[] = {-0.0, 1e300, -1e300, 0.3, -0.3};
    clade_exp_each(6, ends);
    assert_true(isinf(ends[0]) && isinf(ends[1]) && ends[2] == 0 && ends[3] == 0 && ends[4] == 1 && ends[5] == 1);
    clade_tanh_each(5, signs);
    assert_true(signs[0] == 0 && signbit(signs[0]) && signs[1] == 1 && signs[2] == -1 && signs[3] == -signs[4]);
}

/* ---- order statistics ---- */

static int ascending(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static float order_statistic(size_t n, const float *x, size_t piece, uint64_t rank, uint64_t *equal)
{
    clade_order_search search = {.rank = rank};
    for (unsigned pass = 0; pass < CLADE_ORDER_PASSES; pass++) {
        uint64_t counts[CLADE_ORDER_BUCKETS] = {0};
        for (size_t at = 0; at < n; at += piece) {
            uint32_t of_piece[CLADE_ORDER_BUCKETS] = {0};
            clade_order_count(&search, pass, least(piece, n - at), x + at, of_piece);
            clade_order_add(counts, of_piece);
        }
        clade_order_narrow(&search, pass, counts);
    }
    *equal = search.equal;
    return clade_order_value(search.key);
}

static void order_statistics(void **state)
{
    static float x[1000], sorted[1000];
    clade_rng rng = clade_rng_seeded(3, 5);
    (void)state;
    for (int kind = 0; kind < 5; kind++)
        for (size_t n = 1; n <= 1000; n = 3 * n + 1) {
            for (size_t i = 0; i < n; i++) {
                double u = 2 * clade_rng_uniform(&rng) - 1;
                x[i] = (float)(kind == 0   ? u
                               : kind == 1 ? floor(4 * u)
                               : kind == 2 ? u * 1e-42
                               : kind == 3 ? 7
                                           : u * u * u * 3e38);
                x[i] = i % 5 == 0 && kind == 1 ? -0.0F : x[i];
            }
            memcpy(sorted, x, n * sizeof *x);
            qsort(sorted, n, sizeof *sorted, ascending);
            for (size_t rank = 0; rank < n; rank += 1 + n / 30) {
                uint64_t equal, expected = 0;
                float found = order_statistic(n, x, n / 3 + 1, rank, &equal);
                assert_true(found == sorted[rank]);
                for (size_t i = 0; i < n; i++)
                    expected += x[i] == sorted[rank];
                assert_int_equal(equal, expected);
            }
        }
    assert_true(clade_order_key(-3.4e38F) > 0 && clade_order_key(-0.0F) == clade_order_key(0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exponentials),
        cmocka_unit_test(order_statistics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
