/* clade_gemm against three loops: every transposition, strides wider than the rows, alpha and beta, empty extents. */
#include "near.h"

#include "clade/linalg.h"
#include "clade/rng.h"

enum { MOST = 40 * 60 };

static float a[MOST], b[MOST], c[MOST], expected[MOST];

static void fill(float *x, uint64_t key)
{
    clade_rng rng = clade_rng_keyed(&key, 1);
    for (size_t i = 0; i < MOST; i++)
        x[i] = (float)(clade_rng_uniform(&rng) * 2 - 1);
}

static void check(bool transpose_a, bool transpose_b, size_t m, size_t n, size_t k)
{
    const float alpha = 0.5f, beta = -2.0f;
    size_t lda = (transpose_a ? m : k) + 3, ldb = (transpose_b ? k : n) + 1, ldc = n + 2;
    fill(a, 1);
    fill(b, 2);
    fill(c, 3);
    memcpy(expected, c, sizeof c);
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            double total = 0;
            for (size_t l = 0; l < k; l++)
                total += (double)(transpose_a ? a[l * lda + i] : a[i * lda + l]) *
                         (double)(transpose_b ? b[j * ldb + l] : b[l * ldb + j]);
            expected[i * ldc + j] = (float)((double)alpha * total + (double)beta * (double)c[i * ldc + j]);
        }
    clade_gemm(transpose_a, transpose_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
    for (size_t i = 0; i < MOST; i++)
        assert_near((double)c[i], (double)expected[i], 1e-6 * (double)(k + 2));
}

static void test_gemm(void **state)
{
    (void)state;
    const size_t extents[] = {0, 1, 5, 17, 32};
    for (size_t i = 0; i < 4 * 125; i++)
        check(i & 1, i & 2, extents[i / 4 % 5], extents[i / 20 % 5], extents[i / 100 % 5]);
}

static void test_one_thread(void **state)
{
    (void)state;
    clade_blas_single_thread();
    assert_int_equal(clade_blas_threads(), 1);
    assert_true(strlen(clade_blas_config()) > 0);
    assert_true(strlen(clade_blas_core()) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_gemm), cmocka_unit_test(test_one_thread)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
