/* The methods on matrices by hand: small cases whose answers can be worked out, and what they refuse. */
#include "matrix_fixture.h"

#include "clade/rng.h"

static void iso_c(void **state)
{
    (void)state;
    merge one = matrix("iso_c", 2, 2, 2);
    FILL(&one, 0, 3, 0, 0, 0);
    FILL(&one, 1, 0, 0, 0, -1);
    ASSERT_OUT(&one, 2, 0, 0, -2);
    set(&one, "weight", 0, 0); /* diag(0, -1): one direction of two */
    ASSERT_OUT(&one, 0, 0, 0, -0.5);
    set(&one, "lambda", 0, -4);
    ASSERT_OUT(&one, 0, 0, 0, 2);
    merge row = matrix("iso_c", 1, 2, 1); /* one row comes back */
    FILL(&row, 0, 3, -4);
    ASSERT_OUT(&row, 3, -4);
    merge vector = matrix("iso_c", 4, 1, 2); /* as a vector: the mean */
    vector.rank = 1;
    FILL(&vector, 0, 1, 2, 3, 4);
    FILL(&vector, 1, 3, 2, 1, 0);
    set(&vector, "weight", 1, 3);
    ASSERT_OUT(&vector, 5, 4, 3, 2);
}

static void tsv_m(void **state)
{
    (void)state;
    merge one = matrix("tsv_m", 2, 2, 2); /* one triple of each */
    FILL(&one, 0, 3, 0, 0, 1);
    FILL(&one, 1, 0, 0, 0, 2);
    ASSERT_OUT(&one, 3, 0, 0, 2);
    set(&one, "weight", 1, -0.5);
    ASSERT_OUT(&one, 3, 0, 0, -1);
    FILL(&one, 1, 3, 0, 0, 1); /* equal parents: their first triple */
    set(&one, "weight", 1, 1);
    ASSERT_OUT(&one, 3, 0, 0, 0);
    merge row = matrix("tsv_m", 1, 2, 3); /* more parents than directions; polar factors of (1, 3) and (3, 2) */
    FILL(&row, 0, 2, 0);
    FILL(&row, 1, 0, 0);
    FILL(&row, 2, 4, 0);
    ASSERT_OUT(&row, 3, 0);
}

static void iso_cts(void **state)
{
    (void)state;
    merge one = matrix("iso_cts", 2, 2, 2); /* nothing in common: a direction of each */
    set(&one, "common_fraction", 0, 0);
    FILL(&one, 0, 3, 0, 0, 0);
    FILL(&one, 1, 0, 0, 0, -1);
    ASSERT_OUT(&one, 2, 0, 0, -2);
    /* One direction that is not common cannot be shared by two: round(1 / 2) = 0 each, which is Iso-C. */
    set(&one, "common_fraction", 0, 0.5);
    ASSERT_OUT(&one, 2, 0, 0, -2);
    /* One parent, one direction in common: (3) and what is left of the same matrix (1). */
    merge alone = matrix("iso_cts", 2, 2, 1);
    set(&alone, "common_fraction", 0, 0.5);
    FILL(&alone, 0, 3, 0, 0, 1);
    ASSERT_OUT(&alone, 2, 0, 0, 2);
    /* round(3 / 2) = 2 directions each would be 4 of 3: lowered to 1 each and 1 common */
    merge rounded = matrix("iso_cts", 3, 3, 2);
    set(&rounded, "common_fraction", 0, 0);
    FILL(&rounded, 0, 6, 0, 0, 0, 2, 0, 0, 0, 0);
    FILL(&rounded, 1, 0, 0, 0, 0, 0, 0, 0, 0, 4);
    ASSERT_OUT(&rounded, 4, 0, 0, 0, 4, 0, 0, 0, 4);
}

static void knots(void **state)
{
    (void)state;
    merge one = matrix("knots", 1, 5, 3); /* of one row the basis is +-1, so that this is TIES */
    FILL(&one, 0, 3, -1, 0.5F, 2, 0);
    FILL(&one, 1, -2, -4, 0.2F, 1, 0);
    FILL(&one, 2, 1, 2, -0.9F, -5, 0.1F);
    for (size_t p = 0; p < 3; p++)
        set(&one, "density", p, 0.4);
    ASSERT_OUT(&one, 3, -4, 0, -5, 0);
    for (size_t p = 0; p < 3; p++)
        set(&one, "density", p, 1);
    ASSERT_OUT(&one, 2, -2.5, -0.9, -5, 0.1);
    set(&one, "weight", 0, 3);
    ASSERT_OUT(&one, 10.0 / 4, -7.0 / 4, 1.7 / 4, 7.0 / 4, 0.1);
    set(&one, "inner_method", 0, 1); /* task arithmetic */
    ASSERT_OUT(&one, 8, -5, 0.8, 2, 0.1);
    merge equal = matrix("knots", 1, 4, 1); /* of equal magnitudes the lower indices stay, at least one does */
    FILL(&equal, 0, 1, -2, 2, 2);
    set(&equal, "density", 0, 0.5);
    ASSERT_OUT(&equal, 0, -2, 2, 0);
    set(&equal, "density", 0, 0.01);
    ASSERT_OUT(&equal, 0, -2, 0, 0);
    set(&equal, "density", 0, 0);
    ASSERT_OUT(&equal, 0, 0, 0, 0);
}

static void wudi(void **state)
{
    (void)state;
    merge one = matrix("wudi", 1, 2, 2);
    FILL(&one, 0, 1, 0);
    FILL(&one, 1, 1, 1);
    set(&one, "steps", 0, 0);
    ASSERT_OUT(&one, 2, 1);
    set(&one, "steps", 0, 1); /* Adam's first step has the length of the learning rate whatever the gradient, (3, 1) */
    set(&one, "learning_rate", 0, 0.125);
    ASSERT_OUT(&one, 1.875, 0.875);
    /* The second: gradient 2 (d_1 + (d_1 + d_2 - 1) / 2, (d_1 + d_2 - 1) / 2) at d = (1.875 - 1, 0.875), by Adam's
     * rule. */
    double g_1[2] = {3, 1}, g_2[2] = {2.5, 0.75}, expected[2] = {1.875, 0.875};
    for (size_t i = 0; i < 2; i++) {
        double first = (0.9 * 0.1 * g_1[i] + 0.1 * g_2[i]) / (1 - 0.81);
        double second = (0.999 * 0.001 * g_1[i] * g_1[i] + 0.001 * g_2[i] * g_2[i]) / (1 - 0.999 * 0.999);
        expected[i] -= 0.125 * first / (sqrt(second) + 1e-8);
    }
    set(&one, "steps", 0, 2);
    assert_out(&one, expected, 1e-6);
    set(&one, "steps", 0, 4000);
    set(&one, "learning_rate", 0, 0.002);
    assert_out(&one, (const double[]){1, 1}, 1e-3);
    /* Task vectors of different directions do not meet: their sum is the minimum. */
    merge apart = matrix("wudi", 2, 3, 2);
    FILL(&apart, 0, 1, 0, 0, 2, 0, 0);
    FILL(&apart, 1, 0, 3, 0, 0, 0, 0);
    ASSERT_OUT(&apart, 1, 3, 0, 2, 0, 0);
    merge vector = matrix("wudi", 2, 1, 1); /* stays at the base */
    vector.rank = 1;
    FILL(&vector, 0, 1, 2);
    ASSERT_OUT(&vector, 0, 0);
}

/* The minimum that wudi's steps lead to; and with a ridge, for rows t_1 = (1, 0), t_2 = (1, 1): A = t_1t t_1 + t_2t t_2 / 2
 * = (1.5 .5; .5 .5), rho = .5 of a mean eigenvalue of 1, and T_i = t_i + (t_i - t_i A) (A + .5 I)^-1. */
static void wudi_closed_form(void **state)
{
    (void)state;
    merge one = matrix("wudi_closed_form", 1, 2, 2);
    FILL(&one, 0, 1, 0);
    FILL(&one, 1, 1, 1);
    set(&one, "ridge", 0, 1e-9);
    assert_out(&one, (const double[]){1, 1}, 1e-5);
    set(&one, "ridge", 0, 0.5);
    const double t[2][2] = {{1, 0}, {1, 1}}, A[2][2] = {{1.5, 0.5}, {0.5, 0.5}}, det = 2 * 1 - 0.5 * 0.5;
    const double inverse[2][2] = {{1 / det, -0.5 / det}, {-0.5 / det, 2 / det}};
    const double weight[2] = {0.25, 2};
    double expected[2] = {0, 0};
    for (size_t p = 0; p < 2; p++) {
        set(&one, "weight", p, weight[p]);
        const double left[2] = {t[p][0] - t[p][0] * A[0][0] - t[p][1] * A[1][0],
                                t[p][1] - t[p][0] * A[0][1] - t[p][1] * A[1][1]};
        for (size_t j = 0; j < 2; j++)
            expected[j] += weight[p] * (t[p][j] + left[0] * inverse[0][j] + left[1] * inverse[1][j]);
    }
    assert_out(&one, expected, 1e-6);
    merge apart = matrix("wudi_closed_form", 2, 3, 2);
    FILL(&apart, 0, 1, 0, 0, 2, 0, 0);
    FILL(&apart, 1, 0, 3, 0, 0, 0, 0);
    set(&apart, "ridge", 0, 1e-9);
    assert_out(&apart, (const double[]){1, 3, 0, 2, 0, 0}, 1e-5);
}

static void regmean(void **state)
{
    (void)state;
    merge one = matrix("regmean", 1, 2, 2);
    FILL(&one, 0, 1, 1);
    FILL(&one, 1, 2, 3);
    ASSERT_OUT(&one, 1.5, 2); /* no Gram matrices */
    set(&one, "weight", 0, 3);
    ASSERT_OUT(&one, 1.25, 1.5);
    set(&one, "weight", 0, 1);
    SET_GRAM(&one, 0, 2, 1, 1, 2);
    SET_GRAM(&one, 1, 2, -1, -1, 2);
    set(&one, "alpha", 0, 1);
    ASSERT_OUT(&one, 1, 1.75);
    set(&one, "alpha", 0, 0.9);
    ASSERT_OUT(&one, 1.05, 1.775);
    set(&one, "alpha", 0, 0);
    ASSERT_OUT(&one, 1.5, 2);
    set(&one, "weight", 1, 0);
    ASSERT_OUT(&one, 1, 1);
    set(&one, "weight", 1, 1);
    /* The second input is always zero: the ridge makes its column the mean. */
    SET_GRAM(&one, 0, 3, 0, 0, 0);
    SET_GRAM(&one, 1, 1, 0, 0, 0);
    assert_out(&one, (const double[]){1.25, 2}, 1e-5);
    /* Inputs along (1, 1) only, alpha 1: the outputs W_i (1, 1) are averaged, the rest is the mean's. */
    SET_GRAM(&one, 0, 1, 1, 1, 1);
    SET_GRAM(&one, 1, 1, 1, 1, 1);
    set(&one, "alpha", 0, 1);
    assert_out(&one, (const double[]){1.5, 2}, 1e-5);
    SET_GRAM(&one, 0, 0, 0, 0, 0);
    SET_GRAM(&one, 1, 0, 0, 0, 0);
    ASSERT_OUT(&one, 1.5, 2);
}

static void regmean_refuses(void **state)
{
    (void)state;
    merge one = matrix("regmean", 1, 2, 2);
    SET_GRAM(&one, 1, 2, 1, 1, 2);
    assert_fails(run(&one), CLADE_EINCOMPATIBLE, "parent number 2 has a Gram matrix");
    SET_GRAM(&one, 0, 1, 0, 0, 1);
    one.statistics[1] = NULL;
    assert_fails(run(&one), CLADE_EINCOMPATIBLE, "parent number 2 has no Gram matrix");
    SET_GRAM(&one, 1, 1, NAN, NAN, 1);
    assert_fails(run(&one), CLADE_EEVAL, "nan in row 0, column 1");
    SET_GRAM(&one, 1, -5, 0, 0, 1);
    assert_fails(run(&one), CLADE_EEVAL, "not positive semidefinite");
    static const uint64_t wrong[] = {1, 4};
    one.gram_tensors[1].shape = wrong;
    assert_fails(run(&one), CLADE_EINCOMPATIBLE, "[1, 4]");
    set(&one, "weight", 0, 0);
    set(&one, "weight", 1, 0);
    SET_GRAM(&one, 1, 1, 0, 0, 1);
    assert_fails(run(&one), CLADE_EEVAL, "sum to 0");
    one.rank = 1;
    assert_fails(run(&one), CLADE_EINCOMPATIBLE, "[2, 2]");
}

static double wave(size_t i, size_t n, size_t frequency)
{
    return cos(2 * 3.14159265358979323846 * (double)(i * frequency % n) / (double)n);
}

/* Waves along both axes of a matrix: of a low frequency, half of it is left (the other parent has none), of a high one
 * the stronger one, scaled by no weight. */
static void fourier(void **state)
{
    static const size_t sides[][2] = {{6, 10}, {7, 9}, {1, 16}, {15, 1}};
    (void)state;
    for (size_t s = 0; s < 4; s++) {
        size_t m = sides[s][0], n = sides[s][1];
        merge one = matrix("fourier", m, n, 2);
        double expected[MOST];
        for (size_t a = 0; a < m; a++)
            for (size_t b = 0; b < n; b++) {
                size_t i = a * n + b;
                double low = wave(a, m, m > 1) * wave(b, n, n > 1), high = wave(a, m, m / 2) * wave(b, n, n / 2);
                one.parents[0][i] = (float)(low + 2 * high + 1);
                one.parents[1][i] = (float)(5 * high + 3);
                expected[i] = 0.5 * low + 5 * high + 2;
            }
        set(&one, "cutoff", 0, 0.5);
        assert_out(&one, expected, 3e-6);
        set(&one, "cutoff", 0, 1); /* the weighted mean */
        set(&one, "weight", 0, 3);
        for (size_t i = 0; i < one.count; i++)
            expected[i] = 0.75 * (double)one.parents[0][i] + 0.25 * (double)one.parents[1][i];
        assert_out(&one, expected, 3e-6);
        set(&one, "cutoff", 0, 0.5); /* three times 2 is more than 5 */
        for (size_t i = 0; i < one.count; i++) {
            double low = wave(i / n, m, m > 1) * wave(i % n, n, n > 1),
                   high = wave(i / n, m, m / 2) * wave(i % n, n, n / 2);
            expected[i] = 0.75 * low + 2 * high + 1.5;
        }
        assert_out(&one, expected, 3e-6);
    }
    merge one = matrix("fourier", 2, 2, 2);
    set(&one, "weight", 1, -1);
    assert_fails(run(&one), CLADE_EEVAL, "sum to 0");
}

/* Of opposite task vectors the elected bins do not depend on the order, and a parent of weight 0 is not elected. */
static void fourier_elections(void **state)
{
    (void)state;
    merge one = matrix("fourier", 5, 6, 2), other = matrix("fourier", 5, 6, 2);
    clade_rng rng = clade_rng_seeded(3, 4);
    for (size_t i = 0; i < one.count; i++) {
        one.parents[0][i] = (float)(2 * clade_rng_uniform(&rng) - 1);
        one.parents[1][i] = -one.parents[0][i];
        other.parents[0][i] = one.parents[1][i];
        other.parents[1][i] = one.parents[0][i];
    }
    set(&one, "cutoff", 0, 0.25);
    set(&other, "cutoff", 0, 0.25);
    assert_ok(run(&one));
    assert_ok(run(&other));
    assert_memory_equal(one.out, other.out, one.count * sizeof(float));
    double size = 0;
    for (size_t i = 0; i < one.count; i++)
        size += fabs((double)one.out[i]);
    assert_true(size > 1);
    /* Bins that are each other's mirror images elect the same parent, also where the tie is broken by the imaginary
     * part: F = (0, -2i, 0, 2i) against its negative. */
    merge odd = matrix("fourier", 4, 1, 2);
    set(&odd, "cutoff", 0, 0);
    FILL(&odd, 0, 0, 1, 0, -1);
    FILL(&odd, 1, 0, -1, 0, 1);
    ASSERT_OUT(&odd, 0, -1, 0, 1);
    set(&one, "weight", 1, 0);
    for (size_t i = 0; i < one.count; i++)
        one.parents[0][i] = 0;
    assert_ok(run(&one));
    for (size_t i = 0; i < one.count; i++)
        assert_true(one.out[i] == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(iso_c),   cmocka_unit_test(tsv_m),
        cmocka_unit_test(iso_cts), cmocka_unit_test(knots),
        cmocka_unit_test(wudi),    cmocka_unit_test(wudi_closed_form),
        cmocka_unit_test(regmean), cmocka_unit_test(regmean_refuses),
        cmocka_unit_test(fourier), cmocka_unit_test(fourier_elections),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
