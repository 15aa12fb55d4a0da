/* Transforms against sums in double, and back again: lengths with fast factors, primes, products of both; one row, one
 * column, one element. */
#include "near.h"

#include "clade/fft.h"
#include "clade/rng.h"

static const double pi = 3.14159265358979323846;

static float *random_matrix(size_t count, uint64_t key)
{
    float *x = test_malloc(count * sizeof *x);
    clade_rng rng = clade_rng_keyed(&key, 1);
    for (size_t i = 0; i < count; i++)
        x[i] = (float)(clade_rng_uniform(&rng) * 2 - 1);
    return x;
}

/* Bin (j, k) of the spectrum in double. */
static void bin(size_t m, size_t n, const float *x, size_t j, size_t k, double *re, double *im)
{
    *re = *im = 0;
    for (size_t a = 0; a < m; a++)
        for (size_t b = 0; b < n; b++) {
            double turn = (double)(a * j % m) / (double)m + (double)(b * k % n) / (double)n;
            *re += (double)x[a * n + b] * cos(2 * pi * turn);
            *im -= (double)x[a * n + b] * sin(2 * pi * turn);
        }
}

/* Transform, compare every STEP-th bin, invert, compare all elements; errors relative to the root mean square. */
static void check(size_t m, size_t n, size_t step)
{
    size_t h = clade_fft_columns(n), count = m * n, seen = 0;
    float *x = random_matrix(count, 1000 * m + n), *back = test_malloc(count * sizeof *back);
    clade_complex *F = test_malloc(m * h * sizeof *F);
    unsigned char *work = clade_malloc(clade_fft_bytes(m, n) + 1);
    work[clade_fft_bytes(m, n)] = 0x5a;
    assert_ok(clade_fft_real(m, n, x, F, work));
    double error = 0, power = 0;
    for (size_t at = 0; at < m * h; at += step, seen++) {
        double re, im;
        bin(m, n, x, at / h, at % h, &re, &im);
        error += pow((double)F[at].re - re, 2) + pow((double)F[at].im - im, 2);
        power += re * re + im * im;
    }
    if (seen > 0)
        assert_near(sqrt(error / power), 0, 1e-6);
    assert_ok(clade_fft_real_inverse(m, n, F, back, work));
    error = power = 0;
    for (size_t i = 0; i < count; i++) {
        error += pow((double)back[i] - (double)x[i], 2);
        power += pow((double)x[i], 2);
    }
    assert_near(sqrt(error / power), 0, 1e-6);
    assert_int_equal(work[clade_fft_bytes(m, n)], 0x5a);
    clade_free(work);
    test_free(F);
    test_free(back);
    test_free(x);
}

static void small(void **state)
{
    static const size_t lengths[] = {1, 2, 3, 4, 5, 6, 7, 9, 11, 14, 30};
    (void)state;
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++)
        for (size_t j = 0; j < sizeof lengths / sizeof lengths[0]; j++)
            check(lengths[i], lengths[j], 1);
}

static void large(void **state)
{
    (void)state;
    check(1, 65536, 1021);
    check(1, 65537, 1021); /* a prime */
    check(65536, 1, 2011);
    check(768, 43, 997);
    check(127, 256, 331);
    check(1, 131071, 4093); /* a prime */
}

static void refusals(void **state)
{
    (void)state;
    float x = 0;
    clade_complex F;
    assert_fails(clade_fft_real(1, ((size_t)1 << 29) + 1, &x, &F, &F), CLADE_EEVAL, "536870913");
}

/* The spectrum of a real wave is where it should be, and nowhere else. */
static void wave(void **state)
{
    enum { M = 6, N = 10, J = 2, K = 3 };
    float x[M * N];
    clade_complex F[M * (N / 2 + 1)];
    (void)state;
    for (size_t a = 0; a < M; a++)
        for (size_t b = 0; b < N; b++)
            x[a * N + b] = (float)cos(2 * pi * ((double)(a * J) / M + (double)(b * K) / N));
    void *work = clade_malloc(clade_fft_bytes(M, N));
    assert_ok(clade_fft_real(M, N, x, F, work));
    for (size_t j = 0; j < M; j++)
        for (size_t k = 0; k <= N / 2; k++) {
            assert_near((double)F[j * (N / 2 + 1) + k].re, j == J && k == K ? M * N / 2 : 0, 1e-5);
            assert_near((double)F[j * (N / 2 + 1) + k].im, 0, 1e-5);
        }
    clade_free(work);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small),
        cmocka_unit_test(large),
        cmocka_unit_test(refusals),
        cmocka_unit_test(wave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
