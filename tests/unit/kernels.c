/* The vector kernels: every table this CPU can run against a plain reference in double, and against the portable table
 * bit by bit. Sizes are awkward on purpose: around the lane count, the widths of real models, and none of them aligned.
 */
#include "near.h"

#include "clade/kernels.h"
#include "clade/rng.h"

enum { MOST = 5000 };

static const size_t sizes[] = {0, 1, 2, 3, 7, 15, 16, 17, 31, 33, 50, 63, 64, 96, 255, 256, 257, 768, 1000, 4099};
static const size_t widths[] = {1, 2, 15, 16, 17, 50, 96, 197, 768};

enum { SIZES = sizeof sizes / sizeof sizes[0], WIDTHS = sizeof widths / sizeof widths[0] };

typedef struct buffers {
    float x[MOST + 1], y[MOST + 1], out[MOST + 1], expected[MOST + 1];
    uint8_t bytes[MOST + 1];
} buffers;

static buffers b;

/* Values from -RANGE to RANGE; the same for the same KEY. */
static void fill(float *x, size_t n, double range, uint64_t key)
{
    clade_rng rng = clade_rng_keyed(&key, 1);
    for (size_t i = 0; i < n; i++)
        x[i] = (float)((clade_rng_uniform(&rng) * 2 - 1) * range);
}

typedef void (*check)(const clade_kernels *table, const clade_kernels *portable, size_t n);

static void for_every_table(check run, const size_t *counts, size_t how_many)
{
    size_t tables;
    const clade_kernels *const *table = clade_kernels_available(&tables);
    assert_string_equal(table[0]->name, "portable");
    for (size_t t = 0; t < tables; t++)
        for (size_t i = 0; i < how_many; i++)
            run(table[t], table[0], counts[i]);
}

/* Same bits in b.out and b.expected, and nothing written behind the end. */
static void assert_same(const clade_kernels *table, size_t n)
{
    if (memcmp(b.out, b.expected, n * sizeof b.out[0]) != 0)
        fail_msg("%s differs from portable, n = %zu", table->name, n);
    assert_true(b.out[n] == 12345.0f);
}

static void start(size_t n, double range)
{
    fill(b.x, n, range, 1);
    fill(b.y, n, range, 2);
    b.out[n] = b.expected[n] = 12345.0f;
}

static void check_elementwise(const clade_kernels *table, const clade_kernels *portable, size_t n)
{
    (void)portable;
    float a = 0.37f;
    start(n, 3);
    memcpy(b.out, b.y, n * sizeof(float));
    table->axpy(n, a, b.x, b.out);
    for (size_t i = 0; i < n; i++)
        b.expected[i] = b.y[i] + a * b.x[i];
    assert_same(table, n);
    table->scale(n, a, b.out);
    for (size_t i = 0; i < n; i++)
        b.expected[i] *= a;
    assert_same(table, n);
    table->add(n, b.x, b.out);
    for (size_t i = 0; i < n; i++)
        b.expected[i] += b.x[i];
    assert_same(table, n);
    for (size_t i = 0; i < n; i++)
        b.expected[i] = b.x[i] - b.y[i];
    table->subtract(n, b.x, b.y, b.out);
    assert_same(table, n);
    memcpy(b.out, b.x, n * sizeof(float));
    table->subtract(n, b.out, b.y, b.out);
    assert_same(table, n);
    memcpy(b.out, b.y, n * sizeof(float));
    table->subtract(n, b.x, b.out, b.out);
    assert_same(table, n);
    for (size_t i = 0; i < n; i++) {
        b.bytes[i] = (uint8_t)(i * 37);
        b.expected[i] = (float)b.bytes[i] / 255.0f * 2.5f + -0.75f;
    }
    table->normalise_u8(n, b.bytes, 2.5f, -0.75f, b.out);
    assert_same(table, n);
}

static void test_elementwise(void **state)
{
    (void)state;
    for_every_table(check_elementwise, sizes, SIZES);
}

static void check_reductions(const clade_kernels *table, const clade_kernels *portable, size_t n)
{
    start(n, 3);
    double dot = 0, sum = 0, sum_abs = 0;
    for (size_t i = 0; i < n; i++) {
        dot += (double)b.x[i] * (double)b.y[i];
        sum += (double)b.x[i];
        sum_abs += fabs((double)b.x[i]);
    }
    double slack = 1e-15 * 9 * (double)(n + 1);
    assert_near(table->dot(n, b.x, b.y), dot, slack);
    assert_near(table->sum(n, b.x), sum, slack);
    assert_near(table->sum_abs(n, b.x), sum_abs, slack);
    assert_true(table->dot(n, b.x, b.y) == portable->dot(n, b.x, b.y));
    assert_true(table->sum(n, b.x) == portable->sum(n, b.x));
    assert_true(table->sum_abs(n, b.x) == portable->sum_abs(n, b.x));
}

static void test_reductions(void **state)
{
    (void)state;
    for_every_table(check_reductions, sizes, SIZES);
}

static void check_first_nonfinite(const clade_kernels *table, const clade_kernels *portable, size_t n)
{
    (void)portable;
    const float bad[] = {NAN, -NAN, INFINITY, -INFINITY};
    start(n, 3e38);
    assert_int_equal(table->first_nonfinite(n, b.x), n);
    for (size_t at = 0; at < n; at += n / 9 + 1) {
        start(n, 1);
        b.x[n - 1] = NAN;
        b.x[at] = bad[at % 4];
        assert_int_equal(table->first_nonfinite(n, b.x), at);
    }
}

static void test_first_nonfinite(void **state)
{
    (void)state;
    for_every_table(check_first_nonfinite, sizes, SIZES);
}

static size_t rows_for(size_t width)
{
    size_t rows = MOST / width;
    return rows > 7 ? rows - rows % 7 : rows;
}

static void check_layer_norm(const clade_kernels *table, const clade_kernels *portable, size_t width)
{
    size_t rows = rows_for(width), n = rows * width;
    const float eps = 1e-5f;
    start(n, 2);
    for (size_t i = 0; i < n; i++)
        b.x[i] += 5.0f; /* a mean that matters */
    table->layer_norm(rows, width, b.x, b.y, b.y + 1, eps, b.out);
    for (size_t r = 0; r < rows; r++) {
        double mean = 0, variance = 0;
        const float *row = b.x + r * width;
        for (size_t j = 0; j < width; j++)
            mean += (double)row[j] / (double)width;
        for (size_t j = 0; j < width; j++)
            variance += ((double)row[j] - mean) * ((double)row[j] - mean) / (double)width;
        double deviation = sqrt(variance + (double)eps);
        for (size_t j = 0; j < width; j++) {
            double gamma = (double)b.y[j], beta = (double)b.y[j + 1], z = ((double)row[j] - mean) / deviation;
            double size = fmax(fabs((double)row[j]), fabs(mean));
            double bound = 3e-7 * (fabs(z * gamma) + fabs(beta)) + 1.2e-7 * fabs(gamma) * size / deviation;
            assert_near((double)b.out[r * width + j], z * gamma + beta, bound);
        }
    }
    portable->layer_norm(rows, width, b.x, b.y, b.y + 1, eps, b.expected);
    assert_same(table, n);
    memcpy(b.out, b.x, n * sizeof(float));
    table->layer_norm(rows, width, b.out, b.y, b.y + 1, eps, b.out);
    assert_same(table, n);
}

static void test_layer_norm(void **state)
{
    (void)state;
    for_every_table(check_layer_norm, widths, WIDTHS);
}

static void check_softmax(const clade_kernels *table, const clade_kernels *portable, size_t width)
{
    size_t rows = rows_for(width), n = rows * width;
    const float factor = 0.37f;
    start(n, 80);
    memcpy(b.out, b.x, n * sizeof(float));
    memcpy(b.expected, b.x, n * sizeof(float));
    table->softmax(rows, width, factor, b.out);
    portable->softmax(rows, width, factor, b.expected);
    assert_same(table, n);
    for (size_t r = 0; r < rows; r++) {
        double top = -INFINITY, total = 0;
        for (size_t j = 0; j < width; j++)
            top = fmax(top, (double)(factor * b.x[r * width + j]));
        for (size_t j = 0; j < width; j++)
            total += exp((double)(factor * b.x[r * width + j]) - top);
        for (size_t j = 0; j < width; j++) {
            double a = (double)(factor * b.x[r * width + j]), p = exp(a - top) / total;
            assert_near((double)b.out[r * width + j], p, p * (4e-7 + 6e-8 * (top - a)) + 1.2e-38);
        }
    }
}

static void test_softmax(void **state)
{
    (void)state;
    for_every_table(check_softmax, widths, WIDTHS);
}

/* Masked places (-infinity) get 0, equal values get equal shares, a NaN spoils its row and no other. */
static void test_softmax_special(void **state)
{
    (void)state;
    size_t tables;
    const clade_kernels *const *table = clade_kernels_available(&tables);
    for (size_t t = 0; t < tables; t++) {
        float x[5][17];
        for (size_t j = 0; j < 17; j++) {
            x[0][j] = -3.5f;
            x[1][j] = j < 4 ? 1.0f : -INFINITY;
            x[2][j] = -200.0f * (float)j;
            x[3][j] = j == 16 ? NAN : 0.0f;
            x[4][j] = j == 3 ? -NAN : 0.0f;
        }
        table[t]->softmax(5, 17, 1.0f, x[0]);
        for (size_t j = 0; j < 17; j++) {
            assert_near((double)x[0][j], 1.0 / 17, 1e-8);
            assert_true(x[1][j] == (j < 4 ? 0.25f : 0.0f));
            assert_true(x[2][j] == (j == 0 ? 1.0f : 0.0f));
            assert_true(isnan(x[3][j]) && isnan(x[4][j]));
        }
    }
}

/* Every activation over a fine grid of arguments and some special ones. */
static void check_activations(const clade_kernels *table, const clade_kernels *portable, size_t step)
{
    enum { N = 4001 };
    for (size_t i = 0; i < N; i++)
        b.x[i] = ((float)i - 2000.0f) * 0.004f * (float)step + 1e-4f * (float)(step % 7);
    b.out[N] = 12345.0f;
    memcpy(b.out, b.x, N * sizeof(float));
    memcpy(b.expected, b.x, N * sizeof(float));
    table->bias_gelu(1, N, NULL, b.out);
    portable->bias_gelu(1, N, NULL, b.expected);
    assert_same(table, N);
    for (size_t i = 0; i < N; i++) {
        double x = (double)b.x[i], exact = x * 0.5 * erfc(-x / sqrt(2.0));
        assert_near((double)b.out[i], exact, 5e-7 * fmax(1, fabs(x)));
    }
    memcpy(b.out, b.x, N * sizeof(float));
    memcpy(b.expected, b.x, N * sizeof(float));
    table->bias_quick_gelu(1, N, NULL, b.out);
    portable->bias_quick_gelu(1, N, NULL, b.expected);
    assert_same(table, N);
    for (size_t i = 0; i < N; i++) {
        double x = (double)b.x[i], exact = x / (1 + exp(-1.702 * x));
        assert_near((double)b.out[i], exact, fabs(exact) * (5e-7 + 1.2e-7 * fabs(1.702 * x)) + 1e-36);
    }
}

static void test_activations(void **state)
{
    (void)state;
    const size_t steps[] = {1, 2, 3, 5, 8, 13, 1000};
    for_every_table(check_activations, steps, sizeof steps / sizeof steps[0]);
    size_t tables;
    const clade_kernels *const *table = clade_kernels_available(&tables);
    for (size_t t = 0; t < tables; t++) {
        float x[] = {0.0f, INFINITY, NAN, 3e38f, -3e38f}, y[5];
        memcpy(y, x, sizeof y);
        table[t]->bias_gelu(1, 5, NULL, x);
        table[t]->bias_quick_gelu(1, 5, NULL, y);
        assert_true(x[0] == 0 && x[1] == INFINITY && isnan(x[2]) && x[3] == 3e38f && x[4] == 0);
        assert_true(y[0] == 0 && y[1] == INFINITY && isnan(y[2]) && y[3] == 3e38f && y[4] == 0);
    }
}

/* A bias is the same as adding it first; the residual comes after it. */
static void check_bias(const clade_kernels *table, const clade_kernels *portable, size_t width)
{
    (void)portable;
    size_t rows = rows_for(width), n = rows * width;
    start(n, 3);
    const float *bias = b.y;
    for (size_t i = 0; i < n; i++)
        b.expected[i] = b.x[i] + bias[i % width];
    memcpy(b.out, b.x, n * sizeof(float));
    table->bias_add(rows, width, bias, NULL, b.out);
    assert_same(table, n);
    table->bias_gelu(1, n, NULL, b.expected);
    memcpy(b.out, b.x, n * sizeof(float));
    table->bias_gelu(rows, width, bias, b.out);
    assert_same(table, n);
    for (size_t i = 0; i < n; i++)
        b.expected[i] = b.x[i] + bias[i % width];
    table->bias_quick_gelu(1, n, NULL, b.expected);
    memcpy(b.out, b.x, n * sizeof(float));
    table->bias_quick_gelu(rows, width, bias, b.out);
    assert_same(table, n);
    for (size_t i = 0; i < n; i++)
        b.expected[i] = (b.x[i] + bias[i % width]) + b.y[i];
    memcpy(b.out, b.x, n * sizeof(float));
    table->bias_add(rows, width, bias, b.y, b.out);
    assert_same(table, n);
}

static void test_bias(void **state)
{
    (void)state;
    for_every_table(check_bias, widths, WIDTHS);
}

static void test_choice(void **state)
{
    (void)state;
    size_t tables;
    const clade_kernels *const *table = clade_kernels_available(&tables);
    assert_ptr_equal(clade_kernels_best(), getenv("CLADE_KERNELS") ? clade_kernels_best() : table[tables - 1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_elementwise), cmocka_unit_test(test_reductions), cmocka_unit_test(test_first_nonfinite),
        cmocka_unit_test(test_layer_norm),  cmocka_unit_test(test_softmax),    cmocka_unit_test(test_softmax_special),
        cmocka_unit_test(test_activations), cmocka_unit_test(test_bias),       cmocka_unit_test(test_choice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
