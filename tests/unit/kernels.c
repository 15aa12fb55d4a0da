/* The vector kernels: every table this CPU can run against a plain reference, and its sums against the portable table's
 * bit by bit. Sizes are awkward on purpose: around the lane count and the stride of first_nonfinite. The 16-bit
 * conversions are in dtype.c. */
#include "near.h"

#include "clade/kernels.h"
#include "clade/rng.h"

enum { MOST = 5000 };

static const size_t sizes[] = {0, 1, 2, 3, 7, 15, 16, 17, 31, 33, 50, 63, 64, 96, 255, 256, 257, 768, 1000, 4099};

enum { SIZES = sizeof sizes / sizeof sizes[0] };

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

static void for_every_table(check run)
{
    size_t tables;
    const clade_kernels *const *table = clade_kernels_available(&tables);
    assert_string_equal(table[0]->name, "portable");
    for (size_t t = 0; t < tables; t++)
        for (size_t i = 0; i < SIZES; i++)
            run(table[t], table[0], sizes[i]);
}

static void start(size_t n, double range)
{
    fill(b.x, n, range, 1);
    fill(b.y, n, range, 2);
}

/* The reference's bits, and nothing written behind the end. */
static void check_normalise_u8(const clade_kernels *table, const clade_kernels *portable, size_t n)
{
    (void)portable;
    for (size_t i = 0; i < n; i++) {
        b.bytes[i] = (uint8_t)(i * 37);
        b.expected[i] = (float)b.bytes[i] / 255.0f * 2.5f + -0.75f;
    }
    b.out[n] = 12345.0f;
    table->normalise_u8(n, b.bytes, 2.5f, -0.75f, b.out);
    if (memcmp(b.out, b.expected, n * sizeof b.out[0]) != 0)
        fail_msg("%s differs from the reference, n = %zu", table->name, n);
    assert_true(b.out[n] == 12345.0f);
}

static void test_normalise_u8(void **state)
{
    (void)state;
    for_every_table(check_normalise_u8);
}

static void check_reductions(const clade_kernels *table, const clade_kernels *portable, size_t n)
{
    start(n, 3);
    double dot = 0, sum_abs = 0;
    for (size_t i = 0; i < n; i++) {
        dot += (double)b.x[i] * (double)b.y[i];
        sum_abs += fabs((double)b.x[i]);
    }
    double slack = 1e-15 * 9 * (double)(n + 1);
    assert_near(table->dot(n, b.x, b.y), dot, slack);
    assert_near(table->sum_abs(n, b.x), sum_abs, slack);
    assert_true(table->dot(n, b.x, b.y) == portable->dot(n, b.x, b.y));
    assert_true(table->sum_abs(n, b.x) == portable->sum_abs(n, b.x));
}

static void test_reductions(void **state)
{
    (void)state;
    for_every_table(check_reductions);
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
    for_every_table(check_first_nonfinite);
}

/* The task-vector pipeline's kernels against their definitions, bit by bit. */
static double deltas[MOST + 1], votes[MOST + 1], weights[MOST + 1];
static uint64_t draws[MOST + 1];
static uint32_t keys[MOST + 1];

static uint32_t magnitude(size_t i)
{
    float difference = fabsf(b.x[i] - b.y[i]);
    uint32_t bits;
    memcpy(&bits, &difference, sizeof bits);
    return bits;
}

static void start_deltas(const clade_kernels *table, size_t n)
{
    clade_rng rng = clade_rng_seeded(1, 2);
    start(n, 2);
    clade_rng_fill(&rng, n, draws);
    for (size_t i = 0; i < n; i += 5)
        b.y[i] = b.x[i];
    deltas[n] = weights[n] = 12345;
    table->delta(n, b.x, b.y, 0.7, deltas);
    for (size_t i = 0; i < n; i++) {
        assert_true(deltas[i] == 0.7 * ((double)b.x[i] - (double)b.y[i]));
        votes[i] = i % 3 == 0 ? -1e-300 : i % 7 == 0 ? 0 : -deltas[i];
    }
}

static void check_deltas(const clade_kernels *table, const clade_kernels *portable, size_t n)
{
    (void)portable;
    start_deltas(table, n);
    table->delta_keys(n, b.x, b.y, 0x7fffffff, keys);
    for (size_t i = 0; i < n; i++)
        assert_true(keys[i] == (magnitude(i) ^ 0x7fffffff));
    uint32_t low = n ? magnitude(n / 2) : 0, high = n ? magnitude(n / 3) : 0;
    table->delta_between(n, b.x, b.y, (int32_t)low, (int32_t)high, 0.7, weights);
    for (size_t i = 0; i < n; i++)
        assert_true(weights[i] == (magnitude(i) >= low && magnitude(i) <= high ? deltas[i] : 0));
    const uint64_t threshold = clade_rng_threshold(0.3);
    memcpy(weights, deltas, n * sizeof weights[0]);
    table->keep_below(n, draws, threshold, weights);
    for (size_t i = 0; i < n; i++)
        assert_true(weights[i] == (draws[i] >> 11 < threshold ? deltas[i] : 0));
    static uint64_t bits[MOST / 64 + 2];
    bits[n / 64 + 1] = 12345;
    table->pack_nonzero(n, weights, bits);
    for (size_t i = 0; i < n; i++)
        assert_true((bits[i / 64] >> i % 64 & 1) == (weights[i] != 0));
    memcpy(weights, deltas, n * sizeof weights[0]);
    table->keep_bits(n, bits, weights);
    for (size_t i = 0; i < n; i++)
        assert_true(weights[i] == (draws[i] >> 11 < threshold ? deltas[i] : 0));
    assert_true(bits[n / 64 + 1] == 12345);
    for (int divide = 0; divide < 2; divide++) {
        memcpy(weights, deltas, n * sizeof weights[0]);
        table->keep_ranked(n, draws, keys, 0.9, -0.4e-9, divide, weights);
        for (size_t i = 0; i < n; i++) {
            double p = 0.9 + -0.4e-9 * (double)keys[i];
            bool kept = (double)(draws[i] >> 11) * 0x1p-53 < p;
            assert_true(weights[i] == (!kept ? 0 : divide ? deltas[i] / p : deltas[i]));
        }
    }
    assert_true(deltas[n] == 12345 && weights[n] == 12345);
}

static void check_merges(const clade_kernels *table, const clade_kernels *portable, size_t n)
{
    static double sum[MOST + 1];
    (void)portable;
    start_deltas(table, n);
    for (size_t i = 0; i < n; i++)
        sum[i] = weights[i] = (double)i;
    table->add_agreeing(n, deltas, votes, 0.4, sum, weights);
    for (size_t i = 0; i < n; i++) {
        bool agrees = votes[i] >= 0 ? deltas[i] > 0 : deltas[i] < 0;
        assert_true(sum[i] == (double)i + (agrees ? deltas[i] : 0));
        assert_true(weights[i] == (double)i + (agrees ? 0.4 : 0));
    }
    memcpy(weights, deltas, n * sizeof weights[0]);
    table->add(n, votes, weights);
    for (size_t i = 0; i < n; i++)
        assert_true(weights[i] == deltas[i] + votes[i]);
    memcpy(weights, deltas, n * sizeof weights[0]);
    table->divide(n, votes, weights);
    for (size_t i = 0; i < n; i++)
        assert_true(weights[i] == (votes[i] == 0 ? deltas[i] : deltas[i] / votes[i]));
    for (size_t i = 0; i < n; i++) {
        b.y[i] = i % 2 ? -0.0f : b.y[i];
        b.expected[i] = deltas[i] == 0 ? b.y[i] : (float)((double)b.y[i] + 0.3 * deltas[i]);
    }
    b.out[n] = 12345;
    table->add_to_base(n, b.y, deltas, 0.3, b.out);
    assert_memory_equal(b.out, b.expected, n * sizeof(float));
    table->add_to_base(n, b.y, deltas, 0, b.out);
    assert_memory_equal(b.out, b.y, n * sizeof(float));
    assert_true(b.out[n] == 12345);
}

static void test_task_vectors(void **state)
{
    (void)state;
    for_every_table(check_deltas);
    for_every_table(check_merges);
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
        cmocka_unit_test(test_normalise_u8), cmocka_unit_test(test_reductions), cmocka_unit_test(test_first_nonfinite),
        cmocka_unit_test(test_task_vectors), cmocka_unit_test(test_choice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
