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

/* The kernels of task vectors against their definitions, bit by bit. */
static uint32_t keys[MOST + 1], draws[MOST + 1];
static uint64_t bits[2][MOST / 64 + 2], bounds[MOST + 1];
static uint16_t buckets[MOST + 1];

static uint32_t magnitude(size_t i)
{
    float difference = fabsf(b.x[i] - b.y[i]);
    uint32_t key;
    memcpy(&key, &difference, sizeof key);
    return key;
}

static void start_deltas(size_t n)
{
    clade_rng rng = clade_rng_seeded(1, 2);
    start(n, 2);
    for (size_t i = 0; i < n; i++)
        draws[i] = (uint32_t)clade_rng_next(&rng);
    for (size_t i = 0; i < n; i += 5)
        b.y[i] = b.x[i];
    bits[0][(n + 63) / 64] = bits[1][(n + 63) / 64] = 12345;
}

static bool bit(const uint64_t *of, size_t i)
{
    return of[i / 64] >> i % 64 & 1;
}

/* Nothing behind the last element is set, nor another word written. */
static void check_end(const uint64_t *of, size_t n)
{
    assert_true(n % 64 == 0 || of[n / 64] >> n % 64 == 0);
    assert_true(of[(n + 63) / 64] == 12345);
}

static void check_keys(const clade_kernels *table, const clade_kernels *portable, size_t n)
{
    const clade_sparse_kernels *sparse = table->sparse;
    size_t below = 0;
    (void)portable;
    start_deltas(n);
    sparse->delta_keys(n, b.x, b.y, 0x7fffffff, keys);
    uint32_t low = n ? keys[n / 2] : 0, span = n && keys[n / 3] > low ? keys[n / 3] - low + 1 : 1;
    for (size_t i = 0; i < n; i++) {
        assert_true(keys[i] == (magnitude(i) ^ 0x7fffffff));
        below += keys[i] < low;
    }
    assert_int_equal(sparse->find_keys(n, b.x, b.y, 0x7fffffff, low, span, bits[0]), below);
    assert_int_equal(sparse->count_smaller(n, keys, low), below);
    for (size_t i = 0; i < n; i++)
        assert_true(bit(bits[0], i) == (keys[i] >= low && keys[i] - low < span));
    check_end(bits[0], n);
    for (size_t i = 0; i < n; i++)
        keys[i] ^= 0x7fffffff;
    size_t count = sparse->bucket_keys(n, keys, buckets);
    assert_in_range(count, 1, CLADE_KEY_BUCKETS);
    for (size_t i = 0; i + 7 < n; i++) {
        assert_true(buckets[i] < count);
        assert_true(keys[i] > keys[i + 7] ? buckets[i] >= buckets[i + 7] : buckets[i] <= buckets[i + 7]);
        assert_true(keys[i] == keys[i + 7] || buckets[i] + buckets[i + 7] == 0 || n < 50 ||
                    keys[i] >> 18 == keys[i + 7] >> 18 || buckets[i] != buckets[i + 7]);
    }
}

static void check_masks(const clade_kernels *table, const clade_kernels *portable, size_t n)
{
    const clade_sparse_kernels *sparse = table->sparse;
    clade_pcg32 one = clade_pcg32_seeded(42, n), bulk = one;
    (void)portable;
    start_deltas(n);
    for (int again = 0; again < 2; again++) {
        sparse->fill_pcg32(n, &bulk, keys);
        for (size_t i = 0; i < n; i++)
            assert_true(keys[i] == clade_pcg32_next(&one));
        assert_true(one.state == bulk.state && one.increment == bulk.increment);
    }
    sparse->bits_below(n, draws, 0x40000000, bits[0]);
    for (size_t i = 0; i < n; i++)
        assert_true(bit(bits[0], i) == (draws[i] < 0x40000000));
    check_end(bits[0], n);
    for (size_t i = 0; i < n; i++) {
        uint32_t low = i % 3 ? keys[i] : draws[i], high = i % 7 ? keys[i / 2] : draws[i];
        bounds[i] = (uint64_t)(high > low ? high : low) << 32 | (high > low ? low : high);
    }
    sparse->bits_between(n, draws, bounds, bits[0], bits[1]);
    for (size_t i = 0; i < n; i++) {
        uint32_t low = (uint32_t)bounds[i], high = (uint32_t)(bounds[i] >> 32);
        assert_true(bit(bits[0], i) == (draws[i] < low));
        assert_true(bit(bits[1], i) == (draws[i] >= low && draws[i] < high));
    }
    check_end(bits[0], n);
    check_end(bits[1], n);
}

static void check_sum_kept(const clade_kernels *table, const clade_kernels *portable, size_t n)
{
    double before[2][CLADE_KEPT_LANES] = {{1}, {1}}, after[2][CLADE_KEPT_LANES] = {{2}, {2}};
    (void)portable;
    start_deltas(n);
    table->sparse->bits_below(n, draws, 0x90000000, bits[0]);
    for (size_t i = 0; i < n; i++) {
        double difference = fabs((double)b.x[i] - (double)b.y[i]);
        before[0][i % CLADE_KEPT_LANES] += difference;
        after[0][i % CLADE_KEPT_LANES] += draws[i] < 0x90000000 ? difference : 0;
    }
    table->sparse->sum_kept(n, b.x, b.y, bits[0], before[1], after[1]);
    assert_memory_equal(before[0], before[1], sizeof before[0]);
    assert_memory_equal(after[0], after[1], sizeof after[0]);
}

enum { ROWS = 3 };

static double row_value(const clade_sparse_row *row, size_t i)
{
    float difference = fabsf(row->x[i] - b.y[i]);
    int32_t key;
    memcpy(&key, &difference, sizeof key);
    if (row->y)
        return row->y[i];
    bool kept = row->bits ? bit(row->bits, i) : key >= row->low && key <= row->high;
    return kept ? row->factor * ((double)row->x[i] - (double)b.y[i]) : 0;
}

static float merged(const clade_sparse_merge *merge, size_t i)
{
    double y[ROWS], votes = 0, D = 0, W = 0;
    for (size_t r = 0; r < ROWS; r++)
        votes += y[r] = row_value(&merge->rows[r], i);
    for (size_t r = 0; r < ROWS; r++) {
        bool agrees = votes >= 0 ? y[r] > 0 : y[r] < 0;
        if (merge->sum == CLADE_SUM_LARGEST && agrees && fabs(y[r]) > fabs(D)) {
            D = y[r];
            W = merge->rows[r].weight;
        } else if (merge->sum != CLADE_SUM_LARGEST && (agrees || merge->sum == CLADE_SUM_ALL)) {
            D += y[r];
            W += merge->rows[r].weight;
        }
    }
    W = merge->sum == CLADE_SUM_ALL ? merge->weights : W;
    D = merge->normalize ? D / (W == 0 ? 1 : W) : D;
    return merge->lambda * D == 0 ? b.y[i] : (float)((double)b.y[i] + merge->lambda * D);
}

/* Rows of all kinds, every sum; every third base is -0, and some elements are nobody's. */
static void check_merge(const clade_kernels *table, const clade_kernels *portable, size_t n)
{
    static float third[MOST];
    static double y[MOST];
    (void)portable;
    start_deltas(n);
    for (size_t i = 0; i < n; i++) {
        b.y[i] = i % 3 ? b.y[i] : -0.0f;
        third[i] = i % 2 ? -b.x[i] : b.y[i];
        b.x[i] = i % 4 ? b.x[i] : b.y[i];
        y[i] = i % 5 ? 0 : 0.25 * (double)third[i];
    }
    table->sparse->bits_below(n, draws, 0x90000000, bits[0]);
    for (int c = 0; c < 3 * 2 * 2 * 2; c++) {
        clade_sparse_row rows[ROWS] = {{.x = b.x, .factor = 0.7, .low = 0x3f000000, .high = INT32_MAX, .weight = 0.7},
                                       {.x = third, .factor = -0.4, .bits = bits[0], .weight = -0.4},
                                       {.x = third, .factor = 1.5, .low = 0, .high = INT32_MAX, .weight = 1.5}};
        rows[2].y = c & 1 ? y : NULL;
        clade_sparse_merge merge = {.n_rows = ROWS,
                                    .rows = rows,
                                    .sum = (clade_sparse_sum)(c / 8),
                                    .normalize = c & 2,
                                    .weights = 1.8,
                                    .lambda = c & 4 ? 0.3 : 0};
        for (size_t i = 0; i < n; i++)
            b.expected[i] = merged(&merge, i);
        b.out[n] = 12345;
        table->sparse->merge_sparse(n, &merge, b.y, b.out);
        assert_memory_equal(b.out, b.expected, n * sizeof(float));
        assert_true(b.out[n] == 12345);
    }
}

static void test_task_vectors(void **state)
{
    (void)state;
    for_every_table(check_keys);
    for_every_table(check_masks);
    for_every_table(check_sum_kept);
    for_every_table(check_merge);
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
