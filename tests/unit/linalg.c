/* clade_gemm against three loops: every transposition, strides wider than the rows, alpha and beta, empty extents. The
 * decompositions in double by what they must satisfy: factors multiply to the matrix, vectors are orthonormal. */
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

/* ---- in double ---- */

static double x[MOST], y[MOST], z[MOST], left[MOST], right[MOST], values[64];

static void fill_f64(double *d, size_t count, uint64_t key)
{
    clade_rng rng = clade_rng_keyed(&key, 1);
    for (size_t i = 0; i < count; i++)
        d[i] = clade_rng_uniform(&rng) * 2 - 1;
}

/* op(A) op(B) by three loops, added to C. */
static void multiply(bool transpose_a, bool transpose_b, size_t m, size_t n, size_t k, double *c_out)
{
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++)
            for (size_t l = 0; l < k; l++)
                c_out[i * n + j] += x[transpose_a ? l * m + i : i * k + l] * y[transpose_b ? j * k + l : l * n + j];
}

static void test_gemm_f64(void **state)
{
    static const size_t extents[] = {0, 1, 7, 20};
    (void)state;
    for (size_t i = 0; i < 4 * 64; i++) {
        size_t m = extents[i / 4 % 4], n = extents[i / 16 % 4], k = extents[i / 64];
        static double expected_f64[MOST];
        fill_f64(x, m * k, 1);
        fill_f64(y, k * n, 2);
        fill_f64(z, m * n, 3);
        for (size_t e = 0; e < m * n; e++)
            expected_f64[e] = -4 * z[e]; /* with alpha 0.5 and beta -2: (-4 C + A B) / 2 */
        multiply(i & 1, i & 2, m, n, k, expected_f64);
        clade_gemm_f64(i & 1, i & 2, m, n, k, 0.5, x, y, -2, z);
        for (size_t e = 0; e < m * n; e++)
            assert_near(z[e], expected_f64[e] / 2, 1e-14);
    }
}

static void assert_orthonormal(size_t count, size_t length, size_t step_vector, size_t step, const double *v)
{
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j <= i; j++) {
            double dot = 0;
            for (size_t l = 0; l < length; l++)
                dot += v[i * step_vector + l * step] * v[j * step_vector + l * step];
            assert_near(dot, i == j, 1e-13);
        }
}

/* A random (m, n) matrix of at most the given rank. */
static void check_svd(size_t m, size_t n, size_t rank)
{
    size_t r = m < n ? m : n;
    void *work = test_malloc(clade_svd_bytes(m, n));
    fill_f64(x, m * rank, 4);
    fill_f64(y, rank * n, 5);
    memset(z, 0, sizeof z);
    multiply(false, false, m, n, rank, z);
    double original[MOST];
    memcpy(original, z, sizeof z);
    assert_ok(clade_svd(m, n, z, left, values, right, work));
    assert_orthonormal(r, m, 1, r, left);
    assert_orthonormal(r, n, n, 1, right);
    for (size_t j = 0; j < r; j++) {
        assert_true(values[j] >= 0 && (j == 0 || values[j] <= values[j - 1]));
        assert_true(j < rank ? values[j] > 1e-3 : values[j] < 1e-12);
    }
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            double sum = 0;
            for (size_t l = 0; l < r; l++)
                sum += left[i * r + l] * values[l] * right[l * n + j];
            assert_near(sum, original[i * n + j], 1e-12);
        }
    test_free(work);
}

static void test_svd(void **state)
{
    (void)state;
    check_svd(1, 1, 1);
    check_svd(1, 30, 1);
    check_svd(30, 1, 1);
    check_svd(12, 40, 12);
    check_svd(40, 12, 12);
    check_svd(20, 20, 20);
    check_svd(20, 20, 3);
    check_svd(8, 50, 2);
    check_svd(5, 7, 0); /* the zero matrix */
    assert_fails(clade_svd(40000, 40000, x, left, values, right, y), CLADE_EEVAL, "40000 x 40000");
    assert_ok(clade_linalg_fits(2147483647, 1));
    assert_fails(clade_linalg_fits(1, 2147483648), CLADE_EEVAL, "1 x 2147483648");
}

/* X A = B for A = M Mt + I, and the parts of A that the factor leaves alone. */
static void check_cholesky(size_t n, size_t m)
{
    double A[32 * 32], B[32 * 32], before[32 * 32];
    fill_f64(x, n * n, 6);
    memcpy(y, x, sizeof y);
    memset(A, 0, sizeof A);
    multiply(false, true, n, n, n, A);
    for (size_t i = 0; i < n; i++)
        A[i * n + i] += 1;
    memcpy(before, A, sizeof A);
    fill_f64(z, m * n, 7);
    memset(B, 0, sizeof B);
    memcpy(x, z, m * n * sizeof *x);
    memcpy(y, A, n * n * sizeof *y);
    multiply(false, false, m, n, n, B);
    assert_int_equal(clade_cholesky(n, A), 0);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) {
            double sum = 0;
            for (size_t l = 0; l <= (i < j ? i : j); l++)
                sum += A[i * n + l] * A[j * n + l];
            assert_near(sum, before[i * n + j], 1e-13);
            assert_true(j <= i || A[i * n + j] == before[i * n + j]);
        }
    clade_cholesky_solve(n, A, m, B);
    for (size_t i = 0; i < m * n; i++)
        assert_near(B[i], z[i], 1e-12);
}

static void test_cholesky(void **state)
{
    (void)state;
    check_cholesky(1, 1);
    check_cholesky(5, 3);
    check_cholesky(17, 31);
    check_cholesky(4, 0);
    double singular[] = {1, 2, 2, 4}, dead[] = {4, 0, 0, 0, 0, 0, 0, 0, 9};
    assert_int_equal(clade_cholesky(2, singular), 2);
    assert_int_equal(clade_cholesky(3, dead), 2);
}

/* A symmetric matrix of the given rank; above the diagonal there is rubbish, which must not be read. */
static void check_eigen(size_t n, size_t rank)
{
    void *work = test_malloc(clade_symmetric_eigen_bytes(n));
    double A[32 * 32], before[32 * 32];
    fill_f64(x, n * rank, 8);
    memcpy(y, x, sizeof y);
    memset(A, 0, sizeof A);
    multiply(false, true, n, n, rank, A);
    memcpy(before, A, sizeof A);
    for (size_t i = 0; i < n; i++)
        for (size_t j = i + 1; j < n; j++)
            A[i * n + j] = 77;
    assert_ok(clade_symmetric_eigen(n, A, values, work));
    assert_orthonormal(n, n, n, 1, A);
    for (size_t i = 0; i < n; i++) {
        assert_true(i == 0 || values[i] >= values[i - 1]);
        assert_true(i + rank >= n ? values[i] > 1e-8 : fabs(values[i]) < 1e-12);
    }
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) {
            double sum = 0;
            for (size_t l = 0; l < n; l++)
                sum += A[l * n + i] * values[l] * A[l * n + j];
            assert_near(sum, before[i * n + j], 1e-12);
        }
    test_free(work);
}

static void test_eigen(void **state)
{
    (void)state;
    check_eigen(1, 1);
    check_eigen(2, 2);
    check_eigen(10, 10);
    check_eigen(30, 30);
    check_eigen(12, 3);
    check_eigen(6, 0); /* the zero matrix */
    assert_fails(clade_symmetric_eigen(40000, x, values, y), CLADE_EEVAL, "40000 x 40000");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gemm), cmocka_unit_test(test_one_thread), cmocka_unit_test(test_gemm_f64),
        cmocka_unit_test(test_svd),  cmocka_unit_test(test_cholesky),   cmocka_unit_test(test_eigen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
